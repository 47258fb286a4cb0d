"""Every file that the package calculates with is pinned, and described by a card that names the same hash."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from likeness import catalog
from likeness.errors import BadModel
from likeness.face import expected, mended, report
from likeness.head import model as head
from likeness.human import body, shading, sliders

MODELS = catalog.house_models()
each = pytest.mark.parametrize("name", MODELS)
LOADERS = {
    "body": body.load_body,
    "expected_expression": expected._table,
    "face_points_report": report.load_report,
    "head_mesh": head.load_head,
    "mended_fit": mended._tables,
    "human_sliders": sliders.load_sliders,
    "skin_shading": shading.load_usual,
}


def test_no_file_lies_beside_them_unpinned() -> None:
    files = {path.name for path in catalog.HOUSE.iterdir() if path.suffix in catalog.HOUSE_KINDS}
    assert files == {model.file for model in MODELS.values()}


@each
def test_its_card_names_its_hash_and_says_what_it_cannot_do(name: str) -> None:
    card = (catalog.HOUSE / f"{name}.md").read_text("utf-8")
    assert re.findall(r"SHA-256: `?([0-9a-f]{64})", card) == [MODELS[name].sha256]
    assert f"License: {MODELS[name].license}" in card
    for heading in ("## How it was made", "## Limits"):
        assert heading in card, f"{name}.md has no {heading}"


@pytest.mark.parametrize("name", LOADERS)
def test_a_damaged_table_is_a_bad_model(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in ("house.toml", *(model.file for model in MODELS.values())):
        (tmp_path / file).symlink_to(catalog.HOUSE / file)
    damaged = tmp_path / MODELS[name].file
    data = damaged.read_bytes()
    damaged.unlink()
    damaged.write_bytes(data[:-1])
    monkeypatch.setattr(catalog, "HOUSE", tmp_path)
    with pytest.raises(BadModel, match=rf"{damaged.name} has .* bytes.*Install Likeness again"):
        LOADERS[name].__wrapped__()


def test_tables_are_all_read_so() -> None:
    assert set(LOADERS) == {name for name, model in MODELS.items() if not model.file.endswith(".onnx")}
