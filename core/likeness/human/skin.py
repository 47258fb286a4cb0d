"""Skin as textures of the head: base color, relief, roughness, occlusion, scattering.

All is computed at places of the mean head in three dimensions, so that pieces of the texture meet without
a seam. Pigment and blood are painted, and `likeness.human.tissue` says what color that is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.head import areas
from likeness.head.model import Head, load_head
from likeness.head.points import GROUPS
from likeness.human import wrinkles
from likeness.human.look import Look
from likeness.human.texels import Texels, head_texels, texels
from likeness.human.tissue import color_table
from likeness.render.noise import cells, noise_volume, smooth, step
from likeness.render.occlusion import occlusion

Float = NDArray[np.float32]
Int = NDArray[np.int32]

SKIN, MOUTH, SOCKET, GUM, TONGUE, TOOTH, OTHER = range(7)
_KIND = {
    "skin": SKIN,
    "socket": MOUTH,
    "eye_socket_left": SOCKET,
    "eye_socket_right": SOCKET,
    "gums": GUM,
    "tongue": TONGUE,
    "teeth_upper": TOOTH,
    "teeth_lower": TOOTH,
}
# Places in the vector of numbers that the kernel reads.
(
    TONE,
    BLOOD,
    FRECKLES,
    VEINS,
    BLEMISHES,
    PORES,
    OIL,
    STUBBLE,
    LIP,
    BROW,
    LIPSTICK,
    SHADOW,
    LINER,
    BLUSH,
    FOUNDATION,
    AGE,
    SCALP,
    TOOTH_WHITE,
    TOOTH_WEAR,
    PIXEL,
    SEED,
    NUMBERS,
) = range(22)
# Columns of the fields on the vertices.
F_SCALP, F_BROW, F_BEARD, F_SKY, F_LIPS, FIELDS = range(6)

PAINTS = {  # linear colors
    "lipstick": ((0.33, 0.02, 0.03), (0.42, 0.07, 0.09), (0.36, 0.12, 0.08), (0.18, 0.015, 0.04)),
    "shadow": ((0.10, 0.06, 0.05), (0.08, 0.05, 0.09), (0.04, 0.06, 0.09), (0.16, 0.08, 0.05)),
}


@dataclass(frozen=True, eq=False)
class Skin:
    """Textures (N, N[, 3]), row 0 at the top: see `likeness.human.character.Material`.

    `height_cm` is the relief that `normal` shows. `folded` is the normal with all expression wrinkles at
    their deepest, and `fold_mask` (N, N) where each group of `wrinkles.GROUPS` blends it in.
    """

    base_color: Float
    normal: Float
    roughness: Float
    occlusion: Float
    subsurface: Float
    height_cm: Float
    folded: Float | None
    fold_mask: dict[str, Float]


def make_skin(look: Look, size: int, folds: bool = False) -> Skin:
    """The textures of the head's skin, mouth and teeth; `folds` adds the wrinkles of expressions."""
    head = load_head()
    lips = np.maximum(head.regions["lips_upper"], head.regions["lips_lower"])
    fields = _fields(look, head.mean, sky(head), lips)
    return _skin(look, head_texels(size), head.triangles, _kinds(head), head.mean, fields, folds)


def make_skin_on(look: Look, at: Texels, triangles: Int, rest: Float, open_sky: Float, lips: Float) -> Skin:
    """The textures of another mesh of skin, whose vertices (V, 3) at rest lie on the mean head.

    `open_sky` (V,) is the share of the sky that they see, `lips` (V,) 1 on the lips.
    """
    kinds = np.full(len(triangles), SKIN, np.int32)
    return _skin(look, at, triangles, kinds, rest, _fields(look, rest, open_sky, lips), False)


def make_body_skin(look: Look, rest: Float, vertex_uv: Float, triangles: Int, size: int) -> Skin:
    """The textures of a body whose vertices (V, 3) at rest lie in head space, below the mean head."""
    at = texels(vertex_uv, triangles, size, 150.0)
    fields = np.zeros((len(rest), FIELDS), np.float32)
    fields[:, F_SKY] = 1
    plain = replace(look, moles=0.0, stubble=0.0, beard="none")
    kinds = np.full(len(triangles), SKIN, np.int32)
    return _skin(plain, at, triangles, kinds, np.ascontiguousarray(rest, np.float32), fields, False)


