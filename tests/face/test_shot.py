"""A whole shot: one person, every frame, steady in time."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.fit import Fit, default_lens, rotation_vector
from likeness.face.landmarks import Points
from likeness.face.shot import (
    choose_keys,
    choose_typical,
    estimate_lens,
    fit_frames,
    solve_person,
    tie_frames,
)
from likeness.head.model import Head
from likeness.performance import ARKIT
from tests.face.conftest import SIZE, Scene, scene

JAW = ARKIT.index("jawOpen")


def shot_of(head: Head, frames: int, noise_px: float, still: bool = False) -> list[Scene]:
    identity = np.random.default_rng(9).normal(0, 0.7, len(head.point_identity))
    out = []
    for i in range(frames):
        phase = 0.0 if still else i / 6
        out.append(
            scene(
                head,
                seed=100 + i,
                noise_px=noise_px,
                identity=identity,
                turn_deg=(5 * np.sin(phase), 12 * np.sin(phase / 2), 0.0),
                jawOpen=0.3 + 0.3 * np.sin(phase),
            )
        )
    return out


def solved(head: Head, scenes: list[Scene]) -> list[Fit]:
    found: list[Points] = [s.points for s in scenes]
    person = solve_person(head, found, scenes[0].lens)
    runs = [(0, len(found))]
    return tie_frames(head, person, found, runs, fit_frames(head, person, found, runs))


def test_motion_is_followed(head: Head) -> None:
    scenes = shot_of(head, 24, noise_px=0.4)
    fits = solved(head, scenes)
    jaw = np.array([f.expression[JAW] for f in fits])
    truth = np.array([s.fit.expression[JAW] for s in scenes])
    assert np.abs((jaw - jaw.mean()) - (truth - truth.mean())).mean() < 0.05
    turn = [
        np.degrees(np.linalg.norm(rotation_vector(f.rotation @ s.fit.rotation.T)))
        for f, s in zip(fits, scenes, strict=True)
    ]
    assert np.median(turn) < 2.0


def test_a_still_face_is_steadier_than_its_points(head: Head) -> None:
    scenes = shot_of(head, 16, noise_px=1.0, still=True)
    fits = solved(head, scenes)
    place = np.stack([f.translation[:2] / f.translation[2] for f in fits]) * scenes[0].lens.focal_px
    assert np.diff(place, axis=0).std() < 0.25


def test_key_frames_differ_most(head: Head) -> None:
    scenes = shot_of(head, 24, noise_px=0.2)
    keys = choose_keys([s.points.xy for s in scenes], 5)
    assert len(keys) == 5
    assert len(set(keys)) == 5
    turns = [scenes[k].fit.rotation[0, 2] for k in keys]
    everything = [s.fit.rotation[0, 2] for s in scenes]
    assert np.ptp(turns) > 0.8 * np.ptp(everything)


def test_typical_frames_are_near_to_all_others(head: Head) -> None:
    places = [s.points.xy for s in shot_of(head, 24, noise_px=0.2)]

    shapes = np.stack([xy - xy.mean(axis=0) for xy in places])

    def away(chosen: list[int]) -> float:
        return float(np.mean([np.linalg.norm(shapes[chosen] - one, axis=(1, 2)).min() for one in shapes]))

    typical = choose_typical(places, 4)
    assert len(typical) == 4
    assert away(typical) < away(choose_keys(places, 4))


@pytest.mark.parametrize("focal_mm", [28.0, 50.0, 100.0])
def test_the_lens_is_told_by_a_turning_head(head: Head, focal_mm: float) -> None:
    rng = np.random.default_rng(5)
    identity = rng.normal(0, 0.7, len(head.point_identity))
    lens = default_lens(*SIZE, focal_mm)
    found = [
        scene(
            head,
            seed=i,
            noise_px=0.7,
            identity=identity,
            turn_deg=(3.0 * np.sin(i), 20 * np.cos(i), 2.0),
            lens=lens,
            jawOpen=0.2 * (i % 3),
        ).points
        for i in range(8)
    ]
    focal_px = estimate_lens(head, found, SIZE).focal_px
    assert focal_px == pytest.approx(lens.focal_px, rel=0.12)


def test_a_single_picture_is_taken_for_a_usual_lens(head: Head) -> None:
    found = scene(head, seed=3, noise_px=1.0, turn_deg=(0.0, 0.0, 0.0)).points
    usual = default_lens(*SIZE).focal_px
    assert 0.6 * usual < estimate_lens(head, [found], SIZE).focal_px < 1.7 * usual
