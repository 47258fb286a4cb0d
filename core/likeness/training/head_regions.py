"""Soft masks of the house head's regions, one weight per vertex."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from likeness.head import points as dense
from likeness.training.facekit import FaceKit
from likeness.training.head_layout import PARTS, Mesh

Float = NDArray[np.float64]

REGIONS = (
    "lips_upper",
    "lips_lower",
    "lid_upper_left",
    "lid_lower_left",
    "lid_upper_right",
    "lid_lower_right",
    "brow_left",
    "brow_right",
    "nose",
    "forehead",
    "cheek_left",
    "cheek_right",
    "jaw",
    "neck",
    "ears",
    "scalp",
    "face",
)
LID_REACH_CM, BROW_REACH_CM, LIP_EDGE_CM = 0.9, 0.8, 0.18


def _step(low: float, high: float, x: Float) -> Float:
    """Smooth step from 0 at `low` to 1 at `high` (either order)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _to_line(points: Float, line: Float) -> Float:
    fine = np.linspace(0, len(line) - 1, 20 * len(line))
    at = np.arange(len(line))
    way = np.stack([np.interp(fine, at, line[:, i]) for i in range(3)], 1)
    return np.asarray(cKDTree(way).query(points)[0])


def region_masks(mesh: Mesh, mean: Float, kit: FaceKit) -> Float:
    """Weights 0..1 (regions, V) in the order of REGIONS; zero off the skin."""
    masks = dict(_lines(mesh, mean, kit))
    masks |= _areas(mean)
    skin = np.zeros(len(mean))
    skin[np.unique(mesh.triangles[0][mesh.part[0] == PARTS.index("skin")])] = 1
    return np.stack([masks[name] * skin for name in REGIONS])


def _lines(mesh: Mesh, mean: Float, kit: FaceKit) -> dict[str, Float]:
    """Regions around lips, lids and brows."""
    red = _step(LIP_EDGE_CM, 0.0, np.asarray(cKDTree(mean[mesh.lips]).query(mean)[0]))
    upper, lower = (_to_line(mean, mean[mesh.loops[f"lips_{side}"]]) for side in ("upper", "lower"))
    share = lower / np.maximum(upper + lower, 1e-6)
    out = {"lips_upper": red * _step(0.4, 0.6, share), "lips_lower": red * _step(0.6, 0.4, share)}
    for side in ("left", "right"):
        up, down = (_to_line(mean, mean[mesh.loops[f"lid_{edge}_{side}"]]) for edge in ("upper", "lower"))
        share = down / np.maximum(up + down, 1e-6)
        out[f"lid_upper_{side}"] = _step(LID_REACH_CM, 0.25, up) * _step(0.35, 0.65, share)
        out[f"lid_lower_{side}"] = _step(LID_REACH_CM, 0.25, down) * _step(0.65, 0.35, share)
        brow = kit.vertices[dense.SOURCE_VERTEX[dense.GROUPS[f"brow_{side}"]]].astype(float)
        out[f"brow_{side}"] = _step(BROW_REACH_CM, 0.35, _to_line(mean, brow))
    return out


def _areas(mean: Float) -> dict[str, Float]:
    """Regions by place on the mean head, in cm."""
    x, y, z = mean.T
    nose = np.sqrt((x / 2.0) ** 2 + ((y - 0.9) / 3.2) ** 2 + ((z - 12.6) / 3.0) ** 2)
    front = _step(1.0, 4.0, z)
    ears = _step(6.9, 7.5, np.abs(x)) * _step(-3.2, -2.4, y) * _step(6.2, 5.2, y) * _step(4.2, 3.4, z)
    neck = _step(-7.2, -9.2, y + 0.35 * (8.0 - z))
    face = _step(1.2, 5.2, z + 0.12 * y) * _step(9.6, 7.6, y) * _step(-12.5, -9.5, y)
    out = {
        "nose": _step(1.1, 0.85, nose),
        "forehead": _step(5.0, 6.2, y) * _step(10.0, 8.6, y) * _step(3.5, 6.5, z),
        "jaw": _step(-3.8, -5.4, y) * front * (1 - neck),
        "neck": neck,
        "ears": ears,
        "scalp": np.maximum(_step(8.0, 10.0, y), _step(3.0, 0.0, z) * _step(-5.0, -2.0, y)) * (1 - ears),
        "face": face * (1 - ears),
    }
    for side, sign in (("left", 1), ("right", -1)):
        away = np.sqrt(((sign * x - 4.6) / 2.6) ** 2 + ((y + 0.6) / 2.9) ** 2 + ((z - 9.0) / 4.0) ** 2)
        out[f"cheek_{side}"] = _step(1.15, 0.6, away)
    return out
