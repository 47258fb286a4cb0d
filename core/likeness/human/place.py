"""The house head on the house body: where it sits, how large it is, and the seam they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from likeness.head.model import Head
from likeness.human.body import Body, load_body

Float = NDArray[np.float32]

FOLLOWS = 0.5  # how much of a body's head size the house head takes over


@dataclass(frozen=True)
class Fit:
    """Head space to body space: points are scaled about `pivot` (3,), which comes to lie at `at` (3,)."""

    scale: float
    pivot: Float
    at: Float

    def apply(self, points: Float) -> Float:
        """Points (..., 3) of head space in body space."""
        return np.asarray(np.float32(self.scale) * (points - self.pivot) + self.at, np.float32)


def fit_head(body: Body, points: Mapping[str, Float], size: float = 0.0) -> Fit:
    """Place the head on a body whose named points are given; `size` -1..1 makes it up to a tenth larger.

    The skull's base goes where the body has it. Heads differ less than bodies do.
    """
    usual = average_points()
    ratio = _head_height(points) / _head_height(usual)
    return Fit(
        float(ratio**FOLLOWS * (1 + 0.1 * size)),
        np.asarray(usual["head"] - body.neck.offset, np.float32),
        points["head"],
    )


def _head_height(points: Mapping[str, Float]) -> float:
    return float(np.linalg.norm(points["head-2"] - points["head"]))


@lru_cache(maxsize=1)
def average_points() -> dict[str, Float]:
    """The named points of the average body."""
    return load_body().shape({})[1]


def join(head: Head, body: Body, rest: Float, fit: Fit, ring: Float) -> Float:
    """Vertices (V, 3) of the head at `rest`, in body space, whose neck runs into `ring` (R + 1, 3).

    What the seam on the head's own surface lacks to the ring is taken off its neck as well, less and less
    with the distance from the seam.
    """
    neck = body.neck
    placed = fit.apply(rest)
    own = (placed[neck.ring_rows] * neck.ring_weights[..., None]).sum(1)
    placed[neck.blend_rows] += neck.blend[:, None] * around(body, ring - own)
    return placed[head.vertex_twin]


def around(body: Body, values: Float) -> Float:
    """Values (R + 1, C) of the ring at the turns (N,) of the neck's vertices."""
    turn = body.neck.blend_turn * (len(values) - 1)
    first = np.minimum(turn.astype(int), len(values) - 2)
    mix = (turn - first)[:, None]
    return np.asarray((1 - mix) * values[first] + mix * values[first + 1], np.float32)


def stillness(head: Head, body: Body) -> Float:
    """How freely every vertex (V,) of the head may move with the face: 0 at the seam, 1 beyond the neck."""
    out = np.ones(len(head.mean), np.float32)
    out[body.neck.blend_rows] = 1 - body.neck.blend
    return out
