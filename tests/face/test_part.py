"""A layer that fills a part of its region."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likeness.face.part import Part, overlap, window

SPAN = st.tuples(st.integers(-9, 9), st.integers(0, 9)).map(lambda at: slice(at[0], at[0] + at[1]))


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


@given(st.tuples(SPAN, SPAN), st.tuples(SPAN, SPAN))
def test_what_two_spots_have_in_common_is_the_same_place_in_both(
    one: tuple[slice, slice], other: tuple[slice, slice]
) -> None:
    places = np.indices((30, 30)) - 10
    parts = [places[:, r.start + 10 : r.stop + 10, c.start + 10 : c.stop + 10] for r, c in (one, other)]
    here, there = (part[(slice(None), *spot)] for part, spot in zip(parts, overlap(one, other), strict=True))
    assert np.array_equal(here, there)
    rows, columns = (
        set(range(a.start, a.stop)) & set(range(b.start, b.stop)) for a, b in zip(one, other, strict=True)
    )
    assert here[0].size == len(rows) * len(columns)


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
