"""The house head: identity and expression to vertices and dense points.

Head space: centimetres, Y up, +Z out of the face, the character's left at +X. Expression weights are in
the order of `likeness.performance.ARKIT`. Gaze turns the eyes; the eyeLook shapes move the lids only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from likeness import runtime
from likeness.head import points as dense
from likeness.head.contact import BLINK, Contact, make_contact, sealed, settle
from likeness.performance import ARKIT

Float = NDArray[np.float32]
Int = NDArray[np.int32]

LIMBUS_RADIUS_CM = 0.6
LID_CM = 0.46  # of an upper lid at rest above the eye's center, at most
LIMBUS_DEPTH_CM = 1.38  # of the rim's plane, from the eye's center along its axis


@dataclass(frozen=True, eq=False)
class Head:
    """The house head: V vertices, K identity modes of unit variance, 52 expression shapes.

    `mean` (V, 3), `identity_basis` (K, V, 3), `expression_basis` (52, V, 3), all cm. The same for the
    dense points (`likeness.head.points`): `point_mean` (450, 3), `point_identity`, `point_expression`.
    `levels` are triangles (T, 3) from fine to coarse over the same vertices, `level_parts` (T,) the
    index of each into `part_names`. `vertex_uv` (V, 2), v up. `vertex_twin` (V,) names the first vertex
    at the same place: where the texture's pieces part, vertices are doubled, and the normals of
    `vertex_twin[triangles]` have no seam. `vertex_eye` (V,): 0 left eye, 1 right eye, -1 elsewhere.
    `regions` (V,) soft masks 0..1 by name. `loops` vertices by name: lid margins
    (`lid_upper_left`, from the inner corner), lip contact lines (`lips_upper`, from the right corner)
    and the texture's `seam`; upper and lower lines match index by index. `eye_centers` (2, 3):
    left, right. `point_corners` and `point_weights` (432, 3) place the points of the skin on the mesh.
    `contact` is for `settle`.
    """

    mean: Float
    identity_basis: Float
    expression_basis: Float
    identity_std: Float
    point_mean: Float
    point_identity: Float
    point_expression: Float
    point_corners: Int
    point_weights: Float
    levels: tuple[Int, ...]
    level_parts: tuple[NDArray[np.uint8], ...]
    part_names: tuple[str, ...]
    vertex_uv: Float
    vertex_eye: NDArray[np.int8]
    vertex_twin: Int
    regions: dict[str, Float]
    loops: dict[str, Int]
    eye_centers: Float
    contact: Contact

    @property
    def triangles(self) -> Int:
        """The triangles (T, 3) of the finest level."""
        return self.levels[0]

    def part(self, name: str, level: int = 0) -> Int:
        """Triangles (T, 3) of a part; `part_names` lists the parts."""
        index = self.part_names.index(name)
        return np.ascontiguousarray(self.levels[level][self.level_parts[level] == index])

    def rest(self, identity: Float) -> Float:
        """Vertices (V, 3) of a person without expression."""
        return _blend(self.mean, identity, self.identity_basis)

    def neutral(self, identity: Float) -> Float:
        """Vertices (V, 3) of a person at rest whose lips meet and whose upper lids lie on the irises.

        Identities alone part the lips of some people and make others stare.
        """
        out = sealed(self.contact, self.rest(identity))
        for side, center, blink in zip(("left", "right"), self.eyes(identity), BLINK, strict=True):
            lid = self.loops[f"lid_upper_{side}"]
            lid = lid[np.abs(out[lid, 0] - center[0]) < 0.6 * LIMBUS_RADIUS_CM]
            shape = self.expression_basis[blink]
            above = float((out[lid, 1] - center[1]).max(initial=0.0)) - LID_CM
            if above > 0:
                out += np.float32(above / -shape[lid, 1].mean()) * shape
        return out

    def eyes(self, identity: Float) -> Float:
        """Centers (2, 3) of a person's eyes."""
        moved = self.point_identity[:, [dense.IRIS_LEFT, dense.IRIS_RIGHT]]
        return _blend(self.eye_centers, identity, moved)

    def vertices(self, identity: Float, expression: Float, gaze: Float | None = None) -> Float:
        """Vertices (V, 3); `gaze` (2, 2) holds yaw and pitch in radians of the left and right eye.

        The sum of the shapes, with lids and lips that meet (see `settle`).
        """
        posed = _blend(self.rest(identity), expression, self.expression_basis)
        looking = self.look(self.settle(posed, expression), self.eyes(identity), gaze)
        return looking[self.vertex_twin]  # sums differ in their last bit, and a seam must not

    def settle(self, vertices: Float, expression: Float) -> Float:
        """Vertices (V, 3) posed with `expression` (52,): a full blink closes, sealed lips stay sealed."""
        return settle(self.contact, vertices, np.asarray(expression, np.float32))

    def skin_points(self, vertices: Float) -> Float:
        """The dense points of the skin (432, 3) on posed vertices (V, 3)."""
        return np.einsum("pc,pcd->pd", self.point_weights, vertices[self.point_corners])

    def look(self, vertices: Float, centers: Float, gaze: Float | None) -> Float:
        """Turn the eyes' vertices about `centers` (2, 3) by `gaze` (2, 2); others stay."""
        if gaze is None:
            return vertices
        out = vertices.copy()
        for side in (0, 1):
            eye = self.vertex_eye == side
            turn = eye_rotation(float(gaze[side, 0]), float(gaze[side, 1]))
            out[eye] = (out[eye] - centers[side]) @ turn.T + centers[side]
        return out

    def points(self, identity: Float, expression: Float, gaze: Float | None = None) -> Float:
        """Dense points (450, 3), those of the skin on the settled vertices."""
        out = _blend(self.point_mean, identity, self.point_identity)
        out[: dense.SKIN_COUNT] = self.skin_points(self.vertices(identity, expression))
        if gaze is None:
            return out
        for side, (center, first) in enumerate(zip(self.eyes(identity), _EYE_ROWS, strict=True)):
            rows = slice(first, first + 1 + dense.RIM_COUNT)
            turn = eye_rotation(float(gaze[side, 0]), float(gaze[side, 1]))
            out[rows] = (out[rows] - center) @ turn.T + center
        return out


