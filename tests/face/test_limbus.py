"""How large irises are and where they stand, by their edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from likeness.face.limbus import disk_frame, evidence, place, radius_of, seen_radius
from likeness.face.person import shown_in, to_pixels
from likeness.face.rig import EYES, iris_axes, outlines_of
from likeness.face.warp import polygon
from likeness.head.model import Head
from likeness.media.look import Shown
from tests.face.test_reenact import Stage

BALL, IRIS, SKIN, LASH = 0.7, 0.08, 0.4, 0.03
CENTER = np.array([60.0, 40.0])


def eye(
    radius: float, iris: float, beside: tuple[float, float] = (0, 0), height: float = 0.9
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture (80, 120), outline and the model's frame of an eye whose model's iris has that `radius`.

    Its iris is `iris` times as large and stands `beside` it, in radii to the right and up.
    """
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    outline = CENTER + radius * np.stack([2.4 * np.cos(angle), height * np.sin(angle)], 1)
    y, x = np.mgrid[:80, :120] + 0.5
    open_ = polygon(outline.astype(np.float32), 0, 0, 120, 80)
    away = np.hypot(x - CENTER[0] - radius * beside[0], y - CENTER[1] + radius * beside[1])
    luma = np.where(away < iris * radius, IRIS, BALL) * open_ + SKIN * (1 - open_)
    luma[(open_ > 0) & (y < outline[:, 1].min() + 0.15 * radius)] = LASH
    frame = np.array([[radius, 0, CENTER[0]], [0, -radius, CENTER[1]]], np.float32)
    return ndimage.gaussian_filter(luma, 0.6).astype(np.float32), outline.astype(np.float32), frame


@pytest.mark.parametrize("iris", [0.85, 1.0, 1.12])
def test_the_radius_is_the_persons(iris: float) -> None:
    told = [evidence(*eye(12.0, iris, beside)) for beside in ((0, 0), (0.15, 0.05))]
    assert radius_of([one for one in told if one is not None]) == pytest.approx(iris, rel=0.04)


def test_an_iris_of_few_pixels_is_as_large_as_the_models() -> None:
    told = evidence(*eye(3.0, 0.8))
    assert told is not None
    assert 0.88 < radius_of([told]) < 1.02


def test_eyes_that_show_no_edge_tell_nothing() -> None:
    told = []
    for beside in np.linspace(-0.2, 0.2, 10):
        luma, outline, frame = eye(12.0, 1.0, (float(beside), 0.0), height=0.55)
        told.append(evidence(ndimage.gaussian_filter(luma, 9.0), outline, frame))
    assert radius_of([one for one in told if one is not None]) == pytest.approx(1, rel=0.02)


def test_without_eyes_it_is_the_models() -> None:
    assert radius_of([]) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("beside", [(0.2, 0.0), (-0.15, 0.08), (0.0, -0.08)])
def test_the_place_is_where_the_edge_is(beside: tuple[float, float]) -> None:
    assert place(*eye(12.0, 1.0, beside)) == pytest.approx(beside, abs=0.06)


def test_a_closed_eye_tells_nothing() -> None:
    luma, outline, frame = eye(12.0, 1.0, height=0.02)
    assert evidence(luma, outline, frame) is None
    assert not place(luma, outline, frame).any()


def test_pictures_of_a_person_tell_the_radius_in_centimeters(head: Head) -> None:
    stage = Stage(head)
    small = replace(stage.person, iris_cm=0.85 * stage.person.iris_cm)
    pixels = to_pixels(shown_in(stage.person, stage.fit), stage.lens)
    outlines = outlines_of(stage.person, pixels)
    height, width = stage.plate.shape[:2]
    y, x = np.mgrid[:height, :width] + 0.5
    view = np.full((height, width, 3), 0.6, np.float32)
    for side, name in enumerate(EYES):
        frame = disk_frame(iris_axes(small, side, stage.fit, stage.lens))
        dark = np.hypot(x - frame[0, 2], y - frame[1, 2]) < np.hypot(*frame[:, 0])
        hole = polygon(outlines[name], 0, 0, width, height)[..., None]
        view += hole * (np.where(dark, 0.2, 0.9)[..., None] - view)
    found = seen_radius(stage.person, stage.lens, [(Shown(view), stage.fit)])
    assert found == pytest.approx(small.iris_cm, rel=0.06)
