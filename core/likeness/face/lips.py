"""Lips without teeth, and without each other: those found too far in would carry along what lies between."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from likeness.face.lip_edges import OVER, UNDER
from likeness.face.person import Person, evenly, of_lip, opening
from likeness.face.rig import mean_gap
from likeness.head import points as dense

Float = NDArray[np.float32]

OUTER = {"upper": OVER, "lower": UNDER}
PARTED = 0.02  # of the mouth's width: lips less apart show no teeth, what is white there is a highlight
STEPS = 24  # looked at from the lips' inner to their outer edge
LIP = 0.8  # from here on to the outer edge it is lip for sure
WHITER = 0.1  # by as much is a tooth's smallest channel nearer to its largest than a lip's
SHADED_WHITER = 0.06  # and that of an upper tooth than the reddest of its lip, whose shadow it lies in
DARK = 0.5  # of the lower lip's luma: darker is no lip, but what is behind it
GAP = 0.15  # of the way: white beyond so much lip is not a tooth but a highlight
MARGIN = 0.12  # of the way, beyond the last tooth
ROW = 0.4  # so many of the ways at least must show teeth: less is noise
MOST = 0.85  # of the way: there lip has to begin
REACH = 1.6  # of a lip's height: vertices farther from its edge stay
SEAM_REACH, SEAM_STEP = 0.3, 0.25  # of the lips' height: so far the line of closed lips is looked for; pixels
SEAM_DARK = 0.92  # of the luma of the lips beside it, a line at most
SEAM_NEAR, SEAM_HALF_PX = 1.5, 0.6  # in steps along it, it is smooth; half of its width


def slide(plate: Float, person: Person, pixels: Float) -> Float:
    """By how many pixels (V, 2) each vertex of the lips must look farther out to see nothing but its lip.

    Parted lips may carry teeth, closed ones what lies beyond the line between them. `plate` (H, W, 3)
    scene-linear, `pixels` (V, 2+) the projected vertices and points.
    """
    out = np.zeros((len(pixels), 2), np.float32)
    outline = opening(person, pixels, "mouth")
    ways = {lip: _ways(lip, pixels[person.vertex_count :, :2]) for lip in OUTER}
    if mean_gap(outline) >= PARTED * np.ptp(outline[:, 0]):
        shares = {lip: _teeth(lip, plate, *ways[lip]) for lip in OUTER}
    else:
        shares = _across_seam(plate, ways)
    for lip, share in shares.items():
        if (share > 0).mean() >= ROW:  # less is noise
            _slide_one(lip, share, *ways[lip], person, pixels, out)
    return out


def _slide_one(
    lip: str, share: Float, inner: Float, way: Float, person: Person, pixels: Float, out: Float
) -> None:
    """The same of the vertices of the "upper" or "lower" `lip`, a `share` of its ways, into `out` (V, 2)."""
    (other,) = OUTER.keys() - {lip}
    own = np.ones(len(pixels), bool)
    own[: person.vertex_count] = of_lip(person.head, lip)
    own[np.r_[dense.GROUPS[f"lip_{other}_inner"], OUTER[other]] + person.vertex_count] = False
    ids, reach = np.flatnonzero(own), REACH * np.linalg.norm(way, axis=1)
    away, near = cKDTree(inner).query(pixels[ids, :2], distance_upper_bound=float(reach.max()))
    there = np.isfinite(away)
    ids, away, near = ids[there], away[there], near[there]
    long = np.maximum((way**2).sum(axis=1), 1e-6)
    at = ((pixels[ids, :2] - inner[near]) * way[near]).sum(axis=1) / long[near]
    offset = (share[near] * (1 - np.maximum(at, 0)))[:, None] * way[near]
    close = (away < reach[near]) & (at < 1) & (at > -0.3)
    out[ids[close]] = offset[close]


def _across_seam(plate: Float, ways: dict[str, tuple[Float, Float]]) -> dict[str, Float]:
    """How much of each way (N,) over two closed lips lies beyond the dark line between, if there is one."""
    upper, up = ways["upper"]
    lower, down = (evenly(each, len(upper)) for each in ways["lower"])
    tall = np.linalg.norm(down - up, axis=1, keepdims=True)
    way = (down - up) / np.maximum(tall, 1e-6)
    steps = np.arange(-1, 1, SEAM_STEP / max(SEAM_REACH * float(tall.mean()), 1.0)) * SEAM_REACH * tall
    middle = (upper + lower) / 2
    luma = _sampled(plate, middle[:, None] + steps[..., None] * way[:, None]).sum(axis=2)
    luma = ndimage.gaussian_filter1d(luma, SEAM_NEAR, axis=0, mode="nearest")
    darkest = luma.argmin(axis=1)[:, None]
    beside = np.minimum(luma[:, 0], luma[:, -1])
    sure = np.take_along_axis(luma, darkest, axis=1)[:, 0] < SEAM_DARK * beside
    if sure.mean() < ROW:
        return {}
    at = np.where(sure, np.take_along_axis(steps, darkest, axis=1)[:, 0], 0)
    at = ndimage.gaussian_filter1d(ndimage.median_filter(at, 3), SEAM_NEAR, mode="nearest")
    line = middle + at[:, None] * way
    out = {}
    for lip, (inner, over) in ways.items():
        long = np.maximum((over**2).sum(axis=1), 1e-6)
        beyond = ((evenly(line, len(inner)) - inner) * over).sum(axis=1) / long + SEAM_HALF_PX / np.sqrt(long)
        out[lip] = np.clip(beyond, 0, MOST).astype(np.float32)
    return out


def color(plate: Float, person: Person, pixels: Float) -> Float:
    """The color (3,) of the lower lip in the `plate`; the arguments are those of `slide`."""
    at = np.floor(middle(person, pixels)).astype(int)
    x, y = np.clip(at, 0, [plate.shape[1] - 1, plate.shape[0] - 1]).T
    return np.median(np.nan_to_num(plate[y, x, :3], posinf=0, neginf=0), axis=0).astype(np.float32)


def middle(person: Person, pixels: Float) -> Float:
    """Places (N, 2) along the middle of the lower lip; the arguments are those of `slide`."""
    inner, way = _ways("lower", pixels[person.vertex_count :, :2])
    return inner + np.float32(0.55) * way


def _ways(lip: str, points: Float) -> tuple[Float, Float]:
    """The inner edge (N, 2) of the "upper" or "lower" lip and the ways (N, 2) from it to the outer edge."""
    inner = points[dense.GROUPS[f"lip_{lip}_inner"]][1:-1]
    outer = points[OUTER[lip]]
    place = np.linspace(0, 1, len(outer))
    along = np.linspace(0.08, 0.92, len(inner))
    across = np.stack([np.interp(along, place, outer[:, k]) for k in (0, 1)], 1)
    return inner, (across - inner).astype(np.float32)


def _teeth(lip: str, plate: Float, inner: Float, way: Float) -> Float:
    """How much of each way (N,) over the "upper" or "lower" `lip` lies on teeth: what is whiter than the lip.

    In a lip's shadow, or blurred into it, they are only brighter than where it is reddest. And what is much
    darker than the lower lip is the mouth's inside; at the upper one, it may be the shadow in its corner.
    """
    t = np.linspace(0, 1, STEPS)
    colors = _sampled(plate, inner[:, None] + t[None, :, None] * way[:, None])
    luma = colors.sum(axis=2)
    white = colors.min(axis=2) / np.maximum(colors.max(axis=2), 1e-6)
    red = white[:, t < LIP].argmin(axis=1)[:, None]
    least, dark = (np.take_along_axis(of, red, axis=1) for of in (white, luma))
    whiter = SHADED_WHITER if lip == "upper" else WHITER
    tooth = (white > least + whiter) & (luma > dark) & (np.arange(STEPS) < red)
    if lip == "lower":
        lip_white, lip_luma = (np.median(of[:, t >= LIP]) for of in (white, luma))
        tooth |= (white > lip_white + WHITER) & (luma > lip_luma)
        tooth = (tooth | (luma < DARK * lip_luma)) & (t < LIP)
    before = np.maximum.accumulate(np.where(tooth, t, 0), axis=1)
    gap = t[1:] - before[:, :-1]
    tooth[:, 1:] &= ~np.logical_or.accumulate(gap > GAP, axis=1)
    last = np.where(tooth.any(axis=1), STEPS - 1 - tooth[:, ::-1].argmax(axis=1), -1)
    share = np.where(last >= 0, np.minimum(t[np.maximum(last, 0)] + MARGIN, MOST), 0)
    # a single point is noise, a row of them are teeth
    return ndimage.gaussian_filter1d(ndimage.median_filter(share, 5), 1.0).astype(np.float32)


def _sampled(plate: Float, at: NDArray[np.floating[Any]]) -> Float:
    """The colors (N, K, 3) of the plate at places (N, K, 2), none below 0."""
    spot = [at[..., 1] - 0.5, at[..., 0] - 0.5]
    each = [ndimage.map_coordinates(plate[..., k], spot, order=1, mode="nearest") for k in range(3)]
    return np.nan_to_num(np.maximum(np.stack(each, axis=-1), 0), posinf=0)
