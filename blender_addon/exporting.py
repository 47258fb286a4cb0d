"""Models out of Blender: a collection that came in as a model, as FBX or as a .blend of its own."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import bpy
from bpy_extras.io_utils import ExportHelper

from .errors import Trouble
from .results.model import MODEL, level

LEVELS = 4
FORMATS = (
    ("FBX", "FBX", "For game engines and other programs; textures are embedded"),
    ("BLEND", "Blend", "A .blend to open, append or link; textures are packed"),
)


class LIKENESS_OT_export_model(bpy.types.Operator, ExportHelper):
    bl_idname = "likeness.export_model"
    bl_label = "Export Model"
    bl_description = "Write a model with its shapes, bones, materials and textures to an FBX or .blend file"

    filter_glob: bpy.props.StringProperty(default="*.fbx;*.blend", options={"HIDDEN"})
    format: bpy.props.EnumProperty(name="Format", items=FORMATS)
    levels: bpy.props.EnumProperty(
        name="Levels of Detail",
        description="What is written of meshes that come in several levels of detail",
        items=[(str(i), f"LOD {i}", "") for i in range(LEVELS)],
        default={str(i) for i in range(LEVELS)},
        options={"ENUM_FLAG"},
    )
    collection: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return any(MODEL in each for each in bpy.data.collections)

    @property
    def filename_ext(self) -> str:
        """The suffix of the chosen format, which the file browser puts to the name."""
        return f".{self.format.lower()}"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file; the name of the model's own is proposed."""
        try:
            found = model_of(self.collection, context)
        except Trouble as trouble:
            self.report({"ERROR"}, str(trouble))
            return {"CANCELLED"}
        self.collection = found.name
        if not self.filepath:
            self.filepath = os.path.splitext(found[MODEL])[0] + self.filename_ext
        return super().invoke(context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = bpy.path.abspath(self.filepath)
        try:
            found = model_of(self.collection, context)
            chosen = objects_of(found, {int(each) for each in self.levels})
            write(path, found, chosen, WRITERS[self.format])
        except Trouble as trouble:
            self.report({"ERROR"}, str(trouble))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Written: {path}")
        return {"FINISHED"}


def model_of(name: str, context: Any) -> Any:
    """The model of that name, else the active object's, else the only one."""
    models = [each for each in bpy.data.collections if MODEL in each]
    named = [each for each in models if each.name == name]
    if name and not named:
        raise Trouble(f"There is no model '{name}'; bring it in again.")
    active = [each for each in models if context.object is not None and context.object in each.objects[:]]
    found = named or active or models
    if not found:
        raise Trouble("There is no model in this file; run an effect that makes one.")
    if len(found) > 1:
        raise Trouble(f"There are {len(found)} models here; select an object of the one to export.")
    return found[0]


def model_at(path: str) -> Any:
    """The model that came in from that file, or None."""
    return next((each for each in bpy.data.collections if each.get(MODEL) == path), None)


def objects_of(collection: Any, levels: set[int]) -> list[Any]:
    """The objects of the chosen levels; those that have none belong to every level."""
    chosen = [each for each in collection.objects if level(each.name) in (None, *levels)]
    if not any(each.type == "MESH" for each in chosen):
        raise Trouble(f"'{collection.name}' has no mesh at the levels of detail that are chosen.")
    return chosen


def write(path: str, collection: Any, chosen: list[Any], writer: Callable[[str, Any], Any]) -> None:
    """Write objects of a collection to a file that is there as a whole or not at all."""
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):
        raise Trouble(f"The folder {folder} is not there; choose another.")
    part = os.path.join(folder, f".{uuid.uuid4().hex[:8]}{os.path.splitext(name)[1]}")
    try:
        with _alone(collection, chosen) as model:
            writer(part, model)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        words = " ".join(str(error).split())
        raise Trouble(f"{path} cannot be written ({words}); choose another place.") from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(part)


@contextlib.contextmanager
def _alone(collection: Any, chosen: list[Any]) -> Iterator[Any]:
    """The chosen objects, all of them evaluated, in a collection that has the model's name meanwhile."""
    name, hidden = collection.name, [each for each in chosen if each.hide_viewport]
    collection.name = f"{name} meanwhile"
    model = bpy.data.collections.new(name)
    try:
        for each in chosen:
            model.objects.link(each)
            each.hide_viewport = False
        bpy.context.view_layer.update()
        yield model
    finally:
        for each in hidden:
            each.hide_viewport = True
        bpy.data.collections.remove(model)
        collection.name = name


def _write_fbx(path: str, model: Any) -> None:
    moving = any(_animated(each) or _animated(each.data) or _animated(_keys(each)) for each in model.objects)
    bpy.ops.export_scene.fbx(
        filepath=path,
        collection=model.name,
        object_types={"MESH", "ARMATURE", "EMPTY"},
        use_mesh_modifiers=False,  # an applied modifier costs the mesh its shapes
        use_custom_props=True,
        add_leaf_bones=False,
        bake_anim=moving,
        bake_anim_use_all_actions=False,
        bake_anim_use_nla_strips=False,
        path_mode="COPY",
        embed_textures=True,
    )


def _write_blend(path: str, model: Any) -> None:
    """A .blend with a scene that shows the model, so that it can be opened as well as appended."""
    loose = [i for i in _images(model) if i.packed_file is None and i.source == "FILE"]
    scene = bpy.data.scenes.new(model.name)
    try:
        scene.collection.children.link(model)
        for image in loose:
            image.pack()
        bpy.data.libraries.write(path, {scene, model}, compress=True)
    finally:
        for image in loose:
            if image.packed_file is not None:
                image.unpack(method="REMOVE")
        bpy.data.scenes.remove(scene)


WRITERS: dict[str, Callable[[str, Any], Any]] = {"FBX": _write_fbx, "BLEND": _write_blend}


def _animated(owner: Any) -> bool:
    data = getattr(owner, "animation_data", None)
    return data is not None and (data.action is not None or bool(data.drivers) or bool(data.nla_tracks))


def _keys(found: Any) -> Any:
    return getattr(found.data, "shape_keys", None)


def _images(model: Any) -> list[Any]:
    """The pictures of the model's materials."""
    slots = [slot.material for each in model.objects for slot in each.material_slots]
    trees = [each.node_tree for each in slots if each is not None and each.node_tree is not None]
    nodes = [node for tree in trees for node in tree.nodes if node.type == "TEX_IMAGE"]
    return list({node.image.name: node.image for node in nodes if node.image is not None}.values())


def _menu(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.operator("likeness.export_model", text="Likeness Model (.fbx, .blend)")


CLASSES = (LIKENESS_OT_export_model,)


def register() -> None:
    """Hang the operator into File > Export."""
    bpy.types.TOPBAR_MT_file_export.append(_menu)


def unregister() -> None:
    """Take it off again."""
    bpy.types.TOPBAR_MT_file_export.remove(_menu)
