"""A head that has turned far leaves no jaw behind."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face import warp
from likeness.face.jaw import jaw_of
from likeness.face.warp import NOTHING_STAYS, SAMPLES, Stay
from likeness.head.model import Head
from likeness.render.raster import room
from tests.face.test_reenact import Stage

CELL, SIDE = 4, 200
SQUARE = np.array([[100, 100, 1], [150, 100, 1], [150, 150, 1], [100, 150, 1]], np.float32)
FROM_LEFT = np.array([[0, 0, 0, -40, 0]] * 4, np.float32)  # it has come from 40 px to the left
FACE = np.arange(8) < 4
THROAT = np.array([[60, 90, 2], [150, 90, 2], [150, 190, 2], [60, 190, 2]], np.float32)  # behind it
HALF_AS_FAR = FROM_LEFT / 2


@pytest.fixture(scope="module")
def stage(head: Head) -> Stage:
    return Stage(head)


def test_the_jaw_is_told_but_neither_brows_nor_lips(stage: Stage) -> None:
    pixels = stage.pixels(stage.fit)
    points = pixels[stage.person.vertex_count :, :2]
    jaw = jaw_of(stage.rig.face_skin, pixels, CELL)

    def at(place: np.ndarray) -> tuple[float, float]:
        x, y = ((place - jaw.first) * SAMPLES / CELL).astype(int)
        return float(jaw.off[y, x]), float(jaw.share[y, x])

    chin, brows, middle = points[8], points[17:27].mean(axis=0), points[60:68].mean(axis=0)
    off, share = at(chin + 0.1 * (brows - chin))
    assert off < -CELL and share > 0.9
    aside = points[4] + 0.3 * (points[4] - points[12])
    assert at(aside)[0] > CELL
    assert at(brows)[1] == 0  # beside them hair goes with the head
    assert at(middle)[1] == 0
    assert (jaw.by(0.5, (0, 0)).share == 0.5 * jaw.share).all() and (
        jaw.by(3, (0, 0)).share == jaw.share
    ).all()
    assert (jaw.by(1, (7, 9)).first == jaw.first - [7, 9]).all()


def sources(stay: Stay, throat: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel's center comes from (SIDE, SIDE, 2), and which show the square, or the mesh behind."""
    square, ramp = np.array([[0, 1, 2], [0, 2, 3]], np.int32), (np.ones(SIDE, np.float32),) * 2
    triangles = np.concatenate([square, square + 4]) if throat else square
    points, moved = np.concatenate([SQUARE, THROAT]), np.concatenate([FROM_LEFT, HALF_AS_FAR])
    args = points, triangles, moved, np.ones(8, np.float32), CELL, (10.0, 10.0), ramp
    field = warp.spread(*args, stay=stay, part=FACE)
    near, carried = room(SIDE, SIDE, 4)
    span = np.tile(np.array([0, SIDE], np.int32), (SIDE, 1))
    warp.displacements(0, SIDE, span, *field.parts, near, carried)
    y, x = np.indices((SIDE, SIDE)) + 0.5
    there = np.stack([x + carried[:, 0, :SIDE], y + carried[:, 1, :SIDE]], axis=2)
    return there, near[:, :SIDE] > 0


def square_stays() -> Stay:
    """How far from where it was each sample of the picture is."""
    side = SIDE * SAMPLES // CELL
    y, x = (np.indices((side, side)) + 0.5) * CELL / SAMPLES
    outside = np.hypot(np.maximum(np.abs(x - 85) - 25, 0), np.maximum(np.abs(y - 125) - 25, 0))
    off = np.where(outside > 0, outside, np.maximum(np.abs(x - 85), np.abs(y - 125)) - 25)
    return Stay(np.zeros(2), off.astype(np.float32), np.ones((side, side), np.float32))


def test_what_the_mesh_shows_is_not_seen_where_it_was() -> None:
    twice = []
    for stay in (NOTHING_STAYS, square_stays()):
        there, shown = sources(stay)
        within = (np.abs(there - [85, 125]) < 24).all(axis=2)
        assert within[shown].mean() > 0.9
        twice.append((within & ~shown).sum())
    assert twice[1] < 0.01 * twice[0]


def test_beside_the_mesh_is_what_lay_beside_it() -> None:
    """So the picture's own edge goes along, though it is not quite that of the mesh."""
    there, shown = sources(square_stays())
    beside = there[125, 90:100, 0]
    assert not shown[125, 90:100].any()
    beyond = np.where(beside < 85, 60 - beside, beside - 110)
    assert np.abs(beyond - (9.5 - np.arange(10))).max() < CELL / SAMPLES


def test_a_throat_does_not_come_from_the_jaw() -> None:
    """It hangs between a head that turned and a body that did not: a sliver of chin was left on it."""
    y, x = np.indices((SIDE, SIDE)) + 0.5
    beside = np.hypot(np.maximum(np.abs(x - 125) - 25, 0), np.maximum(np.abs(y - 125) - 25, 0)) > CELL + 1
    left = []
    for stay in (NOTHING_STAYS, square_stays()):
        there, shown = sources(stay, throat=True)
        left.append(((np.abs(there - [85, 125]) < 22).all(axis=2) & shown & beside).sum())
    assert left[0] > 300
    assert left[1] < 0.05 * left[0]


def test_a_throat_that_comes_from_elsewhere_is_left_as_it_is() -> None:
    """A collar below a chin would be pulled up into the neck."""
    plain, led = (sources(stay, throat=True)[0] for stay in (NOTHING_STAYS, square_stays()))
    np.testing.assert_array_equal(led[165:185, 70:140], plain[165:185, 70:140])


def test_what_lies_beside_the_edge_is_spread_out() -> None:
    """One column of the plate was drawn again and again: bars beside a cheek."""
    beside = sources(square_stays())[0][125, 60:88, 0]
    assert (np.diff(beside) > 0).mean() > 0.9
    assert len(np.unique(np.round(beside))) > 5
