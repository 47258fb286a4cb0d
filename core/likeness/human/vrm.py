"""A character as VRM 1.0: GLB with the extension that names its bones and its expressions.

VRM wants the T pose and one mesh of full detail; preset expressions are recipes of the 52 shapes, and
each shape is an expression of its own as well, which programs that track faces look for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from likeness.files import output_errors, replacing
from likeness.human.character import Character
from likeness.human.gltf import build, pack
from likeness.human.recipes import load_recipes

LICENSE = "https://vrm.dev/licenses/1.0/"
EYE_RANGE_DEG = 25.0
ROOT = "Root"  # the one joint that is none of VRM's


def write_vrm(path: Path, character: Character) -> None:
    """Write a character in T pose whose joints have VRM's names to `path` (.vrm)."""
    document, data = build(character)
    document["extensions"] = {"VRMC_vrm": extension(character, document)}
    document["extensionsUsed"] = sorted([*document.get("extensionsUsed", []), "VRMC_vrm"])
    with output_errors(path), replacing(path) as temporary:
        temporary.write_bytes(pack(document, data))


def extension(character: Character, document: Mapping[str, Any]) -> dict[str, Any]:
    """The extension `VRMC_vrm` of a document that `build` has made of the character."""
    bones = {name: {"node": i} for i, name in enumerate(character.skeleton.names) if name != ROOT}
    return {
        "specVersion": "1.0",
        "meta": {
            "name": character.name,
            "version": "1",
            "authors": ["Made with Likeness"],
            "licenseUrl": LICENSE,
            "avatarPermission": "everyone",
            "commercialUsage": "corporation",
            "creditNotation": "unnecessary",
            "allowRedistribution": True,
            "modification": "allowModificationRedistribution",
        },
        "humanoid": {"humanBones": bones},
        "expressions": _expressions(document),
        "lookAt": _look_at(),
    }


def _expressions(document: Mapping[str, Any]) -> dict[str, Any]:
    faces = _faces(document)

    def binds(recipe: Mapping[str, float]) -> list[dict[str, Any]]:
        return [
            {"node": node, "index": names.index(shape), "weight": weight}
            for node, names in faces
            for shape, weight in recipe.items()
        ]

    preset: dict[str, Any] = {}
    for name, recipe in load_recipes().vrm.items():
        preset[name] = {"morphTargetBinds": binds(recipe)} if recipe else {}
        if name in ("happy", "angry", "sad", "relaxed", "surprised"):
            preset[name] |= {"overrideBlink": "blend", "overrideMouth": "blend"}
    shapes = dict.fromkeys(shape for _, names in faces for shape in names)
    custom = {shape: {"morphTargetBinds": binds({shape: 1.0})} for shape in shapes}
    return {"preset": preset, "custom": custom}


def _faces(document: Mapping[str, Any]) -> list[tuple[int, list[str]]]:
    """The nodes of meshes with shapes, and the shapes' names."""
    out = []
    for i, node in enumerate(document["nodes"]):
        if "mesh" in node and "weights" in (mesh := document["meshes"][node["mesh"]]):
            out.append((i, list(mesh["extras"]["targetNames"])))
    return out


def _look_at() -> dict[str, Any]:
    full = {"inputMaxValue": 90.0, "outputScale": EYE_RANGE_DEG}
    return {
        "type": "bone",
        "offsetFromHeadBone": [0.0, 0.06, 0.0],
        "rangeMapHorizontalInner": full,
        "rangeMapHorizontalOuter": full,
        "rangeMapVerticalDown": full,
        "rangeMapVerticalUp": full,
    }
