"""Builds the house body from the MakeHuman data: `python -m likeness.training.body --data FOLDER`.

The base mesh is subdivided once (Catmull and Clark, 1978), cut at the neck and joined to the ring that
it shares with the house head. Macro shapes are reduced by a principal component analysis; every vertex
is a weighted sum of the base mesh's. Writes `models/body.npz` and pins it. Deterministic.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from likeness.head.model import Head, load_head, vertex_normals
from likeness.human.body import SHOE_STEPS
from likeness.human.clothes import ARM, covered, inside, share
from likeness.human.garments import GARMENTS
from likeness.human.measures import LOCAL, macro_weights
from likeness.performance import ARKIT
from likeness.training import neck
from likeness.training.collapse import Collapser
from likeness.training.lasts import lasts
from likeness.training.makehuman import BODY_VERTICES, MakeHuman, load_makehuman
from likeness.training.register import register_tables

Float = NDArray[np.float64]
Int = NDArray[np.integer[Any]]

MACRO_ERROR_CM = 0.02
GAP_CM = 0.5  # between the ring and what is left of body and head, before the strips
BLEND_CM = 5.0  # above the ring, where the head's neck becomes its own again
# Triangles of the body at which the ring gives up every second point for the next level.
RING_BUDGET = (14_000, 5_200, 1_000)
LAST = 240
SHOE_TOP_CM = 12.0  # above the soles: what may be in a shoe


@dataclass(frozen=True, eq=False)
class Grid:
    """Quads (Q, 4) over places and their texture corners; `rows` (P, N) gives places from the base's."""

    quads: Int
    uv_quads: Int
    uvs: Float
    rows: csr_matrix


def subdivide(quads: Int, uv_quads: Int, uvs: Float, count: int) -> Grid:
    """Catmull and Clark's rule for places; texture corners are halved straight."""
    edges, edge_of = _edges(quads)
    faces = np.repeat(np.arange(len(quads)), 4)
    face_rows = _matrix(faces, quads.ravel(), np.full(quads.size, 0.25), (len(quads), count))
    edge_faces = _matrix(edge_of.ravel(), faces, np.ones(quads.size), (len(edges), len(quads)))
    used = np.asarray(edge_faces.sum(1)).ravel()
    ends = _matrix(
        np.repeat(np.arange(len(edges)), 2), edges.ravel(), np.full(edges.size, 0.5), (len(edges), count)
    )
    inner = _scale(used == 2, ends * 0.5 + _scale(1 / used, edge_faces @ face_rows) * 0.5)
    edge_rows = inner + _scale(used != 2, ends)
    corner = _matrix(quads.ravel(), faces, np.ones(quads.size), (count, len(quads)))
    touch = _matrix(
        edges.ravel(), np.repeat(np.arange(len(edges)), 2), np.ones(edges.size), (count, len(edges))
    )
    n = np.asarray(corner.sum(1)).ravel()
    valence = np.asarray(touch.sum(1)).ravel()
    border = np.asarray(touch @ (used == 1).astype(float)).ravel() > 0
    safe = np.maximum(n, 1)
    same = (
        csr_matrix(np.eye(1))
        if count == 1
        else _matrix(np.arange(count), np.arange(count), np.ones(count), (count, count))
    )
    smooth = (
        _scale(1 / safe**2, corner @ face_rows)
        + _scale(2 / (safe * np.maximum(valence, 1)), touch @ ends)
        + _scale((safe - 3) / safe, same)
    )
    place_rows = _scale(~border & (n > 0), smooth) + _scale(border | (n == 0), same)
    rows = _stack([place_rows, edge_rows, face_rows])
    new = _split(quads, edge_of, count, len(edges))
    uv_edges, uv_edge_of = _edges(uv_quads)
    new_uvs = np.concatenate([uvs, uvs[uv_edges].mean(1), uvs[uv_quads].mean(1)])
    return Grid(new, _split(uv_quads, uv_edge_of, len(uvs), len(uv_edges)), new_uvs, rows)


def _edges(quads: Int) -> tuple[Int, Int]:
    """Edges (E, 2) and the edge (Q, 4) of each side, which goes from its corner to the next."""
    sides = np.sort(np.stack([quads, np.roll(quads, -1, 1)], 2), 2).reshape(-1, 2)
    edges, back = np.unique(sides, axis=0, return_inverse=True)
    return edges, back.reshape(quads.shape)


