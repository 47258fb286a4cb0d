"""The house head's mesh: where its vertices lie on the data's surface, its parts, loops and levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from likeness.head import points as dense
from likeness.training import facekit
from likeness.training.dense_points import edge_graph, path_between
from likeness.training.facekit import FaceKit
from likeness.training.remesh import Surface, barycentric, edge_key, ring_distance

Float = NDArray[np.float64]
Int = NDArray[np.integer]

PARTS = (
    "skin",
    "socket",
    "eye_socket_left",
    "eye_socket_right",
    "gums",
    "tongue",
    "teeth_upper",
    "teeth_lower",
    "eye_left",
    "eye_right",
    "lashes",
    "tears",
)
LID_PAIRS, LIP_PAIRS = 23, 25
LEVEL_SCALE = (1.9, 3.6)  # wanted edge length of levels 1 and 2, times that of level 0
MOUTH_SOCKET = (11248, 13294)
SKIN, SOCKET, EYE_SOCKETS = 0, 1, (2, 3)
# Labels of the skin's surface while it is remeshed: what the contour lines separate.
STRIP = 114  # vertices of one of the data's lash strips
LASH_HAIRS = (24, 14)  # hairs on each of the three strips of an upper and a lower lid
LASH_RIBBON = ((0.0, 0.006), (0.4, 0.005), (0.75, 0.003), (1.0, 0.0))  # along a hair: its half width
TEARS = (24591, 24999)
LIPS, LIP_INNER, LID_INNER = 100, 101, (102, 103)
SNAP_CM = 0.09
CROWN = (0.0, 14.4, 1.3)  # where the texture's seam ends
LIP_BEND_CM = 1.9  # |x| beyond which the lips' contact line turns into the corner
RIM = 48  # segments of an eye's rings


@dataclass
class Mesh:
    """Vertices as points of the data's surface: `source` (V,) triangle and `weights` (V, 3).

    `eye` (V,) is 0 or 1 for a vertex of that eye, which is placed by `local` (V, 3) from the eye's
    center, and -1 for all others. `triangles` holds the levels, `part` their index into PARTS.
    `loops` are lines of vertices by name, `lips` the vertices of the lips' red.
    """

    source: Int
    weights: Float
    eye: Int
    local: Float
    triangles: list[Int]
    part: list[Int]
    loops: dict[str, Int] = field(default_factory=dict)
    lips: Int = field(default_factory=lambda: np.zeros(0, int))


def build_mesh(kit: FaceKit) -> Mesh:
    """Mesh the data's head anew."""
    skin, loops = _skin(kit)
    pieces = [skin, *_mouth(kit), _lashes(kit), _tears(kit)]
    pieces += [_eye(side) for side in (0, 1)]
    # The skin comes first, so that the ids of its loops stay.
    return replace(_join(pieces), loops=loops, lips=skin.lips)


def data_parts(kit: FaceKit) -> Int:
    """The part of every triangle of the data, -1 where the house head takes nothing from it."""
    low, high = kit.triangles.min(1), kit.triangles.max(1)
    part = np.full(len(low), -1)
    part[high < facekit.SKIN[1]] = SKIN
    part[(high >= MOUTH_SOCKET[0]) & (high < MOUTH_SOCKET[1])] = SOCKET
    part[(high >= 13294) & (high < 13678)] = EYE_SOCKETS[0]
    part[(high >= 13678) & (high < facekit.SOCKETS[1])] = EYE_SOCKETS[1]
    part[(low >= facekit.GUMS_TONGUE[0]) & (high < facekit.GUMS_TONGUE[1])] = PARTS.index("gums")
    part[_tongue(kit)] = PARTS.index("tongue")
    part[(low >= facekit.UPPER_TEETH[0]) & (high < facekit.UPPER_TEETH[1])] = PARTS.index("teeth_upper")
    part[(low >= facekit.UPPER_TEETH[1]) & (high < facekit.TEETH[1])] = PARTS.index("teeth_lower")
    part[low >= facekit.LASHES[0]] = PARTS.index("lashes")
    part[(low >= TEARS[0]) & (high < TEARS[1])] = PARTS.index("tears")
    return part


