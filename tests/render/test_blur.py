"""Blurring by a bell: as scipy does it, whatever the picture's shape."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from likeness.render.blur import gaussian


@pytest.mark.parametrize("shape", [(90, 70, 4), (1, 40, 3), (35, 1, 1), (2, 3, 3)])
@pytest.mark.parametrize(("sigma_px", "truncate"), [(0.4, 3.0), (1.7, 2.5), (6.0, 4.0)])
def test_it_is_the_bell_mirrored_at_the_borders(
    shape: tuple[int, ...], sigma_px: float, truncate: float
) -> None:
    picture = np.random.default_rng(3).normal(0.5, 2.0, shape).astype(np.float32)
    usual = ndimage.gaussian_filter(picture, (sigma_px, sigma_px, 0), truncate=truncate)
    np.testing.assert_allclose(gaussian(picture, sigma_px, truncate), usual, atol=2e-5)


def test_the_picture_given_stays_as_it_is() -> None:
    picture = np.random.default_rng(4).random((50, 40, 3), np.float32)
    before = picture.copy()
    gaussian(picture[::2, ::2], 2.0)
    assert (picture == before).all()
