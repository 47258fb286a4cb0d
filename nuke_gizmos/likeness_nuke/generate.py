"""Makes every effect's Group out of its declaration: the text of a Nuke script, never edited by hand.

A Group holds native nodes only, so a script that has one opens and renders its finished frames on a machine
without this package; its buttons then say what is missing.
"""

from __future__ import annotations

import html
from typing import Any, Iterator, Mapping, Sequence

from likeness_client import forms
from likeness_nuke import names, script

Declared = Mapping[str, Any]

_PRESS = """\
import nuke
try:
    from likeness_nuke import panel
except ImportError:
    nuke.message('Likeness is not installed in this Nuke; install it and open the script again.')
else:
    panel.press(nuke.thisNode(), '{}')
"""
_PI = 3.14159265
MANY = 16  # rows that a tab shows without folding


def file_name(effect: Declared) -> str:
    """The name of the effect's script in the package."""
    return effect["name"] + ".nk"


def node_name(effect: Declared) -> str:
    """What a new node of the effect is called: its name in capitals, without underscores."""
    return "".join(word[:1].upper() + word[1:] for word in effect["name"].split("_"))


def group(effect: Declared, version: str, models: Sequence[Declared] = ()) -> str:
    """The effect's Group as a script to paste: knobs, then the nodes inside.

    `models` are those that the effect uses, each with `name`, `license` and `commercial`.
    """
    head = "set cut_paste_input [stack 0]\nversion 13.0 v1\npush $cut_paste_input\n"
    knobs = [
        f"name {node_name(effect)}1",
        "help " + script.quoted(_plain_help(effect)),
        "tile_color 0x3f5f8fff",
        "selected true",
        *_main_tab(effect),
        *_settings_tab(effect),
        *_slider_tabs(effect),
        *_job_tab(),
        *_info_tab(effect, version, models),
    ]
    return head + script.node("Group", knobs) + "".join(_inside(effect)) + "end_group\n"


# --- knobs ---------------------------------------------------------------------------------------------


def _main_tab(effect: Declared) -> Iterator[str]:
    yield script.user_knob(script.TAB, "likeness", effect["label"])
    for given in effect["inputs"]:
        tip = forms.tooltip(given)
        if given in names.piped(effect):
            tip += " A file here stands in where the pipe of this name is not connected."
        yield script.user_knob(script.FILE, names.source(given["name"]), given["label"], tip)
    for label, params in forms.groups(effect):
        if label == forms.GENERAL:
            yield script.divider()
            yield from _params(params)
    yield script.divider()
    yield script.user_knob(
        script.WHOLE, names.FIRST, "Frame range", "The first frame to make; 0 to 0 is the plate's range."
    )
    yield f"{names.FIRST} 0"
    yield script.user_knob(
        script.WHOLE,
        names.LAST,
        "",
        "The last frame to make; 0 to 0 is the plate's range.",
        flags="-STARTLINE",
    )
    yield f"{names.LAST} 0"
    yield _button("range", "From Input", "Takes the range of the first picture input.", "-STARTLINE")
    yield script.divider()
    if names.sequences(effect):
        choices = ["source", *names.sequences(effect)]
        tip = "What the node gives: its first input as it is, or a finished sequence."
        yield script.user_knob(script.CHOICE, names.SHOW, "Show", tip, choices=choices)
        yield f"{names.SHOW} source"
    yield _button("run", "Run", "Makes the result; Nuke stays usable meanwhile.", "+STARTLINE")
    yield _button("cancel", "Cancel", "Stops the run; finished frames are kept.", "-STARTLINE")
    yield _button("folder", "Open Folder", "Shows the folder of the results.", "-STARTLINE")
    yield _button("reset", "Reset", "Sets every parameter to its default.", "-STARTLINE")
    yield _button(
        "bake",
        "Bake to Native Nodes",
        "Leaves nodes of Nuke's own that give the same result, in place of this one.",
        "-STARTLINE",
    )
    yield script.user_knob(script.TEXT, names.STATUS, "Status", text="Not run yet.", flags="+STARTLINE")


