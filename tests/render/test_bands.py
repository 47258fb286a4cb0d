"""Bands: every row is done exactly once, and an error in one of them is told."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from likeness.render import bands


def count(first: int, end: int, done: np.ndarray) -> None:
    done[first:end] += 1


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("rows", [0, 1, 63, 64, 1081])
def test_every_row_is_done_once(monkeypatch: pytest.MonkeyPatch, threads: int, rows: int) -> None:
    monkeypatch.setattr(bands, "default_threads", lambda: threads)
    done = np.zeros(rows, int)
    bands.in_bands(count, rows, done)
    assert (done == 1).all()


def test_an_error_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(first: int, end: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bands, "default_threads", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        bands.in_bands(fail, 500)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_runs_aside_may_use_bands(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(bands, "default_threads", lambda: threads)
    done = np.zeros(500, int)
    running = [bands.aside(bands.in_bands, count, 250, half) for half in (done[:250], done[250:])]
    assert [one.result() for one in running] == [None, None]
    assert (done == 1).all()
    with pytest.raises(ZeroDivisionError):
        bands.aside(lambda: 1 / 0).result()


@pytest.mark.parametrize("share", [1, 2])
def test_a_thread_shares_its_work_among_no_more_than_it_may(
    monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    monkeypatch.setattr(bands, "default_threads", lambda: 4)
    at_work: set[int] = set()

    def kernel(first: int, end: int, done: np.ndarray) -> None:
        at_work.add(threading.get_ident())
        time.sleep(0.005)
        count(first, end, done)

    done = np.zeros(1000, int)
    with ThreadPoolExecutor(1, initializer=bands.share_among, initargs=(share,)) as pool:
        pool.submit(bands.in_bands, kernel, 1000, done).result()
        assert len(at_work) == share and (done == 1).all()
        at_work.clear()
        bands.in_bands(kernel, 1000, done)  # what another thread may does not change
        assert len(at_work) == 4
