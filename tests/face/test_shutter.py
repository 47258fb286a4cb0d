"""Motion blur: what moves while the shutter is open leaves a smear along its way."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face import shutter
from likeness.face.grain import Grain
from likeness.face.shutter import Way, smear, way_of

SIZE = 160
RING = np.linspace(0, 2 * np.pi, 32, endpoint=False)
FACE = 80 + 30 * np.stack([-np.cos(RING), np.sin(RING)], axis=1)  # its first and 17th lie across
NO_GRAIN = Grain(np.zeros(1, np.float32), np.zeros((1, 3), np.float32))


def moved(*ways: tuple[float, float]) -> list[np.ndarray]:
    return [np.tile(np.float64(way), (len(FACE), 1)) for way in ways]


def shot(x: float, y: float) -> Way:
    """All of the face goes so far while the shutter is open."""
    return Way(FACE.astype(np.float32), np.tile(np.float32([x, y]), (len(FACE), 1)))


def picture() -> tuple[np.ndarray, np.ndarray]:
    """Left half dark, right half light, and a matte about the face."""
    color = np.full((SIZE, SIZE, 3), 0.2, np.float32)
    color[:, SIZE // 2 :] = 0.8
    y, x = np.mgrid[:SIZE, :SIZE]
    return color, (np.hypot(x - 80, y - 80) < 40).astype(np.float32)


class TestWay:
    def test_a_steady_motion_goes_on_for_as_long_as_the_shutter_is_open(self) -> None:
        way = way_of(moved((0, 0), (8, 2), (16, 4)), FACE, 180)
        assert way.way == pytest.approx(np.tile([4.0, 1.0], (len(FACE), 1)))

    def test_the_plates_own_motion_is_in_the_plate(self) -> None:
        assert not way_of(moved((5, 5), (5, 5), (5, 5)), FACE, 360)

    def test_the_first_frame_goes_by_the_next(self) -> None:
        assert way_of(moved((0, 0), (8, 0)), FACE, 180).way[:, 0] == pytest.approx(4.0)

    def test_a_cut_is_no_motion(self) -> None:
        assert way_of(moved((0, 0), (3, 0), (200, 0)), FACE, 360).way[:, 0] == pytest.approx(3.0)
        assert not way_of(moved((0, 0), (200, 0)), FACE, 360)

    def test_a_lonely_frame_stands_still(self) -> None:
        assert not way_of(moved((9, 9)), FACE, 360)


class TestSmear:
    def test_an_edge_is_as_wide_as_the_way_across_it(self) -> None:
        color, matte = picture()
        smear(color, matte, shot(10, 0), (0, 0), NO_GRAIN, (0,))
        row = color[80, :, 0]
        assert np.flatnonzero((row > 0.21) & (row < 0.79)) == pytest.approx(np.arange(75, 85))
        assert (np.diff(row[70:90]) >= -1e-6).all()
        assert row.mean() == pytest.approx(0.5, abs=0.005)

    def test_a_trace_of_matte_brings_nothing(self) -> None:
        color, matte = picture()
        before = color.copy()
        smear(color, 1e-8 * matte, shot(10, 0), (0, 0), NO_GRAIN, (0,))
        assert (color == before).all()

    def test_an_edge_along_the_way_stays(self) -> None:
        color, matte = picture()
        smear(color, matte, shot(0, 10), (0, 0), NO_GRAIN, (0,))
        assert color[80, 78:82, 0] == pytest.approx([0.2, 0.2, 0.8, 0.8])

    def test_a_slanting_way_smears_along_itself(self) -> None:
        color, matte = picture()
        smear(color, matte, shot(8, 8), (0, 0), NO_GRAIN, (0,))
        assert 7 <= ((color[80, :, 0] > 0.21) & (color[80, :, 0] < 0.79)).sum() <= 9

    def test_the_matte_goes_along_and_beyond_it_all_bits_stay(self) -> None:
        color, matte = picture()
        rng = np.random.default_rng(1)
        color += rng.random(color.shape, np.float32)
        before, own = color.copy(), matte.copy()
        smear(color, matte, shot(10, 0), (0, 0), NO_GRAIN, (0,))
        assert matte[80, 36] == pytest.approx(0.1, abs=0.06) and own[80, 36] == 0
        assert (matte > 0).sum() > (own > 0).sum()
        assert color[matte == 0].tobytes() == before[matte == 0].tobytes()

    def test_less_than_a_pixel_changes_nothing(self) -> None:
        color, matte = picture()
        before = color.copy()
        smear(color, matte, shot(0.6, 0.6), (0, 0), NO_GRAIN, (0,))
        assert color.tobytes() == before.tobytes()

    def test_what_is_not_finite_stays_and_does_not_spread(self) -> None:
        color, matte = picture()
        color[80, 70], color[90, 90] = np.nan, np.inf
        smear(color, matte, shot(10, 3), (0, 0), NO_GRAIN, (0,))
        assert np.isnan(color[80, 70]).all() and np.isinf(color[90, 90]).all()
        assert (~np.isfinite(color).all(axis=2)).sum() == 2

    def test_values_beyond_display_are_smeared_as_light_is(self) -> None:
        color, matte = picture()
        color[80, 80] = 50.0
        smear(color, matte, shot(10, 0), (0, 0), NO_GRAIN, (0,))
        assert 3 < color[80, 80, 0] < 7

    def test_grain_does_not_move(self) -> None:
        rng, sigma = np.random.default_rng(2), 0.03
        color = (0.5 + sigma * rng.standard_normal((SIZE, SIZE, 3))).astype(np.float32)
        grain = Grain(np.array([0.1, 0.9], np.float32), np.full((2, 3), sigma, np.float32))
        _, matte = picture()
        smear(color, matte, shot(12, 4), (0, 0), grain, (0,))
        assert color[60:100, 60:100].std() == pytest.approx(sigma, rel=0.1)

    def test_a_region_smears_as_the_whole_does(self) -> None:
        (whole, matte), x, y = picture(), 24, 40
        part, inner = whole[y:, x:].copy(), matte[y:, x:].copy()
        smear(whole, matte, shot(9, 5), (0, 0), NO_GRAIN, (0,))
        smear(part, inner, shot(9, 5), (x, y), NO_GRAIN, (0,))
        assert np.abs(part[20:, 20:] - whole[y + 20 :, x + 20 :]).max() < 0.08


def test_far_from_the_face_nothing_moves() -> None:
    grid = np.zeros((12, 40, 2), np.float32)
    way = shot(10, 0)
    reach = np.array([1, 20, 60], np.float32)
    shutter._spread(way.places, way.way, np.float32(8), reach, grid)
    beyond = np.flatnonzero(8 * np.arange(40) > FACE[:, 0].max() + 60)
    assert (grid[:, beyond] == 0).all() and grid[10, 6, 0] == pytest.approx(10)
