"""From things of Blender to the files of a request.

What lies on disk already is named, not copied; everything else is written once into the folder for
inputs, under a name made of its content, so that the same thing gives the same request again.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy

from likeness_client import forms

from . import animation, faces, fields, models
from .errors import Trouble
from .files import Asked, File, existing, kept
from .pictures import find_strip, from_clip, from_image, from_mask, from_path, from_render, from_strip

Declared = dict[str, Any]


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
        # The frames of what moves a still count from 1; what has no place in time begins where the scene
        # does, whatever part of it is run, and before that only where the run does.
        other = None if moving is None else (moving.offset or 0) + moving.first
        taken.start = (taken.rows or (other or min(frames[0], scene.frame_start), 0))[0]
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
    path = kept(
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
    return _sound_file(find_strip(pick, asked, ("SOUND",), "a sound strip").sound, asked)


def _sound_file(sound: Any, asked: Asked) -> File:
    if sound.packed_file:
        suffix = os.path.splitext(sound.filepath)[1] or ".wav"
        return File(kept(asked.folder, suffix, lambda part: part.write_bytes(sound.packed_file.data)))
    return File(existing(bpy.path.abspath(sound.filepath, library=sound.library), sound))


def _object(pick: Any, asked: Asked) -> File:
    if pick.object is None or pick.object.type != "MESH":
        raise Trouble("no mesh is chosen; choose an object that is a mesh.")
    return File(kept(asked.folder, ".obj", lambda part: models.write_obj(pick.object, part)))


def _text(pick: Any, asked: Asked) -> File:
    if pick.text is None:
        raise Trouble("no text is chosen; choose a text block.")
    words = pick.text.as_string()
    return File(kept(asked.folder, ".txt", lambda part: part.write_text(words, "utf-8")))


_PICTURES = frozenset(["IMAGE", "CLIP", "STRIP", "RENDER", "PATH"])
_SOURCES: dict[str, Callable[[Any, Asked], File | None]] = {
    "NONE": _none,
    "PATH": from_path,
    "IMAGE": from_image,
    "CLIP": from_clip,
    "STRIP": from_strip,
    "RENDER": from_render,
    "MASK": from_mask,
    "FACE": _face,
    "ACTION": _action,
    "SOUND": _sound,
    "SOUND_STRIP": _sound_strip,
    "OBJECT": _object,
    "TEXT": _text,
}
