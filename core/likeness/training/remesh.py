"""Remeshes a surface to wanted edge lengths, keeping feature lines and locked vertices.

The incremental isotropic remeshing of Botsch and Kobbelt (2004): split long edges, collapse short ones,
flip to Delaunay, relax in the tangent plane. Every vertex stays a point of the source surface, known
as triangle and barycentric weights, so that whatever is defined on the source can be sampled on the result.
"""

from __future__ import annotations

from collections.abc import Iterable

import numba
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Point = tuple[float, float, float]
Edge = tuple[int, int]


def edge_key(a: int, b: int) -> Edge:
    """An edge without direction."""
    return (a, b) if a < b else (b, a)


def _sub(a: Point, b: Point) -> Point:
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def _dot(a: Point, b: Point) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Point, b: Point) -> Point:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _length(a: Point, b: Point) -> float:
    return _dot(_sub(a, b), _sub(a, b)) ** 0.5


class Surface:
    """An editable triangle mesh whose vertices are anchored to a source surface.

    `label` is a class per face (kept on both sides of feature edges), `size` the wanted edge length
    at every vertex, `locked` vertices neither move nor vanish, `features` are edges that stay.
    """

    def __init__(self, points: Float, triangles: Int, label: Int, size: Float) -> None:
        self.source_points = np.ascontiguousarray(points, np.float64)
        self.source_triangles = np.ascontiguousarray(triangles, np.int64)
        self.point: list[Point] = [(float(x), float(y), float(z)) for x, y, z in points]
        self.size: list[float] = [float(s) for s in size]
        self.face: list[tuple[int, int, int] | None] = [(int(a), int(b), int(c)) for a, b, c in triangles]
        self.label: list[int] = [int(v) for v in label]
        self.around: list[set[int]] = [set() for _ in self.point]
        self.anchor: list[int] = [-1] * len(self.point)
        for index, corners in enumerate(triangles):
            for v in corners:
                self.around[v].add(index)
                self.anchor[v] = index
        self.origin: dict[int, tuple[int, int, float]] = {}
        self.locked: set[int] = set()
        self.features: set[Edge] = set()
        self._ring = _rings(self.source_triangles, len(points))
        self.protect_borders()

    def protect_borders(self) -> None:
        """Make open edges and edges between labels features."""
        for edge in self.edges():
            faces = self.faces_of(*edge)
            if len(faces) != 2 or self.label[faces[0]] != self.label[faces[1]]:
                self.features.add(edge)

    def edges(self) -> list[Edge]:
        """All edges, each once, in a fixed order."""
        found = set()
        for corners in self.face:
            if corners:
                a, b, c = corners
                found |= {edge_key(a, b), edge_key(b, c), edge_key(c, a)}
        return sorted(found)

    def faces_of(self, a: int, b: int) -> list[int]:
        """Faces at an edge."""
        return sorted(self.around[a] & self.around[b])

    def neighbors(self, v: int) -> set[int]:
        """Vertices that share an edge with `v`."""
        found: set[int] = set()
        for f in self.around[v]:
            found.update(self.face[f])  # type: ignore[arg-type]
        found.discard(v)
        return found

    def feature_neighbors(self, v: int) -> list[int]:
        """Vertices that share a feature edge with `v`."""
        return [w for w in self.neighbors(v) if edge_key(v, w) in self.features]

    def split(self, a: int, b: int, t: float = 0.5) -> int:
        """Put a vertex on edge (a, b) at `t` from `a`; returns it."""
        p, q = self.point[a], self.point[b]
        m = len(self.point)
        self.origin[m] = (a, b, t)
        self.point.append((p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1]), p[2] + t * (q[2] - p[2])))
        self.size.append(self.size[a] + t * (self.size[b] - self.size[a]))
        self.anchor.append(self.anchor[a])
        self.around.append(set())
        for f in self.faces_of(a, b):
            corners = self.face[f]
            assert corners is not None
            self._replace(f, tuple(m if v == b else v for v in corners))  # type: ignore[arg-type]
            self.face.append(None)
            self.label.append(self.label[f])
            self._replace(len(self.face) - 1, tuple(m if v == a else v for v in corners))  # type: ignore[arg-type]
        if edge_key(a, b) in self.features:
            self.features.discard(edge_key(a, b))
            self.features |= {edge_key(a, m), edge_key(m, b)}
        return m

    def _replace(self, f: int, corners: tuple[int, int, int] | None) -> None:
        for v in self.face[f] or ():
            self.around[v].discard(f)
        self.face[f] = corners
        for v in corners or ():
            self.around[v].add(f)

    def normal(self, a: int, b: int, c: int) -> Point:
        """Normal of a triangle, as long as twice its area."""
        p = self.point[a]
        return _cross(_sub(self.point[b], p), _sub(self.point[c], p))

    def can_collapse(self, v: int, w: int, longest: float) -> bool:
        """Whether `v` may vanish into `w` without breaking topology, features or shape."""
        if v in self.locked:
            return False
        lines = self.feature_neighbors(v)
        if lines and (len(lines) != 2 or w not in lines):
            return False
        shared = self.faces_of(v, w)
        tips = {x for f in shared for x in self.face[f] if x not in (v, w)}  # type: ignore[union-attr]
        if self.neighbors(v) & self.neighbors(w) != tips or len(tips) != len(shared):
            return False
        if any(len(self.around[t]) <= 3 for t in tips if len(self.feature_neighbors(t)) == 0):
            return False
        if lines:
            other = lines[0] if lines[1] == w else lines[1]
            if edge_key(other, w) in self.features or other in tips:
                return False
        if any(
            _length(self.point[w], self.point[x]) > longest * self.size[x] for x in self.neighbors(v) - {w}
        ):
            return False
        return all(self._keeps_shape(f, v, w) for f in self.around[v] if f not in shared)

    def _keeps_shape(self, f: int, v: int, w: int) -> bool:
        a, b, c = self.face[f]  # type: ignore[misc]
        before = self.normal(a, b, c)
        after = self.normal(*(w if x == v else x for x in (a, b, c)))
        size = (_dot(before, before) * _dot(after, after)) ** 0.5
        corners = [self.point[w if x == v else x] for x in (a, b, c)]
        longest = max(_length(corners[i], corners[i - 1]) for i in range(3))
        thin = _dot(after, after) ** 0.5 < 0.12 * longest * longest
        return not thin and _dot(before, after) > 0.5 * size

    def collapse(self, v: int, w: int) -> None:
        """Let `v` vanish into `w`."""
        lines = self.feature_neighbors(v)
        for f in self.faces_of(v, w):
            self._replace(f, None)
        for f in list(self.around[v]):
            self._replace(f, tuple(w if x == v else x for x in self.face[f]))  # type: ignore[arg-type, union-attr]
        for x in lines:
            self.features.discard(edge_key(v, x))
            if x != w:
                self.features.add(edge_key(x, w))

    def flip_wanted(self, a: int, b: int) -> tuple[int, int, int, int] | None:
        """Faces and tips of an edge that is not Delaunay and may be flipped."""
        if edge_key(a, b) in self.features:
            return None
        faces = self.faces_of(a, b)
        if len(faces) != 2:
            return None
        (c,) = set(self.face[faces[0]]) - {a, b}  # type: ignore[arg-type]
        (d,) = set(self.face[faces[1]]) - {a, b}  # type: ignore[arg-type]
        if d in self.neighbors(c) or min(len(self.around[a]), len(self.around[b])) <= 3:
            return None
        if self._cosine(c, a, b) + self._cosine(d, a, b) > -1e-6:
            return None
        n1, n2 = self.normal(*self.face[faces[0]]), self.normal(*self.face[faces[1]])  # type: ignore[misc]
        if _dot(n1, n2) < 0.85 * (_dot(n1, n1) * _dot(n2, n2)) ** 0.5:
            return None
        return faces[0], faces[1], c, d

    def _cosine(self, at: int, a: int, b: int) -> float:
        u, v = _sub(self.point[a], self.point[at]), _sub(self.point[b], self.point[at])
        cross = _cross(u, v)
        # The cotangent: its sum over both tips is negative where the edge is not Delaunay.
        return _dot(u, v) / max(_dot(cross, cross) ** 0.5, 1e-12)

    def flip(self, a: int, b: int) -> bool:
        """Flip edge (a, b) when that makes it Delaunay and keeps both faces upright."""
        found = self.flip_wanted(a, b)
        if found is None:
            return False
        f, g, c, d = found
        corners = self.face[f]
        assert corners is not None
        if corners[(corners.index(a) + 1) % 3] != b:
            a, b = b, a
        old = self.normal(*corners)
        new = [(c, a, d), (d, b, c)]
        if any(_dot(self.normal(*x), old) <= 0.0 for x in new):
            return False
        self._replace(f, new[0])
        self._replace(g, new[1])
        return True

    def relax(self) -> None:
        """Move free vertices to the middle of their neighbors, along the surface."""
        moving, wanted = [], []
        for v in range(len(self.point)):
            if not self.around[v] or v in self.locked:
                continue
            lines = self.feature_neighbors(v)
            if lines and len(lines) != 2:
                continue
            moving.append(v)
            wanted.append(self._middle(v, lines or sorted(self.neighbors(v)), bool(lines)))
        points, anchors = project(
            np.array(wanted), np.array([self.anchor[v] for v in moving]), *self._source()
        )
        for v, p, a in zip(moving, points.tolist(), anchors.tolist(), strict=True):
            before = self.point[v]
            self.point[v] = (p[0], p[1], p[2])
            if any(self._upside_down(f, v, before) for f in self.around[v]):
                self.point[v] = before
            else:
                self.anchor[v] = a

    def _upside_down(self, f: int, v: int, before: Point) -> bool:
        now = self.normal(*self.face[f])  # type: ignore[misc]
        after, self.point[v] = self.point[v], before
        was = self.normal(*self.face[f])  # type: ignore[misc]
        self.point[v] = after
        return _dot(now, was) < 0.3 * (_dot(now, now) * _dot(was, was)) ** 0.5

    def _middle(self, v: int, others: list[int], on_line: bool) -> Point:
        around = np.array([self.point[w] for w in others])
        # Shorter wanted edges pull more, which keeps the grading.
        weight = 1.0 / np.array([self.size[w] for w in others])
        here = np.array(self.point[v])
        move = (around * weight[:, None]).sum(0) / weight.sum() - here
        if on_line:
            along = around[1] - around[0]
            move = along * (move @ along) / max(along @ along, 1e-12)
        return tuple((here + 0.7 * move).tolist())  # type: ignore[return-value]

    def _source(self) -> tuple[Float, Int, Int, Int]:
        return self.source_points, self.source_triangles, *self._ring

    def cut(
        self, field: Float, level: float, labels: Iterable[int], where: NDArray[np.bool_] | None = None
    ) -> None:
        """Add the line where the per-vertex `field` of the source equals `level`, within faces of `labels`.

        `where` limits the line to source vertices; edges that leave them are not cut.
        """
        there = np.ones(len(field), bool) if where is None else where
        value = {v: float(x) for v, x in enumerate(np.asarray(field, float) - level) if there[v]}
        wanted = set(labels)
        for m in range(len(self.source_points), len(self.point)):
            value |= self._field_at(m, value)
        for v in list(value):
            value[v] = 0.0 if abs(value[v]) < 1e-9 else value[v]
        for a, b in self.edges():
            if value.get(a, 0.0) * value.get(b, 0.0) < 0 and any(
                self.label[f] in wanted for f in self.faces_of(a, b)
            ):
                m = self.split(a, b, value[a] / (value[a] - value[b]))
                value[m] = 0.0
        for a, b in self.edges():
            on = value.get(a, 1.0) == 0.0 and value.get(b, 1.0) == 0.0
            if on and all(self.label[f] in wanted for f in self.faces_of(a, b)):
                self.features.add(edge_key(a, b))

    def _field_at(self, m: int, value: dict[int, float]) -> dict[int, float]:
        """The field at a vertex that an earlier cut made, from its origin edge."""
        a, b, t = self.origin[m]
        return {m: (1 - t) * value[a] + t * value[b]} if a in value and b in value else {}

    def remesh(self, rounds: int) -> None:
        """Bring edges to their wanted length."""
        for _ in range(rounds):
            self.split_long()
            self.collapse_short(0.8, 4 / 3)
            self.flip_all()
            self.relax()

    def split_long(self) -> None:
        """Split edges longer than 4/3 of the wanted length."""
        for a, b in self.edges():
            if _length(self.point[a], self.point[b]) > 4 / 3 * max(self.size[a], self.size[b]):
                self.split(a, b)

    def collapse_short(self, shortest: float, longest: float) -> int:
        """Collapse edges shorter than `shortest` times the wanted length, shortest first."""

        def relative(edge: Edge) -> float:
            a, b = edge
            return _length(self.point[a], self.point[b]) / min(self.size[a], self.size[b])

        count = 0
        for a, b in sorted(self.edges(), key=relative):
            if not self.faces_of(a, b) or relative((a, b)) > shortest:
                continue
            for v, w in ((b, a), (a, b)):
                if self.can_collapse(v, w, longest):
                    self.collapse(v, w)
                    count += 1
                    break
        return count

    def flip_all(self, rounds: int = 4) -> None:
        """Flip edges until they are Delaunay."""
        for _ in range(rounds):
            if not sum(self.flip(a, b) for a, b in self.edges()):
                break

    def result(self) -> tuple[Int, Int, Int, Float, Int]:
        """Vertices kept, triangles and labels in the new order, each vertex's weights on its triangle."""
        keep = np.array([v for v in range(len(self.point)) if self.around[v]])
        new = np.full(len(self.point), -1)
        new[keep] = np.arange(len(keep))
        faces = [f for f, corners in enumerate(self.face) if corners]
        triangles = new[np.array([self.face[f] for f in faces])]
        points = np.array([self.point[v] for v in keep])
        points, anchors = project(points, np.array([self.anchor[v] for v in keep]), *self._source())
        weights = barycentric(points, self.source_points[self.source_triangles[anchors]])
        return keep, triangles, np.array([self.label[f] for f in faces]), weights, anchors


