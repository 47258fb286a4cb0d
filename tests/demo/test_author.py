"""The demo performance is made by its script, moves like a person, and loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness import performance as perf
from likeness.demo import PERFORMANCE, author


@pytest.fixture(scope="module")
def take() -> perf.Performance:
    return perf.read_csv(PERFORMANCE)


def test_the_packaged_file_is_what_the_script_writes(tmp_path: Path, take: perf.Performance) -> None:
    author.main(tmp_path / "again.csv")
    again = perf.read_csv(tmp_path / "again.csv")
    np.testing.assert_allclose(again.weights, take.weights, atol=2e-6)
    np.testing.assert_allclose(again.head, take.head, atol=2e-6)
    np.testing.assert_allclose(again.eyes, take.eyes, atol=2e-6)


def test_four_seconds_that_start_and_end_at_rest(take: perf.Performance) -> None:
    assert (take.fps, len(take), take.missing) == (30.0, 120, ())
    assert np.abs(take.weights[[0, -1]]).max() < 1e-3
    assert np.abs(take.head[[0, -1]]).max() < 1e-3


def test_four_blinks_that_close_faster_than_they_open(take: perf.Performance) -> None:
    lid = take["eyeBlinkLeft"]
    tops = [k for k in range(1, 119) if lid[k] > 0.95 and lid[k - 1] <= 0.95]
    assert len(tops) == 4
    assert np.diff(lid).max() > 1.5 * -np.diff(lid).min()


def test_the_lips_meet_on_b_and_m_and_not_between(take: perf.Performance) -> None:
    opening = take["jawOpen"] - take["mouthClose"]
    frames = {sound: round(center * take.fps) for sound, center in author.SPEECH}
    bilabials = [round(center * take.fps) for sound, center in author.SPEECH if sound == "b"]
    assert all(opening[k - 1 : k + 2].min() < 0.02 < take["jawOpen"][k] for k in bilabials)
    assert opening[frames["o"]] > 0.3 and take["mouthFunnel"][frames["o"]] > 0.3
    assert take["mouthPucker"][frames["u"]] > 0.5 and take["mouthRollLower"][frames["f"]] > 0.25


def test_the_eyes_keep_their_target_while_the_head_moves(take: perf.Performance) -> None:
    moving = slice(round(2.9 * 30), round(3.25 * 30))
    aimed = take.eyes[moving, 0, 0] + 0.8 * take.head[moving, 0]
    assert np.ptp(take.head[moving, 0]) > 0.03
    assert np.ptp(aimed) < 0.015


def test_every_curve_stays_in_range_and_is_smooth(take: perf.Performance) -> None:
    assert take.weights.min() >= 0 and take.weights.max() <= 1
    slow = [name for name in perf.ARKIT if not name.startswith("eye")]
    speed = max(np.abs(np.diff(take[name])).max() for name in slow)
    assert speed < 0.36
    assert np.abs(np.diff(take.head, axis=0)).max() < 0.03


def test_a_smile_is_not_quite_symmetric(take: perf.Performance) -> None:
    left, right = take["mouthSmileLeft"], take["mouthSmileRight"]
    assert 0.05 < (left - right).max() < 0.25
    assert take["cheekSquintLeft"].max() > 0.4
