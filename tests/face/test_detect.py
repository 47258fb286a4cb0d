"""Faces are found in photographs, paintings and video, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness.face import detect as finder
from likeness.face.detect import candidates, detect, letterbox, level_sizes, suppress
from likeness.face.landmarks import Crop, Float, sample_crop
from likeness.training import people
from likeness.training.anatomy import load_anatomy


def load(path: Path) -> Float:
    """An 8-bit picture as float 0..1."""
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"), np.float32) / 255


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    return shared / (float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - shared)


# Boxes drawn by hand: from ear to ear, from the hairline to below the chin.
PAINTINGS = {
    "painting_mona_lisa.jpg": (270, 216, 472, 470),
    "painting_pearl_earring.jpg": (345, 380, 715, 780),
    "painting_sargent.jpg": (312, 94, 436, 240),
}


def test_the_coarsest_level_sees_the_whole_picture_and_the_finest_the_smallest_face() -> None:
    assert level_sizes((480, 640), 24)[0] == finder.COARSEST_PX
    finest = level_sizes((1080, 1920), 24)[-1]
    assert finest * 24 / 1920 >= finder.SMALLEST_SEEN_PX * 0.8


def test_large_faces_need_the_coarse_levels_only() -> None:
    assert level_sizes((512, 512), 100) == [128, 192]


def test_a_picture_is_fitted_into_the_upper_left_of_what_the_network_takes() -> None:
    picture = np.zeros((90, 160, 3), np.float32)
    picture[:, 80:] = 1
    blob = letterbox(picture, 192 / 160)
    assert blob.shape == (1, 3, 128, 192)
    assert blob[0, :, 50, 90].max() < 0.01 and blob[0, :, 50, 102].min() > 0.99
    assert (blob[0, :, 110:] == 0.5).all()


def test_shrinking_averages_what_it_covers() -> None:
    fine = np.indices((256, 256)).sum(0) % 2
    picture = np.repeat(fine[..., None], 3, 2).astype(np.float32)
    assert np.abs(letterbox(picture, 0.25)[0, :, 4:60, 4:60] - 0.5).max() < 0.02


def test_a_cell_says_where_its_face_is() -> None:
    found = np.zeros((15, 4, 6), np.float32)
    found[:, 2, 3] = [0.9, 0.5, -0.5, np.log(4), np.log(2), *np.tile([1, 0], 5)]
    boxes, points, scores = candidates(found, 0.5)
    assert boxes.tolist() == [[pytest.approx(v) for v in (16, 8, 48, 24)]]
    assert points[0].tolist() == [[36.0, 20.0]] * 5
    assert scores.tolist() == [pytest.approx(0.9)]


def test_one_box_stays_of_those_around_one_face() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [2, 2, 6, 6], [30, 30, 40, 40]], np.float32)
    assert suppress(boxes, np.array([0.8, 0.9, 0.7, 0.6], np.float32)).tolist() == [1, 3]


@pytest.mark.parametrize("name", PAINTINGS)
def test_the_face_of_a_painting(real: Path, name: str) -> None:
    faces = detect(load(real / name), "cpu")
    assert len(faces.scores) >= 1
    assert overlap(faces.boxes[0], np.array(PAINTINGS[name], float)) > 0.5
    right_eye, left_eye, nose, *mouth = faces.points5[0]
    assert right_eye[0] < left_eye[0] and right_eye[1] < nose[1] < mouth[0][1]


def test_a_turned_face(real: Path) -> None:
    picture = load(real / "painting_sargent.jpg")
    crop = Crop((372.0, 168.0), 300.0, np.radians(-40))
    turned = np.ascontiguousarray(sample_crop(picture, crop, 300).transpose(1, 2, 0))
    faces = detect(turned, "cpu")
    assert len(faces.scores) == 1
    eyes = faces.points5[0][1] - faces.points5[0][0]
    assert np.degrees(np.arctan2(eyes[1], eyes[0])) == pytest.approx(40, abs=12)


def test_many_small_faces(real: Path) -> None:
    face = load(real / "painting_sargent.jpg")[48:288, 252:492]
    small = np.asarray(letterbox(face, 80 / 240)[0, :, :80, :80]).transpose(1, 2, 0)
    wall = np.full((300, 600, 3), 0.4, np.float32)
    for k in range(10):
        y, x = 40 + 130 * (k // 5), 25 + 112 * (k % 5)
        wall[y : y + 80, x : x + 80] = small
    assert len(detect(wall, "cpu").scores) >= 9


@pytest.mark.parametrize("shape", [(2, 2), (1, 300), (240, 320)])
def test_nobody_is_found_in_an_empty_picture(shape: tuple[int, int]) -> None:
    faces = detect(np.full((*shape, 3), 0.3, np.float32), "cpu")
    assert faces.boxes.shape == (0, 4) and faces.points5.shape == (0, 5, 2) and len(faces.scores) == 0


def test_nobody_is_found_in_noise() -> None:
    noise = np.random.default_rng(0).random((240, 320, 3), dtype=np.float32)
    assert len(detect(noise, "cpu").scores) == 0


@pytest.mark.slow
@pytest.mark.shared
def test_a_face_that_no_level_shows_well_is_found_between_them(shared: Path) -> None:
    data = shared / "ict-facekit"
    if not data.is_dir():
        pytest.skip("the head data is not there")
    portrait = people.render(2, 495, load_anatomy(data), size=448)  # a top hat, glasses of which one is dark
    points = portrait.labels["points_px"]
    (box,) = detect(portrait.image.astype(np.float32) / 255).boxes
    assert overlap(box, np.r_[points.min(axis=0), points.max(axis=0)]) > 0.6
