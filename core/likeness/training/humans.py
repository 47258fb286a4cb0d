"""The suite's own digital humans as people of the training pictures: their skin and hair on the head data.

A library of seeded people is painted once per process (`likeness.human.skin`), as textures in the head data's
own coordinates; its second tile (scalp, nape, sockets) lies beside the first. Hair grows as it does on them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.human import hair, skin
from likeness.human import look as human
from likeness.human.texels import Texels, texels
from likeness.training import anatomy as parts
from likeness.training import looks, shading
from likeness.training.anatomy import Anatomy

Float = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Random = np.random.Generator

COUNT = 80  # people in the library
TILE = 512  # pixels a side, of each of the two tiles
RELIEF = 80.0  # bytes for a slope of one
FINE_STYLES = tuple(name for name in human.HAIR_STYLES if name not in ("bald", "buzz"))


@dataclass(frozen=True, eq=False)
class Human:
    """A person of the library: `texture` (TILE, 2 TILE, 6) holds color and relief, see `shading.shade`."""

    look: human.Look
    texture: Bytes
    tone: Float


def sample_human(rng: Random, anatomy: Anatomy) -> tuple[looks.Look, Human]:
    """Somebody of the library, mostly with other hair than there."""
    person = paint(int(rng.integers(COUNT)), anatomy)
    own = person.look
    if own.style in FINE_STYLES:
        own = replace(own, style=str(rng.choice(FINE_STYLES)), hair_length=float(rng.random()))
    own = replace(own, seed=int(rng.integers(2**31)))
    return wear(rng, looks.sample_look(rng), own, person.tone), replace(person, look=own)


def wear(rng: Random, base: looks.Look, own: human.Look, tone: Float) -> looks.Look:
    """`base` with the surface of `own`: what the shader and the labels need to know of it."""
    numbers = base.numbers.copy()
    for index in (shading.P_FRECKLE, shading.P_WRINKLE):
        numbers[index] = 0.0
    numbers[shading.P_FINE] *= 0.5
    numbers[shading.P_SPEC] = 0.3 + 1.4 * own.oiliness * rng.uniform(0.5, 1.5)
    style = "bald" if own.style in ("bald", "buzz") else "short_side"
    return replace(
        base,
        numbers=numbers,
        melanin=own.skin_tone,
        age=float(np.clip((own.age - 20) / 60, 0, 1)),
        skin=tone,
        hair=np.array(own.hair, np.float32),
        brow_color=np.array(own.brow, np.float32),
        beard_color=np.array(own.beard_color, np.float32),
        style=style,
        brow_thickness=0.5 + 0.9 * own.brow_thickness,
        brow_lift=0.0,
        beard_shape="none",
        forehead=1.6 * own.hairline - 0.2,
        recession=2.5 * own.hairline,
        makeup=own.lipstick,
    )


@lru_cache(maxsize=COUNT)
def paint(seed: int, anatomy: Anatomy) -> Human:
    """Person `seed` of the library."""
    rng = np.random.default_rng([9, seed])
    look = human.sample_look(seed, sex=float(rng.uniform(-1, 1)), age=float(rng.uniform(18, 85)))
    at, triangles, rest, fields = _surface(anatomy)
    painted = skin.make_skin_on(look, at, triangles, rest, *fields)
    relief = _relief(painted.height_cm, at, triangles, rest)
    # The square holds the two tiles in its lower half; colors are kept by their square roots.
    color = np.sqrt(np.clip(painted.base_color[TILE:], 0, 1))
    slope = np.clip(RELIEF * relief[TILE:] + 128, 0, 255)
    texture = np.concatenate([color * 255, slope], 2)
    face = (at.index[TILE:] >= 0) & (np.arange(2 * TILE) < TILE)
    tone = np.median(painted.base_color[TILE:][face], axis=0)
    return Human(look, np.round(texture).astype(np.uint8), tone.astype(np.float32))


@lru_cache(maxsize=1)
def _surface(anatomy: Anatomy) -> tuple[Texels, Any, Float, tuple[Float, Float]]:
    """The skin with its own vertex at each corner, its texels, and what `make_skin_on` needs to know."""
    drawn = anatomy.material == parts.SKIN
    corners = anatomy.triangles[drawn].ravel()
    triangles = np.arange(len(corners), dtype=np.int32).reshape(-1, 3)
    at = texels(anatomy.uv[drawn].reshape(-1, 2) / 2, triangles, 2 * TILE, 52.0)
    lips = np.clip(anatomy.lip / 0.15, 0, 1)
    fields = (anatomy.occlusion[0][corners], lips[corners].astype(np.float32))
    return at, triangles, np.ascontiguousarray(anatomy.rest[corners]), fields


def _relief(height: Float, at: Texels, triangles: Any, rest: Float) -> Float:
    """What a relief (N, N) in cm adds to the unit normal at rest (N, N, 3): its slope downward."""
    place = np.einsum("yxk,yxkc->yxc", at.bary, rest[triangles[at.index]])
    across, down = (np.gradient(place, axis=axis) for axis in (1, 0))
    rise_x, rise_y = np.gradient(height, axis=1), np.gradient(height, axis=0)
    e, f, g = (across**2).sum(2), (across * down).sum(2), (down**2).sum(2)
    area = np.maximum(e * g - f * f, 1e-9)
    slope = ((g * rise_x - f * rise_y) / area)[..., None] * across
    slope += ((e * rise_y - f * rise_x) / area)[..., None] * down
    torn = (e > 0.04) | (g > 0.04) | (area < 1e-8) | (at.index < 0)  # where pieces of the texture meet
    slope[torn] = 0
    return np.asarray(-np.clip(slope, -1.2, 1.2), np.float32)


def grow(person: Human, anatomy: Anatomy, vertices: Float, normals: Float, radii: Float) -> dict[str, Any]:
    """The person's hair on posed `vertices` (V, 3): curves by name, a third of them and wider for it."""
    roots = hair.Roots(anatomy.places.triangle, anatomy.places.bary, anatomy.places.rest)
    grown = hair.grow_on(person.look, roots, vertices, normals, radii, share=0.35)
    return {curves.name: curves for curves in grown}
