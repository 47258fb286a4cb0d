"""Retargeting: what of a driver's performance a plate's head takes over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from likeness.effects.face.reanimate import REANIMATE
from likeness.errors import BadRequest
from likeness.face import retarget
from likeness.face.fit import HEAD_TO_CAMERA, SKIN, Fit, rotation_vector
from likeness.face.person import body_travel
from likeness.face.report import load_report
from likeness.head.model import Head, load_head
from likeness.head.points import SKIN_COUNT
from likeness.performance import ARKIT, make
from tests.face.conftest import expression

REST = load_head().point_mean
_, ARM = retarget.build(REST)
BODY, BESIDE = np.full((4, 2), np.nan), np.zeros((4, 1, 3), np.float16)
JAW, SMILE = ARKIT.index("jawOpen"), ARKIT.index("mouthSmileLeft")


def params(**changes: Any) -> dict[str, Any]:
    return {p.name: p.default for p in REANIMATE.params} | changes


def plate(**weights: float) -> Fit:
    return Fit(HEAD_TO_CAMERA.copy(), np.array([0, 0, 60.0]), expression(**weights), np.zeros((2, 2)))


def test_tracks_between_frames() -> None:
    track = np.array([[0.0, 10], [1, 20], [2, 30]])
    assert retarget.between(track, 5).tolist() == [[0, 10], [0.5, 15], [1, 20], [1.5, 25], [2, 30]]
    assert retarget.between(track, 1).tolist() == [[0, 10]]


def driver() -> retarget.Driver:
    """Two frames: at rest, then jaw open, head 20 degrees to the left, looking 10 degrees left."""
    weights = np.stack([expression(), expression(jawOpen=0.6)])
    head = np.radians([[0, 0, 0], [20, 0, 0]])
    eyes = np.radians([[[0, 0, 0]] * 2, [[10, 0, 0]] * 2])
    return retarget.Driver(
        make(weights, head=head, eyes=eyes), np.array([[0, 0, 50.0], [1, 2, 55.0]]), ARM, BODY, BESIDE
    )


class TestRelative:
    def test_the_neutral_frame_leaves_the_plate_as_it_is(self) -> None:
        before = plate(mouthSmile=0.4)
        after = retarget.target(before, REST, driver(), 0, 0, params())
        assert np.allclose(after.head_pose, before.head_pose)
        assert np.allclose(after.expression, before.expression)

    def test_a_change_is_added_to_the_plates_own(self) -> None:
        after = retarget.target(plate(mouthSmile=0.4), REST, driver(), 1, 0, params())
        assert after.expression[JAW] == pytest.approx(0.6, abs=1e-6)
        assert after.expression[SMILE] == pytest.approx(0.4)
        assert np.degrees(after.gaze[:, 0]) == pytest.approx([10, 10], abs=1e-4)

    def test_the_head_turns_on_its_neck(self) -> None:
        before = plate()
        after = retarget.target(before, REST, driver(), 1, 0, params())
        assert np.degrees(
            np.linalg.norm(rotation_vector(after.rotation @ before.rotation.T))
        ) == pytest.approx(20, abs=1e-3)
        neck = [f.rotation @ retarget.PIVOT + f.translation for f in (before, after)]
        assert np.allclose(*neck)

    def test_head_position_takes_the_travel(self) -> None:
        after = retarget.target(plate(), REST, driver(), 1, 0, params(head_position=1.0))
        assert np.allclose(after.translation, [1, 2, 65])

    def test_skin_goes_as_far_beside_its_shapes_as_the_drivers_by_its_own_size(self) -> None:
        beside = np.zeros((2, SKIN.stop, 3), np.float16)
        beside[:, 8] = [[0.1, 0, 0], [0.3, 0, 0]]
        pulled = replace(driver(), corrective=beside)
        after = retarget.target(plate(), 1.25 * REST, pulled, 1, 0, params())
        assert after.corrective is not None
        assert after.corrective[8] == pytest.approx([0.25, 0, 0], abs=1e-3)
        own = replace(plate(), corrective=np.full((SKIN.stop, 3), 0.1, np.float32))
        assert retarget.target(own, REST, pulled, 0, 0, params()).corrective == pytest.approx(0.1)
        halved = retarget.target(plate(), 1.25 * REST, pulled, 1, 0, params(strength=0.5)).corrective
        assert halved == pytest.approx(after.corrective / 2)

    @pytest.mark.parametrize("size", [0.8, 1.25])
    def test_a_face_goes_and_swings_as_far_as_the_drivers_by_its_own_size(self, size: float) -> None:
        deep = size * REST + [0, 0, 1.5]  # this face lies farther before its neck, too
        before = plate()
        after = retarget.target(before, deep, driver(), 1, 0, params(head_position=1.0))
        of_plate = [f.rotation @ (deep)[retarget.INNER].mean(0) + f.translation for f in (before, after)]
        turned = [f.rotation @ ARM for f in (before, after)]
        assert of_plate[1] - of_plate[0] == pytest.approx(
            size * ([1, 2, 5] + turned[1] - turned[0]), abs=1e-6
        )

    def test_the_body_goes_as_the_drivers_clothes_do(self) -> None:
        before, still = plate(), replace(driver(), body=np.array([[3, 3], [3.5, 4]]))
        after = retarget.target(before, REST, still, 1, 0, params(head_position=1.0))
        assert body_travel(after, before) == pytest.approx([0.5, 1, 0])  # the head comes nearer, they do not
        unknown = retarget.target(before, REST, driver(), 1, 0, params(head_position=1.0))
        assert unknown.body is None

    def test_a_driver_beyond_its_neutral_takes_the_plate_a_little_beyond_its_rest(self) -> None:
        weights = np.stack([expression(mouthSmile=0.5, jawOpen=0.5), expression()])
        smiling = retarget.Driver(make(weights), np.zeros((2, 3)), ARM, BODY, BESIDE)
        after = retarget.target(plate(mouthSmile=0.3), REST, smiling, 1, 0, params())
        assert after.expression[SMILE] == pytest.approx(-0.2)
        assert after.expression[JAW] == 0  # a closed jaw closes no further

    def test_a_plate_that_smiles_has_less_of_a_smile_to_go(self) -> None:
        weights = np.stack([expression(mouthSmile=0.1), expression(mouthSmile=0.9), expression()])
        smiling = retarget.Driver(make(weights), np.zeros((3, 3)), ARM, BODY, BESIDE)

        def after(before: float, frame: int) -> float:
            smile = retarget.target(plate(mouthSmile=before), REST, smiling, frame, 0, params()).expression
            return float(smile[SMILE])

        assert after(0.1, 1) == pytest.approx(0.9)
        assert after(0.2, 1) == pytest.approx(1.0)  # both may be the same smile
        assert after(0.4, 1) == pytest.approx(0.4 + 0.8 * 0.8)
        assert after(0.4, 2) == pytest.approx(0.3)


class TestAbsolute:
    def test_lids_move_from_where_the_plates_hang_mostly(self) -> None:
        narrow = np.stack([expression(eyeBlink=0.2 + 0.8 * (k == 4)) for k in range(retarget.USUAL_FRAMES)])
        lids = retarget.usual_lids(narrow)
        assert lids == pytest.approx(0.2)
        blinking = replace(driver(), performance=make(np.stack([expression(), expression(eyeBlink=1.0)])))
        for frame, wanted in ((0, 0.2), (1, 1.0)):
            after = retarget.target(plate(eyeBlink=0.5), REST, blinking, frame, None, params(), lids)
            assert after.expression[retarget.BLINKS] == pytest.approx(wanted)

    def test_it_replaces_the_plates_expression(self) -> None:
        after = retarget.target(plate(mouthSmile=0.4), REST, driver(), 1, None, params())
        assert after.expression[SMILE] == 0
        assert after.expression[JAW] == pytest.approx(0.6, abs=1e-6)

    def test_how_each_eye_lies_in_the_fit_stays(self) -> None:
        found = np.radians([[3.0, -2.0], [-5.0, 1.0]])  # of two eyes that look at one place
        after = retarget.target(replace(plate(), gaze=found), REST, driver(), 1, None, params())
        assert np.degrees(after.gaze.mean(axis=0)) == pytest.approx([10, 0], abs=0.1)
        same = retarget.target(
            replace(plate(), gaze=found), REST, driver(), 1, None, params(strength_gaze=0.0)
        )
        assert same.gaze == pytest.approx(found)
        assert after.gaze[0] - after.gaze[1] == pytest.approx(found[0] - found[1], abs=np.radians(4))

    def test_what_lies_beside_the_shapes_is_the_drivers_alone(self) -> None:
        beside = np.full((4, SKIN_COUNT, 3), 0.2, np.float16)
        own = replace(plate(), corrective=np.full((SKIN_COUNT, 3), 0.3, np.float32))
        taken = retarget.target(own, REST, replace(driver(), corrective=beside), 1, None, params())
        size, _ = retarget.build(REST)
        assert taken.corrective == pytest.approx(0.2 * size, abs=2e-3)
        kept = retarget.target(own, REST, replace(driver(), corrective=beside), 1, None, params(strength=0.0))
        assert kept.corrective == pytest.approx(0.3)


class TestStrength:
    def test_a_region_at_zero_keeps_the_plate(self) -> None:
        after = retarget.target(plate(), REST, driver(), 1, 0, params(strength_jaw=0.0, strength_gaze=0.0))
        assert after.expression[JAW] == 0
        assert not after.gaze.any()

    def test_the_head_may_be_held(self) -> None:
        before = plate()
        after = retarget.target(before, REST, driver(), 1, 0, params(strength_head=0.0))
        assert np.allclose(after.head_pose, before.head_pose)

    def test_sliders_come_on_top(self) -> None:
        after = retarget.target(plate(), REST, None, 0, None, params(weights={"jawOpen": 0.3}))
        assert after.expression[JAW] == pytest.approx(0.3)

    def test_sliders_go_on_where_the_plate_does_fully(self) -> None:
        laughing = replace(plate(), expression=np.ones(len(ARKIT)))
        after = retarget.target(laughing, REST, None, 0, None, params(weights={"jawOpen": 0.3}))
        assert after.expression[JAW] == retarget.MOST_WEIGHT

    def test_an_unknown_slider_is_named(self) -> None:
        with pytest.raises(BadRequest, match="jawOpne"):
            retarget.target(plate(), REST, None, 0, None, params(weights={"jawOpne": 0.3}))


def test_the_calmest_frame_is_neutral() -> None:
    weights = np.stack(
        [expression(jawOpen=0.5), expression(eyeBlink=1.0), expression(), expression(mouthSmile=0.3)]
    )
    assert retarget.neutral_frame(retarget.Driver(make(weights), np.zeros((4, 3)), ARM, BODY, BESIDE)) == 2


def test_eye_shapes_stand_in_for_missing_eye_rotations() -> None:
    performance = make({"eyeLookOutLeft": [0.0, 1.0], "eyeLookInRight": [0.0, 1.0]})
    eyes = retarget.from_performance(performance).performance.eyes
    assert np.degrees(eyes[1, :, 0]) == pytest.approx([38, 38], abs=0.1)


def test_narrow_eyes_close_as_far_as_wide_ones(head: Head) -> None:
    rest = head.point_mean.astype(float)
    wide = retarget.lid_range(head, rest, np.zeros((20, len(ARKIT))))
    squinting = retarget.lid_range(head, rest, np.tile(expression(eyeBlink=0.4), (20, 1)))
    assert (wide >= 1).all() and (squinting > 1.3 * wide).all()
    assert np.isfinite(squinting).all() and squinting.max() <= 1 / retarget.LEAST_LID


def test_mouths_open_as_far_as_they_did_not_as_they_are_found() -> None:
    shown = expression(jawOpen=0.5, mouthClose=0.2, mouthSmile=0.5, mouthLowerDown=0.4)
    found = np.stack([expression(), shown])
    still = np.tile(np.eye(3), (2, 1, 1))
    driver = retarget.from_fits(still, np.zeros((2, 3)), found, np.zeros((2, 2, 2)), 25.0)
    weights = driver.performance.weights[1]
    assert weights[JAW] == pytest.approx(0.5 / load_report().opening, abs=1e-6)
    assert weights[JAW] / 0.5 == pytest.approx(weights[ARKIT.index("mouthClose")] / 0.2, abs=1e-5)
    assert weights[JAW] / 0.5 == pytest.approx(weights[ARKIT.index("mouthLowerDownLeft")] / 0.4, abs=1e-5)
    assert weights[SMILE] == pytest.approx(0.5)
    assert np.array_equal(found[1], shown)


def test_a_resting_face_is_neutral_though_its_lids_hang(head: Head) -> None:
    open_mouth, hanging = expression(jawOpen=0.4), expression(eyeBlink=0.15)
    weights = np.stack([hanging, hanging, open_mouth, hanging])
    driver = retarget.from_performance(make(weights))
    assert retarget.neutral_frame(driver) != 2
