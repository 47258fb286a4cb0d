"""Trains `face_eyes`: both eyes in one strip, their lids, irises and gaze.

`python -m likeness.training.face_eyes --pictures FOLDER --heldout FOLDER --out FOLDER --minutes M`. Run
again, it goes on from its checkpoint. Writes `face_eyes.onnx` and the held-out numbers. It begins with what
`face_points` has learned of eyes (`--start`). Strips are cut about true points and shaken, so it does not
depend on which `face_points` finds the eyes.

People mostly look where the camera is, also out of a turned head, and the network is told where that is, as
well as it can be known. Pictures of those who do, and of those who look far aside, are shown more often.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likeness.face import gaze
from likeness.face.frame import direction, yaw_pitch
from likeness.head import points
from likeness.training import augment
from likeness.training.dataset import Dataset, open_dataset
from likeness.training.face_points import load_points
from likeness.training.networks import FaceEyes, FacePoints, export
from likeness.training.restore import calibrate, load_folded
from likeness.training.schedule import Trainer, half_precision, made_ahead

Float = NDArray[np.float32]
Array = NDArray[np.float64]
Random = np.random.Generator
Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]

BATCH = 64
NAMES = ("points", "gaze", "spread")
INPUTS = {"picture": (3, gaze.HEIGHT_PX, gaze.WIDTH_PX), "camera": (2,)}
ASIDE_RAD, NEAR_RAD = np.radians(20.0), np.radians(6.0)
MET_SHARE = 0.45  # of what is shown
UNSURE_RAD = np.radians(2.2)  # standard deviation of where the camera is found to stand; of some the double
LIDS = len(gaze.LIDS)
CENTERS = [LIDS, LIDS + 1 + points.RIM_COUNT]  # of the irises, among the network's points
log = logging.getLogger("likeness.training.face_eyes")


def cameras(data: Dataset, indices: NDArray[np.integer]) -> Array:
    """Yaw and pitch (N, 2) in radians at which gazes from between the eyes meet the cameras of pictures."""
    irises = [points.IRIS_LEFT, points.IRIS_RIGHT]
    eyes = data.labels["points_cam"][indices][:, irises].mean(axis=1).astype(np.float64)
    turns = data.labels["head_pose"][indices, :3, :3].astype(np.float64)
    return yaw_pitch(np.einsum("nji,nj->ni", turns, -eyes))


def frequencies(data: Dataset) -> Array:
    """How often each picture is shown, cumulated to 1."""
    looks = data.labels["gaze"].mean(axis=1).astype(np.float64)
    often = 1 + 2 * np.minimum(np.hypot(*looks.T) / ASIDE_RAD, 1.5)
    met = np.einsum("ni,ni->n", direction(looks), direction(cameras(data, np.arange(data.count)))) > np.cos(
        NEAR_RAD
    )
    for some, share in ((met, MET_SHARE), (~met, 1 - MET_SHARE)):
        often[some] *= share / max(often[some].sum(), 1e-9)
    out: Array = np.cumsum(often) / often.sum()
    return out


def found_about(rng: Random, camera: Array) -> Array:
    """Where the camera at `camera` (2,) might be found to stand."""
    out: Array = camera + rng.normal(0, UNSURE_RAD * (2.0 if rng.random() < 0.2 else 1.0), 2)
    return out


def example(
    data: Dataset, index: int, camera: Array, rng: Random | None
) -> tuple[Float, Float, Float, Float, float, Float]:
    """A strip (40, 96, 3), its points (72, 2) px, their visibility, the gaze (2, 2), the distance of the
    eyes' outer corners as if seen frontally, px, and about where the camera at `camera` (2,) would be found
    (2,); without `rng` exactly cut and unchanged."""
    label = {name: data.labels[name][index] for name in ("points_px", "points_cam", "visible", "gaze")}
    xy, in_camera = label["points_px"].astype(np.float64), label["points_cam"].astype(np.float64)
    ids, looks = gaze.POINTS, label["gaze"]
    camera = found_about(np.random.default_rng(index) if rng is None else rng, camera)
    matrix = gaze.strip(xy)
    if rng is not None:
        spread = 1.0 if rng.random() < 0.4 else 0.4
        matrix = gaze.strip(xy, float(np.exp(rng.normal(0, 0.08) * spread)), rng.normal(0, 0.07) * spread)
        matrix[:, 2] += matrix[:, :2] @ (rng.normal(0, 3.4 * spread, 2) * [1, 0.8])
        if rng.random() < 0.5:
            matrix[:, 2] += matrix[:, 0] * gaze.WIDTH_PX
            matrix[:, 0] *= -1
            ids, looks = points.TWIN[gaze.POINTS], looks[::-1] * [-1, 1]
            camera = camera * [-1, 1]
    cut = matrix.astype(np.float32)
    picture = augment.warp(data.images[index], cut, gaze.WIDTH_PX, np.zeros(3, np.float32), gaze.HEIGHT_PX)
    place = augment.into_crop(xy[ids], cut).astype(np.float32)
    visible = label["visible"][ids].astype(np.float32)
    if rng is not None:
        picture = augment.light(rng, picture)
        if rng.random() < 0.06:
            first, width = int(rng.integers(gaze.WIDTH_PX - 20)), int(rng.integers(8, 40))
            picture[:, first : first + width] = rng.random(3, dtype=np.float32)
            visible[(place[:, 0] > first) & (place[:, 0] < first + width)] = 0
    zoom = float(data.labels["focal_px"][index]) / in_camera[:, 2].mean()
    scale = np.linalg.norm(in_camera[36] - in_camera[45]) * zoom / np.linalg.norm(matrix[:, 0])
    return picture, place, visible, looks.astype(np.float32), float(scale), camera.astype(np.float32)


def make_batch(data: Dataset, indices: NDArray[np.integer], rng: Random | None) -> Batch:
    """The examples at `indices`, as tensors."""
    stand = cameras(data, indices)
    columns = zip(*(example(data, int(i), c, rng) for i, c in zip(indices, stand, strict=True)), strict=True)
    picture, place, visible, looks, scale, camera = (torch.from_numpy(np.stack(c)) for c in columns)
    picture = picture.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    return picture, place, visible, looks, scale.float(), camera


def loss(network: FaceEyes, batch: Batch) -> Tensor:
    """Places in units of the eyes' distance and gaze in radians; the spread is learned but steers nothing."""
    picture, place, visible, looks, scale, camera = batch
    with half_precision():
        found, told, spread = network(picture, camera)
    counts = 0.2 + 0.8 * visible
    counts = counts * torch.cat([torch.ones(LIDS), torch.full((len(gaze.POINTS) - LIDS,), 2.0)])
    far = ((found - place).square().sum(-1) + 1e-3).sqrt() / scale[:, None]
    seen = 0.1 + 0.9 * visible[:, CENTERS]
    off = ((told - looks).square().sum(-1) + 1e-5).sqrt()
    unsure = torch.log(spread) + (told - looks).detach().abs() / spread
    value = 20 * (counts * far).sum() / counts.sum() + 4 * (seen * off).sum() / seen.sum()
    return value + 0.02 * (unsure * seen[..., None]).mean()


