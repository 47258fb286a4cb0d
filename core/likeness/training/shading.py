"""Colors the samples of a rasterised picture of a person.

Attributes of a vertex (14 floats): 0-2 normal in camera space; 3-5 rest place (strands: tangent in camera
space; eyes: place in head space); 6-8 linear color; 9 ambient visibility; 10 signed distance to the lips'
contour (strands: -1..1 across; others: gloss); 11 beard (strands: random number); 12 scalp hair (strands:
place along); 13 brow.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.render.noise import smooth as _fetch
from likeness.render.noise import step as _step
from likeness.training.anatomy import (
    CLOTH,
    EYE_LEFT,
    EYE_RIGHT,
    GUM,
    HARD,
    LASH,
    MOUTH,
    R_BROW,
    R_HAIR,
    R_LIPS,
    R_SKIN,
    SKIN,
    STRAND,
    TEETH,
)

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Bytes = NDArray[np.uint8]

# Places in the vector of look parameters that the shader reads.
(
    P_FINE,
    P_FRECKLE,
    P_BUMP,
    P_SPEC,
    P_SHINE,
    P_LIP_R,
    P_LIP_G,
    P_LIP_B,
    P_LIP_MIX,
    P_LIP_GLOSS,
    P_STUBBLE_R,
    P_STUBBLE_G,
    P_STUBBLE_B,
    P_STUBBLE,
    P_BROW_R,
    P_BROW_G,
    P_BROW_B,
    P_BROW,
    P_HAIR_R,
    P_HAIR_G,
    P_HAIR_B,
    P_SCALP,
    P_SCALP_LABEL,
    P_PUPIL,
    P_WET,
    P_SOFT,
    P_SHADOW,
    P_WRINKLE,
    P_PATTERN,
    P_PATTERN_SCALE,
    P_HAIR_SPEC,
    P_COUNT,
) = range(32)


@numba.njit(cache=True, fastmath=True)
def fractal(volume: Float, places: Float, frequency: float, octaves: int, channel: int) -> Float:
    """Multi-octave noise (N,) at `places` (N, 3), about unit deviation."""
    out = np.zeros(len(places), np.float32)
    for n in range(len(places)):
        f, a, total = frequency, 1.0, 0.0
        value = 0.0
        for _ in range(octaves):
            value += a * _fetch(
                volume, places[n, 0] * f + 7.3, places[n, 1] * f + 3.1, places[n, 2] * f + 11.7, channel
            )
            total += a * a
            f *= 2.03
            a *= 0.6
        out[n] = value / np.sqrt(total)
    return out


@numba.njit(cache=True, fastmath=True, inline="always")
def _curve(curve: Float, x: float) -> float:
    """Linear interpolation of a curve (N, 2) sorted by x."""
    n = len(curve)
    if x <= curve[0, 0]:
        return curve[0, 1]
    for i in range(1, n):
        if x < curve[i, 0]:
            t = (x - curve[i - 1, 0]) / (curve[i, 0] - curve[i - 1, 0] + 1e-6)
            return curve[i - 1, 1] * (1 - t) + curve[i, 1] * t
    return curve[n - 1, 1]


@numba.njit(cache=True, inline="always")
def _is_uniform(index: Int, material: Bytes, region: Bytes, y: int, x: int) -> bool:
    t = index[y, x]
    if t < 0:
        return False
    m = material[t]
    if m != SKIN and m != CLOTH and m != HARD and m != STRAND:
        return False
    for k in range(1, 4):
        s = index[y + (k >> 1), x + (k & 1)]
        if s < 0 or material[s] != m or region[s] != region[t]:
            return False
    return True


@numba.njit(cache=True, fastmath=True, inline="always")
def _texel(skin: Bytes, x: float, y: float, out: Float) -> None:
    """Color and relief of the painted skin, bilinear."""
    y = min(max(y, 0.0), skin.shape[0] - 1.01)
    i, j = int(y), int(x)
    v, u = y - i, x - j
    for k in range(6):
        top = skin[i, j, k] * (1 - u) + skin[i, j + 1, k] * u
        low = skin[i + 1, j, k] * (1 - u) + skin[i + 1, j + 1, k] * u
        value = top * (1 - v) + low * v
        out[k] = value * (1 / 255) if k < 3 else (value - 128) * (1 / 80)


@numba.njit(cache=True, fastmath=True, nogil=True)
def shade(
    index: Int,
    bary: Float,
    depth: Float,
    triangles: Int,
    attr: Float,
    material: Bytes,
    region: Bytes,
    look: Float,
    camera: Float,
    lights: Float,
    light_color: Float,
    cube: Float,
    shadow_map: Float,
    shadow_frame: Float,
    eyes: Float,
    iris_color: Float,
    lids: Float,
    volume: Float,
    skin_uv: Float,
    skin: Bytes,
    from_rest: Float,
) -> tuple[Float, Bytes]:
    """Linear color (H, W, 3) and region (H, W) of every sample.

    `camera` is (focal_px, cx, cy) of the supersampled picture; `lights` (L, 3) unit directions toward the
    light and `light_color` (L, 3); `cube` (6, 3) ambient from +x -x +y -y +z -z, all in camera space;
    `shadow_frame` (3, 4) takes camera space to the shadow map (pixels and depth) of light 0; `eyes`
    (2, 13): center, rotation of the eye to camera space row by row, scale; `iris_color` (2, 2, 3) inner and
    outer; `lids` (2, 2, N, 2) curves of the upper and lower lid in head space. `skin` (H, 2H, 6), or smaller
    where there is none, is the painted skin of the first triangles, whose corners lie at `skin_uv` (T, 3, 2),
    u 0..2 and v up: the square root of the color, and the slope of the relief at rest, which `from_rest`
    (3, 3) takes to camera space. It has lips, brows and stubble on it, which are not painted again.
    """
    height, width = index.shape
    rgb = np.zeros((height, width, 3), np.float32)
    label = np.zeros((height, width), np.uint8)
    a = np.zeros(14, np.float32)
    s6 = np.zeros(6, np.float32)
    rows, columns = skin.shape[:2]
    size = shadow_map.shape[0]
    for block in range((height // 2) * (width // 2) * 4):
        # four samples of a pixel; where one smooth surface fills it, one of them (by turns) stands for all
        by, bx, turn = (block >> 2) // (width // 2), (block >> 2) % (width // 2), block & 3
        if turn == 0:
            first = (bx * 3 + by * 5 + (bx >> 1)) & 3
            uniform = _is_uniform(index, material, region, 2 * by, 2 * bx)
        k = (turn + first) & 3
        y, x = 2 * by + (k >> 1), 2 * bx + (k & 1)
        if uniform and turn > 0 and (turn != 3 or material[index[y, x]] != STRAND):
            fy, fx = 2 * by + (first >> 1), 2 * bx + (first & 1)
            rgb[y, x, 0], rgb[y, x, 1], rgb[y, x, 2] = rgb[fy, fx, 0], rgb[fy, fx, 1], rgb[fy, fx, 2]
            label[y, x] = label[fy, fx]
            continue
        t = index[y, x]
        if t < 0:
            continue
        t0, t1, t2 = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        b0, b1, b2 = bary[y, x, 0], bary[y, x, 1], bary[y, x, 2]
        for k in range(14):
            a[k] = attr[t0, k] * b0 + attr[t1, k] * b1 + attr[t2, k] * b2
        if a[10] > -0.3 or a[13] > 0.02:
            uniform = False
        m = material[t]
        zone = region[t]
        rx, ry = (x + 0.5 - camera[1]) / camera[0], (y + 0.5 - camera[2]) / camera[0]
        px, py, pz = rx * depth[y, x], ry * depth[y, x], depth[y, x]
        r = 1.0 / np.sqrt(rx * rx + ry * ry + 1.0)
        vx, vy, vz = -rx * r, -ry * r, -r
        nx, ny, nz = a[0], a[1], a[2]
        r = 1.0 / (np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-6)
        nx, ny, nz = nx * r, ny * r, nz * r
        if m != SKIN and nx * vx + ny * vy + nz * vz < 0:
            nx, ny, nz = -nx, -ny, -nz
        cr, cg, cb = a[6], a[7], a[8]
        visible = a[9]
        spec, shine = look[P_SPEC], look[P_SHINE]
        soft = 1.0
        ux, uy, uz = a[3], a[4], a[5]
        if m == SKIN:
            n0 = _fetch(volume, ux * 4.1, uy * 4.1, uz * 4.1, 0)
            n1 = _fetch(volume, ux * 9.7, uy * 9.7, uz * 9.7, 1)
            f = 1.0 + look[P_FINE] * (0.5 * n0 + 0.6 * n1)
            painted = rows > 1 and t < len(skin_uv)
            if painted:
                u = skin_uv[t, 0, 0] * b0 + skin_uv[t, 1, 0] * b1 + skin_uv[t, 2, 0] * b2
                v = skin_uv[t, 0, 1] * b0 + skin_uv[t, 1, 1] * b1 + skin_uv[t, 2, 1] * b2
                _texel(skin, min(max(u * rows - 0.5, 0.0), columns - 1.01), (1 - v) * rows - 0.5, s6)
                cr, cg, cb = s6[0] * s6[0], s6[1] * s6[1], s6[2] * s6[2]
                sx, sy, sz = s6[3], s6[4], s6[5]
                nx += from_rest[0, 0] * sx + from_rest[0, 1] * sy + from_rest[0, 2] * sz
                ny += from_rest[1, 0] * sx + from_rest[1, 1] * sy + from_rest[1, 2] * sz
                nz += from_rest[2, 0] * sx + from_rest[2, 1] * sy + from_rest[2, 2] * sz
            cr, cg, cb = cr * f, cg * f, cb * f
            if look[P_FRECKLE] > 0:
                q = _fetch(volume, ux * 5.3, uy * 5.3, uz * 5.3, 2)
                w = look[P_FRECKLE] * _step(1.1, 1.9, q)
                cr, cg, cb = cr * (1 - 0.35 * w), cg * (1 - 0.5 * w), cb * (1 - 0.6 * w)
            if a[12] > 0.02:
                w = look[P_SCALP] * min(1.0, a[12] * (1 + 0.3 * n1)) * (0.0 if painted else 1.0)
                cr += w * (look[P_HAIR_R] - cr)
                cg += w * (look[P_HAIR_G] - cg)
                cb += w * (look[P_HAIR_B] - cb)
                spec *= 1 - 0.6 * w
                if look[P_SCALP_LABEL] > 0 and a[12] > 0.5 and zone == R_SKIN:
                    zone = R_HAIR
            if a[11] > 0.02 and not painted:
                w = min(1.0, max(0.0, look[P_STUBBLE] * a[11] * (0.75 + 0.4 * n1 + 0.2 * n0)))
                cr += w * (look[P_STUBBLE_R] - cr)
                cg += w * (look[P_STUBBLE_G] - cg)
                cb += w * (look[P_STUBBLE_B] - cb)
            if a[13] > 0.02:
                w = look[P_BROW] * min(1.0, max(0.0, a[13] * (1.0 + 0.45 * n1) + 0.1 * n0))
                w *= 0.0 if painted else 1.0
                cr += w * (look[P_BROW_R] - cr)
                cg += w * (look[P_BROW_G] - cg)
                cb += w * (look[P_BROW_B] - cb)
                if a[13] > 0.45 and zone == R_SKIN:
                    zone = R_BROW
            if a[10] > -0.25:
                w = look[P_LIP_MIX] * _step(-0.05, 0.09, a[10] + 0.025 * n0)
                gloss = w
                w *= 0.0 if painted else 1.0
                crease = 1.0 + 0.10 * _fetch(volume, ux * 7.0, uy * 1.2, uz * 1.2, 3)
                cr += w * (look[P_LIP_R] * crease - cr)
                cg += w * (look[P_LIP_G] * crease - cg)
                cb += w * (look[P_LIP_B] * crease - cb)
                spec += gloss * look[P_LIP_GLOSS]
                if a[10] > 0.0 and zone == R_SKIN:
                    zone = R_LIPS
            bump = look[P_BUMP]
            nx += bump * n1 + 0.5 * bump * n0
            ny += bump * _fetch(volume, ux * 9.7, uy * 9.7, uz * 9.7, 2)
            if look[P_WRINKLE] > 0:
                if uy > 6.6 and uz > 5.0:
                    fold = np.sin(uy * 6.5 + 1.2 * _fetch(volume, ux * 0.35, uy * 0.8, 0.5, 0))
                    keep = _step(6.6, 7.4, uy) * (1 - _step(9.0, 10.0, uy))
                    ny += look[P_WRINKLE] * 0.30 * fold * keep
                    fade = 1 - 0.22 * look[P_WRINKLE] * keep * max(0.0, -fold)
                    cr, cg, cb = cr * fade, cg * fade, cb * fade
                elif abs(ux) > 4.7 and uy > 1.8 and uy < 5.0 and uz > 5.0:
                    fold = np.sin((uy - 3.4) * 9.0 / (0.5 + 0.4 * (abs(ux) - 4.0)) + n0 * 0.4)
                    keep = _step(4.7, 5.3, abs(ux)) * (1 - _step(6.0, 7.0, abs(ux)))
                    ny += look[P_WRINKLE] * 0.22 * fold * keep
            r = 1.0 / (np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-6)
            nx, ny, nz = nx * r, ny * r, nz * r
        elif m == EYE_LEFT or m == EYE_RIGHT:
            e = m - EYE_LEFT
            s = eyes[e, 12]
            ox, oy, oz = eyes[e, 0], eyes[e, 1], eyes[e, 2]
            # the ray in the eye's own frame, met with the plane of the limbus
            lx = -(eyes[e, 3] * ox + eyes[e, 6] * oy + eyes[e, 9] * oz)
            ly = -(eyes[e, 4] * ox + eyes[e, 7] * oy + eyes[e, 10] * oz)
            lz = -(eyes[e, 5] * ox + eyes[e, 8] * oy + eyes[e, 11] * oz)
            dx = eyes[e, 3] * rx + eyes[e, 6] * ry + eyes[e, 9]
            dy = eyes[e, 4] * rx + eyes[e, 7] * ry + eyes[e, 10]
            dz = eyes[e, 5] * rx + eyes[e, 8] * ry + eyes[e, 11]
            hit = (1.38 * s - lz) / (dz if abs(dz) > 1e-5 else -1e-5)
            qx, qy = (lx + hit * dx) / s, (ly + hit * dy) / s
            surface = lz + pz * dz
            radius = np.sqrt(qx * qx + qy * qy)
            if surface < 0.9 * s or dz > 0:
                radius = 2.0
            vein = _fetch(volume, ux * 6, uy * 9, uz * 6, 0)
            red = 0.10 + 0.25 * _step(0.7, 1.6, radius) + 0.05 * vein
            cr, cg, cb = a[6], a[7] * (1 - red * look[P_WET]), a[8] * (1 - 1.1 * red * look[P_WET])
            if radius < 0.66:
                angle = np.arctan2(qy, qx)
                fiber = _fetch(volume, angle * 9.0 + 3 * e, radius * 6.0, 1.5, 1)
                fiber = 1.0 + 0.28 * fiber
                w = _step(0.2, 0.5, radius)
                ir = (iris_color[e, 0, 0] * (1 - w) + iris_color[e, 1, 0] * w) * fiber
                ig = (iris_color[e, 0, 1] * (1 - w) + iris_color[e, 1, 1] * w) * fiber
                ib = (iris_color[e, 0, 2] * (1 - w) + iris_color[e, 1, 2] * w) * fiber
                dark = 1 - 0.7 * _step(0.47, 0.58, radius)
                pupil = _step(look[P_PUPIL] - 0.03, look[P_PUPIL] + 0.02, radius)
                dark *= 0.03 + 0.97 * pupil
                edge = _step(0.565, 0.64, radius)
                cr = ir * dark * (1 - edge) + cr * edge
                cg = ig * dark * (1 - edge) + cg * edge
                cb = ib * dark * (1 - edge) + cb * edge
            upper = _curve(lids[e, 0], ux) - uy
            lower = uy - _curve(lids[e, 1], ux)
            visible *= 0.34 + 0.66 * _step(-0.05, 0.42, upper)
            visible *= 0.6 + 0.4 * _step(-0.05, 0.16, lower)
            soft = 0.45 + 0.55 * _step(0.0, 0.3, upper)
            spec, shine = 2.2, 260.0
        elif m == TEETH or m == GUM or m == MOUTH:
            f = 1.0 + (0.05 if m == TEETH else 0.12) * _fetch(volume, ux * 5, uy * 5, uz * 5, 0)
            cr, cg, cb = cr * f, cg * f, cb * f
            if m == TEETH:  # enamel passes light on from tooth to tooth: incisors are never as dark as gums
                visible = np.sqrt(visible)
            spec, shine = 0.35 * visible, 90.0
            soft = visible
        elif m == STRAND:
            f = _fetch(volume, a[10] * 2.2 + 31 * a[11], a[12] * 0.35, 17 * a[11], 0)
            g = 1.0 + 0.17 * f
            cr, cg, cb = cr * g, cg * g, cb * g
        elif m == LASH:
            spec = 0.0
        elif m == CLOTH:
            spec, shine = 0.02, 8.0
            f = _fetch(volume, ux * 3.3, uy * 3.3, uz * 3.3, 0)
            f += 0.7 * np.sin(look[P_PATTERN] * uy * 4.0) * min(1.0, look[P_PATTERN])
            f = 1.0 + look[P_PATTERN_SCALE] * f
            cr, cg, cb = cr * f, cg * f, cb * f
            nx += 0.12 * _fetch(volume, ux * 0.7, uy * 0.7, uz * 0.7, 1)
            ny += 0.12 * _fetch(volume, ux * 0.7, uy * 0.7, uz * 0.7, 2)
        elif m == HARD:
            spec, shine = 0.3 + a[10], 60.0
        # ambient: six colors around, by the squared normal
        i0 = 0 if nx > 0 else 1
        i1 = 2 if ny > 0 else 3
        i2 = 4 if nz > 0 else 5
        wx, wy, wz = nx * nx, ny * ny, nz * nz
        er = visible * (cube[i0, 0] * wx + cube[i1, 0] * wy + cube[i2, 0] * wz)
        eg = visible * (cube[i0, 1] * wx + cube[i1, 1] * wy + cube[i2, 1] * wz)
        eb = visible * (cube[i0, 2] * wx + cube[i1, 2] * wy + cube[i2, 2] * wz)
        if m == SKIN or m == GUM:  # light that bounces inside the skin reddens what is occluded
            eg *= 0.75 + 0.25 * visible
            eb *= 0.65 + 0.35 * visible
        sr, sg, sb = 0.0, 0.0, 0.0
        facing = nx * vx + ny * vy + nz * vz
        for light in range(len(lights)):
            lx, ly, lz = lights[light, 0], lights[light, 1], lights[light, 2]
            lit = soft
            if light == 0 and look[P_SHADOW] > 0:
                ox = px + 0.25 * nx
                oy = py + 0.25 * ny
                oz = pz + 0.25 * nz
                hx = (
                    shadow_frame[0, 0] * ox
                    + shadow_frame[0, 1] * oy
                    + shadow_frame[0, 2] * oz
                    + shadow_frame[0, 3]
                )
                hy = (
                    shadow_frame[1, 0] * ox
                    + shadow_frame[1, 1] * oy
                    + shadow_frame[1, 2] * oz
                    + shadow_frame[1, 3]
                )
                hz = (
                    shadow_frame[2, 0] * ox
                    + shadow_frame[2, 1] * oy
                    + shadow_frame[2, 2] * oz
                    + shadow_frame[2, 3]
                )
                dark = 0.0
                spread = look[P_SOFT]
                turn = ((x * 7 + y * 13) & 3) * 0.4
                for tap in range(5):
                    jx = spread * np.cos(turn + 1.2566 * tap)
                    jy = spread * np.sin(turn + 1.2566 * tap)
                    ix, iy = int(hx + jx), int(hy + jy)
                    if 0 <= ix < size and 0 <= iy < size and hz > shadow_map[iy, ix] + 0.3:
                        dark += 0.2
                lit *= 1 - look[P_SHADOW] * dark
            d = nx * lx + ny * ly + nz * lz
            qr, qg, qb = light_color[light, 0], light_color[light, 1], light_color[light, 2]
            hx, hy, hz = lx + vx, ly + vy, lz + vz
            r = 1.0 / (np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-6)
            if m == STRAND or m == LASH:
                td = ux * lx + uy * ly + uz * lz
                th = (ux * hx + uy * hy + uz * hz) * r
                wrap = (
                    max(0.0, (d + 0.35) / 1.35) * lit * np.sqrt(max(0.0, 1 - td * td)) * (0.3 + 0.7 * visible)
                )
                er, eg, eb = er + qr * wrap, eg + qg * wrap, eb + qb * wrap
                if m == STRAND:
                    gleam = np.sqrt(max(0.0, 1 - th * th))
                    gleam *= gleam
                    gleam *= gleam
                    gleam *= gleam
                    gleam *= gleam
                    gleam *= gleam
                    gleam *= gleam
                    gleam = look[P_HAIR_SPEC] * gleam * lit * max(0.0, d + 0.2) * visible
                    sr, sg, sb = sr + qr * gleam, sg + qg * gleam, sb + qb * gleam
                continue
            if m == SKIN:
                dr, dg, db = (
                    max(0.0, (d + 0.22) / 1.22),
                    max(0.0, (d + 0.10) / 1.10),
                    max(0.0, (d + 0.06) / 1.06),
                )
            elif m == CLOTH:
                dr = max(0.0, (d + 0.15) / 1.15)
                dg, db = dr, dr
            else:
                dr = max(0.0, d)
                dg, db = dr, dr
            er, eg, eb = er + qr * dr * lit, eg + qg * dg * lit, eb + qb * db * lit
            if d > 0 and spec > 0:
                nh = (nx * hx + ny * hy + nz * hz) * r
                if shine * (1 - nh) < 6.0:
                    vh = max(0.0, (vx * hx + vy * hy + vz * hz) * r)
                    grow = 1 - vh
                    fresnel = 0.045 + 0.955 * grow * grow * grow * grow * grow
                    glint = spec * fresnel * (shine + 8) * 0.125 * nh**shine * d * lit
                    sr, sg, sb = sr + qr * glint, sg + qg * glint, sb + qb * glint
        grow = 1 - max(0.0, facing)
        sheen = 0.035 + 0.5 * grow * grow * grow * grow * grow
        if m == EYE_LEFT or m == EYE_RIGHT:
            sheen *= 1.2 * visible
        elif m == HARD:
            sheen = sheen + a[10] * 0.3
        else:
            sheen *= 0.5 * spec * visible
        if m == LASH or m == STRAND:
            sheen = 0.0
        # what the surface mirrors, from the same six colors
        mx, my, mz = 2 * facing * nx - vx, 2 * facing * ny - vy, 2 * facing * nz - vz
        i0 = 0 if mx > 0 else 1
        i1 = 2 if my > 0 else 3
        i2 = 4 if mz > 0 else 5
        sr += sheen * (cube[i0, 0] * mx * mx + cube[i1, 0] * my * my + cube[i2, 0] * mz * mz)
        sg += sheen * (cube[i0, 1] * mx * mx + cube[i1, 1] * my * my + cube[i2, 1] * mz * mz)
        sb += sheen * (cube[i0, 2] * mx * mx + cube[i1, 2] * my * my + cube[i2, 2] * mz * mz)
        rgb[y, x, 0] = max(0.0, cr) * er + sr
        rgb[y, x, 1] = max(0.0, cg) * eg + sg
        rgb[y, x, 2] = max(0.0, cb) * eb + sb
        label[y, x] = zone
    return rgb, label
