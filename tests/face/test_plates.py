"""References of the plate's own camera: told by the background, they lend neck and clothes too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face import plates
from likeness.face.findings import shot_of
from likeness.face.heads import NECK, Lent
from likeness.face.person import build_person, to_camera, to_pixels
from likeness.face.plates import Sight
from likeness.face.rig import build_rig
from likeness.face.taken import take
from likeness.head import points as dense
from likeness.head.model import load_head
from likeness.media.look import Shown
from tests.face.test_heads import Scene, turned

SHIFT, RIGHT = np.array([14, 9]), np.array([25, 0])


@pytest.fixture(scope="module")
def portrait(shown: np.ndarray, found: dict[str, np.ndarray]) -> Scene:
    return Scene(shown, found)


def test_one_camera_is_told_by_what_is_behind(shown: np.ndarray, portrait: Scene) -> None:
    points, other = portrait.points, shown.copy()
    low, high = points.min(axis=0).astype(int), points.max(axis=0).astype(int)
    other[low[1] : high[1], low[0] : high[0]] = 0.5  # the face itself tells nothing
    assert plates.same_view(shown, other, points, points)
    assert not plates.same_view(shown, np.roll(shown, 25, axis=1), points, points + RIGHT)
    assert not plates.same_view(shown, shown[:-2], points, points)


def test_other_clothes_are_not_lent(shown: np.ndarray, portrait: Scene) -> None:
    dyed = np.where((portrait.down > 1)[..., None], [0.1, 0.6, 0.1], shown).astype(np.float32)
    assert plates.same_view(shown, shown, portrait.points, portrait.points)
    assert not plates.same_view(shown, dyed, portrait.points, portrait.points)


@pytest.fixture(scope="module")
def sight(shown: np.ndarray, portrait: Scene) -> Sight:
    return Sight(Shown(shown), portrait.points, portrait.fit)


def pixels_of(view: plates.View) -> np.ndarray:
    """Where the points of the skin lie in a view."""
    person = build_person(load_head(), view.shot)
    camera = to_camera(person, person.posed(view.fit.expression), view.fit, view.fit)
    return to_pixels(camera, view.shot.lens)[person.vertex_count :, :2][: dense.SKIN_COUNT]


def test_the_plates_person_is_laid_onto_the_reference(sight: Sight, found: dict[str, np.ndarray]) -> None:
    moved = np.roll(sight.look.whole(), SHIFT[::-1], axis=(0, 1))
    there = replace(sight, look=Shown(moved), points=(sight.points + SHIFT).astype(np.float32))
    view = plates.view(load_head(), shot_of(found), sight, there, np.array([0.5, 0.2]))
    off = np.abs(pixels_of(view) - there.points[: dense.SKIN_COUNT])
    assert np.median(off) < 0.3
    assert (view.shot.identity == shot_of(found).identity).all()
    assert view.fit.body == pytest.approx([0.5, 0.2])


def test_texture_tells_where_the_skin_lies(sight: Sight, found: dict[str, np.ndarray]) -> None:
    rough = replace(sight, points=(sight.points + np.array([2, 1])).astype(np.float32))
    view = plates.view(load_head(), shot_of(found), sight, rough, np.zeros(2))
    off = np.linalg.norm(pixels_of(view) - sight.points[: dense.SKIN_COUNT], axis=1)
    assert np.median(off) < 0.5 * np.hypot(2, 1)


def test_a_body_that_was_not_seen_is_unknown(sight: Sight, found: dict[str, np.ndarray]) -> None:
    assert plates.view(load_head(), shot_of(found), sight, sight, np.full(2, np.nan)).fit.body is None


def test_neck_and_clothes_come_with_the_head(
    portrait: Scene, sight: Sight, found: dict[str, np.ndarray]
) -> None:
    dyed = portrait.plate.copy()
    dyed[portrait.down > 0.9] *= np.array([0.2, 3.0, 0.2], np.float32)
    there = np.clip(dyed, 0, 1) ** (1 / 2.2)
    view = plates.view(load_head(), shot_of(found), sight, replace(sight, look=Shown(there)), np.zeros(2))
    rig = build_rig(build_person(load_head(), view.shot))
    apart = take(rig, dyed, view.fit, portrait.lens, there)
    share = np.zeros(NECK + 1, np.float32)
    share[NECK] = 1
    drawn = portrait.redraw_with(Lent(plates.stand(dyed, apart), apart, share), turned(portrait.fit, 8))
    assert drawn is not None
    green = portrait.green(drawn.picture)
    assert green[(portrait.down > 1) & (portrait.down < 1.5)].sum() > 500
    assert not green[portrait.down < 0.5].any()
