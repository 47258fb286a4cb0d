"""How frames are known again, and how one is written while the next is made."""

from __future__ import annotations

import struct
import threading
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from likeness.frames import HEAVY_BYTES, REQUEST, WriteBehind, exr_text, finished

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


@pytest.mark.parametrize(("size", "waits"), [(1, False), (HEAVY_BYTES + 1, True)])
def test_a_heavy_frame_is_written_before_the_next_is_made(size: int, waits: bool) -> None:
    go, done = threading.Event(), threading.Event()

    def write() -> None:
        go.wait(5)
        done.set()

    with WriteBehind(lambda path: None) as writer:
        writer.put(None, write, size)
        if waits:
            threading.Timer(0.05, go.set).start()
        writer.make_room()
        assert done.is_set() == waits
        go.set()


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
