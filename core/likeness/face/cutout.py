"""Cuts the head out of its background: a soft matte, the head alone, and the plate without it.

Head and hair then move before a background that stands still. The matte starts from the regions that the
network tells apart and is refined by color: each pixel between head and background is a mixture of the two
colors beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

from likeness.face import fill, labels, torso
from likeness.face.backdrop import LIKELY_BARE, SURELY_BARE, Backdrop, Bare, Bareness, choose, join
from likeness.face.labels import SEEN, usual
from likeness.face.landmarks import Crop, crop_from_points, down_face
from likeness.face.part import Spot, window
from likeness.face.regions import REGIONS, Regions, segment
from likeness.face.warp import border_ramp, polygon
from likeness.head import points as dense
from likeness.render.bands import aside, in_bands, in_turn
from likeness.render.distance import depth, grown, without_holes

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]
Parts = list[tuple[Float, Float]]

WIDER, HIGHER = 1.35, 0.05  # than the crop of the points: hair has its place in it
HEAD = [REGIONS.index(n) for n in REGIONS if n not in ("background", "occluder")]
SKIN = [REGIONS.index(n) for n in ("skin", "neck")]
BACKGROUND, OCCLUDER, HAIR = (REGIONS.index(n) for n in ("background", "occluder", "hair"))
RAGGED_PARTS = [HAIR, REGIONS.index("ears")]
FACE_SHRINK = 0.06  # the outline of the points, smaller by this, is face for sure
EDGE = 0.012  # of the crop's side: half the width of the band in which colors decide
FINE = 8.0  # of the band's half width: so large are the cells of the colors beside it
STRANDS = 6.0  # times as wide is its outer half, for hair
SOLID = (0.45, 2.0, 0.7)  # alpha above this is whole where it is wide: so sharply, from so many edges deep
LEAST = 0.05  # of alpha: what is not joined to the head by as much is no strand of it
BARE, JAW = 0.25, 0.4  # of alpha, and so near the jaw, from brows to chin: beside such skin are no strands
PRIOR = 0.03  # squared difference of colors (display view) at which they tell as much as the network
SHINE = 8.0  # times the squared difference that skin is brighter than both: highlights tell nothing
ALIKE, OWN = 0.03, 0.02  # colors of skin and how much the network's guess counts, see `labels.spread`
FAR = 2.5  # times half the band: so far from the head are strands alone
THORN = 3.0  # times narrower than half the band, and no edge
CELLS = 4  # of the grid in which these labels spread first, half the band is as wide
SURE, LIKELY = 0.7, 0.45  # of alpha: what is before the face, and what may belong to it
DEEP = 0.2  # the face's outline smaller by this: hair, hats and collars do not reach in
LEAST_FRONT = 0.004  # of that area must be hidden
HATS_OWN = 0.01  # how much a hat that was found tells of itself, against what lies beside it
HAT = (0.75, 0.95)  # half width and height above the brows, in their distance from the chin
LOOSE = 0.65  # of the way from the brows to the chin: what is all below and looks like hair is a collar
BODY = 1.2  # of that way: from here on down are clothes
GAP = 9  # cells: what is no wider lies between strands or folds, and may be one itself
UNLIKELY = 0.5  # how surely body: less is background
SHARPLY = 3.0  # body behind the head ends so sharply in its likelihood
BLEND = 9  # cells: over so many, straight lines through the hole stop to tell where a body may begin
SCRAP = 9  # of the network's cells: of clothes, what is no wider is a fold, not neck or hair
BUMP, RAGGED = 7, 12  # of them: of bare skin's outline what is no wider, so far from hair, is background
BESIDE_FACE = 0.02  # of that way, and once more until there is none: so far beside the face skin can lie
APART = 0.4  # colors of hair and clothes that can be told apart
LOBES = (0.55, 0.65)  # of it: between these ears end, below is nothing beside the face but the neck
WHOLE, MIXED = 0.95, 0.7  # of alpha: from the first on all is head, up to the second two colors mix
DIMMEST = 0.25  # of the light that the head has beside: with less, it covers more than was told
DIM, BRIGHT = 0.4, 2.5  # of the light that the head has beside: less or more it has nowhere at its edge
FAINT, PURE = 0.2, 0.8  # alpha of a mixture that can have been missed, squared cosine to what is mixed
NOISE = np.float32(0.03)  # of the head's light: a fill that shines so much more is no sign of it
TRACE = 0.004  # alpha of what may hold a last trace of hair
THIN, TRACE_MOST = 0.25, 0.25  # below that alpha so much of the light is a trace of hair at most
SHINING = 2.0  # times as much more, at that alpha, where hair is brighter: it leaves no dark spots
TRACE_LEAST = 0.35  # of that most, where alpha is next to nothing
NEAR = 0.004  # of the crop's side: so near the head its edge may lie otherwise than was found
HALO = 0.02  # of it: so far about the matte the background is not trusted to be without hair
STRAND = 0.01  # of it: what is no wider than twice that may be a strand of hair
SHOWING = 0.04  # of hair's difference from the background: a strand that shows less may be noise
BESIDE = 3  # so many empty pixels about a cutout, where its box has them
NOWHERE = 2**30  # a column that no picture has
SIDE = 0.06  # of the crop's side: so far from the box's sides nothing is cut off hard
SAME = (0.03, 0.06)  # of cube roots of light: what is off what is behind by less is that, by more is not
SURELY = 0.999  # as surely the background is known
AROUND = 6.0  # grains: so far above what is to be filled its lines may come from
COLLAR = 8  # of its cells: so near the body something of it may not have been told from the background
ROOM = 0.05  # of the crop's side: so far a face may lie from where it was found
NEAR_PEOPLE = 0.08  # of a face's width: as near people, hair and shadows are taken for background
UNTOLD = 1.5  # times as near, hair may be that the network does not see
TEXTURE = 0.012  # of the crop's side: what is finer than this is texture


@dataclass(frozen=True)
class Cutout:
    """A head cut from the plate, in the box whose first pixel is `origin`.

    `layer` (h, w, 4): the head alone, premultiplied, and its alpha. `clean` (h, w, 3): the plate, filled
    where the head is; elsewhere its own pixels. `layer` over `clean` is the plate without what is before
    the face: hands, microphones. `front` (h, w, 4) is that, premultiplied, and its alpha; None without.
    `reach` is the box that head, hair and neck can fill.
    """

    origin: tuple[int, int]
    layer: Float
    clean: Float
    reach: Box
    front: Float | None = None

    @cached_property
    def span(self) -> Int:
        """First and end column (h, 2) of the head in each row; none where there is no head."""
        return _span(self.layer)

    def bare(self, plate: Float) -> Float:
        """The plate (H, W, 3) without what is before the face."""
        if self.front is None:
            return plate
        out = plate[..., :3].copy()
        y, x = self.origin[1], self.origin[0]
        part = out[y : y + self.front.shape[0], x : x + self.front.shape[1]]
        hidden = self.front[..., 3] > 0
        whole = self.layer[..., :3] + (1 - self.layer[..., 3:]) * self.clean
        part[hidden] = whole[hidden]
        return out

    def lay_front(self, color: Float, matte: Float, origin: tuple[int, int]) -> None:
        """Lay what is before the face over `color` (h, w, 3) of the region at `origin`, in place.

        There `matte` (h, w) goes back to the plate.
        """
        if self.front is None:
            return
        x, y = self.origin[0] - origin[0], self.origin[1] - origin[1]
        height, width = self.front.shape[:2]
        spot = (
            slice(max(y, 0), min(y + height, matte.shape[0])),
            slice(max(x, 0), min(x + width, matte.shape[1])),
        )
        front = self.front[spot[0].start - y : spot[0].stop - y, spot[1].start - x : spot[1].stop - x]
        color[spot] += front[..., :3] - front[..., 3:] * color[spot]
        matte[spot] *= 1 - front[..., 3]


@numba.njit(cache=True, nogil=True)
def _span(layer: Float) -> Int:
    out = np.empty((layer.shape[0], 2), np.int32)
    for y in range(layer.shape[0]):
        out[y, 0], out[y, 1] = NOWHERE, -NOWHERE
        for x in range(layer.shape[1]):
            if layer[y, x, 3] > 0:
                out[y, 0], out[y, 1] = min(out[y, 0], x), x + 1
    return out


def whole(plate: Float) -> Cutout:
    """All of the plate (H, W, 3), taken for the head."""
    color = np.ascontiguousarray(plate[..., :3])
    layer = np.dstack([color, np.ones(color.shape[:2], np.float32)])
    return Cutout((0, 0), layer, color, (0, 0, color.shape[1], color.shape[0]))


def regions_of(shown: Float, points_px: Float, device: str = "auto") -> Regions:
    """The regions of the whole head whose points lie at `points_px` (450, 2) of a display view (H, W, 3)."""
    return segment(shown, _crop(points_px), device)


def found_at(regions: Regions, places: NDArray[np.floating], of: str) -> Float:
    """How surely (...) there is that region, by name, at `places` (..., 2) of the picture."""
    at = regions.crop.within(places) * len(regions.alpha) - 0.5
    alpha = regions.alpha[..., REGIONS.index(of)]
    found = ndimage.map_coordinates(alpha, [at[..., 1], at[..., 0]], order=1, mode="nearest")
    return np.clip((found - LIKELY) / (SURE - LIKELY), 0, 1).astype(np.float32)


def cut(
    plate: Float,
    shown: Float,
    points_px: Float,
    regions: Regions,
    behind: Float | None = None,
    backdrop: Backdrop | None = None,
) -> Cutout:
    """Cut out the head whose dense points lie at `points_px` (450, 2).

    `plate` (H, W, 3) scene-linear; `shown` (H, W, 3) is its display view, 0..1; `regions` from `regions_of`.
    `behind` (H, W, 3) is what is known to be behind the head; without, that is made up, but for what the
    shot's `backdrop` shows.
    """
    wide = regions.crop
    x0, y0, width, height = box = _box(wide, points_px, plate.shape)
    spot = (slice(y0, y0 + height), slice(x0, x0 + width))
    alpha, skin = _alpha(regions, shown, points_px, box)
    own = plate[spot][..., :3]
    grain_px = max(TEXTURE * wide.size, 2.0)
    hidden = _front(regions, shown, points_px, box)
    front = None
    if hidden is not None:
        before = np.where(hidden[..., None] > 0, own * hidden[..., None], 0)
        front = np.dstack([before, hidden]).astype(np.float32)
        own = fill.textured(own, (hidden <= 0) & _finite(own), grain_px)
    hole, bare = _hole(alpha, skin, wide.size)
    alpha = np.where(hole, np.maximum(alpha, TRACE), 0).astype(np.float32)
    seen = ~hole & _finite(own)
    if behind is None:
        filled = _behind(own, seen, alpha, regions, points_px, box, grain_px, backdrop)
    else:
        filled = behind[spot]
    edge = grown(alpha > 0.5, max(1, round(NEAR * wide.size)))
    thin = hole & (alpha < THIN) & ~edge & ~bare
    there = hole if hidden is None else hole | (hidden > 0)
    part = _wider(window(there.astype(np.float32)), there.shape)
    own, clean, alpha = own[part], filled[part].copy(), alpha[part]
    del filled  # a large picture leaves no room for two
    hole, thin = hole[part], thin[part]
    usually = fill.smooth(own, (alpha > WHOLE) & _finite(own))
    stray = _stray(own, clean, thin, usually, round(STRAND * wide.size))
    layer = np.empty((*alpha.shape, 4), np.float32)
    in_bands(_lift, len(alpha), own, alpha, hole, thin, usually, stray, layer, clean)
    first = (x0 + part[1].start, y0 + part[0].start)
    return Cutout(first, layer, clean, box, None if front is None else np.ascontiguousarray(front[part]))


def _behind(
    own: Float,
    seen: Mask,
    alpha: Float,
    regions: Regions,
    points_px: Float,
    box: Box,
    grain_px: float,
    backdrop: Backdrop | None,
) -> Float:
    """What is behind the head in the `box`, where of the plate `own` (h, w, 3) it is not `seen` (h, w).

    With a `backdrop`, what looks like that is no head, and taken from its `alpha` (h, w), in place.
    """
    parts, part_px = _parts(own, alpha, regions, points_px, box)
    if backdrop is None:
        return _filled(own, seen, parts, part_px, points_px, box, grain_px)
    back = fill.fitted(parts[0][0], 1 / part_px, seen.shape) > 0.5
    shot = backdrop.matched(own, seen & back, (box[0], box[1]))
    filled = _filled(own, seen, parts, part_px, points_px, box, grain_px, shot)
    vague = ~seen & (_told(regions, box, parts, part_px) < SURE)
    in_bands(_leave, len(alpha), own, filled, shot[1], vague, alpha)
    return filled


def _filled(
    own: Float,
    seen: Mask,
    parts: Parts,
    part_px: int,
    points_px: Float,
    box: Box,
    grain_px: float,
    shot: tuple[Float, Float] | None = None,
) -> Float:
    """The plate `own` (h, w, 3) in the `box`, filled where it is not `seen`; `parts` as `_parts` gives them.

    Where the `shot` tells for sure what is behind, see `Backdrop.matched`, and no body is before it, nothing
    is made up. This changes both: to what is returned, and how sure that is.
    """
    through = parts[0][1] * _above(points_px, box, part_px, parts[0][1].shape)
    if shot is None:
        return fill.textured(own, seen, grain_px, parts, part_px, lines=True, through=through)
    out, share = shot
    free = ndimage.uniform_filter(ndimage.minimum_filter(parts[0][1], 2 * COLLAR + 1), COLLAR)
    share *= fill.fitted(free, 1 / part_px, seen.shape)
    unsure = np.flatnonzero((~seen & (share < SURELY)).any(axis=1))
    if not len(unsure):
        return out
    top = max(unsure[0] - round(AROUND * grain_px), 0) // part_px * part_px
    below = [(there[top // part_px :], likely[top // part_px :]) for there, likely in parts]
    lower, known = out[top:], share[top:] >= SURELY
    guess = fill.textured(
        np.where(known[..., None], lower, own[top:]),
        known | seen[top:],
        grain_px,
        below,
        part_px,
        lines=True,
        through=through[top // part_px :],
        in_place=True,
    )
    for rows in in_turn(0, len(lower)):
        lower[rows] = guess[rows] + share[top:][rows, :, None] * (lower[rows] - guess[rows])
    return out


@numba.njit(cache=True, nogil=True)
def _leave(first: int, end: int, own: Float, behind: Float, sure: Float, vague: Mask, alpha: Float) -> None:
    """Take from the `alpha` (h, w) of a head, in place, what looks like what is `behind` it (h, w, 3).

    As far as a shot is `sure` (h, w) of that, and only where it is `vague` (h, w) whether there is head: a
    shelf's edge beside a cheek was taken for hair. Light of the plate `own` (h, w, 3) is compared over 3 x 3
    pixels.
    """
    height, width = alpha.shape
    for y in range(first, end):
        for x in range(width):
            if not vague[y, x] or sure[y, x] <= 0 or alpha[y, x] <= np.float32(TRACE):
                continue
            off = 0.0
            for k in range(3):
                apart, light, count = np.float32(0), np.float32(1e-6), 0
                for r in range(max(y - 1, 0), min(y + 2, height)):
                    for c in range(max(x - 1, 0), min(x + 2, width)):
                        apart += abs(own[r, c, k] - behind[r, c, k])
                        light += abs(own[r, c, k] + behind[r, c, k])
                        count += 1
                of_roots = apart / (3 * count * np.cbrt(light / (2 * count)) ** 2)
                off = max(off, of_roots) if np.isfinite(apart) else np.inf
            left = sure[y, x] * min(max((SAME[1] - off) / (SAME[1] - SAME[0]), 0.0), 1.0)
            alpha[y, x] = max(alpha[y, x] * (1 - left), TRACE)


def backdrop_of(
    look: Callable[[int], tuple[Float, Float]], points_px: Float, shape: tuple[int, ...], device: str
) -> Backdrop | None:
    """What a shot shows behind its head, whose dense points lie at `points_px` (F, 450, 2); None if unknown.

    `look` gives a frame, by its place among these, as `plate` and `shown` (H, W, 3) of that `shape`.
    """
    side = max(_crop(points).size for points in points_px)
    scope = _around([_box(_crop(points), points, shape) for points in points_px], 0, shape)
    rows, columns = _spot(scope)
    heads: list[Box] = []

    def pictures() -> Iterator[Bare]:
        for k in choose(points_px, scope[2] * scope[3]):
            plate, shown = look(k)
            regions = regions_of(shown, points_px[k], device)
            there, head = _bare(plate, shown, points_px[k], regions, scope)
            heads.append(head)
            yield plate[rows, columns, :3], there

    made = join(pictures(), max(TEXTURE * side, 2.0), (scope[0], scope[1]))
    return None if made is None else made.within(_around(heads, round(ROOM * side), shape))


def _around(boxes: Sequence[Box], beside: int, shape: tuple[int, ...]) -> Box:
    """The box of a picture of that `shape` that holds all these, and so many pixels beside."""
    all_ = np.array(boxes)
    low = np.maximum(all_[:, :2].min(axis=0) - beside, 0)
    width, height = np.minimum((all_[:, :2] + all_[:, 2:]).max(axis=0) + beside, shape[1::-1]) - low
    return int(low[0]), int(low[1]), int(width), int(height)


def _spot(box: Box) -> Spot:
    return slice(box[1], box[1] + box[3]), slice(box[0], box[0] + box[2])


def _bare(plate: Float, shown: Float, points_px: Float, regions: Regions, scope: Box) -> tuple[Bareness, Box]:
    """Where (h, w) in the `scope`, which holds all of the head's box, a plate shows nothing of its person.

    What is close by is not trusted either; where the network sees nobody, above all body, it is bare likely.
    And the box of what the head hides. Arguments as for `cut`.
    """
    box, wide = _box(regions.crop, points_px, plate.shape), regions.crop.size
    alpha, skin = _alpha(regions, shown, points_px, box)
    hole, _ = _hole(alpha, skin, wide)
    if (hidden := _front(regions, shown, points_px, box)) is not None:
        hole |= hidden > 0
    there = _spot((box[0] - scope[0], box[1] - scope[1], *box[2:]))
    head = np.zeros((scope[3], scope[2]), np.float32)
    head[there] = alpha
    own, near = plate[(*_spot(scope), slice(3))], NEAR_PEOPLE * np.linalg.norm(points_px[0] - points_px[16])
    parts, part_px = _parts(own, head, regions, points_px, scope)
    free: Mask = fill.fitted(parts[0][0], 1 / part_px, head.shape) > 0.5
    free[there] &= ~hole
    likely = depth(_told(regions, scope, parts, part_px) < 1 - SURE) > UNTOLD * near
    no_body = fill.fitted(_above(points_px, scope, part_px, parts[0][0].shape), 1 / part_px, head.shape) > 0.5
    out = np.where(likely & no_body, LIKELY_BARE, 0).astype(np.uint8)
    out[depth(free) > near] = SURELY_BARE
    out[~_finite(own)] = 0
    down, across = window(hole.astype(np.float32))
    inside = box[0] + across.start, box[1] + down.start, across.stop - across.start, down.stop - down.start
    return out, inside


def _lift(
    first: int,
    end: int,
    own: Float,
    alpha: Float,
    hole: Mask,
    thin: Mask,
    usually: Float,
    stray: tuple[Float, Float],
    layer: Float,
    clean: Float,
) -> None:
    """Lift the head off the rows from `first` to before `end` of the plate `own` (h, w, 3).

    `layer` (h, w, 4) becomes the head, `clean` (h, w, 3), which is made up where there is a `hole`, what it
    lies over. `thin`: see `_apart`; `usually`: see `_mend`; `stray`: see `_stray`.
    """
    for rows in in_turn(first, end):
        made, vague = (each[rows][..., None] for each in (hole, thin))
        filled = clean[rows].copy()
        behind = np.where(made, filled, own[rows])
        cover = _covering(own[rows], alpha[rows, :, None], behind, made & ~vague, usually[rows])
        layer[rows, :, :3], clean[rows] = _apart(own[rows], cover, behind, made, vague)
        _mend(own[rows], layer[rows, :, :3], clean[rows], cover, vague, usually[rows])
        layer[rows, :, 3] = cover[..., 0]
        share, part = (each[rows] for each in stray)
        _take_along(own[rows], filled, share, part, layer[rows], clean[rows])


def _stray(own: Float, filled: Float, thin: Mask, usually: Float, half_px: int) -> tuple[Float, Float]:
    """How much hair (h, w) stray strands are where the matte is `thin`, and how much (h, w) of what there
    differs from the `filled` background they are: the rest is the background's own.

    A strand differs toward the hair that is `usually` (h, w, 3) seen beside, and is no wider than twice
    `half_px`: an opening leaves what is wider (the top hat, Meyer 1978).
    """
    toward = _toward(own, filled, thin, usually)
    share: Float = toward - ndimage.grey_opening(toward, size=2 * max(half_px, 1) + 1)
    part: Float = np.minimum(share / SHOWING, 1) * share / np.maximum(toward, 1e-6)
    return np.minimum(share, 1), part


@numba.njit(cache=True, nogil=True)
def _toward(own: Float, filled: Float, thin: Mask, usually: Float) -> Float:
    """How far (h, w) the plate lies from the fill toward hair, 1 all the way; 0 where it is not `thin`."""
    height, width = thin.shape
    out = np.zeros((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            if not thin[y, x]:
                continue
            told, far = np.float32(0), np.float32(1e-9)
            for k in range(3):
                apart = usually[y, x, k] - filled[y, x, k]
                told, far = told + (own[y, x, k] - filled[y, x, k]) * apart, far + apart * apart
            if told > 0 and np.isfinite(told):
                out[y, x] = told / far
    return out


@numba.njit(cache=True, nogil=True)
def _take_along(own: Float, filled: Float, share: Float, part: Float, layer: Float, clean: Float) -> None:
    """Let stray strands, which would stay behind, go with the head: `layer` and `clean`, in place."""
    for y in range(own.shape[0]):
        for x in range(own.shape[1]):
            if not part[y, x] > 0:
                continue
            cover = max(layer[y, x, 3], share[y, x])
            for k in range(3):
                behind = clean[y, x, k] + part[y, x] * (filled[y, x, k] - clean[y, x, k])
                layer[y, x, k], clean[y, x, k] = own[y, x, k] - (1 - cover) * behind, behind
            layer[y, x, 3] = cover


@numba.njit(cache=True, nogil=True)
def _finite(picture: Float) -> Mask:
    """Where (h, w) all channels of a picture (h, w, 3) are finite."""
    height, width, _ = picture.shape
    out = np.empty((height, width), np.bool_)
    for y in range(height):
        for x in range(width):
            red, green, blue = picture[y, x, 0], picture[y, x, 1], picture[y, x, 2]
            out[y, x] = np.isfinite(red) & np.isfinite(green) & np.isfinite(blue)
    return out


def _hole(alpha: Float, skin: Mask, side: float) -> tuple[Mask, Mask]:
    """Where (h, w) the background is not to be trusted: some way about the matte, less beside bare `skin`.

    And where (h, w) it is beside bare skin.
    """
    near, halo = (max(1, round(reach * side)) for reach in (NEAR, HALO))
    there = alpha > LEAST  # fainter is a wall's texture
    bare = ndimage.maximum_filter(skin, 2 * round(EDGE * side) + 1)
    return grown(there, near) | grown(there & ~bare, halo), bare


def _alpha(regions: Regions, shown: Float, points_px: Float, box: Box) -> tuple[Float, Mask]:
    """The matte (h, w) of the head in a `box` of the picture `shown`, and where it is bare skin for sure."""
    side = regions.crop.size
    face = _inside(points_px, FACE_SHRINK, box)
    down, across = (border_ramp(box[k], box[k + 2], shown.shape[1 - k], SIDE * side) for k in (1, 0))
    guess, bare = (part * (down[:, None] * across) for part in _guess(regions, shown, points_px, box))
    x0, y0, width, height = box
    own = np.ascontiguousarray(shown[y0 : y0 + height, x0 : x0 + width], np.float32)
    return _refine(own, guess, face, EDGE * side, bare), bare > BARE


def _wider(spot: Spot, shape: tuple[int, ...]) -> Spot:
    """The spot and what samples about it reach, within that `shape`."""
    rows, columns = (
        slice(max(side.start - BESIDE, 0), min(side.stop + BESIDE, size))
        for side, size in zip(spot, shape, strict=True)
    )
    return rows, columns


@numba.njit(cache=True, nogil=True)
def _clipped(value: float, low: float, high: float) -> float:
    """As `min(max(value, low), high)`, but what is no number stays none."""
    return low if value < low else high if value > high else value


@numba.njit(cache=True, nogil=True)
def _apart(own: Float, alpha: Float, clean: Float, hole: Mask, thin: Mask) -> tuple[Float, Float]:
    """The head's premultiplied color (h, w, 3), and the background that it lies over to be the plate `own`.

    `hole` is where the background was filled. Where it is `thin`, with hardly any head, what differs much
    from the fill is the background itself. An infinite pixel is neither head nor background.
    """
    color, behind = np.zeros_like(own), clean.copy()
    for y in range(own.shape[0]):
        for x in range(own.shape[1]):
            if not hole[y, x, 0] and not thin[y, x, 0]:
                continue
            cover, mine = alpha[y, x, 0], np.float32(1 if hole[y, x, 0] else 0)
            trace = np.float32(TRACE_MOST) * _clipped(cover / THIN, np.float32(TRACE_LEAST), np.float32(1))
            bright = 1 + np.float32(SHINING) * cover / np.float32(THIN)
            for k in range(3):
                drawn = mine * (own[y, x, k] - (1 - cover) * clean[y, x, k])
                if thin[y, x, 0]:
                    most = trace * max(abs(own[y, x, k]), abs(clean[y, x, k]))
                    drawn = _clipped(drawn, -most, cover * abs(own[y, x, k]) + bright * most)
                    behind[y, x, k] = (own[y, x, k] - drawn) / max(1 - cover, np.float32(1 - THIN))
                color[y, x, k] = drawn
    return color, behind


@numba.njit(cache=True, nogil=True)
def _mend(own: Float, color: Float, clean: Float, alpha: Float, thin: Mask, usually: Float) -> None:
    """Mend the head's premultiplied `color` and the background (h, w, 3), which mix to be `own`, in place.

    A head has not much less or more light in any channel than is `usually` (h, w, 3) seen beside: what the
    fill shines wrongly would go along as its opposite color. Where it is `thin` (h, w, 1), that is only sure
    of one that is not darker than the background.
    """
    for y in range(own.shape[0]):
        for x in range(own.shape[1]):
            share = alpha[y, x, 0]
            if not 0 < share < WHOLE:
                continue
            dark, finite = thin[y, x, 0], True
            for k in range(3):
                dark &= usually[y, x, k] <= clean[y, x, k]
                finite &= np.isfinite(own[y, x, k])
            if dark or not finite:
                continue
            trust = _clipped((WHOLE - share) / np.float32(WHOLE - MIXED), np.float32(0), np.float32(1))
            for k in range(3):
                drawn, usual = color[y, x, k], share * usually[y, x, k]
                least = min(np.float32(DIM) * usual, max(drawn, share * own[y, x, k]))
                off = trust * (_clipped(drawn, least, np.float32(BRIGHT) * usual) - drawn)
                color[y, x, k] += off
                clean[y, x, k] -= off / (1 - share)


@numba.njit(cache=True, nogil=True)
def _covering(own: Float, alpha: Float, clean: Float, hole: Mask, usually: Float) -> Float:
    """The alpha (h, w, 1) that pixels of the plate `own` (h, w, 3) need over the fill `clean` of a `hole`.

    No head is much darker in any channel than it `usually` (h, w, 3) is beside, so it covers what the fill
    shines too much. And it has its part in a faint mixture of the fill with that. Else a ring of these would
    stay behind.
    """
    out = alpha.copy()
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            if not hole[y, x, 0]:
                continue
            least, told, far, off = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            bright = True
            for k in range(3):
                bright &= own[y, x, k] >= 0 and clean[y, x, k] > 0
                apart, other = usually[y, x, k] - clean[y, x, k], own[y, x, k] - clean[y, x, k]
                told, far, off = told + other * apart, far + apart * apart, off + other * other
                if bright:
                    dim = np.float32(DIMMEST) * min(usually[y, x, k], clean[y, x, k])
                    least = max(least, -(other + NOISE * usually[y, x, k]) / (clean[y, x, k] - dim))
            if bright:
                out[y, x, 0] = max(out[y, x, 0], least)
            if 0 < told < FAINT * far and told * told > PURE * far * off:
                out[y, x, 0] = max(out[y, x, 0], told / far)
    return out


def _parts(own: Float, alpha: Float, regions: Regions, points_px: Float, box: Box) -> tuple[Parts, int]:
    """Background, then body: where (h, w) each is seen for sure, and how surely it goes on behind the head.

    In cells of so many pixels. `own` (H, W, 3) is the plate in the `box`, `alpha` (H, W) the head's matte.
    """
    halved = torso.levels(points_px)
    finite = np.nan_to_num(own, posinf=0.0, neginf=0.0)
    small, head = (labels.pyramid(part, halved)[-1] for part in (finite, alpha))
    person = _person(regions, head.shape, box, 2**halved)
    body = torso.likely(np.cbrt(small), head, (points_px - box[:2]) / 2**halved, person)
    none = ndimage.maximum_filter(np.maximum(body, head), 3) < UNLIKELY
    none = ndimage.grey_opening(none.astype(np.float32), GAP, mode="nearest")
    share = np.clip(SHARPLY * (body - 0.5) + 0.5, 0, 1)
    return [(none, 1 - share), (body, share)], 2**halved


def _above(points_px: Float, box: Box, cell_px: int, shape: tuple[int, ...]) -> Float:
    """1 in cells (h, w) of the `box` that lie too high for a body, softly 0 below, where its colors go up."""
    points = (points_px - np.array(box[:2], np.float32)) * np.float32(1 / cell_px)
    out: Float = ndimage.uniform_filter(torso.above(points, shape).astype(np.float32), BLEND)
    return out


def _told(regions: Regions, box: Box, parts: Parts, part_px: int) -> Float:
    """How much of a person (h, w) the network saw in the `box`; `parts` as `_parts` gives them."""
    person = _person(regions, parts[0][0].shape, box, part_px)
    return fill.fitted(person, 1 / part_px, (box[3], box[2]))


def _person(regions: Regions, shape: tuple[int, ...], box: Box, cell_px: int) -> Float:
    """How much of a person the network saw in cells (h, w) of that `shape` and size in the `box`."""
    matrix, places = regions.crop.matrix, len(regions.alpha)
    inverse = np.linalg.inv(matrix[:, :2]) * places
    x = box[0] + (np.arange(shape[1]) + 0.5) * cell_px - matrix[0, 2]
    y = box[1] + (np.arange(shape[0])[:, None] + 0.5) * cell_px - matrix[1, 2]
    at = [inverse[k, 0] * x + inverse[k, 1] * y - 0.5 for k in (1, 0)]
    out: Float = ndimage.map_coordinates(regions.alpha[..., HEAD].sum(axis=2), at, np.float32, order=1)
    return out


def _inside(points_px: Float, shrink: float, box: Box) -> Float:
    """Coverage (h, w) of the face from chin to brows, its outline smaller by `shrink`."""
    outline = points_px[dense.FACE]
    outline = outline + shrink * (outline.mean(axis=0) - outline)
    return polygon(outline.astype(np.float32), *box)


def _front(regions: Regions, shown: Float, points_px: Float, box: Box) -> Float | None:
    """Alpha (h, w) of what is before the face; None when nothing is there for sure.

    It must lie well inside the face: what only touches it is hair, a hat or a collar. It stays where it is.
    """
    if regions.alpha[..., OCCLUDER].max() < SURE:
        return None
    x0, y0, width, height = box
    deep = _inside(points_px, DEEP, box) > 0.5
    least, (rows, columns) = max(LEAST_FRONT * deep.sum(), 4), window(deep.astype(np.float32))
    inner = x0 + columns.start, y0 + rows.start, x0 + columns.stop, y0 + rows.stop
    likely = regions.in_picture(inner, shown, ["occluder"])[..., 0] > SURE
    if (likely & deep[rows, columns]).sum() < least:
        return None
    found = regions.in_picture((x0, y0, x0 + width, y0 + height), shown, ["occluder"])[..., 0]
    labels, count = ndimage.label(found > LIKELY)
    sizes = np.bincount(labels[deep & (found > SURE)], minlength=count + 1)
    kept = np.flatnonzero(sizes >= least)
    kept = kept[kept > 0]
    if not len(kept):
        return None
    thing = ndimage.binary_closing(np.isin(labels, kept), iterations=3).astype(np.float32)
    spot = (slice(y0, y0 + height), slice(x0, x0 + width))
    view = np.ascontiguousarray(shown[spot], np.float32)
    return _refine(view, thing, np.zeros_like(thing), 0.5 * EDGE * regions.crop.size, thing)


def _crop(points_px: Float) -> Crop:
    """The crop of the points, wider and a little higher."""
    crop = crop_from_points(points_px)
    up = HIGHER * crop.size
    center = (crop.center[0] + up * float(np.sin(crop.roll)), crop.center[1] - up * float(np.cos(crop.roll)))
    return replace(crop, size=crop.size * WIDER, center=center)


def _box(crop: Crop, points_px: Float, shape: tuple[int, ...]) -> Box:
    """The box (x0, y0, width, height) of the picture that head, hair and neck can fill."""
    corners = crop.matrix @ [[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]]
    tall = float(np.ptp(points_px[:, 1]))
    low = np.minimum(corners.min(axis=1), points_px.min(axis=0) - 0.3 * tall)
    high = np.maximum(corners.max(axis=1), points_px.max(axis=0) + 0.6 * tall)
    low = np.clip(np.floor(low), 0, [shape[1] - 2, shape[0] - 2]).astype(int)
    high = np.clip(np.ceil(high), low + 2, [shape[1], shape[0]]).astype(int)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _guess(regions: Regions, shown: Float, points_px: Float, box: Box) -> tuple[Float, Float]:
    """The network's alpha (h, w) of the head, and of the skin about its jaw alone.

    Beyond its crop they go on from its border, but not below. A hat is found as an occluder; what lies above
    the brows goes with the head, and of the same beside the face what has the head's colors. Hair hangs from
    the head.
    """
    cells = regions.alpha.shape[0]
    place = (np.arange(cells) + 0.5) / cells
    u, v = np.meshgrid(place, place)
    matrix = regions.crop.matrix
    x, y = (m[0] * u + m[1] * v + m[2] for m in matrix)
    brows, chin = points_px[17:27].mean(axis=0), points_px[8]
    tall = max(float(np.linalg.norm(chin - brows)), 1.0)
    hat = (y < brows[1]) & (np.hypot((x - brows[0]) / HAT[0], (y - brows[1]) / HAT[1]) < tall)
    down = down_face(points_px, x, y)
    head = regions.alpha[..., HEAD].sum(axis=2)
    picture = _at(shown, x, y)
    occluder = regions.alpha[..., OCCLUDER]
    worn = _joined(occluder, hat & (occluder > LIKELY))  # a collar is not worn on the head
    back = 1 - head - worn > SURE
    worn = np.where(hat, worn * (1 - _wall(picture, regions, head, down)), worn)
    hugging = (down > 0) * (down < LOBES[0]) * _alike(picture, head > SURE, back)
    strands = (down > 0) * _strands(picture, regions, 1 - head - worn, down > BODY)
    head = head + np.maximum(hat, hugging) * worn + strands
    head = head - _loose(regions.alpha[..., HAIR] + strands, down)
    head = np.where(down > BODY, ndimage.grey_opening(head, SCRAP), head)
    ragged = ndimage.maximum_filter(regions.alpha[..., RAGGED_PARTS].sum(axis=2), RAGGED) > LIKELY
    head = np.where((down > 0) & ~ragged, np.minimum(head, ndimage.grey_opening(head, BUMP)), head)
    away = _beside_face(points_px, regions.crop, cells) / tall
    beside = np.clip(away / BESIDE_FACE - 1, 0, 1) * (down > 0) * (down < 1) * regions.alpha[..., SKIN[0]]
    below_ears = np.clip((down - LOBES[0]) / (LOBES[1] - LOBES[0]), 0, 1)
    like_wall = _alike(picture, head < 1 - SURE, (head > SURE) & (beside <= 0))
    head = head - beside * np.maximum(like_wall, below_ears)
    labels, _ = ndimage.label(head > 0.4)
    middle = labels[cells // 2, cells // 2]
    if middle:
        head = head * ndimage.binary_dilation(labels == middle, iterations=3)
    jaw = points_px[:17]
    near = np.hypot(x[..., None] - jaw[:, 0], y[..., None] - jaw[:, 1]).min(axis=2) < JAW * tall
    near |= down > 1
    skin = near * np.minimum(regions.alpha[..., SKIN].sum(axis=2), head)
    x0, y0, width, height = box
    inverse = np.linalg.inv(matrix[:, :2]) * cells
    lines = np.c_[inverse, inverse @ (np.array([x0, y0]) + 0.5 - matrix[:, 2]) - 0.5]
    ends = lines @ [[0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1], [1, 1, 1, 1]]
    reach = max(0, int(np.ceil(max(-ends.min(), ends[0].max() - cells + 1))))
    head, skin = _beyond(head, reach, shown, matrix), np.pad(skin, reach, "edge")
    found, bare = np.empty((2, height, width), np.float32)
    for cell, out in ((head, found), (skin, bare)):
        in_bands(_lay_cells, height, cell.astype(np.float32), lines, cells, reach, out)
    return found, bare


def _wall(picture: Float, regions: Regions, head: Float, down: Float) -> Float:
    """How surely (h, w) a place is the wall, since it has its colors, or the picture no edge between them.

    `down` is 0 at the brows and 1 at the chin: below are clothes, that a hat can be of.
    """
    label = regions.alpha[..., BACKGROUND].astype(np.float32)
    unsure, hat = (label < SURE) & (head < 1 - SURE), np.zeros_like(label)
    labels.spread(label, unsure, np.cbrt(picture).astype(np.float32), hat, HATS_OWN, ALIKE)
    behind = (regions.alpha[..., BACKGROUND] > SURE) & (down < 1)
    alike = ndimage.uniform_filter(_alike(picture, behind, head > SURE), GAP)
    return np.clip((np.maximum(label, alike) - LIKELY) / (SURE - LIKELY), 0, 1)


def _strands(picture: Float, regions: Regions, rest: Float, body: Mask) -> Float:
    """Of the alpha (h, w) of the `rest` what goes on from hair in its colors (h, w, 3), as a ponytail does.

    They must not be those of skin or background, nor of the clothes that the `body` (h, w) shows.
    """
    hair = regions.alpha[..., HAIR]
    bare = (regions.alpha[..., [BACKGROUND, *SKIN]] > SURE).any(axis=2)
    shown = [picture[some] for some in (hair > SURE, body & ~bare)]
    if not all(map(len, shown)):
        return np.zeros_like(hair)
    apart = np.linalg.norm(np.subtract(*(np.median(colors, axis=0) for colors in shown)))
    if apart < APART:
        return np.zeros_like(hair)
    found = rest * ~body * _alike(picture, hair > SURE, body | bare)
    found = np.where(found > LIKELY, found, 0)
    return np.where(_joined(np.maximum(hair, found), hair > SURE) > 0, found, 0)


@numba.njit(cache=True, nogil=True)
def _lay_cells(
    first: int, end: int, cells: Float, lines: NDArray[np.float64], size: int, reach: int, out: Float
) -> None:
    """Lay `cells` over the pixels (h, w) of a box, in place: between them bilinear, nothing below their crop.

    `lines` (2, 3) lead from a pixel's column and row to those in the crop of so many cells, of which `reach`
    more lie on every side.
    """
    last = len(cells) - 1
    for y in range(first, end):
        for x in range(out.shape[1]):
            column = lines[0, 0] * x + lines[0, 1] * y + lines[0, 2]
            row = lines[1, 0] * x + lines[1, 1] * y + lines[1, 2]
            below = min(max(size - 0.5 - row, 0.0), 1.0)
            column, row = min(max(column + reach, 0.0), last), min(max(row + reach, 0.0), last)
            c, r = min(int(column), last - 1), min(int(row), last - 1)
            u, v = column - c, row - r
            upper = cells[r, c] + u * (cells[r, c + 1] - cells[r, c])
            lower = cells[r + 1, c] + u * (cells[r + 1, c + 1] - cells[r + 1, c])
            out[y, x] = min(max(below * (upper + v * (lower - upper)), 0.0), 1.0)


def _beyond(head: Float, reach: int, shown: Float, matrix: NDArray[np.float64]) -> Float:
    """The alpha of the `head` (cells, cells) of a crop, and so many cells beyond it, over what looks alike.

    `matrix` (2, 3) leads from the crop, 0 to 1, to the picture `shown` (H, W, 3).
    """
    out = np.pad(head, reach, "edge").astype(np.float32)
    if reach:
        cells = len(head)
        place = (np.arange(len(out)) - reach + 0.5) / cells
        halved = max(0, int(np.log2(np.hypot(*matrix[:, 0]) / cells)))
        x, y = (m[0] * place + m[1] * place[:, None] + m[2] for m in matrix)
        unsure = np.pad(np.zeros(head.shape, bool), reach, constant_values=True)
        labels.spread(out, unsure, _at(shown, x, y, halved), out.copy(), OWN, ALIKE)
    return out


def _at(picture: Float, x: Float, y: Float, halved: int = 0) -> Float:
    """What a picture, so often `halved`, shows where places `x` and `y` (h, w) lie, or nearest (h, w, 3)."""
    cell = 2**halved
    row, column = (
        np.clip(part / cell, 0, -(-size // cell) - 1).astype(int)
        for part, size in zip((y, x), picture.shape, strict=False)
    )
    top, left = int(row.min()), int(column.min())
    seen = picture[cell * top : cell * (row.max() + 1), cell * left : cell * (column.max() + 1), :3]
    out: Float = labels.pyramid(np.nan_to_num(seen), halved)[-1][row - top, column - left]
    return out


def _beside_face(points_px: Float, crop: Crop, cells: int) -> Float:
    """How far (cells, cells) places of the crop lie beside the face, px."""
    skin = points_px[: dense.SKIN_COUNT]
    outline = skin[ConvexHull(skin).vertices] - crop.matrix[:, 2]
    corners = outline @ np.linalg.inv(crop.matrix[:, :2]).T * cells
    face = polygon(corners.astype(np.float32), 0, 0, cells, cells) > 0.5
    out: Float = (ndimage.distance_transform_edt(~face) * (crop.size / cells)).astype(np.float32)
    return out


def _alike(picture: Float, seeds: Mask, others: Mask) -> Float:
    """How surely (h, w) the colors of a picture (h, w, 3) are those of its `seeds` and not of the `others`.

    0 already where they are usual in both.
    """
    own, other = (usual(picture, each) for each in (seeds, others))
    return np.clip(4 * own / (own + other + SEEN) - 2, 0, 1).astype(np.float32)


def _loose(hair: Float, down: Float) -> Float:
    """Of the alpha of `hair` (h, w) what does not hang from the head.

    `down` is 0 at the brows and 1 at the chin.
    """
    labels, count = ndimage.label(hair > 0.4)
    tops = ndimage.minimum(down, labels, np.arange(1, count + 1))
    loose = np.isin(labels, 1 + np.flatnonzero(np.asarray(tops) > LOOSE))
    loose = ndimage.binary_dilation(loose, iterations=2) & ((labels == 0) | loose)
    return np.where(loose, hair, 0)


def _refine(picture: Float, guess: Float, face: Float, edge_px: float, bare: Float) -> Float:
    """Alpha (h, w) from the network's guess: in a band about its edge, colors decide.

    The band's outer half is `STRANDS` times as wide, but not beside `bare` skin (h, w): what looks like a jaw
    there is background, and the edge is that of the picture. `face` is head for sure. Holes are none: what
    the head surrounds is part of it. Only edges are a mixture of two colors: what is wider, and likely head,
    is head.
    """
    solid = without_holes((guess > 0.5) | (face > 0))
    inward, outward = depth(solid), depth(~solid)
    head = (inward > edge_px) | (face > 0)
    beside_skin = depth(~(solid & (bare > BARE))) <= outward
    back = outward > np.where(beside_skin, edge_px, STRANDS * edge_px)
    if not head.any() or not back.any():
        return np.where(back, 0, 1).astype(np.float32)
    far = (outward > FAR * edge_px) & ~beside_skin & ~back
    # where nothing else tells, the edge is as wide as the band
    prior = np.clip(0.5 + 0.5 * (inward - outward) / edge_px, 0, 1)
    del inward, outward  # a large picture leaves no room for more
    _follow_edges(prior, picture, solid, beside_skin & ~head & ~back, edge_px)
    cell = max(1, int(edge_px / FINE))
    front, behind = aside(fill.smooth_cells, picture, head, cell), fill.smooth_cells(picture, back, cell)
    alpha = head.astype(np.float32)
    unsure = ~head & ~back
    in_bands(_mix, len(alpha), picture, front.result(), behind, cell, prior, beside_skin, unsure, alpha)
    _without_thorns(alpha, beside_skin & unsure, edge_px)
    _without_patches(alpha, far, edge_px)
    del prior, beside_skin, unsure, far
    alpha = _joined(alpha, head)
    sure, sharply, deep = SOLID
    return np.maximum(alpha, np.clip(sharply * (depth(alpha > sure) / edge_px - deep), 0, 1))


def _follow_edges(prior: Float, picture: Float, solid: Mask, skin: Mask, edge_px: float) -> None:
    """Let the `prior` (h, w) of what is `solid` end at the picture's edges where it is `skin`, in place."""
    if not skin.any():
        return
    spot = _wider(window(skin.astype(np.float32)), skin.shape)
    levels = max(0, int(np.log2(edge_px / CELLS)))
    views = labels.pyramid(picture[spot], levels)
    guess, unsure = (labels.pyramid(part[spot], levels)[-1] for part in (solid, skin))
    label = np.where(unsure > 0, guess, guess > 0.5).astype(np.float32)
    labels.spread(label, unsure > 0, views[-1], guess, OWN, ALIKE)
    np.copyto(prior[spot], labels.sharp(label, views, ALIKE), where=skin[spot])


