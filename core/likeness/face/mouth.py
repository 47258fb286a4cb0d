"""The mouth layer: teeth, gums, tongue and cavity behind the lips, under the plate's light.

Where the plate itself shows the inside of the mouth, its own pixels are carried along with the teeth they
lie on; the rest is shaded from the house head. The lips cover it: its outline is the lips' own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face.warp import polygon
from likeness.head.model import Head
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]

# Diffuse reflectance, scene-linear, as parts of a white wall.
ALBEDO = {
    "socket": (0.20, 0.055, 0.045),
    "gums": (0.42, 0.15, 0.13),
    "tongue": (0.32, 0.11, 0.10),
    "teeth_upper": (0.62, 0.57, 0.47),
    "teeth_lower": (0.58, 0.53, 0.43),
}
CAVITY = np.array([0.05, 0.014, 0.011], np.float32)  # where even the model shows nothing
FAST = {"contract", "reassoc", "arcp", "afn"}  # not those that take every number for finite
FINE = 2  # samples a pixel in x and in y: teeth have hard edges
FADE_CM = 1.4  # light falls to a third this far behind the lips
UPPER_TEETH = list(ALBEDO).index("teeth_upper")
OPEN_SHARE = 0.08  # area of an opening that shows something, in squared mouth widths
OWN_BORDER_PX = 1.5  # the plate's own inside is trusted this far from its lips


@dataclass(frozen=True)
class Inside:
    """The triangles of the mouth's inside and their colors; `triangles` (T, 3), `albedo` (T, 3)."""

    triangles: Int
    albedo: Float
    part: Int


def inside_of(head: Head) -> Inside:
    """Collect the parts of the head that lie behind the lips."""
    parts = [head.part(name) for name in ALBEDO]
    counts = [len(p) for p in parts]
    albedo = np.repeat(np.array(list(ALBEDO.values()), np.float32), counts, axis=0)
    return Inside(np.concatenate(parts), albedo, np.repeat(np.arange(len(parts)), counts).astype(np.int32))


@dataclass(frozen=True)
class PlateMouth:
    """What the plate shows of the inside: `own` (PARTS, h, w) is how sure a pixel shows a part."""

    own: Float
    origin: tuple[int, int]
    pixels: Float
    gain: Float


def take_mouth(plate: Float, inside: Inside, pixels: Float, outline: Float, shade: Float) -> PlateMouth:
    """Find which of the plate's pixels (H, W, 3) show the inside. `pixels` (V, 3): projected vertices.

    `shade` (V, 3): radiance of white at each vertex; the ratio of seen to shaded teeth sets the gain.
    """
    x0, y0, width, height = box_around(outline, 2, plate.shape)
    own = polygon(outline, x0, y0, width, height)
    if own.sum() < OPEN_SHARE * float(np.ptp(outline[:, 0])) ** 2:
        own[:] = 0  # lips that barely part show shadow, not teeth
    local = pixels - np.array([x0, y0, 0], np.float32)
    index, bary, _ = rasterize(local, inside.triangles, width, height)
    part = np.where(index >= 0, inside.part[index], -1).astype(np.int32)
    border = max(OWN_BORDER_PX, 0.02 * float(np.ptp(outline[:, 0])))
    open_ = _shrink(own, border)
    shown = np.stack([_shrink(own * (part == p), border) for p in range(len(ALBEDO))])
    # Upper teeth and gums stand still behind the upper lip: all that is seen can be taken for them.
    shown[UPPER_TEETH] = open_
    gain = np.ones(3, np.float32)
    teeth = (part >= UPPER_TEETH) & (open_ > 0.9)
    teeth &= np.isfinite(plate[y0 : y0 + height, x0 : x0 + width, :3]).all(axis=2)
    if teeth.sum() >= 24:
        corners = inside.triangles[index[teeth]]
        model = (shade[corners] * bary[teeth][..., None]).sum(axis=1) * inside.albedo[index[teeth]]
        seen = np.median(plate[y0 : y0 + height, x0 : x0 + width, :3][teeth], axis=0)
        gain = np.clip(seen / np.maximum(np.median(model, axis=0), 1e-6), 0.4, 1.8).astype(np.float32)
    return PlateMouth(shown, (x0, y0), pixels[:, :2].copy(), gain)


def draw_mouth(
    plate: Float,
    source: PlateMouth,
    inside: Inside,
    pixels: Float,
    shade: Float,
    outline: Float,
    lip_depth_cm: float,
    box: tuple[int, int, int, int],
) -> tuple[Float, Float]:
    """Color (h, w, 3) and coverage (h, w) of the mouth's inside in `box` (x0, y0, width, height)."""
    x0, y0, width, height = box
    cover = polygon(outline, x0, y0, width, height)
    color = np.zeros((height, width, 3), np.float32)
    if cover.max() <= 0:
        return color, cover
    fine = (pixels - np.array([x0, y0, 0], np.float32)) * np.array([FINE, FINE, 1], np.float32)
    index, bary, depth = rasterize(fine, inside.triangles, FINE * width, FINE * height)
    cavity = (shade.mean(axis=0) * CAVITY).astype(np.float32)
    _shade(
        cover, index, bary, depth, inside.triangles, inside.albedo, inside.part, shade,
        source.pixels, source.own, np.array(source.origin, np.int32),
        source.gain, plate, np.float32(lip_depth_cm), cavity, color,
    )  # fmt: skip
    return color, cover


