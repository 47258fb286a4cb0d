"""The MakeHuman data (CC0): base mesh, targets, weights. Lengths come back in centimetres."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.integer[Any]]

CM = 10.0  # of a decimetre
BODY_VERTICES = 13380


@dataclass(frozen=True, eq=False)
class MakeHuman:
    """The base mesh: N `vertices` (N, 3); `quads` (Q, 4) of the body, their texture corners `uv_quads`
    into `uvs` (M, 2); `cubes`: the vertices of every joint cube by name; `folder` holds the targets.
    """

    folder: Path
    vertices: Float
    quads: Int
    uv_quads: Int
    uvs: Float
    cubes: dict[str, Int]

    def target(self, name: str) -> Float:
        """Offsets (N, 3) of a target such as `neck/neck-scale-vert-incr`, cm."""
        out = np.zeros_like(self.vertices)
        path = self.folder / "targets" / f"{name}.target.gz"
        with gzip.open(path, "rt") as lines:
            table = np.array([line.split() for line in lines if line.strip() and line[0] != "#"], float)
        if len(table):
            out[table[:, 0].astype(int)] = table[:, 1:4] * CM
        return out

    def weights(self, joints: Sequence[str]) -> Float:
        """Skin weights (N, J) of the game engine rig, each row's sum 1 where there is any."""
        table = json.loads((self.folder / "rigs/standard/weights.game_engine.json").read_text())["weights"]
        out = np.zeros((len(self.vertices), len(joints)))
        for column, joint in enumerate(joints):
            for vertex, weight in table.get(joint, ()):
                out[int(vertex), column] += weight
        return out / np.maximum(out.sum(1, keepdims=True), 1e-9)

    def rig(self) -> dict[str, Any]:
        """The bones of the game engine rig as the data has them."""
        table = json.loads((self.folder / "rigs/standard/rig.game_engine.json").read_text())
        return dict(table)


def load_makehuman(folder: Path) -> MakeHuman:
    """Read the base mesh that lies in `folder`."""
    vertices, uvs, quads, uv_quads = [], [], [], []
    cubes: dict[str, set[int]] = {}
    group = ""
    for line in (folder / "base.obj").read_text().splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            vertices.append([float(w) for w in words[:3]])
        elif kind == "vt":
            uvs.append([float(w) for w in words[:2]])
        elif kind == "g":
            group = words[0]
        elif kind == "f":
            corners = [[int(n) - 1 for n in w.split("/")[:2]] for w in words]
            if group == "body":
                quads.append([c[0] for c in corners])
                uv_quads.append([c[1] for c in corners])
            elif group.startswith("joint-"):
                cubes.setdefault(group, set()).update(c[0] for c in corners)
    return MakeHuman(
        folder,
        np.array(vertices) * CM,
        np.array(quads),
        np.array(uv_quads),
        np.array(uvs),
        {name: np.array(sorted(cube)) for name, cube in cubes.items()},
    )
