"""A Nuke to test in: the module of `host/`, the package as it is installed, and the real worker."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from likeness.hosts import write_nuke

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "host"))

from pixels import write_exr  # noqa: E402

REGISTRY = ",".join(
    f"{HERE.parent / place}"
    for place in ("tiny_effects.py:TINY", "blender/tiny.py:TINY", "nuke/studio.py:STUDIO")
)


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

    def made(effect: str, folder: Path, **inputs: Any) -> Any:
        from likeness_nuke import menu, names

        group: Any = menu.create(effect)
        declared = __import__("likeness_nuke.installed", fromlist=["effect"]).effect(effect)
        order = [given["name"] for given in names.piped(declared)]
        for name, node in inputs.items():
            group.setInput(order.index(name), node)
        group[names.OUTPUT].setValue(str(folder))
        return group

    return made


@pytest.fixture
def plate(tmp_path: Path) -> Any:
    """Writes frames of float EXR with values far outside of 0..1 and returns what makes a Read of them."""

    def made(
        frames: range = range(1001, 1004),
        size: tuple[int, int] = (64, 48),
        channels: tuple[str, ...] = ("R", "G", "B"),
        name: str = "shot",
        **how: Any,
    ) -> Any:
        import nuke

        folder = tmp_path / "plates"
        folder.mkdir(exist_ok=True)
        for view in nuke._state["views"]:
            for frame in frames:
                tag = "" if view == "main" else f"{view}."
                write_exr(folder / f"{name}.{tag}{frame:04d}.exr", frame + len(view), size, channels, **how)
        tag = "" if nuke._state["views"] == ("main",) else "%V."
        path = str(folder / f"{name}.{tag}%04d.exr").replace("\\", "/")
        return nuke.createNode(
            "Read",
            f'file "{path}" raw true first {frames[0]} last {frames[-1]} name Plate_{name}',
        )

    return made
