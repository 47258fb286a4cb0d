"""Where skin folds: lines on the mean head, when age draws them and which shapes of the face deepen them."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from likeness.head.model import Head
from likeness.render.noise import step

Float = NDArray[np.float32]
Int = NDArray[np.int32]

# The ARKit shapes that fold each group's skin.
GROUPS: dict[str, tuple[str, ...]] = {
    "forehead": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "glabella": ("browDownLeft", "browDownRight"),
    "eyes": ("eyeSquintLeft", "eyeSquintRight", "cheekSquintLeft", "cheekSquintRight"),
    "nose": ("noseSneerLeft", "noseSneerRight"),
    "smile": ("mouthSmileLeft", "mouthSmileRight", "mouthUpperUpLeft", "mouthUpperUpRight"),
    "dimples": ("mouthDimpleLeft", "mouthDimpleRight"),
    "mouth": ("mouthFrownLeft", "mouthFrownRight", "mouthStretchLeft", "mouthStretchRight"),
    "lips": ("mouthPucker", "mouthFunnel"),
    "chin": ("mouthShrugLower",),
    "neck": ("mouthLowerDownLeft", "mouthLowerDownRight"),
}
FULL_YEARS = 40.0  # from a line's first sign to its full depth
GROUP_NAMES = tuple(GROUPS)


@dataclass(frozen=True)
class Line:
    """A fold on both sides: places (|x|, y) cm from the front, its half width and depth, its first year."""

    group: str
    places: tuple[tuple[float, float], ...]
    width: float
    depth: float
    year: float


def _forehead() -> list[Line]:
    out = []
    for k, y in enumerate((7.15, 7.85, 8.55, 9.3)):
        end = 4.6 - 0.5 * k
        arc = tuple(
            (x, y + 0.35 * np.sin(1.4 * x / end * np.pi / 2 + 0.5 * k) - 0.3)
            for x in (0, 0.9, 1.8, 2.7, 3.6, end)
        )
        out.append(Line("forehead", arc, 0.11, 0.030, 30 + 4 * (k % 3)))
    return out


def _lips() -> list[Line]:
    out = []
    for k, x in enumerate((0.25, 0.62, 1.0, 1.38, 1.75, 2.1)):
        top = -2.35 - 0.28 * max(0.0, x - 0.6)
        out.append(
            Line(
                "lips",
                ((x, top), (1.05 * x + 0.05, top + 0.75 - 0.05 * (k % 2))),
                0.05,
                0.016,
                50 + 2 * (k % 3),
            )
        )
        low = -4.5 + 0.25 * max(0.0, x - 0.6)
        out.append(Line("lips", ((x, low), (1.02 * x, low - 0.45)), 0.05, 0.010, 58 + 2 * (k % 2)))
    return out


LINES: tuple[Line, ...] = (
    *_forehead(),
    Line("glabella", ((0.55, 5.3), (0.5, 6.0), (0.65, 6.9)), 0.11, 0.035, 34),
    Line("glabella", ((0.95, 5.7), (0.95, 6.3), (1.1, 6.8)), 0.09, 0.018, 50),
    Line("nose", ((0.0, 4.35), (0.4, 4.4), (0.75, 4.2)), 0.08, 0.020, 45),
    Line("nose", ((0.55, 3.1), (0.95, 2.7), (1.3, 2.1)), 0.07, 0.014, 68),
    Line("nose", ((0.75, 3.4), (1.15, 3.0), (1.55, 2.5)), 0.07, 0.012, 72),
    Line("eyes", ((4.95, 3.75), (5.6, 4.25), (6.3, 4.95)), 0.07, 0.020, 36),
    Line("eyes", ((5.05, 3.5), (5.8, 3.65), (6.6, 3.95)), 0.07, 0.022, 33),
    Line("eyes", ((5.0, 3.2), (5.7, 3.0), (6.5, 2.85)), 0.07, 0.022, 35),
    Line("eyes", ((4.9, 2.95), (5.5, 2.45), (6.1, 1.9)), 0.07, 0.018, 42),
    Line("eyes", ((4.7, 2.65), (5.1, 2.0), (5.5, 1.2)), 0.07, 0.014, 52),
    Line("eyes", ((1.9, 2.75), (2.6, 2.35), (3.4, 2.25), (4.3, 2.5)), 0.08, 0.016, 38),
    Line("eyes", ((2.0, 2.35), (2.7, 1.85), (3.5, 1.6), (4.5, 1.75)), 0.12, 0.024, 44),
    Line("eyes", ((2.3, 1.9), (2.9, 1.4), (3.7, 1.0)), 0.13, 0.020, 58),
    Line("smile", ((1.95, 0.0), (2.35, -0.7), (2.8, -1.6), (3.2, -2.6), (3.4, -3.6)), 0.16, 0.050, 28),
    Line("smile", ((3.9, -1.2), (4.3, -2.3), (4.3, -3.6)), 0.18, 0.026, 58),
    Line("smile", ((4.9, -0.6), (5.4, -2.0), (5.4, -3.6)), 0.16, 0.018, 66),
    Line("dimples", ((3.55, -2.75), (3.75, -3.1), (3.8, -3.5)), 0.2, 0.040, 44),
    Line("mouth", ((2.75, -3.75), (2.95, -4.4), (2.9, -5.2), (2.65, -6.0)), 0.13, 0.036, 44),
    Line("mouth", ((3.6, -4.4), (3.75, -5.2), (3.5, -6.0)), 0.13, 0.018, 62),
    Line("chin", ((0.0, -5.35), (0.7, -5.3), (1.3, -5.05)), 0.16, 0.026, 42),
    *_lips(),
    Line("neck", ((0.0, -9.9), (2.0, -9.6), (4.0, -8.9), (5.8, -8.1)), 0.14, 0.030, 32),
    Line("neck", ((0.0, -11.6), (2.2, -11.4), (4.4, -10.9), (6.0, -10.3)), 0.14, 0.032, 36),
    Line("neck", ((0.0, -13.4), (2.4, -13.3), (4.8, -13.0)), 0.13, 0.022, 48),
    Line("neck", ((1.3, -8.4), (1.4, -10.5), (1.7, -13.5)), 0.28, 0.045, 60),
)


def segments(head: Head) -> tuple[Float, Int]:
    """The lines on the mean head (S, 10): both ends, width, depth, year and taper; (S,) their group."""
    skin = np.unique(head.part("skin"))
    places = head.mean[skin]
    front = places[(places[:, 2] > 0) & (places[:, 0] > -0.3)]
    tree = cKDTree(front[:, :2])
    rows, groups = [], []
    for line in LINES:
        flat = np.array(line.places, np.float64)
        fine = np.stack([_dense(flat[:, k]) for k in (0, 1)], 1)
        away, near = tree.query(fine, k=3)
        weight = 1 / (away + 1e-3)
        depth = (front[near, 2] * weight).sum(1) / weight.sum(1)
        path = np.concatenate([fine, depth[:, None]], 1)
        along = np.linspace(0, 1, len(path))
        taper = np.sin(np.pi * np.clip(0.12 + 0.8 * along, 0, 1)) ** 0.6
        if flat[0, 0] == 0:  # a line across the middle does not fade there
            taper = np.cos(np.pi / 2 * along) ** 0.6
        for i in range(len(path) - 1):
            rows.append([*path[i], *path[i + 1], line.width, line.depth, line.year, taper[i : i + 2].mean()])
            groups.append(GROUP_NAMES.index(line.group))
    return np.array(rows, np.float32), np.array(groups, np.int32)


def _dense(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Five points from each to the next, on a smooth curve."""
    if len(values) == 2:
        return np.linspace(values[0], values[1], 5)
    from scipy.interpolate import PchipInterpolator

    at = np.arange(len(values))
    out: NDArray[np.float64] = PchipInterpolator(at, values)(
        np.linspace(0, len(values) - 1, 4 * len(values) - 3)
    )
    return out


