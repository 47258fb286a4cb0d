"""Trains `face_detector` on crowds pasted together from rendered people.

`python -m likeness.training.face_detector --pictures FOLDER --heldout FOLDER --out FOLDER --minutes M`.
Run again, it goes on from its checkpoint; pictures that are rendered meanwhile are taken in. Writes
`face_detector.onnx` and prints its numbers.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from likeness.face.detect import candidates, five, suppress
from likeness.training import augment, crops
from likeness.training.backgrounds import sample_background
from likeness.training.camera import encode_srgb
from likeness.training.dataset import Dataset, open_dataset
from likeness.training.networks import DETECTOR_STRIDE, FaceDetector, export
from likeness.training.restore import calibrate, load_folded
from likeness.training.schedule import Trainer, device, half_precision

Float = NDArray[np.float32]
Random = np.random.Generator

SIZE = 192
BATCH = 24
BACKGROUNDS = 160
EVALUATED = 300
SMALLEST, LARGEST = 13.0, 230.0  # side of a face's box in a training picture, pixels
TOO_LARGE = 1.7  # of the picture: then what is seen of it is not a face
log = logging.getLogger("likeness.training.face_detector")


@dataclass(frozen=True)
class Faces:
    """The truth of a picture: `boxes` (N, 4) x0 y0 x1 y1, `points` (N, 5, 2), `certain` (N,) to be found."""

    boxes: Float
    points: Float
    certain: NDArray[np.bool_]


def scramble(rng: Random, picture: NDArray[np.uint8], xy: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The picture with the parts of its face out of order: skin and hair, but nobody."""
    out = picture.copy()
    low = np.clip(xy[:68].min(0), 0, 200).astype(int)
    side = int(np.clip((xy[:68].max(0) - low).max(), 30, 223 - low.max()) // 3)
    places = [(low[1] + i * side, low[0] + j * side) for i in range(3) for j in range(3)]
    for (y, x), k in zip(places, rng.permutation(9), strict=True):
        v, u = places[k]
        block = picture[v : v + side, u : u + side]
        out[y : y + block.shape[0], x : x + block.shape[1], :3] = block[:, ::-1, :3]
    return out


class Crowds:
    """Random pictures of nobody, one or several people, with the truth about them."""

    def __init__(self, folders: Sequence[Dataset], rng: Random, size: int = SIZE) -> None:
        self.folders, self.rng, self.size = folders, rng, size
        self.generator = torch.Generator().manual_seed(int(rng.integers(1 << 31)))
        skin = np.array([0.45, 0.25, 0.17], np.float32)
        grounds = [
            encode_srgb(np.clip(sample_background(rng, 256, skin * rng.uniform(0.2, 1.6)), 0, 1))
            for _ in range(BACKGROUNDS)
        ]
        self.grounds = [(g * 255).astype(np.uint8) for g in grounds]

    def somebody(self) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
        """A render with alpha (H, W, 4) and its dense points (450, 2)."""
        index = int(self.rng.integers(sum(data.count for data in self.folders)))
        for data in self.folders:
            if index < data.count:
                break
            index -= data.count
        picture = np.concatenate([data.images[index], data.alpha[index][..., None]], 2)
        return picture, data.labels["points_px"][index].astype(np.float64)

    def ground(self) -> Float:
        """A piece of a background, or of a render where nobody's face is."""
        rng = self.rng
        if rng.random() < 0.8:
            picture = self.grounds[rng.integers(BACKGROUNDS)]
        else:
            picture = np.ascontiguousarray(scramble(rng, *self.somebody())[..., :3])
        side = picture.shape[0] * rng.uniform(0.3, 1.0)
        center = (
            rng.uniform(side / 2, picture.shape[0] - side / 2, 2)
            if side < picture.shape[0]
            else np.full(2, side / 2)
        )
        matrix = augment.similarity(center, side, rng.uniform(-0.3, 0.3), self.size, bool(rng.random() < 0.5))
        return augment.warp(picture, matrix, self.size, np.full(3, -1, np.float32))

    def person(self, canvas: Float, taken: list[Float], whole: bool) -> tuple[Float, Float] | None:
        """Paste somebody where there is room; returns the dense points and the box, or nothing."""
        rng, size = self.rng, self.size
        picture, xy = self.somebody()
        side = float((xy.max(0) - xy.min(0)).max())
        wanted = float(np.exp(rng.uniform(np.log(70 if whole else SMALLEST), np.log(LARGEST))))
        factor = wanted / side
        place = rng.uniform(0.0, size, 2) if wanted < size else rng.uniform(0.3 * size, 0.7 * size, 2)
        roll = np.radians(np.clip(rng.normal(0, 18), -60, 60))
        if whole:  # the render with its own background covers all of the picture
            factor = max(factor, size / 170)
            place = np.full(2, size / 2) + rng.uniform(-0.15, 0.15, 2) * size
            roll *= 0.3
        # target to source
        turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]]) / factor
        matrix = np.concatenate([turn, ((xy.min(0) + xy.max(0)) / 2 - turn @ place)[:, None]], 1)
        moved = augment.into_crop(xy, matrix.astype(np.float32)).astype(np.float32)
        box = np.concatenate([moved.min(0), moved.max(0)])
        if any(_covered(box, other) > 0.1 for other in taken):
            return None
        if whole:
            picture[..., 3] = 255
        if not whole and rng.random() < 0.08:
            picture, box = scramble(rng, picture, xy), np.zeros(4, np.float32)
        level = int(np.clip(np.floor(np.log2(1 / factor)), 0, 4))
        shrunk = matrix.copy() / 2**level
        augment.paste(canvas, augment.halved(picture, level), shrunk.astype(np.float32))
        return moved, box

    def picture(self) -> tuple[Float, Faces]:
        """One picture (SIZE, SIZE, 3), 0..1, not yet `photographed`, and its faces."""
        rng = self.rng
        canvas = self.ground()
        boxes: list[Float] = []
        points: list[Float] = []
        kind = rng.random()
        count = 0 if kind < 0.15 else 1 if kind < 0.55 else int(rng.integers(2, 6))
        for _ in range(count):
            pasted = self.person(canvas, boxes, count == 1 and rng.random() < 0.5)
            if pasted is not None and pasted[1].any():
                points.append(five(pasted[0]).astype(np.float32))
                boxes.append(pasted[1])
        return canvas, self.truth(boxes, points)

    def photographed(self, pictures: Sequence[Float]) -> Tensor:
        """Pictures of `picture` as cameras give them, some with something in front: (B, 3, SIZE, SIZE)."""
        seen = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
        crops.cover(self.generator, seen, 0.25)
        return crops.light(self.generator, seen)

    def truth(self, boxes: list[Float], points: list[Float]) -> Faces:
        """Faces that lie mostly inside are certain; the rest neither counts as face nor as background."""
        box, five_points = (
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(points, np.float32).reshape(-1, 5, 2),
        )
        inside = ((five_points > 0) & (five_points < self.size)).all(2).sum(1)
        side = (box[:, 2:] - box[:, :2]).max(1, initial=0)
        return Faces(box, five_points, (inside >= 4) & (side < TOO_LARGE * self.size))


