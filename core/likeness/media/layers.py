"""Layers into one OpenEXR file.

Decided by measurement: processor time on a busy machine of two cores, a medium shot at 1080p; the comp is RGB
of 8-bit values as half, all layers are 28 channels, half and float, that fill a twelfth of the frame. All of
them interleaved in one part took about three times as long to write uncompressed as a part for each layer and
type, and twice as long to read the comp from.

    comp  none 0.09 s 12.2 MB  RLE 0.12 s  5.0 MB  ZIPS 0.15 s 3.8 MB  ZIP 0.13 s 3.4 MB
    all   none 0.54 s  142 MB  RLE 0.57 s 11.1 MB  ZIPS 0.86 s 8.3 MB  ZIP 0.82 s 7.2 MB  PIZ 1.42 s 6.8 MB

ZIP is the default: smallest, and for all layers cheaper than ZIPS and PIZ; its level 1 saves nothing, its
level 9 takes four times as long for a twentieth. All parts share the comp's window: Blender 4.5 puts a part
of another window into the upper left corner (tried), and what is empty costs the same with every
compression, none too. OpenImageIO compresses a block of rows with its own threads (its attribute
`exr_threads`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from likeness.files import output_errors, replacing
from likeness.media import color
from likeness.media.image import Image
from likeness.media.picture import Writer, create, set_metadata

COMP = "comp"
DEFAULT_COMPRESSION = "zip"
# A multiple of every compression's block, enough blocks for the threads, little memory.
ROWS = 256
_NO_DATE = "1970:01:01 00:00:00"


def write_layers(
    path: str | Path,
    layers: Mapping[str, Image],
    *,
    compression: str = "default",
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write layers as one EXR, a part for each layer, whole or not at all.

    Layer "comp" (or else the first) gives the unprefixed channels, the data and display windows,
    the pixel aspect and the metadata; the others are `name.R`, `uv.u`, … Each channel is stored as
    its `formats` says ("half" unless "float" or "uint32"), so that what was read from a half, float or
    id channel is written with the same bits. A layer's own window may be any part of the comp's:
    it is zero around it. The same layers give the same bytes. Raises `BadOutput`.
    """
    path = Path(path)
    first = COMP if COMP in layers else next(iter(layers))
    comp = layers[first]
    parts = _parts(first, layers)
    specs = [_spec(comp, part, compression, metadata or {}) for part in parts]
    if len(parts) > 1:
        for spec, part in zip(specs, parts, strict=True):
            spec.attribute("oiio:subimagename", part.name)
    with output_errors(path), replacing(path) as temporary:
        writer = create(path, temporary, specs)
        for index, (spec, part) in enumerate(zip(specs, parts, strict=True)):
            if index > 0:
                writer.check(writer.file.open(str(temporary), spec, "AppendSubimage"))
            _write_rows(writer, spec, comp, part)
        writer.finish()


_KINDS = {"float": "float", "double": "float", "uint32": "uint"}


@dataclass(frozen=True)
class _Part:
    """Channels of one layer that are stored alike: their places in the image and full names."""

    name: str
    image: Image
    places: list[int]
    channels: list[str]
    kind: str


def _parts(first: str, layers: Mapping[str, Image]) -> list[_Part]:
    parts: list[_Part] = []
    for layer in (first, *(name for name in layers if name != first)):
        image = layers[layer]
        kinds = [_KINDS.get(kind, "half") for kind in image.formats]
        for kind in dict.fromkeys(kinds):
            places = [i for i, k in enumerate(kinds) if k == kind]
            names = [image.channels[i] for i in places]
            full = names if layer == first else [f"{layer}.{name}" for name in names]
            title = layer if kind == kinds[0] else f"{layer}_{kind}"
            parts.append(_Part(title, image, places, full, kind))
    return parts


def _spec(comp: Image, part: _Part, compression: str, metadata: Mapping[str, Any]) -> Any:
    height, width = comp.pixels.shape[:2]
    spec = oiio.ImageSpec(width, height, len(part.channels), part.kind)
    spec.channelnames = tuple(part.channels)
    spec.x, spec.y = comp.origin
    spec.full_x, spec.full_y, spec.full_width, spec.full_height = comp.display
    spec.attribute("DateTime", _NO_DATE)
    xy = color.chromaticities(comp.colorspace) if comp.colorspace else None
    if xy is not None:
        spec.attribute("chromaticities", "float[8]", xy)
    set_metadata(spec, {**comp.metadata, **metadata})
    spec.attribute("PixelAspectRatio", float(comp.pixel_aspect))
    spec.attribute("compression", DEFAULT_COMPRESSION if compression == "default" else compression)
    return spec


def _write_rows(writer: Writer, spec: Any, comp: Image, part: _Part) -> None:
    """Write a part a block of rows at a time."""
    height, width = comp.pixels.shape[:2]
    # Most of a layer is empty: OpenImageIO would make halves of all its floats.
    stored = np.float16 if part.kind == "half" else np.float32
    block = np.zeros((min(ROWS, height), width, len(part.places)), stored)
    filled = False
    for top in range(0, height, ROWS):
        rows = block[: height - top]
        if filled:
            rows[:] = 0
        filled = _place(part, comp, top, rows)
        y = spec.y + top
        # The numbers of an id channel are its bits.
        bits = rows.view(np.uint32) if part.kind == "uint" else rows
        writer.check(writer.file.write_scanlines(y, y + len(rows), 0, bits))


def _place(part: _Part, comp: Image, top: int, rows: NDArray[np.float16] | NDArray[np.float32]) -> bool:
    """Copy what `part` has of `rows`, which begin `top` rows under the comp's first (False: nothing)."""
    image = part.image
    dx, dy = image.origin[0] - comp.origin[0], image.origin[1] - comp.origin[1] - top
    height, width = image.pixels.shape[:2]
    y0, y1 = max(0, dy), min(rows.shape[0], dy + height)
    x0, x1 = max(0, dx), min(rows.shape[1], dx + width)
    if y0 >= y1 or x0 >= x1:
        return False
    source = image.pixels[y0 - dy : y1 - dy, x0 - dx : x1 - dx]
    with np.errstate(over="ignore"):  # beyond 65,519 a half is infinite
        rows[y0:y1, x0:x1] = source if len(part.places) == source.shape[2] else source[..., part.places]
    return True
