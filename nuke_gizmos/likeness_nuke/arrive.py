"""Brings results into the script, each by its kind alone, as Nuke's own nodes beside the Group.

A node that an earlier run made, known by its name, gets the new values and keeps its connections. In a
limited edition no other node is looked for: the new ones are pasted, all at once.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from typing import Any, Callable, Mapping, NamedTuple, Sequence, Tuple

import nuke

from likeness_client import forms
from likeness_nuke import generate, host, names, script, shapes

Range = Tuple[int, int]
Result = Mapping[str, Any]

MOVIES = (".mov", ".mp4", ".mkv", ".mxf")
STILLS = (".png", ".jpg", ".jpeg", ".exr", ".tif", ".tiff")
MODELS = (".usd", ".usda", ".usdc", ".usdz", ".abc", ".fbx", ".obj")
MOVED_PX = 120


class Made(NamedTuple):
    """A node to be: `fixed` are script lines of a new one, `plain` and `moving` what a run changes.

    `moving` are values in script form (curves), `plain` what a knob takes as it is.
    """

    kind: str
    name: str
    fixed: list[str]
    plain: dict[str, Any]
    moving: dict[str, str]


def bring_in(
    group: nuke.Group, effect: Mapping[str, Any], results: Mapping[str, Sequence[Result]], frames: Range
) -> str:
    """Bring every result in and return the sentence that says what came.

    `results` are by view; pictures are read for all views, everything else is of the first.
    """
    views = list(results)
    first = results[views[0]]
    made: list[Made] = []
    for result in first:
        if result["kind"] == "sequence":
            _sequence(group, effect, result, views)
        else:
            made += _KINDS[result["kind"]](_base(group, result), result, frames)
    _place(group, made)
    packed = json.dumps([dict(result) for result in first]).encode("utf-8")
    group[names.RESULTS].setValue(base64.b64encode(packed).decode("ascii"))
    what = ", ".join(result["name"] for result in first) or "nothing"
    return "Done: {}, frames {}-{}.".format(what, *_span(first, frames))


def results_of(group: nuke.Group) -> list[dict[str, Any]]:
    """What the last run brought in."""
    packed = str(group[names.RESULTS].value() or "")
    found: list[dict[str, Any]] = json.loads(base64.b64decode(packed).decode("utf-8")) if packed else []
    return found


def _span(results: Sequence[Result], frames: Range) -> Range:
    found = [frame for result in results for frame in result["meta"].get("frames", [])]
    return (min(found), max(found)) if found else frames


def _base(group: nuke.Group, result: Result) -> str:
    return "{}_{}".format(group.name(), result["name"])


# --- sequences -----------------------------------------------------------------------------------------


def read_values(result: Result, views: Sequence[str]) -> dict[str, Any]:
    """The knobs of a Read of the sequence; with several views its path has %V in place of their folder."""
    path = script.file_value(result["path"])
    if len(views) > 1:
        folder, name = path.rsplit("/", 1)
        path = "{}/%V/{}".format(folder.rsplit("/", 1)[0], name)
    numbers = result["meta"].get("frames") or [1]
    ends = {"first": min(numbers), "last": max(numbers), "origfirst": min(numbers), "origlast": max(numbers)}
    # With `origset` Nuke takes the original range as given and does not look for another on the disk.
    return dict(ends, file=path, origset=True, raw=True, auto_alpha=False, on_error="error")


def _sequence(group: nuke.Group, effect: Mapping[str, Any], result: Result, views: Sequence[str]) -> None:
    node = group.node(names.reader(result["name"]))
    if node is None:
        raise LookupError("the node has lost its '{}'.".format(names.reader(result["name"])))
    for name, value in read_values(result, views).items():
        node[name].setValue(value)
    reload: Any = node["reload"]
    reload.execute()
    if group[names.SHOW].value() == "source":
        group[names.SHOW].setValue(result["name"])


# --- everything else -----------------------------------------------------------------------------------


def _performance(base: str, result: Result, frames: Range) -> list[Made]:
    """An axis that turns as the head does, with one animated knob a curve."""
    columns, rows = _take(result["path"], frames[1] - frames[0] + 1)
    numbers = list(range(frames[0], frames[0] + len(rows)))
    fixed = [script.user_knob(script.TAB, "performance", "Performance")]
    moving = {}
    for place, column in enumerate(columns):
        tip = "A curve of {}.".format(os.path.basename(result["path"]))
        fixed.append(script.user_knob(script.NUMBER, column, column, tip, [-1, 1]))
        moving[column] = script.curve(numbers, [row[place] for row in rows])
    heads = [columns.index(name) if name in columns else -1 for name in shapes.HEAD]
    turns = [shapes.turned(*(row[i] if i >= 0 else 0.0 for i in heads)) for row in rows]
    moving["matrix"] = shapes.matrix_curves(numbers, turns)
    return [
        Made("Axis2", base, fixed, {"useMatrix": True, "label": os.path.basename(result["path"])}, moving)
    ]


def _take(path: str, count: int) -> tuple[list[str], list[list[float]]]:
    """A performance with one row a frame: a short take does not tell its rate, but its length does."""
    rates = (None, nuke.root().realFps(), 24.0, 25.0, 30.0, 48.0, 50.0, 60.0)
    found = [forms.read_performance(path, rate) for rate in rates]
    columns, rows, _ = next((take for take in found if len(take[1]) == count), found[0])
    return columns, rows


def _track(base: str, result: Result, frames: Range) -> list[Made]:
    """Points, a corner pin of the face's plane, the camera, and the head as an axis, for every face."""
    with open(result["path"], encoding="utf-8") as file:
        track = json.load(file)
    made = []
    for place in range(max([len(frame["faces"]) for frame in track["frames"]] or [0])):
        name = base if place == 0 else f"{base}{place + 1}"
        made += shapes.face_nodes(name, track, place)
    return [Made(*node) for node in [shapes.camera(base + "_camera", track), *made]]


