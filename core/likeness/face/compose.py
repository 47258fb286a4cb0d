"""Lays a moved head over its background, and says where the picture has changed."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face.body import Body
from likeness.face.cutout import NOWHERE, Cutout
from likeness.face.data_layers import NO_DATA, Data, describe
from likeness.face.folds import FOLDING, FULL_MATTE, NO_FOLDS, Folds, folding, folds_at
from likeness.face.part import Part
from likeness.face.warp import EVERYWHERE, Around, Field, displacements, sample
from likeness.render.bands import in_bands
from likeness.render.raster import reaching, room
from likeness.render.simd import FAST, stream

Float = NDArray[np.float32]
Int = NDArray[np.int32]

NO_SKIN = Part((slice(0, 0), slice(0, 0)), np.empty((0, 0, 4), np.float32))
EVEN = np.ones(3, np.float32)
STILL = np.empty((0, 0, 2), np.float32)
FULL_MATTE_PX, FULL_MATTE_LIGHT = 0.35, 0.02  # displacement and change of light from which the matte is 1
SQUEEZED, PARTS = 1.3, 4  # pixels of the plate in one, from which on its edge is squeezed; samples of it then
MIXED = 0.5  # of the head's alpha: what has less is too much its old background, before what comes into sight
RUN = 64  # pixels of a row that are looked at together
SIEVE_ROWS = 64  # for so many, the triangles that can reach them are told from all others
BAND_ROWS = 8  # so many are drawn at once: what is between the mesh and the picture stays in the cache


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
    skin: Part = NO_SKIN,
    alone: bool = False,
) -> tuple[Float, Float]:
    """Draw the region with first pixel `origin` into `canvas` (H, W, 3 or more), a copy of the picture.

    The head follows the field, over a clean plate. `body` is the plate's body, and its displacement
    (h, w, 2), where it goes with the head. Between these lies `skin`, RGBA, premultiplied. `tint` (3,) is the
    light's (see `Light`). The `folds` relight what was drawn; `data` is filled with what the field's mesh
    carries. Returns the region's matte (h, w) and, if asked for, the motion (h, w, 2): displacement from the
    place in the plate to the place here, pixels. Where the matte is 0, the canvas is left as it is and the
    motion is 0. `alone`: the matte is not of all that changed, but how much of that is the head.
    """
    height, width = (len(side) for side in field.ramp)
    matte = np.empty((height, width), np.float32)
    moved = np.empty((height, width, 2) if motion else (0, 0, 2), np.float32)
    span = _spans(cutout, origin, (height, width), field.reach_px)
    if body is None:
        under = np.empty((0, 0, 4), np.float32), np.empty((0, 0, 3), np.float32), 0, STILL
    else:
        span[_ceiling(body[0].top - origin[1], body[1]) :] = 0, width
        under = body[0].layer, body[0].bare, body[0].top, body[1]
    laid = skin.values, skin.spot[0].start, skin.spot[1].start
    head = (plate, cutout.layer, cutout.clean, *under, *laid, tint, *cutout.origin, *origin, span, alone)
    in_bands(_draw, height, *head, *field.parts, folds, data, canvas, matte, moved)
    return matte, moved


def _ceiling(floor: int, body: Float) -> int:
    """The first row to which a body comes that begins at row `floor` and is displaced (h, w, 2)."""
    rows = np.arange(min(max(floor, 0), len(body)))
    came = np.flatnonzero(rows + body[: len(rows), :, 1].max(axis=1) > floor - 1)
    return int(came[0]) if len(came) else max(floor, 0)


def _spans(
    cutout: Cutout, origin: tuple[int, int], shape: tuple[int, int], reach_px: tuple[float, float]
) -> Int:
    """First and end column (h, 2) between which the head is or may come, by row of the region."""
    across, down = (int(np.ceil(reach)) + 2 for reach in reach_px)
    right, below = cutout.origin[0] - origin[0], cutout.origin[1] - origin[1]
    return _reached(cutout.span, right, below, across, down, *shape)


@numba.njit(cache=True, nogil=True)
def _reached(span: Int, right: int, below: int, across: int, down: int, height: int, width: int) -> Int:
    """First and end column (h, 2) that a head of that `span` (N, 2) can reach in each row of a region.

    It lies so far `right` and `below` in it, and comes no farther than `across` and `down`.
    """
    out = np.zeros((height, 2), np.int32)
    for y in range(height):
        first, end = NOWHERE, -NOWHERE
        for r in range(max(y - below - down, 0), min(y - below + down + 1, len(span))):
            first, end = min(first, span[r, 0]), max(end, span[r, 1])
        if first < end:
            out[y, 0] = min(max(first + right - across, 0), width)
            out[y, 1] = min(max(end + right + across, 0), width)
    return out


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _shares(dx: Float, dy: Float, light: Float, out: Float) -> None:
    """How much each pixel (w,) has changed: 0 when it has hardly moved, then soon 1."""
    zero, one = np.float32(0), np.float32(1)
    for x in range(np.uint64(len(out))):
        far = np.sqrt(dx[x] * dx[x] + dy[x] * dy[x]) * np.float32(1 / FULL_MATTE_PX)
        far = max(far, abs(light[x]) * np.float32(1 / FULL_MATTE_LIGHT))
        share = min(max(far - np.float32(0.05), zero), one)
        out[x] = share * share * (np.float32(3) - np.float32(2) * share)


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
    skin: Float,
    skin_top: int,
    skin_left: int,
    tint: Float,
    left: int,
    top: int,
    x0: int,
    y0: int,
    span: Int,
    alone: bool,
    points: Float,
    triangles: Int,
    extent: Int,
    moved: Float,
    around: Around,
    folds: Folds,
    data: Data,
    canvas: Float,
    matte: Float,
    motion: Float,
) -> None:
    width = matte.shape[1]
    near, carried = room(BAND_ROWS, width, moved.shape[1])
    relit = folds.texels.size > 0
    folded, left_fold, end_fold = np.zeros((width if relit else 0, 4), np.float32), 0, 0
    went = np.empty((width if motion.size > 0 else 0, 2), np.float32)
    spare = np.empty(9 * width, np.float32)
    few = FOLDING if relit and data.depth.size == 0 else 0  # layers ask for all everywhere
    flow, flat_motion = went.reshape(-1), motion.reshape(-1)
    there, reach = triangles, extent
    for start in range(first, end, BAND_ROWS):
        stop = min(start + BAND_ROWS, end)
        if (start - first) % SIEVE_ROWS == 0:
            there, reach = reaching(start, min(start + SIEVE_ROWS, end), triangles, extent)
        if relit:
            folded[left_fold:end_fold] = 0
            left_fold, end_fold = folding(start, stop, width, points, there, reach, moved)
        displacements(
            start, stop, span, points, there, reach, moved, around, near, carried, few,
        )  # fmt: skip
        for y in range(start, stop):
            low, high, row = int(span[y, 0]), int(span[y, 1]), y - start
            matte[y, :low] = matte[y, high:] = went[:low] = went[high:] = 0
            if relit:
                folds_at(near[row], carried[row], left_fold, end_fold, folds, folded)
            if data.depth.size > 0:
                describe(y, 0, near[row, :width], carried[row], folded[left_fold:end_fold], left_fold, data)
            if low < high:
                relit_from = min(max(left_fold, low), high)
                line = min(max(y - skin_top, 0), max(len(skin) - 1, 0))
                lies = skin[line : line + 1 if line == y - skin_top else line].reshape(-1, 4)
                _draw_row(
                    y, low, high, carried[row], plate, layer, clean, under, bare, floor, body,
                    lies, skin_left - low, tint, left, top, x0, y0,
                    folded[relit_from : max(min(end_fold, high), relit_from)],
                    relit_from - low, canvas, matte, went[low:high], spare,
                )  # fmt: skip
                if alone:
                    matte[y, low:high] *= spare[2 * (high - low) : 6 * (high - low)].reshape(-1, 4)[:, 3]
            if motion.size > 0:
                stream(flow, np.uint64(went.size), flat_motion, np.uint64(y * went.size))


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _draw_row(
    y: int,
    low: int,
    high: int,
    row: Float,
    plate: Float,
    layer: Float,
    clean: Float,
    under: Float,
    bare: Float,
    floor: int,
    body: Float,
    skin: Float,
    skin_left: int,
    tint: Float,
    left: int,
    top: int,
    x0: int,
    y0: int,
    folded: Float,
    relit_from: int,
    canvas: Float,
    matte: Float,
    went: Float,
    spare: Float,
) -> None:
    """Draw the columns from `low` to before `high`; `row` (3 or more, w): how they move, and their light.

    `folded` (n, 4), the folds of as many of them from `relit_from` on, and `went` (w, 2), their motion, are
    empty if there are none or it is not asked for. `skin` (n, 4), what lies below the head, begins at
    `skin_left`. `spare` is room to work in, nine numbers a pixel.
    """
    zero, one = np.float32(0), np.float32(1)
    dx, dy, light = row[0, low:high], row[1, low:high], row[2, low:high]
    wide = high - low
    at_x, at_y = spare[:wide], spare[wide : 2 * wide]
    head, color = spare[2 * wide : 6 * wide].reshape(wide, 4), spare[6 * wide : 9 * wide].reshape(wide, 3)
    share = shown = matte[y, low:high]
    _shares(dx, dy, light, share)
    _head(y0 + y - top, x0 + low - left, dx, dy, share, layer, plate.shape, left, top, at_x, at_y, head)
    deep = y0 + y - floor
    moving = body.size > 0 and (deep >= 0 or deep + body[y, low:high, 1].max() > -1)
    if moving:
        back, going = _body(deep, x0 + low, body[y, low:high], under)
    else:
        back, going = head, share
    r, first, rows, columns = y0 + y - top, x0 + low - left, layer.shape[0], layer.shape[1]
    out, own_row = canvas[y0 + y, x0 + low : x0 + high], plate[y0 + y, x0 + low : x0 + high]
    _toned(head, light, tint, color)
    for begin in range(0, len(share), RUN):
        end = min(begin + RUN, len(share))
        if not moving and _plain(head, share, begin, end):  # as nearly all
            continue
        for x in range(np.uint64(begin), np.uint64(end)):
            alpha, changed = head[x, 3], share[x]
            if alpha >= one and changed >= one and not moving:
                continue
            c = first + np.int64(x)
            inside = 0 <= r < rows and 0 <= c < columns
            k = np.int64(x) - skin_left
            laid = skin[k, 3] if 0 <= k < len(skin) else zero
            if alpha <= zero and laid <= zero and not (inside and layer[r, c, 3] > zero):
                changed = zero
            if moving:
                changed = max(changed, going[x])
            shown[x] = changed
            if changed <= zero:
                continue
            carried = moving and going[x] > zero
            clear = one
            if laid > zero and alpha < one:
                clear -= laid * (one - max(alpha - np.float32(MIXED), zero) * np.float32(1 / (1 - MIXED)))
                alpha *= clear
            for n in range(np.uint64(3)):
                value = clear * color[x, n]
                if alpha < one:
                    if carried and deep >= 0:
                        behind = bare[deep, np.uint64(x0 + low) + x, n]
                    else:
                        behind = clean[r, c, n] if inside else own_row[x, n]
                    if carried:
                        behind = back[x, n] + (one - back[x, 3]) * behind
                    if laid > zero:
                        behind = skin[k, n] + (one - laid) * behind
                    value += (one - alpha) * behind
                if changed < one and np.isfinite(own_row[x, n]):
                    value = own_row[x, n] + changed * (value - own_row[x, n])
                color[x, n] = value
    _went(dx, dy, shown, went)
    if moving and len(went):
        for x in range(len(share)):
            if head[x, 3] <= zero and going[x] > zero and shown[x] > zero:
                went[x, 0], went[x, 1] = -body[y, low + x, 0], -body[y, low + x, 1]
    if len(folded):
        relit = slice(relit_from, relit_from + len(folded))
        _fold(folded, tint, color[relit], shown[relit], out[relit])
    _put(color, shown, out)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _plain(head: Float, share: Float, first: Any, end: Any) -> bool:
    """Whether all pixels of a row (w, 4) from `first` to `end` are wholly the head's, or as they were."""
    mixed = 0
    for x in range(np.uint64(first), np.uint64(end)):
        mixed += (share[x] > 0) & ((head[x, 3] < 1) | (share[x] < 1))
    return mixed == 0


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _toned(head: Float, light: Float, tint: Float, out: Float) -> None:
    """The color (w, 3) of a row of the head (w, 4), as the change of its `light` (w,) makes it."""
    flat, given, three, four = out.reshape(-1), head.reshape(-1), np.uint64(3), np.uint64(4)
    red, green, blue = tint[0] - np.float32(1), tint[1] - np.float32(1), tint[2] - np.float32(1)
    for x in range(np.uint64(len(light))):
        tone = _exp(light[x])
        flat[three * x] = given[four * x] * (tone * _power(light[x] * red))
        flat[three * x + np.uint64(1)] = given[four * x + np.uint64(1)] * (tone * _power(light[x] * green))
        flat[three * x + np.uint64(2)] = given[four * x + np.uint64(2)] * (tone * _power(light[x] * blue))


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _went(dx: Float, dy: Float, shown: Float, out: Float) -> None:
    """The motion (w, 2) of the pixels that are shown, 0 of others; nothing if that is not asked for."""
    flat, zero, two = out.reshape(-1), np.float32(0), np.uint64(2)
    for x in range(np.uint64(len(out))):
        flat[two * x] = -dx[x] if shown[x] > zero else zero
        flat[two * x + np.uint64(1)] = -dy[x] if shown[x] > zero else zero


