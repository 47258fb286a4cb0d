"""Pictures of textured surfaces in studio light: soft shadows, light that scatters in skin, gloss.

Every light is a set of samples, each a direction with a shadow map; area lights and the sky alike. What
arrives is spread over the picture as skin spreads it (sums of Gaussians, after d'Eon and Luebke, Advanced
Techniques for Realistic Real-Time Skin Rendering, 2007) and then takes the skin's color. Gloss is GGX.
Camera space is OpenCV's: x right, y down, z away; lengths in cm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.render.occlusion import sphere, view_frame
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]

SPAN_CM = 52.0  # of the shadow maps
SHADOW_PX = 512
BIAS_CM = 0.16
WET_ROUGHNESS = 0.27
_TAP_X, _TAP_Y = (0, 1, -1, 2, -2), (0, 2, -2, -1, 1)

OPAQUE, CLEAR, STRAND = range(3)
# How far light goes in skin, cm, and how much of it, for red, green and blue.
_SCATTER = (
    ((0.05, 0.30), (0.15, 0.38), (0.34, 0.32)),
    ((0.04, 0.58), (0.10, 0.32), (0.20, 0.10)),
    ((0.03, 0.75), (0.07, 0.25)),
)


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh and its textures, in camera space.

    `vertices` (V, 3), `triangles` (T, 3), `normals` (V, 3), `uv` (V, 2) with v up. `color` (H, W, 3),
    `relief` normals (H, W, 3) or None, `rough` (H, W), `scatter` 0..1. `kind` OPAQUE, CLEAR (only its gloss
    is seen) or STRAND, whose `uv` are zero, whose `normals` are tangents and whose `tint` (V, 3) is its
    color. `casters` are the triangles that throw shadows, where not all do.
    """

    vertices: Float
    triangles: Int
    normals: Float
    uv: Float
    color: Float
    relief: Float | None
    rough: Float
    scatter: float = 0.0
    kind: int = OPAQUE
    tint: Float | None = None
    casters: Int | None = None


@dataclass(frozen=True)
class Lamp:
    """A round softbox: `direction` toward it, angular `radius` in radians, linear `color`, samples."""

    direction: tuple[float, float, float]
    radius: float
    color: tuple[float, float, float]
    samples: int = 12


@dataclass(frozen=True)
class Light:
    """Lamps and a sky that goes from `ground` below to `sky` above, both linear colors."""

    lamps: tuple[Lamp, ...]
    sky: tuple[float, float, float]
    ground: tuple[float, float, float]
    backdrop: tuple[float, float, float]


def render(
    surfaces: Sequence[Surface], light: Light, focal: float, size: tuple[int, int], sharp: int = 2
) -> Float:
    """A linear picture (H, W, 3); `focal` in pixels, the axis in the middle of `size` (width, height).

    `sharp` samples a pixel in each direction.
    """
    width, height = size[0] * sharp, size[1] * sharp
    focal *= sharp
    solid = [s for s in surfaces if s.kind != CLEAR]
    samples = _samples(light)
    casters = (
        np.concatenate([s.vertices for s in solid]),
        _join(
            [s.triangles if s.casters is None else s.casters for s in solid], [len(s.vertices) for s in solid]
        ),
    )
    center = casters[0].mean(0)
    maps = [_shadow(casters, center, sample[:3]) for sample in samples]
    scene = _Buffers(solid, focal, width, height)
    irradiance, gloss = _lit(scene, samples, maps, center)
    irradiance = _spread(irradiance, scene, focal)
    covers = [_cover(surface, scene, focal) for surface in surfaces if surface.kind == CLEAR]
    for cover in covers:  # what lies under a clear surface glosses there, not itself
        gloss[cover.index >= 0] = 0
    picture = irradiance * scene.color + gloss
    mirror = _Mirror(light, samples, maps, center)
    mirror.add(picture, scene, 0.35)
    empty = scene.index < 0
    picture[empty] = backdrop(light, width, height)[empty]
    for cover in covers:
        mirror.add(picture, cover, 1.0)
    return picture.reshape(size[1], sharp, size[0], sharp, 3).mean((1, 3)).astype(np.float32)


def _cover(surface: Surface, scene: _Buffers, focal: float) -> _Buffers:
    """What the camera sees of a clear surface before a scene."""
    height, width = scene.depth.shape
    cover = _Buffers([surface], focal, width, height)
    cover.index[cover.depth > scene.depth + 0.05] = -1
    return cover


