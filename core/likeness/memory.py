"""How a process that draws gets its memory from the system."""

from __future__ import annotations

import ctypes
import sys

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h


def share_one_arena() -> None:
    """Let all threads take memory from one place, so that what one lets go of serves the others.

    glibc gives each thread an arena of its own, which keeps what was a frame's until that thread draws again:
    a fifth more of all memory at 4K. For the start of a process; elsewhere than on glibc it does nothing.
    """
    _call("mallopt", _ARENA_MAX, 1)


def give_back() -> None:
    """Give the system what has been let go of, but lies between what is held: at 4K another tenth of all."""
    _call("malloc_trim", 0)


def _call(name: str, *given: int) -> None:
    """Call a function of glibc, if this is one."""
    function = getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
    if function is not None:
        function(*given)
