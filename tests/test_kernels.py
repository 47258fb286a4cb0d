"""Kernels are compiled beforehand, on all cores, and the list of them is up to date."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

from likeness import kernels
from likeness.errors import Cancelled
from likeness.results import Event

MISSED = """
import json
from bench.kernels import called, perform
from likeness.kernels import listed
perform()
known = {json.dumps(kernel) for kernel in listed()}
print("missed", [kernel for kernel in called() if json.dumps(kernel) not in known])
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[kernels.Kernel]:
    """A list of two kernels that compile soon and one that does not exist, and nothing compiled before."""
    chosen = sorted(kernels.listed(), key=lambda kernel: len(json.dumps(kernel)))[:2]
    chosen.append(kernels.Kernel("likeness.render.noise:nobody", ["float32"]))
    path = tmp_path / "kernels.jsonl"
    path.write_text("\n".join(json.dumps(kernel) for kernel in chosen))
    monkeypatch.setattr(kernels, "LIST", path)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.setenv("LIKENESS_CACHE", str(tmp_path / "cache"))
    return chosen


@pytest.mark.parametrize("kernel", kernels.listed(), ids=lambda kernel: kernel.name)
def test_every_listed_kernel_takes_so_many_arguments(kernel: kernels.Kernel) -> None:
    module, _, name = kernel.name.partition(":")
    function = getattr(importlib.import_module(module), name).py_func
    inspect.signature(function).bind(*kernel.types)
    assert [kernels.spell(kernels.read(spelled)) for spelled in kernel.types] == kernel.types


def test_kernels_are_compiled_once_and_kept(small: list[kernels.Kernel], tmp_path: Path) -> None:
    told: list[Event] = []
    kernels.compile_listed(told.append)
    assert [(event.done, event.total) for event in told] == [(1, 3), (2, 3), (3, 3)]
    kept = {path.name.partition(".")[0] for path in (tmp_path / "compiled").rglob("*.nbc")}
    assert kept >= {kernel.name.rpartition(".")[2].partition(":")[0] for kernel in small[:2]}
    kernels.compile_listed(told.append)
    assert len(told) == 3
    kernels.LIST.write_text(json.dumps(small[0]))
    kernels.compile_listed(told.append)
    assert len(told) == 4


def test_it_stops_when_asked_and_begins_again(small: list[kernels.Kernel]) -> None:
    with pytest.raises(Cancelled):
        kernels.compile_listed(cancelled=lambda: True)
    told: list[Event] = []
    kernels.compile_listed(told.append)
    assert len(told) == 3


@pytest.mark.slow
def test_all_that_effects_call_is_listed(root: Path) -> None:
    """If not: `python -m bench.kernels` lists them anew."""
    for _ in range(2):  # what is compiled at first is not only what Python calls
        words = [sys.executable, "-c", MISSED]
        done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("missed []\n"), done.stdout + done.stderr
