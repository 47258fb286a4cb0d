"""Labels spread over what looks alike, and their edge is the picture's own."""

from __future__ import annotations

import numpy as np

from likeness.face.labels import pyramid, sharp, spread

ALIKE = 0.05


def test_a_label_spreads_up_to_an_edge() -> None:
    color = np.zeros((12, 16, 3), np.float32)
    color[:, 10:] = 0.5
    label, unsure = np.full((12, 16), 0.5, np.float32), np.ones((12, 16), bool)
    label[:, 0], label[:, -1], unsure[:, [0, -1]] = 1, 0, False
    spread(label, unsure, color, np.full_like(label, 0.5), 0.0, ALIKE)
    assert label[:, :10].min() > 0.9
    assert label[:, 10:].max() < 0.1


def test_the_edge_is_the_pictures_to_the_pixel() -> None:
    y, x = np.mgrid[:100, :161] + 0.5
    body = y > 60 - 0.3 * x
    picture = np.where(body[..., None], [0.6, 0.4, 0.3], [0.45, 0.45, 0.5]).astype(np.float32)
    views, shapes = pyramid(picture, 3), pyramid(body, 3)
    coarse = np.roll(shapes[-1], 1, axis=0)  # a whole cell too low
    coarse[0] = shapes[-1][0]
    assert ((coarse > 0.5).repeat(8, 0).repeat(8, 1)[:100, :161] != body).sum() > 800
    found = sharp(coarse, views, ALIKE)
    assert found.shape == body.shape
    assert ((found > 0.5) != body).sum() < 10
