"""Compiles the kernels that effects need on all cores, before anybody waits for them.

numba compiles a kernel for the types that it is first called with, one kernel after the other: minutes, once
after installing. `kernels.jsonl` lists kernels and types beforehand, so that processes share the work;
what they compile, numba keeps on disk for all. A kernel that is not listed is compiled when it is called.

The list is made by `python -m bench.kernels`: a line is a kernel that Python calls, and its types.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import logging
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from multiprocessing import connection, get_context
from pathlib import Path
from typing import Any, NamedTuple

from likeness import cache
from likeness.errors import Cancelled
from likeness.fingerprint import content_hash, package_hash
from likeness.render.bands import cores
from likeness.request import digest
from likeness.results import Event

log = logging.getLogger(__name__)

LIST = Path(__file__).with_suffix(".jsonl")
MOST_PROCESSES = 4  # each takes up to 0.8 GB, and with more all wait for the one that takes longest
_ASK_S = 0.2


class Kernel(NamedTuple):
    """A kernel as `module:function`, and the types of its arguments as `spell` writes them."""

    name: str
    types: list[Any]


def listed() -> list[Kernel]:
    """The list."""
    return [Kernel(*json.loads(line)) for line in LIST.read_text("utf-8").splitlines()]


def compile_listed(
    on_event: Callable[[Event], None] = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Have all listed kernels compiled and kept, unless that was done for this code; raise `Cancelled`.

    What cannot be compiled beforehand is left to whoever calls it.
    """
    stamp = cache.folder() / "kernels" / _state()
    if stamp.exists():
        return
    kernels = listed()
    done = 0
    for _ in _share(kernels, cancelled):
        on_event(Event("compile", done := done + 1, len(kernels)))
    if done == len(kernels):
        with contextlib.suppress(OSError):
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.touch()


def _state() -> str:
    """A hash of what compiled code depends on: its source, numba, the processor, and where it is kept."""
    from llvmlite.binding import get_host_cpu_name

    where = os.environ.get("NUMBA_CACHE_DIR") or str(LIST.parent)
    versions = [metadata.version("numba"), platform.python_version(), get_host_cpu_name()]
    return digest([package_hash(), content_hash(LIST), where, versions])


def _share(kernels: Sequence[Kernel], cancelled: Callable[[], bool]) -> Iterator[None]:
    """Have the kernels compiled, one at each step: a module's in one process, since they call the same."""
    modules = [list(group) for _, group in itertools.groupby(kernels, lambda k: k.name.partition(":")[0])]
    todo = iter(sorted(modules, key=len, reverse=True))
    count = min(cores(), MOST_PROCESSES, len(modules))
    helpers = {_helper(): 0 for _ in range(count)}  # and how many kernels each has before it
    try:
        while helpers:
            for helper in [helper for helper, left in helpers.items() if not left]:
                if module := next(todo, None):
                    helper.send(module)
                    helpers[helper] = len(module)
                else:
                    _let_go(helpers, helper)
            for helper in connection.wait([*helpers], _ASK_S):
                try:
                    helper.recv()  # type: ignore[union-attr,call-arg]
                    helpers[helper] -= 1
                    yield
                except EOFError:
                    log.info("A process that compiles has ended.")
                    _let_go(helpers, helper)
            if cancelled():
                raise Cancelled("The job was stopped.", "What is compiled is kept.")
    finally:
        for helper in [*helpers]:
            _let_go(helpers, helper)


def _let_go(helpers: dict[Any, int], helper: Any) -> None:
    del helpers[helper]
    helper.close()


def _helper() -> Any:
    """A connection to a process that compiles what it is sent, and ends when nobody sends any more."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    context.Process(target=_serve, args=(theirs,), daemon=True).start()
    theirs.close()
    return ours


def _serve(asks: Any) -> None:
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            for kernel in asks.recv():
                try:
                    _compile(kernel)
                except Exception as error:
                    log.info("%s is not compiled beforehand: %s", kernel.name, error)
                asks.send(None)


def _compile(kernel: Kernel) -> None:
    module, _, function = kernel.name.partition(":")
    dispatcher = getattr(importlib.import_module(module), function)
    dispatcher.compile(tuple(read(spelled) for spelled in kernel.types))


def spell(kind: Any) -> Any:
    """A numba type as JSON data: "float32", "float32 3C", [a tuple's], {"module:Class": [a named tuple's]}.

    Raises `TypeError` for any other.
    """
    from numba import types

    if isinstance(kind, types.Array) and kind.aligned:
        return f"{kind.dtype} {kind.ndim}{kind.layout}{'' if kind.mutable else ' read-only'}"
    if isinstance(kind, types.BaseNamedTuple):
        return {f"{kind.instance_class.__module__}:{kind.instance_class.__name__}": [*map(spell, kind.types)]}
    if isinstance(kind, types.BaseTuple):
        return [*map(spell, kind.types)]
    if isinstance(kind, (types.Number, types.Boolean, types.NoneType)):
        return str(kind)
    raise TypeError(f"{kind} cannot be listed")


def read(spelled: Any) -> Any:
    """The numba type that `spell` wrote."""
    from numba import types

    if isinstance(spelled, dict):
        ((name, parts),) = spelled.items()
        module, _, label = name.partition(":")
        named = getattr(importlib.import_module(module), label)
        return types.BaseTuple.from_types([*map(read, parts)], named)
    if isinstance(spelled, list):
        return types.BaseTuple.from_types([*map(read, spelled)])
    word, *shape = spelled.split(" ")
    kind = getattr(types, word)
    return types.Array(kind, int(shape[0][0]), shape[0][1], readonly=len(shape) > 1) if shape else kind
