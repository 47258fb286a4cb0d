"""Lays the fitted head onto the picture itself: how far its skin still lies beside that of another frame.

One frame of a shot lends its texture. Carried by the fitted head into another frame it should look like that
frame; where it does not, dense optical flow between the two (Lucas and Kanade 1981, from coarse to fine)
tells by how much the points are off. Points found in each frame by itself err alike in all and move too
little; what texture tells has neither fault. It tells nothing of the edges of lids and lips, behind which
other things come to sight: there the found points stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import Delaunay

from likeness.face.fit import SKIN, Array, Fit, Shot, interocular, project, skin_points
from likeness.face.landmarks import VIEW_PX, Points, View
from likeness.face.shot import choose_keys
from likeness.head import points as dense
from likeness.head.model import Head
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]

LOCAL_PX = 8.0  # light that changes over more than this is taken out
NOISE = 0.02  # contrast, of full range, that is noise as likely as texture
LEVELS = ((4, 4), (2, 3), (1, 3))  # how much smaller, and how many steps
WINDOW = 9  # pixels of a level that are taken to move alike
MOST_STEP = 1.0  # pixels
HOLD = 0.05  # of the sums of a window: flat skin stays where its surroundings lay it
AGREE = 0.3  # squared difference of two textures at which they are as likely not the same
SHOWN = 0.05  # cosine to the view from which a texture shows a surface
EXACT = 0.004  # of the inter-ocular distance: how exactly texture tells where skin lies
LOW_CM = -8.0  # head space: below the chin skin does not go with the head
OUTLINES = [
    np.concatenate([dense.GROUPS[edge] for edge in edges])
    for edges in (
        ("lip_upper_inner", "lip_lower_inner"),
        ("lid_left_upper", "lid_left_lower"),
        ("lid_right_upper", "lid_right_lower"),
    )
]  # of mouth and eyes
# Points beside what comes to sight as eyes and mouth open: all of an opening's outline but the eyes' corners.
OPENING = np.concatenate(
    [points if name.startswith("lip") else points[2:-2] for name, points in dense.GROUPS.items()
     if name.startswith(("lip_upper", "lip_lower", "lid_"))]
)  # fmt: skip


def textured(codes: NDArray[np.uint8]) -> Float:
    """A gray picture (h, w), 8-bit, without its light: what is left is the same in sun and shade."""
    gray = codes.astype(np.float32) / 255
    rest = gray - ndimage.gaussian_filter(gray, LOCAL_PX, truncate=2.5)
    contrast = np.sqrt(ndimage.gaussian_filter(rest * rest, LOCAL_PX, truncate=2.5))
    out: Float = rest / (contrast + NOISE)
    return out.astype(np.float32)


def flow(here: Float, there: Float, known: Float) -> tuple[Float, Float]:
    """Where in `there` (h, w) lies what `here` shows: a displacement (h, w, 2) in pixels, and (h, w) trust.

    Both as of `textured`. `known` (h, w), 0 to 1: where `here` shows something.
    """
    way = np.zeros((1, 1, 2), np.float32)
    for shrink, steps in LEVELS:
        a, b, w = (_shrunk(p, shrink) for p in (here, there, known))
        way = _grown(way, a.shape)
        for _ in range(steps):
            products = np.empty((6, *a.shape), np.float32)
            _products(a, b, w, way, products)
            sums = ndimage.uniform_filter(products, (0, WINDOW, WINDOW), mode="constant")
            _step(sums, way)
            way = ndimage.uniform_filter(way, (3, 3, 0), mode="nearest")
    return way, _trust(sums)


def _shrunk(picture: Float, times: int) -> Float:
    height, width = (n // times for n in picture.shape)
    cells = picture[: height * times, : width * times].reshape(height, times, width, times)
    out: Float = np.ascontiguousarray(cells.mean(axis=(1, 3)))
    return out


def _grown(way: Float, shape: tuple[int, ...]) -> Float:
    if way.shape[0] == 1:
        return np.zeros((*shape, 2), np.float32)
    out = 2 * way.repeat(2, axis=0).repeat(2, axis=1)
    return np.ascontiguousarray(out[: shape[0], : shape[1]])


@numba.njit(cache=True, nogil=True)
def _products(a: Float, b: Float, known: Float, way: Float, out: Float) -> None:
    """Of every pixel the terms of the normal equations: xx, xy, yy, xt, yt and tt, weighted."""
    height, width = a.shape
    for y in range(height):
        for x in range(width):
            w = known[y, x]
            px, py = x + way[y, x, 0], y + way[y, x, 1]
            if w <= 0 or px < 1 or py < 1 or px >= width - 2 or py >= height - 2:
                for k in range(6):
                    out[k, y, x] = 0
                continue
            ix, iy = int(px), int(py)
            fx, fy = px - ix, py - iy
            value = _mix(b, ix, iy, fx, fy)
            gx = 0.5 * (_mix(b, ix + 1, iy, fx, fy) - _mix(b, ix - 1, iy, fx, fy))
            gy = 0.5 * (_mix(b, ix, iy + 1, fx, fy) - _mix(b, ix, iy - 1, fx, fy))
            off = a[y, x] - value
            w /= 1 + off * off
            out[0, y, x] = w * gx * gx
            out[1, y, x] = w * gx * gy
            out[2, y, x] = w * gy * gy
            out[3, y, x] = w * gx * off
            out[4, y, x] = w * gy * off
            out[5, y, x] = w * off * off


@numba.njit(cache=True, nogil=True, inline="always")
def _mix(b: Float, x: int, y: int, fx: float, fy: float) -> float:
    upper = b[y, x] * (1 - fx) + b[y, x + 1] * fx
    lower = b[y + 1, x] * (1 - fx) + b[y + 1, x + 1] * fx
    return upper * (1 - fy) + lower * fy


@numba.njit(cache=True, nogil=True)
def _step(sums: Float, way: Float) -> None:
    for y in range(way.shape[0]):
        for x in range(way.shape[1]):
            xx, xy, yy = sums[0, y, x] + HOLD, sums[1, y, x], sums[2, y, x] + HOLD
            inverse = 1.0 / (xx * yy - xy * xy)
            u = inverse * (yy * sums[3, y, x] - xy * sums[4, y, x])
            v = inverse * (xx * sums[4, y, x] - xy * sums[3, y, x])
            way[y, x, 0] += min(max(u, -MOST_STEP), MOST_STEP)
            way[y, x, 1] += min(max(v, -MOST_STEP), MOST_STEP)


def _trust(sums: Float) -> Float:
    """From 0 to 1: where there is texture in both directions, and both pictures agree."""
    xx, xy, yy, _, _, tt = sums
    least = 0.5 * (xx + yy) - np.sqrt(0.25 * (xx - yy) ** 2 + xy * xy)
    out: Float = least / (least + HOLD) / (1 + (tt / AGREE) ** 2)
    return out


@dataclass(frozen=True)
class Texture:
    """What one frame lends: `picture` as of `textured`, the points' `places` (SKIN_COUNT, 2) in it, and the
    `triangles` (T, 3) between them that it shows."""

    picture: Float
    places: Float
    triangles: Int


def take_texture(head: Head, shot: Shot, found: Points, fit: Fit) -> Texture:
    """The texture of the frame that was looked at, and fitted."""
    view = found.view
    assert view is not None
    camera = _camera(head, shot, fit)
    triangles = mesh(head)
    corners = camera[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = np.abs(np.einsum("nk,nk->n", normals, corners[:, 0]))
    facing /= np.linalg.norm(normals, axis=1) * np.linalg.norm(corners[:, 0], axis=1) + 1e-9
    places = _in_view(view, project(camera, shot.lens))
    return Texture(textured(view.gray), places, triangles[facing > SHOWN])


def laid(head: Head, shot: Shot, texture: Texture, found: Points, fit: Fit) -> Points:
    """`found` in one frame, drawn to where that frame shows what `texture` shows there; `fit` is its fit."""
    if found.view is None:
        return found
    camera = _camera(head, shot, fit)
    places = _in_view(found.view, project(camera, shot.lens))
    here, known = _carried(texture, places, camera[:, 2])
    way, trust = flow(here, textured(found.view.gray), known)
    at = np.clip(places - 0.5, 0, VIEW_PX - 1.001).T[::-1]
    moved = places + np.stack([ndimage.map_coordinates(way[..., k], at, order=1) for k in (0, 1)], axis=1)
    matrix = found.view.matrix
    unit = interocular(found.xy)
    own = 1 / np.maximum(found.sigma_px[SKIN], EXACT * unit) ** 2
    told = ndimage.map_coordinates(trust, at, order=1) / (EXACT * unit) ** 2
    told[OPENING] = 0
    told[head.point_mean[SKIN, 1] < LOW_CM] = 0
    xy, sigma = found.xy.copy(), found.sigma_px.copy()
    seen = moved @ matrix[:, :2].T + matrix[:, 2]
    xy[SKIN] += (told / (own + told))[:, None] * (seen - xy[SKIN])
    sigma[SKIN] = 1 / np.sqrt(own + told)
    return replace(found, xy=xy, sigma_px=sigma)


def lay_shot(
    head: Head,
    shot: Shot,
    found: Sequence[Points],
    runs: Sequence[tuple[int, int]],
    fits: Sequence[Fit],
    check: Callable[[], None] = lambda: None,
) -> list[Points]:
    """The points of all frames, drawn to where the skin of every run's most usual frame lies in them."""
    out = list(found)
    for start, end in runs:
        looked = [i for i in range(start, end) if found[i].view is not None]
        if len(looked) < 2:
            continue
        usual = looked[choose_keys([found[i].xy for i in looked], 1)[0]]
        texture = take_texture(head, shot, found[usual], fits[usual])
        for i in range(start, end):
            check()
            out[i] = laid(head, shot, texture, found[i], fits[i])
    return out


