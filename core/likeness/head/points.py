"""The dense points of the head: what `face_points` finds and what the head is fitted to.

Points 0 to 67 are the Multi-PIE points (0 at the character's right ear, 36 to 47 the eyes, 48 to 67 the
lips). More points of lids, lips and brows follow, then an even cover of face, ears and neck. The last 18
belong to the eyes: for the left eye its iris center and eight rim points counterclockwise as the
character's front is seen with +X right and +Y up, starting at +X, then the same for the right eye.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray


def _load() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((files("likeness.head") / "points.json").read_text())
    return data


_DATA = _load()
SKIN_COUNT: int = len(_DATA["vertex"])
RIM_COUNT: int = int(_DATA["rim_points"])
COUNT: int = SKIN_COUNT + 2 * (1 + RIM_COUNT)
SOURCE_VERTEX: NDArray[np.int32] = np.array(_DATA["vertex"], np.int32)
GROUPS: dict[str, NDArray[np.int32]] = {k: np.array(v, np.int32) for k, v in _DATA["groups"].items()}
MULTIPIE: NDArray[np.int32] = np.arange(68, dtype=np.int32)
# The outline of the face: along the jaw, then back over the brows.
FACE: NDArray[np.int32] = np.array([*range(17), 26, 24, 19, 17], np.int32)
IRIS_LEFT: int = SKIN_COUNT
IRIS_RIGHT: int = SKIN_COUNT + 1 + RIM_COUNT
RIM_LEFT: NDArray[np.int32] = np.arange(IRIS_LEFT + 1, IRIS_LEFT + 1 + RIM_COUNT, dtype=np.int32)
RIM_RIGHT: NDArray[np.int32] = np.arange(IRIS_RIGHT + 1, IRIS_RIGHT + 1 + RIM_COUNT, dtype=np.int32)
RIM_ANGLE: NDArray[np.float32] = np.arange(RIM_COUNT, dtype=np.float32) * np.float32(2 * np.pi / RIM_COUNT)
# The point that a mirrored face shows in each one's place, its own where there is none (`ALONE`).
# Counterclockwise from +X becomes clockwise from -X in the mirror: a rim is read from its half turn.
_RIM_TWIN = (RIM_COUNT // 2 - np.arange(RIM_COUNT)) % RIM_COUNT
TWIN: NDArray[np.int32] = np.r_[
    _DATA["twin"], IRIS_RIGHT, RIM_RIGHT[_RIM_TWIN], IRIS_LEFT, RIM_LEFT[_RIM_TWIN]
].astype(np.int32)
ALONE: NDArray[np.bool_] = TWIN < 0
TWIN[ALONE] = np.flatnonzero(ALONE)
