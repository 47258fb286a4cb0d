"""Fills holes of a picture: smooth tone from around them, and the texture of what lies beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.render.bands import in_bands
from likeness.render.blur import gaussian
from likeness.render.simd import FAST

Float = NDArray[np.float32]
Int = NDArray[np.integer]
Mask = NDArray[np.bool_]

SHORT = 2.5  # standard deviations of a bell that makes tone: beyond them it ends
COARSE = 2.5  # standard deviations: what stands out by more is a thing, not texture
FINER = 3.0  # lines that go on into a hole are told apart so many times as finely as its tone
SOFT = 2.0  # of its cells: what a tone is made soft by
DEEP, GONE = 10.0, 1e-3  # grains into a hole, lines have mostly faded into its tone; by this, wholly
REACH = 5  # cells about a place that say what comes to it
SHARP = 12.0  # how much less those count that lie across a line
SOFTER = 1.2  # of the way into a hole: over so much what lies nearest is made even
SOFTEST = 6  # doublings of it, at most
LINES = 4.0  # cells: the directions of lines are the mean over so many
SPARSE = 2.0  # places a grain, for which straight lines through a hole are drawn
WAYS = np.array([(np.sin(a), np.cos(a)) for a in np.arange(16) * (np.pi / 16)], np.float32)
ENDS = 0.08  # difference of colors (cube roots) over which a line's ends are hardly alike
FEW = 0.25  # lines whose ends are alike count as much as all else


def smooth(picture: Float, known: Mask) -> Float:
    """`picture` (H, W, C) where `known` (H, W), elsewhere continued smoothly (pull and push).

    Gortler et al., "The Lumigraph", 1996: means of ever larger cells, then back down where nothing was known.
    """
    return _pull_push(_masked(picture, known), known.astype(np.float32))


def smooth_cells(picture: Float, known: Mask, cell: int) -> Float:
    """As `smooth`, in cells of so many pixels (h, w, C); see `at_pixel`."""
    cells = cells_of(picture, known, cell)
    return smooth(_means(cells), cells[..., -1] > 0)


@numba.njit(cache=True, nogil=True)
def _masked(picture: Float, known: Mask) -> Float:
    """A copy of a picture (H, W, C), which is 0 where it is not `known`."""
    height, width, channels = picture.shape
    out = np.zeros((height, width, channels), np.float32)
    for y in range(height):
        for x in range(width):
            if known[y, x]:
                out[y, x] = picture[y, x]
    return out


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _means(cells: Float) -> Float:
    """The colors (h, w, C) of `cells` (h, w, C + 1), which hold their sums and how much of each is seen."""
    height, width, channels = cells.shape
    out = np.empty((height, width, channels - 1), np.float32)
    for y in range(height):
        for x in range(width):
            each = 1 / max(cells[y, x, channels - 1], np.float32(1e-4))
            for k in range(channels - 1):
                out[y, x, k] = each * cells[y, x, k]
    return out


def _pull_push(tone: Float, weight: Float) -> Float:
    if min(weight.shape) <= 1 or weight.min() >= 1:
        total = max(float(weight.sum()), 1e-6)
        mean = (tone * weight[..., None]).sum(axis=(0, 1)) / total
        tone[weight < 1e-6] = mean
        return tone
    half, half_weight = _pull(tone, weight)
    coarse = _pull_push(half, half_weight)
    _push(tone, weight, coarse)
    return tone


@numba.njit(cache=True, fastmath=True, nogil=True)
def _pull(tone: Float, weight: Float) -> tuple[Float, Float]:
    """The weighted mean of every 2 x 2 cells, and how much of them is known (at most 1)."""
    height, width, channels = tone.shape
    rows, columns = (height + 1) // 2, (width + 1) // 2
    out = np.zeros((rows, columns, channels), np.float32)
    total = np.zeros((rows, columns), np.float32)
    for y in range(height):
        for x in range(width):
            w = weight[y, x]
            if w > 0:
                total[y // 2, x // 2] += w
                for k in range(channels):
                    out[y // 2, x // 2, k] += w * tone[y, x, k]
    for r in range(rows):
        for c in range(columns):
            if total[r, c] > 0:
                for k in range(channels):
                    out[r, c, k] /= total[r, c]
                total[r, c] = min(total[r, c], np.float32(1.0))
    return out, total


@numba.njit(cache=True, fastmath=True, nogil=True)
def _push(tone: Float, weight: Float, coarse: Float) -> None:
    """Mix the bilinear value of `coarse` in where `weight` is below 1, in place."""
    height, width, channels = tone.shape
    rows, columns = coarse.shape[0], coarse.shape[1]
    for y in range(height):
        fy = min(max(0.5 * (y + 0.5) - 0.5, 0.0), rows - 1.0)
        r = min(int(fy), max(rows - 2, 0))
        below = min(r + 1, rows - 1)
        v = fy - r
        for x in range(width):
            w = weight[y, x]
            if w >= 1:
                continue
            fx = min(max(0.5 * (x + 0.5) - 0.5, 0.0), columns - 1.0)
            c = min(int(fx), max(columns - 2, 0))
            right = min(c + 1, columns - 1)
            u = fx - c
            for k in range(channels):
                value = (1 - v) * ((1 - u) * coarse[r, c, k] + u * coarse[r, right, k])
                value += v * ((1 - u) * coarse[below, c, k] + u * coarse[below, right, k])
                tone[y, x, k] = w * tone[y, x, k] + (1 - w) * value


def toned(picture: Float, known: Mask, tone_px: float) -> Float:
    """`picture` (H, W, C) without what is finer than `tone_px`, continued smoothly where it is not known."""
    return smooth(_means(gaussian(cells_of(picture, known, 1), tone_px, SHORT)), known)


def textured(
    picture: Float,
    known: Mask,
    grain_px: float,
    parts: Sequence[tuple[Float, Float]] = (),
    part_px: int = 1,
    lines: bool = False,
    nearest: bool = False,
    through: Float | None = None,
    in_place: bool = False,
) -> Float:
    """`picture` (H, W, C) with its holes filled: known pixels are left as they are, bit for bit.

    The tone is that of the surroundings, or of what lies `nearest` alone (see `_nearest`), into which `lines`
    may go on (see `lined`); what is finer than `grain_px` is mirrored into the hole across its border, so
    that brushwork, weave and noise go on, as far as it stands out by no more than `COARSE` of its standard
    deviations. To each of its `parts`, if there are any, tone comes from itself alone: where (h, w) it is
    seen for sure, above a half, and how much (h, w) every place belongs to it, in cells of `part_px` pixels.
    `through` (h, w), in such cells: how much of a place straight lines through the hole tell, which end in
    the first part, see `across`. Tone is worked out in cells, too, as large as it is soft.
    """
    if known.all() or not known.any():
        return picture
    fine_px = grain_px / FINER if lines else grain_px
    cell = max(1, int(fine_px / SOFT))
    cells = cells_of(picture, known, cell)
    seen, base = cells[..., -1] > 0, _means(gaussian(cells, fine_px / cell, SHORT))
    if nearest:
        tone = _nearest(base, seen, grain_px / cell)
    else:
        tone = _toned(base, seen, [[fitted(p, cell / part_px, seen.shape) for p in two] for two in parts])
    if lines:
        lined(base, seen, grain_px / cell, tone)
    if through is not None:
        first = [fitted(there, cell / part_px, seen.shape) > 0.5 for there, _ in parts[:1]]
        share = fitted(through, cell / part_px, seen.shape)
        across(base, seen & first[0] if first else seen, share, grain_px / cell, tone)
    off = _details(picture, known, base, cell)
    limit = COARSE * 1.4826 * np.median(off, axis=0, overwrite_input=True)
    rows, columns = _about(known)
    border = ndimage.distance_transform_edt(
        ~known[rows, columns], return_distances=False, return_indices=True
    )
    out = picture if in_place else picture.copy()
    _mirror(base, tone, cell, limit.astype(np.float32), known, border, rows.start, columns.start, out)
    return out


def _about(known: Mask) -> tuple[slice, slice]:
    """The rows and columns in which something is not `known` (H, W), and one more on every side."""
    holes = (np.flatnonzero(~known.all(axis=axis)) for axis in (1, 0))
    rows, columns = (
        slice(max(at[0] - 1, 0), min(at[-1] + 2, n)) for at, n in zip(holes, known.shape, strict=True)
    )
    return rows, columns


def fitted(part: Float, scale: float, shape: tuple[int, ...]) -> Float:
    """A `part` (h, w) in cells of that `shape` (H, W), each of which is `scale` of its own wide."""
    if scale == 1:
        return part
    out = np.zeros((*shape, 1), np.float32)
    _add_enlarged(part[..., None], scale, 0.5 * scale - 0.5, out)
    return out[..., 0]


def add_cells(cells: Float, cell: int, out: Float) -> None:
    """Add `cells` (h, w, C) of so many pixels to `out` (H, W, C), in place, bilinear between them."""
    _add_enlarged(cells, 1 / cell, 0.5 / cell - 0.5, out)


def _toned(base: Float, known: Mask, parts: Sequence[Sequence[Float]]) -> Float:
    """A soft picture (H, W, C), continued smoothly where it is not `known`: of `parts`, each by itself."""
    seen = [(known & (there > 0.5), share) for there, share in parts]
    seen = [(there, share) for there, share in seen if there.any()]
    if len(seen) < 2:
        return smooth(base, seen[0][0] if seen else known)
    tone, total = np.zeros_like(base), np.full((*known.shape, 1), 1e-6, np.float32)
    for there, share in seen:
        tone += share[..., None] * smooth(base, there)
        total += share[..., None]
    tone /= total
    return tone


@numba.njit(cache=True, nogil=True)
def cells_of(picture: Float, known: Mask, cell: int) -> Float:
    """Means (h, w, C + 1) of `cell` x `cell` pixels, of which unknown ones are 0, and how many are not."""
    height, width, channels = picture.shape
    rows, columns = -(-height // cell), -(-width // cell)
    out = np.zeros((rows, columns, channels + 1), np.float32)
    for r in range(rows):
        for c in range(columns):
            bottom, right = min((r + 1) * cell, height), min((c + 1) * cell, width)
            each = np.float32(1 / ((bottom - r * cell) * (right - c * cell)))
            for y in range(r * cell, bottom):
                for x in range(c * cell, right):
                    if known[y, x]:
                        out[r, c, channels] += each
                        for k in range(channels):
                            if np.isfinite(picture[y, x, k]):
                                out[r, c, k] += each * picture[y, x, k]
    return out


@numba.njit(cache=True, nogil=True)
def at_pixel(small: Float, cell: int, y: int, x: int, out: Float) -> None:
    """What cells (h, w, C) of so many pixels show at one pixel, bilinear between them, to `out` (C,)."""
    rows, columns, channels = small.shape
    fy = min(max((y + np.float32(0.5)) / cell - np.float32(0.5), np.float32(0)), np.float32(rows - 1))
    fx = min(max((x + np.float32(0.5)) / cell - np.float32(0.5), np.float32(0)), np.float32(columns - 1))
    r, c = int(fy), int(fx)
    below, right, v, u = min(r + 1, rows - 1), min(c + 1, columns - 1), fy - r, fx - c
    for k in range(channels):
        upper = (1 - u) * small[r, c, k] + u * small[r, right, k]
        lower = (1 - u) * small[below, c, k] + u * small[below, right, k]
        out[k] = (1 - v) * upper + v * lower


@numba.njit(cache=True, nogil=True)
def scale_by(cells: Float, cell: int, out: Float) -> None:
    """Multiply a picture `out` (H, W, C) by `cells` (h, w, C) of so many pixels, in place: see `at_pixel`."""
    value = np.empty(out.shape[2], np.float32)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            at_pixel(cells, cell, y, x, value)
            for k in range(out.shape[2]):
                out[y, x, k] *= value[k]


@numba.njit(cache=True, nogil=True)
def _details(picture: Float, known: Mask, base: Float, cell: int) -> Float:
    """By how much (N, C) a pixel of every known cell is off its soft `base` (h, w, C)."""
    height, width, channels = picture.shape
    out = np.empty((np.count_nonzero(known[::cell, ::cell]), channels), np.float32)
    soft, n = np.empty(channels, np.float32), 0
    for y in range(0, height, cell):
        for x in range(0, width, cell):
            if known[y, x]:
                at_pixel(base, cell, y, x, soft)
                for k in range(channels):
                    seen = picture[y, x, k] if np.isfinite(picture[y, x, k]) else np.float32(0)
                    out[n, k] = abs(seen - soft[k])
                n += 1
    return out


def _nearest(picture: Float, known: Mask, grain_px: float) -> Float:
    """A soft `picture` (H, W, C) in which what lies nearest goes on where it is not known, softer the deeper.

    Of two things beside a hole, neither tinges what only the other borders on.
    """
    cell = max(1, round(grain_px / FINER))
    small, seen = picture[::cell, ::cell], known[::cell, ::cell]
    if not seen.any():
        return smooth(picture, known)
    depth, (rows, columns) = ndimage.distance_transform_edt(~seen, return_indices=True)
    tone = even = small[rows, columns]
    for level in range(1, SOFTEST + 1):
        even = gaussian(even, 1.0)[::2, ::2]
        share = np.clip(np.log2(np.maximum(SOFTER * depth, 1e-3)) - level + 1, 0, 1)[..., None]
        tone = tone + share.astype(np.float32) * (_enlarged(even, 2**level, seen.shape) - tone)
    return np.where(known[..., None], picture, _enlarged(tone, cell, known.shape))


def _enlarged(picture: Float, times: int, shape: tuple[int, ...]) -> Float:
    """A picture (h, w, C) of which every pixel was one of `times` in a row, in that `shape` (H, W)."""
    out = np.zeros((*shape, picture.shape[2]), np.float32)
    _add_enlarged(picture, 1 / times, 0.0, out)
    return out


def _add_enlarged(small: Float, step: float, first: float, out: Float) -> None:
    """Add a `small` picture (h, w, C) to `out` (H, W, C), in place, from its row and column `first` on.

    It goes on by `step` of its own pixels a pixel: bilinear, its borders held.
    """
    in_bands(_add_rows, len(out), np.ascontiguousarray(small, np.float32), step, first, out)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _add_rows(begin: int, end: int, small: Float, step: float, first: float, out: Float) -> None:
    rows, columns, channels = small.shape
    near, far = np.empty((2, out.shape[1]), np.int64)
    share, flat = np.empty(out.shape[1], np.float32), out.reshape(len(out), -1)
    for x in range(out.shape[1]):
        at = min(max(x * step + first, 0.0), columns - 1.0)
        near[x], far[x], share[x] = int(at), min(int(at) + 1, columns - 1), at - int(at)
    above, below = np.empty((2, out.shape[1] * channels), np.float32)
    ends, ends_below, row = (0, 0), (0, 0), -2
    for y in range(begin, end):
        at = min(max(y * step + first, 0.0), rows - 1.0)
        if int(at) != row:
            above, below, ends = below, above, ends_below
            if int(at) != row + 1:
                ends = _widened(small[int(at)], near, far, share, above)
            row = int(at)
            ends_below = _widened(small[min(row + 1, rows - 1)], near, far, share, below)
        v = np.float32(at - row)
        for x in range(np.uint64(min(ends[0], ends_below[0])), np.uint64(max(ends[1], ends_below[1]))):
            flat[y, x] += above[x] + v * (below[x] - above[x])


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _widened(line: Float, near: Int, far: Int, share: Float, out: Float) -> tuple[int, int]:
    """A row (w, C) of a small picture as wide as a large one, `out` (W * C,).

    Each pixel lies between two, `near` and `far` (W,), with so much `share` (W,) of the latter. Returns from
    where on it is not 0, and from where on it is again.
    """
    first, end, channels = 0, len(line), line.shape[1]
    while first < end and not line[first].any():
        first += 1
    while first < end and not line[end - 1].any():
        end -= 1
    low, high = np.searchsorted(far, first), np.searchsorted(near, end)
    out[: low * channels] = out[high * channels :] = 0
    for x in range(low, high):
        for k in range(channels):
            one, other = line[near[x], k], line[far[x], k]
            out[x * channels + k] = one + share[x] * (other - one)
    return low * channels, high * channels


def lined(picture: Float, known: Mask, grain_px: float, tone: Float) -> None:
    """Let the lines of a soft `picture` (H, W, C) go on in `tone`, in place, where it is not `known` (H, W).

    They fade deep in the hole. From its border inward every place takes the mean of what is known about it,
    most of what lies along the lines there (Bornemann and Maerz, "Fast image inpainting based on coherence
    transport", 2007). What is finer than a third of `grain_px` is not told apart.
    """
    cell = max(1, round(grain_px / FINER))
    small, seen = picture[::cell, ::cell], known[::cell, ::cell]
    depth = ndimage.distance_transform_edt(~seen).astype(np.float32)
    share = np.exp(-((depth * cell / (DEEP * grain_px)) ** 4))
    order = np.argsort(depth, axis=None, kind="stable")[
        np.count_nonzero(seen) : np.count_nonzero(share > GONE)
    ]
    flown = _masked(small, seen)
    _transport(flown, seen.copy(), *_lines(small, seen), order)
    flown -= tone[::cell, ::cell]
    flown *= share[..., None]
    _add_enlarged(flown, 1 / cell, 0.0, tone)


def _lines(picture: Float, known: Mask) -> tuple[Float, Float]:
    """Directions across a picture's lines (H, W, 2), continued where it is not known, and how clear they are.

    The eigenvectors of the structure tensor (Weickert, 1999).
    """
    gray = np.cbrt(np.where(known, picture.mean(axis=2), 0)).astype(np.float32)
    whole = ndimage.binary_erosion(known, iterations=2, border_value=1)
    down, across = np.gradient(gaussian(gray[..., None], 1.0, 1.5)[..., 0])
    products = np.stack([across * across, across * down, down * down, np.ones_like(gray)], axis=2)
    tensor = gaussian(products * whole[..., None], LINES)
    xx, xy, yy = np.moveaxis(smooth(_means(tensor), tensor[..., 3] > 0.3), 2, 0)
    usual = float(np.median((xx + yy)[known])) + 1e-12
    clear = np.sqrt((xx - yy) ** 2 + 4 * xy**2) / (xx + yy + usual)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    return np.stack([np.cos(angle), np.sin(angle)], axis=2).astype(np.float32), clear.astype(np.float32)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _transport(out: Float, known: Mask, across: Float, clear: Float, order: NDArray[np.int64]) -> None:
    """Fill `out` (H, W, C) in that `order` of places, in place."""
    height, width, channels = out.shape
    for place in order:
        y, x = place // width, place % width
        total = np.float32(0)
        for j in range(-REACH, REACH + 1):
            for i in range(-REACH, REACH + 1):
                r, c, squared = y + j, x + i, j * j + i * i
                if squared > REACH * REACH or r < 0 or c < 0 or r >= height or c >= width:
                    continue
                if not known[r, c]:
                    continue
                aside = np.float32(SHARP / REACH) * clear[y, x] * (across[y, x, 0] * i + across[y, x, 1] * j)
                weight = np.exp(np.float32(-0.5) * aside * aside) / np.float32(squared)
                total += weight
                for k in range(channels):
                    out[y, x, k] += weight * out[r, c, k]
        if total > 0:
            known[y, x] = True
            for k in range(channels):
                out[y, x, k] /= total


def across(picture: Float, known: Mask, share: Float, grain_px: float, tone: Float) -> None:
    """Let what is alike at both ends of straight lines through a hole go on between them in `tone`, in place.

    A soft `picture` (H, W, C) shows it where `known` (H, W), elsewhere as much as its `share` (H, W) is tone.
    Every place takes the mean over lines through it, most of near ends (mean value coordinates, Floater
    2003).
    """
    cell = max(1, round(grain_px / SPARSE))
    small, seen = np.ascontiguousarray(picture[::cell, ::cell]), known[::cell, ::cell]
    if not seen.any():
        return
    depth = ndimage.distance_transform_edt(~seen).astype(np.float32)
    wanted = (depth > 0) & (share[::cell, ::cell] > 0)
    found = _between(small, np.cbrt(small), depth, wanted)
    off = share[::cell, ::cell, None] * found[..., -1:] * (found[..., :-1] - tone[::cell, ::cell])
    _add_enlarged(off, 1 / cell, 0.0, tone)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _between(picture: Float, shown: Float, depth: Float, wanted: Mask) -> Float:
    """The mean (H, W, C + 1) over straight lines of what is at their ends, and how much it is to be believed.

    `shown` (H, W, C) tells what is alike; `depth` (H, W) how far into the hole a place is, 0 is beyond it.
    """
    height, width, channels = picture.shape
    out = np.zeros((height, width, channels + 1), np.float32)
    for y in range(height):
        for x in range(width):
            if not wanted[y, x]:
                continue
            total = agreed = np.float32(0)
            for n in range(len(WAYS)):
                r, c, far = _end(depth, y, x, WAYS[n, 0], WAYS[n, 1])
                if r < 0:
                    continue
                v, u, long = _end(depth, y, x, -WAYS[n, 0], -WAYS[n, 1])
                if v < 0:
                    continue
                squared = np.float32(0)
                for k in range(channels):
                    squared += (shown[r, c, k] - shown[v, u, k]) ** 2
                alike = np.exp(np.float32(-0.5 / ENDS**2) * squared)
                agreed += alike
                one, other = alike / far, alike / long
                total += one + other
                for k in range(channels):
                    out[y, x, k] += one * picture[r, c, k] + other * picture[v, u, k]
            if total > np.float32(1e-6):
                for k in range(channels):
                    out[y, x, k] /= total
                out[y, x, channels] = agreed / (agreed + np.float32(FEW))
    return out


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _end(depth: Float, y: int, x: int, down: float, across: float) -> tuple[int, int, np.float32]:
    """Where a line from a place ends, row and column, and how far that is; -1 where the picture does."""
    height, width = depth.shape
    r, c, far = y, x, np.float32(0)
    while depth[r, c] > 0:
        far += max(depth[r, c] - np.float32(1), np.float32(1))
        r, c = int(np.floor(y + far * down + 0.5)), int(np.floor(x + far * across + 0.5))
        if r < 0 or c < 0 or r >= height or c >= width:
            return -1, -1, far
    return r, c, far


@numba.njit(cache=True, nogil=True)
def _mirror(
    base: Float,
    tone: Float,
    cell: int,
    limit: Float,
    known: Mask,
    nearest: NDArray[np.int32],
    top: int,
    left: int,
    out: Float,
) -> None:
    """Fill `out` (H, W, C) where it is not `known`, in place: `tone`, and by what details are off `base`.

    Of both every pixel is `cell` wide; details are no larger than `limit` (C,). `nearest` (2, h, w) tells
    which known place is, from row `top` and column `left` on, where all is that is not known.
    """
    height, width, channels = out.shape
    soft = np.empty(channels, np.float32)
    for y in range(top, top + nearest.shape[1]):
        for x in range(left, left + nearest.shape[2]):
            if known[y, x]:
                continue
            r, c = top + nearest[0, y - top, x - left], left + nearest[1, y - top, x - left]
            dy, dx = r - y, c - x
            row, column = -1, -1
            # across the border, then along it: the first of these places that the picture shows
            for j, i in ((dy, dx), (-dx, dy), (dx, -dy), (dy // 2, dx // 2)):
                if 0 <= r + j < height and 0 <= c + i < width and known[r + j, c + i]:
                    row, column = r + j, c + i
                    break
            at_pixel(tone, cell, y, x, out[y, x])
            if row < 0:
                continue
            at_pixel(base, cell, row, column, soft)
            for k in range(channels):
                seen = out[row, column, k] if np.isfinite(out[row, column, k]) else np.float32(0)
                out[y, x, k] += min(max(seen - soft[k], -limit[k]), limit[k])
