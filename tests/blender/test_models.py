"""A person into real Blender and out again: what the core wrote is what an artist and an engine get."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness import performance
from likeness.human.assemble import Character, Dressing, Material, Part, make_character, make_figure
from likeness.human.face_parts import lashes
from likeness.human.gltf import write_glb
from likeness.human.hair import grow_hair, hair_strands
from likeness.human.look import Look
from likeness.human.sliders import head_identity
from likeness.human.usd import write_usd
from likeness.performance import ARKIT
from tests.blender.conftest import Blender

SHAPES = ("jawOpen", "eyeBlinkLeft", "mouthSmileRight", "tongueOut")


@pytest.fixture(scope="module")
def person() -> Character:
    """A man with all levels, a texture and a recipe."""
    figure = make_figure(head_identity({"nose_length": 0.5}, seed=7, sex=1.0, age=50), {"sex": 1.0})
    color = np.random.default_rng(0).uniform(0, 1, (16, 16, 3)).astype(np.float32)
    dressing = Dressing(materials=[Material("head", color, normal=color * 0 + np.float32([0, 0, 1]))])
    return make_character("Tom", figure, dressing, recipe={"likeness": {"seed": 7}})


@pytest.fixture(scope="module")
def files(person: Character, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    write_glb(folder / "Tom.glb", person)
    write_usd(folder / "Tom.usdc", person)
    weights = {"jawOpen": [0.0, 1.0], "eyeBlinkLeft": [0.0, 0.5]}
    eyes = np.array([[[0, 0, 0]] * 2, [[0.3, 0, 0]] * 2], np.float32)
    performance.write_csv(folder / "take.csv", performance.make(weights, fps=24, eyes=eyes))
    return {each.suffix[1:]: str(each) for each in folder.iterdir() if each.is_file()}


def _there_and_back(files: dict[str, str], folder: str, arrays: str, shapes: list[str]) -> dict[str, Any]:
    import bpy
    import numpy as np
    from bl_ext.user_default.likeness import exporting, results

    def grid(data: Any, name: str, count: int) -> Any:
        out = np.zeros(3 * count, np.float32)
        data.foreach_get(name, out)
        return out.reshape(-1, 3)

    def told(found: Any) -> dict[str, Any]:
        """A mesh in numbers; the places of vertices are kept for the test in core's axes and metres."""
        mesh, keys = found.data, found.data.shape_keys
        mesh.calc_loop_triangles()
        scale = np.abs(np.array(found.matrix_world)[:3, :3]).max()
        count = len(mesh.vertices)
        rest = grid(mesh.vertices, "co", count)
        kept[f"{found.name} rest"] = rest * scale
        for name in shapes if keys is not None else ():
            if name in keys.key_blocks:
                moved = grid(keys.key_blocks[name].data, "co", count) - rest
                kept[f"{found.name} {name}"] = moved * scale
        names = [group.name for group in found.vertex_groups]
        bound = [{names[g.group]: g.weight for g in v.groups if g.weight} for v in mesh.vertices]
        kept[f"{found.name} sums"] = np.array([sum(each.values()) for each in bound])
        heavy = {joint: sum(each.get(joint, 0.0) for each in bound) for joint in names}
        return {
            "vertices": count,
            "triangles": len(mesh.loop_triangles),
            "shapes": [] if keys is None else [key.name for key in keys.key_blocks[1:]],
            "most_joints": max(map(len, bound)),
            "weights": heavy,
            "materials": sorted(each.name.split(".")[0] for each in mesh.materials),
            "bound_to": found.find_armature().name if found.find_armature() else "",
        }

    def model(objects: Any) -> dict[str, Any]:
        armature = next(each for each in objects if each.type == "ARMATURE")
        return {
            "meshes": {each.name: told(each) for each in objects if each.type == "MESH"},
            "bones": {
                b.name: [b.parent.name if b.parent else "", *(armature.matrix_world @ b.head_local)]
                for b in armature.data.bones
            },
            "recipe": next((each["likeness"] for each in objects if "likeness" in each), ""),
        }

    def bring_in(suffix: str, target: str = "") -> Any:
        known = set(bpy.data.collections)
        kind = "performance" if suffix == "csv" else "model"
        landing = results.Landing(label="Take" if target else "Tom", scene=scene.name, target=target)
        notes.extend(results.bring_in([{"name": "x", "kind": kind, "path": files[suffix]}], landing))
        return next((each for each in bpy.data.collections if each not in known), None)

    def fresh() -> None:
        kinds = ("objects", "collections", "armatures", "materials", "images")
        bpy.data.batch_remove([each for kind in kinds for each in getattr(bpy.data, kind)])

    scene, notes, kept = bpy.context.scene, [], {}
    fresh()
    tom = bring_in("glb")
    out: dict[str, Any] = {"glb": model(tom.objects), "notes": notes}
    hidden = [each.name for each in tom.objects if each.hide_viewport]

    for name, options in {"Tom.fbx": {"format": "FBX"}, "Tom.blend": {"format": "BLEND"}}.items():
        path = f"{folder}/{name}"
        out[name] = sorted(bpy.ops.likeness.export_model(filepath=path, levels={"1", "3"}, **options))
    out["as before"] = [
        tom.name == "Tom",
        hidden == [each.name for each in tom.objects if each.hide_viewport],
        len(bpy.data.scenes) == 1,
        len(bpy.data.collections) == 1,
    ]

    face = bpy.data.objects["Tom_Face_LOD0"]
    bring_in("csv", face.name)
    armature = face.find_armature()
    before = [bone.matrix.copy() for bone in (armature.pose.bones["jaw"], armature.pose.bones["eye_l"])]
    scene.frame_set(2)
    jaw, eye = armature.pose.bones["jaw"], armature.pose.bones["eye_l"]
    out["take"] = {
        "jawOpen": face.data.shape_keys.key_blocks["jawOpen"].value,
        "jaw": [list(row) for row in jaw.matrix @ before[0].inverted()],
        "eye": [list(row) for row in eye.matrix @ before[1].inverted()],
    }
    depsgraph = bpy.context.evaluated_depsgraph_get()
    posed = face.evaluated_get(depsgraph).to_mesh()
    kept["posed"] = grid(posed.vertices, "co", len(posed.vertices))

    fresh()
    out["usd"] = model(bring_in("usdc").objects)
    fresh()
    bpy.ops.import_scene.fbx(filepath=f"{folder}/Tom.fbx")
    out["fbx"] = model(bpy.data.objects)
    out["fbx textures"] = [[*i.size] for i in bpy.data.images if "head_base_color" in i.name and i.has_data]
    fresh()
    with bpy.data.libraries.load(f"{folder}/Tom.blend") as (there, wanted):
        out["blend scenes"] = list(there.scenes)
        wanted.collections = list(there.collections)
    scene.collection.children.link(wanted.collections[0])
    out["blend"] = model(wanted.collections[0].objects)
    out["blend textures"] = [i.packed_file is not None for i in bpy.data.images]

    class Said:
        filepath, format, levels, collection = f"{folder}/no/where.fbx", "FBX", {"0"}, ""
        report = staticmethod(lambda kinds, words: out["said"].append([*kinds, words]))

    out["said"] = []
    wanted.collections[0][exporting.MODEL] = "x"
    for given in ({}, {"levels": {"0"}, "filepath": f"{folder}/x.fbx"}, {"collection": "Ann"}):
        said = Said()
        said.__dict__.update({"levels": {"1"}, **given})
        exporting.LIKENESS_OT_export_model.execute(said, bpy.context)
    np.savez(arrays, **kept)
    return out


