"""Skin that comes into sight when a head turns has the color of skin, where the mesh says it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from likeness.face import warp
from likeness.face.compose import NO_SKIN
from likeness.face.cutout import regions_of
from likeness.face.fit import Fit, rotation_matrix
from likeness.face.light import RELIGHT
from likeness.face.part import Part
from likeness.face.person import to_camera, to_pixels
from likeness.face.reenact import Retake, redraw
from likeness.face.regions import REGIONS, Regions
from likeness.face.rig import facing_of, normals_of, outside
from likeness.face.rim import upright
from likeness.face.taken import take
from likeness.face.uncovered import NONE, Skin, _over, complexion, uncovered
from likeness.head.model import Head
from likeness.render.raster import rasterize
from tests.face.test_reenact import SKIN_COLOR, Stage

WALL = np.array([0.1, 0.3, 0.9], np.float32)


def turned(fit: Fit, degrees: float) -> Fit:
    return replace(fit, rotation=fit.rotation @ rotation_matrix(np.radians([0.0, degrees, 0.0])))


class Turned:
    """A head of one skin color before a blue wall, seen from its side."""

    def __init__(self, head: Head) -> None:
        stage = Stage(head)
        self.rig, self.lens, self.fit = stage.rig, stage.lens, turned(stage.fit, 25)
        pixels = self.pixels(self.fit)
        height, width = stage.plate.shape[:2]
        self.shown = rasterize(pixels, self.rig.skin, width, height)[0] >= 0
        self.plate = np.where(self.shown[..., None], np.float32(SKIN_COLOR), WALL)
        taken = take(self.rig, self.plate, self.fit, self.lens)
        alpha = self.shown[..., None].astype(np.float32)
        layer = np.concatenate([self.plate * alpha, alpha], axis=2)
        clean = np.broadcast_to(WALL, self.plate.shape).copy()
        self.taken = replace(taken, cutout=replace(taken.cutout, layer=layer, clean=clean))
        self.box = (0, 0, width, height)

    def pixels(self, fit: Fit) -> np.ndarray:
        return to_pixels(self.camera(fit), self.lens)

    def camera(self, fit: Fit) -> np.ndarray:
        return to_camera(self.rig.person, self.rig.person.posed(fit.expression), fit, self.fit)

    def uncovered(self, degrees: float, behind: Part = NO_SKIN) -> Skin:
        target = turned(self.fit, degrees)
        camera = self.camera(target)
        facing = facing_of(camera, normals_of(self.rig, camera))
        turn = np.full(len(camera), np.radians(abs(degrees)), np.float32)
        pixels, count = to_pixels(camera, self.lens), len(camera)
        ramp = np.ones(self.box[3], np.float32), np.ones(self.box[2], np.float32)
        still, trusted = np.zeros((count, 5), np.float32), np.ones(count, np.float32)
        field = warp.spread(pixels, outside(self.rig, pixels), still, trusted, 4, (10.0, 10.0), ramp)
        middle = upright(self.rig, target, self.lens)
        return uncovered(self.taken, turn, facing, self.taken.level, field, middle, self.box, behind)


@pytest.fixture(scope="module")
def scene(head: Head) -> Turned:
    return Turned(head)


def test_a_head_that_stays_uncovers_nothing(scene: Turned) -> None:
    assert not scene.uncovered(0).under.values[..., 3:].any()


@pytest.mark.parametrize("degrees", [-8, -20])
def test_the_far_cheek_comes_in_the_color_of_skin(scene: Turned, degrees: float) -> None:
    skin = scene.uncovered(degrees).under
    alpha = skin.values[..., 3]
    assert (alpha > 0.9).sum() > 20
    assert alpha.max() <= 1
    sure = alpha > 0.5
    color = skin.values[sure, :3] / alpha[sure, None]
    np.testing.assert_allclose(color, np.broadcast_to(SKIN_COLOR, color.shape), rtol=0.02)


def flank(scene: Turned) -> np.ndarray:
    """The vertices (N,) of the nose's side that the plate does not show."""
    nose = scene.rig.person.head.regions["nose"] > 0.9
    hidden = np.flatnonzero(nose & (scene.taken.facing[: len(nose)] <= 0.02))
    assert len(hidden) > 20
    return hidden


