"""A texture's pixels: which triangle of the mesh each lies on, and what surrounds the pieces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.errors import BadRequest
from likeness.head.model import load_head
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]

PADDING = 1 / 128  # of the texture's side, around its pieces: smaller copies of it (mip levels) read there


@dataclass(frozen=True, eq=False)
class Texels:
    """A texture, `size` pixels a side and each about `cm` wide, row 0 at the top.

    `index` (N, N) triangle of the finest level, -1 where none; `bary` (N, N, 3). `pad` and `source` (P,) are
    flat places around the pieces and those whose value they take.
    """

    size: int
    cm: float
    index: Int
    bary: Float
    pad: Int
    source: Int

    def fill(self, picture: Float) -> Float:
        """`picture` (N, N) or (N, N, C) with the surroundings of the pieces filled, in place."""
        flat = picture.reshape(self.size * self.size, -1)
        flat[self.pad] = flat[self.source]
        return picture


def check_size(size: int) -> None:
    """Raise `BadRequest` when `size` is no power of two from 256 to 4096."""
    if size not in (256, 512, 1024, 2048, 4096):
        raise BadRequest(f"A texture cannot be {size} pixels wide.", "Use 256, 512, 1024, 2048 or 4096.")


@lru_cache(maxsize=1)
def head_texels(size: int) -> Texels:
    """The head's texture of that size; the last one asked for is kept."""
    head = load_head()
    return texels(head.vertex_uv, head.triangles, size, 26.0)


def texels(vertex_uv: Float, triangles: Int, size: int, wide_cm: float) -> Texels:
    """The texture of that size of any mesh, which is about `wide_cm` from one side of it to the other."""
    check_size(size)
    points = np.ones((len(vertex_uv), 3), np.float32)
    points[:, 0] = vertex_uv[:, 0] * size
    points[:, 1] = (1 - vertex_uv[:, 1]) * size
    index, bary, _ = rasterize(points, triangles, size, size)
    away, nearest = ndimage.distance_transform_edt(index < 0, return_indices=True)
    pad = np.flatnonzero((away > 0) & (away <= max(2, size * PADDING))).astype(np.int32)
    source = (nearest[0].ravel()[pad] * size + nearest[1].ravel()[pad]).astype(np.int32)
    return Texels(size, wide_cm / size, index, bary, pad, source)
