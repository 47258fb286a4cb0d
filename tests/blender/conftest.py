"""The real Blender for tests: bpy in an environment of its own, the packed extension, a clean profile.

`blender` is a Blender of each version with the extension installed from its zip and enabled. A test
gives it a function, which runs in that Blender's process and returns what JSON can carry:

    def known(pillar):
        from bl_ext.user_default.likeness import schemas

        return [effect["name"] for effect in schemas.known() if effect["pillar"] == pillar]

    def test_effects_are_known(blender):
        assert "reanimate" in blender.run(known, pillar="face")

The function stands alone (its source travels, not its module): it imports what it needs. The checkout is
not importable there; the worker has the packages in the zip only. Each `run` is a new process in background
mode, with the extension enabled, an empty home and its own results folder, which the profile keeps. What it
prints is in the message if it fails. `blender.command(...)` gives the words for a process that a test must
hold itself. `tiny.py` beside this file declares a throw-away effect `tiny` (three parameters, one result of
each kind); it is packed too. Environments come from `build.py test`; without them the tests skip. The
variable LIKENESS_BLENDERS names other versions, such as "4.2", whose `.venv-bpy42` is made by hand.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

VERSIONS = tuple(os.environ.get("LIKENESS_BLENDERS", "4.5 5.0").split())
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TINY = f"{HERE / 'tiny.py'}:TINY"
MODULE = "bl_ext.user_default.likeness"

_RUNNER = """
import json, sys
job = json.loads(open(sys.argv[1], encoding="utf-8").read())
import bpy
if job["enable"]:
    found = bpy.ops.preferences.addon_enable(module=job["enable"])
    if found != {"FINISHED"}:
        sys.exit("The extension cannot be enabled: %s" % found)
space = {"__name__": "blender_script"}
exec(compile(job["source"], job["file"], "exec"), space)
result = space[job["name"]](**job["data"])
open(job["answer"], "w", encoding="utf-8").write(json.dumps(result))
"""


class BlenderFailed(AssertionError):
    """A script failed in Blender; the message is what it printed."""


@dataclass
class Blender:
    """One version of Blender on one profile; see this file's head."""

    version: str
    python: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)
    enable: str = MODULE
    _runs: int = 0

    @property
    def resources(self) -> Path:
        """What Blender takes for the user's folder: `config/`, `extensions/`, `scripts/`."""
        return self.home / "blender"

    @property
    def extension(self) -> Path:
        """Where the extension is installed."""
        return self.resources / "extensions" / "user_default" / "likeness"

    def environment(self) -> dict[str, str]:
        """The environment of its processes: nothing of the checkout, every folder below `home`."""
        kept = ("PATH", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "WINDIR", "LANG")
        base = {name: os.environ[name] for name in kept if name in os.environ}
        own = {
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "BLENDER_USER_RESOURCES": str(self.resources),
            "TMPDIR": str(self.home / "tmp"),
            "TEMP": str(self.home / "tmp"),
        }
        return base | own | self.variables

    def command(self, function: Callable[..., Any], **data: Any) -> tuple[list[str], Path]:
        """The words that run a function here, and the file where its result will be as JSON."""
        self._runs += 1
        folder = self.home / "runs"
        job, answer = folder / f"{self._runs}.json", folder / f"{self._runs}.answer.json"
        given = {
            "source": "from __future__ import annotations\n" + textwrap.dedent(inspect.getsource(function)),
            "file": f"{function.__code__.co_filename}:{function.__name__}",
            "name": function.__name__,
            "data": data,
            "enable": self.enable,
            "answer": str(answer),
        }
        job.write_text(json.dumps(given), "utf-8")
        return [str(self.python), "-I", "-c", _RUNNER, str(job)], answer

    def run(self, function: Callable[..., Any], timeout_s: float = 300, **data: Any) -> Any:
        """Call `function(**data)` in a new process of this Blender and return its result.

        Raise `BlenderFailed` with all that it printed if it raises, crashes or takes too long.
        """
        words, answer = self.command(function, **data)
        with subprocess.Popen(
            words,
            env=self.environment(),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                told = process.communicate(timeout=timeout_s)[0].decode("utf-8", "replace")
            except subprocess.TimeoutExpired:
                process.kill()
                told = process.communicate()[0].decode("utf-8", "replace") + f"\nnot done in {timeout_s} s"
        if process.returncode or not answer.exists():
            raise BlenderFailed(f"{function.__name__} in Blender {self.version}:\n{told}")
        return json.loads(answer.read_text("utf-8"))


def python_of(version: str) -> Path:
    """The interpreter that has this Blender as a module; skips the test where there is none."""
    venv = ROOT / (".venv-bpy" + version.replace(".", ""))
    python, packages = venv / "bin" / "python", venv / "lib" / "python3.11" / "site-packages"
    if os.name == "nt":
        python, packages = venv / "Scripts" / "python.exe", venv / "Lib" / "site-packages"
    if not (packages / "bpy").is_dir():
        pytest.skip(f"no Blender {version}: build.py test makes {venv.name} where bpy can be had")
    return python


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension's zip for this computer, with the throw-away effect of `tiny.py` among the effects."""
    folder = tmp_path_factory.mktemp("zip")
    words = [sys.executable, str(ROOT / "blender_addon" / "package.py"), "--platform", "this"]
    environment = os.environ | {"LIKENESS_EFFECTS": TINY}
    subprocess.run([*words, "--out", str(folder)], env=environment, check=True)
    return next(folder.glob("*.zip"))


def make_blender(version: str, home: Path, **variables: str) -> Blender:
    """A Blender with an empty profile below `home`, without any extension."""
    blender = Blender(version, python_of(version), home, variables, enable="")
    for folder in (blender.resources, home / "runs", home / "tmp"):
        folder.mkdir(parents=True)
    return blender


def _install(zip_path: str) -> dict[str, Any]:
    import bpy

    done = bpy.ops.extensions.package_install_files(
        repo="user_default", filepath=zip_path, enable_on_install=True
    )
    return {"done": sorted(done), "enabled": [addon.module for addon in bpy.context.preferences.addons]}


@pytest.fixture(scope="session", params=VERSIONS)
def blender(
    request: pytest.FixtureRequest, packed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Blender:
    """A Blender of each version; the extension was installed from its zip, as a user does, and is enabled."""
    home = tmp_path_factory.mktemp("blender" + request.param.replace(".", ""))
    found = make_blender(request.param, home, LIKENESS_EFFECTS=TINY)
    told = found.run(_install, zip_path=str(packed))
    # The operator says FINISHED even where it refused.
    assert MODULE in told["enabled"], told
    assert (found.extension / "packages" / "likeness").is_dir()
    found.enable = MODULE
    return found
