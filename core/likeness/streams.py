"""Keeping stdout for what we say: the stray prints of libraries go to stderr."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO, TextIO


def take_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """This process's stdin and stdout, for us alone from now on.

    Whatever else reads stdin finds it empty, and whatever else writes to stdout writes to stderr, in
    Python, in C and in child processes.
    """
    stdin, stdout = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return stdin, stdout


@contextlib.contextmanager
def own_stdout() -> Iterator[TextIO]:
    """The same for stdout alone, and only while the body runs; what is given writes to the real one."""
    before = sys.stdout
    before.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr), open(kept, "w", encoding="utf-8", closefd=False) as real:
            yield real if _is_standard(before) else before
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _is_standard(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 1
    except (OSError, io.UnsupportedOperation):
        return False
