"""Layered EXR frames as plain ones, for the sequencer of Blender before 4.5, which reads no layers."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

import bpy

from .errors import Trouble

NEEDED = bpy.app.version < (4, 5)


def flatten(image: Any, folder: str, frames: list[int], use: Callable[[Any], None]) -> str:
    """Write the picture of each frame to `folder` and return its pattern (`%04d`).

    `use` sets which frame of the image a node shows. Blender's compositor does it, in a scene of its own.
    """
    scene = bpy.data.scenes.new("Likeness Strip")
    try:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        reader = tree.nodes.new("CompositorNodeImage")
        reader.image = image
        use(reader)
        for kind in ("CompositorNodeComposite", "CompositorNodeOutputFile"):
            tree.links.new(reader.outputs[0], tree.nodes.new(kind).inputs[0])
        writer = tree.nodes[-1]
        writer.base_path, writer.file_slots[0].path = folder, "comp."
        writer.format.file_format, writer.format.color_mode = "OPEN_EXR", "RGBA"
        writer.format.color_depth = "16"
        scene.render.use_sequencer = False
        scene.frame_start, scene.frame_end = frames[0], frames[-1]
        # The render itself is not wanted, so it is small and goes.
        with tempfile.TemporaryDirectory() as aside:
            scene.render.filepath = os.path.join(aside, "####")
            scene.render.resolution_x = scene.render.resolution_y = 4
            bpy.ops.render.render(animation=True, scene=scene.name)
    except RuntimeError as error:
        words = " ".join(str(error).split())
        raise Trouble(f"The frames in {folder} cannot be made plain for the sequencer: {words}") from None
    finally:
        bpy.data.scenes.remove(scene)
    return os.path.join(folder, "comp.%04d.exr")
