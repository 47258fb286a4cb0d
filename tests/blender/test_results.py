"""Every kind of result in a real Blender: pixel by pixel, key by key, in one undo step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from likeness.media import write_layers
from likeness.media.image import Image
from tests.blender.conftest import Blender

FIRST, COUNT, SIZE = 1001, 3, (64, 40)


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three frames of scene-linear float, with values above 1 and below 0."""
    folder = tmp_path_factory.mktemp("plätte 'n")
    rng = np.random.default_rng(7)
    for frame in range(FIRST, FIRST + COUNT):
        pixels = rng.uniform(-0.5, 3.0, (SIZE[1], SIZE[0], 3)).astype(np.float16).astype(np.float32)
        pixels[0, 0] = 3.0, -0.5, 100.0
        write_layers(folder / f"sh ot.{frame}.exr", {"comp": Image(pixels, ("R", "G", "B"))})
    return folder / "sh ot.####.exr"


def pixels(path: str | Path, part: int = 0) -> np.ndarray:
    return np.asarray(oiio.ImageBuf(str(path), part, 0).get_pixels(oiio.FLOAT))


def frame_of(pattern: Path, frame: int) -> Path:
    return pattern.with_name(pattern.name.replace("####", str(frame)))


def _sequence(plate: str, folder: str) -> dict[str, Any]:
    import bpy
    from bl_ext.user_default.likeness import properties, schemas, versions

    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 64, 40
    scene.render.resolution_percentage = 100
    source = bpy.data.images.load(plate)
    source.source = "SEQUENCE"
    settings = properties.settings(scene, schemas.find("tiny"))
    settings.inputs.plate.source, settings.inputs.plate.image = "IMAGE", source
    settings.params.gain, settings.output = 3.0, folder
    settings.as_compositor = settings.as_strip = settings.as_background = True
    done = bpy.ops.likeness.run(effect="tiny")

    image = next(i for i in bpy.data.images if i.name == "Tiny Test")
    editor = scene.sequence_editor
    strip = next(s for s in versions.strips(editor) if s.type == "IMAGE")
    background = scene.camera.data.background_images[0]
    tree = versions.compositor_tree(scene)
    node = next(n for n in tree.nodes if n.type == "GROUP")

    # Nothing of the scene itself is rendered.
    for other in [n for n in tree.nodes if n.type == "R_LAYERS"]:
        tree.nodes.remove(other)
    # What the compositor makes of the group's outputs is what an artist gets.
    settings_of_image = scene.render.image_settings
    if hasattr(settings_of_image, "media_type"):
        settings_of_image.media_type = "IMAGE"
    settings_of_image.file_format, settings_of_image.color_depth = "OPEN_EXR", "32"
    rendered = {}
    for output in ("Image", "Matte"):
        tree.links.new(node.outputs[output], versions.compositor_output(tree).inputs[0])
        scene.render.use_sequencer = False
        scene.frame_set(1002)
        scene.render.filepath = f"{folder}/{output}_composited.exr"
        bpy.ops.render.render(write_still=True)
        rendered[output] = scene.render.filepath
    scene.render.use_sequencer, scene.render.use_compositing = True, False
    scene.frame_start = scene.frame_end = 1003
    scene.render.filepath = f"{folder}/strip_####"
    bpy.ops.render.render(animation=True)
    return {
        "done": sorted(done),
        "image": [image.source, image.filepath, image.colorspace_settings.name, image.users],
        "background": [
            background.image == image,
            background.image_user.frame_start,
            background.image_user.frame_duration,
            background.image_user.frame_offset,
        ],
        "strip": [strip.frame_final_start, strip.frame_final_end, len(strip.elements)],
        "outputs": [output.name for output in node.outputs],
        "rendered": rendered,
        "format": settings_of_image.file_format,
    }


def test_sequence(blender: Blender, plate: Path, tmp_path: Path) -> None:
    told = blender.run(_sequence, plate=str(frame_of(plate, FIRST)), folder=str(tmp_path))
    assert told["done"] == ["FINISHED"]
    source, path, colorspace, users = told["image"]
    assert source == "SEQUENCE" and colorspace == "Linear Rec.709" and users >= 3
    assert Path(path).name == f"tiny.{FIRST}.exr"
    assert told["background"] == [True, FIRST, COUNT, FIRST - 1]
    assert told["strip"] == [FIRST, FIRST + COUNT, COUNT]
    assert told["outputs"] == ["Image", "Matte"]

    before = pixels(frame_of(plate, FIRST + 1))
    half = SIZE[1] // 2
    made = pixels(tmp_path / f"tiny.{FIRST + 1}.exr")
    assert np.array_equal(made[half:], before[half:])
    composited = pixels(told["rendered"]["Image"])[..., :3]
    assert np.array_equal(composited, made)
    np.testing.assert_allclose(composited[:half], before[:half] * 3, rtol=1e-3)
    matte = pixels(told["rendered"]["Matte"])[..., 0]
    assert matte[:half].min() == 1 and matte[half:].max() == 0
    # The sequencer goes through its own color space and keeps 1e-4.
    strip = pixels(tmp_path / "strip_1003.exr")[..., :3]
    np.testing.assert_allclose(strip, pixels(tmp_path / "tiny.1003.exr"), rtol=1e-3, atol=1e-3)


