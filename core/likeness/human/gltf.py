"""A character as GLB (glTF 2.0): levels of detail, shapes, skeleton, materials, textures and manifest.

glTF is in metres; its axes are ours. Parts with shapes and parts without are two meshes a level, so that
the shapes of the face do not weigh on the body. The coarser levels hang on the finest by `MSFT_lod`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import likeness
from likeness.files import output_errors, replacing
from likeness.human.character import Animation, Character, Material, Part, Skeleton
from likeness.human.png import encode

Array = NDArray[Any]

METERS = np.float32(0.01)
SCREEN_COVERAGE = (0.5, 0.2, 0.05, 0.0)  # of the screen's height, where a level gives way to the next
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
_COMPONENTS = {np.dtype(np.uint8): 5121, np.dtype(np.uint16): 5123, np.dtype(np.uint32): 5125}
_COMPONENTS[np.dtype(np.float32)] = 5126
_VERTICES, _INDICES = 34962, 34963
_SAMPLER = {"magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497}  # smooth, repeating


class Buffer:
    """The binary chunk and what of the document points into it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, data: bytes, target: int | None = None) -> int:
        """Append bytes, aligned to four; the index of their view."""
        self.data += b"\0" * (-len(self.data) % 4)
        entry: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)}
        self.data += data
        self.views.append(entry if target is None else entry | {"target": target})
        return len(self.views) - 1

    def accessor(self, values: Array, target: int | None = None, bounds: bool = False) -> int:
        """Append an array (N,) or (N, C); the index of its accessor."""
        values = np.ascontiguousarray(values)
        entry = self._entry(values) | {"bufferView": self.view(values.tobytes(), target)}
        return self._add(entry | (_bounds(values) if bounds else {}))

    def sparse(self, values: Array, rows: Array, index_view: int | None, bounds: bool) -> int:
        """Append offsets (N, 3) of which only `rows` are not zero."""
        # Zero belongs to the bounds, for there are rows that stay.
        few = np.concatenate([values[rows], np.zeros((1, values.shape[1]), values.dtype)])
        entry = self._entry(values) | (_bounds(few) if bounds else {})
        if index_view is not None:
            entry["sparse"] = {
                "count": len(rows),
                "indices": {"bufferView": index_view, "componentType": _COMPONENTS[rows.dtype]},
                "values": {"bufferView": self.view(values[rows].tobytes())},
            }
        return self._add(entry)

    def _entry(self, values: Array) -> dict[str, Any]:
        width = int(np.prod(values.shape[1:], dtype=int))
        return {
            "componentType": _COMPONENTS[values.dtype],
            "count": len(values),
            "type": _TYPES[width],
        }

    def _add(self, entry: dict[str, Any]) -> int:
        self.accessors.append(entry)
        return len(self.accessors) - 1


def _bounds(values: Array) -> dict[str, Any]:
    return {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}


def write_glb(path: Path, character: Character, animation: Animation | None = None) -> None:
    """Write a character to `path` (.glb); raises `BadOutput` when it cannot be written."""
    document, data = build(character, animation)
    with output_errors(path), replacing(path) as temporary:
        temporary.write_bytes(pack(document, data))


