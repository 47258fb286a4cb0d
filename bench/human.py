"""Digital humans: how long one takes, whether a seed gives the same bytes, and memory over a crowd."""

from __future__ import annotations

import hashlib
import resource
import sys
import time
from pathlib import Path
from typing import Any

from bench.table import Row
from likeness.job import run_job
from likeness.request import Request

SECTION = "human"
CROWD, AGAIN = 100, (1, 50, 100)
WARM = 10  # people after which memory is taken as the start


def rows(work: Path) -> list[Row]:
    """All numbers of the section."""
    _make(work / "warm", 1, texture_size="none")  # compiled functions and models are loaded
    bare, bare_cpu = _timed(work / "bare", texture_size="none")
    dressed, dressed_cpu = _timed(work / "textured", texture_size="1024")
    return [
        Row(SECTION, "one person to GLB, four levels, no textures", bare, "s", at_most=1.0),
        Row(SECTION, "the same, processor time", bare_cpu, "s"),
        Row(SECTION, "one person to GLB, four levels, 1K textures", dressed, "s", at_most=10.0),
        Row(SECTION, "the same, processor time", dressed_cpu, "s"),
        *_crowd(work / "crowd"),
    ]


def _make(folder: Path, seed: int, **params: Any) -> bytes:
    """The GLB of a person with a seed."""
    results = run_job(Request("human", {}, {"seed": seed, **params}, output=str(folder)))
    return Path(results[0].path).read_bytes()


def _timed(folder: Path, **params: Any) -> tuple[float, float]:
    """Seconds and processor seconds of the best of three people."""
    best = (float("inf"), float("inf"))
    for seed in (2, 3, 4):
        wall, cpu = time.perf_counter(), time.process_time()
        _make(folder, seed, **params)
        best = min(best, (time.perf_counter() - wall, time.process_time() - cpu))
    return best


def _crowd(folder: Path) -> list[Row]:
    """A hundred people in one process; some of them made again."""
    hashes, peak = {}, 0.0
    for seed in range(1, CROWD + 1):
        hashes[seed] = hashlib.sha256(_make(folder, seed, texture_size="none")).digest()
        if seed == WARM:
            peak = _peak_mb()
    grown = _peak_mb() - peak
    same = sum(
        hashlib.sha256(_make(folder, seed, texture_size="none")).digest() == hashes[seed] for seed in AGAIN
    )
    return [
        Row(SECTION, f"different files of {CROWD} seeds", len(set(hashes.values())), "", at_least=CROWD),
        Row(SECTION, f"byte-identical again, of {len(AGAIN)}", same, "", at_least=len(AGAIN)),
        Row(SECTION, f"memory grown from person {WARM} to {CROWD}", grown, "MB", at_most=20.0),
    ]


def _peak_mb() -> float:
    """The most memory this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (1 << 20 if sys.platform == "darwin" else 1 << 10)
