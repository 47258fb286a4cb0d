"""How high teeth stand, by where pictures show them."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.fit import Shot, with_person
from likeness.face.inside import inside_of
from likeness.face.person import Person, build_person, shown_in, to_pixels, tooth_rows
from likeness.face.rig import outlines_of
from likeness.face.teeth import LOWER, UPPER, green_of, raised, raised_cm, widest
from likeness.face.warp import polygon
from likeness.head import points as dense
from likeness.head.model import Head
from likeness.media.look import Shown
from likeness.render.raster import rasterize
from tests.face.conftest import SIZE, Scene, scene

SKIN, LIP, TOOTH, DARK = (0.6, 0.4, 0.3), (0.5, 0.2, 0.17), (0.7, 0.65, 0.55), (0.04, 0.01, 0.01)
GRIN = {"jawOpen": 0.3, "mouthSmile": 0.6, "mouthUpperUp": 0.7, "mouthLowerDown": 0.5}


def standing(head: Head, turn_deg: tuple[float, float, float] = (0, 0, 0), **weights: float) -> tuple:
    truth: Scene = scene(head, 5, turn_deg=turn_deg, **weights)
    shot = Shot(truth.lens, truth.identity, np.zeros((dense.COUNT, 3)), head.point_mean.astype(float))
    return truth, build_person(head, with_person(head, shot, truth.identity, shot.bias))


def picture_of(person: Person, truth: Scene, tooth: tuple[float, float, float] = TOOTH) -> Shown:
    """A display picture of skin, lips, and between them teeth before the dark."""
    pixels = to_pixels(shown_in(person, truth.fit), truth.lens)
    inside, view = inside_of(person.head), np.full((SIZE[1], SIZE[0], 3), SKIN, np.float32)
    outline = outlines_of(person, pixels)["mouth"]
    grown = outline.mean(axis=0) + 1.3 * (outline - outline.mean(axis=0))
    view[polygon(grown.astype(np.float32), 0, 0, *SIZE) > 0.5] = LIP
    index, _, _ = rasterize(inside.at(pixels), inside.triangles, *SIZE)
    teeth = np.isin(np.where(index >= 0, inside.part[index], -1), (UPPER, LOWER))
    open_ = polygon(outline, 0, 0, *SIZE) > 0.5
    view[open_] = DARK
    view[open_ & teeth] = tooth
    return Shown(view ** np.float32(1 / 2.2))


def height(person: Person) -> float:
    return float(person.rest[tooth_rows(person.head)[0], 1].mean())


@pytest.mark.parametrize("turn_deg", [(0, 0, 0), (5, 15, -20)])
@pytest.mark.parametrize("up_cm", [-0.2, 0.0, 0.25])
def test_teeth_are_raised_to_where_a_picture_shows_them(
    head: Head, up_cm: float, turn_deg: tuple[float, float, float]
) -> None:
    truth, person = standing(head, turn_deg, **GRIN)
    look = picture_of(raised(person, up_cm), truth)
    found = raised(person, raised_cm(person, inside_of(head), truth.lens, [(look, truth.fit)]))
    assert height(found) - height(person) == pytest.approx(up_cm, abs=0.07)


def test_lower_teeth_go_along_and_lips_stay(head: Head) -> None:
    truth, person = standing(head, **GRIN)
    look = picture_of(raised(person, 0.2), truth)
    found = raised(person, raised_cm(person, inside_of(head), truth.lens, [(look, truth.fit)]))
    up = found.rest[:, 1] - person.rest[:, 1]
    upper, lower = tooth_rows(head)
    assert up[lower].max() == pytest.approx(up[upper].min(), abs=1e-5)
    assert up[upper].min() > 0.1
    assert (np.delete(up, np.r_[upper, lower]) == 0).all()


def test_pictures_without_teeth_tell_nothing(head: Head) -> None:
    closed, person = standing(head)
    open_, _ = standing(head, **GRIN)
    looks = [(picture_of(person, closed), closed.fit), (picture_of(person, open_, LIP), open_.fit)]
    assert raised(person, raised_cm(person, inside_of(head), closed.lens, looks)) is person


def test_yellow_teeth_are_teeth() -> None:
    yellow, lip = np.array([0.6, 0.55, 0.3]), np.array([0.5, 0.22, 0.2])
    assert green_of(yellow) > 2 * green_of(lip)


def test_mouths_that_are_opened_most_are_looked_at(head: Head) -> None:
    jaws = [0.0, 0.9, 0.1, 0.7, 0.0, 0.05]
    points = np.stack([scene(head, 3, jawOpen=jaw).points.xy for jaw in jaws]).astype(np.float32)
    assert widest(points, 1) == [1]
    assert sorted(widest(points, 10)) == [1, 2, 3]
