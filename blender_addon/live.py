"""Face sliders: a performance that is set and animated by hand on an object, and seen at once.

Every object can have them (`Object.likeness_face`); they are the curves that some effect takes as a
performance. An effect whose input is "Face Sliders" reads them over the frames it makes.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

import os
from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import fields, jobs, properties, schemas
from .errors import Trouble
from .faces import HAS, SLIDERS, columns, give_face, has_face

PREVIEW = "Likeness Preview"
TICK_S = 0.05

_running: list[jobs.Job] = []
_wanted: list[bool] = []


def preview_effect(context: bpy.types.Context) -> dict[str, Any]:
    """The effect that sliders drive: the shown one if it takes a performance, else the first that does."""
    takers = [each for each in schemas.known() if _slider_inputs(each) and "sequence" in schemas.kinds(each)]
    shown = [each for each in takers if each["name"] == context.scene.likeness.effect]
    if not takers:
        raise Trouble("No effect takes face sliders; check the worker in the preferences.")
    return (shown or takers)[0]


def _slider_inputs(effect: dict[str, Any]) -> list[dict[str, Any]]:
    return [declared for declared in effect["inputs"] if declared["columns"]]


def show(path: str) -> Any:
    """Show a preview in the image of that name, which any editor can display."""
    old = bpy.data.images.get(PREVIEW)
    image = bpy.data.images.load(path, check_existing=False)
    if old is not None:
        old.user_remap(image)
        before = bpy.path.abspath(old.filepath)
        bpy.data.images.remove(old)
        if os.path.basename(os.path.dirname(before)) == "preview" and os.path.exists(before):
            os.unlink(before)
    image.name = PREVIEW
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "IMAGE_EDITOR" and area.spaces.active.image in (None, image):
                area.spaces.active.image = image
                area.tag_redraw()
    return image


@persistent
def touch(_owner: Any, _context: Any) -> None:
    """A slider or the frame changed: make a new preview if that is wanted live."""
    manager = bpy.context.window_manager
    if bpy.app.background or manager is None or not manager.likeness_live:
        return
    _wanted[:] = [True]
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK_S)


def _tick() -> float | None:
    """One preview at a time; the last wish waits for it."""
    if _running:
        job = _running[0]
        job.poll()
        if job.active:
            return TICK_S
        _running.clear()
        _land(job)
    if not _wanted:
        return None
    _wanted.clear()
    try:
        job = jobs.prepare(bpy.context, preview_effect(bpy.context), preview=True)
    except Trouble as trouble:
        bpy.context.workspace.status_text_set(f"Likeness · {trouble}")
        bpy.context.window_manager.likeness_live = False
        return None
    _running.append(job)
    job.start()
    return TICK_S


def _land(job: jobs.Job) -> None:
    workspace = bpy.context.workspace
    if job.status == jobs.DONE:
        show(job.results[0]["path"])
        workspace.status_text_set(None)
    elif job.status == jobs.FAILED:
        workspace.status_text_set(f"Likeness · {job.message}")


def _toggled(manager: bpy.types.WindowManager, context: bpy.types.Context) -> None:
    if manager.likeness_live:
        touch(manager, context)
    else:
        context.workspace.status_text_set(None)


class LIKENESS_OT_preview(bpy.types.Operator):
    bl_idname = "likeness.preview"
    bl_label = "Preview Frame"
    bl_description = "Show the current frame with the sliders as they are, in the image Likeness Preview"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            job = jobs.prepare(context, preview_effect(context), preview=True)
        except Trouble as trouble:
            self.report({"ERROR"}, str(trouble))
            return {"CANCELLED"}
        if job.render is not None:
            self.report({"ERROR"}, "The camera's render has no preview; render it to files and choose those.")
            return {"CANCELLED"}
        job.start()
        for _ in job.wait():
            pass
        if job.status != jobs.DONE:
            self.report({"ERROR"}, job.message)
            return {"CANCELLED"}
        show(job.results[0]["path"])
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if bpy.app.background:
            return self.execute(context)
        _wanted[:] = [True]
        if not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=0.0)
        return {"FINISHED"}


class LIKENESS_OT_add_face(bpy.types.Operator):
    bl_idname = "likeness.add_face"
    bl_label = "Add Face Sliders"
    bl_description = "Give the active object face sliders, and let them drive the effect"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.object is not None and bool(columns())

    def execute(self, context: bpy.types.Context) -> set[str]:
        give_face(context.object)
        try:
            effect = preview_effect(context)
        except Trouble as trouble:
            self.report({"ERROR"}, str(trouble))
            return {"CANCELLED"}
        settings = properties.settings(context.scene, effect)
        for declared in _slider_inputs(effect):
            pick = getattr(settings.inputs, fields.attribute(declared["name"]))
            pick.source, pick.object = "FACE", context.object
        return {"FINISHED"}


class LIKENESS_OT_key_face(bpy.types.Operator):
    bl_idname = "likeness.key_face"
    bl_label = "Key All"
    bl_description = "Set a key for every slider at the current frame"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return has_face(context.object)

    def execute(self, context: bpy.types.Context) -> set[str]:
        for column in columns():
            context.object.keyframe_insert(f"{SLIDERS}.{fields.attribute(column)}", group="Face")
        return {"FINISHED"}


class LIKENESS_OT_reset_face(bpy.types.Operator):
    bl_idname = "likeness.reset_face"
    bl_label = "Rest"
    bl_description = "Set every slider to zero"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return has_face(context.object)

    def execute(self, context: bpy.types.Context) -> set[str]:
        group = getattr(context.object, SLIDERS)
        for column in columns():
            setattr(group, fields.attribute(column), 0.0)
        return {"FINISHED"}


class LIKENESS_PT_face(bpy.types.Panel):
    bl_idname = "LIKENESS_PT_face"
    bl_label = "Face Sliders"
    bl_order = 1
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Likeness"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.object is not None and bool(columns())

    def draw(self, context: bpy.types.Context) -> None:
        layout, found = self.layout, context.object
        if not has_face(found):
            layout.operator("likeness.add_face", icon="ADD")
            return
        row = layout.row(align=True)
        row.prop(context.window_manager, "likeness_live", toggle=True, icon="PLAY")
        row.operator("likeness.preview", text="", icon="IMAGE_DATA")
        row = layout.row(align=True)
        row.operator("likeness.key_face", icon="KEY_HLT")
        row.operator("likeness.reset_face", icon="LOOP_BACK")
        group = getattr(found, SLIDERS)
        for title, names in sections().items():
            header, body = layout.panel(f"likeness_face_{title}", default_closed=True)
            header.label(text=title)
            if body is not None:
                column = body.column(align=True)
                for name in names:
                    column.prop(group, fields.attribute(name))


def sections() -> dict[str, list[str]]:
    """The curves under what they move: the first word of their names, rotations by themselves."""
    found: dict[str, list[str]] = {}
    for column in columns():
        turns = any(column.endswith(angle) for angle in ("Yaw", "Pitch", "Roll"))
        title = "Rotation" if turns else fields.words(column).split()[0]
        found.setdefault(title, []).append(column)
    return found


CLASSES = (
    LIKENESS_OT_preview,
    LIKENESS_OT_add_face,
    LIKENESS_OT_key_face,
    LIKENESS_OT_reset_face,
    LIKENESS_PT_face,
)


def register() -> None:
    """Hang the sliders on objects."""
    sliders = properties.sliders("LikenessFace", columns(), update=touch)
    setattr(bpy.types.Object, SLIDERS, sliders)
    has = bpy.props.BoolProperty(name="Has Face Sliders", default=False, options=set())
    setattr(bpy.types.Object, HAS, has)
    bpy.types.WindowManager.likeness_live = bpy.props.BoolProperty(
        name="Live",
        description="Make a preview of the current frame with every move of a slider",
        update=_toggled,
    )
    bpy.app.handlers.frame_change_post.append(touch)


def unregister() -> None:
    """Take them off again; their values stay in the file."""
    bpy.app.handlers.frame_change_post.remove(touch)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    del bpy.types.WindowManager.likeness_live
    delattr(bpy.types.Object, HAS)
    delattr(bpy.types.Object, SLIDERS)
