"""Groups made of declarations: parsed by a real Tcl, whatever stands in labels, help and defaults."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from likeness.registry import schemas
from likeness_client import forms
from likeness_nuke import form, generate, installed, names, script

# What Tcl reads as its own, and any other character there is.
_ANY = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
HARD = st.text(alphabet=st.one_of(st.sampled_from("{}[]\"$\\;#\n\t %'<>&"), _ANY), max_size=40)


def interpreter() -> Any:
    import tkinter

    return tkinter.Tcl()


def tcl_words(text: str) -> list[str]:
    return [str(word) for word in interpreter().splitlist(text)]


@given(HARD)
def test_any_text_is_one_word_in_balanced_braces(text: str) -> None:
    word = script.quoted(text)
    assert tcl_words(f"a {word} b") == ["a", text, "b"]
    assert tcl_words(f"{{a {word}}}")[0] == f"a {word}"


@given(HARD)
def test_literal_text_survives_evaluation(text: str) -> None:
    assert interpreter().call("subst", "-novariables", script.literal(text)) == text


@st.composite
def declarations(draw: st.DrawFn) -> dict[str, Any]:
    """An effect's declaration with hard texts wherever there is one."""
    words = st.lists(HARD.filter(lambda text: text.strip()), min_size=1, max_size=3, unique=True)
    choices, text = draw(words), draw(HARD)
    base = {"min": None, "max": None, "unit": draw(HARD), "choices": [], "group": "", "analyzed": True}
    group = draw(HARD)
    params = [
        {"name": "text", "type": "text", "default": text, "label": draw(HARD), "help": draw(HARD), **base},
        {"name": "pick", "type": "choice", "default": choices[-1], "label": draw(HARD), "help": draw(HARD)}
        | base
        | {"choices": choices, "group": group},
        {"name": "size", "type": "float", "default": 0.1, "label": draw(HARD), "help": draw(HARD)}
        | base
        | {"min": -1, "max": 2, "group": group},
    ]
    return {
        "name": "hard",
        "pillar": "face",
        "label": draw(HARD),
        "help": draw(HARD),
        "inputs": [
            {
                "name": "plate",
                "kinds": ["picture"],
                "label": draw(HARD),
                "help": draw(HARD),
                "required": True,
                "columns": [],
            }
        ],
        "params": params,
        "outputs": [{"name": "out", "kind": "sequence", "help": draw(HARD)}],
        "layers": [{"name": "comp", "channels": ["R", "G", "B"], "help": draw(HARD)}],
        "models": [],
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(declarations(), HARD)
def test_a_group_says_what_was_declared(nuke: Any, declared: dict[str, Any], license: str) -> None:
    nuke._reset()
    models = [{"name": "m", "license": license, "commercial": False}]
    nuke.scriptReadText(generate.group(declared, "1.2", models))
    [group] = nuke.allNodes()
    assert group.Class() == "Group"
    assert group["likeness"].label() == declared["label"]
    for param in declared["params"]:
        knob = group[names.param(param["name"])]
        assert param["label"] in knob.label()
        assert knob.tooltip() == forms.tooltip(param)
    assert form.values(group, declared) == forms.initial(declared)
    assert group["param_pick"].values() == declared["params"][1]["choices"]
    assert (group["param_size"].min(), group["param_size"].max()) == (-1, 2)
    assert group["input_plate"].label() == declared["inputs"][0]["label"]


def test_the_declared_effects_have_their_groups(package: Path) -> None:
    for effect in installed.effects():
        assert Path(installed.script(effect["name"])).is_file()
    assert len(list((package / "groups").iterdir())) == len(installed.effects())


def test_many_parameters_are_folded_under_tabs(nuke: Any) -> None:
    def param(name: str, group: str) -> dict[str, Any]:
        field = {"name": name, "type": "bool", "default": False, "label": name, "help": "H.", "unit": ""}
        return field | {"group": group, "min": None, "max": None, "choices": [], "analyzed": True}

    many = [param(f"a{i}", "Body: Arms") for i in range(9)] + [param(f"l{i}", "Body: Legs") for i in range(9)]
    few = [param("skin", "Look: Skin"), param("other", "Faces")]
    base = {
        "name": "x",
        "pillar": "human",
        "label": "X",
        "help": "H.",
        "inputs": [],
        "models": [],
        "layers": [],
    }
    nuke.scriptReadText(generate.group({**base, "params": many + few, "outputs": []}, "1"))
    [group] = nuke.allNodes()
    shown = [(k.label(), k._flags) for k in group.knobs().values() if k.Class() == "Tab_Knob"]
    end = ("endGroup", ["n-1"])
    assert shown[1:-2] == [
        ("Body", []),
        ("Arms", ["n1"]),
        end,
        ("Legs", ["n1"]),
        end,
        ("Look", []),
        ("Settings", []),
    ]
    assert group["param_l8"].value() is False


def test_the_info_tab_names_version_and_licenses(nuke: Any, make: Any, tmp_path: Path) -> None:
    import likeness
    from likeness import catalog

    for effect in installed.effects():
        group = make(effect["name"], tmp_path)
        about = group["likeness_about"].value()
        assert f"Likeness {likeness.__version__}" in about
        for model in effect["models"]:
            assert f"{model}: {catalog.find(model).license} (commercial use)" in about


def test_nothing_names_an_effect(root: Path) -> None:
    """A word of the code that is an effect's name would be a special case."""
    known = {effect["name"] for effect in schemas()}
    for path in (root / "nuke_gizmos" / "likeness_nuke").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            word = node.value if isinstance(node, ast.Constant) else getattr(node, "id", None)
            assert word not in known, f"{path.name} names {word}"


@pytest.mark.parametrize(
    "path",
    [
        *sorted((Path(__file__).parents[2] / "nuke_gizmos" / "likeness_nuke").glob("*.py")),
        *sorted((Path(__file__).parents[2] / "core" / "likeness_client").glob("*.py")),
    ],
    ids=lambda path: path.name,
)
def test_every_file_is_of_python_3_7(path: Path) -> None:
    ast.parse(path.read_text("utf-8"), feature_version=(3, 7))


def test_the_grammar_check_can_fail() -> None:
    with pytest.raises(SyntaxError):
        ast.parse("if (x := 1): pass", feature_version=(3, 7))


OLD = """
import json, sys, types
folder, declared = sys.argv[1:3]
sys.path.insert(0, folder)
nuke = types.ModuleType("nuke")
nuke.Group = nuke.Knob = nuke.Node = nuke.File_Knob = nuke.EvalString_Knob = object
sys.modules["nuke"] = nuke
from likeness_nuke import arrive, bake, form, generate, host, installed, jobs, menu, names, panel, pictures
from likeness_nuke import script, shapes
from likeness_client import forms
effect = installed.effect(declared)
with open(installed.script(declared), encoding="utf-8") as file:
    same = file.read() == generate.group(effect, installed.facts()["version"])
form.Form({}, {}, {}, [], None, None, "", "", "", 0)
hello = installed.client().hello()
request = forms.request(effect, {}, {}, "x")
installed.close()
print(json.dumps({"same": same, "worker": hello["version"], "effect": request["effect"]}))
"""


def old_pythons() -> list[str]:
    """Those that are on the PATH and run; a version manager's stand-ins may not."""
    found = [shutil.which(f"python3.{minor}") for minor in (7, 9, 10)]
    return [python for python in found if python and _runs(python)] or ["none"]


def _runs(python: str) -> bool:
    return subprocess.run([python, "-V"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("python", old_pythons(), ids=lambda path: Path(path).name)
def test_the_pythons_of_nuke_import_it_and_start_the_worker(package: Path, python: str) -> None:
    """Nuke 13 has Python 3.7, 14 has 3.9, 15 has 3.10; those that are here."""
    import likeness

    if python == "none":
        pytest.skip("no Python 3.7, 3.9 or 3.10 on the PATH")
    words = [python, "-I", "-c", OLD, str(package), "tint"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"same": True, "worker": likeness.__version__, "effect": "tint"}


def test_curves() -> None:
    assert script.curve([1, 2, 3], [0, 0.5, 1]) == "{curve L x1 0 0.5 1}"
    assert script.curve([1, 3, 4], [0, 0.5, 1]) == "{curve L x1 0 x3 0.5 1}"
    assert script.curve([-2, -1], [1, 2]) == "{curve L x-2 1 2}"
    assert script.curves([1, 2], [[1, 2], [3, 4]]) == "{curve L x1 1 3} {curve L x1 2 4}"


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=30, unique=True), st.data())
def test_curves_come_back(nuke_curve: Any, frames: list[int], data: st.DataObject) -> None:
    frames = sorted(frames)
    number = st.floats(-1e6, 1e6, width=32)
    values = data.draw(st.lists(number, min_size=len(frames), max_size=len(frames)))
    words = tcl_words(tcl_words(script.curve(frames, values))[0])
    assert nuke_curve(words[1:]) == pytest.approx(dict(zip(frames, values, strict=True)), rel=1e-6)


@pytest.fixture(scope="module")
def nuke_curve() -> Any:
    import nuke

    return nuke._curve
