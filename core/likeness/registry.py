"""Which effects there are: the project's own, and a studio's through `LIKENESS_EFFECTS`.

`LIKENESS_EFFECTS` holds one or more `MODULE:NAME` or `FILE.py:NAME`, separated by commas; NAME is an
`Effect` or a sequence of them. The same variable works for the command line, the worker and the hosts.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from likeness import cache
from likeness.declare import Effect
from likeness.errors import BadRequest
from likeness.files import replacing
from likeness.fingerprint import package_hash

VARIABLE = "LIKENESS_EFFECTS"


def effects() -> tuple[Effect, ...]:
    """Every effect, the project's first; raise `BadRequest` if a studio's cannot be loaded or clashes."""
    from likeness.effects import EFFECTS

    entries = [entry.strip() for entry in os.environ.get(VARIABLE, "").split(",")]
    found = [*EFFECTS, *(effect for entry in entries if entry for effect in _load(entry))]
    names = [effect.name for effect in found]
    for name in names:
        if names.count(name) > 1:
            raise BadRequest(f"Effect '{name}' is declared twice.", f"Rename the one in {VARIABLE}.")
    return tuple(found)


def schemas() -> list[dict[str, Any]]:
    """Every effect's declaration as plain JSON data.

    Importing the project's effects takes a second, so their declarations are kept in the cache, under
    the hash of the code they come from.
    """
    if os.environ.get(VARIABLE):
        return _schemas()
    path = cache.folder() / "declarations" / f"{package_hash()}.json"
    with contextlib.suppress(OSError, ValueError):
        kept: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
        return kept
    made = _schemas()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(made), "utf-8")
    return made


def _schemas() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(json.dumps([effect.schema() for effect in effects()]))
    return made


def find(name: str, among: Sequence[Effect] | None = None) -> Effect:
    """The effect of that name; raise `BadRequest` that lists the names there are."""
    known = effects() if among is None else among
    for effect in known:
        if effect.name == name:
            return effect
    raise BadRequest(f"There is no effect '{name}'.", f"There are: {', '.join(e.name for e in known)}.")


def _load(entry: str) -> list[Effect]:
    place, _, name = entry.rpartition(":")
    try:
        found = getattr(_module(place), name)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise BadRequest(
            f"{VARIABLE} names '{entry}', which cannot be loaded ({reason}).",
            "Give MODULE:NAME or FILE.py:NAME.",
        ) from error
    declared = list(found) if isinstance(found, (tuple, list)) else [found]
    if not all(isinstance(effect, Effect) for effect in declared):
        raise BadRequest(
            f"{VARIABLE} names '{entry}', which is not an effect.", "Name an Effect or a tuple of them."
        )
    return declared


def _module(place: str) -> ModuleType:
    if not place.endswith(".py"):
        return importlib.import_module(place)
    path = Path(place).resolve()
    name = f"likeness_effects_{path.stem}"
    if name in sys.modules and sys.modules[name].__file__ == str(path):
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
