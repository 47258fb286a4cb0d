"""Runs: from a Group to the worker and back, without holding Nuke up.

With a window, a thread follows the worker and everything that touches a node goes to the main thread;
without one, in `nuke -t` and `nuke -x`, the same steps happen one after the other.
"""

from __future__ import annotations

import os
import queue
import threading
from typing import Any, Callable, NamedTuple

import nuke

from likeness_client import Event, Run, WorkerError, forms
from likeness_nuke import arrive, installed, names, pictures
from likeness_nuke.form import Form, read, rows
from likeness_nuke.host import Problem, tell, undo

POLL_S = 0.1


class Job(NamedTuple):
    """A run on its way: its Group, the requests by view, and the way to stop it."""

    group: nuke.Group
    name: str
    effect: dict[str, Any]
    frames: tuple[int, int]
    folder: str
    requests: dict[str, dict[str, Any]]
    stop: threading.Event


_running: dict[str, Job] = {}
_starting: list[str] = []


# --- start and stop, on the main thread ----------------------------------------------------------------


def start(group: nuke.Group) -> None:
    """Run a Group's effect; returns at once with a window, else when it is done.

    Raises `Problem` if it cannot be started, or without a window if it fails.
    """
    name = group.fullName()
    if name in _running or name in _starting:
        raise Problem(f"{name} runs already; wait for it, or press Cancel.")
    _starting.append(name)
    try:
        job = _prepare(group, name)
    finally:
        _starting.remove(name)
    _running[name] = job
    tell(group, "Starting.")
    if nuke.GUI:
        threading.Thread(target=_follow_beside, args=(job,), name="likeness", daemon=True).start()
    else:
        _follow(job, _Terminal(job))


def is_running(name: str) -> bool:
    """Whether the Group of that full name runs."""
    return name in _running


def cancel(group: nuke.Group) -> None:
    """Stop a Group's run; its finished frames are kept."""
    job = _running.get(group.fullName())
    if job is None:
        raise Problem(f"{group.fullName()} does not run.")
    job.stop.set()


def _prepare(group: nuke.Group, name: str) -> Job:
    """Check the Group and write what the worker reads; raises `Problem`."""
    try:
        form = read(group)
    except LookupError as error:
        raise Problem(str(error.args[0])) from None
    _check(form)
    frames = form.frames or _range(group, form)
    try:
        os.makedirs(form.folder, exist_ok=True)
        views = pictures.all_views() if form.pipes else pictures.all_views()[:1]
        given = pictures.write(group, form.effect, form.pipes, frames, form.folder, views)
        for view in views:
            given[view].update(form.files)
            given[view].update(_sliders(group, form, frames))
    except OSError as error:
        raise Problem(
            f"The folder {form.folder} cannot be written ({error.strerror}); choose another."
        ) from None
    except RuntimeError as error:
        raise Problem("The inputs cannot be rendered: {}".format(" ".join(str(error).split()))) from None
    led = _is_led_by_a_pipe(form)
    still = frames[0] == frames[1]
    asked = form.frames or (frames if led and not still else None)
    requests = {
        view: forms.request(
            form.effect,
            given[view],
            _values(form),
            output(form.effect, form.folder, view if len(views) > 1 else ""),
            asked,
            form.colorspace if led else "auto",
            form.device,
            form.seed,
        )
        for view in views
    }
    return Job(group, name, form.effect, frames, form.folder, requests, threading.Event())


def _check(form: Form) -> None:
    """Say what is wrong before anything is written."""
    given = dict(form.files)
    given.update({name: os.path.abspath(os.sep) for name in form.pipes})
    told = forms.problems(form.effect, given, form.values, form.folder, form.frames)
    if form.curves is not None:
        label, name = form.curves[1]["label"], form.curves[1]["name"]
        if name in given:
            told.append(f"The sliders are animated and {label} is given too; clear one of them.")
    for other in _running.values():
        if other.folder == form.folder:
            told.append(f"{other.name} writes into {form.folder}; choose another folder.")
    if told:
        raise Problem(told[0])


def _is_led_by_a_pipe(form: Form) -> bool:
    """Whether the first picture that is given, which decides frames and color, comes through a pipe."""
    given = [
        i["name"] for i in names.piped(form.effect) if i["name"] in form.pipes or i["name"] in form.files
    ]
    return bool(given) and given[0] in form.pipes


def _range(group: nuke.Group, form: Form) -> tuple[int, int]:
    """The range of the first picture that is connected, else the script's."""
    if form.pipes:
        order = [given["name"] for given in names.piped(form.effect)]
        return pictures.extent(group, order.index(form.pipes[0]))
    return nuke.root().firstFrame(), nuke.root().lastFrame()


def _values(form: Form) -> dict[str, Any]:
    """The parameters; a table whose sliders move goes as a file instead."""
    found = dict(form.values)
    if form.curves is not None:
        found[form.curves[0]["name"]] = {}
    return found


