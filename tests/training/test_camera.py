"""Cameras, film and paint: any linear picture becomes a finite 8-bit one."""

import numpy as np
import pytest

from likeness.training import backgrounds, camera


@pytest.mark.parametrize("seed", range(40))
def test_every_camera_keeps_size_and_content(seed):
    rng = np.random.default_rng(seed)
    linear = np.full((64, 64, 3), 0.02, np.float32)
    linear[:, 32:] = 0.7
    picture = camera.photograph(rng, linear).astype(float)
    assert picture.shape == (64, 64, 3)
    assert picture[:, 40:].mean() > picture[:, :24].mean() + 30


def test_srgb_encoding_meets_its_known_values():
    assert camera.encode_srgb(np.array([0.0, 0.002, 0.214041, 1.0, 5.0], np.float32)) == pytest.approx(
        [0, 0.02584, 0.5, 1, 1], abs=1e-4
    )


def test_blur_keeps_a_constant_and_spreads_a_point():
    flat = np.full((16, 16, 3), 0.3, np.float32)
    assert np.allclose(backgrounds.blur(flat, 2), 0.3, atol=1e-5)
    point = np.zeros((17, 17, 1), np.float32)
    point[8, 8] = 1
    spread = backgrounds.blur(point, 1, 1)[..., 0]
    assert spread.sum() == pytest.approx(1, abs=1e-4)
    assert spread[8, 8] == pytest.approx(1 / 9, abs=1e-4)


@pytest.mark.parametrize("seed", range(20))
def test_backgrounds_are_finite_and_positive(seed):
    picture = backgrounds.sample_background(
        np.random.default_rng(seed), 64, np.array([0.5, 0.3, 0.2], np.float32)
    )
    assert picture.shape == (64, 64, 3)
    assert np.isfinite(picture).all() and picture.min() >= 0
