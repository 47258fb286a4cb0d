"""Smooth and cellular noise over space, for numba kernels: the same place gives the same value everywhere."""

from __future__ import annotations

from functools import lru_cache

import numba
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

GRID = 32


@lru_cache(maxsize=1)
def noise_volume() -> Float:
    """A tile (32, 32, 32, 4) of smooth noise in four independent channels, standard deviation about 1."""
    rng = np.random.default_rng(3)
    volume = rng.normal(0, 1, (GRID, GRID, GRID, 4))
    for axis in range(3):
        volume = 0.5 * volume + 0.25 * (np.roll(volume, 1, axis) + np.roll(volume, -1, axis))
    return (volume / volume.std()).astype(np.float32)


@numba.njit(cache=True, fastmath=True, inline="always")
def smooth(volume: Float, x: float, y: float, z: float, channel: int) -> float:
    """Noise of unit deviation at a place, one lattice step a unit."""
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    i, j, k = int(fx) & 31, int(fy) & 31, int(fz) & 31
    u, v, w = x - fx, y - fy, z - fz
    i1, j1, k1 = (i + 1) & 31, (j + 1) & 31, (k + 1) & 31
    a = volume[i, j, k, channel] * (1 - w) + volume[i, j, k1, channel] * w
    b = volume[i, j1, k, channel] * (1 - w) + volume[i, j1, k1, channel] * w
    c = volume[i1, j, k, channel] * (1 - w) + volume[i1, j, k1, channel] * w
    d = volume[i1, j1, k, channel] * (1 - w) + volume[i1, j1, k1, channel] * w
    return (a * (1 - v) + b * v) * (1 - u) + (c * (1 - v) + d * v) * u


@numba.njit(cache=True, inline="always")
def _mix(h: int) -> int:
    h = (h ^ (h >> 15)) * 0x2C1B3C6D & 0xFFFFFFFF
    h = (h ^ (h >> 12)) * 0x297A2D39 & 0xFFFFFFFF
    return h ^ (h >> 15)


@numba.njit(cache=True, fastmath=True)
def cells(x: float, y: float, z: float, seed: int) -> tuple[float, float, float]:
    """Distances to the nearest two of points strewn one a unit cell, and the nearest's number 0..1.

    Worley, A Cellular Texture Basis Function, 1996.
    """
    ix, iy, iz = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    first, second, name = 9.0, 9.0, 0.0
    for dx in range(-1, 2):
        for dy in range(-1, 2):
            for dz in range(-1, 2):
                cx, cy, cz = ix + dx, iy + dy, iz + dz
                h = _mix((cx * 73856093 ^ cy * 19349663 ^ cz * 83492791 ^ seed * 2654435761) & 0xFFFFFFFF)
                ox = cx + (h & 1023) / 1023.0 - x
                oy = cy + ((h >> 10) & 1023) / 1023.0 - y
                oz = cz + ((h >> 20) & 1023) / 1023.0 - z
                d = ox * ox + oy * oy + oz * oz
                if d < first:
                    first, second, name = d, first, (_mix(h) & 65535) / 65535.0
                elif d < second:
                    second = d
    return np.sqrt(first), np.sqrt(second), name


@numba.njit(cache=True, fastmath=True, inline="always")
def step(low: float, high: float, x: float) -> float:
    """Smooth 0..1 as `x` goes from `low` to `high`."""
    t = min(1.0, max(0.0, (x - low) / (high - low)))
    return t * t * (3 - 2 * t)
