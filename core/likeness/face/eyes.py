"""The eye layer: the plate's own eyeball and iris, taken apart so that gaze and lids can move.

The eyeball is the plate with its iris painted out and continued under the lids; the iris is the plate's own
disk, completed by its mirror image where a lid hid it. Both are made once per plate frame (`take_eye`)
and drawn for any gaze and opening (`draw_eye`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face.warp import polygon

Float = NDArray[np.float32]

DISK = 64  # samples across the iris texture's diameter
DISK_REACH = 1.25  # the texture reaches past the rim, to keep the plate's own soft edge
SHADOW_SHARE = 0.35  # how much darker the eyeball is at the upper lid
SHADOW_DEPTH = 0.3  # of the opening's height


@dataclass(frozen=True)
class Eye:
    """What was taken from the plate: `ball` (h, w, 3) with first pixel `origin`, `disk` (64, 64, 4).

    The disk's alpha tells how sure it is that a sample is iris. `frame` (2, 3) maps disk coordinates
    (-1..1, y up) to plate pixels.
    """

    ball: Float
    origin: tuple[int, int]
    disk: Float
    frame: Float


def disk_frame(axes_px: Float) -> Float:
    """The affine map (2, 3) from disk coordinates to pixels, from projected center and radius ends."""
    center, right, up = axes_px[:, :2]
    return np.stack([right - center, up - center, center], axis=1).astype(np.float32)


def take_eye(plate: Float, outline: Float, axes_px: Float, fallback: Float) -> Eye | None:
    """Separate an eye from the plate (H, W, 3); None when the picture shows too little of it.

    `outline` (N, 2): the opening in pixels. `axes_px` (3, 2+): iris center, right and up radius ends.
    `fallback` (3,): the color of an eyeball under the plate's light, used where nothing is seen.
    """
    frame = disk_frame(axes_px)
    radius = float(np.hypot(*frame[:, 0]))
    margin = int(np.ceil(1.5 * radius)) + 4
    low = np.floor(outline.min(axis=0)).astype(int) - margin
    high = np.ceil(outline.max(axis=0)).astype(int) + margin
    low, high = np.maximum(low, 0), np.minimum(high, [plate.shape[1], plate.shape[0]])
    if (high - low < 4).any() or radius < 1.0:
        return None
    x0, y0 = int(low[0]), int(low[1])
    crop = np.nan_to_num(plate[y0 : high[1], x0 : high[0], :3], posinf=0.0, neginf=0.0)
    height, width = crop.shape[:2]
    open_ = polygon(outline.astype(np.float32), x0, y0, width, height)
    inner = _erode(open_ > 0.99, max(1, round(0.08 * radius)))
    local = _disk_coordinates(frame, x0, y0, width, height)
    reach = np.hypot(local[..., 0], local[..., 1])
    seen_ball = inner & (reach > 1.18)
    ball = _continue_color(crop, seen_ball, fallback, radius)
    disk = _take_disk(crop, inner, frame, x0, y0)
    return Eye(ball, (x0, y0), disk, frame)


def _take_disk(crop: Float, inner: NDArray[np.bool_], frame: Float, x0: int, y0: int) -> Float:
    step = (np.arange(DISK, dtype=np.float32) + 0.5) / DISK * 2 - 1
    u, v = np.meshgrid(step * DISK_REACH, -step * DISK_REACH)
    x = frame[0, 0] * u + frame[0, 1] * v + frame[0, 2] - x0
    y = frame[1, 0] * u + frame[1, 1] * v + frame[1, 2] - y0
    color, valid = _bilinear(crop, inner.astype(np.float32), x.astype(np.float32), y.astype(np.float32))
    disk = np.dstack([color, valid])
    return _complete_disk(disk, np.hypot(u, v))


def _complete_disk(disk: Float, radius: Float) -> Float:
    """Fill what a lid hid: first the mirror image (left-right, then up-down), then the ring's mean."""
    known = disk[..., 3] > 0.95
    for mirrored in (disk[:, ::-1], disk[::-1], disk[::-1, ::-1]):
        take = ~known & (mirrored[..., 3] > 0.95)
        disk[take] = mirrored[take]
        known = known | take
    ring = np.minimum((radius * 16).astype(int), 23)
    mean = np.zeros((24, 3), np.float32)
    last = None
    for r in range(24):
        member = known & (ring == r)
        if member.any():
            last = np.median(disk[member][:, :3], axis=0)
        if last is not None:
            mean[r] = last
    first = int(np.argmax(mean.any(axis=1)))
    mean[:first] = mean[first]
    disk[~known, :3] = mean[ring[~known]]
    disk[..., 3] = np.clip((1.1 - radius) / 0.16, 0, 1)
    return disk.astype(np.float32)


def _continue_color(crop: Float, seen: NDArray[np.bool_], fallback: Float, radius: float) -> Float:
    """The seen eyeball colors smoothly continued everywhere (normalized blurs, small to large)."""
    if seen.sum() < 6:
        return np.broadcast_to(fallback.astype(np.float32), crop.shape).copy()
    out = np.zeros_like(crop)
    filled = np.zeros(seen.shape, np.float32)
    for scale in (0.15, 0.4, 1.0, 3.0):
        size = max(1, round(scale * radius))
        weight = _box(seen.astype(np.float32)[..., None], size)
        color = _box(crop * seen[..., None], size)
        trust = np.minimum(weight[..., 0] * 8, 1.0) * (1 - filled)
        out += np.where(weight > 1e-4, color / np.maximum(weight, 1e-4), 0) * trust[..., None]
        filled += trust
    mean = crop[seen].mean(axis=0)
    out += mean * (1 - filled)[..., None]
    return np.where(seen[..., None], crop, out).astype(np.float32)


