"""Texture coordinates of the house head: its own layout, without overlaps and with no seam in the face.

The skin with the linings of mouth and eyes is cut up the back of the head only and laid flat in one
piece: Tutte's embedding into a convex outline, which cannot fold, with the weights of Yoshizawa, Belyaev
and Seidel (2004), which even out the stretch. Everything else is projected in pieces along its own
directions and packed below. A vertex has one texture coordinate; where pieces part it is doubled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from likeness.training.head_layout import PARTS, Mesh

Float = NDArray[np.float64]
Int = NDArray[np.integer]

LINING = ("socket", "eye_socket_left", "eye_socket_right")
LINING_SCALE = 0.45  # linings get less room than their area asks for
SKIN_BOX = (0.005, 0.225, 0.99, 0.77)  # x, y, width, height
STRIP_HEIGHT, GAP = 0.215, 0.004
ROOM = {"eye_left": 2.2, "eye_right": 2.2, "tongue": 0.8, "gums": 0.6, "lashes": 0.5, "tears": 0.6}
FRONT_OF_EYE = np.radians(100.0)


@dataclass
class Atlas:
    """`index` (W,) the mesh's vertex of every doubled one, `uv` (W, 2), `triangles` by level."""

    index: Int
    uv: Float
    triangles: list[Int]


def unwrap(mesh: Mesh, mean: Float, jaw_open: Float) -> Atlas:
    """Lay out the mesh; `mean` (V, 3) and the motion `jaw_open` (V, 3) tell upper from lower gums.

    The mesh's own vertices keep their ids, doubles come after them.
    """
    keys = [_charts(mesh, mean, jaw_open, level) for level in range(len(mesh.triangles))]
    corner_keys = [np.stack([t, k], 2) for t, k in zip(mesh.triangles, keys, strict=True)]
    pairs = np.unique(np.concatenate([c.reshape(-1, 2) for c in corner_keys]), axis=0)
    first = np.r_[True, pairs[1:, 0] != pairs[:-1, 0]]
    new = np.empty(len(pairs), int)
    new[first] = pairs[first, 0]
    new[~first] = len(mean) + np.arange((~first).sum())
    index = np.concatenate([np.arange(len(mean)), pairs[~first, 0]])
    chart = np.full(len(index), -1)
    chart[new] = pairs[:, 1]
    triangles = []
    for c in corner_keys:
        flat = c.reshape(-1, 2)
        at = np.searchsorted(pairs[:, 0] * 4096 + pairs[:, 1], flat[:, 0] * 4096 + flat[:, 1])
        triangles.append(new[at].reshape(-1, 3))
    uv = np.zeros((len(index), 2))
    skin = np.isin(mesh.part[0], [PARTS.index(n) for n in ("skin", *LINING)])
    lining = mesh.part[0][skin] != PARTS.index("skin")
    flat_ids = np.unique(triangles[0][skin])
    uv[flat_ids] = _flatten(mean[index], triangles[0][skin], lining)[flat_ids]
    _pack(mesh, mean, index, chart, triangles[0], uv)
    return Atlas(index, uv, triangles)


SKIN_LEFT, SKIN_RIGHT, EYES, LASHES, TEARS_FIRST, TONGUE, GUMS, TEETH = 0, 1, 4, 10, 12, 20, 40, 100


def _charts(mesh: Mesh, mean: Float, jaw_open: Float, level: int) -> Int:
    """The chart of every triangle's corners (T, 3): all the same but along the skin's seam."""
    t, part = mesh.triangles[level], mesh.part[level]
    a, b, c = (mean[t[:, i]] for i in range(3))
    middle, normal = (a + b + c) / 3, np.cross(b - a, c - a)
    chart = np.zeros(len(t), int)
    for side in (0, 1):
        eye = part == PARTS.index("eye_left") + side
        local = mesh.local[t[eye]].mean(1)
        polar = np.arctan2(np.hypot(local[:, 0], local[:, 1]), local[:, 2])
        chart[eye] = EYES + 2 * side + (polar > FRONT_OF_EYE)
    chart[part == PARTS.index("lashes")] = LASHES
    right = (middle[:, 0] < 0).astype(int)
    chart[part == PARTS.index("tears")] = (TEARS_FIRST + right)[part == PARTS.index("tears")]
    tongue = part == PARTS.index("tongue")
    chart[tongue] = TONGUE + (normal[tongue, 1] < 0)
    gums = part == PARTS.index("gums")
    axis = np.abs(normal).argmax(1)
    sign = np.take_along_axis(normal, axis[:, None], 1)[:, 0] > 0
    lower = np.linalg.norm(jaw_open[t].mean(1), axis=1) > 1.0
    chart[gums] = (GUMS + axis + 3 * sign + 6 * lower + 12 * right)[gums]
    tooth = _teeth(mesh)
    for name in ("teeth_upper", "teeth_lower"):
        mine = part == PARTS.index(name)
        number = tooth[t[mine, 0]]
        outward = (normal[mine] * _outward(mean, tooth)[number]).sum(1)
        chart[mine] = TEETH + 2 * number + (outward < 0)
    out = np.repeat(chart[:, None], 3, 1)
    seam = np.isin(t, mesh.loops["seam"][1:]) & (chart == SKIN_LEFT)[:, None]
    out[seam & (middle[:, :1] < 0)] = SKIN_RIGHT
    return out


