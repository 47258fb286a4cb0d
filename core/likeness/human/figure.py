"""A person's bare form: the house head on the house body, one surface on one skeleton."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from likeness.head.model import Head, load_head, vertex_normals
from likeness.human import place, skeleton
from likeness.human.body import Body, load_body
from likeness.human.character import Float, Int, Pose, Skeleton
from likeness.human.face import face_shapes
from likeness.human.place import Fit
from likeness.performance import ARKIT, REGIONS


@dataclass(frozen=True, eq=False)
class Figure:
    """A person's bare form, from which all parts are cut: head and body at one place, in one stance.

    `head_vertices` (V, 3) and `head_normals` (V, 3) follow the house head's vertices, `places` (P, 3) and
    `place_normals` the body's places; `ring` (R + 1, 3) is the seam, `ring_normals` with it. `fit` brings
    what was made for the head to where it is; `shapes` (52, V, 3) are the face's, in body space.
    All in cm, feet on the ground.
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
    height_cm: float

    @cached_property
    def bound(self) -> tuple[Any, Float]:
        """Joints and weights (V, 4) of the head where its shapes move the jaw.

        They carry skin, teeth and tongue; a joint that turned those as well would open the mouth twice.
        """
        return _bind_head(self.head, self.body, self.skeleton, np.zeros_like(self.body.neck.jaw_weights))

    @cached_property
    def hinged(self) -> tuple[Any, Float]:
        """Joints and weights (V, 4) of the head where it has no shapes and the jaw's joint moves the jaw."""
        return _bind_head(self.head, self.body, self.skeleton, self.body.neck.jaw_weights)

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
    lift_cm: float = 0.0,
) -> Figure:
    """A person's form from the head's coefficients (K,) and the body's sliders (see `measures`).

    `height_cm` is that of bare feet, which stand `lift_cm` above the ground.
    """
    head, body = load_head(), load_body()
    rest = head.neutral(identity)[head.vertex_twin]
    places, points, fit = _of_height(body, rest, values, height_cm, head_size, lift_cm)
    eyes = fit.apply(head.eyes(identity))
    bones = skeleton.make_skeleton(body, points, fit.apply(body.neck.jaw_center), eyes)
    turns = skeleton.rest_rotations(bones, pose)
    places = skeleton.skinned(places, body.place_joints, body.place_weights, bones, turns)
    bones = skeleton.moved(bones, turns)
    ring = places[body.vertex_place[body.ring]]
    vertices = place.join(head, body, rest, fit, ring)
    normals = _normals(head, body, vertices, places)
    free = place.stillness(head, body)[:, None] * np.float32(fit.scale)
    shapes = face_shapes(head, rest) * free
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
        shapes=shapes,
        skeleton=replace(bones, follows={skeleton.JAW: _jaw_follows(head, vertices, shapes, bones)}),
        height_cm=float(vertices[np.unique(head.part("skin")), 1].max() - places[:, 1].min()),
    )


def _of_height(
    body: Body,
    rest: Float,
    values: Mapping[str, float],
    height_cm: float,
    head_size: float,
    lift_cm: float,
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
    down = np.array([0, places[:, 1].min() - lift_cm / scale, 0], np.float32)
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


def _jaw_follows(
    head: Head, vertices: Float, shapes: Float, bones: Skeleton
) -> dict[str, tuple[Float, Float]]:
    """How the jaw's joint goes along with the shapes that move the jaw: as the lower teeth do."""
    hinge = bones.positions[bones.index(skeleton.JAW)]
    teeth = np.unique(head.part("teeth_lower"))
    return {
        name: skeleton.rigid(vertices[teeth] - hinge, shapes[ARKIT.index(name)][teeth])
        for name in REGIONS["jaw"]
    }


def _bind_head(head: Head, body: Body, bones: Skeleton, jaw: Float) -> tuple[Any, Float]:
    """Joints and weights (V, 4): the ring's at the neck, then the skull's, jaw's (V,) and eyes' own."""
    weights = np.zeros((len(head.mean), len(bones.names)), np.float32)
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


def unit_normals(vertices: Float, triangles: Int) -> Float:
    """Normals (V, 3) of unit length, toward +Z where the triangles have no area."""
    normals = vertex_normals(vertices, triangles)
    normals[~normals.any(axis=1)] = (0, 0, 1)
    return normals
