"""Runs of effects: what was asked, how far it is, what it made. Knows of no operator and no panel."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy

from likeness_client import Event, Run, WorkerError, forms

from . import files, inputs, preferences, properties, schemas, worker
from .errors import Trouble
from .results import Landing

Declared = dict[str, Any]

KEPT = 12
# How long a wait for the worker looks away: while it starts, and while it works.
START_S, WAIT_S = 0.02, 0.2

RENDERING = "camera render"
PREPARING = "Preparing, once after installing"
WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"


@dataclass
class Job:
    """One run of one effect.

    `landing` says how the results come into the scene. `render` is a pattern and a range that the
    active camera has to render before the request can be sent.
    """

    effect: Declared
    request: dict[str, Any]
    landing: Landing
    render: tuple[Path, int, int] | None = None
    status: str = WAITING
    stage: str = "start"
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    preview: str = ""
    message: str = ""
    results: list[dict[str, Any]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    told: list[Declared] | None = None
    _run: Run | None = None
    _stopped: bool = False

    @property
    def label(self) -> str:
        """What people call it."""
        return str(self.effect["label"])

    @property
    def active(self) -> bool:
        """Whether it has not ended yet."""
        return self.status in (WAITING, RUNNING)

    @property
    def factor(self) -> float:
        """How much of the present stage is done, 0 to 1."""
        return self.done / self.total if self.total else 0.0

    @property
    def text(self) -> str:
        """How far it is, in a few words."""
        if not self.active:
            return self.message or self.status.capitalize()
        if self.status == WAITING and self.stage == RENDERING:
            return "The camera renders"
        if self.status == WAITING and not self.total:
            if any(job.status == RUNNING for job in queue):
                return "Waiting"
            return PREPARING if worker.preparation.compiles else "Starting"
        left = "" if self.seconds_left is None else f", {clock(self.seconds_left)} left"
        return f"{self.stage.capitalize()} {self.done}/{self.total}{left}"

    def start(self) -> None:
        """Send the request; a thread does it, because a cold worker takes a moment to start."""
        try:
            busy = any(job.active and job is not self for job in queue)
            client = worker.client(busy)
        except WorkerError as error:
            self.end(FAILED, str(error))
            return
        threading.Thread(target=self._send, args=[client], name="likeness-start", daemon=True).start()

    def _send(self, client: worker.Client) -> None:
        try:
            run = client.run(self.request)
            self.told = client.hello()["effects"]
        except WorkerError as error:
            self.end(FAILED, str(error))
            return
        self._run = run
        if self._stopped:
            run.cancel()

    def cancel(self) -> None:
        """Ask it to stop; it ends a moment later."""
        self._stopped = True
        if self._run is not None:
            self._run.cancel()
        elif self.render is not None:
            self.end(CANCELLED, "Stopped.")

    def poll(self, wait_s: float = 0.0) -> bool:
        """Take what the worker has told, waiting `wait_s` for it; whether that was anything."""
        if self._run is None:
            time.sleep(min(wait_s, START_S))
        events = self._run.poll(wait_s) if self._run is not None else []
        for event in events:
            self._take(event)
        return bool(events)

    def wait(self) -> Iterator[None]:
        """Everything up to the end, one step an event; it blocks."""
        while self.active:
            self.poll(WAIT_S)
            yield

    def _take(self, event: Event) -> None:
        data = event.data
        if event.kind == "progress":
            self.status = RUNNING
            self.stage, self.done, self.total = data["stage"], data["done"], data["total"]
            self.seconds_left = data.get("seconds_left")
            self.preview = data.get("preview") or self.preview
        elif event.kind == "result":
            self.results = data["results"]
            self.end(DONE)
        elif data["code"] == "cancelled":
            self.end(CANCELLED, data["message"])
        else:
            last_words = [line for line in data.get("tail", ()) if line.strip()][-1:]
            words = [data["message"], data.get("hint", ""), *(f"({line})" for line in last_words)]
            self.end(FAILED, " ".join(word for word in words if word))

    def end(self, status: str, message: str = "") -> None:
        """It has ended."""
        self.status, self.message, self.seconds_left = status, message, None


queue: list[Job] = []


def prepare(context: bpy.types.Context, effect: Declared, preview: bool = False) -> Job:
    """Check everything that can be checked now and write the inputs; raise `Trouble` in one sentence.

    A `preview` is the current frame alone, as a JPEG, which is soon written and read.
    """
    scene = context.scene
    settings = properties.settings(scene, effect)
    chosen = "CURRENT" if preview else settings.frames
    span = _span(scene, settings, chosen)
    folder, whole = preferences.own_folder("inputs"), chosen == "WHOLE"
    files.sweep(folder)
    taken = inputs.take(scene, effect, settings, span, context.object, folder, whole)
    frames = _frames(span, taken, whole)
    values = properties.values(effect, settings)
    request = forms.request(
        effect,
        taken.paths,
        values,
        "",
        frames=frames,
        colorspace=taken.colorspace,
        device=preferences.device(),
        seed=settings.seed,
    )
    request["output"] = output = _preview_path() if preview else _output(settings, request)
    _refuse_problems(effect, taken, values, output, frames)
    base = Landing(
        label=effect["label"],
        scene=scene.name,
        offset=taken.offset,
        start=taken.start if frames is None else frames[0] + taken.offset,
        by_frame=taken.pictures,
        source_clip=taken.clip,
        source_image=taken.image,
    )
    return Job(effect, request, landing(context, effect, settings, base), taken.render)


def _preview_path() -> str:
    return str(preferences.own_folder("preview") / f"{uuid.uuid4().hex[:12]}.jpg")


def add(job: Job) -> None:
    """Queue a job; raise `Trouble` if one that has not ended writes to the same place."""
    for other in queue:
        if other.active and other.request["output"] == job.request["output"]:
            raise Trouble(
                f"{other.label} is writing to {other.request['output']} already; "
                "wait for it, or choose another output."
            )
    queue.append(job)
    ended = [each for each in queue if not each.active]
    for old in ended[:-KEPT]:
        queue.remove(old)


def cancel_all() -> None:
    """Stop every job that has not ended."""
    for job in queue:
        if job.active:
            job.cancel()


def clock(seconds: float) -> str:
    """A duration for people: `8 s`, `2:05`, `1:02:03`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, secs = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"