@pytest.fixture(scope="module")
def told(blender: Blender, files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came in and out, and as `arrays` the places of the vertices in Blender."""
    folder = tmp_path_factory.mktemp("out")
    arrays = folder / "arrays.npz"
    found = blender.run(
        _there_and_back, files=files, folder=str(folder), arrays=str(arrays), shapes=[*SHAPES]
    )
    return {**found, "arrays": dict(np.load(arrays)), "files": sorted(p.name for p in folder.iterdir())}


def groups(person: Character) -> dict[str, list[Part]]:
    """The parts of every mesh of the GLB by its name."""
    out: dict[str, list[Part]] = {}
    for level, parts in enumerate(person.levels):
        for part in parts:
            out.setdefault(f"Tom{'_Face' if part.shapes else ''}_LOD{level}", []).append(part)
    return out


def check_mesh(found: dict[str, Any], parts: list[Part], person: Character, shapes: set[str]) -> None:
    assert found["triangles"] == sum(len(p.triangles) for p in parts)
    assert set(found["shapes"]) == shapes and len(found["shapes"]) == len(shapes)
    assert found["most_joints"] <= 4
    for joint, sum_ in found["weights"].items():
        index = person.skeleton.index(joint)
        assert sum_ == pytest.approx(sum(p.weights[p.joints == index].sum() for p in parts), abs=0.05)
    assert found["materials"] == sorted({p.material for p in parts})
    assert found["bound_to"].startswith("Skeleton")


def check_bones(found: dict[str, Any], person: Character) -> None:
    skeleton = person.skeleton
    assert set(found) == set(skeleton.names)
    for name, (parent, *place) in found.items():
        index = skeleton.index(name)
        above = skeleton.parents[index]
        assert parent == (skeleton.names[above] if above >= 0 else "")
        assert np.allclose(np.array(place), upright(skeleton.positions[index]), atol=1e-4), name


def upright(points: np.ndarray) -> np.ndarray:
    """The core's centimetres, Y up, as Blender's metres, Z up."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1) / 100


def test_a_glb_comes_in_with_every_vertex_shape_joint_and_weight(
    told: dict[str, Any], person: Character
) -> None:
    wanted, arrays = groups(person), told["arrays"]
    assert told["notes"] == [] and set(told["glb"]["meshes"]) == set(wanted)
    check_bones(told["glb"]["bones"], person)
    for name, parts in wanted.items():
        found = told["glb"]["meshes"][name]
        check_mesh(found, parts, person, set(ARKIT) if "Face" in name else set())
        assert found["vertices"] == sum(len(p.vertices) for p in parts)
        rest = np.concatenate([p.vertices for p in parts])
        assert np.allclose(arrays[f"{name} rest"], upright(rest), atol=1e-5)
        assert np.allclose(arrays[f"{name} sums"], 1, atol=1e-5)
        for shape in SHAPES if "Face" in name else ():
            moved = np.concatenate([p.shapes.get(shape, np.zeros_like(p.vertices)) for p in parts])
            assert np.allclose(arrays[f"{name} {shape}"], upright(moved), atol=1e-5), shape


def test_a_usd_comes_in_with_every_vertex_shape_joint_and_weight(
    told: dict[str, Any], person: Character
) -> None:
    arrays = told["arrays"]
    check_bones(told["usd"]["bones"], person)
    assert set(told["usd"]["meshes"]) == {p.name for p in person.levels[0]}
    for part in person.levels[0]:
        found = told["usd"]["meshes"][part.name]
        moving = {n for n in part.shapes if len(part.moved_rows(n))}
        check_mesh(found, [part], person, moving)
        assert found["vertices"] == len(part.vertices)
        assert np.allclose(arrays[f"{part.name} rest"], part.vertices / 100, atol=1e-5)
        for shape in moving & set(SHAPES):
            assert np.allclose(arrays[f"{part.name} {shape}"], part.shapes[shape] / 100, atol=2e-5)


@pytest.mark.parametrize("kind", ["fbx", "blend"])
def test_a_model_goes_out_and_is_the_same_when_read_again(
    told: dict[str, Any], person: Character, kind: str
) -> None:
    assert told[f"Tom.{kind}"] == ["FINISHED"]
    wanted = {name: parts for name, parts in groups(person).items() if name[-1] in "13"}
    assert set(told[kind]["meshes"]) == set(wanted)
    check_bones(told[kind]["bones"], person)
    for name, parts in wanted.items():
        found = told[kind]["meshes"][name]
        check_mesh(found, parts, person, set(ARKIT) if "Face" in name else set())
        assert found["vertices"] == sum(len(p.vertices) for p in parts)
    assert '"seed": 7' in told[kind]["recipe"]
    assert told["as before"] == [True] * 4
    assert told["files"] == ["Tom.blend", "Tom.fbx", "arrays.npz"]


def test_textures_go_along(told: dict[str, Any]) -> None:
    assert told["fbx textures"] == [[16, 16]]
    assert told["blend textures"] == [True, True] and told["blend scenes"] == ["Tom"]


def test_a_performance_keys_shapes_eyes_and_jaw_and_opens_the_mouth_once(
    told: dict[str, Any], person: Character
) -> None:
    assert told["take"]["jawOpen"] == 1
    parts = groups(person)["Tom_Face_LOD0"]
    rows = np.concatenate([np.full(len(p.vertices), i) for i, p in enumerate(parts)])
    teeth = next(i for i, p in enumerate(parts) if p.name == "teeth")
    part = parts[teeth]
    posed, rest = told["arrays"]["posed"][rows == teeth], upright(part.vertices)
    assert np.allclose(posed, rest + upright(part.shapes["jawOpen"]), atol=1e-4)
    lower = np.linalg.norm(part.shapes["jawOpen"], axis=1) > 1
    turn = np.array(told["take"]["jaw"])
    hung = rest[lower] @ turn[:3, :3].T + turn[:3, 3]
    assert np.linalg.norm(hung - posed[lower], axis=1).mean() < 0.001
    gaze = np.array(told["take"]["eye"])[:3, :3] @ [0, -1, 0]
    assert np.allclose(gaze, [np.sin(0.3), -np.cos(0.3), 0], atol=1e-4)


def test_what_cannot_go_out_is_told_in_one_sentence(told: dict[str, Any]) -> None:
    (no_folder, no_mesh, no_model) = (words for _, words in told["said"])
    assert "is not there; choose another." in no_folder
    assert no_mesh == "'Tom' has no mesh at the levels of detail that are chosen."
    assert no_model == "There is no model 'Ann'; bring it in again."


def _hang(path: str) -> dict[str, Any]:
    """Where hairs are at rest, with brows raised and eyes closed, and with the head lifted, in metres."""
    import bpy
    import numpy as np
    from bl_ext.user_default.likeness import results

    bpy.data.batch_remove(list(bpy.data.objects))
    landing = results.Landing(label="Ann", scene=bpy.context.scene.name, target="")
    results.bring_in([{"name": "x", "kind": "model", "path": path}], landing)
    hair = {each.name.split(".")[0]: each for each in bpy.data.objects if each.type == "CURVES"}
    head = hair["brows"].data.surface
    armature = head.find_armature()

    def places(name: str = "brows") -> Any:
        bpy.context.view_layer.update()
        found = hair[name]
        made = found.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.attributes["position"].data
        out = np.zeros(3 * len(made), np.float32)
        made.foreach_get("vector", out)
        world = np.array(found.matrix_world)
        return (out.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]).tolist()

    told: dict[str, Any] = {"surface": head.name, "rest": places(), "open": places("lashes")}
    for name in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"):
        head.data.shape_keys.key_blocks[name].value = 1.0
    told["raised"] = places()
    for key in head.data.shape_keys.key_blocks[1:]:
        key.value = float(key.name.startswith("eyeBlink"))
    told["closed"] = places("lashes")
    for key in head.data.shape_keys.key_blocks[1:]:
        key.value = 0.0
    armature.pose.bones["head"].location = (0, 0.1 / armature.matrix_world.to_scale().x, 0)
    told["lifted"] = places()
    return told


