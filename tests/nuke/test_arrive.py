"""What comes back, by kind: real results of a real run as Nuke's own nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pixels import add_group, add_plate, finish

from likeness.performance import ROTATIONS, read_csv, rotations
from likeness_client import forms
from likeness_nuke import arrive, names, script, shapes

FRAMES = range(1001, 1006)


@pytest.fixture(scope="module")
def ran(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A script with a Group of the effect that makes one result of every kind, run once."""
    import nuke

    folder = tmp_path_factory.mktemp("arrive")
    nuke._reset()
    group = add_group("tiny", folder / "out", plate=add_plate(folder / "plates", FRAMES))
    group["press_run"].execute()
    assert group[names.STATUS].value().startswith("Done: tiny")
    return group, folder / "out", dict(nuke._state), nuke._snapshot()


@pytest.fixture
def group(nuke: Any, ran: Any) -> Any:
    """That Group, in its script as it was after the run."""
    group, _, state, saved = ran
    nuke._state.update(state, context=[state["root"]], steps=[], this=[], open=None)
    nuke._restore(saved)
    return group


@pytest.fixture
def out(ran: Any) -> Path:
    """The folder of its results."""
    folder: Path = ran[1]
    return folder


def there(nuke: Any, kind: str, name: str) -> Any:
    node = nuke.toNode(name)
    assert node is not None, [n.name() for n in nuke.allNodes()]
    assert node.Class() == kind
    return node


def test_a_performance_is_an_axis_with_a_knob_a_curve(nuke: Any, group: Any, out: Path) -> None:
    axis = there(nuke, "Axis2", "Tiny1_performance")
    take = read_csv(out / "tiny.csv")
    assert len(take) == len(FRAMES)
    columns, rows, _ = forms.read_performance(str(out / "tiny.csv"), 24)
    assert len(columns) == 61
    for place, frame in enumerate(FRAMES):
        for index, column in enumerate(columns):
            assert axis[column].getValueAt(frame) == pytest.approx(rows[place][index], abs=1e-7)
        turn = rotations(take.head[place])
        matrix = [axis["matrix"].getValueAt(frame, i) for i in range(16)]
        assert np.allclose(np.reshape(matrix, (4, 4))[:3, :3], turn, atol=1e-6)
        assert axis["jawOpen"].getValueAt(frame) == pytest.approx(take["jawOpen"][place])
    assert axis["useMatrix"].value()
    assert axis["jawOpen"].getNumKeys() == len(FRAMES)
    assert set(ROTATIONS) <= set(columns)


def test_a_track_is_points_a_pin_a_camera_and_a_head(nuke: Any, group: Any, out: Path) -> None:
    track = json.loads((out / "tiny.json").read_text())
    height = track["size_px"][1]
    tracker = there(nuke, "Tracker4", "Tiny1_track")
    head, columns, rows = nuke._split(tracker["tracks"]._text)
    assert nuke._split(head) == ["1", "31", "68"]
    assert len(nuke._split(columns)) == 31
    found = [nuke._split(row) for row in nuke._split(rows)]
    assert len(found) == 68
    for index, row in enumerate(found):
        assert len(row) == 31
        for cell, flip in ((row[2], False), (row[3], True)):
            curve = nuke._curve(nuke._split(cell)[1:])
            assert list(curve) == list(FRAMES)
            for frame, face in zip(FRAMES, track["frames"], strict=True):
                x, y = face["faces"][0]["points68_px"][index]
                assert curve[frame] == pytest.approx(height - y if flip else x, abs=1e-3)


def test_the_pin_the_camera_and_the_head_agree(nuke: Any, group: Any) -> None:
    """The face's plane, moved by the head's axis and seen by the camera, lies where the pin says."""
    pin = there(nuke, "CornerPin2D", "Tiny1_track_pin")
    camera = there(nuke, "Camera2", "Tiny1_track_camera")
    head = there(nuke, "Axis2", "Tiny1_track_head")
    size = nuke._picture(group, 1001, "main").size
    for frame in FRAMES:
        matrix = np.reshape([head["matrix"].getValueAt(frame, i) for i in range(16)], (4, 4))
        for index, corner in enumerate(shapes.PLANE_CM):
            x, y, z, _ = matrix @ (*corner, 1)
            assert z < 0, "it is before Nuke's camera, which looks along -Z"
            focal = camera["focal"].getValueAt(frame) / camera["haperture"].value() * size[0]
            where = (x / -z * focal + size[0] / 2, y / -z * focal + size[1] / 2)
            told = [pin[f"to{index + 1}"].getValueAt(frame, axis) for axis in (0, 1)]
            assert told == pytest.approx(where, abs=1e-3)
    for index in range(4):
        first = [pin[f"to{index + 1}"].getValueAt(FRAMES[0], axis) for axis in (0, 1)]
        assert [pin[f"from{index + 1}"].getValueAt(1050, axis) for axis in (0, 1)] == pytest.approx(first)


def test_a_face_that_is_lost_has_no_key(nuke: Any) -> None:
    face = {"box_px": [10, 20, 30, 60], "points2_px": [[10, 20], [30, 60]], "confidence": 1.0}
    track = {
        "size_px": [100, 80],
        "lens": {"focal_px": 100, "center_px": [50, 40]},
        "frames": [{"frame": f, "faces": [] if f == 2 else [face]} for f in (1, 2, 3)],
    }
    nodes = {node[0]: node for node in shapes.face_nodes("x", track, 0)}
    assert set(nodes) == {"Tracker4", "CornerPin2D"}
    assert "x1 10 x3 10" in nodes["Tracker4"][4]["tracks"]
    assert nodes["CornerPin2D"][4]["from1"] == "10 20"
    assert nodes["CornerPin2D"][4]["from3"] == "30 60"


