"""Finds the face on a mesh: seen from all sides, then its dense points brought back onto the surface."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.errors import BadInput
from likeness.face.detect import detect
from likeness.face.landmarks import crop_from_detection, find_points
from likeness.head import points as dense
from likeness.human.foreign.surface import Surface
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Array = NDArray[np.float64]

SEARCH_PX, CLOSE_PX = 256, 448  # sides of the pictures of the search, and of the closer ones
FACE_FILLS = 0.5  # of the picture, once the face is known
TILTS_DEG = ((0, 0), (22, 0), (-22, 0), (0, 18), (0, -18))  # yaw and pitch of the closer views
CLAY = np.array([0.75, 0.52, 0.42])
KEY = np.array([0.3, 0.5, 0.81])
SURE = 0.85  # score of a face at which no other side is looked at; a profile has up to 0.8
AWAY = 6.0  # distance of the camera, in sizes of what it looks at
EDGE = 0.25  # cosine to the view below which a surface is seen too flat to be measured


FEWEST = 6
NAMES = {
    "right_eye_outer": 36,
    "right_eye_inner": 39,
    "left_eye_inner": 42,
    "left_eye_outer": 45,
    "nose_bridge": 27,
    "nose_tip": 30,
    "nose_base": 33,
    "mouth_right": 48,
    "mouth_left": 54,
    "lip_top": 51,
    "lip_bottom": 57,
    "chin": 8,
}
LANDMARKS_HINT = (
    f"Give six or more of {', '.join(NAMES)}, each as [x, y, z] or the number of a vertex;"
    " right is the character's."
)


@dataclass(frozen=True, eq=False)
class View:
    """A picture of a surface: `turn` (3, 3) scene to view (x right, y up, z to the camera)."""

    turn: Array
    center: Array
    extent: float
    picture: Float
    index: NDArray[np.int32]
    bary: Float

    @property
    def size(self) -> int:
        """Pixels a side."""
        return len(self.picture)

    @property
    def scale(self) -> float:
        """Pixels a unit at the center's depth."""
        return self.size / self.extent


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Dense points on a surface: `rows` (N,) which, `points` (N, 3) and `sigma` (N,) in the scene's unit."""

    rows: NDArray[np.int64]
    points: Array
    sigma: Array


def find_face(surface: Surface, name: str, device: str = "auto") -> Landmarks:
    """The dense points of the one face on a surface; raises `BadInput` when none is seen.

    Which way is up and which way the face looks need not be known.
    """
    low, high = surface.points.min(0), surface.points.max(0)
    center, extent = (low + high).astype(float) / 2, float(np.ptp(surface.points, axis=0).max()) * 1.15
    best = (0.0, np.eye(3), center, extent)
    for frame in frames():
        if best[0] > SURE:
            break
        # A whole body's head is small: the upper end is looked at as well.
        for middle, span in _looks(surface, frame, center, extent):
            view = look(surface, frame, middle, span, SEARCH_PX)
            faces = detect(view.picture, device, min_size_px=32)
            if len(faces.scores) and faces.scores[0] > best[0]:
                face = on_surface(view, surface, faces.points5[0])
                side = float((faces.boxes[0, 2:] - faces.boxes[0, :2]).max()) / view.scale
                if face is not None:
                    best = (float(faces.scores[0]), frame, face, side / FACE_FILLS)
    if best[0] == 0.0:
        raise BadInput(
            f"No face was found on the mesh of '{name}'.",
            "Give a head with eyes, nose and mouth, or name its landmarks.",
        )
    return _closer(surface, *best[1:], device)


def named_landmarks(path: Path, surface: Surface) -> Landmarks:
    """Landmarks from a JSON table: a name to a place `[x, y, z]` or to the number of a vertex.

    The names are those of `NAMES`, or the Multi-PIE points by number ("0" to "67"). Raises `BadInput`.
    """
    try:
        table = json.loads(path.read_text("utf-8"))
    except (ValueError, UnicodeDecodeError):
        table = None
    if not isinstance(table, dict):
        raise BadInput(f"'{path.name}' is no table of landmarks.", LANDMARKS_HINT)
    rows, places = [], []
    for name, value in table.items():
        row = NAMES.get(name, int(name) if name.isdecimal() else -1)
        if not 0 <= row < 68:
            raise BadInput(f"There is no landmark '{name}'.", f"There are: {', '.join(NAMES)}.")
        place = _place(value, surface)
        if place is None:
            raise BadInput(f"Landmark '{name}' is no place of the mesh.", LANDMARKS_HINT)
        rows.append(row)
        places.append(place)
    if len(set(rows)) < FEWEST:
        raise BadInput(f"'{path.name}' has too few landmarks ({len(rows)}).", LANDMARKS_HINT)
    return Landmarks(np.array(rows), np.array(places), np.zeros(len(rows)))


