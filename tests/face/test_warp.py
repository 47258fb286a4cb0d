"""Carrying pixels: what does not move is the plate, what moves is sampled, openings are covered by area."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from likeness.face import warp
from likeness.face.compose import compose
from likeness.face.cutout import whole
from likeness.render.raster import room


def smooth_plate(height: int = 40, width: int = 50) -> np.ndarray:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x * 0.1, y * 0.05, 2.0 + 0.01 * x * y], axis=2)


def sampled(plate: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """The plate (H, W, 3) under one displacement of all its pixels, taken whole for the head."""
    height, width = plate.shape[:2]
    everywhere = np.array([[-1, -1, 9], [9999, -1, 9], [-1, 9999, 9]], np.float32)
    field = spread(everywhere, [dx, dy, 0, 0, 0], (height, width), reach=1)
    canvas = plate.copy()
    compose(plate, whole(plate), field, (0, 0), canvas)
    return canvas


def spread(
    points: np.ndarray,
    moved: list[float],
    shape: tuple[int, int],
    reach: float,
    trust: float = 1,
    stands: np.ndarray | None = None,
) -> warp.Field:
    """The field of a triangle of which all corners move alike."""
    triangle = np.array([[0, 1, 2]], np.int32)
    each = np.array([moved] * 3, np.float32)
    ramp = (np.ones(shape[0], np.float32), np.ones(shape[1], np.float32))
    certain = np.full(3, trust, np.float32)
    return warp.spread(points, triangle, each, certain, warp.CELL_PX, (reach, reach), ramp, stands=stands)


def at(field: warp.Field, x: int, y: int) -> tuple[float, float, float]:
    """Displacement and change of light of one pixel."""
    height, width = (len(side) for side in field.ramp)
    span = np.tile(np.array([0, width], np.int32), (height, 1))
    near, carried = room(1, width, 4)
    warp.displacements(y, y + 1, span, *field.parts, near, carried)
    return tuple(carried[0, :3, x].tolist())


class TestSample:
    def test_a_still_pixel_keeps_its_bits(self) -> None:
        plate = np.random.default_rng(1).normal(0, 1000, (20, 30, 3)).astype(np.float32)
        plate[3, 4] = [np.nan, np.inf, -0.0]
        assert sampled(plate, 0, 0).tobytes() == plate.tobytes()

    def test_a_whole_pixel_shift_is_exact(self) -> None:
        plate = np.random.default_rng(2).uniform(-3, 60000, (20, 30, 3)).astype(np.float32)
        assert np.allclose(sampled(plate, 3, -2)[4:, :-4], plate[2:-2, 3:-1], rtol=1e-6)

    @given(st.floats(-2, 2), st.floats(-2, 2))
    def test_a_ramp_is_sampled_between_its_pixels(self, dx: float, dy: float) -> None:
        assume(np.hypot(dx, dy) > 0.4)  # less is mixed with the plate
        plate = smooth_plate()
        y, x = np.mgrid[4:36, 4:46]
        got = sampled(plate, dx, dy)[4:36, 4:46]
        assert np.abs(got[..., 0] - 0.1 * (x + dx)).max() < 2e-3
        assert np.abs(got[..., 1] - 0.05 * (y + dy)).max() < 2e-3

    def test_values_stay_within_those_around_them(self) -> None:
        plate = np.zeros((20, 20, 3), np.float32)
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


class TestSpread:
    SHAPE = (200, 200)
    MIDDLE = np.array([[80, 80, 10], [121, 80, 10], [80, 121, 10]], np.float32)

    def test_under_the_mesh_it_is_the_vertices_own(self) -> None:
        field = spread(self.MIDDLE, [1, 2, 0.5, 0, 0], self.SHAPE, reach=30)
        assert at(field, 85, 85) == pytest.approx((1, 2, 0.5), abs=1e-5)

    def test_the_near_part_goes_on_and_fades(self) -> None:
        field = spread(self.MIDDLE, [6, 0, 0, 0, 0], self.SHAPE, reach=30)
        profile = [at(field, x, 90)[0] for x in range(112, 200)]
        assert 3 < profile[4] < 6
        assert (np.diff(profile) <= 1e-4).all()
        assert abs(at(field, 2, 2)[0]) < 0.1

    def test_the_far_part_goes_on_to_the_border(self) -> None:
        field = spread(self.MIDDLE, [0, 0, 0, 6, 0], self.SHAPE, reach=1000)
        assert at(field, 198, 90)[0] > 4
        assert at(field, 2, 2)[0] > 4

    def test_what_stands_does_so_up_to_the_mesh(self) -> None:
        stands = np.zeros((50, 50), bool)
        stands[:, :20] = True  # columns of four pixels
        field = spread(self.MIDDLE, [0, 0, 0, 6, 0], self.SHAPE, reach=1000, stands=stands)
        assert at(field, 81, 90)[0] == pytest.approx(6, abs=1e-5)  # of the mesh
        assert at(field, 79, 90)[0] == at(field, 20, 90)[0] == 0
        assert at(field, 190, 90)[0] > 3

    def test_without_motion_there_is_none(self) -> None:
        field = spread(self.MIDDLE, [0, 0, 0, 0, 0], self.SHAPE, reach=20)
        assert not field.grid.any()

    def test_what_the_plate_does_not_show_is_left_open(self) -> None:
        field = spread(self.MIDDLE, [1, 1, 1, 1, 1], self.SHAPE, reach=30, trust=0)
        assert at(field, 85, 85) == (0, 0, 0)


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


def test_an_affine_map_is_found_from_places_and_where_they_come_to() -> None:
    here = np.random.default_rng(3).uniform(0, 500, (40, 2)).astype(np.float32)
    asked = np.array([[0.9, -0.2, 31.0], [0.1, 1.1, -7.0], [0.001, 0.002, 0.5]], np.float32)
    there = (here @ asked[:, :2].T + asked[:, 2]).astype(np.float32)
    np.testing.assert_allclose(warp.affine(here, there), asked, atol=1e-4)


def test_places_on_a_line_or_on_one_spot_have_an_affine_map_too() -> None:
    here = np.linspace([3, 4], [60, 80], 20, dtype=np.float32)
    found = warp.affine(here, here + np.float32(5))
    np.testing.assert_allclose(here @ found[:, :2].T + found[:, 2], here + 5, atol=1e-2)
    spot = np.full((6, 2), 9, np.float32)
    np.testing.assert_allclose(warp.affine(spot, spot + 1), [[0, 0, 10], [0, 0, 10]], atol=1e-5)
