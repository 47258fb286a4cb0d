"""Softens a moved head's own outlines, where chin or nose cross what lies behind them and goes another way.

There the field of displacements breaks off from pixel to pixel: what was drawn has steps, or dashes where a
thin line of the plate's own edge comes along. The pixels on either side of an outline of the mesh mix by how
near it is, over two pixels as in a plate (geometric post-process antialiasing, Persson 2011). Where both
sides go the same way, the plate's own edge is soft already, and stays.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face.warp import SAMPLES, SOFT_TRUST, Around, Field, between_cells, led_out

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Known = tuple[Int, Float, Float, Int, Float, Around]  # of a field: `seen`, triangles, what is carried, around

BREAK_PX = (0.5, 1.0)  # a difference from here on is one, and wholly after so much more
STRETCH = 0.15  # a pixel of difference by each between the two places is none yet: skin stretches
AWAY = 1.25  # samples of the field's mesh, from an outline to what lies on either side
BEHIND_CM, BEFORE_CM = 0.2, 4.0  # so far behind is what lies beyond; within, skin comes forward by less


def soften(skin: Int, joints: Int, field: Field, color: Float, matte: Float) -> None:
    """Soften the outlines in a region's `color` (h, w, 3 or more) and `matte` (h, w), in place.

    `skin` (T, 3) are all triangles of which the field may have some, `joints` what `joints_of` says of them.
    """
    of = (*field.seen, field.triangles, field.moved, field.around)
    _blend(_breaks(joints, skin, field.points, of), color, matte)


def joints_of(triangles: Int) -> Int:
    """Two vertices and the two triangles they join, of every edge that two of the triangles (T, 3) share."""
    sides = np.sort(np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
    order = np.lexsort(sides.T)
    sides, owner = sides[order], order // 3
    first = np.flatnonzero((sides[1:] == sides[:-1]).all(axis=1))
    return np.column_stack([sides[first], owner[first], owner[first + 1]]).astype(np.int32)


@numba.njit(cache=True, nogil=True)
def _breaks(joints: Int, skin: Int, points: Float, of: Known) -> Float:
    """Outlines that are seen and where the field breaks: ends and how much it does (N, 5)."""
    out, count = np.empty((len(joints), 5), np.float32), 0
    step, away = np.float32(AWAY / SAMPLES) / of[-1].per_px, _facing_away(points, skin)
    for n in range(len(joints)):
        p, q, one = joints[n, 0], joints[n, 1], joints[n, 2]
        if away[one] == away[joints[n, 3]]:
            continue
        dx, dy = points[q, 0] - points[p, 0], points[q, 1] - points[p, 1]
        long = np.sqrt(dx * dx + dy * dy)
        if long < 1e-3:
            continue
        x, y = (points[p, 0] + points[q, 0]) / 2, (points[p, 1] + points[q, 1]) / 2
        z, a, b, c = (points[p, 2] + points[q, 2]) / 2, skin[one, 0], skin[one, 1], skin[one, 2]
        mine_x = (points[a, 0] + points[b, 0] + points[c, 0]) / 3
        mine_y = (points[a, 1] + points[b, 1] + points[c, 1]) / 3
        turn = step / long if (mine_x - x) * -dy + (mine_y - y) * dx > 0 else -step / long
        inside, within = _way(x - turn * dy, y + turn * dx, of)
        beyond, behind = _way(x + turn * dy, y - turn * dx, of)
        if not (z - BEFORE_CM < within < np.inf and behind > z + BEHIND_CM):
            continue
        apart = np.sqrt((inside[0] - beyond[0]) ** 2 + (inside[1] - beyond[1]) ** 2)
        share = (apart - max(BREAK_PX[0], 2 * STRETCH * step)) / BREAK_PX[1]
        if share > 0:
            out[count, 0], out[count, 1], out[count, 4] = points[p, 0], points[p, 1], min(share, 1.0)
            out[count, 2], out[count, 3] = points[q, 0], points[q, 1]
            count += 1
    return out[:count]


@numba.njit(cache=True, nogil=True)
def _facing_away(points: Float, triangles: Int) -> NDArray[np.bool_]:
    """Which triangles (T,) show the side that is clockwise in the picture, whose y points down."""
    out = np.empty(len(triangles), np.bool_)
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x, y = points[i, 0], points[i, 1]
        out[t] = (points[j, 0] - x) * (points[k, 1] - y) > (points[k, 0] - x) * (points[j, 1] - y)
    return out


@numba.njit(cache=True, nogil=True)
def _way(x: float, y: float, of: Known) -> tuple[tuple[float, float], float]:
    """The field's displacement at a place of the region, as `displacements` has it, and the mesh's depth.

    That is infinite where there is no mesh, below 0 beyond the region.
    """
    index, bary, depth, triangles, moved, around = of
    per_px, grid, down, across = around.per_px, around.grid, around.down, around.across
    if x < 0 or y < 0 or x >= len(across) or y >= len(down):
        return (0.0, 0.0), -1.0
    fx, fy, left = x * per_px + 0.5, y * per_px + 0.5, min(down[int(y)], across[int(x)])
    dx = between_cells(grid[0], fx, fy) + left * between_cells(grid[3], fx, fy)
    dy = between_cells(grid[1], fx, fy) + left * between_cells(grid[4], fx, fy)
    stays = around.share, around.off, around.beyond, around.first[0], around.first[1], per_px
    i, j = int(y * SAMPLES * per_px), int(x * SAMPLES * per_px)
    if index[i, j] < 0:
        return led_out(x, y, dx, dy, *stays, False), np.inf
    u = v = trust = 0.0
    for k in range(3):
        corner, share = triangles[index[i, j], k], bary[i, j, k]
        u, v = u + share * moved[corner, 0], v + share * moved[corner, 1]
        trust += share * moved[corner, 3]
    own = min(max(SOFT_TRUST * (trust - 0.5) + 1, 0.0), 1.0)
    dx, dy = dx + own * (u - dx), dy + own * (v - dy)
    return led_out(x, y, dx, dy, *stays, True), depth[i, j]


@numba.njit(cache=True, nogil=True)
def _blend(lines: Float, color: Float, matte: Float) -> None:
    """Blend the two pixels whose centers a line (N, 5) parts, each the more the nearer it is. In place.

    A line goes from column to column, or from row to row where it is steeper. Colors are those from before.
    """
    most = np.int64(0)
    for n in range(len(lines)):
        most += 2 * np.int64(max(abs(lines[n, 2] - lines[n, 0]), abs(lines[n, 3] - lines[n, 1]))) + 4
    at, new, count = np.empty((most, 2), np.int32), np.empty((most, 4), np.float32), 0
    for px, py, qx, qy, share in lines:
        flat = abs(qx - px) >= abs(qy - py)
        a, b, c, d = (px, py, qx, qy) if flat else (py, px, qy, qx)
        if c < a:
            a, b, c, d = c, d, a, b
        for along in range(int(np.ceil(a - 0.5)), int(np.ceil(c - 0.5))):
            place = b + (along + 0.5 - a) / (c - a) * (d - b)
            near = int(np.floor(place - 0.5))
            off = np.float32(place - 0.5 - near)
            y, x, v, u = (near, along, near + 1, along) if flat else (along, near, along, near + 1)
            if min(y, x) < 0 or v >= matte.shape[0] or u >= matte.shape[1]:
                continue
            for side in range(2):
                covers, whole = np.float32(0.5 * share * (off if side else 1 - off)), True
                for k in range(3):
                    new[count, k] = color[y, x, k] + covers * (color[v, u, k] - color[y, x, k])
                    whole = whole and np.isfinite(new[count, k])
                new[count, 3] = max(matte[y, x], covers * matte[v, u])
                if whole and new[count, 3] > 0:
                    at[count, 0], at[count, 1] = y, x
                    count += 1
                y, x, v, u = v, u, y, x
    for n in range(count):
        y, x = at[n, 0], at[n, 1]
        for k in range(3):
            color[y, x, k] = new[n, k]
        matte[y, x] = new[n, 3]
