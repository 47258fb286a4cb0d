"""Finds faces in a picture: `face_detector` on a pyramid of the picture, from coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face.landmarks import (
    Crop,
    crop_from_detection,
    crop_from_points,
    find_points_many,
)
from likeness.media.look import Look, as_look
from likeness.render.bands import in_bands
from likeness.runtime import Model, session

Float = NDArray[np.float32]

STRIDE = 8
MULTIPLE = 64  # the network halves its input six times
COARSEST_PX = 128
SMALLEST_SEEN_PX = 16  # the smallest face that one level of the pyramid finds
LARGEST_LEVEL_PX = 2560
CANDIDATES = 16
POSSIBLE = 0.01  # presence at a first look, whose crop may be wrong
FOUND = 0.5  # of a face
TRUST = 1 / 3  # the power of a candidate's own score in that of a face: its points know better
SCORE = 0.2  # of a candidate
LOOKS = 3  # at a candidate, each at the crop around the points of the last
# Turns in radians and factors of size of a candidate's crop, where nothing has been found in it as it is.
OTHERWISE = ((-0.6, 1.0), (0.6, 1.0), (0.0, 0.7), (0.0, 1.4))
SAME_FACE = 0.35


@dataclass(frozen=True)
class Faces:
    """Pixels of the picture, y down: `boxes` (N, 4) x0 y0 x1 y1 around the dense points, `points5` (N, 5, 2):
    eye centers, nose tip, corners of the mouth, the character's right first. `scores` (N,), best first."""

    boxes: Float
    points5: Float
    scores: Float


