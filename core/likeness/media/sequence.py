"""Names of frames: `shot.%04d.exr`, `shot.####.exr`, a folder with one sequence, or one still."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from likeness.errors import BadInput, BadRequest

PICTURES = frozenset(
    ".exr .dpx .cin .tif .tiff .png .jpg .jpeg .jxl .jp2 .j2k .webp .bmp .tga .hdr .sgi .rgb .iff "
    ".psd .ppm .pgm .pnm .pfm .dds .rla .fits".split()
)
_PLACE = re.compile(r"%(?:0(\d+))?d|(#+)")
_NUMBERED = re.compile(r"(?P<head>.*?)(?P<number>-?\d+)(?P<tail>\D*)")
MAX_DIGITS = 10


@dataclass(frozen=True)
class Pattern:
    """Where the frames of a sequence lie: `folder/head{frame:0{digits}d}tail`.

    `digits` 0 means one still: `head` is its whole name.
    """

    folder: Path
    head: str
    tail: str = ""
    digits: int = 0

    @property
    def is_still(self) -> bool:
        return self.digits == 0

    def name(self, frame: int) -> str:
        """The file name of a frame, without the folder; a still has the same name for every frame."""
        return self.head if self.is_still else f"{self.head}{frame:0{self.digits}d}{self.tail}"

    def path(self, frame: int) -> Path:
        """The path of a frame."""
        return self.folder / self.name(frame)

    def frame(self, name: str) -> int | None:
        """The frame number in a file name, or None when the name is not one of this sequence."""
        if self.is_still or not (name.startswith(self.head) and name.endswith(self.tail)):
            return None
        number = name[len(self.head) : len(name) - len(self.tail)]
        # Only what `name` would write, so that no two files stand for one frame.
        if not re.fullmatch(r"-?[0-9]+", number) or len(number) > MAX_DIGITS + 1:
            return None
        return int(number) if self.name(int(number)) == name else None

    def frames(self) -> list[int]:
        """The frame numbers there are on disk, in order (a still: none)."""
        if not self.folder.is_dir():
            return []
        found = (self.frame(entry.name) for entry in self.folder.iterdir())
        return sorted(frame for frame in found if frame is not None)

    def __str__(self) -> str:
        place = "" if self.is_still else f"%0{self.digits}d"
        return str(self.folder / f"{self.head}{place}{self.tail}")


def parse_pattern(path: str | Path) -> Pattern:
    """Read a pattern, a folder or a file name.

    `%04d`, `%d` and a run of `#` mark the frame number, in the file's name only. A folder stands
    for the one sequence (or the one picture) in it. A file or folder that exists is itself, even with
    a `#` in its name. Raises `BadRequest` for a pattern that makes no sense, `BadInput` for a folder
    with no or several sequences.
    """
    path = Path(path)
    if path.is_file():
        return Pattern(path.parent, path.name)
    if path.is_dir():
        return _in_folder(path)
    places = list(_PLACE.finditer(path.name))
    if any(_PLACE.search(folder.name) and not folder.is_dir() for folder in path.parents):
        raise BadRequest(
            f"The pattern '{path}' marks a frame number in a folder's name.",
            "Mark it in the file's name only, as in shot.####.exr.",
        )
    if not places:
        return Pattern(path.parent, path.name)
    if len(places) > 1:
        raise BadRequest(
            f"The pattern '{path.name}' marks the frame number {len(places)} times.", "Mark it once."
        )
    place = places[0]
    digits = int(place[1] or 1) if place[2] is None else len(place[2])
    if not 1 <= digits <= MAX_DIGITS:
        raise BadRequest(
            f"The pattern '{path.name}' asks for {digits} digits.",
            f"Use 1 to {MAX_DIGITS}, as in shot.%04d.exr.",
        )
    return Pattern(path.parent, path.name[: place.start()], path.name[place.end() :], digits)


def is_picture(path: str | Path) -> bool:
    """Whether a file name ends as a still picture's does."""
    return Path(path).suffix.lower() in PICTURES


def _in_folder(folder: Path) -> Pattern:
    names = sorted(e.name for e in folder.iterdir() if is_picture(e) and not e.name.startswith("."))
    found = _group(folder, names)
    if len(found) == 1:
        return found[0]
    if not found:
        raise BadInput(f"The folder '{folder}' holds no pictures.", "Give a folder with one image sequence.")
    listed = ", ".join(Path(str(p)).name for p in found[:6])
    raise BadInput(
        f"The folder '{folder}' holds {len(found)} sequences or pictures: {listed}.", "Name the one you mean."
    )


def _group(folder: Path, names: Iterable[str]) -> list[Pattern]:
    """Sort names into sequences by their last number; one lone picture is a still."""
    groups: dict[tuple[str, str], list[str]] = {}
    stills: list[Pattern] = []
    for name in names:
        match = re.fullmatch(r"(.*?)(-?[0-9]+)([^0-9]*\.[A-Za-z0-9]+)", name)
        if match:
            groups.setdefault((match[1], match[3]), []).append(match[2])
        else:
            stills.append(Pattern(folder, name))
    for (head, tail), numbers in groups.items():
        if len(numbers) == 1:
            stills.append(Pattern(folder, head + numbers[0] + tail))
            continue
        padded = [n for n in numbers if n.lstrip("-").startswith("0") and len(n) > 1]
        digits = min(map(len, padded or numbers)) if padded else 1
        stills.append(Pattern(folder, head, tail, digits))
    return stills


def spans(frames: Iterable[int]) -> str:
    """Frame numbers for people: `3, 5-7`."""
    runs: list[list[int]] = []
    for frame in sorted(frames):
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
