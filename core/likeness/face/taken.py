"""One plate frame taken apart: mesh in pixels, light, eyes, the inside of the mouth, head and background."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from likeness.face import eyes, glasses, grain, lips, mouth, rim, warp
from likeness.face.backdrop import Backdrop
from likeness.face.body import Body, cut_body
from likeness.face.cutout import Cutout, cut, found_at, regions_of, whole
from likeness.face.fit import Fit, Lens
from likeness.face.glasses import Glasses
from likeness.face.inside import lit_between
from likeness.face.jaw import jaw_of
from likeness.face.lids import Lid, take_lid
from likeness.face.light import Light, estimate
from likeness.face.limbus import disk_frame, radius_px
from likeness.face.mouth import PlateMouth
from likeness.face.neck import Neck, neck_of
from likeness.face.person import shown_in, to_camera, to_pixels, upper_count
from likeness.face.pits import Pit, pits_of
from likeness.face.regions import Regions
from likeness.face.rig import (
    EYES,
    Rig,
    face_width,
    facing_of,
    iris_axes,
    normals_of,
    outlines_of,
    visible,
)
from likeness.face.texture import Texture, texture_of
from likeness.face.uncovered import Complexion, complexion
from likeness.head import points as dense
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]


@dataclass(frozen=True)
class Taken:
    """One plate frame taken apart, with the head of that `rig` in it.

    `pixels` (V, 3) holds x, y and depth of vertices and points.
    `local` (V, 3) are the same in head space, cm.
    `blur_px` is the standard deviation of the plate's own blur;
    `plate` is without what is before the face, which the cutout keeps, and without `glasses`.
    `grain` is added to what is drawn anew, the same for the same `seed`. `lip_slide` (V, 2)
    takes lips without teeth. `held` (V,): 1 where hair before the face hides a vertex. `regions`: what the
    network saw, if it was asked.
    `outlines` are those of eyes and mouth by name, (N, 2), `outline` that of the head.
    `iris_cm`: the irises' radius; `irises_px`: those of the left and the right one, as they look.
    """

    rig: Rig
    plate: Float
    fit: Fit
    cutout: Cutout
    blur_px: float
    grain: grain.Grain
    seed: tuple[int, ...]
    lip_slide: Float
    local: Float
    pixels: Float
    outlines: dict[str, Float]
    outline: rim.Outline
    light: Light
    level: Float
    facing: Float
    eyes: tuple[eyes.Eye | None, eyes.Eye | None]
    iris_cm: float
    irises_px: tuple[float, float]
    mouth: PlateMouth
    held: Float
    glasses: Glasses | None
    regions: Regions | None

    @cached_property
    def lids(self) -> tuple[Lid | None, Lid | None]:
        """Both eyes' lids as they are when closed; made when they are first needed."""
        return self._lid(0), self._lid(1)

    @cached_property
    def jaw(self) -> warp.Stay:
        """What of the plate only the moved head shows; made when a head first turns."""
        return jaw_of(self.rig.face_skin, self.pixels, warp.cell_px(face_width(self.pixels[-dense.COUNT :])))

    @cached_property
    def neck(self) -> Neck | None:
        """What stands while the head turns, if the network was asked; told when it first does."""
        return None if self.regions is None else neck_of(self.regions)

    @cached_property
    def slack(self) -> Float:
        """See `rim.slack`; told when a head first turns."""
        height, width = self.cutout.layer.shape[:2]
        local = self.pixels - np.array([*self.cutout.origin, 0], np.float32)
        mesh = rasterize(local, self.rig.skin, width, height)[0] >= 0
        return rim.slack(self.outline, self.cutout, mesh.astype(np.float32))

    @cached_property
    def complexion(self) -> Complexion:
        """The color of skin that comes into sight; told when a head first turns."""
        return complexion(self)

    @cached_property
    def texture(self) -> Texture:
        """The skin's texture, for the same; made when a head first turns."""
        return texture_of(self)

    @cached_property
    def body(self) -> Body:
        """Neck and shoulders and what is behind them; made when a head first travels."""
        return cut_body(self.plate, self.cutout, self.pixels[-dense.COUNT :, :2])

    @cached_property
    def skin_shown(self) -> Float:
        """See `rim.skin_shown`; made when a head first turns."""
        return rim.skin_shown(self.outline, self.pixels[-dense.COUNT :, :2])

    @cached_property
    def pits(self) -> tuple[Pit, Pit]:
        """Those beside the mouth's corners; told when lips first part."""
        return pits_of(self.plate, self.pixels[-dense.COUNT :, :2])

    def _lid(self, side: int) -> Lid | None:
        eye = self.eyes[side]
        if eye is None:
            return None
        outline, other = (self.outlines[EYES[k]] for k in (side, 1 - side))
        upper = upper_count(EYES[side])
        ends = np.linalg.norm(outline[[0, upper - 1]] - other.mean(axis=0), axis=1)
        cm_px = eye.frame[:, :2] / np.float32(self.iris_cm)
        return take_lid(self.plate, outline, upper, cm_px, inner_first=bool(ends[0] < ends[1]))


