"""build.py is the one door: it needs only Python, installs only what changed, and fails in one line."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement


@pytest.fixture(scope="module")
def build(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_py", root / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[a-z,]+\])?==([^\s;\\]+)", path.read_text(), re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in found}


def test_it_imports_the_standard_library_only(root: Path) -> None:
    tree = ast.parse((root / "build.py").read_text())
    names = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    names += [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    assert names and {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_ci_runs_the_same_command_as_a_person(root: Path) -> None:
    assert "python3 build.py test" in (root / ".ci" / "run").read_text()


@pytest.mark.parametrize("command", ["setup", "demo", "test", "bench", "package", "train"])
def test_every_command_explains_itself(root: Path, command: str) -> None:
    done = subprocess.run(
        [sys.executable, "build.py", command, "--help"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert f"build.py {command}" in done.stdout


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["train", "head", "--data", "no such folder"], "has no ict_facekit_light.npz"),
        (["package", "maya"], "no package 'maya' yet"),
    ],
)
def test_what_cannot_be_done_is_one_line(root: Path, words: list[str], part: str) -> None:
    done = subprocess.run(
        [sys.executable, "build.py", *words], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert part in done.stderr and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("words", [["fly"], ["train", "wings", "--data", "."], ["setup", "--now"], ["train"]])
def test_unknown_words_are_refused_before_anything_runs(root: Path, words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "build.py", *words], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2


def test_a_python_that_fits_is_found(build: ModuleType) -> None:
    version = sys.version_info[:2]
    assert build.find_python(version, version) == sys.executable
    with pytest.raises(build.Stop, match=r"Python 3\.90 to 3\.91 is needed"):
        build.find_python((3, 90), (3, 91))


def test_only_what_changed_is_installed(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(build, "run", lambda *words: ran.append(Path(words[-1]).name))
    monkeypatch.setattr(build, "LOCKS", tmp_path)
    for name in ("run", "dev"):
        (tmp_path / f"{name}.txt").write_text(f"{name}==1\n")
    build.install(tmp_path, ["run", "dev"], editable=False)
    assert ran == ["run.txt", "dev.txt"]
    build.install(tmp_path, ["run", "dev"], editable=False)
    assert ran == ["run.txt", "dev.txt"]
    (tmp_path / "dev.txt").write_text("dev==2\n")
    build.install(tmp_path, ["run", "dev"], editable=False)
    assert ran == ["run.txt", "dev.txt", "dev.txt"]


def test_a_failed_install_is_tried_again(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "LOCKS", tmp_path)
    (tmp_path / "run.txt").write_text("x==1\n")
    tries: list[int] = []

    def fail(*words: object) -> None:
        tries.append(1)
        raise build.Stop("no network")

    monkeypatch.setattr(build, "run", fail)
    for _ in range(2):
        with pytest.raises(build.Stop):
            build.install(tmp_path, ["run"], editable=False)
    assert len(tries) == 2


def test_what_networks_learn_from_is_drawn_first(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`build.py train face_points` failed: its script takes pictures, not what they are drawn from."""
    ran: list[list[str]] = []
    (tmp_path / build.HEAD_DATA).touch()
    monkeypatch.setattr(build, "setup", lambda train: None)
    monkeypatch.setattr(build, "run", lambda *words: ran.append([str(word) for word in words]))
    assert build.main(["train", "face_points", "--data", str(tmp_path), "--minutes", "5"]) == 0
    *pictures, training = ran
    folders = [words[words.index("--out") + 1] for words in pictures]
    assert all("likeness.training.dataset" in words and str(tmp_path) in words for words in pictures)
    assert [training[training.index(f"--{name}") + 1] for name in ("pictures", "heldout")] == folders
    assert "--data" not in training and training[-2:] == ["--minutes", "5"]
    ran.clear()
    own = ["--pictures", "mine", "--heldout", "others"]
    assert build.main(["train", "face_eyes", "--data", str(tmp_path), *own]) == 0
    assert len(ran) == 1 and ran[0][-4:] == own


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("run", ["", "demo"]),
        ("blender", [""]),
        ("gpu", ["", "demo", "gpu"]),
        ("dev", ["dev"]),
        ("train", ["", "train"]),
    ],
)
def test_locks_pin_what_the_project_asks_for(root: Path, lock: str, extras: list[str]) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    locked = pins(root / "locks" / f"{lock}.txt")
    for extra in extras:
        asked = project["optional-dependencies"][extra] if extra else project["dependencies"]
        for line in asked:
            wanted = Requirement(line)
            if lock == "gpu" and wanted.name == "onnxruntime":
                assert "onnxruntime" not in locked
                continue
            assert wanted.name in locked, f"run build.py lock: {line} is not in locks/{lock}.txt"
            assert wanted.specifier.contains(locked[wanted.name]), line


def test_locks_agree_and_carry_hashes(root: Path) -> None:
    run = pins(root / "locks" / "run.txt")
    for lock in ("blender", "gpu", "dev", "train"):
        shared = run.keys() & pins(root / "locks" / f"{lock}.txt").keys()
        assert shared and all(run[n] == pins(root / "locks" / f"{lock}.txt")[n] for n in shared)
    for lock in ("run", "blender", "gpu", "dev", "peers", "bpy45", "bpy50"):
        text = (root / "locks" / f"{lock}.txt").read_text()
        assert len(re.findall("==", text)) <= len(re.findall("--hash=sha256:", text))


def test_torch_is_only_for_training(root: Path) -> None:
    assert "torch" in pins(root / "locks" / "train.txt")
    for lock in ("run", "gpu", "dev"):
        assert "torch" not in pins(root / "locks" / f"{lock}.txt")


def test_every_locked_package_stands_in_the_notice(root: Path) -> None:
    told = set(re.findall(r"[a-z0-9-]+", (root / "NOTICE").read_text().lower()))
    locked = {name for lock in (root / "locks").glob("*.txt") for name in pins(lock)}
    assert len(locked) > 80
    assert not locked - told


@pytest.mark.slow
def test_the_wheel_carries_models_and_data(root: Path, tmp_path: Path) -> None:
    for name in ("core", "LICENSES", "nuke_gizmos"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "training")
        shutil.copytree(root / name, tmp_path / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "NOTICE"):
        shutil.copy(root / name, tmp_path)
    (tmp_path / "dist").mkdir()
    code = "from setuptools import build_meta as b; b.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    wheel = next((tmp_path / "dist").glob("*.whl"))
    names = set(zipfile.ZipFile(wheel).namelist())
    data = {
        path.relative_to(root / "core").as_posix()
        for path in (root / "core").rglob("*")
        if path.suffix in {".onnx", ".toml", ".csv", ".npz", ".json"} and "training" not in path.parts
    }
    assert data and data <= names
    assert {"likeness/py.typed", "likeness_client/__init__.py"} <= names
    assert {"likeness_nuke/generate.py", "likeness_nuke/icons/likeness.png"} <= names
    assert any(name.endswith("licenses/NOTICE") for name in names)
