"""The eyes: iris and white as a texture by the person's numbers, and the clear cornea before the iris."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.head.model import LIMBUS_DEPTH_CM, LIMBUS_RADIUS_CM, Head
from likeness.human.character import Part
from likeness.human.figure import Figure
from likeness.human.look import Look
from likeness.render.noise import noise_volume, smooth, step

Float = NDArray[np.float32]
Int = NDArray[np.int32]

CORNEA_HEIGHT_CM = 0.2  # over the limbus; more would pierce the lids
_STRETCH = 0.6  # the iris takes more of the texture than its angle
_BLUE, _GREEN, _BROWN, _BLACK = (
    np.array(c) for c in ((0.15, 0.25, 0.36), (0.17, 0.21, 0.09), (0.16, 0.070, 0.022), (0.030, 0.015, 0.008))
)


def texture_places(head: Head) -> Float:
    """Texture coordinates (V, 2) of a person: the head's, but the eyes each fill a texture of their own.

    The pupil is in the middle, the nose toward u = 0.
    """
    out = head.vertex_uv.copy()
    for side, outward in ((0, 1.0), (1, -1.0)):
        rows = head.vertex_eye == side
        out[rows] = _to_uv((head.mean[rows] - head.eye_centers[side]) * (outward, 1.0, 1.0))
    return out


def _to_uv(local: Float) -> Float:
    """Texture coordinates (N, 2) of places (N, 3) from the eye's center, the axis at +Z, the nose at -X."""
    across = np.hypot(local[:, 0], local[:, 1])
    radius = 0.5 * (np.arctan2(across, local[:, 2]) / np.pi) ** _STRETCH
    unit = local[:, :2] / np.maximum(across, 1e-6)[:, None]
    return np.asarray(0.5 + radius[:, None] * unit, np.float32)


def iris_color(look: Look) -> tuple[Float, Float]:
    """Linear colors (3,) of the iris: near the pupil and toward its rim."""
    clear = _BLUE + look.eye_green * (_GREEN - _BLUE)
    m = look.eye_melanin
    brown = _BROWN + max(0.0, m - 0.6) / 0.4 * (_BLACK - _BROWN)
    outer = clear + np.clip(m / 0.6, 0, 1) * (brown - clear)
    inner = 0.75 * outer + 0.45 * (0.4 + 0.6 * look.eye_green) * (_BROWN * 1.6) * (
        1 - 0.6 * max(0.0, m - 0.5)
    )
    return inner.astype(np.float32), outer.astype(np.float32)


def eye_texture(look: Look, size: int) -> tuple[Float, Float]:
    """Base color (N, N, 3) and roughness (N, N) of an eye; both eyes share them, mirrored."""
    color = np.zeros((size, size, 3), np.float32)
    rough = np.zeros((size, size), np.float32)
    inner, outer = iris_color(look)
    numbers = np.array(
        [0.24 + 0.28 * look.pupil, look.veins, look.age, look.seed % 997, look.eye_melanin], np.float32
    )
    _paint_eye(inner, outer, numbers, noise_volume(), color, rough)
    return color, rough