@numba.njit(cache=True, nogil=True)
def _put(color: Float, shown: Float, out: Float) -> None:
    """The row's color (w, 3) where it is shown (w,) into the first three channels of `out` (w, 3 or more)."""
    if out.shape[1] > 3:
        _copy(color, shown, out, True)
        return
    first, end = 0, len(shown)
    while end > 0 and shown[end - 1] <= 0:
        end -= 1
    while first < end and shown[first] <= 0:
        first += 1
    row, own = color[first:end], out[first:end]
    _copy(own, shown[first:end], row, False)
    stream(row.reshape(-1), np.uint64(row.size), own.reshape(-1), np.uint64(0))


@numba.njit(cache=True, nogil=True)
def _copy(color: Float, shown: Float, out: Float, where: bool) -> None:
    """The first three channels of a row where it is shown (w,), or where it is not."""
    for begin in range(0, len(shown), RUN):
        end, there = min(begin + RUN, len(shown)), 0
        for x in range(np.uint64(begin), np.uint64(end)):
            there += (shown[x] > 0) == where
        if there == 0:
            continue
        for x in range(np.uint64(begin), np.uint64(end)):
            if (shown[x] > 0) == where:
                for n in range(np.uint64(3)):
                    out[x, n] = color[x, n]


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _fold(folded: Float, tint: Float, color: Float, matte: Float, own: Float) -> None:
    """Relight a row's `color` (w, 3) by what folds (w, 4) change of the light, the last.

    Where nothing has changed yet it becomes the row's `own` (w, 3 or more).
    """
    zero, one = np.float32(0), np.float32(1)
    for x in range(np.uint64(len(matte))):
        fold = folded[x, 3]
        if fold != zero:
            if matte[x] <= zero:
                color[x, 0], color[x, 1], color[x, 2] = own[x, 0], own[x, 1], own[x, 2]
            matte[x] = max(matte[x], min(abs(fold) * np.float32(1 / FULL_MATTE), one))
            for n in range(np.uint64(3)):
                color[x, n] *= _exp(fold * tint[n])


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _head(
    r: int,
    c: int,
    dx: Float,
    dy: Float,
    share: Float,
    layer: Float,
    shape: tuple[int, int, int],
    left: int,
    top: int,
    at_x: Float,
    at_y: Float,
    out: Float,
) -> None:
    """What of the head comes to a row (w, 4), premultiplied, from pixel (`c`, `r`) of its cutout on.

    Beyond the cutout there is no head, unless the picture, of that `shape`, itself ends there. `at_x` and
    `at_y` (w,) are room to work in.
    """
    half, (rows, columns) = np.float32(0.5), layer.shape[:2]
    far = np.float32(np.inf)
    ends = (
        -half if left > 0 else -far,
        -half if top > 0 else -far,
        np.float32(columns) - half if left + columns < shape[1] else far,
        np.float32(rows) - half if top + rows < shape[0] else far,
    )
    for x in range(np.uint64(len(share))):
        at_x[x] = np.float32(np.int32(c) + np.int32(x)) + dx[x]
        at_y[x] = np.float32(r) + dy[x]
    sample(layer, at_x, at_y, share, ends, out)
    _spread_squeezed(layer, at_x, at_y, share, ends, out)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _spread_squeezed(
    layer: Float, at_x: Float, at_y: Float, share: Float, ends: tuple[Any, Any, Any, Any], out: Float
) -> None:
    """Make pixels of a row (w, 4) the mean over their width where the head's edge is squeezed, in place.

    A turned cheek's edge is narrower than a pixel, and one sample would hit it in one row and miss it in the
    next: steps and dashes.
    """
    first, end = len(share), 0
    for begin in range(1, len(share) - 1, RUN):
        stop = min(begin + RUN, len(share) - 1)
        if _steepest(at_x, begin, stop) >= np.float32(2 * SQUEEZED):  # of nearly all, nothing else is asked
            for x in range(begin, stop):
                if _squeezed(at_x, share, out, x):
                    first, end = min(first, x), x + 1
    if first >= end:
        return
    again, mean = np.zeros(end - first, np.float32), np.zeros((end - first, 4), np.float32)
    x_there, y_there, part = np.empty_like(again), np.empty_like(again), np.empty_like(mean)
    for x in range(first, end):
        again[x - first] = np.float32(1) if _squeezed(at_x, share, out, x) else np.float32(0)
    for n in range(PARTS):
        off = np.float32((n + 0.5) / PARTS - 0.5)
        for x in range(first, end):
            side = x + 1 if off > 0 else x - 1
            x_there[x - first] = at_x[x] + abs(off) * (at_x[side] - at_x[x])
            y_there[x - first] = at_y[x] + abs(off) * (at_y[side] - at_y[x])
        sample(layer, x_there, y_there, again, ends, part)
        for x in range(end - first):
            for k in range(4):
                mean[x, k] += part[x, k] * np.float32(1 / PARTS)
    for x in range(end - first):
        if again[x] > 0:
            out[first + x] = mean[x]


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _steepest(at_x: Float, begin: Any, end: Any) -> Any:
    """The most by which places before and after each pixel from `begin` to `end` of a row (w,) differ."""
    one, most = np.uint64(1), np.float32(0)
    for x in range(np.uint64(begin), np.uint64(end)):
        most = max(most, abs(at_x[x + one] - at_x[x - one]))
    return most


