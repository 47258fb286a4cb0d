"""USD: valid to Pixar's own checks, with every level, shape and joint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom, UsdShade, UsdSkel, UsdValidation

from likeness import performance
from likeness.errors import BadOutput
from likeness.human.assemble import Character, Dressing, Material, make_character
from likeness.human.face_parts import lashes
from likeness.human.figure import Figure
from likeness.human.hair import hair_materials, hair_parts, hair_strands
from likeness.human.look import Look
from likeness.human.perform import perform
from likeness.human.usd import plain, write_usd
from likeness.performance import ARKIT


def complaints(stage: Usd.Stage) -> list[str]:
    registry = UsdValidation.ValidationRegistry()
    names = [n.name for n in registry.GetAllValidatorMetadata()]
    context = UsdValidation.ValidationContext(registry.GetOrLoadValidatorsByName(names))
    return [e.GetMessage() for e in context.Validate(stage)]


@pytest.fixture(scope="module")
def stage(person: Character, tmp_path_factory: pytest.TempPathFactory) -> Usd.Stage:
    path = tmp_path_factory.mktemp("usd") / "Tom.usdc"
    write_usd(path, person)
    return Usd.Stage.Open(str(path))


def test_every_level_is_valid(stage: Usd.Stage) -> None:
    lods = stage.GetPrimAtPath("/Tom").GetVariantSet("lod")
    assert lods.GetVariantNames() == ["LOD0", "LOD1", "LOD2", "LOD3"]
    assert lods.GetVariantSelection() == "LOD0"
    for level in lods.GetVariantNames():
        lods.SetVariantSelection(level)
        assert complaints(stage) == [], level
        assert stage.GetPrimAtPath(f"/Tom/Tom_{level}")
    lods.SetVariantSelection("LOD0")


def test_the_stage_says_its_units_and_what_it_is_made_from(stage: Usd.Stage) -> None:
    assert UsdGeom.GetStageMetersPerUnit(stage) == 0.01
    assert UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.y
    assert '"seed": 7' in stage.GetRootLayer().customLayerData["likeness"]


def test_the_head_has_all_shapes_by_name(stage: Usd.Stage, person: Character) -> None:
    prim = stage.GetPrimAtPath("/Tom/Tom_LOD0/head")
    names = UsdSkel.BindingAPI(prim).GetBlendShapesAttr().Get()
    mouth = UsdSkel.BindingAPI(stage.GetPrimAtPath("/Tom/Tom_LOD0/mouth")).GetBlendShapesAttr().Get()
    assert set(names) | set(mouth) == set(ARKIT)
    part = next(p for p in person.levels[0] if p.name == "head")
    shape = UsdSkel.BlendShape(stage.GetPrimAtPath("/Tom/Tom_LOD0/head/jawOpen"))
    dense = np.zeros_like(part.vertices)
    dense[np.array(shape.GetPointIndicesAttr().Get())] = np.array(shape.GetOffsetsAttr().Get())
    assert np.allclose(dense, part.shapes["jawOpen"], atol=2e-4)


def test_joints_and_weights_are_the_persons(stage: Usd.Stage, person: Character) -> None:
    skeleton = UsdSkel.Skeleton(stage.GetPrimAtPath("/Tom/Skeleton"))
    assert list(skeleton.GetJointNamesAttr().Get()) == list(person.skeleton.names)
    bind = [m.ExtractTranslation() for m in skeleton.GetBindTransformsAttr().Get()]
    assert np.allclose(bind, person.skeleton.positions, atol=1e-3)


def test_a_take_turns_the_eyes_and_opens_the_jaw(somebody: Figure, tmp_path: Path) -> None:
    character = make_character("Tom", somebody, levels=1)
    played = performance.make(
        {"jawOpen": [0.0, 0.7]}, eyes=np.array([[[0, 0, 0]] * 2, [[0.3, 0, 0]] * 2], np.float32)
    )
    write_usd(tmp_path / "take.usda", character, perform(played, character.skeleton, "unreal"))
    stage = Usd.Stage.Open(str(tmp_path / "take.usda"))
    assert complaints(stage) == []
    take = UsdSkel.Animation(stage.GetPrimAtPath("/Tom/Skeleton/Take"))
    weights = take.GetBlendShapeWeightsAttr().Get(1)
    assert weights[list(take.GetBlendShapesAttr().Get()).index("jawOpen")] == pytest.approx(0.7)
    cache = UsdSkel.Cache()
    cache.Populate(UsdSkel.Root(stage.GetPrimAtPath("/Tom")), Usd.PrimDefaultPredicate)
    query = cache.GetSkelQuery(UsdSkel.Skeleton(stage.GetPrimAtPath("/Tom/Skeleton")))
    moves = query.ComputeSkinningTransforms(1)
    eye = somebody.skeleton.index("eye_l")
    center = somebody.skeleton.positions[eye].astype(float)
    gaze = np.array(moves[eye].Transform(Gf.Vec3d(center[0], center[1], center[2] + 1))) - center
    assert np.allclose(gaze, [np.sin(0.3), 0, np.cos(0.3)], atol=1e-4)
    jaw = somebody.skeleton.index("jaw")
    chin = somebody.skeleton.positions[jaw] + np.array([0.0, -2, 8])
    hung = np.array(moves[jaw].Transform(Gf.Vec3d(*chin))) - chin
    assert hung[1] < -2 and abs(hung[0]) < 0.2


def test_textures_lie_beside_the_file(average: Figure, tmp_path: Path) -> None:
    character = make_character("T", average, levels=1)
    color = np.random.default_rng(0).uniform(0, 1, (8, 8, 3)).astype(np.float32)
    material = Material("head", color, normal=np.zeros((8, 8, 3), np.float32) + np.float32([0, 0, 1]))
    table = {m.name: m for m in (*character.materials, material)}
    write_usd(tmp_path / "T.usdc", replace(character, materials=tuple(table.values())))
    stage = Usd.Stage.Open(str(tmp_path / "T.usdc"))
    assert complaints(stage) == []
    assert sorted(p.name for p in (tmp_path / "T_textures").iterdir()) == [
        "head_base_color.png",
        "head_normal.png",
    ]
    node = UsdShade.Shader(stage.GetPrimAtPath("/T/Materials/head/base_color"))
    assert node.GetInput("file").Get().resolvedPath == str(tmp_path / "T_textures" / "head_base_color.png")


def test_names_become_what_usd_takes() -> None:
    assert [plain(n) for n in ("mixamorig:Hips", "spine.001", "2nd man", "")] == [
        "mixamorig_Hips",
        "spine_001",
        "_2nd_man",
        "_",
    ]


def test_a_place_that_cannot_be_written_is_named(person: Character, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadOutput, match=r"Tom\.usdc"):
        write_usd(tmp_path / "file" / "Tom.usdc", person)


def test_hair_as_curves_stands_in_for_its_cards_at_the_finest_level(average: Figure, tmp_path: Path) -> None:
    """Valid, bound to the head's joint, with the place of every hair in the head's texture."""
    look = Look(style="buzz", beard="goatee")
    dressing = Dressing(parts=hair_parts(look, average, 2), materials=hair_materials(look, 512))
    bearded = make_character("Tom", average, dressing, levels=2)
    strands = hair_strands(look, average)
    write_usd(tmp_path / "Tom.usdc", replace(bearded, strands=strands))
    stage = Usd.Stage.Open(str(tmp_path / "Tom.usdc"))
    assert complaints(stage) == []
    for one in strands:
        curves = UsdGeom.BasisCurves(stage.GetPrimAtPath(f"/Tom/Tom_LOD0/{one.name}"))
        assert len(curves.GetCurveVertexCountsAttr().Get()) == len(one.points)
        assert len(one.points) > 500 or (one.name, len(one.points)) == ("lashes", len(lashes(average.head)))
        assert curves.GetPrim().GetAttribute("userProperties:surface").Get() == "head"
        uv = np.array(UsdGeom.PrimvarsAPI(curves).GetPrimvar("surface_uv_coordinate").Get())
        assert uv.min() >= 0 and uv.max() <= 1
        joint = bearded.skeleton.names[one.joint]
        assert joint == "head"
        assert one.width.max() < 0.03, "cm"
    stage.GetPrimAtPath("/Tom").GetVariantSet("lod").SetVariantSelection("LOD1")
    assert UsdGeom.Mesh(stage.GetPrimAtPath("/Tom/Tom_LOD1/hair"))
