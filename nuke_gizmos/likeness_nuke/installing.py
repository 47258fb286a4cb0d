"""Puts the package together: a folder for NUKE_PATH, or inside a `.nuke` folder, with every effect's Group.

Runs outside of Nuke, on the Python that has Likeness.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any, Mapping, Sequence

import likeness_client
import likeness_nuke
from likeness_nuke import generate, installed

HERE = "likeness"
_LINE = f'nuke.pluginAddPath("./{HERE}")  # Likeness'
_INIT = 'import nuke\n\nnuke.pluginAddPath("./icons")\n'
_MENU = "from likeness_nuke import menu\n\nmenu.build()\n"


def write_package(
    folder: Path,
    effects: Sequence[Mapping[str, Any]],
    models: Sequence[Mapping[str, Any]],
    version: str,
    python: str = "",
    registry: str = "",
) -> None:
    """Write the package, replacing what is there; the folder appears whole or stays as it was.

    `models` have `name`, `license` and `commercial`; `python` is the worker's interpreter, empty where it
    is not known yet; `registry` is the `LIKENESS_EFFECTS` of the effects. Raises `OSError`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        _write(fresh, effects, models, version, python, registry)
        old = folder.with_name(fresh.name + ".old")
        if folder.exists():
            os.replace(folder, old)
        os.replace(fresh, folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def install(home: Path) -> None:
    """Make Nuke load the package that lies in `home`: one line in its init.py, added once."""
    init = home / "init.py"
    text = init.read_text("utf-8") if init.exists() else ""
    if _LINE in text:
        return
    head = "" if "import nuke" in text else "import nuke\n\n"
    gap = "" if not text or text.endswith("\n") else "\n"
    part = init.with_name(f".init.{uuid.uuid4().hex[:8]}")
    part.write_text(f"{text}{gap}{head}{_LINE}\n", "utf-8")
    os.replace(part, init)


def _write(
    folder: Path,
    effects: Sequence[Mapping[str, Any]],
    models: Sequence[Mapping[str, Any]],
    version: str,
    python: str,
    registry: str,
) -> None:
    groups = folder / installed.GROUPS
    groups.mkdir(parents=True)
    known = {model["name"]: dict(model) for model in models}
    for effect in effects:
        used = [known[name] for name in effect["models"] if name in known]
        text = generate.group(effect, version, used)
        (groups / generate.file_name(effect)).write_text(text, "utf-8", newline="\n")
    facts = {"version": version, "python": python, "registry": registry, "effects": list(effects)}
    (folder / installed.FACTS).write_text(json.dumps(facts, indent=1), "utf-8")
    (folder / "init.py").write_text(_INIT, "utf-8")
    (folder / "menu.py").write_text(_MENU, "utf-8")
    for module in (likeness_client, likeness_nuke):
        assert module.__file__ is not None
        source = Path(module.__file__).parent
        skipped = shutil.ignore_patterns("__pycache__", "icons", "*.pyc")
        shutil.copytree(source, folder / source.name, ignore=skipped)
        if (source / "icons").is_dir():
            shutil.copytree(source / "icons", folder / "icons")
