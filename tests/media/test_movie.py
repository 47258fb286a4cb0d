"""Movies: what is written comes back, whole or not at all, at any size, with alpha and sound."""

from __future__ import annotations

import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from likeness.errors import BadOutput, BadRequest
from likeness.media import Image, MovieWriter, color, open_source, write_movie
from likeness.media.image import Pixels

SRGB = "srgb_texture"
KINDS = [
    ("h264", ".mp4"),
    ("hevc", ".mp4"),
    ("prores4444", ".mov"),
    ("prores422hq", ".mov"),
    ("dnxhr", ".mxf"),
]


def gradient(width: int, height: int, shift: float = 0.0) -> Pixels:
    """A smooth picture, so that a lossy codec has little to lose."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    rgb = [0.1 + 0.7 * x, 0.2 + 0.5 * y, 0.5 + 0.3 * (1 - x) * y]
    return np.clip(np.stack(rgb, axis=2) + shift, 0, 1).astype(np.float32)


def shown(path: Path, frame: int) -> Pixels:
    """A frame of a movie as code values in 0..1."""
    with open_source(path, colorspace=SRGB) as source:
        pixels = source.read(frame).pixels[..., :3]
    return color.from_linear(pixels, color.linear_of(SRGB), SRGB)


def stream_of(path: Path) -> tuple[Any, ...]:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        c = video.codec_context
        return (
            c.name,
            c.pix_fmt,
            c.color_trc,
            c.color_primaries,
            c.colorspace,
            c.color_range,
            video.average_rate,
        )


@pytest.mark.parametrize(("codec", "suffix"), KINDS)
def test_every_codec_gives_the_picture_back(codec: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"größe und raum{suffix}"
    frames = [gradient(256, 144, 0.01 * i) for i in range(4)]
    with MovieWriter(path, Fraction(24000, 1001), 256, 144, codec) as movie:
        for frame in frames:
            movie.write(frame)
    name, _, *labels, rate = stream_of(path)
    assert name in {"h264", "hevc", "prores", "dnxhd"}
    assert labels == [1, 1, 1, 1], "BT.709, video range"
    assert rate == Fraction(24000, 1001)
    with open_source(path) as source:
        assert (len(source.frames), source.width, source.height) == (4, 256, 144)
        assert source.fps == Fraction(24000, 1001)
    for i in (0, 3):
        error = np.abs(shown(path, i + 1) - frames[i])
        assert error.mean() < 0.004, "half a code of eight bits and what the codec loses"
        assert np.abs((shown(path, i + 1) - frames[i]).mean(axis=(0, 1))).max() < 0.003, "no drift of color"


@pytest.mark.parametrize(("codec", "suffix"), [k for k in KINDS if k[0] != "dnxhr"])
@pytest.mark.parametrize("size", [(65, 33), (64, 35), (2, 2)])
def test_odd_and_tiny_pictures_are_written(
    codec: str, suffix: str, size: tuple[int, int], tmp_path: Path
) -> None:
    """Where chroma is shared, an odd side gets its last row or column twice."""
    if codec == "hevc" and size == (2, 2):
        size = (16, 15)
    path = tmp_path / f"a{suffix}"
    picture = np.full((size[1], size[0], 3), 0.5, np.float32)
    write_movie(path, [picture, picture], 25, codec=codec)
    with open_source(path) as source:
        assert 0 <= source.width - size[0] <= 1
        assert 0 <= source.height - size[1] <= 1
    np.testing.assert_allclose(shown(path, 2), 0.5, atol=0.02)


WRITE = """
import sys, numpy as np
from likeness.media.movie import write_movie
for frames in (1, 2, 3, 2, 1) * 8:
    picture = np.full((128, 128, 3), 0.5, np.float32)
    write_movie(f"{sys.argv[1]}/{frames}.mp4", [picture] * frames, 25, codec="hevc")
