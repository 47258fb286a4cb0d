"""Sound: a strip of the sequencer at the shot's beginning."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from typing import Any

from ..errors import Trouble
from ..versions import strips
from . import Landing


def bring_in(scene: Any, result: dict[str, Any], landing: Landing) -> list[str]:
    """Put the sound on the lowest channel that is free for it."""
    path = result["path"]
    if not os.path.exists(path):
        raise Trouble(f"The sound {path} is gone; run the effect again.")
    editor = scene.sequence_editor or scene.sequence_editor_create()
    first = landing.start
    try:
        made = strips(editor).new_sound(landing.label, path, 1, first)
    except RuntimeError as error:
        words = " ".join(str(error).removeprefix("Error: ").split())
        raise Trouble(f"The sound {path} cannot come in: {words}.") from None
    last = made.frame_final_end
    taken = {
        s.channel
        for s in strips(editor)
        if s != made and s.frame_final_end > first and s.frame_final_start < last
    }
    made.channel = next(channel for channel in range(1, 129) if channel not in taken)
    made.show_waveform = True
    return []
