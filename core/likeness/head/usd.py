"""The tracked head as USD: the shot's camera and the animated head, for any host that reads USD.

The stage is in centimetres, Y up, with one time code per frame. The camera stands at the origin and
looks along -Z; the head moves in front of it. The head is a UsdSkel: 52 blend shapes by ARKit name
whose weights stay curves an animator can edit, one more (`lipsSealed`) that keeps the lips closed when
jawOpen and mouthClose go together, and two joints that turn the eyes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.files import output_errors, replacing
from likeness.head.contact import BLINK, JAW_OPEN, MOUTH_CLOSE
from likeness.head.model import Head
from likeness.performance import ARKIT

Float = NDArray[np.float32]
Array = NDArray[Any]

APERTURE_MM = 36.0  # the film back the focal length is written for; pixels decide, not this
LEVEL = 0
SHAPES = (*ARKIT, "lipsSealed")
JOINTS = ("head", "head/eye_left", "head/eye_right")
# OpenCV's camera looks along +Z with Y down, USD's along -Z with Y up.
FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def write_head_usd(
    path: Path,
    head: Head,
    identity: Float,
    expressions: Float,
    gaze: Float,
    head_pose: Array,
    focal_px: Sequence[float],
    size: tuple[int, int],
    fps: float,
    frames: Sequence[int],
) -> None:
    """Write camera and animated head of one shot to `path` (.usdc, .usda or .usd).

    `identity` (K,), `expressions` (F, 52) in ARKit order, `gaze` (F, 2, 2) yaw and pitch in radians of
    the left and right eye, `head_pose` (F, 4, 4) camera-from-head in OpenCV's axes and centimetres,
    `focal_px` (F,) with the principal point in the middle of `size` (width, height), `frames` (F,) their
    numbers. Raises `BadOutput` when the file cannot be written.
    """
    from pxr import Usd, UsdGeom

    with output_errors(path), replacing(path) as temporary:
        stage = Usd.Stage.CreateNew(str(temporary))
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        UsdGeom.SetStageMetersPerUnit(stage, 0.01)
        stage.SetTimeCodesPerSecond(float(fps))
        stage.SetFramesPerSecond(float(fps))
        stage.SetStartTimeCode(min(frames))
        stage.SetEndTimeCode(max(frames))
        shot = UsdGeom.Xform.Define(stage, "/Shot")
        stage.SetDefaultPrim(shot.GetPrim())
        shot.GetPrim().SetCustomDataByKey("likeness:synthetic", "Made with Likeness; an estimate of a person")
        _camera(stage, focal_px, size, frames)
        _place(stage, head_pose, frames)
        _shaped_head(stage, "/Shot/Head/Person", head, identity, expressions, gaze, frames)
        stage.GetRootLayer().Save()


def _camera(stage: Any, focal_px: Sequence[float], size: tuple[int, int], frames: Sequence[int]) -> None:
    from pxr import Gf, UsdGeom

    width, height = size
    camera = UsdGeom.Camera.Define(stage, "/Shot/Camera")
    camera.CreateHorizontalApertureAttr(APERTURE_MM)
    camera.CreateVerticalApertureAttr(APERTURE_MM * height / width)
    focal = camera.CreateFocalLengthAttr(APERTURE_MM * focal_px[0] / width)
    if len(set(focal_px)) > 1:  # another shot has another lens
        for frame, px in zip(frames, focal_px, strict=True):
            focal.Set(APERTURE_MM * px / width, frame)
    camera.CreateClippingRangeAttr(Gf.Vec2f(1.0, 10000.0))


def _place(stage: Any, head_pose: Array, frames: Sequence[int]) -> None:
    from pxr import Gf, UsdGeom

    head = UsdGeom.Xform.Define(stage, "/Shot/Head")
    transform = head.AddTransformOp()
    for frame, pose in zip(frames, head_pose, strict=True):
        # USD multiplies row vectors, hence the transpose.
        transform.Set(Gf.Matrix4d(*(FLIP @ pose).T.astype(float).ravel().tolist()), frame)


def _mesh(stage: Any, path: str, head: Head, points: Float) -> Any:
    """A mesh of the head's finest level with its texture coordinates and a subset for every part."""
    from pxr import Sdf, UsdGeom, Vt

    mesh = UsdGeom.Mesh.Define(stage, path)
    triangles = head.levels[LEVEL]
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(triangles), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(triangles.ravel().astype(np.int32)))
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points.astype(np.float32)))
    mesh.CreateExtentAttr(_extent(points))
    uv = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar(
        "st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.vertex
    )
    uv.Set(Vt.Vec2fArray.FromNumpy(head.vertex_uv.astype(np.float32)))
    for index, name in enumerate(head.part_names):
        faces = np.flatnonzero(head.level_parts[LEVEL] == index).astype(np.int32)
        subset = UsdGeom.Subset.Define(stage, f"{path}/{name}")
        subset.CreateElementTypeAttr(UsdGeom.Tokens.face)
        subset.CreateFamilyNameAttr("part")
        subset.CreateIndicesAttr(Vt.IntArray.FromNumpy(faces))
    UsdGeom.Subset.SetFamilyType(mesh, "part", UsdGeom.Tokens.partition)
    return mesh


