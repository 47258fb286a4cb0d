"""Reads Wavefront OBJ: points, polygons, texture coordinates and the names of materials."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from likeness.human.foreign.scene import GRAY, Piece, Scene, broken


def read(path: Path) -> Scene:
    """The file as one piece: OBJ numbers its points through all objects. It has no unit and no axes."""
    points: list[list[float]] = []
    places: list[list[float]] = []
    counts: list[int] = []
    corners: list[int] = []
    textures: list[int] = []
    names: dict[str, int] = {}
    material: list[int] = []
    current = 0
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                words = line.split()
                if not words:
                    continue
                if words[0] == "v":
                    points.append([float(w) for w in words[1:4]])
                elif words[0] == "vt":
                    places.append([float(w) for w in words[1:3]])
                elif words[0] == "usemtl":
                    current = names.setdefault(" ".join(words[1:]) or "Material", len(names))
                elif words[0] == "f":
                    for word in words[1:]:
                        point, _, rest = word.partition("/")
                        texture = rest.partition("/")[0]
                        corners.append(_index(point, len(points)))
                        textures.append(_index(texture, len(places)) if texture else -1)
                    counts.append(len(words) - 1)
                    material.append(current)
        vertices = np.array(points, np.float32).reshape(-1, 3)
        uv = np.array(places, np.float32).reshape(-1, 2)
    except (UnicodeDecodeError, ValueError) as error:
        raise broken(path.name, "it is no OBJ") from error
    where = np.array(textures, np.int64)
    whole = len(where) > 0 and bool(((where >= 0) & (where < len(uv))).all())
    piece = Piece(
        name=path.stem,
        points=vertices,
        counts=np.array(counts, np.int32),
        corners=np.array(corners, np.int32),
        place=np.eye(4),
        uv=uv[where] if whole else None,
        materials=[(name, GRAY) for name in names] or [("Material", GRAY)],
        material=np.array(material, np.int32),
    )
    return Scene(path.stem, "obj", (piece,))


def _index(word: str, count: int) -> int:
    """A number of OBJ, from 1, or from the end if negative, as an index."""
    number = int(word)
    return number - 1 if number > 0 else count + number
