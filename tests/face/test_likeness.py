"""One person among several is known again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness.errors import BadInput
from likeness.face.likeness import alike, choose_like
from likeness.face.shot import solve_person
from likeness.face.track import Piece, Seen
from likeness.head.model import Head
from tests.face.conftest import Scene, scene

FRAMES = 6


def person(head: Head, seed: int, frames: int = FRAMES) -> list[Scene]:
    """One person, turning and speaking."""
    identity = np.random.default_rng(seed).normal(0, 0.8, len(head.point_identity))
    return [
        scene(
            head,
            seed=10 * seed + i,
            noise_px=0.8,
            identity=identity,
            turn_deg=(2.0, 9.0 * i - 20, 1.0),
            jawOpen=0.1 * i,
        )
        for i in range(frames)
    ]


def seen(people: list[list[Scene]]) -> Seen:
    pieces = [Piece(0, [s.points for s in shots]) for shots in people]
    return Seen(list(range(1, FRAMES + 1)), [], pieces[:1], pieces[1:])


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_the_person_of_the_picture_is_chosen(head: Head, wanted: int) -> None:
    people = [person(head, seed) for seed in (1, 2, 3)]
    # Another picture of the same person: other noise, another expression, seen from the other side.
    again = scene(
        head, seed=99, noise_px=0.8, identity=people[wanted][0].identity, turn_deg=(-5, 15, 0), mouthSmile=0.4
    )
    identity = solve_person(head, [again.points], again.lens).identity
    chosen = choose_like(head, seen(people), identity, again.lens)
    assert chosen.chosen[0].points[0] is people[wanted][0].points
    assert len(chosen.others) == 2
    assert len(chosen.tracks()) == 3


def test_too_high_an_index_is_a_clear_sentence(head: Head) -> None:
    people = [person(head, 1)]
    with pytest.raises(BadInput, match="not 3 faces"):
        choose_like(head, seen(people), people[0][0].identity, people[0][0].lens, 2)


def test_a_person_is_alike_to_themselves() -> None:
    a = np.array([1.0, -2.0, 0.5])
    assert alike(a, 3 * a) == pytest.approx(1)
    assert alike(a, -a) == pytest.approx(-1)
    assert alike(a, 0 * a) == 0


@pytest.mark.slow
def test_people_of_real_clips_are_told_apart(real: Path) -> None:
    from likeness.face.fit import default_lens
    from likeness.face.track import follow
    from likeness.head.model import load_head
    from likeness.media import open_source

    house = load_head()
    early, late = {}, {}
    for name in ("clip_talking_man_512", "clip_expressions_480", "clip_outdoor_720p"):
        with open_source(real / f"{name}.mp4") as source:
            lens = default_lens(source.width, source.height)
            early[name] = solve_person(house, follow(source, source.frames[:1]).seen, lens).identity
            late[name] = solve_person(house, follow(source, source.frames[40:60]).seen, lens).identity
    for name, identity in early.items():
        assert max(late, key=lambda other: alike(identity, late[other])) == name
