"""The head as parts of a character, level by level, with its 52 shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.head.model import Head
from likeness.human.body import Body
from likeness.human.character import Float, Int, Part
from likeness.human.eyes import texture_places
from likeness.human.figure import Figure, unit_normals
from likeness.performance import ARKIT

# The head's pieces by the part they become; a part has the material of its name.
FACE_PARTS: dict[str, tuple[str, ...]] = {
    "head": ("skin",),
    "mouth": ("socket", "eye_socket_left", "eye_socket_right", "gums", "tongue"),
    "teeth": ("teeth_upper", "teeth_lower"),
    "eyes": ("eye_left", "eye_right"),
    "lashes": ("lashes",),
    "tears": ("tears",),
}
LASH_POINTS = 7  # of a lash: three pairs from the root on, and the tip
LASH_WIDTH = 0.6  # of the head's, whose lashes are 0.4 mm wide at the root so that training renders show them


def face_parts(
    figure: Figure, level: int, skip: frozenset[str] = frozenset(), shaped: bool = True
) -> list[Part]:
    """The head's parts at a level, with the 52 shapes if it shall be `shaped`."""
    whole = _Head.of(figure, level, shaped)
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
    def of(cls, figure: Figure, level: int, shaped: bool) -> _Head:
        head, body = figure.head, figure.body
        hairs = lashes(head)
        vertices = np.concatenate([_finer(figure.head_vertices, hairs), figure.ring])
        sheet, first = _sheet(figure, level)
        normals = unit_normals(vertices, sheet)[first]
        # At the seam the normals are those of head and body together, the same for every level.
        normals[len(head.mean) :] = figure.ring_normals
        places = body.vertex_place[body.ring]
        still = np.zeros((len(figure.ring), 3), np.float32)
        shapes = [np.concatenate([_finer(s, hairs), still]) for s in figure.shapes] if shaped else []
        sums = _sums(vertices, sheet)
        turned = [_turned(vertices, shape, sheet, sums)[first] for shape in shapes]
        joints, weights = figure.bound if shaped else figure.hinged
        for turn in turned:
            turn[len(head.mean) :] = 0
        return cls(
            figure,
            level,
            vertices,
            normals,
            np.concatenate([texture_places(head), ring_uv(head, body)]),
            np.concatenate([joints, body.place_joints[places].astype(np.uint16)]),
            np.concatenate([weights, body.place_weights[places]]),
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


def lashes(head: Head) -> Int:
    """The vertices (N, LASH_POINTS) of every lash."""
    return np.unique(head.part("lashes")).reshape(-1, LASH_POINTS)


def _finer(values: Float, hairs: Int) -> Float:
    """Vertices, or a shape's offsets, (V, 3), with the lashes (N, LASH_POINTS) made finer."""
    out = values.copy()
    pairs = hairs[:, :-1].reshape(-1, 2)
    middle = out[pairs].mean(axis=1, keepdims=True)
    out[pairs] = middle + LASH_WIDTH * (out[pairs] - middle)
    return out


def _sheet(figure: Figure, level: int) -> tuple[Int, Int]:
    """All triangles of a level with twins merged, and the vertex (V + R + 1,) that stands for each."""
    head, neck = figure.head, figure.body.neck
    count = len(head.mean)
    ring = np.arange(count, count + len(figure.ring), dtype=np.int32)
    ring[-1] = count
    first = np.concatenate([head.vertex_twin, ring]).astype(np.int32)
    if level >= len(head.levels):
        return first[neck.triangles[-1]], first
    inner = head.levels[level][head.level_parts[level] != head.part_names.index("skin")]
    return first[np.concatenate([neck.triangles[level], inner])], first


def turned_normals(vertices: Float, offsets: Float, triangles: Int) -> Float:
    """How the unit normals (V, 3) change when `offsets` (V, 3) are added to the vertices."""
    return _turned(vertices, offsets, triangles, _sums(vertices, triangles))


@numba.njit(cache=True, nogil=True)
def _sums(vertices: Float, triangles: Int) -> NDArray[np.float64]:
    """The sums (V, 3) of the triangles' normals, each as long as twice its area, at their corners."""
    out = np.zeros((len(vertices), 3), np.float64)
    for t in range(len(triangles)):
        _add(out, vertices, vertices, 0.0, 1.0, triangles[t, 0], triangles[t, 1], triangles[t, 2])
    return out


@numba.njit(cache=True, nogil=True)
def _turned(vertices: Float, offsets: Float, triangles: Int, before: NDArray[np.float64]) -> Float:
    count = len(vertices)
    moved = np.zeros(count, np.bool_)
    for v in range(count):
        moved[v] = offsets[v, 0] != 0 or offsets[v, 1] != 0 or offsets[v, 2] != 0
    touched = np.zeros(count, np.bool_)
    after = before.copy()
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        if moved[a] or moved[b] or moved[c]:
            touched[a] = touched[b] = touched[c] = True
            _add(after, vertices, offsets, 0.0, -1.0, a, b, c)
            _add(after, vertices, offsets, 1.0, 1.0, a, b, c)
    out = np.zeros((count, 3), np.float32)
    for v in range(count):
        if touched[v]:
            m = np.sqrt(before[v, 0] ** 2 + before[v, 1] ** 2 + before[v, 2] ** 2)
            n = np.sqrt(after[v, 0] ** 2 + after[v, 1] ** 2 + after[v, 2] ** 2)
            if m > 0 and n > 0:
                for k in range(3):
                    out[v, k] = after[v, k] / n - before[v, k] / m
    return out


@numba.njit(cache=True, nogil=True)
def _add(
    sums: NDArray[np.float64],
    vertices: Float,
    offsets: Float,
    share: float,
    sign: float,
    a: int,
    b: int,
    c: int,
) -> None:
    """Add the normal of a triangle whose corners are moved by a share of their offsets to the sums there."""
    ux = vertices[b, 0] - vertices[a, 0] + share * (offsets[b, 0] - offsets[a, 0])
    uy = vertices[b, 1] - vertices[a, 1] + share * (offsets[b, 1] - offsets[a, 1])
    uz = vertices[b, 2] - vertices[a, 2] + share * (offsets[b, 2] - offsets[a, 2])
    vx = vertices[c, 0] - vertices[a, 0] + share * (offsets[c, 0] - offsets[a, 0])
    vy = vertices[c, 1] - vertices[a, 1] + share * (offsets[c, 1] - offsets[a, 1])
    vz = vertices[c, 2] - vertices[a, 2] + share * (offsets[c, 2] - offsets[a, 2])
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    for v in (a, b, c):
        sums[v, 0] += sign * nx
        sums[v, 1] += sign * ny
        sums[v, 2] += sign * nz


def ring_uv(head: Head, body: Body) -> Float:
    """Texture coordinates (R + 1, 2) of the seam on the head's side."""
    neck = body.neck
    return np.asarray((head.vertex_uv[neck.ring_rows] * neck.ring_weights[..., None]).sum(1), np.float32)


def compact(triangles: Int) -> tuple[Int, Int]:
    """The vertices that triangles use, and the triangles in their numbering."""
    rows, local = np.unique(triangles, return_inverse=True)
    return rows.astype(np.int32), local.reshape(-1, 3).astype(np.int32)
