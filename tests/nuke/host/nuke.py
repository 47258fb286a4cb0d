"""A `nuke` module for tests: nodes, knobs, scripts, threads and pictures that behave as Nuke's do.

It has the names and signatures of Nuke's own module, as far as the package uses them (a test holds them
against the published stubs). Scripts are parsed by a real Tcl; Reads and Writes move real EXR pixels; what
touches a node from a thread, or a deleted node, fails. What is not of Nuke starts with an underscore.
"""

from __future__ import annotations

import copy
import functools
import inspect
import os
import queue
import re
import sys
import threading
from typing import Any

import numpy as np
import OpenImageIO as oiio

GUI = False
INPUTS = 2
NUKE_VERSION_MAJOR = 13
NUKE_VERSION_STRING = "13.2v8"

_MAIN = threading.current_thread()
_calls: queue.Queue[Any] = queue.Queue()
_said: list[str] = []
_printed: list[str] = []
_executed: list[tuple[str, int, int]] = []
_tasks: list[Any] = []
_touched: set[str] = set()
_reading: list[str] = []
_state: dict[str, Any] = {}


class _Misuse(Exception):
    """Something that would crash or hang Nuke."""


def _main_only(function: Any) -> Any:
    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if threading.current_thread() is not _MAIN:
            raise _Misuse(f"{function.__qualname__} was called from a thread")
        return function(*args, **kwargs)

    return checked


def _guarded(cls: Any) -> Any:
    """All public methods of a class are for the main thread, and of live nodes only."""
    for name, member in list(vars(cls).items()):
        plain = not name.startswith("_") or name in ("__getitem__", "__enter__", "__exit__")
        if inspect.isfunction(member) and plain:
            setattr(cls, name, _attached(_main_only(member)))
        elif isinstance(member, classmethod) and plain:
            setattr(cls, name, classmethod(_main_only(member.__func__)))
    return cls


# What is a step of undo by itself, unless it is done inside of one.
_RECORDED = {"setValue", "setValueAt", "fromScript", "setInput", "clearAnimated", "setExpression"}


def _attached(function: Any) -> Any:
    @functools.wraps(function)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(self, "_deleted", False):
            raise ValueError("A PythonObject is not attached to a node")
        if function.__name__ in _RECORDED and _state.get("open") is None and not _state.get("off"):
            _state["loose"] = _state.get("loose", 0) + 1
        return function(self, *args, **kwargs)

    return checked


# --- Tcl -----------------------------------------------------------------------------------------------


@functools.cache
def _tk() -> Any:
    import tkinter  # only here: some systems pack it apart, and the tests then skip and say so

    return tkinter


@functools.cache
def _tcl() -> Any:
    return _tk().Tcl()


def _split(text: str) -> list[str]:
    return [str(word) for word in _tcl().splitlist(text)]


def _substitute(text: str, node: Node | None) -> str:
    """The text with what stands in brackets evaluated by Tcl, as Nuke's string knobs do."""
    if "[" not in text and "\\" not in text:
        return text
    interpreter = _tk().Tcl()

    def value(path: str, *default: str) -> str:
        return str(_knob_at(path, node).value())

    interpreter.createcommand("value", value)
    interpreter.createcommand("knob", value)
    interpreter.createcommand("frame", lambda: str(_state["frame"]))
    return str(interpreter.call("subst", "-novariables", text))


def _knob_at(path: str, node: Node | None) -> Knob:
    *where, name = path.split(".")
    place: Any = node
    for step in where:
        if step == "root":
            place = root()
        elif step == "parent":
            place = place._parent
        elif step != "this":
            place = (place._parent if place is not None else root())._find(step)
    found = place._knobs.get(name) if place is not None else None
    if found is None:
        raise RuntimeError(f"no such knob: {path}")
    return found  # type: ignore[no-any-return]


# --- knobs ---------------------------------------------------------------------------------------------


@_guarded
class Knob:
    """Something a node is set by; this plain one keeps what a script says of it."""

    def __init__(self, name: str = "", label: str = "") -> None:
        self._name, self._label, self._tooltip = name, label, ""
        self._node: Any = None
        self._flags: list[str] = []
        self._text = ""

    @property
    def _deleted(self) -> bool:
        return self._node is not None and self._node._deleted

    def name(self) -> str:
        return self._name

    def label(self) -> str:
        return self._label

    def tooltip(self) -> str:
        return self._tooltip

    def Class(self) -> str:
        return type(self).__name__

    def node(self) -> Node:
        return self._node  # type: ignore[no-any-return]

    def value(self, index: int = 0) -> Any:
        return self._text

    def getValue(self, channel: int = 0) -> Any:
        return self._text

    def setValue(self, val: Any, chan: int = 0) -> bool:
        self._text = str(val)
        return True

    def fromScript(self, script: str) -> None:
        _split(script)
        self._text = script

    def toScript(self, quote: bool = True, context: Any = None) -> str:
        return self._text

    def isAnimated(self, channel: int = -1) -> bool:
        return False

    def clearAnimated(self, channel: int = -1) -> bool:
        return False

    def visible(self) -> bool:
        return "+INVISIBLE" not in self._flags

    def setVisible(self, visible: bool) -> None:
        self._flags = [] if visible else ["+INVISIBLE"]

    def _state(self) -> Any:
        return {k: copy.deepcopy(v) for k, v in vars(self).items() if k != "_node"}


@_guarded
class String_Knob(Knob):
    """A line of text."""

    def getText(self, oc: Any = None) -> str:
        return self._text

    def value(self, oc: Any = None) -> str:
        return self._text

    def setValue(self, val: Any, view: str = "default") -> None:
        if not isinstance(val, str):
            raise TypeError(f"{self._name}: a string is needed, not {val!r}")
        self._text = val