@numba.njit(cache=True, fastmath=True, nogil=True)
def _paint_eye(inner: Float, outer: Float, n: Float, volume: Float, color: Float, rough: Float) -> None:
    size = len(color)
    limbus = np.arctan2(0.6, 1.38)
    seed = n[3]
    old = step(35.0, 85.0, n[2])
    for row in range(size):
        for column in range(size):
            u, v = (column + 0.5) / size - 0.5, 0.5 - (row + 0.5) / size
            r = np.sqrt(u * u + v * v)
            theta = np.pi * (2 * r) ** (1 / 0.6)
            cosine, sine = u / (r + 1e-9), v / (r + 1e-9)
            k = np.tan(min(theta, 1.5)) / np.tan(limbus)  # radius over the limbus'
            x, y, z = np.sin(theta) * cosine, np.sin(theta) * sine, np.cos(theta)
            # the white
            n1 = smooth(volume, 3.1 * x + seed, 3.1 * y, 3.1 * z, 0)
            n2 = smooth(volume, 7.0 * x + seed, 7.0 * y, 7.0 * z, 1)
            corner = step(0.35, 0.95, abs(x))
            red = 0.02 + 0.10 * corner * (0.4 + n[1])
            warp = 0.35 * n1 + 0.15 * n2
            # veins run from the corners to the iris
            vein = abs(smooth(volume, 4.0 * cosine + warp, 4.0 * sine + seed, 1.1 * theta + warp, 2))
            twig = abs(smooth(volume, 9.0 * cosine + 2 * warp, 9.0 * sine + seed, 3.0 * theta, 3))
            toward = step(limbus * 1.15, 1.1, theta)
            red += toward * n[1] * (0.45 * step(0.10, 0.0, vein) + 0.25 * step(0.09, 0.0, twig))
            white = 0.54 - 0.04 * old + 0.012 * n2
            wr = white * (1.0 - 0.10 * red)
            wg = white * (0.955 - 0.03 * old - 0.55 * red)
            wb = white * (0.90 - 0.10 * old - 0.60 * red)
            rough[row, column] = 0.12
            if k < 1.25 and theta < 1.2:
                f1 = smooth(volume, 7.5 * cosine + seed, 7.5 * sine, 0.9 * k, 1)
                f2 = smooth(volume, 16.0 * cosine + seed, 16.0 * sine, 1.6 * k, 2)
                f3 = smooth(volume, 30.0 * cosine, 30.0 * sine + seed, 2.5 * k, 3)
                ring = k + 0.035 * f1
                collar = 0.46 + 0.03 * f1
                mix = step(collar - 0.07, collar + 0.16, ring)
                fiber = 1.0 + (0.20 * f1 + 0.22 * f2 + 0.14 * f3) * (0.6 + 0.4 * mix)
                crypt = step(0.9, 1.9, smooth(volume, 5.0 * cosine + seed, 5.0 * sine, 4.0 * k, 0))
                fiber *= 1.0 - 0.35 * crypt
                fiber *= 1.0 + 0.22 * step(0.09, 0.0, abs(ring - collar))
                rim = 1.0 - 0.72 * step(0.80, 1.0, ring)
                hole = step(n[0] - 0.02, n[0] + 0.03, k)
                dark = max(0.05, fiber) * rim * hole
                edge = step(0.93, 1.10, k + 0.02 * n2)
                arc = 0.35 * old * step(0.82, 0.97, k) * (1 - edge)  # the pale ring of age
                for c in range(3):
                    iris = (inner[c] * (1 - mix) + outer[c] * mix) * dark
                    iris = iris * (1 - arc) + 0.32 * arc
                    w = wr if c == 0 else wg if c == 1 else wb
                    w *= 1.0 - 0.30 * step(1.25, 1.02, k)
                    color[row, column, c] = iris * (1 - edge) + w * edge
                rough[row, column] = 0.12 + 0.25 * (1 - edge)
            else:
                color[row, column, 0], color[row, column, 1], color[row, column, 2] = wr, wg, wb


def cornea_part(figure: Figure) -> Part:
    """The corneas of a person, bound to the joints of the eyes."""
    made = [cornea(center) for center in figure.head.eyes(figure.identity)]
    vertices, _, normals, uv = (np.concatenate(values) for values in zip(*made, strict=True))
    count = len(made[0][0])
    joints = np.zeros((len(vertices), 4), np.uint16)
    joints[:, 0] = np.repeat([figure.skeleton.index(name) for name in ("eye_l", "eye_r")], count)
    weights = np.zeros((len(vertices), 4), np.float32)
    weights[:, 0] = 1
    triangles = np.concatenate([made[0][1], made[1][1] + count])
    return Part("cornea", figure.fit.apply(vertices), triangles, uv, normals, joints, weights, "cornea")


def cornea(center: Float, rings: int = 6, around: int = 24) -> tuple[Float, Int, Float, Float]:
    """The dome before the iris of an eye at `center` (3,): vertices, triangles, normals, texture places."""
    radius = LIMBUS_RADIUS_CM * 1.02
    ball = (radius**2 + CORNEA_HEIGHT_CM**2) / (2 * CORNEA_HEIGHT_CM)
    k = (np.arange(rings + 1) / rings)[:, None]
    angle = (np.arange(around) / around * 2 * np.pi)[None]
    across = radius * k
    up = np.sqrt(ball**2 - across**2) - (ball - CORNEA_HEIGHT_CM)
    flat = np.stack([across * np.cos(angle), across * np.sin(angle), up + 0 * angle], 2)
    local = np.concatenate([flat[0, :1], flat[1:].reshape(-1, 3)])
    normals = local - (0, 0, CORNEA_HEIGHT_CM - ball)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    first = np.arange(around)
    following = (first + 1) % around
    faces = [np.stack([np.zeros(around, int), 1 + first, 1 + following], 1)]
    for ring in range(1, rings):
        a, b = 1 + (ring - 1) * around, 1 + ring * around
        faces.append(np.stack([a + first, b + first, b + following], 1))
        faces.append(np.stack([a + first, b + following, a + following], 1))
    vertices = local + center + (0, 0, LIMBUS_DEPTH_CM)
    uv = 0.5 + 0.5 * local[:, :2] / radius
    return (
        vertices.astype(np.float32),
        np.concatenate(faces).astype(np.int32),
        normals.astype(np.float32),
        uv.astype(np.float32),
    )
