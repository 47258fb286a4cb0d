"""Human: sliders and a seed to a person with face shapes, skeleton and levels of detail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from likeness.declare import Effect, Output, Param
from likeness.effects.human import parameters
from likeness.errors import BadRequest
from likeness.results import Result

if TYPE_CHECKING:
    from likeness.human.character import Character
    from likeness.job import Job

FORMATS = ("glb", "usd", "vrm", "all")


def write(job: Job) -> Sequence[Result]:
    """Make the person and write the files asked for."""
    job.progress(0, 2, "form")
    character = make(job)
    job.progress(1, 2, "write")
    return write_files(job, character)


def make(job: Job) -> Character:
    """The person that the parameters describe."""
    from likeness.human.assemble import make_character

    return make_character(
        plain_name(str(job.params["name"])),
        parameters.figure(job.params),
        naming=job.params["joint_names"],  # type: ignore[arg-type]
        recipe=parameters.recipe(job.params),
    )


def plain_name(name: str) -> str:
    """A name that can be a file's; raises `BadRequest` if it cannot."""
    stripped = name.strip()
    if not stripped or stripped.startswith(".") or set(stripped) & set('/\\:*?"<>|') or len(stripped) > 64:
        raise BadRequest(
            f"Parameter 'name' cannot be {name!r}.", "Give up to 64 letters, digits, spaces or dashes."
        )
    return stripped


def write_files(job: Job, character: Character) -> list[Result]:
    """Write the character in the formats that `format` asks for."""
    from likeness.human.gltf import write_glb
    from likeness.human.usd import write_usd

    folder: Path = job.folder
    folder.mkdir(parents=True, exist_ok=True)
    asked = str(job.params["format"])
    results = []
    if asked in ("glb", "all"):
        path = folder / f"{character.name}.glb"
        write_glb(path, character)
        results.append(Result("person", "model", str(path)))
    if asked in ("usd", "all"):
        path = folder / f"{character.name}.usdc"
        write_usd(path, character)
        results.append(Result("person_usd", "model", str(path)))
    return results


HUMAN = Effect(
    name="human",
    pillar="human",
    label="Digital Human",
    help="Makes a person with face shapes, skeleton and four levels of detail.",
    inputs=(),
    params=(
        *parameters.FORM,
        parameters.POSE,
        parameters.NAMING,
        Param(
            "format", "choice", "glb", "Format", "The files to write: glTF, USD, VRM 1.0, or all three.",
            choices=FORMATS, group="Files",
        ),
    ),
    outputs=(
        Output("person", "model", "GLB: meshes, 52 face shapes, skeleton, materials, manifest."),
        Output("person_usd", "model", "USD: the same as UsdSkel, levels of detail as variants."),
    ),
    models=("head", "body"),
    write=write,
)  # fmt: skip