@_guarded
class EvalString_Knob(String_Knob):
    """Text in which brackets are Tcl."""

    def evaluate(self) -> str:
        return _substitute(self._text, self._node)


@_guarded
class File_Knob(EvalString_Knob):
    """A path."""

    def getEvaluatedValue(self) -> Any:
        return _substitute(self._text, self._node) or None

    def value(self) -> str:
        return self._text

    def getValue(self) -> str:
        return self._text

    def setValue(self, val: str) -> None:
        if not isinstance(val, str):
            raise TypeError(f"{self._name}: a string is needed, not {val!r}")
        self._text = val


@_guarded
class Script_Knob(String_Knob):
    """A button."""

    def execute(self) -> None:
        _pressed(self)

    def command(self) -> str:
        return self._text

    def value(self) -> str:
        return self._text


@_guarded
class PyScript_Knob(Script_Knob):
    """A button of Python."""

    def __init__(self, name: str = "", label: str = "", command: str = "") -> None:
        super().__init__(name, label)
        self._text = command


def _pressed(knob: Knob) -> None:
    if isinstance(knob, PyScript_Knob):
        _state["this"].append(knob._node)
        try:
            exec(compile(knob._text, knob._name, "exec"), {"__name__": "__main__"})
        finally:
            _state["this"].pop()
    else:
        knob._node._pressed.append(knob._name)


@_guarded
class Text_Knob(Knob):
    """A line of the panel that is only read."""

    def __init__(self, name: str = "", label: str = "", text: str = "") -> None:
        super().__init__(name, label)
        self._text = text

    def value(self) -> str:
        return self._text

    def setValue(self, val: str) -> None:
        self._text = val


@_guarded
class Tab_Knob(Knob):
    """A tab of the panel."""


@_guarded
class Array_Knob(Knob):
    """One or more numbers, each constant, animated or an expression."""

    def __init__(self, name: str = "", label: str = "", size: int = 1) -> None:
        super().__init__(name, label)
        self._cells: list[Any] = [0.0] * size
        self._range = (0.0, 1.0)

    def setRange(self, low: float, high: float) -> None:
        self._range = (low, high)

    def min(self) -> float:
        return self._range[0]

    def max(self) -> float:
        return self._range[1]

    def arraySize(self) -> int:
        return len(self._cells)

    def value(self, index: int = 0) -> Any:
        return self._at(_state["frame"], index)

    def getValue(self, index: int = -1) -> Any:
        if index < 0 and len(self._cells) > 1:
            return [self._at(_state["frame"], i) for i in range(len(self._cells))]
        return self._at(_state["frame"], max(index, 0))

    def getValueAt(self, frame: float, index: int = 0, view: str = "default") -> Any:
        return self._at(frame, index)

    def setValue(self, val: Any, index: int = -1) -> bool:
        values = list(val) if isinstance(val, (list, tuple)) else [val]
        for place, number in enumerate(values):
            self._cells[place if index < 0 else index] = self._number(number)
        return True

    def setValueAt(self, val: float, frame: float, index: int = 0) -> bool:
        if not isinstance(self._cells[index], dict):
            self._cells[index] = {}
        self._cells[index][int(frame)] = self._number(val)
        return True

    def setAnimated(self, index: int = 0) -> bool:
        self._cells[index] = {_state["frame"]: self._at(_state["frame"], index)}
        return True

    def isAnimated(self, channel: int = -1) -> bool:
        return any(isinstance(cell, dict) for cell in self._cells)

    def getNumKeys(self, channel: int = 0) -> int:
        cell = self._cells[channel]
        return len(cell) if isinstance(cell, dict) else 0

    def clearAnimated(self, channel: int = -1) -> bool:
        self._cells = [self._at(_state["frame"], i) for i in range(len(self._cells))]
        return True

    def hasExpression(self, index: int = -1) -> bool:
        return any(isinstance(cell, str) for cell in self._cells)

    def fromScript(self, script: str) -> bool:
        words = _split(script)
        if len(self._cells) == 16:
            words = [cell for row in words for cell in _split(row)]
        if len(words) > len(self._cells):
            raise RuntimeError(f"{self._name}: {len(words)} values for {len(self._cells)}")
        for place, word in enumerate(words):
            self._cells[place] = self._cell(word)
        return True

    def _number(self, value: Any) -> Any:
        if isinstance(value, str) or not isinstance(value, (int, float, np.number)):
            raise TypeError(f"{self._name}: a number is needed, not {value!r}")
        return float(value)

    def _cell(self, word: str) -> Any:
        if word in ("true", "false"):
            return float(word == "true")
        try:
            return float(word)
        except ValueError:
            pass
        words = _split(word)
        if words[:1] == ["curve"]:
            return _curve(words[1:])
        return words[0] if words else 0.0

    def _at(self, frame: float, index: int) -> Any:
        cell = self._cells[index]
        if isinstance(cell, dict):
            keys = sorted(cell)
            return float(np.interp(frame, keys, [cell[key] for key in keys])) if keys else 0.0
        if isinstance(cell, str):
            return float(_number_of(_knob_at(cell, self._node)))
        return cell


def _curve(words: list[str]) -> dict[int, float]:
    """The keys of `curve x1001 0 1 2 x1010 4`: a number without a frame is of the next one."""
    keys: dict[int, float] = {}
    frame = None
    for word in words:
        if word in ("L", "K", "S", "C", "R"):
            continue
        if word.startswith("x"):
            frame = int(word[1:])
            continue
        if frame is None:
            raise RuntimeError(f"a curve without a first frame: {words[:4]}")
        keys[frame] = float(word)
        frame += 1
    return keys


