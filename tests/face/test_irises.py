"""Irises: where the picture shows them, not where they were found."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.irises import IRISES, moved_irises
from likeness.head import points as dense
from likeness.head.model import Head
from likeness.media.look import Shown
from tests.face.conftest import SIZE, Scene, scene


def painted(at: Scene) -> np.ndarray:
    """A gray picture (H, W, 3) of the scene's eyes alone: bright between the lids, irises dark."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    out = np.full((SIZE[1], SIZE[0]), 0.5)
    for side, iris in IRISES.items():
        upper, lower = (at.points.xy[dense.GROUPS[f"lid_{side}_{edge}"]] for edge in ("upper", "lower"))
        above, below = (np.interp(x, *line[np.argsort(line[:, 0])].T) for line in (upper, lower))
        span = (x > upper[:, 0].min()) & (x < upper[:, 0].max())
        disk = at.points.xy[iris : iris + 1 + dense.RIM_COUNT]
        radius = np.hypot(*(disk[1:] - disk[0]).T).mean()
        dark = np.hypot(x - disk[0, 0], y - disk[0, 1]) < radius
        open_ = span & (y > above) & (y < below)
        out[open_] = np.where(dark, 0.15, 0.8)[open_]
    return np.repeat(out[..., None], 3, axis=2).astype(np.float32)


def off_by(at: Scene, xy: np.ndarray) -> np.ndarray:
    """How far (2,) irises lie from the scene's, px."""
    return np.linalg.norm((xy - at.points.xy)[list(IRISES.values())], axis=1)


@pytest.mark.parametrize("yaw", [-20.0, 0.0, 20.0])
def test_irises_found_too_near_the_middle_go_where_they_are(head: Head, yaw: float) -> None:
    at = scene(head, seed=3, turn_deg=(0.0, 5.0, 4.0), gaze_deg=(yaw, 0.0))
    ahead = scene(head, seed=3, turn_deg=(0.0, 5.0, 4.0), gaze_deg=(0.4 * yaw, 0.0))
    many = np.ones(dense.COUNT)
    xy = moved_irises(Shown(painted(at)), ahead.points.xy, 4 * many, many)
    assert off_by(at, xy).max() < max(0.35 * off_by(at, ahead.points.xy).max(), 0.6)
    rest = np.delete(np.arange(dense.COUNT), np.r_[dense.SKIN_COUNT : dense.COUNT])
    assert np.array_equal(xy[rest], ahead.points.xy[rest])


def test_they_move_along_the_eye_alone(head: Head) -> None:
    # Across it lids hide and shade an iris: how high it stands is the network's to say.
    at = scene(head, seed=3, gaze_deg=(15.0, 8.0))
    lower = scene(head, seed=3, gaze_deg=(6.0, 0.0))
    many = np.ones(dense.COUNT)
    xy = moved_irises(Shown(painted(at)), lower.points.xy, 4 * many, many)
    for side, iris in IRISES.items():
        upper = lower.points.xy[dense.GROUPS[f"lid_{side}_upper"]]
        along = (upper[-1] - upper[0]) / np.linalg.norm(upper[-1] - upper[0])
        way = xy[iris] - lower.points.xy[iris]
        assert np.linalg.norm(way) > 1.0
        assert abs(way @ [-along[1], along[0]]) < 1e-6


def test_where_nothing_is_seen_they_stay(head: Head) -> None:
    at = scene(head, seed=3)
    many = np.ones(dense.COUNT)
    flat = np.full((SIZE[1], SIZE[0], 3), 0.5, np.float32)
    assert off_by(at, moved_irises(Shown(flat), at.points.xy, 4 * many, many)).max() < 0.1
    shut = scene(head, seed=3, eyeBlink=1.0)
    assert off_by(shut, moved_irises(Shown(painted(shut)), shut.points.xy, 4 * many, many)).max() < 1.0
