"""What is found of one face in a shot, as plain arrays that a job can cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.face.align import lay_shot
from likeness.face.corrective import correctives
from likeness.face.fit import DEFAULT_MM, Fit, Lens, Shot, default_lens, project, skin_points, straightened
from likeness.face.landmarks import Points
from likeness.face.likeness import choose_like, person_in
from likeness.face.shot import estimate_lens, fit_frames, solve_person, tie_frames
from likeness.face.track import MOST_FACES, Pictures, Track, follow_all
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
    everyone: bool = False,
    likeness: tuple[Pictures, tuple[int, int]] | None = None,
) -> dict[str, Any]:
    """Follow and fit one face: everything about it, by name, as arrays.

    `found` (F,) bool, `confidence` (F,) 0..1, `points` (F, POINTS, 2) px, `rotation` (F, 3, 3),
    `translation` (F, 3) cm, `expression` (F, 52), `gaze` (F, 2, 2) rad, `corrective` (F, SKIN_COUNT, 3) cm in
    half precision, `residual` (F,), `size`, `cuts`, and
    of every shot between these `identity` (S, K), `bias` and `rest` (S, POINTS, 3), `turned` (S, 3),
    `focal_px` (S,) and `center_px` (S, 2), which `shot_of` and `lens_of` give; `straight` says how heads
    are turned. With `everyone` the same of each other face under `other1`, `other2`, … (see `others_of`).
    `likeness` is a picture, and its size, of the person to choose.
    A `focal_mm` of 0 is estimated.
    """
    head = load_head()
    most = MOST_FACES if everyone or likeness else 1
    rule = {"choose": choose, "index": index} if likeness is None else {}
    seen = follow_all(source, frames, most=most, device=device, tell=tell, **rule)  # type: ignore[arg-type]
    if likeness is not None:
        wanted = person_in(head, *likeness, device)
        seen = choose_like(head, seen, wanted, default_lens(*size, focal_mm or DEFAULT_MM), index)
    tracks = seen.tracks()
    shots = _solved(head, tracks[0], size, default_lens(*size, focal_mm) if focal_mm else None)
    found = _fitted(head, tracks[0], shots, size, check)
    for number, track in enumerate(tracks[1:] if everyone else [], 1):
        lens = lens_of(found, seen.frames.index(track.frames[0]))
        found |= prefixed(
            f"other{number}", _fitted(head, track, _solved(head, track, size, lens), size, check)
        )
    return found


def _solved(head: Head, track: Track, size: tuple[int, int], lens: Lens | None = None) -> list[Shot]:
    """Person and lens of every shot, the lens estimated where it is not known.

    A shot that never shows the face has those of the one before, or else of the first that does.
    """
    shots: list[Shot | None] = [
        solve_person(head, part.seen, lens or estimate_lens(head, part.seen, size)) if part.seen else None
        for part in track.shots
    ]
    last = next(shot for shot in shots if shot is not None)
    return [last := shot or last for shot in shots]


def _fitted(
    head: Head, track: Track, shots: Sequence[Shot], size: tuple[int, int], check: Callable[[], None]
) -> dict[str, Any]:
    points: list[Points] = []
    fits: list[Fit] = []
    beside: list[NDArray[np.float32]] = []
    for part, shot in zip(track.shots, shots, strict=True):
        begun = fit_frames(head, shot, part.points, part.runs, check)
        laid = lay_shot(head, shot, part.points, part.runs, begun, check)
        points += laid
        tied = tie_frames(head, shot, laid, part.runs, begun, check)
        fits += tied
        beside.append(correctives(head, shot, laid, part.runs, tied))
    return pack(replace(track, points=points), shots, fits, size) | {
        "corrective": np.concatenate(beside).astype(np.float16)
    }


def others_of(findings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The findings of the other faces, each with the frames it was seen in."""
    out: list[dict[str, Any]] = []
    while more := under(f"other{len(out) + 1}", findings):
        out.append(more)
    return out


def pack(track: Track, shots: Sequence[Shot], fits: Sequence[Fit], size: tuple[int, int]) -> dict[str, Any]:
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
        "identity": np.stack([shot.identity for shot in shots]),
        "bias": np.stack([shot.bias for shot in shots]),
        "rest": np.stack([shot.rest for shot in shots]),
        "turned": np.stack([shot.turned for shot in shots]),
        "focal_px": np.array([shot.lens.focal_px for shot in shots]),
        "center_px": np.array([shot.lens.center_px for shot in shots]),
        "size": np.array(size),
    }


def shot_number(findings: Mapping[str, Any], index: int) -> int:
    """In which shot a frame is, by its place in the clip; the first is 0."""
    return int(np.searchsorted(findings["cuts"], index, side="right"))


def same_shot(findings: Mapping[str, Any], index: int) -> NDArray[np.bool_]:
    """Which frames (F,) are in the same shot as that one."""
    numbers = np.searchsorted(findings["cuts"], np.arange(len(findings["frames"])), side="right")
    out: NDArray[np.bool_] = numbers == shot_number(findings, index)
    return out


def straight(findings: Mapping[str, Any]) -> Array:
    """How the head is turned in every frame (F, 3, 3), camera from head, as well as that is known.

    `rotation` is how the fitted mesh is, which lies on the picture: turned too far by as much as points err.
    """
    numbers = range(len(findings["frames"]))
    turned = [findings["turned"][shot_number(findings, i)] for i in numbers]
    return np.stack([straightened(findings["rotation"][i], turned[i]) for i in numbers])


def lens_of(findings: Mapping[str, Any], index: int = 0) -> Lens:
    """The lens of a frame's shot."""
    number = shot_number(findings, index)
    x, y = findings["center_px"][number]
    return Lens(float(findings["focal_px"][number]), (float(x), float(y)))


def shot_of(findings: Mapping[str, Any], index: int = 0) -> Shot:
    """What the frames of a frame's shot share."""
    lens, number = lens_of(findings, index), shot_number(findings, index)
    return Shot(lens, *(findings[name][number] for name in ("identity", "bias", "rest")))


def fit_of(findings: Mapping[str, Any], index: int) -> Fit:
    """One frame's fit, by its place in the clip."""
    beside = findings.get("corrective")
    return Fit(
        findings["rotation"][index],
        findings["translation"][index],
        findings["expression"][index],
        findings["gaze"][index],
        float(findings["residual"][index]),
        corrective=None if beside is None else beside[index].astype(np.float32),
    )


def reprojected(head: Head, findings: Mapping[str, Any], index: int) -> Array:
    """The fitted skin points in pixels (SKIN_COUNT, 2)."""
    shot, fit = shot_of(findings, index), fit_of(findings, index)
    camera = skin_points(head, shot, fit.expression) @ fit.rotation.T + fit.translation
    return project(camera, shot.lens)


def prefixed(prefix: str, findings: Mapping[str, Any]) -> dict[str, Any]:
    """The same findings under names that start with `prefix`."""
    return {f"{prefix}_{name}": value for name, value in findings.items()}


def under(prefix: str, findings: Mapping[str, Any]) -> dict[str, Any]:
    """Those findings whose names start with `prefix`, without it."""
    start = len(prefix) + 1
    return {name[start:]: value for name, value in findings.items() if name.startswith(f"{prefix}_")}