def take(
    rig: Rig,
    plate: Float,
    fit: Fit,
    lens: Lens,
    shown: Float | None = None,
    seed: tuple[int, ...] = (0,),
    glasses_sure: float | None = None,
    device: str = "auto",
    behind: Float | None = None,
    backdrop: Backdrop | None = None,
    cutout: Cutout | None = None,
) -> Taken:
    """Take apart a plate frame (H, W, 3), scene-linear, in which the head lies as `fit` says.

    `shown` (H, W, 3) is its display view: with it, the head is cut from its background; without, it is
    `cutout`, or all of the picture goes with the head. `glasses_sure` is what `glasses.worn` says of the
    shot; without, this frame alone is asked. `behind` (H, W, 3) is what is known to be behind the head,
    `backdrop` what the shot shows of that.
    """
    person = rig.person
    local = person.posed(fit.expression, fit.corrective)
    camera = to_camera(person, local, fit, fit)
    pixels = to_pixels(camera, lens)
    normals = normals_of(rig, camera)
    points = pixels[person.vertex_count :, :2]
    held, worn, regions = np.zeros(len(pixels), np.float32), None, None
    if shown is None:
        cutout = cutout or whole(plate)
    else:
        regions = regions_of(shown, points, device)
        sure = glasses.worn(lambda: [(shown, points)], device) if glasses_sure is None else glasses_sure
        plate, worn = glasses.take_off(plate, shown, sure, points, device)
        cutout = cut(plate, shown, points, regions, behind, backdrop)
        held[rig.forehead] = found_at(regions, pixels[rig.forehead, :2], "hair")
    plate = cutout.bare(plate)
    outlines = outlines_of(person, pixels)
    lids = [outlines[name] for name in EYES]
    axes = [iris_axes(person, side, fit, lens) for side in (0, 1)]
    eyeball = _eyeball_color(plate, lids, axes)
    light, blur_px = estimate(*_skin_samples(rig, plate, pixels, normals), eyeball), grain.blur(plate, points)
    noise = grain.measure(plate, points)
    taken_eyes = tuple(
        _grained(
            eyes.take_eye(plate, outline, axis, light.eyeball, light.eyeball_middle, blur_px), noise, seed
        )
        for outline, axis in zip(lids, axes, strict=True)
    )
    inside = rig.inside
    lip = lips.color(plate, person, pixels)
    lit = lit_between(inside, person, camera, red=1.0)
    plate_mouth = mouth.take_mouth(
        plate, inside, inside.at(pixels), outlines["mouth"], light.at(lit.whence), lit.share, lip,
        light.skin, light.enamel,
    )  # fmt: skip
    level = np.log(np.maximum(light.level(normals), 0.2))
    facing = facing_of(camera, normals) * visible(rig, pixels)
    return Taken(
        rig=rig,
        plate=plate,
        fit=fit,
        cutout=cutout,
        blur_px=blur_px,
        grain=noise,
        seed=seed,
        lip_slide=lips.slide(plate, person, pixels),
        local=local,
        pixels=pixels,
        outlines=outlines,
        outline=rim.outline(rig, pixels, fit, lens),
        light=light,
        level=level,
        facing=facing,
        eyes=(taken_eyes[0], taken_eyes[1]),
        iris_cm=person.iris_cm,
        irises_px=(radius_px(disk_frame(axes[0])), radius_px(disk_frame(axes[1]))),
        mouth=plate_mouth,
        held=held,
        glasses=worn,
        regions=regions,
    )