@numba.njit(cache=True, nogil=True, fastmath=FAST, inline="always")
def _squeezed(at_x: Float, share: Float, head: Float, x: int) -> bool:
    """Whether a pixel of a row shows more than its own width of the plate, and the head's edge is near."""
    if share[x] <= 0 or abs(at_x[x + 1] - at_x[x - 1]) < np.float32(2 * SQUEEZED):
        return False
    before, here, after = head[x - 1, 3], head[x, 3], head[x + 1, 3]
    return min(before, here, after) < 1 and max(before, here, after) > 0


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _body(r: int, c: int, way: Float, under: Float) -> tuple[Float, Float]:
    """What of the body comes to a row (w, 4), and how much (w,) changes as it comes or goes.

    It begins at pixel (`c`, `r`) of what is `under`, perhaps above it, and is displaced by `way` (w, 2).
    """
    width = len(way)
    dx, dy, still = np.empty(width, np.float32), np.empty(width, np.float32), np.zeros(width, np.float32)
    for x in range(width):
        dx[x], dy[x] = way[x, 0], way[x, 1]
    going, out = np.empty(width, np.float32), np.empty((width, 4), np.float32)
    _shares(dx, dy, still, going)
    for x in range(width):
        dx[x], dy[x] = np.float32(c) + np.float32(x) + dx[x], np.float32(r) + dy[x]
    sample(under, dx, dy, going, EVERYWHERE, out)
    for x in range(width):
        if going[x] > 0 and out[x, 3] <= 0 and (r < 0 or under[r, c + x, 3] <= 0):
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


