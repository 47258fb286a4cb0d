"""Portraits of a character: poses, cameras and lights, drawn by the studio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from likeness.head.model import eye_rotation
from likeness.human.character import Character, Material, Part
from likeness.human.hair import Curves, coarser, ribbons
from likeness.human.place import Fit
from likeness.performance import ARKIT
from likeness.render.studio import CLEAR, OPAQUE, STRAND, Lamp, Light, Surface, render

Float = NDArray[np.float32]

SAMPLES = 1280  # at least, along a side
CAMERA_CM = 95.0  # from the face: a portrait lens
LIGHTS: dict[str, Light] = {
    "soft": Light(
        (
            Lamp((-0.55, -0.45, -0.75), 0.45, (1.9, 1.8, 1.7), 10),
            Lamp((0.8, -0.1, -0.6), 0.5, (0.3, 0.33, 0.38), 6),
            Lamp((0.5, -0.6, 0.75), 0.35, (0.9, 0.9, 0.95), 6),
        ),
        (0.26, 0.27, 0.30),
        (0.11, 0.10, 0.095),
        (0.16, 0.165, 0.175),
    ),
    "hard": Light(
        (
            Lamp((-0.75, -0.55, -0.55), 0.06, (3.4, 3.2, 2.9), 8),
            Lamp((0.9, -0.2, 0.35), 0.15, (0.7, 0.8, 1.0), 6),
        ),
        (0.09, 0.10, 0.12),
        (0.06, 0.05, 0.05),
        (0.05, 0.052, 0.058),
    ),
    "back": Light(
        (
            Lamp((-0.75, -0.35, 0.6), 0.3, (3.2, 3.0, 2.7), 8),
            Lamp((0.8, -0.3, 0.55), 0.3, (2.4, 2.6, 3.0), 8),
            Lamp((-0.1, -0.3, -1.0), 0.6, (0.55, 0.53, 0.5), 6),
        ),
        (0.16, 0.17, 0.19),
        (0.08, 0.08, 0.08),
        (0.03, 0.032, 0.036),
    ),
}


FACE_FROM_EYES = np.array([0, -1.4, -6.0], np.float32)  # the middle of a portrait


def camera(character: Character, yaw_deg: float, pitch_deg: float = 0.0) -> Float:
    """A matrix (3, 4) from the character's space to a camera on its face; yaw toward the character's left."""
    target = character.skeleton.positions[list(eye_joints(character))].mean(0) + FACE_FROM_EYES
    yaw, pitch = np.radians(yaw_deg), np.radians(pitch_deg)
    turn = eye_rotation(float(yaw), float(pitch))
    flip = np.diag([1.0, -1.0, -1.0]).astype(np.float32)
    rotation = flip @ turn.T
    place = target + turn @ np.array([0, 0, CAMERA_CM], np.float32)
    return np.concatenate([rotation, -(rotation @ place)[:, None]], 1).astype(np.float32)


def eye_joints(character: Character) -> tuple[int, int]:
    """The joints of the left and the right eye, whatever they are called."""
    names = [name.lower() for name in character.skeleton.names]
    left = next(i for i, n in enumerate(names) if n in ("eye_l", "eye_left", "lefteye", "eye.l"))
    right = next(i for i, n in enumerate(names) if n in ("eye_r", "eye_right", "righteye", "eye.r"))
    return left, right


def pose(
    character: Character, weights: Mapping[str, float], gaze: Float | None = None
) -> list[tuple[Part, Float, Float]]:
    """The finest parts with their vertices and normals (V, 3) under shape `weights`.

    `gaze` (2, 2) turns the eyes, left and right: yaw and pitch, up positive, in radians.
    """
    out = []
    for part in character.levels[0]:
        vertices, normals = part.vertices.copy(), part.normals.copy()
        for name, weight in weights.items():
            if weight and name in part.shapes:
                vertices += weight * part.shapes[name]
                if name in part.shape_normals:
                    normals += weight * part.shape_normals[name]
        if gaze is not None:
            for side, index in enumerate(eye_joints(character)):
                rows = part.joints[:, 0] == index
                if not rows.any():
                    continue
                turn = eye_rotation(float(gaze[side, 0]), float(gaze[side, 1]))
                center = character.skeleton.positions[index]
                vertices[rows] = (vertices[rows] - center) @ turn.T + center
                normals[rows] = normals[rows] @ turn.T
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        out.append((part, vertices, normals))
    return out


CARDS = ("hair", "beard", "brows")  # cards: the portrait draws the curves instead


@dataclass(frozen=True, eq=False)
class Sitter:
    """Who is drawn: a character, its hair as curves in the house head's space, and where that head sits."""

    character: Character
    hair: tuple[Curves, ...] = ()
    fit: Fit | None = None


