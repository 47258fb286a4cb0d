"""The table says whether a number is as asked, and the JSON holds the same."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bench.table import Row, show, write

ROWS = [
    Row("speed", "fast enough", 64.0, "frames/s", at_least=60.0),
    Row("speed", "too slow", 20.5, "frames/s", 18.25, "frozen", at_least=60.0),
    Row("memory", "nothing asked", 512.0, "MB"),
    Row("memory", "not measured", float("nan"), "MB", at_most=1536.0),
]


@pytest.mark.parametrize(
    ("value", "low", "high", "holds"),
    [
        (1.0, None, None, None),
        (1.0, 1.0, None, True),
        (1.0, None, 1.0, True),
        (0.99, 1.0, None, False),
        (1.01, None, 1.0, False),
        (1.0, 0.85, 1.15, True),
        (1.2, 0.85, 1.15, False),
        (float("nan"), 0.5, None, False),
    ],
)
def test_a_number_holds_within_its_limits(
    value: float, low: float | None, high: float | None, holds: bool | None
) -> None:
    assert Row("s", "n", value, "x", at_least=low, at_most=high).holds is holds


def test_the_table_shows_every_number_beside_its_limit() -> None:
    text = io.StringIO()
    show(ROWS, Console(file=text, width=140))
    lines = text.getvalue().splitlines()
    slow = next(line for line in lines if "too slow" in line)
    assert "20.5 frames/s" in slow and "18.25 frozen" in slow and "at least 60" in slow and "no" in slow
    assert any("yes" in line for line in lines if "fast enough" in line)
    assert any(line.strip() == "memory" for line in lines)


def test_the_json_has_every_number_and_the_machine(tmp_path: Path) -> None:
    write(tmp_path / "bench.json", ROWS, {"devices": ["cpu"]})
    data = json.loads((tmp_path / "bench.json").read_text())
    assert [row["holds"] for row in data["rows"]] == [True, False, None, False]
    assert data["rows"][3]["value"] is None
    assert data["machine"]["devices"] == ["cpu"] and data["machine"]["cpus"] >= 1
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


def test_the_json_takes_numbers_of_numpy(tmp_path: Path) -> None:
    row = Row("s", "n", np.float32(0.5), "mm", np.float64(2.5), at_most=1)
    write(tmp_path / "bench.json", [row], {})
    data = json.loads((tmp_path / "bench.json").read_text())["rows"][0]
    assert (data["value"], data["other"], data["holds"]) == (0.5, 2.5, True)
