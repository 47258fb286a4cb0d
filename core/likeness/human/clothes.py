"""Basic clothes: T-shirt, trousers and shoes, cut from the body's own surface.

A garment is the part of the skin it covers, lifted off along the normals and then relaxed as cloth would
be: smoothed toward its neighbors, but never into the body. It keeps the body's corners, so skin
weights, texture coordinates and levels of detail are the body's, and skin deep under it is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from likeness.head.model import vertex_normals
from likeness.human.assemble import Cut, Material
from likeness.human.body import load_body
from likeness.human.character import Float, Int
from likeness.human.figure import Figure
from likeness.human.garments import COLORS, GARMENTS, SOLE_CM, Garment

_HIDDEN_CM = 2.5  # this far inside a garment, the skin under it is left out
ARM = ("upperarm", "lowerarm", "hand", "thumb", "index", "middle", "ring", "pinky")


@dataclass(frozen=True)
class Tailoring:
    """How a garment sits: `near` and `far` are its distance from the skin in cm at its top and its end.

    Folds of the skin smaller than `bridges_cm` do not show, for which it may lie `sinks_cm` deep in skin
    that is hidden; `roughness` is the cloth's.
    """

    near: float
    far: float
    bridges_cm: float
    sinks_cm: float
    roughness: float


TAILORING: dict[Garment, Tailoring] = {
    "shirt": Tailoring(0.9, 1.5, 4.0, 0.8, 0.9),
    "trousers": Tailoring(0.8, 1.5, 2.6, 0.7, 0.85),
    "shoes": Tailoring(0.0, 0.0, 0.0, 0.0, 0.5),  # made on a last (see `training.lasts`)
}
_ORDER: tuple[Garment, ...] = ("shoes", "trousers", "shirt")  # from the skin outward
_LEAST_CM = 0.35  # between a garment and skin that shows or a garment under it
_SHADING_CM = 1.0  # over which a garment's normals are smoothed


def dress(figure: Figure, garments: Sequence[Garment]) -> list[Cut]:
    """The body's skin where it shows, and the garments, as pieces of the body's surface."""
    body = figure.body
    triangles = body.vertex_place[body.triangles]
    worn = [g for g in _ORDER if g in garments]
    over, hidden = covered([depth(g) for g in worn], triangles)
    cuts: list[Cut] = []
    under = figure.places
    for garment, mine in zip(worn, over, strict=True):
        places = sewn(figure, garment, triangles[mine], under)
        normals = _shading(figure, garment, places, triangles[mine])
        onto = body.vertex_place
        cuts.append(Cut(garment, garment, body.triangles[mine], places[onto], normals[onto]))
        under = under.copy()
        under[np.unique(triangles[mine])] = places[np.unique(triangles[mine])]
    skin = Cut("body", "body", body.triangles[~hidden], figure.body_vertices, figure.body_normals)
    return [skin, *cuts]


def cloth(garment: Garment, color: str) -> Material:
    """The material of a garment in one of `COLORS`."""
    return Material(garment, COLORS[color], TAILORING[garment].roughness, double_sided=True)


def sewn(figure: Figure, garment: Garment, triangles: Int, under: Float) -> Float:
    """Where a garment has the body's places (P, 3).

    `triangles` (T, 3) of places are those it covers, `under` (P, 3) is what it lies on: skin or clothes.
    """
    how = TAILORING[garment]
    used = np.unique(triangles)
    base = under.copy()
    if garment == "shoes":
        base[figure.body.shoe_rows] += figure.body.shoe_offsets * np.float32(_foot_size(figure))
        return _soled(figure, base, used)
    at = _smoothed(base, triangles, how.bridges_cm)
    normals = _normals(figure, at, triangles)
    lift = (how.near + (how.far - how.near) * _down(garment))[:, None].astype(np.float32)
    at += normals * lift
    worn = (under != figure.places).any(axis=1)
    shows = np.clip((5 - depth(garment)) / 2, 0, 1)
    least = np.where(worn, _LEAST_CM, _LEAST_CM * shows - how.sinks_cm * (1 - shows)).astype(np.float32)
    short = least - ((at - base) * normals).sum(1)
    out = base.copy()
    out[used] = (at + np.maximum(short, 0)[:, None] * normals)[used]
    return out


def _smoothed(values: Float, triangles: Int, reach_cm: float, places: Float | None = None) -> Float:
    """Values (P, 3) at places (themselves if not given) as heat would smooth them over a distance.

    A border is smoothed along itself.

    An implicit step (Desbrun et al., "Implicit fairing of irregular meshes", 1999), so dense and sparse
    parts of the mesh smooth alike.
    """
    used, local = np.unique(triangles, return_inverse=True)
    where = values if places is None else places
    mean, size, border = _averaging(np.asarray(local.reshape(-1, 3), np.int32), where[used])
    strength = np.where(border, 1.0, 2.0) * reach_cm**2 / np.maximum(size, 1e-4)
    system = diags(1 + strength) - diags(strength) @ mean
    out = values.copy()
    # The pattern is nearly symmetric, which this ordering is made for.
    factors = splu(system.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    out[used] = factors.solve(values[used].astype(np.float64)).astype(np.float32)
    return out


def _shading(figure: Figure, garment: Garment, places: Float, triangles: Int) -> Float:
    """Normals (P, 3) of a garment: soft for cloth, those of the last for shoes."""
    if garment == "shoes":
        normals = figure.place_normals.copy()
        normals[figure.body.shoe_rows] = figure.body.shoe_normals
        # The sole's edge is a wall: its underside is never seen.
        normals[:, 1] = np.where(normals[:, 1] < 0, 0.2 * normals[:, 1], normals[:, 1])
    else:
        normals = _normals(figure, places, triangles)
        folded = (normals * figure.place_normals).sum(1) < 0.3
        normals[folded] = figure.place_normals[folded]
        normals = _smoothed(normals, triangles, _SHADING_CM, places)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)


def _soled(figure: Figure, at: Float, used: Int) -> Float:
    """Shoes on flat soles that touch the ground."""
    out = at.copy()
    bare = figure.places[:, 1].min()
    normals = figure.place_normals.copy()
    normals[figure.body.shoe_rows] = figure.body.shoe_normals
    down = normals[used, 1] < -0.3
    low = used[(at[used, 1] < bare + 0.8) | (down & (at[used, 1] < bare + 4.0))]
    out[low, 1] = bare - SOLE_CM
    return out


def _foot_size(figure: Figure) -> float:
    """How long a foot is, from ankle to ball, as a multiple of the average body's."""
    usual = load_body().shape({})[1]
    bones = figure.skeleton
    foot, ball = (bones.positions[bones.index(name)] for name in ("foot_l", "ball_l"))
    return float(np.linalg.norm(ball - foot) / np.linalg.norm(usual["l-foot-1"] - usual["l-ankle"]))


