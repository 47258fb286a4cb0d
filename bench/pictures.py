"""The real pictures the benchmark looks at, read once through the product and kept as sRGB."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.media import Source, color, open_source, rgb
from likeness.media.look import Look, Shown

ROOT = Path(__file__).resolve().parents[1]
LINEAR_REC709 = color.first_known(color.LINEAR_REC709)
Bytes = NDArray[np.uint8]
Float = NDArray[np.float32]

CLIPS = ("clip_talking_man_512", "clip_talking_glasses_512", "clip_expressions_480", "clip_outdoor_720p")
PAINTINGS = ("painting_mona_lisa", "painting_pearl_earring", "painting_sargent")


def real_folder() -> Path | None:
    """Where the real clips and paintings lie, or None."""
    folder = Path(os.environ.get("LIKENESS_SHARED", ROOT.parent / "shared")) / "real"
    return folder if folder.is_dir() else None


def srgb(source: Source, frame: int) -> Float:
    """One frame as sRGB (H, W, 3), 0..1, whatever light it is stored in."""
    linear, space = rgb(source.read(frame)), source.linear_colorspace
    if space != LINEAR_REC709:
        linear = color.convert(linear, space, LINEAR_REC709)
    return to_srgb(linear)


def to_srgb(linear: NDArray[np.float32]) -> Float:
    """Linear Rec.709 to sRGB 0..1 (IEC 61966-2-1)."""
    x = np.clip(linear, 0, 1)
    return np.where(
        x <= 0.0031308, np.float32(12.92) * x, 1.055 * x ** np.float32(1 / 2.4) - np.float32(0.055)
    )


def srgb_bytes(source: Source, frame: int) -> Bytes:
    """One frame as sRGB bytes (H, W, 3)."""
    return np.round(srgb(source, frame) * 255).astype(np.uint8)


def to_linear(srgb: NDArray[Any]) -> Float:
    """sRGB 0..1 to linear Rec.709 (IEC 61966-2-1)."""
    x = np.asarray(srgb, np.float32)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


@dataclass(frozen=True)
class Clip:
    """`frames` (F, H, W, 3) sRGB bytes; one frame is a still."""

    name: str
    path: Path
    frames: Bytes
    fps: float

    @property
    def is_still(self) -> bool:
        return len(self.frames) == 1


def load(path: Path, last: int | None = None) -> Clip:
    """Read a clip or still, up to `last` frames."""
    with open_source(path) as source:
        numbers = list(source.frames)[:last]
        frames = np.stack([srgb_bytes(source, n) for n in numbers])
        return Clip(path.stem, path, frames, float(source.fps or 25))


class InMemory:
    """Frames as a tracker looks at them, so that it is timed without decoding."""

    def __init__(self, frames: Bytes) -> None:
        self.frames: Sequence[int] = range(1, len(frames) + 1)
        self._frames = frames

    def look(self, frame: int) -> Look:
        """One frame as it is shown."""
        return Shown(self._frames[frame - 1])


def mediapipe(
    python: Path, work: Path, sets: dict[str, tuple[Bytes, bool]]
) -> dict[str, dict[str, NDArray[Any]]]:
    """MediaPipe's `points`, `found` and `seconds` of each set of frames (frames, whether a clip)."""
    words: list[str] = []
    for name, (frames, moving) in sets.items():
        np.save(work / f"{name}.npy", frames)
        words += [str(work / f"{name}.npy"), str(work / f"{name}.npz"), "video" if moving else "still"]
    script = Path(__file__).with_name("peer_mediapipe.py")
    done = subprocess.run([str(python), str(script), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"MediaPipe failed:\n{done.stderr[-2000:]}")
    out = {name: dict(np.load(work / f"{name}.npz")) for name in sets}
    for name in sets:
        (work / f"{name}.npy").unlink()
    return out