def isolated(
    plate: Float,
    picture: Float,
    matte: Float,
    channels: tuple[int, ...],
    origin: tuple[int, int],
    window: tuple[slice, slice],
) -> Float:
    """What was drawn, alone and premultiplied (h, w, 4), at rows and columns `window` of the `matte`.

    The matte begins at pixel `origin` of the drawn `picture` and of the `plate`, in its `channels`.
    """
    rows, columns = window
    out = np.empty((rows.stop - rows.start, columns.stop - columns.start, 4), np.float32)
    corners = (origin[0] + columns.start, origin[1] + rows.start, columns.start, rows.start)
    in_bands(_isolate, len(out), plate, picture, matte, channels, *corners, out)
    return out


@numba.njit(cache=True, nogil=True)
def _isolate(
    first: int,
    end: int,
    plate: Float,
    picture: Float,
    matte: Float,
    channels: tuple[int, int, int],
    x0: int,
    y0: int,
    left: int,
    top: int,
    out: Float,
) -> None:
    zero, one = np.float32(0), np.float32(1)
    red, green, blue = np.uint64(channels[0]), np.uint64(channels[1]), np.uint64(channels[2])
    width, flat = out.shape[1], out.reshape(-1)
    row = np.empty((width, 4), np.float32)
    line = row.reshape(-1)
    for y in range(first, end):
        behind, drawn = plate[y0 + y, x0 : x0 + width], picture[y0 + y, x0 : x0 + width]
        shown = matte[top + y, left : left + width]
        for begin in range(0, width, RUN):
            here = range(np.uint64(begin), np.uint64(min(begin + RUN, width)))
            whole = mixed = 0
            for x in here:
                whole += shown[x] >= one
                mixed += (shown[x] > zero) & (shown[x] < one)
            if whole == 0 and mixed == 0:
                for x in here:
                    row[x, 0] = row[x, 1] = row[x, 2] = row[x, 3] = zero
                continue
            for x in here:
                there, alpha = shown[x] > zero, shown[x]
                row[x, 0], row[x, 1] = drawn[x, 0] if there else zero, drawn[x, 1] if there else zero
                row[x, 2], row[x, 3] = drawn[x, 2] if there else zero, alpha if there else zero
            if mixed == 0:
                continue
            for x in here:
                if zero < shown[x] < one:
                    rest = one - shown[x]
                    row[x, 0] -= behind[x, red] * rest
                    row[x, 1] -= behind[x, green] * rest
                    row[x, 2] -= behind[x, blue] * rest
        stream(line, np.uint64(row.size), flat, np.uint64(y * row.size))


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
