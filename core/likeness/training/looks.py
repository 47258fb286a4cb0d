"""Random looks: skin, lips, eyes, brows, beard and hair, as numbers that the shader and the strands read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from likeness.head import areas
from likeness.head.areas import beard_density, brow_density, scalp_margin
from likeness.render.noise import noise_volume
from likeness.training import shading as s
from likeness.training.anatomy import Anatomy

Float = NDArray[np.float32]
Random = np.random.Generator

USUAL_LIFT = -0.1  # cm: where brows mostly grow, above those of the mean head

# sRGB anchors from very pale to very dark.
_SKIN_SRGB = np.array(
    [
        [250, 226, 212],
        [241, 205, 184],
        [228, 184, 153],
        [210, 160, 124],
        [184, 132, 96],
        [150, 103, 72],
        [116, 76, 52],
        [84, 54, 38],
        [56, 37, 28],
    ]
)
_HAIR = np.array(
    [
        [0.006, 0.005, 0.005],
        [0.012, 0.008, 0.006],
        [0.03, 0.017, 0.010],
        [0.07, 0.036, 0.018],
        [0.15, 0.085, 0.04],
        [0.33, 0.22, 0.11],
        [0.50, 0.39, 0.24],
        [0.25, 0.07, 0.02],
        [0.28, 0.27, 0.26],
        [0.62, 0.61, 0.59],
    ],
    np.float32,
)
_IRIS = np.array(
    [
        [0.06, 0.025, 0.010],
        [0.025, 0.012, 0.007],
        [0.12, 0.055, 0.018],
        [0.12, 0.11, 0.035],
        [0.09, 0.15, 0.08],
        [0.10, 0.20, 0.30],
        [0.18, 0.26, 0.30],
        [0.05, 0.10, 0.18],
    ],
    np.float32,
)


@dataclass(frozen=True)
class Look:
    """Everything about a person's surface.

    `numbers` is the shader's vector; `skin`, `hair`, `beard_color`, `brow_color` linear colors; `style` names
    the hair; `brow` (thickness, lift, hair width), `beard` (length in cm, amount).
    """

    numbers: Float
    melanin: float
    age: float
    skin: Float
    hair: Float
    brow_color: Float
    beard_color: Float
    iris: Float
    style: str
    brow_thickness: float
    brow_lift: float
    brow_hair: float
    beard_length: float
    beard_shape: str
    stubble: float
    forehead: float
    recession: float
    makeup: float


def _linear(srgb: NDArray[np.float64]) -> Float:
    x = srgb / 255
    return np.where(x < 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def sample_look(rng: Random) -> Look:
    """Draw a person's surface."""
    melanin = float(rng.beta(0.95, 1.15))
    place = melanin * (len(_SKIN_SRGB) - 1)
    anchors = _linear(_SKIN_SRGB.astype(np.float64))
    skin = np.array([np.interp(place, np.arange(len(anchors)), anchors[:, c]) for c in range(3)])
    skin = skin * np.exp(rng.normal(0, 0.08)) * (1 + rng.normal(0, [0.03, 0.04, 0.09]))
    skin = np.clip(skin, 0.01, 0.9).astype(np.float32)
    age = float(rng.beta(1.1, 1.6))
    hair_pick = rng.choice(len(_HAIR), p=_hair_odds(melanin, age))
    hair = _HAIR[hair_pick] * np.exp(rng.normal(0, 0.25)) * (1 + rng.normal(0, 0.05, 3))
    if rng.random() < 0.05:
        hair = rng.uniform(0.02, 0.6, 3)
    hair = np.clip(hair, 0.003, 0.85).astype(np.float32)
    brow_color = (
        np.clip(hair * rng.uniform(0.4, 1.1), 0.004, 0.5) if rng.random() < 0.8 else _HAIR[rng.integers(1, 5)]
    )
    beard_color = np.clip(hair * rng.uniform(0.5, 1.5), 0.004, 0.75)
    iris_pick = rng.choice(
        len(_IRIS),
        p=[0.3, 0.1, 0.12, 0.12, 0.1, 0.12, 0.08, 0.06]
        if melanin < 0.55
        else [0.45, 0.45, 0.08, 0.02, 0, 0, 0, 0],
    )
    outer = _IRIS[iris_pick] * np.exp(rng.normal(0, 0.3)) * (1 + rng.normal(0, 0.08, 3))
    inner = outer * rng.uniform(0.8, 1.8) * np.array([rng.uniform(0.9, 1.5), 1.0, rng.uniform(0.5, 1.0)])
    iris = np.repeat(np.clip(np.stack([inner, outer]), 0.003, 0.6)[None], 2, 0).astype(np.float32)
    makeup = float(rng.uniform(0.2, 1.0)) if rng.random() < 0.3 else 0.0
    style = str(rng.choice(list(_STYLES), p=np.array(list(_STYLES.values())) / sum(_STYLES.values())))
    beard_shape = str(
        rng.choice(["none", "full", "goatee", "moustache", "long"], p=[0.76, 0.11, 0.05, 0.055, 0.025])
    )
    stubble = 0.0
    if makeup == 0 and rng.random() < 0.4:
        stubble = float(rng.uniform(0.05, 0.6))
    if beard_shape != "none":
        makeup, stubble = 0.0, float(rng.uniform(0.35, 0.8))
    numbers = _numbers(rng, melanin, age, skin, hair, np.asarray(brow_color), beard_color, makeup, stubble)
    faint = rng.random() < 0.25  # brows that hardly show: blond, plucked, as in many paintings
    if faint:
        numbers[s.P_BROW] *= rng.uniform(0, 0.5)
    return Look(
        numbers=numbers,
        melanin=melanin,
        age=age,
        skin=skin,
        hair=hair,
        brow_color=np.asarray(brow_color, np.float32),
        beard_color=beard_color.astype(np.float32),
        iris=iris,
        style=style,
        brow_thickness=float(np.clip(rng.normal(0.95, 0.28), 0.3, 1.8)),
        brow_lift=USUAL_LIFT if faint else float(np.clip(rng.normal(USUAL_LIFT, 0.35), -0.9, 0.5)),
        brow_hair=float(rng.uniform(0.0, 1.0)) if rng.random() < 0.92 and not faint else 0.0,
        beard_length=float(
            {"long": rng.uniform(3, 11), "moustache": rng.uniform(0.5, 1.8)}.get(
                beard_shape, rng.uniform(0.4, 2.4)
            )
        ),
        beard_shape=beard_shape,
        stubble=stubble,
        forehead=float(rng.normal(-0.1, 0.5)),
        recession=float(rng.uniform(0, 3.0) * (rng.random() < 0.35)),
        makeup=makeup,
    )


