"""A tongue that is put out lies before the lips, which are the outline of all else behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.face.inside import ALBEDO, GLOSS, Inside
from likeness.face.mouth import TONGUE
from likeness.face.person import Person
from likeness.face.warp import affine
from likeness.head import points as dense
from likeness.render.blur import gaussian
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Box = tuple[int, int, int, int]

AHEAD = 0.002  # of the distance: the tongue is out where it is nearer than the lips by so much, and
LIT = 0.008  # by so much it sees all of the light
FINE = 3  # samples a pixel in x and in y
SHADOW = 0.45  # of the light on lip and chin is lost right below it
CAST, CAST_SOFT = 0.10, 0.05  # of the mouth's width: how far down its shadow falls, and how soft


@dataclass(frozen=True)
class Out:
    """The `triangles` (T, 3) of a tongue that is put out, and how far it is.

    `ahead` (V,): how much nearer than the lips each vertex is, as a share of the distance. `plane` (3,): the
    lips' inverse depth is its product with x, y and 1, in pixels; they are `wide` px.
    """

    triangles: Int
    ahead: Float
    plane: Float
    wide: float


def put_out(person: Person, inside: Inside, pixels: Float) -> Out | None:
    """The tongue, if some of it is before the lips. `pixels` (V, 3) of all vertices and points."""
    triangles, own = inside.triangles[inside.part == TONGUE], inside.at(pixels)
    lips = pixels[dense.GROUPS["lip_outer"] + person.vertex_count]
    plane = affine(lips[:, :2], 1 / lips[:, 2:])[0]
    ahead = 1 - own[:, 2] * (own[:, :2] @ plane[:2] + plane[2])
    if ahead[triangles].max() < AHEAD:
        return None
    return Out(triangles, ahead, plane, float(np.ptp(lips[:, 0])))


def outline(out: Out, own: Float) -> Float:
    """The places (N, 2) of what is out, and of its shadow; `own` (V, 3) are the inside's pixels."""
    there = own[np.unique(out.triangles[(out.ahead[out.triangles] >= AHEAD).any(axis=1)]), :2]
    below = np.array([0, (CAST + 3 * CAST_SOFT) * out.wide], np.float32)
    return np.concatenate([there, there + below])


def light_on(out: Out, lit: Float, glow: Float) -> Float:
    """What of the light comes to each vertex (V, 3): `lit` (V, 3) behind the lips, all but `glow` (V,)."""
    free = np.clip(out.ahead / LIT, 0, 1)[:, None]
    return lit + free * (glow[:, None] - lit)


def seen(out: Out, own: Float, box: Box, fine: int = 1) -> tuple[Int, Float, Float]:
    """Index, weights and depth (see `rasterize`) of what is out in a box, with so many samples a pixel."""
    x0, y0, width, height = box
    local = (own - np.array([x0, y0, 0], np.float32)) * np.array([fine, fine, 1], np.float32)
    index, bary, depth = rasterize(local, out.triangles, fine * width, fine * height)
    x, y = ((np.arange(fine * n) + 0.5) / fine + first for n, first in ((width, x0), (height, y0)))
    lips = out.plane[0] * x + (out.plane[1] * y + out.plane[2])[:, None]
    index[depth * lips > 1 - AHEAD] = -1
    return index, bary, depth


def draw_tongue(
    out: Out, own: Float, white: Float, shine: Float, gain: Float, box: Box, blur_px: float
) -> tuple[Float, Float]:
    """Color (h, w, 3) and coverage (h, w) in `box` of what is out, and of the shadow it throws.

    `own` (V, 3) are the inside's pixels, `white` and `shine` (V, 3) the radiance of white and of a wet
    highlight there, `gain` (3,) what brings a tongue's color to the plate's.
    """
    index, bary, _ = seen(out, own, box, FINE)
    inks = white * np.array(ALBEDO["tongue"], np.float32) * gain + GLOSS["tongue"] * shine
    there = index >= 0
    fine = np.zeros((*index.shape, 4), np.float32)
    fine[there, :3] = (inks[out.triangles[index[there]]] * bary[there][..., None]).sum(axis=1)
    fine[there, 3] = 1
    height, width = len(index) // FINE, index.shape[1] // FINE
    laid = fine.reshape(height, FINE, width, FINE, 4).mean(axis=(1, 3))
    if blur_px >= 0.3:
        laid = gaussian(laid, blur_px)
    dark = SHADOW * _below(laid[..., 3], out.wide) * (1 - laid[..., 3])
    cover = laid[..., 3] + dark
    return laid[..., :3] / np.maximum(cover, 1e-6)[..., None], cover


def _below(cover: Float, wide: float) -> Float:
    """What covers (h, w), moved down and blurred as a shadow is."""
    down = round(CAST * wide)
    moved = np.zeros_like(cover)
    moved[down:] = cover[: len(cover) - down]
    soft: Float = gaussian(moved[..., None], max(CAST_SOFT * wide, 0.3))[..., 0]
    return soft
