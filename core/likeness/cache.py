"""Findings on disk, keyed by content: arrays and JSON values in one .npz, never a pickle.

Nothing is locked. An entry is written under a name of its own and then moved into place, so two
workers on one job at worst both do the work, and either's entry is whole.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from likeness.files import replacing

log = logging.getLogger(__name__)

_VALUES = "values.json"
_IN_USE_S = 3600.0
DEFAULT_LIMIT_GB = 10.0


def folder() -> Path:
    """The cache folder: `LIKENESS_CACHE`, or the platform's own place for caches."""
    if chosen := os.environ.get("LIKENESS_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "likeness" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "likeness"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "likeness"


def limit_bytes() -> int:
    """How much the cache may hold: `LIKENESS_CACHE_GB` (10^9 bytes), 10 when it is not set or no number."""
    text = os.environ.get("LIKENESS_CACHE_GB", "")
    try:
        return int(float(text or DEFAULT_LIMIT_GB) * 1e9)
    except (ValueError, OverflowError):
        log.warning("LIKENESS_CACHE_GB is %r, not a number; using %g.", text, DEFAULT_LIMIT_GB)
        return int(DEFAULT_LIMIT_GB * 1e9)


def dump(findings: Mapping[str, Any]) -> bytes:
    """Pack findings: numpy arrays as they are, everything else as JSON; raise `TypeError` for the rest."""
    arrays = {name: value for name, value in findings.items() if isinstance(value, np.ndarray)}
    values = {name: value for name, value in findings.items() if name not in arrays}
    for name, array in arrays.items():
        if array.dtype.hasobject or name == _VALUES:
            raise TypeError(f"finding {name!r} cannot be kept: {array.dtype}")
    text = json.dumps(values, default=_plain).encode()
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{_VALUES: np.frombuffer(text, np.uint8)}, **arrays)
    return buffer.getvalue()


def load(packed: bytes) -> dict[str, Any]:
    """The inverse of `dump`; tuples come back as lists, numpy scalars as numbers."""
    with np.load(io.BytesIO(packed), allow_pickle=False) as entries:
        arrays = {name: entries[name] for name in entries.files}
    values: dict[str, Any] = json.loads(arrays.pop(_VALUES).tobytes())
    return values | arrays


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a finding of type {type(value).__name__} cannot be kept")


def kept(entry: Path, make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """The findings in the folder `entry`; if there are none, what `make` returns, which is then kept."""
    if (found := _read(entry)) is not None:
        return found
    packed = dump(make())
    try:
        _write(entry, packed)
    except OSError as error:
        log.warning("The analysis cannot be kept for the next run: %s.", error)
    # A first run and a resumed one must see the same types, so both see what was packed.
    return load(packed)


def _read(entry: Path) -> dict[str, Any] | None:
    path = entry / "findings.npz"
    try:
        findings = load(path.read_bytes())
        os.utime(entry)
    except FileNotFoundError:
        return None
    except Exception as error:
        log.warning("Making damaged cache entry %s anew (%s).", path, error)
        return None
    return findings


def _write(entry: Path, packed: bytes) -> None:
    entry.mkdir(parents=True, exist_ok=True)
    with replacing(entry / "findings.npz") as temporary:
        temporary.write_bytes(packed)
    evict(entry.parent, keep=entry)


def evict(entries: Path, *, keep: Path, limit: int | None = None) -> None:
    """Remove the least recently used folders of `entries` until they hold `limit` bytes or fewer.

    `keep` stays, and so does whatever was used within the last hour: another worker may be at it.
    """
    room = limit_bytes() if limit is None else limit
    newest_first = sorted((e for e in entries.iterdir() if e.is_dir()), key=_used, reverse=True)
    total = 0
    for entry in newest_first:
        total += _size(entry)
        if total > room and entry != keep and time.time() - _used(entry) > _IN_USE_S:
            shutil.rmtree(entry, ignore_errors=True)


def _used(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size(entry: Path) -> int:
    total = 0
    for file in entry.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size
    return total
