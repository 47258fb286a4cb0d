"""One person's head as a mesh that can be posed: the house head with identity and bias built in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from likeness.face.fit import PIVOT, SKIN, Array, Fit, Lens, Shot
from likeness.face.frame import direction
from likeness.head import points as dense
from likeness.head.model import LIMBUS_RADIUS_CM, Head
from likeness.performance import ARKIT
from likeness.runtime import default_threads

Float = NDArray[np.float32]
Int = NDArray[np.int32]

LEAST_CM = 1e-4  # a shape that moves a vertex less leaves it
NECK_STILL_CM, NECK_FREE_CM = -14.0, -7.5  # heights between which the neck takes up the head's turn
NEIGHBORS = 6
CRANE_CM = 2.0  # of a head's travel the neck takes up half of so much by itself
LASH_CM = 0.07
LID_REACH, LID_SLIDE = 0.85, 0.2  # of the distance from lid to brow
LID_WIDTH_CM = 0.5  # around a lid's margin, how far its bias is its own
NEARLY_SEALED = 0.2  # below this the lids' outlines run into one
PRESS = 1.15  # of the lips' gap at rest is taken for closed
STICK_CM, STICK_FREE_CM = 0.22, 1.2  # lips that were sealed hold together at the corners, until so far open
TOUCH_CM = 0.1  # lips less far apart come onto one line, where they touch
LIP_REACH_CM = 0.7  # of them goes along, from the line on
SEALED = 0.18  # an opening below this share of its rest height is closed
OVERBITE, PARTED = 0.1, 0.4  # of jawOpen: upper teeth stand before lower ones, until the jaw is so far open
HINGE, GLIDE = 0.2, 0.8  # of jawOpen: from here on jaws glide forward, at last so much of jawForward
GLIDE_RISE = 0.3, 0.1  # of that way rise skin, and what lies behind the lips: cameras see faces from above
MOST_MEETING = 0.25  # of jawOpen, found on closed lips, that can be a face's own shape: more is a low jaw
MEETING_FRAMES = 12  # of a shot, that tell it

JAW, FORWARD = ARKIT.index("jawOpen"), ARKIT.index("jawForward")
NO_SKIN = ("gums", "tongue", "teeth_upper", "teeth_lower", "eye_left", "eye_right")
BEHIND_LIPS = ("socket", "gums", "tongue", "teeth_upper", "teeth_lower")
LOWER_CM = 0.23  # so much lower behind their lips than the house head's are teeth, in clips of four people
LOWER_FARTHER = 1.03  # times as far as chin and tongue go lower teeth as the jaw opens, in the same clips
TONGUE_WIDER = 0.1  # of its width a tongue grows as the jaw opens, in the same clips
OUTLINE_PARTS = 4  # places of an outline from each point to the next

OPENINGS = {
    "mouth": ("lip_upper_inner", "lip_lower_inner"),
    "eye_left": ("lid_left_upper", "lid_left_lower"),
    "eye_right": ("lid_right_upper", "lid_right_lower"),
}


@dataclass(frozen=True)
class Shapes:
    """What the 52 ARKit shapes move: the vertices `vertex` (N,) by `offset` (N, 3), cm.

    Those of shape k lie from `first[k]` to before `first[k + 1]`: most shapes move a small part of the head.
    """

    first: Int
    vertex: Int
    offset: Float

    @staticmethod
    def of(basis: Float) -> Shapes:
        """Of the offsets (52, V, 3) of all vertices."""
        there = np.abs(basis).max(axis=2) > LEAST_CM
        shape, vertex = np.nonzero(there)
        first = np.searchsorted(shape, np.arange(len(basis) + 1)).astype(np.int32)
        return Shapes(first, vertex.astype(np.int32), basis[there].astype(np.float32))

    def moved(self, vertices: Float, weights: Array) -> Float:
        """A copy of the vertices (V, 3), each shape added by its weight (52,)."""
        out = vertices.copy()
        _add_shapes(self.first, self.vertex, self.offset, weights.astype(np.float32), out)
        return out


@numba.njit(cache=True, nogil=True)
def _add_shapes(first: Int, vertex: Int, offset: Float, weights: Float, out: Float) -> None:
    for k in range(len(weights)):
        weight = weights[k]
        if weight != 0:
            for n in range(first[k], first[k + 1]):
                v = vertex[n]
                out[v, 0] += weight * offset[n, 0]
                out[v, 1] += weight * offset[n, 1]
                out[v, 2] += weight * offset[n, 2]


@dataclass(frozen=True)
class Spread:
    """How vertices (V) go along with the skin's points: with those `near` (V, NEIGHBORS) by `share`."""

    near: Int
    share: Float

    @staticmethod
    def over(points: Float | Array, vertices: Float, reach_cm: float = 3.0) -> Spread:
        """Inverse-distance interpolation: exact at the points (N, 3), zero beyond the reach of all."""
        distance, near = cKDTree(points).query(vertices, k=NEIGHBORS, workers=default_threads() or -1)
        weight = 1.0 / (distance + 1e-3) ** 3
        fade = np.clip(1.0 - distance[:, :1] / reach_cm, 0, 1)
        share = weight / weight.sum(axis=1, keepdims=True) * fade
        return Spread(near.astype(np.int32), share.astype(np.float32))

    def of(self, values: Float | Array) -> Float:
        """The values (N, 3) of the points at the vertices (V, 3)."""
        out = np.zeros((len(self.near), 3), np.float32)
        _add_spread(self.near, self.share, values.astype(np.float32), out)
        return out


