"""Layers into one OpenEXR file."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Write layers as one EXR of one part, whole or not at all.

    Layer "comp" (or else the first) gives the unprefixed channels, the data and display windows,
    the pixel aspect and the metadata; the others are `name.R`, `uv.u`, … Each channel is stored as
    its `formats` says ("half" unless "float" or "uint32"), so that what was read from a half, float or
    id channel is written with the same bits. A layer's own window may be any part of the comp's:
    it is zero around it. The same layers give the same bytes. Raises `BadOutput`.
    """
    path = Path(path)
    first = COMP if COMP in layers else next(iter(layers))
    ordered = [(first, layers[first]), *((name, image) for name, image in layers.items() if name != first)]
    comp, images = ordered[0][1], [image for _, image in ordered]
    names = [c if layer == first else f"{layer}.{c}" for layer, image in ordered for c in image.channels]
    kinds = [_KINDS.get(kind, "half") for image in images for kind in image.formats]
    ids = [i for i, kind in enumerate(kinds) if kind == "uint"]
    numbers = [i for i, kind in enumerate(kinds) if kind != "uint"]
    parts = [part for part in (numbers, ids) if part]
    specs = [
        _spec(comp, [names[i] for i in part], [kinds[i] for i in part], compression, metadata or {})
        for part in parts
    ]
    if len(specs) > 1:
        for spec, name in zip(specs, ("layers", "ids"), strict=True):
            spec.attribute("oiio:subimagename", name)
    with output_errors(path), replacing(path) as temporary:
        writer = create(path, temporary, specs)
        for index, (spec, part) in enumerate(zip(specs, parts, strict=True)):
            if index > 0:
                writer.check(writer.file.open(str(temporary), spec, "AppendSubimage"))
            _write_rows(writer, spec, comp, images, part)
        writer.check(writer.file.close())


_KINDS = {"float": "float", "double": "float", "uint32": "uint"}


def _spec(
    comp: Image, names: list[str], kinds: list[str], compression: str, metadata: Mapping[str, Any]
) -> Any:
    height, width = comp.pixels.shape[:2]
    spec = oiio.ImageSpec(width, height, len(names), kinds[0])
    spec.channelnames = tuple(names)
    if len(set(kinds)) > 1:
        spec.channelformats = tuple(oiio.TypeDesc(kind) for kind in kinds)
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


def _write_rows(writer: Writer, spec: Any, comp: Image, images: list[Image], part: list[int]) -> None:
    """Write the channels `part` (indices over all images' channels) a block of rows at a time."""
    height, width = comp.pixels.shape[:2]
    where = [(image, channel) for image in images for channel in range(len(image.channels))]
    runs = _runs([where[i] for i in part])
    block = np.empty((min(ROWS, height), width, len(part)), np.float32)
    for top in range(0, height, ROWS):
        rows = block[: min(ROWS, height - top)]
        for image, first, count, at in runs:
            _place(image, first, comp, top, rows[..., at : at + count])
        y = spec.y + top
        # The numbers of an id channel are its bits.
        stored = rows.view(np.uint32) if spec.format == oiio.UINT else rows
        writer.check(writer.file.write_scanlines(y, y + len(rows), 0, stored))


def _runs(where: list[tuple[Image, int]]) -> list[tuple[Image, int, int, int]]:
    """Neighboring channels of one image together: (image, first channel, count, place in the part)."""
    runs: list[tuple[Image, int, int, int]] = []
    for at, (image, channel) in enumerate(where):
        if runs and runs[-1][0] is image and runs[-1][1] + runs[-1][2] == channel:
            runs[-1] = (image, runs[-1][1], runs[-1][2] + 1, runs[-1][3])
        else:
            runs.append((image, channel, 1, at))
    return runs


def _place(image: Image, channel: int, comp: Image, top: int, rows: NDArray[np.float32]) -> None:
    """Copy what `image` has of `rows`, which begin `top` rows under the comp's first; zero elsewhere."""
    dx, dy = image.origin[0] - comp.origin[0], image.origin[1] - comp.origin[1] - top
    height, width = image.pixels.shape[:2]
    y0, y1 = max(0, dy), min(rows.shape[0], dy + height)
    x0, x1 = max(0, dx), min(rows.shape[1], dx + width)
    if (y0, y1, x0, x1) != (0, rows.shape[0], 0, rows.shape[1]):
        rows[:] = 0
    if y0 < y1 and x0 < x1:
        channels = slice(channel, channel + rows.shape[2])
        rows[y0:y1, x0:x1] = image.pixels[y0 - dy : y1 - dy, x0 - dx : x1 - dx, channels]
