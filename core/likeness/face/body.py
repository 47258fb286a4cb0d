"""Cuts neck and shoulders out of the plate, so that they follow a traveling head before a still background.

What is body, `torso` tells coarsely; its edge is the picture's, see `labels`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face import fill, labels, torso
from likeness.face.cutout import TRACE, Cutout
from likeness.face.torso import ABOVE, ALIKE

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]

GRAIN = 0.012  # of the face's width: finer is texture
HALO = 0.03  # of it: so far about the body the background is not trusted to be without
COLLAR = 0.15  # of it: nor so far from it where the head was, or half as far beside that


@dataclass(frozen=True)
class Body:
    """The plate's rows from `top` on, without the head.

    `layer` (h, w, 4): neck and shoulders alone, premultiplied, and their alpha. `bare` (h, w, 3): what is
    behind, filled where they are.
    """

    top: int
    layer: Float
    bare: Float


def cut_body(plate: Float, cutout: Cutout, points_px: Float) -> Body:
    """Cut out the body of the head whose dense points lie at `points_px` (450, 2) of `plate` (H, W, 3)."""
    brow, chin = points_px[17:27].mean(axis=0), points_px[8]
    wide = max(float(np.linalg.norm(points_px[0] - points_px[16])), 4.0)
    first, top = (
        int(np.clip(y, 0, plate.shape[0] - 4)) for y in (brow[1], chin[1] + ABOVE * (chin - brow)[1])
    )
    clean, head = plate[first:, :, :3].copy(), np.zeros((plate.shape[0] - first, plate.shape[1]), np.float32)
    (x, y), skip = cutout.origin, max(first - cutout.origin[1], 0)
    there = (slice(max(y - first, 0), None), slice(x, x + cutout.clean.shape[1]))
    clean[there][: len(cutout.clean) - skip] = cutout.clean[skip:]
    head[there][: len(cutout.clean) - skip] = cutout.layer[skip:, :, 3]
    clean = np.nan_to_num(clean, posinf=0.0, neginf=0.0)
    alpha = _alpha(np.cbrt(clean), head, points_px - np.array([0, first], np.float32))[top - first :]
    clean = clean[top - first :]
    body = ndimage.binary_dilation(alpha > 0.02, iterations=max(1, round(HALO * wide)))
    known = ~(body | _met(alpha, head[top - first :], wide))
    alpha = np.where(body, np.maximum(alpha, TRACE), 0)
    filled = fill.textured(clean, known, max(GRAIN * wide, 2.0), lines=True, nearest=True)
    bare = np.where(body[..., None], filled, clean)
    return Body(top, np.dstack([clean * alpha[..., None], alpha]).astype(np.float32), bare)


def _met(alpha: Float, head: Float, wide: float) -> Mask:
    """Where (h, w) a body of that `alpha` met the `head`: a collar may stand there that was not told from the
    background, and must not be spread behind them.
    """
    collar = max(1, round(COLLAR * wide))
    near = ndimage.maximum_filter(alpha > 0.02, 2 * collar + 1)
    out: Mask = near & ndimage.maximum_filter(head > 0, collar)
    return out


def _alpha(shown: Float, head: Float, points: Float) -> Float:
    """How much (h, w) of a picture, `shown` as the eye sees it (h, w, 3), is body; `points` (450, 2) in it.

    Its `head` (h, w) is filled.
    """
    halved = torso.levels(points)
    views, filled = labels.pyramid(shown, halved), labels.pyramid(head, halved)[-1]
    return labels.sharp(torso.likely(views[-1], filled, points / 2**halved), views, ALIKE)