def test_hair_curves_hang_on_the_skin(blender: Blender, tmp_path: Path) -> None:
    """They go along with the face's shapes and with the skeleton, as cards do."""
    figure = make_figure(head_identity({}, seed=3, sex=-1.0, age=30), {"sex": -1.0})
    look = Look(style="bald")
    ann = replace(make_character("Ann", figure, levels=1), strands=hair_strands(look, figure))
    strands, lash = ann.strands
    assert [strands.name, lash.name] == ["brows", "lashes"]
    write_usd(tmp_path / "Ann.usdc", ann)
    told = blender.run(_hang, path=str(tmp_path / "Ann.usdc"))
    rest, raised, lifted = (np.array(told[name]) for name in ("rest", "raised", "lifted"))
    assert told["surface"].split(".")[0] == "head"
    points = strands.points.reshape(-1, 3)
    assert np.abs(rest - upright(points)).max() < 2e-4
    moved = (raised - rest).reshape(*strands.points.shape)[:, 0]
    (grown,) = grow_hair(look, figure.identity, figure.shapes / np.float32(figure.fit.scale))
    wanted = sum(grown.moved[name] for name in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"))
    wanted = np.repeat(wanted, len(strands.points) // len(wanted), 0) * figure.fit.scale / 100
    apart = np.linalg.norm(moved - np.stack([wanted[:, 0], -wanted[:, 2], wanted[:, 1]], 1), axis=1)
    assert np.median(apart) < 3e-4 and apart.max() < 3e-3, "they also turn with the skin"
    assert np.median(np.linalg.norm(moved, axis=1)) > 0.002
    assert np.allclose(np.linalg.norm(lifted - rest, axis=1), 0.1, atol=1e-3)
    opened, closed = (np.array(told[name]) for name in ("open", "closed"))
    assert np.abs(opened - upright(lash.points.reshape(-1, 3))).max() < 2e-4
    roots = (closed - opened).reshape(*lash.points.shape)[:, 0]
    blink = sum(figure.shapes[ARKIT.index(f"eyeBlink{side}")] for side in ("Left", "Right"))
    apart = np.linalg.norm(roots - upright(blink[lashes(figure.head)[:, :2]].mean(axis=1)), axis=1)
    assert np.median(apart) < 5e-4, "they go with the lids"
    assert np.linalg.norm(roots, axis=1).max() > 0.005
