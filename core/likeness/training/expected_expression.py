"""Learns what expression found points most likely show, on renders whose truth is known.

`python -m likeness.training.expected_expression --pictures FOLDER [FOLDER …] --count N` takes the first N
pictures of each rendered dataset (`likeness.training.dataset`; not the held-out one), finds their points and
writes `models/expected_expression.npz` and its hash. Run it whenever `face_points` was trained: about two
minutes for 10,000.

Ridge regression on the principal components of the points in the head's own frame; every `TESTED`th picture
is kept out of it and tells how far it is off.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.face.expected import off_average
from likeness.face.landmarks import Crop, crop_from_points, find_points
from likeness.head.model import load_head
from likeness.training.dataset import Dataset, open_dataset
from likeness.training.register import register

Array = NDArray[np.float64]
COMPONENTS, RIDGE = 300, 100.0
TESTED = 20
ASTRAY = 0.03  # of a crop's side, of its size and in radians: how far crops of faces in motion are off
TASK = "found points to the expression that they most likely show"
log = logging.getLogger(__name__)


def observe(pictures: Dataset, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Of the first pictures: what was found (N, 3 POINTS), and the weights (N, 52) they show."""
    head = load_head()
    rows = []
    for i in range(count):
        crop = crop_from_points(pictures.labels["points_px"][i])
        x, y, grow, roll = rng.normal(0, ASTRAY, 4)
        center = (crop.center[0] + x * crop.size, crop.center[1] + y * crop.size)
        near = Crop(center, crop.size * float(np.exp(grow)), crop.roll + float(roll))
        found = find_points(pictures.images[i].astype(np.float32) / 255, near)
        rows.append(off_average(head, found).reshape(-1))
    return np.stack(rows), np.asarray(pictures.labels["arkit"][:count], np.float64)


def learn(seen: Array, weights: Array) -> tuple[Array, Array]:
    """The linear map (D, 52) from what was found (N, D) to the weights (N, 52), and its offset (52,)."""
    mean, middle = seen.mean(axis=0), weights.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov(seen.T))
    axes = axes[:, -COMPONENTS:] / np.sqrt(np.maximum(values[-COMPONENTS:], 1e-9))
    short = (seen - mean) @ axes
    normal = short.T @ short + RIDGE * np.eye(short.shape[1])
    matrix = axes @ np.linalg.solve(normal, short.T @ (weights - middle))
    return matrix, middle - mean @ matrix


def main() -> None:
    """Learn, tell the errors and put the table into the package."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pictures", type=Path, nargs="+", required=True, help="folders of rendered pictures"
    )
    parser.add_argument("--count", type=int, default=6000, help="pictures of each folder")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    rng = np.random.default_rng(1)
    folders = [open_dataset(folder) for folder in given.pictures]
    seen, weights = (
        np.concatenate(parts)
        for parts in zip(*(observe(d, min(given.count, d.count), rng) for d in folders), strict=True)
    )
    tested = np.arange(len(seen)) % TESTED == 0
    matrix, offset = learn(seen[~tested], weights[~tested])
    off = np.clip(seen[tested] @ matrix + offset, 0, 1) - weights[tested]
    active = weights[tested] > 0.05
    log.info("mean error: active %.3f, at rest %.3f", np.abs(off)[active].mean(), np.abs(off)[~active].mean())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "expected_expression.npz"
        np.savez_compressed(
            path,
            matrix=matrix.astype(np.float16),
            offset=offset.astype(np.float32),
            spread=off.std(axis=0).astype(np.float32),
        )
        register("expected_expression", path, TASK)


if __name__ == "__main__":
    main()
