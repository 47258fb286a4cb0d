"""A whole shot: one person, every frame, steady in time."""

from __future__ import annotations

import numpy as np

from likeness.face.fit import Fit, rotation_vector
from likeness.face.landmarks import Points
from likeness.face.shot import choose_keys, solve_frames, solve_person
from likeness.head.model import Head
from likeness.performance import ARKIT
from tests.face.conftest import Scene, scene

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
    return solve_frames(head, person, found, [(0, len(found))])


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
    keys = choose_keys([s.points for s in scenes], 5)
    assert len(keys) == 5
    assert len(set(keys)) == 5
    turns = [scenes[k].fit.rotation[0, 2] for k in keys]
    everything = [s.fit.rotation[0, 2] for s in scenes]
    assert np.ptp(turns) > 0.8 * np.ptp(everything)
