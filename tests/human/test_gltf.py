"""GLB: what Khronos' validator says, and what a reader of the file finds."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness import performance
from likeness.errors import BadOutput
from likeness.human.assemble import Character, Material, make_character
from likeness.human.figure import Figure
from likeness.human.gltf import tangents, write_glb
from likeness.human.lod import BUDGETS
from likeness.human.perform import perform
from likeness.human.png import encode
from likeness.performance import ARKIT

TYPES = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
Report = Callable[[Path], dict[str, Any]]


class Glb:
    """A GLB as read from its bytes, by nothing of ours."""

    def __init__(self, path: Path) -> None:
        raw = path.read_bytes()
        magic, version, size = struct.unpack_from("<III", raw)
        assert (magic, version, size) == (0x46546C67, 2, len(raw))
        length = struct.unpack_from("<I", raw, 12)[0]
        self.json = json.loads(raw[20 : 20 + length])
        self.data = raw[20 + length + 8 :]

    def view(self, index: int) -> bytes:
        view = self.json["bufferViews"][index]
        return self.data[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]

    def array(self, index: int) -> np.ndarray:
        entry = self.json["accessors"][index]
        width, kind = WIDTH[entry["type"]], TYPES[entry["componentType"]]
        out = np.zeros((entry["count"], width), kind)
        if "bufferView" in entry:
            out = np.frombuffer(self.view(entry["bufferView"]), kind).reshape(-1, width)
        if "sparse" in entry:
            sparse = entry["sparse"]
            rows = np.frombuffer(
                self.view(sparse["indices"]["bufferView"]), TYPES[sparse["indices"]["componentType"]]
            )
            out = out.copy()
            out[rows] = np.frombuffer(self.view(sparse["values"]["bufferView"]), kind).reshape(-1, width)
        return out

    def mesh(self, name: str) -> dict[str, Any]:
        return next(m for m in self.json["meshes"] if m["name"] == name)


@pytest.fixture(scope="module")
def file(person: Character, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("glb") / "Tom.glb"
    write_glb(path, person)
    return path


@pytest.fixture(scope="module")
def glb(file: Path) -> Glb:
    return Glb(file)


def textured() -> Material:
    rng = np.random.default_rng(0)
    color, gray = (rng.uniform(0, 1, shape).astype(np.float32) for shape in ((16, 16, 3), (16, 16)))
    normal = np.zeros((16, 16, 3), np.float32) + np.float32([0, 0, 1])
    return Material("head", color, gray, normal=normal, occlusion=gray, ior=1.4)


def test_the_validator_finds_no_error_and_no_warning(file: Path, validate: Report) -> None:
    issues = validate(file)["issues"]
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), [
        m for m in issues["messages"] if m["severity"] < 2
    ]


def test_textures_are_valid_too(average: Figure, tmp_path: Path, validate: Report) -> None:
    character = make_character("T", average, levels=1)
    glass = Material("tears", alpha=np.full((8, 8), 0.5, np.float32), alpha_mode="BLEND", transmission=0.9)
    table = {m.name: m for m in (*character.materials, textured(), glass)}
    write_glb(tmp_path / "T.glb", replace(character, materials=tuple(table.values())))
    report = validate(tmp_path / "T.glb")
    issues = report["issues"]
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), [
        m for m in issues["messages"] if m["severity"] < 2
    ]
    images = [r for r in report["info"]["resources"] if r.get("mimeType") == "image/png"]
    assert sorted((i["image"]["width"], i["image"]["height"]) for i in images) == [(8, 8)] + [(16, 16)] * 3


def test_a_take_is_valid_and_moves_shapes_and_the_jaws_joint(
    somebody: Figure, tmp_path: Path, validate: Report
) -> None:
    character = make_character("T", somebody, levels=1)
    played = performance.make({"jawOpen": [0.0, 1.0], "jawForward": [0.0, 1.0]}, fps=25)
    write_glb(tmp_path / "T.glb", character, perform(played, character.skeleton, "unreal"))
    issues = validate(tmp_path / "T.glb")["issues"]
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]
    glb = Glb(tmp_path / "T.glb")
    take, jaw = glb.json["animations"][0], character.skeleton.index("jaw")
    by_path = {c["target"]["path"]: c["sampler"] for c in take["channels"] if c["target"]["node"] == jaw}
    turn, place = (glb.array(take["samplers"][by_path[p]]["output"]) for p in ("rotation", "translation"))
    assert np.degrees(2 * np.arccos(turn[1, 3])) == pytest.approx(25, abs=3)
    assert np.allclose(place[0], character.skeleton.local()[jaw] / 100, atol=1e-6)
    assert place[1, 2] - place[0, 2] == pytest.approx(0.009, abs=0.002)


def test_tangents_follow_the_textures_u(average: Figure) -> None:
    part = next(p for p in make_character("T", average, levels=1, shaped=0).levels[0] if p.name == "head")
    found = tangents(part).astype(float)
    assert np.allclose(np.linalg.norm(found[:, :3], axis=1), 1, atol=1e-5)
    assert np.abs((found[:, :3] * part.normals).sum(1)).max() < 1e-5
    a, b, c = (part.triangles[:, k] for k in range(3))
    edge = np.stack([part.vertices[b] - part.vertices[a], part.vertices[c] - part.vertices[a]], 1)
    turn = np.stack([part.uv[b] - part.uv[a], part.uv[c] - part.uv[a]], 1).astype(float)
    u = np.linalg.solve(turn, edge)[:, 0]
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    assert np.median((u * found[a, :3]).sum(1)) > 0.95


def test_nodes_are_named_by_level_and_hang_on_the_finest(glb: Glb) -> None:
    nodes = glb.json["nodes"]
    names = [n["name"] for n in nodes if "mesh" in n]
    assert names == [f"{n}_LOD{i}" for i in range(4) for n in ("Tom", "Tom_Face") if i < 3 or n == "Tom"]
    first = next(n for n in nodes if n["name"] == "Tom_LOD0")
    linked = [nodes[i]["name"] for i in first["extensions"]["MSFT_lod"]["ids"]]
    assert linked == ["Tom_LOD1", "Tom_LOD2", "Tom_LOD3"]
    shown = {nodes[i]["name"] for i in glb.json["scenes"][0]["nodes"]}
    assert {"Tom_LOD0", "Tom_Face_LOD0"} <= shown
    assert not any(name.endswith(("LOD1", "LOD2", "LOD3")) for name in shown)


def test_every_level_is_within_five_percent_of_its_budget(glb: Glb) -> None:
    for level, budget in enumerate(BUDGETS):
        meshes = [m for m in glb.json["meshes"] if m["name"].endswith(f"LOD{level}")]
        count = sum(len(glb.array(p["indices"])) // 3 for m in meshes for p in m["primitives"])
        assert abs(count - budget) <= 0.05 * budget, level


@pytest.mark.parametrize("level", range(3))
def test_the_52_shapes_are_there_by_name(glb: Glb, level: int) -> None:
    mesh = glb.mesh(f"Tom_Face_LOD{level}")
    assert mesh["extras"]["targetNames"] == list(ARKIT)
    assert all(len(p["targets"]) == 52 for p in mesh["primitives"])
    for name in ARKIT:
        k = ARKIT.index(name)
        reach = max(np.abs(glb.array(p["targets"][k]["POSITION"])).max() for p in mesh["primitives"])
        assert reach > 0.001, name  # a millimetre


def test_shapes_and_skin_are_the_persons_own_in_metres(glb: Glb, person: Character) -> None:
    part = next(p for p in person.levels[0] if p.name == "head")
    primitive = next(p for p in glb.mesh("Tom_Face_LOD0")["primitives"] if p["extras"]["part"] == "head")
    assert np.allclose(glb.array(primitive["attributes"]["POSITION"]), part.vertices / 100, atol=1e-6)
    for name in ("jawOpen", "eyeBlinkLeft", "tongueOut", "browInnerUp"):
        target = primitive["targets"][ARKIT.index(name)]
        assert np.allclose(glb.array(target["POSITION"]), part.shapes[name] / 100, atol=2e-6)
        assert np.allclose(glb.array(target["NORMAL"]), part.shape_normals[name], atol=2e-3)
    joints, weights = (glb.array(primitive["attributes"][n]) for n in ("JOINTS_0", "WEIGHTS_0"))
    assert np.allclose(weights.sum(1), 1, atol=1e-6)
    assert joints.max() < len(glb.json["skins"][0]["joints"])
    assert not joints[weights == 0].any()


def test_the_skin_rests_where_its_joints_are(glb: Glb, person: Character) -> None:
    inverse = glb.array(glb.json["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4)
    placed = np.zeros((len(inverse), 3))
    for i, node in enumerate(glb.json["nodes"][: len(inverse)]):
        placed[i] += node["translation"]
        for child in node.get("children", ()):
            placed[child] += placed[i]
    assert np.allclose(placed, person.skeleton.positions / 100, atol=1e-5)
    assert np.allclose(inverse[:, 3, :3], -placed, atol=1e-5)


def test_the_manifest_is_inside(glb: Glb) -> None:
    assert glb.json["asset"]["extras"] == {"likeness": {"seed": 7}}


def test_the_same_person_is_the_same_bytes(somebody: Figure, file: Path, tmp_path: Path) -> None:
    again = make_character("Tom", somebody, recipe={"likeness": {"seed": 7}})
    write_glb(tmp_path / "Tom.glb", again)
    assert (tmp_path / "Tom.glb").read_bytes() == file.read_bytes()


def test_a_place_that_cannot_be_written_is_named(person: Character, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadOutput, match=r"Tom\.glb"):
        write_glb(tmp_path / "file" / "Tom.glb", person)


@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_png_gives_back_what_was_put_in(channels: int | None) -> None:
    shape = (5, 7) if channels is None else (5, 7, channels)
    picture = np.random.default_rng(1).integers(0, 256, shape)
    data = encode(picture / 255)
    length = struct.unpack_from(">I", data, 33)[0]
    rows = np.frombuffer(zlib.decompress(data[41 : 41 + length]), np.uint8).reshape(5, -1)
    assert (rows[:, 0] == 2).all()
    pixels = np.cumsum(rows[:, 1:].astype(int), axis=0) % 256
    assert np.array_equal(pixels.reshape(shape), picture)
