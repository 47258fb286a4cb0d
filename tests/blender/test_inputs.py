"""What each thing of Blender becomes as an input, and what is said where it cannot be one."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from likeness.media import MovieWriter, write_layers
from likeness.media.image import Image
from tests.blender.conftest import Blender

SIZE = (64, 48)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float picture, a sequence 11-14, a movie of 5 frames and a sound's worth of nothing."""
    folder = tmp_path_factory.mktemp("mé dia")
    rng = np.random.default_rng(3)
    for frame in range(11, 15):
        pixels = rng.uniform(-0.5, 4.0, (SIZE[1], SIZE[0], 4)).astype(np.float32)
        write_layers(folder / f"seq.{frame:04d}.exr", {"comp": Image(pixels, ("R", "G", "B", "A"))})
    write_layers(folder / "still.exr", {"comp": Image(pixels, ("R", "G", "B", "A"))})
    with MovieWriter(folder / "clip.mov", 24, *SIZE) as movie:
        for _ in range(5):
            movie.write(Image(np.full((SIZE[1], SIZE[0], 3), 0.25, np.float32), ("R", "G", "B")))
    return folder


def pixels(path: str | Path) -> np.ndarray:
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT))


def _take(media: str, folder: str) -> dict[str, Any]:
    import os
    from pathlib import Path

    import bpy
    from bl_ext.user_default.likeness import inputs, properties, schemas, versions

    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 20
    scene.render.resolution_x, scene.render.resolution_y = 64, 48
    effect = schemas.find("tiny")
    settings = properties.settings(scene, effect)
    pick = settings.inputs.plate
    told = {}

    def take(name: str, frames: tuple[int, int] = (1, 20)) -> None:
        taken = inputs.take(scene, effect, settings, frames, None, Path(folder), True)
        told[name] = [
            taken.paths["plate"],
            taken.offset,
            taken.start,
            taken.still,
            taken.colorspace,
            taken.clip or taken.image,
        ]

    def load(name: str) -> Any:
        return bpy.data.images.load(os.path.join(media, name), check_existing=False)

    pick.source = "IMAGE"
    pick.image = load("still.exr")
    take("still")
    take("part of a still", (9, 12))
    take("a still before the scene", (-5, 3))
    pick.image.colorspace_settings.name = "ACEScg"
    take("still in another space")
    pick.image.colorspace_settings.name = "Linear Rec.709"
    pick.image.pixels[0] = 5.0
    pick.image.update()
    take("painted")
    pick.image = load("still.exr")
    pick.image.pack()
    take("packed")
    pick.image = bpy.data.images.new("made", 8, 4, float_buffer=True)
    pick.image.pixels = [3.0, -0.5, 100.0, 1.0] * 32
    take("made")
    pick.image = bpy.data.images.new("bytes", 8, 4)
    pick.image.pixels = [1.0, 0.5, 0.0, 1.0] * 32
    take("bytes")
    pick.image = load("seq.0011.exr")
    pick.image.source = "SEQUENCE"
    take("sequence")
    pick.image = load("clip.mov")
    take("movie")

    pick.source = "CLIP"
    pick.clip = bpy.data.movieclips.load(os.path.join(media, "seq.0011.exr"))
    pick.clip.frame_start = 101
    take("clip of a sequence")
    pick.clip = bpy.data.movieclips.load(os.path.join(media, "clip.mov"))
    pick.clip.frame_start = 50
    take("clip of a movie")

    pick.source = "STRIP"
    strips = versions.strips(scene.sequence_editor_create())
    images = strips.new_image("Pictures", os.path.join(media, "seq.0011.exr"), 1, 7)
    for number in (12, 13, 14):
        images.elements.append(f"seq.00{number}.exr")
    movie = strips.new_movie("Film", os.path.join(media, "clip.mov"), 2, 30)
    movie.frame_offset_start = 2
    pick.strip = "Pictures"
    take("strip of pictures")
    pick.strip = "Film"
    take("strip of a movie")

    pick.source, pick.path = "PATH", os.path.join(media, "seq.####.exr")
    take("path")
    return told


def test_pictures(blender: Blender, media: Path, tmp_path: Path) -> None:
    told = blender.run(_take, media=str(media), folder=str(tmp_path))
    same, rec709 = str(media / "still.exr"), "lin_rec709"
    sequence, movie = str(media / "seq.####.exr"), str(media / "clip.mov")
    assert told["still"] == [same, 0, 1, True, rec709, "still.exr"]
    # What moves a still begins where the scene does, whatever part of it is run.
    assert told["part of a still"] == told["still"]
    assert told["a still before the scene"][1:3] == [-6, -5]
    assert told["still in another space"][4] == "ACEScg"
    assert told["sequence"] == [sequence, 0, 11, False, rec709, "seq.0011.exr"]
    assert told["movie"] == [movie, 0, 1, False, "auto", "clip.mov"]
    assert told["clip of a sequence"] == [sequence, 90, 101, False, rec709, "seq.0011.exr"]
    assert told["clip of a movie"] == [movie, 49, 50, False, "auto", "clip.mov"]
    assert told["strip of pictures"][:4] == [sequence, -4, 7, False]
    # A strip that is trimmed still shows frame 3 of the film at frame 32 of the scene.
    assert told["strip of a movie"][:4] == [movie, 29, 30, False]
    assert told["path"] == [sequence, 0, 11, False, "auto", ""]

    original = pixels(media / "still.exr")
    painted, packed = pixels(told["painted"][0]), pixels(told["packed"][0])
    assert painted[-1, 0, 0] == 5.0 and np.array_equal(painted.reshape(-1)[4:100], painted.reshape(-1)[4:100])
    changed = painted != original
    assert changed.sum() == 1
    assert np.array_equal(packed, original)
    np.testing.assert_array_equal(pixels(told["made"][0]), np.tile(np.float32([3, -0.5, 100, 1]), (4, 8, 1)))
    assert told["bytes"][0].endswith(".png")
    np.testing.assert_allclose(pixels(told["bytes"][0])[0, 0, :3], [1, 0.5, 0], atol=1 / 255)


