"""The house body: sliders to its surface and its joints.

Body space: centimetres, Y up, +Z to the front, the character's left at +X. Its corners W are vertices
with texture coordinates; several lie at one of its places P, which are weighted sums of a base mesh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from likeness import runtime
from likeness.human.measures import LOCAL, macro_weights

Float = NDArray[np.float32]
Int = NDArray[np.int32]


SHOE_STEPS = 2000  # a centimetre, in the file


@dataclass(frozen=True, eq=False)
class Neck:
    """How the house head sits on the body.

    `offset` (3,): where its origin lies in the average body. `ring_rows`, `ring_weights` (R + 1, 4):
    where the seam lies on the head's own surface. `triangles`: the head's skin above the seam, level by
    level, over the head's vertices and after them the seam's R + 1. `blend_rows` (N,) vertices that
    follow the seam by `blend` (N,), each at `blend_turn` (N,) turns about the neck from the back.
    """

    offset: Float
    ring_rows: Int
    ring_weights: Float
    triangles: tuple[Int, ...]
    blend_rows: Int
    blend: Float
    blend_turn: Float
    jaw_center: Float
    jaw_weights: Float


@dataclass(frozen=True, eq=False)
class Body:
    """The tables of the house body.

    `vertex_place` (W,), `vertex_uv` (W, 2) v up, `triangles` (T, 3) of corners, `ring` (R + 1,) the
    corners at the neck's seam: from the back by the character's left; the last lies where the first does.
    `joint_names` and `joint_parents` (J,); `place_joints`, `place_weights` (P, 4) bind places to them.
    `collapse_from`, `collapse_to`, `collapse_step` (S,): corners in the order in which detail is lost;
    `ring_steps` (3,): after so many steps the ring has half its points, a quarter, an eighth.
    `shoe_offsets` (N, 3), cm: from the places `shoe_rows` of a foot of average size to a shoe, with
    its `shoe_normals`.
    """

    base: Float
    point_names: tuple[str, ...]
    rows: Any
    vertex_place: Int
    vertex_uv: Float
    triangles: Int
    ring: Int
    joint_names: tuple[str, ...]
    joint_points: tuple[str, ...]
    joint_parents: tuple[int, ...]
    place_joints: Int
    place_weights: Float
    collapse_from: Int
    collapse_to: Int
    collapse_step: Int
    ring_steps: tuple[int, ...]
    shoe_rows: Int
    shoe_offsets: Float
    shoe_normals: Float
    neck: Neck
    macro_names: tuple[str, ...]
    macro_factor: Float
    macro_basis: Float
    local_rows: Int
    local_values: Float
    local_starts: Int

    def shape(self, values: Mapping[str, float]) -> tuple[Float, dict[str, Float]]:
        """Places (P, 3) and named points (3,) for values of the sliders (see `measures`); others are 0."""
        base = self.base + self._macro(values)
        for i, slider in enumerate(LOCAL):
            value = values.get(slider.name, 0.0)
            if value:
                k = 2 * i + (value > 0)
                rows = slice(self.local_starts[k], self.local_starts[k + 1])
                base[self.local_rows[rows]] += np.float32(abs(value)) * self.local_values[rows]
        count = len(base) - len(self.point_names)
        places = np.asarray(self.rows @ base[:count], np.float32)
        return places, dict(zip(self.point_names, base[count:], strict=True))

    def _macro(self, values: Mapping[str, float]) -> Float:
        weights = macro_weights(values)
        row = np.array([weights[name] for name in self.macro_names], np.float32)
        flat = (row @ self.macro_factor) @ self.macro_basis.reshape(len(self.macro_basis), -1)
        return np.asarray(flat.reshape(self.base.shape), np.float32)


@lru_cache(maxsize=1)
def load_body() -> Body:
    """The house body, loaded once; raises `BadModel` when its file is missing or altered."""
    t: dict[str, Any] = runtime.house_tables("body")
    places = len(t["place_starts"]) - 1
    count = len(t["base"]) - len(t["point_names"])
    weights = t["place_joint_weights"].astype(np.float64) / 65535
    return Body(
        base=t["base"],
        point_names=_names(t["point_names"]),
        rows=csr_matrix((t["place_weights"], t["place_rows"], t["place_starts"]), (places, count)),
        vertex_place=t["vertex_place"].astype(np.int32),
        vertex_uv=t["vertex_uv"],
        triangles=t["triangles"].astype(np.int32),
        ring=t["ring"],
        joint_names=_names(t["joint_names"]),
        joint_points=_names(t["joint_points"]),
        joint_parents=tuple(t["joint_parents"].tolist()),
        place_joints=t["place_joints"].astype(np.int32),
        place_weights=weights.astype(np.float32),
        collapse_from=t["collapse_from"].astype(np.int32),
        collapse_to=t["collapse_to"].astype(np.int32),
        collapse_step=t["collapse_step"].astype(np.int32),
        ring_steps=tuple(t["ring_steps"].tolist()),
        shoe_rows=t["shoe_rows"].astype(np.int32),
        shoe_offsets=t["shoe_offsets"].astype(np.float32) / SHOE_STEPS,
        shoe_normals=t["shoe_normals"].astype(np.float32) / 127,
        neck=_neck(t),
        macro_names=_names(t["macro_names"]),
        macro_factor=t["macro_factor"],
        macro_basis=t["macro_basis"].astype(np.float32),
        local_rows=t["local_rows"].astype(np.int32),
        local_values=t["local_values"].astype(np.float32) * t["local_scale"],
        local_starts=t["local_starts"],
    )


def _neck(t: Mapping[str, Any]) -> Neck:
    return Neck(
        offset=t["head_offset"],
        ring_rows=t["head_ring_rows"],
        ring_weights=t["head_ring_weights"],
        triangles=tuple(t[f"head_triangles_{level}"] for level in range(4)),
        blend_rows=t["head_blend_rows"],
        blend=t["head_blend"],
        blend_turn=t["head_blend_turn"],
        jaw_center=t["jaw_center"],
        jaw_weights=t["jaw_weights"].astype(np.float32) / 255,
    )


def _names(table: NDArray[np.str_]) -> tuple[str, ...]:
    return tuple(str(name) for name in table)
