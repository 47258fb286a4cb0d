"""The far side of a still's turned head comes out of its mirror image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bench.pictures import srgb
from bench.portraits import drawn, head_turned, sitter
from likeness.cli import main
from likeness.face.fit import Fit
from likeness.face.mirror import (
    HIDDEN_CM,
    TWIN_SHAPE,
    _aside,
    _cut,
    _own_color,
    _solid,
    comes,
    far_side,
    mirrored,
    toward,
)
from likeness.human.portrait import View
from likeness.media import open_source
from likeness.performance import ARKIT, make, rotations, write_csv

SIZE, TURN_DEG = 256, 18.0


def fit(yaw_deg: float, pitch_deg: float = 0.0) -> Fit:
    """A head before the camera that looks to the picture's right by so much."""
    flip = np.diag([1.0, -1.0, -1.0])
    turn = rotations(np.radians([yaw_deg, pitch_deg, 0.0]))
    weights = np.linspace(0, 1, len(ARKIT))
    return Fit(flip @ turn, np.array([3.0, 2.0, 80.0]), weights, np.array([[0.1, 0.2], [0.3, 0.4]]))


def test_the_image_of_an_image_is_the_head() -> None:
    one = fit(20, 5)
    again = mirrored(mirrored(one))
    for name in ("rotation", "translation", "expression", "gaze"):
        np.testing.assert_allclose(getattr(again, name), getattr(one, name))
    assert ARKIT[TWIN_SHAPE[ARKIT.index("eyeBlinkLeft")]] == "eyeBlinkRight"
    assert ARKIT[TWIN_SHAPE[ARKIT.index("jawOpen")]] == "jawOpen"
    np.testing.assert_allclose(mirrored(fit(20)).rotation, fit(-20).rotation)


@pytest.mark.parametrize(
    ("at_deg", "to_deg", "wanted"),
    [(20, 10, True), (-20, -10, True), (20, 30, False), (-20, -30, False), (1, -9, False), (40, 20, False)],
)
def test_it_is_seen_where_a_head_turns_toward_the_camera(at_deg: float, to_deg: float, wanted: bool) -> None:
    straight = [replace(fit(at), translation=np.array([0.0, 0.0, 80.0])) for at in (at_deg, to_deg)]
    assert comes(*straight) == wanted


def test_the_far_side_is_that_to_which_the_head_looks() -> None:
    """A head that looks to the picture's right shows its right side, which is on the picture's left."""
    straight = replace(fit(20), translation=np.array([0.0, 0.0, 80.0]))
    assert toward(straight)[0] < 0
    assert far_side(straight) == 1
    assert far_side(mirrored(straight)) == -1


def test_it_hides_behind_a_head_that_has_not_turned() -> None:
    own = replace(fit(20), translation=np.array([0.0, 0.0, 80.0]))
    ways = [_aside(own, fit(to)).translation[0] - fit(to).translation[0] for to in (20, 19, 14, 2)]
    assert abs(ways[0] + HIDDEN_CM) < 0.6  # nearly all of the way, away from its own far side
    assert ways == sorted(ways)
    assert abs(ways[-1]) < 0.01


def test_of_what_was_drawn_the_head_alone_lies_behind() -> None:
    """Where the image had gone away, its background covered the head's own hair."""
    drawn, plate = np.full((1, 4, 3), 0.8, np.float32), np.full((1, 4, 3), 0.8, np.float32)
    drawn[0, 1:3] = [[0.2] * 3, [0.5] * 3]
    matte = np.array([[0, 1, 0.5, 0]], np.float32)
    out, clean = np.zeros((1, 4, 4), np.float32), np.full((1, 1, 3), 0.6, np.float32)
    _cut(0, 1, drawn, matte, plate, clean, -2, 0, 0.0, 0.0, 1.0, out)
    np.testing.assert_allclose(out[0, :, 3], matte[0])
    np.testing.assert_allclose(out[0, :, 0], [0, 0.2, 0.5 - 0.5 * 0.6, 0], atol=1e-6)


