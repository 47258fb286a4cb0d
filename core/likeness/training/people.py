"""Draws random people from the head data: a picture, and the exact truth about it.

A picture is drawn at twice its size and averaged down in linear light. Regions: see `anatomy.REGIONS`. A
beard counts as skin (it moves with the skin); hats, scarves, hands and microphones are `occluder`; of
glasses only the frame and lenses darker than 20 % count as `glasses`; clothes are background in the
regions but belong to the person in `alpha`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.head import points as dense
from likeness.performance import ARKIT
from likeness.render.raster import rasterize
from likeness.training import anatomy as parts
from likeness.training import backgrounds, camera, expressions, facekit, light, looks, props, shading, strands
from likeness.training.anatomy import Anatomy

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Bytes = NDArray[np.uint8]
Random = np.random.Generator

SIZE = 224
SCALE = 2  # samples across a pixel
FLIP = np.diag([1.0, -1.0, -1.0]).astype(np.float32)  # head axes to camera axes


@dataclass(frozen=True)
class Portrait:
    """A picture (224, 224, 3) uint8 sRGB, `region` and `alpha` (224, 224) uint8, and its `labels` by name."""

    image: Bytes
    region: Bytes
    alpha: Bytes
    labels: dict[str, NDArray[np.generic]]


@dataclass
class Scene:
    """Triangles gathered for one picture, in camera space."""

    points: list[Float]
    attr: list[Float]
    triangles: list[Int]
    material: list[Bytes]
    region: list[Bytes]
    count: int = 0

    def add(self, points: Float, attr: Float, triangles: Int, material: Bytes | int, region: Bytes | int) -> None:
        """Append a mesh; `material` and `region` are per triangle or one for all."""
        self.points.append(points)
        self.attr.append(attr)
        self.triangles.append(triangles + np.int32(self.count))
        n = len(triangles)
        self.material.append(np.broadcast_to(np.asarray(material, np.uint8), (n,)))
        self.region.append(np.broadcast_to(np.asarray(region, np.uint8), (n,)))
        self.count += len(points)


@dataclass(frozen=True)
class Pose:
    """`rotation` (3, 3) of the head in head axes, `matrix` 4x4 camera-from-head, `body` (3, 3) torso from head."""

    rotation: Float
    matrix: Float
    body: Float


def rotation(yaw: float, pitch: float, roll: float) -> Float:
    """Head axes: yaw toward +X, pitch up, roll toward the character's right shoulder (about +Z), radians."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return (about_z @ about_y @ about_x).astype(np.float32)


def sample_pose(rng: Random) -> Pose:
    """Mostly toward the camera; yaw up to 80, pitch 40, roll 60 degrees; 35 to 250 cm away."""
    yaw = np.clip(rng.normal(0, 24), -80, 80) if rng.random() < 0.72 else rng.uniform(-80, 80)
    pitch = np.clip(rng.normal(0, 12), -40, 40)
    roll = np.clip(rng.normal(0, 9), -60, 60) if rng.random() < 0.85 else rng.uniform(-60, 60)
    head = rotation(*np.radians([yaw, pitch, roll]))
    keep = rng.uniform(0.0, 0.6, 3)
    torso = rotation(*np.radians([yaw - np.clip(yaw * keep[0] * 1.4, -45, 45), pitch - np.clip(pitch * keep[1], -25, 25), roll - np.clip(roll * keep[2], -25, 25)]))
    distance = np.exp(rng.uniform(np.log(35), np.log(250)))
    aside = np.tan(np.radians(np.clip(rng.normal(0, 7, 2), -18, 18))) * distance
    matrix = np.eye(4, dtype=np.float32)
    matrix[:3, :3] = FLIP @ head
    matrix[:3, 3] = [aside[0], aside[1], distance]
    return Pose(head, matrix, (head.T @ torso).astype(np.float32))


def bend_neck(vertices: Float, body: Float) -> Float:
    """Turn what lies below the jaw toward the torso's own rotation."""
    pivot = np.array([0.0, -4.0, -1.0], np.float32)
    w = np.clip((-7.5 - vertices[:, 1]) / 6.0, 0, 1) * np.clip((6.0 - vertices[:, 2]) / 2.0 + (-9 - vertices[:, 1]), 0, 1)
    w = (w * w * (3 - 2 * w))[:, None].astype(np.float32)
    low = np.flatnonzero(w[:, 0] > 0)
    out = vertices.copy()
    turned = (vertices[low] - pivot) @ body.T + pivot
    out[low] += w[low] * (turned - vertices[low])
    return out


