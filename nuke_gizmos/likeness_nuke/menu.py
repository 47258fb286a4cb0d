"""The toolbar menu: every effect under its pillar."""

from __future__ import annotations

import os

import nuke

from likeness_nuke import installed, ready

ROOT = "Likeness"
_PRESS = "from likeness_nuke import menu; menu.create({!r})"


def build() -> None:
    """Add the menu; doing it again changes nothing."""
    top = nuke.menu("Nodes").addMenu(ROOT, icon="likeness.png")
    for effect in installed.effects():
        icon = "likeness_{}.png".format(effect["pillar"])
        pillar = top.addMenu(effect["pillar"].capitalize(), icon=icon)
        # A slash would be one more menu.
        pillar.addCommand(effect["label"].replace("/", " "), _PRESS.format(effect["name"]), icon=icon)


def create(name: str) -> nuke.Node | None:
    """Add an effect's Group to the script, connected to what is selected."""
    path = installed.script(name)
    if not os.path.exists(path):
        raise LookupError(f"This Likeness has no effect '{name}'; install it again.")
    made = nuke.nodePaste(path)
    if isinstance(made, nuke.Group):
        ready.prepare(made, name)
    return made
