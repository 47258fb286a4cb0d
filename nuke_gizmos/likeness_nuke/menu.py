"""The toolbar menu: every effect under its pillar."""

from __future__ import annotations

import os

import nuke

from likeness_nuke import installed

ROOT = "Likeness"
_PRESS = "from likeness_nuke import menu; menu.create({!r})"


def build() -> None:
    """Add the menu; doing it again changes nothing."""
    toolbar = nuke.menu("Nodes")
    toolbar.addMenu(ROOT, icon="likeness.png")
    for effect in installed.effects():
        pillar = effect["pillar"].capitalize()
        icon = "likeness_{}.png".format(effect["pillar"])
        toolbar.addMenu(f"{ROOT}/{pillar}", icon=icon)
        path = "{}/{}/{}".format(ROOT, pillar, effect["label"].replace("/", " "))
        toolbar.addCommand(path, _PRESS.format(effect["name"]), icon=icon)


def create(name: str) -> nuke.Node | None:
    """Add an effect's Group to the script, connected to what is selected."""
    path = installed.script(name)
    if not os.path.exists(path):
        raise LookupError(f"This Likeness has no effect '{name}'; install it again.")
    return nuke.nodePaste(path)
