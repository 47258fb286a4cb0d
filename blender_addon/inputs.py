"""From things of Blender to the files of a request.

What lies on disk already is named, not copied; everything else is written once into the folder for
inputs, under a name made of its content, so that the same thing gives the same request again.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import array
import contextlib
import hashlib
import math
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy

from likeness_client import forms

from . import animation, faces, fields, spaces
from .errors import Trouble
from .versions import all_strips, exr_settings

Declared = dict[str, Any]

_KEPT_S = 30 * 24 * 3600.0


@dataclass
class Taken:
    """The inputs of a run as files.

    `offset` added to a frame number of the shot gives the scene's frame, and `start` is the scene's frame
    at which the shot begins. `still` says that the first picture is one picture; `rows` are the scene's
    first and last frame of a performance written here. `colorspace` is the request's. `render` is a
    pattern that the active camera has yet to render, for the first and last frame that follow it.
    `clip` or `image` names the movie clip or image that the first picture was picked as.
    """

    paths: dict[str, str] = field(default_factory=dict)
    offset: int = 0
    start: int = 1
    still: bool = True
    pictures: bool = False
    rows: tuple[int, int] | None = None
    colorspace: str = "auto"
    render: tuple[Path, int, int] | None = None
    clip: str = ""
    image: str = ""


@dataclass(frozen=True)
class Asked:
    """What an input is taken from: the scene, its frames that matter, and where files may be written.

    `offset` is the shot's, `moves` says that it has more than one picture, `start` is the scene's frame
    at which it begins and `pictures` whether there are any; they are known once the first is taken.
    """

    scene: bpy.types.Scene
    frames: tuple[int, int]
    folder: Path
    active: Any = None
    columns: tuple[str, ...] = ()
    offset: int = 0
    moves: bool = False
    start: int = 1
    pictures: bool = False

    @property
    def rows(self) -> tuple[int, int]:
        """The scene's frames of a performance: on moving pictures all from their beginning."""
        return (min(self.start, self.frames[0]), self.frames[1]) if self.moves else self.frames


@dataclass
class File:
    """One input: its path, and for moving pictures how its frame numbers lie in the scene.

    `offset` added to a frame number gives the scene's frame, `first` is its first number and `count`
    how many there are (0: not known).
    """

    path: str
    offset: int | None = None
    first: int = 1
    count: int = 0
    colorspace: str = "auto"
    rows: tuple[int, int] | None = None
    render: tuple[Path, int, int] | None = None


def take(
    scene: bpy.types.Scene,
    effect: Declared,
    settings: Any,
    frames: tuple[int, int],
    active: Any,
    folder: Path,
    whole: bool = False,
) -> Taken:
    """The files of an effect's inputs; raise `Trouble` for the first that cannot be had.

    `frames` are the scene's frames that matter, those of the first picture instead if the `whole` shot
    is asked for; `active` is the active object.
    """
    taken = Taken()
    moving: File | None = None
    for declared in effect["inputs"]:
        pick = getattr(settings.inputs, fields.attribute(declared["name"]))
        columns = tuple(declared["columns"])
        moves = taken.pictures and not taken.still
        offset = taken.offset if moves else 0
        asked = Asked(scene, frames, folder, active, columns, offset, moves, taken.start, taken.pictures)
        found = _take_one(declared, pick, asked)
        if found is None:
            continue
        taken.paths[declared["name"]] = found.path
        taken.rows = taken.rows or found.rows
        taken.render = taken.render or found.render
        if "picture" not in declared["kinds"] or pick.source not in _PICTURES:
            continue
        if not taken.pictures:
            taken.pictures, taken.colorspace = True, found.colorspace
            taken.still = found.offset is None
            taken.offset = found.offset or 0
            taken.start = taken.offset + found.first
            taken.clip = pick.clip.name if pick.source == "CLIP" else ""
            taken.image = pick.image.name if pick.source == "IMAGE" else ""
            if whole and found.offset is not None and found.count:
                start = found.offset + found.first
                frames = start, start + found.count - 1
        moving = moving or (found if found.offset is not None else None)
    if not taken.still and moving is not None:
        taken.start = taken.offset + moving.first
    else:
        # The frames of what moves a still count from 1.
        other = None if moving is None else (moving.offset or 0) + moving.first
        taken.start = (taken.rows or (other or frames[0], 0))[0]
        taken.offset = taken.start - 1
    return taken


