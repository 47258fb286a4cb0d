"""Levels of detail: the whole person within a budget, whatever else is worn."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.human.assemble import Character, Dressing, make_character
from likeness.human.body import load_body
from likeness.human.character import Part
from likeness.human.figure import Figure
from likeness.human.lod import BUDGETS, collapse_map, reduced


def totals(character: Character) -> list[int]:
    return [sum(len(part.triangles) for part in parts) for parts in character.levels]


def test_people_keep_to_the_budgets(person: Character) -> None:
    for count, budget in zip(totals(person), BUDGETS, strict=True):
        assert abs(count - budget) <= 0.05 * budget


def test_what_is_worn_takes_from_the_bodys_share(average: Figure) -> None:
    """Hair of 12,000 triangles leaves the sum as it is."""
    count = 12_000
    corners = np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
    places = np.random.default_rng(0).normal([0, 170, 0], 1, (3 * count, 3))
    hair = Part(
        "hair",
        places.astype(np.float32),
        corners,
        np.zeros((3 * count, 2), np.float32),
        np.tile(np.float32([0, 1, 0]), (3 * count, 1)),
        np.zeros((3 * count, 4), np.uint16),
        np.tile(np.float32([1, 0, 0, 0]), (3 * count, 1)),
        "lashes",
    )
    character = make_character("H", average, Dressing(parts=[[hair]]), levels=1, shaped=0)
    assert abs(totals(character)[0] - BUDGETS[0]) <= 0.05 * BUDGETS[0]


@pytest.mark.parametrize("level", range(4))
def test_no_level_has_folds_or_cracks(person: Character, level: int) -> None:
    body = next(p for p in person.levels[level] if p.name == "body")
    _, first, twin = np.unique(body.vertices, axis=0, return_index=True, return_inverse=True)
    triangles = first[twin.ravel()[body.triangles]]
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    assert len(np.unique(edges, axis=0)) == len(edges)
    ways = {tuple(e) for e in edges.tolist()}
    border = {v for a, b in ways if (b, a) not in ways for v in (a, b)}
    assert len(border) == 64 // 2**level


def test_every_level_keeps_the_form(person: Character) -> None:
    """No vertex of the finest body is further from a coarser level than its detail allows, cm."""
    from scipy.spatial import cKDTree

    fine = next(p for p in person.levels[0] if p.name == "body")
    for level, allowed in ((1, 0.6), (2, 1.2), (3, 5.0)):
        part = next(p for p in person.levels[level] if p.name == "body")
        corner = part.vertices[part.triangles]
        weights = np.array([(a, b, 8 - a - b) for a in range(9) for b in range(9 - a)]) / 8
        surface = np.einsum("wk,tkc->twc", weights, corner).reshape(-1, 3)
        distance, _ = cKDTree(surface).query(fine.vertices)
        assert np.percentile(distance, 99) < allowed, level


def test_collapsing_never_moves_a_corner() -> None:
    body = load_body()
    standing = collapse_map(body, 20_000)
    assert np.array_equal(standing[standing], standing)
    assert len(reduced(body, body.triangles, standing)) < len(body.triangles)
    assert np.array_equal(collapse_map(body, 0), np.arange(len(standing)))


def test_the_head_of_the_last_level_has_skin_and_eyes_alone(person: Character) -> None:
    assert [p.name for p in person.levels[3]] == ["body", "head", "eyes"]
    assert not any(p.shapes for p in person.levels[3])