@dataclass(frozen=True)
class Head:
    """One person's head in head space: `neutral` and posed `vertices`, the eyes' `center`, `scale`, `turn`."""

    neutral: Float
    vertices: Float
    center: Float
    scale: Float
    turn: Float
    identity: Float
    expression: Float
    gaze: Float

    @property
    def dense_points(self) -> Float:
        """The dense points (450, 3) in head space."""
        rim = np.stack([np.cos(dense.RIM_ANGLE), np.sin(dense.RIM_ANGLE)], 1) * facekit.LIMBUS_RADIUS
        local = np.zeros((1 + dense.RIM_COUNT, 3), np.float32)
        local[1:, :2] = rim
        local[:, 2] = facekit.LIMBUS_DEPTH
        eyes = [self.center[e] + self.scale[e] * local @ self.turn[e].T for e in (0, 1)]
        return np.concatenate([self.vertices[dense.SOURCE_VERTEX], *eyes]).astype(np.float32)


def make_head(rng: Random, anatomy: Anatomy, body: Float) -> Head:
    """Draw identity, expression and gaze; put the eyeballs in place and turn them."""
    names = anatomy.kit.expression_names
    identity = rng.standard_normal(len(anatomy.identity), dtype=np.float32) * np.float32(rng.choice([0.8, 1.0, 1.25], p=[0.3, 0.5, 0.2]))
    weights = expressions.sample_expression(rng, names)
    gaze = expressions.sample_gaze(rng)
    expressions.follow_gaze(rng, weights, gaze, names)
    neutral, vertices = anatomy.shape(identity, weights)
    vertices = bend_neck(vertices, body)
    centers, scales, turns = [], [], []
    for eye, (ball, sclera) in enumerate(((facekit.EYE_LEFT, facekit.SCLERA_LEFT), (facekit.EYE_RIGHT, facekit.SCLERA_RIGHT))):
        mean_center = facekit.EYE_CENTER * np.array([1 if eye == 0 else -1, 1, 1], np.float32)
        rest = anatomy.rest[slice(*sclera)] - mean_center
        own = neutral[slice(*sclera)]
        # the ball of this identity: the similarity (no turn) nearest to its displaced vertices
        mid_rest, mid_own = rest.mean(0), own.mean(0)
        scale = float(((own - mid_own) * (rest - mid_rest)).sum() / ((rest - mid_rest) ** 2).sum())
        center = mid_own - scale * mid_rest
        turn = rotation(gaze[eye, 0], gaze[eye, 1], 0.0)
        vertices[slice(*ball)] = center + (anatomy.rest[slice(*ball)] - mean_center) * scale @ turn.T
        centers.append(center)
        scales.append(scale)
        turns.append(turn)
    return Head(neutral, vertices, np.array(centers, np.float32), np.array(scales, np.float32), np.array(turns, np.float32), identity, weights, gaze)


def _lid_curves(head: Head) -> Float:
    """Upper and lower lid of both eyes (2, 2, 16, 2): x and y in head space, sorted by x."""
    out = np.zeros((2, 2, 16, 2), np.float32)
    for eye, side in enumerate(("left", "right")):
        for k, lid in enumerate(("upper", "lower")):
            line = head.vertices[dense.SOURCE_VERTEX[dense.GROUPS[f"lid_{side}_{lid}"]]][:, :2]
            line = line[np.argsort(line[:, 0])]
            x = np.linspace(line[0, 0], line[-1, 0], 16)
            out[eye, k, :, 0] = x
            out[eye, k, :, 1] = np.interp(x, line[:, 0], line[:, 1])
    return out


def _to_camera(points: Float, matrix: Float) -> Float:
    return parts.transform(points, matrix)


def _add_prop(scene: Scene, prop: props.Prop, pose: Pose) -> None:
    vertices = prop.vertices
    pivot = np.array([0.0, -4.0, -1.0], np.float32)
    if prop.body:
        vertices = (vertices - pivot) @ pose.body.T + pivot
    attr = np.zeros((len(vertices), 14), np.float32)
    attr[:, 0:3] = parts.vertex_normals(vertices.astype(np.float32), prop.triangles) @ pose.matrix[:3, :3].T
    attr[:, 3:6] = prop.vertices
    attr[:, 6:9] = prop.color
    attr[:, 9] = 0.9
    attr[:, 10] = -2.0 if prop.material == parts.SKIN else prop.gloss
    scene.add(_to_camera(vertices, pose.matrix), attr, prop.triangles, prop.material, prop.region)


