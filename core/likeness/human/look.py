"""What a person's surface is like, as numbers and names: skin, eyes, teeth, hair, make-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from likeness.errors import BadRequest
from likeness.human.tissue import hair_color

Random = np.random.Generator

HAIR_STYLES = (
    "bald",
    "buzz",
    "crop",
    "side_part",
    "slick_back",
    "afro",
    "curly",
    "bob",
    "long",
    "bun",
    "fringe",
)
BEARDS = ("none", "stubble", "moustache", "goatee", "short", "full")
# Mean skin tone and its standard deviation: tendencies of groups, with every person free to differ.
TONES = {"african": (0.72, 0.15), "asian": (0.2, 0.09), "european": (0.08, 0.06)}


@dataclass(frozen=True)
class Look:
    """A surface. Numbers without a unit go from 0 to 1.

    `skin_tone` the melanin from palest to darkest in even steps of lightness; `redness` the blood.
    `age` in years draws wrinkles and spots. `eye_melanin` from blue to black-brown, `eye_green` toward
    green. `hair_melanin` from white-blond to black, `hair_red` toward red, `gray`. `style` one of
    `HAIR_STYLES`, `hair_length` of its range, `beard` one of `BEARDS`. `blush` to `foundation` are
    make-up. `tooth_white` and `tooth_wear`.
    """

    seed: int = 0
    age: float = 30.0
    skin_tone: float = 0.12
    redness: float = 0.4
    freckles: float = 0.0
    moles: float = 0.2
    veins: float = 0.3
    blemishes: float = 0.15
    pores: float = 0.5
    oiliness: float = 0.4
    stubble: float = 0.0
    lip_color: float = 0.5
    brow_thickness: float = 0.5
    brow_density: float = 0.6
    eye_melanin: float = 0.6
    eye_green: float = 0.2
    pupil: float = 0.4
    hair_melanin: float = 0.7
    hair_red: float = 0.15
    gray: float = 0.0
    style: str = "side_part"
    hair_length: float = 0.5
    hairline: float = 0.2
    beard: str = "none"
    lashes: float = 0.5
    lipstick: float = 0.0
    lipstick_hue: float = 0.0
    eye_shadow: float = 0.0
    eyeliner: float = 0.0
    blush: float = 0.0
    foundation: float = 0.0
    tooth_white: float = 0.6
    tooth_wear: float = 0.3

    @property
    def hair(self) -> tuple[float, float, float]:
        """Linear color of the hair on the head."""
        return _color(hair_color(self.hair_melanin, self.hair_red, self.gray))

    @property
    def brow_gray(self) -> float:
        """Share of the brows' hairs that are white: they gray later than the head."""
        return 0.6 * self.gray

    @property
    def beard_gray(self) -> float:
        """Share of the beard's hairs that are white: it grays first."""
        return min(1.0, 1.2 * self.gray)

    @property
    def brow(self) -> tuple[float, float, float]:
        """Linear color of the brows: the hair's, but skin shines through it where that is fair."""
        melanin = min(0.6 + 0.25 * self.skin_tone, 0.12 + 0.9 * self.hair_melanin)
        return _color(hair_color(melanin, self.hair_red, self.brow_gray))

    @property
    def beard_color(self) -> tuple[float, float, float]:
        """Linear color of the beard, a little redder than the hair."""
        red = min(1.0, self.hair_red + 0.1)
        return _color(hair_color(self.hair_melanin, red, self.beard_gray))


def _color(values: Any) -> tuple[float, float, float]:
    r, g, b = (float(v) for v in values)
    return r, g, b


def make_look(values: Mapping[str, Any]) -> Look:
    """A `Look` from its fields by name; those not given are the usual ones. Raises `BadRequest`."""
    known = {f.name: f for f in fields(Look)}
    for name, value in values.items():
        if name not in known:
            raise BadRequest(f"A look has no '{name}'.", f"It has: {', '.join(known)}.")
        choices = {"style": HAIR_STYLES, "beard": BEARDS}.get(name)
        if choices is not None and value not in choices:
            raise BadRequest(f"There is no {name} '{value}'.", f"Use one of: {', '.join(choices)}.")
        low, high = {"age": (18, 90), "seed": (0, 2**31 - 1)}.get(name, (0, 1))
        if choices is None and not low <= value <= high:
            raise BadRequest(f"The look's {name} is {value:g}.", f"Use {low:g} to {high:g}.")
    return Look(**values)


