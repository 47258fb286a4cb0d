"""Reanimation: a clip's first frame driven by that clip, and people driven by other people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.transform import AffineTransform, warp

from bench import faces, later
from bench.pictures import Bytes, Clip, mediapipe
from bench.runs import read_srgb, reanimate, write_srgb
from bench.table import Row

Array = NDArray[np.float64]

LAST = 200
# The clip's first frame is the plate; what it is compared with was taken through a shutter.
SELF = {"neutral_frames": "1", "head_position": 1, "shutter_deg": 180}
# PSNR in dB and SSIM asked of a clip driving itself.
ASKED = {"clip_talking_man_512": (27.3, 0.83), "clip_talking_glasses_512": (21.0, 0.785)}
GAINS = {
    "mouth opening": (0.85, 1.15),
    "mouth width": (0.75, None),
    "eye opening": (0.75, None),
    "brows": (0.75, None),
    "gaze": (0.7, None),
}
CLOSENESS = {"inner points": 2.5, "mouth opening": 4.0, "eye opening": 2.0, "gaze": 2.0}
PLATE_SIDE = 640
REFERENCES = 5
DRIVER_FRAMES = 120


def rows(clips: list[Clip], stills: list[Clip], python: Path, work: Path) -> list[Row]:
    """Self-driven quality of every clip, then the gains from person to person."""
    out = []
    for clip in clips:
        out += [*self_driven(clip, python, work), *later.rows(clip, python, work)]
    return [*out, *person_to_person(stills, clips, python, work)]


def self_driven(clip: Clip, python: Path, work: Path) -> list[Row]:
    """Frame 0 driven by the clip, against the real frames, the frozen frame and the frozen frame moved."""
    real = clip.frames[:LAST]
    plate = work / f"{clip.name}_plate.png"
    Pillow.fromarray(real[0]).save(plate)
    folder = work / clip.name
    reanimate(plate, clip.path, folder / "own.####.exr", frames=f"1-{len(real)}", params=SELF)
    made = read_srgb(folder / "own.####.exr")
    truth = mediapipe(python, work, {"real": (real, True), "made": (made, True)})
    seen = truth["real"]["found"]
    frozen = np.repeat(real[:1], len(real), axis=0)
    moved = _moved(real[0], real, truth["real"]["points"], seen)
    scores = {name: quality(f, real, truth["real"]) for name, f in
              {"own": made, "frozen": frozen, "moved": moved}.items()}  # fmt: skip
    asked = ASKED.get(clip.name, (None, None))
    out = []
    for k, unit in enumerate(("dB", "SSIM")):
        best = max(scores["frozen"][k], scores["moved"][k])
        limit = best if asked[k] is None else max(best, asked[k])
        for other in ("frozen", "moved"):
            name = f"self-driven, {clip.name}, {unit}"
            out.append(
                Row("reanimate", name, scores["own"][k], unit, scores[other][k], other, at_least=limit)
            )
    if clip.name in ASKED:
        out.append(_referred(clip, plate, real, truth["real"], scores["own"][0]))
    return [*out, *_closeness(clip.name, truth)]


def _referred(clip: Clip, plate: Path, real: Bytes, truth: dict[str, NDArray[Any]], plain_db: float) -> Row:
    """What five references, chosen by the effect from the clip's first frames, add."""
    known = write_srgb(plate.with_name(f"{clip.name}_known"), real)
    out = plate.with_name(f"{clip.name}_referred") / "own.####.exr"
    params = {**SELF, "references_most": REFERENCES}
    reanimate(plate, clip.path, out, frames=f"1-{len(real)}", params=params, inputs={"references": known})
    gained = quality(read_srgb(out), real, truth)[0]
    return Row("reanimate", f"self-driven, {clip.name}, five references", gained, "dB", plain_db,
               "without", at_least=plain_db + 2)  # fmt: skip