@numba.njit(cache=True, nogil=True)
def _add_spread(near: Int, share: Float, values: Float, out: Float) -> None:
    for v in range(len(near)):
        for k in range(near.shape[1]):
            by, point = share[v, k], near[v, k]
            for c in range(3):
                out[v, c] += by * values[point, c]


@dataclass(frozen=True)
class Lip:
    """Which vertices go along with a lip's inner edge, and how."""

    vertices: Int
    spread: Spread


@dataclass(frozen=True)
class Person:
    """`rest` (V + POINTS, 3): mesh vertices, then the dense points, at rest; `shapes` move them.

    The points are carried along as vertices, so that lids and lips close exactly where they were found.
    `eye_centers` (2, 3). `stiffness` (V + POINTS,): 1 where the head turns, 0 where the body holds.
    `lid_slide` (2, V + POINTS): by how many cm up the skin above each lid a closing lid takes its texture.
    `lid_bias` (2, V + POINTS, 3): what of the bias opens or closes that eye.
    `lid_gap` (2,): the openings' height at rest without bias, cm; `lip_gap` (N,) that of the lips along
    their upper outline: so far apart they are closed. `jaw` (V + POINTS, 3): what a fully open jaw moves
    behind the lips, `glide` (V + POINTS, 3): what one does that glides forward. `skin`: what goes along with
    the skin's points, `lips`: with the inner edge of the upper and of the lower one. `meeting`: the jawOpen
    at which the teeth meet. `iris_cm`: the irises' radius.
    """

    head: Head
    rest: Float
    shapes: Shapes
    eye_centers: Array
    stiffness: Float
    lid_slide: Float
    lid_bias: Float
    lid_gap: Float
    lip_gap: Float
    jaw: Float
    skin: Spread
    lips: tuple[Lip, Lip]
    glide: Float
    meeting: float = 0.0
    iris_cm: float = LIMBUS_RADIUS_CM

    @property
    def vertex_count(self) -> int:
        """How many vertices belong to the mesh; the points follow."""
        return len(self.rest) - dense.COUNT

    def posed(
        self,
        expression: Array,
        corrective: Float | None = None,
        sticky: float = 0.0,
        since: float | None = None,
    ) -> Float:
        """Vertices and points in head space (V + POINTS, 3), gaze not applied.

        `corrective` (SKIN_COUNT, 3), cm: how far the skin's points lie beside where their shapes put them.
        `sticky`, 0 to 1: how much the lips, parting, still hold together toward their corners. `since`: the
        jawOpen at which the jaw was found where it is; from there it glides. None: it was found so open.
        """
        out = self.shapes.moved(self.rest, expression)
        if since is not None and (way := glided(float(expression[JAW])) - glided(since)):
            out += np.float32(way) * self.glide
        if corrective is not None and corrective.any():
            _add_spread(self.skin.near, self.skin.share, corrective, out)
        for side in (0, 1):
            height = _lid_height(out, self.vertex_count, side, self.lid_bias[side])
            open_ = float(np.clip((height / self.lid_gap[side] - SEALED) / (1 - SEALED), 0, 1))
            if open_ < 1:
                out -= (1 - open_) * self.lid_bias[side]
            if open_ < NEARLY_SEALED:
                seal(out, self.vertex_count, side, 1 - open_ / NEARLY_SEALED)
        press(out, self.vertex_count, self.lip_gap)
        touch(out, self.vertex_count, self.lips)
        out += self.bite(float(expression[JAW])) * self.jaw
        if sticky > 0:
            stick(out, self.vertex_count, sticky)
        return out

    def bite(self, jaw: float) -> np.float32:
        """By how much the lower teeth's jawOpen differs from the skin's: teeth overlap before they part."""
        open_ = max(jaw - self.meeting, 0.0)
        apart = min(open_ / PARTED, 1.0)
        return np.float32(open_ - OVERBITE * (1 - apart * apart * (3 - 2 * apart)) - jaw)

    def sealed(self, posed: Float) -> float:
        """How much the posed lips are closed: 1, to 0 where they are `STICK_CM` apart in the middle."""
        gap = float(_lip_height(posed, self.vertex_count).max())
        return float(np.clip(1 - gap / STICK_CM, 0, 1))