def _tongue(kit: FaceKit) -> Int:
    """Triangles of the tongue: the texture island that holds the middle of the tongue's back."""
    corners = np.concatenate(
        [[(p[0], p[i], p[i + 1]) for i in range(1, len(p) - 1)] for p in kit.uv_polygons]
    )
    inside = (kit.triangles.min(1) >= facekit.GUMS_TONGUE[0]) & (
        kit.triangles.max(1) < facekit.GUMS_TONGUE[1]
    )
    middle = kit.vertices[kit.triangles].mean(1)
    start = np.argmin(np.linalg.norm(middle - [0.0, -2.95, 7.0], axis=1) + np.where(inside, 0, 1e3))
    island = np.zeros(len(kit.uvs), bool)
    island[corners[start]] = True
    while True:
        grown = island.copy()
        grown[corners[inside & island[corners].any(1)]] = True
        if (grown == island).all():
            return np.flatnonzero(inside & island[corners].any(1))
        island = grown


def _sub(kit: FaceKit, faces: Int) -> tuple[Int, Int]:
    """Vertices used by `faces` of the data, and the faces in their numbering."""
    used, local = np.unique(kit.triangles[faces], return_inverse=True)
    return used, local.reshape(-1, 3)


def _piece(surface: Surface, faces: Int) -> tuple[Int, Mesh]:
    """A remeshed surface as a mesh, with the surface's vertex ids."""
    ids, triangles, label, weights, source = surface.result()
    count = len(ids)
    mesh = Mesh(faces[source], weights, np.full(count, -1), np.zeros((count, 3)), [triangles], [label])
    return ids, mesh


def wanted_size(points: Float, lids: list[Float], lips: Float) -> Float:
    """Edge length in cm by place: fine at lids and lips, coarse at the back of the head."""
    base = np.full(len(points), 0.6)
    base += 1.0 * np.clip((5.0 - points[:, 2]) / 6.0, 0, 1)
    base += 0.8 * np.clip((-9.0 - points[:, 1]) / 4.0, 0, 1)
    nose = np.linalg.norm((points - [0.0, -0.2, 12.3]) / [1.0, 1.3, 1.0], axis=1)
    base = np.minimum(base, 0.27 + 0.08 * np.maximum(nose - 1.2, 0))
    for loop in lids:
        base = np.minimum(base, 0.15 + 0.13 * ring_distance(points, loop))
    return np.minimum(base, 0.185 + 0.09 * ring_distance(points, lips))


def curved_size(points: Float, triangles: Int, smallest: float, share: float = 0.7) -> Float:
    """Edge length in cm that follows the surface's curvature: `share` radians of turn along an edge."""
    cross = np.cross(
        points[triangles[:, 1]] - points[triangles[:, 0]], points[triangles[:, 2]] - points[triangles[:, 0]]
    )
    normal = np.zeros_like(points)
    for corner in triangles.T:
        np.add.at(normal, corner, cross)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    a, b = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).T
    length = np.maximum(np.linalg.norm(points[a] - points[b], axis=1), 1e-4)
    turn = np.arccos(np.clip((normal[a] * normal[b]).sum(1), -1, 1)) / length
    bend = np.zeros(len(points))
    np.maximum.at(bend, a, turn)
    np.maximum.at(bend, b, turn)
    size = np.maximum(share / np.maximum(bend, 1e-3), smallest)
    for _ in range(6):  # let the wanted length grow away from fine places by a fifth of the way only
        np.minimum.at(size, b, size[a] + 0.2 * length)
        np.minimum.at(size, a, size[b] + 0.2 * length)
    return size


