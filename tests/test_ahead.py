"""Frames are read ahead once each, in order, whichever thread asks for them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from likeness.abreast import in_order
from likeness.ahead import ReadAhead
from likeness.render import bands


class Source:
    """A source of frames 11 to 20 that says which were read, and by how many threads."""

    is_still = False
    width = height = 64

    def __init__(self) -> None:
        self.frames = range(11, 21)
        self.asked: list[int] = []
        self.readers: set[int] = set()
        self.closed = False

    def read(self, frame: int) -> int:
        self.asked.append(frame)
        self.readers.add(threading.get_ident())
        return -frame

    def look(self, frame: int) -> int:
        return 1000 + self.read(frame)

    def close(self) -> None:
        self.closed = True


def ahead(source: Any) -> Any:
    return ReadAhead.of(source, lambda: None)


@pytest.mark.parametrize("threads", [1, 3])
def test_frames_asked_for_in_turn_are_read_once_each(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(bands, "default_threads", lambda: threads)
    source = Source()
    with ahead(source) as reading:
        drawn = list(in_order(reading.read, source.frames, threads))
    assert drawn == [(frame, -frame) for frame in range(11, 21)]
    assert source.asked == list(range(11, 21))
    assert len(source.readers) == 1 and source.closed


def test_as_many_are_read_ahead_as_are_drawn_abreast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "default_threads", lambda: 3)
    source = Source()
    with ahead(source) as reading:
        reading.read(11)
    # Closing drops what has not begun; nothing beyond is ever asked for.
    assert source.asked == list(range(11, 11 + len(source.asked))) and len(source.asked) <= 4


def test_large_pictures_are_not_read_ahead_but_looked_at() -> None:
    source = Source()
    source.width, source.height = 3840, 2160
    with ahead(source) as reading:
        assert [reading.read(frame) for frame in (11, 12)] == [-11, -12]
    assert source.asked == [11, 12]
    with ahead(source) as reading:
        assert [reading.look(frame) for frame in (13, 14)] == [987, 986]
    assert source.asked[:4] == [11, 12, 13, 14]


def test_frames_left_out_and_ways_back_give_the_right_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "default_threads", lambda: 2)
    source, order = Source(), [11, 13, 19, 20, 12, 12, 14, 15, 11, 20]
    with ahead(source) as reading:
        assert [reading.read(frame) for frame in order] == [-frame for frame in order]
        assert reading.look(15) == 985 and reading.read(16) == -16 and reading.look(16) == 984
        assert len(reading._ahead) <= 2 * 2 + 1  # what was left out is let go


def test_a_still_is_read_for_every_frame_and_never_ahead() -> None:
    source = Source()
    source.is_still, source.frames = True, range(1, 2)
    with ahead(source) as reading:
        assert [reading.read(frame) for frame in (7, 8)] == [-7, -8]
    assert source.asked == [7, 8]


def test_whoever_stops_the_job_stops_the_reading() -> None:
    def stop() -> None:
        raise InterruptedError

    with ReadAhead(Source(), stop) as reading, pytest.raises(InterruptedError):  # type: ignore[arg-type]
        reading.read(11)
