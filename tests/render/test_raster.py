"""The rasterizer: nearest triangle, perspective-correct weights, nothing outside."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from likeness.render.raster import carry, extents, rasterize, room

TRIANGLE = np.array([[0, 1, 2]], np.int32)


def test_coverage_is_the_triangles_area() -> None:
    points = np.array([[2, 3, 5], [42, 3, 5], [2, 33, 5]], np.float32)
    index, _, _ = rasterize(points, TRIANGLE, 64, 48)
    assert abs((index == 0).sum() - 600) < 30


def test_the_nearest_wins_whatever_the_order() -> None:
    points = np.array([[0, 0, 9], [20, 0, 9], [0, 20, 9], [0, 0, 4], [20, 0, 4], [0, 20, 4]], np.float32)
    for triangles in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        index, _, depth = rasterize(points, np.array(triangles, np.int32), 20, 20)
        assert depth[3, 3] == 4
        assert triangles[index[3, 3]][0] == 3


@given(st.floats(1, 50), st.floats(1, 50), st.floats(1, 50))
def test_weights_are_right_in_space_not_on_the_screen(a: float, b: float, c: float) -> None:
    space = np.array([[-1.0, -1.0, a], [3.0, -1.0, b], [-1.0, 3.0, c]])
    points = np.column_stack([space[:, :2] / space[:, 2:] * 30 + 32, space[:, 2]]).astype(np.float32)
    index, bary, depth = rasterize(points, TRIANGLE, 64, 64)
    y, x = np.nonzero(index == 0)
    if not len(y):
        return
    found = bary[y, x].astype(np.float64) @ space
    assert np.allclose(bary[y, x].sum(axis=1), 1, atol=1e-3)
    assert np.allclose(found[:, 2], depth[y, x], rtol=2e-3)
    seen = found[:, :2] / found[:, 2:] * 30 + 32
    assert np.abs(seen - np.stack([x + 0.5, y + 0.5], 1)).max() < 0.1


def test_what_is_behind_the_camera_is_not_drawn() -> None:
    points = np.array([[2, 3, 5], [42, 3, -1], [2, 33, 5]], np.float32)
    index, _, depth = rasterize(points, TRIANGLE, 64, 48)
    assert (index == -1).all()
    assert np.isinf(depth).all()


def test_triangles_may_leave_the_picture() -> None:
    points = np.array([[-500, -500, 5], [900, -500, 5], [-500, 900, 5]], np.float32)
    assert (rasterize(points, TRIANGLE, 30, 20)[0] == 0).all()


def test_bands_carry_what_the_whole_picture_shows() -> None:
    rng = np.random.default_rng(4)
    points = rng.uniform([-5, -5, 3], [45, 35, 9], (30, 3)).astype(np.float32)
    triangles = rng.integers(0, 30, (20, 3)).astype(np.int32)
    values = rng.normal(size=(30, 5)).astype(np.float32)
    index, bary, _ = rasterize(points, triangles, 40, 30)
    expected = (values[triangles[index]] * bary[..., None]).sum(axis=2)
    extent = extents(points, triangles)
    for first, end in ((0, 16), (16, 30)):
        near, out = room(end - first, 40, 5)
        carry(first, end, points, triangles, extent, values, near, out)
        there = index[first:end] >= 0
        assert (near[:, :40] > 0).tolist() == there.tolist()
        seen = out[..., :40].transpose(0, 2, 1)[there]
        np.testing.assert_allclose(seen, expected[first:end][there], atol=1e-3)


def test_triangles_without_the_last_of_the_few_carry_no_more() -> None:
    points = np.array([[0, 0, 5], [9, 0, 5], [0, 9, 5], [30, 0, 5], [39, 0, 5], [30, 9, 5]], np.float32)
    triangles = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    values = np.full((6, 4), 2, np.float32)
    values[:3, 1] = 0
    near, out = room(9, 40, 4)
    out[:] = -1
    carry(0, 9, points, triangles, extents(points, triangles), values, near, out, 2)
    assert out[2, :, 2].tolist() == [2, 0, -1, -1]
    assert out[2, :, 32].tolist() == [2, 2, 2, 2]
