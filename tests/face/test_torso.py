"""A body is told from the background by where it is and by its colors."""

from __future__ import annotations

import numpy as np

from likeness.face.torso import likely

WALL, SHIRT, HAIR = (0.2, 0.3, 0.2), (0.8, 0.3, 0.2), (0.9, 0.9, 0.5)
SHAPE = (160, 200)


def _face() -> np.ndarray:
    """Points (450, 2) of a face 64 cells wide, its brows at row 30 and its chin at row 90."""
    points = np.full((450, 2), (100.0, 60.0), np.float32)
    points[:17, 0], points[:17, 1] = np.linspace(68, 132, 17), 40
    points[8], points[17:27, 1] = (100, 90), 30
    return points


def _scene() -> tuple[np.ndarray, np.ndarray]:
    """A picture (h, w, 3) of a head before a wall, shoulders below, and the head's matte (h, w)."""
    picture = np.full((*SHAPE, 3), WALL, np.float32)
    picture[105:, 30:170] = SHIRT
    alpha = np.zeros(SHAPE, np.float32)
    alpha[10:110, 62:138] = 1
    picture[alpha > 0] = HAIR
    return picture, alpha


def test_the_shirt_is_body_and_the_wall_beside_it_is_not() -> None:
    picture, alpha = _scene()
    found = likely(picture, alpha, _face(), np.zeros(SHAPE, np.float32))
    assert found[115:, 35:165].min() > 0.5
    assert found[:85, :60].max() < 0.5


def test_behind_the_head_both_go_on() -> None:
    picture, alpha = _scene()
    found = likely(picture, alpha, _face(), np.zeros(SHAPE, np.float32))
    assert found[20:60, 70:130].max() < 0.5
    assert found[107:110, 90:110].min() > 0.5


def test_a_scarf_of_the_heads_color_beside_it_is_no_background() -> None:
    picture, alpha = _scene()
    picture[60:105, 140:150] = HAIR
    person = np.zeros(SHAPE, np.float32)
    person[60:105, 140:150] = 1
    assert likely(picture, alpha, _face(), person)[65:100, 143:147].min() > 0.5
