"""What a shoe fills: the gaps between toes and the hollow of the sole, found by closing the foot's shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

Float = NDArray[np.float64]

CLOSING_CM = 4.0  # a ball of this radius rolls over the foot; where it does not reach is filled
VOXEL_CM = 0.4
LEATHER_CM = 0.4  # from foot to shoe


def lasts(places: Float, normals: Float, feet: NDArray[np.bool_]) -> tuple[Float, Float]:
    """Offsets (P, 3), cm, from places (P, 3) of `feet` (P,) to a shoe about closed feet; its normals."""
    out, turned = np.zeros_like(places), normals.copy()
    for side in (-1, 1):
        rows = np.flatnonzero(feet & (places[:, 0] * side > 0))
        foot = Closed.around(places[rows], normals[rows])
        at = places[rows].astype(np.float64)
        for _ in range(30):
            at -= 0.5 * (foot.distance(at) - LEATHER_CM)[:, None] * foot.outward(at)
        out[rows], turned[rows] = at - places[rows], foot.outward(at)
    return out, turned


@dataclass(frozen=True, eq=False)
class Closed:
    """A closed shape as distances from its surface on a grid that starts at `low`, negative inside."""

    low: Float
    grid: Any

    @classmethod
    def around(cls, points: Float, normals: Float) -> Closed:
        """The closing (grown, then shrunk by as much) of the shape with these points and normals."""
        margin = CLOSING_CM + 3 * VOXEL_CM
        low = points.min(0).astype(float) - margin
        counts = np.ceil((points.max(0) + margin - low) / VOXEL_CM).astype(int)
        cells = (low + VOXEL_CM * np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1)).reshape(
            -1, 3
        )
        away, nearest = cKDTree(points).query(cells)
        inside = ((cells - points[nearest]) * normals[nearest]).sum(1) < 0
        grown = np.where(inside, -away, away).reshape(counts) < CLOSING_CM
        depth = ndimage.distance_transform_edt(grown) * VOXEL_CM
        return cls(low, ndimage.gaussian_filter(CLOSING_CM - depth, 1.2))

    def distance(self, points: Float) -> Any:
        """Distance (N,) of points from the surface, negative inside."""
        return ndimage.map_coordinates(self.grid, ((points - self.low) / VOXEL_CM).T, order=1, mode="nearest")

    def outward(self, points: Float) -> Any:
        """The direction (N, 3) away from the shape."""
        step = VOXEL_CM * np.eye(3)
        slope = np.stack([self.distance(points + s) - self.distance(points - s) for s in step], 1)
        return slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-9)