def _settings_tab(effect: Declared) -> Iterator[str]:
    """The parameters that are declared in groups; `Tab: Heading` has a tab of its own, others share one."""
    tabs: dict[str, list[tuple[str, Sequence[Declared]]]] = {}
    for label, params in forms.groups(effect):
        tab, colon, heading = label.partition(": ")
        if label != forms.GENERAL and _scalars(params):
            place = (tab, heading) if colon else ("Settings", label)
            tabs.setdefault(place[0], []).append((place[1], params))
    for number, (tab, headed) in enumerate(tabs.items()):
        yield script.user_knob(script.TAB, f"likeness_tab{number}", tab)
        folds = sum(len(rows) for _, rows in headed) > MANY
        for place_in_tab, (heading, rows) in enumerate(headed):
            if folds:
                yield from _folded(f"likeness_fold{number}_{place_in_tab}", heading, rows)
            else:
                yield script.divider(heading)
                yield from _params(rows)


def _folded(name: str, heading: str, params: Sequence[Declared]) -> Iterator[str]:
    """Parameters under a heading that folds them away."""
    yield script.user_knob(script.GROUP, name, heading, flags="n 1")
    yield f"{name} 0"
    yield from _params(params)
    yield script.user_knob(script.GROUP, name + "_end", "endGroup", flags="n -1")


def _scalars(params: Sequence[Declared]) -> list[Declared]:
    return [param for param in params if param["type"] != "weights"]


def _params(params: Sequence[Declared]) -> Iterator[str]:
    for param in _scalars(params):
        yield from _param(param)


def _param(param: Declared) -> Iterator[str]:
    name, tip = names.param(param["name"]), forms.tooltip(param)
    kinds = {
        "float": script.NUMBER,
        "int": script.WHOLE,
        "bool": script.CHECK,
        "choice": script.CHOICE,
        "text": script.STRING,
    }
    limits = [param["min"], param["max"]] if param["type"] in ("float", "int") else []
    flags = "+STARTLINE" if param["type"] == "bool" else ""
    label = "{} ({})".format(param["label"], param["unit"]) if param["unit"] else param["label"]
    yield script.user_knob(kinds[param["type"]], name, label, tip, limits, param["choices"], flags=flags)
    yield "{} {}".format(name, value_of(param, param["default"]))


def value_of(param: Declared, value: Any) -> str:
    """A parameter's value as its knob takes it in a script."""
    if param["type"] == "text":
        return script.quoted(script.literal(value))
    if param["type"] == "choice":
        return script.quoted(value)
    return script.number(value)


def _slider_tabs(effect: Declared) -> Iterator[str]:
    """A tab for each table of weights; where a performance can carry them they may be animated."""
    taken = {table["name"]: given for table, given in names.sliders(effect)}
    for table in effect["params"]:
        if table["type"] != "weights":
            continue
        yield script.user_knob(script.TAB, "likeness_" + table["name"], table["label"])
        given = taken.get(table["name"])
        tip = forms.tooltip(table)
        if given is not None:
            tip += " Animated sliders become the input '{}'.".format(given["label"])
        limits = [_or(table["min"], 0), _or(table["max"], 1)]
        for choice in table["choices"]:
            name = names.weight(table["name"], choice)
            yield script.user_knob(script.NUMBER, name, choice, tip, limits)
            yield "{} {}".format(name, script.number(table["default"].get(choice, 0)))
        if given is not None and names.extra_columns(table, given):
            yield script.divider("{} (radians)".format(given["label"]))
            for column in names.extra_columns(table, given):
                name = names.column(given["name"], column)
                more = "A curve of the input '{}', in radians.".format(given["label"])
                yield script.user_knob(script.NUMBER, name, column, more, [-_PI / 2, _PI / 2])


def _or(value: Any, other: float) -> float:
    return other if value is None else value


def _job_tab() -> Iterator[str]:
    yield script.user_knob(script.TAB, "likeness_job", "Job")
    tip = "The folder of the results; empty is a folder 'likeness' beside the script."
    yield script.user_knob(script.FILE, names.OUTPUT, "Output folder", tip)
    tip = "The color space of the picture inputs; auto takes the script's working space."
    yield script.user_knob(script.STRING, names.COLORSPACE, "Color space", tip)
    yield f"{names.COLORSPACE} auto"
    tip = "Where the models run; auto takes the fastest there is."
    yield script.user_knob(script.CHOICE, names.DEVICE, "Device", tip, choices=names.DEVICES)
    yield script.user_knob(script.WHOLE, names.SEED, "Seed", "What chance begins with.", [0, 1000])


