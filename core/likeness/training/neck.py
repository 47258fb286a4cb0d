"""The seam at the neck: a ring of points that head and body share, and the strips that join it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.integer[Any]]

RING = 64  # points of the seam; every level below the finest keeps every second one of the level before
CENTER = np.array([0.0, 59.4, 0.8])  # of the seam's plane on the average body, cm
NORMAL = np.array([0.0, 8.8, 3.5]) / np.hypot(8.8, 3.5)
REACH_CM = 12.0  # nothing further from the center belongs to the neck
_ASIDE = np.array([1.0, 0.0, 0.0])
_BACK = np.cross(NORMAL, _ASIDE)  # in the plane, toward the back


def height(points: Float) -> Float:
    """Signed distances (N,) from the seam's plane, cm, up."""
    return np.asarray((points - CENTER) @ NORMAL)


def angle(points: Float) -> Float:
    """Turns (N,) in 0..1 about the neck's axis: 0 at the back, 0.25 at the character's left."""
    away = points - CENTER
    turn = np.arctan2(away @ _ASIDE, away @ _BACK) / (2 * np.pi)
    return np.asarray(turn % 1.0)


def ring_on(places: Float, triangles: Int) -> tuple[Int, Float]:
    """Where the seam lies on a surface: rows (RING + 1, 4) of vertices and weights (RING + 1, 4).

    The last point is the first one again, as the end of the texture sees it. `triangles` index `places`.
    """
    high = height(places)
    rows, weights, spans = [], [], []
    for face in triangles[(high[triangles] > 0).any(1) & (high[triangles] <= 0).any(1)].tolist():
        ends = []
        for a, b in zip(face, face[1:] + face[:1], strict=True):
            if (high[a] > 0) != (high[b] > 0):
                t = high[a] / (high[a] - high[b])
                ends.append(([a, b], [1 - t, t]))
        points = np.array([np.array(w) @ places[e] for e, w in ends])
        if np.linalg.norm(points.mean(0) - CENTER) > REACH_CM:
            continue
        turn = angle(points)
        if np.ptp(turn) > 0.5:  # it ends at the back
            turn = np.where(turn < 0.5, turn + 1, turn)
        (first, one), (last, other) = (ends[i] for i in np.argsort(turn))
        rows.append(first + last)
        weights.append(one + other)
        spans.append(np.sort(turn))
    span, row, weight = np.array(spans), np.array(rows), np.array(weights)
    out_rows, out_weights = np.zeros((RING + 1, 4), int), np.zeros((RING + 1, 4))
    for k in range(RING + 1):
        outside = np.maximum(span[:, 0] - k / RING, k / RING - span[:, 1])
        i = int(outside.argmin())
        mix = np.clip((k / RING - span[i, 0]) / np.ptp(span[i]), 0, 1)
        out_rows[k] = row[i]
        out_weights[k] = weight[i] * np.repeat([1 - mix, mix], 2)
    return out_rows, out_weights


def border_loop(triangles: Int, twin: Int, places: Float) -> Int:
    """The border of an open neck as corners (N + 1,), along the ring, the seam at the back first and last.

    `triangles` (T, 3) are corners, `twin` their places' indices, `places` the positions by corner.
    """
    ways: dict[tuple[int, int], tuple[int, int]] = {}
    for face in triangles.tolist():
        for a, b in zip(face, face[1:] + face[:1], strict=True):
            ways[int(twin[a]), int(twin[b])] = (a, b)
    follow = {
        s: pair
        for (s, t), pair in ways.items()
        if (t, s) not in ways and np.linalg.norm(places[pair[0]] - CENTER) < REACH_CM
    }
    turn = {s: float(angle(places[[a]])[0]) for s, (a, _) in follow.items()}
    start = min(follow, key=lambda s: min(turn[s], 1 - turn[s]))
    line, at = [follow[start][0]], start
    while len(line) == 1 or at != start:
        line.append(follow[at][1])
        at = int(twin[line[-1]])
    if len(line) - 1 != len(follow):
        raise ValueError(f"the border has {len(follow)} edges, its loop {len(line) - 1}")
    out = np.array(line)
    turned = angle(places[out[1:-1]])
    if np.median(np.diff(turned)) < 0:
        out = out[::-1]
    return out


def strip(lower: Int, upper: Int, places: Float) -> Int:
    """Triangles (T, 3) between two lines that run alongside, counterclockwise from outside.

    Both run about the neck as `angle` counts, `upper` above `lower`; `places` (N, 3) by corner.
    """
    out = []
    i = j = 0
    while i < len(lower) - 1 or j < len(upper) - 1:
        if j == len(upper) - 1:
            low = True
        elif i == len(lower) - 1:
            low = False
        else:
            across = np.linalg.norm(places[lower[i + 1]] - places[upper[j]])
            back = np.linalg.norm(places[lower[i]] - places[upper[j + 1]])
            low = bool(across <= back)
        if low:
            out.append((lower[i + 1], lower[i], upper[j]))
            i += 1
        else:
            out.append((lower[i], upper[j], upper[j + 1]))
            j += 1
    return np.array(out)