# --- hair ------------------------------------------------------------------------------------------------


def _add_strands(
    scene: Scene, rng: Random, head: Head, pose: Pose, roots: parts.Roots, chosen: NDArray[np.intp], grown: Float, width: Float, color: Float, spread: float, region: int, shade: Float
) -> None:
    n, steps = grown.shape[:2]
    in_camera = _to_camera(grown.reshape(-1, 3), pose.matrix).reshape(n, steps, 3)
    tint = color[None] * np.exp(rng.normal(0, spread, (n, 1))) * (1 + rng.normal(0, 0.03, (n, 3)))
    center = _to_camera(parts.HEAD_CENTER[None] - np.array([0, 2.0, 0], np.float32), pose.matrix)[0]
    points, attr, triangles = strands.ribbons(
        grown, in_camera, center, width.astype(np.float32), np.clip(tint, 0.002, 0.95).astype(np.float32), shade.astype(np.float32), rng.random(n).astype(np.float32)
    )
    scene.add(points, attr, triangles, parts.STRAND, region)


def _hair_style(rng: Random, style: str) -> dict[str, object]:
    """Numbers of a style; see `strands.grow`."""
    part = float(rng.choice([-1, 1]) * rng.uniform(1.5, 4.5))
    long = rng.uniform(16, 42)
    kinds: dict[str, dict[str, object]] = {
        "short_forward": dict(length=(2.5, 7.0), layer=1.6, kind=strands.DIRECTION, comb=(rng.normal(0, 0.5), -0.35, 1.0), strength=0.55, lift=0.35, gravity=0.12),
        "short_side": dict(length=(3.0, 9.0), layer=2.4, kind=strands.PART, comb=(part, -0.25, 0.25), strength=0.6, lift=0.5, gravity=0.15),
        "slick": dict(length=(4.0, 12.0), layer=1.4, kind=strands.DIRECTION, comb=(rng.normal(0, 0.15), 0.15, -1.0), strength=0.9, lift=rng.uniform(0.1, 0.8), gravity=0.1),
        "spiky": dict(length=(2.0, 6.0), layer=0.5, kind=strands.AWAY, comb=(0, 2, 0), strength=0.3, lift=0.9, gravity=0.0),
        "afro": dict(length=(3.0, 14.0), layer=0.5, kind=strands.AWAY, comb=(0, 3, 0), strength=0.5, lift=0.5, gravity=0.02, curl=rng.uniform(0.7, 1.3)),
        "curly": dict(length=(6.0, 22.0), layer=2.5, kind=strands.AWAY, comb=(0, 11, -1), strength=0.3, lift=0.4, gravity=0.25, curl=rng.uniform(0.5, 0.9)),
        "long_center": dict(length=(long, long * 1.2), layer=2.2, kind=strands.PART, comb=(rng.normal(0, 0.4), -0.5, -0.1), strength=0.4, lift=rng.uniform(0.02, 0.25), gravity=rng.uniform(0.5, 1.2)),
        "long_side": dict(length=(long, long * 1.2), layer=2.6, kind=strands.PART, comb=(part, -0.4, -0.05), strength=0.4, lift=rng.uniform(0.02, 0.3), gravity=rng.uniform(0.5, 1.2)),
        "bangs": dict(length=(long * 0.8, long), layer=1.8, kind=strands.AWAY, comb=(0, 13, -2), strength=0.4, lift=rng.uniform(0.02, 0.2), gravity=rng.uniform(0.4, 1.0)),
        "bun": dict(length=(14.0, 18.0), layer=1.0, kind=strands.TO_POINT, comb=(0, rng.uniform(2, 13), rng.uniform(-10, -7)), strength=1.0, lift=0.12, gravity=0.0),
        "wig": dict(length=(9.0, 20.0), layer=4.0, kind=strands.DIRECTION, comb=(0, 0.5, -1.0), strength=0.6, lift=1.0, gravity=0.1, curl=rng.uniform(0.2, 0.6)),
        "horseshoe": dict(length=(1.0, 4.0), layer=0.6, kind=strands.DIRECTION, comb=(0, -0.7, -0.7), strength=0.7, lift=0.2, gravity=0.1),
        "buzz": dict(length=(0.3, 0.9), layer=0.1, kind=strands.AWAY, comb=(0, 5, 0), strength=0.2, lift=1.0, gravity=0.0),
    }
    return {"curl": float(rng.uniform(0.0, 0.25)), **kinds[style]}


