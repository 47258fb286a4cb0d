"""The panel of the effects, the same in every editor, and the compositor's menu."""

# SPDX-License-Identifier: GPL-3.0-or-later

import time
from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews

from . import exporting, fields, jobs, properties, schemas, versions, worker

ICONS = {"face": "USER", "human": "ARMATURE_DATA", "scene": "SCENE_DATA"}
TITLES = {"face": "Faces", "human": "Digital Humans", "scene": "Scenes"}

# The pictures of finished frames; empty in background mode, which draws nothing.
_previews: list[Any] = []
# Whether the panels say that the worker compiles.
_preparing = [False]
PREPARING_S = 1.0
# When the next one may be read, in seconds of the monotonic clock.
_next_read = [0.0]


class _Panel:
    bl_region_type = "UI"
    bl_category = "Likeness"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        space = context.space_data
        return space.type != "NODE_EDITOR" or space.tree_type == "CompositorNodeTree"


class _Effects(_Panel):
    bl_label = "Effects"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.prop(context.window_manager, "likeness_search", text="", icon="VIEWZOOM", placeholder="Search")
        found = schemas.by_pillar(context.window_manager.likeness_search)
        chosen = context.scene.likeness.effect
        for pillar, effects in found:
            column = layout.column(align=True)
            column.label(text=TITLES.get(pillar, fields.words(pillar)))
            for effect in effects:
                shown = effect["name"] == chosen
                icon = ICONS.get(pillar, "SHADERFX")
                column.operator(
                    "likeness.choose", text=effect["label"], icon=icon, depress=shown
                ).effect = effect["name"]
        if not found:
            nothing = "Nothing of that name" if schemas.known() else "Check the worker in the preferences"
            layout.label(text=nothing, icon="INFO")


class _Effect(_Panel):
    bl_label = ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context) and schemas.find(context.scene.likeness.effect) is not None

    def draw_header(self, context: bpy.types.Context) -> None:
        self.layout.label(text=schemas.find(context.scene.likeness.effect)["label"])

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        self.layout.menu("LIKENESS_MT_presets", text="", icon="PRESET")

    def draw(self, context: bpy.types.Context) -> None:
        effect = schemas.find(context.scene.likeness.effect)
        settings = properties.settings(context.scene, effect)
        layout = self.layout
        draw_inputs(layout, context, effect, settings)
        row = layout.row()
        row.scale_y = 1.4
        row.operator("likeness.run", icon="PLAY", text="Run").effect = effect["name"]
        draw_preparation(layout, effect)
        # What runs is shown here, where it was started, and not below all the parameters.
        for index, job in enumerate(jobs.queue):
            if job.active and job.effect["name"] == effect["name"]:
                draw_job(layout, job, index)
        draw_params(layout, effect, settings)
        draw_output(layout, effect, settings)


class _Runs(_Panel):
    bl_label = "Runs"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context) and any(_is_listed(context, job) for job in jobs.queue)

    def draw(self, context: bpy.types.Context) -> None:
        for index, job in enumerate(jobs.queue):
            if _is_listed(context, job):
                draw_job(self.layout, job, index)
        if any(not job.active for job in jobs.queue):
            self.layout.operator("likeness.forget", icon="X")


def _is_listed(context: bpy.types.Context, job: jobs.Job) -> bool:
    """Whether a run is in the list: it has ended, or runs for another effect than the one shown above."""
    return not job.active or job.effect["name"] != context.scene.likeness.effect


def draw_preparation(layout: Any, effect: dict[str, Any]) -> None:
    """Have the shown effect made ready while its inputs are chosen, and say so where it takes long."""
    worker.preparation.ask(effect["name"])
    if worker.preparation.under_way and not bpy.app.timers.is_registered(_while_preparing):
        bpy.app.timers.register(_while_preparing, first_interval=PREPARING_S)
    if worker.preparation.compiles:
        layout.label(text=jobs.PREPARING, icon="SORTTIME")


def _while_preparing() -> float | None:
    """Draw the panels again when the worker is ready, and before that once it turns out to take long."""
    told = worker.preparation.compiles
    if told != _preparing[0]:
        _preparing[0] = told
        for window in bpy.context.window_manager.windows:
            for area in window.screen.areas:
                area.tag_redraw()
    return PREPARING_S if worker.preparation.under_way else None


