"""Clothes: a collar is followed though it has no texture, whatever the head before it does."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.clothes import follow
from likeness.head.model import load_head
from likeness.media.look import Look, Shown

HEIGHT, WIDTH = 240, 320


class Clip:
    """A skin-colored face over plain green clothes before a wall; each moved by so many pixels (F, 2)."""

    def __init__(self, head: np.ndarray, body: np.ndarray) -> None:
        rest = load_head().point_mean[:, :2] * [6, -6] + [160, 90]
        self.points = (rest + head[:, None]).astype(np.float32)
        self.frames = range(1, len(head) + 1)
        self._body, self._chin = body, rest[8]

    def look(self, frame: int) -> Look:
        x, y = np.arange(WIDTH) + 0.5, np.arange(HEIGHT)[:, None] + 0.5
        across, down = self._body[frame - 1]
        collar = np.hypot(x - self._chin[0] - across, (y - self._chin[1] - down) * 1.5)
        picture = np.tile(np.float32([0.7, 0.5, 0.3]), (HEIGHT, WIDTH, 1))
        picture[(y - down > self._chin[1] + 5 + 0.1 * abs(x - 160 - across)) & (collar > 45)] = [
            0.1,
            0.3,
            0.2,
        ]
        middle = self.points[frame - 1, 17:68].mean(axis=0)
        picture[np.hypot(x - middle[0], (y - middle[1]) / 1.4) < 48] = [0.8, 0.6, 0.5]
        return Shown((255 * picture).astype(np.uint8))


def way(*places: tuple[float, float]) -> np.ndarray:
    return np.array(places, float)


def test_the_collar_is_followed_and_not_the_head() -> None:
    head, body = way((0, 0), (4, 9), (9, 20), (14, 26)), way((0, 0), (1, 3), (3, 7), (6, 10))
    clip = Clip(head, body)
    found = follow(clip.look, clip.frames, np.ones(4, bool), clip.points)
    assert found == pytest.approx(body, abs=2.5)  # a cell is 1.5 pixels


def test_between_frames_without_a_face_it_goes_on() -> None:
    body = way((0, 0), (2, 2), (4, 4))
    clip = Clip(body, body)
    found = follow(clip.look, clip.frames, np.array([True, False, True]), clip.points)
    assert found[1] == pytest.approx([2, 2], abs=1.5)


def test_a_picture_that_ends_at_the_chin_tells_nothing() -> None:
    clip = Clip(way((0, 120)), way((0, 120)))
    assert np.isnan(follow(clip.look, clip.frames, np.ones(1, bool), clip.points)).all()
