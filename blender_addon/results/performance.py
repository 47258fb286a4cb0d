"""A performance: an action on shape keys, with head, eyes and jaw on bones or objects where they exist."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import bpy
from mathutils import Matrix, Quaternion, Vector

from likeness_client import forms

from .. import animation, faces, fields
from ..errors import Trouble
from . import Landing

# What a rotation may be called on a rig; `animation.plain` spellings.
PARTS = {
    "Head": ("head",),
    "LeftEye": ("lefteye", "eyeleft"),
    "RightEye": ("righteye", "eyeright"),
}
# The performance's axes are X to the character's left, Y up, Z out of the face; a character in Blender
# stands upright in Z and looks along -Y.
TO_BLENDER = Matrix(((1, 0, 0), (0, 0, -1), (0, 1, 0)))

# The property of a bone that says how it goes along with shapes.
FOLLOWS = "follows"

SHORT = 6

Curves = dict[str, list[float]]


def bring_in(scene: Any, result: dict[str, Any], landing: Landing) -> list[str]:
    """Bring a performance in on the target's shape keys, else on face sliders."""
    try:
        columns, rows, fps = forms.read_performance(result["path"])
    except ValueError as error:
        raise Trouble(str(error)) from None
    curves = {column: [row[i] for row in rows] for i, column in enumerate(columns)}
    rate = scene.render.fps / scene.render.fps_base
    step = 1.0 if landing.by_frame else rate / fps
    frames = [landing.start + i * step for i in range(len(rows))]
    target = bpy.data.objects.get(landing.target) if landing.target else None
    if target is not None and _keys(target) is not None:
        return _on_mesh(target, frames, curves, landing)
    face = next((f for f in (target, bpy.data.objects.get(landing.face)) if faces.has_face(f)), None)
    if face is None:
        raise Trouble(_nowhere(target))
    _on_sliders(face, frames, curves, landing)
    return []


def _nowhere(target: Any) -> str:
    again = "and bring the result in again."
    if target is None:
        return f"There is no mesh for the performance; select one with shape keys such as jawOpen {again}"
    if target.type != "MESH":
        return f"'{target.name}' is no mesh; select one with shape keys such as jawOpen {again}"
    return f"'{target.name}' has no shape keys; add some with names such as jawOpen {again}"


def _keys(target: Any) -> Any:
    return target.data.shape_keys if target.type == "MESH" else None


def _on_mesh(target: Any, frames: Sequence[float], curves: Curves, landing: Landing) -> list[str]:
    keys = _keys(target)
    blocks = {animation.plain(block.name): block for block in keys.key_blocks[1:]}
    shapes = {name: curve for name, curve in curves.items() if not _is_rotation(name)}
    found = {name: blocks[animation.plain(name)] for name in shapes if animation.plain(name) in blocks}
    if not found:
        raise Trouble(
            f"'{target.name}' has no shape key of the performance; "
            f"name them as ARKit does, such as {next(iter(shapes), 'jawOpen')}."
        )
    action = animation.begin(keys, f"{landing.label} {target.name}")
    for name, block in found.items():
        values = [value * landing.retarget for value in shapes[name]]
        block.slider_min, block.slider_max = (
            min(block.slider_min, *values),
            max(block.slider_max, *values),
        )
        path = f'key_blocks["{bpy.utils.escape_identifier(block.name)}"].value'
        animation.add_curve(action, keys, path, frames, values, group="Shapes")
    _turn_rig(target, frames, curves, landing)
    missing = [name for name in shapes if name not in found]
    return _missing(target, missing, landing) if missing else []


def _missing(target: Any, names: list[str], landing: Landing) -> list[str]:
    """What the mesh has no shape for; a long list goes into a text block."""
    if len(names) <= SHORT:
        return [f"'{target.name}' has no shape key for {', '.join(names)}."]
    text = bpy.data.texts.new(f"{landing.label} missing shapes")
    text.write(f"'{target.name}' has no shape key for:\n" + "\n".join(names) + "\n")
    shown, more = ", ".join(names[:SHORT]), len(names) - SHORT
    return [
        f"'{target.name}' has no shape key for {shown} and {more} more; the text '{text.name}' lists them."
    ]


def _on_sliders(face: Any, frames: Sequence[float], curves: Curves, landing: Landing) -> None:
    data = face.animation_data
    # The motion of a tracked head is an action of the same object, and stays.
    action = data.action if data is not None and data.action is not None else None
    action = action or animation.begin(face, f"{landing.label} {face.name}")
    known = {animation.plain(column): fields.attribute(column) for column in faces.columns()}
    faces.clear_curves(face, action)
    for name, values in curves.items():
        slider = known.get(animation.plain(name))
        if slider is not None:
            scaled = [value * landing.retarget for value in values]
            path = f"{faces.SLIDERS}.{slider}"
            animation.add_curve(action, face, path, frames, scaled, group="Face")


