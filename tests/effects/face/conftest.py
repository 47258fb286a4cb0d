"""A portrait, a performance, and the command line that effects are run by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from likeness.cli import main
from likeness.media import write_image
from likeness.media.image import Image
from likeness.performance import make, write_csv

Run = Callable[..., int]


@pytest.fixture(scope="session")
def portrait_pixels() -> np.ndarray:
    """The astronaut of scikit-image at half size (256, 256, 3), scene-linear float32."""
    data = pytest.importorskip("skimage.data", reason="scikit-image is an extra of the demo")
    encoded = data.astronaut().astype(np.float32) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return linear.reshape(256, 2, 256, 2, 3).mean(axis=(1, 3)).astype(np.float32)


@pytest.fixture(scope="session")
def portrait(portrait_pixels: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portrait as a half EXR with alpha, a depth channel and a data window inside its display window."""
    path = tmp_path_factory.mktemp("plate") / "portrait.exr"
    depth = np.linspace(1, 9, 256 * 256, dtype=np.float32).reshape(256, 256, 1)
    pixels = np.concatenate([portrait_pixels, np.ones_like(depth), depth], axis=2)
    image = Image(
        pixels, ("R", "G", "B", "A", "Z"), display=(0, 0, 256, 256), formats=("half",) * 4 + ("float",)
    )
    write_image(path, image)
    return path


@pytest.fixture(scope="session")
def standing(portrait_pixels: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A standing camera's clip, float EXR: the portrait's head here and there, in more and less light.

    Behind it are a lamp, one beyond what half floats hold, and pixels that are none.
    """
    folder = tmp_path_factory.mktemp("standing")
    row, column = np.mgrid[:256, :256]
    alpha = np.clip(4 * (1 - np.hypot((column - 112) / 38, (row - 54) / 54)), 0, 1)[..., None]
    wall = np.random.default_rng(3).uniform(0.2, 0.8, (32, 32, 3)).repeat(8, 0).repeat(8, 1)
    wall[20:28, 74:80], wall[20:28, 152:158], wall[60:66, 156:158] = 64000, 90000, [np.nan, np.inf, -np.inf]
    for frame, way in enumerate((0, 24, -10, -30), 1):
        behind, head = (1 + way / 300) * wall, np.roll(alpha, way, axis=1)
        mixed = np.where(head > 0, np.minimum(behind, 1), behind)  # lamps do not shine through a soft edge
        picture = np.where(head < 1, mixed, 0) * (1 - head) + np.roll(portrait_pixels, way, axis=1) * head
        image = Image(picture.astype(np.float32), formats=("float",) * 3)
        write_image(folder / f"plate.{frame:04d}.exr", image)
    return folder / "plate.####.exr"


@pytest.fixture(scope="session")
def performance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three frames: at rest, jaw open, eyes shut and head turned."""
    path = tmp_path_factory.mktemp("driver") / "take.csv"
    curves = {"jawOpen": [0, 0.5, 0.0], "eyeBlinkLeft": [0, 0, 1.0], "eyeBlinkRight": [0, 0, 1.0]}
    head = np.radians([[0, 0, 0], [0, 0, 0], [8, 0, 0]])
    write_csv(path, make(curves, fps=25, head=head))
    return path


@pytest.fixture
def likeness(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line; the words are those of the shell."""

    def run(*words: object) -> int:
        capfd.readouterr()
        return main([str(word) for word in words])

    return run
