"""Sound of clips and sound files by PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from likeness.errors import BadInput


def read_sound(
    path: str | Path, *, rate: int | None = None, mono: bool = False
) -> tuple[NDArray[np.float32], int]:
    """Read the sound of a clip, WAV, FLAC, … to (samples, channels) float32 in -1..1, and its rate (Hz).

    One or two channels; more are mixed to stereo, all to one if `mono`. `rate` resamples. What a
    clip's sound starts after its pictures is silence. Raises `BadInput` when there is no sound.
    """
    path = Path(path)
    with _open(path) as container:
        stream = container.streams.audio[0]
        channels = 1 if mono else min(2, stream.codec_context.channels)
        wanted = rate or int(stream.codec_context.sample_rate)
        blocks = list(_blocks(path, container, stream, "stereo" if channels == 2 else "mono", wanted))
    if not blocks:
        raise BadInput(f"The sound of {path} is empty.", "Give a file with sound.")
    return np.ascontiguousarray(np.concatenate(blocks)), wanted


def _open(path: Path) -> Any:
    if not path.is_file():
        raise BadInput(f"There is no file {path}.", "Check the name and the folder.")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.FFmpegError as error:
        raise _unreadable(path, error) from None
    if not container.streams.audio:
        container.close()
        raise BadInput(f"The file {path} has no sound.", "Give a clip with sound, or a WAV or FLAC file.")
    return container


def _unreadable(path: Path, error: av.FFmpegError) -> BadInput:
    return BadInput(
        f"The sound of {path} cannot be read: {error.strerror or error}.", "Export or copy it again."
    )


def _blocks(path: Path, container: Any, stream: Any, layout: str, rate: int) -> Iterator[NDArray[np.float32]]:
    """Blocks (n, channels) of sound, the first preceded by silence up to its start."""
    resampler = av.AudioResampler(format="flt", layout=layout, rate=rate)
    channels = 2 if layout == "stereo" else 1
    started = False
    try:
        for frame in container.decode(stream):
            if not started:
                started = True
                late = float(frame.time or 0.0)
                if late > 0:
                    yield np.zeros((round(late * rate), channels), np.float32)
            for out in resampler.resample(frame):
                yield _packed(out, channels)
        for out in resampler.resample(None) if started else ():
            yield _packed(out, channels)
    except av.FFmpegError as error:
        raise _unreadable(path, error) from None


def _packed(frame: Any, channels: int) -> NDArray[np.float32]:
    samples: NDArray[np.float32] = frame.to_ndarray()
    return samples.reshape(-1, channels)


class Track:
    """Lays a file's sound under a movie that is being written, as far as its pictures reach."""

    def __init__(self, movie: Any, path: Path, encoder: str, rates: tuple[int, ...], start_s: float) -> None:
        self._movie = movie
        self._source = _open(path)
        source = self._source.streams.audio[0]
        self._rate = int(source.codec_context.sample_rate)
        if self._rate not in rates:
            self._rate = rates[-1]
        channels = min(2, source.codec_context.channels)
        self._layout = "stereo" if channels == 2 else "mono"
        self._stream = movie.add_stream(encoder, rate=self._rate, layout=self._layout)
        self._blocks = _blocks(path, self._source, source, self._layout, self._rate)
        self._rest = np.zeros((0, channels), np.float32)
        self._skip = round(start_s * self._rate)
        self._written = 0

    def write_until(self, end_s: Fraction) -> None:
        """Encode the sound before `end_s`; silence after the file's own end."""
        need = int(end_s * self._rate) - self._written
        while len(self._rest) < need + self._skip:
            block = next(self._blocks, None)
            if block is None:
                missing = need + self._skip - len(self._rest)
                block = np.zeros((missing, self._rest.shape[1]), np.float32)
            self._rest = np.concatenate([self._rest, block])
        if self._skip:
            self._rest, self._skip = self._rest[self._skip :], 0
        block, self._rest = self._rest[:need], self._rest[need:]
        if len(block):
            self._encode(block)

    def _encode(self, block: NDArray[np.float32]) -> None:
        packed = np.ascontiguousarray(block).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=self._layout)
        frame.sample_rate, frame.time_base = self._rate, Fraction(1, self._rate)
        frame.pts = self._written
        self._written += len(block)
        self._movie.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Encode what is still inside the encoder."""
        self._movie.mux(self._stream.encode(None))

    def close(self) -> None:
        """Let go of the file the sound comes from."""
        self._source.close()
