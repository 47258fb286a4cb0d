"""Which effects there are: those packed with the extension, then those the worker tells of."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Declared = dict[str, Any]

PACKED = Path(__file__).with_name("effects.json")
PILLARS = ("face", "human", "scene")

_known: list[Declared] = []


def load() -> list[Declared]:
    """The declarations in `effects.json`, an object with `version` and `effects`; none if it is not there."""
    _known[:] = _packed().get("effects", [])
    return _known


def version() -> str | None:
    """The version of Likeness that the extension was packed with; the worker must be of the same."""
    return _packed().get("version")


def known() -> list[Declared]:
    """The effects that have properties now."""
    return _known


def find(name: str) -> Declared | None:
    """The effect of that name."""
    return next((effect for effect in _known if effect["name"] == name), None)


def adopt(told: list[Declared]) -> bool:
    """Take over what the worker tells; whether that is anything new."""
    if told == _known:
        return False
    _known[:] = told
    return True


def by_pillar(search: str = "") -> list[tuple[str, list[Declared]]]:
    """The effects whose label, name or help has every word of `search`, under their pillar."""
    wanted = search.lower().split()
    found: dict[str, list[Declared]] = {pillar: [] for pillar in PILLARS}
    for effect in _known:
        text = f"{effect['label']} {effect['name']} {effect['help']}".lower()
        if all(word in text for word in wanted):
            found.setdefault(effect["pillar"], []).append(effect)
    return [(pillar, effects) for pillar, effects in found.items() if effects]


def kinds(effect: Declared) -> set[str]:
    """The kinds of results an effect makes."""
    return {output["kind"] for output in effect["outputs"]}


def _packed() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(PACKED.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return found
