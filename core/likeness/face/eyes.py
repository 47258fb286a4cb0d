"""The eye layer: the plate's own eyeball and iris, taken apart so that gaze and lids can move.

The eyeball is the plate with its iris painted out and continued under the lids; the iris is the plate's own
disk, completed by its mirror image where a lid hid it. Both are made once per plate frame (`take_eye`)
and drawn for any gaze and opening (`draw_eye`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face.light import LUMA
from likeness.face.limbus import disk_frame, place, radius_px
from likeness.face.warp import polygon
from likeness.render.blur import gaussian

Float = NDArray[np.float32]
Int = NDArray[np.int32]

SAMPLES, DISK = 1.5, (48, 256)  # of the iris's texture: to a pixel of the plate, the least and the most
DISK_REACH = 1.25  # the texture reaches past the rim, to keep the plate's own soft edge
SMALL_PX = 8  # irises smaller than this leave no pixel to be careful with
RINGS = 24  # of the iris, from its center to DISK_REACH
GLINT_LEVEL = 2.0  # brighter than its ring by this factor, and by this share of white, a spot is a reflection
GLINT_WHITE = 0.3  # of the bright of what is seen: no darker is a reflection
GLINT_REACH, GLINT_SHARE = 0.75, 0.15  # reflections lie within this radius and take at most this area
LIMBUS_SOFT, BLURRED = 0.08, 1.5  # half an iris's edge: of its radius, and deviations of the plate's blur
LEAST_COVER = 0.3  # of an iris, that tells its color
LIMBUS = 0.85  # iris radii: from its dark rim outward an iris is no lighter than there
IRIS_DARK = 0.5  # times as bright as its ring: no less is iris
IRIS_BRIGHT = 1.5  # times as bright as its ring and as most of its rings: no more is iris
GLINT_FOLLOWS = 0.45  # a reflection moves this much as far as the iris: the cornea is a smaller ball
MIDDLE = (0.3, 1.0)  # iris radii from which and to which the eyeball, white in its middle, is as beside
WHITENED, GRAYER = 1.5, 0.25  # times as bright as the bright of what is seen at most; so much nearer to gray
CLEAN_SHARE = 0.55  # eyeball darker than this share of its bright tone is lash or shadow, not to be spread
OVER = 1.15  # iris radii aside: there lashes and the lid's line meet an iris
EDGE_REACH = 2.0  # deviations of the blur of an eye's edge, which end it
LIDS_REACH = 0.5  # iris radii, deviation: so far about a place lids take an eyeball's light
OVERHEAD = 0.15  # iris radii: so much more of it the upper one takes
BARE = 0.85  # of what is so near lies between the lids where they take none
LIDS_SHADE = np.array([0.5, 0.8, 0.9], np.float32)  # of the light from lids' places is lost: red comes back
LEAST_LIT = 0.4  # of an eyeball's light, in corners
COARSE_PX = 3.0  # samples to that deviation


@dataclass(frozen=True)
class Eye:
    """What was taken from the plate: `ball` (h, w, 4) with first pixel `origin`, `disk` (n, n, 4).

    The ball's fourth channel is 1 where its color was seen, 0 where it was continued; the disk's how much it
    covers. `glint` (h, w, 3) is the light reflected in the iris. `frame` (2, 3) maps disk coordinates (-1..1,
    y up) to plate pixels; `beside` (2,): so far, in them, it lies beside where the model has the iris.
    `shown`: how much of the iris was seen, from 0 to 1.
    """

    ball: Float
    glint: Float
    origin: tuple[int, int]
    disk: Float
    frame: Float
    beside: Float
    shown: float


def smoothly(value: float | Float, ends: tuple[float, float]) -> Any:
    """From 0 at the first of the `ends` to 1 at the last, without a bend at either."""
    share = np.clip((value - ends[0]) / (ends[1] - ends[0]), 0, 1)
    return share * share * (3 - 2 * share)


def take_eye(
    plate: Float,
    outline: Float,
    axes_px: Float,
    fallback: Float,
    middle: float = 0.0,
    blur_px: float = 0.0,
) -> Eye | None:
    """Separate an eye from the plate (H, W, 3); None when the picture shows too little of it.

    `outline` (N, 2): the opening in pixels. `axes_px` (3, 2+): iris center, right and up radius ends.
    `fallback` (3,): the color of an eyeball under the plate's light, used where nothing is seen. `middle`
    is the luma of its middle, which the iris hides. `blur_px`: standard deviation of the plate's own blur.
    """
    frame = disk_frame(axes_px)
    radius = radius_px(frame)
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
    local = np.c_[frame[:, :2], frame[:, 2] - low].astype(np.float32)
    beside = place(crop.mean(axis=2), outline - low, local)
    frame = disk_moved(frame, beside)
    local = disk_moved(local, beside)
    across, up = np.moveaxis(_disk_coordinates(frame, x0, y0, width, height), 2, 0)
    reach = np.hypot(across, up)
    soft = float(np.hypot(LIMBUS_SOFT, BLURRED * blur_px / radius))
    seen_ball = _without_lashes(crop, inner & (reach > 1 + soft), abs(across) < OVER)
    ball = _continue_color(crop, seen_ball, reach, fallback, radius)
    if (reach < MIDDLE[0]).any():
        _whiten(ball, seen_ball, reach, middle, fallback)
    glint = _take_glint(crop, inner, reach)
    own = _unmixed(crop - glint, ball, _cover(reach, soft))
    disk, shown = _take_disk(own, inner, local, soft)
    ball = np.dstack([ball, seen_ball]).astype(np.float32)
    return Eye(ball, glint, (x0, y0), disk, frame, beside, shown)


def _without_lashes(crop: Float, seen: NDArray[np.bool_], over: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is `seen` (h, w) of an eyeball, without what is dark `over` or under its iris: lashes meet it."""
    return seen & (~over | _clean(crop, seen)) if seen.any() else seen


