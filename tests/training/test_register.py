"""Putting a trained model into the package."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from likeness import catalog, runtime
from likeness.errors import BadInput, BadModel
from likeness.training import register

CARD = "# Doubles\n\nTask: doubles numbers.\n\n- **SHA-256:** `not yet`\n- Limits: none\n"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "house.toml").write_text("")
    (folder / "catalog.toml").write_text("")
    (folder / "double.md").write_text(CARD)
    monkeypatch.setattr(catalog, "HOUSE", folder)
    runtime.close_all()
    return folder


@pytest.fixture
def trained(tmp_path: Path, tiny_model: bytes) -> Path:
    path = tmp_path / "best of run 3.onnx"
    path.write_bytes(tiny_model)
    return path


def test_a_registered_model_is_pinned_and_runs(house: Path, trained: Path, tiny_model: bytes) -> None:
    model = register.register("double", trained, 'doubles "x" − and adds 1')
    assert catalog.house_models() == {"double": model}
    assert (model.opset, model.bytes, model.fp16) == (17, 129, False)
    assert model.sha256 == hashlib.sha256(tiny_model).hexdigest()
    assert catalog.verify("double").state == "ok"
    assert runtime.session("double", "cpu")(np.float32([3]))[0].tolist() == [7]


def test_the_card_gets_the_hash_and_keeps_the_rest(house: Path, trained: Path) -> None:
    model = register.register("double", trained, "doubles")
    card = (house / "double.md").read_text()
    assert card == CARD.replace("not yet", model.sha256)


@pytest.mark.parametrize(
    "line", ["SHA-256: {}", "* SHA-256: `{}`", "**SHA-256:** {}", "**SHA-256**: `{}` (of the file)"]
)
def test_the_hash_may_be_written_in_any_of_the_usual_ways(line: str, house: Path, trained: Path) -> None:
    (house / "double.md").write_text(f"# Doubles\n{line.format('old')}\nEnd: here\n")
    model = register.register("double", trained, "doubles")
    assert (house / "double.md").read_text() == f"# Doubles\n{line.format(model.sha256)}\nEnd: here\n"


def test_registering_again_changes_only_what_changed(house: Path, trained: Path, tiny_model: bytes) -> None:
    (house / "other.md").write_text("SHA-256: -\nFP16: safe, checked to 1e-3\n- GPU: faster by half\n")
    register.register("other", trained, "something else")
    first = register.register("double", trained, "doubles")
    trained.write_bytes(tiny_model.replace(np.float32(1).tobytes(), np.float32(9).tobytes()))
    runtime.close_all()
    second = register.register("double", trained)
    assert second.task == first.task
    assert second.sha256 != first.sha256
    listed = tomllib.loads((house / "house.toml").read_text("utf-8"))["model"]
    assert [m["name"] for m in listed] == ["double", "other"]
    other, double = (catalog.house_models()[name] for name in ("other", "double"))
    assert other.fp16 and other.gpu and not double.gpu
    assert {catalog.verify(m["name"]).state for m in listed} == {"ok"}


def test_a_model_without_a_card_or_a_task_is_refused(house: Path, trained: Path) -> None:
    with pytest.raises(BadInput, match=r"--task"):
        register.register("double", trained)
    (house / "double.md").write_text("# No hash here\n")
    with pytest.raises(BadInput, match="no card with a line 'SHA-256:'"):
        register.register("double", trained, "doubles")
    assert not (house / "double.onnx").exists()


def test_what_the_runtime_would_not_take_is_refused(house: Path, tmp_path: Path) -> None:
    with pytest.raises(BadModel):
        register.register("double", tmp_path / "absent.onnx", "doubles")
    assert catalog.house_models() == {}


def test_the_command_answers_with_a_status(
    house: Path, trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert register.main(["double", str(trained)]) == 3
    assert "--task" in caplog.text
    caplog.set_level("INFO")
    assert register.main(["double", str(trained), "--task", "doubles"]) == 0
    assert catalog.house_models()["double"].sha256 in caplog.text


@pytest.mark.parametrize(
    ("tables", "kind"), [({"double": np.arange(3.0)}, ".npz"), ({"double": [0, 1, 2], "by": 2.0}, ".json")]
)
def test_tables_are_kept_as_arrays_or_as_text(tables: dict, kind: str, house: Path) -> None:
    model = register.register_tables("double", tables, "what is twice what")
    assert model.path == house / f"double{kind}"
    kept = np.load(model.path) if kind == ".npz" else json.loads(model.path.read_text())
    assert set(kept) == set(tables)
    assert list(kept["double"]) == [0, 1, 2]
    assert catalog.verify("double").state == "ok"
