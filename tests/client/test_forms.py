"""What the hosts' forms share, against the core that will read it."""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeness.declare import Effect
from likeness.effects import EFFECTS
from likeness.performance import make, read_csv, write_csv
from likeness.registry import find
from likeness.request import Request
from likeness_client import forms

REANIMATE = find("reanimate").schema()


def columns() -> list[str]:
    return next(list(i["columns"]) for i in REANIMATE["inputs"] if i["columns"])


def declared(name: str, effect: dict[str, Any] = REANIMATE) -> dict[str, Any]:
    return next(p for p in effect["params"] if p["name"] == name)


# --- the form ------------------------------------------------------------------------------------------


def test_a_tooltip_says_what_for_from_where_to_where_and_in_what() -> None:
    field = declared("smoothing_s")
    assert forms.tooltip(field) == "Smooths the performance over this time. From 0 to 2 s."
    assert forms.tooltip(declared("mode")) == declared("mode")["help"]


def test_a_tooltip_of_an_input_says_what_it_may_be() -> None:
    inputs = {i["name"]: i for i in REANIMATE["inputs"]}
    assert forms.tooltip(inputs["plate"]).endswith(" Takes a picture. Needed.")
    assert forms.tooltip(inputs["holdout"]).endswith(" Takes a matte. Optional.")


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda e: e.name)
def test_every_parameter_is_in_one_group_in_declared_order(effect: Effect) -> None:
    schema = effect.schema()
    found = forms.groups(schema)
    names = [p["name"] for _, params in found for p in params]
    assert sorted(names) == sorted(p.name for p in effect.params)
    assert found[0][0] == "General"
    assert {p["group"] for p in found[0][1]} == {""}
    for label, params in found[1:]:
        assert {p["group"] for p in params} == {label}


def test_initial_values_are_the_defaults_and_nobody_elses() -> None:
    first = forms.initial(REANIMATE)
    assert first == find("reanimate").validate({})
    first["weights"]["jawOpen"] = 1.0
    assert forms.initial(REANIMATE)["weights"] == {}


def test_a_form_left_alone_asks_for_nothing_special() -> None:
    made = forms.request(REANIMATE, {"plate": "a.png", "driver": ""}, forms.initial(REANIMATE), "out")
    assert made["params"] == {}
    assert made["inputs"] == {"plate": "a.png"}
    assert made["frames"] is None
    assert Request.from_json(json.dumps(made)) == Request("reanimate", {"plate": "a.png"}, {}, None, "out")


def test_what_was_changed_is_asked_for() -> None:
    values = dict(forms.initial(REANIMATE), mode="absolute", strength=0.25, neutral_frames="7")
    values["weights"] = {"jawOpen": 0.5, "mouthPucker": 0.0}
    made = forms.request(REANIMATE, {}, values, "x", (1001, 1048), "ACEScg", "cpu", 3)
    assert made["params"] == {
        "mode": "absolute",
        "neutral_frames": "7",
        "strength": 0.25,
        "weights": {"jawOpen": 0.5},
    }
    assert (made["frames"], made["colorspace"], made["device"], made["seed"]) == (
        "1001-1048",
        "ACEScg",
        "cpu",
        3,
    )


@given(st.floats(0, 2, width=32, allow_subnormal=False))
def test_single_precision_sliders_ask_for_the_number_that_was_typed(value: float) -> None:
    typed = float(f"{value:.6g}")
    slider = float(np.float32(typed))
    made = forms.request(REANIMATE, {}, {"strength": slider}, "x")
    assert made["params"].get("strength", 1.0) == typed


def test_frames_may_be_negative() -> None:
    made = forms.request(REANIMATE, {}, {}, "x", (-5, -1))
    assert Request.from_json(made).frames == "-5--1"


# --- problems ------------------------------------------------------------------------------------------


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    for frame in (1001, 1002):
        (tmp_path / f"plate.{frame}.exr").write_bytes(b"x")
    return tmp_path


def said(folder: Path, **change: Any) -> list[str]:
    asked: dict[str, Any] = {
        "inputs": {"plate": str(folder / "plate.####.exr")},
        "values": forms.initial(REANIMATE),
        "output": str(folder / "new" / "out.####.exr"),
        "frames": (1001, 1002),
    } | change
    return forms.problems(REANIMATE, **asked)


def test_nothing_is_wrong(plate: Path) -> None:
    assert said(plate) == []
    assert said(plate, inputs={"plate": str(plate / "plate.%04d.exr")}, frames=None) == []
    assert said(plate, inputs={"plate": str(plate)}) == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"inputs": {}}, "Plate is missing; choose a picture for it."),
    ({"inputs": {"plate": ""}}, "Plate is missing; choose a picture for it."),
    ({"inputs": {"plate": "/no/such/shot.####.exr"}}, "Plate: there is no file /no/such/shot.####.exr;"),
    ({"inputs": {"plate": "/no/such.png"}}, "Plate: there is no file /no/such.png;"),
    ({"output": "  "}, "There is no output;"),
    ({"frames": (5, 3)}, "The frame range 5-3 runs backwards; give 3-5."),
    ({"values": {"strength": 9.0}}, "Strength is out of range; give a number from 0 to 2."),
    ({"values": {"strength": float("nan")}}, "Strength is out of range;"),
    ({"values": {"weights": {"jawOpen": 7.0}}}, "Sliders is out of range;"),
    ({"values": {"mode": "sideways"}}, "Mode cannot be sideways; choose one of: relative, absolute."),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG, ids=[s[:30] for _, s in WRONG])
