"""Draws random people from the head data: a picture, and the exact truth about it.

A picture is drawn at twice its size and averaged down in linear light. Regions: see `face.regions.REGIONS`. A
beard counts as skin (it moves with the skin); hats, scarves, hands and microphones are `occluder`; of
glasses only the frame and lenses darker than 20 % count as `glasses`; clothes are background in the
regions but belong to the person in `alpha`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from likeness.face.frame import yaw_pitch
from likeness.head import points as dense
from likeness.head.model import vertex_normals
from likeness.performance import ARKIT
from likeness.render.noise import noise_volume
from likeness.render.raster import rasterize
from likeness.training import anatomy as parts
from likeness.training import backgrounds, camera, expressions, facekit, humans, light, looks, props, shading
from likeness.training.anatomy import Anatomy
from likeness.training.hair import add_beard, add_brows, add_grown, add_hair
from likeness.training.humans import Human
from likeness.training.scene import (
    SCALE,
    SIZE,
    Pose,
    Scene,
    add_prop,
    bend_neck,
    cull,
    frame,
    project,
    rasterize_in,
    reduce,
    rotation,
    sample_pose,
    window_of,
)

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Bytes = NDArray[np.uint8]
Random = np.random.Generator

BROWS = np.unique(
    np.concatenate([np.arange(17, 27), *(dense.GROUPS[f"brow_{s}"] for s in ("left", "right"))])
)
BROW_FRONT_CM = 4.0  # the skin before this is where brows can be
_PLAIN = np.zeros((1, 2, 6), np.uint8)  # no painted skin


@dataclass(frozen=True)
class Portrait:
    """A picture (S, S, 3) uint8 sRGB, `region` and `alpha` (S, S) uint8, and its `labels` by name.

    On request also `normal` (S, S, 3), unit, in camera space (x right, y down, z away), `depth` (S, S) in cm
    along the camera's axis, inf where nobody is, and `uv` (S, S, 2) of the head data, NaN where there is no
    head.
    """

    image: Bytes
    region: Bytes
    alpha: Bytes
    labels: dict[str, NDArray[np.generic]]
    maps: dict[str, Float] | None = None


@dataclass(frozen=True)
class Head:
    """A head in head space: `neutral` and posed `vertices`, and the eyes' `center`, `scale` and `turn`."""

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


def _on_brows(head: Head, anatomy: Anatomy, lift: float) -> Float:
    """The dense points (450, 3) of a person whose brows grow `lift` cm higher: theirs lie on the hair."""
    out = head.dense_points
    place = anatomy.rest[dense.SOURCE_VERTEX[BROWS]] + np.array([0, lift, 0], np.float32)
    skin = np.flatnonzero(anatomy.rest[: facekit.SKIN[1], 2] > BROW_FRONT_CM)
    away, near = cKDTree(anatomy.rest[skin]).query(place, k=6)
    weight = 1 / (away + 1e-4) ** 2
    weight /= weight.sum(axis=1, keepdims=True)
    near = skin[near]
    place[:, 2] = np.einsum("nk,nk->n", weight, anatomy.rest[near, 2])
    out[BROWS] = place + np.einsum("nk,nkc->nc", weight, head.vertices[near] - anatomy.rest[near])
    return out


def _toward_camera(pose: Pose) -> tuple[float, float]:
    """Yaw and pitch in degrees at which somebody in this pose looks into the camera."""
    between = np.append(facekit.EYE_CENTER * np.array([0, 1, 1], np.float32), np.float32(1))
    yaw, pitch = np.degrees(yaw_pitch(-(pose.matrix @ between)[:3] @ pose.matrix[:3, :3]))
    return float(yaw), float(pitch)


