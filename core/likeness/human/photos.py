"""A person from photos: who it is, what color skin, eyes and hair have, and the skin itself.

Several photos have each a lens of their own. A pinhole's picture scaled about its middle is that of another
focal length, so all points are brought to one lens, and one identity is solved from all of them; shading
then tells the shape that points do not (`likeness.human.shading`). Light is taken off the skin by spherical
harmonics (`likeness.face.light`); what no photo shows is painted by `likeness.human.skin` in colors that
carry on from what is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.errors import BadInput
from likeness.face import light as lights
from likeness.face.fit import Fit, Lens, Shot, default_lens, fit_identity, interocular, refine
from likeness.face.landmarks import Points, crop_from_points
from likeness.face.regions import REGIONS, segment
from likeness.face.report import reported_head, weighed
from likeness.face.shot import choose_keys, estimate_lens
from likeness.face.track import Pictures, follow_all
from likeness.head import points as dense
from likeness.head.model import load_head, vertex_normals
from likeness.human.eyes import iris_color
from likeness.human.look import Look
from likeness.human.shading import Seen, shades, solve_shape
from likeness.human.skin import Skin
from likeness.human.texels import Texels, head_texels
from likeness.human.tissue import hair_color, tone_of
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Array = NDArray[np.float64]

CLIP_KEYS = 4  # frames taken from a clip
MIRRORED = 0.8  # of the detail of one side, where only the other is seen
KEPT = 0.25  # of a photo's slow changes of color
SAME_SIZE = 0.5  # another face of so much of the largest's size makes a photo ambiguous
COMMON_PX = 1000.0  # focal length all photos are brought to
CHOICES = ("only", "largest", "left", "right", "center")


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture of the face: its dense points and its lens; `view` (H, W, 3) as shown, `linear` its light."""

    points: Points
    lens: Lens
    view: Float
    linear: Float


@dataclass(frozen=True, eq=False)
class Sitting:
    """Who the photos show: `identity` (K,), and for every photo pose and expression (in its own lens)."""

    identity: Float
    photos: tuple[Photo, ...]
    fits: tuple[Fit, ...]

    @property
    def residual(self) -> float:
        """Mean distance of found points from the fitted head's, in inter-ocular distances."""
        return float(np.mean([fit.residual for fit in self.fits]))


def take(
    source: Pictures,
    frames: Sequence[int],
    size: tuple[int, int],
    read: Callable[[int], tuple[Float, Float]],
    *,
    name: str,
    choose: str = "only",
    focal_mm: float = 0.0,
    device: str = "auto",
) -> list[Photo]:
    """The face in a still, or in the most telling frames of a clip; `read(frame)` gives view and linear.

    `choose` is one of `CHOICES`. Raises `BadInput` when there is no face, or several and none is chosen.
    """
    head = load_head()
    try:
        seen = follow_all(source, frames, choose="largest" if choose == "only" else choose, device=device)
    except BadInput as error:
        raise BadInput(f"{name}: {error}", error.hint) from None
    tracks = seen.tracks()
    sizes = [max(interocular(points.xy) for points in track.seen) for track in tracks]
    alike = sum(s > SAME_SIZE * max(sizes) for s in sizes)
    if choose == "only" and alike > 1:
        raise BadInput(f"{name} shows {alike} faces.", "Crop it to one, or choose which with 'face'.")
    track = tracks[0]
    places = [i for i, found in enumerate(track.found) if found]
    points = [track.points[i] for i in places]
    lens = default_lens(*size, focal_mm) if focal_mm else estimate_lens(head, points, size)
    keys = choose_keys([p.xy for p in points], CLIP_KEYS) if len(points) > 1 else [0]
    return [Photo(points[k], lens, *read(track.frames[places[k]])) for k in keys]


