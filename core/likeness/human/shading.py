"""The person that skin's shading shows: one identity from the light on the skin of all photos.

Found points lie nearer to the average person than they are, in every photo alike. How light falls on skin
tells the slopes between them. What red exceeds green by is skin's own color times the light that it gets:
gloss is as white as the lamp and falls out (Mallick et al., "Beyond Lambert", 2005). Its logarithm is the
sum of the skin's own tone, of how much of the sky a place sees, and of the light by normal (nine spherical
harmonics a photo, see `likeness.face.light`). Identity, and every photo's pose, expression and light, are
solved together by Gauss-Newton on shading and points; a place's own tone, common to all photos, is solved
along and eliminated. What is usual of a place, and how far people differ from it, is measured on renders by
`likeness.training.skin_shading` and kept in `models/skin_shading.json`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from likeness import runtime
from likeness.face import light as lights
from likeness.face.expected import expected_expression
from likeness.face.fit import (
    POSE,
    Fit,
    Lens,
    Shot,
    apply_step,
    interocular,
    point_rows,
    project,
    projection_jacobian,
    refine,
    with_person,
)
from likeness.face.landmarks import Points, crop_from_points
from likeness.face.regions import segment
from likeness.face.report import reported_head
from likeness.head import points as dense
from likeness.head.model import load_head
from likeness.performance import ARKIT
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Array = NDArray[np.float64]

LEVEL = 1  # of the head's levels of detail: its vertices are about 4 mm apart
APART = (  # these have a color of their own
    *("lid_upper_left", "lid_lower_left", "lid_upper_right", "lid_lower_right"),
    *("brow_left", "brow_right", "lips_upper", "lips_lower"),
)
STEPS = 8
BOUND = 3.0  # of a coefficient
LIGHT = 9
OWN = POSE + len(ARKIT) + LIGHT  # unknowns of a photo
CORRELATED = 0.3  # neighboring places err together
NOISE = 0.05  # of a logarithm
STEADIEST = 0.6  # spread of a place, relative to most
TONE = 1.0  # of that: by how much a place's own tone differs from the usual one, the same in all photos
LIGHT_STD = 3.0
OUTLIER = 0.25  # error of a logarithm: a shadow, a mark, hair
SOFT = 0.015  # of the distance of the eyes: what is finer than the mesh is smoothed away
DARKEST, COLORLESS = 2e-3, 0.12  # linear light, and share of red
AROUND, LEAST_PX = 0.1, 50
THICK_CM = 0.4


@dataclass(frozen=True, eq=False)
class Surface:
    """The skin of the house head with S vertices, M of which are looked at (`rows`).

    `mean` (S, 3), `identity` (K, S, 3) and `expression` (52, S, 3) in cm, `triangles` (T, 3). `ring` (M, N)
    sums up the triangles `near` (N, 3) about each place.
    """

    mean: Array
    identity: Array
    expression: Array
    triangles: Int
    rows: NDArray[np.int64]
    near: Int
    ring: sparse.csr_matrix

    def vertices(self, identity: Array, expression: Array) -> Array:
        """All vertices (S, 3)."""
        moved = np.tensordot(identity, self.identity, 1) + np.tensordot(expression, self.expression, 1)
        return np.asarray(self.mean + moved)

    def normals(self, vertices: Array) -> tuple[Array, Array]:
        """Unit normals (M, 3) of the places looked at, and how they change with identity (M, K, 3)."""
        a, b, c = self.near.T
        u, w = vertices[b] - vertices[a], vertices[c] - vertices[a]
        du, dw = self.identity[:, b] - self.identity[:, a], self.identity[:, c] - self.identity[:, a]
        change = (np.cross(du, w) + np.cross(u, dw)).transpose(1, 0, 2)
        total = self.ring @ np.cross(u, w)
        length = np.linalg.norm(total, axis=1)[:, None]
        normal = total / length
        moved = (self.ring @ change.reshape(len(change), -1)).reshape(len(normal), -1, 3)
        along = np.einsum("mkc,mc->mk", moved, normal)
        return normal, (moved - normal[:, None] * along[..., None]) / length[..., None]


@lru_cache(maxsize=1)
def load_surface() -> Surface:
    """The skin of the house head; the face without brows and lids is looked at."""
    head = load_head()
    whole = head.vertex_twin[head.part("skin", LEVEL)]
    used, order = np.unique(whole, return_inverse=True)
    triangles = np.asarray(order.reshape(whole.shape), np.int32)
    apart = np.max([head.regions[name][used] for name in APART], 0)
    rows = np.flatnonzero((head.regions["face"][used] > 0.5) & (apart < 0.3))
    near = triangles[np.isin(triangles, rows).any(1)]
    place = np.full(len(used), -1)
    place[rows] = np.arange(len(rows))
    at, which = place[near].ravel(), np.repeat(np.arange(len(near)), 3)
    known = at >= 0
    ring = sparse.csr_matrix(
        (np.ones(int(known.sum())), (at[known], which[known])), shape=(len(rows), len(near))
    )
    return Surface(
        head.mean[used].astype(float),
        head.identity_basis[:, used].astype(float),
        head.expression_basis[:, used].astype(float),
        triangles,
        rows,
        near,
        ring,
    )


@dataclass(frozen=True, eq=False)
class Usual:
    """Of every place looked at (M,): the usual logarithm of its `tone`, and by how much people's `spread`."""

    tone: Array
    spread: Array