def _take_one(declared: Declared, pick: Any, asked: Asked) -> File | None:
    try:
        return _SOURCES[pick.source](pick, asked)
    except Trouble as trouble:
        raise Trouble(f"{declared['label']}: {trouble}") from None
    except OSError as error:
        raise Trouble(
            f"{declared['label']}: {asked.folder} cannot be written ({error.strerror}); "
            "free some space or choose another folder."
        ) from error


def _none(_pick: Any, _asked: Asked) -> None:
    return None


def _path(pick: Any, asked: Asked) -> File | None:
    if not pick.path:
        return None
    path = bpy.path.abspath(pick.path)
    if os.path.splitext(path)[1].lower() in spaces.MOVIES:
        return File(path, asked.scene.frame_start - 1)
    numbers = _numbers_of(path)
    if numbers is None:
        return File(path)
    return File(path, 0, min(numbers, default=1), len(numbers))


# --- pictures ------------------------------------------------------------------------------------------


def _image(pick: Any, asked: Asked) -> File:
    image = pick.image
    if image is None:
        raise Trouble("no image is chosen; choose one, or another kind of source.")
    if image.source == "TILED":
        raise Trouble(f"'{image.name}' has tiles (UDIM); choose a single image.")
    if image.source in ("SEQUENCE", "MOVIE"):
        path = _existing(bpy.path.abspath(image.filepath, library=image.library), image)
        colorspace = spaces.to_core(image.colorspace_settings.name)
        if image.source == "MOVIE":
            start = asked.scene.frame_start - 1
            return File(path, start, count=image.frame_duration, colorspace=colorspace)
        return _sequence(path, 0, colorspace)
    if image.source == "FILE" and not image.packed_file and not image.is_dirty:
        path = _existing(bpy.path.abspath(image.filepath, library=image.library), image)
        return File(path, colorspace=spaces.to_core(image.colorspace_settings.name))
    return _written_image(image, asked)


def _written_image(image: Any, asked: Asked) -> File:
    """An image that only Blender has: what it shows is written as it is, float as float."""
    if image.source == "VIEWER" or image.is_float:
        path = _kept(asked.folder, ".exr", lambda part: _save_float(image, part, asked.scene))
        return File(path)
    path = _kept(asked.folder, ".png", lambda part: _save_bytes(image, part))
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
        raise Trouble(f"'{image.name}' has no picture to save ({_line(error)}); render or load it.") from None
    if not path.exists():
        raise Trouble(f"'{image.name}' has no picture to save; render or load it.")


def _clip(pick: Any, _asked: Asked) -> File:
    clip = pick.clip
    if clip is None:
        raise Trouble("no movie clip is chosen; choose one, or another kind of source.")
    path = _existing(bpy.path.abspath(clip.filepath, library=clip.library), clip)
    colorspace = spaces.to_core(clip.colorspace_settings.name)
    if clip.source == "MOVIE":
        start = clip.frame_start - 1 - clip.frame_offset
        return File(path, start, count=clip.frame_duration, colorspace=colorspace)
    number = _number(path)
    if number is None:
        return File(path, colorspace=colorspace)
    return _sequence(path, clip.frame_start - number - clip.frame_offset, colorspace)


