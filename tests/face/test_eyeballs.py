"""Eyes as several pictures show them: what is hidden in the plate is seen in another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face import lending
from likeness.face.eyeballs import Eyeball, joined
from likeness.face.eyes import Eye
from likeness.face.fit import Fit
from likeness.face.person import to_camera, to_pixels
from likeness.face.rig import EYES, iris_axes, outlines_of
from likeness.face.taken import take
from likeness.face.warp import polygon
from likeness.head.model import Head
from tests.face.conftest import expression
from tests.face.test_reenact import IRIS_COLOR, Stage

RED, BLUE = np.float32([0.8, 0.4, 0.4]), np.float32([0.4, 0.4, 0.8])  # the halves of a painted eyeball
SIDE = 0


@pytest.fixture(scope="module")
def stage(head: Head) -> Stage:
    return Stage(head)


def looking(stage: Stage, yaw_deg: float, **weights: float) -> Fit:
    gaze = np.tile(np.radians([yaw_deg, 0.0]), (2, 1))
    return replace(stage.fit, gaze=gaze, expression=stage.fit.expression + expression(**weights))


def painted(stage: Stage, fit: Fit, light: float = 1.0) -> np.ndarray:
    """The stage's head, each eyeball red on the left and blue on the right of where it looks straight on."""
    plate = stage.plate.copy()
    height, width = plate.shape[:2]
    y, x = np.mgrid[:height, :width] + 0.5
    shown = to_pixels(to_camera(stage.person, stage.person.posed(fit.expression), fit, fit), stage.lens)
    for side, name in enumerate(EYES):
        hole = polygon(outlines_of(stage.person, shown)[name], 0, 0, width, height)[..., None]
        straight = iris_axes(stage.person, side, looking(stage, 0), stage.lens)[0, 0]
        plate += hole * (np.where(x[..., None] < straight, RED, BLUE) - plate)
        (cx, cy), right = iris_axes(stage.person, side, fit, stage.lens)[:2, :2]
        inside = np.hypot(x - cx, y - cy) < np.hypot(*(right - [cx, cy]))
        plate += hole * inside[..., None] * (np.float32(IRIS_COLOR) - plate)
    return (light * plate).astype(np.float32)


def completed(stage: Stage, own: Fit, others: list[tuple[Fit, float]]) -> tuple[Eye, Eye]:
    """The plate's eye as it is, and as the other pictures, each in its light, complete it."""
    taken = take(stage.rig, painted(stage, own), own, stage.lens)
    lent = [lending.refer(stage.rig, painted(stage, fit, light), fit, stage.lens) for fit, light in others]
    whole = lending.with_eyes(taken, stage.rig, stage.lens, lending.lenders(lent).eyeballs)
    before, after = taken.eyes[SIDE], whole.eyes[SIDE]
    assert before is not None and after is not None
    return before, after


@pytest.mark.parametrize("light", [1.0, 0.4])
def test_an_eyeball_that_the_iris_hides_is_that_of_another_look(stage: Stage, light: float) -> None:
    away = looking(stage, -18)
    before, after = completed(stage, away, [(looking(stage, 30), light)])
    x, y = np.round(iris_axes(stage.person, SIDE, away, stage.lens)[0, :2] - before.origin).astype(int)
    hidden = (slice(y - 1, y + 1), slice(x - 1, x + 1))
    assert (before.ball[hidden][..., 3] == 0).all()
    truth = RED  # he looks to his right, the picture's left
    off = [np.abs(eye.ball[hidden][..., :3] - truth).mean() for eye in (before, after)]
    assert off[1] < 0.1 < 0.6 * off[0]


def test_what_the_plate_shows_of_its_eye_stays(stage: Stage) -> None:
    before, after = completed(stage, looking(stage, -30), [(looking(stage, 30), 0.4)])
    inner = before.ball[..., 3] * np.roll(before.ball[..., 3], 2, 1) * np.roll(before.ball[..., 3], -2, 1) > 0
    assert inner.sum() > 20
    assert np.abs(after.ball - before.ball)[inner].max() < 0.2
    assert np.median(np.abs(after.ball - before.ball)[inner]) < 0.02


def test_the_iris_of_closed_eyes_is_that_of_open_ones(stage: Stage) -> None:
    before, after = completed(stage, looking(stage, 0, eyeBlink=0.9), [(looking(stage, 0), 1.0)])
    middle = (slice(28, 36), slice(28, 36))
    assert before.shown < 0.2
    assert after.disk[middle][..., :3].mean(axis=(0, 1)) == pytest.approx(IRIS_COLOR, abs=0.03)


def test_an_iris_that_the_plate_shows_is_its_own(stage: Stage) -> None:
    before, after = completed(stage, looking(stage, 2, eyeWide=0.5), [(looking(stage, -25), 0.7)])
    assert before.shown > 0.45
    np.testing.assert_array_equal(after.disk, before.disk)
    np.testing.assert_array_equal(after.glint, before.glint)


def test_of_several_pictures_the_iris_is_the_one_seen_best_and_the_ball_all_that_is_seen() -> None:
    def view(left: int, shown: float) -> Eyeball:
        ball, flat = np.zeros((4, 8, 4), np.float32), np.zeros((4, 8, 3), np.float32)
        ball[:, left : left + 4] = 1
        return Eyeball(ball, np.full((64, 64, 3), np.float32(shown)), flat, np.zeros(2, np.float32), shown)

    assert joined([None, None]) is None
    both = joined([view(0, 0.3), None, view(4, 0.6)])
    assert both is not None
    assert (both.ball == 1).all()
    assert (both.disk == np.float32(0.6)).all()
