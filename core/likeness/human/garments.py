"""Which basic clothes there are, and their colors."""

from __future__ import annotations

from typing import Literal

Garment = Literal["shirt", "trousers", "shoes"]
GARMENTS: tuple[Garment, ...] = ("shirt", "trousers", "shoes")
COLORS: dict[str, tuple[float, float, float]] = {  # linear Rec. 709
    "white": (0.72, 0.72, 0.7),
    "gray": (0.2, 0.2, 0.2),
    "black": (0.018, 0.018, 0.02),
    "navy": (0.018, 0.03, 0.08),
    "denim": (0.06, 0.1, 0.19),
    "red": (0.32, 0.03, 0.03),
    "green": (0.05, 0.12, 0.05),
    "sand": (0.42, 0.33, 0.21),
    "brown": (0.09, 0.05, 0.03),
}
SOLE_CM = 1.5  # how much higher shoes make a person stand