def glided(jaw: float) -> float:
    """How far, of jawForward, a jaw that opens has left the hinge as which the head's jawOpen turns it."""
    return GLIDE * max(jaw - HINGE, 0.0) / (1 - HINGE)


def build_person(head: Head, shot: Shot) -> Person:
    """Identity on the mesh, and the found bias spread from the points to the vertices around them."""
    identity = shot.identity.astype(np.float32)
    mesh = head.mean + np.tensordot(identity, head.identity_basis, 1)
    points = head.point_mean + np.tensordot(identity, head.point_identity, 1)
    bias = np.concatenate([Spread.over(points[SKIN], mesh).of(shot.bias[SKIN]), shot.bias]).astype(np.float32)
    eyes = np.stack(
        [
            head.eye_centers[s] + np.tensordot(identity, head.point_identity[:, i], 1) + shot.bias[i]
            for s, i in enumerate((dense.IRIS_LEFT, dense.IRIS_RIGHT))
        ]
    )
    plain = np.concatenate([mesh, points]).astype(np.float32)
    rest = plain + bias
    rest[np.concatenate(tooth_rows(head)), 1] -= LOWER_CM
    height = np.concatenate([head.mean, head.point_mean])[:, 1]
    ramp = np.clip((height - NECK_STILL_CM) / (NECK_FREE_CM - NECK_STILL_CM), 0, 1)
    stiffness = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
    slide = np.stack([lid_slide(rest, rest[len(mesh) :], side) for side in ("left", "right")])
    lid_bias = np.stack([lid_part(plain, bias, len(mesh), side) for side in (0, 1)])
    gap = np.array([_lid_height(plain, len(mesh), side) for side in (0, 1)], np.float32)
    lips = np.maximum(_lip_height(plain, len(mesh)), 0)
    shapes, jaw, glide = _moving(head)
    skin = Spread.over(rest[len(mesh) :][SKIN], rest)
    skin.share[np.unique(np.concatenate([head.part(name) for name in NO_SKIN]))] = 0
    skin.share[len(mesh) + dense.SKIN_COUNT :] = 0
    edges = _lip_edges(head, rest)
    return Person(head, rest, shapes, eyes, stiffness, slide, lid_bias, gap, lips, jaw, skin, edges, glide)


