"""Alignment: texture tells where skin lies, better than points found in each frame by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from likeness.face import align
from likeness.face.align import flow, laid, lay_shot, take_texture, textured
from likeness.face.fit import SKIN, Fit, Shot, interocular, project, skin_points
from likeness.face.landmarks import VIEW_PX, Points, View, crop_from_points
from likeness.head.model import Head
from tests.face.conftest import Scene, expression, scene

KNOWN = np.ones((VIEW_PX, VIEW_PX), np.float32)


def mottled(seed: int, size: int = VIEW_PX) -> np.ndarray:
    """A gray 8-bit picture like skin seen near: spots of several sizes."""
    rng = np.random.default_rng(seed)
    spots = sum(s * ndimage.gaussian_filter(rng.normal(size=(size, size)), s) for s in (1.2, 2.5, 5.0))
    return codes(0.5 + 0.25 * spots / np.abs(spots).max())


def codes(gray: np.ndarray) -> np.ndarray:
    return np.round(255 * np.clip(gray, 0, 1)).astype(np.uint8)


class TestFlow:
    @pytest.mark.parametrize("way", [(0.4, -0.3), (3.0, 2.0), (-5.0, 4.0)])
    def test_a_shift_is_found(self, way: tuple[float, float]) -> None:
        here = mottled(1)
        there = ndimage.shift(here, way[::-1], order=3, mode="reflect")
        found, trust = flow(textured(here), textured(there), KNOWN)
        inner = slice(16, -16)
        assert np.median(found[inner, inner], axis=(0, 1)) == pytest.approx(way, abs=0.15)
        assert np.median(trust[inner, inner]) > 0.4

    def test_another_light_changes_little(self) -> None:
        here = mottled(2)
        lit = codes(here / 255 * np.linspace(0.5, 1.0, VIEW_PX) + 0.05)
        found, _ = flow(textured(here), textured(lit), KNOWN)
        assert np.abs(found[16:-16, 16:-16]).mean() < 0.15

    def test_where_nothing_is_known_nothing_is_trusted(self) -> None:
        here = textured(mottled(3))
        _, trust = flow(here, here, 0 * KNOWN)
        assert trust.max() == 0


def shown(head: Head, shot: Shot, at: Scene, by: align.Texture | None) -> Points:
    """The scene's points with a view: skin of noise, or that of `by` where the head really lies."""
    view = View(crop_from_points(at.points.xy), np.zeros((VIEW_PX, VIEW_PX), np.uint8))
    if by is None:
        return replace(at.points, view=replace(view, gray=mottled(4)))
    camera = skin_points(head, shot, at.fit.expression) @ at.fit.rotation.T + at.fit.translation
    places = (project(camera, shot.lens) - view.matrix[:, 2]) @ np.linalg.inv(view.matrix[:, :2]).T
    gray, known = align._carried(by, places.astype(np.float32), camera[:, 2])
    return replace(at.points, view=replace(view, gray=codes(np.where(known > 0, gray, 0.5))))


def person(head: Head, at: Scene) -> Shot:
    rest = head.point_mean + np.tensordot(at.identity, head.point_identity, 1)
    return Shot(at.lens, at.identity, np.zeros_like(rest), rest)


def test_points_that_move_too_little_are_drawn_to_where_the_skin_is(head: Head) -> None:
    rest = scene(head, seed=1)
    moved = scene(head, seed=1, turn_deg=(8.0, -8.0, 3.0), jawOpen=0.2, mouthSmile=0.5)
    shot = person(head, rest)
    first = shown(head, shot, rest, None)
    skin = replace(
        take_texture(head, shot, first, rest.fit), picture=first.view.gray.astype(np.float32) / 255
    )
    second = shown(head, shot, moved, skin)
    timid = replace(moved.fit, expression=expression(jawOpen=0.1, mouthSmile=0.2))  # as fitted to such points
    camera = skin_points(head, shot, timid.expression) @ timid.rotation.T + timid.translation
    xy = moved.points.xy.copy()
    xy[SKIN] = project(camera, shot.lens)
    found = replace(second, xy=xy, sigma_px=np.full(len(xy), 0.02 * interocular(xy)))
    out = laid(head, shot, take_texture(head, shot, first, rest.fit), found, timid)
    before, after = (np.linalg.norm(p.xy - moved.points.xy, axis=1) for p in (found, out))
    far = before > 0.02 * interocular(xy)
    far[align.OPENING] = False  # beside an opening the found points stay
    assert far.sum() > 20
    assert after[far].mean() < 0.6 * before[far].mean()
    assert (out.sigma_px[far] < found.sigma_px[far]).all()


def test_what_has_no_picture_or_no_neighbor_stays(head: Head) -> None:
    one = scene(head, seed=2, noise_px=0.5)
    shot = person(head, one)
    alone = shown(head, shot, one, None)
    fits: list[Fit] = [one.fit]
    assert lay_shot(head, shot, [alone], [(0, 1)], fits) == [alone]
    assert lay_shot(head, shot, [one.points] * 2, [(0, 2)], fits * 2) == [one.points] * 2
