"""Human portrait: pictures of a person, turning, with expressions, under three lights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from likeness.declare import Effect, Output, Param
from likeness.effects.human import looks, parameters
from likeness.performance import ARKIT
from likeness.results import Result

if TYPE_CHECKING:
    from likeness.human.portrait import Sitter, View
    from likeness.job import Job

SHEETS = ("expressions", "turntable", "lights", "single")


def write(job: Job) -> Sequence[Result]:
    """Draw the sheet."""
    from likeness.files import output_errors, replacing
    from likeness.human.png import encode
    from likeness.human.portrait import LIGHTS, develop, picture, sheet

    params = job.params
    job.progress(0, 1, "form")
    who = _sitter(job)
    views = _views(job)
    size = int(params["picture_size"])  # type: ignore[arg-type]
    light = LIGHTS[str(params["light"])]
    cells = []
    for done, view in enumerate(views):
        job.progress(done, len(views), "draw")
        cells.append(develop(picture(who, view, light if view.light is None else LIGHTS[view.light], size)))
    job.folder.mkdir(parents=True, exist_ok=True)
    path = job.folder / f"{params['sheet']}.png"
    with output_errors(path), replacing(path) as temporary:
        temporary.write_bytes(encode(sheet(cells, 1 if len(cells) == 1 else 4)))
    return [Result("sheet", "report", str(path), {"pictures": [path.name], "size": np.shape(cells[0])[:2]})]


def _sitter(job: Job) -> Sitter:
    from likeness.human.assemble import Dressing, make_character
    from likeness.human.hair import grow_hair
    from likeness.human.portrait import Sitter

    params = {**job.params, "pose": "A"}
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
        return [View(18.0, weights=weights, gaze_deg=gaze) for weights, gaze in EXPRESSIONS.values()]
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
        Param("picture_size", "int", 384, "Size", "Pixels a side of each picture on the sheet.",
              64, 4096, "px", group="Picture"),
        Param("turn_deg", "float", 20.0, "Turn", "From where a single picture is taken, to the left.",
              -180, 180, "deg", group="Picture"),
        Param("expression", "weights", {}, "Expression", "Face shapes of a single picture.", 0, 1,
              choices=ARKIT, group="Picture"),
    ),
    outputs=(Output("sheet", "report", "The pictures on one sheet, PNG."),),
    models=("head", "body"),
    write=write,
    rehearsal={"params": {"texture_size": "512", "sheet": "single", "picture_size": 64}},
)  # fmt: skip
