"""What the benchmark does inside a host, in a process of its own: `python -I in_host.py WHAT JOB.json`.

WHAT is a function of this file. It gets the job's values by name, and its answer goes as JSON to the
file that the job names. Nothing else of the checkout is needed, so the host is as a user has it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODULE = "bl_ext.user_default.likeness"
EFFECT = "reanimate"
WARM = 25  # frames: the performance's first rests, then it blinks, looks about and turns
Taken = dict[str, float]


def _measured(act: Callable[[], Any], worker: Callable[[], int | None] = lambda: None) -> Taken:
    """What a call takes: seconds on the clock, and of the processor here and in the worker."""
    before, begun = time.process_time() + _spent(worker()), time.perf_counter()
    act()
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "cpu": time.process_time() + _spent(worker()) - before}


def _spent(pid: int | None) -> float:
    """Seconds of the processor that another process has had; NaN where the system does not tell."""
    if pid is None:
        return 0.0
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- Blender -------------------------------------------------------------------------------------------


def blender_install(zip_path: str) -> None:
    """Install the extension as a user does, into an empty profile."""
    import bpy

    bpy.ops.extensions.package_install_files(repo="user_default", filepath=zip_path, enable_on_install=True)
    assert MODULE in bpy.context.preferences.addons, "not installed"


def blender_enable() -> Taken:
    """Enable what is installed, in a Blender that has just started."""
    import bpy  # noqa: F401

    addon_utils = importlib.import_module("addon_utils")
    return _measured(lambda: _enable(addon_utils))


def blender_run(plate: str, driver: str, output: str, frames: int) -> Taken:
    """An effect over many frames, once some that move have made the worker warm."""
    bpy, settings, worker = _with_inputs(plate)
    settings.inputs.driver.source, settings.inputs.driver.path = "PATH", driver
    settings.frames = "CUSTOM"
    taken: Taken = {}
    for last in (WARM, frames):
        settings.first, settings.last, settings.output = 1, last, output.format(last)
        taken = _measured(lambda: _finished(bpy.ops.likeness.run(effect=EFFECT)), worker.pid)
    return taken


def blender_live(plate: str, moves: int, prepare: bool) -> list[Taken]:
    """Moves of a face slider, each until its preview can be seen; the first finds the face.

    With `prepare` the effect is made ready first, as beside an open panel, and that is the first answer.
    """
    bpy, _, worker = _with_inputs(plate)
    cube = bpy.data.objects["Cube"]
    bpy.context.view_layer.objects.active = cube
    _finished(bpy.ops.likeness.add_face())
    taken = []

    def ready() -> None:
        worker.preparation.ask(EFFECT)
        while worker.preparation.under_way:
            time.sleep(0.05)

    if prepare:
        taken.append(_measured(ready, worker.pid))

    def move() -> None:
        _finished(bpy.ops.likeness.preview())
        # Asking for its size reads the picture, as showing it does.
        assert tuple(bpy.data.images["Likeness Preview"].size) == (1920, 1080)

    for number in range(moves):
        cube.likeness_face.jawOpen = (number + 1) / moves
        taken.append(_measured(move, worker.pid))
    return taken


def _enable(addon_utils: Any) -> None:
    assert addon_utils.enable(MODULE, default_set=True) is not None, "not enabled"


def _with_inputs(plate: str) -> tuple[Any, Any, Any]:
    import bpy

    _enable(importlib.import_module("addon_utils"))
    settings = getattr(bpy.context.scene.likeness.effects, EFFECT)
    settings.inputs.plate.source, settings.inputs.plate.path = "PATH", plate
    from bl_ext.user_default.likeness import worker

    return bpy, settings, worker


def _finished(done: set[str]) -> None:
    assert done == {"FINISHED"}, done


# --- Nuke's test host ----------------------------------------------------------------------------------


def nuke_open(package: str, host: str) -> Taken:
    """Make the menu and open the Group that takes longest."""
    sys.path[:0] = [package, host]
    import nuke  # type: ignore[import-not-found,unused-ignore]

    nuke._reset(gui=True)
    from likeness_nuke import installed, menu

    start = _measured(menu.build)
    opened = [_measured(lambda n=each["name"]: menu.create(n)) for each in installed.effects()]
    slowest = max(opened, key=lambda taken: taken["seconds"])
    return {name: start[name] + slowest[name] for name in start}


def nuke_run(package: str, host: str, plate: str, driver: str, output: str, frames: int) -> Taken:
    """An effect over many frames, once some that move have made the worker warm."""
    sys.path[:0] = [package, host]
    import nuke

    nuke._reset(gui=True)
    from likeness_nuke import installed, jobs, menu

    group = menu.create(EFFECT)
    group.setInput(0, None)
    group["input_plate"].setValue(plate)
    group["input_driver"].setValue(driver)
    group["likeness_first"].setValue(1)

    def run() -> None:
        group["press_run"].execute()
        nuke._pump(lambda: not jobs._running, 3600)
        told = group["likeness_status"].value()
        assert told.startswith("Done"), told

    taken: Taken = {}
    for last in (WARM, frames):
        group["likeness_last"].setValue(last)
        group["likeness_output"].setValue(output.format(last))
        taken = _measured(run, lambda: installed.client().pid)
    installed.close()
    return taken


def main() -> None:
    """Do what the command line asks."""
    job = json.loads(Path(sys.argv[2]).read_text("utf-8"))
    answer = globals()[sys.argv[1]](**job["data"])
    Path(job["answer"]).write_text(json.dumps(answer), "utf-8")


if __name__ == "__main__":
    main()
