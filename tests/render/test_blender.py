"""Finding a Blender and running a script in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from likeness.errors import BadRequest, LikenessError
from likeness.render.blender import VARIABLE, find_blender, run_script


def program(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_variable_names_a_blender_or_a_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, sys.executable)
    assert find_blender() == [sys.executable]
    named = str(program(tmp_path / "blender-4.5"))
    monkeypatch.setenv(VARIABLE, named)
    found = find_blender()
    assert found is not None and found[:2] == [named, "-b"] and found[-1] == "-P"


def test_else_it_is_looked_for_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_blender() is None
    named = str(program(tmp_path / "blender"))
    found = find_blender()
    assert found is not None and found[0] == named


def test_a_name_that_is_no_program_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/no/where/blender")
    with pytest.raises(BadRequest, match="'/no/where/blender', which is no program"):
        find_blender()


def test_pictures_come_one_by_one_and_the_last_words_of_a_failure_are_told(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys\nprint('noise')\nprint('drawn', '/a b.exr')\nsys.exit('It is too old')\n")
    told = run_script([sys.executable], script, tmp_path / "asked.json")
    assert next(told) == Path("/a b.exr")
    with pytest.raises(LikenessError, match=r"Blender could not draw \(It is too old\)"):
        next(told)


def test_who_takes_no_more_pictures_ends_the_process(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import time\nprint('drawn 1', flush=True)\ntime.sleep(600)\n")
    told = run_script([sys.executable], script, tmp_path / "asked.json")
    assert next(told) == Path("1")
    told.close()
