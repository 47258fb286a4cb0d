"""A lip found too far in is taken from beyond the teeth; one without teeth stays."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face import lips
from likeness.face.fit import Shot, with_person
from likeness.face.person import Person, build_person, to_camera, to_pixels
from likeness.head import points as dense
from likeness.head.model import Head
from tests.face.conftest import SIZE, expression, scene

LIP, TOOTH = (0.4, 0.12, 0.12), (0.7, 0.66, 0.6)


def mouth_of(head: Head, **weights: float) -> tuple[Person, np.ndarray]:
    truth = scene(head, 4, turn_deg=(0.0, 0.0, 0.0))
    shot = Shot(truth.lens, truth.identity, np.zeros((dense.COUNT, 3)), head.point_mean.astype(float))
    person = build_person(head, with_person(head, shot, truth.identity, shot.bias))
    camera = to_camera(person, person.posed(expression(**weights)), truth.fit, truth.fit)
    return person, to_pixels(camera, truth.lens)


@pytest.fixture(scope="module")
def mouth(head: Head) -> tuple[Person, np.ndarray]:
    return mouth_of(head, jawOpen=0.2)


def test_lips_alone_do_not_slide(mouth: tuple[Person, np.ndarray]) -> None:
    plate = np.broadcast_to(np.array(LIP, np.float32), (SIZE[1], SIZE[0], 3)).copy()
    assert (lips.slide(plate, *mouth) == 0).all()


def test_a_lip_that_carries_teeth_is_taken_from_below_them(mouth: tuple[Person, np.ndarray]) -> None:
    person, pixels = mouth
    plate = np.broadcast_to(np.array(LIP, np.float32), (SIZE[1], SIZE[0], 3)).copy()
    inner, way = lips._ways("lower", pixels[person.vertex_count :, :2])
    edge = float((inner + 0.4 * way)[len(inner) // 2, 1])
    plate[: int(edge)] = TOOTH
    slid = lips.slide(plate, person, pixels)
    lower = dense.GROUPS["lip_lower_inner"][8:11] + person.vertex_count
    below = pixels[lower, 1] + slid[lower, 1]
    assert (below > int(edge) - 0.5).all()
    upper = dense.GROUPS["lip_outer"][10:14] + person.vertex_count
    assert (slid[upper] == 0).all()


@pytest.mark.parametrize("jaw", [0.2, 0.08])
def test_an_upper_lip_that_carries_teeth_is_taken_from_above_them(head: Head, jaw: float) -> None:
    person, pixels = mouth_of(head, jawOpen=jaw)
    plate = np.broadcast_to(np.array(LIP, np.float32), (SIZE[1], SIZE[0], 3)).copy()
    inner, way = lips._ways("upper", pixels[person.vertex_count :, :2])
    edge = int((inner + 0.4 * way)[len(inner) // 2, 1])
    plate[edge:] = TOOTH
    slid = lips.slide(plate, person, pixels)
    upper = dense.GROUPS["lip_upper_inner"][10:13] + person.vertex_count
    assert (pixels[upper, 1] + slid[upper, 1] < edge + 0.5).all()
    lower = dense.GROUPS["lip_outer"][30:36] + person.vertex_count
    assert (slid[lower] == 0).all()


def test_a_lower_lip_carries_nothing_of_the_dark_above_it(mouth: tuple[Person, np.ndarray]) -> None:
    person, pixels = mouth
    plate = np.broadcast_to(np.array(LIP, np.float32), (SIZE[1], SIZE[0], 3)).copy()
    inner, way = lips._ways("lower", pixels[person.vertex_count :, :2])
    edge = int((inner + 0.4 * way)[len(inner) // 2, 1])
    plate[:edge] *= 0.3
    slid = lips.slide(plate, person, pixels)
    lower = dense.GROUPS["lip_lower_inner"][8:11] + person.vertex_count
    assert (pixels[lower, 1] + slid[lower, 1] > edge - 0.5).all()


def test_a_highlight_on_a_lip_is_no_tooth(mouth: tuple[Person, np.ndarray]) -> None:
    person, pixels = mouth
    plate = np.broadcast_to(np.array(LIP, np.float32), (SIZE[1], SIZE[0], 3)).copy()
    inner, way = lips._ways("lower", pixels[person.vertex_count :, :2])
    for share in np.linspace(0.35, 0.6, 12):
        x, y = np.round(inner + share * way).astype(int)[4:-4].T
        plate[y, x] = plate[y, x + 1] = TOOTH
    assert (lips.slide(plate, person, pixels) == 0).all()


def test_closed_lips_carry_no_teeth_however_bright_they_shine(head: Head) -> None:
    person, pixels = mouth_of(head)
    plate = np.broadcast_to(np.array(LIP, np.float32), (SIZE[1], SIZE[0], 3)).copy()
    inner, way = lips._ways("lower", pixels[person.vertex_count :, :2])
    plate[: int((inner + 0.4 * way)[len(inner) // 2, 1])] = TOOTH
    assert (lips.slide(plate, person, pixels) == 0).all()


@pytest.mark.parametrize("below_px", [-3, 3])
def test_closed_lips_carry_nothing_from_beyond_the_line_between_them(head: Head, below_px: int) -> None:
    """Where it was found beside, the other lip showed as a pale sliver on the edge of a lip that parts."""
    person, pixels = mouth_of(head)
    plate = np.broadcast_to(np.array(LIP, np.float32), (SIZE[1], SIZE[0], 3)).copy()
    edges = [pixels[dense.GROUPS[f"lip_{lip}_inner"] + person.vertex_count, :2] for lip in ("upper", "lower")]
    x, y = edges[0].T
    line = np.interp(np.arange(SIZE[0]), x, y) + below_px
    rows = np.arange(SIZE[1])[:, None] + 0.5
    plate[rows < line] = (0.6, 0.5, 0.45)
    plate[np.abs(rows - line) < 1] *= 0.3
    slid = lips.slide(plate, person, pixels)[person.vertex_count :, 1]
    inner = {lip: dense.GROUPS[f"lip_{lip}_inner"] for lip in ("upper", "lower")}
    middles = {lip: ids[len(ids) // 2 - 2 : len(ids) // 2 + 3] for lip, ids in inner.items()}
    upper, lower = (pixels[person.vertex_count :][ids, 1] + slid[ids] for ids in middles.values())
    at = [
        np.interp(pixels[person.vertex_count :][ids, 0], np.arange(SIZE[0]) + 0.5, line)
        for ids in middles.values()
    ]
    assert (upper < at[0] + 0.2).all()
    assert (lower > at[1] - 0.2).all()
