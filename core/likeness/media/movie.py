"""Movies by PyAV: ProRes, DNxHR, H.264 and HEVC, with sound from another file if wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from likeness.errors import BadOutput, BadRequest
from likeness.files import refused, replacing
from likeness.media import color, yuv
from likeness.media.image import Image, color_channels
from likeness.media.picture import to_display_window
from likeness.media.sound import Track


@dataclass(frozen=True)
class Codec:
    """How one kind of movie is encoded; `alpha` is the pixel format with alpha, if it has one."""

    encoder: str
    pixels: str
    suffixes: tuple[str, ...]
    options: dict[str, str]
    alpha: str = ""
    tag: str = ""


CODECS = {
    "prores4444": Codec(
        "prores_ks", "yuv444p10le", (".mov", ".mkv"), {"profile": "4444", "vendor": "apl0"}, "yuva444p10le"
    ),
    "prores422hq": Codec("prores_ks", "yuv422p10le", (".mov", ".mkv"), {"profile": "hq", "vendor": "apl0"}),
    "dnxhr": Codec("dnxhd", "yuv422p10le", (".mov", ".mxf", ".mkv"), {"profile": "dnxhr_hqx"}),
    "h264": Codec("libx264", "yuv420p", (".mp4", ".mov", ".mkv"), {"crf": "16", "preset": "medium"}),
    "hevc": Codec(
        "libx265",
        "yuv420p10le",
        (".mp4", ".mov", ".mkv"),
        {"crf": "18", "preset": "medium", "x265-params": "log-level=error"},
        tag="hvc1",
    ),
}
_BT709 = 1
_X265_DELAY = 2
# x265's vector code writes past the end of its buffers in pictures narrower than 64 pixels.
_X265_SAFE_SIDE = 128
# And its threads and large blocks sometimes refuse what is smaller than a block.
_X265_TINY = "log-level=error:asm=0:pools=none:frame-threads=1:ctu=16:max-tu-size=16"
# Encoder and sample rates (Hz) of the sound; another rate becomes the last.
_SOUND = {
    ".mov": ("pcm_s16le", (44100, 48000)),
    ".mxf": ("pcm_s16le", (48000,)),
    ".mp4": ("aac", (44100, 48000)),
    ".mkv": ("aac", (44100, 48000)),
}


class MovieWriter:
    """Writes a movie frame by frame; it appears under its name when `close` has succeeded.

    `path` ends in .mov, .mp4, .mkv or .mxf as the codec allows; `fps` a rate; `width`, `height` in
    pixels (an odd side gets its last column or row twice where chroma is shared by two pixels).
    `codec` is one of `CODECS`; `alpha` keeps alpha, where the codec can. `audio` names a file whose
    sound is laid under the pictures from `audio_start_s` on. Video range, BT.709. Raises
    `BadRequest` for a codec or size that does not go, `BadOutput` when the file cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        fps: Fraction | float,
        width: int,
        height: int,
        codec: str = "h264",
        alpha: bool = False,
        *,
        audio: str | Path | None = None,
        audio_start_s: float = 0.0,
    ) -> None:
        self._path = Path(path)
        self._name, self._codec = codec, codec_for(codec, self._path)
        self._size = (width, height)
        self._alpha = alpha and bool(self._codec.alpha)
        pixels = self._codec.alpha if self._alpha else self._codec.pixels
        if width < 1 or height < 1:
            raise BadRequest(
                f"A movie of {width} x {height} pixels cannot be written.", "Give a larger picture."
            )
        self._rate = Fraction(fps).limit_denominator(1001)
        self._frames = 0
        self._stack = contextlib.ExitStack()
        try:
            self._temporary = self._stack.enter_context(replacing(self._path))
            self._open(pixels, audio, audio_start_s)
        except BaseException as error:
            self._abandon(error)
            if isinstance(error, OSError):
                raise refused(error, self._path) from None
            raise

    def _open(self, pixels: str, audio: str | Path | None, audio_start_s: float) -> None:
        self._temporary.touch()
        options = {"movflags": "+faststart"} if self._path.suffix.lower() in (".mp4", ".mov") else {}
        self._container = av.open(str(self._temporary), "w", options={**options, "fflags": "+bitexact"})
        self._stack.callback(self._container.close)
        stream: Any = self._container.add_stream(self._codec.encoder, rate=self._rate)
        self._pad = [side % 2 if "420" in pixels or "422" in pixels else 0 for side in self._size]
        self._pad[1] = self._pad[1] if "420" in pixels else 0
        stream.width, stream.height = (side + pad for side, pad in zip(self._size, self._pad, strict=True))
        stream.pix_fmt = pixels
        stream.options = dict(self._codec.options)
        if "x265-params" in stream.options and min(self._size) < _X265_SAFE_SIDE:
            stream.options = stream.options | {"x265-params": _X265_TINY}
        context = stream.codec_context
        context.time_base = 1 / self._rate
        if self._codec.tag and self._path.suffix.lower() != ".mkv":
            context.codec_tag = self._codec.tag
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = ColorRange.MPEG
        self._stream = stream
        self._track = None
        if audio is not None:
            encoder, rates = _SOUND[self._path.suffix.lower()]
            self._track = Track(self._container, Path(audio), encoder, rates, audio_start_s)
            self._stack.callback(self._track.close)

    def write(self, picture: NDArray[np.float32] | Image) -> None:
        """Add a frame: display values (H, W, 3 or 4) in 0..1, alpha unassociated, or an `Image`.

        An image's color is encoded to sRGB from its `colorspace` (linear Rec.709 if it has none) and
        cut to its display window; alpha is taken out of it.
        """
        values = self._display(picture) if isinstance(picture, Image) else picture
        if values.shape[:2] != self._size[::-1]:
            raise BadRequest(
                f"A frame of {values.shape[1]} x {values.shape[0]} does not go into the movie "
                f"{self._path.name} of {self._size[0]} x {self._size[1]}.",
                "Give all frames one size.",
            )
        with self._refusals():
            self._encode(values)
            self._frames += 1
            if self._track is not None:
                self._track.write_until(Fraction(self._frames) / self._rate)

    def _display(self, image: Image) -> NDArray[np.float32]:
        chosen = list(color_channels(image.channels))
        pixels = to_display_window(image)
        rgb = pixels[..., chosen if len(chosen) == 3 else chosen * 3]
        space = image.colorspace or color.first_known(color.LINEAR_REC709)
        alpha = pixels[..., image.channels.index("A"), None] if "A" in image.channels else None
        if self._alpha and alpha is not None:
            rgb = np.divide(rgb, alpha, out=rgb.copy(), where=(alpha > 0) & (alpha != 1))
        shown = color.from_linear(rgb, space, color.first_known(color.SRGB))
        return shown if alpha is None or not self._alpha else np.concatenate([shown, alpha], axis=2)

    def _encode(self, values: NDArray[np.float32]) -> None:
        frame: Any = yuv.encode(values, self._stream.pix_fmt)
        frame.pts, frame.time_base = self._frames, 1 / self._rate
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the movie and give it its name; a movie without a frame is not written."""
        if self._frames == 0:
            return self._abandon(None)
        with self._refusals():
            self._container.mux(self._last_packets())
            if self._track is not None:
                self._track.finish()
            self._container.close()
            self._stack.close()
        return None

    def _last_packets(self) -> list[Any]:
        """What the encoder still holds.

        x265 leaves the decoding time unset in a movie shorter than its delay of two frames; so short
        a movie is decoded in the order in which it is shown.
        """
        packets = self._stream.encode(None)
        if self._frames <= _X265_DELAY:
            for packet in packets:
                packet.dts = packet.pts
        return list(packets)

    @contextlib.contextmanager
    def _refusals(self) -> Any:
        try:
            yield
        except BaseException as error:
            self._abandon(error)
            if isinstance(error, av.error.ArgumentError) and self._frames == 0:
                raise BadRequest(
                    f"Codec '{self._name}' cannot encode {self._size[0]} x {self._size[1]} pixels.",
                    "Choose another codec or size.",
                ) from None
            if isinstance(error, av.FFmpegError):
                reason = error.strerror or str(error)
                raise BadOutput(
                    f"Cannot write {self._path} ({reason}).", "Free some space or choose another output."
                ) from None
            if isinstance(error, OSError):
                raise refused(error, self._path) from None
            raise

    def _abandon(self, error: BaseException | None) -> None:
        """Take away what has been written."""
        kept = error or _Nothing()
        with contextlib.suppress(av.FFmpegError, _Nothing, OSError):
            self._stack.__exit__(type(kept), kept, None)

    def __enter__(self) -> MovieWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None:
            self.close()
        else:
            self._abandon(error)


class _Nothing(Exception):
    """Stands for leaving without a movie."""


def codec_for(name: str, path: Path) -> Codec:
    """The codec of that name; `BadRequest` if there is none, or if it cannot be written to `path`."""
    if name not in CODECS:
        raise BadRequest(f"There is no movie codec '{name}'.", f"Choose one of: {', '.join(CODECS)}.")
    codec = CODECS[name]
    if path.suffix.lower() not in codec.suffixes:
        raise BadRequest(
            f"Codec '{name}' cannot be written to {path.name}.",
            f"Name it with {' or '.join(codec.suffixes)}.",
        )
    return codec


def write_movie(
    path: str | Path,
    frames: Iterable[NDArray[np.float32] | Image],
    fps: Fraction | float,
    *,
    codec: str = "h264",
    alpha: bool = False,
    audio: str | Path | None = None,
    audio_start_s: float = 0.0,
) -> None:
    """Write all `frames` (of one size, as `MovieWriter.write` takes them) as a movie, with sound."""
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise BadRequest(f"There are no frames for the movie {path}.", "Choose frames that exist.")
    size = first.display[2:] if isinstance(first, Image) else first.shape[1::-1]
    with MovieWriter(
        path, fps, size[0], size[1], codec, alpha, audio=audio, audio_start_s=audio_start_s
    ) as movie:
        movie.write(first)
        for frame in frames:
            movie.write(frame)
