"""Clips are read at a constant rate, upright, in their full depth, from any frame."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from likeness.errors import BadInput
from likeness.media import color, open_source

Film = Callable[..., Path]


def gray(value: int, size: tuple[int, int] = (32, 48), kind: type = np.uint8) -> np.ndarray:
    return np.full((*size, 3), value, kind)


def shown(source: object, frame: int) -> np.ndarray:
    """The frame's sRGB values in 0..255."""
    image = source.read(frame)  # type: ignore[attr-defined]
    return color.from_linear(image.pixels[..., :3], image.colorspace, "srgb_texture") * 255


def levels(source: object) -> list[int]:
    return [round(float(shown(source, n).mean())) for n in source.frames]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "error"),
    [
        ("a.mkv", "ffv1", "bgr0", 0),
        ("a.mp4", "libx264", "yuv420p", 2),
        ("a.mp4", "libx264", "yuv422p10le", 2),
        ("a.mov", "prores_ks", "yuv422p10le", 1),
        ("a.avi", "mjpeg", "yuvj420p", 3),
        ("a.webm", "libvpx-vp9", "yuv420p", 3),
        ("a.mov", "qtrle", "rgb24", 0),
    ],
)
def test_many_codecs_are_read(
    tmp_path: Path, film: Film, name: str, codec: str, pixels: str, error: int
) -> None:
    path = film(tmp_path / name, [gray(v) for v in (20, 90, 160, 230)], codec, pixels)
    with open_source(path) as source:
        assert (source.fps, list(source.frames), source.width, source.height) == (25, [1, 2, 3, 4], 48, 32)
        assert source.linear_colorspace == "Linear Rec.709 (sRGB)"
        assert levels(source) == pytest.approx([20, 90, 160, 230], abs=error)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_frames_can_be_read_in_any_order(tmp_path: Path, film: Film, order: list[int]) -> None:
    path = tmp_path / "a.mp4"
    if not path.exists():
        film(path, [gray(6 * v) for v in range(1, 41)], "libx264", "yuv420p")
    with open_source(path) as source:
        assert [float(shown(source, n).mean()) for n in order] == pytest.approx(
            [6 * n for n in order], abs=2.5
        )


def test_a_variable_rate_becomes_constant(tmp_path: Path, film: Film) -> None:
    # At 25 a second: the second picture stays for three frames, the fourth comes a little late.
    stamps = [0, 40, 160, 203, 240, 280]
    path = film(tmp_path / "a.mkv", [gray(40 * i) for i in range(6)], stamps=stamps, base=Fraction(1, 1000))
    with open_source(path) as source:
        assert source.fps == 25
        assert levels(source)[:5] == [0, 40, 40, 40, 80]
        assert len(source.frames) == 8


def test_rounded_time_stamps_are_no_variable_rate(tmp_path: Path, film: Film) -> None:
    stamps = [round(i * 1000 / 30) for i in range(12)]
    path = film(tmp_path / "a.mkv", [gray(20 * i) for i in range(12)], stamps=stamps, base=Fraction(1, 1000))
    with open_source(path) as source:
        assert source.fps == 30
        assert levels(source) == [20 * i for i in range(12)]


@pytest.mark.parametrize(("turn", "corner"), [(90, (-1, 0)), (180, (-1, -1)), (270, (0, -1))])
def test_a_phone_clip_stands_upright(tmp_path: Path, film: Film, turn: int, corner: tuple[int, int]) -> None:
    picture = gray(0)
    picture[:8, :8] = 255
    path = film(tmp_path / "a.mp4", [picture] * 3, "libx264", "yuv420p", turn_deg=turn)
    with open_source(path) as source:
        assert (source.width, source.height) == ((48, 32) if turn == 180 else (32, 48))
        assert source.read(1).pixels.shape == (source.height, source.width, 3)
        assert shown(source, 1)[corner[0], corner[1]] == pytest.approx(255, abs=6)


def test_ten_bits_are_not_cut_to_eight(tmp_path: Path, film: Film) -> None:
    ramp = np.linspace(20000, 22000, 400).astype(np.uint16)
    picture = np.repeat(np.repeat(ramp[None, :, None], 16, 0), 3, 2)
    path = film(tmp_path / "a.mov", [picture] * 2, "prores_ks", "yuv444p10le")
    with open_source(path) as source:
        row = shown(source, 1)[8, :, 1] * 257
    assert np.abs(row - ramp).max() < 160
    assert len(np.unique(row)) > 20, "8 bits would have 8 steps"


def test_alpha_is_read_and_premultiplied(tmp_path: Path, film: Film) -> None:
    picture = np.full((32, 48, 4), 200, np.uint8)
    picture[..., 3] = 128
    with open_source(film(tmp_path / "a.mov", [picture] * 2, "qtrle", "argb")) as source:
        image = source.read(2)
    assert image.channels == ("R", "G", "B", "A")
    assert image.pixels[0, 0, 3] == pytest.approx(128 / 255)
    assert image.pixels[0, 0, 0] == pytest.approx(((200 / 255 + 0.055) / 1.055) ** 2.4 * 128 / 255, abs=1e-4)