def _info_tab(effect: Declared, version: str, models: Sequence[Declared]) -> Iterator[str]:
    yield script.user_knob(script.TAB, "likeness_info", "Info")
    lines = ["<b>{}</b>".format(html.escape(effect["label"])), html.escape(effect["help"])]
    lines += ["", f"Likeness {html.escape(version)}"]
    if models:
        lines.append("Models:")
    for model in models:
        use = "commercial use" if model["commercial"] else "NO commercial use"
        lines.append(html.escape("{}: {} ({})".format(model["name"], model["license"], use)))
    # A bracket would be evaluated by some knobs and not by others; an entity never is.
    text = "<br>".join(lines).replace("[", "&#91;").replace("]", "&#93;")
    yield script.user_knob(script.TEXT, "likeness_about", "", text=text, flags="+STARTLINE")
    hidden = {names.EFFECT: effect["name"], names.VERSION: version, names.RESULTS: ""}
    for name, value in hidden.items():
        yield script.user_knob(script.STRING, name, name, flags="+INVISIBLE")
        if value:
            yield f"{name} {script.quoted(script.literal(value))}"


def _button(action: str, label: str, tooltip: str, flags: str) -> str:
    code = _PRESS.format(action)
    return script.user_knob(script.BUTTON, "press_" + action, label, tooltip, text=code, flags=flags)


def _plain_help(effect: Declared) -> str:
    layers = ["{}: {}".format(layer["name"], layer["help"]) for layer in effect["layers"]]
    return "\n".join([effect["help"], *(["", "Layers:"] if layers else []), *layers])


# --- the nodes inside ----------------------------------------------------------------------------------


def _inside(effect: Declared) -> Iterator[str]:
    """Writes for the picture inputs, Reads for the sequences, and a Switch between input and results."""
    pipes = names.piped(effect)
    found = names.sequences(effect)
    # What is pushed last is a node's first input, so the first pipe comes last.
    for place, given in reversed(list(enumerate(pipes))):
        yield from _pipe(given, place)
    for name in reversed(found):
        yield script.node("Read", ["inputs 0", *_knobs(read_knobs()), "name " + names.reader(name)], 1)
    if pipes:
        yield "push $likeness_source\n"
    elif found:
        yield "push 0\n"
    which = f"which {{{{parent.{names.SHOW}}}}}"
    if found:
        yield script.node("Switch", [f"inputs {1 + len(found)}", which, "name show"], 1)
    yield script.node("Output", ["name Output1"] if pipes or found else ["inputs 0", "name Output1"], 1)


def _pipe(given: Declared, place: int) -> Iterator[str]:
    name = given["name"]
    yield script.node("Input", ["inputs 0", "name " + name, f"number {place}"], 1)
    if place == 0:
        yield "set likeness_source [stack 0]\n"
    rate = '{set input/frame_rate "\\[value root.fps]"}'
    yield script.node("ModifyMetaData", [f"metadata {{{rate}}}", "name " + names.tag(name)], 1)
    yield script.node("Write", [*_knobs(write_knobs()), "name " + names.writer(name)], 1)


def _knobs(values: Mapping[str, str]) -> list[str]:
    return [f"{name} {script.quoted(value)}" for name, value in values.items()]


def write_knobs() -> dict[str, str]:
    """A Write that keeps every bit: all channels, 32 bit, nothing color-managed, box and metadata kept."""
    return {
        "channels": "all",
        "file_type": "exr",
        "raw": "true",
        "datatype": "32 bit float",
        "compression": "Zip (1 scanline)",
        "metadata": "all metadata",
        "autocrop": "false",
        "create_directories": "true",
        # Only a run switches it on, so that rendering a script's Writes does not render these.
        "disable": "true",
    }


def read_knobs() -> dict[str, str]:
    """A Read that gives the pixels of the file as they are, and an error where a frame is missing."""
    return {
        "file_type": "exr",
        "raw": "true",
        "auto_alpha": "false",
        "premultiplied": "true",
        "on_error": "error",
        "before": "hold",
        "after": "hold",
    }