def draw_inputs(layout: Any, context: Any, effect: dict[str, Any], settings: Any) -> None:
    """What each input is taken from, and below it the field to pick it."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    for declared in effect["inputs"]:
        pick = getattr(settings.inputs, fields.attribute(declared["name"]))
        lines = column.column(align=True)
        row = lines.row(align=True)
        row.prop(pick, "source", text=declared["label"])
        current = row.operator("likeness.use_current", text="", icon="EYEDROPPER")
        current.effect, current.input = effect["name"], declared["name"]
        if pick.source != "NONE":
            draw_pick(lines, context.scene, pick)


def draw_pick(layout: Any, scene: Any, pick: Any) -> None:
    """The field that fits what an input is picked as; names and paths are long, so it has the whole width."""
    layout.use_property_split = False
    source = pick.source
    if source == "PATH":
        layout.prop(pick, "path", text="")
    elif source in ("STRIP", "SOUND_STRIP"):
        if scene.sequence_editor is None:
            layout.label(text="The sequencer is empty", icon="INFO")
        else:
            layout.prop_search(
                pick,
                "strip",
                scene.sequence_editor,
                versions.strip_collection(scene.sequence_editor),
                text="",
            )
    elif source == "FACE":
        layout.prop(pick, "object", text="", icon="OBJECT_DATA")
    elif source == "RENDER":
        name = scene.camera.name if scene.camera is not None else "The scene has no active camera"
        layout.label(text=name, icon="CAMERA_DATA" if scene.camera is not None else "ERROR")
    elif source in ("IMAGE", "CLIP"):
        opener = "image.open" if source == "IMAGE" else "clip.open"
        layout.template_ID(pick, source.lower(), open=opener)
    elif source != "NONE":
        layout.prop(pick, source.lower(), text="")


def draw_params(layout: Any, effect: dict[str, Any], settings: Any) -> None:
    """The parameters, those of a group in a section of its own."""
    known = {field.name: field for field in fields.params(effect)}
    for label, params in fields.forms.groups(effect):
        key = f"likeness_{effect['name']}_{label}"
        header, body = layout.panel(key, default_closed=label != fields.forms.GENERAL)
        header.label(text=label)
        if body is not None:
            column = body.column()
            column.use_property_split = True
            column.use_property_decorate = False
            for param in params:
                draw_param(column, known[param["name"]], settings.params, key)


def draw_param(layout: Any, field: fields.Field, owner: Any, key: str) -> None:
    """One parameter; a table of weights in a section that starts closed."""
    if not field.fields:
        layout.prop(owner, field.attribute)
        return
    header, body = layout.panel(f"{key}_{field.name}", default_closed=True)
    header.label(text=field.options["name"])
    if body is not None:
        table = getattr(owner, field.attribute)
        column = body.column(align=True)
        for one in field.fields:
            column.prop(table, one.attribute)


def draw_output(layout: Any, effect: dict[str, Any], settings: Any) -> None:
    """Frames, where results go, and how they come in."""
    kinds = schemas.kinds(effect)
    header, body = layout.panel("likeness_output", default_closed=False)
    header.label(text="Frames and Results")
    if body is None:
        return
    column = body.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "frames")
    if settings.frames == "CUSTOM":
        pair = column.column(align=True)
        pair.prop(settings, "first")
        pair.prop(settings, "last")
    column.prop(settings, "output", placeholder="Automatic")
    if "sequence" in kinds:
        checks = column.column(heading="Bring In As", align=True)
        for name in ("as_compositor", "as_strip", "as_background"):
            checks.prop(settings, name)
    if "performance" in kinds:
        column.prop(settings, "target")
        column.prop(settings, "retarget")
    if kinds & {"report", "track"}:
        column.prop(settings, "as_markers")
    column.prop(settings, "seed")


def draw_job(layout: Any, job: jobs.Job, index: int) -> None:
    """One run: its progress, its last picture, and what can be done with it."""
    box = layout.box()
    row = box.row(align=True)
    icons = {"done": "CHECKMARK", "failed": "ERROR", "cancelled": "CANCEL"}
    row.label(text=job.label, icon=icons.get(job.status, "SORTTIME"))
    if job.active:
        row.operator("likeness.cancel", text="", icon="X").index = index
        box.progress(factor=job.factor, text=job.text)
        icon = picture(job.preview)
        if icon:
            box.template_icon(icon_value=icon, scale=8.0)
        return
    if job.results:
        row.operator("likeness.bring_in", text="", icon="IMPORT").index = index
        row.operator("likeness.open_folder", text="", icon="FILE_FOLDER").path = folder_of(job)
    for line in wrapped(job.text):
        box.label(text=line)
    for result in job.results:
        model = exporting.model_at(result["path"]) if result["kind"] == "model" else None
        if model is not None:
            asked = box.operator("likeness.export_model", text="Export Model...", icon="EXPORT")
            asked.collection = model.name


def folder_of(job: jobs.Job) -> str:
    """Where a run's files lie."""
    return str(Path(job.results[0]["path"]).parent)