def _lip_edges(head: Head, rest: Float) -> tuple[Lip, Lip]:
    """`Person.lips`: none of a lip goes along with the edge of the other one."""
    return _lip_edge("upper", head, rest), _lip_edge("lower", head, rest)


def _lip_edge(lip: str, head: Head, rest: Float) -> Lip:
    own = np.intersect1d(np.flatnonzero(of_lip(head, lip)), head.part("skin"))
    edge = dense.GROUPS[f"lip_{lip}_inner"] + len(head.mean)
    spread = Spread.over(rest[edge], rest[own], LIP_REACH_CM)
    along = spread.share[:, 0] > 0
    return Lip(own[along], Spread(spread.near[along], spread.share[along]))


def of_lip(head: Head, lip: str) -> NDArray[np.bool_]:
    """Which vertices (V,) of the mesh are on the side of the "upper" or of the "lower" lip."""
    upper: NDArray[np.bool_] = head.regions["lips_upper"] > head.regions["lips_lower"]
    return upper if lip == "upper" else ~upper


@cache
def _moving(head: Head) -> tuple[Shapes, Float, Float]:
    """`Person.shapes`, `Person.jaw` and `Person.glide`, which are the same for everybody."""
    basis = np.concatenate([head.expression_basis, head.point_expression], axis=1).astype(np.float32)
    basis[JAW, tooth_rows(head)[1]] *= LOWER_FARTHER
    tongue = np.unique(head.part("tongue"))
    basis[JAW, tongue, 0] += TONGUE_WIDER * head.mean[tongue, 0]
    jaw = np.zeros_like(basis[JAW])
    behind = _behind_lips(head)
    jaw[behind] = basis[JAW, behind]
    glide = basis[FORWARD].copy()
    glide[:, 1] = GLIDE_RISE[0] * glide[:, 2]
    glide[behind, 1] = GLIDE_RISE[1] * glide[behind, 2]
    return Shapes.of(basis), jaw, glide


def _behind_lips(head: Head) -> Int:
    """The vertices of teeth, gums, tongue and walls."""
    return np.unique(np.concatenate([head.part(name) for name in BEHIND_LIPS])).astype(np.int32)


@cache
def tooth_rows(head: Head) -> tuple[Int, Int]:
    """The vertices of the upper teeth, and of the lower ones with their gums.

    The house head's upper incisors show 7.5 mm of their crowns, people's 10: their gums stay where they are.
    """
    gums = np.unique(head.part("gums"))
    rows = [np.unique(head.part(name)) for name in ("teeth_upper", "teeth_lower")]
    upper, lower = (cKDTree(head.mean[row]).query(head.mean[gums])[0] for row in rows)
    return rows[0], np.union1d(rows[1], gums[upper >= lower])


def with_meeting(person: Person, expressions: Array) -> Person:
    """The person whose teeth meet where the expressions (F, 52) of a shot have closed lips.

    Who closes the lips holds the teeth together, too: a jaw that was found open there is the face's shape.
    """
    few = expressions[np.linspace(0, len(expressions) - 1, min(len(expressions), MEETING_FRAMES)).astype(int)]
    sealed = [weights[JAW] for weights in few if person.sealed(person.posed(weights)) > 0.5]
    return replace(person, meeting=min(float(np.median(sealed)), MOST_MEETING)) if sealed else person


SIDES = ("left", "right")


def seal(vertices: Float, first: int, side: int, share: float) -> None:
    """Draw the outlines of both lids of an eye onto one line, in place; `share` 1 closes them."""
    upper, lower = _edges(f"eye_{SIDES[side]}", first)
    line = 0.3 * vertices[upper] + 0.7 * evenly(vertices[lower], len(upper))
    back = evenly(line, len(lower))
    vertices[upper] += share * (line - vertices[upper])
    vertices[lower] += (share * (back - vertices[lower])).astype(np.float32)


