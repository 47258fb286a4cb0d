"""Trains `face_points` and `face_regions` together: one backbone, learned from both tasks.

`python -m likeness.training.face_points --pictures FOLDER --heldout FOLDER --out FOLDER --minutes M`.
Run again, it goes on from its checkpoint; pictures that are rendered meanwhile are taken in. Writes
`face_points.onnx`, `face_patches.onnx` (its second look), `face_regions.onnx` and the held-out numbers;
with `--alone`, the points are learned alone, at three quarters of the time a step, and `face_regions.onnx`
is not written.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from likeness.face.landmarks import Crop, crop_from_points
from likeness.face.regions import REGIONS
from likeness.head import points
from likeness.training import augment
from likeness.training.dataset import Dataset, open_dataset
from likeness.training.networks import (
    CROP,
    CROP_PX,
    PATCHES,
    FacePoints,
    FaceRegions,
    FirstLook,
    SecondLook,
    export,
)
from likeness.training.restore import calibrate, load_folded
from likeness.training.schedule import Trainer, half_precision, made_ahead

Float = NDArray[np.float32]
Random = np.random.Generator

BATCH = 32
MAP_PX = CROP_PX // 2
EVALUATE_S = 600.0
OCCLUDER = REGIONS.index("occluder")
POINT_NAMES = ("points", "sigma", "visible", "presence")
PATCH_NAMES = ("eye_points", "mouth_points")
log = logging.getLogger("likeness.training.face_points")


@dataclass(frozen=True)
class Batch:
    """`picture` (N, 3, 192, 192); `place` (N, 450, 3) in crop units; `known` (N, 450) whether it is;
    `visible` (N, 450); `present` (N,); `regions` (N, 96, 96); `scale` (N,) the distance of the outer corners
    of the eyes, as if seen frontally, in crop units."""

    picture: Tensor
    place: Tensor
    known: Tensor
    visible: Tensor
    present: Tensor
    regions: Tensor
    scale: Tensor


def point_weights() -> Tensor:
    """How much each point counts: lips, lids and irises most."""
    weight = torch.ones(points.COUNT)
    weight[:68] = 1.3
    for group in points.GROUPS.values():
        weight[torch.from_numpy(group).long()] = 2.0
    weight[17:36] = 2.0
    weight[36:68] = 2.5
    weight[points.SKIN_COUNT :] = 2.5
    return weight


def jitter(rng: Random, crop: Crop) -> Crop:
    """The crop a tracker or a detector might give for the same face."""
    spread = 1.0 if rng.random() < 0.6 else 0.35
    size = crop.size * np.exp(rng.uniform(-0.22, 0.22) * spread)
    x, y = np.array(crop.center) + rng.uniform(-0.12, 0.12, 2) * spread * 0.7 * size
    return Crop((float(x), float(y)), float(size), crop.roll + float(np.radians(rng.normal(0, 9) * spread)))


def elsewhere(rng: Random, crop: Crop) -> Crop:
    """A crop beside the face."""
    angle = rng.uniform(0, 2 * np.pi)
    x, y = np.array(crop.center) + np.array([np.cos(angle), np.sin(angle)]) * crop.size * rng.uniform(
        0.6, 0.9
    )
    return Crop((float(x), float(y)), crop.size * float(rng.uniform(0.4, 1.2)), float(rng.uniform(-1, 1)))


def scrambled(rng: Random, picture: Float) -> Float:
    """The picture in sixteen blocks out of order."""
    side = picture.shape[0] // 4
    blocks = picture.reshape(4, side, 4, side, 3).transpose(0, 2, 1, 3, 4).reshape(16, side, side, 3)
    blocks = blocks[rng.permutation(16)].reshape(4, 4, side, side, 3)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3, 4).reshape(picture.shape))


def example(
    data: Dataset, index: int, rng: Random | None
) -> tuple[Float, Float, Float, Float, float, NDArray[np.uint8], float]:
    """One picture and its truth in the order of `Batch`; without `rng` exactly cropped and unchanged.

    Half of the pictures are mirrored; points without a twin are not known there.
    """
    xy = data.labels["points_px"][index].astype(np.float64)
    in_camera = data.labels["points_cam"][index].astype(np.float64)
    visible = data.labels["visible"][index].astype(np.float32)
    crop = crop_from_points(xy)
    present = 1.0
    if rng is not None:
        present = float(rng.random() > 0.07)
        off = not present and rng.random() < 0.7
        crop = elsewhere(rng, crop) if off else jitter(rng, crop)
    mirrored = rng is not None and bool(rng.random() < 0.5)
    if mirrored:
        xy, in_camera, visible = (label[points.TWIN] for label in (xy, in_camera, visible))
    known = 1 - (points.ALONE & mirrored).astype(np.float32)
    fill = np.full(3, -1, np.float32)
    if rng is not None and rng.random() < 0.25:
        fill = np.zeros(3, np.float32) if rng.random() < 0.5 else rng.random(3, dtype=np.float32)
    matrix = augment.similarity(np.array(crop.center), crop.size, crop.roll, CROP_PX, mirrored)
    picture = augment.warp(data.images[index], matrix, CROP_PX, fill)
    coarse = augment.similarity(np.array(crop.center), crop.size, crop.roll, MAP_PX, mirrored)
    regions = augment.warp_labels(data.regions[index], coarse, MAP_PX)
    near = in_camera[:68, 2].mean()
    zoom = float(data.labels["focal_px"][index]) / near / crop.size
    depth = (in_camera[:, 2] - near) * zoom
    place = np.concatenate([augment.into_crop(xy, matrix) / CROP_PX, depth[:, None]], 1).astype(np.float32)
    scale = float(np.linalg.norm(in_camera[36] - in_camera[45]) * zoom)
    if rng is not None:
        if not present and not off:
            picture = scrambled(rng, picture)
        if rng.random() < 0.2:
            other = augment.warp(data.images[int(rng.integers(data.count))], matrix, CROP_PX, fill)
            covered = augment.occlude(rng, picture, other)
            regions[covered[::2, ::2]] = OCCLUDER
            i, j = (np.clip((place[:, k] * CROP_PX).astype(int), 0, CROP_PX - 1) for k in (1, 0))
            visible[covered[i, j]] = 0
        picture = augment.light(rng, picture)
    return picture, place, known, visible, present, regions, scale


def make_batch(data: Dataset, indices: NDArray[np.integer], rng: Random | None) -> Batch:
    """The examples at `indices`, as tensors."""
    columns = zip(*(example(data, int(i), rng) for i in indices), strict=True)
    picture, place, known, visible, present, regions, scale = (np.stack(c) for c in columns)
    return Batch(
        torch.from_numpy(picture.transpose(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last),
        torch.from_numpy(place),
        torch.from_numpy(known),
        torch.from_numpy(visible),
        torch.from_numpy(present.astype(np.float32)),
        torch.from_numpy(regions.astype(np.int64)),
        torch.from_numpy(scale.astype(np.float32)),
    )


class Joint(nn.Module):
    """Both networks on one backbone."""

    def __init__(self) -> None:
        super().__init__()
        self.points = FacePoints()
        self.regions = FaceRegions(self.points.backbone)

    def loss(self, batch: Batch, weight: Tensor, rare: Tensor | None) -> Tensor:
        """The training loss of a batch: places in units of the eyes' distance, the rest beside it.

        `rare` (12,) is how much each region counts; regions are learned from the batch's first half, and not
        at all without it.
        """
        # Half the bits are enough for the convolutions; places keep all of them.
        with half_precision():
            half, quarter, eighth, grid, deep = self.points.backbone(batch.picture)
            out = self.points.heads(batch.picture, deep, grid, jitter=0.1)
            some = len(grid) // 2 if rare is not None else 0
            seen = (half[:some], quarter[:some], eighth[:some], grid[:some])
            scores = self.regions.decoder(*seen).float() if some else grid.new_zeros(0)
        there = batch.present[:, None] * batch.known
        counts = weight * (0.35 + 0.65 * batch.visible) * there
        scale = batch.scale[:, None]

        def mean(error: Tensor) -> Tensor:
            return (counts * error).sum() / counts.sum().clamp_min(1)

        truth = batch.place[:, :, :2]
        far = (out["xy"] - truth).square().sum(-1).add(1e-8).sqrt()
        coarse = (out["coarse"] - truth).square().sum(-1).add(1e-8).sqrt()
        value = 2 * mean(far / scale) + mean(coarse / scale)
        value = value + 0.5 * mean((out["z"] - batch.place[:, :, 2]).abs() / scale)
        # The spread is learned from the error but does not steer it: hidden points must not be given up.
        spread = 2 * torch.log(out["sigma"]) + far.detach().square() / (2 * out["sigma"].square())
        value = value + 0.02 * (spread * there).mean()
        shown = functional.binary_cross_entropy_with_logits(out["visible"], batch.visible, reduction="none")
        value = value + 0.1 * (shown * there).mean()
        value = value + 0.1 * functional.binary_cross_entropy_with_logits(
            out["presence"][:, 0], batch.present
        )
        if rare is None:
            return value
        wrong = functional.cross_entropy(scores, batch.regions[:some], rare, reduction="none").mean((1, 2))
        return value + 0.3 * (wrong * batch.present[:some]).mean()


# Rare regions count more, or a small network learns none of them.
RARE = {"brow": 2.0, "eye": 3.0, "lips": 2.0, "mouth_inside": 3.0, "teeth": 3.0, "ears": 1.5, "glasses": 4.0}


def region_weights() -> Tensor:
    """The weight of each region's cross entropy (12,)."""
    return torch.tensor([RARE.get(name, 1.0) for name in REGIONS])


