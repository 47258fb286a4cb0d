"""Procedural backgrounds: gradients, noise, blurred shapes, foliage, bokeh, screens, blobs like skin."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Random = np.random.Generator


@numba.njit(cache=True, fastmath=True)
def enlarge(small: Float, size: int) -> Float:
    """Bilinear enlargement of (h, w, 3) to (size, size, 3)."""
    h, w, channels = small.shape
    out = np.zeros((size, size, channels), np.float32)
    for y in range(size):
        fy = min(max((y + 0.5) * h / size - 0.5, 0.0), h - 1.001)
        i = int(fy)
        v = fy - i
        i1 = min(i + 1, h - 1)
        for x in range(size):
            fx = min(max((x + 0.5) * w / size - 0.5, 0.0), w - 1.001)
            j = int(fx)
            u = fx - j
            j1 = min(j + 1, w - 1)
            for c in range(channels):
                out[y, x, c] = (small[i, j, c] * (1 - u) + small[i, j1, c] * u) * (1 - v) + (
                    small[i1, j, c] * (1 - u) + small[i1, j1, c] * u
                ) * v
    return out


@numba.njit(cache=True, fastmath=True)
def blur(image: Float, radius: int, rounds: int = 2) -> Float:
    """Box blur, repeated; edges are held."""
    h, w, channels = image.shape
    source = image.copy()
    other = np.zeros_like(source)
    inv = 1.0 / (2 * radius + 1)
    for _ in range(rounds):
        for c in range(channels):
            for y in range(h):
                total = 0.0
                for k in range(-radius, radius + 1):
                    total += source[y, min(max(k, 0), w - 1), c]
                for x in range(w):
                    other[y, x, c] = total * inv
                    total += source[y, min(x + radius + 1, w - 1), c] - source[y, max(x - radius, 0), c]
            for x in range(w):
                total = 0.0
                for k in range(-radius, radius + 1):
                    total += other[min(max(k, 0), h - 1), x, c]
                for y in range(h):
                    source[y, x, c] = total * inv
                    total += other[min(y + radius + 1, h - 1), x, c] - other[max(y - radius, 0), x, c]
    return source


def _color(rng: Random) -> Float:
    value = np.exp(rng.uniform(np.log(0.01), np.log(0.9)))
    return np.clip(value * (1 + rng.normal(0, 0.35, 3)), 0.003, 1.2).astype(np.float32)


def _noise(rng: Random, size: int, coarse: int, octaves: int, gain: float) -> Float:
    out = np.zeros((size, size, 3), np.float32)
    cells, weight = coarse, 1.0
    for _ in range(octaves):
        if cells > size // 2:
            break
        layer = rng.normal(0, 1, (cells + 1, cells + 1, 1)) + 0.3 * rng.normal(
            0, 1, (cells + 1, cells + 1, 3)
        )
        out += weight * enlarge(layer.astype(np.float32), size)
        cells, weight = cells * 2 + 1, weight * gain
    return out


@numba.njit(cache=True, fastmath=True)
def _paint(image: Float, shapes: Float) -> None:
    """Paint ellipses and boxes: rows of cx, cy, rx, ry (pixels), angle, kind, softness, opacity, r, g, b."""
    h, w, _ = image.shape
    for s in shapes:
        reach = max(s[2], s[3]) * 1.5
        ca, sa = np.cos(s[4]), np.sin(s[4])
        for y in range(max(0, int(s[1] - reach)), min(h, int(s[1] + reach) + 1)):
            for x in range(max(0, int(s[0] - reach)), min(w, int(s[0] + reach) + 1)):
                u = (ca * (x - s[0]) + sa * (y - s[1])) / s[2]
                v = (-sa * (x - s[0]) + ca * (y - s[1])) / s[3]
                d = max(abs(u), abs(v)) if s[5] > 0.5 else np.sqrt(u * u + v * v)
                a = min(1.0, max(0.0, (1.0 - d) / s[6])) * s[7]
                for c in range(3):
                    image[y, x, c] += a * (s[8 + c] - image[y, x, c])


def _shapes(rng: Random, count: int, size: int, low: float, high: float, soft: float) -> Float:
    s = np.zeros((count, 11), np.float32)
    s[:, 0:2] = rng.uniform(-0.1, 1.1, (count, 2)) * size
    radius = np.exp(rng.uniform(np.log(low), np.log(high), (count, 1)))
    s[:, 2:4] = radius * rng.uniform(0.35, 1.6, (count, 2)) * size
    s[:, 4] = rng.uniform(0, np.pi, count)
    s[:, 5] = rng.random(count) < 0.5
    s[:, 6] = soft * rng.uniform(0.3, 1.5, count)
    s[:, 7] = rng.uniform(0.3, 1.0, count)
    s[:, 8:] = np.stack([_color(rng) for _ in range(count)])
    return s


def sample_background(rng: Random, size: int, skin: Float) -> Float:
    """A linear picture (size, size, 3) of one of the kinds; `skin` (3,) is a skin color to tease with."""
    small = size // 2
    kind = rng.random()
    base = _color(rng)
    top, low = base * rng.uniform(0.5, 1.6), base * rng.uniform(0.5, 1.6)
    ramp = np.linspace(0, 1, small, dtype=np.float32)[:, None, None]
    image = np.broadcast_to(top * (1 - ramp) + low * ramp, (small, small, 3)).astype(np.float32).copy()
    if rng.random() < 0.5:
        image = image.transpose(1, 0, 2).copy()
    if kind < 0.12:
        pass
    elif kind < 0.30:
        image *= np.exp(0.4 * _noise(rng, small, int(rng.integers(2, 6)), 5, rng.uniform(0.4, 0.9)))
    elif kind < 0.62:
        _paint(image, _shapes(rng, int(rng.integers(5, 35)), small, 0.04, 0.5, rng.uniform(0.01, 1.0)))
        if rng.random() < 0.6:
            image *= np.exp(0.25 * _noise(rng, small, 6, 4, 0.8))
    elif kind < 0.70:  # foliage
        green = np.array(
            [rng.uniform(0.02, 0.3), rng.uniform(0.08, 0.4), rng.uniform(0.01, 0.15)], np.float32
        )
        image = green * np.exp(0.9 * _noise(rng, small, int(rng.integers(8, 24)), 4, 0.9))
    elif kind < 0.80:  # bokeh
        spots = _shapes(rng, int(rng.integers(10, 50)), small, 0.02, 0.09, 0.15)
        spots[:, 3] = spots[:, 2]
        spots[:, 5] = 0
        spots[:, 8:] *= rng.uniform(1, 4)
        image *= 0.3
        _paint(image, spots)
    elif kind < 0.86:  # a screen for keying
        screen = np.array([[0.05, 0.5, 0.08], [0.03, 0.1, 0.6], [0.6, 0.6, 0.6]], np.float32)[rng.integers(3)]
        image[:] = screen * rng.uniform(0.4, 1.2) * np.exp(0.08 * _noise(rng, small, 2, 3, 0.6))
    else:  # blobs like other people
        blobs = _shapes(rng, int(rng.integers(2, 8)), small, 0.08, 0.3, 0.4)
        blobs[:, 5] = 0
        blobs[:, 8:] = skin * rng.uniform(0.4, 1.4, (len(blobs), 3))
        _paint(image, np.concatenate([_shapes(rng, 8, small, 0.05, 0.4, 0.5), blobs]))
    if rng.random() < 0.55:
        image = blur(image, int(rng.integers(1, 9)))
    return np.clip(enlarge(image.astype(np.float32), size), 0, 6)
