"""What ships with the suite to try it: a portrait of nobody, and four seconds of an invented actor."""

from __future__ import annotations

from pathlib import Path

# An invented person, drawn by an effect of the suite: `likeness run human_portrait --set sheet=single
# --set picture_size=320 --set turn_deg=12 --set seed=33 --set sex=0.9 --set age=40 --set european=0.8
# --set skin_tone=0.25 --set style=side_part`, stored as JPEG.
PORTRAIT = Path(__file__).with_name("portrait.jpg")
# Written by `author`: a Live Link Face CSV, 120 frames at 30 a second; it starts and ends at rest, so that it loops.
PERFORMANCE = Path(__file__).with_name("performance.csv")