def with_one_lens(photos: Sequence[Photo]) -> list[Photo]:
    """The photos with a lens estimated from all of them, if they may be one camera's: all of one size."""
    sizes = {photo.linear.shape[:2] for photo in photos}
    if len(photos) < 2 or len(sizes) > 1:
        return list(photos)
    height, width = sizes.pop()
    lens = estimate_lens(load_head(), [photo.points for photo in photos], (width, height))
    return [replace(photo, lens=lens) for photo in photos]


def solve(photos: Sequence[Photo]) -> Sitting:
    """One person from the points of all photos, and pose and expression in each."""
    head = reported_head()
    common = Lens(COMMON_PX, (0.0, 0.0))
    keys = [weighed(brought(photo.points, photo.lens, common)) for photo in photos]
    shot, fits = fit_identity(head, keys, common)
    own = []
    for photo, fit in zip(photos, fits, strict=True):
        there = Shot(photo.lens, shot.identity, shot.bias, shot.rest)
        own.append(refine(head, there, weighed(photo.points), fit))
    return Sitting(shot.identity.astype(np.float32), tuple(photos), tuple(own))


def by_shading(sitting: Sitting, device: str = "auto") -> Sitting:
    """The same sitting with the shape that light on the skin shows (`likeness.human.shading`)."""
    seen = [
        Seen(weighed(p.points), p.lens, shades(p.view, p.linear, p.points.xy, device)) for p in sitting.photos
    ]
    identity, fits = solve_shape(seen, sitting.identity.astype(float), sitting.fits)
    return replace(sitting, identity=identity.astype(np.float32), fits=tuple(fits))


def brought(points: Points, lens: Lens, to: Lens) -> Points:
    """Points as another pinhole at the same place would see them."""
    scale = to.focal_px / lens.focal_px
    return replace(
        points,
        xy=(points.xy - lens.center_px) * scale + to.center_px,
        z=points.z * scale,
        sigma_px=points.sigma_px * scale,
    )


@dataclass(frozen=True, eq=False)
class Unwrapped:
    """A photo on the texture: linear `albedo` (N, N, 3) without its light, and how sure it is (N, N)."""

    albedo: Float
    weight: Float
    light: lights.Light


def unwrap(sitting: Sitting, index: int, size: int, device: str = "auto") -> Unwrapped:
    """The skin that a photo shows, delit, in the head's texture."""
    head, at = load_head(), head_texels(size)
    photo, fit = sitting.photos[index], sitting.fits[index]
    vertices = head.vertices(sitting.identity, fit.expression.astype(np.float32), fit.gaze.astype(np.float32))
    camera = (vertices @ fit.rotation.T + fit.translation).astype(np.float32)
    focal, (cx, cy) = photo.lens.focal_px, photo.lens.center_px
    pixels = np.stack(
        [camera[:, 0] / camera[:, 2] * focal + cx, camera[:, 1] / camera[:, 2] * focal + cy, camera[:, 2]], 1
    ).astype(np.float32)
    normals = vertex_normals(camera, head.vertex_twin[head.triangles])[head.vertex_twin]
    height, width = photo.linear.shape[:2]
    _, _, depth = rasterize(pixels, head.triangles, width, height)
    skin = head.level_parts[0] == head.part_names.index("skin")
    inside = (at.index >= 0) & skin[at.index]
    corners, bary = head.triangles[at.index[inside]], at.bary[inside]

    def on_texture(values: Float) -> Float:
        return np.asarray(np.einsum("nk,nkc->nc", bary, values[corners]), np.float32)

    spot, normal = on_texture(pixels), on_texture(normals)
    place = on_texture(camera)
    facing = -(normal * place).sum(1) / (
        np.linalg.norm(place, axis=1) * np.linalg.norm(normal, axis=1) + 1e-6
    )
    there = (spot[:, 0] > 1) & (spot[:, 1] > 1) & (spot[:, 0] < width - 2) & (spot[:, 1] < height - 2)
    x, y = np.clip(spot[:, 0].astype(int), 0, width - 1), np.clip(spot[:, 1].astype(int), 0, height - 1)
    shown = there & (spot[:, 2] < depth[y, x] + 0.6)
    color = np.stack(
        [
            ndimage.map_coordinates(
                photo.linear[..., c], [spot[:, 1] - 0.5, spot[:, 0] - 0.5], order=1, mode="nearest"
            )
            for c in range(3)
        ],
        1,
    )
    parts = segment(photo.view, crop_from_points(photo.points.xy), device).in_picture(
        (0, 0, width, height), photo.view
    )
    bare = parts[..., [REGIONS.index(n) for n in ("skin", "brow", "lips", "ears", "neck")]].sum(-1)
    clean = parts[..., REGIONS.index("skin")]
    weight = np.clip((facing - 0.25) / 0.45, 0, 1) ** 1.5 * shown * np.clip((bare[y, x] - 0.5) * 2.5, 0, 1)
    sample = np.flatnonzero((weight > 0.3) & (clean[y, x] > 0.8))[::7]
    if len(sample) < 50:
        raise BadInput("A photo shows too little skin.", "Use one with more of the face uncovered.")
    eyeball = _sclera(photo, parts[..., REGIONS.index("eye")])
    lamp = lights.estimate(color[sample].astype(np.float32), normal[sample], eyeball)
    lit = lamp.at(normal)
    albedo = np.zeros((size, size, 3), np.float32)
    sure = np.zeros((size, size), np.float32)
    flat = np.clip(color / np.maximum(lit, 1e-4), 0.002, 1.0)
    usual = np.median(flat[sample], 0)
    ceiling = 1.45 * usual  # more is gloss, not color
    albedo[inside] = np.minimum(flat, ceiling)
    sure[inside] = weight
    return Unwrapped(albedo, sure, lamp)


