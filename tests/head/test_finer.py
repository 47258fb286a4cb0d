"""A finer mesh goes through the vertices of the coarse one and is rounder between them."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.head.finer import finer

EIGHT = np.array(
    [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]], np.int32
)
CORNERS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float32)


def area(vertices, triangles):
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2


def volume(vertices, triangles):
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    return (np.cross(a, b) * c).sum() / 6


@pytest.mark.parametrize("times", [1, 2])
def test_vertices_stay_and_facets_are_cut_into_four(times):
    shares, triangles = finer(EIGHT, 6, times)
    made = shares @ CORNERS
    assert len(triangles) == 8 * 4**times and triangles.max() == len(made) - 1
    assert len(np.unique(triangles)) == len(made), "closed: no vertex twice"
    assert (made[:6] == CORNERS).all()
    assert shares.sum(axis=1) == pytest.approx(1)
    assert volume(made, triangles) > 1.2 * volume(CORNERS, EIGHT), (
        "an octahedron swells to a ball, seen from outside"
    )


def test_a_flat_sheet_stays_flat_and_its_rim_where_it_was():
    grid = np.array([[x, y, 0] for y in range(5) for x in range(5)], np.float32)
    squares = [5 * y + x for y in range(4) for x in range(4)]
    triangles = np.array([t for s in squares for t in ((s, s + 1, s + 5), (s + 1, s + 6, s + 5))], np.int32)
    shares, cut = finer(triangles, 25, 2)
    made = shares @ grid
    assert made.min() == 0 and made[:, :2].max() == 4 and (made[:, 2] == 0).all()
    assert area(made, cut) == pytest.approx(16, rel=1e-5)
    one = cut[:16].ravel()
    assert (made[one, :2].sum(axis=1) <= 1 + 1e-6).all(), "the pieces of a facet follow one another"


def test_an_edge_that_three_facets_share_is_halved():
    fan = np.array([[0, 1, 2], [1, 0, 3], [0, 1, 4]], np.int32)
    shares, cut = finer(fan, 5, 1)
    middle = cut[3].tolist()  # of the first facet, its three new vertices
    assert shares[middle[0]].toarray().ravel().tolist() == [0.5, 0.5, 0, 0, 0] and len(cut) == 12
