"""Portraits by Cycles: the person as files for a Blender that runs beside, and its pictures back.

Skin scatters light under its surface, the cornea bends what is seen of the iris, hair is curves.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from likeness.head.model import eye_rotation
from likeness.human.character import Material
from likeness.human.gltf import write_glb
from likeness.human.hair import Curves, single_hairs
from likeness.human.place import Fit
from likeness.human.portrait import CAMERA_CM, LIGHTS, Sitter, View, camera, eye_joints
from likeness.media import open_source
from likeness.render.blender import run_script
from likeness.render.studio import backdrop

Float = NDArray[np.float32]

METERS = 0.01
# How far light goes in skin, metres, for red, green and blue: Jensen et al., A Practical Model for
# Subsurface Light Transport, 2001, skin 1.
REACH = (0.00367, 0.00137, 0.00068)
SKIN = {
    "Subsurface Method": "RANDOM_WALK_SKIN",
    "Subsurface Weight": 1.0,
    "Subsurface Radius": REACH,
    "Subsurface Scale": 0.55,
    "IOR": 1.4,
}
# What is wet. Light does not scatter in it, for it would leave these open surfaces at their backs.
WET: dict[str, Mapping[str, Any]] = {
    "eyes": {"wet": 0.2},
    "teeth": {"Coat Weight": 0.2, "Coat Roughness": 0.15},
    "mouth": {"Coat Weight": 0.6, "Coat Roughness": 0.2},
}


def pictures(
    blender: Sequence[str], sitter: Sitter, views: Sequence[View], light: str, size: int, samples: int
) -> Generator[Float]:
    """Linear pictures (size, size, 3) of a sitter, one a view, drawn by Cycles at `samples` a pixel."""
    script = files("likeness.render") / "in_blender.py"
    with tempfile.TemporaryDirectory(prefix="likeness-") as home, as_file(script) as here:
        folder = Path(home)
        asked = folder / "asked.json"
        asked.write_text(json.dumps(_asked(folder, sitter, views, light, size, samples)))
        drawn = run_script(blender, here, asked)
        for view, path in zip(views, drawn, strict=True):
            source = open_source(path, colorspace="data")
            pixels = np.asarray(source.read(source.frames[0]).pixels, np.float32)
            behind = backdrop(LIGHTS[view.light or light], size, size)
            yield pixels[..., :3] + (1 - pixels[..., 3:4]) * behind


def _asked(
    folder: Path, sitter: Sitter, views: Sequence[View], light: str, size: int, samples: int
) -> dict[str, Any]:
    """The person's files in a folder, and what `render/in_blender.py` makes of them."""
    character = sitter.character
    write_glb(folder / "person.glb", character)
    hair = folder / "hair.npz"
    if sitter.hair:
        np.savez(hair, **_strands(sitter.hair, sitter.fit))  # type: ignore[arg-type]
    return {
        "model": str(folder / "person.glb"),
        "hair": str(hair) if sitter.hair else "",
        "size": size,
        "samples": samples,
        "surfaces": {m.name: _surface(m) for m in character.materials},
        "lights": {name: asdict(each) for name, each in LIGHTS.items()},
        "views": [
            {
                "camera": _camera(camera(character, view.yaw_deg)),
                "angle": 2 * float(np.arctan(0.5 * view.tall_cm / CAMERA_CM)),
                "weights": dict(view.weights),
                "turns": _gaze(sitter, view.gaze_deg),
                "light": view.light or light,
                "to": str(folder / f"{i:04d}.exr"),
            }
            for i, view in enumerate(views)
        ],
    }


def _camera(matrix: Float) -> list[list[float]]:
    """A camera's place (4, 4), metres, looking along -Z with Y up, of a matrix (3, 4) to OpenCV's camera."""
    out = np.eye(4)
    turn = matrix[:, :3].astype(float)
    out[:3, :3] = turn.T @ np.diag([1.0, -1.0, -1.0])
    out[:3, 3] = -turn.T @ matrix[:, 3] * METERS
    return out.tolist()


def _gaze(sitter: Sitter, gaze_deg: tuple[float, float]) -> dict[str, list[float]]:
    """How both eyes turn: quaternions w, x, y, z by joint."""
    yaw, pitch = np.radians(gaze_deg)
    x, y, z, w = Rotation.from_matrix(eye_rotation(float(yaw), float(pitch))).as_quat().tolist()
    names = sitter.character.skeleton.names
    return {names[joint]: [w, x, y, z] for joint in eye_joints(sitter.character)}


def _strands(hair: Sequence[Curves], fit: Fit | None) -> dict[str, Float]:
    """The hair as thin curves in the model's space, several for each that the look has grown."""
    out: dict[str, Float] = {}
    for curves in map(single_hairs, hair):
        size = 1.0 if fit is None else fit.scale
        points = curves.points if fit is None else fit.apply(curves.points)
        out[f"{curves.name}/points"] = points * np.float32(METERS)
        out[f"{curves.name}/radius"] = curves.width * np.float32(0.5 * METERS)
        out[f"{curves.name}/color"] = curves.color
        for shape, moved in curves.moved.items():
            out[f"{curves.name}/moved/{shape}"] = moved * np.float32(size * METERS)
    return {name: values.astype(np.float32) for name, values in out.items()}


def _surface(m: Material) -> Mapping[str, Any]:
    """What Cycles knows of a material beyond glTF: inputs of Blender's Principled shader, or `clear`."""
    if m.transmission:
        return {"clear": m.ior}
    if m.name in WET:
        return WET[m.name]
    return SKIN if np.max(m.subsurface) > 0 else {}
