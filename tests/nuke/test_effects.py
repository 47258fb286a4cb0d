"""The project's own effects through the test host, on a real picture: slow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from pixels import planes

from likeness.demo import PERFORMANCE
from likeness_nuke import names

pytestmark = pytest.mark.slow
HEIGHT = 360


@pytest.fixture
def portrait(real: Path, tmp_path: Path) -> Path:
    """A real portrait, small, as a linear float EXR with values above 1."""
    picture = oiio.ImageBuf(str(real / "painting_mona_lisa.jpg"))
    spec = picture.spec()
    width = round(HEIGHT * spec.width / spec.height)
    small = oiio.ImageBufAlgo.resize(picture, roi=oiio.ROI(0, width, 0, HEIGHT, 0, 1, 0, 3))
    pixels = np.asarray(small.get_pixels(oiio.FLOAT))[..., :3] ** np.float32(2.2) * np.float32(1.7)
    path = tmp_path / "portrait.exr"
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), oiio.ImageSpec(width, HEIGHT, 3, "float"))
    out.write_image(np.ascontiguousarray(pixels))
    out.close()
    return path


def read(nuke: Any, path: Path) -> Any:
    return nuke.createNode("Read", f'file "{path}" raw true first 1 last 1 name Portrait')


def test_a_portrait_takes_a_performance(nuke: Any, make: Any, portrait: Path, tmp_path: Path) -> None:
    group = make("reanimate", tmp_path / "out", plate=read(nuke, portrait))
    group["input_driver"].setValue(str(PERFORMANCE))
    group[names.FIRST].setValue(1)
    group[names.LAST].setValue(20)
    group["press_run"].execute()
    assert group[names.STATUS].value() == "Done: comp, frames 1-20."
    plate = planes(portrait)
    changed = []
    for frame in (1, 10, 20):
        got = nuke._picture(group, frame, "main").planes
        written = planes(tmp_path / "out" / f"comp.{frame:04d}.exr")
        assert written["R"].tobytes() == got["rgba.red"].tobytes()
        outside = got["matte.alpha"] == 0
        assert 0.2 < outside.mean() < 1
        for channel, name in zip("RGB", ("red", "green", "blue"), strict=True):
            assert got[f"rgba.{name}"][outside].tobytes() == plate[channel][outside].tobytes()
        changed.append((np.abs(got["rgba.red"] - plate["R"]) > 0.02).mean())
    assert changed[0] < 0.001, "it begins at rest, but for less than a pixel's motion"
    assert changed[-1] > 0.05


def test_sliders_move_a_portrait(nuke: Any, make: Any, portrait: Path, tmp_path: Path) -> None:
    group = make("reanimate", tmp_path / "out", plate=read(nuke, portrait))
    group["weight_weights_jawOpen"].setValue(0.8)
    group["press_run"].execute()
    assert group[names.STATUS].value() == "Done: comp, frames 1-1."
    got = nuke._picture(group, 1, "main").planes
    assert np.abs(got["rgba.red"] - planes(portrait)["R"]).max() > 0.01


def test_a_portrait_is_captured(nuke: Any, make: Any, portrait: Path, tmp_path: Path) -> None:
    group = make("capture", tmp_path / "out", plate=read(nuke, portrait))
    group["press_run"].execute()
    assert group[names.STATUS].value().startswith("Done: performance, track, head, check")
    kinds = [n.Class() for n in nuke.allNodes()]
    for kind in ("Axis2", "Tracker4", "CornerPin2D", "Camera2", "ReadGeo2", "StickyNote"):
        assert kind in kinds
    axis = nuke.toNode("Capture1_performance")
    assert -1.6 < axis["HeadYaw"].getValueAt(1) < 1.6