def _moved(frame: Bytes, real: Bytes, mesh: Array, seen: NDArray[np.bool_]) -> Bytes:
    """The frozen frame under the similarity that brings it nearest to each real frame.

    Tried are those that lay all inner points, or only eyes and nose, onto the real ones, and none.
    """
    points = mesh[:, faces.MEDIAPIPE_68].astype(float)
    out = np.repeat(frame[None], len(mesh), axis=0)
    for i in np.flatnonzero(seen) if seen[0] else ():
        spot = faces.box(mesh[i], frame.shape)
        tries = [frame]
        for part in (faces.INNER, faces.RIGID):
            matrix = faces.similarity(points[0, part], points[i, part])
            image = warp(frame / 255, AffineTransform(matrix).inverse, order=1, mode="edge")
            tries.append(np.round(image * 255).astype(np.uint8))
        out[i] = min(tries, key=lambda made: float(np.mean((made[spot] - real[i][spot].astype(float)) ** 2)))
    return out


def quality(made: Bytes, real: Bytes, truth: dict[str, NDArray[Any]]) -> tuple[float, float]:
    """Mean PSNR and SSIM inside the face box (by MediaPipe, a little wider), after the first frame."""
    psnr, ssim = [], []
    for i in np.flatnonzero(truth["found"])[1:]:
        spot = faces.box(truth["points"][i], real.shape[1:])
        a, b = made[i][spot], real[i][spot]
        psnr.append(peak_signal_noise_ratio(b, a, data_range=255))
        ssim.append(structural_similarity(b, a, channel_axis=2, data_range=255))
    return float(np.mean(psnr)), float(np.mean(ssim))


def _closeness(name: str, truth: dict[str, dict[str, NDArray[Any]]]) -> list[Row]:
    """What MediaPipe measures on our frames against the real ones, median of frames."""
    both = truth["real"]["found"] & truth["made"]["found"]
    real, made = (truth[k]["points"][both].astype(float) for k in ("real", "made"))
    if not len(real):
        return []
    inner = faces.disagreement(made[:, faces.MEDIAPIPE_68], real[:, faces.MEDIAPIPE_68])[0]
    apart = {"inner points": inner}
    of_real, of_made = faces.measures(real), faces.measures(made)
    apart |= {k: np.abs(of_made[k] - of_real[k]) for k in CLOSENESS if k in of_real}
    return [
        Row("reanimate", f"self-driven, {name}, {k}", 100 * float(np.median(v)), "% io", at_most=CLOSENESS[k])
        for k, v in apart.items()
    ]


def person_to_person(stills: list[Clip], clips: list[Clip], python: Path, work: Path) -> list[Row]:
    """Median gain over all pairs of a still and a driver: how much of the driver's motion arrives."""
    plates = {still.name: _plate(still, work) for still in stills}
    theirs = mediapipe(python, work, {d.name: (d.frames[:DRIVER_FRAMES], True) for d in clips})
    gains: dict[str, list[float]] = {name: [] for name in GAINS}
    for name, plate in plates.items():
        for driver in clips:
            count = min(DRIVER_FRAMES, len(driver.frames))
            movie = work / f"{name}_{driver.name}.mov"
            reanimate(plate, driver.path, movie, frames=f"1-{count}")
            made = mediapipe(python, work, {"made": (read_srgb(movie), True)})["made"]
            both = theirs[driver.name]["found"] & made["found"]
            before = faces.measures(theirs[driver.name]["points"][both].astype(float))
            after = faces.measures(made["points"][both].astype(float))
            for what, values in gains.items():
                values.append(faces.gain(before[what], after[what]))
    return [
        Row("reanimate", f"gain from person to person, {what}", _median(gains[what]), "x",
            at_least=low, at_most=high)
        for what, (low, high) in GAINS.items()
    ]  # fmt: skip


def _median(values: list[float]) -> float:
    """Median of the pairs whose driver moves enough to tell; NaN if none does."""
    told = [value for value in values if not np.isnan(value)]
    return float(np.median(told)) if told else float("nan")


def _plate(still: Clip, work: Path) -> Path:
    picture = Pillow.fromarray(still.frames[0])
    picture.thumbnail((PLATE_SIDE, PLATE_SIDE), Pillow.Resampling.LANCZOS)
    path = work / f"{still.name}_plate.png"
    # H.264 and ProRes want even sides.
    picture.crop((0, 0, picture.width // 2 * 2, picture.height // 2 * 2)).save(path)
    return path
