"""Frames with layers: an image sequence, and on request a compositor group, a strip, a background."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import re
from typing import Any

import bpy

from .. import flat
from ..errors import Trouble
from ..spaces import MOVIES, to_blender
from ..versions import compositor_output, compositor_tree, make_compositor_tree, strips
from . import Landing

SPACING = 260
# The custom property of a result that names the image it was made from.
PLATE = "likeness_plate"


def bring_in(scene: Any, result: dict[str, Any], landing: Landing) -> list[str]:
    """Bring frames in as an image datablock and as what else was asked for."""
    frames = result["meta"].get("frames") or [1]
    image = load(result, landing, frames)
    notes = []
    if landing.background and scene.camera is None:
        notes.append("There is no active camera for the background; add one and bring the result in again.")
    elif landing.background:
        add_background(scene.camera, image, landing, frames)
    if landing.strip:
        add_strip(scene, image, result, landing, frames)
    if landing.compositor:
        add_group(scene, image, result, landing, frames)
    show(image, landing, frames)
    if landing.source_image:
        image[PLATE] = landing.source_image
    return notes


def load(result: dict[str, Any], landing: Landing, frames: list[int]) -> Any:
    """The frames as one image datablock in their color space."""
    first = frame_path(result["path"], frames[0])
    if not os.path.exists(first):
        raise Trouble(f"The frame {first} is gone; run the effect again.")
    image = bpy.data.images.load(first, check_existing=False)
    image.name = landing.label
    movie = os.path.splitext(first)[1].lower() in MOVIES
    if len(frames) > 1 and not movie:
        image.source = "SEQUENCE"
    if not movie:
        image.colorspace_settings.name = to_blender(result["meta"].get("colorspace"))
    image.use_fake_user = True
    image["likeness_frames"] = f"{frames[0]}-{frames[-1]}"
    return image


def frame_path(pattern: str, frame: int) -> str:
    """The file of a frame; `%04d` in the name stands for its number."""
    folder, name = os.path.split(pattern)
    numbered = re.sub(r"%(?:0(\d+))?d", lambda found: f"{frame:0{int(found[1] or 1)}d}", name)
    return os.path.join(folder, numbered)


def use(user: Any, frames: list[int], offset: int) -> None:
    """Set an image user so that each frame shows at its place in the scene and the ends hold."""
    user.frame_start = frames[0] + offset
    user.frame_duration = frames[-1] - frames[0] + 1
    user.frame_offset = frames[0] - 1


def add_background(camera: Any, image: Any, landing: Landing, frames: list[int]) -> None:
    """Show the picture behind the camera's view."""
    background = camera.data.background_images.new()
    background.image = image
    use(background.image_user, frames, landing.offset)
    camera.data.show_background_images = True


def add_strip(scene: Any, image: Any, result: dict[str, Any], landing: Landing, frames: list[int]) -> None:
    """Put the frames over their source, or over everything that is there at that time."""
    path = result["path"]
    if flat.NEEDED and len(result["meta"].get("layers") or ()) > 1:
        folder = os.path.join(os.path.dirname(path), "comp")
        path = flat.flatten(image, folder, frames, lambda node: use(node, frames, 0))
    editor = scene.sequence_editor or scene.sequence_editor_create()
    first, last = frames[0] + landing.offset, frames[-1] + landing.offset
    below = [s.channel for s in strips(editor) if s.frame_final_end > first and s.frame_final_start <= last]
    channel = max(below, default=0) + 1
    made = strips(editor).new_image(landing.label, frame_path(path, frames[0]), channel, first)
    for frame in frames[1:]:
        made.elements.append(os.path.basename(frame_path(path, frame)))
    made.frame_final_duration = len(frames)
    made.colorspace_settings.name = image.colorspace_settings.name


def add_group(scene: Any, image: Any, result: dict[str, Any], landing: Landing, frames: list[int]) -> None:
    """A group with an output for each layer, placed in the compositor and wired to its output."""
    group = bpy.data.node_groups.new(landing.label, "CompositorNodeTree")
    out = group.nodes.new("NodeGroupOutput")
    reader = _reader(group, image, landing, frames)
    readers = [reader]
    for layer in result["meta"].get("layers") or ["comp"]:
        socket = _find_socket(reader, layer)
        if socket is None:
            # Blender 4.2 shows the passes of one layer at a time.
            readers.append(_reader(group, image, landing, frames, layer))
            readers[-1].location.y = -SPACING * (len(readers) - 1)
            socket = _find_socket(readers[-1], layer)
        title = "Image" if layer == "comp" else layer.replace("_", " ").title()
        kind = {"VALUE": "NodeSocketFloat", "VECTOR": "NodeSocketVector"}.get(socket.type, "NodeSocketColor")
        group.interface.new_socket(title, in_out="OUTPUT", socket_type=kind)
        group.links.new(socket, out.inputs[-2])
    out.location = (SPACING * 2, 0)
    _place(scene, group, landing)


def _reader(group: Any, image: Any, landing: Landing, frames: list[int], layer: str = "") -> Any:
    node = group.nodes.new("CompositorNodeImage")
    node.image = image
    if image.source == "SEQUENCE":
        use(node, frames, landing.offset)
    if layer:
        node.layer = layer
    return node


def _find_socket(reader: Any, layer: str) -> Any:
    plain = "Image" if len(reader.outputs) and "comp" not in reader.outputs else "comp"
    name = plain if layer == "comp" else layer
    return next((s for s in reader.outputs if s.name == name and s.enabled), None)


def _place(scene: Any, group: Any, landing: Landing) -> None:
    tree = compositor_tree(scene) or make_compositor_tree(scene)
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = group
    node.label = landing.label
    source = tree.nodes.get(landing.node) if landing.node else None
    out = compositor_output(tree)
    if source is not None:
        node.location = (source.location.x + SPACING, source.location.y)
        for link in [link for link in tree.links if link.from_node == source]:
            tree.links.new(node.outputs[0], link.to_socket)
    elif out is not None:
        node.location = (out.location.x - SPACING, out.location.y - SPACING)
        if not out.inputs[0].is_linked:
            tree.links.new(node.outputs[0], out.inputs[0])
    for each in tree.nodes:
        each.select = each == node
    tree.nodes.active = node


def show(image: Any, landing: Landing, frames: list[int]) -> None:
    """Show the picture in image editors that show its plate, an earlier result of it, or nothing."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            space = area.spaces.active
            if area.type != "IMAGE_EDITOR":
                continue
            if space.image is None or landing.source_image in (space.image.name, space.image.get(PLATE)):
                space.image = image
                use(space.image_user, frames, landing.offset)
