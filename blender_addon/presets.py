"""Parameters kept under a name, as JSON files of the extension's own."""

# SPDX-License-Identifier: GPL-3.0-or-later

import json
import re
from pathlib import Path
from typing import Any

import bpy

from . import preferences, properties, schemas
from .errors import Trouble


def folder(effect: str) -> Path:
    """Where an effect's presets lie."""
    return preferences.own_folder("presets") / effect


def names(effect: str) -> list[str]:
    """The presets there are, in order."""
    place = folder(effect)
    return sorted(path.stem for path in place.glob("*.json")) if place.is_dir() else []


def save(effect: dict[str, Any], group: Any, name: str) -> Path:
    """Keep an effect's parameters under a name; raise `Trouble` if it is no name for a file."""
    plain = name.strip()
    if not plain or re.search(r'[<>:"/\\|?*\x00-\x1f]', plain) or plain.startswith("."):
        raise Trouble(f"A preset cannot be named '{name}'; use letters, digits and spaces.")
    path = folder(effect["name"]) / f"{plain}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(properties.values(effect, group), indent=1), "utf-8")
    return path


def read(effect: str, name: str) -> dict[str, Any]:
    """A preset's parameters; raise `Trouble` if it cannot be read."""
    path = folder(effect) / f"{name}.json"
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Trouble(f"The preset {path} cannot be read ({error}); save it again.") from None
    if not isinstance(found, dict):
        raise Trouble(f"The preset {path} holds no parameters; save it again.")
    return found


class _Preset:
    effect: bpy.props.StringProperty(name="Effect", options={"SKIP_SAVE", "HIDDEN"})

    def _chosen(self, context: bpy.types.Context) -> tuple[dict[str, Any], Any]:
        name = self.effect or context.scene.likeness.effect
        effect = schemas.find(name)
        if effect is None:
            raise Trouble(f"There is no effect '{name}'; choose one in the list.")
        return effect, properties.settings(context.scene, effect)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            return self.act(*self._chosen(context))
        except Trouble as trouble:
            self.report({"ERROR"}, str(trouble))
        except OSError as error:
            self.report({"ERROR"}, f"{error.filename} cannot be written ({error.strerror}).")
        return {"CANCELLED"}


class LIKENESS_OT_save_preset(_Preset, bpy.types.Operator):
    bl_idname = "likeness.save_preset"
    bl_label = "Save Preset"
    bl_description = "Keep the parameters of this effect under a name"

    name: bpy.props.StringProperty(name="Name", default="My Preset")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def act(self, effect: dict[str, Any], group: Any) -> set[str]:
        save(effect, group, self.name)
        return {"FINISHED"}


class LIKENESS_OT_load_preset(_Preset, bpy.types.Operator):
    bl_idname = "likeness.load_preset"
    bl_label = "Load Preset"
    bl_description = "Set the parameters of this effect as this preset has them"
    bl_options = {"UNDO"}

    name: bpy.props.StringProperty(name="Name", options={"SKIP_SAVE"})

    def act(self, effect: dict[str, Any], group: Any) -> set[str]:
        table = read(effect["name"], self.name)
        properties.reset(effect, group)
        refused = properties.assign(effect, group, table)
        if refused:
            self.report({"WARNING"}, f"This effect does not take {', '.join(sorted(refused))} any more.")
        return {"FINISHED"}


class LIKENESS_OT_delete_preset(_Preset, bpy.types.Operator):
    bl_idname = "likeness.delete_preset"
    bl_label = "Delete Preset"
    bl_description = "Remove this preset"

    name: bpy.props.StringProperty(name="Name", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def act(self, effect: dict[str, Any], _group: Any) -> set[str]:
        (folder(effect["name"]) / f"{self.name}.json").unlink(missing_ok=True)
        return {"FINISHED"}


class LIKENESS_OT_reset(_Preset, bpy.types.Operator):
    bl_idname = "likeness.reset"
    bl_label = "Reset"
    bl_description = "Give every parameter of this effect its default"
    bl_options = {"UNDO"}

    def act(self, effect: dict[str, Any], group: Any) -> set[str]:
        properties.reset(effect, group)
        return {"FINISHED"}


class LIKENESS_MT_presets(bpy.types.Menu):
    bl_idname = "LIKENESS_MT_presets"
    bl_label = "Presets"

    def draw(self, context: bpy.types.Context) -> None:
        layout, effect = self.layout, context.scene.likeness.effect
        found = names(effect)
        for name in found:
            row = layout.row(align=True)
            row.operator("likeness.load_preset", text=name).name = name
        if not found:
            layout.label(text="No presets yet")
        layout.separator()
        layout.operator("likeness.save_preset", icon="ADD", text="Save Preset…")
        if found:
            layout.menu("LIKENESS_MT_delete_presets", icon="REMOVE")
        layout.separator()
        layout.operator("likeness.reset", icon="LOOP_BACK", text="Reset to Defaults")


class LIKENESS_MT_delete_presets(bpy.types.Menu):
    bl_idname = "LIKENESS_MT_delete_presets"
    bl_label = "Delete Preset"

    def draw(self, context: bpy.types.Context) -> None:
        for name in names(context.scene.likeness.effect):
            self.layout.operator("likeness.delete_preset", text=name).name = name


CLASSES = (
    LIKENESS_OT_save_preset,
    LIKENESS_OT_load_preset,
    LIKENESS_OT_delete_preset,
    LIKENESS_OT_reset,
    LIKENESS_MT_presets,
    LIKENESS_MT_delete_presets,
)
