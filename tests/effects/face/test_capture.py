"""Capture, from the command line to its files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from likeness.media import open_source, write_image
from likeness.media.image import Image
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


def test_a_frame_of_rest_becomes_neutral(captured: Path, portrait: Path, tmp_path: Path) -> None:
    from likeness.cli import main

    words = ["run", "capture", "--input", f"plate={portrait}", "--set", "neutral_frames=1"]
    assert main([*words, "--set", "check=false", "--out", str(tmp_path)]) == 0
    plain, calm = (read_csv(folder / "performance.csv") for folder in (captured, tmp_path))
    assert plain.weights.max() > 0.1 and np.abs(plain.head).max() > 0.01
    assert np.abs(calm.weights).max() < 1e-6 and np.abs(calm.head).max() < 1e-6


def test_every_shot_has_its_lens_and_light(portrait_pixels: np.ndarray, tmp_path: Path) -> None:
    """A dark room; after a cut the mirrored face before a white wall, with the light on its other side."""
    from likeness.cli import main

    dark = np.full((320, 320, 3), 0.02, np.float32)
    dark[:256, :256] = portrait_pixels * np.linspace(1.6, 0.4, 256, dtype=np.float32)[:, None]
    white = np.full((320, 320, 3), 0.9, np.float32)
    white[64:, 64:] = 2 * dark[:256, 255::-1]
    for frame, picture in enumerate((dark, dark, white, white), 1):
        write_image(tmp_path / f"plate.{frame:04d}.exr", Image(picture))
    words = ["run", "capture", "--input", f"plate={tmp_path / 'plate.####.exr'}"]
    assert main([*words, "--set", "check=false", "--out", str(tmp_path / "out")]) == 0
    track = json.loads((tmp_path / "out" / "track.json").read_text())
    assert track["cuts"] == [3]
    first, second = track["shots"]
    assert (first["frames"], second["frames"]) == ([1, 2], [3, 4])
    assert first["lens"] == track["lens"]
    assert all(shot["lens"]["focal_px"] > 0 for shot in track["shots"])
    toward_left = [-shot["light"]["irradiance_sh"][1] for shot in track["shots"]]
    assert toward_left[0] > 0.1 and toward_left[1] < -0.1
    brighter = np.array(second["light"]["white"]) / first["light"]["white"]
    assert brighter == pytest.approx([2, 2, 2], rel=0.15)


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


@pytest.fixture(scope="module")
def two_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of the astronaut beside a smaller, mirrored copy."""
    from PIL import Image

    data = pytest.importorskip("skimage.data", reason="scikit-image is an extra of the demo")
    one = Image.fromarray(data.astronaut())
    picture = Image.new("RGB", (1000, 512), (120, 120, 120))
    picture.paste(one, (0, 0))
    picture.paste(one.resize((400, 400)).transpose(Image.Transpose.FLIP_LEFT_RIGHT), (560, 60))
    path = tmp_path_factory.mktemp("two") / "two.png"
    picture.save(path)
    return path


def test_all_faces_stand_in_the_track_the_chosen_first(two_people: Path, tmp_path: Path) -> None:
    from likeness.cli import main

    words = ["run", "capture", "--input", f"plate={two_people}", "--out", str(tmp_path)]
    words += ["--set", "face=right", "--set", "faces=all", "--set", "check=false"]
    assert main(words) == 0
    ((frame),) = json.loads((tmp_path / "track.json").read_text())["frames"]
    chosen, other = frame["faces"]
    assert (chosen["face"], other["face"]) == (0, 1)
    assert chosen["box_px"][0] > 560
    assert other["box_px"][2] < 400
    assert len(read_csv(tmp_path / "performance.csv")) == 1


def test_a_picture_chooses_the_person(real: Path, tmp_path: Path) -> None:
    from PIL import Image

    from likeness.cli import main

    faces = [
        Image.open(real / f"painting_{name}.jpg").convert("RGB") for name in ("sargent", "pearl_earring")
    ]
    faces = [face.resize((round(face.width * 480 / face.height), 480)) for face in faces]
    both = Image.new("RGB", (faces[0].width + faces[1].width, 480))
    both.paste(faces[0], (0, 0))
    both.paste(faces[1], (faces[0].width, 0))
    both.save(tmp_path / "both.png")
    for index, (face, low, high) in enumerate(
        ((faces[0], 0, faces[0].width), (faces[1], faces[0].width, both.width))
    ):
        face.save(tmp_path / "who.png")
        out = tmp_path / str(index)
        words = ["run", "capture", "--input", f"plate={tmp_path / 'both.png'}", "--out", str(out)]
        words += ["--input", f"likeness={tmp_path / 'who.png'}", "--set", "check=false"]
        assert main(words) == 0
        ((frame),) = json.loads((out / "track.json").read_text())["frames"]
        (found,) = frame["faces"]
        assert low <= found["box_px"][0] < found["box_px"][2] <= high
