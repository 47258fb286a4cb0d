"""A person made whole: a head's identity and the body's sliders to a character with all its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from likeness.head.model import Head, load_head, vertex_normals
from likeness.human import place, skeleton
from likeness.human.body import Body, load_body
from likeness.human.character import Character, Float, Int, Material, Naming, Part, Pose, Skeleton
from likeness.human.face import face_shapes
from likeness.human.lod import BUDGETS, collapse_map, reduced, steps_within
from likeness.human.place import Fit
from likeness.performance import ARKIT

__all__ = ["Character", "Figure", "Material", "Part", "Skeleton", "make_character", "make_figure"]

# The head's pieces by the part they become; a part has the material of its name.
FACE_PARTS: dict[str, tuple[str, ...]] = {
    "head": ("skin",),
    "mouth": ("socket", "eye_socket_left", "eye_socket_right", "gums", "tongue"),
    "teeth": ("teeth_upper", "teeth_lower"),
    "eyes": ("eye_left", "eye_right"),
    "lashes": ("lashes",),
    "tears": ("tears",),
}
MATERIALS = (
    Material("body", (0.55, 0.33, 0.25), 0.5, subsurface=0.3),
    Material("head", (0.55, 0.33, 0.25), 0.5, subsurface=0.3),
    Material("mouth", (0.4, 0.12, 0.11), 0.3, subsurface=0.3),
    Material("teeth", (0.75, 0.7, 0.6), 0.2),
    Material("eyes", (0.8, 0.78, 0.75), 0.1),
    Material("lashes", (0.02, 0.015, 0.01), 0.6, double_sided=True),
    Material("tears", (0.9, 0.9, 0.9), 0.05, alpha=0.2, alpha_mode="BLEND"),
)
SHAPED_LEVELS = 3  # of the levels, from the finest, that carry the 52 shapes


@dataclass(frozen=True, eq=False)
class Figure:
    """A person's bare form, from which all parts are cut: head and body at one place, in one stance.

    `head_vertices` (V, 3) and `head_normals` (V, 3) follow the house head's vertices, `places` (P, 3) and
    `place_normals` the body's places; `ring` (R + 1, 3) is the seam, `ring_normals` with it. `fit` brings
    what was made for the head to where it is; `shapes` (52, V, 3) are the face's, in body space.
    `joints`, `weights` (V, 4) bind the head. All in cm, feet on the ground.
    """

    head: Head
    body: Body
    identity: Float
    fit: Fit
    head_vertices: Float
    head_normals: Float
    places: Float
    place_normals: Float
    ring: Float
    ring_normals: Float
    shapes: Float
    skeleton: Skeleton
    joints: Any
    weights: Float
    height_cm: float

    @cached_property
    def body_vertices(self) -> Float:
        """The body's corners (W, 3)."""
        return self.places[self.body.vertex_place]

    @cached_property
    def body_normals(self) -> Float:
        """Normals (W, 3) of the body's corners."""
        return self.place_normals[self.body.vertex_place]


def make_figure(
    identity: Float,
    values: Mapping[str, float],
    height_cm: float = 170.0,
    head_size: float = 0.0,
    pose: Pose = "A",
) -> Figure:
    """A person's form from the head's coefficients (K,) and the body's sliders (see `measures`)."""
    head, body = load_head(), load_body()
    rest = head.rest(identity)[head.vertex_twin]
    places, points, fit = _of_height(body, rest, values, height_cm, head_size)
    eyes = fit.apply(head.eyes(identity))
    bones = skeleton.make_skeleton(body, points, fit.apply(body.neck.jaw_center), eyes)
    turns = skeleton.rest_rotations(bones, pose)
    places = skeleton.skinned(places, body.place_joints, body.place_weights, bones, turns)
    bones = skeleton.moved(bones, turns)
    ring = places[body.vertex_place[body.ring]]
    vertices = place.join(head, body, rest, fit, ring)
    normals = _normals(head, body, vertices, places)
    free = place.stillness(head, body)[:, None] * np.float32(fit.scale)
    joints, weights = _bind_head(head, body, bones)
    ring_places = body.vertex_place[body.ring]
    return Figure(
        head=head,
        body=body,
        identity=identity,
        fit=fit,
        head_vertices=vertices,
        head_normals=normals[: len(vertices)],
        places=places,
        place_normals=normals[len(vertices) :],
        ring=ring,
        ring_normals=normals[len(vertices) + ring_places],
        shapes=face_shapes(head, rest) * free,
        skeleton=bones,
        joints=joints,
        weights=weights,
        height_cm=float(vertices[np.unique(head.part("skin")), 1].max() - places[:, 1].min()),
    )


