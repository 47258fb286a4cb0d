"""The house head laid onto a foreign surface: place and size, then the person, then what is left.

First the landmarks say where the head is and roughly who. Then the head's surface is drawn to the nearest
points of the foreign one within what people look like (a statistical model as in Amberg et al. 2008,
"Expression invariant 3D face recognition with a morphable model"), and what no person explains is taken
up by a smooth field of offsets (Sumner & Popovic 2004 do likewise with their correspondence).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from likeness.head.model import Head, vertex_normals
from likeness.human.foreign.locate import Landmarks
from likeness.human.foreign.surface import Nearest, Surface

Float = NDArray[np.float32]
Array = NDArray[np.float64]

TURN_CM = 0.8  # how much farther a surface counts that stands across
AGREES = 0.5  # cosine of normals from which two surfaces may be one
REACH_CM = (2.5, 1.5, 1.0, 0.7, 0.5, 0.4, 0.3, 0.3, 0.3, 0.3)  # of a nearest point, step by step
NOISE_CM = 0.05  # of the foreign surface about the head that fits it best
LEAST_LANDMARK_CM = 0.15
OUTLIER = 9.0  # squared deviations at which a landmark counts half
CARRIED_BY = 24  # points of the skin that carry on their offsets to what lies inside
STIFF = (30.0, 10.0, 3.0, 1.0)  # of the offsets' field, step by step


@dataclass(frozen=True, eq=False)
class Laid:
    """The house head on a foreign surface.

    `identity` (K,); a head's point x is at `scale * rotation @ x + move` in the scene; `offsets` (V, 3)
    cm in head space are what the person does not explain. `residual_cm` is the mean distance of the
    face's vertices from the foreign surface, `covered` the share of them that have one nearby, and
    `landmarks_cm` the median distance of the landmarks from where the head has them.
    """

    identity: Array
    scale: float
    rotation: Array
    move: Array
    offsets: Array
    residual_cm: float = 0.0
    covered: float = 0.0
    landmarks_cm: float = 0.0

    def to_head(self, points: NDArray[np.floating]) -> Array:
        """Points (N, 3) of the scene in head space, cm."""
        return np.asarray((points - self.move) @ self.rotation / self.scale)

    def turned(self, directions: NDArray[np.floating]) -> Array:
        """Directions (N, 3) of the scene in head space."""
        return np.asarray(directions @ self.rotation)

    def to_scene(self, offsets: NDArray[np.floating]) -> Array:
        """Offsets (N, 3) of head space, cm, in the scene."""
        return np.asarray(offsets @ self.rotation.T * self.scale)

    def rest(self, head: Head) -> Float:
        """The person's vertices (V, 3) in head space, on the foreign surface."""
        return np.asarray(head.rest(self.identity.astype(np.float32)) + self.offsets, np.float32)


def lay(head: Head, surface: Surface, landmarks: Landmarks) -> tuple[Laid, Surface]:
    """Lay the house head onto the head that a surface shows; the surface comes back with its outside out."""
    laid = start(head, landmarks)
    rows = np.flatnonzero(_outer(head))
    surface = _outside_out(head, surface, laid, rows)
    for reach in REACH_CM:
        laid = _person(head, _inside(surface, laid), laid, rows, reach)
    laid = _bent(head, _inside(surface, laid), laid, rows)
    apart = laid.to_head(landmarks.points) - head.skin_points(laid.rest(head))[landmarks.rows]
    return replace(laid, landmarks_cm=float(np.median(np.linalg.norm(apart, axis=1)))), surface


def _outside_out(head: Head, surface: Surface, laid: Laid, rows: NDArray[np.int64]) -> Surface:
    """The surface, its triangles turned over where they show their inside."""
    rest = laid.rest(head)
    face = rows[head.regions["face"][rows] > 0.5]
    normals = vertex_normals(rest, head.vertex_twin[head.part("skin")])[face]
    near = _inside(surface, laid).nearest(rest[face], normals, 0.0)
    if np.median(near.agreement) >= 0:
        return surface
    return Surface(surface.points, np.ascontiguousarray(surface.triangles[:, ::-1]))


def _outer(head: Head) -> NDArray[np.bool_]:
    """The vertices of the skin (V,), each place once."""
    skin = np.zeros(len(head.mean), bool)
    skin[head.part("skin")] = True
    return np.asarray(skin & (head.vertex_twin == np.arange(len(skin))))


def _inside(surface: Surface, laid: Laid) -> Surface:
    """The foreign surface in head space."""
    return Surface(laid.to_head(surface.points).astype(np.float32), surface.triangles)


def start(head: Head, landmarks: Landmarks, rounds: int = 12) -> Laid:
    """Place, size and a first guess of the person from landmarks alone."""
    mean = head.point_mean[landmarks.rows].astype(float)
    basis = head.point_identity[:, landmarks.rows].astype(float)
    identity = np.zeros(len(basis))
    weight = np.ones(len(mean))
    for _ in range(rounds):
        rest = mean + np.tensordot(identity, basis, 1)
        scale, rotation, move = similarity(rest, landmarks.points, weight)
        found = (landmarks.points - move) @ rotation / scale
        sigma = np.maximum(landmarks.sigma / scale, LEAST_LANDMARK_CM)
        off = ((found - rest) ** 2).sum(1) / sigma**2
        weight = 1 / sigma**2 / (1 + off / OUTLIER) ** 2
        identity = _ridge(basis, found - mean, 0.1 * weight)
    return Laid(identity, scale, rotation, move, np.zeros((len(head.mean), 3)))


