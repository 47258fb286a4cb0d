"""A head that has turned far leaves no jaw behind."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.jaw import jaw_of
from likeness.face.warp import Stay, polygon, spread
from likeness.head.model import Head
from tests.face.test_reenact import Stage

CELL = 4


@pytest.fixture(scope="module")
def stage(head: Head) -> Stage:
    return Stage(head)


def test_the_way_leads_out_of_the_jaw(stage: Stage) -> None:
    points = stage.pixels(stage.fit)[stage.person.vertex_count :, :2]
    jaw = jaw_of(points, CELL)

    def way(place: np.ndarray) -> np.ndarray:
        x, y = ((place - jaw.first) / CELL).astype(int)
        return jaw.way[y, x]

    chin, brows = points[8], points[17:27].mean(axis=0)
    above_chin = chin + 0.1 * (brows - chin)
    assert (above_chin + way(above_chin))[1] > chin[1]
    assert abs(way(above_chin)[0]) < abs(way(above_chin)[1])
    assert (way(brows + 0.1 * (chin - brows)) == 0).all()  # beside it hair goes with the head
    assert (jaw.way[0] == 0).all() and (jaw.way[-1] == 0).all()
    assert np.allclose(jaw.by(0.5).way, 0.5 * jaw.way) and np.allclose(jaw.by(3).way, jaw.way)


def test_what_the_mesh_shows_is_not_seen_where_it_was() -> None:
    """A square comes from 50 px to the left, but its motion ends sooner beside it."""
    corners = np.float32([[100, 100, 1], [150, 100, 1], [150, 150, 1], [100, 150, 1]])
    triangles, moved = np.int32([[0, 1, 2], [0, 2, 3]]), np.float32([[0, 0, 0, -50, 0]] * 4)
    trust, ramp = np.ones(4, np.float32), (np.ones(200, np.float32),) * 2
    before = polygon(corners[:, :2] - np.float32([50, 0]), 0, 0, 200, 200)[::CELL, ::CELL] > 0.5
    place = 2 + CELL * np.arange(50)
    way = np.stack([np.where(before, 46 - place, 0), np.zeros((50, 50))], axis=2)  # to the left
    stay = Stay(np.zeros(2), way.astype(np.float32)), (0, 0), np.ones(4, bool)
    down = place[:, None]
    for told in (None, stay):
        field = spread(corners, triangles, moved, trust, CELL, (10.0, 10.0), ramp, stay=told)
        x, y = (
            here + (field.grid[k] + field.grid[k + 3])[1:-1, 1:-1] for k, here in enumerate((place, down))
        )
        twice = (place < 96) & (np.abs(x - 75) < 19) & (np.abs(y - 125) < 19)
        assert twice.any() == (told is None)
        mesh = (np.abs(place - 125) < 22) & (np.abs(down - 125) < 22)
        assert np.allclose((x - place)[mesh], -50, atol=1e-3)


def test_an_opening_of_the_face_goes_as_the_face_does() -> None:
    """Of two bars that come from 50 px to the left, what lies between them is a mouth."""
    bars = [np.float32([[x, 100, 1], [x + 20, 100, 1], [x + 20, 150, 1], [x, 150, 1]]) for x in (100, 140)]
    corners, moved = np.concatenate(bars), np.float32([[0, 0, 0, -50, 0]] * 8)
    triangles = np.int32([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    trust, ramp = np.ones(8, np.float32), (np.ones(200, np.float32),) * 2
    stay = Stay(np.zeros(2), np.full((50, 50, 2), -20, np.float32)), (0, 0), np.ones(8, bool)
    alone, led = (
        spread(corners, triangles, moved, trust, CELL, (10.0, 10.0), ramp, stay=told).grid[0, 1:-1, 1:-1]
        for told in (None, stay)
    )
    between, beside = (slice(27, 36), slice(31, 34)), (slice(27, 36), slice(42, 46))
    assert (led[between] == alone[between]).all()
    assert (led[beside] < alone[beside] - 15).all()