_STYLES = {
    "bald": 0.07,
    "buzz": 0.07,
    "horseshoe": 0.04,
    "short_forward": 0.11,
    "short_side": 0.14,
    "slick": 0.11,
    "spiky": 0.05,
    "afro": 0.07,
    "curly": 0.09,
    "long_center": 0.10,
    "long_side": 0.08,
    "bangs": 0.10,
    "bun": 0.10,
    "wig": 0.04,
}


def _hair_odds(melanin: float, age: float) -> NDArray[np.float64]:
    gray = max(0.02, (age - 0.45) * 1.2)
    dark = np.array([0.3, 0.4, 0.2, 0.05, 0.01, 0.01, 0.0, 0.01, 0, 0])
    light = np.array([0.05, 0.12, 0.2, 0.2, 0.14, 0.12, 0.07, 0.1, 0, 0])
    mix = np.clip((melanin - 0.3) / 0.25, 0, 1)
    odds = (dark * mix + light * (1 - mix)) * (1 - min(0.9, gray))
    odds[8:] = [0.45 * gray, 0.55 * gray]
    return np.asarray(odds / odds.sum())


def _numbers(
    rng: Random,
    melanin: float,
    age: float,
    skin: Float,
    hair: Float,
    brow: Float,
    beard: Float,
    makeup: float,
    stubble: float,
) -> Float:
    n = np.zeros(s.P_COUNT, np.float32)
    n[s.P_FINE] = rng.uniform(0.01, 0.055) * (1 + 0.5 * age)
    n[s.P_FRECKLE] = rng.uniform(0.2, 1.0) if rng.random() < 0.2 and melanin < 0.5 else 0.0
    n[s.P_BUMP] = rng.uniform(0.004, 0.03) * (1 + age)
    n[s.P_SPEC] = rng.uniform(0.3, 1.5)
    n[s.P_SHINE] = np.exp(rng.uniform(np.log(8), np.log(45)))
    lip = skin * np.array([rng.uniform(0.68, 0.95), rng.uniform(0.40, 0.66), rng.uniform(0.42, 0.72)])
    if melanin > 0.6:
        lip = skin * np.array([rng.uniform(0.7, 1.15), rng.uniform(0.5, 0.9), rng.uniform(0.55, 1.0)])
    if makeup:
        paint = np.array([rng.uniform(0.15, 0.6), rng.uniform(0.005, 0.16), rng.uniform(0.01, 0.2)])
        lip = lip * (1 - 0.9 * makeup) + paint * 0.9 * makeup
    n[s.P_LIP_R : s.P_LIP_B + 1] = lip
    n[s.P_LIP_MIX] = rng.uniform(0.35, 1.0) if not makeup else rng.uniform(0.8, 1.0)
    n[s.P_LIP_GLOSS] = rng.uniform(0, 1.6)
    n[s.P_STUBBLE_R : s.P_STUBBLE_B + 1] = beard * 0.6 + 0.16 * skin * np.array([0.8, 0.95, 1.05])
    n[s.P_STUBBLE] = stubble
    n[s.P_BROW_R : s.P_BROW_B + 1] = brow
    n[s.P_BROW] = rng.uniform(0.25, 0.9)
    n[s.P_HAIR_R : s.P_HAIR_B + 1] = hair * 0.8
    n[s.P_PUPIL] = rng.uniform(0.13, 0.32)
    n[s.P_WET] = rng.uniform(0.5, 1.5)
    n[s.P_WRINKLE] = max(0.0, age * 1.5 - 0.4) * rng.uniform(0.3, 1.0)
    n[s.P_PATTERN] = rng.uniform(0.3, 3) if rng.random() < 0.3 else 0.0
    n[s.P_PATTERN_SCALE] = rng.uniform(0.01, 0.09)
    n[s.P_HAIR_SPEC] = np.exp(rng.uniform(np.log(0.01), np.log(0.16)))
    return n


