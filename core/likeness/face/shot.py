"""Solves a whole shot: one person and lens, every frame's pose, expression and gaze, tied in time.

The frames are first fitted one by one, then together: every frame keeps its own Gauss-Newton system and is
tied to its neighbors by a random walk whose step is what a face can do in a frame. That block-tridiagonal
system is solved exactly (the smoother of a Kalman filter), so what a frame cannot tell, its neighbors do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy.linalg import solveh_banded

from likeness.face.expected import expected_expression
from likeness.face.fit import (
    DEFAULT_MM,
    EYE_LIMIT_RAD,
    Array,
    Fit,
    Lens,
    Prior,
    Shot,
    _weights,
    apply_step,
    default_lens,
    fit_identity,
    fit_shot_identity,
    misfit,
    normal_equations,
    refine,
    residual,
    rotation_vector,
    solve_bounded,
    start_pose,
)
from likeness.face.landmarks import Points
from likeness.head.model import Head
from likeness.performance import ARKIT
from likeness.render.bands import aside

KEY_FRAMES = 12
LENS_KEYS, LENS_TRIES, LENSES_MM = 8, 7, (20.0, 180.0)
LENS_STD = 0.45  # of the logarithm of focal lengths that faces are seen through
_SPEED_RAD, _SPEED_CM, _SPEED_DEPTH_CM = np.radians(2.5), 0.5, 0.8
_SPEED_WEIGHT = np.array([0.5 if name.startswith("eyeBlink") else 0.12 for name in ARKIT])
STEP_STD: Array = np.r_[[_SPEED_RAD] * 3, _SPEED_CM, _SPEED_CM, _SPEED_DEPTH_CM, _SPEED_WEIGHT]
GAZE_STEP_RAD = np.radians(4.0)
MEDOID_ROUNDS = 20
ROUNDS = 2  # of solving a run together


def choose_keys(places: Sequence[Array], count: int = KEY_FRAMES) -> list[int]:
    """Frames that differ most in pose and expression by their points, each (POINTS, 2) px: the farthest of
    the aligned shapes.
    """
    shapes = np.stack([_aligned(xy) for xy in places])
    start = int(np.argmin(np.linalg.norm(shapes - np.median(shapes, axis=0), axis=(1, 2))))
    keys = [start]
    distance = np.linalg.norm(shapes - shapes[start], axis=(1, 2))
    while len(keys) < min(count, len(places)):
        keys.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(shapes - shapes[keys[-1]], axis=(1, 2)))
    return sorted(set(keys))


def choose_typical(places: Sequence[Array], count: int) -> list[int]:
    """Frames of which one is near to any other: medoids of the shapes, begun with those of `choose_keys`."""
    shapes = np.stack([_aligned(xy) for xy in places]).reshape(len(places), -1)
    chosen = choose_keys(places, count)
    for _ in range(MEDOID_ROUNDS):
        nearest = np.argmin([np.linalg.norm(shapes - shapes[k], axis=1) for k in chosen], axis=0)
        members = [np.flatnonzero(nearest == n) for n in range(len(chosen))]
        moved = [int(m[np.argmin(_spread(shapes[m]))]) for m in members if len(m)]
        if sorted(moved) == chosen:
            break
        chosen = sorted(moved)
    return chosen


def _spread(shapes: Array) -> Array:
    """Of each shape (N, D) the sum of squared distances to all others, from their mean."""
    out: Array = ((shapes - shapes.mean(axis=0)) ** 2).sum(axis=1)
    return out


def solve_person(head: Head, found: Sequence[Points], lens: Lens) -> Shot:
    """Identity and bias of the person from the most telling frames of a shot."""
    keys = [found[i] for i in choose_keys([points.xy for points in found])]
    return fit_shot_identity(head, keys, lens)[0]


def estimate_lens(head: Head, found: Sequence[Points], size: tuple[int, int]) -> Lens:
    """The lens that explains a face's perspective best, from telling frames of a shot, near 50 mm else.

    A face tells little of its lens, mostly by how it changes as it turns, so what is usual has a say.
    """
    keys = [found[i] for i in choose_keys([points.xy for points in found], LENS_KEYS)]
    priors = [expected_expression(head, key) for key in keys]
    steps = np.linspace(np.log(LENSES_MM[0]), np.log(LENSES_MM[1]), LENS_TRIES)
    lenses = [default_lens(*size, float(np.exp(step))) for step in steps]
    told = [aside(_lens_cost, head, keys, priors, lens) for lens in lenses]
    costs = np.array([cost.result() for cost in told])
    costs += ((steps - np.log(DEFAULT_MM)) / LENS_STD) ** 2
    best = int(np.clip(np.argmin(costs), 1, len(steps) - 2))
    before, here, after = costs[best - 1 : best + 2]
    bend = max(before - 2 * here + after, 1e-9)
    shift = float(np.clip((before - after) / (2 * bend), -1, 1))
    return default_lens(*size, float(np.exp(steps[best] + shift * (steps[1] - steps[0]))))


def _lens_cost(head: Head, keys: list[Points], priors: list[Prior], lens: Lens) -> float:
    """Twice the negative log likelihood of the keys, and of the person and expressions they ask for."""
    shot, fits = fit_identity(head, keys, lens, priors)
    cost = float((shot.identity**2).sum())
    for points, fit, (mean, std) in zip(keys, fits, priors, strict=True):
        cost += misfit(head, shot, points, fit) + float((((fit.expression - mean) / std) ** 2).sum())
    return cost


def fit_frames(
    head: Head,
    shot: Shot,
    found: Sequence[Points],
    runs: Sequence[tuple[int, int]],
    check: Callable[[], None] = lambda: None,
) -> list[Fit]:
    """Fit every frame by itself, from the one before in its run [start, end)."""
    fits: list[Fit] = []
    starts = {start for start, _ in runs}
    for i, points in enumerate(found):
        check()
        begin = start_pose(shot, points) if i in starts or not fits else fits[-1]
        fits.append(refine(head, shot, points, begin, steps=6 if i in starts else 2))
    return fits


def tie_frames(
    head: Head,
    shot: Shot,
    found: Sequence[Points],
    runs: Sequence[tuple[int, int]],
    fits: Sequence[Fit],
    check: Callable[[], None] = lambda: None,
) -> list[Fit]:
    """Solve every run of unbroken frames [start, end) together in time, from what each was fitted with."""
    out = list(fits)
    for start, end in runs:
        for _ in range(ROUNDS):
            check()
            out[start:end] = solve_together(head, shot, found[start:end], out[start:end])
    return out


def solve_together(head: Head, shot: Shot, found: Sequence[Points], fits: Sequence[Fit]) -> list[Fit]:
    """One step of all frames at once; returns the moved fits."""
    if len(fits) < 2:
        return list(fits)
    tie = 1.0 / STEP_STD**2
    systems = [
        normal_equations(head, shot, points, fit, _weights(points), expected_expression(head, points))
        for points, fit in zip(found, fits, strict=True)
    ]
    for t in range(1, len(fits)):
        gap = tie * _difference(fits[t], fits[t - 1])
        systems[t] = (systems[t][0] + np.diag(tie), systems[t][1] - gap)
        systems[t - 1] = (systems[t - 1][0] + np.diag(tie), systems[t - 1][1] + gap)
    moved = [
        apply_step(fit, step) for fit, step in zip(fits, _block_tridiagonal(systems, tie, fits), strict=True)
    ]
    gaze = _smooth_gaze(np.stack([fit.gaze for fit in moved]), found)
    return [
        replace(fit, gaze=g, residual=residual(head, shot, points, fit))
        for fit, g, points in zip(moved, gaze, found, strict=True)
    ]


def _block_tridiagonal(
    systems: Sequence[tuple[Array, Array]], tie: Array, fits: Sequence[Fit]
) -> list[Array]:
    """Forward elimination, then back substitution with the bounds of the weights kept."""
    matrices, rights = [systems[0][0]], [systems[0][1]]
    for matrix, right in systems[1:]:
        solved = np.linalg.solve(matrices[-1], np.c_[np.diag(tie), rights[-1]])
        matrices.append(matrix - tie[:, None] * solved[:, :-1])
        rights.append(right + tie * solved[:, -1])
    steps = [solve_bounded(matrices[-1], rights[-1], fits[-1].expression)]
    for t in range(len(systems) - 2, -1, -1):
        steps.append(solve_bounded(matrices[t], rights[t] + tie * steps[-1], fits[t].expression))
    return steps[::-1]


def _difference(later: Fit, earlier: Fit) -> Array:
    turn = rotation_vector(later.rotation @ earlier.rotation.T)
    return np.r_[turn, later.translation - earlier.translation, later.expression - earlier.expression]


def _smooth_gaze(gaze: Array, found: Sequence[Points]) -> Array:
    """Random-walk smoothing of (F, 2, 2) gaze; saccades pass since a step beyond the noise is kept."""
    frames = len(gaze)
    noise = np.radians(1.0)
    tie = np.full(frames - 1, (noise / GAZE_STEP_RAD) ** 2 * 4)
    jump = np.abs(np.diff(gaze, axis=0)).max(axis=(1, 2))
    tie /= 1.0 + (jump / np.radians(3.0)) ** 2
    banded = np.ones((2, frames))
    banded[0, 1:] = -tie
    banded[1, :-1] += tie
    banded[1, 1:] += tie
    smooth = solveh_banded(banded, gaze.reshape(frames, 4)).reshape(frames, 2, 2)
    out: Array = np.clip(smooth, -EYE_LIMIT_RAD, EYE_LIMIT_RAD)
    return out


def _aligned(points_px: Array) -> Array:
    """Points centered and scaled, so that only turning and expression remain."""
    centered = points_px - points_px.mean(axis=0)
    out: Array = centered / np.sqrt((centered**2).mean())
    return out
