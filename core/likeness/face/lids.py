"""Lids that close: the skin that an open eye hid is made, and the lashes' dark line goes with its margin.

An open eye shows next to nothing of the skin that a blink needs. Where it was, the skin about it is continued
(`take_lid`); over it lies the margin, as dark as the plate's own, and from it the lashes hang (`lay_lid`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face import fill
from likeness.face.eyes import lerp
from likeness.face.warp import polygon
from likeness.render.simd import FAST

Float = NDArray[np.float32]

ABOVE_CM, BELOW_CM, BESIDE_CM = 0.12, 0.07, 0.14  # about an eye's outline, what is no plain skin
EDGE_PX = 0.8  # so soft is what a camera shows of it at least
FEATHER_CM, TONE_CM = 0.07, 0.1
PLAIN_CM = 0.04  # beyond the feathered edge skin is plain enough to be continued
SKIN_LIGHT, HAIR_CM = 0.75, 0.06  # of the light beside: what is darker is brow or lash, so far about it
HAIRS_CM = 0.6  # half the width of a brow at most: what is wider is shade
MARGIN_CM = (-0.03, 0.14)  # from an upper lid's outline outward: there its dark line lies
SKIN_CM = 0.42  # so far out is plain skin
WHITE_CM, WHITER = 0.35, 0.05  # so far beyond an eye as found its white may lie, so much whiter it is
STRAND_CM = 0.06  # deviation: strands of lashes with skin between them are no line
LINES_CM, LINES_LIGHT = 0.2, 0.7  # so much farther beside and below lashes' lines lie; of the skin's light
LINE_WIDTH_CM, BESIDE_SKIN_CM = 0.2, 0.3  # wider is no line but shade; so far away lies skin to compare with
SAMPLES = 24  # along an upper lid
LEAST_DARK, BARE = 0.5, 0.16  # of the skin's light, the line at most; none in this share at the inner corner
LINE_CM, LINE_PX = 0.085, 0.6  # half the width of the margin's line, and its least
LEAST_COVER = 0.8  # of a line that is finer than it is drawn, at least
OUTER_CM = 0.4  # beyond an eye's outer corner its closed lid's line goes on
LASH_CM, LASH_DARK, LASHES = 0.4, 0.8, 46  # how far lashes hang, how much they cover, and how many
LAID = 0.6  # of an open lid's line, how bright a closed one's is: its lashes lie on each other
SHADE_BELOW, SHADE_ABOVE = (0.6, 0.5), (0.4, 0.25)  # of light, taken at the line, and how far, cm
SHADE_CM = 0.9  # there it ends
SHADE_RED = 0.75  # of that red loses, which skin scatters farthest


@dataclass(frozen=True)
class Lid:
    """`skin` (h, w, 4) with first pixel `origin`: the plate without its eye, and how much of it is made.

    `line` (SAMPLES, 3) is the color of the upper lid's margin from the inner corner on. `cm_px` (2, 2) are
    the pixels of a centimeter to the right and up. `inner_first`: whether outlines begin at the nose.
    """

    skin: Float
    origin: tuple[int, int]
    line: Float
    cm_px: Float
    inner_first: bool


def take_lid(plate: Float, outline: Float, upper: int, cm_px: Float, inner_first: bool) -> Lid:
    """Make the closed lid of an eye of the plate (H, W, 3), scene-linear.

    The first `upper` places of the `outline` (N, 2) are the upper lid's. `cm_px`, `inner_first`: see `Lid`.
    """
    wide = float(np.linalg.norm(cm_px[:, 0]))
    margin = int(np.ceil(0.8 * wide)) + 2
    low = np.floor(outline.min(axis=0)).astype(int) - margin
    high = np.ceil(outline.max(axis=0)).astype(int) + margin
    low, high = np.maximum(low, 0), np.minimum(high, [plate.shape[1], plate.shape[0]])
    width, height = (int(n) for n in np.maximum(high - low, 1))
    x0, y0 = int(low[0]), int(low[1])
    crop = np.ascontiguousarray(plate[y0 : y0 + height, x0 : x0 + width, :3])
    own, near = (polygon(_wider(outline, cm_px, more), x0, y0, width, height) for more in (0.0, LINES_CM))
    eye = _with_white(own, crop, wide)
    eye = _with_lines(eye, near, crop, _bare(crop, _plain(eye, crop, wide), wide), wide)
    soft = ndimage.gaussian_filter(eye, FEATHER_CM * wide, truncate=2.5)
    bare = _bare(crop, _plain(eye, crop, wide), wide)
    skin = fill.textured(crop, bare, TONE_CM * wide)
    line = _line(plate, outline[:upper] if inner_first else outline[:upper][::-1], cm_px)
    return Lid(np.dstack([skin, soft]).astype(np.float32), (x0, y0), line, cm_px, inner_first)


def _wider(outline: Float, cm_px: Float, more: float) -> Float:
    """The outline (N, 2), wider by what belongs to the eye, beside and below it by so much `more`, cm."""
    inverse = np.linalg.inv(cm_px)
    local = (outline - outline.mean(axis=0)) @ inverse.T
    tangent = np.roll(local, -1, 0) - np.roll(local, 1, 0)
    out = np.stack([tangent[:, 1], -tangent[:, 0]], 1)
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)
    out *= np.sign((out * local).sum()) or 1.0
    below = np.where(out[:, 1] > 0, ABOVE_CM, BELOW_CM + more)
    reach = np.stack([np.full(len(out), BESIDE_CM + more), below], 1)
    reach += EDGE_PX / float(np.linalg.norm(cm_px[:, 0]))
    return (outline + (out * reach) @ cm_px.T).astype(np.float32)


def _with_white(eye: Float, crop: Float, wide: float) -> Float:
    """The cover (h, w) of an eye and of what of its white lies beyond, in a `crop` of the plate."""
    color = np.nan_to_num(np.maximum(crop, 0), posinf=0)
    white = color.min(axis=2) / np.maximum(color.max(axis=2), 1e-6)
    near = ndimage.distance_transform_edt(eye < 0.5) < WHITE_CM * wide
    skin = ~near
    if not skin.any():
        return eye
    luma = color.mean(axis=2)
    ball = near & (white > np.quantile(white[skin], 0.95) + WHITER) & (luma > np.median(luma[skin]))
    labels, _ = ndimage.label(ndimage.binary_opening(ball | (eye > 0.5)))
    of_eye = np.unique(labels[eye > 0.5])
    grown = ndimage.binary_dilation(
        np.isin(labels, of_eye[of_eye > 0]), iterations=max(1, round(2 * FEATHER_CM * wide))
    )
    return np.maximum(eye, grown & near).astype(np.float32)


def _with_lines(eye: Float, near: Float, crop: Float, bare: NDArray[np.bool_], wide: float) -> Float:
    """The cover (h, w) of an eye and of the lashes' dark lines on it that lie `near`, in a `crop`.

    Lids are found some way beside where they are, and what the plate's lashes show beyond those would remain
    as a second line below the closed lid's. They are darker than the `bare` (h, w) skin beside.
    """
    luma = ndimage.gaussian_filter(np.nan_to_num(crop.mean(axis=2), posinf=0), STRAND_CM * wide)
    beside, about = BESIDE_SKIN_CM * wide, bare.astype(np.float32)
    skin, there = (ndimage.gaussian_filter(each, beside) for each in (about * luma, about))
    without = np.where(eye > 0.5, skin / np.maximum(there, 1e-6), luma)
    lines = (near > 0.5) & (
        luma < LINES_LIGHT * ndimage.grey_closing(without, footprint=_round(LINE_WIDTH_CM * wide / 2))
    )
    labels, _ = ndimage.label(lines | (eye > 0.5))
    of_eye = np.unique(labels[eye > 0.5])
    hung = np.isin(labels, of_eye[of_eye > 0]) & lines
    return np.maximum(eye, ndimage.binary_dilation(hung, _round(2 * FEATHER_CM * wide))).astype(np.float32)


def _round(radius: float) -> NDArray[np.bool_]:
    """A disk of that radius, of at least the pixels beside its middle."""
    size = max(1, round(radius))
    y, x = np.ogrid[-size : size + 1, -size : size + 1]
    out: NDArray[np.bool_] = np.hypot(x, y) <= max(radius, 1.0)
    return out


def _plain(eye: Float, crop: Float, wide: float) -> NDArray[np.bool_]:
    """What (h, w) of a `crop` of the plate lies plainly beyond an eye of that cover."""
    soft = ndimage.gaussian_filter(eye, FEATHER_CM * wide, truncate=2.5)
    plain: NDArray[np.bool_] = ndimage.distance_transform_edt(soft < 0.02) > PLAIN_CM * wide
    return plain & np.isfinite(crop).all(axis=2)


def _bare(crop: Float, known: NDArray[np.bool_], wide: float) -> NDArray[np.bool_]:
    """Of the `known` places (h, w) of a `crop` of the plate those that are skin: neither brow nor lashes."""
    if not known.any():
        return known
    luma = np.where(known, crop.mean(axis=2), 0)
    dark = known & (luma < SKIN_LIGHT * ndimage.grey_closing(luma, 2 * round(HAIRS_CM * wide) + 1))
    bare: NDArray[np.bool_] = known & (ndimage.distance_transform_edt(~dark) > HAIR_CM * wide)
    return bare if bare.any() else known


def _line(plate: Float, margin: Float, cm_px: Float) -> Float:
    """The color (SAMPLES, 3) of the lid's dark line along its `margin` (N, 2), inner corner first."""
    at = np.linspace(0, len(margin) - 1, SAMPLES)
    place = np.stack([np.interp(at, np.arange(len(margin)), margin[:, k]) for k in (0, 1)], 1)
    up = cm_px[:, 1]

    def seen(cm: Float) -> Float:
        where = place[:, None] + np.atleast_1d(cm)[None, :, None] * up
        rows = [where[..., 1].ravel() - 0.5, where[..., 0].ravel() - 0.5]
        each = [ndimage.map_coordinates(plate[..., k], rows, order=1, mode="nearest") for k in range(3)]
        colors = np.stack(each, -1).reshape(len(place), -1, 3)
        return np.nan_to_num(np.maximum(colors, 0), posinf=0).astype(np.float32)

    about = seen(np.linspace(*MARGIN_CM, 7).astype(np.float32))
    skin = np.median(seen(np.linspace(0.8, 1.2, 3).astype(np.float32) * SKIN_CM), axis=1)
    dark = np.take_along_axis(about, about.sum(axis=2).argmin(axis=1)[:, None, None], 1)[:, 0]
    along = np.linspace(0, 1, SAMPLES)
    there = np.clip((along - 0.5 * BARE) / BARE, 0, 1)[:, None]
    dark = np.minimum(dark, skin * (1 - (1 - LEAST_DARK) * there))
    return LAID * ndimage.gaussian_filter1d(dark, 1.0, axis=0, mode="nearest").astype(np.float32)


