"""Still pictures by OpenImageIO: every format it knows to `Image`, and `Image` to a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from likeness.errors import BadInput, BadOutput, BadRequest
from likeness.files import output_errors, refused, replacing
from likeness.media import color
from likeness.media.image import Attribute, Image, Pixels, alpha_channel, color_channels

MAX_BYTES = 8 << 30
MAX_SIDE_PX = 1 << 17
# What a file says about its own storing, true of that file only. OpenImageIO writes its own.
_OF_THE_FILE = (
    "compression oiio: openexr: jpeg: png: tiff: dpx: PixelAspectRatio screenWindow planarconfig "
    "ImageDescription_ name type version chunkCount multiView"
).split()
_TURNS = {3: 2, 6: 3, 8: 1}  # quarter turns counterclockwise that set an EXIF orientation upright
_MIRRORS = {2: 0, 4: 2, 5: 3, 7: 1}


@dataclass(frozen=True)
class Header:
    """What a picture's header says, before its pixels are read. Sizes in pixels, upright."""

    width: int
    height: int
    display: tuple[int, int, int, int]
    metadata: dict[str, Any]
    colorspace: str


def read_header(path: Path, colorspace: str = "auto") -> Header:
    """Display size, metadata and (guessed) color space; raises `BadInput` as `read_picture` does."""
    with _Opened(path) as file:
        spec = file.spec()
        meta = _metadata(spec)
        display = _display([spec])
        if int(meta.get("Orientation", 1)) >= 5:
            display = (display[1], display[0], display[3], display[2])
    return Header(display[2], display[3], display, meta, _space(path, spec, meta, colorspace))


def read_picture(path: Path, colorspace: str = "auto") -> Image:
    """Read a picture to scene-linear `color.linear_of(colorspace)`, premultiplied, upright.

    A picture that is already linear comes back with its very bits: all parts and layers, each
    channel under its name (R, G, B, A of a further part go under the part's name),
    NaN and infinity too. Encoded color is decoded, then multiplied by an unassociated alpha; other
    channels are left alone. Raises `BadInput` with one sentence for a file that cannot be used.
    """
    with _Opened(path) as file:
        specs = _specs(path, file)
        meta = _metadata(specs[0])
        space = _space(path, specs[0], meta, colorspace)
        display = _display(specs)
        channels, parts = _names(specs), []
        for index, spec in enumerate(specs):
            parts.append(_read_part(path, file, index, spec))
    pixels, origin, integers = _join(specs, parts)
    formats = tuple(_formats(specs))
    unassociated = bool(specs[0].getattribute("oiio:UnassociatedAlpha") or 0)
    pixels = _linear(pixels, integers, channels, space, unassociated)
    if not color.is_linear(space):
        # The profile described the encoded color, which is gone.
        meta = {name: value for name, value in meta.items() if not name.startswith("ICCProfile")}
    image = Image(
        pixels,
        channels,
        origin,
        display,
        float(specs[0].getattribute("PixelAspectRatio") or 1.0),
        meta,
        formats,
        color.linear_of(space),
    )
    return _upright(image)


