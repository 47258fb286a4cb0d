"""The only importer of onnxruntime: opens models, chooses the device, keeps sessions warm.

A model file is untrusted. It is read once; those bytes are measured, hashed against the pinned SHA-256
where there is one, looked through by `onnx_file`, and then run, so nothing can be swapped in between.
No library of custom operators is ever loaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import logging
import os
import sys
import threading
import warnings
from collections.abc import Mapping
from functools import cache as once
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness import cache, catalog, onnx_file
from likeness.errors import BadModel, BadRequest, LikenessError

log = logging.getLogger(__name__)

Array = NDArray[Any]

# In the order in which "auto" tries them.
PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_ON_CARD = ("tensorrt", "cuda")
_WAITING = {
    "intra_op.allow_spinning": "1",
    "intra_op.spin_duration_us": "50",
    "force_spinning_stop": "1",
}

_sessions: dict[tuple[Path, str, int], Model] = {}
_asked: dict[tuple[str | Path, str, int], Model] = {}
_lock = threading.RLock()


class Model:
    """An open model. `inputs` and `outputs` map names to (type, shape); `device` is where it runs."""

    def __init__(self, name: str, path: Path, device: str, session: Any) -> None:
        self.name = name
        self.path = path
        self.device = device
        self.inputs = {i.name: (i.type, tuple(i.shape)) for i in session.get_inputs()}
        self.outputs = {o.name: (o.type, tuple(o.shape)) for o in session.get_outputs()}
        self._session = session
        self._bound = device in _ON_CARD
        self._binding = threading.Lock()
        self._kept: dict[str, Any] = {}
        self._types: dict[str, np.dtype[Any]] = {}

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run once: arrays by input name to new arrays by output name, in the model's own types.

        Raises `BadRequest` if an input is missing, unknown or of the wrong type or shape, and
        `LikenessError` if the device fails (no memory left, for instance).
        """
        if inputs.keys() != self.inputs.keys():
            raise BadRequest(f"The model '{self.name}' takes {sorted(self.inputs)}, not {sorted(inputs)}.")
        feed = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
        try:
            results = self._run_bound(feed) if self._bound else self._session.run(None, feed)
        except Exception as error:
            raise self._failed(feed, error) from error
        return dict(zip(self.outputs, results, strict=True))

    def __call__(self, *inputs: Array) -> list[Array]:
        """Run once with the inputs in the model's order; the outputs come in the model's order."""
        return list(self.run(dict(zip(self.inputs, inputs, strict=True))).values())

    def _run_bound(self, feed: Mapping[str, Array]) -> list[Array]:
        # The inputs' memory on the card is kept from run to run. On the CPU there is nothing to keep: it
        # measured no faster than plain run (192 px backbone 0.40 and 0.41 ms, 512 px maps 8.8 and 6.5 ms).
        with self._binding:
            binding = self._session.io_binding()
            for name, array in feed.items():
                binding.bind_ortvalue_input(name, self._on_device(name, array))
            for name in self.outputs:
                binding.bind_output(name)
            self._session.run_with_iobinding(binding)
            return list(binding.copy_outputs_to_cpu())

    def _on_device(self, name: str, array: Array) -> Any:
        import onnxruntime

        kept = self._kept.get(name)
        if kept is None or kept.shape() != list(array.shape) or self._types[name] != array.dtype:
            where = "cuda" if self.device in _ON_CARD else "cpu"
            self._kept[name] = onnxruntime.OrtValue.ortvalue_from_numpy(array.copy(), where)
            self._types[name] = array.dtype
        else:
            kept.update_inplace(array)
        return self._kept[name]

    def _failed(self, feed: Mapping[str, Array], error: Exception) -> LikenessError:
        reason = str(error).splitlines()[0]
        if "INVALID_ARGUMENT" in str(error):
            given = ", ".join(f"{name} {array.dtype}{list(array.shape)}" for name, array in feed.items())
            return BadRequest(f"The model '{self.name}' cannot take {given} ({reason}).")
        return LikenessError(
            f"The model '{self.name}' failed on {self.device} ({reason}).",
            "Run it with --device cpu, or with fewer things on the card.",
        )


def session(model: str | Path, device: str = "auto", threads: int | None = None) -> Model:
    """Open a model by its name (house or fetched) or by its path; the same call gives the same object.

    `device` is "auto" (the best for the model) or one of `PROVIDERS`; one that does not work here gives a
    `RuntimeWarning` and the next that does. `threads` is for the CPU: else `LIKENESS_THREADS`, else the
    physical cores.
    Raises `BadModel` (missing, altered, truncated, not allowed) or `BadRequest` (unknown device).
    """
    if device != "auto" and device not in PROVIDERS:
        raise BadRequest(f"There is no device '{device}'.", f"Choose one of: auto, {', '.join(PROVIDERS)}.")
    count = default_threads() if threads is None else threads
    asked = (model, device, count)
    if known := _asked.get(asked):
        return known
    record, path = _locate(model)
    key = (path, device, count)
    with _lock:
        if key not in _sessions:
            _sessions[key] = _open(path, record, device, count)
        if _is_name(model) or Path(model).is_absolute():
            _asked[asked] = _sessions[key]
        return _sessions[key]


