"""What every host's form of an effect shares, so that they agree: wording, order, defaults, the request.

`effect`, inputs and parameters are the plain declarations that the worker's `hello` and
`likeness effects --json` give. Pure functions: they keep nothing and change nothing but the file that
`write_performance` is told to write.
"""

from __future__ import annotations

import copy
import csv
import io
import math
import os
import re
import uuid
from typing import Any, Iterator, Mapping, Sequence, Tuple

Declared = Mapping[str, Any]
Range = Tuple[int, int]

GENERAL = "General"
_PLACE = re.compile(r"%(?:0(\d+))?d|(#+)")
_ANGLE = re.compile(r"(head|lefteye|righteye)(yaw|pitch|roll)")
_TIMECODE = re.compile(r"\s*(\d+)[:;](\d+)[:;](\d+)[:;](\d+(?:\.\d+)?)\s*")
_TIMECODE_RATES = (24, 25, 30, 48, 50, 60, 100, 120, 240)
_RATES = (24 / 1.001, 24, 25, 30 / 1.001, 30, 48 / 1.001, 48, 50, 60 / 1.001, 60, 120 / 1.001, 120)
_DAY_S = 86400.0


# --- the form ------------------------------------------------------------------------------------------


def tooltip(field: Declared) -> str:
    """What a field is for, its range and unit; of an input also what it may be and whether it is needed."""
    words = [field["help"]]
    if field.get("min") is not None and field.get("max") is not None:
        unit = " " + field["unit"] if field.get("unit") else ""
        words.append("From {:.10g} to {:.10g}{}.".format(field["min"], field["max"], unit))
    if "kinds" in field:
        words.append("Takes a {}.".format(" or a ".join(field["kinds"])))
        words.append("Needed." if field["required"] else "Optional.")
    return " ".join(words)


def groups(effect: Declared) -> list[tuple[str, list[dict[str, Any]]]]:
    """The parameters under the label of their group, in declared order; those without one come first."""
    found: dict[str, list[dict[str, Any]]] = {"": []}
    for param in effect["params"]:
        found.setdefault(param["group"], []).append(param)
    return [(label or GENERAL, params) for label, params in found.items() if params]


def initial(effect: Declared) -> dict[str, Any]:
    """Every parameter's default by name."""
    return {param["name"]: copy.deepcopy(param["default"]) for param in effect["params"]}


def request(
    effect: Declared,
    inputs: Mapping[str, str],
    values: Mapping[str, Any],
    output: str,
    frames: Range | None = None,
    colorspace: str | None = None,
    device: str = "auto",
    seed: int = 0,
) -> dict[str, Any]:
    """The JSON request that a form stands for.

    Inputs without a path and parameters at their default are left out. Numbers carry seven digits, as
    many as a host's single-precision sliders have, so the same setting gives the same request everywhere.
    `frames` is first and last, inclusive; None is the whole shot.
    """
    given = {}
    for param in effect["params"]:
        value = _plain(param, values.get(param["name"], param["default"]))
        if value != _plain(param, param["default"]):
            given[param["name"]] = value
    return {
        "effect": effect["name"],
        "inputs": {name: str(path) for name, path in inputs.items() if path},
        "params": given,
        "frames": None if frames is None else "{}-{}".format(*frames),
        "output": str(output),
        "colorspace": colorspace or "auto",
        "device": device,
        "seed": int(seed),
    }


def _plain(param: Declared, value: Any) -> Any:
    """A value as JSON: rounded numbers, and of weights those that are not zero."""
    if param["type"] == "float":
        return _digits(value)
    if param["type"] == "int":
        return int(value)
    if param["type"] == "bool":
        return bool(value)
    if param["type"] == "weights":
        rounded = {name: _digits(weight) for name, weight in value.items()}
        return {name: weight for name, weight in rounded.items() if weight != 0}
    return str(value)


def _digits(value: float) -> float:
    return float(f"{float(value):.7g}")


# --- what can be said before any work starts -----------------------------------------------------------


def problems(
    effect: Declared,
    inputs: Mapping[str, str],
    values: Mapping[str, Any],
    output: str,
    frames: Range | None = None,
) -> list[str]:
    """What stands in the way of a run, one sentence each; empty if nothing is known to."""
    return [
        *_input_problems(effect, inputs),
        *_value_problems(effect, values),
        *_output_problems(output),
        *_range_problems(frames),
    ]


