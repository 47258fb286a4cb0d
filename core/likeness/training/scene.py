"""The scene of one picture: meshes gathered in camera space, the head's pose, the lens, and the samples.

Head axes: centimeters, Y up, +Z out of the face; camera axes: x right, y down, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from likeness.head.model import vertex_normals
from likeness.render.raster import rasterize
from likeness.training import anatomy as parts
from likeness.training import props

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Bytes = NDArray[np.uint8]
Random = np.random.Generator

SIZE = 224
SCALE = 2  # samples across a pixel
FLIP = np.diag([1.0, -1.0, -1.0]).astype(np.float32)  # head axes to camera axes
NECK = np.array([0.0, -4.0, -1.0], np.float32)  # what the head turns about, against the torso


@dataclass
class Scene:
    """Triangles gathered for one picture, in camera space."""

    points: list[Float] = field(default_factory=list)
    attr: list[Float] = field(default_factory=list)
    triangles: list[Int] = field(default_factory=list)
    material: list[Bytes] = field(default_factory=list)
    region: list[Bytes] = field(default_factory=list)
    count: int = 0

    def add(
        self, points: Float, attr: Float, triangles: Int, material: Bytes | int, region: Bytes | int
    ) -> None:
        """Append a mesh; `material` and `region` are per triangle or one for all."""
        self.points.append(points)
        self.attr.append(attr)
        self.triangles.append(triangles + np.int32(self.count))
        n = len(triangles)
        self.material.append(np.broadcast_to(np.asarray(material, np.uint8), (n,)))
        self.region.append(np.broadcast_to(np.asarray(region, np.uint8), (n,)))
        self.count += len(points)


@dataclass(frozen=True)
class Pose:
    """`rotation` (3, 3) of the head, `matrix` 4x4 camera-from-head, `body` (3, 3) the torso's; head axes."""

    rotation: Float
    matrix: Float
    body: Float


def rotation(yaw: float, pitch: float, roll: float) -> Float:
    """Head axes: yaw toward +X, pitch up, roll toward the character's right shoulder (about +Z), radians."""
    return Rotation.from_euler("ZYX", [roll, yaw, -pitch]).as_matrix().astype(np.float32)


def sample_pose(rng: Random) -> Pose:
    """Mostly toward the camera; yaw up to 80, pitch 40, roll 60 degrees; 35 to 250 cm away."""
    yaw = np.clip(rng.normal(0, 24), -80, 80) if rng.random() < 0.72 else rng.uniform(-80, 80)
    pitch = np.clip(rng.normal(0, 12), -40, 40)
    roll = np.clip(rng.normal(0, 9), -60, 60) if rng.random() < 0.85 else rng.uniform(-60, 60)
    head = rotation(*np.radians([yaw, pitch, roll]))
    keep = rng.uniform(0.0, 0.6, 3)
    torso = rotation(
        *np.radians(
            [
                yaw - np.clip(yaw * keep[0] * 1.4, -45, 45),
                pitch - np.clip(pitch * keep[1], -25, 25),
                roll - np.clip(roll * keep[2], -25, 25),
            ]
        )
    )
    distance = np.exp(rng.uniform(np.log(35), np.log(250)))
    aside = np.tan(np.radians(np.clip(rng.normal(0, 7, 2), -18, 18))) * distance
    matrix = np.eye(4, dtype=np.float32)
    matrix[:3, :3] = FLIP @ head
    matrix[:3, 3] = [aside[0], aside[1], distance]
    return Pose(head, matrix, (head.T @ torso).astype(np.float32))


def bend_neck(vertices: Float, body: Float) -> Float:
    """Turn what lies below the jaw toward the torso's own rotation."""
    w = np.clip((-7.5 - vertices[:, 1]) / 6.0, 0, 1) * np.clip(
        (6.0 - vertices[:, 2]) / 2.0 + (-9 - vertices[:, 1]), 0, 1
    )
    w = (w * w * (3 - 2 * w))[:, None].astype(np.float32)
    low = np.flatnonzero(w[:, 0] > 0)
    out = vertices.copy()
    turned = (vertices[low] - NECK) @ body.T + NECK
    out[low] += w[low] * (turned - vertices[low])
    return out