class _Opened:
    """An open picture file; leaving closes it."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise BadInput(f"There is no picture {path}.", "Check the name and the folder.")
        if path.stat().st_size == 0:
            raise BadInput(f"The picture {path} is empty (0 bytes).", "Render or copy it again.")
        config = oiio.ImageSpec()
        # Multiplying encoded values by alpha, as the reader would, is wrong: it is done when linear.
        config.attribute("oiio:UnassociatedAlpha", 1)
        self._file: Any = oiio.ImageInput.open(str(path), config)
        if self._file is None:
            raise _unreadable(path, oiio.geterror())

    def __enter__(self) -> Any:
        return self._file

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _unreadable(path: Path, reason: str) -> BadInput:
    words = " ".join(str(reason).replace(str(path), path.name).split()).rstrip(".")
    return BadInput(
        f"The picture {path} cannot be read: {words or 'it is damaged'}.", "Render or copy it again."
    )


def _specs(path: Path, file: Any) -> list[Any]:
    specs: list[Any] = []
    while file.seek_subimage(len(specs), 0):
        spec = file.spec()
        if spec.deep:
            raise BadInput(f"The picture {path} holds deep samples.", "Flatten it first.")
        specs.append(oiio.ImageSpec(spec))
        # Only OpenEXR's parts belong to one picture; elsewhere they are pages and thumbnails.
        if file.format_name() != "openexr":
            break
    file.geterror()
    size = sum(s.width * s.height * s.nchannels * 4 for s in specs)
    side = max(max(s.width, s.height) for s in specs)
    if size > MAX_BYTES or side > MAX_SIDE_PX:
        raise BadInput(
            f"The picture {path} of {specs[0].width} x {specs[0].height} would need {size / 2**30:.0f} GiB.",
            "Crop it or scale it down.",
        )
    return specs


def _names(specs: list[Any]) -> tuple[str, ...]:
    names: list[str] = []
    for index, spec in enumerate(specs):
        part = str(spec.getattribute("oiio:subimagename") or spec.getattribute("name") or f"part{index}")
        for channel in spec.channelnames:
            # Some writers put the part's name before its channels, some leave it to the reader.
            plain = index == 0 or "." in channel or channel not in "RGBA"
            full = channel if plain and channel not in names else f"{part}.{channel}"
            names.append(full if full not in names else f"{full}{index}")
    return tuple(names)


def _formats(specs: list[Any]) -> list[str]:
    kinds: list[str] = []
    for spec in specs:
        kinds += [str(f) for f in (spec.channelformats or (spec.format,) * spec.nchannels)]
    return ["uint32" if kind == "uint" else kind for kind in kinds]


def _display(specs: list[Any]) -> tuple[int, int, int, int]:
    spec = specs[0]
    if spec.full_width > 0 and spec.full_height > 0:
        return spec.full_x, spec.full_y, spec.full_width, spec.full_height
    return spec.x, spec.y, spec.width, spec.height


def _metadata(spec: Any) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    for item in spec.extra_attribs:
        several = isinstance(item.value, (tuple, list, np.ndarray))
        meta[item.name] = Attribute(np.ravel(item.value).tolist(), str(item.type)) if several else item.value
    return meta


def _space(path: Path, spec: Any, meta: Mapping[str, Any], colorspace: str) -> str:
    # Whole numbers without a word about their color are code values, as every viewer takes them.
    if not str(spec.format).startswith(("half", "float", "double")):
        meta = {"oiio:ColorSpace": "sRGB", **meta}
    return color.guess(path, meta) if colorspace == "auto" else color.resolve(colorspace)


def _read_part(path: Path, file: Any, index: int, spec: Any) -> NDArray[Any]:
    """Pixels as stored, for 8 and 16 bit integers; otherwise float32."""
    kinds = set(_formats([spec]))
    kind = kinds.pop() if len(kinds) == 1 else "float"
    wanted = kind if kind in ("uint8", "uint16") else "float"
    pixels = file.read_image(index, 0, 0, spec.nchannels, wanted)
    # A truncated file gives an array all the same; only the error tells.
    if pixels is None or file.has_error:
        raise _unreadable(path, file.geterror())
    pixels = np.asarray(pixels).reshape(spec.height, spec.width, spec.nchannels)
    for channel, name in enumerate(_formats([spec])):
        if name == "uint32":
            bits = file.read_image(index, 0, channel, channel + 1, "uint32")
            pixels[..., channel] = (
                np.asarray(bits, np.uint32).view(np.float32).reshape(spec.height, spec.width)
            )
    return pixels


def _join(specs: list[Any], parts: list[NDArray[Any]]) -> tuple[NDArray[Any], tuple[int, int], bool]:
    """All parts in one array over the smallest window that holds them, zero where a part has nothing."""
    x0, y0 = min(s.x for s in specs), min(s.y for s in specs)
    if len(parts) == 1:
        return parts[0], (x0, y0), parts[0].dtype != np.float32
    x1, y1 = max(s.x + s.width for s in specs), max(s.y + s.height for s in specs)
    pixels = np.zeros((y1 - y0, x1 - x0, sum(s.nchannels for s in specs)), np.float32)
    channel = 0
    for spec, part in zip(specs, parts, strict=True):
        rows, columns = (
            slice(spec.y - y0, spec.y - y0 + spec.height),
            slice(spec.x - x0, spec.x - x0 + spec.width),
        )
        pixels[rows, columns, channel : channel + spec.nchannels] = part
        channel += spec.nchannels
    return pixels, (x0, y0), False


def _linear(
    pixels: NDArray[Any], integers: bool, channels: tuple[str, ...], space: str, unassociated: bool
) -> Pixels:
    chosen = list(color_channels(channels))
    alpha = alpha_channel(channels)
    linear = color.is_linear(space)
    if integers and not linear and pixels.shape[2] == 3 and chosen == [0, 1, 2]:
        return color.codes_to_linear(pixels, space)
    top = np.float32(np.iinfo(pixels.dtype).max) if integers else np.float32(1)
    out = np.divide(pixels, top, dtype=np.float32) if integers else pixels
    if not linear:
        stored = pixels[..., chosen if len(chosen) == 3 else chosen * 3]
        if integers:
            decoded = color.codes_to_linear(stored, space)
        elif alpha is not None and not unassociated:
            decoded = _decode_premultiplied(stored, out[..., alpha], space)
        else:
            decoded = color.to_linear(stored, space)
        out[..., chosen] = decoded[..., : len(chosen)]
    if unassociated and alpha is not None:
        out[..., chosen] *= out[..., alpha, None]
    return np.ascontiguousarray(out, np.float32)


def _decode_premultiplied(rgb: Pixels, alpha: Pixels, space: str) -> Pixels:
    """Curves apply to the color itself, so take alpha out for the while; opaque pixels stay exact."""
    scale = np.where((alpha > 0) & (alpha != 1), alpha, np.float32(1))[..., None]
    return (color.to_linear((rgb / scale).astype(np.float32), space) * scale).astype(np.float32)


def _upright(image: Image) -> Image:
    """Turn a photograph as its EXIF orientation says."""
    orientation = int(image.metadata.get("Orientation", 1))
    if orientation not in _TURNS | _MIRRORS:
        return image
    pixels = image.pixels
    if orientation in _MIRRORS:
        pixels = pixels[:, ::-1]
        turns = {2: 0, 4: 2, 5: 1, 7: 3}[orientation]
    else:
        turns = _TURNS[orientation]
    pixels = np.ascontiguousarray(np.rot90(pixels, turns))
    height, width = pixels.shape[:2]
    meta = image.metadata | {"Orientation": 1}
    return replace(image, pixels=pixels, display=(0, 0, width, height), metadata=meta)


def set_metadata(spec: Any, metadata: Mapping[str, Any]) -> None:
    """Put metadata into a header, without what was true of another file's storing only."""
    for name, value in metadata.items():
        if any(name == word or (word[-1] == ":" and name.startswith(word)) for word in _OF_THE_FILE):
            continue
        if name.startswith("screenWindow"):
            continue
        if isinstance(value, Attribute):
            spec.attribute(name, value.type, tuple(value))
        elif isinstance(value, (str, int, float)):
            spec.attribute(name, value)
        elif isinstance(value, (tuple, list)) and value:
            kind = "float" if any(isinstance(v, float) for v in value) else "int"
            spec.attribute(name, f"{kind}[{len(value)}]", tuple(value))


