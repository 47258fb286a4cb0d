"""Glasses are lifted off a face and laid over it again: they keep their shape and go with the head."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face import glasses
from likeness.face.glasses import Glasses
from likeness.head import points as dense

FRAME = (0.08, 0.06, 0.05)
STILL = np.eye(2, 3, dtype=np.float32)


@pytest.fixture(scope="module")
def frame(shown: np.ndarray, found: dict[str, np.ndarray]) -> np.ndarray:
    """Where round glasses are worn (H, W)."""
    points = found["points"][0]
    apart = np.linalg.norm(points[36] - points[45])
    y, x = np.mgrid[: shown.shape[0], : shown.shape[1]] + 0.5
    out = (np.abs(y - points[27, 1]) < 0.02 * apart) & (np.abs(x - points[27, 0]) < 0.07 * apart)
    for side in ("left", "right"):
        lids = np.concatenate([points[dense.GROUPS[f"lid_{side}_{edge}"]] for edge in ("upper", "lower")])
        middle = lids.mean(axis=0) + np.array([0, 0.04 * apart])
        round_ = np.hypot((x - middle[0]) / (0.25 * apart), (y - middle[1]) / (0.2 * apart))
        out |= np.abs(round_ - 1) < 0.08
    return out


@pytest.fixture(scope="module")
def worn(
    shown: np.ndarray, frame: np.ndarray, found: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, Glasses]:
    """A plate with glasses, the same without, and the glasses."""
    picture = np.where(frame[..., None], np.float32(FRAME), shown).astype(np.float32)
    plate, points = (picture**2.2).astype(np.float32), found["points"][0]
    sure = glasses.worn(lambda: [(picture, points)])
    assert sure == 1
    bare, taken = glasses.take_off(plate, picture, sure, points)
    assert taken is not None
    return plate, bare, taken


def test_a_face_without_them_stays_as_it_is(shown: np.ndarray, found: dict[str, np.ndarray]) -> None:
    points = found["points"][0]
    assert glasses.worn(lambda: [(shown, points)]) == 0
    plate, taken = glasses.take_off(shown, shown, 0.0, points)
    assert plate is shown and taken is None


def test_skin_is_put_below_them(
    worn: tuple[np.ndarray, np.ndarray, Glasses], frame: np.ndarray, found: dict[str, np.ndarray]
) -> None:
    plate, bare, _ = worn
    cheeks = frame & (np.arange(len(frame))[:, None] > found["points"][0][36:48, 1].max() + 3)
    assert plate[cheeks].mean() < 0.1
    assert np.median(bare[cheeks][:, 0]) > 0.2
    beside = np.r_[0:70, 130 : len(plate)]
    assert (bare[beside] == plate[beside]).all()


def test_laid_where_they_were_they_are_the_plate(worn: tuple[np.ndarray, np.ndarray, Glasses]) -> None:
    plate, bare, taken = worn
    color, matte = bare.copy(), np.zeros(bare.shape[:2], np.float32)
    glasses.lay(taken, STILL, (0, 0), color, matte)
    np.testing.assert_allclose(color, plate, atol=1e-5)
    assert not matte.any()


def test_they_go_with_the_head(worn: tuple[np.ndarray, np.ndarray, Glasses], frame: np.ndarray) -> None:
    _, bare, taken = worn
    back = STILL + np.array([[0, 0, -4], [0, 0, -3]], np.float32)  # the head goes 4 right and 3 down
    color, matte = bare[20:].copy(), np.zeros(bare[20:].shape[:2], np.float32)
    glasses.lay(taken, back, (0, 20), color, matte)
    moved = np.roll(frame, (3, 4), (0, 1))[20:]
    before, after = (np.abs(color - bare[20:]).mean(axis=2)[where].mean() for where in (frame[20:], moved))
    assert after > 2 * before
    assert matte[moved].mean() > 0.5 and matte.mean() < 0.1