def make_head(rng: Random, anatomy: Anatomy, pose: Pose) -> Head:
    """Draw identity, expression and gaze; put the eyeballs in place and turn them."""
    names = anatomy.kit.expression_names
    identity = rng.standard_normal(len(anatomy.identity), dtype=np.float32) * np.float32(
        rng.choice([0.8, 1.0, 1.25], p=[0.3, 0.5, 0.2])
    )
    weights = expressions.sample_expression(rng, names)
    gaze = expressions.sample_gaze(rng, _toward_camera(pose))
    expressions.follow_gaze(rng, weights, gaze, names)
    neutral, vertices = anatomy.shape(identity, weights)
    vertices = bend_neck(vertices, pose.body)
    centers, scales, turns = [], [], []
    for eye, (ball, sclera) in enumerate(
        ((facekit.EYE_LEFT, facekit.SCLERA_LEFT), (facekit.EYE_RIGHT, facekit.SCLERA_RIGHT))
    ):
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
    return Head(
        neutral,
        vertices,
        np.array(centers, np.float32),
        np.array(scales, np.float32),
        np.array(turns, np.float32),
        identity,
        weights,
        gaze,
    )


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


def _apply_lenses(
    rgb: Float,
    label: Bytes,
    depth: Float,
    pose: Pose,
    glass: props.Prop,
    style: dict[str, float],
    ambient: Float,
    lens: tuple[float, float, float],
    rng: Random,
) -> None:
    """Tint and mirror where a lens lies before the person; what it covers of the background is not drawn."""
    in_camera = parts.transform(glass.vertices, pose.matrix)
    screen = project(in_camera, *lens)
    window = window_of(screen, len(depth))
    if window is None:
        return
    rgb, label, depth = rgb[window], label[window], depth[window]
    index, bary, near = rasterize_in(screen, glass.triangles, window)
    front = (index >= 0) & (near < depth) & np.isfinite(depth)
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


def _apply_lashes(
    rng: Random, rgb: Float, depth: Float, screen: Float, anatomy: Anatomy, look: looks.Look
) -> None:
    """Darken what lies behind the lashes: their mesh is a strip of many hairs, so it is half transparent."""
    amount = rng.uniform(0.05, 0.55) + 0.35 * look.makeup
    color = np.float32(0.006) if rng.random() < 0.75 else look.brow_color * 0.5
    triangles = anatomy.triangles[anatomy.material == parts.LASH]
    ahead = screen[: len(anatomy.rest)] - np.array([0, 0, 0.03], np.float32)
    window = window_of(ahead[triangles.ravel()], len(depth))
    if window is None:
        return
    rgb, depth = rgb[window], depth[window]
    index, bary, near = rasterize_in(ahead, triangles, window)
    front = (index >= 0) & (near < depth)
    place = np.einsum("nk,nkc->nc", bary[front], anatomy.rest[triangles[index[front]]])
    stripes = 0.5 + 0.5 * np.sin(place[:, 0] * rng.uniform(25, 50) + 4 * place[:, 1])
    cover = (amount * (0.3 + 0.7 * stripes))[:, None].astype(np.float32)
    rgb[front] = rgb[front] * (1 - cover) + color * cover * rgb[front].mean(1, keepdims=True)


def _build(
    rng: Random, anatomy: Anatomy, head: Head, look: looks.Look, human: Human | None, pose: Pose
) -> tuple[Scene, tuple[props.Prop, dict[str, float]] | None]:
    scene = Scene()
    names = anatomy.kit.expression_names
    lips = head.vertices[anatomy.kit.multipie68[[48, 51, 54, 57]]]
    depth_in = (lips[:, 2].mean() - 0.1) - head.vertices[:, 2]
    attr = looks.vertex_attributes(
        rng, look, anatomy, float(head.expression[names.index("jawOpen")]), depth_in
    )
    normals = vertex_normals(head.vertices, anatomy.triangles)
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
    scene.add(
        parts.transform(head.vertices, pose.matrix),
        attr,
        anatomy.triangles[drawn],
        anatomy.material[drawn],
        anatomy.region[drawn],
    )
    if human is not None:
        grown = humans.grow(human, anatomy, head.vertices, normals, radii)
        add_grown(scene, rng, grown, pose, covered)
    else:
        add_hair(scene, rng, anatomy, head.vertices, look, pose, radii, normals, covered)
        add_brows(scene, rng, anatomy, head.vertices, look, pose, normals)
        add_beard(scene, rng, anatomy, head.vertices, look, pose, normals)
    lenses = None
    if rng.random() < 0.34:
        rim, glass, style = props.glasses(rng, anatomy, head.vertices, head.center)
        extra.append(rim)
        lenses = (glass, style)
    extra += props.clothes(rng)
    if rng.random() < 0.14:
        tone = looks.sample_look(rng).skin if rng.random() < 0.2 else look.skin
        for _ in range(1 + int(rng.random() < 0.25)):
            target = head.vertices[dense.SOURCE_VERTEX[rng.integers(dense.SKIN_COUNT)]]
            extra += props.hand(rng, target, tone)
    if rng.random() < 0.09:
        extra += props.microphone(rng, lips.mean(0))
    for prop in extra:
        add_prop(scene, prop, pose)
    return scene, lenses


