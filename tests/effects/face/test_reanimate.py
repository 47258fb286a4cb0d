"""Reanimate, from the command line to the pixels."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from likeness import runtime
from likeness.effects.face.reanimate import LAYERS
from likeness.face import cutout
from likeness.face.backdrop import Backdrop
from likeness.face.cutout import backdrop_of
from likeness.media import open_source, write_image
from likeness.media.image import Image
from likeness.performance import make, write_csv
from tests.effects.face.conftest import Run


def parts(path: Path) -> dict[str, np.ndarray]:
    """Every channel of an EXR by name, spread over the display window."""
    out: dict[str, np.ndarray] = {}
    index = 0
    buffer = oiio.ImageBuf(str(path), index, 0)
    for index in range(buffer.nsubimages):
        part = oiio.ImageBuf(str(path), index, 0)
        spec = part.spec()
        full = np.zeros((spec.full_height, spec.full_width, spec.nchannels), np.float32)
        full[spec.y : spec.y + spec.height, spec.x : spec.x + spec.width] = part.get_pixels(oiio.FLOAT)
        for k, name in enumerate(spec.channelnames):
            out[name] = full[..., k]
    return out


@pytest.fixture(scope="module")
def made(portrait: Path, performance: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three frames of the performance on the portrait, through a shutter."""
    from likeness.cli import main

    folder = tmp_path_factory.mktemp("made")
    words = ["run", "reanimate", "--input", f"plate={portrait}", "--input", f"driver={performance}"]
    words += ["--set", "shutter_deg=180"]
    assert main([*words, "--out", str(folder / "out.####.exr")]) == 0
    return folder


def test_a_frame_for_every_frame_of_the_performance(made: Path) -> None:
    assert sorted(p.name for p in made.glob("*.exr")) == [f"out.000{i}.exr" for i in (1, 2, 3)]


def test_every_declared_layer_is_there(made: Path) -> None:
    found = parts(made / "out.0002.exr")
    for layer in LAYERS[1:]:
        for channel in layer.channels:
            assert f"{layer.name}.{channel}" in found, layer.name
    assert {"R", "G", "B", "A", "Z"} <= set(found)


def test_at_rest_the_plate_comes_back_bit_for_bit(made: Path, portrait: Path) -> None:
    plate, comp = parts(portrait), parts(made / "out.0001.exr")
    for channel in ("R", "G", "B", "A", "Z"):
        assert comp[channel].tobytes() == plate[channel].tobytes(), channel


@pytest.mark.parametrize("frame", [2, 3])
def test_outside_the_matte_nothing_changes(made: Path, portrait: Path, frame: int) -> None:
    plate, comp = parts(portrait), parts(made / f"out.000{frame}.exr")
    kept = comp["matte.A"] == 0
    assert 0.2 < kept.mean() < 0.99
    for channel in ("R", "G", "B"):
        assert (comp[channel] != plate[channel])[~kept].any()
        assert comp[channel][kept].tobytes() == plate[channel][kept].tobytes()
    for channel in ("A", "Z"):
        assert comp[channel].tobytes() == plate[channel].tobytes()


@pytest.mark.parametrize("frame", [2, 3])
def test_face_over_plate_is_the_comp(made: Path, portrait: Path, frame: int) -> None:
    plate, out = parts(portrait), parts(made / f"out.000{frame}.exr")
    for channel in "RGB":
        over = out[f"face.{channel}"] + plate[channel] * (1 - out["face.A"])
        assert np.abs(over - out[channel]).max() < 4e-3


def test_the_open_mouth_is_dark_under_its_upper_teeth(made: Path, portrait: Path) -> None:
    out = parts(made / "out.0002.exr")
    inside = out["mouth.A"] > 0.9
    inside[: int(np.median(np.nonzero(inside)[0])) + 1] = False
    assert inside.sum() > 20
    assert out["G"][inside].mean() < 0.8 * parts(portrait)["G"][inside].mean()


