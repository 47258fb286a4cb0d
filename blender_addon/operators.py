"""What a user does: run an effect, cancel it, bring its results in."""

# SPDX-License-Identifier: GPL-3.0-or-later

import os
import time
from typing import Any

import bpy

from . import camera, fields, jobs, preferences, results, schemas, worker
from .errors import Trouble

TICK_S = 0.1
TELL_S = 2.0

_asked: list[worker.Answer] = []


class LIKENESS_OT_run(bpy.types.Operator):
    bl_idname = "likeness.run"
    bl_label = "Run"
    bl_options = {"UNDO"}

    effect: bpy.props.StringProperty(name="Effect", options={"SKIP_SAVE"})
    node: bpy.props.StringProperty(name="Node", options={"SKIP_SAVE", "HIDDEN"})

    _job: jobs.Job | None = None
    _timer: Any = None
    _rendering: camera.Rendering | None = None

    @classmethod
    def description(cls, _context: bpy.types.Context, asked: Any) -> str:
        effect = schemas.find(asked.effect)
        words = effect["help"] if effect is not None else "Run an effect."
        return f"{words} Blender stays usable, Esc stops it"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene is not None and context.scene.library is None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Run to the end and wait for it, as scripts and the background mode want it."""
        job = self._prepare(context)
        if job is None:
            return {"CANCELLED"}
        try:
            if job.render is not None:
                camera.render_now(context.scene, job.render)
            job.start()
            _follow(job)
        except KeyboardInterrupt:
            job.cancel()
            for _ in job.wait():
                pass
        except Trouble as trouble:
            job.end(jobs.FAILED, str(trouble))
        return self._finish(job)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Run beside Blender."""
        if bpy.app.background:
            return self.execute(context)
        job = self._prepare(context)
        if job is None:
            return {"CANCELLED"}
        self._job = job
        manager = context.window_manager
        self._timer = manager.event_timer_add(TICK_S, window=context.window)
        manager.modal_handler_add(self)
        if job.render is not None:
            self._rendering = camera.Rendering(context.scene, job.render)
            job.stage = jobs.RENDERING
        else:
            job.start()
        redraw(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Look after the job ten times a second."""
        job = self._job
        assert job is not None
        if event.type == "ESC" and event.value == "PRESS" and job.active:
            job.cancel()
            redraw(context)
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if self._rendering is not None and job.active:
            self._look_after_rendering(job)
        if job.poll() or not job.active:
            redraw(context)
        if job.active:
            context.workspace.status_text_set(f"Likeness · {job.label}: {job.text} · Esc stops it")
            return {"PASS_THROUGH"}
        self._leave(context)
        return self._finish(job)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends this operator: another file is loaded, or the window closes."""
        if self._job is not None and self._job.active:
            self._job.cancel()
        self._leave(context)

    def _prepare(self, context: bpy.types.Context) -> jobs.Job | None:
        name = self.effect or context.scene.likeness.effect
        effect = schemas.find(name)
        try:
            if effect is None:
                there = ", ".join(each["name"] for each in schemas.known()) or "none"
                raise Trouble(f"There is no effect '{name}'; there are: {there}.")
            job = jobs.prepare(context, effect)
            job.landing.node = self.node
            jobs.add(job)
            return job
        except Trouble as trouble:
            self.report({"ERROR"}, str(trouble))
        except OSError as error:
            place = error.filename or preferences.results_folder()
            self.report({"ERROR"}, f"{place} cannot be written ({error.strerror}); choose another folder.")
        return None

    def _look_after_rendering(self, job: jobs.Job) -> None:
        assert self._rendering is not None
        if not self._rendering.over:
            return
        whole = self._rendering.whole
        self._rendering.leave()
        self._rendering = None
        if whole:
            job.stage = "start"
            job.start()
        else:
            job.end(jobs.CANCELLED, "The camera's render was stopped.")

    def _leave(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        if self._rendering is not None:
            self._rendering.leave()
            self._rendering = None
        if context.workspace is not None:
            context.workspace.status_text_set(None)

    def _finish(self, job: jobs.Job) -> set[str]:
        if job.status == jobs.CANCELLED:
            self.report({"WARNING"}, f"{job.label} was stopped; finished frames are kept.")
            return {"CANCELLED"}
        if job.status == jobs.FAILED:
            self.report({"ERROR"}, job.message)
            return {"CANCELLED"}
        return finish(self, job)


class LIKENESS_OT_run_on_node(bpy.types.Operator):
    bl_idname = "likeness.run_on_node"
    bl_label = "Run on Node"
    bl_options = {"UNDO"}

    effect: bpy.props.StringProperty(name="Effect", options={"SKIP_SAVE"})

    @classmethod
    def description(cls, _context: bpy.types.Context, asked: Any) -> str:
        effect = schemas.find(asked.effect)
        words = effect["help"].rstrip(".") if effect is not None else "Run an effect"
        return (
            f"{words}. It takes the picture of the active node, and a group with its layers takes its place"
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        space = context.space_data
        return space is not None and space.type == "NODE_EDITOR" and space.tree_type == "CompositorNodeTree"

    def execute(self, context: bpy.types.Context) -> set[str]:
        effect, node = schemas.find(self.effect), context.active_node
        picks = [(kind, getattr(node, kind, None)) for kind in ("image", "clip")]
        found = next(((kind, value) for kind, value in picks if value is not None), None)
        if effect is None or found is None:
            self.report({"ERROR"}, "No node with a picture is active; select an Image or Movie Clip node.")
            return {"CANCELLED"}
        taken = next((each for each in effect["inputs"] if "picture" in each["kinds"]), None)
        if taken is None:
            self.report({"ERROR"}, f"{effect['label']} takes no picture; run it from the sidebar.")
            return {"CANCELLED"}
        context.scene.likeness.effect = effect["name"]
        settings = jobs.properties.settings(context.scene, effect)
        pick = getattr(settings.inputs, fields.attribute(taken["name"]))
        pick.source, settings.as_compositor = found[0].upper(), True
        setattr(pick, *found)
        return bpy.ops.likeness.run("INVOKE_DEFAULT", effect=effect["name"], node=node.name)


class LIKENESS_OT_cancel(bpy.types.Operator):
    bl_idname = "likeness.cancel"
    bl_label = "Stop"
    bl_description = "Stop this run; finished frames are kept"

    index: bpy.props.IntProperty(default=-1, options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        chosen = jobs.queue if self.index < 0 else jobs.queue[self.index : self.index + 1]
        for job in chosen:
            if job.active:
                job.cancel()
        redraw(context)
        return {"FINISHED"}


class LIKENESS_OT_bring_in(bpy.types.Operator):
    bl_idname = "likeness.bring_in"
    bl_label = "Bring In Again"
    bl_description = "Bring the results of this run into the scene again, for the object that is active now"
    bl_options = {"UNDO"}

    index: bpy.props.IntProperty(default=-1, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return any(job.results for job in jobs.queue)

    def execute(self, context: bpy.types.Context) -> set[str]:
        done = [job for job in jobs.queue if job.results]
        job = done[-1] if self.index < 0 else jobs.queue[self.index]
        settings = jobs.properties.settings(context.scene, job.effect)
        job.landing = jobs.landing(context, job.effect, settings, job.landing)
        return finish(self, job)


class LIKENESS_OT_forget(bpy.types.Operator):
    bl_idname = "likeness.forget"
    bl_label = "Clear List"
    bl_description = "Take the runs that have ended off the list; their files stay"

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.queue[:] = [job for job in jobs.queue if job.active]
        redraw(context)
        return {"FINISHED"}


class LIKENESS_OT_open_folder(bpy.types.Operator):
    bl_idname = "likeness.open_folder"
    bl_label = "Open Folder"
    bl_description = "Show the files in the system's file browser"

    path: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})

    def execute(self, _context: bpy.types.Context) -> set[str]:
        if not os.path.isdir(self.path):
            self.report({"ERROR"}, f"The folder {self.path} is not there yet; run an effect first.")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=self.path)
        return {"FINISHED"}


class LIKENESS_OT_check_worker(bpy.types.Operator):
    bl_idname = "likeness.check_worker"
    bl_label = "Check"
    bl_description = "Start the worker and say what it is"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            told = worker.client(any(job.active for job in jobs.queue)).hello()
        except worker.WorkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        adopt(told["effects"])
        devices = ", ".join(told["devices"])
        self.report({"INFO"}, f"Likeness {told['version']} on Python {told['python']}; devices: {devices}.")
        redraw(context)
        return {"FINISHED"}


def _follow(job: jobs.Job) -> None:
    """Wait for a job; who watches a background render sees how far it is."""
    told, when = "", 0.0
    for _ in job.wait():
        now = time.monotonic()
        if job.text != told and now - when > TELL_S:
            told, when = job.text, now
            print(f"Likeness: {job.label}: {told}", flush=True)


def look_for_more() -> float | None:
    """Ask the worker for its effects, beside Blender, where it may have others than the extension.

    A timer calls it again until the worker has answered; the panels then show what it told.
    """
    if not os.environ.get("LIKENESS_EFFECTS") and not preferences.python():
        return None
    if not _asked:
        _asked.append(worker.ask())
    answer = _asked[0]
    if not answer.done:
        return 0.5
    _asked.clear()
    if answer.effects is not None:
        adopt(answer.effects)
        redraw(bpy.context)
    return None


def finish(operator: bpy.types.Operator, job: jobs.Job) -> set[str]:
    """Bring a job's results in and say what there is to say."""
    # A script that waits for its run may hold the properties that would be made anew.
    if job.told is not None and not bpy.app.background:
        adopt(job.told)
    try:
        notes = results.bring_in(job.results, job.landing)
    except Trouble as trouble:
        operator.report({"ERROR"}, str(trouble))
        return {"CANCELLED"}
    job.message = " ".join(notes) or "Done"
    if notes:
        operator.report({"WARNING"}, f"{job.label}: {job.message}")
    else:
        operator.report({"INFO"}, f"{job.label} is done.")
    return {"FINISHED"}


def adopt(told: list[dict[str, Any]]) -> None:
    """Show the effects that the worker has, if they are others than those of the extension."""
    from . import refresh

    if schemas.adopt(told):
        refresh()


def redraw(context: bpy.types.Context) -> None:
    """Draw every area that may show a job."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            area.tag_redraw()


CLASSES = (
    LIKENESS_OT_run,
    LIKENESS_OT_run_on_node,
    LIKENESS_OT_cancel,
    LIKENESS_OT_bring_in,
    LIKENESS_OT_forget,
    LIKENESS_OT_open_folder,
    LIKENESS_OT_check_worker,
)
