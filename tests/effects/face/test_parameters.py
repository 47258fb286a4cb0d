"""What effects on faces declare alike: the frames in which an actor rests."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from likeness.effects.face.parameters import resting
from likeness.errors import BadRequest


def places(text: str, frames: range) -> list[int]:
    return resting(SimpleNamespace(params={"neutral_frames": text}), frames)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", []), (" ", []), ("1001", [0]), ("1003-1005", [2, 3, 4]), ("1010, 1002-1003", [9, 1, 2])],
)
def test_frames_and_ranges_are_places_in_the_shot(text: str, expected: list[int]) -> None:
    assert places(text, range(1001, 1011)) == expected


@pytest.mark.parametrize("text", ["1000", "1009-1011", "1-2", "1005-1003", "calm", "1001;1002"])
def test_others_are_refused(text: str) -> None:
    with pytest.raises(BadRequest, match=r"Neutral frames cannot be .* from 1001 to 1010, such as"):
        places(text, range(1001, 1011))
