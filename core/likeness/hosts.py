"""Puts Likeness into a host program: its package is made of the effects' declarations."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import likeness
from likeness.files import output_errors
from likeness.registry import VARIABLE, effects


def install_nuke(home: Path | None = None) -> Path:
    """Install the Nuke package into a `.nuke` folder (by default the user's) and return where it lies.

    Its worker runs on this Python. Doing it again renews the package and changes nothing else. Raises
    `BadOutput` where it cannot be written.
    """
    from likeness_nuke import installing

    home = (home or Path.home() / ".nuke").expanduser().absolute()
    folder = home / installing.HERE
    write_nuke(folder, python=sys.executable)
    with output_errors(home / "init.py"):
        installing.install(home)
    return folder


def write_nuke(folder: Path, python: str = "") -> None:
    """Write the Nuke package with every effect's Group to `folder`; raises `BadOutput`.

    `python` is the worker's interpreter; where it is empty, `LIKENESS_PYTHON` names it in Nuke's environment.
    """
    from likeness_nuke import installing

    declared = effects()
    schemas = [effect.schema() for effect in declared]
    used = dict.fromkeys(model for effect in declared for model in effect.models)
    models = [_license(name) for name in used]
    with output_errors(folder):
        installing.write_package(folder, schemas, models, likeness.__version__, python, _registry())


def _license(name: str) -> dict[str, object]:
    from likeness import catalog

    model = catalog.find(name)
    return {
        "name": model.name,
        "license": model.license,
        "commercial": isinstance(model, catalog.HouseModel) or model.commercial,
    }


def _registry() -> str:
    """`LIKENESS_EFFECTS` with absolute paths, so that a host's worker finds the same effects."""
    entries = [entry.strip() for entry in os.environ.get(VARIABLE, "").split(",")]
    return ",".join(_absolute(entry) for entry in entries if entry)


def _absolute(entry: str) -> str:
    place, _, name = entry.rpartition(":")
    return f"{Path(place).resolve()}:{name}" if place.endswith(".py") else entry
