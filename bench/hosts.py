"""What a host costs: its start with the extension in it, and a run through it against the command line."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.pictures import ROOT
from bench.runs import reanimate
from bench.table import Row
from likeness.demo import PERFORMANCE

FRAMES = 100
STARTS = 5
MODULE = "bl_ext.user_default.likeness"

_INSTALL = """
import bpy
bpy.ops.extensions.package_install_files(repo="user_default", filepath=job["zip"], enable_on_install=True)
assert job["module"] in bpy.context.preferences.addons, "not installed"
answer = True
"""

_ENABLE = """
import time, bpy, addon_utils
before = time.perf_counter()
assert addon_utils.enable(job["module"]) is not None
answer = time.perf_counter() - before
"""

_RUN = """
import time, bpy, addon_utils
addon_utils.enable(job["module"], default_set=True)
settings = bpy.context.scene.likeness.effects.reanimate
settings.inputs.plate.source, settings.inputs.plate.path = "PATH", job["plate"]
settings.inputs.driver.source, settings.inputs.driver.path = "PATH", job["driver"]
settings.frames = "CUSTOM"
answer = []
for last in (1, job["frames"]):
    settings.first, settings.last, settings.output = 1, last, job["output"] + str(last)
    before = time.perf_counter()
    assert bpy.ops.likeness.run(effect="reanimate") == {"FINISHED"}
    answer.append(time.perf_counter() - before)
"""


def rows(plate: Path, work: Path) -> list[Row]:
    """The numbers of every host that is here; `plate` is a portrait at 1080p."""
    return blender(plate, work) + nuke(plate, work)


_IN_NUKE = """
import json, sys, time
job = json.loads(sys.argv[1])
sys.path[:0] = [job["package"], job["host"]]
import nuke
nuke._reset(gui=True)
before = time.perf_counter()
from likeness_nuke import installed, jobs, menu
menu.build()
start = time.perf_counter() - before
opened = []
for effect in installed.effects():
    before = time.perf_counter()
    menu.create(effect["name"])
    opened.append(time.perf_counter() - before)
installed.client().hello()
runs = []
group = menu.create("reanimate")
group.setInput(0, None)
group["input_plate"].setValue(job["plate"])
group["input_driver"].setValue(job["driver"])
for last in (1, job["frames"]):
    for name, value in (("likeness_first", 1), ("likeness_last", last)):
        group[name].setValue(value)
    group["likeness_output"].setValue(job["output"] + str(last))
    before = time.perf_counter()
    group["press_run"].execute()
    nuke._pump(lambda: not jobs._running, 3600)
    runs.append(time.perf_counter() - before)
    status = group["likeness_status"].value()
    assert status.startswith("Done"), status
installed.close()
print(json.dumps({"start": start, "opened": max(opened), "seconds": runs[-1]}))
"""


def nuke(plate: Path, work: Path) -> list[Row]:
    """Nuke's, in the test host: what the package itself costs, without Nuke's own share."""
    from likeness.hosts import write_nuke

    package = work / "nuke" / "likeness"
    write_nuke(package, python=sys.executable)
    job = {"package": str(package), "host": str(ROOT / "tests" / "nuke" / "host"), "frames": FRAMES}
    job |= {"plate": str(plate), "driver": str(PERFORMANCE), "output": str(work / "nuke" / "run")}
    words = [sys.executable, "-c", _IN_NUKE, json.dumps(job)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The test host of Nuke said: {done.stderr[-2000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    direct = _on_the_command_line(plate, work, "nuke")
    overhead = 100 * (told["seconds"] / direct - 1)
    what = f"Nuke's test host: overhead of {FRAMES} frames at 1080p"
    opening = 1000 * (told["start"] + told["opened"])
    return [
        Row("hosts", "Nuke's test host: registering and opening a Group", opening, "ms", at_most=50),
        Row("hosts", what, overhead, "%", direct, "s on the command line", at_most=5),
    ]


def _on_the_command_line(plate: Path, work: Path, name: str) -> float:
    """Seconds of the same run without a host, after one that has filled the caches."""
    reanimate(plate, PERFORMANCE, work / f"cli_{name}" / "warm.####.exr", frames="1-1")
    out = work / f"cli_{name}" / "run.####.exr"
    return reanimate(plate, PERFORMANCE, out, frames=f"1-{FRAMES}").seconds


def blender(plate: Path, work: Path) -> list[Row]:
    """Blender's: none where `build.py` could not make an environment with Blender."""
    found = [python for name in ("bpy50", "bpy45") if (python := _python(ROOT / f".venv-{name}"))]
    if not found:
        return []
    python, home = found[0], work / "blender"
    home.mkdir()
    packer = [sys.executable, str(ROOT / "blender_addon" / "package.py"), "--platform", "this"]
    subprocess.run([*packer, "--out", str(home)], check=True, stdout=subprocess.DEVNULL)
    job = {"module": MODULE, "zip": str(next(home.glob("*.zip")))}
    _in_blender(python, home, _INSTALL, job)
    starts = [_in_blender(python, home, _ENABLE, job) for _ in range(STARTS)]
    job |= {"plate": str(plate), "driver": str(PERFORMANCE), "frames": FRAMES, "output": str(home / "run")}
    through = _in_blender(python, home, _RUN, job)[-1]
    direct = _on_the_command_line(plate, work, "blender")
    overhead = 100 * (through / direct - 1)
    what = f"Blender: overhead of {FRAMES} frames at 1080p"
    return [
        Row("hosts", "Blender: enabling the extension", 1000 * statistics.median(starts), "ms", at_most=100),
        Row("hosts", what, overhead, "%", direct, "s on the command line", at_most=5),
    ]


def _python(venv: Path) -> Path | None:
    for python in (venv / "bin" / "python", venv / "Scripts" / "python.exe"):
        if python.exists():
            return python
    return None


def _in_blender(python: Path, home: Path, script: str, job: dict[str, Any]) -> Any:
    """What a script leaves in `answer`, in a new process of Blender with its profile below `home`."""
    told = home / f"answer_{time.monotonic_ns()}.json"
    code = f"import json\njob = json.loads({json.dumps(json.dumps(job))})\n{script}"
    code += f"\nwith open({str(told)!r}, 'w') as file:\n    json.dump(answer, file)\n"
    own = {"BLENDER_USER_RESOURCES": str(home / "profile"), "HOME": str(home)}
    (home / "profile").mkdir(exist_ok=True)
    done = subprocess.run(
        [str(python), "-I", "-c", code], env=os.environ | own, capture_output=True, text=True, check=False
    )
    if done.returncode or not told.exists():
        raise RuntimeError(f"Blender said: {(done.stdout + done.stderr)[-2000:]}")
    return json.loads(told.read_text())
