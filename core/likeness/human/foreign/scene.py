"""A mesh file of any maker as pieces: what is common to OBJ, glTF and USD, and which of them a file is.

Everything that a file says is checked before it is believed: sizes, indices, and the paths of the files
that it names, which must lie beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from likeness.errors import BadInput
from likeness.human.foreign.surface import Surface

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Array = NDArray[np.float64]
Color = tuple[float, float, float]

MOST_BYTES = 1 << 30
MOST_TRIANGLES = 1_000_000
GLTF, USD = (".glb", ".gltf"), (".usd", ".usda", ".usdc", ".usdz")
SUFFIXES = (".obj", *GLTF, *USD)
GRAY: Color = (0.5, 0.5, 0.5)


@dataclass(frozen=True, eq=False)
class Piece:
    """One mesh: `points` (V, 3) in the file's order, in a space that `place` (4, 4) puts in the scene.

    `counts` (F,) corners of every polygon and `corners` (sum of them,) their points. `uv` (corners, 2),
    v up, or None. `materials` are names and colors, and `material` (F,) which of them a polygon has.
    """

    name: str
    points: Float
    counts: Int
    corners: Int
    place: Array
    uv: Float | None = None
    materials: Sequence[tuple[str, Color]] = (("Material", GRAY),)
    material: Int | None = None

    @cached_property
    def fan(self) -> Int:
        """Triangles (T, 3) as rows of `corners`: every polygon as a fan."""
        start = np.cumsum(self.counts) - self.counts
        each = np.maximum(self.counts - 2, 0)
        first = np.repeat(start, each)
        step = np.arange(len(first)) - np.repeat(np.cumsum(each) - each, each)
        return np.stack([first, first + step + 1, first + step + 2], 1).astype(np.int32)

    @property
    def triangles(self) -> Int:
        """Triangles (T, 3) of points."""
        return self.corners[self.fan]

    def in_scene(self) -> Array:
        """The points (V, 3) where they stand in the scene."""
        return np.asarray(self.points @ self.place[:3, :3].T + self.place[:3, 3])


@dataclass(frozen=True, eq=False)
class Scene:
    """What a file holds. `meters` is a unit of the scene, `up` its axis, None where the file does not say.

    `source` is what its own writer needs to write it again as it was.
    """

    name: str
    kind: str
    pieces: tuple[Piece, ...]
    up: str | None = None
    meters: float | None = None
    source: Any = field(default=None, repr=False)

    def surface(self) -> Surface:
        """All pieces as one surface in the scene's space."""
        starts = np.cumsum([0, *(len(piece.points) for piece in self.pieces)])
        points = np.concatenate([piece.in_scene() for piece in self.pieces])
        # A mirrored piece shows its other side.
        sides = [np.linalg.det(piece.place[:3, :3]) < 0 for piece in self.pieces]
        triangles = [
            (piece.triangles[:, ::-1] if mirrored else piece.triangles) + start
            for piece, start, mirrored in zip(self.pieces, starts, sides, strict=False)
        ]
        return Surface(points.astype(np.float32), np.ascontiguousarray(np.concatenate(triangles), np.int32))

    def split(self, shapes: Float) -> list[Float]:
        """Shapes (S, V, 3) of the whole surface as those of each piece, in the piece's own space."""
        out, start = [], 0
        for piece in self.pieces:
            mine = shapes[:, start : start + len(piece.points)]
            out.append(np.asarray(mine @ np.linalg.inv(piece.place[:3, :3]).T, np.float32))
            start += len(piece.points)
        return out


def read(path: Path) -> Scene:
    """The meshes of an OBJ, glTF or USD file; raises `BadInput` that says what is wrong with it."""
    from likeness.human.foreign import gltf_file, obj_file, usd_file

    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise BadInput(f"'{path.name}' is not a mesh that can be read.", "Save it as GLB, USD or OBJ.")
    within(path)
    if suffix in GLTF:
        scene = gltf_file.read(path)
    else:
        scene = usd_file.read(path) if suffix in USD else obj_file.read(path)
    return checked(scene, path.name)


def checked(scene: Scene, name: str) -> Scene:
    """The scene, if it has a surface of a size that can be worked on."""
    count = sum(int(np.maximum(piece.counts - 2, 0).sum()) for piece in scene.pieces)
    if count == 0:
        raise BadInput(f"'{name}' has no polygons.", "Give a file that holds the mesh of a head.")
    if count > MOST_TRIANGLES:
        raise BadInput(
            f"'{name}' has {count:,} triangles, more than {MOST_TRIANGLES:,}.", "Give a reduced mesh."
        )
    for piece in scene.pieces:
        if len(piece.corners) and not 0 <= piece.corners.min() <= piece.corners.max() < len(piece.points):
            raise broken(name, "a polygon names a point that is not there")
        if not np.isfinite(piece.points).all() or not np.isfinite(piece.place).all():
            raise broken(name, "a point is not a number")
        if abs(np.linalg.det(piece.place[:3, :3])) < 1e-18:
            raise broken(name, f"'{piece.name}' is scaled to nothing")
    return scene


def broken(name: str, why: str) -> BadInput:
    """The error for a file that cannot be read."""
    return BadInput(f"'{name}' cannot be read: {why}.", "Save it again, or as another format.")


def within(path: Path) -> Path:
    """The path of a file that is not too large; raises `BadInput` if it is, or is not there."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise broken(path.name, (error.strerror or "no such file").lower()) from None
    if size > MOST_BYTES:
        raise BadInput(
            f"'{path.name}' has {size / 1e9:.1f} GB, more than {MOST_BYTES / 1e9:.1f}.",
            "Give a reduced mesh.",
        )
    return path


def beside(path: Path, uri: str) -> Path:
    """The file that `path` names by a relative `uri`; raises `BadInput` if it lies elsewhere."""
    folder = path.parent.resolve()
    named = unquote(uri)
    found = (folder / named).resolve()
    if ":" in named or "\\" in named or not found.is_relative_to(folder):
        raise BadInput(
            f"'{path.name}' names the file '{uri}', which does not lie beside it.",
            "Save it as one GLB file.",
        )
    if not found.is_file():
        raise BadInput(f"'{path.name}' names the file '{uri}', which is not there.", "Put it beside it.")
    return within(found)
