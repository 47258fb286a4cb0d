"""Tells neck, shoulders and clothes from the background, coarsely, and how they go on behind a head.

What lies under the chin is body, what lies beside the head is not; between the two, colors decide, see
`labels`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face import labels
from likeness.face.labels import SEEN, usual

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Down from the chin, in its distance from the brows. Nothing above the first is body, where the head's own
# colors tell; above the second, where it is filled. All is below the third and no farther aside than the
# fourth, in face widths.
HIGHER, ABOVE, BELOW, ASIDE = -1.0, -0.4, 0.35, 0.4
NEAR = 1.6  # face widths: as far aside of the chin lies the background that is compared with the body
SHOULDER, SLOPE = 0.05, 0.2  # shoulders begin so far below the chin, fall so much a width,
VAGUE = 0.2  # more or less
MOST = 0.7  # as likely, what was taken for skin or hair is: colors have a say
HELD = 0.1  # of alpha: cells with more show the head; those with more than all but as much, its colors
UNLIKELY, LIKELY = 0.25, 0.75  # what is less, or more, likely body tells the colors of background and body
CELLS = 64  # about so many, a face is wide
ROUNDS = 3
RIM = 5  # cells: what is no wider of a person is but the head's edge
ALIKE = 0.05  # difference of colors (cube roots) over which a label hardly spreads
OWN = 0.15  # how much a place's own color tells, against each of its four sides
BEHIND = 0.02  # the same of where it lies, behind the head


def levels(points_px: Float) -> int:
    """How often a picture is halved (see `labels.pyramid`) until its cells tell a face from its body.

    `points_px` (450, 2) are the face's.
    """
    wide_px = max(float(np.linalg.norm(points_px[0] - points_px[16])), 4.0)
    return max(0, round(np.log2(wide_px / CELLS)))


def likely(small: Float, alpha: Float, points: Float, person: Float | None = None) -> Float:
    """How surely (h, w) each cell of a coarse picture is body, or has body behind the head.

    `small` (h, w, 3) is as the eye sees it, `alpha` (h, w) the head's matte, `points` (450, 2) are the
    face's, in cells. `person` (h, w): how much was taken for skin or hair; without, the head is filled.
    """
    below, aside = _place(points, alpha.shape)
    middle = aside < ASIDE
    deepest = float(below.max(where=middle, initial=0))
    body = middle & (below > min(BELOW, 0.6 * deepest))
    guess = (1 / (1 + np.exp((SHOULDER + SLOPE * aside - below) / VAGUE))).astype(np.float32)
    head = alpha > HELD
    if person is None:
        back, unsure, same = below < ABOVE, ~body, np.zeros_like(head)
    else:
        guess = np.maximum(guess, MOST * ndimage.grey_opening(np.where(head, 0, person), RIM))
        back, unsure, same = below < HIGHER, ~(body | head), alpha > 1 - HELD
    first = np.where(body, 1, np.where(back, 0, guess)).astype(np.float32)
    near, label = ~head & (aside < NEAR), first
    for _ in range(ROUNDS):
        seen = near & (label < UNLIKELY), same | (near & (label > LIKELY))
        told = _told(guess, *(usual(small, seeds) for seeds in seen))
        label = first.copy()
        labels.spread(label, unsure & ~back, small, told, OWN, ALIKE)
    return label if person is None else _behind(label, head, guess)


def _behind(label: Float, head: Mask, guess: Float) -> Float:
    """A label (h, w) that goes on behind the `head` (h, w) from beside it, a little as is the `guess`."""
    if head.all() or not head.any():
        return label
    rows, columns = ndimage.distance_transform_edt(head, return_distances=False, return_indices=True)
    out = np.ascontiguousarray(label[rows, columns])
    labels.spread(out, head, np.zeros((*head.shape, 3), np.float32), guess, BEHIND, ALIKE)
    return out


def _place(points: Float, shape: tuple[int, ...]) -> tuple[Float, Float]:
    """How far (h, w) cells lie below the chin, in its distance from the brows; and aside, in face widths."""
    brow, chin = points[17:27].mean(axis=0), points[8]
    way, wide = chin - brow, max(float(np.linalg.norm(points[0] - points[16])), 4.0)
    tall = max(float(np.linalg.norm(way)), 1.0)
    x, y = np.arange(shape[1]) + 0.5 - chin[0], np.arange(shape[0])[:, None] + 0.5 - chin[1]
    return (x * way[0] + y * way[1]) / tall**2, np.abs(x * way[1] - y * way[0]) / tall / wide


def above(points: Float, shape: tuple[int, ...]) -> Mask:
    """Which cells (h, w) are so far above the chin of a face's `points` (450, 2) that no body is there."""
    out: Mask = _place(points, shape)[0] < ABOVE
    return out


def _told(guess: Float, back: Float, body: Float) -> Float:
    """How surely a place is body: by a guess, and by how usual its color is in background and body."""
    one, other = guess * (body + SEEN), (1 - guess) * (back + SEEN)
    out: Float = one / (one + other)
    return out
