"""Files that stand for an input: what is asked, what is found, and where it is kept."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from .errors import Trouble

_KEPT_S = 30 * 24 * 3600.0
_NUMBER = re.compile(r"(\d+)(\D*)$")
_PLACE = re.compile(r"%(?:0?\d+)?d|#+")


@dataclass(frozen=True)
class Asked:
    """What an input is taken from: the scene, its frames that matter, and where files may be written.

    `offset` is the shot's, `moves` says that it has more than one picture, `start` is the scene's frame
    at which it begins and `pictures` whether there are any; they are known once the first is taken.
    """

    scene: bpy.types.Scene
    frames: tuple[int, int]
    folder: Path
    active: Any = None
    columns: tuple[str, ...] = ()
    offset: int = 0
    moves: bool = False
    start: int = 1
    pictures: bool = False

    @property
    def rows(self) -> tuple[int, int]:
        """The scene's frames of a performance: on moving pictures all from their beginning."""
        return (min(self.start, self.frames[0]), self.frames[1]) if self.moves else self.frames


@dataclass
class File:
    """One input: its path, and for moving pictures how its frame numbers lie in the scene.

    `offset` added to a frame number gives the scene's frame, `first` is its first number and `count`
    how many there are (0: not known).
    """

    path: str
    offset: int | None = None
    first: int = 1
    count: int = 0
    colorspace: str = "auto"
    rows: tuple[int, int] | None = None
    render: tuple[Path, int, int] | None = None


def kept(folder: Path, suffix: str, write: Callable[[Path], Any]) -> str:
    """Write a file under a name made of its content; one that is there already stays as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{uuid.uuid4().hex[:12]}{suffix}"
    try:
        write(part)
        name = hashlib.sha256(part.read_bytes()).hexdigest()[:24]
        path = folder / f"{name}{suffix}"
        if not path.exists():
            part.replace(path)
        return str(path)
    finally:
        part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove inputs that were written here more than a month ago; what is still used is written again."""
    for entry in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - entry.stat().st_mtime > _KEPT_S:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def existing(path: str, owner: Any) -> str:
    """The path, if it is there; raise `Trouble` that names the owner if it is not."""
    if not os.path.exists(path):
        raise Trouble(f"'{owner.name}' names the file {path or '(none)'}, which is not there; find it first.")
    return path


def number_of(path: str) -> int | None:
    """The last number in a file's name."""
    found = _NUMBER.search(os.path.basename(path))
    return int(found[1]) if found else None


def pattern_of(path: str) -> str:
    """A file of a sequence to the pattern of all of it; a name without a number stays."""
    folder, name = os.path.split(path)
    found = _NUMBER.search(name)
    if found is None:
        return path
    return os.path.join(folder, f"{name[: found.start()]}{'#' * len(found[1])}{found[2]}")


def numbers_of(pattern: str) -> list[int] | None:
    """The frame numbers there are of a pattern or in a folder; None for one picture."""
    folder, name = (pattern, "#") if os.path.isdir(pattern) else os.path.split(pattern)
    place = None if os.path.isfile(pattern) else _PLACE.search(name)
    if place is None:
        return None
    head, tail = re.escape(name[: place.start()]), re.escape(name[place.end() :])
    wanted = re.compile(r".*?(-?\d+)\D*" if name == "#" else head + r"(-?\d+)" + tail)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(int(found[1]) for found in map(wanted.fullmatch, names) if found)


def one_line(error: Exception) -> str:
    """What an error says, for the middle of a sentence."""
    return " ".join(str(error).split()).rstrip(".")