def _skin(kit: FaceKit) -> tuple[Mesh, dict[str, Int]]:
    """The skin with the linings of mouth and eyes, one connected surface."""
    parts = data_parts(kit)
    faces = np.flatnonzero((parts >= 0) & (parts <= EYE_SOCKETS[1]))
    used, triangles = _sub(kit, faces)
    graph = edge_graph(kit)
    contours = {name: _contour(graph, corners) for name, corners in _corners(kit).items()}
    place = kit.vertices[used].astype(float)
    lids = [kit.vertices[_closed(contours, f"lid_{side}")].astype(float) for side in ("left", "right")]
    lips = kit.vertices[_closed(contours, "lips")].astype(float)
    outer = kit.vertices[_closed(contours, "lip_outer")].astype(float)
    size = np.minimum(wanted_size(place, lids, lips), curved_size(place, triangles, 0.16))
    label = _contour_labels(kit, faces, parts, contours)
    surface = Surface(place, triangles, label, size)
    own = _own_points(kit, used, contours)
    for loop in lids:
        away = ring_distance(place, loop)
        for level in (0.14, 0.30, 0.49, 0.72, 1.0):
            surface.cut(_snapped(away, level, own), level, [SKIN])
    inner, rim = ring_distance(place, lips), ring_distance(place, outer)
    for level in (0.26, 0.56, 0.92):
        surface.cut(_snapped(rim, level, own), level, [SKIN])
    surface.cut(inner / np.maximum(inner + rim, 1e-6), 0.5, [LIPS], where=inner + rim > 0.45)
    pairs = _place_pairs(kit, surface, contours)
    surface.locked |= own | {v for ids in pairs.values() for v in ids}
    seam = _seam(kit, graph)
    surface.features |= {edge_key(a, b) for a, b in pairwise(seam)}
    surface.locked |= {seam[0], seam[-1]}
    surface.remesh(7)
    ids, mesh = _piece(surface, faces)
    mesh.lips = np.unique(mesh.triangles[0][mesh.part[0] == LIPS])
    mesh.part = [np.where(mesh.part[0] >= LIPS, SKIN, mesh.part[0])]
    new = np.full(len(surface.point), -1)
    new[ids] = np.arange(len(ids))
    loops = {name: new[np.array(line)] for name, line in pairs.items()}
    loops["seam"] = new[np.array(_follow(surface, seam[0], seam[-1]))]
    keep = {v for line in pairs.values() for v in line[:: max(len(line) // 6, 1)]}
    _add_levels(surface, mesh, new, keep | {seam[0], seam[-1]})
    return mesh, loops


def _own_points(kit: FaceKit, used: Int, contours: dict[str, list[int]]) -> set[int]:
    """Vertices of the skin that stay because they are dense points.

    Lines are sampled evenly; on them dense points stay only on the lips' outline and at its corners.
    """
    points = set(dense.SOURCE_VERTEX.tolist())
    on_lines = {v for ids in contours.values() for v in ids}
    bend = [v for v in _closed(contours, "lips") if abs(kit.vertices[v, 0]) > LIP_BEND_CM]
    own = (points - on_lines) | {v for v in (*_closed(contours, "lip_outer"), *bend) if v in points}
    return set(np.searchsorted(used, sorted(own)).tolist())


def _snapped(away: Float, level: float, vertices: set[int]) -> Float:
    """The distances, with those vertices that are near the level on it: the ring runs through them."""
    out = away.copy()
    near = np.array(sorted(vertices))
    out[near[np.abs(away[near] - level) < SNAP_CM]] = level
    return out


def _seam(kit: FaceKit, graph: csr_matrix) -> list[int]:
    """Data vertices up the middle of the back, from the crown down to the neck's border."""
    middle = np.flatnonzero(np.abs(kit.vertices[: facekit.SKIN[1], 0]) < 1e-3)
    place = kit.vertices[middle]
    crown = middle[np.linalg.norm(place - CROWN, axis=1).argmin()]
    behind = middle[place[:, 2] < 0]
    nape = behind[kit.vertices[behind, 1].argmin()]
    return path_between(graph, int(crown), int(nape))


def _follow(surface: Surface, start: int, end: int) -> list[int]:
    """The feature line's vertices from `start` to `end`."""
    line, before = [start], -1
    while line[-1] != end:
        (ahead,) = [v for v in surface.feature_neighbors(line[-1]) if v != before]
        before = line[-1]
        line.append(ahead)
    return line


def _corners(kit: FaceKit) -> dict[str, Int]:
    lm = kit.multipie68
    return {
        "lid_upper_left": lm[42:46],
        "lid_lower_left": lm[[42, 47, 46, 45]],
        "lid_upper_right": lm[[39, 38, 37, 36]],
        "lid_lower_right": lm[[39, 40, 41, 36]],
        "lips_upper": lm[60:65],
        "lips_lower": lm[[60, 67, 66, 65, 64]],
        "lip_outer": lm[[*range(48, 60), 48]],
    }


def _contour(graph: csr_matrix, corners: Int) -> list[int]:
    line = [int(corners[0])]
    for a, b in pairwise(corners):
        line += path_between(graph, int(a), int(b))[1:]
    return line


def _closed(contours: dict[str, list[int]], name: str) -> list[int]:
    """A closed loop of data vertices: upper line, then the lower one backwards."""
    if name in contours:
        return contours[name][:-1]
    first, _, side = name.partition("_")
    upper = contours[f"{first}_upper_{side}" if side else f"{first}_upper"]
    lower = contours[f"{first}_lower_{side}" if side else f"{first}_lower"]
    return upper[:-1] + lower[:0:-1]


def _contour_labels(kit: FaceKit, faces: Int, parts: Int, contours: dict[str, list[int]]) -> Int:
    """Labels of the skin's faces, split where the contours run."""
    walls = set()
    for line in contours.values():
        walls |= {(min(a, b), max(a, b)) for a, b in pairwise(line)}
    label = parts[faces].copy()
    seeds = {
        LIP_INNER: _closed(contours, "lips")[3],
        LID_INNER[0]: _closed(contours, "lid_left")[5],
        LID_INNER[1]: _closed(contours, "lid_right")[5],
    }
    triangles = kit.triangles[faces]
    by_edge: dict[tuple[int, int], list[int]] = {}
    for f, corners in enumerate(triangles.tolist()):
        for a, b in ((0, 1), (1, 2), (2, 0)):
            by_edge.setdefault((min(corners[a], corners[b]), max(corners[a], corners[b])), []).append(f)
    group = np.full(len(faces), -1)
    for first in range(len(faces)):
        if group[first] >= 0:
            continue
        stack = [first]
        group[first] = first
        while stack:
            f = stack.pop()
            c = triangles[f].tolist()
            for a, b in ((0, 1), (1, 2), (2, 0)):
                key = (min(c[a], c[b]), max(c[a], c[b]))
                for g in by_edge[key] if key not in walls else ():
                    if group[g] < 0 and parts[faces[g]] == parts[faces[first]]:
                        group[g] = first
                        stack.append(g)
    big = np.bincount(group).argmax()
    for name, start in seeds.items():
        touching = np.unique(group[(triangles == start).any(1)])
        for g in touching:
            if g != big and label[g] == SKIN:
                near = parts[faces[group == g]]
                if near[0] == SKIN:
                    label[group == g] = name
    rest = (label == SKIN) & (group != big)
    label[rest] = LIPS
    lips_start = _closed(contours, "lip_outer")[8]
    for g in np.unique(group[(triangles == lips_start).any(1)]):
        if g != big:
            label[group == g] = LIPS
    return label


def _place_pairs(kit: FaceKit, surface: Surface, contours: dict[str, list[int]]) -> dict[str, list[int]]:
    """Put matching vertices on upper and lower lid margins and lips; returns the lines' vertices.

    They match where the lids meet when they close, so that closing pulls no skin along the lid.
    """
    closed = kit.vertices.astype(float)
    for name in ("eyeBlink_L", "eyeBlink_R"):
        closed = closed + kit.expression[kit.expression_names.index(name)].astype(float)
    lines: dict[str, list[int]] = {}
    for upper, lower, count in (
        ("lid_upper_left", "lid_lower_left", LID_PAIRS),
        ("lid_upper_right", "lid_lower_right", LID_PAIRS),
        ("lips_upper", "lips_lower", LIP_PAIRS),
    ):
        rest = kit.vertices[contours[upper]].astype(float)
        at = _along(rest)
        wanted = np.linspace(0, at[-1], count)
        lines[upper] = _sample_line(surface, contours[upper], wanted)
        pose = closed if upper.startswith("lid") else kit.vertices.astype(float)
        top = np.stack([np.interp(wanted, at, pose[contours[upper]][:, i]) for i in range(3)], 1)
        met = _meeting(pose[contours[lower]], top)
        low = _along(kit.vertices[contours[lower]].astype(float))
        length = np.interp(met, np.linspace(0, 1, len(low)), low)
        lines[lower] = _sample_line(surface, contours[lower], _spaced(length, low[-1]))
    return lines


def _along(line: Float) -> Float:
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])


def _meeting(line: Float, top: Float) -> Float:
    """Where (0 to 1 by vertex) the polyline is nearest to each point of `top`, in order."""
    fine = np.linspace(0, 1, 2000)
    at = np.linspace(0, 1, len(line))
    dense_line = np.stack([np.interp(fine, at, line[:, i]) for i in range(3)], 1)
    _, near = cKDTree(dense_line).query(top)
    return np.maximum.accumulate(fine[near])


def _spaced(length: Float, total: float) -> Float:
    """Positions with ends at the corners and no two closer than a third of the mean step."""
    even = np.linspace(0, total, len(length))
    length = length.copy()
    length[0], length[-1] = 0.0, total
    for blend in np.linspace(0, 1, 21):
        mixed = (1 - blend) * length + blend * even
        if np.diff(mixed).min() > 0.4 * total / (len(length) - 1):
            return mixed
    return even


def _sample_line(surface: Surface, line: list[int], wanted: Float) -> list[int]:
    """Vertices of the surface at the wanted lengths along a line of its edges (data ids), split in.

    The skin's vertices come first in the data and are all used, so their ids are the surface's.
    """
    chain = [line[0]]
    for a, b in pairwise(line):
        chain += _chain(surface, a, b)
    at = _along(np.array([surface.point[v] for v in chain]))
    out = [chain[0]]
    segment, position = 0, 0.0
    current = chain[0]
    for want in wanted[1:-1]:
        while at[segment + 1] < want:
            segment += 1
            current, position = chain[segment], at[segment]
        if want - position < 1e-4 * at[-1] and current not in out:
            out.append(current)
            continue
        t = (want - position) / (at[segment + 1] - position)
        current = surface.split(current, chain[segment + 1], t) if t < 0.999 else chain[segment + 1]
        position = want
        out.append(current)
    return [*out, chain[-1]]


def _chain(surface: Surface, a: int, b: int) -> list[int]:
    """The feature vertices between a and b (the edge may have been cut already), b included."""
    if surface.faces_of(a, b):
        return [b]
    way = np.array(surface.point[b]) - np.array(surface.point[a])
    out, here = [], a
    while here != b:
        steps = [
            w
            for w in surface.feature_neighbors(here)
            if (np.array(surface.point[w]) - surface.point[here]) @ way
            > 0.9999 * np.linalg.norm(np.array(surface.point[w]) - surface.point[here]) * np.linalg.norm(way)
        ]
        here = min(
            steps, key=lambda w: float(np.linalg.norm(np.array(surface.point[w]) - surface.point[here]))
        )
        out.append(here)
    return out


def _add_levels(surface: Surface, mesh: Mesh, new: Int, keep: set[int]) -> None:
    """Coarser levels: the same vertices, fewer of them."""
    surface.locked = keep
    base = list(surface.size)
    for scale in LEVEL_SCALE:
        surface.size = [s * scale for s in base]
        for _ in range(4):
            surface.collapse_short(0.8, 1.6)
            surface.flip_all()
        faces = [f for f, corners in enumerate(surface.face) if corners]
        label = np.array([surface.label[f] for f in faces])
        mesh.triangles.append(new[np.array([surface.face[f] for f in faces])])
        mesh.part.append(np.where(label >= LIPS, SKIN, label))


def _mouth(kit: FaceKit) -> list[Mesh]:
    """Gums, tongue and teeth."""
    parts = data_parts(kit)
    out = []
    for names, size in ((("gums", "tongue"), 0.42), (("teeth_upper",), 0.2), (("teeth_lower",), 0.2)):
        faces = np.flatnonzero(np.isin(parts, [PARTS.index(n) for n in names]))
        used, triangles = _sub(kit, faces)
        place = kit.vertices[used].astype(float)
        wanted = np.minimum(size, curved_size(place, triangles, 0.75 * size, share=1.0))
        wanted = wanted * (1 + 1.0 * np.clip((9.0 - place[:, 2]) / 1.5, 0, 1))
        surface = Surface(place, triangles, parts[faces], wanted)
        surface.remesh(4)
        ids, mesh = _piece(surface, faces)
        new = np.full(len(surface.point), -1)
        new[ids] = np.arange(len(ids))
        _add_levels(surface, mesh, new, set())
        out.append(mesh)
    return out


def _lashes(kit: FaceKit) -> Mesh:
    """Single hairs on the data's lash strips, three strips to a lid.

    `local` holds each vertex's place across and along its hair and the hair's number.
    """
    rng = np.random.default_rng(7)
    roots = np.concatenate([kit.vertices[_closed_lid(kit, side)] for side in ("left", "right")])
    sources, weights, local = [], [], []
    hair = 0
    for strip in range(12):
        grid = _strip(kit, facekit.LASHES[0] + STRIP * strip, roots.astype(float))
        upper = strip % 6 < 3
        for k in range(LASH_HAIRS[0 if upper else 1]):
            across = (k + (strip % 3) / 3 + rng.uniform(-0.2, 0.2)) / LASH_HAIRS[0 if upper else 1]
            length = rng.uniform(0.72, 1.0)
            for along, width in LASH_RIBBON:
                for side in (-1, 1) if width else (0,):
                    lean = 0.02 * along * np.sign(across - 0.5)
                    at = np.clip([across + lean + side * width, along * length], 0.001, 0.999)
                    found = grid(at)
                    sources.append(found[0])
                    weights.append(found[1])
                    local.append([(side + 1) / 2, along, hair])
            hair += 1
    count = 2 * sum(w > 0 for _, w in LASH_RIBBON) + 1
    one = [(2 * i, 2 * i + 1, 2 * i + 3) for i in range(count // 2 - 1)]
    one += [(2 * i, 2 * i + 3, 2 * i + 2) for i in range(count // 2 - 1)] + [
        (count - 3, count - 2, count - 1)
    ]
    triangles = (np.arange(hair)[:, None, None] * count + np.array(one)).reshape(-1, 3)
    part = np.full(len(triangles), PARTS.index("lashes"))
    empty = np.zeros((0, 3), int)
    return Mesh(
        np.array(sources),
        np.array(weights),
        np.full(len(sources), -1),
        np.array(local),
        [triangles, triangles, empty],
        [part, part, empty[:, 0]],
    )


def _closed_lid(kit: FaceKit, side: str) -> list[int]:
    graph = edge_graph(kit)
    lines = {n: _contour(graph, c) for n, c in _corners(kit).items() if n.endswith(side)}
    return _closed(lines, f"lid_{side}")


def _strip(kit: FaceKit, first: int, roots: Float) -> Callable[[Float], tuple[int, Float]]:
    """A lash strip as a map from (along the lid, root to tip), both 0..1, to source triangle and weights."""
    faces = np.flatnonzero((kit.triangles.min(1) >= first) & (kit.triangles.max(1) < first + STRIP))
    corners = np.concatenate(
        [[(p[0], p[i], p[i + 1]) for i in range(1, len(p) - 1)] for p in kit.uv_polygons]
    )
    at = kit.uvs[corners[faces]].astype(float)
    low, high = at.reshape(-1, 2).min(0), at.reshape(-1, 2).max(0)
    at = (at - low) / (high - low)
    away = np.asarray(cKDTree(roots).query(kit.vertices[kit.triangles[faces]].astype(float))[0])
    if away[at[..., 1] < 0.01].mean() > away[at[..., 1] > 0.99].mean():
        at[..., 1] = 1 - at[..., 1]
    flat = np.concatenate([at, np.zeros((*at.shape[:2], 1))], 2)

    def find(where: Float) -> tuple[int, Float]:
        point = np.repeat(np.array([[*where, 0.0]]), len(faces), 0)
        w = barycentric(point, flat)
        best = int(np.linalg.norm((w[..., None] * flat).sum(1) - point, axis=1).argmin())
        return int(faces[best]), w[best]

    return find


def _tears(kit: FaceKit) -> Mesh:
    """The wet line between lids and eyes."""
    faces = np.flatnonzero(data_parts(kit) == PARTS.index("tears"))
    used, triangles = _sub(kit, faces)
    place = kit.vertices[used].astype(float)
    surface = Surface(place, triangles, np.full(len(faces), PARTS.index("tears")), np.full(len(place), 0.13))
    surface.remesh(3)
    ids, mesh = _piece(surface, faces)
    new = np.full(len(surface.point), -1)
    new[ids] = np.arange(len(ids))
    _add_levels(surface, mesh, new, set())
    return mesh


def _eye(side: int) -> Mesh:
    """An eyeball: a sphere of rings about its axis, with the flat disk of iris and pupil in front."""
    radius = float(np.hypot(facekit.LIMBUS_RADIUS, facekit.LIMBUS_DEPTH))
    limbus = np.arcsin(facekit.LIMBUS_RADIUS / radius)
    disk = [(r, facekit.LIMBUS_DEPTH) for r in (0.19, 0.33, 0.47, facekit.LIMBUS_RADIUS)]
    polar = np.linspace(limbus, np.pi, 14)[1:-1]
    rings = disk + [(radius * np.sin(a), radius * np.cos(a)) for a in polar]
    angle = np.arange(RIM) * 2 * np.pi / RIM
    local = [np.array([[0.0, 0.0, facekit.LIMBUS_DEPTH]])]
    local += [np.stack([r * np.cos(angle), r * np.sin(angle), np.full(RIM, z)], 1) for r, z in rings]
    local += [np.array([[0.0, 0.0, -radius]])]
    points = np.concatenate(local)
    levels = [_fan(len(rings), step) for step in (1, 2, 4)]
    count = len(points)
    return Mesh(
        np.full(count, -1),
        np.zeros((count, 3)),
        np.full(count, side),
        points,
        levels,
        [np.full(len(t), PARTS.index("eye_left") + side) for t in levels],
    )


def _fan(rings: int, step: int) -> Int:
    """Triangles of stacked rings closed by a vertex at both ends; every `step`-th segment and ring."""
    around = np.arange(0, RIM, step)
    after = np.roll(around, -1)
    # The iris' rim (ring 3) and the last ring stay in every level.
    kept = sorted({3, rings - 1, *range(3, rings, step), *range(3, -1, -step)})
    start = [1 + r * RIM for r in kept]
    faces = [np.stack([np.zeros_like(around), start[0] + around, start[0] + after], 1)]
    for a, b in pairwise(start):
        faces.append(np.stack([a + around, b + around, b + after], 1))
        faces.append(np.stack([a + around, b + after, a + after], 1))
    last = 1 + rings * RIM
    faces.append(np.stack([start[-1] + around, np.full_like(around, last), start[-1] + after], 1))
    return np.concatenate(faces)


def _join(pieces: list[Mesh]) -> Mesh:
    start = np.cumsum([0] + [len(p.source) for p in pieces])
    levels = range(1 + len(LEVEL_SCALE))
    return Mesh(
        np.concatenate([p.source for p in pieces]),
        np.concatenate([p.weights for p in pieces]),
        np.concatenate([p.eye for p in pieces]),
        np.concatenate([p.local for p in pieces]),
        [np.concatenate([p.triangles[i] + s for p, s in zip(pieces, start, strict=False)]) for i in levels],
        [np.concatenate([p.part[i] for p in pieces]) for i in levels],
    )