def _add_hair(scene: Scene, rng: Random, anatomy: Anatomy, head: Head, look: looks.Look, pose: Pose, radii: Float, normals: Float, covered: float) -> None:
    """Scalp hair by style; `covered` is the height above which a hat hides it."""
    if look.style == "bald":
        return
    style = _hair_style(rng, look.style)
    rest = anatomy.scalp.rest
    margin = parts.scalp_margin(rest, look.forehead, look.recession) + rng.normal(0, 0.15, len(rest))
    allowed = (margin > 0) & (rest[:, 1] < covered)
    if look.style == "horseshoe":
        allowed &= (rest[:, 1] < 8.0) & (rest[:, 2] < 4.5)
    chosen = np.flatnonzero(allowed)
    wanted = {"buzz": 1500, "afro": 2600, "curly": 2200, "horseshoe": 900}.get(look.style, 2500)
    chosen = chosen[: int(wanted * rng.uniform(0.7, 1.15))]
    if len(chosen) < 10:
        return
    n = len(chosen)
    low, high = style["length"]  # type: ignore[misc]
    base = rng.uniform(low, high)
    length = (base * rng.uniform(0.75, 1.1, n)).astype(np.float32)
    if look.style == "bangs":
        front = (rest[chosen, 2] > 4.0) & (np.abs(rest[chosen, 0]) < 5.5)
        length[front] = rng.uniform(2.5, 7.5) + rng.normal(0, 0.3, front.sum())
    if look.style in ("short_forward", "short_side", "slick", "spiky"):  # shorter at the sides
        length *= np.clip(0.35 + (rest[chosen, 1] - 2.0) / 8.0, 0.25, 1.0)
    depth = rng.random(n).astype(np.float32)
    thick = float(style["layer"]) * rng.uniform(0.5, 1.3)  # type: ignore[arg-type]
    down = pose.rotation.T @ np.array([0, -1.0, 0], np.float32)
    gravity = (float(style["gravity"]) * (0.5 * down + 0.5 * np.array([0, -1, 0]))).astype(np.float32)  # type: ignore[arg-type]
    is_long = look.style in ("long_center", "long_side", "bangs", "curly")
    grown = strands.grow(
        anatomy.scalp.at(head.vertices, chosen),
        anatomy.scalp.at(normals, chosen),
        radii,
        parts.HEAD_CENTER,
        length,
        (0.1 + thick * depth).astype(np.float32),
        int(style["kind"]),  # type: ignore[call-overload]
        np.array(style["comb"], np.float32),
        float(style["strength"]),  # type: ignore[arg-type]
        float(style["lift"]) * rng.uniform(0.6, 1.4),  # type: ignore[arg-type]
        gravity,
        float(style["curl"]),  # type: ignore[arg-type]
        float(rng.uniform(0.5, 1.6)),
        float(rng.uniform(0.5, 1.7)) if is_long else 0.0,
        rng.uniform(0, 6.28, n).astype(np.float32),
        {"buzz": 4, "curly": 15, "afro": 13}.get(look.style, 11),
    )
    width = rng.uniform(0.16, 0.40) * np.exp(rng.normal(0, 0.3, n))
    if look.style == "buzz":
        width = width * 0.35
    _add_strands(scene, rng, head, pose, anatomy.scalp, chosen, grown, width, look.hair, rng.uniform(0.04, 0.2), parts.R_HAIR, 0.35 + 0.65 * depth)
    if look.style == "bun" and covered > 20:
        place = np.array(style["comb"], np.float32)  # type: ignore[arg-type]
        ball = props.Prop(*props.tube(np.stack([place, place + [0, 0.3, -1.5]]), rng.uniform(2.5, 4.5), 16), look.hair, parts.CLOTH, parts.R_HAIR)
        _add_prop(scene, ball, pose)