def test_the_side_of_a_nose_that_comes_into_sight_is_not_stretched(scene: Turned) -> None:
    over = scene.uncovered(-20).over
    target = turned(scene.fit, -20)
    pixels, side = scene.pixels(target), flank(scene)
    facing = facing_of(scene.camera(target), normals_of(scene.rig, scene.camera(target)))
    x, y = pixels[side[facing[side] > 0.4], :2].astype(int).T
    share = over.values[y - over.spot[0].start, x - over.spot[1].start, 0]
    assert np.median(share) > 0.3


def test_a_shadow_beside_a_nose_stays_on_its_side(scene: Turned) -> None:
    head, taken = scene.rig.person.head, scene.taken
    seen = (head.regions["nose"] > 0.5) & (taken.facing[: len(head.mean)] > 0.4)
    x, y = (
        taken.pixels[np.flatnonzero(seen & (np.sign(head.mean[:, 0]) != _side(scene)))][:, :2].astype(int).T
    )
    dark = np.ones(taken.cutout.layer.shape[:2], np.float32)
    dark[y, x] = 0
    dark = np.where(ndimage.grey_erosion(dark, 5) > 0, 1, 0.35).astype(np.float32)
    layer = taken.cutout.layer * np.dstack([dark] * 3 + [np.ones_like(dark)])
    shaded = replace(taken, cutout=replace(taken.cutout, layer=layer))
    even, usual = (complexion(each).even[flank(scene)] for each in (shaded, taken))
    assert np.median(even - usual) > 0.75 * np.log(0.35)


def _side(scene: Turned) -> float:
    """The sign of the nose's side that is hidden."""
    return float(np.sign(scene.rig.person.head.mean[flank(scene), 0].mean()))


def test_a_head_that_turns_to_the_camera_has_no_wall_in_its_face(scene: Turned) -> None:
    target = turned(scene.fit, -20)
    drawn = redraw(Retake(scene.rig, scene.taken, target, scene.lens, scene.plate))
    assert drawn is not None
    height, width = scene.plate.shape[:2]
    index = rasterize(scene.pixels(target), scene.rig.surface, width, height)[0]
    bare = np.zeros(index.shape, bool)
    bare[index >= 0] = (scene.rig.hairless[scene.rig.surface] > 0).all(axis=1)[index[index >= 0]]
    assert bare.sum() > 2000
    wall = drawn.picture[..., 2] > 0.6
    assert (wall & bare).sum() < 0.002 * bare.sum()


def test_unseen_skin_is_no_lighter_than_any_that_is_seen(scene: Turned) -> None:
    seen = complexion(scene.taken)
    glaring = seen.lit(np.full_like(seen.even, 2.0))
    assert (glaring < 1.05 * np.max(SKIN_COLOR)).all()


def test_skin_in_another_light_does_not_tell_the_color_of_its_other_side(scene: Turned) -> None:
    """A near cheek in shade is more saturated: lit as the far one, that became cream, with a hard edge."""
    rig, taken = scene.rig, scene.taken
    left = rig.person.rest[:, 0] > 0
    sides = [taken.facing[side & (rig.hairless > 0.9)].mean() for side in (~left, left)]
    far = left if sides[1] < sides[0] else ~left
    hidden = far & (rig.hairless > 0.9) & (taken.facing < 0.2) & (np.abs(rig.person.rest[:, 0]) > 4)
    assert hidden.sum() > 20
    shade, red = np.float32(-1.5), np.float32([0.0, -1.0, -1.0])
    cheek = ~far & (np.abs(rig.person.rest[:, 0]) > 3)
    level = np.where(cheek, shade, 0).astype(np.float32)
    layer = taken.cutout.layer.copy()
    at = taken.pixels[cheek & (taken.facing > 0.2), :2].astype(int)
    dark = np.zeros(layer.shape[:2], bool)
    at = at[(at < dark.shape[::-1]).all(axis=1)]
    dark[at[:, 1], at[:, 0]] = True
    dark = ndimage.binary_dilation(dark, iterations=2) & (layer[..., 3] > 0)
    layer[dark, :3] *= np.exp(RELIGHT * shade + red)
    shaded = replace(taken, level=level, cutout=replace(taken.cutout, layer=layer))
    even = complexion(shaded).even[hidden]
    own = np.log(np.float32(SKIN_COLOR))
    off = (even - even[:, :1]) - (own - own[0])
    assert np.abs(off).max() < 0.1


