"""A character as USD: a UsdSkel whose levels of detail are variants, with blend shapes and materials.

The stage is in centimetres, Y up. `lod` chooses the level; every level's meshes are bound to the one
skeleton. Textures lie in a folder beside the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.files import output_errors, replacing
from likeness.human.character import Animation, Character, Material, Part, Skeleton, Strands
from likeness.human.gltf import display
from likeness.human.png import encode

Array = NDArray[Any]

_PLAIN = re.compile(r"[^A-Za-z0-9_]")


def write_usd(path: Path, character: Character, animation: Animation | None = None) -> None:
    """Write a character to `path` (.usdc, .usda or .usd); raises `BadOutput` when that cannot be."""
    from pxr import Kind, Usd, UsdGeom, UsdSkel

    name = plain(character.name)
    textures = path.parent / f"{path.stem}_textures"
    with output_errors(path), replacing(path) as temporary:
        stage = Usd.Stage.CreateNew(str(temporary))
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        UsdGeom.SetStageMetersPerUnit(stage, 0.01)
        root = UsdSkel.Root.Define(stage, f"/{name}")
        stage.SetDefaultPrim(root.GetPrim())
        Usd.ModelAPI(root.GetPrim()).SetKind(Kind.Tokens.component)
        stage.GetRootLayer().customLayerData = {"likeness": json.dumps(character.recipe, sort_keys=True)}
        UsdSkel.BindingAPI.Apply(root.GetPrim())
        _skeleton(stage, f"/{name}/Skeleton", character.skeleton)
        looks = {m.name: _material(stage, f"/{name}/Materials", m, textures) for m in character.materials}
        lods = root.GetPrim().GetVariantSets().AddVariantSet("lod")
        for level, parts in enumerate(character.levels):
            lods.AddVariant(f"LOD{level}")
            lods.SetVariantSelection(f"LOD{level}")
            with lods.GetVariantEditContext():
                group = f"/{name}/{name}_LOD{level}"
                UsdGeom.Scope.Define(stage, group)
                strands = character.strands if level == 0 else ()
                for one in strands:
                    look = _material(stage, f"/{name}/Materials", one.material, textures)
                    _curves(stage, f"{group}/{plain(one.name)}", one, f"/{name}/Skeleton", look)
                for part in parts:
                    if part.name in {one.name for one in strands}:
                        continue
                    _mesh(stage, f"{group}/{plain(part.name)}", part, f"/{name}/Skeleton", looks)
        lods.SetVariantSelection("LOD0")
        low, high = _bounds(character.levels[0])
        UsdGeom.ModelAPI.Apply(root.GetPrim()).SetExtentsHint(_vectors(np.stack([low, high])))
        if animation is not None:
            _animate(stage, f"/{name}/Skeleton", character, animation)
        stage.GetRootLayer().Save()


def plain(name: str) -> str:
    """A name as USD takes it: letters, digits and underscores, no digit first."""
    out = _PLAIN.sub("_", name) or "_"
    return f"_{out}" if out[0].isdigit() else out


def _bounds(parts: tuple[Part, ...]) -> tuple[Array, Array]:
    points = np.concatenate([part.vertices for part in parts])
    return points.min(0), points.max(0)


def _vectors(values: Array) -> Any:
    from pxr import Vt

    return Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(values, np.float32))


def joint_paths(skeleton: Skeleton) -> list[str]:
    """The joints as USD names them: every parent's path before a joint's own name."""
    out: list[str] = []
    for name, parent in zip(skeleton.names, skeleton.parents, strict=True):
        out.append(f"{out[parent]}/{plain(name)}" if parent >= 0 else plain(name))
    return out


def _skeleton(stage: Any, path: str, skeleton: Skeleton) -> None:
    from pxr import Gf, UsdSkel, Vt

    def still(positions: Array) -> Any:
        moves = [Gf.Matrix4d(1.0).SetTranslate(Gf.Vec3d(*map(float, p))) for p in positions]
        return Vt.Matrix4dArray(moves)

    prim = UsdSkel.Skeleton.Define(stage, path)
    prim.CreateJointsAttr(joint_paths(skeleton))
    prim.CreateJointNamesAttr(list(skeleton.names))
    prim.CreateBindTransformsAttr(still(skeleton.positions))
    prim.CreateRestTransformsAttr(still(skeleton.local()))
    UsdSkel.BindingAPI.Apply(prim.GetPrim())


def _mesh(stage: Any, path: str, part: Part, skeleton: str, looks: Mapping[str, Any]) -> None:
    from pxr import Sdf, UsdGeom, UsdShade, UsdSkel, Vt

    mesh = UsdGeom.Mesh.Define(stage, path)
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(part.triangles), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(part.triangles.ravel().astype(np.int32)))
    mesh.CreatePointsAttr(_vectors(part.vertices))
    mesh.CreateNormalsAttr(_vectors(part.normals))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    mesh.CreateExtentAttr(_vectors(np.stack([part.vertices.min(0), part.vertices.max(0)])))
    st = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar(
        "st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.vertex
    )
    st.Set(Vt.Vec2fArray.FromNumpy(np.ascontiguousarray(part.uv, np.float32)))
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([Sdf.Path(skeleton)])
    joints = np.ascontiguousarray(part.joints.ravel(), np.int32)
    binding.CreateJointIndicesPrimvar(False, 4).Set(Vt.IntArray.FromNumpy(joints))
    weights = np.ascontiguousarray(part.weights.ravel(), np.float32)
    binding.CreateJointWeightsPrimvar(False, 4).Set(Vt.FloatArray.FromNumpy(weights))
    look = looks[part.material]
    UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(look)
    mesh.CreateDoubleSidedAttr(bool(look.GetPrim().GetCustomDataByKey("double_sided")))
    moving = {n: rows for n in part.shapes if len(rows := part.moved_rows(n))}
    if moving:
        binding.CreateBlendShapesAttr([plain(name) for name in moving])
        targets = binding.CreateBlendShapeTargetsRel()
        for name, rows in moving.items():
            targets.AddTarget(_blend_shape(stage, f"{path}/{plain(name)}", part, name, rows))


def _curves(stage: Any, path: str, strands: Strands, skeleton: str, look: Any) -> None:
    """Hair that goes along with one joint; where a program can hang it on the skin, it finds out how.

    `surface_uv_coordinate` is the name that Blender's curves have for their place, and
    `userProperties:surface` names the mesh.
    """
    from pxr import Sdf, UsdGeom, UsdShade, UsdSkel, Vt

    types = Sdf.ValueTypeNames
    count, steps = strands.points.shape[:2]
    curves = UsdGeom.BasisCurves.Define(stage, path)
    curves.CreateTypeAttr(UsdGeom.Tokens.linear)
    curves.CreateWrapAttr(UsdGeom.Tokens.nonperiodic)
    curves.CreateCurveVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(count, steps, np.int32)))
    points = strands.points.reshape(-1, 3)
    curves.CreatePointsAttr(_vectors(points))
    widths = strands.width[:, None] * np.linspace(1, 0.25, steps, dtype=np.float32)
    curves.CreateWidthsAttr(Vt.FloatArray.FromNumpy(np.ascontiguousarray(widths.ravel(), np.float32)))
    curves.SetWidthsInterpolation(UsdGeom.Tokens.vertex)
    half = widths.max() / 2
    curves.CreateExtentAttr(_vectors(np.stack([points.min(0) - half, points.max(0) + half])))
    curves.CreateDisplayColorPrimvar(UsdGeom.Tokens.uniform).Set(_vectors(strands.color))
    place = UsdGeom.PrimvarsAPI(curves).CreatePrimvar(
        "surface_uv_coordinate", types.TexCoord2fArray, UsdGeom.Tokens.uniform
    )
    place.Set(Vt.Vec2fArray.FromNumpy(np.ascontiguousarray(strands.uv, np.float32)))
    curves.GetPrim().CreateAttribute("userProperties:surface", types.String).Set(plain(strands.surface))
    binding = UsdSkel.BindingAPI.Apply(curves.GetPrim())
    binding.CreateSkeletonRel().SetTargets([Sdf.Path(skeleton)])
    binding.CreateJointIndicesPrimvar(True, 1).Set(Vt.IntArray([strands.joint]))
    binding.CreateJointWeightsPrimvar(True, 1).Set(Vt.FloatArray([1.0]))
    UsdShade.MaterialBindingAPI.Apply(curves.GetPrim()).Bind(look)


def _blend_shape(stage: Any, path: str, part: Part, name: str, rows: Array) -> Any:
    from pxr import UsdSkel, Vt

    shape = UsdSkel.BlendShape.Define(stage, path)
    offsets = part.shapes[name]
    turns = part.shape_normals.get(name, np.zeros_like(offsets))
    shape.CreateOffsetsAttr(_vectors(offsets[rows]))
    shape.CreateNormalOffsetsAttr(_vectors(turns[rows]))
    shape.CreatePointIndicesAttr(Vt.IntArray.FromNumpy(rows.astype(np.int32)))
    return shape.GetPath()


def _material(stage: Any, scope: str, m: Material, folder: Path) -> Any:
    from pxr import Gf, Sdf, UsdGeom, UsdShade

    types = Sdf.ValueTypeNames
    UsdGeom.Scope.Define(stage, scope)
    path = f"{scope}/{plain(m.name)}"
    material = UsdShade.Material.Define(stage, path)
    material.GetPrim().SetCustomDataByKey("double_sided", m.double_sided)
    shader = UsdShade.Shader.Define(stage, f"{path}/Surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    textures = _Textures(stage, path, folder, plain(m.name))
    color = shader.CreateInput("diffuseColor", types.Color3f)
    if isinstance(m.base_color, np.ndarray):
        color.ConnectToSource(textures.add("base_color", display(m.base_color), "sRGB", "rgb"))
    else:
        color.Set(Gf.Vec3f(*m.base_color))
    for name, value in (("roughness", m.roughness), ("opacity", m.alpha), ("occlusion", m.occlusion)):
        given = value if m.alpha_mode != "OPAQUE" or name != "opacity" else 1.0
        if given is None:
            continue
        entry = shader.CreateInput(name, types.Float)
        if isinstance(given, np.ndarray):
            entry.ConnectToSource(textures.add(name, given, "raw", "r"))
        else:
            entry.Set(float(given))
    if m.alpha_mode == "MASK":
        shader.CreateInput("opacityThreshold", types.Float).Set(0.5)
    shader.CreateInput("metallic", types.Float).Set(float(m.metallic))
    shader.CreateInput("ior", types.Float).Set(float(m.ior))
    if m.normal is not None:
        output = textures.add("normal", m.normal * 0.5 + 0.5, "raw", "rgb", normal=True)
        shader.CreateInput("normal", types.Normal3f).ConnectToSource(output)
    return material


class _Textures:
    """The textures of one material: nodes on the stage, files in a folder."""

    def __init__(self, stage: Any, path: str, folder: Path, material: str) -> None:
        self.stage, self.path, self.folder, self.material = stage, path, folder, material
        self.reader: Any = None

    def add(self, name: str, picture: Array, space: str, channels: str, normal: bool = False) -> Any:
        """Write a picture and return the output (`r` or `rgb`) of the node that reads it."""
        from pxr import Gf, Sdf, UsdShade

        types = Sdf.ValueTypeNames
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{self.material}_{name}.png"
        with replacing(file) as temporary:
            temporary.write_bytes(encode(picture))
        if self.reader is None:
            self.reader = UsdShade.Shader.Define(self.stage, f"{self.path}/st")
            self.reader.CreateIdAttr("UsdPrimvarReader_float2")
            self.reader.CreateInput("varname", types.String).Set("st")
            self.reader.CreateOutput("result", types.Float2)
        node = UsdShade.Shader.Define(self.stage, f"{self.path}/{name}")
        node.CreateIdAttr("UsdUVTexture")
        node.CreateInput("file", types.Asset).Set(f"./{self.folder.name}/{file.name}")
        node.CreateInput("sourceColorSpace", types.Token).Set(space)
        node.CreateInput("wrapS", types.Token).Set("repeat")
        node.CreateInput("wrapT", types.Token).Set("repeat")
        if normal:
            node.CreateInput("scale", types.Float4).Set(Gf.Vec4f(2, 2, 2, 1))
            node.CreateInput("bias", types.Float4).Set(Gf.Vec4f(-1, -1, -1, 0))
        node.CreateInput("st", types.Float2).ConnectToSource(self.reader.ConnectableAPI(), "result")
        return node.CreateOutput(channels, types.Float3 if channels == "rgb" else types.Float)


def _animate(stage: Any, skeleton: str, character: Character, animation: Animation) -> None:
    """The take as a UsdSkelAnimation: weights of the shapes, turns of all joints, one sample a frame."""
    from pxr import Gf, Sdf, UsdSkel, Vt

    stage.SetTimeCodesPerSecond(float(animation.fps))
    stage.SetFramesPerSecond(float(animation.fps))
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(len(animation.weights) - 1)
    take = UsdSkel.Animation.Define(stage, f"{skeleton}/Take")
    bones = character.skeleton
    take.CreateJointsAttr(joint_paths(bones))
    take.CreateScalesAttr(Vt.Vec3hArray([Gf.Vec3h(1, 1, 1)] * len(bones.names)))
    take.CreateBlendShapesAttr([plain(name) for name in animation.shapes])
    places = np.repeat(bones.local()[None], len(animation.weights), 0)
    for name, moves in animation.moves.items():
        places[:, bones.index(name)] += moves
    translations = take.CreateTranslationsAttr()
    rotations, weights = take.CreateRotationsAttr(), take.CreateBlendShapeWeightsAttr()
    turned = {bones.index(name): turns for name, turns in animation.turns.items()}
    for frame, row in enumerate(animation.weights):
        quaternions = [Gf.Quatf(1.0)] * len(bones.names)
        for joint, turns in turned.items():
            x, y, z, w = (float(v) for v in turns[frame])
            quaternions[joint] = Gf.Quatf(w, x, y, z)
        translations.Set(_vectors(places[frame]), frame)
        rotations.Set(Vt.QuatfArray(quaternions), frame)
        weights.Set(Vt.FloatArray.FromNumpy(np.ascontiguousarray(row, np.float32)), frame)
    prim = stage.GetPrimAtPath(skeleton)
    UsdSkel.BindingAPI.Apply(prim).CreateAnimationSourceRel().SetTargets([Sdf.Path(f"{skeleton}/Take")])
