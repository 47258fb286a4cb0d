"""Filling holes: known pixels stay, tone and grain go on."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from likeness.face.fill import _enlarged, fitted, smooth, textured


def _noisy() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:120, :160].astype(np.float32)
    picture = np.stack([x / 160, y / 120, 0.3 + 0 * x], 2) + rng.normal(0, 0.05, (120, 160, 3))
    known = np.hypot(x - 80, y - 60) > 30
    return picture.astype(np.float32), known


def test_known_pixels_keep_their_bits() -> None:
    picture, known = _noisy()
    filled = textured(picture, known, 3.0)
    assert filled[known].tobytes() == picture[known].tobytes()
    assert (filled[~known] != picture[~known]).any()


def test_the_tone_goes_on_across_the_hole() -> None:
    picture, known = _noisy()
    y, x = np.mgrid[:120, :160].astype(np.float32)
    truth = np.stack([x / 160, y / 120, 0.3 + 0 * x], 2)
    assert np.abs(smooth(truth, known) - truth)[~known].max() < 0.12
    assert np.abs((textured(picture, known, 3.0) - truth)[~known].mean()) < 0.02


def test_the_tone_of_each_part_comes_from_itself_alone() -> None:
    picture = np.full((64, 64, 3), 0.1, np.float32)
    below = np.zeros((64, 64), bool)
    below[40:] = True
    picture[below] = 0.9
    known = np.ones((64, 64), bool)
    known[16:48, 16:48] = False
    share = below.astype(np.float32)
    filled = textured(picture, known, 2.0, ((1 - share, 1 - share), (share, share)))
    assert np.abs(filled[16:32, 16:48] - 0.1).max() < 0.05
    assert filled[44:48, 16:48].min() > 0.8


def test_of_parts_that_are_not_seen_none_has_a_say() -> None:
    picture, known, nowhere = (
        np.full((32, 32, 3), 0.4, np.float32),
        np.ones((32, 32), bool),
        np.zeros((32, 32), np.float32),
    )
    known[8:24, 8:24] = False
    parts = ((nowhere, np.ones((32, 32), np.float32)),)
    assert np.allclose(textured(picture, known, 2.0, parts), 0.4, atol=1e-3)


def test_grain_goes_on_into_the_hole() -> None:
    picture, known = _noisy()
    filled = textured(picture, known, 3.0)
    fine = filled - np.roll(filled, 1, axis=1)
    inside = np.hypot(*(np.mgrid[:120, :160] - np.array([60, 80])[:, None, None])) < 25
    assert 0.6 < fine[inside].std() / fine[known].std() < 1.3


def test_what_is_not_finite_does_not_spread() -> None:
    picture, known = _noisy()
    picture[60, 80] = np.nan
    assert np.isfinite(textured(picture, known, 3.0)).all()


def test_all_or_nothing_known_is_left_alone() -> None:
    picture, known = _noisy()
    for mask in (np.ones_like(known), np.zeros_like(known)):
        assert textured(picture, mask, 3.0).tobytes() == picture.tobytes()


def test_a_hole_takes_the_tone_of_what_borders_on_it_not_of_what_is_beyond() -> None:
    picture = np.full((120, 160, 3), 0.8, np.float32)
    picture[50:60] = 0.2  # a narrow strip of wall between a bright one and the hole
    known = np.zeros((120, 160), bool)
    known[:60] = True
    near, mean = (textured(picture, known, 3.0, nearest=nearest)[62:72, 60:100] for nearest in (True, False))
    assert np.abs(near - 0.2).max() < 0.1 < np.abs(mean - 0.2).max()


def _wall() -> tuple[np.ndarray, np.ndarray]:
    """A dark wall above a bright one, and all but a head that stands mostly before the latter."""
    picture = np.full((160, 200, 3), 0.4, np.float32)
    picture[:50] = (0.08, 0.04, 0.03)
    y, x = np.mgrid[:160, :200]
    return picture, np.hypot(y - 90, x - 100) > 55


def test_an_edge_goes_on_straight_through_a_hole() -> None:
    picture, known = _wall()
    made = [
        textured(picture, known, 6.0, lines=True, through=through)
        for through in (np.ones(known.shape, np.float32), None)
    ]
    straight, bent = (float(np.abs(each - picture)[~known].mean()) for each in made)
    assert straight < 0.012 and straight < bent / 2


def test_straight_lines_tell_nothing_where_they_may_not() -> None:
    picture, known = _wall()
    none = np.zeros(known.shape, np.float32)
    filled = textured(picture, known, 6.0, lines=True, through=none)
    assert np.array_equal(filled, textured(picture, known, 6.0, lines=True))


def test_what_is_enlarged_is_bilinear_and_ends_in_its_last_pixels() -> None:
    small = np.random.default_rng(6).random((9, 14, 3), np.float32)
    large = _enlarged(small, 4, (35, 54))
    for k in range(3):
        usual = ndimage.affine_transform(small[..., k], [0.25] * 2, 0, (35, 54), order=1, mode="nearest")
        np.testing.assert_allclose(large[..., k], usual, atol=1e-6)
    assert (large[::4, ::4] == small).all()


def test_cells_are_fitted_by_their_middles() -> None:
    part = np.tile(np.arange(8, dtype=np.float32), (8, 1))
    large = fitted(part, 0.5, (16, 16))
    np.testing.assert_allclose(large[3, 1:-1], np.arange(1, 15) / 2 - 0.25, atol=1e-6)
