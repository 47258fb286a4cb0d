"""The plate's softness and grain are measured, and come back the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from likeness.face import grain

POINTS = np.stack([np.tile(np.linspace(10, 190, 34), 2), np.repeat([10.0, 190.0], 34)], 1).astype(np.float32)


def _steps() -> np.ndarray:
    y, x = np.mgrid[:200, :200]
    plate = np.where((x // 25 + y // 25) % 2, 0.6, 0.2).astype(np.float32)
    return np.repeat(plate[..., None], 3, axis=2)


@pytest.mark.parametrize("sigma", [0.0, 0.8])
def test_the_blur_of_edges_is_found(sigma: float) -> None:
    plate = ndimage.gaussian_filter(_steps(), (sigma, sigma, 0)) if sigma else _steps()
    assert grain.blur(plate, POINTS) == pytest.approx(sigma, abs=0.35)


def test_grain_is_measured_by_level() -> None:
    rng = np.random.default_rng(2)
    level = np.repeat(np.linspace(0.1, 0.8, 200, dtype=np.float32)[None], 200, axis=0)
    sigma = 0.02 * np.sqrt(level)
    plate = level[..., None] + rng.normal(0, 1, (200, 200, 3)) * sigma[..., None]
    found = grain.measure(plate.astype(np.float32), POINTS)
    for level in (0.2, 0.7):
        assert _added(found, level).std(axis=(0, 1)) == pytest.approx([0.02 * np.sqrt(level)] * 3, rel=0.3)


def _added(found: grain.Grain, level: float) -> np.ndarray:
    flat = np.full((80, 80, 3), level, np.float32)
    return grain.add(flat, np.ones((80, 80), np.float32), found, (1,), (0, 0)) - flat


def test_it_stays_where_it_is_when_more_of_the_picture_is_drawn() -> None:
    measured = grain.Grain(np.array([0.0, 1.0], np.float32), np.full((2, 3), 0.03, np.float32))
    color, cover = np.full((80, 80, 3), 0.4, np.float32), np.ones((80, 80), np.float32)
    whole = grain.add(color, cover, measured, (1, 7), (300, 200))
    part = grain.add(color[10:], cover[10:], measured, (1, 7), (300, 210))
    assert part.tobytes() == whole[10:].tobytes()


def test_what_is_added_has_the_same_deviation_and_returns_with_its_seed() -> None:
    measured = grain.Grain(np.array([0.0, 1.0], np.float32), np.full((2, 3), 0.03, np.float32))
    color = np.full((80, 80, 3), 0.4, np.float32)
    cover = np.zeros((80, 80), np.float32)
    cover[20:60] = 1
    once = grain.add(color, cover, measured, (1, 7), (0, 0))
    assert (once[cover == 0] == color[cover == 0]).all()
    assert (once - color)[20:60].std() == pytest.approx(0.03, rel=0.1)
    assert once.tobytes() == grain.add(color, cover, measured, (1, 7), (0, 0)).tobytes()
    assert once.tobytes() != grain.add(color, cover, measured, (1, 8), (0, 0)).tobytes()


def test_a_tiny_face_has_no_grain_to_measure() -> None:
    none = grain.measure(_steps()[:12, :12], POINTS / 20)
    assert not _added(none, 1.0).any()
