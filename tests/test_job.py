"""A job: checked before it works, analyzed once, resumed where it stopped, the same bytes every time."""

from __future__ import annotations

import gc
import hashlib
import itertools
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

import likeness
from likeness import abreast, runtime
from likeness.declare import Effect, Input, Layer, Output, Param
from likeness.errors import BadInput, BadOutput, BadRequest, Cancelled, LikenessError
from likeness.frames import CODEC, EFFECT, REQUEST, SOURCE_TYPE, SYNTHETIC, VERSION, exr_text
from likeness.job import Event, Job, Kept, Layers, Request, Result, run_job
from likeness.media.image import Image
from likeness.media.movie import CODECS
from likeness.registry import find
from likeness.render import bands

FRAMES = 6
WAIT_S = 120.0


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_EFFECTS", f"{root / 'tests' / 'tiny_effects.py'}:TINY")
    monkeypatch.setenv("LIKENESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TINY_ANALYZED", str(tmp_path / "analyzed"))
    monkeypatch.setenv("PYTHONPATH", str(root / "core"))


def write_exr(path: Path, seed: int, size: tuple[int, int] = (24, 16)) -> None:
    """A frame of noise, values from -1 to 9, half float."""
    width, height = size
    pixels = np.random.default_rng(seed).uniform(-1, 9, (height, width, 3)).astype(np.float32)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), oiio.ImageSpec(width, height, 3, "half")), oiio.geterror()
    assert out.write_image(pixels)
    out.close()


@pytest.fixture
def plate(tmp_path: Path) -> str:
    """Six frames, in a folder whose name is not easy."""
    folder = tmp_path / "shöts & plates 100%"
    folder.mkdir()
    for frame in range(1, FRAMES + 1):
        write_exr(folder / f"plate.{frame:04d}.exr", frame)
    return str(folder / "plate.####.exr")


