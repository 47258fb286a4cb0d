"""Measures how skin is usually shaded beyond what a light by normal explains, on portraits of known people.

`python -m likeness.training.skin_shading` draws people of all looks in three portraits each (`SITTINGS`) and
writes `models/skin_shading.json`: for every place that `likeness.human.shading` looks at, the usual logarithm
of its `tone` (own color, and how little of the sky it sees) and how far people are from it, relative to most
places (`spread`). 22 minutes of one core. Run it whenever skin, lights or the head change.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from likeness.face.fit import Fit, Lens, project
from likeness.head.model import Head, load_head
from likeness.human import shading
from likeness.human.assemble import Dressing, make_character
from likeness.human.eyes import cornea_part
from likeness.human.figure import make_figure
from likeness.human.hair import grow_hair
from likeness.human.look import sample_look
from likeness.human.materials import body_material, materials
from likeness.human.portrait import CAMERA_CM, LIGHTS, Sitter, View, camera, develop, picture
from likeness.performance import ARKIT
from likeness.render.studio import Light
from likeness.training.register import register_tables

Float = NDArray[np.float32]
Array = NDArray[np.float64]

# Seeds, lights, and degrees around the person (by chance where none are told).
SITTINGS: tuple[tuple[range, tuple[str, ...], tuple[float, ...] | None], ...] = (
    (range(5000, 5024), tuple(LIGHTS), None),
    (range(921, 941), ("soft",) * 3, (0.0, 38.0, -38.0)),
)
SIZE, TEXTURE = 512, 512
YAW_DEG = 45.0
UNKNOWN, SURE = 0.3, 0.05  # spread of a place that was never seen, and how many looks that counts for
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Known:
    """A person drawn from the whole identity space, and the sitter that shows it."""

    identity: Float
    sitter: Sitter


def person(head: Head, seed: int) -> Known:
    """Coefficients (K,) from the seed, and a look."""
    identity = np.random.default_rng(seed).standard_normal(len(head.identity_basis)).astype(np.float32)
    look = sample_look(seed)
    figure = make_figure(identity, {})
    made = (*materials(look, TEXTURE), body_material(look, TEXTURE))
    dressing = Dressing(parts=((cornea_part(figure),),), materials=made)
    hair = grow_hair(look, identity, figure.shapes / np.float32(figure.fit.scale))
    character = make_character("Truth", figure, dressing, levels=1)
    return Known(identity, Sitter(character, hair, figure.fit))


def pose(known: Known, yaw_deg: float) -> Fit:
    """Where the house head stands in a portrait, in its own centimeters."""
    fit, matrix = known.sitter.fit, camera(known.sitter.character, yaw_deg).astype(float)
    assert fit is not None
    rotation = matrix[:, :3]
    translation = (rotation @ (fit.at - fit.scale * fit.pivot) + matrix[:, 3]) / fit.scale
    return Fit(rotation, translation, np.zeros(len(ARKIT)), np.zeros((2, 2)))


def measure() -> shading.Usual:
    """The usual tone of every place and its spread, over all sittings."""
    looks: list[shading.Look] = []
    for seeds, lights, yaws in SITTINGS:
        for seed in seeds:
            looks += portraits(seed, lights, yaws)
            log.info("person %d", seed)
    return summary(np.array([one.error for one in looks]), np.array([one.weight for one in looks]))


def portraits(seed: int, lights: Sequence[str], yaws: Sequence[float] | None) -> list[shading.Look]:
    """How one person's places look against even skin; turned and mirrored by chance, or as told."""
    head, surface = load_head(), shading.load_surface()
    known, rng = person(head, seed), np.random.default_rng(seed)
    lens = Lens(CAMERA_CM / View().tall_cm * SIZE, (SIZE / 2, SIZE / 2))
    out = []
    for i, name in enumerate(lights):
        yaw, light = (rng.uniform(-YAW_DEG, YAW_DEG) if yaws is None else yaws[i]), LIGHTS[name]
        if yaws is None and rng.random() < 0.5:
            light = _mirrored(light)
        linear = picture(known.sitter, View(float(yaw)), light, SIZE)
        fit = pose(known, float(yaw))
        points = head.point_mean + np.tensordot(known.identity, head.point_identity, 1)
        found = project(points @ fit.rotation.T + fit.translation, lens)
        shade = shading.shades(develop(linear), linear, found)
        if shade is not None:
            even = np.zeros(len(surface.rows))
            out.append(shading.look(surface, shade, lens, fit, known.identity.astype(float), even))
    return out


def summary(errors: Array, weights: Array) -> shading.Usual:
    """Mean and relative deviation of errors (N, M): hard lights, and shadows that few have, count less."""
    trust = weights
    for _ in range(4):
        total = trust.sum(0) + SURE
        tone = (trust * errors).sum(0) / total
        off = errors - tone
        spread = np.sqrt(((trust * off**2).sum(0) + SURE * UNKNOWN**2) / total)
        noise = [1.48 * float(np.median(np.abs(o[w > 0.3]))) for o, w in zip(off, weights, strict=True)]
        hard = np.maximum(noise, shading.NOISE)[:, None] / shading.NOISE
        trust = weights / hard**2 / (1 + (off / (3 * hard * spread)) ** 2)
    return shading.Usual(tone, spread / np.median(spread[total > 1]))


def _mirrored(light: Light) -> Light:
    lamps = tuple(replace(lamp, direction=(-lamp.direction[0], *lamp.direction[1:])) for lamp in light.lamps)
    return replace(light, lamps=lamps)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    usual = measure()
    table = {"tone": np.round(usual.tone, 3).tolist(), "spread": np.round(usual.spread, 3).tolist()}
    register_tables(
        "skin_shading", table, "how skin is usually shaded beyond what a light by normal explains"
    )


if __name__ == "__main__":
    main()
