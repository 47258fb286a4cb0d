"""What expression found points most likely show, and how the head is turned: the prior of every fit.

Points that a network finds err together: where it is unsure it shows the average face, a face's own shape
looks like an expression, some shapes hardly move a point, and a face that is near looks turned up. What of
all that is expression, and what turn, was learned on renders, from the points found in them and the truth
they were rendered with: the best linear estimate (Wiener) of weights and turn from the points in the head's
own frame, and how far it is off.
`likeness.training.expected_expression` makes the table.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from likeness import runtime
from likeness.face.frame import InHead, in_head, yaw_pitch
from likeness.head.model import Head
from likeness.performance import ARKIT

if TYPE_CHECKING:
    from likeness.face.landmarks import Points

Array = NDArray[np.float64]

OWN = 2.0  # what a fit sees by itself counts more: the estimate is taken for less sure by this factor
LEAST_STD = 0.02
SHAPES = len(ARKIT)
JAW = ARKIT.index("jawOpen")
CLENCHED, CLENCHED_STD = 0.05, 0.03  # the jaw's weight while teeth are closed
LOOK_YAW_RAD, LOOK_PITCH_RAD = np.radians(38.0), np.radians(28.0)  # what a full eyeLook shape means
LOOKS = [
    ARKIT.index(f"eyeLook{way}{side}") for side in ("Left", "Right") for way in ("Out", "In", "Up", "Down")
]
LOOK_STD = 0.1  # of those shapes where the gaze is seen


def expected_expression(head: Head, found: Points) -> tuple[Array, Array]:
    """Mean and standard deviation (52,) of the weights, given the found points alone.

    Where teeth are seen closed behind parted lips, the jaw is; where a gaze is seen, lids follow it.
    """
    _, estimate = _estimate(head, found.xy, found.z, found.visible)
    mean, std = np.clip(estimate[:SHAPES], 0.0, 1.0), np.maximum(OWN * _table()[2][:SHAPES], LEAST_STD)
    if found.gaze is not None:
        mean[LOOKS], std[LOOKS] = looking(found.gaze), LOOK_STD
    if found.clenched > 0:
        mean[JAW] += found.clenched * (CLENCHED - mean[JAW])
        std[JAW] *= (CLENCHED_STD / std[JAW]) ** found.clenched
    return mean, std


def looking(gaze: Array) -> Array:
    """The weights (8,) of `LOOKS` under yaw and pitch of both eyes (2, 2) in radians."""
    aside, above = gaze[:, 0] * [1.0, -1.0] / LOOK_YAW_RAD, gaze[:, 1] / LOOK_PITCH_RAD
    return np.clip(np.stack([aside, -aside, above, -above], axis=1), 0.0, 1.0).ravel()


def expected_turn(head: Head, xy: Array, z: Array, visible: Array) -> Array:
    """The turn (3, 3) from the head to a camera that looks straight at its eyes, given found points alone."""
    at, estimate = _estimate(head, xy, z, visible)
    out: Array = at.turn @ Rotation.from_rotvec(estimate[SHAPES:]).as_matrix().T
    return out


def toward_camera(turn: Array) -> Array:
    """Yaw and pitch (2,) in radians at which a gaze meets a camera that sees the head turned by `turn`."""
    return yaw_pitch(-turn[2])


def _estimate(head: Head, xy: Array, z: Array, visible: Array) -> tuple[InHead, Array]:
    """The points in the head's frame, and what they tell (55,): weights, then by how much it is turned."""
    matrix, offset, _ = _table()
    at = in_head(head, xy, z, visible)
    return at, offset + at.off.reshape(-1) @ matrix


@lru_cache(maxsize=1)
def _table() -> tuple[Array, Array, Array]:
    """The linear map (3 POINTS, 55), its offset and its errors' standard deviation (55,)."""
    data = runtime.house_tables("expected_expression")
    matrix, offset, spread = (data[name].astype(np.float64) for name in ("matrix", "offset", "spread"))
    return matrix, offset, spread
