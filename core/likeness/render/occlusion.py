"""How much of the sky each vertex sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.head.model import vertex_normals
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]

SPAN_CM = 44.0  # of the depth maps, around the origin
NEAR_CM = 0.35  # what lies so close before a vertex is its own surface


def sphere(count: int) -> Float:
    """Directions (count, 3) spread evenly over the sphere."""
    i = np.arange(count) + 0.5
    z = 1 - 2 * i / count
    ring, angle = np.sqrt(1 - z * z), np.pi * (3 - np.sqrt(5)) * i
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], 1).astype(np.float32)


def view_frame(axis: Float) -> Float:
    """Rows (3, 3) of a view that looks against `axis`: right, up and depth away from it."""
    side = np.cross(axis, [0.31, 0.9, 0.2]).astype(np.float32)
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(axis, side), -axis]).astype(np.float32)


def occlusion(
    vertices: Float,
    triangles: Int,
    count: int = 96,
    size: int = 256,
    span_cm: float = SPAN_CM,
    near_cm: float = NEAR_CM,
) -> Float:
    """Share (V,) of the sky over the normal that each vertex (V, 3) sees, by depth maps of `count` views.

    The maps of `size` pixels cover `span_cm` around the origin; nothing nearer than `near_cm` hides a vertex.
    """
    normal = vertex_normals(vertices, triangles)
    seen = np.zeros(len(vertices), np.float32)
    total = np.zeros(len(vertices), np.float32)
    for axis in sphere(count):
        local = vertices @ view_frame(axis).T
        points = np.empty_like(local)
        points[:, :2] = local[:, :2] * (size / span_cm) + size / 2
        points[:, 2] = local[:, 2] + 1000.0
        _, _, depth = rasterize(points, triangles, size, size)
        x = np.clip(points[:, 0].astype(int), 0, size - 1)
        y = np.clip(points[:, 1].astype(int), 0, size - 1)
        weight = np.maximum(normal @ axis, 0.0)
        total += weight
        seen += weight * (points[:, 2] < depth[y, x] + near_cm)
    return (seen / np.maximum(total, 1e-3)).astype(np.float32)
