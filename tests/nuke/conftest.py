"""A Nuke to test in: the module of `host/`, the package as it is installed, and the real worker."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from likeness.hosts import write_nuke

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "host"))

from pixels import add_group, add_plate  # noqa: E402

REGISTRY = ",".join(
    f"{HERE.parent / place}"
    for place in ("tiny_effects.py:TINY", "blender/tiny.py:TINY", "nuke/studio.py:STUDIO")
)


@pytest.fixture(scope="session", autouse=True)
def tcl() -> None:
    """Nuke's scripts are Tcl; some systems pack Python's apart (Debian: python3-tk)."""
    pytest.importorskip("tkinter", reason="no Tcl in this Python; on Debian: apt install python3-tk")


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The package with the project's and the tests' effects; one warm worker on this Python."""
    home = tmp_path_factory.mktemp("nuke home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIKENESS_EFFECTS", REGISTRY)
        patch.setenv("LIKENESS_CACHE", str(home / "cache"))
        write_nuke(home / "likeness", python=sys.executable)
        from likeness_nuke import installed

        patch.setattr(installed, "FOLDER", str(home / "likeness"))
        installed._facts.clear()
        yield home / "likeness"
        installed.close()
        installed._facts.clear()


@pytest.fixture
def nuke(package: Path) -> Iterator[Any]:
    """Nuke without a window, as `nuke -t`; an empty script."""
    yield from _program(False)


@pytest.fixture
def gui(package: Path) -> Iterator[Any]:
    """Nuke with a window; an empty script."""
    yield from _program(True)


def _program(window: bool) -> Iterator[Any]:
    import nuke as module

    from likeness_nuke import jobs

    module._reset(gui=window)
    jobs._running.clear()
    yield module
    for job in list(jobs._running.values()):
        job.stop.set()
    if window:
        module._pump(lambda: not jobs._running, 20)


@pytest.fixture
def make(package: Path) -> Any:
    """Adds an effect's Group to the script, connected to the nodes given by input."""
    return add_group


@pytest.fixture
def plate(tmp_path: Path) -> Any:
    """Writes frames of float EXR with values far outside of 0..1 and adds a Read of them."""
    return functools.partial(add_plate, tmp_path / "plates")
