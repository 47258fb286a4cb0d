"""Sliders of the head: each moves what it names, and little else."""

import numpy as np
import pytest

from likeness.errors import BadRequest
from likeness.head.model import load_head
from likeness.human import sliders as s
from likeness.training import head_sliders as fitted

NAMES = [slider.name for slider in s.load_sliders().sliders]


@pytest.fixture(scope="module")
def measured():
    """Measures (S + 1, S) in standard deviations: of the average head, then with each slider at 0.5."""
    mean, modes = fitted.patches(load_head())
    people = [s.head_identity({}, asymmetry=0)] + [s.head_identity({n: 0.5}, asymmetry=0) for n in NAMES]
    values = fitted.measure(mean, modes, np.array(people, float))
    _, deviation, _ = fitted.fit(load_head())
    return values / deviation


@pytest.mark.parametrize("name", NAMES)
def test_moves_what_it_names(measured, name):
    i = NAMES.index(name)
    change = measured[i + 1] - measured[0]
    assert 0.85 < change[i] < 1.15
    parts = [j for j, other in enumerate(NAMES) if j != i and not fitted.is_part(name, other)]
    assert np.abs(change[parts]).mean() < 0.03
    assert np.abs(change[parts]).max() < 0.15


def test_sides_move_alike_without_asymmetry_and_apart_with_it():
    table, head = s.load_sliders(), load_head()
    even = s.head_identity({"nose_width": 1, "jaw_width": -1}, seed=5, asymmetry=0)
    assert not even[~table.even].any()
    uneven = s.head_identity({}, seed=5, asymmetry=1)
    center = np.abs(head.mean[:, 0]) < 1e-3
    assert np.abs(head.rest(even)[center, 0]).max() < 0.03
    assert np.abs(head.rest(uneven)[center, 0]).max() > 0.05


def test_seed_makes_the_person_and_zero_the_average():
    assert np.array_equal(s.head_identity({}, seed=3), s.head_identity({}, seed=3))
    assert not np.allclose(s.head_identity({}, seed=3), s.head_identity({}, seed=4))
    assert not s.head_identity({}, seed=0, asymmetry=0).any()


def test_sex_age_and_ancestry_move_their_sliders():
    mean, modes = fitted.patches(load_head())

    def at(name, **asked):
        person = s.head_identity({}, asymmetry=0, **asked)
        return fitted.measure(mean, modes, person[None].astype(float))[0, NAMES.index(name)]

    assert at("jaw_width", sex=1) > at("jaw_width") > at("jaw_width", sex=-1)
    assert at("ear_size", age=75) > at("ear_size", age=25)
    assert at("nose_width", ancestry={"african": 1}) > at("nose_width", ancestry={"european": 1})


def test_mix_meets_both_ends():
    a, b = s.head_identity({}, seed=1), s.head_identity({}, seed=2)
    assert np.array_equal(s.mix(a, b, 0), a) and np.array_equal(s.mix(a, b, 1), b)
    assert np.allclose(s.mix(a, b, 0.5), (a + b) / 2, atol=1e-6)


def test_random_sliders_stay_within_their_strength():
    drawn = s.random_sliders(7, 0.4)
    assert set(drawn) == set(NAMES) and max(map(abs, drawn.values())) <= 0.4
    assert len(set(drawn.values())) > 20


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"sliders": {"nose_wdith": 0.1}}, "nose_wdith"),
        ({"sliders": {"nose_width": 1.5}}, "1.5"),
        ({"sliders": {}, "ancestry": {"martian": 1}}, "martian"),
    ],
)
def test_says_what_is_wrong(asked, word):
    with pytest.raises(BadRequest, match=word):
        s.head_identity(**asked)
