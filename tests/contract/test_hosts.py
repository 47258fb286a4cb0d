"""The command line, Blender and Nuke say the same of every parameter of every effect.

Blender's side is the table that its extension makes properties of, Nuke's the knobs of the Group as a Nuke
script reads it, the command line's what `likeness run EFFECT --help` prints.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from likeness.cli import describe
from likeness.declare import Effect
from likeness.hosts import write_nuke
from likeness.registry import effects
from likeness_client import forms

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "nuke" / "host"))
TINY = f"{ROOT / 'tests' / 'blender' / 'tiny.py'}:TINY"


class Said(NamedTuple):
    """What a surface says of a parameter; a table of weights has `names` with a default each."""

    name: str
    label: str
    help: str
    unit: str
    default: Any
    low: float | None
    high: float | None
    choices: tuple[str, ...]


@pytest.fixture(scope="module")
def declared() -> tuple[Effect, ...]:
    """The project's effects and the throw-away one of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIKENESS_EFFECTS", TINY)
        return effects()


def cases() -> list[tuple[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIKENESS_EFFECTS", TINY)
        return [(effect.name, param.name) for effect in effects() for param in effect.params]


@pytest.fixture(scope="module")
def groups(declared: tuple[Effect, ...]) -> Iterator[dict[str, Any]]:
    """Every effect's Group in the test host, by the effect's name."""
    pytest.importorskip("tkinter", reason="no Tcl in this Python; on Debian: apt install python3-tk")
    import nuke

    from likeness_nuke import generate

    nuke._reset()
    made = {}
    for effect in declared:
        nuke.scriptReadText(generate.group(effect.schema(), "1"))
        made[effect.name] = nuke.allNodes()[-1]
    yield made


@pytest.fixture(scope="module")
def fields() -> Any:
    """The extension's pure table of properties, loaded without Blender."""
    spec = importlib.util.spec_from_file_location("blender_fields", ROOT / "blender_addon" / "fields.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- what each surface says ----------------------------------------------------------------------------


def on_the_command_line(effect: Effect, name: str) -> Said:
    """Read from the text of `--help`."""
    lines = describe(effect).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"  {name} ("))
    values, _, default = lines[at].strip()[len(name) + 2 : -1].rpartition(", default ")
    label, _, help_text = lines[at + 1].strip().partition(". ")
    bounds = re.search(r"(?:^|: )(-?[\d.e+]+) to (-?[\d.e+]+)(?: (\S+))?$", values)
    choices: tuple[str, ...] = tuple(values.split(" | ")) if " | " in values else ()
    if weights := re.search(r"by the names (.*): ", values):
        choices = tuple(weights[1].split())
    return Said(
        name,
        label,
        help_text,
        (bounds[3] or "") if bounds else "",
        "" if default == "empty" else default,
        float(bounds[1]) if bounds else None,
        float(bounds[2]) if bounds else None,
        choices,
    )


def in_blender(effect: Effect, name: str, fields: Any) -> Said:
    """Read from the table of properties; a table of weights is a group of them."""
    declared = next(p for p in effect.schema()["params"] if p["name"] == name)
    field = fields.param(declared)
    ones = field.fields or (field,)
    first = ones[0].options
    label, unit = with_unit(field.options["name"], declared["unit"])
    if not unit and fields._UNITS.get(declared["unit"], {}):
        # Blender shows the units it knows itself.
        unit = declared["unit"]
    if field.fields:
        default: Any = {one.name: one.options["default"] for one in ones if one.options["default"]}
        choices = tuple(one.name for one in ones)
    else:
        default = field.options["default"]
        choices = tuple(item[0] for item in field.options.get("items", ()))
    return Said(
        field.name,
        label,
        without_range(field.options["description"] + ".", declared),
        unit,
        default,
        first.get("min"),
        first.get("max"),
        choices,
    )


def in_nuke(effect: Effect, name: str, group: Any) -> Said:
    """Read from the knobs of the Group."""
    from likeness_nuke import form, names

    declared = next(p for p in effect.schema()["params"] if p["name"] == name)
    value = form.values(group, effect.schema())[name]
    if declared["type"] == "weights":
        sliders = [group[names.weight(name, choice)] for choice in declared["choices"]]
        tip = sliders[0].tooltip().split(" Animated sliders")[0]
        bounds = {(knob.min(), knob.max()) for knob in sliders}
        assert len(bounds) == 1
        low, high = bounds.pop()
        default = {choice: weight for choice, weight in value.items() if weight}
        choices = tuple(knob.label() for knob in sliders)
        label = group["likeness_" + name].label()
        return Said(name, label, without_range(tip, declared), declared["unit"], default, low, high, choices)
    knob = group[names.param(name)]
    label, unit = with_unit(knob.label(), declared["unit"])
    number = declared["type"] in ("float", "int")
    return Said(
        name,
        label,
        without_range(knob.tooltip(), declared),
        unit,
        value,
        knob.min() if number else None,
        knob.max() if number else None,
        tuple(knob.values()) if declared["type"] == "choice" else (),
    )


def with_unit(text: str, unit: str) -> tuple[str, str]:
    """A label and the unit in brackets after it."""
    return (text[: -len(unit) - 3], unit) if unit and text.endswith(f" ({unit})") else (text, "")


def without_range(tip: str, declared: dict[str, Any]) -> str:
    """A tooltip's words about the parameter; its range must be said in them."""
    if declared["min"] is None:
        return tip
    told = re.fullmatch(r"(.*) From (\S+) to (\S+?)( \S+?)?\.", tip, re.DOTALL)
    assert told is not None, tip
    assert (float(told[2]), float(told[3])) == (declared["min"], declared["max"])
    assert (told[4] or "").strip() == declared["unit"]
    return str(told[1])


# --- they agree ----------------------------------------------------------------------------------------


def same(left: Any, right: Any) -> bool:
    """Equal values, whatever of text, number or table they are written as."""
    if isinstance(left, str) and not isinstance(right, str):
        left = json.loads(left)
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return float(left) == pytest.approx(float(right), rel=1e-6)
    return bool(left == right)


@pytest.mark.parametrize(("effect_name", "name"), cases())
def test_the_three_surfaces_agree(
    declared: tuple[Effect, ...], groups: dict[str, Any], fields: Any, effect_name: str, name: str
) -> None:
    effect = next(e for e in declared if e.name == effect_name)
    said = {
        "cli": on_the_command_line(effect, name),
        "blender": in_blender(effect, name, fields),
        "nuke": in_nuke(effect, name, groups[effect_name]),
    }
    for surface, one in said.items():
        for other, two in said.items():
            for field in Said._fields:
                left, right = getattr(one, field), getattr(two, field)
                assert same(left, right) or same(right, left), (
                    f"{field}: {surface} {left!r}, {other} {right!r}"
                )


def test_that_check_can_fail(declared: tuple[Effect, ...], groups: dict[str, Any], fields: Any) -> None:
    effect = next(e for e in declared if e.name == "tiny")
    cli, nuke = on_the_command_line(effect, "gain"), in_nuke(effect, "gain", groups["tiny"])
    assert (cli.low, cli.high, cli.unit, cli.default) == (0, 8, "x", "2.0")
    groups["tiny"]["param_gain"].setRange(0, 9)
    groups["tiny"]["param_gain"].setValue(3.0)
    changed = in_nuke(effect, "gain", groups["tiny"])
    assert not same(changed.high, cli.high)
    assert not same(cli.default, changed.default)
    assert same(cli.default, nuke.default)


def test_inputs_agree(declared: tuple[Effect, ...], groups: dict[str, Any], fields: Any) -> None:
    """Each is on the command line, has a file knob in Nuke and a pipe if a picture, and a pick in Blender."""
    for effect in declared:
        text, group = describe(effect), groups[effect.name]
        pipes = {n.name() for n in group.nodes() if n.Class() == "Input"}
        for given in effect.schema()["inputs"]:
            assert f"  {given['name']} ({' or '.join(given['kinds'])}" in text
            knob = group["input_" + given["name"]]
            assert knob.label() == given["label"]
            assert knob.tooltip().startswith(forms.tooltip(given))
            assert (given["name"] in pipes) == bool({"picture", "matte"} & set(given["kinds"]))
            assert ("NONE" in [item[0] for item in fields.sources(given)]) == (not given["required"])


# --- an effect nobody knew -----------------------------------------------------------------------------


def test_a_throw_away_effect_runs_in_the_command_line(tmp_path: Path) -> None:
    from pixels import write_exr

    for frame in (1, 2):
        write_exr(tmp_path / f"p.{frame:04d}.exr", frame, (32, 24))
    env = os.environ | {"LIKENESS_EFFECTS": TINY, "LIKENESS_CACHE": str(tmp_path / "cache")}
    words = [sys.executable, "-m", "likeness.cli"]
    listed = subprocess.run([*words, "effects"], env=env, capture_output=True, text=True, check=True)
    assert re.search(r"^tiny +scene +Tiny Test$", listed.stdout, re.MULTILINE)
    made = ["run", "tiny", "--input", f"plate={tmp_path}/p.####.exr", "--out", f"{tmp_path}/out/t.####.exr"]
    done = subprocess.run([*words, *made], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kinds = re.findall(r"\((\w+)[,)]", done.stdout)
    assert kinds == ["sequence", "performance", "track", "model", "audio", "report"]


def test_a_throw_away_effect_runs_in_nuke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the registry names it: the package is made anew, and there it is."""
    pytest.importorskip("tkinter", reason="no Tcl in this Python; on Debian: apt install python3-tk")
    import nuke
    from pixels import write_exr

    from likeness_nuke import installed, menu

    monkeypatch.setenv("LIKENESS_EFFECTS", TINY)
    monkeypatch.setenv("LIKENESS_CACHE", str(tmp_path / "cache"))
    write_nuke(tmp_path / "likeness", python=sys.executable)
    monkeypatch.setattr(installed, "FOLDER", str(tmp_path / "likeness"))
    monkeypatch.setattr(installed, "_facts", {})
    monkeypatch.setattr(installed, "_clients", [])
    nuke._reset(gui=True)
    menu.build()
    for frame in (1, 2):
        write_exr(tmp_path / f"p.{frame:04d}.exr", frame, (32, 24))
    nuke.menu("Nodes").findItem("Likeness/Scene/Tiny Test").invoke()
    group = nuke.toNode("Tiny1")
    text = f'file "{tmp_path}/p.%04d.exr" raw true first 1 last 2 name P'
    group.setInput(0, nuke.createNode("Read", text))
    group["likeness_output"].setValue(str(tmp_path / "out"))
    try:
        group["press_run"].execute()
        nuke._pump(lambda: group["likeness_status"].value().startswith("Done"))
    finally:
        installed.close()
    assert sorted({n.Class() for n in nuke.allNodes()}) == [
        "AudioRead",
        "Axis2",
        "Camera2",
        "CornerPin2D",
        "Group",
        "Read",
        "ReadGeo2",
        "StickyNote",
        "Tracker4",
    ]