def press(vertices: Float, first: int, gap: Float) -> None:
    """Bring the lips' outlines closer by `gap` (N,), in place: at rest they lie on one line."""
    upper, lower = _edges("mouth", first)
    height = _lip_height(vertices, first)
    less = 0.5 * np.minimum(PRESS * gap, np.maximum(height, 0))
    vertices[upper, 1] -= less
    vertices[lower, 1] += evenly(less[:, None], len(lower))[:, 0].astype(np.float32)


def touch(vertices: Float, first: int, lips: tuple[Lip, Lip]) -> None:
    """Bring lips that touch, or would pass through one another, onto one line, in place.

    Nor does one stand before the other there: seen aslant they would part. What is near goes along.
    """
    share = np.clip(1 - _lip_height(vertices, first) / TOUCH_CM, 0, 1)[:, None]
    if not share.any():
        return
    upper, lower = _edges("mouth", first)
    way = 0.5 * share * (evenly(vertices[lower], len(upper)) - vertices[upper])
    back = evenly(-way, len(lower))
    for edge, lip, off in ((upper, lips[0], way), (lower, lips[1], back)):
        moved = off.astype(np.float32)
        along = vertices[lip.vertices]
        _add_spread(lip.spread.near, lip.spread.share, moved, along)
        vertices[lip.vertices] = along
        vertices[edge] += moved


def stick(vertices: Float, first: int, share: float) -> None:
    """Draw parting lips together toward their corners, in place: wet lips part in the middle first."""
    height = np.maximum(_lip_height(vertices, first), 0)
    held = STICK_CM * share * np.clip(1 - height.max() / STICK_FREE_CM, 0, 1)
    aside = np.abs(np.linspace(-1, 1, len(height))) ** 1.5
    press(vertices, first, (held * aside / PRESS).astype(np.float32))


def _lip_height(vertices: Float, first: int) -> Float:
    """How far apart the lips' outlines are along the upper one (N,), cm; 0 at the corners."""
    upper, lower = _edges("mouth", first)
    return (vertices[upper, 1] - evenly(vertices[lower, 1:2], len(upper))[:, 0]).astype(np.float32)


@cache
def _edges(name: str, first: int) -> tuple[Int, Int]:
    """The points of an opening's upper and lower edge, which follow `first` vertices."""
    upper, lower = (dense.GROUPS[edge] + first for edge in OPENINGS[name])
    return upper, lower


def evenly(line: Float | Array, count: int) -> Array:
    """So many places (count, K), equally many points apart, along a line (N, K)."""
    out: Array = _shares(len(line), count) @ line
    return out


@cache
def _shares(length: int, count: int) -> Array:
    """What of each of so many points (count, length) is in places equally many apart along them."""
    at, along = np.linspace(0, 1, count), np.linspace(0, 1, length)
    return np.stack([np.interp(at, along, point) for point in np.eye(length)], axis=1)


def lid_part(plain: Float, bias: Float, first: int, side: int) -> Float:
    """The part of the bias (V, 3) that changes how far an eye is open.

    A closed eye has no gap, whatever was added to its lids when they were open: this part goes to zero with
    the opening. What both lids share is where the eye lies, and stays.
    """
    margins = [dense.GROUPS[f"lid_{SIDES[side]}_{edge}"] + first for edge in ("upper", "lower")]
    loop = np.concatenate(margins)
    shared = bias[loop].mean(axis=0)
    distance, _ = cKDTree(plain[loop]).query(plain)
    near = np.exp(-((distance / LID_WIDTH_CM) ** 2))[:, None]
    return (near * (bias - shared)).astype(np.float32)


