"""The skeleton of a person: joints, weights, poses at rest, and what other programs call the joints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from likeness.face.frame import between
from likeness.human.body import Body
from likeness.human.character import Float, Naming, Pose, Skeleton

JAW, EYES = "jaw", ("eye_l", "eye_r")
_ARM_DROP = {"A": np.radians(45.0), "T": 0.0}
_STRAIGHT = {"upperarm": "lowerarm", "lowerarm": "hand", "hand": "middle_01"}  # a bone and where it points


def make_skeleton(body: Body, points: Mapping[str, Float], jaw: Float, eyes: Float) -> Skeleton:
    """The joints of a body with those of its face; `points` as `Body.shape` gives them, `eyes` (2, 3)."""
    names = (*body.joint_names, JAW, *EYES)
    head = body.joint_names.index("head")
    positions = [points[name] for name in body.joint_points]
    return Skeleton(
        names, (*body.joint_parents, head, head, head), np.array([*positions, jaw, *eyes], np.float32)
    )


def renamed(skeleton: Skeleton, naming: Naming) -> Skeleton:
    """The same skeleton in another program's words."""
    words = bone_names()[naming]
    follows = {words[name]: shapes for name, shapes in skeleton.follows.items()}
    return replace(skeleton, names=tuple(words[name] for name in skeleton.names), follows=follows)


@lru_cache(maxsize=1)
def bone_names() -> dict[str, dict[str, str]]:
    """By naming: every joint's name by the house's own, which is Unreal's but for the root."""
    table = json.loads((files("likeness.human") / "bones.json").read_text("utf-8"))
    if set(table) != set(get_args(Naming)):
        raise ValueError(f"bones.json has {sorted(table)}, not {get_args(Naming)}")
    return dict(table)


def rest_rotations(skeleton: Skeleton, pose: Pose) -> Float:
    """How every joint turns (J, 3, 3), in body space, from the modeled stance to a pose at rest.

    The arms become straight, level in T and 45 degrees down in A, palms facing down and inward.
    """
    drop = _ARM_DROP[pose]
    turns = np.tile(np.eye(3), (len(skeleton.names), 1, 1))
    for i, (name, parent) in enumerate(zip(skeleton.names, skeleton.parents, strict=True)):
        if parent >= 0:
            turns[i] = turns[parent]
        bone, _, side = name.rpartition("_")
        if bone in _STRAIGHT:
            end = skeleton.index(f"{_STRAIGHT[bone]}_{side}")
            along = turns[i] @ (skeleton.positions[end] - skeleton.positions[i]).astype(float)
            out = 1.0 if side == "l" else -1.0
            wanted = np.array([out * np.cos(drop), -np.sin(drop), 0.0])
            turns[i] = between(along, wanted) @ turns[i]
    return np.asarray(turns, np.float32)


def moved(skeleton: Skeleton, turns: Float) -> Skeleton:
    """The skeleton with every joint turned by `turns` (J, 3, 3), in body space, about itself."""
    out = skeleton.positions.copy()
    for i, parent in enumerate(skeleton.parents):
        if parent >= 0:
            out[i] = out[parent] + turns[parent] @ (skeleton.positions[i] - skeleton.positions[parent])
    return replace(skeleton, positions=out)


def skinned(
    points: Float, joints: NDArray[np.integer], weights: Float, skeleton: Skeleton, turns: Float
) -> Float:
    """Points (N, 3) bound by `joints` and `weights` (N, 4), moved by joints that turn."""
    after = moved(skeleton, turns).positions
    shift = after - np.einsum("jab,jb->ja", turns, skeleton.positions)
    out = np.zeros_like(points)
    for k in range(4):
        rotation = turns[joints[:, k]]
        out += weights[:, k, None] * (np.einsum("nab,nb->na", rotation, points) + shift[joints[:, k]])
    return out


def rigid(points: Float, offsets: Float) -> tuple[Float, Float]:
    """The turn (3,), axis times radians, and the move (3,) that best take points (N, 3) by their offsets."""
    start, end = points.mean(0), (points + offsets).mean(0)
    turn = Rotation.align_vectors(points + offsets - end, points - start)[0]
    return turn.as_rotvec().astype(np.float32), (end - turn.apply(start)).astype(np.float32)


def pruned(weights: NDArray[np.floating]) -> tuple[NDArray[np.uint16], Float]:
    """The four largest of weights (N, J) as joints (N, 4) and weights (N, 4) that sum to 1."""
    joints = np.argsort(-weights, axis=1, kind="stable")[:, :4]
    kept = np.take_along_axis(weights, joints, 1).astype(np.float64)
    kept[kept < 0.004] = 0
    kept /= kept.sum(1, keepdims=True)
    return np.where(kept > 0, joints, 0).astype(np.uint16), kept.astype(np.float32)