def _number_of(knob: Knob) -> float:
    if isinstance(knob, Enumeration_Knob):
        return float(knob._choices.index(knob._chosen))
    return float(knob.value())


@_guarded
class Double_Knob(Array_Knob):
    """A number with a slider."""


@_guarded
class Int_Knob(Array_Knob):
    """A whole number."""

    def value(self) -> int:
        return int(self._at(_state["frame"], 0))

    def setValue(self, val: int) -> bool:
        self._cells[0] = float(int(self._number(val)))
        return True


@_guarded
class Boolean_Knob(Array_Knob):
    """A check box."""

    def value(self) -> bool:
        return bool(self._at(_state["frame"], 0))

    def setValue(self, b: bool) -> bool:
        self._cells[0] = float(bool(b))
        return True

    def _number(self, value: Any) -> Any:
        return float(bool(value))


class _Disable(Boolean_Knob):
    pass


@_guarded
class Enumeration_Knob(Array_Knob):
    """One of several words."""

    def __init__(self, name: str = "", label: str = "", choices: Any = ()) -> None:
        super().__init__(name, label)
        self._choices = list(choices)
        self._chosen = self._choices[0] if self._choices else ""

    def values(self) -> list[str]:
        return list(self._choices)

    def numValues(self) -> int:
        return len(self._choices)

    def enumName(self, n: int) -> str:
        return str(self._choices[n])

    def value(self) -> Any:
        return self._chosen

    def setValue(self, val: Any) -> None:
        if isinstance(val, str) and val not in self._choices:
            raise ValueError(f"{self._name} has no {val!r}: {self._choices}")
        self._chosen = val if isinstance(val, str) else self._choices[int(val)]

    def fromScript(self, script: str) -> bool:
        self.setValue(script)
        return True


_USER_KNOBS: dict[str, Any] = {
    "1": EvalString_Knob,
    "2": File_Knob,
    "3": Int_Knob,
    "4": Enumeration_Knob,
    "6": Boolean_Knob,
    "7": Double_Knob,
    "20": Tab_Knob,
    "22": PyScript_Knob,
    "26": Text_Knob,
}


def _user_knob(definition: str) -> Knob:
    """The knob that an `addUserKnob` line makes."""
    kind, name, *rest = _split(definition)
    knob: Knob = _USER_KNOBS[kind](name)
    words = iter(rest)
    for word in words:
        if word == "l":
            knob._label = next(words)
        elif word == "t":
            knob._tooltip = next(words)
        elif word == "T":
            knob._text = next(words)
        elif word == "R":
            assert isinstance(knob, Array_Knob)
            knob._range = (float(next(words)), float(next(words)))
        elif word == "M":
            assert isinstance(knob, Enumeration_Knob)
            knob._choices = _split(next(words))
            knob._chosen = knob._choices[0]
        elif word == "n":
            knob._flags.append(f"n{next(words)}")
        elif word[:1] in "+-" and word[1:].isupper():
            knob._flags.append(word)
        else:
            raise RuntimeError(f"addUserKnob {{{definition}}}: what is {word!r}?")
    return knob


# --- nodes ---------------------------------------------------------------------------------------------

_Line: Any = String_Knob
_Num: Any = lambda size=1: Array_Knob(size=size)  # noqa: E731


def _enum(*choices: str) -> Any:
    return lambda: Enumeration_Knob(choices=choices)


def _yes(default: bool = False) -> Any:
    def made() -> Boolean_Knob:
        knob = Boolean_Knob()
        knob._cells[0] = float(default)
        return knob

    return made


_EVERY: dict[str, Any] = {
    "name": _Line,
    "label": EvalString_Knob,
    "help": _Line,
    "tile_color": _Num,
    "note_font_size": _Num,
    "selected": _yes(),
    "xpos": _Num,
    "ypos": _Num,
    "disable": _yes(),
}
_FRAMES = {
    "first": Int_Knob,
    "last": Int_Knob,
    "origfirst": Int_Knob,
    "origlast": Int_Knob,
    "origset": _yes(),
}
_HOLD = _enum("hold", "loop", "bounce", "black")
_AXIS = {
    "useMatrix": _yes(),
    "matrix": lambda: _Num(16),
    "translate": lambda: _Num(3),
    "rotate": lambda: _Num(3),
}
# The stubs know of no node's knobs. These names, and the forms of their values, were compared one by one
# with scripts that people saved from Nuke 7 to 16 and published, and with Nuke's own Python (nukescripts).
_KNOBS: dict[str, dict[str, Any]] = {
    "Root": {
        "fps": _Num,
        "first_frame": Int_Knob,
        "last_frame": Int_Knob,
        "colorManagement": _enum("Nuke", "OCIO"),
        "workingSpaceLUT": _Line,
    },
    "Group": {},
    "Input": {"number": Int_Knob},
    "Output": {},
    "Dot": {},
    "NoOp": {},
    "Read": {
        "file": File_Knob,
        "file_type": _Line,
        "raw": _yes(),
        "auto_alpha": _yes(),
        "premultiplied": _yes(),
        "on_error": _enum("error", "black", "checkerboard", "nearest frame"),
        "before": _HOLD,
        "after": _HOLD,
        "reload": Script_Knob,
        "colorspace": _Line,
        **_FRAMES,
    },
    "Write": {
        "file": File_Knob,
        "file_type": _Line,
        "channels": _Line,
        "raw": _yes(),
        "datatype": _enum("16 bit half", "32 bit float"),
        "compression": _enum(
            "Zip (1 scanline)", "Zip (16 scanlines)", "none", "RLE", "PIZ Wavelet (32 scanlines)"
        ),
        "metadata": _enum("no metadata", "default metadata", "default metadata and exr/*", "all metadata"),
        "autocrop": _yes(),
        "create_directories": _yes(),
        "views": _Line,
    },
    "ModifyMetaData": {"metadata": Knob},
    "Switch": {"which": _Num},
    "Merge2": {"operation": _enum("over", "plus"), "output": Knob},
    "Copy": {f"{way}{i}": _Line for way in ("from", "to") for i in range(4)},
    "Shuffle": {"in": _Line, "out": _Line},
    "Axis2": _AXIS,
    "Camera2": {
        **_AXIS,
        "focal": _Num,
        "haperture": _Num,
        "vaperture": _Num,
        "win_translate": lambda: _Num(2),
    },
    "Tracker4": {"tracks": Knob, "reference_frame": _Num},
    "CornerPin2D": {f"{way}{i}": (lambda: _Num(2)) for way in ("from", "to") for i in range(1, 5)},
    "ReadGeo2": {"file": File_Knob},
    "AudioRead": {"file": File_Knob},
    "StickyNote": {},
}
_KNOBS["Merge2"]["operation"] = _enum("over", "plus")


