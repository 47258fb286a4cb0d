"""Writes what the tour of `gui.py` needs into a folder: a portrait and a performance."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from PIL import Image
from skimage import data

ROOT = Path(__file__).resolve().parents[2]


def main(folder: Path) -> None:
    """The demo's performance; a painting where the shared pictures are there, else the astronaut."""
    shutil.copy(ROOT / "core/likeness/demo/performance.csv", folder / "performance.csv")
    portrait = Image.fromarray(data.astronaut())
    painting = ROOT.parent / "shared" / "real" / "painting_pearl_earring.jpg"
    if painting.exists():
        portrait = Image.open(painting).convert("RGB")
    portrait.thumbnail((1000, 1000), Image.Resampling.LANCZOS)
    portrait.save(folder / "portrait.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
