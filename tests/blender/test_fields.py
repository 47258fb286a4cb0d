"""The table of properties that Blender's panels are made from, without Blender."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from likeness.registry import schemas
from likeness_client import forms

ROOT = Path(__file__).resolve().parents[2]


def load(name: str) -> ModuleType:
    """A module of the extension by itself: the package imports bpy, this one must not."""
    spec = importlib.util.spec_from_file_location(f"blender_{name}", ROOT / "blender_addon" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


fields = load("fields")
spaces = load("spaces")


def declared(**given: Any) -> dict[str, Any]:
    base = {"name": "amount", "type": "float", "default": 1.0, "label": "Amount", "help": "How much."}
    more = {"min": 0.0, "max": 8.0, "unit": "", "choices": [], "group": "", "analyzed": True}
    return base | more | given


def test_no_blender_is_needed() -> None:
    assert "bpy" not in sys.modules


@pytest.mark.parametrize("effect", schemas(), ids=lambda effect: effect["name"])
def test_every_parameter_has_its_property(effect: dict[str, Any]) -> None:
    table = fields.params(effect)
    assert [field.name for field in table] == [param["name"] for param in effect["params"]]
    for field, param in zip(table, effect["params"], strict=True):
        assert field.options["description"] == forms.tooltip(param).rstrip(".")
        assert param["label"] in field.options["name"]
        if not field.fields:
            assert field.options["default"] == param["default"]
        if param["type"] in ("float", "int"):
            assert (field.options["min"], field.options["max"]) == (param["min"], param["max"])
        if param["type"] == "choice":
            assert [item[0] for item in field.options["items"]] == param["choices"]
        if param["type"] == "weights":
            assert [each.name for each in field.fields] == param["choices"]


def test_a_name_that_a_property_group_has_gets_an_underscore() -> None:
    assert fields.param(declared(name="values")).attribute == "values_"
    assert fields.param(declared(name="class")).attribute == "class_"
    assert fields.param(declared(name="gain")).attribute == "gain"


@pytest.mark.parametrize("name", ["jawOpen", "Jaw open!", "3d", "_x", "été", "a" * 90])
def test_attributes_are_names_that_blender_takes(name: str) -> None:
    made = fields.attribute(name)
    assert made.isidentifier() and made.isascii() and len(made) < 64 and not made.startswith("_")


def test_units() -> None:
    assert fields.param(declared(unit="mm")).options["subtype"] == "DISTANCE_CAMERA"
    assert fields.param(declared(unit="mm")).options["name"] == "Amount"
    assert fields.param(declared(unit="furlongs")).options["name"] == "Amount (furlongs)"
    assert fields.param(declared(max=1.0)).options["subtype"] == "FACTOR"
    assert "subtype" not in fields.param(declared(max=100.0)).options


def test_whole_numbers_fit_blender() -> None:
    made = fields.param(declared(type="int", default=3, min=0, max=10**12))
    assert made.kind == "Int" and made.options["max"] == 2**31 - 1 and made.options["default"] == 3


def test_tooltips_end_without_the_period_that_blender_adds() -> None:
    assert fields.param(declared()).options["description"] == "How much. From 0 to 8"


def test_weights_are_a_table_of_sliders() -> None:
    param = declared(
        type="weights", default={"jawOpen": 0.25}, choices=["jawOpen", "mouthSmile_L"], min=-1, max=1
    )
    made = fields.param(param)
    assert [(f.attribute, f.options["name"], f.options["default"]) for f in made.fields] == [
        ("jawOpen", "Jaw Open", 0.25),
        ("mouthSmile_L", "Mouth Smile L", 0.0),
    ]
    unbounded = fields.param(param | {"min": None, "max": None})
    assert "min" not in unbounded.fields[0].options


def given(kinds: list[str], required: bool = True, columns: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"name": "x", "kinds": kinds, "required": required, "columns": list(columns), "label": "X"}


def test_sources_fit_the_kinds() -> None:
    names = [item[0] for item in fields.sources(given(["picture"]))]
    assert names == ["IMAGE", "CLIP", "STRIP", "RENDER", "PATH"]
    names = [item[0] for item in fields.sources(given(["performance", "picture"], False, ("jawOpen",)))]
    assert names == ["NONE", "FACE", "ACTION", "IMAGE", "CLIP", "STRIP", "RENDER", "PATH"]
    assert "FACE" not in [item[0] for item in fields.sources(given(["performance"]))]
    for kind in ("picture", "matte", "performance", "audio", "model", "text"):
        assert fields.sources(given([kind]))[-1][0] == "PATH"


def test_a_saved_choice_means_the_same_whatever_else_there_is() -> None:
    one = {item[0]: item[4] for item in fields.sources(given(["picture"]))}
    other = {item[0]: item[4] for item in fields.sources(given(["audio", "picture"], False))}
    assert all(other[name] == number for name, number in one.items())
    assert len(set(other.values())) == len(other)


def test_sliders() -> None:
    made = fields.curves(("jawOpen", "HeadYaw"))
    assert made[0].options["soft_max"] == 1.0 and made[0].options["name"] == "Jaw Open"
    assert made[1].options["subtype"] == "ANGLE"
    assert all(field.options["options"] == {"ANIMATABLE"} for field in made)


def test_color_spaces_go_there_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)
    from likeness.media import color

    for name in ("Linear Rec.709", "Linear Rec.2020", "Linear DCI-P3 D65", "ACEScg", "ACES2065-1"):
        assert spaces.to_blender(color.resolve(spaces.to_core(name))) == name
    assert spaces.to_core("sRGB") == "auto"
    assert spaces.to_blender(None) == "Linear Rec.709"
    monkeypatch.setenv("OCIO", "studio.ocio")
    assert spaces.to_core("Studio Log") == "Studio Log" and spaces.to_blender("Studio Lin") == "Studio Lin"