def combine(seen: Sequence[Unwrapped]) -> tuple[Float, Float]:
    """The albedo (N, N, 3) of all photos, brought to one exposure, and how sure it is (N, N)."""
    first = seen[0]
    total = np.zeros_like(first.albedo)
    weight = np.zeros_like(first.weight)
    for one in seen:
        both = (one.weight > 0.3) & (first.weight > 0.3)
        gain = np.ones(3, np.float32)
        if one is not first and both.sum() > 200:
            ours, theirs = np.median(first.albedo[both], 0), np.median(one.albedo[both], 0)
            gain = np.asarray(ours / np.maximum(theirs, 1e-3), np.float32)
        w = (one.weight**3)[..., None]
        total += w * np.log(np.maximum(one.albedo * gain, 1e-3))
        weight += w[..., 0]
    albedo = np.exp(total / np.maximum(weight, 1e-6)[..., None])
    sure = np.max([one.weight for one in seen], 0)
    return albedo.astype(np.float32), sure.astype(np.float32)


def completed(skin: Skin, albedo: Float, sure: Float, at: Texels, look: Look) -> Skin:
    """The painted skin with what the photos show of it where they are sure."""
    hidden = np.maximum(_covered(at, look), _below(at))
    soft = np.clip(ndimage.gaussian_filter(sure, 4 * at.size / 1024) * 1.15, 0, 1)
    weight = soft * (sure > 0.02) * (1 - hidden)
    change = np.log(np.maximum(albedo, 2e-3)) - np.log(np.maximum(skin.base_color, 2e-3))
    # What is left of light and shadow is slow; the painted skin knows the slow changes of color itself.
    slow = _carried_on(change, weight, at)
    middle = np.median(change[weight > 0.5], 0) if (weight > 0.5).any() else np.zeros(3, np.float32)
    detail = change - slow + KEPT * np.clip(slow - middle, -0.5, 0.5)
    on_skin = (at.index >= 0) & _skin_of(at)
    out = skin.base_color.copy()
    detail = np.clip(detail, -1.5, 0.6)
    # The texture is nearly its own mirror image in the middle of the face: one side stands in for the other.
    other = weight[:, ::-1] * (1 - weight) * (1 - hidden) * _middle(at)
    mixed = weight[..., None] * detail + MIRRORED * other[..., None] * detail[:, ::-1]
    out[on_skin] = np.clip(skin.base_color * np.exp(mixed), 0.002, 0.95)[on_skin]
    return replace(skin, base_color=at.fill(np.ascontiguousarray(out, dtype=np.float32)))