def _skin(
    look: Look, at: Texels, triangles: Int, kinds: Int, rest: Float, fields: Float, folds: bool
) -> Skin:
    head, size = load_head(), at.size
    lines, line_group = wrinkles.segments(head)
    color = np.zeros((size, size, 3), np.float32)
    surface = np.zeros((size, size, 4), np.float32)  # height, roughness, occlusion, subsurface
    depth = np.zeros((size, size), np.float32)
    group = np.full((size, size), -1, np.int8)
    lip_line = head.point_mean[GROUPS["lip_outer"]][:, :2]
    _paint(
        at.index,
        at.bary,
        triangles,
        kinds,
        rest,
        fields,
        _numbers(look, at),
        np.array([look.hair, look.brow, look.beard_color, *_paints(look)], np.float32),
        np.ascontiguousarray(lip_line, np.float32),
        _moles(look, head),
        lines,
        line_group,
        color_table(),
        noise_volume(),
        color,
        surface,
        depth,
        group,
    )
    height = at.fill(np.ascontiguousarray(surface[..., 0]))
    places = _places(at, triangles, rest)
    normal = at.fill(_normals(height, places, at.index >= 0))
    folded, masks = None, {}
    if folds:
        folded = at.fill(_normals(at.fill(surface[..., 0] - depth), places, at.index >= 0))
        masks = {name: _soft(at, group == i) for i, name in enumerate(wrinkles.GROUP_NAMES)}
    for picture in (color, surface):
        at.fill(picture)
    rough, open_sky, scatter = (np.ascontiguousarray(surface[..., k]) for k in (1, 2, 3))
    return Skin(color, normal, rough, open_sky, scatter, height, folded, masks)


def _soft(at: Texels, mask: NDArray[np.bool_]) -> Float:
    from scipy import ndimage

    return ndimage.gaussian_filter(mask.astype(np.float32), 0.2 / at.cm, truncate=2.5).clip(0, 1)


def _numbers(look: Look, at: Texels) -> Float:
    n = np.zeros(NUMBERS, np.float32)
    n[TONE], n[BLOOD] = look.skin_tone, look.redness
    n[FRECKLES], n[VEINS], n[BLEMISHES] = look.freckles, look.veins, look.blemishes
    n[PORES], n[OIL], n[LIP] = look.pores, look.oiliness, look.lip_color
    bearded = {"none": 0.0, "stubble": 0.75}.get(look.beard, 0.5)
    n[STUBBLE] = max(look.stubble, bearded)
    n[BROW] = 0.25 + 0.45 * look.brow_density
    n[LIPSTICK], n[SHADOW], n[LINER] = look.lipstick, look.eye_shadow, look.eyeliner
    n[BLUSH], n[FOUNDATION], n[AGE] = look.blush, look.foundation, look.age
    n[SCALP] = {"bald": 0.0, "buzz": 0.8}.get(look.style, 0.9)
    n[TOOTH_WHITE], n[TOOTH_WEAR] = look.tooth_white, look.tooth_wear
    n[PIXEL], n[SEED] = at.cm, float(look.seed % 4096)
    return n


def _paints(look: Look) -> list[tuple[float, ...]]:
    out = []
    for table in PAINTS.values():
        place = look.lipstick_hue * (len(table) - 1)
        colors = np.array(table)
        out.append(tuple(np.interp(place, range(len(table)), colors[:, c]) for c in range(3)))
    return out


@lru_cache(maxsize=1)
def _kinds(head: Head) -> Int:
    """What each triangle (T,) of the finest level is."""
    table = np.array([_KIND.get(name, OTHER) for name in head.part_names], np.int32)
    return table[head.level_parts[0]]


@lru_cache(maxsize=1)
def sky(head: Head) -> Float:
    """Share (V,) of the sky that the mean head's vertices see."""
    return occlusion(head.mean, head.triangles)


