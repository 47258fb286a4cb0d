"""The order in which a mesh loses its vertices: one edge after another, least visible first.

Edges collapse onto one of their ends (Garland and Heckbert, "Surface simplification using quadric error
metrics", 1997), so what is left keeps its own position, texture coordinates and weights.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.integer[Any]]

BORDER_WEIGHT = 4.0  # of the planes that hold borders and texture seams in place
FLIP_COSINE = 0.2  # a triangle may not turn further


class Collapser:
    """A mesh that shrinks. `corners` (T, 3) are vertices with texture, `twin` (W,) their places."""

    def __init__(self, places: Float, corners: Int, twin: Int) -> None:
        self.places = [tuple(p) for p in places.tolist()]
        self.twin = twin.tolist()
        self.faces: dict[int, list[int]] = dict(enumerate(corners.tolist()))
        self.around: dict[int, set[int]] = defaultdict(set)
        for f, face in self.faces.items():
            for w in face:
                self.around[self.twin[w]].add(f)
        self.locked: set[int] = set()
        self.steps: list[list[tuple[int, int]]] = []
        self.quadric = self._quadrics(places, corners, twin)
        self.heap: list[tuple[float, int, int, int]] = []
        self.age: dict[int, int] = defaultdict(int)

    def start(self) -> None:
        """Weigh every edge."""
        for u in list(self.around):
            self._weigh(u)

    def shrink(self, count: int) -> None:
        """Collapse edges until at most `count` triangles are left."""
        while len(self.faces) > count and self.heap:
            _, u, v, age = heapq.heappop(self.heap)
            if self.age[u] != age or u not in self.around:
                continue
            pairs = self._wedges(u, v)
            if pairs is None or self._flips(u, v) or not self._simple(u, v):
                continue
            self.collapse(u, v, pairs)

    def force(self, u: int, v: int) -> None:
        """Collapse one vertex onto another, whatever it costs."""
        pairs = self._wedges(u, v, any_edge=True)
        if pairs is None:
            raise ValueError(f"there is no edge from {u} to {v}")
        self.collapse(u, v, pairs)

    def collapse(self, u: int, v: int, pairs: Mapping[int, int]) -> None:
        """Put u's corners onto v's and drop the triangles that vanish."""
        self.steps.append(sorted(pairs.items()))
        for f in list(self.around[u]):
            face = [pairs.get(w, w) if self.twin[w] == u else w for w in self.faces[f]]
            if len({self.twin[w] for w in face}) < 3:
                for w in self.faces[f]:
                    self.around[self.twin[w]].discard(f)
                del self.faces[f]
            else:
                self.faces[f] = face
                self.around[v].add(f)
        del self.around[u]
        self.quadric[v] = [a + b for a, b in zip(self.quadric[v], self.quadric[u], strict=True)]
        for n in {v, *self._neighbors(v)}:
            self._weigh(n)

    def _weigh(self, u: int) -> None:
        self.age[u] += 1
        if u in self.locked:
            return
        q = self.quadric[u]
        for v in self._neighbors(u):
            if self._wedges(u, v) is None:
                continue
            x, y, z = self.places[v]
            a = [m + n for m, n in zip(q, self.quadric[v], strict=True)]
            cost = (
                a[0] * x * x + a[4] * y * y + a[7] * z * z + a[9]
                + 2 * (a[1] * x * y + a[2] * x * z + a[3] * x + a[5] * y * z + a[6] * y + a[8] * z)
            )  # fmt: skip
            long = sum((p - r) ** 2 for p, r in zip(self.places[u], self.places[v], strict=True))
            cost = max(cost, 0.0) + 1e-4 * long
            heapq.heappush(self.heap, (cost, u, v, self.age[u]))

    def _neighbors(self, u: int) -> set[int]:
        return {self.twin[w] for f in self.around[u] for w in self.faces[f]} - {u}

    def _wedges(self, u: int, v: int, any_edge: bool = False) -> dict[int, int] | None:
        """Which of v's corners takes each of u's; None where a texture or border would tear."""
        pairs: dict[int, int] = {}
        shared = 0
        for f in self.around[u]:
            mine = next(w for w in self.faces[f] if self.twin[w] == u)
            theirs = [w for w in self.faces[f] if self.twin[w] == v]
            if theirs:
                shared += 1
                if pairs.setdefault(mine, theirs[0]) != theirs[0]:
                    return None
        own = {w for f in self.around[u] for w in self.faces[f] if self.twin[w] == u}
        if set(pairs) != own:
            return None
        if shared == 1 and not any_edge and not self._on_border(u):
            return None
        return pairs if shared else None

    def _on_border(self, u: int) -> bool:
        return any(
            sum(n in (self.twin[w] for w in self.faces[f]) for f in self.around[u]) == 1
            for n in self._neighbors(u)
        )

    def _simple(self, u: int, v: int) -> bool:
        """The surface stays a surface: what both touch are the tips of the triangles they share."""
        shared = sum(v in (self.twin[w] for w in self.faces[f]) for f in self.around[u])
        if self._on_border(u) and shared != 1:
            return False
        return len(self._neighbors(u) & self._neighbors(v)) == shared

    def _flips(self, u: int, v: int) -> bool:
        target = self.places[v]
        for f in self.around[u]:
            ids = [self.twin[w] for w in self.faces[f]]
            if v in ids:
                continue
            before = _normal(*(self.places[i] for i in ids))
            after = _normal(*(target if i == u else self.places[i] for i in ids))
            dot = sum(a * b for a, b in zip(before, after, strict=True))
            size = (sum(a * a for a in before) * sum(b * b for b in after)) ** 0.5
            if dot <= FLIP_COSINE * size:
                return True
        return False

    def _quadrics(self, places: Float, corners: Int, twin: Int) -> dict[int, list[float]]:
        ids = twin[corners]
        a, b, c = (places[ids[:, i]] for i in range(3))
        normal = np.cross(b - a, c - a)
        area = np.linalg.norm(normal, axis=1, keepdims=True)
        normal = normal / np.maximum(area, 1e-12)
        out = np.zeros((len(places), 10))
        for i in range(3):
            np.add.at(out, ids[:, i], _plane(normal, a) * area / 2)
        owner = defaultdict(list)
        for f, face in enumerate(corners.tolist()):
            for i in range(3):
                owner[tuple(sorted((face[i], face[(i + 1) % 3])))].append(f)
        for (w, x), faces in owner.items():
            if len(faces) == 1:
                p, q = places[twin[w]], places[twin[x]]
                side = np.cross(q - p, normal[faces[0]])
                long = float(np.linalg.norm(side))
                quadric = _plane(side[None] / max(long, 1e-12), p[None])[0] * long * long * BORDER_WEIGHT
                out[twin[w]] += quadric
                out[twin[x]] += quadric
        return dict(enumerate(out.tolist()))


def _normal(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> tuple[float, float, float]:
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    return uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx


def _plane(normal: Float, point: Float) -> Float:
    """The upper half (N, 10) of the quadrics of planes."""
    plane = np.concatenate([normal, -(normal * point).sum(1, keepdims=True)], 1)
    rows, columns = np.triu_indices(4)
    return plane[:, rows] * plane[:, columns]
