"""What works on this machine and how to mend what does not; data only, a surface shows it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from likeness import cache, catalog, runtime
from likeness.errors import LikenessError

ROOM_BYTES = 2 << 30

# Encoders and decoders by what they are for; FFmpeg's names.
WRITERS = {"ProRes 4444": "prores_ks", "DNxHR": "dnxhd", "H.264": "libx264", "HEVC": "libx265"}
READERS = {"ProRes": "prores", "DNxHR": "dnxhd", "H.264": "h264", "HEVC": "hevc", "AV1": "av1", "VP9": "vp9"}
PICTURES = {"EXR": "openexr", "DPX": "dpx", "TIFF": "tiff", "PNG": "png", "JPEG": "jpeg"}


@dataclass(frozen=True)
class Check:
    """One finding: what was looked at, whether it works, what was found, and how to mend it."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def checks() -> list[Check]:
    """Look at everything: devices, models, codecs, pictures, color, disk. A look that fails is a finding."""
    looks: dict[str, Callable[[], Iterable[Check]]] = {
        "python": _python,
        "device": _devices,
        "threads": _threads,
        "models": _models,
        "clips": _clips,
        "pictures": _pictures,
        "color": _color,
        "disk": _disk,
    }
    return [check for name, look in looks.items() for check in _attempt(name, look)]


def _attempt(name: str, look: Callable[[], Iterable[Check]]) -> list[Check]:
    try:
        return list(look())
    except LikenessError as error:
        return [Check(name, False, error.message, error.hint)]
    except ImportError as error:
        return [Check(name, False, f"{error}.", "Install Likeness again, with all that it depends on.")]
    except Exception as error:
        return [
            Check(name, False, f"{type(error).__name__}: {error}.", "Set the variables of Likeness back.")
        ]


def _python() -> Iterable[Check]:
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    ok = sys.version_info >= (3, 11)
    yield Check("python", ok, detail, "" if ok else "Use Python 3.11 or later.")


def _devices() -> Iterable[Check]:
    found = runtime.devices()
    yield Check("device", True, f"onnxruntime {runtime.version()}: {', '.join(found)}")
    if card := _nvidia():
        works = "cuda" in found
        remedy = "Replace the package onnxruntime by onnxruntime-gpu[cuda,cudnn]."
        yield Check("device cuda", works, card if works else f"{card}, not used", "" if works else remedy)


def _nvidia() -> str:
    """The NVIDIA card's name, or nothing."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return ""
    command = [tool, "--query-gpu=name", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip().replace("\n", ", ") if answer.returncode == 0 else ""


def _threads() -> Iterable[Check]:
    count = runtime.default_threads()
    yield Check("threads", True, str(count) if count else "the physical cores")


def _models() -> Iterable[Check]:
    for name in catalog.house_models():
        yield _model(catalog.verify(name), "Install Likeness again.")
    if not catalog.house_models():
        yield Check("model", False, "the package holds no models", "Install Likeness again.")
    for name in catalog.entries():
        status = catalog.verify(name)
        if status.state != "missing":
            yield _model(status, f"Get it again: likeness models get {name}.")


def _model(status: catalog.Status, remedy: str) -> Check:
    detail = f"{status.state}, {status.bytes / 1e6:.1f} MB, {status.license}"
    ok = status.state == "ok"
    return Check(
        f"model {status.name}", ok, detail if ok else f"{status.state}: {status.path}", "" if ok else remedy
    )


def _clips() -> Iterable[Check]:
    for name, codecs, mode in (("write clips", WRITERS, "w"), ("read clips", READERS, "r")):
        missing = [label for label, codec in codecs.items() if not _has_codec(codec, mode)]
        yield _complete(
            name, codecs, missing, "Install the package av from its own wheel, which brings them."
        )


def _has_codec(name: str, mode: str) -> bool:
    from av.codec import Codec
    from av.codec.codec import UnknownCodecError

    try:
        Codec(name, mode)  # type: ignore[arg-type]
    except UnknownCodecError:
        return False
    return True


def _pictures() -> Iterable[Check]:
    import OpenImageIO as oiio

    known = set(oiio.get_string_attribute("format_list").split(","))
    missing = [label for label, name in PICTURES.items() if name not in known]
    yield _complete("pictures", PICTURES, missing, "Install the package OpenImageIO from its own wheel.")


def _complete(name: str, wanted: Iterable[str], missing: list[str], remedy: str) -> Check:
    if missing:
        return Check(name, False, f"missing: {', '.join(missing)}", remedy)
    return Check(name, True, ", ".join(wanted))


def _color() -> Iterable[Check]:
    from likeness.media import color

    config = color.load_config()
    source = os.environ.get("OCIO") or "built in"
    yield Check("color", True, f"{config.getName() or 'unnamed'} ({source})")


def _disk() -> Iterable[Check]:
    places = {"cache": cache.folder(), "models": catalog.folder(), "temporary": Path(tempfile.gettempdir())}
    variables = {"cache": "LIKENESS_CACHE", "models": "LIKENESS_HOME", "temporary": "TMPDIR"}
    yield from (_place(f"disk {name}", path, variables[name]) for name, path in places.items())


def _place(name: str, path: Path, variable: str) -> Check:
    there = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        return Check(
            name, False, f"{path} cannot be written", f"Set {variable} to a folder that can be written."
        )
    free = shutil.disk_usage(there).free
    remedy = "" if free >= ROOM_BYTES else f"Free some space, or set {variable} to a folder with more."
    return Check(name, not remedy, f"{free / 1e9:.1f} GB free in {path}", remedy)