def _eye_frames(head: Head, pose: Pose) -> Float:
    out = np.zeros((2, 13), np.float32)
    for e in (0, 1):
        out[e, 0:3] = parts.transform(head.center[e][None], pose.matrix)[0]
        out[e, 3:12] = (pose.matrix[:3, :3] @ head.turn[e]).ravel()
        out[e, 12] = head.scale[e]
    return out


def visibility(
    points: Float, camera_points: Float, normals: Float, depth: Float, scale: int
) -> NDArray[np.bool_]:
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


def render(
    seed: int, index: int, anatomy: Anatomy, maps: bool = False, human_share: float = 0.0, size: int = SIZE
) -> Portrait:
    """Draw picture `index` of `seed`, `size` pixels square; the same arguments give the same picture.

    Of another size it shows the same person, pose and light, by another camera.
    `human_share` of the people have the skin and hair of the suite's digital humans, the others looks that
    are drawn freely (`looks`), whose variety is wider than that of nature.
    A face of which almost nothing is seen (hair, a hand, a hat) teaches nothing and is drawn anew.
    """
    for attempt in range(4):
        portrait = _draw(
            np.random.default_rng([seed, index] + [attempt] * (attempt > 0)),
            anatomy,
            maps,
            human_share,
            size,
        )
        if portrait.labels["visible"].mean() > 0.2:
            break
    return portrait


def _draw(rng: Random, anatomy: Anatomy, maps: bool, human_share: float, size: int) -> Portrait:
    pose = sample_pose(rng)
    head = make_head(rng, anatomy, pose)
    human: Human | None = None
    if human_share and rng.random() < human_share:
        look, human = humans.sample_human(rng, anatomy)
    else:
        look = looks.sample_look(rng)
    lit = light.sample_light(rng)
    scene, lenses = _build(rng, anatomy, head, look, human, pose)
    points_cam = parts.transform(_on_brows(head, anatomy, look.brow_lift), pose.matrix)
    focal, cx, cy = frame(rng, points_cam, size)
    lens2 = (focal * SCALE, cx * SCALE, cy * SCALE)
    points = np.concatenate(scene.points)
    triangles = np.concatenate(scene.triangles)
    attr = np.concatenate(scene.attr)
    material, region = np.concatenate(scene.material), np.concatenate(scene.region)
    screen = project(points, *lens2)
    # the balls are drawn a little deeper, so that closed lids always cover them
    for ball in (facekit.EYE_LEFT, facekit.EYE_RIGHT):
        screen[slice(*ball), 2] += 0.07
    triangle, bary, depth = rasterize(screen, cull(screen, triangles, material), size * SCALE, size * SCALE)
    casting = triangles[(material == parts.SKIN) | (material >= parts.STRAND)]
    shadow, shadow_frame = light.shadow_map(
        lit, points, casting, parts.transform(np.array([[0, 2.0, 3.0]], np.float32), pose.matrix)[0]
    )
    look.numbers[shading.P_SHADOW] = lit.shadow
    look.numbers[shading.P_SOFT] = lit.softness
    rgb, label = shading.shade(
        triangle,
        bary,
        depth,
        triangles,
        attr,
        material,
        region,
        look.numbers,
        np.array(lens2, np.float32),
        lit.direction,
        lit.color,
        lit.cube,
        shadow,
        shadow_frame,
        _eye_frames(head, pose),
        look.iris,
        _lid_curves(head),
        noise_volume(),
        anatomy.uv[anatomy.material != parts.LASH],
        _PLAIN if human is None else human.texture,
        pose.matrix[:3, :3],
    )
    _apply_lashes(rng, rgb, depth, screen, anatomy, look)
    if lenses is not None:
        _apply_lenses(rgb, label, depth, pose, *lenses, lit.cube, lens2, rng)
    color, region_map, alpha = reduce(rgb, label, triangle)
    picture = _compose(rng, color, alpha, region_map, look)
    eye = (triangle >= 0) & np.isin(material[triangle], (parts.EYE_LEFT, parts.EYE_RIGHT))
    labels = _labels(head, pose, attr, points_cam, (focal, cx, cy), depth, eye)
    names = anatomy.kit.expression_names
    labels["arkit"] = expressions.to_arkit(head.expression, names, ARKIT)
    seen = (triangle[::SCALE, ::SCALE], bary[::SCALE, ::SCALE], depth[::SCALE, ::SCALE])
    return Portrait(
        camera.photograph(rng, picture),
        region_map,
        (alpha * 255 + 0.5).astype(np.uint8),
        labels,
        _maps(*seen, triangles, attr, anatomy) if maps else None,
    )