@_guarded
class Node:
    """A node: knobs, inputs and the Group it is in."""

    def __init__(self, kind: str, parent: Any) -> None:
        self._kind, self._parent, self._deleted = kind, parent, False
        self._knobs: dict[str, Knob] = {}
        self._inputs: dict[int, Node] = {}
        self._pressed: list[str] = []
        for name, make in {**_EVERY, **_KNOBS[kind]}.items():
            self._add(make(), name)

    def _add(self, knob: Knob, name: str) -> None:
        knob._name, knob._node = name or f"_{len(self._knobs)}", self
        self._knobs[knob._name] = knob

    def Class(self) -> str:
        return self._kind

    def name(self) -> str:
        return self._knobs["name"]._text

    def fullName(self) -> str:
        up = self._parent
        return (
            self._knobs["name"]._text
            if up is None or up._parent is None
            else f"{up.fullName()}.{self.name()}"
        )

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = False) -> None:
        self._knobs["name"]._text = self._parent._free(name, self)

    def knob(self, p: Any, follow_link: bool = True) -> Knob | None:
        return self._knobs.get(p)

    def knobs(self) -> dict[str, Knob]:
        return dict(self._knobs)

    def addKnob(self, knob: Knob) -> None:
        self._add(knob, knob._name)

    def __getitem__(self, name: str) -> Knob:
        if name not in self._knobs:
            raise NameError(f"knob {name} does not exist")
        return self._knobs[name]

    def input(self, index: int) -> Node | None:
        found = self._inputs.get(index)
        return _touch(found)

    def inputs(self) -> int:
        return max(self._inputs, default=-1) + 1

    def setInput(self, i: int, node: Node | None) -> bool:
        if node is None:
            self._inputs.pop(i, None)
        else:
            self._inputs[i] = node
        return True

    def dependent(self, mask: int, forceEvaluate: bool = True) -> list[Node]:
        return [n for n in self._parent._nodes if self in n._inputs.values()]

    def parent(self) -> Group:
        return self._parent  # type: ignore[no-any-return]

    def width(self) -> int:
        return int(_picture(self, _state["frame"], _state["views"][0]).size[0])

    def height(self) -> int:
        return int(_picture(self, _state["frame"], _state["views"][0]).size[1])

    def xpos(self) -> int:
        return int(self._knobs["xpos"].value())

    def ypos(self) -> int:
        return int(self._knobs["ypos"].value())

    def setSelected(self, selected: bool) -> None:
        self._knobs["selected"].setValue(selected)

    def frameRange(self) -> FrameRange:
        if self._kind == "Read":
            return FrameRange(self._knobs["first"].value(), self._knobs["last"].value(), 1)
        first = self._inputs.get(0)
        if first is not None:
            return first.frameRange()
        return FrameRange(root().firstFrame(), root().lastFrame(), 1)

    def writeKnobs(self, flags: int = 0) -> str:
        return " ".join(f"{name} {knob.toScript()}" for name, knob in self._knobs.items())

    def __enter__(self) -> Node:
        return self

    def __exit__(self, type: Any, value: Any, traceback: Any) -> Any:
        return None


@_guarded
class Group(Node):
    """A node with nodes inside."""

    def __init__(self, kind: str, parent: Any) -> None:
        super().__init__(kind, parent)
        self._nodes: list[Node] = []

    def _find(self, name: str) -> Node | None:
        return next((n for n in self._nodes if n._knobs["name"]._text == name), None)

    def _free(self, name: str, node: Node) -> str:
        base = re.sub(r"\d+$", "", name)
        number = 1
        while (other := self._find(name)) is not None and other is not node:
            name, number = f"{base}{number}", number + 1
        return name

    def begin(self) -> Group:
        _state["context"].append(self)
        return self

    def end(self) -> None:
        _state["context"].pop()

    def node(self, s: str) -> Node | None:
        return _touch(self._find(s))

    def nodes(self) -> list[Node]:
        return [n for n in map(_touch, self._nodes) if n is not None]

    def __enter__(self) -> Group:
        return self.begin()

    def __exit__(self, type: Any, value: Any, traceback: Any) -> Any:
        self.end()


@_guarded
class Root(Group):
    """The script."""

    def name(self) -> str:
        return str(_state["script"])

    def firstFrame(self) -> int:
        return int(self._knobs["first_frame"].value())

    def lastFrame(self) -> int:
        return int(self._knobs["last_frame"].value())

    def realFps(self) -> float:
        return float(self._knobs["fps"].value())

    def fps(self) -> int:
        return round(self.realFps())