def _middle(at: Texels) -> Float:
    """The middle of the face (N, N), 0..1."""
    head = load_head()
    field = np.clip((5.6 - np.abs(head.mean[:, 0])) / 1.5, 0, 1) * (head.mean[:, 2] > 5)
    return np.asarray((field[head.triangles[at.index]] * at.bary).sum(-1) * (at.index >= 0), np.float32)


def _below(at: Texels) -> Float:
    """Where the neck begins (N, N), 0..1: a photo shows collars there, and the body's color goes on."""
    head = load_head()
    height = head.mean[:, 1] + 0.35 * (head.mean[:, 2] - 9.0)
    field = np.clip((-6.6 - height) / 1.5, 0, 1)
    return np.asarray((field[head.triangles[at.index]] * at.bary).sum(-1) * (at.index >= 0), np.float32)


def _skin_of(at: Texels) -> NDArray[np.bool_]:
    head = load_head()
    return np.asarray((head.level_parts[0] == head.part_names.index("skin"))[at.index])


def _covered(at: Texels, look: Look) -> Float:
    """Where hair grows on the head (N, N), 0..1: a photo shows hair there, not skin."""
    from likeness.head import areas

    head = load_head()
    margin = areas.scalp_margin(head.mean, 1.6 * look.hairline - 0.2, 2.5 * look.hairline)
    field = np.clip((margin + 0.4) / 0.8, 0, 1)
    out = (field[head.triangles[at.index]] * at.bary).sum(-1) * (at.index >= 0)
    return np.asarray(out, np.float32)


