"""What code and files are, by their content."""

from __future__ import annotations

import functools
import hashlib
import inspect
from pathlib import Path

from likeness.declare import Effect
from likeness.errors import BadInput
from likeness.request import digest

_ROOT = Path(__file__).parent
# Surfaces and training make no pixels.
_ASIDE = {"cli.py", "worker.py", "doctor.py", "kernels.py", "training"}
_SUFFIXES = {".py", ".toml", ".json", ".csv", ".npz"}


def code_hash(effect: Effect) -> str:
    """SHA-256 of the code and data that make the effect's pixels: this package, and the effect's file.

    Findings and frames of older code are thus never reused.
    """
    own = filter(inspect.isfunction, (effect.frames, effect.analyze, effect.render, effect.write))
    files = {Path(function.__code__.co_filename) for function in own}
    outside = sorted(f for f in files if f.is_file() and not f.is_relative_to(_ROOT))
    return digest([package_hash(), [content_hash(file) for file in outside]])


@functools.cache
def package_hash() -> str:
    """SHA-256 of this package's code and data; the list of house models stands for the models."""
    files = {p.relative_to(_ROOT) for p in _ROOT.rglob("*") if p.suffix in _SUFFIXES}
    names = sorted(file.as_posix() for file in files if file.parts[0] not in _ASIDE)
    return digest([[name, content_hash(_ROOT / name)] for name in names])


def content_hash(path: Path) -> str:
    """SHA-256 of a file; raise `BadInput` if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"Cannot read {path} ({error.strerror}).", "Check the file.") from error
