"""Grows hair: strands that start on the skin, follow a comb and gravity, and stay off the head."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Int = NDArray[np.int32]

AWAY, TO_POINT, DIRECTION, PART = range(4)  # what a style's combing follows
HEAD_CENTER = np.array([0.0, 4.0, 1.5], np.float32)  # of the map of radii
MAP_ROWS, MAP_COLUMNS = 40, 80


def map_directions() -> Float:
    """Unit directions (rows, columns, 3): rows from above to below, columns by azimuth from +Z toward +X."""
    polar = (np.arange(MAP_ROWS) + 0.5) / MAP_ROWS * np.pi
    azimuth = (np.arange(MAP_COLUMNS)) / MAP_COLUMNS * 2 * np.pi
    p, a = np.meshgrid(polar, azimuth, indexing="ij")
    return np.stack([np.sin(p) * np.sin(a), np.cos(p), np.sin(p) * np.cos(a)], -1).astype(np.float32)


@numba.njit(cache=True)
def outermost(vertices: Float, triangles: Int, directions: Float, center: Float) -> tuple[Int, Float]:
    """The outermost triangle (N,) along each of `directions` (N, 3), and where on it (N, 3)."""
    count = len(directions)
    found = np.zeros(count, np.int32)
    bary = np.zeros((count, 3), np.float32)
    bary[:, 0] = 1.0
    for n in range(count):
        d = directions[n]
        best = 0.0
        for t in range(len(triangles)):
            a = vertices[triangles[t, 0]] - center
            if a[0] * d[0] + a[1] * d[1] + a[2] * d[2] < 0:
                continue
            e = vertices[triangles[t, 1]] - center - a
            f = vertices[triangles[t, 2]] - center - a
            px = d[1] * f[2] - d[2] * f[1]
            py = d[2] * f[0] - d[0] * f[2]
            pz = d[0] * f[1] - d[1] * f[0]
            det = e[0] * px + e[1] * py + e[2] * pz
            if abs(det) < 1e-9:
                continue
            u = -(a[0] * px + a[1] * py + a[2] * pz) / det
            if u < -1e-4 or u > 1 + 1e-4:
                continue
            qx = -(a[1] * e[2] - a[2] * e[1])
            qy = -(a[2] * e[0] - a[0] * e[2])
            qz = -(a[0] * e[1] - a[1] * e[0])
            v = (d[0] * qx + d[1] * qy + d[2] * qz) / det
            if v < -1e-4 or u + v > 1 + 1e-4:
                continue
            r = (f[0] * qx + f[1] * qy + f[2] * qz) / det
            if r > best:
                best = r
                found[n] = t
                bary[n, 0] = 1 - u - v
                bary[n, 1] = u
                bary[n, 2] = v
    return found, bary


@numba.njit(cache=True, fastmath=True)
def _radius(radii: Float, x: float, y: float, z: float) -> float:
    r = np.sqrt(x * x + y * y + z * z) + 1e-6
    row = np.arccos(min(1.0, max(-1.0, y / r))) / np.pi * MAP_ROWS - 0.5
    column = np.arctan2(x, z) / (2 * np.pi) * MAP_COLUMNS
    if column < 0:
        column += MAP_COLUMNS
    row = min(max(row, 0.0), MAP_ROWS - 1.001)
    i, j = int(row), int(column)
    u, v = row - i, column - j
    j0, j1 = j % MAP_COLUMNS, (j + 1) % MAP_COLUMNS
    top = radii[i, j0] * (1 - v) + radii[i, j1] * v
    low = radii[i + 1, j0] * (1 - v) + radii[i + 1, j1] * v
    return top * (1 - u) + low * u


@numba.njit(cache=True, fastmath=True)
def grow(
    roots: Float,
    normals: Float,
    radii: Float,
    center: Float,
    length: Float,
    layer: Float,
    comb_kind: int,
    comb: Float,
    comb_strength: float,
    lift: float,
    gravity: Float,
    curl: float,
    curl_frequency: float,
    face_clear: float,
    phase: Float,
    steps: int,
    hug: float = 0.0,
) -> Float:
    """Strands (N, steps, 3) from `roots` (N, 3). `length` and `layer` (height above the skin) are (N,) in cm.

    `comb` is a point or direction by `comb_kind`; `face_clear` pushes strands sideways off the face; `hug`
    0..1 takes off what leads them away from the head, which hair that hangs leaves below the ears.
    """
    count = len(roots)
    hangs = gravity[1] < -0.5
    out = np.zeros((count, steps, 3), np.float32)
    for n in range(count):
        px, py, pz = roots[n, 0], roots[n, 1], roots[n, 2]
        vx, vy, vz = normals[n, 0], normals[n, 1], normals[n, 2]
        step = length[n] / (steps - 1)
        for s in range(steps):
            out[n, s, 0], out[n, s, 1], out[n, s, 2] = px, py, pz
            along = s / (steps - 1.0)
            gone = s * step
            if comb_kind == 0:
                cx, cy, cz = px - comb[0], py - comb[1], pz - comb[2]
            elif comb_kind == 1:
                cx, cy, cz = comb[0] - px, comb[1] - py, comb[2] - pz
            elif comb_kind == 2:
                cx, cy, cz = comb[0], comb[1], comb[2]
            else:
                cx, cy, cz = (1.0 if roots[n, 0] > comb[0] else -1.0), comb[1], comb[2]
            fade = 1.0 if comb_kind == 1 else max(0.0, 1.0 - gone / 12.0)  # a comb holds near the root
            c = comb_strength * fade / (np.sqrt(cx * cx + cy * cy + cz * cz) + 1e-6)
            rise = lift * np.exp(-gone / 2.5)
            angle = phase[n] + curl_frequency * s
            vx = 0.5 * vx + c * cx + gravity[0] * (0.3 + along) + rise * normals[n, 0] + curl * np.cos(angle)
            vy = (
                0.5 * vy
                + c * cy
                + gravity[1] * (0.3 + along)
                + rise * normals[n, 1]
                + curl * np.sin(angle) * 0.6
            )
            vz = (
                0.5 * vz
                + c * cz
                + gravity[2] * (0.3 + along)
                + rise * normals[n, 2]
                + curl * np.sin(angle * 0.7 + phase[n])
            )
            if face_clear > 0 and length[n] > 9.0 and pz > 3.0 and py < 10.5 and abs(px) < 8.0:
                vx += face_clear * (1.0 if px > 0 else -1.0)
            if hug > 0 and s > 0:
                qx, qy, qz = px - center[0], py - center[1], pz - center[2]
                r = np.sqrt(qx * qx + qy * qy + qz * qz) + 1e-6
                hold = hug * min(1.0, max(0.0, 0.25 * py)) if hangs else hug
                away = hold * max(0.0, (vx * qx + vy * qy + vz * qz) / r) / r
                vx, vy, vz = vx - away * qx, vy - away * qy, vz - away * qz
            length_v = np.sqrt(vx * vx + vy * vy + vz * vz) + 1e-6
            vx, vy, vz = vx / length_v, vy / length_v, vz / length_v
            px, py, pz = px + step * vx, py + step * vy, pz + step * vz
            qx, qy, qz = px - center[0], py - center[1], pz - center[2]
            r = np.sqrt(qx * qx + qy * qy + qz * qz) + 1e-6
            floor = _radius(radii, qx, qy, qz) + layer[n] * min(1.0, 3 * (along + 0.08))
            if r < floor:
                k = floor / r
                px, py, pz = center[0] + qx * k, center[1] + qy * k, center[2] + qz * k
                inward = (vx * qx + vy * qy + vz * qz) / r
                if inward < 0:
                    vx, vy, vz = vx - inward * qx / r, vy - inward * qy / r, vz - inward * qz / r
    return out


@numba.njit(cache=True, fastmath=True)
def ribbons(
    strands: Float,
    camera_strands: Float,
    center: Float,
    width: Float,
    color: Float,
    shade: Float,
    seed: Float,
) -> tuple[Float, Float, Int]:
    """Ribbons that face the camera: points (2NS, 3) in camera space, attributes (2NS, 14), triangles.

    `strands` (N, S, 3) in the space of `center`, `camera_strands` the same in camera space; the rotation
    between the two is not needed, since outward directions come from `camera_strands` and `center` both.
    Attributes: see `shading`; the tangent takes the place of the rest position.
    """
    count, steps = strands.shape[0], strands.shape[1]
    points = np.zeros((2 * count * steps, 3), np.float32)
    attr = np.zeros((2 * count * steps, 14), np.float32)
    triangles = np.zeros((2 * count * (steps - 1), 3), np.int32)
    k = 0
    for n in range(count):
        for s in range(steps):
            a = camera_strands[n, max(0, s - 1)]
            b = camera_strands[n, min(steps - 1, s + 1)]
            tx, ty, tz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
            r = np.sqrt(tx * tx + ty * ty + tz * tz) + 1e-6
            tx, ty, tz = tx / r, ty / r, tz / r
            p = camera_strands[n, s]
            ox, oy, oz = p[0] - center[0], p[1] - center[1], p[2] - center[2]
            r = np.sqrt(ox * ox + oy * oy + oz * oz) + 1e-6
            ox, oy, oz = ox / r, oy / r, oz / r
            d = ox * tx + oy * ty + oz * tz
            ox, oy, oz = ox - d * tx, oy - d * ty, oz - d * tz
            r = np.sqrt(p[0] ** 2 + p[1] ** 2 + p[2] ** 2) + 1e-6
            wx, wy, wz = ty * p[2] - tz * p[1], tz * p[0] - tx * p[2], tx * p[1] - ty * p[0]
            r = np.sqrt(wx * wx + wy * wy + wz * wz) + 1e-6
            wx, wy, wz = wx / r, wy / r, wz / r
            along = s / (steps - 1.0)
            half = 0.5 * width[n] * (1.0 - 0.75 * along * along)
            for side in range(2):
                e = 1.0 if side == 1 else -1.0
                i = 2 * (n * steps + s) + side
                points[i, 0], points[i, 1], points[i, 2] = (
                    p[0] + e * half * wx,
                    p[1] + e * half * wy,
                    p[2] + e * half * wz,
                )
                nx, ny, nz = ox + 0.5 * e * wx, oy + 0.5 * e * wy, oz + 0.5 * e * wz
                r = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-6
                attr[i, 0], attr[i, 1], attr[i, 2] = nx / r, ny / r, nz / r
                attr[i, 3], attr[i, 4], attr[i, 5] = tx, ty, tz
                attr[i, 6], attr[i, 7], attr[i, 8] = color[n, 0], color[n, 1], color[n, 2]
                attr[i, 9] = shade[n] * (0.55 + 0.45 * along)
                attr[i, 10] = e
                attr[i, 11] = seed[n]
                attr[i, 12] = along * 6.0
            if s + 1 < steps:
                i = 2 * (n * steps + s)
                triangles[k, 0], triangles[k, 1], triangles[k, 2] = i, i + 1, i + 2
                triangles[k + 1, 0], triangles[k + 1, 1], triangles[k + 1, 2] = i + 1, i + 3, i + 2
                k += 2
    return points, attr, triangles
