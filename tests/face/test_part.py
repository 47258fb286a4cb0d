"""A layer that fills a part of its region."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.part import Part, window


@pytest.mark.parametrize(
    ("rows", "columns", "left"),
    [
        pytest.param((0, 9), (0, 9), 0, id="all of it"),
        pytest.param((4, 6), (5, 9), 6, id="a corner"),
        pytest.param((0, 2), (0, 2), 12, id="beside it"),
    ],
)
def test_what_another_part_takes_is_gone(rows: tuple[int, int], columns: tuple[int, int], left: int) -> None:
    part = Part((slice(3, 6), slice(4, 8)), np.ones((3, 4, 1), np.float32))
    nothing = np.zeros((rows[1] - rows[0], columns[1] - columns[0]), np.float32)
    part.keep(nothing, (slice(*rows), slice(*columns)))
    assert part.values.sum() == left


def test_nothing_is_one_empty_pixel() -> None:
    assert Part.empty(4).values.shape == (1, 1, 4)
    assert not Part.empty(4).values.any()


@pytest.mark.parametrize("rows", [(0, 1), (3, 9)])
@pytest.mark.parametrize("columns", [(0, 300), (1, 2), (63, 64), (64, 129), (130, 299), (299, 300)])
def test_the_window_is_what_is_not_zero(rows: tuple[int, int], columns: tuple[int, int]) -> None:
    matte = np.zeros((12, 300), np.float32)
    spot = slice(*rows), slice(*columns)
    matte[spot][[0, -1], [0, -1]] = 1e-6
    assert window(matte) == spot
    assert window(0 * matte) == (slice(0, 1), slice(0, 1))
