"""Carrying pixels: what does not move is the plate, what moves is sampled, openings are covered by area."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likeness.face import warp
from likeness.render.raster import rasterize


def smooth_plate(height: int = 40, width: int = 50) -> np.ndarray:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x * 0.1, y * 0.05, 2.0 + 0.01 * x * y], axis=2)


def sampled(plate: np.ndarray, dx: float, dy: float) -> np.ndarray:
    field = np.zeros((*plate.shape[:2], 3), np.float32)
    field[..., 0], field[..., 1] = dx, dy
    out = np.empty_like(plate)
    warp.sample(plate, field, 0, 0, out)
    return out


class TestSample:
    def test_a_still_pixel_keeps_its_bits(self) -> None:
        plate = np.random.default_rng(1).normal(0, 1000, (20, 30, 4)).astype(np.float32)
        plate[3, 4] = [np.nan, np.inf, -np.inf, -0.0]
        assert sampled(plate, 0, 0).tobytes() == plate.tobytes()

    def test_a_whole_pixel_shift_is_exact(self) -> None:
        plate = np.random.default_rng(2).uniform(-3, 60000, (20, 30, 3)).astype(np.float32)
        assert np.array_equal(sampled(plate, 3, -2)[4:, :-4], plate[2:-2, 3:-1])

    @given(st.floats(-2, 2), st.floats(-2, 2))
    def test_a_ramp_is_sampled_between_its_pixels(self, dx: float, dy: float) -> None:
        plate = smooth_plate()
        y, x = np.mgrid[4:36, 4:46]
        got = sampled(plate, dx, dy)[4:36, 4:46]
        assert np.abs(got[..., 0] - 0.1 * (x + dx)).max() < 2e-3
        assert np.abs(got[..., 1] - 0.05 * (y + dy)).max() < 2e-3

    def test_values_stay_within_those_around_them(self) -> None:
        plate = np.zeros((20, 20, 1), np.float32)
        plate[:, 10:] = 50000
        got = sampled(plate, 0.5, 0.5)
        assert got.min() >= 0
        assert got.max() <= 50000

    def test_a_bad_pixel_does_not_spread(self) -> None:
        plate = smooth_plate()
        plate[20, 20] = np.nan
        assert np.isfinite(sampled(plate, 0.4, 0.3)).all()

    def test_places_outside_the_plate_repeat_its_border(self) -> None:
        plate = smooth_plate()
        assert np.allclose(sampled(plate, 500, 0), np.repeat(plate[:, -1:], plate.shape[1], axis=1))


class TestSurround:
    def test_it_continues_the_mesh_and_fades(self) -> None:
        field = np.zeros((200, 200, 3), np.float32)
        known = np.zeros((200, 200), np.float32)
        field[80:120, 80:120, 0] = 6.0
        known[80:120, 80:120] = 1
        warp.surround(field, known, reach_px=30)
        assert field[100, 100, 0] == 6.0
        assert 3 < field[100, 124, 0] < 6
        assert abs(field[2, 2, 0]) < 0.1
        profile = field[100, 120:, 0]
        assert (np.diff(profile) <= 1e-4).all()

    def test_without_motion_there_is_none(self) -> None:
        field = np.zeros((64, 64, 3), np.float32)
        known = np.zeros((64, 64), np.float32)
        known[20:40, 20:40] = 1
        warp.surround(field, known, reach_px=20)
        assert not field.any()


class TestDisplacement:
    def test_it_is_the_vertices_own_inside_a_triangle(self) -> None:
        points = np.array([[5, 5, 10], [45, 5, 10], [5, 45, 10]], np.float32)
        triangles = np.array([[0, 1, 2]], np.int32)
        index, bary, _ = rasterize(points, triangles, 50, 50)
        moved = np.array([[1, 2, 0.5]] * 3, np.float32)
        field, known = warp.displacement(index, bary, triangles, moved, np.ones(3, np.float32))
        assert known[10, 10] == 1
        assert known[48, 48] == 0
        assert np.allclose(field[10, 10], [1, 2, 0.5], atol=1e-5)

    def test_what_the_plate_does_not_show_is_left_open(self) -> None:
        points = np.array([[5, 5, 10], [45, 5, 10], [5, 45, 10]], np.float32)
        triangles = np.array([[0, 1, 2]], np.int32)
        index, bary, _ = rasterize(points, triangles, 50, 50)
        _, known = warp.displacement(
            index, bary, triangles, np.ones((3, 3), np.float32), np.zeros(3, np.float32)
        )
        assert not known.any()


class TestPolygon:
    @pytest.mark.parametrize("shift", [0.0, 0.25, 0.61])
    def test_its_coverage_adds_up_to_its_area(self, shift: float) -> None:
        square = np.array([[3, 4], [13, 4], [13, 9], [3, 9]], np.float32) + shift
        cover = warp.polygon(square, 0, 0, 20, 20)
        assert cover.sum() == pytest.approx(50, abs=0.8)
        assert cover.max() <= 1.0001

    def test_it_may_leave_the_region(self) -> None:
        big = np.array([[-50, -50], [90, -50], [90, 90], [-50, 90]], np.float32)
        assert np.allclose(warp.polygon(big, 0, 0, 20, 20), 1)