def detect(picture: Look | Float, device: str = "auto", min_size_px: float = 24) -> Faces:
    """All faces of `min_size_px` or more in a picture: a `Look`, or (H, W, 3), sRGB-like, 0..1.

    The picture is looked at whole at 128 and 192 pixels, then at twice that and so on, until the smallest
    wanted faces are large enough to be seen. `face_points` then looks at the best candidates: texture may
    look like a face from afar, but its points stay vague. Where that leaves none it looks at them turned
    and closer: of a profile or a lying head the detector knows roll and size less well than the place; and at
    candidates of sizes in between.
    """
    model = session("face_detector", device)
    look = as_look(picture)
    # No level is finer than this, so a large picture is never made whole.
    cell = max(1, max(look.shape) // LARGEST_LEVEL_PX)
    coarse = look.whole(cell)
    sizes = level_sizes(look.shape, min_size_px)
    crops, scores = _candidates(coarse, cell, sizes, min_size_px, model)
    faces = _verified(look, crops, scores, device)
    if not len(faces.scores):
        more, others = _candidates(coarse, cell, [size * 3 // 4 for size in sizes], min_size_px, model)
        crops = more + [
            replace(c, roll=c.roll + turn, size=c.size * k) for c in crops for turn, k in OTHERWISE
        ]
        scores = np.concatenate([others, np.repeat(scores, len(OTHERWISE))])
        faces = _verified(look, crops, scores, device)
    keep = suppress(faces.boxes, faces.scores)
    return Faces(faces.boxes[keep], faces.points5[keep], faces.scores[keep])


def _candidates(
    picture: Float, cell: int, sizes: list[int], min_size_px: float, model: Model
) -> tuple[list[Crop], Float]:
    """Crops around what may be faces, at levels of these `sizes`, and their scores (N,), best first."""
    found = [_level(picture, longest, cell, model) for longest in sizes]
    boxes, points, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    keep = suppress(boxes, scores)
    keep = keep[(boxes[keep, 2:] - boxes[keep, :2]).max(1, initial=0) >= 0.8 * min_size_px][:CANDIDATES]
    return [crop_from_detection(b, p) for b, p in zip(boxes[keep], points[keep], strict=True)], scores[keep]


def _verified(look: Look, crops: list[Crop], scores: Float, device: str) -> Faces:
    """The candidates in whose `crops` points are certain, with box and five points from these."""
    best = dict(enumerate(find_points_many(look, crops, device)))
    for number in range(1, LOOKS):
        # The box of a candidate may be half or twice the face's size; its points know better.
        likely = {k: crop_from_points(found.xy) for k, found in best.items() if found.presence > POSSIBLE}
        again = dict(zip(likely, find_points_many(look, list(likely.values()), device), strict=True))
        first = number == 1  # from a wrong crop, a sure look is not worth more
        best = {k: p if first or p.presence > best[k].presence else best[k] for k, p in again.items()}
    faces = {k: float(scores[k] ** TRUST) * found.presence for k, found in best.items()}
    sure = [k for k, score in faces.items() if score >= FOUND]
    boxes = [np.concatenate([best[k].xy.min(0), best[k].xy.max(0)]) for k in sure]
    return Faces(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([five(best[k].xy) for k in sure], np.float32).reshape(-1, 5, 2),
        np.array([faces[k] for k in sure], np.float32),
    )


def five(xy: NDArray[np.floating]) -> NDArray[np.floating]:
    """Eye centers, nose tip, mouth corners (5, 2) of dense points (450, 2); the character's right first."""
    return np.stack([xy[36:42].mean(0), xy[42:48].mean(0), xy[30], xy[48], xy[54]])


def level_sizes(shape: tuple[int, ...], min_size_px: float) -> list[int]:
    """The longest side of each level, in pixels, from coarse to fine."""
    longest = max(shape[:2])
    finest = min(longest * SMALLEST_SEEN_PX / max(min_size_px, 1.0), longest * 2.0, LARGEST_LEVEL_PX)
    sizes = [COARSEST_PX, COARSEST_PX * 3 // 2]
    while sizes[-1] < finest * 0.8:
        sizes.append(sizes[-2] * 2)
    return sizes


def _level(picture: Float, longest: int, cell: int, model: Model) -> tuple[Float, Float, Float]:
    """Candidates at one size, in pixels of which `cell` make one of `picture`."""
    factor = longest / max(picture.shape[:2])
    blob = letterbox(picture, factor)
    found = model(blob)[0][0]
    boxes, points, scores = candidates(found, SCORE)
    return boxes * (cell / factor), points * (cell / factor), scores


def letterbox(picture: Float, factor: float) -> Float:
    """The picture, `factor` times its size, in the upper left of a gray (1, 3, H, W) of allowed size."""
    height, width = (max(1, round(n * factor)) for n in picture.shape[:2])
    rows, columns = (-(-n // MULTIPLE) * MULTIPLE for n in (height, width))
    out = np.full((1, 3, rows, columns), 0.5, np.float32)
    in_bands(_resize, height, np.asarray(picture, np.float32), np.float32(1 / factor), width, out[0])
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def _resize(first: int, end: int, picture: Float, step: float, width: int, out: Float) -> None:
    """Area average where it shrinks, bilinear where it grows."""
    rows, columns = picture.shape[:2]
    taps = max(1, int(np.ceil(step)))
    for row in range(first, end):
        for column in range(width):
            total0, total1, total2 = 0.0, 0.0, 0.0
            for a in range(taps):
                y = min(max((row + (a + 0.5) / taps) * step - 0.5, 0.0), rows - 1.0)
                i = min(int(y), max(rows - 2, 0))
                ii = min(i + 1, rows - 1)
                v = y - i
                for b in range(taps):
                    x = min(max((column + (b + 0.5) / taps) * step - 0.5, 0.0), columns - 1.0)
                    j = min(int(x), max(columns - 2, 0))
                    jj = min(j + 1, columns - 1)
                    u = x - j
                    p, q, r, s = (1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u
                    total0 += (
                        p * picture[i, j, 0]
                        + q * picture[i, jj, 0]
                        + r * picture[ii, j, 0]
                        + s * picture[ii, jj, 0]
                    )
                    total1 += (
                        p * picture[i, j, 1]
                        + q * picture[i, jj, 1]
                        + r * picture[ii, j, 1]
                        + s * picture[ii, jj, 1]
                    )
                    total2 += (
                        p * picture[i, j, 2]
                        + q * picture[i, jj, 2]
                        + r * picture[ii, j, 2]
                        + s * picture[ii, jj, 2]
                    )
            share = 1.0 / (taps * taps)
            out[0, row, column] = total0 * share
            out[1, row, column] = total1 * share
            out[2, row, column] = total2 * share


def candidates(found: Float, threshold: float) -> tuple[Float, Float, Float]:
    """Boxes (N, 4), points (N, 5, 2) and scores (N,) of the network's output (15, rows, columns)."""
    row, column = np.nonzero(found[0] >= threshold)
    cell = np.stack([column, row], 1).astype(np.float32) + 0.5
    values = found[:, row, column].T
    center, extent = cell + values[:, 1:3], np.exp(np.clip(values[:, 3:5], -2, 6))
    boxes = np.concatenate([center - extent / 2, center + extent / 2], 1) * STRIDE
    points = (values[:, 5:].reshape(-1, 5, 2) + cell[:, None]) * STRIDE
    return boxes.astype(np.float32), points.astype(np.float32), values[:, 0].astype(np.float32)


def suppress(boxes: Float, scores: Float) -> NDArray[np.intp]:
    """The indices of one box for each face, best first.

    A box also goes if most of the smaller of the two is shared: half a face found at a finer level.
    """
    order = np.argsort(-scores, kind="stable")
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    keep: list[int] = []
    while len(order):
        best, order = order[0], order[1:]
        keep.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        union = area[best] + area[order] - shared
        inner = shared / np.maximum(np.minimum(area[best], area[order]), 1e-6)
        order = order[(shared / np.maximum(union, 1e-6) < SAME_FACE) & (inner < 0.7)]
    return np.array(keep, np.intp)
