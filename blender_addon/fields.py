"""From an effect's declaration to a table of Blender properties; knows nothing of `bpy`.

A `Field` holds the name of a function in `bpy.props` (without "Property") and the keywords to call it
with, so that the whole interface can be checked without Blender.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from likeness_client import forms

Declared = Mapping[str, Any]

# What a property group has by itself; a declared name among these gets an underscore.
RESERVED = frozenset(
    """
    as_pointer bl_rna bl_rna_get_subclass bl_rna_get_subclass_py bl_system_properties_get driver_add
    driver_remove get id_data id_properties_clear id_properties_ensure id_properties_ui is_property_hidden
    is_property_overridable_library is_property_readonly is_property_set items keyframe_delete
    keyframe_insert keys name path_from_id path_from_module path_resolve pop
    property_overridable_library_set property_unset rna_ancestors rna_type type_recast update values
    """.split()
)
_INT_LIMIT = 2**31 - 1
_UNITS: dict[str, dict[str, str]] = {
    "%": {"subtype": "PERCENTAGE"},
    "px": {"subtype": "PIXEL"},
    "rad": {"subtype": "ANGLE"},
    "mm": {"subtype": "DISTANCE_CAMERA"},
    "s": {"subtype": "TIME_ABSOLUTE"},
    "Hz": {"subtype": "FREQUENCY"},
}

# Which things of Blender can stand for an input of a kind: identifier, label, help, icon.
NONE = ("NONE", "None", "Leave this input empty", "X")
PATH = ("PATH", "File", "A file, an image sequence or a movie on disk", "FILE_FOLDER")
_IMAGE = ("IMAGE", "Image", "An image, image sequence or movie of this file", "IMAGE_DATA")
_CLIP = ("CLIP", "Movie Clip", "A clip of the Movie Clip editor", "TRACKER")
_STRIP = ("STRIP", "Strip", "An image or movie strip of the video sequencer", "SEQUENCE")
_RENDER = ("RENDER", "Camera Render", "What the active camera renders", "CAMERA_DATA")
_MASK = ("MASK", "Mask", "A mask with its splines and feather", "MOD_MASK")
_FACE = ("FACE", "Face Sliders", "The animated face sliders of an object", "SHAPEKEY_DATA")
_ACTION = ("ACTION", "Action", "An action on shape keys, bones or sliders of those names", "ACTION")
_SOUND = ("SOUND", "Sound", "A sound of this file", "SOUND")
_SOUND_STRIP = ("SOUND_STRIP", "Sound Strip", "A sound strip of the video sequencer", "SEQ_SEQUENCER")
_OBJECT = ("OBJECT", "Object", "A mesh of this scene, with its modifiers", "OBJECT_DATA")
_TEXT = ("TEXT", "Text", "A text block of this file", "TEXT")
_SOURCES = {
    "picture": (_IMAGE, _CLIP, _STRIP, _RENDER),
    "matte": (_IMAGE, _CLIP, _STRIP, _MASK),
    "performance": (_FACE, _ACTION),
    "audio": (_SOUND, _SOUND_STRIP),
    "model": (_OBJECT,),
    "text": (_TEXT,),
}
_NEEDS_COLUMNS = ("FACE", "ACTION")


class Field(NamedTuple):
    """One property: where it is kept (`attribute`), what the declaration calls it, and how to make it.

    `kind` is "Float", "Int", "Bool", "Enum", "String", or "Group" for one with `fields` of its own.
    """

    attribute: str
    name: str
    kind: str
    options: dict[str, Any]
    fields: tuple[Field, ...] = ()


def attribute(name: str) -> str:
    """A name that Blender accepts for a property."""
    safe = re.sub(r"\W", "_", name, flags=re.ASCII).lstrip("_") or "value"
    if safe[0].isdigit():
        safe = f"n{safe}"
    return safe[:60] + "_" if safe in RESERVED or keyword.iskeyword(safe) else safe[:60]


def params(effect: Declared) -> list[Field]:
    """A property for each parameter, in declared order."""
    return [param(declared) for declared in effect["params"]]


def param(declared: Declared) -> Field:
    """The property of one parameter."""
    name, kind = declared["name"], declared["type"]
    if kind == "weights":
        return Field(attribute(name), name, "Group", _texts(declared), tuple(_weights(declared)))
    options = {**_texts(declared), "default": declared["default"]}
    if kind == "choice":
        options["items"] = [(choice, words(choice), "") for choice in declared["choices"]]
    if kind in ("float", "int"):
        options |= _number(declared)
    made = {"float": "Float", "int": "Int", "bool": "Bool", "choice": "Enum", "text": "String"}
    return Field(attribute(name), name, made[kind], options)


def curves(columns: tuple[str, ...]) -> list[Field]:
    """An animatable slider for each curve of a performance: weights from 0 to 1, rotations in radians."""
    made = []
    for column in columns:
        options: dict[str, Any] = {"name": words(column), "default": 0.0, "options": {"ANIMATABLE"}}
        if re.search(r"(Yaw|Pitch|Roll)$", column):
            options |= {"subtype": "ANGLE", "soft_min": -0.8, "soft_max": 0.8}
        else:
            options |= {"subtype": "FACTOR", "min": -1.0, "max": 2.0, "soft_min": 0.0, "soft_max": 1.0}
        made.append(Field(attribute(column), column, "Float", options))
    return made


def sources(declared: Declared) -> list[tuple[str, str, str, str, int]]:
    """What an input can be picked as: items for an enumeration, the first one the default."""
    found = [] if declared["required"] else [NONE]
    for kind in declared["kinds"]:
        found += [s for s in _SOURCES[kind] if declared["columns"] or s[0] not in _NEEDS_COLUMNS]
    unique = {item[0]: item for item in [*found, PATH]}
    # The number is what a saved file keeps, so it depends on the item and not on its place.
    return [(*item, _NUMBERS[item[0]]) for item in unique.values()]


_NUMBERS = {
    name: number
    for number, name in enumerate(
        "NONE PATH IMAGE CLIP STRIP RENDER MASK FACE ACTION SOUND SOUND_STRIP OBJECT TEXT".split()
    )
}


def words(name: str) -> str:
    """`jawOpen` and `plate_center` for people: `Jaw Open`, `Plate Center`."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").split()
    return " ".join(part[0].upper() + part[1:] for part in parts) or name


def _texts(declared: Declared) -> dict[str, Any]:
    unit = declared["unit"]
    label = declared["label"] if not unit or unit in _UNITS else f"{declared['label']} ({unit})"
    # Blender ends every tooltip with a period of its own.
    return {"name": label, "description": forms.tooltip(declared).rstrip(".")}


def _number(declared: Declared) -> dict[str, Any]:
    options: dict[str, Any] = {"min": declared["min"], "max": declared["max"]}
    options |= _UNITS.get(declared["unit"], {})
    if declared["type"] == "int":
        options |= {side: max(-_INT_LIMIT, min(_INT_LIMIT, int(options[side]))) for side in ("min", "max")}
        return {key: value for key, value in options.items() if key != "subtype" or value == "PIXEL"}
    if not declared["unit"] and options["max"] - options["min"] <= 2:
        options["subtype"] = "FACTOR"
    return {**options, "precision": 3}


def _weights(declared: Declared) -> list[Field]:
    made = []
    for choice in declared["choices"]:
        default = float(declared["default"].get(choice, 0.0))
        options = {"name": words(choice), "default": default, "precision": 3, "subtype": "FACTOR"}
        options |= {side: declared[side] for side in ("min", "max") if declared[side] is not None}
        made.append(Field(attribute(choice), choice, "Float", options))
    return made
