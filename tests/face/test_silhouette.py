"""A moved head's outlines are soft where it goes another way than what lies behind it."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.silhouette import joints_of, soften
from likeness.face.warp import Field, polygon, spread

SIZE, CELL = 80, 4
WHITE, GRAY = 1.0, 0.25
# A roof: two slopes that meet in a slanted ridge, of which the left is seen and the right faces away.
ROOF = np.float32([[10, 10, 12], [50, 10, 10], [35, 70, 10], [10, 70, 12], [44, 10, 11], [29, 70, 11]])
SKIN = np.int32([[0, 1, 2], [0, 2, 3], [1, 4, 2], [4, 5, 2]])


def field_of(went: float) -> Field:
    """The roof went to the right; what is behind it did not."""
    moved = np.zeros((len(ROOF), 5), np.float32)
    moved[:, 0] = -went
    ramp = (np.ones(SIZE, np.float32),) * 2
    return spread(ROOF, SKIN, moved, np.ones(len(ROOF), np.float32), CELL, (2.0, 2.0), ramp)


@pytest.fixture
def drawn() -> np.ndarray:
    """The roof as it is drawn without any softness, white before gray."""
    inside = polygon(ROOF[:4, :2], 0, 0, SIZE, SIZE) > 0.5
    return np.where(inside, WHITE, GRAY).astype(np.float32)[..., None].repeat(3, axis=2)


def test_every_edge_that_two_triangles_share_is_found_once() -> None:
    joints = joints_of(SKIN)
    assert sorted(map(tuple, joints[:, :2])) == [(0, 2), (1, 2), (2, 4)]
    ridge = joints[(joints[:, :2] == [1, 2]).all(axis=1)][0]
    assert set(ridge[2:]) == {0, 2}


def test_pixels_on_either_side_of_an_outline_mix_over_two_pixels(drawn: np.ndarray) -> None:
    color, matte = drawn.copy(), np.ones((SIZE, SIZE), np.float32)
    soften(SKIN, joints_of(SKIN), field_of(20.0), color, matte)
    halves = (polygon(ROOF[:4, :2] + np.float32([off, 0]), 0, 0, SIZE, SIZE) for off in (-0.5, 0.5))
    exact = GRAY + (WHITE - GRAY) * sum(halves) / 2
    ridge = slice(14, 66), slice(30, 55)
    before, after = (np.abs(picture[..., 0] - exact)[ridge] for picture in (drawn, color))
    assert before.max() > 0.25
    assert after.max() < 0.1
    assert np.array_equal(color[:, :30], drawn[:, :30]) and np.array_equal(color[:, 55:], drawn[:, 55:])


def test_where_both_sides_go_the_same_way_nothing_changes(drawn: np.ndarray) -> None:
    color, matte = drawn.copy(), np.ones((SIZE, SIZE), np.float32)
    soften(SKIN, joints_of(SKIN), field_of(0.0), color, matte)
    assert np.array_equal(color, drawn)


def test_an_outline_that_something_hides_stays_hidden(drawn: np.ndarray) -> None:
    wall = np.float32([[0, 0, 5], [80, 0, 5], [80, 80, 5], [0, 80, 5]])
    points, skin = np.concatenate([ROOF, wall]), np.concatenate([SKIN, np.int32([[6, 7, 8], [6, 8, 9]])])
    moved = np.zeros((len(points), 5), np.float32)
    moved[: len(ROOF), 0] = -20
    ramp = (np.ones(SIZE, np.float32),) * 2
    hidden = spread(points, skin, moved, np.ones(len(points), np.float32), CELL, (2.0, 2.0), ramp)
    color, matte = drawn.copy(), np.ones((SIZE, SIZE), np.float32)
    soften(skin, joints_of(skin), hidden, color, matte)
    assert np.array_equal(color, drawn)


def test_the_matte_reaches_as_far_as_the_picture_has_changed(drawn: np.ndarray) -> None:
    color, matte = drawn.copy(), (drawn[..., 0] == WHITE).astype(np.float32)
    own = matte.copy()
    soften(SKIN, joints_of(SKIN), field_of(20.0), color, matte)
    changed = (color != drawn).any(axis=2)
    assert changed.sum() > 40
    assert (matte[changed] > 0).all()
    assert np.array_equal(matte[~changed], own[~changed])


def test_what_is_not_finite_does_not_spread(drawn: np.ndarray) -> None:
    drawn[40, :] = np.nan
    color, matte = drawn.copy(), np.ones((SIZE, SIZE), np.float32)
    soften(SKIN, joints_of(SKIN), field_of(20.0), color, matte)
    assert np.array_equal(np.isnan(color), np.isnan(drawn))
