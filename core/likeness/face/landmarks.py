"""Finds the dense points of a face inside a crop of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import copysign, cos, exp, log, pi, sin

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face.clench import clenched
from likeness.face.expected import expected_turn, toward_camera
from likeness.face.gaze import seen_gaze
from likeness.face.irises import moved_irises
from likeness.face.lip_edges import moved_lips
from likeness.face.patches import look_again
from likeness.head import points as dense
from likeness.head.model import load_head
from likeness.media.look import Look, as_look
from likeness.runtime import session

Float = NDArray[np.float32]
Array = NDArray[np.floating]

CROP_PX = 192
VIEW_PX = 96
# Median uncertainty of the inner points, in crops, at which there is as likely a face as none: texture may
# look like a face to the network's own presence, but its points stay vague.
VAGUE = 0.035
INNER = slice(17, 68)
FILL = 0.7  # of the crop's side is the side of the points' square
# A detection's box is known less well than its center: a crop too large costs less than one too small.
BOX_TO_CROP = 1.1 / FILL
SLACK = 0.01  # of a crop's side, and in radians: how far a face may stray before its crop follows
# Of the crops that are looked at for the mean of several looks: factors of size, turns in radians, and which
# are mirrored. What a network errs by to one side it then errs by to the other.
LOOKS = ((1.0, 0.0), (1.06, 0.06), (1.06, -0.06), (0.95, 0.06), (0.95, -0.06))
MIRRORED = (False, True, False, False, True)


@dataclass(frozen=True)
class Crop:
    """A turned square of the picture: `center` (x, y) and `size` (its side) in pixels, `roll` in radians.

    The crop's x axis points along (cos roll, sin roll) of the picture, y down.
    """

    center: tuple[float, float]
    size: float
    roll: float

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(2, 3): from crop coordinates 0..1 to pixels of the picture."""
        # Plain numbers: after a run of a network, small arrays find nothing in the cache and take 0.1 ms.
        c, s = cos(self.roll) * self.size, sin(self.roll) * self.size
        x, y = self.center
        return np.array([[c, -s, x - 0.5 * (c - s)], [s, c, y - 0.5 * (s + c)]])

    def within(self, places: NDArray[np.floating]) -> NDArray[np.float64]:
        """Crop coordinates 0..1 of `places` (..., 2), pixels of the picture."""
        matrix = self.matrix
        return np.asarray((places - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T)


@dataclass(frozen=True)
class View:
    """What was looked at, small and gray: (VIEW_PX, VIEW_PX) 8-bit codes of a crop."""

    crop: Crop
    gray: NDArray[np.uint8]

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(2, 3): from the view's pixels to the picture's."""
        out = self.crop.matrix
        out[:, :2] /= VIEW_PX
        return out


@dataclass(frozen=True)
class Points:
    """The dense points of one face (see `likeness.head.points`).

    `xy` (450, 2) pixels of the picture, y down, pixel centers at .5; `z` (450,) in the same unit, away from
    the camera, zero on average over the 68 Multi-PIE points; `sigma_px` (450,) standard deviation per axis;
    `visible` (450,) probability; `presence` probability that there is a face at all; `view` is what they
    were found in; `clenched` how surely teeth are seen closed behind parted lips; `gaze` (2, 2) what
    `likeness.face.gaze` sees of a still.
    """

    xy: NDArray[np.float64]
    z: NDArray[np.float64]
    sigma_px: NDArray[np.float64]
    visible: NDArray[np.float64]
    presence: float
    view: View | None = None
    clenched: float = 0.0
    gaze: NDArray[np.float64] | None = None


@numba.njit(cache=True, nogil=True)
def upright(eyes: Array, mouth: Array) -> float:
    """The roll in radians of a face whose eyes and mouth (N, 2) have their middles at these places."""
    x, y = mouth[:, 0].mean() - eyes[:, 0].mean(), mouth[:, 1].mean() - eyes[:, 1].mean()
    return float(np.arctan2(-x, y)) if np.hypot(x, y) > 1e-6 else 0.0


def down_face(xy: Array, x: Array, y: Array) -> Array:
    """How far down a face with points `xy` (450, 2) places `x`, `y` lie: 0 at the brows, 1 at the chin."""
    brows = xy[17:27].mean(axis=0)
    way = xy[8] - brows
    out: Array = ((x - brows[0]) * way[0] + (y - brows[1]) * way[1]) / max(float(way @ way), 1.0)
    return out


def crop_from_points(xy: Array) -> Crop:
    """The upright crop around dense points (450, 2); their bounding square fills 0.7 of it."""
    return Crop(*_square(np.ascontiguousarray(xy, np.float64)))


@numba.njit(cache=True, nogil=True)
def _square(xy: NDArray[np.float64]) -> tuple[tuple[float, float], float, float]:
    """Center, side and roll of the crop around dense points (450, 2)."""
    roll = upright(xy[36:48], xy[48:68])
    c, s = np.cos(roll), np.sin(roll)
    across, down = xy[:, 0] * c + xy[:, 1] * s, xy[:, 1] * c - xy[:, 0] * s
    left, right, top, bottom = across.min(), across.max(), down.min(), down.max()
    x, y = (left + right) / 2, (top + bottom) / 2
    return (c * x - s * y, s * x + c * y), max(right - left, bottom - top, 2.0) / FILL, roll


def carried(crop: Crop, wanted: Crop) -> Crop:
    """`crop` moved toward `wanted` by no more than it must: what lies within `SLACK` stays as it was.

    A crop that follows every tremble of the points gives them another sampling of the picture to tremble by.
    """
    x, y = (
        at + _beyond((to - at) / crop.size, SLACK) * crop.size
        for at, to in zip(crop.center, wanted.center, strict=True)
    )
    grow = _beyond(log(wanted.size / crop.size), 2 * SLACK)
    turn = _beyond((wanted.roll - crop.roll + pi) % (2 * pi) - pi, SLACK)
    return Crop((x, y), crop.size * exp(grow), crop.roll + turn)


def _beyond(gap: float, slack: float) -> float:
    """By how much a gap to one side or the other is more than `slack`."""
    return copysign(max(abs(gap) - slack, 0.0), gap)


def crop_from_detection(box: Array, points5: Array) -> Crop:
    """The upright crop of a detected face: `box` (4,) x0 y0 x1 y1, `points5` (5, 2) of `detect`."""
    box, points5 = np.asarray(box, np.float64), np.asarray(points5, np.float64)
    roll = upright(points5[:2], points5[3:])
    side = float((box[2:] - box[:2]).max())
    # The square of a turned face is larger than the upright one by up to the square's own diagonal.
    side /= 1.0 + 0.2 * abs(np.sin(2 * roll))
    x, y = (box[:2] + box[2:]) / 2
    return Crop((float(x), float(y)), max(side, 2.0) * BOX_TO_CROP, roll)


def find_points(
    picture: Look | Float, crop: Crop, device: str = "auto", *, refine: int = 0, looks: int = 1
) -> Points:
    """The points of the face in `crop` of a picture: a `Look`, or (H, W, 3), sRGB-like, 0..1.

    `refine` looks again that many times, each time at the crop around the points just found. `looks` is the
    number of slightly different crops whose mean is taken, up to 5 (for stills; the time grows with it).
    Irises and parted lips are looked for in the picture itself, and whether teeth are closed; of several
    looks, the gaze too.
    """
    look = as_look(picture)
    found = find_points_many(look, [crop], device, looks=looks)[0]
    for _ in range(refine):
        found = find_points_many(look, [crop_from_points(found.xy)], device, looks=looks)[0]
    xy = moved_lips(look, found.xy, found.sigma_px)
    xy, gaze, closed = moved_irises(look, xy, found.sigma_px, found.visible), None, clenched(look, xy)
    if looks > 1:
        camera = toward_camera(expected_turn(load_head(), found.xy, found.z, found.visible))
        xy, gaze = seen_gaze(look, xy, camera, device)
    return replace(found, xy=xy, clenched=closed, gaze=gaze)


def find_points_many(
    picture: Look | Float, crops: Sequence[Crop], device: str = "auto", *, looks: int = 1
) -> list[Points]:
    """As `find_points`, for several crops of one picture at once; what the networks find is all."""
    if not crops:
        return []
    look = as_look(picture)
    turns = LOOKS[:looks]
    tried = [Crop(c.center, c.size * size, c.roll + roll) for c in crops for size, roll in turns]
    blob = np.empty((len(tried), 3, CROP_PX, CROP_PX), np.float32)
    views = [
        View(crop, _gray(sample_crop(look, crop, out=out))) for crop, out in zip(tried, blob, strict=True)
    ]
    mirrored = MIRRORED[: len(turns)] * len(crops)
    blob[list(mirrored)] = blob[list(mirrored), ..., ::-1]
    place, *others = session("face_points", device)(blob)
    look_again(blob, place, device)
    parts = zip(views, mirrored, place, *others, strict=True)
    found = [_points(view, *(_back(*part) if back else part)) for view, back, *part in parts]
    return [_mean(found[i : i + len(turns)]) for i in range(0, len(found), len(turns))]


def _back(place: Float, sigma: Float, visible: Float, presence: Float) -> tuple[Float, ...]:
    """What the network finds in a mirrored crop, as if the crop were not."""
    place = place[dense.TWIN]
    place[:, 0] = 1 - place[:, 0]
    return place, sigma[dense.TWIN], visible[dense.TWIN], presence


def _mean(found: Sequence[Points]) -> Points:
    """The mean of several looks at one face. Points without a twin go by those that are not mirrored."""
    if len(found) == 1:
        return found[0]
    straight = [points for points, mirrored in zip(found, MIRRORED, strict=False) if not mirrored]

    def mean(name: str) -> NDArray[np.float64]:
        both, alone = (np.mean([getattr(p, name) for p in some], axis=0) for some in (found, straight))
        out: NDArray[np.float64] = np.where(dense.ALONE.reshape(-1, *[1] * (both.ndim - 1)), alone, both)
        return out

    xy, z, sigma, visible = (mean(name) for name in ("xy", "z", "sigma_px", "visible"))
    return Points(xy, z, sigma, visible, float(np.mean([p.presence for p in found])), found[0].view)


def _gray(crop: Float) -> NDArray[np.uint8]:
    """A crop (3, CROP_PX, CROP_PX) as a `View` keeps it."""
    out = np.empty((VIEW_PX, VIEW_PX), np.uint8)
    _average(crop, CROP_PX // VIEW_PX, out)
    return out


@numba.njit(cache=True, nogil=True)
def _average(crop: Float, times: int, out: NDArray[np.uint8]) -> None:
    """The mean of all channels of `times` x `times` pixels, as codes."""
    share, line = np.float32(255 / (3 * times * times)), np.empty(crop.shape[2], np.float32)
    for row in range(out.shape[0]):
        line[:] = 0
        for c in range(3):
            for y in range(times):
                pixels = crop[c, row * times + y]
                for x in range(np.uint64(len(line))):
                    line[x] += pixels[x]
        for column in range(out.shape[1]):
            total = np.float32(0)
            for x in range(column * times, (column + 1) * times):
                total += line[x]
            out[row, column] = np.uint8(np.rint(min(max(total * share, np.float32(0)), np.float32(255))))


def _points(view: View, place: Float, sigma: Float, visible: Float, presence: Float) -> Points:
    xy, z, sigma_px, seen, spread = _in_picture(view.crop.matrix, view.crop.size, place, sigma, visible)
    return Points(xy, z, sigma_px, seen, float(presence[0]) / (1 + (spread / VAGUE) ** 4), view)


@numba.njit(cache=True, nogil=True)
def _in_picture(
    matrix: NDArray[np.float64], size: float, place: Float, sigma: Float, visible: Float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """`xy`, `z`, `sigma_px` and `visible` of `Points`, and how vague the inner ones are, in crops."""
    count = len(place)
    xy, z, sigma_px, seen = np.empty((count, 2)), np.empty(count), np.empty(count), np.empty(count)
    for i in range(count):
        x, y = float(place[i, 0]), float(place[i, 1])
        for k in range(2):
            xy[i, k] = matrix[k, 0] * x + matrix[k, 1] * y + matrix[k, 2]
        z[i], sigma_px[i], seen[i] = place[i, 2] * size, sigma[i] * size, visible[i]
    return xy, z, sigma_px, seen, float(np.median(sigma[INNER]))


def sample_crop(picture: Look | Float, crop: Crop, size: int = CROP_PX, out: Float | None = None) -> Float:
    """The crop as (3, size, size) float32; where it shrinks, pixels are averaged; outside is black."""
    matrix = crop.matrix.copy()
    matrix[:, :2] /= size
    return as_look(picture).crop(matrix, size, out=out)
