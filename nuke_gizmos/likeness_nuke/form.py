"""A Group as it is filled in: what its knobs and pipes say."""

from __future__ import annotations

import os
import re
import tempfile
from typing import Any, Mapping, NamedTuple

import nuke

from likeness_nuke import installed, names

_ACES = re.compile(r"acescg", re.IGNORECASE)
_ACES_2065 = re.compile(r"aces2065", re.IGNORECASE)
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


class Form(NamedTuple):
    """A Group as it is filled in. `files` are the inputs given as files, `pipes` those that are connected."""

    effect: dict[str, Any]
    values: dict[str, Any]
    files: dict[str, str]
    pipes: list[str]
    curves: tuple[dict[str, Any], dict[str, Any]] | None
    frames: tuple[int, int] | None
    folder: str
    colorspace: str
    device: str
    seed: int


def read(group: nuke.Group) -> Form:
    """Everything that a Group's knobs and pipes say; raises `LookupError` for an effect that is not here."""
    effect = installed.effect(text(group, names.EFFECT))
    pipes = [
        given["name"] for place, given in enumerate(names.piped(effect)) if group.input(place) is not None
    ]
    files = {i["name"]: path(group, names.source(i["name"])) for i in effect["inputs"]}
    first, last = int(group[names.FIRST].value()), int(group[names.LAST].value())
    return Form(
        effect=effect,
        values=values(group, effect),
        files={name: file for name, file in files.items() if file and name not in pipes},
        pipes=pipes,
        curves=_animated(group, effect),
        frames=None if (first, last) == (0, 0) else (first, last),
        folder=folder(group),
        colorspace=colorspace(group),
        device=str(group[names.DEVICE].value()),
        seed=int(group[names.SEED].value()),
    )


def values(group: nuke.Group, effect: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter's value; of tables the sliders as they are at the current frame."""
    found: dict[str, Any] = {}
    for param in effect["params"]:
        if param["type"] == "weights":
            sliders = {c: group[names.weight(param["name"], c)] for c in param["choices"]}
            found[param["name"]] = {c: float(knob.value()) for c, knob in sliders.items()}
        elif param["type"] == "text":
            found[param["name"]] = text(group, names.param(param["name"]))
        else:
            found[param["name"]] = group[names.param(param["name"])].value()
    return found


def _animated(group: nuke.Group, effect: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The table and the performance input whose sliders move, so that only a file can carry them."""
    for table, given in names.sliders(effect):
        weights = [group[names.weight(table["name"], choice)] for choice in table["choices"]]
        more = [group[names.column(given["name"], column)] for column in names.extra_columns(table, given)]
        if any(knob.isAnimated() for knob in weights + more) or any(knob.value() != 0 for knob in more):
            return table, given
    return None


def rows(
    group: nuke.Group, table: Mapping[str, Any], given: Mapping[str, Any], frames: tuple[int, int]
) -> list[list[float]]:
    """One row a frame of all sliders of a table, in the order of the performance input's columns."""
    knobs = [
        group[
            names.weight(table["name"], column)
            if column in table["choices"]
            else names.column(given["name"], column)
        ]
        for column in given["columns"]
    ]
    return [[float(knob.getValueAt(frame)) for knob in knobs] for frame in range(frames[0], frames[1] + 1)]


def text(group: nuke.Group, name: str) -> str:
    """A text knob's own text: what stands in it, brackets evaluated."""
    knob = group[name]
    found = knob.evaluate() if isinstance(knob, nuke.EvalString_Knob) else knob.value()
    return str(found or "")


def path(group: nuke.Group, name: str) -> str:
    """A file knob's path: brackets evaluated, the place of the frame number (%04d, ####) kept."""
    knob = group[name]
    assert isinstance(knob, nuke.File_Knob)
    return str(knob.getEvaluatedValue() or "")


def folder(group: nuke.Group) -> str:
    """Where the results go: the folder that is named, else one beside the script, else a temporary one."""
    named = path(group, names.OUTPUT)
    if named:
        return os.path.abspath(named)
    saved = nuke.root().name()
    here = os.path.dirname(saved) if os.path.isabs(saved) else ""
    home = here or os.environ.get("NUKE_TEMP_DIR") or tempfile.gettempdir()
    return os.path.join(home, "likeness", _NO_NAME.sub("_", group.fullName()))


def colorspace(group: nuke.Group) -> str:
    """What the plate's pixels are: the name given, else the script's working space."""
    named = text(group, names.COLORSPACE)
    if named and named != "auto":
        return named
    knob = nuke.root().knob("workingSpaceLUT")
    working = str(knob.value()) if knob is not None else ""
    if _ACES.search(working):
        return "ACEScg"
    if _ACES_2065.search(working):
        return "ACES2065-1"
    return "lin_rec709"
