"""Glasses before a face: their frames are lifted off, and laid over the redrawn face again.

Brows, lids and cheeks then move below them, while the frames go with the head alone and keep their shape. The
regions say where glasses may be; what there stands out of the picture as a thin line is frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face import fill
from likeness.face.cutout import regions_of
from likeness.face.landmarks import crop_from_points
from likeness.face.regions import REGIONS, Regions, segment
from likeness.face.warp import EVERYWHERE, polygon, sample
from likeness.head import points as dense
from likeness.render.simd import FAST

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Box = tuple[int, int, int, int]

GLASSES = REGIONS.index("glasses")
# Mean alpha about the eyes: from the first on a second look is worth it, and that is believed from the
# second, wholly from the third on. Without glasses it is up to 0.11 in seven real pictures, 0.12 in clips.
SUSPECTED, BELIEVED, SURE = 0.1, 0.13, 0.155
ZONE = (0.64, -0.2, 0.4)  # where glasses are, of the eyes' distance: aside, above and below their middle
LIKELY = 0.4  # alpha from which all that stands out is frame
FRAME = 0.045  # of the eyes' distance: wider is no frame
STANDS_OUT = (0.015, 0.06)  # in the display view: from the first on it may be frame, at the second it is
TONE = 0.012  # of the eyes' distance: what is finer is not continued below frames
EYE, BROW = 1.25, 0.03  # so much larger, and wider (of the eyes' distance), eyes and brows are no frames


@dataclass(frozen=True)
class Glasses:
    """Frames alone: `layer` (h, w, 4), premultiplied, and alpha, with first pixel `origin` of the picture."""

    layer: Float
    origin: tuple[int, int]


def worn(looks: Callable[[], Iterable[tuple[Float, Float]]], device: str = "auto") -> float:
    """How sure it is, from 0 to 1, that a person wears glasses.

    `looks` gives display views (H, W, 3) of one shot, one after the other, and the points (POINTS, 2) of the
    face in each; it is asked twice where glasses are likely.
    """
    whole = [_seen(regions_of(shown, points, device), points) for shown, points in looks()]
    if np.mean(whole) < SUSPECTED:
        return 0.0
    close = [_seen(segment(shown, crop_from_points(points), device), points) for shown, points in looks()]
    return float(np.clip((np.mean(close) - BELIEVED) / (SURE - BELIEVED), 0, 1))


def take_off(
    plate: Float, shown: Float, sure: float, points_px: Float, device: str = "auto"
) -> tuple[Float, Glasses | None]:
    """The plate (H, W, 3) without frames, and these; the plate itself and None where there are none.

    `shown` (H, W, 3) is its display view, `sure` as `worn` says, `points_px` (POINTS, 2).
    """
    if sure <= 0:
        return plate, None
    close = segment(shown, crop_from_points(points_px), device)
    x0, y0, width, height = _zone(points_px, plate.shape)
    spot = (slice(y0, y0 + height), slice(x0, x0 + width))
    likely = close.in_picture((x0, y0, x0 + width, y0 + height), names=["glasses"])[..., 0] / LIKELY
    apart = _apart(points_px)
    thin = _thin(np.ascontiguousarray(shown[spot], np.float32), max(2, round(FRAME * apart)))
    out = np.clip((thin - STANDS_OUT[0]) / (STANDS_OUT[1] - STANDS_OUT[0]), 0, 1)
    bare_skin = _features(points_px, apart, (x0, y0, width, height)) < 0.5
    alpha = (sure * np.clip(likely, 0, 1) * out * bare_skin).astype(np.float32)
    alpha = np.where(alpha > 0.05, ndimage.grey_dilation(alpha, size=3), 0).astype(np.float32)
    own = plate[spot][..., :3]
    known = (alpha <= 0) & np.isfinite(own).all(axis=2)
    if known.all() or not known.any():
        return plate, None
    skin = np.where(alpha[..., None] > 0, fill.toned(own, known, TONE * apart), own)
    color = np.where(alpha[..., None] > 0, own - (1 - alpha[..., None]) * skin, 0)
    out_plate = plate.copy()
    out_plate[spot][..., :3] = skin
    return out_plate, Glasses(np.dstack([color, alpha]).astype(np.float32), (x0, y0))


def lay(glasses: Glasses, back: Float, origin: tuple[int, int], color: Float, matte: Float) -> None:
    """Lay the frames over `color` (h, w, 3) of the region at `origin`, in place.

    `back` (2, 3) is the affine map from places of the picture to those of the plate. Where the frames were
    moved, `matte` (h, w) is at least their alpha.
    """
    moved = not np.allclose(back, np.eye(2, 3), atol=1e-5)
    corners = np.array([[x, y] for x in (0, 1) for y in (0, 1)]) * glasses.layer.shape[1::-1] + glasses.origin
    here = (corners - back[:, 2]) @ np.linalg.inv(back[:, :2]).T - origin
    low = np.maximum(np.floor(here.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(here.max(axis=0)).astype(int), [matte.shape[1], matte.shape[0]])
    if (high - low < 1).any():
        return
    spot = (slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])))
    first = back[:, :2] @ (low + np.array(origin) + 0.5) + back[:, 2] - glasses.origin - 0.5
    map_ = np.c_[back[:, :2], first].astype(np.float32)
    _lay(glasses.layer, map_, moved, color[spot], matte[spot])


def _apart(points_px: Float) -> float:
    """The distance of the eyes' outer corners."""
    return max(float(np.linalg.norm(points_px[36] - points_px[45])), 1.0)