def test_closed_eyes_show_no_eyeball(made: Path) -> None:
    assert parts(made / "out.0003.exr")["eyes.A"].sum() < 12


def test_every_model_runs_where_the_request_says(portrait: Path, tmp_path: Path, likeness: Run) -> None:
    runtime.close_all()
    words = ["run", "reanimate", "--input", f"plate={portrait}", "--set", 'weights={"jawOpen": 0.5}']
    assert likeness(*words, "--device", "cpu", "--out", tmp_path / "out.exr") == 0
    assert {(path.stem, device) for path, device, _ in runtime._sessions} >= {("face_regions", "cpu")}
    assert {device for _, device, _ in runtime._sessions} == {"cpu"}


def test_run_again_it_makes_nothing_anew(
    made: Path, portrait: Path, performance: Path, likeness: Run
) -> None:
    before = {p: p.stat().st_mtime_ns for p in made.glob("*.exr")}
    words = ["run", "reanimate", "--input", f"plate={portrait}", "--input", f"driver={performance}"]
    assert likeness(*words, "--set", "shutter_deg=180", "--out", made / "out.####.exr") == 0
    assert {p: p.stat().st_mtime_ns for p in made.glob("*.exr")} == before


def test_sliders_alone_move_a_still(portrait: Path, tmp_path: Path, likeness: Run) -> None:
    words = ["run", "reanimate", "--input", f"plate={portrait}", "--set", 'weights={"mouthSmileLeft": 0.8}']
    assert likeness(*words, "--out", tmp_path / "smile.exr") == 0
    assert parts(tmp_path / "smile.exr")["matte.A"].max() == 1


@pytest.mark.parametrize(
    ("count", "timing", "last"), [(2, "driver", 0.6), (5, "driver", 0.3), (5, "plate", 0.6)]
)
def test_a_clip_keeps_its_length_whatever_its_drivers_is(
    portrait: Path, tmp_path: Path, likeness: Run, count: int, timing: str, last: float
) -> None:
    """A shorter driver holds its last pose, of a longer one the rest is left out, or it is stretched."""
    (tmp_path / "plate").mkdir()
    for frame in (1, 2, 3):
        shutil.copy(portrait, tmp_path / "plate" / f"p.{frame:04d}.exr")
    write_csv(tmp_path / "take.csv", make({"jawOpen": np.linspace(0, 0.6, count).tolist()}, fps=24))
    words = ["run", "reanimate", "--input", f"plate={tmp_path / 'plate' / 'p.####.exr'}"]
    words += ["--input", f"driver={tmp_path / 'take.csv'}", "--set", f"timing={timing}"]
    out = tmp_path / "out"
    assert likeness(*words, "--set", "neutral_frames=1", "--out", out / "f.####.exr") == 0
    assert [path.name for path in sorted(out.glob("*.exr"))] == [f"f.{frame:04d}.exr" for frame in (1, 2, 3)]
    words = ["run", "reanimate", "--input", f"plate={portrait}", "--set", f'weights={{"jawOpen": {last}}}']
    assert likeness(*words, "--out", tmp_path / "pose.exr") == 0
    ours, pose = (parts(path)["mouth.A"].sum() for path in (out / "f.0003.exr", tmp_path / "pose.exr"))
    assert ours == pytest.approx(pose, rel=0.2)


def test_references_change_the_picture_where_it_moves(
    portrait: Path, performance: Path, made: Path, tmp_path: Path, likeness: Run
) -> None:
    words = ["run", "reanimate", "--input", f"plate={portrait}", "--input", f"driver={performance}"]
    words += ["--input", f"references={made / 'out.0002.exr'}", "--frames", "2-2"]
    for lend in ("face", "head"):
        more = ["--set", f"references_lend={lend}", "--out", tmp_path / f"{lend}.####.exr"]
        assert likeness(*words, *more) == 0
    plain, face, head = (
        parts(path / f"{name}.0002.exr")
        for path, name in ((made, "out"), (tmp_path, "face"), (tmp_path, "head"))
    )
    assert face["mouth.A"].sum() < 0.5 * plain["mouth.A"].sum()  # the reference has that mouth
    changed = [part["matte.A"] > 0 for part in (face, head)]
    assert changed[1].sum() > 1.3 * changed[0].sum()  # hair comes too
    assert head["R"][~changed[1]].tobytes() == parts(portrait)["R"][~changed[1]].tobytes()


