"""Cuts neck and shoulders out of the plate, so that they follow a traveling head before a still background.

What lies under the chin is body, what lies beside the head is not; between the two, colors decide, see
`labels`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face import fill, labels
from likeness.face.cutout import SEEN, TRACE, Cutout, usual

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Down from the chin, in its distance from the brows: no body is above the first, all is body below the second
# and no farther aside than the third, in face widths.
ABOVE, BELOW, ASIDE = -0.4, 0.35, 0.4
NEAR = 1.6  # face widths: as far aside of the chin lies the background that is compared with the body
SHOULDER, SLOPE, VAGUE = (
    0.05,
    0.2,
    0.2,
)  # they begin so far below the chin, fall so much a width, more or less
LIKELY = 0.75  # what is so likely body by its place, or not, tells its color
CELLS = 64  # about so many of the grid in which labels spread first, a face is wide
ROUNDS = 3
ALIKE = 0.05  # difference of colors (cube roots) over which a label hardly spreads
OWN = 0.15  # how much a place's own color tells, against each of its four sides
GRAIN = 0.012  # of the face's width: finer is texture
HALO = 0.03  # of it: so far about the body the background is not trusted to be without


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
    alpha = _alpha(np.cbrt(clean), head, chin - [0, first], chin - brow, wide)[top - first :]
    clean = clean[top - first :]
    known = ~ndimage.binary_dilation(alpha > 0.02, iterations=max(1, round(HALO * wide)))
    alpha = np.where(known, 0, np.maximum(alpha, TRACE))
    bare = fill.textured(clean, known, max(GRAIN * wide, 2.0), lines=True, nearest=True)
    return Body(top, np.dstack([clean * alpha[..., None], alpha]).astype(np.float32), bare)


def _alpha(shown: Float, head: Float, chin: Float, way: Float, wide: float) -> Float:
    """How much (h, w) of a picture, `shown` as the eye sees it (h, w, 3), is body.

    `head` (h, w) was there and is filled. `way` leads from the brows to the `chin`; `wide` is the face.
    """
    levels = max(0, round(np.log2(wide / CELLS)))
    views, filled = labels.pyramid(shown, levels), labels.pyramid(head, levels)[-1]
    cell, small, (rows, columns) = 2**levels, views[-1], filled.shape
    x, y = (np.arange(columns) + 0.5) * cell - chin[0], (np.arange(rows)[:, None] + 0.5) * cell - chin[1]
    tall = max(float(np.linalg.norm(way)), 1.0)
    below, aside = (x * way[0] + y * way[1]) / tall**2, np.abs(x * way[1] - y * way[0]) / tall / wide
    middle = aside < ASIDE
    deepest = float(below.max(where=middle, initial=0))
    back, body = below < ABOVE, middle & (below > min(BELOW, 0.6 * deepest))
    own = filled < 0.1
    guess = 1 / (1 + np.exp((SHOULDER + SLOPE * aside - below) / VAGUE))
    near = own & (aside < NEAR)
    label = np.where(body, 1, np.where(back, 0, guess)).astype(np.float32)
    for _ in range(ROUNDS):
        back_color, body_color = (
            usual(small, near & seeds) for seeds in (label < 1 - LIKELY, label > LIKELY)
        )
        told = guess * (body_color + SEEN) / (body_color + back_color + 2 * SEEN)
        label[~(body | back)] = guess[~(body | back)]
        told /= told + (1 - guess) * (back_color + SEEN) / (body_color + back_color + 2 * SEEN)
        labels.spread(label, ~(back | body), small, told.astype(np.float32), OWN, ALIKE)
    return labels.sharp(label, views, ALIKE)