@lru_cache(maxsize=1)
def _fields(anatomy: Anatomy) -> dict[str, Float]:
    """Places on the skin that color differently, once per process: 0..1 of the first 14062 vertices."""
    rest = anatomy.rest[:14062]
    return {
        "cheeks": _blob(rest, (4.2, 0.6, 8.8), 2.2),
        "nose": _blob(rest, (0, 0.6, 12.6), 1.6),
        "chin": _blob(rest, (0, -6.6, 10.5), 1.8),
        "ears": (np.abs(rest[:, 0]) > 7.4).astype(np.float32),
        "bags": _blob(rest, (2.3, 2.5, 9.4), 0.9) + 0.8 * _blob(rest, (3.4, 2.3, 9.4), 0.9),
        "lids": _blob(rest, (3.1, 4.6, 9.6), 1.0),
        "shadow": np.clip(1.4 * _blob(rest, (3.1, 4.35, 9.6), 1.05), 0, 1),
        "crease": _nasolabial(rest),
        "beard": beard_density(rest[:11248]),
    }


def _blob(rest: Float, center: tuple[float, float, float], radius: float) -> Float:
    offset = rest - np.array(center, np.float32)
    offset[:, 0] = np.abs(rest[:, 0]) - center[0]
    return np.exp(-(offset**2).sum(1) / radius**2).astype(np.float32)


def paint_skin(rng: Random, look: Look, anatomy: Anatomy, rest: Float) -> Float:
    """Linear color (V, 3) of the skin at `rest` places (V, 3)."""
    volume = noise_volume()
    light = 1 - look.melanin
    mottle = s.fractal(volume, rest, rng.uniform(0.25, 0.5), 4, 1) * rng.uniform(0.02, 0.07)
    red = s.fractal(volume, rest + 5, 0.3, 3, 2) * 0.04
    field = _fields(anatomy)
    blush = rng.uniform(0.0, 0.24) * field["cheeks"] + rng.uniform(0, 0.22) * field["nose"]
    blush = blush + rng.uniform(0, 0.1) * field["chin"] + rng.uniform(0, 0.15) * field["ears"]
    blush = (blush + red) * (0.35 + 0.65 * light)
    bags = rng.uniform(0.0, 0.30) * (0.5 + look.age) * field["bags"]
    lids = rng.uniform(0.0, 0.22) * field["lids"]
    shadow = look.makeup * rng.uniform(0, 0.8) * field["shadow"]
    crease = field["crease"] * rng.uniform(0.0, 0.28) * (0.3 + look.age)
    dark = 1 - np.clip(bags + lids + crease, 0, 0.7)
    color = look.skin[None] * ((1 + mottle) * dark)[:, None]
    deep = 1 - 0.25 * (1 - dark)
    color *= np.stack([1 + 0.15 * blush, (1 - 0.9 * blush) * deep, (1 - 0.7 * blush) * deep], 1).astype(
        np.float32
    )
    if look.melanin < 0.75 and rng.random() < 0.5:  # moles
        spots = rest[rng.choice(np.flatnonzero(rest[:, 2] > 3), int(rng.integers(1, 7)))]
        for spot in spots:
            w = np.exp(-((rest - spot) ** 2).sum(1) / rng.uniform(0.08, 0.2) ** 2)[:, None]
            color = color * (1 - 0.6 * w)
    if look.makeup:
        paint = rng.uniform(0.01, 0.4, 3).astype(np.float32)
        color += 0.8 * shadow[:, None] * (paint - color)
    return np.clip(color, 0.003, 0.95).astype(np.float32)