def groups() -> dict[str, NDArray[np.integer]]:
    """The groups of points that numbers are given for."""
    lids = np.concatenate([v for k, v in points.GROUPS.items() if k.startswith("lid")])
    lips = np.concatenate([v for k, v in points.GROUPS.items() if k.startswith("lip")])
    iris = np.arange(points.SKIN_COUNT, points.COUNT)
    return {
        "all": np.arange(points.COUNT),
        "inner": np.arange(17, 68),
        "lids": lids,
        "lips": lips,
        "iris": iris,
    }


@torch.no_grad()
def evaluate(network: Joint, data: Dataset, count: int = 1000, regions: bool = True) -> dict[str, float]:
    """Held-out numbers. Errors are means over a face's visible points of a group, in percent of the distance
    of the outer corners of the eyes as if seen frontally; median and 90th percentile over faces. With
    `regions`, also how well each of them is found."""
    network.eval()
    errors: dict[str, list[float]] = {name: [] for name in groups()}
    right: list[float] = []
    sigmas: list[float] = []
    shared, either = np.zeros(len(REGIONS)), np.zeros(len(REGIONS))
    for start in range(0, min(count, data.count), 40):
        batch = make_batch(data, np.arange(start, min(start + 40, count, data.count)), None)
        place, sigma, visible, _ = network.points(batch.picture)
        far = (place[:, :, :2] - batch.place[:, :, :2]).norm(dim=2)
        sigmas.append(float((far.square() / (2 * sigma.square())).sqrt().median()))
        error = (far / batch.scale[:, None]).numpy() * 100
        seen = batch.visible.numpy() > 0.5
        right.append(float(((visible.numpy() > 0.5) == seen).mean()))
        for name, group in groups().items():
            for e, s in zip(error[:, group], seen[:, group], strict=True):
                if s.mean() > 0.3:
                    errors[name].append(float(e[s].mean()))
        if not regions:
            continue
        found = network.regions(batch.picture).argmax(1).numpy()
        truth = batch.regions.numpy()
        for k in range(len(REGIONS)):
            shared[k] += ((found == k) & (truth == k)).sum()
            either[k] += ((found == k) | (truth == k)).sum()
    numbers = {f"{n}_median": float(np.median(e)) for n, e in errors.items()}
    numbers |= {f"{n}_p90": float(np.percentile(e, 90)) for n, e in errors.items()}
    numbers |= {"visible_right": float(np.mean(right)), "error_to_sigma": float(np.median(sigmas))}
    if regions:
        shares = shared / np.maximum(either, 1)
        numbers |= {f"iou_{n}": float(v) for n, v in zip(REGIONS, shares, strict=True)}
    network.train()
    return {name: round(value, 4) for name, value in numbers.items()}


