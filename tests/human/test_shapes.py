"""The 52 shapes as they are written: plain sums that close eyes and lips for everybody."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeness.head.model import load_head
from likeness.human.face_parts import LASH_POINTS, face_parts
from likeness.human.figure import Figure, make_figure
from likeness.human.recipes import load_recipes
from likeness.human.sliders import head_identity
from likeness.performance import ARKIT

GAP_CM = 0.03


def posed(figure: Figure, **weights: float) -> np.ndarray:
    out = figure.head_vertices.copy()
    for name, weight in weights.items():
        out += np.float32(weight) * figure.shapes[ARKIT.index(name)]
    return out


def gap(figure: Figure, vertices: np.ndarray, upper: str, lower: str) -> float:
    lines = figure.head.loops
    return float(np.linalg.norm(vertices[lines[upper]] - vertices[lines[lower]], axis=1).max())


def gap_y(figure: Figure, vertices: np.ndarray, upper: str, lower: str) -> float:
    lines = figure.head.loops
    return float(np.abs(vertices[lines[upper], 1] - vertices[lines[lower], 1]).max())


def test_nobody_stares_at_rest() -> None:
    head = load_head()
    lid = head.loops["lid_upper_left"]
    heights = []
    for seed in range(1, 13):
        identity = head_identity({}, seed=seed, sex=-0.8)
        middle = lid[np.abs(head.neutral(identity)[lid, 0] - head.eyes(identity)[0, 0]) < 0.3]
        for at in (head.rest(identity), head.neutral(identity)):
            heights.append(float(at[middle, 1].max() - head.eyes(identity)[0, 1]))
    assert max(heights[::2]) > 0.5  # of 0.6 to the iris' rim: the white shows soon
    assert max(heights[1::2]) < 0.48


def test_identities_part_the_lips_of_some_until_they_are_sealed() -> None:
    head = load_head()
    for seed in (2, 9):
        identity = head_identity({}, seed=seed)
        lines = head.loops["lips_upper"], head.loops["lips_lower"]
        parted, met = (v[lines[0], 1] - v[lines[1], 1] for v in (head.rest(identity), head.neutral(identity)))
        assert np.abs(parted).max() > GAP_CM
        assert np.abs(met).max() < GAP_CM / 3


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(1, 10_000), age=st.floats(18, 90), sex=st.floats(-1, 1))
def test_blinks_close_and_lips_seal_for_everybody(seed: int, age: float, sex: float) -> None:
    figure = make_figure(head_identity({}, seed=seed, age=age, sex=sex), {"sex": sex, "age": age})
    assert gap_y(figure, figure.head_vertices, "lips_upper", "lips_lower") < GAP_CM / 3
    for side in ("Left", "Right"):
        shut = posed(figure, **{f"eyeBlink{side}": 1.0})
        ends = f"lid_upper_{side.lower()}", f"lid_lower_{side.lower()}"
        assert gap(figure, shut, *ends) < GAP_CM
    for weight in (0.3, 1.0):
        sealed = posed(figure, jawOpen=weight, mouthClose=weight)
        rest = gap(figure, figure.head_vertices, "lips_upper", "lips_lower")
        assert gap(figure, sealed, "lips_upper", "lips_lower") < (1 - weight) * rest + GAP_CM


def test_recipes_use_arkits_shapes_within_their_range() -> None:
    recipes = load_recipes()
    assert len(recipes.oculus) == 15
    assert len(recipes.microsoft) == 22
    assert list(recipes.microsoft) == [str(n) for n in range(22)]
    stands = sorted(int(n) for ids in recipes.mouths.values() for n in ids)
    assert set(stands) == set(range(22))
    for table in (recipes.oculus, recipes.microsoft, recipes.preston_blair, recipes.vrm):
        for name, recipe in table.items():
            assert set(recipe) <= set(ARKIT), name
            assert all(0 < w <= 1 for w in recipe.values()), name


@pytest.mark.parametrize("name", ["oculus", "microsoft"])
def test_no_two_visemes_are_alike(name: str) -> None:
    table = list(getattr(load_recipes(), name).values())
    rows = np.array([[recipe.get(shape, 0.0) for shape in ARKIT] for recipe in table])
    apart = np.linalg.norm(rows[:, None] - rows[None], axis=2) + np.eye(len(rows))
    assert apart.min() > 0.05


def test_visemes_do_with_the_mouth_what_their_sounds_do(average: Figure) -> None:
    visemes = load_recipes().oculus
    lips = average.head.loops

    def opening(name: str) -> float:
        at = posed(average, **visemes[name])
        return float((at[lips["lips_upper"]] - at[lips["lips_lower"]])[:, 1].max())

    def width(name: str) -> float:
        return float(np.ptp(posed(average, **visemes[name])[lips["lips_upper"], 0]))

    assert opening("PP") < 0.15 < opening("E") < opening("aa")
    assert width("ou") < width("oh") < width("E")
    tongue = np.unique(average.head.part("tongue"))
    tip = posed(average, **visemes["TH"])[tongue, 2].max()
    assert tip > posed(average, **visemes["DD"])[tongue, 2].max() + 0.5


def test_lashes_are_fine_and_stay_so_when_the_eyes_close(average: Figure) -> None:
    (lashes,) = (part for part in face_parts(average, 0) if part.name == "lashes")
    for weights in ({}, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}):
        at = lashes.vertices + sum(w * lashes.shapes[name] for name, w in weights.items())
        hairs = at.reshape(-1, LASH_POINTS, 3)
        wide = np.linalg.norm(hairs[:, 0] - hairs[:, 1], axis=1)
        long = np.linalg.norm(hairs[:, -1] - hairs[:, :2].mean(axis=1), axis=1)
        assert 0.01 < np.median(wide) < 0.03, "cm"
        assert 0.4 < np.median(long) < 1.1
