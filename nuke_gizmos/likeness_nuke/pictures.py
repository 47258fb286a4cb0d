"""The pictures that go to the worker: what the pipes give, written bit for bit as EXR.

A frame whose bytes are as they were keeps its file, so the worker knows the shot again and reuses what it
found in it.
"""

from __future__ import annotations

import filecmp
import os
import shutil
from typing import Any, Mapping, Sequence, Tuple

import nuke

from likeness_nuke import host, names, script

Range = Tuple[int, int]


def extent(group: nuke.Group, place: int) -> Range:
    """First and last frame of what is connected to a pipe."""
    node = group.input(place)
    assert node is not None
    found = node.frameRange()
    return int(found.first()), int(found.last())


def write(
    group: nuke.Group,
    effect: Mapping[str, Any],
    pipes: Sequence[str],
    frames: Range,
    folder: str,
    views: Sequence[str],
) -> dict[str, dict[str, str]]:
    """Write every connected picture input and return its path by view and name.

    The first picture and every matte are written for `frames`, other pictures for their own range. A
    single frame is a still, and is written as one. Raises Nuke's own `RuntimeError` if a render fails.
    """
    found: dict[str, dict[str, str]] = {view: {} for view in views}
    for place, given in enumerate(names.piped(effect)):
        if given["name"] not in pipes:
            continue
        follows = given["name"] == pipes[0] or "picture" not in given["kinds"]
        span = frames if follows else extent(group, place)
        node = group.node(names.writer(given["name"]))
        if node is None:
            raise RuntimeError(
                "The node has lost its '{}'; make a new one.".format(names.writer(given["name"]))
            )
        for view in views:
            target = os.path.join(folder, "inputs", view, file_name(given["name"], span))
            with host.unrecorded():
                _write(node, target, span, view)
            found[view][given["name"]] = target
    return found


def file_name(name: str, span: Range) -> str:
    """A still's file, or a sequence's pattern."""
    return name + (".exr" if span[0] == span[1] else ".%04d.exr")


def _write(node: nuke.Node, target: str, span: Range, view: str) -> None:
    fresh = os.path.join(os.path.dirname(target), "fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    os.makedirs(fresh)
    disabled, file = node["disable"], node["file"]
    try:
        file.setValue(script.file_value(os.path.join(fresh, os.path.basename(target))))
        disabled.setValue(False)
        nuke.execute(node, span[0], span[1], 1, [view])
        _replace(fresh, target)
    finally:
        disabled.setValue(True)
        file.setValue("")
        shutil.rmtree(fresh, ignore_errors=True)


def _replace(fresh: str, target: str) -> None:
    """Move in what is new or changed, and remove frames that are no longer there."""
    folder = os.path.dirname(target)
    written = set(os.listdir(fresh))
    head = os.path.basename(target).split(".")[0]
    for name in os.listdir(folder):
        if name.split(".")[0] == head and name.endswith(".exr") and name not in written:
            os.remove(os.path.join(folder, name))
    for name in written:
        new, old = os.path.join(fresh, name), os.path.join(folder, name)
        if not (os.path.exists(old) and filecmp.cmp(new, old, shallow=False)):
            os.replace(new, old)


def all_views() -> list[str]:
    """The views of the script."""
    return list(nuke.views())
