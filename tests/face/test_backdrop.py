"""A shot's backdrop: what its head hides in one frame, others show, if the camera stands."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.cache import dump, load
from likeness.face.backdrop import LIKELY_BARE, MOST, SURELY_BARE, Backdrop, choose, join, of, pack
from likeness.media.look import Pixels

WALL = np.random.default_rng(3).uniform(0.2, 0.8, (30, 40, 3)).repeat(4, 0).repeat(4, 1).astype(np.float32)


def framed(wall: Pixels, left: int) -> tuple[Pixels, np.ndarray]:
    """A frame of a wall, with a head from column `left` on."""
    picture, bare = wall.copy(), np.full(wall.shape[:2], SURELY_BARE, np.uint8)
    picture[30:90, left : left + 50], bare[26:94, left - 4 : left + 54] = 0.05, 0
    return picture, bare


@pytest.fixture(scope="module")
def backdrop() -> Backdrop:
    made = join([framed(WALL, left) for left in (20, 60, 90)], 4.0, (0, 0))
    assert made is not None
    return made


def test_it_shows_what_any_frame_does(backdrop: Backdrop) -> None:
    assert np.abs(backdrop.picture - WALL).max() < 1e-3


def test_it_is_cached_as_it_is(backdrop: Backdrop) -> None:
    part = backdrop.within((50, 20, 70, 80))
    again = of(load(dump(pack(part))))
    assert again is not None
    assert again.origin == (50, 20)
    assert again.picture.tobytes() == part.picture.tobytes()
    assert of(load(dump(pack(None)))) is None


def test_what_none_shows_is_made_up_once() -> None:
    made = join([framed(WALL, left) for left in (40, 60)], 4.0, (0, 0))
    assert made is not None
    off = np.abs(made.picture - WALL).max(axis=2)
    assert off[32:88, 62:86].max() > 0.1
    assert np.isfinite(made.picture).all()
    off[26:94, 56:94] = 0
    assert off.max() < 1e-3


def test_what_frames_likely_show_alike_is_not_made_up() -> None:
    frames = [framed(WALL, left) for left in (40, 60)]
    for _, bare in frames:
        bare[26:60, 56:94] = LIKELY_BARE
    frames[1][0][30:90, 60:110] = WALL[30:90, 60:110]
    frames[0][0][30:60, 40:90] = WALL[30:60, 40:90]
    frames[0][0][30:60, 80:90] += 0.3  # there they do not
    made = join(frames, 4.0, (0, 0))
    assert made is not None
    off = np.abs(made.picture - WALL).max(axis=2)
    assert off[:60, :80].max() < 1e-3
    assert off[60:90, 60:90].max() > 0.1
    assert off[32:58, 82:88].max() > 0.05


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_no_light_is_too_bright_for_it() -> None:
    """A lamp, clipped at the same value in every light, and the sun."""
    wall, frames = WALL.copy(), []
    wall[:20, :12], wall[100:110, 100:110] = 1e9, -1e9
    for left, light in ((60, 1.2), (20, 0.8), (90, 1.2)):
        picture, bare = framed(np.float32(light) * wall, left)
        picture[40:60, 70:80] = 60000
        frames.append((picture, bare))
    made = join(frames, 4.0, (0, 0))
    assert made is not None
    assert made.picture.max() == made.picture[0, 0, 0] == -made.picture.min() == 65504
    assert (made.picture[40:60, 70:80] > 59000).all()
    own, bare = frames[0]
    own[:, :5] = np.inf
    shown, _ = made.within((20, 20, 100, 80)).matched(own, (bare > 0) & np.isfinite(own).all(axis=2), (0, 0))
    assert np.isfinite(shown).all()


def test_a_moving_camera_shows_none() -> None:
    assert (
        join([framed(np.roll(WALL, 2 * k, axis=1), left) for k, left in enumerate((20, 60, 90))], 4.0, (0, 0))
        is None
    )
    assert join([framed(WALL, 20)], 4.0, (0, 0)) is None


def test_a_frame_takes_it_in_its_own_light(backdrop: Backdrop) -> None:
    down = np.linspace(0.5, 0.7, len(WALL), dtype=np.float32)[:, None, None]
    own, bare = framed(down * WALL, 60)
    shown, sure = backdrop.matched(own, bare > 0, (0, 0))
    assert np.abs(shown - down * WALL).max() < 0.02
    assert sure.min() > 0.99


def test_another_background_is_told_by_what_is_beside_the_head(backdrop: Backdrop) -> None:
    own, bare = framed(WALL, 60)
    own[:, 80:] = 1 - own[:, 80:]
    _, sure = backdrop.matched(own, bare > 0, (0, 0))
    assert sure[:, 20:60].min() > 0.9
    assert sure[:, 110:].max() < 0.3


def test_beyond_its_box_it_knows_nothing(backdrop: Backdrop) -> None:
    own, bare = framed(WALL, 60)
    part = backdrop.within((50, 20, 70, 80))
    shown, sure = part.matched(own[10:, 30:], bare[10:, 30:] > 0, (30, 10))
    assert np.abs(shown - WALL[10:, 30:])[10:90, 20:90].max() < 0.02
    assert (sure[:10] == 0).all()
    assert sure[30:70, 40:70].min() > 0.9


def test_frames_are_chosen_where_the_head_is_elsewhere() -> None:
    points = np.random.default_rng(1).normal(0, 1, (450, 2)) + np.zeros((20, 1, 2))
    points[7] += [50, 0]
    points[12] -= [40, 0]
    assert set(choose(points, 1)[1:3]) == {7, 12}
    assert len(choose(points, 1)) == MOST
    assert len(choose(points, 10**7)) == 3
    assert len(choose(points[:2], 1)) == 2
