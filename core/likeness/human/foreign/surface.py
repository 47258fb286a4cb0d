"""A triangle surface that can be asked for its nearest point, the side it shows considered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from likeness.head.model import vertex_normals

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Places = NDArray[np.floating]

CANDIDATES = 12  # triangles that are tried for the nearest point
FINEST = 1.5  # longer edges than so many median ones are sampled along


@dataclass(frozen=True, eq=False)
class Nearest:
    """For N asked places: `triangle` (N,) index, `bary` (N, 3), `point` (N, 3), `distance` (N,) and
    `agreement` (N,), the cosine between the asked normal and the surface's."""

    triangle: Int
    bary: Float
    point: Float
    distance: Float
    agreement: Float


@dataclass(frozen=True, eq=False)
class Surface:
    """`points` (V, 3) and `triangles` (T, 3), counterclockwise from outside."""

    points: Float
    triangles: Int

    @cached_property
    def normals(self) -> Float:
        """Unit normals (V, 3) of the points."""
        return vertex_normals(self.points, self.triangles)

    @cached_property
    def _samples(self) -> tuple[cKDTree, Int]:
        """A tree of places spread over the triangles, and the triangle of each."""
        corners = self.points[self.triangles].astype(np.float64)
        edge = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
        cuts = np.clip(np.ceil(edge / max(FINEST * float(np.median(edge)), 1e-12)), 1, 12).astype(int)
        places, owners = [], []
        for n in np.unique(cuts):
            rows = np.flatnonzero(cuts == n)
            steps = [(i, j) for i in range(n) for j in range(n - i)]
            bary = np.array([(i + 1 / 3, j + 1 / 3, n - i - j - 2 / 3) for i, j in steps]) / n
            places.append(np.einsum("sk,tkc->tsc", bary, corners[rows]).reshape(-1, 3))
            owners.append(np.repeat(rows, len(bary)))
        return cKDTree(np.concatenate(places)), np.concatenate(owners).astype(np.int32)

    def nearest(self, places: Places, normals: Places, turn: float) -> Nearest:
        """The points nearest to `places` (N, 3) whose side looks along `normals` (N, 3).

        A point whose normal stands across counts as if it were `turn` farther, one that looks the
        other way as if it were 1.4 times that.
        """
        tree, owner = self._samples
        count = min(CANDIDATES, len(owner))
        _, near = tree.query(places, k=count)
        triangle, bary = _closest(
            np.ascontiguousarray(places, np.float64),
            np.ascontiguousarray(normals, np.float64),
            owner[near.reshape(len(places), count)],
            self.points.astype(np.float64),
            self.normals.astype(np.float64),
            np.ascontiguousarray(self.triangles),
            float(turn),
        )
        point = np.einsum("nk,nkc->nc", bary, self.points[self.triangles[triangle]])
        facing = np.einsum("nk,nkc->nc", bary, self.normals[self.triangles[triangle]])
        facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-9)
        return Nearest(
            triangle,
            bary.astype(np.float32),
            point.astype(np.float32),
            np.linalg.norm(point - places, axis=1).astype(np.float32),
            np.einsum("nc,nc->n", facing, normals).astype(np.float32),
        )


@numba.njit(cache=True, nogil=True)
def _closest(places, normals, near, points, facing, triangles, turn):  # type: ignore[no-untyped-def]
    count, tries = near.shape
    best = np.zeros(count, np.int32)
    best_bary = np.zeros((count, 3))
    best_cost = np.full(count, np.inf)
    for n in range(count):
        for k in range(tries):
            t = near[n, k]
            a, b, c = points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]]
            v, w = _in_triangle(places[n], a, b, c)
            u = 1.0 - v - w
            distance, dot, size = 0.0, 0.0, 0.0
            for i in range(3):
                x = u * a[i] + v * b[i] + w * c[i]
                distance += (places[n, i] - x) ** 2
                m = (
                    u * facing[triangles[t, 0], i]
                    + v * facing[triangles[t, 1], i]
                    + w * facing[triangles[t, 2], i]
                )
                dot += m * normals[n, i]
                size += m * m
            cosine = dot / np.sqrt(size) if size > 1e-18 else 0.0
            cost = distance + turn * turn * (1.0 - cosine)
            if cost < best_cost[n]:
                best_cost[n] = cost
                best[n] = t
                best_bary[n, 0], best_bary[n, 1], best_bary[n, 2] = u, v, w
    return best, best_bary


@numba.njit(cache=True, nogil=True)
def _in_triangle(p, a, b, c):  # type: ignore[no-untyped-def]
    """Weights of b and c of the triangle's point nearest to p (Ericson, Real-Time Collision Detection)."""
    ab, ac, ap = b - a, c - a, p - a
    d1, d2 = (ab * ap).sum(), (ac * ap).sum()
    if d1 <= 0.0 and d2 <= 0.0:
        return 0.0, 0.0
    bp = p - b
    d3, d4 = (ab * bp).sum(), (ac * bp).sum()
    if d3 >= 0.0 and d4 <= d3:
        return 1.0, 0.0
    vc = d1 * d4 - d3 * d2
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        return d1 / max(d1 - d3, 1e-30), 0.0
    cp = p - c
    d5, d6 = (ab * cp).sum(), (ac * cp).sum()
    if d6 >= 0.0 and d5 <= d6:
        return 0.0, 1.0
    vb = d5 * d2 - d1 * d6
    if vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        return 0.0, d2 / max(d2 - d6, 1e-30)
    va = d3 * d6 - d5 * d4
    if va <= 0.0 and d4 - d3 >= 0.0 and d5 - d6 >= 0.0:
        share = (d4 - d3) / max((d4 - d3) + (d5 - d6), 1e-30)
        return 1.0 - share, share
    total = va + vb + vc
    if total <= 1e-30:
        return 0.0, 0.0
    return vb / total, vc / total