def test_alpha_of_vp9_is_read(tmp_path: Path, film: Film) -> None:
    picture = np.full((32, 48, 4), 200, np.uint8)
    picture[:, :24, 3] = 0
    path = tmp_path / "a.webm"
    film(path, [picture] * 2, "libvpx-vp9", "yuva420p")
    with open_source(path) as source:
        image = source.read(1)
    assert image.channels == ("R", "G", "B", "A")
    assert image.pixels[16, [4, 44], 3] == pytest.approx([0, 200 / 255], abs=0.02)


def test_pixel_aspect_is_kept(tmp_path: Path, film: Film) -> None:
    path = film(tmp_path / "a.mp4", [gray(9)] * 2, "libx264", "yuv420p", aspect=Fraction(16, 11))
    with open_source(path) as source:
        assert source.read(1).pixel_aspect == pytest.approx(16 / 11)


def test_the_color_space_can_be_given(tmp_path: Path, film: Film) -> None:
    path = film(tmp_path / "a.mkv", [gray(100)] * 2)
    with open_source(path, colorspace="ARRI LogC3 (EI800)") as source:
        assert source.linear_colorspace == "ACEScg"
        expected = color.convert(np.full((1, 1, 3), 100 / 255, np.float32), source.colorspace, "ACEScg")
        assert source.read(1).pixels[0, 0] == pytest.approx(expected[0, 0], abs=1e-4)


def test_a_frame_past_the_end_is_refused(tmp_path: Path, film: Film) -> None:
    with open_source(film(tmp_path / "a.mkv", [gray(9)] * 3)) as source:
        for frame in (0, 4):
            with pytest.raises(BadInput, match=rf"no frame {frame}\. It has frames 1-3"):
                source.read(frame)


def test_a_clip_with_no_picture(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(BadInput, match=r"a\.mp4 has no picture"):
        open_source(tmp_path / "a.mp4")


@pytest.mark.parametrize("content", [b"", b"not a clip at all " * 99])
def test_a_file_that_is_no_clip(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mov").write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.mov (is empty|cannot be read)"):
        open_source(tmp_path / "a.mov")


def test_a_truncated_clip(tmp_path: Path, film: Film) -> None:
    path = film(tmp_path / "a.mp4", [gray(9)] * 30, "libx264", "yuv420p")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadInput, match=r"a\.mp4 cannot be read"):
        open_source(path)


def test_a_corrupt_clip_names_its_frame_or_holds_one(tmp_path: Path, film: Film) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (64, 64, 3)).astype(np.uint8) for _ in range(6)]
    path = film(tmp_path / "a.mov", frames, "png", "rgb24")
    data = bytearray(path.read_bytes())
    middle = data.index(b"\x89PNG", len(data) // 2)
    data[middle : middle + 3000] = bytes(3000)
    path.write_bytes(data)
    with (
        open_source(path) as source,
        pytest.raises(BadInput, match=r"Frame \d of the clip .*a\.mov cannot be decoded"),
    ):
        for frame in source.frames:
            source.read(frame)
    with open_source(path, missing="hold") as source:
        assert all(source.read(frame).pixels.shape == (64, 64, 3) for frame in source.frames)


def test_unicode_and_spaces_in_the_path(tmp_path: Path, film: Film) -> None:
    with open_source(film(tmp_path / "été 顔 #1.mkv", [gray(50)] * 2)) as source:
        assert levels(source) == [50, 50]


def test_memory_stays_flat(tmp_path: Path, film: Film) -> None:
    import tracemalloc

    path = film(tmp_path / "a.mp4", [gray(i, (240, 320)) for i in range(120)], "libx264", "yuv420p")
    with open_source(path) as source:
        source.read(1)
        tracemalloc.start()
        for frame in source.frames:
            source.read(frame)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 6 * 240 * 320 * 3 * 4


@pytest.mark.parametrize(
    ("name", "frames", "fps"),
    [
        ("clip_expressions_480", 216, 30),
        ("clip_talking_man_512", 78, 25),
        ("clip_talking_glasses_512", 183, 25),
    ],
)
def test_real_clips(real: Path, name: str, frames: int, fps: int) -> None:
    with open_source(real / f"{name}.mp4") as source:
        assert (len(source.frames), source.fps) == (frames, fps)
        last = source.read(frames).pixels
        assert last.shape == (source.height, source.width, 3)
        with av.open(str(real / f"{name}.mp4")) as container:
            *_, expected = (f.to_ndarray(format="rgb24") for f in container.decode(video=0))
        assert np.abs(shown(source, frames) - expected).mean() < 2
