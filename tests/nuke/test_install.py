"""The package as it is installed: a folder for Nuke, made from the command line, loaded from nowhere else."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from likeness import cli
from likeness_nuke import installing

HERE = Path(__file__).parent
TINY = f"{HERE.parent / 'tiny_effects.py'}:TINY"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIKENESS_EFFECTS", TINY)
    monkeypatch.setenv("LIKENESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "my .nuke"


def install(home: Path) -> int:
    return cli.main(["install", "nuke", "--to", str(home)])


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_installing_twice_changes_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert install(home) == 0
    assert capsys.readouterr().out.strip() == str(home / "likeness")
    first = tree(home)
    assert install(home) == 0
    assert tree(home) == first
    assert sorted(p.name for p in home.iterdir()) == ["init.py", "likeness"]
    assert json.loads(first["likeness/likeness.json"])["python"] == sys.executable
    assert {"likeness/init.py", "likeness/menu.py", "likeness/icons/likeness_face.png"} <= set(first)


def test_an_init_of_ones_own_is_kept(home: Path) -> None:
    home.mkdir()
    (home / "init.py").write_text("import os\nWHERE = os.getcwd()  # no line end")
    assert install(home) == 0
    assert install(home) == 0
    lines = (home / "init.py").read_text().splitlines()
    assert lines[:2] == ["import os", "WHERE = os.getcwd()  # no line end"]
    assert lines.count(installing._LINE) == 1
    assert lines.index("import nuke") < lines.index(installing._LINE)


def test_an_update_takes_out_what_is_gone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(home)
    (home / "likeness" / "likeness_nuke" / "old.py").write_text("")
    monkeypatch.delenv("LIKENESS_EFFECTS")
    install(home)
    groups = {p.name for p in (home / "likeness" / "groups").iterdir()}
    assert "tint.nk" not in groups
    assert not (home / "likeness" / "likeness_nuke" / "old.py").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert install(tmp_path / "file" / "x") == 1
    err = capsys.readouterr().err
    assert "Cannot write" in err
    assert err.count("\n") == 1


NUKE = """
import json, os, sys
home, out, plate = sys.argv[1:4]
# Nuke's own Python has neither the checkout nor the core.
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
sys.path[:] = [p for p in sys.path if not os.path.isdir(os.path.join(p, "likeness_client"))]
sys.path.insert(0, sys.argv[4])
import nuke
nuke._reset(gui=os.environ["GUI"] == "1")
nuke._source(os.path.join(home, "init.py"))
if nuke.GUI:
    for folder in nuke._state["plugins"]:
        menu = os.path.join(folder, "menu.py")
        if os.path.exists(menu):
            nuke._source(menu)
            nuke._source(menu)
    top = nuke.menu("Nodes").findItem("Likeness")
    labels = {m.name(): [i.name() for i in m.items()] for m in top.items()}
    icons = {m.name(): m._icon for m in top.items()}
    nuke.menu("Nodes").findItem("Likeness/Face/Tint").invoke()
else:
    labels, icons = {}, {}
    from likeness_nuke import menu
    menu.create("tint")
group = nuke.toNode("Tint1")
group.setInput(0, nuke.createNode("Read", 'file "%s" raw true first 1001 last 1002 name P' % plate))
group["likeness_output"].setValue(out)
group["press_run"].execute()
import likeness_nuke, likeness_client
from likeness_nuke import installed, jobs
nuke._pump(lambda: not jobs._running)
files = [likeness_nuke.__file__, likeness_client.__file__]
told = {"status": group["likeness_status"].value(), "labels": labels, "icons": icons, "files": files}
told["core"] = "likeness" in sys.modules
told["plugins"] = nuke._state["plugins"]
installed.close()
print(json.dumps(told))
"""


@pytest.mark.parametrize("window", [False, True], ids=["nuke -t", "nuke"])
def test_nuke_loads_it_from_its_folder(
    home: Path, tmp_path: Path, window: bool, nuke: Any, plate: Any
) -> None:
    install(home)
    read = plate(range(1001, 1003))
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "LIKENESS_EFFECTS")}
    words = [str(home), str(tmp_path / "out"), read["file"].value(), str(HERE / "host")]
    done = subprocess.run(
        [sys.executable, "-c", NUKE, *words],
        env=env | {"GUI": "1" if window else "0"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["status"] == "Done: tinted, frames 1001-1002."
    assert all(file.startswith(str(home)) for file in told["files"])
    assert not told["core"]
    assert str(home / "likeness" / "icons") in told["plugins"]
    if window:
        assert told["labels"]["Face"][-1] == "Tint"
        assert "Chore" in told["labels"]["Human"]
        for icon in told["icons"].values():
            assert (home / "likeness" / "icons" / icon).is_file()


def test_a_folder_for_nuke_path_and_its_zip(root: Path, tmp_path: Path) -> None:
    words = [sys.executable, str(root / "nuke_gizmos" / "package.py"), "--out", str(tmp_path)]
    made = []
    for _ in range(2):
        subprocess.run(words, check=True, capture_output=True, env=os.environ | {"LIKENESS_EFFECTS": ""})
        [zipped] = tmp_path.glob("*.zip")
        made.append(zipped.read_bytes())
    assert made[0] == made[1]
    folder = zipped.with_suffix("")
    packed = zipfile.ZipFile(zipped)
    assert {name.removeprefix("likeness/"): packed.read(name) for name in packed.namelist()} == tree(folder)
    facts = json.loads((folder / "likeness.json").read_text("utf-8"))
    assert facts["python"] == facts["registry"] == ""
    assert {"init.py", "menu.py", "NOTICE", "Apache-2.0.txt"} <= {p.name for p in folder.iterdir()}


def test_the_smoke_test_for_license_holders_holds_here(
    nuke: Any, plate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That script is for a real Nuke; here it shows that it runs, and that it can find a fault."""
    path = plate(range(1, 2))["file"].value() % 1
    nuke._reset()
    for number, (given, code) in enumerate(((path, 0), ("/no/such.exr", 1))):
        nuke._reset()
        words = ["smoke_nuke.py", "tint", given, str(tmp_path / f"out{number}")]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(HERE / "smoke_nuke.py"), run_name="__main__")
        said = capsys.readouterr().out
        assert ended.value.code == code, said
    assert "BAD  the plate was written" in said


def test_icons_are_small_pngs(package: Path) -> None:
    import OpenImageIO as oiio

    found = sorted(p.stem for p in (package / "icons").iterdir())
    assert found == ["likeness", "likeness_face", "likeness_human", "likeness_scene"]
    for path in (package / "icons").iterdir():
        spec = oiio.ImageInput.open(str(path)).spec()
        assert (spec.width, spec.height, spec.nchannels) == (24, 24, 4)