def backdrop(light: Light, width: int, height: int) -> Float:
    """What is seen behind the sitter (H, W, 3): brighter in the middle."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    r = np.hypot((x - 0.5 * width) / width, (y - 0.45 * height) / height)
    return np.asarray((1.15 - 0.9 * r)[..., None] * np.array(light.backdrop, np.float32), np.float32)


def _join(triangles: Sequence[Int], counts: Sequence[int]) -> Int:
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.concatenate([t + f for t, f in zip(triangles, first, strict=True)]).astype(np.int32)


def _samples(light: Light, sky_count: int = 28) -> Float:
    """Light samples (L, 6): direction toward it and its irradiance."""
    rows = []
    for lamp in light.lamps:
        axis = np.array(lamp.direction) / np.linalg.norm(lamp.direction)
        frame = view_frame(axis.astype(np.float32))
        k = np.arange(lamp.samples) + 0.5
        r = np.sqrt(k / lamp.samples) * np.tan(lamp.radius)
        a = k * np.pi * (3 - np.sqrt(5))
        spread = axis + (r * np.cos(a))[:, None] * frame[0] + (r * np.sin(a))[:, None] * frame[1]
        spread /= np.linalg.norm(spread, axis=1, keepdims=True)
        rows.append(
            np.concatenate([spread, np.tile(np.array(lamp.color) / lamp.samples, (lamp.samples, 1))], 1)
        )
    around = sphere(sky_count)
    up = 0.5 - 0.5 * around[:, 1:2]
    color = up * np.array(light.sky) + (1 - up) * np.array(light.ground)
    rows.append(np.concatenate([around, color * 4 / sky_count], 1))
    return np.concatenate(rows).astype(np.float32)


def _shadow(casters: tuple[Float, Int], center: Float, axis: Float) -> tuple[Float, Float]:
    """The view's rows (3, 3) and the depth seen from a light."""
    frame = view_frame(axis)
    local = (casters[0] - center) @ frame.T
    points = np.empty(local.shape, np.float32)
    points[:, :2] = local[:, :2] * (SHADOW_PX / SPAN_CM) + SHADOW_PX / 2
    points[:, 2] = local[:, 2] + 1000
    _, _, depth = rasterize(points, casters[1], SHADOW_PX, SHADOW_PX)
    return frame, depth


class _Buffers:
    """What the camera sees at each sample: place, normal, color, roughness, scattering."""

    def __init__(self, surfaces: Sequence[Surface], focal: float, width: int, height: int) -> None:
        vertices = np.concatenate([s.vertices for s in surfaces])
        counts = [len(s.vertices) for s in surfaces]
        triangles = _join([s.triangles for s in surfaces], counts)
        owner = np.repeat(np.arange(len(surfaces)), [len(s.triangles) for s in surfaces])
        points = np.empty_like(vertices)
        points[:, 0] = vertices[:, 0] / vertices[:, 2] * focal + width / 2
        points[:, 1] = vertices[:, 1] / vertices[:, 2] * focal + height / 2
        points[:, 2] = vertices[:, 2]
        self.index, bary, self.depth = rasterize(points, triangles, width, height)
        self.place = np.zeros((height, width, 3), np.float32)
        self.normal = np.zeros((height, width, 3), np.float32)
        self.color = np.zeros((height, width, 3), np.float32)
        self.rough = np.ones((height, width), np.float32)
        self.scatter = np.zeros((height, width), np.float32)
        self.kind = np.zeros((height, width), np.uint8)
        first = np.concatenate([[0], np.cumsum(counts)])
        for i, s in enumerate(surfaces):
            rows, columns = np.nonzero((self.index >= 0) & (owner[self.index] == i))
            if not len(rows):
                continue
            corner = triangles[self.index[rows, columns]] - first[i]
            _gather(
                rows,
                columns,
                corner,
                bary[rows, columns],
                s.vertices,
                s.normals,
                s.uv,
                s.color,
                s.relief if s.relief is not None else np.zeros((1, 1, 3), np.float32),
                s.rough,
                s.tint if s.tint is not None else np.zeros((1, 3), np.float32),
                s.kind,
                self.place,
                self.normal,
                self.color,
                self.rough,
            )
            self.scatter[rows, columns] = s.scatter
            self.kind[rows, columns] = s.kind


