"""Lids and lips that meet: what the sum of shapes leaves open, or lets pass through, is mended.

Shapes add up, people differ, so a blink closes one person's eye and not another's, and jawOpen with
mouthClose presses the lips through each other. Matching vertices of upper and lower line (`Contact`)
are brought together as far as the weights ask, never past each other, and the skin around follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.performance import ARKIT

Float = NDArray[np.float32]
Int = NDArray[np.int32]

BLINK = (ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight"))
JAW_OPEN, MOUTH_CLOSE = ARKIT.index("jawOpen"), ARKIT.index("mouthClose")


@dataclass(frozen=True, eq=False)
class Contact:
    """P pairs of vertices that meet and the R vertices that follow them.

    `upper`, `lower` (P,) vertices; `kind` (P,) 0 left lid, 1 right lid, 2 lips. `rows` (R,) vertices,
    each moved by the change of the gap at its pairs `pair` (R, 2) times `share` (R, 2). `least` (P,) is
    the vertical gap of the mean head where it is negative: that much overlap is by design.
    `pair_shapes` (2, P, 3): how the gap changes under jawOpen and mouthClose; `blink` (P, 3) under the
    blink of the pair's side (0 at the lips).
    """

    upper: Int
    lower: Int
    kind: NDArray[np.uint8]
    rows: Int
    pair: Int
    share: Float
    least: Float
    pair_shapes: Float
    blink: Float


def make_contact(tables: Mapping[str, Any], mean: Float, shapes: Float) -> Contact:
    """A `Contact` from its tables (`contact_upper`, ...), the mean head (V, 3) and the shapes (52, V, 3)."""
    upper, lower, kind = (tables[f"contact_{name}"] for name in ("upper", "lower", "kind"))
    gaps = shapes[:, upper] - shapes[:, lower]
    blink = np.zeros_like(gaps[0])
    for side, shape in enumerate(BLINK):
        blink[kind == side] = gaps[shape][kind == side]
    return Contact(
        upper=upper,
        lower=lower,
        kind=kind,
        rows=tables["contact_rows"],
        pair=tables["contact_pair"],
        share=tables["contact_share"],
        least=np.minimum(mean[upper, 1] - mean[lower, 1], 0),
        pair_shapes=gaps[[JAW_OPEN, MOUTH_CLOSE]],
        blink=blink,
    )


def settle(contact: Contact, vertices: Float, expression: Float) -> Float:
    """`vertices` (V, 3) posed with `expression` (52,), with lids and lips brought together."""
    gap = vertices[contact.upper] - vertices[contact.lower]
    change = _closing(contact, gap, expression)
    beyond = contact.least - (gap + change)[:, 1]
    change[:, 1] += np.maximum(beyond, 0)
    return _follow(contact, vertices, change)


def sealed(contact: Contact, vertices: Float) -> Float:
    """`vertices` (V, 3) at rest, with the lips of this person, which may part or overlap, just meeting."""
    change = np.zeros((len(contact.upper), 3), np.float32)
    lips = contact.kind == 2
    change[lips, 1] = (vertices[contact.lower] - vertices[contact.upper])[lips, 1]
    return _follow(contact, vertices, change)


def _follow(contact: Contact, vertices: Float, change: Float) -> Float:
    """`vertices` (V, 3) with the gaps changed by `change` (P, 3) and the skin around them moved along."""
    out = vertices.copy()
    out[contact.rows] += (change[contact.pair] * contact.share[..., None]).sum(axis=1)
    return out


def _closing(contact: Contact, gap: Float, expression: Float) -> Float:
    """Change (P, 3) of the gaps so that they vanish in step with the weights.

    A blink of weight c would change the gap by c times its shape and leave a rest r at 1; c * r is
    taken off. At the lips the same is done with the part of jawOpen that mouthClose takes back.
    """
    lips = contact.kind == 2
    jaw, close = np.clip(expression[[JAW_OPEN, MOUTH_CLOSE]], 0, 1)
    sealed = min(jaw, close)
    weight = np.clip(expression[list(BLINK)], 0, 1)[np.minimum(contact.kind, 1)]
    weight = np.where(lips, sealed, weight)[:, None].astype(np.float32)
    shape = np.where(lips[:, None], contact.pair_shapes.sum(axis=0), contact.blink)
    free = (jaw - sealed) * contact.pair_shapes[0] + (close - sealed) * contact.pair_shapes[1]
    rest = np.where(lips[:, None], gap - free, gap) + (1 - weight) * shape
    return np.asarray(-weight * rest, np.float32)
