"""How light comes to what lies behind the lips."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.inside import front_first, inside_of, light_between, light_in, wide_of
from likeness.head.model import Head, vertex_normals


def test_an_opening_is_as_wide_as_a_disk_of_its_area_however_it_is_turned() -> None:
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    ellipse = np.stack([3.0 * np.cos(angle), 0.75 * np.sin(angle), 0 * angle], axis=1)
    turned = ellipse @ np.array([[0.6, 0, 0.8], [0, 1, 0], [-0.8, 0, 0.6]])
    assert wide_of(ellipse) == pytest.approx(1.5, rel=0.01)
    assert wide_of(turned + 40.0) == pytest.approx(1.5, rel=0.01)


def test_light_is_less_and_redder_the_deeper_it_comes(head: Head) -> None:
    inside = inside_of(head)
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    lips = np.stack([2 * np.cos(angle), np.sin(angle), np.full(32, 50.0)], axis=1)
    toward = np.tile(np.array([0, 0, -1], np.float32), (len(inside.glow), 1))

    def light(deep_cm: float, between: float, red: float = 1.0) -> np.ndarray:
        place = np.tile([0, 0, 50 + deep_cm], (len(toward), 1))
        return light_in(inside, place, toward, lips, between, red)[0]

    near, deep = light(0.5, 1.0), light(5.0, 1.0)
    lit = inside.glow > 0.1
    assert (deep[lit] < near[lit]).all()
    assert (deep[lit, 2] / deep[lit, 0] < near[lit, 2] / near[lit, 0]).all()
    assert np.ptp(light(5.0, 1.0, red=0.0), axis=1).max() == 0, "walls that are not red redden nothing"
    shut = light(0.5, 0.1)
    changed = np.flatnonzero((shut != near).any(axis=1))
    assert set(changed) <= {*inside.behind.tolist()}, "teeth that meet keep light from what lies behind"


def test_teeth_in_the_back_are_darker(head: Head) -> None:
    inside = inside_of(head)
    deep = -inside.at(head.mean)[:, 2]
    for row in (inside.teeth, inside.lower):
        outer = row[inside.glow[row] > 0.3]
        front, back = (outer[np.abs(deep[outer] - d) < 0.2] for d in (deep[row].min(), deep[row].min() + 2))
        assert inside.glow[back].max() < 0.8 * inside.glow[front].max()


def test_it_is_darker_between_two_teeth_than_on_them(head: Head) -> None:
    inside = inside_of(head)
    place = inside.at(head.mean)
    facing = vertex_normals(place, inside.triangles)[inside.teeth, 2]
    ahead = place[inside.teeth, 2].max() - place[inside.teeth, 2] < 0.4
    glow = inside.glow[inside.teeth[ahead & (facing > 0.3)]]
    assert np.median(glow) > 0.95
    assert glow.min() < 0.8


def test_a_tongue_that_faces_the_opening_is_brighter_than_one_turned_up(head: Head) -> None:
    inside = inside_of(head)
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    lips = np.stack([2 * np.cos(angle), np.sin(angle), np.full(32, 50.0)], axis=1)
    place = np.tile([0, 0, 53.0], (len(inside.glow), 1))
    toward, up = (
        light_in(inside, place, np.tile(np.array(way, np.float32), (len(place), 1)), lips, 1.0)[0]
        for way in ([0, 0, -1], [0, -1, 0])
    )
    assert (toward[inside.behind] > 1.4 * up[inside.behind]).all()
    assert (toward[inside.teeth] == up[inside.teeth]).all()


def test_light_comes_to_a_tongue_from_between_the_lips_wherever_it_faces(head: Head) -> None:
    inside = inside_of(head)
    lips = np.array([[-2, 0, 50], [0, -2, 50], [2, 0, 50], [0, 2, 50]], np.float64)
    place, up = (
        np.tile([0, 3.0, 54.0], (len(inside.glow), 1)),
        np.tile(np.float32([0, -1, 0]), (len(inside.glow), 1)),
    )
    _, whence = light_in(inside, place, up, lips, 1.0)
    assert np.allclose(whence[inside.behind], [0, -0.6, -0.8], atol=1e-5)
    assert (whence[inside.teeth] == up[inside.teeth]).all()
    _, whence = light_in(inside, place - [0, 0, 5.0], up, lips, 1.0)
    assert np.allclose(whence, up), "a tongue that is put out is lit as the lips are"


def test_lower_teeth_are_darker_toward_the_tongue_below_their_edge(head: Head) -> None:
    inside = inside_of(head)
    place = inside.at(head.mean)[inside.lower]
    front = place[:, 2] > place[:, 2].max() - 1.0
    inward = vertex_normals(inside.at(head.mean), inside.triangles)[inside.lower, 2] < -0.3
    edge, glow = place[front, 1].max(), inside.glow[inside.lower]
    deep = front & inward & (place[:, 1] < edge - 0.7)
    assert deep.any()
    assert np.median(glow[deep]) < 0.4 * np.median(glow[front & (place[:, 1] > edge - 0.1)])


def test_teeth_that_meet_let_little_light_between(head: Head) -> None:
    inside = inside_of(head)
    closed = inside.at(head.mean)
    opened = closed.copy()
    opened[inside.lower, 1] -= 2.0
    assert light_between(inside, closed) < 0.1 < light_between(inside, opened)


def test_what_is_in_front_is_drawn_first(head: Head) -> None:
    teeth = head.part("teeth_upper")
    depth = head.mean[teeth[front_first(head, teeth)], 2].mean(axis=1)
    assert (np.diff(depth) <= 0).all()


def test_teeth_have_no_seams_at_which_facets_would_show(head: Head) -> None:
    inside = inside_of(head)
    seen = np.unique(inside.triangles[np.isin(inside.part, (3, 4))])
    places = np.unique(inside.at(head.mean)[seen].round(5), axis=0)
    assert len(places) > 0.99 * len(seen)