@numba.njit(cache=True, fastmath=True)
def _texel(picture: Float, u: float, v: float, c: int) -> float:
    h, w = picture.shape[0], picture.shape[1]
    x = min(w - 1.001, max(0.0, u * w - 0.5))
    y = min(h - 1.001, max(0.0, (1 - v) * h - 0.5))
    j, i = int(x), int(y)
    a, b = x - j, y - i
    j1, i1 = min(w - 1, j + 1), min(h - 1, i + 1)
    top = picture[i, j, c] * (1 - a) + picture[i, j1, c] * a
    low = picture[i1, j, c] * (1 - a) + picture[i1, j1, c] * a
    return top * (1 - b) + low * b


@numba.njit(cache=True, fastmath=True, nogil=True)
def _gather(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    corners: Int,
    bary: Float,
    vertices: Float,
    normals: Float,
    uv: Float,
    color: Float,
    relief: Float,
    rough: Float,
    tint: Float,
    kind: int,
    out_place: Float,
    out_normal: Float,
    out_color: Float,
    out_rough: Float,
) -> None:
    p = np.zeros((3, 3))
    for s in range(len(rows)):
        y, x = rows[s], columns[s]
        u = v = 0.0
        nx = ny = nz = 0.0
        for k in range(3):
            i, w = corners[s, k], bary[s, k]
            for c in range(3):
                p[k, c] = vertices[i, c]
                out_place[y, x, c] += w * vertices[i, c]
            nx += w * normals[i, 0]
            ny += w * normals[i, 1]
            nz += w * normals[i, 2]
            u += w * uv[i, 0]
            v += w * uv[i, 1]
        r = 1.0 / (np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9)
        nx, ny, nz = nx * r, ny * r, nz * r
        if kind == 2:
            for c in range(3):
                for k in range(3):
                    out_color[y, x, c] += bary[s, k] * tint[corners[s, k], c]
            out_normal[y, x, 0], out_normal[y, x, 1], out_normal[y, x, 2] = nx, ny, nz
            out_rough[y, x] = 0.4
            continue
        for c in range(3):
            out_color[y, x, c] = _texel(color, u, v, c)
        out_rough[y, x] = _texel(rough, u, v, 0)
        if relief.shape[0] > 1:
            i0, i1, i2 = corners[s, 0], corners[s, 1], corners[s, 2]
            au, av = uv[i1, 0] - uv[i0, 0], uv[i1, 1] - uv[i0, 1]
            bu, bv = uv[i2, 0] - uv[i0, 0], uv[i2, 1] - uv[i0, 1]
            det = au * bv - bu * av
            if abs(det) > 1e-12:
                tx = ((p[1, 0] - p[0, 0]) * bv - (p[2, 0] - p[0, 0]) * av) / det
                ty = ((p[1, 1] - p[0, 1]) * bv - (p[2, 1] - p[0, 1]) * av) / det
                tz = ((p[1, 2] - p[0, 2]) * bv - (p[2, 2] - p[0, 2]) * av) / det
                d = tx * nx + ty * ny + tz * nz
                tx, ty, tz = tx - d * nx, ty - d * ny, tz - d * nz
                r = 1.0 / (np.sqrt(tx * tx + ty * ty + tz * tz) + 1e-9)
                tx, ty, tz = tx * r, ty * r, tz * r
                # a texture that is not mirrored has its up across the tangent, seen with y down
                sign = 1.0 if det > 0 else -1.0
                bx = sign * (ny * tz - nz * ty)
                by = sign * (nz * tx - nx * tz)
                bz = sign * (nx * ty - ny * tx)
                a, b, c2 = _texel(relief, u, v, 0), _texel(relief, u, v, 1), _texel(relief, u, v, 2)
                nx, ny, nz = a * tx + b * bx + c2 * nx, a * ty + b * by + c2 * ny, a * tz + b * bz + c2 * nz
                r = 1.0 / (np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9)
                nx, ny, nz = nx * r, ny * r, nz * r
        out_normal[y, x, 0], out_normal[y, x, 1], out_normal[y, x, 2] = nx, ny, nz


