"""Following a face: found at once, kept through the clip, bridged where lost, never invented."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import BadInput
from likeness.face import track
from likeness.face.fit import interocular
from likeness.face.landmarks import Points
from likeness.face.track import Track, follow, follow_all
from likeness.media import open_source
from likeness.media.image import Image
from likeness.media.look import Linear, Look

LINEAR = "lin_rec709_scene"


class Pictures:
    """A source of given scene-linear pictures."""

    def __init__(self, pictures: Sequence[np.ndarray]) -> None:
        self.pictures = pictures
        self.frames = list(range(1, len(pictures) + 1))

    def look(self, frame: int) -> Look:
        return Linear(Image(self.pictures[frame - 1]), LINEAR)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """The astronaut of scikit-image, scene-linear, as float32 (512, 512, 3)."""
    data = pytest.importorskip("skimage.data", reason="scikit-image is an extra of the demo")
    encoded = data.astronaut().astype(np.float32) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


def some_points(x: float = 0.0) -> Points:
    many = np.ones(450)
    return Points(np.random.default_rng(0).uniform(0, 100, (450, 2)) + x, many, many, many, 1.0)


def test_a_portrait_is_found(portrait: np.ndarray) -> None:
    found = follow(Pictures([portrait]), [1])
    assert found.found.all()
    xy = found.points[0].xy
    assert np.hypot(*(xy[36:48].mean(axis=0) - [222, 115])) < 15
    assert 50 < interocular(xy) < 95


def test_a_small_copy_is_found_in_a_large_frame(portrait: np.ndarray) -> None:
    frame = np.full((720, 1280, 3), 0.2, np.float32)
    frame[200:456, 800:1056] = portrait[::2, ::2]
    found = follow(Pictures([frame]), [1])
    assert np.hypot(*(found.points[0].xy[36:48].mean(axis=0) - [800 + 111, 200 + 57])) < 10


@pytest.mark.parametrize("kind", ["gray", "noise", "nan"])
def test_no_face_is_a_clear_sentence(kind: str) -> None:
    frame = np.full((300, 400, 3), 0.18, np.float32)
    if kind == "noise":
        frame += np.random.default_rng(1).normal(0, 0.1, frame.shape).astype(np.float32)
    if kind == "nan":
        frame[:] = np.nan
    with pytest.raises(BadInput, match="No face was found in the picture"):
        follow(Pictures([frame]), [1])


def test_a_face_further_than_there_are_is_a_clear_sentence(portrait: np.ndarray) -> None:
    with pytest.raises(BadInput, match=r"There are not 4 faces to choose from; 2 were found at once"):
        follow(Pictures(two_people(portrait, 1)), [1], index=3)


def test_a_face_that_leaves_is_marked_lost(portrait: np.ndarray) -> None:
    gray = np.full_like(portrait, 0.18)
    found = follow(Pictures([portrait, portrait, gray, portrait]), [1, 2, 3, 4])
    assert found.found.tolist() == [True, True, False, True]
    assert found.points[2].presence == 0


class TestRuns:
    def test_a_short_loss_is_bridged(self) -> None:
        seen = np.array([True] * 4 + [False] * 3 + [True] * 4)
        assert Track(list(range(11)), [some_points()] * 11, seen, []).runs == [(0, 11)]

    def test_a_long_loss_breaks_the_shot(self) -> None:
        seen = np.array([True] * 4 + [False] * 12 + [True] * 4)
        assert Track(list(range(20)), [some_points()] * 20, seen, []).runs == [(0, 4), (16, 20)]

    def test_a_cut_breaks_it_too(self) -> None:
        assert Track(list(range(6)), [some_points()] * 6, np.ones(6, bool), [3]).runs == [(0, 3), (3, 6)]

    def test_bridged_points_lie_between(self) -> None:
        a, b = some_points(), some_points(10.0)
        middle = track._bridge([a, None, b], np.array([True, False, True]))[1]
        assert np.allclose(middle.xy, a.xy + 5)
        assert (middle.sigma_px > a.sigma_px).all()


def test_a_cut_is_seen(portrait: np.ndarray) -> None:
    other = 1.0 - np.clip(portrait[:, ::-1], 0, 1)
    shots = [portrait] * 3 + [other] * 2
    assert follow(Pictures(shots), [1, 2, 3, 4, 5]).cuts == [3]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clip_talking_man_512", "clip_talking_glasses_512", "clip_expressions_480"])
def test_a_real_clip_is_followed_throughout(real: Path, name: str) -> None:
    with open_source(real / f"{name}.mp4") as source:
        found = follow(source, source.frames)
    assert found.found.all()
    assert found.cuts == []


def test_a_still_face_under_noise_stays_still(portrait: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    noisy = [portrait + rng.normal(0, 0.004, portrait.shape).astype(np.float32) for _ in range(24)]
    found = follow(Pictures(noisy), list(range(1, 25)))
    xy = np.stack([p.xy[17:68] for p in found.points])[6:]
    trembling = np.sqrt(xy.var(axis=0).sum(axis=1)).mean() / interocular(found.points[0].xy)
    assert trembling < 0.003


def two_people(portrait: np.ndarray, frames: int = 5) -> list[np.ndarray]:
    """The portrait at the left, and smaller and mirrored at the right."""
    out = []
    for i in range(frames):
        frame = np.full((512, 1000, 3), 0.2, np.float32)
        frame[:, 2 * i : 2 * i + 512] = portrait
        frame[100:356, 700:956] = portrait[::2, ::-2]
        out.append(frame)
    return out


@pytest.mark.parametrize(
    ("choose", "index", "x"),
    [("largest", 0, 226), ("largest", 1, 845), ("left", 0, 226), ("right", 0, 845), ("right", 1, 226)],
)
def test_every_face_is_followed_the_chosen_first(
    portrait: np.ndarray, choose: str, index: int, x: float
) -> None:
    pictures = two_people(portrait)
    seen = follow_all(Pictures(pictures), [1, 2, 3, 4, 5], choose=choose, index=index)
    tracks = seen.tracks()
    assert len(tracks) == 2
    assert abs(tracks[0].points[2].xy[36:48, 0].mean() - x) < 12
    assert abs(tracks[1].points[2].xy[36:48, 0].mean() - (226 + 845 - x)) < 12
    assert all(track.found.all() and track.frames == [1, 2, 3, 4, 5] for track in tracks)
    alone = follow(Pictures(pictures), [1, 2, 3, 4, 5], choose=choose, index=index)
    np.testing.assert_allclose(alone.points[4].xy, tracks[0].points[4].xy)


def test_a_face_that_comes_later_has_its_own_frames(portrait: np.ndarray) -> None:
    pictures = two_people(portrait, track.SEARCH_FRAMES + 6)
    for picture in pictures[:6]:
        picture[:, 600:] = 0.2
    first, later = follow_all(Pictures(pictures), list(range(1, len(pictures) + 1))).tracks()
    assert first.frames == list(range(1, len(pictures) + 1))
    assert later.frames == list(range(track.SEARCH_FRAMES + 1, len(pictures) + 1))


def test_another_face_lost_for_a_moment_stays_itself(portrait: np.ndarray) -> None:
    count = track.SEARCH_FRAMES + 3
    pictures = two_people(portrait, count)
    for picture in pictures[-6:-4]:
        picture[:, 600:] = 0.2
    tracks = follow_all(Pictures(pictures), list(range(1, count + 1))).tracks()
    assert len(tracks) == 2
    assert tracks[1].frames == list(range(1, count + 1))
    assert tracks[1].found[: count - 6].all()
    assert not tracks[1].found[-6:-4].any()
    assert tracks[1].found[-1]
