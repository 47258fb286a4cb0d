"""Levels of detail: the whole person within a number of triangles.

The body and all that was cut from its surface lose detail together, step by step in the order the body
was given when it was built, so clothes stay on the skin under them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from likeness.human.body import Body

Int = NDArray[np.int32]

BUDGETS = (60_000, 20_000, 7_000, 800)
"""Triangles of a whole person, level by level."""


def collapse_map(body: Body, steps: int) -> Int:
    """The corner (W,) that stands for every corner of the body after so many steps."""
    parent = np.arange(len(body.vertex_place), dtype=np.int32)
    gone = body.collapse_step < steps
    parent[body.collapse_from[gone]] = body.collapse_to[gone]
    while True:
        further = parent[parent]
        if np.array_equal(further, parent):
            return parent
        parent = further


def reduced(body: Body, triangles: Int, standing: Int) -> Int:
    """Triangles (T, 3) of body corners after a collapse, without those that vanished."""
    moved = standing[triangles]
    place = body.vertex_place[moved]
    a, b, c = place[:, 0], place[:, 1], place[:, 2]
    return moved[(a != b) & (b != c) & (c != a)]


def steps_within(body: Body, pieces: Sequence[Int], level: int, triangles: int) -> int:
    """How many steps bring `pieces` of the body's surface to at most so many triangles in all.

    The neck's ring has as many points as the head's at this level, which limits the choice.
    """
    edges = (0, *body.ring_steps, int(body.collapse_step[-1]) + 1)
    low = edges[level]
    high = edges[level + 1] - (1 if level < len(edges) - 2 else 0)
    while low < high:
        middle = (low + high) // 2
        standing = collapse_map(body, middle)
        if sum(len(reduced(body, piece, standing)) for piece in pieces) > triangles:
            low = middle + 1
        else:
            high = middle
    return low
