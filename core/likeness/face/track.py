"""Follows one face through a clip: dense points for every frame, cuts found, short losses bridged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from likeness.errors import BadInput
from likeness.face.detect import Faces, detect
from likeness.face.fit import interocular
from likeness.face.landmarks import (
    INNER,
    Crop,
    Points,
    carried,
    crop_from_detection,
    crop_from_points,
    find_points,
    find_points_many,
)
from likeness.media.look import Look

Array = NDArray[np.float64]

UNSURE = 0.3  # mean deviation of the inner points, in inter-ocular distances, that no face has
LOST_BELOW = 0.5  # presence under which the face counts as lost
BRIDGE_FRAMES = 8  # losses up to this long are filled from both sides
CUT_CHANGE = 0.16  # mean change of a small picture, of full range, that makes a cut
CUT_CONTRAST = 3.0  # and how many times the change around it
STARTS = 3  # refinements of the crop after a detection
STILL_LOOKS = 5  # a still is looked at from this many slightly different crops
SCAN_SIDES = (1.1, 0.75, 0.5, 0.33)  # of the picture's shorter side: crops in which a face is sought
SCAN_STEP = 0.35  # of a crop's side
SCAN_FRAMES = 5  # while a clip shows no face, every so many frames
SCAN_TRIES = 4  # how many of the likeliest crops are settled

THUMBNAIL = (36, 64)  # rows and columns of the picture in which cuts are seen
CHOICES = ("largest", "left", "right", "center")


class Pictures(Protocol):
    """What this needs of a source: `likeness.media.Source` is one."""

    @property
    def frames(self) -> Sequence[int]: ...
    def look(self, frame: int) -> Look: ...


@dataclass(frozen=True)
class Track:
    """One face: `points` per frame (bridged where lost), `found` (F,) whether it was really seen,
    `cuts`: indices at which a new shot begins, `runs`: unbroken stretches [start, end)."""

    frames: list[int]
    points: list[Points]
    found: NDArray[np.bool_]
    cuts: list[int]

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Stretches between cuts and long losses, as [start, end)."""
        breaks = {0, len(self.frames), *self.cuts}
        lost = _long_losses(self.found)
        for start, end in lost:
            breaks |= {start, end}
        edges = sorted(breaks)
        return [(a, b) for a, b in pairwise(edges) if (a, b) not in lost]


