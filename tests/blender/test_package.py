"""The zip: what is in it, that Blender's own tool likes it, and that nothing but it is needed."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.blender.conftest import HERE, MODULE, ROOT, VERSIONS, Blender, make_blender, python_of

LIMIT_BYTES = 300e6
WINDOWS_LONGEST = 260
WINDOWS_FOLDER = (
    r"C:\Users\a longer name\AppData\Roaming\Blender Foundation\Blender\4.5\extensions\user_default\likeness"
)
# What `blender --command extension` runs.
TOOL = """
import sys, bpy
from bl_pkg.bl_extension_cli import cli_extension_handler
sys.exit(cli_extension_handler(sys.argv[1:]))
"""


@pytest.fixture(scope="session")
def names(packed: Path) -> list[str]:
    with zipfile.ZipFile(packed) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face of 256 pixels in a folder whose name is not easy."""
    from skimage import data

    path = tmp_path_factory.mktemp("mé dia 'x'") / "astro naut.png"
    Image.fromarray(data.astronaut()[:256, 96:352]).save(path)
    return path


def test_zip_has_every_locked_package_and_no_more(names: list[str]) -> None:
    locked = re.findall(r"^([a-z0-9-]+)==([^ ]+)", (ROOT / "locks" / "blender.txt").read_text(), re.MULTILINE)
    wanted = {(name.replace("-", "_"), version) for name, version in locked} | {("likeness", "0.1.0")}
    infos = {m[1] for m in map(re.compile(r"packages/([^/]+)\.dist-info/METADATA").fullmatch, names) if m}
    assert {tuple(info.lower().split("-")) for info in infos} == wanted


def test_zip_carries_what_the_worker_uses_and_no_more(packed: Path, names: list[str]) -> None:
    assert packed.stat().st_size < LIMIT_BYTES
    assert {"packages/likeness/worker.py", "packages/likeness/models/head.onnx", "LICENSE.txt"} <= set(names)
    idle = re.compile(r"^package\.py$|__pycache__|/likeness/training/|/test_[^/]*\.py$|\.pyi$|-info/RECORD$")
    assert not [name for name in names if idle.search(name) or name.startswith("packages/likeness_nuke")]
    # Packages without their licenses must not be passed on.
    license_file = re.compile(r"packages/([^/-]+)(-[^/]*)?/.*(licen[sc]e|copying|notice)", re.IGNORECASE)
    licensed = {found[1] for found in map(license_file.match, names) if found}
    assert {"likeness", "numpy", "onnxruntime", "av"} <= licensed


def test_paths_are_short_enough_for_windows(names: list[str]) -> None:
    longest = max(names, key=len)
    assert len(WINDOWS_FOLDER) + 1 + len(longest) < WINDOWS_LONGEST, longest


