"""Reads glTF 2.0 (GLB or JSON), and writes a scene with shapes as GLB.

A file that came as glTF is written as it was, materials, textures, skin and animation included; only
morph targets are added. What came otherwise is written with its points, texture coordinates and colors.
"""

from __future__ import annotations

import base64
import binascii
import copy
import json
import mimetypes
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import likeness
from likeness.errors import BadInput
from likeness.files import output_errors, replacing
from likeness.human.foreign.scene import GRAY, Color, Piece, Scene, beside, broken
from likeness.human.gltf import Buffer, pack

Array = NDArray[Any]
Float = NDArray[np.float32]
Document = dict[str, Any]

_MAGIC = 0x46546C67
_JSON, _BINARY = 0x4E4F534A, 0x004E4942
_TYPES = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_VERTICES, _INDICES = 34962, 34963
_PACKED = ("KHR_draco_mesh_compression", "EXT_meshopt_compression")
TRIANGLES = 4


@dataclass(frozen=True, eq=False)
class Source:
    """The document with all its data in one buffer, and node and accessor of every piece of the scene."""

    document: Document
    data: bytes
    owners: tuple[tuple[int, int], ...]


def read(path: Path) -> Scene:
    """The triangles of all meshes that the file's nodes show, one piece an array of positions."""
    try:
        document, buffers = _open(path)
        data = _joined(path, document, buffers)
        pieces, owners = _pieces(path, document, data)
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        AttributeError,
        struct.error,
        RecursionError,
    ) as error:
        raise broken(path.name, "it is no valid glTF") from error
    return Scene(path.stem, "gltf", tuple(pieces), "Y", 1.0, Source(document, data, tuple(owners)))


def _open(path: Path) -> tuple[Document, list[bytes]]:
    """The document and its buffers."""
    data = path.read_bytes()
    binary = None
    if path.suffix.lower() == ".glb":
        if len(data) < 20 or struct.unpack_from("<I", data)[0] != _MAGIC:
            raise broken(path.name, "it is no GLB")
        if struct.unpack_from("<I", data, 8)[0] > len(data):
            raise broken(path.name, "its end is missing")
        length, kind = struct.unpack_from("<II", data, 12)
        if kind != _JSON:
            raise broken(path.name, "it is no GLB of version 2")
        text, rest = data[20 : 20 + length], data[20 + length :]
        if len(rest) >= 8 and struct.unpack_from("<I", rest, 4)[0] == _BINARY:
            binary = rest[8 : 8 + struct.unpack_from("<I", rest)[0]]
    else:
        text = data
    document = json.loads(text)
    packed = [name for name in document.get("extensionsRequired", ()) if name in _PACKED]
    if packed:
        raise BadInput(f"'{path.name}' is compressed ({packed[0]}).", "Save it without compression.")
    buffers = []
    for i, buffer in enumerate(document.get("buffers", ())):
        if "uri" in buffer:
            content, _ = _linked(path, buffer["uri"])
        elif i == 0 and binary is not None:
            content = binary
        else:
            raise broken(path.name, "a buffer is missing")
        if len(content) < buffer["byteLength"]:
            raise broken(path.name, "a buffer is cut off")
        buffers.append(content[: buffer["byteLength"]])
    return document, buffers


def _linked(path: Path, uri: str) -> tuple[bytes, str]:
    """What a URI holds, and its media type: data in the URI itself, or a file beside."""
    if uri.startswith("data:"):
        head, _, body = uri.partition(",")
        try:
            return base64.b64decode(body, validate=True), head[5:].partition(";")[0]
        except binascii.Error as error:
            raise broken(path.name, "its data is no base64") from error
    file = beside(path, uri)
    return file.read_bytes(), mimetypes.guess_type(file.name)[0] or "application/octet-stream"