def pack(document: Mapping[str, Any], data: bytes) -> bytes:
    """The document and its binary chunk as the bytes of a GLB."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 4)
    data += b"\0" * (-len(data) % 4)
    size = 12 + 8 + len(text) + 8 + len(data)
    head = struct.pack("<III", 0x46546C67, 2, size) + struct.pack("<II", len(text), 0x4E4F534A)
    return head + text + struct.pack("<II", len(data), 0x004E4942) + data


def build(character: Character, animation: Animation | None = None) -> tuple[dict[str, Any], bytes]:
    """The document and the binary chunk of a character, with a take if there is one."""
    buffer = Buffer()
    used = {part.material for level in character.levels for part in level}
    materials = [m for m in character.materials if m.name in used]
    look = Looks(buffer)
    document: dict[str, Any] = {
        "asset": {
            "version": "2.0",
            "generator": f"Likeness {likeness.__version__}",
            "extras": dict(character.recipe),
        },
        "scene": 0,
        "materials": [look.material(m) for m in materials],
    }
    if look.images:
        document |= {"images": look.images, "textures": look.textures, "samplers": [_SAMPLER]}
    nodes, skin = _skeleton(buffer, character.skeleton)
    names = {material.name: i for i, material in enumerate(materials)}
    meshes: list[dict[str, Any]] = []
    chains: dict[str, list[int]] = {}
    for level, parts in enumerate(character.levels):
        for group, chosen in _groups(character.name, parts):
            bumpy = {m.name for m in materials if m.normal is not None}
            meshes.append(_mesh(buffer, f"{group}_LOD{level}", chosen, names, bumpy))
            nodes.append({"name": f"{group}_LOD{level}", "mesh": len(meshes) - 1, "skin": 0})
            chains.setdefault(group, []).append(len(nodes) - 1)
    _link(nodes, list(chains.values()))
    roots = [i for i, parent in enumerate(character.skeleton.parents) if parent < 0]
    document["scenes"] = [{"nodes": roots + [chain[0] for chain in chains.values()]}]
    document |= {"nodes": nodes, "skins": [skin], "meshes": meshes}
    extensions = sorted(look.extensions | ({"MSFT_lod"} if len(character.levels) > 1 else set()))
    if extensions:
        document["extensionsUsed"] = extensions
    if animation is not None:
        document["animations"] = [_take(buffer, document, character.skeleton, animation)]
    document |= {"accessors": buffer.accessors, "bufferViews": buffer.views}
    document["buffers"] = [{"byteLength": len(buffer.data)}]
    return document, bytes(buffer.data)


def _take(
    buffer: Buffer, document: Mapping[str, Any], skeleton: Skeleton, animation: Animation
) -> dict[str, Any]:
    """The animation: weights for every mesh that has them, turns for the joints that turn."""
    frames = len(animation.weights)
    time_s = (np.arange(frames) / animation.fps).astype(np.float32)
    clock = buffer.accessor(time_s, bounds=True)
    buffer.accessors[clock] |= {"min": [float(time_s[0])], "max": [float(time_s[-1])]}
    column = {name: i for i, name in enumerate(animation.shapes)}
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []

    def add(node: int, path: str, values: Array) -> None:
        samplers.append({"input": clock, "output": buffer.accessor(values), "interpolation": "LINEAR"})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})

    for i, node in enumerate(document["nodes"]):
        mesh = document["meshes"][node["mesh"]] if "mesh" in node else {}
        if "weights" in mesh:
            shapes = [column[name] for name in mesh["extras"]["targetNames"]]
            add(i, "weights", np.asarray(animation.weights[:, shapes], np.float32).ravel())
    for name, turns in animation.turns.items():
        add(skeleton.index(name), "rotation", np.asarray(turns, np.float32))
    rest = skeleton.local()
    for name, moves in animation.moves.items():
        joint = skeleton.index(name)
        add(joint, "translation", np.asarray((rest[joint] + moves) * METERS, np.float32))
    return {"name": "Take", "samplers": samplers, "channels": channels}


def _groups(name: str, parts: Sequence[Part]) -> list[tuple[str, list[Part]]]:
    """The parts without shapes and those with them, each under the name of its nodes."""
    still = [part for part in parts if not part.shapes]
    moving = [part for part in parts if part.shapes]
    return [(n, p) for n, p in ((name, still), (f"{name}_Face", moving)) if p]


def _link(nodes: list[dict[str, Any]], chains: Sequence[Sequence[int]]) -> None:
    for first, *coarser in chains:
        if coarser:
            nodes[first]["extensions"] = {"MSFT_lod": {"ids": coarser}}
            coverage = SCREEN_COVERAGE[: len(coarser)]
            nodes[first]["extras"] = {"MSFT_screencoverage": [*coverage, 0.0]}


def _skeleton(buffer: Buffer, skeleton: Skeleton) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Nodes of the joints, numbered as in the skeleton, and the skin."""
    nodes: list[dict[str, Any]] = []
    local = skeleton.local() * METERS
    for i, name in enumerate(skeleton.names):
        node: dict[str, Any] = {"name": name, "translation": local[i].tolist()}
        children = [c for c, parent in enumerate(skeleton.parents) if parent == i]
        node |= {"children": children} if children else {}
        if follows := skeleton.follows.get(name):
            node["extras"] = {"follows": {shape: _along(*each) for shape, each in follows.items()}}
        nodes.append(node)
    inverse = np.tile(np.eye(4, dtype=np.float32), (len(nodes), 1, 1))
    inverse[:, 3, :3] = -skeleton.positions * METERS  # columns first: the transpose
    skin = {
        "name": "Skeleton",
        "inverseBindMatrices": buffer.accessor(inverse.reshape(-1, 16)),
        "joints": list(range(len(nodes))),
        "skeleton": 0,
    }
    return nodes, skin