def test_a_neck_that_nobody_saw_bare_stays_in_its_clothes(scene: Turned) -> None:
    assert scene.taken.regions is None
    assert not complexion(scene.taken).bare.any()


@pytest.mark.parametrize(("named", "wanted"), [("neck", True), ("background", False)])
def test_what_the_jaw_hid_of_a_bare_neck_is_bare(scene: Turned, named: str, wanted: bool) -> None:
    seen = regions_of(np.clip(scene.plate, 0, 1), scene.taken.pixels[scene.rig.person.vertex_count :, :2])
    alpha = np.zeros_like(seen.alpha)
    alpha[..., REGIONS.index(named)] = 1
    shown = replace(scene.taken, regions=Regions(alpha, seen.slope, seen.offset, seen.crop))
    bare = complexion(shown).bare
    hidden = scene.rig.neck & (scene.taken.facing <= 0)
    assert hidden.sum() > 20
    assert (bare[hidden] > 0.9).all() == wanted
    assert not bare[~scene.rig.neck].any()


@pytest.mark.parametrize(("named", "wanted"), [("skin", True), ("hair", False)])
def test_a_cheek_under_hair_does_not_come_into_sight(scene: Turned, named: str, wanted: bool) -> None:
    """Hair is combed over it: a flat patch of skin lay on it."""
    seen = regions_of(np.clip(scene.plate, 0, 1), scene.taken.pixels[scene.rig.person.vertex_count :, :2])
    alpha = np.zeros_like(seen.alpha)
    alpha[..., REGIONS.index(named)] = 1
    shown = replace(scene.taken, regions=Regions(alpha, seen.slope, seen.offset, seen.crop))
    hairless = complexion(shown).hairless
    cheeks = scene.rig.hairless > 0.5
    np.testing.assert_allclose(hairless[cheeks], scene.rig.hairless[cheeks] * wanted, atol=1e-5)


def test_what_is_behind_the_head_is_under_its_skin(scene: Turned) -> None:
    ear = Part((slice(10, 30), slice(20, 50)), np.ones((20, 30, 4), np.float32))
    alone, both = (scene.uncovered(-20, behind).under for behind in (NO_SKIN, ear))
    canvas = np.zeros((2, *scene.plate.shape[:2], 4), np.float32)
    for part, out in zip((alone, both), canvas, strict=True):
        out[part.spot] = part.values
    wanted = np.zeros_like(canvas[0])
    wanted[ear.spot] = ear.values
    wanted = canvas[0] + (1 - canvas[0][..., 3:]) * wanted
    np.testing.assert_allclose(canvas[1], wanted, atol=1e-6)


def test_what_lies_over_the_head_does_so_where_its_own_skin_is_hair(scene: Turned) -> None:
    """The mirror image's hair is laid there, though no skin is."""
    found, (_, _, width, height) = scene.uncovered(-20), scene.box
    skin, over = np.zeros((2, height, width), np.float32)
    skin[found.under.spot], over[found.over.spot] = found.under.values[..., 3], found.over.values[..., 0]
    hair = (over > 0.9) & (skin == 0)
    assert hair.sum() > 1000
    color = np.zeros((height, width, 3), np.float32)
    behind = Part((slice(0, height), slice(0, width)), np.ones((height, width, 4), np.float32))
    scene.uncovered(-20, behind).lay(color)
    assert (color[hair] > 0.9).all()


def test_nothing_over_nothing_is_nothing() -> None:
    assert _over(NO_SKIN, NO_SKIN) is NO_SKIN
    color = np.ones((4, 4, 3), np.float32)
    NONE.lay(color)
    assert (color == 1).all()
