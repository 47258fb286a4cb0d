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

from likeness.face.light import LUMA
from likeness.face.warp import polygon

Float = NDArray[np.float32]

DISK = 64  # samples across the iris texture's diameter
DISK_REACH = 1.25  # the texture reaches past the rim, to keep the plate's own soft edge
SMALL_PX = 8  # irises smaller than this leave no pixel to be careful with
RINGS = 24  # of the iris, from its center to DISK_REACH
GLINT_LEVEL = 2.0  # brighter than its ring by this factor, and by this share of white, a spot is a reflection
GLINT_REACH, GLINT_SHARE = 0.75, 0.15  # reflections lie within this radius and take at most this area
LIMBUS = 0.85  # iris radii: from its dark rim outward an iris is no lighter than there
IRIS_BRIGHT = 1.5  # times as bright as its ring and as most of its rings: no more is iris
GLINT_FOLLOWS = 0.45  # a reflection moves this much as far as the iris: the cornea is a smaller ball
RIM = (0.8, 1.1)  # iris radii from and to which the eyeball goes on as dark as beside
MIDDLE = (0.6, 1.05)  # iris radii from which and to which the eyeball, white in its middle, is as beside
WHITENED, GRAYER = 1.5, 0.25  # times as bright as the bright of what is seen at most; so much nearer to gray
CLEAN_SHARE = 0.55  # eyeball darker than this share of its bright tone is lash or shadow, not to be spread
SHADOW = 0.3  # how much darker the continued eyeball is at the upper lid
SHADOW_HEIGHT = 0.35  # of the opening


@dataclass(frozen=True)
class Eye:
    """What was taken from the plate: `ball` (h, w, 4) with first pixel `origin`, `disk` (64, 64, 4).

    The ball's fourth channel is 1 where its color was seen, 0 where it was continued. `glint` (h, w, 3) is
    the light reflected in the iris. `frame` (2, 3) maps disk coordinates (-1..1, y up) to plate pixels.
    `shown`: how much of the iris was seen, from 0 to 1.
    """

    ball: Float
    glint: Float
    origin: tuple[int, int]
    disk: Float
    frame: Float
    shown: float


def smoothly(value: float, ends: tuple[float, float]) -> float:
    """From 0 at the first of the `ends` to 1 at the last, without a bend at either."""
    share = float(np.clip((value - ends[0]) / (ends[1] - ends[0]), 0, 1))
    return share * share * (3 - 2 * share)


def disk_frame(axes_px: Float) -> Float:
    """The affine map (2, 3) from disk coordinates to pixels, from projected center and radius ends."""
    center, right, up = axes_px[:, :2]
    return np.stack([right - center, up - center, center], axis=1).astype(np.float32)


