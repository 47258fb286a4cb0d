"""Portraits and people from photos, as hosts run them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness.effects.human.human_portrait import view_of
from likeness.errors import BadInput, BadRequest
from likeness.face.detect import detect
from likeness.head.model import eye_rotation
from likeness.job import run_job
from likeness.media import open_source
from likeness.media.image import rgb
from likeness.performance import make
from likeness.request import Request
from likeness.results import Result
from tests.blender.conftest import python_of

Run = Callable[..., Sequence[Result]]
PLAIN = {"texture_size": "512"}
DRAWN = {"renderer": "rasterizer", "sheet": "single"}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def go(effect: str, inputs: dict[str, str] | None = None, **params: Any) -> Sequence[Result]:
        return run_job(Request(effect, inputs or {}, {**PLAIN, **params}, output=str(tmp_path / "out")))

    return go


def view(path: str) -> np.ndarray:
    source = open_source(path, colorspace="data")
    return rgb(source.read(source.frames[0]))


class TestPortrait:
    def test_the_face_detector_finds_the_person(self, run: Run) -> None:
        path = run("human_portrait", **DRAWN, picture_size=256, seed=4, style="crop")[0].path
        picture = np.ascontiguousarray(view(path), np.float32)
        faces = detect(picture)
        assert len(faces.boxes) == 1
        x0, y0, x1, y1 = faces.boxes[0]
        assert 60 < (x1 - x0) < 200 and x0 < 128 < x1 and y0 < 140 < y1

    def test_an_expression_changes_the_mouth_alone(self, run: Run) -> None:
        common = {**DRAWN, "picture_size": 192, "style": "bald", "turn_deg": 0.0}
        rest = view(run("human_portrait", **common)[0].path)
        open_ = view(run("human_portrait", expression={"jawOpen": 0.8}, **common)[0].path)
        change = np.abs(open_ - rest).sum(2)
        assert change[96:170, 60:132].mean() > 10 * change[:70].mean()

    def test_lights_differ(self, run: Run) -> None:
        common = {**DRAWN, "picture_size": 128, "style": "bald"}
        means = [
            view(run("human_portrait", light=light, **common)[0].path).mean()
            for light in ("soft", "hard", "back")
        ]
        assert np.ptp(means) > 0.02

    @pytest.mark.slow
    def test_a_take_that_moves_goes_with_the_expressions(self, run: Run) -> None:
        sheet, take = run(
            "human_portrait", renderer="rasterizer", picture_size=64, style="bald", take_s=0.125
        )
        assert view(sheet.path).shape == (3 * 64, 4 * 64, 3)
        movie = open_source(take.path, colorspace="data")
        assert len(movie.frames) == 3 and (movie.width, movie.height) == (64, 64)
        first, last = (rgb(movie.read(frame)) for frame in (movie.frames[0], movie.frames[-1]))
        assert np.abs(first - last).max() > 0.02

    @pytest.mark.slow
    def test_cycles_draws_what_the_rasterizer_draws(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIKENESS_BLENDER", str(python_of("4.5")))
        common = {"sheet": "single", "picture_size": 96, "style": "crop", "turn_deg": 10.0}
        common |= {"expression": {"jawOpen": 0.7}, "hair_melanin": 0.2}
        mine = run("human_portrait", renderer="rasterizer", **common)[0]
        theirs = run("human_portrait", renderer="cycles", samples=4, **common)[0]
        assert (mine.meta["cycles"], theirs.meta["cycles"]) == (False, True)
        a, b = (view(each.path)[..., 1].ravel() for each in (mine, theirs))
        assert np.corrcoef(a, b)[0, 1] > 0.85
        assert abs(a.mean() - b.mean()) < 0.06

    def test_cycles_without_a_blender_is_told(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delenv("LIKENESS_BLENDER", raising=False)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(BadRequest, match="LIKENESS_BLENDER"):
            run("human_portrait", renderer="cycles", sheet="single")


def test_wrinkle_maps_name_the_shapes_that_blend_them(run: Run) -> None:
    results = {r.name: r for r in run("human", format="glb", wrinkle_maps=True)}
    table = json.loads(Path(results["wrinkles"].path).read_text())
    folder = Path(results["wrinkles"].path).parent
    assert view(str(folder / table["normal"])).shape == (512, 512, 3)
    forehead = table["groups"]["forehead"]
    assert "browInnerUp" in forehead["shapes"]
    mask = view(str(folder / forehead["mask"]))[..., "RGB".index(forehead["channel"])]
    assert 0.005 < (mask > 0.5).mean() < 0.2


class TestPhotos:
    def test_a_painting_becomes_a_person(self, run: Run, real: Path) -> None:
        photo = {"photo": str(real / "painting_sargent.jpg")}
        person, report = run("human_from_photos", photo, rights="public domain", nose_length=0.3)
        raw = Path(person.path).read_bytes()
        document = json.loads(raw[20 : 20 + struct.unpack_from("<I", raw, 12)[0]])
        manifest = document["asset"]["extras"]["likeness"]
        assert manifest["rights"] == {"rights": "public domain", "note": ""}
        assert np.abs(manifest["identity"]).max() > 0.3
        found = json.loads(Path(report.path).read_text())
        assert found["residual_interocular"] < 0.03
        assert found["look"]["hair_melanin"] > 0.5

    @pytest.mark.parametrize(
        ("params", "word"),
        [({}, "rights"), ({"rights": "consent recorded"}, "rights_note")],
    )
    def test_rights_are_asked_for(self, run: Run, real: Path, params: dict[str, str], word: str) -> None:
        with pytest.raises(BadRequest, match=word):
            run("human_from_photos", {"photo": str(real / "painting_sargent.jpg")}, **params)

    def test_a_photo_without_a_face_is_named(self, run: Run, tmp_path: Path) -> None:
        from likeness.media import write_image
        from likeness.media.image import Image

        gray = tmp_path / "wall.png"
        write_image(gray, Image(np.full((120, 160, 3), 0.4, np.float32)))
        with pytest.raises(BadInput, match="photo"):
            run("human_from_photos", {"photo": str(gray)}, rights="fictional person")

    def test_two_faces_are_one_too_many(self, run: Run, real: Path, tmp_path: Path) -> None:
        from likeness.media import write_image
        from likeness.media.image import Image

        one = view(str(real / "painting_sargent.jpg"))
        both = tmp_path / "two.png"
        write_image(both, Image(np.concatenate([one, one], 1)))
        with pytest.raises(BadInput, match="2 faces"):
            run("human_from_photos", {"photo": str(both)}, rights="public domain")


def test_eyes_look_down_where_a_performance_does() -> None:
    """A performance's pitch is positive looking down, a view's up: takes looked up where they should not."""
    down = make({"eyeLookDownLeft": [0.0, 0.6], "eyeLookDownRight": [0.0, 0.6]})
    eyes = np.zeros((2, 2, 3), np.float32)
    eyes[1, :, :2] = np.radians([5, 20])
    seen = view_of(replace(down, eyes=eyes), 1)
    assert seen.gaze_deg == pytest.approx((5, -20), abs=1e-4)
    assert seen.weights["eyeLookDownLeft"] == pytest.approx(0.6)
    turned = eye_rotation(*np.radians(seen.gaze_deg)) @ [0, 0, 1]
    assert turned[1] < -0.3  # y is up
