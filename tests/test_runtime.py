"""Opening and running models on the device that is there."""

from __future__ import annotations

import hashlib
import json
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.testing import assert_array_equal
from onnx import TensorProto, helper, numpy_helper

from likeness import catalog, runtime
from likeness.errors import BadModel, BadRequest, LikenessError


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read from or left in the user's own folders."""
    monkeypatch.setenv("LIKENESS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LIKENESS_CATALOG", raising=False)
    runtime.close_all()
    runtime.default_threads.cache_clear()


@pytest.fixture
def tiny(tmp_path: Path, tiny_model: bytes) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_model)
    return path


@pytest.fixture
def house(tmp_path: Path, tiny_model: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package folder with one house model."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "double.onnx").write_bytes(tiny_model)
    (folder / "catalog.toml").write_text("")
    pin(folder, tiny_model)
    monkeypatch.setattr(catalog, "HOUSE", folder)
    return folder


def pin(folder: Path, data: bytes, file: str = "double.onnx") -> None:
    values = {"name": "double", "file": file, "sha256": hashlib.sha256(data).hexdigest()}
    values |= {"license": "Apache-2.0", "task": "doubles"}
    lines = [f"{k} = {json.dumps(v)}" for k, v in values.items()]
    (folder / "house.toml").write_text("\n".join(["[[model]]", *lines, f"bytes = {len(data)}", "opset = 17"]))


class TestRunning:
    def test_computes_what_the_model_says(self, tiny: Path) -> None:
        model = runtime.session(tiny, "cpu")
        x = np.float32([-1, 0, 0.5, 60_000])
        assert_array_equal(model.run({"x": x})["y"], 2 * x + 1)
        assert_array_equal(model(x)[0], 2 * x + 1)

    def test_says_what_goes_in_and_out(self, tiny: Path) -> None:
        model = runtime.session(tiny, "cpu")
        assert model.inputs == {"x": ("tensor(float)", ("n",))}
        assert model.outputs == {"y": ("tensor(float)", ("n",))}
        assert (model.name, model.device) == ("tiny.onnx", "cpu")

    def test_takes_arrays_with_any_strides(self, tiny: Path) -> None:
        x = np.arange(10, dtype=np.float32)[::-2]
        assert_array_equal(runtime.session(tiny, "cpu")(x)[0], 2 * x + 1)

    def test_results_are_the_callers_to_keep(self, tiny: Path) -> None:
        model = runtime.session(tiny, "cpu")
        first = model(np.float32([1]))[0]
        model(np.float32([5]))
        assert_array_equal(first, [3])

    @pytest.mark.parametrize(
        "inputs", [{}, {"z": np.float32([1])}, {"x": np.float32([1]), "z": np.float32([1])}]
    )
    def test_wrong_names_are_told(self, tiny: Path, inputs: dict[str, np.ndarray]) -> None:
        with pytest.raises(BadRequest, match=r"'tiny\.onnx' takes \['x'\]"):
            runtime.session(tiny, "cpu").run(inputs)

    @pytest.mark.parametrize("x", [np.float64([1]), np.float32([[1]]), np.int32([1])])
    def test_wrong_types_and_shapes_are_told(self, tiny: Path, x: np.ndarray) -> None:
        with pytest.raises(BadRequest, match=rf"'tiny\.onnx' cannot take x {x.dtype}"):
            runtime.session(tiny, "cpu").run({"x": x})

    def test_a_failure_of_the_device_names_model_and_device(self, tmp_path: Path) -> None:
        path = tmp_path / "huge.onnx"
        path.write_bytes(expand())
        model = runtime.session(path, "cpu")
        with pytest.raises(LikenessError, match=r"'huge\.onnx' failed on cpu"):
            model.run({"n": np.int64([1 << 50])})

    def test_the_path_for_cards_gives_the_same_and_follows_new_shapes(self, tiny: Path) -> None:
        # No card is needed: the same binding, with the CPU as its device.
        model = runtime.session(tiny, "cpu")
        model._bound = True
        kept = []
        for n in (3, 3, 8, 1):
            x = np.linspace(-1, 1, n, dtype=np.float32)
            kept.append((x, model(x)[0]))
        for x, y in kept:
            assert_array_equal(y, 2 * x + 1)

    def test_threads_may_share_a_model(self, tiny: Path) -> None:
        model = runtime.session(tiny, "cpu")
        wrong: list[float] = []

        def work(value: float, bound: bool) -> None:
            model._bound = bound
            for _ in range(200):
                y = model(np.full(50, value, np.float32))[0]
                wrong.extend(y[y != 2 * value + 1])

        for bound in (False, True):
            threads = [threading.Thread(target=work, args=(v, bound)) for v in (1.0, 2.0, 3.0)]
            [t.start() for t in threads]
            [t.join() for t in threads]
        assert wrong == []


class TestSessions:
    def test_the_same_model_is_opened_once(self, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = runtime.session(tiny, "cpu")
        monkeypatch.chdir(tiny.parent)
        assert runtime.session("tiny.onnx", "cpu") is first
        assert runtime.session(tiny, "cpu", threads=1) is runtime.session(tiny, "cpu", threads=1)

    def test_a_relative_path_means_the_folder_one_is_in(
        self, tmp_path: Path, tiny_model: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened = []
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "m.onnx").write_bytes(tiny_model)
            monkeypatch.chdir(tmp_path / folder)
            opened.append(runtime.session("m.onnx", "cpu"))
        assert [m.path.parent.name for m in opened] == ["a", "b"]

    def test_asking_again_costs_next_to_nothing(self, house: Path) -> None:
        first = runtime.session("double", "cpu")
        (house / "house.toml").unlink()
        assert runtime.session("double", "cpu") is first

    def test_threads_that_open_it_together_get_the_same(self, tiny: Path) -> None:
        opened: list[runtime.Model] = []
        threads = [threading.Thread(target=lambda: opened.append(runtime.session(tiny))) for _ in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert len({id(m) for m in opened}) == 1

    @pytest.mark.parametrize("library", [True, False])
    def test_devices_come_best_first_and_tensorrt_only_with_its_library(
        self, library: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import onnxruntime

        offered = [*reversed(runtime.PROVIDERS.values()), "AzureExecutionProvider"]
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
        monkeypatch.setattr(runtime, "_has_tensorrt", lambda: library)
        expected = ["tensorrt", "cuda", "directml", "coreml", "cpu"]
        assert runtime.devices() == (expected if library else expected[1:])

    def test_auto_takes_the_best_device_without_a_warning(self, tiny: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert runtime.session(tiny).device == runtime.devices()[0]

    def test_auto_leaves_small_house_models_to_the_processor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """On an H200 following a face took 8.5 ms a frame with CUDA and 3.1 without."""
        tried: list[tuple[str, int]] = []

        def create(model: bytes, device: str, threads: int, fp16: bool) -> Any:
            tried.append((device, len(model)))
            raise RuntimeError("only asked")

        monkeypatch.setattr(runtime, "devices", lambda: ["cuda", "cpu"])
        monkeypatch.setattr(runtime, "_create", create)
        monkeypatch.setattr(runtime, "_asked", {})
        monkeypatch.setattr(runtime, "_sessions", {})
        for name, device, wanted in (
            ("face_points", "auto", ["cpu"]),
            ("face_points", "cuda", ["cuda", "cpu"]),
            ("face_regions", "auto", ["cuda", "cpu"]),
        ):
            tried.clear()
            with pytest.raises(BadModel):
                runtime.session(name, device)
            assert [device for device, _ in tried] == wanted, (name, device)

    @pytest.mark.parametrize("device", ["directml", "coreml", "cuda", "tensorrt"])
    def test_a_device_that_is_not_there_falls_back_and_says_so(self, device: str, tiny: Path) -> None:
        if device in runtime.devices():
            pytest.skip(f"there is a {device} device here")
        with pytest.warns(
            RuntimeWarning, match=f"'{device}' is not to be had here; using {runtime.devices()[0]}"
        ):
            model = runtime.session(tiny, device)
        assert_array_equal(model(np.float32([1]))[0], [3])

    @pytest.mark.filterwarnings("ignore:Specified provider:UserWarning")
    def test_a_device_that_is_listed_but_does_not_work_falls_back_and_says_so(
        self, tiny: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # As with onnxruntime-gpu on a machine without CUDA: listed, but a session does not get it.
        monkeypatch.setattr(runtime, "devices", lambda: ["directml", "cpu"])
        with pytest.warns(RuntimeWarning, match=r"'tiny\.onnx' does not run on auto; using cpu"):
            model = runtime.session(tiny)
        assert model.device == "cpu"

    def test_an_unknown_device_is_refused(self, tiny: Path) -> None:
        with pytest.raises(BadRequest, match=r"no device 'gpu'.*auto, tensorrt, cuda, directml, coreml, cpu"):
            runtime.session(tiny, "gpu")

    def test_half_precision_only_where_the_card_allows_it(self) -> None:
        assert runtime._options("cuda", fp16=True)["use_tf32"] == "1"
        assert runtime._options("cuda", fp16=False)["use_tf32"] == "0"
        assert runtime._options("tensorrt", fp16=False)["trt_fp16_enable"] == "0"
        assert runtime._options("tensorrt", fp16=True)["trt_fp16_enable"] == "1"
        assert runtime._options("coreml", fp16=False)["AllowLowPrecisionAccumulationOnGPU"] == "0"
        assert runtime._options("cpu", fp16=True) == {}

    def test_tensorrt_keeps_its_engines_in_the_cache(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LIKENESS_CACHE", str(tmp_path / "not yet"))
        kept = Path(runtime._options("tensorrt", fp16=False)["trt_engine_cache_path"])
        assert kept.is_dir() and kept.parent == tmp_path / "not yet"


class TestThreads:
    def test_the_variable_wins(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIKENESS_THREADS", "3")
        assert runtime.default_threads() == 3

    @pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
    def test_a_wrong_variable_is_named(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIKENESS_THREADS", text)
        with pytest.raises(BadRequest, match="LIKENESS_THREADS"):
            runtime.default_threads()

    def test_siblings_count_once_and_a_quota_counts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runtime.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
        for cpu in range(8):
            folder = tmp_path / f"devices/system/cpu/cpu{cpu}/topology"
            folder.mkdir(parents=True)
            (folder / "thread_siblings_list").write_text(f"{cpu % 4},{cpu % 4 + 4}\n")
        assert runtime._physical_cores(tmp_path) == 4
        (tmp_path / "fs/cgroup").mkdir(parents=True)
        for text, expected in (("max 100000", 4), ("150000 100000", 2), ("50000 100000", 1)):
            (tmp_path / "fs/cgroup/cpu.max").write_text(text)
            assert runtime._physical_cores(tmp_path) == expected


class TestUntrustedFiles:
    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(BadModel, match=r"absent\.onnx cannot be read"):
            runtime.session(tmp_path / "absent.onnx")

    def test_a_folder_is_no_model(self, tmp_path: Path) -> None:
        with pytest.raises(BadModel, match="is not a file"):
            runtime.session(tmp_path)

    @pytest.mark.parametrize("keep", [0, 1, 64, 128])
    def test_a_truncated_file_is_named(self, keep: int, tiny: Path) -> None:
        tiny.write_bytes(tiny.read_bytes()[:keep])
        with pytest.raises(BadModel, match=r"tiny\.onnx"):
            runtime.session(tiny)

    def test_a_file_that_is_too_big_is_not_even_read(self, tmp_path: Path) -> None:
        path = tmp_path / "big.onnx"
        with path.open("wb") as sparse:
            sparse.truncate(catalog.MAX_BYTES + 1)
        with pytest.raises(BadModel, match="bigger than"):
            runtime.session(path)

    def test_a_wellformed_file_that_makes_no_sense_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "odd.onnx"
        path.write_bytes(graph([helper.make_node("NoSuchOperator", ["x"], ["y"])]))
        with pytest.raises(BadModel, match=r"odd\.onnx cannot be opened \(.*NoSuchOperator"):
            runtime.session(path)

    def test_foreign_operators_are_refused_before_the_runtime_sees_them(self, tmp_path: Path) -> None:
        path = tmp_path / "foreign.onnx"
        path.write_bytes(graph([helper.make_node("Call", ["x"], ["y"], domain="evil")]))
        with pytest.raises(BadModel, match=r"evil\.Call"):
            runtime.session(path)

    def test_weights_beside_the_model_are_read_and_others_refused(self, tmp_path: Path) -> None:
        folder = tmp_path / "m"
        folder.mkdir()
        np.float32([1, 2, 3, 4]).tofile(folder / "w.bin")
        np.float32([1, 2, 3, 4]).tofile(tmp_path / "w.bin")
        for location, allowed in (("w.bin", True), ("../w.bin", False)):
            path = folder / f"outer{allowed}.onnx"
            path.write_bytes(graph([helper.make_node("Add", ["x", "w"], ["y"])], [external(location)]))
            if allowed:
                y = runtime.session(path)(np.float32([0]))[0]
                assert_array_equal(y, [1, 2, 3, 4])
            else:
                with pytest.raises(BadModel, match="not a file in its own folder"):
                    runtime.session(path)


class TestHouseModels:
    def test_are_found_by_name(self, house: Path) -> None:
        assert runtime.house_content("double") == (house / "double.onnx").read_bytes()
        model = runtime.session("double")
        assert (model.name, model(np.float32([2]))[0].tolist()) == ("double", [5])
        assert runtime.session(house / "double.onnx") is model

    def test_an_unknown_name_lists_the_known(self, house: Path) -> None:
        with pytest.raises(BadModel, match=r"no model 'triple'.*double"):
            runtime.session("triple")
        with pytest.raises(BadModel, match=r"no house model 'triple'.*double"):
            runtime.house_content("triple")

    @pytest.mark.parametrize("how", [runtime.session, runtime.house_content])
    def test_an_altered_file_does_not_run(self, house: Path, tiny_model: bytes, how: object) -> None:
        altered = tiny_model.replace(np.float32(1).tobytes(), np.float32(9).tobytes())
        assert altered != tiny_model
        (house / "double.onnx").write_bytes(altered)
        with pytest.raises(BadModel, match=r"double\.onnx .*SHA-256 differs.*Install Likeness again"):
            how("double")  # type: ignore[operator]
        with pytest.raises(BadModel, match="SHA-256 differs"):
            runtime.session(house / "double.onnx")

    def test_a_truncated_or_missing_file_does_not_run(self, house: Path) -> None:
        path = house / "double.onnx"
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(BadModel, match="has 128 bytes, not 129"):
            runtime.session("double")
        path.unlink()
        with pytest.raises(BadModel, match=r"cannot be read.*Install Likeness again"):
            runtime.house_content("double")

    def test_weights_in_other_files_are_not_covered_by_the_hash(self, house: Path) -> None:
        np.float32([1, 2, 3, 4]).tofile(house / "w.bin")
        data = graph([helper.make_node("Add", ["x", "w"], ["y"])], [external("w.bin")])
        (house / "double.onnx").write_bytes(data)
        pin(house, data)
        with pytest.raises(BadModel, match="does not cover"):
            runtime.session("double")

    def test_tables_are_arrays_by_name_and_are_checked_too(self, house: Path) -> None:
        np.savez(house / "double.npz", two=np.float32([2]), one=np.arange(3))
        pin(house, (house / "double.npz").read_bytes(), "double.npz")
        tables = runtime.house_tables("double")
        assert_array_equal(tables["one"], [0, 1, 2])
        assert tables.keys() == {"one", "two"}
        for damage in (lambda d: d[:-1], lambda d: d[:200] + bytes(8) + d[208:]):
            (house / "double.npz").write_bytes(damage((house / "double.npz").read_bytes()))
            with pytest.raises(BadModel, match=r"double\.npz .*Install Likeness again"):
                runtime.house_tables("double")
        (house / "double.npz").unlink()
        with pytest.raises(BadModel, match=r"double\.npz cannot be read"):
            runtime.house_tables("double")

    def test_every_model_of_the_package_is_whole_and_opens(self) -> None:
        for name, model in catalog.house_models().items():
            assert catalog.verify(name).state == "ok", name
            if model.path.suffix == ".onnx":
                assert runtime.session(name, "cpu").inputs, name


def graph(nodes: list[onnx.NodeProto], weights: list[TensorProto] | None = None) -> bytes:
    row = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xy"]
    made = helper.make_graph(nodes, "g", row[:1], row[1:], weights or [])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("evil", 1)]
    return bytes(helper.make_model(made, ir_version=8, opset_imports=opsets).SerializeToString())


def external(location: str) -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def expand() -> bytes:
    """As many ones as it is told to."""
    made = helper.make_graph(
        [helper.make_node("ConstantOfShape", ["n"], ["y"])],
        "g",
        [helper.make_tensor_value_info("n", TensorProto.INT64, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["m"])],
    )
    opsets = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(made, ir_version=8, opset_imports=opsets).SerializeToString())
