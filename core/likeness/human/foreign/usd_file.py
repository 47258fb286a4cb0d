"""Reads USD meshes, and writes a scene with shapes as USD.

A file that came as USD is written as it was, layers flattened, with blend shapes added; polygons stay
polygons. What came otherwise is written with its polygons, texture coordinates and colors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.files import output_errors, replacing
from likeness.human.foreign.scene import GRAY, Color, Piece, Scene, broken
from likeness.human.usd import plain

Array = NDArray[Any]
Float = NDArray[np.float32]


def read(path: Path) -> Scene:
    """The meshes that the stage shows, in its space."""
    from pxr import Tf, Usd, UsdGeom

    try:
        stage = Usd.Stage.Open(str(path))
    except Tf.ErrorException as error:
        raise broken(path.name, "it is no USD") from error
    for prim in stage.Traverse():
        if prim.IsInstance():
            prim.SetInstanceable(False)
    pieces, owners = [], []
    for prim in stage.Traverse():
        mesh = UsdGeom.Mesh(prim)
        if mesh and UsdGeom.Imageable(prim).ComputeVisibility() != UsdGeom.Tokens.invisible:
            piece = _piece(path.name, mesh)
            if piece is not None:
                pieces.append(piece)
                owners.append(str(prim.GetPath()))
    up = str(UsdGeom.GetStageUpAxis(stage))
    return Scene(
        path.stem,
        "usd",
        tuple(pieces),
        up,
        float(UsdGeom.GetStageMetersPerUnit(stage)),
        (stage, tuple(owners)),
    )


def _piece(name: str, mesh: Any) -> Piece | None:
    from pxr import Usd, UsdGeom

    time = Usd.TimeCode.EarliestTime()
    points, counts, corners = (
        attribute.Get(time)
        for attribute in (
            mesh.GetPointsAttr(),
            mesh.GetFaceVertexCountsAttr(),
            mesh.GetFaceVertexIndicesAttr(),
        )
    )
    if not points or not counts or not corners:
        return None
    count, corner = np.array(counts, np.int32), np.array(corners, np.int32)
    if count.sum() != len(corner) or count.min() < 0:
        raise broken(name, f"the polygons of '{mesh.GetPrim().GetName()}' do not add up")
    if mesh.GetOrientationAttr().Get() == UsdGeom.Tokens.leftHanded:
        order = np.concatenate(
            [np.arange(s + n - 1, s - 1, -1) for s, n in zip(np.cumsum(count) - count, count, strict=True)]
        )
    else:
        order = np.arange(len(corner))
    materials, material = _materials(mesh, len(count))
    return Piece(
        name=mesh.GetPrim().GetName(),
        points=np.array(points, np.float32),
        counts=count,
        corners=corner[order],
        place=_placed(mesh, time),
        uv=_texture(mesh, corner, order),
        materials=materials,
        material=material,
    )


def _placed(mesh: Any, time: Any) -> Array:
    """From the mesh's space to the stage's (4, 4); a skinned mesh stands where it was bound."""
    from pxr import UsdSkel

    world = np.array(mesh.ComputeLocalToWorldTransform(time)).T
    root = UsdSkel.Root.Find(mesh.GetPrim())
    binding = UsdSkel.BindingAPI(mesh.GetPrim())
    skeleton = binding.GetInheritedSkeleton() if root else None
    bound = binding.GetGeomBindTransformAttr().Get() if skeleton else None
    if bound is None:
        return np.asarray(world)
    stands = np.array(skeleton.ComputeLocalToWorldTransform(time)).T  # type: ignore[union-attr]
    return np.asarray(stands @ np.array(bound).T)


def _texture(mesh: Any, corner: Array, order: Array) -> Float | None:
    """Texture coordinates of the corners, or None."""
    from pxr import UsdGeom

    for primvar in UsdGeom.PrimvarsAPI(mesh).GetPrimvars():
        if not str(primvar.GetTypeName()).startswith(("texCoord2", "float2")) or not primvar.HasValue():
            continue
        uv = np.array(primvar.ComputeFlattened(), np.float32)
        per_point = primvar.GetInterpolation() in (UsdGeom.Tokens.vertex, UsdGeom.Tokens.varying)
        if per_point and len(uv) > corner.max():
            return uv[corner[order]]
        if primvar.GetInterpolation() == UsdGeom.Tokens.faceVarying and len(uv) == len(corner):
            return uv[order]
    return None


def _materials(mesh: Any, faces: int) -> tuple[list[tuple[str, Color]], Array]:
    from pxr import UsdShade

    def seen(prim: Any) -> tuple[str, Color]:
        material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()
        return (material.GetPrim().GetName(), GRAY) if material else ("Material", GRAY)

    found = [seen(mesh.GetPrim())]
    owned = np.zeros(faces, np.int32)
    for subset in UsdShade.MaterialBindingAPI(mesh.GetPrim()).GetMaterialBindSubsets():
        rows = np.array(subset.GetIndicesAttr().Get() or [], np.int64)
        found.append(seen(subset.GetPrim()))
        owned[rows[(rows >= 0) & (rows < faces)]] = len(found) - 1
    return found, owned


def write(
    path: Path,
    scene: Scene,
    names: Sequence[str],
    shapes: Sequence[Float],
    up: str,
    meters: float,
    note: Mapping[str, Any],
) -> None:
    """Write the scene as USD with the named `shapes` (S, V, 3) of every piece; raises `BadOutput`."""
    from pxr import Usd

    with output_errors(path), replacing(path) as temporary:
        if scene.kind == "usd" and _under_roots(scene.source[1]):
            stage = Usd.Stage.Open(scene.source[0].Flatten())
            owners = scene.source[1]
        else:
            stage, owners = _built(scene, up, meters)
        layer = stage.GetRootLayer()
        layer.customLayerData = {**layer.customLayerData, "likeness": json.dumps(note, sort_keys=True)}
        for owner, offsets in zip(owners, shapes, strict=True):
            _shape(stage, owner, names, offsets)
        layer.Export(str(temporary))


def _under_roots(owners: Sequence[str]) -> bool:
    """Whether no mesh is itself a root: blend shapes need a root above them."""
    return all(owner.count("/") > 1 for owner in owners)


def _shape(stage: Any, owner: str, names: Sequence[str], offsets: Float) -> None:
    """Add the shapes that move a mesh to it, and bind it where it is bound to nothing."""
    from pxr import UsdSkel, Vt

    moving = [
        (name, rows)
        for name, o in zip(names, offsets, strict=True)
        if len(rows := np.flatnonzero(np.abs(o).max(1)))
    ]
    if not moving:
        return
    prim = stage.GetPrimAtPath(owner)
    binding = UsdSkel.BindingAPI.Apply(prim)
    _bind(stage, prim, binding, offsets.shape[1])
    there = dict(
        zip(
            binding.GetBlendShapesAttr().Get() or [],
            binding.GetBlendShapeTargetsRel().GetTargets(),
            strict=False,
        )
    )
    for name, rows in moving:
        path = f"{owner}/{name}"
        shape = UsdSkel.BlendShape.Define(stage, path)
        moved = np.ascontiguousarray(offsets[names.index(name)][rows])
        shape.CreateOffsetsAttr(Vt.Vec3fArray.FromNumpy(moved))
        shape.CreatePointIndicesAttr(Vt.IntArray.FromNumpy(rows.astype(np.int32)))
        there[name] = shape.GetPath()
    binding.CreateBlendShapesAttr(list(there))
    binding.CreateBlendShapeTargetsRel().SetTargets(list(there.values()))


def _bind(stage: Any, prim: Any, binding: Any, count: int) -> None:
    """Bind a mesh to a skeleton of one joint that stands still, if it is bound to none."""
    from pxr import Gf, Usd, UsdGeom, UsdSkel, Vt

    root = UsdSkel.Root.Find(prim)
    if root and binding.GetInheritedSkeleton():
        return
    if not root:
        top = prim.GetPath().GetPrefixes()[0]
        root = UsdSkel.Root.Define(stage, top)
    path = root.GetPath().AppendChild("LikenessSkeleton")
    skeleton = UsdSkel.Skeleton.Define(stage, path)
    still = Vt.Matrix4dArray([Gf.Matrix4d(1.0)])
    skeleton.CreateJointsAttr(["root"])
    skeleton.CreateBindTransformsAttr(still)
    skeleton.CreateRestTransformsAttr(still)
    UsdSkel.BindingAPI.Apply(root.GetPrim())
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim())
    cache = UsdGeom.XformCache(Usd.TimeCode.EarliestTime())
    to_root = (
        cache.GetLocalToWorldTransform(prim) * cache.GetLocalToWorldTransform(root.GetPrim()).GetInverse()
    )
    binding.CreateSkeletonRel().SetTargets([path])
    binding.CreateGeomBindTransformAttr(to_root)
    binding.CreateJointIndicesPrimvar(False, 1).Set(Vt.IntArray([0] * count))
    binding.CreateJointWeightsPrimvar(False, 1).Set(Vt.FloatArray([1.0] * count))


def _built(scene: Scene, up: str, meters: float) -> tuple[Any, list[str]]:
    """A new stage of the scene, and the paths of its meshes."""
    from pxr import Gf, Kind, Sdf, Usd, UsdGeom, UsdShade, UsdSkel, Vt

    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y if up == "Y" else UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, meters)
    top = f"/{plain(scene.name)}"
    root = UsdSkel.Root.Define(stage, top)
    stage.SetDefaultPrim(root.GetPrim())
    Usd.ModelAPI(root.GetPrim()).SetKind(Kind.Tokens.component)
    UsdGeom.Scope.Define(stage, f"{top}/Materials")
    looks: dict[tuple[str, Color], Any] = {}
    owners: list[str] = []
    for piece in scene.pieces:
        name = plain(piece.name)
        while f"{top}/{name}" in owners or name in ("Materials", "LikenessSkeleton"):
            name += "_"
        owners.append(f"{top}/{name}")
        mesh = UsdGeom.Mesh.Define(stage, owners[-1])
        mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
        mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(piece.counts)))
        mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(piece.corners)))
        mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(piece.points)))
        low, high = piece.points.min(0), piece.points.max(0)
        mesh.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([low, high])))
        if not np.allclose(piece.place, np.eye(4)):
            mesh.AddTransformOp().Set(Gf.Matrix4d(*piece.place.T.ravel().tolist()))
        if piece.uv is not None:
            api = UsdGeom.PrimvarsAPI(mesh)
            st = api.CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.faceVarying)
            st.Set(Vt.Vec2fArray.FromNumpy(np.ascontiguousarray(piece.uv)))
        for material in piece.materials:
            if material not in looks:
                looks[material] = _look(stage, top, material, len(looks))
        bound = [looks[material] for material in piece.materials]
        if len(bound) == 1 or piece.material is None:
            UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(bound[0])
            continue
        for i, look in enumerate(bound):
            rows = np.flatnonzero(piece.material == i).astype(np.int32)
            if len(rows):
                api = UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim())
                subset = api.CreateMaterialBindSubset(f"part_{i}", Vt.IntArray.FromNumpy(rows))
                UsdShade.MaterialBindingAPI.Apply(subset.GetPrim()).Bind(look)
        UsdShade.MaterialBindingAPI(mesh.GetPrim()).SetMaterialBindSubsetsFamilyType(UsdGeom.Tokens.partition)
    return stage, owners


def _look(stage: Any, top: str, material: tuple[str, Color], number: int) -> Any:
    from pxr import Gf, Sdf, UsdShade

    name, color = material
    path = f"{top}/Materials/{plain(name)}"
    if stage.GetPrimAtPath(path):
        path = f"{path}_{number}"
    out = UsdShade.Material.Define(stage, path)
    shader = UsdShade.Shader.Define(stage, f"{path}/Surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).Set(Gf.Vec3f(*color))
    shader.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(0.6)
    out.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    return out
