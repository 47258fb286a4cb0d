"""The face sliders of objects, as data: which curves there are, who has them, what they are over time."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from . import animation, fields, schemas
from .versions import fcurves

SLIDERS = "likeness_face"
HAS = "likeness_has_face"


def columns() -> tuple[str, ...]:
    """Every curve that an effect takes, each once, in the order of the declarations."""
    named = [c for effect in schemas.known() for given in effect["inputs"] for c in given["columns"]]
    return tuple(dict.fromkeys(named))


def has_face(found: Any) -> bool:
    """Whether an object was given face sliders."""
    return found is not None and bool(getattr(found, HAS))


def give_face(found: Any) -> None:
    """Show the sliders of an object."""
    setattr(found, HAS, True)


def find_face(found: Any, context_object: Any, scene: Any) -> Any:
    """The object that was picked, else the active one, else the only one of the scene with sliders."""
    for candidate in (found, context_object):
        if has_face(candidate):
            return candidate
    faces = [each for each in scene.objects if has_face(each)]
    return faces[0] if len(faces) == 1 else None


def curves(found: Any, wanted: tuple[str, ...], scene: Any, frames: tuple[int, int]) -> list[list[float]]:
    """One row of `wanted` for each frame of the scene from first to last.

    Keyed sliders are read from their curves. Drivers and the nonlinear animation editor need the whole
    scene evaluated at every frame, so that is done only where there are some.
    """
    first, last = frames
    names = [fields.attribute(column) for column in wanted]
    data = found.animation_data
    if data is not None and (data.drivers or data.nla_tracks):
        return _evaluated(found, names, scene, frames)
    keyed = {} if data is None or data.action is None else _keyed(data.action)
    group = getattr(found, SLIDERS)
    held = {name: getattr(group, name) for name in names}
    return [
        [keyed[name].evaluate(frame) if name in keyed else held[name] for name in names]
        for frame in range(first, last + 1)
    ]


def _keyed(action: Any) -> dict[str, Any]:
    prefix = f"{SLIDERS}."
    return {c.data_path[len(prefix) :]: c for c in fcurves(action) if c.data_path.startswith(prefix)}


def _evaluated(found: Any, names: list[str], scene: Any, frames: tuple[int, int]) -> list[list[float]]:
    present, rows = scene.frame_current, []
    try:
        for frame in range(frames[0], frames[1] + 1):
            scene.frame_set(frame)
            group = getattr(found, SLIDERS)
            rows.append([getattr(group, name) for name in names])
    finally:
        scene.frame_set(present)
    return rows


def clear_curves(found: Any, action: Any) -> None:
    """Take the sliders' keys out of an action."""
    for column in columns():
        animation.clear_curve(action, found, f"{SLIDERS}.{fields.attribute(column)}")
