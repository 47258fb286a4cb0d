"""What expression found points most likely show: the prior of every fit.

Points that a network finds err together: where it is unsure it shows the average face, a face's own shape
looks like an expression, and some shapes hardly move a point. What of all that is expression was learned on
renders, from the points found in them and the weights they were rendered with: the best linear estimate
(Wiener) of the weights from the points in the head's own frame, and how far it is off.
`likeness.training.expected_expression` makes the table.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from likeness import runtime
from likeness.face.landmarks import Points
from likeness.head import points as dense
from likeness.head.model import Head
from likeness.performance import ARKIT

Array = NDArray[np.float64]

OWN = 2.0  # what a fit sees by itself counts more: the estimate is taken for less sure by this factor
LEAST_STD = 0.02
JAW = ARKIT.index("jawOpen")
CLENCHED, CLENCHED_STD = 0.05, 0.03  # the jaw's weight while teeth are closed
# How much a point tells of where the head is: lips and jaw move with expression, irises with gaze.
RIGID: Array = np.ones(dense.COUNT)
RIGID[:17], RIGID[48:68], RIGID[dense.SKIN_COUNT :] = 0.5, 0.3, 0.0


def expected_expression(head: Head, found: Points) -> tuple[Array, Array]:
    """Mean and standard deviation (52,) of the weights, given the found points alone.

    Where teeth are seen closed behind parted lips, the jaw is.
    """
    matrix, offset, spread = _table()
    mean = offset + off_average(head, found).reshape(-1) @ matrix
    mean, std = np.clip(mean, 0.0, 1.0), np.maximum(OWN * spread, LEAST_STD)
    if found.clenched > 0:
        mean[JAW] += found.clenched * (CLENCHED - mean[JAW])
        std[JAW] *= (CLENCHED_STD / std[JAW]) ** found.clenched
    return mean, std


def off_average(head: Head, found: Points) -> Array:
    """How far the found points lie from the average head's (POINTS, 3), head space, cm.

    The points are brought there by the similarity that lays the still parts of the face best (Umeyama 1991).
    """
    seen = np.c_[found.xy, found.z] * [1.0, -1.0, -1.0]
    model = head.point_mean.astype(np.float64)
    weight = RIGID * (0.3 + 0.7 * found.visible)
    weight = weight / weight.sum()
    middle, model_middle = weight @ seen, weight @ model
    seen, model = seen - middle, model - model_middle
    u, s, vt = np.linalg.svd((weight[:, None] * seen).T @ model)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    scale = float(s @ sign) / float(weight @ (model**2).sum(axis=1))
    out: Array = seen @ ((u * sign) @ vt) / max(scale, 1e-9) - model
    return out


@lru_cache(maxsize=1)
def _table() -> tuple[Array, Array, Array]:
    """The linear map (3 POINTS, 52), its offset and its errors' standard deviation (52,)."""
    data = runtime.house_tables("expected_expression")
    matrix, offset, spread = (data[name].astype(np.float64) for name in ("matrix", "offset", "spread"))
    return matrix, offset, spread
