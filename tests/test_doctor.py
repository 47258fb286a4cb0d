"""What the doctor finds, and what it says to do about it."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from likeness import catalog, doctor, runtime


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIKENESS_CATALOG", "LIKENESS_THREADS", "LIKENESS_CACHE", "OCIO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIKENESS_HOME", str(tmp_path / "home"))
    runtime.default_threads.cache_clear()


@pytest.fixture
def house(tmp_path: Path, tiny_model: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "catalog.toml").write_text("")
    (folder / "double.onnx").write_bytes(tiny_model)
    values = {"name": "double", "file": "double.onnx", "sha256": hashlib.sha256(tiny_model).hexdigest()}
    values |= {"license": "Apache-2.0", "task": "doubles", "bytes": len(tiny_model), "opset": 17}
    (folder / "house.toml").write_text(
        "[[model]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items())
    )
    monkeypatch.setattr(catalog, "HOUSE", folder)
    return folder


def found(name: str) -> doctor.Check:
    return next(check for check in doctor.checks() if check.name == name)


def test_every_finding_that_fails_says_how_to_mend_it_and_no_other_does(house: Path) -> None:
    checks = doctor.checks()
    assert all(check.detail for check in checks)
    assert all(bool(check.remedy) != check.ok for check in checks), checks
    assert len({check.name for check in checks}) == len(checks)


def test_device_and_threads_are_told(house: Path) -> None:
    assert runtime.version() in found("device").detail
    assert found("device").detail.endswith("cpu")
    assert found("threads").ok


def test_codecs_pictures_and_color_work_here(house: Path) -> None:
    assert found("write clips") == doctor.Check("write clips", True, "ProRes 4444, DNxHR, H.264, HEVC")
    assert found("read clips").ok
    assert found("pictures").detail == "EXR, DPX, TIFF, PNG, JPEG"
    assert "aces" in found("color").detail


def test_a_codec_that_is_missing_is_named(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor.WRITERS, "Cinepak 9", "cinepak9")
    monkeypatch.setitem(doctor.PICTURES, "Sketch", "sketch")
    assert found("write clips").detail == "missing: Cinepak 9"
    assert found("pictures").detail == "missing: Sketch"


def test_a_whole_model_is_ok(house: Path) -> None:
    assert found("model double") == doctor.Check("model double", True, "ok, 0.0 MB, Apache-2.0")


def test_a_damaged_a_truncated_and_a_missing_model_are_named(house: Path) -> None:
    path = house / "double.onnx"
    for damage, state in ((lambda d: d[::-1], "wrong hash"), (lambda d: d[:-1], "wrong size")):
        path.write_bytes(damage(path.read_bytes()))
        check = found("model double")
        assert (check.ok, check.remedy) == (False, "Install Likeness again.")
        assert check.detail == f"{state}: {path}"
    path.unlink()
    assert found("model double").detail.startswith("missing")


def test_a_fetched_model_is_checked_and_one_never_fetched_is_no_fault(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"name": "matte", "task": "t", "url": "https://example.org/m", "size": 4, "sha256": "0" * 64}
    fields |= {"license": "MIT", "commercial": True, "source": "s"}
    (tmp_path / "own.toml").write_text(
        "[[model]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in fields.items())
    )
    monkeypatch.setenv("LIKENESS_CATALOG", str(tmp_path / "own.toml"))
    assert "model matte" not in {check.name for check in doctor.checks()}
    catalog.folder().mkdir(parents=True)
    (catalog.folder() / "matte.onnx").write_bytes(b"four")
    assert found("model matte").remedy == "Get it again: likeness models get matte."


@pytest.mark.parametrize(
    ("variable", "value", "name", "says"),
    [
        ("LIKENESS_CATALOG", "absent.toml", "models", "absent.toml"),
        ("LIKENESS_THREADS", "many", "threads", "LIKENESS_THREADS"),
        ("OCIO", "/no/such/config.ocio", "color", "config.ocio"),
    ],
)
def test_a_wrong_variable_is_a_finding_not_a_crash(
    variable: str, value: str, name: str, says: str, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    check = found(name)
    assert not check.ok
    assert says in check.detail
    assert check.remedy


def test_a_package_that_is_missing_is_a_finding(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "OpenImageIO", None)
    check = found("pictures")
    assert (check.ok, check.remedy) == (False, "Install Likeness again, with all that it depends on.")
    assert "OpenImageIO" in check.detail


def test_little_room_is_told(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found("disk models").ok == (doctor.shutil.disk_usage(house).free >= doctor.ROOM_BYTES)
    monkeypatch.setattr(doctor, "ROOM_BYTES", 1 << 60)
    assert found("disk models").remedy == "Free some space, or set LIKENESS_HOME to a folder with more."


def test_a_place_that_is_a_file_is_told(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LIKENESS_CACHE", str(tmp_path / "file"))
    assert found("disk cache").remedy == "Set LIKENESS_CACHE to a folder that can be written."


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
@pytest.mark.parametrize(("status", "named"), [(0, True), (9, False)])
def test_a_card_that_is_not_used_is_told(
    status: int, named: bool, house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine with a card has a program `nvidia-smi`; here a script that answers as it does."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\necho 'NVIDIA RTX A6000'\nexit {status}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    monkeypatch.setattr(runtime, "devices", lambda: ["cpu"])
    cards = [check for check in doctor.checks() if check.name == "device cuda"]
    assert len(cards) == named
    for card in cards:
        assert (card.ok, card.detail) == (False, "NVIDIA RTX A6000, not used")
        assert "onnxruntime-gpu" in card.remedy
    monkeypatch.setattr(runtime, "devices", lambda: ["cuda", "cpu"])
    assert all(check.ok for check in doctor.checks() if check.name == "device cuda")