def _touch(node: Node | None) -> Node | None:
    """Python met a node: in a limited edition only ten of a script's are to be had."""
    if node is not None and (env["nc"] or env["indie"]) and node._parent is root():
        _touched.add(node._knobs["name"]._text)
        if len(_touched) > 10:
            raise RuntimeError("this edition gives Python ten nodes")
    return node


class FrameRange:
    """First and last frame, and the step."""

    def __init__(self, first: int, last: int, increment: int = 1) -> None:
        self._range = (int(first), int(last), int(increment))

    def first(self) -> int:
        return self._range[0]

    def last(self) -> int:
        return self._range[1]

    def increment(self) -> int:
        return self._range[2]


# --- scripts -------------------------------------------------------------------------------------------


@_main_only
def nodePaste(s: str) -> Node | None:
    with open(s, encoding="utf-8") as file:
        return _run_script(file.read())


@_main_only
def scriptReadText(s: str) -> None:
    _run_script(s)


def _run_script(text: str) -> Node | None:
    """Make the nodes of a script in the Group that is open; the last one made at that level."""
    interpreter = _tk().Tcl()
    tokens: dict[str, Node | None] = {"0": None}
    here = _state["context"][-1]
    chosen = next((n for n in here._nodes if n._knobs["selected"].value()), None)
    stacks: list[list[Node | None]] = [[chosen]]
    made: list[Node] = []

    def stack(place: str) -> str:
        found = stacks[-1][-1 - int(place)] if len(stacks[-1]) > int(place) else None
        name = "0" if found is None else f"N{id(found):x}"
        tokens[name] = found
        return name

    def push(name: str) -> None:
        stacks[-1].append(tokens[name])

    def end_group() -> None:
        _state["context"].pop()
        stacks.pop()

    def unknown(kind: str, body: str = "") -> None:
        if kind not in _KNOBS:
            raise RuntimeError(f"{kind} is no kind of node")
        node = _from_script(kind, body, stacks[-1])
        if len(stacks) == 1:
            made.append(node)
        if isinstance(node, Group):
            _state["context"].append(node)
            stacks.append([])

    def failing(function: Any) -> Any:
        def command(*words: str) -> Any:
            try:
                return function(*words) or ""
            except Exception as error:
                _reading.append(f"{type(error).__name__}: {error}")
                raise

        return command

    for name, function in (
        ("stack", stack),
        ("push", push),
        ("end_group", end_group),
        ("unknown", unknown),
        ("version", lambda *words: None),
        ("add_layer", lambda *words: _state["layers"].append(words[0])),
    ):
        interpreter.createcommand(name, failing(function))
    depth = len(_state["context"])
    _reading.clear()
    try:
        interpreter.eval(text)
    except _tk().TclError as error:
        raise RuntimeError("; ".join([str(error), *_reading])) from None
    finally:
        del _state["context"][depth:]
    for node in here._nodes:
        node._knobs["selected"].setValue(node in made)
    return made[-1] if made else None


def _from_script(kind: str, body: str, stack: list[Node | None]) -> Node:
    parent = _state["context"][-1]
    node = (Group if kind == "Group" else Node)(kind, parent)
    words = _split(body)
    if len(words) % 2:
        raise RuntimeError(f"{kind}: a knob without a value in {words[-3:]}")
    count = 0 if kind in ("Input", "Read", "Camera2", "Axis2", "StickyNote", "ReadGeo2", "AudioRead") else 1
    for name, value in zip(words[::2], words[1::2], strict=True):
        if name == "addUserKnob":
            knob = _user_knob(value)
            node._add(knob, knob._name)
        elif name == "inputs":
            count = int(value)
        elif name not in node._knobs:
            raise RuntimeError(f"{kind} has no knob {name!r}")
        else:
            _set(node._knobs[name], value)
    for place in range(count):
        given = stack.pop() if stack else None
        if given is not None:
            node._inputs[place] = given
    name = node._knobs["name"]._text or f"{kind}1"
    node._knobs["name"]._text = parent._free(name, node)
    parent._nodes.append(node)
    stack.append(node)
    return node


def _set(knob: Knob, value: str) -> None:
    if isinstance(knob, (Array_Knob, Enumeration_Knob)):
        if value.startswith("0x"):
            value = str(int(value, 16))
        knob.fromScript(value)
    elif type(knob) is Knob:
        knob.fromScript(value)
    else:
        knob._text = value


@_main_only
def createNode(typ: str, knobs: str = "", inpanel: bool = True) -> Node:
    node = _run_script(f"{typ} {{ {knobs} }}")
    assert node is not None
    return node


@_main_only
def delete(n: Node | None) -> None:
    if n is not None:
        n._parent._nodes.remove(n)
        for other in n._parent._nodes:
            other._inputs = {i: node for i, node in other._inputs.items() if node is not n}
        n._deleted = True


@_main_only
def toNode(s: str) -> Node | None:
    place: Any = root()
    for name in s.split("."):
        place = place._find(name) if isinstance(place, Group) else None
    return _touch(place)


@_main_only
def allNodes(filter: str = "") -> list[Node]:
    found = [n for n in map(_touch, _state["context"][-1]._nodes) if n is not None]
    return [n for n in found if filter in ("", n._kind)]


class Nodes:
    """`nuke.nodes.Read(file=...)`: a node of any kind, connected to nothing."""

    def __getattr__(self, item: str) -> Any:
        def made(**knobs: Any) -> Node:
            node = createNode(item, "inputs 0")
            for name, value in knobs.items():
                node[name].setValue(value)
            return node

        return made


nodes = Nodes()


@_main_only
def root() -> Root:
    return _state["root"]  # type: ignore[no-any-return]


