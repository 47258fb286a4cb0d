"""What comes back, brought into the scene: one file a kind of result."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, replace
from typing import Any

import bpy

from ..errors import Trouble

ORDER = ("model", "track", "performance", "sequence", "audio", "report")


@dataclass
class Landing:
    """How the results of a run come in; names and no pointers, because an undo may come in between.

    `offset` added to a result's frame number gives the scene's, and `start` is the scene's frame at which
    the shot begins. `by_frame` says that row i of a performance belongs to frame i of the shot, whatever
    the rates. `target` is the object that was active; `source_clip` or `source_image` is
    what the picture was picked as, `node` the compositor's node it came from.

    What one result makes for the others is noted here as well: their `collection`, `camera` and `face`.
    """

    label: str
    scene: str
    offset: int = 0
    start: int = 1
    by_frame: bool = False
    compositor: bool = False
    strip: bool = False
    background: bool = False
    markers: bool = True
    target: str = ""
    retarget: float = 1.0
    source_clip: str = ""
    source_image: str = ""
    node: str = ""
    collection: str = ""
    camera: str = ""
    face: str = ""

    def home(self, scene: Any) -> Any:
        """The collection that takes the objects of this run."""
        found = bpy.data.collections.get(self.collection) if self.collection else None
        if found is None:
            found = bpy.data.collections.new(self.label)
            scene.collection.children.link(found)
            self.collection = found.name
        return found


def bring_in(results: list[dict[str, Any]], landing: Landing) -> list[str]:
    """Bring every result into the scene and return what the user should know, a sentence each.

    One that cannot come in says so and leaves the scene as it was. Raises `Trouble` if none can.
    """
    scene = bpy.data.scenes.get(landing.scene)
    if scene is None:
        raise Trouble(f"The scene '{landing.scene}' is gone; bring the results in again from another.")
    landing = replace(landing)
    notes: list[str] = []
    failed = 0
    for result in sorted(_distinct(results), key=lambda each: ORDER.index(each["kind"])):
        module = importlib.import_module(f"{__name__}.{result['kind']}")
        before = _snapshot()
        try:
            notes += module.bring_in(scene, result, landing)
        except Exception as error:
            _remove_new(before)
            failed += 1
            words = str(error) if isinstance(error, Trouble) else f"{type(error).__name__}: {error}"
            notes.append(" ".join(words.split()))
    if failed and failed == len(_distinct(results)):
        raise Trouble(" ".join(notes))
    return notes


def _distinct(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results without the models that are there in another format: `a.glb` and `a.usdc` are one."""
    from . import model

    kept: dict[str, dict[str, Any]] = {}
    for result in results:
        stem = os.path.splitext(result["path"])[0]
        key = stem if result["kind"] == "model" else f"{result['kind']}:{result['name']}"
        if key not in kept or (not model.reads(kept[key]["path"]) and model.reads(result["path"])):
            kept[key] = result
    return list(kept.values())


def _snapshot() -> set[int]:
    return {each.session_uid for each in _datablocks()}


def _remove_new(before: set[int]) -> None:
    bpy.data.batch_remove([each for each in _datablocks() if each.session_uid not in before])


def _datablocks() -> list[Any]:
    names = [p.identifier for p in bpy.data.bl_rna.properties if p.type == "COLLECTION"]
    return [each for name in names for each in getattr(bpy.data, name)]
