"""Names of frames are read and written alike, and gaps are told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from likeness.errors import BadInput, BadRequest
from likeness.media.sequence import Pattern, parse_pattern, spans

WORDS = st.text("abcXYZ019_-. é", min_size=0, max_size=8)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("shot.%04d.exr", "shot.0007.exr"),
        ("shot.####.exr", "shot.0007.exr"),
        ("shot.#.exr", "shot.7.exr"),
        ("shot_%d.exr", "shot_7.exr"),
        ("shot v2 #####.exr", "shot v2 00007.exr"),
        ("still.exr", "still.exr"),
        ("shot.0012.exr", "shot.0012.exr"),
    ],
)
def test_a_pattern_names_its_frames(given: str, name: str) -> None:
    assert parse_pattern(f"folder/{given}").path(7) == Path("folder") / name


@given(head=WORDS, tail=WORDS, digits=st.integers(1, 8), frame=st.integers(-99999, 9999999))
def test_a_frame_is_found_again_under_its_name(head: str, tail: str, digits: int, frame: int) -> None:
    pattern = Pattern(Path(), f"a{head}", f"{tail}.exr", digits)
    assert pattern.frame(pattern.name(frame)) == frame


@given(head=WORDS, digits=st.integers(1, 8), frame=st.integers(0, 99999999))
def test_hashes_and_percent_mean_the_same(head: str, digits: int, frame: int) -> None:
    hashes = parse_pattern(f"nowhere/a{head}.{'#' * digits}.exr")
    percent = parse_pattern(f"nowhere/a{head}.%0{digits}d.exr")
    assert hashes.name(frame) == percent.name(frame)
    assert parse_pattern(str(hashes)) == hashes


def test_other_files_are_not_frames(tmp_path: Path) -> None:
    for name in (
        "a.0001.exr",
        "a.0003.exr",
        "a.10000.exr",
        "a.2.exr",
        "a.0001.exr.tmp",
        "b.0002.exr",
        "a.x.exr",
    ):
        (tmp_path / name).touch()
    assert parse_pattern(tmp_path / "a.####.exr").frames() == [1, 3, 10000]


def test_a_folder_stands_for_its_one_sequence(tmp_path: Path) -> None:
    for name in ("a.0098.exr", "a.0099.exr", "a.0100.exr", "notes.txt", ".a.0101.exr"):
        (tmp_path / name).touch()
    pattern = parse_pattern(tmp_path)
    assert (pattern.frames(), pattern.name(5)) == ([98, 99, 100], "a.0005.exr")


def test_a_folder_of_numbers_without_zeros(tmp_path: Path) -> None:
    for number in (8, 9, 10, 11):
        (tmp_path / f"{number}.png").touch()
    assert parse_pattern(tmp_path).frames() == [8, 9, 10, 11]


def test_a_folder_of_several_sequences_names_them(tmp_path: Path) -> None:
    for name in ("a.1.exr", "a.2.exr", "b.1.exr", "b.2.exr"):
        (tmp_path / name).touch()
    with pytest.raises(BadInput, match=r"2 sequences or pictures: a.*exr, b.*exr"):
        parse_pattern(tmp_path)


def test_an_empty_folder_is_said_to_be_empty(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no pictures"):
        parse_pattern(tmp_path)


def test_a_file_with_a_hash_in_its_name_is_itself(tmp_path: Path) -> None:
    (tmp_path / "take #1.exr").touch()
    assert parse_pattern(tmp_path / "take #1.exr").is_still


def test_a_folder_that_is_there_may_have_a_hash_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "take #2" / "50 %d"
    folder.mkdir(parents=True)
    (folder / "a.0007.exr").touch()
    assert parse_pattern(folder / "a.####.exr").frames() == [7]
    with pytest.raises(BadRequest, match="in a folder's name"):
        parse_pattern(folder / "more.####" / "a.exr")


@pytest.mark.parametrize("wrong", ["##.####.exr", "%04d/shot.exr", "a.%099d.exr"])
def test_a_pattern_that_makes_no_sense(wrong: str) -> None:
    with pytest.raises(BadRequest):
        parse_pattern(wrong)


@given(st.sets(st.integers(-50, 50)))
def test_spans_name_every_frame_once(frames: set[int]) -> None:
    named: list[int] = []
    for span in filter(None, spans(frames).split(", ")):
        match = re.fullmatch(r"(-?\d+)(?:-(-?\d+))?", span)
        assert match
        named += range(int(match[1]), int(match[2] or match[1]) + 1)
    assert named == sorted(frames)