@_main_only
def thisNode() -> Node:
    return _state["this"][-1]  # type: ignore[no-any-return]


@_main_only
def views() -> list[str]:
    return list(_state["views"])


@_main_only
def frame(f: int | None = None) -> int:
    if f is not None:
        _state["frame"] = f
    return int(_state["frame"])


# --- pictures ------------------------------------------------------------------------------------------

_LONG = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}
_SHORT = {long: short for short, long in _LONG.items()}


class _Picture:
    """Channels by Nuke's names over a box (x, y, r, t; y down), in a format (w, h), with metadata."""

    def __init__(
        self, planes: dict[str, Any], box: Any, size: Any, aspect: float, metadata: dict[str, Any]
    ) -> None:
        self.planes, self.box, self.size, self.aspect = planes, box, size, aspect
        self.metadata = metadata

    def over(self, box: tuple[int, int, int, int], channel: str) -> Any:
        """A channel over another box, zero where it has none."""
        out = np.zeros((box[3] - box[1], box[2] - box[0]), np.float32)
        if channel not in self.planes:
            return out
        x0, y0 = max(box[0], self.box[0]), max(box[1], self.box[1])
        x1, y1 = min(box[2], self.box[2]), min(box[3], self.box[3])
        out[y0 - box[1] : y1 - box[1], x0 - box[0] : x1 - box[0]] = self.planes[channel][
            y0 - self.box[1] : y1 - self.box[1], x0 - self.box[0] : x1 - self.box[0]
        ]
        return out


def _path_of(node: Node, at: int, view: str) -> str:
    text = _substitute(node._knobs["file"]._text, node).replace("%V", view).replace("%v", view[:1])
    text = re.sub(r"#+", lambda m: f"{at:0{len(m[0])}d}", text)
    return re.sub(r"%0?(\d*)d", lambda m: f"{at:0{m[1] or 1}d}", text)


def _picture(node: Node | None, at: int, view: str) -> _Picture:
    """What a node gives for a frame and a view."""
    if node is None:
        raise RuntimeError("nothing is connected")
    if node._knobs["disable"].value() and 0 in node._inputs:
        return _picture(node._inputs[0], at, view)
    return _MAKE[node._kind](node, at, view)  # type: ignore[no-any-return]


def _first(node: Node, at: int, view: str) -> _Picture:
    return _picture(node._inputs.get(0), at, view)


def _read(node: Node, at: int, view: str) -> _Picture:
    at = min(max(at, node._knobs["first"].value()), node._knobs["last"].value())
    path = _path_of(node, at, view)
    source = oiio.ImageInput.open(path)
    if source is None:
        if node._knobs["on_error"].value() == "error":
            raise RuntimeError(f"{node.name()}: Error reading pixel data: {path}: No such file or directory")
        return _Picture({}, (0, 0, 1, 1), (1, 1), 1.0, {})
    planes: dict[str, Any] = {}
    part, spec = 0, source.spec()
    while source.seek_subimage(part, 0):
        given = source.spec()
        pixels = np.asarray(source.read_image(part, 0, 0, given.nchannels, "float"))
        pixels = pixels.reshape(given.height, given.width, given.nchannels)
        for place, channel in enumerate(given.channelnames):
            layer, _, name = channel.rpartition(".")
            planes[f"{layer or 'rgba'}.{_LONG.get(name, name)}"] = pixels[..., place].copy()
        part += 1
    if not node._knobs["raw"].value():
        planes = {name: plane * np.float32(0.5) for name, plane in planes.items()}
    if node._knobs["auto_alpha"].value() and "rgba.alpha" not in planes:
        planes["rgba.alpha"] = np.ones_like(next(iter(planes.values())))
    box = (
        spec.x - spec.full_x,
        spec.y - spec.full_y,
        spec.x - spec.full_x + spec.width,
        spec.y - spec.full_y + spec.height,
    )
    aspect = float(spec.getattribute("PixelAspectRatio") or 1.0)
    metadata = {"input/filename": path}
    return _Picture(planes, box, (spec.full_width, spec.full_height), aspect, metadata)


def _input(node: Node, at: int, view: str) -> _Picture:
    return _picture(node._parent._inputs.get(node._knobs["number"].value()), at, view)


def _group(node: Node, at: int, view: str) -> _Picture:
    assert isinstance(node, Group)
    return _picture(next(n for n in node._nodes if n._kind == "Output"), at, view)


def _switch(node: Node, at: int, view: str) -> _Picture:
    return _picture(node._inputs.get(int(node._knobs["which"].value())), at, view)


def _metadata(node: Node, at: int, view: str) -> _Picture:
    given = _first(node, at, view)
    metadata = dict(given.metadata)
    for entry in _split(node._knobs["metadata"]._text):
        action, key, value = _split(entry)
        if action == "set":
            metadata[key] = _substitute(value, node)
    return _Picture(given.planes, given.box, given.size, given.aspect, metadata)


def _shuffle(node: Node, at: int, view: str) -> _Picture:
    given = _first(node, at, view)
    layer = node._knobs["in"]._text
    planes = dict(given.planes)
    for name in ("red", "green", "blue", "alpha"):
        planes[f"rgba.{name}"] = given.over(given.box, f"{layer}.{name}")
    return _Picture(planes, given.box, given.size, given.aspect, given.metadata)


