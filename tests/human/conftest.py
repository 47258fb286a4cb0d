"""Khronos' own validator, and people to look at."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness.human.assemble import Character, Figure, make_character, make_figure
from likeness.human.sliders import head_identity

VALIDATOR = "gltf-validator@2.0.0-dev.3.10"
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
const fs = require('fs'), validator = require('gltf-validator');
validator.validateBytes(new Uint8Array(fs.readFileSync(process.argv[1])), {maxIssues: 0})
  .then(report => process.stdout.write(JSON.stringify(report)));
"""


@pytest.fixture(scope="session")
def validate() -> Callable[[Path], dict[str, Any]]:
    """Khronos' report on a GLB; the validator is fetched once into the ignored folder build/."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not here to run Khronos' validator")
    home = ROOT / "build" / "gltf-validator"
    if not (home / "node_modules" / "gltf-validator").is_dir():
        home.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(home), VALIDATOR]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            pytest.skip(f"npm could not fetch Khronos' validator: {done.stderr.strip()[-200:]}")

    def run(path: Path) -> dict[str, Any]:
        command = ["node", "-e", SCRIPT, str(path)]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=True, timeout=300)
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return run


@pytest.fixture(scope="session")
def average() -> Figure:
    """The average person."""
    return make_figure(np.zeros(100, np.float32), {})


@pytest.fixture(scope="session")
def somebody() -> Figure:
    """A tall man with a face of his own."""
    identity = head_identity({"nose_length": 0.5}, seed=7, sex=1.0, age=50)
    return make_figure(identity, {"sex": 1.0, "age": 50, "weight": 0.4, "hip_width": 0.5}, height_cm=186)


@pytest.fixture(scope="session")
def person(somebody: Figure) -> Character:
    """That man with all his levels."""
    return make_character("Tom", somebody, recipe={"likeness": {"seed": 7}})
