"""The house head's shapes on a foreign surface.

Every foreign vertex rides on the point of the laid house head that is nearest to it and looks the same
way; what the head's shapes do there, it does too. Where the foreign head is another than any person, the
shapes are stretched as its surface is (the local gradient of Sumner & Popovic 2004, "Deformation transfer
for triangle meshes", met by least squares around every vertex). Lids and lips are closed on the result.
Teeth and eyeballs that are parts of their own move as rigid bodies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from likeness.head.contact import BLINK, JAW_OPEN, MOUTH_CLOSE
from likeness.head.model import Head, eye_rotation
from likeness.human.character import STILL_CM, STILL_TURN
from likeness.human.face import face_shapes
from likeness.human.face_parts import turned_normals
from likeness.human.foreign.register import Laid, similarity
from likeness.human.foreign.surface import Surface
from likeness.performance import ARKIT

Float = NDArray[np.float32]
Array = NDArray[np.float64]

TURN_CM = 0.3  # how much farther a surface counts that stands across
NEAR_CM, FAR_CM = 1.5, 4.0  # hair and hats follow up to here, and what is farther away stays
AROUND = 48  # vertices that tell how the surface is stretched
STRETCHED_CM2 = 0.05  # how sure they must be of it
OWN = 0.6  # share of a piece's vertices that makes it an eye, or of the mouth
ONE_SIDE = 0.75  # share of its vertices above or below where teeth meet that makes it upper or lower teeth
LOOK_DEG = 30.0  # of an eyeball under a full eyeLook shape
EYES, TEETH = ("eye_left", "eye_right"), ("teeth_upper", "teeth_lower")
STRAY_CM = 0.6  # an eye's center that lies so far from the expected one is not believed


@dataclass(frozen=True, eq=False)
class Transferred:
    """`shapes` (52, V, 3) in the scene and `turns` (52, V, 3) of the unit normals with them.

    `parts` is how many of the vertices are skin, teeth, eyes and so on.
    """

    shapes: Float
    turns: Float
    parts: dict[str, int]


def transfer(head: Head, surface: Surface, laid: Laid, turn_eyes: bool = True) -> Transferred:
    """The 52 shapes in `ARKIT`'s order; `turn_eyes` lets the eyeLook shapes turn eyeballs."""
    rest = laid.rest(head)
    shapes = face_shapes(_stretched(head, laid), rest)
    triangles = head.vertex_twin[head.triangles]
    places = laid.to_head(surface.points)
    near = Surface(rest, triangles).nearest(places, laid.turned(surface.normals), TURN_CM)
    share = np.clip((FAR_CM - near.distance) / (FAR_CM - NEAR_CM), 0, 1)
    share = share * share * (3 - 2 * share)
    bary = near.bary * share[:, None]
    corners = triangles[near.triangle]
    moved = np.stack([np.einsum("nk,nkc->nc", bary, shape[corners]) for shape in shapes])
    part = head.level_parts[0][near.triangle].astype(int)
    part[share == 0] = -1
    _rigid(head, rest, shapes, surface, places, part, moved, turn_eyes)
    counts = {name: int((part == i).sum()) for i, name in enumerate(head.part_names)}
    moved[np.abs(moved).max(2) < STILL_CM] = 0
    out = laid.to_scene(moved.reshape(-1, 3)).reshape(moved.shape)
    shapes = out.astype(np.float32)
    return Transferred(shapes, _turns(surface, shapes), counts)


def _turns(surface: Surface, shapes: Float) -> Float:
    """How the normals change (52, V, 3), without seams where vertices are doubled."""
    place, first = _places(surface)
    joined = first[place[surface.triangles]].astype(np.int32)
    turned = np.stack([turned_normals(surface.points, shape, joined) for shape in shapes])
    turned[np.abs(turned).max(2) < STILL_TURN] = 0
    return turned[:, first[place]]


def _places(surface: Surface) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The place (V,) that each vertex has, shared by those that coincide, and each place's first vertex."""
    size = max(float(np.ptp(surface.points, axis=0).max()), 1e-12)
    grid = np.round((surface.points - surface.points.min(0)) / size * 1e6).astype(np.int64)
    _, first, place = np.unique(grid, axis=0, return_index=True, return_inverse=True)
    return place.ravel(), first


def _stretched(head: Head, laid: Laid) -> Head:
    """The head with shapes as the foreign head's proportions ask for."""
    if not laid.offsets.any():
        return head
    person = head.rest(laid.identity.astype(np.float32)).astype(float)
    gradient = _gradients(person, laid.offsets)
    shapes = head.expression_basis + np.einsum("vij,svj->svi", gradient, head.expression_basis)
    shapes = shapes.astype(np.float32)
    gaps = shapes[:, head.contact.upper] - shapes[:, head.contact.lower]
    blink = np.zeros_like(gaps[0])
    for side, shape in enumerate(BLINK):
        blink[head.contact.kind == side] = gaps[shape][head.contact.kind == side]
    contact = replace(head.contact, pair_shapes=gaps[[JAW_OPEN, MOUTH_CLOSE]], blink=blink)
    return replace(head, expression_basis=shapes, contact=contact)


