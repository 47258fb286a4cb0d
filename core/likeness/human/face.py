"""The house head as parts of a character: its surfaces, its 52 shapes, its joints."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.head.contact import BLINK, JAW_OPEN, MOUTH_CLOSE
from likeness.head.model import Head
from likeness.performance import ARKIT

Float = NDArray[np.float32]


def face_shapes(head: Head, rest: Float) -> Float:
    """The 52 shapes (52, V, 3) of a person at `rest` (V, 3), which simply add up.

    A full blink closes this person's eyes, and jawOpen with an equal mouthClose seals the lips.
    """
    shapes = head.expression_basis.copy()
    for index in BLINK:
        weights = np.zeros(len(ARKIT), np.float32)
        weights[index] = 1
        shapes[index] = head.settle(rest + shapes[index], weights) - rest
    weights = np.zeros(len(ARKIT), np.float32)
    weights[[JAW_OPEN, MOUTH_CLOSE]] = 1
    posed = rest + shapes[JAW_OPEN] + shapes[MOUTH_CLOSE]
    shapes[MOUTH_CLOSE] += head.settle(posed, weights) - posed
    return shapes[:, head.vertex_twin]