def _lit(
    scene: _Buffers, samples: Float, maps: Sequence[tuple[Float, Float]], center: Float
) -> tuple[Float, Float]:
    """What arrives (H, W, 3) at each sample of the picture, and what glosses."""
    irradiance = np.zeros_like(scene.place)
    gloss = np.zeros_like(scene.place)
    seen = scene.index >= 0
    for sample, (frame, depth) in zip(samples, maps, strict=True):
        _light(
            seen,
            scene.place,
            scene.normal,
            scene.color,
            scene.rough,
            scene.kind,
            scene.scatter,
            sample,
            frame,
            depth,
            center,
            irradiance,
            gloss,
        )
    return irradiance, gloss


@numba.njit(cache=True, fastmath=True, nogil=True)
def _light(
    seen: NDArray[np.bool_],
    place: Float,
    normal: Float,
    color: Float,
    rough: Float,
    kind: NDArray[np.uint8],
    scatter: Float,
    sample: Float,
    frame: Float,
    depth: Float,
    center: Float,
    irradiance: Float,
    gloss: Float,
) -> None:
    height, width = seen.shape
    size = depth.shape[0]
    scale = size / 52.0
    lx, ly, lz = sample[0], sample[1], sample[2]
    for y in range(height):
        for x in range(width):
            if not seen[y, x]:
                continue
            nx, ny, nz = normal[y, x, 0], normal[y, x, 1], normal[y, x, 2]
            px, py, pz = place[y, x, 0], place[y, x, 1], place[y, x, 2]
            strand = kind[y, x] == 2
            d = nx * lx + ny * ly + nz * lz
            if not strand and d <= 0:
                continue
            bias = 0.16 if scatter[y, x] > 0 else 0.05
            qx, qy, qz = px - center[0], py - center[1], pz - center[2]
            if not strand:
                qx, qy, qz = qx + bias * nx, qy + bias * ny, qz + bias * nz
            mx = (frame[0, 0] * qx + frame[0, 1] * qy + frame[0, 2] * qz) * scale + size / 2
            my = (frame[1, 0] * qx + frame[1, 1] * qy + frame[1, 2] * qz) * scale + size / 2
            mz = frame[2, 0] * qx + frame[2, 1] * qy + frame[2, 2] * qz + 1000.0
            i, j = int(my), int(mx)
            lit = 1.0
            if 0 <= i < size and 0 <= j < size:
                gap = mz - depth[i, j]
                if strand:  # hair lets light through, less with every layer
                    lit = np.exp(-max(0.0, gap - 0.1) * 1.3)
                else:
                    limit = 0.10 if scatter[y, x] > 0 else 0.05
                    lit = 0.0
                    for tap in range(5):  # thin casters cover part of a cell: ask its neighbors too
                        ti = min(size - 1, max(0, i + _TAP_Y[tap]))
                        tj = min(size - 1, max(0, j + _TAP_X[tap]))
                        if mz - depth[ti, tj] <= limit + 0.04 * (tap > 0):
                            lit += 0.2
                    if lit == 0:
                        continue
            r = 1.0 / np.sqrt(px * px + py * py + pz * pz)
            vx, vy, vz = -px * r, -py * r, -pz * r
            hx, hy, hz = lx + vx, ly + vy, lz + vz
            r = 1.0 / (np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9)
            hx, hy, hz = hx * r, hy * r, hz * r
            if strand:
                # Kajiya and Kay 1989, with a second, colored gloss off the fiber's far side
                td = np.sqrt(max(0.0, 1 - d * d))
                vt = nx * vx + ny * vy + nz * vz
                back = np.sqrt(max(0.0, 1 - vt * vt))
                th = nx * hx + ny * hy + nz * hz
                s1 = max(0.0, 1 - (th + 0.06) ** 2) ** 40.0
                s2 = max(0.0, 1 - (th - 0.10) ** 2) ** 14.0
                for c in range(3):
                    irradiance[y, x, c] += sample[3 + c] * td * lit * 0.75
                    gloss[y, x, c] += (
                        sample[3 + c] * td * lit * back * (0.050 * s1 + 0.30 * color[y, x, c] * s2)
                    )
                continue
            for c in range(3):
                irradiance[y, x, c] += sample[3 + c] * d * lit
            a = max(0.10, rough[y, x] * rough[y, x])
            nh = nx * hx + ny * hy + nz * hz
            nv = max(0.05, nx * vx + ny * vy + nz * vz)
            vh = max(0.0, vx * hx + vy * hy + vz * hz)
            t = nh * nh * (a * a - 1) + 1
            spread = a * a / (3.14159 * t * t)
            k = a * 0.5
            mask = 0.25 / ((d * (1 - k) + k) * (nv * (1 - k) + k))
            fresnel = 0.028 + 0.972 * (1 - vh) ** 5
            shine = min(6.0, spread * mask * fresnel * d * 3.14159)
            for c in range(3):
                gloss[y, x, c] += sample[3 + c] * shine * lit


