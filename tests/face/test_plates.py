"""References of the plate's own camera: told by the background, they lend neck and clothes too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face import plates
from likeness.face.align import take_texture
from likeness.face.findings import fit_of, prefixed, shot_of
from likeness.face.heads import NECK, Lent
from likeness.face.landmarks import Points
from likeness.face.person import build_person, to_camera, to_pixels
from likeness.face.references import looked_at
from likeness.face.rig import FACETS_PX_PER_CM, build_rig
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
    assert plates.same_view(Shown(shown), Shown(other), points, points)
    assert not plates.same_view(Shown(shown), Shown(np.roll(shown, 25, axis=1)), points, points + RIGHT)
    assert not plates.same_view(Shown(shown), Shown(shown[:-2]), points, points)


def test_other_clothes_are_not_lent(shown: np.ndarray, portrait: Scene) -> None:
    dyed = np.where((portrait.down > 1)[..., None], [0.1, 0.6, 0.1], shown).astype(np.float32)
    assert plates.same_view(Shown(shown), Shown(shown), portrait.points, portrait.points)
    assert not plates.same_view(Shown(shown), Shown(dyed), portrait.points, portrait.points)


@pytest.fixture(scope="module")
def seen(shown: np.ndarray, found: dict[str, np.ndarray]) -> Points:
    return looked_at(Shown(shown), found["points"][0], "cpu")


def viewed(found: dict[str, np.ndarray], seen: Points, there: Points) -> plates.View:
    """The plate's person as a picture shows it, in which its points were found `there`."""
    shot, fit = shot_of(found), fit_of(found, 0)
    return plates.view(load_head(), shot, take_texture(load_head(), shot, seen, fit), there, fit)


def pixels_of(view: plates.View) -> np.ndarray:
    """Where the points of the skin lie in a view."""
    person = build_person(load_head(), view.shot)
    camera = to_camera(person, person.posed(view.fit.expression), view.fit, view.fit)
    return to_pixels(camera, view.shot.lens)[person.vertex_count :, :2][: dense.SKIN_COUNT]


def test_the_plates_person_is_laid_onto_the_reference(
    shown: np.ndarray, found: dict[str, np.ndarray], seen: Points
) -> None:
    moved = np.roll(shown, SHIFT[::-1], axis=(0, 1))
    view = viewed(found, seen, looked_at(Shown(moved), seen.xy + SHIFT, "cpu"))
    off = np.abs(pixels_of(view) - (seen.xy + SHIFT)[: dense.SKIN_COUNT])
    assert np.median(off) < 0.5
    assert (view.shot.identity == shot_of(found).identity).all()


def test_texture_tells_where_the_skin_lies(found: dict[str, np.ndarray], seen: Points) -> None:
    off = np.array([2, 1])
    view = viewed(found, seen, replace(seen, xy=seen.xy + off))
    left = np.linalg.norm(pixels_of(view) - seen.xy[: dense.SKIN_COUNT], axis=1)
    assert np.median(left) < 0.5 * np.hypot(*off)


@pytest.fixture(scope="module")
def three(shown: np.ndarray, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What three references tell, the second of another camera."""
    pictures = {1: shown, 3: np.roll(shown, RIGHT[0], axis=1), 5: shown}
    points = found["points"][0] + np.stack([0 * RIGHT, RIGHT, 0 * RIGHT])[:, None]
    lent = {"frames": np.array(list(pictures)), "points": points.astype(float)}
    looks = {frame: Shown(picture) for frame, picture in pictures.items()}
    return plates.find(load_head(), Shown(shown), found, looks.__getitem__, lent, "cpu")


def test_references_of_the_plates_camera_have_views(
    three: dict[str, np.ndarray], found: dict[str, np.ndarray]
) -> None:
    first, other, last = plates.views_of(prefixed("plate", found) | three)
    assert first is not None
    assert last is not None
    assert other is None
    assert first.fit.body == pytest.approx([0, 0], abs=0.1)
    assert (first.shot.identity == three["plate_identity"][0]).all()


def test_the_plates_person_is_the_one_of_all_pictures(
    three: dict[str, np.ndarray], found: dict[str, np.ndarray]
) -> None:
    fitted = prefixed("plate", found) | three
    again = {
        name.removeprefix("plate_"): value for name, value in fitted.items() if name.startswith("plate_")
    }
    off = pixels_of(plates.View(shot_of(again), fit_of(again, 0))) - found["points"][0][: dense.SKIN_COUNT]
    assert np.median(np.abs(off)) < 1
    assert not (again["identity"] == found["identity"]).all()


def test_a_body_that_was_not_seen_is_unknown(
    three: dict[str, np.ndarray], found: dict[str, np.ndarray]
) -> None:
    lost = {"views_body": np.full_like(three["views_body"], np.nan)}
    first, *_ = plates.views_of(prefixed("plate", found) | three | lost)
    assert first is not None
    assert first.fit.body is None


def test_a_view_is_drawn_with_the_plates_facets(portrait: Scene, found: dict[str, np.ndarray]) -> None:
    fine = build_rig(portrait.rig.person, FACETS_PX_PER_CM + 1)
    assert fine.inside is not portrait.rig.inside
    view = plates.View(shot_of(found), fit_of(found, 0))
    assert plates.rig_of(view, fine).inside is fine.inside


def test_neck_and_clothes_come_with_the_head(
    portrait: Scene, found: dict[str, np.ndarray], seen: Points
) -> None:
    dyed = portrait.plate.copy()
    dyed[portrait.down > 0.9] *= np.array([0.2, 3.0, 0.2], np.float32)
    there = np.clip(dyed, 0, 1) ** (1 / 2.2)
    view = viewed(found, seen, seen)
    rig = build_rig(build_person(load_head(), view.shot))
    apart = take(rig, dyed, view.fit, portrait.lens, there)
    share = np.zeros(NECK + 1, np.float32)
    share[NECK] = 1
    drawn = portrait.redraw_with(Lent(plates.stand(dyed, apart), apart, share), turned(portrait.fit, 8))
    assert drawn is not None
    green = portrait.green(drawn.picture)
    assert green[(portrait.down > 1) & (portrait.down < 1.5)].sum() > 500
    assert not green[portrait.down < 0.5].any()


def test_what_is_behind_a_head_another_picture_shows(portrait: Scene) -> None:
    own = portrait.taken
    (x, y), alpha = own.cutout.origin, own.cutout.layer[..., 3]
    there = np.zeros(portrait.down.shape, bool)
    there[y : y + len(alpha), x : x + alpha.shape[1]] = alpha > 0.99
    there &= portrait.down < 0
    wall = np.float32([0.1, 0.5, 0.9])
    dim = 0.5 * np.where(there[..., None], wall, portrait.plate)
    empty = replace(own, plate=dim, cutout=replace(own.cutout, layer=0 * own.cutout.layer))
    first, second = plates.uncover([own, empty])
    clean = portrait.plate.copy()
    clean[y : y + len(alpha), x : x + alpha.shape[1]] = first.cutout.clean
    assert np.abs(clean[there] - wall).max() < 0.05  # as light as the plate
    same = alpha <= 0
    assert (first.cutout.clean[same] == own.cutout.clean[same]).all()
    assert (second.cutout.clean == own.cutout.clean).all()  # who shows no head has nothing behind it
