"""Writes the demo performance: `python -m likeness.demo.author`. Nobody was recorded for it.

Speech is articulated by dominance functions (Cohen and Massaro, Modeling coarticulation in synthetic
visual speech, 1993); single movements follow the minimum-jerk path (Flash and Hogan 1985); blinks close
twice as fast as they open; the eyes jump, lead the head, and hold their target while the head moves.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness import performance as perf
from likeness.demo import PERFORMANCE

Curve = NDArray[np.float64]
Curves = dict[str, Curve]

FPS = 30.0
FRAMES = 120
SEED = 1961
# An eyeLook shape is full when the eye has turned this far.
FULL_LOOK_RAD = {"yaw": 0.6, "pitch": 0.5}

# Where the articulators go for a sound; "closure" brings the lips together however open the jaw is.
VISEMES: dict[str, dict[str, float]] = {
    "w": {"jawOpen": 0.12, "mouthPucker": 0.62, "mouthFunnel": 0.25},
    "a": {"jawOpen": 0.45, "mouthLowerDown": 0.26, "mouthUpperUp": 0.14, "mouthStretch": 0.06},
    "t": {"jawOpen": 0.09, "mouthLowerDown": 0.2, "mouthUpperUp": 0.12, "mouthStretch": 0.1},
    "b": {"jawOpen": 0.14, "closure": 1.0, "mouthPress": 0.3, "mouthRollLower": 0.16, "mouthRollUpper": 0.1},
    "i": {
        "jawOpen": 0.22,
        "mouthLowerDown": 0.24,
        "mouthUpperUp": 0.14,
        "mouthStretch": 0.24,
        "mouthSmile": 0.24,
    },
    "u": {"jawOpen": 0.14, "mouthPucker": 0.72, "mouthFunnel": 0.34},
    "f": {"jawOpen": 0.08, "mouthRollLower": 0.4, "mouthUpperUp": 0.24, "mouthShrugLower": 0.1},
    "l": {"jawOpen": 0.28, "mouthLowerDown": 0.22, "mouthUpperUp": 0.1},
    "o": {"jawOpen": 0.44, "mouthFunnel": 0.55, "mouthPucker": 0.22, "mouthLowerDown": 0.1},
    "n": {"jawOpen": 0.15, "mouthLowerDown": 0.16, "mouthUpperUp": 0.1},
}
# "What a beautiful morning", sound and center in seconds.
SPEECH = (
    *(("w", 0.98), ("a", 1.09), ("t", 1.19), ("a", 1.27), ("b", 1.37), ("i", 1.45), ("u", 1.55), ("t", 1.67)),
    *(("i", 1.75), ("f", 1.84), ("l", 1.95), ("b", 2.06), ("o", 2.2), ("n", 2.35), ("i", 2.44), ("n", 2.56)),
)
SPEECH_SPAN_S = (0.84, 2.76)
BLINKS_S = (0.33, 1.5, 2.74, 3.52)
# Where the eyes rest, from which second on: yaw and pitch of the target, seen by a still head.
GAZE = ((0.0, 0.0, 0.0), (0.36, -0.3, -0.12), (0.88, 0.0, 0.0), (2.72, 0.3, 0.05), (3.3, 0.0, 0.0))


def ease(time_s: Curve, start: float, end: float) -> Curve:
    """Minimum jerk from 0 at `start` to 1 at `end`."""
    t = np.clip((time_s - start) / (end - start), 0.0, 1.0)
    return t**3 * (10 - 15 * t + 6 * t**2)


def bump(time_s: Curve, rise: float, top: float, fall: float, end: float) -> Curve:
    """Up from `rise` to `top`, held until `fall`, back at `end`."""
    return ease(time_s, rise, top) - ease(time_s, fall, end)


def speech(time_s: Curve) -> Curves:
    """The mouth saying `SPEECH`: each sound pulls toward its viseme as far as it dominates its neighbors."""
    names = sorted({name for viseme in VISEMES.values() for name in viseme})
    total = np.full((len(names), len(time_s)), 1e-3)
    pulled = np.zeros_like(total)
    for sound, center in SPEECH:
        away = time_s - center
        for k, name in enumerate(names):
            # The lips prepare a rounding early; a closure is short and certain.
            before, after = (18.0, 22.0) if name in ("mouthPucker", "mouthFunnel") else (26.0, 24.0)
            strength = 3.0 if name in VISEMES[sound] else 1.0
            if name == "closure":
                before, after, strength = 34.0, 34.0, 2.0
            pull = strength * np.exp(-((np.where(away < 0, before, after) * np.abs(away)) ** 1.35))
            pulled[k] += pull * VISEMES[sound].get(name, 0.0)
            total[k] += pull
    start, end = SPEECH_SPAN_S
    voice = bump(time_s, start, start + 0.16, end - 0.24, end)
    curves = {name: voice * pulled[k] / total[k] for k, name in enumerate(names)}
    closure = ease(curves.pop("closure"), 0.25, 0.8)
    # mouthClose counts from the open jaw: equal weights bring the lips together.
    curves["mouthClose"] = closure * curves["jawOpen"]
    for name in ("mouthLowerDown", "mouthUpperUp"):
        curves[name] *= 1 - closure
    return curves


def blinks(time_s: Curve) -> Curve:
    """Lids: 80 ms down, 30 ms closed, 170 ms up."""
    closed = [bump(time_s, at, at + 0.08, at + 0.11, at + 0.28) for at in BLINKS_S]
    out: Curve = np.max(closed, axis=0)
    return out


def gaze_target(time_s: Curve) -> Curve:
    """Yaw and pitch (F, 2) that the eyes aim at: jumps of 60 ms between rests."""
    out = np.zeros((len(time_s), 2))
    for (_, *old), (at, *new) in pairwise(GAZE):
        out += ease(time_s, at, at + 0.06)[:, None] * (np.array(new) - np.array(old))
    return out


def head_motion(time_s: Curve, rng: np.random.Generator) -> Curve:
    """Yaw, pitch, roll (F, 3): follows the gaze late and in part, nods on stress, tilts with the smile."""
    yaw = -0.075 * bump(time_s, 0.42, 0.85, 0.95, 1.5) + 0.12 * bump(time_s, 2.7, 3.2, 3.4, 3.95)
    nod = 0.075 * bump(time_s, 1.28, 1.46, 1.46, 1.8) + 0.1 * bump(time_s, 2.0, 2.2, 2.2, 2.65)
    pitch = nod - 0.05 * bump(time_s, 0.45, 0.8, 0.85, 1.3) - 0.03 * bump(time_s, 2.7, 3.1, 3.4, 3.95)
    roll = 0.07 * bump(time_s, 2.55, 3.1, 3.35, 3.95) - 0.03 * bump(time_s, 0.95, 1.4, 1.8, 2.5)
    return np.stack([yaw, pitch, roll], axis=1) + 0.012 * drift(time_s, rng, 3).T


def drift(time_s: Curve, rng: np.random.Generator, count: int) -> Curve:
    """Slow noise (count, F) of about 1 at its peaks, at rest at both ends: nobody holds still."""
    out = np.zeros((count, len(time_s)))
    for hertz in (0.5, 0.9, 1.7, 2.6):
        phase = rng.uniform(0, 2 * np.pi, (count, 1))
        out += np.sin(2 * np.pi * hertz * time_s + phase) * 0.5 / (1 + hertz)
    return out * bump(time_s, 0.0, 0.5, time_s[-1] - 0.5, time_s[-1])


def smile(time_s: Curve) -> Curves:
    """A smile that reaches the eyes, the left side first and further."""
    left, right = bump(time_s, 2.5, 3.0, 3.4, 3.93), bump(time_s, 2.54, 3.06, 3.38, 3.9)
    warm = bump(time_s, 0.9, 1.2, 2.4, 2.7)
    curves = {
        "jawOpen": 0.06 * left,
        "mouthUpperUpLeft": 0.2 * left,
        "mouthUpperUpRight": 0.17 * right,
        "mouthLowerDownLeft": 0.16 * left,
        "mouthLowerDownRight": 0.14 * right,
    }
    for side, curve, much in (("Left", left, 1.0), ("Right", right, 0.88)):
        curves["mouthSmile" + side] = much * (0.78 * curve + 0.1 * warm)
        curves["mouthDimple" + side] = 0.22 * much * curve
        curves["cheekSquint" + side] = 0.55 * much * curve
        curves["eyeSquint" + side] = 0.42 * much * curve + 0.06 * warm
    return curves


def brows(time_s: Curve) -> Curves:
    """A raise of surprise, an accent on the stressed word, a lift with the smile."""
    raise_ = bump(time_s, 0.42, 0.66, 0.86, 1.3)
    accent = bump(time_s, 1.95, 2.18, 2.25, 2.6)
    lift = bump(time_s, 2.6, 3.05, 3.35, 3.9)
    return {
        "browInnerUp": 0.62 * raise_ + 0.3 * accent + 0.1 * lift,
        "browOuterUpLeft": 0.5 * raise_ + 0.22 * accent + 0.12 * lift,
        "browOuterUpRight": 0.62 * raise_ + 0.3 * accent + 0.1 * lift,
        "eyeWideLeft": 0.34 * raise_,
        "eyeWideRight": 0.36 * raise_,
        "browDownLeft": 0.12 * bump(time_s, 1.3, 1.5, 1.6, 1.9),
        "browDownRight": 0.1 * bump(time_s, 1.3, 1.5, 1.6, 1.9),
    }


def look_shapes(eyes: Curve) -> Curves:
    """The lids' part of looking, from each eye's yaw and pitch (F, 2, 2)."""
    curves: Curves = {}
    for k, (side, outward) in enumerate((("Left", 1.0), ("Right", -1.0))):
        out = outward * eyes[:, k, 0] / FULL_LOOK_RAD["yaw"]
        down = eyes[:, k, 1] / FULL_LOOK_RAD["pitch"]
        for name, curve in (("Out", out), ("In", -out), ("Down", down), ("Up", -down)):
            curves[f"eyeLook{name}{side}"] = np.maximum(curve, 0.0)
    return curves


def perform() -> perf.Performance:
    """The whole take, the same on every machine."""
    rng = np.random.default_rng(SEED)
    time_s = np.arange(FRAMES) / FPS
    head = head_motion(time_s, rng)
    eyes = np.repeat((gaze_target(time_s) - 0.8 * head[:, :2])[:, None], 2, axis=1)
    eyes += 0.006 * drift(time_s, rng, 2).T[:, None]
    lids = blinks(time_s)
    curves: Curves = {name: np.zeros(FRAMES) for name in perf.ARKIT}
    layers = (speech(time_s), smile(time_s), brows(time_s), look_shapes(eyes))
    for layer in layers:
        for name, curve in layer.items():
            for shape in (name,) if name in curves else (name + "Left", name + "Right"):
                curves[shape] += curve
    # The right lid follows the left by a few milliseconds; the upper lid also rides on the eye.
    curves["eyeBlinkLeft"] += lids
    curves["eyeBlinkRight"] += np.interp(time_s - 0.008, time_s, lids)
    for side in ("Left", "Right"):
        curves["eyeWide" + side] *= 1 - lids
        curves["eyeSquint" + side] += 0.12 * lids
    alive = (
        "browInnerUp",
        "mouthSmileLeft",
        "mouthSmileRight",
        "eyeSquintLeft",
        "eyeSquintRight",
        "mouthPucker",
    )
    for name, noise in zip(alive, drift(time_s, rng, len(alive)), strict=True):
        curves[name] += 0.02 * np.abs(noise)
    table = {name: np.round(np.clip(curve, 0.0, 1.0), 6).tolist() for name, curve in curves.items()}
    turns = np.concatenate([eyes, np.zeros((FRAMES, 2, 1))], axis=2)
    return perf.make(table, fps=FPS, head=np.round(head, 6), eyes=np.round(turns, 6))


def main(path: Path = PERFORMANCE) -> None:
    """Write the take."""
    perf.write_csv(path, perform())


if __name__ == "__main__":
    main()
