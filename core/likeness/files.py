"""Writing files so that they appear whole or not at all, and saying plainly when they cannot."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from likeness.errors import BadOutput

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
}
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}(\.[^.]+)?")
_LEFT_BEHIND_S = 3600.0
_ROOM_BYTES = 1 << 20


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, same suffix, that becomes `path` if the body succeeds."""
    temporary = path.with_name(f".{path.stem[:100]}.{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def output_errors(path: Path | None = None) -> Iterator[None]:
    """Turn the operating system's refusal to write into `BadOutput`.

    It names `path`, or without one the file that the system names.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL | _REFUSED:
            raise
        raise refused(error, path or error.filename) from error


def refused(error: OSError, path: Path | str) -> BadOutput:
    """The operating system's refusal to write `path`, as a sentence."""
    hint = "Free some space and run it again." if error.errno in _FULL else "Choose another output."
    return BadOutput(f"Cannot write {path} ({error.strerror}).", hint)


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left in `folder`: ours, and an hour old."""
    for file in folder.iterdir():
        with contextlib.suppress(OSError):
            if _TEMPORARY.fullmatch(file.name) and time.time() - file.stat().st_mtime > _LEFT_BEHIND_S:
                file.unlink()


def make_folder(folder: Path) -> None:
    """Make the folder and see that a file can be written there; raise `BadOutput` if not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".likeness.{uuid.uuid4().hex[:12]}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise refused(error, folder) from error
    if shutil.disk_usage(folder).free < _ROOM_BYTES:
        raise BadOutput(f"There is no space left in {folder}.", "Free some space and run it again.")