def follow(
    source: Pictures,
    frames: Sequence[int],
    *,
    choose: str = "largest",
    index: int = 0,
    device: str = "auto",
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Track:
    """Follow the chosen face through `frames`; raises `BadInput` when no frame shows one.

    `choose` is one of `CHOICES`, `index` counts on from the best of it. `tell(done, total)` is called
    for every frame.
    """
    points: list[Points | None] = []
    cuts: list[int] = []
    changes: list[float] = []
    crop: Crop | None = None
    small_before: NDArray[np.float32] | None = None
    for i, frame in enumerate(frames):
        tell(i, len(frames))
        look = source.look(frame)
        small = look.gray(*THUMBNAIL)
        cut = False
        if small_before is not None:
            changes.append(float(np.abs(small - small_before).mean()))
            usual = float(np.median(changes[-12:-1])) if len(changes) > 1 else changes[0]
            cut = changes[-1] > CUT_CHANGE and changes[-1] > CUT_CONTRAST * usual
        small_before = small
        if cut:
            cuts.append(i)
        last = None if cut or not points else points[-1]
        face = None
        if last is not None:
            wanted = crop_from_points(last.xy)
            crop = wanted if crop is None else carried(crop, wanted)
            found = find_points(look, crop, device)
            face = found if _is_face(found) else None
        if face is None:
            crop = None
            view = look.whole()
            face = _seek(view, last, choose, index, device)
            if face is None and last is None and index == 0 and i % SCAN_FRAMES == 0:
                face = _scan(view, device)
            if face is not None and len(frames) == 1:
                face = find_points(view, crop_from_points(face.xy), device, looks=STILL_LOOKS)
        points.append(face)
    tell(len(frames), len(frames))
    found = np.array([p is not None for p in points])
    if not found.any():
        where = "the picture" if len(frames) == 1 else f"any of the {len(frames)} frames"
        raise BadInput(f"No face was found in {where}.", "Give one that shows a face of 24 pixels or more.")
    return Track(list(frames), _bridge(points, found), found, cuts)


def _seek(
    view: NDArray[np.float32], last: Points | None, choose: str, index: int, device: str
) -> Points | None:
    """The chosen face among those detected; after a loss, one that lies where the face was."""
    faces = detect(view, device)
    if last is not None:
        order = _by_overlap(faces, last)
    else:
        order = _by_choice(faces, choose, view.shape)[index : index + 1]
    for i in order[:2]:
        crop = crop_from_detection(faces.boxes[i], faces.points5[i])
        points = _settle(view, crop, device)
        if _is_face(points):
            return points
    return None


def _is_face(points: Points) -> bool:
    """Whether the network says so, and its points lie as surely as on a face."""
    sure = points.sigma_px[INNER].mean() < UNSURE * interocular(points.xy)
    return bool(points.presence >= LOST_BELOW and sure)


def _scan(view: NDArray[np.float32], device: str) -> Points | None:
    """Seek a face that the detector missed: the points' own presence in crops of several sizes."""
    height, width = view.shape[:2]
    crops = []
    for share in SCAN_SIDES:
        side = share * min(height, width)
        across = np.linspace(
            side / 2, width - side / 2, max(1, round((width - side) / (SCAN_STEP * side)) + 1)
        )
        down = np.linspace(
            side / 2, height - side / 2, max(1, round((height - side) / (SCAN_STEP * side)) + 1)
        )
        crops += [Crop((float(x), float(y)), side, 0.0) for y in down for x in across]
    found = [p for i in range(0, len(crops), 16) for p in find_points_many(view, crops[i : i + 16], device)]
    best = sorted((p for p in found if _is_face(p)), key=lambda p: -p.presence)
    for points in best[:SCAN_TRIES]:
        settled = _settle(view, crop_from_points(points.xy), device)
        if _is_face(settled):
            return settled
    return None


def _settle(view: NDArray[np.float32], crop: Crop, device: str) -> Points:
    points = find_points(view, crop, device)
    for _ in range(STARTS - 1):
        if not _is_face(points):
            break
        points = find_points(view, crop_from_points(points.xy), device)
    return points


def _by_choice(faces: Faces, choose: str, shape: tuple[int, ...]) -> list[int]:
    boxes = np.asarray(faces.boxes)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    key = {
        "largest": -(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]),
        "left": middle[:, 0],
        "right": -middle[:, 0],
        "center": np.linalg.norm(middle - np.array([shape[1], shape[0]]) / 2, axis=1),
    }[choose]
    return [int(i) for i in np.argsort(key)]


def _by_overlap(faces: Faces, last: Points) -> list[int]:
    box = np.r_[last.xy.min(axis=0), last.xy.max(axis=0)]
    boxes = np.asarray(faces.boxes)
    low = np.maximum(boxes[:, :2], box[:2])
    high = np.minimum(boxes[:, 2:], box[2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    return [int(i) for i in np.argsort(-shared) if shared[i] > 0]


def _bridge(points: list[Points | None], found: NDArray[np.bool_]) -> list[Points]:
    """Fill lost frames between (or beside) found ones; their uncertainty is large."""
    known = np.flatnonzero(found)
    out: list[Points] = []
    for i, point in enumerate(points):
        if point is not None:
            out.append(point)
            continue
        after = int(np.searchsorted(known, i))
        right = points[known[min(after, len(known) - 1)]]
        left = points[known[max(after - 1, 0)]]
        assert left is not None and right is not None
        a, b = known[max(after - 1, 0)], known[min(after, len(known) - 1)]
        share = 0.0 if b == a else (i - a) / (b - a)
        out.append(
            Points(
                xy=left.xy * (1 - share) + right.xy * share,
                z=left.z * (1 - share) + right.z * share,
                sigma_px=np.maximum(left.sigma_px, right.sigma_px) * 8,
                visible=np.minimum(left.visible, right.visible),
                presence=0.0,
            )
        )
    return out


def _long_losses(found: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.r_[True, found, True].astype(int)))
    spans = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    ends = {0, len(found)}
    return [(a, b) for a, b in spans if b - a > BRIDGE_FRAMES or a in ends or b in ends]
