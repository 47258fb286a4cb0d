"""The README's picture: portraits (rows) take expressions of one actor (columns); the first is the plate.

`python -m bench.gallery --driver actor.mp4 --frames 20,55,90,140 portrait.jpg … --out docs/reanimate.jpg`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from bench.pictures import Bytes, load, srgb_bytes
from bench.runs import reanimate
from bench.sheet import grid, moving_part
from likeness.media import open_source

PLATE_SIDE_PX = 1024
CELL_PX = 300


def main(words: list[str]) -> int:
    """Render and save the picture."""
    parser = argparse.ArgumentParser(prog="python -m bench.gallery")
    parser.add_argument("plates", type=Path, nargs="+")
    parser.add_argument("--driver", type=Path, required=True)
    parser.add_argument("--frames", default="20,60,100,140", help="the driver's frames to show, from 1")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="PARAM=VALUE")
    args = parser.parse_args(words)
    frames = [int(frame) for frame in args.frames.split(",")]
    params = dict(pair.split("=", 1) for pair in args.set)
    with tempfile.TemporaryDirectory(prefix="likeness-gallery-") as folder:
        rows = [_row(plate, args.driver, frames, params, Path(folder)) for plate in args.plates]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(np.concatenate(rows)).save(args.out, quality=90, optimize=True)
    return 0


def _row(plate: Path, driver: Path, frames: list[int], params: dict[str, str], folder: Path) -> Bytes:
    picture = Pillow.fromarray(load(plate).frames[0])
    picture.thumbnail((PLATE_SIDE_PX, PLATE_SIDE_PX), Pillow.Resampling.LANCZOS)
    still = folder / f"{plate.stem}.png"
    picture.save(still)
    out = folder / plate.stem / "f.####.exr"
    for frame in frames:
        reanimate(still, driver, out, frames=f"{frame}-{frame}", params=params)
    with open_source(out) as source:
        shown = [np.asarray(picture), *(srgb_bytes(source, frame) for frame in frames)]
    return grid(shown, len(shown), CELL_PX, moving_part(shown))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