def _extent(points: Float) -> Any:
    from pxr import Vt

    return Vt.Vec3fArray.FromNumpy(np.stack([points.min(0), points.max(0)]).astype(np.float32))


def _shaped_head(
    stage: Any, root: str, head: Head, identity: Float, expressions: Float, gaze: Float, frames: Sequence[int]
) -> None:
    """The person at rest with shapes and eye joints, whose weights and rotations are animated."""
    from pxr import UsdSkel, Vt

    skel_root = UsdSkel.Root.Define(stage, root)
    centers = head.eyes(identity)
    skeleton = _skeleton(stage, f"{root}/Skeleton", centers)
    animation = _animation(stage, f"{root}/Animation", centers, gaze, frames)
    weights = animation.CreateBlendShapeWeightsAttr()
    for frame, expression in zip(frames, expressions, strict=True):
        sealed = min(expression[JAW_OPEN], expression[MOUTH_CLOSE])
        weights.Set(Vt.FloatArray.FromNumpy(np.array([*expression, sealed], np.float32)), frame)
    rest = head.vertices(identity, np.zeros(len(ARKIT), np.float32))
    mesh = _mesh(stage, f"{root}/Mesh", head, rest)
    UsdSkel.BindingAPI.Apply(skel_root.GetPrim())
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    joint = (head.vertex_eye + 1).astype(np.int32)
    binding.CreateJointIndicesPrimvar(False, 1).Set(Vt.IntArray.FromNumpy(joint))
    binding.CreateJointWeightsPrimvar(False, 1).Set(Vt.FloatArray([1.0] * len(rest)))
    binding.CreateBlendShapesAttr(list(SHAPES))
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    targets = binding.CreateBlendShapeTargetsRel()
    for name, moved in zip(SHAPES, person_shapes(head, rest), strict=True):
        targets.AddTarget(_blend_shape(stage, f"{mesh.GetPath()}/{name}", moved))


def person_shapes(head: Head, rest: Float) -> Float:
    """The shapes (53, V, 3) of a person at `rest` (V, 3): a blink closes this person's eyes."""
    shapes = np.concatenate([head.expression_basis, np.zeros_like(head.expression_basis[:1])])
    for index in BLINK:
        weights = np.zeros(len(ARKIT), np.float32)
        weights[index] = 1.0
        shapes[index] = head.settle(rest + shapes[index], weights) - rest
    weights = np.zeros(len(ARKIT), np.float32)
    weights[[JAW_OPEN, MOUTH_CLOSE]] = 1.0
    posed = rest + shapes[JAW_OPEN] + shapes[MOUTH_CLOSE]
    shapes[-1] = head.settle(posed, weights) - posed
    return shapes


def _skeleton(stage: Any, path: str, centers: Float) -> Any:
    from pxr import Gf, UsdSkel, Vt

    skeleton = UsdSkel.Skeleton.Define(stage, path)
    skeleton.CreateJointsAttr(list(JOINTS))
    still = Vt.Matrix4dArray(
        [Gf.Matrix4d(1.0).SetTranslate(Gf.Vec3d(*map(float, c))) for c in _joints(centers)]
    )
    skeleton.CreateBindTransformsAttr(still)
    skeleton.CreateRestTransformsAttr(still)  # the head's joint stands at the origin: local is global
    return skeleton


def _joints(centers: Float) -> Float:
    return np.concatenate([np.zeros((1, 3), np.float32), centers])


def _animation(stage: Any, path: str, centers: Float, gaze: Float, frames: Sequence[int]) -> Any:
    from pxr import Gf, UsdSkel, Vt

    animation = UsdSkel.Animation.Define(stage, path)
    animation.CreateBlendShapesAttr(list(SHAPES))
    animation.CreateJointsAttr(list(JOINTS))
    animation.CreateTranslationsAttr(Vt.Vec3fArray.FromNumpy(_joints(centers).astype(np.float32)))
    animation.CreateScalesAttr(Vt.Vec3hArray([Gf.Vec3h(1, 1, 1)] * len(JOINTS)))
    rotations = animation.CreateRotationsAttr()
    for frame, look in zip(frames, gaze, strict=True):
        turns = [Gf.Quatf(*_quaternion(float(yaw), float(pitch))) for yaw, pitch in look]
        rotations.Set(Vt.QuatfArray([Gf.Quatf(1.0), *turns]), frame)
    return animation


def _quaternion(yaw: float, pitch: float) -> tuple[float, float, float, float]:
    """The rotation of `likeness.head.model.eye_rotation` as w, x, y, z."""
    cy, sy, cp, sp = np.cos(yaw / 2), np.sin(yaw / 2), np.cos(pitch / 2), np.sin(pitch / 2)
    return float(cy * cp), float(-cy * sp), float(sy * cp), float(sy * sp)


def _blend_shape(stage: Any, path: str, moved: Float) -> Any:
    from pxr import UsdSkel, Vt

    shape = UsdSkel.BlendShape.Define(stage, path)
    rows = np.flatnonzero(np.abs(moved).max(axis=1) > 1e-5).astype(np.int32)
    shape.CreateOffsetsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(moved[rows])))
    shape.CreatePointIndicesAttr(Vt.IntArray.FromNumpy(rows))
    return shape.GetPath()
