"""Fetches the public data that the house models learn from.

Git brings the files, so what a commit names is what comes: its hash covers every byte. What the house models
were made from is checked by SHA-256 besides, since it is known here.

Head: ICT-FaceKit Light (MIT, USC Institute for Creative Technologies), repacked into one file. Body: the data
of MakeHuman (CC0) as its add-on for Blender carries it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.errors import BadInput, LikenessError
from likeness.human.measures import LOCAL, macro_weights

Array = NDArray[Any]

GIT_S = 3600


@dataclass(frozen=True)
class Repository:
    """A public repository: the `commit` (or branch) to fetch of it, and the `folders` that are needed."""

    url: str
    commit: str
    folders: tuple[str, ...]


HEAD = Repository(
    "https://github.com/ICT-VGL/ICT-FaceKit.git", "1922d84282a3faf345dbf949c4a63b09f87907bc", ("FaceXModel",)
)
# SHA-256 of the arrays that the text of the files gives without rounding.
HEAD_SHA256 = {
    "vertices": "92e87293b7e3c5bf2c013b94f15c0cf06f429cf046df6edfbfb719f77dd76781",
    "uvs": "700440143151b836d41bf648aa9d176bdd782ad86bd85674726ed75de7513d02",
    "face_vertex_counts": "e4e4872eca7a68942ac78120679e9729ef83d0f74eeddab56156c73b691ae8df",
    "face_vertex_indices": "2c3d08329e25eeb5bab37bfc57215adc005770fda05b23e3191e71d86abb2779",
    "face_uv_indices": "3629c0ddb50a7dee4443269c60326e46181eeb33104daa060aa1d33045e30b90",
    "face_material": "7bc39fc41e5676174f99d01bdea3450283b2a3dd1954fbbd82ad0190f8a696cc",
}
BODY = Repository(
    "https://github.com/makehumancommunity/mpfb2.git",
    "HEAD",
    ("src/mpfb/data/3dobjs", "src/mpfb/data/targets", "src/mpfb/data/rigs/standard"),
)
# SHA-256 over the names and contents of all files that the house body is made from.
BODY_SHA256 = "3fbf5f8a12977ab0ed0a49015f793a99a5e99fe72beaad855050bb53eab1cbb8"
BODY_FILES = ("base.obj", "rigs/standard/rig.game_engine.json", "rigs/standard/weights.game_engine.json")
NEUTRAL = "generic_neutral_mesh"


def fetch_head(folder: Path, source: Repository = HEAD, pinned: Mapping[str, str] = HEAD_SHA256) -> None:
    """Put `ict_facekit_light.npz`, `vertex_indices.json` and the license into `folder`.

    Raises `LikenessError` when git fails, `BadInput` when what came is not the promised data.
    """
    with tempfile.TemporaryDirectory(prefix="likeness-head-") as work:
        checkout(source, Path(work))
        model = Path(work) / source.folders[0]
        arrays = repack(model)
        for name, sha256 in pinned.items():
            if hashlib.sha256(np.ascontiguousarray(arrays[name]).tobytes()).hexdigest() != sha256:
                raise _not_promised(source, name)
        folder.mkdir(parents=True, exist_ok=True)
        for file in (model / "vertex_indices.json", Path(work) / "LICENSE"):
            if file.is_file():
                shutil.copy(file, folder)
        part = folder / "part.npz"
        np.savez_compressed(part, **arrays)  # type: ignore[arg-type]
        part.replace(folder / "ict_facekit_light.npz")


def fetch_body(folder: Path, source: Repository = BODY, pinned: str = BODY_SHA256) -> None:
    """Put base mesh, targets and rigs into `folder`; raises as `fetch_head` does."""
    with tempfile.TemporaryDirectory(prefix="likeness-body-") as work:
        checkout(source, Path(work))
        data = Path(work) / "data"
        data.mkdir()
        for name in source.folders:
            came = Path(work) / name
            if came.name == "3dobjs":
                shutil.copy(came / "base.obj", data)
            else:
                shutil.copytree(came, data / Path(name).relative_to("src/mpfb/data"))
        if digest(data) != pinned:
            raise _not_promised(source, "base mesh, targets or rig")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(data, folder, dirs_exist_ok=True)


def digest(folder: Path) -> str:
    """SHA-256 over the names and contents of the files in `folder` that the house body is made from."""
    targets = {*macro_weights({}), *(name for slider in LOCAL for name in (slider.less, slider.more))}
    targets |= {name.replace("/l-", "/r-") for name in targets}
    total = hashlib.sha256()
    for name in [*BODY_FILES, *(f"targets/{name}.target.gz" for name in sorted(targets))]:
        path = folder / name
        data = path.read_bytes() if path.is_file() else b""
        total.update(f"{name}\0".encode())
        total.update(
            hashlib.sha256(gzip.decompress(data) if name.endswith(".gz") and data else data).digest()
        )
    return total.hexdigest()


def checkout(source: Repository, folder: Path) -> None:
    """Bring the source's folders, and what lies beside them at the top, into `folder`."""
    cone = [f"/{name}/" for name in source.folders]
    for words in (
        ("init", "-q"),
        ("remote", "add", "origin", source.url),
        ("sparse-checkout", "set", "--no-cone", "/LICENSE*", *cone),
        ("fetch", "-q", "--depth", "1", "--filter=blob:none", "origin", source.commit),
        ("checkout", "-q", "FETCH_HEAD"),
    ):
        try:
            done = subprocess.run(
                ["git", *words], cwd=folder, capture_output=True, text=True, timeout=GIT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LikenessError(f"Git cannot be run ({error}).", "Install git, or give --data.") from error
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise LikenessError(f"{source.url} cannot be fetched ({said}).", "Try again, or give --data.")


def repack(model: Path) -> dict[str, Array]:
    """The arrays of `ict_facekit_light.npz` from the model's OBJ files, centimeters."""
    if not (model / f"{NEUTRAL}.obj").is_file():
        raise BadInput(f"There is no {NEUTRAL}.obj in {model}.", "Give the folder of the data's OBJ files.")
    arrays = _mesh((model / f"{NEUTRAL}.obj").read_text())
    rest = arrays["vertices"].astype(np.float64)
    others = sorted(path.stem for path in model.glob("*.obj") if path.stem != NEUTRAL)
    identities = [name for name in others if name.startswith("identity")]
    shapes = [name for name in others if name not in identities]

    def deltas(names: list[str]) -> Array:
        moved = [_vertices((model / f"{name}.obj").read_text()) for name in names]
        if any(one.shape != rest.shape for one in moved):
            raise BadInput(f"The shapes in {model} differ in their vertices.", "Fetch them again.")
        return np.stack([one - rest for one in moved]).astype(np.float16)

    return arrays | {
        "identity_deltas": deltas(identities),
        "expression_deltas": deltas(shapes),
        "expression_names": np.array(shapes),
    }


def _vertices(text: str) -> Array:
    return np.array([line.split()[1:4] for line in text.splitlines() if line.startswith("v ")], np.float64)


def _mesh(text: str) -> dict[str, Array]:
    """Vertices, texture coordinates and polygons with their material, of one OBJ file."""
    uvs, polygons, material = [], [], []
    materials: list[str] = []
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "vt":
            uvs.append(rest.split()[:2])
        elif kind == "usemtl":
            if rest.strip() not in materials:
                materials.append(rest.strip())
            current = materials.index(rest.strip())
        elif kind == "f":
            polygons.append([corner.split("/")[:2] for corner in rest.split()])
            material.append(current)
    corners = np.array([corner for polygon in polygons for corner in polygon], np.int32) - 1
    return {
        "vertices": _vertices(text).astype(np.float32),
        "uvs": np.array(uvs, np.float64).astype(np.float32),
        "face_vertex_counts": np.array([len(polygon) for polygon in polygons], np.uint8),
        "face_vertex_indices": np.ascontiguousarray(corners[:, 0]),
        "face_uv_indices": np.ascontiguousarray(corners[:, 1]),
        "face_material": np.array(material, np.uint8),
        "materials": np.array(materials),
    }


def _not_promised(source: Repository, what: str) -> BadInput:
    return BadInput(
        f"What came from {source.url} is not the promised data ({what} differs).",
        "Give the folder of the right data by --data.",
    )


def main() -> None:
    """Fetch the data of one kind."""
    parser = argparse.ArgumentParser(prog="likeness.training.sources")
    parser.add_argument("kind", choices=("head", "body"))
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    if args.kind == "head":
        fetch_head(args.folder)
    else:
        fetch_body(args.folder)


if __name__ == "__main__":
    main()
