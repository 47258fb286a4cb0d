"""Trains `face_points` and its second look, `face_patches`, together.

`python -m likeness.training.face_points --pictures FOLDER --heldout FOLDER --out FOLDER --minutes M`.
Run again, it goes on from its checkpoint; pictures that are rendered meanwhile are taken in. Writes
`face_points.onnx`, `face_patches.onnx` and the held-out numbers.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from likeness.head import points
from likeness.training import crops
from likeness.training.crops import Renders, learn
from likeness.training.networks import (
    CROP,
    CROP_PX,
    PATCHES,
    FacePoints,
    FirstLook,
    SecondLook,
    export,
)
from likeness.training.restore import calibrate, load_folded
from likeness.training.schedule import Trainer, arguments, device, half_precision

BATCH = 32
POINT_NAMES = ("points", "sigma", "visible", "presence")
PATCH_NAMES = ("eye_points", "mouth_points")
log = logging.getLogger("likeness.training.face_points")


class Batch(NamedTuple):
    """`picture` (N, 3, 192, 192); `place` (N, 450, 3) in crop units; `known` (N, 450) whether it is;
    `visible` (N, 450); `present` (N,); `scale` (N,) the distance of the outer corners of the eyes, as if seen
    frontally, in crop units."""

    picture: Tensor
    place: Tensor
    known: Tensor
    visible: Tensor
    present: Tensor
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


def elsewhere(generator: Generator, frame: Tensor) -> Tensor:
    """Crops (B, 4) beside the faces."""
    count = len(frame)
    angle = crops.uniform(generator, count, 0, 2 * np.pi)
    way = torch.stack([torch.cos(angle), torch.sin(angle)], 1)
    center = frame[:, :2] + way * (frame[:, 2] * crops.uniform(generator, count, 0.6, 0.9))[:, None]
    size = frame[:, 2] * crops.uniform(generator, count, 0.4, 1.2)
    return torch.cat([center, size[:, None], crops.uniform(generator, count, -1, 1)[:, None]], 1)


def scrambled(generator: Generator, picture: Tensor) -> Tensor:
    """Pictures (B, 3, S, S) in sixteen blocks out of order, each in its own."""
    count, side = len(picture), picture.shape[-1] // 4
    blocks = picture.unflatten(2, (4, side)).unflatten(4, (4, side)).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    order = torch.rand(count, 16, generator=generator, device=picture.device).argsort(1)
    blocks = blocks[torch.arange(count, device=picture.device)[:, None], order].unflatten(1, (4, 4))
    return blocks.permute(0, 3, 1, 4, 2, 5).reshape(picture.shape)


def make_batch(drawn: Mapping[str, Any], generator: Generator | None) -> Batch:
    """What `Renders.draw` gave, cut out and seen anew; without `generator` exactly cut and unchanged.

    Half of the pictures are mirrored; points without a twin are not known there. Some show no face.
    """
    frame, xy, in_camera, visible = (drawn[name] for name in ("frame", "points_px", "points_cam", "visible"))
    count, where = len(frame), frame.device
    mirrored = torch.zeros(count, dtype=torch.bool, device=where)
    present, off = ~mirrored, mirrored
    fill = torch.full((count, 3), -1.0, device=where)
    if generator is not None:
        present = crops.happens(generator, count, 0.93)
        off = ~present & crops.happens(generator, count, 0.7)
        shaken = crops.shaken(generator, frame)
        frame = torch.where(off[:, None], elsewhere(generator, frame), shaken)
        mirrored = crops.happens(generator, count, 0.5)
        filled = crops.happens(generator, count, 0.25)[:, None]
        color = torch.rand(count, 3, generator=generator, device=where)
        color = color * crops.happens(generator, count, 0.5)[:, None]
        fill = torch.where(filled, color, fill)
    twin = torch.from_numpy(points.TWIN).to(where)
    xy, in_camera, visible = (
        torch.where(mirrored.reshape(-1, *[1] * (label.ndim - 1)), label[:, twin], label)
        for label in (xy, in_camera, visible)
    )
    alone = torch.from_numpy(points.ALONE).to(where)
    known = 1 - (alone[None] & mirrored[:, None]).float()
    matrix = crops.similarity(frame, CROP_PX, mirrored)
    picture = crops.cut(drawn["images"], matrix, CROP_PX, CROP_PX, fill)
    near = in_camera[:, :68, 2].mean(1)
    zoom = drawn["focal_px"] / near / frame[:, 2]
    depth = (in_camera[:, :, 2] - near[:, None]) * zoom[:, None]
    place = torch.cat([crops.into_crop(xy, matrix) / CROP_PX, depth[..., None]], 2)
    scale = (in_camera[:, 36] - in_camera[:, 45]).norm(dim=1) * zoom
    if generator is not None:
        mixed = ~present & ~off
        picture = torch.where(mixed[:, None, None, None], scrambled(generator, picture), picture)
        covered = crops.cover(generator, picture)
        cell = (place[:, :, :2] * CROP_PX).long().clamp(0, CROP_PX - 1)
        hidden = covered[torch.arange(count, device=where)[:, None], cell[..., 1], cell[..., 0]]
        visible = visible * ~hidden
        picture = crops.light(generator, picture)
    picture = picture.contiguous(memory_format=torch.channels_last)
    return Batch(picture, place, known, visible, present.float(), scale)


def loss(network: FacePoints, batch: Batch, weight: Tensor) -> Tensor:
    """The training loss of a batch: places in units of the eyes' distance, the rest beside it."""
    # Half the bits are enough for the convolutions; places keep all of them.
    with half_precision():
        grid, deep = network.backbone(batch.picture)
        out = network.heads(batch.picture, deep, grid, jitter=0.1)
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
    unsure = functional.binary_cross_entropy_with_logits
    shown = unsure(out["visible"].float(), batch.visible, reduction="none")
    value = value + 0.1 * (shown * there).mean()
    return value + 0.1 * unsure(out["presence"][:, 0].float(), batch.present)


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
def evaluate(network: FacePoints, data: Renders, count: int = 1000) -> dict[str, float]:
    """Held-out numbers. Errors are means over a face's visible points of a group, in percent of the distance
    of the outer corners of the eyes as if seen frontally; median and 90th percentile over faces."""
    network.eval()
    errors: dict[str, list[float]] = {name: [] for name in groups()}
    right: list[float] = []
    sigmas: list[float] = []
    for some in torch.arange(min(count, data.count), device=data.device).split(40):
        batch = make_batch(data.pictures(0, some), None)
        place, sigma, visible, _ = network(batch.picture)
        far = (place[:, :, :2] - batch.place[:, :, :2]).norm(dim=2)
        sigmas.append(float((far.square() / (2 * sigma.square())).sqrt().median()))
        error = (far / batch.scale[:, None]).cpu().numpy() * 100
        seen = batch.visible.cpu().numpy() > 0.5
        right.append(float(((visible.cpu().numpy() > 0.5) == seen).mean()))
        for name, group in groups().items():
            for e, s in zip(error[:, group], seen[:, group], strict=True):
                if s.mean() > 0.3:
                    errors[name].append(float(e[s].mean()))
    numbers = {f"{n}_median": float(np.median(e)) for n, e in errors.items()}
    numbers |= {f"{n}_p90": float(np.percentile(e, 90)) for n, e in errors.items()}
    numbers |= {"visible_right": float(np.mean(right)), "error_to_sigma": float(np.median(sigmas))}
    network.train()
    return {name: round(value, 4) for name, value in numbers.items()}


