"""Redrawing a face: only what moves changes, openings close, gaze goes where it is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from likeness.face.fit import Fit, Shot, with_person
from likeness.face.person import build_person, opening, to_camera, to_pixels
from likeness.face.reenact import Drawn, Retake, redraw
from likeness.face.rig import EYES, build_rig, iris_axes, outside
from likeness.face.taken import take
from likeness.face.warp import polygon
from likeness.head import points as dense
from likeness.head.model import Head
from likeness.render.raster import rasterize
from tests.face.conftest import SIZE, expression, scene

SKIN_COLOR, BALL_COLOR, IRIS_COLOR = (0.55, 0.35, 0.25), (0.8, 0.78, 0.75), (0.05, 0.03, 0.02)


class Stage:
    """A painted head: flat skin, white eyeballs, dark irises, on a ramp; bright beyond 1 at the top."""

    def __init__(self, head: Head) -> None:
        truth = scene(head, 4, turn_deg=(0.0, 0.0, 0.0), gaze_deg=(0.0, 0.0))
        self.lens, self.fit = truth.lens, truth.fit
        shot = Shot(truth.lens, truth.identity, np.zeros((dense.COUNT, 3)), head.point_mean.astype(float))
        self.person = build_person(head, with_person(head, shot, truth.identity, shot.bias))
        self.rig = build_rig(self.person)
        self.plate = self._paint()
        self.taken = take(self.rig, self.plate, self.fit, self.lens)

    def pixels(self, fit: Fit) -> np.ndarray:
        return to_pixels(to_camera(self.person, self.person.posed(fit.expression), fit, fit), self.lens)

    def _paint(self) -> np.ndarray:
        width, height = SIZE
        y, x = np.mgrid[:height, :width].astype(np.float32)
        plate = np.stack([x / width * 3 - 0.5, y / height, 0.2 + 0 * x], axis=2)
        pixels = self.pixels(self.fit)
        points = pixels[self.person.vertex_count :, :2]
        outline = points[[*range(17), 26, 24, 19, 17]].astype(np.float32)
        self._ink(plate, polygon(outline, 0, 0, width, height), SKIN_COLOR)
        for side, name in enumerate(EYES):
            hole = polygon(opening(self.person, pixels, name), 0, 0, width, height)
            self._ink(plate, hole, BALL_COLOR)
            rim = iris_axes(self.person, side, self.fit, self.lens)
            center, radius = rim[0, :2], np.linalg.norm(rim[1, :2] - rim[0, :2])
            inside = np.hypot(x + 0.5 - center[0], y + 0.5 - center[1]) < radius
            self._ink(plate, hole * inside, IRIS_COLOR)
        return np.ascontiguousarray(plate, np.float32)

    @staticmethod
    def _ink(plate: np.ndarray, cover: np.ndarray, color: tuple[float, ...]) -> None:
        plate += cover[..., None] * (np.array(color, np.float32) - plate)

    def retake(self, target: Fit, **more: Any) -> Retake:
        return replace(Retake(self.rig, self.taken, target, self.lens, self.plate), **more)

    def redraw(self, target: Fit, **more: Any) -> Drawn:
        drawn = redraw(self.retake(target, **more))
        assert drawn is not None
        return drawn


@pytest.fixture(scope="module")
def stage(head: Head) -> Stage:
    return Stage(head)


def test_no_motion_draws_nothing(stage: Stage) -> None:
    assert redraw(stage.retake(stage.fit)) is None


@pytest.mark.parametrize("weights", [{"jawOpen": 0.4}, {"eyeBlink": 1.0}, {"mouthSmile": 0.8}])
def test_outside_the_matte_the_plate_keeps_its_bits(stage: Stage, weights: dict[str, float]) -> None:
    target = replace(stage.fit, expression=expression(**weights))
    drawn = stage.redraw(target)
    picture = drawn.picture
    matte = np.zeros(picture.shape[:2], np.float32)
    x, y = drawn.origin
    matte[y : y + drawn.matte.shape[0], x : x + drawn.matte.shape[1]] = drawn.matte
    assert (matte > 0).any()
    assert picture[matte == 0].tobytes() == stage.plate[matte == 0].tobytes()


def test_a_blink_covers_the_eyes(stage: Stage) -> None:
    for side, name in enumerate(EYES):
        before = polygon(opening(stage.person, stage.pixels(stage.fit), name), 0, 0, *SIZE).sum()
        shut = replace(stage.fit, expression=expression(eyeBlink=1.0))
        after = polygon(opening(stage.person, stage.pixels(shut), name), 0, 0, *SIZE).sum()
        assert after < 0.06 * before, side


def test_a_lid_that_looks_down_brings_no_brow_along(stage: Stage) -> None:
    pixels, plate = stage.pixels(stage.fit), stage.plate.copy()
    up = np.array([0, -1], np.float32) * stage.lens.focal_px / stage.fit.translation[2]
    eyes = np.zeros(plate.shape[:2], np.float32)
    for name, side in zip(EYES, ("left", "right"), strict=True):
        margin = pixels[dense.GROUPS[f"lid_{side}_upper"] + stage.person.vertex_count, :2]
        brow = np.concatenate([margin + 0.5 * up, (margin + 1.0 * up)[::-1]])
        stage._ink(plate, polygon(brow.astype(np.float32), 0, 0, *SIZE), (0.0, 0.6, 0.0))
        eyes = np.maximum(eyes, polygon(opening(stage.person, pixels, name), 0, 0, *SIZE))
    target = replace(stage.fit, expression=expression(eyeLookDown=0.9))
    taken = take(stage.rig, plate, stage.fit, stage.lens)
    picture = stage.redraw(target, taken=taken, picture=plate).picture
    green = picture[..., 1] - picture[..., 0]
    assert green[eyes > 0.9].max() < 0.3


def test_an_open_mouth_shows_its_inside(stage: Stage) -> None:
    drawn = stage.redraw(replace(stage.fit, expression=expression(jawOpen=0.6)))
    cover = drawn.layers["mouth"].values[..., 3]
    assert cover.sum() > 300
    inside = drawn.layers["mouth"].values[cover > 0.99][:, :3]
    assert (inside.mean(axis=0) < np.array(SKIN_COLOR)).all()
    assert (inside >= 0).all()


@pytest.mark.parametrize(("yaw", "pucker"), [(-18.0, 0.0), (18.0, 0.0), (18.0, 0.4)])
def test_the_iris_goes_where_the_eye_looks(stage: Stage, yaw: float, pucker: float) -> None:
    def darkness(picture: np.ndarray) -> np.ndarray:
        out = []
        for name in EYES:
            hole = polygon(opening(stage.person, stage.pixels(stage.fit), name), 0, 0, *SIZE)
            dark = hole * np.clip(0.5 - picture.mean(axis=2), 0, 1)
            out.append((dark * np.arange(SIZE[0])).sum() / dark.sum())
        return np.array(out)

    gaze = np.radians([[yaw, 0.0]] * 2)
    target = replace(stage.fit, gaze=gaze, expression=expression(mouthPucker=pucker))
    moved = darkness(stage.redraw(target).picture) - darkness(stage.plate)
    wanted = [
        (iris_axes(stage.person, s, target, stage.lens) - iris_axes(stage.person, s, stage.fit, stage.lens))[
            0, 0
        ]
        for s in (0, 1)
    ]
    assert np.sign(moved).tolist() == np.sign(wanted).tolist()
    assert (np.abs(moved) > 0.6 * np.abs(wanted)).all()


def test_eyes_that_hardly_look_elsewhere_stay_the_plates_and_leave_it_without_a_step(stage: Stage) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, stage.plate.shape).astype(np.float32)
    plate = stage.plate + noise  # what only the plate itself shows so sharply
    grainy = replace(
        stage.retake(stage.fit), taken=take(stage.rig, plate, stage.fit, stage.lens), picture=plate
    )

    def eye(yaw_deg: float) -> np.ndarray:
        drawn = redraw(replace(grainy, target=replace(stage.fit, gaze=np.radians([[yaw_deg, 0.0]] * 2))))
        assert drawn is not None
        center = iris_axes(stage.person, 0, stage.fit, stage.lens)[0, :2].astype(int)
        return drawn.picture[center[1] - 2 : center[1] + 3, center[0] - 6 : center[0] + 7]

    center = iris_axes(stage.person, 0, stage.fit, stage.lens)[0, :2].astype(int)
    own = plate[center[1] - 2 : center[1] + 3, center[0] - 6 : center[0] + 7]
    assert eye(0.8) == pytest.approx(own, abs=1e-5)
    ramp = np.stack([eye(yaw) for yaw in np.arange(0.5, 6, 0.25)])
    steps = np.abs(np.diff(ramp, axis=0)).mean(axis=(1, 2, 3))
    assert np.abs(ramp[-1] - own).mean() > 0.03
    assert steps.max() < 0.25 * np.abs(ramp[-1] - own).mean()


def test_bright_and_negative_values_are_carried(stage: Stage) -> None:
    bright = stage.plate * 100
    bright[:, : SIZE[0] // 2] -= 30
    taken = take(stage.rig, bright, stage.fit, stage.lens)
    smile = replace(stage.fit, expression=expression(mouthSmile=0.5))
    drawn = stage.redraw(smile, taken=taken, picture=bright)
    x, y = drawn.origin
    changed = drawn.picture[y : y + drawn.matte.shape[0], x : x + drawn.matte.shape[1]][drawn.matte > 0]
    assert changed.max() > 40
    assert changed.min() < 0


def test_layers_are_plausible(stage: Stage) -> None:
    drawn = stage.redraw(replace(stage.fit, expression=expression(jawOpen=0.3)))
    there = drawn.layers["depth"].values[..., 0] > 0
    normal = drawn.layers["normal"].values[there]
    assert np.abs(np.linalg.norm(normal, axis=1) - 1).max() < 0.01
    assert ((normal * drawn.layers["position"].values[there]).sum(axis=1) <= 1e-3).all()
    assert 40 < np.median(drawn.layers["depth"].values[there]) < 70
    assert not any(drawn.layers[name].values[~there].any() for name in ("uv", "normal", "position"))
    assert np.allclose(
        drawn.layers["position"].values[there][:, 2], drawn.layers["depth"].values[there][:, 0]
    )
    assert 0 <= drawn.layers["uv"].values.min() <= drawn.layers["uv"].values.max() <= 1
    assert drawn.matte.min() >= 0
    assert drawn.matte.max() <= 1.0001


def _in_region(drawn: Drawn, name: str) -> np.ndarray:
    part = drawn.layers[name]
    out = np.zeros((*drawn.matte.shape, part.values.shape[2]), np.float32)
    out[part.spot] = part.values
    return out


def test_what_faces_away_at_the_back_of_the_head_is_not_drawn(stage: Stage) -> None:
    width, height = SIZE
    points = stage.pixels(stage.fit) * np.array([4, 4, 1], np.float32)
    seen = outside(stage.rig, points)
    assert len(seen) < 0.95 * len(stage.rig.skin)
    _, _, every = rasterize(points, stage.rig.skin, 4 * width, 4 * height)
    _, _, depth = rasterize(points, seen, 4 * width, 4 * height)
    lost = every < depth
    assert lost.mean() < 1e-3  # a thread's width at lids and lips, through which the back was seen
    assert (every[lost] > np.median(depth[np.isfinite(depth)]) + 8).all()  # cm


def test_the_layers_look_into_an_open_mouth(stage: Stage) -> None:
    drawn = stage.redraw(replace(stage.fit, expression=expression(jawOpen=0.8)))
    depth, cover = (_in_region(drawn, name) for name in ("depth", "mouth"))
    depth, cover = depth[..., 0], cover[..., 3]
    lips = depth[(cover == 0) & ndimage.binary_dilation(cover > 0, iterations=3)]
    assert np.median(depth[cover > 0.99]) > np.median(lips) + 1


def test_all_layers_show_a_tongue_before_the_lip(stage: Stage) -> None:
    looks = {"jawOpen": 0.4}, {"jawOpen": 0.4, "tongueOut": 1.0}
    kept, out = (stage.redraw(replace(stage.fit, expression=expression(**look))) for look in looks)
    cover, depth, normal = (_in_region(out, name) for name in ("mouth", "depth", "normal"))
    beyond = (cover[..., 3] > 0.999) & (_in_region(kept, "mouth")[..., 3] == 0)
    assert beyond.sum() > 20
    assert np.median(_in_region(kept, "depth")[beyond, 0] - depth[beyond, 0]) > 0.5  # cm
    assert np.allclose(np.linalg.norm(normal[beyond], axis=1), 1, atol=1e-3)
    assert out.matte[beyond].min() > 0.999


def test_the_layers_show_round_eyeballs(stage: Stage) -> None:
    drawn = stage.redraw(replace(stage.fit, expression=expression(eyeWide=0.5)))
    normal = _in_region(drawn, "normal")[_in_region(drawn, "eyes")[..., 3] > 0.99]
    assert normal[:, 2].mean() < -0.8
