"""A tour of the extension in Blender's window: each stop is looked at, and a screenshot is saved.

`gui.sh` starts Blender with this file. The tour is a generator that yields how many seconds Blender gets
to itself before the next step; a timer drives it. A step that fails ends Blender with exit code 1.
"""

import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

import addon_utils
import bpy

SHOTS = "/likeness/shots"
MEDIA = "/likeness/media"
LOG = Path(SHOTS, "log.txt")
BEFORE = time.monotonic()
FIRST, LAST, SMILE = 80, 103, 98


def log(*words):
    with LOG.open("a") as file:
        print(f"{time.monotonic() - BEFORE:7.1f}", *words, file=file)


def shot(name):
    """Save what is on the screen; Blender's own screenshots come out black here."""
    subprocess.run(["import", "-window", "root", f"{SHOTS}/{name}.png"], check=True)
    log("shot", name)


def look(name):
    """Let Blender draw everything anew, then save what is on the screen."""
    for each in bpy.context.window_manager.windows:
        for area in each.screen.areas:
            area.tag_redraw()
    yield 1
    shot(name)


def press(*keys):
    subprocess.run(["xdotool", "key", *keys], check=True)


def point(x, y):
    """Put the mouse somewhere; y counts from the top."""
    subprocess.run(["xdotool", "mousemove", str(round(x)), str(round(y))], check=True)


def window():
    return bpy.context.window_manager.windows[0]


def largest():
    return max(window().screen.areas, key=lambda area: area.width * area.height)


def region_of(area, kind):
    return next(region for region in area.regions if region.type == kind)


def editor(kind, tree=""):
    """Turn the largest area into an editor whose sidebar is open; return the area."""
    area = largest()
    area.ui_type = tree or kind
    area.spaces.active.show_region_ui = True
    return area


def in_area(area, operator, *args, **keys):
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area, "WINDOW")):
        return operator(*args, **keys)


def show_tab(area):
    region_of(area, "UI").active_panel_category = "Likeness"
    area.tag_redraw()


def package():
    return sys.modules["bl_ext.user_default.likeness"]


def queue():
    return package().jobs.queue


def until(condition, limit_s, what):
    """Let Blender go on until something is so."""
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {limit_s} s")
        yield 0.1


def tour():
    yield 2
    scene = bpy.context.scene
    area = editor("IMAGE_EDITOR")
    yield 1
    show_tab(area)
    yield from look("01_empty")

    picture = bpy.data.images.load(MEDIA + "/portrait.png")
    area.spaces.active.image = picture
    bpy.ops.likeness.choose(effect="reanimate")
    settings = scene.likeness.effects.reanimate
    settings.inputs.plate.source, settings.inputs.plate.image = "IMAGE", picture
    settings.inputs.driver.source = "PATH"
    settings.inputs.driver.path = MEDIA + "/performance.csv"
    in_area(area, bpy.ops.image.view_all, fit_view=True)
    yield from look("02_ready")
    # The panel alone has the worker compile.
    preparation = package().worker.preparation
    yield from until(lambda: preparation.compiles or not preparation.under_way, 60, "preparing")
    assert preparation.compiles, "the effect was ready at once in an empty profile"
    yield 2
    yield from look("02_preparing")

    in_area(area, bpy.ops.likeness.run, "INVOKE_DEFAULT", effect="reanimate")
    point(600, 500)
    yield from until(lambda: queue()[-1].done >= 6, 1500, "some frames")
    assert queue()[-1].active, queue()[-1].text
    yield from look("03_running")
    pressed = time.monotonic()
    press("Escape")
    yield from until(lambda: not queue()[-1].active, 10, "Esc ends the run")
    log(f"Esc took {time.monotonic() - pressed:.2f} s")
    assert queue()[-1].status == "cancelled", queue()[-1].status
    yield from look("04_stopped")

    settings.frames, settings.first, settings.last = "CUSTOM", FIRST, LAST
    in_area(area, bpy.ops.likeness.run, "INVOKE_DEFAULT", effect="reanimate")
    yield from until(lambda: queue()[-1].done >= SMILE - FIRST - 4 or not queue()[-1].active, 600, "a smile")
    yield 0.5
    yield from look("05_smiling")
    yield from until(lambda: not queue()[-1].active, 600, "the second run ends")
    assert queue()[-1].status == "done", queue()[-1].text
    yield 1
    shown = area.spaces.active.image
    assert shown.source == "SEQUENCE", f"the editor still shows {shown.name}"
    scene.frame_set(SMILE)
    yield from look("06_result")

    for number, (kind, tree) in enumerate(
        [("VIEW_3D", ""), ("CLIP_EDITOR", ""), ("SEQUENCE_EDITOR", ""), ("NODE_EDITOR", "CompositorNodeTree")]
    ):
        area = editor(kind, tree)
        yield 1
        show_tab(area)
        yield from look(f"{7 + number:02}_{kind.lower()}")

    yield from sliders(settings, picture)
    yield from camera_render(settings, picture)

    bpy.context.window_manager.likeness_search = "zebra"
    yield from look("11_nothing_found")
    bpy.context.window_manager.likeness_search = ""

    bpy.ops.screen.userpref_show(section="EXTENSIONS" if bpy.app.version >= (4, 2) else "ADDONS")
    yield 1
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Likeness"
    yield 1
    listed = addon_utils.addons_fake_modules["bl_ext.user_default.likeness"]
    addon_utils.module_bl_info(listed)["show_expanded"] = True
    yield from look("12_preferences")
    log("all of it")


