"""The sliders of the body, in a person's words, and what each is made of.

A slider from -1 to 1 blends toward its first target below zero and its second above (`l-` stands for
both sides). The macro sliders (sex, age, height, weight, muscle, proportions, bust, ancestry) combine
as in MakeHuman: every combination of their ends has a shape, weighted by the product of its ends'
weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

AGES = (25.0, 90.0)  # years of "young" and "old"; the youngest are shaped as at 25
ANCESTRIES = {"african": "african", "asian": "asian", "european": "caucasian"}  # and the data's word


@dataclass(frozen=True)
class Slider:
    """One slider of the body: `less` and `more` name the shapes at -1 and 1."""

    name: str
    label: str
    help: str
    less: str
    more: str
    group: str


def _slider(name: str, of: str, label: str, help: str, group: str, ends: str = "decr incr") -> Slider:
    less, more = ends.split()
    return Slider(name, label, help, f"{of}-{less}", f"{of}-{more}", group)


_TORSO = (
    ("shoulder_width", "torso/measure-shoulder-dist", "Shoulder width", "How far apart the shoulders are."),
    ("chest_width", "torso/torso-scale-horiz", "Chest width", "How broad the rib cage is."),
    ("chest_depth", "torso/torso-scale-depth", "Chest depth", "How deep the rib cage is."),
    ("torso_length", "torso/torso-scale-vert", "Torso length", "How tall the torso is."),
    ("torso_taper", "torso/torso-vshape", "Torso taper", "How much the torso narrows toward the waist."),
    ("chest_girth", "torso/measure-bust-circ", "Chest girth", "The girth at the chest."),
    ("underbust_girth", "torso/measure-underbust-circ", "Underbust girth", "The girth below the chest."),
    ("chest_front", "torso/measure-frontchest-dist", "Chest front", "The width of the chest's front."),
    ("chest_muscle", "torso/torso-muscle-pectoral", "Chest muscle", "The pectoral muscles."),
    ("back_muscle", "torso/torso-muscle-dorsi", "Back muscle", "The broad muscles of the back."),
    ("nape_to_waist", "torso/measure-napetowaist-dist", "Nape to waist", "From the nape to the waist."),
    ("waist_to_hip", "torso/measure-waisttohip-dist", "Waist to hip", "From the waist to the hips."),
    ("waist_girth", "torso/measure-waist-circ", "Waist girth", "The girth at the waist."),
    ("belly_tone", "stomach/stomach-tone", "Belly tone", "How firm the belly is."),
    ("belly_size", "stomach/stomach-pregnant", "Belly size", "How far the belly stands out."),
    ("hip_girth", "torso/measure-hips-circ", "Hip girth", "The girth at the hips."),
    ("hip_width", "hip/hip-scale-horiz", "Hip width", "How broad the hips are."),
    ("hip_depth", "hip/hip-scale-depth", "Hip depth", "How deep the hips are."),
    ("hip_height", "hip/hip-scale-vert", "Hip height", "How tall the hips are."),
    ("buttocks_volume", "buttocks/buttocks-volume", "Buttocks volume", "How full the buttocks are."),
    ("pelvis_tone", "pelvis/pelvis-tone", "Pelvis tone", "How firm the lower belly is."),
    ("breast_distance", "breast/breast-dist", "Breast distance", "How far apart the breasts are."),
    ("breast_point", "breast/breast-point", "Breast point", "How pointed the breasts are."),
    ("neck_girth", "neck/measure-neck-circ", "Neck girth", "The girth of the neck."),
    ("neck_length", "neck/measure-neck-height", "Neck length", "How long the neck is."),
)
_ARMS = (
    ("upper_arm_length", "arms/measure-upperarm-length", "Upper arm length", "From shoulder to elbow."),
    ("lower_arm_length", "arms/measure-lowerarm-length", "Lower arm length", "From elbow to wrist."),
    ("upper_arm_girth", "arms/measure-upperarm-circ", "Upper arm girth", "The girth of the upper arms."),
    ("upper_arm_fat", "arms/l-upperarm-fat", "Upper arm fat", "How soft the upper arms are."),
    ("upper_arm_muscle", "arms/l-upperarm-muscle", "Upper arm muscle", "Biceps and triceps."),
    ("shoulder_muscle", "arms/l-upperarm-shoulder-muscle", "Shoulder muscle", "The deltoid muscles."),
    ("lower_arm_fat", "arms/l-lowerarm-fat", "Lower arm fat", "How soft the lower arms are."),
    ("lower_arm_muscle", "arms/l-lowerarm-muscle", "Lower arm muscle", "The muscles of the lower arms."),
    ("wrist_girth", "hands/measure-wrist-circ", "Wrist girth", "The girth of the wrists."),
    ("hand_size", "hands/l-hand-scale", "Hand size", "How large the hands are."),
    ("finger_length", "hands/l-hand-fingers-length", "Finger length", "How long the fingers are."),
    ("finger_girth", "hands/l-hand-fingers-diameter", "Finger girth", "How thick the fingers are."),
    ("finger_spread", "hands/l-hand-fingers-distance", "Finger spread", "How far the fingers part."),
)
_LEGS = (
    ("thigh_length", "legs/measure-upperleg-height", "Thigh length", "From hip to knee."),
    ("shin_length", "legs/measure-lowerleg-height", "Shin length", "From knee to ankle."),
    ("thigh_girth", "legs/measure-thigh-circ", "Thigh girth", "The girth of the thighs."),
    ("thigh_fat", "legs/l-upperleg-fat", "Thigh fat", "How soft the thighs are."),
    ("thigh_muscle", "legs/l-upperleg-muscle", "Thigh muscle", "The muscles of the thighs."),
    ("knee_girth", "legs/measure-knee-circ", "Knee girth", "The girth of the knees."),
    ("calf_girth", "legs/measure-calf-circ", "Calf girth", "The girth of the calves."),
    ("calf_fat", "legs/l-lowerleg-fat", "Calf fat", "How soft the calves are."),
    ("calf_muscle", "legs/l-lowerleg-muscle", "Calf muscle", "The muscles of the calves."),
    ("knee_turn", "legs/l-leg-valgus", "Knee turn", "Knees apart below zero, together above."),
    ("ankle_girth", "feet/measure-ankle-circ", "Ankle girth", "The girth of the ankles."),
    ("foot_size", "feet/l-foot-scale", "Foot size", "How large the feet are."),
    ("foot_width", "feet/l-foot-scale-horiz", "Foot width", "How broad the feet are."),
)

LOCAL: tuple[Slider, ...] = (
    *(_slider(*row, "Torso") for row in _TORSO),
    _slider("waist_height", "hip/hip-waist", "Waist height", "How high the waist is.", "Torso", "down up"),
    _slider(
        "breast_height",
        "breast/breast-trans",
        "Breast height",
        "How high the breasts are.",
        "Torso",
        "down up",
    ),
    *(_slider(*row, "Arms and hands") for row in _ARMS),
    *(_slider(*row, "Legs and feet") for row in _LEGS),
)


def _ends(value: float, low: str, middle: str, high: str) -> dict[str, float]:
    """Weights of three names as a value goes from -1 to 1; a name that is empty has no shape."""
    out = {low: max(-value, 0.0), middle: 1 - abs(value), high: max(value, 0.0)}
    return {name: weight for name, weight in out.items() if name}


def age_weights(years: float) -> dict[str, float]:
    """Weights of "young" and "old"."""
    old = min(max((years - AGES[0]) / (AGES[1] - AGES[0]), 0.0), 1.0)
    return {"young": 1 - old, "old": old}


def ancestry_shares(values: Mapping[str, float]) -> dict[str, float]:
    """Shares of the ancestries that sum to 1."""
    given = {name: max(values.get(name, 0.0), 0.0) for name in ANCESTRIES}
    total = sum(given.values())
    rest = max(1 - total, 0.0) / len(ANCESTRIES)
    return {name: value / max(total, 1.0) + rest for name, value in given.items()}


def macro_weights(values: Mapping[str, float]) -> dict[str, float]:
    """The weight of every macro shape by name for values of the macro sliders.

    `sex` from -1 (female) to 1 (male), `age` in years, `weight`, `muscle`, `height`, `proportions`, `bust`
    from -1 to 1; `african`, `asian`, `european` from 0 to 1: what they lack of 1 is shared out evenly.
    """
    male = (1 + values.get("sex", 0.0)) / 2
    sex = {"female": 1 - male, "male": male}
    shares = ancestry_shares(values)
    age = age_weights(values.get("age", AGES[0]))
    muscle = _ends(values.get("muscle", 0.0), "minmuscle", "averagemuscle", "maxmuscle")
    weight = _ends(values.get("weight", 0.0), "minweight", "averageweight", "maxweight")
    height = _ends(values.get("height", 0.0), "minheight", "", "maxheight")
    ideal = _ends(values.get("proportions", 0.0), "uncommonproportions", "", "idealproportions")
    bust = _ends(values.get("bust", 0.0), "mincup", "", "maxcup")
    out: dict[str, float] = {}
    for a, g, y in product(ANCESTRIES, sex, age):
        out[f"macrodetails/{ANCESTRIES[a]}-{g}-{y}"] = shares[a] * sex[g] * age[y]
    for (g, y), m, w in product(product(sex, age), muscle, weight):
        share = sex[g] * age[y] * muscle[m] * weight[w]
        out[f"macrodetails/universal-{g}-{y}-{m}-{w}"] = share
        for end, part in height.items():
            out[f"macrodetails/height/{g}-{y}-{m}-{w}-{end}"] = share * part
        for end, part in ideal.items():
            out[f"macrodetails/proportions/{g}-{y}-{m}-{w}-{end}"] = share * part
        for end, part in bust.items() if g == "female" else ():
            out[f"breast/female-{y}-{m}-{w}-{end}-averagefirmness"] = share * part
    return out