def _clean(crop: Float, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What (h, w) is as bright as an eyeball, of which that much is `seen`: no lash, and no shadow of one."""
    luma = crop.mean(axis=2)
    bright: NDArray[np.bool_] = luma >= CLEAN_SHARE * np.quantile(luma[seen], 0.85)
    return bright


def disk_moved(frame: Float, beside: Float) -> Float:
    """The frame (2, 3) of a disk that lies `beside` (2,), in its own coordinates."""
    return np.c_[frame[:, :2], frame[:, 2] + frame[:, :2] @ beside].astype(np.float32)


def _cover(reach: Float, soft: float) -> Float:
    """How much an iris covers so many radii from its middle: half of its edge, which is twice `soft` wide."""
    return np.asarray(smoothly(reach, (1 + soft, 1 - soft)), np.float32)


def _unmixed(crop: Float, ball: Float, cover: Float) -> Float:
    """The colors (h, w, 3) of an iris that by its `cover` (h, w) over the `ball` gives the `crop`."""
    share = np.maximum(cover, LEAST_COVER)[..., None]
    return np.maximum((crop - (1 - share) * ball) / share, 0)


def _take_glint(crop: Float, inner: NDArray[np.bool_], reach: Float) -> Float:
    """What in the iris is far brighter than its ring: (h, w, 3), 0 elsewhere."""
    luma = crop.mean(axis=2)
    white = float(np.quantile(luma[inner], 0.9)) if inner.any() else 0.0
    within = inner & (reach < GLINT_REACH)
    all_over = np.median(crop[within], axis=0) if within.any() else np.zeros(3, np.float32)
    ring = _ring_of(reach)
    usual = np.fmin(_ring_medians(crop, ring, inner), all_over)[ring]
    bright = (luma > GLINT_LEVEL * usual.mean(axis=2)) & (luma > GLINT_WHITE * white)
    bright &= inner & (ring < int(RINGS * GLINT_REACH / DISK_REACH))
    out = np.where(bright[..., None], np.maximum(crop - usual, 0), np.float32(0))
    if (out > 0).any(axis=2).sum() > GLINT_SHARE * (inner & (reach < 1)).sum():
        return np.zeros_like(crop)  # so much is not a reflection: the disk lies beside the iris
    return out


def _take_disk(crop: Float, inner: NDArray[np.bool_], frame: Float, soft: float) -> tuple[Float, float]:
    """The iris (n, n, 4), whose edge is twice `soft` wide, and how much of it is seen, from 0 to 1."""
    count = int(np.clip(np.ceil(SAMPLES * 2 * DISK_REACH * radius_px(frame)), *DISK))
    step = (np.arange(count, dtype=np.float32) + 0.5) / count * 2 - 1
    u, v = np.meshgrid(step * DISK_REACH, -step * DISK_REACH)
    spot = np.tensordot(frame[:, :2], np.stack([u, v]), 1) + (frame[:, 2] - 0.5)[:, None, None]
    color = _resampled(crop, spot[::-1])
    valid = ndimage.map_coordinates(inner.astype(np.float32), spot[::-1], order=1)
    radius = np.hypot(u, v)
    disk = np.dstack([color, valid])
    shown = float((valid[radius < 1] > 0.95).mean())
    return _complete_disk(disk, radius, soft), shown


def _resampled(picture: Float, spot: Float) -> Float:
    """Cubic samples of a picture (H, W, 3) at rows and columns (2, h, w), without overshoot."""
    out = []
    rows, columns = (
        np.clip(np.ceil(at).astype(int), 0, n - 1) for at, n in zip(spot, picture.shape[:2], strict=True)
    )
    for channel in np.moveaxis(picture, 2, 0):
        around = ndimage.minimum_filter(channel, 2), ndimage.maximum_filter(channel, 2)
        low, high = (each[rows, columns] for each in around)
        out.append(np.clip(ndimage.map_coordinates(channel, spot, order=3, mode="nearest"), low, high))
    return np.stack(out, axis=-1)


def _complete_disk(disk: Float, radius: Float, soft: float) -> Float:
    """Fill what a lid hid by the mirror image, left-right, then up-down, and what is no iris by its ring.

    Of every ring the median tells what is lid, eyeball or a reflection: too bright to be iris.
    """
    known = disk[..., 3] > 0.95
    ring = _ring_of(radius)
    rings = _rings(disk[..., :3], known, ring)
    limbus = int(min(LIMBUS, 1 - soft) / DISK_REACH * RINGS)
    rings[limbus:] = np.minimum(rings[limbus:], rings[limbus])
    usual = rings[ring]
    for mirrored in (disk[:, ::-1], disk[::-1], disk[::-1, ::-1]):
        take = ~known & (mirrored[..., 3] > 0.95)
        disk[take] = mirrored[take]
        known = known | take
    luma, tone = disk[..., :3].mean(axis=2), rings[:limbus].mean(axis=1)
    level = usual.mean(axis=2)
    brightest, darkest = IRIS_BRIGHT * np.maximum(level, np.median(tone)), IRIS_DARK * level
    like = known & (luma < brightest) & ((luma > darkest) | (radius < 1 - soft)) & (radius < 1 + soft / 2)
    disk[..., :3] = np.where(like[..., None], disk[..., :3], usual)
    disk[..., 3] = _cover(radius, soft)
    return disk.astype(np.float32)


def _ring_of(reach: Float) -> Int:
    """Which of the iris's rings (h, w) is so many radii from its middle; the last is all beyond, too."""
    return np.minimum((reach / DISK_REACH * RINGS).astype(np.int32), RINGS - 1)


def _rings(color: Float, known: NDArray[np.bool_], ring: Int) -> Float:
    """The median color (RINGS, 3) of every ring, where none of it is known that of one beside it."""
    out = _ring_medians(color, ring, known)
    there = np.flatnonzero(np.isfinite(out[:, 0]))
    if not len(there):
        return np.zeros_like(out)
    return out[there[np.abs(np.arange(RINGS)[:, None] - there).argmin(axis=1)]]


@numba.njit(cache=True, nogil=True)
def _ring_medians(color: Float, ring: Int, known: NDArray[np.bool_]) -> Float:
    """The median (RINGS, 3) of what is known (h, w) of the color (h, w, 3) of every ring; NaN of none."""
    count = np.zeros(RINGS + 1, np.int32)
    for y in range(ring.shape[0]):
        for x in range(ring.shape[1]):
            if known[y, x]:
                count[ring[y, x] + 1] += 1
    first = np.cumsum(count)
    members, end = np.empty((3, first[-1]), np.float32), first.copy()
    for y in range(ring.shape[0]):
        for x in range(ring.shape[1]):
            if known[y, x]:
                for k in range(3):
                    members[k, end[ring[y, x]]] = color[y, x, k]
                end[ring[y, x]] += 1
    out = np.full((RINGS, 3), np.nan, np.float32)
    for r in range(RINGS):
        if count[r + 1] > 0:
            for k in range(3):
                out[r, k] = np.median(members[k, first[r] : first[r + 1]])
    return out


def _continue_color(
    crop: Float, seen: NDArray[np.bool_], reach: Float, fallback: Float, radius: float
) -> Float:
    """The seen eyeball colors smoothly continued everywhere (normalized blurs, small to large).

    Beneath the iris's middle only bright eyeball goes on; toward its edge, and under the lids, all that lies
    beside, also a lid's shadow. `reach` (h, w) is the distance in iris radii.
    """
    if seen.sum() < 6:
        return np.broadcast_to(fallback.astype(np.float32), crop.shape).copy()
    clean = seen & _clean(crop, seen)
    beside = _spread(crop, seen, radius)
    middle = _in_middle(reach)[..., None]
    out = beside + middle * np.maximum(_spread(crop, clean, radius) - beside, 0)
    return np.where(seen[..., None], crop, out).astype(np.float32)


def _in_middle(reach: Float) -> Float:
    """1 in an eyeball's middle, 0 from the iris's edge on (h, w)."""
    out: Float = smoothly(reach, MIDDLE[::-1])
    return out


def _whiten(ball: Float, seen: NDArray[np.bool_], reach: Float, middle: float, white: Float) -> None:
    """Lighten what was not `seen` (h, w) of the `ball` (h, w, 3) toward the luma of its `middle`, in place.

    What is seen beside an iris are corners, in the shade of lids and lashes and red with vessels. Grayer it
    becomes no farther than to the hue of `white` (3,), an eyeball's in the plate's light.
    """
    tone = ball[reach < MIDDLE[0]].mean(axis=0)
    luma, usual = max(float(tone @ LUMA), 1e-6), white / max(float(white @ LUMA), 1e-6)
    hue = tone / luma
    ends = np.where((hue < usual) == (usual < 1), usual, 1)  # what lies between it and gray
    hue = np.clip(hue + GRAYER * (1 - hue), *np.sort([hue, ends], axis=0))
    color = luma * hue * min(WHITENED, middle / luma)
    share = (_in_middle(reach) * ~seen)[..., None]
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
    where: tuple[int, int, int, int],
    soft_px: float = 0.0,
) -> tuple[Float, Float]:
    """Color (h, w, 3) and coverage (h, w) of the eye in the region `where`: first pixel, width and height.

    `axes_px`: the target iris. `outline`: the target opening. `moved` (2,): by how much the eyeball's
    place in the plate differs from its place here (plate minus target), pixels. `soft_px`: standard
    deviation of the edge's blur, which lies within the opening.
    """
    x0, y0, width, height = where
    cover = _covered(outline, where, soft_px)
    if not cover.any():
        return np.zeros((height, width, 3), np.float32), cover
    frame = disk_moved(disk_frame(axes_px), eye.beside)
    inverse = np.linalg.inv(frame[:, :2]).astype(np.float32)
    color = np.zeros((height, width, 3), np.float32)
    shift = np.array([moved[0] + x0 - eye.origin[0], moved[1] + y0 - eye.origin[1]], np.float32)
    went = (frame[:, 2] + moved - eye.frame[:, 2]) * GLINT_FOLLOWS
    offset = (frame[:, 2] - [x0, y0]).astype(np.float32)
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
        *_lit(outline, where, radius_px(frame)),
    )
    return color, cover