@dataclass(frozen=True)
class View:
    """One picture: degrees around the person, shape weights, gaze (yaw, pitch up), a light's name."""

    yaw_deg: float = 20.0
    weights: Mapping[str, float] = field(default_factory=dict)
    gaze_deg: tuple[float, float] = (0.0, 0.0)
    light: str | None = None
    tall_cm: float = 34.0


# By name: weights of the shapes (both sides where none is named) and the gaze.
_FACES: dict[str, tuple[dict[str, float], tuple[float, float]]] = {
    "neutral": ({}, (0, 0)),
    "smile": ({"mouthSmile": 0.75, "cheekSquint": 0.5, "mouthDimple": 0.2}, (0, 0)),
    "laugh": (
        {
            "mouthSmile": 0.85,
            "jawOpen": 0.32,
            "mouthUpperUp": 0.35,
            "mouthLowerDown": 0.25,
            "cheekSquint": 0.8,
        }
        | {"eyeSquint": 0.4},
        (0, 0),
    ),
    "anger": (
        {"browDown": 0.95, "eyeSquint": 0.35, "noseSneer": 0.5, "mouthPress": 0.45, "mouthFrown": 0.35},
        (0, 0),
    ),
    "fear": (
        {"browInnerUp": 0.9, "browOuterUp": 0.4, "eyeWide": 0.85, "mouthStretch": 0.55, "jawOpen": 0.2},
        (14, 2),
    ),
    "sadness": (
        {
            "browInnerUp": 0.8,
            "mouthFrown": 0.75,
            "mouthShrugLower": 0.45,
            "eyeBlink": 0.2,
            "eyeLookDown": 0.4,
        },
        (-6, -12),
    ),
    "surprise": ({"browInnerUp": 0.8, "browOuterUp": 0.9, "eyeWide": 0.7, "jawOpen": 0.5}, (0, 0)),
    "disgust": (
        {"noseSneer": 0.85, "mouthUpperUp": 0.6, "browDown": 0.6, "eyeSquint": 0.5, "mouthFrown": 0.3},
        (0, 0),
    ),
    "blink": ({"eyeBlink": 1.0}, (0, 0)),
    "pucker": ({"mouthPucker": 0.85, "mouthFunnel": 0.15, "browOuterUp": 0.2}, (-10, 0)),
    "wink": (
        {"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.6, "mouthSmileLeft": 0.6, "mouthSmileRight": 0.2},
        (0, 0),
    ),
    "tongue": ({"tongueOut": 1.0, "jawOpen": 0.45}, (0, 0)),
}


def both_sides(weights: Mapping[str, float]) -> dict[str, float]:
    """The `weights` of ARKit's shapes; a name without its side stands for both."""
    out: dict[str, float] = {}
    for name, weight in weights.items():
        names = [name] if name in ARKIT else [f"{name}Left", f"{name}Right"]
        out |= dict.fromkeys(names, weight)
    return out


EXPRESSIONS = {name: (both_sides(weights), gaze) for name, (weights, gaze) in _FACES.items()}


def picture(sitter: Sitter, view: View, light: Light, size: int) -> Float:
    """A linear picture (size, size, 3) of a sitter; small ones take more samples, for lashes and brows."""
    sharp = max(2, -(-SAMPLES // size))
    character, weights = sitter.character, view.weights
    matrix = camera(character, view.yaw_deg)
    gaze = np.tile(np.radians(np.array(view.gaze_deg, np.float32)), (2, 1))
    materials = {m.name: m for m in character.materials}
    surfaces = [
        _surface(part, vertices, normals, materials[part.material], matrix)
        for part, vertices, normals in pose(character, weights, gaze)
        if part.name not in CARDS
    ]
    if sitter.hair:
        surfaces.append(_strands(sitter, matrix, weights, view.tall_cm / (size * sharp)))
    focal = CAMERA_CM / view.tall_cm * size
    return render(surfaces, light, focal, (size, size), sharp)


def _strands(sitter: Sitter, matrix: Float, weights: Mapping[str, float], sample_cm: float) -> Surface:
    """The hair as seen through a camera, which knows the character's space, not the head's."""
    hair = [coarser(curves, sample_cm) for curves in sitter.hair]
    if sitter.fit is not None:
        turn, fit = matrix[:, :3], sitter.fit
        move = turn @ (fit.at - np.float32(fit.scale) * fit.pivot) + matrix[:, 3]
        matrix = np.concatenate([turn * np.float32(fit.scale), move[:, None]], 1).astype(np.float32)
    points, tangents, colors, triangles = ribbons(hair, matrix, weights)
    flat, plain = np.zeros((len(points), 2), np.float32), np.zeros((1, 1, 3), np.float32)
    casters = triangles[_some(hair)]
    return Surface(
        points,
        triangles,
        tangents,
        flat,
        plain,
        None,
        plain[..., :1],
        kind=STRAND,
        tint=colors,
        casters=casters,
    )


def sheet(cells: Sequence[Float], columns: int) -> Float:
    """Pictures (H, W, 3) of one size on one sheet, row by row; what is left over stays black."""
    rows = -(-len(cells) // columns)
    height, width = cells[0].shape[:2]
    out = np.zeros((rows * height, columns * width, 3), np.float32)
    for i, cell in enumerate(cells):
        y, x = i // columns * height, i % columns * width
        out[y : y + height, x : x + width] = cell
    return out


def _some(hair: Sequence[Curves]) -> NDArray[np.bool_]:
    """Which triangles of the ribbons belong to every fifth hair: enough for their shadow."""
    kept = [np.repeat(np.arange(len(c.points)) % 5 == 0, 2 * (c.points.shape[1] - 1)) for c in hair]
    return np.concatenate(kept)


def _surface(part: Part, vertices: Float, normals: Float, m: Material, matrix: Float) -> Surface:
    clear = m.transmission > 0.3 or (
        m.alpha_mode == "BLEND" and not isinstance(m.alpha, np.ndarray) and m.alpha < 0.5
    )
    scatter = float(np.mean(m.subsurface))
    return Surface(
        np.ascontiguousarray(vertices @ matrix[:, :3].T + matrix[:, 3], np.float32),
        part.triangles,
        np.ascontiguousarray(normals @ matrix[:, :3].T, np.float32),
        part.uv.astype(np.float32),
        _picture(m.base_color, 3),
        m.normal,
        _picture(m.roughness, 1),
        min(1.0, 2.0 * scatter),
        CLEAR if clear else OPAQUE,
    )


def _picture(value: object, channels: int) -> Float:
    """A texture (H, W, C) from a texture or a constant."""
    array = np.asarray(value, np.float32)
    if array.ndim >= 2:
        return np.ascontiguousarray(array.reshape(*array.shape[:2], channels))
    return np.ascontiguousarray(np.broadcast_to(array, (1, 1, channels)))


def develop(linear: Float, exposure: float = 0.0) -> Float:
    """A linear picture as a display shows it, 0..1: highlights roll off as film's do."""
    x = np.maximum(linear, 0) * 2.0**exposure
    shoulder = np.where(x < 0.6, x, 0.6 + 0.4 * (1 - np.exp(-(x - 0.6) / 0.4)))
    return np.where(shoulder <= 0.0031308, 12.92 * shoulder, 1.055 * shoulder ** (1 / 2.4) - 0.055).astype(
        np.float32
    )