def feed(folders: Sequence[Dataset], seed: int) -> Iterator[Batch]:
    """Batches without end; newly rendered pictures are taken in now and then."""
    rng = np.random.default_rng(seed)
    for made in itertools.count():
        if made % 100 == 0:
            count = np.array([data.reload() for data in folders])
        data = folders[int(rng.choice(len(folders), p=count / count.sum()))]
        yield make_batch(data, rng.integers(0, data.count, BATCH), rng)


def write(network: Joint, out: Path, regions: bool = True) -> dict[str, float]:
    """Export both networks, or the points alone; returns the largest differences from torch."""
    differences = export(FirstLook(network.points), out / "face_points.onnx", POINT_NAMES, CROP)
    differences |= export(SecondLook(network.points), out / "face_patches.onnx", PATCH_NAMES, PATCHES)
    if not regions:
        return differences
    return differences | export(network.regions, out / "face_regions.onnx", ("regions",), CROP)


def load_points(network: FacePoints, models: Path) -> None:
    """Load `face_points` and `face_patches` of the folder `models`."""
    load_folded(FirstLook(network), models / "face_points.onnx", *_zeros(CROP))
    load_folded(SecondLook(network), models / "face_patches.onnx", *_zeros(PATCHES))


def _zeros(inputs: Mapping[str, tuple[int, ...]]) -> list[Tensor]:
    return [torch.zeros(1, *shape) for shape in inputs.values()]