@numba.njit(cache=True, fastmath=True)
def fold_at(lines: Float, groups: Int, x: float, y: float, z: float, age: float) -> tuple[float, float, int]:
    """Depth in cm of the wrinkles at a place (|x|, y, z): by age, at their deepest, and the deepest's group.

    `lines` and `groups` are from `segments`.
    """
    by_age, full, name = 0.0, 0.0, -1
    for i in range(len(lines)):
        w = lines[i, 6]
        reach = 3.2 * w + 0.35
        if min(lines[i, 0], lines[i, 3]) - reach > x or max(lines[i, 0], lines[i, 3]) + reach < x:
            continue
        if min(lines[i, 1], lines[i, 4]) - reach > y or max(lines[i, 1], lines[i, 4]) + reach < y:
            continue
        ex, ey, ez = lines[i, 3] - lines[i, 0], lines[i, 4] - lines[i, 1], lines[i, 5] - lines[i, 2]
        px, py, pz = x - lines[i, 0], y - lines[i, 1], z - lines[i, 2]
        t = (px * ex + py * ey + pz * ez) / (ex * ex + ey * ey + ez * ez + 1e-9)
        t = min(1.0, max(0.0, t))
        d = np.sqrt((px - t * ex) ** 2 + (py - t * ey) ** 2 + (pz - t * ez) ** 2) / w
        if d > 3.2:
            continue
        # a valley with swollen banks
        profile = np.exp(-d * d) - 0.32 * np.exp(-((d - 1.7) ** 2) * 1.6)
        value = lines[i, 7] * lines[i, 9] * profile
        old = step(lines[i, 8], lines[i, 8] + FULL_YEARS, age)
        if abs(value * old) > abs(by_age):
            by_age = value * old
        if abs(value) > abs(full):
            full, name = value, groups[i]
    return by_age, full, name
