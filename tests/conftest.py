"""Fixtures that every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pictures and reference data; tests that ask for it skip where it is absent."""
    folder = Path(os.environ.get("LIKENESS_SHARED", ROOT.parent / "shared"))
    if not (folder / "real").is_dir():
        pytest.skip(f"no data in {folder}; set LIKENESS_SHARED to the folder that has real/ and ict-facekit/")
    return folder


@pytest.fixture(scope="session")
def real(shared: Path) -> Path:
    """Real photographs, paintings and clips."""
    return shared / "real"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"shared", "real"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("shared")


@pytest.fixture(scope="session")
def tiny_model() -> bytes:
    """A real ONNX model in 129 bytes: x, one row of floats, to y = 2 x + 1."""
    from onnx import TensorProto, helper, numpy_helper

    row = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xy"]
    nodes = [helper.make_node("Add", ["x", "x"], ["t"]), helper.make_node("Add", ["t", "b"], ["y"])]
    one = numpy_helper.from_array(np.float32([1]), "b")
    graph = helper.make_graph(nodes, "g", row[:1], row[1:], [one])
    model = helper.make_model(
        graph,
        producer_name="likeness tests, written by hand",
        ir_version=8,
        opset_imports=[helper.make_opsetid("", 17)],
    )
    return bytes(model.SerializeToString())