@lru_cache(maxsize=1)
def load_usual() -> Usual:
    """What was measured on renders, loaded once."""
    data = json.loads(runtime.house_content("skin_shading"))
    return Usual(np.array(data["tone"]), np.array(data["spread"]))


@dataclass(frozen=True, eq=False)
class Shades:
    """The shading of a photo's face: its logarithm (H, W), how that changes to the right and down, and where
    bare `skin` is, 0..1. Pixel (0, 0) is `corner` (x, y) of the photo."""

    value: Float
    right: Float
    down: Float
    skin: Float
    corner: tuple[int, int]


def shades(view: Float, linear: Float, points_px: Array, device: str = "auto") -> Shades | None:
    """The shading of the face in a photo (H, W, 3); None where no color tells gloss from skin."""
    height, width = linear.shape[:2]
    low, high = points_px.min(0), points_px.max(0)
    edge = AROUND * (high - low)
    x0, y0 = np.clip(low - edge, 0, [width, height]).astype(int)
    x1, y1 = np.clip(high + edge, 0, [width, height]).astype(int)
    parts = segment(view, crop_from_points(points_px), device)
    skin = parts.in_picture((x0, y0, x1, y1), view, ["skin"])[..., 0]
    bare, color = skin > 0.6, linear[y0:y1, x0:x1]
    excess = color[..., 0] - color[..., 1]
    if bare.sum() < LEAST_PX or np.median(excess[bare]) < COLORLESS * np.median(color[..., 0][bare]):
        return None
    soft, weight = SOFT * interocular(points_px), np.maximum(skin, 1e-3)
    value = np.log(np.maximum(excess, DARKEST))
    value = ndimage.gaussian_filter(value * weight, soft) / ndimage.gaussian_filter(weight, soft)
    down, right = np.gradient(value)
    within = np.clip((ndimage.minimum_filter(skin, int(2 * soft) | 1) - 0.6) * 4, 0, 1)
    return Shades(value, right, down, within, (int(x0), int(y0)))


@dataclass(frozen=True, eq=False)
class Look:
    """How a photo shows the M places: `weight` (M,) 0..1 as each is seen, `error` (M,) of the logarithm, and
    `columns` (M, K + OWN), what identity, pose, expression and light would change of it."""

    weight: Array
    error: Array
    columns: Array


def look(surface: Surface, shade: Shades, lens: Lens, fit: Fit, identity: Array, tone: Array) -> Look:
    """Compare a photo's shading with that of a person whose places have such a `tone` (M,)."""
    vertices = surface.vertices(identity, fit.expression)
    turned = vertices @ fit.rotation.T
    camera = turned + fit.translation
    lens = Lens(lens.focal_px, (lens.center_px[0] - shade.corner[0], lens.center_px[1] - shade.corner[1]))
    pixels = project(camera, lens)
    normal, change = surface.normals(vertices)
    facing = normal @ fit.rotation.T
    weight = _seen(surface, shade, camera, pixels, facing)
    turned, camera, pixels = turned[surface.rows], camera[surface.rows], pixels[surface.rows]
    value, terms = _at(shade.value, pixels) - tone, lights.basis(facing.astype(np.float32)).astype(float)
    level, lamp = _light(terms, value, weight)
    lit = np.maximum(terms @ lamp, 0.1)
    slope = np.stack([_at(shade.right, pixels), _at(shade.down, pixels)], 1)
    by_place = np.einsum("mi,mij->mj", slope, projection_jacobian(camera, lens))
    by_normal = np.einsum("mbc,b->mc", lights.basis_slopes(facing), lamp) / lit[:, None]
    by_identity = np.einsum("mkc,mc->mk", change, by_normal @ fit.rotation)
    by_identity -= np.einsum("kmc,mc->mk", surface.identity[:, surface.rows], by_place @ fit.rotation)
    # a fold of an expression would pass for the shape of a person: points alone tell expressions
    by_expression = np.zeros((len(weight), len(ARKIT)))
    by_turn = np.cross(facing, by_normal) - np.cross(turned, by_place)
    columns = np.concatenate([by_identity, by_turn, -by_place, by_expression, terms / lit[:, None]], 1)
    return Look(weight, value - level - np.log(lit), columns)


def _seen(surface: Surface, shade: Shades, camera: Array, pixels: Array, facing: Array) -> Array:
    """How well (M,) each place is seen: in front, bare, and not at a grazing angle."""
    height, width = shade.value.shape
    _, _, depth = rasterize(
        np.concatenate([pixels, camera[:, 2:]], 1).astype(np.float32), surface.triangles, width, height
    )
    pixels, camera = pixels[surface.rows], camera[surface.rows]
    inside = ((pixels > 2) & (pixels < np.array([width, height]) - 3)).all(1)
    x, y = np.clip(pixels[:, 0].astype(int), 0, width - 1), np.clip(pixels[:, 1].astype(int), 0, height - 1)
    front = camera[:, 2] < depth[y, x] + THICK_CM
    slant = -(facing * camera).sum(1) / np.linalg.norm(camera, axis=1)
    return np.asarray(inside * front * np.clip((slant - 0.2) / 0.4, 0, 1) * _at(shade.skin, pixels))


