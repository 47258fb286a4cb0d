"""Recipes: visemes and expressions as weights of the 52 ARKit shapes.

`oculus` are the 15 visemes of Meta's lip sync; `microsoft` the 22 of SAPI and Azure speech by number;
`preston_blair` the mouths of Preston Blair's chart (Cartoon Animation, 1994), each of them standing for
several of Microsoft's; `vrm` the preset expressions of VRM 1.0.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

Weights = dict[str, float]


@dataclass(frozen=True)
class Recipes:
    """Weights of ARKit shapes by set and name; `sounds` the phonemes of Microsoft's visemes by number."""

    oculus: dict[str, Weights]
    microsoft: dict[str, Weights]
    preston_blair: dict[str, Weights]
    vrm: dict[str, Weights]
    sounds: dict[str, tuple[str, ...]]
    mouths: dict[str, tuple[str, ...]]


@lru_cache(maxsize=1)
def load_recipes() -> Recipes:
    """All recipes; a mouth of Preston Blair's is the mean of the visemes it stands for."""
    table = json.loads((files("likeness.human") / "recipes.json").read_text("utf-8"))
    microsoft = {number: entry["shapes"] for number, entry in table["microsoft"].items()}
    return Recipes(
        table["oculus"],
        microsoft,
        {mouth: _mean([microsoft[n] for n in ids]) for mouth, ids in table["preston_blair"].items()},
        table["vrm"],
        {number: tuple(entry["sounds"].split()) for number, entry in table["microsoft"].items()},
        {mouth: tuple(ids) for mouth, ids in table["preston_blair"].items()},
    )


def _mean(recipes: list[Weights]) -> Weights:
    names = sorted({name for recipe in recipes for name in recipe})
    return {n: round(sum(r.get(n, 0.0) for r in recipes) / len(recipes), 4) for n in names}
