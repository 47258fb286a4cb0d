"""Trains `face_eyes`: both eyes in one strip, their lids, irises and gaze.

`python -m likeness.training.face_eyes --pictures FOLDER --heldout FOLDER --out FOLDER --minutes M`. Run
again, it goes on from its checkpoint. Writes `face_eyes.onnx` and the held-out numbers. It begins with what
`face_points` has learned of eyes (`--start`). Strips are cut about true points and shaken, so it does not
depend on which `face_points` finds the eyes.

People mostly look where the camera is, also out of a turned head, and the network is told where that is, as
well as it can be known. Pictures of those who do, and of those who look far aside, are shown more often.
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

from likeness.face import gaze
from likeness.face.frame import direction, yaw_pitch
from likeness.head import points
from likeness.training import crops
from likeness.training.crops import Renders, learn
from likeness.training.face_points import load_points
from likeness.training.networks import FaceEyes, FacePoints, export
from likeness.training.restore import calibrate, load_folded
from likeness.training.schedule import Trainer, arguments, device, half_precision

Array = NDArray[np.float64]

BATCH = 64
NAMES = ("points", "gaze", "spread")
INPUTS = {"picture": (3, gaze.HEIGHT_PX, gaze.WIDTH_PX), "camera": (2,)}
ASIDE_RAD, NEAR_RAD = np.radians(20.0), np.radians(6.0)
MET_SHARE = 0.45  # of what is shown
UNSURE_RAD = np.radians(2.2)  # standard deviation of where the camera is found to stand; of some the double
LIDS = len(gaze.LIDS)
CENTERS = [LIDS, LIDS + 1 + points.RIM_COUNT]  # of the irises, among the network's points
log = logging.getLogger("likeness.training.face_eyes")


class Batch(NamedTuple):
    """`picture` (N, 3, 40, 96); `place` (N, 72, 2) px; `visible` (N, 72); `gaze` (N, 2, 2), radians;
    `scale` (N,) px, the distance of the outer corners of the eyes as if seen frontally; `camera` (N, 2)."""

    picture: Tensor
    place: Tensor
    visible: Tensor
    gaze: Tensor
    scale: Tensor
    camera: Tensor


def told(labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What this training needs to know of pictures besides their labels.

    `camera` (N, 2): yaw and pitch in radians at which gazes from between the eyes meet the camera; `often`
    (N,): how often each picture is shown, relative to the others of its folder.
    """
    where = labels["gaze"].device
    irises = [points.IRIS_LEFT, points.IRIS_RIGHT]
    eyes = labels["points_cam"][:, irises].mean(1).double().cpu().numpy()
    turns = labels["head_pose"][:, :3, :3].double().cpu().numpy()
    camera = yaw_pitch(np.einsum("nji,nj->ni", turns, -eyes))
    looks = labels["gaze"].mean(1).double().cpu().numpy()
    often = 1 + 2 * np.minimum(np.hypot(*looks.T) / ASIDE_RAD, 1.5)
    met = np.einsum("ni,ni->n", direction(looks), direction(camera)) > np.cos(NEAR_RAD)
    for some, share in ((met, MET_SHARE), (~met, 1 - MET_SHARE)):
        often[some] *= share / max(often[some].sum(), 1e-9)
    found = {"camera": camera, "often": often}
    return {name: torch.from_numpy(values.astype(np.float32)).to(where) for name, values in found.items()}


def strips(xy: Tensor, width: Tensor, roll: Tensor) -> Tensor:
    """`gaze.strip` of many faces: (B, 2, 3) of (B, 450, 2), (B,) and (B,)."""
    right, left = xy[:, 36:42].mean(1), xy[:, 42:48].mean(1)
    down = xy[:, 48:68].mean(1) - (left + right) / 2
    way = down.norm(dim=1).clamp_min(1e-6)
    across = torch.maximum(way, (left - right).norm(dim=1)).clamp_min(1.0)
    step = across * gaze.ACROSS * width / gaze.WIDTH_PX
    x, y = down[:, 1] / way, -down[:, 0] / way
    c = step * (x * torch.cos(roll) - y * torch.sin(roll))
    s = step * (x * torch.sin(roll) + y * torch.cos(roll))
    turn = torch.stack([c, -s, s, c], 1).reshape(-1, 2, 2)
    middle = xy[:, [36, 39, 42, 45]].mean(1)
    corner = turn @ xy.new_tensor([gaze.WIDTH_PX / 2, gaze.HEIGHT_PX / 2])
    return torch.cat([turn, (middle - corner)[..., None]], 2)


