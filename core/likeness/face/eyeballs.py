"""An eye as several pictures of one person show it: what lids and gaze hide in the plate, others lend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face import eyes, grain
from likeness.face.eyes import Eye, smoothly
from likeness.face.fit import Fit, Lens
from likeness.face.limbus import disk_frame
from likeness.face.person import Person
from likeness.face.rig import EYES, iris_axes, outlines_of
from likeness.head import points as dense

Float = NDArray[np.float32]

DENSITY = 24  # samples across an iris's radius
SMOOTH = 3.0  # of them, what was seen has no edges
REACH = (3.2, 2.0)  # of the eyeball, in iris radii across and up
SKIN_CM = (1.8, 4.0)  # so far from an eyeball's middle lies the skin whose color tells the light on it
SHOWN = (0.2, 0.45)  # of an iris: below the first, that of another picture is drawn; above the last, its own
BETTER = (0.05, 0.2)  # shown by another picture: below the first, the plate's own is drawn
FEATHER_PX = 0.7  # of what the plate shows of an eyeball
SURELY, LEAST_PX = 0.9, 20  # seen by others; so many pixels that both show tell how bright theirs is here
FLAT = (0.8, 0.95)  # as wide as high, from where and to where an iris that looks aside is believed


@dataclass(frozen=True)
class Eyeball:
    """One eyeball, its colors relative to those of the skin beside it.

    `ball` (h, w, 4) lies as the iris looks straight on, `DENSITY` samples a radius; its fourth channel is how
    much of it was seen, by which the others are multiplied. `disk` (n, n, 3) is the iris and `glint`
    (h, w, 3) the light reflected in it, when it was at `center` (2,) of the ball. `shown`: how well the iris
    was seen, from 0 to 1.
    """

    ball: Float
    disk: Float
    glint: Float
    center: Float
    shown: float


def seen_in(
    picture: Float, person: Person, pixels: Float, fit: Fit, lens: Lens, origin: Float, side: int
) -> Eyeball | None:
    """An eyeball as a `picture` (h, w, 3+) shows it; None if it does not.

    The picture is that part of a frame which begins at `origin` (2,); `pixels` (V, 2+), those of vertices and
    points, lie in it.
    """
    skin = skin_color(picture, person, pixels, side)
    if skin is None:
        return None
    axes = iris_axes(person, side, fit, lens)[:, :2] - origin
    frame = disk_frame(straight_axes(person, side, fit, lens)[:, :2] - origin)
    outline = outlines_of(person, np.ascontiguousarray(pixels))[EYES[side]]
    blur_px = grain.blur(picture, pixels[person.vertex_count :, :2])
    eye = eyes.take_eye(picture, outline, axes.astype(np.float32), skin, blur_px=blur_px)
    if eye is None or not (eye.ball[..., 3] > 0).any():
        return None
    x, y = _from_rest(frame)
    seen = _sampled(eye.ball, x - eye.origin[0], y - eye.origin[1])
    glint = _sampled(eye.glint, x - eye.origin[0], y - eye.origin[1])
    smooth = ndimage.gaussian_filter(seen[..., 3] * _bright(seen), SMOOTH)
    there = np.clip(2 * smooth - 1, 0, 1)[..., None]
    ball = np.concatenate([there * seen[..., :3] / skin, there], axis=2)
    disk, glint = ((each / skin).astype(np.float32) for each in (eye.disk[..., :3], glint))
    return Eyeball(ball, disk, glint, _center(eye, frame), well_shown(eye))


def _bright(ball: Float) -> NDArray[np.bool_]:
    """What of a ball (h, w, 4) is neither lash nor the edge of an iris."""
    luma, there = ball[..., :3].mean(axis=2), ball[..., 3] > 0.5
    if not there.any():
        return there
    out: NDArray[np.bool_] = luma > eyes.CLEAN_SHARE * np.quantile(luma[there], 0.85)
    return out


def well_shown(eye: Eye) -> float:
    """How well an iris can be drawn elsewhere, from 0 to 1: how much is seen of it, and from before."""
    across, up = np.linalg.norm(eye.frame[:, :2], axis=0)
    flat = abs(float(np.linalg.det(eye.frame[:, :2]))) / max(across, up) ** 2
    return eye.shown * smoothly(flat, FLAT)


def joined(views: Sequence[Eyeball | None]) -> Eyeball | None:
    """One eyeball of several views: of each place what is seen, and the iris that is seen best."""
    known = [view for view in views if view is not None]
    if not known:
        return None
    best = max(known, key=lambda view: view.shown)
    total = np.sum([(0.1 + view.shown) * view.ball for view in known], axis=0)
    seen = np.max([view.ball[..., 3:] for view in known], axis=0)
    return replace(best, ball=(total * seen / np.maximum(total[..., 3:], 1e-6)).astype(np.float32))


def completed(eye: Eye, other: Eyeball, rest: Float, skin: Float) -> Eye:
    """The plate's eye with what `other` shows of it and the plate does not.

    `rest` (3, 2+) are the axes in pixels of the plate's iris if it looked straight on, `skin` (3,) is the
    color of the plate's skin beside it.
    """
    frame = disk_frame(rest)
    local = eyes._disk_coordinates(frame, *eye.origin, *eye.ball.shape[1::-1])
    x, y = (_in_ball(local)[..., k] for k in (0, 1))
    whole = replace(eye, ball=_whole_ball(eye.ball, _sampled(other.ball, x, y), skin))
    own = well_shown(eye)
    more = (1 - smoothly(own, SHOWN)) * smoothly(other.shown - own, BETTER)
    if more <= 0:
        return whole
    disk = eye.disk.copy()
    disk[..., :3] += more * (_resized(other.disk, len(disk)) * skin - disk[..., :3])
    went = (_center(eye, frame) - other.center) * eyes.GLINT_FOLLOWS
    glint = eye.glint + more * (_sampled(other.glint, x - went[0], y - went[1]) * skin - eye.glint)
    return replace(whole, disk=disk, glint=glint.astype(np.float32))


def _whole_ball(own: Float, theirs: Float, skin: Float) -> Float:
    """An eyeball as `Eye` has it (h, w, 4), with what it does not show from `theirs`, as `Eyeball` has it."""
    shown, there = own[..., 3], theirs[..., 3:]
    color = theirs[..., :3] / np.maximum(there, 1e-6)
    both = (shown > 0) & (there[..., 0] > SURELY)
    gain = skin
    if both.sum() > LEAST_PX:
        gain = np.median(own[both][:, :3] / np.maximum(color[both], 1e-4), axis=0)
    color = color * gain
    dark = own[..., :3].mean(axis=2) < eyes.CLEAN_SHARE * color.mean(axis=2)
    shown = shown * ~(dark & (there[..., 0] > SURELY))  # that is iris: the found disk lies a little off
    share = there * (1 - shown * ndimage.gaussian_filter(shown, FEATHER_PX))[..., None]
    mixed = own[..., :3] + share * (color - own[..., :3])
    return np.dstack([mixed, np.maximum(shown, share[..., 0])]).astype(np.float32)


def skin_color(picture: Float, person: Person, pixels: Float, side: int) -> Float | None:
    """The usual color (3,) of the skin about an eye, which tells its light; None if the picture has none."""
    points = person.rest[person.vertex_count :][: dense.SKIN_COUNT]
    away = np.linalg.norm(points - person.eye_centers[side], axis=1)
    ids = np.flatnonzero((away > SKIN_CM[0]) & (away < SKIN_CM[1]))
    x, y = np.floor(pixels[person.vertex_count + ids, :2]).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < picture.shape[1]) & (y < picture.shape[0])
    colors = picture[y[inside], x[inside], :3]
    colors = colors[np.isfinite(colors).all(axis=1)]
    if len(colors) < 8:
        return None
    return np.maximum(np.median(colors, axis=0), 1e-4).astype(np.float32)


def straight_axes(person: Person, side: int, fit: Fit, lens: Lens) -> Float:
    """As `iris_axes`, of an eye that looks straight on."""
    return iris_axes(person, side, replace(fit, gaze=np.zeros_like(fit.gaze)), lens)


def _center(eye: Eye, frame: Float) -> Float:
    """Where in its ball (2,) an eye's iris is, by the frame of the iris that looks straight on."""
    return _in_ball(np.linalg.inv(frame[:, :2]) @ (eye.frame[:, 2] - frame[:, 2]))


