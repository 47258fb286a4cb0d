"""Fitting the head: from points back to pose, expression, gaze and person."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likeness.face import fit as fitting
from likeness.face.expected import LOOKS
from likeness.face.fit import (
    conjugate,
    fit_still,
    interocular,
    project,
    rotation_matrix,
    rotation_vector,
    skin_points,
)
from likeness.head.model import Head
from likeness.performance import ARKIT
from tests.face.conftest import expression, scene

ANGLES = st.floats(-3.0, 3.0)


def degrees_between(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.linalg.norm(rotation_vector(a @ b.T))))


@given(ANGLES, ANGLES, ANGLES)
def test_a_rotation_vector_goes_there_and_back(x: float, y: float, z: float) -> None:
    vector = np.array([x, y, z])
    length = np.linalg.norm(vector)
    if length > 3.0:
        vector *= 3.0 / length
    assert np.allclose(rotation_vector(rotation_matrix(vector)), vector, atol=1e-5)


class TestStill:
    @pytest.mark.parametrize("seed", range(4))
    def test_it_finds_the_pose(self, head: Head, seed: int) -> None:
        truth = scene(head, seed, jawOpen=0.3, mouthSmile=0.4)
        _, found = fit_still(head, truth.points, truth.lens)
        assert degrees_between(found.rotation, truth.fit.rotation) < 2.0
        # A larger head farther away looks the same: only the ratio is certain.
        assert abs(found.translation[2] / truth.fit.translation[2] - 1) < 0.15

    @pytest.mark.parametrize("seed", range(4))
    def test_its_mesh_lies_on_the_points(self, head: Head, seed: int) -> None:
        truth = scene(head, seed, noise_px=0.3, eyeBlink=0.5, browInnerUp=0.6)
        shot, found = fit_still(head, truth.points, truth.lens)
        camera = skin_points(head, shot, found.expression) @ found.rotation.T + found.translation
        error = np.linalg.norm(project(camera, truth.lens) - truth.points.xy[fitting.SKIN], axis=1)
        assert np.median(error) < 0.006 * interocular(truth.points.xy)

    def test_it_finds_the_gaze(self, head: Head) -> None:
        truth = scene(head, 3, gaze_deg=(14.0, 6.0))
        _, found = fit_still(head, truth.points, truth.lens)
        assert np.abs(np.degrees(found.gaze - truth.fit.gaze)).max() < 4.0

    def test_eyeballs_go_where_found_irises_look_as_seen(
        self, head: Head, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fitting, "with_mended_gaze", lambda points, *_: points)
        truth = scene(head, 3, gaze_deg=(14.0, 6.0))
        told = truth.fit.gaze + np.radians([-8.0, 3.0])
        plain, before = fit_still(head, truth.points, truth.lens)
        shot, found = fit_still(head, replace(truth.points, gaze=told), truth.lens)
        assert np.degrees(found.gaze - told) == pytest.approx(0, abs=1.0)
        for iris, _ in fitting.EYES:
            assert not plain.bias[iris].any()
            assert 0.05 < np.linalg.norm(shot.bias[iris]) < fitting.EYEBALL_CM
        skin = np.setdiff1d(np.arange(len(ARKIT)), LOOKS)
        assert np.abs(found.expression - before.expression)[skin].max() < 0.1, "lids alone follow"

    def test_weights_stay_between_rest_and_full(self, head: Head) -> None:
        truth = scene(head, 5, noise_px=4.0, jawOpen=1.0, eyeBlink=1.0, mouthFunnel=1.0)
        _, found = fit_still(head, truth.points, truth.lens)
        assert found.expression.min() >= 0
        assert found.expression.max() <= 1

    def test_one_wild_point_does_not_move_the_head(self, head: Head) -> None:
        truth = scene(head, 6)
        truth.points.xy[30] += 60
        _, found = fit_still(head, truth.points, truth.lens)
        assert degrees_between(found.rotation, truth.fit.rotation) < 2.5


class TestKnownPerson:
    @pytest.mark.parametrize(
        "weights",
        [
            {"jawOpen": 0.5},
            {"eyeBlink": 0.9},
            {"mouthSmile": 0.7, "cheekSquint": 0.3},
            {"mouthPucker": 0.6, "browInnerUp": 0.5},
            {"mouthFunnel": 0.5, "jawOpen": 0.2},
        ],
    )
    def test_it_finds_the_active_weights(self, head: Head, weights: dict[str, float]) -> None:
        calm = scene(head, 1)
        shot = fitting.Shot(calm.lens, calm.identity, np.zeros((450, 3)), head.point_mean.astype(float))
        shot = fitting.with_person(head, shot, calm.identity, shot.bias)
        truth = scene(head, 2, noise_px=0.3, identity=calm.identity, **weights)
        found = fitting.refine(head, shot, truth.points, fitting.start_pose(shot, truth.points), steps=8)
        active = expression(**weights) > 0
        assert np.abs(found.expression - truth.fit.expression)[active].mean() < 0.1


def test_a_bounded_step_solves_the_free_ones_exactly() -> None:
    rng = np.random.default_rng(0)
    root = rng.normal(size=(58, 58))
    matrix, right = root @ root.T + np.eye(58), rng.normal(size=58) * 5
    weights = rng.uniform(0, 1, 52)
    step = fitting.solve_bounded(matrix, right, weights)
    moved = weights + step[fitting.POSE :]
    assert moved.min() >= -1e-9
    assert moved.max() <= 1 + 1e-9
    free = np.r_[np.ones(fitting.POSE, bool), (moved > 1e-6) & (moved < 1 - 1e-6)]
    assert np.abs((matrix @ step - right)[free]).max() < 1e-6


def test_eyes_look_at_one_place() -> None:
    found = np.radians([[[8.0, 4.0], [14.0, -2.0]]])
    left, right = np.degrees(conjugate(found))[0]
    assert left[1] == right[1] == pytest.approx(1.0)  # up and down together
    assert (left[0] + right[0]) / 2 == pytest.approx(11.0)
    assert 2.8 < right[0] - left[0] < 6.0  # turned in, less than was found
