"""The performance that ships with the suite: four seconds of an invented actor, made by `author`."""

from __future__ import annotations

from pathlib import Path

# A Live Link Face CSV, 120 frames at 30 a second; it starts and ends at rest, so that it loops.
PERFORMANCE = Path(__file__).with_name("performance.csv")
