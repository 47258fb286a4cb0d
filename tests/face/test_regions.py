"""The parts of a face as soft regions, in the crop and at the picture's own resolution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness.face.landmarks import Crop
from likeness.face.regions import REGIONS, Regions, segment

FACE = Crop((372.0, 168.0), 215.0, 0.0)
NAME = {name: k for k, name in enumerate(REGIONS)}


@pytest.fixture(scope="module")
def sargent(real: Path) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(real / "painting_sargent.jpg").convert("RGB"), np.float32) / 255


@pytest.fixture(scope="module")
def found(sargent: np.ndarray) -> Regions:
    return segment(sargent, FACE, "cpu")


def flat(region: str, crop: Crop, half: float = 0.0) -> Regions:
    """One region all over the crop, or its right half from the column `half` of 0..1 on."""
    alpha = np.zeros((96, 96, len(REGIONS)), np.float32)
    column = np.arange(96) / 96 >= half
    alpha[..., NAME[region]] = column
    alpha[..., 0] = ~column
    return Regions(alpha, np.zeros_like(alpha), alpha, crop)


def test_every_cell_sums_to_one(found: Regions) -> None:
    assert found.alpha.shape == (128, 128, 12)
    assert found.alpha.sum(2) == pytest.approx(np.ones((128, 128)), abs=1e-4)


def test_a_painted_face_has_its_parts_in_place(sargent: np.ndarray, found: Regions) -> None:
    alpha = found.in_picture((260, 50, 490, 280), sargent)
    assert alpha[171 - 50, 331 - 260, NAME["skin"]] > 0.5, "the cheek"
    assert alpha[90 - 50, 395 - 260, NAME["hair"]] > 0.5, "the side of the head"
    assert alpha[130 - 50, 462 - 260, NAME["background"]] > 0.5, "the wall"
    assert alpha[190 - 50 : 205 - 50, 350 - 260 : 375 - 260, NAME["lips"]].max() > 0.5
    assert alpha[135 - 50 : 145 - 50, 325 - 260 : 400 - 260, NAME["eye"]].max() > 0.5


def test_pixels_outside_of_the_crop_are_background() -> None:
    regions = flat("skin", Crop((50.0, 50.0), 40.0, 0.0))
    alpha = regions.in_picture((0, 0, 100, 100))
    assert alpha[50, 50, NAME["skin"]] == pytest.approx(1, abs=1e-4)
    assert alpha[5, 5, NAME["background"]] == 1
    assert alpha.sum(2) == pytest.approx(np.ones((100, 100)), abs=1e-3)


def test_a_turned_crop_lies_turned_in_the_picture() -> None:
    regions = flat("skin", Crop((50.0, 50.0), 60.0, np.pi / 2), half=0.5)
    alpha = regions.in_picture((0, 0, 100, 100))[..., NAME["skin"]]
    assert alpha[70, 50] > 0.99 and alpha[30, 50] < 0.01


def test_a_region_of_interest_is_a_part_of_the_whole(sargent: np.ndarray, found: Regions) -> None:
    whole = found.in_picture((260, 60, 490, 280), sargent)
    part = found.in_picture((320, 120, 360, 140), sargent)
    assert part == pytest.approx(whole[60:80, 60:100], abs=1e-4)


def test_some_regions_are_those_of_all(sargent: np.ndarray, found: Regions) -> None:
    box = (260, 60, 490, 280)
    some = found.in_picture(box, sargent, ["hair", "skin"])
    assert (some == found.in_picture(box, sargent)[..., [NAME["hair"], NAME["skin"]]]).all()


def test_the_frame_before_steadies_what_did_not_change(sargent: np.ndarray, found: Regions) -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, sargent.shape).astype(np.float32)
    noisy = np.clip(sargent + noise, 0, 1)
    alone = segment(noisy, FACE, "cpu")
    steadied = segment(noisy, FACE, "cpu", before=found)
    change = np.abs(alone.alpha - found.alpha).mean()
    assert np.abs(steadied.alpha - found.alpha).mean() < 0.85 * change


def test_what_changed_is_not_held_back(found: Regions, sargent: np.ndarray) -> None:
    black = np.zeros_like(sargent)
    fresh = segment(black, FACE, "cpu")
    after = segment(black, FACE, "cpu", before=found)
    changed = np.abs(fresh.alpha - found.alpha).max(2) > 0.5
    assert changed.any()
    assert after.alpha[changed] == pytest.approx(fresh.alpha[changed], abs=1e-6)