def test_a_shifted_lens_shifts_the_camera(nuke: Any) -> None:
    track = {"size_px": [200, 100], "lens": {"focal_px": 400, "center_px": [90, 60]}}
    kind, _, fixed, values, _ = shapes.camera("c", track)
    assert kind == "Camera2"
    assert values == {"focal": 72.0, "haperture": 36.0, "vaperture": 18.0}
    assert fixed == ["win_translate {0.1 0.1}"]


def test_another_shot_has_another_lens(nuke: Any) -> None:
    pose = [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 100], [0, 0, 0, 1]]
    face = {"box_px": [80, 30, 120, 70], "head_pose": pose, "confidence": 1.0}
    lenses = [{"focal_px": focal, "center_px": [100, 50]} for focal in (400, 200)]
    track = {
        "size_px": [200, 100],
        "lens": lenses[0],
        "shots": [{"frames": [1, 2], "lens": lenses[0]}, {"frames": [3, 3], "lens": lenses[1]}],
        "frames": [{"frame": f, "faces": [face]} for f in (1, 2, 3)],
    }
    assert shapes.camera("c", track)[4] == {"focal": "{curve L x1 72 72 36}"}
    pin = next(node for node in shapes.face_nodes("x", track, 0) if node[0] == "CornerPin2D")
    near, far = (shapes._corners(lens, face)[0][0] for lens in lenses)
    assert far - 100 == pytest.approx((near - 100) / 2)
    assert script.number(near) in pin[4]["to1"] and script.number(far) in pin[4]["to1"]


def test_a_model_a_sound_and_a_report(nuke: Any, group: Any, out: Path) -> None:
    assert there(nuke, "ReadGeo2", "Tiny1_model")["file"].getEvaluatedValue() == str(out / "tiny.usdc")
    assert there(nuke, "AudioRead", "Tiny1_audio")["file"].getEvaluatedValue() == str(out / "tiny.wav")
    note = there(nuke, "StickyNote", "Tiny1_report")
    assert note["label"].evaluate().splitlines()[0] == "tiny_report.json"


def test_a_model_that_nuke_does_not_read_is_a_note(nuke: Any, tmp_path: Path) -> None:
    [note] = arrive._model("M", {"path": str(tmp_path / "a [b].glb")}, (1, 1))
    nuke.scriptReadText(arrive.script_of(note, 0, 0))
    assert nuke.toNode("M")["label"].evaluate().startswith(str(tmp_path / "a [b].glb"))


def test_a_report_with_pictures_has_reads(nuke: Any, tmp_path: Path) -> None:
    result = {
        "path": str(tmp_path / "overlay.mp4"),
        "meta": {"pictures": ["a [b].png", "table.json"], "score": 0.5},
    }
    note, movie, picture = arrive._report("R", result, (1001, 1010))
    assert note.plain["label"] == "overlay.mp4\nscore: 0.5"
    assert (movie.kind, movie.plain["first"], movie.plain["last"]) == ("Read", 1, 10)
    nuke.scriptReadText(arrive.script_of(picture, 0, 0))
    assert nuke.toNode("R_sheet2")["file"].getEvaluatedValue() == str(tmp_path / "a [b].png")


def test_a_second_run_renews_the_nodes_and_keeps_their_connections(nuke: Any, group: Any) -> None:
    axis = nuke.toNode("Tiny1_performance")
    user = nuke.createNode("NoOp", "inputs 0 name User")
    user.setInput(0, axis)
    count = len(nuke.allNodes())
    axis["jawOpen"].setValue(9.0)
    group["press_run"].execute()
    assert len(nuke.allNodes()) == count
    assert user.input(0) is axis
    assert axis["jawOpen"].getValueAt(1001) == 0


def test_another_node_of_that_name_is_left_alone(nuke: Any, group: Any) -> None:
    nuke.delete(nuke.toNode("Tiny1_model"))
    other = nuke.createNode("NoOp", "inputs 0 name Tiny1_model")
    group["press_run"].execute()
    assert other.Class() == "NoOp"
    assert [n.name() for n in nuke.allNodes() if n.Class() == "ReadGeo2"] == ["Tiny1_model1"]


@pytest.mark.parametrize("edition", ["nc", "indie"])
def test_a_limited_edition_touches_few_nodes(
    package: Path, make: Any, plate: Any, tmp_path: Path, edition: str
) -> None:
    import nuke

    nuke._reset(gui=True, **{edition: True})
    for index in range(30):
        nuke.createNode("NoOp", f"inputs 0 name Other{index}")
    nuke._touched.clear()
    group = make("tiny", tmp_path / "out", plate=plate(FRAMES))
    for _ in range(2):
        group["press_run"].execute()
        assert finish(nuke, group).startswith("Done: tiny")
    assert len(nuke._touched) <= 10
    assert [n._kind for n in nuke.root()._nodes].count("Tracker4") == 2


def test_a_result_that_cannot_be_brought_in_is_told_and_undone(
    gui: Any, make: Any, plate: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    def broken(*arguments: Any) -> None:
        raise ValueError("the track is of another world")

    monkeypatch.setitem(arrive._KINDS, "track", broken)
    group = make("tiny", tmp_path / "out", plate=plate(FRAMES))
    before = gui._shape()
    group["press_run"].execute()
    finish(gui, group)
    assert "cannot be brought in: the track is of another world" in gui._said[0]
    assert str(tmp_path / "out") in gui._said[0]
    group[names.STATUS].setValue("Not run yet.")
    assert gui._shape() == before
