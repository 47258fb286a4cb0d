"""Human portrait: pictures of a person, turning, with expressions, under three lights."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from likeness.declare import Effect, Output, Param
from likeness.effects.human import looks, parameters
from likeness.errors import BadRequest
from likeness.performance import ARKIT
from likeness.results import Result

if TYPE_CHECKING:
    from likeness.human.portrait import Sitter, View
    from likeness.job import Job
    from likeness.performance import Performance

SHEETS = ("expressions", "turntable", "lights", "single")
RENDERERS = ("auto", "rasterizer", "cycles")
TAKE_FPS, TAKE_FROM_S = 24.0, 1.2
TURN_DEG = 18.0  # so far around the person expressions are seen


def write(job: Job) -> Sequence[Result]:
    """Draw the sheet, and with the expressions a take that moves."""
    from likeness.files import output_errors, replacing
    from likeness.human.png import encode
    from likeness.human.portrait import sheet

    kind, blender = str(job.params["sheet"]), _blender(str(job.params["renderer"]))
    job.progress(0, 1, "form")
    who = sitter(job.params)
    job.folder.mkdir(parents=True, exist_ok=True)
    cells = list(_drawn(job, who, _views(job), blender, "draw"))
    path = job.folder / f"{kind}.png"
    with output_errors(path), replacing(path) as temporary:
        temporary.write_bytes(encode(sheet(cells, 1 if len(cells) == 1 else 4)))
    meta = {"pictures": [path.name], "size": np.shape(cells[0])[:2], "cycles": blender is not None}
    results = [Result("sheet", "report", str(path), meta)]
    if kind == "expressions" and job.params["take_s"]:
        results.append(_take(job, who, blender))
    return results


def _blender(renderer: str) -> list[str] | None:
    """What runs a script in Blender if Cycles shall draw; raises `BadRequest` where it cannot."""
    from likeness.render.blender import VARIABLE, find_blender

    found = None if renderer == "rasterizer" else find_blender()
    if renderer == "cycles" and found is None:
        raise BadRequest(
            "Cycles draws in Blender, and there is none.",
            f"Let {VARIABLE} name a blender program or a Python with the module bpy, or choose rasterizer.",
        )
    return found


def _drawn(
    job: Job, who: Sitter, views: Sequence[View], blender: list[str] | None, stage: str
) -> Iterator[Any]:
    """Display pictures (H, W, 3) of the views, one after the other."""
    from likeness.human import cycles
    from likeness.human.portrait import LIGHTS, develop, picture

    light, size = str(job.params["light"]), int(job.params["picture_size"])  # type: ignore[arg-type]
    linear: Generator[Any]
    if blender is None:
        linear = (picture(who, view, LIGHTS[view.light or light], size) for view in views)
    else:
        samples = int(job.params["samples"])  # type: ignore[arg-type]
        linear = cycles.pictures(blender, who, views, light, size, samples)
    with contextlib.closing(linear):
        for done in range(len(views)):
            job.progress(done, len(views), stage)
            yield develop(next(linear))


def _take(job: Job, who: Sitter, blender: list[str] | None) -> Result:
    """A movie of the demo performance: the end of a sentence, and a smile."""
    from likeness.demo import PERFORMANCE
    from likeness.media import MovieWriter
    from likeness.performance import read_csv, resample

    played = resample(read_csv(PERFORMANCE), TAKE_FPS)
    first, count = int(TAKE_FROM_S * TAKE_FPS), round(float(job.params["take_s"]) * TAKE_FPS)  # type: ignore[arg-type]
    views = [view_of(played, i) for i in range(first, min(first + count, len(played)))]
    path, size = job.folder / "expressions_take.mp4", int(job.params["picture_size"])  # type: ignore[arg-type]
    with MovieWriter(path, TAKE_FPS, size, size, codec="h264") as movie:
        for frame in _drawn(job, who, views, blender, "take"):
            movie.write(frame)
    return Result("take", "report", str(path))


def view_of(performance: Performance, frame: int) -> View:
    """The person in a frame of a performance, in which eyes that look down have a positive pitch."""
    from likeness.human.portrait import View

    yaw, pitch, _ = np.degrees(performance.eyes[frame].mean(0)).tolist()
    weights = dict(zip(ARKIT, performance.weights[frame].tolist(), strict=True))
    return View(TURN_DEG, weights=weights, gaze_deg=(yaw, -pitch))


def sitter(values: Mapping[str, Any]) -> Sitter:
    """Whom valid parameters describe."""
    from likeness.human.assemble import Dressing, make_character
    from likeness.human.hair import grow_hair
    from likeness.human.portrait import Sitter

    params = {**values, "pose": "A"}
    figure = parameters.figure(params)
    parts, materials = looks.surface(params, figure, 1)
    bare = tuple(tuple(p for p in level if p.name == "cornea") for level in parts)
    character = make_character(
        "Person",
        figure,
        Dressing(parts=bare, materials=materials),
        levels=1,
        recipe=parameters.recipe(params),
    )
    hair = grow_hair(looks.look(params), figure.identity, figure.shapes / np.float32(figure.fit.scale))
    return Sitter(character, hair, figure.fit)


def _views(job: Job) -> list[View]:
    from likeness.human.portrait import EXPRESSIONS, View

    asked = job.params["sheet"]
    if asked == "turntable":
        return [View(yaw) for yaw in (0.0, 30.0, 60.0, 90.0, 180.0, -90.0, -60.0, -30.0)]
    if asked == "lights":
        return [
            View(yaw, light=light) for light in ("soft", "hard", "back") for yaw in (0.0, 35.0, 80.0, -35.0)
        ]
    if asked == "expressions":
        return [View(TURN_DEG, weights=weights, gaze_deg=gaze) for weights, gaze in EXPRESSIONS.values()]
    return [View(float(job.params["turn_deg"]), weights=dict(job.params["expression"]))]  # type: ignore[arg-type]


HUMAN_PORTRAIT = Effect(
    name="human_portrait",
    pillar="human",
    label="Human Portrait",
    help="Draws a person: an expression sheet, a turntable, three lights, or one picture.",
    inputs=(),
    params=(
        *parameters.FORM,
        *looks.LOOK,
        looks.TEXTURES,
        Param("sheet", "choice", "expressions", "Sheet", "What to draw.", choices=SHEETS, group="Picture"),
        Param("light", "choice", "soft", "Light", "The studio's light.",
              choices=("soft", "hard", "back"), group="Picture"),
        Param("take_s", "float", 2.0, "Take",
              "Length of a movie of speech and a smile that goes with the expressions; 0 makes none.",
              0, 2.75, "s", group="Picture"),
        Param("renderer", "choice", "auto", "Renderer",
              "Cycles draws in a Blender that runs beside; auto takes it if there is one.",
              choices=RENDERERS, group="Picture"),
        Param("samples", "int", 64, "Samples", "Of a pixel that Cycles draws, before noise is taken out.",
              1, 4096, group="Picture"),
        Param("picture_size", "int", 384, "Size", "Pixels a side of each picture on the sheet.",
              64, 4096, "px", group="Picture"),
        Param("turn_deg", "float", 20.0, "Turn", "From where a single picture is taken, to the left.",
              -180, 180, "deg", group="Picture"),
        Param("expression", "weights", {}, "Expression", "Face shapes of a single picture.", 0, 1,
              choices=ARKIT, group="Picture"),
    ),
    outputs=(
        Output("sheet", "report", "The pictures on one sheet, PNG."),
        Output("take", "report", "MP4: two seconds of speech and a smile."),
    ),
    models=parameters.MODELS,
    write=write,
    rehearsal={
        "params": {"texture_size": "512", "sheet": "single", "picture_size": 64, "renderer": "rasterizer"}
    },
)  # fmt: skip
