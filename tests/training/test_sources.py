"""The fetched data: what a repository holds comes, is repacked and must be what was promised."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import BadInput, LikenessError
from likeness.training import sources

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0.5], [0, 1, 0.25]])
FACES = "usemtl M_Face\nf 1/1 2/2 3/3 4/4\nusemtl M_Teeth\nf 1/1 2/2 3/3\n"


def obj(vertices: np.ndarray) -> str:
    lines = [f"v {x} {y} {z}" for x, y, z in vertices]
    return "\n".join([*lines, *(f"vt {x} {y}" for x, y, _ in CORNERS)]) + "\n" + FACES


@pytest.fixture
def repository(tmp_path: Path) -> sources.Repository:
    """A real repository with a head of four vertices, one person more and two shapes."""
    home = tmp_path / "repository"
    model = home / "FaceXModel"
    model.mkdir(parents=True)
    (model / f"{sources.NEUTRAL}.obj").write_text(obj(CORNERS))
    (model / "identity000.obj").write_text(obj(CORNERS * 2))
    (model / "jawOpen.obj").write_text(obj(CORNERS - [0, 0.5, 0]))
    (model / "browDown_L.obj").write_text(obj(CORNERS - [0, 0, -0.125]))
    (model / "vertex_indices.json").write_text('{"idx_to_landmark_verts": [0, 1]}')
    (home / "LICENSE").write_text("MIT")
    (home / "big.bin").write_text("not needed")
    git(home, "init", "-q", "-b", "main")
    git(home, "config", "uploadpack.allowFilter", "true")
    git(home, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(home, "add", "-A")
    git(home, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "data")
    return sources.Repository(home.as_uri(), git(home, "rev-parse", "HEAD"), ("FaceXModel",))


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_what_the_commit_holds_comes_repacked(repository: sources.Repository, tmp_path: Path) -> None:
    pinned = {"vertices": hashlib.sha256(CORNERS.astype(np.float32).tobytes()).hexdigest()}
    sources.fetch_head(tmp_path / "head", repository, pinned)
    assert {path.name for path in (tmp_path / "head").iterdir()} == {
        "ict_facekit_light.npz", "vertex_indices.json", "LICENSE",
    }  # fmt: skip
    with np.load(tmp_path / "head" / "ict_facekit_light.npz") as data:
        assert data["vertices"].dtype == np.float32
        assert np.array_equal(data["vertices"], CORNERS.astype(np.float32))
        assert data["face_vertex_counts"].tolist() == [4, 3]
        assert data["face_vertex_indices"].tolist() == [0, 1, 2, 3, 0, 1, 2]
        assert data["face_material"].tolist() == [0, 1]
        assert data["materials"].tolist() == ["M_Face", "M_Teeth"]
        assert data["expression_names"].tolist() == ["browDown_L", "jawOpen"]
        assert np.array_equal(data["expression_deltas"][1], np.tile([0, -0.5, 0], (4, 1)))
        assert np.array_equal(data["identity_deltas"][0], CORNERS)
        assert data["identity_deltas"].dtype == np.float16


def test_other_data_than_promised_is_refused(repository: sources.Repository, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not the promised data"):
        sources.fetch_head(tmp_path / "head", repository, {"vertices": "0" * 64})
    assert not (tmp_path / "head").exists()


def test_a_commit_that_is_not_there_is_told(repository: sources.Repository, tmp_path: Path) -> None:
    with pytest.raises(LikenessError, match="cannot be fetched"):
        sources.fetch_head(tmp_path / "head", replace(repository, commit="1" * 40), {})


def test_the_pins_are_those_of_the_data_at_hand(shared: Path) -> None:
    if not (shared / "makehuman").is_dir():
        pytest.skip("No shared/makehuman.")
    assert sources.digest(shared / "makehuman") == sources.BODY_SHA256
    with np.load(shared / "ict-facekit" / "ict_facekit_light.npz") as data:
        for name, sha256 in sources.HEAD_SHA256.items():
            assert hashlib.sha256(np.ascontiguousarray(data[name]).tobytes()).hexdigest() == sha256, name
