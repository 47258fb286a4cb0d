"""Clothes: on the skin and never in it, layered, whole in every level."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.human.assemble import Cut, Dressing, make_character, make_figure
from likeness.human.clothes import cloth, depth, dress
from likeness.human.figure import Figure
from likeness.human.garments import COLORS, GARMENTS, SOLE_CM
from likeness.human.lod import BUDGETS


@pytest.fixture(scope="module")
def woman() -> Figure:
    values = {"sex": -1.0, "bust": 0.6, "weight": 0.3}
    return make_figure(np.zeros(100, np.float32), values, 165, lift_cm=SOLE_CM)


@pytest.fixture(scope="module")
def cuts(woman: Figure) -> dict[str, Cut]:
    return {cut.name: cut for cut in dress(woman, GARMENTS)}


def test_the_skin_that_shows_is_head_high_hands_and_arms(woman: Figure, cuts: dict[str, Cut]) -> None:
    assert set(cuts) == {"body", *GARMENTS}
    skin = np.unique(cuts["body"].triangles)
    covered = sum(len(np.unique(cuts[g].triangles)) for g in GARMENTS)
    assert covered > 0.4 * len(woman.body.vertex_place)
    hands = {i for i, n in enumerate(woman.body.joint_names) if n.startswith(("hand", "index"))}
    held = np.isin(woman.body.place_joints[woman.body.vertex_place[skin]][:, 0], list(hands))
    assert held.sum() > 1000


def test_every_piece_of_skin_is_either_shown_or_covered(woman: Figure, cuts: dict[str, Cut]) -> None:
    """Nothing of the body is missing that no garment lies over."""
    triangles = {tuple(t) for cut in cuts.values() for t in cut.triangles.tolist()}
    assert triangles == {tuple(t) for t in woman.body.triangles.tolist()}


@pytest.mark.parametrize("garment", GARMENTS)
def test_where_skin_shows_beside_a_garment_it_lies_under_it(
    woman: Figure, cuts: dict[str, Cut], garment: str
) -> None:
    places = woman.body.vertex_place
    shown = np.intersect1d(cuts[garment].triangles, cuts["body"].triangles)
    lift = ((cuts[garment].vertices - woman.body_vertices) * woman.body_normals)[shown].sum(1)
    assert np.percentile(lift, 2) > 0
    assert len(places) == len(cuts[garment].vertices)


def test_the_shirt_hangs_over_the_trousers(woman: Figure, cuts: dict[str, Cut]) -> None:
    both = np.intersect1d(cuts["shirt"].triangles, cuts["trousers"].triangles)
    assert len(both) > 100
    apart = (cuts["shirt"].vertices - cuts["trousers"].vertices)[both]
    assert np.percentile((apart * woman.body_normals[both]).sum(1), 2) > 0


def test_shoes_have_flat_soles_on_the_ground(woman: Figure, cuts: dict[str, Cut]) -> None:
    y = cuts["shoes"].vertices[np.unique(cuts["shoes"].triangles), 1]
    assert y.min() == pytest.approx(0, abs=1e-3)
    assert (y < 1e-3).sum() > 300
    assert woman.places[:, 1].min() == pytest.approx(SOLE_CM, abs=1e-3)
    assert woman.height_cm == pytest.approx(165, abs=0.1)


def test_dressed_people_keep_to_the_budgets_in_every_level(woman: Figure) -> None:
    materials = [cloth(g, "navy") for g in GARMENTS]
    character = make_character(
        "W", woman, Dressing(cuts=dress(woman, GARMENTS), materials=materials), shaped=0
    )
    for parts, budget in zip(character.levels, BUDGETS, strict=True):
        assert abs(sum(len(p.triangles) for p in parts) - budget) <= 0.05 * budget
        assert {"shirt", "trousers", "shoes"} <= {p.name for p in parts}
        for part in parts:
            assert np.allclose(np.linalg.norm(part.normals, axis=1), 1, atol=1e-3), part.name
    assert {m.name for m in character.materials} >= set(GARMENTS)


def test_hems_keep_their_place_while_detail_is_lost(woman: Figure) -> None:
    character = make_character("W", woman, Dressing(cuts=dress(woman, GARMENTS)), shaped=0)
    hems = [next(p for p in parts if p.name == "shirt").vertices[:, 1].min() for parts in character.levels]
    assert np.ptp(hems) < 1.5


def test_garments_lie_where_their_names_say() -> None:
    from likeness.human.body import load_body

    places, points = load_body().shape({})
    high = {g: places[depth(g) > 0][:, 1] for g in GARMENTS}
    assert high["shoes"].max() < points["l-knee"][1] < high["trousers"].max()
    assert high["trousers"].max() > high["shirt"].min()
    assert high["shirt"].max() < points["head"][1]


def test_colors_are_colors() -> None:
    assert all(len(c) == 3 and all(0 < v < 1 for v in c) for c in COLORS.values())
