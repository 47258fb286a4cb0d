"""How frames are known again, and how one is written while the next is made."""

from __future__ import annotations

import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from likeness.declare import Effect, Input, Layer, Output
from likeness.frames import REQUEST, WriteBehind, exr_text, finished, for_display
from likeness.job import Job
from likeness.media.image import Image
from likeness.request import Request

HASH = "ab" * 32


def exr(path: Path, **attributes: str) -> Path:
    spec = oiio.ImageSpec(4, 2, 3, "half")
    for name, value in attributes.items():
        spec.attribute(name, value)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec)
    assert out.write_image(np.zeros((2, 4, 3), np.float32))
    out.close()
    return path


def test_a_frame_is_known_by_the_hash_in_its_header(tmp_path: Path) -> None:
    file = exr(tmp_path / "a ü.exr", **{REQUEST: HASH, "likeness:note": "größe"})
    assert exr_text(file, REQUEST) == HASH
    assert exr_text(file, "likeness:note") == "größe"
    assert exr_text(file, "likeness:nothing") is None
    assert finished(file, HASH)
    assert not finished(file, HASH[::-1])


def test_what_is_no_finished_frame_is_told_apart(tmp_path: Path) -> None:
    for name, data in [("empty", b""), ("text", b"hello"), ("magic", b"\x76\x2f\x31\x01")]:
        (tmp_path / name).write_bytes(data)
        assert not finished(tmp_path / name, HASH)
    assert not finished(tmp_path / "missing", HASH)
    assert not finished(tmp_path, HASH)
    assert not finished(exr(tmp_path / "foreign.exr"), HASH)


def test_a_header_that_lies_about_sizes_ends(tmp_path: Path) -> None:
    file = tmp_path / "a.exr"
    for size in (-9, -(2**31), 2**31 - 1):
        file.write_bytes(b"\x76\x2f\x31\x01\2\0\0\0name\0string\0" + struct.pack("<i", size) + b"x" * 40)
        assert exr_text(file, REQUEST) is None


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_no_header_breaks_the_reader(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "a.exr"
    file.write_bytes(b"\x76\x2f\x31\x01\2\0\0\0" + data)
    assert exr_text(file, REQUEST) is None


def test_one_is_written_while_the_next_is_made(tmp_path: Path) -> None:
    written: list[Path | None] = []
    gate = threading.Event()
    with WriteBehind(written.append) as writer:
        writer.put(tmp_path / "1", lambda: gate.wait(10) and None)
        assert written == []
        gate.set()
        writer.put(tmp_path / "2", lambda: None)
        assert written == [tmp_path / "1"]
    assert written == [tmp_path / "1", tmp_path / "2"]


def test_a_failed_write_is_raised_where_the_next_begins() -> None:
    def fail() -> None:
        raise OSError("no")

    written: list[Path | None] = []
    with pytest.raises(OSError, match="no"), WriteBehind(written.append) as writer:
        writer.put(None, fail)
        writer.put(None, lambda: None)
    assert written == []


def test_an_error_of_the_body_waits_for_the_write_under_way() -> None:
    ended = threading.Event()
    with pytest.raises(RuntimeError), WriteBehind(lambda path: None) as writer:
        writer.put(None, ended.set)
        raise RuntimeError
    assert ended.is_set()


def picture_job(tmp_path: Path, name: str, encoded: np.ndarray[Any, Any]) -> Job:
    """A job whose plate is a picture with these code values (0..255) in its file."""
    spec = oiio.ImageSpec(encoded.shape[1], encoded.shape[0], 3, "uint8")
    out = oiio.ImageOutput.create(str(tmp_path / name))
    assert out.open(str(tmp_path / name), spec)
    assert out.write_image(encoded)
    out.close()
    plate = Input("plate", ("picture",), "Plate", "A picture.")
    output = Output("made", "sequence", "Frames.")
    layer = Layer("comp", ("R", "G", "B"), "The result.")
    effect = Effect(
        "own", "face", "Own", "A test.", (plate,), (), (output,), (layer,), render=lambda job, f: {}
    )
    return Job(Request("own", {"plate": str(tmp_path / name)}, output=str(tmp_path / "o.mov")), effect)


def test_a_movie_of_a_video_plate_has_the_plates_own_codes(tmp_path: Path) -> None:
    codes = np.random.default_rng(1).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    with picture_job(tmp_path, "plate.png", codes) as job:
        shown = for_display(job, job.source("plate").read(1))
    np.testing.assert_array_equal(np.round(shown * 255), codes)


@pytest.mark.parametrize(
    ("origin", "size", "shown"),
    [
        ((2, 1), (2, 2), (slice(1, 3), slice(2, 4))),
        ((-3, -2), (9, 9), (slice(0, 4), slice(0, 5))),
        ((3, -1), (9, 3), (slice(0, 2), slice(3, 5))),
        ((9, 9), (2, 2), (slice(0, 0), slice(0, 0))),
    ],
)
def test_a_movie_shows_the_display_window(
    tmp_path: Path, origin: tuple[int, int], size: tuple[int, int], shown: tuple[slice, slice]
) -> None:
    """The data window may be smaller or bigger than the display window, or beside it."""
    pixels = np.ones((size[1], size[0], 4), np.float32)
    comp = Image(pixels, ("R", "G", "B", "A"), origin, (0, 0, 5, 4))
    with picture_job(tmp_path, "plate.png", np.zeros((4, 5, 3), np.uint8)) as job:
        made = for_display(job, comp)
    wanted = np.zeros((4, 5), np.float32)
    wanted[shown] = 1
    assert made.shape == (4, 5, 4)
    np.testing.assert_array_equal(made[..., 3], wanted)
    np.testing.assert_allclose(made[..., 0], wanted, atol=1e-6)


def test_one_channel_becomes_gray(tmp_path: Path) -> None:
    with picture_job(tmp_path, "plate.png", np.zeros((1, 1, 3), np.uint8)) as job:
        made = for_display(job, Image(np.full((1, 1, 1), 0.18, np.float32), ("Lum",)))
    np.testing.assert_allclose(made, np.full((1, 1, 3), 0.4613), atol=1e-3)
