"""A person made whole: form, clothes, hair and looks to a character in levels of detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from likeness.human import skeleton
from likeness.human.character import Character, Float, Int, Material, Naming, Part, Skeleton, Strands
from likeness.human.face_parts import compact, face_parts
from likeness.human.figure import Figure, make_figure
from likeness.human.lod import BUDGETS, collapse_map, reduced, steps_within

__all__ = [
    "BUDGETS",
    "Character",
    "Cut",
    "Dressing",
    "Figure",
    "Material",
    "Part",
    "Skeleton",
    "make_character",
    "make_figure",
]

MATERIALS = (
    Material("body", (0.55, 0.33, 0.25), 0.5, subsurface=0.3),
    Material("head", (0.55, 0.33, 0.25), 0.5, subsurface=0.3),
    Material("mouth", (0.4, 0.12, 0.11), 0.3, subsurface=0.3),
    Material("teeth", (0.75, 0.7, 0.6), 0.2),
    Material("eyes", (0.8, 0.78, 0.75), 0.1),
    Material("lashes", (0.02, 0.015, 0.01), 0.6, double_sided=True),
    Material("tears", (0.9, 0.9, 0.9), 0.05, alpha=0.2, alpha_mode="BLEND"),
)


@dataclass(frozen=True, eq=False)
class Cut:
    """A piece of the body's surface: `triangles` of corners, and where its corners lie.

    `vertices` and `normals` (W, 3) of all corners; `name` and `material` of the part it becomes.
    """

    name: str
    material: str
    triangles: Int
    vertices: Float
    normals: Float


@dataclass(frozen=True)
class Dressing:
    """What goes on and instead of the bare form.

    `cuts` are pieces of the body's surface (its skin where it shows, clothes); `parts` by level what has
    its own surface, such as hair; `materials` replace those of the same name.
    """

    cuts: Sequence[Cut] | None = None
    parts: Sequence[Sequence[Part]] = ()
    materials: Sequence[Material] = ()
    skip: frozenset[str] = field(default_factory=frozenset)


def make_character(
    name: str,
    figure: Figure,
    dressing: Dressing | None = None,
    *,
    levels: int = len(BUDGETS),
    shaped: int = 3,
    naming: Naming = "unreal",
    recipe: Mapping[str, Any] | None = None,
    strands: tuple[Strands, ...] = (),
) -> Character:
    """A character of so many levels of detail, each within its budget (see `lod.BUDGETS`).

    The first `shaped` levels carry the 52 shapes of the face.
    """
    dressing = dressing or Dressing()
    cuts = dressing.cuts if dressing.cuts is not None else [bare(figure)]
    made = []
    for level in range(levels):
        face = face_parts(figure, level, dressing.skip, level < shaped)
        more = list(dressing.parts[level]) if level < len(dressing.parts) else []
        rest = BUDGETS[level] - sum(len(part.triangles) for part in [*face, *more])
        made.append((*_cut_parts(figure, cuts, level, rest), *face, *more))
    table = {m.name: m for m in (*MATERIALS, *dressing.materials)}
    used = {part.material for parts in made for part in parts}
    return Character(
        name,
        tuple(made),
        skeleton.renamed(figure.skeleton, naming),
        tuple(m for m in table.values() if m.name in used),
        dict(recipe or {}),
        strands,
    )


def bare(figure: Figure) -> Cut:
    """The body's whole skin."""
    return Cut("body", "body", figure.body.triangles, figure.body_vertices, figure.body_normals)


def _cut_parts(figure: Figure, cuts: Sequence[Cut], level: int, budget: int) -> list[Part]:
    body = figure.body
    steps = steps_within(body, [cut.triangles for cut in cuts], level, budget)
    standing = collapse_map(body, steps)
    out = []
    for cut in cuts:
        rows, triangles = compact(reduced(body, cut.triangles, standing))
        if len(triangles):
            places = body.vertex_place[rows]
            out.append(
                Part(
                    name=cut.name,
                    vertices=cut.vertices[rows],
                    triangles=triangles,
                    uv=body.vertex_uv[rows],
                    normals=cut.normals[rows],
                    joints=body.place_joints[places].astype(np.uint16),
                    weights=body.place_weights[places],
                    material=cut.material,
                )
            )
    return out