def make_batch(drawn: Mapping[str, Any], generator: Generator | None) -> Batch:
    """Strips of what `Renders.draw` gave, shaken and seen anew; without `generator` exactly cut."""
    xy, visible, looks, camera = (drawn[name] for name in ("points_px", "visible", "gaze", "camera"))
    count, where = len(xy), xy.device
    ids = torch.from_numpy(gaze.POINTS).to(where)
    found = generator or Generator(where).manual_seed(0)
    unsure = UNSURE_RAD * (1 + crops.happens(found, count, 0.2).float())
    camera = camera + unsure[:, None] * crops.normal(found, count, 2)
    matrix = strips(xy, xy.new_ones(count), xy.new_zeros(count))
    mirrored = torch.zeros(count, dtype=torch.bool, device=where)
    if generator is not None:
        spread = torch.where(crops.happens(generator, count, 0.4), 1.0, 0.4)
        shaken = [spread * crops.normal(generator, count) for _ in range(2)]
        matrix = strips(xy, torch.exp(0.08 * shaken[0]), 0.07 * shaken[1])
        off = crops.normal(generator, count, 2) * spread[:, None] * xy.new_tensor([3.4, 2.7])
        mirrored = crops.happens(generator, count, 0.5)
        start = matrix[..., 2] + (matrix[..., :2] @ off[..., None])[..., 0]
        start = start + mirrored[:, None] * matrix[..., 0] * gaze.WIDTH_PX
        flip = 1 - 2 * mirrored[:, None].float()
        matrix = torch.stack([matrix[..., 0] * flip, matrix[..., 1], start], 2)
        camera = torch.stack([camera[:, 0] * flip[:, 0], camera[:, 1]], 1)
        other = looks.flip(1) * looks.new_tensor([-1, 1])
        looks = torch.where(mirrored[:, None, None], other, looks)
    picture = crops.cut(drawn["images"], matrix, gaze.HEIGHT_PX, gaze.WIDTH_PX, xy.new_zeros(count, 3))
    twin = torch.from_numpy(points.TWIN).to(where)[ids]
    which = torch.where(mirrored[:, None], twin, ids)
    rows = torch.arange(count, device=where)[:, None]
    place, visible = crops.into_crop(xy[rows, which], matrix), visible[rows, which]
    if generator is not None:
        picture = crops.light(generator, picture)
        first = torch.randint(gaze.WIDTH_PX - 20, (count, 1), generator=generator, device=where)
        wide = torch.randint(8, 40, (count, 1), generator=generator, device=where)
        wide = wide * crops.happens(generator, count, 0.06)[:, None]
        column = torch.arange(gaze.WIDTH_PX, device=where)
        covered = (column >= first) & (column < first + wide)
        color = torch.rand(count, 3, 1, 1, generator=generator, device=where)
        picture = torch.where(covered[:, None, None], color, picture)
        visible = visible * ~((place[..., 0] > first) & (place[..., 0] < first + wide))
    in_camera = drawn["points_cam"]
    zoom = drawn["focal_px"] / in_camera[..., 2].mean(1)
    scale = (in_camera[:, 36] - in_camera[:, 45]).norm(dim=1) * zoom / matrix[..., 0].norm(dim=1)
    return Batch(picture.contiguous(memory_format=torch.channels_last), place, visible, looks, scale, camera)


