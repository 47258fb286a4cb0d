"""A process that draws takes its memory from one arena."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

ARENAS = """
import ctypes, sys, threading
from likeness import memory
if sys.argv[1] == "one":
    memory.share_one_arena()
meet = threading.Barrier(5)
def work():
    held = bytearray(50_000)
    meet.wait()
for _ in range(4):
    threading.Thread(target=work).start()
meet.wait()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc_info is glibc's")
def test_all_threads_share_one_arena() -> None:
    def arenas(which: str) -> int:
        return subprocess.check_output([sys.executable, "-c", ARENAS, which], text=True).count("<heap nr=")

    assert arenas("one") == 1 < arenas("many")
