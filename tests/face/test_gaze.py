"""The second look at the eyes of a still."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face import gaze
from likeness.face.detect import detect
from likeness.face.gaze import HEIGHT_PX, LIDS, WIDTH_PX, seen_gaze, strip
from likeness.face.landmarks import crop_from_detection, find_points
from likeness.head.model import Head
from likeness.media.look import Shown
from tests.face.conftest import SIZE, scene


@pytest.mark.parametrize("yaw", [-60.0, 0.0, 25.0])
def test_both_eyes_lie_in_the_strip_and_as_upright_as_the_face(head: Head, yaw: float) -> None:
    xy = scene(head, seed=2, turn_deg=(5.0, yaw, 20.0)).points.xy
    matrix = strip(xy)
    inside = (xy[gaze.POINTS] - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    assert ((inside > 0) & (inside < [WIDTH_PX, HEIGHT_PX])).all()
    assert matrix[:, 0] @ matrix[:, 1] == pytest.approx(0, abs=1e-9)
    across = xy[48:68].mean(axis=0) - xy[36:48].mean(axis=0)
    assert matrix[:, 0] @ across == pytest.approx(0, abs=1e-6)


def test_a_strip_can_be_wider_and_turned_about_its_middle(head: Head) -> None:
    xy = scene(head, seed=2).points.xy
    middle = np.array([WIDTH_PX / 2, HEIGHT_PX / 2, 1.0])
    plain, other = strip(xy), strip(xy, 1.5, 0.3)
    assert other @ middle == pytest.approx(plain @ middle)
    assert np.linalg.norm(other[:, 0]) == pytest.approx(1.5 * np.linalg.norm(plain[:, 0]))


def test_only_lids_are_moved(head: Head) -> None:
    xy = scene(head, seed=2).points.xy
    noise = np.random.default_rng(0).random((SIZE[1], SIZE[0], 3), np.float32)
    moved, looks = seen_gaze(Shown(noise), xy, np.radians([20.0, -5.0]))
    rest = np.setdiff1d(np.arange(len(xy)), LIDS)
    assert np.array_equal(moved[rest], xy[rest]) and (moved[LIDS] != xy[LIDS]).any()
    assert looks.shape == (2, 2) and np.isfinite(looks).all()


def test_in_a_mirror_the_eyes_look_the_other_way(shown: np.ndarray) -> None:
    found = []
    for picture in (shown, np.ascontiguousarray(shown[:, ::-1])):
        faces = detect(picture)
        crop = crop_from_detection(faces.boxes[0], faces.points5[0])
        found.append(find_points(picture, crop, looks=5).gaze)
    plain, other = np.degrees(found)
    assert np.abs(plain).max() < 20, "she looks at us"
    assert (other[::-1] * [-1, 1]).mean(axis=0) == pytest.approx(plain.mean(axis=0), abs=6)


def test_one_look_of_a_clip_does_without(shown: np.ndarray) -> None:
    faces = detect(shown)
    assert find_points(shown, crop_from_detection(faces.boxes[0], faces.points5[0])).gaze is None
