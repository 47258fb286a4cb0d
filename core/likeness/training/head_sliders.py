"""Finds the named sliders of the head: directions of identity that move one measure and spare the rest.

`python -m likeness.training.head_sliders` writes `models/human_sliders.npz` and its card.
A measure is a length on the mesh at rest, read off patches of skin. A slider's direction is the likeliest
person (least norm, so also the least change elsewhere on the skin) whose own measure is one standard
deviation up while the others stay: ridge regression with the measures decorrelated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from likeness import catalog
from likeness.head.model import Head, load_head
from likeness.training.register import register

Float = NDArray[np.float64]
Places = Mapping[str, Float]

RIDGE = 0.01  # of a measure's variance that another may leak, against the norm of the direction
ELSEWHERE = 0.2  # weight of moving skin that the slider does not name, against the norm
NEAR = 6  # vertices in a patch
# A measure that is a sum of others cannot move without them: the two do not hold each other.
SUMS = {"face_length": ("nose_length", "philtrum", "lip_upper", "lip_lower", "chin_height")}

# Where the mean head's patches are, cm; the left side stands for both.
PLACES: dict[str, tuple[float, float, float]] = {
    "temple": (7.6, 7.5, 1.0),
    "crown": (0, 14.4, 0),
    "occiput": (0, 5, -8.7),
    "forehead": (0, 9.0, 9.7),
    "forehead_low": (0, 7.0, 10.5),
    "forehead_side": (2.6, 8.2, 9.9),
    "brow": (2.6, 6.0, 10.4),
    "brow_outer": (5.2, 5.8, 8.7),
    "cheekbone": (6.2, 1.2, 7.2),
    "zygion": (7.0, 1.0, 4.8),
    "cheek_front": (4.2, 0.3, 9.4),
    "cheek": (4.8, -2.6, 8.2),
    "gonion": (5.72, -4.49, 6.13),
    "chin_side": (1.6, -7.0, 10.2),
    "chin": (0, -7.57, 10.43),
    "pogonion": (0, -6.2, 11.0),
    "nasion": (0, 3.74, 10.73),
    "bridge": (0, 2.1, 11.9),
    "bridge_side": (0.9, 2.2, 10.9),
    "tip": (0, 0.41, 13.07),
    "tip_side": (0.8, 0.3, 12.5),
    "subnasale": (0, -1.2, 11.57),
    "ala": (1.9, -0.3, 11.0),
    "ala_back": (2.1, -0.7, 10.0),
    "nostril": (1.25, -1.14, 10.87),
    "eye_inner": (1.84, 3.25, 9.2),
    "eye_outer": (4.46, 3.43, 8.6),
    "lid_upper": (3.3, 3.95, 9.45),
    "lid_lower": (3.3, 3.05, 9.3),
    "lip_corner": (2.53, -3.52, 10.19),
    "lip_top": (0.4, -2.45, 11.8),
    "lip_upper_low": (0, -3.32, 11.28),
    "lip_lower_top": (0, -3.4, 11.25),
    "lip_bottom": (0, -4.38, 11.55),
    "ear_top": (8.3, 4.3, -1.0),
    "ear_lobe": (7.4, -1.6, 1.2),
    "ear_rim": (8.9, 2.4, -1.9),
    "mastoid": (7.0, 0.0, -2.2),
    "neck_side": (5.6, -11.0, 0.5),
    "neck_front": (0, -11.5, 5.0),
    "neck_back": (0, -10.0, -6.6),
}

X, Y, Z = 0, 1, 2


def _apart(a: str, b: str, axis: int) -> Callable[[Places], Float]:
    return lambda p: p[a][..., axis] - p[b][..., axis]


def _out(a: str) -> Callable[[Places], Float]:
    return lambda p: 2 * p[a][..., X]


def _over_line(a: str, first: str, last: str, axis: int) -> Callable[[Places], Float]:
    return lambda p: p[a][..., axis] - 0.5 * (p[first][..., axis] + p[last][..., axis])


# By name: group, label, what the slider's two ends mean, the measure, and where it may move skin.
SLIDERS: dict[str, tuple[str, str, str, Callable[[Places], Float], tuple[str, ...]]] = {
    "head_width": ("Head", "Head Width", "narrow to wide", _out("temple"), ("temple", "crown")),
    "head_length": (
        "Head",
        "Head Length",
        "short to long from front to back",
        _apart("forehead_low", "occiput", Z),
        ("occiput", "crown"),
    ),
    "head_height": (
        "Head",
        "Head Height",
        "low to high crown",
        _apart("crown", "nasion", Y),
        ("crown", "forehead"),
    ),
    "face_width": (
        "Face",
        "Face Width",
        "narrow to wide at the cheekbones",
        _out("zygion"),
        ("zygion", "cheekbone", "cheek"),
    ),
    "face_length": (
        "Face",
        "Face Length",
        "short to long from nose root to chin",
        _apart("nasion", "chin", Y),
        ("chin", "subnasale", "lip_corner", "cheek"),
    ),
    "forehead_height": (
        "Forehead",
        "Forehead Height",
        "low to high",
        _apart("forehead", "brow", Y),
        ("forehead", "crown", "forehead_side"),
    ),
    "forehead_slope": (
        "Forehead",
        "Forehead Slope",
        "upright to receding",
        _apart("forehead_low", "forehead", Z),
        ("forehead", "forehead_side"),
    ),
    "brow_ridge": (
        "Brow",
        "Brow Ridge",
        "smooth to strong",
        _apart("brow", "forehead_side", Z),
        ("brow", "forehead_side"),
    ),
    "brow_height": (
        "Brow",
        "Brow Height",
        "low to high over the eyes",
        _apart("brow", "lid_upper", Y),
        ("brow", "brow_outer"),
    ),
    "brow_tilt": (
        "Brow",
        "Brow Tilt",
        "outer end low to high",
        _apart("brow_outer", "brow", Y),
        ("brow", "brow_outer"),
    ),
    "eye_size": (
        "Eyes",
        "Eye Opening",
        "narrow to wide open",
        _apart("lid_upper", "lid_lower", Y),
        ("lid_upper", "lid_lower"),
    ),
    "eye_width": (
        "Eyes",
        "Eye Width",
        "short to long from corner to corner",
        _apart("eye_outer", "eye_inner", X),
        ("eye_inner", "eye_outer"),
    ),
    "eye_spacing": (
        "Eyes",
        "Eye Spacing",
        "close to wide apart",
        lambda p: p["eye_outer"][..., X] + p["eye_inner"][..., X],
        ("eye_inner", "eye_outer", "brow"),
    ),
    "eye_tilt": (
        "Eyes",
        "Eye Tilt",
        "outer corner low to high",
        _apart("eye_outer", "eye_inner", Y),
        ("eye_inner", "eye_outer"),
    ),
    "eye_depth": (
        "Eyes",
        "Eye Depth",
        "shallow to deep-set",
        _apart("brow", "lid_upper", Z),
        ("lid_upper", "lid_lower", "brow"),
    ),
    "nose_width": (
        "Nose",
        "Nose Width",
        "narrow to wide wings",
        _out("ala"),
        ("ala", "ala_back", "tip_side"),
    ),
    "nose_length": (
        "Nose",
        "Nose Length",
        "short to long",
        _apart("nasion", "subnasale", Y),
        ("tip", "subnasale", "bridge"),
    ),
    "nose_projection": (
        "Nose",
        "Nose Projection",
        "flat to protruding tip",
        _apart("tip", "ala_back", Z),
        ("tip", "tip_side", "bridge"),
    ),
    "nose_tip": (
        "Nose",
        "Nose Tip Lift",
        "drooping to upturned",
        _apart("tip", "subnasale", Y),
        ("tip", "subnasale"),
    ),
    "nose_tip_width": ("Nose", "Nose Tip Width", "pointed to bulbous", _out("tip_side"), ("tip_side", "tip")),
    "nose_bridge_height": (
        "Nose",
        "Nose Bridge Height",
        "flat to high between the eyes",
        _apart("nasion", "eye_inner", Z),
        ("nasion", "bridge"),
    ),
    "nose_bridge_width": (
        "Nose",
        "Nose Bridge Width",
        "narrow to wide",
        _out("bridge_side"),
        ("bridge_side", "bridge"),
    ),
    "nose_bridge_curve": (
        "Nose",
        "Nose Bridge Curve",
        "scooped to hooked",
        _over_line("bridge", "nasion", "tip", Z),
        ("bridge",),
    ),
    "nostrils": (
        "Nose",
        "Nostril Height",
        "hidden to visible from the front",
        _apart("ala", "nostril", Y),
        ("ala", "nostril", "subnasale"),
    ),
    "cheekbones": (
        "Cheeks",
        "Cheekbones",
        "flat to prominent",
        _over_line("cheek_front", "eye_outer", "lip_corner", Z),
        ("cheekbone", "cheek_front"),
    ),
    "cheek_fullness": (
        "Cheeks",
        "Cheek Fullness",
        "hollow to full",
        lambda p: (
            _over_line("cheek", "zygion", "chin_side", X)(p)
            + _over_line("cheek", "gonion", "cheek_front", Z)(p)
        ),
        ("cheek",),
    ),
    "jaw_width": ("Jaw", "Jaw Width", "narrow to wide", _out("gonion"), ("gonion", "cheek")),
    "jaw_angle": (
        "Jaw",
        "Jaw Angle",
        "sloping to square",
        _apart("chin", "gonion", Y),
        ("gonion",),
    ),
    "chin_width": ("Chin", "Chin Width", "pointed to broad", _out("chin_side"), ("chin_side", "chin")),
    "chin_height": (
        "Chin",
        "Chin Height",
        "short to tall",
        _apart("lip_bottom", "chin", Y),
        ("chin", "pogonion", "chin_side"),
    ),
    "chin_projection": (
        "Chin",
        "Chin Projection",
        "receding to protruding",
        _apart("pogonion", "lip_bottom", Z),
        ("chin", "pogonion", "chin_side"),
    ),
    "mouth_width": ("Mouth", "Mouth Width", "narrow to wide", _out("lip_corner"), ("lip_corner",)),
    "lip_upper": (
        "Mouth",
        "Upper Lip",
        "thin to full",
        _apart("lip_top", "lip_upper_low", Y),
        ("lip_top", "lip_upper_low"),
    ),
    "lip_lower": (
        "Mouth",
        "Lower Lip",
        "thin to full",
        _apart("lip_lower_top", "lip_bottom", Y),
        ("lip_lower_top", "lip_bottom"),
    ),
    "lip_projection": (
        "Mouth",
        "Lip Projection",
        "flat to protruding lips",
        lambda p: p["lip_top"][..., Z] + p["lip_bottom"][..., Z] - 2 * p["subnasale"][..., Z],
        ("lip_top", "lip_bottom", "lip_corner"),
    ),
    "philtrum": (
        "Mouth",
        "Philtrum",
        "short to long between nose and lip",
        _apart("subnasale", "lip_top", Y),
        ("lip_top", "subnasale"),
    ),
    "mouth_corners": (
        "Mouth",
        "Mouth Corners",
        "drooping to lifted",
        _apart("lip_corner", "lip_upper_low", Y),
        ("lip_corner",),
    ),
    "ear_size": (
        "Ears",
        "Ear Size",
        "small to large",
        _apart("ear_top", "ear_lobe", Y),
        ("ear_top", "ear_lobe", "ear_rim"),
    ),
    "ear_stand": (
        "Ears",
        "Ears Stand Out",
        "close to the head to standing out",
        _apart("ear_rim", "mastoid", X),
        ("ear_rim", "ear_top"),
    ),
    "neck_width": ("Neck", "Neck Width", "slender to thick", _out("neck_side"), ("neck_side", "neck_back")),
    "neck_depth": (
        "Neck",
        "Neck Depth",
        "thin to deep from front to back",
        _apart("neck_front", "neck_back", Z),
        ("neck_front", "neck_back"),
    ),
}


def patches(head: Head) -> tuple[Float, Float]:
    """Mean (P, 3) and modes (K, P, 3) of the places, in the order of `PLACES`."""
    skin = np.unique(head.part("skin"))
    _, near = cKDTree(head.mean[skin]).query(np.array(list(PLACES.values())), k=NEAR)
    rows = skin[near]
    return head.mean[rows].mean(1).astype(np.float64), head.identity_basis[:, rows].mean(2).astype(np.float64)


def measure(mean: Float, modes: Float, identities: Float) -> Float:
    """The sliders' measures (N, S) in cm of identities (N, K)."""
    at = mean + np.tensordot(identities, modes, 1)
    places = {name: at[:, i] for i, name in enumerate(PLACES)}
    return np.stack([entry[3](places) for entry in SLIDERS.values()], 1)


