"""A person as data: parts, materials, skeleton and recipe, whoever made them and wherever they go.

Space is the house head's: centimetres, Y up, +Z out of the face, the character's left at +X.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Color = tuple[float, float, float]
STILL_CM, STILL_TURN = 1e-4, 1e-3  # what moves or turns less does not move
Pose = Literal["A", "T"]
Naming = Literal["unreal", "unity", "mixamo", "rigify", "vrm"]


@dataclass(frozen=True, eq=False)
class Part:
    """A surface of one material: V vertices, T triangles, counterclockwise from outside.

    `vertices` (V, 3) cm; `triangles` (T, 3); `uv` (V, 2), v up; `normals` (V, 3) of unit length;
    `joints` (V, 4) indices into the skeleton and `weights` (V, 4) that sum to 1; `shapes` (V, 3) offsets
    in cm by name, in the order in which they are written, and `shape_normals` (V, 3) how normals change
    with them. `material` names one of the character's.
    """

    name: str
    vertices: Float
    triangles: Int
    uv: Float
    normals: Float
    joints: NDArray[np.uint16]
    weights: Float
    material: str
    shapes: Mapping[str, Float] = field(default_factory=dict)
    shape_normals: Mapping[str, Float] = field(default_factory=dict)

    def moved_rows(self, shape: str) -> NDArray[np.int64]:
        """The vertices that a shape moves by a micrometre or more, or turns."""
        offsets = self.shapes.get(shape)
        if offsets is None:
            return np.zeros(0, np.int64)
        moved = np.abs(offsets).ravel() > STILL_CM
        if shape in self.shape_normals:
            moved |= np.abs(self.shape_normals[shape]).ravel() > STILL_TURN
        return np.unique(np.flatnonzero(moved) // 3)


@dataclass(frozen=True, eq=False)
class Material:
    """What a surface looks like. A texture is an array, row 0 at the top (v = 1), sides powers of two.

    `base_color` linear Rec. 709, a color or (H, W, 3); `alpha` 0..1 or (H, W); `roughness` and
    `occlusion` 0..1 or (H, W); `normal` (H, W, 3) tangent-space directions -1..1, green up; `subsurface`
    0..1 or (H, W): how much light scatters, and `subsurface_color` where it goes. `transmission` 0..1 and
    `ior` for what is clear. Where a texture is None the constant holds.
    """

    name: str
    base_color: Color | Float = (0.8, 0.8, 0.8)
    roughness: float | Float = 0.5
    alpha: float | Float = 1.0
    alpha_mode: Literal["OPAQUE", "MASK", "BLEND"] = "OPAQUE"
    normal: Float | None = None
    occlusion: Float | None = None
    subsurface: float | Float = 0.0
    subsurface_color: Color = (0.8, 0.3, 0.2)
    metallic: float = 0.0
    transmission: float = 0.0
    ior: float = 1.5
    double_sided: bool = False


@dataclass(frozen=True, eq=False)
class Skeleton:
    """J joints, parents before children: `parents` (J,), -1 at the root; `positions` (J, 3) cm at rest.

    Joints do not turn at rest: their axes are those of the space, so a rest transform is a translation.
    `follows` says of a joint how it goes along with shapes of the face at full weight: by shape a turn
    (3,), axis times radians, and a move (3,) cm. They add up by the shapes' weights.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    positions: Float
    follows: Mapping[str, Mapping[str, tuple[Float, Float]]] = field(default_factory=dict)

    def index(self, name: str) -> int:
        """The joint of that name."""
        return self.names.index(name)

    def local(self) -> Float:
        """Positions (J, 3) of the joints from their parents, cm."""
        parents = np.array(self.parents)
        origin = np.where(parents[:, None] >= 0, self.positions[parents], 0)
        return np.asarray(self.positions - origin, np.float32)


@dataclass(frozen=True, eq=False)
class Strands:
    """N hairs of S points each, which stand on the finest level and replace the cards of the same `name`.

    `points` (N, S, 3) cm from the root on; `width` (N,) cm at the root; `color` (N, 3) linear Rec. 709;
    `uv` (N, 2) where each stands in the texture of the part `surface`; `joint` is what they go along with
    where they cannot follow that part's skin. `material` is for those who know one color for all.
    """

    name: str
    points: Float
    width: Float
    color: Float
    uv: Float
    joint: int
    material: Material
    surface: str = "head"


@dataclass(frozen=True, eq=False)
class Character:
    """A person. `levels` are the parts from fine to coarse; `recipe` is what the person was made from.

    `strands` are its hair for formats that have curves.
    """

    name: str
    levels: tuple[tuple[Part, ...], ...]
    skeleton: Skeleton
    materials: tuple[Material, ...]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    strands: tuple[Strands, ...] = ()


@dataclass(frozen=True, eq=False)
class Animation:
    """F frames of a person's motion: `weights` (F, S) of the shapes named, turns and moves of joints.

    `turns` (F, 4) are unit quaternions x, y, z, w by joint, in its parent's axes, and `moves` (F, 3) how
    far it is from its place at rest, cm; other joints rest.
    """

    fps: float
    shapes: tuple[str, ...]
    weights: Float
    turns: Mapping[str, Float] = field(default_factory=dict)
    moves: Mapping[str, Float] = field(default_factory=dict)