@cache
def mesh(head: Head) -> Int:
    """Triangles (T, 3) between the skin's points, around the head, with eyes and mouth left open."""
    points = head.point_mean[SKIN]
    around = np.c_[8 * np.arctan2(points[:, 0], points[:, 2] + 2), points[:, 1]]
    triangles = Delaunay(around).simplices
    closed = ~np.any([np.isin(triangles, outline).all(axis=1) for outline in OUTLINES], axis=0)
    return triangles[closed].astype(np.int32)


def _camera(head: Head, shot: Shot, fit: Fit) -> Array:
    return skin_points(head, shot, fit.expression) @ fit.rotation.T + fit.translation


def _in_view(view: View, xy: Array) -> Float:
    matrix = view.matrix
    out: Float = ((xy - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T).astype(np.float32)
    return out


def _carried(texture: Texture, places: Float, depth: Array) -> tuple[Float, Float]:
    """The texture where the head lies now (VIEW_PX, VIEW_PX), and where it is known."""
    points = np.c_[places, depth].astype(np.float32)
    index, bary, _ = rasterize(points, texture.triangles, VIEW_PX, VIEW_PX)
    out, known = (np.zeros((VIEW_PX, VIEW_PX), np.float32) for _ in range(2))
    _sample(index, bary, texture.triangles, texture.places, texture.picture, out, known)
    return out, known


@numba.njit(cache=True, nogil=True)
def _sample(
    index: Int, bary: Float, triangles: Int, places: Float, picture: Float, out: Float, known: Float
) -> None:
    size = len(picture)
    for y in range(len(out)):
        for x in range(out.shape[1]):
            t = index[y, x]
            if t < 0:
                continue
            px, py = -0.5, -0.5
            for c in range(3):
                v, b = triangles[t, c], bary[y, x, c]
                px += b * places[v, 0]
                py += b * places[v, 1]
            if px >= 0 and py >= 0 and px < size - 1 and py < size - 1:
                ix, iy = int(px), int(py)
                out[y, x] = _mix(picture, ix, iy, px - ix, py - iy)
                known[y, x] = 1.0
