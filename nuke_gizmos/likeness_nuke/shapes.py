"""Tracks and head turns as the values of Nuke's nodes.

A track counts pixels from the top left, Nuke from the bottom left, both to pixel corners. Its camera looks
along +Z with Y down (OpenCV), Nuke's along -Z with Y up. Lengths are centimeters, as in the head's USD.
"""

from __future__ import annotations

import math
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from likeness_nuke import script

Matrix = List[List[float]]
Node = Tuple[str, str, List[str], Dict[str, Any], Dict[str, str]]

HEAD = ("HeadYaw", "HeadPitch", "HeadRoll")
APERTURE_MM = 36.0
# A rectangle before the face in head space, cm: bottom left, bottom right, top right, top left as one looks
# at the face, so the first is at the character's right.
PLANE_CM = ((-6.0, -7.5, 9.5), (6.0, -7.5, 9.5), (6.0, 6.0, 9.5), (-6.0, 6.0, 9.5))
_FLIP = (1.0, -1.0, -1.0, 1.0)

# Type, display width and name of the columns of Tracker4's table, and below the order of a row's values:
# as Nuke saves it, which many published scripts and exporters of trackers show alike.
_COLUMNS = """\
{ 5 1 20 enable e 1 } { 3 1 75 name name 1 } { 2 1 58 track_x track_x 1 } { 2 1 58 track_y track_y 1 }
{ 2 1 63 offset_x offset_x 1 } { 2 1 63 offset_y offset_y 1 } { 4 1 27 T T 1 } { 4 1 27 R R 1 }
{ 4 1 27 S S 1 } { 2 0 45 error error 1 } { 1 1 0 error_min error_min 1 } { 1 1 0 error_max error_max 1 }
{ 1 1 0 pattern_x pattern_x 1 } { 1 1 0 pattern_y pattern_y 1 } { 1 1 0 pattern_r pattern_r 1 }
{ 1 1 0 pattern_t pattern_t 1 } { 1 1 0 search_x search_x 1 } { 1 1 0 search_y search_y 1 }
{ 1 1 0 search_r search_r 1 } { 1 1 0 search_t search_t 1 } { 2 1 0 key_track key_track 1 }
{ 2 1 0 key_search_x key_search_x 1 } { 2 1 0 key_search_y key_search_y 1 }
{ 2 1 0 key_search_r key_search_r 1 } { 2 1 0 key_search_t key_search_t 1 }
{ 2 1 0 key_track_x key_track_x 1 } { 2 1 0 key_track_y key_track_y 1 } { 2 1 0 key_track_r key_track_r 1 }
{ 2 1 0 key_track_t key_track_t 1 } { 2 1 0 key_centre_offset_x key_centre_offset_x 1 }
{ 2 1 0 key_centre_offset_y key_centre_offset_y 1 }"""


def turned(yaw: float, pitch: float, roll: float) -> Matrix:
    """The matrix (4, 4) of a head turn in radians: yaw * pitch * roll, so roll applies first."""
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    cr, sr = math.cos(roll), math.sin(roll)
    return [
        [cy * cr + sy * sp * sr, sy * sp * cr - cy * sr, sy * cp, 0.0],
        [cp * sr, cp * cr, -sp, 0.0],
        [cy * sp * sr - sy * cr, sy * sr + cy * sp * cr, cy * cp, 0.0],
        [0.0, 0.0, 0.0, 1.0],
    ]


def matrix_curves(frames: Sequence[int], matrices: Sequence[Matrix]) -> str:
    """Animated matrices (4, 4) as a `matrix` knob has them, row by row, the travel in the last column."""
    rows = []
    for row in range(4):
        cells = [script.curve(frames, [m[row][column] for m in matrices]) for column in range(4)]
        rows.append("{" + " ".join(cells) + "}")
    return " ".join(rows)


