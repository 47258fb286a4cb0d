"""Named sliders of the head: words a person understands to coefficients of the identity space.

A slider runs from -1 to 1; 0 is the average (or the person of the seed) and 1 is two standard deviations of
its measure. `sex`, `age` and the three ancestries move several sliders at once by published averages
(Farkas, Anthropometry of the Head and Face, 1994; Farkas et al., J. Craniofac. Surg. 16, 2005): tendencies
of groups, with every person free to differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from likeness import runtime
from likeness.errors import BadRequest

Float = NDArray[np.float32]

DEVIATIONS = 2.0  # of its measure, at a slider's end
BOUND = 3.0  # of a coefficient: beyond, the identity space knows nobody
SEED_SPREAD = 0.75  # of the coefficients of a seeded person
ADULT, OLD = 30.0, 80.0  # years: where aging starts to count, and where it has its full size

# In standard deviations of the slider's measure.
MALE: dict[str, float] = {  # at sex 1; the opposite at -1
    "head_width": 0.5,
    "face_width": 0.5,
    "face_length": 0.6,
    "forehead_slope": 0.6,
    "brow_ridge": 0.8,
    "brow_height": -0.6,
    "eye_size": -0.4,
    "eye_depth": 0.4,
    "nose_width": 0.4,
    "nose_length": 0.4,
    "nose_tip": -0.3,
    "nose_bridge_height": 0.3,
    "cheek_fullness": -0.3,
    "jaw_width": 0.8,
    "jaw_angle": 0.4,
    "chin_width": 0.7,
    "chin_projection": 0.3,
    "lip_upper": -0.3,
    "ear_size": 0.4,
    "neck_width": 0.9,
    "neck_depth": 0.7,
}
AGED: dict[str, float] = {  # at 80 years
    "brow_height": -0.4,
    "eye_size": -0.6,
    "nose_length": 0.6,
    "nose_tip": -0.9,
    "nose_width": 0.4,
    "lip_upper": -1.0,
    "lip_lower": -0.7,
    "philtrum": 0.8,
    "mouth_corners": -0.8,
    "cheek_fullness": -0.7,
    "ear_size": 1.2,
    "jaw_angle": -0.3,
}
ANCESTRY: dict[str, dict[str, float]] = {  # at weight 1
    "african": {
        "nose_width": 1.3,
        "nose_bridge_height": -1.0,
        "nose_bridge_width": 0.6,
        "nose_projection": -0.4,
        "lip_upper": 1.2,
        "lip_lower": 1.1,
        "lip_projection": 1.1,
        "mouth_width": 0.4,
        "eye_spacing": 0.3,
        "head_length": 0.4,
        "chin_projection": -0.4,
    },
    "asian": {
        "face_width": 0.9,
        "cheekbones": 0.3,
        "nose_bridge_height": -1.1,
        "nose_projection": -0.7,
        "nose_width": 0.3,
        "eye_depth": -0.9,
        "eye_tilt": 0.8,
        "eye_size": -0.5,
        "brow_ridge": -0.6,
        "head_length": -0.6,
        "head_width": 0.4,
        "lip_upper": 0.2,
    },
    "european": {
        "nose_bridge_height": 0.5,
        "nose_projection": 0.4,
        "nose_width": -0.5,
        "eye_depth": 0.4,
        "lip_upper": -0.3,
        "lip_lower": -0.3,
        "lip_projection": -0.3,
        "face_width": -0.2,
    },
}


@dataclass(frozen=True)
class Slider:
    """A slider: `ends` says in words what -1 and 1 mean."""

    name: str
    group: str
    label: str
    ends: str


@dataclass(frozen=True, eq=False)
class Table:
    """All sliders with their `directions` (S, K) a standard deviation, and which modes are `even` (K,)."""

    sliders: tuple[Slider, ...]
    directions: Float
    even: NDArray[np.bool_]

    def direction(self, name: str) -> Float:
        """The direction (K,) of a slider; raises `BadRequest` when there is none of that name."""
        for slider, direction in zip(self.sliders, self.directions, strict=True):
            if slider.name == name:
                return np.asarray(direction, np.float32)
        names = ", ".join(slider.name for slider in self.sliders)
        raise BadRequest(f"The head has no slider '{name}'.", f"Use one of: {names}.")


@lru_cache(maxsize=1)
def load_sliders() -> Table:
    """The sliders of the house head."""
    data = runtime.house_tables("human_sliders")
    words = zip(data["names"], data["groups"], data["labels"], data["ends"], strict=True)
    sliders = tuple(Slider(*(str(word) for word in row)) for row in words)
    return Table(sliders, data["directions"], data["even"])


def head_identity(
    sliders: Mapping[str, float],
    seed: int = 0,
    asymmetry: float = 0.3,
    sex: float = 0.0,
    age: float = ADULT,
    ancestry: Mapping[str, float] | None = None,
) -> Float:
    """Coefficients (K,) of a head.

    `sliders` -1..1 by name; `seed` the person they start from (0 the average one); `asymmetry` 0..1;
    `sex` -1 (female) to 1 (male); `age` in years; `ancestry` weights by `ANCESTRY`'s names, which are
    scaled to sum to 1 at most. Raises `BadRequest` when a slider is unknown or out of its range.
    """
    table = load_sliders()
    out = _start(table.even, seed, asymmetry)
    for name, amount in _tendencies(sex, age, ancestry or {}).items():
        out += amount * table.direction(name)
    for name, value in sliders.items():
        if not -1 <= value <= 1:
            raise BadRequest(f"The slider '{name}' is {value:g}.", "Sliders go from -1 to 1.")
        out += DEVIATIONS * value * table.direction(name)
    return np.clip(out, -BOUND, BOUND).astype(np.float32)


def _start(even: NDArray[np.bool_], seed: int, asymmetry: float) -> Float:
    drawn = np.random.default_rng(seed).standard_normal(len(even))
    scale = np.where(even, SEED_SPREAD if seed else 0.0, asymmetry)
    return np.asarray(np.clip(drawn, -2, 2) * scale, np.float32)


def _tendencies(sex: float, age: float, ancestry: Mapping[str, float]) -> dict[str, float]:
    """Standard deviations by slider that sex, age and ancestry ask for."""
    unknown = set(ancestry) - set(ANCESTRY)
    if unknown:
        names = ", ".join(ANCESTRY)
        raise BadRequest(f"There is no ancestry '{sorted(unknown)[0]}'.", f"Use one of: {names}.")
    total = max(1.0, sum(ancestry.values()))
    old = max(0.0, min(1.0, (age - ADULT) / (OLD - ADULT)))
    out: dict[str, float] = {}
    parts = [(MALE, sex), (AGED, old)] + [(ANCESTRY[n], w / total) for n, w in ancestry.items()]
    for table, amount in parts:
        for name, size in table.items():
            out[name] = out.get(name, 0.0) + amount * size
    return out


def mix(a: Float, b: Float, t: float) -> Float:
    """The person between two: coefficients (K,) of `a` at t = 0, of `b` at 1."""
    return np.asarray((1 - t) * a + t * b, np.float32)


def random_sliders(seed: int, strength: float = 0.5) -> dict[str, float]:
    """Sliders drawn within `strength` (0..1) of their ranges: "like this, but..."."""
    rng = np.random.default_rng(seed)
    names = [slider.name for slider in load_sliders().sliders]
    drawn = np.clip(rng.normal(0, 0.5, len(names)), -1, 1) * strength
    return {name: round(float(value), 3) for name, value in zip(names, drawn, strict=True)}
