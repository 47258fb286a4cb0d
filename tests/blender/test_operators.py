"""Every operator, on a real picture, with nothing but the zip."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.blender.conftest import HERE, ROOT, Blender


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face of 256 pixels."""
    from skimage import data

    path = tmp_path_factory.mktemp("operators") / "a portrait.png"
    Image.fromarray(data.astronaut()[:256, 96:352]).save(path)
    return path


def test_every_operator_is_run_by_a_test() -> None:
    declared = {
        name
        for file in (ROOT / "blender_addon").rglob("*.py")
        for name in re.findall(r'bl_idname = "likeness\.(\w+)"', file.read_text("utf-8"))
    }
    tests = "".join(file.read_text("utf-8") for file in HERE.glob("test_*.py"))
    assert declared and {name for name in declared if f"ops.likeness.{name}(" not in tests} == set()


def _in_the_editors(portrait: str, folder: str) -> dict[str, Any]:
    import bpy
    from bl_ext.user_default.likeness import jobs, properties, schemas, versions

    scene, window = bpy.context.scene, bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    told: dict[str, Any] = {}

    def editor(kind: str, tree: str = "") -> Any:
        area.type = kind
        if tree:
            area.ui_type = tree
        return bpy.context.temp_override(window=window, area=area, space_data=area.spaces.active)

    told["worker"] = sorted(bpy.ops.likeness.check_worker())
    bpy.ops.likeness.choose(effect="reanimate")
    told["shown"] = scene.likeness.effect
    settings = properties.settings(scene, schemas.find("reanimate"))
    picture = bpy.data.images.load(portrait)

    with editor("IMAGE_EDITOR"):
        area.spaces.active.image = picture
        bpy.ops.likeness.use_current(effect="reanimate", input="plate")
    told["plate"] = [settings.inputs.plate.source, settings.inputs.plate.image.name]
    cube = bpy.data.objects["Cube"]
    bpy.context.view_layer.objects.active = cube
    bpy.ops.likeness.add_face()
    settings.inputs.driver.source = "NONE"
    with editor("VIEW_3D"):
        bpy.ops.likeness.use_current(effect="reanimate", input="driver")
    told["driver"] = [settings.inputs.driver.source, settings.inputs.driver.object.name]
    with editor("TEXT_EDITOR"):
        settings.inputs.holdout.source = "NONE"
        bpy.ops.likeness.use_current(effect="reanimate", input="holdout")
    told["holdout"] = settings.inputs.holdout.source

    with editor("NODE_EDITOR", "CompositorNodeTree"):
        tree = versions.compositor_tree(scene) or versions.make_compositor_tree(scene)
        area.spaces.active.node_tree = tree
        node = tree.nodes.new("CompositorNodeImage")
        node.image = picture
        tree.nodes.active = node
        cube.likeness_face.jawOpen = 0.6
        settings.frames, settings.output = "CURRENT", folder
        told["run"] = sorted(bpy.ops.likeness.run_on_node(effect="reanimate"))
        taken = [each.label for each in tree.nodes if each.type == "GROUP"]
    told["group"] = taken
    told["runs"] = [job.status for job in jobs.queue]

    bpy.ops.likeness.cancel()
    try:
        bpy.ops.likeness.open_folder(path=folder + "/not there")
    except RuntimeError as error:
        told["folder"] = str(error)
    bpy.ops.likeness.forget()
    told["left"] = len(jobs.queue)
    return told


@pytest.mark.slow
def test_operators_take_what_an_editor_shows(blender: Blender, portrait: Path, tmp_path: Path) -> None:
    told = blender.run(_in_the_editors, timeout_s=900, portrait=str(portrait), folder=str(tmp_path / "out"))
    assert told["worker"] == told["run"] == ["FINISHED"]
    assert told["shown"] == "reanimate" and told["plate"] == ["IMAGE", "a portrait.png"]
    assert told["driver"] == ["FACE", "Cube"] and told["holdout"] == "NONE"
    assert told["group"] == ["Reanimate Face"] and told["runs"] == ["done"]
    assert "is not there yet; run an effect first." in told["folder"] and told["left"] == 0
    assert len(list((tmp_path / "out").rglob("*.exr"))) == 1
