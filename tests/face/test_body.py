"""Neck and shoulders cut from a real picture follow a head that travels; what is behind them stands still."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face.body import Body, _met
from likeness.face.findings import fit_of, lens_of, shot_of
from likeness.face.person import build_person
from likeness.face.reenact import Retake, redraw
from likeness.face.rig import Rig, build_rig
from likeness.face.taken import Taken, take
from likeness.head.model import load_head


@pytest.fixture(scope="module")
def stage(shown: np.ndarray, found: dict[str, np.ndarray]) -> tuple[Rig, Taken]:
    rig = build_rig(build_person(load_head(), shot_of(found)))
    return rig, take(rig, (shown**2.2).astype(np.float32), fit_of(found, 0), lens_of(found), shown)


@pytest.fixture(scope="module")
def body(stage: tuple[Rig, Taken]) -> Body:
    return stage[1].body


def test_clothes_are_body_and_the_wall_is_not(body: Body) -> None:
    alpha = body.layer[..., 3]
    assert alpha[250 - body.top :, 200:300].mean() > 0.95
    assert alpha[170 - body.top, 360:380].max() < 0.1


def test_behind_the_body_the_background_goes_on(body: Body, stage: tuple[Rig, Taken]) -> None:
    taken, free = stage[1], body.layer[..., 3] == 0
    x, y = taken.cutout.origin
    head = taken.cutout.layer[body.top - y :, :, 3] > 0
    free[: len(head), x : x + head.shape[1]] &= ~head
    assert free.mean() > 0.1
    assert body.bare[free].tobytes() == taken.plate[body.top :][free].tobytes()
    assert np.isfinite(body.bare).all()


def test_what_is_beside_a_collar_is_not_taken_for_background() -> None:
    wide, shape = 100.0, (120, 200)
    alpha, head = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    alpha[80:], head[:84, 70:130] = 1, 1
    met = _met(alpha, head, wide)
    assert met[70:90, 66:134].all()  # a corner of the shirt may stand there
    assert not met[70, [50, 150]].any() and not met[40].any()


def test_the_body_travels_with_the_head(stage: tuple[Rig, Taken], found: dict[str, np.ndarray]) -> None:
    rig, taken = stage
    lens = lens_of(found)
    right_px = 20
    right = right_px * taken.fit.translation[2] / lens.focal_px
    moved = replace(taken.fit, translation=taken.fit.translation + np.array([right, 0, 0]))
    drawn = redraw(Retake(rig, taken, moved, lens, taken.plate, layers=False))
    assert drawn is not None
    chest = (slice(260, 290), slice(200, 280))
    there = (chest[0], slice(200 + right_px, 280 + right_px))
    still = np.abs(drawn.picture[there] - taken.plate[there]).mean()
    assert np.abs(drawn.picture[there] - taken.plate[chest]).mean() < 0.5 * still


def test_a_body_that_rises_is_drawn_above_where_it_began(
    stage: tuple[Rig, Taken], found: dict[str, np.ndarray], body: Body
) -> None:
    rig, taken = stage
    lens = lens_of(found)
    up_px = 40
    up = np.array([0, -up_px * taken.fit.translation[2] / lens.focal_px, 0])
    moved = replace(taken.fit, translation=taken.fit.translation + up, body=up[:2])
    drawn = redraw(Retake(rig, taken, moved, lens, taken.plate, layers=False))
    assert drawn is not None
    was = (slice(body.top + 10, body.top + up_px), slice(110, 190))
    came = (slice(was[0].start - up_px, was[0].stop - up_px), was[1])
    clothes = body.layer[was[0].start - body.top : was[0].stop - body.top, was[1], 3] > 0.95
    assert clothes.sum() > 100
    off = np.abs(drawn.picture[came] - taken.plate[was])[clothes].mean()
    assert off < 0.3 * np.abs(taken.plate[came] - taken.plate[was])[clothes].mean()
