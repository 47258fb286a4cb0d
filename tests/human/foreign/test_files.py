"""Mesh files of others: what is read from them, and what is refused with which words."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness.errors import BadInput
from likeness.human.foreign import scene as scenes
from likeness.human.foreign.gltf_file import write as write_glb
from likeness.human.foreign.scene import read
from likeness.human.foreign.usd_file import write as write_usd
from likeness.human.gltf import pack

SQUARE = (
    "o s\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nusemtl red\nf 1/1 2/2 3/3 4/4\n"
)
UP = np.diag([0.01, 0.01, 0.01, 1.0])


def obj(folder: Path, text: str = SQUARE) -> Path:
    path = folder / "square.obj"
    path.write_text(text)
    return path


def glb(folder: Path, change: dict[str, Any] | None = None, cut: int = 0) -> Path:
    """The square as GLB, with entries of the document changed, or its end missing."""
    scene = read(obj(folder))
    none = [np.zeros((0, 4, 3), np.float32)]
    write_glb(path := folder / "square.glb", scene, (), none, none, UP, {})
    document, data = opened(path)
    raw = pack(document | (change or {}), data)
    path.write_bytes(raw[: len(raw) - cut])
    return path


def opened(path: Path) -> tuple[dict[str, Any], bytes]:
    raw = path.read_bytes()
    length = struct.unpack_from("<I", raw, 12)[0]
    return json.loads(raw[20 : 20 + length]), raw[28 + length :]


class TestObj:
    def test_polygons_textures_and_materials_are_kept(self, tmp_path: Path) -> None:
        piece = read(obj(tmp_path)).pieces[0]
        assert piece.counts.tolist() == [4] and piece.corners.tolist() == [0, 1, 2, 3]
        assert piece.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
        assert piece.uv is not None and piece.uv[2].tolist() == [1, 1]
        assert piece.materials[0][0] == "red"

    def test_numbers_may_count_from_the_end(self, tmp_path: Path) -> None:
        text = "v 0 0 0\nv 1 0 0\nv 1 1 0\nf -3 -2 -1\n"
        assert read(obj(tmp_path, text)).pieces[0].corners.tolist() == [0, 1, 2]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("v 0 0 0\nf 1 2 3\n", "names a point that is not there"),
            ("v a b c\nf 1 1 1\n", "is no OBJ"),
            ("v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "is not a number"),
            ("v 0 0 0\n", "has no polygons"),
            ("", "has no polygons"),
        ],
    )
    def test_what_is_wrong_is_said(self, tmp_path: Path, text: str, words: str) -> None:
        with pytest.raises(BadInput, match=words):
            read(obj(tmp_path, text))

    def test_binary_is_no_obj(self, tmp_path: Path) -> None:
        (tmp_path / "a.obj").write_bytes(b"\xff\xfe\x00v 1")
        with pytest.raises(BadInput, match="is no OBJ"):
            read(tmp_path / "a.obj")


class TestGlb:
    def test_it_comes_back_as_it_was(self, tmp_path: Path) -> None:
        scene = read(glb(tmp_path))
        piece = scene.pieces[0]
        assert scene.meters == 1.0 and scene.up == "Y"
        assert piece.points.tolist() == read(tmp_path / "square.obj").pieces[0].points.tolist()
        assert np.allclose(piece.in_scene().max(0), [0.01, 0.01, 0])
        assert piece.uv is not None and piece.uv.max() == 1

    def test_text_with_its_name_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.glb").write_text("This is a letter, not a mesh at all.")
        with pytest.raises(BadInput, match="'a.glb' cannot be read: it is no GLB"):
            read(tmp_path / "a.glb")

    def test_a_cut_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="its end is missing"):
            read(glb(tmp_path, cut=20))

    @pytest.mark.parametrize(
        "uri", ["../secret.bin", "/etc/passwd", "file:///etc/passwd", "%2e%2e/secret.bin"]
    )
    def test_a_buffer_elsewhere_is_not_opened(self, tmp_path: Path, uri: str) -> None:
        (tmp_path / "secret.bin").write_bytes(b"0" * 999)
        (folder := tmp_path / "in").mkdir()
        with pytest.raises(BadInput, match="does not lie beside it"):
            read(glb(folder, {"buffers": [{"byteLength": 9, "uri": uri}]}))

    def test_a_link_that_leads_out_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "secret.bin").write_bytes(b"0" * 999)
        (folder := tmp_path / "in").mkdir()
        (folder / "data.bin").symlink_to(tmp_path / "secret.bin")
        with pytest.raises(BadInput, match="does not lie beside it"):
            read(glb(folder, {"buffers": [{"byteLength": 9, "uri": "data.bin"}]}))

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"extensionsRequired": ["KHR_draco_mesh_compression"]}, "is compressed"),
            ({"buffers": [{"byteLength": 1 << 40}]}, "a buffer is cut off"),
            ({"bufferViews": [{"buffer": 0, "byteOffset": -8, "byteLength": 9}]}, "outside of it"),
            ({"accessors": []}, "no valid glTF"),
            ({"nodes": [{"children": [0]}]}, "hangs on two others"),
            ({"nodes": [{"mesh": 99}]}, "no valid glTF"),
            ({"scenes": 7}, "no valid glTF"),
            ({"nodes": [{"mesh": 0, "scale": [0, 0, 0]}]}, "scaled to nothing"),
        ],
    )
    def test_what_is_wrong_is_said(self, tmp_path: Path, change: dict[str, Any], words: str) -> None:
        with pytest.raises(BadInput, match=words):
            read(glb(tmp_path, change))

    def test_an_array_longer_than_its_data_is_refused(self, tmp_path: Path) -> None:
        document, _ = opened(glb(tmp_path))
        document["accessors"][0]["count"] = 1 << 40
        with pytest.raises(BadInput, match="longer than its data"):
            read(glb(tmp_path, document))

    def test_two_nodes_of_one_mesh_become_two(self, tmp_path: Path) -> None:
        nodes = [{"children": [1, 2]}, {"mesh": 0}, {"mesh": 0, "translation": [3, 0, 0]}]
        scene = read(glb(tmp_path, {"nodes": nodes}))
        assert len(scene.pieces) == 2 and len(scene.source.document["meshes"]) == 2
        assert scene.pieces[1].in_scene()[0, 0] == 3


class TestUsd:
    def test_polygons_and_textures_are_kept(self, tmp_path: Path) -> None:
        scene = read(obj(tmp_path))
        write_usd(path := tmp_path / "square.usda", scene, (), [np.zeros((0, 4, 3))], "Z", 0.01, {})
        again = read(path)
        assert again.up == "Z" and again.meters == 0.01
        assert again.pieces[0].counts.tolist() == [4]
        assert again.pieces[0].uv is not None and again.pieces[0].uv[2].tolist() == [1, 1]
        assert again.pieces[0].materials[0][0] == "red"

    def test_text_with_its_name_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.usdc").write_text("This is a letter.")
        with pytest.raises(BadInput, match="'a.usdc' cannot be read: it is no USD"):
            read(tmp_path / "a.usdc")


class TestSize:
    def test_too_many_triangles_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scenes, "MOST_TRIANGLES", 1)
        with pytest.raises(BadInput, match="has 2 triangles, more than 1"):
            read(obj(tmp_path))

    def test_a_huge_file_is_refused_unread(self, tmp_path: Path) -> None:
        with (path := tmp_path / "a.glb").open("wb") as file:
            file.truncate(scenes.MOST_BYTES + 1)
        with pytest.raises(BadInput, match="more than"):
            read(path)

    def test_another_format_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="Save it as GLB, USD or OBJ"):
            read(tmp_path / "a.stl")