def test_each_problem_is_one_sentence(plate: Path, change: dict[str, Any], sentence: str) -> None:
    told = said(plate, **change)
    assert len(told) == 1
    assert told[0].startswith(sentence)
    assert told[0].endswith(".")


def test_a_sequence_without_one_frame_is_not_there(plate: Path) -> None:
    told = said(plate, inputs={"plate": str(plate / "other.####.exr")})
    assert len(told) == 1
    assert "there is no file" in told[0]


def test_an_output_under_a_file_is_told(plate: Path) -> None:
    told = said(plate, output=str(plate / "plate.1001.exr" / "deep" / "out.####.exr"))
    assert len(told) == 1
    assert "is no folder" in told[0]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="this user may write anywhere")
def test_an_output_in_a_folder_that_is_read_only_is_told(plate: Path) -> None:
    plate.chmod(0o500)
    try:
        told = said(plate)
    finally:
        plate.chmod(0o700)
    assert len(told) == 1
    assert "is read-only" in told[0]


# --- performances --------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.sampled_from([24.0, 24 / 1.001, 25.0, 30.0, 60.0, 17.5]), st.integers(2, 40), st.data())
def test_sliders_become_the_file_that_the_core_would_write(
    tmp_path_factory: pytest.TempPathFactory, fps: float, count: int, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("performance")
    seed = data.draw(st.integers(0, 2**32 - 1))
    values = np.random.default_rng(seed).normal(size=(count, 61)).astype(np.float32)
    ours, theirs = folder / "ours.csv", folder / "theirs.csv"
    forms.write_performance(str(ours), columns(), values.tolist(), fps)
    head, eyes = values[:, 52:55], values[:, 55:].reshape(-1, 2, 3)
    write_csv(theirs, make(values[:, :52], fps=fps, head=head, eyes=eyes))
    assert ours.read_bytes() == theirs.read_bytes()


@settings(max_examples=20)
@given(st.sampled_from([24.0, 24 / 1.001, 25.0, 30 / 1.001, 30.0, 60.0]), st.integers(75, 100))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, fps: float, count: int) -> None:
    path = tmp_path_factory.mktemp("performance") / "take.csv"
    rows = np.random.default_rng(count).normal(size=(count, 61)).astype(np.float32).tolist()
    forms.write_performance(str(path), columns(), rows, fps)
    names, found, rate = forms.read_performance(str(path))
    assert names == columns()
    assert np.array_equal(np.float32(found), np.float32(rows))
    assert rate == pytest.approx(fps, rel=1e-4)
    short = rows[:20]
    forms.write_performance(str(path), columns(), short, fps)
    assert len(forms.read_performance(str(path), fps)[1]) == len(short)
    forms.write_performance(str(path), columns(), rows, fps)
    assert rate == pytest.approx(read_csv(path).fps, rel=1e-6)


def test_the_demo_is_read_as_the_core_reads_it(root: Path) -> None:
    path = root / "core" / "likeness" / "demo" / "performance.csv"
    names, rows, fps = forms.read_performance(str(path))
    known = read_csv(path)
    assert fps == known.fps
    assert len(rows) == len(known)
    for name in ("jawOpen", "eyeBlinkLeft", "browInnerUp"):
        assert np.allclose([row[names.index(name)] for row in rows], known[name])


def test_other_spellings_and_lost_rows(tmp_path: Path) -> None:
    path = tmp_path / "take.csv"
    path.write_text(
        "Timecode;BlendshapeCount;eyeBlink_L;JawOpen;HeadYaw\n"
        "01:00:00:00.0;61;0.1;0.2;0.3\n"
        "01:00:00:01.0;0;;;\n"
        "01:00:00:02.0;61;0.4;0.5;-0.6\n"
        "01:00:00:04.0;61;0.7;0.8;0.9\n"
        + "".join(f"01:00:00:{frame:02d}.0;61;1;1;1\n" for frame in range(5, 30))
    )
    names, rows, fps = forms.read_performance(str(path))
    assert names == ["eyeBlinkLeft", "jawOpen", "HeadYaw"]
    first, third, fifth = [0.1, 0.2, 0.3], [0.4, 0.5, -0.6], [0.7, 0.8, 0.9]
    assert fps == 30
    assert rows[:6] == [first, first, third, third, fifth, [1, 1, 1]]
    assert len(rows) == 30


@pytest.mark.parametrize(
    "text", ["", "Timecode,JawOpen\n", "one,two\n", "Timecode,JawOpen\nx,0\n", "JawOpen\ntext\n"]
)
def test_what_is_no_performance_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "take.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match="take.csv"):
        forms.read_performance(str(path))
    with pytest.raises(ValueError, match="cannot be read"):
        forms.read_performance(str(tmp_path / "none.csv"))
    path.write_bytes(b"\xff\xfe\0\1binary")
    with pytest.raises(ValueError, match="not a text file"):
        forms.read_performance(str(path))


def test_no_half_file_is_left(tmp_path: Path) -> None:
    (tmp_path / "take.csv").mkdir()
    with pytest.raises(OSError):
        forms.write_performance(str(tmp_path / "take.csv"), ["jawOpen"], [[0.5]], 25)
    assert [p.name for p in tmp_path.iterdir()] == ["take.csv"]
    for rows, fps in (([], 25.0), ([[1.0]], 0.0), ([[1.0, 2.0]], 25.0)):
        with pytest.raises(ValueError, match="one value a column"):
            forms.write_performance(str(tmp_path / "other.csv"), ["jawOpen"], rows, fps)


def test_it_parses_at_python_3_7(root: Path) -> None:
    path = root / "core" / "likeness_client" / "forms.py"
    ast.parse(path.read_text("utf-8"), feature_version=(3, 7))
