"""The head is drawn with an edge as soft as a pixel, however narrow it has become."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.compose import NO_SKIN, SQUEEZED, _head, compose
from likeness.face.cutout import Cutout
from likeness.face.part import Part
from tests.face.test_warp import spread

WIDE, EDGE = 96, 60.0


def drawn(scale: float, shift: float) -> np.ndarray:
    """The alpha of a row of which each pixel shows so many of a head's; its edge is one pixel wide there."""
    x = np.arange(WIDE, dtype=np.float32)
    alpha = np.clip(EDGE - x, 0, 1)
    layer = np.repeat(np.repeat(alpha[None, :, None], 5, axis=0), 4, axis=2)
    count = int(WIDE / scale) - 4
    here = np.arange(count, dtype=np.float32)
    dx = ((scale - 1) * here + shift).astype(np.float32)
    out, room = np.empty((count, 4), np.float32), np.empty((2, count), np.float32)
    share, still = np.ones(count, np.float32), np.zeros(count, np.float32)
    _head(2, 0, dx, still, share, layer, (*layer.shape[:2], 3), 0, 0, *room, out)
    return out[:, 3]


@pytest.mark.parametrize("scale", [2.0, 4.0])
def test_a_squeezed_edge_covers_as_much_as_it_reaches_into_a_pixel(scale: float) -> None:
    for shift in np.arange(0, scale, scale / 8):
        covered = float(drawn(scale, shift).sum())
        assert covered == pytest.approx((EDGE - 0.5 - shift) / scale + 0.5, abs=0.15), shift


def test_an_edge_that_is_not_squeezed_is_the_plates_own() -> None:
    assert SQUEEZED > 1.1
    alpha = drawn(1.0, 0.0)
    np.testing.assert_allclose(alpha, np.clip(EDGE - np.arange(len(alpha)), 0, 1), atol=1e-6)


def test_a_head_alone_has_a_matte_of_its_own() -> None:
    """Where the head went away there is background, which changed too."""
    plate = np.full((40, 60, 3), 0.8, np.float32)
    layer = np.zeros((40, 60, 4), np.float32)
    layer[:, 10:30] = [0.2, 0.1, 0.05, 0.5]
    cutout = Cutout((0, 0), layer, plate, (0, 0, 60, 40))
    own = layer[..., :3] + (1 - layer[..., 3:]) * plate
    everywhere = np.array([[-1, -1, 9], [9999, -1, 9], [-1, 9999, 9]], np.float32)
    field = spread(everywhere, [-15, 0, 0, 0, 0], (40, 60), reach=1)
    canvas, other = own.copy(), own.copy()
    matte = compose(own, cutout, field, (0, 0), canvas, alone=True)[0]
    changed = compose(own, cutout, field, (0, 0), other)[0]
    assert np.array_equal(canvas, other)
    assert (changed[:, 12:43] == 1).all()
    np.testing.assert_allclose(matte[:, 27:43], 0.5, atol=1e-6)
    assert not matte[:, :23].any()


def test_what_comes_into_sight_is_before_what_the_old_background_tinted() -> None:
    """A mixed edge has the hue of what was behind it: before dark hair, that was a rainbow."""
    plate = np.full((40, 60, 3), 0.8, np.float32)
    layer = np.zeros((40, 60, 4), np.float32)
    layer[:, :20], layer[:, 20:30] = [0.1, 0.1, 0.1, 1], [0.0, 0.3, 0.0, 0.4]
    cutout = Cutout((0, 0), layer, plate, (0, 0, 60, 40))
    everywhere = np.array([[-1, -1, 9], [9999, -1, 9], [-1, 9999, 9]], np.float32)
    field = spread(everywhere, [-5, 0, 0, 0, 0], (40, 60), reach=1)
    hair = np.array([0.05, 0.04, 0.03, 1], np.float32)
    laid = Part((slice(0, 40), slice(0, 60)), np.tile(hair, (40, 60, 1)))
    plain, over = (np.empty_like(plate) for _ in range(2))
    for canvas, skin in ((plain, NO_SKIN), (over, laid)):
        canvas[:] = layer[..., :3] + (1 - layer[..., 3:]) * plate
        compose(plate, cutout, field, (0, 0), canvas, skin=skin)
    np.testing.assert_allclose(plain[20, 30], [0.48, 0.78, 0.48], atol=1e-5)
    np.testing.assert_allclose(over[20, 30], hair[:3], atol=1e-6)
    np.testing.assert_allclose(over[20, 15], 0.1, atol=1e-6)
