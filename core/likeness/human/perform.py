"""A performance on a person: curves of face shapes, and turns of neck, head, eyes and jaw.

The shapes move skin, teeth and tongue, whatever plays them. The jaw's joint goes along with them and so
carries what hangs on it; where a level of detail has no shapes, it moves the face itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from likeness.human.character import Animation, Float, Naming, Skeleton
from likeness.human.skeleton import EYES, bone_names
from likeness.performance import ARKIT, Performance, rotations

NECK = 0.4  # of the head's turn; the head takes the rest


def perform(performance: Performance, skeleton: Skeleton, naming: Naming) -> Animation:
    """The motion of a skeleton whose joints are named so, frame by frame at the performance's rate."""
    words = bone_names()[naming]
    head = Rotation.from_matrix(rotations(performance.head))
    turns = {
        words["neck_01"]: _quaternions(_part_of(head, NECK)),
        words["head"]: _quaternions(_part_of(head, 1 - NECK)),
    }
    for side, eye in enumerate(EYES):
        turns[words[eye]] = _quaternions(Rotation.from_matrix(rotations(performance.eyes[:, side])))
    weights = np.asarray(performance.weights, np.float32)
    moves = {}
    for joint, shapes in skeleton.follows.items():
        along = weights[:, [ARKIT.index(name) for name in shapes]]
        turn, move = (along @ np.stack(each) for each in zip(*shapes.values(), strict=True))
        turns[joint], moves[joint] = _quaternions(Rotation.from_rotvec(turn)), move
    return Animation(performance.fps, ARKIT, weights, turns, moves)


def _part_of(turn: Rotation, share: float) -> Rotation:
    return Rotation.from_rotvec(share * turn.as_rotvec())


def _quaternions(turn: Rotation) -> Float:
    """Unit quaternions (F, 4) x, y, z, w, each on the side of the one before it."""
    out: NDArray[np.float64] = turn.as_quat()
    flips = np.cumsum(np.einsum("fc,fc->f", out[1:], out[:-1]) < 0) % 2
    out[1:] *= np.where(flips, -1.0, 1.0)[:, None]
    return out.astype(np.float32)
