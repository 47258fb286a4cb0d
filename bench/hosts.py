"""What a host costs: its start with the extension in it, a slider, and a run through it.

Seconds on the clock are what people feel and what is asked; seconds of the processor stand beside them,
for they are the same on a busy machine.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.pictures import ROOT
from bench.runs import Ran, reanimate
from bench.table import Row
from likeness.demo import PERFORMANCE

FRAMES = 100
STARTS = 5
MOVES = 8  # of a slider; the first two find the face and warm the caches
Taken = dict[str, float]


def rows(plate: Path, work: Path) -> list[Row]:
    """The numbers of every host that is here; `plate` is a portrait at 1080p."""
    out = work / "cli"
    reanimate(plate, PERFORMANCE, out / "warm.####.exr", frames="1-1")

    def alone() -> Ran:
        ran = reanimate(plate, PERFORMANCE, out / "run.####.exr", frames=f"1-{FRAMES}")
        shutil.rmtree(out)
        return ran

    return [*blender(plate, work / "blender", alone), *nuke(plate, work / "nuke", alone)]


def blender(plate: Path, home: Path, alone: Callable[[], Ran]) -> list[Row]:
    """Blender's: none where `build.py` could not make an environment with Blender."""
    found = [python for name in ("bpy50", "bpy45") if (python := _python(ROOT / f".venv-{name}"))]
    if not found:
        return []
    (home / "profile").mkdir(parents=True)
    packer = [sys.executable, str(ROOT / "blender_addon" / "package.py"), "--platform", "this"]
    subprocess.run([*packer, "--out", str(home)], check=True, stdout=subprocess.DEVNULL)

    def ask(what: str, **data: Any) -> Any:
        own = {"BLENDER_USER_RESOURCES": str(home / "profile"), "HOME": str(home)}
        return _in_host([str(found[0]), "-I"], what, home, os.environ | own, data)

    ask("blender_install", zip_path=str(next(home.glob("*.zip"))))
    starts = [ask("blender_enable") for _ in range(STARTS)]
    installed, *_ = ask("blender_live", plate=str(plate), moves=1, prepare=False)
    ready, first, _, *moves = ask("blender_live", plate=str(plate), moves=MOVES, prepare=True)
    overhead = _overhead("Blender", lambda: ask("blender_run", **_long_run(plate, home)), alone)
    return [
        _row("Blender: enabling the extension", _median(starts), 1000, "ms", at_most=100),
        _row("Blender: first frame after installing, not prepared", installed, 1, "s"),
        _row("Blender: preparing beside the open panel, in each session", ready, 1, "s"),
        _row("Blender: first frame of a session, prepared", first, 1, "s"),
        _row("Blender: a slider moves until its frame shows, 1080p", _median(moves), 1, "s", at_most=1),
        overhead,
    ]


def nuke(plate: Path, home: Path, alone: Callable[[], Ran]) -> list[Row]:
    """Nuke's, in the test host: what the package itself costs, without Nuke's own share."""
    from likeness.hosts import write_nuke

    package = home / "likeness"
    write_nuke(package, python=sys.executable)
    place = {"package": str(package), "host": str(ROOT / "tests" / "nuke" / "host")}

    def ask(what: str, **data: Any) -> Any:
        return _in_host([sys.executable], what, home, dict(os.environ), place | data)

    opened = _median([ask("nuke_open") for _ in range(STARTS)])
    return [
        _row("Nuke's test host: registering and opening a Group", opened, 1000, "ms", at_most=50),
        _overhead("Nuke's test host", lambda: ask("nuke_run", **_long_run(plate, home)), alone),
    ]


def _long_run(plate: Path, home: Path) -> dict[str, Any]:
    """What a host is asked to do: the same as the command line."""
    return {
        "plate": str(plate), "driver": str(PERFORMANCE), "output": str(home / "run{}"), "frames": FRAMES
    }  # fmt: skip


def _row(name: str, taken: Taken, scale: float, unit: str, at_most: float | None = None) -> Row:
    cpu = scale * taken["cpu"]
    return Row(
        "hosts", name, scale * taken["seconds"], unit, cpu, f"{unit} of the processor", at_most=at_most
    )


def _overhead(host: str, run: Callable[[], Taken], alone: Callable[[], Ran]) -> Row:
    """How much longer a run takes than the same request on the command line, in percent.

    The command line runs before and after it: so the mean of the two stands for the machine's speed
    while the host ran, which differs from minute to minute by more than what is asked.
    """
    before, taken, after = alone(), run(), alone()
    seconds, cpu = (before.seconds + after.seconds) / 2, (before.cpu + after.cpu) / 2
    name = f"{host}: overhead of {FRAMES} frames at 1080p ({seconds:.0f} s by themselves)"
    more = 100 * (taken["cpu"] / cpu - 1)
    clock = 100 * (taken["seconds"] / seconds - 1)
    return Row("hosts", name, clock, "%", more, "% of the processor's time", at_most=5)


def _median(taken: list[Taken]) -> Taken:
    return {name: statistics.median(each[name] for each in taken) for name in taken[0]}


def _python(venv: Path) -> Path | None:
    for python in (venv / "bin" / "python", venv / "Scripts" / "python.exe"):
        if python.exists():
            return python
    return None


def _in_host(words: list[str], what: str, home: Path, env: dict[str, str], data: dict[str, Any]) -> Any:
    """What a function of `in_host.py` answers, in a new process."""
    job, answer = (home / f"{name}_{time.monotonic_ns()}.json" for name in ("job", "answer"))
    job.write_text(json.dumps({"data": data, "answer": str(answer)}))
    script = Path(__file__).with_name("in_host.py")
    done = subprocess.run(
        [*words, str(script), what, str(job)], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode or not answer.exists():
        raise RuntimeError(f"{what} said: {(done.stdout + done.stderr)[-2000:]}")
    return json.loads(answer.read_text())