def _all_kinds(plate: str, folder: str) -> dict[str, Any]:
    import bpy
    from bl_ext.user_default.likeness import properties, schemas, versions

    scene = bpy.context.scene
    mesh = bpy.data.objects["Cube"]
    for name in ("Basis", "JawOpen", "mouthSmile_L", "unrelated"):
        mesh.shape_key_add(name=name)
    armature = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for name in ("spine", "Head"):
        bone = armature.data.edit_bones.new(name)
        bone.head, bone.tail = (0, 0, 1), (0, 0.2, 1.3)
    bpy.ops.object.mode_set(mode="OBJECT")
    mesh.parent = armature
    settings = properties.settings(scene, schemas.find("tiny"))
    settings.inputs.plate.source, settings.inputs.plate.path = "PATH", plate
    settings.target, settings.retarget, settings.output = mesh, 0.5, folder
    settings.params.title = 'a "quoted" ü'
    done = bpy.ops.likeness.run(effect="tiny")

    def curves(owner: Any) -> dict[str, Any]:
        action = owner.animation_data.action
        return {
            f"{c.data_path}[{c.array_index}]": [list(p.co) for p in c.keyframe_points]
            for c in versions.fcurves(action)
        }

    collection = bpy.data.collections["Tiny Test"]
    head = next(o for o in collection.objects if o.type == "EMPTY" and o.name.startswith("Tiny Test Face"))
    model = next(o for o in collection.objects if o.type == "MESH")
    place = {}
    for frame in (1001, 1003):
        scene.frame_set(frame)
        bone = armature.pose.bones["Head"]
        turned = (armature.matrix_world @ bone.matrix @ bone.bone.matrix_local.inverted()).to_3x3()
        place[frame] = {
            "empty": [list(row) for row in head.matrix_world],
            "model": [list(row) for row in model.parent.matrix_world],
            "lens": next(o for o in collection.objects if o.type == "CAMERA").data.lens,
            "jaw": model.data.shape_keys.key_blocks["jawOpen"].value,
            "bone": [list(row) for row in turned],
        }
    sound = next(s for s in versions.strips(scene.sequence_editor) if s.type == "SOUND")
    return {
        "done": sorted(done),
        "shapes": curves(mesh.data.shape_keys),
        "place": place,
        "camera": sorted(o.name for o in collection.objects if o.type == "CAMERA"),
        "materials": len(model.data.materials),
        "keys": len(model.data.shape_keys.key_blocks),
        "armature": sum(o.type == "ARMATURE" for o in collection.objects),
        "sound": [sound.frame_final_start, sound.frame_final_end, sound.channel, sound.sound.filepath],
        "text": [t.as_string() for t in bpy.data.texts],
        "message": [j.message for j in __import__("bl_ext.user_default.likeness.jobs", fromlist=["x"]).queue],
        "range": [scene.frame_start, scene.frame_end],
        "caches": len(bpy.data.cache_files),
    }


