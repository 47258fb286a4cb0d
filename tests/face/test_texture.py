"""Skin that a plate does not show has the texture of the other side, or of skin farther to the front."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face.texture import MOST, SEEN, Texture, _finest, texture_of
from likeness.face.warp import EVERYWHERE, sample
from likeness.head.model import Head
from tests.face.test_uncovered import Turned

LINES_PX = 3.0  # so wide are the lines that are drawn on the skin


@pytest.fixture(scope="module")
def scene(head: Head) -> Turned:
    return Turned(head)


def lined(scene: Turned, strength: float) -> Texture:
    """The texture of a face with level lines on it, which darken it by so much."""
    taken = scene.taken
    layer = taken.cutout.layer.copy()
    y = np.arange(len(layer), dtype=np.float32)
    layer[..., :3] *= np.exp(-strength * (np.sin(2 * np.pi * y / LINES_PX) > 0))[:, None, None]
    return texture_of(replace(taken, cutout=replace(taken.cutout, layer=layer)))


def test_lines_of_the_skin_are_its_texture_and_its_color_is_not(scene: Turned) -> None:
    plain, found = lined(scene, 0.0), lined(scene, 0.1)
    assert np.abs(plain.finest).max() < 1e-4
    within = found.finest[np.abs(found.finest) > 0]
    assert np.ptp(np.quantile(within, [0.1, 0.9])) == pytest.approx(0.1, rel=0.2)
    assert abs(found.finest.mean()) < 0.01


def test_a_fold_is_no_texture(scene: Turned) -> None:
    """One deep line would be seen twice; it is as faint as the rest."""
    layer = scene.taken.cutout.layer.copy()
    noise = np.random.default_rng(3).normal(0, 0.02, layer.shape[:2]).astype(np.float32)
    noise[layer.shape[0] // 2] -= 1
    layer[..., :3] *= np.exp(noise)[..., None]
    found = texture_of(replace(scene.taken, cutout=replace(scene.taken.cutout, layer=layer)))
    assert np.abs(found.finest).max() < 1.5 * MOST * 0.02


def test_what_the_plate_hides_is_as_its_twin_or_farther_to_the_front(scene: Turned) -> None:
    found, taken, rig = texture_of(scene.taken), scene.taken, scene.rig
    hidden = rig.face & (taken.facing < 0.1) & (rig.jaw_edge[rig.twin] <= 0) & (rig.hairless > 0)
    twin = hidden & (taken.facing[rig.twin] > SEEN[1])
    front = hidden & (taken.facing[rig.twin] <= 0)
    assert min(twin.sum(), front.sum()) > 10
    corner = (taken.pixels[rig.twin, :2] - found.whence[:, :2])[twin]
    np.testing.assert_allclose(corner, np.broadcast_to(corner[0], corner.shape), atol=1e-3)
    assert (found.whence[twin, 2] > 0.99).all()
    assert found.whence[front, 2].min() > 0.99
    layer = np.ascontiguousarray(taken.cutout.layer)
    there = found.whence[front, :2] + corner[0] - taken.cutout.origin
    seen = np.empty((front.sum(), 4), np.float32)
    places, everywhere = np.ascontiguousarray(there.T, np.float32), np.ones(len(seen), np.float32)
    sample(layer, *places, everywhere, EVERYWHERE, seen)
    assert (seen[:, 3] > 0.9).mean() > 0.5  # on the face; what is far behind the ears has none


def test_it_is_laid_where_it_is_sure_and_keeps_the_matte() -> None:
    finest = np.zeros((8, 8), np.float32)
    finest[:, ::2] = 0.1
    skin = np.full((1, 4, 4), 0.5, np.float32)
    whence = np.array([[[2, 3, 1], [3, 3, 1], [2, 3, 0.5], [2, 3, 0]]], np.float32) * np.float32(0.5)
    made = skin.copy()
    Texture(finest, np.zeros((0, 3), np.float32)).lay(made, whence, 1)
    np.testing.assert_allclose(made[0, :, 0] / 0.5, np.exp([0.1, 0, 0.05, 0]), rtol=1e-5)
    assert np.array_equal(made[..., 3], skin[..., 3])


def test_beyond_the_head_and_where_light_is_not_finite_there_is_none() -> None:
    layer = np.ones((20, 20, 4), np.float32)
    layer[:, 10:] = 0
    layer[5, 5, 0] = np.nan
    found = _finest(layer, (slice(0, 20), slice(0, 20)), 3.0)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 1e-5