def _split(quads: Int, edge_of: Int, count: int, edges: int) -> Int:
    middle = count + edges + np.arange(len(quads))
    out = [
        np.stack([quads[:, i], count + edge_of[:, i], middle, count + edge_of[:, i - 1]], 1) for i in range(4)
    ]
    return np.concatenate(out)


def _matrix(rows: Int, columns: Int, values: Float, shape: tuple[int, int]) -> Any:
    return coo_matrix((values, (rows, columns)), shape).tocsr()


def _scale(values: Any, matrix: Any) -> Any:
    count = len(values)
    return _matrix(np.arange(count), np.arange(count), np.asarray(values, float), (count, count)) @ matrix


def _stack(parts: list[Any]) -> Any:
    from scipy.sparse import vstack

    return vstack(parts).tocsr()


@dataclass(frozen=True, eq=False)
class Surface:
    """The body's mesh: corners W with `place` (W,), `uv` (W, 2); `triangles` (T, 3) of corners; `rows`
    (P, N) places from the base mesh's; `ring` (RING + 1,) its corners at the seam.
    """

    place: Int
    uv: Float
    triangles: Int
    rows: csr_matrix
    ring: Int


def cut_body(data: MakeHuman, base: Float) -> Surface:
    """Subdivide, cut at the neck and join to the ring."""
    grid = subdivide(data.quads, data.uv_quads, data.uvs, len(base))
    places = grid.rows @ base
    fine = np.concatenate([grid.quads[:, [0, 1, 2]], grid.quads[:, [0, 2, 3]]])
    fine_uv = np.concatenate([grid.uv_quads[:, [0, 1, 2]], grid.uv_quads[:, [0, 2, 3]]])
    pairs, corner = np.unique(np.stack([fine.ravel(), fine_uv.ravel()], 1), axis=0, return_inverse=True)
    corners = corner.reshape(-1, 3)
    place, uv = pairs[:, 0], grid.uvs[pairs[:, 1]]
    rows4, weights4 = neck.ring_on(places[place], corners)
    ring_uv = (uv[rows4] * weights4[..., None]).sum(1)
    count = len(places)
    ring_place = count + np.arange(neck.RING + 1) % neck.RING
    ring_rows = _matrix(
        np.repeat(np.arange(neck.RING), 4),
        place[rows4[:-1]].ravel(),
        weights4[:-1].ravel(),
        (neck.RING, count),
    )
    rows = _stack([grid.rows, ring_rows @ grid.rows])
    ring = len(place) + np.arange(neck.RING + 1)
    place, uv = np.concatenate([place, ring_place]), np.concatenate([uv, ring_uv])
    at = (rows @ base)[place]
    below = (neck.height(at[corners]) < -GAP_CM).all(1)
    kept = _largest(corners[below], place)
    loop = neck.border_loop(kept, place, at)
    triangles = np.concatenate([kept, neck.strip(loop, ring, at)])
    return _renumber(Surface(place, uv, triangles, rows, ring))


def _largest(triangles: Int, place: Int) -> Int:
    """The largest connected piece: inner surfaces of the mouth fall away."""
    from scipy.sparse.csgraph import connected_components

    ids = place[triangles]
    count = int(ids.max()) + 1
    graph = _matrix(ids.ravel(), np.roll(ids, 1, 1).ravel(), np.ones(ids.size), (count, count))
    _, label = connected_components(graph, directed=False)
    piece = label[ids[:, 0]]
    return triangles[piece == np.bincount(piece).argmax()]


def _renumber(s: Surface) -> Surface:
    used = np.union1d(np.unique(s.triangles), s.ring)
    places, place = np.unique(s.place[used], return_inverse=True)
    number = np.full(len(s.place), -1)
    number[used] = np.arange(len(used))
    return Surface(place, s.uv[used], number[s.triangles], s.rows[places], number[s.ring])


