"""Found points in the head's own frame: turned, sized and placed as the average head lies at rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from likeness.head import points as dense
from likeness.head.model import Head

Array = NDArray[np.float64]

UPWARD: Array = np.array([1.0, -1.0, -1.0])  # camera axes to those that a head facing the camera has
# How much a point tells of where the head is: lips and jaw move with expression, irises with gaze.
RIGID: Array = np.ones(dense.COUNT)
RIGID[:17], RIGID[48:68], RIGID[dense.SKIN_COUNT :] = 0.5, 0.3, 0.0


@dataclass(frozen=True)
class InHead:
    """`points` (450, 3) cm in head space; `turn` (3, 3) from head axes to those of a camera that looks
    straight at the face (x right, y down, z forward)."""

    points: Array
    turn: Array


def in_head(head: Head, xy: Array, z: Array, visible: Array) -> InHead:
    """Points found in a picture (see `landmarks.Points`), seen from the head.

    They are brought there by the similarity that lays the still parts of the face best (Umeyama 1991), as if
    seen from afar.
    """
    seen = np.c_[xy, z] * UPWARD
    model = head.point_mean.astype(np.float64)
    weight = RIGID * (0.3 + 0.7 * visible)
    weight = weight / weight.sum()
    middle, model_middle = weight @ seen, weight @ model
    seen, model = seen - middle, model - model_middle
    u, s, vt = np.linalg.svd((weight[:, None] * seen).T @ model)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    scale = float(s @ sign) / float(weight @ (model**2).sum(axis=1))
    turn = (u * sign) @ vt
    return InHead(seen @ turn / max(scale, 1e-9) + model_middle, UPWARD[:, None] * turn)


def straight_at(ray: Array) -> Array:
    """The turn (3, 3) of a camera that takes its axis to the direction `ray` (3,) by the shortest way."""
    axis = np.cross([0.0, 0.0, 1.0], ray)
    aside = float(np.linalg.norm(axis))
    angle = np.arctan2(aside, ray[2])
    out: Array = Rotation.from_rotvec(axis * (angle / aside if aside > 1e-12 else 0.0)).as_matrix()
    return out
