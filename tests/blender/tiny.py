"""A throw-away effect: three parameters and one result of each kind, all of them real files.

It is loaded as a studio's own effect is (`LIKENESS_EFFECTS=…/tiny.py:TINY`), and no host knows of it.
The upper half of its picture is multiplied by `gain`; the lower half keeps every pixel.
"""

from __future__ import annotations

import json
import time
import wave
from typing import Any

import numpy as np

from likeness.declare import Effect, Input, Layer, Output, Param
from likeness.job import Job, Layers, Result

FPS = 24.0
RATE = 48000


def _render(job: Job, frame: int) -> Layers:
    from likeness.media.image import Image

    time.sleep(float(job.params["seconds"]))
    plate = job.source("plate").read(frame)
    pixels = plate.pixels.copy()
    matte = np.zeros((*pixels.shape[:2], 1), np.float32)
    matte[: len(matte) // 2] = 1
    pixels[: len(matte) // 2, :, :3] *= np.float32(job.params["gain"])
    return {
        "comp": Image(pixels, plate.channels, plate.origin, plate.display),
        "matte": Image(matte, ("A",), plate.origin, plate.display),
    }


def _write(job: Job) -> list[Result]:
    job.folder.mkdir(parents=True, exist_ok=True)
    frames = list(job.frames)
    found = _found(job, frames)
    files = {kind: job.folder / name for kind, name in NAMES.items()}
    _write_performance(files["performance"], found)
    _write_track(files["track"], found)
    _write_head(files["model"], found)
    _write_tone(files["audio"], len(frames))
    files["report"].write_text(json.dumps({"title": job.params["title"], "frames": frames}))
    return [Result(kind, kind, str(path)) for kind, path in files.items()]


NAMES = {
    "performance": "tiny.csv",
    "track": "tiny.json",
    "model": "tiny.usdc",
    "audio": "tiny.wav",
    "report": "tiny_report.json",
}


def _found(job: Job, frames: list[int]) -> dict[str, Any]:
    """What a capture finds: a head 50 cm before the lens that turns and opens its mouth, steadily."""
    from likeness.performance import ARKIT

    count, plate = len(frames), job.source("plate")
    turn = np.linspace(0, 0.3, count)
    rotation = np.zeros((count, 3, 3))
    rotation[:, 0, 0], rotation[:, 0, 2], rotation[:, 1, 1] = np.cos(turn), np.sin(turn), -1
    rotation[:, 2, 0], rotation[:, 2, 2] = np.sin(turn), -np.cos(turn)
    expression = np.zeros((count, len(ARKIT)), np.float32)
    expression[:, ARKIT.index("jawOpen")] = np.linspace(0, 1, count)
    return {
        "frames": np.array(frames),
        "cuts": np.array([count - 1]),
        "confidence": np.ones(count),
        "points": np.tile(np.random.default_rng(0).uniform(10, 50, (70, 2)), (count, 1, 1)),
        "rotation": rotation,
        "translation": np.tile([0.0, 0.0, 50.0], (count, 1)),
        "expression": expression,
        "gaze": np.zeros((count, 2, 2), np.float32),
        "turn": turn,
        "turned": np.zeros((2, 3)),
        "size": np.array([plate.width, plate.height]),
        "focal_px": np.array([1000.0, 800.0]),
        "center_px": np.array([[plate.width / 2, plate.height / 2]] * 2),
    }


def _write_performance(path: Any, found: dict[str, Any]) -> None:
    from likeness.performance import Performance, write_csv

    count = len(found["frames"])
    head = np.zeros((count, 3), np.float32)
    head[:, 0] = found["turn"]
    eyes = np.zeros((count, 2, 3), np.float32)
    write_csv(path, Performance(FPS, found["expression"], head, eyes, np.arange(count) / FPS))


def _write_track(path: Any, found: dict[str, Any]) -> None:
    from likeness.effects.face.capture import track_of

    path.write_text(json.dumps(track_of(found, FPS, [None, None])))


def _write_head(path: Any, found: dict[str, Any]) -> None:
    from likeness.effects.face.capture import poses
    from likeness.face.findings import lens_of
    from likeness.head.model import load_head
    from likeness.head.usd import write_head_usd

    head = load_head()
    write_head_usd(
        path,
        head,
        identity=np.zeros(len(head.identity_basis), np.float32),
        expressions=found["expression"],
        gaze=found["gaze"],
        head_pose=poses(found, found["rotation"]),
        focal_px=[lens_of(found, i).focal_px for i in range(len(found["frames"]))],
        size=tuple(found["size"]),
        fps=FPS,
        frames=found["frames"].tolist(),
    )


def _write_tone(path: Any, frames: int) -> None:
    time_s = np.arange(int(RATE * frames / FPS)) / RATE
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((9000 * np.sin(time_s * 440 * 2 * np.pi)).astype("<i2").tobytes())


TINY = Effect(
    name="tiny",
    pillar="scene",
    label="Tiny Test",
    help="Multiplies the upper half, and makes one result of every kind.",
    inputs=(Input("plate", ("picture",), "Plate", "The picture to change."),),
    params=(
        Param("gain", "float", 2.0, "Gain", "What the upper half is multiplied by.", 0, 8, "x"),
        Param("seconds", "float", 0.0, "Seconds", "How long a frame takes.", 0, 60, "s", analyzed=False),
        Param("title", "text", "", "Title", "What the report is called.", group="Report"),
    ),
    outputs=(
        Output("tiny", "sequence", "The changed frames."),
        *(Output(kind, kind, f"A {kind}.") for kind in NAMES),
    ),
    layers=(Layer("comp", ("R", "G", "B"), "The result."), Layer("matte", ("A",), "Where it changed.")),
    render=_render,
    write=_write,
)
