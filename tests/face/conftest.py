"""A head in front of a camera, with known truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from skimage import data

from likeness.face.findings import find
from likeness.face.fit import HEAD_TO_CAMERA, Fit, Lens, default_lens, project, rotation_matrix
from likeness.face.landmarks import Points
from likeness.head.model import Head, load_head
from likeness.media.look import Look, Shown
from likeness.performance import ARKIT

SIZE = (640, 480)


@dataclass
class Scene:
    """Known truth and the points that a perfect (or noisy) tracker would find."""

    lens: Lens
    identity: np.ndarray
    fit: Fit
    points: Points


@pytest.fixture(scope="session")
def head() -> Head:
    return load_head()


def expression(**weights: float) -> np.ndarray:
    """Weights (52,) by ARKit name; a name without its side sets both."""
    out = np.zeros(len(ARKIT))
    for name, value in weights.items():
        for full in (name, f"{name}Left", f"{name}Right"):
            if full in ARKIT:
                out[ARKIT.index(full)] = value
    return out


def scene(
    head: Head,
    seed: int = 0,
    noise_px: float = 0.0,
    turn_deg: tuple[float, float, float] = (10.0, -15.0, 5.0),
    gaze_deg: tuple[float, float] = (8.0, -4.0),
    identity: np.ndarray | None = None,
    lens: Lens | None = None,
    **weights: float,
) -> Scene:
    """A head turned by (pitch, yaw, roll), as large in every lens as at 60 cm in the default one."""
    rng = np.random.default_rng(seed)
    if identity is None:
        identity = rng.normal(0, 0.8, len(head.point_identity))
    rotation = HEAD_TO_CAMERA @ rotation_matrix(np.radians(turn_deg))
    gaze = np.radians(np.tile(gaze_deg, (2, 1)))
    lens = lens or default_lens(*SIZE)
    away = 60.0 * lens.focal_px / default_lens(*SIZE).focal_px
    fit = Fit(rotation, np.array([2.0, -1.0, away]), expression(**weights), gaze)
    local = head.points(identity, fit.expression, gaze)
    camera = local @ rotation.T + fit.translation
    xy = project(camera, lens) + rng.normal(0, max(noise_px, 1e-9), (len(local), 2))
    away = camera[:, 2] - camera[:68, 2].mean()
    z = away * lens.focal_px / camera[:68, 2].mean()
    many = np.ones(len(local))
    return Scene(lens, identity, fit, Points(xy, z, many * max(noise_px, 0.5), many, 1.0))


class One:
    """One picture as a source."""

    frames = (1,)

    def __init__(self, picture: np.ndarray) -> None:
        self._picture = picture

    def look(self, frame: int) -> Look:
        return Shown(self._picture)


@pytest.fixture(scope="session")
def shown() -> np.ndarray:
    """A photograph of a face, as it is shown."""
    return np.ascontiguousarray(data.astronaut()[:300], np.float32) / 255


@pytest.fixture(scope="session")
def found(shown: np.ndarray) -> dict[str, np.ndarray]:
    """The face in it."""
    size = (shown.shape[1], shown.shape[0])
    return find(
        One(shown), [1], size, choose="largest", index=0, focal_mm=50.0, device="cpu",
        check=lambda: None, tell=lambda done, total: None,
    )  # fmt: skip