def test_a_holdout_matte_keeps_what_is_in_front(portrait: Path, tmp_path: Path, likeness: Run) -> None:
    matte = np.zeros((256, 256, 1), np.float32)
    matte[:, :111] = 1
    write_image(tmp_path / "front.exr", Image(matte, ("Y",)))
    words = [
        "run",
        "reanimate",
        "--input",
        f"plate={portrait}",
        "--input",
        f"holdout={tmp_path / 'front.exr'}",
    ]
    assert likeness(*words, "--set", 'weights={"jawOpen": 0.6}', "--out", tmp_path / "held.exr") == 0
    out, plate = parts(tmp_path / "held.exr"), parts(portrait)
    assert out["R"][:, :111].tobytes() == plate["R"][:, :111].tobytes()
    assert (out["R"][:, 111:] != plate["R"][:, 111:]).any()


def test_values_beyond_display_survive(portrait_pixels: np.ndarray, tmp_path: Path, likeness: Run) -> None:
    bright = portrait_pixels.copy()
    bright[:40] = 60000
    bright[216:] = -3
    bright[100, 5] = [np.nan, np.inf, -np.inf]
    write_image(tmp_path / "bright.exr", Image(bright))
    words = [
        "run",
        "reanimate",
        "--input",
        f"plate={tmp_path / 'bright.exr'}",
        "--set",
        'weights={"jawOpen": 0.5}',
    ]
    assert likeness(*words, "--out", tmp_path / "out.exr") == 0
    plate, out = parts(tmp_path / "bright.exr"), parts(tmp_path / "out.exr")
    kept = out["matte.A"] == 0
    for channel in "RGB":
        assert out[channel][kept].tobytes() == plate[channel][kept].tobytes()


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_infinities_about_the_head_are_no_fault(
    portrait_pixels: np.ndarray, tmp_path: Path, likeness: Run
) -> None:
    odd = portrait_pixels.copy()
    odd[60, 110], odd[61, 110], odd[100:130, 60:90] = np.inf, -np.inf, np.nan
    write_image(tmp_path / "odd.exr", Image(odd, formats=("float",) * 3))
    words = ["run", "reanimate", "--input", f"plate={tmp_path / 'odd.exr'}"]
    assert likeness(*words, "--set", 'weights={"jawOpen": 0.5}', "--out", tmp_path / "out.exr") == 0
    plate, out = parts(tmp_path / "odd.exr"), parts(tmp_path / "out.exr")
    kept = out["matte.A"] == 0
    assert out["R"][kept].tobytes() == plate["R"][kept].tobytes()


def framed(pixels: np.ndarray, kind: str) -> Image:
    """The portrait (256, 256, 3) as a plate of some unusual kind."""
    if kind == "one channel":
        return Image(np.ascontiguousarray(pixels[..., 1:2]), ("Y",))
    if kind == "overscan":
        return Image(pixels, origin=(-20, -10), display=(0, 0, 216, 230))
    if kind == "crop":
        return Image(pixels, origin=(300, 40), display=(0, 0, 640, 360))
    return Image(pixels, pixel_aspect=2.0)


