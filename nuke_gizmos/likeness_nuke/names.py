"""The names of a Group's knobs and inner nodes, made of the declaration's, apart from Nuke's own names."""

from __future__ import annotations

from typing import Any, Mapping

PICTURES = ("picture", "matte")

EFFECT, VERSION, RESULTS = "likeness_effect", "likeness_version", "likeness_results"
STATUS, SHOW, FIRST, LAST = "likeness_status", "likeness_show", "likeness_first", "likeness_last"
OUTPUT, COLORSPACE, DEVICE, SEED = (
    "likeness_output",
    "likeness_colorspace",
    "likeness_device",
    "likeness_seed",
)
DEVICES = ("auto", "cpu", "cuda", "tensorrt", "directml", "coreml")


def param(name: str) -> str:
    """The knob of a parameter."""
    return "param_" + name


def weight(name: str, choice: str) -> str:
    """The slider of one name of a table of weights."""
    return f"weight_{name}_{choice}"


def column(name: str, column_name: str) -> str:
    """The slider of one curve of a performance input."""
    return f"curve_{name}_{column_name}"


def source(name: str) -> str:
    """The file knob of an input."""
    return "input_" + name


def writer(name: str) -> str:
    """The inner node that writes a picture input."""
    return "write_" + name


def tag(name: str) -> str:
    """The inner node that says the frame rate of a picture input."""
    return "rate_" + name


def reader(name: str) -> str:
    """The inner node that reads a sequence."""
    return "read_" + name


def piped(effect: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The inputs that are pipes of the node, in order: those that may be pictures."""
    return [i for i in effect["inputs"] if set(i["kinds"]) & set(PICTURES)]


def sequences(effect: Mapping[str, Any]) -> list[str]:
    """The names of the results that are image sequences."""
    return [output["name"] for output in effect["outputs"] if output["kind"] == "sequence"]


def sliders(effect: Mapping[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Tables of weights that can be animated, each with the performance input that takes the animation."""
    return [
        (table, given)
        for table in effect["params"]
        for given in effect["inputs"]
        if table["type"] == "weights" and given["columns"] and set(table["choices"]) <= set(given["columns"])
    ]


def extra_columns(table: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """The curves of a performance input that its table of weights has not, such as rotations."""
    return [name for name in given["columns"] if name not in table["choices"]]
