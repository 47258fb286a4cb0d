"""Learns what fits of found points err by, on renders whose truth is known: the head's turn and the gaze.

`python -m likeness.training.mended_fit --pictures FOLDER [FOLDER …] --count N` takes the first N pictures of
each rendered dataset (`likeness.training.dataset`; not the held-out one, nor any that `face_eyes` was trained
on), finds and fits their points as those of stills, and writes `models/mended_fit.npz` and its hash. Run it
whenever `face_points` or `face_eyes` was trained or the fit changed: a tenth of a second a picture.

The turn: ridge regression on the principal components of what lies beside the fitted head (`mended.beside`),
of every picture and its mirror image. The gaze: ridge regression on how it lies to the camera
(`mended.near_camera`), which is seen from heads whose turn was mended without having been learned from.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from likeness.face.fit import Lens, fit_identity, rotation_vector
from likeness.face.frame import direction, yaw_pitch
from likeness.face.mended import beside, by_view, near_camera, toward_camera
from likeness.face.track import STILL_LOOKS
from likeness.head import points as dense
from likeness.head.model import load_head
from likeness.training.dataset import Dataset
from likeness.training.found import asked_pictures, found_in
from likeness.training.register import register_tables

Float = NDArray[np.floating]
Array = NDArray[np.float64]
COMPONENTS, RIDGE = 300, 50.0
ROUNDS, DOUBTED_RAD = 4, np.radians(3.0)  # of weighing pictures by how far off they are
OTHER = 10.0  # how much more than a component's its radians are believed
GAZE_RIDGE = 0.05
PARTS = 5  # of the pictures: each is told of by tables that were learned from the others
ASTRAY = 0.015  # of a crop's side, of its size and in radians: how far crops of stills are off
# How rotation vectors, ways and gazes differ in a mirror.
TURNED, ASIDE, LOOKS = np.array([1.0, -1.0, -1.0]), np.array([-1.0, 1.0, 1.0]), np.array([-1.0, 1.0])
TASK = "points beside a fitted head and the gaze seen in it to how far turn and gaze are off"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """What was found of N pictures, and how they are.

    `beside` (N, D) as of `mended.beside`; `turned` (N, 3) by how much the fits are turned too far, rotation
    vectors in the head's frame, radians; `axis` (N, 3) the camera's depth axis in that of the fit. Yaws and
    pitches in radians, means of both eyes (N, 2): of the gaze that `face_eyes` sees, of that of the irises
    in the fit, of the `true` one; `gazes` (N,) bool says whose irises show. `toward` (N, 2) is where a gaze
    would meet the camera, seen from the fit.
    """

    beside: Float
    turned: Array
    axis: Array
    seen: Array
    irises: Array
    toward: Array
    true: Array
    gazes: NDArray[np.bool_]


def observe(pictures: Dataset, count: int, rng: np.random.Generator) -> Seen:
    """Of the first pictures."""
    head, truth, rows = load_head(), pictures.labels, []
    for i in range(count):
        found = found_in(pictures, i, ASTRAY, rng, looks=STILL_LOOKS)
        assert found.gaze is not None
        lens = Lens(float(truth["focal_px"][i]), (float(truth["cx"][i]), float(truth["cy"][i])))
        _, (fit,) = fit_identity(head, [found], lens)
        rows.append(
            (
                beside(head, found, fit, lens).astype(np.float32),
                rotation_vector(truth["head_pose"][i, :3, :3].astype(np.float64).T @ fit.rotation),
                fit.rotation[2],
                found.gaze.mean(axis=0),
                fit.gaze.mean(axis=0),
                toward_camera(found, fit, lens, np.zeros(3)),
                truth["gaze"][i].mean(axis=0).astype(np.float64),
                truth["visible"][i, [dense.IRIS_LEFT, dense.IRIS_RIGHT]].any(),
            )
        )
    return Seen(*(np.stack(column) for column in zip(*rows, strict=True)))


def together(parts: Sequence[Seen]) -> Seen:
    """What was seen of several folders."""
    return Seen(*(np.concatenate([getattr(one, f.name) for one in parts]) for f in fields(Seen)))


def mirrored(rows: Float) -> Float:
    """What `mended.beside` would tell (N, D) of the pictures' mirror images."""
    points = rows[:, :-3].reshape(len(rows), -1, dense.COUNT, 3)[:, :, dense.TWIN]
    points = points * np.array([-1, 1, 1], rows.dtype)
    return np.c_[points.reshape(len(rows), -1), rows[:, -3:] * TURNED.astype(rows.dtype)]


