"""What an ONNX file would do, read from its bytes before anything runs it.

The runtime opens files that strangers made, so the file is looked at first: the operators it calls, the
files it points at. The `onnx` package could read it too, but it copies every weight and brings protobuf
with it; the fields that matter are few and the wire format is simple, so this walks over them and steps
across the weights.
Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from likeness.errors import BadModel

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
# Operators of a known domain that run a compiled blob, a file or Python code instead of a kernel.
FORBIDDEN = frozenset({"EPContext", "PythonOp", "PythonOpGrad", "ATen"})

_Bytes = memoryview
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DEPTH = 32

# Message -> field number -> message inside it, for the messages that lead to nodes and tensors.
_INSIDE = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
}
_TEXT = {"node": {4: "op", 7: "domain"}, "function": {10: "domain"}, "opset": {1: "domain"}}
_TEXT["external"] = {1: "key", 2: "value"}


@dataclass
class Contents:
    """What was found: operators as (domain, name), external files, opset versions by domain."""

    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    external: set[str] = field(default_factory=set)
    opsets: dict[str, int] = field(default_factory=dict)

    @property
    def opset(self) -> int:
        """The version of the standard operators, 0 if the file names none."""
        return self.opsets.get("", self.opsets.get("ai.onnx", 0))


def read(data: bytes, name: str) -> Contents:
    """Walk over an ONNX file's bytes; raise `BadModel` that names the file if they are not one."""
    found = Contents()
    try:
        _walk(memoryview(data), "model", found, 0)
    except (ValueError, IndexError) as error:
        raise _not_onnx(name) from error
    if not found.opsets or not found.operators:
        raise _not_onnx(name)
    return found


def check(found: Contents, path: Path) -> None:
    """Refuse what a model may not do: unknown operators, code, files outside the model's folder."""
    for domain, operator in sorted(found.operators):
        if domain not in DOMAINS | found.functions or operator in FORBIDDEN:
            called = f"{domain or 'ai.onnx'}.{operator}"
            raise BadModel(
                f"The model {path.name} calls the operator '{called}', which is not allowed.",
                "Export it again with standard ONNX operators only.",
            )
    folder = path.resolve().parent
    for location in sorted(found.external):
        if not _stays_inside(location, folder):
            raise BadModel(
                f"The model {path.name} reads '{location}', which is not a file in its own folder.",
                "Put that file beside the model, or get the model from a source you trust.",
            )


def _not_onnx(name: str) -> BadModel:
    return BadModel(
        f"The model {name} is not a whole ONNX file.",
        "Get it again: it is truncated, damaged or something else.",
    )


def _stays_inside(location: str, folder: Path) -> bool:
    if PurePosixPath(location).is_absolute() or PureWindowsPath(location).anchor or "\0" in location:
        return False
    file = (folder / location.replace("\\", "/")).resolve()
    # It has to be there: some runtimes read a name of a certain form as an address in memory.
    return file.is_relative_to(folder) and file.is_file()


def _walk(data: _Bytes, kind: str, found: Contents, depth: int) -> None:
    if depth > _DEPTH:
        raise ValueError("messages are nested too deep")
    texts: dict[str, str] = {}
    version = 0
    inside, text = _INSIDE.get(kind, {}), _TEXT.get(kind, {})
    for number, value in _fields(data):
        if isinstance(value, int):
            if kind == "opset" and number == 2:
                version = value
        elif number in inside:
            _walk(value, inside[number], found, depth + 1)
        elif number in text:
            texts[text[number]] = str(value, "utf-8")
    _keep(kind, texts, version, found)


def _keep(kind: str, texts: dict[str, str], version: int, found: Contents) -> None:
    domain = texts.get("domain", "")
    if kind == "node":
        found.operators.add((domain, texts.get("op", "")))
    elif kind == "function":
        found.functions.add(domain)
    elif kind == "opset":
        found.opsets[domain] = version
    elif kind == "external" and texts.get("key") == "location":
        found.external.add(texts.get("value", ""))


def _fields(data: _Bytes) -> Iterator[tuple[int, int | _Bytes]]:
    """The fields of one message: (number, value), a value being an integer or the bytes of it."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if number == 0 or at + size > end:
            raise ValueError("a field runs past the end")
        yield number, data[at : at + size]
        at += size


def _varint(data: _Bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
