"""Capture beside MediaPipe FaceMesh on the same frames: time, disagreement, jitter, faces found."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import faces
from bench.pictures import Clip, InMemory, mediapipe
from bench.table import Row
from likeness.face.detect import detect
from likeness.face.landmarks import crop_from_points, find_points
from likeness.face.track import follow

NOISE = 2.0  # of 255, re-drawn in every frame of the jitter test
STILL_FRAMES = 48


def rows(clips: list[Clip], python: Path, work: Path) -> list[Row]:
    """All numbers of capture; the peer runs right after us in the same run."""
    tracks = {clip.name: follow(InMemory(clip.frames), range(1, len(clip.frames) + 1)) for clip in clips}
    theirs = mediapipe(python, work, {c.name: (c.frames, not c.is_still) for c in clips})
    out = [*_time(clips, tracks, theirs), *_found(clips, tracks, theirs)]
    ours68 = {name: np.stack([p.xy[:68] for p in track.points]) for name, track in tracks.items()}
    return [*out, *_disagreement(clips, ours68, tracks, theirs), *_jitter(clips, python, work)]


def steady_ms(frames: NDArray[np.uint8]) -> float:
    """Milliseconds a frame of following points, detection where it is needed, on ready pictures; median."""
    source = InMemory(frames)
    last = follow(source, source.frames[:1]).points[0].xy
    seconds = []
    for number in source.frames:
        start = time.perf_counter()
        points = find_points(source.look(number), crop_from_points(last))
        seconds.append(time.perf_counter() - start)
        last = points.xy
    return float(np.median(seconds[3:])) * 1e3


def _time(clips: list[Clip], tracks: dict, theirs: dict) -> list[Row]:
    out = []
    for clip in (c for c in clips if not c.is_still):
        ours = steady_ms(clip.frames)
        peer = float(np.median(theirs[clip.name]["seconds"][3:])) * 1e3
        size = f"{clip.frames.shape[2]}x{clip.frames.shape[1]}"
        out.append(Row("capture", f"points, {clip.name}, {size}", ours, "ms/frame", peer, "MediaPipe"))
        out.append(Row("capture", f"time ratio, {clip.name}", ours / peer, "x", at_most=1.0))
        start = time.perf_counter()
        follow(InMemory(clip.frames), range(1, len(clip.frames) + 1))
        whole = len(clip.frames) / (time.perf_counter() - start)
        out.append(Row("capture", f"follow with cuts, {clip.name}", whole, "frames/s", at_least=100.0))
    look = InMemory(clips[0].frames).look(1)
    seconds = []
    for _ in range(8):
        start = time.perf_counter()
        detect(look.whole())
        seconds.append(time.perf_counter() - start)
    out.append(Row("capture", "detection alone", float(np.median(seconds[2:])) * 1e3, "ms"))
    return out


def _found(clips: list[Clip], tracks: dict, theirs: dict) -> list[Row]:
    return [
        Row(
            "capture",
            f"found, {clip.name}",
            100 * float(tracks[clip.name].found.mean()),
            "%",
            100 * float(theirs[clip.name]["found"].mean()),
            "MediaPipe",
            at_least=100.0,
        )
        for clip in clips
    ]


def _disagreement(clips: list[Clip], ours68: dict, tracks: dict, theirs: dict) -> list[Row]:
    both = {c.name: tracks[c.name].found & theirs[c.name]["found"] for c in clips}
    ours = np.concatenate([ours68[c.name][both[c.name]] for c in clips])
    peer = np.concatenate([theirs[c.name]["points"][both[c.name]][:, faces.MEDIAPIPE_68] for c in clips])
    raw, own = faces.disagreement(ours, peer)
    name = "inner points to MediaPipe's"
    out = [
        Row("capture", f"{name}, as found, median", 100 * float(np.median(raw)), "% io"),
        Row("capture", f"{name}, median", 100 * float(np.median(own)), "% io", at_most=2.5),
        Row("capture", f"{name}, p90", 100 * float(np.percentile(own, 90)), "% io", at_most=4.5),
    ]
    start = 0
    for clip in clips:
        end = start + int(both[clip.name].sum())
        if end > start:
            middle = 100 * float(np.median(own[start:end]))
            out.append(Row("capture", f"{name}, {clip.name}", middle, "% io"))
        start = end
    return out


def _jitter(clips: list[Clip], python: Path, work: Path) -> list[Row]:
    rng = np.random.default_rng(7)
    noisy = {}
    for clip in clips:
        frame = clip.frames[len(clip.frames) // 2].astype(np.float32)
        drawn = frame + rng.normal(0, NOISE, (STILL_FRAMES, *frame.shape)).astype(np.float32)
        noisy[f"still_{clip.name}"] = (np.clip(np.round(drawn), 0, 255).astype(np.uint8), True)
    theirs = mediapipe(python, work, noisy)
    out = []
    for name, (frames, _) in noisy.items():
        points = follow(InMemory(frames), range(1, len(frames) + 1)).points
        # The first frames of both still settle from the detection.
        ours = 100 * faces.jitter(np.stack([p.xy[:68] for p in points])[8:])
        seen = theirs[name]["points"][8:][theirs[name]["found"][8:]]
        peer = 100 * faces.jitter(seen[:, faces.MEDIAPIPE_68].astype(float)) if len(seen) else None
        limit = peer if peer is not None else None
        out.append(Row("capture", f"jitter, {name[6:]}", ours, "% io", peer, "MediaPipe", at_most=limit))
    return out