def test_every_other_kind(blender: Blender, plate: Path, tmp_path: Path) -> None:
    told = blender.run(_all_kinds, plate=str(plate), folder=str(tmp_path))
    assert told["done"] == ["FINISHED"] and told["range"] == [1, 250] and told["caches"] == 0
    frames = list(range(FIRST, FIRST + COUNT))

    shapes = told["shapes"]
    assert set(shapes) == {'key_blocks["JawOpen"].value[0]', 'key_blocks["mouthSmile_L"].value[0]'}
    # Half of 0, 0.5, 1 by the retarget strength.
    assert shapes['key_blocks["JawOpen"].value[0]'] == [
        [f, v] for f, v in zip(frames, (0, 0.25, 0.5), strict=True)
    ]
    assert shapes['key_blocks["mouthSmile_L"].value[0]'] == [[f, 0.0] for f in frames]
    assert "'Cube' has no shape key for eyeBlinkLeft" in told["message"][0]
    assert "and 44 more; the text 'Tiny Test missing shapes' lists them" in told["message"][0]
    listed = next(text for text in told["text"] if text.startswith("'Cube' has no shape key for:"))
    assert len(listed.split("\n")) == 52 and "jawForward\n" in listed and "jawOpen" not in listed

    track = json.loads((tmp_path / "tiny.json").read_text())
    flip = np.diag([1.0, -1.0, -1.0, 1.0])
    upright = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    for index, frame in ((0, "1001"), (2, "1003")):
        pose = np.array(track["frames"][index]["faces"][0]["head_pose"])
        pose[:3, 3] *= 0.01
        wanted = upright @ flip @ pose
        found = told["place"][frame]
        np.testing.assert_allclose(found["empty"], wanted, atol=1e-5)
        np.testing.assert_allclose(np.array(found["model"])[:3, 3], wanted[:3, 3], atol=1e-5)
        turn = np.array(found["model"])[:3, :3]
        np.testing.assert_allclose(turn / np.linalg.norm(turn, axis=0), wanted[:3, :3], atol=1e-5)
        assert found["jaw"] == pytest.approx(index / 2, abs=1e-6)
    # The head turns half of 0.3 rad to its left: about the vertical, and it looks along -Y.
    cos, sin = np.cos(0.15), np.sin(0.15)
    np.testing.assert_allclose(
        told["place"]["1003"]["bone"], [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], atol=1e-5
    )
    assert told["camera"] and len(told["camera"]) == 1
    focal_px = {str(frame): shot["lens"]["focal_px"] for shot in track["shots"] for frame in shot["frames"]}
    for frame, at in told["place"].items():
        assert at["lens"] == pytest.approx(36 * focal_px[frame] / max(track["size_px"]), rel=1e-5)
    assert told["materials"] == 1 and told["keys"] == 54 and told["armature"] == 1
    start, end, channel, path = told["sound"]
    assert (start, end, channel) == (FIRST, FIRST + COUNT, 1) and path.endswith("tiny.wav")
    assert any('a \\"quoted\\" ü' in text for text in told["text"])


def _one_undo_step(plate: str, folder: str) -> dict[str, Any]:
    import bpy
    from bl_ext.user_default.likeness import properties, schemas

    def seen() -> dict[str, list[str]]:
        return {
            name: sorted(each.name for each in getattr(bpy.data, name))
            for name in (
                "objects",
                "images",
                "actions",
                "texts",
                "collections",
                "sounds",
                "materials",
                "meshes",
            )
        }

    settings = properties.settings(bpy.context.scene, schemas.find("tiny"))
    settings.inputs.plate.source, settings.inputs.plate.path = "PATH", plate
    settings.output = folder
    bpy.ops.ed.undo_push(message="before")
    before = seen()
    done = bpy.ops.likeness.run("EXEC_DEFAULT", True, effect="tiny")
    after = seen()
    bpy.ops.ed.undo()
    undone = seen()
    bpy.ops.ed.redo()
    redone = seen()
    kept = properties.settings(bpy.context.scene, schemas.find("tiny")).inputs.plate.path
    return {
        "done": sorted(done),
        "before": before,
        "after": after,
        "undone": undone,
        "redone": redone,
        "kept": kept == plate,
    }


def test_results_are_one_undo_step(blender: Blender, plate: Path, tmp_path: Path) -> None:
    told = blender.run(_one_undo_step, plate=str(plate), folder=str(tmp_path))
    assert told["done"] == ["FINISHED"]
    assert told["undone"] == told["before"] != told["after"] == told["redone"]
    assert told["kept"]


def _bring_in_again(plate: str, folder: str) -> dict[str, Any]:
    import bpy
    from bl_ext.user_default.likeness import jobs, properties, schemas, versions

    settings = properties.settings(bpy.context.scene, schemas.find("tiny"))
    settings.inputs.plate.source, settings.inputs.plate.path = "PATH", plate
    settings.output = folder
    mesh = bpy.data.objects["Cube"]
    bpy.context.view_layer.objects.active = mesh
    bpy.ops.likeness.run(effect="tiny")
    first = jobs.queue[-1].message
    face = next(o for o in bpy.data.objects if o.name.startswith("Tiny Test Face"))
    paths = [curve.data_path for curve in versions.fcurves(face.animation_data.action)]
    on_sliders = "likeness_face.jawOpen" in paths and "location" in paths
    mesh.shape_key_add(name="Basis")
    mesh.shape_key_add(name="jawOpen")
    again = bpy.ops.likeness.bring_in()
    return {
        "first": first,
        "sliders": on_sliders,
        "again": sorted(again),
        "action": mesh.data.shape_keys.animation_data.action.name,
        "second": jobs.queue[-1].message,
    }


