"""What the renderer knows about the head data before it draws: parts, fields on the skin, places for hair.

Everything is derived from ICT-FaceKit once per process, in head space (centimeters, Y up, +Z out of the
face). "Rest" is the mean neutral head: procedural color is a function of the rest place, so that it
stays on the skin whatever the identity and the expression are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from likeness.head.areas import beard_density, brow_density, scalp_margin
from likeness.head.points import GROUPS, SOURCE_VERTEX
from likeness.render.occlusion import occlusion
from likeness.render.strands import HEAD_CENTER, MAP_COLUMNS, MAP_ROWS, map_directions, outermost
from likeness.training import facekit
from likeness.training.facekit import FaceKit, load_facekit

Float = NDArray[np.float32]
Int = NDArray[np.int32]

# Materials, as the shader tells them apart.
SKIN, MOUTH, GUM, TEETH, EYE_LEFT, EYE_RIGHT, STRAND, CLOTH, HARD, FLESH, LASH = range(11)
LIFTS = np.linspace(-0.9, 0.5, 5)  # of brows, cm: where their hair can grow
# The indices of `REGIONS`, the classes of the label map.
R_BACK, R_SKIN, R_BROW, R_EYE, R_LIPS, R_MOUTH, R_TEETH, R_HAIR, R_EARS, R_NECK, R_GLASSES, R_OCCLUDER = (
    range(12)
)


@dataclass(frozen=True)
class Roots:
    """Places on the skin: `triangle` (N, 3) vertices, `bary` (N, 3), `rest` (N, 3)."""

    triangle: Int
    bary: Float
    rest: Float

    def at(self, values: Float, chosen: NDArray[np.intp]) -> Float:
        """Interpolate vertex `values` (V, C) at the chosen places (n, C)."""
        corner = values[self.triangle[chosen]]
        return np.einsum("nkc,nk->nc", corner, self.bary[chosen]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Anatomy:
    """The head data, laid out for drawing.

    `identity` (100, 3V) as integers of `identity_step` (100,) cm, `expression` (57, 3V) in cm; `triangles`
    (T, 3) with `material` and `region` (T,) and
    `uv` (T, 3, 2) of their corners. Per vertex: `occlusion` (2, V) (mouth closed, mouth open; 1 is
    unoccluded), `lip` (V,) signed distance to the lips' outer contour in cm (inside positive), `inside` (V,)
    part of the mouth's inside; `tongue` are indices. `places` lie all over the skin, `scalp`, `brow` and
    `beard` are some for hair. `ray_*` give the outermost surface in each direction of the map of radii.
    """

    kit: FaceKit
    rest: Float
    identity: NDArray[np.int16]
    identity_step: Float
    expression: Float
    triangles: Int
    material: NDArray[np.uint8]
    region: NDArray[np.uint8]
    uv: Float
    occlusion: Float
    lip: Float
    inside: NDArray[np.bool_]
    tongue: NDArray[np.intp]
    places: Roots
    scalp: Roots
    brow: Roots
    beard: Roots
    ray_triangle: Int
    ray_bary: Float
    ray_direction: Float

    def shape(self, identity: Float, expression: Float) -> tuple[Float, Float]:
        """Vertices (V, 3) of the neutral identity, and of the identity with the expression."""
        neutral = self.rest + _blend(identity * self.identity_step, self.identity).reshape(-1, 3)
        active = np.flatnonzero(expression)
        moved = neutral + (expression[active] @ self.expression[active]).reshape(-1, 3)
        return neutral, moved

    def radii(self, vertices: Float) -> Float:
        """Distance of the outermost skin from `HEAD_CENTER` for each direction (rows, columns)."""
        place = np.einsum("nkc,nk->nc", vertices[self.ray_triangle], self.ray_bary)
        return np.linalg.norm(place - HEAD_CENTER, axis=1).reshape(MAP_ROWS, MAP_COLUMNS).astype(np.float32)


@lru_cache(maxsize=1)
def load_anatomy(folder: Path) -> Anatomy:
    """Prepare the head data in `folder` (about four seconds)."""
    kit = load_facekit(folder)
    rest = kit.vertices.astype(np.float32)
    drawn, material, region = _parts(kit)
    triangles = np.ascontiguousarray(kit.triangles[drawn])
    skin = triangles[material == SKIN]
    skin = skin[(skin < facekit.SKIN[1]).all(1)]
    names = list(kit.expression_names)
    expression = kit.expression.astype(np.float32)
    for eye in (facekit.EYE_LEFT, facekit.EYE_RIGHT):
        expression[:, eye[0] : eye[1]] = 0.0
    opened = rest + 0.6 * expression[names.index("jawOpen")]
    for side in "LR":
        opened = opened + 0.4 * expression[names.index(f"mouthUpperUp_{side}")]
        opened = opened + 0.4 * expression[names.index(f"mouthLowerDown_{side}")]
    seen = np.stack([occlusion(v, triangles) for v in (rest, opened)])
    lip = _lip_distance(kit)
    inside = np.zeros(len(rest), bool)
    inside[11248:13294] = True
    inside[14062:21451] = True
    direction = map_directions()
    hit_triangle, hit_bary = outermost(rest, skin, direction.reshape(-1, 3), HEAD_CENTER)
    modes = kit.identity.astype(np.float32).reshape(len(kit.identity), -1)
    step = np.abs(modes).max(1) / np.float32(32767)
    rng = np.random.default_rng(7)
    places = _scatter(rest, skin, 90_000, rng)
    return Anatomy(
        kit=kit,
        rest=rest,
        identity=np.round(modes / step[:, None]).astype(np.int16),
        identity_step=step,
        expression=np.ascontiguousarray(expression.reshape(len(expression), -1)),
        triangles=triangles,
        material=material,
        region=region,
        uv=kit.triangle_uv[drawn],
        occlusion=seen,
        lip=lip,
        inside=inside,
        tongue=_tongue(rest),
        places=places,
        scalp=_pick(places, scalp_margin(places.rest, 0.8, 0.0) > -0.6, 9000),
        brow=_pick(places, np.max([brow_density(places.rest, 1.6, y) for y in LIFTS], axis=0) > 0.02, 7000),
        beard=_pick(places, beard_density(places.rest) > 0.05, 9000),
        ray_triangle=skin[hit_triangle],
        ray_bary=hit_bary,
        ray_direction=direction,
    )


def _parts(kit: FaceKit) -> tuple[NDArray[np.intp], NDArray[np.uint8], NDArray[np.uint8]]:
    """The indices of the triangles that are drawn, their materials and regions.

    Irises and occlusion shells are left out.
    """
    tri = kit.triangles
    first = tri.min(1)
    center = kit.vertices[tri].mean(1)
    material = np.full(len(tri), 255, np.uint8)
    region = np.full(len(tri), R_SKIN, np.uint8)
    material[first < 14062] = SKIN
    mouth = (first >= 11248) & (first < 13294)
    material[mouth] = MOUTH
    region[mouth] = R_MOUTH
    region[(first >= 13294) & (first < 14062)] = R_SKIN
    for low, high, kind, label in (
        (*facekit.GUMS_TONGUE, GUM, R_MOUTH),
        (*facekit.TEETH, TEETH, R_TEETH),
        (*facekit.SCLERA_LEFT, EYE_LEFT, R_EYE),
        (*facekit.SCLERA_RIGHT, EYE_RIGHT, R_EYE),
        (*facekit.LASHES, LASH, R_SKIN),
    ):
        part = (first >= low) & (first < high)
        material[part] = kind
        region[part] = label
    skin = material == SKIN
    lateral = np.abs(center[:, 0])
    ear = skin & (lateral > 7.2) & (center[:, 1] > -2.1) & (center[:, 1] < 4.7)
    ear &= (center[:, 2] < 2.7) & (center[:, 2] > -2.4)
    region[ear] = R_EARS
    jaw_y = np.interp(
        center[:, 2], [-4.0, 2.0, 4.5, 6.0, 7.5, 9.0, 10.5], [-1.5, -2.2, -3.6, -5.4, -6.9, -7.5, -8.2]
    )
    region[skin & (center[:, 1] < jaw_y)] = R_NECK
    keep = material != 255
    return np.flatnonzero(keep), material[keep], region[keep]


def _lip_distance(kit: FaceKit) -> Float:
    """Signed distance in the frontal plane to the outer lip contour; deep negative away from the mouth."""
    outline = kit.vertices[SOURCE_VERTEX[GROUPS["lip_outer"]]][:, :2].astype(np.float64)
    place = kit.vertices[:, :2].astype(np.float64)
    distance = np.full(len(place), np.inf)
    inside = np.zeros(len(place), bool)
    for a, b in zip(outline, np.roll(outline, -1, 0), strict=True):
        edge = b - a
        t = np.clip((place - a) @ edge / max(edge @ edge, 1e-12), 0, 1)
        distance = np.minimum(distance, np.linalg.norm(place - a - t[:, None] * edge, axis=1))
        crosses = (a[1] > place[:, 1]) != (b[1] > place[:, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            x = a[0] + (place[:, 1] - a[1]) / (b[1] - a[1]) * edge[0]
        inside ^= crosses & (place[:, 0] < x)
    signed = np.where(inside, distance, -distance)
    signed[kit.vertices[:, 2] < 8.6] = -2.0
    return signed.astype(np.float32)


def _tongue(rest: Float) -> NDArray[np.intp]:
    """The tongue's vertices: what among gums and tongue lies away from every tooth and below."""
    soft = np.arange(*facekit.GUMS_TONGUE)
    distance, _ = cKDTree(rest[slice(*facekit.TEETH)]).query(rest[soft])
    center = np.abs(rest[soft, 0]) < 2.0
    return soft[(distance > 0.35) & center & (rest[soft, 1] < -2.6) & (rest[soft, 1] > -4.9)]


