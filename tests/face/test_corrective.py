"""Correctives: what skin does that no shape of the head says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face.align import OPENING
from likeness.face.corrective import correctives, strengths
from likeness.face.fit import SKIN, Shot
from likeness.face.retarget import region_gains
from likeness.head import points as dense
from likeness.head.model import Head
from likeness.performance import ARKIT
from tests.face.conftest import Scene, scene

FRAMES = 7
BULGE_CM = np.array([0.2, 0.1])


@pytest.fixture(scope="module")
def still(head: Head) -> Scene:
    return scene(head, 3, noise_px=0.0, turn_deg=(0, 0, 0))


def found_beside(head: Head, at: Scene, shifts_px: np.ndarray) -> np.ndarray:
    """The correctives of frames whose skin lies beside the truth by `shifts_px` (F, SKIN_COUNT, 2)."""
    rest = head.point_mean + np.tensordot(at.identity, head.point_identity, 1)
    shot = Shot(at.lens, at.identity, np.zeros_like(rest), rest)
    found = []
    for shift in shifts_px:
        xy = at.points.xy.copy()
        xy[SKIN] += shift
        found.append(replace(at.points, xy=xy))
    return correctives(head, shot, found, [(0, len(found))], [at.fit] * len(found))


def bulge(head: Head, at: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Which points lie on the left cheek, and where all go in pixels when it bulges."""
    points = head.point_mean[SKIN]
    middle = np.array([4.0, -1.5])
    near = np.flatnonzero(np.linalg.norm(points[:, :2] - middle, axis=1) < 2.0)
    assert len(near) > 5
    shift = np.zeros((dense.SKIN_COUNT, 2))
    shift[near] = BULGE_CM * [1, -1] * at.lens.focal_px / at.fit.translation[2]  # pixels have y down
    return near, shift


def test_a_cheek_that_bulges_more_than_its_shapes_say_is_found(head: Head, still: Scene) -> None:
    near, shift = bulge(head, still)
    off = found_beside(head, still, np.tile(shift, (FRAMES, 1, 1)))
    assert np.median(off[:, near], axis=(0, 1))[:2] == pytest.approx(0.8 * BULGE_CM, rel=0.25)
    away = np.linalg.norm(head.point_mean[SKIN] - head.point_mean[near].mean(axis=0), axis=1) > 5
    assert np.abs(off[:, away]).max() < 0.01


def test_noise_that_no_neighbor_has_is_mostly_left_out(head: Head, still: Scene) -> None:
    noise = np.random.default_rng(0).normal(size=(FRAMES, dense.SKIN_COUNT, 2))
    off = found_beside(head, still, noise) * still.lens.focal_px / still.fit.translation[2]
    assert 0 < np.sqrt((off[..., :2] ** 2).mean()) < 0.4


def test_the_edges_of_lids_and_lips_tell_nothing(head: Head, still: Scene) -> None:
    shift = np.zeros((FRAMES, dense.SKIN_COUNT, 2))
    shift[:, OPENING] = 5
    assert np.abs(found_beside(head, still, shift)).max() < 0.02


def test_a_lonely_frame_has_none(head: Head, still: Scene) -> None:
    _, shift = bulge(head, still)
    assert not found_beside(head, still, shift[None]).any()


def test_the_strength_of_a_region_is_that_of_the_skin_it_moves(head: Head) -> None:
    assert strengths(head, np.ones(len(ARKIT))) == pytest.approx(1.0)
    gains = region_gains({"strength": 1.0, "strength_brows": 0.0})
    weaker = strengths(head, gains)[:, 0]
    brows = np.concatenate([dense.GROUPS["brow_left"], dense.GROUPS["brow_right"]])
    assert weaker[brows].mean() < 0.6
    assert weaker[8] > 0.97
