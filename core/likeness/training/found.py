"""What is found in rendered pictures, whose truth is known: where every lesson from found points begins."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np

from likeness.face.landmarks import Crop, Points, crop_from_points, find_points
from likeness.training.dataset import Dataset, open_dataset


def asked_pictures(description: str | None) -> list[tuple[Dataset, int]]:
    """The folders that the command line names, and how many pictures of each to take; begins the log."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pictures", type=Path, nargs="+", required=True, help="folders of rendered pictures"
    )
    parser.add_argument("--count", type=int, default=6000, help="pictures of each folder")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folders = [open_dataset(folder) for folder in given.pictures]
    return [(pictures, min(given.count, pictures.count)) for pictures in folders]


def found_in(
    pictures: Dataset, index: int, astray: float, rng: np.random.Generator, *, looks: int = 1
) -> Points:
    """The points found in one picture, in crops that are off as those of other people's faces are.

    `astray` is by how much: of a crop's side, of its size, and in radians.
    """
    true = crop_from_points(pictures.labels["points_px"][index])
    x, y, grow, roll = (float(v) for v in rng.normal(0, astray, 4))
    center = (true.center[0] + x * true.size, true.center[1] + y * true.size)
    near = Crop(center, true.size * float(np.exp(grow)), true.roll + roll)
    return find_points(pictures.images[index].astype(np.float32) / 255, near, looks=looks)