def is_even(head: Head) -> NDArray[np.bool_]:
    """Which modes (K,) keep the face symmetric; the others move its two sides in opposite ways."""
    center = np.abs(head.mean[:, 0]) < 0.02
    aside = np.abs(head.identity_basis[:, center, 0]).mean(1)
    return np.asarray(aside < 0.1 * np.abs(head.identity_basis[:, center, 1:]).mean((1, 2)) + 1e-4)


def fit(head: Head) -> tuple[Float, Float, Float]:
    """Directions (S, K), the measures' deviations (S,) in cm, and the table (S, S) of what moves what."""
    mean, modes = patches(head)
    even = np.flatnonzero(is_even(head))
    rng = np.random.default_rng(1)
    people = np.zeros((4000, len(modes)))
    people[:, even] = rng.standard_normal((len(people), len(even)))
    values = measure(mean, modes, people)
    deviation = values.std(0)
    slope, *_ = np.linalg.lstsq(people[:, even], (values - values.mean(0)) / deviation, rcond=None)
    directions = np.zeros((len(SLIDERS), len(modes)))
    skin = np.unique(head.part("skin"))[::4]
    place_of = np.array(list(PLACES.values()))
    for i, entry in enumerate(SLIDERS.values()):
        named = place_of[[list(PLACES).index(name) for name in entry[4]]]
        folded = np.abs(head.mean[skin]) * (1, 0, 0) + head.mean[skin] * (0, 1, 1)
        away, _ = cKDTree(named).query(folded)
        far = np.clip((away - 1.5) / 3.0, 0, 1)
        moved = (head.identity_basis[even][:, skin].astype(np.float64) * far[None, :, None]).reshape(
            len(even), -1
        )
        cost = np.eye(len(even)) + ELSEWHERE * (moved @ moved.T) / (0.05**2 * len(skin))
        held = [j for j, other in enumerate(SLIDERS) if not is_part(list(SLIDERS)[i], other)]
        spread = np.linalg.solve(cost, slope[:, held])
        wanted = (np.array(held) == i).astype(float)
        gain = slope[:, held].T @ spread
        step = spread @ np.linalg.solve(gain + RIDGE * np.diag(np.diag(gain)), wanted)
        directions[i, even] = step / (slope[:, i] @ step)
    return directions, deviation, directions[:, even] @ slope


