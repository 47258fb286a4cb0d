"""Frames drawn abreast come in order, no more of them than fit, and nothing of them is held."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from contextlib import closing

import pytest

from likeness import abreast
from likeness.render import bands

WAIT_S = 20


class Picture:
    """Something that can be told to be gone."""


@pytest.mark.parametrize("at_once", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_frames_come_in_order(monkeypatch: pytest.MonkeyPatch, at_once: int, count: int) -> None:
    monkeypatch.setattr(bands, "default_threads", lambda: 3)
    slow = lambda frame: time.sleep(0.01 * (frame % 3)) or -frame  # noqa: E731
    assert list(abreast.in_order(slow, range(count), at_once)) == [(i, -i) for i in range(count)]


def test_the_first_is_made_alone_and_the_others_abreast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "default_threads", lambda: 2)
    meet = threading.Barrier(2, timeout=WAIT_S)
    under_way: list[int] = []

    def make(frame: int) -> int:
        under_way.append(frame)
        if frame > 0:
            meet.wait()  # breaks where none is made beside it
        seen = len(under_way)
        if frame > 0:
            meet.wait()
        under_way.remove(frame)
        return seen

    assert [seen for _, seen in abreast.in_order(make, range(5), 2)] == [1, 2, 2, 2, 2]


@pytest.mark.parametrize("at_once", [1, 2])
def test_what_was_there_before_is_not_searched_for_garbage_meanwhile(at_once: int) -> None:
    with closing(abreast.in_order(lambda frame: frame, range(4), at_once)) as drawn:
        frozen = [gc.get_freeze_count() > 0 for _ in drawn]
        assert frozen == [False, True, True, True]
    with closing(abreast.in_order(lambda frame: frame, range(4), at_once)) as drawn:
        next(drawn), next(drawn)
    assert gc.get_freeze_count() == 0


def test_an_error_comes_in_its_frames_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "default_threads", lambda: 2)

    def make(frame: int) -> int:
        if frame == 3:
            raise ZeroDivisionError
        time.sleep(0.02)
        return frame

    came = []
    with pytest.raises(ZeroDivisionError), closing(abreast.in_order(make, range(9), 2)) as drawn:
        for frame, _ in drawn:
            came.append(frame)
    assert came == [0, 1, 2]


@pytest.mark.parametrize("at_once", [1, 2])
def test_nothing_is_held_of_what_was_handed_over(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(bands, "default_threads", lambda: 2)
    with closing(abreast.in_order(lambda frame: Picture(), range(6), at_once)) as drawn:
        for _, picture in drawn:
            told = weakref.ref(picture)
            del picture
            assert told() is None


def test_closing_waits_for_those_under_way_and_begins_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "default_threads", lambda: 2)
    begun, ended = [], []

    def make(frame: int) -> None:
        begun.append(frame)
        time.sleep(0.05)
        ended.append(frame)

    with closing(abreast.in_order(make, range(50), 2)) as drawn:
        for frame, _ in drawn:
            if frame == 2:
                break
    assert begun and sorted(begun) == sorted(ended) and len(begun) <= 5


@pytest.mark.parametrize(
    ("size", "threads", "most"),
    [((512, 512), 2, 2), ((1920, 1080), 16, 4), ((3840, 2160), 16, 1), ((9000, 9000), 2, 1), ((8, 8), 1, 1)],
)
def test_together_they_are_no_larger_than_one_of_4k(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], threads: int, most: int
) -> None:
    monkeypatch.setattr(bands, "default_threads", lambda: threads)
    assert abreast.at_once(*size) == most