def _strip(pick: Any, asked: Asked) -> File:
    strip = _find_strip(pick, asked, ("IMAGE", "MOVIE", "MOVIECLIP"), "an image or movie strip")
    if strip.type == "MOVIECLIP":
        found = _clip(strip, asked)
        if found.offset is not None:
            # A clip strip begins with the clip's first frame, wherever the clip itself begins.
            found.offset += int(strip.frame_start) - strip.clip.frame_start
        return found
    colorspace = spaces.to_core(strip.colorspace_settings.name)
    if strip.type == "MOVIE":
        path = _existing(bpy.path.abspath(strip.filepath), strip)
        start = int(strip.frame_start) - 1 - strip.animation_offset_start
        return File(path, start, count=strip.frame_duration, colorspace=colorspace)
    names = [element.filename for element in strip.elements][strip.animation_offset_start :]
    folder = bpy.path.abspath(strip.directory)
    first = _existing(os.path.join(folder, names[0]), strip)
    if len(strip.elements) == 1 or _number(first) is None:
        return File(first, colorspace=colorspace)
    if any(_pattern(name) != _pattern(names[0]) for name in names):
        raise Trouble(f"the pictures of strip '{strip.name}' are not one numbered sequence; name them so.")
    return _sequence(first, int(strip.frame_start) - _number(first), colorspace)


def _sequence(path: str, offset: int, colorspace: str) -> File:
    pattern = _pattern(path)
    numbers = _numbers_of(pattern)
    if not numbers:
        return File(path, colorspace=colorspace)
    return File(pattern, offset, min(numbers), max(numbers) - min(numbers) + 1, colorspace)


def _find_strip(pick: Any, asked: Asked, types: tuple[str, ...], what: str) -> Any:
    strips = {strip.name: strip for strip in all_strips(asked.scene)}
    strip = strips.get(pick.strip)
    if strip is None:
        named = f"there is no strip '{pick.strip}'" if pick.strip else "no strip is chosen"
        raise Trouble(f"{named}; choose {what}.")
    if strip.type not in types:
        raise Trouble(f"strip '{strip.name}' is of type {strip.type.lower()}; choose {what}.")
    return strip


def _render(_pick: Any, asked: Asked) -> File:
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


def _mask(pick: Any, asked: Asked) -> File:
    mask = pick.mask
    if mask is None:
        raise Trouble("no mask is chosen; choose one, or another kind of source.")
    from . import masks

    first, last = asked.frames if asked.moves else (asked.frames[0], asked.frames[0])
    folder = asked.folder / f"mask_{uuid.uuid4().hex[:12]}"
    masks.render(mask, folder, asked.scene, (first, last), asked.offset)
    if first == last:
        return File(str(folder / f"mask_{first - asked.offset:04d}.exr"))
    return File(str(folder / "mask_####.exr"), asked.offset, first - asked.offset, last - first + 1)


# --- performances, sound, models, text -----------------------------------------------------------------


def _face(pick: Any, asked: Asked) -> File:
    found = faces.find_face(pick.object, asked.active, asked.scene)
    if found is None:
        raise Trouble("no object with face sliders is chosen; choose one, or add sliders to an object.")
    return _performance(faces.curves(found, asked.columns, asked.scene, asked.rows), asked)


def _action(pick: Any, asked: Asked) -> File:
    if pick.action is None:
        raise Trouble("no action is chosen; choose one, or another kind of source.")
    if not asked.moves:
        first, last = (math.floor(f) for f in pick.action.frame_range)
        asked = replace(asked, frames=(first, max(first, last)))
    rows = animation.performance_of(pick.action, asked.columns, asked.rows)
    if rows is None:
        raise Trouble(
            f"action '{pick.action.name}' has no curve of a name such as {asked.columns[0]}; "
            "choose one on shape keys or face sliders."
        )
    return _performance(rows, asked)


def _performance(rows: list[list[float]], asked: Asked) -> File:
    """A performance file of the rows; one for a picture has more rows of rest behind it.

    An effect that lays it over a picture may look for the frame in which the performer rests; sliders
    rest at zero, which need not be among the frames that are asked for.
    """
    rest = [[0.0] * len(asked.columns)] * (len(rows) + 1) if asked.pictures else []
    fps = asked.scene.render.fps / asked.scene.render.fps_base
    path = _kept(
        asked.folder,
        ".csv",
        lambda part: forms.write_performance(str(part), asked.columns, rows + rest, fps),
    )
    return File(path, rows=asked.rows)


