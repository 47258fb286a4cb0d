"""People whom the suite renders perform: renders of the performance are the truth for one of them at rest.

The driver is the performance itself, so nothing but the redrawing is measured.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.pictures import Bytes, mediapipe
from bench.portraits import drawn, expressing, head_turned, sitter
from bench.reanimation import quality
from bench.runs import read_srgb, reanimate, write_srgb
from bench.table import Row
from likeness.demo import PERFORMANCE
from likeness.effects.human.human_portrait import view_of
from likeness.human.portrait import EXPRESSIONS, Sitter, both_sides
from likeness.performance import ARKIT, Performance, make, read_csv, rotations, write_csv

SEEDS, SIZE_PX = (3, 7, 11), 512
EVERY = 20  # frames of the demo's performance
ASKED_DB = 30.0
TURNS = "heads that turn"  # which nothing was asked of: a face's depth is not to be seen in one picture
SMILES = "smiles that show their teeth"  # nor of these: what is behind the lips is not to be seen either
TURNS_DEG = ((0, 0), (-20, 0), (-10, 0), (10, 0), (20, 0), (0, -10), (0, 10))  # yaw and pitch of the head
SMILE = ("mouthSmile", "mouthUpperUp", "mouthLowerDown")
# How far a jaw is open, how much of the smile there is, and the head's yaw: the first is the plate.
SMILING = (
    *((0.08, 0.6, yaw) for yaw in (0, -20, -10, 10, 20)),
    *((0.05, 0.36, 0), (0.3, 0.6, 0), (0.05, 0.2, 10), (0.5, 0.3, -10), (0.08, 0.9, 0)),
)
STILL = {"neutral_frames": "1", "head_position": 0, "layers": "comp"}


def rows(python: Path, work: Path) -> list[Row]:
    """How near the demo's performance comes inside the face, and expressions as large as can be."""
    people, out = {seed: sitter({"seed": seed}) for seed in SEEDS}, []
    for name, take in {
        "a performance": _demo(),
        "large expressions": _large(),
        TURNS: _turns(),
        SMILES: _smiles(),
    }.items():
        scores = [_near(who, take, python, work / f"{name} {seed}") for seed, who in people.items()]
        ours, plate = np.mean(scores, axis=0).tolist()
        what = f"rendered people, {name}, known truth"
        asked = None if name in (TURNS, SMILES) else ASKED_DB
        out.append(Row("reanimate", what, ours, "dB", plate, "the plate", at_least=asked))
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


def _turns() -> Performance:
    """A head that turns, after one that does not."""
    head = np.radians([(yaw, pitch, 0) for yaw, pitch in TURNS_DEG])
    return make(np.zeros((len(head), len(ARKIT))), head=head)


def _smiles() -> Performance:
    """A smile that turns, fades, and opens."""
    weights = np.zeros((len(SMILING), len(ARKIT)))
    for row, (jaw, smile, _) in zip(weights, SMILING, strict=True):
        for shape, weight in both_sides({"jawOpen": jaw, **dict.fromkeys(SMILE, smile)}).items():
            row[ARKIT.index(shape)] = weight
    head = np.radians([(yaw, 0, 0) for *_, yaw in SMILING])
    return make(weights, eyes=np.zeros((len(SMILING), 2, 3)), head=head)


def _shown(who: Sitter, take: Performance, frame: int) -> Bytes:
    """The person (H, W, 3) as the frame of a take has it."""
    view = view_of(take, frame)
    if take.head[frame].any():
        who = head_turned(expressing(who, view.weights), rotations(take.head[frame]))
        view = replace(view, weights={})
    return np.round(255 * drawn(who, view, SIZE_PX)).astype(np.uint8)


def _near(who: Sitter, take: Performance, python: Path, folder: Path) -> tuple[float, float]:
    """PSNR of the person at rest that is made to perform, and of the same as it is."""
    folder.mkdir()
    real = np.stack([_shown(who, take, frame) for frame in range(len(take))])
    pattern, driver = write_srgb(folder / "real", real), folder / "take.csv"
    write_csv(driver, take)
    reanimate(pattern.with_name("f.0001.png"), driver, folder / "made" / "f.####.exr", params=STILL)
    mesh = mediapipe(python, folder, {"real": (real, True)})["real"]
    still = np.repeat(real[:1], len(real), axis=0)
    ours, plate = (
        quality(made, real, mesh)[0] for made in (read_srgb(folder / "made" / "f.####.exr"), still)
    )
    return ours, plate
