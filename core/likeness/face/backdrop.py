"""What is behind the head in a shot whose camera stands: other frames show it, where the head is elsewhere.

Some frames, in which the head is far from where it is in the others, are laid over each other without their
people. What none of them shows is filled once, so that it is the same all through the shot. Every frame takes
that in its own light, and only beside what it shows of the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face import fill
from likeness.face.part import Spot
from likeness.render.bands import in_turn
from likeness.render.blur import gaussian

Float = NDArray[np.float32]
Half = NDArray[np.float16]
Mask = NDArray[np.bool_]
Array = NDArray[np.float64]
Box = tuple[int, int, int, int]
Bareness = NDArray[np.uint8]
Bare = tuple[Float, Bareness]  # a picture (h, w, 3), and where (h, w) it shows nothing of people

LIKELY_BARE, SURELY_BARE = 1, 2  # of a picture's places, 0 where it may show somebody
MOST, MOST_PX = 8, 3e7  # so many frames of a shot are looked at, of no more pixels together
SPARSE = 8  # pixels: so far apart lie those that tell how one picture's light differs from another's
CELLS = 96  # about so many across are compared of two pictures
ALIKE = 0.06  # of cube roots of light: cells that differ by more do not show the same
FEWEST = 50  # cells of background tell
MOSTLY = 0.8  # of them are to be alike: somebody may walk by
STANDING = 0.75  # so many of the frames are to show the same
FINE, STEP = 480, 0.6  # cells across, and so many of these the camera has moved at least
WHOLE = 0.999  # of a cell: so much is bare
SOFT = 3.0  # cells: over so many a frame's light, and how sure it is, is the mean
BRIGHTEST = np.float32(np.finfo(np.float16).max)  # that a backdrop can hold
DARK, LIGHTER = 1e-3, 2.0  # in less light none tells how much there is; so many times more at most
SURE = (0.2, 0.5)  # of the cells about a place: with fewer alike it is unknown, with more it is for sure


@dataclass(frozen=True)
class Backdrop:
    """The shot's `picture` (h, w, 3) without people, in the box whose first pixel is `origin`."""

    origin: tuple[int, int]
    picture: Half

    def within(self, box: Box) -> Backdrop:
        """The part of it in a box of the picture."""
        x, y = box[0] - self.origin[0], box[1] - self.origin[1]
        return Backdrop((box[0], box[1]), self.picture[y : y + box[3], x : x + box[2]].copy())

    def matched(self, own: Float, bare: Mask, origin: tuple[int, int]) -> tuple[Float, Float]:
        """What the shot shows in a frame from `origin` on, `own` (h, w, 3): in its light, without people.

        0 beyond what it shows. And how sure (h, w) that is, 0 to 1, by what is alike about there, where the
        frame is `bare` (h, w).
        """
        here, there = _shared(bare.shape, self.picture.shape, [self.origin[k] - origin[k] for k in (1, 0)])
        out, known, sure = np.zeros_like(own), np.zeros_like(bare), np.zeros((*bare.shape, 1), np.float32)
        out[here], known[here] = self.picture[there], bare[here]
        out[here] *= gain(own, out, known)
        cell = max(1, bare.shape[1] // CELLS)
        alike, told, cells = _compared(own, out, known, cell)
        lit, unlit = np.split(np.maximum(_continued(cells, alike), 0) + DARK, 2, axis=2)
        fill.scale_by(np.clip(lit / unlit, 1 / LIGHTER, LIGHTER), cell, out)
        share = _continued(alike[..., None].astype(np.float32), told)
        fill.add_cells(np.clip((share - SURE[0]) / (SURE[1] - SURE[0]), 0, 1), cell, sure)
        known[here] = True
        return out, np.where(known, sure[..., 0], 0)


def _shared(one: tuple[int, ...], other: tuple[int, ...], by: Sequence[int]) -> tuple[Spot, Spot]:
    """Where two pictures of these shapes show the same place, in each; the other begins at `by` (y, x)."""
    first = [max(step, 0) for step in by]
    end = [max(a, min(n, m + s)) for a, n, m, s in zip(first, one, other, by, strict=False)]
    rows, columns = map(slice, first, end)
    down, across = (slice(a - s, b - s) for a, b, s in zip(first, end, by, strict=True))
    return (rows, columns), (down, across)


def pack(backdrop: Backdrop | None) -> dict[str, Any]:
    """A backdrop, if there is one, as arrays that a job can cache."""
    return {} if backdrop is None else {"origin": np.array(backdrop.origin), "picture": backdrop.picture}


def of(packed: Mapping[str, Any]) -> Backdrop | None:
    """The backdrop that was packed."""
    if not packed:
        return None
    x, y = packed["origin"].tolist()
    return Backdrop((x, y), packed["picture"])


def choose(points: Float, size_px: int) -> list[int]:
    """Of frames in which a face's points lie at (F, POINTS, 2), those where it is farthest from the others.

    Of each, `size_px` pixels are held. The first is the one where it is nearest to where it usually is.
    """
    places = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    chosen = [int(np.argmin(np.linalg.norm(places - np.median(places, axis=0), axis=1)))]
    away = np.full(len(places), np.inf)
    while len(chosen) < min(MOST, max(3, int(MOST_PX / size_px)), len(places)):
        away = np.minimum(away, np.linalg.norm(places - places[chosen[-1]], axis=1))
        away[chosen] = -1
        chosen.append(int(np.argmax(away)))
    return chosen


def join(pictures: Iterable[Bare], grain_px: float, origin: tuple[int, int]) -> Backdrop | None:
    """The backdrop of frames, in the light of the first; each begins at `origin` of its picture.

    None if they do not show the same, as when the camera moves. What is finer than `grain_px` is texture.
    """
    count, first, kept = 0, None, list[tuple[Half, Bareness]]()
    for picture, bare in pictures:
        count += 1
        small = fill.cells_of(picture, bare == SURELY_BARE, max(1, bare.shape[1] // FINE))
        first = small if first is None else first
        light = _light(first, small)
        if light is not None:
            kept.append((_half(picture, light), bare))
    if len(kept) < max(2, STANDING * count):
        return None
    clean, seen = _median(kept)
    through = np.ones(seen.shape, np.float32)
    filled = fill.textured(clean, seen, grain_px, lines=True, through=through, in_place=True)
    return Backdrop(origin, _half(filled))


def _half(picture: Float, light: Float | float = 1.0) -> Half:
    """A picture (h, w, 3) in a light (3,), in half precision: no brighter than that can hold."""
    out = np.empty(picture.shape, np.float16)
    for rows in in_turn(0, len(out)):
        out[rows] = np.clip(picture[rows] * np.float32(light), -BRIGHTEST, BRIGHTEST)
    return out


def _light(first: Float, other: Float) -> Float | None:
    """By how much (3,) one picture is lighter than another; None if they do not show the same.

    Both in cells (h, w, 4), with how much of each is bare of people. How far all that they show lies apart
    tells a step of Lucas and Kanade's.
    """
    known = (np.minimum(first[..., 3], other[..., 3]) > WHOLE) & (first[..., :3] > 0).all(axis=2)
    light = gain(first, other, known)
    shown = [np.cbrt(np.maximum(each, 0)) for each in (first[..., :3], other[..., :3] * light)]
    here, there = (gaussian(each, 1.0) for each in shown)
    known = ndimage.binary_erosion(known, iterations=2)
    off = (there - here)[known]
    if len(off) < FEWEST or (np.abs(off) < ALIKE).all(axis=1).mean() < MOSTLY:
        return None
    slope = np.stack([np.gradient(here[..., 1], axis=axis)[known] for axis in (0, 1)], axis=1)
    step = np.linalg.lstsq(slope, off[:, 1] - np.median(off[:, 1]), rcond=None)[0]
    return light if float(np.linalg.norm(step)) < STEP else None


def gain(one: Float, other: Float, both: Mask) -> Float:
    """By how much (3,) one picture is lighter than the other where `both` show the same (H, W)."""
    there = both[::SPARSE, ::SPARSE]
    first, second = (picture[::SPARSE, ::SPARSE, :3][there] for picture in (one, other))
    with np.errstate(all="ignore"):
        ratio = first / second
    known = np.isfinite(ratio).all(axis=1) & (ratio > 0).all(axis=1)
    return np.median(ratio[known], axis=0).astype(np.float32) if known.any() else np.ones(3, np.float32)


def _compared(one: Float, other: Float, both: Mask, cell: int) -> tuple[Mask, Mask, Float]:
    """Which cells (h, w) of two pictures (H, W, 3) are alike, and which known: where `both` (H, W) tell.

    Of so many pixels each; and their means (h, w, 6), of both.
    """
    first, second = (fill.cells_of(picture, both, cell) for picture in (one, other))
    known: Mask = first[..., 3] > 0
    first, second = (each[..., :3] / np.maximum(each[..., 3:], 1e-6) for each in (first, second))
    apart = np.abs(np.cbrt(np.maximum(first, 0)) - np.cbrt(np.maximum(second, 0))).max(axis=2)
    return known & (apart < ALIKE), known, np.concatenate([first, second], axis=2)


def _continued(cells: Float, known: Mask) -> Float:
    """Soft `cells` (h, w, C), continued smoothly where they are not `known` (h, w)."""
    seen = known[..., None].astype(np.float32)
    soft = gaussian(np.concatenate([cells * seen, seen], axis=2), SOFT)
    mean = soft[..., :-1] / np.maximum(soft[..., -1:], np.float32(1e-6))
    return fill.smooth(mean.astype(np.float32, copy=False), known)


def _median(pictures: Sequence[tuple[Half, Bareness]]) -> tuple[Float, Mask]:
    """The median (h, w, 3) of what pictures show, and where (h, w) any shows it, or all likely do alike."""
    out, seen = np.zeros(pictures[0][0].shape, np.float32), np.zeros(pictures[0][1].shape, bool)
    for rows in in_turn(0, len(out)):
        bare = np.stack([there[rows] for _, there in pictures])
        surely = (bare == SURELY_BARE).any(axis=0)
        told = bare == np.where(surely, SURELY_BARE, LIKELY_BARE)
        known = told.any(axis=0)
        part = np.stack([picture[rows][known] for picture, _ in pictures]).astype(np.float32)
        part[~told[:, known]] = np.nan
        out[rows][known] = np.nanmedian(part, axis=0)
        off = np.nanmax(np.abs(np.cbrt(part) - np.cbrt(out[rows][known])), axis=(0, 2))
        known[known] = surely[known] | (off < ALIKE)
        seen[rows] = known
    return out, seen
