"""What `face_points` reports of a person: measured on renders, so that a fit can make up for it.

A network that is unsure shows faces nearer to the average one than they are, and it does so in every
picture of a person alike: more pictures do not mend it. How much of each way in which people differ it
reports (`gain`), how far its points are off beside what it says itself (`spread`), and how much of a mouth's
opening (`opening`), is measured by `likeness.training.face_points_report` and kept in
`models/face_points_report.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from likeness import runtime
from likeness.face.landmarks import Points
from likeness.head.model import Head, load_head

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Report:
    """`gain` (K,) of the head's identity modes, `spread` of the points' own `sigma_px`, `opening` of the
    mouth's."""

    gain: Array
    spread: float
    opening: float


@lru_cache(maxsize=1)
def load_report() -> Report:
    """The measured report, loaded once."""
    data = json.loads(runtime.house_content("face_points_report"))
    return Report(np.array(data["gain"]), float(data["spread"]), float(data["opening"]))


@lru_cache(maxsize=1)
def reported_head() -> Head:
    """The house head whose dense points differ from person to person as much as `face_points` reports."""
    head = load_head()
    gain = load_report().gain[:, None, None].astype(np.float32)
    return replace(head, point_identity=head.point_identity * gain)


def weighed(points: Points) -> Points:
    """The points with the standard deviations that they were measured to have."""
    return replace(points, sigma_px=points.sigma_px * load_report().spread)
