"""A person's head made ready to be drawn: triangles, normals, and what a picture shows of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from likeness.face import references
from likeness.face.fit import Fit, Lens
from likeness.face.inside import ALBEDO, Inside, front_first, inside_of
from likeness.face.person import (
    OPENINGS,
    Person,
    caps,
    eye_axes,
    opening,
    outline_points,
    to_pixels,
)
from likeness.face.silhouette import joints_of
from likeness.head import points as dense
from likeness.head.model import vertex_normals
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]

IRIS_DEPTH_CM = 1.38
GRAZING = 0.18  # cosine to the view below which the plate does not show a surface well enough
NOSE_CM = 0.6  # so far about a nose lies what it shades
MOST_STRETCH = 1.8  # times: more than this the plate's pixels are not spread out
HIDDEN_CM = 0.6  # behind the nearest surface by this much, a vertex is hidden
BEHIND = (*ALBEDO, "eye_left", "eye_right", "eye_socket_left", "eye_socket_right")
THROAT_CM = -8.0  # height on the mean head below which its skin lies under the chin
JAW_CM = 1.2  # from the neck: so wide is the jaw's edge, and once more till it is cheek
SKULL_CM = np.array([7.5, 11.0, 9.5])  # its radii
HAIRLINE_CM = 1.0  # about the scalp there may be hair
EAR_CM = 0.6  # so near an ear a face ends
SPOT_CM, SPOTS = 0.8, 4  # so far apart are vertices that stand for others, and so many for each of these
FRINGE_CM = 4.9  # height on the mean head above which hair can lie before the face
EYES = ("eye_left", "eye_right")
FACETS_PX_PER_CM, FINER = 60.0, 2  # so large, facets of teeth and tongue would show; how often they are cut


@dataclass(frozen=True)
class Spots:
    """What some vertices stand for: the vertices `ids` (N,), of which these are `some` (M,).

    Each is told by those at `near` (N, SPOTS) among them, each by its `share` (N, SPOTS).
    """

    ids: Int
    some: Int
    near: Int
    share: Float


@dataclass(frozen=True)
class Rig:
    """Triangle lists of a person, made once: `skin` (T, 3) with the openings closed, and the `inside`
    of the mouth; `behind` (T, 3) is that and the eyes.

    `hind` (T,): which of the skin is the back of the head, seen from outside only.
    `nearest` (SKIN_COUNT,): the skin's vertex nearest to each dense point. `used`: the skin's vertices.
    `ears`, `forehead` (V,): which of all vertices are an ear's, or where a fringe can hang.
    `bare`: those that can lie on the outline of the bare head; `middle` (3,): its place between the ears, cm.
    `uv` (V, 2): the vertices' texture coordinates, 0 of the points.
    """

    person: Person
    skin: Int
    surface: Int
    inside: Inside
    behind: Int
    hind: NDArray[np.bool_]
    nearest: Int
    used: Int
    ears: NDArray[np.bool_]
    forehead: NDArray[np.bool_]
    bare: Int
    middle: Float
    uv: Float

    @cached_property
    def face(self) -> NDArray[np.bool_]:
        """Which vertices and points (V,) are neither neck nor ears."""
        out = np.zeros(len(self.uv), bool)
        out[self.bare] = True
        return out

    @cached_property
    def face_skin(self) -> Int:
        """The triangles (T, 3) of that."""
        return self.surface[self.face[self.surface].all(axis=1)]

    @cached_property
    def both_ears(self) -> tuple[Int, Int]:
        """The vertices of the right ear, which a picture shows on the left, and of the left one."""
        ids = np.flatnonzero(self.ears).astype(np.int32)
        left = self.person.rest[ids, 0] > 0
        return ids[~left], ids[left]

    @cached_property
    def neck(self) -> NDArray[np.bool_]:
        """Which vertices and points (V,) are the neck's or the throat's."""
        head = self.person.head
        out = (head.regions["neck"] > 0.5) | (head.mean[:, 1] < THROAT_CM)
        return np.pad(out, (0, dense.COUNT))

    @cached_property
    def usual(self) -> Float:
        """Where vertices and points (V, 3) of the mean head lie, cm."""
        return np.concatenate([self.person.head.mean, self.person.head.point_mean])

    def _away(self, region: str) -> NDArray[np.float64]:
        """How far (V,) vertices and points of the mean head lie from a region, cm."""
        head = self.person.head
        return np.asarray(cKDTree(head.mean[head.regions[region] > 0.5]).query(self.usual)[0])

    @cached_property
    def features(self) -> Float:
        """How much (V,) vertices and points are of eyes or lips, and not of plain skin."""
        parts = sum(mask for mask, name in zip(self.masks, references.PARTS, strict=False) if name != "brows")
        return np.asarray(parts, np.float32)

    @cached_property
    def beside_nose(self) -> Float:
        """How near (V,) vertices and points lie to the nose: 1 on it and close by."""
        return np.asarray(np.clip(2 - self._away("nose") / NOSE_CM, 0, 1), np.float32)

    @cached_property
    def jaw_edge(self) -> Float:
        """How near (V,) vertices and points of the face lie to the neck: 1 at the jaw's edge."""
        near = 2 - cKDTree(self.usual[self.neck]).query(self.usual)[0] / JAW_CM
        return np.asarray(np.clip(near, 0, 1) * ~self.neck, np.float32)

    @cached_property
    def skull(self) -> Float:
        """The direction outward (V, 3) of an even skull at vertices and points, head space."""
        out = self.usual / SKULL_CM**2
        return (out / np.linalg.norm(out, axis=1, keepdims=True)).astype(np.float32)

    @cached_property
    def hairless(self) -> Float:
        """How surely (V,) vertices and points of the face have no hair: away from scalp and temples.

        Before the ears they soon have.
        """
        sure = np.minimum(self._away("scalp") / HAIRLINE_CM - 1, FRINGE_CM - self.usual[:, 1])
        sure = np.minimum(sure, self._away("ears") / EAR_CM - 1)
        return np.asarray(np.clip(sure, 0, 1) * (self.face & ~self.neck), np.float32)

    @cached_property
    def bare_skin(self) -> NDArray[np.bool_]:
        """Which vertices and points (V,) are the skin of face, neck and throat."""
        return self.face | self.neck

    @cached_property
    def twin(self) -> Int:
        """For every vertex and point (V,) that on the head's other side."""
        mean = self.usual
        skin = np.flatnonzero(self.bare_skin)
        return skin[cKDTree(mean[skin]).query(mean * [-1, 1, 1])[1]].astype(np.int32)

    @cached_property
    def spots(self) -> Spots:
        """Some of the vertices of bare skin, one a cube of `SPOT_CM`."""
        ids = np.unique(self.surface[self.bare_skin[self.surface].all(axis=1)])
        rest = self.person.rest[ids]
        some = np.unique(np.floor(rest / SPOT_CM).astype(int), axis=0, return_index=True)[1]
        off, near = cKDTree(rest[some]).query(rest, k=SPOTS)
        share = (off + SPOT_CM / 4) ** -2.0
        share /= share.sum(axis=1, keepdims=True)
        return Spots(ids, ids[some], near.astype(np.int32), share.astype(np.float32))

    @cached_property
    def joints(self) -> Int:
        """See `silhouette.joints_of`; those of the skin."""
        return joints_of(self.skin)

    @cached_property
    def masks(self) -> Float:
        """See `references.masks`; made when references first lend something."""
        return references.masks(self.person)

    @cached_property
    def lent(self) -> Int:
        """The vertices between which references can lend something."""
        some = np.asarray(self.masks.any(axis=0))
        return np.unique(self.skin[some[self.skin].any(axis=1)])


