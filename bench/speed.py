"""How fast and how heavy: rendering after analysis, files, whole runs, the worker, memory."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from bench.pictures import Bytes, Clip
from bench.runs import likeness, reanimate
from bench.table import Row
from likeness import performance as perf
from likeness.abreast import in_order
from likeness.demo import PERFORMANCE
from likeness.frames import render
from likeness.job import Job, Layers
from likeness.media import MovieWriter, write_layers
from likeness.registry import find
from likeness.request import Request
from likeness_client import Client, command

RENDERED, WARM, PASSES = 120, 7, 3
WRITTEN = 9
LONG, SHORT = 1000, 10
CLIP, WIDE_CLIP = 40, 8  # frames
SIZES = {"512": (512, 512), "1080p medium": (1920, 1080), "1080p close-up": (1920, 1080), "4K": (3840, 2160)}
CLOSE_UP = (0.18, 0.08, 0.7, 0.373)  # of the portrait: left, top, right, bottom
ASKED_FPS = {"512": 60.0, "1080p medium": 45.0, "1080p close-up": 25.0}
SHUTTER_DEG = 180
ASKED_ALL_FPS = 20.0  # with all layers at 1080p


def rows(portrait: Clip, other: Clip, work: Path) -> list[Row]:
    """All numbers of speed and memory, on `portrait`; `other` is a second still for the warm worker."""
    plates = {name: framed(portrait.frames[0], name, work) for name in SIZES}
    out: list[Row] = []
    for name in ASKED_FPS:
        out += _render(name, plates[name], work)
    out += _clip(plates["512"], work)
    return [*out, *_whole(plates["512"], work), *_worker(plates["512"], other, work), *_memory(plates, work)]


def framed(picture: Bytes, name: str, work: Path) -> Path:
    """The portrait as a plate of that name: the whole picture in a medium shot, its face in a close-up."""
    width, height = SIZES[name]
    image = Pillow.fromarray(picture)
    if name in ("1080p close-up", "4K"):
        # The face of the portrait is a fifth of its height; here it is three quarters.
        left, top, right, bottom = (round(share * image.width) for share in CLOSE_UP)
        image = image.crop((left, top, right, bottom))
    image = image.resize((round(image.width * height / image.height), height), Pillow.Resampling.BICUBIC)
    canvas = Pillow.new("RGB", (width, height), (96, 96, 104))
    canvas.paste(image, ((width - image.width) // 2, 0))
    path = work / f"plate_{name.replace(' ', '_')}.png"
    canvas.save(path)
    return path


def _render(name: str, plate: Path, work: Path) -> list[Row]:
    """Frames a second of rendering an analyzed shot, the comp alone and all layers, and of writing."""
    blurred, _ = _frames(plate, work, "comp", SHUTTER_DEG)
    what = f"reanimate after analysis, comp, {name}, shutter of {SHUTTER_DEG} degrees"
    out = [Row("speed", what, 1 / blurred.seconds, "frames/s")]
    for layers in ("comp", "all"):
        drawn, written = _frames(plate, work, layers)
        asked = ASKED_FPS[name] if layers == "comp" else ASKED_ALL_FPS if "1080p" in name else None
        what = f"reanimate after analysis, {'comp' if layers == 'comp' else 'all layers'}, {name}"
        out += [
            Row("speed", what, 1 / drawn.seconds, "frames/s", at_least=asked),
            Row("speed", f"{what}, processor", 1e3 * drawn.cpu, "ms/frame"),
            Row("speed", f"writing its EXR, {layers}, {name}", 1 / written.seconds, "frames/s"),
            Row("speed", f"writing its EXR, {layers}, {name}, processor", 1e3 * written.cpu, "ms/frame"),
        ]
    return out


def _clip(plate: Path, work: Path) -> list[Row]:
    """The same of a clip: a still is taken apart once, but each of its frames anew."""
    drawn, _ = _frames(_drift(plate, CLIP, work), work, "comp")
    what = "reanimate after analysis, comp, 512, a clip"
    return [
        Row("speed", what, 1 / drawn.seconds, "frames/s"),
        Row("speed", f"{what}, processor", 1e3 * drawn.cpu, "ms/frame"),
    ]


@dataclass(frozen=True)
class Spent:
    """Seconds of a frame, on the clock and of the processor."""

    seconds: float
    cpu: float


def _frames(plate: Path, work: Path, layers: str, shutter_deg: float = 0) -> tuple[Spent, Spent]:
    """What a frame takes to be drawn, as a job draws them, and to be written.

    Of several passes over the shot the fastest counts: what else a machine does only adds.
    """
    request = Request(
        effect="reanimate",
        inputs={"plate": str(plate), "driver": str(PERFORMANCE)},
        params={"layers": layers, "shutter_deg": shutter_deg},
        output=str(work / "render.####.exr"),
    )
    effect = find("reanimate")
    with Job(request, effect) as job:
        job.analyze()
        passes = [_drawn(job) for _ in range(PASSES)]
    a_frame, made = min(passes, key=lambda a_pass: float(a_pass[0][0]))
    written = np.empty((WRITTEN, 2))
    for k in range(WRITTEN):
        begun = np.array([time.perf_counter(), time.process_time()])
        write_layers(work / "render.exr", made, metadata={})
        written[k] = np.array([time.perf_counter(), time.process_time()]) - begun
    return Spent(*a_frame.tolist()), Spent(*np.median(written, axis=0).tolist())


def _drawn(job: Job) -> tuple[NDArray[np.float64], Layers]:
    """Seconds of a frame (2,), on the clock and of the processor, by the shot's first; the last one drawn."""
    frames = job.frames[:RENDERED]
    spent = np.empty((len(frames), 2))
    with closing(in_order(lambda frame: render(job, frame), frames, job.at_once)) as drawn:
        for k, (_, layers) in enumerate(drawn):
            spent[k] = time.perf_counter(), time.process_time()
            made = layers
    # The first frames compile and warm caches. Several are under way at once, so only their sum is a time.
    return (spent[-1] - spent[WARM]) / (len(frames) - 1 - WARM), made