def tint(plate: str, output: Path, **params: Any) -> Request:
    return Request("tint", {"plate": plate}, params, output=str(output))


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file; what lies about under a temporary name is no result."""
    files = (file for file in sorted(folder.iterdir()) if not file.name.startswith("."))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def analyzed(tmp_path: Path) -> int:
    log = tmp_path / "analyzed"
    return len(log.read_text()) if log.exists() else 0


def no_longer(before: dict[Path, int]) -> set[str]:
    """The names of the files that have been written again."""
    return {path.name for path, when in before.items() if path.stat().st_mtime_ns != when}


def times(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in folder.iterdir()}


def test_every_frame_is_written_with_its_layers(plate: str, tmp_path: Path) -> None:
    [result] = run_job(tint(plate, tmp_path / "out" / "shot.####.exr", gain=2.0))
    assert result.kind == "sequence"
    assert result.name == "tinted"
    assert result.path == str(tmp_path / "out" / "shot.%04d.exr")
    assert result.meta["frames"] == [1, 2, 3, 4, 5, 6]
    assert result.meta["layers"] == ["comp", "matte"]
    assert sorted(hashes(tmp_path / "out")) == [f"shot.{frame:04d}.exr" for frame in range(1, 7)]
    file = str(tmp_path / "out" / "shot.0003.exr")
    parts = [oiio.ImageBuf(file, part, 0).spec() for part in range(oiio.ImageBuf(file).nsubimages)]
    names = {name for part in parts for name in part.channelnames}
    assert {"R", "G", "B", "matte.A"} <= names


def test_the_pixels_are_what_the_effect_made(plate: str, tmp_path: Path) -> None:
    run_job(tint(plate, tmp_path / "out" / "shot.####.exr", gain=2.0))
    sources = [oiio.ImageBuf(plate.replace("####", f"{f:04d}")).get_pixels() for f in range(1, 7)]
    mean = np.mean([pixels.mean(axis=(0, 1)) for pixels in sources], axis=0)
    made = oiio.ImageBuf(str(tmp_path / "out" / "shot.0003.exr")).get_pixels()[..., :3]
    np.testing.assert_allclose(made, sources[2] * 2 + mean, rtol=2e-3, atol=2e-3)


def test_each_frame_says_what_made_it(plate: str, tmp_path: Path) -> None:
    request = tint(plate, tmp_path / "out" / "shot.####.exr")
    run_job(request)
    with Job(request, find("tint")) as job:
        wanted = job.hash
    file = tmp_path / "out" / "shot.0001.exr"
    assert exr_text(file, REQUEST) == wanted
    spec = oiio.ImageBuf(str(file)).spec()
    assert spec.get_string_attribute(REQUEST) == wanted
    assert spec.get_string_attribute(EFFECT) == "tint"
    assert spec.get_string_attribute(VERSION) == likeness.__version__
    assert spec.get_string_attribute(SOURCE_TYPE) == SYNTHETIC


def test_what_is_there_already_is_not_made_again(plate: str, tmp_path: Path) -> None:
    request = tint(plate, tmp_path / "out" / "shot.####.exr")
    run_job(request)
    before = times(tmp_path / "out")
    (tmp_path / "out" / "shot.0004.exr").unlink()
    run_job(request)
    del before[tmp_path / "out" / "shot.0004.exr"]
    assert no_longer(before) == set()
    assert (tmp_path / "out" / "shot.0004.exr").exists()
    assert analyzed(tmp_path) == 1


def test_a_foreign_file_under_a_frames_name_is_replaced(plate: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    write_exr(out / "shot.0001.exr", 99)
    (out / "shot.0002.exr").write_bytes(b"")
    (out / "shot.0003.exr").write_bytes(b"no picture at all")
    (out / "shot.0004.exr").write_bytes(b"\x76\x2f\x31\x01")
    request = tint(plate, out / "shot.####.exr")
    run_job(request)
    run_job(replace(request, output=str(tmp_path / "clean" / "shot.####.exr")))
    assert hashes(out) == hashes(tmp_path / "clean")


@pytest.mark.parametrize(
    ("change", "analyses"),
    [
        ({"params": {"gain": 3.0}}, 1),
        ({"params": {"space": "face"}}, 2),
        ({"seed": 5}, 2),
        ({"colorspace": "ACEScg"}, 2),
    ],
)
def test_another_request_makes_the_frames_again(
    plate: str, tmp_path: Path, change: dict[str, Any], analyses: int
) -> None:
    """A parameter that the analysis does not look at leaves the findings as they are."""
    request = tint(plate, tmp_path / "out" / "shot.####.exr")
    run_job(request)
    before = times(tmp_path / "out")
    run_job(replace(request, **change))
    assert len(no_longer(before)) == FRAMES
    assert analyzed(tmp_path) == analyses


@pytest.mark.parametrize("change", [{"device": "cpu"}, {"params": {"gain": 1}}, {"params": {"gain": "1.0"}}])
def test_what_does_not_change_the_pixels_does_not_make_them_again(
    plate: str, tmp_path: Path, change: dict[str, Any]
) -> None:
    request = tint(plate, tmp_path / "out" / "shot.####.exr", gain=1.0)
    run_job(request)
    before = times(tmp_path / "out")
    run_job(replace(request, **change))
    assert no_longer(before) == set()


def test_a_changed_input_makes_the_frames_again(plate: str, tmp_path: Path) -> None:
    request = tint(plate, tmp_path / "out" / "shot.####.exr")
    run_job(request)
    before = times(tmp_path / "out")
    write_exr(Path(plate.replace("####", "0002")), 77, (24, 16))
    run_job(request)
    assert len(no_longer(before)) == FRAMES
    assert analyzed(tmp_path) == 2


def test_chunks_of_a_farm_share_one_analysis_and_make_the_same_bytes(plate: str, tmp_path: Path) -> None:
    whole = tint(plate, tmp_path / "whole" / "shot.####.exr")
    run_job(whole)
    for frames in ("4-6", "1-2", "3"):
        chunk = replace(whole, frames=frames, output=str(tmp_path / "farm" / "shot.####.exr"))
        [result] = run_job(chunk)
        first, _, last = frames.partition("-")
        assert result.meta["frames"] == list(range(int(first), int(last or first) + 1))
    assert hashes(tmp_path / "farm") == hashes(tmp_path / "whole")
    assert analyzed(tmp_path) == 1


def start(request: Request, **more: Any) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "likeness.cli", "job", "-", "--progress", "json"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **more)
    assert process.stdin is not None
    process.stdin.write(request.to_json())
    process.stdin.close()
    process.stdin = None
    return process


@pytest.mark.slow
def test_kill_at_any_moment_and_run_again_gives_the_same_bytes(plate: str, tmp_path: Path) -> None:
    request = tint(plate, tmp_path / "killed" / "shot.####.exr", seconds=0.1)
    run_job(replace(request, output=str(tmp_path / "calm" / "shot.####.exr")))
    chance = random.Random(3)
    for index in range(6):
        cache = tmp_path / f"cache {index // 2}"
        process = start(request, env=os.environ | {"LIKENESS_CACHE": str(cache)})
        time.sleep(chance.uniform(0.2, 1.8))
        process.kill()
        process.communicate()
        for name, made in hashes(tmp_path / "killed").items() if (tmp_path / "killed").exists() else ():
            assert made == hashes(tmp_path / "calm")[name]
    run_job(request)
    assert hashes(tmp_path / "killed") == hashes(tmp_path / "calm")


def test_a_kill_during_a_frame_keeps_those_before_it(plate: str, tmp_path: Path) -> None:
    process = start(tint(plate, tmp_path / "out" / "shot.####.exr", seconds=0.3))
    assert process.stdout is not None
    for line in process.stdout:
        if '"stage": "render", "done": 2' in line:
            break
    process.kill()
    process.communicate()
    kept = times(tmp_path / "out")
    assert {"shot.0001.exr", "shot.0002.exr"} <= {file.name for file in kept}
    run_job(tint(plate, tmp_path / "out" / "shot.####.exr", seconds=0.3))
    assert no_longer({path: when for path, when in kept.items() if path.name < "shot.0003.exr"}) == set()


def test_two_workers_on_one_job_do_not_harm_each_other(plate: str, tmp_path: Path) -> None:
    request = tint(plate, tmp_path / "shared" / "shot.####.exr", seconds=0.02)
    workers = [start(request) for _ in range(3)]
    for process in workers:
        _, err = process.communicate(timeout=WAIT_S)
        assert process.returncode == 0, err
    run_job(replace(request, output=str(tmp_path / "calm" / "shot.####.exr")))
    assert hashes(tmp_path / "shared") == hashes(tmp_path / "calm")
    assert not [file for file in (tmp_path / "shared").iterdir() if file.name.startswith(".")]


def test_cancel_keeps_the_finished_frames(plate: str, tmp_path: Path) -> None:
    stop = threading.Event()

    def tell(event: Event) -> None:
        if event.stage == "render" and event.done >= 2:
            stop.set()

    request = tint(plate, tmp_path / "out" / "shot.####.exr", seconds=0.06)
    with pytest.raises(Cancelled, match="Finished frames are kept"):
        run_job(request, on_event=tell, cancelled=stop.is_set)
    kept = times(tmp_path / "out")
    assert {"shot.0001.exr", "shot.0002.exr"} <= {file.name for file in kept}
    assert len(kept) < FRAMES
    run_job(request)
    assert no_longer(kept) == set()
    assert len(hashes(tmp_path / "out")) == FRAMES


def test_a_cancelled_analysis_is_not_kept(plate: str, tmp_path: Path) -> None:
    stop = threading.Event()
    request = tint(plate, tmp_path / "out" / "shot.####.exr")
    with pytest.raises(Cancelled):
        run_job(request, on_event=lambda event: stop.set(), cancelled=stop.is_set)
    assert analyzed(tmp_path) == 0
    assert not list((tmp_path / "cache").rglob("findings.npz"))
    run_job(request)
    assert analyzed(tmp_path) == 1


def test_progress_counts_what_is_made_and_what_was_there(
    plate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        bands, "default_threads", lambda: 1
    )  # frames drawn abreast come together: not all are told
    request = tint(plate, tmp_path / "out" / "shot.####.exr", seconds=0.06)
    run_job(replace(request, frames="1-3"))
    events: list[Event] = []
    run_job(request, on_event=events.append)
    render = [event for event in events if event.stage == "render"]
    assert [event.done for event in render] == [3, 4, 5, 6]
    assert {event.total for event in render} == {6}
    assert render[1].preview == str(tmp_path / "out" / "shot.0004.exr")
    assert render[1].seconds_left is None
    assert render[2].seconds_left is not None
    assert 0.05 < render[2].seconds_left < 1


def test_a_movie_appears_whole(plate: str, tmp_path: Path) -> None:
    import av

    [result] = run_job(tint(plate, tmp_path / "out" / "shot.mov"))
    assert result.path == str(tmp_path / "out" / "shot.mov")
    with av.open(result.path) as clip:
        assert sum(1 for _ in clip.decode(video=0)) == FRAMES
        assert (clip.streams.video[0].width, clip.streams.video[0].height) == (24, 16)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["shot.mov"]


def test_a_movie_has_the_codec_that_is_asked_for(plate: str, tmp_path: Path) -> None:
    import av

    [result] = run_job(tint(plate, tmp_path / "shot.mp4", codec="hevc"))
    with av.open(result.path) as clip:
        assert clip.streams.video[0].codec_context.name == "hevc"


def test_every_codec_can_be_asked_for() -> None:
    assert set(CODEC.choices) == {"auto", *CODECS}


def test_a_movie_that_was_cancelled_leaves_the_one_before(plate: str, tmp_path: Path) -> None:
    request = tint(plate, tmp_path / "out" / "shot.mov")
    run_job(request)
    before = hashes(tmp_path / "out")
    stop = threading.Event()

    def tell(event: Event) -> None:
        if event.stage == "render" and event.done > 1:
            stop.set()

    with pytest.raises(Cancelled):
        run_job(replace(request, params={"gain": 4.0, "seconds": 0.06}), on_event=tell, cancelled=stop.is_set)
    assert hashes(tmp_path / "out") == before
    assert len(list((tmp_path / "out").iterdir())) == 1
    run_job(replace(request, output=str(tmp_path / "again" / "shot.mov")))
    assert hashes(tmp_path / "again") == before


def test_a_folder_gets_frames_named_after_the_effect(plate: str, tmp_path: Path) -> None:
    [result] = run_job(replace(tint(plate, tmp_path / "v01.final"), frames="2-3"))
    assert result.path == str(tmp_path / "v01.final" / "tint.%04d.exr")
    assert sorted(hashes(tmp_path / "v01.final")) == ["tint.0002.exr", "tint.0003.exr"]


def test_a_still_is_one_file_or_as_many_frames_as_are_asked_for(plate: str, tmp_path: Path) -> None:
    still = plate.replace("####", "0001")
    run_job(tint(still, tmp_path / "one" / "shot.exr"))
    assert list(hashes(tmp_path / "one")) == ["shot.exr"]
    run_job(replace(tint(still, tmp_path / "many" / "shot.%03d.exr"), frames="8-10"))
    assert sorted(hashes(tmp_path / "many")) == ["shot.008.exr", "shot.009.exr", "shot.010.exr"]


@pytest.mark.parametrize("name", ["look.png", "look.jpg"])
def test_one_frame_may_be_a_picture_to_look_at(plate: str, tmp_path: Path, name: str) -> None:
    [result] = run_job(replace(tint(plate, tmp_path / "out" / name), frames="3"))
    assert result.path == str(tmp_path / "out" / name) and result.meta["frames"] == [3]
    assert [file.name for file in (tmp_path / "out").iterdir()] == [name]
    run_job(replace(tint(plate, tmp_path / "shot.####.exr"), frames="3"))
    linear = oiio.ImageBuf(str(tmp_path / "shot.0003.exr")).get_pixels()[..., :3]
    shown = np.clip(
        np.where(linear <= 0.0031308, linear * 12.92, 1.055 * abs(linear) ** (1 / 2.4) - 0.055), 0, 1
    )
    picture = oiio.ImageBuf(result.path)
    np.testing.assert_allclose(picture.get_pixels(), shown, atol=0.003 if name.endswith("png") else 0.25)
    assert "compositeWithTrainedAlgorithmicMedia" in picture.spec().getattribute("Software")


@pytest.mark.parametrize(
    ("change", "error", "named"),
    [
        ({"effect": "tynt"}, BadRequest, "'tynt'"),
        ({"params": {"gane": 1}}, BadRequest, "'gane'"),
        ({"params": {"gain": 9}}, BadRequest, "'gain' cannot be 9"),
        ({"inputs": {}}, BadRequest, "needs the input 'plate'"),
        ({"inputs": {"plate": "x", "other": "y"}}, BadRequest, "'other'"),
        ({"inputs": {"plate": "take.csv"}}, BadInput, "take.csv"),
        ({"inputs": {"plate": "/no/plate.exr"}}, BadInput, "/no/plate.exr"),
        ({"output": ""}, BadRequest, "no output"),
        ({"output": "shot.tif"}, BadRequest, "shot.tif"),
        ({"output": "shot.####.png"}, BadRequest, "shot.####.png"),
        ({"output": "shot.####.exx"}, BadRequest, "shot.####.exx"),
        ({"output": "shot.%04d"}, BadRequest, "shot.%04d"),
        ({"output": "shot.png"}, BadRequest, "shot.png is one picture for 6 frames"),
        ({"output": "shot.exr"}, BadRequest, "one file for 6 frames"),
        ({"output": "shot.mov", "params": {"codec": "h266"}}, BadRequest, "'h266'"),
        ({"output": "shot.mp4", "params": {"codec": "dnxhr"}}, BadRequest, "cannot be written to shot.mp4"),
        ({"frames": "0-3"}, BadRequest, "has frames 1-6, not 0-3"),
        ({"frames": "5-9"}, BadRequest, "has frames 1-6, not 5-9"),
        ({"colorspace": "no such space"}, BadRequest, "no such space"),
    ],
)
def test_a_wrong_request_fails_before_any_work_starts(
    plate: str, tmp_path: Path, change: dict[str, Any], error: type[LikenessError], named: str
) -> None:
    if change.get("output"):
        change = {**change, "output": str(tmp_path / change["output"])}
    with pytest.raises(error, match=named) as caught:
        run_job(replace(tint(plate, tmp_path / "shot.####.exr"), **change))
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert analyzed(tmp_path) == 0
    assert not list(tmp_path.glob("*.exr"))


@pytest.mark.parametrize("output", ["same", "other spelling"])
def test_the_output_never_overwrites_the_input(plate: str, output: str, tmp_path: Path) -> None:
    before = hashes(Path(plate).parent)
    with pytest.raises(BadRequest, match="overwrite the input 'plate'"):
        run_job(tint(plate, Path(plate if output == "same" else plate.replace("####", "%04d"))))
    assert hashes(Path(plate).parent) == before


def test_a_gap_in_the_plate_is_an_error_that_names_it(plate: str, tmp_path: Path) -> None:
    Path(plate.replace("####", "0003")).unlink()
    with pytest.raises(BadInput, match="3"):
        run_job(tint(plate, tmp_path / "out" / "shot.####.exr"))


def test_a_gap_is_held_or_skipped_if_the_request_says_so(plate: str, tmp_path: Path) -> None:
    Path(plate.replace("####", "0003")).unlink()
    run_job(replace(tint(plate, tmp_path / "hold" / "shot.####.exr"), missing="hold"))
    assert len(hashes(tmp_path / "hold")) == 6
    held, before = (oiio.ImageBuf(str(tmp_path / "hold" / f"shot.000{f}.exr")).get_pixels() for f in (3, 2))
    np.testing.assert_array_equal(held, before)
    run_job(replace(tint(plate, tmp_path / "skip" / "shot.####.exr"), missing="skip"))
    assert sorted(hashes(tmp_path / "skip")) == [f"shot.{f:04d}.exr" for f in (1, 2, 4, 5, 6)]


def test_a_truncated_frame_is_named_and_the_finished_ones_are_kept(plate: str, tmp_path: Path) -> None:
    request = tint(plate, tmp_path / "out" / "shot.####.exr")
    run_job(replace(request, frames="1-2"))
    broken = Path(plate.replace("####", "0005"))
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(BadInput, match="plate.0005.exr"):
        run_job(request)
    assert {"shot.0001.exr", "shot.0002.exr"} <= set(hashes(tmp_path / "out"))


@pytest.mark.skipif(sys.platform == "win32", reason="limits a file's size with setrlimit")
@pytest.mark.parametrize("name", ["shot.####.exr", "shot.mov"])
def test_a_full_disk_is_one_sentence(plate: str, tmp_path: Path, name: str) -> None:
    """A limit on the size of a file stands for a disk that fills up: writing fails half way."""
    run_job(tint(plate, tmp_path / "warm" / "shot.####.exr"))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))

    process = start(tint(plate, tmp_path / "out" / name), preexec_fn=limit)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1, err
    assert err.count("likeness: ") == 1
    assert "shot" in err
    assert "fault in the program" not in err
    assert hashes(tmp_path / "out") == {}


# ---- the effect's side ------------------------------------------------------------------------------

PLATE = Input("plate", ("picture",), "Plate", "A picture.")
COMP = Layer("comp", ("R", "G", "B"), "The result.")
MADE = Output("made", "sequence", "The frames.")


def effect(**more: Any) -> Effect:
    fields: dict[str, Any] = {"inputs": (PLATE,), "params": (), "outputs": (MADE,), "layers": (COMP,)}
    fields |= {"render": lambda job, frame: {"comp": job.source("plate").read(frame)}}
    return Effect(name="own", pillar="face", label="Own", help="An effect of a test.", **(fields | more))


def run(made: Effect, plate: str, output: Path, **more: Any) -> list[Result]:
    return run_job(Request("own", {"plate": plate}, output=str(output), **more), effects=[made])


def test_analysis_sees_the_whole_shot_and_only_what_it_may_depend_on(plate: str, tmp_path: Path) -> None:
    seen: list[Any] = []

    def analyze(job: Job) -> Mapping[str, Any]:
        seen.append(("analyze", job.frames, dict(job.params)))
        return {"size": (24, 16)}

    def render(job: Job, frame: int) -> Layers:
        seen.append(("render", job.frames, dict(job.params), dict(job.findings)))
        return {"comp": job.source("plate").read(frame)}

    params = (
        Param("depth", "int", 2, "Depth", "Analyzed.", 0, 9),
        Param("look", "int", 3, "Look", "Not analyzed.", 0, 9, analyzed=False),
    )
    run(effect(analyze=analyze, render=render, params=params), plate, tmp_path / "out", frames="2-2")
    assert seen == [
        ("analyze", [1, 2, 3, 4, 5, 6], {"depth": 2}),
        ("render", [2], {"depth": 2, "look": 3}, {"size": [24, 16]}),
    ]


@pytest.mark.parametrize("large", [False, True])
def test_large_pictures_leave_no_room_for_networks_that_have_told_what_they_know(
    plate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    monkeypatch.setattr(abreast, "MOST_PX", 24 * 16 if large else 2 * 24 * 16)
    opened: list[weakref.ref[runtime.Model]] = []

    def analyze(job: Job) -> dict[str, Any]:
        opened.append(weakref.ref(runtime.session("face_eyes", "cpu")))
        return {}

    run(effect(analyze=analyze), plate, tmp_path / "f.####.exr")
    gc.collect()
    assert (opened[0]() is None) == large


def test_findings_are_read_only(plate: str, tmp_path: Path) -> None:
    def render(job: Job, frame: int) -> Layers:
        job.findings["more"] = 1  # type: ignore[index]
        return {}

    with pytest.raises(TypeError, match="item assignment"):
        run(effect(analyze=lambda job: {}, render=render), plate, tmp_path / "out")


def test_an_effect_may_say_which_frames_there_are(plate: str, tmp_path: Path) -> None:
    made = effect(frames=lambda job: range(101, 104))
    [result] = run(made, plate.replace("####", "0001"), tmp_path / "out" / "a.####.exr", frames="102-103")
    assert result.meta["frames"] == [102, 103]
    with pytest.raises(BadRequest, match="101-103, not 99"):
        run(made, plate.replace("####", "0001"), tmp_path / "out" / "a.####.exr", frames="99")


def test_parts_of_an_analysis_are_shared_by_what_they_depend_on(plate: str, tmp_path: Path) -> None:
    made_of: list[str] = []

    def analyze(job: Job) -> Mapping[str, Any]:
        def fit(name: str) -> dict[str, Any]:
            made_of.append(name)
            return {"mean": job.source(name).read(1).pixels.mean()}

        parts = [job.cached("fit", lambda n=name: fit(n), inputs=[name]) for name in ("plate", "driver")]
        return {"means": [float(part["mean"]) for part in parts]}

    driver = Input("driver", ("picture",), "Driver", "Another.", required=False)
    made = effect(inputs=(PLATE, driver), analyze=analyze)
    one, two, three = (plate.replace("####", f"000{f}") for f in (1, 2, 3))
    for drive in (two, three, two):
        run_job(Request("own", {"plate": one, "driver": drive}, output=str(tmp_path / "o")), effects=[made])
    assert made_of == ["plate", "driver", "driver"]


def test_what_is_kept_is_made_anew_for_other_content_values_or_frames(
    plate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bands, "default_threads", lambda: 1)
    made: list[int] = []

    def render(job: Job, frame: int) -> Layers:
        def make() -> Any:
            made.append(frame)
            return job.source("plate").read(frame)

        return {"comp": job.keep("picture", make, inputs=["plate"], params=["depth"], frame=frame)}

    params = (
        Param("depth", "int", 2, "Depth", "Looked at.", 0, 9),
        Param("look", "int", 3, "Look", "Not.", 0, 9),
    )
    mine, kept, outputs = effect(render=render, params=params), {}, itertools.count()

    def again(frame: int, kept: Kept | None = kept, **values: int) -> int:
        output = tmp_path / f"out{next(outputs)}"
        run_job(Request("own", {"plate": plate}, values, str(frame), str(output)), effects=[mine], kept=kept)
        return len(made)

    assert again(2) == 1 and again(2) == 1 and again(2, look=4) == 1
    # Of each name there is one where one frame is drawn at a time: frames take each other's place.
    assert again(3) == 2 and again(2) == 3 and len(kept) == 1
    assert again(2, depth=5) == 4
    write_exr(Path(plate.replace("####", "0002")), seed=99)
    assert again(2, depth=5) == 5
    # What no process keeps ends with its run.
    assert again(2, None, depth=5) == 6 and again(2, None, depth=5) == 7


@pytest.mark.parametrize(("large", "frames"), [(True, "2-3"), (True, "2"), (False, "2-3")])
def test_what_is_kept_is_let_go_of_where_a_large_frame_is_not_alone(
    plate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool, frames: str
) -> None:
    monkeypatch.setattr(abreast, "MOST_PX", 24 * 16 if large else 2 * 24 * 16)

    def render(job: Job, frame: int) -> Layers:
        comp = job.keep("own", lambda: job.source("plate").read(frame), inputs=["plate"], frame=frame)
        job.let_go("own")
        return {"comp": comp}

    kept: Kept = {}
    run_job(
        Request("own", {"plate": plate}, {}, frames, str(tmp_path / "out")),
        effects=[effect(render=render)],
        kept=kept,
    )
    assert ("own" in kept) == (not large or frames == "2")


def test_frames_drawn_abreast_share_what_is_kept(
    plate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bands, "default_threads", lambda: 2)
    made: list[object] = []
    met: list[tuple[int, int]] = []
    meet = threading.Barrier(2, timeout=WAIT_S)

    def picture(job: Job) -> Image:
        made.append("all")
        return job.source("plate").read(1)

    def render(job: Job, frame: int) -> Layers:
        comp = job.keep("picture", lambda: picture(job), inputs=["plate"])
        for _ in range(2):
            own = job.keep("own", lambda: made.append(frame) or frame, inputs=["plate"], frame=frame)
            if frame > 1:
                meet.wait()  # so that two frames are always under way
            met.append((frame, own))
        return {"comp": comp}

    kept: Kept = {}
    request = Request("own", {"plate": plate}, {}, "1-5", str(tmp_path / "out"))
    for runs in (1, 2):
        run_job(request, effects=[effect(render=render)], kept=kept)
        assert sorted(made, key=str) == sorted([1, 2, 3, 4, 5, "all"] * runs, key=str)
        assert len(met) == 10 * runs and all(frame == own for frame, own in met)
        # As many of what is a frame's as are drawn at once, of what is everybody's the last.
        assert {name: len(last) for name, last in kept.items()} == {"picture": 1, "own": 2}
        write_exr(Path(plate.replace("####", "0001")), seed=99)


def test_an_effect_of_another_code_does_not_take_over_its_findings(plate: str, tmp_path: Path) -> None:
    file = tmp_path / "studio.py"
    text = (
        "from likeness.declare import *\n"
        "def analyze(job): return {'made_by': VERSION}\n"
        "def render(job, frame):\n"
        "    assert job.findings['made_by'] == VERSION\n"
        "    return {'comp': job.source('plate').read(frame)}\n"
        "X = Effect('own', 'face', 'Own', 'A test.', (Input('plate', ('picture',), 'P', 'A plate.'),), (),\n"
        "    (Output('made', 'sequence', 'Frames.'),), (Layer('comp', ('R', 'G', 'B'), 'It.'),),\n"
        "    analyze=analyze, render=render)\n"
    )
    for version in (1, 2):
        file.write_text(f"VERSION = {version}\n{text}")
        process = start(
            Request("own", {"plate": plate}, output=str(tmp_path / "out")),
            env=os.environ | {"LIKENESS_EFFECTS": f"{file}:X", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        _, err = process.communicate(timeout=WAIT_S)
        assert process.returncode == 0, err


def test_layers_that_were_not_declared_are_a_fault_of_the_effect(plate: str, tmp_path: Path) -> None:
    wrong: Callable[[Job, int], Layers] = lambda job, frame: {"matte": job.source("plate").read(frame)}  # noqa: E731
    with pytest.raises(ValueError, match=r"own declares the layers \['comp'\], not \['matte'\]"):
        run(effect(render=wrong), plate, tmp_path / "out")


def test_an_effect_may_both_render_and_write(plate: str, tmp_path: Path) -> None:
    def write(job: Job) -> list[Result]:
        path = job.folder / "report.json"
        path.write_text(str(job.frames))
        return [Result("report", "report", str(path))]

    report = Output("report", "report", "A report.")
    results = run(effect(write=write, outputs=(report, MADE)), plate, tmp_path / "out" / "a.####.exr")
    assert [result.name for result in results] == ["report", "made"]
    assert Path(results[0].path).parent == tmp_path / "out"


def test_an_effect_without_pictures_writes_into_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="into a folder, not a.exr"):
        run_job(Request("chore", output=str(tmp_path / "a.exr")))
    [result] = run_job(Request("chore", output=str(tmp_path / "take.02")))
    assert result.path == str(tmp_path / "take.02" / "chore.json")


def test_an_output_under_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadOutput, match="Cannot write"):
        run_job(Request("chore", output=str(tmp_path / "file" / "out")))


def test_inputs_are_known_by_kind(tmp_path: Path) -> None:
    kinds = ("picture", "performance", "audio", "model", "text")
    inputs = (PLATE, Input("driver", kinds, "Driver", "Anything.", required=False))
    made = effect(inputs=inputs)
    for name, kind in [
        ("take.csv", "performance"),
        ("take.json", "performance"),
        ("SPEECH.WAV", "audio"),
        ("head.glb", "model"),
        ("words.txt", "text"),
        ("clip.mp4", "picture"),
        ("shot.####.exr", "picture"),
    ]:
        (tmp_path / name).touch()
        given = {"plate": "p.exr", "driver": str(tmp_path / name)}
        job = Job(Request("own", given, output="o"), made)
        assert job.kind("driver") == kind
        assert job.path("driver") == tmp_path / name
    assert Job(Request("own", {"plate": "p.exr"}, output="o"), made).kind("driver") is None
    with pytest.raises(BadInput, match="'driver' has no pictures"):
        Job(Request("own", given | {"driver": str(tmp_path / "take.csv")}, output="o"), made).source("driver")


def test_memory_does_not_grow_with_the_shot(tmp_path: Path) -> None:
    """However many frames there are, no more than a handful of pictures are alive at once."""
    alive: list[int] = []
    living: weakref.WeakSet[Any] = weakref.WeakSet()

    class Counted(Image):
        __hash__ = object.__hash__

        def __post_init__(self) -> None:
            super().__post_init__()
            living.add(self)

    def render(job: Job, frame: int) -> Layers:
        gc.collect()
        alive.append(len(living))
        return {"comp": Counted(np.zeros((4, 4, 3), np.float32))}

    write_exr(tmp_path / "p.exr", 1)
    run(effect(render=render), str(tmp_path / "p.exr"), tmp_path / "out" / "a.####.exr", frames="1-12")
    assert len(alive) == 12
    assert max(alive) <= 3


def test_reading_runs_one_frame_ahead_and_writing_one_behind(
    plate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import likeness.media

    threads: set[str] = set()
    write = likeness.media.write_layers

    def watched(path: Any, layers: Any, **more: Any) -> None:
        threads.add(threading.current_thread().name)
        time.sleep(0.1)
        write(path, layers, **more)

    def render(job: Job, frame: int) -> Layers:
        time.sleep(0.1)
        return {"comp": job.source("plate").read(frame)}

    monkeypatch.setattr(likeness.media, "write_layers", watched)
    begin = time.monotonic()
    run(effect(render=render), plate, tmp_path / "out")
    assert time.monotonic() - begin < 6 * 0.2 - 0.2
    assert threads == {"write-behind_0"}


def test_a_write_that_fails_stops_the_job(plate: str, tmp_path: Path) -> None:
    made: list[int] = []

    def render(job: Job, frame: int) -> Layers:
        made.append(frame)
        (tmp_path / "out" / f"a.{frame:04d}.exr").mkdir(exist_ok=True)
        return {"comp": job.source("plate").read(frame)}

    with pytest.raises(BadOutput, match=r"a\.0001\.exr"):
        run(effect(render=render), plate, tmp_path / "out" / "a.####.exr")
    assert len(made) <= 2 + abreast.at_once(24, 16) < FRAMES


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_keeps_the_finished_frames(plate: str, tmp_path: Path) -> None:
    process = start(tint(plate, tmp_path / "out" / "shot.####.exr", seconds=0.4))
    assert process.stdout is not None
    for line in process.stdout:
        if '"stage": "render", "done": 1' in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WAIT_S)
    assert process.returncode == 5
    assert "shot.0001.exr" in hashes(tmp_path / "out")
    assert not [file for file in (tmp_path / "out").iterdir() if file.name.startswith(".")]
