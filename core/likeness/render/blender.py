"""A Blender to draw with: where it is, and a script run in it as a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from likeness.errors import BadRequest, LikenessError

VARIABLE = "LIKENESS_BLENDER"
WORD = "drawn "


def find_blender() -> list[str] | None:
    """The words that run a script in Blender, its path to follow; None where there is no Blender.

    `LIKENESS_BLENDER` names a Blender or a Python that has the module bpy; else the `blender` on the PATH
    is taken, else this Python if it has the module. Raises `BadRequest` if the variable names nothing.
    """
    named = os.environ.get(VARIABLE, "")
    if named and not shutil.which(named):
        raise BadRequest(
            f"{VARIABLE} names '{named}', which is no program.",
            "Name a blender program or a Python that has the module bpy.",
        )
    if found := shutil.which(named or "blender"):
        is_python = Path(found).name.lower().startswith("python")
        return [found] if is_python else [found, "-b", "--factory-startup", "--python-exit-code", "1", "-P"]
    return [sys.executable] if find_spec("bpy") is not None else None


def run_script(blender: Sequence[str], script: Path, asked: Path) -> Iterator[Path]:
    """Run a script with a file of what is asked; yields each picture that it says is drawn.

    Stops the process when it is closed. Raises `LikenessError` with Blender's last words if it fails.
    """
    words = [*blender, str(script), *(["--"] if "-P" in blender else []), str(asked)]
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace",
    ) as process:  # fmt: skip
        told = ""
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(WORD):
                    yield Path(line[len(WORD) :].rstrip("\n"))
                elif line.strip():
                    told = line.strip()
        finally:
            if process.poll() is None:
                process.terminate()
        if process.wait():
            raise LikenessError(
                f"Blender could not draw ({told}).", "Choose the rasterizer, or another Blender."
            )
