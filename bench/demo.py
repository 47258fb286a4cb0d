"""`build.py demo`: a portrait takes a performance, through the command line as a user would."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from rich.console import Console
from rich.progress import track

from bench.pictures import ROOT, Bytes, srgb_bytes
from bench.sheet import grid, moving_part
from likeness.demo import PERFORMANCE
from likeness.media import open_source

SHEET_FRAMES, SHEET_COLUMNS, SHEET_CELL_PX = 20, 5, 320


def main(words: list[str]) -> int:
    """Make everything in the folder and say where it is; the status of the first command that failed."""
    parser = argparse.ArgumentParser(prog="build.py demo")
    parser.add_argument("--plate", type=Path, help="a portrait or clip; by default the astronaut")
    parser.add_argument("--driver", type=Path, default=PERFORMANCE, help="a clip or Live Link Face CSV")
    parser.add_argument("--out", type=Path, default=ROOT / "demo", help="the folder for results")
    args = parser.parse_args(words)
    start = time.perf_counter()
    args.out.mkdir(parents=True, exist_ok=True)
    plate = args.plate or _portrait(args.out)
    # Frames of another plate or driver stay where they are.
    name = "_".join(re.split(r"[.#%]", path.stem)[0] for path in (plate, args.driver))
    frames, movie = args.out / "frames" / f"{name}.####.exr", args.out / f"{name}.mp4"
    clip = movie if args.driver.suffix.lower() == ".csv" else args.driver
    inputs = ["--input", f"plate={plate}", "--input", f"driver={args.driver}"]
    # The second run finds the shot analyzed and only renders.
    steps = (
        ("Frames with layers", ["reanimate", *inputs, "--out", frames]),
        ("Movie", ["reanimate", *inputs, "--out", movie]),
        ("Capture", ["capture", "--input", f"plate={clip}", "--out", args.out / "capture"]),
    )
    console = Console()
    for title, step in steps:
        console.print(
            f"[bold]{title}[/]: likeness run {' '.join(str(word) for word in step)}", soft_wrap=True
        )
        status = _likeness("run", *step)
        if status:
            return status
    sheet = args.out / "contact_sheet.png"
    Pillow.fromarray(contact_sheet(frames)).save(sheet)
    console.print(f"\nDone in {time.perf_counter() - start:.0f} s. Look at:")
    made = {
        "frames with layers": frames,
        "movie": movie,
        "contact sheet": sheet,
        "captured performance": args.out / "capture" / "performance.csv",
    }
    for what, path in made.items():
        console.print(f"  {what:<24}{path}", soft_wrap=True, highlight=False)
    return 0


def _likeness(*words: object) -> int:
    command = [sys.executable, "-m", "likeness.cli", *(str(word) for word in words)]
    return subprocess.run(command, check=False).returncode


def _portrait(folder: Path) -> Path:
    from skimage import data

    path = folder / "portrait.png"
    Pillow.fromarray(data.astronaut()).save(path)
    return path


def contact_sheet(frames: Path) -> Bytes:
    """Twenty frames over the whole range, cut to the part of the picture that moves."""
    with open_source(frames) as source:
        chosen = [source.frames[i] for i in _evenly(len(source.frames))]
        pictures = [srgb_bytes(source, n) for n in track(chosen, "Contact sheet", transient=True)]
    return grid(pictures, SHEET_COLUMNS, SHEET_CELL_PX, moving_part(pictures))


def _evenly(count: int) -> list[int]:
    return [round(i) for i in np.linspace(0, count - 1, min(count, SHEET_FRAMES))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