def _covered(outline: Float, where: tuple[int, int, int, int], soft_px: float) -> Float:
    """How much (h, w) of `where` is within the outline, whose edge is soft inward."""
    x0, y0, width, height = where
    beyond = int(EDGE_REACH * soft_px + 0.5)
    margin = x0 - beyond, y0 - beyond, width + 2 * beyond, height + 2 * beyond
    cover = polygon(outline.astype(np.float32), *margin)
    if not beyond:
        return cover
    soft = gaussian(cover[..., None], soft_px, truncate=EDGE_REACH)[beyond:-beyond, beyond:-beyond, 0]
    return np.maximum(2 * soft - 1, np.float32(0))


def _lit(outline: Float, where: tuple[int, int, int, int], radius: float) -> tuple[Float, float, float]:
    """How much light lids leave to an eyeball (h, w, 3) in the region `where`, of an iris of that radius.

    Lids and lashes stand about it. In clips of three people whose eyes look far aside, whites are darker and
    redder the more of what is near is lid. It is smooth, thus coarse: so many samples to a pixel, and so far
    before the first one is the region's first pixel.
    """
    reach = LIDS_REACH * radius
    per = min(COARSE_PX / reach, 1.0)
    size, down = int(np.ceil(2 * reach * per)), np.array([0, OVERHEAD * radius], np.float32)
    places = (outline - where[:2] + down) * per + size
    width, height = (int(np.ceil(side * per)) + 2 * size + 1 for side in where[2:])
    open_ = polygon(places.astype(np.float32), 0, 0, width, height)
    near = gaussian(open_[..., None], reach * per, truncate=2.0)
    return np.maximum(1 - LIDS_SHADE * np.maximum(BARE - near, 0), LEAST_LIT), float(per), size - 0.5


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
    lit: Float,
    per: float,
    before: float,
) -> None:
    height, width, count = *cover.shape, len(disk)
    under, iris = np.zeros(4, np.float32), np.zeros(4, np.float32)
    shine, left = np.zeros(3, np.float32), np.zeros(3, np.float32)
    for y in range(height):
        for x in range(width):
            if cover[y, x] <= 0:
                continue
            lerp(ball, x + shift[0], y + shift[1], under)
            lerp(glint, x + shift[0] - went[0], y + shift[1] - went[1], shine)
            dx, dy = x + 0.5 - offset[0], y + 0.5 - offset[1]
            u = (inverse[0, 0] * dx + inverse[0, 1] * dy) / DISK_REACH
            v = (inverse[1, 0] * dx + inverse[1, 1] * dy) / DISK_REACH
            alpha = 0.0
            if abs(u) < 1 and abs(v) < 1:
                lerp(disk, (u + 1) * 0.5 * count - 0.5, (1 - v) * 0.5 * count - 0.5, iris)
                alpha = iris[3]
            lerp(lit, (x + 0.5) * per + before, (y + 0.5) * per + before, left)
            for k in range(3):
                value = under[k] * (under[3] + left[k] * (1.0 - under[3]))
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
