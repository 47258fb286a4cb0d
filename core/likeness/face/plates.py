"""References that the plate's own camera took: each is a plate of its own, with its own head, neck and body.

Where two pictures show the same background, heads and bodies need not be put from one into the other: what a
reference shows is redrawn where it is, from less far than from the plate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from likeness.face.align import laid, take_texture
from likeness.face.fit import Fit, Shot, interocular, refine, solve_bias, start_pose
from likeness.face.heads import Stand
from likeness.face.landmarks import Points, view_of
from likeness.face.taken import Taken
from likeness.head.model import Head
from likeness.media.look import Look

Float = NDArray[np.float32]
Array = NDArray[np.float64]

CELLS = 96  # so many across are compared of two pictures
ABOUT = np.array([0.8, 1.3]), np.array([0.8, 0.5])  # sizes of a face about its middle: up left, down right
ALIKE = 0.03  # of display codes: backgrounds that differ by more are not the same
MOST = 0.8  # of the cells are to be alike: somebody may walk by
FEWEST = 100  # cells of background tell
COLLAR = np.array([0.6, 0.5])  # sizes of a face aside of the chin and below it: there are clothes
DRESSED = 0.15  # of display codes: clothes that differ by more are others
SURE = 0.012  # of the distance of the eyes: so exactly points of a reference are known
SHOWN = 0.02  # of alpha: less of a head is none
STEPS, ROUNDS = 6, 3  # to fit the plate's person to a reference, and to lay it onto its points and texture


def same_view(one: Float, other: Float, points: Float, others: Float) -> bool:
    """Whether two display views (H, W, 3) show the same background, and clothes of the same color.

    Their faces' `points` and `others` (POINTS, 2) tell where these are: beside heads, above chins; below.
    """
    if one.shape != other.shape:
        return False
    cell = max(1, one.shape[1] // CELLS)
    rows, columns = (n // cell for n in one.shape[:2])
    first, second = (
        picture[: rows * cell, : columns * cell, :3].reshape(rows, cell, columns, cell, 3).mean(axis=(1, 3))
        for picture in (one, other)
    )
    x, y = (np.arange(columns) + 0.5) * cell, (np.arange(rows)[:, None] + 0.5) * cell
    back = np.ones((rows, columns), bool)
    for face in (points, others):
        middle, size = face.mean(axis=0), np.ptp(face, axis=0)
        low, high = middle - ABOUT[0] * size, middle + ABOUT[1] * size
        back &= (x < low[0]) | (x > high[0]) | (y < low[1])
        back &= y < high[1]
    off = np.abs(first - second).max(axis=2)[back]
    if len(off) < FEWEST or float((off < ALIKE).mean()) <= MOST:
        return False
    worn = [_worn(picture, face, x, y) for picture, face in ((first, points), (second, others))]
    return (
        not all(map(len, worn)) or float(np.abs(np.subtract(*(w.mean(axis=0) for w in worn))).max()) < DRESSED
    )


def _worn(picture: Float, face: Float, x: Array, y: Array) -> Float:
    """The colors (N, 3) of a picture, whose cells lie at `x` and `y`, below a face's chin."""
    aside, below = COLLAR * np.ptp(face, axis=0)
    out: Float = picture[(np.abs(x - face[8, 0]) < aside) & (y > face[8, 1]) & (y < face[8, 1] + below)]
    return out


@dataclass(frozen=True)
class Sight:
    """A `look` at a picture, and the `points` (POINTS, 2) and the `fit` of the face in it."""

    look: Look
    points: Float
    fit: Fit


@dataclass(frozen=True)
class View:
    """The plate's person as a reference of the same view shows it; `fit` has its body's way, if known."""

    shot: Shot
    fit: Fit


def view(head: Head, person: Shot, plate: Sight, reference: Sight, body: Array) -> View:
    """The plate's `person` laid onto the reference; `body` (2,): how far its body is from the plate's, cm.

    The reference's points are found without the plate, and err otherwise than the plate's: its skin is laid
    to where its texture is the plate's.
    """
    found, fit = _found(reference), reference.fit
    texture = take_texture(head, person, _found(plate), plate.fit)
    start = replace(start_pose(person, found), expression=fit.expression, gaze=fit.gaze)
    out = refine(head, person, found, start, steps=STEPS)
    person, out = _onto(head, person, found, out)
    for _ in range(ROUNDS):
        there = laid(head, person, texture, found, out)
        person, out = _onto(head, person, there, out)
        found = replace(found, xy=there.xy)
    return View(person, replace(out, gaze=fit.gaze, body=body if np.isfinite(body).all() else None))


def _found(sight: Sight) -> Points:
    """The points of a face as if they had just been found."""
    points = sight.points.astype(np.float64)
    none, sure = np.zeros(len(points)), np.ones(len(points))
    sigma = np.full(len(points), SURE * interocular(points))
    return Points(points, none, sigma, sure, 1.0, view_of(sight.look, points))


def _onto(head: Head, person: Shot, found: Points, fit: Fit) -> tuple[Shot, Fit]:
    """The person, and its fit, so that its points lie where they were found."""
    for _ in range(ROUNDS):
        person = solve_bias(head, person, [found], [fit])
        fit = refine(head, person, found, fit, steps=2)
    return person, fit


def stand(picture: Float, taken: Taken) -> Stand:
    """The reference `picture` (H, W, 3) in place of the plate; of it, its head is shown."""
    rows, columns = picture.shape[:2]
    shown = np.zeros((rows, columns), np.float32)
    (x, y), alpha = taken.cutout.origin, taken.cutout.layer[..., 3]
    shown[y : y + len(alpha), x : x + alpha.shape[1]] = alpha > SHOWN
    return Stand(picture, None, taken.fit, (0, 0, columns, rows), shown)
