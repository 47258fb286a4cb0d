"""Put a trained model into the package: `python -m likeness.training.register NAME FILE`.

Write the model's card first (`core/likeness/models/NAME.md`); its lines `SHA-256: …`, and, if half
precision is known to be safe, `FP16: safe`, and if it was measured, `GPU: faster`, are read and kept here.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from likeness import catalog, files, onnx_file, runtime
from likeness.errors import BadInput, LikenessError

log = logging.getLogger("likeness.register")

_HEADER = "# The models of the package. Written by `python -m likeness.training.register NAME FILE`.\n"
_HASH = re.compile(r"^(.*?SHA-256[*_]*:[*_]*[ \t]*`?)[^`\n]*(.*)$", re.MULTILINE)
_FP16, _GPU = (
    re.compile(rf"^[-*_ ]*{words}\b", re.MULTILINE | re.IGNORECASE)
    for words in (r"FP16[*_]*:[*_ ]*safe", r"GPU[*_]*:[*_ ]*faster")
)


def register(name: str, path: Path | str, task: str = "", license: str = "Apache-2.0") -> catalog.HouseModel:
    """Copy an ONNX file or tables (.npz, .json) to `models/NAME`; pin it in `house.toml` and in its card.

    `task` may be left out if the model is already listed. Raises `BadInput` if there is no card or the
    card has no `SHA-256:` line, and `BadModel` if the runtime would not take the file.
    """
    source, card = Path(path), catalog.HOUSE / f"{name}.md"
    known = catalog.house_models()
    task = task or (known[name].task if name in known else "")
    if not task:
        raise BadInput(f"What the model '{name}' does is not known.", "Say it: --task TEXT.")
    if not card.is_file() or not _HASH.search(text := card.read_text("utf-8")):
        raise BadInput(f"The model '{name}' has no card with a line 'SHA-256:'.", f"Write {card}.")
    kind = source.suffix if source.suffix in catalog.HOUSE_KINDS else ".onnx"
    opset = _opset(source) if kind == ".onnx" else 0
    model = catalog.HouseModel(
        name,
        name + kind,
        catalog.sha256_of(source),
        source.stat().st_size,
        license,
        opset,
        task,
        bool(_FP16.search(text)),
        bool(_GPU.search(text)),
    )
    if source.resolve() != model.path.resolve():
        with files.replacing(model.path) as temporary:
            shutil.copyfile(source, temporary)
    _rewrite(card, _HASH.sub(lambda line: line[1] + model.sha256 + line[2], text, count=1))
    _rewrite(catalog.HOUSE / "house.toml", to_toml([*(known | {name: model}).values()]))
    return model


def register_tables(name: str, tables: Mapping[str, Any], task: str = "") -> catalog.HouseModel:
    """`register` of tables: arrays by name become an .npz file, numbers and lists a .json file."""
    arrays = any(isinstance(table, np.ndarray) for table in tables.values())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}{'.npz' if arrays else '.json'}"
        if arrays:
            np.savez_compressed(path, **tables)
        else:
            path.write_text(json.dumps(tables) + "\n")
        return register(name, path, task)


def _opset(source: Path) -> int:
    runtime.session(source.resolve(), "cpu")
    contents = onnx_file.read(source.read_bytes(), source.name)
    if contents.external:
        raise BadInput(f"{source} keeps weights in other files.", "Export it as one file.")
    return contents.opset


def to_toml(models: Sequence[catalog.HouseModel]) -> str:
    """The list as TOML, by name; fields that have their default are left out."""
    text = _HEADER
    for model in sorted(models, key=lambda m: m.name):
        defaults = {f.name: f.default for f in fields(model) if f.default is not MISSING}
        values = {k: v for k, v in asdict(model).items() if defaults.get(k) != v}
        text += "\n[[model]]\n"
        text += "".join(f"{k} = {json.dumps(v, ensure_ascii=False)}\n" for k, v in values.items())
    return text


def _rewrite(path: Path, text: str) -> None:
    with files.replacing(path) as temporary:
        temporary.write_text(text, "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of `register`; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(prog="python -m likeness.training.register", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("file", type=Path)
    parser.add_argument("--task", default="", help="what the model does, for its first registration")
    given = parser.parse_args(arguments)
    try:
        model = register(given.name, given.file, given.task)
    except LikenessError as error:
        log.error("%s", error)
        return error.exit_code
    log.info("%s: %d bytes, opset %d, %s", model.path, model.bytes, model.opset, model.sha256)
    return 0


if __name__ == "__main__":
    sys.exit(main())