def _sound(pick: Any, asked: Asked) -> File:
    if pick.sound is None:
        raise Trouble("no sound is chosen; choose one, or another kind of source.")
    return _sound_file(pick.sound, asked)


def _sound_strip(pick: Any, asked: Asked) -> File:
    return _sound_file(_find_strip(pick, asked, ("SOUND",), "a sound strip").sound, asked)


def _sound_file(sound: Any, asked: Asked) -> File:
    if sound.packed_file:
        suffix = os.path.splitext(sound.filepath)[1] or ".wav"
        return File(_kept(asked.folder, suffix, lambda part: part.write_bytes(sound.packed_file.data)))
    return File(_existing(bpy.path.abspath(sound.filepath, library=sound.library), sound))


def _object(pick: Any, asked: Asked) -> File:
    from . import models

    if pick.object is None or pick.object.type != "MESH":
        raise Trouble("no mesh is chosen; choose an object that is a mesh.")
    return File(_kept(asked.folder, ".obj", lambda part: models.write_obj(pick.object, part)))


def _text(pick: Any, asked: Asked) -> File:
    if pick.text is None:
        raise Trouble("no text is chosen; choose a text block.")
    words = pick.text.as_string()
    return File(_kept(asked.folder, ".txt", lambda part: part.write_text(words, "utf-8")))


_PICTURES = frozenset(["IMAGE", "CLIP", "STRIP", "RENDER", "PATH"])
_SOURCES: dict[str, Callable[[Any, Asked], File | None]] = {
    "NONE": _none,
    "PATH": _path,
    "IMAGE": _image,
    "CLIP": _clip,
    "STRIP": _strip,
    "RENDER": _render,
    "MASK": _mask,
    "FACE": _face,
    "ACTION": _action,
    "SOUND": _sound,
    "SOUND_STRIP": _sound_strip,
    "OBJECT": _object,
    "TEXT": _text,
}


# --- files ---------------------------------------------------------------------------------------------


def _kept(folder: Path, suffix: str, write: Callable[[Path], Any]) -> str:
    """Write a file under a name made of its content; one that is there already stays as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{uuid.uuid4().hex[:12]}{suffix}"
    try:
        write(part)
        name = hashlib.sha256(part.read_bytes()).hexdigest()[:24]
        path = folder / f"{name}{suffix}"
        if not path.exists():
            part.replace(path)
        return str(path)
    finally:
        part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove inputs that were written here more than a month ago; what is still used is written again."""
    for entry in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - entry.stat().st_mtime > _KEPT_S:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _existing(path: str, owner: Any) -> str:
    if not os.path.exists(path):
        raise Trouble(f"'{owner.name}' names the file {path or '(none)'}, which is not there; find it first.")
    return path


_NUMBER = re.compile(r"(\d+)(\D*)$")
_PLACE = re.compile(r"%(?:0?\d+)?d|#+")


def _numbers_of(pattern: str) -> list[int] | None:
    """The frame numbers there are of a pattern or in a folder; None for one picture."""
    folder, name = (pattern, "#") if os.path.isdir(pattern) else os.path.split(pattern)
    place = None if os.path.isfile(pattern) else _PLACE.search(name)
    if place is None:
        return None
    head, tail = re.escape(name[: place.start()]), re.escape(name[place.end() :])
    wanted = re.compile(r".*?(-?\d+)\D*" if name == "#" else head + r"(-?\d+)" + tail)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(int(found[1]) for found in map(wanted.fullmatch, names) if found)


def _number(path: str) -> int | None:
    found = _NUMBER.search(os.path.basename(path))
    return int(found[1]) if found else None


def _pattern(path: str) -> str:
    """A file of a sequence to the pattern of all of it; a name without a number stays."""
    folder, name = os.path.split(path)
    found = _NUMBER.search(name)
    if found is None:
        return path
    return os.path.join(folder, f"{name[: found.start()]}{'#' * len(found[1])}{found[2]}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
