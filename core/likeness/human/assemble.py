"""A person made whole: sliders and seed to a character with all its parts."""

from __future__ import annotations

import numpy as np

from likeness.head.model import Head, load_head, vertex_normals
from likeness.human.character import Character, Float, Int, Material, Part, Skeleton
from likeness.human.face import face_shapes
from likeness.performance import ARKIT

__all__ = ["Character", "Material", "Part", "Skeleton", "person"]

MATERIAL_OF = {
    "skin": "skin",
    "socket": "mouth",
    "eye_socket_left": "mouth",
    "eye_socket_right": "mouth",
    "gums": "mouth",
    "tongue": "mouth",
    "teeth_upper": "teeth",
    "teeth_lower": "teeth",
    "eye_left": "eye",
    "eye_right": "eye",
    "lashes": "lashes",
    "tears": "tears",
}
MATERIALS = (
    Material("skin", (0.55, 0.33, 0.25), 0.5, subsurface=0.3),
    Material("mouth", (0.4, 0.12, 0.11), 0.3, subsurface=0.3),
    Material("teeth", (0.75, 0.7, 0.6), 0.2),
    Material("eye", (0.8, 0.78, 0.75), 0.1),
    Material("lashes", (0.02, 0.015, 0.01), 0.6, double_sided=True),
    Material("tears", (0.9, 0.9, 0.9), 0.05, alpha=0.2, alpha_mode="BLEND"),
)


def person(name: str, seed: int) -> Character:
    """A person by seed; 0 is the average one."""
    head = load_head()
    identity = np.zeros(len(head.identity_basis), np.float32)
    if seed:
        identity = 0.7 * np.random.default_rng(seed).standard_normal(len(identity)).astype(np.float32)
    rest = head.rest(identity)[head.vertex_twin]
    shapes = face_shapes(head, rest)
    eyes = head.eyes(identity)
    skeleton = Skeleton(
        ("root", "head", "eye_l", "eye_r"),
        (-1, 0, 1, 1),
        np.concatenate([np.zeros((2, 3), np.float32), eyes]),
    )
    joint = np.where(head.vertex_eye >= 0, head.vertex_eye + 2, 1)
    joints = np.zeros((len(rest), 4), np.uint16)
    joints[:, 0] = joint
    weights = np.zeros((len(rest), 4), np.float32)
    weights[:, 0] = 1
    levels = tuple(
        tuple(_parts(head, level, rest, shapes, joints, weights)) for level in range(len(head.levels))
    )
    return Character(name, levels, skeleton, MATERIALS, {"seed": seed})


def _parts(
    head: Head, level: int, rest: Float, shapes: Float, joints: np.ndarray, weights: Float
) -> list[Part]:
    names = [head.part_names[i] for i in np.unique(head.level_parts[level])]
    sheet = head.vertex_twin[head.levels[level]]
    normals = unit_normals(rest, sheet)[head.vertex_twin]
    turned = [unit_normals(rest + s, sheet)[head.vertex_twin] - normals for s in shapes]
    parts = []
    for name in names:
        rows, triangles = compact(head.part(name, level))
        parts.append(
            Part(
                name,
                rest[rows],
                triangles,
                head.vertex_uv[rows],
                normals[rows],
                joints[rows],
                weights[rows],
                MATERIAL_OF[name],
                {n: s[rows] for n, s in zip(ARKIT, shapes, strict=True)},
                {n: s[rows] for n, s in zip(ARKIT, turned, strict=True)},
            )
        )
    return parts


def unit_normals(vertices: Float, triangles: Int) -> Float:
    """Normals (V, 3) of unit length, toward +Z where the triangles have no area."""
    normals = vertex_normals(vertices, triangles)
    normals[~normals.any(axis=1)] = (0, 0, 1)
    return normals


def compact(triangles: Int) -> tuple[Int, Int]:
    """The vertices that triangles use, and the triangles in their numbering."""
    rows, local = np.unique(triangles, return_inverse=True)
    return rows.astype(np.int32), local.reshape(-1, 3).astype(np.int32)
