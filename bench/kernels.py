"""Lists the kernels that effects call, for `likeness.kernels`: `python -m bench.kernels`.

Every effect does what it rehearses, and `reanimate` and `capture` what the demo does besides: once, so that
all is compiled, then again in a process that compiles nothing and thus loads only what Python calls.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from likeness import demo, kernels
from likeness.effects import EFFECTS
from likeness.job import Request, run_job


def main(words: list[str]) -> int:
    """Write the list."""
    if words != ["again"]:
        perform()
        return subprocess.call([sys.executable, "-m", "bench.kernels", "again"])
    perform()
    lines = sorted(json.dumps(kernel) for kernel in called())
    kernels.LIST.write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{len(lines)} kernels are listed in {kernels.LIST}")
    return 0


def perform() -> None:
    """Do what effects rehearse, then make a movie and capture it."""
    with tempfile.TemporaryDirectory(prefix="likeness-kernels-") as folder:
        for request in _requests(Path(folder)):
            run_job(request)


def _requests(work: Path) -> Iterator[Request]:
    for effect in EFFECTS:
        if effect.rehearsal is not None:
            yield Request(effect.name, output=str(work / effect.name), **effect.rehearsal)
    movie = str(work / "movie.mp4")
    inputs = {"plate": str(demo.PORTRAIT), "driver": str(demo.PERFORMANCE)}
    yield Request("reanimate", inputs, output=movie, frames="60-67")
    yield Request("capture", {"plate": movie}, output=str(work / "captured"))
    moved = {"plate": movie, "driver": str(demo.PERFORMANCE)}
    yield Request("reanimate", moved, {"weights": {"jawOpen": 0.5}}, "1-2", str(work / "lent.####.exr"))


def called() -> list[kernels.Kernel]:
    """The kernels of the core that were loaded or compiled in this process, as far as they can be listed."""
    return [kernel for name in [*sys.modules] if name.startswith("likeness.") for kernel in _of(name)]


def _of(module: str) -> Iterator[kernels.Kernel]:
    from numba.core.registry import CPUDispatcher

    for value in vars(sys.modules[module]).values():
        if isinstance(value, CPUDispatcher) and value.py_func.__module__ == module:
            for types in value.overloads:
                with contextlib.suppress(TypeError):
                    yield kernels.Kernel(f"{module}:{value.py_func.__name__}", [*map(kernels.spell, types)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
