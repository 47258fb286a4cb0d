"""Found points in the head's own frame: turned, sized and placed as the average head lies at rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.head import points as dense
from likeness.head.model import Head

Array = NDArray[np.float64]

UPWARD: Array = np.array([1.0, -1.0, -1.0])  # camera axes to those that a head facing the camera has
# How much a point tells of where the head is: lips and jaw move with expression, irises with gaze.
RIGID: Array = np.ones(dense.COUNT)
RIGID[:17], RIGID[48:68], RIGID[dense.SKIN_COUNT :] = 0.5, 0.3, 0.0


@dataclass(frozen=True)
class InHead:
    """`off` (450, 3): how far points lie from the average head's, head space, cm; `turn` (3, 3) from head
    axes to those of a camera that looks straight at the face (x right, y down, z forward)."""

    off: Array
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
    return InHead(seen @ turn / max(scale, 1e-9) - model, UPWARD[:, None] * turn)


def between(a: NDArray[np.floating], b: NDArray[np.floating]) -> Array:
    """The shortest rotation (3, 3) that brings the direction of `a` to that of `b`."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    x, y, z = np.cross(a, b)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1 + a @ b))


def straight_at(ray: Array) -> Array:
    """The turn (3, 3) of a camera that takes its axis to the direction `ray` (3,) by the shortest way."""
    return between(np.array([0.0, 0.0, 1.0]), ray)


def direction(gaze: Array) -> Array:
    """Unit vectors (..., 3) in head space of yaws and pitches (..., 2) in radians."""
    yaw, pitch = gaze[..., 0], gaze[..., 1]
    return np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], axis=-1)


def yaw_pitch(way: Array) -> Array:
    """Yaws and pitches (..., 2) in radians of ways (..., 3) in head space: the inverse of `direction`."""
    x, y, z = np.moveaxis(way, -1, 0)
    return np.stack([np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))], axis=-1)