def _zone(points_px: Float, shape: tuple[int, ...]) -> Box:
    """The box (x0, y0, width, height) of the picture in which the eyes' glasses are."""
    middle, apart = points_px[36:48].mean(axis=0), _apart(points_px)
    low = np.clip(np.floor(middle + apart * np.array([-ZONE[0], ZONE[1]])), 0, [shape[1] - 2, shape[0] - 2])
    high = np.clip(np.ceil(middle + apart * np.array([ZONE[0], ZONE[2]])), low + 2, [shape[1], shape[0]])
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _seen(regions: Regions, points_px: Float) -> float:
    """The mean alpha of glasses in their zone."""
    middle, apart = points_px[36:48].mean(axis=0), _apart(points_px)
    place = (np.arange(len(regions.alpha)) + 0.5) / len(regions.alpha)
    u, v = np.meshgrid(place, place)
    x, y = ((m[0] * u + m[1] * v + m[2] - middle[k]) / apart for k, m in enumerate(regions.crop.matrix))
    inside = (np.abs(x) < ZONE[0]) & (y > ZONE[1]) & (y < ZONE[2])
    return float(regions.alpha[inside, GLASSES].mean()) if inside.any() else 0.0


def _thin(shown: Float, size: int) -> Float:
    """How far (h, w) thin bright and dark lines, up to `size` pixels wide, stand out of a display picture."""
    around = (size + 1, size + 1, 1)
    bright = shown - ndimage.grey_opening(shown, size=around)
    dark = ndimage.grey_closing(shown, size=around) - shown
    return ndimage.gaussian_filter(np.maximum(bright, dark).max(axis=2), 0.5)


def _features(points_px: Float, apart: float, box: Box) -> Float:
    """Coverage (h, w) of eyes and brows, which stand out too."""
    out = np.zeros((box[3], box[2]), np.float32)
    for side in ("left", "right"):
        upper, lower = (points_px[dense.GROUPS[f"lid_{side}_{edge}"]] for edge in ("upper", "lower"))
        eye = np.concatenate([upper, lower[::-1][1:-1]])
        eye = eye.mean(axis=0) + EYE * (eye - eye.mean(axis=0))
        brow = points_px[dense.GROUPS[f"brow_{side}"]]
        half = np.array([0, BROW * apart])
        for outline in (eye, np.concatenate([brow - half, brow[::-1] + half])):
            np.maximum(out, polygon(outline.astype(np.float32), *box), out=out)
    return out


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _lay(layer: Float, back: Float, moved: bool, color: Float, matte: Float) -> None:
    (rows, columns), width = layer.shape[:2], matte.shape[1]
    at_x, at_y = np.empty(width, np.float32), np.empty(width, np.float32)
    inside, seen = np.empty(width, np.float32), np.zeros((width, 4), np.float32)
    for y in range(matte.shape[0]):
        for x in range(width):
            at_x[x] = back[0, 0] * x + back[0, 1] * y + back[0, 2]
            at_y[x] = back[1, 0] * x + back[1, 1] * y + back[1, 2]
            inside[x] = 0 <= at_x[x] <= columns - 1 and 0 <= at_y[x] <= rows - 1
        sample(layer, at_x, at_y, inside, EVERYWHERE, seen)
        for x in range(width):
            alpha = min(max(seen[x, 3], np.float32(0)), np.float32(1))
            if inside[x] == 0 or alpha <= 0:
                continue
            for n in range(3):
                color[y, x, n] = (1 - alpha) * color[y, x, n] + seen[x, n]
            if moved:
                matte[y, x] = max(matte[y, x], alpha)
