"""What lies behind the lips, teeth, gums, tongue and walls, and how much light comes to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from likeness.face.light import Light
from likeness.face.person import Person, tooth_rows
from likeness.head import points as dense
from likeness.head.finer import finer
from likeness.head.model import Head, vertex_normals
from likeness.performance import ARKIT
from likeness.render.occlusion import occlusion

Float = NDArray[np.float32]
Int = NDArray[np.int32]

# Diffuse reflectance, scene-linear, as parts of a white wall.
ALBEDO = {
    "socket": (0.60, 0.22, 0.19),
    "gums": (0.66, 0.32, 0.28),
    "tongue": (0.74, 0.39, 0.40),
    "teeth_upper": (0.97, 0.96, 0.84),
    "teeth_lower": (0.86, 0.78, 0.70),
}
GLOSS = {"gums": 0.05, "tongue": 0.06, "teeth_upper": 0.10, "teeth_lower": 0.10}  # of white, at its brightest
GLOSS_POWER = 24  # how small a highlight on wet surfaces is
# What comes to teeth so far behind the foremost, at most and at least; over lower ones stand lips and cheeks.
ROW_LIGHT = {
    "teeth_upper": ((0.5, 2.0, 3.2), (1.0, 0.75, 0.25)),
    "teeth_lower": ((0.8, 3.0), (0.82, 0.4)),
}
EDGE_CM = 0.35  # so far about a lower tooth's place, seen from above, lies its edge
INNER, ROOT_CM = (0.4, -0.2), (0.6, 0.9)  # facing outward by so much, or so far below, it is an inner side
SULCUS_CM, SULCUS_LIGHT = (0.15, 0.6), 0.15  # so far below its edge that meets the tongue and its shadow
GUM_LIGHT = 0.35  # of the light on lower gums that face the tongue
INWARD_LIGHT, ARCH_CM = 0.8, 3.0  # on teeth's inner sides; the arch's center lies so far behind the front
BETWEEN_CM, BETWEEN_LIGHT = 1.0, 0.06  # teeth so far apart let all light in; the share that met teeth let in
WALL_LIGHT = 0.8  # cheeks lie along the way that light takes
BEYOND_CM = 1.0  # so far behind the lips all light comes from between them
TILTED = 0.55, 1.25  # of the light on what lies behind the teeth: as it faces aside of the lips, and the lips
REDDER = np.array([1.0, 1.4, 1.6], np.float32)  # what comes deep has met the mouth's red walls on its way
REDDER_BEHIND = np.array([1.0, 1.2, 1.2], np.float32)  # and what the tongue gets, which is as blue as green
GAPS = 0.25  # of the light is lost where teeth see nothing past their neighbors
VIEWS, VIEW_PX, VIEW_CM, NEAR_CM = 48, 192, 9.0, 0.05  # of the maps by which that is found
GROOVE, GROOVE_CM = 0.1, 0.25  # how much darker the tongue's middle is, and how wide
BEHIND_TEETH = ("socket", "tongue")


@dataclass(frozen=True)
class Inside:
    """The triangles of the mouth's inside and their colors: `triangles` (T, 3), `albedo` (T, 3).

    `used` are the head's vertices that belong to it; what it is made of (V,) comes from these (see `at`), and
    all others count among it: `teeth` and `lower` are those of upper and lower teeth, `behind` what lies
    behind them. `part` (T,) is the index of each triangle into `ALBEDO`, `gloss` (T,) how bright it shines.
    `glow` (V,): how much of the light that comes in meets a vertex. `closed_cm`: the distance of the middles
    of upper and lower teeth that meet.
    """

    triangles: Int
    albedo: Float
    part: Int
    gloss: Float
    used: Int
    shares: csr_matrix | None
    teeth: Int
    lower: Int
    behind: Int
    glow: Float
    closed_cm: float

    def at(self, values: Float) -> Float:
        """What the head's vertices have (N, K), at those of the inside (V, K)."""
        own = values[self.used]
        return own if self.shares is None else np.asarray(self.shares @ own)


def inside_of(head: Head, cuts: int = 0) -> Inside:
    """Collect the parts of the head that lie behind the lips; each facet is cut into four, `cuts` times."""
    parts = [_welded(head, name) for name in ALBEDO]
    kind = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
    order = front_first(head, np.concatenate(parts))
    part = np.repeat(kind[order], 4**cuts).astype(np.int32)
    albedo = np.array(list(ALBEDO.values()), np.float32)
    gloss = np.array([GLOSS.get(name, 0.0) for name in ALBEDO], np.float32)
    used, coarse = np.unique(np.concatenate(parts)[order], return_inverse=True)
    shares, triangles = finer(coarse.reshape(-1, 3).astype(np.int32), len(used), cuts)

    def of(*names: str) -> Int:
        kinds = [list(ALBEDO).index(name) for name in names]
        return np.unique(triangles[np.isin(part, kinds)]).astype(np.int32)

    teeth, lower = (np.unique(head.part(name)) for name in ("teeth_upper", "teeth_lower"))
    inside = Inside(
        triangles,
        albedo[part],
        part,
        gloss[part],
        used,
        shares if cuts else None,
        of("teeth_upper"),
        of("teeth_lower"),
        of(*BEHIND_TEETH),
        _glow(head),
        _between(head.mean[teeth], head.mean[lower]),
    )
    return replace(inside, glow=np.clip(inside.at(inside.glow), 0, 1))  # what is cut finer overshoots


