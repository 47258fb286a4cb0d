"""Lays a moved head over its background, and says where the picture has changed."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face.body import Body
from likeness.face.cutout import NOWHERE, Cutout
from likeness.face.data_layers import NO_DATA, Data, describe
from likeness.face.folds import FULL_MATTE, NO_FOLDS, Folds, folds_at
from likeness.face.warp import EVERYWHERE, Field, displacements, sample
from likeness.render.bands import in_bands
from likeness.render.simd import FAST

Float = NDArray[np.float32]
Int = NDArray[np.int32]

EVEN = np.ones(3, np.float32)
STILL = np.empty((0, 0, 2), np.float32)
FULL_MATTE_PX, FULL_MATTE_LIGHT = 0.35, 0.02  # displacement and change of light from which the matte is 1
BAND_ROWS = 16  # so many are drawn at once: what is between the mesh and the picture stays in the cache


def compose(
    plate: Float,
    cutout: Cutout,
    field: Field,
    origin: tuple[int, int],
    canvas: Float,
    body: tuple[Body, Float] | None = None,
    tint: Float = EVEN,
    motion: bool = True,
    folds: Folds = NO_FOLDS,
    data: Data = NO_DATA,
) -> tuple[Float, Float]:
    """Draw the region with first pixel `origin` into `canvas` (H, W, 3 or more), a copy of the picture.

    The head follows the field, over a clean plate. `body` is the plate's body, and its displacement
    (h, w, 2), where it goes with the head. `tint` (3,) is the light's (see `Light`). The `folds` relight what
    was drawn; `data` is filled with what the field's mesh carries. Returns the region's matte (h, w) and, if
    asked for, the motion (h, w, 2): displacement from the place in the plate to the place here, pixels. Where
    the matte is 0, the canvas is left as it is and the motion is 0.
    """
    height, width = (len(side) for side in field.ramp)
    matte = np.zeros((height, width), np.float32)
    moved = np.zeros((height, width, 2) if motion else (0, 0, 2), np.float32)
    span = _spans(cutout, origin, (height, width), field.reach_px)
    if body is None:
        under = np.empty((0, 0, 4), np.float32), np.empty((0, 0, 3), np.float32), 0, STILL
    else:
        span[max(body[0].top - origin[1], 0) :] = 0, width
        under = body[0].layer, body[0].bare, body[0].top, body[1]
    head = (plate, cutout.layer, cutout.clean, *under, tint, *cutout.origin, *origin, span)
    in_bands(_draw, height, *head, *field.parts, folds, data, canvas, matte, moved)
    return matte, moved


def _spans(
    cutout: Cutout, origin: tuple[int, int], shape: tuple[int, int], reach_px: tuple[float, float]
) -> Int:
    """First and end column (h, 2) between which the head is or may come, by row of the region."""
    height, width = shape
    across, down = (int(np.ceil(reach)) + 2 for reach in reach_px)
    first, end = cutout.span.T
    rows = len(first)
    # beyond a picture's border its last pixels go on
    window = 2 * down + 1
    first = ndimage.minimum_filter1d(np.pad(first, down, constant_values=NOWHERE), window, mode="nearest")
    end = ndimage.maximum_filter1d(np.pad(end, down, constant_values=-NOWHERE), window, mode="nearest")
    at = np.arange(height) + origin[1] - cutout.origin[1] + down
    inside = (at >= 0) & (at < rows + 2 * down)
    at = np.clip(at, 0, rows + 2 * down - 1)
    shift = cutout.origin[0] - origin[0]
    low = np.where(inside, first[at] + shift - across, 0)
    high = np.where(inside, end[at] + shift + across, 0)
    return np.clip(np.stack([low, high], 1), 0, width).astype(np.int32)


@numba.njit(cache=True, nogil=True, inline="always")
def _share(dx: Any, dy: Any, light: Any) -> Any:
    """How much a pixel has changed: 0 when it has hardly moved, then soon 1."""
    zero, one = np.float32(0), np.float32(1)
    far = max(
        np.sqrt(dx * dx + dy * dy) * np.float32(1 / FULL_MATTE_PX),
        abs(light) * np.float32(1 / FULL_MATTE_LIGHT),
    )
    share = min(max(far - np.float32(0.05), zero), one)
    return share * share * (np.float32(3) - np.float32(2) * share)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _draw(
    first: int,
    end: int,
    plate: Float,
    layer: Float,
    clean: Float,
    under: Float,
    bare: Float,
    floor: int,
    body: Float,
    tint: Float,
    left: int,
    top: int,
    x0: int,
    y0: int,
    span: Int,
    points: Float,
    triangles: Int,
    extent: Int,
    moved: Float,
    per_px: Any,
    grid: Float,
    down: Float,
    across: Float,
    folds: Folds,
    data: Data,
    canvas: Float,
    matte: Float,
    motion: Float,
) -> None:
    width = matte.shape[1]
    field = np.empty((BAND_ROWS, 3, width), np.float32)
    near, carried = (
        np.empty((BAND_ROWS, width), np.float32),
        np.empty((BAND_ROWS, width, moved.shape[1]), np.float32),
    )
    folded = np.zeros((width, 4), np.float32)
    for start in range(first, end, BAND_ROWS):
        stop = min(start + BAND_ROWS, end)
        displacements(
            start, stop, span, points, triangles, extent, moved, per_px, grid, down, across, near, carried,
            field,
        )  # fmt: skip
        for y in range(start, stop):
            low, high, row = span[y, 0], span[y, 1], y - start
            if folds.texels.size > 0:
                everywhere = data.depth.size > 0
                begin, stop_at = (0, width) if everywhere else (np.int64(low), np.int64(high))
                folds_at(near[row], carried[row], begin, stop_at, folds, folded)
            if data.depth.size > 0:
                describe(y, near[row], carried[row], folded, data)
            if low < high:
                _draw_row(
                    y, low, high, field[row], folded, plate, layer, clean, under, bare, floor, body, tint,
                    left, top, x0, y0, canvas, matte, motion,
                )  # fmt: skip


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _draw_row(
    y: int,
    low: int,
    high: int,
    row: Float,
    folded: Float,
    plate: Float,
    layer: Float,
    clean: Float,
    under: Float,
    bare: Float,
    floor: int,
    body: Float,
    tint: Float,
    left: int,
    top: int,
    x0: int,
    y0: int,
    canvas: Float,
    matte: Float,
    motion: Float,
) -> None:
    """Draw the columns from `low` to before `high`; `row` (3, w): their displacement and change of light.

    `folded` (w, 4): what folds change of that light besides, the last.
    """
    zero, one, width = np.float32(0), np.float32(1), matte.shape[1]
    share, tone = np.empty(width, np.float32), np.empty((3, width), np.float32)
    dx, dy, light = row
    red, green, blue = tint - one
    for x in range(np.uint64(low), np.uint64(high)):
        share[x] = _share(dx[x], dy[x], light[x])
    for x in range(np.uint64(low), np.uint64(high)):
        factor = _exp(light[x])
        tone[0, x] = factor * _power(light[x] * red)
        tone[1, x] = factor * _power(light[x] * green)
        tone[2, x] = factor * _power(light[x] * blue)
    head = _head(y0 + y - top, x0 - left, low, high, row, share, layer, plate.shape, left, top)
    moving = body.size > 0 and y0 + y >= floor
    if moving:
        back, going = _body(y, low, high, x0, y0 - floor, body, under)
    else:
        back, going = head, share
    r, rows, columns = y0 + y - top, layer.shape[0], layer.shape[1]
    out, own_row, shown = canvas[y0 + y], plate[y0 + y], matte[y]
    for x in range(np.uint64(low), np.uint64(high)):
        c, at = x0 + np.int64(x) - left, np.uint64(x0) + x
        inside = 0 <= r < rows and 0 <= c < columns
        alpha, changed, fold = head[x, 3], share[x], folded[x, 3]
        if alpha <= zero and not (inside and layer[r, c, 3] > zero):
            changed = zero
        if moving:
            changed = max(changed, going[x])
        if changed > zero:
            shown[x] = changed
            if motion.size > 0:
                motion[y, x, 0], motion[y, x, 1] = -dx[x], -dy[x]
                if moving and alpha <= zero and going[x] > zero:
                    motion[y, x, 0], motion[y, x, 1] = -body[y, x, 0], -body[y, x, 1]
            carried = moving and going[x] > zero
            for n in range(np.uint64(3)):
                value = head[x, n] * tone[n, x]
                if alpha < one:
                    if carried:
                        behind = back[x, n] + (one - back[x, 3]) * bare[y0 + y - floor, at, n]
                    else:
                        behind = clean[r, c, n] if inside else own_row[at, n]
                    value += (one - alpha) * behind
                if changed < one and np.isfinite(own_row[at, n]):
                    value = own_row[at, n] + changed * (value - own_row[at, n])
                out[at, n] = value
        if fold != zero:
            shown[x] = max(shown[x], min(abs(fold) * np.float32(1 / FULL_MATTE), one))
            for n in range(3):
                out[at, n] *= _exp(fold * tint[n])


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _head(
    r: int,
    shift: int,
    low: int,
    high: int,
    row: Float,
    share: Float,
    layer: Float,
    shape: tuple[int, int, int],
    left: int,
    top: int,
) -> Float:
    """What of the head comes to a row (w, 4), the `r`th of its cutout: premultiplied color and alpha.

    `shift` is the column of the cutout at the region's first. Beyond the cutout there is no head, unless the
    picture, of that `shape`, itself ends there.
    """
    half, (rows, columns) = np.float32(0.5), layer.shape[:2]
    far = np.float32(np.inf)
    ends = (
        -half if left > 0 else -far,
        -half if top > 0 else -far,
        np.float32(columns) - half if left + columns < shape[1] else far,
        np.float32(rows) - half if top + rows < shape[0] else far,
    )
    at_x, at_y = np.empty(row.shape[1], np.float32), np.empty(row.shape[1], np.float32)
    out = np.empty((row.shape[1], 4), np.float32)
    for x in range(np.uint64(low), np.uint64(high)):
        at_x[x] = np.float32(shift) + np.float32(x) + row[0, x]
        at_y[x] = np.float32(r) + row[1, x]
    sample(layer, at_x, at_y, share, low, high, ends, out)
    return out


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _body(y: int, low: int, high: int, x0: int, y0: int, body: Float, under: Float) -> tuple[Float, Float]:
    """What of the body comes to a row (w, 4), and how much (w,) changes as it comes or goes."""
    width = body.shape[1]
    at_x, at_y = np.empty(width, np.float32), np.empty(width, np.float32)
    going, out = np.zeros(width, np.float32), np.empty((width, 4), np.float32)
    for x in range(low, high):
        going[x] = _share(body[y, x, 0], body[y, x, 1], np.float32(0))
        at_x[x], at_y[x] = np.float32(x0 + x) + body[y, x, 0], np.float32(y0 + y) + body[y, x, 1]
    sample(under, at_x, at_y, going, low, high, EVERYWHERE, out)
    for x in range(low, high):
        if going[x] > 0 and out[x, 3] <= 0 and under[y0 + y, x0 + x, 3] <= 0:
            going[x] = 0
    return out, going


@numba.njit(cache=True, nogil=True, fastmath=FAST, inline="always")
def _exp(x: Any) -> Any:
    """The exponential, within 1e-4 where it is below 6: of a sixteenth by its series, then squared."""
    x *= np.float32(1 / 16)
    out = np.float32(1) + x * (np.float32(1) + x * (np.float32(0.5) + x * np.float32(1 / 6)))
    out *= out
    out *= out
    out *= out
    return out * out


@numba.njit(cache=True, nogil=True, fastmath=FAST, inline="always")
def _power(x: Any) -> Any:
    """The exponential of a small number: within 4 % where it is 0.6, and three times as fast."""
    return np.float32(1) + x + np.float32(0.5) * x * x


def isolated(plate: Float, color: Float, matte: Float, channels: tuple[int, ...]) -> Float:
    """What was drawn, alone and premultiplied (h, w, 4): over those `channels` of `plate` it is `color`."""
    out = np.zeros((*matte.shape, 4), np.float32)
    in_bands(_isolate, len(out), plate, color, matte, channels, out)
    return out


@numba.njit(cache=True, nogil=True)
def _isolate(
    first: int,
    end: int,
    plate: Float,
    color: Float,
    matte: Float,
    channels: tuple[int, int, int],
    out: Float,
) -> None:
    for y in range(first, end):
        for x in range(matte.shape[1]):
            alpha = matte[y, x]
            if alpha > 0:  # memory that is never written is never taken
                out[y, x, 3] = alpha
                for k in range(3):
                    out[y, x, k] = color[y, x, k] - plate[y, x, channels[k]] * (1 - alpha)


def hold_out(plate: Float, matte: Float, color: Float, in_front: Float) -> Float:
    """Give `color` (h, w, 3) back to the plate (h, w, 3) where `in_front` (h, w) of it must stay, in place.

    Returns the matte (h, w) that is left.
    """
    left = matte * (1 - np.clip(in_front, 0, 1))
    # the color is already mixed with the plate by its own matte; this takes more of it away
    share = left / np.maximum(matte, 1e-6)
    mixed = plate + (color - plate) * share[..., None]
    color[:] = np.where(left[..., None] <= 0, plate, mixed)
    return left


def paste(pixels: Float, color: Float, matte: Float, channels: tuple[int, ...]) -> None:
    """Put `color` (h, w, 3) into those `channels` of `pixels` (h, w, C) where `matte` (h, w) is, in place."""
    in_bands(_paste, len(pixels), pixels, color, matte, channels)


@numba.njit(cache=True, nogil=True)
def _paste(
    first: int, end: int, pixels: Float, color: Float, matte: Float, channels: tuple[int, int, int]
) -> None:
    for y in range(first, end):
        for x in range(pixels.shape[1]):
            if matte[y, x] > 0:
                for k in range(3):
                    pixels[y, x, channels[k]] = color[y, x, k]