def _sliders(group: nuke.Group, form: Form, frames: tuple[int, int]) -> dict[str, str]:
    """Write animated sliders as a performance, and return its path by the input's name."""
    if form.curves is None:
        return {}
    table, given = form.curves
    span = frames
    if frames[0] == frames[1]:
        span = (nuke.root().firstFrame(), nuke.root().lastFrame())
    path = os.path.join(form.folder, "inputs", given["name"] + ".csv")
    forms.write_performance(path, given["columns"], rows(group, table, given, span), nuke.root().realFps())
    return {given["name"]: path}


def output(effect: dict[str, Any], folder: str, view: str) -> str:
    """Where the worker writes: a frame pattern for an effect that makes pictures, else a folder."""
    place = os.path.join(folder, view) if view else folder
    found = names.sequences(effect)
    return os.path.join(place, found[0] + ".####.exr") if found else place


# --- following the worker, on the thread ---------------------------------------------------------------


class _Window:
    """Where a run is shown while Nuke is used: a progress bar, and the node through the main thread."""

    def __init__(self, job: Job) -> None:
        self._task = nuke.ProgressTask("Likeness: " + job.name)

    def progress(self, part: float, sentence: str) -> bool:
        """Show how far it is; returns whether the user asked to stop."""
        self._task.setProgress(int(100 * part))
        self._task.setMessage(sentence)
        return bool(self._task.isCancelled())

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call what touches nodes."""
        nuke.executeInMainThread(function, arguments)

    def fail(self, job: Job, sentence: str) -> None:
        """Tell what went wrong."""
        self.call(_failed, job, sentence, True)


class _Terminal:
    """Where a run is shown without a window: nothing but the end."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def progress(self, part: float, sentence: str) -> bool:
        """Only the stop flag matters here."""
        return False

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call it: this is the main thread."""
        function(*arguments)

    def fail(self, job: Job, sentence: str) -> None:
        """Raise, so that a script or `nuke -x` ends with an error."""
        _failed(job, sentence, False)
        raise Problem(sentence)


def _follow_beside(job: Job) -> None:
    """Follow a run on this thread; its progress bar is there as long as it."""
    _follow(job, _Window(job))


def _follow(job: Job, screen: Any) -> None:
    """Send the requests one after another and bring in what comes back."""
    results: dict[str, list[dict[str, Any]]] = {}
    try:
        for place, (view, request) in enumerate(job.requests.items()):
            last = _wait(job, installed.client().run(request), screen, place)
            if last.kind == "error":
                return _ended(job, screen, last.data)
            results[view] = last.data["results"]
    except WorkerError as error:
        return screen.fail(job, str(error))
    except Problem:
        raise
    except Exception as error:
        return screen.fail(job, f"{type(error).__name__}: {error}")
    screen.call(_done, job, results)


def _wait(job: Job, run: Run, screen: Any, place: int) -> Event:
    """The last event of a run; the screen sees the others, and both it and Cancel can stop it."""
    part, sentence = place / len(job.requests), "Starting."
    while True:
        try:
            for event in run.wait_events(POLL_S):
                if event.is_last:
                    return event
                part, sentence = _progress(job, event, place)
                screen.call(tell, job.group, sentence)
                if screen.progress(part, sentence) or job.stop.is_set():
                    run.cancel()
        except queue.Empty:
            if screen.progress(part, sentence) or job.stop.is_set():
                run.cancel()


def _progress(job: Job, event: Event, place: int) -> tuple[float, str]:
    data = event.data
    share = data["done"] / data["total"] if data["total"] else 0.0
    sentence = "{}: {} of {}".format(data["stage"].capitalize(), data["done"], data["total"])
    if data["seconds_left"] is not None and data["done"] < data["total"]:
        sentence += ", {:.0f} s left".format(data["seconds_left"])
    return (place + share) / len(job.requests), sentence + "."


def _ended(job: Job, screen: Any, data: dict[str, Any]) -> None:
    sentence = "{} {}".format(data["message"], data["hint"]).strip()
    if data["code"] == "cancelled":
        return screen.call(_stopped, job, sentence)
    if data.get("tail"):
        sentence = "\n".join([sentence, "Its last words:", *data["tail"]])
    return screen.fail(job, sentence)


# --- the end, on the main thread -----------------------------------------------------------------------


def _stopped(job: Job, sentence: str) -> None:
    _running.pop(job.name, None)
    tell(job.group, sentence)


def _failed(job: Job, sentence: str, show: bool) -> None:
    _running.pop(job.name, None)
    tell(job.group, sentence)
    if show:
        nuke.message(sentence)


def _done(job: Job, results: dict[str, list[dict[str, Any]]]) -> None:
    """Bring the results in, in one step of undo; what fails here leaves the script as it was."""
    _running.pop(job.name, None)
    try:
        job.group.name()
    except ValueError:
        if nuke.GUI:
            nuke.message(f"{job.name} was deleted; its results are in {job.folder}.")
        return
    try:
        with undo("Likeness: " + job.name):
            sentence = arrive.bring_in(job.group, job.effect, results, job.frames)
    except (OSError, ValueError, RuntimeError, LookupError) as error:
        sentence = f"The results are in {job.folder}, but cannot be brought in: {error}"
        tell(job.group, sentence)
        if not nuke.GUI:
            raise Problem(sentence) from None
        nuke.message(sentence)
        return
    tell(job.group, sentence)
