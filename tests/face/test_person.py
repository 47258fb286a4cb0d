"""A person's mesh: the bias lies where it was found, openings are smooth, the neck holds still."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face.fit import Shot, rotation_matrix, with_person
from likeness.face.person import (
    GLIDE_RISE,
    LOWER_CM,
    TONGUE_WIDER,
    Person,
    _lip_height,
    build_person,
    caps,
    opening,
    smooth_loop,
    to_camera,
    to_pixels,
    touch,
    with_meeting,
    zip_strip,
)
from likeness.head import points as dense
from likeness.head.model import Head
from likeness.performance import ARKIT
from tests.face.conftest import Scene, expression, scene


@pytest.fixture(scope="module")
def truth(head: Head) -> Scene:
    return scene(head, 11, turn_deg=(0, 0, 0))


def person_of(head: Head, truth: Scene, bias: np.ndarray | None = None) -> Person:
    still = np.zeros((dense.COUNT, 3)) if bias is None else bias
    shot = Shot(truth.lens, truth.identity, still, head.point_mean.astype(float))
    return build_person(head, with_person(head, shot, truth.identity, still))


def test_upper_incisors_show_a_centimeter_of_their_crowns(head: Head, truth: Scene) -> None:
    rest = person_of(head, truth).rest
    gums, teeth = (np.unique(head.part(name)) for name in ("gums", "teeth_upper"))
    gums = gums[head.mean[gums, 1] > head.mean[teeth, 1].min()]
    front = rest[teeth, 2].max() - 0.5
    edge, tip = (
        rest[part][(np.abs(rest[part, 0]) < 0.4) & (rest[part, 2] > front), 1].min() for part in (gums, teeth)
    )
    assert edge - tip == pytest.approx(1.0, abs=0.15)


def test_without_bias_it_is_the_head(head: Head, truth: Scene) -> None:
    person = person_of(head, truth)
    identity, weights = truth.identity.astype(np.float32), expression(jawOpen=0.4)
    posed, plain = person.posed(weights), head.vertices(identity, weights.astype(np.float32))
    behind = ("gums", "tongue", "teeth_upper", "teeth_lower")
    rows = np.concatenate([head.part(name).ravel() for name in behind])
    others = np.setdiff1d(np.arange(person.vertex_count), rows)
    assert np.abs(posed[others] - plain[others]).max() < 2e-3
    lips = np.concatenate([dense.GROUPS["lip_upper_inner"], dense.GROUPS["lip_lower_inner"]])
    others = np.setdiff1d(np.arange(dense.SKIN_COUNT), lips)  # the lips' outlines are pressed together
    assert np.abs(posed[person.vertex_count :][others] - head.points(identity, weights)[others]).max() < 2e-3


def test_lower_teeth_go_down_behind_the_lip_and_from_the_tongue(head: Head, truth: Scene) -> None:
    """A wide open mouth showed all of their crowns, and gums below."""
    person = person_of(head, truth)
    shut, wide = (person.posed(expression(jawOpen=jaw)) for jaw in (0.4, 1.0))
    plain = head.expression_basis[ARKIT.index("jawOpen")]
    lower, tongue = (np.unique(head.part(name)) for name in ("teeth_lower", "tongue"))
    went, would = ((wide - shut)[: person.vertex_count, 1], 0.6 * plain[:, 1])
    assert (went - would)[lower].max() < -0.01
    assert (went - would)[tongue] == pytest.approx(0, abs=1e-3)
    front = lower[head.mean[lower, 2] > head.mean[lower, 2].max() - 0.3]
    at_rest = head.vertices(truth.identity.astype(np.float32), np.zeros(52, np.float32))
    assert person.rest[front, 1] == pytest.approx(at_rest[front, 1] - LOWER_CM, abs=1e-3)


def test_a_tongue_grows_wider_as_the_jaw_opens(head: Head, truth: Scene) -> None:
    person, tongue = person_of(head, truth), np.unique(head.part("tongue"))
    way = person.posed(expression(jawOpen=1.0))[tongue] - person.posed(expression())[tongue]
    way -= head.expression_basis[ARKIT.index("jawOpen")][tongue]
    assert way[:, 0] == pytest.approx(TONGUE_WIDER * head.mean[tongue, 0], abs=0.03)


def test_a_corrective_moves_skin_and_neither_teeth_nor_eyes(head: Head, truth: Scene) -> None:
    person = person_of(head, truth)
    beside = np.zeros((dense.SKIN_COUNT, 3), np.float32)
    beside[:, 0] = 0.1
    moved = person.posed(expression(), beside) - person.posed(expression())
    tip = person.vertex_count + 30
    assert moved[tip] == pytest.approx([0.1, 0, 0], abs=1e-4)
    held = np.concatenate([head.part(name).ravel() for name in ("teeth_upper", "tongue", "eye_left")])
    assert np.abs(moved[held]).max() == 0
    assert np.median(moved[np.unique(head.part("skin"))], axis=0)[0] > 0.05


def test_the_bias_moves_its_point_and_the_mesh_around_it(head: Head, truth: Scene) -> None:
    bias = np.zeros((dense.COUNT, 3))
    bias[30] = [0.0, 0.0, 0.4]  # the tip of the nose
    plain, moved = person_of(head, truth), person_of(head, truth, bias)
    change = np.linalg.norm(moved.rest - plain.rest, axis=1)
    tip = plain.vertex_count + 30
    assert change[tip] == pytest.approx(0.4, abs=1e-3)
    away = np.linalg.norm(plain.rest - plain.rest[tip], axis=1)
    assert change[: plain.vertex_count][away[: plain.vertex_count] < 0.15].max() > 0.2
    assert change[away > 6].max() == 0


def test_a_biased_lid_still_closes(head: Head, truth: Scene) -> None:
    bias = np.zeros((dense.COUNT, 3))
    bias[dense.GROUPS["lid_left_upper"]] = [0.0, 0.25, 0.0]
    person = person_of(head, truth, bias)

    def height(weights: np.ndarray) -> float:
        posed = person.posed(weights)[person.vertex_count :]
        upper, lower = (
            posed[dense.GROUPS[f"lid_left_{edge}"][3:-3], 1].mean() for edge in ("upper", "lower")
        )
        return float(upper - lower)

    assert height(expression()) > 0.5
    assert abs(height(expression(eyeBlink=1.0))) < 0.05


def test_the_neck_holds_while_the_head_turns(head: Head, truth: Scene) -> None:
    person = person_of(head, truth)
    turned = replace(truth.fit, rotation=truth.fit.rotation @ rotation_matrix(np.array([0, 0.3, 0])))
    posed = person.posed(expression())
    before = to_camera(person, posed, truth.fit, truth.fit)
    after = to_camera(person, posed, turned, truth.fit)
    foot, crown = person.rest[:, 1] < -15, person.rest[:, 1] > 5
    assert np.abs(after - before)[foot].max() < 1e-3
    assert np.abs(after - before)[crown].max() > 1


def test_a_body_that_has_gone_lies_where_it_is(head: Head, truth: Scene) -> None:
    person, gone = person_of(head, truth), replace(truth.fit, body=np.array([2.0, 3.0]))
    posed = person.posed(expression())
    here = to_camera(person, posed, replace(gone, body=None), replace(gone, body=None))
    assert (to_camera(person, posed, gone, gone) == here).all()
    on = replace(gone, body=np.array([2.0, 4.0]))
    off = to_camera(person, posed, on, gone)[person.stiffness == 0] - here[person.stiffness == 0]
    assert off == pytest.approx(np.tile([0, 1, 0], (len(off), 1)), abs=1e-4)


def test_an_opening_is_a_loop_around_its_eye(head: Head, truth: Scene) -> None:
    person = person_of(head, truth)
    pixels = to_pixels(to_camera(person, person.posed(expression()), truth.fit, truth.fit), truth.lens)
    loop = opening(person, pixels, "eye_left")
    corners = pixels[person.vertex_count + np.array([42, 45]), :2]
    assert loop[:, 0].min() == pytest.approx(corners[:, 0].min(), abs=1.5)
    assert loop[:, 0].max() == pytest.approx(corners[:, 0].max(), abs=1.5)


def test_a_smooth_loop_passes_through_its_corners() -> None:
    angle = np.arange(12) / 12 * 2 * np.pi
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    loop = smooth_loop(circle, 4)
    assert np.allclose(loop[::4], circle, atol=1e-6)
    assert np.abs(np.linalg.norm(loop, axis=1) - 1).max() < 0.01


def test_caps_close_every_opening(head: Head, truth: Scene) -> None:
    person = person_of(head, truth)
    triangles = caps(person)
    assert triangles.min() >= person.vertex_count
    assert triangles.max() < person.vertex_count + dense.SKIN_COUNT


def test_a_strip_between_two_lines_has_all_their_edges() -> None:
    upper = np.array([[0, 1, 0], [1, 1, 0], [2, 1, 0], [3, 1, 0]], np.float32)
    lower = np.array([[0, 0, 0], [1.5, 0, 0], [3, 0, 0]], np.float32)
    rest = np.concatenate([upper, lower])
    triangles = zip_strip(rest, np.arange(4, dtype=np.int32), np.arange(4, 7, dtype=np.int32))
    area = sum(abs(np.cross((rest[b] - rest[a])[:2], (rest[c] - rest[a])[:2])) / 2 for a, b, c in triangles)
    assert area == pytest.approx(3.0)


def test_lips_that_touch_lie_on_one_line(head: Head, truth: Scene) -> None:
    person = person_of(head, truth)
    count = person.vertex_count
    upper, lower = (dense.GROUPS[f"lip_{edge}_inner"] + count for edge in ("upper", "lower"))

    def apart(expression_: np.ndarray) -> np.ndarray:
        posed = person.posed(expression_)
        along = [np.linspace(0, 1, len(line)) for line in (upper, lower)]
        there = np.stack([np.interp(along[0], along[1], posed[lower, k]) for k in range(3)], axis=1)
        return np.linalg.norm(posed[upper] - there, axis=1)

    assert apart(expression()).max() < 0.03
    assert apart(expression(jawOpen=0.6)).max() > 0.8
    open_ = person.posed(expression(jawOpen=0.6))
    touched = open_.copy()
    touch(touched, count, person.lips)
    middle = np.r_[upper[2:-2], lower[2:-2]]
    assert np.array_equal(touched[middle], open_[middle])  # what does not touch stays


def test_parting_lips_hold_together_at_the_corners(head: Head, truth: Scene) -> None:
    person = person_of(head, truth)
    loose, sticky = (person.posed(expression(jawOpen=0.25), sticky=share) for share in (0.0, 1.0))
    gaps = [_lip_height(posed, person.vertex_count) for posed in (loose, sticky)]
    middle, corner = len(gaps[0]) // 2, 3
    assert gaps[1][middle] == pytest.approx(gaps[0][middle], abs=0.01)
    assert gaps[1][corner] < gaps[0][corner] - 0.03  # cm
    assert person.sealed(person.posed(expression())) > 0.9 and person.sealed(loose) == 0


def front_gap(person: Person, posed: np.ndarray) -> float:
    """How far below the upper incisors' edge the lower ones' is, cm."""
    upper, lower = (np.unique(person.head.part(f"teeth_{row}")) for row in ("upper", "lower"))
    front = [ids[np.abs(posed[ids, 0]) < 0.6] for ids in (upper, lower)]
    return float(posed[front[0], 1].min() - posed[front[1], 1].max())


def test_upper_teeth_stand_before_the_lower_ones_until_the_jaw_opens(head: Head, truth: Scene) -> None:
    person = person_of(head, truth)
    gaps = [front_gap(person, person.posed(expression(jawOpen=jaw))) for jaw in (0.0, 0.08, 0.2, 0.6)]
    assert -0.4 < gaps[0] < -0.15 and gaps[1] < 0.05
    assert np.diff(gaps).min() > 0 and gaps[3] > 1.2


def test_teeth_meet_where_a_shot_has_closed_lips(head: Head, truth: Scene) -> None:
    person = person_of(head, truth)
    closed, parted = expression(jawOpen=0.12, mouthClose=0.12), expression(jawOpen=0.3)
    bitten = with_meeting(person, np.stack([closed, parted, parted]))
    assert bitten.meeting == pytest.approx(0.12)
    assert front_gap(bitten, bitten.posed(closed)) < -0.1 < 0 < front_gap(person, person.posed(closed))
    assert with_meeting(person, parted[None]).meeting == 0


def test_a_jaw_glides_forward_as_it_opens_wide(head: Head, truth: Scene) -> None:
    person = person_of(head, truth)
    upper, lower = (np.unique(head.part(f"teeth_{row}")) for row in ("upper", "lower"))
    chin = np.r_[person.vertex_count + 8, lower]

    def forward(jaw: float, since: float) -> np.ndarray:
        weights = expression(jawOpen=jaw)
        moved: np.ndarray = person.posed(weights, since=since) - person.posed(weights)
        assert np.abs(moved[upper]).max() < 1e-3
        for part, rise in zip((chin[:1], lower), GLIDE_RISE, strict=True):
            assert np.allclose(moved[part, 1], rise * moved[part, 2], atol=1e-3)
        return moved[chin, 2]

    assert (forward(0.2, 0.0) == 0).all() and (forward(0.8, 0.8) == 0).all()
    assert (forward(1.0, 0.0) > 0.4).all()
    assert np.allclose(forward(0.1, 1.0), -forward(1.0, 0.1), atol=1e-5)
