"""What the buttons of a Group do."""

from __future__ import annotations

import math
import os
from typing import Any

import nuke

from likeness_client import forms
from likeness_nuke import bake, form, host, installed, jobs, names, script


def press(group: nuke.Group, action: str) -> None:
    """Do what a button says; a problem is told in a dialog, or raised where there is no window."""
    acts = {
        "run": jobs.start,
        "cancel": jobs.cancel,
        "folder": open_folder,
        "reset": reset,
        "range": take_range,
        "bake": bake.bake,
    }
    try:
        acts[action](group)
    except host.Problem as problem:
        host.tell(group, str(problem))
        if not nuke.GUI:
            raise
        nuke.message(str(problem))


def open_folder(group: nuke.Group) -> None:
    """Show the folder of the results in the system's own browser."""
    place = form.folder(group)
    if not os.path.isdir(place):
        raise host.Problem(f"There are no results yet in {place}; press Run first.")
    if nuke.GUI:
        import webbrowser

        webbrowser.open("file://" + place)
    else:
        nuke.tprint(place)


def reset(group: nuke.Group) -> None:
    """Set every parameter to its declared default, in one undo step."""
    effect = _effect(group)
    with host.undo("Reset " + group.name()):
        for name, value in forms.initial(effect).items():
            param = next(p for p in effect["params"] if p["name"] == name)
            if param["type"] == "weights":
                for choice in param["choices"]:
                    _set(group[names.weight(name, choice)], float(value.get(choice, 0)))
            else:
                _set(group[names.param(name)], script.literal(value) if param["type"] == "text" else value)
        for table, given in names.sliders(effect):
            for column in names.extra_columns(table, given):
                _set(group[names.column(given["name"], column)], 0.0)


def _set(knob: nuke.Knob, value: Any) -> None:
    if knob.isAnimated():
        knob.clearAnimated()
    knob.setValue(value)


def take_range(group: nuke.Group) -> None:
    """Fill in the frame range of the first picture input."""
    effect = _effect(group)
    node = group.input(0) if names.piped(effect) else None
    if node is None:
        raise host.Problem("No picture is connected; connect one first.")
    with host.undo("Frame range of " + group.name()):
        group[names.FIRST].setValue(math.floor(node.frameRange().first()))
        group[names.LAST].setValue(math.ceil(node.frameRange().last()))


def _effect(group: nuke.Group) -> dict[str, Any]:
    try:
        return installed.effect(form.text(group, names.EFFECT))
    except LookupError as error:
        raise host.Problem(str(error.args[0])) from None