def write(network: FacePoints, out: Path) -> dict[str, float]:
    """Export both looks; returns the largest differences from torch."""
    differences = export(FirstLook(network), out / "face_points.onnx", POINT_NAMES, CROP)
    return differences | export(SecondLook(network), out / "face_patches.onnx", PATCH_NAMES, PATCHES)


def load_points(network: FacePoints, models: Path) -> None:
    """Load `face_points` and `face_patches` of the folder `models`."""
    load_folded(FirstLook(network), models / "face_points.onnx", *_zeros(CROP))
    load_folded(SecondLook(network), models / "face_patches.onnx", *_zeros(PATCHES))


def _zeros(inputs: Mapping[str, tuple[int, ...]]) -> list[Tensor]:
    return [torch.zeros(1, *shape) for shape in inputs.values()]


def take_up(network: FacePoints, models: Path, data: Renders) -> None:
    """Begin with the house models in the folder `models`."""
    load_points(network, models)
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
    """Train `minutes`, from the checkpoint in `out` or the models in `start`; exports; returns numbers.

    `rate` is the highest learning rate.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    data = Renders(pictures, device())
    network = FacePoints().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if start is not None:
        take_up(network, start, data)
    trainer = Trainer(network.to(device()), out / "face_points.pt", minutes, rate)
    weight = point_weights().to(device())
    learn(trainer, data, lambda g: loss(network, make_batch(data.draw(g, batch), g), weight))
    final = trainer.averaged(FacePoints())
    write(final, out)
    numbers = evaluate(final.to(device()), Renders([heldout], device()))
    log.info("face_points after %d steps on %d pictures: %s", trainer.step, data.count, json.dumps(numbers))
    return numbers


def main() -> None:
    """The command line of the training."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = arguments(__doc__, BATCH)
    parser.add_argument("--minutes", type=float, default=60)
    train(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
