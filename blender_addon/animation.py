"""Curves of actions: made from a performance, and read back as one."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import bpy

from .versions import curve_collections, fcurves, new_fcurve

_LINEAR = 1


def plain(name: str) -> str:
    """A curve's name without spelling: `eyeBlink_L`, `EyeBlinkLeft` and `eye blink left` are one."""
    name = re.sub(r"[_ .]+l$", "left", name.strip().lower())
    name = re.sub(r"[_ .]+r$", "right", name)
    return re.sub(r"[^a-z0-9]", "", name)


def begin(owner: Any, name: str) -> Any:
    """A new action of `owner`; one that it had is kept in the file."""
    data = owner.animation_data or owner.animation_data_create()
    if data.action is not None:
        data.action.use_fake_user = True
    data.action = bpy.data.actions.new(name)
    return data.action


def add_curve(
    action: Any,
    owner: Any,
    data_path: str,
    frames: Sequence[float],
    values: Iterable[float],
    index: int = 0,
    group: str = "",
) -> Any:
    """A curve with a key on every frame, straight between them."""
    curve = new_fcurve(action, owner, data_path, index, group)
    points = curve.keyframe_points
    points.add(len(frames))
    points.foreach_set("co", [number for key in zip(frames, values, strict=True) for number in key])
    points.foreach_set("interpolation", [_LINEAR] * len(frames))
    curve.update()
    return curve


def curve_name(data_path: str) -> str:
    """What a curve moves: the last quoted name of its path, else the last attribute."""
    quoted = re.findall(r'\["((?:[^"\\]|\\.)*)"\]', data_path)
    return quoted[-1] if quoted else data_path.rpartition(".")[2]


def performance_of(action: Any, columns: Sequence[str], frames: tuple[int, int]) -> list[list[float]] | None:
    """One row of `columns` for each frame, from the curves of those names; None if there is none."""
    by_name = {plain(curve_name(curve.data_path)): curve for curve in fcurves(action)}
    found = [by_name.get(plain(column)) for column in columns]
    if not any(found):
        return None
    first, last = frames
    return [
        [0.0 if curve is None else curve.evaluate(frame) for curve in found]
        for frame in range(first, last + 1)
    ]


def key_transform(moved: Any, name: str, frames: Sequence[float], matrices: Sequence[Any]) -> None:
    """Keys for location and rotation from matrices below the parent; the scale is that of the first."""
    moved.rotation_mode = "QUATERNION"
    places, turns = [], []
    for matrix in matrices:
        place, turn, scale = matrix.decompose()
        if turns and turns[-1].dot(turn) < 0:
            turn.negate()
        places.append(place)
        turns.append(turn)
        moved.scale = scale if len(turns) == 1 else moved.scale
    action = begin(moved, name)
    for data_path, values, size in (("location", places, 3), ("rotation_quaternion", turns, 4)):
        for index in range(size):
            add_curve(action, moved, data_path, frames, [value[index] for value in values], index, name)


def clear_curve(action: Any, owner: Any, data_path: str) -> None:
    """Take every curve of that path of `owner` out of its action."""
    for curves in curve_collections(action, owner):
        for curve in [each for each in curves if each.data_path == data_path]:
            curves.remove(curve)
