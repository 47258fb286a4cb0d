"""Runs of the product as a user starts it, with their time and peak memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from bench.pictures import srgb_bytes
from likeness.media import open_source

# Runs a command and tells its peak memory, MB, and its processor time, s. In a small process of its own: the
# peak that the system reports of a process is at least that of the one that started it.
MEASURE = """
import subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
if sys.platform == "win32":
    print("nan nan")
else:
    import resource
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1024**2 if sys.platform == "darwin" else 1024  # macOS counts in bytes, Linux in KiB
    print(used.ru_maxrss / unit, used.ru_utime + used.ru_stime)
sys.exit(code)
"""


@dataclass(frozen=True)
class Ran:
    """What one command took: seconds on the clock and of the processor, and memory.

    `cpu` and `peak_mb` are NaN where the system does not tell (Windows).
    """

    seconds: float
    peak_mb: float
    cpu: float


def likeness(*words: str | Path) -> Ran:
    """Run `likeness WORDS` in a process of its own; a failure is raised with what it said."""
    command = [sys.executable, "-m", "likeness.cli", *(str(word) for word in words)]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        asked = [sys.executable, "-c", MEASURE, *command]
        process = subprocess.run(asked, stdout=subprocess.PIPE, stderr=said, check=False)
        seconds = time.perf_counter() - start
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{' '.join(command[2:])}:\n{said.read().decode()[-2000:]}")
    peak_mb, cpu = (float(word) for word in process.stdout.split())
    return Ran(seconds, peak_mb, cpu)


def reanimate(
    plate: Path,
    driver: Path,
    out: Path,
    *,
    frames: str | None = None,
    params: Mapping[str, object] = {},
    inputs: Mapping[str, Path] = {},
) -> Ran:
    """Run `likeness run reanimate`, with other `inputs` by name."""
    words: list[str | Path] = ["run", "reanimate", "--input", f"plate={plate}", "--input", f"driver={driver}"]
    for name, path in inputs.items():
        words += ["--input", f"{name}={path}"]
    words += ["--out", out]
    words += ["--frames", frames] if frames else []
    for name, value in params.items():
        words += ["--set", f"{name}={value}"]
    return likeness(*words)


def write_srgb(folder: Path, frames: NDArray[np.uint8]) -> Path:
    """Keep sRGB bytes (F, H, W, 3) as a sequence in a new folder; returns its pattern."""
    folder.mkdir()
    for i, frame in enumerate(frames, 1):
        Pillow.fromarray(frame).save(folder / f"f.{i:04d}.png", compress_level=1)
    return folder / "f.####.png"


def read_srgb(pattern: Path, last: int | None = None) -> NDArray[np.uint8]:
    """The frames of a sequence or movie as sRGB bytes (F, H, W, 3)."""
    with open_source(pattern) as source:
        numbers = list(source.frames)[:last]
        return np.stack([srgb_bytes(source, n) for n in numbers])
