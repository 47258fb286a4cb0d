"""Capture, from the command line to its files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from likeness.media import open_source
from likeness.performance import ARKIT, read_csv


@pytest.fixture(scope="module")
def captured(portrait: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from likeness.cli import main

    folder = tmp_path_factory.mktemp("captured")
    assert main(["run", "capture", "--input", f"plate={portrait}", "--out", str(folder)]) == 0
    return folder


def test_the_performance_has_a_frame_for_every_frame(captured: Path) -> None:
    performance = read_csv(captured / "performance.csv")
    assert performance.weights.shape == (1, 52)
    assert not performance.missing
    assert performance.weights.min() >= 0
    assert performance.weights.max() <= 1


def test_the_track_says_what_the_contract_says(captured: Path) -> None:
    track = json.loads((captured / "track.json").read_text())
    assert track["lens"]["focal_px"] > 0
    (frame,) = track["frames"]
    (face,) = frame["faces"]
    assert np.array(face["points68_px"]).shape == (68, 2)
    assert np.array(face["head_pose"]).shape == (4, 4)
    assert face["head_pose"][2][3] > 10
    assert set(face["expression"]) == set(ARKIT)
    assert 0 < face["confidence"] <= 1
    x0, y0, x1, y1 = face["box_px"]
    assert 60 < x0 < x1 < 180
    assert 0 < y0 < y1 < 140


def test_the_head_is_valid_usd(captured: Path) -> None:
    from pxr import Usd, UsdGeom

    stage = Usd.Stage.Open(str(captured / "head.usdc"))
    kinds = {prim.GetTypeName() for prim in stage.Traverse()}
    assert {"Camera", "Mesh"} <= kinds
    assert UsdGeom.GetStageMetersPerUnit(stage) == pytest.approx(0.01)


def test_the_pictures_to_check_by_are_there(captured: Path) -> None:
    with open_source(captured / "overlay.mp4") as clip:
        assert (clip.width, clip.height, len(clip.frames)) == (256, 256, 1)
    with open_source(captured / "texture.png") as texture:
        alpha = texture.read(1).pixels[..., 3]
    assert 0.05 < (alpha > 0).mean() < 0.95
    assert (captured / "residual.png").stat().st_size > 0


@pytest.mark.slow
def test_a_real_take_blinks_and_talks(real: Path, tmp_path: Path) -> None:
    from likeness.cli import main

    clip = real / "clip_talking_glasses_512.mp4"
    words = ["run", "capture", "--input", f"plate={clip}", "--set", "check=false", "--out", str(tmp_path)]
    assert main(words) == 0
    performance = read_csv(tmp_path / "performance.csv")
    assert len(performance) == 183
    assert np.ptp(performance["jawOpen"]) > 0.25
    assert np.degrees(np.ptp(performance.head[:, 0])) > 8
