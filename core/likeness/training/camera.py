"""What lies between scene and file: exposure, lens, motion, film, noise, old photographs, paint, JPEG."""

from __future__ import annotations

import io

import numba
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from likeness.training.backgrounds import blur, enlarge

Float = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Random = np.random.Generator


def encode_srgb(linear: Float) -> Float:
    """The sRGB transfer curve of linear values 0..1."""
    x = np.clip(linear, 0, 1)
    return np.where(x < 0.0031308, 12.92 * x, 1.055 * x ** np.float32(1 / 2.4) - 0.055).astype(np.float32)


@numba.njit(cache=True, fastmath=True)
def _streak(image: Float, dx: float, dy: float, taps: int) -> Float:
    """Motion blur along (dx, dy) pixels."""
    h, w, _ = image.shape
    out = np.zeros_like(image)
    for k in range(taps):
        f = (k + 0.5) / taps - 0.5
        ox, oy = int(np.round(dx * f)), int(np.round(dy * f))
        for y in range(h):
            yy = min(max(y + oy, 0), h - 1)
            for x in range(w):
                xx = min(max(x + ox, 0), w - 1)
                for c in range(3):
                    out[y, x, c] += image[yy, xx, c]
    return out / np.float32(taps)


@numba.njit(cache=True, fastmath=True)
def _kuwahara(image: Float, radius: int) -> Float:
    """The mean of the quietest of four quadrants: flat strokes with sharp borders."""
    h, w, _ = image.shape
    one = np.zeros((h + 1, w + 1, 3))
    two = np.zeros((h + 1, w + 1))
    for y in range(h):
        for x in range(w):
            s = 0.0
            for c in range(3):
                one[y + 1, x + 1, c] = image[y, x, c] + one[y, x + 1, c] + one[y + 1, x, c] - one[y, x, c]
                s += image[y, x, c]
            two[y + 1, x + 1] = s * s + two[y, x + 1] + two[y + 1, x] - two[y, x]
    out = np.zeros_like(image)
    for y in range(h):
        for x in range(w):
            best = 1e9
            for q in range(4):
                y0 = max(0, y - radius) if q < 2 else y
                y1 = y + 1 if q < 2 else min(h, y + radius + 1)
                x0 = max(0, x - radius) if q % 2 == 0 else x
                x1 = x + 1 if q % 2 == 0 else min(w, x + radius + 1)
                n = (y1 - y0) * (x1 - x0)
                r = (one[y1, x1, 0] - one[y0, x1, 0] - one[y1, x0, 0] + one[y0, x0, 0]) / n
                g = (one[y1, x1, 1] - one[y0, x1, 1] - one[y1, x0, 1] + one[y0, x0, 1]) / n
                b = (one[y1, x1, 2] - one[y0, x1, 2] - one[y1, x0, 2] + one[y0, x0, 2]) / n
                spread = (two[y1, x1] - two[y0, x1] - two[y1, x0] + two[y0, x0]) / n - (r + g + b) ** 2
                if spread < best:
                    best = spread
                    out[y, x, 0], out[y, x, 1], out[y, x, 2] = r, g, b
    return out


def _grain(rng: Random, size: int, coarse: float) -> Float:
    cells = max(8, int(size / coarse))
    field = rng.standard_normal((cells, cells, 1), dtype=np.float32)
    return enlarge(field, size) * np.float32(1.0 if coarse <= 1 else 1.3)


def _expose(rng: Random, linear: Float) -> Float:
    gain = _white(rng)
    linear = linear * gain
    if rng.random() < 0.5:  # a shoulder for the highlights
        knee = 0.55
        over = np.maximum(linear - knee, 0)
        linear = np.minimum(linear, knee) + (1 - knee) * (1 - np.exp(-over / (1 - knee)))
    picture = encode_srgb(linear)
    contrast = np.float32(rng.normal(1.0, 0.09))
    picture = np.clip((picture - 0.45) * contrast + 0.45 + rng.normal(0, 0.02), 0, 1)
    saturation = np.float32(np.clip(rng.normal(1.0, 0.22), 0.2, 1.7))
    gray = picture @ np.array([0.3, 0.59, 0.11], np.float32)
    return gray[..., None] + (picture - gray[..., None]) * saturation


def _white(rng: Random) -> Float:
    warm = rng.normal(0, 0.09)
    return np.array([1 + warm, 1 + rng.normal(0, 0.025), 1 - warm], np.float32)


