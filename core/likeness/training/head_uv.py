"""Texture coordinates of the house head: its own layout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.training.head_layout import Mesh

Float = NDArray[np.float64]


def unwrap(mesh: Mesh, mean: Float) -> Float:
    """Texture coordinates (V, 2), v up; the skin unrolls about the vertical axis, the seam at the back."""
    x, y, z = mean.T
    around = np.arctan2(x, z - 2.0) / (2 * np.pi) + 0.5
    return np.stack([around, np.clip((y + 20) / 36, 0, 1)], 1)
