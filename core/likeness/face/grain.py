"""The plate's own softness and grain, measured on the face, for what is drawn anew."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.render.bands import in_bands

Float = NDArray[np.float32]

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
AGAIN_PX = 1.0  # the face is blurred once more by this, to see how blurred it was
LOOK_PX = 0.7  # the smallest blur whose gradient a pixel grid can hold
HARD_PX = 0.9  # so soft a hard edge seems under it
SOFTEST = 0.006  # of the blur, in face heights: more is taken for shading
SHARP_SHARE = 0.5  # of the steepest places, the middle one tells
PATCH_PX = 5
CALM = 0.25  # so many of all patches, the calmest, show nothing but grain
LEVELS = 5
TILE_PX = 256
FINE = 255  # steps of luminance in which the grain is looked up


@dataclass(frozen=True)
class Grain:
    """Standard deviation of each channel's noise, `sigma` (L, 3), at the luminances `level` (L,), linear."""

    level: Float
    sigma: Float

    @cached_property
    def most(self) -> float:
        """The luminance up to which it is known."""
        return max(float(self.level[-1]), 1e-6)

    @cached_property
    def fine(self) -> Float:
        """`sigma` (FINE + 1, 3) in even steps of luminance."""
        at = np.linspace(0, self.most, FINE + 1)
        return np.stack([np.interp(at, self.level, one) for one in self.sigma.T], axis=1).astype(np.float32)


def blur(plate: Float, points_px: Float) -> float:
    """Standard deviation in pixels of the plate's blur (H, W, 3) on the face's edges.

    Zhuo and Sim, "Defocus map estimation from a single image", 2011: how much steeper an edge is than the
    same edge blurred once more tells how soft it was.
    """
    face, tall = _face(plate, points_px)
    if min(face.shape[:2]) < 8:
        return 0.0
    tone = np.sqrt(np.maximum(face @ LUMA, 0))
    steep = ndimage.gaussian_gradient_magnitude(tone, LOOK_PX)
    again = ndimage.gaussian_gradient_magnitude(tone, float(np.hypot(LOOK_PX, AGAIN_PX)))
    edge = steep >= np.quantile(steep, 0.97)
    ratio = float(np.quantile(steep[edge] / np.maximum(again[edge], 1e-9), SHARP_SHARE))
    width = AGAIN_PX / np.sqrt(max(ratio**2 - 1, 1e-3))
    return float(np.clip(np.sqrt(max(width**2 - HARD_PX**2, 0)), 0, SOFTEST * tall))


def measure(plate: Float, points_px: Float) -> Grain:
    """The grain of the plate (H, W, 3), scene-linear, about the face, by level of luminance.

    Immerkaer's mask takes out what is smooth; the calmest patches of each level have no other detail.
    """
    face, _ = _face(plate, points_px)
    rows, columns = (n // PATCH_PX for n in face.shape[:2])
    if rows * columns < 8 * LEVELS:
        return Grain(np.zeros(1, np.float32), np.zeros((1, 3), np.float32))
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)[..., None] / 6
    fine = ndimage.convolve(face, mask)
    patches = [
        v[: rows * PATCH_PX, : columns * PATCH_PX]
        .reshape(rows, PATCH_PX, columns, PATCH_PX, 3)
        .transpose(0, 2, 1, 3, 4)
        .reshape(rows * columns, -1, 3)
        for v in (fine, face)
    ]
    deviation = np.sqrt((patches[0] ** 2).mean(axis=1))
    luma = patches[1].mean(axis=1) @ LUMA
    order = np.array_split(np.argsort(luma), LEVELS)
    level = np.array([luma[part].mean() for part in order], np.float32)
    # the mean of the calmest: half of them lie above it, so it errs to the calm side
    sigma = np.stack([np.quantile(deviation[part], CALM, axis=0) for part in order])
    return Grain(np.maximum.accumulate(level), sigma.astype(np.float32))


def add(color: Float, cover: Float, grain: Grain, seed: tuple[int, ...], origin: tuple[int, int]) -> Float:
    """`color` (h, w, 3), which begins at pixel `origin` of the picture, with grain where `cover` (h, w) is.

    The same `seed` has the same grain at the same place of the picture.
    """
    out = color.copy()
    add_to(out, np.sign(cover), grain, seed, origin)
    return out


def add_to(
    color: Float, strength: Float, grain: Grain, seed: tuple[int, ...], origin: tuple[int, int]
) -> None:
    """As `add`, in place, with so much of the grain's deviation as `strength` (h, w) says."""
    left, top = (a + b for a, b in zip(_corner(seed), origin, strict=True))
    fine = np.float32(FINE / grain.most)
    in_bands(_add, len(color), strength, fine, grain.fine, _tile(), left, top, color)


@lru_cache(maxsize=16)
def _corner(seed: tuple[int, ...]) -> tuple[int, int]:
    """The place in the tile at which that seed begins."""
    x, y = np.random.default_rng(seed).integers(TILE_PX, size=2).tolist()
    return x, y


@cache
def _tile() -> Float:
    """Noise (TILE_PX, TILE_PX, 3) of deviation 1, which is repeated."""
    return np.random.default_rng(0).standard_normal((TILE_PX, TILE_PX, 3), np.float32)


@numba.njit(cache=True, nogil=True)
def _add(
    first: int,
    end: int,
    strength: Float,
    fine: np.float32,
    sigma: Float,
    tile: Float,
    left: int,
    top: int,
    out: Float,
) -> None:
    """`sigma` (FINE + 1, 3) by luminance times `fine`."""
    for y in range(first, end):
        noise = tile[(top + y) % TILE_PX]
        for x in range(out.shape[1]):
            share = strength[y, x]
            if share <= 0:
                continue
            luma = LUMA[0] * out[y, x, 0] + LUMA[1] * out[y, x, 1] + LUMA[2] * out[y, x, 2]
            n = int(min(max(luma * fine, np.float32(0)), np.float32(FINE)))
            at = (left + x) % TILE_PX
            for k in range(3):
                out[y, x, k] += share * sigma[n, k] * noise[at, k]


def _face(plate: Float, points_px: Float) -> tuple[Float, float]:
    """The finite pixels about the face (h, w, 3), and the face's height in pixels."""
    size = [plate.shape[1], plate.shape[0]]
    low = np.clip(np.floor(points_px[:68].min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(points_px[:68].max(axis=0)), 0, size).astype(int)
    face = np.nan_to_num(plate[low[1] : high[1], low[0] : high[0], :3], posinf=0, neginf=0)
    return face.astype(np.float32), float(np.ptp(points_px[:68, 1]))
