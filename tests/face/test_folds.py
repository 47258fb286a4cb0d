"""Folds of the skin: laid by the shapes of one side, relit by the plate's light, none where hair hangs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face import folds
from likeness.face.light import Light
from likeness.face.person import to_camera
from likeness.face.rig import normals_of
from likeness.head.model import Head
from likeness.render.raster import extents, rasterize
from tests.face.conftest import expression
from tests.face.test_reenact import Stage

SMILE = {"mouthSmile": 0.9}
FLAT = np.eye(1, 9, dtype=np.float32)[0]


@pytest.fixture(scope="module")
def stage(head: Head) -> Stage:
    return Stage(head)


def test_what_the_plate_shows_already_is_not_folded_again() -> None:
    assert folds.fold(np.zeros(52), 1.0, 256) is None
    assert folds.fold(-expression(mouthSmile=0.5), 1.0, 256) is None
    assert folds.fold(expression(**SMILE), 0.0, 256) is None


def test_one_side_smiles_alone() -> None:
    left = folds.fold(expression(mouthSmileLeft=0.9), 1.0, 256)
    both = folds.fold(expression(**SMILE), 1.0, 256)
    assert left is not None and both is not None
    deep = [np.abs(relief.texels[..., 3]).sum() for relief in (left, both)]
    assert deep[0] == pytest.approx(deep[1] / 2, rel=0.1)


def _lit(stage: Stage, held: float, light: np.ndarray = FLAT) -> np.ndarray:
    """How light changes over the smiling stage (h, w), by its logarithm."""
    target = replace(stage.fit, expression=expression(**SMILE))
    relief = folds.fold(target.expression, 1.0, 512)
    assert relief is not None
    width, height = 640, 480
    camera = to_camera(stage.person, stage.person.posed(target.expression), target, target)
    hidden = np.full(len(stage.person.rest), held, np.float32)
    normals = normals_of(stage.rig, camera)
    lamp = Light(light, np.ones(3, np.float32))
    bends = folds.lit(relief, normals, hidden, target.rotation, lamp, 1.0)
    places = np.zeros((len(camera), 7), np.float32)
    places[:, 5:7] = stage.rig.uv
    places[: len(relief.folded), 4] = relief.folded
    index, bary, depth = rasterize(stage.pixels(target), stage.rig.skin, width, height)
    carried = (places[stage.rig.skin[index]] * bary[..., None]).sum(axis=2)
    out = np.empty((height, width, 4), np.float32)
    for y in range(height):
        folds.folds_at(1 / depth[y], carried[y].T, 0, width, bends, out[y])
    return out[..., 3]


def test_a_fold_is_dark_and_thin(stage: Stage) -> None:
    change = _lit(stage, held=0.0)
    assert -0.6 < change.min() < -0.12
    assert 0.001 < (change < -0.05).mean() < 0.03


def test_nothing_is_folded_beside_the_columns_that_can_fold(stage: Stage) -> None:
    relief = folds.fold(expression(mouthSmileLeft=0.9), 1.0, 512)
    assert relief is not None
    target = replace(stage.fit, expression=expression(mouthSmileLeft=0.9))
    points, skin = stage.pixels(target), stage.rig.skin
    moved = np.zeros((len(points), 7), np.float32)
    moved[: len(relief.folded), 4] = relief.folded
    index, bary, _ = rasterize(points, skin, 640, 480)
    can = (index >= 0) & ((moved[skin[index], 4] * bary).sum(axis=2) > 0)
    at = np.flatnonzero(can[240:248].any(axis=0))
    first, end = folds.folding(240, 248, 640, points, skin, extents(points, skin), moved)
    assert first <= at[0] and at[-1] < end
    assert end - first < 320  # not the whole face


def test_light_from_aside_shows_its_banks(stage: Stage) -> None:
    aside = np.array([0.8, 0.5, 0, -0.3, 0, 0, 0, 0, 0], np.float32)
    assert _lit(stage, held=0.0, light=aside).max() > 0.05 > _lit(stage, held=0.0).max()


def test_hair_before_the_face_is_not_folded(stage: Stage) -> None:
    assert not _lit(stage, held=1.0).any()


def test_the_normal_layer_shows_them(stage: Stage) -> None:
    target = replace(stage.fit, expression=expression(**SMILE))
    smooth, folded = (stage.redraw(target, wrinkles=much) for much in (0.0, 1.0))
    bent = np.abs(folded.layers["normal"].values - smooth.layers["normal"].values).max(axis=2)
    assert bent.max() > 0.1 and 0.001 < (bent > 0.02).mean() < 0.1
    assert np.linalg.norm(folded.layers["normal"].values, axis=2)[bent > 0] == pytest.approx(1, abs=1e-3)