def _maps(
    triangle: Int, bary: Float, depth: Float, triangles: Int, attr: Float, anatomy: Anatomy
) -> dict[str, Float]:
    """Normals, depth and texture coordinates of what each pixel's first sample hits."""
    hit = triangle >= 0
    normal = np.zeros((*triangle.shape, 3), np.float32)
    normal[hit] = np.einsum("nk,nkc->nc", bary[hit], attr[triangles[triangle[hit]], 0:3])
    normal[hit] /= np.maximum(np.linalg.norm(normal[hit], axis=1, keepdims=True), 1e-6)
    corner = anatomy.uv[anatomy.material != parts.LASH]  # the head's triangles come first in the scene
    head = hit & (triangle < len(corner))
    uv = np.full((*triangle.shape, 2), np.nan, np.float32)
    uv[head] = np.einsum("nk,nkc->nc", bary[head], corner[triangle[head]])
    return {"normal": normal, "depth": depth, "uv": uv}


def _labels(
    head: Head,
    pose: Pose,
    attr: Float,
    points_cam: Float,
    lens: tuple[float, float, float],
    depth: Float,
    eye: NDArray[np.bool_],
) -> dict[str, NDArray[np.generic]]:
    points_px = project(points_cam, *lens)
    normals = np.zeros((dense.COUNT, 3), np.float32)
    normals[: dense.SKIN_COUNT] = attr[dense.SOURCE_VERTEX, 0:3]
    for e, first in enumerate((dense.IRIS_LEFT, dense.IRIS_RIGHT)):
        normals[first : first + 1 + dense.RIM_COUNT] = pose.matrix[:3, :3] @ head.turn[e][:, 2]
    visible = visibility(points_px, points_cam, normals, depth, SCALE)
    # lids lie so close on the eyes that depth cannot tell: an iris is seen where the eye is drawn
    iris = np.arange(dense.IRIS_LEFT, dense.COUNT)
    place = np.clip(np.floor(points_px[iris, :2] * SCALE).astype(int), 0, len(depth) - 1)
    visible[iris] &= eye[place[:, 1], place[:, 0]]
    return {
        "points_px": points_px[:, :2],
        "points_cam": points_cam,
        "visible": visible,
        "head_pose": pose.matrix,
        "focal_px": np.array(lens[0], np.float32),
        "cx": np.array(lens[1], np.float32),
        "cy": np.array(lens[2], np.float32),
        "expression": head.expression,
        "gaze": head.gaze,
        "identity": head.identity,
    }


def _compose(rng: Random, color: Float, alpha: Float, region: Bytes, look: looks.Look) -> Float:
    """Expose the person, and put the background behind."""
    weight = np.array([0.25, 0.65, 0.10], np.float32)
    face = (region == parts.R_SKIN) & (alpha > 0.99)
    mean = float((color[face] @ weight).mean()) if face.any() else 0.2
    target = 0.36 * (float(look.skin @ weight) / 0.45) ** 0.55 * np.exp(rng.normal(0, 0.33))
    background = backgrounds.sample_background(rng, len(color), look.skin) * np.exp(rng.normal(0, 0.4))
    return (color * np.float32(target / max(mean, 1e-3)) + background * (1 - alpha[..., None])).astype(
        np.float32
    )