def _joined(path: Path, document: Document, buffers: Sequence[bytes]) -> bytes:
    """All buffers, and the pictures that lie in other files, as one buffer that the document points into."""
    joined = bytearray()
    starts = []
    for content in buffers:
        joined += b"\0" * (-len(joined) % 8)
        starts.append(len(joined))
        joined += content
    for view in document.get("bufferViews", ()):
        start, size = view.get("byteOffset", 0), len(buffers[view["buffer"]])
        if not 0 <= start <= start + view["byteLength"] <= size:
            raise broken(path.name, "a part of a buffer lies outside of it")
        view["byteOffset"] = start + starts[view["buffer"]]
        view["buffer"] = 0
    for image in document.get("images", ()):
        if "uri" in image:
            content, kind = _linked(path, image.pop("uri"))
            joined += b"\0" * (-len(joined) % 4)
            views = document.setdefault("bufferViews", [])
            views.append({"buffer": 0, "byteOffset": len(joined), "byteLength": len(content)})
            image |= {"bufferView": len(views) - 1, "mimeType": image.get("mimeType", kind)}
            joined += content
    document["buffers"] = [{"byteLength": len(joined)}]
    return bytes(joined)


def values(document: Document, data: bytes, index: int, name: str) -> Array:
    """The numbers (N, C) of an accessor, as floats where they are normalized."""
    accessor = document["accessors"][index]
    kind, width, count = _TYPES[accessor["componentType"]], _WIDTHS[accessor["type"]], accessor["count"]
    out = np.zeros((count, width), kind) if "bufferView" not in accessor else None
    if out is None:
        out = _strided(
            document, data, accessor["bufferView"], accessor.get("byteOffset", 0), kind, width, count, name
        )
    if "sparse" in accessor:
        few = accessor["sparse"]
        rows, new = few["indices"], few["values"]
        at = _strided(
            document,
            data,
            rows["bufferView"],
            rows.get("byteOffset", 0),
            _TYPES[rows["componentType"]],
            1,
            few["count"],
            name,
        )
        out = out.copy()
        out[at.ravel()] = _strided(
            document, data, new["bufferView"], new.get("byteOffset", 0), kind, width, few["count"], name
        )
    if accessor.get("normalized") and kind is not np.float32:
        return np.asarray(np.maximum(out / np.float32(np.iinfo(out.dtype).max), -1), np.float32)
    return out


def _strided(
    document: Document, data: bytes, view: int, offset: int, kind: Any, width: int, count: int, name: str
) -> Array:
    entry = document["bufferViews"][view]
    size = np.dtype(kind).itemsize * width
    stride = entry.get("byteStride") or size
    if count < 0 or offset < 0 or (count and offset + stride * (count - 1) + size > entry["byteLength"]):
        raise broken(name, "an array is longer than its data")
    start = entry.get("byteOffset", 0) + offset
    return np.ndarray((count, width), kind, data, start, (stride, np.dtype(kind).itemsize)).copy()


def _pieces(path: Path, document: Document, data: bytes) -> tuple[list[Piece], list[tuple[int, int]]]:
    pieces, owners = [], []
    _one_mesh_a_node(document)
    for node, place in _places(document, data, path.name).items():
        mesh = document["meshes"][document["nodes"][node]["mesh"]]
        groups: dict[int, list[Document]] = {}
        for primitive in mesh["primitives"]:
            if primitive.get("mode", TRIANGLES) == TRIANGLES and "POSITION" in primitive["attributes"]:
                groups.setdefault(primitive["attributes"]["POSITION"], []).append(primitive)
        name = str(document["nodes"][node].get("name") or mesh.get("name") or f"Mesh{node}")
        for accessor, primitives in groups.items():
            points = values(document, data, accessor, path.name).astype(np.float32)
            pieces.append(_piece(path, document, data, name, points, primitives, place))
            owners.append((node, accessor))
    return pieces, owners


