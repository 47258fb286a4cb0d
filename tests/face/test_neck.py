"""While a head turns, bare neck stands, and what lies beside it."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.landmarks import Crop
from likeness.face.neck import neck_of
from likeness.face.regions import REGIONS, Regions

CELLS, SIZE = 32, 320.0  # of ten pixels


def seen(**where: tuple[slice, slice]) -> Regions:
    """What a network saw in an upright crop from the picture's corner on: all else is background."""
    alpha = np.zeros((CELLS, CELLS, len(REGIONS)), np.float32)
    alpha[..., REGIONS.index("background")] = 1
    for name, spot in where.items():
        alpha[spot] = 0
        alpha[(*spot, REGIONS.index(name))] = 1
    return Regions(alpha, np.zeros_like(alpha), alpha, Crop((SIZE / 2, SIZE / 2), SIZE, 0.0))


FACE = {"skin": (slice(4, 18), slice(8, 24)), "neck": (slice(18, 28), slice(12, 20))}


@pytest.mark.parametrize(
    ("place", "stands"),
    [((160, 230), True), ((60, 250), True), ((230, 250), True), ((160, 100), False), ((30, 100), False)],
    ids=["the neck", "left of it", "right of it", "the face", "beside the face"],
)
def test_a_neck_stands_with_what_is_nearer_to_it_than_to_the_face(
    place: tuple[float, float], stands: bool
) -> None:
    assert neck_of(seen(**FACE)).at(np.array(place)) == stands


def test_hair_beside_a_neck_goes_with_the_head() -> None:
    neck = neck_of(seen(**FACE, hair=(slice(4, 28), slice(2, 8))))
    assert neck.at(np.array([[160.0, 230], [50, 250], [10, 250]])).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("rows", "stands"), [(slice(20, 23), True), (slice(4, 28), False)], ids=["shade", "a tail"]
)
def test_a_collars_shade_that_passes_for_hair_stands(rows: slice, stands: bool) -> None:
    """It went along with the head, and with it the neck beside."""
    regions = seen(**FACE, hair=(slice(0, 4), slice(4, 28)))
    alpha = regions.alpha
    alpha[rows, 22:24] = 0
    alpha[rows, 22:24, REGIONS.index("hair")] = 1
    assert neck_of(regions).at(np.array([235.0, 215.0])) == stands


def test_where_no_neck_is_seen_nothing_stands() -> None:
    assert not neck_of(seen(skin=FACE["skin"])).stands.any()


def test_beyond_what_the_network_saw_it_is_as_at_its_border() -> None:
    neck = neck_of(seen(**FACE))
    assert neck.at(np.array([[-500.0, 310], [900, 900], [-500, 20]])).tolist() == [True, True, False]
