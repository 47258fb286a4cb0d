"""The test host against the published stubs of Nuke 13.2, and the package's types against them."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

STUBS = "types-nuke"


@pytest.fixture(scope="module")
def stubs() -> dict[str, ast.AST]:
    """Every public name of the stubs, `Class.method` for methods; the first of several overloads."""
    found: dict[str, ast.AST] = {}
    for file in importlib.metadata.files(STUBS) or ():
        if file.suffix == ".pyi":
            tree = ast.parse(Path(str(file.locate())).read_text("utf-8"))
            _collect(tree.body, "", found)
    return found


def _collect(body: list[ast.stmt], prefix: str, found: dict[str, ast.AST]) -> None:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.setdefault(prefix + node.name, node)
            if isinstance(node, ast.ClassDef):
                _collect(node.body, f"{node.name}.", found)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.setdefault(prefix + node.target.id, node)


def bases(stubs: dict[str, ast.AST], name: str) -> list[str]:
    node = stubs.get(name)
    above = [b.id for b in node.bases if isinstance(b, ast.Name)] if isinstance(node, ast.ClassDef) else []
    return [name, *(further for base in above for further in bases(stubs, base))]


def method(stubs: dict[str, ast.AST], cls: str, name: str) -> ast.AST | None:
    return next((stubs[f"{c}.{name}"] for c in bases(stubs, cls) if f"{c}.{name}" in stubs), None)


def fits(ours: Any, theirs: ast.AST | None) -> str:
    """Empty where `ours` can be called as the stub says, else what differs."""
    if not isinstance(theirs, ast.FunctionDef):
        return "is not in the stubs"
    arguments = theirs.args
    if arguments.vararg is not None or arguments.kwarg is not None:
        return ""
    wanted = [a.arg for a in arguments.args if a.arg not in ("self", "cls")]
    mine = [p for p in inspect.signature(ours).parameters.values() if p.name not in ("self", "cls")]
    if [p.name for p in mine] != wanted:
        return f"takes {[p.name for p in mine]}, Nuke's {wanted}"
    least = len(wanted) - len(arguments.defaults)
    needed = sum(p.default is p.empty for p in mine)
    return "" if needed == max(least, 0) else f"needs {needed} arguments, Nuke's {least}"


def differences(module: Any, stubs: dict[str, ast.AST]) -> list[str]:
    """What the host has that Nuke has not, or otherwise."""
    told = []
    for name, value in vars(module).items():
        if name.startswith("_") or inspect.ismodule(value) or getattr(value, "__module__", "nuke") != "nuke":
            continue
        if name not in stubs:
            told.append(f"{name} is not in the stubs")
        elif inspect.isclass(value):
            for attribute, member in vars(value).items():
                if attribute.startswith("_") or not callable(getattr(member, "__func__", member)):
                    continue
                wrong = fits(getattr(member, "__func__", member), method(stubs, name, attribute))
                told += [f"{name}.{attribute} {wrong}"] if wrong else []
        elif inspect.isfunction(value):
            wrong = fits(value, stubs[name])
            told += [f"{name} {wrong}"] if wrong else []
    return told


def test_the_host_has_nothing_that_nuke_has_not(stubs: dict[str, ast.AST]) -> None:
    import nuke

    assert differences(nuke, stubs) == []


def test_that_check_can_fail(stubs: dict[str, ast.AST]) -> None:
    import nuke

    assert fits(nuke.nodePaste, stubs["nodePaste"]) == ""
    assert "takes ['a']" in fits(lambda a: None, stubs["nodePaste"])
    assert "needs 0" in fits(lambda s=1: None, stubs["nodePaste"])
    assert fits(nuke.nodePaste, stubs.get("nodePasted")) == "is not in the stubs"
    module = type(sys)("nuke")
    vars(module)["invented"] = lambda: None
    module.invented.__module__ = "nuke"
    assert differences(module, stubs) == ["invented is not in the stubs"]


def used_names(folder: Path) -> set[str]:
    """Every `nuke.NAME` in the package."""
    found = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "nuke"
            ):
                found.add(node.attr)
    return found


def test_the_package_uses_what_nuke_and_the_host_have(stubs: dict[str, ast.AST], root: Path) -> None:
    import nuke

    used = used_names(root / "nuke_gizmos" / "likeness_nuke") | used_names(root / "tests" / "nuke")
    assert len(used) > 10
    own = {name for name in used if name.startswith("_")}
    assert used - own - set(stubs) == set()
    assert {name for name in used if not hasattr(nuke, name)} == set()


def check_types(root: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "mypy", "--config-file", str(root / "pyproject.toml"), *targets]
    return subprocess.run(words, cwd=root, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.slow
def test_the_packages_types_fit_the_stubs(root: Path, tmp_path: Path) -> None:
    done = check_types(root, "nuke_gizmos/likeness_nuke")
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import nuke\n\nnuke.nodePasted('x')\nnuke.execute(1, 'a', 2)\n")
    failed = check_types(root, str(wrong))
    assert failed.returncode == 1
    assert 'Module has no attribute "nodePasted"' in failed.stdout
    assert "No overload variant" in failed.stdout
