"""Lips' inner edges: where the picture shows them, not where they were found."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.lip_edges import LOWER, OVER, UNDER, UPPER, moved_lips
from likeness.head import points as dense
from likeness.head.model import Head
from likeness.media.look import Shown
from tests.face.conftest import SIZE, Scene, scene

SKIN, LIP, TEETH = (0.8, 0.6, 0.5), (0.75, 0.4, 0.4), (0.85, 0.8, 0.7)


def grin(head: Head, roll_deg: float = 0.0) -> Scene:
    return scene(head, seed=3, turn_deg=(0, 0, roll_deg), jawOpen=0.3, mouthUpperUp=0.5, mouthLowerDown=0.5)


def painted(at: Scene, inside: tuple[float, float, float]) -> np.ndarray:
    """The scene's lips (H, W, 3), and what is between them."""
    from skimage.draw import polygon2mask

    out = np.broadcast_to(np.array(SKIN, np.float32), (SIZE[1], SIZE[0], 3)).copy()
    for upper, lower, color in ((OVER, UNDER, LIP), (UPPER, LOWER, inside)):
        loop = at.points.xy[np.r_[upper, lower[::-1]]] - 0.5
        out[polygon2mask(out.shape[:2], loop[:, ::-1])] = color
    return out


def closer(at: Scene, share: float) -> np.ndarray:
    """The scene's points, its lips found too close by that share of their opening."""
    out = at.points.xy.copy()
    across = np.linspace(0, 1, len(UPPER))
    other = [np.interp(across, np.linspace(0, 1, len(LOWER)), out[LOWER, k]) for k in (0, 1)]
    gap = np.stack(other, 1) - out[UPPER]
    out[UPPER] += share * gap
    back = np.stack([np.interp(np.linspace(0, 1, len(LOWER)), across, gap[:, k]) for k in (0, 1)], 1)
    out[LOWER] -= share * back
    return out


def off(at: Scene, xy: np.ndarray) -> float:
    """How far the middles of both edges lie from the scene's, px."""
    return float(np.linalg.norm((xy - at.points.xy)[[62, 66]], axis=1).max())


@pytest.mark.parametrize("roll_deg", [0.0, 25.0, 170.0])
def test_lips_found_too_close_part_as_far_as_they_do(head: Head, roll_deg: float) -> None:
    at = grin(head, roll_deg)
    found = closer(at, 0.2)
    sigma = np.full(dense.COUNT, 0.5 * off(at, found) + 1)
    xy = moved_lips(Shown(painted(at, TEETH)), found, sigma)
    assert off(at, xy) < 0.45 * off(at, found)
    rest = np.delete(np.arange(dense.COUNT), np.r_[UPPER, LOWER])
    assert np.array_equal(xy[rest], found[rest])
    assert np.abs(xy - found)[[60, 64]].max() < 1e-6, "corners stay"


def test_where_nothing_tells_they_stay(head: Head) -> None:
    at, sigma = grin(head), np.full(dense.COUNT, 2.0)
    found = closer(at, 0.2)
    assert np.abs(moved_lips(Shown(painted(at, LIP)), found, sigma) - found).max() < 0.3
    shut = scene(head, seed=3)
    assert moved_lips(Shown(painted(shut, TEETH)), shut.points.xy, sigma) is shut.points.xy
