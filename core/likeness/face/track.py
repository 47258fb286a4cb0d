"""Follows one face through a clip: dense points for every frame, cuts found, short losses bridged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from likeness.errors import BadInput
from likeness.face.detect import LARGEST_LEVEL_PX, Faces, detect
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
from likeness.media.look import Look, Shown

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
SCAN_MOST = 1000  # crops; a picture that asks for more is a strip, which shows no lonely face
SCAN_TRIES = 4  # how many of the likeliest crops are settled

MOST_FACES = 16
SEARCH_FRAMES = 12  # where all faces are followed, how often new ones are looked for
LEAST_FRAMES = 3  # a face that comes by for less is left out
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
    def seen(self) -> list[Points]:
        """The points of the frames in which the face was really seen."""
        return [p for p, found in zip(self.points, self.found, strict=True) if found]

    @property
    def shots(self) -> list[Track]:
        """The track between cuts, each by itself."""
        edges = [0, *self.cuts, len(self.frames)]
        return [Track(self.frames[a:b], self.points[a:b], self.found[a:b], []) for a, b in pairwise(edges)]

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Stretches between cuts and long losses, as [start, end)."""
        breaks = {0, len(self.frames), *self.cuts}
        lost = _long_losses(self.found)
        for start, end in lost:
            breaks |= {start, end}
        edges = sorted(breaks)
        return [(a, b) for a, b in pairwise(edges) if (a, b) not in lost]


@dataclass(eq=False)
class Piece:
    """One face within one shot: `points` from frame index `start` on, None where it was lost."""

    start: int
    points: list[Points | None] = field(default_factory=list)
    crop: Crop | None = None

    @property
    def seen(self) -> list[Points]:
        """The points of the frames in which the face was seen."""
        return [p for p in self.points if p is not None]

    @property
    def last(self) -> Points | None:
        """Its points in the last frame, None if it was lost there."""
        return self.points[-1] if self.points else None

    def keep(self, look: Look, device: str) -> bool:
        """Find the face where it was a frame ago; whether it is still there."""
        if self.last is None:
            return False
        wanted = crop_from_points(self.last.xy)
        self.crop = wanted if self.crop is None else carried(self.crop, wanted)
        found = find_points(look, self.crop, device)
        self.take(found if _is_face(found) else None)
        return self.last is not None

    def take(self, points: Points | None) -> None:
        """Its points in the next frame."""
        self.points.append(points)
        if points is None:
            self.crop = None


@dataclass(frozen=True)
class Seen:
    """All that was followed: `chosen` has one piece for every shot, which begin at 0 and at `cuts`."""

    frames: list[int]
    cuts: list[int]
    chosen: list[Piece]
    others: list[Piece]

    def tracks(self) -> list[Track]:
        """The chosen face through all frames, then the others, each from where it is first to last seen."""
        points = [p for piece in self.chosen for p in piece.points]
        out = [_track(self.frames, points, self.cuts)]
        for piece in self.others:
            known = [i for i, p in enumerate(piece.points) if p is not None]
            if len(known) >= min(LEAST_FRAMES, len(self.frames)):
                first, end = known[0], known[-1] + 1
                frames = self.frames[piece.start + first : piece.start + end]
                out.append(_track(frames, piece.points[first:end], []))
        return out


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
    options = {"choose": choose, "index": index, "device": device}
    return follow_all(source, frames, most=1, tell=tell, **options).tracks()[0]  # type: ignore[arg-type]