def _piece(
    path: Path,
    document: Document,
    data: bytes,
    name: str,
    points: Float,
    primitives: Sequence[Document],
    place: Array,
) -> Piece:
    corners, uvs, owned, materials = [], [], [], []
    for i, primitive in enumerate(primitives):
        if "indices" in primitive:
            index = values(document, data, primitive["indices"], path.name).ravel().astype(np.int64)
        else:
            index = np.arange(len(points))
        index = index[: len(index) // 3 * 3]
        if len(index) and index.max() >= len(points):
            raise broken(path.name, "a polygon names a point that is not there")
        corners.append(index)
        if "TEXCOORD_0" in primitive["attributes"]:
            uv = values(document, data, primitive["attributes"]["TEXCOORD_0"], path.name).astype(np.float32)
            uvs.append(np.stack([uv[:, 0], 1 - uv[:, 1]], 1)[index])
        owned.append(np.full(len(index) // 3, i))
        materials.append(_material(document, primitive))
    return Piece(
        name=name,
        points=points,
        counts=np.full(sum(map(len, owned)), 3, np.int32),
        corners=np.concatenate(corners).astype(np.int32),
        place=place,
        uv=np.concatenate(uvs) if len(uvs) == len(primitives) else None,
        materials=materials,
        material=np.concatenate(owned).astype(np.int32),
    )


def _material(document: Document, primitive: Document) -> tuple[str, Color]:
    if "material" not in primitive:
        return "Material", GRAY
    material = document["materials"][primitive["material"]]
    color = material.get("pbrMetallicRoughness", {}).get("baseColorFactor", (1, 1, 1, 1))
    return str(material.get("name") or f"Material{primitive['material']}"), tuple(map(float, color[:3]))  # type: ignore[return-value]


def _one_mesh_a_node(document: Document) -> None:
    """A mesh that several nodes show moves differently in each: every further node gets its own."""
    taken: set[int] = set()
    for node in document.get("nodes", ()):
        if "mesh" not in node:
            continue
        if node["mesh"] in taken:
            document["meshes"].append(copy.deepcopy(document["meshes"][node["mesh"]]))
            node["mesh"] = len(document["meshes"]) - 1
        taken.add(node["mesh"])


def _places(document: Document, data: bytes, name: str) -> dict[int, Array]:
    """Where the meshes of the nodes stand (4, 4), by node."""
    nodes = document.get("nodes", [])
    world: dict[int, Array] = {}
    scenes = document.get("scenes", [])
    shown = scenes[document.get("scene", 0)] if scenes else {"nodes": []}
    left = [(root, np.eye(4)) for root in shown.get("nodes", ())]
    while left:
        index, parent = left.pop()
        if index in world:
            raise broken(name, "a node hangs on two others")
        world[index] = parent @ _local(nodes[index])
        left += [(child, world[index]) for child in nodes[index].get("children", ())]
    out = {}
    for index in sorted(world):
        if "mesh" in nodes[index]:
            out[index] = world[index]
            if "skin" in nodes[index]:
                # A skinned mesh stands where its joints carry it, not where its node is.
                out[index] = _bound(document, data, document["skins"][nodes[index]["skin"]], world, name)
    return out


def _bound(document: Document, data: bytes, skin: Document, world: Mapping[int, Array], name: str) -> Array:
    joint = world.get(skin["joints"][0], np.eye(4))
    if "inverseBindMatrices" not in skin:
        return joint
    inverse = values(document, data, skin["inverseBindMatrices"], name)[0].reshape(4, 4).T
    return np.asarray(joint @ inverse)


def _local(node: Document) -> Array:
    if "matrix" in node:
        return np.array(node["matrix"], float).reshape(4, 4).T
    x, y, z, w = map(float, node.get("rotation", (0, 0, 0, 1)))
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    out = np.eye(4)
    out[:3, :3] = turn * np.array(node.get("scale", (1, 1, 1)), float)
    out[:3, 3] = node.get("translation", (0, 0, 0))
    return out


def write(
    path: Path,
    scene: Scene,
    names: Sequence[str],
    shapes: Sequence[Float],
    turns: Sequence[Float],
    upright: Array,
    note: Mapping[str, Any],
) -> None:
    """Write the scene as GLB with the named `shapes` (S, V, 3) of every piece.

    `turns` (S, V, 3) are how normals change. `upright` (4, 4) brings a scene that is no glTF to metres
    with Y up and the face to +Z. Raises `BadOutput` when the file cannot be written.
    """
    if scene.source is not None and scene.kind == "gltf":
        source: Source = scene.source
        document, data, owners = copy.deepcopy(source.document), source.data, source.owners
    else:
        document, data, owners, kept = _built(scene, upright)
        shapes = [s[:, rows] for s, rows in zip(shapes, kept, strict=True)]
        turns = [t[:, rows] for t, rows in zip(turns, kept, strict=True)]
    buffer = Buffer()
    buffer.data = bytearray(data)
    buffer.views, buffer.accessors = document["bufferViews"], document["accessors"]
    moved = {owner: (s, t) for owner, s, t in zip(owners, shapes, turns, strict=True)}
    for node in sorted({node for node, _ in owners}):
        mine = {accessor: pair for (n, accessor), pair in moved.items() if n == node}
        if any(np.abs(s).max(initial=0) > 0 for s, _ in mine.values()):
            _shape(buffer, document, document["meshes"][document["nodes"][node]["mesh"]], node, names, mine)
    document["buffers"] = [{"byteLength": len(buffer.data)}]
    extras = document["asset"].get("extras")
    document["asset"]["extras"] = {**(extras if isinstance(extras, dict) else {}), "likeness": dict(note)}
    with output_errors(path), replacing(path) as temporary:
        temporary.write_bytes(pack(document, bytes(buffer.data)))


def _shape(
    buffer: Buffer,
    document: Document,
    mesh: Document,
    node: int,
    names: Sequence[str],
    moved: Mapping[int, tuple[Float, Float]],
) -> None:
    """Add the shapes to a mesh; shapes of other names that it has stay before them."""
    primitives = mesh["primitives"]
    there = len(primitives[0].get("targets", ()))
    old = [str(n) for n in (mesh.get("extras") or {}).get("targetNames", ())]
    old = old if len(old) == there else [f"shape_{i}" for i in range(there)]
    kept = [i for i, name in enumerate(old) if name not in names]
    if there:
        _refuse_animated(document, node)
    made: dict[tuple[int, bool], list[Document]] = {}
    for primitive in primitives:
        position = primitive["attributes"]["POSITION"]
        bright = "NORMAL" in primitive["attributes"]
        if (position, bright) not in made:
            count = document["accessors"][position]["count"]
            nothing = np.zeros((len(names), count, 3), np.float32)
            offsets, turns = moved.get(position, (nothing, nothing))
            made[position, bright] = [
                _target(buffer, o, t if bright else None) for o, t in zip(offsets, turns, strict=True)
            ]
        primitive["targets"] = [*(primitive.get("targets", [])[i] for i in kept), *made[position, bright]]
    extras = mesh.get("extras")
    weights = mesh.get("weights", [0.0] * there)
    mesh["extras"] = {
        **(extras if isinstance(extras, dict) else {}),
        "targetNames": [*(old[i] for i in kept), *names],
    }
    mesh["weights"] = [*(weights[i] for i in kept), *([0.0] * len(names))]
    document["nodes"][node].pop("weights", None)


def _refuse_animated(document: Document, node: int) -> None:
    for animation in document.get("animations", ()):
        for channel in animation["channels"]:
            target = channel["target"]
            if target.get("node") == node and target["path"] == "weights":
                raise BadInput(
                    f"The file animates the shapes of '{document['nodes'][node].get('name', node)}'.",
                    "Remove the animation and run it again.",
                )


def _target(buffer: Buffer, offsets: Float, turns: Float | None) -> Document:
    """One morph target; only the points that move are stored."""
    moving = np.abs(offsets).max(1) > 0
    if turns is not None:
        moving |= np.abs(turns).max(1) > 0
    rows = np.flatnonzero(moving)
    if len(rows) * 14 >= len(offsets) * 12:
        out = {"POSITION": buffer.accessor(offsets, _VERTICES, bounds=True)}
        return out if turns is None else out | {"NORMAL": buffer.accessor(turns, _VERTICES)}
    rows = rows.astype(np.uint16 if len(offsets) < 65535 else np.uint32)
    view = buffer.view(rows.tobytes()) if len(rows) else None
    out = {"POSITION": buffer.sparse(offsets, rows, view, bounds=True)}
    return out if turns is None else out | {"NORMAL": buffer.sparse(turns, rows, view, bounds=False)}


def _built(
    scene: Scene, upright: Array
) -> tuple[Document, bytes, tuple[tuple[int, int], ...], list[NDArray[np.int64]]]:
    """A new document of the scene, its data, the owners of its pieces, and the point of every vertex.

    Where a point has several texture coordinates it becomes several vertices, one after the other.
    """
    buffer = Buffer()
    document: Document = {
        "asset": {"version": "2.0", "generator": f"Likeness {likeness.__version__}"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": scene.name, "children": []}],
        "meshes": [],
        "materials": [],
    }
    if not np.allclose(upright, np.eye(4)):
        document["nodes"][0]["matrix"] = upright.T.ravel().tolist()
    owners, kept = [], []
    for piece in scene.pieces:
        rows, corner = _vertices(piece)
        kept.append(rows)
        position = buffer.accessor(piece.points[rows], _VERTICES, bounds=True)
        attributes = {"POSITION": position, "NORMAL": buffer.accessor(_normals(piece)[rows], _VERTICES)}
        if piece.uv is not None:
            uv = np.zeros((len(rows), 2), np.float32)
            uv[corner] = np.stack([piece.uv[:, 0], 1 - piece.uv[:, 1]], 1)
            attributes["TEXCOORD_0"] = buffer.accessor(uv, _VERTICES)
        owned = np.zeros(len(piece.counts), int) if piece.material is None else piece.material
        owned = np.repeat(owned, np.maximum(piece.counts - 2, 0))
        primitives = []
        kind = np.uint16 if len(rows) < 65535 else np.uint32
        for i, (name, color) in enumerate(piece.materials):
            triangles = corner[piece.fan[owned == i]].astype(kind)
            if len(triangles):
                document["materials"].append(_plain(name, color))
                primitives.append(
                    {
                        "attributes": attributes,
                        "indices": buffer.accessor(triangles.ravel(), _INDICES),
                        "material": len(document["materials"]) - 1,
                    }
                )
        if not primitives:
            kept.pop()
            raise BadInput(f"'{piece.name}' has no polygons.", "Remove it.")
        document["meshes"].append({"name": piece.name, "primitives": primitives})
        node: Document = {"name": piece.name, "mesh": len(document["meshes"]) - 1}
        if not np.allclose(piece.place, np.eye(4)):
            node["matrix"] = piece.place.T.ravel().tolist()
        document["nodes"].append(node)
        document["nodes"][0]["children"].append(len(document["nodes"]) - 1)
        owners.append((len(document["nodes"]) - 1, position))
    document |= {"accessors": buffer.accessors, "bufferViews": buffer.views}
    return document, bytes(buffer.data), tuple(owners), kept


def _plain(name: str, color: Color) -> Document:
    surface = {"baseColorFactor": [*color, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.6}
    return {"name": name, "pbrMetallicRoughness": surface}


def _vertices(piece: Piece) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The point of every vertex, in the points' order, and the vertex of every corner."""
    uv = np.zeros((len(piece.corners), 2), np.float32) if piece.uv is None else piece.uv
    key = np.column_stack([piece.corners, uv.view(np.int32)])
    unused = np.setdiff1d(np.arange(len(piece.points)), piece.corners)
    alone = np.column_stack([unused, np.zeros((len(unused), 2), int)])
    found, index = np.unique(np.concatenate([key, alone]), axis=0, return_inverse=True)
    return found[:, 0].astype(np.int64), index.ravel()[: len(key)].astype(np.int64)


def _normals(piece: Piece) -> Float:
    from likeness.human.figure import unit_normals

    return unit_normals(piece.points, piece.triangles)