def _teeth(mesh: Mesh) -> Int:
    """The number of the tooth every vertex belongs to, -1 elsewhere."""
    t = mesh.triangles[0][np.isin(mesh.part[0], [PARTS.index("teeth_upper"), PARTS.index("teeth_lower")])]
    count = len(mesh.source)
    graph = csr_matrix((np.ones(2 * len(t)), (t[:, [0, 1]].ravel(), t[:, [1, 2]].ravel())), (count, count))
    _, group = connected_components(graph, directed=False)
    out = np.full(count, -1)
    used = np.unique(t)
    out[used] = np.unique(group[used], return_inverse=True)[1]
    return out


def _outward(mean: Float, tooth: Int) -> Float:
    """The level direction (teeth, 3) from the middle of the dental arch to each tooth."""
    out = np.stack([mean[tooth == n].mean(0) for n in range(tooth.max() + 1)]) - [0.0, 0.0, 6.5]
    out[:, 1] = 0
    return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True))


def _flatten(points: Float, triangles: Int, lining: NDArray[np.bool_]) -> Float:
    """Texture coordinates (V, 2) of a surface with one border, in SKIN_BOX."""
    border = _border(triangles)
    length = np.linalg.norm(points[np.roll(border, -1)] - points[border], axis=1)
    way = np.concatenate([[0], np.cumsum(length)[:-1]]) / length.sum()
    # The crown, where both sides of the seam meet, comes to the top.
    start = way[np.argmax(points[border, 1])]
    angle = 2 * np.pi * (way - start)
    uv = np.zeros((len(points), 2))
    # A superellipse: fuller than an ellipse and still convex, so that nothing can fold.
    c, s = np.cos(angle), np.sin(angle)
    uv[border] = np.stack([-np.sign(s) * np.abs(s) ** 0.62, np.sign(c) * np.abs(c) ** 0.62], 1)
    inside = np.setdiff1d(np.unique(triangles), border)
    weights = _mean_value(points, triangles)
    best, best_stretch = uv, np.inf
    for _ in range(14):
        uv = _solve(weights, uv, inside)
        stretch, total = _stretch(points, triangles, uv, lining)
        if total > best_stretch:
            break
        best, best_stretch = uv.copy(), total
        weights = weights @ diags(1.0 / np.maximum(stretch, 1e-9))
    low, high = best[border].min(0), best[border].max(0)
    box = np.array(SKIN_BOX)
    return np.asarray(box[:2] + (best - low) / (high - low) * box[2:])


def _border(triangles: Int) -> Int:
    """The border's vertices in order, the surface on their left."""
    edges = {(a, b) for t in triangles.tolist() for a, b in ((t[0], t[1]), (t[1], t[2]), (t[2], t[0]))}
    after = {a: b for a, b in edges if (b, a) not in edges}
    line = [min(after)]
    while after[line[-1]] != line[0]:
        line.append(after[line[-1]])
    return np.array(line)


def _mean_value(points: Float, triangles: Int) -> csr_matrix:
    """Floater's mean value weights (2003), positive on every mesh."""
    rows, columns, values = [], [], []
    for i in range(3):
        v, w, x = triangles[:, i], triangles[:, (i + 1) % 3], triangles[:, (i + 2) % 3]
        p, q = points[w] - points[v], points[x] - points[v]
        lp, lq = np.linalg.norm(p, axis=1), np.linalg.norm(q, axis=1)
        half = np.tan(np.arccos(np.clip((p * q).sum(1) / (lp * lq), -1, 1)) / 2)
        rows += [v, v]
        columns += [w, x]
        values += [half / lp, half / lq]
    shape = (len(points), len(points))
    return csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape)


def _solve(weights: csr_matrix, uv: Float, inside: Int) -> Float:
    normal = diags(1.0 / np.maximum(np.asarray(weights.sum(1)).ravel(), 1e-30)) @ weights
    system = (diags(np.ones(len(inside))) - normal[inside][:, inside]).tocsc()
    fixed = uv.copy()
    fixed[inside] = 0
    out = uv.copy()
    out[inside] = splu(system).solve(normal[inside] @ fixed)
    return out