def _add_brows(scene: Scene, rng: Random, anatomy: Anatomy, head: Head, look: looks.Look, pose: Pose, normals: Float, radii: Float) -> None:
    if look.brow_hair <= 0.02:
        return
    rest = anatomy.brow.rest
    density = parts.brow_density(rest, look.brow_thickness, look.brow_lift)
    chosen = np.flatnonzero(density > rng.uniform(0.1, 0.9, len(rest)))
    n = len(chosen)
    if n < 4:
        return
    side = np.sign(rest[chosen, 0])
    length = rng.uniform(0.35, 0.95) * rng.uniform(0.7, 1.2, n)
    inner = np.clip((2.2 - np.abs(rest[chosen, 0])) / 1.4, 0, 1)
    direction = np.stack([side * (1 - 0.7 * inner), 0.25 + 0.7 * inner - 0.4 * (np.abs(rest[chosen, 0]) > 4.2), -0.35 * np.ones(n)], 1)
    normal = anatomy.brow.at(normals, chosen)
    direction = direction - (direction * normal).sum(1, keepdims=True) * normal + 0.12 * normal
    direction += rng.normal(0, 0.12, direction.shape)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    root = anatomy.brow.at(head.vertices, chosen) + 0.03 * normal
    t = np.linspace(0, 1, 3)[None, :, None]
    grown = (root[:, None] + t * length[:, None, None] * direction[:, None] - 0.12 * t**2 * length[:, None, None] * normal[:, None]).astype(np.float32)
    width = rng.uniform(0.03, 0.075) * np.ones(n)
    _add_strands(scene, rng, head, pose, anatomy.brow, chosen, grown, width, look.brow_color, 0.25, parts.R_BROW, np.full(n, 0.9))


def _add_beard(scene: Scene, rng: Random, anatomy: Anatomy, head: Head, look: looks.Look, pose: Pose, normals: Float, radii: Float) -> None:
    if look.beard_shape == "none":
        return
    rest = anatomy.beard.rest
    density = looks.beard_mask(parts.beard_density(rest), rest, look.beard_shape)
    chosen = np.flatnonzero(density > rng.uniform(0.2, 1.0, len(rest)))[: int(rng.integers(900, 2600))]
    n = len(chosen)
    if n < 10:
        return
    normal = anatomy.beard.at(normals, chosen)
    x = rest[chosen, 0]
    moustache = rest[chosen, 1] > -3.0
    direction = np.stack([0.12 * x + np.where(moustache, np.sign(x) * 1.2, 0), -1.0 * np.ones(n), 0.25 * np.ones(n)], 1)
    direction += rng.normal(0, 0.25, direction.shape) + 0.45 * normal
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = look.beard_length * rng.uniform(0.6, 1.1, n) * np.where(moustache, min(1.0, 1.4 / look.beard_length), 1.0)
    length *= np.clip(0.3 + (1.0 - rest[chosen, 1]) / 6.0, 0.3, 1.0)
    root = anatomy.beard.at(head.vertices, chosen)
    t = np.linspace(0, 1, 5)[None, :, None]
    fall = np.array([0, -0.35, 0]) * t**2
    wave = 0.08 * np.sin(7 * t + rng.uniform(0, 6, (n, 1, 1))) * rng.normal(0, 1, (n, 1, 3)) * t
    grown = root[:, None] + length[:, None, None] * (t * direction[:, None] + fall + wave)
    width = rng.uniform(0.06, 0.16) * np.ones(n)
    _add_strands(scene, rng, head, pose, anatomy.beard, chosen, grown.astype(np.float32), width, look.beard_color, 0.3, parts.R_SKIN, rng.uniform(0.5, 1.0, n))


# --- the picture -----------------------------------------------------------------------------------------


def _frame(rng: Random, in_camera: Float) -> tuple[float, float, float]:
    """Focal length and principal point that put the dense points' square at 45 to 75 % of the width."""
    flat = in_camera[:, :2] / in_camera[:, 2:]
    low, high = flat.min(0), flat.max(0)
    share = rng.uniform(0.45, 0.75)
    focal = share * SIZE / float((high - low).max())
    center = SIZE * (0.5 + rng.uniform(-0.08, 0.08, 2)) - focal * (low + high) / 2
    return focal, float(center[0]), float(center[1])


def _project(in_camera: Float, focal: float, cx: float, cy: float) -> Float:
    return _pinhole(np.ascontiguousarray(in_camera, np.float32), focal, cx, cy)


@numba.njit(cache=True, fastmath=True)
def _pinhole(points: Float, focal: float, cx: float, cy: float) -> Float:
    out = np.empty_like(points)
    for n in range(len(points)):
        z = points[n, 2]
        out[n, 0] = points[n, 0] / z * focal + cx
        out[n, 1] = points[n, 1] / z * focal + cy
        out[n, 2] = z
    return out


