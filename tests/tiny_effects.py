"""Small real effects for tests of the job and of what talks to it.

They are loaded as a studio's own effects are: `LIKENESS_EFFECTS=…/tiny_effects.py:TINY`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from likeness.declare import Effect, Input, Layer, Output, Param
from likeness.frames import CODEC
from likeness.job import Job, Layers, Result

PLATE = Input("plate", ("picture",), "Plate", "The picture to change.")
NOTES = Input("notes", ("text",), "Notes", "Words to count.", required=False)


def _tint_analyze(job: Job) -> Mapping[str, Any]:
    plate = job.source("plate")
    means = []
    for done, frame in enumerate(job.frames):
        means.append(plate.read(frame).pixels[..., :3].mean(axis=(0, 1)))
        job.progress(done + 1, len(job.frames), "measure")
    if log := os.environ.get("TINY_ANALYZED"):
        with open(log, "a") as file:
            file.write("x")
    return {"mean": np.mean(means, axis=0), "frames": len(job.frames), "about": ("the", "shot")}


def _tint_render(job: Job, frame: int) -> Layers:
    from likeness.media.image import Image

    time.sleep(float(job.params["seconds"]))
    picture = job.source("plate").read(frame)
    gain = np.float32(job.params["gain"])
    pixels = picture.pixels.copy()
    pixels[..., :3] = pixels[..., :3] * gain + job.findings["mean"].astype(np.float32)
    matte = np.ones((*pixels.shape[:2], 1), np.float32)
    comp = Image(pixels, picture.channels, picture.origin, picture.display)
    return {"comp": comp, "matte": Image(matte, ("A",), picture.origin, picture.display)}


TINT = Effect(
    name="tint",
    pillar="face",
    label="Tint",
    help="Adds the shot's mean color. It is 100 % a test.",
    inputs=(PLATE,),
    params=(
        Param("gain", "float", 1.0, "Gain", "What the plate is multiplied by.", 0, 8, "x", analyzed=False),
        Param("seconds", "float", 0.0, "Seconds", "How long a frame takes.", 0, 60, "s", analyzed=False),
        Param("space", "choice", "all", "Space", "Which pixels are measured.", choices=("all", "face")),
        CODEC,
    ),
    outputs=(Output("tinted", "sequence", "The tinted frames."),),
    layers=(Layer("comp", ("R", "G", "B"), "The result."), Layer("matte", ("A",), "Where it changed.")),
    analyze=_tint_analyze,
    render=_tint_render,
)


def _chore_write(job: Job) -> list[Result]:
    print("a library prints to stdout")
    os.write(1, b"and so does its C++\n")
    for step in range(int(job.params["steps"])):
        if not job.params["deaf"]:
            job.progress(step, int(job.params["steps"]), "work")
        _wait(float(job.params["seconds"]))
    if job.params["fault"] == "crash":
        print("the last words of a crash", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    if job.params["fault"] == "bug":
        raise KeyError("a bug\nin an effect")
    job.folder.mkdir(exist_ok=True)
    path = job.folder / "chore.json"
    words = job.path("notes").read_text("utf-8").split() if job.path("notes") else []
    path.write_text(json.dumps({"words": len(words), "weights": job.params["weights"]}))
    return [Result("report", "report", str(path), {"words": len(words)})]


def _wait(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.005)


CHORE = Effect(
    name="chore",
    pillar="human",
    label="Chore",
    help="Makes a report, as slowly and as badly as it is told.",
    inputs=(NOTES,),
    params=(
        Param("steps", "int", 1, "Steps", "How many steps there are.", 1, 10000),
        Param("seconds", "float", 0.0, "Seconds", "How long a step takes.", 0, 60, "s"),
        Param("deaf", "bool", False, "Deaf", "Never asks whether it shall stop."),
        Param("fault", "choice", "none", "Fault", "What goes wrong.", choices=("none", "crash", "bug")),
        Param("weights", "weights", {}, "Weights", "Numbers by name.", choices=("jawOpen", "mouthPucker")),
        Param("title", "text", "", "Title", "What is written above."),
    ),
    outputs=(Output("report", "report", "How many words there are."),),
    write=_chore_write,
    rehearsal={"params": {"steps": 30, "seconds": 0.1, "title": "rehearsed"}},
)

TINY = (TINT, CHORE)
