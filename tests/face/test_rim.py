"""Beside a head that turns, all goes as its outline does: its far side hides, and its near side comes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from likeness.face import rim, warp
from likeness.face.cutout import Cutout
from likeness.face.fit import Fit, rotation_matrix
from likeness.face.reenact import Retake, redraw
from likeness.face.taken import take
from likeness.head.model import Head
from likeness.render.raster import rasterize
from tests.face.conftest import SIZE
from tests.face.test_reenact import Stage

SKIN, WALL = np.float32([0.5, 0.3, 0.2]), np.float32([0.1, 0.2, 0.6])


@pytest.fixture(scope="module")
def stage(head: Head) -> Stage:
    return Stage(head)


def turned(stage: Stage, yaw_deg: float) -> Fit:
    return replace(stage.fit, rotation=stage.fit.rotation @ rotation_matrix(np.radians([0, yaw_deg, 0])))


def bare_head(stage: Stage, fit: Fit) -> np.ndarray:
    """Where (H, W) the head without ears and neck is."""
    bare = np.isin(stage.rig.surface, stage.rig.bare).all(axis=1)
    return rasterize(stage.pixels(fit), np.ascontiguousarray(stage.rig.surface[bare]), *SIZE)[0] >= 0


def points(stage: Stage, fit: Fit) -> np.ndarray:
    return stage.pixels(fit)[stage.person.vertex_count :, :2]


def side(stage: Stage, fit: Fit) -> slice:
    """The rows from the eyes to the mouth."""
    y = points(stage, fit)[:, 1]
    return slice(int(y[36:48].mean()), int(y[48:68].mean()))


@pytest.mark.parametrize("yaw_deg", [-25, 0, 25])
def test_the_outline_is_that_of_the_drawn_head(stage: Stage, yaw_deg: float) -> None:
    fit = turned(stage, yaw_deg)
    outline = rim.outline(stage.rig, stage.pixels(fit), fit, stage.lens)
    drawn = bare_head(stage, fit)
    edge = ndimage.distance_transform_edt(drawn) + ndimage.distance_transform_edt(~drawn)
    x, y = outline.places.T.astype(int)
    assert np.median(edge[y, x]) < 2.0
    assert np.quantile(edge[y, x], 0.9) < 4.0


def test_a_head_that_did_not_turn_has_a_rim_that_stays(stage: Stage) -> None:
    outline = stage.taken.outline
    assert (
        rim.rim_of(outline, rim.skin_shown(outline, points(stage, stage.fit)), outline, outline).whence == 0
    ).all()


@pytest.mark.parametrize("yaw_deg", [-20, 20])
def test_skin_ends_where_the_turned_head_does(stage: Stage, yaw_deg: float) -> None:
    plate = np.where(bare_head(stage, stage.fit)[..., None], SKIN, WALL)
    target = turned(stage, yaw_deg)
    taken = take(stage.rig, plate, stage.fit, stage.lens)
    drawn = redraw(Retake(stage.rig, taken, target, stage.lens, plate))
    assert drawn is not None
    rows = side(stage, target)
    skin = (drawn.picture[..., 0] > drawn.picture[..., 2])[rows]
    truth = bare_head(stage, target)[rows]
    far = slice(None) if yaw_deg < 0 else slice(None, None, -1)  # the row's end at which the head turns away
    beyond = np.argmax(truth[:, far], axis=1) - np.argmax(skin[:, far], axis=1)
    assert np.abs(beyond).max() <= 3  # of 250; skin that went on with its neighbors went on by 10 to 23


def test_a_temple_that_the_plate_hides_is_not_made_of_brow_and_eye(stage: Stage) -> None:
    frontal, aside = (
        (rim.outline(stage.rig, stage.pixels(fit), fit, stage.lens), points(stage, fit))
        for fit in (stage.fit, turned(stage, 35))
    )
    assert rim.skin_shown(*frontal).min() > 0.9
    spread = rim.skin_shown(*aside)
    angle = np.degrees(rim.ANGLES[rim.SIDE])
    shown, hidden = sorted((spread[angle < 0], spread[angle > 0][::-1]), key=lambda side: -side.min())
    assert shown.min() > 0.9
    at = np.abs(angle[angle < 0])
    assert hidden[np.abs(at - 64) < 3].max() < 0.15  # beside the brow's end
    assert hidden[np.abs(at - 83) < 3].min() > 0.2  # between eye and mouth a cheek is seen
    assert hidden[at < 50].min() > 0.4


def test_a_rim_is_even_where_the_mesh_is_found_at_steps() -> None:
    count, cells = 24, 32
    places = np.stack([np.full(count, 80, np.float32), 16 + 4 * np.arange(count, dtype=np.float32)], 1)
    out, aside = np.tile(np.float32([1, 0]), (count, 1)), np.float32([1, 0])
    known, grid = np.zeros((cells, cells), np.float32), np.zeros((2, cells + 2, cells + 2), np.float32)
    known[:, :17] = 1
    known[16:, 14:] = 0  # from here on the rim is farther from the mesh
    whence, spread = np.full(count, -100, np.float32), np.full(count, 0.35, np.float32)
    ways, share = warp._at_places(places, out, aside, whence, spread, np.float32(4), grid, known)
    assert (share > 0).all()
    apart = ways[-1, 0] - ways[0, 0]
    assert apart < -4
    assert np.diff(ways[:, 0]).min() > 0.3 * apart


def test_a_mesh_that_is_wider_than_the_head_is_tightened_to_it() -> None:
    middle, up = np.array([50, 50], np.float32), np.array([0, -1], np.float32)
    around = rim.Outline(middle, up, np.full(rim.SAMPLES, 40, np.float32), np.zeros((2, 2), np.float32))
    y, x = np.indices((100, 100)) + 0.5
    left = x < 50
    layer = np.zeros((100, 100, 4), np.float32)
    layer[..., 3] = np.hypot(x - 50, y - 50) < np.where(left, 36, 60)
    mesh = (np.hypot(x - 50, y - 50) < 40).astype(np.float32)
    found = rim.slack(around, Cutout((0, 0), layer, layer[..., :3], (0, 0, 100, 100)), mesh)
    places = np.array([[10, 50], [90, 50], [50, 10]], np.float32)
    there = rim.tightened(places, middle, up, found)
    assert abs(there[0, 0] - 14) < 0.8  # a percent of the radius, as finely as is looked
    assert np.abs(there[1] - places[1]).max() < 0.05  # hair, or a neck, goes on there
