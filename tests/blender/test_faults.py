"""Bad input and faults: one clear sentence, and the scene is as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness.media import write_layers
from likeness.media.image import Image
from tests.blender.conftest import Blender
from tests.damaged import write_huge


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plate")
    for frame in range(1, 5):
        pixels = np.full((8, 8, 3), frame, np.float32)
        write_layers(folder / f"p.{frame:04d}.exr", {"comp": Image(pixels, ("R", "G", "B"))})
    return folder / "p.####.exr"


def _told(plate: str, folder: str, huge: str) -> dict[str, Any]:
    import os

    import bpy
    from bl_ext.user_default.likeness import jobs, properties, schemas, worker

    scene = bpy.context.scene
    settings = properties.settings(scene, schemas.find("tiny"))
    pick = settings.inputs.plate

    def things() -> list[str]:
        names = ("objects", "images", "actions", "texts", "collections", "node_groups", "scenes", "sounds")
        return [f"{name}/{each.name}" for name in names for each in getattr(bpy.data, name)]

    told = {}

    def run(name: str, **given: Any) -> None:
        before = things()
        try:
            words = sorted(bpy.ops.likeness.run(**{"effect": "tiny", **given}))
        except RuntimeError as error:
            words = str(error).removeprefix("Error: ").strip()
        told[name] = [words, things() == before]

    pick.source, settings.output = "IMAGE", folder
    run("nothing chosen")
    pick.source, pick.path = "PATH", "/no/such/pläte \"x\" 'y'.exr"
    run("no such path")
    pick.path = ""
    run("empty path")
    words = os.path.join(folder, "words.exr")
    with open(words, "w") as file:
        file.write("these are words")
    pick.path = words
    run("not a picture")
    pick.path = huge
    run("huge")
    pick.path = os.path.join(folder, "y" * 400 + ".exr")
    run("path too long")
    pick.path = plate
    settings.frames, settings.first, settings.last = "CUSTOM", 9, 3
    run("backwards")
    settings.first, settings.last = 100, 120
    run("outside")
    settings.frames = "WHOLE"
    blocked = os.path.join(folder, "a file")
    open(blocked, "w").close()
    settings.output = os.path.join(blocked, "below")
    run("output below a file")
    settings.output = "//results"
    run("beside an unsaved file")
    settings.output = os.path.join(folder, "x" * 300)
    run("name too long")
    settings.output = folder
    pick.source = "STRIP"
    run("no strip")
    pick.strip = "gone"
    run("strip gone")
    pick.source = "CLIP"
    run("no clip")
    scene.camera = None
    pick.source = "RENDER"
    run("no camera")
    pick.source = "IMAGE"
    pick.image = bpy.data.images.new("tiles", 8, 8, tiled=True)
    run("tiles")
    pick.image = bpy.data.images.load(words)
    pick.image.filepath = "/gone.exr"
    run("image gone")
    run("no effect", effect="nothing")
    pick.source = "PATH"
    job = jobs.prepare(bpy.context, schemas.find("tiny"))
    jobs.queue.append(job)
    run("twice at once")
    jobs.queue.remove(job)

    # None of that hurt: a run works, and its worker is still the first.
    run("well")
    first = worker.pid()
    settings.params.seconds = 0.01
    run("again")
    told["one worker"] = [first is not None and first == worker.pid(), True]
    return told


def test_each_fault_has_its_sentence(blender: Blender, plate: Path, tmp_path: Path) -> None:
    huge = write_huge(tmp_path / "huge picture.exr")
    told = blender.run(_told, plate=str(plate), folder=str(tmp_path), huge=huge)
    wanted = {
        "nothing chosen": "Plate: no image is chosen",
        "no such path": "there is no file /no/such/pläte \"x\" 'y'.exr",
        "empty path": "Plate is missing",
        "not a picture": "words.exr",
        "huge": "huge picture.exr",
        "path too long": "there is no file",
        "backwards": "The frame range 9-3 runs backwards; give 3-9.",
        "outside": "The shot has frames 1-4, not 100-120.",
        "output below a file": "is no folder; choose another",
        "beside an unsaved file": "save it first",
        "name too long": "too long",
        "no strip": "no strip is chosen",
        "strip gone": "there is no strip 'gone'",
        "no clip": "no movie clip is chosen",
        "no camera": "no active camera",
        "tiles": "has tiles (UDIM)",
        "image gone": "'words.exr' names the file /gone.exr, which is not there",
        "no effect": "There is no effect 'nothing'",
        "twice at once": "is writing to",
    }
    for name, part in wanted.items():
        words, unchanged = told.pop(name)
        assert part in words and unchanged, (name, words, unchanged)
        assert "Traceback" not in words and "\n" not in words, (name, words)
    assert told.pop("well")[0] == ["FINISHED"] and told.pop("again")[0] == ["FINISHED"]
    assert told.pop("one worker")[0]
    assert not told


def _full_disk(plate: str, folder: str) -> dict[str, Any]:
    import resource

    import bpy
    from bl_ext.user_default.likeness import properties, schemas, worker

    settings = properties.settings(bpy.context.scene, schemas.find("tiny"))
    settings.inputs.plate.source, settings.inputs.plate.path = "PATH", plate
    settings.output = folder

    def run() -> list[str]:
        try:
            return sorted(bpy.ops.likeness.run(effect="tiny"))
        except RuntimeError as error:
            return [str(error).removeprefix("Error: ").strip()]

    told: dict[str, Any] = {"first": run()}
    worker.close()
    before = [image.name for image in bpy.data.images]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
    settings.params.gain = 3.0
    told["full"] = run()
    told["same"] = before == [image.name for image in bpy.data.images]
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    worker.close()
    told["again"] = run()
    return told


@pytest.mark.skipif(os.name == "nt", reason="limits a file's size with setrlimit")
def test_a_disk_that_fills_up(blender: Blender, plate: Path, tmp_path: Path) -> None:
    """A limit on the size of a file, which the worker inherits, stands for a disk that fills up."""
    told = blender.run(_full_disk, plate=str(plate), folder=str(tmp_path / "out"))
    assert told["first"] == told["again"] == ["FINISHED"]
    (words,) = told["full"]
    file = tmp_path / "out" / "tiny.0001.exr"
    assert words == f"Cannot write {file} (File too large). Free some space and run it again."
    assert told["same"]
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name.startswith(".")]


def _worker_dies(plate: str, folder: str) -> dict[str, Any]:
    import os
    import signal
    import threading
    import time

    import bpy
    from bl_ext.user_default.likeness import jobs, properties, schemas, worker

    settings = properties.settings(bpy.context.scene, schemas.find("tiny"))
    settings.inputs.plate.source, settings.inputs.plate.path = "PATH", plate
    settings.output, settings.params.seconds = folder, 0.5
    images = len(bpy.data.images)

    def kill() -> None:
        while not any(job.done for job in jobs.queue):
            time.sleep(0.02)
        os.kill(worker.pid(), signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    try:
        words = str(bpy.ops.likeness.run(effect="tiny"))
    except RuntimeError as error:
        words = str(error)
    same = len(bpy.data.images) == images
    done = bpy.ops.likeness.run(effect="tiny")

    def stop() -> None:
        while jobs.queue[-1].status != "running":
            time.sleep(0.02)
        jobs.queue[-1].cancel()

    settings.params.gain = 3.5
    threading.Thread(target=stop, daemon=True).start()
    try:
        stopped = sorted(bpy.ops.likeness.run(effect="tiny"))
    except RuntimeError as error:
        stopped = str(error)
    return {"words": words, "same": same, "again": sorted(done), "stopped": stopped}


def test_a_worker_that_dies_and_a_run_that_is_stopped(blender: Blender, plate: Path, tmp_path: Path) -> None:
    told = blender.run(_worker_dies, plate=str(plate), folder=str(tmp_path))
    assert "The Likeness worker was killed by signal 9." in told["words"] and told["same"]
    assert "It starts again with the next run" in told["words"]
    assert told["again"] == ["FINISHED"]
    assert told["stopped"] == ["CANCELLED"]


def _hang(plate: str, folder: str, ready: str) -> None:
    import threading
    import time

    import bpy
    from bl_ext.user_default.likeness import jobs, properties, schemas, worker

    settings = properties.settings(bpy.context.scene, schemas.find("tiny"))
    settings.inputs.plate.source, settings.inputs.plate.path = "PATH", plate
    settings.output, settings.params.seconds = folder, 60

    def tell() -> None:
        while not jobs.queue or jobs.queue[-1].status != "running":
            time.sleep(0.02)
        with open(ready, "w") as file:
            file.write(str(worker.pid()))

    threading.Thread(target=tell, daemon=True).start()
    bpy.ops.likeness.run(effect="tiny")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_blender_leaves_no_process(
    blender: Blender, plate: Path, tmp_path: Path, number: signal.Signals
) -> None:
    ready = tmp_path / "pid"
    words, _ = blender.command(_hang, plate=str(plate), folder=str(tmp_path / "out"), ready=str(ready))
    process = subprocess.Popen(words, env=blender.environment(), cwd=blender.home)
    try:
        _wait(lambda: ready.exists() and ready.read_text() != "", 120)
        worker = int(ready.read_text())
        os.kill(worker, 0)
        process.send_signal(number)
        process.wait(20)
        _wait(lambda: not _lives(worker), 5)
    finally:
        process.kill()
        process.wait()


def _lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def _wait(condition: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