@numba.njit(cache=True, fastmath=FAST)
def _shade(
    cover: Float,
    index: Int,
    bary: Float,
    depth: Float,
    triangles: Int,
    albedo: Float,
    part: Int,
    shade: Float,
    place: Float,
    own: Float,
    origin: Int,
    gain: Float,
    plate: Float,
    lip_depth: float,
    cavity: Float,
    color: Float,
) -> None:
    height, width = cover.shape
    ink = np.zeros(3, np.float32)
    widest = 1.0
    for x in range(width):
        widest = max(widest, cover[:, x].sum())
    for x in range(width):
        top, bottom = -1.0, -1.0
        for y in range(height):
            if cover[y, x] > 0.5:
                if top < 0:
                    top = float(y)
                bottom = float(y)
        span = max(bottom - top, 1.0)
        for y in range(height):
            if cover[y, x] <= 0:
                continue
            shadow = 1.0
            if top >= 0:
                below = min(max((y - top) / (0.4 * span), 0.0), 1.0)
                above = min(max((bottom - y) / (0.25 * span), 0.0), 1.0)
                corner = min(span / (0.7 * widest), 1.0)
                shadow = (0.45 + 0.55 * below) * (0.7 + 0.3 * above) * (0.25 + 0.75 * corner)
            for sy in range(FINE * y, FINE * y + FINE):
                for sx in range(FINE * x, FINE * x + FINE):
                    t = index[sy, sx]
                    if t < 0:
                        for k in range(3):
                            color[y, x, k] += cavity[k] / FINE**2
                        continue
                    behind = max(depth[sy, sx] - lip_depth - 0.35, 0.0)
                    light = shadow * np.exp(-behind / FADE_CM)
                    px, py = 0.0, 0.0
                    for k in range(3):
                        ink[k] = 0.0
                    for c in range(3):
                        v, b = triangles[t, c], bary[sy, sx, c]
                        px += b * place[v, 0]
                        py += b * place[v, 1]
                        for k in range(3):
                            ink[k] += b * shade[v, k]
                    for k in range(3):
                        # Light deep in a mouth has met more red walls on its way.
                        ink[k] *= albedo[t, k] * light ** (1.0 + 0.2 * k) * gain[k]
                    _own(plate, own[part[t]], origin, px - 0.5, py - 0.5, ink)
                    for k in range(3):
                        color[y, x, k] += ink[k] / FINE**2


@numba.njit(cache=True, fastmath=FAST)
def _own(plate: Float, own: Float, origin: Int, fx: float, fy: float, ink: Float) -> None:
    """Replace `ink` by the plate's color at pixel (fx, fy) as far as `own` trusts it."""
    ix, iy = int(np.floor(fx)), int(np.floor(fy))
    qx, qy = ix - origin[0], iy - origin[1]
    if not (0 <= qx < own.shape[1] - 1 and 0 <= qy < own.shape[0] - 1):
        return
    wx, wy = fx - ix, fy - iy
    trust = (own[qy, qx] * (1 - wx) + own[qy, qx + 1] * wx) * (1 - wy) + (
        own[qy + 1, qx] * (1 - wx) + own[qy + 1, qx + 1] * wx
    ) * wy
    if trust <= 0:
        return
    for k in range(3):
        seen = (plate[iy, ix, k] * (1 - wx) + plate[iy, ix + 1, k] * wx) * (1 - wy) + (
            plate[iy + 1, ix, k] * (1 - wx) + plate[iy + 1, ix + 1, k] * wx
        ) * wy
        if np.isfinite(seen):
            ink[k] += trust * (seen - ink[k])


def box_around(outline: Float, margin: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The pixel box (x0, y0, width, height) around an outline, inside a picture of `shape`."""
    low = np.clip(np.floor(outline.min(axis=0)).astype(int) - margin, 0, [shape[1] - 1, shape[0] - 1])
    high = np.clip(np.ceil(outline.max(axis=0)).astype(int) + margin, low + 1, [shape[1], shape[0]])
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


@numba.njit(cache=True)
def _shrink(cover: Float, border: float) -> Float:
    """Soft erosion: 0 within `border` pixels of anything uncovered, 1 beyond twice that."""
    height, width = cover.shape
    reach = int(np.ceil(2 * border))
    out = np.zeros_like(cover)
    for y in range(height):
        for x in range(width):
            if cover[y, x] < 0.5:
                continue
            nearest = 1e9
            for j in range(-reach, reach + 1):
                for i in range(-reach, reach + 1):
                    r, c = y + j, x + i
                    if r < 0 or c < 0 or r >= height or c >= width or cover[r, c] < 0.5:
                        nearest = min(nearest, np.sqrt(float(i * i + j * j)))
            out[y, x] = min(max(nearest / border - 1.0, 0.0), 1.0)
    return out