def draw_eye(
    eye: Eye,
    axes_px: Float,
    outline: Float,
    moved: Float,
    x0: int,
    y0: int,
    width: int,
    height: int,
) -> tuple[Float, Float]:
    """Color (h, w, 3) and coverage (h, w) of the eye in a region whose first pixel is (x0, y0).

    `axes_px`: the target iris. `outline`: the target opening. `moved` (2,): by how much the eyeball's
    place in the plate differs from its place here (plate minus target), pixels.
    """
    cover = polygon(outline.astype(np.float32), x0, y0, width, height)
    if not cover.any():
        return np.zeros((height, width, 3), np.float32), cover
    frame = disk_frame(axes_px)
    inverse = np.linalg.inv(frame[:, :2]).astype(np.float32)
    top, bottom = float(outline[:, 1].min()), float(outline[:, 1].max())
    color = np.zeros((height, width, 3), np.float32)
    shift = np.array(
        [moved[0] + x0 - eye.origin[0], moved[1] + y0 - eye.origin[1]], np.float32
    )
    offset = (frame[:, 2] - [x0, y0]).astype(np.float32)
    _draw(eye.ball, eye.disk, shift, inverse, offset, cover, color, max(bottom - top, 1.0))
    return color, cover


@numba.njit(cache=True, fastmath=True)
def _draw(
    ball: Float,
    disk: Float,
    shift: Float,
    inverse: Float,
    offset: Float,
    cover: Float,
    color: Float,
    opening_px: float,
) -> None:
    height, width = cover.shape
    rows, columns = ball.shape[0], ball.shape[1]
    for x in range(width):
        top = -1.0
        for y in range(height):
            if cover[y, x] <= 0:
                continue
            if top < 0:
                top = y + 1.0 - cover[y, x]
            bx = min(max(x + shift[0], 0.0), columns - 1.001)
            by = min(max(y + shift[1], 0.0), rows - 1.001)
            ix, iy = int(bx), int(by)
            wx, wy = bx - ix, by - iy
            dx, dy = x + 0.5 - offset[0], y + 0.5 - offset[1]
            u = inverse[0, 0] * dx + inverse[0, 1] * dy
            v = inverse[1, 0] * dx + inverse[1, 1] * dy
            du = (u / DISK_REACH + 1) * 0.5 * DISK - 0.5
            dv = (1 - v / DISK_REACH) * 0.5 * DISK - 0.5
            inside = 0.0 <= du < DISK - 1 and 0.0 <= dv < DISK - 1
            jx, jy = int(du), int(dv)
            vx, vy = du - jx, dv - jy
            alpha = 0.0
            if inside:
                alpha = (disk[jy, jx, 3] * (1 - vx) + disk[jy, jx + 1, 3] * vx) * (1 - vy) + (
                    disk[jy + 1, jx, 3] * (1 - vx) + disk[jy + 1, jx + 1, 3] * vx
                ) * vy
            for k in range(3):
                value = (ball[iy, ix, k] * (1 - wx) + ball[iy, ix + 1, k] * wx) * (1 - wy) + (
                    ball[iy + 1, ix, k] * (1 - wx) + ball[iy + 1, ix + 1, k] * wx
                ) * wy
                if inside:
                    iris = (disk[jy, jx, k] * (1 - vx) + disk[jy, jx + 1, k] * vx) * (1 - vy) + (
                        disk[jy + 1, jx, k] * (1 - vx) + disk[jy + 1, jx + 1, k] * vx
                    ) * vy
                    value += alpha * (iris - value)
                color[y, x, k] = value


def _disk_coordinates(frame: Float, x0: int, y0: int, width: int, height: int) -> Float:
    inverse = np.linalg.inv(frame[:, :2])
    x = np.arange(width, dtype=np.float32) + (x0 + 0.5) - frame[0, 2]
    y = np.arange(height, dtype=np.float32)[:, None] + (y0 + 0.5) - frame[1, 2]
    return np.stack([inverse[0, 0] * x + inverse[0, 1] * y, inverse[1, 0] * x + inverse[1, 1] * y], axis=-1)


def _bilinear(picture: Float, valid: Float, x: Float, y: Float) -> tuple[Float, Float]:
    """Sample at pixel coordinates (centers at .5); validity is bilinear too, 0 outside."""
    height, width = valid.shape
    fx, fy = x - 0.5, y - 0.5
    ix, iy = np.floor(fx).astype(int), np.floor(fy).astype(int)
    wx, wy = fx - ix, fy - iy
    color = np.zeros((*x.shape, 3), np.float32)
    sure = np.zeros(x.shape, np.float32)
    for dy, share_y in ((0, 1 - wy), (1, wy)):
        for dx, share_x in ((0, 1 - wx), (1, wx)):
            cx, cy = ix + dx, iy + dy
            there = (cx >= 0) & (cy >= 0) & (cx < width) & (cy < height)
            cx, cy = np.clip(cx, 0, width - 1), np.clip(cy, 0, height - 1)
            share = share_x * share_y
            color += picture[cy, cx] * share[..., None]
            sure += valid[cy, cx] * share * there
    return color, sure


def _erode(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    out: NDArray[np.bool_] = _box(mask.astype(np.float32)[..., None], size)[..., 0] > 0.999
    return out


def _box(values: Float, size: int) -> Float:
    """Mean over a square of 2 size + 1 pixels (H, W, C), zeros beyond the border."""
    padded = np.pad(values, ((size + 1, size), (size + 1, size), (0, 0))).astype(np.float64)
    total = padded.cumsum(axis=0).cumsum(axis=1)
    span = 2 * size + 1
    out = total[span:, span:] - total[:-span, span:] - total[span:, :-span] + total[:-span, :-span]
    return (out / span**2).astype(np.float32)