@numba.njit(cache=True, fastmath=True)
def _reduce(rgb: Float, label: Bytes, index: Int) -> tuple[Float, Bytes, Float]:
    """Average 2x2 samples: premultiplied color, the most frequent region, and coverage."""
    h, w = label.shape[0] // 2, label.shape[1] // 2
    color = np.zeros((h, w, 3), np.float32)
    region = np.zeros((h, w), np.uint8)
    alpha = np.zeros((h, w), np.float32)
    votes = np.zeros(12, np.int32)
    for y in range(h):
        for x in range(w):
            votes[:] = 0
            for k in range(4):
                i, j = 2 * y + k // 2, 2 * x + k % 2
                votes[label[i, j]] += 1
                if index[i, j] >= 0:
                    alpha[y, x] += 0.25
                    for c in range(3):
                        color[y, x, c] += 0.25 * rgb[i, j, c]
            best = label[2 * y, 2 * x]
            for r in range(12):
                if votes[r] > votes[best]:
                    best = r
            region[y, x] = best
    return color, region, alpha


@numba.njit(cache=True)
def _cull(screen: Float, triangles: Int, material: Bytes) -> Int:
    """The triangles with those of closed surfaces that face away made empty, so that they are skipped."""
    out = triangles.copy()
    for t in range(len(triangles)):
        m = material[t]
        if m == parts.SKIN or m == parts.TEETH or m == parts.EYE_LEFT or m == parts.EYE_RIGHT:
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ux, uy = screen[b, 0] - screen[a, 0], screen[b, 1] - screen[a, 1]
            vx, vy = screen[c, 0] - screen[a, 0], screen[c, 1] - screen[a, 1]
            if ux * vy - uy * vx > 0:
                out[t, 1] = a
                out[t, 2] = a
    return out


def _window(screen: Float, size: int) -> tuple[slice, slice] | None:
    """Rows and columns of the picture that the points touch, or None."""
    low = np.clip(np.floor(screen[:, :2].min(0)).astype(int), 0, size)
    high = np.clip(np.ceil(screen[:, :2].max(0)).astype(int), 0, size)
    if (high <= low).any():
        return None
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _rasterize_in(screen: Float, triangles: Int, window: tuple[slice, slice]) -> tuple[Int, Float, Float]:
    moved = screen - np.array([window[1].start, window[0].start, 0], np.float32)
    return rasterize(moved, triangles, window[1].stop - window[1].start, window[0].stop - window[0].start)


def _apply_lenses(rgb: Float, label: Bytes, depth: Float, pose: Pose, glass: props.Prop, style: dict[str, float], ambient: Float, lens: tuple[float, float, float], rng: Random) -> None:
    """Tint and mirror where a lens lies in front."""
    in_camera = _to_camera(glass.vertices, pose.matrix)
    screen = _project(in_camera, *lens)
    window = _window(screen, len(depth))
    if window is None:
        return
    rgb, label, depth = rgb[window], label[window], depth[window]
    index, bary, near = _rasterize_in(screen, glass.triangles, window)
    front = (index >= 0) & (near < depth)
    if not front.any():
        return
    place = np.einsum("nk,nkc->nc", bary[front], glass.vertices[glass.triangles[index[front]]])
    slope = rng.normal(0, 0.5, 2)
    band = np.sin(place[:, 0] * slope[0] + place[:, 1] * slope[1] + rng.uniform(0, 6.28))
    mirror = style["mirror"] * np.clip(0.35 + 0.65 * band, 0, 1) ** 2
    glow = (ambient.mean(0) * rng.uniform(0.6, 2.5))[None]
    tint = np.array([style["r"], style["g"], style["b"]], np.float32)
    rgb[front] = rgb[front] * tint * (1 - mirror[:, None]) + glow * mirror[:, None]
    if style["opaque"]:
        label[front] = parts.R_GLASSES


def _apply_lashes(rng: Random, rgb: Float, depth: Float, screen: Float, anatomy: Anatomy, look: looks.Look) -> None:
    """Darken what lies behind the lashes: their mesh is a strip of many hairs, so it is half transparent."""
    amount = rng.uniform(0.05, 0.55) + 0.35 * look.makeup
    color = np.float32(0.006) if rng.random() < 0.75 else look.brow_color * 0.5
    triangles = anatomy.triangles[anatomy.material == parts.LASH]
    ahead = screen[: len(anatomy.rest)] - np.array([0, 0, 0.03], np.float32)
    window = _window(ahead[triangles.ravel()], len(depth))
    if window is None:
        return
    rgb, depth = rgb[window], depth[window]
    index, bary, near = _rasterize_in(ahead, triangles, window)
    front = (index >= 0) & (near < depth)
    place = np.einsum("nk,nkc->nc", bary[front], anatomy.rest[triangles[index[front]]])
    stripes = 0.5 + 0.5 * np.sin(place[:, 0] * rng.uniform(25, 50) + 4 * place[:, 1])
    cover = (amount * (0.3 + 0.7 * stripes))[:, None].astype(np.float32)
    rgb[front] = rgb[front] * (1 - cover) + color * cover * rgb[front].mean(1, keepdims=True)


