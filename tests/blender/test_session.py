"""What lasts: enabling and disabling, saving and loading, presets, another list of effects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from likeness.media import write_layers
from likeness.media.image import Image
from tests.blender.conftest import Blender


def _twice() -> dict[str, Any]:
    import addon_utils
    import bpy

    name = "bl_ext.user_default.likeness"
    there = []
    before = {t for t in dir(bpy.types) if "likeness" in t.lower()}
    for _ in range(2):
        addon_utils.disable(name)
        left = [t for t in dir(bpy.types) if "likeness" in t.lower()]
        left += [
            t
            for t in ("Scene", "Object", "WindowManager")
            for p in dir(getattr(bpy.types, t))
            if "likeness" in p
        ]
        handlers = [h.__module__ for h in (*bpy.app.handlers.load_pre, *bpy.app.handlers.frame_change_post)]
        left += [module for module in handlers if "likeness" in module]
        found = addon_utils.enable(name)
        after = {t for t in dir(bpy.types) if "likeness" in t.lower()}
        there.append([left, found is not None, before == after, bpy.context.scene.likeness.effect != ""])
    handlers = [h.__module__ for h in bpy.app.handlers.load_pre]
    return {"there": there, "hung": sum("likeness" in module for module in handlers)}


def test_register_and_unregister_twice(blender: Blender) -> None:
    told = blender.run(_twice)
    assert told["there"] == [[[], True, True, True]] * 2 and told["hung"] == 1


def _save(plate: str, folder: str) -> dict[str, Any]:
    import os
    from pathlib import Path

    import bpy
    from bl_ext.user_default.likeness import faces, jobs, properties, schemas, worker

    def settings() -> Any:
        return properties.settings(bpy.context.scene, schemas.find("tiny"))

    bpy.context.scene.likeness.effect = "tiny"
    mine = settings()
    mine.inputs.plate.source = "IMAGE"
    mine.inputs.plate.image = bpy.data.images.load(plate)
    mine.params.gain, mine.params.title, mine.frames = 3.25, "été 'x' \"y\"", "CUSTOM"
    mine.first = mine.last = 1
    mine.output = folder
    cube = bpy.data.objects["Cube"]
    faces.give_face(cube)
    bpy.ops.likeness.run(effect="tiny")
    cube.animation_data_clear()
    cube.likeness_face.jawOpen = 0.5
    pid = worker.pid()
    path = os.path.join(folder, "file.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    fresh = [settings().params.gain, len(jobs.queue), worker.pid()]
    stat = Path(f"/proc/{pid}/stat")
    alive = stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
    bpy.ops.wm.open_mainfile(filepath=path)
    mine, image = settings(), bpy.data.images["Tiny Test"]
    return {
        "fresh": fresh,
        "alive": alive,
        "kept": [mine.params.gain, mine.params.title, mine.frames, mine.inputs.plate.image.name, mine.output],
        "effect": bpy.context.scene.likeness.effect,
        "slider": bpy.data.objects["Cube"].likeness_face.jawOpen,
        "image": [bpy.path.abspath(image.filepath), image.colorspace_settings.name],
    }


def test_save_and_load(blender: Blender, tmp_path: Path) -> None:
    plate = tmp_path / "plate.exr"
    write_layers(plate, {"comp": Image(np.ones((8, 8, 3), np.float32), ("R", "G", "B"))})
    told = blender.run(_save, plate=str(plate), folder=str(tmp_path))
    assert told["fresh"] == [2.0, 0, None] and not told["alive"]
    assert told["kept"] == [3.25, "été 'x' \"y\"", "CUSTOM", "plate.exr", str(tmp_path)]
    assert told["effect"] == "tiny" and told["slider"] == 0.5
    assert told["image"] == [str(tmp_path / "tiny.0001.exr"), "Linear Rec.709"]


def _presets() -> dict[str, Any]:
    import bpy
    from bl_ext.user_default.likeness import preferences, presets, properties, schemas

    settings = properties.settings(bpy.context.scene, schemas.find("tiny"))
    settings.params.gain, settings.params.title = 4.5, "kept"
    told = {"saved": sorted(bpy.ops.likeness.save_preset(effect="tiny", name="Wärm & 'soft'"))}
    told["files"] = [
        p.relative_to(preferences.own_folder("")).as_posix() for p in presets.folder("tiny").iterdir()
    ]
    bpy.ops.likeness.reset(effect="tiny")
    told["reset"] = [settings.params.gain, settings.params.title]
    bpy.ops.likeness.load_preset(effect="tiny", name="Wärm & 'soft'")
    told["loaded"] = [settings.params.gain, settings.params.title]
    path = presets.folder("tiny") / "older.json"
    path.write_text('{"gain": 1.5, "gone": 3, "title": 7}')
    bpy.ops.likeness.load_preset(effect="tiny", name="older")
    told["older"] = [settings.params.gain, settings.params.title]
    path.write_text("broken")
    for name, given in (("broken", {"name": "older"}), ("absent", {"name": "no"})):
        try:
            bpy.ops.likeness.load_preset(effect="tiny", **given)
        except RuntimeError as error:
            told[name] = str(error)
    try:
        bpy.ops.likeness.save_preset(effect="tiny", name="a/b")
    except RuntimeError as error:
        told["bad"] = str(error)
    bpy.ops.likeness.delete_preset("EXEC_DEFAULT", effect="tiny", name="Wärm & 'soft'")
    told["left"] = presets.names("tiny")
    return told


def test_presets(blender: Blender) -> None:
    told = blender.run(_presets)
    assert told["saved"] == ["FINISHED"] and told["files"] == ["presets/tiny/Wärm & 'soft'.json"]
    assert told["reset"] == [2.0, ""] and told["loaded"] == [4.5, "kept"]
    # What it does not know is left out, and the rest is taken.
    assert told["older"] == [1.5, ""]
    assert "cannot be read" in told["broken"] and "cannot be read" in told["absent"]
    assert "A preset cannot be named 'a/b'" in told["bad"]
    assert told["left"] == ["older"]


def _another_list(effects: list[dict[str, Any]]) -> dict[str, Any]:
    import bpy
    from bl_ext.user_default.likeness import operators, properties, schemas

    scene = bpy.context.scene
    settings = properties.settings(scene, schemas.find("tiny"))
    settings.params.gain = 5.0
    operators.adopt(effects)
    settings = properties.settings(scene, schemas.find("tiny"))
    other = properties.settings(scene, schemas.find("other"))
    other.params.values_ = 0.75
    return {
        "gain": settings.params.gain,
        "fresh": settings.params.fresh,
        "values": properties.values(schemas.find("other"), other),
        "found": [[pillar, [e["name"] for e in found]] for pillar, found in schemas.by_pillar("OTHER words")],
        "same": operators.adopt(effects) is None,
    }


def test_the_worker_has_another_list_of_effects(blender: Blender) -> None:
    told = json.loads((blender.extension / "effects.json").read_text("utf-8"))["effects"]
    tiny = next(effect for effect in told if effect["name"] == "tiny")
    more = {
        "name": "fresh",
        "type": "int",
        "default": 3,
        "label": "Fresh",
        "help": "New.",
        "min": 0,
        "max": 9,
    }
    more |= {"unit": "", "choices": [], "group": "", "analyzed": True}
    odd = more | {"name": "values", "type": "float", "default": 0.5, "max": 1.0}
    changed = tiny | {"params": [*tiny["params"], more]}
    other = tiny | {
        "name": "other",
        "label": "Other",
        "help": "Some words.",
        "params": [odd],
        "pillar": "face",
    }
    found = blender.run(_another_list, effects=[changed, other])
    assert found["gain"] == 5.0 and found["fresh"] == 3
    assert found["values"] == {"values": 0.75}
    assert found["found"] == [["face", ["other"]]]


def _every_parameter() -> dict[str, Any]:
    import bpy
    from bl_ext.user_default.likeness import fields, properties, schemas

    from likeness_client import forms

    told: dict[str, Any] = {"wrong": [], "effects": 0}
    reserved = {name for name in dir(bpy.types.PropertyGroup) if not name.startswith("_")}
    told["reserved"] = sorted(reserved - fields.RESERVED)
    for effect in schemas.known():
        told["effects"] += 1
        group = properties.settings(bpy.context.scene, effect)
        # Untouched, it asks for nothing but the defaults.
        if forms.request(effect, {}, properties.values(effect, group), "x")["params"]:
            told["wrong"].append(effect["name"])
        for field in fields.params(effect):
            made = group.params.bl_rna.properties[field.attribute]
            if field.fields:
                continue
            same = [made.name == field.options["name"], made.description == field.options["description"]]
            if "min" in field.options:
                same += [
                    abs(made.hard_min - field.options["min"]) < 1e-6,
                    abs(made.hard_max - field.options["max"]) < 1e-3,
                ]
            if not all(same):
                told["wrong"].append(f"{effect['name']}.{field.name}")
    return told


def test_every_parameter_of_every_effect_is_a_property(blender: Blender) -> None:
    told = blender.run(_every_parameter)
    assert told["effects"] >= 3 and told["wrong"] == [] and told["reserved"] == [], told


def _studio() -> dict[str, Any]:
    import time

    from bl_ext.user_default.likeness import operators, properties, schemas

    schemas.adopt([effect for effect in schemas.known() if effect["name"] != "tiny"])
    import bl_ext.user_default.likeness as extension

    extension.refresh()
    before = [effect["name"] for effect in schemas.known()]
    while operators.look_for_more() is not None:
        time.sleep(0.05)
    import bpy

    settings = properties.settings(bpy.context.scene, schemas.find("tiny"))
    return {"before": before, "after": [e["name"] for e in schemas.known()], "gain": settings.params.gain}


def test_a_studios_effects_appear(blender: Blender) -> None:
    told = blender.run(_studio)
    assert "tiny" not in told["before"] and "tiny" in told["after"] and told["gain"] == 2.0


def _prepared() -> dict[str, Any]:
    import time
    from types import SimpleNamespace

    import bpy
    from bl_ext.user_default.likeness import panels, schemas, worker

    said: list[str] = []
    layout = SimpleNamespace(label=lambda text, icon: said.append(text))

    def ask() -> bool:
        worker.preparation.ask("tiny")
        started = worker.preparation.under_way
        while worker.preparation.under_way:
            time.sleep(0.02)
        return started

    first, again, pid = ask(), ask(), worker.pid()
    worker.close()
    told = {"first": first, "again": again, "pid": pid, "closed": worker.pid()}
    told |= {"new worker": ask(), "compiles": worker.preparation.compiles}
    worker.close()
    # The panel asks for it, and says so where it takes long.
    worker.COMPILES_S = -1.0
    panels.draw_preparation(layout, schemas.find("tiny"))
    told["looked after"] = bpy.app.timers.is_registered(panels._while_preparing)
    return {**told, "said": said}


def test_an_effect_is_prepared_once_in_each_worker(blender: Blender) -> None:
    told = blender.run(_prepared)
    assert told["first"] and not told["again"] and told["new worker"]
    assert told["pid"] is not None and told["closed"] is None and not told["compiles"]
    assert told["said"] == ["Preparing, once after installing"] and told["looked after"]
