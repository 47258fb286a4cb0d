"""Pictures to check a capture by eye: points over the plate, residual over time, unwrapped texture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.face.findings import fit_of, lens_of, reprojected, shot_of
from likeness.face.person import build_person, shown_in, to_pixels
from likeness.head import points as dense
from likeness.head.model import Head, vertex_normals
from likeness.render.raster import rasterize

Float = NDArray[np.float32]

FOUND_COLOR, FITTED_COLOR, IRIS_COLOR = (0.2, 1.0, 0.3), (1.0, 0.35, 0.1), (0.2, 0.8, 1.0)
TEXTURE_SIZE = 1024
PLOT_SIZE = (960, 320)
PLOT_TOP = 0.06  # residual (inter-ocular) at the top of the plot


def draw_overlay(head: Head, found: Mapping[str, Any], index: int, view: Float) -> Float:
    """The display picture (H, W, 3) with the found points, the fitted points and the irises as dots."""
    out: Float = view.copy()
    if not found["found"][index]:
        return out
    points = found["points"][index]
    size = max(1, round(np.ptp(points[:68, 0]) / 160))
    _dots(out, reprojected(head, found, index), FITTED_COLOR, size)
    _dots(out, points[: dense.SKIN_COUNT], FOUND_COLOR, size)
    _dots(out, points[[dense.IRIS_LEFT, dense.IRIS_RIGHT]], IRIS_COLOR, size + 1)
    return out


def _dots(picture: Float, points: NDArray[np.floating], color: tuple[float, float, float], size: int) -> None:
    height, width = picture.shape[:2]
    for x, y in np.floor(points).astype(int):
        if -size < x < width + size and -size < y < height + size:
            low_x, low_y = max(x - size // 2, 0), max(y - size // 2, 0)
            picture[low_y : max(y - size // 2 + size, 0), low_x : max(x - size // 2 + size, 0)] = color


def plot_residual(found: Mapping[str, Any]) -> Float:
    """Residual of every frame as bars (H, W, 3): green where small, red where large, gray where lost."""
    width, height = PLOT_SIZE
    out = np.full((height, width, 3), 0.08, np.float32)
    for share in (1 / 3, 2 / 3):
        out[int(height * share)] = 0.25
    residual = np.asarray(found["residual"])
    for x in range(width):
        i = min(int(x / width * len(residual)), len(residual) - 1)
        level = min(float(residual[i]) / PLOT_TOP, 1.0)
        top = int((1 - level) * (height - 1))
        seen = bool(found["found"][i])
        out[top:, x] = (level, 1 - level, 0.2) if seen else (0.4, 0.4, 0.4)
    return out


def unwrap_texture(head: Head, found: Mapping[str, Any], index: int, view: Float) -> Float:
    """The face's skin in the house head's texture space (1024, 1024, 4), alpha where it is seen."""
    shot, fit, lens = shot_of(found, index), fit_of(found, index), lens_of(found, index)
    person = build_person(head, shot)
    camera = shown_in(person, fit)
    pixels = to_pixels(camera, lens)
    skin = head.part("skin")
    normals = vertex_normals(camera, skin)
    toward = -camera / np.linalg.norm(camera, axis=1, keepdims=True)
    facing = (normals * toward).sum(axis=1)
    flat = np.ones((len(camera), 3), np.float32)
    flat[: len(head.vertex_uv), 0] = head.vertex_uv[:, 0] * TEXTURE_SIZE
    flat[: len(head.vertex_uv), 1] = (1 - head.vertex_uv[:, 1]) * TEXTURE_SIZE
    cells, bary, _ = rasterize(flat, skin, TEXTURE_SIZE, TEXTURE_SIZE)
    corners = skin[np.maximum(cells, 0)]
    place = np.einsum("hwc,hwck->hwk", bary, pixels[corners][..., :2])
    seen = np.einsum("hwc,hwc->hw", bary, facing[corners])
    height, width = view.shape[:2]
    x, y = place[..., 0].astype(int), place[..., 1].astype(int)
    there = (cells >= 0) & (x >= 0) & (y >= 0) & (x < width) & (y < height)
    out = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE, 4), np.float32)
    out[there, :3] = view[y[there], x[there]]
    out[there, 3] = np.clip((seen[there] - 0.1) / 0.3, 0, 1)
    out[..., :3] *= out[..., 3:]
    return out
