"""`build.py bench`: every number, as a table for people and as bench.json."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from skimage import data

from bench import capture, heldout, hosts, human, known, photos, reanimation, speed, transfer
from bench.pictures import CLIPS, PAINTINGS, ROOT, Clip, load, real_folder
from bench.table import Row, show, write
from likeness import memory, runtime

SECTIONS = ("capture", "heldout", "reanimate", "speed", "hosts", "human")


def main(words: list[str]) -> int:
    """Measure, print and write; 0 whatever the numbers are."""
    parser = argparse.ArgumentParser(prog="build.py bench")
    parser.add_argument("--peer-python", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=SECTIONS, action="append", help="measure this section alone")
    parser.add_argument("--json", type=Path, default=ROOT / "bench.json", help="where the numbers go")
    args = parser.parse_args(words)
    memory.share_one_arena()  # as every process does that draws
    console = Console(width=None if sys.stdout.isatty() else 150)
    folder = real_folder()
    if folder is None:
        console.print("No real clips: set LIKENESS_SHARED to the folder that has real/. Speed is measured.")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="likeness-bench-") as temporary:
        work = Path(temporary)
        # Nothing that was analyzed before may be reused.
        os.environ["LIKENESS_CACHE"] = str(work / "cache")
        portrait = _portrait(work)
        clips = [load(folder / f"{name}.mp4") for name in CLIPS] if folder else []
        stills = [load(folder / f"{name}.jpg") for name in PAINTINGS] if folder else []
        for section in args.only or SECTIONS:
            begun = time.perf_counter()
            with console.status(f"Measuring {section} …"):
                if section == "capture" and clips:
                    rows += capture.rows([*clips, *stills], args.peer_python, work)
                elif section == "heldout":
                    rows += [row for pictures in heldout.renders(work) for row in heldout.rows(pictures)]
                elif section == "reanimate" and clips:
                    rows += reanimation.rows(clips, [*stills, portrait], args.peer_python, work)
                    rows += known.rows(args.peer_python, work)
                elif section == "speed":
                    rows += speed.rows(portrait, stills[0] if stills else portrait, work)
                    rows += [speed.capture_whole(clip, work) for clip in clips[:1]]
                    rows += speed.capture_memory(portrait, work)
                elif section == "hosts":
                    rows += hosts.rows(speed.framed(portrait.frames[0], "1080p medium", work), work)
                elif section == "human":
                    rows += [*human.rows(work), *photos.rows()]
                    if folder and (data := folder.parent / "ict-facekit").is_dir():
                        rows += transfer.rows(data, work / "transfer")
            console.print(f"{section}: {time.perf_counter() - begun:.0f} s")
    show(rows, console)
    write(args.json, rows, {"devices": [str(device) for device in runtime.devices()]})
    asked = [row for row in rows if row.holds is not None]
    console.print(
        f"{sum(bool(r.holds) for r in asked)} of {len(asked)} numbers are as asked; all are in {args.json}"
    )
    return 0


def _portrait(work: Path) -> Clip:
    from PIL import Image as Pillow

    path = work / "astronaut.png"
    Pillow.fromarray(data.astronaut()).save(path)
    return load(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