def _span(scene: Any, settings: Any, chosen: str) -> tuple[int, int]:
    """First and last frame of the scene that the run is about."""
    if chosen == "CURRENT":
        return scene.frame_current, scene.frame_current
    if chosen == "CUSTOM":
        if settings.last < settings.first:
            raise Trouble(
                f"The frame range {settings.first}-{settings.last} runs backwards; "
                f"give {settings.last}-{settings.first}."
            )
        return settings.first, settings.last
    return scene.frame_start, scene.frame_end


def _frames(span: tuple[int, int], taken: inputs.Taken, whole: bool) -> tuple[int, int] | None:
    """The request's frames, in the numbers of the shot; None is the whole of it."""
    if whole and not (taken.still and taken.rows):
        return None
    first, last = (taken.rows or span) if whole else span
    return first - taken.offset, last - taken.offset


def _output(settings: Any, request: dict[str, Any]) -> str:
    if settings.output:
        if settings.output.startswith("//") and not bpy.data.filepath:
            raise Trouble(
                f"The output {settings.output} lies beside a file that was never saved; save it first."
            )
        return bpy.path.abspath(settings.output)
    # The same request comes to the same folder, so a run that was cut off goes on where it was.
    text = json.dumps(request, sort_keys=True).encode("utf-8", "surrogatepass")
    return str(preferences.results_folder() / request["effect"] / hashlib.sha256(text).hexdigest()[:12])


def _refuse_problems(
    effect: Declared,
    taken: inputs.Taken,
    values: dict[str, Any],
    output: str,
    frames: tuple[int, int] | None,
) -> None:
    # What is yet to be rendered is not there, but the folder that it goes to is.
    paths = dict(taken.paths)
    if taken.render is not None:
        folder = str(taken.render[0].parent)
        paths = {name: folder if os.path.dirname(path) == folder else path for name, path in paths.items()}
    found = forms.problems(effect, paths, values, output, frames)
    if found:
        raise Trouble(found[0])


def landing(context: Any, effect: Declared, settings: Any, base: Landing) -> Landing:
    """`base` with the present scene, target and choices of how results come in."""
    pictures = "sequence" in schemas.kinds(effect)
    target = settings.target or context.object
    return replace(
        base,
        scene=context.scene.name,
        compositor=settings.as_compositor and pictures,
        strip=settings.as_strip and pictures,
        background=settings.as_background and pictures,
        markers=settings.as_markers,
        target=target.name if target is not None else "",
        retarget=settings.retarget,
    )
