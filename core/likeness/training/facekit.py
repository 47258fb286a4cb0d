"""Reads ICT-FaceKit Light (MIT, USC ICT), the head data that the house models learn from.

Centimetres, Y up, +Z out of the face, the character's left at +X.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.errors import BadInput

Float = NDArray[np.float32]
Int = NDArray[np.int32]

# Vertex ranges of the data, half open.
SKIN = (0, 11248)
SOCKETS = (11248, 14062)
GUMS_TONGUE = (14062, 17039)
TEETH = (17039, 21451)
UPPER_TEETH = (17039, 19247)
EYE_LEFT, EYE_RIGHT = (21451, 23021), (23021, 24591)
SCLERA_LEFT, SCLERA_RIGHT = (21451, 22221), (23021, 23791)
LASHES = (25351, 26719)

EYE_CENTER = np.array([3.094, 3.614, 7.995], np.float32)  # left; mirror x for the right
LIMBUS_RADIUS = 0.6
LIMBUS_DEPTH = 1.38  # from the eye's center along its axis


@dataclass(frozen=True)
class FaceKit:
    """The head data: mean `vertices` (V, 3), `identity` (100, V, 3), `expression` (57, V, 3)."""

    vertices: Float
    identity: NDArray[np.float16]
    expression: NDArray[np.float16]
    expression_names: tuple[str, ...]
    polygons: tuple[Int, ...]
    material: NDArray[np.uint8]
    materials: tuple[str, ...]
    uvs: Float
    uv_polygons: tuple[Int, ...]
    multipie68: Int

    @cached_property
    def triangles(self) -> Int:
        """All polygons as a fan of triangles (T, 3)."""
        return np.array(
            [(p[0], p[i], p[i + 1]) for p in self.polygons for i in range(1, len(p) - 1)], np.int32
        )

    @cached_property
    def triangle_uv(self) -> Float:
        """Texture coordinates of the corners of all triangles (T, 3, 2), v up."""
        corner = [(p[0], p[i], p[i + 1]) for p in self.uv_polygons for i in range(1, len(p) - 1)]
        return np.asarray(self.uvs[np.array(corner)], np.float32)

    @cached_property
    def triangle_material(self) -> NDArray[np.uint8]:
        """Index into `materials` of every triangle (T,)."""
        return np.repeat(self.material, [len(p) - 2 for p in self.polygons])


def load_facekit(folder: Path) -> FaceKit:
    """Read the data from `folder`; raises `BadInput` when it is not there."""
    path = folder / "ict_facekit_light.npz"
    if not path.is_file():
        raise BadInput(f"No head data in '{folder}'.", "Give the folder that holds ict_facekit_light.npz.")
    with np.load(path, allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    indices = json.loads((folder / "vertex_indices.json").read_text())
    cuts = np.cumsum(arrays["face_vertex_counts"].astype(int))[:-1]
    return FaceKit(
        vertices=arrays["vertices"],
        identity=arrays["identity_deltas"],
        expression=arrays["expression_deltas"],
        expression_names=tuple(str(n) for n in arrays["expression_names"]),
        polygons=tuple(np.split(arrays["face_vertex_indices"], cuts)),
        material=arrays["face_material"],
        materials=tuple(str(m) for m in arrays["materials"]),
        uvs=arrays["uvs"],
        uv_polygons=tuple(np.split(arrays["face_uv_indices"], cuts)),
        multipie68=np.array(indices["idx_to_landmark_verts"], np.int32),
    )
