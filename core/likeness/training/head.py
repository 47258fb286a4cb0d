"""Builds the house head from the head data: `python -m likeness.training.head --data FOLDER`.

The mesh is the project's own (`head_layout`): the data's surface meshed anew with loops around lids and
lips, and new eyes. Every vertex remembers the point of the data's surface it lies on, where the data's
shapes are sampled. Identity is reduced by a weighted principal component analysis, so that its
coefficients stay independent with unit variance. Writes `models/head.onnx` (the decoder) and
`models/head_mesh.npz` (triangles, parts, levels, texture coordinates, loops, regions). Deterministic.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from scipy.spatial import cKDTree

from likeness.head import points as dense
from likeness.performance import ARKIT
from likeness.training import facekit
from likeness.training.facekit import FaceKit, load_facekit
from likeness.training.head_contact import contact_tables
from likeness.training.head_layout import PARTS, Mesh, build_mesh, data_parts
from likeness.training.head_regions import REGIONS, region_masks
from likeness.training.head_uv import unwrap
from likeness.training.register import register, register_tables
from likeness.training.remesh import barycentric

Float = NDArray[np.float64]
Int = NDArray[np.integer]

MODES = 100  # with 80 the mean error on random people is 0.4 mm
OPSET = 17
FACE_WEIGHT = 3.0  # how much more the face counts than the rest when identity is reduced
COMPACT_ERROR_CM = 0.003
STRAY_CM = 0.03  # smaller motion of a whole part is noise of the data


def sample(mesh: Mesh, kit: FaceKit, per_vertex: Float) -> Float:
    """Values (..., V, C) of the data at the house head's vertices; zero at its eyes."""
    there = mesh.eye < 0
    corners = kit.triangles[mesh.source[there]]
    out = np.zeros((*per_vertex.shape[:-2], len(mesh.source), per_vertex.shape[-1]))
    out[..., there, :] = sum(
        per_vertex[..., corners[:, i], :] * mesh.weights[there, i, None] for i in range(3)
    )
    return out


def eye_centers() -> Float:
    """Centers (2, 3) of the left and right eye of the mean head."""
    return np.array([facekit.EYE_CENTER, facekit.EYE_CENTER * [-1, 1, 1]], float)


def mean_vertices(mesh: Mesh, kit: FaceKit) -> Float:
    """The mean head (V, 3)."""
    out = sample(mesh, kit, kit.vertices.astype(float))
    for side, center in enumerate(eye_centers()):
        out[mesh.eye == side] = center + mesh.local[mesh.eye == side]
    return out


def identity_modes(mesh: Mesh, kit: FaceKit, mean: Float, count: int) -> Float:
    """The first principal modes (count, V, 3) of the data's identities on the house head."""
    raw = kit.identity.astype(float)
    modes = sample(mesh, kit, raw)
    for side, (a, b) in enumerate((facekit.EYE_LEFT, facekit.EYE_RIGHT)):
        modes[:, mesh.eye == side] = raw[:, a:b].mean(1, keepdims=True)
    weight = vertex_area(mean, mesh.triangles[0])
    face = (mean[:, 2] > 5) & (mean[:, 1] > -8) & (mean[:, 1] < 9)
    scale = np.sqrt(weight * np.where(face, FACE_WEIGHT, 1.0))
    turned, _, _ = np.linalg.svd((modes * scale[:, None]).reshape(len(modes), -1), full_matrices=False)
    # A rotation of independent standard normal coefficients leaves them so.
    turn = turned.T[:count]
    turn *= np.sign(turn[np.arange(count), np.abs(turn).argmax(1)])[:, None]
    return np.tensordot(turn, modes, 1)


def vertex_area(points: Float, triangles: Int) -> Float:
    """A third of the area of the triangles at each vertex."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    out = np.zeros(len(points))
    for corner in triangles.T:
        np.add.at(out, corner, area)
    return out


def source_shapes(name: str) -> list[str]:
    """The data's shapes that add up to an ARKit shape."""
    if name == "tongueOut":
        return []
    if name in ("browInnerUp", "cheekPuff"):
        return [f"{name}_L", f"{name}_R"]
    for side in ("Left", "Right"):
        if name.endswith(side) and name not in ("mouthLeft", "mouthRight", "jawLeft", "jawRight"):
            return [f"{name.removesuffix(side)}_{side[0]}"]
    return [name]