def loss(network: FaceEyes, batch: Batch) -> Tensor:
    """Places in units of the eyes' distance and gaze in radians; the spread is learned but steers nothing."""
    picture, place, visible, looks, scale, camera = batch
    with half_precision():
        found, told, spread = network(picture, camera)
    counts = 0.2 + 0.8 * visible
    counts = counts * torch.where(torch.arange(visible.shape[1], device=visible.device) < LIDS, 1.0, 2.0)
    far = ((found - place).square().sum(-1) + 1e-3).sqrt() / scale[:, None]
    seen = 0.1 + 0.9 * visible[:, CENTERS]
    off = ((told - looks).square().sum(-1) + 1e-5).sqrt()
    unsure = torch.log(spread) + (told - looks).detach().abs() / spread
    value = 20 * (counts * far).sum() / counts.sum() + 4 * (seen * off).sum() / seen.sum()
    return value + 0.02 * (unsure * seen[..., None]).mean()


@torch.no_grad()
def evaluate(network: FaceEyes, data: Renders) -> dict[str, float]:
    """Held-out numbers of what is visible, one look at strips cut about true points: gaze in degrees; lids
    and irises in percent of the distance of the outer corners of the eyes."""
    network.eval()
    gazes, lids, irises = [], [], []
    for some in torch.arange(data.count, device=data.device).split(50):
        batch = make_batch(data.pictures(0, some), None)
        found, told, _ = network(batch.picture, batch.camera)
        far = ((found - batch.place).norm(dim=2) / batch.scale[:, None] * 100).cpu().numpy()
        seen = batch.visible.cpu().numpy() > 0.5
        looks, truth = (direction(of.double().cpu().numpy()) for of in (told, batch.gaze))
        gazes.append(np.degrees(np.arccos(np.clip((looks * truth).sum(axis=-1), -1, 1)))[seen[:, CENTERS]])
        irises.append(far[:, CENTERS][seen[:, CENTERS]])
        lids += [f[s].mean() for f, s in zip(far[:, :LIDS], seen[:, :LIDS], strict=True) if s.any()]
    network.train()
    numbers = {"gaze_deg": np.concatenate(gazes), "irises": np.concatenate(irises), "lids": np.array(lids)}
    return {name: round(float(np.median(values)), 3) for name, values in numbers.items()}


def take_up(network: FaceEyes, models: Path, data: Renders) -> None:
    """Begin with `face_eyes` of the folder `models`, else with what its `face_patches` knows of eyes."""
    if (models / "face_eyes.onnx").is_file():
        view = torch.zeros(1, 3, gaze.HEIGHT_PX, gaze.WIDTH_PX), torch.zeros(1, 2)
        load_folded(network, models / "face_eyes.onnx", *view)
    else:
        whole = FacePoints()
        load_points(whole, models)
        network.begin_with(whole.eye)
    network.to(data.device)
    calibrate(network, [(batch.picture, batch.camera) for batch in data.batches(make_batch, BATCH, 4)])
    network.train()


def train(
    pictures: Sequence[Path],
    heldout: Path,
    out: Path,
    minutes: float,
    threads: int = 1,
    start: Path | None = None,
    rate: float = 2e-3,
    batch: int = BATCH,
) -> dict[str, float]:
    """Train `minutes`, from the checkpoint in `out` or the models in `start`; exports; returns numbers."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    data = Renders(pictures, device(), told=told)
    network = FaceEyes().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if start is not None:
        take_up(network, start, data)
    trainer = Trainer(network.to(device()), out / "face_eyes.pt", minutes, rate)
    learn(trainer, data, lambda g: loss(network, make_batch(data.draw(g, batch), g)))
    final = trainer.averaged(FaceEyes())
    export(final, out / "face_eyes.onnx", NAMES, INPUTS)
    numbers = evaluate(final.to(device()), Renders([heldout], device(), told=told))
    log.info("face_eyes after %d steps on %d pictures: %s", trainer.step, data.count, json.dumps(numbers))
    return numbers


def main() -> None:
    """The command line of the training."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = arguments(__doc__, BATCH)
    parser.add_argument("--minutes", type=float, default=50)
    train(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