def _lid_height(vertices: Float, first: int, side: int, bias: Float | None = None) -> float:
    """How far apart the lids of an eye are (cm), between their corners, without what is `bias` (V, 3)."""
    upper, lower = (edge[3:-3] for edge in _edges(f"eye_{SIDES[side]}", first))
    at = [vertices[ids, 1] - (0 if bias is None else bias[ids, 1]) for ids in (upper, lower)]
    return float(at[0].mean() - at[1].mean())


def lid_slide(rest: Float, points: Float, side: str) -> Float:
    """How far up (V,), cm, each vertex above the `side` upper lid looks for skin when the lid closes.

    An open eye shows next to nothing of the lid that a blink needs. The lashes stay with the margin; what
    comes above them is taken from the skin below the brow.
    """
    margin = points[dense.GROUPS[f"lid_{side}_upper"]]
    line = smooth_loop(margin)[: 4 * (len(margin) - 1)]
    brow = points[dense.GROUPS[f"brow_{side}"]]
    gap = float(np.linalg.norm(brow.mean(axis=0) - margin.mean(axis=0)))
    reach = LID_REACH * gap
    distance, near = cKDTree(line).query(rest, distance_upper_bound=reach)
    found = np.isfinite(distance)
    above = np.zeros(len(rest), bool)
    above[found] = rest[found, 1] >= line[near[found], 1] - 0.02
    d = np.where(found & above, distance, reach)
    rise = np.clip(d / LASH_CM, 0.25, 1)
    fall = np.clip(1 - d / reach, 0, 1)
    return (LID_SLIDE * gap * rise * fall).astype(np.float32)


def travel(fit: Fit, still: Fit) -> Array:
    """How far (3,) the head's pivot on the neck has gone in camera space, cm; its turns leave it."""
    out: Array = (fit.rotation - still.rotation) @ PIVOT + fit.translation - still.translation
    return out


def body_travel(fit: Fit, still: Fit) -> Array:
    """How far (3,) neck and shoulders go, cm: what the fit says, across the view alone.

    A head that leans in comes nearer than the collar that was seen on its way. If the fit says nothing:
    hardly while the head only cranes, then as far.
    """
    way = travel(fit, still)
    if fit.body is not None:
        return np.append(fit.body - (0 if still.body is None else still.body), 0.0)
    fourth = float(way @ way) ** 2
    return way * (fourth / (fourth + CRANE_CM**4))


def to_camera(person: Person, vertices: Float, fit: Fit, still: Fit) -> Float:
    """Posed vertices (N, 3) in camera space (cm); the neck's foot goes with the pivot, and does not turn."""
    foot = still.translation + body_travel(fit, still)
    ways = (fit.rotation, fit.translation, still.rotation, foot)
    return _placed(vertices, person.stiffness, *(way.astype(np.float32) for way in ways))


def shown_in(person: Person, fit: Fit, still: Fit | None = None) -> Float:
    """Vertices and points (V + POINTS, 3) in camera space, cm, as `fit` says; as `still` the body holds."""
    return to_camera(person, person.posed(fit.expression, fit.corrective), fit, still or fit)


@numba.njit(cache=True, nogil=True)
def _placed(vertices: Float, stiffness: Float, turn: Float, at: Float, still: Float, foot: Float) -> Float:
    out = np.empty_like(vertices)
    for v in range(len(vertices)):
        x, y, z = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        for k in range(3):
            a = turn[k, 0] * x + turn[k, 1] * y + turn[k, 2] * z + at[k]
            b = still[k, 0] * x + still[k, 1] * y + still[k, 2] * z + foot[k]
            out[v, k] = b + stiffness[v] * (a - b)
    return out


def to_pixels(camera: Float, lens: Lens) -> Float:
    """Camera points (N, 3) to pixels and depth (N, 3)."""
    return _projected(camera, float(lens.focal_px), float(lens.center_px[0]), float(lens.center_px[1]))


@numba.njit(cache=True, nogil=True)
def _projected(camera: Float, focal: float, x: float, y: float) -> Float:
    out = np.empty_like(camera)
    for v in range(len(camera)):
        scale = focal / np.float64(camera[v, 2])
        out[v, 0] = camera[v, 0] * scale + x
        out[v, 1] = camera[v, 1] * scale + y
        out[v, 2] = camera[v, 2]
    return out


