"""Hair: scalp styles, brows and beards as curves, and as cards with alpha for games.

Curves grow from places on the mean head's skin, so that a person's hair stays put whatever the sliders do;
brows and beards follow the face's shapes by their roots. Space is the house head's (cm, Y up).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from likeness.head import areas
from likeness.head.model import Head, load_head, vertex_normals
from likeness.human.character import Material, Part, Strands
from likeness.human.face_parts import lashes
from likeness.human.figure import Figure
from likeness.human.look import Look
from likeness.human.materials import lash_color
from likeness.human.tissue import WHITE_HAIR
from likeness.performance import ARKIT
from likeness.render import strands

Float = NDArray[np.float32]
Int = NDArray[np.int32]


@dataclass(frozen=True)
class Style:
    """How scalp hair falls: see `strands.grow`. `length` at `Look.hair_length` 0 and 1, `layer` in cm.

    `fade` shortens the sides. `level` is the height (cm) where hanging hair is cut, at `Look.hair_length` 0
    and 1, and `fringe` where that over the forehead is.
    """

    length: tuple[float, float]
    layer: float
    kind: int
    comb: tuple[float, float, float]
    strength: float
    lift: float
    gravity: float
    curl: float = 0.08
    turns: float = 0.9
    clear: float = 0.0
    fade: float = 0.0
    level: tuple[float, float] | None = None
    fringe: float | None = None
    hug: float = 0.0
    steps: int = 12
    count: int = 15000


STYLES: dict[str, Style] = {
    "buzz": Style((0.3, 0.9), 0.05, strands.AWAY, (0, 5, 0), 0.25, 1.0, 0.0, 0.0, steps=4, count=16000),
    "crop": Style(
        (2.0, 5.5), 1.2, strands.DIRECTION, (0.25, -0.3, 1.0), 0.55, 0.4, 0.2, 0.15, fade=0.8, hug=0.8
    ),
    "side_part": Style((4.5, 9.5), 1.9, strands.PART, (2.8, -0.4, 0.35), 0.6, 0.35, 0.25, fade=0.8, hug=0.85),
    "slick_back": Style(
        (5.0, 12.0), 1.3, strands.DIRECTION, (0, 0.05, -1.0), 0.9, 0.25, 0.2, fade=0.55, hug=0.85
    ),
    "afro": Style((4.0, 13.0), 0.4, strands.AWAY, (0, 3, 0), 0.5, 0.5, 0.02, 1.0, 1.2, fade=0.75, steps=14),
    "curly": Style((6.0, 15.0), 2.0, strands.AWAY, (0, 11, -1), 0.3, 0.4, 0.25, 0.75, 0.9, 0.9, steps=15),
    "bob": Style(
        (30.0, 34.0),
        1.3,
        strands.PART,
        (1.6, -0.75, -0.12),
        0.4,
        0.04,
        0.9,
        0.05,
        clear=0.7,
        level=(-2.5, -9.5),
        hug=0.96,
        steps=24,
    ),
    "long": Style(
        (34.0, 50.0),
        1.4,
        strands.PART,
        (0.2, -0.75, -0.15),
        0.4,
        0.04,
        0.9,
        0.08,
        clear=0.7,
        hug=0.96,
        steps=26,
    ),
    "bun": Style((13.0, 16.0), 0.9, strands.TO_POINT, (0, 8.5, -9.5), 1.0, 0.12, 0.0, 0.03),
    "fringe": Style(
        (26.0, 40.0),
        1.3,
        strands.AWAY,
        (0, 13, -2),
        0.4,
        0.04,
        0.8,
        0.06,
        clear=0.5,
        fringe=7.2,
        hug=0.96,
        steps=24,
    ),
}


HAIRLINE_CM = 1.0  # over which the hairline thins out


@dataclass(frozen=True, eq=False)
class Curves:
    """N hairs: `points` (N, S, 3) cm, `width` (N,) at the root, linear `color` (N, 3).

    `root` (N, 3) vertices of the head and `bary` (N, 3) where they stand; `moved` (N, 3) how far the roots go
    under the shapes of the face, by name.
    """

    name: str
    points: Float
    width: Float
    color: Float
    root: Int
    bary: Float
    moved: Mapping[str, Float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Roots:
    """Places spread over the skin: vertices (N, 3), weights (N, 3) and where they are at rest (N, 3)."""

    corner: Int
    bary: Float
    rest: Float

    def at(self, values: Float, chosen: NDArray[np.intp]) -> Float:
        """Vertex values (V, C) at the chosen places (n, C)."""
        return np.einsum("nkc,nk->nc", values[self.corner[chosen]], self.bary[chosen]).astype(np.float32)


@lru_cache(maxsize=1)
def _roots(head: Head, count: int = 90_000) -> Roots:
    triangles = head.part("skin")
    rng = np.random.default_rng(7)
    a, b, c = (head.mean[triangles[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    chosen = rng.choice(len(triangles), count, p=area / area.sum())
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    bary = np.stack([1 - u, u * (1 - v), u * v], 1).astype(np.float32)
    rest = np.einsum("nkc,nk->nc", head.mean[triangles[chosen]], bary)
    return Roots(triangles[chosen], bary, rest.astype(np.float32))


def grow_hair(look: Look, identity: Float, shapes: Float | None = None) -> tuple[Curves, ...]:
    """The hair of a person in head space: "hair", "brows" and "beard", as far as the look has them.

    `shapes` (52, V, 3) are the face's; with them brows and beard know how to follow.
    """
    head = load_head()
    rest = head.neutral(identity)
    normals = vertex_normals(rest, head.vertex_twin[head.triangles])[head.vertex_twin]
    return grow_on(look, _roots(head), rest, normals, _radii(head, rest), shapes)


def grow_on(
    look: Look,
    roots: Roots,
    rest: Float,
    normals: Float,
    radii: Float,
    shapes: Float | None = None,
    share: float = 1.0,
) -> tuple[Curves, ...]:
    """The hair of a person on any mesh (V, 3) with `normals` (V, 3), from `roots` that name its vertices.

    `radii` is the mesh's map (see `strands`); `share` of the scalp's hair is grown.
    """
    made = [_scalp(look, roots, rest, normals, radii, share), _brows(look, roots, rest, normals, shapes)]
    made.append(_beard(look, roots, rest, normals, shapes))
    return tuple(curves for curves in made if curves is not None)


def _scalp(
    look: Look, roots: Roots, rest: Float, normals: Float, radii: Float, share: float
) -> Curves | None:
    if look.style == "bald":
        return None
    style = STYLES[look.style]
    rng = np.random.default_rng(look.seed + 101)
    margin = areas.scalp_margin(roots.rest, 1.6 * look.hairline - 0.2, 2.5 * look.hairline)
    # Toward its line hair grows sparser, finer and shorter.
    chosen = np.flatnonzero(margin > rng.random(len(margin)) ** 2 * HAIRLINE_CM - 0.1)[
        : int(share * style.count)
    ]
    full = np.clip(0.3 + margin[chosen] / HAIRLINE_CM, 0.3, 1.0)
    place = roots.rest[chosen]
    n = len(chosen)
    low, high = style.length
    length = (low + (high - low) * look.hair_length) * rng.uniform(0.82, 1.08, n) * full**0.5
    front = (place[:, 2] > 1.0) & (np.abs(place[:, 0]) < 5.5) & (style.fringe is not None)
    if style.fade:
        length *= np.clip(1 - style.fade * (1 - (place[:, 1] - 2.0) / 8.0), 1 - style.fade, 1.0)
    layer = rng.random(n)
    grown = strands.grow(
        roots.at(rest, chosen),
        roots.at(normals, chosen),
        radii,
        strands.HEAD_CENTER,
        length.astype(np.float32),
        (0.05 + style.layer * layer).astype(np.float32),
        style.kind,
        np.array(style.comb, np.float32),
        style.strength,
        style.lift,
        np.array([0, -style.gravity, 0], np.float32),
        style.curl,
        style.turns,
        style.clear,
        _phases(place, style.curl, rng),
        style.steps,
        style.hug,
    )
    if style.curl < 0.5:
        grown = _clump(_clump(grown, rng, 160, 0.4), rng, 14, 0.55)
    if style.level is not None:
        level = style.level[0] + (style.level[1] - style.level[0]) * look.hair_length
        grown = _cut(grown, level + rng.normal(0, 0.3, n))
    if style.fringe is not None:
        grown[front] = _cut(grown[front], style.fringe + rng.normal(0, 0.25, int(front.sum())))
    free = (front | ~_before_face(grown)) & ~_thrown(grown)
    if style.gravity > 0.5:
        free &= ~_strays(grown)
    grown, chosen, layer, full, n = grown[free], chosen[free], layer[free], full[free], int(free.sum())
    if style.kind == strands.TO_POINT:  # the ends lie around a knot
        knot = np.flatnonzero(rng.random(n) < 0.3)
        grown[knot] = _knot(np.array(style.comb, np.float32), style.steps, len(knot), rng)
    width = (0.05 if look.style != "buzz" else 0.04) * np.exp(rng.normal(0, 0.25, n)) * full
    color = _tints(rng, look.hair, n, look.gray) * (0.6 + 0.4 * layer[:, None])
    return Curves(
        "hair",
        grown,
        width.astype(np.float32),
        color.astype(np.float32),
        roots.corner[chosen],
        roots.bary[chosen],
    )


def _phases(place: Float, curl: float, rng: np.random.Generator, locks: int = 90) -> Float:
    """Where the waves of strands from `place` (N, 3) begin: alike within a lock, where hair is not curly."""
    if curl > 0.5:
        return rng.uniform(0, 6.28, len(place)).astype(np.float32)
    leaders, nearest = _led(place, locks, rng)
    phase = rng.uniform(0, 6.28, len(leaders))[nearest] + rng.normal(0, 0.5, len(place))
    return np.asarray(phase, np.float32)


def _cut(grown: Float, level: NDArray[np.float64]) -> Float:
    """Strands (N, S, 3) that end where they first fall below `level` (N,), with as many points."""
    steps = grown.shape[1]
    below = grown[:, :, 1] < level[:, None]
    first = np.where(below.any(axis=1), below.argmax(axis=1), steps - 1).clip(1)
    row = np.arange(len(grown))
    above, under = grown[row, first - 1, 1], grown[row, first, 1]
    part = np.clip((above - level) / np.maximum(above - under, 1e-6), 0, 1)
    last = np.where(below.any(axis=1), first - 1 + part, steps - 1)
    at = last[:, None] * np.linspace(0, 1, steps)
    i = np.minimum(at.astype(int), steps - 2)
    f = (at - i)[..., None]
    return np.asarray(grown[row[:, None], i] * (1 - f) + grown[row[:, None], i + 1] * f, np.float32)


def _before_face(grown: Float) -> NDArray[np.bool_]:
    """Which strands (N, S, 3) hang before the face."""
    x, y, z = np.moveaxis(grown, 2, 0)
    return np.asarray(((np.abs(x) < 5.2) & (y < 8.0) & (y > -9.0) & (z > 7.5)).any(axis=1))


def _thrown(grown: Float) -> NDArray[np.bool_]:
    """Which strands (N, S, 3) grow in a fold of the skin, from where the head's map throws them out."""
    step = np.linalg.norm(np.diff(grown, axis=1), axis=2)
    return np.asarray(step[:, 0] > 2.5 * np.median(step, axis=1) + 0.3)