def _spread(irradiance: Float, scene: _Buffers, focal: float) -> Float:
    """Irradiance as skin passes it on sideways."""
    weight = scene.scatter
    if not weight.any():
        return irradiance
    skin = (weight > 0).astype(np.float32)
    distance = float(np.median(scene.depth[scene.scatter > 0]))
    out = irradiance.copy()
    for c, lobes in enumerate(_SCATTER):
        total = np.zeros_like(weight)
        for sigma_cm, share in lobes:
            sigma = sigma_cm * focal / distance
            cover = ndimage.gaussian_filter(skin, sigma, truncate=2.5)
            total += (
                share
                * ndimage.gaussian_filter(irradiance[..., c] * skin, sigma, truncate=2.5)
                / np.maximum(cover, 1e-3)
            )
        out[..., c] += weight * skin * (total - out[..., c])
    return out


class _Mirror:
    """What wet surfaces, eyes and tears, mirror of lamps and sky."""

    def __init__(
        self, light: Light, samples: Float, maps: Sequence[tuple[Float, Float]], center: Float
    ) -> None:
        self.light, self.center = light, center
        firsts = np.concatenate([[0], np.cumsum([lamp.samples for lamp in light.lamps])[:-1]])
        self.lamps = [(lamp, samples[i, :3], maps[i]) for lamp, i in zip(light.lamps, firsts, strict=True)]

    def add(self, picture: Float, scene: _Buffers, strength: float) -> None:
        """Add the mirrored light to a picture where the scene is wet."""
        wet = (
            (scene.index >= 0) & (scene.rough < WET_ROUGHNESS) & (scene.kind != STRAND) & (scene.scatter == 0)
        )
        if not wet.any():
            return
        n, p = scene.normal[wet], scene.place[wet]
        view = p / np.linalg.norm(p, axis=1, keepdims=True)
        facing = -(n * view).sum(1)
        away = view + 2 * facing[:, None] * n
        up = (0.5 - 0.5 * away[:, 1:2]).clip(0, 1)
        seen = up**2 * np.array(self.light.sky) + (1 - up**2) * np.array(self.light.ground) * 0.4
        for lamp, axis, shadow in self.lamps:
            angle = np.arccos(np.clip(away @ axis, -1, 1))
            blur = 0.05 + 0.4 * scene.rough[wet]
            inside = np.clip((lamp.radius + blur - angle) / (2 * blur), 0, 1) * self._reached(p, n, shadow)
            area = np.tan(max(lamp.radius, 0.08)) ** 2
            seen = seen + inside[:, None] * np.minimum(np.array(lamp.color) / area, 80.0)
        fresnel = 0.025 + 0.975 * np.clip(1 - facing, 0, 1) ** 5
        picture[wet] += strength * np.minimum(fresnel, 0.12)[:, None] * seen

    def _reached(self, place: Float, normal: Float, shadow: tuple[Float, Float]) -> Float:
        """What share of a lamp's light comes to places (N, 3): cells of its shadow map blend into each other.

        Quadratic B-spline weights of three by three comparisons (percentage-closer filtering, Reeves 1987).
        """
        frame, depth = shadow
        local = (place + BIAS_CM * normal - self.center) @ frame.T
        at = local[:, :2] * (SHADOW_PX / SPAN_CM) + (SHADOW_PX - 1) / 2
        nearest = np.rint(at)
        off = at - nearest
        shares = np.stack([(0.5 - off) ** 2 / 2, 0.75 - off**2, (0.5 + off) ** 2 / 2])
        out = np.zeros(len(place), np.float32)
        for j, i in np.ndindex(3, 3):
            x, y = (np.clip(nearest + np.array([i - 1, j - 1]), 0, SHADOW_PX - 1)).astype(int).T
            out += shares[i, :, 0] * shares[j, :, 1] * (local[:, 2] + 1000 < depth[y, x] + 0.1)
        return out
