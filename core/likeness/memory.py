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
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_ARENA_MAX, 1)