def _of_height(
    body: Body, rest: Float, values: Mapping[str, float], height_cm: float, head_size: float
) -> tuple[Float, dict[str, Float], Fit]:
    """Places, points and the head's fit of a body that stands `height_cm` tall on the ground.

    MakeHuman's height slider is asked for what comes nearest, and the rest is a matter of scale.
    """
    crown = rest[rest[:, 1].argmax()]

    def formed(height: float) -> tuple[float, Float, dict[str, Float], Fit]:
        places, points = body.shape({**values, "height": height})
        fit = place.fit_head(body, points, head_size)
        return float(fit.apply(crown)[1] - places[:, 1].min()), places, points, fit

    ends = [-1.0, -0.5, 0.0, 0.3]
    statures = [formed(h)[0] for h in ends]
    tall, places, points, fit = formed(float(np.interp(height_cm, statures, ends)))
    scale = np.float32(height_cm / tall)
    down = np.array([0, places[:, 1].min(), 0], np.float32)
    points = {name: (point - down) * scale for name, point in points.items()}
    fit = Fit(float(fit.scale * scale), fit.pivot, (fit.at - down) * scale)
    return (places - down) * scale, points, fit


def _normals(head: Head, body: Body, vertices: Float, places: Float) -> Float:
    """Normals of head vertices and, after them, of places: one surface, so they agree at the seam."""
    count = len(vertices)
    ring = np.asarray(count + body.vertex_place[body.ring], np.int32)
    skin = _onto_ring(head.vertex_twin, ring, body.neck.triangles[0])
    inner = head.levels[0][head.level_parts[0] != head.part_names.index("skin")]
    triangles = np.concatenate([skin, head.vertex_twin[inner], count + body.vertex_place[body.triangles]])
    return unit_normals(np.concatenate([vertices, places]), triangles)[
        np.concatenate([head.vertex_twin, count + np.arange(len(places))])
    ]


def _onto_ring(twin: Int, ring: Int, triangles: Int) -> Int:
    """Triangles of the head's skin, with twins merged and the seam's points at `ring`."""
    return np.concatenate([twin, ring]).astype(np.int32)[triangles]


def _bind_head(head: Head, body: Body, bones: Skeleton) -> tuple[Any, Float]:
    """Joints and weights (V, 4): the ring's at the neck, then the skull's, jaw's and eyes' own."""
    weights = np.zeros((len(head.mean), len(bones.names)), np.float32)
    jaw = body.neck.jaw_weights
    weights[:, bones.index("head")] = 1 - jaw
    weights[:, bones.index(skeleton.JAW)] = jaw
    ring = ring_weights(body, len(bones.names))
    rows, share = body.neck.blend_rows, body.neck.blend[:, None]
    weights[rows] = (1 - share) * weights[rows] + share * place.around(body, ring)
    for side, name in enumerate(skeleton.EYES):
        eye = head.vertex_eye == side
        weights[eye] = 0
        weights[eye, bones.index(name)] = 1
    return skeleton.pruned(weights[head.vertex_twin])


def ring_weights(body: Body, joints: int) -> Float:
    """The weights (R + 1, J) of the seam's points."""
    places = body.vertex_place[body.ring]
    out = np.zeros((len(places), joints), np.float32)
    rows = np.repeat(np.arange(len(places)), 4)
    np.add.at(out, (rows, body.place_joints[places].ravel()), body.place_weights[places].ravel())
    return out


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
    naming: Naming = "unreal",
    recipe: Mapping[str, Any] | None = None,
) -> Character:
    """A character of so many levels of detail, each within its budget (see `lod.BUDGETS`)."""
    dressing = dressing or Dressing()
    cuts = dressing.cuts if dressing.cuts is not None else [bare(figure)]
    made = []
    for level in range(levels):
        face = face_parts(figure, level, dressing.skip)
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


