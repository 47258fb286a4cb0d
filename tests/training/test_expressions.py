"""Random expressions: in range, plausible together, mapped to ARKit."""

import numpy as np
import pytest

from likeness.performance import ARKIT
from likeness.training import expressions

SIDED = (
    "browDown browInnerUp browOuterUp cheekPuff cheekRaiser cheekSquint eyeBlink eyeLookDown eyeLookIn "
    "eyeLookOut eyeLookUp eyeSquint eyeWide mouthDimple mouthFrown mouthLowerDown mouthPress mouthSmile "
    "mouthStretch mouthUpperUp noseSneer PupilDilate"
).split()
SINGLE = (
    "jawForward jawLeft jawOpen jawRight mouthClose mouthFunnel mouthLeft mouthPucker mouthRight "
    "mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper"
).split()
NAMES = tuple([f"{n}_{s}" for n in SIDED for s in "LR"] + SINGLE)


def test_random_weights_stay_in_range_and_lips_do_not_pass_through_each_other():
    rng = np.random.default_rng(1)
    for _ in range(300):
        w = dict(zip(NAMES, expressions.sample_expression(rng, NAMES), strict=True))
        assert min(w.values()) >= 0 and max(w.values()) <= 1
        assert w["mouthClose"] <= w["jawOpen"] + 1e-6
        assert not any(v for n, v in w.items() if n.startswith(("eyeLook", "Pupil")))


def test_eyes_are_closed_often_but_open_mostly():
    rng = np.random.default_rng(2)
    blink = NAMES.index("eyeBlink_L")
    closed = np.mean([expressions.sample_expression(rng, NAMES)[blink] > 0.7 for _ in range(1000)])
    assert 0.05 < closed < 0.3


@pytest.mark.parametrize(
    ("yaw", "pitch", "expected"),
    [
        (20, 0, {"eyeLookOut_L", "eyeLookIn_R"}),
        (-20, 0, {"eyeLookIn_L", "eyeLookOut_R"}),
        (0, 15, {"eyeLookUp_L", "eyeLookUp_R"}),
        (0, -15, {"eyeLookDown_L", "eyeLookDown_R"}),
    ],
)
def test_lids_follow_the_gaze(yaw, pitch, expected):
    weights = np.zeros(len(NAMES), np.float32)
    gaze = np.radians(np.array([[yaw, pitch], [yaw, pitch]], np.float32))
    expressions.follow_gaze(np.random.default_rng(0), weights, gaze, NAMES)
    assert {n for n, w in zip(NAMES, weights, strict=True) if w > 0} == expected


def test_gaze_stays_where_eyes_can_turn():
    rng = np.random.default_rng(3)
    gaze = np.degrees([expressions.sample_gaze(rng, (30.0, 10.0)) for _ in range(500)])
    assert np.abs(gaze[..., 0]).max() <= 38.01
    assert gaze[..., 1].min() >= -26.01 and gaze[..., 1].max() <= 25.01


@pytest.mark.parametrize(
    ("camera_deg", "least", "most"), [((25.0, -10.0), 0.35, 0.55), ((60.0, 0.0), 0.0, 0.05)]
)
def test_many_look_into_the_camera_where_eyes_reach_it(camera_deg, least, most):
    rng = np.random.default_rng(4)
    looks = np.degrees([expressions.sample_gaze(rng, camera_deg).mean(axis=0) for _ in range(400)])
    met = np.hypot(*(looks - camera_deg).T) < 4
    assert least <= met.mean() <= most


def test_weights_are_mapped_to_arkit_by_name():
    weights = np.zeros(len(NAMES), np.float32)
    for name, value in (
        ("eyeBlink_L", 0.7),
        ("jawOpen", 0.4),
        ("browInnerUp_L", 0.2),
        ("browInnerUp_R", 0.6),
    ):
        weights[NAMES.index(name)] = value
    mapped = dict(zip(ARKIT, expressions.to_arkit(weights, NAMES, ARKIT), strict=True))
    assert mapped["eyeBlinkLeft"] == pytest.approx(0.7)
    assert mapped["eyeBlinkRight"] == 0
    assert mapped["jawOpen"] == pytest.approx(0.4)
    assert mapped["browInnerUp"] == pytest.approx(0.4)
    assert mapped["tongueOut"] == 0
