"""A clip that performs itself later: every frame takes the expression of one some frames on.

The head stays the plate's, so the later frame, laid onto it by eyes and nose, tells how mouth and eyes
should look: closed lips part and close, eyes look elsewhere.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio
from skimage.transform import AffineTransform, warp

from bench import faces
from bench.pictures import Bytes, Clip, mediapipe
from bench.runs import read_srgb, reanimate, write_srgb
from bench.table import Row

Array = NDArray[np.float64]

FRAMES, STEP = 78, 3
LATER = 24  # frames
REPLACED = {"mode": "absolute", "strength_head": 0, "head_position": 0, "layers": "comp"}
PARTS = {"mouth": [slice(48, 68)], "eyes": [slice(36, 42), slice(42, 48)]}  # of the 68 points
WIDER = 0.15  # of the longer side


def rows(clip: Clip, python: Path, work: Path) -> list[Row]:
    """How near mouth and eyes come, and how near the plate is as it is, in dB."""
    real = clip.frames[:FRAMES:STEP]
    mesh = mediapipe(python, work, {"real": (real, False)})["real"]
    points = mesh["points"][:, faces.MEDIAPIPE_68].astype(float)
    later, points_later, found_later = (
        np.roll(each, -(LATER // STEP), axis=0) for each in (real, points, mesh["found"])
    )
    plate = write_srgb(work / f"{clip.name}_now", real)
    driver = write_srgb(work / f"{clip.name}_later", later)
    out = work / f"{clip.name}_performed" / "f.####.exr"
    reanimate(plate, driver, out, params=REPLACED)
    made = read_srgb(out)
    near: dict[str, list[float]] = {part: [] for part in PARTS}
    still: dict[str, list[float]] = {part: [] for part in PARTS}
    for i in np.flatnonzero(mesh["found"] & found_later):
        wanted, there = _laid(later[i], points_later[i], points[i])
        for part, slices in PARTS.items():
            for spot in (_box(there[one], wanted.shape) for one in slices):
                near[part].append(peak_signal_noise_ratio(wanted[spot], made[i][spot], data_range=255))
                still[part].append(peak_signal_noise_ratio(wanted[spot], real[i][spot], data_range=255))
    return [_row(f"{clip.name}, {part}", near[part], still[part]) for part in PARTS]


def _row(name: str, near: list[float], still: list[float]) -> Row:
    beside = float(np.mean(still))
    name = f"performs itself later, {name}"
    return Row("reanimate", name, float(np.mean(near)), "dB", beside, "the plate", at_least=beside)


def _laid(picture: Bytes, own: Array, there: Array) -> tuple[Bytes, Array]:
    """The picture, and its points `own` (68, 2), where eyes and nose of `there` (68, 2) are."""
    matrix = faces.similarity(own[faces.RIGID], there[faces.RIGID])
    moved = warp(picture / 255, AffineTransform(matrix).inverse, order=3, mode="edge")
    laid = np.round(np.clip(moved, 0, 1) * 255).astype(np.uint8)
    return laid, np.c_[own, np.ones(len(own))] @ matrix[:2].T


def _box(points: Array, shape: tuple[int, ...]) -> tuple[slice, slice]:
    low, high = points.min(axis=0), points.max(axis=0)
    more = WIDER * float((high - low).max())
    (x0, y0), (x1, y1) = np.maximum(low - more, 0).astype(int), np.ceil(high + more).astype(int)
    return slice(y0, min(y1, shape[0])), slice(x0, min(x1, shape[1]))