def _input_problems(effect: Declared, inputs: Mapping[str, str]) -> Iterator[str]:
    for declared in effect["inputs"]:
        path = inputs.get(declared["name"])
        if path:
            if not _is_there(path):
                yield "{}: there is no file {}; choose another.".format(declared["label"], path)
        elif declared["required"]:
            kinds = " or a ".join(declared["kinds"])
            yield "{} is missing; choose a {} for it.".format(declared["label"], kinds)


def _value_problems(effect: Declared, values: Mapping[str, Any]) -> Iterator[str]:
    for param in effect["params"]:
        value = values.get(param["name"], param["default"])
        if param["type"] == "choice" and value not in param["choices"]:
            options = ", ".join(param["choices"])
            yield "{} cannot be {}; choose one of: {}.".format(param["label"], value, options)
        numbers = value.values() if param["type"] == "weights" else [value]
        if param["type"] in ("float", "int", "weights") and not all(_inside(param, n) for n in numbers):
            low, high = _bounds(param)
            yield "{} is out of range; give a number from {:.10g} to {:.10g}.".format(
                param["label"], low, high
            )


def _inside(param: Declared, number: float) -> bool:
    low, high = _bounds(param)
    return math.isfinite(number) and low <= _digits(number) <= high


def _bounds(param: Declared) -> tuple[float, float]:
    low = -math.inf if param["min"] is None else param["min"]
    high = math.inf if param["max"] is None else param["max"]
    return low, high


def _output_problems(output: str) -> Iterator[str]:
    if not output.strip():
        yield "There is no output; name a file or a folder for the result."
        return
    folder = os.path.abspath(output)
    if os.path.splitext(folder)[1]:
        folder = os.path.dirname(folder)
    while not os.path.exists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        yield f"The output {output} cannot be written, because {folder} is no folder; choose another."
    elif not os.access(folder, os.W_OK):
        yield f"The output {output} cannot be written, because {folder} is read-only; choose another."


def _range_problems(frames: Range | None) -> Iterator[str]:
    if frames is not None and frames[1] < frames[0]:
        yield "The frame range {}-{} runs backwards; give {}-{}.".format(*frames, frames[1], frames[0])


def _is_there(path: str) -> bool:
    """Whether a file, a folder, or at least one frame of a sequence (`####` or `%04d`) is there."""
    if os.path.exists(path):
        return True
    folder, name = os.path.split(path)
    places = list(_PLACE.finditer(name))
    if len(places) != 1 or not os.path.isdir(folder or "."):
        return False
    head, tail = name[: places[0].start()], name[places[0].end() :]
    frame = re.compile(re.escape(head) + r"-?\d+" + re.escape(tail))
    with os.scandir(folder or ".") as entries:
        return any(frame.fullmatch(entry.name) for entry in entries)


# --- performances --------------------------------------------------------------------------------------


def write_performance(
    path: str, columns: Sequence[str], rows: Sequence[Sequence[float]], fps: float, start_s: float = 0.0
) -> None:
    """Write a Live Link Face CSV of curves: one row a frame, values in the order of `columns`.

    Weights are 0 at rest and 1 at the full shape, rotations are radians. The file appears whole or not
    at all; raises `OSError` where it cannot be written and `ValueError` for what is no performance.
    """
    if not rows or not fps > 0 or any(len(row) != len(columns) for row in rows):
        raise ValueError("A performance needs a frame rate and one value a column in every row.")
    rate = next((r for r in _TIMECODE_RATES if r >= fps - 0.5), math.ceil(fps))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["Timecode", "BlendshapeCount"] + [name[:1].upper() + name[1:] for name in columns])
    for index, row in enumerate(rows):
        stamp = _timecode(start_s + index / fps, rate)
        writer.writerow([stamp, len(columns)] + [f"{value:.9g}" for value in row])
    folder, name = os.path.split(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    part = os.path.join(folder, f".{name[:100]}.{uuid.uuid4().hex[:12]}")
    try:
        with open(part, "w", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
        os.replace(part, path)
    except OSError:
        if os.path.exists(part):
            os.remove(part)
        raise


def read_performance(path: str, fps: float | None = None) -> tuple[list[str], list[list[float]], float]:
    """The columns, one row of numbers a frame, and frames a second of a Live Link Face CSV.

    Columns are found by the header in any order and spelling (`eyeBlink_L` is `eyeBlinkLeft`), and named
    as ARKit does. `fps` is the rate of the timecode, where it is known: a take of under two seconds may
    not tell. Where the phone lost the face or a frame, the row before holds, so that row i is at
    i / fps seconds. Raises `ValueError`, one sentence, for what is no such file.
    """
    header, table = _table(path)
    names = [_curve(name) for name in header]
    time = names.index("timecode") if "timecode" in names else -1
    count = names.index("blendshapeCount") if "blendshapeCount" in names else -1
    chosen = [i for i, name in enumerate(names) if name and i not in (time, count)]
    kept = [
        (line, row)
        for line, row in table
        if not (0 <= count < len(row) and row[count].strip() == "0")
        and any(i < len(row) and row[i].strip() for i in chosen)
    ]
    if not chosen or not kept:
        raise ValueError(f"{path} has no animation; give a Live Link Face CSV.")
    rows = [[_number(path, line, row, header, i) for i in chosen] for line, row in kept]
    seconds = _seconds(path, kept, time, fps)
    rate = fps or _rate(seconds)
    return [names[i] for i in chosen], _even(rows, seconds, rate), rate


def _table(path: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            text = file.read()
        first = text.lstrip().split("\n", 1)[0]
        reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count))
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}).") from None
    except (UnicodeDecodeError, csv.Error):
        raise ValueError(f"{path} is not a text file; give a Live Link Face CSV.") from None
    return (rows[0][1], rows[1:]) if rows else ([], [])