def _without_thorns(alpha: Float, skin: Mask, edge_px: float) -> None:
    """Take from the `alpha` (h, w) beside bare `skin` what is too narrow to be its edge, in place.

    Where a collar meets a neck, its outline has colors between those of skin and of the wall.
    """
    if not skin.any():
        return
    spot = _wider(window(skin.astype(np.float32)), skin.shape)
    side = 2 * max(1, round(edge_px / THORN)) + 1
    np.copyto(alpha[spot], ndimage.grey_opening(alpha[spot], side), where=skin[spot])


def _without_patches(alpha: Float, far: Mask, edge_px: float) -> None:
    """Take from the `alpha` (h, w) `far` (h, w) from the head what is faint but no strand, in place.

    A wall's edge, somewhat in the color of hair, went along with it.
    """
    if not far.any():
        return
    spot = _wider(window(far.astype(np.float32)), far.shape)
    side = 2 * max(1, round(STRAND / EDGE * edge_px)) + 1
    wide = ndimage.grey_opening(alpha[spot], side)
    wide *= np.clip((SURE - wide) / (SURE - LIKELY), 0, 1)
    np.copyto(alpha[spot], alpha[spot] - wide, where=far[spot])


@numba.njit(cache=True, nogil=True)
def _mix(
    first: int,
    end: int,
    picture: Float,
    front: Float,
    behind: Float,
    cell: int,
    prior: Float,
    skin: Mask,
    unsure: Mask,
    out: Float,
) -> None:
    """Alpha (h, w) of a `picture` (h, w, 3) where it is `unsure`, in place.

    It mixes two colors there, which are known in cells of so many pixels (r, c, 3); they tell as `PRIOR` and
    `SHINE` say.
    """
    fore, back = np.empty(3, np.float32), np.empty(3, np.float32)
    for y in range(first, end):
        for x in range(out.shape[1]):
            if not unsure[y, x]:
                continue
            fill.at_pixel(front, cell, y, x, fore)
            fill.at_pixel(behind, cell, y, x, back)
            contrast, told = np.float32(0), np.float32(0)
            for k in range(3):
                contrast += (fore[k] - back[k]) ** 2
                told += (picture[y, x, k] - back[k]) * (fore[k] - back[k])
            heavy = np.float32(PRIOR)
            if skin[y, x]:
                share = min(max(told / max(contrast, np.float32(1e-6)), np.float32(0)), np.float32(1))
                for k in range(3):
                    shine = max(picture[y, x, k] - back[k] - share * (fore[k] - back[k]), np.float32(0))
                    heavy += np.float32(SHINE) * shine * shine
            found = min(max((told + heavy * prior[y, x]) / (contrast + heavy), np.float32(0)), np.float32(1))
            out[y, x] = min(max((found - np.float32(0.1)) / np.float32(0.8), np.float32(0)), np.float32(1))


def _joined(alpha: Float, head: NDArray[np.bool_]) -> Float:
    """The alpha (h, w) without what is not joined to the `head` (h, w)."""
    labels, count = ndimage.label(alpha > LEAST)
    kept = np.zeros(count + 1, bool)
    kept[labels[head]] = kept[0] = True
    return np.where(kept[labels], alpha, 0).astype(np.float32)