def sliders(settings, picture):
    """A face slider moves, and its frame follows in the image editor below."""
    area = editor("VIEW_3D")
    cube = bpy.data.objects["Cube"]
    bpy.context.view_layer.objects.active = cube
    bpy.ops.likeness.add_face()
    settings.inputs.plate.source, settings.inputs.plate.image = "IMAGE", picture
    bpy.context.window_manager.likeness_live = True
    live = package().live
    for value in (0.2, 0.4, 0.6):
        moved = time.monotonic()
        cube.likeness_face.jawOpen = value
        yield from until(lambda: not live._wanted and not live._running, 300, "a preview")
        log(f"a slider's frame took {time.monotonic() - moved:.2f} s")
        assert live.PREVIEW in bpy.data.images
    bpy.context.window_manager.likeness_live = False
    area = editor("IMAGE_EDITOR")
    area.spaces.active.image = bpy.data.images[live.PREVIEW]
    yield 1
    show_tab(area)
    yield from look("11_sliders")
    area = editor("VIEW_3D")
    yield 1
    show_tab(area)
    yield from look("11_sliders_panel")


def camera_render(settings, picture):
    """The active camera's render is the plate: Blender renders it beside its interface."""
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_plane_add(size=1, location=(0, 0, 5))
    plane = bpy.context.object
    plane.scale = (1, picture.size[1] / picture.size[0], 1)
    material = bpy.data.materials.new("Picture")
    material.use_nodes = True
    tree = material.node_tree
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = picture
    glow = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(texture.outputs["Color"], glow.inputs["Color"])
    out = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL")
    tree.links.new(glow.outputs[0], out.inputs["Surface"])
    plane.data.materials.append(material)
    camera = scene.camera
    camera.location, camera.rotation_euler = (0, 0, 8), (0, 0, 0)
    camera.data.type, camera.data.ortho_scale = "ORTHO", max(1, picture.size[1] / picture.size[0])
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.cycles.use_denoising = False  # Debian's Cycles cannot, and stops the render
    scene.render.resolution_x, scene.render.resolution_y = (side // 2 * 2 for side in picture.size)
    settings.inputs.plate.source = "RENDER"
    settings.frames, settings.first, settings.last = "CUSTOM", 1, 4
    before = scene.frame_start, scene.frame_end, scene.render.filepath
    area = editor("VIEW_3D")
    yield 1
    show_tab(area)
    in_area(area, bpy.ops.likeness.run, "INVOKE_DEFAULT", effect="reanimate")
    yield 0.3
    yield from look("11_camera_render")
    yield from until(lambda: not queue()[-1].active, 900, "the run over the camera's render")
    assert queue()[-1].status == "done", queue()[-1].text
    assert before == (scene.frame_start, scene.frame_end, scene.render.filepath)
    area = editor("IMAGE_EDITOR")
    area.spaces.active.image = [each for each in bpy.data.images if "likeness_frames" in each][-1]
    yield 1
    yield from look("11_camera_result")


def drive():
    try:
        return next(TOUR)
    except StopIteration:
        code = 0
    except BaseException:
        log(traceback.format_exc())
        shot("failed")
        code = 1
    print(LOG.read_text(), flush=True)
    os._exit(code)


TOUR = tour()
bpy.app.timers.register(drive, first_interval=1.0)
