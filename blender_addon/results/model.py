"""A model: a collection with its meshes, shape keys, armature and materials; what moves gets keys."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import os
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

from .. import animation
from ..errors import Trouble
from ..versions import fcurves
from . import Landing

CM = 0.01
MODEL = "likeness_model"  # the property of a collection that names the file it came from
SURFACE = "surface"  # the property of hair curves, or of their object, that names the mesh they stand on
RECIPE = "likeness"  # the property of the topmost objects that says what the model was made from
_LEVEL = re.compile(r"_LOD(\d+)($|\.)")


def reads(path: str) -> bool:
    """Whether Blender reads models of that suffix."""
    return Path(path).suffix.lower() in _IMPORTERS


def bring_in(scene: Any, result: dict[str, Any], landing: Landing) -> list[str]:
    """Bring a model file in as a collection of its own."""
    path = result["path"]
    importer = _IMPORTERS.get(Path(path).suffix.lower())
    if importer is None:
        raise Trouble(f"Blender reads no {Path(path).suffix} models; the file is {path}.")
    if not os.path.exists(path):
        raise Trouble(f"The model {path} is gone; run the effect again.")
    objects, actions = set(bpy.data.objects), set(bpy.data.actions)
    caches, collections = set(bpy.data.cache_files), set(bpy.data.collections)
    try:
        with _selection():
            importer(path)
    except RuntimeError as error:
        raise Trouble(f"The model {path} cannot be read: {' '.join(str(error).split())}") from None
    made = [each for each in bpy.data.objects if each not in objects]
    if not made:
        raise Trouble(f"The model {path} holds no objects.")
    # Meshes that are in no collection are not evaluated with every frame that is baked.
    _unlink([each for each in made if each.type in ("MESH", "ARMATURE")])
    _bake_caches(scene, made, [a for a in bpy.data.actions if a not in actions], landing)
    _unlink(made)
    home = landing.home(scene)
    home[MODEL] = path
    for each in made:
        home.objects.link(each)
        # Coarser variants of a mesh stand in the same place.
        each.hide_render = each.hide_viewport = bool(level(each.name))
    left = [each for each in bpy.data.cache_files if each not in caches]
    left += [each for each in bpy.data.collections if each not in collections and each != home]
    bpy.data.batch_remove(left)
    _materials(made, landing)
    _hang_hair(made)
    recipe = _recipe(path)
    for each in made if recipe else ():
        if each.parent is None:
            each[RECIPE] = recipe
    cameras = [each for each in made if each.type == "CAMERA"]
    landing.camera = cameras[0].name if cameras else landing.camera
    return []


def level(name: str) -> int | None:
    """The level of detail that an object's name tells, 0 for the finest."""
    found = _LEVEL.search(name)
    return int(found[1]) if found else None


def _recipe(path: str) -> str:
    """What a GLB says it was made from, which importers leave behind, as JSON; else nothing."""
    if Path(path).suffix.lower() != ".glb":
        return ""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<I", file.read(20)[12:16])
        told = json.loads(file.read(size)).get("asset", {}).get("extras")
    return json.dumps(told) if told else ""


@contextlib.contextmanager
def _selection() -> Iterator[None]:
    """What is active and selected stays so; importers select what they made."""
    layer = bpy.context.view_layer
    active, selected = layer.objects.active, [each for each in layer.objects if each.select_get()]
    try:
        yield
    finally:
        for each in layer.objects:
            each.select_set(each in selected)
        layer.objects.active = active


def _usd(path: str) -> None:
    known = bpy.ops.wm.usd_import.get_rna_type().properties
    # Newer Blenders read the file's unit, which is the centimeter; 4.2 takes it for a meter.
    unit = {} if "apply_unit_conversion_scale" in known else {"scale": CM}
    bpy.ops.wm.usd_import(filepath=path, set_frame_range=False, **unit)


def _gltf(path: str) -> None:
    known = bpy.ops.import_scene.gltf.get_rna_type().properties
    plain = {"disable_bone_shape": True} if "disable_bone_shape" in known else {}
    bpy.ops.import_scene.gltf(filepath=path, **plain)


_IMPORTERS: dict[str, Callable[[str], Any]] = {
    ".usd": _usd,
    ".usda": _usd,
    ".usdc": _usd,
    ".usdz": _usd,
    ".obj": lambda path: bpy.ops.wm.obj_import(filepath=path),
    ".ply": lambda path: bpy.ops.wm.ply_import(filepath=path),
    ".stl": lambda path: bpy.ops.wm.stl_import(filepath=path),
    ".gltf": _gltf,
    ".glb": _gltf,
}