def _old_photograph(rng: Random, picture: Float) -> Float:
    size = len(picture)
    weights = np.array([[0.3, 0.59, 0.11], [0.05, 0.45, 0.5], [0.5, 0.4, 0.1]], np.float32)[rng.integers(3)]
    gray = (picture @ weights)[..., None]
    if rng.random() < 0.5:
        gray = np.clip(gray, 0, 1) ** np.float32(rng.uniform(0.7, 1.4))
    black, white = np.array([0.0, 0.0, 0.0]), np.array([1.0, 1.0, 1.0])
    if rng.random() < 0.5:
        black, white = np.array([0.12, 0.08, 0.05]), np.array([0.97, 0.9, 0.76])
    picture = (black + (white - black) * gray).astype(np.float32)
    if rng.random() < 0.4:
        picture = picture + rng.uniform(0.01, 0.05) * _grain(rng, size, rng.uniform(2, 40))
    return picture


def _painting(rng: Random, picture: Float) -> Float:
    size = len(picture)
    picture = _kuwahara(picture.astype(np.float32), int(rng.integers(1, 5)))
    if rng.random() < 0.5:
        levels = rng.integers(8, 24)
        stepped = np.round(picture * levels) / levels
        picture = (0.5 * picture + 0.5 * stepped).astype(np.float32)
    if rng.random() < 0.6:  # varnish
        picture = picture * np.array([1.0, rng.uniform(0.86, 0.98), rng.uniform(0.6, 0.92)], np.float32)
    weave = _grain(rng, size, rng.uniform(1.0, 3.0)) * rng.uniform(0.0, 0.035)
    if rng.random() < 0.4:
        x = np.arange(size, dtype=np.float32)
        period = rng.uniform(2.5, 5)
        weave = weave + 0.015 * (
            np.sin(x * 6.28 / period)[None, :, None] * np.sin(x * 6.28 / period)[:, None, None]
        )
    cracks = _grain(rng, size, rng.uniform(5, 14))
    if rng.random() < 0.2:
        weave = weave - 0.15 * np.exp(-((cracks / 0.05) ** 2))
    return (picture + weave).astype(np.float32)


def photograph(rng: Random, linear: Float) -> Bytes:
    """The 8-bit picture (H, H, 3) that a random camera or hand makes of a linear one."""
    size = len(linear)
    lens = rng.random()
    if lens < 0.25:
        linear = blur(linear.astype(np.float32), 1, int(rng.integers(1, 3)))
    elif lens < 0.31:
        linear = blur(linear.astype(np.float32), int(rng.integers(2, 4)), 2)
    if rng.random() < 0.07:
        angle, reach = rng.uniform(0, np.pi), rng.uniform(2, 9)
        linear = _streak(linear.astype(np.float32), reach * np.cos(angle), reach * np.sin(angle), 7)
    if rng.random() < 0.25:
        axis = np.linspace(-1, 1, size, dtype=np.float32) + np.float32(rng.normal(0, 0.4))
        corner = np.clip((axis[:, None] ** 2 + axis[None] ** 2) / 2, 0, 1)[..., None]
        linear = (linear * (1 - np.float32(rng.uniform(0.1, 0.5)) * corner)).astype(np.float32)
    picture = _expose(rng, linear.astype(np.float32))
    style = rng.random()
    if style < 0.10:
        picture = _old_photograph(rng, picture)
    elif style < 0.26:
        picture = _painting(rng, picture)
    elif style < 0.34:
        lift = rng.uniform(0, 0.08, 3).astype(np.float32)
        picture = lift + picture * (rng.uniform(0.88, 1.05, 3).astype(np.float32) - lift)
    if rng.random() < 0.6:
        sigma = np.exp(rng.uniform(np.log(0.002), np.log(0.04)))
        noise = rng.standard_normal((size, size, 3 if rng.random() < 0.6 else 1), dtype=np.float32)
        if rng.random() < 0.4:
            noise = _grain(rng, size, rng.uniform(1.2, 2.6))
        picture = picture + np.float32(sigma) * noise
    if rng.random() < 0.2:  # came from a smaller picture, or was sharpened
        if rng.random() < 0.6:
            cells = int(size * rng.uniform(0.3, 0.85))
            tiny = Pillow.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8)).resize(
                (cells, cells), Pillow.Resampling.BOX
            )
            picture = np.asarray(
                tiny.resize((size, size), Pillow.Resampling.BICUBIC), np.float32
            ) / np.float32(255)
        else:
            picture = picture + rng.uniform(0.3, 1.0) * (picture - blur(picture.astype(np.float32), 1, 2))
    bytes8 = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    if rng.random() < 0.55:
        store = io.BytesIO()
        Pillow.fromarray(bytes8).save(store, "JPEG", quality=int(np.clip(rng.normal(75, 20), 18, 98)))
        bytes8 = np.asarray(Pillow.open(store).convert("RGB"))
    return bytes8
