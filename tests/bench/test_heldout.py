"""How held-out renders are measured."""

from __future__ import annotations

import numpy as np
import pytest

from bench import heldout
from likeness.face.fit import conjugate, rotation_matrix
from likeness.face.landmarks import Points
from likeness.head.model import load_head
from tests.face.conftest import scene

CLOSE = 60.0


def truth(count: int = 2) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    cam = rng.normal((0, 0, CLOSE), 6, (count, 450, 3))
    cam[:, 36], cam[:, 45] = (-4.5, 0, CLOSE), (4.5, 0, CLOSE)
    cam[..., 2] += CLOSE - cam[..., 2].mean(axis=1, keepdims=True)
    focal = np.full(count, 600.0)
    px = cam[..., :2] / cam[..., 2:] * 600 + 112
    return {
        "points_cam": cam,
        "points_px": px,
        "focal_px": focal,
        "visible": np.ones((count, 450), bool),
    }


def moved(known: dict[str, np.ndarray], by_px: float) -> list[Points]:
    many = np.ones(450)
    return [Points(np.add(xy, [by_px, 0]), many, many, many, 1.0) for xy in known["points_px"]]


def test_errors_are_in_distances_of_the_eyes() -> None:
    known = truth()
    rows = heldout._points(moved(known, 1.8), known)
    # The corners are 9 cm apart, 90 px.
    assert [row.value for row in rows] == pytest.approx([2.0, 2.0], rel=0.02)


def test_hidden_points_do_not_count() -> None:
    known = truth()
    known["visible"][:, :60] = False
    found = moved(known, 0.9)
    for points in found:
        points.xy[:60] += 500
    assert heldout._points(found, known)[1].value == pytest.approx(1.0, rel=0.02)


def test_clear_faces_are_told_apart_from_those_that_are_mostly_hidden() -> None:
    scenes = [scene(load_head(), seed, jawOpen=0.5) for seed in (1, 2)]
    lens = scenes[0].lens
    known = {
        "focal_px": np.full(2, lens.focal_px),
        "cx": np.full(2, lens.center_px[0]),
        "cy": np.full(2, lens.center_px[1]),
        "head_pose": np.stack([one.fit.head_pose for one in scenes]),
        "gaze": np.stack([conjugate(one.fit.gaze) for one in scenes]),
        "arkit": np.stack([one.fit.expression for one in scenes]),
        "visible": np.ones((2, 450), bool),
    }
    known["visible"][1, :200] = False
    known["head_pose"][1, :3, :3] = known["head_pose"][1, :3, :3] @ rotation_matrix(np.radians([0, 20, 0]))
    found = {row.name: row.value for row in heldout._fits([one.points for one in scenes], known)}
    assert found["clear faces, share"] == 50
    assert found["clear faces, head pose, median"] < 3
    assert found["head pose, median"] == pytest.approx(10, abs=3)


def test_gazes_and_boxes() -> None:
    assert heldout._angle(np.radians([10.0, 0]), np.radians([-5.0, 0])) == pytest.approx(15)
    assert heldout._angle(np.radians([20.0, 30]), np.radians([20.0, 10])) == pytest.approx(20)
    assert heldout.overlap(np.array([0, 0, 2, 2.0]), np.array([1, 0, 3, 2.0])) == pytest.approx(1 / 3)
    assert heldout.overlap(np.array([0, 0, 1, 1.0]), np.array([2, 2, 3, 3.0])) == 0