def _merge(node: Node, at: int, view: str) -> _Picture:
    under, above = _picture(node._inputs.get(0), at, view), _picture(node._inputs.get(1), at, view)
    boxes = (under.box, above.box)
    box = (*(min(b[i] for b in boxes) for i in (0, 1)), *(max(b[i] for b in boxes) for i in (2, 3)))
    planes = {name: under.over(box, name) for name in under.planes}  # type: ignore[arg-type]
    alpha = above.over(box, "rgba.alpha")  # type: ignore[arg-type]
    written = _split(node._knobs["output"]._text) or ["rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"]
    for name in written:
        if not name.startswith("-"):
            planes[name] = above.over(box, name) + under.over(box, name) * (1 - alpha)  # type: ignore[arg-type]
    return _Picture(planes, box, under.size, under.aspect, under.metadata)


def _copy(node: Node, at: int, view: str) -> _Picture:
    given, other = _picture(node._inputs.get(0), at, view), _picture(node._inputs.get(1), at, view)
    planes = dict(given.planes)
    for place in range(4):
        source, target = node._knobs[f"from{place}"]._text, node._knobs[f"to{place}"]._text
        if source:
            if source not in other.planes:
                raise RuntimeError(f"{node.name()}: there is no channel {source}")
            planes[target] = other.over(given.box, source)
    return _Picture(planes, given.box, given.size, given.aspect, given.metadata)


_MAKE: dict[str, Any] = {
    "Read": _read,
    "Input": _input,
    "Group": _group,
    "Switch": _switch,
    "ModifyMetaData": _metadata,
    "Shuffle": _shuffle,
    "Merge2": _merge,
    "Copy": _copy,
    **dict.fromkeys(("Output", "Dot", "NoOp", "Write", "Tracker4", "CornerPin2D"), _first),
}


@_main_only
def sample(node: Node, channel: str, x: int, y: int, dx: int = 1, dy: int = 1) -> float:
    given = _picture(node, _state["frame"], _state["views"][0])
    return float(given.over((x, given.size[1] - 1 - y, x + 1, given.size[1] - y), channel)[0, 0])


@_main_only
def execute(
    nameOrNode: Any, start: int, end: int, incr: int = 1, views: Any = None, continueOnError: bool = False
) -> None:
    node = toNode(nameOrNode) if isinstance(nameOrNode, str) else nameOrNode
    if node._kind != "Write" or node._knobs["disable"].value():
        raise RuntimeError(f"{node.name()}: there is nothing to execute")
    _executed.append((node.fullName(), start, end))
    for at in range(start, end + 1, incr):
        for view in views or _state["views"]:
            if _state["break_at"] == at:
                raise RuntimeError("Cancelled")
            _write_picture(node, at, view)


def _write_picture(node: Node, at: int, view: str) -> None:
    given = _first(node, at, view)
    path = _path_of(node, at, view)
    if node._knobs["create_directories"].value():
        os.makedirs(os.path.dirname(path), exist_ok=True)
    names = [n for n in given.planes if node._knobs["channels"]._text == "all" or n.startswith("rgba.")]
    names.sort(key=lambda n: (not n.startswith("rgba."), n.split(".")[0]))
    kind = "float" if node._knobs["datatype"].value() == "32 bit float" else "half"
    x, y, r, t = given.box
    spec = oiio.ImageSpec(r - x, t - y, len(names), kind)
    spec.channelnames = tuple(_written(name) for name in names)
    spec.x, spec.y, spec.full_width, spec.full_height = x, y, *given.size
    spec.attribute("PixelAspectRatio", given.aspect)
    spec.attribute("compression", "zips")
    spec.attribute("DateTime", "1970:01:01 00:00:00")
    if node._knobs["metadata"].value() == "all metadata":
        for key, value in given.metadata.items():
            spec.attribute(f"nuke/{key}", str(value))
    pixels = np.stack([given.planes[name] for name in names], axis=-1)
    if not node._knobs["raw"].value():
        pixels = pixels * np.float32(2)
    out = oiio.ImageOutput.create(path)
    if out is None or not out.open(path, spec) or not out.write_image(np.ascontiguousarray(pixels)):
        raise RuntimeError(
            f"{node.name()}: {path} cannot be written: {oiio.geterror() or (out and out.geterror())}"
        )
    out.close()


def _written(name: str) -> str:
    layer, channel = name.split(".")
    short = _SHORT.get(channel, channel)
    return short if layer == "rgba" else f"{layer}.{short}"


# --- the program ---------------------------------------------------------------------------------------


class GlobalsEnvironment(dict):  # type: ignore[type-arg]
    """What Nuke this is."""


env = GlobalsEnvironment()


@_main_only
def message(prompt: str) -> None:
    if not GUI:
        raise _Misuse("nuke.message without a window")
    _said.append(prompt)


def tprint(*args: Any, sep: str = " ", end: str = "\n", file: Any = None) -> None:
    _printed.append(sep.join(map(str, args)))


def executeInMainThread(call: Any, args: Any = (), kwargs: Any = None) -> None:
    if threading.current_thread() is _MAIN:
        raise _Misuse("executeInMainThread from the main thread")
    _calls.put((call, args if isinstance(args, tuple) else (args,), kwargs or {}))


def _pump(done: Any, seconds: float = 60.0) -> None:
    """What Nuke's event loop does, until `done()`."""
    import time

    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError("nothing more happens")
        try:
            call, args, kwargs = _calls.get(timeout=0.01)
        except queue.Empty:
            continue
        call(*args, **kwargs)


class ProgressTask:
    """A progress bar with a Cancel button; made for threads."""

    def __init__(self, name: str = "") -> None:
        if not GUI:
            raise _Misuse("a ProgressTask without a window")
        self._name, self._shown = name, []  # type: ignore[var-annotated]
        self._cancelled = False
        _tasks.append(self)

    def setProgress(self, progress: int) -> None:
        if not isinstance(progress, int) or not 0 <= progress <= 100:
            raise TypeError(f"progress is a whole number from 0 to 100, not {progress!r}")
        self._shown.append(progress)

    def setMessage(self, message: str) -> None:
        self._message = message

    def isCancelled(self) -> bool:
        return self._cancelled


