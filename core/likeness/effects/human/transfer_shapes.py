"""Transfer shapes: a head that somebody else made, the same mesh, with 52 face shapes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from likeness.declare import Effect, Input, Output, Param
from likeness.errors import BadInput
from likeness.files import replacing
from likeness.performance import ARKIT
from likeness.results import Result

if TYPE_CHECKING:
    from likeness.human.foreign.register import Laid
    from likeness.human.foreign.scene import Scene
    from likeness.human.foreign.transfer import Transferred
    from likeness.job import Job

FITS_CM, COVERS, LANDMARKS_CM = 0.3, 0.7, 1.5  # what fits worse, or shows less of a face, is no head


def write(job: Job) -> Sequence[Result]:
    """Read the mesh, find its face, lay the house head onto it, carry the shapes over, write the mesh."""
    from likeness.head.model import load_head
    from likeness.human.foreign.locate import find_face, named_landmarks
    from likeness.human.foreign.register import lay
    from likeness.human.foreign.scene import read
    from likeness.human.foreign.transfer import transfer

    path, named = job.path("mesh"), job.path("landmarks")
    assert path is not None
    job.progress(0, 4, "read")
    scene = read(path)
    surface = scene.surface()
    job.progress(1, 4, "find the face")
    landmarks = named_landmarks(named, surface) if named else find_face(surface, path.name, job.device)
    job.progress(2, 4, "fit the head")
    head = load_head()
    laid, surface = lay(head, surface, landmarks)
    if laid.residual_cm > FITS_CM or laid.covered < COVERS or laid.landmarks_cm > LANDMARKS_CM:
        raise BadInput(
            f"The mesh of '{path.name}' has no face that a head fits"
            f" ({laid.covered:.0%} of one, landmarks {laid.landmarks_cm * 10:.0f} mm off).",
            "Give a head with eyes, nose and mouth, at rest, or name its landmarks.",
        )
    done = transfer(head, surface, laid, turn_eyes=bool(job.params["turn_eyes"]))
    job.progress(3, 4, "write")
    return _written(job, scene, laid, done)


def _written(job: Job, scene: Scene, laid: Laid, done: Transferred) -> list[Result]:
    from likeness.human.foreign import gltf_file, usd_file

    asked = str(job.params["format"])
    shapes, turns = scene.split(done.shapes), scene.split(done.turns)
    note = {"synthetic": "Face shapes made with Likeness", "shapes": list(ARKIT)}
    job.folder.mkdir(parents=True, exist_ok=True)
    stem = job.folder / f"{scene.name}_shapes"
    results = []
    if asked in ("glb", "all"):
        file = stem.with_name(f"{stem.name}.glb")
        gltf_file.write(file, scene, ARKIT, shapes, turns, _upright(scene, laid), note)
        results.append(Result("shaped", "model", str(file)))
    if asked in ("usd", "all"):
        file = stem.with_name(f"{stem.name}.usdc")
        usd_file.write(file, scene, ARKIT, shapes, _up(scene, laid), _meters(scene, laid), note)
        results.append(Result("shaped_usd", "model", str(file)))
    file = stem.with_name(f"{stem.name}.json")
    with replacing(file) as part:
        part.write_text(json.dumps(_report(scene, laid, done), indent=1) + "\n")
    return [*results, Result("report", "report", str(file))]


def _upright(scene: Scene, laid: Laid) -> Any:
    """From the scene to metres with Y up and the face to +Z, along the axes (4, 4)."""
    axes = laid.rotation.T
    out = np.eye(4)
    out[:3, :3] = np.sign(axes) * (np.abs(axes) == np.abs(axes).max(axis=1, keepdims=True))
    if abs(np.linalg.det(out)) < 0.5:
        out[:3, :3] = np.eye(3)  # a head that lies across the axes stays as it is
    out[:3, :3] *= _meters(scene, laid)
    return out


def _up(scene: Scene, laid: Laid) -> str:
    return scene.up or ("Z" if abs(laid.rotation[2, 1]) > abs(laid.rotation[1, 1]) else "Y")


def _meters(scene: Scene, laid: Laid) -> float:
    """A unit of the scene; where the file does not say, the one that makes it a head of human size."""
    units = np.array([1.0, 0.1, 0.01, 0.001])
    return scene.meters or float(units[np.abs(np.log(units * laid.scale / 0.01)).argmin()])


def _report(scene: Scene, laid: Laid, done: Transferred) -> dict[str, Any]:
    size = np.linalg.norm(done.shapes, axis=2) / laid.scale * 10
    return {
        "pieces": [piece.name for piece in scene.pieces],
        "vertices": int(size.shape[1]),
        "fit_mm": round(laid.residual_cm * 10, 3),
        "landmarks_mm": round(laid.landmarks_cm * 10, 2),
        "covered": round(laid.covered, 3),
        "unit_m": _meters(scene, laid),
        "vertices_of_part": done.parts,
        "missing": [name for name, count in done.parts.items() if not count],
        "largest_motion_mm": {name: round(float(s.max()), 2) for name, s in zip(ARKIT, size, strict=True)},
    }


TRANSFER_SHAPES = Effect(
    name="transfer_shapes",
    pillar="human",
    label="Transfer Shapes",
    help="Gives a head that anybody made 52 ARKit face shapes; its mesh stays as it is.",
    inputs=(
        Input("mesh", ("model",), "Mesh", "The head at rest, with or without a body: GLB, USD or OBJ."),
        Input(
            "landmarks", ("text",), "Landmarks",
            "JSON that names places of the face, for a mesh on which none is found.", required=False,
        ),
    ),
    params=(
        Param("turn_eyes", "bool", True, "Turn eyes",
              "Let the eyeLook shapes turn eyeballs that are pieces of their own; off if bones turn them."),
        Param("format", "choice", "glb", "Format", "The files to write: glTF, USD, or both.",
              choices=("glb", "usd", "all"), group="Files"),
    ),
    outputs=(
        Output("shaped", "model", "GLB: the mesh with its shapes."),
        Output("shaped_usd", "model", "USD: the same."),
        Output("report", "report", "How well the head fits, what it lacks, and how far each shape moves it."),
    ),
    models=("face_detector", "face_points", "face_patches", "face_eyes", "head", "head_mesh"),
    write=write,
)  # fmt: skip
