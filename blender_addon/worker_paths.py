"""Where the worker's Python and packages are: what starts it from inside Blender.

The extension carries the core and everything it needs unpacked in `packages/`. They are not wheels of
the manifest on purpose: Blender puts those before its own site-packages, so its numpy 1.26 would give
way to ours and onnxruntime would be importable in Blender. Only the worker's process sees this folder.
`likeness_client`, which Blender itself imports, is pure Python and the one wheel in the manifest.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from likeness_client import WorkerError, command, environment

HERE = Path(__file__).resolve().parent
PACKAGES = HERE / "packages"


def worker_command(folder: str, python: str = "") -> list[str]:
    """The worker's command line; raise `WorkerError` with a remedy if there can be none.

    `folder` is the extension's own (`bpy.utils.extension_path_user`), where compiled code is kept. With
    `python`, another interpreter that has Likeness installed is used instead of Blender's.
    """
    if python:
        if not os.path.isfile(python):
            hint = "Name a Python that has Likeness installed in the preferences, or leave it empty."
            raise WorkerError(f"There is no Python at {python}.", hint)
        return command(python)
    _check()
    words = command(_blender_python(), [str(PACKAGES)])
    # The interpreter would write its compiled files into the extension, which may be read-only.
    return [words[0], "-X", "pycache_prefix=" + os.path.join(folder, "compiled", "python"), *words[1:]]


def worker_environment(folder: str) -> dict[str, str]:
    """The worker's environment: the host's without PYTHON*, compiled functions kept in `folder`."""
    return dict(environment(), NUMBA_CACHE_DIR=os.path.join(folder, "compiled", "numba"))


def _check() -> None:
    if not PACKAGES.is_dir():
        hint = "Install the zip that build.py package blender makes for this kind of computer."
        raise WorkerError(f"The extension has no packages in {PACKAGES}.", hint)
    wanted = json.loads((HERE / "effects.json").read_text("utf-8"))["python"]
    found = "{}.{}".format(*sys.version_info)
    if wanted != found:
        message = f"This extension is made for Python {wanted}, and this Blender has Python {found}."
        raise WorkerError(message, "Install the Likeness extension for this Blender.")


def _blender_python() -> str:
    """Blender's own interpreter: Blender sets `sys.executable` to it, also as a module."""
    if "python" in os.path.basename(sys.executable or "").lower() and os.path.isfile(sys.executable):
        return sys.executable
    hint = "Name a Python that has Likeness installed in the preferences."
    raise WorkerError("Blender's own Python interpreter cannot be found.", hint)
