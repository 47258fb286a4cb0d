"""Human: sliders and a seed to a person with face shapes, skeleton and levels of detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from likeness.declare import Effect, Output, Param
from likeness.effects.human import looks, parameters
from likeness.errors import BadRequest
from likeness.results import Result

if TYPE_CHECKING:
    from likeness.human.character import Animation, Character
    from likeness.job import Job

FORMATS = ("glb", "usd", "vrm", "all")


def write(job: Job) -> Sequence[Result]:
    """Make the person and write the files asked for."""
    if job.params["hair"] == "curves" and job.params["format"] not in ("usd", "all"):
        raise BadRequest(
            f"Format '{job.params['format']}' has no hair curves.", "Choose format usd or all, or hair cards."
        )
    job.progress(0, 2, "form")
    character = make(job, for_vrm=job.params["format"] == "vrm")
    job.progress(1, 2, "write")
    results = write_files(job, character)
    size = job.params["texture_size"]
    if job.params["wrinkle_maps"] and size != "none":
        worn = looks.look(job.params)
        results.append(looks.write_wrinkles(job.folder, character.name, worn, int(str(size))))
    return results


def make(job: Job, for_vrm: bool = False) -> Character:
    """The person that the parameters describe; VRM asks for its own pose and names, and one level."""
    from likeness.human import clothes
    from likeness.human.assemble import BUDGETS, Dressing, make_character
    from likeness.human.hair import hair_strands

    params = {**job.params, **({"pose": "T", "joint_names": "vrm"} if for_vrm else {})}
    levels = 1 if for_vrm else len(BUDGETS)
    figure = parameters.figure(params)
    parts, materials = looks.surface(params, figure, levels)
    worn = parameters.worn(params)
    curves = params.get("hair") == "curves" and not for_vrm
    return make_character(
        plain_name(str(params["name"])),
        figure,
        Dressing(
            cuts=clothes.dress(figure, [*worn]),
            parts=parts,
            materials=[*materials, *(clothes.cloth(garment, color) for garment, color in worn.items())],
        ),
        levels=levels,
        naming=params["joint_names"],  # type: ignore[arg-type]
        recipe=parameters.recipe(params),
        strands=hair_strands(looks.look(params), figure) if curves else (),
    )


def plain_name(name: str) -> str:
    """A name that can be a file's; raises `BadRequest` if it cannot."""
    stripped = name.strip()
    if not stripped or stripped.startswith(".") or set(stripped) & set('/\\:*?"<>|') or len(stripped) > 64:
        raise BadRequest(
            f"Parameter 'name' cannot be {name!r}.", "Give up to 64 letters, digits, spaces or dashes."
        )
    return stripped


def write_files(job: Job, character: Character, animation: Animation | None = None) -> list[Result]:
    """Write the character, at rest or moving, in the formats that `format` asks for."""
    from likeness.human.gltf import write_glb
    from likeness.human.usd import write_usd
    from likeness.human.vrm import write_vrm

    asked = str(job.params["format"])
    stem = job.folder / character.name
    job.folder.mkdir(parents=True, exist_ok=True)
    results = []
    if asked in ("glb", "all"):
        write_glb(path := stem.with_name(f"{stem.name}.glb"), character, animation)
        results.append(Result("person", "model", str(path)))
    if asked in ("usd", "all"):
        write_usd(path := stem.with_name(f"{stem.name}.usdc"), character, animation)
        results.append(Result("person_usd", "model", str(path)))
    if asked == "vrm" or (asked == "all" and animation is None):
        whole = character if asked == "vrm" else make(job, for_vrm=True)
        write_vrm(path := stem.with_name(f"{stem.name}.vrm"), whole)
        results.append(Result("person_vrm", "model", str(path)))
    return results


HUMAN = Effect(
    name="human",
    pillar="human",
    label="Digital Human",
    help="Makes a person with face shapes, skeleton and four levels of detail.",
    inputs=(),
    params=(
        *parameters.FORM,
        *looks.LOOK,
        *parameters.CLOTHES,
        parameters.POSE,
        parameters.NAMING,
        looks.TEXTURES,
        looks.WRINKLES,
        Param(
            "hair", "choice", "cards", "Hair",
            "Cards with alpha for games, or curves for film, which USD has and Blender hangs on the skin.",
            choices=("cards", "curves"), group="Files",
        ),
        Param(
            "format", "choice", "glb", "Format", "The files to write: glTF, USD, VRM 1.0, or all three.",
            choices=FORMATS, group="Files",
        ),
    ),
    outputs=(
        Output("person", "model", "GLB: meshes, 52 face shapes, skeleton, materials, manifest."),
        Output("person_usd", "model", "USD: the same as UsdSkel, levels of detail as variants."),
        Output("wrinkles", "report", "Wrinkle normal map, its masks, and the shapes that blend it in."),
        Output("person_vrm", "model", "VRM 1.0: in T pose, with expressions and all 52 shapes."),
    ),
    models=parameters.MODELS,
    write=write,
    rehearsal={"params": {"texture_size": "512"}},
)  # fmt: skip
