"""Distances, against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from likeness.render.distance import depth, grown, without_holes


@pytest.mark.parametrize("share", [0.001, 0.02, 0.5, 0.98])
def test_every_pixel_is_as_far_as_scipy_says(share: float) -> None:
    solid = np.random.default_rng(3).random((173, 211)) > share
    assert not solid.all()
    assert np.array_equal(depth(solid), ndimage.distance_transform_edt(solid).astype(np.float32))


def test_one_pixel_alone_is_the_middle_of_circles() -> None:
    solid = np.ones((40, 60), bool)
    solid[7, 50] = False
    y, x = np.indices(solid.shape)
    assert np.array_equal(depth(solid), np.hypot(x - 50.0, y - 7.0).astype(np.float32))


def test_where_all_is_solid_nothing_is_near() -> None:
    assert np.isposinf(depth(np.ones((5, 9), bool))).all()
    assert not depth(np.zeros((5, 9), bool)).any()


@pytest.mark.parametrize("share", [0.001, 0.02, 0.5, 0.98])
def test_masks_grow_and_close_as_scipys_do(share: float) -> None:
    mask = np.random.default_rng(5).random((61, 47)) < share
    for steps in (1, 2, 9):
        assert np.array_equal(grown(mask, steps), ndimage.binary_dilation(mask, iterations=steps))
    assert np.array_equal(without_holes(mask), ndimage.binary_fill_holes(mask))
