"""The house head says what the head data says, within the errors its card promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from likeness.head.model import load_head
from likeness.training.evaluate_head import evaluate
from likeness.training.facekit import load_facekit


@pytest.fixture(scope="module")
def errors(shared: Path) -> dict[str, float]:
    return evaluate(load_head(), load_facekit(shared / "ict-facekit"))


@pytest.mark.slow
def test_expressions_are_within_a_tenth_of_a_millimetre(errors: dict[str, float]) -> None:
    assert errors["expression_mean_mm"] < 0.1
    assert errors["expression_worst_shape_mm"] < 0.1


@pytest.mark.slow
def test_people_are_within_two_tenths_of_a_millimetre(errors: dict[str, float]) -> None:
    assert errors["identity_mean_mm"] < 0.2
    assert errors["identity_worst_person_mm"] < 0.2


@pytest.mark.slow
def test_dense_points_are_the_datas_vertices(errors: dict[str, float]) -> None:
    assert errors["points_at_rest_mean_mm"] < 0.1
    assert errors["points_at_rest_worst_mm"] < 0.5
    assert errors["points_expression_mean_mm"] < 0.1
    assert errors["points_expression_worst_mm"] < 0.5


def test_files_are_small(root: Path) -> None:
    models = root / "core" / "likeness" / "models"
    assert sum((models / name).stat().st_size for name in ("head.onnx", "head_mesh.npz")) <= 15e6