@pytest.mark.parametrize("kind", ["one channel", "overscan", "crop", "wide pixels"])
def test_an_unusual_plate_keeps_its_form(
    portrait_pixels: np.ndarray, tmp_path: Path, likeness: Run, kind: str
) -> None:
    plate, out = tmp_path / "plate.exr", tmp_path / "out.exr"
    write_image(plate, framed(portrait_pixels, kind))
    words = ["run", "reanimate", "--input", f"plate={plate}", "--set", 'weights={"jawOpen": 0.5}']
    assert likeness(*words, "--out", out) == 0
    before, after = (oiio.ImageBuf(str(path)) for path in (plate, out))
    matte = oiio.ImageBuf(str(out), 2, 0)
    assert matte.spec().channelnames == ("matte.A",)
    for name in ("x", "y", "width", "height", "full_x", "full_y", "full_width", "full_height"):
        assert getattr(after.spec(), name) == getattr(before.spec(), name), name
    assert after.spec().get_float_attribute("PixelAspectRatio", 1) == (2 if kind == "wide pixels" else 1)
    kept = matte.get_pixels(oiio.FLOAT)[..., 0] == 0
    pixels = [buffer.get_pixels(oiio.FLOAT) for buffer in (before, after)]
    assert 0.2 < kept.mean() < 0.99
    assert pixels[1][kept].tobytes() == pixels[0][kept].tobytes()
    assert (pixels[1] != pixels[0]).any()


def test_the_comp_alone_is_made_where_it_is_asked_for(portrait: Path, tmp_path: Path, likeness: Run) -> None:
    words = ["run", "reanimate", "--input", f"plate={portrait}", "--set", 'weights={"jawOpen": 0.5}']
    for layers in ("all", "comp"):
        assert likeness(*words, "--set", f"layers={layers}", "--out", tmp_path / f"{layers}.exr") == 0
    whole, alone = parts(tmp_path / "all.exr"), parts(tmp_path / "comp.exr")
    assert set(alone) == {"R", "G", "B", "A", "Z"}
    for channel, values in alone.items():
        assert values.tobytes() == whole[channel].tobytes(), channel


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "nothing to perform"),
        (("--set", 'weights={"jawOpne": 1}'), 2, "jawOpne"),
        (("--set", "mode=sideways"), 2, "mode"),
        (("--set", "strength=9"), 2, "strength"),
        (("--set", "colour=red"), 2, "colour"),
        (("--input", "driver=nowhere.csv"), 3, "nowhere.csv"),
    ],
)
def test_what_cannot_be_done_is_said_before(
    portrait: Path,
    tmp_path: Path,
    likeness: Run,
    capfd: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    says: str,
) -> None:
    out = tmp_path / "out.exr"
    assert likeness("run", "reanimate", "--input", f"plate={portrait}", *words, "--out", out) == code
    assert says in capfd.readouterr().err
    assert not out.exists()


