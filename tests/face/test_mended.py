"""What fits of found points err by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face import fit as fitting
from likeness.face.fit import default_lens, fit_still, rotation_matrix, rotation_vector, straightened
from likeness.face.mended import beside, near_camera, toward_camera, turned_too_far, with_mended_gaze
from likeness.head import points as dense
from likeness.head.model import Head
from likeness.training.mended_fit import mirrored
from tests.face.conftest import scene

NOBODY = np.zeros(100)
FAR = default_lens(640, 480, focal_mm=2000.0)  # hardly any perspective
TOLD = np.radians([2.0, -1.0, 0.5])


def test_nothing_lies_beside_the_average_head_where_it_is(head: Head) -> None:
    at = scene(head, turn_deg=(5.0, -20.0, 10.0), gaze_deg=(0.0, 0.0), identity=NOBODY, lens=FAR)
    told = beside(head, at.points, at.fit, at.lens)
    points = told[:-3].reshape(2, dense.COUNT, 3)
    assert np.abs(points[:, : dense.SKIN_COUNT]).max() < 0.05
    nodded = replace(at.fit, rotation=at.fit.rotation @ rotation_matrix(np.radians([5.0, 0, 0])))
    other = told - beside(head, at.points, nodded, at.lens)
    assert np.degrees(other)[-3:] == pytest.approx([5, 0, 0], abs=0.2)


def test_hidden_points_are_told_once_only(head: Head) -> None:
    at = scene(head, seed=2)
    hidden = replace(at.points, visible=np.zeros(dense.COUNT))
    both, seen = beside(head, hidden, at.fit, at.lens)[:-3].reshape(2, -1)
    assert np.abs(both).max() > 0.1
    assert not seen.any()


def test_mirrored_faces_are_turned_too_far_the_other_way(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    at = scene(head, seed=5, turn_deg=(5.0, -20.0, 8.0), noise_px=2.0)
    told = turned_too_far(head, at.points, at.fit, at.lens)
    other = mirrored(beside(head, at.points, at.fit, at.lens)[None])[0]
    monkeypatch.setattr("likeness.face.mended.beside", lambda *_: other)
    there = at.fit.rotation.copy()
    there[2, 0] *= -1
    opposite = turned_too_far(head, at.points, replace(at.fit, rotation=there), at.lens)
    assert np.abs(told).max() > np.radians(0.1)
    assert opposite == pytest.approx(told * [1, -1, -1], abs=1e-4)


def test_a_still_is_straightened_by_what_is_told_and_its_mesh_stays(
    head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = scene(head, seed=3, noise_px=0.5)
    monkeypatch.setattr(fitting, "turned_too_far", lambda *_: np.zeros(3))
    _, plain = fit_still(head, at.points, at.lens)
    monkeypatch.setattr(fitting, "turned_too_far", lambda *_: TOLD)
    shot, fit = fit_still(head, at.points, at.lens)
    assert np.array_equal(fit.rotation, plain.rotation)
    turned = rotation_vector(straightened(fit.rotation, shot.turned).T @ fit.rotation)
    assert turned == pytest.approx(TOLD, abs=1e-9)


def test_the_camera_is_where_a_gaze_at_it_would_look(head: Head) -> None:
    at = scene(head, seed=3, turn_deg=(10.0, 25.0, 5.0), lens=FAR)
    camera = toward_camera(at.points, at.fit, at.lens, np.zeros(3))
    way = at.fit.rotation @ fitting.direction(camera)
    assert way == pytest.approx([0, 0, -1], abs=0.02)
    too_far = replace(at.fit, rotation=at.fit.rotation @ rotation_matrix(TOLD))
    assert toward_camera(at.points, too_far, at.lens, TOLD) == pytest.approx(camera, abs=1e-6)


@pytest.mark.parametrize(("past_deg", "least", "most"), [(5.0, 0.3, 0.95), (45.0, -0.1, 0.2)])
def test_a_gaze_found_near_the_camera_is_told_to_meet_it(
    head: Head, past_deg: float, least: float, most: float
) -> None:
    at = scene(head, seed=3, turn_deg=(0.0, 15.0, 0.0), noise_px=1.0)
    camera = toward_camera(at.points, at.fit, at.lens, np.zeros(3))
    past = np.radians([-past_deg, 0.0])
    gaze = np.stack([camera + past] * 2)
    points, fit = replace(at.points, gaze=gaze), replace(at.fit, gaze=gaze)
    mended = with_mended_gaze(points, fit, at.lens, np.zeros(3)).gaze
    assert mended is not None
    nearer = 1 - np.linalg.norm(mended.mean(axis=0) - camera) / np.linalg.norm(past)
    assert least < nearer < most


def test_points_without_a_gaze_stay_as_they_are(head: Head) -> None:
    at = scene(head, seed=3)
    assert with_mended_gaze(at.points, at.fit, at.lens, TOLD) is at.points


def test_of_gazes_far_from_the_camera_nothing_is_told_twice() -> None:
    told = near_camera(np.array([1.2, 0.0]), np.array([1.0, 0.1]), np.zeros(2))
    assert told[:4] == pytest.approx([1.2, 0.0, -0.2, 0.1])
    assert np.abs(told[4:]).max() < 1e-4
