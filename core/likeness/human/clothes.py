"""Basic clothes: T-shirt, trousers and shoes, cut from the body's own surface.

A garment is the part of the skin it covers, lifted off along the normals and then relaxed as cloth would
be: smoothed toward its neighbors, but never into the body. It keeps the body's corners, so skin
weights, texture coordinates and levels of detail are the body's, and skin deep under it is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.spatial import cKDTree

from likeness.head.model import vertex_normals
from likeness.human.assemble import Cut, Material
from likeness.human.body import load_body
from likeness.human.character import Float, Int
from likeness.human.figure import Figure

Garment = Literal["shirt", "trousers", "shoes"]
GARMENTS: tuple[Garment, ...] = ("shirt", "trousers", "shoes")
COLORS: dict[str, tuple[float, float, float]] = {  # linear Rec. 709
    "white": (0.72, 0.72, 0.7),
    "gray": (0.2, 0.2, 0.2),
    "black": (0.018, 0.018, 0.02),
    "navy": (0.018, 0.03, 0.08),
    "denim": (0.06, 0.1, 0.19),
    "red": (0.32, 0.03, 0.03),
    "green": (0.05, 0.12, 0.05),
    "sand": (0.42, 0.33, 0.21),
    "brown": (0.09, 0.05, 0.03),
}
SOLE_CM = 1.5  # how much higher shoes make a person stand
_HIDDEN_CM = 2.5  # this far inside a garment, the skin under it is left out
ARM = ("upperarm", "lowerarm", "hand", "thumb", "index", "middle", "ring", "pinky")


@dataclass(frozen=True)
class Tailoring:
    """How a garment sits: `near` and `far` are its distance from the skin in cm at its top and its end.

    `rounds` of relaxing, each by `softness`; `roughness` of its cloth.
    """

    near: float
    far: float
    rounds: int
    softness: float
    roughness: float


TAILORING: dict[Garment, Tailoring] = {
    "shirt": Tailoring(0.5, 1.3, 40, 0.6, 0.9),
    "trousers": Tailoring(0.55, 1.5, 40, 0.6, 0.85),
    "shoes": Tailoring(0.45, 0.6, 60, 0.7, 0.5),
}


def dress(figure: Figure, garments: Sequence[Garment]) -> list[Cut]:
    """The body's skin where it shows, and the garments, as pieces of the body's surface."""
    body = figure.body
    triangles = body.vertex_place[body.triangles]
    worn = [g for g in GARMENTS if g in garments]
    over, hidden = covered([depth(g) for g in worn], triangles)
    cuts: list[Cut] = []
    for garment, mine in zip(worn, over, strict=True):
        places = sewn(figure, garment, triangles[mine])
        normals = _normals(figure, places, triangles[mine])
        onto = body.vertex_place
        cuts.append(Cut(garment, garment, body.triangles[mine], places[onto], normals[onto]))
    skin = Cut("body", "body", body.triangles[~hidden], figure.body_vertices, figure.body_normals)
    return [skin, *cuts]


def cloth(garment: Garment, color: str) -> Material:
    """The material of a garment in one of `COLORS`."""
    return Material(garment, COLORS[color], TAILORING[garment].roughness, double_sided=True)


def sewn(figure: Figure, garment: Garment, triangles: Int) -> Float:
    """Where a garment has the body's places (P, 3); `triangles` (T, 3) of places are those it covers."""
    how = TAILORING[garment]
    skin, normals = figure.places, figure.place_normals
    lift = (how.near + (how.far - how.near) * _down(garment))[:, None].astype(np.float32)
    at = skin + normals * lift
    used = np.unique(triangles)
    smooth = _averaging(triangles, len(skin))
    for _ in range(how.rounds):
        at[used] += np.float32(how.softness) * (smooth @ at - at)[used]
        short = lift * np.float32(0.8) - ((at - skin) * normals).sum(1, keepdims=True)
        at[used] += (np.maximum(short, 0) * normals)[used]
    if garment == "shoes":
        at = _soled(figure, at, used)
    return np.asarray(at, np.float32)


def _soled(figure: Figure, at: Float, used: Int) -> Float:
    """Shoes on flat soles that touch the ground."""
    out = at.copy()
    ground = figure.places[:, 1].min() - SOLE_CM
    low = (figure.place_normals[used, 1] < -0.3) & (at[used, 1] < ground + SOLE_CM + 2.5)
    out[used[low], 1] = ground
    return out


def _averaging(triangles: Int, count: int) -> Any:
    """A matrix that gives every place the mean of its neighbors, on a border those along the border."""
    ways = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    key = ways[:, 0] * count + ways[:, 1]
    back = ways[:, 1] * count + ways[:, 0]
    border = ways[~np.isin(back, key)]
    on_border = np.zeros(count, bool)
    on_border[border] = True
    inner = ways[~on_border[ways[:, 0]]]
    rows = np.concatenate([inner, border, border[:, ::-1]])
    matrix = coo_matrix((np.ones(len(rows), np.float32), (rows[:, 0], rows[:, 1])), (count, count)).tocsr()
    total = np.asarray(matrix.sum(1)).ravel()
    return (diags(1 / np.maximum(total, 1)) @ matrix).astype(np.float32)


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