def _overlap(a: Float, b: Float) -> float:
    """Intersection over union of two boxes."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    both = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - shared
    return shared / max(both, 1e-6)


def _covered(a: Float, b: Float) -> float:
    """How much of the smaller of two boxes they share."""
    shared = float(np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)))
    return shared / max(min(float(np.prod(a[2:] - a[:2])), float(np.prod(b[2:] - b[:2]))), 1e-6)


def targets(faces: Faces, size: int) -> tuple[Float, Float]:
    """What the network should say (15, n, n), and the weights of each cell's score and place (2, n, n).

    A Gaussian of scores around each face (CenterNet, Zhou et al. 2019); boxes are learned in its core.
    """
    n = size // DETECTOR_STRIDE
    wanted, weight = np.zeros((15, n, n), np.float32), np.zeros((2, n, n), np.float32)
    weight[0] = 1
    y, x = np.mgrid[0:n, 0:n].astype(np.float32) + 0.5
    order = np.argsort(-np.prod(faces.boxes[:, 2:] - faces.boxes[:, :2], axis=1))
    for k in order:
        box, points = faces.boxes[k] / DETECTOR_STRIDE, faces.points[k] / DETECTOR_STRIDE
        center, extent = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        sigma = np.maximum(extent * 0.11, 0.45)
        near = np.exp(-0.5 * (((x - center[0]) / sigma[0]) ** 2 + ((y - center[1]) / sigma[1]) ** 2))
        if not faces.certain[k]:
            weight[0][near > 0.05] = 0
            continue
        core = near > 0.5 if (near > 0.5).any() else near == near.max()
        i, j = (int(np.clip(v, 0, n - 1)) for v in (center[1], center[0]))
        near[i, j] = 1
        core[i, j] = True
        wanted[0] = np.maximum(wanted[0], near)
        grid = np.stack([x, y])
        wanted[1:3, core] = (center[:, None, None] - grid)[:, core]
        wanted[3:5, core] = np.log(np.maximum(extent, 0.5))[:, None]
        wanted[5:, core] = (points.reshape(10, 1, 1) - np.tile(grid, (5, 1, 1)))[:, core]
        weight[1, core] = 1 / core.sum() + 0.15
    return wanted, weight


def loss(found: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """CenterNet's focal loss of the score, plus the error of box and points in units of the face."""
    logit, truth = found[:, 0], wanted[:, 0]
    score = torch.sigmoid(logit)
    hit = (truth > 0.999).float()
    positive = -functional.logsigmoid(logit) * (1 - score) ** 2 * hit
    negative = -functional.logsigmoid(-logit) * score**2 * (1 - truth) ** 4 * (1 - hit)
    count = hit.sum().clamp_min(1)
    scores = ((positive + negative) * weight[:, 0]).sum() / count
    scale = torch.exp(-wanted[:, 3:5].mean(1))
    places = (found[:, 1:3] - wanted[:, 1:3]).abs().sum(1) * scale
    places = places + (found[:, 3:5] - wanted[:, 3:5]).abs().sum(1)
    places = places + (found[:, 5:] - wanted[:, 5:]).abs().sum(1) * scale * 0.3
    return scores + 2 * (places * weight[:, 1]).sum() / weight[:, 1].sum().clamp_min(1)


