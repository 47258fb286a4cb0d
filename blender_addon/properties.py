"""The properties of every effect, made from the declarations and kept with the scene.

`scene.likeness.effects.EFFECT` has `params` (one property a parameter), `inputs` (for each input what it
is picked as, and the pick) and what every run has: frames, output, and how results come in.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Iterable
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import fields, schemas

Declared = dict[str, Any]
Group = bpy.types.PropertyGroup

FRAMES = (
    ("WHOLE", "Whole Shot", "Every frame of the first picture input, or of the performance on a still"),
    ("SCENE", "Scene", "The frame range of the scene"),
    ("CURRENT", "Current Frame", "Only the current frame"),
    ("CUSTOM", "Range", "From the first to the last frame given here, in frames of the scene"),
)

# What Blender must be told since 4.5, so that a path may begin with //, the folder of the file.
RELATIVE = {"options": {"PATH_SUPPORTS_BLEND_RELATIVE"}} if bpy.app.version >= (4, 5) else {}

_classes: list[type] = []


class LikenessSettings:
    """What every run of every effect has; a base of the classes made below."""

    frames: EnumProperty(name="Frames", description="Which frames to make", items=FRAMES, default="WHOLE")
    first: IntProperty(name="First", description="First frame, in frames of the scene", default=1)
    last: IntProperty(name="Last", description="Last frame, in frames of the scene", default=1)
    output: StringProperty(
        name="Output",
        description="Folder for the results. Empty: a folder of this run's own among the results",
        subtype="DIR_PATH",
        **RELATIVE,
    )
    seed: IntProperty(name="Seed", description="What chance begins with", default=0, min=0)
    as_compositor: BoolProperty(
        name="Compositor Group",
        description="Wire the picture and its layers into a group of the compositor",
        default=False,
    )
    as_strip: BoolProperty(
        name="Sequencer Strip", description="Put the picture over its source in the sequencer", default=False
    )
    as_background: BoolProperty(
        name="Camera Background",
        description="Show the picture behind the active camera's view",
        default=False,
    )
    target: PointerProperty(
        name="Target",
        description="The mesh whose shape keys take the performance. Empty: the active object",
        type=bpy.types.Object,
        poll=lambda _self, found: found.type == "MESH",
    )
    retarget: FloatProperty(
        name="Retarget Strength",
        description="How much of the performance the shape keys and bones take over",
        default=1.0,
        min=0.0,
        soft_max=2.0,
        subtype="FACTOR",
    )
    as_markers: BoolProperty(
        name="Markers", description="Mark what the report tells of frames on the timeline", default=True
    )


def register() -> None:
    """Make the classes of the effects that are known now, and hang them on the scene."""
    effects = schemas.known()
    groups = {fields.attribute(effect["name"]): _effect_group(effect) for effect in effects}
    every = _group("LikenessEffects", {name: _pointer(group) for name, group in groups.items()})
    first = effects[0]["name"] if effects else ""
    top = {
        "effects": _pointer(every),
        "effect": StringProperty(name="Effect", description="The effect that is shown", default=first),
    }
    bpy.types.Scene.likeness = _pointer(_group("LikenessScene", top))
    bpy.types.WindowManager.likeness_search = StringProperty(
        name="Search", description="Show only effects with these words", options={"TEXTEDIT_UPDATE"}
    )


def unregister() -> None:
    """Take everything off again; what was set stays in the file."""
    del bpy.types.WindowManager.likeness_search
    del bpy.types.Scene.likeness
    while _classes:
        bpy.utils.unregister_class(_classes.pop())


def settings(scene: bpy.types.Scene, effect: Declared) -> Group:
    """The settings of an effect in a scene."""
    return getattr(scene.likeness.effects, fields.attribute(effect["name"]))


def values(effect: Declared, group: Group) -> dict[str, Any]:
    """Every parameter's value by its declared name."""
    return {field.name: _value(field, group.params) for field in fields.params(effect)}


