"""Shapes carried to meshes of another topology, against what the head data says of people nobody fitted.

The mesh of the data, of a person drawn by a seed that nothing was made with, goes through the effect as a
file without shapes, axes or unit; its own expression shapes are the truth. The house head knows all
identities of the data, so the same is measured with a head that knows but 30 of its 100 modes: a mesh
that is no person the head can be.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.table import Row
from likeness.head.model import Head, load_head
from likeness.human.foreign.gltf_file import values
from likeness.human.foreign.locate import find_face
from likeness.human.foreign.register import lay
from likeness.human.foreign.scene import Scene, read
from likeness.human.foreign.surface import Surface
from likeness.human.foreign.transfer import transfer
from likeness.job import run_job
from likeness.performance import ARKIT
from likeness.request import Request
from likeness.training.facekit import FaceKit, load_facekit
from likeness.training.head import expression_shapes

Float = NDArray[np.float32]

PEOPLE = (5001, 5002, 5003, 5004)
KNOWN_MODES = 30
MOVED_MM = 0.1
FACE = slice(0, 9409)
SHAPES = [i for i, name in enumerate(ARKIT) if name != "tongueOut"]  # the data has no tongueOut
CM_TO_MM = 10.0


def rows(data: Path, work: Path, people: tuple[int, ...] = PEOPLE) -> list[Row]:
    """Mean errors of the 51 shapes in mm over what they move, and over all vertices."""
    kit, head = load_facekit(data), load_head()
    truth = expression_shapes(kit)[SHAPES].astype(np.float32)
    known = replace(
        head,
        identity_basis=head.identity_basis[:KNOWN_MODES],
        point_identity=head.point_identity[:KNOWN_MODES],
    )
    found, strange, fewest = [], [], len(SHAPES)
    for seed in people:
        vertices = person(kit, seed)
        shapes = through_the_effect(kit, vertices, work / str(seed))[SHAPES]
        fewest = min(fewest, int((np.abs(shapes).max((1, 2)) * CM_TO_MM > MOVED_MM).sum()))
        found.append(errors(shapes, truth))
        strange.append(errors(with_head(known, kit, vertices)[SHAPES], truth))
    face, moved, whole = np.mean(found, 0)
    still = np.linalg.norm(truth, axis=2) * CM_TO_MM
    rest = float(still[:, FACE][still[:, FACE] > MOVED_MM].mean())
    return [
        Row("human", "shapes moved on a foreign mesh, of 51", fewest, "", at_least=len(SHAPES)),
        Row("human", "shape transfer, face, moved vertices", face, "mm", rest, "no shapes", at_most=0.5),
        Row("human", "shape transfer, all parts, moved vertices", moved, "mm"),
        Row("human", "shape transfer, all vertices", whole, "mm"),
        Row("human", "the same face, head knows 30 modes", float(np.mean(strange, 0)[0]), "mm", at_most=0.5),
    ]


def person(kit: FaceKit, seed: int) -> Float:
    """Vertices (V, 3) cm of a person of the data, coefficients N(0, 1) on all its modes."""
    modes = kit.identity.astype(np.float32)
    drawn = np.random.default_rng(seed).standard_normal(len(modes)).astype(np.float32)
    return np.asarray(kit.vertices + np.tensordot(drawn, modes, 1), np.float32)


def through_the_effect(kit: FaceKit, vertices: Float, folder: Path) -> Float:
    """The 52 shapes (52, V, 3) cm that the effect writes for an OBJ of it that stands with Z up."""
    folder.mkdir(parents=True, exist_ok=True)
    mesh = folder / "person.obj"
    lines = [f"v {x:.6f} {-z:.6f} {y:.6f}" for x, y, z in vertices]
    lines += [f"f {' '.join(str(i + 1) for i in polygon)}" for polygon in kit.polygons]
    mesh.write_text("\n".join(lines) + "\n")
    request = Request("transfer_shapes", {"mesh": str(mesh)}, {"turn_eyes": False}, output=str(folder))
    return upright(written(read(Path(run_job(request)[0].path))))


def written(scene: Scene) -> Float:
    """The shapes (52, V, 3) of a GLB of one piece."""
    source = scene.source
    node, position = source.owners[0]
    primitives = source.document["meshes"][source.document["nodes"][node]["mesh"]]["primitives"]
    targets = next(p["targets"] for p in primitives if p["attributes"]["POSITION"] == position)
    return np.stack([values(source.document, source.data, t["POSITION"], "GLB") for t in targets])


def upright(offsets: Float) -> Float:
    """Offsets of a mesh with Z up as those of one with Y up."""
    return np.stack([offsets[..., 0], offsets[..., 2], -offsets[..., 1]], -1)


def with_head(head: Head, kit: FaceKit, vertices: Float) -> Float:
    """The 52 shapes (52, V, 3) cm that a head gives the mesh."""
    surface = Surface(vertices, kit.triangles)
    laid, surface = lay(head, surface, find_face(surface, "person"))
    return transfer(head, surface, laid, turn_eyes=False).shapes


def errors(shapes: Float, truth: Float) -> tuple[float, float, float]:
    """Mean error in mm: of the face where it moves, of all parts where they move, of everything."""
    error = np.linalg.norm(shapes - truth, axis=2) * CM_TO_MM
    moved = np.linalg.norm(truth, axis=2) * CM_TO_MM > MOVED_MM
    face = error[:, FACE][moved[:, FACE]].mean()
    return float(face), float(error[moved].mean()), float(error.mean())
