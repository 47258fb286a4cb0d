"""Human: sliders and a seed to a person with face rig, skeleton and levels of detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from likeness.declare import Effect, Output, Param
from likeness.results import Result

if TYPE_CHECKING:
    from likeness.job import Job


def write(job: Job) -> Sequence[Result]:
    """Write the person."""
    from likeness.human.assemble import person
    from likeness.human.gltf import write_glb

    job.folder.mkdir(parents=True, exist_ok=True)
    character = person(str(job.params["name"]), int(job.params["seed"]))  # type: ignore[arg-type]
    path = job.folder / f"{character.name}.glb"
    write_glb(path, character)
    return [Result("person", "model", str(path))]


HUMAN = Effect(
    name="human",
    pillar="human",
    label="Digital Human",
    help="Makes a person with face shapes, skeleton and levels of detail.",
    inputs=(),
    params=(
        Param("name", "text", "Person", "Name", "What the person and the file are called."),
        Param(
            "seed", "int", 0, "Seed", "Another number is another person; 0 is the average one.", 0, 2**31 - 1
        ),
    ),
    outputs=(Output("person", "model", "The person: meshes, shapes, skeleton and materials."),),
    models=("head",),
    write=write,
)
