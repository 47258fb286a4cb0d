"""What is read from an ONNX file before it may run."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from likeness import onnx_file
from likeness.errors import BadModel


def make(nodes: list[Any], weights: list[Any] | None = None, **more: Any) -> bytes:
    row = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", row[:1], row[1:], weights or [])
    more.setdefault("opset_imports", [helper.make_opsetid("", 17)])
    return bytes(helper.make_model(graph, **more).SerializeToString())


def external(location: str) -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="length", value="16")
    return tensor


def inspect(data: bytes, folder: Path) -> onnx_file.Contents:
    found = onnx_file.read(data, "model.onnx")
    onnx_file.check(found, folder / "model.onnx")
    return found


def test_finds_operators_and_opset(tiny_model: bytes, tmp_path: Path) -> None:
    found = inspect(tiny_model, tmp_path)
    assert len(tiny_model) == 129
    assert found.operators == {("", "Add")}
    assert (found.opset, found.external) == (17, set())


def test_finds_the_same_operators_as_the_onnx_package(tmp_path: Path) -> None:
    branch = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["b"])],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, ["n"])],
    )
    nodes = [
        helper.make_node("If", ["c"], ["t"], then_branch=branch, else_branch=branch),
        helper.make_node("FusedMatMul", ["t", "w"], ["y"], domain="com.microsoft", alpha=0.5),
    ]
    data = make(nodes, [numpy_helper.from_array(np.ones((64, 64), np.float32), "w")])
    expected = {(n.domain, n.op_type) for n in [*onnx.load_from_string(data).graph.node, *branch.node]}
    assert inspect(data, tmp_path).operators == expected


@pytest.mark.parametrize(
    ("domain", "operator"),
    [("my.company", "Format"), ("com.microsoft", "EPContext"), ("com.microsoft", "PythonOp")],
)
def test_refuses_operators_that_bring_their_own_code(domain: str, operator: str, tmp_path: Path) -> None:
    data = make([helper.make_node(operator, ["x"], ["y"], domain=domain)])
    with pytest.raises(BadModel, match=rf"model\.onnx calls the operator '{domain}\.{operator}'"):
        inspect(data, tmp_path)


def test_refuses_a_foreign_operator_inside_a_branch(tmp_path: Path) -> None:
    branch = helper.make_graph([helper.make_node("Run", ["x"], ["b"], domain="evil")], "branch", [], [])
    data = make([helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)])
    with pytest.raises(BadModel, match=r"evil\.Run"):
        inspect(data, tmp_path)


def test_allows_functions_that_the_model_itself_defines(tmp_path: Path) -> None:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    body = [helper.make_node("Neg", ["a"], ["b"])]
    function = helper.make_function("own", "Minus", ["a"], ["b"], body, opsets[:1])
    data = make(
        [helper.make_node("Minus", ["x"], ["y"], domain="own")], functions=[function], opset_imports=opsets
    )
    assert inspect(data, tmp_path).operators == {("own", "Minus"), ("", "Neg")}


def test_refuses_a_foreign_operator_inside_a_function(tmp_path: Path) -> None:
    function = helper.make_function(
        "own", "F", ["a"], ["b"], [helper.make_node("X", ["a"], ["b"], domain="evil")], []
    )
    data = make([helper.make_node("F", ["x"], ["y"], domain="own")], functions=[function])
    with pytest.raises(BadModel, match=r"evil\.X"):
        inspect(data, tmp_path)


@pytest.mark.parametrize(
    "location",
    [
        "../secret.bin",
        "a/../../secret.bin",
        "/etc/hostname",
        "C:\\secret.bin",
        "..\\secret.bin",
        "",
        "a\0b",
        "*/_ORT_MEM_ADDR_/*",
        "absent.bin",
        "link.bin",
    ],
)
def test_refuses_weights_outside_the_folder_of_the_model(location: str, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    os.symlink(tmp_path / "secret.bin", folder / "link.bin")
    data = make([helper.make_node("Add", ["x", "w"], ["y"])], [external(location)])
    with pytest.raises(BadModel, match="not a file in its own folder"):
        inspect(data, folder)


def test_refuses_outside_weights_in_attributes_and_sparse_tensors(tmp_path: Path) -> None:
    constant = helper.make_node("Constant", [], ["y"], value=external("../a"))
    sparse = onnx.SparseTensorProto(values=external("../b"), indices=external("../c"), dims=[4])
    data = make([constant, helper.make_node("Constant", [], ["z"], sparse_value=sparse)])
    assert onnx_file.read(data, "model.onnx").external == {"../a", "../b", "../c"}


def test_allows_weights_beside_the_model(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(16))
    data = make([helper.make_node("Add", ["x", "w"], ["y"])], [external("w.bin")])
    assert inspect(data, tmp_path).external == {"w.bin"}


@pytest.mark.parametrize(
    "data", [b"", b"not a model", b"\0" * 64, b"<html></html>", b"\x0a\xff\xff\xff\xff\x0f"]
)
def test_what_is_no_model_is_named(data: bytes) -> None:
    with pytest.raises(BadModel, match=r"photo\.onnx is not a whole ONNX file"):
        onnx_file.read(data, "photo.onnx")


def test_nesting_without_end_is_refused() -> None:
    inner = b""
    for _ in range(200):  # an attribute that holds a graph that holds a node that holds an attribute …
        for tag in (b"\x0a", b"\x2a", b"\x32"):
            inner = tag + onnx_varint(len(inner)) + inner
    with pytest.raises(BadModel):
        onnx_file.read(b"\x3a" + onnx_varint(len(inner)) + inner, "deep.onnx")


def onnx_varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


@given(st.data())
def test_a_damaged_file_gives_a_model_or_an_error_never_a_crash(
    tiny_model: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(tiny_model[: data.draw(st.integers(0, len(tiny_model)))])
    for _ in range(data.draw(st.integers(0, 4)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = onnx_file.read(bytes(damaged), "damaged.onnx")
    except BadModel as error:
        assert "damaged.onnx" in error.message
    else:
        assert found.operators


def test_weights_are_stepped_over_not_read(tmp_path: Path) -> None:
    heavy = numpy_helper.from_array(np.zeros(20_000_000, np.float32), "w")
    data = make([helper.make_node("Add", ["x", "w"], ["y"])], [heavy])
    start = time.perf_counter()
    inspect(data, tmp_path)
    assert time.perf_counter() - start < 0.1
