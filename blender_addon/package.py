"""Packs the extension: one zip a platform with its code, effects, core, and all that the worker needs.

`python build.py package blender` calls this on the suite's own environment. The packages are pinned with
hashes in `locks/blender.txt`; their wheels are kept in `build/wheels/`. How the zip is laid out, and why,
is told in `worker_paths.py`.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import likeness
from likeness.registry import schemas

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LOCK = ROOT / "locks" / "blender.txt"
PYTHON = "3.11"
# Blender 5.1 comes with another Python.
FIRST_WITHOUT = {"3.11": "5.1.0"}
GLIBC = ("manylinux2014", *(f"manylinux_2_{minor}" for minor in range(17, 29)))
TAGS = {
    "linux-x64": tuple(f"{glibc}_x86_64" for glibc in GLIBC),
    "windows-x64": ("win_amd64",),
    "macos-arm64": ("macosx_14_0_arm64",),
}
# What no worker imports: tests and their data, stubs, headers, what links programs, training, other hosts.
UNUSED = re.compile(
    r"(^|/)tests?/(.*/)?(test_[^/]*|data/.*)$|\.(pyi|pxd|h|hpp|a|lib)$|^likeness(/training|_nuke)/"
)
ASIDE = {"package.py"}
DATE = (1980, 1, 1, 0, 0, 0)
# A third of the time of the default, and 6 % more bytes.
LEVEL = 3

Files = Iterator[tuple[str, bytes]]


def here() -> str:
    """This computer's platform by Blender's name; linux-x64 where there is no zip for it."""
    names = {"Darwin": "macos-arm64", "Windows": "windows-x64"}
    return names.get(platform.system(), "linux-x64")


def pack(target: str, folder: Path, python: str = PYTHON) -> Path:
    """Write the zip of one platform into `folder` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"likeness_blender-{likeness.__version__}-{target}.zip"
    temporary = path.with_suffix(".part")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, content in _files(target, python):
            archive.writestr(zipfile.ZipInfo(name, DATE), content, zipfile.ZIP_DEFLATED, LEVEL)
    temporary.replace(path)
    return path


def _files(target: str, python: str) -> Files:
    client, content = _client_wheel()
    yield "blender_manifest.toml", manifest(target, python, ["./wheels/" + client]).encode()
    yield "wheels/" + client, content
    told = {"version": likeness.__version__, "python": python, "platform": target, "effects": schemas()}
    yield "effects.json", json.dumps(told, indent=1).encode()
    yield "LICENSE.txt", (ROOT / "LICENSES" / "GPL-3.0-or-later.txt").read_bytes()
    for file in sorted(HERE.rglob("*")):
        name = file.relative_to(HERE).as_posix()
        if file.suffix in {".py", ".png", ".svg"} and "__pycache__" not in file.parts and name not in ASIDE:
            yield name, file.read_bytes()
    for wheel in [_core_wheel(), *_wheels(target, python)]:
        yield from _unpacked(wheel)


def manifest(target: str, python: str, wheels: list[str]) -> str:
    """`blender_manifest.toml` for one platform: its own text and what is known only when packing."""
    text = (HERE / "blender_manifest.toml").read_text("utf-8")
    if tomllib.loads(text)["version"] != likeness.__version__:
        raise SystemExit(
            f"blender_manifest.toml is not of version {likeness.__version__}; write that into it."
        )
    added = [f'platforms = ["{target}"]', f"wheels = {json.dumps(wheels)}"]
    if python in FIRST_WITHOUT:
        added.append(f'blender_version_max = "{FIRST_WITHOUT[python]}"')
    # The tool's own [build] table says what is left out; that has been done here.
    text = re.sub(r"^\[build\]\n([^\[].*\n?|\n)*", "", text, flags=re.MULTILINE)
    head, bracket, tables = text.partition("\n[")
    return "\n".join([head.rstrip(), *added, ""]) + bracket + tables


def _client_wheel() -> tuple[str, bytes]:
    """What Blender itself imports, as a wheel. Its version has the content's hash: Blender keeps a wheel
    that it has already, so another content must have another name."""
    files = {f"likeness_client/{file.name}": file.read_bytes() for file in _client_files()}
    mark = hashlib.sha256(json.dumps([[n, c.decode()] for n, c in files.items()]).encode()).hexdigest()[:8]
    name = f"likeness_client-{likeness.__version__}+{mark}"
    about = f"Metadata-Version: 2.1\nName: likeness-client\nVersion: {name.partition('-')[2]}\n"
    kind = "Wheel-Version: 1.0\nGenerator: likeness\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files |= {f"{name}.dist-info/METADATA": about.encode(), f"{name}.dist-info/WHEEL": kind.encode()}
    record = "".join(f"{file},,\n" for file in [*files, f"{name}.dist-info/RECORD"])
    with tempfile.TemporaryFile() as buffer:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, content in (files | {f"{name}.dist-info/RECORD": record.encode()}).items():
                archive.writestr(zipfile.ZipInfo(file, DATE), content, zipfile.ZIP_DEFLATED)
        buffer.seek(0)
        return f"{name}-py3-none-any.whl", buffer.read()


def _client_files() -> list[Path]:
    return sorted((ROOT / "core" / "likeness_client").glob("*.py"))


def _core_wheel() -> Path:
    folder = ROOT / "build" / "core"
    folder.mkdir(parents=True, exist_ok=True)
    code = f"from setuptools import build_meta as b; print(b.build_wheel({str(folder)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return folder / done.stdout.decode().split()[-1]


def _wheels(target: str, python: str) -> list[Path]:
    """The locked wheels for one platform, downloaded once for each content of the lock file."""
    mark = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    folder = ROOT / "build" / "wheels" / f"{target}-{python}-{mark}"
    if not (folder / "complete").exists():
        tags = [word for tag in TAGS[target] for word in ("--platform", tag)]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        pip += ["--implementation=cp", "--python-version", python, *tags]
        subprocess.run([*pip, "--require-hashes", "-r", str(LOCK), "-d", str(folder)], check=True)
        (folder / "complete").touch()
    return sorted(folder.glob("*.whl"))


def _unpacked(wheel: Path) -> Files:
    """A wheel's files as they would be installed below `packages/`, without the unused ones."""
    with zipfile.ZipFile(wheel) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            name = re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", info.filename)
            aside = ".data/" in name.partition("/")[0] + "/" or name.endswith((".dist-info/RECORD", "/"))
            if not aside and not UNUSED.search(name):
                yield "packages/" + name, archive.read(info)


def main() -> None:
    """Pack for the platforms that are named, or for all."""
    parser = argparse.ArgumentParser(prog="build.py package blender", description=__doc__)
    parser.add_argument("--platform", choices=[*TAGS, "this"], help="only this one (default: all)")
    parser.add_argument("--python", default=PYTHON, help=f"Blender's Python (default {PYTHON})")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder for the zips")
    given = parser.parse_args()
    chosen = here() if given.platform == "this" else given.platform
    for target in [chosen] if chosen else TAGS:
        path = pack(target, given.out, given.python)
        print(f"{path} ({path.stat().st_size / 1e6:.0f} MB)", flush=True)


if __name__ == "__main__":
    main()
