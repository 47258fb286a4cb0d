"""An effect of a studio with what the others of the tests lack: sliders, a driver, a foreground layer.

Its labels hold what Tcl would stumble over. Loaded as `LIKENESS_EFFECTS=…/studio.py:STUDIO`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from likeness.declare import Effect, Input, Layer, Output, Param
from likeness.job import Job, Layers
from likeness.performance import read_csv

SHAPES = ("jawOpen", "mouthPucker")
TURNS = ("HeadYaw", "HeadPitch", "HeadRoll")


def _render(job: Job, frame: int) -> Layers:
    from likeness.media.image import Image

    plate = job.source("plate").read(frame)
    weights: Any = job.params["sliders"]
    opened = float(weights.get("jawOpen", 0))
    if job.kind("driver") == "performance":
        driver = read_csv(job.path("driver"))  # type: ignore[arg-type]
        opened += float(driver["jawOpen"][min(job.shot.index(frame), len(driver) - 1)])
    pixels = plate.pixels.copy()
    height, width = pixels.shape[:2]
    spot = (slice(height // 4, height // 2), slice(width // 4, width // 2))
    pixels[(*spot, slice(0, 3))] = np.float32(opened)
    front = np.zeros((height, width, 4), np.float32)
    front[spot] = (opened, opened, opened, 1)
    place: dict[str, Any] = {"origin": plate.origin, "display": plate.display}
    exact = ("float",) * 4
    return {
        "comp": Image(
            pixels, plate.channels, pixel_aspect=plate.pixel_aspect, formats=plate.formats, **place
        ),
        "front": Image(front, ("R", "G", "B", "A"), formats=exact, **place),
        "matte": Image(front[..., 3:], ("A",), formats=exact[:1], **place),
    }


STUDIO = Effect(
    name="puppet",
    pillar="human",
    label='Puppet {"[exec rm]"} $x',
    help='Opens a "mouth" [date] {in the plate}.\nüñí 顔 \\end.',
    inputs=(
        Input("plate", ("picture",), "Plate", "The picture."),
        Input(
            "driver",
            ("picture", "performance"),
            "Driver {d",
            "What moves it.",
            required=False,
            columns=(*SHAPES, *TURNS),
        ),
        Input("holdout", ("matte",), "Holdout", "What stays.", required=False),
    ),
    params=(
        Param("title", "text", 'a "b" [c] {d $e \\f', "Title", "Any words."),
        Param("mode", "choice", "two words", "Mode", "One of two.", choices=("plain", "two words")),
        Param("on", "bool", True, "On", "Whether.", group="More [x]"),
        Param("count", "int", 3, "Count", "How many.", -5, 7, group="More [x]"),
        Param("sliders", "weights", {}, "Sliders", "Values by name.", 0, 1, choices=SHAPES),
    ),
    outputs=(Output("comp", "sequence", "The picture with a mouth."),),
    layers=(
        Layer("comp", ("R", "G", "B"), "The result."),
        Layer("front", ("R", "G", "B", "A"), "The mouth alone, premultiplied."),
        Layer("matte", ("A",), "Where it is."),
    ),
    render=_render,
)
