"""Whole heads from references: they stand where the plate's does, and bring their hair, not their neck."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from likeness.face import heads
from likeness.face.findings import fit_of, lens_of, shot_of
from likeness.face.fit import PIVOT, Fit, rotation_matrix
from likeness.face.heads import HAIR, NECK, Lent, put, redraw_with
from likeness.face.landmarks import down_face
from likeness.face.lending import refer
from likeness.face.person import build_person, shown_in, to_pixels
from likeness.face.reenact import Drawn, Retake
from likeness.face.rig import build_rig
from likeness.face.taken import Taken, take
from likeness.head import points as dense
from likeness.head.model import load_head

OFF = (12, -7)  # pixels, down and to the right: the reference's person sits elsewhere
GREEN = np.array([0.0, 0.5, 0.0], np.float32)


def turned(fit: Fit, degrees: float) -> Fit:
    return replace(fit, rotation=fit.rotation @ rotation_matrix(np.radians([0.0, degrees, 0.0])))


class Scene:
    """A portrait, and the same as a reference whose hair and clothes are green, in another place."""

    def __init__(self, shown: np.ndarray, found: dict[str, np.ndarray]) -> None:
        self.fit, self.lens = fit_of(found, 0), lens_of(found)
        self.rig = build_rig(build_person(load_head(), shot_of(found)))
        self.plate = (shown**2.2).astype(np.float32)
        self.taken = take(self.rig, self.plate, self.fit, self.lens, shown)
        self.points = found["points"][0]
        at = np.arange(shown.shape[1]) + 0.5, np.arange(shown.shape[0])[:, None] + 0.5
        self.down = down_face(self.points, *at)
        head = np.zeros(shown.shape[:2], np.float32)
        (x, y), layer = self.taken.cutout.origin, self.taken.cutout.layer
        head[y : y + len(layer), x : x + layer.shape[1]] = layer[..., 3]
        dyed = ((head > 0.5) & (self.down < -0.4)) | (self.down > 1.5)
        picture = np.roll(np.where(dyed[..., None], GREEN, self.plate), OFF, (0, 1)).astype(np.float32)
        reference = refer(self.rig, picture, self.fit, self.lens)
        self.reference = replace(reference, points=self.points + np.array(OFF[::-1], np.float32))
        view = np.clip(picture, 0, 1) ** (1 / 2.2)
        stand = put(self.reference, picture, view, self.rig.person, self.taken, self.lens)
        assert stand is not None
        self.stand = stand

    def redraw_with(self, lent: Lent, target: Fit) -> Drawn | None:
        return redraw_with([lent], Retake(self.rig, self.taken, target, self.lens, self.plate))

    def green(self, picture: np.ndarray) -> np.ndarray:
        """Where a picture is greener than the plate by much."""
        off = picture - self.plate
        return np.asarray(off[..., 1] - off[..., ::2].mean(axis=2) > 0.1)


@pytest.fixture(scope="module")
def portrait(shown: np.ndarray, found: dict[str, np.ndarray]) -> Scene:
    return Scene(shown, found)


@pytest.fixture(scope="module")
def stood(portrait: Scene) -> Taken:
    stand = portrait.stand
    view = np.clip(stand.plate, 0, 1) ** (1 / 2.2)
    return take(portrait.rig, stand.plate, stand.fit, portrait.lens, view, behind=stand.clean)


def test_a_head_stands_where_the_plates_does(portrait: Scene) -> None:
    face = np.abs(portrait.stand.plate - portrait.plate)[(portrait.down > 0) & (portrait.down < 0.9)]
    assert np.median(face) < 0.01
    hair = portrait.green(portrait.stand.plate)
    assert hair[35:50, 200:230].mean() > 0.9  # above the forehead


def test_clothes_and_background_stay_the_plates(portrait: Scene) -> None:
    assert not portrait.green(portrait.stand.plate)[portrait.down > 1.9].any()
    x, y, width, height = portrait.stand.box
    beyond = np.ones(portrait.plate.shape[:2], bool)
    beyond[y : y + height, x : x + width] = False
    assert portrait.stand.plate[beyond].tobytes() == portrait.plate[beyond].tobytes()


def test_a_turned_head_stands_on_the_same_neck(portrait: Scene) -> None:
    other = replace(turned(portrait.fit, 30), translation=np.array([5.0, 3.0, 90.0]))
    stands = heads.standing(portrait.fit, other)
    assert stands.rotation == pytest.approx(other.rotation)
    neck = [fit.rotation @ PIVOT + fit.translation for fit in (portrait.fit, stands)]
    assert neck[0] == pytest.approx(neck[1])


def test_heads_come_from_where_they_looked_alike(portrait: Scene) -> None:
    pose_of = partial(heads.pose_of, portrait.rig.person)
    lent = [pose_of(turned(portrait.fit, degrees), neck=degrees > 0) for degrees in (-25, 25)]

    def share(degrees: float) -> np.ndarray:
        return heads.shares(pose_of(turned(portrait.fit, degrees)), pose_of(portrait.fit), lent)

    there = share(22)
    assert (there[:, 0] == 0).all()
    assert (there[:, 1] > 0.9).all()
    assert (share(-22)[[HAIR, NECK], 0] > 0.9).tolist() == [True, False]
    assert not share(0).any()


def test_hair_is_the_references_and_the_neck_the_plates(portrait: Scene, stood: Taken) -> None:
    target, share = turned(portrait.fit, 6), np.array([1.0] * NECK + [0.0], np.float32)
    drawn = portrait.redraw_with(Lent(portrait.stand, stood, share), target)
    assert drawn is not None
    picture, (x, y) = drawn.picture, drawn.origin
    matte = np.zeros(picture.shape[:2], np.float32)
    matte[y : y + drawn.matte.shape[0], x : x + drawn.matte.shape[1]] = drawn.matte
    assert picture[matte == 0].tobytes() == portrait.plate[matte == 0].tobytes()
    green = portrait.green(picture)
    assert green[portrait.down < 0.2].sum() > 1000
    assert not green[portrait.down > 1].any()
    assert set(drawn.layers) >= {"mouth", "eyes", "uv", "motion"}


def test_parts_of_a_head_come_from_different_pictures(portrait: Scene, stood: Taken) -> None:
    share = np.array([1.0] * HAIR + [0.0, 0.0], np.float32)
    drawn = portrait.redraw_with(Lent(portrait.stand, stood, share), turned(portrait.fit, 6))
    assert drawn is not None
    assert not portrait.green(drawn.picture)[35:50, 200:230].any()  # the hair is the plate's


def test_no_more_than_one_picture_has_a_share_of_the_body(portrait: Scene) -> None:
    height, width = portrait.plate.shape[:2]
    pixels, everything = (
        to_pixels(shown_in(portrait.rig.person, portrait.fit), portrait.lens),
        np.ones((NECK + 1, 1)),
    )
    share = heads._shares_at(
        (0, 0, width, height), pixels, portrait.rig, everything.astype(np.float32), [True]
    )
    points = pixels[-dense.COUNT :, :2]
    chin, half = points[8], float(np.ptp(points[[0, 16], 0])) / 2
    beside = np.abs(np.arange(width) + 0.5 - chin[0]) > 1.5 * half
    assert share[portrait.down < 0.4].min() > 0.99
    assert share[portrait.down > 1.7].max() == 0
    assert share[(portrait.down > 0.9) & beside].max() == 0
    assert share[int(chin[1]) + 5, int(chin[0])] > 0.99  # the neck comes with the head