def _scatter(vertices: Float, triangles: Int, count: int, rng: np.random.Generator) -> Roots:
    """Places spread evenly by area."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    chosen = rng.choice(len(triangles), count, p=area / area.sum())
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    bary = np.stack([1 - u, u * (1 - v), u * v], 1).astype(np.float32)
    rest = np.einsum("nkc,nk->nc", vertices[triangles[chosen]], bary)
    return Roots(triangles[chosen], bary, rest.astype(np.float32))


def _pick(places: Roots, mask: NDArray[np.bool_], limit: int) -> Roots:
    chosen = np.flatnonzero(mask)[:limit]
    return Roots(places.triangle[chosen], places.bary[chosen], places.rest[chosen])


def transform(points: Float, matrix: Float) -> Float:
    """Points (N, 3) through a 3x4 or 4x4 matrix."""
    return _transform(np.ascontiguousarray(points, np.float32), np.ascontiguousarray(matrix, np.float32))


@numba.njit(cache=True, fastmath=True)
def _transform(points: Float, m: Float) -> Float:
    out = np.empty_like(points)
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        for k in range(3):
            out[n, k] = m[k, 0] * x + m[k, 1] * y + m[k, 2] * z + m[k, 3]
    return out


@numba.njit(cache=True, fastmath=True)
def _blend(weights: Float, modes: NDArray[np.int16]) -> Float:
    """The weighted sum of rows, in blocks that stay in the cache."""
    size = modes.shape[1]
    out = np.zeros(size, np.float32)
    for start in range(0, size, 4096):
        block = out[start : start + 4096]
        for k in range(len(weights)):
            row = modes[k, start : start + 4096]
            w = weights[k]
            for j in range(len(block)):
                block[j] += w * np.float32(row[j])
    return out