def _build(rng: Random, anatomy: Anatomy, head: Head, look: looks.Look, pose: Pose) -> tuple[Scene, tuple[props.Prop, dict[str, float]] | None]:
    scene = Scene([], [], [], [], [])
    names = anatomy.kit.expression_names
    lips = head.vertices[anatomy.kit.multipie68[[48, 51, 54, 57]]]
    depth_in = (lips[:, 2].mean() - 0.1) - head.vertices[:, 2]
    attr = looks.vertex_attributes(rng, look, anatomy, float(head.expression[names.index("jawOpen")]), depth_in)
    normals = parts.vertex_normals(head.vertices, anatomy.triangles)
    attr[:, 0:3] = normals @ pose.matrix[:3, :3].T
    attr[21451:24591, 3:6] = head.vertices[21451:24591]
    lashes = slice(*facekit.LASHES)
    attr[lashes, 3:6] = attr[lashes, 3:6] @ pose.matrix[:3, :3].T
    radii = anatomy.radii(head.vertices)
    wearing = rng.random()
    covered = 99.0
    extra: list[props.Prop] = []
    if wearing < 0.09:
        extra.append(props.hat(rng, anatomy, radii))
        covered = 7.5
    elif wearing < 0.15:
        extra.append(props.headscarf(rng, anatomy, radii))
        covered = -99.0
    numbers = look.numbers
    numbers[shading.P_SCALP] = 0.0 if look.style == "bald" else rng.uniform(0.8, 0.97)
    numbers[shading.P_SCALP_LABEL] = 1.0
    if look.style == "bald":
        numbers[shading.P_SCALP] = rng.uniform(0.0, 0.25)
    drawn = anatomy.material != parts.LASH
    scene.add(_to_camera(head.vertices, pose.matrix), attr, anatomy.triangles[drawn], anatomy.material[drawn], anatomy.region[drawn])
    _add_hair(scene, rng, anatomy, head, look, pose, radii, normals, covered)
    _add_brows(scene, rng, anatomy, head, look, pose, normals, radii)
    _add_beard(scene, rng, anatomy, head, look, pose, normals, radii)
    lenses = None
    if rng.random() < 0.24:
        frame, glass, style = props.glasses(rng, anatomy, head.vertices, head.center)
        extra.append(frame)
        lenses = (glass, style)
    extra += props.clothes(rng)
    if rng.random() < 0.10:
        tone = looks.sample_look(rng).skin if rng.random() < 0.2 else look.skin
        for _ in range(1 + int(rng.random() < 0.25)):
            target = head.vertices[dense.SOURCE_VERTEX[rng.integers(dense.SKIN_COUNT)]]
            extra += props.hand(rng, target, tone)
    if rng.random() < 0.07:
        extra += props.microphone(rng, lips.mean(0))
    for prop in extra:
        _add_prop(scene, prop, pose)
    return scene, lenses


def _eye_frames(head: Head, pose: Pose) -> Float:
    out = np.zeros((2, 13), np.float32)
    for e in (0, 1):
        out[e, 0:3] = _to_camera(head.center[e][None], pose.matrix)[0]
        out[e, 3:12] = (pose.matrix[:3, :3] @ head.turn[e]).ravel()
        out[e, 12] = head.scale[e]
    return out


def visibility(points: Float, camera_points: Float, normals: Float, depth: Float, scale: int) -> NDArray[np.bool_]:
    """Which dense points (x, y, z rows in pixels and cm) are seen: in frame, facing, nothing in front.

    The nearest of the samples around a point decides, so that points on a contour count as seen.
    """
    size = depth.shape[0]
    x = np.floor(points[:, 0] * scale).astype(int)
    y = np.floor(points[:, 1] * scale).astype(int)
    inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
    free = np.zeros(len(points), bool)
    for dx, dy in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
        seen = depth[np.clip(y + dy, 0, size - 1), np.clip(x + dx, 0, size - 1)]
        free |= points[:, 2] < seen + 0.25
    facing = (normals * camera_points).sum(1) < 0.1 * np.linalg.norm(camera_points, axis=1)
    return inside & free & facing


