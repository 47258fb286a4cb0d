"""The tracked head comes out as USD that any host can read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom, UsdSkel, UsdValidation

from likeness.errors import BadOutput
from likeness.head.model import load_head
from likeness.head.usd import write_head_usd
from likeness.performance import ARKIT

FRAMES = (1001, 1002, 1003)
FOCAL_PX = [2400.0] * 3
SIZE = (1920, 1080)


@pytest.fixture(scope="module")
def shot() -> dict[str, np.ndarray]:
    """Three frames of a person who blinks, opens the mouth with sealed lips, looks aside and turns."""
    rng = np.random.default_rng(3)
    expressions = np.zeros((3, 52), np.float32)
    expressions[1, [ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight")]] = 1
    expressions[2, [ARKIT.index("jawOpen"), ARKIT.index("mouthClose")]] = 0.6, 0.6
    gaze = np.zeros((3, 2, 2), np.float32)
    gaze[2] = 0.3, -0.2
    pose = np.repeat(np.diag([1.0, -1.0, -1.0, 1.0])[None], 3, 0)
    pose[:, :3, 3] = [[1, 2, 60], [2, 2, 60], [3, 2, 60]]
    identity = rng.standard_normal(len(load_head().identity_basis)).astype(np.float32)
    return {"identity": identity, "expressions": expressions, "gaze": gaze, "head_pose": pose}


@pytest.fixture(scope="module")
def stage(shot: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Usd.Stage:
    path = tmp_path_factory.mktemp("usd") / "head.usdc"
    write_head_usd(path, load_head(), **shot, focal_px=FOCAL_PX, size=SIZE, fps=24.0, frames=FRAMES)
    return Usd.Stage.Open(str(path))


def skinned(stage: Usd.Stage, frame: int) -> np.ndarray:
    """Points of the head in world space, as a host's own UsdSkel computes them."""
    prim = stage.GetPrimAtPath("/Shot/Head/Person/Mesh")
    cache = UsdSkel.Cache()
    root = UsdSkel.Root(stage.GetPrimAtPath("/Shot/Head/Person"))
    cache.Populate(root, Usd.PrimDefaultPredicate)
    query = cache.GetSkinningQuery(prim)
    skeleton = cache.GetSkelQuery(UsdSkel.Skeleton(stage.GetPrimAtPath("/Shot/Head/Person/Skeleton")))
    blend = UsdSkel.BlendShapeQuery(UsdSkel.BindingAPI(prim))
    weights = skeleton.GetAnimQuery().ComputeBlendShapeWeights(frame)
    weights = query.GetBlendShapeMapper().Remap(weights)
    sub, index, shape = blend.ComputeSubShapeWeights(weights)
    points = UsdGeom.Mesh(prim).GetPointsAttr().Get()
    blend.ComputeDeformedPoints(
        sub, index, shape, blend.ComputeBlendShapePointIndices(), blend.ComputeSubShapePointOffsets(), points
    )
    query.ComputeSkinnedPoints(skeleton.ComputeSkinningTransforms(frame), points, frame)
    to_world = UsdGeom.XformCache(frame).GetLocalToWorldTransform(prim)
    return np.array([to_world.Transform(Gf.Vec3d(*map(float, p))) for p in points])


def test_the_stage_is_valid(stage: Usd.Stage) -> None:
    registry = UsdValidation.ValidationRegistry()
    checks = [
        n for n in registry.GetAllValidatorMetadata() if n.name.startswith(("usdGeom", "usdSkel", "usdV"))
    ]
    validators = registry.GetOrLoadValidatorsByName([n.name for n in checks])
    errors = UsdValidation.ValidationContext(validators).Validate(stage)
    assert [e.GetMessage() for e in errors] == []


def test_units_and_frames_are_said(stage: Usd.Stage) -> None:
    assert UsdGeom.GetStageMetersPerUnit(stage) == 0.01
    assert UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.y
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (1001, 1003)
    assert stage.GetTimeCodesPerSecond() == 24


def test_another_shot_has_another_lens(shot: dict[str, np.ndarray], tmp_path: Path) -> None:
    lenses = [2400.0, 1200.0, 1200.0]
    write_head_usd(
        tmp_path / "a.usda", load_head(), **shot, focal_px=lenses, size=SIZE, fps=24.0, frames=FRAMES
    )
    stage = Usd.Stage.Open(str(tmp_path / "a.usda"))
    focal = UsdGeom.Camera(stage.GetPrimAtPath("/Shot/Camera")).GetFocalLengthAttr()
    assert [focal.Get(frame) * SIZE[0] / 36 for frame in FRAMES] == pytest.approx(lenses)


@pytest.mark.parametrize("row", range(3))
def test_a_host_sees_the_head_where_the_tracker_put_it(
    stage: Usd.Stage, shot: dict[str, np.ndarray], row: int
) -> None:
    """Vertices through shapes, joints, head motion and camera land on the tracker's pixels."""
    head = load_head()
    vertices = head.vertices(shot["identity"], shot["expressions"][row], shot["gaze"][row])
    pose = shot["head_pose"][row]
    camera_cv = vertices @ pose[:3, :3].T + pose[:3, 3]
    wanted = camera_cv[:, :2] / camera_cv[:, 2:] * 2400 + np.array(SIZE) / 2
    world = skinned(stage, FRAMES[row])
    camera = UsdGeom.Camera(stage.GetPrimAtPath("/Shot/Camera")).GetCamera(FRAMES[row])
    seen = np.array([camera.frustum.ComputeViewMatrix().Transform(Gf.Vec3d(*p)) for p in world])
    across = camera.focalLength / camera.horizontalAperture * SIZE[0]
    pixels = np.stack([seen[:, 0], -seen[:, 1]], 1) / -seen[:, 2:] * across + np.array(SIZE) / 2
    assert np.abs(pixels - wanted).max() < 0.8  # 0.2 mm: where lips touch, shapes are nearly additive


def test_weights_stay_curves_by_arkit_name(stage: Usd.Stage, shot: dict[str, np.ndarray]) -> None:
    animation = UsdSkel.Animation(stage.GetPrimAtPath("/Shot/Head/Person/Animation"))
    assert tuple(animation.GetBlendShapesAttr().Get())[:52] == ARKIT
    weights = [animation.GetBlendShapeWeightsAttr().Get(f)[:52] for f in FRAMES]
    assert np.allclose(weights, shot["expressions"])


def test_every_face_belongs_to_one_named_part(stage: Usd.Stage) -> None:
    mesh = UsdGeom.Imageable(stage.GetPrimAtPath("/Shot/Head/Person/Mesh"))
    valid, reason = UsdGeom.Subset.ValidateFamily(mesh, UsdGeom.Tokens.face, "part")
    assert valid, reason


def test_a_place_that_cannot_be_written_is_named(shot: dict[str, np.ndarray], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "head.usdc"
    with pytest.raises(BadOutput, match=r"head\.usdc"):
        write_head_usd(path, load_head(), **shot, focal_px=FOCAL_PX, size=SIZE, fps=24.0, frames=FRAMES)