def assign(effect: Declared, group: Group, wanted: dict[str, Any]) -> list[str]:
    """Set parameters from a table; the names that the effect does not have or refuses are returned."""
    known = {field.name: field for field in fields.params(effect)}
    refused = [name for name in wanted if name not in known]
    for name in wanted.keys() & known.keys():
        try:
            _set(known[name], group.params, wanted[name])
        except (TypeError, ValueError, AttributeError, OverflowError):
            refused.append(name)
    return refused


def reset(effect: Declared, group: Group) -> None:
    """Give every parameter its default."""
    for field in fields.params(effect):
        owner = getattr(group.params, field.attribute) if field.fields else group.params
        for one in field.fields or (field,):
            owner.property_unset(one.attribute)


def _value(field: fields.Field, owner: Group) -> Any:
    value = getattr(owner, field.attribute)
    return {one.name: getattr(value, one.attribute) for one in field.fields} if field.fields else value


def _set(field: fields.Field, owner: Group, value: Any) -> None:
    if not field.fields:
        setattr(owner, field.attribute, value)
        return
    table = getattr(owner, field.attribute)
    for one in field.fields:
        setattr(table, one.attribute, float(value.get(one.name, one.options["default"])))


def _effect_group(effect: Declared) -> type[Group]:
    title = fields.words(effect["name"]).replace(" ", "")
    params = _group(f"Likeness{title}Params", _properties(f"Likeness{title}", fields.params(effect)))
    inputs = {
        fields.attribute(declared["name"]): _pointer(_input_group(title, declared))
        for declared in effect["inputs"]
    }
    every = {"params": _pointer(params), "inputs": _pointer(_group(f"Likeness{title}Inputs", inputs))}
    return _group(f"Likeness{title}", every, LikenessSettings)


def _input_group(title: str, declared: Declared) -> type[Group]:
    items = fields.sources(declared)
    tip = fields.forms.tooltip(declared).rstrip(".")

    def pick(name: str, kind: type) -> Any:
        return PointerProperty(name=name, description=tip, type=kind)

    made = {
        "source": EnumProperty(name=declared["label"], description=tip, items=items, default=items[0][0]),
        "path": StringProperty(name=declared["label"], description=tip, subtype="FILE_PATH", **RELATIVE),
        "strip": StringProperty(name=declared["label"], description=tip),
        "image": pick("Image", bpy.types.Image),
        "clip": pick("Movie Clip", bpy.types.MovieClip),
        "mask": pick("Mask", bpy.types.Mask),
        "action": pick("Action", bpy.types.Action),
        "sound": pick("Sound", bpy.types.Sound),
        "object": pick("Object", bpy.types.Object),
        "text": pick("Text", bpy.types.Text),
    }
    label = fields.words(declared["name"]).replace(" ", "")
    return _group(f"Likeness{title}Input{label}", made)


def _properties(prefix: str, table: Iterable[fields.Field]) -> dict[str, Any]:
    made = {}
    for field in table:
        if field.fields:
            name = f"{prefix}{fields.words(field.name).replace(' ', '')}"
            made[field.attribute] = _pointer(_group(name, _properties(name, field.fields)))
        else:
            made[field.attribute] = getattr(bpy.props, f"{field.kind}Property")(**field.options)
    return made


def sliders(name: str, columns: tuple[str, ...], update: Any) -> Any:
    """A pointer to a group with a slider for each curve; `update` is called when one is moved."""
    made = {
        field.attribute: getattr(bpy.props, f"{field.kind}Property")(update=update, **field.options)
        for field in fields.curves(columns)
    }
    return _pointer(_group(name, made))


def _pointer(group: type[Group]) -> Any:
    return PointerProperty(type=group)


def _group(name: str, properties: dict[str, Any], base: type | None = None) -> type[Group]:
    inherited = dict(base.__annotations__) if base is not None else {}
    made = type(name[:60], (Group,), {"__annotations__": {**inherited, **properties}})
    bpy.utils.register_class(made)
    _classes.append(made)
    return made
