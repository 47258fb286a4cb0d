"""A sequence reads like a clip reads like a still; gaps and broken frames are named, held or skipped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import BadInput, BadRequest
from likeness.media import open_source

Save = Callable[..., Path]


@pytest.fixture
def shot(tmp_path: Path, save: Save) -> str:
    """Frames 1 to 8 without 3, 5 and 6; frame n holds the value n."""
    for frame in (1, 2, 4, 7, 8):
        save(tmp_path / f"shot.{frame:04d}.exr", np.full((4, 6, 3), frame, np.float32))
    return str(tmp_path / "shot.####.exr")


def value(source: object, frame: int) -> float:
    return float(source.read(frame).pixels[0, 0, 0])  # type: ignore[attr-defined]


def test_a_sequence_has_the_numbers_of_its_files(shot: str) -> None:
    with open_source(shot) as source:
        assert (source.width, source.height, source.is_still, source.fps) == (6, 4, False, None)
        assert [value(source, n) for n in (8, 1, 4)] == [8, 1, 4]


def test_gaps_are_found_and_named(shot: str) -> None:
    with open_source(shot) as source:
        assert source.gaps == (3, 5, 6)
        assert list(source.frames) == list(range(1, 9))
        with pytest.raises(BadInput, match=r"no frame .*shot\.0005\.exr\. The sequence lacks 3, 5-6"):
            source.read(5)


def test_missing_frames_are_held(shot: str) -> None:
    with open_source(shot, missing="hold") as source:
        assert [value(source, n) for n in source.frames] == [1, 2, 2, 4, 4, 4, 7, 8]
        assert (value(source, 0), value(source, 99)) == (1, 8)


def test_missing_frames_are_skipped(shot: str) -> None:
    with open_source(shot, missing="skip") as source:
        assert list(source.frames) == [1, 2, 4, 7, 8]


@pytest.mark.parametrize("harm", ["empty", "text", "truncated"])
def test_a_broken_frame_is_named_held_or_skipped(shot: str, harm: str) -> None:
    path = Path(shot.replace("####", "0004"))
    data = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"hello " * 99, "truncated": data[: len(data) // 2]}[harm])
    with open_source(shot) as source, pytest.raises(BadInput, match=r"shot\.0004\.exr"):
        source.read(4)
    with open_source(shot, missing="hold") as source:
        assert value(source, 4) == 2
    if harm != "truncated":
        with open_source(shot, missing="skip") as source:
            assert 4 not in source.frames


def test_a_broken_first_frame_is_held_from_the_next(shot: str) -> None:
    Path(shot.replace("####", "0001")).write_bytes(b"")
    with open_source(shot, missing="hold") as source:
        assert (source.width, value(source, 1)) == (6, 2)


def test_a_frame_of_another_size_is_named(shot: str, save: Save) -> None:
    save(Path(shot.replace("####", "0003")), np.zeros((5, 6, 3), np.float32))
    with (
        open_source(shot) as source,
        pytest.raises(BadInput, match=r"0003\.exr is 6 x 5, the sequence is 6 x 4"),
    ):
        source.read(3)


def test_no_frame_at_all(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no frames .*a\.%04d\.exr"):
        open_source(tmp_path / "a.####.exr")
    with pytest.raises(BadInput, match="no frames"):
        open_source(tmp_path / "absent" / "a.%d.exr")


def test_a_still_stands_for_every_frame(tmp_path: Path, save: Save) -> None:
    with open_source(save(tmp_path / "a.0042.exr", np.ones((2, 2, 3), np.float32))) as source:
        assert source.is_still
        assert list(source.frames) == [1]
        assert value(source, 1) == value(source, 1000) == 1


def test_a_still_that_was_looked_at_is_not_read_again(tmp_path: Path, save: Save) -> None:
    path = tmp_path / "a.0042.exr"
    save(path, np.full((4, 6, 3), 0.5, np.float32))
    with open_source(path) as source:
        source.look(1)
        path.unlink()
        assert source.read(1).pixels.shape == (4, 6, 3)
        with pytest.raises(BadInput, match=r"a\.0042\.exr"):
            source.read(1)  # nor kept any longer


def test_a_still_can_forget_what_was_looked_at(tmp_path: Path, save: Save) -> None:
    path = tmp_path / "a.0042.exr"
    save(path, np.full((4, 6, 3), 0.5, np.float32))
    with open_source(path) as source:
        source.look(1)
        source.forget()
        path.unlink()
        with pytest.raises(BadInput, match=r"a\.0042\.exr"):
            source.read(1)


def test_wrong_wishes_are_refused_before_reading(shot: str) -> None:
    with pytest.raises(BadRequest, match="'ignore'"):
        open_source(shot, missing="ignore")  # type: ignore[arg-type]
    with pytest.raises(BadRequest, match="color space 'Kodachrome'"):
        open_source(shot, colorspace="Kodachrome")


def test_the_fingerprint_is_of_the_files_not_of_their_place(shot: str, tmp_path: Path) -> None:
    first = open_source(shot).fingerprint
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for file in tmp_path.glob("*.exr"):
        shutil.copy2(file, copy)
    assert open_source(copy / "shot.%04d.exr").fingerprint == first
    (copy / "shot.0002.exr").write_bytes((copy / "shot.0001.exr").read_bytes())
    assert open_source(copy / "shot.%04d.exr").fingerprint != first


@pytest.mark.parametrize(
    "told",
    [{"FramesPerSecond": "24000/1001"}, {"nuke/input/frame_rate": "23.976"}],
    ids=lambda told: next(iter(told)),
)
def test_the_rate_in_the_header_is_taken(tmp_path: Path, save: Save, told: dict[str, str]) -> None:
    for frame in (1, 2):
        save(tmp_path / f"a.{frame}.exr", np.zeros((2, 2, 3), np.float32), **told)
    save(tmp_path / "b.1.exr", np.zeros((2, 2, 3), np.float32))
    assert open_source(tmp_path / "a.#.exr").fps == pytest.approx(23.976, abs=1e-3)
