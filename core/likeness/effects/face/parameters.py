"""What effects on faces declare alike: which face of a picture, and the lens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from likeness.declare import Input, Param
from likeness.errors import BadRequest
from likeness.face import findings
from likeness.face.track import CHOICES
from likeness.request import parse_frames

if TYPE_CHECKING:
    from likeness.job import Job

# What finds a face and fits the head to it.
FACE_MODELS = (
    "face_detector",
    "face_points",
    "face_patches",
    "face_eyes",
    "face_points_report",
    "expected_expression",
    "mended_fit",
)


def face(prefix: str = "", of: str = "plate") -> tuple[Param, Param]:
    """`{prefix}face` and `{prefix}face_index`: the face of input `of` that the effect works on."""
    label = f"{of.capitalize()}'s face" if prefix else "Face"
    return (
        Param(
            f"{prefix}face", "choice", "largest", label, f"Which face of the {of}.",
            choices=CHOICES, group="Faces",
        ),
        Param(
            f"{prefix}face_index", "int", 0, f"{label} index",
            "Counts on from the chosen face: 1 is the next one.", 0, 99, group="Faces",
        ),
    )  # fmt: skip


def chosen(prefix: str = "") -> tuple[str, ...]:
    """The names of the parameters on which what `find` finds depends."""
    return (f"{prefix}face", f"{prefix}face_index", "focal_mm")


FOCAL = Param(
    "focal_mm", "float", 0.0, "Focal length",
    "The lens, as on a 36 mm wide film back; 0 estimates it from the face's perspective.",
    0, 1000, "mm", group="Camera",
)  # fmt: skip

LIKENESS = Input(
    "likeness", ("picture",), "Likeness",
    "A picture of the person to take, where there are several: chooses in place of Face.",
    required=False,
)  # fmt: skip


def neutral(help_: str) -> Param:
    """The parameter that names the frames in which the actor rests."""
    return Param("neutral_frames", "text", "", "Neutral frames", help_, analyzed=False)


def resting(job: Job, frames: Sequence[int]) -> list[int]:
    """The places among `frames` at which the actor rests, as `neutral_frames` names them ("12, 40-48").

    Empty if it names none; raises `BadRequest` if it names others.
    """
    out: list[int] = []
    for part in filter(None, map(str.strip, str(job.params["neutral_frames"]).split(","))):
        try:
            first, last = parse_frames(part)
        except BadRequest:
            first, last = 1, 0
        places = [place for place, frame in enumerate(frames) if first <= frame <= last]
        if not places or frames[places[0]] != first or frames[places[-1]] != last:
            first, last = frames[0], frames[-1]
            raise BadRequest(
                f"Neutral frames cannot be '{part}'.",
                f"Give frames and ranges from {first} to {last}, such as {first}, {last - 1}-{last}.",
            )
        out += places
    return out


LAYERS = Param(
    "layers", "choice", "all", "Layers",
    "All layers, or the comp alone, which takes a third of the time.",
    choices=("all", "comp"), analyzed=False,
)  # fmt: skip


def find(job: Job, name: str, prefix: str = "", *, everyone: bool = False) -> dict[str, Any]:
    """Follow and fit the face of input `name` that the parameters choose, through all its frames.

    Kept by what it looks at: another driver, as every move of a host's sliders makes one, leaves what was
    found of the plate.
    """
    source = job.source(name)
    like = job.source("likeness") if job.kind("likeness") == "picture" and not prefix else None
    choice = chosen(prefix)

    def follow() -> dict[str, Any]:
        return findings.find(
            source,
            [source.frames[0]] if source.is_still else list(source.frames),
            (source.width, source.height),
            choose=str(job.params[choice[0]]),
            index=int(job.params[choice[1]]),  # type: ignore[arg-type]
            focal_mm=float(job.params[choice[2]]),  # type: ignore[arg-type]
            device=job.device,
            check=job.check,
            tell=lambda done, total: job.progress(done, total, f"track {name}"),
            everyone=everyone,
            likeness=None if like is None else (like, (like.width, like.height)),
        )

    seen = [name] if like is None else [name, "likeness"]
    return job.cached("faces" if everyone else "face", follow, inputs=seen, params=choice)