def _along(turn: Array, move: Array) -> list[float]:
    """How a joint goes along with a shape: a turn, axis times radians, then a move in metres."""
    return [*turn.tolist(), *(move * METERS).tolist()]


def _mesh(
    buffer: Buffer, name: str, parts: Sequence[Part], materials: Mapping[str, int], bumpy: AbstractSet[str]
) -> dict[str, Any]:
    shapes = list(dict.fromkeys(shape for part in parts for shape in part.shapes))
    mesh: dict[str, Any] = {
        "name": name,
        "primitives": [_primitive(buffer, part, shapes, materials, part.material in bumpy) for part in parts],
    }
    if shapes:
        mesh |= {"weights": [0.0] * len(shapes), "extras": {"targetNames": shapes}}
    return mesh


def _primitive(
    buffer: Buffer, part: Part, shapes: Sequence[str], materials: Mapping[str, int], bumpy: bool
) -> dict[str, Any]:
    uv = np.stack([part.uv[:, 0], 1 - part.uv[:, 1]], 1).astype(np.float32)
    index = np.uint16 if len(part.vertices) < 65535 else np.uint32
    vertices = np.asarray(part.vertices * METERS, np.float32)
    primitive: dict[str, Any] = {
        "attributes": {
            "POSITION": buffer.accessor(vertices, _VERTICES, bounds=True),
            "NORMAL": buffer.accessor(_unit(part.normals), _VERTICES),
            "TEXCOORD_0": buffer.accessor(uv, _VERTICES),
            "JOINTS_0": buffer.accessor(part.joints.astype(np.uint8), _VERTICES),
            "WEIGHTS_0": buffer.accessor(np.asarray(part.weights, np.float32), _VERTICES),
        },
        "indices": buffer.accessor(part.triangles.astype(index).ravel(), _INDICES),
        "material": materials[part.material],
        "extras": {"part": part.name},
    }
    if bumpy:
        primitive["attributes"]["TANGENT"] = buffer.accessor(tangents(part), _VERTICES)
    if shapes:
        primitive["targets"] = [_target(buffer, part, shape) for shape in shapes]
    return primitive


def tangents(part: Part) -> Array:
    """Where the texture's u goes (V, 4): a unit vector across the normal, and the side v lies on."""
    u, v = np.zeros((2, len(part.vertices), 3))
    corner, uv = part.vertices[part.triangles].astype(float), part.uv[part.triangles].astype(float)
    edge, turn = corner[:, 1:] - corner[:, :1], uv[:, 1:] - uv[:, :1]
    area = turn[:, 0, 0] * turn[:, 1, 1] - turn[:, 0, 1] * turn[:, 1, 0]
    inverse = np.where(np.abs(area) > 1e-14, 1 / np.where(area == 0, 1, area), 0)[:, None]
    along_u = (edge[:, 0] * turn[:, 1, 1:] - edge[:, 1] * turn[:, 0, 1:]) * inverse
    along_v = (edge[:, 1] * turn[:, 0, :1] - edge[:, 0] * turn[:, 1, :1]) * inverse
    for k in range(3):
        np.add.at(u, part.triangles[:, k], along_u)
        np.add.at(v, part.triangles[:, k], along_v)
    normal = part.normals.astype(float)
    u -= normal * (normal * u).sum(1, keepdims=True)
    size = np.linalg.norm(u, axis=1, keepdims=True)
    spare = np.cross(normal, np.where(np.abs(normal[:, :1]) < 0.9, [[1.0, 0, 0]], [[0, 1.0, 0]]))
    spare /= np.linalg.norm(spare, axis=1, keepdims=True)
    u = np.where(size > 1e-9, u / np.maximum(size, 1e-9), spare)
    side = np.where((np.cross(normal, u) * v).sum(1, keepdims=True) < 0, -1.0, 1.0)
    return np.concatenate([_unit(u), side.astype(np.float32)], 1)


def _unit(normals: Array) -> Array:
    """Unit length to the last bit of single precision."""
    exact = normals.astype(np.float64)
    return (exact / np.linalg.norm(exact, axis=1, keepdims=True)).astype(np.float32)