def follow_all(
    source: Pictures,
    frames: Sequence[int],
    *,
    choose: str = "largest",
    index: int = 0,
    most: int = MOST_FACES,
    device: str = "auto",
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Seen:
    """As `follow`, with the other faces, `most` at a time."""
    frames = list(frames)
    watch = CutWatch()
    cuts: list[int] = []
    most_seen = 0
    chosen, others, gone = [Piece(0)], list[Piece](), list[Piece]()
    for i, frame in enumerate(frames):
        tell(i, len(frames))
        look = source.look(frame)
        if len(frames) == 1 and max(look.shape) <= LARGEST_LEVEL_PX:
            look = Shown(look.whole())  # a still is looked at many times
        if watch.sees_cut(look):
            cuts.append(i)
            chosen.append(Piece(i))
            gone, others = gone + others, []
        mine = chosen[-1]
        last = mine.last
        kept = mine.keep(look, device)
        lost = [piece for piece in others if not piece.keep(look, device)]
        others = [piece for piece in others if piece not in lost]
        gone += lost
        due = most > 1 and (bool(lost) or (i - mine.start) % SEARCH_FRAMES == 0)
        if not kept or due:
            faces = detect(look, device)
            most_seen = max(most_seen, len(faces.boxes))
            if not kept:
                face = _seek(look, faces, last, choose, index, device)
                if face is None and last is None and index == 0 and i % SCAN_FRAMES == 0:
                    face = _scan(look, device)
                if face is not None and len(frames) == 1:
                    face = find_points(look, crop_from_points(face.xy), device, looks=STILL_LOOKS)
                if last is None:
                    mine.take(face)
                else:
                    mine.points[-1] = face
            if most > 1:
                others = _apart(others, mine)
                for points in _newcomers(look, faces, [mine, *others], most, device):
                    piece = _resumed(points, gone, mine.start, i)
                    gone = [p for p in gone if p is not piece]
                    others.append(piece)
    tell(len(frames), len(frames))
    if not any(piece.seen for piece in chosen):
        if 0 < most_seen <= index:
            raise BadInput(
                f"There are not {index + 1} faces to choose from; {most_seen} were found at once.",
                "Give a lower face index.",
            )
        where = "the picture" if len(frames) == 1 else f"any of the {len(frames)} frames"
        raise BadInput(f"No face was found in {where}.", "Give one that shows a face of 24 pixels or more.")
    return Seen(frames, cuts, chosen, gone + others)


class CutWatch:
    """Tells where a new shot begins: the picture changes much, and much more than around."""

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None
        self._changes: list[float] = []

    def sees_cut(self, look: Look) -> bool:
        """Whether the next frame is the first of a shot; the very first is not."""
        small = look.gray(*THUMBNAIL)
        before, self._before = self._before, small
        if before is None:
            return False
        change = float(np.abs(small - before).mean())
        usual = float(np.median(self._changes[-10:])) if self._changes else change
        self._changes.append(change)
        return change > CUT_CHANGE and change > CUT_CONTRAST * usual


def _track(frames: list[int], points: list[Points | None], cuts: list[int]) -> Track:
    found = np.array([p is not None for p in points])
    return Track(frames, _bridge(points, found), found, cuts)


def _apart(others: list[Piece], mine: Piece) -> list[Piece]:
    """Those of `others` that are on no face that is followed already."""
    taken = [mine.last]
    out = []
    for piece in others:
        if not any(_is_same(piece.last, points) for points in taken):
            out.append(piece)
            taken.append(piece.last)
    return out


def _newcomers(look: Look, faces: Faces, followed: list[Piece], most: int, device: str) -> list[Points]:
    """The detected faces that nobody follows, as many as there is room for."""
    taken = [piece.last for piece in followed]
    out: list[Points] = []
    for box, five in zip(faces.boxes, faces.points5, strict=True):
        if len(taken) >= most:
            break
        points = _settle(look, crop_from_detection(box, five), device)
        if _is_face(points) and not any(_is_same(points, other) for other in taken):
            out.append(points)
            taken.append(points)
    return out


def _resumed(points: Points, gone: list[Piece], shot: int, at: int) -> Piece:
    """The piece that was lost here a moment ago, taken up again, or a new one that begins at `at`."""
    for piece in gone:
        missed = at - piece.start - len(piece.points)
        if piece.start >= shot and missed <= SEARCH_FRAMES and _is_same(piece.seen[-1], points):
            piece.points += [*[None] * missed, points]
            return piece
    return Piece(at, [points])


def _is_same(a: Points | None, b: Points | None) -> bool:
    """Whether two are the same face: their centers lie within half an inter-ocular distance."""
    if a is None or b is None:
        return False
    gap = np.linalg.norm(a.xy[INNER].mean(axis=0) - b.xy[INNER].mean(axis=0))
    return bool(gap < 0.5 * max(interocular(a.xy), interocular(b.xy)))


def _seek(
    look: Look, faces: Faces, last: Points | None, choose: str, index: int, device: str
) -> Points | None:
    """The chosen face among those detected; after a loss, one that lies where the face was."""
    if last is not None:
        order = _by_overlap(faces, last)
    else:
        order = _by_choice(faces, choose, look.shape)[index : index + 1]
    for i in order[:2]:
        crop = crop_from_detection(faces.boxes[i], faces.points5[i])
        points = _settle(look, crop, device)
        if _is_face(points):
            return points
    return None


def _is_face(points: Points) -> bool:
    """Whether the network says so, and its points lie as surely as on a face."""
    sure = points.sigma_px[INNER].mean() < UNSURE * interocular(points.xy)
    return bool(points.presence >= LOST_BELOW and sure)


def _scan(look: Look, device: str) -> Points | None:
    """Seek a face that the detector missed: the points' own presence in crops of several sizes."""
    height, width = look.shape
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
    if len(crops) > SCAN_MOST:
        return None
    found = [p for i in range(0, len(crops), 16) for p in find_points_many(look, crops[i : i + 16], device)]
    best = sorted((p for p in found if _is_face(p)), key=lambda p: -p.presence)
    for points in best[:SCAN_TRIES]:
        settled = _settle(look, crop_from_points(points.xy), device)
        if _is_face(settled):
            return settled
    return None


def _settle(look: Look, crop: Crop, device: str) -> Points:
    points = find_points(look, crop, device)
    for _ in range(STARTS - 1):
        if not _is_face(points):
            break
        points = find_points(look, crop_from_points(points.xy), device)
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
