"""A mesh of the scene as a file."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy


def write_obj(found: Any, path: Path) -> None:
    """Write a mesh as OBJ: with its modifiers, in its own space, polygons and texture coordinates kept."""
    evaluated = found.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    try:
        path.write_text("\n".join(_lines(mesh, found.name)) + "\n", "utf-8")
    finally:
        evaluated.to_mesh_clear()


def _lines(mesh: Any, name: str) -> list[str]:
    lines = [f"o {' '.join(name.split())}"]
    lines += [f"v {v.co.x:.7g} {v.co.y:.7g} {v.co.z:.7g}" for v in mesh.vertices]
    layer = mesh.uv_layers.active
    if layer is not None:
        lines += [f"vt {uv.uv.x:.7g} {uv.uv.y:.7g}" for uv in layer.data]
    for polygon in mesh.polygons:
        corners = [
            f"{mesh.loops[i].vertex_index + 1}/{i + 1}"
            if layer is not None
            else f"{mesh.loops[i].vertex_index + 1}"
            for i in polygon.loop_indices
        ]
        lines.append(f"f {' '.join(corners)}")
    return lines