def _averaging(triangles: Int, places: Float) -> tuple[Any, Any, Any]:
    """What gives every place the mean of its neighbors, their mean squared distance, and who is border.

    The neighbors of a border are those along it.
    """
    count = len(places)
    ways = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    edge = ways[~np.isin(ways[:, 1] * count + ways[:, 0], ways[:, 0] * count + ways[:, 1])]
    border = np.zeros(count, bool)
    border[edge] = True
    inner = ways[~border[ways[:, 0]]]
    rows = np.concatenate([inner, edge, edge[:, ::-1]])
    matrix = coo_matrix((np.ones(len(rows)), (rows[:, 0], rows[:, 1])), (count, count)).tocsr()
    total = np.maximum(np.asarray(matrix.sum(1)).ravel(), 1)
    squared = ((places[rows[:, 0]] - places[rows[:, 1]]) ** 2).sum(1)
    size = np.bincount(rows[:, 0], squared, count) / total
    return diags(1 / total) @ matrix, size, border


def _normals(figure: Figure, places: Float, triangles: Int) -> Float:
    normals = vertex_normals(places, triangles)
    none = ~normals.any(axis=1)
    normals[none] = figure.place_normals[none]
    return normals


# ---- where garments lie, on the average body ---------------------------------------------------------


@lru_cache(maxsize=len(GARMENTS))
def depth(garment: Garment) -> Float:
    """How far inside a garment every place (P,) of the body is, cm; negative outside."""
    body = load_body()
    places, points = body.shape({})
    ring = places[body.vertex_place[body.ring]]
    arm = share(body.joint_names, body.place_joints, body.place_weights, ARM) > 0.5
    return inside(garment, places, points, ring, arm)


def inside(garment: Garment, places: Float, points: Mapping[str, Float], ring: Float, arm: Any) -> Float:
    """How far inside a garment the places (P, 3) of the average body are, cm; negative outside.

    `points` are named as `Body.shape` names them, `ring` (R, 3) is the neck's seam, `arm` (P,) says what
    belongs to the arms.
    """
    hip, ankle = float(points["pelvis"][1]), float(points["l-ankle"][1])
    y = places[:, 1]
    if garment == "shirt":
        neck = cKDTree(ring).query(places)[0] - 2.5
        sleeve = np.maximum(*(_before_elbow(places, points, side) for side in "lr"))
        return np.where(arm, sleeve, np.minimum(y - (hip - 3), neck)).astype(np.float32)
    if garment == "trousers":
        return np.where(arm, -100, np.minimum(hip + 5 - y, y - (ankle + 1))).astype(np.float32)
    return np.where(arm, -100, ankle + 2.5 - y).astype(np.float32)


def covered(garments: Sequence[Float], triangles: Int) -> tuple[list[Any], Any]:
    """Which triangles (T,) each garment covers, given how far places are inside, and which skin is hidden."""
    over = [(depth[triangles] > 0).all(1) for depth in garments]
    hidden = np.zeros(len(triangles), bool)
    for depth in garments:
        hidden |= (depth[triangles] > _HIDDEN_CM).all(1)
    return over, hidden


def _before_elbow(places: Float, points: Mapping[str, Float], side: str) -> Float:
    """How far above the sleeve's end, along the upper arm of one side; far below on the other side."""
    start, end = points[f"{side}-shoulder"], points[f"{side}-elbow"]
    along = (end - start) / np.linalg.norm(end - start)
    reach = 0.62 * float(np.linalg.norm(end - start)) - (places - start) @ along
    mine = places[:, 0] * np.sign(end[0]) > 0
    return np.where(mine, reach, -100)


def share(names: Sequence[str], joints: Any, weights: Float, bones: Sequence[str]) -> Float:
    """How much of every place's weight (P,) lies with joints whose names begin so."""
    mine = np.array([name.startswith(tuple(bones)) for name in names])
    return np.asarray((mine[joints] * weights).sum(1), np.float32)


@lru_cache(maxsize=len(GARMENTS))
def _down(garment: Garment) -> Float:
    """0 at a garment's top to 1 at its lower end (P,), on the average body."""
    places, _ = load_body().shape({})
    y = places[:, 1]
    top, end = {"shirt": (40.0, 0.0), "trousers": (0.0, -70.0), "shoes": (-72.0, -82.0)}[garment]
    return np.asarray(np.clip((top - y) / (top - end), 0, 1), np.float32)