def _performances(folder: str) -> dict[str, Any]:
    from pathlib import Path

    import bpy
    from bl_ext.user_default.likeness import faces, inputs, properties, schemas

    scene = bpy.context.scene
    effect = next(e for e in schemas.known() if any(i["columns"] for i in e["inputs"]))
    settings = properties.settings(scene, effect)
    declared = next(i for i in effect["inputs"] if i["columns"])
    plate = next(i for i in effect["inputs"] if i["required"])
    picture = bpy.data.images.new("made", 8, 8)
    pick = getattr(settings.inputs, plate["name"])
    pick.source, pick.image = "IMAGE", picture
    pick = getattr(settings.inputs, declared["name"])

    def take() -> list[Any]:
        taken = inputs.take(scene, effect, settings, (5, 8), None, Path(folder), True)
        return [taken.paths[declared["name"]], taken.offset, taken.start, list(taken.rows)]

    cube = bpy.data.objects["Cube"]
    faces.give_face(cube)
    cube.likeness_face.mouthPucker = 0.3
    for frame, value in ((5, 0.0), (8, 0.6)):
        cube.likeness_face.jawOpen = value
        cube.keyframe_insert("likeness_face.jawOpen", frame=frame)
    told = {}
    pick.source, pick.object = "FACE", cube
    told["face"] = take()
    driver = cube.driver_add("likeness_face.browInnerUp").driver
    driver.expression = "frame / 10"
    told["driven"] = take()
    told["frame"] = scene.frame_current

    cube = bpy.data.objects.new("Other", cube.data.copy())
    scene.collection.objects.link(cube)
    cube.shape_key_add(name="Basis")
    shape = cube.shape_key_add(name="Jaw_Open")
    for frame, value in ((21, 0.0), (23, 1.0)):
        shape.value = value
        shape.keyframe_insert("value", frame=frame)
    pick.source, pick.action = "ACTION", cube.data.shape_keys.animation_data.action
    told["action"] = take()
    return told


def rows(path: str) -> list[dict[str, float]]:
    with open(path, encoding="utf-8") as file:
        return [{k: float(v) for k, v in row.items() if k != "Timecode"} for row in csv.DictReader(file)]


def test_performances(blender: Blender, tmp_path: Path) -> None:
    told = blender.run(_performances, folder=str(tmp_path))
    path, offset, start, span = told["face"]
    table = rows(path)
    assert (offset, start, span) == (4, 5, [5, 8])
    # Four frames, and more than as many of rest behind them.
    assert len(table) == 9 and all(
        value == 0 for row in table[4:] for k, value in row.items() if k != "BlendshapeCount"
    )
    jaw = [row["JawOpen"] for row in table[:4]]
    assert jaw[0] == 0 and jaw[3] == pytest.approx(0.6) and 0 < jaw[1] < jaw[2] < 0.6
    assert [row["MouthPucker"] for row in table[:4]] == pytest.approx([0.3] * 4)
    assert [row["BrowInnerUp"] for row in rows(told["driven"][0])[:4]] == pytest.approx([0.5, 0.6, 0.7, 0.8])
    assert told["frame"] == 1
    path, offset, start, span = told["action"]
    assert (offset, start, span) == (20, 21, [21, 23]), told
    assert [row["JawOpen"] for row in rows(path)[:3]] == pytest.approx([0, 0.5, 1], abs=1e-6)


def _camera_render(folder: str) -> dict[str, Any]:
    import bpy
    from bl_ext.user_default.likeness import jobs, properties, schemas

    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.device = 1, "CPU"
    scene.render.resolution_x, scene.render.resolution_y = 32, 24
    scene.render.resolution_percentage = 100
    scene.world.color = (0.2, 0.4, 0.8)
    scene.frame_start, scene.frame_end, scene.frame_current = 3, 4, 7
    before = [
        scene.render.filepath,
        scene.render.image_settings.file_format,
        scene.frame_start,
        scene.frame_end,
    ]
    settings = properties.settings(scene, schemas.find("tiny"))
    settings.inputs.plate.source, settings.output = "RENDER", folder
    done = bpy.ops.likeness.run(effect="tiny")
    after = [
        scene.render.filepath,
        scene.render.image_settings.file_format,
        scene.frame_start,
        scene.frame_end,
    ]
    request = jobs.queue[-1].request
    return {
        "done": sorted(done),
        "same": before == after and scene.frame_current == 7,
        "plate": request["inputs"]["plate"],
        "frames": jobs.queue[-1].results[0]["meta"]["frames"],
    }


def test_the_active_cameras_render(blender: Blender, tmp_path: Path) -> None:
    told = blender.run(_camera_render, folder=str(tmp_path))
    assert told["done"] == ["FINISHED"] and told["same"] and told["frames"] == [3, 4]
    plate = pixels(told["plate"].replace("####", "0003"))
    made = pixels(tmp_path / "tiny.0003.exr")
    assert plate.shape[:2] == (24, 32)
    np.testing.assert_array_equal(made[12:, :, :3], plate[12:, :, :3].astype(np.float16).astype(np.float32))