def collapses(surface: Surface, at: Float, label: Int) -> dict[str, Int]:
    """The order in which the corners go: `from` and `to` (S,), `step` (S,), and the steps of the ring.

    `ring_steps` (3,) are the first steps after which the ring has half, a quarter, an eighth of its points.
    Where triangles of one `label` (T,) end, only collapses along that line happen, so hems stay.
    """
    split, corners = np.unique(
        np.stack([surface.triangles.ravel(), np.repeat(label, 3)], 1), axis=0, return_inverse=True
    )
    mesh = Collapser(at, corners.reshape(-1, 3), surface.place[split[:, 0]])
    ring = surface.place[surface.ring[:-1]].tolist()
    mesh.locked = set(ring)
    mesh.start()
    ring_steps = []
    for level, budget in enumerate(RING_BUDGET, 1):
        mesh.shrink(budget)
        stride = 2**level
        for k in range(stride // 2, neck.RING, stride):
            mesh.force(ring[k], ring[k - stride // 2])
        ring_steps.append(len(mesh.steps))
    mesh.shrink(LAST)
    corner = split[:, 0].tolist()
    flat = [(corner[u], corner[v], i) for i, pairs in enumerate(mesh.steps) for u, v in pairs]
    table = np.unique(np.array(flat), axis=0)
    table = table[np.argsort(table[:, 2], kind="stable")]
    return {
        "collapse_from": table[:, 0].astype(np.uint16),
        "collapse_to": table[:, 1].astype(np.uint16),
        "collapse_step": table[:, 2].astype(np.uint16),
        "ring_steps": np.array(ring_steps, np.int32),
    }


def _labels(
    surface: Surface, at: Float, joints: Int, weights: Int, bones: list[str], points: dict[str, Float]
) -> Int:
    """Which garments cover each triangle (T,) and whether its skin is hidden, as the bits of a number."""
    arm = share(bones, joints, (weights / 65535).astype(np.float32), ARM) > 0.5
    ring = at[surface.place[surface.ring]]
    depth = [inside(g, at, points, ring, arm) for g in GARMENTS]  # type: ignore[arg-type]
    over, hidden = covered(depth, surface.place[surface.triangles].astype(np.int32))
    return sum((bit.astype(int) << i for i, bit in enumerate((*over, hidden))), np.zeros(len(hidden), int))


def macro_tables(data: MakeHuman, rows: Int, joints: Any) -> dict[str, Any]:
    """Macro shapes as factors (S, R) and basis (R, B + J, 3): `rows` of the base mesh, then joints."""
    names = list(macro_weights({}))
    shapes = np.stack([_pick(data.target(name), rows, joints) for name in names])
    left, strength, right = np.linalg.svd(shapes.reshape(len(names), -1), full_matrices=False)
    for rank in range(8, len(names) + 1):
        error = np.abs(
            (left[:, :rank] * strength[:rank]) @ right[:rank] - shapes.reshape(len(names), -1)
        ).max()
        if error < MACRO_ERROR_CM:
            break
    basis, scale = _quantized(right[:rank] * strength[:rank, None])
    factor = (left[:, :rank] * scale).astype(np.float32)
    return {"macro_names": np.array(names), "macro_factor": factor, "macro_basis": basis.reshape(rank, -1, 3)}


def _quantized(table: Float) -> tuple[Int, Float]:
    scale = np.abs(table).max(1) / 32767
    return np.round(table / scale[:, None]).astype(np.int16), scale


def _pick(offsets: Float, rows: Int, joints: Any) -> Float:
    return np.concatenate([offsets[rows], joints @ offsets])


def local_tables(data: MakeHuman, rows: Int, joints: Any) -> dict[str, Any]:
    """The sliders' shapes, two a slider (less, more): rows, offsets and where each starts."""
    index, values, starts = [], [], [0]
    for slider in LOCAL:
        for name in (slider.less, slider.more):
            offsets = data.target(name)
            if (side := name.find("/l-")) >= 0:
                offsets = offsets + data.target(name[:side] + "/r-" + name[side + 3 :])
            picked = _pick(offsets, rows, joints)
            moved = np.flatnonzero(np.abs(picked).max(1) > 1e-3)
            index.append(moved)
            values.append(picked[moved])
            starts.append(starts[-1] + len(moved))
    flat = np.concatenate(values)
    scale = np.abs(flat).max() / 32767
    return {
        "local_names": np.array([s.name for s in LOCAL]),
        "local_rows": np.concatenate(index).astype(np.uint16),
        "local_values": np.round(flat / scale).astype(np.int16),
        "local_scale": np.float32(scale),
        "local_starts": np.array(starts, np.int32),
    }


def skin_weights(data: MakeHuman, surface: Surface, bones: list[str]) -> tuple[Int, Int]:
    """Four joints (P, 4) and weights (P, 4) in 1/65535 that sum to 65535."""
    smooth = surface.rows @ data.weights(bones)
    return pruned(np.asarray(smooth))


def pruned(weights: Float) -> tuple[Int, Int]:
    """The four largest weights of each row (P, J), in whole 1/65535 that sum to one."""
    joints = np.argsort(-weights, axis=1, kind="stable")[:, :4]
    kept = np.take_along_axis(weights, joints, 1)
    kept[kept < 0.004] = 0
    kept /= kept.sum(1, keepdims=True)
    whole = np.round(kept * 65535).astype(int)
    whole[:, 0] += 65535 - whole.sum(1)
    joints = np.where(whole > 0, joints, 0)
    return joints.astype(np.uint8), whole.astype(np.uint16)


def average(data: MakeHuman) -> Float:
    """The average body (N, 3) on the base mesh."""
    out = data.vertices.copy()
    for name, weight in macro_weights({}).items():
        if weight:
            out += weight * data.target(name)
    return out


def head_offset(data: MakeHuman, base: Float, head: Head) -> Float:
    """Where the house head's origin lies in the average body: their eyes are at one place."""
    eyes = [base[data.cubes[f"joint-{side}-eye"]].mean(0) for side in "lr"]
    return np.asarray(np.mean(eyes, axis=0) - head.eye_centers.mean(0))


def shoe_tables(surface: Surface, at: Float) -> dict[str, Any]:
    """What shoes fill, on the average body."""
    triangles = surface.place[surface.triangles].astype(np.int32)
    normals = vertex_normals(at.astype(np.float32), triangles)
    feet = at[:, 1] < at[:, 1].min() + SHOE_TOP_CM
    offsets, turned = lasts(at, normals.astype(float), feet)
    rows = np.flatnonzero(feet)
    return {
        "shoe_rows": rows.astype(np.uint16),
        "shoe_offsets": np.round(offsets[rows] * SHOE_STEPS).astype(np.int16),
        "shoe_normals": np.round(turned[rows] * 127).astype(np.int8),
    }


def head_tables(head: Head, offset: Float) -> dict[str, Any]:
    """The head above the ring: triangles of each level with strips, its own ring, and how its neck blends.

    Triangles index the head's vertices and, after them, the RING + 1 points of the ring.
    """
    at = head.mean.astype(float) + offset
    skin = head.part_names.index("skin")
    ring_rows, ring_weights = neck.ring_on(at, head.part("skin"))
    count = len(at)
    ring = count + np.arange(neck.RING + 1)
    places = np.concatenate([at, (at[ring_rows] * ring_weights[..., None]).sum(1)])
    twin = np.concatenate([head.vertex_twin, ring])
    twin[-1] = ring[0]
    out: dict[str, Any] = {
        "head_ring_rows": ring_rows.astype(np.int32),
        "head_ring_weights": ring_weights.astype(np.float32),
    }
    for level, (triangles, part) in enumerate(zip(head.levels, head.level_parts, strict=True)):
        gap = GAP_CM * (1 + level)
        own = triangles[part == skin]
        own = own[(neck.height(at[own]) > gap).all(1)]
        loop = neck.border_loop(own, twin, places)
        own = np.concatenate([own, neck.strip(ring[:: 2**level], loop, places)])
        out[f"head_triangles_{level}"] = own.astype(np.int32)
    out["head_triangles_3"] = coarsest(head, places, twin, out["head_triangles_2"], ring).astype(np.int32)
    used = np.unique(out["head_triangles_0"])
    used = used[used < count]
    fade = np.zeros(count, np.float32)
    t = np.clip(neck.height(at[used]) / BLEND_CM, 0, 1)
    fade[used] = 1 - t * t * (3 - 2 * t)
    out["head_blend_rows"] = np.flatnonzero(fade).astype(np.int32)
    out["head_blend"] = fade[out["head_blend_rows"]]
    out["head_blend_turn"] = neck.angle(at[out["head_blend_rows"]]).astype(np.float32)
    center, weights = jaw(head)
    return out | {
        "jaw_center": center.astype(np.float32),
        "jaw_weights": np.round(weights * 255).astype(np.uint8),
    }


COARSEST = {"skin": 230, "eye_left": 22, "eye_right": 22}


def coarsest(head: Head, places: Float, twin: Int, skin: Int, ring: Int) -> Int:
    """The head of the last level: skin with a shut mouth, and eyes; triangles of head and ring."""
    out = []
    for name, budget in COARSEST.items():
        triangles = skin if name == "skin" else head.part(name, 2)
        mesh = Collapser(places, triangles, twin)
        if name == "skin":
            points = ring[:-1:4].tolist()
            mesh.locked = set(points)
            mesh.start()
            for k in range(1, len(points), 2):
                mesh.force(points[k], points[k - 1])
        else:
            mesh.start()
        mesh.shrink(budget)
        out.append(np.array(list(mesh.faces.values())))
    return np.concatenate(out)


def jaw(head: Head) -> tuple[Float, Float]:
    """The jaw's hinge (3,) in head space and the share (V,) of its turn that every vertex takes.

    jawOpen turns the lower teeth about the hinge; the share of a vertex is how much of the hinge's
    motion its own motion is.
    """
    moved = head.expression_basis[ARKIT.index("jawOpen")].astype(float)
    teeth = np.unique(head.part("teeth_lower"))
    p, q = head.mean[teeth, 1:].astype(float), (head.mean + moved)[teeth, 1:].astype(float)
    a, b = p - p.mean(0), q - q.mean(0)
    turn = np.arctan2((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum(), (a * b).sum())
    c, s = np.cos(turn), np.sin(turn)
    rotation = np.array([[c, -s], [s, c]])
    fixed = np.linalg.solve(np.eye(2) - rotation, q.mean(0) - rotation @ p.mean(0))
    rigid = (head.mean[:, 1:] - fixed) @ rotation.T + fixed - head.mean[:, 1:]
    share = (moved[:, 1:] * rigid).sum(1) / np.maximum((rigid**2).sum(1), 0.04)
    return np.array([0.0, *fixed]), np.clip(share, 0, 1)


def build(data: MakeHuman) -> dict[str, Any]:
    """All tables of the body."""
    head = load_head()
    base = average(data)
    surface = cut_body(data, base)
    at = surface.rows @ base
    names = sorted(data.cubes)
    points = [n.removeprefix("joint-") for n in names]
    cubes = _matrix(
        np.concatenate([np.full(len(data.cubes[n]), i) for i, n in enumerate(names)]),
        np.concatenate([data.cubes[n] for n in names]),
        np.concatenate([np.full(len(data.cubes[n]), 1 / len(data.cubes[n])) for n in names]),
        (len(names), len(base)),
    )
    rows = np.unique(surface.rows.indices)
    assert rows.max() < BODY_VERTICES
    number = np.full(len(base), -1)
    number[rows] = np.arange(len(rows))
    rig = data.rig()
    bones = _bones(rig)
    joints, weights = skin_weights(data, surface, bones)
    offset = head_offset(data, base, head)
    return {
        "base": _pick(data.vertices, rows, cubes).astype(np.float32),
        "point_names": np.array(points),
        "place_starts": surface.rows.indptr.astype(np.int32),
        "place_rows": number[surface.rows.indices].astype(np.uint16),
        "place_weights": surface.rows.data.astype(np.float32),
        "vertex_place": surface.place.astype(np.uint16),
        "vertex_uv": surface.uv.astype(np.float32),
        "triangles": surface.triangles.astype(np.uint16),
        "ring": surface.ring.astype(np.int32),
        "joint_names": np.array(bones),
        "joint_points": np.array([rig[b]["head"]["cube_name"].removeprefix("joint-") for b in bones]),
        "joint_parents": np.array(
            [bones.index(rig[b]["parent"]) if rig[b]["parent"] else -1 for b in bones], np.int8
        ),
        "place_joints": joints,
        "place_joint_weights": weights,
        "head_offset": offset.astype(np.float32),
        **macro_tables(data, rows, cubes),
        **local_tables(data, rows, cubes),
        **collapses(
            surface,
            at,
            _labels(surface, at, joints, weights, bones, dict(zip(points, cubes @ base, strict=True))),
        ),
        **head_tables(head, offset),
        **shoe_tables(surface, at),
    }


def _bones(rig: dict[str, Any]) -> list[str]:
    """Names of the bones, parents before children, otherwise as the data lists them."""
    out: list[str] = []

    def add(parent: str) -> None:
        for name, bone in rig.items():
            if bone["parent"] == parent:
                out.append(name)
                add(name)

    add("")
    return out


def main() -> None:
    """Build the body from the data in `--data` and write it into the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    tables = build(load_makehuman(parser.parse_args().data))
    register_tables("body", tables, "sliders to the surface and joints of the house body")


if __name__ == "__main__":
    main()