def add_prop(scene: Scene, prop: props.Prop, pose: Pose) -> None:
    """Append a prop, which turns with the head or, where it says so, with the torso."""
    vertices = prop.vertices
    if prop.body:
        vertices = ((vertices - NECK) @ pose.body.T + NECK).astype(np.float32)
    attr = np.zeros((len(vertices), 14), np.float32)
    attr[:, 0:3] = vertex_normals(vertices.astype(np.float32), prop.triangles) @ pose.matrix[:3, :3].T
    attr[:, 3:6] = prop.vertices
    attr[:, 6:9] = prop.color
    attr[:, 9] = 0.9
    attr[:, 10] = -2.0 if prop.material == parts.SKIN else prop.gloss
    scene.add(parts.transform(vertices, pose.matrix), attr, prop.triangles, prop.material, prop.region)


def frame(rng: Random, in_camera: Float, size: int) -> tuple[float, float, float]:
    """Focal length and principal point that put the dense points' square at 45 to 75 % of `size` pixels."""
    flat = in_camera[:, :2] / in_camera[:, 2:]
    low, high = flat.min(0), flat.max(0)
    share = rng.uniform(0.45, 0.75)
    focal = share * size / float((high - low).max())
    center = size * (0.5 + rng.uniform(-0.08, 0.08, 2)) - focal * (low + high) / 2
    return focal, float(center[0]), float(center[1])


def project(in_camera: Float, focal: float, cx: float, cy: float) -> Float:
    """Pixels and depth (N, 3) of points in camera space."""
    return _pinhole(np.ascontiguousarray(in_camera, np.float32), focal, cx, cy)


@numba.njit(cache=True, fastmath=True)
def _pinhole(points: Float, focal: float, cx: float, cy: float) -> Float:
    out = np.empty_like(points)
    for n in range(len(points)):
        z = points[n, 2]
        out[n, 0] = points[n, 0] / z * focal + cx
        out[n, 1] = points[n, 1] / z * focal + cy
        out[n, 2] = z
    return out


@numba.njit(cache=True)
def cull(screen: Float, triangles: Int, material: Bytes) -> Int:
    """The triangles with those of closed surfaces that face away made empty, so that they are skipped."""
    out = triangles.copy()
    for t in range(len(triangles)):
        m = material[t]
        if m == parts.SKIN or m == parts.TEETH or m == parts.EYE_LEFT or m == parts.EYE_RIGHT:
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ux, uy = screen[b, 0] - screen[a, 0], screen[b, 1] - screen[a, 1]
            vx, vy = screen[c, 0] - screen[a, 0], screen[c, 1] - screen[a, 1]
            if ux * vy - uy * vx > 0:
                out[t, 1] = a
                out[t, 2] = a
    return out


def window_of(screen: Float, size: int) -> tuple[slice, slice] | None:
    """Rows and columns of the picture that the points touch, or None."""
    low = np.clip(np.floor(screen[:, :2].min(0)).astype(int), 0, size)
    high = np.clip(np.ceil(screen[:, :2].max(0)).astype(int), 0, size)
    if (high <= low).any():
        return None
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def rasterize_in(screen: Float, triangles: Int, window: tuple[slice, slice]) -> tuple[Int, Float, Float]:
    """`rasterize` inside a window of the picture only."""
    moved = screen - np.array([window[1].start, window[0].start, 0], np.float32)
    return rasterize(moved, triangles, window[1].stop - window[1].start, window[0].stop - window[0].start)


@numba.njit(cache=True, fastmath=True)
def reduce(rgb: Float, label: Bytes, index: Int) -> tuple[Float, Bytes, Float]:
    """Average 2x2 samples: premultiplied color, the most frequent region, and coverage."""
    h, w = label.shape[0] // 2, label.shape[1] // 2
    color = np.zeros((h, w, 3), np.float32)
    region = np.zeros((h, w), np.uint8)
    alpha = np.zeros((h, w), np.float32)
    votes = np.zeros(12, np.int32)
    for y in range(h):
        for x in range(w):
            votes[:] = 0
            for k in range(4):
                i, j = 2 * y + k // 2, 2 * x + k % 2
                votes[label[i, j]] += 1
                if index[i, j] >= 0:
                    alpha[y, x] += 0.25
                    for c in range(3):
                        color[y, x, c] += 0.25 * rgb[i, j, c]
            best = label[2 * y, 2 * x]
            for r in range(12):
                if votes[r] > votes[best]:
                    best = r
            if votes[parts.R_GLASSES] > 1:  # a frame is often no wider than a pixel
                best = parts.R_GLASSES
            region[y, x] = best
    return color, region, alpha
