"""A performance on a person: curves of face shapes, and turns of neck, head and eyes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from likeness.human.character import Animation, Float, Naming
from likeness.human.skeleton import EYES, bone_names
from likeness.performance import ARKIT, Performance, rotations

NECK = 0.4  # of the head's turn; the head takes the rest


def perform(performance: Performance, naming: Naming) -> Animation:
    """The motion of a person whose joints are named so, frame by frame at the performance's rate."""
    words = bone_names()[naming]
    head = Rotation.from_matrix(rotations(performance.head))
    # The jaw's shape moves jaw, teeth and tongue, so the jaw's joint rests.
    turns = {
        words["neck_01"]: _quaternions(_part_of(head, NECK)),
        words["head"]: _quaternions(_part_of(head, 1 - NECK)),
    }
    for side, eye in enumerate(EYES):
        turns[words[eye]] = _quaternions(Rotation.from_matrix(rotations(performance.eyes[:, side])))
    weights = np.asarray(performance.weights, np.float32)
    return Animation(performance.fps, ARKIT, weights, turns)


def _part_of(turn: Rotation, share: float) -> Rotation:
    return Rotation.from_rotvec(share * turn.as_rotvec())


def _quaternions(turn: Rotation) -> Float:
    """Unit quaternions (F, 4) x, y, z, w, each on the side of the one before it."""
    out: NDArray[np.float64] = turn.as_quat()
    flips = np.cumsum(np.einsum("fc,fc->f", out[1:], out[:-1]) < 0) % 2
    out[1:] *= np.where(flips, -1.0, 1.0)[:, None]
    return out.astype(np.float32)
