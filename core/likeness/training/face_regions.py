"""Trains only `face_regions`, on the backbone that `face_points` has learned.

`python -m likeness.training.face_regions --pictures FOLDER --heldout FOLDER --out FOLDER --minutes M` after
`likeness.training.face_points` has left its checkpoint in the same `--out`. The backbone stays as it is, so
`face_points` does not change.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from likeness.errors import BadInput
from likeness.training.dataset import open_dataset
from likeness.training.face_points import Batch, Joint, evaluate, feed, region_weights
from likeness.training.networks import CROP, export
from likeness.training.schedule import Trainer, made_ahead

log = logging.getLogger("likeness.training.face_regions")


def load_joint(out: Path) -> Joint:
    """Both networks from the checkpoint of `face_points`; raises `BadInput` where there is none."""
    path = out / "face_points.pt"
    if not path.is_file():
        raise BadInput(f"No checkpoint in '{out}'.", "Train face_points into the same folder first.")
    joint = Joint()
    joint.load_state_dict(torch.load(path, weights_only=True)["average"])
    return joint.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def loss(joint: Joint, decoder: nn.Module, batch: Batch, weight: Tensor) -> Tensor:
    """Cross entropy of a batch; the backbone only looks."""
    with torch.no_grad():
        half, quarter, eighth, grid, _ = joint.points.backbone(batch.picture)
    scores = decoder(half, quarter, eighth, grid)
    wrong = functional.cross_entropy(scores, batch.regions, weight, reduction="none").mean((1, 2))
    return (wrong * batch.present).mean()


def train(pictures: Path, heldout: Path, out: Path, minutes: float, threads: int) -> dict[str, float]:
    """Train the decoder for `minutes`; exports `face_regions.onnx` and returns the held-out numbers."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    joint = load_joint(out).eval()
    decoder = joint.regions.decoder.train()
    trainer = Trainer(decoder, out / "face_regions.pt", minutes, rate=1e-3)
    weight = region_weights()
    with made_ahead(feed([open_dataset(pictures)], trainer.step + 1)) as batches:
        while trainer.goes_on():
            trainer.update(loss(joint, decoder, next(batches), weight))
    decoder.load_state_dict(trainer.average)
    numbers = evaluate(joint, open_dataset(heldout))
    joint.eval()
    numbers |= export(joint.regions, out / "face_regions.onnx", ("regions",), CROP)
    log.info("face_regions after %d steps: %s", trainer.step, json.dumps(numbers))
    return numbers


def main() -> None:
    """The command line of the training."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, required=True, help="folder of rendered pictures")
    parser.add_argument("--heldout", type=Path, required=True, help="folder of pictures of another seed")
    parser.add_argument("--out", type=Path, required=True, help="folder of face_points' checkpoint")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    train(given.pictures, given.heldout, given.out, given.minutes, given.threads)


if __name__ == "__main__":
    main()