def expression_shapes(kit: FaceKit) -> Float:
    """The data's shapes by ARKIT (52, data V, 3), each only where it belongs; tongueOut is zero."""
    shapes = np.zeros((len(ARKIT), len(kit.vertices), 3))
    part = np.zeros(len(kit.vertices), int) - 1
    for corner in kit.triangles.T:
        part[corner] = data_parts(kit)
    for row, name in enumerate(ARKIT):
        for source in source_shapes(name):
            moved = kit.expression[kit.expression_names.index(source)].astype(float)
            # The right side's shapes carry stray motion that their mirror images on the left do not have.
            twin = source[:-2] + "_L" if source.endswith("_R") else source
            model = kit.expression[kit.expression_names.index(twin)].astype(float)
            for p in np.unique(part):
                mirrored = {"eye_socket_left": "eye_socket_right", "eye_socket_right": "eye_socket_left"}
                q = PARTS.index(mirrored.get(PARTS[p], PARTS[p])) if p >= 0 and twin != source else p
                if np.linalg.norm(model[part == q], axis=1).max() < STRAY_CM:
                    moved[part == p] = 0
            shapes[row] += moved
    return shapes


def tongue_out(mesh: Mesh, mean: Float) -> Float:
    """The shape tongueOut (V, 3): the tongue comes forward over the lower teeth and out between the lips.

    The data has none. Each cross-section of the tongue slides along a path that lies on the lower
    teeth with the jaw two thirds open, and beyond the lip bends down; the root stays.
    """
    tongue = np.unique(mesh.triangles[0][mesh.part[0] == PARTS.index("tongue")])
    out = np.zeros_like(mean)
    place = mean[tongue]
    back, tip = place[:, 2].min(), place[:, 2].max()
    t = np.clip((place[:, 2] - back) / (tip - back), 0, 1)
    slide = 5.0 * t**1.3
    rise = 0.9 * np.clip(t * 1.4, 0, 1) ** 2 * np.clip(1.8 - 0.9 * t, 0, 1)
    droop = np.clip(place[:, 2] + slide - 12.2, 0, None) ** 2 * 0.16
    wide = 0.22 * place[:, 0] * t**3
    out[tongue] = np.stack([wide, rise - droop, slide], 1)
    return out


def points_on_mesh(mesh: Mesh, mean: Float, jaw_open: Float, kit: FaceKit) -> tuple[Int, Float]:
    """Corners (432, 3) and weights (432, 3) of the dense points of the skin on the house head.

    Where upper and lower lip touch, the motion `jaw_open` (V, 3) tells which of them a point belongs to.
    """
    moved = kit.expression[kit.expression_names.index("jawOpen")][dense.SOURCE_VERTEX].astype(float)
    skin = mesh.triangles[0][mesh.part[0] == PARTS.index("skin")]
    wanted = kit.vertices[dense.SOURCE_VERTEX].astype(float)
    _, near = cKDTree(mean[skin].mean(1)).query(wanted, k=40)
    corners, weights = np.zeros((len(wanted), 3), int), np.zeros((len(wanted), 3))
    for i, point in enumerate(wanted):
        candidates = skin[near[i]]
        w = barycentric(np.repeat(point[None], len(candidates), 0), mean[candidates])
        distance = np.linalg.norm((w[..., None] * mean[candidates]).sum(1) - point, axis=1)
        distance += 0.1 * np.linalg.norm((w[..., None] * jaw_open[candidates]).sum(1) - moved[i], axis=1)
        best = int(distance.argmin())
        corners[i], weights[i] = candidates[best], w[best]
    return corners, weights


def compact(shapes: Float) -> tuple[Float, Float]:
    """Factors (S, R) and (R, M) of `shapes` (S, M) that give it back within COMPACT_ERROR_CM."""
    left, strength, right = np.linalg.svd(shapes, full_matrices=False)
    for rank in range(16, len(strength)):
        kept = left[:, :rank] * strength[:rank]
        if np.abs(kept @ right[:rank] - shapes).max() < COMPACT_ERROR_CM:
            break
    # Both factors of the same size, which suits half precision.
    root = np.sqrt(strength[:rank])
    return left[:, :rank] * root, right[:rank] * root[:, None]