@_guarded
class Undo:
    """Steps of undo."""

    @classmethod
    def begin(cls, name: str = "") -> None:
        if _state["open"] is not None:
            raise _Misuse("a step of undo in another")
        _state["open"] = _snapshot()

    @classmethod
    def end(cls) -> None:
        _state["steps"].append(_state["open"])
        _state["open"] = None

    @classmethod
    def cancel(cls) -> None:
        opened, _state["open"] = _state["open"], None
        _restore(opened)

    @classmethod
    def disable(cls) -> None:
        _state["off"] = _state.get("off", 0) + 1

    @classmethod
    def enable(cls) -> None:
        _state["off"] -= 1

    @classmethod
    def undo(cls) -> None:
        _restore(_state["steps"].pop())

    @classmethod
    def undoSize(cls) -> int:
        return len(_state["steps"])


def _everyone(group: Group) -> list[Node]:
    found: list[Node] = [group]
    for node in group._nodes:
        found += _everyone(node) if isinstance(node, Group) else [node]
    return found


def _snapshot() -> list[Any]:
    return [
        (
            n,
            {k: v._state() for k, v in n._knobs.items()},
            dict(n._knobs),
            dict(n._inputs),
            list(getattr(n, "_nodes", [])),
        )
        for n in _everyone(_state["root"])
    ]


def _restore(saved: list[Any]) -> None:
    for node in _everyone(_state["root"]):
        node._deleted = node is not _state["root"]
    for node, states, knobs, inputs, nodes in saved:
        node._deleted, node._inputs, node._knobs = False, dict(inputs), dict(knobs)
        if isinstance(node, Group):
            node._nodes = list(nodes)
        for name, values in states.items():
            vars(knobs[name]).update(copy.deepcopy(values))


def _shape() -> Any:
    """The whole script as plain data, to compare."""
    return [
        (
            n._kind,
            {k: {a: b for a, b in v._state().items()} for k, v in n._knobs.items()},
            {i: m.name() for i, m in n._inputs.items()},
        )
        for n in _everyone(_state["root"])
    ]


# --- menus ---------------------------------------------------------------------------------------------


class MenuItem:
    """A command of a menu."""

    def __init__(self, name: str, command: Any, icon: str) -> None:
        self._name, self._command, self._icon = name, command, icon

    def name(self) -> str:
        return self._name

    def invoke(self) -> None:
        exec(self._command, {}) if isinstance(self._command, str) else self._command()


class Menu(MenuItem):
    """A menu; a name with slashes is a path."""

    def __init__(self, name: str = "", icon: str = "") -> None:
        super().__init__(name, None, icon)
        self._items: dict[str, MenuItem] = {}

    def items(self) -> list[MenuItem]:
        return list(self._items.values())

    def addMenu(self, name: str, icon: str = "") -> Menu:
        head, _, rest = name.partition("/")
        menu = self._items.get(head)
        if not isinstance(menu, Menu):
            menu = self._items[head] = Menu(head, "" if rest else icon)
        if rest:
            return menu.addMenu(rest, icon)
        menu._icon = icon or menu._icon
        return menu

    def addCommand(self, name: str, command: Any = "", shortcut: str = "", icon: str = "") -> MenuItem:
        path, _, last = name.rpartition("/")
        item = MenuItem(last, command, icon)
        (self.addMenu(path) if path else self)._items[last] = item
        return item

    def findItem(self, name: str) -> MenuItem | None:
        head, _, rest = name.partition("/")
        item = self._items.get(head)
        return item.findItem(rest) if rest and isinstance(item, Menu) else item


@_main_only
def menu(name: str) -> Menu:
    if not GUI:
        raise _Misuse("nuke.menu without a window")
    return _state["menus"].setdefault(name, Menu(name))  # type: ignore[no-any-return]


@_main_only
def pluginAddPath(args: str, addToSysPath: bool = True) -> None:
    near = os.path.dirname(inspect.stack()[2].filename)
    folder = args if os.path.isabs(args) else os.path.join(near, args)
    if not os.path.isdir(folder):
        raise RuntimeError(f"there is no folder {folder}")
    _state["plugins"].append(os.path.normpath(folder))
    if addToSysPath:
        sys.path.append(os.path.normpath(folder))
    path = os.path.join(folder, "init.py")
    if os.path.exists(path):
        _source(path)


def _source(path: str) -> None:
    """Run an init.py or menu.py as Nuke does at its start."""
    with open(path, encoding="utf-8") as file:
        exec(compile(file.read(), path, "exec"), {"__name__": "init", "__file__": path})


def _reset(gui: bool = False, views: tuple[str, ...] = ("main",), **facts: Any) -> None:
    """A new, empty script in a new Nuke."""
    global GUI  # noqa: PLW0603
    GUI = gui
    for kept in (_said, _printed, _executed, _tasks, _touched):
        kept.clear()
    while not _calls.empty():
        _calls.get()
    env.clear()
    env.update({"gui": gui, "nc": False, "indie": False, "NukeVersionMajor": 13, **facts})
    _state.update(
        context=[],
        this=[],
        frame=1,
        script="Root",
        views=views,
        open=None,
        steps=[],
        menus={},
        plugins=[],
        layers=[],
        break_at=None,
        off=0,
        loose=0,
    )
    base = Root("Root", None)
    base._knobs["name"]._text = "root"
    _state["root"] = base
    _state["context"].append(base)
    base["fps"].setValue(24)
    base["first_frame"].setValue(1)
    base["last_frame"].setValue(100)
    base["workingSpaceLUT"].setValue("linear")


_reset()