def lay_lid(
    lid: Lid, share: float, moved: Float, origin: tuple[int, int], color: Float, matte: Float
) -> None:
    """Lay the made skin, `share` of it, over `color` (h, w, 3) of the region at `origin`, in place.

    `moved` (2,): from the eye's place here to that in the plate, pixels. `matte` (h, w) grows by it.
    """
    height, width = lid.skin.shape[:2]
    spot = _spot(np.array(lid.origin) - moved, (width, height), origin, matte.shape)
    if spot is None:
        return
    shift = np.array([spot[1].start + origin[0], spot[0].start + origin[1]], np.float32) + moved - lid.origin
    _lay_skin(lid.skin, shift.astype(np.float32), np.float32(share), color[spot], matte[spot])


def lay_lashes(
    lid: Lid,
    share: float,
    margin: Float,
    blur_px: float,
    tint: Float,
    origin: tuple[int, int],
    color: Float,
    matte: Float,
) -> None:
    """Draw `share` of the dark line and of the lashes along the upper lid's `margin` (N, 2), in place.

    `blur_px`: standard deviation of the plate's own blur. `tint` (3,) is that of `Light`: shades follow it.
    """
    wide = float(np.linalg.norm(lid.cm_px[:, 0]))
    reach = int(np.ceil(SHADE_CM * wide)) + 2
    low, high = np.floor(margin.min(axis=0)) - reach, np.ceil(margin.max(axis=0)) + reach
    spot = _spot(low, tuple(high - low), origin, matte.shape)
    if spot is None:
        return
    first = np.array([spot[1].start + origin[0], spot[0].start + origin[1]], np.float32)
    path = _beyond(margin if lid.inner_first else margin[::-1], OUTER_CM * wide)
    down = -lid.cm_px[:, 1] / max(float(np.linalg.norm(lid.cm_px[:, 1])), 1e-6)
    half = np.hypot(max(LINE_CM * wide, LINE_PX), blur_px)
    share *= max(LINE_CM * wide / half, LEAST_COVER)
    _lay_line(
        np.ascontiguousarray(path - first, np.float32), lid.line, down.astype(np.float32),
        np.float32(half), np.float32(wide), np.float32(share), tint, color[spot], matte[spot],
    )  # fmt: skip


