"""Findings are kept whole or not at all, without pickle, and the cache does not grow without end."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness import cache

FINDINGS: dict[str, Any] = {
    "points": np.arange(12, dtype=np.float32).reshape(2, 3, 2),
    "empty": np.zeros((0, 3)),
    "names": ["left", "rechts", "œil"],
    "lens": {"focal_px": 1200.5, "k": [0.1, -0.2]},
    "lost": None,
    "count": 3,
    "flag": True,
}


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(
        np.array_equal(one[k], other[k]) and type(one[k]) is type(other[k]) for k in one
    )


def test_findings_come_back_as_they_were() -> None:
    loaded = cache.load(cache.dump(FINDINGS))
    assert same(loaded, FINDINGS)
    assert loaded["points"].dtype == np.float32


def test_numpy_numbers_and_tuples_become_plain_json() -> None:
    loaded = cache.load(cache.dump({"gain": np.float32(0.5), "size": (4, np.int64(2))}))
    assert loaded == {"gain": 0.5, "size": [4, 2]}


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", np.array([object()]), {"nested": np.zeros(2)}, object()])
def test_what_cannot_be_kept_without_pickle_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be kept"):
        cache.dump({"thing": value})


def test_a_pickle_in_the_cache_is_never_opened(tmp_path: Path) -> None:
    entry = tmp_path / "entry"
    entry.mkdir()
    np.savez(entry / "findings.npz", evil=np.array([print], dtype=object))
    assert same(cache.kept(entry, lambda: FINDINGS), FINDINGS)


def test_it_is_made_once_and_then_kept(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> dict[str, Any]:
        made.append(1)
        return FINDINGS

    first, second = (cache.kept(tmp_path / "jobs" / "a", make) for _ in range(2))
    assert same(first, second)
    assert made == [1]


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "folder"])
def test_a_damaged_entry_is_made_anew(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    entry = tmp_path / "jobs" / "a"
    cache.kept(entry, lambda: FINDINGS)
    file = entry / "findings.npz"
    whole = file.read_bytes()
    file.unlink()
    if damage == "folder":
        file.mkdir()
    else:
        file.write_bytes({"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"no"}[damage])
    assert same(cache.kept(entry, lambda: FINDINGS), FINDINGS)
    assert "damaged" in caplog.text
    if damage != "folder":
        assert file.read_bytes() == whole


def test_two_workers_at_once_do_not_harm_each_other(tmp_path: Path) -> None:
    entry = tmp_path / "jobs" / "a"
    barrier = threading.Barrier(8)
    results: list[dict[str, Any]] = []

    def work() -> None:
        def make() -> dict[str, Any]:
            barrier.wait(10)
            return FINDINGS

        results.append(cache.kept(entry, make))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(same(result, FINDINGS) for result in results)
    assert [file.name for file in entry.iterdir()] == ["findings.npz"]


def test_a_cache_that_cannot_be_written_only_warns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "jobs").write_text("a file, not a folder")
    assert same(cache.kept(tmp_path / "jobs" / "a" / "b", lambda: FINDINGS), FINDINGS)
    assert "cannot be kept" in caplog.text


def entry_of(entries: Path, name: str, size: int, age_s: float) -> Path:
    entry = entries / name
    entry.mkdir(parents=True)
    (entry / "findings.npz").write_bytes(b"x" * size)
    when = time.time() - age_s
    os.utime(entry, (when, when))
    return entry


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    hour = 3600.0
    ages = {"new": 2 * hour, "old": 9 * hour, "older": 10 * hour, "oldest": 20 * hour}
    entries = {name: entry_of(tmp_path, name, 1000, age) for name, age in ages.items()}
    cache.evict(tmp_path, keep=entries["new"], limit=2000)
    assert {entry.name for entry in tmp_path.iterdir()} == {"new", "old"}


def test_an_entry_in_use_stays_even_over_the_limit(tmp_path: Path) -> None:
    mine = entry_of(tmp_path, "mine", 1000, 50 * 3600.0)
    recent = entry_of(tmp_path, "recent", 1000, 60.0)
    stale = entry_of(tmp_path, "stale", 1000, 50 * 3600.0)
    cache.evict(tmp_path, keep=mine, limit=10)
    assert mine.exists()
    assert recent.exists()
    assert not stale.exists()


def test_reading_an_entry_counts_as_using_it(tmp_path: Path) -> None:
    entry = tmp_path / "jobs" / "a"
    cache.kept(entry, lambda: FINDINGS)
    os.utime(entry, (1000, 1000))
    cache.kept(entry, lambda: FINDINGS)
    assert entry.stat().st_mtime > 1000


def test_the_folder_and_the_limit_are_the_users_to_choose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LIKENESS_CACHE", str(tmp_path))
    assert cache.folder() == tmp_path
    monkeypatch.setenv("LIKENESS_CACHE_GB", "0.5")
    assert cache.limit_bytes() == 500_000_000
    monkeypatch.setenv("LIKENESS_CACHE_GB", "lots")
    assert cache.limit_bytes() == 10_000_000_000
    assert "lots" in caplog.text


@pytest.mark.parametrize(
    ("system", "variable", "tail"),
    [
        ("linux", "XDG_CACHE_HOME", "likeness"),
        ("win32", "LOCALAPPDATA", "likeness/cache"),
        ("darwin", "HOME", "Library/Caches/likeness"),
    ],
)
def test_each_platform_has_its_own_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, variable: str, tail: str
) -> None:
    monkeypatch.delenv("LIKENESS_CACHE", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr("sys.platform", system)
    assert cache.folder() == tmp_path / tail
