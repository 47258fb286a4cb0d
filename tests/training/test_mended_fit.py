"""Learning what fits of found points err by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face.mended import by_view
from likeness.head import points as dense
from likeness.training import mended_fit
from likeness.training.mended_fit import Seen, learn, mirrored, ridge

WIDTH = 2 * 3 * dense.COUNT + 3


def test_a_mirror_image_of_a_mirror_image_is_the_picture() -> None:
    rows = np.random.default_rng(1).normal(size=(4, WIDTH))
    once = mirrored(rows)
    assert not np.allclose(once, rows)
    assert np.array_equal(mirrored(once), rows)


def test_pictures_that_are_far_off_tell_little() -> None:
    rng = np.random.default_rng(2)
    told, by = rng.normal(size=(600, 6)), rng.normal(size=(6, 3)) * 0.02
    off = 0.01 + told @ by
    wrong = rng.random(600) < 0.1
    matrix, offset = ridge(told, off + wrong[:, None] * 0.8, 0.1)
    assert np.abs(told @ matrix + offset - off).max() < 0.005


@pytest.fixture
def seen() -> Seen:
    """Pictures whose turns are off by what three patterns tell, alike both ways, and more so from aside."""
    rng = np.random.default_rng(3)
    count, modes = 900, rng.normal(size=(3, WIDTH - 3))
    half = np.c_[rng.normal(size=(count, 3)) @ modes, rng.normal(size=(count, 3)) * 0.02]
    axis = rng.normal(size=(count, 3)) * [0.4, 0.2, 0] + [0, 0, -1]
    nod = (
        (half[:, :-3] @ modes[0] + mirrored(half)[:, :-3] @ modes[0])
        / WIDTH
        * 0.02
        * (1 + 2 * axis[:, 0] ** 2)
    )
    turned = np.stack([nod + 0.01, 0.3 * half[:, -2], 0.3 * half[:, -1]], axis=1)
    looks = rng.normal(size=(count, 2)) * 0.2
    true = np.where(np.arange(count)[:, None] % 2 > 0, 0.0, looks)
    everyone = np.ones(count, bool)
    found = true + rng.normal(size=(count, 2)) * 0.03
    return Seen(half.astype(np.float32), turned, axis, found, found, turned[:, 1::-1] * 0, true, everyone)


def test_it_learns_what_patterns_come_with_what_turn_and_view(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mended_fit, "COMPONENTS", 8)
    monkeypatch.setattr(mended_fit, "RIDGE", 0.5)
    kept = Seen(*(getattr(seen, name)[:700] for name in Seen.__dataclass_fields__))
    turn = learn(kept)["turn"]
    rows = np.c_[seen.beside[700:], np.ones(200)]
    told = np.einsum("nj,nd,jdk->nk", by_view(seen.axis[700:]), rows, turn)
    left = told - seen.turned[700:]
    assert np.sqrt((left**2).mean()) < 0.2 * seen.turned[700:].std()


def test_it_learns_that_gazes_meet_the_camera(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mended_fit, "COMPONENTS", 8)
    told = []
    monkeypatch.setattr(mended_fit.log, "info", lambda text, *numbers: told.append((text, *numbers)))
    learn(replace(seen, turned=seen.turned * 0, toward=seen.toward * 0))
    (before, after) = next(numbers for text, *numbers in told if text.startswith("gaze"))
    assert after < 0.9 * before
