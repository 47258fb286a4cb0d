"""The hair of a scene: scalp hair by style, brows and beards, grown as strands from the skin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from likeness.head import areas
from likeness.human.hair import Curves
from likeness.render import strands
from likeness.training import anatomy as parts
from likeness.training import looks, props
from likeness.training.anatomy import Anatomy
from likeness.training.scene import Pose, Scene, add_prop

Float = NDArray[np.float32]
Array = NDArray[np.floating]
Random = np.random.Generator


def _add_strands(
    scene: Scene,
    rng: Random,
    pose: Pose,
    grown: Float,
    width: Array,
    color: Float,
    spread: float,
    region: int,
    shade: Array,
) -> None:
    n, steps = grown.shape[:2]
    in_camera = parts.transform(grown.reshape(-1, 3), pose.matrix).reshape(n, steps, 3)
    tint = np.atleast_2d(color) * np.exp(rng.normal(0, spread, (n, 1))) * (1 + rng.normal(0, 0.03, (n, 3)))
    center = parts.transform(strands.HEAD_CENTER[None] - np.array([0, 2.0, 0], np.float32), pose.matrix)[0]
    points, attr, triangles = strands.ribbons(
        grown,
        in_camera,
        center,
        width.astype(np.float32),
        np.clip(tint, 0.002, 0.95).astype(np.float32),
        shade.astype(np.float32),
        np.asarray(rng.random(n), np.float32),
    )
    scene.add(points, attr, triangles, parts.STRAND, region)


@dataclass(frozen=True)
class Style:
    """How scalp hair falls (see `strands.grow`): `length` from and to, `layer` in cm; `comb` by `kind`."""

    length: tuple[float, float]
    layer: float
    kind: int
    comb: tuple[float, float, float]
    strength: float
    lift: float
    gravity: float
    curl: float | None = None


def _hair_style(rng: Random, name: str) -> Style:
    """Draw the numbers of a style."""
    part = float(rng.choice([-1, 1]) * rng.uniform(1.5, 4.5))
    long = float(rng.uniform(16, 42))
    styles = {
        "short_forward": Style(
            length=(2.5, 7.0),
            layer=1.6,
            kind=strands.DIRECTION,
            comb=(rng.normal(0, 0.5), -0.35, 1.0),
            strength=0.55,
            lift=0.35,
            gravity=0.12,
        ),
        "short_side": Style(
            length=(3.0, 9.0),
            layer=2.4,
            kind=strands.PART,
            comb=(part, -0.25, 0.25),
            strength=0.6,
            lift=0.5,
            gravity=0.15,
        ),
        "slick": Style(
            length=(4.0, 12.0),
            layer=1.4,
            kind=strands.DIRECTION,
            comb=(rng.normal(0, 0.15), 0.15, -1.0),
            strength=0.9,
            lift=rng.uniform(0.1, 0.8),
            gravity=0.1,
        ),
        "spiky": Style(
            length=(2.0, 6.0),
            layer=0.5,
            kind=strands.AWAY,
            comb=(0, 2, 0),
            strength=0.3,
            lift=0.9,
            gravity=0.0,
        ),
        "afro": Style(
            length=(3.0, 14.0),
            layer=0.5,
            kind=strands.AWAY,
            comb=(0, 3, 0),
            strength=0.5,
            lift=0.5,
            gravity=0.02,
            curl=rng.uniform(0.7, 1.3),
        ),
        "curly": Style(
            length=(6.0, 22.0),
            layer=2.5,
            kind=strands.AWAY,
            comb=(0, 11, -1),
            strength=0.3,
            lift=0.4,
            gravity=0.25,
            curl=rng.uniform(0.5, 0.9),
        ),
        "long_center": Style(
            length=(long, long * 1.2),
            layer=2.2,
            kind=strands.PART,
            comb=(rng.normal(0, 0.4), -0.5, -0.1),
            strength=0.4,
            lift=rng.uniform(0.02, 0.25),
            gravity=rng.uniform(0.5, 1.2),
        ),
        "long_side": Style(
            length=(long, long * 1.2),
            layer=2.6,
            kind=strands.PART,
            comb=(part, -0.4, -0.05),
            strength=0.4,
            lift=rng.uniform(0.02, 0.3),
            gravity=rng.uniform(0.5, 1.2),
        ),
        "bangs": Style(
            length=(long * 0.8, long),
            layer=1.8,
            kind=strands.AWAY,
            comb=(0, 13, -2),
            strength=0.4,
            lift=rng.uniform(0.02, 0.2),
            gravity=rng.uniform(0.4, 1.0),
        ),
        "bun": Style(
            length=(14.0, 18.0),
            layer=1.0,
            kind=strands.TO_POINT,
            comb=(0, rng.uniform(2, 13), rng.uniform(-10, -7)),
            strength=1.0,
            lift=0.12,
            gravity=0.0,
        ),
        "wig": Style(
            length=(9.0, 20.0),
            layer=4.0,
            kind=strands.DIRECTION,
            comb=(0, 0.5, -1.0),
            strength=0.6,
            lift=1.0,
            gravity=0.1,
            curl=rng.uniform(0.2, 0.6),
        ),
        "horseshoe": Style(
            length=(1.0, 4.0),
            layer=0.6,
            kind=strands.DIRECTION,
            comb=(0, -0.7, -0.7),
            strength=0.7,
            lift=0.2,
            gravity=0.1,
        ),
        "buzz": Style(
            length=(0.3, 0.9),
            layer=0.1,
            kind=strands.AWAY,
            comb=(0, 5, 0),
            strength=0.2,
            lift=1.0,
            gravity=0.0,
        ),
    }
    curl = float(rng.uniform(0.0, 0.25))
    chosen = styles[name]
    return chosen if chosen.curl is not None else replace(chosen, curl=curl)


def add_hair(
    scene: Scene,
    rng: Random,
    anatomy: Anatomy,
    vertices: Float,
    look: looks.Look,
    pose: Pose,
    radii: Float,
    normals: Float,
    covered: float,
) -> None:
    """Scalp hair by style; `covered` is the height above which a hat hides it."""
    if look.style == "bald":
        return
    style = _hair_style(rng, look.style)
    rest = anatomy.scalp.rest
    margin = areas.scalp_margin(rest, look.forehead, look.recession) + rng.normal(0, 0.15, len(rest))
    allowed = (margin > 0) & (rest[:, 1] < covered)
    if look.style == "horseshoe":
        allowed &= (rest[:, 1] < 8.0) & (rest[:, 2] < 4.5)
    chosen = np.flatnonzero(allowed)
    wanted = {"buzz": 1500, "afro": 2600, "curly": 2200, "horseshoe": 900}.get(look.style, 2500)
    chosen = chosen[: int(wanted * rng.uniform(0.7, 1.15))]
    if len(chosen) < 10:
        return
    n = len(chosen)
    base = rng.uniform(*style.length)
    length = (base * rng.uniform(0.75, 1.1, n)).astype(np.float32)
    if look.style == "bangs":
        front = (rest[chosen, 2] > 4.0) & (np.abs(rest[chosen, 0]) < 5.5)
        length[front] = rng.uniform(2.5, 7.5) + rng.normal(0, 0.3, front.sum())
    if look.style in ("short_forward", "short_side", "slick", "spiky"):  # shorter at the sides
        length *= np.clip(0.35 + (rest[chosen, 1] - 2.0) / 8.0, 0.25, 1.0)
    depth = rng.random(n).astype(np.float32)
    thick = style.layer * rng.uniform(0.5, 1.3)
    down = pose.rotation.T @ np.array([0, -1.0, 0], np.float32)
    gravity = (style.gravity * (0.5 * down + 0.5 * np.array([0, -1, 0]))).astype(np.float32)
    is_long = look.style in ("long_center", "long_side", "bangs", "curly")
    grown = strands.grow(
        anatomy.scalp.at(vertices, chosen),
        anatomy.scalp.at(normals, chosen),
        radii,
        strands.HEAD_CENTER,
        length,
        (0.1 + thick * depth).astype(np.float32),
        style.kind,
        np.array(style.comb, np.float32),
        style.strength,
        style.lift * rng.uniform(0.6, 1.4),
        gravity,
        style.curl or 0.0,
        float(rng.uniform(0.5, 1.6)),
        float(rng.uniform(0.5, 1.7)) if is_long else 0.0,
        rng.uniform(0, 6.28, n).astype(np.float32),
        {"buzz": 4, "curly": 15, "afro": 13}.get(look.style, 11),
    )
    width = rng.uniform(0.16, 0.40) * np.exp(rng.normal(0, 0.3, n))
    if look.style == "buzz":
        width = width * 0.35
    _add_strands(
        scene,
        rng,
        pose,
        grown,
        width,
        look.hair,
        rng.uniform(0.04, 0.2),
        parts.R_HAIR,
        0.35 + 0.65 * depth,
    )
    if look.style == "bun" and covered > 20:
        place = np.array(style.comb, np.float32)
        knot = np.stack([place, place + np.array([0, 0.3, -1.5], np.float32)])
        ball = props.Prop(
            *props.tube(knot, rng.uniform(2.5, 4.5), 16),
            look.hair,
            parts.CLOTH,
            parts.R_HAIR,
        )
        add_prop(scene, ball, pose)


def add_grown(scene: Scene, rng: Random, grown: Mapping[str, Curves], pose: Pose, covered: float) -> None:
    """The hair of a digital human, which was grown closer and finer; `covered` as in `add_hair`."""
    regions = {"hair": parts.R_HAIR, "brows": parts.R_BROW, "beard": parts.R_SKIN}
    wider = {"hair": rng.uniform(2.2, 4.5), "brows": rng.uniform(1.0, 1.8), "beard": rng.uniform(1.6, 3.0)}
    for name, curves in grown.items():
        keep = slice(None, None, {"hair": 1, "brows": 2, "beard": 3}[name])
        points, width, color = curves.points[keep], curves.width[keep], curves.color[keep]
        if name == "hair":
            free = points[:, 0, 1] < covered
            points, width, color = points[free], width[free], color[free]
        if len(points) < 4:
            continue
        shade = rng.uniform(0.5, 1.0, len(points))
        _add_strands(scene, rng, pose, points, width * wider[name], color, 0.05, regions[name], shade)


def add_brows(
    scene: Scene,
    rng: Random,
    anatomy: Anatomy,
    vertices: Float,
    look: looks.Look,
    pose: Pose,
    normals: Float,
) -> None:
    if look.brow_hair <= 0.02:
        return
    rest = anatomy.brow.rest
    density = areas.brow_density(rest, look.brow_thickness, look.brow_lift)
    chosen = np.flatnonzero(density > rng.uniform(0.1, 0.9, len(rest)))
    n = len(chosen)
    if n < 4:
        return
    side = np.sign(rest[chosen, 0])
    length = rng.uniform(0.35, 0.95) * rng.uniform(0.7, 1.2, n)
    inner = np.clip((2.2 - np.abs(rest[chosen, 0])) / 1.4, 0, 1)
    direction = np.stack(
        [
            side * (1 - 0.7 * inner),
            0.25 + 0.7 * inner - 0.4 * (np.abs(rest[chosen, 0]) > 4.2),
            -0.35 * np.ones(n),
        ],
        1,
    )
    normal = anatomy.brow.at(normals, chosen)
    direction = direction - (direction * normal).sum(1, keepdims=True) * normal + 0.12 * normal
    direction += rng.normal(0, 0.12, direction.shape)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    root = anatomy.brow.at(vertices, chosen) + 0.03 * normal
    t = np.linspace(0, 1, 3)[None, :, None]
    grown = (
        root[:, None]
        + t * length[:, None, None] * direction[:, None]
        - 0.12 * t**2 * length[:, None, None] * normal[:, None]
    ).astype(np.float32)
    width = rng.uniform(0.03, 0.075) * np.ones(n)
    _add_strands(
        scene,
        rng,
        pose,
        grown,
        width,
        look.brow_color,
        0.25,
        parts.R_BROW,
        np.full(n, 0.9),
    )


def add_beard(
    scene: Scene,
    rng: Random,
    anatomy: Anatomy,
    vertices: Float,
    look: looks.Look,
    pose: Pose,
    normals: Float,
) -> None:
    if look.beard_shape == "none":
        return
    rest = anatomy.beard.rest
    density = looks.beard_mask(areas.beard_density(rest), rest, look.beard_shape)
    chosen = np.flatnonzero(density > rng.uniform(0.2, 1.0, len(rest)))[: int(rng.integers(900, 2600))]
    n = len(chosen)
    if n < 10:
        return
    normal = anatomy.beard.at(normals, chosen)
    x = rest[chosen, 0]
    moustache = rest[chosen, 1] > -3.0
    direction = np.stack(
        [0.12 * x + np.where(moustache, np.sign(x) * 1.2, 0), -1.0 * np.ones(n), 0.25 * np.ones(n)], 1
    )
    direction += rng.normal(0, 0.25, direction.shape) + 0.45 * normal
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = (
        look.beard_length
        * rng.uniform(0.6, 1.1, n)
        * np.where(moustache, min(1.0, 1.4 / look.beard_length), 1.0)
    )
    length *= np.clip(0.3 + (1.0 - rest[chosen, 1]) / 6.0, 0.3, 1.0)
    root = anatomy.beard.at(vertices, chosen)
    t = np.linspace(0, 1, 5)[None, :, None]
    fall = np.array([0, -0.35, 0]) * t**2
    wave = 0.08 * np.sin(7 * t + rng.uniform(0, 6, (n, 1, 1))) * rng.normal(0, 1, (n, 1, 3)) * t
    grown = root[:, None] + length[:, None, None] * (t * direction[:, None] + fall + wave)
    width = rng.uniform(0.06, 0.16) * np.ones(n)
    _add_strands(
        scene,
        rng,
        pose,
        grown.astype(np.float32),
        width,
        look.beard_color,
        0.3,
        parts.R_SKIN,
        rng.uniform(0.5, 1.0, n),
    )
