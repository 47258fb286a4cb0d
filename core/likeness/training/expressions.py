"""Draws random facial expressions and gazes: plausible combinations first, extremes now and then."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Random = np.random.Generator

GAZE_FULL_DEG = {"Out": 38.0, "In": 38.0, "Up": 28.0, "Down": 32.0}  # where the lids' shapes reach 1

# Combinations of mouth and upper face: shape (both sides unless `_L`/`_R` is named) and its weight.
_MOUTHS: tuple[dict[str, float], ...] = (
    {"mouthSmile": 0.5, "cheekSquint": 0.2, "mouthDimple": 0.2},
    {"mouthSmile": 0.8, "jawOpen": 0.15, "mouthUpperUp": 0.25, "mouthLowerDown": 0.2, "cheekSquint": 0.5},
    {"mouthSmile": 0.9, "jawOpen": 0.5, "mouthUpperUp": 0.3, "mouthLowerDown": 0.3, "cheekSquint": 0.7},
    {"mouthSmile": 0.8, "mouthUpperUp": 0.55, "mouthLowerDown": 0.5, "jawOpen": 0.06, "mouthStretch": 0.2},
    {"mouthSmile": 0.9, "mouthUpperUp": 0.6, "mouthLowerDown": 0.7, "jawOpen": 0.25, "cheekSquint": 0.6},
    {"mouthSmile": 0.7, "jawOpen": 0.9, "mouthUpperUp": 0.4, "mouthLowerDown": 0.4, "cheekSquint": 0.7},
    {"mouthSmile": 0.4, "jawOpen": 0.7, "mouthUpperUp": 0.5, "mouthLowerDown": 0.7, "mouthStretch": 0.3},
    {"mouthFrown": 0.6, "mouthShrugLower": 0.4, "mouthPress": 0.2},
    {"mouthFrown": 0.4, "mouthStretch": 0.4, "mouthLowerDown": 0.4, "jawOpen": 0.2},
    {"jawOpen": 0.9, "mouthStretch": 0.3},
    {"jawOpen": 0.8, "mouthFunnel": 0.4},
    {"mouthPucker": 0.8, "mouthFunnel": 0.2},
    {"mouthPress": 0.6, "mouthRollLower": 0.3, "mouthRollUpper": 0.3},
    {"mouthUpperUp": 0.7, "noseSneer": 0.7, "mouthFrown": 0.2},
    {"mouthShrugUpper": 0.5, "mouthShrugLower": 0.6},
    {"cheekPuff": 0.7, "mouthPucker": 0.3},
    {"mouthStretch": 0.7, "mouthLowerDown": 0.6, "jawOpen": 0.1},
    {"mouthLeft": 0.6},
    {"mouthRight": 0.6},
    {"jawLeft": 0.5, "jawOpen": 0.2},
    {"jawRight": 0.5, "jawOpen": 0.2},
    {"jawForward": 0.6},
    {"mouthDimple": 0.6},
    {"mouthSmile_L": 0.6, "mouthDimple_L": 0.3},
    {"mouthSmile_R": 0.6, "mouthDimple_R": 0.3},
)
_SMILES = 7  # the first of them, drawn more often: most people in pictures smile, and show their teeth
_VISEMES: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.45, "mouthLowerDown": 0.15, "mouthUpperUp": 0.1},
    {"jawOpen": 0.25, "mouthStretch": 0.25, "mouthSmile": 0.15, "mouthLowerDown": 0.2},
    {"jawOpen": 0.12, "mouthStretch": 0.3, "mouthSmile": 0.25, "mouthUpperUp": 0.15, "mouthLowerDown": 0.25},
    {"jawOpen": 0.35, "mouthFunnel": 0.5, "mouthPucker": 0.2},
    {"jawOpen": 0.12, "mouthPucker": 0.6, "mouthFunnel": 0.3},
    {"mouthPress": 0.35, "mouthRollLower": 0.25, "mouthRollUpper": 0.25},
    {"jawOpen": 0.1, "mouthRollLower": 0.45, "mouthUpperUp": 0.25},
    {"jawOpen": 0.2, "mouthUpperUp": 0.2, "mouthLowerDown": 0.3},
    {"jawOpen": 0.06, "mouthFunnel": 0.5, "mouthLowerDown": 0.2, "mouthUpperUp": 0.2},
    {"jawOpen": 0.15},
)
_UPPER: tuple[dict[str, float], ...] = (
    {"browInnerUp": 0.5},
    {"browInnerUp": 0.7, "browOuterUp": 0.7},
    {"browOuterUp": 0.5},
    {"browDown": 0.6},
    {"browDown": 0.8, "eyeSquint": 0.5, "noseSneer": 0.2},
    {"eyeSquint": 0.6, "cheekSquint": 0.4},
    {"eyeWide": 0.7, "browInnerUp": 0.5, "browOuterUp": 0.5},
    {"eyeWide": 0.5},
    {"cheekRaiser": 0.5},
    {"browOuterUp_L": 0.7, "browDown_R": 0.3},
    {"browOuterUp_R": 0.7, "browDown_L": 0.3},
    {"eyeBlink_L": 0.95, "cheekSquint_L": 0.5, "mouthSmile_L": 0.3},
    {"eyeBlink_R": 0.95, "cheekSquint_R": 0.5, "mouthSmile_R": 0.3},
)


def sample_expression(rng: Random, names: tuple[str, ...]) -> Float:
    """Random weights (57,) of the data's shapes, gaze not included (see `follow_gaze`)."""
    weights: dict[str, float] = {}

    def add(parts: dict[str, float], strength: float) -> None:
        skew = rng.normal(0.0, 0.12) if rng.random() < 0.8 else rng.uniform(-0.6, 0.6)
        for name, value in parts.items():
            amount = value * strength * rng.uniform(0.6, 1.4)
            sides = [name] if name in names else [f"{name}_L", f"{name}_R"]
            for side in sides:
                tilt = 1 + skew if side.endswith("_L") else 1 - skew if side.endswith("_R") else 1.0
                weights[side] = weights.get(side, 0.0) + amount * tilt

    kind = rng.random()
    if kind < 0.40:
        add(_VISEMES[rng.integers(len(_VISEMES))], rng.uniform(0.3, 1.5))
        if rng.random() < 0.35:
            add(_MOUTHS[rng.integers(_SMILES)], rng.uniform(0.2, 0.8))
    elif kind < 0.62:
        add(_MOUTHS[rng.integers(_SMILES)], rng.uniform(0.3, 1.2))
    elif kind < 0.85:
        add(_MOUTHS[rng.integers(len(_MOUTHS))], rng.uniform(0.4, 1.5))
    if rng.random() < 0.5:
        add(_UPPER[rng.integers(len(_UPPER))], rng.uniform(0.3, 1.4))
    if rng.random() < 0.15:
        for name in rng.choice(len(names), rng.integers(1, 4), replace=False):
            if not names[name].startswith(("eyeLook", "Pupil", "mouthClose")):
                add({names[name]: 1.0}, rng.uniform(0.2, 0.9))
    blink = rng.random()
    if blink < 0.11:
        add({"eyeBlink": rng.uniform(0.85, 1.0)}, 1.0)
    elif blink < 0.36:
        add({"eyeBlink": rng.uniform(0.1, 0.8)}, 1.0)
    if rng.random() < 0.08:
        opening = weights.get("jawOpen", 0.0)
        weights["mouthClose"] = opening * rng.uniform(0.3, 1.0)
    out = np.array([np.clip(weights.get(n, 0.0), 0.0, 1.0) for n in names], np.float32)
    out[np.array([n.startswith(("Pupil", "eyeLook")) for n in names])] = 0.0
    _agree(out, list(names))
    return out