def take_eye(
    plate: Float, outline: Float, axes_px: Float, fallback: Float, middle: float = 0.0
) -> Eye | None:
    """Separate an eye from the plate (H, W, 3); None when the picture shows too little of it.

    `outline` (N, 2): the opening in pixels. `axes_px` (3, 2+): iris center, right and up radius ends.
    `fallback` (3,): the color of an eyeball under the plate's light, used where nothing is seen. `middle`
    is the luma of its middle, which the iris hides.
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
    inner = _erode(open_ > 0.99, round(0.08 * radius)) if radius > SMALL_PX else open_ > 0.9
    local = _disk_coordinates(frame, x0, y0, width, height)
    reach = np.hypot(local[..., 0], local[..., 1])
    seen_ball = inner & (reach > (1.18 if radius > SMALL_PX else 1.1))
    ball = _continue_color(crop, seen_ball, reach, fallback, radius)
    if (reach < MIDDLE[0]).any():
        _whiten(ball, seen_ball, reach, middle)
    ball = np.dstack([ball, seen_ball])
    glint = _take_glint(crop, inner, reach)
    disk, shown = _take_disk(crop - glint, inner, frame, x0, y0)
    return Eye(ball.astype(np.float32), glint, (x0, y0), disk, frame, shown)


def _take_glint(crop: Float, inner: NDArray[np.bool_], reach: Float) -> Float:
    """What in the iris is far brighter than its ring: (h, w, 3), 0 elsewhere."""
    luma = crop.mean(axis=2)
    white = float(np.quantile(luma[inner], 0.9)) if inner.any() else 0.0
    ring = np.minimum((reach / DISK_REACH * RINGS).astype(int), RINGS - 1)
    out = np.zeros_like(crop)
    for r in range(int(RINGS * GLINT_REACH / DISK_REACH)):
        member = inner & (ring == r)
        if member.sum() < 4:
            continue
        usual = np.median(crop[member], axis=0)
        bright = member & (luma > GLINT_LEVEL * usual.mean()) & (luma > 0.15 * white)
        out[bright] = np.maximum(crop[bright] - usual, 0)
    if (out > 0).any(axis=2).sum() > GLINT_SHARE * (inner & (reach < 1)).sum():
        return np.zeros_like(crop)  # so much is not a reflection: the disk lies beside the iris
    return out


def _take_disk(crop: Float, inner: NDArray[np.bool_], frame: Float, x0: int, y0: int) -> tuple[Float, float]:
    """The iris (64, 64, 4), and how much of it is seen, from 0 to 1."""
    step = (np.arange(DISK, dtype=np.float32) + 0.5) / DISK * 2 - 1
    u, v = np.meshgrid(step * DISK_REACH, -step * DISK_REACH)
    x = frame[0, 0] * u + frame[0, 1] * v + frame[0, 2] - x0
    y = frame[1, 0] * u + frame[1, 1] * v + frame[1, 2] - y0
    color, valid = _bilinear(crop, inner.astype(np.float32), x.astype(np.float32), y.astype(np.float32))
    disk, radius = np.dstack([color, valid]), np.hypot(u, v)
    shown = float((valid[radius < 1] > 0.95).mean())
    return _complete_disk(disk, radius), shown


def _complete_disk(disk: Float, radius: Float) -> Float:
    """Fill what a lid hid by the mirror image, left-right, then up-down, and what is no iris by its ring.

    Of every ring the median tells what is lid, eyeball or a reflection: too bright to be iris.
    """
    known = disk[..., 3] > 0.95
    ring = np.minimum((radius / DISK_REACH * RINGS).astype(int), RINGS - 1)
    rings = _rings(disk[..., :3], known, ring)
    limbus = int(LIMBUS / DISK_REACH * RINGS)
    rings[limbus:] = np.minimum(rings[limbus:], rings[limbus])
    usual = rings[ring]
    for mirrored in (disk[:, ::-1], disk[::-1], disk[::-1, ::-1]):
        take = ~known & (mirrored[..., 3] > 0.95)
        disk[take] = mirrored[take]
        known = known | take
    luma, tone = disk[..., :3].mean(axis=2), rings[:limbus].mean(axis=1)
    brightest = IRIS_BRIGHT * np.maximum(usual.mean(axis=2), np.median(tone))
    like = known & (luma < brightest)
    disk[..., :3] = np.where(like[..., None], disk[..., :3], usual)
    disk[..., 3] = np.clip((1.1 - radius) / 0.16, 0, 1)
    return disk.astype(np.float32)


def _rings(color: Float, known: NDArray[np.bool_], ring: NDArray[np.int64]) -> Float:
    """The median color (RINGS, 3) of every ring, where none of it is known that of one beside it."""
    out = np.zeros((RINGS, 3), np.float32)
    there = np.zeros(RINGS, bool)
    for r in range(RINGS):
        member = known & (ring == r)
        if member.any():
            out[r], there[r] = np.median(color[member], axis=0), True
    if there.any():
        near = np.abs(np.arange(RINGS)[:, None] - np.flatnonzero(there)).argmin(axis=1)
        out = out[np.flatnonzero(there)[near]]
    return out


def _continue_color(
    crop: Float, seen: NDArray[np.bool_], reach: Float, fallback: Float, radius: float
) -> Float:
    """The seen eyeball colors smoothly continued everywhere (normalized blurs, small to large).

    Beneath the iris only bright eyeball goes on, not its dark rim; about it, where lashes or a lid's shadow
    lie, and under the lids all that lies beside. `reach` (h, w) is the distance in iris radii.
    """
    if seen.sum() < 6:
        return np.broadcast_to(fallback.astype(np.float32), crop.shape).copy()
    luma = crop.mean(axis=2)
    clean = seen & (luma > CLEAN_SHARE * np.quantile(luma[seen], 0.85))
    beside = _spread(crop, seen, radius)
    bright = _spread(crop, clean, radius)
    rim = np.clip((reach - RIM[0]) / (RIM[1] - RIM[0]), 0, 1)[..., None]
    out = bright + rim * (np.minimum(beside, bright) - bright)
    out = np.where(reach[..., None] < 1.3, out, beside)
    return np.where(seen[..., None], crop, out).astype(np.float32)


def _whiten(ball: Float, seen: NDArray[np.bool_], reach: Float, middle: float) -> None:
    """Lighten what was not `seen` (h, w) of the `ball` (h, w, 3) toward the luma of its `middle`, in place.

    What is seen beside an iris are corners, in the shade of lids and lashes and red with vessels.
    """
    tone = ball[reach < MIDDLE[0]].mean(axis=0)
    luma = max(float(tone @ LUMA), 1e-6)
    color = (tone + GRAYER * (luma - tone)) * min(WHITENED, middle / luma)
    share = np.clip((MIDDLE[1] - reach) / (MIDDLE[1] - MIDDLE[0]), 0, 1) * ~seen
    share = (share * share * (3 - 2 * share))[..., None]
    ball += share * np.maximum(color - ball, 0)


def _spread(crop: Float, source: NDArray[np.bool_], radius: float) -> Float:
    """The colors at `source` (h, w) continued everywhere: from nearby where there are any."""
    out = np.zeros_like(crop)
    filled = np.zeros(source.shape, np.float32)
    for scale in (0.15, 0.4, 1.0, 3.0):
        size = max(1, round(scale * radius))
        weight = _box(source.astype(np.float32)[..., None], size)
        color = _box(crop * source[..., None], size)
        trust = np.minimum(weight[..., 0] * 8, 1.0) * (1 - filled)
        out += np.where(weight > 1e-4, color / np.maximum(weight, 1e-4), 0) * trust[..., None]
        filled += trust
    return out + crop[source].mean(axis=0) * (1 - filled)[..., None]


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
    shift = np.array([moved[0] + x0 - eye.origin[0], moved[1] + y0 - eye.origin[1]], np.float32)
    went = (frame[:, 2] + moved - eye.frame[:, 2]) * GLINT_FOLLOWS
    offset = (frame[:, 2] - [x0, y0]).astype(np.float32)
    height_px = max(bottom - top, 1.0)
    _draw(
        eye.ball,
        eye.glint,
        eye.disk,
        shift,
        went.astype(np.float32),
        inverse,
        offset,
        cover,
        color,
        height_px,
    )
    return color, cover


@numba.njit(cache=True, fastmath=True, nogil=True)
def _draw(
    ball: Float,
    glint: Float,
    disk: Float,
    shift: Float,
    went: Float,
    inverse: Float,
    offset: Float,
    cover: Float,
    color: Float,
    opening_px: float,
) -> None:
    height, width = cover.shape
    under, iris, shine = np.zeros(4, np.float32), np.zeros(4, np.float32), np.zeros(3, np.float32)
    for x in range(width):
        top = -1.0
        for y in range(height):
            if cover[y, x] <= 0:
                continue
            if top < 0:
                top = y + 1.0 - cover[y, x]
            lerp(ball, x + shift[0], y + shift[1], under)
            lerp(glint, x + shift[0] - went[0], y + shift[1] - went[1], shine)
            dx, dy = x + 0.5 - offset[0], y + 0.5 - offset[1]
            u = (inverse[0, 0] * dx + inverse[0, 1] * dy) / DISK_REACH
            v = (inverse[1, 0] * dx + inverse[1, 1] * dy) / DISK_REACH
            alpha = 0.0
            if abs(u) < 1 and abs(v) < 1:
                lerp(disk, (u + 1) * 0.5 * DISK - 0.5, (1 - v) * 0.5 * DISK - 0.5, iris)
                alpha = iris[3]
            near = max(1.0 - (y + 0.5 - top) / (SHADOW_HEIGHT * opening_px), 0.0)
            shade = 1.0 - SHADOW * near * (1.0 - under[3])
            for k in range(3):
                value = under[k] * shade
                color[y, x, k] = value + alpha * (iris[k] - value + shine[k])


@numba.njit(cache=True, fastmath=True, inline="always")
def lerp(picture: Float, x: float, y: float, out: Float) -> None:
    """Bilinear sample at index coordinates, borders repeated."""
    x = min(max(x, 0.0), picture.shape[1] - 1.001)
    y = min(max(y, 0.0), picture.shape[0] - 1.001)
    ix, iy = int(x), int(y)
    wx, wy = x - ix, y - iy
    for k in range(out.shape[0]):
        out[k] = (picture[iy, ix, k] * (1 - wx) + picture[iy, ix + 1, k] * wx) * (1 - wy) + (
            picture[iy + 1, ix, k] * (1 - wx) + picture[iy + 1, ix + 1, k] * wx
        ) * wy


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