def test_a_picture_without_a_face_is_refused(
    tmp_path: Path, likeness: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    write_image(tmp_path / "wall.png", Image(np.full((120, 160, 3), 0.3, np.float32)))
    words = [
        "run",
        "reanimate",
        "--input",
        f"plate={tmp_path / 'wall.png'}",
        "--set",
        'weights={"jawOpen": 1}',
    ]
    assert likeness(*words, "--out", tmp_path / "out.exr") == 3
    assert "No face was found" in capfd.readouterr().err
    assert not (tmp_path / "out.exr").exists()


def test_a_movie_can_come_out(portrait: Path, performance: Path, tmp_path: Path, likeness: Run) -> None:
    words = ["run", "reanimate", "--input", f"plate={portrait}", "--input", f"driver={performance}"]
    assert likeness(*words, "--out", tmp_path / "out.mp4") == 0
    with open_source(tmp_path / "out.mp4") as clip:
        assert (len(clip.frames), clip.width, clip.height) == (3, 256, 256)


def lips_apart(a: np.ndarray, b: np.ndarray) -> float:
    """How far two pictures of the talking man differ about his lips, wherever these are within ten pixels."""
    a, b = (np.clip(each, 0, 1) ** (1 / 2.2) for each in (a, b))
    wanted = b[345:415, 205:315]
    ways = [(y, x) for y in range(-10, 11, 2) for x in range(-10, 11, 2)]
    return min(float(((a[345 + y : 415 + y, 205 + x : 315 + x] - wanted) ** 2).mean()) for y, x in ways)


@pytest.mark.slow
def test_a_clip_lends_itself_what_a_frame_does_not_show(real: Path, tmp_path: Path, likeness: Run) -> None:
    """A clip that performs itself later: closed lips part, and close, as other frames of it show them."""
    with open_source(str(real / "clip_talking_man_512.mp4")) as source:
        frames = [source.read(n).pixels[..., :3] for n in range(1, 61, 4)]
    later = frames[6:] + frames[:6]
    for name, some in (("own", frames), ("later", later)):
        (tmp_path / name).mkdir()
        for k, pixels in enumerate(some, 1):
            write_image(tmp_path / name / f"{k:04d}.exr", Image(np.ascontiguousarray(pixels)))
    off = []
    for most in (0, 5):
        words = ["--input", f"plate={tmp_path}/own/%04d.exr", "--input", f"driver={tmp_path}/later/%04d.exr"]
        words += ["--set", "mode=absolute", "--set", "layers=comp", "--set", f"references_most={most}"]
        words += ["--set", "strength_head=0", "--set", "head_position=0"]
        assert likeness("run", "reanimate", *words, "--out", f"{tmp_path}/{most}/%04d.exr") == 0
        made = [parts(tmp_path / f"{most}" / f"{k + 1:04d}.exr") for k in range(len(later))]
        shown = [np.stack([one[c] for c in "RGB"], axis=2) for one in made]
        off.append(np.mean([lips_apart(a, b) for a, b in zip(shown, later, strict=True)]))
    assert off[1] < 0.7 * off[0]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How much of a frame the shot shows behind the head, of every frame that is drawn."""
    shares, matched = list[float](), Backdrop.matched

    def told(*args: Any) -> tuple[np.ndarray, np.ndarray]:
        shown, sure = matched(*args)
        shares.append(float((sure > 0.99).mean()))
        return shown, sure

    monkeypatch.setattr(Backdrop, "matched", told)
    return shares


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_frames_of_a_standing_camera_are_the_same_however_they_are_made(
    standing: Path,
    performance: Path,
    known: list[float],
    tmp_path: Path,
    likeness: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All at once, after some were lost, or each by a job of its own that nobody has analyzed for.

    What is behind the head is found once for each cache.
    """
    found = []

    def find(*args: Any) -> Backdrop | None:
        found.append(backdrop_of(*args))
        return found[-1]

    def run(name: str, *more: str) -> dict[str, bytes]:
        words = ["run", "reanimate", "--input", f"plate={standing}", "--input", f"driver={performance}"]
        assert likeness(*words, *more, "--out", tmp_path / name / "f.####.exr") == 0
        return {path.name: path.read_bytes() for path in sorted((tmp_path / name).glob("*.exr"))}

    monkeypatch.setattr(cutout, "backdrop_of", find)
    monkeypatch.setenv("LIKENESS_CACHE", str(tmp_path / "cache"))
    made = run("whole")
    assert len(known) == len(made) == 4
    assert min(known) > 0.3
    for name in ("f.0002.exr", "f.0004.exr"):
        (tmp_path / "whole" / name).unlink()
    assert run("whole") == made
    for frame in (4, 2):
        monkeypatch.setenv("LIKENESS_CACHE", str(tmp_path / f"cache {frame}"))
        run("single", "--frames", f"{frame}-{frame}")
    run("single", "--frames", "1-1")
    assert run("single", "--frames", "2-4") == made
    assert min(known) > 0.3
    assert len(found) == 3
    for frame in (1, 2, 3, 4):
        plate, out = (
            parts(path.with_name(path.name.replace("####", f"{frame:04d}")))
            for path in (standing, tmp_path / "whole" / "f.####.exr")
        )
        for channel in "RGB":
            assert np.isfinite(out[channel]).tobytes() == np.isfinite(plate[channel]).tobytes()
