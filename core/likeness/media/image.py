"""One picture in memory: float32 pixels with everything a compositor expects to get back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]


@dataclass
class Image:
    """Pixels of a data window inside a display window.

    `pixels` (height, width, channels) float32, rows top down; alpha is premultiplied.
    `origin` is the data window's first pixel (x, y) and `display` the display window
    (x, y, width, height), both in pixels with y down, as in OpenEXR.
    `formats` remembers each channel's stored type ("half", "float", "uint8", "uint16", …).
    """

    pixels: Pixels
    channels: tuple[str, ...] = ("R", "G", "B")
    origin: tuple[int, int] = (0, 0)
    display: tuple[int, int, int, int] = (0, 0, 0, 0)
    pixel_aspect: float = 1.0
    metadata: dict[str, Any] = field(default_factory=dict)
    formats: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        height, width, channels = self.pixels.shape
        if channels != len(self.channels):
            raise ValueError(f"{channels} channels of pixels, {len(self.channels)} names")
        if self.display == (0, 0, 0, 0):
            self.display = (0, 0, width, height)
        if not self.formats:
            self.formats = ("half",) * channels
