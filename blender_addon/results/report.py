"""A report: a text block, its pictures as images, and what it tells of frames as markers."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bpy

from ..errors import Trouble
from ..spaces import MOVIES
from . import Landing

_PICTURES = frozenset([".png", ".jpg", ".jpeg", ".exr", ".tif", ".tiff", ".webp", *MOVIES])
_WORDS = frozenset([".txt", ".md", ".csv", ".html", ".htm"])


def bring_in(scene: Any, result: dict[str, Any], landing: Landing) -> list[str]:
    """Bring a report in; a JSON report's `markers` (frame and label) go on the timeline."""
    path = Path(result["path"])
    if not path.exists():
        raise Trouble(f"The report {path} is gone; run the effect again.")
    more = [path.parent / name for name in result["meta"].get("pictures", [])]
    marks = list(result["meta"].get("markers", []))
    lines = [f"{landing.label}: {result['name']}", ""]
    if path.suffix.lower() == ".json":
        told = json.loads(path.read_text("utf-8"))
        lines.append(json.dumps(told, indent=2, ensure_ascii=False))
        marks += told.get("markers", []) if isinstance(told, dict) else []
    elif path.suffix.lower() in _WORDS:
        lines.append(path.read_text("utf-8", errors="replace"))
    facts = {key: value for key, value in result["meta"].items() if key not in ("pictures", "markers")}
    lines += [f"{key}: {value}" for key, value in facts.items()]
    lines += ["", "Files:", *(str(each) for each in (path, *more))]
    text = bpy.data.texts.new(f"{landing.label} {result['name']}")
    text.write("\n".join(lines) + "\n")
    for each in (path, *more):
        if each.suffix.lower() in _PICTURES and each.exists():
            image = bpy.data.images.load(os.fspath(each), check_existing=False)
            image.name = f"{landing.label} {each.stem}"
            image.use_fake_user = True
    if landing.markers:
        add_markers(scene, [(mark["frame"], mark.get("label", "")) for mark in marks], landing)
    return []


def add_markers(scene: Any, marks: Iterable[tuple[int, str]], landing: Landing) -> None:
    """Markers on the timeline at frames of the shot; one that is there already is not doubled."""
    there = {(marker.name, marker.frame) for marker in scene.timeline_markers}
    for frame, label in marks:
        name, at = label or landing.label, int(frame) + landing.offset
        if (name, at) not in there:
            scene.timeline_markers.new(name, frame=at)
