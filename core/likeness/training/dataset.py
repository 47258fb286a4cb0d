"""Pictures of people on disk: rendered in shards, read while the rendering goes on.

A folder holds the raw arrays `images.u8` (N, S, S, 3), `regions.u8` and `alpha.u8` (N, S, S), the description
`dataset.json` (count, seed, size, shard, region names), and `labels_XXXX.npz` for every finished shard of 500
pictures. The pictures of a shard are on disk before its labels are.

`python -m likeness.training.dataset --data HEAD_DATA --out FOLDER --count N --seed S --workers W` renders;
run again, it goes on where it stopped. Picture i of a seed is always the same. `--humans SHARE` of the people
are the suite's digital humans, `--size` is S (see `people.render`).
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.errors import BadInput
from likeness.face.regions import REGIONS
from likeness.training.anatomy import load_anatomy
from likeness.training.people import render
from likeness.training.scene import SIZE

Bytes = NDArray[np.uint8]
SHARD = 500
log = logging.getLogger(__name__)


@dataclass
class Dataset:
    """Finished pictures of a folder.

    `count` pictures in a row are finished; `images`, `regions`, `alpha` are read-only memory maps of the
    whole folder (use the first `count`); `labels` maps each name to an array whose first axis is `count`.
    """

    folder: Path
    count: int = 0
    labels: dict[str, NDArray[np.generic]] = field(default_factory=dict)
    images: Bytes = field(init=False)
    regions: Bytes = field(init=False)
    alpha: Bytes = field(init=False)

    def __post_init__(self) -> None:
        described = _describe(self.folder)
        for name, shape in files(described["size"]).items():
            path = self.folder / f"{name}.u8"
            setattr(self, name, np.memmap(path, np.uint8, "r", shape=(described["count"], *shape)))
        self.reload()

    def reload(self) -> int:
        """Take in shards that were finished since; returns `count`."""
        while (path := _labels_path(self.folder, self.count // SHARD)).is_file() and self.count % SHARD == 0:
            with np.load(path, allow_pickle=False) as shard:
                new = {name: shard[name] for name in shard.files}
            if self.labels:
                new = {name: np.concatenate([self.labels[name], new[name]]) for name in self.labels}
            self.labels = new
            self.count = len(next(iter(new.values())))
        return self.count


def open_dataset(folder: Path | str) -> Dataset:
    """Open a rendered folder; raises `BadInput` when there is none."""
    return Dataset(Path(folder))


def _describe(folder: Path) -> dict[str, Any]:
    path = folder / "dataset.json"
    if not path.is_file():
        raise BadInput(
            f"No rendered pictures in '{folder}'.", "Render them: python -m likeness.training.dataset --help"
        )
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def files(size: int) -> dict[str, tuple[int, ...]]:
    """The raw arrays of a folder by name, and the shape of each picture in them."""
    return {"images": (size, size, 3), "regions": (size, size), "alpha": (size, size)}


def _labels_path(folder: Path, shard: int) -> Path:
    return folder / f"labels_{shard:04d}.npz"


def create(folder: Path, count: int, seed: int, human_share: float = 0.0, size: int = SIZE) -> None:
    """Make the files of an empty dataset, or check that those there are of the same people."""
    folder.mkdir(parents=True, exist_ok=True)
    described = {"count": count, "seed": seed, "size": size, "shard": SHARD, "regions": list(REGIONS)}
    described["humans"] = human_share
    path = folder / "dataset.json"
    if path.is_file():
        found = json.loads(path.read_text())
        if found != described:
            raise BadInput(
                f"'{folder}' holds another dataset.",
                "Give another folder, or the count, seed, size and share of humans it was begun with.",
            )
        return
    for name, shape in files(size).items():
        with (folder / f"{name}.u8").open("wb") as file:
            file.truncate(count * int(np.prod(shape)))
    path.write_text(json.dumps(described))


def render_shard(data: Path, folder: Path, shard: int) -> None:
    """Render one shard of a folder made by `create`."""
    described = _describe(folder)
    anatomy = load_anatomy(data)
    count, seed, size = (described[name] for name in ("count", "seed", "size"))
    shapes = {name: (count, *shape) for name, shape in files(size).items()}
    maps = {n: np.memmap(folder / f"{n}.u8", np.uint8, "r+", shape=shape) for n, shape in shapes.items()}
    collected: dict[str, list[NDArray[np.generic]]] = {}
    parent = multiprocessing.parent_process()
    for index in range(shard * SHARD, min(count, (shard + 1) * SHARD)):
        if parent is not None and not parent.is_alive():
            raise SystemExit(1)  # nobody waits for this shard any more
        portrait = render(seed, index, anatomy, human_share=described["humans"], size=size)
        maps["images"][index], maps["regions"][index], maps["alpha"][index] = (
            portrait.image,
            portrait.region,
            portrait.alpha,
        )
        for name, value in portrait.labels.items():
            collected.setdefault(name, []).append(value)
    for memory in maps.values():
        memory.flush()
    path = _labels_path(folder, shard)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez(file, allow_pickle=False, **{name: np.stack(values) for name, values in collected.items()})
    os.replace(unfinished, path)


def _work(task: tuple[Path, Path, int]) -> int:
    render_shard(*task)
    return task[2]


def render_dataset(
    data: Path,
    folder: Path,
    count: int,
    seed: int,
    workers: int,
    human_share: float = 0.0,
    size: int = SIZE,
) -> None:
    """Render all shards that are missing, in order, `workers` at a time."""
    create(folder, count, seed, human_share, size)
    shards = [k for k in range(-(-count // SHARD)) if not _labels_path(folder, k).is_file()]
    begun = time.monotonic()
    tasks = [(data, folder, k) for k in shards]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for done, shard in enumerate(pool.imap_unordered(_work, tasks), 1):
            rate = done * SHARD / (time.monotonic() - begun)
            log.info("shard %d done, %d of %d, %.1f pictures/s", shard, done, len(tasks), rate)


def main() -> None:
    """Render a dataset from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the head data")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--count", type=int, required=True, help="number of pictures")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--humans", type=float, default=0.0, help="share of digital humans, 0 to 1")
    parser.add_argument("--size", type=int, default=SIZE, help=f"pixels across a picture (default {SIZE})")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    render_dataset(given.data, given.out, given.count, given.seed, given.workers, given.humans, given.size)


if __name__ == "__main__":
    main()