def write_decoder(path: Path, built: Built) -> None:
    """Write the decoder: `identity` (N, K) and `expression` (N, 52) to `vertices` (N, W, 3) in cm.

    The skin's shapes are stored as they are, those of all other parts, which move much more alike, as a
    product of two factors. `index` then puts vertices in order and repeats those that are doubled.
    """
    shapes = np.concatenate([built.identity, built.expression])
    inner = np.setdiff1d(np.arange(len(built.mean)), built.surface)
    order = np.concatenate([built.surface, inner])
    factor, basis = compact(shapes[:, inner].reshape(len(shapes), -1))

    def half(name: str, value: Float) -> onnx.TensorProto:
        return numpy_helper.from_array(np.ascontiguousarray(value, np.float16), name)

    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    initializers = [
        numpy_helper.from_array(built.mean[order].reshape(1, -1).astype(np.float32), "mean"),
        half("surface_half", shapes[:, built.surface].reshape(len(shapes), -1)),
        half("inner_half", basis),
        numpy_helper.from_array(factor.astype(np.float32), "inner_factor"),
        numpy_helper.from_array(np.array([-1, len(order), 3], np.int64), "shape"),
        numpy_helper.from_array(place[built.index], "index"),
    ]
    make = helper.make_node
    nodes = [
        make("Cast", ["surface_half"], ["surface_shapes"], to=TensorProto.FLOAT),
        make("Cast", ["inner_half"], ["inner_shapes"], to=TensorProto.FLOAT),
        make("Concat", ["identity", "expression"], ["weights"], axis=1),
        make("MatMul", ["weights", "surface_shapes"], ["surface"]),
        make("MatMul", ["weights", "inner_factor"], ["inner_weights"]),
        make("MatMul", ["inner_weights", "inner_shapes"], ["inner"]),
        make("Concat", ["surface", "inner"], ["moved"], axis=1),
        make("Add", ["moved", "mean"], ["flat"]),
        make("Reshape", ["flat", "shape"], ["single"]),
        make("Gather", ["single", "index"], ["vertices"], axis=1),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "head",
        [
            value("identity", TensorProto.FLOAT, ["N", len(built.identity)]),
            value("expression", TensorProto.FLOAT, ["N", len(built.expression)]),
        ],
        [value("vertices", TensorProto.FLOAT, ["N", len(built.index), 3])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="likeness")
    model.ir_version = 8
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


@dataclass(frozen=True)
class Built:
    """The head's tables, mean (V, 3), identity modes (K, V, 3), shapes (52, V, 3).

    `surface` are the vertices of skin and linings; `index` (W,) the vertex of every doubled one.
    """

    tables: dict[str, NDArray[np.generic]]
    mean: Float
    identity: Float
    expression: Float
    surface: Int
    index: Int


def build(kit: FaceKit) -> Built:
    """Make the house head from the data."""
    mesh = build_mesh(kit)
    mean = mean_vertices(mesh, kit)
    identity = identity_modes(mesh, kit, mean, MODES)
    expression = sample(mesh, kit, expression_shapes(kit))
    expression[ARKIT.index("tongueOut")] = tongue_out(mesh, mean)
    jaw_open = expression[ARKIT.index("jawOpen")]
    corners, weights = points_on_mesh(mesh, mean, jaw_open, kit)
    atlas = unwrap(mesh, mean, jaw_open)
    tables: dict[str, NDArray[np.generic]] = {
        "part_names": np.array(PARTS),
        "region_names": np.array(REGIONS),
        "regions": np.round(region_masks(mesh, mean, kit)[:, atlas.index] * 255).astype(np.uint8),
        "vertex_uv": atlas.uv.astype(np.float32),
        "vertex_eye": mesh.eye[atlas.index].astype(np.int8),
        "vertex_twin": atlas.index.astype(np.int32),
        "eye_centers": eye_centers().astype(np.float32),
        "point_corners": corners.astype(np.int32),
        "point_weights": weights.astype(np.float32),
        **contact_tables(mesh, mean),
    }
    for level, (triangles, part) in enumerate(zip(atlas.triangles, mesh.part, strict=True)):
        tables[f"triangles_{level}"] = triangles.astype(np.int32)
        tables[f"part_{level}"] = part.astype(np.uint8)
    for name, line in mesh.loops.items():
        tables[f"loop_{name}"] = line.astype(np.int32)
    surface = np.unique(mesh.triangles[0][mesh.part[0] < PARTS.index("gums")])
    return Built(tables, mean, identity, expression, surface, atlas.index)


def main() -> None:
    """Build the head from the data in `--data` and write it into the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    built = build(load_facekit(parser.parse_args().data))
    with tempfile.TemporaryDirectory() as folder:
        decoder = Path(folder) / "head.onnx"
        write_decoder(decoder, built)
        register("head", decoder, "identity and expression to the vertices of the house head")
    register_tables(
        "head_mesh", built.tables, "the house head's triangles, texture coordinates, regions and points"
    )


if __name__ == "__main__":
    main()
