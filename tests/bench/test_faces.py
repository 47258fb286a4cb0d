"""The measures of the benchmark measure what they say."""

from __future__ import annotations

import numpy as np
import pytest

from bench import faces

RNG = np.random.default_rng(3)


def moved(points: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return points @ (scale * np.array([[c, -s], [s, c]])).T + np.array(shift)


def test_the_mapping_names_68_different_points() -> None:
    assert faces.MEDIAPIPE_68.shape == (68,)
    assert len(set(faces.MEDIAPIPE_68.tolist())) == 68


def test_the_eye_aligned_frame_does_not_know_size_place_and_tilt() -> None:
    face = RNG.normal(size=(1, 68, 2)) * 40 + 200
    turned = moved(face, 25, 1.7, (30, -90))
    np.testing.assert_allclose(faces.eye_aligned(face, face), faces.eye_aligned(turned, turned), atol=1e-9)
    corners = faces.eye_aligned(face, face)[0, [36, 45]]
    np.testing.assert_allclose(corners, [[-0.5, 0], [0.5, 0]], atol=1e-9)


def test_a_constant_difference_of_definition_is_taken_out_and_an_error_is_not() -> None:
    theirs = np.repeat(RNG.normal(size=(1, 68, 2)) * 30 + 100, 9, axis=0)
    unit = faces.interocular(theirs)[0]
    ours = theirs + RNG.normal(size=(1, 68, 2)) * 5
    raw, own = faces.disagreement(ours, theirs)
    assert raw.min() > 0 and np.abs(own).max() < 1e-9
    ours[4, 50] += [0.51 * unit, 0]
    _, own = faces.disagreement(ours, theirs)
    assert own[4] == pytest.approx(0.01, abs=1e-9) and own[3] == pytest.approx(0, abs=1e-9)


def test_jitter_is_the_spread_in_interocular_distances() -> None:
    face = RNG.normal(size=(1, 68, 2)) * 50 + 100
    unit = faces.interocular(face)[0]
    noisy = face + RNG.normal(0, 0.01 * unit, (4000, 68, 2))
    assert faces.jitter(noisy) == pytest.approx(0.01 * np.sqrt(2), rel=0.03)
    assert faces.jitter(np.repeat(face, 5, axis=0)) == pytest.approx(0, abs=1e-12)


def test_gain_is_the_share_of_the_motion_that_arrives() -> None:
    driver = np.sin(np.linspace(0, 9, 80)) * 0.1
    assert faces.gain(driver, 0.4 + 0.6 * driver) == pytest.approx(0.6)
    assert np.isnan(faces.gain(np.full(80, 0.2), driver))


def test_similarity_is_found_again() -> None:
    points = RNG.normal(size=(30, 2)) * 20
    found = faces.similarity(points, moved(points, -12, 0.8, (4, 9)))
    np.testing.assert_allclose(points @ found[:2, :2].T + found[:2, 2], moved(points, -12, 0.8, (4, 9)))


def test_what_moves_is_measured_in_its_own_name() -> None:
    mesh = np.zeros((2, 478, 2))
    mesh[:] = RNG.normal(size=(1, 478, 2)) * 3 + 100
    mesh[:, 33], mesh[:, 263] = [60, 100], [140, 100]
    mesh[1, 14] = mesh[1, 13] + [0, 8]
    mesh[0, 14] = mesh[0, 13]
    mesh[1, [468, 473]] += [4, 0]
    one = faces.measures(mesh)
    assert np.diff(one["mouth opening"])[0] == pytest.approx(0.1)
    assert np.diff(one["gaze"])[0] == pytest.approx(0.05)
    assert np.diff(one["mouth width"])[0] == np.diff(one["eye opening"])[0] == 0


def test_the_box_stays_inside_the_picture() -> None:
    rows, columns = faces.box(np.array([[-5.0, 10.0], [95.0, 210.0]]), (100, 90, 3))
    assert (rows.start, rows.stop, columns.start, columns.stop) == (0, 100, 0, 90)
