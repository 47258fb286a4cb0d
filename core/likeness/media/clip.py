"""Clips by PyAV, read frame by frame at a constant rate."""

from __future__ import annotations

import bisect
import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from likeness.errors import BadInput
from likeness.media import color, yuv
from likeness.media.image import Image
from likeness.media.look import Linear, Look, Turned
from likeness.media.source import Source, fingerprint

# Decoding this many frames on the way is cheaper than to begin again at a key frame.
_NEAR_FRAMES = 12


@dataclass(frozen=True)
class _Index:
    """Presentation times (s) of the pictures in order, and which of them decoding can begin at."""

    stamps: list[int]
    times: list[Fraction]
    keys: list[int]
    fps: Fraction
    sources: list[int]  # the picture that stands for each frame of the constant rate


class Clip(Source):
    """A clip: any codec PyAV decodes; 10 bits and more stay, alpha is read as unassociated.

    A variable frame rate is made constant: a frame is the last picture at or before its time. The
    rotation flag is obeyed. What the header leaves open is read as video range, BT.709 from 720
    rows up and BT.601 under it. Frames decode fastest in order; any order gives the same pictures.
    """

    def __init__(self, path: Path, colorspace: str, *, hold: bool = False) -> None:
        if not path.is_file():
            raise BadInput(f"{path} is not a file.", "Give a picture, a sequence or a clip.")
        if path.stat().st_size == 0:
            raise BadInput(f"The clip {path} is empty (0 bytes).", "Export or copy it again.")
        self._path, self._hold = path, hold
        with _says(path):
            self._container = av.open(str(path), metadata_errors="replace")
        try:
            self._begin(colorspace)
        except BaseException:
            self._container.close()
            raise

    def _begin(self, colorspace: str) -> None:
        if not self._container.streams.video:
            raise BadInput(f"The clip {self._path} has no picture.", "Give a clip with a video stream.")
        self._stream = self._container.streams.video[0]
        with _says(self._path):
            self._index = _make_index(self._path, self._container, self._stream)
        self._decoder = _alpha_decoder(self._stream)
        self._stream.thread_type = "AUTO"
        self._pictures: Iterator[tuple[int, Any]] = iter(())
        self._at, self._last = -1, None
        first = self._picture(0)
        self.fps = self._index.fps
        self.frames = range(1, len(self._index.sources) + 1)
        self._turns = round(first.rotation / 90) % 4
        self._coded = first.width, first.height
        self._aspect = float(self._stream.sample_aspect_ratio or 1) or 1.0
        if self._turns % 2:
            self.width, self.height, self._aspect = first.height, first.width, 1 / self._aspect
        else:
            self.width, self.height = first.width, first.height
        header = {**self._container.metadata, **self._stream.metadata}
        header |= {"color_trc": str(int(first.color_trc)), "color_primaries": str(int(first.color_primaries))}
        guessed = colorspace == "auto"
        self.colorspace = color.guess(self._path, header) if guessed else color.resolve(colorspace)
        self.linear_colorspace = color.linear_of(self.colorspace)
        self._metadata = dict(self._container.metadata)
        self.fingerprint = fingerprint([self._path])

    def read(self, frame: int) -> Image:
        self._check(frame)
        return self._image(self._picture(self._index.sources[frame - 1]))

    def look(self, frame: int) -> Look:
        self._check(frame)
        picture = self._picture(self._index.sources[frame - 1])
        as_coded = (picture.width, picture.height) == self._coded
        look = yuv.look(picture, self.colorspace) if as_coded else None
        if look is None:
            return Linear(self._image(picture), self.linear_colorspace)
        return Turned(look, self._turns) if self._turns else look

    def close(self) -> None:
        self._pictures = iter(())
        self._last = None
        self._container.close()

    def _check(self, frame: int) -> None:
        if not 1 <= frame <= len(self._index.sources):
            raise BadInput(
                f"The clip {self._path} has no frame {frame}.", f"It has frames 1-{len(self._index.sources)}."
            )

    def _picture(self, wanted: int) -> Any:
        """The decoded picture of that place in the index."""
        if self._last is not None and wanted == self._at:
            return self._last
        if not self._at < wanted <= self._nearest(wanted):
            self._seek(wanted)
        problem = "it ends before"
        try:
            for place, picture in self._pictures:
                if place >= 0:
                    self._at, self._last = place, picture
                if place == wanted:
                    return picture
                if place > wanted:
                    problem = "the picture is damaged"
                    break
        except av.FFmpegError as error:
            problem = error.strerror or str(error)
        return self._damaged(wanted, problem)

    def _damaged(self, wanted: int, problem: str) -> Any:
        self._at, self._last, kept = -1, None, self._last
        if self._hold and kept is not None:
            return kept
        number = bisect.bisect_left(self._index.sources, wanted) + 1
        raise BadInput(
            f"Frame {number} of the clip {self._path} cannot be decoded: {problem}.",
            "Export it again, or ask for missing frames to be held.",
        )

    def _nearest(self, wanted: int) -> int:
        """The farthest picture worth decoding on to: near, or with no key frame on the way."""
        if self._at < 0:
            return -1
        key = self._index.keys[bisect.bisect_right(self._index.keys, wanted) - 1] if self._index.keys else 0
        return wanted if key <= self._at else self._at + _NEAR_FRAMES

    def _seek(self, wanted: int) -> None:
        keys = self._index.keys
        start = keys[max(0, bisect.bisect_right(keys, wanted) - 1)] if keys else 0
        with _says(self._path):
            self._container.seek(self._index.stamps[start], stream=self._stream, backward=True)
        self._at, self._last = -1, None
        self._pictures = self._decode()

    def _decode(self) -> Iterator[tuple[int, Any]]:
        """Decoded pictures with their place in the index, -1 for those the clip does not show."""
        place = {stamp: i for i, stamp in enumerate(self._index.stamps)}
        if self._decoder is None:
            pictures: Iterator[Any] = self._container.decode(self._stream)
        else:
            self._decoder.flush_buffers()
            packets = self._container.demux(self._stream)
            pictures = (p for packet in packets for p in self._decoder.decode(packet))
        for picture in pictures:
            stamp = picture.pts if picture.pts is not None else picture.dts
            yield place.get(stamp, -1), picture

    def _image(self, picture: Any) -> Image:
        # Some streams change their size on the way.
        if (picture.width, picture.height) != self._coded:
            picture = picture.reformat(width=self._coded[0], height=self._coded[1])
        pixels = yuv.to_linear(picture, self.colorspace)
        if self._turns:
            pixels = np.ascontiguousarray(np.rot90(pixels, self._turns))
        return Image(
            pixels,
            ("R", "G", "B", "A")[: pixels.shape[2]],
            pixel_aspect=self._aspect,
            metadata=dict(self._metadata),
            colorspace=self.linear_colorspace,
        )


