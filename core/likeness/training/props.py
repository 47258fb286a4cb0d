"""Simple meshes around the head: glasses, hats, headscarves, hands, microphones, clothes.

All in head space (centimeters, Y up, +Z out of the face, the character's left at +X).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.head.model import vertex_normals
from likeness.render.strands import HEAD_CENTER, MAP_COLUMNS, MAP_ROWS
from likeness.training.anatomy import (
    CLOTH,
    HARD,
    R_BACK,
    R_GLASSES,
    R_OCCLUDER,
    SKIN,
    Anatomy,
)

Float = NDArray[np.float32]
Array = NDArray[np.floating]
Int = NDArray[np.int32]
Random = np.random.Generator


@dataclass(frozen=True)
class Prop:
    """A mesh of one color, material and region; `gloss` adds to what it mirrors; `body` follows the torso."""

    vertices: Float
    triangles: Int
    color: Float
    material: int
    region: int
    gloss: float = 0.0
    body: bool = False


def _grid(rows: int, columns: int, closed: bool, start: int = 0) -> Int:
    """Triangles of a grid of vertices, row by row; `closed` joins the last column to the first."""
    span = columns if closed else columns - 1
    i, j = np.repeat(np.arange(rows - 1), span), np.tile(np.arange(span), rows - 1)
    k = (j + 1) % columns
    a, b, c, d = i * columns + j, i * columns + k, (i + 1) * columns + k, (i + 1) * columns + j
    return (np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]) + start).astype(np.int32)


def tube(
    path: Array, radius: Array | float, sides: int = 10, flat: float = 1.0, up: Array | None = None
) -> tuple[Float, Int]:
    """A tube along `path` (N, 3) with `radius` (N,), flattened by `flat` across `up`, with round ends."""
    path = np.asarray(path, np.float32)
    radius = np.broadcast_to(np.asarray(radius, np.float32), (len(path),))
    ahead = np.gradient(path, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-6
    ends = [(-0.9, 0.25), (-0.55, 0.8)]
    head = [path[0] + ahead[0] * radius[0] * o * flat for o, _ in ends]
    tail = [path[-1] - ahead[-1] * radius[-1] * o * flat for o, _ in ends[::-1]]
    full = np.concatenate([head, path, tail]).astype(np.float32)
    r = np.concatenate([[radius[0] * s for _, s in ends], radius, [radius[-1] * s for _, s in ends[::-1]]])
    ahead = np.concatenate([np.repeat(ahead[:1], 2, 0), ahead, np.repeat(ahead[-1:], 2, 0)])
    guide = np.array([0.31, 0.87, 0.38], np.float32) if up is None else np.asarray(up, np.float32)
    side = np.cross(ahead, guide)
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-6
    over = np.cross(side, ahead)
    angle = np.arange(sides) / sides * 2 * np.pi
    ring = np.cos(angle)[None, :, None] * side[:, None] + flat * np.sin(angle)[None, :, None] * over[:, None]
    points = full[:, None] + r[:, None, None] * ring
    return points.reshape(-1, 3).astype(np.float32), _grid(len(full), sides, True)


def _join(parts: list[tuple[Float, Int]]) -> tuple[Float, Int]:
    offset, points, triangles = 0, [], []
    for p, t in parts:
        points.append(p)
        triangles.append(t + offset)
        offset += len(p)
    return np.concatenate(points), np.concatenate(triangles)


def glasses(
    rng: Random, anatomy: Anatomy, vertices: Float, eyes: Float
) -> tuple[Prop, Prop, dict[str, float]]:
    """A frame, its lenses, and how the lenses look (`tint` rgb, `mirror`, `opaque`)."""
    middle = eyes.mean(0)
    bridge = vertices[anatomy.kit.multipie68[28]]
    front = max(float(bridge[2]) + 0.15, float(eyes[:, 2].max()) + 2.0) + rng.uniform(0, 0.6)
    half_w, half_h = rng.uniform(2.1, 3.1), rng.uniform(1.35, 2.7)
    if rng.random() < 0.3:
        half_h = half_w * rng.uniform(0.85, 1.0)
    power = rng.choice([2.0, 2.3, 3.0, 5.0])
    apart = np.clip(abs(eyes[0, 0] - eyes[1, 0]) / 2 * rng.uniform(0.98, 1.12), half_w + 0.55, 4.2)
    lower, taper = rng.uniform(-0.5, 0.5), rng.uniform(-0.2, 0.2)
    wrap, tilt = rng.uniform(0.0, 0.07), rng.uniform(-0.02, 0.15)
    level = middle[1] - lower - rng.choice([0.0, 0.0, 0.0, 1.2])
    a = np.linspace(0, 2 * np.pi, 29)[:-1]
    ux = np.sign(np.cos(a)) * np.abs(np.cos(a)) ** (2 / power)
    uy = np.sign(np.sin(a)) * np.abs(np.sin(a)) ** (2 / power)
    thick = np.exp(rng.uniform(np.log(0.07), np.log(0.5)))
    color = np.array(
        rng.choice(
            [
                [0.01, 0.01, 0.012],
                [0.03, 0.015, 0.01],
                [0.5, 0.38, 0.18],
                [0.45, 0.45, 0.47],
                [0.25, 0.1, 0.04],
            ]
        )
    )
    color = color if rng.random() < 0.85 else rng.uniform(0, 0.6, 3)
    parts: list[tuple[Float, Int]] = []
    lenses: list[tuple[Float, Int]] = []

    def bend(x: Float, y: Float) -> Float:
        z = front - wrap * x * x - tilt * (level - y)
        return np.stack([x, y, z], -1).astype(np.float32)

    rimless = rng.random() < 0.12
    for side in (-1.0, 1.0):
        x = side * (apart + half_w * ux * (1 + taper * uy * 0.4))
        y = level + half_h * uy * (1 + taper * ux * 0.3)
        ring = bend(x, y)
        closed = np.concatenate([ring, ring[:1]])
        if not rimless:
            top = closed[: len(closed) // 2 + 1] if rng.random() < 0.1 else closed
            parts.append(tube(top, thick * 0.5, 6))
        fan = np.concatenate([ring, ring.mean(0, keepdims=True)])
        k = np.arange(len(ring))
        lenses.append(
            (fan, np.stack([k, (k + 1) % len(ring), np.full_like(k, len(ring))], 1).astype(np.int32))
        )
        outer = bend(np.array([side * (apart + half_w)]), np.array([level + 0.45 * half_h]))[0]
        ear = np.array([side * 7.6, middle[1] + 0.4, 0.5], np.float32)
        hook = ear + np.array([0, -2.0, -2.2], np.float32)
        hinge = np.array([side * max(abs(outer[0]) + 0.25, 7.1), outer[1], outer[2] - 1.2], np.float32)
        parts.append(tube(np.stack([outer, hinge, ear, hook]), max(0.09, 0.55 * thick), 6))
    inner = apart - half_w
    bx = np.linspace(-inner, inner, 7)
    parts.append(
        tube(bend(bx, level + 0.35 * half_h + 0.25 * (1 - (bx / inner) ** 2)), max(0.08, thick * 0.5), 6)
    )
    frame = Prop(*_join(parts), color.astype(np.float32), HARD, R_GLASSES, float(rng.uniform(0, 1.2)))
    dark = rng.random() < 0.17
    tint = (
        rng.uniform(0.02, 0.35) * np.ones(3) * rng.uniform(0.7, 1.3, 3)
        if dark
        else 1 - rng.uniform(0, 0.12, 3)
    )
    style = {
        "r": float(tint[0]),
        "g": float(tint[1]),
        "b": float(tint[2]),
        "mirror": float(rng.uniform(0.02, 0.1) if rng.random() < 0.6 else rng.uniform(0.05, 0.35)),
        "opaque": float(dark and tint.mean() < 0.2),
    }
    glass = Prop(*_join(lenses), np.zeros(3, np.float32), HARD, R_GLASSES)
    return frame, glass, style


def _top(points: Float, triangles: Int) -> tuple[Float, Int]:
    """Close the small hole above the first row of the map."""
    ring = np.arange(MAP_COLUMNS, dtype=np.int32)
    fan = np.stack([ring, np.roll(ring, -1), np.full_like(ring, len(points))], 1)
    if not (triangles < MAP_COLUMNS).any():
        return points, triangles
    apex = points[:MAP_COLUMNS].mean(0, keepdims=True)
    return np.concatenate([points, apex]), np.concatenate([triangles, fan])


def shell(
    anatomy: Anatomy, radii: Float, height: Float | float, keep: NDArray[np.bool_]
) -> tuple[Float, Int]:
    """The map of radii as a surface `height` above the head, only where `keep` (rows, columns)."""
    place = HEAD_CENTER + anatomy.ray_direction * (radii + height)[..., None]
    triangles = _grid(MAP_ROWS, MAP_COLUMNS, True)
    inside = keep.ravel()[triangles].all(1)
    return _top(place.reshape(-1, 3).astype(np.float32), np.ascontiguousarray(triangles[inside]))


def cloth_color(rng: Random) -> Float:
    """Linear colors that clothes have: often dark, gray or white, sometimes saturated."""
    if rng.random() < 0.5:
        return (np.exp(rng.uniform(np.log(0.01), np.log(0.8))) * rng.uniform(0.85, 1.15, 3)).astype(
            np.float32
        )
    return (rng.uniform(0.01, 0.7, 3) ** rng.uniform(1.0, 2.0)).astype(np.float32)


def hat(rng: Random, anatomy: Anatomy, radii: Float) -> Prop:
    """A beanie, helmet, turban, hood, cap or a hat with a brim."""
    place = HEAD_CENTER + anatomy.ray_direction * radii[..., None]
    edge = rng.uniform(6.9, 9.6)
    tilt = rng.uniform(0.0, 0.35)
    side = rng.normal(0, 0.05)
    above = place[..., 1] - side * place[..., 0] > edge - tilt * (9 - np.clip(place[..., 2], -8, 9))
    kind = rng.choice(["beanie", "turban", "cap", "brim", "helmet"])
    color = cloth_color(rng)
    if kind in ("beanie", "turban", "helmet"):
        rough = {"beanie": 0.15, "turban": 0.7, "helmet": 0.0}[kind]
        wave = np.sin(
            anatomy.ray_direction[..., 1] * rng.uniform(8, 30)
            + 3 * anatomy.ray_direction[..., 0] * rng.normal()
        )
        height = rng.uniform(0.5, 1.6) + (1.2 if kind != "beanie" else 0.0) + rough * wave
        touched = above | np.roll(above, 1, 0)
        points, triangles = shell(anatomy, radii, height.astype(np.float32), touched)
        hem = edge - tilt * (9 - np.clip(points[:, 2], -8, 9)) + side * points[:, 0]
        points[:, 1] = np.maximum(points[:, 1], hem)
        return Prop(points, triangles, color, HARD if kind == "helmet" else CLOTH, R_OCCLUDER, 0.2)
    wide, deep = 8.3 * rng.uniform(1.0, 1.12), 10.2 * rng.uniform(1.0, 1.1)
    a = np.arange(40) / 40 * 2 * np.pi
    base = edge - tilt * (9 - deep * np.cos(a)) + 0.3
    tall = rng.uniform(3.5, 10.0)
    rows = []
    for f, scale in ((0.0, 1.0), (0.35, 1.0), (0.7, 0.95), (0.93, 0.85), (1.0, 0.55), (1.02, 0.0)):
        rows.append(np.stack([scale * wide * np.sin(a), base + f * tall, scale * deep * np.cos(a) + 0.6], 1))
    parts = [(np.concatenate(rows).astype(np.float32), _grid(len(rows), 40, True))]
    reach = rng.uniform(2.5, 9.0)
    bow = rng.uniform(-0.15, 0.25)
    rows = []
    for f in (0.0, 0.5, 1.0):
        out = f * reach * (np.clip(np.cos(a), 0, 1) ** 0.7 if kind == "cap" else 1.0)
        rows.append(
            np.stack(
                [
                    (wide + out * 0.85) * np.sin(a),
                    base - bow * out * np.abs(np.sin(a)),
                    (deep + out) * np.cos(a) + 0.6,
                ],
                1,
            )
        )
    parts.append((np.concatenate(rows).astype(np.float32), _grid(3, 40, True)))
    return Prop(*_join(parts), color, CLOTH, R_OCCLUDER)


def headscarf(rng: Random, anatomy: Anatomy, radii: Float) -> Prop:
    """A scarf, hood or veil around the face and the neck."""
    place = HEAD_CENTER + anatomy.ray_direction * radii[..., None]
    wide, top, low = rng.uniform(5.9, 7.6), rng.uniform(7.2, 10.5), rng.uniform(-9.5, -7.2)
    center, half = (top + low) / 2, (top - low) / 2
    oval = (np.abs(place[..., 0]) / wide) ** 2.4 + (np.abs(place[..., 1] - center) / half) ** 2.4
    keep = (oval > 1.0) | (place[..., 2] < 1.0)
    if rng.random() < 0.35:
        keep &= place[..., 1] > rng.uniform(-6, 4)
    folds = np.sin(place[..., 1] * rng.uniform(0.5, 2.0) + place[..., 0] * rng.uniform(-1, 1)) * rng.uniform(
        0.05, 0.3
    )
    height = rng.uniform(0.4, 1.2) + folds
    touched = keep.copy()
    for axis in (0, 1):
        touched |= np.roll(keep, 1, axis) | np.roll(keep, -1, axis)
    points, triangles = shell(anatomy, radii, height.astype(np.float32), touched)
    slip = np.zeros(len(points), bool)
    slip[: oval.size] = (
        (oval < 1) & (place[..., 2] > 1.0)
    ).ravel()  # what would hang into the face is drawn back to its border
    out = np.clip(oval.ravel()[slip[: oval.size]], 0.3, 1) ** (-1 / 2.4)
    points[slip, 0] *= out
    points[slip, 1] = center + (points[slip, 1] - center) * out
    return Prop(points, triangles, cloth_color(rng), CLOTH, R_OCCLUDER)


def hand(rng: Random, target: Float, color: Float) -> list[Prop]:
    """A hand in front of or against `target` (3,), with a wrist that leaves downward, perhaps in a sleeve."""
    size = rng.uniform(0.85, 1.15)
    point = np.array([rng.normal(0, 0.7), rng.uniform(-0.3, 1.2), rng.normal(0, 0.25)])
    point /= np.linalg.norm(point)
    away = np.array([rng.normal(0, 0.25), rng.normal(0, 0.2), 1.0])
    away -= point * (away @ point)
    away /= np.linalg.norm(away)
    across = np.cross(point, away)
    base = target + away * rng.uniform(0.7, 3.0) - point * rng.uniform(2, 9)
    parts = []
    curl = rng.uniform(0.0, 0.9)
    spread = rng.uniform(0.0, 0.2)
    for k, length in enumerate((6.6, 7.6, 7.0, 5.6)):
        if rng.random() < 0.06:
            continue
        start = base + across * (k - 1.5) * 1.9 * size
        bend = curl + rng.normal(0, 0.08)
        joints, angle, direction = [start - point * 1.5], 0.0, point + across * spread * (k - 1.5)
        joints.append(start)
        for part in (0.45, 0.31, 0.24):
            heading = direction * np.cos(angle) - away * np.sin(angle)
            joints.append(joints[-1] + heading * length * size * part)
            angle += bend
        parts.append(tube(np.array(joints), np.array([0.95, 0.92, 0.86, 0.78, 0.62]) * size, 10))
    palm = np.stack([base - point * s for s in (0.2, 3.0, 6.5, 9.0)])
    parts.append(tube(palm, np.array([3.6, 3.9, 3.5, 2.8]) * size, 14, 0.36, away))
    thumb = base - point * 6 + across * rng.choice([-1, 1]) * 3
    out = thumb - (base - point * 6)
    parts.append(
        tube(
            np.stack([thumb, thumb + 0.6 * out + 2.4 * point, thumb + 0.7 * out + 5.0 * point]),
            np.array([1.3, 1.05, 0.8]) * size,
            10,
        )
    )
    wrist = base - point * 8.5
    arm = np.stack([wrist, wrist - point * 6, wrist - point * 26 + np.array([0, -8.0, 0])])
    bare = rng.random() < 0.5
    props = [Prop(*_join(parts), color, SKIN, R_OCCLUDER)]
    props.append(
        Prop(
            *tube(arm, np.array([2.7, 3.0, 4.2]) * size * (1.0 if bare else 1.3), 14),
            color if bare else cloth_color(rng),
            SKIN if bare else CLOTH,
            R_OCCLUDER,
        )
    )
    return props


def microphone(rng: Random, mouth: Float) -> list[Prop]:
    """A microphone, a phone or a cup near the mouth."""
    kind = rng.random()
    away = np.array([rng.normal(0, 0.6), rng.uniform(-0.9, 0.1), 1.0])
    away /= np.linalg.norm(away)
    tip = mouth + away * rng.uniform(1.8, 7.0) + np.array([rng.normal(0, 1.5), rng.uniform(-4, 0.5), 0])
    axis = np.array([rng.normal(0, 0.4), -1.0, rng.uniform(-0.1, 0.9)])
    axis /= np.linalg.norm(axis)
    dark = np.full(3, rng.uniform(0.01, 0.08), np.float32)
    if kind < 0.6:
        ball = rng.uniform(1.6, 3.2)
        head = tube(np.stack([tip, tip + axis * ball * 0.5]), ball, 16)
        stick = tube(np.stack([tip + axis * ball, tip + axis * 26]), np.array([0.6 * ball, 0.42 * ball]), 12)
        grille = cloth_color(rng) if rng.random() < 0.3 else dark * rng.uniform(1, 6)
        return [
            Prop(*head, grille.astype(np.float32), CLOTH, R_OCCLUDER, 0.2),
            Prop(*stick, dark, HARD, R_OCCLUDER, 0.4),
        ]
    wide = rng.uniform(2.5, 4.5)
    body = tube(
        np.stack([tip - axis * 4, tip + axis * rng.uniform(5, 9)]),
        wide,
        20,
        rng.choice([0.12, 0.3, 1.0]),
        away,
    )
    return [
        Prop(
            *body,
            cloth_color(rng),
            HARD if rng.random() < 0.6 else CLOTH,
            R_OCCLUDER,
            float(rng.uniform(0, 0.5)),
        )
    ]


def clothes(rng: Random) -> list[Prop]:
    """A torso with a collar of random height and cut; it follows the body, not the head."""
    a = np.arange(48) / 48 * 2 * np.pi
    broad, cut, top = rng.uniform(0.9, 1.25), rng.uniform(0.0, 7.0), rng.uniform(-14.5, -9.6)
    color = cloth_color(rng)
    rows = []
    for f in (0.0, 0.12, 0.25, 0.38, 0.5, 0.75, 1.0, 2.2, 4.0):
        drop = cut * np.clip(np.cos(a), 0, 1) ** 3 * max(0.0, 1 - f)
        y = top - 9.0 * f - drop
        half_x = np.interp(
            y, [-40, -26, -19, -16, -14, -12, -10.5, -9], [22, 21, 18.5, 16.2, 14.2, 11.2, 8.8, 7.2]
        )
        half_z = np.interp(
            y, [-40, -26, -19, -16, -14, -12, -10.5, -9], [14, 12.5, 11, 10.6, 10.2, 9.6, 8.4, 7.6]
        )
        z = np.interp(y, [-19, -14, -9], [-3.4, -2.8, -1.6])
        wide = 1 + (broad - 1) * np.clip((-11 - y) / 6, 0, 1)
        rows.append(np.stack([wide * half_x * np.sin(a), y, half_z * np.cos(a) + z], 1))
    points = np.concatenate(rows).astype(np.float32)
    props = [Prop(points, _grid(len(rows), 48, True), color, CLOTH, R_BACK, body=True)]
    if rng.random() < 0.7 and top > -11.0 and cut < 2.0:
        ring = np.stack(
            [
                (7.4 - 0.5 * (top + 9)) * np.sin(a),
                top + 0.2 - cut * np.clip(np.cos(a), 0, 1) ** 3,
                (7.6 - 0.5 * (top + 9)) * np.cos(a) - 1.5,
            ],
            1,
        )
        ring = np.concatenate([ring, ring[:1]])
        trim = color if rng.random() < 0.5 else cloth_color(rng)
        props.append(Prop(*tube(ring, rng.uniform(0.4, 1.8), 8), trim, CLOTH, R_BACK, body=True))
    return props


def normals_of(prop: Prop) -> Float:
    """Vertex normals of a prop."""
    return vertex_normals(prop.vertices, prop.triangles)
