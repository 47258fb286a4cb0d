"""How high a person's teeth stand behind the lips: pictures that show them tell it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face import lips
from likeness.face.fit import Fit, Lens
from likeness.face.inside import ALBEDO, Inside
from likeness.face.limbus import DISPLAY
from likeness.face.person import Person, shown_in, to_pixels, tooth_rows
from likeness.face.rig import outlines_of
from likeness.face.warp import polygon
from likeness.head import points as dense
from likeness.media.look import Look
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Array = NDArray[np.float64]

COLUMNS, ROWS, MOUTH = 160, 112, 120  # pixels of the crop, and of the mouth's width in it
UPPER, LOWER = (list(ALBEDO).index(name) for name in ("teeth_upper", "teeth_lower"))
RAISED_CM = np.linspace(-0.5, 0.5, 41)
USUAL_CM = 0.2  # so far teeth of most are from the usual
UNUSUAL = 0.045  # what that costs, as a share of what shows
LEAST = 60  # pixels of the opening tell something
BRIGHTER, PALER = 0.5, 0.6  # of what is seen is darker than teeth; of what is not, redder
WHITER = 0.1  # by as much is a tooth's green, of its red, more than a lip's
PALE, LIT = (0.3, 0.6), (0.25, 0.55)  # of the way from lip to tooth, and of its luma: from no tooth to one


def green_of(colors: Float) -> Any:
    """How green `colors` (..., 3) are to how red: enamel may be as yellow as skin, never as red as lips."""
    colors = np.maximum(np.nan_to_num(colors, posinf=0), 0)
    return colors[..., 1] / np.maximum(colors[..., 0], 1e-6)


def widest(points: Float, count: int) -> list[int]:
    """Of frames with `points` (F, POINTS, 2) up to `count` of the half in which the mouth is opened most."""
    upper, lower = (points[:, dense.GROUPS[f"lip_{lip}_inner"]] for lip in ("upper", "lower"))
    gap = np.linalg.norm(upper.mean(axis=1) - lower.mean(axis=1), axis=1)
    order = np.argsort(-gap / np.maximum(np.linalg.norm(upper[:, 0] - upper[:, -1], axis=1), 1e-6))
    half = order[: -(-len(order) // 2)]
    return half[np.linspace(0, len(half) - 1, min(count, len(half))).astype(int)].tolist()


def enamel_of(colors: Float, tooth: Float, lip: Float, way: tuple[float, float]) -> Float | None:
    """How surely `colors` (h, w, 3) are of the `tooth` (3,) and not of the `lip` (3,); None if no hue tells.

    `way`: how far from lip to tooth is no tooth for sure, and how far is one. Lips and gums are red.
    """
    pale, paler, least = (green_of(one) for one in (colors, tooth, lip))
    if paler - least < WHITER:
        return None
    return np.asarray(np.interp((pale - least) / (paler - least), way, (0, 1)), np.float32)


def raised(person: Person, up_cm: float) -> Person:
    """The person with the teeth so much higher behind the lips."""
    if not up_cm:
        return person
    rest = person.rest.copy()
    rest[np.concatenate(tooth_rows(person.head)), 1] += up_cm
    return replace(person, rest=rest)


def raised_cm(person: Person, inside: Inside, lens: Lens, pictures: Iterable[tuple[Look, Fit]]) -> float:
    """How much higher than usual a person's teeth are in pictures, in each of which the head lies as its fit
    says; 0 where none shows teeth.
    """
    costs = [_costs(person, inside, lens, look, fit) for look, fit in pictures]
    told = [cost for cost in costs if cost is not None]
    if not told:
        return 0.0
    cost = np.mean(told, axis=0) + UNUSUAL * (RAISED_CM / USUAL_CM) ** 2
    return float(RAISED_CM[cost.argmin()])


def _costs(person: Person, inside: Inside, lens: Lens, look: Look, fit: Fit) -> Array | None:
    """Which share of the opening is teeth where the model has none, or the other way round, for each of
    `RAISED_CM`; None if there are none to be seen.
    """
    pixels = to_pixels(shown_in(person, fit), lens)
    outline = outlines_of(person, pixels)["mouth"]
    matrix = _crop(outline, fit)
    back = np.linalg.inv(matrix[:, :2])
    here = [((p[:, :2] - matrix[:, 2]) @ back.T).astype(np.float32) for p in (outline, inside.at(pixels))]
    picture = look.crop(matrix, COLUMNS, ROWS).transpose(1, 2, 0) ** DISPLAY
    open_ = polygon(here[0], 0, 0, COLUMNS, ROWS) > 0.9
    middle = lips.middle(person, pixels)
    at = np.floor((middle - matrix[:, 2]) @ back.T).astype(int)
    x, y = np.clip(at, 0, [COLUMNS - 1, ROWS - 1]).T
    seen = _teeth(picture, open_, np.median(picture[y, x], axis=0))
    if seen is None:
        return None
    local = np.c_[here[1], inside.at(pixels)[:, 2]]
    index, _, _ = rasterize(local, inside.triangles, COLUMNS, ROWS)
    part = np.where(index >= 0, inside.part[index], -1)
    teeth = np.isin(part, (UPPER, LOWER)).astype(np.float32)
    px_per_cm = lens.focal_px / fit.translation[2] / np.linalg.norm(matrix[:, 0])
    return np.array(
        [np.abs(ndimage.shift(teeth, (-up * px_per_cm, 0), order=1) - seen)[open_].mean() for up in RAISED_CM]
    )


def _crop(outline: Float, fit: Fit) -> Array:
    """The crop's pixels to the picture's (2, 3): the mouth is in its middle, the head upright."""
    down = fit.rotation[:2, 1] / np.linalg.norm(fit.rotation[:2, 1])
    down = -down if down[1] < 0 else down
    step = max(float(np.ptp(outline[:, 0])), 4.0) / MOUTH
    turn = step * np.array([[down[1], down[0]], [-down[0], down[1]]])
    return np.c_[turn, outline.mean(axis=0) - turn @ np.array([COLUMNS / 2, ROWS / 2])]


def _teeth(picture: Float, open_: NDArray[np.bool_], lip: Float) -> Float | None:
    """How surely each pixel (h, w) of the `picture` (h, w, 3) is a tooth; None if none in what is `open_` is.

    They are paler than the `lip` (3,), and not in the dark.
    """
    if open_.sum() < LEAST:
        return None
    luma, pale = picture.mean(axis=2), green_of(picture)
    bright = open_ & (luma >= np.quantile(luma[open_], BRIGHTER))
    tooth = np.median(picture[bright & (pale >= np.quantile(pale[bright], PALER))], axis=0)
    sure = enamel_of(picture, tooth, lip, PALE)
    return None if sure is None else sure * np.interp(luma / tooth.mean(), LIT, (0, 1)).astype(np.float32)