def _place(value: object, surface: Surface) -> Array | None:
    """A place (3,) as a table names it, None if that is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return surface.points[value].astype(float) if 0 <= value < len(surface.points) else None
    try:
        place = np.array(value, float)
    except (TypeError, ValueError):
        return None
    return place if place.shape == (3,) and np.isfinite(place).all() else None


def frames() -> list[Array]:
    """The 24 ways to stand along the axes (3, 3), the likely ones first."""
    out = []
    eye = np.eye(3)
    for up, front in product(range(6), range(6)):
        u = eye[(1, 2, 0)[up % 3]] * (1 if up < 3 else -1)
        f = eye[(2, 1, 0)[front % 3]] * (1 if front < 3 else -1)
        if abs(u @ f) < 0.5:
            out.append(np.stack([np.cross(u, f), u, f]))
    return out


def _looks(surface: Surface, frame: Array, center: Array, extent: float) -> list[tuple[Array, float]]:
    """Middles and spans to look at: the whole and, where it is tall, its upper end."""
    size = np.ptp(surface.points @ frame.T, axis=0)
    if size[1] < 2.2 * size[[0, 2]].max() * 0.5:
        return [(center, extent)]
    span = 0.28 * float(size[1])
    top = center + frame[1] * (float(size[1]) / 2 - 0.4 * span)
    return [(center, extent), (top, span)]


def look(surface: Surface, turn: Array, center: Array, extent: float, size: int) -> View:
    """A picture (size, size, 3) of the surface in clay, sRGB-like."""
    seen = (surface.points - center) @ turn.T
    depth = AWAY * extent - seen[:, 2]
    focal = size * AWAY
    pixels = np.stack([seen[:, 0] / depth * focal, -seen[:, 1] / depth * focal, depth], 1)
    pixels[:, :2] += size / 2
    index, bary, _ = rasterize(pixels.astype(np.float32), surface.triangles, size, size)
    normal = np.einsum("hwk,hwkc->hwc", bary, (surface.normals @ turn.T)[surface.triangles[index]])
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    normal *= np.where(normal[..., 2:] < 0, -1, 1)
    light = 0.25 + 0.75 * np.clip(normal @ KEY, 0, 1)
    color = np.where((index >= 0)[..., None], light[..., None] * CLAY, 0.25)
    picture = (np.clip(color, 0, 1) ** (1 / 2.2)).astype(np.float32)
    return View(turn, center, extent, picture, index, bary)


def on_surface(view: View, surface: Surface, pixels: NDArray[np.floating]) -> Array | None:
    """The middle (3,) of the surface's points under pixels (N, 2), None where there are none."""
    hits, points, _ = lifted(view, surface, pixels)
    return points[hits].mean(0) if hits.any() else None


def lifted(
    view: View, surface: Surface, pixels: NDArray[np.floating]
) -> tuple[NDArray[np.bool_], Array, Array]:
    """For pixels (N, 2): whether the surface is there, its points (N, 3) and cosines (N,) to the view."""
    x, y = np.clip(pixels.astype(int), 0, view.size - 1).T
    index, bary = view.index[y, x], view.bary[y, x].astype(float)
    corners = surface.triangles[index]
    points = np.einsum("nk,nkc->nc", bary, surface.points[corners])
    # Sub-pixel: along the picture's plane, at the depth that the pixel has.
    depth = (points - view.center) @ view.turn[2]
    ray = (pixels - view.size / 2) / (view.size * AWAY) * (AWAY * view.extent - depth)[:, None] * [1, -1]
    points = view.center + np.column_stack([ray, depth]) @ view.turn
    normal = np.einsum("nk,nkc->nc", bary, surface.normals[corners])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    return index >= 0, points, np.abs(normal @ view.turn[2])


def _closer(surface: Surface, frame: Array, center: Array, extent: float, device: str) -> Landmarks:
    """The points as seen in several close views, their weighted mean on the surface."""
    total, weight = np.zeros((dense.COUNT, 3)), np.zeros(dense.COUNT)
    for yaw, pitch in TILTS_DEG:
        view = look(surface, tilt(yaw, pitch) @ frame, center, extent, CLOSE_PX)
        faces = detect(view.picture, device, min_size_px=CLOSE_PX * FACE_FILLS / 3)
        if not len(faces.scores):
            continue
        found = find_points(
            view.picture, crop_from_detection(faces.boxes[0], faces.points5[0]), device, refine=2, looks=5
        )
        there, points, facing = lifted(view, surface, found.xy)
        w = there * (facing > EDGE) * found.visible / (found.sigma_px / view.scale) ** 2
        total += w[:, None] * points
        weight += w
    rows = np.flatnonzero(weight[: dense.SKIN_COUNT] > 0)
    return Landmarks(rows, total[rows] / weight[rows, None], 1 / np.sqrt(weight[rows]))


def tilt(yaw_deg: float, pitch_deg: float) -> Array:
    """A turn (3, 3) of the view about its up axis, then about its right one."""
    cy, sy = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    cp, sp = np.cos(np.radians(pitch_deg)), np.sin(np.radians(pitch_deg))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    return about_x @ about_y
