"""`build.py demo`: a portrait takes a performance, through the command line as a user would."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from rich.console import Console
from rich.progress import track

from bench.pictures import ROOT, Bytes, srgb
from bench.sheet import grid, moving_part
from likeness.demo import PERFORMANCE
from likeness.media import MovieWriter, open_source

SHEET_FRAMES, SHEET_COLUMNS, SHEET_CELL_PX = 20, 5, 320


def main(words: list[str]) -> int:
    """Make everything in the folder and say where it is; the status of the first command that failed."""
    parser = argparse.ArgumentParser(prog="build.py demo")
    parser.add_argument("--plate", type=Path, help="a portrait or clip; by default the astronaut")
    parser.add_argument("--driver", type=Path, default=PERFORMANCE, help="a clip or Live Link Face CSV")
    parser.add_argument("--out", type=Path, default=ROOT / "demo", help="the folder for results")
    args = parser.parse_args(words)
    console = Console()
    start = time.perf_counter()
    args.out.mkdir(parents=True, exist_ok=True)
    plate = args.plate or _portrait(args.out)
    frames = args.out / "frames" / f"{plate.stem.split('.')[0].rstrip('#%0d')}.####.exr"
    inputs = ["--input", f"plate={plate}", "--input", f"driver={args.driver}"]
    console.print(f"Reanimating {plate.name} with {args.driver.name}")
    status = _likeness("run", "reanimate", *inputs, "--out", frames)
    if status:
        return status
    movie = args.out / "demo.mp4"
    pictures = _movie(frames, movie, _fps(plate, args.driver))
    sheet = args.out / "contact_sheet.png"
    Pillow.fromarray(contact_sheet(pictures)).save(sheet)
    clip = args.driver if args.driver.suffix.lower() != ".csv" else movie
    console.print(f"Capturing {clip.name}")
    status = _likeness("run", "capture", "--input", f"plate={clip}", "--out", args.out / "capture")
    if status:
        return status
    console.print(f"\nDone in {time.perf_counter() - start:.0f} s. Look at:")
    made = {
        "EXR frames with layers": frames,
        "movie": movie,
        "contact sheet": sheet,
        "captured performance": args.out / "capture" / "performance.csv",
    }
    for what, path in made.items():
        console.print(f"  {what:<24}{path}", soft_wrap=True)
    return 0


def _likeness(*words: object) -> int:
    command = [sys.executable, "-m", "likeness.cli", *(str(word) for word in words)]
    return subprocess.run(command, check=False).returncode


def _portrait(folder: Path) -> Path:
    from skimage import data

    path = folder / "portrait.png"
    Pillow.fromarray(data.astronaut()).save(path)
    return path


def _fps(plate: Path, driver: Path) -> float:
    """The plate's rate if it moves, else the driver's."""
    for path in (plate, driver):
        if path.suffix.lower() == ".csv":
            from likeness.performance import read_csv

            return read_csv(path).fps
        with open_source(path) as source:
            if source.fps and not source.is_still:
                return float(source.fps)
    return 25.0


def _movie(frames: Path, movie: Path, fps: float) -> list[Bytes]:
    """Write the comp of every frame into an MP4; return what was shown, small enough to keep."""
    shown = []
    with (
        open_source(frames) as source,
        MovieWriter(movie, fps, source.width, source.height, codec="h264") as writer,
    ):
        for number in track(source.frames, "Writing the movie", transient=True):
            picture = srgb(source, number)
            writer.write(picture)
            shown.append(np.round(picture * 255).astype(np.uint8))
    return shown


def contact_sheet(pictures: list[Bytes]) -> Bytes:
    """Twenty frames over the whole range, cut to the part of the picture that moves."""
    chosen = [pictures[i] for i in np.linspace(0, len(pictures) - 1, SHEET_FRAMES).round().astype(int)]
    return grid(chosen, SHEET_COLUMNS, SHEET_CELL_PX, moving_part(chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
