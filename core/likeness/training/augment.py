"""What happens to a rendered picture on its way to a network: crops, light, sensors, things in front.

The renders already carry light, lens, grain, JPEG and paint; here the same picture is seen anew each time.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numba
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likeness.face.regions import REGIONS

Float = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Random = np.random.Generator

_OUTSIDE = -1.0
_GLASSES = REGIONS.index("glasses")


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


@numba.njit(cache=True, nogil=True)
def warp_labels(labels: Bytes, matrix: Float, size: int) -> NDArray[np.uint8]:
    """Sample a label map (H, W) at the nearest pixel into (size, size); outside is mirrored as in `warp`.

    What is thinner than a pixel of the result, a frame of glasses, takes all of it.
    """
    height, width = labels.shape
    out = np.empty((size, size), np.uint8)
    for row in range(size):
        for column in range(size):
            x = matrix[0, 0] * (column + 0.5) + matrix[0, 1] * (row + 0.5) + matrix[0, 2] - 0.5
            y = matrix[1, 0] * (column + 0.5) + matrix[1, 1] * (row + 0.5) + matrix[1, 2] - 0.5
            x = width - 1 - abs(width - 1 - abs(x) % (2 * width - 2))
            y = height - 1 - abs(height - 1 - abs(y) % (2 * height - 2))
            out[row, column] = labels[int(y + 0.5), int(x + 0.5)]
            for tap in range(4):
                u, v = 0.25 if tap & 1 else -0.25, 0.25 if tap & 2 else -0.25
                j = int(x + matrix[0, 0] * u + matrix[0, 1] * v + 0.5)
                i = int(y + matrix[1, 0] * u + matrix[1, 1] * v + 0.5)
                if labels[min(max(i, 0), height - 1), min(max(j, 0), width - 1)] == _GLASSES:
                    out[row, column] = _GLASSES
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def _develop(
    picture: Float, gain: Float, lift: float, curve: Float, saturation: float, noise: float, grain: Float
) -> None:
    height, width = picture.shape[:2]
    last = len(curve) - 1
    at = 0
    for row in range(height):
        for column in range(width):
            gray = (
                0.3 * picture[row, column, 0]
                + 0.59 * picture[row, column, 1]
                + 0.11 * picture[row, column, 2]
            )
            for k in range(3):
                value = gray + (picture[row, column, k] - gray) * saturation
                value = min(max((value * gain[k] + lift) * 0.5, 0.0), 1.0)
                value = curve[int(value * last + 0.5)]
                if noise > 0:
                    value += noise * grain[at]
                    at += 1
                picture[row, column, k] = min(max(value, 0.0), 1.0)


_STEPS = np.linspace(0, 2, 2048, dtype=np.float32)


@lru_cache(maxsize=1)
def _grain() -> Float:
    return np.random.default_rng(0).standard_normal(1 << 20, dtype=np.float32)


def develop(
    rng: Random, picture: Float, gain: Float, lift: float, gamma: float, saturation: float, noise: float
) -> None:
    """Change contrast, color and gamma of a picture 0..1 in place, and add noise."""
    grain = _grain()
    start = int(rng.integers(len(grain) - picture.size))
    curve = _STEPS ** np.float32(gamma)  # a power for each value would take four times as long
    _develop(picture, gain, lift, curve, saturation, noise, grain[start:])


@numba.njit(cache=True, nogil=True, fastmath=True)
def soften(picture: Float, radius: int) -> Float:
    """A box blur of `radius` pixels, twice; a new picture."""
    height, width, channels = picture.shape
    source = picture
    for axis in range(4):
        out = np.empty_like(source)
        for row in range(height):
            for column in range(width):
                for k in range(channels):
                    total = 0.0
                    for step in range(-radius, radius + 1):
                        i = row if axis % 2 == 0 else min(max(row + step, 0), height - 1)
                        j = min(max(column + step, 0), width - 1) if axis % 2 == 0 else column
                        total += source[i, j, k]
                    out[row, column, k] = total / (2 * radius + 1)
        source = out
    return source


def light(rng: Random, picture: Float) -> Float:
    """A random exposure, color, gamma, blur, resolution, noise and JPEG of a picture (H, W, 3), 0..1."""
    rows, columns = picture.shape[:2]
    kind = rng.random()
    if kind < 0.10:
        picture = soften(picture, int(rng.integers(1, 3)))
    elif kind < 0.22:
        small = max(24 / columns, rng.uniform(0.25, 0.8))
        image = Image.fromarray((picture * 255).astype(np.uint8))
        image = image.resize((int(columns * small), int(rows * small)), Image.Resampling.BOX).resize(
            (columns, rows), Image.Resampling.BILINEAR
        )
        picture = np.asarray(image, np.float32) / np.float32(255)
    gain = (np.exp(rng.normal(0, 0.16)) * np.exp(rng.normal(0, 0.07, 3))).astype(np.float32)
    saturation = 0.0 if rng.random() < 0.08 else float(rng.uniform(0.5, 1.4))
    noise = float(rng.uniform(0, 0.04)) if rng.random() < 0.4 else 0.0
    picture = np.ascontiguousarray(picture)
    gamma = float(np.exp(rng.normal(0, 0.22)))
    develop(rng, picture, gain, float(rng.normal(0, 0.05)), gamma, saturation, noise)
    if rng.random() < 0.12:
        picture = jpeg(picture, int(rng.integers(12, 75)))
    return picture


def jpeg(picture: Float, quality: int) -> Float:
    """The picture after JPEG."""
    buffer = io.BytesIO()
    Image.fromarray((picture * 255 + 0.5).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer), np.float32) / np.float32(255)


def occlude(rng: Random, picture: Float, other: Float) -> NDArray[np.bool_]:
    """Put a random ellipse, box or bar in front, of one color or filled from another picture; in place.

    Returns what it covers (H, W).
    """
    size = picture.shape[0]
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    angle, cx, cy = rng.uniform(0, np.pi), *rng.uniform(0.1, 0.9, 2)
    rx, ry = rng.uniform(0.04, 0.22, 2) * (1.0, rng.choice([1.0, 3.0]))
    u = ((x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)) / rx
    v = ((y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)) / ry
    covered: NDArray[np.bool_] = (
        (u * u + v * v < 1) if rng.random() < 0.5 else (np.maximum(abs(u), abs(v)) < 1)
    )
    if rng.random() < 0.5:
        picture[covered] = rng.random(3, dtype=np.float32)
    else:
        picture[covered] = np.roll(other, int(rng.integers(size)), 0)[covered]
    return covered


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