def _fields(look: Look, rest: Float, open_sky: Float, lips: Float) -> Float:
    """Fields (V, 5) on the vertices: scalp, brow, beard, sky and the lips' masks."""
    out = np.zeros((len(rest), FIELDS), np.float32)
    margin = areas.scalp_margin(rest, 1.6 * look.hairline - 0.2, 2.5 * look.hairline)
    out[:, F_SCALP] = np.clip(margin / 1.1 + 0.4, 0, 1)
    out[:, F_BROW] = areas.brow_density(rest, 0.5 + 0.9 * look.brow_thickness, 0.0)
    out[:, F_BEARD] = areas.beard_density(rest)
    if look.beard in ("moustache", "goatee"):
        out[:, F_BEARD] *= areas.beard_shape(rest, look.beard)
    out[:, F_SKY] = open_sky
    out[:, F_LIPS] = lips
    return out


def _moles(look: Look, head: Head) -> Float:
    """Moles (M, 5): place, radius and darkness."""
    rng = np.random.default_rng(look.seed + 11)
    skin = np.unique(head.part("skin"))
    front = skin[head.mean[skin, 2] > 1]
    count = round(look.moles * 16)
    out = np.zeros((count, 5), np.float32)
    out[:, :3] = head.mean[rng.choice(front, count)]
    out[:, 3] = rng.uniform(0.05, 0.13, count)
    out[:, 4] = rng.uniform(0.5, 1.0, count)
    return out


@numba.njit(cache=True, fastmath=True, nogil=True)
def _blended(index: Int, bary: Float, triangles: Int, rest: Float) -> Float:
    out = np.zeros((*index.shape, 3), np.float32)
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t >= 0:
                for k in range(3):
                    for c in range(3):
                        out[y, x, c] += bary[y, x, k] * rest[triangles[t, k], c]
    return out


def _places(at: Texels, triangles: Int, rest: Float) -> Float:
    """Where each pixel (N, N, 3) lies at rest."""
    return np.asarray(_blended(at.index, at.bary, triangles, rest), np.float32)


@numba.njit(cache=True, fastmath=True, nogil=True)
def _normals(height: Float, places: Float, known: NDArray[np.bool_]) -> Float:
    """Tangent-space normals (N, N, 3), green up, of a relief over a curved surface."""
    size = height.shape[0]
    out = np.zeros((size, size, 3), np.float32)
    out[:, :, 2] = 1.0
    far = (480.0 / size) ** 2
    for y in range(1, size - 1):
        for x in range(1, size - 1):
            if not (
                known[y, x] and known[y, x - 1] and known[y, x + 1] and known[y - 1, x] and known[y + 1, x]
            ):
                continue
            e = f = g = 0.0
            for c in range(3):
                du = places[y, x + 1, c] - places[y, x - 1, c]
                dv = places[y - 1, x, c] - places[y + 1, x, c]
                e += du * du
                f += du * dv
                g += dv * dv
            if e > far or g > far or e * g - f * f < 1e-9:
                continue
            hu = height[y, x + 1] - height[y, x - 1]
            hv = height[y - 1, x] - height[y + 1, x]
            # gradient along the unit tangent, and across it in the surface
            root = np.sqrt(e)
            along = hu / root
            across = (hv - f / e * hu) / np.sqrt(g - f * f / e)
            r = 1.0 / np.sqrt(along * along + across * across + 1.0)
            out[y, x, 0], out[y, x, 1], out[y, x, 2] = -along * r, -across * r, r
    return out