def _welded(head: Head, part: str) -> Int:
    """The triangles (T, 3) of a part without seams, at which its facets would show."""
    return head.vertex_twin[head.part(part)]


def front_first(head: Head, triangles: Int) -> Int:
    """The order (T,) of triangles (T, 3) from front to back: what is hidden need not be drawn."""
    return np.argsort(-head.mean[triangles, 2].mean(axis=1), kind="stable").astype(np.int32)


def _between(upper: Float, lower: Float) -> float:
    return float(np.linalg.norm(upper.mean(axis=0) - lower.mean(axis=0)))


def light_between(inside: Inside, camera: Float) -> float:
    """The share of light that comes between the teeth of the posed inside (V, 3), cm: 1 if they are far."""
    apart = _between(camera[inside.teeth], camera[inside.lower]) - inside.closed_cm
    return float(np.clip(apart / BETWEEN_CM, BETWEEN_LIGHT, 1))


def wide_of(lips: Float) -> float:
    """The radius of the disk, cm, that lets in as much light as the opening of the `lips` (N, 3), a loop."""
    return _wide_of(lips.astype(np.float64))


@numba.njit(cache=True, nogil=True)
def _wide_of(lips: NDArray[np.float64]) -> float:
    x = y = z = 0.0
    for n in range(len(lips)):
        a, b = lips[n - 1], lips[n]
        x, y, z = x + a[1] * b[2] - a[2] * b[1], y + a[2] * b[0] - a[0] * b[2], z + a[0] * b[1] - a[1] * b[0]
    return max(np.sqrt(np.sqrt(x * x + y * y + z * z) / (2 * np.pi)), 1e-3)


def _glow(head: Head) -> Float:
    """How much of the light that comes in meets each vertex (V,): less of it teeth in the back."""
    rows = [_welded(head, name) for name in ROW_LIGHT]
    front = float(head.mean[rows[0], 2].max())
    outward = head.mean[:, [0, 2]] - np.array([0, front - ARCH_CM], np.float32)
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
    facing = (vertex_normals(head.mean, np.concatenate(rows))[:, [0, 2]] * outward).sum(axis=1)
    out = np.where(facing < 0, INWARD_LIGHT + (1 - INWARD_LIGHT) * (1 + facing), 1).astype(np.float32)
    hidden = 1 - _seen(head)
    for row, (deep_cm, light) in zip(rows, ROW_LIGHT.values(), strict=True):
        teeth = np.unique(row)
        out[teeth] *= np.interp(front - head.mean[teeth, 2], deep_cm, light)
        outer = teeth[facing[teeth] > 0]
        out[outer] *= 1 - GAPS * hidden[outer] ** 2
    lower, gums = np.unique(rows[1]), np.intersect1d(head.part("gums"), tooth_rows(head)[1])
    out[lower] *= _sulcus(_below_edge(head.mean[lower]), facing[lower])
    normals = vertex_normals(head.mean, _welded(head, "gums"))
    out[gums] *= np.where((normals[:, [0, 2]] * outward).sum(axis=1)[gums] < 0, GUM_LIGHT, 1)
    out[np.unique(_welded(head, "socket"))] *= WALL_LIGHT
    tongue = np.unique(head.part("tongue"))
    out[tongue] *= 1 - GROOVE * np.exp(-((head.mean[tongue, 0] / GROOVE_CM) ** 2))
    return out


def _sulcus(deep: Float, facing: Float) -> Float:
    """What of the light is left (V,) on lower teeth so `deep` below their edge, `facing` (V,) outward."""
    inner = np.maximum(np.interp(-facing, -np.array(INNER), (0, 1)), np.interp(deep, ROOT_CM, (0, 1)))
    return np.asarray(1 - inner * np.interp(deep, SULCUS_CM, (0, 1 - SULCUS_LIGHT)), np.float32)


def _below_edge(teeth: Float) -> Float:
    """How far below the highest place about it, cm, each vertex (V,) of a row of `teeth` (V, 3) lies."""
    near = cKDTree(teeth[:, [0, 2]]).query_ball_point(teeth[:, [0, 2]], EDGE_CM)
    return np.array([teeth[ids, 1].max() for ids in near], np.float32) - teeth[:, 1]


