"""Pictures that are not what they seem."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from likeness.media import write_layers
from likeness.media.image import Image


def write_huge(path: Path) -> str:
    """An EXR of a few bytes whose header tells of 900,001 by 900,001 pixels; returns its path."""
    write_layers(path, {"comp": Image(np.ones((4, 4, 3), np.float32), ("R", "G", "B"))})
    window, huge = (np.array([0, 0, last, last], "<i4").tobytes() for last in (3, 900_000))
    path.write_bytes(path.read_bytes().replace(window, huge))
    return str(path)
