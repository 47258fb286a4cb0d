"""Tells the parts of a face apart: skin, brows, eyes, lips, mouth, teeth, hair, and what is before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face.landmarks import Crop, sample_crop
from likeness.render.bands import in_bands
from likeness.runtime import session

Float = NDArray[np.float32]

REGIONS = (
    "background",
    "skin",
    "brow",
    "eye",
    "lips",
    "mouth_inside",
    "teeth",
    "hair",
    "ears",
    "neck",
    "glasses",
    "occluder",
)
CROP_PX = 256
STEADY = 0.5  # how much of the frame before is kept where nothing changed
CHANGED = 0.35  # difference of alpha above which the frame before is forgotten
GUIDE_RADIUS = 1  # cells of the map
GUIDE_NOISE = 2e-3  # variance of luminance below which edges are not followed


@dataclass(frozen=True)
class Regions:
    """The soft regions of one crop.

    `alpha` (128, 128, 12) sums to one over `REGIONS`. `slope` and `offset`, of the same shape, give the alpha
    of any pixel from its luminance (the guided filter's coefficients, He et al. 2013), so that edges of the
    picture are kept at its own resolution.
    """

    alpha: Float
    slope: Float
    offset: Float
    crop: Crop

    def in_picture(
        self, box: tuple[int, int, int, int], picture: Float | None = None, names: Sequence[str] = REGIONS
    ) -> Float:
        """The regions of the pixels x0 <= x < x1, y0 <= y < y1 of the picture, `box` = (x0, y0, x1, y1).

        With `picture` (H, W, 3), sRGB-like, of which every pixel of `box` must be part, edges follow it.
        Returns (y1 - y0, x1 - x0, N) of those `names`; all of them sum to one. Outside of the crop all is
        background.
        """
        x0, y0, x1, y1 = box
        matrix = self.crop.matrix
        inverse = np.linalg.inv(matrix[:, :2])
        back = np.concatenate([inverse, -(inverse @ matrix[:, 2])[:, None]], 1)
        chosen = np.array([REGIONS.index(name) for name in names])
        out = np.empty((max(y1 - y0, 0), max(x1 - x0, 0), len(chosen)), np.float32)
        if picture is None:
            lines, guide = (np.zeros_like(self.alpha), self.alpha), np.zeros((0, 0), np.float32)
        else:
            lines = self.slope, self.offset
            guide = luminance(np.asarray(picture[y0:y1, x0:x1], np.float32))
        in_bands(_enlarge, len(out), *lines, back, x0, y0, guide, chosen, out)
        return out


def luminance(picture: Float) -> Float:
    """(H, W) of (H, W, 3)."""
    gray: Float = picture @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    return gray


def segment(picture: Float, crop: Crop, device: str = "auto", before: Regions | None = None) -> Regions:
    """The regions of the face in `crop` of a picture (H, W, 3), sRGB-like, 0..1.

    `before` are the regions of the frame before of the same face: since crops follow the face, what has
    not changed in the crop is averaged over time, which keeps the edges of clips from flickering.
    """
    blob = sample_crop(picture, crop, CROP_PX)[None]
    found = session("face_regions", device)(blob)[0][0]
    alpha = np.ascontiguousarray(found.transpose(1, 2, 0))
    if before is not None:
        change = np.abs(alpha - before.alpha).max(axis=2, keepdims=True)
        keep = STEADY * np.clip(1 - change / CHANGED, 0, 1)
        alpha = alpha + keep * (before.alpha - alpha)
    half = CROP_PX // alpha.shape[0]
    small = blob[0].reshape(3, alpha.shape[0], half, alpha.shape[1], half).mean(axis=(2, 4))
    slope, offset = _guided(luminance(small.transpose(1, 2, 0)), alpha)
    return Regions(alpha, slope, offset, crop)


def _box(values: Float) -> Float:
    """Mean over a square of `GUIDE_RADIUS`; edges are held."""
    side = 2 * GUIDE_RADIUS + 1
    out: Float = ndimage.uniform_filter(values, (side, side, 1), mode="nearest")
    return out


def _guided(guide: Float, alpha: Float) -> tuple[Float, Float]:
    """Slope and offset of each region's alpha as a line over luminance, in the neighborhood of each cell."""
    gray = guide[..., None]
    mean_gray, mean_alpha = _box(gray), _box(alpha)
    variance = _box(gray * gray) - mean_gray**2
    slope = (_box(gray * alpha) - mean_gray * mean_alpha) / (variance + GUIDE_NOISE)
    offset = alpha - slope * gray
    return np.ascontiguousarray(_box(slope)), np.ascontiguousarray(_box(offset))


@numba.njit(cache=True, nogil=True, fastmath=True)
def _enlarge(
    first: int,
    end: int,
    slope: Float,
    offset: Float,
    back: NDArray[np.float64],
    x0: int,
    y0: int,
    guide: Float,
    chosen: NDArray[np.int64],
    out: Float,
) -> None:
    """Bilinear values of slope * guide + offset at every pixel, clipped and made to sum to one."""
    rows, columns, count = offset.shape
    guided, values = guide.size > 0, np.empty(count, np.float32)
    for row in range(first, end):
        for column in range(out.shape[1]):
            px, py = x0 + column + 0.5, y0 + row + 0.5
            x = (back[0, 0] * px + back[0, 1] * py + back[0, 2]) * columns - 0.5
            y = (back[1, 0] * px + back[1, 1] * py + back[1, 2]) * rows - 0.5
            if x < -0.5 or y < -0.5 or x > columns - 0.5 or y > rows - 0.5:
                values[:] = 0.0
                values[0] = 1.0
            else:
                x, y = min(max(x, 0.0), columns - 1.0), min(max(y, 0.0), rows - 1.0)
                i, j = min(int(y), rows - 2), min(int(x), columns - 2)
                v, u = np.float32(y - i), np.float32(x - j)
                total = np.float32(1e-6)
                for k in range(count):
                    b = (1 - v) * ((1 - u) * offset[i, j, k] + u * offset[i, j + 1, k])
                    b += v * ((1 - u) * offset[i + 1, j, k] + u * offset[i + 1, j + 1, k])
                    if guided:
                        a = (1 - v) * ((1 - u) * slope[i, j, k] + u * slope[i, j + 1, k])
                        a += v * ((1 - u) * slope[i + 1, j, k] + u * slope[i + 1, j + 1, k])
                        b += a * guide[row, column]
                    values[k] = min(max(b, np.float32(0)), np.float32(1))
                    total += values[k]
                values /= total
            for n in range(len(chosen)):
                out[row, column, n] = values[chosen[n]]