def test_its_mixed_edge_has_the_color_of_what_is_whole_beside() -> None:
    """What a mixture is less its background can be of any hue; elsewhere it was seen."""
    layer = np.zeros((12, 40, 4), np.float32)
    layer[:, :20], layer[:, 20:24] = [0.2, 0.1, 0.05, 1], [0.0, 0.4, 0.3, 0.3]
    layer[3, 3, 0] = np.nan
    made = _own_color(layer)
    np.testing.assert_allclose(
        made[:, 20:24], np.broadcast_to([0.06, 0.03, 0.015, 0.3], (12, 4, 4)), rtol=1e-3
    )
    assert np.array_equal(made[4:, :20], layer[4:, :20])
    assert not made[:, 24:].any()
    assert np.isfinite(made).all()


def test_trees_that_pass_for_stray_hairs_have_no_image() -> None:
    alpha = np.zeros((60, 80), np.float32)
    alpha[10:50, 10:40] = 1
    trees = np.zeros_like(alpha, bool)
    trees[10:50, 46:76] = np.random.default_rng(5).random((40, 30)) < 0.5
    alpha[trees] = 1
    kept = _solid(alpha)
    assert (kept[12:48, 12:38] > 0.95).all()
    assert kept[trees].mean() < 0.05


@pytest.fixture(scope="module")
def turns(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], np.ndarray]:
    """A rendered person that is turned toward the camera, with `far_side` as asked for; and the truth."""
    folder = tmp_path_factory.mktemp("turns")
    who = sitter({"seed": 11, "style": "crop"})
    turn = rotations(np.radians([TURN_DEG, 0, 0]))
    made = {"truth": drawn(head_turned(who, turn), View(20.0), SIZE)}
    from PIL import Image

    plate = folder / "plate.png"
    Image.fromarray(np.round(255 * drawn(who, View(20.0), SIZE)).astype(np.uint8)).save(plate)
    take = folder / "take.csv"
    write_csv(take, make({"jawOpen": [0, 0]}, head=np.radians([[0, 0, 0], [TURN_DEG, 0, 0]])))

    def shown(far_side: str) -> np.ndarray:
        if far_side not in made:
            out = folder / f"{far_side}.####.exr"
            words = ["run", "reanimate", "--input", f"plate={plate}", "--input", f"driver={take}"]
            words += ["--out", str(out), "--frames", "2-2", "--set", f"far_side={far_side}"]
            words += ["--set", "neutral_frames=1", "--set", "head_position=0", "--set", "layers=comp"]
            assert main(words) == 0
            made[far_side] = srgb(open_source(out), 2)
        return made[far_side]

    return shown


def test_the_far_ear_comes_into_sight(turns: Callable[[str], np.ndarray]) -> None:
    truth, plain, image = (turns(name) for name in ("truth", "false", "true"))
    wall = np.median(truth[:40, :40], axis=(0, 1))

    def covered(picture: np.ndarray) -> np.ndarray:
        """Where, between forehead and chin, the picture's left half shows no wall."""
        return np.asarray(np.abs(picture[90:190, : SIZE // 2] - wall).max(axis=2) > 0.06)

    far = covered(truth) & ~covered(plain)
    assert far.sum() > 60  # ear and hair
    assert covered(image)[far].mean() > 0.5
    false_alarm = covered(image) & ~covered(truth) & ~covered(plain)
    assert false_alarm.sum() < 0.5 * far.sum()


def test_with_its_far_side_a_head_is_nearer_the_truth(turns: Callable[[str], np.ndarray]) -> None:
    truth, plain, image = (turns(name) for name in ("truth", "false", "true"))
    assert ((image - truth) ** 2).mean() < 0.9 * ((plain - truth) ** 2).mean()
