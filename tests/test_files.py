"""A file appears whole or not at all, and a refusal to write is one sentence."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from likeness.errors import BadOutput
from likeness.files import make_folder, output_errors, replacing, sweep


def test_the_file_appears_when_the_body_succeeds(tmp_path: Path) -> None:
    target = tmp_path / "ä b.exr"
    with replacing(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
        assert temporary.suffix == ".exr"
    assert target.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [target]


def test_the_file_before_stays_when_the_body_fails(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("before")
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_with_what_to_do(number: int) -> None:
    with (
        pytest.raises(BadOutput, match=r"Cannot write /out/a.exr .*Free some space"),
        output_errors(Path("/out/a.exr")),
    ):
        raise OSError(number, "no space")


def test_a_file_that_is_missing_is_not_called_an_output_error() -> None:
    with pytest.raises(FileNotFoundError), output_errors(Path("out")):
        open("/does/not/exist").close()


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b c" / "ü")
    assert (tmp_path / "a" / "b c" / "ü").is_dir()
    assert list((tmp_path / "a" / "b c" / "ü").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(BadOutput, match=r"Cannot write .*Choose another output"):
            make_folder(folder)


def test_a_folder_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        total: int
        used: int
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10, 10, 0))
    with pytest.raises(BadOutput, match="no space left"):
        make_folder(tmp_path)


def test_what_killed_processes_left_is_swept_away_after_an_hour(tmp_path: Path) -> None:
    with contextlib.suppress(KeyError), replacing(tmp_path / "shot.0001.exr") as temporary:
        left, fresh = temporary.name, temporary.name.replace("0001", "0002")
        raise KeyError
    hidden = ".DS_Store", ".shot.0001.exr", ".shot.0123456789AB.exr", "shot.0123456789ab.exr"
    for name in (left, fresh, *hidden):
        (tmp_path / name).touch()
        if name != fresh:
            os.utime(tmp_path / name, (1000, 1000))
    sweep(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {fresh, *hidden}
