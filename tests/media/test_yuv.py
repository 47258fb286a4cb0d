"""Decoded frames to linear color: exact levels, matrices, chroma in its place, no loss to 8 bit."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeness.media import color, yuv
from likeness.media.image import Pixels

SRGB = "srgb_texture"


def planar(
    name: str, planes: list[np.ndarray[Any, Any]], size: tuple[int, int] | None = None
) -> av.VideoFrame:
    """A frame of that pixel format with these planes."""
    height, width = planes[0].shape if size is None else size
    frame = av.VideoFrame(width, height, name)
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros(
            (plane.buffer_size // plane.line_size, plane.line_size // values.itemsize), values.dtype
        )
        rows[: values.shape[0], : values.shape[1]] = values
        plane.update(rows.tobytes())
    return frame


def flat(name: str, codes: tuple[int, ...], kind: type, chroma: tuple[int, int]) -> av.VideoFrame:
    sizes = [(8, 8), chroma, chroma, (8, 8)]
    return planar(name, [np.full(s, c, kind) for c, s in zip(codes, sizes, strict=False)])


def encoded(frame: av.VideoFrame) -> Pixels:
    """The frame as code values in 0..1, back from linear."""
    pixels = yuv.to_linear(frame, SRGB)
    return color.from_linear(pixels[..., :3], color.linear_of(SRGB), SRGB)


@pytest.mark.parametrize(
    ("name", "codes", "kind", "chroma", "value"),
    [
        ("yuv420p", (16, 128, 128), np.uint8, (4, 4), 0.0),
        ("yuv420p", (235, 128, 128), np.uint8, (4, 4), 1.0),
        ("yuvj420p", (255, 128, 128), np.uint8, (4, 4), 1.0),
        ("yuvj444p", (51, 128, 128), np.uint8, (8, 8), 0.2),
        ("yuv422p10le", (64, 512, 512), np.uint16, (8, 4), 0.0),
        ("yuv422p10le", (940, 512, 512), np.uint16, (8, 4), 1.0),
        ("yuv444p12le", (256 + 3504 // 2, 2048, 2048), np.uint16, (8, 8), 0.5),
        ("yuv444p16le", (60160, 32768, 32768), np.uint16, (8, 8), 1.0),
    ],
)
def test_black_white_and_gray_have_their_levels(
    name: str, codes: tuple[int, ...], kind: type, chroma: tuple[int, int], value: float
) -> None:
    np.testing.assert_allclose(encoded(flat(name, codes, kind, chroma)), value, atol=1e-5)


def test_what_is_brighter_than_white_is_kept() -> None:
    assert encoded(flat("yuv420p", (254, 128, 128), np.uint8, (4, 4))).min() == pytest.approx(
        238 / 219, abs=1e-4
    )
    assert yuv.to_linear(flat("yuv420p", (16, 200, 128), np.uint8, (4, 4)), SRGB)[..., 1].max() < 0


@pytest.mark.parametrize(
    ("code", "kr", "kb"), [(1, 0.2126, 0.0722), (5, 0.299, 0.114), (6, 0.299, 0.114), (9, 0.2627, 0.0593)]
)
def test_the_frames_own_matrix_is_used(code: int, kr: float, kb: float) -> None:
    """BT.601, BT.709 and BT.2020 (ITU-T H.273, equations 38 to 40) in 16 bit."""
    rgb = np.array([0.7, 0.4, 0.2])
    luma = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2]
    blue, red = (rgb[2] - luma) / (2 * (1 - kb)), (rgb[0] - luma) / (2 * (1 - kr))
    codes = tuple(round(v) for v in (4096 + 56064 * luma, 32768 + 57344 * blue, 32768 + 57344 * red))
    frame = flat("yuv444p16le", codes, np.uint16, (8, 8))
    frame.colorspace = code
    np.testing.assert_allclose(encoded(frame)[0, 0], rgb, atol=2e-4)


def test_without_a_label_the_size_says_the_matrix() -> None:
    def red(width: int, height: int) -> Pixels:
        frame = av.VideoFrame(width, height, "yuv444p")
        frame.planes[0].update(np.full(frame.planes[0].buffer_size, 100, np.uint8).tobytes())
        frame.planes[1].update(np.full(frame.planes[1].buffer_size, 128, np.uint8).tobytes())
        frame.planes[2].update(np.full(frame.planes[2].buffer_size, 170, np.uint8).tobytes())
        return encoded(frame)[0, 0]

    base = 84 / 219
    assert red(640, 480)[0] == pytest.approx(base + 1.402 * 42 / 224, abs=1e-4)
    assert red(1280, 720)[0] == pytest.approx(base + 1.5748 * 42 / 224, abs=1e-4)


def test_chroma_lies_on_the_left_sample_between_two_rows() -> None:
    """A ramp of chroma stays a ramp: linear interpolation at the site of MPEG-2 and H.264."""
    x, y = np.meshgrid(np.arange(8) * 2.0, np.arange(8) * 2.0 + 0.5)
    ramp = (32768 + 500 * x + 300 * y).astype(np.uint16)
    gray = np.full((16, 16), 30000, np.uint16)
    frame = planar("yuv420p16le", [gray, np.full((8, 8), 32768, np.uint16), ramp])
    frame.colorspace = 1
    made = encoded(frame)[..., 0]
    full_x, full_y = np.meshgrid(np.arange(16.0), np.arange(16.0))
    wanted = (30000 - 4096) / 56064 + 1.5748 * (500 * full_x + 300 * full_y) / 57344
    np.testing.assert_allclose(made[1:-1, :-1], wanted[1:-1, :-1], atol=1e-4)


@pytest.mark.parametrize(("name", "kind"), [("nv12", np.uint8), ("p010le", np.uint16)])
def test_interleaved_chroma_is_sorted(name: str, kind: type) -> None:
    luma, middle = (235, 128) if kind is np.uint8 else (940 << 6, 512 << 6)
    for _ in range(300):  # swscale's threads wrote over each other now and then
        frame = planar(name, [np.full((8, 8), luma, kind), np.full((4, 8), middle, kind)])
        np.testing.assert_allclose(encoded(frame), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["rgb24", "rgba", "bgra", "rgb48le", "rgba64le"])
def test_rgb_comes_back_as_it_is(name: str) -> None:
    deep = "le" in name
    codes = np.random.default_rng(1).integers(0, 65536 if deep else 256, (6, 10, 4))
    codes[..., 3] = 65535 if deep else 255
    codes = codes.astype(np.uint16 if deep else np.uint8)[..., : 3 if name in ("rgb24", "rgb48le") else 4]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(codes), format=name)
    assert yuv.to_linear(frame, SRGB).shape == codes.shape
    rgb = codes[..., [2, 1, 0]] if name == "bgra" else codes[..., :3]
    np.testing.assert_allclose(encoded(frame), rgb / np.iinfo(codes.dtype).max, atol=1e-5)


@pytest.mark.parametrize(("name", "white"), [("gbrp", 255), ("gbrp10le", 1023), ("gbrap12le", 4095)])
def test_planes_of_red_green_and_blue_reach_white(name: str, white: int) -> None:
    kind = np.uint8 if white == 255 else np.uint16
    planes = [np.full((4, 6), code, kind) for code in (white // 3, 0, white, white)]
    frame = planar(name, planes[: 4 if "a" in name else 3])
    np.testing.assert_allclose(encoded(frame)[2, 3], (1, white // 3 / white, 0), atol=1e-5)


@pytest.mark.parametrize(("labeled", "black", "white"), [(0, 0, 1023), (1, 64, 940), (2, 0, 1023)])
def test_gray_is_full_range_unless_it_says_otherwise(labeled: int, black: int, white: int) -> None:
    frame = planar("gray10le", [np.array([[black, white]], np.uint16)])
    frame.color_range = labeled
    np.testing.assert_allclose(encoded(frame)[0, :, 1], (0, 1), atol=1e-5)


def test_float_frames_keep_what_is_above_one() -> None:
    pixels = np.array([[[2.5, 0.25, -0.125]]], np.float32)
    frame = av.VideoFrame.from_ndarray(pixels, format="gbrpf32le")
    np.testing.assert_array_equal(yuv.to_linear(frame, "lin_rec709_srgb"), pixels)


def test_alpha_is_multiplied_into_linear_color() -> None:
    frame = flat("yuva444p", (235, 128, 128, 51), np.uint8, (8, 8))
    np.testing.assert_allclose(yuv.to_linear(frame, SRGB), 0.2, atol=1e-5)


def test_a_space_whose_channels_mix_is_converted_by_its_matrix() -> None:
    frame = flat("yuv444p16le", (20000, 30000, 40000), np.uint16, (8, 8))
    frame.colorspace = 9
    pixels = yuv.to_linear(frame, "arri_logc4")
    codes = yuv.to_linear(frame, "ACEScg")
    np.testing.assert_allclose(pixels, color.to_linear(codes, "arri_logc4"), rtol=1e-5)
    assert (codes[0, 0] < 1.2).all()


def test_ten_bits_are_not_squeezed_into_eight() -> None:
    ramp = np.tile(np.arange(64, 964, dtype=np.uint16), (4, 1))
    middle = np.full((4, 900), 512, np.uint16)
    levels = encoded(planar("yuv444p10le", [ramp, middle, middle]))[0, :, 0]
    assert len(np.unique(levels)) == 900
    np.testing.assert_allclose(np.diff(levels), float(Fraction(1, 876)), atol=2e-5)


@pytest.mark.parametrize(
    ("name", "step"),
    [("yuv444p10le", 1 / 876), ("yuva444p10le", 1 / 876), ("yuv422p10le", 1 / 876), ("yuv420p", 1 / 219)],
)
def test_what_is_encoded_comes_back_without_drift(name: str, step: float) -> None:
    """A smooth picture: no pixel is more than a code or two off, and the mean is right."""
    x, y = np.meshgrid(np.linspace(0, 1, 96), np.linspace(0, 1, 64))
    picture = np.stack([0.1 + 0.8 * x, 0.2 + 0.6 * y, 0.9 - 0.7 * x], axis=2).astype(np.float32)
    error = encoded(yuv.encode(picture, name)) - picture
    inside = error[2:-2, 2:-2]
    assert np.abs(inside).max() < 2 * step
    assert np.abs(inside.mean(axis=(0, 1))).max() < 0.15 * step


@pytest.mark.parametrize(
    ("name", "size"), [("yuv420p", (6, 8)), ("yuv422p10le", (5, 8)), ("yuv444p10le", (5, 7))]
)
def test_an_odd_side_is_filled_with_its_last_line(name: str, size: tuple[int, int]) -> None:
    picture = np.full((5, 7, 3), 0.25, np.float32)
    picture[-1], picture[:, -1] = 0.75, 0.75
    back = encoded(yuv.encode(picture, name))
    assert back.shape == (*size, 3)
    np.testing.assert_allclose(back[4:, :], 0.75, atol=4e-3)
    np.testing.assert_allclose(back[:, 6:], 0.75, atol=4e-3)
    np.testing.assert_allclose(back[:4, :6], 0.25, atol=4e-3)


def test_what_no_movie_holds_is_clipped() -> None:
    picture = np.array([[[np.nan] * 3, [np.inf] * 3, [-np.inf] * 3, [60000.0] * 3, [-1.0] * 3]], np.float32)
    back = encoded(yuv.encode(picture, "yuv444p10le"))
    np.testing.assert_allclose(back[0], np.repeat([[0], [1], [0], [1], [0]], 3, axis=1), atol=1e-5)


def test_alpha_is_encoded_as_it_is_and_opaque_without_one() -> None:
    picture = np.ones((2, 3, 4), np.float32)
    picture[..., 3] = [0, 0.5, np.nan]
    alpha = yuv.to_linear(yuv.encode(picture, "yuva444p10le"), SRGB)[0, :, 3]
    np.testing.assert_allclose(alpha, (0, 0.5, 0), atol=1e-3)
    opaque = yuv.to_linear(yuv.encode(picture[..., :3], "yuva444p10le"), SRGB)
    np.testing.assert_allclose(opaque, 1, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_every_eight_bit_color_survives_ten_bits(codes: tuple[int, int, int]) -> None:
    picture = np.full((2, 2, 3), codes, np.float32) / np.float32(255)
    back = encoded(yuv.encode(picture, "yuv444p10le"))
    assert np.abs(back * 255 - np.array(codes)).max() < 0.5