_DEPTHS = {
    ".png": "uint16",
    ".tif": "uint16",
    ".tiff": "uint16",
    ".dpx": "uint10",
    ".exr": "half",
    ".hdr": "float",
    ".jpg": "uint8",
    ".jpeg": "uint8",
}


def write_image(
    path: str | Path,
    image: Image,
    *,
    colorspace: str | None = None,
    depth: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write one picture (PNG, JPEG, TIFF, DPX, EXR, …), whole or not at all.

    `colorspace` is the space to store in: the image's scene-linear color is encoded to it, and to
    sRGB when it is "auto"; None stores the numbers as they are. `depth` is "uint8", "uint10" (DPX),
    "uint16", "half" or "float"; without one it is what the format usually holds (8 bit for a
    picture of 8 bit). Formats without alpha lose it; alpha is unassociated where the format wants so.
    Raises `BadOutput` when the file cannot be written, `BadRequest` for an unknown format.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".exr" and colorspace is None:
        from likeness.media.layers import write_layers

        return write_layers(path, {"comp": image}, metadata=metadata or {})
    kind = depth or _DEPTHS.get(suffix, "uint8")
    if not depth and suffix in (".png", ".tif", ".tiff") and set(image.formats) <= {"uint8"}:
        kind = "uint8"
    stored, channels = _stored(image, colorspace, suffix)
    spec = oiio.ImageSpec(stored.shape[1], stored.shape[0], stored.shape[2], kind.replace("uint10", "uint16"))
    spec.channelnames = channels
    spec.attribute("PixelAspectRatio", float(image.pixel_aspect))
    if kind == "uint10":
        spec.attribute("oiio:BitsPerSample", 10)
    if suffix in (".jpg", ".jpeg"):
        spec.attribute("Compression", "jpeg:95")
        spec.attribute("jpeg:subsampling", "4:4:4")
    set_metadata(spec, {**image.metadata, **(metadata or {})})
    if "A" in channels and suffix != ".exr":
        spec.attribute("oiio:UnassociatedAlpha", 1)
    with output_errors(path), replacing(path) as temporary:
        create(path, temporary, [spec]).write_and_close(stored)
    return None


def _stored(image: Image, colorspace: str | None, suffix: str) -> tuple[Pixels, tuple[str, ...]]:
    """The display window's color (and alpha, where the format has one) as it will stand in the file."""
    chosen, alpha = list(color_channels(image.channels)), alpha_channel(image.channels)
    keep_alpha = alpha is not None and suffix in (".png", ".tif", ".tiff", ".exr", ".webp", ".tga", ".dpx")
    picked = [*chosen, alpha] if alpha is not None and keep_alpha else chosen
    pixels = to_display_window(image)[..., picked]
    names = ("Y",) if len(chosen) == 1 else ("R", "G", "B")
    rgb = pixels[..., : len(chosen)]
    if keep_alpha and suffix != ".exr":
        a = pixels[..., -1:]
        rgb = np.divide(rgb, a, out=rgb.copy(), where=(a > 0) & (a != 1))
    if colorspace is not None:
        target = color.first_known(color.SRGB) if colorspace == "auto" else color.resolve(colorspace)
        source = image.colorspace or color.first_known(color.LINEAR_REC709)
        three = rgb if rgb.shape[2] == 3 else np.repeat(rgb, 3, axis=2)
        rgb = color.from_linear(three, source, target)[..., : len(chosen)]
    if suffix not in (".exr", ".hdr"):
        rgb = np.nan_to_num(rgb, nan=0.0, posinf=1.0, neginf=0.0)
    out = np.concatenate([rgb, pixels[..., -1:]], axis=2) if keep_alpha else rgb
    return np.ascontiguousarray(out, np.float32), (*names, "A") if keep_alpha else names


def to_display_window(image: Image) -> Pixels:
    """The pixels (H, W, C) of the display window: overscan is cut off, what is missing is zero."""
    x, y, width, height = image.display
    left, top = image.origin[0] - x, image.origin[1] - y
    rows, columns = image.pixels.shape[:2]
    if (left, top, columns, rows) == (0, 0, width, height):
        return image.pixels
    out = np.zeros((height, width, image.pixels.shape[2]), np.float32)
    y0, y1 = max(0, top), min(height, top + rows)
    x0, x1 = max(0, left), min(width, left + columns)
    if y0 < y1 and x0 < x1:
        out[y0:y1, x0:x1] = image.pixels[y0 - top : y1 - top, x0 - left : x1 - left]
    return out


_REMEDY = "Free some space or choose another output."


class Writer:
    """An open picture file being written; every failure names the final path."""

    def __init__(self, path: Path, temporary: Path, file: Any) -> None:
        self._path = path
        self._temporary = temporary
        self.file = file

    def check(self, done: bool) -> None:
        """Raise `BadOutput` unless the last step was done."""
        if not done:
            reason = " ".join(str(self.file.geterror()).split()).rstrip(".")
            self.file.close()
            raise BadOutput(f"Cannot write {self._path} ({reason}).", _REMEDY)

    def write_and_close(self, pixels: NDArray[Any]) -> None:
        """Write the whole picture and close the file."""
        self.check(self.file.write_image(pixels))
        self.finish()

    def finish(self) -> None:
        """Close the file, and see that its end has reached the disk."""
        self.check(self.file.close())
        self.check_end()

    def check_end(self) -> None:
        """Raise `BadOutput` unless the file's end has reached the disk.

        The libraries do not look whether their last, buffered write went through, and on a full
        disk it does not.
        """
        file = oiio.ImageInput.open(str(self._temporary))
        try:
            if file is not None:
                last = 0
                while file.seek_subimage(last + 1, 0):
                    last += 1
                file.geterror()
                file.seek_subimage(last, 0)
                spec = file.spec()
                bottom = spec.y + spec.height
                whole = file.read_scanlines(last, 0, bottom - 1, bottom, 0, 0, 1, "float") is not None
                if whole and not file.has_error:
                    return
        finally:
            oiio.geterror()  # what the reader says of half a file helps nobody
            if file is not None:
                file.close()
        raise BadOutput(f"{self._path} was not written whole.", _REMEDY)


def create(path: Path, temporary: Path, specs: list[Any]) -> Writer:
    """Open `temporary` for writing `specs`, the parts of `path`; raises as `write_image` does."""
    # Only the system says whether it is the folder, the rights or the space.
    try:
        temporary.touch()
    except OSError as error:
        raise refused(error, path) from None
    file = oiio.ImageOutput.create(str(temporary))
    if file is None:
        oiio.geterror()
        raise BadRequest(
            f"Pictures cannot be written as '{path.suffix}'.", "Use .exr, .png, .tif, .dpx or .jpg."
        )
    writer = Writer(path, temporary, file)
    if len(specs) == 1:
        writer.check(file.open(str(temporary), specs[0]))
    else:
        writer.check(file.open(str(temporary), tuple(specs)))
    return writer
