"""The active camera's render as an input: to the end at once, or beside the interface."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .errors import Trouble
from .versions import restore, set_exr

Range = tuple[Path, int, int]


def render_now(scene: Any, render: Range) -> None:
    """Render to EXR and wait for it; raise `Trouble` if the scene cannot be rendered."""
    put_back = _set_up(scene, render)
    try:
        bpy.ops.render.render(animation=True, scene=scene.name)
    except RuntimeError as error:
        words = " ".join(str(error).split()).rstrip(".")
        raise Trouble(f"The scene '{scene.name}' cannot be rendered: {words}.") from None
    finally:
        put_back()


class Rendering:
    """A render that Blender does beside its interface; `over` is asked now and then."""

    def __init__(self, scene: Any, render: Range) -> None:
        self.over = self.whole = False
        self._put_back = _set_up(scene, render)
        # No window of its own: what is rendered is an input, and the user works on something else.
        view = bpy.context.preferences.view
        self._display, view.render_display_type = view.render_display_type, "NONE"
        handlers = bpy.app.handlers
        self._hung = ((handlers.render_complete, self._done), (handlers.render_cancel, self._stopped))
        for place, function in self._hung:
            place.append(function)
        bpy.ops.render.render("INVOKE_DEFAULT", animation=True, scene=scene.name)

    def _done(self, *_: object) -> None:
        self.over = self.whole = True

    def _stopped(self, *_: object) -> None:
        self.over = True

    def leave(self) -> None:
        """Put everything back as it was."""
        for place, function in self._hung:
            if function in place:
                place.remove(function)
        bpy.context.preferences.view.render_display_type = self._display
        self._put_back()


def _set_up(scene: Any, render: Range) -> Any:
    """Aim the scene's output at the pattern; what is returned puts everything back."""
    pattern, first, last = render
    name, kept = scene.name, set_exr(scene)
    frames = scene.frame_start, scene.frame_end, scene.frame_current
    scene.render.filepath, scene.render.use_file_extension = str(pattern), False
    scene.frame_start, scene.frame_end = first, last

    def put_back() -> None:
        # By name: an undo meanwhile makes the scene another object.
        found = bpy.data.scenes.get(name)
        restore(found, kept)
        if found is not None:
            found.frame_start, found.frame_end = frames[:2]
            found.frame_set(frames[2])

    return put_back