def _ridge(basis: Array, wanted: Array, weight: Array) -> Array:
    """Coefficients of unit variance for offsets (N, 3) with weights (N,)."""
    flat = basis.reshape(len(basis), -1)
    scaled = flat * np.repeat(weight, 3)
    return np.asarray(np.linalg.solve(scaled @ flat.T + np.eye(len(flat)), scaled @ wanted.ravel()))


def similarity(points: Array, to: Array, weight: Array) -> tuple[float, Array, Array]:
    """Scale, rotation and move that bring points (N, 3) to others (Umeyama 1991)."""
    w = weight / weight.sum()
    a, b = points - w @ points, to - w @ to
    u, s, vt = np.linalg.svd((b * w[:, None]).T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((s * sign).sum() / (w @ (a**2).sum(1)))
    return scale, rotation, w @ to - scale * rotation @ (w @ points)


def _person(head: Head, surface: Surface, laid: Laid, rows: NDArray[np.int64], reach: float) -> Laid:
    """One step: the person and the place that bring the head's skin nearer to the surface.

    Solved for the person's coefficients, a small turn, a move and a change of size at once, along the
    surface's normals.
    """
    rest = head.rest(laid.identity.astype(np.float32))
    normals = vertex_normals(rest, head.vertex_twin[head.part("skin")])[rows]
    place = rest[rows].astype(float)
    near = surface.nearest(place, normals, TURN_CM)
    good = (near.agreement > AGREES) & (near.distance < reach)
    facing = _facing(surface, near)[good]
    place, wanted, chosen = place[good], near.point[good].astype(float), rows[good]
    away = ((wanted - place) * facing).sum(1)
    sigma = max(NOISE_CM, 0.2 * reach)
    weight = 0.1 / sigma**2 / (1 + (away / (3 * sigma)) ** 2) ** 2
    basis = np.einsum("kvc,vc->vk", head.identity_basis[:, chosen].astype(float), facing)
    moves = np.concatenate([np.cross(place, facing), facing, (place * facing).sum(1, keepdims=True)], 1)
    columns = np.concatenate([basis, moves], 1)
    matrix = (columns * weight[:, None]).T @ columns
    right = (columns * weight[:, None]).T @ away
    count = len(laid.identity)
    matrix[range(count), range(count)] += 1
    right[:count] -= laid.identity
    matrix[range(count, count + 7), range(count, count + 7)] += 1e-6
    step = np.linalg.solve(matrix, right)
    turn, move, grow = step[count : count + 3], step[count + 3 : count + 6], step[count + 6]
    rotation = laid.rotation @ Rotation.from_rotvec(turn).as_matrix()
    return replace(
        laid,
        identity=laid.identity + step[:count],
        scale=laid.scale * float(np.exp(grow)),
        rotation=rotation,
        move=laid.move + laid.scale * laid.rotation @ move,
    )


def _facing(surface: Surface, near: Nearest) -> Array:
    corners = surface.triangles[near.triangle]
    normal = np.einsum("nk,nkc->nc", near.bary, surface.normals[corners])
    return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9), float)


def _bent(head: Head, surface: Surface, laid: Laid, rows: NDArray[np.int64]) -> Laid:
    """The smooth offsets of the skin that bring it onto the surface, carried on to what lies inside."""
    triangles = head.vertex_twin[head.part("skin")]
    place = np.full(len(head.mean), -1)
    place[rows] = np.arange(len(rows))
    smooth = _unevenness(place[triangles], len(rows))
    offsets = np.zeros((len(rows), 3))
    person = laid.rest(head)
    for stiff in STIFF:
        posed = person.copy()
        posed[rows] += offsets.astype(np.float32)
        near = surface.nearest(posed[rows], vertex_normals(posed, triangles)[rows], TURN_CM)
        good = (near.agreement > AGREES) & (near.distance < REACH_CM[0])
        matrix = sparse.diags(good + 1e-4) + stiff * smooth
        offsets = splu(matrix.tocsc()).solve(good[:, None] * (near.point - person[rows]).astype(float))
    distance, close = cKDTree(person[rows]).query(person, k=CARRIED_BY)
    share = 1 / (distance**2 + 1e-4)
    everywhere = ((share / share.sum(1, keepdims=True))[..., None] * offsets[close]).sum(1)
    everywhere[rows] = offsets
    bent = replace(laid, offsets=everywhere[head.vertex_twin])
    posed = bent.rest(head)
    near = surface.nearest(posed[rows], vertex_normals(posed, triangles)[rows], TURN_CM)
    face = head.regions["face"][rows] > 0.5
    good = (near.agreement > AGREES) & (near.distance < REACH_CM[0])
    return replace(
        bent,
        residual_cm=float(near.distance[face & good].mean()) if good[face].any() else np.inf,
        covered=float(good[face].mean()),
    )


def _unevenness(triangles: NDArray[np.integer], count: int) -> sparse.csr_matrix:
    """The square (N, N) of the graph's Laplacian: how much a field bends."""
    i = triangles[:, [0, 1, 2]].ravel()
    j = triangles[:, [1, 2, 0]].ravel()
    joined = sparse.csr_matrix((np.ones(len(i)), (i, j)), shape=(count, count))
    joined = ((joined + joined.T) > 0).astype(float)
    degree = np.asarray(joined.sum(1)).ravel()
    laplacian = sparse.eye(count) - sparse.diags(1 / np.maximum(degree, 1)) @ joined
    return (laplacian.T @ laplacian).tocsr()