def render(seed: int, index: int, anatomy: Anatomy) -> Portrait:
    """Draw picture `index` of `seed`; the same arguments give the same picture.

    A face of which almost nothing is seen (hair, a hand, a hat) teaches nothing and is drawn anew.
    """
    for attempt in range(4):
        portrait = _draw(np.random.default_rng([seed, index] + [attempt] * (attempt > 0)), anatomy)
        if portrait.labels["visible"].mean() > 0.2:
            break
    return portrait


def _draw(rng: Random, anatomy: Anatomy) -> Portrait:
    pose = sample_pose(rng)
    head = make_head(rng, anatomy, pose.body)
    look = looks.sample_look(rng)
    lit = light.sample_light(rng)
    scene, lenses = _build(rng, anatomy, head, look, pose)
    points_cam = _to_camera(head.dense_points, pose.matrix)
    focal, cx, cy = _frame(rng, points_cam)
    lens2 = (focal * SCALE, cx * SCALE, cy * SCALE)
    points = np.concatenate(scene.points)
    triangles = np.concatenate(scene.triangles)
    attr = np.concatenate(scene.attr)
    material, region = np.concatenate(scene.material), np.concatenate(scene.region)
    screen = _project(points, *lens2)
    # the balls are drawn a little deeper, so that closed lids always cover them
    for ball in (facekit.EYE_LEFT, facekit.EYE_RIGHT):
        screen[slice(*ball), 2] += 0.07
    triangle, bary, depth = rasterize(screen, _cull(screen, triangles, material), SIZE * SCALE, SIZE * SCALE)
    casting = triangles[(material == parts.SKIN) | (material >= parts.STRAND)]
    shadow, shadow_frame = light.shadow_map(lit, points, casting, _to_camera(np.array([[0, 2.0, 3.0]], np.float32), pose.matrix)[0])
    look.numbers[shading.P_SHADOW] = lit.shadow
    look.numbers[shading.P_SOFT] = lit.softness
    rgb, label = shading.shade(
        triangle, bary, depth, triangles, attr, material, region, look.numbers, np.array(lens2, np.float32), lit.direction, lit.color, lit.cube, shadow, shadow_frame, _eye_frames(head, pose), look.iris, _lid_curves(head), shading.noise_volume()
    )
    _apply_lashes(rng, rgb, depth, screen, anatomy, look)
    if lenses is not None:
        _apply_lenses(rgb, label, depth, pose, *lenses, lit.cube, lens2, rng)
    color, region_map, alpha = _reduce(rgb, label, triangle)
    picture = _compose(rng, color, alpha, region_map, look)
    points_px = _project(points_cam, focal, cx, cy)
    normals = np.zeros((dense.COUNT, 3), np.float32)
    normals[: dense.SKIN_COUNT] = attr[dense.SOURCE_VERTEX, 0:3]
    for e, first in enumerate((dense.IRIS_LEFT, dense.IRIS_RIGHT)):
        normals[first : first + 1 + dense.RIM_COUNT] = pose.matrix[:3, :3] @ head.turn[e][:, 2]
    seen = visibility(points_px, points_cam, normals, depth, SCALE)
    labels: dict[str, NDArray[np.generic]] = {
        "points_px": points_px[:, :2],
        "points_cam": points_cam,
        "visible": seen,
        "head_pose": pose.matrix,
        "focal_px": np.float32(focal),
        "cx": np.float32(cx),
        "cy": np.float32(cy),
        "expression": head.expression,
        "arkit": expressions.to_arkit(head.expression, anatomy.kit.expression_names, ARKIT),
        "gaze": head.gaze,
        "identity": head.identity,
    }
    return Portrait(camera.photograph(rng, picture), region_map, (alpha * 255 + 0.5).astype(np.uint8), labels)


def _compose(rng: Random, color: Float, alpha: Float, region: Bytes, look: looks.Look) -> Float:
    """Expose the person, and put the background behind."""
    weight = np.array([0.25, 0.65, 0.10], np.float32)
    face = (region == parts.R_SKIN) & (alpha > 0.99)
    mean = float((color[face] @ weight).mean()) if face.any() else 0.2
    target = 0.36 * (float(look.skin @ weight) / 0.45) ** 0.55 * np.exp(rng.normal(0, 0.33))
    background = backgrounds.sample_background(rng, SIZE, look.skin) * np.exp(rng.normal(0, 0.4))
    return (color * np.float32(target / max(mean, 1e-3)) + background * (1 - alpha[..., None])).astype(np.float32)
