"""Every effect in the registry is declared, documented and reachable in the same way."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from likeness.catalog import house_models
from likeness.cli import describe
from likeness.declare import Effect
from likeness.errors import BadRequest
from likeness.job import Job
from likeness.registry import effects
from likeness.request import Request

EFFECTS = effects()
UNITS = {"s": "s", "px": "px", "deg": "°", "mm": "mm", "cm": "cm", "m": "m"}
each = pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)


def test_the_first_effects_are_there_once() -> None:
    names = [effect.name for effect in EFFECTS]
    assert len(names) == len(set(names))
    assert {"capture", "reanimate"} <= set(names)


@each
def test_its_schema_is_plain_json(effect: Effect) -> None:
    schema = effect.schema()
    assert json.loads(json.dumps(schema)) == schema


@each
def test_its_help_is_a_sentence_and_its_labels_are_short(effect: Effect) -> None:
    fields = [effect, *effect.inputs, *effect.params]
    for field in fields:
        assert 3 <= len(field.label) <= 32, field.name
        assert field.help[0].isupper() and field.help.endswith("."), field.name
    for thing in (*effect.outputs, *effect.layers):
        assert thing.help[0].isupper() and thing.help.endswith("."), thing.name
    for group in (effect.inputs, effect.params):
        labels = [field.label for field in group]
        assert len(labels) == len(set(labels))


@each
def test_a_unit_in_a_name_is_the_units_own(effect: Effect) -> None:
    for param in effect.params:
        ending = param.name.rpartition("_")[2]
        if ending in UNITS:
            assert param.unit in (UNITS[ending], ending), param.name


@each
def test_its_defaults_are_valid_and_foreign_values_are_not(effect: Effect) -> None:
    assert set(effect.validate({})) == {param.name for param in effect.params}
    with pytest.raises(BadRequest, match="no parameter 'sparkle'"):
        effect.validate({"sparkle": 1})
    for param in effect.params:
        wrong: object = [] if param.type != "text" else 5
        with pytest.raises(BadRequest, match=f"'{param.name}'"):
            effect.validate({param.name: wrong})
        if param.max is not None and param.type in ("float", "int"):
            with pytest.raises(BadRequest, match=re.escape(f"to {param.max:g}")):
                effect.validate({param.name: param.max * 2 + 1})


@each
def test_the_command_line_says_all_of_it(effect: Effect) -> None:
    text = describe(effect)
    for field in (*effect.inputs, *effect.params, *effect.outputs, *effect.layers):
        assert re.search(rf"^  {field.name} \(", text, re.MULTILINE), field.name
        assert field.help in text


@each
def test_its_rehearsal_needs_only_what_is_there(effect: Effect, tmp_path: Path) -> None:
    if effect.rehearsal is None:
        pytest.skip("it has none")
    assert set(effect.rehearsal) <= {"inputs", "params", "frames", "seed"}
    Job(Request(effect.name, output=str(tmp_path / "made"), **effect.rehearsal), effect).close()


@each
def test_its_models_are_in_the_package(effect: Effect) -> None:
    assert set(effect.models) <= set(house_models())


@each
def test_the_readme_names_it(effect: Effect, root: Path) -> None:
    assert f"`{effect.name}`" in (root / "README.md").read_text()


@pytest.mark.slow
@each
def test_the_real_command_prints_its_help(effect: Effect) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "likeness.cli", "run", effect.name, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert describe(effect).splitlines()[-1].strip() in done.stdout


@pytest.mark.slow
def test_the_command_line_lists_the_registry() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "likeness.cli", "effects", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [effect["name"] for effect in json.loads(done.stdout)] == [effect.name for effect in EFFECTS]
