"""Pits beside a mouth's corners: found where closed lips press them in, gone as lips part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face import pits
from likeness.face.reenact import redraw
from likeness.face.taken import take
from likeness.head import points as dense
from likeness.head.model import Head
from tests.face.conftest import expression
from tests.face.test_reenact import SIZE, SKIN_COLOR, Stage

DARK, WIDE = 0.5, 0.03  # of the skin's light, and of the mouth's width: how far a pit goes to a half


def pitted(stage: Stage, wide: float = WIDE) -> tuple[np.ndarray, np.ndarray]:
    """The stage's plate with a pit at each corner of the mouth, and what of the light is left (H, W)."""
    points = stage.taken.pixels[-dense.COUNT :, :2]
    right, left = points[[48, 54]]
    x, y = np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1])[:, None] + 0.5
    width, light = np.hypot(*(left - right)), np.ones(SIZE[::-1], np.float32)
    for corner, way in ((right, -1), (left, 1)):
        away = np.hypot(x - corner[0] - way * WIDE * width, y - corner[1]) / (wide * width)
        light *= (1 - (1 - DARK) * np.exp(-(away**2))).astype(np.float32)
    return stage.plate * light[..., None], light


@pytest.fixture(scope="module")
def stage(head: Head) -> Stage:
    return Stage(head)


def test_most_of_a_pit_is_found_and_never_more(stage: Stage) -> None:
    plate, light = pitted(stage)
    points = stage.taken.pixels[-dense.COUNT :, :2]
    for pit in pits.pits_of(plate, points):
        x, y = pit.origin
        there = light[y : y + pit.light.shape[0], x : x + pit.light.shape[1]]
        deepest = np.unravel_index(there.argmin(), there.shape)
        assert 0.5 < pit.light[deepest] / -np.log(DARK) <= 1
        assert pit.light[there > 0.97].max() < 0.1


def test_even_skin_and_a_shade_as_wide_as_a_cheek_are_no_pits(stage: Stage) -> None:
    points = stage.taken.pixels[-dense.COUNT :, :2]
    for plate in (np.full_like(stage.plate, 0.4), pitted(stage, wide=0.4)[0]):
        even = [pit.light.max() for pit in pits.pits_of(plate, points)]
        assert max(even) < 0.1


def test_a_corner_beyond_the_picture_has_no_pit(stage: Stage) -> None:
    away = stage.taken.pixels[-dense.COUNT :, :2] - np.float32(2000)
    assert [pit.light.max() for pit in pits.pits_of(stage.plate, away)] == [0, 0]


@pytest.mark.parametrize(("parted_cm", "share"), [(-1.0, 0.0), (0.1, 0.0), (0.5, 0.5), (2.0, 1.0)])
def test_lips_that_part_take_pits_away(parted_cm: float, share: float) -> None:
    assert pits.gone(parted_cm) == pytest.approx(share)


@pytest.mark.parametrize("wrinkles", [0.0, 1.0])
def test_an_open_mouth_has_no_dark_spots_beside_it(stage: Stage, wrinkles: float) -> None:
    plate, _ = pitted(stage)
    taken = take(stage.rig, plate, stage.fit, stage.lens)
    opened = replace(stage.fit, expression=expression(jawOpen=0.7))
    drawn = redraw(replace(stage.retake(opened, wrinkles=wrinkles), taken=taken, picture=plate))
    even = stage.redraw(opened, wrinkles=wrinkles)
    assert drawn is not None
    points = stage.pixels(opened)[-dense.COUNT :, :2]
    for corner, way in ((48, -1), (54, 1)):
        x, y = (points[corner] + [way * 4, 0]).astype(int)
        spot = slice(y - 8, y + 9), slice(x - 8, x + 9)
        outside = slice(None), slice(0, 8) if way < 0 else slice(9, None)
        lost = (drawn.picture[spot] / even.picture[spot])[outside][..., 0]
        assert lost.min() > 0.8, lost.min()


def test_a_closed_mouth_keeps_them(stage: Stage) -> None:
    plate, light = pitted(stage)
    taken = take(stage.rig, plate, stage.fit, stage.lens)
    frowning = replace(stage.fit, expression=expression(browDown=0.5))
    drawn = redraw(replace(stage.retake(frowning), taken=taken, picture=plate))
    even = stage.redraw(frowning)
    assert drawn is not None
    y, x = np.unravel_index(light.argmin(), light.shape)
    assert drawn.picture[y, x, 0] / even.picture[y, x, 0] == pytest.approx(DARK, abs=0.1)
    assert SKIN_COLOR[0] * DARK == pytest.approx(float(drawn.picture[y, x, 0]), rel=0.2)


def test_a_pit_of_a_large_picture_is_that_of_a_small_one(stage: Stage) -> None:
    points, (small, _) = stage.taken.pixels[-dense.COUNT :, :2], pitted(stage)
    times = 8
    large = small.repeat(times, 0).repeat(times, 1)
    for one, other in zip(pits.pits_of(small, points), pits.pits_of(large, times * points), strict=True):
        y, x = np.unravel_index(one.light.argmax(), one.light.shape)
        place = np.array([[x + 0.5, y + 0.5]]) + one.origin
        assert other.light.shape[0] < 3 * one.light.shape[0]
        assert other.at(times * place) == pytest.approx(one.at(place), abs=0.12)
