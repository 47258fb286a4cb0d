"""A performance survives its file, its timing can be changed, and its strength set by region."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from likeness import performance as perf
from likeness.errors import BadInput, BadOutput, BadRequest
from likeness.performance import ARKIT, REGIONS, Performance

WEIGHT = st.floats(-2, 2, width=32)
ANGLE = st.floats(-1.5, 1.5, width=32)

# The header of a real take of the phone's app, byte for byte.
PHONE_HEADER = (
    "Timecode,BlendshapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,"
    "EyeSquintLeft,EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,"
    "EyeSquintRight,EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,"
    "MouthRight,MouthLeft,MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,"
    "MouthDimpleRight,MouthStretchLeft,MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,"
    "MouthShrugUpper,MouthPressLeft,MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,"
    "MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,"
    "CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,TongueOut,HeadYaw,HeadPitch,HeadRoll,"
    "LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll"
)


@st.composite
def performances(draw: st.DrawFn) -> Performance:
    frames = draw(st.integers(1, 8))
    return perf.make(
        draw(arrays(np.float32, (frames, 52), elements=WEIGHT)),
        fps=draw(st.sampled_from([24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001, 60.0])),
        head=draw(arrays(np.float32, (frames, 3), elements=ANGLE)),
        eyes=draw(arrays(np.float32, (frames, 2, 3), elements=ANGLE)),
        start_s=float(draw(st.integers(0, 86000))),
    )


def wave(frames: int, fps: float = 30.0) -> Performance:
    """A jaw that opens and closes once a second, a head that turns steadily."""
    time_s = np.arange(frames) / fps
    jaw = 0.5 - 0.5 * np.cos(2 * np.pi * time_s)
    head = np.stack([0.2 * time_s, 0.1 * np.sin(time_s), np.zeros(frames)], axis=1)
    made = perf.make({"jawOpen": list(jaw)}, fps=fps, head=head)
    assert len(made) == frames
    return made


def written(folder: Path, text: str, name: str = "take.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_names_are_apples_in_the_order_of_the_phone(tmp_path: Path) -> None:
    perf.write_csv(tmp_path / "out.csv", wave(3))
    assert (tmp_path / "out.csv").read_text().splitlines()[0] == PHONE_HEADER
    assert len(ARKIT) == len(set(ARKIT)) == 52
    assert (ARKIT[0], ARKIT[17], ARKIT[-1]) == ("eyeBlinkLeft", "jawOpen", "tongueOut")


def test_every_shape_belongs_to_one_region() -> None:
    members = [name for names in REGIONS.values() for name in names]
    assert sorted(members) == sorted(ARKIT)
    assert set(REGIONS) == {"mouth", "eyes", "brows", "cheeks", "jaw", "gaze", "head"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(performances())
def test_a_file_gives_back_what_was_written(tmp_path: Path, made: Performance) -> None:
    perf.write_csv(tmp_path / "take.csv", made)
    back = perf.read_csv(tmp_path / "take.csv", fps=made.fps)
    np.testing.assert_array_equal(back.weights, made.weights)
    np.testing.assert_array_equal(back.head, made.head)
    np.testing.assert_array_equal(back.eyes, made.eyes)
    np.testing.assert_allclose(back.start_s + back.time_s, made.start_s + made.time_s, atol=5e-5)
    assert (back.missing, back.lost) == ((), 0)


@pytest.mark.parametrize("fps", [24000 / 1001, 24, 25, 30000 / 1001, 30, 48, 50, 60000 / 1001, 60])
def test_the_frame_rate_is_read_from_the_timecodes(tmp_path: Path, fps: float) -> None:
    perf.write_csv(tmp_path / "take.csv", wave(200, fps))
    assert perf.read_csv(tmp_path / "take.csv").fps == pytest.approx(fps, rel=1e-9)


def test_a_lost_frame_leaves_a_gap_in_time_and_not_in_the_rate(tmp_path: Path) -> None:
    perf.write_csv(tmp_path / "take.csv", wave(90))
    lines = (tmp_path / "take.csv").read_text().splitlines()
    lines[31] = lines[31].split(",")[0] + ",0" + "," * 61
    del lines[51]
    back = perf.read_csv(written(tmp_path, "\n".join(lines)))
    assert (len(back), back.lost, back.fps) == (88, 1, 30.0)
    assert back.time_s[30] == pytest.approx(31 / 30, abs=1e-4)


def test_a_take_may_pass_midnight(tmp_path: Path) -> None:
    rows = [f"{stamp},61,0.5" for stamp in ("23:59:59:29.000", "00:00:00:00.000", "00:00:00:01.000")]
    back = perf.read_csv(written(tmp_path, "\n".join(["Timecode,BlendshapeCount,JawOpen", *rows])))
    np.testing.assert_allclose(back.time_s, [0, 1 / 30, 2 / 30], atol=1e-6)
    assert back.start_s == pytest.approx(86399 + 29 / 30)


def test_columns_are_found_by_name_in_any_order_and_case(tmp_path: Path) -> None:
    back = perf.read_csv(
        written(tmp_path, "note,JAWOPEN, eyeBlink_L ,headYaw\nhello,0.25,1,-0.5\n,0.5,0,0.5\n")
    )
    np.testing.assert_array_equal(back["jawOpen"], np.float32([0.25, 0.5]))
    np.testing.assert_array_equal(back["eyeBlinkLeft"], np.float32([1, 0]))
    np.testing.assert_array_equal(back.head[:, 0], np.float32([-0.5, 0.5]))
    assert "EyeBlinkRight" in back.missing and "RightEyeRoll" in back.missing
    assert "JawOpen" not in back.missing and len(back.missing) == 61 - 3
    assert back.fps == 30


def test_a_byte_order_mark_and_semicolons_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "Überblick take.csv"
    path.write_bytes("\ufeffTimecode;JawOpen\r\n01:00:00:00.000;0.5\r\n\r\n".encode())
    back = perf.read_csv(path)
    assert back["jawOpen"].tolist() == [0.5]
    assert back.start_s == 3600


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "no header"),
        ("\n\n", "no header"),
        ("0.1,0.2,0.3\n0.1,0.2,0.3\n", "no header"),
        ("a,b,c\n1,2,3\n", "no header"),
        (PHONE_HEADER + "\n", "0 rows"),
        ("JawOpen,HeadYaw\n,\n", "0 rows"),
        ("JawOpen,HeadYaw\n0.5,0\nwide,0\n", "line 3: column JawOpen holds 'wide'"),
        ("JawOpen,HeadYaw\n0.5,\n", "line 2: column HeadYaw holds ''"),
        ("JawOpen,HeadYaw\n0.5\n", "line 2: column HeadYaw holds ''"),
        ("JawOpen\nnan\n", "column JawOpen holds 'nan'"),
        ("JawOpen\n1e999\n", "column JawOpen holds '1e999'"),
        ("Timecode,JawOpen\nnoon,0.5\n", "line 2: 'noon' is not a timecode"),
        ("JawOpen\n\0\n", "not a text file"),
    ],
)
def test_a_bad_file_is_told_in_one_sentence(tmp_path: Path, text: str, part: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        perf.read_csv(path)
    assert part in caught.value.message and str(path) in caught.value.message
    assert caught.value.hint.endswith(".") and "\n" not in str(caught.value)


def test_a_picture_or_nothing_is_not_a_performance(tmp_path: Path) -> None:
    (tmp_path / "take.csv").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe\x00")
    with pytest.raises(BadInput, match="not a text file"):
        perf.read_csv(tmp_path / "take.csv")
    with pytest.raises(BadInput, match="cannot be read"):
        perf.read_csv(tmp_path / "absent.csv")


def test_writing_replaces_the_whole_file_or_nothing(tmp_path: Path) -> None:
    perf.write_csv(tmp_path / "new" / "take.csv", wave(3))
    perf.write_csv(tmp_path / "new" / "take.csv", wave(2))
    assert len(perf.read_csv(tmp_path / "new" / "take.csv")) == 2
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["take.csv"]
    (tmp_path / "file").write_text("")
    with pytest.raises(BadOutput, match="cannot be written"):
        perf.write_csv(tmp_path / "file" / "take.csv", wave(2))


def test_timecode_carries_over_a_rounded_frame() -> None:
    assert perf.timecode(59.99999, 30) == "00:01:00:00.000"
    assert perf.timecode(3661.5, 30) == "01:01:01:15.000"
    assert perf.timecode(86400 + 1 / 60, 30) == "00:00:00:00.500"


def test_resampling_keeps_time_and_does_not_overshoot() -> None:
    at60, at24 = perf.resample(wave(61), 60), perf.resample(wave(61), 24)
    assert (len(at60), len(at24)) == (121, 49)
    assert at24.duration_s == pytest.approx(2.0)
    truth = 0.5 - 0.5 * np.cos(2 * np.pi * at60.time_s)
    np.testing.assert_allclose(at60["jawOpen"], truth, atol=0.01)
    blink = perf.make({"eyeBlinkLeft": [0, 0, 1, 1, 1, 0, 0]})
    fine = perf.resample(blink, 240)["eyeBlinkLeft"]
    assert fine.min() == 0 and fine.max() == 1


def test_a_plate_longer_than_the_performance_holds_the_last_pose() -> None:
    held = perf.resample(wave(16), 30, frames=40)
    assert len(held) == 40
    np.testing.assert_allclose(held.weights[16:], np.repeat(wave(16).weights[-1:], 24, axis=0), atol=1e-6)
    assert len(perf.resample(wave(1), 30, frames=5)) == 5
    with pytest.raises(BadRequest, match="0 frames"):
        perf.resample(wave(16), 30, frames=0)


@settings(max_examples=30, deadline=None)
@given(performances(), st.integers(1, 40))
def test_retiming_keeps_the_first_and_last_pose(made: Performance, frames: int) -> None:
    out = perf.retime(made, frames)
    assert len(out) == frames
    np.testing.assert_allclose(out.weights[0], made.weights[0], atol=1e-6)
    if frames > 1:
        np.testing.assert_allclose(out.weights[-1], made.weights[-1], atol=1e-6)
        assert out.duration_s == pytest.approx((frames - 1) / made.fps)


def test_angles_are_resampled_the_short_way_round() -> None:
    turn = perf.make(np.zeros((2, 52)), head=np.array([[3.1, 0, 0], [-3.1, 0, 0]]))
    middle = perf.resample(turn, 60).head[1, 0]
    assert abs(middle) == pytest.approx(math.pi, abs=0.01)


def test_smoothing_takes_noise_and_keeps_blinks() -> None:
    noise = np.random.default_rng(5).normal(0, 0.05, 120)
    blink = np.zeros(120)
    blink[58:62] = (0.6, 1.0, 1.0, 0.4)
    made = perf.make({"jawOpen": list(0.5 + noise), "eyeBlinkLeft": list(blink)})
    out = perf.smooth(made, 0.1)
    assert out["jawOpen"].std() < 0.4 * made["jawOpen"].std()
    assert out["eyeBlinkLeft"].max() > 0.8
    assert out["jawOpen"].mean() == pytest.approx(made["jawOpen"].mean(), abs=0.01)
    assert perf.smooth(made, 0) is made
    steady = perf.make({"jawOpen": [0.3] * 20})
    np.testing.assert_allclose(perf.smooth(steady, 0.2).weights, steady.weights, atol=1e-6)


def test_neutral_frames_become_rest() -> None:
    made = wave(31)
    out = perf.relative_to_neutral(made, [15])
    np.testing.assert_allclose(out.weights[15], 0, atol=1e-6)
    np.testing.assert_allclose(out.head[15], 0, atol=1e-6)
    np.testing.assert_allclose(out["jawOpen"], made["jawOpen"] - made["jawOpen"][15], atol=1e-6)
    for wrong in ([31], [-1], []):
        with pytest.raises(BadRequest, match="Neutral frames"):
            perf.relative_to_neutral(made, wrong)


def test_neutral_undoes_a_rotation_rather_than_its_angles() -> None:
    rest, pose = np.array([0.6, 0.3, 0.2]), np.array([-0.2, 0.4, -0.1])
    made = perf.make(np.zeros((2, 52)), head=np.stack([rest, pose]))
    turned = perf.rotations(rest) @ perf.rotations(perf.relative_to_neutral(made).head[1])
    np.testing.assert_allclose(turned, perf.rotations(pose), atol=1e-6)


def test_strength_reaches_one_region_only() -> None:
    made = perf.make({name: 0.5 for name in ARKIT}, head=np.full((1, 3), 0.2), eyes=np.full((1, 2, 3), 0.1))
    out = perf.scale_regions(made, {"brows": 0.0, "jaw": 3.0})
    assert {n for n in ARKIT if out[n][0] == 0} == set(REGIONS["brows"])
    assert {n for n in ARKIT if out[n][0] == 1.5} == set(REGIONS["jaw"])
    np.testing.assert_array_equal(out.head, made.head)
    still = perf.scale_regions(made, {"head": 0.0, "gaze": 0.5})
    assert not still.head.any()
    np.testing.assert_allclose(still.eyes, 0.05)
    with pytest.raises(BadRequest, match=r"no region 'nose'.*mouth, eyes, brows"):
        perf.scale_regions(made, {"nose": 1.0})


def test_sliders_and_curves_make_a_performance() -> None:
    made = perf.make({"jawOpen": [0, 0.5, 1], "mouthSmileLeft": 0.3}, fps=24)
    assert made["mouthSmileLeft"].tolist() == pytest.approx([0.3] * 3)
    assert made.duration_s == pytest.approx(2 / 24)
    with pytest.raises(BadRequest, match="no facial shape 'smile'"):
        perf.make({"smile": 1.0})
    with pytest.raises(BadRequest, match="different lengths"):
        perf.make({"jawOpen": [0, 1], "mouthClose": [0, 1, 2]})


def test_arrays_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        perf.make(np.zeros((3, 51)))
    with pytest.raises(ValueError, match="shapes"):
        perf.make(np.zeros((0, 52)))
    with pytest.raises(ValueError, match="frames a second"):
        Performance(0.0, *(np.zeros(s, np.float32) for s in ((1, 52), (1, 3), (1, 2, 3))), np.zeros(1))


@given(st.tuples(ANGLE, ANGLE, ANGLE))
def test_angles_come_back_from_their_rotation(turn: tuple[float, float, float]) -> None:
    matrix = perf.rotations(np.array(turn))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(perf.angles(matrix), turn, atol=1e-6)


@pytest.mark.parametrize(
    ("turn", "nose"),
    [((0.3, 0, 0), (1, 0)), ((0, 0.3, 0), (0, -1))],
)
def test_yaw_turns_to_the_characters_left_and_pitch_looks_down(
    turn: tuple[float, ...], nose: tuple[int, int]
) -> None:
    x, y, z = perf.rotations(np.array(turn)) @ [0, 0, 1]
    assert z > 0
    assert (round(x / math.sin(0.3)), round(y / math.sin(0.3))) == nose


def test_roll_turns_counter_clockwise_for_who_faces_the_character() -> None:
    x, y, _ = perf.rotations(np.array([0, 0, 0.3])) @ [1, 0, 0]
    assert x > 0 and y == pytest.approx(math.sin(0.3))
