"""Pictures that are hard or hopeless: a clear sentence or a sane answer, never a crash."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from likeness.errors import BadInput
from likeness.face.fit import default_lens, fit_still, interocular
from likeness.face.track import Seen, follow, follow_all
from likeness.head.model import Head
from likeness.media.look import Look, Shown

Bytes = NDArray[np.uint8]


class One:
    """A source of one picture."""

    frames = (1,)

    def __init__(self, picture: Bytes) -> None:
        self._picture = np.ascontiguousarray(picture)

    def look(self, frame: int) -> Look:
        return Shown(self._picture)


def seen(picture: Bytes) -> Seen:
    return follow_all(One(picture), [1])


@pytest.fixture(scope="module")
def astronaut() -> Bytes:
    data = pytest.importorskip("skimage.data", reason="scikit-image is an extra of the demo")
    picture: Bytes = data.astronaut()
    return picture


def resized(picture: Bytes, side: int) -> Bytes:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS))


def back_of_head() -> Bytes:
    """Combed brown hair on a round head, nothing else."""
    y, x = np.mgrid[:400, :400]
    head = ((x - 200) ** 2 + (y - 190) ** 2 / 1.2 < 130**2)[..., None]
    comb = 1 + 0.25 * np.sin(0.8 * x[..., None] + np.random.default_rng(0).normal(0, 0.3, (400, 400, 1)))
    return np.where(head, np.array([70, 45, 30]) * comb, [150, 160, 170]).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["12 px", "back of a head", "animal", "two pixels", "16K wide"])
def test_where_there_is_no_face_to_find_a_sentence_says_so(astronaut: Bytes, kind: str) -> None:
    from skimage import data

    far = np.full((480, 640, 3), 100, np.uint8)
    far[200:256, 300:356] = resized(astronaut, 56)  # a face of 12 pixels
    pictures = {
        "12 px": far,
        "back of a head": back_of_head(),
        "animal": data.chelsea(),
        "two pixels": np.full((2, 1, 3), 90, np.uint8),
        "16K wide": np.full((64, 16384, 3), 90, np.uint8),
    }
    with pytest.raises(BadInput, match="No face was found in the picture"):
        seen(pictures[kind])


def test_half_a_face_is_found_where_it_is(astronaut: Bytes) -> None:
    whole = follow(One(astronaut), [1]).points[0]
    half = seen(astronaut[:, 224:]).tracks()[0].points[0]
    inside = np.flatnonzero(whole.xy[:68, 0] > 228)
    gap = np.linalg.norm(half.xy[inside] + [224, 0] - whole.xy[inside], axis=1)
    assert len(inside) > 20
    assert np.median(gap) < 0.08 * interocular(whole.xy)
    assert half.visible[42:48].mean() > half.visible[:8].mean()


def test_ten_faces_are_ten(astronaut: Bytes) -> None:
    face = resized(astronaut[0:210, 120:330], 160)
    picture = np.full((400, 900, 3), 110, np.uint8)
    corners = [(20 + 190 * row, 10 + 178 * column) for row in range(2) for column in range(5)]
    for top, left in corners:
        picture[top : top + 160, left : left + 160] = face
    tracks = seen(picture).tracks()
    assert len(tracks) == 10
    places = {
        (round((y - 100) / 190), round((x - 90) / 178))
        for x, y in (t.points[0].xy.mean(axis=0) for t in tracks)
    }
    assert len(places) == 10


@pytest.mark.slow
@pytest.mark.parametrize("yaw", [-60, 60])
def test_a_profile_is_found_and_turned_as_it_is(shared: Path, head: Head, yaw: int) -> None:
    from likeness.training.anatomy import load_anatomy
    from likeness.training.people import render
    from likeness.training.scene import sample_pose

    def turn(head_pose: np.ndarray) -> float:
        """To which side the head's forward axis points, degrees; the camera looks the other way."""
        return float(np.degrees(np.arctan2(head_pose[0, 2], -head_pose[2, 2])))

    anatomy = load_anatomy(shared / "ict-facekit")
    for index in range(400):
        pose = sample_pose(np.random.default_rng([2, index]))
        sought = np.degrees(np.arctan2(pose.rotation[0, 2], pose.rotation[2, 2]))
        if abs(sought - yaw) < 5 and abs(pose.rotation[1, 2]) < 0.2:
            portrait = render(2, index, anatomy)
            turned = turn(portrait.labels["head_pose"])
            if abs(turned - yaw) < 5:  # a face that is hidden is drawn anew, in another pose
                break
    points = follow(One(portrait.image), [1]).points[0]
    _, fit = fit_still(head, points, default_lens(224, 224))
    assert turn(fit.rotation) == pytest.approx(turned, abs=20)
