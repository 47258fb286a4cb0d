"""What the README tells to type is understood: every command line of it, checked without running it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from likeness.cli import _pairs, _parser
from likeness.declare import Effect

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]
LINES += re.findall(r"`((?:likeness|python build\.py) [a-z][^`]*)`", README.replace("\n", " "))
RUNS = [line for line in LINES if line.startswith("likeness run") and "--help" not in line]
OTHERS = [line for line in LINES if line.startswith("likeness ") and line not in RUNS]


@pytest.mark.parametrize("line", RUNS)
def test_an_effect_is_run_as_it_is_declared(line: str) -> None:
    words = shlex.split(line)[1:]
    given = _parser(words).parse_args(words)
    effect: Effect = given.effect
    effect.validate(_pairs(given.set, "--set"))
    inputs = _pairs(given.input, "--input")
    assert set(inputs) <= {declared.name for declared in effect.inputs}
    assert {declared.name for declared in effect.inputs if declared.required} <= set(inputs)


@pytest.mark.parametrize("line", OTHERS)
def test_every_other_command_is_one(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(line.replace("EFFECT", "reanimate"))[1:]
    try:
        _parser(words).parse_args(words)
    except SystemExit as done:
        assert done.code == 0


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("python build.py")])
def test_build_knows_it(line: str) -> None:
    build: dict[str, Any] = {"__name__": "build", "__file__": str(ROOT / "build.py")}
    exec(compile((ROOT / "build.py").read_text("utf-8"), "build.py", "exec"), build)
    _, rest = build["parser"]().parse_known_args(shlex.split(line)[2:])
    assert rest == []


def test_there_are_some() -> None:
    assert len(RUNS) >= 8 and len(OTHERS) >= 5