def build_rig(person: Person, px_per_cm: float = 0.0) -> Rig:
    """Collect the triangles that are drawn; `px_per_cm`: how large the face is seen."""
    surface = person.head.part("skin")
    vertices = np.unique(surface)
    points = person.rest[person.vertex_count :][: dense.SKIN_COUNT]
    nearest = vertices[cKDTree(person.rest[vertices]).query(points)[1]].astype(np.int32)
    skin = np.concatenate([surface, caps(person)])
    behind = np.concatenate([person.head.part(name) for name in BEHIND])
    ears = np.zeros(len(person.rest), bool)
    ears[: person.vertex_count] = person.head.regions["ears"] > 0.5
    return Rig(
        person,
        skin,
        surface,
        inside_of(person.head, cuts=FINER if px_per_cm > FACETS_PX_PER_CM else 0),
        behind[front_first(person.head, behind)],
        (person.rest[skin, 2] < 0).all(axis=1),
        nearest,
        np.unique(skin),
        ears,
        _forehead(person),
        _bare(person),
        person.rest[ears].mean(axis=0),
        np.pad(person.head.vertex_uv, ((0, dense.COUNT), (0, 0))).astype(np.float32),
    )


def _forehead(person: Person) -> NDArray[np.bool_]:
    """Which vertices (V,) lie on the forehead and the brows; below, what looks like hair may be a beard."""
    mean = person.head.mean
    out = np.zeros(len(person.rest), bool)
    out[: len(mean)] = (mean[:, 1] > FRINGE_CM) & (mean[:, 2] > 0)
    return out


def _bare(person: Person) -> Int:
    """The skin's vertices without ears, neck and throat."""
    head = person.head
    skin = np.unique(head.part("skin"))
    ears, neck = (head.regions[name][skin] > 0.5 for name in ("ears", "neck"))
    return skin[~ears & ~neck & (head.mean[skin, 1] > THROAT_CM)].astype(np.int32)


def normals_of(rig: Rig, camera: Float) -> Float:
    """Normals of vertices and of the skin's points, which borrow that of the nearest vertex."""
    out = vertex_normals(camera, rig.surface)
    first = rig.person.vertex_count
    out[first : first + dense.SKIN_COUNT] = out[rig.nearest]
    return out


