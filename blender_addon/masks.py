"""A mask's splines and feather as pictures, drawn by Blender's own sequencer in a scene of its own."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .errors import Trouble
from .versions import exr_settings, strips


def render(mask: Any, folder: Path, like: Any, frames: tuple[int, int], offset: int = 0) -> None:
    """Write `mask_####.exr` for each frame of the scene from first to last, white inside.

    The pictures have the size of the scene `like`; `offset` is taken off their numbers.
    """
    first, last = frames
    scene = bpy.data.scenes.new("Likeness Mask")
    try:
        _set_up(scene, mask, like, first, last)
        with exr_settings(scene):
            scene.render.image_settings.color_mode = "RGB"
            scene.render.filepath = str(folder / "drawn_####.exr")
            # A single picture would be drawn at the current frame of the scene that is open.
            bpy.ops.render.render(animation=True, scene=scene.name)
        for frame in range(first, last + 1):
            (folder / f"drawn_{frame:04d}.exr").rename(folder / f"mask_{frame - offset:04d}.exr")
    except RuntimeError as error:
        raise Trouble(f"mask '{mask.name}' cannot be drawn ({' '.join(str(error).split())}).") from None
    finally:
        bpy.data.scenes.remove(scene)


def _set_up(scene: Any, mask: Any, like: Any, first: int, last: int) -> None:
    render, other = scene.render, like.render
    render.resolution_x, render.resolution_y = other.resolution_x, other.resolution_y
    render.resolution_percentage = other.resolution_percentage
    render.pixel_aspect_x, render.pixel_aspect_y = other.pixel_aspect_x, other.pixel_aspect_y
    render.fps, render.fps_base = other.fps, other.fps_base
    render.use_file_extension = False
    render.use_sequencer, render.use_compositing = True, False
    scene.frame_start, scene.frame_end = first, last
    strip = strips(scene.sequence_editor_create()).new_mask("Mask", mask, 1, first)
    strip.frame_final_end = last + 1
