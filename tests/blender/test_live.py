"""Face sliders: they drive an effect that takes a performance, and the frame shows at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from likeness.media import open_source
from tests.blender.conftest import Blender


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face of 256 pixels."""
    from skimage import data

    path = tmp_path_factory.mktemp("live") / "portrait.png"
    Image.fromarray(data.astronaut()[:256, 96:352]).save(path)
    return path


def _slide(portrait: str, folder: str) -> dict[str, Any]:
    import os
    import shutil
    import time

    import bpy
    from bl_ext.user_default.likeness import live, properties

    scene = bpy.context.scene
    scene.frame_set(12)
    cube = bpy.data.objects["Cube"]
    bpy.context.view_layer.objects.active = cube
    bpy.ops.likeness.add_face()
    effect = live.preview_effect(bpy.context)
    settings = properties.settings(scene, effect)
    plate = next(i for i in effect["inputs"] if "picture" in i["kinds"] and i["required"])
    pick = getattr(settings.inputs, plate["name"])
    pick.source, pick.path = "PATH", portrait
    took = {}
    for name, value in (("rest", 0.0), ("open", 0.8), ("back", 0.0)):
        cube.likeness_face.jawOpen = value
        start = time.monotonic()
        bpy.ops.likeness.preview()
        took[name] = time.monotonic() - start
        shutil.copy(bpy.path.abspath(bpy.data.images["Likeness Preview"].filepath), f"{folder}/{name}.jpg")
    own = os.path.dirname(bpy.path.abspath(bpy.data.images["Likeness Preview"].filepath))
    scene.frame_set(20)
    bpy.ops.likeness.key_face()
    keyed = cube.animation_data.action.frame_range[:]
    bpy.ops.likeness.reset_face()
    return {
        "effect": effect["name"],
        "images": [i.name for i in bpy.data.images if i.name.startswith("Likeness")],
        "files": len(os.listdir(own)),
        "sections": list(live.sections()),
        "keyed": list(keyed),
        "took": took,
    }


@pytest.mark.slow
def test_sliders_show_at_once(blender: Blender, portrait: Path, tmp_path: Path) -> None:
    told = blender.run(_slide, portrait=str(portrait), folder=str(tmp_path))
    print(told)
    shown = {}
    for name in ("rest", "open", "back"):
        with open_source(tmp_path / f"{name}.jpg") as source:
            shown[name] = source.read(1).pixels[..., :3]
    mouth = np.abs(shown["open"] - shown["rest"])
    assert shown["rest"].shape == (256, 256, 3)
    assert mouth.max() > 0.05 and np.array_equal(shown["rest"], shown["back"])
    # The corners are far from the face.
    assert mouth[:20, :20].max() < 0.02
    assert told["images"] == ["Likeness Preview"] and told["files"] == 1
    assert told["keyed"] == [20, 20]
    assert {"Jaw", "Mouth", "Eye", "Brow", "Rotation"} <= set(told["sections"])


def _nothing_to_drive() -> list[str]:
    import bpy

    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
    bpy.ops.likeness.add_face()
    try:
        return sorted(bpy.ops.likeness.preview())
    except RuntimeError as error:
        return [str(error)]


def test_a_preview_without_a_picture_says_so(blender: Blender) -> None:
    (told,) = blender.run(_nothing_to_drive)
    assert "no image is chosen" in told