def barycentric(points: Float, corners: Float) -> Float:
    """Weights (N, 3) of `points` (N, 3) on their triangles' `corners` (N, 3, 3), none negative."""
    u, v, w = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    uu, uv, vv = (u * u).sum(1), (u * v).sum(1), (v * v).sum(1)
    wu, wv = (w * u).sum(1), (w * v).sum(1)
    area = np.maximum(uu * vv - uv * uv, 1e-18)
    b, c = (vv * wu - uv * wv) / area, (uu * wv - uv * wu) / area
    weights = np.clip(np.stack([1 - b - c, b, c], 1), 0, None)
    return np.asarray(weights / weights.sum(1, keepdims=True))


def _rings(triangles: Int, count: int) -> tuple[Int, Int]:
    """Triangles at every vertex as a compressed row list."""
    order = np.argsort(triangles.ravel(), kind="stable")
    start = np.searchsorted(triangles.ravel()[order], np.arange(count + 1))
    return start.astype(np.int64), (order // 3).astype(np.int64)


@numba.njit(cache=True)
def _closest(p: Float, a: Float, b: Float, c: Float) -> Float:
    """Closest point of a triangle (Ericson, Real-Time Collision Detection, 5.1.5)."""
    ab, ac, ap = b - a, c - a, p - a
    d1, d2 = np.dot(ab, ap), np.dot(ac, ap)
    if d1 <= 0 and d2 <= 0:
        return a
    bp = p - b
    d3, d4 = np.dot(ab, bp), np.dot(ac, bp)
    if d3 >= 0 and d4 <= d3:
        return b
    vc = d1 * d4 - d3 * d2
    if vc <= 0 and d1 >= 0 and d3 <= 0:
        return a + d1 / (d1 - d3 + 1e-18) * ab
    cp = p - c
    d5, d6 = np.dot(ab, cp), np.dot(ac, cp)
    if d6 >= 0 and d5 <= d6:
        return c
    vb = d5 * d2 - d1 * d6
    if vb <= 0 and d2 >= 0 and d6 <= 0:
        return a + d2 / (d2 - d6 + 1e-18) * ac
    va = d3 * d6 - d5 * d4
    if va <= 0 and d4 - d3 >= 0 and d5 - d6 >= 0:
        return b + (d4 - d3) / ((d4 - d3) + (d5 - d6) + 1e-18) * (c - b)
    scale = 1.0 / (va + vb + vc)
    return a + ab * (vb * scale) + ac * (vc * scale)


@numba.njit(cache=True)
def project(
    points: Float, anchors: Int, source: Float, triangles: Int, start: Int, ring: Int
) -> tuple[Float, Int]:
    """Closest points on the source, walking from each point's anchor triangle (so never across a gap)."""
    out, where = points.copy(), anchors.copy()
    for i in range(len(points)):
        here = anchors[i]
        best = 1e30
        for _ in range(12):
            origin = here
            for first in triangles[origin]:
                for k in range(start[first], start[first + 1]):
                    for second in triangles[ring[k]]:
                        for j in range(start[second], start[second + 1]):
                            a, b, c = triangles[ring[j]]
                            q = _closest(points[i], source[a], source[b], source[c])
                            d = np.sum((q - points[i]) ** 2)
                            if d < best - 1e-15:
                                best = d
                                out[i] = q
                                here = ring[j]
            if here == origin:
                break
        where[i] = here
    return out, where


def ring_distance(points: Float, loop: Float) -> Float:
    """Distance of `points` (N, 3) from the closed polyline `loop` (M, 3)."""
    best = np.full(len(points), np.inf)
    for a, b in zip(loop, np.roll(loop, -1, 0), strict=True):
        t = np.clip((points - a) @ (b - a) / max((b - a) @ (b - a), 1e-12), 0, 1)
        best = np.minimum(best, np.linalg.norm(points - a - t[:, None] * (b - a), axis=1))
    return best
