"""Looking at a part of a frame shows what the whole display view shows there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from likeness.media import color, open_source, rgb, write_movie, yuv
from likeness.media.color import display_view
from likeness.media.image import Image
from likeness.media.look import Coded, Linear, Look, Shown, Turned, as_look

SRGB = "srgb_texture"
REC709 = color.first_known(color.LINEAR_REC709)
Float = NDArray[np.float32]


def smooth(height: int, width: int) -> Float:
    """A picture of soft waves (height, width, 3), 0..1."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = [np.sin(x / 9 + y / 14), np.cos(x / 17 - y / 8), np.sin(x / 12 + 1)]
    return (0.5 + 0.35 * np.stack(waves, axis=2)).astype(np.float32)


def square(x: float, y: float, side: float, size: int, roll: float = 0.0) -> NDArray[np.float64]:
    """The matrix of a turned crop around (x, y)."""
    c, s = np.cos(roll) * side / size, np.sin(roll) * side / size
    turn = np.array([[c, -s], [s, c]])
    return np.c_[turn, np.array([x, y]) - turn @ [size / 2, size / 2]]


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "yuv444p", "yuvj420p"])
def test_a_coded_frame_is_seen_as_its_display_view(name: str) -> None:
    frame = yuv.encode(smooth(60, 84), name.replace("j", ""))
    if "j" in name:
        frame = frame.reformat(format=name)
    look = yuv.look(frame, SRGB)
    assert isinstance(look, Coded)
    expected = display_view(yuv.to_linear(frame, SRGB), REC709)
    assert look.shape == (60, 84)
    np.testing.assert_allclose(look.whole(), expected, atol=2e-6)
    # Chroma is read at the middle of a cell; only single pixels are exact.
    for side, within in ((20, 1e-5), (64, 0.015)):
        matrix = square(40, 30, side, 32, 0.4)
        np.testing.assert_allclose(look.crop(matrix, 32), Shown(expected).crop(matrix, 32), atol=within)


def test_odd_sides_end_where_they_end() -> None:
    frame = yuv.encode(smooth(61, 83), "yuv420p").reformat(width=62, height=62)
    look = yuv.look(frame, SRGB)
    assert look is not None
    cells = look.cells((0, 0), (21, 21), 3)
    whole = np.pad(look.whole(), ((0, 1), (0, 1), (0, 0)), constant_values=np.nan)
    means = np.nanmean(whole.reshape(21, 3, 21, 3, 3), axis=(1, 3))
    np.testing.assert_allclose(cells[..., :3], means, atol=0.02)


@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_cells_are_means(kind: type) -> None:
    view = smooth(23, 31)
    stored = (view * 255).round().astype(np.uint8) if kind is np.uint8 else view
    for cell in (1, 2, 3):
        rows, columns = -(-23 // cell), -(-31 // cell)
        padded = np.full((rows * cell, columns * cell, 3), np.nan)
        padded[:23, :31] = view
        means = np.nanmean(padded.reshape(rows, cell, columns, cell, 3), axis=(1, 3))
        found = Shown(stored).cells((2, 3), (rows, columns), cell)
        np.testing.assert_allclose(found[..., :3], means[2:, 3:], atol=3e-3)


def test_a_crop_at_its_own_size_is_the_picture() -> None:
    view = smooth(40, 50)
    crop = Shown(view).crop(np.array([[1.0, 0, 7], [0, 1.0, 5]]), 24)
    np.testing.assert_allclose(crop, view[5:29, 7:31].transpose(2, 0, 1), atol=1e-5)


def test_a_crop_is_written_where_it_shall() -> None:
    look, out = Shown(smooth(40, 50)), np.full((2, 3, 10, 12), np.nan, np.float32)
    matrix = square(20, 15, 30, 12, 0.3)
    look.crop(matrix, 12, 10, out[1])
    np.testing.assert_array_equal(out[1], look.crop(matrix, 12, 10))
    assert np.isnan(out[0]).all()


def test_outside_is_black() -> None:
    crop = as_look(np.ones((20, 20, 3), np.float32)).crop(square(0, 0, 20, 10), 10)
    np.testing.assert_allclose(crop[:, 5:, 5:], 1, atol=1e-5)
    assert not crop[:, :5].any()
    assert not crop[:, :, :5].any()
    assert not Shown(np.ones((4, 4, 3), np.float32)).crop(square(100, 100, 20, 10), 10).any()


def test_a_single_pixel_can_be_looked_at() -> None:
    crop = Shown(np.full((1, 1, 3), 0.25, np.float32)).crop(square(0.5, 0.5, 0.8, 8), 8)
    np.testing.assert_allclose(crop, 0.25, rtol=1e-6)


def test_a_linear_picture_is_shown_where_it_is_looked_at() -> None:
    image = Image(np.dstack([smooth(50, 60) * 3 - 0.5, np.ones((50, 60), np.float32)]), ("R", "G", "B", "A"))
    look, view = Linear(image, REC709), display_view(rgb(image), REC709)
    for side in (14, 40, 90):
        matrix = square(20, 30, side, 16, -0.3)
        np.testing.assert_allclose(look.crop(matrix, 16), Shown(view).crop(matrix, 16), atol=1e-6)
    np.testing.assert_allclose(look.gray(5, 6), Shown(view).gray(5, 6), atol=1e-6)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_look_is_the_turned_picture(turns: int) -> None:
    view = smooth(30, 44)
    look, expected = Turned(Shown(view), turns), Shown(np.ascontiguousarray(np.rot90(view, turns)))
    assert look.shape == expected.shape
    np.testing.assert_allclose(look.whole(), expected.whole())
    for side in (10, 40):
        matrix = square(17, 21, side, 12, 0.2)
        np.testing.assert_allclose(look.crop(matrix, 12), expected.crop(matrix, 12), atol=1e-6)
    np.testing.assert_allclose(look.gray(4, 3), expected.gray(4, 3), atol=0.1)


def test_rgb_alpha_and_wide_spaces_are_left_to_reading() -> None:
    frame = yuv.encode(smooth(16, 16), "yuv420p")
    assert yuv.look(frame.reformat(format="rgb24"), SRGB) is None
    assert yuv.look(yuv.encode(smooth(16, 16), "yuva444p10le"), SRGB) is None
    assert yuv.look(frame, "ARRI LogC4") is None


def test_a_clip_is_looked_at_as_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    frames = [Image(color.to_linear(np.roll(smooth(64, 96), k, axis=1), SRGB)) for k in range(3)]
    write_movie(path, frames, fps=25)
    with open_source(path) as source:
        for number in source.frames:
            looked: Look = source.look(number)
            read = display_view(rgb(source.read(number)), source.linear_colorspace)
            assert isinstance(looked, Coded)
            np.testing.assert_allclose(looked.whole(), read, atol=2e-6)


def test_a_strip_is_the_upper_rows_of_the_square() -> None:
    view = np.random.default_rng(0).random((90, 80, 3), np.float32)
    matrix = np.array([[2.0, 0.3, 7], [-0.3, 2.0, 15]])
    strip = Shown(view).crop(matrix, 24, 10)
    assert strip.shape == (3, 10, 24)
    np.testing.assert_allclose(strip, Shown(view).crop(matrix, 24)[:, :10], atol=1e-6)
