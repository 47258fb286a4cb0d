"""Cuts people out of rendered pictures and pastes them into others, one at a time; `crops` cuts batches."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Bytes = NDArray[np.uint8]


def similarity(
    center: NDArray[np.floating], side: float, roll: float, size: int, mirror: bool = False
) -> Float:
    """The matrix (2, 3) from pixels of a square crop (`size` across) to pixels of the picture.

    The crop is centered at `center`, `side` picture pixels across, its x axis turned by `roll` radians
    (clockwise as seen, since y is down).
    """
    step = side / size
    c, s = np.cos(roll) * step, np.sin(roll) * step
    turn = np.array([[c, -s], [s, c]]) @ np.diag([-1.0 if mirror else 1.0, 1.0])
    return np.concatenate([turn, (np.asarray(center) - turn @ np.full(2, size / 2))[:, None]], 1).astype(
        np.float32
    )


def into_crop(xy: NDArray[np.floating], matrix: Float) -> NDArray[np.floating]:
    """Points of the picture (..., 2) to pixels of the crop of `matrix`."""
    return (xy - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T


@numba.njit(cache=True, nogil=True, fastmath=True)
def warp(picture: Bytes, matrix: Float, size: int, fill: Float, rows: int = 0) -> Float:
    """Sample a picture (H, W, 3) bilinearly into (rows or size, size, 3), 0..1.

    `fill` (3,) is the color outside of the picture; a negative one repeats the picture mirrored.
    """
    height, width = picture.shape[:2]
    rows = rows or size
    out = np.empty((rows, size, 3), np.float32)
    mirrored = fill[0] < 0
    for row in range(rows):
        for column in range(size):
            x = matrix[0, 0] * (column + 0.5) + matrix[0, 1] * (row + 0.5) + matrix[0, 2] - 0.5
            y = matrix[1, 0] * (column + 0.5) + matrix[1, 1] * (row + 0.5) + matrix[1, 2] - 0.5
            if mirrored and (x < 0 or y < 0 or x > width - 1 or y > height - 1):
                x = width - 1 - abs(width - 1 - abs(x) % (2 * width - 2))
                y = height - 1 - abs(height - 1 - abs(y) % (2 * height - 2))
            elif not mirrored and (x < -0.5 or y < -0.5 or x > width - 0.5 or y > height - 0.5):
                for k in range(3):
                    out[row, column, k] = fill[k]
                continue
            x = min(max(x, 0.0), width - 1.001)
            y = min(max(y, 0.0), height - 1.001)
            i, j = int(y), int(x)
            v, u = y - i, x - j
            for k in range(3):
                top = picture[i, j, k] * (1 - u) + picture[i, j + 1, k] * u
                low = picture[i + 1, j, k] * (1 - u) + picture[i + 1, j + 1, k] * u
                out[row, column, k] = (top * (1 - v) + low * v) * (1.0 / 255.0)
    return out


def halved(picture: Bytes, levels: int) -> Bytes:
    """The picture (H, W, C) halved `levels` times, so that small copies are sampled without aliasing."""
    for _ in range(levels):
        picture = _half(picture)
    return picture


@numba.njit(cache=True, nogil=True)
def _half(picture: Bytes) -> Bytes:
    height, width, channels = picture.shape
    out = np.empty((height // 2, width // 2, channels), np.uint8)
    for row in range(height // 2):
        for column in range(width // 2):
            for k in range(channels):
                top = np.int32(picture[2 * row, 2 * column, k]) + picture[2 * row, 2 * column + 1, k]
                low = np.int32(picture[2 * row + 1, 2 * column, k]) + picture[2 * row + 1, 2 * column + 1, k]
                out[row, column, k] = (top + low + 2) >> 2
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def paste(target: Float, source: Bytes, matrix: Float) -> None:
    """Lay a picture with alpha (H, W, 4) over `target` in place; `matrix` leads from target to source."""
    height, width = source.shape[:2]
    for row in range(target.shape[0]):
        for column in range(target.shape[1]):
            x = matrix[0, 0] * (column + 0.5) + matrix[0, 1] * (row + 0.5) + matrix[0, 2] - 0.5
            y = matrix[1, 0] * (column + 0.5) + matrix[1, 1] * (row + 0.5) + matrix[1, 2] - 0.5
            if x < 0 or y < 0 or x > width - 1.001 or y > height - 1.001:
                continue
            i, j = int(y), int(x)
            v, u = y - i, x - j
            w00, w01, w10, w11 = (1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u
            alpha = w00 * source[i, j, 3] + w01 * source[i, j + 1, 3]
            alpha = (alpha + w10 * source[i + 1, j, 3] + w11 * source[i + 1, j + 1, 3]) * (1.0 / 255.0)
            for k in range(3):
                value = w00 * source[i, j, k] + w01 * source[i, j + 1, k]
                value = (value + w10 * source[i + 1, j, k] + w11 * source[i + 1, j + 1, k]) * (1.0 / 255.0)
                target[row, column, k] += alpha * (value - target[row, column, k])