def _agree(w: Float, names: list[str]) -> None:
    """Keep shapes apart that no face makes together, and lips from passing through one another."""
    at = {n: i for i, n in enumerate(names)}
    for side in "LR":
        blink, wide = at[f"eyeBlink_{side}"], at[f"eyeWide_{side}"]
        w[wide] *= 1 - min(1.0, 2 * w[blink])
        squint = at[f"eyeSquint_{side}"]
        w[squint] *= 1 - 0.7 * w[blink]
        w[at[f"mouthFrown_{side}"]] *= 1 - 0.7 * w[at[f"mouthSmile_{side}"]]
        w[at[f"browDown_{side}"]] *= 1 - 0.5 * w[at[f"browOuterUp_{side}"]]
    w[at["mouthPucker"]] *= 1 - 0.6 * max(w[at["mouthSmile_L"]], w[at["mouthSmile_R"]])
    for a, b in (("mouthLeft", "mouthRight"), ("jawLeft", "jawRight")):
        w[at[a]] *= 1 - w[at[b]]
    w[at["mouthClose"]] = min(w[at["mouthClose"]], w[at["jawOpen"]])


def sample_gaze(rng: Random, camera_deg: tuple[float, float]) -> Float:
    """Gaze (2, 2) of the left and right eye: yaw toward +X and pitch up, in radians.

    `camera_deg` is where the camera stands, seen from between the eyes: people often look there, as far as
    eyes turn with ease.
    """
    aside, above = camera_deg
    if rng.random() < 0.45 and abs(aside) < 32 and -22 < above < 20:
        yaw, pitch = aside + rng.normal(0, 1), above + rng.normal(0, 1)
    elif rng.random() < 0.6:
        yaw, pitch = rng.normal(0, 9), rng.normal(-1, 5)
    else:
        yaw, pitch = rng.uniform(-35, 35), rng.uniform(-25, 20)
    converge = np.degrees(np.arctan(3.1 / np.exp(rng.uniform(np.log(30), np.log(400)))))
    if rng.random() < 0.03:
        converge += rng.normal(0, 6)  # a squint
    gaze = np.array([[yaw - converge, pitch], [yaw + converge, pitch + rng.normal(0, 0.3)]])
    return np.radians(np.clip(gaze, [-38, -26], [38, 25])).astype(np.float32)