def _beyond(margin: Float, more: float) -> Float:
    """A lid's `margin` (N, 2), inner corner first, that goes on beyond its outer corner by so much `more`."""
    way = margin[-1] - margin[0]
    return np.concatenate([margin, margin[-1:] + more / max(float(np.hypot(*way)), 1e-6) * way])


def _spot(low: Any, size: Any, origin: tuple[int, int], shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """The part of a region of that `shape` that a box of the picture covers; None if it is beside it."""
    first = np.floor(np.asarray(low) - origin).astype(int)
    last = np.minimum(first + np.ceil(size).astype(int) + 1, [shape[1], shape[0]])
    first = np.maximum(first, 0)
    if (last - first < 1).any():
        return None
    return slice(int(first[1]), int(last[1])), slice(int(first[0]), int(last[0]))


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _lay_skin(skin: Float, shift: Float, share: Any, color: Float, matte: Float) -> None:
    rows, columns = skin.shape[:2]
    made = np.empty(4, np.float32)
    for y in range(matte.shape[0]):
        for x in range(matte.shape[1]):
            px, py = x + shift[0], y + shift[1]
            if px < 0 or py < 0 or px > columns - 1 or py > rows - 1:
                continue
            lerp(skin, px, py, made)
            alpha = share * made[3]
            if alpha <= 0:
                continue
            for k in range(3):
                color[y, x, k] += alpha * (made[k] - color[y, x, k])
            matte[y, x] = max(matte[y, x], alpha)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _lay_line(
    path: Float,
    line: Float,
    down: Float,
    half: Any,
    wide: Any,
    share: Any,
    tint: Float,
    color: Float,
    matte: Float,
) -> None:
    long, one = np.float32(LASH_CM) * wide, np.float32(1)
    reach = np.float32(SHADE_CM) * wide
    best, along, aside = np.empty((3, matte.shape[1]), np.float32)
    for y in range(matte.shape[0]):
        best[:] = np.inf
        _nearest(np.float32(y) + np.float32(0.5), path, down, reach, best, along, aside)
        for x in range(matte.shape[1]):
            if best[x] > reach * reach:
                continue
            away = np.sqrt(best[x])
            alpha = share * _dark(away, along[x], aside[x], half, long)
            shade = share * _shade(away / wide, along[x], aside[x])
            if max(alpha, shade) < np.float32(4e-3):
                continue
            at = min(along[x], np.float32(0.9999)) * np.float32(len(line) - 1)
            n = int(at)
            for k in range(3):
                ink = line[n, k] + (at - np.float32(n)) * (line[n + 1, k] - line[n, k])
                lit = one - (np.float32(SHADE_RED) * shade if k == 0 else shade)
                left = (one - alpha) * lit ** tint[k]
                color[y, x, k] += (one - left) * (min(ink, color[y, x, k]) - color[y, x, k])
            matte[y, x] = max(matte[y, x], min(np.float32(2) * max(alpha, shade), one))


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _nearest(y: Any, path: Float, down: Float, reach: Any, best: Float, along: Float, aside: Float) -> None:
    """Of a row's pixels (w,) the squared distance to the `path` (N, 2), where `along` it they are nearest,
    from 0 to 1, and how far `down` of it they lie. What is farther than `reach` may be left out.
    """
    half, one, per = np.float32(0.5), np.float32(1), np.float32(1 / (len(path) - 1))
    for i in range(len(path) - 1):
        ax, ay, ex, ey = path[i, 0], path[i, 1], path[i + 1, 0] - path[i, 0], path[i + 1, 1] - path[i, 1]
        if y < min(ay, ay + ey) - reach or y > max(ay, ay + ey) + reach:
            continue
        inverse, first = one / (ex * ex + ey * ey + np.float32(1e-9)), np.float32(i)
        low, high = max(int(min(ax, ax + ex) - reach), 0), min(int(max(ax, ax + ex) + reach) + 1, len(best))
        for x in range(np.uint64(low), np.uint64(max(high, low))):
            px, py = np.float32(x) + half - ax, y - ay
            t = min(max((px * ex + py * ey) * inverse, np.float32(0)), one)
            dx, dy = px - t * ex, py - t * ey
            d = dx * dx + dy * dy
            nearer = d < best[x]
            along[x] = (first + t) * per if nearer else along[x]
            aside[x] = dx * down[0] + dy * down[1] if nearer else aside[x]
            best[x] = d if nearer else best[x]


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _shade(away: Any, along: Any, aside: Any) -> Any:
    """How much of its light a pixel so far from a lid's margin, cm, loses to the line and its lashes."""
    taken, far = SHADE_BELOW if aside > 0 else SHADE_ABOVE
    ends = max(1.0 - (away / SHADE_CM) ** 2, 0.0)
    return np.float32(taken * _taper(along) * ends * np.exp(-away / far))


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _taper(along: Any) -> Any:
    """How dark a lid's line is along it: less at the corners, from the inner on."""
    return min(1.0, 0.35 + 3.0 * along) * min(1.0, 9.0 * (1.0 - along) + 0.15)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _dark(away: Any, along: Any, aside: Any, half: Any, long: Any) -> Any:
    """How much of a pixel so far from a lid's margin its dark line and the lashes cover; see `_nearest`."""
    alpha = _taper(along) * np.exp(-((away / half) ** 2))
    if aside > 0:  # lashes hang outward, longest in the outer half
        root = along - 0.10 * (along - 0.35) * aside / long
        tip = long * (0.35 + 0.65 * np.sin(np.pi * min(0.15 + 0.75 * along, 1.0)))
        tip *= 0.8 + 0.2 * np.sin(root * LASHES * 2.4)
        strand = 0.65 + 0.35 * np.sin(root * LASHES * 2 * np.pi)
        hang = max(0.0, 1.0 - away / tip)
        bare = min(max((along - 0.12) / 0.2, 0.0), 1.0) * min(1.0, 12.0 * (1.0 - along))
        alpha = max(alpha, LASH_DARK * bare * strand * hang)
    return np.float32(alpha)