_EYE_ROWS = (dense.IRIS_LEFT, dense.IRIS_RIGHT)


def eye_rotation(yaw: float, pitch: float) -> Float:
    """Rotation (3, 3) of an eye; yaw toward the character's left, pitch up, both in radians."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return np.asarray(about_y @ about_x, np.float32)


@lru_cache(maxsize=1)
def load_head() -> Head:
    """The house head, loaded once; raises `BadModel` when its files are missing or altered."""
    tables = runtime.house_tables("head_mesh")
    mean, identity, expression = decode_bases()
    point_mean, point_identity, point_expression = _point_bases(tables, mean, identity, expression)
    levels = sorted(name for name in tables if name.startswith("triangles_"))
    masks = tables["regions"].astype(np.float32) / 255
    return Head(
        mean=mean,
        identity_basis=identity,
        expression_basis=expression,
        identity_std=np.ones(len(identity), np.float32),
        point_mean=point_mean,
        point_identity=point_identity,
        point_expression=point_expression,
        point_corners=tables["point_corners"],
        point_weights=tables["point_weights"],
        levels=tuple(tables[name] for name in levels),
        level_parts=tuple(tables[name.replace("triangles", "part")] for name in levels),
        part_names=tuple(str(name) for name in tables["part_names"]),
        vertex_uv=tables["vertex_uv"],
        vertex_eye=tables["vertex_eye"],
        vertex_twin=tables["vertex_twin"],
        regions={str(n): m for n, m in zip(tables["region_names"], masks, strict=True)},
        loops={n.removeprefix("loop_"): tables[n] for n in tables if n.startswith("loop_")},
        eye_centers=tables["eye_centers"],
        contact=make_contact(tables, mean, expression),
    )


def decode_bases() -> tuple[Float, Float, Float]:
    """Mean (V, 3), identity (K, V, 3) and expression (52, V, 3), read off the decoder at unit vectors."""
    decoder = runtime.session("head", "cpu")
    _, (_, modes) = decoder.inputs["identity"]
    count = 1 + modes + len(ARKIT)
    identity = np.zeros((count, modes), np.float32)
    expression = np.zeros((count, len(ARKIT)), np.float32)
    identity[1 : 1 + modes] = np.eye(modes)
    expression[1 + modes :] = np.eye(len(ARKIT))
    vertices = decoder.run({"identity": identity, "expression": expression})["vertices"]
    runtime.close(decoder)  # it has told all that it knows, and holds twice as much as that
    mean = vertices[0].copy()
    vertices -= mean
    return mean, vertices[1 : 1 + modes], vertices[1 + modes :]


def _point_bases(
    tables: dict[str, Any], mean: Float, identity: Float, expression: Float
) -> tuple[Float, Float, Float]:
    corners, weights = tables["point_corners"], tables["point_weights"]

    def on_skin(basis: Float) -> Float:
        out: Float = np.einsum("pc,...pcd->...pd", weights, basis[..., corners, :], optimize=True)
        return out

    eye = tables["vertex_eye"]
    angle = dense.RIM_ANGLE
    rim = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], 1) * LIMBUS_RADIUS_CM
    local = np.concatenate([np.zeros((1, 3)), rim]) + np.array([0.0, 0.0, LIMBUS_DEPTH_CM])
    centers = tables["eye_centers"]
    still = np.zeros((len(expression), 2 * len(local), 3))
    moved = np.concatenate(
        [np.repeat(identity[:, eye == side][:, :1], len(local), 1) for side in (0, 1)], axis=1
    )
    out = (
        np.concatenate([on_skin(mean), centers[0] + local, centers[1] + local]),
        np.concatenate([on_skin(identity), moved], axis=1),
        np.concatenate([on_skin(expression), still], axis=1),
    )
    return tuple(np.ascontiguousarray(a, np.float32) for a in out)  # type: ignore[return-value]


def _blend(base: Float, weights: Float, basis: Float) -> Float:
    """`base` (V, 3) plus the weighted sum of `basis` (K, V, 3)."""
    flat = np.asarray(weights, np.float32) @ basis.reshape(len(basis), -1)
    return np.asarray(base + flat.reshape(base.shape), np.float32)


def vertex_normals(vertices: Float, triangles: Int) -> Float:
    """Unit normals (V, 3) weighted by area; zero where no triangle is."""
    return _normals(np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(triangles, np.int32))


@numba.njit(cache=True, nogil=True, fastmath=True)
def _normals(vertices: Float, triangles: Int) -> Float:
    out = np.zeros_like(vertices)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = (
            vertices[b, 0] - vertices[a, 0],
            vertices[b, 1] - vertices[a, 1],
            vertices[b, 2] - vertices[a, 2],
        )
        vx, vy, vz = (
            vertices[c, 0] - vertices[a, 0],
            vertices[c, 1] - vertices[a, 1],
            vertices[c, 2] - vertices[a, 2],
        )
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            out[v, 0] += nx
            out[v, 1] += ny
            out[v, 2] += nz
    for v in range(out.shape[0]):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2)
        if length > 0:
            for k in range(3):  # a whole row at once takes numba four times as long
                out[v, k] /= length
    return out