def _is_rotation(name: str) -> bool:
    return any(name == f"{part}{angle}" for part in PARTS for angle in ("Yaw", "Pitch", "Roll"))


def _turn_rig(target: Any, frames: Sequence[float], curves: Curves, landing: Landing) -> None:
    """Head and eyes on the bones of the mesh's armature, else on objects of those names below it."""
    for part, names in PARTS.items():
        curve = [curves.get(f"{part}{angle}") for angle in ("Yaw", "Pitch", "Roll")]
        moved = next(_movers(target, names), None)
        if moved is None or not any(curve):
            continue
        rest = [0.0] * len(frames)
        rows = zip(*(each or rest for each in curve), strict=True)
        turns = [_scaled(_turn(*row), landing.retarget) for row in rows]
        _key_motion(*moved, frames, turns, None, landing)
    for armature in filter(None, [_armature(target)]):
        for bone in armature.pose.bones:
            if FOLLOWS in bone:
                _key_motion(armature, bone, frames, *_followed(bone, len(frames), curves, landing), landing)


def _followed(
    bone: Any, count: int, curves: Curves, landing: Landing
) -> tuple[list[Quaternion], list[Vector]]:
    """How a bone goes along with shapes, as its model says: by shape a turn, axis times radians, and a move.

    The shapes move the face; the bone carries what hangs on it.
    """
    turns, moves = [Vector() for _ in range(count)], [Vector() for _ in range(count)]
    for shape, along in bone[FOLLOWS].items():
        for i, weight in enumerate(curves.get(shape, ())):
            turns[i] += landing.retarget * weight * Vector(along[:3])
            moves[i] += landing.retarget * weight * Vector(along[3:])
    return [Quaternion(turn.normalized(), turn.length) for turn in turns], moves


def _turn(yaw: float, pitch: float, roll: float) -> Quaternion:
    """Roll first, then pitch, then yaw, about Z, X and Y of the head."""
    return Quaternion((0, 1, 0), yaw) @ Quaternion((1, 0, 0), pitch) @ Quaternion((0, 0, 1), roll)


def _scaled(turn: Quaternion, strength: float) -> Quaternion:
    axis, angle = turn.to_axis_angle()
    return Quaternion(axis, angle * strength)


def _movers(target: Any, names: Sequence[str]) -> Iterator[tuple[Any, Any]]:
    """Bones first, as (armature, pose bone); then objects, as (object, None)."""
    armature = _armature(target)
    if armature is not None:
        for bone in armature.pose.bones:
            if animation.plain(bone.name) in names:
                yield armature, bone
    for child in (*target.children_recursive, *_ancestors(target)):
        if child != target and animation.plain(child.name.split(".")[0]) in names:
            yield child, None


def _armature(target: Any) -> Any:
    return target.find_armature() or (target.parent if _is_armature(target.parent) else None)


def _is_armature(found: Any) -> bool:
    return found is not None and found.type == "ARMATURE"


def _ancestors(found: Any) -> Iterator[Any]:
    while found.parent is not None:
        found = found.parent
        yield found


def _key_motion(
    owner: Any,
    bone: Any,
    frames: Sequence[float],
    turns: Sequence[Quaternion],
    moves: Sequence[Vector] | None,
    landing: Landing,
) -> None:
    """Keys for the rotation of a bone, or of an object from where it stands now, and for a bone's moves."""
    moved = bone or owner
    if bone is not None:
        space = owner.matrix_world.to_3x3().normalized() @ bone.bone.matrix_local.to_3x3()
        still = Quaternion()
    else:
        parent = owner.parent.matrix_world if owner.parent is not None else Matrix.Identity(4)
        space = (parent @ owner.matrix_parent_inverse).to_3x3().normalized()
        still = owner.matrix_basis.to_quaternion()
    axes = (space.inverted() @ TO_BLENDER).to_quaternion()
    keyed: list[Quaternion] = []
    for turn in turns:
        local = axes @ turn @ axes.inverted() @ still
        if keyed and keyed[-1].dot(local) < 0:
            local.negate()
        keyed.append(local)
    moved.rotation_mode = "QUATERNION"
    data = owner.animation_data
    action = data.action if data is not None and data.action is not None else None
    action = action or animation.begin(owner, f"{landing.label} {owner.name}")
    channels: dict[str, Sequence[Any]] = {"rotation_quaternion": keyed}
    if moves is not None:
        channels["location"] = [axes @ move for move in moves]
    for name, rows in channels.items():
        path = moved.path_from_id(name) if bone is not None else name
        animation.clear_curve(action, owner, path)
        for index in range(len(rows[0])):
            values = [row[index] for row in rows]
            animation.add_curve(action, owner, path, frames, values, index, group=moved.name)
