"""Where frames come from: one still, an image sequence or a clip, all read the same way."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

from likeness.errors import BadInput, BadRequest
from likeness.media import color
from likeness.media.image import Image
from likeness.media.look import Linear, Look
from likeness.media.picture import read_header, read_picture
from likeness.media.sequence import Pattern, is_picture, parse_pattern, spans

Missing = Literal["error", "hold", "skip"]

# What a header calls its rate; the last is Nuke's.
_RATES = ("FramesPerSecond", "framesPerSecond", "nuke/input/frame_rate")


class Source(ABC):
    """Frames to read; sizes in pixels of the display window, upright.

    `frames` are the numbers there are to read, in order. `gaps` are those that a sequence lacks
    between its first and last: with "error" they are in `frames` and `read` raises for them, with
    "hold" the frame before stands in, with "skip" they are left out. `colorspace` is the space of
    the file (guessed or given), `linear_colorspace` that of what `read` returns. `fingerprint` is a
    SHA-256 of names, sizes and times of the files, not of where they lie.
    """

    frames: Sequence[int]
    gaps: tuple[int, ...] = ()
    fps: Fraction | None = None
    width: int
    height: int
    is_still: bool = False
    colorspace: str
    linear_colorspace: str
    fingerprint: str

    def close(self) -> None:  # noqa: B027  # only a clip holds anything
        """Let go of the file."""

    def forget(self) -> None:  # noqa: B027  # only a still keeps anything
        """Let go of pictures that were looked at and are kept to be read; they can be read again."""

    @abstractmethod
    def read(self, frame: int) -> Image:
        """The picture of a frame: scene-linear `linear_colorspace`, premultiplied.

        Raises `BadInput` that names the file when it is missing or cannot be read.
        """

    def look(self, frame: int) -> Look:
        """The picture of a frame as the models see it; costs no more than what is looked at.

        Raises as `read` does.
        """
        return Linear(self.read(frame), self.linear_colorspace)

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_source(path: str | Path, *, colorspace: str = "auto", missing: Missing = "error") -> Source:
    """Open a still, a clip, or a sequence (`shot.%04d.exr`, `shot.####.exr`, a folder).

    `colorspace` is a name of the color configuration, or "auto" to guess. A still has the one frame
    1 and gives its picture for any frame; a clip's frames count from 1 at a constant rate.
    Raises `BadInput` when there is nothing to read, `BadRequest` for a wrong `colorspace` or `missing`.
    """
    if missing not in get_args(Missing):
        raise BadRequest(
            f"'missing' cannot be {missing!r}.", f"Choose one of: {', '.join(get_args(Missing))}."
        )
    if colorspace != "auto":
        color.resolve(colorspace)
    pattern = parse_pattern(path)
    if not pattern.is_still:
        return Frames(pattern, colorspace, missing)
    file = pattern.path(1)
    if not file.exists():
        raise BadInput(f"There is no file {file}.", "Check the name and the folder.")
    if is_picture(file):
        return Still(file, colorspace)
    from likeness.media.clip import Clip

    return Clip(file, colorspace, hold=missing == "hold")


class Still(Source):
    """One picture that stands for every frame."""

    is_still = True
    frames = (1,)

    def __init__(self, path: Path, colorspace: str) -> None:
        header = read_header(path, colorspace)
        self._path = path
        self.width, self.height = header.width, header.height
        self.colorspace = header.colorspace
        self.linear_colorspace = color.linear_of(header.colorspace)
        self.fingerprint = fingerprint([path])
        self._looked_at: Image | None = None

    def forget(self) -> None:
        """As `Source.forget`."""
        self._looked_at = None

    def read(self, frame: int) -> Image:
        read, self._looked_at = self._looked_at, None
        return read or read_picture(self._path, self.colorspace)

    def look(self, frame: int) -> Look:
        self._looked_at = self.read(frame)  # what was analyzed is drawn next
        return Linear(self._looked_at, self.linear_colorspace)


class Frames(Source):
    """An image sequence; its first readable frame says the size and color of all."""

    def __init__(self, pattern: Pattern, colorspace: str, missing: Missing) -> None:
        found = pattern.frames()
        if not found:
            raise BadInput(f"There are no frames {pattern}.", "Check the name, the digits and the folder.")
        self._pattern, self._missing = pattern, missing
        if missing == "skip":
            found = [frame for frame in found if self._opens(frame)]
            if not found:
                raise BadInput(f"None of the frames {pattern} can be read.", "Render or copy them again.")
        self.gaps = tuple(sorted(set(range(found[0], found[-1] + 1)) - set(found)))
        self.frames = found if missing == "skip" else range(found[0], found[-1] + 1)
        self._found = found
        readable = found[0] if missing == "error" else next((f for f in found if self._opens(f)), found[0])
        header = read_header(pattern.path(readable), colorspace)
        self.width, self.height = header.width, header.height
        self.colorspace = header.colorspace
        self.linear_colorspace = color.linear_of(header.colorspace)
        self.fps = _rate(next((header.metadata[name] for name in _RATES if name in header.metadata), None))
        self.fingerprint = fingerprint([pattern.path(frame) for frame in found])

    def _opens(self, frame: int) -> bool:
        try:
            read_header(self._pattern.path(frame))
        except BadInput:
            return False
        return True

    def read(self, frame: int) -> Image:
        if self._missing == "hold":
            return self._held(frame)
        if frame not in self.frames or not self._pattern.path(frame).exists():
            raise self._absent(frame)
        return self._checked(frame)

    def _checked(self, frame: int) -> Image:
        image = read_picture(self._pattern.path(frame), self.colorspace)
        if image.display[2:] != (self.width, self.height):
            raise BadInput(
                f"Frame {self._pattern.path(frame)} is {image.display[2]} x {image.display[3]}, "
                f"the sequence is {self.width} x {self.height}.",
                "Render it again at the size of the others.",
            )
        return image

    def _held(self, frame: int) -> Image:
        """The frame, else the nearest readable one before it, else the nearest after it."""
        before = [f for f in reversed(self._found) if f <= frame]
        after = [f for f in self._found if f > frame]
        problem = self._absent(frame)
        for candidate in (*before, *after):
            try:
                return self._checked(candidate)
            except BadInput as error:
                problem = error
        raise problem

    def _absent(self, frame: int) -> BadInput:
        lacks = f" The sequence lacks {spans(self.gaps)}." if self.gaps else ""
        return BadInput(
            f"There is no frame {self._pattern.path(frame)}.{lacks}",
            "Render it, or ask for missing frames to be held or skipped.",
        )


def _rate(value: object) -> Fraction | None:
    """A rate from a header: a number, or OpenEXR's numerator and denominator."""
    pair = value if isinstance(value, tuple) and len(value) == 2 else (value, 1)
    try:
        rate = Fraction(str(pair[0])) / Fraction(str(pair[1]))
    except (ValueError, ZeroDivisionError):
        return None
    return rate.limit_denominator(1001) if 0 < rate < 1000 else None


def fingerprint(paths: Sequence[Path]) -> str:
    """SHA-256 over the names, sizes and modification times of files."""
    digest = hashlib.sha256()
    for path in paths:
        stat = path.stat()
        digest.update(f"{path.name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()