def _curve(name: str) -> str:
    """A column's name as ARKit spells it; `Timecode` and `BlendshapeCount` likewise."""
    name = re.sub(r"[_ ]+[lL]$", "Left", name.strip())
    name = re.sub(r"[_ ]+[rR]$", "Right", name)
    name = re.sub(r"[^A-Za-z0-9]", "", name)
    if _ANGLE.fullmatch(name.lower()):
        return name[:1].upper() + name[1:]
    return name[:1].lower() + name[1:]


def _number(path: str, line: int, row: list[str], header: list[str], column: int) -> float:
    cell = row[column].strip() if column < len(row) else ""
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{path}, line {line}: column {header[column]} holds {cell!r}, not a number.")
    return number


def _seconds(path: str, rows: list[tuple[int, list[str]]], column: int, fps: float | None) -> list[float]:
    """Seconds since the first row; without timecodes the rows are even, at `fps` or 30 a second."""
    if column < 0:
        return [index / (fps or 30.0) for index in range(len(rows))]
    stamps = []
    for line, row in rows:
        match = _TIMECODE.fullmatch(row[column]) if column < len(row) else None
        if match is None:
            raise ValueError(f"{path}, line {line}: there is no timecode such as 01:00:00:00.")
        hours, minutes, seconds = (int(part) for part in match.groups()[:3])
        stamps.append((hours * 3600 + minutes * 60 + seconds, float(match.group(4))))
    top = int(max(frame for _, frame in stamps)) + 1
    # A take of a second or two may not show the last frames of its timecode.
    rates: tuple[int, ...] = _TIMECODE_RATES
    if len({whole for whole, _ in stamps}) <= 2:
        rates = tuple(r for r in rates if r >= fps - 0.5) if fps else (30, 60, 120, 240)
    rate = next((r for r in rates if r >= top), top)
    first = stamps[0][0] + stamps[0][1] / rate
    # A take may pass midnight.
    return [(whole + frame / rate - first) % _DAY_S for whole, frame in stamps]


def _rate(seconds: list[float]) -> float:
    """Rows a second; a usual rate where it is one within the timecode's precision."""
    steps = sorted(b - a for a, b in zip(seconds, seconds[1:]) if b > a)
    if not steps:
        return 30.0
    span = seconds[-1] - seconds[0]
    rate = max(1, round(span / steps[len(steps) // 2])) / span
    usual = min(_RATES, key=lambda known: abs(known - rate))
    # Timecodes carry a thousandth of a frame.
    return usual if abs(usual / rate - 1) <= max(2e-3 / len(steps), 1e-7) else rate


def _even(rows: list[list[float]], seconds: list[float], fps: float) -> list[list[float]]:
    """One row a frame: each in its place, the one before it where none is."""
    out = [rows[0]]
    for row, at in zip(rows[1:], seconds[1:]):
        place = round(at * fps)
        while len(out) < place:
            out.append(out[-1])
        if place == len(out):
            out.append(row)
    return out


def _timecode(seconds: float, rate: int) -> str:
    """`HH:MM:SS:FF.sss`, frames counted at `rate` a second."""
    ticks = round(seconds * rate * 1000)
    whole, ticks = divmod(ticks, rate * 1000)
    minutes, secs = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    frames, thousandths = divmod(ticks, 1000)
    return f"{hours % 24:02d}:{minutes:02d}:{secs:02d}:{frames:02d}.{thousandths:03d}"
