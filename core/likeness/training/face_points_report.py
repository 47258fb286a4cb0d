"""Measures what `face_points` reports of a person, on renders whose truth is known.

`python -m likeness.training.face_points_report --data HEAD_DATA --pictures FOLDER --count N` takes the first
pictures of a rendered dataset (`likeness.training.dataset`; not the held-out one) and writes
`models/face_points_report.json`. Run it whenever `face_points` was trained: half a minute for 1,000.

The error of every picture's visible points, in centimeters of the head and without what a change of pose
explains, is set against the ways in which the person differs from the average (ridge regression toward one
gain that all of them share). Of the mouths, how far they are found open is set against how far they are.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.face.landmarks import crop_from_points, find_points
from likeness.head import points as dense
from likeness.head.model import Head, load_head
from likeness.training.dataset import Dataset, open_dataset
from likeness.training.facekit import load_facekit
from likeness.training.register import register_tables

Array = NDArray[np.float64]
SKIN = slice(0, dense.SKIN_COUNT)
LIPS = [62, 66]  # the middles of the inner lips
LEAST_CM = 0.02  # a point is not known better than that
TOGETHER = 0.5  # of a mode's typical weight: how strongly the modes share one gain
TASK = "how much of a person and of a mouth's opening face_points reports"
log = logging.getLogger(__name__)


def people(data: Path, head: Head, identity: Array) -> Array:
    """Coefficients (N, K) of the house head for those of the head data (N, 100)."""
    raw = load_facekit(data).identity[:, dense.SOURCE_VERTEX].astype(float)
    own = head.point_identity[:, SKIN].astype(float).reshape(len(head.point_identity), -1)
    turn = np.linalg.lstsq(own.T, raw.reshape(len(raw), -1).T, rcond=None)[0]
    return np.asarray(identity @ turn.T)


def measure(data: Path, pictures: Dataset, count: int) -> tuple[Array, float, float]:
    """The gain (K,) of each identity mode, the spread of the points and the share of a mouth's opening that
    is found, from the first `count` pictures."""
    head = load_head()
    truth = {name: np.asarray(values[:count], float) for name, values in pictures.labels.items()}
    identity = people(data, head, truth["identity"])
    basis = head.point_identity[:, SKIN].astype(float)
    matrix, right = np.zeros((len(basis), len(basis))), np.zeros(len(basis))
    squared, seen = 0.0, 0.0
    openings = []
    for i, who in enumerate(identity):
        place = truth["points_cam"][i, SKIN]
        cm = place[:, 2] / truth["focal_px"][i]
        view = pictures.images[i].astype(np.float32) / 255
        found = find_points(view, crop_from_points(truth["points_px"][i]), looks=2, refine=1)
        error = (found.xy[SKIN] - truth["points_px"][i, SKIN]) * cm[:, None]
        if truth["visible"][i, LIPS].all():
            both = truth["points_px"][i, LIPS], found.xy[LIPS]
            openings.append([np.linalg.norm(upper - lower) * cm[LIPS[0]] for upper, lower in both])
        visible = truth["visible"][i, SKIN]
        weight = np.repeat(np.sqrt(visible / ((found.sigma_px[SKIN] * cm) ** 2 + LEAST_CM**2)), 2)
        shown = who[:, None, None] * (basis @ truth["head_pose"][i, :2, :3].T)
        columns = without_pose(shown.reshape(len(basis), -1).T, place, weight)
        off = without_pose(error.reshape(-1, 1), place, weight)[:, 0]
        matrix += columns.T @ columns
        right += columns.T @ off
        squared, seen = squared + float(off @ off) / 2, seen + float(visible.sum())
    common = right.sum() / matrix.sum()
    ridge = TOGETHER * float(np.median(np.diag(matrix))) * np.eye(len(basis))
    own = np.linalg.solve(matrix + ridge, right - matrix.sum(1) * common)
    (varied, shared), _ = np.cov(np.array(openings).T)
    return 1 + common + own, float(np.sqrt(squared / seen)), float(shared / varied)


def without_pose(columns: Array, place: Array, weight: Array) -> Array:
    """Columns (2 N, C) of the picture's plane, weighted, less what a move, turn or growth explains."""
    x, y, z = (place - place.mean(0)).T
    none, one = np.zeros_like(x), np.ones_like(x)
    moves = np.array([[none, -z], [z, none], [-y, x], [one, none], [none, one], [x, y]])
    base, _ = np.linalg.qr(moves.transpose(2, 1, 0).reshape(-1, len(moves)) * weight[:, None])
    columns = columns * weight[:, None]
    return np.asarray(columns - base @ (base.T @ columns))


def main() -> None:
    """Measure and write the model's report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the head data")
    parser.add_argument("--pictures", type=Path, required=True, help="folder of rendered pictures")
    parser.add_argument("--count", type=int, default=1000)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    pictures = open_dataset(given.pictures)
    gain, spread, opening = measure(given.data, pictures, min(given.count, pictures.count))
    told = (gain.mean(), gain.min(), gain.max(), spread, opening)
    log.info("gain %.2f (%.2f to %.2f), spread %.2f, opening %.2f", *told)
    table = {"gain": np.round(gain, 3).tolist(), "spread": round(spread, 3), "opening": round(opening, 3)}
    register_tables("face_points_report", table, TASK)


if __name__ == "__main__":
    main()
