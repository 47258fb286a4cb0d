"""Closed teeth behind parted lips: seen in the picture, where points hardly tell."""

from __future__ import annotations

import numpy as np

from likeness.face.clench import LOWER, UPPER, clenched
from likeness.head.model import Head
from likeness.media.look import Shown
from tests.face.conftest import SIZE, Scene, scene

SKIN, LIP, TOOTH, CAVITY = (0.7, 0.5, 0.4), (0.65, 0.4, 0.4), (0.85, 0.8, 0.7), (0.3, 0.12, 0.1)


def painted(at: Scene, gap: float) -> np.ndarray:
    """A picture (H, W, 3) of the scene's mouth: teeth from lip to lip but for a `gap`, of the opening."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    upper, lower = (at.points.xy[ids] for ids in (UPPER, LOWER))
    above, below = (np.interp(x, *line[np.argsort(line[:, 0])].T) for line in (upper, lower))
    within = (x > upper[:, 0].min()) & (x < upper[:, 0].max())
    out = np.tile(np.array(SKIN, np.float32), (SIZE[1], SIZE[0], 1))
    out[within & (y > above - 12) & (y < below + 12)] = LIP
    place = (y - above) / np.maximum(below - above, 1e-3)
    open_ = within & (place > 0) & (place < 1)
    out[open_] = TOOTH
    out[open_ & (np.abs(place - 0.55) < gap / 2)] = CAVITY
    return out


def test_teeth_from_lip_to_lip_are_closed_ones(head: Head) -> None:
    grin = scene(head, 5, mouthUpperUp=0.7, mouthLowerDown=0.9, mouthStretch=0.4)
    assert clenched(Shown(painted(grin, 0.05)), grin.points.xy) > 0.9
    assert clenched(Shown(painted(grin, 0.5)), grin.points.xy) == 0


def test_lips_that_hardly_part_and_a_dark_mouth_tell_nothing(head: Head) -> None:
    closed, wide = scene(head, 5), scene(head, 5, jawOpen=0.6)
    assert clenched(Shown(painted(closed, 0.0)), closed.points.xy) == 0
    assert clenched(Shown(painted(wide, 2.0)), wide.points.xy) == 0