def take_up(network: Joint, models: Path, data: Dataset, regions: bool = True) -> None:
    """Begin with the house models in the folder `models`; the backbone is that of the points.

    Where points were trained on alone, that of `face_regions` is an older one.
    """
    rng = np.random.default_rng(0)
    batches = [(make_batch(data, rng.integers(0, data.count, BATCH), rng).picture,) for _ in range(8)]
    if regions:
        load_folded(network.regions, models / "face_regions.onnx", *_zeros(CROP))
    load_points(network.points, models)
    for part in (network.points, network.regions) if regions else (network.points,):
        calibrate(part, batches)
    network.train()


def averaged(trainer: Trainer) -> Joint:
    """A copy of the network with the averaged weights."""
    network = Joint()
    network.load_state_dict(trainer.average)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def train(
    pictures: Sequence[Path],
    heldout: Path,
    out: Path,
    minutes: float,
    threads: int,
    start: Path | None = None,
    rate: float = 2e-3,
    alone: bool = False,
) -> dict[str, float]:
    """Train `minutes`, from the checkpoint in `out` or the models in `start`; exports; returns numbers.

    `rate` is the highest learning rate; `alone` leaves the regions out.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    data = [open_dataset(folder) for folder in pictures]
    network = Joint().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if start is not None:
        take_up(network, start, data[0], regions=not alone)
    trainer = Trainer(network, out / "face_points.pt", minutes, rate)
    weight, rare = point_weights(), None if alone else region_weights()
    evaluated = time.monotonic()
    with made_ahead(feed(data, trainer.step + 1)) as batches:
        while trainer.goes_on():
            trainer.update(network.loss(next(batches), weight, rare))
            if time.monotonic() - evaluated > EVALUATE_S:
                found = evaluate(averaged(trainer), open_dataset(heldout), 200, regions=not alone)
                log.info("held-out: %s", json.dumps(found))
                evaluated = time.monotonic()
    final = averaged(trainer)
    write(final, out, regions=not alone)
    numbers = evaluate(final, open_dataset(heldout), regions=not alone)
    count = sum(folder.count for folder in data)
    log.info("face_points after %d steps on %d pictures: %s", trainer.step, count, json.dumps(numbers))
    return numbers


def main() -> None:
    """The command line of the training."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pictures", type=Path, required=True, nargs="+", help="folders of rendered pictures"
    )
    parser.add_argument("--heldout", type=Path, required=True, help="folder of pictures of another seed")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the models")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--start", type=Path, help="folder of models to begin with")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--alone", action="store_true", help="leave the regions out")
    train(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