def batch(crowds: Crowds, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures (count, 3, SIZE, SIZE), targets and weights."""
    made = [crowds.picture() for _ in range(count)]
    wanted, weight = zip(*(targets(faces, crowds.size) for _, faces in made), strict=True)
    return (
        crowds.photographed([p for p, _ in made]),
        torch.from_numpy(np.stack(wanted)),
        torch.from_numpy(np.stack(weight)),
    )


def decode(found: Float, threshold: float = 0.4) -> tuple[Float, Float, Float]:
    """Boxes (N, 4), five points (N, 5, 2) and scores (N,) of one picture's output (15, n, n), after NMS."""
    boxes, points, scores = candidates(found, threshold)
    keep = suppress(boxes, scores)
    return boxes[keep], points[keep], scores[keep]


def evaluate(network: FaceDetector, data: Dataset, count: int, size: int = 256) -> dict[str, float]:
    """Recall and false finds on crowds of held-out people: same seed, same crowds."""
    crowds = Crowds([data], np.random.default_rng(99), size)
    known = hit = wrong = 0
    off: list[float] = []
    network.eval()
    for _ in range(count):
        picture, faces = crowds.picture()
        with torch.no_grad():
            found = network(crowds.photographed([picture])).numpy()[0]
        boxes, points, _ = decode(found)
        used: set[int] = set()
        for k, box in enumerate(faces.boxes):
            overlaps = [_overlap(box, b) for b in boxes]
            best = int(np.argmax(overlaps)) if overlaps else -1
            good = best >= 0 and overlaps[best] >= 0.5
            if good:
                used.add(best)
            if faces.certain[k]:
                known, hit = known + 1, hit + good
                if good:
                    off.append(
                        float(np.abs(points[best] - faces.points[k]).mean() / (box[2:] - box[:2]).max())
                    )
        wrong += len(boxes) - len(used)
    network.train()
    mean_off = float(np.mean(off)) if off else 1.0
    return {
        "faces": known,
        "recall": hit / max(known, 1),
        "false_per_picture": wrong / count,
        "points_off": mean_off,
    }


def take_up(network: FaceDetector, models: Path, crowds: Crowds) -> None:
    """Begin with the house model in the folder `models`."""
    load_folded(network, models / "face_detector.onnx", torch.zeros(1, 3, SIZE, SIZE))
    calibrate(network, [batch(crowds, BATCH)[:1] for _ in range(8)])
    network.train()


def train(
    pictures: Sequence[Path],
    heldout: Path,
    out: Path,
    minutes: float,
    threads: int,
    start: Path | None = None,
) -> dict[str, float]:
    """Train `minutes`, from the checkpoint in `out` or the model in `start`; exports; returns numbers."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    folders = [open_dataset(folder) for folder in pictures]
    network = FaceDetector().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if start is not None:
        take_up(network, start, Crowds(folders, np.random.default_rng(0)))
    trainer = Trainer(
        network.to(device()), out / "face_detector.pt", minutes, rate=2e-3 if start is None else 1e-3
    )
    crowds = Crowds(folders, np.random.default_rng(trainer.step + 1))
    while trainer.goes_on():
        if trainer.step % 100 == 0:
            for data in folders:
                data.reload()
        picture, wanted, weight = (part.to(device()) for part in batch(crowds, BATCH))
        with half_precision():
            found = network.raw(picture.contiguous(memory_format=torch.channels_last))
        trainer.update(loss(found.float(), wanted, weight))
    network = trainer.averaged(FaceDetector())
    numbers = evaluate(network, open_dataset(heldout), EVALUATED)
    export(network, out / "face_detector.onnx", ("faces",), {"picture": (3, 256, 256)}, any_size=True)
    log.info("face_detector: %s", json.dumps(numbers))
    return numbers


def main() -> None:
    """The command line of the training."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, required=True, nargs="+")
    parser.add_argument("--heldout", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--start", type=Path, help="folder of the model to begin with")
    given = parser.parse_args()
    begun = time.monotonic()
    train(given.pictures, given.heldout, given.out, given.minutes, given.threads, given.start)
    log.info("took %.1f minutes", (time.monotonic() - begun) / 60)


if __name__ == "__main__":
    main()
