"""Human from photos: one to five pictures of one face to a person on whom all sliders still work."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from likeness import demo
from likeness.declare import Effect, Input, Output, Param
from likeness.effects.face.parameters import FACE_MODELS, FOCAL
from likeness.effects.human import looks, parameters
from likeness.effects.human.human import FORMATS, plain_name, write_files
from likeness.errors import BadRequest
from likeness.files import replacing
from likeness.human.photos import CHOICES
from likeness.results import Result

if TYPE_CHECKING:
    from likeness.human.look import Look
    from likeness.human.photos import Photo, Sitting, Unwrapped
    from likeness.human.skin import Skin
    from likeness.job import Job

PHOTOS = ("photo", "photo_2", "photo_3", "photo_4", "photo_5")
RIGHTS = (
    "not stated",
    "consent recorded",
    "my own face",
    "fictional person",
    "historical person",
    "public domain",
)


def write(job: Job) -> Sequence[Result]:
    """Find who it is, paint the skin, and write the files asked for."""
    from likeness.human.photos import by_shading, colors, solve, unwrap

    rights = stated_rights(job.params["rights"], job.params["rights_note"])
    size = int(str(job.params["texture_size"]))
    job.progress(0, 4, "find the face")
    sitting = by_shading(solve(_photos(job)), job.device)
    job.progress(1, 4, "unwrap")
    seen = [unwrap(sitting, i, size, job.device) for i in range(len(sitting.photos))]
    look = _chosen(job, colors(sitting, seen, looks.look(job.params), job.device))
    job.progress(2, 4, "paint")
    character = _character(job, sitting, seen, look, rights)
    job.progress(3, 4, "write")
    results = write_files(job, character)
    report = job.folder / "report.json"
    with replacing(report) as part:
        part.write_text(json.dumps(_report(sitting, look, rights), indent=1) + "\n")
    return [*results, Result("report", "report", str(report))]


def stated_rights(rights: object, note: object) -> dict[str, str]:
    """By what right the likeness is used; raises `BadRequest` when that is not said."""
    if rights == "not stated":
        raise BadRequest(
            "Parameter 'rights' is not stated.",
            f"Say by what right you use this likeness: {', '.join(RIGHTS[1:])}.",
        )
    text = str(note).strip()
    if rights == "consent recorded" and not text:
        raise BadRequest(
            "Consent is recorded, but 'rights_note' does not say where.",
            "Name the person, the date and where the record is kept.",
        )
    return {"rights": str(rights), "note": text}


def _photos(job: Job) -> list[Photo]:
    from likeness.human.photos import take, with_one_lens
    from likeness.media.color import display_view
    from likeness.media.image import rgb

    out = []
    for name in PHOTOS:
        if job.kind(name) is None:
            continue
        source = job.source(name)

        def read(frame: int, source: Any = source) -> tuple[Any, Any]:
            linear = rgb(source.read(frame))
            return display_view(linear, source.linear_colorspace), linear

        out += take(
            source,
            [source.frames[0]] if source.is_still else list(source.frames),
            (source.width, source.height),
            read,
            name=f"Input '{name}'",
            choose=str(job.params["face"]),
            focal_mm=float(job.params["focal_mm"]),  # type: ignore[arg-type]
            device=job.device,
        )
    return out if job.params["focal_mm"] else with_one_lens(out)


def _chosen(job: Job, estimated: Look) -> Look:
    """The estimated look, except for what was set by hand."""
    set_by_hand = {p.name: job.params[p.name] for p in looks.LOOK if job.params[p.name] != p.default}
    return replace(estimated, **set_by_hand)  # type: ignore[arg-type]


def _character(
    job: Job, sitting: Sitting, seen: Sequence[Unwrapped], look: Look, rights: dict[str, str]
) -> Any:
    from likeness.human.assemble import BUDGETS, Dressing, make_character
    from likeness.human.photos import combine, completed
    from likeness.human.skin import make_skin
    from likeness.human.sliders import BOUND
    from likeness.human.texels import head_texels

    size = int(str(job.params["texture_size"]))
    bent = parameters.identity({**job.params, "seed": 0, "asymmetry": 0.0, "age": 30.0})
    who = np.clip(sitting.identity + bent, -BOUND, BOUND).astype(np.float32)
    figure = parameters.figure(job.params, who)
    skin: Skin = completed(make_skin(look, size), *combine(seen), head_texels(size), look)
    parts, materials = looks.dressed(look, size, figure, len(BUDGETS), skin)
    recipe = parameters.recipe(job.params)
    recipe["likeness"] |= {
        "synthetic": "Made with Likeness from photographs",
        "rights": rights,
        "identity": np.round(who.astype(float), 4).tolist(),
        "look": {n: round(v, 4) if isinstance(v, float) else v for n, v in vars(look).items()},
    }
    return make_character(
        plain_name(str(job.params["name"])),
        figure,
        Dressing(parts=parts, materials=materials),
        naming=job.params["joint_names"],  # type: ignore[arg-type]
        recipe=recipe,
    )


def _report(sitting: Sitting, look: Look, rights: dict[str, str]) -> dict[str, Any]:
    names = ("skin_tone", "redness", "eye_melanin", "eye_green", "hair_melanin", "hair_red", "gray")
    return {
        "rights": rights,
        "photos": len(sitting.photos),
        "residual_interocular": round(sitting.residual, 5),
        "focal_px": [round(photo.lens.focal_px, 1) for photo in sitting.photos],
        "look": {name: round(float(getattr(look, name)), 3) for name in names},
    }


HUMAN_FROM_PHOTOS = Effect(
    name="human_from_photos",
    pillar="human",
    label="Human from Photos",
    help="Makes a person from one to five photos of a face; all sliders still work.",
    inputs=tuple(
        Input(
            name, ("picture",), f"Photo {i}",
            "A photo, painting or clip of the face." if i == 1 else "Another one of the same face.",
            required=i == 1,
        )
        for i, name in enumerate(PHOTOS, 1)
    ),
    params=(
        Param("rights", "choice", "not stated", "Rights",
              "By what right this likeness is used; it is written into the files.", choices=RIGHTS),
        Param("rights_note", "text", "", "Rights note", "Who consented, when, and where the record is kept."),
        Param("face", "choice", "only", "Face", "Which face, where a photo shows several.",
              choices=CHOICES, group="Faces"),
        FOCAL,
        *parameters.FORM,
        *looks.LOOK,
        parameters.POSE,
        parameters.NAMING,
        replace(looks.TEXTURES, help="Pixels a side.", choices=looks.TEXTURES.choices[1:]),
        Param("format", "choice", "glb", "Format", "The files to write: glTF, USD, or both.",
              choices=tuple(f for f in FORMATS if f != "vrm"), group="Files"),
    ),
    outputs=(
        Output("person", "model", "GLB: the person with textures from the photos."),
        Output("person_usd", "model", "USD: the same."),
        Output("report", "report", "What was estimated, how well the head fits, and the rights stated."),
    ),
    models=(*parameters.MODELS, *FACE_MODELS, "face_regions", "skin_shading"),
    write=write,
    rehearsal={
        "inputs": {PHOTOS[0]: str(demo.PORTRAIT)},
        "params": {"texture_size": "512", "rights": "fictional person"},
    },
)  # fmt: skip
