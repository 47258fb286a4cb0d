"""Where Blender 4.2, 4.5 and 5.0 differ."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import bpy


def strips(editor: Any) -> Any:
    """The sequencer's own strips."""
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def all_strips(scene: Any) -> list[Any]:
    """Every strip of a scene, those in meta strips too."""
    editor = scene.sequence_editor
    if editor is None:
        return []
    return list(editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all)


def strip_collection(editor: Any) -> str:
    """The name of the property that holds all strips, for a search field."""
    return "strips_all" if hasattr(editor, "strips_all") else "sequences_all"


def compositor_tree(scene: Any) -> Any:
    """The node tree of the scene's compositor; None if it has none."""
    if hasattr(scene, "compositing_node_group"):
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def make_compositor_tree(scene: Any) -> Any:
    """Give a scene that has no compositor a node tree, with an output to which nothing is wired."""
    if not hasattr(scene, "compositing_node_group"):
        fresh = scene.node_tree is None
        scene.use_nodes = True
        if fresh:
            scene.node_tree.links.clear()
        return scene.node_tree
    tree = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    tree.nodes.new("NodeGroupOutput").location = (400, 0)
    scene.compositing_node_group = tree
    return tree


def compositor_output(tree: Any) -> Any:
    """The node whose first input is the finished picture, or None."""
    kinds = ("COMPOSITE", "GROUP_OUTPUT")
    return next((node for node in tree.nodes if node.type in kinds), None)


def fcurves(action: Any) -> list[Any]:
    """All curves of an action, of all its slots."""
    if hasattr(action, "fcurves"):
        return list(action.fcurves)
    return [
        curve
        for layer in action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        for curve in bag.fcurves
    ]


def new_fcurve(action: Any, owner: Any, data_path: str, index: int = 0, group: str = "") -> Any:
    """A new curve of `owner`, whose action is `action` already."""
    if not hasattr(action, "fcurve_ensure_for_datablock"):
        return action.fcurves.new(data_path, index=index, action_group=group)
    known = action.bl_rna.functions["fcurve_ensure_for_datablock"].parameters
    words = {"group_name": group} if "group_name" in known else {}
    return action.fcurve_ensure_for_datablock(owner, data_path, index=index, **words)


@contextlib.contextmanager
def exr_settings(scene: Any) -> Iterator[None]:
    """Scene-linear float EXR as the scene's output format, and back as it was."""
    name, kept = scene.name, set_exr(scene)
    try:
        yield
    finally:
        restore(bpy.data.scenes.get(name), kept)


def set_exr(scene: Any) -> list[tuple[str, Any]]:
    """Make scene-linear float EXR the scene's output format; what `restore` takes is returned."""
    names = ["filepath", "use_file_extension"]
    image = scene.render.image_settings
    names += ["image_settings.media_type"] if hasattr(image, "media_type") else []
    # Depth and mode only exist for some formats, so they are set back after the format.
    more = ("file_format", "color_mode", "color_depth", "exr_codec", "color_management")
    names += [f"image_settings.{name}" for name in more]
    kept = [(name, scene.render.path_resolve(name)) for name in names]
    if hasattr(image, "media_type"):
        image.media_type = "IMAGE"
    image.file_format, image.color_mode = "OPEN_EXR", "RGBA"
    image.color_depth, image.exr_codec, image.color_management = "32", "ZIP", "FOLLOW_SCENE"
    return kept


def restore(scene: Any, kept: list[tuple[str, Any]]) -> None:
    """Set the output format back; a scene that is gone needs nothing."""
    if scene is None:
        return
    for name, value in kept:
        owner = scene.render.image_settings if "." in name else scene.render
        with contextlib.suppress(TypeError):
            setattr(owner, name.rpartition(".")[2], value)


def curve_collections(action: Any, owner: Any) -> list[Any]:
    """The collections that hold the curves of `owner` in its action."""
    if hasattr(action, "fcurves") and not hasattr(action, "layers"):
        return [action.fcurves]
    slot = owner.animation_data.action_slot
    return [
        bag.fcurves
        for layer in action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        if slot is not None and bag.slot_handle == slot.handle
    ]
