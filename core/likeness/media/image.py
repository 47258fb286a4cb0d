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
    `formats` remembers each channel's stored type ("half", "float", "uint8", "uint16", …);
    a "uint32" channel (an object id) carries its 32 bits as they are, not as a number.
    `colorspace` is the space of the color channels, "" where nobody said.
    """

    pixels: Pixels
    channels: tuple[str, ...] = ("R", "G", "B")
    origin: tuple[int, int] = (0, 0)
    display: tuple[int, int, int, int] = (0, 0, 0, 0)
    pixel_aspect: float = 1.0
    metadata: dict[str, Any] = field(default_factory=dict)
    formats: tuple[str, ...] = ()
    colorspace: str = ""

    def __post_init__(self) -> None:
        height, width, channels = self.pixels.shape
        if channels != len(self.channels):
            raise ValueError(f"{channels} channels of pixels, {len(self.channels)} names")
        if self.display == (0, 0, 0, 0):
            self.display = (0, 0, width, height)
        if not self.formats:
            self.formats = ("half",) * channels


class Attribute(tuple[Any, ...]):
    """A metadata value of several numbers with its OpenImageIO type, such as "timecode" or "matrix"."""

    type: str

    def __new__(cls, values: Any, kind: str) -> Attribute:
        self = super().__new__(cls, values)
        self.type = kind
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self), self.type


def color_channels(channels: tuple[str, ...]) -> tuple[int, ...]:
    """Indices of the picture's own color: (red, green, blue), or (luminance,) for a gray picture.

    Unprefixed R, G and B come first; otherwise the first layer that has them, such as Blender's
    `ViewLayer.Combined`; otherwise the first channel that is not alpha.
    """
    for prefix in ("", *(name[:-1] for name in channels if name.endswith(".R"))):
        if all(prefix + c in channels for c in "RGB"):
            return tuple(channels.index(prefix + c) for c in "RGB")
    gray = [i for i, name in enumerate(channels) if name not in ("A", "AR", "AG", "AB")]
    return (gray[0] if gray else 0,)


def alpha_channel(channels: tuple[str, ...]) -> int | None:
    """Index of the alpha that belongs to `color_channels`, or None."""
    first = channels[color_channels(channels)[0]]
    name = first.rpartition(".")[0] + ".A" if "." in first else "A"
    return channels.index(name) if name in channels else None


def rgb(image: Image) -> Pixels:
    """The picture's color (H, W, 3), a copy; a gray picture gives its one channel three times."""
    chosen = color_channels(image.channels)
    return np.ascontiguousarray(image.pixels[..., list(chosen if len(chosen) == 3 else chosen * 3)])