def sample_look(
    seed: int,
    sex: float = 0.0,
    age: float | None = None,
    tone: float | None = None,
    ancestry: Mapping[str, float] | None = None,
) -> Look:
    """A likely surface for a seed; `sex` -1 (female) to 1 (male) weighs beards and make-up.

    `ancestry` weights by the names of `TONES` draw the skin's tone, and all of mankind what is left to 1.
    """
    rng = np.random.default_rng(seed + 77)
    drawn_age = float(rng.uniform(20, 75))
    drawn_tone = tone_among(ancestry or {}, float(rng.beta(1.0, 1.6)), float(rng.normal()))
    age = drawn_age if age is None else age
    tone = drawn_tone if tone is None else tone
    fair = max(0.0, 1 - tone / 0.25)
    male = (1 + sex) / 2
    gray = float(np.clip((age - 45) / 30 + rng.normal(0, 0.15), 0, 1)) if age > 38 else 0.0
    styles = _styles(male, tone, age)
    style = str(rng.choice(list(styles), p=np.array(list(styles.values())) / sum(styles.values())))
    bearded = rng.random() < 0.5 * max(0.0, sex)
    painted = rng.random() < 0.6 * max(0.0, -sex)
    made_up = float(rng.uniform(0.3, 0.9)) if painted else 0.0
    beard = str(rng.choice(BEARDS[2:])) if bearded else "none"
    melanin = 0.82 + 0.18 * rng.random() - fair * float(rng.beta(1.0, 1.3)) * 0.75
    return Look(
        seed=seed,
        age=age,
        skin_tone=tone,
        redness=float(rng.uniform(0.2, 0.6)),
        freckles=float(rng.uniform(0.2, 1)) if rng.random() < 0.35 * fair else 0.0,
        moles=float(rng.uniform(0, 0.6)),
        veins=float(rng.uniform(0.1, 0.6)),
        blemishes=float(rng.uniform(0, 0.4)),
        pores=float(rng.uniform(0.3, 0.8)),
        oiliness=float(rng.uniform(0.2, 0.7)),
        stubble=float(rng.uniform(0.1, 0.6)) * max(0.0, sex) if not painted else 0.0,
        lip_color=float(rng.uniform(0.3, 0.8)),
        brow_thickness=float(np.clip(rng.normal(0.42 + 0.16 * sex, 0.12), 0.1, 1)),
        brow_density=float(rng.uniform(0.4, 0.9)),
        eye_melanin=float(np.clip(1 - fair * rng.uniform(0, 1.3), 0.02, 1)),
        eye_green=float(rng.uniform(0, 0.8)),
        hair_melanin=float(np.clip(melanin, 0.1, 1)),
        hair_red=float(rng.uniform(0.6, 1)) if rng.random() < 0.12 * fair else float(rng.uniform(0, 0.25)),
        gray=gray,
        style=style,
        hair_length=float(rng.uniform(0.2, 0.8)),
        hairline=float(np.clip(male * rng.beta(1, 2) * (age / 50), 0, 1)),
        beard=beard,
        lashes=0.45 + 0.3 * made_up,
        lipstick=0.9 * made_up,
        lipstick_hue=float(rng.random()),
        eye_shadow=0.6 * made_up,
        eyeliner=0.8 * made_up,
        blush=0.5 * made_up,
        foundation=0.7 * made_up,
        tooth_white=float(np.clip(0.85 - (age - 20) / 110 + rng.normal(0, 0.1), 0.1, 1)),
        tooth_wear=float(np.clip((age - 20) / 60, 0.1, 1)),
    )


def mixed(a: Look, b: Look, t: float) -> Look:
    """The look between two: numbers of `a` at t = 0, of `b` at 1; names are those of the nearer one."""
    near = b if t > 0.5 else a
    numbers = {
        f.name: (1 - t) * getattr(a, f.name) + t * getattr(b, f.name)
        for f in fields(Look)
        if isinstance(getattr(a, f.name), float)
    }
    return replace(near, **numbers)


def tone_among(ancestry: Mapping[str, float], anyone: float, deviation: float = 0.0) -> float:
    """A skin tone: `anyone`'s, drawn toward those of an ancestry, `deviation` standard deviations off."""
    total = sum(ancestry.values())
    if total <= 0:
        return anyone
    mean, spread = np.sum([w * np.array(TONES[name]) for name, w in ancestry.items()], axis=0) / total
    known = min(1.0, total)
    return float(np.clip((1 - known) * anyone + known * (mean + spread * deviation), 0, 1))


def _styles(male: float, tone: float, age: float) -> dict[str, float]:
    coily = max(0.0, (tone - 0.45) / 0.3)
    odds = {
        "bald": 0.12 * male * (age / 45),
        "buzz": 0.15 * male,
        "crop": 0.25 * male,
        "side_part": 0.3 * male,
        "slick_back": 0.15 * male,
        "afro": 0.5 * min(1.0, coily),
        "curly": 0.15,
        "bob": 0.3 * (1 - male),
        "long": 0.4 * (1 - male),
        "bun": 0.25 * (1 - male),
        "fringe": 0.2 * (1 - male),
    }
    return {name: value + 1e-6 for name, value in odds.items()}
