"""Dense points: crops follow the face, and what is found does not depend on how the picture lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness.face.landmarks import (
    FILL,
    LOOKS,
    MIRRORED,
    Crop,
    carried,
    crop_from_detection,
    crop_from_points,
    find_points,
    find_points_many,
    sample_crop,
)
from likeness.head import points as dense

SARGENT = Crop((372.0, 168.0), 215.0, 0.0)


def load(path: Path) -> np.ndarray:
    """An 8-bit picture as float 0..1."""
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"), np.float32) / 255


@pytest.fixture
def sargent(real: Path) -> np.ndarray:
    return load(real / "painting_sargent.jpg")


def face_shape(seed: int = 0) -> np.ndarray:
    """Points (450, 2) with eyes above the mouth."""
    xy = np.random.default_rng(seed).uniform(100, 200, (dense.COUNT, 2))
    xy[36:42], xy[42:48], xy[48:68] = (130, 130), (170, 130), (150, 175)
    return xy


def turned(xy: np.ndarray, angle: float, scale: float = 1.0) -> np.ndarray:
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    return xy @ np.array([[c, -s], [s, c]]).T


def interocular(xy: np.ndarray) -> float:
    return float(np.linalg.norm(xy[36] - xy[45]))


def test_the_crop_of_points_is_upright_and_filled_by_them() -> None:
    crop = crop_from_points(face_shape())
    local = (face_shape() - crop.matrix[:, 2]) @ np.linalg.inv(crop.matrix[:, :2]).T
    assert crop.roll == pytest.approx(0)
    assert (local.max(0) - local.min(0)).max() == pytest.approx(FILL)
    assert (local.max(0) + local.min(0)) / 2 == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("angle", [-1.5, -0.4, 0.7, 3.0])
def test_the_crop_turns_and_grows_with_the_points(angle: float) -> None:
    before, after = crop_from_points(face_shape()), crop_from_points(turned(face_shape(), angle, 2.5))
    assert after.roll == pytest.approx(angle)
    assert after.size == pytest.approx(2.5 * before.size)
    assert after.center == pytest.approx(turned(np.array([before.center]), angle, 2.5)[0])


def test_points_in_one_place_still_give_a_crop() -> None:
    crop = crop_from_points(np.zeros((dense.COUNT, 2)))
    assert crop.size > 0 and np.isfinite(crop.matrix).all()


def test_the_crop_of_a_detection_is_upright() -> None:
    five = turned(np.array([[130, 130], [170, 130], [150, 150], [135, 175], [165, 175]], float), 0.5)
    box = np.array([0.0, 0.0, 100.0, 120.0])
    crop = crop_from_detection(box, five)
    assert crop.roll == pytest.approx(0.5)
    assert crop.center == pytest.approx((50, 60))
    assert 100 < crop.size < 1.1 * 120 / FILL + 1


def test_a_crop_takes_the_pixels_it_covers() -> None:
    y, x = np.mgrid[0:60, 0:80].astype(np.float32) + 0.5
    picture = np.stack([x, y, x + y], 2)
    crop = Crop((40.0, 30.0), 20.0, 0.3)
    sampled = sample_crop(picture, crop, 10)
    grid = (np.stack(np.meshgrid(np.arange(10), np.arange(10)), -1) + 0.5) / 10
    expected = grid @ crop.matrix[:, :2].T + crop.matrix[:, 2]
    assert sampled[:2].transpose(1, 2, 0) == pytest.approx(expected, abs=1e-2)


def test_a_shrunken_crop_averages_and_the_outside_is_black() -> None:
    fine = np.indices((256, 256)).sum(0) % 2
    picture = np.repeat(fine[..., None], 3, 2).astype(np.float32)
    assert np.abs(sample_crop(picture, Crop((128.0, 128.0), 192.0, 0.0), 48) - 0.5).max() < 0.05
    assert sample_crop(picture, Crop((-300.0, 128.0), 192.0, 0.0), 48).max() == 0


def test_a_painted_face_is_found_where_it_is(sargent: np.ndarray) -> None:
    found = find_points(sargent, SARGENT, "cpu", refine=2)
    assert found.presence > 0.5
    assert found.xy.shape == (dense.COUNT, 2) and found.sigma_px.min() > 0
    assert found.xy[dense.IRIS_RIGHT] == pytest.approx([333, 140], abs=5)
    assert found.xy[dense.IRIS_LEFT] == pytest.approx([390, 139], abs=5)
    assert found.z[:68].mean() == pytest.approx(0, abs=1e-3)
    assert found.z[30] < found.z[[0, 16]].min(), "the tip of the nose is nearer than the ears"


def test_a_turned_picture_gives_the_same_points(sargent: np.ndarray) -> None:
    upright = find_points(sargent, SARGENT, "cpu", refine=2)
    view = Crop((372.0, 168.0), 400.0, np.radians(-30))
    picture = np.ascontiguousarray(sample_crop(sargent, view, 400).transpose(1, 2, 0))
    expected = (upright.xy - view.matrix[:, 2]) @ np.linalg.inv(view.matrix[:, :2]).T * 400
    found = find_points(picture, crop_from_points(expected), "cpu", refine=2)
    error = np.linalg.norm(found.xy - expected, axis=1)[17:68]
    assert np.median(error) < 0.02 * interocular(expected)


def test_brightness_does_not_matter(sargent: np.ndarray) -> None:
    usual = find_points(sargent, SARGENT, "cpu", refine=1)
    dark = find_points(sargent * 0.6, SARGENT, "cpu", refine=1)
    error = np.linalg.norm(usual.xy - dark.xy, axis=1)[17:68]
    assert np.median(error) < 0.04 * interocular(usual.xy)


def test_many_crops_in_one_run_are_as_one_by_one(sargent: np.ndarray) -> None:
    crops = [SARGENT, Crop((376.0, 172.0), 230.0, 0.1)]
    together = find_points_many(sargent, crops, "cpu")
    skin = slice(0, dense.SKIN_COUNT)  # irises are looked for of one face only
    for crop, found in zip(crops, together, strict=True):
        assert found.xy[skin] == pytest.approx(find_points(sargent, crop, "cpu").xy[skin], abs=0.05)
    assert find_points_many(sargent, [], "cpu") == []


def test_several_looks_are_averaged_some_of_them_mirrored(sargent: np.ndarray) -> None:
    width, (x, y), alone = sargent.shape[1], SARGENT.center, dense.ALONE[:, None]
    straight, mirrored = [], []
    for (size, roll), flipped in zip(LOOKS[:3], MIRRORED, strict=False):
        if flipped:
            crop = Crop((width - x, y), SARGENT.size * size, -SARGENT.roll - roll)
            found = find_points_many(np.ascontiguousarray(sargent[:, ::-1]), [crop], "cpu")[0]
            mirrored.append((found.xy * [-1, 1] + [width, 0])[dense.TWIN])
        else:
            crop = Crop((x, y), SARGENT.size * size, SARGENT.roll + roll)
            straight.append(find_points_many(sargent, [crop], "cpu")[0].xy)
    wanted = np.where(alone, np.mean(straight, 0), np.mean(straight + mirrored, 0))
    assert find_points_many(sargent, [SARGENT], "cpu", looks=3)[0].xy == pytest.approx(wanted, abs=0.05)


def test_a_crop_stays_while_its_face_trembles() -> None:
    crop = Crop((100.0, 80.0), 200.0, 0.1)
    assert carried(crop, Crop((101.5, 79.0), 203.0, 0.105)) == crop


@pytest.mark.parametrize("roll", [0.4, -0.7, 3.1])
def test_a_crop_follows_what_moves_on(roll: float) -> None:
    crop, wanted = Crop((100.0, 80.0), 200.0, -3.1 if roll == 3.1 else 0.0), Crop((160.0, 60.0), 320.0, roll)
    moved = carried(crop, wanted)
    assert moved.center == pytest.approx(wanted.center, abs=0.0101 * crop.size)
    assert moved.size == pytest.approx(wanted.size, rel=0.021)
    turn = (moved.roll - wanted.roll + np.pi) % (2 * np.pi) - np.pi
    assert abs(turn) <= 0.0101