def is_part(a: str, b: str) -> bool:
    """Whether one of two measures is part of the other."""
    return b in SUMS.get(a, ()) or a in SUMS.get(b, ())


def write(folder: Path) -> None:
    """Fit the sliders of the house head and write their data and card into `folder`."""
    head = load_head()
    directions, deviation, table = fit(head)
    np.savez_compressed(
        folder / "human_sliders.npz",
        names=np.array(list(SLIDERS)),
        groups=np.array([entry[0] for entry in SLIDERS.values()]),
        labels=np.array([entry[1] for entry in SLIDERS.values()]),
        ends=np.array([entry[2] for entry in SLIDERS.values()]),
        directions=directions.astype(np.float32),
        deviation_cm=deviation.astype(np.float32),
        even=is_even(head),
    )
    (folder / "human_sliders.md").write_text(_card(directions, deviation, table))


def _card(directions: Float, deviation: Float, table: Float) -> str:
    names = list(SLIDERS)
    part = np.array([[a == b or is_part(a, b) for b in names] for a in names])
    others = np.where(part, 0, np.abs(table))
    rows = "\n".join(
        f"| `{name}` | {10 * deviation[i]:.2f} | {np.linalg.norm(directions[i]):.2f} "
        f"| {others[i].mean():.3f} "
        f"| {others[i].max():.3f} (`{names[int(others[i].argmax())]}`) |"
        for i, name in enumerate(names)
    )
    return f"""# human_sliders

{len(names)} named sliders of the house head: directions in its identity space, found by
`python -m likeness.training.head_sliders` from the house head alone.

- SHA-256: -
- License: Apache-2.0. Learned from the house head (`head.md`). No picture of a person was used.
- File: `human_sliders.npz` (tables; `likeness.human.sliders.load_sliders` reads them).

## How it was made

Each measure is a length on the mesh at rest; a direction is the likeliest person whose own measure is one
standard deviation up while the others stay.

Moving a slider by one standard deviation moves its own measure by one standard deviation of the population;
the table says how far it moves the others' (mean and worst, in their standard deviations) and how far the
person goes from the middle of the identity space (norm; 1 is one typical mode's worth).

| slider | one std in mm | norm | others, mean | others, worst |
|---|---|---|---|---|
{rows}

`face_length` is the sum of nose, philtrum, lips and chin; it and its parts move together and are left out of
each other's row.

## Limits

Measures are lengths between patches of skin at rest. A slider can only do what the identity space knows:
its people are few and adult. `sex`, `age` and `ancestry` in `likeness.human.sliders` are sums of these
sliders with signs and sizes after published anthropometry; they are tendencies of averages, not rules about
anybody.
"""


if __name__ == "__main__":
    write(catalog.HOUSE)
    register("human_sliders", catalog.HOUSE / "human_sliders.npz", "named sliders to the head's identity")
