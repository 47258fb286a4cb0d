"""Looks again at both eyes with their brows, and at mouth and nose, at the full resolution of a crop.

As Attention Mesh (Grishchenko et al. 2020). `face_points` tells about where they are; `face_patches` sees a
small upright patch of each, the right eye's mirrored, and both looks are averaged. Patches are cut here, not
in a network: onnxruntime takes five times as long to sample a picture.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.head import points as dense
from likeness.render.simd import FAST
from likeness.runtime import session

Float = NDArray[np.float32]
Array = NDArray[np.float64]

EYE_PX, MOUTH_PX = 56, 72  # sides of the patches
# Side of a patch, and how far above the eye and the mouth its center lies, in face scales (see `_frames`).
EYE_SIDE, EYE_RAISE = 1.05, 0.20
MOUTH_SIDE, MOUTH_RAISE = 1.70, 0.33
_LIPS = np.unique(
    np.concatenate(
        [np.arange(48, 68), *(dense.GROUPS[k] for k in ("lip_outer", "lip_upper_inner", "lip_lower_inner"))]
    )
)
MOUTH = np.concatenate([_LIPS, np.arange(30, 36)])  # with tip and wings of the nose
EYE_LEFT = np.concatenate(
    [
        dense.GROUPS["lid_left_upper"],
        dense.GROUPS["lid_left_lower"],
        [dense.IRIS_LEFT],
        dense.RIM_LEFT,
        dense.GROUPS["brow_left"],
    ]
)
EYE_RIGHT = np.concatenate(
    [
        dense.GROUPS["lid_right_upper"][::-1],
        dense.GROUPS["lid_right_lower"][::-1],
        [dense.IRIS_RIGHT],
        dense.TWIN[dense.RIM_LEFT],
        dense.GROUPS["brow_right"][::-1],
    ]
)


def _order() -> NDArray[np.int64]:
    """Which of the points of left eye, right eye and mouth each dense point (450,) is; -1 for none."""
    out = np.full(dense.COUNT, -1)
    seen = np.concatenate([EYE_LEFT, EYE_RIGHT, MOUTH])
    out[seen] = np.arange(len(seen))
    return out


def _trust() -> Array:
    """How much (450,) the second look counts against the first: both together err less than either.

    Found on held-out renders; brows and nose have less of their own to be seen by than lids and lips.
    """
    out = np.full(dense.COUNT, 0.9)
    out[MOUTH], out[30:36] = 0.75, 0.67
    out[dense.GROUPS["brow_left"]] = out[dense.GROUPS["brow_right"]] = 0.6
    return out


def _middles() -> Array:
    """Rows (3, 450) that take dense points to the middles of the left eye, the right eye and the mouth."""
    out = np.zeros((3, dense.COUNT))
    out[0, 42:48], out[1, 36:42], out[2, 48:68] = 1 / 6, 1 / 6, 1 / 20
    return out


ORDER, TRUST, _MIDDLES = _order(), _trust(), _middles()


def look_again(crops: Float, points: Float, device: str = "auto") -> None:
    """Move `points` (N, 450, 3), as found in `crops` (N, 3, S, S), to where patches show them."""
    count = len(crops)
    frames = np.empty((count, 3, 2, 3))
    eyes = np.empty((count, 2, 3, EYE_PX, EYE_PX), np.float32)
    mouth = np.empty((count, 3, MOUTH_PX, MOUTH_PX), np.float32)
    _cut(np.ascontiguousarray(crops), points, frames, eyes, mouth)
    _merge(points, frames, *session("face_patches", device)(eyes, mouth))


@numba.njit(cache=True, nogil=True)
def _cut(crops: Float, points: Float, frames: Array, eyes: Float, mouth: Float) -> None:
    for n in range(len(crops)):
        _frames(points[n], frames[n])
        _sample(crops[n], frames[n, 0], eyes[n, 0])
        _sample(crops[n], frames[n, 1], eyes[n, 1])
        _sample(crops[n], frames[n, 2], mouth[n])


@numba.njit(cache=True, nogil=True)
def _frames(points: Float, out: Array) -> None:
    """From a patch (-1 to 1) to its crop (0 to 1), (3, 2, 3): of the left eye, the right eye and the mouth.

    The unit is the larger of the eyes' distance and the way from eyes to mouth, for the sake of profiles.
    """
    left, right, mouth = np.zeros(2), np.zeros(2), np.zeros(2)
    for k in range(2):
        for i in range(36, 68):
            left[k] += _MIDDLES[0, i] * points[i, k]
            right[k] += _MIDDLES[1, i] * points[i, k]
            mouth[k] += _MIDDLES[2, i] * points[i, k]
    way = mouth - (left + right) / 2
    length = np.hypot(way[0], way[1])
    scale = max(length, np.hypot(left[0] - right[0], left[1] - right[1]), 0.02)
    down = way / max(length, 1e-4) * scale
    for k in range(2):
        eye_left, eye_right = (points[42, k] + points[45, k]) / 2, (points[36, k] + points[39, k]) / 2
        out[0, k, 2], out[1, k, 2] = eye_left - EYE_RAISE * down[k], eye_right - EYE_RAISE * down[k]
        out[2, k, 2] = mouth[k] - MOUTH_RAISE * down[k]
    for n in range(3):
        half = (MOUTH_SIDE if n == 2 else EYE_SIDE) / 2
        mirror = -1 if n == 1 else 1
        out[n, 0, 0], out[n, 1, 0] = mirror * half * down[1], -mirror * half * down[0]
        out[n, 0, 1], out[n, 1, 1] = half * down[0], half * down[1]


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _sample(crop: Float, frame: Array, out: Float) -> None:
    """The patch (3, s, s) that `frame` cuts out of a crop (3, S, S), less 0.5; beyond the crop is black."""
    side, size = crop.shape[2], out.shape[2]
    flat, plane, wide = crop.reshape(-1), np.uint32(side * side), np.uint32(side)
    step, half, one, none = 2.0 / size, np.float32(0.5), np.float32(1), np.float32(0)
    last, edge = np.int32(side - 1), np.float32(side)
    dx, dy = np.float32(frame[0, 0] * step * side), np.float32(frame[1, 0] * step * side)
    for row in range(size):
        u, v = 0.5 * step - 1, (row + 0.5) * step - 1
        x0 = np.float32((frame[0, 0] * u + frame[0, 1] * v + frame[0, 2]) * side) - half
        y0 = np.float32((frame[1, 0] * u + frame[1, 1] * v + frame[1, 2]) * side) - half
        red, green, blue = out[0, row], out[1, row], out[2, row]
        for column in range(np.uint64(size)):
            x = min(max(x0 + dx * np.float32(column), -one), edge)
            y = min(max(y0 + dy * np.float32(column), -one), edge)
            j, i = np.int32(x + one) - np.int32(1), np.int32(y + one) - np.int32(1)
            across, down = x - np.float32(j), y - np.float32(i)
            # Of a neighbor beyond the crop nothing counts.
            near = one - across if 0 <= j <= last else none
            far = across if j < last else none
            high = one - down if 0 <= i <= last else none
            low = down if i < last else none
            above, below = np.uint32(_within(i, last)) * wide, np.uint32(_within(i + 1, last)) * wide
            left, right = np.uint32(_within(j, last)), np.uint32(_within(j + 1, last))
            a, b, c, d = high * near, high * far, low * near, low * far
            p, q, r, s = above + left, above + right, below + left, below + right
            red[column] = a * flat[p] + b * flat[q] + c * flat[r] + d * flat[s] - half
            p, q, r, s = p + plane, q + plane, r + plane, s + plane
            green[column] = a * flat[p] + b * flat[q] + c * flat[r] + d * flat[s] - half
            p, q, r, s = p + plane, q + plane, r + plane, s + plane
            blue[column] = a * flat[p] + b * flat[q] + c * flat[r] + d * flat[s] - half


@numba.njit(cache=True, nogil=True, inline="always")
def _within(n: int, last: int) -> int:
    return min(max(n, 0), last)


@numba.njit(cache=True, nogil=True)
def _merge(points: Float, frames: Array, eyes: Float, mouth: Float) -> None:
    """Move `points` (N, 450, 3) toward those in patches: `eyes` (N, 2, 48, 2), `mouth` (N, 90, 2), 0 to 1."""
    each = eyes.shape[2]
    for n in range(len(points)):
        for p in range(len(ORDER)):
            if ORDER[p] < 0:
                continue
            patch = min(ORDER[p] // each, 2)
            local = mouth[n, ORDER[p] - 2 * each] if patch == 2 else eyes[n, patch, ORDER[p] - patch * each]
            u, v = 2 * local[0] - 1, 2 * local[1] - 1
            for k in range(2):
                frame = frames[n, patch, k]
                points[n, p, k] += TRUST[p] * (frame[0] * u + frame[1] * v + frame[2] - points[n, p, k])