def _stretch(points: Float, triangles: Int, uv: Float, lining: NDArray[np.bool_]) -> tuple[Float, float]:
    """Sander's stretch at every vertex (V,), and its mean over the surface."""
    scale = np.where(lining, LINING_SCALE, 1.0)[:, None]
    p = [points[triangles[:, i]] * scale for i in range(3)]
    (s1, t1), (s2, t2), (s3, t3) = (uv[triangles[:, i]].T for i in range(3))
    area2 = np.maximum((s2 - s1) * (t3 - t1) - (s3 - s1) * (t2 - t1), 1e-14)[:, None]
    along_s = (p[0] * (t2 - t3)[:, None] + p[1] * (t3 - t1)[:, None] + p[2] * (t1 - t2)[:, None]) / area2
    along_t = (p[0] * (s3 - s2)[:, None] + p[1] * (s1 - s3)[:, None] + p[2] * (s2 - s1)[:, None]) / area2
    squared = ((along_s**2).sum(1) + (along_t**2).sum(1)) / 2
    area = np.linalg.norm(np.cross(p[1] - p[0], p[2] - p[0]), axis=1)
    top, bottom = np.zeros(len(points)), np.zeros(len(points))
    for corner in triangles.T:
        np.add.at(top, corner, area * squared)
        np.add.at(bottom, corner, area)
    stretch = np.sqrt(top / np.maximum(bottom, 1e-12))
    stretch[bottom == 0] = 1.0
    return stretch, float(np.sqrt((area * squared).sum() / area.sum() * area2.sum() / area.sum()))


def _pack(mesh: Mesh, mean: Float, index: Int, chart: Int, triangles: Int, uv: Float) -> None:
    """Project the small charts and put them on shelves in the strip below the skin, in place."""
    flat: dict[int, tuple[Int, Float]] = {}
    vertex_part = np.zeros(len(mean), int)
    for t, p in zip(mesh.triangles[0].T, [mesh.part[0]] * 3, strict=True):
        vertex_part[t] = p
    tooth = _teeth(mesh)
    for c in np.unique(chart[chart >= EYES]):
        ids = np.flatnonzero(chart == c)
        room = ROOM.get(PARTS[vertex_part[index[ids[0]]]], 1.0)
        at = _projected(mesh, mean, index[ids], int(c), tooth) * room
        uv[ids] = at
        flat[int(c)] = ids, at * [1 if _upright(uv, triangles, chart == c) else -1, 1]
    sizes = {c: np.ptp(at, axis=0) for c, (_, at) in flat.items()}
    low, high = 1e-4, 1.0
    for _ in range(40):
        scale = (low + high) / 2
        low, high = (scale, high) if _shelves(sizes, scale) else (low, scale)
    places = _shelves(sizes, low)
    assert places is not None
    for c, (members, at) in flat.items():
        uv[members] = places[c] + (at - at.min(0)) * low


def _upright(uv: Float, triangles: Int, mine: NDArray[np.bool_]) -> bool:
    """Whether a chart's triangles run counterclockwise in the plane, as they do seen from outside."""
    a, b, c = (uv[triangles[mine[triangles].all(1)][:, i]] for i in range(3))
    return bool(np.sum((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) >= 0)


def _shelves(sizes: dict[int, Float], scale: float) -> dict[int, Float] | None:
    """Corners of the boxes when they fit into the strip at `scale`."""
    x, y, row = GAP, GAP, 0.0
    places: dict[int, Float] = {}
    for c, size in sorted(sizes.items(), key=lambda item: -item[1][1]):
        width, height = size * scale
        if x + width + GAP > 1:
            x, y, row = GAP, y + row + GAP, 0.0
        if x + width + GAP > 1 or y + height + GAP > STRIP_HEIGHT:
            return None
        places[c] = np.array([x, y])
        x, row = x + width + GAP, max(row, height)
    return places


def _projected(mesh: Mesh, mean: Float, ids: Int, chart: int, tooth: Int) -> Float:
    """A chart's vertices (N,) in the plane (N, 2), in centimetres."""
    place = mean[ids]
    if chart >= TEETH:
        outward = _outward(mean, tooth)[(chart - TEETH) // 2]
        across = np.array([outward[2], 0.0, -outward[0]]) * (1 if chart % 2 == 0 else -1)
        return np.stack([place @ across, place[:, 1]], 1)
    if chart >= GUMS:
        axis = (chart - GUMS) % 3
        return place[:, [i for i in range(3) if i != axis]]
    if chart >= TONGUE:
        return place[:, [0, 2]]
    if chart >= TEARS_FIRST:
        return place[:, :2]
    if chart >= LASHES:
        # Hairs stand side by side.
        across, along, hair = mesh.local[ids].T
        return np.stack([hair % 64 * 0.16 + across * 0.1, hair // 64 * 1.1 + along], 1)
    local = mesh.local[ids]
    polar = np.arctan2(np.hypot(local[:, 0], local[:, 1]), local[:, 2])
    polar = np.pi - polar if (chart - EYES) % 2 else polar
    around = np.arctan2(local[:, 1], local[:, 0])
    return np.stack([polar * np.cos(around), polar * np.sin(around)], 1) * 1.5