@numba.njit(cache=True, fastmath=True, inline="always")
def _blob(x: float, y: float, z: float, cx: float, cy: float, cz: float, radius: float) -> float:
    d = (abs(x) - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2
    return np.exp(-d / (radius * radius))


@numba.njit(cache=True, fastmath=True, inline="always")
def _look_up(table: Float, tone: float, blood: float, oxygen: float, c: int) -> float:
    a = min(38.999, max(0.0, (tone + 0.5) / 2.0 * 39))
    b = min(30.999, max(0.0, blood / 1.5 * 31))
    o = min(2.999, max(0.0, oxygen * 3))
    i, j, k = int(a), int(b), int(o)
    u, v, w = a - i, b - j, o - k
    low = (table[i, j, k, c] * (1 - v) + table[i, j + 1, k, c] * v) * (1 - u)
    low += (table[i + 1, j, k, c] * (1 - v) + table[i + 1, j + 1, k, c] * v) * u
    k += 1
    high = (table[i, j, k, c] * (1 - v) + table[i, j + 1, k, c] * v) * (1 - u)
    high += (table[i + 1, j, k, c] * (1 - v) + table[i + 1, j + 1, k, c] * v) * u
    return low * (1 - w) + high * w


@numba.njit(cache=True, fastmath=True)
def _lip_distance(outline: Float, x: float, y: float) -> float:
    """Signed distance to the lips' outline from the front, inside positive."""
    best, inside = 99.0, False
    n = len(outline)
    for i in range(n):
        ax, ay = outline[i, 0], outline[i, 1]
        bx, by = outline[(i + 1) % n, 0], outline[(i + 1) % n, 1]
        ex, ey = bx - ax, by - ay
        t = ((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey + 1e-9)
        t = min(1.0, max(0.0, t))
        d = (x - ax - t * ex) ** 2 + (y - ay - t * ey) ** 2
        best = min(best, d)
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * ex:
            inside = not inside
    return np.sqrt(best) if inside else -np.sqrt(best)


@numba.njit(cache=True, fastmath=True, nogil=True)
def _paint(
    index: Int,
    bary: Float,
    triangles: Int,
    kinds: Int,
    rest: Float,
    fields: Float,
    n: Float,
    paints: Float,
    lip_outline: Float,
    moles: Float,
    lines: Float,
    line_group: Int,
    table: Float,
    volume: Float,
    color: Float,
    surface: Float,
    fold_depth: Float,
    fold_group: NDArray[np.int8],
) -> None:
    size = index.shape[0]
    seed = int(n[SEED])
    ox, oy, oz = (seed * 1.37) % 29.0, (seed * 2.11) % 31.0, (seed * 0.73) % 23.0
    pixel = n[PIXEL]
    soft = max(0.06, 4.5 * pixel)  # of the lips' edge, whose pixels are taller than others
    light = 1.0 - 0.6 * n[TONE]
    old = step(30.0, 85.0, n[AGE])
    for row in range(size):
        for column in range(size):
            t = index[row, column]
            if t < 0:
                continue
            kind = kinds[t]
            if kind == OTHER:
                continue
            x = y = z = 0.0
            scalp = brow = beard = open_sky = lip_mask = 0.0
            for k in range(3):
                v, w = triangles[t, k], bary[row, column, k]
                x += w * rest[v, 0]
                y += w * rest[v, 1]
                z += w * rest[v, 2]
                scalp += w * fields[v, F_SCALP]
                brow += w * fields[v, F_BROW]
                beard += w * fields[v, F_BEARD]
                open_sky += w * fields[v, F_SKY]
                lip_mask += w * fields[v, F_LIPS]
            surface[row, column, 2] = min(1.0, max(0.05, 1.15 * open_sky))
            sx, sy, sz = x + ox, y + oy, z + oz
            n1 = smooth(volume, sx * 1.1, sy * 1.1, sz * 1.1, 0)
            n2 = smooth(volume, sx * 2.9, sy * 2.9, sz * 2.9, 1)
            n3 = smooth(volume, sx * 7.7, sy * 7.7, sz * 7.7, 2)
            fine = smooth(volume, sx * 17.0, sy * 17.0, sz * 17.0, 3)
            if kind == TOOTH:
                _tooth(row, column, x, y, z, n, n1, n2, n3, color, surface)
                continue
            if kind != SKIN:
                wet = 0.5 if kind == SOCKET else 1.0
                blood = (0.75 if kind == GUM else 1.1 if kind == MOUTH else 0.9) + 0.08 * n1 + 0.08 * n2
                pale = -0.3 + (0.35 * n[TONE] if kind == GUM else 0.1)
                for c in range(3):
                    shade = 0.8 if kind == MOUTH else 0.95
                    color[row, column, c] = shade * _look_up(table, pale, blood, 0.8, c)
                bump = 0.02 if kind == TONGUE else 0.008
                surface[row, column, 0] = bump * (0.6 * n3 + 0.5 * fine) * wet
                surface[row, column, 1] = 0.32 if kind == TONGUE else 0.24
                surface[row, column, 3] = 0.5
                continue
            # pigment and blood
            tone = n[TONE] + (0.012 * n1 + 0.010 * n2 + 0.010 * n3) * (1 + old) * (1 - 0.65 * n[TONE])
            blood = n[BLOOD] * light * 0.75 + 0.10 + 0.035 * n1 + 0.03 * n2 + 0.025 * n3
            even = 1.0 - 0.6 * n[FOUNDATION]
            cheeks = _blob(x, y, z, 4.3, 0.2, 8.8, 2.1)
            nose = _blob(x, y, z, 0.0, 0.4, 12.6, 1.3) + 0.7 * _blob(x, y, z, 1.6, -0.3, 11.2, 0.7)
            chin = _blob(x, y, z, 0.0, -6.6, 10.5, 1.5)
            ears = step(7.3, 8.3, abs(x)) * step(-3.0, -1.0, y) * step(6.0, 4.5, y)
            flush = (0.16 * cheeks + 0.17 * nose + 0.08 * chin + 0.14 * ears) * even * (0.5 + n[BLOOD])
            forehead = _blob(x, y, z, 0.0, 8.3, 10.0, 3.4)
            blood += flush - 0.05 * forehead * light
            tone += 0.035 * forehead
            oxygen = 0.76
            lid = _blob(x, y, z, 3.1, 4.4, 9.5, 1.15)
            under = 0.6 * _blob(x, y, z, 2.4, 2.4, 9.4, 0.75) + 0.45 * _blob(x, y, z, 3.4, 2.2, 9.3, 0.8)
            tone += (0.055 * lid + 0.07 * under) * even
            blood += (0.10 * lid + 0.14 * under) * even
            oxygen -= (0.10 * lid + 0.28 * under) * even
            tone += 0.05 * step(-7.0, -9.5, y) * 0.3
            # freckles and spots of age
            spots = n[FRECKLES] * (cheeks + 0.8 * nose + 0.45 * forehead + 0.2)
            if spots > 0.02:
                d, _, name = cells(sx / 0.30, sy / 0.30, sz / 0.30, seed + 5)
                size_of = 0.12 + 0.26 * name
                if name * 1.05 < spots + 0.1 * n2:
                    tone += 0.17 * step(size_of, size_of * 0.45, d) * (0.4 + 0.6 * name)
            if old > 0.02:
                d, _, name = cells(sx / 1.5, sy / 1.5, sz / 1.5, seed + 9)
                if name < 0.30 * old * (0.4 + forehead + cheeks + 0.7 * step(5.0, 7.0, abs(x))):
                    tone += 0.11 * old * step(0.30, 0.16, d + 0.03 * n3)
            if n[BLEMISHES] > 0:
                d, _, name = cells(sx / 0.85, sy / 0.85, sz / 0.85, seed + 21)
                if name < 0.20 * n[BLEMISHES]:
                    blood += 0.30 * even * step(0.24, 0.02, d)
            for m in range(len(moles)):
                mx, my, mz = x - moles[m, 0], y - moles[m, 1], z - moles[m, 2]
                d = np.sqrt(mx * mx + my * my + mz * mz) + 0.012 * n3
                if d < 2 * moles[m, 3]:
                    spot = moles[m, 4] * step(moles[m, 3], 0.55 * moles[m, 3], d)
                    tone += 0.5 * spot * (1 - 0.5 * n[TONE])
                    surface[row, column, 0] += 0.02 * spot
            # veins: thin crests of slow noise at temples, lids and neck
            if n[VEINS] > 0:
                where = _blob(x, y, z, 6.6, 5.6, 5.5, 2.4) + 0.6 * lid + 0.5 * step(-8.0, -10.0, y)
                crest = abs(smooth(volume, sx * 0.55 + 0.2 * n2, sy * 0.55, sz * 0.55, 2))
                vein = n[VEINS] * min(1.0, where) * step(0.11, 0.0, crest) * even * light
                oxygen -= 0.45 * vein
                blood += 0.16 * vein
                surface[row, column, 0] += 0.008 * vein
                # the little red ones beside the nose
                red = step(0.05, 0.0, abs(smooth(volume, sx * 3.1, sy * 3.1, sz * 3.1, 1) + 0.2 * n3))
                blood += 0.16 * red * (nose + 0.5 * cheeks) * n[VEINS] * even * (0.3 + old)
            lips = 0.0
            if abs(x) < 3.6 and -6.0 < y < -1.0 and z > 7.5:
                wave = 0.012 * n3
                lips = step(-soft, soft + 0.02, _lip_distance(lip_outline, x, y) + wave)
                lips = max(lips, step(0.6, 0.95, lip_mask) * step(9.5, 10.2, z))
            # relief
            height = 0.0
            furrows = 1.0 - 0.9 * scalp * n[SCALP]
            zone = 0.55 + 0.9 * nose + 0.5 * cheeks + 0.35 * forehead + 0.3 * chin
            grain = max(0.085, 2.6 * pixel)
            d, d2, name = cells(sx / grain, sy / grain, sz / grain, seed + 2)
            if lips < 0.5:
                pore = step(0.42, 0.10, d) * (0.35 + 0.65 * name) * zone * (0.4 + 1.2 * n[PORES])
                height -= 0.0060 * pore * furrows * (1 - lips)
                height += 0.0040 * step(0.0, 0.35, d2 - d) * furrows * (0.7 + 0.5 * old)
                tone += 0.022 * pore * even
                blood += 0.03 * pore * even
            if pixel < 0.02:
                _, _, _ = d, d2, name
                a, b, _ = cells(sx / 0.045, sy / 0.045, sz / 0.045, seed + 3)
                height += 0.0016 * step(0.0, 0.3, b - a)
            height += 0.0022 * n3 + 0.0010 * fine + 0.004 * (0.15 + old) * n2
            # wrinkles
            wx, wy = abs(x) + 0.09 * n1 + 0.03 * n2, y + 0.09 * n1 + 0.03 * n2
            aged, full, group = wrinkles.fold_at(lines, line_group, wx, wy, z, n[AGE])
            aged *= min(1.3, max(0.35, 0.85 + 0.45 * n1 + 0.25 * n2))
            if old > 0.1:  # a net of fine creases
                a, b, _ = cells((sx + 0.1 * n1) / 0.42, (sy + 0.05 * n2) / 0.30, sz / 0.42, seed + 41)
                net = old * old * step(0.16, 0.0, b - a) * (0.6 + 0.5 * n1)
                aged += 0.008 * max(0.0, net) * (1 - 0.5 * forehead) * (1 - nose * 0.6)
            height -= aged * (1 - 0.7 * scalp)
            tone += 0.9 * max(0.0, aged)
            blood += 2.2 * max(0.0, aged)
            fold_depth[row, column] = full - aged
            fold_group[row, column] = group
            surface[row, column, 2] *= 1 - min(0.5, 7.0 * max(0.0, aged))
            # lips
            crease = 0.0
            if lips > 0:
                crease = smooth(volume, sx * 6.5 + 0.5 * n1, sy * 0.9, sz * 0.9, 3)
                crease += 0.6 * smooth(volume, sx * 13.0, sy * 1.5, sz * 1.5, 0)
                tone = tone + lips * (-0.10 * light + 0.05 * n[TONE] + 0.015 * crease)
                blood += lips * (0.42 + 0.75 * n[LIP] + 0.07 * crease)
                height += lips * 0.010 * crease
            r = _look_up(table, tone, blood, oxygen, 0)
            g = _look_up(table, tone, blood, oxygen, 1)
            b = _look_up(table, tone, blood, oxygen, 2)
            rough = 0.51 - 0.10 * n[OIL] * (nose + 0.7 * forehead + 0.3 * cheeks + 0.4)
            rough += 0.05 * n2 * 0.5 + 0.03 * n3 - 0.11 * lips + 0.03 * crease * lips
            # paint
            if n[BLUSH] > 0:
                w = 0.35 * n[BLUSH] * _blob(x, y, z, 5.0, 0.9, 8.2, 1.9)
                r, g, b = r * (1 - 0.05 * w), g * (1 - 0.75 * w), b * (1 - 0.6 * w)
            if n[SHADOW] > 0:
                w = n[SHADOW] * min(1.0, 1.3 * _blob(x, y, z, 3.2, 4.35, 9.4, 0.95)) * step(3.2, 3.6, y)
                w *= 0.75 + 0.2 * n2
                r += w * (paints[4, 0] - r)
                g += w * (paints[4, 1] - g)
                b += w * (paints[4, 2] - b)
            if n[LIPSTICK] > 0 and lips > 0:
                w = n[LIPSTICK] * lips * (0.9 + 0.06 * crease)
                r += w * (paints[3, 0] - r)
                g += w * (paints[3, 1] - g)
                b += w * (paints[3, 2] - b)
                rough -= 0.08 * w
            # hair in and under the skin
            grain = max(0.075, 3.0 * pixel)
            d, _, name = cells(sx / grain, sy / grain, sz / grain, seed + 31)
            dot = step(0.40, 0.12, d) * (0.5 + 0.5 * name)
            if beard > 0.02 and n[STUBBLE] > 0:
                w = n[STUBBLE] * beard * (1 - lips) * min(1.0, 0.28 + 0.85 * dot + 0.1 * n2)
                r += w * (0.5 * paints[2, 0] + 0.10 * r - r) * 0.9
                g += w * (0.5 * paints[2, 1] + 0.13 * g - g) * 0.9
                b += w * (0.5 * paints[2, 2] + 0.17 * b - b) * 0.9
                height += 0.004 * dot * w
            if scalp > 0.02 and n[SCALP] > 0:
                w = n[SCALP] * step(0.05, 0.95, scalp + 0.12 * n2) * min(1.0, 0.8 + 0.3 * dot)
                r += w * (0.85 * paints[0, 0] + 0.04 * r - r)
                g += w * (0.85 * paints[0, 1] + 0.04 * g - g)
                b += w * (0.85 * paints[0, 2] + 0.04 * b - b)
                rough += 0.2 * w
            if brow > 0.02:
                inner = min(1.0, max(0.0, (2.4 - abs(x)) / 1.5))
                ax, ay = 1.0 - 0.75 * inner, 0.12 + 0.85 * inner - 0.45 * step(4.0, 5.2, abs(x))
                q = 1.0 / np.sqrt(ax * ax + ay * ay)
                along = (abs(x) * ax + y * ay) * q
                across = (-abs(x) * ay + y * ax) * q
                side = 3.0 if x > 0 else 11.0
                hair = smooth(volume, across * 9.0 + oy, along * 1.5, side + ox, 1)
                hair += 0.6 * smooth(volume, across * 17.0 + ox, along * 2.5, side + oy, 2)
                w = step(0.15, 0.85, brow * (0.85 + 0.35 * hair)) * n[BROW]
                r += w * (paints[1, 0] + 0.05 * r - r)
                g += w * (paints[1, 1] + 0.05 * g - g)
                b += w * (paints[1, 2] + 0.05 * b - b)
                height += 0.010 * w * max(0.0, hair)
                rough += 0.12 * w
            cavity = 0.25 + 0.75 * step(0.02, 0.25, open_sky)  # light that gets into nostrils stays there
            color[row, column, 0] = r * cavity
            color[row, column, 1] = g * cavity
            color[row, column, 2] = b * cavity
            surface[row, column, 0] += height
            surface[row, column, 1] = min(0.9, max(0.15, rough))
            surface[row, column, 3] = min(1.0, 0.55 + 0.2 * lips + 0.25 * ears - 0.2 * scalp)


@numba.njit(cache=True, fastmath=True)
def _tooth(
    row: int,
    column: int,
    x: float,
    y: float,
    z: float,
    n: Float,
    n1: float,
    n2: float,
    n3: float,
    color: Float,
    surface: Float,
) -> None:
    """Enamel: yellow dentin shows toward the gum, edges are clearer and bluer, wear stains and darkens."""
    upper = y > -3.45
    edge = step(-2.2, -3.3, y) if upper else step(-4.3, -3.5, y)
    back = step(10.0, 6.5, z)
    white, wear = n[TOOTH_WHITE], n[TOOTH_WEAR]
    warm = (1 - white) * 0.75 + 0.10 * wear + 0.10 * (1 - edge) + 0.12 * back
    stain = wear * max(0.0, 0.3 * n2 + 0.25 * n1) * (1 - 0.5 * edge) * 0.5
    bright = 0.66 + 0.12 * white - 0.10 * wear - 0.05 * back + 0.012 * n3 - 0.05 * edge
    color[row, column, 0] = bright * (1 - 0.10 * stain)
    color[row, column, 1] = bright * (0.97 - 0.10 * warm - 0.25 * stain)
    color[row, column, 2] = bright * (0.89 - 0.38 * warm - 0.40 * stain + 0.07 * edge)
    surface[row, column, 0] = 0.002 * n2 + 0.0015 * wear * n3
    surface[row, column, 1] = 0.22 + 0.12 * wear
    surface[row, column, 3] = 0.3
