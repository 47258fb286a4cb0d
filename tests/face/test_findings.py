"""Every shot of a clip has its own person and lens."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.findings import _fitted, _solved, lens_of, reprojected, shot_of
from likeness.face.fit import default_lens
from likeness.face.track import Track
from likeness.head import points as dense
from likeness.head.model import Head
from tests.face.conftest import SIZE, Scene, scene

FRAMES = 8
LENSES = 28.0, 100.0


def shot(head: Head, seed: int, focal_mm: float) -> list[Scene]:
    """One person, turning and speaking, through one lens."""
    identity = np.random.default_rng(seed).normal(0, 0.8, len(head.point_identity))
    return [
        scene(
            head,
            seed=10 * seed + i,
            noise_px=0.7,
            identity=identity,
            turn_deg=(3.0 * np.sin(i), 20 * np.cos(i), 2.0),
            lens=default_lens(*SIZE, focal_mm),
            jawOpen=0.2 * (i % 3),
        )
        for i in range(FRAMES)
    ]


@pytest.fixture(scope="module")
def shots(head: Head) -> list[list[Scene]]:
    return [shot(head, 1 + i, focal_mm) for i, focal_mm in enumerate(LENSES)]


def track(shots: list[list[Scene]], found: np.ndarray) -> Track:
    points = [s.points for scenes in shots for s in scenes]
    cuts = list(range(FRAMES, len(points), FRAMES))
    return Track(list(range(1, len(points) + 1)), points, found, cuts)


def test_each_shot_has_its_lens_and_its_person(head: Head, shots: list[list[Scene]]) -> None:
    both = track(shots, np.ones(2 * FRAMES, bool))
    found = _fitted(head, both, _solved(head, both, SIZE), SIZE, lambda: None)
    for number, scenes in enumerate(shots):
        index = number * FRAMES + 3
        assert lens_of(found, index).focal_px == pytest.approx(scenes[0].lens.focal_px, rel=0.2)
        alike = [np.corrcoef(shot_of(found, index).identity, s[0].identity)[0, 1] for s in shots]
        assert np.argmax(alike) == number
        off = reprojected(head, found, index) - scenes[3].points.xy[: dense.SKIN_COUNT]
        assert np.median(np.linalg.norm(off, axis=1)) < 1.5


def test_a_shot_that_never_shows_the_face_goes_by_its_neighbor(head: Head, shots: list[list[Scene]]) -> None:
    seen = np.repeat([False, True, False], FRAMES)
    three = track([shots[0], shots[1], shots[0]], seen)
    first, middle, last = _solved(head, three, SIZE)
    assert first is middle and last is middle


def test_a_lens_that_is_known_is_not_estimated(head: Head, shots: list[list[Scene]]) -> None:
    known = default_lens(*SIZE, 65.0)
    both = track(shots, np.ones(2 * FRAMES, bool))
    assert [s.lens for s in _solved(head, both, SIZE, known)] == [known, known]