def wrapped(text: str, width: int = 46) -> list[str]:
    """A sentence in lines for a narrow panel."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def picture(path: str) -> int:
    """The icon of the last finished frame that was read; 0 if there is none.

    A picture that is left to load later is blank until then, and is replaced before that when frames
    come fast. So it is read here, which may take no more than a tenth of Blender's time.
    """
    if not path or not _previews:
        return 0
    shown = _previews[0]
    if path not in shown and time.monotonic() >= _next_read[0]:
        before = time.monotonic()
        shown.clear()
        # Asking for its size reads it.
        tuple(shown.load(path, path, "IMAGE").image_size)
        now = time.monotonic()
        _next_read[0] = now + 10 * (now - before)
    return next((int(found.icon_id) for found in shown.values()), 0)


class LIKENESS_OT_choose(bpy.types.Operator):
    bl_idname = "likeness.choose"
    bl_label = "Choose Effect"
    bl_options = {"INTERNAL"}

    effect: bpy.props.StringProperty(options={"SKIP_SAVE"})

    @classmethod
    def description(cls, _context: bpy.types.Context, asked: Any) -> str:
        effect = schemas.find(asked.effect)
        return effect["help"].rstrip(".") if effect is not None else "Show this effect"

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.likeness.effect = self.effect
        return {"FINISHED"}


class LIKENESS_OT_use_current(bpy.types.Operator):
    bl_idname = "likeness.use_current"
    bl_label = "Use What Is Open Here"
    bl_description = "Take this input from what this editor shows"
    bl_options = {"UNDO", "INTERNAL"}

    effect: bpy.props.StringProperty(options={"SKIP_SAVE"})
    input: bpy.props.StringProperty(options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        effect = schemas.find(self.effect)
        if effect is None:
            return {"CANCELLED"}
        settings = properties.settings(context.scene, effect)
        declared = next(each for each in effect["inputs"] if each["name"] == self.input)
        allowed = {item[0] for item in fields.sources(declared)}
        pick = getattr(settings.inputs, fields.attribute(self.input))
        for source, name, value in open_here(context):
            if source in allowed:
                pick.source = source
                if name:
                    setattr(pick, name, value)
                return {"FINISHED"}
        self.report({"WARNING"}, f"This editor shows nothing that can be the {declared['label'].lower()}.")
        return {"CANCELLED"}


def open_here(context: Any) -> list[tuple[str, str, Any]]:
    """What the present editor shows: source, property and value, the likeliest first."""
    space, scene, found = context.space_data, context.scene, []
    kind = space.type if space is not None else ""
    if kind == "IMAGE_EDITOR":
        found += [("IMAGE", "image", space.image), ("MASK", "mask", getattr(space, "mask", None))]
    elif kind == "CLIP_EDITOR":
        found += [("CLIP", "clip", space.clip), ("MASK", "mask", getattr(space, "mask", None))]
    elif kind == "SEQUENCE_EDITOR":
        strip = scene.sequence_editor.active_strip if scene.sequence_editor is not None else None
        if strip is not None:
            found.append(("SOUND_STRIP" if strip.type == "SOUND" else "STRIP", "strip", strip.name))
    elif kind == "NODE_EDITOR":
        node = context.active_node
        found += [
            ("IMAGE", "image", getattr(node, "image", None)),
            ("CLIP", "clip", getattr(node, "clip", None)),
        ]
    else:
        active = context.object
        if active is not None:
            found += [("FACE", "object", active), ("ACTION", "action", action_of(active))]
            found.append(("OBJECT", "object", active if active.type == "MESH" else None))
        if scene.camera is not None:
            found.append(("RENDER", "", scene.camera))
    return [(source, name, value) for source, name, value in found if value]


def action_of(found: Any) -> Any:
    """The action of an object's shape keys, else of the object."""
    keys = getattr(found.data, "shape_keys", None)
    for owner in (keys, found):
        if owner is not None and owner.animation_data is not None and owner.animation_data.action is not None:
            return owner.animation_data.action
    return None


class LIKENESS_MT_nodes(bpy.types.Menu):
    bl_idname = "LIKENESS_MT_nodes"
    bl_label = "Likeness"

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_context = "EXEC_DEFAULT"
        for pillar, effects in schemas.by_pillar():
            layout.label(text=TITLES.get(pillar, fields.words(pillar)))
            for effect in effects:
                if "sequence" in schemas.kinds(effect):
                    asked = layout.operator("likeness.run_on_node", text=effect["label"])
                    asked.effect = effect["name"]


def _node_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    if context.space_data.tree_type == "CompositorNodeTree":
        menu.layout.menu("LIKENESS_MT_nodes", icon="USER")


SPACES = {
    "VIEW_3D": "view",
    "IMAGE_EDITOR": "image",
    "CLIP_EDITOR": "clip",
    "SEQUENCE_EDITOR": "sequencer",
    "NODE_EDITOR": "node",
}


def _panels() -> list[type]:
    made = []
    for space, name in SPACES.items():
        for base in (_Effects, _Effect, _Runs):
            idname = f"LIKENESS_PT_{name}{base.__name__.lower()}"
            made.append(type(idname, (base, bpy.types.Panel), {"bl_idname": idname, "bl_space_type": space}))
    return made


CLASSES = (LIKENESS_OT_choose, LIKENESS_OT_use_current, LIKENESS_MT_nodes, *_panels())


def register() -> None:
    """Hang the menu in, and make room for previews."""
    bpy.types.NODE_MT_add.append(_node_menu)
    if not bpy.app.background:
        _previews.append(bpy.utils.previews.new())


def unregister() -> None:
    """Take it off again."""
    bpy.types.NODE_MT_add.remove(_node_menu)
    if bpy.app.timers.is_registered(_while_preparing):
        bpy.app.timers.unregister(_while_preparing)
    while _previews:
        bpy.utils.previews.remove(_previews.pop())
