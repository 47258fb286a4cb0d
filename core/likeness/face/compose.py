"""Lays a moved head over its background, and says where the picture has changed."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face.cutout import Cutout
from likeness.face.warp import sample

Float = NDArray[np.float32]

FULL_MATTE_PX = 0.35  # displacement from which the matte is 1


def compose(
    plate: Float,
    cutout: Cutout | None,
    field: Float,
    origin: tuple[int, int],
    body: Float | None = None,
) -> tuple[Float, Float]:
    """Color (h, w, 3) and matte (h, w) of the region with first pixel `origin` under `field` (h, w, 3).

    The field is the displacement to the place in the plate, pixels, and the logarithm of the change of
    light. With a `cutout` only the head follows it, over a clean plate, which `body` (h, w, 2) displaces
    where the body goes with the head; without, all of the picture does.
    Where the matte is 0 the color is the plate's own.
    """
    x0, y0 = origin
    height, width = field.shape[:2]
    matte = np.empty((height, width), np.float32)
    if cutout is None:
        color = np.empty((height, width, 3), np.float32)
        sample(plate, field, x0, y0, color)
        _mix(plate, color, field, x0, y0, matte)
        return color, matte
    head = np.empty((height, width, 4), np.float32)
    left, top = cutout.origin
    sample(cutout.layer, field, x0 - left, y0 - top, head)
    color = np.empty((height, width, 3), np.float32)
    ground = np.empty((0, 0, 3), np.float32)
    if body is None:
        body = np.empty((0, 0, 2), np.float32)
    else:
        behind = plate[..., :3].copy()
        rows, columns = cutout.clean.shape[:2]
        behind[top : top + rows, left : left + columns] = cutout.clean
        ground = np.empty((height, width, 3), np.float32)
        sample(behind, body, x0, y0, ground)
    _over(plate, cutout.layer, cutout.clean, ground, body, head, field, x0, y0, left, top, color, matte)
    return color, matte


@numba.njit(cache=True, inline="always")
def _share(dx: float, dy: float, light: float) -> float:
    """How much a pixel has changed: 0 when it has hardly moved, then soon 1."""
    far = max(np.sqrt(dx * dx + dy * dy) / FULL_MATTE_PX, abs(light) / 0.02)
    share = min(max(far - 0.05, 0.0), 1.0)
    return share * share * (3 - 2 * share)


@numba.njit(cache=True, parallel=True)
def _mix(plate: Float, color: Float, field: Float, x0: int, y0: int, matte: Float) -> None:
    height, width = matte.shape
    for y in numba.prange(height):
        for x in range(width):
            share = _share(field[y, x, 0], field[y, x, 1], field[y, x, 2])
            matte[y, x] = share
            factor = np.exp(field[y, x, 2])
            for k in range(3):
                own = plate[y0 + y, x0 + x, k]
                if share == 0.0:
                    color[y, x, k] = own
                    continue
                color[y, x, k] *= factor
                if share < 1.0 and np.isfinite(own):
                    color[y, x, k] = own + share * (color[y, x, k] - own)


@numba.njit(cache=True, parallel=True)
def _over(
    plate: Float,
    layer: Float,
    clean: Float,
    ground: Float,
    body: Float,
    head: Float,
    field: Float,
    x0: int,
    y0: int,
    left: int,
    top: int,
    color: Float,
    matte: Float,
) -> None:
    height, width = matte.shape
    rows, columns = layer.shape[:2]
    bottom_free = top + rows < plate.shape[0]
    right_free = left + columns < plate.shape[1]
    for y in numba.prange(height):
        for x in range(width):
            dx, dy = field[y, x, 0], field[y, x, 1]
            r, c = y0 + y - top, x0 + x - left
            inside = 0 <= r < rows and 0 <= c < columns
            sy, sx = r + dy, c + dx
            # beyond the cutout there is no head, unless the picture itself ends there
            gone = (sy < -0.5 and top > 0) or (sx < -0.5 and left > 0)
            gone = gone or (sy > rows - 0.5 and bottom_free) or (sx > columns - 0.5 and right_free)
            alpha = 0.0 if gone else min(max(head[y, x, 3], 0.0), 1.0)
            was = layer[r, c, 3] if inside else 0.0
            share = _share(dx, dy, field[y, x, 2]) if alpha > 0 or was > 0 else 0.0
            if body.size > 0:
                share = max(share, _share(body[y, x, 0], body[y, x, 1], 0.0))
            matte[y, x] = share
            factor = np.exp(field[y, x, 2])
            for k in range(3):
                own = plate[y0 + y, x0 + x, k]
                if share == 0.0:
                    color[y, x, k] = own
                    continue
                behind = clean[r, c, k] if inside else own
                if body.size > 0:
                    behind = ground[y, x, k]
                value = 0.0 if gone else head[y, x, k] * factor
                if alpha < 1.0:
                    value += (1.0 - alpha) * behind
                if share < 1.0 and np.isfinite(own):
                    value = own + share * (value - own)
                color[y, x, k] = value