@contextlib.contextmanager
def _says(path: Path) -> Iterator[None]:
    try:
        yield
    except av.FFmpegError as error:
        raise BadInput(
            f"The clip {path} cannot be read: {error.strerror or error}.",
            "Give a picture, a sequence or a whole clip.",
        ) from None


def _alpha_decoder(stream: Any) -> Any:
    """VP8 and VP9 keep their alpha beside the picture; only libvpx reads it."""
    name = stream.codec_context.name
    if (
        name not in ("vp8", "vp9")
        or stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) != "1"
    ):
        return None
    decoder = av.CodecContext.create({"vp8": "libvpx", "vp9": "libvpx-vp9"}[name], "r")
    decoder.extradata = stream.codec_context.extradata
    return decoder


def _make_index(path: Path, container: Any, stream: Any) -> _Index:
    """Read the times of all pictures without decoding any."""
    stamps: dict[int, bool] = {}
    for packet in container.demux(stream):
        if packet.size == 0 or packet.is_discard:
            continue
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None:
            stamps[stamp] = packet.is_keyframe
    if not stamps:
        raise BadInput(f"The clip {path} has no picture.", "Give a clip with a video stream that has frames.")
    ordered = sorted(stamps)
    base = Fraction(stream.time_base)
    times = [(stamp - ordered[0]) * base for stamp in ordered]
    keys = [i for i, stamp in enumerate(ordered) if stamps[stamp]]
    fps = _constant_rate(stream, times)
    return _Index(ordered, times, keys, fps, _resample(times, fps, base))


def _constant_rate(stream: Any, times: list[Fraction]) -> Fraction:
    if len(times) < 2:
        return Fraction(stream.average_rate or stream.guessed_rate or 25).limit_denominator(1001)
    gaps = sorted(b - a for a, b in itertools.pairwise(times))
    usual = gaps[len(gaps) // 2]
    mean = times[-1] / (len(times) - 1)
    # A constant rate wanders by the rounding of its time stamps only.
    rate = 1 / (mean if gaps[-1] - gaps[0] <= 2 * Fraction(stream.time_base) else usual)
    # Rounded stamps of a short clip fit several rates; then the header's word counts, then a whole rate.
    said = [Fraction(r) for r in (stream.guessed_rate, stream.average_rate) if r]
    slack = 2 * Fraction(stream.time_base) / times[-1] + Fraction(1, 5000)
    for known in (*said, *_WHOLE_RATES, *_NTSC_RATES):
        if abs(known / rate - 1) <= slack and known in (*_WHOLE_RATES, *_NTSC_RATES):
            return known
    return rate.limit_denominator(1001)


_WHOLE_RATES = tuple(map(Fraction, (5, 8, 10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240)))
_NTSC_RATES = tuple(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120))


def _resample(times: list[Fraction], fps: Fraction, base: Fraction) -> list[int]:
    """For each frame of a constant rate, the last picture at or before the middle of its time.

    A clip whose pictures already come at that rate, but for rounded time stamps, maps one to one.
    """
    if all(abs(time * fps - i) <= max(Fraction(1, 4), 2 * base * fps) for i, time in enumerate(times)):
        return list(range(len(times)))
    count = int(times[-1] * fps + Fraction(1, 2)) + 1
    slack = min(base, 1 / fps / 4)
    return [bisect.bisect_right(times, i / fps + slack) - 1 for i in range(count)]
