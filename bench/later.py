"""A clip that performs itself later: every frame takes the expression of one some frames on.

The head stays the plate's, so the later frame, laid onto it by eyes and nose, tells how mouth and eyes
should look: closed lips part and close, eyes look elsewhere.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from skimage.transform import AffineTransform, warp

from bench import faces
from bench.pictures import Bytes, Clip, mediapipe
from bench.runs import read_srgb, reanimate
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
    later = np.roll(real, -(LATER // STEP), axis=0)
    plate, driver = (_kept(frames, work / f"{clip.name}_{name}") for name, frames in
                     {"now": real, "later": later}.items())  # fmt: skip
    out = work / f"{clip.name}_performed" / "f.####.exr"
    reanimate(plate, driver, out, params=REPLACED)
    mesh = mediapipe(python, work, {"real": (real, False)})["real"]
    points = mesh["points"][:, faces.MEDIAPIPE_68].astype(float)
    known = mesh["found"] & np.roll(mesh["found"], -(LATER // STEP))
    made = read_srgb(out)
    told = []
    for part, slices in PARTS.items():
        near, still = [], []
        for i in np.flatnonzero(known):
            wanted, there = _laid(later[i], np.roll(points, -(LATER // STEP), axis=0)[i], points[i])
            for one in slices:
                spot = _box(there[one], wanted.shape)
                near.append(_psnr(made[i][spot], wanted[spot]))
                still.append(_psnr(real[i][spot], wanted[spot]))
        name = f"performs itself later, {clip.name}, {part}"
        beside = float(np.mean(still))
        told.append(Row("reanimate", name, float(np.mean(near)), "dB", beside, "the plate", at_least=beside))
    return told


def _kept(frames: Bytes, folder: Path) -> Path:
    folder.mkdir()
    for i, frame in enumerate(frames, 1):
        Pillow.fromarray(frame).save(folder / f"f.{i:04d}.png", compress_level=1)
    return folder / "f.####.png"


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


def _psnr(a: Bytes, b: Bytes) -> float:
    error = float(((a.astype(float) - b) ** 2).mean())
    return float(10 * np.log10(255**2 / max(error, 1e-9)))
