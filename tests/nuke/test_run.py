"""Whole runs in the test host: real Groups, real EXR pixels, the real worker."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pixels import finish, planes

from likeness_nuke import bake, form, host, installed, jobs, names, pictures
from tests.damaged import write_huge

LONG = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}


def run(group: Any) -> str:
    group["press_run"].execute()
    return str(group[names.STATUS].value())


def long_name(channel: str) -> str:
    layer, _, name = channel.rpartition(".")
    return f"{layer or 'rgba'}.{LONG.get(name, name)}"


def same_as_file(picture: Any, path: Path) -> None:
    """Every bit of every channel of a picture in Nuke is that of the file."""
    written = planes(path)
    assert {long_name(channel) for channel in written} == set(picture.planes)
    for channel, plane in written.items():
        assert plane.tobytes() == picture.planes[long_name(channel)].tobytes(), channel


# --- the round trip ------------------------------------------------------------------------------------


def test_a_run_without_a_window_brings_the_sequence_in(
    nuke: Any, make: Any, plate: Any, tmp_path: Path
) -> None:
    group = make("tint", tmp_path / "out", plate=plate())
    group["param_gain"].setValue(2.0)
    assert run(group) == "Done: tinted, frames 1001-1003."
    assert group["likeness_show"].value() == "tinted"
    for frame in (1001, 1002, 1003):
        same_as_file(nuke._picture(group, frame, "main"), tmp_path / "out" / f"tinted.{frame}.exr")
    group["likeness_show"].setValue("source")
    same_as_file(nuke._picture(group, 1002, "main"), tmp_path / "plates" / "shot.1002.exr")


def test_what_nuke_writes_is_bit_for_bit_what_was_connected(
    nuke: Any, make: Any, plate: Any, tmp_path: Path
) -> None:
    """No alpha, a data window that hangs over, anamorphic pixels, more layers: all of it arrives."""
    node = plate(channels=("R", "G", "B", "depth.Z", "id.u"), box=(-7, 5, 80, 30), aspect=2.0)
    group = make("puppet", tmp_path / "out", plate=node)
    run(group)
    theirs_first = planes(tmp_path / "plates" / "shot.1001.exr")
    for frame in (1001, 1002, 1003):
        theirs = planes(tmp_path / "plates" / f"shot.{frame}.exr")
        ours = planes(tmp_path / "out" / "inputs" / "main" / f"plate.{frame}.exr")
        assert set(theirs) == set(ours)
        assert all(theirs[channel].tobytes() == ours[channel].tobytes() for channel in theirs)
    got = nuke._picture(group, 1001, "main")
    assert got.planes["depth.Z"].tobytes() == theirs_first["depth.Z"].tobytes()
    assert (got.box, got.size, got.aspect) == ((-7, 5, 73, 35), (64, 48), 2.0)


def test_outside_of_the_matte_every_bit_is_the_plates(
    nuke: Any, make: Any, plate: Any, tmp_path: Path
) -> None:
    group = make("puppet", tmp_path / "out", plate=plate())
    group["weight_sliders_jawOpen"].setValue(0.75)
    run(group)
    for frame in (1001, 1003):
        got = nuke._picture(group, frame, "main").planes
        plate_pixels = planes(tmp_path / "plates" / f"shot.{frame}.exr")
        outside = got["matte.alpha"] == 0
        assert outside.any() and not outside.all()
        for channel in "RGB":
            plane = got[f"rgba.{LONG[channel]}"]
            assert plane[outside].tobytes() == plate_pixels[channel][outside].tobytes()
            assert (plane[~outside] == 0.75).all()


def test_a_still_is_written_as_one(nuke: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    group = make("tint", tmp_path / "out", plate=plate(range(7, 8)))
    run(group)
    assert sorted(p.name for p in (tmp_path / "out" / "inputs" / "main").iterdir()) == ["plate.exr"]
    assert group["likeness_show"].value() == "tinted"
    nuke._picture(group, 7, "main")


def test_every_view_is_made_and_read(nuke: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    nuke._reset(views=("left", "right"))
    group = make("tint", tmp_path / "out", plate=plate())
    run(group)
    assert "%V" in group.node("read_tinted")["file"].value()
    for view in ("left", "right"):
        same_as_file(nuke._picture(group, 1002, view), tmp_path / "out" / view / "tinted.1002.exr")
    left, right = (nuke._picture(group, 1002, view).planes["rgba.red"] for view in ("left", "right"))
    assert not np.array_equal(left, right)


def test_a_range_of_ones_own(nuke: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    group = make("tint", tmp_path / "out", plate=plate(range(1001, 1007)))
    group["press_range"].execute()
    assert (group["likeness_first"].value(), group["likeness_last"].value()) == (1001, 1006)
    group["likeness_first"].setValue(1003)
    group["likeness_last"].setValue(1004)
    assert run(group) == "Done: tinted, frames 1003-1004."
    assert sorted(p.name for p in (tmp_path / "out").glob("*.exr")) == ["tinted.1003.exr", "tinted.1004.exr"]


def test_the_rate_of_the_script_goes_with_the_plate(nuke: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    import OpenImageIO as oiio

    nuke.root()["fps"].setValue(23.976)
    run(make("tint", tmp_path / "out", plate=plate()))
    spec = oiio.ImageInput.open(str(tmp_path / "out" / "inputs" / "main" / "plate.1001.exr")).spec()
    assert float(spec.getattribute("nuke/input/frame_rate")) == 23.976


def test_a_second_run_finds_its_frames_and_its_analysis(
    nuke: Any, make: Any, plate: Any, tmp_path: Path
) -> None:
    group = make("tint", tmp_path / "out", plate=plate())
    run(group)
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.exr")}
    run(group)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.exr")} == files
    assert group.node("read_tinted")._pressed == ["reload", "reload"]


def test_frames_that_are_gone_from_the_plate_are_gone_from_the_inputs(
    nuke: Any, make: Any, plate: Any, tmp_path: Path
) -> None:
    group = make("tint", tmp_path / "out", plate=plate())
    run(group)
    group.input(0)["last"].setValue(1002)
    run(group)
    inputs = tmp_path / "out" / "inputs" / "main"
    assert sorted(p.name for p in inputs.iterdir()) == ["plate.1001.exr", "plate.1002.exr"]


def test_a_driver_of_pictures_keeps_its_own_range_and_a_matte_takes_the_plates(
    nuke: Any, make: Any, plate: Any, tmp_path: Path
) -> None:
    group = make("puppet", tmp_path / "out", plate=plate(), driver=plate(range(1, 6), name="d"))
    group.setInput(2, plate(range(1, 2), name="m"))
    run(group)
    names_there = sorted(p.name for p in (tmp_path / "out" / "inputs" / "main").iterdir())
    assert [n for n in names_there if n.startswith("driver")] == [f"driver.000{i}.exr" for i in range(1, 6)]
    assert [n for n in names_there if n.startswith("holdout")] == [
        f"holdout.{i}.exr" for i in (1001, 1002, 1003)
    ]


@pytest.mark.parametrize(
    ("lut", "space"),
    [
        ("linear", "lin_rec709"),
        ("ACES - ACEScg", "ACEScg"),
        ("scene_linear (ACEScg)", "ACEScg"),
        ("ACES - ACES2065-1", "ACES2065-1"),
    ],
)
def test_the_working_space_is_named_once(nuke: Any, make: Any, tmp_path: Path, lut: str, space: str) -> None:
    group = make("tint", tmp_path)
    nuke.root()["workingSpaceLUT"].setValue(lut)
    assert form.colorspace(group) == space
    group["likeness_colorspace"].setValue("sRGB")
    assert form.colorspace(group) == "sRGB"


# --- sliders -------------------------------------------------------------------------------------------


def test_sliders_that_rest_go_as_numbers(nuke: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    group = make("puppet", tmp_path / "out", plate=plate())
    group["weight_sliders_jawOpen"].setValue(0.5)
    read = form.read(group)
    assert read.curves is None
    assert read.values["sliders"] == {"jawOpen": 0.5, "mouthPucker": 0.0}
    run(group)
    assert not (tmp_path / "out" / "inputs" / "driver.csv").exists()


def test_sliders_that_move_become_a_performance(nuke: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    from likeness_client import forms

    group = make("puppet", tmp_path / "out", plate=plate())
    for frame, value in ((1001, 0.0), (1003, 1.0)):
        group["weight_sliders_jawOpen"].setValueAt(value, frame)
    group["curve_driver_HeadYaw"].setValue(0.25)
    run(group)
    columns, rows, _ = forms.read_performance(str(tmp_path / "out" / "inputs" / "driver.csv"), 24)
    assert columns == ["jawOpen", "mouthPucker", "HeadYaw", "HeadPitch", "HeadRoll"]
    assert [row[:3] for row in rows] == [[0, 0, 0.25], [0.5, 0, 0.25], [1, 0, 0.25]]
    for frame, opened in ((1001, 0.0), (1002, 0.5), (1003, 1.0)):
        got = nuke._picture(group, frame, "main").planes
        assert (got["rgba.red"][got["matte.alpha"] == 1] == opened).all()


def test_moving_sliders_and_a_driver_are_too_much(nuke: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    group = make("puppet", tmp_path / "out", plate=plate(), driver=plate(name="d"))
    group["weight_sliders_jawOpen"].setAnimated()
    with pytest.raises(host.Problem, match="sliders are animated"):
        group["press_run"].execute()
    assert not (tmp_path / "out").exists()


# --- with a window -------------------------------------------------------------------------------------


def test_nuke_stays_usable_while_it_runs(gui: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    group = make("tint", tmp_path / "out", plate=plate())
    group["param_seconds"].setValue(0.5)
    installed.client().hello()
    start = time.monotonic()
    group["press_run"].execute()
    assert jobs._running
    assert time.monotonic() - start < 1.5, "that is what the frames take"
    gui._pump(lambda: "of" in group[names.STATUS].value())
    assert group["likeness_show"].value() == "source"
    assert finish(gui, group) == "Done: tinted, frames 1001-1003."
    [task] = gui._tasks
    assert len(set(task._shown)) > 2
    assert task._message.startswith("Render: ")
    assert gui._said == []
    same_as_file(gui._picture(group, 1002, "main"), tmp_path / "out" / "tinted.1002.exr")


@pytest.mark.parametrize("button", [True, False], ids=["the button", "the progress bar"])
def test_cancel_keeps_what_is_finished(gui: Any, make: Any, plate: Any, tmp_path: Path, button: bool) -> None:
    group = make("tint", tmp_path / "out", plate=plate(range(1001, 1041)))
    group["param_seconds"].setValue(0.1)
    before = gui._shape()
    group["press_run"].execute()
    gui._pump(lambda: len(list((tmp_path / "out").glob("tinted*.exr"))) > 1)
    if button:
        group["press_cancel"].execute()
    else:
        gui._tasks[0]._cancelled = True
    start = time.monotonic()
    assert finish(gui, group).startswith("The job was stopped.")
    assert time.monotonic() - start < 4
    kept = sorted((tmp_path / "out").glob("tinted*.exr"))
    assert 1 < len(kept) < 40
    group[names.STATUS].setValue("Not run yet.")
    assert gui._shape() == before
    assert gui._said == []


def test_two_runs_of_one_node_are_refused_and_of_two_are_queued(
    gui: Any, make: Any, plate: Any, tmp_path: Path
) -> None:
    node = plate()
    first, second = make("tint", tmp_path / "a", plate=node), make("tint", tmp_path / "b", plate=node)
    for group in (first, second):
        group["param_seconds"].setValue(0.1)
    first["press_run"].execute()
    first["press_run"].execute()
    assert gui._said == ["Tint1 runs already; wait for it, or press Cancel."]
    second["press_run"].execute()
    assert finish(gui, second) == "Done: tinted, frames 1001-1003."
    assert first[names.STATUS].value() == "Done: tinted, frames 1001-1003."


def test_two_nodes_do_not_write_into_one_folder(gui: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    node = plate()
    first, second = make("tint", tmp_path / "a", plate=node), make("tint", tmp_path / "a", plate=node)
    first["param_seconds"].setValue(0.1)
    first["press_run"].execute()
    second["press_run"].execute()
    assert gui._said == [f"Tint1 writes into {tmp_path / 'a'}; choose another folder."]
    finish(gui, first)


def test_a_node_deleted_while_it_runs(gui: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    group = make("tint", tmp_path / "out", plate=plate())
    group["param_seconds"].setValue(0.05)
    group["press_run"].execute()
    gui.delete(group)
    gui._pump(lambda: not jobs._running)
    assert gui._said == [f"Tint1 was deleted; its results are in {tmp_path / 'out'}."]
    assert len(list((tmp_path / "out").glob("*.exr"))) == 3


def test_undo_takes_a_run_back_in_one_step(gui: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    group = make("tiny", tmp_path / "out", plate=plate())
    before = [n.name() for n in gui.allNodes()]
    steps, gui._state["loose"] = gui.Undo.undoSize(), 0
    group["press_run"].execute()
    assert finish(gui, group).startswith("Done: tiny")
    assert (gui._state["loose"], gui._state["off"]) == (0, 0)
    assert len(gui.allNodes()) > len(before)
    assert gui.Undo.undoSize() == steps + 1
    gui.Undo.undo()
    assert [n.name() for n in gui.allNodes()] == before
    assert group["likeness_show"].value() == "source"


# --- faults --------------------------------------------------------------------------------------------


def asked(group: Any, **knobs: Any) -> Any:
    for name, value in knobs.items():
        group[name].setValue(value)
    return group


FAULTS: dict[str, tuple[Any, str]] = {
    "nothing connected": (
        lambda make, plate, at: make("tint", at / "out"),
        "Plate is missing; choose a picture",
    ),
    "no such file": (
        lambda make, plate, at: asked(make("tint", at / "out"), input_plate="/no/such/shot.####.exr"),
        "Plate: there is no file /no/such/shot.####.exr;",
    ),
    "a backward range": (
        lambda make, plate, at: asked(
            make("tint", at / "out", plate=plate()), likeness_first=9, likeness_last=3
        ),
        "The frame range 9-3 runs backwards;",
    ),
    "a value out of range": (
        lambda make, plate, at: asked(make("tint", at / "out", plate=plate()), param_gain=99.0),
        "Gain is out of range;",
    ),
    "an output that is a file": (
        lambda make, plate, at: make("tint", at / "plates" / "shot.1001.exr" / "x", plate=plate()),
        "cannot be written",
    ),
    "a file of the wrong kind": (
        lambda make, plate, at: asked(make("tint", at / "out"), input_plate=__file__),
        "cannot be",
    ),
    "a huge picture": (
        lambda make, plate, at: asked(
            make("tint", at / "out"), input_plate=write_huge(at / "huge picture.exr")
        ),
        "huge picture.exr",
    ),
    "a name that is too long": (
        lambda make, plate, at: make("tint", at / ("x" * 300), plate=plate()),
        "cannot be written (File name too long); choose another.",
    ),
    "a wrong color space": (
        lambda make, plate, at: asked(make("tint", at / "out", plate=plate()), likeness_colorspace="Mauve"),
        "Mauve",
    ),
    "an effect that is not here": (
        lambda make, plate, at: asked(make("tint", at / "out"), likeness_effect="gone"),
        "This Likeness has no effect 'gone';",
    ),
    "a bug in the effect": (
        lambda make, plate, at: asked(make("chore", at / "out"), param_fault="bug"),
        "KeyError",
    ),
    "the worker dies": (
        lambda make, plate, at: asked(make("chore", at / "out"), param_fault="crash"),
        "The Likeness worker was killed by signal 9.",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("window", [False, True], ids=["terminal", "window"])
def test_a_fault_is_one_clear_sentence_and_changes_nothing(
    package: Path, make: Any, plate: Any, tmp_path: Path, fault: str, window: bool
) -> None:
    import nuke

    nuke._reset(gui=window)
    build, sentence = FAULTS[fault]
    group = build(make, plate, tmp_path)
    before = nuke._shape()
    if window:
        group["press_run"].execute()
        finish(nuke, group)
        assert len(nuke._said) == 1
        assert sentence in nuke._said[0]
    else:
        with pytest.raises(host.Problem, match="."):
            group["press_run"].execute()
    status = group[names.STATUS].value()
    assert sentence in status
    assert "\n" not in status
    group[names.STATUS].setValue("Not run yet.")
    assert nuke._shape() == before
    assert not jobs._running


def test_the_last_words_of_a_worker_are_told(gui: Any, make: Any, tmp_path: Path) -> None:
    group = asked(make("chore", tmp_path / "out"), param_fault="crash")
    group["press_run"].execute()
    finish(gui, group)
    assert "the last words of a crash" in gui._said[0]


def test_the_worker_comes_back_after_its_death(nuke: Any, make: Any, tmp_path: Path) -> None:
    group = asked(make("chore", tmp_path / "out"), param_fault="crash")
    with pytest.raises(host.Problem):
        group["press_run"].execute()
    asked(group, param_fault="none")
    assert run(group).startswith("Done: report")


def test_a_render_that_fails_is_told_and_leaves_the_writes_off(
    nuke: Any, make: Any, plate: Any, tmp_path: Path
) -> None:
    group = make("tint", tmp_path / "out", plate=plate())
    (tmp_path / "plates" / "shot.1002.exr").unlink()
    with pytest.raises(host.Problem, match=r"The inputs cannot be rendered: .*shot\.1002\.exr"):
        group["press_run"].execute()
    assert group.node("write_plate")["disable"].value()
    assert not (tmp_path / "out" / "inputs" / "main" / "fresh").exists()


def test_a_render_that_is_stopped_is_told(nuke: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    group = make("tint", tmp_path / "out", plate=plate())
    before = nuke._shape()
    nuke._state["break_at"] = 1002
    with pytest.raises(host.Problem, match="The inputs cannot be rendered: Cancelled"):
        group["press_run"].execute()
    group[names.STATUS].setValue("Not run yet.")
    assert nuke._shape() == before


def test_a_plate_from_a_file_keeps_its_own_frames_and_color(
    nuke: Any, make: Any, plate: Any, tmp_path: Path
) -> None:
    """Only the holdout is connected, at other frames: they are not asked of the plate."""
    plate()
    group = make("puppet", tmp_path / "out", holdout=plate(range(1, 3), name="m"))
    assert group.input(0) is group.input(2), "a new node is connected to what is selected"
    group.setInput(0, None)
    group["input_plate"].setValue(str(tmp_path / "plates" / "shot.####.exr"))
    assert run(group) == "Done: comp, frames 1001-1003."


def test_a_disk_that_is_full_for_nuke_is_told(
    nuke: Any, make: Any, plate: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    def full(*where: Any) -> None:
        raise OSError(28, os.strerror(28), str(where[-1]))

    group = make("tint", tmp_path / "out", plate=plate())
    monkeypatch.setattr(pictures.os, "replace", full)
    with pytest.raises(host.Problem, match="No space left on device"):
        group["press_run"].execute()


@pytest.mark.skipif(sys.platform == "win32", reason="limits a file's size with setrlimit")
def test_a_disk_that_is_full_for_the_worker_is_told(nuke: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    """A limit on the size of a file, which the worker inherits, stands for a disk that fills up."""
    import resource

    plate()
    group = asked(
        make("tint", tmp_path / "out"), input_plate=str(tmp_path / "plates" / "shot.####.exr"), param_gain=3.0
    )
    before = nuke._shape()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    installed.close()
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
    try:
        installed.client().hello()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with pytest.raises(host.Problem, match=r"(Free some space|choose another output)"):
        group["press_run"].execute()
    group[names.STATUS].setValue("Not run yet.")
    assert nuke._shape() == before
    installed.close()
    assert run(group) == "Done: tinted, frames 1001-1003."


def test_a_python_that_is_not_there_is_told(nuke: Any, make: Any, tmp_path: Path, monkeypatch: Any) -> None:
    installed.close()
    monkeypatch.setenv("LIKENESS_PYTHON", "/no/such/python")
    try:
        with pytest.raises(host.Problem, match="cannot be started: /no/such/python"):
            make("chore", tmp_path / "out")["press_run"].execute()
    finally:
        installed.close()


def test_no_python_at_all_is_told(nuke: Any, make: Any, tmp_path: Path, monkeypatch: Any) -> None:
    installed.close()
    monkeypatch.setitem(installed.facts(), "python", "")
    with pytest.raises(host.Problem, match="Set LIKENESS_PYTHON"):
        make("chore", tmp_path / "out")["press_run"].execute()


NAMES = {
    "spaces and quotes": "a 'b' c, d",
    "brackets": "[x] {y} $z",
    "not ascii": "üñí 顔 шот",
    "long": "/".join(["deep" * 10] * 4),
}


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not know")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_folders_of_any_name(nuke: Any, make: Any, plate: Any, tmp_path: Path, name: str) -> None:
    from likeness_nuke import script

    out = tmp_path / name / "out"
    group = make("tiny", out, plate=plate())
    group[names.OUTPUT].setValue(script.literal(str(out)))
    assert run(group).startswith("Done: tiny")
    same_as_file(nuke._picture(group, 1002, "main"), out / "tiny.1002.exr")
    for node in nuke.allNodes():
        if node.Class() in ("ReadGeo2", "AudioRead"):
            assert Path(node["file"].getEvaluatedValue()).is_file()


def test_results_go_beside_the_script_or_into_a_temporary_folder(
    nuke: Any, make: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    group = make("tint", "")
    monkeypatch.setenv("NUKE_TEMP_DIR", str(tmp_path / "temp"))
    assert form.folder(group) == str(tmp_path / "temp" / "likeness" / "Tint1")
    nuke._state["script"] = str(tmp_path / "shots" / "comp.nk")
    assert form.folder(group) == str(tmp_path / "shots" / "likeness" / "Tint1")
    group[names.OUTPUT].setValue("[value root.fps]/x")
    assert form.folder(group).endswith("/24.0/x")
    with pytest.raises(host.Problem, match="press Run first"):
        group["press_folder"].execute()


# --- without the package -------------------------------------------------------------------------------


def test_a_finished_group_renders_without_the_package(
    gui: Any, make: Any, plate: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    group = make("tint", tmp_path / "out", plate=plate())
    group["press_run"].execute()
    finish(gui, group)
    for name in [name for name in sys.modules if name.split(".")[0] in ("likeness_nuke", "likeness_client")]:
        monkeypatch.setitem(sys.modules, name, None)
    same_as_file(gui._picture(group, 1003, "main"), tmp_path / "out" / "tinted.1003.exr")
    group["press_run"].execute()
    assert gui._said == ["Likeness is not installed in this Nuke; install it and open the script again."]
    (tmp_path / "out" / "tinted.1003.exr").unlink()
    with pytest.raises(RuntimeError, match=r"tinted\.1003\.exr"):
        gui._picture(group, 1003, "main")
    group._parent._nodes.clear()


def test_a_group_holds_nodes_of_nukes_own_only(nuke: Any, make: Any, tmp_path: Path) -> None:
    for effect in installed.effects():
        group = make(effect["name"], tmp_path)
        assert {n.Class() for n in group.nodes()} <= {
            "Input",
            "Output",
            "Read",
            "Write",
            "Switch",
            "ModifyMetaData",
        }
        assert all(n["disable"].value() for n in group.nodes() if n.Class() == "Write")


# --- bake ----------------------------------------------------------------------------------------------


def test_bake_leaves_native_nodes_with_the_same_picture(
    nuke: Any, make: Any, plate: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    group = make("puppet", tmp_path / "out", plate=plate(channels=("R", "G", "B", "A")))
    group["weight_sliders_jawOpen"].setValue(0.6)
    after = nuke.createNode("NoOp", "name After inputs 0")
    after.setInput(0, group)
    run(group)
    wanted = {frame: nuke._picture(after, frame, "main").planes for frame in (1001, 1002, 1003)}
    group["press_bake"].execute()
    assert [n.Class() for n in nuke.allNodes()] == ["Read", "NoOp", "Read", "Shuffle", "Merge2", "Copy"]
    for name in [name for name in sys.modules if name.split(".")[0] == "likeness_nuke"]:
        monkeypatch.setitem(sys.modules, name, None)
    for frame, planes_then in wanted.items():
        now = nuke._picture(after, frame, "main").planes
        for channel in ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha", "matte.alpha"):
            assert now[channel].tobytes() == planes_then[channel].tobytes(), channel


def test_bake_without_a_foreground_layer_is_a_read(nuke: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    group = make("tint", tmp_path / "out", plate=plate())
    after = nuke.createNode("NoOp", "name After inputs 0")
    after.setInput(0, group)
    run(group)
    group["press_bake"].execute()
    assert after.input(0).Class() == "Read"
    same_as_file(nuke._picture(after, 1002, "main"), tmp_path / "out" / "tinted.1002.exr")


def test_bake_before_a_run_is_refused(nuke: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    group = make("puppet", tmp_path / "out", plate=plate())
    with pytest.raises(host.Problem, match="no result yet"):
        group["press_bake"].execute()
    assert bake.foreground(installed.effect("puppet")) == "front"


def test_reset_brings_every_default_back(nuke: Any, make: Any, plate: Any, tmp_path: Path) -> None:
    group = make("puppet", tmp_path / "out")
    before = form.values(group, installed.effect("puppet"))
    asked(group, param_title="other", param_mode="plain", param_on=False, param_count=7)
    group["weight_sliders_jawOpen"].setValueAt(1.0, 5)
    group["curve_driver_HeadYaw"].setValue(1.0)
    group["press_reset"].execute()
    assert form.values(group, installed.effect("puppet")) == before
    assert before["title"] == 'a "b" [c] {d $e \\f'
    assert not group["weight_sliders_jawOpen"].isAnimated()
    assert group["curve_driver_HeadYaw"].value() == 0


# --- the test host itself ------------------------------------------------------------------------------


def test_misuse_of_threads_is_caught(gui: Any) -> None:
    caught: list[str] = []

    def wrong() -> None:
        for function in (gui.root, lambda: gui.createNode("NoOp"), lambda: gui.message("x")):
            try:
                function()
            except Exception as error:
                caught.append(type(error).__name__)

    thread = threading.Thread(target=wrong)
    thread.start()
    thread.join()
    assert caught == ["_Misuse"] * 3
    with pytest.raises(gui._Misuse):
        gui.executeInMainThread(print, ("x",))


def test_facts_of_the_package_are_json(package: Path) -> None:
    facts = json.loads((package / "likeness.json").read_text("utf-8"))
    assert facts["python"] == sys.executable
    assert {"tint", "chore", "tiny", "puppet"} <= {effect["name"] for effect in facts["effects"]}