def face_parts(figure: Figure, level: int, skip: frozenset[str] = frozenset()) -> list[Part]:
    """The head's parts at a level, with the 52 shapes where the level carries them."""
    whole = _Head.of(figure, level)
    out = []
    for name, pieces in FACE_PARTS.items():
        triangles = whole.triangles(pieces)
        if name in skip or not len(triangles):
            continue
        rows, local = compact(triangles)
        out.append(
            Part(
                name=name,
                vertices=whole.vertices[rows],
                triangles=local,
                uv=whole.uv[rows],
                normals=whole.normals[rows],
                joints=whole.joints[rows],
                weights=whole.weights[rows],
                material=name,
                shapes={n: s[rows] for n, s in zip(ARKIT, whole.shapes, strict=False)},
                shape_normals={n: s[rows] for n, s in zip(ARKIT, whole.turned, strict=False)},
            )
        )
    return out


@dataclass(frozen=True, eq=False)
class _Head:
    """The head's vertices and, after them, the seam's points, for one level."""

    figure: Figure
    level: int
    vertices: Float
    normals: Float
    uv: Float
    joints: Any
    weights: Float
    shapes: Sequence[Float]
    turned: Sequence[Float]

    @classmethod
    def of(cls, figure: Figure, level: int) -> _Head:
        head, body = figure.head, figure.body
        vertices = np.concatenate([figure.head_vertices, figure.ring])
        normals = _level_normals(figure, level, vertices)
        places = body.vertex_place[body.ring]
        shapes: list[Float] = []
        turned: list[Float] = []
        if level < SHAPED_LEVELS:
            still = np.zeros((len(figure.ring), 3), np.float32)
            for shape in figure.shapes:
                moved = np.concatenate([shape, still])
                turn = _level_normals(figure, level, vertices + moved) - normals
                shapes.append(moved)
                turned.append(turn)
        return cls(
            figure,
            level,
            vertices,
            normals,
            np.concatenate([head.vertex_uv, ring_uv(head, body)]),
            np.concatenate([figure.joints, body.place_joints[places].astype(np.uint16)]),
            np.concatenate([figure.weights, body.place_weights[places]]),
            shapes,
            turned,
        )

    def triangles(self, pieces: Sequence[str]) -> Int:
        """Triangles of the named pieces of the head."""
        head, neck = self.figure.head, self.figure.body.neck
        if self.level < len(head.levels):
            parts = [
                neck.triangles[self.level] if piece == "skin" else head.part(piece, self.level)
                for piece in pieces
            ]
            return np.concatenate(parts)
        last = neck.triangles[-1]
        eye = np.concatenate([head.vertex_eye, np.full(len(self.figure.ring), -1)])[last[:, 0]] >= 0
        if pieces == FACE_PARTS["eyes"]:
            return last[eye]
        return last[~eye] if pieces == FACE_PARTS["head"] else last[:0]


def _level_normals(figure: Figure, level: int, vertices: Float) -> Float:
    """Normals of the head's vertices and the seam's points; at the seam always those of the whole surface."""
    head, body = figure.head, figure.body
    count = len(head.mean)
    ring = np.arange(count, count + len(figure.ring), dtype=np.int32)
    ring[-1] = count
    if level < len(head.levels):
        inner = head.levels[level][head.level_parts[level] != head.part_names.index("skin")]
        skin = _onto_ring(head.vertex_twin, ring, body.neck.triangles[level])
        sheet = np.concatenate([skin, head.vertex_twin[inner]])
    else:
        sheet = _onto_ring(head.vertex_twin, ring, body.neck.triangles[-1])
    normals = unit_normals(vertices, sheet)[np.concatenate([head.vertex_twin, ring])]
    normals[count:] = figure.ring_normals
    return normals


def ring_uv(head: Head, body: Body) -> Float:
    """Texture coordinates (R + 1, 2) of the seam on the head's side."""
    neck = body.neck
    return np.asarray((head.vertex_uv[neck.ring_rows] * neck.ring_weights[..., None]).sum(1), np.float32)


def unit_normals(vertices: Float, triangles: Int) -> Float:
    """Normals (V, 3) of unit length, toward +Z where the triangles have no area."""
    normals = vertex_normals(vertices, triangles)
    normals[~normals.any(axis=1)] = (0, 0, 1)
    return normals


def compact(triangles: Int) -> tuple[Int, Int]:
    """The vertices that triangles use, and the triangles in their numbering."""
    rows, local = np.unique(triangles, return_inverse=True)
    return rows.astype(np.int32), local.reshape(-1, 3).astype(np.int32)


def with_materials(character: Character, materials: Sequence[Material]) -> Character:
    """The same character with other materials of the same names."""
    table = {m.name: m for m in (*character.materials, *materials)}
    return replace(character, materials=tuple(table.values()))
