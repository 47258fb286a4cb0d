"""The project's effects and a studio's own stand in one list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from likeness import registry
from likeness.effects import EFFECTS
from likeness.errors import BadRequest
from likeness.fingerprint import package_hash

TINY = Path(__file__).with_name("tiny_effects.py")


def test_without_a_studio_there_are_the_projects_effects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(registry.VARIABLE, raising=False)
    assert registry.effects() == EFFECTS


def test_a_studios_effects_come_after_the_projects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(registry.VARIABLE, f"{TINY}:TINY")
    names = [effect.name for effect in registry.effects()]
    assert names == [*(effect.name for effect in EFFECTS), "tint", "chore"]
    assert registry.find("chore").label == "Chore"


def test_one_effect_or_several_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(registry.VARIABLE, f" {TINY}:TINT , {TINY}:CHORE,")
    assert [effect.name for effect in registry.effects()][-2:] == ["tint", "chore"]


def test_a_module_is_imported_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "studio_fx.py").write_text(TINY.read_text())
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(registry.VARIABLE, "studio_fx:TINT")
    assert registry.find("tint").name == "tint"


def test_an_unknown_effect_is_answered_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(registry.VARIABLE, f"{TINY}:TINY")
    with pytest.raises(BadRequest, match=r"no effect 'tinnt'.*tint, chore"):
        registry.find("tinnt")


def test_two_effects_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(registry.VARIABLE, f"{TINY}:TINT,{TINY}:TINY")
    with pytest.raises(BadRequest, match="'tint' is declared twice"):
        registry.effects()


@pytest.mark.parametrize(
    "entry", ["nowhere:X", "nothing", "/missing/file.py:X", f"{TINY}:ABSENT", ":X", f"{TINY}:PLATE"]
)
def test_a_studios_effect_that_does_not_load_is_named(monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    monkeypatch.setenv(registry.VARIABLE, entry)
    with pytest.raises(BadRequest, match=registry.VARIABLE) as caught:
        registry.effects()
    assert "\n" not in str(caught.value)


def test_a_bad_declaration_is_told_and_can_be_mended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "studio broken.py"
    file.write_text("1 / 0")
    monkeypatch.setenv(registry.VARIABLE, f"{file}:X")
    with pytest.raises(BadRequest, match="ZeroDivisionError"):
        registry.effects()
    file.write_text("X = ()")
    assert registry.effects() == EFFECTS


def test_declarations_are_kept_by_the_code_they_come_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(registry.VARIABLE, raising=False)
    monkeypatch.setenv("LIKENESS_CACHE", str(tmp_path))
    told = [json.loads(json.dumps(effect.schema())) for effect in EFFECTS]
    assert registry.schemas() == told
    [kept] = (tmp_path / "declarations").iterdir()
    assert kept.stem == package_hash()
    kept.write_text('[{"name": "from the cache"}]')
    assert registry.schemas() == [{"name": "from the cache"}]
    kept.write_text("damaged")
    assert registry.schemas() == told
    monkeypatch.setattr(registry, "package_hash", lambda: "other code")
    assert registry.schemas() == told
    assert len(list((tmp_path / "declarations").iterdir())) == 2


def test_a_studios_declarations_are_never_stale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIKENESS_CACHE", str(tmp_path))
    monkeypatch.setenv(registry.VARIABLE, f"{TINY}:TINY")
    assert [effect["name"] for effect in registry.schemas()][-2:] == ["tint", "chore"]
    assert not list(tmp_path.iterdir())