def _nasolabial(rest: Float) -> Float:
    a, b = np.array([1.9, 0.0]), np.array([3.3, -3.6])
    p = np.stack([np.abs(rest[:, 0]), rest[:, 1]], 1)
    t = np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    d = np.linalg.norm(p - a - t[:, None] * (b - a), axis=1)
    return (np.exp(-((d / 0.28) ** 2)) * (rest[:, 2] > 7)).astype(np.float32)


def vertex_attributes(rng: Random, look: Look, anatomy: Anatomy, opening: float, depth_in: Float) -> Float:
    """Attributes (V, 14) of the head data's vertices, normals left zero.

    `opening` is the weight of jawOpen; `depth_in` (V,) is how far (cm) a vertex lies behind the lips.
    """
    rest = anatomy.rest
    attr = np.zeros((len(rest), 14), np.float32)
    attr[:, 3:6] = rest
    skin = slice(0, 14062)
    attr[skin, 6:9] = paint_skin(rng, look, anatomy, rest[skin])
    mix = np.clip(opening / 0.6, 0, 1)
    attr[:, 9] = anatomy.occlusion[0] * (1 - mix) + anatomy.occlusion[1] * mix
    attr[skin, 9] = np.clip(attr[skin, 9], 0.04, 1) ** rng.uniform(0.7, 1.2)
    inner = anatomy.inside
    attr[inner, 9] = np.clip(
        1.05 * np.exp(-np.maximum(depth_in[inner], 0) / rng.uniform(1.0, 2.2)), 0.01, 1
    ) * rng.uniform(0.5, 1.0)
    attr[:, 10] = np.where(inner, -2.0, anatomy.lip)
    head = slice(0, 11248)
    attr[head, 11] = beard_mask(
        _fields(anatomy)["beard"], rest[head], look.beard_shape if look.beard_shape != "none" else "full"
    )
    attr[head, 12] = np.clip(scalp_margin(rest[head], look.forehead, look.recession) / 0.7 + 0.4, 0, 1)
    if look.style == "bald":
        attr[head, 12] = 0
    elif look.style == "horseshoe":
        attr[head, 12] *= np.clip((8.0 - rest[head, 1]) / 1.5, 0, 1) * np.clip(
            (4.5 - rest[head, 2]) / 2.0, 0, 1
        )
    attr[head, 13] = brow_density(rest[head], look.brow_thickness, look.brow_lift)
    gum = np.array([0.45, 0.12, 0.11]) * rng.uniform(0.6, 1.2) * (1 - 0.4 * look.melanin)
    tongue = np.array([0.5, 0.17, 0.15]) * rng.uniform(0.7, 1.2)
    enamel = (
        np.array([0.78, 0.74, 0.66])
        * rng.uniform(0.65, 1.1)
        * np.array([1, rng.uniform(0.93, 1.0), rng.uniform(0.8, 1.02)])
    )
    attr[11248:13294, 6:9] = np.array([0.28, 0.07, 0.06]) * rng.uniform(0.5, 1.3)
    attr[14062:17039, 6:9] = gum
    attr[anatomy.tongue, 6:9] = tongue
    attr[17039:21451, 6:9] = np.minimum(enamel, 0.9)
    if rng.random() < 0.5:  # teeth that the light reaches as well as the lips
        attr[17039:21451, 9] = np.maximum(attr[17039:21451, 9], rng.uniform(0.2, 1.0))
    white = np.array([0.54, 0.52, 0.50]) * rng.uniform(0.7, 1.15) * np.array([1, 1, rng.uniform(0.88, 1.03)])
    attr[21451:24591, 6:9] = white
    attr[21451:24591, 9] = 0.9
    attr[25351:26719, 6:9] = 0.008 if rng.random() < 0.7 else look.brow_color * 0.7
    attr[25351:26719, 9] = 0.6
    attr[25351:26719, 3:6] = np.array([0.0, 0.3, 0.95])
    return attr


def beard_mask(full: Float, rest: Float, shape: str) -> Float:
    """Density 0..1 of a beard of the named shape, cut from the `full` one at `rest` places."""
    return full * areas.beard_shape(rest, shape)
