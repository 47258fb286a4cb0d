"""Pictures of Blender as files: images, clips, strips, masks, what the camera renders."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import array
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from . import masks, spaces
from .errors import Trouble
from .files import Asked, File, existing, kept, number_of, numbers_of, one_line, pattern_of
from .versions import all_strips, exr_settings


def from_path(pick: Any, asked: Asked) -> File | None:
    """A file, a sequence by its pattern or folder, or a movie, which begins where the scene does."""
    if not pick.path:
        return None
    path = bpy.path.abspath(pick.path)
    if os.path.splitext(path)[1].lower() in spaces.MOVIES:
        return File(path, asked.scene.frame_start - 1)
    numbers = numbers_of(path)
    if numbers is None:
        return File(path)
    return File(path, 0, min(numbers, default=1), len(numbers))


def from_image(pick: Any, asked: Asked) -> File:
    """An image as its file, or written as it shows where it has none or was painted."""
    image = pick.image
    if image is None:
        raise Trouble("no image is chosen; choose one, or another kind of source.")
    if image.source == "TILED":
        raise Trouble(f"'{image.name}' has tiles (UDIM); choose a single image.")
    if image.source in ("SEQUENCE", "MOVIE"):
        path = existing(bpy.path.abspath(image.filepath, library=image.library), image)
        colorspace = spaces.to_core(image.colorspace_settings.name)
        if image.source == "MOVIE":
            start = asked.scene.frame_start - 1
            return File(path, start, count=image.frame_duration, colorspace=colorspace)
        return _sequence(path, 0, colorspace)
    if image.source == "FILE" and not image.packed_file and not image.is_dirty:
        path = existing(bpy.path.abspath(image.filepath, library=image.library), image)
        return File(path, colorspace=spaces.to_core(image.colorspace_settings.name))
    return _written_image(image, asked)


def _written_image(image: Any, asked: Asked) -> File:
    """An image that only Blender has: what it shows is written as it is, float as float."""
    if image.source == "VIEWER" or image.is_float:
        path = kept(asked.folder, ".exr", lambda part: _save_float(image, part, asked.scene))
        return File(path)
    path = kept(asked.folder, ".png", lambda part: _save_bytes(image, part))
    return File(path)


def _save_float(image: Any, path: Path, scene: Any) -> None:
    # Image.save() would put the view transform into an EXR; save_render writes the scene-linear values.
    with exr_settings(scene):
        _save(image, path, lambda: image.save_render(str(path), scene=scene))


def _save_bytes(image: Any, path: Path) -> None:
    if image.packed_file and not image.is_dirty:
        path.write_bytes(image.packed_file.data)
        return
    # A copy has the picture that the file had, so what was painted goes over by its pixels.
    made = bpy.data.images.new(image.name, *image.size, alpha=True)
    try:
        numbers = array.array("f", bytes(4 * len(image.pixels)))
        image.pixels.foreach_get(numbers)
        made.alpha_mode = image.alpha_mode
        made.pixels.foreach_set(numbers if image.channels == 4 else _with_alpha(numbers, image.channels))
        made.file_format, made.filepath_raw = "PNG", str(path)
        _save(made, path, made.save)
    finally:
        bpy.data.images.remove(made)


def _with_alpha(numbers: array.array[float], channels: int) -> list[float]:
    rows = zip(*(numbers[i::channels] for i in range(channels)), strict=True)
    return [n for row in rows for n in (*row[:3], *[row[0]] * (3 - channels), 1.0)]


def _save(image: Any, path: Path, save: Callable[[], None]) -> None:
    try:
        save()
    except RuntimeError as error:
        raise Trouble(
            f"'{image.name}' has no picture to save ({one_line(error)}); render or load it."
        ) from None
    if not path.exists():
        raise Trouble(f"'{image.name}' has no picture to save; render or load it.")


def from_clip(pick: Any, _asked: Asked) -> File:
    """A movie clip, at its place in the scene."""
    clip = pick.clip
    if clip is None:
        raise Trouble("no movie clip is chosen; choose one, or another kind of source.")
    path = existing(bpy.path.abspath(clip.filepath, library=clip.library), clip)
    colorspace = spaces.to_core(clip.colorspace_settings.name)
    if clip.source == "MOVIE":
        start = clip.frame_start - 1 - clip.frame_offset
        return File(path, start, count=clip.frame_duration, colorspace=colorspace)
    number = number_of(path)
    if number is None:
        return File(path, colorspace=colorspace)
    return _sequence(path, clip.frame_start - number - clip.frame_offset, colorspace)


def from_strip(pick: Any, asked: Asked) -> File:
    """An image or movie strip, at its place in the scene."""
    strip = find_strip(pick, asked, ("IMAGE", "MOVIE", "MOVIECLIP"), "an image or movie strip")
    if strip.type == "MOVIECLIP":
        found = from_clip(strip, asked)
        if found.offset is not None:
            # A clip strip begins with the clip's first frame, wherever the clip itself begins.
            found.offset += int(strip.frame_start) - strip.clip.frame_start
        return found
    colorspace = spaces.to_core(strip.colorspace_settings.name)
    if strip.type == "MOVIE":
        path = existing(bpy.path.abspath(strip.filepath), strip)
        start = int(strip.frame_start) - 1 - strip.animation_offset_start
        return File(path, start, count=strip.frame_duration, colorspace=colorspace)
    names = [element.filename for element in strip.elements][strip.animation_offset_start :]
    folder = bpy.path.abspath(strip.directory)
    first = existing(os.path.join(folder, names[0]), strip)
    if len(strip.elements) == 1 or number_of(first) is None:
        return File(first, colorspace=colorspace)
    if any(pattern_of(name) != pattern_of(names[0]) for name in names):
        raise Trouble(f"the pictures of strip '{strip.name}' are not one numbered sequence; name them so.")
    return _sequence(first, int(strip.frame_start) - number_of(first), colorspace)


def _sequence(path: str, offset: int, colorspace: str) -> File:
    pattern = pattern_of(path)
    numbers = numbers_of(pattern)
    if not numbers:
        return File(path, colorspace=colorspace)
    return File(pattern, offset, min(numbers), max(numbers) - min(numbers) + 1, colorspace)


def find_strip(pick: Any, asked: Asked, types: tuple[str, ...], what: str) -> Any:
    """The strip that was picked; raise `Trouble` if it is gone or of no type among `types`."""
    strips = {strip.name: strip for strip in all_strips(asked.scene)}
    strip = strips.get(pick.strip)
    if strip is None:
        named = f"there is no strip '{pick.strip}'" if pick.strip else "no strip is chosen"
        raise Trouble(f"{named}; choose {what}.")
    if strip.type not in types:
        raise Trouble(f"strip '{strip.name}' is of type {strip.type.lower()}; choose {what}.")
    return strip


def from_render(_pick: Any, asked: Asked) -> File:
    """What the active camera is yet to render."""
    if asked.scene.camera is None:
        raise Trouble("the scene has no active camera; add one, or choose another kind of source.")
    first, last = asked.frames
    # Frames of an older render would mix with these.
    folder = asked.folder / f"render_{uuid.uuid4().hex[:12]}"
    folder.mkdir(parents=True)
    pattern = folder / "render_####.exr"
    if first == last:
        return File(str(folder / f"render_{first:04d}.exr"), render=(pattern, first, last))
    return File(str(pattern), 0, first, last - first + 1, render=(pattern, first, last))


def from_mask(pick: Any, asked: Asked) -> File:
    """A mask drawn for every frame of the shot, or once for a still."""
    mask = pick.mask
    if mask is None:
        raise Trouble("no mask is chosen; choose one, or another kind of source.")
    first, last = asked.frames if asked.moves else (asked.frames[0], asked.frames[0])
    folder = asked.folder / f"mask_{uuid.uuid4().hex[:12]}"
    masks.render(mask, folder, asked.scene, (first, last), asked.offset)
    if first == last:
        return File(str(folder / f"mask_{first - asked.offset:04d}.exr"))
    return File(str(folder / "mask_####.exr"), asked.offset, first - asked.offset, last - first + 1)
