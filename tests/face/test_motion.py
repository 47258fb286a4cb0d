"""Where in the plate a redrawn face comes from, and which part of the picture can change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face import motion
from likeness.face.person import upper_count
from likeness.head.model import Head
from tests.face.conftest import SIZE, expression
from tests.face.test_reenact import Stage


@pytest.fixture(scope="module")
def stage(head: Head) -> Stage:
    return Stage(head)


def box_of(stage: Stage, shift: np.ndarray, pixels: np.ndarray | None = None) -> tuple[int, ...] | None:
    taken = stage.taken if pixels is None else replace(stage.taken, pixels=pixels)
    target = replace(stage.fit, expression=stage.fit.expression + expression(jawOpen=2e-4))
    return motion.region(stage.rig, taken, target, taken.pixels, shift, turned=False)


def test_the_region_holds_what_moves_and_not_the_rest_of_the_picture(stage: Stage) -> None:
    away = stage.taken.pixels[stage.rig.used, :2] - stage.taken.pixels[stage.person.vertex_count + 8, :2]
    chin = int(stage.rig.used[np.argmin(np.hypot(*away.T))])
    shift = np.zeros((len(stage.taken.pixels), 2), np.float32)
    shift[chin] = 0, 1
    x0, y0, width, height = box_of(stage, shift) or (0, 0, 0, 0)
    x, y = stage.taken.pixels[chin, :2]
    assert x0 < x < x0 + width and y0 < y < y0 + height
    assert width * height < 0.25 * SIZE[0] * SIZE[1]


def test_a_change_too_small_to_see_may_change_the_face_alone(stage: Stage) -> None:
    points = stage.taken.pixels[stage.person.vertex_count :, :2]
    x0, y0, width, height = box_of(stage, np.zeros((len(stage.taken.pixels), 2), np.float32)) or (0, 0, 0, 0)
    assert (points > [x0, y0]).all() and (points < [x0 + width, y0 + height]).all()


def test_a_face_out_of_the_picture_has_no_region(stage: Stage) -> None:
    away = stage.taken.pixels + np.float32([5000, 0, 0])
    assert box_of(stage, np.ones((len(away), 2), np.float32), away) is None


def test_what_is_worn_before_the_eyes_goes_back_with_the_head(stage: Stage) -> None:
    still = np.zeros((len(stage.taken.pixels), 2), np.float32)
    assert (motion.turn_back(stage.rig, stage.taken, still) == np.eye(2, 3)).all()
    back = motion.turn_back(stage.rig, stage.taken, still + np.float32([3, -2]))
    np.testing.assert_allclose(back, [[1, 0, 3], [0, 1, -2]], atol=2e-3)


def test_lips_that_meet_keep_a_seam_where_the_plate_parts_them(stage: Stage) -> None:
    count = upper_count("mouth")
    x = np.linspace(0, 60, count)
    line = np.stack([x, 3 * np.sin(x / 15)], axis=1)
    low = np.stack([x, line[:, 1] + 20 * np.sin(np.pi * x / 60)], axis=1)
    shut, wide = (np.concatenate([line, edge[-2:0:-1]]).astype(np.float32) for edge in (line, low))

    def seam(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        taken = replace(stage.taken, outlines=stage.taken.outlines | {"mouth": before})
        return motion.with_seam(taken, after, stage.lens)

    made = seam(wide, shut)
    middle, across = made[count // 2], made[count:][::-1][count // 2 - 1]
    assert 0.8 < across[1] - middle[1] < 3  # a line high in the middle, and nothing at the corners
    np.testing.assert_allclose(made[[0, count - 1]], shut[[0, count - 1]], atol=1e-4)
    assert seam(shut, shut) is shut  # a plate that shows lips closed has its own seam
    assert seam(wide, wide) is wide


def test_lips_that_overlap_in_the_plate_part_as_much_as_they_have_moved(stage: Stage) -> None:
    count = upper_count("mouth")
    x = np.linspace(0, 60, count)
    edges = [np.stack([x, across * np.sin(np.pi * x / 60)], axis=1) for across in (2.0, -2.0)]
    over = np.concatenate([edges[0], edges[1][-2:0:-1]]).astype(np.float32)
    hardly = over - np.float32([0, 0.01]) * (np.arange(len(over)) < count)[:, None]
    taken = replace(stage.taken, outlines=stage.taken.outlines | {"mouth": over})
    np.testing.assert_allclose(motion.with_seam(taken, hardly, stage.lens), hardly, atol=0.05)


@pytest.mark.parametrize("way", [-1, 1])
def test_lips_that_barely_part_carry_along_what_is_between_until_they_part_otherwise(
    stage: Stage, way: int
) -> None:
    """A turned head showed a gray line between them, where the plate had teeth."""
    count, px_a_cm = upper_count("mouth"), stage.lens.focal_px / float(stage.taken.pixels[:, 2].mean())
    x = np.linspace(0, 5, count)

    def lips(gap_cm: float) -> np.ndarray:
        low = np.stack([x, gap_cm * np.ones(count)], axis=1)
        return (px_a_cm * np.concatenate([np.stack([x, 0 * x], axis=1), low[-2:0:-1]])).astype(np.float32)

    def changed(gap_cm: float, slit: bool) -> float:
        outlines = stage.taken.outlines | {"mouth": lips(0.15)}
        taken = replace(stage.taken, outlines=outlines, mouth=replace(stage.taken.mouth, slit=slit))
        return motion.slit_changed(taken, {"mouth": lips(gap_cm) + np.float32([9, 4])}, stage.lens)

    assert changed(0.15 + 0.01 * way, slit=True) == 0
    assert 0 < changed(0.15 + 0.03 * way, slit=True) < 1
    assert changed(0.15 + 0.1 * way, slit=True) == 1
    assert changed(0.15, slit=False) == 1