def _in_ball(local: Float) -> Float:
    """Samples (..., 2) of a ball at places (..., 2) in iris radii, y up."""
    out: Float = np.stack([REACH[0] + local[..., 0], REACH[1] - local[..., 1]], axis=-1) * DENSITY
    return out


def _from_rest(frame: Float) -> tuple[Float, Float]:
    """Pixels x and y (h, w) of a ball's samples, by the frame of the iris that looks straight on."""
    u, v = (np.arange(round(2 * reach * DENSITY), dtype=np.float32) + 0.5 for reach in REACH)
    u, v = u / DENSITY - REACH[0], (REACH[1] - v / DENSITY)[:, None]
    x, y = (frame[k, 0] * u + frame[k, 1] * v + frame[k, 2] for k in (0, 1))
    return x, y


def _resized(disk: Float, count: int) -> Float:
    """A disk (n, n, 3) of so many samples across."""
    at = (np.arange(count, dtype=np.float32) + 0.5) / count * len(disk)
    return np.clip(
        _sampled(disk, *np.meshgrid(at.clip(0.5, len(disk) - 0.5), at.clip(0.5, len(disk) - 0.5))), 0, None
    )


def _sampled(picture: Float, x: Float, y: Float) -> Float:
    """A picture (H, W, C) at places (h, w), pixels' middles at .5; zeros beyond it."""
    spot = [y - 0.5, x - 0.5]
    layers = [ndimage.map_coordinates(picture[..., c], spot, order=1) for c in range(picture.shape[2])]
    return np.stack(layers, axis=-1)
