"""What expression found points most likely show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face.expected import JAW, LOOKS, expected_expression, expected_turn, toward_camera
from likeness.face.fit import default_lens, fit_still, rotation_vector
from likeness.face.frame import direction, in_head, straight_at
from likeness.head import points as dense
from likeness.head.model import Head
from likeness.performance import ARKIT
from tests.face.conftest import scene

NOBODY = np.zeros(100)
FAR = default_lens(640, 480, focal_mm=2000.0)  # hardly any perspective


def test_points_of_the_average_head_are_not_off_it_however_it_is_turned(head: Head) -> None:
    for turn in ((0.0, 0.0, 0.0), (10.0, -40.0, 25.0)):
        at = scene(head, turn_deg=turn, gaze_deg=(0.0, 0.0), identity=NOBODY, lens=FAR)
        found = in_head(head, at.points.xy, at.points.z, at.points.visible)
        assert np.abs(found.off[: dense.SKIN_COUNT]).max() < 0.05


@pytest.mark.parametrize(
    "weights", [{"jawOpen": 0.6}, {"mouthSmile": 0.8}, {"eyeBlink": 1.0}, {"browOuterUp": 0.8}]
)
def test_what_is_plain_to_see_is_expected(head: Head, weights: dict[str, float]) -> None:
    shown = scene(head, seed=4, turn_deg=(0.0, 15.0, 5.0), **weights)
    calm = scene(head, seed=4, turn_deg=(0.0, 15.0, 5.0))
    active = shown.fit.expression > 0
    rise = (expected_expression(head, shown.points)[0] - expected_expression(head, calm.points)[0])[active]
    assert (rise > 0.3 * shown.fit.expression[active]).all()


def test_weights_are_possible_and_none_is_certain(head: Head) -> None:
    mean, std = expected_expression(head, scene(head, seed=2, noise_px=8.0, jawOpen=1.0).points)
    assert mean.shape == std.shape == (len(ARKIT),)
    assert mean.min() >= 0 and mean.max() <= 1
    assert std.min() > 0 and std.max() < 1


@pytest.mark.parametrize("turn_deg", [(0.0, 0.0, 0.0), (8.0, -25.0, 10.0), (-5.0, 30.0, 0.0)])
def test_the_turn_of_a_head_is_about_what_it_is(head: Head, turn_deg: tuple[float, float, float]) -> None:
    at = scene(head, seed=5, turn_deg=turn_deg, gaze_deg=(0.0, 0.0))
    pose = at.fit.head_pose
    eyes = pose @ np.append(head.points(at.identity, at.fit.expression, at.fit.gaze)[36:48].mean(axis=0), 1)
    true = straight_at(eyes[:3]).T @ at.fit.rotation
    found = expected_turn(head, at.points.xy, at.points.z, at.points.visible)
    assert np.degrees(np.linalg.norm(rotation_vector(found @ true.T))) < 6
    meets = at.fit.rotation @ direction(toward_camera(true))
    assert meets @ -eyes[:3] / np.linalg.norm(eyes[:3]) == pytest.approx(1)


def test_size_and_place_in_the_picture_do_not_matter(head: Head) -> None:
    points = scene(head, seed=3, mouthSmile=0.5).points
    before, _ = expected_expression(head, points)
    points.xy[:] = points.xy * 3 + 500
    points.z[:] *= 3
    after, _ = expected_expression(head, points)
    assert np.allclose(before, after)


def test_lips_that_part_on_closed_teeth_do_so_by_themselves(head: Head) -> None:
    at = scene(head, seed=6, noise_px=0.4, jawOpen=0.2, mouthLowerDown=0.5, mouthSmile=0.6)
    (_, believed), (_, seen) = (
        fit_still(head, replace(at.points, clenched=sure), at.lens) for sure in (0.0, 1.0)
    )
    assert seen.expression[JAW] < 0.13
    assert believed.expression[JAW] > 0.17
    lowers = [ARKIT.index(f"mouthLowerDown{side}") for side in ("Left", "Right")]
    assert seen.expression[lowers].sum() > believed.expression[lowers].sum()
    assert seen.residual < believed.residual + 0.003


@pytest.mark.parametrize(
    ("gaze_deg", "shapes"),
    [
        ((19.0, 7.0), ["OutLeft", "UpLeft", "InRight", "UpRight"]),
        ((-19.0, -7.0), ["InLeft", "DownLeft", "OutRight", "DownRight"]),
    ],
)
def test_lids_follow_a_gaze_that_is_seen(
    head: Head, gaze_deg: tuple[float, float], shapes: list[str]
) -> None:
    points = scene(head, seed=6, noise_px=0.4).points
    mean, _ = expected_expression(head, replace(points, gaze=np.radians([gaze_deg, gaze_deg])))
    raised = {ARKIT[i].removeprefix("eyeLook"): mean[i] for i in LOOKS if mean[i] > 0}
    assert raised == pytest.approx(dict(zip(shapes, [0.5, 0.25, 0.5, 0.25], strict=True)))
    skin = np.setdiff1d(np.arange(len(ARKIT)), LOOKS)
    assert np.array_equal(mean[skin], expected_expression(head, points)[0][skin])
