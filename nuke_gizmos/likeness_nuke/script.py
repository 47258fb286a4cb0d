"""The text of Nuke scripts: a node's knobs as a Tcl list, quoted so that any label, path or help survives.

A script is read twice as a list: once as the body of a node, and a user knob's definition once more. A
value that a knob would evaluate as Tcl is quoted a second time by `literal`.
"""

from __future__ import annotations

import os
from typing import Any, Iterable, Sequence, Tuple

TAB, GROUP, TEXT, NUMBER, WHOLE, CHECK, CHOICE, STRING, FILE, BUTTON = 20, 20, 26, 7, 3, 6, 4, 1, 2, 22

Fields = Iterable[Tuple[str, str]]

_ESCAPES = {
    "\\": "\\\\",
    '"': '\\"',
    "{": "\\{",
    "}": "\\}",
    "[": "\\[",
    "]": "\\]",
    "$": "\\$",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}


def quoted(text: Any) -> str:
    """Any text as one element of a Tcl list, in quotes, with balanced braces."""
    return '"' + "".join(_ESCAPES.get(c, c) for c in str(text) if c != "\0") + '"'


def literal(text: str) -> str:
    """Text that a knob shows as it is, though it evaluates what stands in brackets."""
    return text.replace("\\", "\\\\").replace("[", "\\[")


def file_value(path: str) -> str:
    """A path as a file knob takes it: with slashes, and no bracket evaluated."""
    return literal(path.replace(os.sep, "/"))


def number(value: int | float | bool) -> str:
    """A number as Nuke writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.9g}"


def user_knob(
    kind: int,
    name: str,
    label: str,
    tooltip: str = "",
    range_: Sequence[float] = (),
    choices: Sequence[str] = (),
    text: str = "",
    flags: str = "",
) -> str:
    """The line that adds a knob: `kind` is one of this module's numbers, `text` a button's or text's own."""
    words = [str(kind), name or '""', "l " + quoted(label)]
    if tooltip:
        words.append("t " + quoted(tooltip))
    if len(range_) == 2:
        words.append("R {} {}".format(*map(number, range_)))
    if choices:
        words.append("M {" + " ".join(quoted(choice) for choice in choices) + "}")
    if flags:
        words.append(flags)
    if text:
        words.append("T " + quoted(text))
    return "addUserKnob {" + " ".join(words) + "}"


def divider(label: str = "") -> str:
    """A line across the panel, with a heading if there is a label."""
    return user_knob(TEXT, "", label, flags="" if label else "+STARTLINE")


def node(kind: str, lines: Iterable[str], indent: int = 0) -> str:
    """A node: its class and one line of script for each knob."""
    space = " " * indent
    body = "".join(f"{space} {line}\n" for line in lines)
    return f"{space}{kind} {{\n{body}{space}}}\n"


def curve(frames: Sequence[int], values: Sequence[float]) -> str:
    """An animated value: linear keys at the frames, the frame number only where it does not follow on."""
    words: list[str] = []
    for index, (frame, value) in enumerate(zip(frames, values)):
        if index == 0 or frame != frames[index - 1] + 1:
            words.append(f"x{frame}")
        words.append(number(value))
    return "{curve L " + " ".join(words) + "}" if words else "{}"


def curves(frames: Sequence[int], table: Sequence[Sequence[float]]) -> str:
    """A knob of several animated values; `table` has one row a frame."""
    return " ".join(curve(frames, column) for column in zip(*table))