def _grained(eye: eyes.Eye | None, noise: grain.Grain, seed: tuple[int, ...]) -> eyes.Eye | None:
    """The eye with the plate's grain in what of the ball was continued."""
    if eye is None:
        return None
    color, made = np.ascontiguousarray(eye.ball[..., :3]), 1 - eye.ball[..., 3]
    grain.add_to(color, made, noise, seed, eye.origin)
    return replace(eye, ball=np.dstack([color, eye.ball[..., 3]]))


def light_on(rig: Rig, plate: Float, fit: Fit, lens: Lens) -> Light:
    """The light on the face that lies in a plate frame (H, W, 3), scene-linear, as `fit` says."""
    camera = shown_in(rig.person, fit)
    pixels = to_pixels(camera, lens)
    lids = [outlines_of(rig.person, pixels)[name] for name in EYES]
    axes = [iris_axes(rig.person, side, fit, lens) for side in (0, 1)]
    eyeball = _eyeball_color(plate, lids, axes)
    return estimate(*_skin_samples(rig, plate, pixels, normals_of(rig, camera)), eyeball)


def _eyeball_color(plate: Float, outlines: list[Float], axes: list[Float]) -> Float | None:
    """The seen eyeballs' bright tone (3,), or None when next to nothing of them is seen."""
    seen = []
    for outline, axis in zip(outlines, axes, strict=True):
        x0, y0, width, height = mouth.box_around(outline, 1, plate.shape)
        cover = warp.polygon(outline, x0, y0, width, height)
        frame = disk_frame(axis)
        if abs(np.linalg.det(frame[:, :2])) < 1e-6:
            continue
        local = eyes._disk_coordinates(frame, x0, y0, width, height)
        ball = (cover > 0.99) & (np.hypot(local[..., 0], local[..., 1]) > 1.2)
        seen.append(plate[y0 : y0 + height, x0 : x0 + width, :3][ball])
    colors = np.concatenate(seen) if seen else np.zeros((0, 3), np.float32)
    colors = colors[np.isfinite(colors).all(axis=1)]
    return np.quantile(colors, 0.75, axis=0).astype(np.float32) if len(colors) >= 12 else None


def _skin_samples(rig: Rig, plate: Float, pixels: Float, normals: Float) -> tuple[Float, Float]:
    """Colors and normals at the points of cheeks, nose and forehead that face the camera."""
    ids = np.arange(17, dense.SKIN_COUNT) + rig.person.vertex_count
    near = rig.nearest[17:]
    facing = normals[near, 2] < -0.2
    x, y = pixels[ids, 0].astype(int), pixels[ids, 1].astype(int)
    inside = facing & (x >= 0) & (y >= 0) & (x < plate.shape[1]) & (y < plate.shape[0])
    if inside.sum() < 20:
        gray = np.full((20, 3), 0.18, np.float32)
        return gray, np.tile(np.array([0, 0, -1], np.float32), (20, 1))
    colors = np.nan_to_num(plate[y[inside], x[inside], :3], posinf=0, neginf=0)
    return colors.astype(np.float32), normals[near][inside]
