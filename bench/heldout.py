"""Points, pose, gaze, expression and detection on renders that no model was trained on.

The same people twice: as small as training pictures are, where an iris is 4 to 7 pixels, and as users' plates
are at least.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from bench.pictures import ROOT
from bench.table import Row
from likeness.face.detect import detect
from likeness.face.fit import Lens, conjugate, fit_still, rotation_vector, straightened
from likeness.face.frame import direction
from likeness.face.landmarks import INNER, Points, crop_from_points, find_points
from likeness.face.track import STILL_LOOKS
from likeness.head import points as dense
from likeness.head.model import load_head
from likeness.training.dataset import Dataset, open_dataset
from likeness.training.scene import SIZE

Array = NDArray[np.float64]

SECTION = "held-out renders"
COUNT, SEED = 500, 2
SIZES_PX = (SIZE, 2 * SIZE)
ACTIVE = 0.05  # a weight under which a shape is at rest
OVERLAP = 0.5
TURNED_DEG = 60
CLEAR = 0.8  # of a head's points are seen: nothing hides the face, and it is not turned far


def renders(work: Path) -> list[Dataset]:
    """The held-out pictures of each size: of `LIKENESS_RENDERS`, else drawn from the head data, if any."""
    given = os.environ.get("LIKENESS_RENDERS")
    if given:
        return [open_dataset(given)]
    data = Path(os.environ.get("LIKENESS_SHARED", ROOT.parent / "shared")) / "ict-facekit"
    if not data.is_dir():
        return []
    return [_drawn(data, work / f"heldout_{size}", size) for size in SIZES_PX]


def _drawn(data: Path, folder: Path, size: int) -> Dataset:
    words = ["--data", data, "--out", folder, "--count", COUNT, "--seed", SEED, "--size", size]
    command = [sys.executable, "-m", "likeness.training.dataset", *words, "--workers", os.cpu_count()]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return open_dataset(folder)


def rows(pictures: Dataset) -> list[Row]:
    """All numbers; medians over pictures, of what can be seen."""
    count = min(COUNT, pictures.count)
    truth = {name: np.asarray(values[:count]) for name, values in pictures.labels.items()}
    views = [picture.astype(np.float32) / 255 for picture in pictures.images[:count]]
    crops = [crop_from_points(xy) for xy in truth["points_px"]]
    found = [find_points(v, crop, looks=STILL_LOOKS) for v, crop in zip(views, crops, strict=True)]
    told = [*_points(found, truth), *_fits(found, truth), *_recall(views, truth)]
    return [replace(row, section=f"{SECTION}, {pictures.images.shape[1]} px") for row in told]


def _points(found: list[Points], truth: dict) -> list[Row]:
    """Error in distances of the outer eye corners as if seen from the front."""
    seen = truth["visible"]
    cam = truth["points_cam"].astype(float)
    unit = np.linalg.norm(cam[:, 36] - cam[:, 45], axis=1) * truth["focal_px"] / cam[..., 2].mean(axis=1)
    error = np.linalg.norm(np.stack([p.xy for p in found]) - truth["points_px"], axis=2) / unit[:, None]
    out = []
    for name, points, limit in (("all points", slice(None), None), ("inner points", INNER, 2.0)):
        kept = np.where(seen[:, points], error[:, points], np.nan)
        kept = kept[seen[:, points].any(axis=1)]
        out.append(_row(f"{name}, median", 100 * np.nanmedian(np.nanmean(kept, axis=1)), "% io", limit))
    return out


def _fits(found: list[Points], truth: dict) -> list[Row]:
    """Pose, gaze and expression of all pictures, as asked, and of those that show the face clearly."""
    head = load_head()
    turn, gaze, weights = [], np.full((len(found), 2), np.nan), np.full(len(found), np.nan)
    for i, points in enumerate(found):
        lens = Lens(float(truth["focal_px"][i]), (float(truth["cx"][i]), float(truth["cy"][i])))
        shot, fit = fit_still(head, points, lens)
        pose = truth["head_pose"][i, :3, :3].astype(float)
        turn.append(
            np.degrees(np.linalg.norm(rotation_vector(straightened(fit.rotation, shot.turned) @ pose.T)))
        )
        looks = conjugate(fit.gaze)  # as `capture` reports it, like the turn
        for eye, iris in enumerate((dense.IRIS_LEFT, dense.IRIS_RIGHT)):
            if truth["visible"][i, iris]:
                gaze[i, eye] = _angle(looks[eye], truth["gaze"][i, eye])
        active = truth["arkit"][i] > ACTIVE
        if active.any():
            weights[i] = np.abs(fit.expression - truth["arkit"][i])[active].mean()
    told: list[tuple[str, Callable[[Array], float], Array, str, float]] = [
        ("head pose, median", np.nanmedian, np.array(turn), "deg", 2.0),
        ("gaze, median", np.nanmedian, gaze, "deg", 4.0),
        ("active expression weights, mean error", np.nanmean, weights, "", 0.08),
    ]
    clear = truth["visible"].mean(axis=1) >= CLEAR
    return [
        *(_row(name, mean(all_), unit, asked) for name, mean, all_, unit, asked in told),
        _row("clear faces, share", 100 * clear.mean(), "%", None),
        *(
            _row(f"clear faces, {name}", mean(values[clear]), unit, None)
            for name, mean, values, unit, _ in told
        ),
    ]


def _angle(a: Array, b: Array) -> float:
    """Degrees between two gazes, each yaw and pitch in radians."""
    return float(np.degrees(np.arccos(np.clip(direction(a) @ direction(b), -1, 1))))


def _recall(views: list[NDArray[np.float32]], truth: dict) -> list[Row]:
    """Faces found, of those turned as far as is asked and of all (yaw goes to 80 degrees)."""
    hits = np.array(
        [
            any(overlap(box, np.r_[xy.min(axis=0), xy.max(axis=0)]) >= OVERLAP for box in detect(view).boxes)
            for view, xy in zip(views, truth["points_px"], strict=True)
        ]
    )
    # Camera axes have y down and z away; the head's have y up and z toward the camera.
    turns = Rotation.from_matrix(np.diag([1.0, -1, -1]) @ truth["head_pose"][:, :3, :3])
    within = (np.abs(turns.as_euler("YXZ", degrees=True)) <= TURNED_DEG).all(axis=1)
    name = f"detection recall, turned to {TURNED_DEG} degrees"
    return [
        Row(SECTION, name, 100 * float(hits[within].mean()), "%", at_least=99.0),
        Row(SECTION, "detection recall, all", 100 * float(hits.mean()), "%"),
    ]


def overlap(a: Array, b: Array) -> float:
    """Intersection over union of two boxes x0 y0 x1 y1."""
    shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared))


def _row(name: str, value: float, unit: str, at_most: float | None) -> Row:
    return Row(SECTION, name, float(value), unit, at_most=at_most)
