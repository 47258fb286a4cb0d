"""References: each region comes from the picture that looks most alike, in the plate's colors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face import references
from likeness.face.lending import matched, refer
from likeness.face.references import PARTS, Reference
from likeness.head.model import Head
from tests.face.conftest import expression
from tests.face.test_reenact import Stage

MOUTH, EYE = list(PARTS).index("mouth"), list(PARTS).index("eye_left")


@pytest.fixture(scope="module")
def stage(head: Head) -> Stage:
    return Stage(head)


def reference(stage: Stage, picture: np.ndarray, **weights: float) -> Reference:
    """The stage's person in another expression, of which the plate is `picture`."""
    fit = replace(stage.fit, expression=expression(**weights))
    made = refer(stage.rig, picture, fit, stage.lens)
    return matched(made, stage.rig, stage.taken)


def test_a_region_comes_from_where_it_looked_alike(stage: Stage) -> None:
    smile, blink = (reference(stage, stage.plate, **w) for w in ({"mouthSmile": 0.9}, {"eyeBlink": 1.0}))
    target = replace(stage.fit, expression=expression(mouthSmile=0.8, eyeBlink=0.9))
    looks = (references.look_of(stage.person, fit) for fit in (target, stage.fit))
    share = references.shares(*looks, [smile, blink])
    assert share[MOUTH, 0] > 0.9 and share[EYE, 1] > 0.9
    assert (share.sum(axis=1) <= 1 + 1e-5).all()


def test_what_the_plate_shows_stays_its_own(stage: Stage) -> None:
    look = references.look_of(stage.person, stage.fit)
    assert references.shares(look, look, [reference(stage, stage.plate)]).max() == 0


def test_exposure_and_white_balance_are_taken_out(stage: Stage) -> None:
    other = reference(stage, stage.plate * np.array([0.5, 0.7, 0.9], np.float32))
    middle = other.gain[stage.person.vertex_count + 30]  # the tip of the nose
    assert np.exp(middle) == pytest.approx([1 / 0.5, 1 / 0.7, 1 / 0.9], rel=0.05)


def test_a_large_reference_is_kept_in_halves_and_lends_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = replace(stage.fit, expression=expression(jawOpen=0.5))
    bright = stage.redraw(target).picture * np.float32(3)
    full = reference(stage, bright, jawOpen=0.5)
    monkeypatch.setattr(references, "LARGE", 0)
    small = reference(stage, bright, jawOpen=0.5)
    assert small.picture.nbytes == full.picture.nbytes // 2
    drawn = [stage.redraw(target, lent=[one]).picture for one in (full, small)]
    assert (drawn[0] != stage.redraw(target).picture).any()
    np.testing.assert_allclose(*drawn, rtol=2e-3, atol=1e-4)


def test_what_halves_cannot_hold_is_held_at_their_ends() -> None:
    part = np.full((2, 2, 4), [1e6, -1e6, 0.25, 1], np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(references, "LARGE", 0)
        assert references.held(part)[0, 0].tolist() == [65504, -65504, 0.25, 1]


def test_the_mouth_shows_what_the_reference_has(stage: Stage) -> None:
    target = replace(stage.fit, expression=expression(jawOpen=0.5))
    green = stage.redraw(target).picture
    x, y = stage.pixels(target)[stage.person.vertex_count + np.array([62, 66]), :2].mean(axis=0).astype(int)
    green[y - 3 : y + 4, x - 3 : x + 4] = [0, 9, 0]
    other = reference(stage, green, jawOpen=0.5)
    drawn = stage.redraw(target, lent=[other])
    assert drawn.picture[y, x, 1] > 4
    down, right = drawn.layers["mouth"].spot
    mouth = drawn.layers["mouth"].values[y - drawn.origin[1] - down.start, x - drawn.origin[0] - right.start]
    assert mouth[3] < 0.1


def test_hair_and_neck_are_never_lent(stage: Stage) -> None:
    masks = references.masks(stage.person)
    points = slice(stage.person.vertex_count, None)
    assert masks[:, points].sum(axis=0).min() > 0.9
    height = stage.person.rest[:, 1]
    assert masks[:, height < height.min() + 1].max() == 0


def test_no_pixel_between_two_that_are_lent_stays_as_it_was() -> None:
    corners = np.array([[0, 0], [20, 0], [20, 8.2], [0, 8.2], [0, 9.4], [20, 9.4], [20, 16], [0, 16]])
    pixels = np.c_[corners, np.ones(8)].astype(np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], np.int32)  # a crack between two strips
    lit = np.ones((20, 24, 4), np.float32)
    one = Reference(lit, pixels[:, :2], np.ones(8), np.zeros((8, 3)), None, None, None, (None, None))  # type: ignore[arg-type]
    share, mask = np.zeros((len(PARTS) + 1, 1), np.float32), np.zeros((len(PARTS) + 1, 8), np.float32)
    share[0], mask[0] = 1, 1
    color = np.zeros((20, 24, 3), np.float32)
    theirs = references.lend([one], share, mask, pixels, [np.ones(8)], triangles, (0, 0), color)
    assert theirs[2:14, 2:18] == pytest.approx(1)
    assert color[2:14, 2:18] == pytest.approx(1)