def opening(person: Person, pixels: Float, name: str) -> Float:
    """The outline (N, 2) of an eye or of the mouth, smooth, from the posed points in pixels."""
    return smooth_loop(pixels[outline_points(person, name), :2])


def upper_count(name: str) -> int:
    """So many places of an opening's outline, the first, are its upper edge."""
    return OUTLINE_PARTS * (len(dense.GROUPS[OPENINGS[name][0]]) - 1) + 1


def outline_points(person: Person, name: str) -> Int:
    """The points around an opening, in order, by their place among vertices and points."""
    return _around(name, person.vertex_count)


@cache
def _around(name: str, first: int) -> Int:
    upper, lower = _edges(name, first)
    return np.concatenate([upper, lower[::-1][1:-1]])


def smooth_loop(corners: Float, parts: int = OUTLINE_PARTS) -> Float:
    """A closed Catmull-Rom curve through `corners` (N, D), `parts` samples from each to the next."""
    return _loop(np.ascontiguousarray(corners, np.float32), parts)


@numba.njit(cache=True, nogil=True)
def _loop(corners: Float, parts: int) -> Float:
    count, channels = corners.shape
    out = np.empty((count * parts, channels), np.float32)
    for i in range(count):
        for k in range(channels):
            before, here = corners[i - 1, k], corners[i, k]
            after, beyond = corners[(i + 1) % count, k], corners[(i + 2) % count, k]
            for part in range(parts):
                t = part / parts
                squared = 2 * before - 5 * here + 4 * after - beyond
                cubed = 3 * here - before - 3 * after + beyond
                value = 2 * here + t * (after - before + t * (squared + t * cubed))
                out[i * parts + part, k] = 0.5 * value
    return out


def caps(person: Person) -> Int:
    """Triangles (T, 3) that span each opening between its upper and lower outline."""
    triangles: list[tuple[int, int, int]] = []
    for upper_name, lower_name in OPENINGS.values():
        upper = dense.GROUPS[upper_name] + person.vertex_count
        lower = dense.GROUPS[lower_name] + person.vertex_count
        triangles += zip_strip(person.rest, upper, lower)
    return np.array(triangles, np.int32)


def zip_strip(rest: Float, upper: Int, lower: Int) -> list[tuple[int, int, int]]:
    """Triangulate between two polylines that share their first and last vertex."""
    i = j = 0
    out: list[tuple[int, int, int]] = []
    while i + 1 < len(upper) or j + 1 < len(lower):
        ahead_upper = rest[upper[i + 1], 0] if i + 1 < len(upper) else None
        ahead_lower = rest[lower[j + 1], 0] if j + 1 < len(lower) else None
        direction = np.sign(rest[upper[-1], 0] - rest[upper[0], 0])
        take_upper = ahead_lower is None or (
            ahead_upper is not None and ahead_upper * direction <= ahead_lower * direction
        )
        if take_upper:
            out.append((int(upper[i]), int(upper[i + 1]), int(lower[j])))
            i += 1
        else:
            out.append((int(upper[i]), int(lower[j + 1]), int(lower[j])))
            j += 1
    return [t for t in out if len(set(t)) == 3]


def eye_axes(person: Person, side: int, fit: Fit, radius_cm: float, depth_cm: float) -> Array:
    """Iris center and the ends of its two radii in camera space (3, 3), cm."""
    yaw, pitch = fit.gaze[side]
    quarter = 0.5 * np.pi
    right, up, ahead = direction(np.array([[yaw + quarter, 0], [yaw, pitch + quarter], [yaw, pitch]]))
    center = person.eye_centers[side] + depth_cm * ahead
    in_head = np.array([center, center + radius_cm * right, center + radius_cm * up])
    out: Array = in_head @ fit.rotation.T + fit.translation
    return out