def _whole(plate: Path, work: Path) -> list[Row]:
    """The whole command, from start to the last file, analysis included."""
    frames = len(perf.read_csv(PERFORMANCE))
    ran = reanimate(plate, PERFORMANCE, work / "whole" / "f.####.exr")
    return [Row("speed", "reanimate end to end, 512, EXR", frames / ran.seconds, "frames/s")]


def _worker(plate: Path, other: Clip, work: Path) -> list[Row]:
    def answered(client: Client) -> float:
        start = time.perf_counter()
        with client:
            client.hello()
            return time.perf_counter() - start

    # The first one imports every effect, and keeps their declarations as `likeness prepare` does.
    first, again = (answered(Client(command(sys.executable))) for _ in range(2))
    with Client(command(sys.executable)) as client:

        def first_frame(path: Path, out: str) -> float:
            begin = time.perf_counter()
            request = {
                "effect": "reanimate",
                "inputs": {"plate": str(path), "driver": str(PERFORMANCE)},
                "output": str(work / out / "f.####.exr"),
                "frames": "40-40",
            }
            last = list(client.run(request).wait_events(120))[-1]
            if last.kind != "result":
                raise RuntimeError(f"the worker said: {last}")
            return time.perf_counter() - begin

        first_frame(plate, "warm")
        warm = first_frame(other.path, "warm2")
    return [
        Row("speed", "worker start to its first answer, no declarations kept", first, "s", at_most=1.5),
        Row("speed", "worker start to its first answer, declarations kept", again, "s"),
        Row("speed", "first frame of a new still, warm worker", warm, "s", at_most=2.0),
    ]


def _memory(plates: dict[str, Path], work: Path) -> list[Row]:
    take = perf.read_csv(PERFORMANCE)
    peaks = {}
    for count in (SHORT, LONG):
        path = work / f"take_{count}.csv"
        perf.write_csv(path, perf.retime(take, count))
        out = work / f"long_{count}" / "f.####.exr"
        peaks[count] = reanimate(plates["512"], path, out, params={"layers": "comp"}).peak_mb
    wide = reanimate(plates["4K"], PERFORMANCE, work / "wide" / "f.####.exr", frames="38-43").peak_mb
    clip = _drift(plates["4K"], WIDE_CLIP, work)
    moving = reanimate(clip, PERFORMANCE, work / "wide_clip" / "f.####.exr").peak_mb
    return [
        Row("memory", f"peak, 512, {LONG} frames", peaks[LONG], "MB", peaks[SHORT], f"at {SHORT} frames",
            at_most=1.1 * peaks[SHORT]),
        Row("memory", "peak at 4K", wide, "MB", at_most=1536.0),
        Row("memory", "peak at 4K, a clip", moving, "MB", at_most=1536.0),
    ]  # fmt: skip


def _drift(still: Path, count: int, work: Path) -> Path:
    """A clip of so many frames in which a still drifts."""
    with Pillow.open(still) as picture:
        pixels = np.asarray(picture, np.float32) / 255
    path = work / f"drift_{count}.mp4"
    with MovieWriter(path, 25, pixels.shape[1], pixels.shape[0], codec="h264") as movie:
        for i in range(count):
            movie.write(np.roll(pixels, 2 * i, axis=1))
    return path


def capture_whole(clip: Clip, work: Path) -> Row:
    """`likeness run capture` on a clip, without the pictures to check by."""
    ran = likeness(
        *("run", "capture", "--input", f"plate={clip.path}", "--out", work / f"capture_{clip.name}"),
        *("--set", "check=false"),
    )
    return Row("speed", f"capture end to end, {clip.name}", len(clip.frames) / ran.seconds, "frames/s")


def capture_memory(portrait: Clip, work: Path) -> list[Row]:
    """Peak memory of capture at 4K, for a short and a ten times longer shot of the portrait drifting."""
    still = framed(portrait.frames[0], "4K", work)
    peaks = {}
    for count in (SHORT, 10 * SHORT):
        path = _drift(still, count, work)
        words = ("run", "capture", "--input", f"plate={path}", "--out", work / f"drift_{count}")
        peaks[count] = likeness(*words, "--set", "check=false").peak_mb
        path.unlink()
    return [
        Row("memory", f"capture, peak at 4K, {10 * SHORT} frames", peaks[10 * SHORT], "MB", peaks[SHORT],
            f"at {SHORT} frames", at_most=1536.0),
    ]  # fmt: skip
