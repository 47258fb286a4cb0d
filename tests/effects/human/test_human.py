"""The effects on people, as hosts run them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness import performance
from likeness.effects.human import looks, parameters
from likeness.effects.human.human import HUMAN
from likeness.errors import BadInput, BadOutput, BadRequest
from likeness.job import run_job
from likeness.performance import ARKIT
from likeness.request import Request
from likeness.results import Result

Run = Callable[..., Sequence[Result]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def go(
        effect: str, out: str = "out", inputs: dict[str, str] | None = None, **params: Any
    ) -> Sequence[Result]:
        params = {"texture_size": "none", **params}
        return run_job(Request(effect, inputs or {}, params, output=str(tmp_path / out)))

    return go


def document(path: str) -> dict[str, Any]:
    raw = Path(path).read_bytes()
    out: dict[str, Any] = json.loads(raw[20 : 20 + struct.unpack_from("<I", raw, 12)[0]])
    return out


def take(path: Path, rows: dict[str, list[float]], fps: float = 30.0) -> Path:
    performance.write_csv(path, performance.make(rows, fps=fps))
    return path


class TestHuman:
    def test_writes_every_format_that_is_asked_for(self, run: Run) -> None:
        results = run("human", format="all", name="Ann", seed=3, sex=-0.8)
        assert [(r.name, Path(r.path).name) for r in results] == [
            ("person", "Ann.glb"),
            ("person_usd", "Ann.usdc"),
            ("person_vrm", "Ann.vrm"),
        ]
        assert all(Path(r.path).stat().st_size > 1_000_000 for r in results)

    def test_a_seed_is_a_person_and_the_same_one_every_time(self, run: Run) -> None:
        one, again, other = (
            Path(run("human", out, seed=seed)[0].path).read_bytes()
            for out, seed in (("a", 5), ("b", 5), ("c", 6))
        )
        assert one == again
        assert one != other

    def test_the_manifest_says_what_the_person_is_made_from(self, run: Run) -> None:
        path = run("human", seed=9, hip_width=0.5, nose_length=-0.4)[0].path
        manifest = document(path)["asset"]["extras"]["likeness"]
        assert manifest["seed"] == 9
        assert manifest["sliders"] == {"seed": 9, "hip_width": 0.5, "nose_length": -0.4}
        assert set(manifest["models"]) == {"head", "body"}
        assert len(manifest["models"]["body"]["sha256"]) == 64
        assert "CC0" in manifest["sources"]["body"]
        assert manifest["clothes"] == {"shirt": "white", "trousers": "denim", "shoes": "black"}
        assert (len(manifest["visemes"]["oculus"]), len(manifest["visemes"]["microsoft"])) == (15, 22)

    def test_like_this_but_mixes_two_people_and_varies_one(self) -> None:
        def who(**values: Any) -> Any:
            return parameters.identity(HUMAN.validate(values))

        one, other = who(seed=5), who(seed=8)
        half = who(seed=5, mix_seed=8, mix=0.5)
        assert np.allclose(half, (one + other) / 2, atol=1e-5)
        assert np.array_equal(who(seed=5, mix_seed=8, mix=0.0), one)
        near, far = (np.linalg.norm(who(seed=5, variation=v) - one) for v in (0.1, 0.5))
        assert 0 < near < far < np.linalg.norm(one - other)
        assert not np.array_equal(who(seed=5, variation=0.5, variation_seed=2), who(seed=5, variation=0.5))
        tones = [looks.look(HUMAN.validate(v)).skin_tone for v in ({"seed": 5}, {"seed": 8})]
        mixed = looks.look(HUMAN.validate({"seed": 5, "mix_seed": 8, "mix": 0.25}))
        assert mixed.skin_tone == pytest.approx(0.75 * tones[0] + 0.25 * tones[1])

    def test_clothes_go_on_and_come_off(self, run: Run) -> None:
        def worn(**params: Any) -> set[str]:
            doc = document(run("human", **params)[0].path)
            return {p["extras"]["part"] for m in doc["meshes"] for p in m["primitives"]}

        assert {"shirt", "trousers", "shoes", "body"} <= worn()
        assert not {"shirt", "shoes"} & worn(shirt="none", shoes="none")

    def test_joints_take_the_names_asked_for(self, run: Run) -> None:
        nodes = document(run("human", joint_names="mixamo")[0].path)["nodes"]
        assert "mixamorig:Hips" in {node["name"] for node in nodes}

    def test_vrm_has_bones_and_expressions(self, run: Run) -> None:
        doc = document(run("human", format="vrm")[0].path)
        assert "VRMC_vrm" in doc["extensionsUsed"]
        vrm = doc["extensions"]["VRMC_vrm"]
        assert vrm["specVersion"] == "1.0"
        bones = vrm["humanoid"]["humanBones"]
        assert {"hips", "spine", "head", "leftHand", "rightFoot", "leftEye", "jaw"} <= set(bones)
        for name, bone in bones.items():
            assert doc["nodes"][bone["node"]]["name"] == name
        binds = vrm["expressions"]["preset"]["blink"]["morphTargetBinds"]
        mesh = doc["meshes"][doc["nodes"][binds[0]["node"]]["mesh"]]
        bound = {mesh["extras"]["targetNames"][b["index"]] for b in binds}
        assert bound == {"eyeBlinkLeft", "eyeBlinkRight"}
        assert set(vrm["expressions"]["custom"]) == set(ARKIT)

    @pytest.mark.parametrize(
        ("params", "says"),
        [
            ({"hip_width": 1.5}, "'hip_width' cannot be 1.5. Give a number from -1 to 1."),
            ({"age": 12}, "'age' cannot be 12. Give a number from 18 to 90."),
            ({"height_cm": 300}, "Give a number from 130 to 220."),
            ({"nose_size": 0.2}, "no parameter 'nose_size'"),
            ({"joint_names": "maya"}, "Choose one of: unreal, unity"),
            ({"name": "a/b"}, "'name' cannot be 'a/b'"),
            ({"name": " "}, "'name' cannot be ' '"),
            ({"hair": "curves"}, "Format 'glb' has no hair curves. Choose format usd or all"),
        ],
    )
    def test_a_wrong_value_is_one_sentence_before_any_work(
        self, run: Run, tmp_path: Path, params: dict[str, Any], says: str
    ) -> None:
        with pytest.raises(BadRequest) as caught:
            run("human", **params)
        assert says in str(caught.value)
        assert not list(tmp_path.rglob("*.glb"))

    def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(
        self, run: Run, tmp_path: Path
    ) -> None:
        (tmp_path / "out").write_text("a file, not a folder")
        with pytest.raises(BadOutput):
            run("human")
        assert [p.name for p in tmp_path.iterdir()] == ["out"]


class TestAnimateHuman:
    def test_a_performance_moves_shapes_head_and_eyes(self, run: Run, tmp_path: Path) -> None:
        frames = 60
        played = performance.make(
            {"jawOpen": np.linspace(0, 1, frames).tolist()},
            fps=24,
            head=np.linspace([0, 0, 0], [0.4, 0, 0], frames),
            eyes=np.zeros((frames, 2, 3)),
        )
        performance.write_csv(tmp_path / "take.csv", played)
        path = run("animate_human", inputs={"performance": str(tmp_path / "take.csv")})[0].path
        doc = document(path)
        names = {doc["nodes"][c["target"]["node"]]["name"] for c in doc["animations"][0]["channels"]}
        assert {"Person_Face_LOD0", "Person_Face_LOD2", "head", "neck_01", "eye_l", "eye_r", "jaw"} <= names
        clock = doc["accessors"][doc["animations"][0]["samplers"][0]["input"]]
        assert clock["count"] == frames
        assert clock["max"][0] == pytest.approx((frames - 1) / 24, abs=1e-3)

    def test_the_frame_rate_can_be_chosen(self, run: Run, tmp_path: Path) -> None:
        csv = take(tmp_path / "take.csv", {"jawOpen": [0.0] * 31}, fps=30)
        path = run("animate_human", inputs={"performance": str(csv)}, fps=60.0)[0].path
        doc = document(path)
        assert doc["accessors"][doc["animations"][0]["samplers"][0]["input"]]["count"] == 61

    def test_missing_and_foreign_columns_are_borne(self, run: Run, tmp_path: Path) -> None:
        csv = tmp_path / "phone.csv"
        csv.write_text(
            "Timecode,BlendshapeCount,JawOpen,Sparkle\n00:00:01:00,61,0.5,1\n00:00:01:01,61,0.6,1\n"
        )
        results = run("animate_human", inputs={"performance": str(csv)}, format="usd")
        assert [r.name for r in results] == ["person_usd"]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("a,b\n1,2\n", "no header with the names of facial shapes"),
            ("Timecode,BlendshapeCount,JawOpen\n", "0 rows of animation"),
            ("Timecode,BlendshapeCount,JawOpen\n00:00:01:00,61,much\n", "much"),
        ],
    )
    def test_a_file_that_is_no_performance_is_told_in_one_sentence(
        self, run: Run, tmp_path: Path, text: str, says: str
    ) -> None:
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(BadInput, match=says):
            run("animate_human", inputs={"performance": str(tmp_path / "bad.csv")})
        assert not list(tmp_path.rglob("*.glb"))

    def test_the_performance_is_needed(self, run: Run) -> None:
        with pytest.raises(BadRequest, match="needs the input 'performance'"):
            run("animate_human")
