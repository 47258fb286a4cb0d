"""Learns what expression and turn found points most likely show, on renders whose truth is known.

`python -m likeness.training.expected_expression --pictures FOLDER [FOLDER …] --count N` takes the first N
pictures of each rendered dataset (`likeness.training.dataset`; not the held-out one), finds their points and
writes `models/expected_expression.npz` and its hash. Run it whenever `face_points` was trained: about two
minutes for 10,000.

Ridge regression on the principal components of the points in the head's own frame; every `TESTED`th picture
is kept out of it and tells how far it is off.
"""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from likeness.face.expected import SHAPES
from likeness.face.frame import in_head, straight_at
from likeness.head.model import load_head
from likeness.training.dataset import Dataset
from likeness.training.found import asked_pictures, found_in
from likeness.training.register import register_tables

Array = NDArray[np.float64]
COMPONENTS, RIDGE = 300, 100.0
TESTED = 20
ASTRAY = 0.03  # of a crop's side, of its size and in radians: how far crops of faces in motion are off
EYES = slice(36, 48)
TASK = "found points to the expression and turn that they most likely show"
log = logging.getLogger(__name__)


def observe(pictures: Dataset, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Of the first pictures: what was found (N, 3 POINTS), and the weights and turn (N, 55) they show."""
    head = load_head()
    rows, turns = [], []
    for i in range(count):
        found = found_in(pictures, i, ASTRAY, rng)
        at = in_head(head, found.xy, found.z, found.visible)
        rows.append(at.off.reshape(-1))
        turns.append(Rotation.from_matrix(true_turn(pictures, i).T @ at.turn).as_rotvec())
    weights = np.asarray(pictures.labels["arkit"][:count], np.float64)
    return np.stack(rows), np.concatenate([weights, np.stack(turns)], axis=1)


def true_turn(pictures: Dataset, i: int) -> Array:
    """The turn (3, 3) of picture `i` from the head to a camera that looks straight at its eyes."""
    pose = pictures.labels["head_pose"][i, :3, :3].astype(np.float64)
    eyes = pictures.labels["points_cam"][i, EYES].mean(axis=0).astype(np.float64)
    out: Array = straight_at(eyes).T @ pose
    return out


def learn(seen: Array, truth: Array) -> tuple[Array, Array]:
    """The linear map (D, 55) from what was found (N, D) to the truth (N, 55), and its offset (55,)."""
    mean, middle = seen.mean(axis=0), truth.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov(seen.T))
    axes = axes[:, -COMPONENTS:] / np.sqrt(np.maximum(values[-COMPONENTS:], 1e-9))
    short = (seen - mean) @ axes
    normal = short.T @ short + RIDGE * np.eye(short.shape[1])
    matrix = axes @ np.linalg.solve(normal, short.T @ (truth - middle))
    return matrix, middle - mean @ matrix


def main() -> None:
    """Learn, tell the errors and put the table into the package."""
    asked, rng = asked_pictures(__doc__), np.random.default_rng(1)
    seen, truth = (
        np.concatenate(parts) for parts in zip(*(observe(*one, rng) for one in asked), strict=True)
    )
    tested = np.arange(len(seen)) % TESTED == 0
    matrix, offset = learn(seen[~tested], truth[~tested])
    told = seen[tested] @ matrix + offset
    told[:, :SHAPES] = np.clip(told[:, :SHAPES], 0, 1)
    off = told - truth[tested]
    active, turn = truth[tested, :SHAPES] > 0.05, np.degrees(np.linalg.norm(off[:, SHAPES:], axis=1))
    wrong = np.abs(off[:, :SHAPES])
    log.info("mean error: active %.3f, at rest %.3f", wrong[active].mean(), wrong[~active].mean())
    log.info("median error of the turn: %.2f degrees", np.median(turn))
    tables = {
        "matrix": matrix.astype(np.float16),
        "offset": offset.astype(np.float32),
        "spread": off.std(axis=0).astype(np.float32),
    }
    register_tables("expected_expression", tables, TASK)


if __name__ == "__main__":
    main()
