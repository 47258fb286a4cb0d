"""Trains `face_regions`: what each pixel of a face's crop belongs to.

`python -m likeness.training.face_regions --pictures FOLDER --heldout FOLDER --out FOLDER --minutes M`. Run
again, it goes on from its checkpoint; pictures that are rendered meanwhile are taken in. Writes
`face_regions.onnx` and the held-out numbers.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from likeness.face.regions import CROP_PX, REGIONS
from likeness.training import crops
from likeness.training.crops import OCCLUDER, Renders, learn
from likeness.training.networks import REGION_COUNT, REGIONS_CROP, FaceRegions, export
from likeness.training.restore import calibrate, load_folded
from likeness.training.schedule import Trainer, arguments, device, half_precision

BATCH = 32
MAP_PX = CROP_PX // 2
MAPS = ("images", "regions")
# Rare regions count more, or a network learns them late.
RARE = {"brow": 1.4, "eye": 1.8, "lips": 1.4, "mouth_inside": 1.8, "teeth": 1.8, "ears": 1.2, "glasses": 2.0}
log = logging.getLogger("likeness.training.face_regions")


class Batch(NamedTuple):
    """`picture` (N, 3, 256, 256), sRGB-like, 0..1; `regions` (N, 128, 128) the index of each pixel's."""

    picture: Tensor
    regions: Tensor


def make_batch(drawn: Mapping[str, Any], generator: Generator | None) -> Batch:
    """What `Renders.draw` gave, cut out and seen anew; without `generator` exactly cut and unchanged."""
    frame = drawn["frame"]
    mirrored = torch.zeros(len(frame), dtype=torch.bool, device=frame.device)
    if generator is not None:
        frame = crops.shaken(generator, frame)
        mirrored = crops.happens(generator, len(frame), 0.5)
    matrix = crops.similarity(frame, CROP_PX, mirrored)
    picture = crops.cut(drawn["images"], matrix, CROP_PX, CROP_PX)
    regions = crops.cut_labels(drawn["regions"], crops.similarity(frame, MAP_PX, mirrored), MAP_PX)
    if generator is not None:
        covered = crops.cover(generator, picture)
        regions[covered[:, ::2, ::2]] = OCCLUDER
        picture = crops.light(generator, picture)
    return Batch(picture.contiguous(memory_format=torch.channels_last), regions)


def region_weights() -> Tensor:
    """The weight of each region's cross entropy (12,)."""
    return torch.tensor([RARE.get(name, 1.0) for name in REGIONS])


def loss(network: FaceRegions, batch: Batch, weight: Tensor) -> Tensor:
    """Cross entropy, and what is missing of the overlap of each region that a batch shows (soft Dice,
    Milletari et al. 2016), for those that are small."""
    with half_precision():
        scores = network.scores(batch.picture)
    scores = scores.float()
    wrong = functional.cross_entropy(scores, batch.regions, weight)
    told = torch.softmax(scores, 1)
    truth = functional.one_hot(batch.regions, REGION_COUNT).permute(0, 3, 1, 2).float()
    both, either = (told * truth).sum((0, 2, 3)), (told + truth).sum((0, 2, 3))
    shown = truth.sum((0, 2, 3)) > 0
    return wrong + 0.3 * (1 - 2 * both / either.clamp_min(1))[shown].mean()


@torch.no_grad()
def evaluate(network: FaceRegions, data: Renders, count: int = 1000) -> dict[str, float]:
    """Intersection over union of each region on held-out pictures, at the network's resolution."""
    network.eval()
    shared, either = np.zeros(REGION_COUNT), np.zeros(REGION_COUNT)
    for some in torch.arange(min(count, data.count), device=data.device).split(20):
        batch = make_batch(data.pictures(0, some), None)
        found, truth = network(batch.picture).argmax(1), batch.regions
        for k in range(REGION_COUNT):
            shared[k] += float(((found == k) & (truth == k)).sum())
            either[k] += float(((found == k) | (truth == k)).sum())
    network.train()
    overlap = shared / np.maximum(either, 1)
    return {name: round(float(value), 4) for name, value in zip(REGIONS, overlap, strict=True)}


def take_up(network: FaceRegions, models: Path, data: Renders) -> None:
    """Begin with the house model in the folder `models`."""
    load_folded(network, models / "face_regions.onnx", torch.zeros(1, 3, CROP_PX, CROP_PX))
    network.to(data.device)
    calibrate(network, [batch[:1] for batch in data.batches(make_batch, BATCH, 8)])
    network.train()


def train(
    pictures: Sequence[Path],
    heldout: Path,
    out: Path,
    minutes: float,
    threads: int,
    start: Path | None = None,
    rate: float = 2e-3,
    batch: int = BATCH,
) -> dict[str, float]:
    """Train `minutes`, from the checkpoint in `out` or the model in `start`; exports; returns numbers."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    data = Renders(pictures, device(), MAPS)
    network = FaceRegions().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if start is not None:
        take_up(network, start, data)
    trainer = Trainer(network.to(device()), out / "face_regions.pt", minutes, rate)
    weight = region_weights().to(device())
    learn(trainer, data, lambda g: loss(network, make_batch(data.draw(g, batch), g), weight))
    final = trainer.averaged(FaceRegions())
    export(final, out / "face_regions.onnx", ("regions",), REGIONS_CROP)
    numbers = evaluate(final.to(device()), Renders([heldout], device(), MAPS))
    log.info("face_regions after %d steps on %d pictures: %s", trainer.step, data.count, json.dumps(numbers))
    return numbers


def main() -> None:
    """The command line of the training."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = arguments(__doc__, BATCH)
    parser.add_argument("--minutes", type=float, default=60)
    train(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
