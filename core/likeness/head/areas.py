"""Areas of the mean head's skin: hairline, brows, beard, lips, as functions of places (N, 3) at rest.

Whoever the person is, a place on the skin is named by where it lies on the mean head (`Head.mean`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

# The middle of the brow: |x|, y and half its height.
_BROW_X = np.array([0.9, 1.6, 2.6, 3.7, 4.8, 5.9, 6.4], np.float32)
_BROW_Y = np.array([5.75, 5.95, 6.2, 6.35, 6.1, 5.3, 4.8], np.float32)
_BROW_HALF = np.array([0.30, 0.46, 0.46, 0.40, 0.30, 0.16, 0.05], np.float32)


def scalp_margin(rest: Float, forehead: float, recession: float) -> Float:
    """How far (cm) above the hairline a place lies; `forehead`, `recession` raise front and temples."""
    z = rest[:, 2]
    line = np.interp(
        z,
        [-9.0, -6.0, -2.0, -0.5, 2.2, 3.6, 4.2, 6.0, 7.5, 9.0],
        [-4.0, -4.5, -3.0, 1.0, 5.8, 3.2, 5.0, 7.6, 9.6, 10.2],
    )
    line = line + forehead * np.clip((z - 4.0) / 4.0, 0, 1)
    corner = np.exp(-(((np.abs(rest[:, 0]) - 5.0) / 2.0) ** 2)) * np.clip((z - 2.5) / 3.0, 0, 1)
    ear = (np.abs(rest[:, 0]) > 7.6) & (z > -2.4) & (z < 2.7) & (rest[:, 1] < 4.8)
    return np.where(ear, -3.0, rest[:, 1] - line - recession * corner).astype(np.float32)


def brow_density(rest: Float, thickness: float, lift: float) -> Float:
    """Soft 0..1 density of the brow's hair; `thickness` scales its height, `lift` moves it up (cm)."""
    x = np.abs(rest[:, 0])
    middle = np.interp(x, _BROW_X, _BROW_Y) + lift
    half = np.interp(x, _BROW_X, _BROW_HALF, left=0.01, right=0.01) * thickness
    across = np.abs(rest[:, 1] - middle) / np.maximum(half, 0.02)
    ends = np.clip((x - 0.8) / 0.5, 0, 1) * np.clip((6.4 - x) / 0.8, 0, 1)
    front = rest[:, 2] > 6.0
    return (np.clip(1.35 - across, 0, 1) * ends * front).astype(np.float32)


def beard_density(rest: Float) -> Float:
    """Soft 0..1 density of a full beard with moustache."""
    x, y, z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    top = np.interp(x, [0.0, 2.2, 3.2, 4.2, 5.5, 6.5, 7.2], [-1.3, -2.1, -3.1, -3.1, -2.0, 0.5, 3.2])
    jaw = np.clip((top - y) / 0.5, 0, 1) * np.clip((y + 9.0) / 1.5, 0, 1) * np.clip((z - 2.4) / 1.0, 0, 1)
    lips = ((x / 2.75) ** 2 + ((y + 3.42) / 1.06) ** 2) < 1.0
    return np.where(lips, 0.0, jaw).astype(np.float32)


def beard_shape(rest: Float, shape: str) -> Float:
    """What of a full beard a "moustache" or "goatee" keeps, 0..1; all of it for any other name."""
    x, y = np.abs(rest[:, 0]), rest[:, 1]
    if shape == "moustache":
        return ((y > -3.3) & (x < 3.0)).astype(np.float32)
    if shape == "goatee":
        return np.clip((3.2 - x) / 0.5, 0, 1).astype(np.float32)
    return np.ones(len(rest), np.float32)