def components(rows: Float) -> tuple[Array, Array]:
    """The mean (D,) and the axes (D, C) of what ridge regression looks at.

    A component that varies much is shrunk less than one that hardly does, which is mostly noise; the other
    turn, the last three numbers, hardly at all.
    """
    mean = rows.mean(axis=0, dtype=np.float64)
    values, axes = np.linalg.eigh(np.cov(rows[:, :-3].T, dtype=np.float64))
    values, axes = values[-COMPONENTS:], axes[:, -COMPONENTS:]
    wide = np.zeros((rows.shape[1], axes.shape[1] + 3))
    wide[:-3, :-3] = axes / (np.maximum(values, 1e-9) * values[-1]) ** 0.25
    wide[-3:, -3:] = OTHER * np.eye(3)
    return mean, wide


def ridge(told: Array, off: Array, strength: float) -> tuple[Array, Array]:
    """The linear map (D, K) from what is told (N, D) to how far pictures are off (N, K), and its offset (K,).

    Pictures that are far off all the same count less.
    """
    told = np.c_[told, np.ones(len(told))]
    held = strength * np.diag(np.r_[np.ones(told.shape[1] - 1), 0])
    trust = np.ones(len(told))
    for _ in range(ROUNDS):
        weighed = told * trust[:, None]
        by = np.linalg.solve(weighed.T @ told + trust.mean() * held, weighed.T @ off)
        trust = 1 / (1 + ((off - told @ by) ** 2).sum(axis=1) / DOUBTED_RAD**2)
    return by[:-1], by[-1]


@dataclass(frozen=True)
class Lesson:
    """What is told of pictures (N, D), of their mirror images (N, D), how far they are off (N, K), and by
    what that differs (K,) in a mirror."""

    told: Array
    mirror: Array
    off: Array
    sign: Array
    strength: float

    def learned(self, kept: NDArray[np.bool_]) -> tuple[Array, Array]:
        """`ridge` of those (N,) bool that are kept, seen both ways."""
        told = np.concatenate([self.told[kept], self.mirror[kept]])
        return ridge(told, np.concatenate([self.off[kept], self.off[kept] * self.sign]), self.strength)

    def apart(self, kept: NDArray[np.bool_]) -> Array:
        """How far off (N, K) all seem to tables that were learned from others, of those that are kept."""
        out, part = np.empty_like(self.off), np.arange(len(self.off)) % PARTS
        for number in range(PARTS):
            here = part == number
            by, offset = self.learned(kept & ~here)
            out[here] = self.told[here] @ by + offset
        return out


def learn(seen: Seen) -> dict[str, Array]:
    """The tables of `likeness.face.mended`, by name; says what each part of the pictures gains by others'."""
    other = mirrored(seen.beside)
    mean, wide = components(np.concatenate([seen.beside, other]))
    told = by_views((seen.beside - mean) @ wide, seen.axis)
    turns = Lesson(told, by_views((other - mean) @ wide, seen.axis * ASIDE), seen.turned, TURNED, RIDGE)
    everyone = np.ones(len(told), bool)
    off = turns.apart(everyone)
    log.info("turn, median: %.2f -> %.2f degrees", _median(seen.turned), _median(seen.turned - off))
    camera = yaw_pitch(Rotation.from_rotvec(off).apply(direction(seen.toward)))
    ways = (seen.seen, seen.irises, camera)
    near = (near_camera(*ways), near_camera(*(way * LOOKS for way in ways)))
    gazes = Lesson(*near, seen.true - seen.seen, LOOKS, GAZE_RIDGE)
    left = (gazes.off - gazes.apart(seen.gazes))[seen.gazes]
    log.info("gaze, median: %.2f -> %.2f degrees", _median(gazes.off[seen.gazes]), _median(left))
    by, offset = turns.learned(everyone)
    by = by.reshape(by_view(seen.axis).shape[1], -1, 3)
    by[0, -1] += offset
    # From what is told itself, not from its components about their mean.
    turn = np.stack([np.r_[wide @ one[:-1], [one[-1] - mean @ (wide @ one[:-1])]] for one in by])
    gaze, gaze_offset = gazes.learned(seen.gazes)
    return {"turn": turn, "gaze": gaze, "gaze_offset": gaze_offset}


def by_views(short: Array, axis: Array) -> Array:
    """What is told of pictures (N, C) and 1, times how much each of a turn's tables counts there."""
    told = np.c_[short, np.ones(len(short))]
    return np.concatenate([told * share[:, None] for share in by_view(axis).T], axis=1)


def _median(off: Array) -> float:
    return float(np.degrees(np.median(np.linalg.norm(off, axis=1))))


def main() -> None:
    """Learn, tell the errors and put the tables into the package."""
    asked, rng = asked_pictures(__doc__), np.random.default_rng(1)
    tables = learn(together([observe(pictures, count, rng) for pictures, count in asked]))
    register_tables("mended_fit", {name: table.astype(np.float32) for name, table in tables.items()}, TASK)


if __name__ == "__main__":
    main()