def _strays(grown: Float, companions: int = 8, reach: float = 1.0) -> NDArray[np.bool_]:
    """Which hanging strands (N, S, 3) part from the rest: few others pass within `reach` cm of them."""
    paths = cKDTree(grown[:, grown.shape[1] // 3 :].reshape(-1, 3)[::3])
    out = np.zeros(len(grown), bool)
    for share in (0.45, 0.65, 0.85):
        far, _ = paths.query(
            grown[:, int(share * grown.shape[1])], companions, distance_upper_bound=3 * reach
        )
        out |= far[:, -1] > reach
    return out


def _knot(center: Float, steps: int, count: int, rng: np.random.Generator, radius: float = 2.9) -> Float:
    """Strands (count, steps, 3) that lie around a ball."""
    axis = rng.normal(0, 1, (count, 3)) * (0.5, 0.5, 1.0)
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    first = np.cross(axis, rng.normal(0, 1, (count, 3)))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(axis, first)
    angle = np.linspace(0, 2.6, steps)[None, :, None]
    away = radius * rng.uniform(0.9, 1.03, (count, 1, 1))
    ring = np.cos(angle) * first[:, None] + np.sin(angle) * second[:, None]
    return np.asarray(center + away * ring, np.float32)


def _led(place: Float, count: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Some of the places (N, 3), by chance, and which of them is the nearest to each (N,)."""
    leaders = rng.choice(len(place), min(max(1, count), len(place)), replace=False)
    return leaders, np.asarray(cKDTree(place[leaders]).query(place)[1], np.intp)


def _clump(grown: Float, rng: np.random.Generator, size: int = 14, hold: float = 0.55) -> Float:
    """Strands drawn toward a neighbor's tip, as combed hair holds together in locks."""
    third = grown.shape[1] // 3  # by where they go: at a part, neighbors go to different sides
    leaders, nearest = _led(grown[:, third], len(grown) // size, rng)
    leader = grown[leaders[nearest]]
    offset = grown[:, :1] - leader[:, :1]
    t = np.linspace(0, 1, grown.shape[1])[None, :, None] ** 1.3
    return np.asarray(grown + hold * t * (leader + offset * (1 - 0.75 * t) - grown), np.float32)


def _tints(rng: np.random.Generator, color: Sequence[float], count: int, gray: float) -> Float:
    """Colors (N, 3) of strands that are `color` together: some are whiter than others."""
    pigment = np.maximum(np.array(color) - gray * WHITE_HAIR, 0) / max(1 - gray, 0.05)
    white = np.clip(gray + rng.normal(0, 0.3, (count, 1)) * np.sqrt(gray * (1 - gray)), 0, 1)
    out = (white * WHITE_HAIR + (1 - white) * pigment) * np.exp(rng.normal(0, 0.16, (count, 1)))
    out = out * (1 + rng.normal(0, 0.03, (count, 3)))
    return np.asarray(np.clip(out, 0.003, 0.9), np.float32)


def _radii(head: Head, rest: Float) -> Float:
    corner, bary = _rays(head)
    place = np.einsum("nkc,nk->nc", rest[corner], bary)
    away = np.linalg.norm(place - strands.HEAD_CENTER, axis=1)
    return away.reshape(strands.MAP_ROWS, strands.MAP_COLUMNS).astype(np.float32)


@lru_cache(maxsize=1)
def _rays(head: Head) -> tuple[Int, Float]:
    skin = head.part("skin", 1)
    directions = strands.map_directions().reshape(-1, 3)
    triangle, bary = strands.outermost(head.mean, skin, directions, strands.HEAD_CENTER)
    return skin[triangle], bary


def _brows(look: Look, roots: Roots, rest: Float, normals: Float, shapes: Float | None) -> Curves | None:
    rng = np.random.default_rng(look.seed + 202)
    density = areas.brow_density(roots.rest, 0.45 + 0.8 * look.brow_thickness, 0.0)
    chosen = np.flatnonzero(density > rng.uniform(0.15, 1.0, len(density)))
    chosen = np.repeat(chosen, 5)[: 1000 + int(3000 * look.brow_density)]
    if len(chosen) < 4:
        return None
    n = len(chosen)
    place = roots.rest[chosen] + rng.normal(0, 0.09, (n, 3))
    x, side = np.abs(place[:, 0]), np.sign(roots.rest[chosen, 0])
    inner = np.clip((2.2 - x) / 1.4, 0, 1)
    above = place[:, 1] > np.interp(x, [0.9, 2.6, 3.7, 5.9], [5.75, 6.2, 6.35, 5.3])
    direction = np.stack(
        [side * (1 - 0.75 * inner), 0.2 + 0.85 * inner - 0.45 * above - 0.3 * (x > 4.2), 0 * x], 1
    )
    normal = roots.at(normals, chosen)
    direction -= (direction * normal).sum(1, keepdims=True) * normal
    direction += 0.10 * normal + rng.normal(0, 0.17, (n, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    start = roots.at(rest, chosen)
    start += (place - roots.rest[chosen]) * (1, 1, 0) + 0.015 * normal
    edge = 0.45 + 0.55 * density[chosen]  # hairs at the rim are short and fine
    length = (
        (0.4 + 0.3 * look.brow_thickness) * rng.uniform(0.55, 1.15, n) * edge * np.where(x > 4.8, 0.75, 1)
    )
    t = np.linspace(0, 1, 5)[None, :, None]
    bend = 0.12 * normal[:, None] * (t - 1.3 * t**2)
    grown = start[:, None] + length[:, None, None] * (t * direction[:, None] + bend)
    color = _tints(rng, look.brow, n, look.brow_gray)
    return Curves(
        "brows",
        grown.astype(np.float32),
        (0.018 * edge * np.exp(rng.normal(0, 0.2, n))).astype(np.float32),
        color,
        roots.corner[chosen],
        roots.bary[chosen],
        _moved(roots, chosen, shapes),
    )


def _beard(look: Look, roots: Roots, rest: Float, normals: Float, shapes: Float | None) -> Curves | None:
    reach = {"moustache": 1.0, "goatee": 1.6, "short": 0.9, "full": 3.2}.get(look.beard)
    if reach is None:
        return None
    rng = np.random.default_rng(look.seed + 303)
    density = areas.beard_density(roots.rest) * areas.beard_shape(roots.rest, look.beard)
    chosen = np.repeat(np.flatnonzero(density > rng.uniform(0.05, 1.0, len(density)) ** 1.5), 2)[:9000]
    n = len(chosen)
    place, normal = roots.rest[chosen], roots.at(normals, chosen)
    moustache = place[:, 1] > -3.0
    direction = np.stack(
        [
            0.10 * place[:, 0] + np.where(moustache, 1.1 * np.tanh(2 * place[:, 0]), 0),
            -np.ones(n),
            0.2 * np.ones(n),
        ],
        1,
    )
    direction -= 0.8 * (direction * normal).sum(1, keepdims=True) * normal
    direction += 0.42 * normal + rng.normal(0, 0.16, (n, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = reach * rng.uniform(0.55, 1.1, n) * np.where(moustache, min(1.0, 1.1 / reach), 1.0)
    length *= np.clip(0.25 + (1.2 - place[:, 1]) / 6.0, 0.25, 1.0)
    start = roots.at(rest, chosen) + rng.normal(0, 0.04, (n, 3))
    t = np.linspace(0, 1, 6)[None, :, None]
    wave = 0.07 * np.sin(6 * t + rng.uniform(0, 6, (n, 1, 1))) * rng.normal(0, 1, (n, 1, 3)) * t
    grown = start[:, None] + length[:, None, None] * (
        t * direction[:, None] + np.array([0, -0.3, 0]) * t**2 + wave
    )
    return Curves(
        "beard",
        grown.astype(np.float32),
        (0.03 * np.exp(rng.normal(0, 0.2, n))).astype(np.float32),
        _tints(rng, look.beard_color, n, look.beard_gray),
        roots.corner[chosen],
        roots.bary[chosen],
        _moved(roots, chosen, shapes),
    )


def _moved(roots: Roots, chosen: NDArray[np.intp], shapes: Float | None) -> dict[str, Float]:
    if shapes is None:
        return {}
    offsets = {name: roots.at(shape, chosen) for name, shape in zip(ARKIT, shapes, strict=True)}
    return {name: offset for name, offset in offsets.items() if np.abs(offset).max() > 0.01}


CARD_STEPS = 8
_CARDS = {  # at each level: how many cards, and how wide, cm
    "hair": ((420, 1.0), (190, 1.6), (80, 2.6), (0, 0.0)),
    "beard": ((220, 0.45), (100, 0.8), (40, 1.3), (0, 0.0)),
    "brows": ((150, 0.16), (70, 0.26), (24, 0.5), (0, 0.0)),
}


def hair_parts(look: Look, figure: Figure, levels: int = 4) -> tuple[tuple[Part, ...], ...]:
    """Hair as cards, level by level, in the space of the figure; coarser levels have fewer and wider ones."""
    curves = grow_hair(look, figure.identity, figure.shapes / np.float32(figure.fit.scale))
    return tuple(
        tuple(_card_part(c, figure, *_CARDS[c.name][level]) for c in curves if _CARDS[c.name][level][0] > 0)
        for level in range(levels)
    )


def _card_part(curves: Curves, figure: Figure, count: int, width: float) -> Part:
    """Strips along some of the hairs, flat on the head, each one of the texture's four columns."""
    rng = np.random.default_rng(5)
    if curves.name == "hair" and curves.points.shape[1] <= 4:
        width *= 0.6
    chosen = np.sort(rng.choice(len(curves.points), min(count, len(curves.points)), replace=False))
    path = _resampled(curves.points[chosen])
    n = len(chosen)
    along = np.gradient(path, axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-6)
    outward = path - strands.HEAD_CENTER + np.array([0, 2.0, 0], np.float32)
    across = np.cross(along, outward)
    across /= np.maximum(np.linalg.norm(across, axis=2, keepdims=True), 1e-6)
    half = 0.5 * width * np.array([0.7, *([1.0] * (CARD_STEPS - 2)), 0.75])[None, :, None]
    lift = 0.04 * outward / np.linalg.norm(outward, axis=2, keepdims=True)
    ends = np.stack([path - half * across, path + half * across], 2) + lift[:, :, None]
    normals = np.cross(across, along)
    normals = np.repeat(normals / np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-6), 2, 1)
    column = rng.integers(0, 4, n)
    u = (column[:, None, None] + np.array([0.02, 0.98])[None, None]) / 4 + np.zeros((1, CARD_STEPS, 1))
    v = (1 - np.linspace(0.01, 0.99, CARD_STEPS))[None, :, None] + np.zeros((n, 1, 2))
    first = 2 * (np.arange(CARD_STEPS - 1)[None] + CARD_STEPS * np.arange(n)[:, None])
    quads = np.stack([first, first + 2, first + 1, first + 1, first + 2, first + 3], -1)
    vertices = figure.fit.apply(ends.reshape(-1, 3).astype(np.float32))
    per = 2 * CARD_STEPS
    root = curves.root[chosen, 0]
    moved = {
        name: np.repeat(offset[chosen], per, 0) * np.float32(figure.fit.scale)
        for name, offset in curves.moved.items()
    }
    return Part(
        name=curves.name,
        vertices=vertices,
        triangles=quads.reshape(-1, 3).astype(np.int32),
        uv=np.stack([u, v], -1).reshape(-1, 2).astype(np.float32),
        normals=normals.reshape(-1, 3).astype(np.float32),
        joints=np.repeat(figure.bound[0][root], per, 0),
        weights=np.repeat(figure.bound[1][root], per, 0),
        material=curves.name,
        shapes=moved,
    )


def _resampled(points: Float) -> Float:
    """Curves (N, S, 3) with `CARD_STEPS` points each."""
    at = np.linspace(0, points.shape[1] - 1, CARD_STEPS)
    i = np.minimum(at.astype(int), points.shape[1] - 2)
    f = (at - i)[None, :, None]
    return np.asarray(points[:, i] * (1 - f) + points[:, i + 1] * f, np.float32)


def hair_materials(look: Look, size: int) -> tuple[Material, ...]:
    """Materials of the cards: `hair`, `beard`, `brows`; four columns of strands from root (top) to tip."""
    side = max(256, size // 2)
    colors = {"hair": look.hair, "beard": look.beard_color, "brows": look.brow}
    out = []
    for name, color in colors.items():
        alpha, shade = _strand_texture(side, look.seed + len(name), thick=1.6 if name == "hair" else 1.0)
        picture = np.array(color, np.float32) * shade[..., None]
        out.append(Material(name, picture, 0.45, alpha=alpha, alpha_mode="MASK", double_sided=True))
    return tuple(out)


def _strand_texture(side: int, seed: int, thick: float) -> tuple[Float, Float]:
    """Alpha (N, N) and shade (N, N) of four columns of hairs that thin out toward the tip."""
    rng = np.random.default_rng(seed)
    alpha = np.zeros((side, side), np.float32)
    shade = np.ones((side, side), np.float32)
    t = (np.arange(side) + 0.5) / side
    wide = side / 4
    x = np.arange(side) + 0.5
    for column in range(4):
        for _ in range(34):
            middle = rng.uniform(0.10, 0.90) * wide
            sway = rng.normal(0, 0.05) * wide * t**1.5 + 0.02 * wide * np.sin(
                rng.uniform(3, 8) * t + rng.uniform(0, 6)
            )
            ends = rng.uniform(0.62, 1.0)
            half = thick * side / 512 * rng.uniform(0.8, 1.9) * np.clip(1.15 - t / ends, 0, 1) ** 0.4
            center = column * wide + middle + sway - sway.mean() * 0
            cover = (
                np.clip(half[:, None] + 0.5 - np.abs(x[None] - center[:, None]), 0, 1) * (t < ends)[:, None]
            )
            cover[:, (x < column * wide + 1) | (x > (column + 1) * wide - 1)] = 0
            tone = np.exp(rng.normal(0, 0.25)) * (0.75 + 0.35 * t)
            shade = shade * (1 - cover) + cover * tone[:, None]
            alpha = np.maximum(alpha, cover)
    return alpha.astype(np.float32), shade.astype(np.float32)


SINGLE = 5  # hairs for each that is grown, which is as wide as a lock
SPREAD_CM = {"hair": 0.11, "brows": 0.03, "beard": 0.05}
THIN = 0.22  # of a lock's width
LASH_THIN = 0.3  # of the width of the head's lashes, which is 0.4 mm


def single_hairs(curves: Curves) -> Curves:
    """The locks as single hairs, `SINGLE` times as many: they stand apart at the root and meet at the tip."""
    rng = np.random.default_rng(len(curves.points))
    n, steps = curves.points.shape[:2]
    many = np.repeat(curves.points, SINGLE, 0)
    away = rng.normal(0, SPREAD_CM[curves.name], (len(many), 1, 3)).astype(np.float32)
    many += away * np.linspace(1, 0.45, steps, dtype=np.float32)[None, :, None]
    tone = np.exp(rng.normal(0, 0.15, (n * SINGLE, 1)))
    return replace(
        curves,
        points=many,
        width=np.repeat(curves.width, SINGLE) * np.float32(THIN),
        color=np.clip(np.repeat(curves.color, SINGLE, 0) * tone, 0.002, 0.95).astype(np.float32),
        root=np.repeat(curves.root, SINGLE, 0),
        bary=np.repeat(curves.bary, SINGLE, 0),
        moved={name: np.repeat(offset, SINGLE, 0) for name, offset in curves.moved.items()},
    )


def hair_strands(look: Look, figure: Figure) -> tuple[Strands, ...]:
    """Hair as curves, in the space of the figure."""
    out = []
    for curves in map(single_hairs, grow_hair(look, figure.identity)):
        joints = figure.bound[0][curves.root[:, 0], 0]
        color = tuple(float(c) for c in curves.color.mean(axis=0))
        out.append(
            Strands(
                curves.name,
                figure.fit.apply(curves.points.reshape(-1, 3)).reshape(curves.points.shape),
                curves.width * np.float32(figure.fit.scale),
                curves.color,
                np.einsum("nkc,nk->nc", figure.head.vertex_uv[curves.root], curves.bary).astype(np.float32),
                int(np.bincount(joints).argmax()),
                Material(f"{curves.name}_strands", color, 0.4),  # type: ignore[arg-type]
            )
        )
    return (*out, _lash_strands(look, figure))


def _lash_strands(look: Look, figure: Figure) -> Strands:
    """The head's lashes, hair by hair: each from the middle of its root to its tip."""
    head, rest = figure.head, figure.head_vertices
    hairs = lashes(head)
    pairs = rest[hairs[:, :-1]].reshape(len(hairs), -1, 2, 3)
    points = np.concatenate([pairs.mean(axis=2), rest[hairs[:, -1:]]], 1)
    skin = head.part("skin")
    vertices, first = np.unique(skin, return_index=True)
    nearest = cKDTree(rest[vertices]).query(points[:, 0])[1]
    # A little inside of a triangle, for at a lid's margin the skin ends.
    corner, whole = head.vertex_uv[vertices[nearest]], head.vertex_uv[skin[first[nearest] // 3]]
    color = lash_color(look)
    return Strands(
        "lashes",
        points.astype(np.float32),
        LASH_THIN * np.linalg.norm(pairs[:, 0, 0] - pairs[:, 0, 1], axis=1),
        np.tile(np.array(color, np.float32), (len(hairs), 1)),
        (0.98 * corner + 0.02 * whole.mean(axis=1)).astype(np.float32),
        int(np.bincount(figure.bound[0][hairs[:, 0], 0]).argmax()),
        Material("lashes_strands", color, 0.4),
    )


def coarser(curves: Curves, least_cm: float) -> Curves:
    """Hairs at least so wide, and as many fewer where that made them wider: they cover as much."""
    share = np.minimum(1.0, curves.width / least_cm)
    kept = np.arange(len(share)) * 0.618034 % 1 < share
    return replace(
        curves,
        points=curves.points[kept],
        width=np.maximum(curves.width, np.float32(least_cm))[kept],
        color=curves.color[kept],
        root=curves.root[kept],
        bary=curves.bary[kept],
        moved={name: offset[kept] for name, offset in curves.moved.items()},
    )


def ribbons(
    curves: Sequence[Curves], matrix: Float, weights: Mapping[str, float]
) -> tuple[Float, Float, Float, Int]:
    """Hairs as ribbons that face a camera: points, tangents, colors and triangles.

    `matrix` (3, 4) goes from head space to the camera's.
    """
    points, tangents, colors, triangles = [], [], [], []
    count = 0
    for c in curves:
        path = c.points.copy()
        for name, weight in weights.items():
            if name in c.moved:
                path += weight * c.moved[name][:, None]
        n, steps = path.shape[:2]
        in_camera = np.ascontiguousarray(path.reshape(-1, 3) @ matrix[:, :3].T + matrix[:, 3], np.float32)
        center = matrix[:, :3] @ (strands.HEAD_CENTER - np.array([0, 2, 0], np.float32)) + matrix[:, 3]
        ones = np.ones(n, np.float32)
        made, attr, faces = strands.ribbons(
            path, in_camera.reshape(n, steps, 3), center.astype(np.float32), c.width, c.color, ones, ones
        )
        points.append(made)
        tangents.append(attr[:, 3:6])
        colors.append(attr[:, 6:9] * attr[:, 9:10])
        triangles.append(faces + count)
        count += len(made)
    return (
        np.concatenate(points),
        np.ascontiguousarray(np.concatenate(tangents)),
        np.ascontiguousarray(np.concatenate(colors)),
        np.concatenate(triangles).astype(np.int32),
    )


__all__ = [
    "STYLES",
    "Curves",
    "Style",
    "coarser",
    "grow_hair",
    "hair_materials",
    "hair_parts",
    "hair_strands",
    "ribbons",
    "single_hairs",
]
