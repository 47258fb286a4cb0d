"""The picture of people in the README: skins, ages, lights, expressions, all drawn by the core itself.

`python -m bench.portraits docs/human.jpg [cell pixels]`; with a third number, the samples of a pixel, the
sheet is that of docs/human_cycles.jpg, drawn by Cycles in the Blender that is found.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from likeness.effects.human import human_portrait
from likeness.effects.human.human_portrait import HUMAN_PORTRAIT
from likeness.face.fit import PIVOT
from likeness.human import cycles
from likeness.human.portrait import (
    EXPRESSIONS,
    LIGHTS,
    Sitter,
    View,
    develop,
    eye_joints,
    picture,
    pose,
    sheet,
)
from likeness.human.skeleton import skinned
from likeness.render.blender import VARIABLE, find_blender

Float = NDArray[np.float32]

# Five skins, ages 20 to 70, in three lights.
SITTERS: tuple[dict[str, Any], ...] = (
    {"seed": 21, "sex": -0.9, "age": 22, "european": 0.8, "skin_tone": 0.03, "style": "long",
     "hair_melanin": 0.42, "hair_red": 0.3, "eye_melanin": 0.1, "freckles": 0.7, "gray": 0.001},
    {"seed": 33, "sex": 0.9, "age": 40, "european": 0.8, "skin_tone": 0.1, "style": "side_part",
     "beard": "short", "hair_melanin": 0.62, "eye_melanin": 0.2, "gray": 0.1},
    {"seed": 45, "sex": -0.8, "age": 40, "asian": 0.9, "skin_tone": 0.22, "style": "bun",
     "hair_melanin": 0.95, "eye_melanin": 0.85, "lipstick": 0.5, "gray": 0.001},
    {"seed": 58, "sex": 0.9, "age": 70, "european": 0.4, "asian": 0.4, "skin_tone": 0.45,
     "style": "slick_back", "beard": "full", "hair_melanin": 0.7, "eye_melanin": 0.7, "gray": 0.95},
    {"seed": 66, "sex": -0.6, "age": 28, "african": 0.9, "skin_tone": 0.85, "style": "afro",
     "hair_length": 0.25, "hair_melanin": 0.98, "eye_melanin": 0.95, "gray": 0.001},
)  # fmt: skip
# Four people, two pictures of each, for Cycles.
IN_CYCLES: tuple[tuple[dict[str, Any], View, View], ...] = (
    ({"seed": 3, "sex": -1.0, "age": 21, "skin_tone": 0.08, "style": "long", "hair_melanin": 0.3,
      "freckles": 0.6, "eye_melanin": 0.1, "texture_size": "512"},
     View(-18.0, EXPRESSIONS["smile"][0]), View(35.0, light="back")),
    ({"seed": 31, "sex": 1.0, "age": 40, "skin_tone": 0.85, "style": "crop", "hair_melanin": 1.0,
      "beard": "short", "eye_melanin": 0.95},
     View(18.0), View(25.0, EXPRESSIONS["laugh"][0], light="hard")),
    ({"seed": 12, "sex": 1.0, "age": 70, "skin_tone": 0.2, "style": "side_part", "gray": 0.9,
      "hairline": 0.6, "texture_size": "512"},
     View(20.0, light="hard"), View(18.0, EXPRESSIONS["surprise"][0])),
    ({"seed": 44, "sex": -0.9, "age": 38, "skin_tone": 0.45, "style": "bob", "hair_melanin": 1.0,
      "eye_melanin": 0.9, "texture_size": "512"},
     View(60.0), View(18.0, EXPRESSIONS["pucker"][0])),
)  # fmt: skip
FACES = ("smile", "laugh", "anger", "blink", "sadness")


def main(path: Path, size: int) -> None:
    """Draw the sheet: five people in soft, then in hard or back light, then one with five expressions."""
    columns: list[list[Float]] = []
    people = [sitter(values) for values in SITTERS]
    for i, who in enumerate(people):
        turned = 24.0 if i % 2 else -20.0
        second = View(-turned, light="hard") if i % 2 else View(2.2 * turned, light="back")
        shown = [View(turned, light="soft"), second]
        columns.append([drawn(who, view, size) for view in shown])
    cells = [column[row] for row in range(2) for column in columns]
    cells += [drawn(people[2], View(14.0, *EXPRESSIONS[name], light="soft"), size) for name in FACES]
    save(path, sheet(cells, len(SITTERS)))


def in_cycles(path: Path, size: int, samples: int) -> None:
    """Draw the sheet of `IN_CYCLES`, a person a column."""
    blender = find_blender()
    if blender is None:
        raise SystemExit(f"There is no Blender; let {VARIABLE} name one.")
    columns = []
    for values, *views in IN_CYCLES:
        linear = cycles.pictures(blender, sitter(values), views, "soft", size, samples)
        columns.append([develop(each) for each in linear])
    save(path, sheet([column[row] for row in range(2) for column in columns], len(columns)))


def sitter(values: dict[str, Any]) -> Sitter:
    """A person as `human_portrait` makes one."""
    return human_portrait.sitter(HUMAN_PORTRAIT.validate(values))


def drawn(who: Sitter, view: View, size: int) -> Float:
    """One cell as a display shows it."""
    return develop(picture(who, view, LIGHTS[view.light or "soft"], size))


def head_turned(who: Sitter, turn: Float) -> Sitter:
    """The sitter at rest, whose head has a turn (3, 3) to the space about where it sits on the neck.

    The neck follows as the skeleton's weights have it, and no face shape is left.
    """
    joints, fit = who.character.skeleton, who.fit
    if fit is None:
        raise ValueError("The sitter's hair does not say where its head is.")
    head = joints.parents[eye_joints(who.character)[0]]
    turns = np.tile(np.eye(3, dtype=np.float32), (len(joints.names), 1, 1))
    turns[[head, *np.flatnonzero(np.array(joints.parents) == head)]] = turn
    at = joints.positions.copy()
    at[head] = fit.apply(PIVOT.astype(np.float32))
    about, around = replace(joints, positions=at), replace(joints, positions=np.zeros_like(at))
    parts = tuple(
        replace(
            part,
            vertices=skinned(part.vertices, part.joints, part.weights, about, turns),
            normals=skinned(part.normals, part.joints, part.weights, around, turns),
            shapes={},
            shape_normals={},
        )
        for part in who.character.levels[0]
    )
    hair = tuple(
        replace(each, points=((each.points - PIVOT) @ turn.T + PIVOT).astype(np.float32), moved={})
        for each in who.hair
    )
    return Sitter(replace(who.character, levels=(parts,)), hair, fit)


def expressing(who: Sitter, weights: Mapping[str, float]) -> Sitter:
    """The sitter whose rest is an expression; no face shape is left. Hair stays where it was."""
    parts = tuple(
        replace(part, vertices=vertices, normals=normals, shapes={}, shape_normals={})
        for part, vertices, normals in pose(who.character, weights)
    )
    return replace(who, character=replace(who.character, levels=(parts,)))


def save(path: Path, view: Float) -> None:
    """Write a display picture (H, W, 3) as JPEG."""
    pixels = np.asarray(np.clip(view, 0, 1) * 255 + 0.5, np.uint8)
    Pillow.fromarray(pixels).save(path, quality=90, optimize=True)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[2:]]
    if len(numbers) > 1:
        in_cycles(Path(sys.argv[1]), *numbers)
    else:
        main(Path(sys.argv[1]), *(numbers or [320]))