def outside(rig: Rig, points: Float) -> Int:
    """The skin's triangles, without those of the back of the head that face away.

    `points` (V, 3) are in pixels.
    """
    return _shown(points, rig.skin, rig.hind)


@numba.njit(cache=True, nogil=True)
def _shown(points: Float, triangles: Int, hind: NDArray[np.bool_]) -> Int:
    out, count = np.empty_like(triangles), 0
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        if hind[t]:
            ax, ay = points[i, 0], points[i, 1]
            if (points[j, 0] - ax) * (points[k, 1] - ay) > (points[j, 1] - ay) * (points[k, 0] - ax):
                continue
        out[count, 0], out[count, 1], out[count, 2] = i, j, k
        count += 1
    return out[:count]


@numba.njit(cache=True, nogil=True)
def facing_of(camera: Float, normals: Float) -> Float:
    """Cosine between the normal and the way to the camera (V,); 1 for points, which have no normal."""
    out = np.ones(len(camera), np.float32)
    for v in range(len(camera)):
        x, y, z = camera[v, 0], camera[v, 1], camera[v, 2]
        i, j, k = normals[v, 0], normals[v, 1], normals[v, 2]
        if i != 0 or j != 0 or k != 0:
            out[v] = -(i * x + j * y + k * z) / np.sqrt(x * x + y * y + z * z)
    return out


def open_facing(rig: Rig, camera: Float, normals: Float) -> Float:
    """The same, but 1 along eyes and mouth: between their outlines is what they show, not skin rolled in."""
    out = facing_of(camera, normals)
    for name in OPENINGS:
        out[outline_points(rig.person, name)] = 1
    return out


def visible(rig: Rig, pixels: Float) -> Float:
    """1 where the picture shows a vertex (V,), 0 where a nearer part of the head hides it."""
    used = rig.used
    low = np.floor(pixels[used, :2].min(axis=0)).astype(int) - 1
    scale = min(1.0, 256 / float(np.ptp(pixels[used, :2], axis=0).max() + 1))
    local = (pixels - np.array([*low, 0], np.float32)) * np.array([scale, scale, 1], np.float32)
    size = np.ceil(local[used, :2].max(axis=0)).astype(int) + 2
    _, _, depth = rasterize(local, rig.surface, int(size[0]), int(size[1]))
    x, y = (np.clip(local[:, k].astype(int), 0, size[k] - 1) for k in (0, 1))
    return (pixels[:, 2] < depth[y, x] + HIDDEN_CM).astype(np.float32)


def trust_of(before: Float, after: Float) -> Float:
    """How well the plate shows each vertex (V,), from its facing there and here: from 0.5 well enough.

    What it shows well it does so where that turns away, up to the outline.
    """
    enough = before / GRAZING
    dense_enough = before / np.maximum(after, 1e-3) * MOST_STRETCH
    return np.clip(np.minimum(enough, dense_enough) / 2, 0, 1).astype(np.float32)


def outlines_of(person: Person, pixels: Float) -> dict[str, Float]:
    """The outlines (N, 2) of eyes and mouth by name."""
    return {name: opening(person, pixels, name) for name in (*EYES, "mouth")}


def mean_gap(outline: Float) -> float:
    """Mean height of an opening: its area over its width."""
    return _mean_gap(np.ascontiguousarray(outline, np.float32))


@numba.njit(cache=True, nogil=True)
def _mean_gap(outline: Float) -> float:
    area, count = 0.0, len(outline)
    for i in range(count):
        j = (i + 1) % count
        area += outline[i, 0] * outline[j, 1] - outline[i, 1] * outline[j, 0]
    return abs(area) / 2 / max(outline[:, 0].max() - outline[:, 0].min(), 1e-3)


@numba.njit(cache=True, nogil=True)
def bounds(points: Float, ids: Int) -> tuple[Float, Float]:
    """The least and the greatest x and y of those points (N, 2 or more)."""
    low, high = np.full(2, np.inf, np.float32), np.full(2, -np.inf, np.float32)
    for i in ids:
        for k in range(2):
            low[k], high[k] = min(low[k], points[i, k]), max(high[k], points[i, k])
    return low, high


def iris_axes(person: Person, side: int, fit: Fit, lens: Lens) -> Float:
    return to_pixels(eye_axes(person, side, fit, person.iris_cm, IRIS_DEPTH_CM).astype(np.float32), lens)


def ball_center(person: Person, side: int, fit: Fit, lens: Lens) -> Float:
    """The eyeball's center in pixels, at its front surface's depth."""
    front = person.eye_centers[side] + [0.0, 0.0, IRIS_DEPTH_CM]
    camera = (fit.rotation @ front + fit.translation).astype(np.float32)
    return to_pixels(camera[None], lens)[0, :2]


def face_width(points_px: Float) -> float:
    return float(np.linalg.norm(points_px[0, :2] - points_px[16, :2])) + 1.0
