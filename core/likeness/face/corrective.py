"""What skin does that no shape of the head says: correctives, from where the picture shows it beside the fit.

Every frame's points are drawn to where its texture shows the skin (`likeness.face.align`); what the fitted
shapes leave of that is noise, and what this person does that the head's average shapes do not: a cheek that
bulges more, a chin that wrinkles. Neighbors in space and time share the latter (normalized convolution,
Knutsson and Westin 1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face.align import LOW_CM, OPENING
from likeness.face.fit import SKIN, Array, Fit, Shot, project, skin_points
from likeness.face.landmarks import Points
from likeness.head import points as dense
from likeness.head.model import Head

Float = NDArray[np.float32]

REACH_CM, REACH_FRAMES = 0.5, 1.5  # standard deviations of what skin shares with its neighbors
SURE_CM = 0.15  # a point of this deviation counts half as one that is known exactly
HOLD = 0.1  # of such points: where fewer tell, the shapes are believed


def correctives(
    head: Head, shot: Shot, found: Sequence[Points], runs: Sequence[tuple[int, int]], fits: Sequence[Fit]
) -> Float:
    """How far skin lies beside where its shapes put it: (F, SKIN_COUNT, 3), head space, cm.

    Only across the view, along which a camera tells nothing. Frames outside of the `runs` [start, end) and
    runs of one frame have none.
    """
    out = np.zeros((len(found), dense.SKIN_COUNT, 3), np.float32)
    for start, end in runs:
        if end - start < 2:
            continue
        seen = [_beside(head, shot, *one) for one in zip(found[start:end], fits[start:end], strict=True)]
        off, sure = np.stack([off for off, _ in seen]), np.stack([sure for _, sure in seen])[..., None]
        told, sums = (
            np.einsum("nm,fmk->fnk", _nearness(head), ndimage.gaussian_filter1d(of, REACH_FRAMES, axis=0))
            for of in (sure * off, sure)
        )
        out[start:end] = told / (sums + HOLD)
    return out


def _beside(head: Head, shot: Shot, found: Points, fit: Fit) -> tuple[Array, Array]:
    """How far points lie beside their shapes (SKIN_COUNT, 3), and how sure that is (SKIN_COUNT,)."""
    camera = skin_points(head, shot, fit.expression) @ fit.rotation.T + fit.translation
    cm = camera[:, 2:] / shot.lens.focal_px
    across = (found.xy[SKIN] - project(camera, shot.lens)) * cm
    sure = found.visible[SKIN] / (1 + (found.sigma_px[SKIN] * cm[:, 0] / SURE_CM) ** 2)
    sure[OPENING] = 0  # these are found by themselves in every frame
    sure[head.point_mean[SKIN, 1] < LOW_CM] = 0
    return np.c_[across, np.zeros(len(across))] @ fit.rotation, sure


@cache
def _nearness(head: Head) -> Array:
    """How much every skin point shares with every other (SKIN_COUNT, SKIN_COUNT)."""
    points = head.point_mean[SKIN].astype(np.float64)
    apart = ((points[:, None] - points) ** 2).sum(axis=2)
    out: Array = np.exp(-apart / (2 * REACH_CM**2))
    return out


def strengths(head: Head, gains: Array) -> Float:
    """The strength (SKIN_COUNT, 1) of correctives: the factors of the shapes (52,) that move each point."""
    out: Float = (gains @ _parts(head))[:, None].astype(np.float32)
    return out


@cache
def _parts(head: Head) -> Array:
    """Which part of all that moves a skin point each shape is (52, SKIN_COUNT)."""
    moves = np.linalg.norm(head.point_expression[:, SKIN].astype(np.float64), axis=2)
    out: Array = moves / moves.sum(axis=0)
    return out
