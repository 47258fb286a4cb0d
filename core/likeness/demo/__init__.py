"""What ships with the suite to try it: a portrait of nobody, and four seconds of an invented actor."""

from __future__ import annotations

from pathlib import Path

# An invented person, drawn by an effect of the suite and stored as JPEG: `likeness run human_portrait
# --set sheet=single --set renderer=rasterizer --set picture_size=320 --set turn_deg=12 --set seed=33
# --set sex=0.9 --set age=40 --set european=0.8 --set skin_tone=0.25 --set style=side_part`.
PORTRAIT = Path(__file__).with_name("portrait.jpg")
# A Live Link Face CSV, written by `author`: 120 frames at 30 a second, which start and end at rest, so that
# it loops.
PERFORMANCE = Path(__file__).with_name("performance.csv")