def _carried_on(values: Float, weight: Float, at: Texels) -> Float:
    """`values` (N, N, 3) smoothed over the skin and carried on from where `weight` (N, N) has them."""
    step = max(1, at.size // 256)
    small, w = values[::step, ::step], np.maximum(weight[::step, ::step], 0)
    median = np.median(values[weight > 0.5], 0) if (weight > 0.5).any() else np.zeros(3, np.float32)
    out = np.broadcast_to(median, small.shape).astype(np.float32)
    for sigma in (64, 32, 16, 10):
        cover = ndimage.gaussian_filter(w, sigma)
        share = np.clip(cover / 0.05, 0, 1)[..., None]
        mean = np.stack([ndimage.gaussian_filter(small[..., c] * w, sigma) for c in range(3)], -1)
        out = out + share * (mean / np.maximum(cover, 1e-6)[..., None] - out)
    if step == 1:
        return np.asarray(out, np.float32)
    return np.stack([ndimage.zoom(out[..., c], step, order=1) for c in range(3)], -1).astype(np.float32)


def colors(sitting: Sitting, seen: Sequence[Unwrapped], look: Look, device: str = "auto") -> Look:
    """The look with skin tone, redness, eye and hair color as the photos show them."""
    albedo, sure = combine(seen)
    tone, blood = tone_of(_lit_skin(albedo[sure > min(0.6, 0.8 * float(sure.max()))]))
    out = replace(look, skin_tone=tone, redness=float(np.clip((blood - 0.12) / 0.75, 0, 1)))
    photo, white = sitting.photos[0], np.maximum(seen[0].light.white, np.float32(1e-4))
    iris = _iris(photo)
    if iris is not None:
        melanin, green = _nearest_eye(np.asarray(iris / white, np.float32), out)
        out = replace(out, eye_melanin=melanin, eye_green=green)
    hair = _hair(photo, device)
    if hair is not None:
        melanin, red, gray = _nearest_hair(np.asarray(hair / white, np.float32))
        out = replace(out, hair_melanin=melanin, hair_red=red, gray=gray)
    return out


def _lit_skin(colors_: Float) -> Float:
    """The middle color (3,) of the brighter half without the gloss: shadows that are left do not count."""
    level = colors_.mean(1)
    low, high = np.quantile(level, [0.45, 0.92])
    return np.asarray(np.median(colors_[(level >= low) & (level <= high)], 0), np.float32)


def _sclera(photo: Photo, eye: Float) -> Float | None:
    """Linear color (3,) of the white of the eyes, None where too little shows."""
    away = np.minimum(*(_from_iris(photo, i) for i in range(2)))
    white = (eye > 0.8) & (away > 1.2)
    if white.sum() < 12:
        return None
    shown = photo.linear[white]
    level = shown.mean(1)
    return np.asarray(np.median(shown[level >= np.quantile(level, 0.5)], 0), np.float32)


_IRISES = ((dense.IRIS_LEFT, dense.RIM_LEFT), (dense.IRIS_RIGHT, dense.RIM_RIGHT))


def _from_iris(photo: Photo, side: int) -> Array:
    """Distance (H, W) of every pixel from an iris' middle, in its radii."""
    height, width = photo.linear.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    center, rim = _IRISES[side]
    middle = photo.points.xy[center]
    radius = float(np.linalg.norm(photo.points.xy[rim] - middle, axis=1).mean())
    return np.asarray(np.hypot(x + 0.5 - middle[0], y + 0.5 - middle[1]) / max(radius, 1e-3))


def _iris(photo: Photo) -> Float | None:
    """Linear color (3,) of the iris between pupil and rim, the median of both eyes."""
    picked = []
    for side, (center, _) in enumerate(_IRISES):
        away = _from_iris(photo, side)
        below = np.arange(len(away))[:, None] > photo.points.xy[center][1]
        picked.append(photo.linear[(away > 0.45) & (away < 0.85) & below])
    found = np.concatenate(picked)
    return np.median(found, 0).astype(np.float32) if len(found) > 8 else None


def _hair(photo: Photo, device: str) -> Float | None:
    """Linear color (3,) of the hair, None where too little shows."""
    height, width = photo.linear.shape[:2]
    parts = segment(photo.view, crop_from_points(photo.points.xy), device)
    hair = parts.in_picture((0, 0, width, height), photo.view, ["hair"])[..., 0] > 0.7
    if hair.sum() < 0.01 * (interocular(photo.points.xy) * 3) ** 2:
        return None
    return np.median(photo.linear[hair], 0).astype(np.float32)


def _nearest_eye(color: Float, look: Look) -> tuple[float, float]:
    options = [(m, g) for m in np.linspace(0, 1, 21) for g in np.linspace(0, 1, 6)]
    table = np.array([np.mean(iris_color(replace(look, eye_melanin=m, eye_green=g)), 0) for m, g in options])
    # an eye lies in the shade of its lids: its hue tells more than its brightness
    error = _hue_error(table, color, brightness=0.35)
    best = options[int(error.argmin())]
    return float(best[0]), float(best[1])


def _nearest_hair(color: Float) -> tuple[float, float, float]:
    options = [
        (m, r, g) for m in np.linspace(0, 1, 21) for r in (0.0, 0.3, 0.6, 1.0) for g in np.linspace(0, 1, 6)
    ]
    table = np.array([hair_color(*option) for option in options])
    error = _hue_error(table, color, brightness=0.8) + np.array([0.05 * r + 0.15 * g for _, r, g in options])
    melanin, red, gray = options[int(error.argmin())]
    return float(melanin), float(red), float(gray)


def _hue_error(table: Array, color: Float, brightness: float) -> Array:
    """Squared distance of logarithms, brightness counting less than hue."""
    apart = np.log(table + 0.004) - np.log(np.maximum(color, 0) + 0.004)
    level = apart.mean(-1)
    return np.asarray(((apart - level[:, None]) ** 2).sum(-1) * 3 + brightness * level**2)
