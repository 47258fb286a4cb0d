"""Likeness in Blender: every effect the core declares, with its panel, progress and results.

Nothing here names an effect: panels and properties are made from the declarations in `effects.json`,
and the work is done by a process of its own that speaks JSON (`likeness_client`).
"""

# SPDX-License-Identifier: GPL-3.0-or-later

import bpy
from bpy.app.handlers import persistent

from . import exporting, jobs, live, operators, panels, preferences, presets, properties, schemas, worker

CLASSES = (
    preferences.LikenessPreferences,
    *operators.CLASSES,
    *presets.CLASSES,
    *exporting.CLASSES,
    *live.CLASSES,
    *panels.CLASSES,
)


@persistent
def _on_load(*_: object) -> None:
    """Another file: what runs for the old one ends, and so does the worker."""
    jobs.cancel_all()
    jobs.queue.clear()
    worker.close()


def refresh() -> None:
    """Make the properties anew, for other effects than before; what was set is kept by name."""
    live.unregister()
    properties.unregister()
    properties.register()
    live.register()


def register() -> None:
    schemas.load()
    for each in CLASSES:
        bpy.utils.register_class(each)
    properties.register()
    live.register()
    panels.register()
    exporting.register()
    bpy.app.handlers.load_pre.append(_on_load)
    if not bpy.app.background:
        bpy.app.timers.register(operators.look_for_more, first_interval=1.0)


def unregister() -> None:
    _on_load()
    bpy.app.handlers.load_pre.remove(_on_load)
    if bpy.app.timers.is_registered(operators.look_for_more):
        bpy.app.timers.unregister(operators.look_for_more)
    exporting.unregister()
    panels.unregister()
    live.unregister()
    properties.unregister()
    for each in reversed(CLASSES):
        bpy.utils.unregister_class(each)