def test_without_shape_keys_the_sliders_take_it_and_it_can_come_again(
    blender: Blender, plate: Path, tmp_path: Path
) -> None:
    told = blender.run(_bring_in_again, plate=str(plate), folder=str(tmp_path))
    assert told["sliders"] and told["again"] == ["FINISHED"]
    assert told["action"] == "Tiny Test Cube" and "has no shape key for" in told["second"]


def _undo_meanwhile(plate: str, folder: str) -> dict[str, Any]:
    import bpy
    from bl_ext.user_default.likeness import jobs, operators, properties, schemas

    bpy.ops.ed.undo_push(message="first")
    settings = properties.settings(bpy.context.scene, schemas.find("tiny"))
    settings.inputs.plate.source, settings.inputs.plate.path = "PATH", plate
    settings.output = folder
    bpy.ops.ed.undo_push(message="settings")
    told: dict[str, Any] = {"said": []}

    class Said:
        def report(self, kinds: set[str], words: str) -> None:
            told["said"].append([*kinds, words])

    job = jobs.prepare(bpy.context, schemas.find("tiny"))
    jobs.add(job)
    job.start()
    bpy.ops.ed.undo()
    for _ in job.wait():
        pass
    told["undone"] = sorted(operators.finish(Said(), job))
    told["images"] = [i.name for i in bpy.data.images if i.name.startswith("Tiny")]
    bpy.data.scenes.new("Other")
    bpy.data.scenes["Scene"].name = "Renamed"
    objects = len(bpy.data.objects)
    told["gone"] = sorted(operators.finish(Said(), job))
    told["same"] = objects == len(bpy.data.objects)
    return told


def test_an_undo_meanwhile_and_a_scene_that_is_gone(blender: Blender, plate: Path, tmp_path: Path) -> None:
    told = blender.run(_undo_meanwhile, plate=str(plate), folder=str(tmp_path))
    assert told["undone"] == ["FINISHED"] and told["images"] == ["Tiny Test"], told
    assert told["gone"] == ["CANCELLED"] and told["same"]
    assert "The scene 'Scene' is gone" in told["said"][-1][1]


def _node(plate: str, folder: str) -> dict[str, Any]:
    import bpy
    from bl_ext.user_default.likeness import jobs, properties, results, schemas, versions

    scene = bpy.context.scene
    tree = versions.compositor_tree(scene) or versions.make_compositor_tree(scene)
    source = tree.nodes.new("CompositorNodeImage")
    source.image = bpy.data.images.load(plate)
    out = versions.compositor_output(tree)
    tree.links.new(source.outputs[0], out.inputs[0])
    settings = properties.settings(scene, schemas.find("tiny"))
    settings.inputs.plate.source, settings.inputs.plate.image = "IMAGE", source.image
    settings.as_compositor, settings.output = True, folder
    job = jobs.prepare(bpy.context, schemas.find("tiny"))
    job.landing.node = source.name
    jobs.add(job)
    job.start()
    for _ in job.wait():
        pass
    pictures = [result for result in job.results if result["kind"] == "sequence"]
    notes = results.bring_in(pictures, job.landing)
    link = out.inputs[0].links[0]
    return {
        "notes": notes,
        "from": [link.from_node.type, link.from_socket.name],
        "images": [
            n.image.name
            for g in bpy.data.node_groups
            if g.name == "Tiny Test"
            for n in g.nodes
            if n.type == "IMAGE"
        ],
        "landing": str(job.landing),
        "kept": tree.nodes.get(source.name) is not None,
    }


def test_a_group_takes_the_place_of_the_node(blender: Blender, plate: Path, tmp_path: Path) -> None:
    told = blender.run(_node, plate=str(frame_of(plate, FIRST)), folder=str(tmp_path))
    assert told["notes"] == [] and told["from"] == ["GROUP", "Image"] and told["kept"], told
    assert set(told["images"]) == {"Tiny Test"}


def _formats() -> list[list[str]]:

    from bl_ext.user_default.likeness import results

    def model(*names: str) -> list[dict[str, Any]]:
        return [{"name": name, "kind": "model", "path": f"/x/{name}", "meta": {}} for name in names]

    report = {"name": "report", "kind": "report", "path": "/x/ada.json", "meta": {}}
    lists = [
        model("ada.glb", "ada.usdc", "ada.vrm"),
        model("ada.vrm", "ada.usdc"),
        [*model("ada.glb", "hat.glb"), report],
    ]
    return [[each["name"] for each in results._distinct(one)] for one in lists]


def test_a_model_in_several_formats_comes_in_once(blender: Blender) -> None:
    assert blender.run(_formats) == [["ada.glb"], ["ada.usdc"], ["ada.glb", "hat.glb", "report"]]