def test_manifest_is_of_one_platform_and_one_python(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        told = json.loads(archive.read("effects.json"))
        (wheel,) = manifest["wheels"]
        assert wheel.startswith("./wheels/likeness_client-") and archive.getinfo(wheel[2:])
    assert manifest["platforms"] == [told["platform"]]
    assert manifest["blender_version_min"] == "4.2.0" and manifest["blender_version_max"] == "5.1.0"
    assert told["python"] == "3.11" and told["version"] == manifest["version"]
    assert {"reanimate", "tiny"} <= {effect["name"] for effect in told["effects"]}
    assert set(manifest["permissions"]) == {"files"} and "build" not in manifest


@pytest.mark.parametrize("version", VERSIONS)
def test_blenders_own_tool_finds_nothing_wrong(version: str, packed: Path, tmp_path: Path) -> None:
    python = python_of(version)
    with zipfile.ZipFile(packed) as archive:
        small = [name for name in archive.namelist() if not name.startswith("packages/")]
        archive.extractall(tmp_path / "likeness", small)
    for words in (
        ["validate", str(packed)],
        ["validate", str(tmp_path / "likeness")],
        ["build", "--source-dir", str(tmp_path / "likeness"), "--output-dir", str(tmp_path)],
        ["build", "--source-dir", str(ROOT / "blender_addon"), "--output-dir", str(tmp_path)],
    ):
        done = subprocess.run(
            [str(python), "-I", "-c", TOOL, *words], capture_output=True, text=True, check=False
        )
        told = (done.stdout + done.stderr).lower()
        assert done.returncode == 0, told
        assert not re.search("warning|error|fatal", told), told


def _worker_says() -> dict[str, Any]:
    import sys

    import bpy
    import numpy
    from bl_ext.user_default.likeness import worker_paths

    from likeness_client import Client

    folder = bpy.utils.extension_path_user("bl_ext.user_default.likeness", create=True)
    words = worker_paths.worker_command(folder)
    with Client(words, worker_paths.worker_environment(folder)) as client:
        told = client.hello()
    where = [module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
    return {"hello": told, "where": where, "modules": sorted(sys.modules), "numpy": numpy.__version__}


def test_worker_starts_from_the_zip_beside_blenders_own_packages(blender: Blender) -> None:
    told = blender.run(_worker_says)
    assert told["hello"]["python"].startswith("3.11")
    assert {"reanimate", "tiny"} <= {effect["name"] for effect in told["hello"]["effects"]}
    # Blender keeps its own numpy, and nothing of the worker's or of the checkout comes into it.
    assert told["numpy"].startswith("1.26")
    assert not {"onnxruntime", "likeness", "numba"} & set(told["modules"])
    checkout = tuple(str(ROOT / part) for part in ("core", "blender_addon", "tests"))
    assert not [path for path in told["where"] if path.startswith(checkout)]


def _reanimate(plate: str, output: str) -> dict[str, Any]:
    import bpy

    scene = bpy.context.scene
    scene.likeness.effect = "reanimate"
    settings = scene.likeness.effects.reanimate
    settings.inputs.plate.source, settings.inputs.plate.path = "PATH", plate
    settings.params.weights.jawOpen = 0.7
    settings.output = output
    done = bpy.ops.likeness.run(effect="reanimate")
    kept = output + "/scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=kept)
    bpy.ops.wm.open_mainfile(filepath=kept)
    images = {image.name: [image.source, image.filepath] for image in bpy.data.images}
    again = bpy.context.scene.likeness.effects.reanimate
    return {"done": sorted(done), "images": images, "jaw": again.params.weights.jawOpen}


def test_a_portrait_opens_its_mouth(blender: Blender, portrait: Path, tmp_path: Path) -> None:
    packages = blender.extension / "packages"
    before = sorted(path for path in packages.rglob("*"))
    told = blender.run(_reanimate, timeout_s=900, plate=str(portrait), output=str(tmp_path))
    assert told["done"] == ["FINISHED"] and told["jaw"] == pytest.approx(0.7)
    (frame,) = tmp_path.rglob("*.exr")
    assert [kind for kind, _ in told["images"].values() if kind in ("SEQUENCE", "FILE")]
    moved = _difference(frame, portrait)
    assert moved[:40].max() < 0.01 < moved.max()
    # The worker compiles much; none of it into the extension, which may lie where nobody may write.
    assert sorted(path for path in packages.rglob("*")) == before


def _difference(frame: Path, portrait: Path) -> Any:
    """How far a frame's pixels are from the portrait's, rows top down, as displayed."""
    from likeness.media import open_source

    with open_source(frame) as source:
        linear = source.read(source.frames[0]).pixels[..., :3]
    shown = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055)
    return np.abs(shown - np.asarray(Image.open(portrait), np.float32) / 255).max(axis=-1)


def _twice(module: str) -> dict[str, Any]:
    import bpy

    seen = []
    for _ in range(2):
        bpy.ops.preferences.addon_disable(module=module)
        seen.append([hasattr(bpy.types.Scene, "likeness"), "likeness.run" in dir(bpy.ops.likeness)])
        bpy.ops.preferences.addon_enable(module=module)
        seen.append([hasattr(bpy.types.Scene, "likeness"), hasattr(bpy.types, "LIKENESS_OT_run")])
    return {"seen": seen}


def test_it_can_be_switched_off_and_on(blender: Blender) -> None:
    told = blender.run(_twice, module=MODULE)
    assert told["seen"] == [[False, False], [True, True]] * 2


def _refusals() -> list[str]:
    import sys

    from bl_ext.user_default.likeness import worker_paths

    from likeness_client import WorkerError

    def message(python: str = "") -> str:
        try:
            worker_paths.worker_command("/nowhere", python)
        except WorkerError as error:
            return str(error)
        return ""

    told = [message(), message("/no/such/python")]
    there, worker_paths.PACKAGES = worker_paths.PACKAGES, worker_paths.PACKAGES / "elsewhere"
    told.append(message())
    worker_paths.PACKAGES, sys.version_info = there, (3, 99)
    return [*told, message()]


def test_a_worker_that_cannot_be_says_why(blender: Blender) -> None:
    fine, no_python, no_packages, other_version = blender.run(_refusals)
    assert fine == ""
    assert no_python.startswith("There is no Python at /no/such/python. Name a Python")
    assert no_packages.startswith("The extension has no packages in ") and "Install the zip" in no_packages
    assert other_version.startswith(
        "This extension is made for Python 3.11, and this Blender has Python 3.99."
    )


def _refused(zip_path: str) -> dict[str, Any]:
    import bpy

    try:
        bpy.ops.extensions.package_install_files(
            repo="user_default", filepath=zip_path, enable_on_install=True
        )
    except RuntimeError as error:
        return {"enabled": [a.module for a in bpy.context.preferences.addons], "told": str(error)}
    return {"enabled": [a.module for a in bpy.context.preferences.addons], "told": ""}


def test_a_zip_of_another_platform_is_refused(packed: Path, tmp_path: Path) -> None:
    """So that the check of what was installed can fail."""
    with zipfile.ZipFile(packed) as archive, zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        for name in archive.namelist():
            if not name.startswith("packages/"):
                text = archive.read(name)
                other.writestr(name, re.sub(rb"platforms = .*", b'platforms = ["windows-arm64"]', text))
    blender = make_blender(VERSIONS[0], tmp_path / "home")
    assert MODULE not in blender.run(_refused, zip_path=str(tmp_path / "other.zip"))["enabled"]
    assert not blender.extension.exists()


def test_the_throw_away_effect_is_nowhere_in_the_extension() -> None:
    known = {"reanimate", "capture", "tiny"}
    for file in (ROOT / "blender_addon").rglob("*.py"):
        words = set(re.findall(r"""["']([a-z_]+)["']""", file.read_text("utf-8")))
        assert not words & known, f"{file.name} names an effect"
    assert (HERE / "tiny.py").exists()
