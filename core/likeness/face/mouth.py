"""The mouth layer: teeth, gums, tongue and cavity behind the lips, under the plate's light.

Where the plate itself shows the inside of the mouth, its own pixels are carried along with the teeth they
lie on; the rest is shaded from the house head. The lips cover it: its outline is the lips' own.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, maximum_filter

from likeness.face.inside import ALBEDO, Inside
from likeness.face.light import LUMA
from likeness.face.rig import mean_gap
from likeness.face.teeth import enamel_of
from likeness.face.warp import affine, polygon
from likeness.render.bands import in_bands
from likeness.render.blur import gaussian
from likeness.render.raster import rasterize
from likeness.render.simd import FAST

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Mask = NDArray[np.bool_]

CHEEK = np.array([0.46, 0.17, 0.15], np.float32)  # its inner side, which lies close behind the lips' corners
LIP, LIP_HUE = np.array([0.5, 0.24, 0.21], np.float32), 0.7  # usual lips, and how much of a hue is taken over
CHEEK_SEEN, CHEEK_WIDE = 0.4, 0.12  # how bright it is in a slit, and how wide in mouth widths at corners
IN_CORNERS = 0.45  # of that brightness is left there where lips part: three people's are darker
SLIT = 0.05, 0.12  # in mouth widths: a lower opening shows nothing but its lips' wet inner side, a higher all
CAVITY = np.array([0.12, 0.036, 0.03], np.float32)  # where even the model shows nothing
FINE = 2  # samples a pixel in x and in y: teeth have hard edges
TEETH_TO_SKIN = 1.4  # times the face's lights: teeth are at most so bright where the plate shows none
BRIGHTER = 1.3  # than skin tells may teeth be: it gives but a lower bound of the light
LIP_SHADOW = 0.1  # of the mouth's width: as far the lips' shadow falls on what is behind
UNDER_LIP = 0.0, 0.14, 0.13  # of each channel teeth lose right at their lip: it and gums redden them
REDDENS = 1.76  # such lips' red over their green, under white light: these are the mean of four people's
LIP_GAP = 0.3, 0.1  # of the opening, and of its width: so far from a lip teeth and gums reach up to it
GUMS, TONGUE, UPPER_TEETH = (list(ALBEDO).index(name) for name in ("gums", "tongue", "teeth_upper"))
WALL = ALBEDO["socket"]
LEAST_TEETH, LEAST_TONGUE = 24, 24  # pixels tell their color
OWN_HUE = 0.4  # so much of their hue; the rest is the light's, for the lips' color blurs into them
BARE = 0.8  # of what is seen of teeth is darker and redder, by gaps, gums and the lips' blur
OPEN_SHARE = 0.08  # area of an opening that shows something, in squared mouth widths
SHALLOW = 0.25  # area of an opening, in squared mouth widths, below which it shows upper teeth only
ENAMEL = 0.35, 0.7  # of the way from a lip's paleness to a tooth's: from no tooth for sure to one for sure
JOIN = 0.06  # of the mouth's width: teeth of a row less apart let nothing be seen between them
MEET = 0.04  # of it: nor do rows that close
KNOWN = 0.4, 0.55  # of the upper teeth that show: a plate that shows less is no help, one that shows more is
OWN_BORDER_PX = 1.5  # the plate's own inside is trusted this far from its lips
NEAR_LIP = 0.3  # of that, what has the hue of enamel, and no lip's
UNLIT = 0.3, 0.5  # of a lip's luma: darker than the first is no lip for sure, than the second it may be one
GOES_ON, SIDEWAYS = 0.12, 3  # of the mouth's width teeth go on as they were seen; how much less aside
STAYS_OPEN = 0.4, 0.6  # of the plate's opening: lips so far apart hide all of its teeth, or none


@dataclass(frozen=True)
class PlateMouth:
    """What the plate shows of the inside: `own` (PARTS, h, w) is how sure a pixel shows a part.

    `open` (h, w) is all between the lips, of `outline` (N, 2); nearer to it than `border` px nothing is sure.
    `more` (h, w, 4): upper teeth as they go on from where they are seen, and how sure that is; below 0, how
    sure it is that there are none.
    `gain` (PARTS, 3) brings each part's color to the plate's. `red`: how much lips and walls redden what lies
    behind them, 1 as usual: see `_redness`.
    `shallow`: the opening is so low that all it shows are upper teeth, which stand still behind the lips;
    `slit`: it is so low that it shows no teeth for sure.
    """

    own: Float
    open: Float
    outline: Float
    border: float
    origin: tuple[int, int]
    pixels: Float
    more: Float
    gain: Float
    red: float
    shallow: bool
    slit: bool


def take_mouth(
    plate: Float,
    inside: Inside,
    pixels: Float,
    outline: Float,
    shade: Float,
    lit: Float,
    lip: Float | None = None,
    skin: float = np.inf,
    enamel: Float | None = None,
) -> PlateMouth:
    """Find which of the plate's pixels (H, W, 3) show the inside. `pixels` (V, 3): its projected vertices.

    `shade` (V, 3): radiance of white at each vertex, of which `lit` (V, 3) comes in; the ratio of seen to
    shaded teeth sets the gain.
    `lip` (3,): the color of the lips, whose hue tongue, gums and cheeks share. `skin`: the luma of the face's
    lights, of which teeth go beyond by little. `enamel` (3,) is that of `Light`.
    """
    wide = float(np.ptp(outline[:, 0]))
    x0, y0, width, height = box_around(outline, 2 + ceil(GOES_ON * wide), plate.shape)
    between = polygon(outline, x0, y0, width, height)
    own = between.copy()
    slit = bool(own.sum() < OPEN_SHARE * wide**2)
    if slit:
        own[:] = 0  # lips that barely part show shadow, not teeth
    local = pixels - np.array([x0, y0, 0], np.float32)
    index, bary, _ = rasterize(local, inside.triangles, width, height)
    part = np.where(index >= 0, inside.part[index], -1).astype(np.int32)
    border = max(OWN_BORDER_PX, 0.02 * wide)
    open_ = _shrink(own, border)
    shown = np.stack([_shrink(own * (part == p), border) for p in range(len(ALBEDO))])
    # Upper teeth and gums stand still behind the upper lip: all that is seen can be taken for them.
    shown[UPPER_TEETH] = open_
    gain, more = np.ones(3, np.float32), np.zeros((height, width, 4), np.float32)
    picture = plate[y0 : y0 + height, x0 : x0 + width, :3]
    near = _shrink(own, NEAR_LIP * border)
    teeth = (part >= UPPER_TEETH) & (near > 0.5) & np.isfinite(picture).all(axis=2)
    shows_teeth = int(teeth.sum()) >= LEAST_TEETH
    if shows_teeth:
        corners = inside.triangles[index[teeth]]
        arrives = ((shade * lit.mean(axis=1, keepdims=True))[corners] * bary[teeth][..., None]).sum(axis=1)
        model = arrives * inside.albedo[index[teeth]]
        seen = picture[teeth]
        bare = seen[:, 1] >= np.quantile(seen[:, 1], BARE)
        seen, model = (np.median(colors[bare], axis=0) for colors in (seen, model))
        if lip is not None:
            pale = enamel_of(picture, seen, lip, ENAMEL)
            if pale is not None and pale.min() < 1:
                # where the model's are a little off, the tongue would carry them along
                shown[:UPPER_TEETH] *= 1 - maximum_filter(pale, 2 * ceil(border) + 1)
                shown[UPPER_TEETH + 1 :] *= pale
                shown[UPPER_TEETH] = near * np.maximum(pale, _unlit(picture, lip))
                more = _going_on(picture, pale, near > 0.5, GOES_ON * wide)
                more[..., 3] -= open_ * (1 - pale)
        gain = np.clip(seen / np.maximum(model, 1e-6), 0.4, 1.8).astype(np.float32)
    else:
        white = float(np.quantile(shade[inside.teeth] @ LUMA, 0.75))
        gain *= np.float32(min(BRIGHTER, min(TEETH_TO_SKIN * skin, _brightest(plate)) / max(white, 1e-6)))
    gain = np.tile(gain, (len(ALBEDO), 1))
    if enamel is not None:
        teeth_gain, bright = gain[UPPER_TEETH], _bright(shade[inside.teeth])
        gain[UPPER_TEETH:] = _less_lip(teeth_gain, enamel, bright) if shows_teeth else teeth_gain * enamel
    if lip is not None:
        gain[:UPPER_TEETH] = (gain[0] @ LUMA) * _hue(lip, shade[inside.teeth])  # teeth tell no tongue's hue
    tongue = (shown[TONGUE] > 0.9) & np.isfinite(picture).all(axis=2)
    if int(tongue.sum()) >= LEAST_TONGUE:
        model = shade[inside.triangles[index[tongue]]].mean(axis=1) * inside.albedo[index[tongue]]
        gain[TONGUE] = _hued(gain[TONGUE], np.median(picture[tongue], axis=0), np.median(model, axis=0))
    tall = float(own.sum()) / max(wide**2, 1.0)
    place = (x0, y0), pixels[:, :2].copy()
    red = 1.0 if lip is None else _redness(lip, shade[inside.teeth])
    return PlateMouth(shown, between, outline, border, *place, more, gain, red, tall < SHALLOW, slit)


def _going_on(picture: Float, pale: Float, seen: Mask, reach: float) -> Float:
    """Teeth of a `picture` (h, w, 3) as they go on behind the lips: see `PlateMouth.more`.

    For `reach` px beyond what is `seen` (h, w), where that ends with teeth, as surely as it is `pale` (h, w).
    """
    seen = seen & np.isfinite(picture).all(axis=2)
    if not seen.any():
        return np.zeros((*seen.shape, 4), np.float32)
    away, (rows, columns) = distance_transform_edt(~seen, sampling=(1, SIDEWAYS), return_indices=True)
    there = np.where(seen, 0, np.clip(2 - 2 * away / reach, 0, 1) * pale[rows, columns])
    return np.dstack([picture[rows, columns], there]).astype(np.float32)


def _unlit(picture: Float, lip: Float) -> Float:
    """How surely (h, w) a pixel of the `picture` (h, w, 3) is too dark for the `lip` (3,)."""
    luma = np.nan_to_num(picture, posinf=0) @ LUMA
    return np.interp(luma / max(float(lip @ LUMA), 1e-6), UNLIT, (1, 0)).astype(np.float32)


def _brightest(plate: Float) -> float:
    """The luma of the brightest pixel (H, W, 3), be it a glint: no teeth are brighter than all else."""
    luma = plate[..., :3] @ LUMA
    return float(luma.max(where=np.isfinite(luma), initial=0)) or np.inf


def _less_lip(gain: Float, enamel: Float, white: Float) -> Float:
    """The `gain` (3,) of seen teeth, nearer to the hue of `enamel` (3,); as bright in `white` (3,) light."""
    out, luma = gain**OWN_HUE * enamel ** (1 - OWN_HUE), white * LUMA
    return (out * (gain @ luma) / (out @ luma)).astype(np.float32)


def _hued(gain: Float, seen: Float, model: Float) -> Float:
    """A `gain` (3,) that brings the `model` (3,) to the hue that is `seen` (3,), as bright as before."""
    hue = np.maximum(seen, 0) / np.maximum(model, 1e-6)
    hue, luma = np.clip(hue / max(float(hue.mean()), 1e-6), 0.5, 2.0), model * LUMA
    return (hue * (gain @ luma) / (hue @ luma)).astype(np.float32)


def _bright(white: Float) -> Float:
    """The light (3,) that a quarter of the places (N, 3) get more of."""
    most: Float = np.partition(white, 3 * len(white) // 4, axis=0)[3 * len(white) // 4]
    return most


def _hue(lip: Float, white: Float) -> Float:
    """How much more of each channel (3,) lips have than usual lips under the `white` (N, 3) light."""
    usual = _bright(white) * LIP
    more = np.maximum(lip, 0) / np.maximum(usual, 1e-6)
    hue = np.clip(more / max(float(more.mean()), 1e-6), 0.5, 2.0) ** LIP_HUE
    return (hue / hue.mean()).astype(np.float32)


def _redness(lip: Float, white: Float) -> float:
    """How red lips (3,) are under the `white` (N, 3) light: 0 if they have its hue, 1 as usual or redder."""
    seen = np.maximum(lip, 1e-6) / np.maximum(_bright(white), 1e-6)
    return float(np.clip(np.log(seen[0] / seen[1]) / np.log(REDDENS), 0, 1))


def _under_lip(red: float) -> Float:
    """What teeth lose of each channel (3,) right at their lip, which is so `red`: see `_redness`."""
    usual = np.array(UNDER_LIP, np.float32)
    gray = np.full(3, usual @ LUMA, np.float32)
    return gray + np.float32(red) * (usual - gray)


def draw_mouth(
    plate: Float,
    source: PlateMouth,
    inside: Inside,
    pixels: Float,
    shade: Float,
    shine: Float,
    outline: Float,
    lit: Float,
    box: tuple[int, int, int, int],
    blur_px: float = 0.0,
    between: float = 1.0,
) -> tuple[Float, Float]:
    """Color (h, w, 3) and coverage (h, w) of the mouth's inside in `box` (x0, y0, width, height).

    `pixels` (V, 3): its projected vertices. `shade` and `shine` (V, 3): radiance of white and of a wet
    highlight at each, were the lips not there; `lit` (V, 3): how much of it comes in. `blur_px`: standard
    deviation of the plate's own blur, under which all that is drawn is put. `between`: see `light_between`.
    """
    x0, y0, width, height = box
    cover = polygon(outline, x0, y0, width, height)
    color = np.zeros((height, width, 3), np.float32)
    if cover.max() <= 0:
        return color, cover
    fine = (pixels - np.array([x0, y0, 0], np.float32)) * np.array([FINE, FINE, 1], np.float32)
    index, bary, _ = rasterize(fine, inside.triangles, FINE * width, FINE * height)
    taken = np.zeros((height, width), np.float32)
    wide = FINE * float(np.ptp(outline[:, 0]))
    _join_teeth(index, bary, inside.part, int(JOIN * wide))
    _join_rows(index, bary, inside.part, int(MEET * wide * (1 - between)))
    _reach_lips(cover, index, bary, inside.part)
    cavity = (between * shade.mean(axis=0) * CAVITY).astype(np.float32)
    cheek = CHEEK_SEEN * _bright(shade[inside.teeth]) * CHEEK
    cheek = (cheek * source.gain[0]).astype(np.float32)
    shade, shine = shade * lit, shine * lit
    jaw = _jaw(source, inside, pixels, origin=(x0, y0))
    known = _known(source, index, inside.part, cover, jaw)
    there = (outline - np.array([x0, y0], np.float32)) @ jaw[:, :2].T + jaw[:, 2]
    own, believed = _trusted(source, there, known)
    in_bands(
        _shade, height, cover, _ends(cover), index, bary, inside.triangles, inside.albedo, inside.part,
        inside.gloss, shade, shine, source.pixels, own, source.more, believed,
        np.array(source.origin, np.int32), source.gain, _under_lip(source.red), plate, cavity, cheek, jaw,
        source.shallow, color, taken,
    )  # fmt: skip
    return soften(color, cover, taken, blur_px), cover


def _known(source: PlateMouth, index: Int, part: Int, cover: Float, jaw: Float) -> float:
    """How much of the upper teeth that are seen here the plate shows: 0 to 1.

    `index` (FINE h, FINE w) are triangles, each of a `part` (T,), that show where `cover` (h, w) is; `jaw`
    (2, 3) is what `_jaw` says.
    """
    trust = source.own[UPPER_TEETH]
    if not trust.any():
        return 0.0
    there = 1 + np.minimum(source.more[..., 3], 0)
    return _mean_trust(trust, there, np.array(source.origin, np.float64), index, part, cover, jaw)


@numba.njit(cache=True, nogil=True)
def _mean_trust(
    trust: Float, there: Float, origin: NDArray[np.float64], index: Int, part: Int, cover: Float, jaw: Float
) -> float:
    """The mean of the plate's `trust` (h, w), which begins at pixel `origin`, where upper teeth are seen.

    They count as far as they are `there` (h, w) in the plate.
    """
    total, count = 0.0, 0.0
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            if index[y, x] < 0 or part[index[y, x]] != UPPER_TEETH or cover[y // FINE, x // FINE] <= 0:
                continue
            px, py = (x + 0.5) / FINE, (y + 0.5) / FINE
            u = jaw[0, 0] * px + jaw[0, 1] * py + jaw[0, 2] - origin[0]
            v = jaw[1, 0] * px + jaw[1, 1] * py + jaw[1, 2] - origin[1]
            if 0 <= u < trust.shape[1] and 0 <= v < trust.shape[0]:
                total += trust[int(v), int(u)]
                count += there[int(v), int(u)]
            else:
                count += 1
    return total / max(count, 1.0)


def _trusted(source: PlateMouth, outline: Float, known: float) -> tuple[Float, np.float32]:
    """How sure the plate shows each part (PARTS, h, w): lips that stay as they are show all they did.

    And how far `PlateMouth.more` is believed.

    `outline` (N, 2): the lips, in the plate where the upper teeth would be. `known`: see `_known`. Of a row
    of teeth of which the plate shows little, all is made: both kinds would not read as one row. And lips that
    nearly close show nothing of what the plate's did.
    """
    moved = float(np.linalg.norm(outline - source.outline, axis=1).max())
    still = np.float32(np.clip(1.5 - moved / source.border, 0, 1))
    open_, was = (mean_gap(each) / max(float(np.ptp(each[:, 0])), 1e-3) for each in (outline, source.outline))
    shows = np.float32(np.interp(open_, np.minimum(SLIT, np.array(STAYS_OPEN) * was), (0, 1)))
    row = np.float32(np.interp(known, KNOWN, (0, 1)))
    own: Float = source.own * shows
    own[UPPER_TEETH] *= row
    return (own + still * (source.open - own) if still > 0 else own), shows * row


def _jaw(source: PlateMouth, inside: Inside, pixels: Float, origin: tuple[int, int]) -> Float:
    """The affine map (2, 3) from pixels of the box to the plate that the upper teeth follow."""
    here = pixels[inside.teeth, :2] - np.array(origin, np.float32)
    return affine(here, source.pixels[inside.teeth])


def soften(color: Float, cover: Float, kept: Float, blur_px: float) -> Float:
    """Blur `color` (h, w, 3) where it is covered, nothing beyond taking part; what is `kept` (h, w) stays."""
    if blur_px < 0.3:
        return color
    there = (cover > 0)[..., None]
    soft = gaussian(np.concatenate([np.where(there, color, 0), there], axis=2, dtype=np.float32), blur_px)
    out = np.empty_like(color)
    in_bands(_soften, len(out), color, cover, kept, soft, out)
    return out


@numba.njit(cache=True, fastmath=True, nogil=True)
def _soften(first: int, end: int, color: Float, cover: Float, kept: Float, soft: Float, out: Float) -> None:
    """Take the share of what is not covered, in the last channel of `soft` (h, w, 4), out again."""
    for y in range(first, end):
        for x in range(cover.shape[1]):
            share = kept[y, x] if cover[y, x] > 0 else np.float32(1)
            for k in range(3):
                blurred = soft[y, x, k] / max(soft[y, x, 3], np.float32(1e-4))
                out[y, x, k] = blurred + share * (color[y, x, k] - blurred)


@numba.njit(cache=True, nogil=True)
def _join_teeth(index: Int, bary: Float, part: Int, most: int) -> None:
    """What lies in a row between two teeth, no more than `most` samples wide, is theirs, in place.

    Through the gaps of the model's teeth the dark behind was seen.
    """
    for y in range(index.shape[0]):
        last = -1
        for x in range(index.shape[1]):
            if index[y, x] < 0 or part[index[y, x]] < UPPER_TEETH:
                continue
            if last >= 0 and 1 < x - last <= most + 1:
                middle = (last + x + 1) // 2
                for n in range(last + 1, x):
                    of = last if n < middle else x
                    index[y, n] = index[y, of]
                    bary[y, n] = bary[y, of]
            last = x


@numba.njit(cache=True, nogil=True)
def _join_rows(index: Int, bary: Float, part: Int, most: int) -> None:
    """What lies in a column between an upper and a lower tooth, at most `most` samples, is theirs, in place.

    The edges of the model's teeth do not meet everywhere when its jaw is closed: black spots.
    """
    for x in range(index.shape[1]):
        last = -1
        for y in range(index.shape[0]):
            if index[y, x] < 0 or part[index[y, x]] < UPPER_TEETH:
                continue
            if last >= 0 and 1 < y - last <= most + 1 and part[index[last, x]] < part[index[y, x]]:
                for n in range(last + 1, y):
                    of = last if 2 * n < last + y else y
                    index[n, x] = index[of, x]
                    bary[n, x] = bary[of, x]
            last = y


@numba.njit(cache=True, nogil=True)
def _reach_lips(cover: Float, index: Int, bary: Float, part: Int) -> None:
    """Teeth and gums go on up to the lip that lies on them: no gap is seen between, in place."""
    height, width = cover.shape
    columns = np.flatnonzero(cover.sum(axis=0))
    most = LIP_GAP[1] * FINE * (columns[-1] - columns[0] + 1)
    for x in range(FINE * width):
        top, bottom = -1, -1
        for y in range(height):
            if cover[y, x // FINE] > 0:
                if top < 0:
                    top = FINE * y
                bottom = FINE * y + FINE - 1
        if top < 0:
            continue
        reach = int(min(LIP_GAP[0] * (bottom - top), most)) + FINE
        for step in (1, -1):
            first = top if step > 0 else bottom
            for n in range(reach):
                y = first + step * n
                if y < top or y > bottom:
                    break
                t = index[y, x]
                if t < 0:
                    continue
                kind = part[t]
                if not (kind == GUMS or kind == (UPPER_TEETH if step > 0 else UPPER_TEETH + 1)):
                    continue
                for m in range(n):
                    row = first + step * m
                    index[row, x] = t
                    bary[row, x] = bary[y, x]
                break


@numba.njit(cache=True, nogil=True)
def _ends(cover: Float) -> tuple[Float, Float, np.float32]:
    """First and end column (h, 2) that is covered of each row; top and bottom of each column; how wide it is.

    A column (w, 2) counts where it is covered by half; -1 where it is not.
    """
    height, width = cover.shape
    rows, columns = np.zeros((height, 2), np.float32), np.full((width, 2), -1, np.float32)
    rows[:, 0] = width
    for y in range(height):
        for x in range(width):
            if cover[y, x] > 0:
                rows[y, 0], rows[y, 1] = min(rows[y, 0], x), x + 1
            if cover[y, x] > 0.5:
                if columns[x, 0] < 0:
                    columns[x, 0] = y
                columns[x, 1] = y
    # no row of a slit that lies aslant is as wide as the slit
    return rows, columns, np.float32(max(rows[:, 1].max() - rows[:, 0].min(), 1))


@numba.njit(cache=True, fastmath=FAST, nogil=True)
def _shade(
    first: int,
    end: int,
    cover: Float,
    ends: tuple[Float, Float, Any],
    index: Int,
    bary: Float,
    triangles: Int,
    albedo: Float,
    part: Int,
    gloss: Float,
    shade: Float,
    shine: Float,
    place: Float,
    own: Float,
    more: Float,
    believed: np.float32,
    origin: Int,
    gain: Float,
    under_lip: Float,
    plate: Float,
    cavity: Float,
    cheek: Float,
    jaw: Float,
    shallow: bool,
    color: Float,
    taken: Float,
) -> None:
    """Shade the rows from `first` to before `end`."""
    wall = np.array(WALL, np.float32)
    zero, half, one, cell = np.float32(0), np.float32(0.5), np.float32(1), np.float32(1 / FINE)
    rows, columns, widest = ends[0], ends[1], np.float32(ends[2])  # numba returned it as a Python float
    deep, aside = np.float32(1 / LIP_SHADOW) / widest, np.float32(1 / CHEEK_WIDE) / widest
    hides = np.float32(1 / (SLIT[1] - SLIT[0])) / widest
    tallest = np.max(columns[:, 1] - columns[:, 0])
    slit = min(max(np.float32(SLIT[1] / (SLIT[1] - SLIT[0])) - tallest * hides, zero), one)
    # unsigned places, since numba asks of all others whether they count from the end
    fine, upper, each = np.uint64(FINE), np.int32(UPPER_TEETH), np.uint64(FINE * FINE)
    most = FINE * FINE * cover.shape[1]
    inks, bare, kinds = (
        np.empty((most, 3), np.float32),
        np.zeros((most, 3), np.float32),
        np.empty(most, np.int32),
    )
    places, trusts, tooth = (
        np.empty((most, 2), np.float32),
        np.empty(most, np.float32),
        np.empty(most, np.bool_),
    )
    for y in range(np.uint64(first), np.uint64(end)):
        count = np.uint64(0)
        for x in range(np.uint64(cover.shape[1])):
            if cover[y, x] <= 0:
                continue
            top, bottom = columns[x, 0], columns[x, 1]
            fx, fy, span, shadow = np.float32(x), np.float32(y), max(bottom - top, one), one
            near_upper = near_lower = zero
            if top >= 0:
                below = min(max((fy - top) * deep, zero), one)
                above = min(max((bottom - fy) * np.float32(2) * deep, zero), one)
                corner = min(span / (np.float32(0.3) * widest), one)
                near_upper, near_lower = one - below, one - above
                shadow = np.float32(0.85) + np.float32(0.15) * below
                shadow *= np.float32(0.9) + np.float32(0.1) * above
                shadow *= np.float32(0.65) + np.float32(0.35) * corner
            edge = min(fx + half - rows[y, 0], rows[y, 1] - fx - half) * aside
            lit = np.float32(IN_CORNERS) * shadow * np.exp(-edge * edge)
            for sub in range(each):
                sy, sx, at = fine * y + sub // fine, fine * x + sub % fine, count + sub
                there, t = index[sy, sx] >= 0, np.uint64(index[sy, sx])
                fx, fy = (np.float32(sx) + half) * cell, (np.float32(sy) + half) * cell
                px = jaw[0, 0] * fx + jaw[0, 1] * fy + jaw[0, 2]
                py = jaw[1, 0] * fx + jaw[1, 1] * fy + jaw[1, 2]
                kinds[at] = upper if shallow or there else -1
                tooth[at] = there and part[t] == upper
                if not there:
                    for k in range(np.uint64(3)):
                        inks[at, k] = cavity[k]
                else:
                    i, j, m = (
                        np.uint64(triangles[t, 0]),
                        np.uint64(triangles[t, 1]),
                        np.uint64(triangles[t, 2]),
                    )
                    a, b, c = bary[sy, sx, 0], bary[sy, sx, 1], bary[sy, sx, 2]
                    own_part = np.uint64(part[t])
                    lip = near_upper if part[t] == upper else near_lower if part[t] > upper else zero
                    for k in range(np.uint64(3)):
                        white = a * shade[i, k] + b * shade[j, k] + c * shade[m, k]
                        wet = a * shine[i, k] + b * shine[j, k] + c * shine[m, k]
                        inks[at, k] = white * (albedo[t, k] * shadow * gain[own_part, k])
                        bare[at, k] = white * (wall[k] * shadow * gain[0, k])
                        inks[at, k] *= one - lip * under_lip[k]
                        inks[at, k] += gloss[t] * wet * shadow
                    if not shallow:
                        px = a * place[i, 0] + b * place[j, 0] + c * place[m, 0]
                        py = a * place[i, 1] + b * place[j, 1] + c * place[m, 1]
                        kinds[at] = part[t]
                places[at, 0], places[at, 1] = px - half, py - half
                for k in range(np.uint64(3)):
                    dim = max(inks[at, k], lit * cheek[k])
                    inks[at, k] = dim + slit * (cheek[k] - dim)
                    bare[at, k] = max(bare[at, k], lit * cheek[k])
            count += each
        _own(plate, own, more, believed, origin, kinds[:count], tooth, places, bare, inks, trusts)
        count = np.uint64(0)
        for x in range(np.uint64(cover.shape[1])):
            if cover[y, x] > 0:
                for n in range(count, count + each):
                    taken[y, x] += trusts[n] * cell * cell
                    for k in range(np.uint64(3)):
                        color[y, x, k] += inks[n, k] * cell * cell
                count += each


@numba.njit(cache=True, fastmath=FAST, nogil=True)
def _own(
    plate: Float,
    own: Float,
    more: Float,
    believed: np.float32,
    origin: Int,
    kinds: Int,
    tooth: Mask,
    places: Float,
    bare: Float,
    inks: Float,
    trusts: Float,
) -> None:
    """Replace `inks` (n, 3) by the plate's color at pixels `places` (n, 2) as far as `own` trusts it.

    That is how far it is sure to be of the part that `kinds` (n,) says, into `trusts` (n,); of none below 0.
    What is `tooth` (n,) goes on as `more`, so far `believed`, has it; where that has none, the wall behind is
    `bare` (n, 3).
    """
    zero, one, next_ = np.float32(0), np.float32(1), np.uint64(1)
    for n in range(np.uint64(len(kinds))):
        fx, fy, trusts[n] = places[n, 0], places[n, 1], zero
        ix, iy = np.int64(np.floor(fx)), np.int64(np.floor(fy))
        qx, qy, wx, wy = ix - origin[0], iy - origin[1], fx - np.float32(ix), fy - np.float32(iy)
        if kinds[n] < 0 or not (0 <= qx < own.shape[2] - 1 and 0 <= qy < own.shape[1] - 1):
            continue
        kind, c, r = np.uint64(kinds[n]), np.uint64(qx), np.uint64(qy)
        if tooth[n]:
            some = more[r, c, 3] * believed
            goal = more[r, c, :3] if some > 0 else bare[n]
            for k in range(np.uint64(3)):
                inks[n, k] += abs(some) * (goal[k] - inks[n, k])
            trusts[n] = max(some, zero)
        above = own[kind, r, c] * (one - wx) + own[kind, r, c + next_] * wx
        below = own[kind, r + next_, c] * (one - wx) + own[kind, r + next_, c + next_] * wx
        trust = above * (one - wy) + below * wy
        if trust <= 0:
            continue
        trusts[n] += trust * (one - trusts[n])
        c, r = np.uint64(ix), np.uint64(iy)
        for k in range(np.uint64(3)):
            above = plate[r, c, k] * (one - wx) + plate[r, c + next_, k] * wx
            below = plate[r + next_, c, k] * (one - wx) + plate[r + next_, c + next_, k] * wx
            seen = above * (one - wy) + below * wy
            if np.isfinite(seen):
                inks[n, k] += trust * (seen - inks[n, k])


def box_around(outline: Float, margin: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The pixel box (x0, y0, width, height) around an outline, inside a picture of `shape`."""
    low = np.clip(np.floor(outline.min(axis=0)).astype(int) - margin, 0, [shape[1] - 1, shape[0] - 1])
    high = np.clip(np.ceil(outline.max(axis=0)).astype(int) + margin, low + 1, [shape[1], shape[0]])
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


@numba.njit(cache=True)
def _shrink(cover: Float, border: float) -> Float:
    """Soft erosion: 0 within `border` pixels of anything uncovered, 1 beyond twice that."""
    height, width = cover.shape
    reach = int(np.ceil(2 * border))
    out = np.zeros_like(cover)
    for y in range(height):
        for x in range(width):
            if cover[y, x] < 0.5:
                continue
            nearest = 1e9
            for j in range(-reach, reach + 1):
                for i in range(-reach, reach + 1):
                    r, c = y + j, x + i
                    if r < 0 or c < 0 or r >= height or c >= width or cover[r, c] < 0.5:
                        nearest = min(nearest, np.sqrt(float(i * i + j * j)))
            out[y, x] = min(max(nearest / border - 1.0, 0.0), 1.0)
    return out
