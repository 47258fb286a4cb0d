"""Random light: six ambient colors around the head, up to three lights, a shadow map for the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.render.raster import rasterize
from likeness.training.anatomy import transform

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Random = np.random.Generator

SHADOW_SIZE = 256
SHADOW_REACH_CM = 19.0


@dataclass(frozen=True)
class Light:
    """`cube` (6, 3) ambient from +x -x +y -y +z -z, `direction` (L, 3) toward the lights, `color` (L, 3)."""

    cube: Float
    direction: Float
    color: Float
    softness: float
    shadow: float


def _tone(rng: Random, spread: float) -> Float:
    """A color of luminance about 1: warm to cold, seldom saturated."""
    warm = rng.normal(0, spread)
    color = np.array([1 + 0.35 * warm, 1.0, 1 - 0.45 * warm]) + rng.normal(0, 0.04, 3)
    if rng.random() < 0.06:
        color = rng.uniform(0.15, 1.6, 3)
    return np.clip(color, 0.1, 2.5).astype(np.float32)


def sample_light(rng: Random) -> Light:
    """Studio, window, sun, overcast, or colored stage light, in camera space (y down)."""
    ambient = _tone(rng, 0.35) * rng.uniform(0.15, 0.6)
    cube = np.repeat(ambient[None], 6, 0)
    cube[2] *= rng.uniform(0.25, 0.9) * _tone(rng, 0.3)  # +y is down: what the floor returns
    cube[3] *= rng.uniform(0.8, 1.6)
    for face in (0, 1, 4, 5):
        cube[face] *= rng.uniform(0.45, 1.5) * _tone(rng, 0.25)
    count = int(rng.choice([0, 1, 2, 3], p=[0.10, 0.42, 0.33, 0.15]))
    direction, color = [], []
    for k in range(count):
        if k == 2 or (k == 1 and rng.random() < 0.4):  # a rim from behind
            d = np.array(
                [rng.choice([-1, 1]) * rng.uniform(0.4, 1.0), rng.uniform(-0.8, 0.1), rng.uniform(0.1, 0.9)]
            )
            strength = rng.uniform(0.2, 1.0)
        else:
            yaw, up = rng.normal(0, 0.85), rng.normal(0.55, 0.45)
            d = np.array([np.sin(yaw) * np.cos(up), -np.sin(up), -np.cos(yaw) * np.cos(up)])
            strength = rng.uniform(0.25, 1.3) * (1.0 if k == 0 else 0.5)
        direction.append(d / np.linalg.norm(d))
        color.append(_tone(rng, 0.4) * strength)
    return Light(
        cube.astype(np.float32),
        np.array(direction, np.float32).reshape(-1, 3),
        np.array(color, np.float32).reshape(-1, 3),
        float(np.exp(rng.uniform(np.log(0.5), np.log(9.0)))),
        float(rng.uniform(0.55, 1.0)) if count else 0.0,
    )


def shadow_map(light: Light, points: Float, triangles: Int, center: Float) -> tuple[Float, Float]:
    """Depth seen from light 0 (size, size), and the frame (3, 4) that takes camera space there."""
    if not light.shadow or not len(light.direction):
        return np.full((1, 1), np.inf, np.float32), np.zeros((3, 4), np.float32)
    toward = light.direction[0]
    side = np.cross(toward, [0.29, 0.91, 0.3])
    side /= np.linalg.norm(side)
    basis = np.stack([side, np.cross(toward, side), -toward]).astype(np.float32)
    scale = SHADOW_SIZE / (2 * SHADOW_REACH_CM)
    frame = np.zeros((3, 4), np.float32)
    frame[:, :3] = basis * np.array([scale, scale, 1.0])[:, None]
    frame[:, 3] = np.array([SHADOW_SIZE / 2, SHADOW_SIZE / 2, 1000.0]) - frame[:, :3] @ center
    local = transform(points, frame)
    _, _, depth = rasterize(local, triangles, SHADOW_SIZE, SHADOW_SIZE)
    return depth, frame
