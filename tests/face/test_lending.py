"""Lending: a reference is laid onto the plate before it lends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from likeness.face.lending import laid, refer
from likeness.face.taken import take
from likeness.head.model import Head
from tests.face.test_reenact import Stage

CHEEKS_AND_NOSE = [2, 4, 12, 14, 30, 33]


@pytest.mark.parametrize("off_px", [(0.0, 0.0), (5.0, -3.0)])
def test_a_reference_that_lies_beside_the_plate_is_laid_onto_it(
    head: Head, off_px: tuple[float, float]
) -> None:
    stage = Stage(head)
    rng = np.random.default_rng(0)
    spots = sum(s * ndimage.gaussian_filter(rng.normal(size=stage.plate.shape[:2]), s) for s in (2, 4, 8))
    skin = (0.3 + 0.15 * spots / np.abs(spots).max()).astype(np.float32)
    plate = np.repeat(skin[..., None], 3, axis=2)
    other = ndimage.shift(plate, (*off_px[::-1], 0), order=1, mode="nearest")
    reference = refer(
        stage.rig, other, stage.fit, stage.lens
    )  # as if the person stood where the plate's does
    found = laid(reference, stage.rig, take(stage.rig, plate, stage.fit, stage.lens))
    moved = (found.pixels - reference.pixels)[stage.person.vertex_count + np.array(CHEEKS_AND_NOSE)]
    assert np.median(moved, axis=0) == pytest.approx(off_px, abs=1.2)
