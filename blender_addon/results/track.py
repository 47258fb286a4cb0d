"""A track: an animated head before a camera, its points on the movie clip, cuts as markers."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import math
from typing import Any

import bpy
from mathutils import Matrix

from .. import animation, faces
from ..errors import Trouble
from . import Landing
from .report import add_markers

SENSOR_MM = 36.0
CM = 0.01
# The track's camera looks along +Z with Y down, Blender's along -Z with Y up.
FLIP = Matrix.Diagonal((1.0, -1.0, -1.0, 1.0))
UPRIGHT = Matrix.Rotation(math.radians(90), 4, "X")


def bring_in(scene: Any, result: dict[str, Any], landing: Landing) -> list[str]:
    """Bring a track in as a camera, one empty for each head, and tracks of the movie clip."""
    track = read(result["path"])
    heads = _heads(track)
    if not heads:
        raise Trouble(f"The track {result['path']} has no face in any frame; choose another face or plate.")
    home = landing.home(scene)
    camera = bpy.data.objects.get(landing.camera) if landing.camera else None
    if camera is None:
        camera = _add_camera(home, track, landing)
        landing.camera = camera.name
    bpy.context.view_layer.update()
    stand = camera.matrix_world.to_quaternion().to_matrix().to_4x4()
    stand.translation = camera.matrix_world.translation
    for index, (frames, poses) in enumerate(heads):
        head = _add_head(home, landing, index)
        matrices = [stand @ _to_meters(FLIP @ pose) for pose in poses]
        animation.key_transform(head, f"{head.name} Motion", [f + landing.offset for f in frames], matrices)
        if index == 0:
            landing.face = head.name
    if landing.source_clip:
        _add_tracks(track, landing)
    if landing.markers:
        add_markers(scene, [(frame, "Cut") for frame in track.get("cuts", [])], landing)
    return []


def read(path: str) -> dict[str, Any]:
    """A track file; raise `Trouble` if it is none."""
    try:
        with open(path, encoding="utf-8") as file:
            track = json.load(file)
        track["frames"], track["lens"]["focal_px"], track["size_px"][1]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise Trouble(f"The track {path} cannot be read ({error}); run the effect again.") from None
    return track


def _heads(track: dict[str, Any]) -> list[tuple[list[int], list[Matrix]]]:
    """For each face the frames it is seen in, and its poses."""
    found: dict[int, tuple[list[int], list[Matrix]]] = {}
    for entry in track["frames"]:
        for index, face in enumerate(entry["faces"]):
            frames, poses = found.setdefault(index, ([], []))
            frames.append(entry["frame"])
            poses.append(Matrix(face["head_pose"]))
    return [found[index] for index in sorted(found)]


def _to_meters(pose: Matrix) -> Matrix:
    pose.translation *= CM
    return pose


def _add_camera(home: Any, track: dict[str, Any], landing: Landing) -> Any:
    data = bpy.data.cameras.new(f"{landing.label} Camera")
    width, height = track["size_px"]
    longer = max(width, height)
    data.sensor_width = SENSOR_MM
    data.lens = SENSOR_MM * track["lens"]["focal_px"] / longer
    center = track["lens"].get("center_px", (width / 2, height / 2))
    data.shift_x = (width / 2 - center[0]) / longer
    data.shift_y = (center[1] - height / 2) / longer
    data.clip_start = CM
    camera = bpy.data.objects.new(data.name, data)
    camera.matrix_world = UPRIGHT
    home.objects.link(camera)
    return camera


def _add_head(home: Any, landing: Landing, index: int) -> Any:
    head = bpy.data.objects.new(f"{landing.label} Face {index + 1}", None)
    head.empty_display_type = "ARROWS"
    head.empty_display_size = 0.12
    home.objects.link(head)
    faces.give_face(head)
    return head


def _add_tracks(track: dict[str, Any], landing: Landing) -> None:
    """The points of every face as tracks of the clip that the picture came from."""
    clip = bpy.data.movieclips.get(landing.source_clip)
    if clip is None:
        return
    width, height = track["size_px"]
    tracks = clip.tracking.objects.new(landing.label).tracks
    made: dict[tuple[int, int], Any] = {}
    for entry in track["frames"]:
        # Frames of a clip count from 1 at its start.
        frame = entry["frame"] + landing.offset - clip.frame_start + 1
        for index, face in enumerate(entry["faces"]):
            for point, (x, y) in enumerate(face["points68_px"]):
                key = index, point
                if key not in made:
                    made[key] = tracks.new(name=f"Face {index + 1} Point {point + 1:02d}", frame=frame)
                made[key].markers.insert_frame(frame, co=(x / width, 1 - y / height))