def _at(field: Float, pixels: Array) -> Array:
    """Bilinear values (M,) of a field at pixels (M, 2)."""
    where = [pixels[:, 1] - 0.5, pixels[:, 0] - 0.5]
    return np.asarray(ndimage.map_coordinates(field, where, order=1, mode="nearest"), np.float64)


def _light(terms: Array, value: Array, weight: Array) -> tuple[float, Array]:
    """The logarithm of a photo's brightness, and its light (9,) relative to that."""
    level = float(np.median(value[weight > 0.5])) if (weight > 0.5).any() else 0.0
    target = np.exp(np.clip(value - level, -4, 4))
    ridge = np.diag([1e-3, 1, 1, 1, 4, 4, 4, 4, 4]) * (0.003 * weight.sum() + 1e-6)
    trust, lamp = weight, np.zeros(LIGHT)
    for _ in range(4):
        scaled = terms * trust[:, None]
        lamp = np.linalg.solve(scaled.T @ terms + ridge, scaled.T @ target)
        trust = weight / (1 + ((target - terms @ lamp) / 0.2) ** 2)
    return level, lamp


@dataclass(frozen=True, eq=False)
class Seen:
    """A photo as this module needs it: points with their own deviations, lens, and shading if it has any."""

    points: Points
    lens: Lens
    shade: Shades | None


def solve_shape(photos: Sequence[Seen], identity: Array, fits: Sequence[Fit]) -> tuple[Array, list[Fit]]:
    """Identity (K,) and every photo's fit, from a start that points gave."""
    fits, count = list(fits), len(identity)
    for _ in range(STEPS):
        step = _step(photos, identity, fits)
        identity = np.clip(identity + step[:count], -BOUND, BOUND)
        own = step[count:].reshape(len(fits), OWN)
        fits = [apply_step(fit, s[: OWN - LIGHT]) for fit, s in zip(fits, own, strict=True)]
    head, none = reported_head(), np.zeros((dense.COUNT, 3))
    done = []
    for photo, fit in zip(photos, fits, strict=True):
        shot = with_person(head, Shot(photo.lens, identity, none, none), identity, none)
        done.append(refine(head, shot, photo.points, fit))
    return identity, done


def _step(photos: Sequence[Seen], identity: Array, fits: Sequence[Fit]) -> Array:
    """One Gauss-Newton step (K + P OWN,) of all unknowns."""
    surface, usual, head = load_surface(), load_usual(), reported_head()
    count, size = len(identity), len(identity) + OWN * len(photos)
    matrix, right = np.eye(size) * 1e-9, np.zeros(size)
    matrix[range(count), range(count)] += 1
    right[:count] -= identity
    relative = 1 / np.maximum(usual.spread, STEADIEST)
    # a place's own tone is one more unknown: its row and column are eliminated
    tied, pulled = np.zeros((len(surface.rows), size)), np.zeros(len(surface.rows))
    total = np.full(len(surface.rows), 1e-9)
    for i, (photo, fit) in enumerate(zip(photos, fits, strict=True)):
        mine = np.r_[:count, count + i * OWN : count + (i + 1) * OWN]
        block = np.ix_(mine, mine)
        columns, error, weight = point_rows(head, identity, photo.points, photo.lens, fit)
        scaled = columns * weight[:, None]
        matrix[block[0][:-LIGHT], block[1][:, :-LIGHT]] += scaled.T @ columns
        right[mine[:-LIGHT]] += scaled.T @ error
        expression = mine[count + POSE : -LIGHT]
        mean, std = expected_expression(head, photo.points)
        matrix[expression, expression] += 1 / std**2
        right[expression] += (mean - fit.expression) / std**2
        matrix[mine[-LIGHT:], mine[-LIGHT:]] += 1 / LIGHT_STD**2
        if photo.shade is None:
            continue
        seen = look(surface, photo.shade, photo.lens, fit, identity, usual.tone)
        trust = CORRELATED * (relative / _noise(seen)) ** 2
        weight = seen.weight * trust
        weight /= (1 + (seen.error / OUTLIER) ** 2) ** 2
        scaled = seen.columns * weight[:, None]
        matrix[block] += scaled.T @ seen.columns
        right[mine] += scaled.T @ seen.error
        tied[:, mine] += scaled
        pulled += weight * seen.error
        total += weight + trust / (TONE**2 * len(photos))
    matrix -= (tied / total[:, None]).T @ tied
    right -= tied.T @ (pulled / total)
    return np.asarray(np.linalg.solve(matrix, right))


def _noise(seen: Look) -> float:
    """The deviation of a photo's shading from any of this light: paintings and hard shadows have more."""
    error = np.abs(seen.error[seen.weight > 0.3])
    return max(NOISE, 1.48 * float(np.median(error))) if len(error) > 20 else 10.0