@torch.no_grad()
def evaluate(network: FaceEyes, data: Dataset) -> dict[str, float]:
    """Held-out numbers of what is visible, one look at strips cut about true points: gaze in degrees; lids
    and irises in percent of the distance of the outer corners of the eyes."""
    network.eval()
    gazes, lids, irises = [], [], []
    for start in range(0, data.count, 50):
        batch = make_batch(data, np.arange(start, min(start + 50, data.count)), None)
        found, told, _ = network(batch[0], batch[5])
        far = ((found - batch[1]).norm(dim=2) / batch[4][:, None] * 100).numpy()
        seen = batch[2].numpy() > 0.5
        cosine = (direction(told.double().numpy()) * direction(batch[3].double().numpy())).sum(axis=-1)
        gazes.append(np.degrees(np.arccos(np.clip(cosine, -1, 1)))[seen[:, CENTERS]])
        irises.append(far[:, CENTERS][seen[:, CENTERS]])
        lids += [f[s].mean() for f, s in zip(far[:, :LIDS], seen[:, :LIDS], strict=True) if s.any()]
    network.train()
    numbers = {"gaze_deg": np.concatenate(gazes), "irises": np.concatenate(irises), "lids": np.array(lids)}
    return {name: round(float(np.median(values)), 3) for name, values in numbers.items()}


def feed(folders: Sequence[Dataset], seed: int) -> Iterator[Batch]:
    """Batches without end."""
    rng = np.random.default_rng(seed)
    share = np.array([data.count for data in folders]) / sum(data.count for data in folders)
    often = [frequencies(data) for data in folders]
    while True:
        k = int(rng.choice(len(folders), p=share))
        drawn = np.minimum(np.searchsorted(often[k], rng.random(BATCH)), folders[k].count - 1)
        yield make_batch(folders[k], drawn, rng)


def take_up(network: FaceEyes, models: Path, data: Dataset) -> None:
    """Begin with `face_eyes` of the folder `models`, else with what its `face_patches` knows of eyes."""
    if (models / "face_eyes.onnx").is_file():
        view = torch.zeros(1, 3, gaze.HEIGHT_PX, gaze.WIDTH_PX), torch.zeros(1, 2)
        load_folded(network, models / "face_eyes.onnx", *view)
    else:
        whole = FacePoints()
        load_points(whole, models)
        network.begin_with(whole.eye)
    rng = np.random.default_rng(0)
    some = [make_batch(data, rng.integers(0, data.count, BATCH), rng) for _ in range(4)]
    calibrate(network, [(batch[0], batch[5]) for batch in some])
    network.train()


def averaged(trainer: Trainer) -> FaceEyes:
    """A copy of the network with the averaged weights."""
    network = FaceEyes()
    network.load_state_dict(trainer.average)
    return network


def train(
    pictures: Sequence[Path],
    heldout: Path,
    out: Path,
    minutes: float,
    threads: int = 1,
    start: Path | None = None,
    rate: float = 2e-3,
) -> dict[str, float]:
    """Train `minutes`, from the checkpoint in `out` or the models in `start`; exports; returns numbers."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    data = [open_dataset(folder) for folder in pictures]
    network = FaceEyes().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if start is not None:
        take_up(network, start, data[0])
    trainer = Trainer(network, out / "face_eyes.pt", minutes, rate)
    with made_ahead(feed(data, trainer.step + 1)) as batches:
        while trainer.goes_on():
            trainer.update(loss(network, next(batches)))
    final = averaged(trainer)
    export(final, out / "face_eyes.onnx", NAMES, INPUTS)
    numbers = evaluate(final, open_dataset(heldout))
    log.info("face_eyes after %d steps: %s", trainer.step, json.dumps(numbers))
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
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the model")
    parser.add_argument("--minutes", type=float, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start", type=Path, help="folder of models to begin with")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    train(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
