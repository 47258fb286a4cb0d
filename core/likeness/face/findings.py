"""What is found of one face in a shot, as plain arrays that a job can cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.face.fit import Fit, Lens, Shot, default_lens, project, skin_points
from likeness.face.shot import solve_frames, solve_person
from likeness.face.track import Pictures, Track, follow
from likeness.head.model import Head, load_head

Array = NDArray[np.float64]

RESIDUAL_SCALE = 0.03  # residual (inter-ocular) at which confidence has fallen to a half


def find(
    source: Pictures,
    frames: Sequence[int],
    size: tuple[int, int],
    *,
    choose: str,
    index: int,
    focal_mm: float,
    device: str,
    check: Callable[[], None],
    tell: Callable[[int, int], None],
) -> dict[str, Any]:
    """Follow and fit one face: everything about it, by name, as arrays.

    `found` (F,) bool, `confidence` (F,) 0..1, `points` (F, POINTS, 2) px, `rotation` (F, 3, 3),
    `translation` (F, 3) cm, `expression` (F, 52), `gaze` (F, 2, 2) rad, `residual` (F,), `cuts`, and of
    the shot `identity`, `bias`, `rest`, `focal_px`, `center_px`, `size`.
    """
    track = follow(source, frames, choose=choose, index=index, device=device, tell=tell)
    head = load_head()
    lens = default_lens(*size, focal_mm)
    seen = [p for p, found in zip(track.points, track.found, strict=True) if found]
    shot = solve_person(head, seen, lens)
    fits = solve_frames(head, shot, track.points, track.runs, check)
    return pack(track, shot, fits, size)


def pack(track: Track, shot: Shot, fits: Sequence[Fit], size: tuple[int, int]) -> dict[str, Any]:
    """The findings as arrays by name (see `find`)."""
    residual = np.array([fit.residual for fit in fits])
    presence = np.array([p.presence for p in track.points])
    return {
        "frames": np.array(track.frames),
        "found": track.found,
        "confidence": presence * track.found / (1 + (residual / RESIDUAL_SCALE) ** 2),
        "points": np.stack([p.xy for p in track.points]).astype(np.float32),
        "rotation": np.stack([fit.rotation for fit in fits]),
        "translation": np.stack([fit.translation for fit in fits]),
        "expression": np.stack([fit.expression for fit in fits]),
        "gaze": np.stack([fit.gaze for fit in fits]),
        "residual": residual,
        "cuts": np.array(track.cuts, int),
        "identity": shot.identity,
        "bias": shot.bias,
        "rest": shot.rest,
        "focal_px": np.float64(shot.lens.focal_px),
        "center_px": np.array(shot.lens.center_px),
        "size": np.array(size),
    }


def lens_of(findings: Mapping[str, Any]) -> Lens:
    """The shot's lens."""
    center = findings["center_px"]
    return Lens(float(findings["focal_px"]), (float(center[0]), float(center[1])))


def shot_of(findings: Mapping[str, Any]) -> Shot:
    """What the frames share."""
    return Shot(lens_of(findings), findings["identity"], findings["bias"], findings["rest"])


def fit_of(findings: Mapping[str, Any], index: int) -> Fit:
    """One frame's fit, by its place in the shot."""
    return Fit(
        findings["rotation"][index],
        findings["translation"][index],
        findings["expression"][index],
        findings["gaze"][index],
        float(findings["residual"][index]),
    )


def reprojected(head: Head, findings: Mapping[str, Any], index: int) -> Array:
    """The fitted skin points in pixels (SKIN_COUNT, 2)."""
    shot, fit = shot_of(findings), fit_of(findings, index)
    camera = skin_points(head, shot, fit.expression) @ fit.rotation.T + fit.translation
    return project(camera, shot.lens)


def prefixed(prefix: str, findings: Mapping[str, Any]) -> dict[str, Any]:
    """The same findings under names that start with `prefix`."""
    return {f"{prefix}_{name}": value for name, value in findings.items()}


def under(prefix: str, findings: Mapping[str, Any]) -> dict[str, Any]:
    """Those findings whose names start with `prefix`, without it."""
    start = len(prefix) + 1
    return {name[start:]: value for name, value in findings.items() if name.startswith(f"{prefix}_")}
