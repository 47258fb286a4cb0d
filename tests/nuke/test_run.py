"""Whole runs in the test host: real Groups, real EXR pixels, the real worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pixels import planes


def test_a_run_without_a_window_brings_the_sequence_in(
    nuke: Any, make: Any, plate: Any, tmp_path: Path
) -> None:
    group = make("tint", tmp_path / "out", plate=plate())
    group["param_gain"].setValue(2.0)
    group["press_run"].execute()
    assert group["likeness_status"].value() == "Done: tinted, frames 1001-1003."
    assert group["likeness_show"].value() == "tinted"
    got = nuke._picture(group, 1002, "main")
    written = planes(tmp_path / "out" / "tinted.1002.exr")
    for channel, name in zip("RGB", ("red", "green", "blue"), strict=True):
        assert np.array_equal(got.planes[f"rgba.{name}"], written[channel])
    assert np.array_equal(got.planes["matte.alpha"], written["matte.A"])
    group["likeness_show"].setValue("source")
    source = planes(tmp_path / "plates" / "shot.1002.exr")
    assert np.array_equal(nuke._picture(group, 1002, "main").planes["rgba.red"], source["R"])
