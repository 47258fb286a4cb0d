"""A tongue that is put out: before the lips it is seen beyond their outline, in all light."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face import tongue
from likeness.face.fit import Shot, with_person
from likeness.face.inside import ALBEDO, inside_of
from likeness.face.person import build_person, opening, to_camera, to_pixels
from likeness.face.warp import polygon
from likeness.head import points as dense
from likeness.head.model import Head
from tests.face.conftest import SIZE, expression, scene

BOX = (0, 0, *SIZE)


class Tongue:
    """A person's tongue, seen from the front."""

    def __init__(self, head: Head, **weights: float) -> None:
        truth = scene(head, 4, turn_deg=(0.0, 0.0, 0.0))
        shot = Shot(truth.lens, truth.identity, np.zeros((dense.COUNT, 3)), head.point_mean.astype(float))
        person = build_person(head, with_person(head, shot, truth.identity, shot.bias))
        camera = to_camera(person, person.posed(expression(**weights)), truth.fit, truth.fit)
        pixels, self.inside = to_pixels(camera, truth.lens), inside_of(head)
        self.own = self.inside.at(pixels)
        self.out = tongue.put_out(person, self.inside, pixels)
        self.opening = polygon(opening(person, pixels, "mouth"), *BOX)

    def draw(self, white: float = 1.0, blur_px: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        assert self.out is not None
        lit = np.full_like(self.own, white)
        return tongue.draw_tongue(
            self.out, self.own, lit, np.zeros_like(lit), np.ones(3, np.float32), BOX, blur_px
        )


@pytest.fixture(scope="module")
def put_out(head: Head) -> Tongue:
    return Tongue(head, jawOpen=0.4, tongueOut=1.0)


@pytest.mark.parametrize(
    "weights", [{}, {"jawOpen": 1.0}, {"mouthPucker": 1.0}, {"jawOpen": 0.5, "jawForward": 1.0}]
)
def test_a_tongue_at_rest_stays_behind_the_lips(head: Head, weights: dict[str, float]) -> None:
    assert Tongue(head, **weights).out is None


def test_it_lies_over_the_lower_lip(put_out: Tongue) -> None:
    index, _, _ = tongue.seen(put_out.out, put_out.own, BOX)
    beyond = (index >= 0) & (put_out.opening == 0)
    assert beyond.sum() > 0.2 * (index >= 0).sum()
    below = np.nonzero(beyond)[0].mean()
    assert below > np.nonzero(put_out.opening)[0].mean()


def test_it_has_a_tongues_color_and_throws_a_shadow(put_out: Tongue) -> None:
    index, _, _ = tongue.seen(put_out.out, put_out.own, BOX)
    color, cover = put_out.draw(white=2.0)
    there = (index >= 0) & (cover > 0.999)
    assert np.allclose(np.median(color[there], axis=0), 2 * np.array(ALBEDO["tongue"]), rtol=1e-3)
    shadow = (cover > 0) & (cover <= tongue.SHADOW) & (index < 0)
    assert shadow.sum() > 20
    assert np.nonzero(shadow)[0].mean() > np.nonzero(there)[0].mean()
    assert np.median(color[shadow]) < 0.5


def test_its_outline_is_as_soft_as_the_plate(put_out: Tongue) -> None:
    (_, sharp), (_, soft) = put_out.draw(), put_out.draw(blur_px=2.0)
    assert np.abs(np.diff(soft, axis=1)).max() < 0.5 * np.abs(np.diff(sharp, axis=1)).max()


def test_before_the_lips_all_light_comes_to_it(put_out: Tongue) -> None:
    out, inside = put_out.out, put_out.inside
    light = tongue.light_on(out, np.full_like(put_out.own, 0.1), inside.glow)
    far, behind = out.ahead > tongue.LIT, out.ahead < 0
    assert np.allclose(light[far], inside.glow[far, None])
    assert np.allclose(light[behind], 0.1)
    assert far.any()


def test_a_tip_half_a_centimeter_before_the_lips_is_out_of_their_shadow() -> None:
    ahead = np.array([-0.01, 0.0, 0.004, 0.01], np.float32)  # of a distance of 50 cm
    out = tongue.Out(np.zeros((0, 3), np.int32), ahead, np.zeros(3, np.float32), 1.0)
    lit = tongue.light_on(out, np.full((4, 3), 0.1, np.float32), np.ones(4, np.float32))
    assert lit[:, 0] == pytest.approx([0.1, 0.1, 0.55, 1.0], abs=1e-5)