@lru_cache(maxsize=1)
def _seen(head: Head) -> Float:
    """How much of the sky (V,) teeth of an open jaw see past each other, gums and tongue; 0 elsewhere."""
    parts = np.concatenate([_welded(head, name) for name in ALBEDO if name != "socket"])
    used, triangles = np.unique(parts, return_inverse=True)
    jaw = head.mean[used] + head.expression_basis[ARKIT.index("jawOpen")][used]
    out = np.zeros(len(head.mean), np.float32)
    mesh = jaw - jaw.mean(axis=0), triangles.reshape(-1, 3).astype(np.int32)
    out[used] = occlusion(*mesh, VIEWS, VIEW_PX, VIEW_CM, NEAR_CM)
    return out


class Lit(NamedTuple):
    """The light that comes to what lies behind the lips.

    `normals` (V, 3), and the directions `whence` (V, 3) it comes: for what lies behind the teeth that is the
    lips' opening, wherever it faces, but before the lips where it faces. `share` (V, 3): what of the light
    before the lips comes to it, and what comes `between` the teeth.
    """

    normals: Float
    whence: Float
    share: Float
    between: float


def lit_between(inside: Inside, person: Person, camera: Float, red: float) -> Lit:
    """The light on the inside of a `person` that lies as `camera` (N, 3), cm, has it.

    `red`: how much the mouth's walls redden it, 1 as usual.
    """
    behind = inside.at(camera)
    normals, between = vertex_normals(behind, inside.triangles), light_between(inside, behind)
    loop = np.r_[dense.GROUPS["lip_upper_inner"], dense.GROUPS["lip_lower_inner"][::-1]]
    lips = camera[loop + person.vertex_count]
    share, whence = light_in(inside, behind, normals, lips, between, red)
    return Lit(normals, whence, share, between)


def light_in(
    inside: Inside, camera: Float, normals: Float, lips: Float, between: float, red: float = 1.0
) -> tuple[Float, Float]:
    """How much of the light before the `lips` (N, 3) comes to each vertex (V, 3), cm, with its unit normal.

    The sine of half the angle under which it sees the opening, taken for a disk; then as `Inside.glow` says.
    What lies behind the teeth also gets the more the straighter it faces the opening's middle (Lambert).
    With it the direction (V, 3) that it comes from: see `Lit`.
    """
    middle = lips.mean(axis=0)
    powers = 1 + np.float32(red) * (np.stack([REDDER, REDDER_BEHIND]) - 1)
    return _light_in(camera, normals, middle, wide_of(lips), between, inside.behind, inside.glow, powers)


@numba.njit(cache=True, nogil=True)
def _light_in(
    camera: Float,
    normals: Float,
    middle: Float,
    wide_cm: float,
    between: float,
    behind: Int,
    light: Float,
    powers: Float,
) -> tuple[Float, Float]:
    """The same, of `light` (V,) at what would see all of the opening, whose `middle` (3,) is so wide.

    `powers` (2, 3): of each channel, at teeth and gums, and behind the teeth.
    """
    seen, out = np.empty(len(camera), np.float32), np.empty((len(camera), 3), np.float32)
    whence, way = normals.copy(), np.empty(3, np.float32)
    for v in range(len(camera)):
        deep = max(camera[v, 2] - middle[2], 0.0)
        seen[v] = light[v] * wide_cm / np.sqrt(wide_cm * wide_cm + deep * deep)
        for k in range(3):
            out[v, k] = seen[v] ** powers[0, k]
    for v in behind:
        way[:] = middle - camera[v]
        way /= max(np.sqrt((way * way).sum()), np.float32(1e-6))
        cosine = min(max((normals[v] * way).sum(), np.float32(0)), np.float32(1))
        seen[v] *= between * (TILTED[0] + cosine * (TILTED[1] - TILTED[0]))
        way -= normals[v]
        whence[v] += way * np.float32(min(max((camera[v, 2] - middle[2]) / BEYOND_CM, 0.0), 1.0))
        whence[v] /= max(np.sqrt((whence[v] * whence[v]).sum()), np.float32(1e-6))
        for k in range(3):
            out[v, k] = seen[v] ** powers[1, k]
    return out, whence


def highlight(light: Light, normals: Float) -> Float:
    """Radiance (V, 3) that a mirror-like wet surface with unit `normals` (V, 3) throws at the camera.

    Blinn's half vector between the camera and where most light comes from.
    """
    toward = light.shape[1:4] / max(float(np.linalg.norm(light.shape[1:4])), 1e-6)
    half = toward + np.array([0, 0, -1], np.float32)
    half /= max(float(np.linalg.norm(half)), 1e-6)
    out = np.zeros_like(normals)
    along = normals @ half
    (shiny,) = np.nonzero(along > 0.5)  # less leaves nothing of the power
    out[shiny] = (np.minimum(along[shiny], 1) ** GLOSS_POWER)[:, None] * light.white
    return out