def _unlink(made: list[Any]) -> None:
    for each in made:
        for collection in list(each.users_collection):
            collection.objects.unlink(each)


def _bake_caches(scene: Any, made: list[Any], actions: list[Any], landing: Landing) -> None:
    """Move every key to its place in the scene, and make keys of transforms that only the file has."""
    keyed = [curve for action in actions for curve in fcurves(action)]
    span = [f for curve in keyed for f in curve.range()]
    # Frames of a shot keep their numbers; what belongs to no shot begins where the run does.
    offset = landing.offset if landing.by_frame or not span else landing.start - round(min(span))
    for each in made:
        cached = [c for c in each.constraints if c.type == "TRANSFORM_CACHE"]
        if cached and span:
            frames = range(round(min(span)), round(max(span)) + 1)
            _bake(scene, each, cached[0], frames, offset)
    for curve in keyed if offset else ():
        _shift(curve, offset)


def _shift(curve: Any, frames: int) -> None:
    points = curve.keyframe_points
    for name in ("co", "handle_left", "handle_right"):
        numbers = [0.0] * (2 * len(points))
        points.foreach_get(name, numbers)
        numbers[::2] = [x + frames for x in numbers[::2]]
        points.foreach_set(name, numbers)
    curve.update()


def _bake(scene: Any, moved: Any, constraint: Any, frames: range, offset: int) -> None:
    cache = constraint.cache_file
    cache.override_frame = True
    local = []
    for frame in frames:
        cache.frame = frame
        bpy.context.view_layer.update()
        parent = moved.parent.matrix_world if moved.parent is not None else None
        world = moved.matrix_world
        local.append(world.copy() if parent is None else parent.inverted() @ world)
    moved.constraints.remove(constraint)
    animation.key_transform(moved, f"{moved.name} Motion", [f + offset for f in frames], local)
    bpy.context.view_layer.update()


def _materials(made: list[Any], landing: Landing) -> None:
    """A plain material for meshes that have none, so that they can be lit and rendered."""
    bare = [each for each in made if each.type == "MESH" and not each.data.materials]
    if bare:
        material = bpy.data.materials.new(landing.label)
        material.use_nodes = True
        for each in bare:
            each.data.materials.append(material)


def _hang_hair(made: list[Any]) -> None:
    """Hang hair curves on the mesh that they name: they then go along with its shapes and its armature.

    Blender does so by where each curve stands in the mesh's texture, its `surface_uv_coordinate`.
    """
    meshes = {each.name.split(".")[0]: each for each in made if each.type == "MESH" and each.data.uv_layers}
    named = {each: str(each.data.get(SURFACE) or each.get(SURFACE)) for each in made if each.type == "CURVES"}
    hair = [(each, meshes[name]) for each, name in named.items() if name in meshes]
    nodes = _hanging() if hair else None
    for each, surface in hair:
        each.data.surface = surface
        each.data.surface_uv_map = surface.data.uv_layers[0].name
        surface.add_rest_position_attribute = True
        each.modifiers.new("Hang on the Skin", "NODES").node_group = nodes
        each.data.materials.clear()
        each.data.materials.append(_hair_material(each.name))


def _hanging() -> Any:
    """Nodes that deform curves with their surface."""
    tree = bpy.data.node_groups.new("Hang on the Skin", "GeometryNodeTree")
    for way in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Curves", in_out=way, socket_type="NodeSocketGeometry")
    start, deform, end = (
        tree.nodes.new(kind)
        for kind in ("NodeGroupInput", "GeometryNodeDeformCurvesOnSurface", "NodeGroupOutput")
    )
    tree.links.new(start.outputs[0], deform.inputs[0])
    tree.links.new(deform.outputs[0], end.inputs[0])
    return tree


def _hair_material(name: str) -> Any:
    """Hair of the color that each curve has."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    color, shader, end = (
        tree.nodes.new(kind)
        for kind in ("ShaderNodeAttribute", "ShaderNodeBsdfHairPrincipled", "ShaderNodeOutputMaterial")
    )
    color.attribute_name = "displayColor"
    shader.parametrization = "COLOR"
    tree.links.new(color.outputs["Color"], shader.inputs["Color"])
    tree.links.new(shader.outputs[0], end.inputs["Surface"])
    return material