def follow_gaze(rng: Random, weights: Float, gaze: Float, names: tuple[str, ...]) -> None:
    """Set the eyeLook shapes in `weights` so that the lids follow `gaze`."""
    gain = rng.uniform(0.8, 1.1)
    for eye, (side, outward) in enumerate((("L", 1.0), ("R", -1.0))):
        yaw, pitch = np.degrees(gaze[eye]) * (outward, 1.0)
        for name, angle in (("Out", yaw), ("In", -yaw), ("Up", pitch), ("Down", -pitch)):
            value = gain * max(0.0, angle) / GAZE_FULL_DEG[name]
            weights[names.index(f"eyeLook{name}_{side}")] = min(1.0, value)


def to_arkit(weights: Float, names: tuple[str, ...], arkit: tuple[str, ...]) -> Float:
    """The 52 ARKit weights of the data's 57: sides merged for browInnerUp and cheekPuff, tongueOut 0."""
    at = {n: float(w) for n, w in zip(names, weights, strict=True)}
    out = []
    for name in arkit:
        if name in at:
            out.append(at[name])
        elif name.endswith("Left") and f"{name[:-4]}_L" in at:
            out.append(at[f"{name[:-4]}_L"])
        elif name.endswith("Right") and f"{name[:-5]}_R" in at:
            out.append(at[f"{name[:-5]}_R"])
        elif f"{name}_L" in at:
            out.append(0.5 * (at[f"{name}_L"] + at[f"{name}_R"]))
        else:
            out.append(0.0)
    return np.array(out, np.float32)