def close(model: Model) -> None:
    """Let go of an open model and its memory; whoever asks for it again opens it anew."""
    with _lock:
        for key in [key for key, one in _sessions.items() if one is model]:
            del _sessions[key]
        for asked in [asked for asked, one in _asked.items() if one is model]:
            del _asked[asked]


def close_all() -> None:
    """Let go of every open model and its memory."""
    with _lock:
        _sessions.clear()
        _asked.clear()


def house_content(name: str) -> bytes:
    """The file of a house model, read and checked; raise `BadModel` if it is not what was promised."""
    house = catalog.house_models()
    if name not in house:
        raise BadModel(f"There is no house model '{name}'.", f"There are: {', '.join(house)}.")
    return _content(house[name].path, house[name])


def house_tables(name: str) -> dict[str, Array]:
    """The arrays of a house model that is tables (.npz), by name; raises as `house_content` does."""
    with np.load(io.BytesIO(house_content(name)), allow_pickle=False) as data:
        return {array: data[array] for array in data.files}


def devices() -> list[str]:
    """The devices that onnxruntime offers here, best first; "cpu" is always the last."""
    import onnxruntime

    offered = set(onnxruntime.get_available_providers())
    return [
        d for d, provider in PROVIDERS.items() if provider in offered and (d != "tensorrt" or _has_tensorrt())
    ]


def version() -> str:
    """The version of onnxruntime."""
    import onnxruntime

    return str(onnxruntime.__version__)


@once
def default_threads() -> int:
    """Threads of a session: `LIKENESS_THREADS`, else the physical cores this process may use.

    0 leaves the count to onnxruntime, which takes the physical cores, on systems that do not tell us.
    """
    text = os.environ.get("LIKENESS_THREADS", "")
    if text.isdecimal() and int(text) > 0:
        return int(text)
    if text:
        raise BadRequest(f"LIKENESS_THREADS is '{text}'.", "Give a number of threads, 1 or more.")
    return _physical_cores() if sys.platform == "linux" else 0


# ---- opening ----------------------------------------------------------------------------------------


def _is_name(model: str | Path) -> bool:
    return isinstance(model, str) and not model.endswith(".onnx") and not set(model) & set("/\\")


def _locate(model: str | Path) -> tuple[catalog.HouseModel | catalog.Entry | None, Path]:
    """The record that pins a model, if there is one, and the model's path."""
    if _is_name(model):
        record = catalog.find(str(model))
        return record, record.path.resolve()
    path = Path(model).resolve()
    for pinned in catalog.house_models().values():
        if pinned.path.resolve() == path:
            return pinned, path
    if path.parent == catalog.folder().resolve() and path.stem in (listed := catalog.entries()):
        return listed[path.stem], path
    return None, path


def _remedy(record: catalog.HouseModel | catalog.Entry | None) -> str:
    if record is None:
        return "Give the path of an ONNX file."
    if isinstance(record, catalog.Entry):
        return f"Get it again: likeness models get {record.name}."
    return "Install Likeness again."


def _content(path: Path, record: catalog.HouseModel | catalog.Entry | None) -> bytes:
    """The bytes of a model's file, of the size and SHA-256 that its record promises."""
    remedy = _remedy(record)
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise BadModel(f"The model {path} is not a file.", remedy)
        if size > catalog.MAX_BYTES:
            raise BadModel(f"The model {path} is bigger than {catalog.MAX_BYTES} bytes.", remedy)
        data = path.read_bytes()
    except OSError as error:
        raise BadModel(f"The model {path} cannot be read ({error.strerror}).", remedy) from error
    if record and len(data) != record.bytes:
        raise BadModel(f"The model {path} has {len(data)} bytes, not {record.bytes}.", remedy)
    if record and hashlib.sha256(data).hexdigest() != record.sha256:
        raise BadModel(f"The model {path} is not the file that was promised: its SHA-256 differs.", remedy)
    return data


def _read(path: Path, record: catalog.HouseModel | catalog.Entry | None) -> tuple[bytes, bool]:
    """A model's bytes, checked, and whether it keeps weights in files of their own beside it."""
    data = _content(path, record)
    contents = onnx_file.read(data, path.name)
    onnx_file.check(contents, path)
    if record and contents.external:
        raise BadModel(
            f"The model {path} keeps weights in other files, which its SHA-256 does not cover.",
            _remedy(record),
        )
    return data, bool(contents.external)


