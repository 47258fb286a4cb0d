"""What the effects draw looks as it did: pictures that were looked at lie beside this file.

Compared as an eye would: blurred by about what is lost at arm's length, by how far colors are apart
(CIEDE2000; 2 is just seen side by side, 10 at a glance). Packing the pictures makes 0.1 on average and 0.9 in
the worst thousandth; teeth, lips and their light mended a little made up to 0.1 and 3.2. A picture that is
meant to change is made anew by
`LIKENESS_RENEW=1 python build.py test tests/golden` and looked at before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from likeness.cli import main
from likeness.media import read_picture, rgb, write_image
from likeness.media.color import SRGB, first_known, from_linear
from likeness.media.image import Image
from likeness.performance import make, write_csv

color = pytest.importorskip("skimage.color", reason="scikit-image is an extra of the demo")

HERE = Path(__file__).parent
BLUR_PX = 1.5
LARGEST_PX = 512
MEAN, WORST = 0.8, 8.0  # of the whole picture, and of its worst thousandth

CURVES = {
    "smile": {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.4, "cheekSquintRight": 0.4},
    "speak": {"jawOpen": 0.5, "browInnerUp": 0.6},
    "blink": {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    "turn": {"mouthPucker": 0.5},
}
TURNED_DEG = 9.0
GAZE_RAD = 0.3

Picture = NDArray[np.float32]


def shown(path: Path) -> Picture:
    """A square picture (H, W, 3) as a screen shows it, sRGB in 0..1; a large one at half its size."""
    image = read_picture(path)
    picture = np.clip(from_linear(rgb(image), image.colorspace, first_known(SRGB)), 0, 1)
    half = len(picture) // 2
    large = half > LARGEST_PX // 2
    return picture.reshape(half, 2, half, 2, 3).mean(axis=(1, 3)) if large else picture


def apart(a: Picture, b: Picture) -> Picture:
    """How far apart (H, W) the colors are for an eye that does not look at single pixels."""
    labs = [ndimage.gaussian_filter(color.rgb2lab(each), (BLUR_PX, BLUR_PX, 0)) for each in (a, b)]
    return np.asarray(color.deltaE_ciede2000(*labs), np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The packaged portrait in four expressions, and what capture found in it."""
    from likeness import demo

    folder = tmp_path_factory.mktemp("golden")
    names = sorted({name for curve in CURVES.values() for name in curve})
    rows = {name: [0.0, *(curve.get(name, 0.0) for curve in CURVES.values())] for name in names}
    head, eyes = np.zeros((5, 3)), np.zeros((5, 2, 3))
    head[4, 0], eyes[4, :, 0] = np.radians(TURNED_DEG), -GAZE_RAD
    write_csv(folder / "take.csv", make(rows, head=head, eyes=eyes))
    words = ["--input", f"plate={demo.PORTRAIT}", "--input", f"driver={folder / 'take.csv'}"]
    words += ["--set", "neutral_frames=1", "--out", str(folder / "shot.####.exr")]
    assert main(["run", "reanimate", *words]) == 0
    captured = folder / "captured"
    assert main(["run", "capture", "--input", f"plate={demo.PORTRAIT}", "--out", str(captured)]) == 0
    pictures = {name: folder / f"shot.{i:04d}.exr" for i, name in enumerate(CURVES, 2)}
    return pictures | {"texture": captured / "texture.png"}


@pytest.mark.parametrize("name", [*CURVES, "texture"])
def test_it_looks_as_it_did(name: str, made: dict[str, Path]) -> None:
    picture, golden = shown(made[name]), HERE / f"{name}.jpg"
    if os.environ.get("LIKENESS_RENEW"):
        write_image(golden, Image(picture), colorspace=None)
    off = apart(picture, shown(golden))
    assert off.mean() < MEAN
    assert np.quantile(off, 0.999) < WORST


def test_another_picture_is_told(made: dict[str, Path]) -> None:
    """Another expression, a tint or a shift of a few pixels is no longer the same picture."""
    golden = shown(HERE / "speak.jpg")
    others = (
        shown(made["blink"]),
        shown(made["speak"]) * [1, 0.94, 1],
        np.roll(shown(made["speak"]), 2, axis=1),
    )
    for other in others:
        off = apart(other, golden)
        assert off.mean() > MEAN or np.quantile(off, 0.999) > WORST
