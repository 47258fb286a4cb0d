"""What the benchmark compares are the pictures as they are stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from bench import demo
from bench.pictures import InMemory, load, to_linear, to_srgb
from bench.sheet import grid, moving_part


def test_srgb_and_linear_undo_each_other() -> None:
    codes = np.arange(256) / 255
    np.testing.assert_allclose(to_srgb(to_linear(codes)), codes, atol=1e-6)
    np.testing.assert_allclose(to_linear(np.array([0.0, 0.5, 1.0])), [0, 0.214041, 1], atol=1e-6)


def test_a_stored_picture_comes_back_byte_for_byte(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (37, 52, 3), np.uint8)
    Pillow.fromarray(picture).save(tmp_path / "noise.png")
    clip = load(tmp_path / "noise.png")
    assert clip.is_still and clip.name == "noise"
    np.testing.assert_array_equal(clip.frames[0], picture)


def test_frames_in_memory_are_looked_at_as_they_are_shown() -> None:
    source = InMemory(np.full((3, 4, 5, 3), 51, np.uint8))
    assert list(source.frames) == [1, 2, 3]
    np.testing.assert_allclose(source.look(3).whole(), np.full((4, 5, 3), 0.2), atol=1e-6)


def test_the_contact_sheet_shows_what_moves(tmp_path: Path) -> None:
    for k in range(40):
        frame = np.zeros((200, 300, 3), np.uint8)
        frame[60:100, 120 + k : 160 + k] = 255
        Pillow.fromarray(frame).save(tmp_path / f"f.{k + 1:04d}.png")
    sheet = demo.contact_sheet(tmp_path / "f.####.png")
    assert sheet.shape == (4 * demo.SHEET_CELL_PX, 5 * demo.SHEET_CELL_PX, 3)
    cells = [sheet[:320, x * 320 : (x + 1) * 320, 0] for x in range(5)]
    assert all(cell.mean() > 30 for cell in cells)
    centers = [np.argwhere(cell > 128)[:, 1].mean() for cell in cells]
    assert np.all(np.diff(centers) > 3)


def test_pictures_that_do_not_move_are_shown_whole() -> None:
    pictures = [np.full((64, 48, 3), 90, np.uint8)] * 3
    assert moving_part(pictures) == (slice(0, 64), slice(0, 48))
    sheet = grid(pictures, 2, 32, moving_part(pictures))
    assert sheet.shape == (64, 64, 3) and (sheet[:32, :24] == 90).all() and not sheet[32:, 32:].any()