def face_nodes(base: str, track: Mapping[str, Any], place: int) -> list[Node]:
    """Tracker4, CornerPin2D and Axis2 of one face of a track, keyed where the face was seen."""
    seen = [(f["frame"], f["faces"][place]) for f in track["frames"] if len(f["faces"]) > place]
    frames = [frame for frame, _ in seen]
    height = float(track["size_px"][1])
    nodes: list[Node] = []
    key = next((name for name in seen[0][1] if name.startswith("points") and name.endswith("_px")), None)
    if key is not None:
        points = [[(x, height - y) for x, y in face[key]] for _, face in seen]
        nodes.append(_tracker(base, frames, points))
    corners = [[(x, height - y) for x, y in _corners(lens_at(track, frame), face)] for frame, face in seen]
    nodes.append(_corner_pin(base + "_pin", frames, corners))
    if "head_pose" in seen[0][1]:
        poses = [flipped(face["head_pose"]) for _, face in seen]
        moving = {"matrix": matrix_curves(frames, poses)}
        nodes.append(("Axis2", base + "_head", [], {"useMatrix": True}, moving))
    return nodes


def flipped(pose: Matrix) -> Matrix:
    """Camera-from-head in Nuke's camera axes."""
    return [[_FLIP[row] * value for value in values] for row, values in enumerate(pose)]


def lens_at(track: Mapping[str, Any], frame: int) -> Mapping[str, Any]:
    """The lens of the shot in which a frame is."""
    for shot in track.get("shots", ()):
        if shot["frames"][0] <= frame <= shot["frames"][1]:
            return shot["lens"]
    return track["lens"]


def camera(name: str, track: Mapping[str, Any]) -> Node:
    """The lens as a camera at the origin, with the film back that the focal length is written for.

    Where shots have lenses of their own, the focal length is a curve.
    """
    width, height = track["size_px"]
    x, y = track["lens"]["center_px"]
    values = {
        "focal": track["lens"]["focal_px"] / width * APERTURE_MM,
        "haperture": APERTURE_MM,
        "vaperture": APERTURE_MM * height / width,
    }
    # The window's travel counts in halves of the width, both ways, and against the picture: so Nuke's own
    # nukescripts.snap3d projects points through a camera.
    shift = [
        f"win_translate {{{script.number(1 - 2 * x / width)} {script.number((2 * y - height) / width)}}}"
    ]
    frames = [entry["frame"] for entry in track.get("frames", ())]
    focal = [lens_at(track, frame)["focal_px"] / width * APERTURE_MM for frame in frames]
    moving = {"focal": script.curve(frames, focal)} if len(set(focal)) > 1 else {}
    return "Camera2", name, shift, values, moving


def _corners(lens: Mapping[str, Any], face: Mapping[str, Any]) -> list[tuple[float, float]]:
    """The face's plane in pixels, y down; without a pose the corners of its box."""
    if "head_pose" not in face:
        left, top, right, bottom = face["box_px"]
        return [(left, bottom), (right, bottom), (right, top), (left, top)]
    focal, (cx, cy) = lens["focal_px"], lens["center_px"]
    found = []
    for corner in PLANE_CM:
        x, y, z = (sum(a * b for a, b in zip(row, (*corner, 1.0))) for row in list(face["head_pose"])[:3])
        found.append((x / z * focal + cx, y / z * focal + cy))
    return found


def _tracker(name: str, frames: Sequence[int], points: Sequence[Sequence[tuple[float, float]]]) -> Node:
    """One track a point, for a match move by translation, rotation and scale."""
    rows = []
    flat = script.curve(frames[:1], [0.0])
    for index in range(len(points[0])):
        x = script.curve(frames, [at[index][0] for at in points])
        y = script.curve(frames, [at[index][1] for at in points])
        on = script.curve(frames[:1], [1.0])
        rows.append(
            '{{ {} "point {}" {} {} {} {} 1 1 1 {} 1 0 -32 -32 32 32 -22 -22 22 22 {}}}'.format(
                on, index + 1, x, y, flat, flat, flat, "{} " * 11
            )
        )
    table = "{{ 1 31 {} }}\n{{ {} }}\n{{\n{}\n}}".format(len(rows), _COLUMNS, "\n".join(rows))
    values = {"reference_frame": frames[0]}
    return "Tracker4", name, [], values, {"tracks": table}


def _corner_pin(name: str, frames: Sequence[int], corners: Sequence[Sequence[tuple[float, float]]]) -> Node:
    """From where the face's plane is in the first frame to where it is in every frame."""
    moving = {}
    for index in range(4):
        moving[f"to{index + 1}"] = script.curves(frames, [at[index] for at in corners])
        x, y = corners[0][index]
        moving[f"from{index + 1}"] = f"{script.number(x)} {script.number(y)}"
    return "CornerPin2D", name, [], {}, moving