def _open(path: Path, record: catalog.HouseModel | catalog.Entry | None, device: str, threads: int) -> Model:
    data, external = _read(path, record)
    house = record if isinstance(record, catalog.HouseModel) else None
    fp16 = house is not None and house.fp16
    name = record.name if record else path.name
    reason: object = ""
    small = device == "auto" and house is not None and not house.gpu
    for candidate in ["cpu"] if small else _candidates(device):
        try:
            opened = _create(path if external else data, candidate, threads, fp16)
        except Exception as error:
            reason = str(error).splitlines()[0]
            log.info("%s does not open on %s: %s", name, candidate, error)
            continue
        if (ran := _device_of(opened)) != candidate:
            reason = f"it runs on {ran}"
        if reason:
            _warn(f"The model '{name}' does not run on {device}; using {ran} ({reason}).")
        return Model(name, path, ran, opened)
    raise BadModel(
        f"The model {path} cannot be opened ({reason}).", "Get it again, or export it for this runtime."
    )


def _candidates(device: str) -> list[str]:
    offered = devices()
    if device == "auto":
        return offered
    if device not in offered:
        _warn(f"The device '{device}' is not to be had here; using {offered[0]}. See: likeness doctor.")
        return offered
    return [device] if device == "cpu" else [device, *(["cuda"] if device == "tensorrt" else []), "cpu"]


def _create(model: bytes | Path, device: str, threads: int, fp16: bool) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.use_deterministic_compute = True
    # A run's threads wait for the next layer by spinning, 50 us at most: waking them takes as long as a small
    # layer (one face's points on two idle cores: 2.5 ms, 3.3 with threads that sleep, 3.4 with one thread).
    # Between runs none spins: it would steal the cores from whatever runs next.
    for key, value in _WAITING.items():
        options.add_session_config_entry(f"session.{key}", value)
    options.add_session_config_entry("session.load_model_format", "ONNX")
    if device in _ON_CARD:
        _preload()
    providers = [(PROVIDERS[device], _options(device, fp16))]
    if device != "cpu":
        providers += [(PROVIDERS["cuda"], _options("cuda", fp16))] if device == "tensorrt" else []
        providers += [(PROVIDERS["cpu"], {})]
    # onnxruntime's own fallback prints to stdout, which belongs to the worker's protocol.
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=providers, enable_fallback=0)


def _options(device: str, fp16: bool) -> dict[str, str]:
    """What a provider is told; lower precision only for models whose card says that it is safe."""
    if device == "tensorrt":
        kept = cache.folder() / "tensorrt"
        with contextlib.suppress(OSError):  # without it engines are only built anew each time
            kept.mkdir(parents=True, exist_ok=True)
        return {
            "trt_fp16_enable": str(int(fp16)),
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(kept),
        }
    if device == "cuda":
        # Convolutions on CUDA have no fp16 switch; TF32 has fp16's mantissa and float's range.
        return {"use_tf32": str(int(fp16)), "cudnn_conv_algo_search": "HEURISTIC"}
    if device == "coreml":
        return {"ModelFormat": "MLProgram", "AllowLowPrecisionAccumulationOnGPU": str(int(fp16))}
    return {}


def _device_of(opened: Any) -> str:
    names = {provider: device for device, provider in PROVIDERS.items()}
    return names.get(opened.get_providers()[0], "cpu")


def _warn(text: str) -> None:
    warnings.warn(text, RuntimeWarning, stacklevel=2)


# ---- the machine ------------------------------------------------------------------------------------


@once
def _preload() -> None:
    """Load CUDA's libraries from the packages that bring them, where onnxruntime knows how to."""
    import onnxruntime

    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()


@once
def _has_tensorrt() -> bool:
    # onnxruntime-gpu always lists TensorRT, but it works only with NVIDIA's library beside it.
    names = ("nvinfer_10.dll",) if sys.platform == "win32" else ("libnvinfer.so.10", "libnvinfer.so.8")
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def _physical_cores(system: Path = Path("/sys")) -> int:
    """Physical cores this process may use on Linux: its CPUs less their siblings, within its quota."""
    cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = set()
    for cpu in cpus:
        siblings = system / f"devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        cores.add(siblings.read_text().strip() if siblings.is_file() else str(cpu))
    return max(1, min(len(cores), _quota(system / "fs/cgroup/cpu.max")))


def _quota(limit: Path) -> int:
    """CPUs that a container may use at once, rounded up; a number without bounds where there is no limit."""
    words = limit.read_text().split() if limit.is_file() else []
    if len(words) != 2 or not (words[0].isdecimal() and words[1].isdecimal()):
        return sys.maxsize
    return -(-int(words[0]) // int(words[1]))
