"""A facial performance: ARKit weights, head and eye rotations per frame, as Live Link Face writes them.

Angles are radians, about the head's own axes (X toward the character's left, Y up, Z out of the face),
right-handed: **yaw** about Y, positive toward the character's left; **pitch** about X, positive looking
down; **roll** about Z, positive counter-clockwise for who faces the character. A rotation is
yaw * pitch * roll, and so applies roll first. That is what Live Link Face records of a phone held upright
with the face direction not mirrored; held sideways, the phone's yaw and pitch change sign.
"""

from __future__ import annotations

import contextlib
import csv
import io
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.errors import BadInput, BadOutput, BadRequest

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


def _sides(*names: str) -> tuple[str, ...]:
    return tuple(name + side for name in names for side in ("Left", "Right"))


_EYE = ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")

# Apple's 52 shapes in the column order of Live Link Face.
ARKIT: tuple[str, ...] = (
    *(f"eye{name}{side}" for side in ("Left", "Right") for name in _EYE),
    *("jawForward", "jawRight", "jawLeft", "jawOpen"),
    *("mouthClose", "mouthFunnel", "mouthPucker", "mouthRight", "mouthLeft"),
    *_sides("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *_sides("mouthPress", "mouthLowerDown", "mouthUpperUp", "browDown"),
    "browInnerUp",
    *_sides("browOuterUp"),
    "cheekPuff",
    *_sides("cheekSquint", "noseSneer"),
    "tongueOut",
)

ROTATIONS: tuple[str, ...] = tuple(
    f"{part}{angle}" for part in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll")
)

# Every shape belongs to one region; head rotation is the region "head", eye rotations belong to "gaze".
_REGION_PREFIXES: dict[str, tuple[str, ...]] = {
    "mouth": ("mouth", "tongue"),
    "eyes": ("eyeBlink", "eyeSquint", "eyeWide"),
    "brows": ("brow",),
    "cheeks": ("cheek", "nose"),
    "jaw": ("jaw",),
    "gaze": ("eyeLook",),
    "head": (),
}
REGIONS: dict[str, tuple[str, ...]] = {
    region: tuple(name for name in ARKIT if prefixes and name.startswith(prefixes))
    for region, prefixes in _REGION_PREFIXES.items()
}

_INDEX = {name: i for i, name in enumerate(ARKIT)}
_COLUMNS = tuple(name[0].upper() + name[1:] for name in ARKIT) + ROTATIONS
_TIMECODE_RATES = (24, 25, 30, 48, 50, 60, 100, 120, 240)
_FRAME_RATES = tuple(
    n / d for n in (24, 25, 30, 48, 50, 60, 120) for d in (1.0, 1.001) if n not in (25, 50) or d == 1
)
_DAY_S = 86400.0


@dataclass(frozen=True)
class Performance:
    """F frames of facial animation.

    `weights` (F, 52) float32 in the order of `ARKIT`, 0 at rest and 1 at the full shape, not clamped;
    `head` (F, 3) and `eyes` (F, 2, 3; left, right) float32: yaw, pitch, roll in radians;
    `time_s` (F,) float64: seconds since the first frame, rising; `start_s`: the first frame's timecode in
    seconds; `missing`: the columns a file did not have, which are zero here; `lost`: how many rows of the
    file were empty, as the phone writes them when it loses the face.
    """

    fps: float
    weights: Floats
    head: Floats
    eyes: Floats
    time_s: Doubles
    start_s: float = 0.0
    missing: tuple[str, ...] = ()
    lost: int = 0

    def __post_init__(self) -> None:
        frames = len(self.weights)
        shapes = (self.weights.shape, self.head.shape, self.eyes.shape, self.time_s.shape)
        if shapes != ((frames, len(ARKIT)), (frames, 3), (frames, 2, 3), (frames,)) or frames == 0:
            raise ValueError(f"a performance of these shapes cannot be: {shapes}")
        if not self.fps > 0 or not math.isfinite(self.fps):
            raise ValueError(f"a performance of {self.fps} frames a second cannot be")

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def duration_s(self) -> float:
        """From the first frame to the last."""
        return float(self.time_s[-1])

    def __getitem__(self, name: str) -> Floats:
        """The curve (F,) of one shape, by its ARKit name."""
        return self.weights[:, _INDEX[name]]


def make(
    weights: NDArray[np.floating] | Mapping[str, float | Sequence[float]],
    *,
    fps: float = 30.0,
    head: NDArray[np.floating] | None = None,
    eyes: NDArray[np.floating] | None = None,
    start_s: float = 0.0,
) -> Performance:
    """Make a performance of even frames from an array (F, 52), or from curves or sliders by name.

    A slider (one number) holds for the whole length; a name that is not ARKit's raises `BadRequest`.
    """
    if isinstance(weights, Mapping):
        weights = _from_table(weights)
    table = np.asarray(weights, np.float32)
    frames = len(table)
    return Performance(
        fps=float(fps),
        weights=table,
        head=np.zeros((frames, 3), np.float32) if head is None else np.asarray(head, np.float32),
        eyes=np.zeros((frames, 2, 3), np.float32) if eyes is None else np.asarray(eyes, np.float32),
        time_s=np.arange(frames) / fps,
        start_s=start_s,
    )


def _from_table(table: Mapping[str, float | Sequence[float]]) -> Floats:
    unknown = [name for name in table if name not in _INDEX]
    if unknown:
        raise BadRequest(
            f"There is no facial shape '{unknown[0]}'.",
            "Use ARKit's names, such as jawOpen or mouthSmileLeft.",
        )
    curves = {name: np.atleast_1d(np.asarray(curve, np.float32)) for name, curve in table.items()}
    lengths = {len(curve) for curve in curves.values()} - {1}
    if len(lengths) > 1:
        raise BadRequest(
            f"The curves have different lengths: {sorted(lengths)}.", "Give all the same length."
        )
    out = np.zeros((lengths.pop() if lengths else 1, len(ARKIT)), np.float32)
    for name, curve in curves.items():
        out[:, _INDEX[name]] = curve
    return out


# --- files ---------------------------------------------------------------------------------------------


def read_csv(path: str | Path, fps: float | None = None) -> Performance:
    """Read a Live Link Face CSV by its header: columns in any order and case, others left out.

    Columns that are not there become zero and are listed in `missing`. The frame rate comes from the
    timecodes, or from `fps` where given; without timecodes the rows are even, at `fps` or 30.
    Raises `BadInput`, one sentence, for a file without header, without rows or with text in its numbers.
    """
    path = Path(path)
    header, rows = _table_of(path)
    columns = {_plain(name): i for i, name in enumerate(header) if name.strip()}
    wanted = [columns.get(_plain(name), -1) for name in _COLUMNS]
    if not any(i >= 0 for i in wanted[: len(ARKIT)]):
        raise BadInput(
            f"{path} has no header with the names of facial shapes.",
            "Give a Live Link Face CSV, whose first row names columns such as EyeBlinkLeft and JawOpen.",
        )
    kept = [
        (line, row) for line, row in rows if not _is_lost(row, wanted, columns.get("blendshapecount", -1))
    ]
    if not kept:
        raise BadInput(f"{path} has a header but 0 rows of animation.", "Record or export the take again.")
    values = _values(path, kept, header, wanted)
    start_s, time_s, rate = _times(path, kept, columns.get("timecode", -1), fps)
    order = np.argsort(time_s, kind="stable")
    fresh = order[np.concatenate([[True], np.diff(time_s[order]) > 0])]
    return Performance(
        fps=rate,
        weights=values[fresh, : len(ARKIT)].astype(np.float32),
        head=values[fresh, len(ARKIT) : len(ARKIT) + 3].astype(np.float32),
        eyes=values[fresh, len(ARKIT) + 3 :].reshape(-1, 2, 3).astype(np.float32),
        time_s=time_s[fresh],
        start_s=start_s,
        missing=tuple(name for name, i in zip(_COLUMNS, wanted, strict=True) if i < 0),
        lost=len(rows) - len(kept),
    )


def _table_of(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.", "Check the path.") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not a text file.", "Give a Live Link Face CSV.") from None
    if "\0" in text:
        raise BadInput(f"{path} is not a text file.", "Give a Live Link Face CSV.")
    first = text.lstrip().splitlines()[:1] or [""]
    delimiter = max(",;\t", key=first[0].count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise BadInput(f"{path} is not a CSV: {error}.", "Give a Live Link Face CSV.") from None
    return (rows[0][1], rows[1:]) if rows else ([], [])


def _plain(name: str) -> str:
    """A column name without case, spaces and underscores; `eyeBlink_L` is `EyeBlinkLeft`."""
    name = re.sub(r"[_ ]l$", "left", name.strip().lower())
    name = re.sub(r"[_ ]r$", "right", name)
    return re.sub(r"[^a-z0-9]", "", name)


def _is_lost(row: list[str], wanted: list[int], count: int) -> bool:
    """True for the row the phone writes when it has no face: its count is 0, or no value is there."""
    if 0 <= count < len(row) and row[count].strip() == "0":
        return True
    return not any(0 <= i < len(row) and row[i].strip() for i in wanted)


def _values(path: Path, rows: list[tuple[int, list[str]]], header: list[str], wanted: list[int]) -> Doubles:
    """The numbers of the `wanted` columns (rows, columns); of those that are not there (-1), zeros."""
    out = np.zeros((len(rows), len(wanted)))
    for n, (line, row) in enumerate(rows):
        for k, i in enumerate(wanted):
            if i < 0:
                continue
            cell = row[i] if i < len(row) else ""
            try:
                out[n, k] = float(cell)
            except ValueError:
                out[n, k] = math.nan
            if not -3e38 < out[n, k] < 3e38:
                name = header[i].strip()
                raise BadInput(
                    f"{path}, line {line}: column {name} holds {cell.strip()!r}, not a number.",
                    "Mend the row or leave it out.",
                )
    return out


_TIMECODE = re.compile(r"\s*(\d+)[:;](\d+)[:;](\d+)[:;](\d+(?:\.\d+)?)\s*")


def _times(
    path: Path, rows: list[tuple[int, list[str]]], column: int, fps: float | None
) -> tuple[float, Doubles, float]:
    """Start in seconds, seconds since the start (F,), and the frame rate."""
    if column < 0:
        return 0.0, np.arange(len(rows)) / (fps or 30.0), fps or 30.0
    seconds, frames = np.empty(len(rows)), np.empty(len(rows))
    for k, (line, row) in enumerate(rows):
        match = _TIMECODE.fullmatch(row[column]) if column < len(row) else None
        if match is None:
            cell = row[column] if column < len(row) else ""
            raise BadInput(
                f"{path}, line {line}: {cell!r} is not a timecode.", "Write it as HH:MM:SS:FF.sss."
            )
        hours, minutes, secs, frames[k] = (float(part) for part in match.groups())
        seconds[k] = hours * 3600 + minutes * 60 + secs
    stamps = seconds + frames / _timecode_rate(seconds, frames, fps)
    # A take may pass midnight.
    stamps += _DAY_S * np.cumsum(np.concatenate([[0], np.diff(stamps) < -_DAY_S / 2]))
    times = stamps - stamps.min()
    return float(stamps.min() % _DAY_S), times, fps or _frame_rate(np.unique(times))


def _timecode_rate(seconds: Doubles, frames: Doubles, fps: float | None) -> int:
    """Frames a second that the timecode counts in: the least usual rate that holds all its frames.

    A take of a second or two may not show its last frames; it is taken to count in `fps`, or in 30 or 60.
    """
    top = int(frames.max()) + 1
    rates: tuple[int, ...] = _TIMECODE_RATES
    if len(np.unique(seconds)) <= 2:
        rates = tuple(r for r in rates if r >= fps - 0.5) if fps else (30, 60, 120, 240)
    return next((rate for rate in rates if rate >= top), top)


def _frame_rate(times: Doubles) -> float:
    """Rows a second, gaps bridged; a usual rate where it is one within the timecode's precision."""
    if len(times) < 2:
        return 30.0
    step = float(np.median(np.diff(times)))
    rate = round(times[-1] / step) / float(times[-1])
    # Timecodes carry a thousandth of a frame.
    doubt = max(2e-3 / (len(times) - 1), 1e-7)
    usual = min(_FRAME_RATES, key=lambda known: abs(known - rate))
    return usual if abs(usual / rate - 1) <= doubt else rate


def timecode(seconds: float, rate: int) -> str:
    """`HH:MM:SS:FF.sss`, frames counted at `rate` a second, hours from 0 to 23."""
    ticks = round(seconds * rate * 1000)
    whole, ticks = divmod(ticks, rate * 1000)
    minutes, secs = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours % 24:02d}:{minutes:02d}:{secs:02d}:{ticks // 1000:02d}.{ticks % 1000:03d}"


def write_csv(path: str | Path, performance: Performance) -> None:
    """Write a Live Link Face CSV; atomic: a reader sees the old file or the whole new one.

    Raises `BadOutput` where it cannot be written.
    """
    path = Path(path)
    rate = next((r for r in _TIMECODE_RATES if r >= performance.fps - 0.5), math.ceil(performance.fps))
    values = np.concatenate(
        [performance.weights, performance.head, performance.eyes.reshape(-1, 6)], axis=1, dtype=np.float32
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["Timecode", "BlendshapeCount", *_COLUMNS])
    for time_s, row in zip(performance.time_s, values, strict=True):
        stamp = timecode(performance.start_s + float(time_s), rate)
        # Nine digits bring a float32 back exactly.
        writer.writerow([stamp, len(_COLUMNS), *(f"{value:.9g}" for value in row)])
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text.getvalue(), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise BadOutput(f"{path} cannot be written: {error.strerror}.", "Choose another place.") from None


# --- time ----------------------------------------------------------------------------------------------


def resample(performance: Performance, fps: float, frames: int | None = None) -> Performance:
    """The same performance in the same time at another frame rate.

    `frames` fixes the number of frames: past the end the last pose holds. Between frames the curves are
    monotone cubics (Fritsch and Carlson 1980), which do not overshoot: a closed lid stays closed.
    """
    if frames is None:
        frames = math.floor(performance.duration_s * fps + 1e-6) + 1
    return _at(performance, np.arange(frames) / fps, fps)


def retime(performance: Performance, frames: int, fps: float | None = None) -> Performance:
    """The whole performance stretched or shrunk to `frames` frames, first and last kept."""
    at = np.linspace(0.0, performance.duration_s, frames)
    out = _at(performance, at, fps or performance.fps)
    return replace(out, time_s=np.arange(frames) / out.fps)


def _at(performance: Performance, at: Doubles, fps: float) -> Performance:
    if len(at) == 0:
        raise BadRequest("A performance of 0 frames was asked for.", "Ask for one frame or more.")
    values = _stacked(performance)
    inside = np.clip(at, 0.0, performance.duration_s)
    if len(performance) == 1:
        return _unstacked(performance, np.repeat(values, len(at), axis=0), fps, at)
    from scipy.interpolate import PchipInterpolator

    return _unstacked(performance, PchipInterpolator(performance.time_s, values, axis=0)(inside), fps, at)


def _stacked(performance: Performance) -> Doubles:
    """All curves (F, 61), angles without jumps of a full turn."""
    angles = np.concatenate([performance.head, performance.eyes.reshape(-1, 6)], axis=1, dtype=np.float64)
    return np.concatenate([performance.weights, np.unwrap(angles, axis=0)], axis=1)


def _unstacked(like: Performance, values: Doubles, fps: float, time_s: Doubles) -> Performance:
    count = len(ARKIT)
    return replace(
        like,
        fps=float(fps),
        weights=values[:, :count].astype(np.float32),
        head=values[:, count : count + 3].astype(np.float32),
        eyes=values[:, count + 3 :].reshape(-1, 2, 3).astype(np.float32),
        time_s=time_s,
    )


def smooth(performance: Performance, seconds: float) -> Performance:
    """A Gaussian of that standard deviation over time, without delay; 0 changes nothing.

    A blink lasts a tenth of a second: the lids get a third of it, so that they still close.
    """
    if seconds <= 0 or len(performance) < 2:
        return performance
    values = _stacked(performance)
    lids = np.array([name.startswith("eyeBlink") for name in (*ARKIT, *ROTATIONS)])
    out = values.copy()
    for chosen, sigma in ((~lids, seconds * performance.fps), (lids, seconds * performance.fps / 3)):
        reach = math.ceil(4 * sigma)
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        padded = np.pad(values[:, chosen], ((reach, reach), (0, 0)), mode="edge")
        out[:, chosen] = sum(
            share * padded[i : i + len(values)] for i, share in enumerate(kernel / kernel.sum())
        )
    return _unstacked(performance, out, performance.fps, performance.time_s)


# --- strength ------------------------------------------------------------------------------------------


def relative_to_neutral(performance: Performance, frames: Sequence[int] = (0,)) -> Performance:
    """The change from the actor's own neutral: the mean of the given frames becomes rest.

    Weights are subtracted and may fall below 0; rotations are undone, not subtracted.
    """
    wrong = [frame for frame in frames if not 0 <= frame < len(performance)]
    if wrong or not len(frames):
        raise BadRequest(
            f"Neutral frames {list(frames)} are not all in the performance.",
            f"Choose from 0 to {len(performance) - 1}.",
        )
    chosen = list(frames)
    values = _stacked(performance)
    rest = values[chosen].mean(axis=0)
    count = len(ARKIT)
    turns = values[:, count:].reshape(-1, 3, 3)
    back = np.swapaxes(rotations(rest[count:].reshape(3, 3)), -1, -2)
    out = values - rest
    out[:, count:] = angles(back @ rotations(turns)).reshape(-1, 9)
    return _unstacked(performance, out, performance.fps, performance.time_s)


def scale_regions(performance: Performance, strengths: Mapping[str, float]) -> Performance:
    """Each region's motion times its strength; regions not named keep theirs. Nothing is clamped."""
    unknown = [name for name in strengths if name not in REGIONS]
    if unknown:
        raise BadRequest(f"There is no region '{unknown[0]}'.", f"There are: {', '.join(REGIONS)}.")
    gains = np.ones(len(ARKIT), np.float32)
    for region, strength in strengths.items():
        gains[[_INDEX[name] for name in REGIONS[region]]] = strength
    return replace(
        performance,
        weights=performance.weights * gains,
        head=performance.head * np.float32(strengths.get("head", 1.0)),
        eyes=performance.eyes * np.float32(strengths.get("gaze", 1.0)),
    )


# --- rotations -----------------------------------------------------------------------------------------


def rotations(turns: NDArray[np.floating]) -> Doubles:
    """Yaw, pitch, roll (..., 3) in radians to rotation matrices (..., 3, 3) in head space."""
    yaw, pitch, roll = np.moveaxis(np.asarray(turns, np.float64), -1, 0)
    cy, sy, cp, sp, cr, sr = (
        np.cos(yaw),
        np.sin(yaw),
        np.cos(pitch),
        np.sin(pitch),
        np.cos(roll),
        np.sin(roll),
    )
    rows = (
        (cy * cr + sy * sp * sr, sy * sp * cr - cy * sr, sy * cp),
        (cp * sr, cp * cr, -sp),
        (cy * sp * sr - sy * cr, sy * sr + cy * sp * cr, cy * cp),
    )
    return np.ascontiguousarray(np.moveaxis(np.array(rows), (0, 1), (-2, -1)))


def angles(matrices: NDArray[np.floating]) -> Doubles:
    """Rotation matrices (..., 3, 3) to yaw, pitch, roll (..., 3); the inverse of `rotations`."""
    m = np.asarray(matrices, np.float64)
    yaw = np.arctan2(m[..., 0, 2], m[..., 2, 2])
    pitch = np.arctan2(-m[..., 1, 2], np.hypot(m[..., 1, 0], m[..., 1, 1]))
    roll = np.arctan2(m[..., 1, 0], m[..., 1, 1])
    return np.stack([yaw, pitch, roll], axis=-1)