"""


def test_a_movie_of_a_frame_or_two_is_written_whatever_the_memory_held(tmp_path: Path) -> None:
    """x265 leaves the decoding time of such frames as it finds it; a new process finds it wrong."""
    subprocess.run([sys.executable, "-c", WRITE, str(tmp_path)], check=True)
    for frames in (1, 2, 3):
        with open_source(tmp_path / f"{frames}.mp4") as source:
            assert len(source.frames) == frames


@pytest.mark.parametrize(("codec", "name"), [("dnxhr", "a.mov"), ("hevc", "a.mp4")])
def test_a_codec_that_cannot_do_a_size_says_so(codec: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=f"'{codec}' cannot encode 2 x 2 pixels"):
        write_movie(tmp_path / name, [gradient(2, 2)], 25, codec=codec)
    assert list(tmp_path.iterdir()) == []


def test_prores_keeps_alpha_and_ten_bits(tmp_path: Path) -> None:
    """Straight alpha goes in, premultiplied comes out; a slow ramp keeps more than 8 bit levels."""
    path = tmp_path / "a.mov"
    picture = np.full((32, 1024, 4), 0.0, np.float32)
    picture[..., :3] = np.linspace(0, 1, 1024, dtype=np.float32)[None, :, None]
    picture[..., 3] = np.linspace(0, 1, 32, dtype=np.float32)[:, None]
    with MovieWriter(path, 25, 1024, 32, "prores4444", alpha=True) as movie:
        movie.write(picture)
    with open_source(path, colorspace=SRGB) as source:
        image = source.read(1)
    assert image.channels == ("R", "G", "B", "A")
    np.testing.assert_allclose(image.pixels[..., 3], picture[..., 3], atol=2e-3)
    linear = color.to_linear(picture[..., :3], SRGB) * picture[..., 3:]
    assert np.abs(image.pixels[..., :3] - linear).mean() < 2e-3
    assert len(np.unique(np.round(shown(path, 1)[-1, :, 1] * 4095))) > 400


def test_an_image_is_encoded_from_its_own_space(tmp_path: Path) -> None:
    """Cut to its display window, alpha taken out of the color, linear color encoded."""
    path = tmp_path / "a.mov"
    pixels = np.zeros((20, 40, 4), np.float32)
    pixels[..., :3], pixels[..., 3] = 0.18 * 0.5, 0.5
    image = Image(pixels, ("R", "G", "B", "A"), (-4, -2), (0, 0, 32, 16), colorspace="ACEScg")
    with MovieWriter(path, 25, 32, 16, "prores4444", alpha=True) as movie:
        movie.write(image)
    with open_source(path, colorspace=SRGB) as source:
        back = source.read(1)
    np.testing.assert_allclose(back.pixels[..., 3], 0.5, atol=1e-3)
    np.testing.assert_allclose(back.pixels[..., :3], 0.09, atol=2e-3)


def test_values_no_movie_holds_are_clipped(tmp_path: Path) -> None:
    picture = np.full((32, 32, 3), np.nan, np.float32)
    picture[:, 8:16], picture[:, 16:24], picture[:, 24:] = np.inf, -np.inf, 60000
    write_movie(tmp_path / "a.mov", [picture], 25, codec="prores4444")
    back = shown(tmp_path / "a.mov", 1)
    np.testing.assert_allclose(back[:, 2:6], 0, atol=0.02)
    np.testing.assert_allclose(back[:, 10:14], 1, atol=0.02)
    np.testing.assert_allclose(back[:, 18:22], 0, atol=0.02)
    np.testing.assert_allclose(back[:, 26:], 1, atol=0.02)


def test_one_channel_is_gray(tmp_path: Path) -> None:
    write_movie(
        tmp_path / "a.mov", [Image(np.full((16, 16, 1), 0.18, np.float32), ("Y",))], 25, codec="prores4444"
    )
    np.testing.assert_allclose(shown(tmp_path / "a.mov", 1), 0.4613, atol=3e-3)


def test_the_name_appears_only_when_the_movie_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the one before")
    with pytest.raises(RuntimeError), MovieWriter(path, 25, 32, 32) as movie:
        movie.write(gradient(32, 32))
        raise RuntimeError("the effect failed")
    assert path.read_bytes() == b"the one before"
    with MovieWriter(path, 25, 32, 32) as movie:
        pass
    assert path.read_bytes() == b"the one before", "a movie without a frame is not written"
    write_movie(path, [gradient(32, 32)], 25)
    assert stream_of(path)[0] == "h264"
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadOutput, match=r"Cannot write .*a\.mp4"):
        MovieWriter(tmp_path / "none" / "a.mp4", 25, 32, 32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"codec": "theora"}, "no movie codec 'theora'"),
        ({"codec": "prores4444"}, r"cannot be written to a\.mp4"),
        ({"width": 0}, "0 x 32"),
    ],
)
def test_a_wrong_request_is_told_before_work(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"fps": 25, "width": 32, "height": 32, "codec": "h264"} | change
    with pytest.raises(BadRequest, match=words):
        MovieWriter(tmp_path / "a.mp4", **given)
    assert list(tmp_path.iterdir()) == []


def test_frames_have_one_size(tmp_path: Path) -> None:
    with (
        pytest.raises(BadRequest, match="16 x 32 does not go"),
        MovieWriter(tmp_path / "a.mp4", 25, 32, 32) as movie,
    ):
        movie.write(gradient(32, 32))
        movie.write(gradient(16, 32))
    assert list(tmp_path.iterdir()) == []


def test_a_movie_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no frames"):
        write_movie(tmp_path / "a.mp4", [], 25)


@pytest.mark.parametrize(("codec", "suffix"), [("h264", ".mp4"), ("prores4444", ".mov"), ("dnxhr", ".mxf")])
def test_sound_is_laid_under_the_pictures(codec: str, suffix: str, tmp_path: Path) -> None:
    """From a second on, as far as the pictures reach, silence where it ends before them."""
    rate, seconds = 48000, 2.0
    time = np.arange(int(rate * seconds)) / rate
    tone = np.where(time < 1, 0.0, 0.5 * np.sin(2 * np.pi * 440 * time))
    with wave.open(str(tmp_path / "s.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((tone * 32767).astype("<i2").tobytes())
    from likeness.media import read_sound

    path = tmp_path / f"a{suffix}"
    frames = [gradient(256, 128)] * 38
    write_movie(path, frames, 25, codec=codec, audio=tmp_path / "s.wav", audio_start_s=1.0)
    samples, back = read_sound(path)
    assert back == rate
    assert len(samples) / rate == pytest.approx(38 / 25, abs=0.05)
    assert np.abs(samples[: rate // 2]).max() == pytest.approx(0.5, abs=0.05)
    assert np.abs(samples[int(1.1 * rate) :]).max() < 0.01
    with open_source(path) as source:
        assert len(source.frames) == 38
