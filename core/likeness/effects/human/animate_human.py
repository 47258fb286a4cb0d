"""Animate human: a performance played by a person, as one animated file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from likeness.declare import Effect, Input, Output, Param
from likeness.effects.human import human, looks, parameters
from likeness.human.character import Naming
from likeness.performance import ARKIT, ROTATIONS
from likeness.results import Result

if TYPE_CHECKING:
    from likeness.job import Job


def write(job: Job) -> Sequence[Result]:
    """Read the performance, make the person and write them moving."""
    from likeness.human.perform import perform
    from likeness.performance import read_csv, resample

    path = job.path("performance")
    assert path is not None
    fps = float(job.params["fps"]) or None  # type: ignore[arg-type]
    played = read_csv(path, fps)
    played = resample(played, fps or played.fps)
    job.progress(0, 2, "form")
    character = human.make(job)
    job.progress(1, 2, "write")
    naming: Naming = next(n for n in get_args(Naming) if n == job.params["joint_names"])
    return human.write_files(job, character, perform(played, character.skeleton, naming))


ANIMATE_HUMAN = Effect(
    name="animate_human",
    pillar="human",
    label="Animate Human",
    help="Plays a performance on a digital human: face shapes, jaw, neck, head and eyes.",
    inputs=(
        Input(
            "performance",
            ("performance",),
            "Performance",
            "A Live Link Face CSV, recorded by a phone or written by Capture.",
            columns=(*ARKIT, *ROTATIONS),
        ),
    ),
    params=(
        *parameters.FORM,
        *looks.LOOK,
        *parameters.CLOTHES,
        parameters.POSE,
        parameters.NAMING,
        looks.TEXTURES,
        Param(
            "fps", "float", 0.0, "Frame rate", "Of the animation; 0 keeps the performance's.", 0, 240, "fps",
            group="Files",
        ),
        Param(
            "format", "choice", "glb", "Format", "The file to write: glTF, USD, or both.",
            choices=("glb", "usd", "all"), group="Files",
        ),
    ),
    outputs=(
        Output("person", "model", "GLB: the person with the take as an animation."),
        Output("person_usd", "model", "USD: the same with the take as a UsdSkel animation."),
    ),
    models=parameters.MODELS,
    write=write,
)  # fmt: skip