def _model(base: str, result: Result, frames: Range) -> list[Made]:
    """A ReadGeo, or a note of where the file is if Nuke does not read its kind."""
    if result["path"].lower().endswith(MODELS):
        return [Made("ReadGeo2", base, [], {"file": script.file_value(result["path"])}, {})]
    label = f"{result['path']}\nNuke does not read this kind of model; it is there for other programs."
    return [Made("StickyNote", base, [], {"label": script.literal(label)}, {})]


def _audio(base: str, result: Result, frames: Range) -> list[Made]:
    return [Made("AudioRead", base, [], {"file": script.file_value(result["path"])}, {})]


def _report(base: str, result: Result, frames: Range) -> list[Made]:
    """A note that says what is in it, and a Read of every picture or movie of it."""
    folder = os.path.dirname(result["path"])
    pictures = [result["path"], *(os.path.join(folder, name) for name in result["meta"].get("pictures", []))]
    shown = [path for path in pictures if path.lower().endswith(MOVIES + STILLS)]
    label = script.literal("\n".join(_words(result)))
    made = [Made("StickyNote", base, ["note_font_size 14"], {"label": label}, {})]
    for place, path in enumerate(shown):
        values: dict[str, Any] = {"file": script.file_value(path), "on_error": "error"}
        if path.lower().endswith(MOVIES):
            values.update(first=1, last=frames[1] - frames[0] + 1)
        made.append(Made("Read", f"{base}_sheet{place + 1}", [], values, {}))
    return made


def _words(result: Result) -> list[str]:
    """The name of the report and what it says in a line each."""
    lines = [os.path.basename(result["path"])]
    told = dict(result["meta"])
    if result["path"].lower().endswith(".json"):
        with open(result["path"], encoding="utf-8") as file:
            found = json.load(file)
        told.update(found if isinstance(found, dict) else {})
    short = {name: value for name, value in told.items() if isinstance(value, (str, int, float))}
    return lines + [f"{name}: {value}" for name, value in list(short.items())[:20]]


_KINDS: dict[str, Callable[[str, Result, Range], list[Made]]] = {
    "performance": _performance,
    "track": _track,
    "model": _model,
    "audio": _audio,
    "report": _report,
}


# --- into the script -----------------------------------------------------------------------------------


def _place(group: nuke.Group, made: Sequence[Made]) -> None:
    """Renew the nodes that are there, paste the others below the Group."""
    parent = group.parent()
    new = []
    for node in made:
        old = None if host.is_limited() else parent.node(node.name)
        if old is not None and old.Class() == node.kind:
            _renew(old, node)
        else:
            new.append(node)
    if new:
        x, y = group.xpos(), group.ypos() + MOVED_PX
        text = "".join(script_of(node, x + MOVED_PX * place, y) for place, node in enumerate(new))
        with parent:
            paste(text)


def script_of(node: Made, x: int, y: int) -> str:
    """A node as script text."""
    lines = ["inputs 0", *node.fixed]
    lines += [f"{name} {_scripted(value)}" for name, value in node.plain.items()]
    lines += [f"{name} {{{value}}}" for name, value in node.moving.items()]
    return script.node(node.kind, [*lines, "name " + node.name, f"xpos {x}", f"ypos {y}"])


def _scripted(value: Any) -> str:
    return script.quoted(value) if isinstance(value, str) else script.number(value)


def _renew(old: nuke.Node, node: Made) -> None:
    for name, value in node.plain.items():
        old[name].setValue(value)
    for name, text in node.moving.items():
        if old.knob(name) is None:
            raise LookupError(f"the node {node.name} is not one of ours; rename it.")
        old[name].fromScript(text)


def paste(text: str) -> None:
    """Add the nodes of a script to the Group that is open."""
    handle, path = tempfile.mkstemp(suffix=".nk", prefix="likeness")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        nuke.nodePaste(path)
    finally:
        os.remove(path)


def read_script(name: str, values: Mapping[str, Any], x: int, y: int) -> str:
    """A Read of a sequence outside of the Group."""
    return script_of(Made("Read", name, [], dict(generate.read_knobs(), **values), {}), x, y)
