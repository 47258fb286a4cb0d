"""Directions and turns in the head's frame."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.frame import between, direction, straight_at, yaw_pitch


def test_yaw_and_pitch_are_those_of_the_direction() -> None:
    gaze = np.radians([[[30.0, -20.0], [-70.0, 5.0]], [[0.0, 0.0], [10.0, 60.0]]])
    ways = direction(gaze)
    assert np.linalg.norm(ways, axis=-1) == pytest.approx(1)
    assert ways[0, 0, 0] > 0 > ways[0, 0, 1], "yaw is toward +X, pitch is up"
    assert yaw_pitch(3 * ways) == pytest.approx(gaze)


@pytest.mark.parametrize("ray", [(0.0, 0.0, 5.0), (1.0, -2.0, 4.0), (-3.0, 0.1, 1.0)])
def test_a_camera_is_turned_straight_at_a_place_by_the_shortest_way(ray: tuple[float, ...]) -> None:
    place = np.array(ray)
    turn = straight_at(place)
    assert turn @ turn.T == pytest.approx(np.eye(3))
    assert turn @ [0, 0, np.linalg.norm(place)] == pytest.approx(place)
    angle = np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))
    assert angle == pytest.approx(np.arccos(place[2] / np.linalg.norm(place)), abs=1e-6)
    assert between(place, np.array([0.0, 0.0, 1.0])) == pytest.approx(turn.T)
