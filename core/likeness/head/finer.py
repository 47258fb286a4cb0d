"""A finer mesh through the same vertices, for where the facets of a coarse one would show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, identity, vstack

Int = NDArray[np.int32]


def finer(triangles: Int, count: int, times: int) -> tuple[csr_matrix, Int]:
    """Each of `triangles` (T, 3) over `count` vertices cut into four, `times` over.

    Returns what share (N, count) each vertex takes of those that were there, which stay the first, and the
    triangles (T 4^times, 3), the four pieces of one after another.
    """
    whole = identity(count, np.float32, "csr")
    for _ in range(times):
        step, triangles = _cut(triangles, whole.shape[0])
        whole = step @ whole
    return whole, triangles


def _cut(triangles: Int, count: int) -> tuple[csr_matrix, Int]:
    """Dyn, Levin and Gregory, "A butterfly subdivision scheme" (1990), once.

    Edges of one triangle, or beside such, are halved.
    """
    sides = triangles[:, [[0, 1], [1, 2], [2, 0]]].transpose(1, 0, 2).reshape(-1, 2)
    facing = triangles[:, [2, 0, 1]].T.ravel()
    codes, edge_of, uses = np.unique(_code(sides, count), return_inverse=True, return_counts=True)
    ends = np.stack(np.divmod(codes, count), 1)
    # The corners that face each edge: of a smooth one two, and two more across each of their other sides.
    order = np.argsort(edge_of, kind="stable")
    first = np.searchsorted(edge_of[order], np.arange(len(codes)))
    wings = facing[order[np.stack([first, first + (uses > 1)], 1)]]
    near = np.stack([ends[:, [i, i]] for i in (0, 1)], 1).reshape(-1, 4)  # a a b b
    rims = np.searchsorted(codes, _code(np.stack([near, np.tile(wings, 2)], 2), count))
    smooth = (uses == 2) & (uses[rims] == 2).all(axis=1)
    outer = wings[rims].sum(axis=2) - ends[:, [1, 1, 0, 0]]  # of both corners the one that is no end
    columns = np.concatenate([ends, wings, outer], axis=1)
    shares = np.outer(np.ones(len(ends)), [1 / 2] * 2 + [1 / 8] * 2 + [-1 / 16] * 4)
    shares[~smooth, 2:] = 0
    columns[~smooth, 2:] = 0
    rows = np.repeat(np.arange(len(ends)), 8)
    middles = csr_matrix((shares.ravel().astype(np.float32), (rows, columns.ravel())), (len(ends), count))
    middles.eliminate_zeros()
    ab, bc, ca = (edge_of.reshape(3, -1) + count).astype(np.int32)
    a, b, c = triangles.T
    pieces = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    cut = np.stack([np.stack(piece, 1) for piece in pieces], 1).reshape(-1, 3)
    return vstack([identity(count, np.float32), middles], "csr"), cut.astype(np.int32)


def _code(sides: Int, count: int) -> NDArray[np.int64]:
    """One number for each pair of vertices (..., 2), whatever their order."""
    low, high = np.sort(sides.astype(np.int64), axis=-1).transpose(-1, *range(sides.ndim - 1))
    return np.asarray(low * count + high)