def _gradients(points: Array, offsets: Array) -> Array:
    """How `offsets` (V, 3) change from place to place (V, 3, 3), by least squares around each point."""
    _, near = cKDTree(points).query(points, k=AROUND)
    a = points[near] - points[near].mean(1, keepdims=True)
    b = offsets[near] - offsets[near].mean(1, keepdims=True)
    spread = np.einsum("vni,vnj->vij", a, a) + AROUND * STRETCHED_CM2 * np.eye(3)
    return np.asarray(np.linalg.solve(spread, np.einsum("vni,vnj->vij", a, b)).transpose(0, 2, 1))


def pieces(surface: Surface) -> NDArray[np.int32]:
    """The number (V,) of the connected piece that a vertex belongs to; vertices at one place are one."""
    place, first = _places(surface)
    a, b = place[surface.triangles[:, :2]].ravel(), place[surface.triangles[:, 1:]].ravel()
    count = len(first)
    _, label = connected_components(sparse.csr_matrix((np.ones(len(a)), (a, b)), shape=(count, count)))
    return np.asarray(label[place])


def _rigid(
    head: Head,
    rest: Float,
    shapes: Float,
    surface: Surface,
    places: Array,
    part: NDArray[np.integer],
    moved: Array,
    turn_eyes: bool,
) -> None:
    """Let pieces that are teeth or eyes move as such, in `moved` (52, V, 3) and `part` (V,)."""
    label = pieces(surface)
    eyeballs: dict[str, list[NDArray[np.int64]]] = {name: [] for name in EYES}
    for piece in np.unique(label[part >= 0]):
        rows = np.flatnonzero(label == piece)
        name = _own_part(head, rest, places[rows], part[rows])
        if name is None:
            continue
        part[rows] = head.part_names.index(name)
        if name in EYES:
            eyeballs[name].append(rows)
            moved[:, rows] = 0
            continue
        own = np.unique(head.vertex_twin[head.part(name)])
        if name == "tongue":
            moved[:, rows] = _ridden(Surface(rest, head.vertex_twin[head.part(name)]), shapes, places[rows])
            continue
        for moves, shape in zip(moved, shapes, strict=True):
            moves[rows] = _as_one(rest[own], shape[own], places[rows])
    for side, name in enumerate(EYES):
        if turn_eyes and eyeballs[name]:
            # Iris, white and cornea may be pieces each: they turn about one center.
            rows = np.concatenate(eyeballs[name])
            middle = _middle(places[rows], rest[head.vertex_eye == side].mean(0))
            for moves, look in zip(moved, ARKIT, strict=True):
                moves[rows] = _looked(look, side, places[rows] - middle)


def _own_part(head: Head, rest: Float, places: Array, part: NDArray[np.integer]) -> str | None:
    """The part that a piece is as a whole: an eye, the tongue, teeth with their gums; None if none."""
    share = {name: float((part == i).mean()) for i, name in enumerate(head.part_names)}
    for name in EYES:
        if share[name] >= OWN:
            return name
    teeth = share["gums"] + sum(share[name] for name in TEETH)
    if teeth + share["socket"] + share["tongue"] < OWN:
        return None
    if share["tongue"] == max(share.values()):
        return "tongue"
    upper, lower = (rest[head.part(name)][..., 1].mean() for name in TEETH)
    above = float((places[:, 1] > (upper + lower) / 2).mean())
    return TEETH[0] if above >= ONE_SIDE else TEETH[1] if above <= 1 - ONE_SIDE else None


def _ridden(surface: Surface, shapes: Float, places: Array) -> Array:
    """Offsets (S, N, 3) of places that ride on the nearest points of a surface."""
    near = surface.nearest(places, np.zeros_like(places), 0.0)
    return np.stack([np.einsum("nk,nkc->nc", near.bary, s[surface.triangles[near.triangle]]) for s in shapes])


def _as_one(points: Float, offsets: Float, places: Array) -> Array:
    """Offsets of `places` under the rigid motion nearest to `offsets` of `points`."""
    if np.abs(offsets).max() < 1e-4:
        return np.zeros_like(places)
    a = points.astype(float)
    _, rotation, _ = similarity(a, a + offsets, np.ones(len(a)))
    middle = a.mean(0)
    return np.asarray((places - middle) @ rotation.T + middle + offsets.mean(0) - places)


def _middle(places: Array, expected: NDArray[np.floating]) -> Array:
    """The center (3,) of the sphere on which places (N, 3) lie, the expected one if that is far off."""
    away = places - expected
    found = np.linalg.lstsq(np.c_[2 * away, np.ones(len(away))], (away**2).sum(1), rcond=None)[0][:3]
    near = np.linalg.norm(found) < STRAY_CM
    return np.asarray(expected + found if near else expected, float)


def _looked(shape: str, side: int, away: Array) -> Array:
    """Offsets of an eye's vertices, `away` (N, 3) from its center, under an eyeLook shape."""
    ending = ("Left", "Right")[side]
    if not shape.startswith("eyeLook") or not shape.endswith(ending):
        return np.zeros_like(away)
    way = shape.removeprefix("eyeLook").removesuffix(ending)
    angle = float(np.radians(LOOK_DEG))
    # Yaw grows to the character's left, where the left eye looks out.
    outward = angle if side == 0 else -angle
    yaw, pitch = {"Up": (0, angle), "Down": (0, -angle), "Out": (outward, 0), "In": (-outward, 0)}[way]
    return np.asarray(away @ eye_rotation(yaw, pitch).T - away)
