"""People whom the suite renders perform: renders of the performance are the truth for one of them at rest.

The driver is the performance itself, so nothing but the redrawing is measured.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.pictures import mediapipe
from bench.portraits import drawn, sitter
from bench.reanimation import quality
from bench.runs import read_srgb, reanimate, write_srgb
from bench.table import Row
from likeness.demo import PERFORMANCE
from likeness.effects.human.human_portrait import view_of
from likeness.human.portrait import EXPRESSIONS, Sitter
from likeness.performance import ARKIT, Performance, make, read_csv, write_csv

SEEDS, SIZE_PX = (3, 7, 11), 512
EVERY = 20  # frames of the demo's performance
ASKED_DB = 30.0
STILL = {"neutral_frames": "1", "strength_head": 0, "head_position": 0, "layers": "comp"}


def rows(python: Path, work: Path) -> list[Row]:
    """How near the demo's performance comes inside the face, and expressions as large as can be."""
    people, out = {seed: sitter({"seed": seed}) for seed in SEEDS}, []
    for name, take in {"a performance": _demo(), "large expressions": _large()}.items():
        scores = [_near(who, take, python, work / f"{name} {seed}") for seed, who in people.items()]
        ours, plate = np.mean(scores, axis=0).tolist()
        what = f"rendered people, {name}, known truth"
        out.append(Row("reanimate", what, ours, "dB", plate, "the plate", at_least=ASKED_DB))
    return out


def _demo() -> Performance:
    """Some frames of the demo's performance, after one at rest."""
    played = read_csv(PERFORMANCE)
    weights, eyes = played.weights[EVERY::EVERY], played.eyes[EVERY::EVERY]
    rest = np.zeros_like(weights[:1]), np.zeros_like(eyes[:1])
    return make(np.concatenate([rest[0], weights]), eyes=np.concatenate([rest[1], eyes]))


def _large() -> Performance:
    """The expressions of a portrait's sheet, of which the first is at rest."""
    weights, eyes = np.zeros((len(EXPRESSIONS), len(ARKIT))), np.zeros((len(EXPRESSIONS), 2, 3))
    for i, (shapes, (yaw, pitch)) in enumerate(EXPRESSIONS.values()):
        weights[i, [ARKIT.index(shape) for shape in shapes]] = [*shapes.values()]
        eyes[i, :, :2] = np.radians([yaw, -pitch])
    return make(weights, eyes=eyes)


def _near(who: Sitter, take: Performance, python: Path, folder: Path) -> tuple[float, float]:
    """PSNR of the person at rest that is made to perform, and of the same as it is."""
    folder.mkdir()
    views = [view_of(take, frame) for frame in range(len(take))]
    real = np.stack([np.round(255 * drawn(who, view, SIZE_PX)).astype(np.uint8) for view in views])
    pattern, driver = write_srgb(folder / "real", real), folder / "take.csv"
    write_csv(driver, take)
    reanimate(pattern.with_name("f.0001.png"), driver, folder / "made" / "f.####.exr", params=STILL)
    mesh = mediapipe(python, folder, {"real": (real, True)})["real"]
    still = np.repeat(real[:1], len(real), axis=0)
    ours, plate = (
        quality(made, real, mesh)[0] for made in (read_srgb(folder / "made" / "f.####.exr"), still)
    )
    return ours, plate
