"""Which vertices of the house head follow when lids and lips are brought together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from likeness.training.head_layout import PARTS, Mesh

Float = NDArray[np.float64]
Int = NDArray[np.integer]

# Line above, line below, how much of the change the upper one takes, how far the skin follows (cm).
KINDS = (
    ("lid_upper_left", "lid_lower_left", 0.85, 1.1),
    ("lid_upper_right", "lid_lower_right", 0.85, 1.1),
    ("lips_upper", "lips_lower", 0.5, 1.6),
)


def contact_tables(mesh: Mesh, mean: Float) -> dict[str, NDArray[np.generic]]:
    """The arrays of `likeness.head.contact.Contact` that do not depend on shapes."""
    graph = _edges(mesh, mean)
    upper = np.concatenate([mesh.loops[u] for u, _, _, _ in KINDS])
    lower = np.concatenate([mesh.loops[d] for _, d, _, _ in KINDS])
    kind = np.concatenate([np.full(len(mesh.loops[u]), i) for i, (u, _, _, _) in enumerate(KINDS)])
    tables = [_followers(mesh, mean, graph, i, int(np.flatnonzero(kind == i)[0])) for i in range(len(KINDS))]
    rows, pair, share = (np.concatenate(columns) for columns in zip(*tables, strict=True))
    return {
        "contact_upper": upper.astype(np.int32),
        "contact_lower": lower.astype(np.int32),
        "contact_kind": kind.astype(np.uint8),
        "contact_rows": rows.astype(np.int32),
        "contact_pair": pair.astype(np.int32),
        "contact_share": share.astype(np.float32),
    }


def _edges(mesh: Mesh, mean: Float) -> csr_matrix:
    lining = [PARTS.index(n) for n in ("skin", "socket", "eye_socket_left", "eye_socket_right")]
    t = mesh.triangles[0][np.isin(mesh.part[0], lining)]
    a, b = np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]).T
    length = np.linalg.norm(mean[a] - mean[b], axis=1)
    graph = csr_matrix((length, (a, b)), (len(mean), len(mean)))
    return graph.maximum(graph.T)


def _followers(mesh: Mesh, mean: Float, graph: csr_matrix, kind: int, first: int) -> tuple[Int, Int, Float]:
    """Vertices (R,), their pairs (R, 2) and signed shares (R, 2) of one kind of contact."""
    names, upper_share, reach = KINDS[kind][:2], KINDS[kind][2], KINDS[kind][3]
    lines = [mesh.loops[n] for n in names]
    away = np.stack([dijkstra(graph, indices=line, min_only=True, limit=2 * reach) for line in lines])
    sides = away.argmin(axis=0)
    near = away.min(axis=0)
    for vertices, side in _lashes(mesh, mean, lines):
        near[vertices], sides[vertices] = 0.0, side
    rows = np.flatnonzero(near < reach)
    t = np.clip(1 - near[rows] / reach, 0, 1)
    fade = t * t * (3 - 2 * t)
    pair, mix = np.zeros((len(rows), 2), int), np.zeros((len(rows), 2))
    for side in (0, 1):
        mine = sides[rows] == side
        pair[mine], mix[mine] = _on_line(mean[rows[mine]], mean[lines[side]])
    signed = np.where(sides[rows] == 0, upper_share, upper_share - 1)
    return rows, pair + first, mix * (fade * signed)[:, None]


def _lashes(mesh: Mesh, mean: Float, lines: list[Int]) -> list[tuple[Int, int]]:
    """Lashes near the lines, each hair or strip with the lid (0 upper, 1 lower) its root is on."""
    t = mesh.triangles[0][mesh.part[0] == PARTS.index("lashes")]
    graph = csr_matrix((np.ones(len(t) * 2), (t[:, [0, 1]].ravel(), t[:, [1, 2]].ravel())), (len(mean),) * 2)
    _, group = connected_components(graph, directed=False)
    out: list[tuple[Int, int]] = []
    for g in np.unique(group[t]):
        vertices = np.flatnonzero(group == g)
        gaps = [np.linalg.norm(mean[vertices][:, None] - mean[line], axis=2).min(0).mean() for line in lines]
        if min(gaps) < 1.0:
            out.append((vertices, int(np.argmin(gaps))))
    return out


def _on_line(points: Float, line: Float) -> tuple[Int, Float]:
    """Segment ends (N, 2) and their weights (N, 2) at the place of a polyline nearest to each point."""
    start, way = line[:-1], np.diff(line, axis=0)
    t = np.einsum("nsk,sk->ns", points[:, None] - start, way) / np.maximum((way * way).sum(1), 1e-12)
    t = np.clip(t, 0, 1)
    distance = np.linalg.norm(points[:, None] - start - t[..., None] * way, axis=2)
    best = distance.argmin(axis=1)
    at = t[np.arange(len(points)), best]
    return np.stack([best, best + 1], 1), np.stack([1 - at, at], 1)