def _target(buffer: Buffer, part: Part, shape: str) -> dict[str, int]:
    """One shape of a part: offsets of positions and, where the part has them, of normals."""
    none = np.zeros_like(part.vertices)
    rows = part.moved_rows(shape)
    moved, turned = none, none
    if len(rows):
        moved, turned = none.copy(), none.copy()
        moved[rows] = part.shapes[shape][rows] * METERS
        turned[rows] = part.shape_normals.get(shape, none)[rows]
    if len(rows) * 14 >= len(moved) * 12:
        return {
            "POSITION": buffer.accessor(moved, _VERTICES, bounds=True),
            "NORMAL": buffer.accessor(turned, _VERTICES),
        }
    rows = rows.astype(np.uint16 if len(moved) < 65535 else np.uint32)
    index_view = buffer.view(rows.tobytes()) if len(rows) else None
    return {
        "POSITION": buffer.sparse(moved, rows, index_view, bounds=True),
        "NORMAL": buffer.sparse(turned, rows, index_view, bounds=False),
    }


class Looks:
    """Materials and their textures as glTF says them."""

    def __init__(self, buffer: Buffer) -> None:
        self.buffer = buffer
        self.images: list[dict[str, Any]] = []
        self.textures: list[dict[str, Any]] = []
        self.extensions: set[str] = set()
        self.made: dict[tuple[int, ...], int] = {}

    def material(self, m: Material) -> dict[str, Any]:
        """A material, its textures appended to the buffer."""
        out: dict[str, Any] = {"name": m.name, "pbrMetallicRoughness": self._surface(m)}
        if m.normal is not None:
            normal = m.normal
            out["normalTexture"] = self._texture(f"{m.name}_normal", (normal,), lambda: normal * 0.5 + 0.5)
        if m.occlusion is not None:
            # Occlusion is the red channel of the picture whose green is the roughness.
            index = out["pbrMetallicRoughness"]["metallicRoughnessTexture"]["index"]
            out["occlusionTexture"] = {"index": index}
        if m.alpha_mode != "OPAQUE":
            out["alphaMode"] = m.alpha_mode
        if m.double_sided:
            out["doubleSided"] = True
        extensions: dict[str, Any] = {}
        if m.transmission:
            extensions["KHR_materials_transmission"] = {"transmissionFactor": m.transmission}
        if m.ior != 1.5:
            extensions["KHR_materials_ior"] = {"ior": m.ior}
        if extensions:
            self.extensions |= set(extensions)
            out["extensions"] = extensions
        return out

    def _surface(self, m: Material) -> dict[str, Any]:
        out: dict[str, Any] = {"metallicFactor": m.metallic}
        color, alpha = m.base_color, m.alpha
        if isinstance(color, np.ndarray) or isinstance(alpha, np.ndarray):
            name = f"{m.name}_base_color"
            out["baseColorTexture"] = self._texture(name, (color, alpha), lambda: _colors(m))
        else:
            out["baseColorFactor"] = [*color, alpha if m.alpha_mode != "OPAQUE" else 1.0]
        if isinstance(m.roughness, np.ndarray) or m.occlusion is not None:
            name, key = f"{m.name}_occlusion_roughness", (m.roughness, m.occlusion)
            out["metallicRoughnessTexture"] = self._texture(name, key, lambda: _packed(m))
        else:
            out["roughnessFactor"] = m.roughness
        return out

    def _texture(self, name: str, key: tuple[Any, ...], draw: Callable[[], Array]) -> dict[str, int]:
        """A texture; materials that share the arrays of `key` share it."""
        same = tuple(id(value) for value in key)
        if same in self.made:
            return {"index": self.made[same]}
        self.made[same] = len(self.textures)
        view = self.buffer.view(encode(draw()))
        self.images.append({"name": name, "mimeType": "image/png", "bufferView": view})
        self.textures.append({"sampler": 0, "source": len(self.images) - 1})
        return {"index": len(self.textures) - 1}


def _colors(m: Material) -> Array:
    """Base color as a display shows it, with alpha where the material has it."""
    shape = m.base_color.shape[:2] if isinstance(m.base_color, np.ndarray) else np.shape(m.alpha)
    picture = display(np.broadcast_to(np.asarray(m.base_color, np.float32), (*shape, 3)))
    if m.alpha_mode == "OPAQUE":
        return picture
    coverage = np.broadcast_to(np.asarray(m.alpha, np.float32), shape)
    return np.concatenate([picture, coverage[..., None]], 2)


def _packed(m: Material) -> Array:
    """Occlusion, roughness and a blue of 1 in one picture."""
    shape = m.occlusion.shape if m.occlusion is not None else np.shape(m.roughness)
    out = np.ones((*shape, 3), np.float32)
    if m.occlusion is not None:
        out[..., 0] = m.occlusion
    out[..., 1] = m.roughness
    return out


def display(linear: Array) -> Array:
    """Linear Rec. 709 to sRGB's encoding, 0..1."""
    x = np.clip(linear, 0, 1)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055).astype(np.float32)
