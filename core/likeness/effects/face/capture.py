"""Capture: a clip to a performance, a track and an animated head."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from likeness import demo
from likeness.declare import Effect, Input, Output, Param
from likeness.effects.face import parameters
from likeness.face import findings as faces
from likeness.face import retarget
from likeness.face.light import Light
from likeness.face.overlay import draw_overlay, plot_residual, unwrap_texture
from likeness.face.person import build_person
from likeness.face.rig import build_rig
from likeness.face.taken import light_on
from likeness.files import replacing
from likeness.head.model import load_head
from likeness.head.usd import write_head_usd
from likeness.media import MovieWriter, write_image
from likeness.media.color import display_view
from likeness.media.image import Image, rgb
from likeness.performance import ARKIT, Performance, relative_to_neutral, write_csv
from likeness.results import Result

if TYPE_CHECKING:
    from likeness.job import Job


def analyze(job: Job) -> dict[str, Any]:
    """Follow the face and fit person, lens and every frame."""
    return parameters.find(job, "plate", everyone=job.params["faces"] == "all")


def write(job: Job) -> Sequence[Result]:
    """Write performance, track, head and the pictures to check them by."""
    folder = job.folder
    folder.mkdir(parents=True, exist_ok=True)
    found = {name: np.asarray(value) for name, value in job.findings.items()}
    fps = float(job.source("plate").fps or 25)
    performance = _performance(job, found, fps)
    write_csv(folder / "performance.csv", performance)
    _write_json(folder / "track.json", track_of(found, fps, lights(job, found)))
    write_head_usd(
        folder / "head.usdc",
        load_head(),
        identity=found["identity"][_longest(found)],
        expressions=found["expression"],
        gaze=found["gaze"],
        head_pose=poses(found, found["rotation"]),  # in which the mesh lies on the picture
        focal_px=[faces.lens_of(found, i).focal_px for i in range(len(found["frames"]))],
        size=(int(found["size"][0]), int(found["size"][1])),
        fps=fps,
        frames=[int(f) for f in found["frames"]],
    )
    results = [
        Result("performance", "performance", str(folder / "performance.csv")),
        Result("track", "track", str(folder / "track.json")),
        Result("head", "model", str(folder / "head.usdc")),
    ]
    if job.params["check"]:
        results.append(_write_check(job, found, fps, folder))
    return results


def _performance(job: Job, found: dict[str, Any], fps: float) -> Performance:
    driver = retarget.from_findings(found | {"rotation": faces.straight(found)}, fps)
    rest = parameters.resting(job, found["frames"].tolist())
    return relative_to_neutral(driver.performance, rest) if rest else driver.performance


def poses(found: dict[str, Any], rotation: Any) -> Any:
    """Camera-from-head matrices (F, 4, 4), cm, of heads turned by `rotation` (F, 3, 3)."""
    out = np.tile(np.eye(4), (len(found["frames"]), 1, 1))
    out[:, :3, :3], out[:, :3, 3] = rotation, found["translation"]
    return out


def _starts(found: dict[str, Any]) -> list[int]:
    """The first frame of every shot, by its place in the clip."""
    return [0, *found["cuts"].tolist()]


def _longest(found: dict[str, Any]) -> int:
    """The number of the shot that has most frames."""
    return int(np.argmax([faces.same_shot(found, start).sum() for start in _starts(found)]))


def lights(job: Job, found: dict[str, Any]) -> list[Light | None]:
    """The light on the chosen face in every shot, from its surest frame; None where it is never seen."""
    source, out = job.source("plate"), list[Light | None]()
    for start in _starts(found):
        best = int(np.argmax(np.where(faces.same_shot(found, start), found["confidence"], -1.0)))
        if found["confidence"][best] <= 0:
            out.append(None)
            continue
        rig = build_rig(build_person(load_head(), faces.shot_of(found, best)))
        plate = rgb(source.read(int(found["frames"][best])))
        out.append(light_on(rig, plate, faces.fit_of(found, best), faces.lens_of(found, best)))
    return out


def track_of(found: dict[str, Any], fps: float, light: Sequence[Light | None]) -> dict[str, Any]:
    """The track as plain data: of every shot lens and light, and in every frame the faces, the chosen first.

    `lens` is that of the first shot. A light is nine spherical harmonics of irradiance by normal (x right, y
    down, z away) relative to their mean (`likeness.face.light`), and the radiance of a white wall in it.
    """
    people = [found, *faces.others_of(found)]
    entries: dict[int, list[dict[str, Any]]] = {frame: [] for frame in found["frames"].tolist()}
    for number, person in enumerate(people):
        head_pose = poses(person, faces.straight(person))
        for i, frame in enumerate(person["frames"].tolist()):
            if person["confidence"][i] > 0:
                entries[frame].append({"face": number} | _entry(person, head_pose[i], i))
    return {
        "version": 1,
        "fps": fps,
        "size_px": found["size"].tolist(),
        "lens": _lens(found, 0),
        "shots": [_shot(found, *each) for each in zip(_starts(found), light, strict=True)],
        "cuts": found["frames"][found["cuts"]].tolist(),
        "frames": [{"frame": frame, "faces": here} for frame, here in entries.items()],
    }


def _shot(found: dict[str, Any], start: int, light: Light | None) -> dict[str, Any]:
    frames = found["frames"][faces.same_shot(found, start)]
    out = {"frames": [int(frames[0]), int(frames[-1])], "lens": _lens(found, start)}
    if light is None:
        return out
    shape, white = (np.round(values.astype(float), 5).tolist() for values in (light.shape, light.white))
    return out | {"light": {"irradiance_sh": shape, "white": white}}


def _lens(found: dict[str, Any], index: int) -> dict[str, Any]:
    lens = faces.lens_of(found, index)
    return {
        "focal_px": lens.focal_px,
        "focal_mm": round(lens.focal_px * 36 / float(found["size"].max()), 3),
        "center_px": list(lens.center_px),
    }


def _entry(person: dict[str, Any], head_pose: Any, i: int) -> dict[str, Any]:
    points = person["points"][i]
    low, high = points.min(axis=0), points.max(axis=0)
    weights = zip(ARKIT, person["expression"][i], strict=True)
    return {
        "box_px": [round(float(v), 2) for v in (*low, *high)],
        "points68_px": np.round(points[:68].astype(float), 3).tolist(),
        "head_pose": np.round(head_pose, 6).tolist(),
        "expression": {name: round(float(weight), 4) for name, weight in weights},
        "gaze_rad": np.round(person["gaze"][i], 5).tolist(),
        "confidence": round(float(person["confidence"][i]), 4),
    }


def _write_json(path: Path, data: dict[str, Any]) -> None:
    with replacing(path) as part:
        part.write_text(json.dumps(data, indent=1) + "\n")


def _write_check(job: Job, found: dict[str, Any], fps: float, folder: Path) -> Result:
    """An overlay clip, the residual plot and the unwrapped texture of the best frame."""
    head, source = load_head(), job.source("plate")
    size = (source.width // 2 * 2, source.height // 2 * 2)
    best = int(np.argmax(found["confidence"]))
    with MovieWriter(folder / "overlay.mp4", fps, *size, codec="h264") as movie:
        for i, frame in enumerate(found["frames"].tolist()):
            job.progress(i, len(found["frames"]), "overlay")
            image = source.read(frame)
            view = display_view(rgb(image), source.linear_colorspace)
            if i == best:
                texture = unwrap_texture(head, found, i, view)
            movie.write(draw_overlay(head, found, i, view)[: size[1], : size[0]])
    write_image(folder / "texture.png", Image(texture, ("R", "G", "B", "A")), colorspace=None)
    write_image(folder / "residual.png", Image(plot_residual(found)), colorspace=None)
    return Result(
        "check", "report", str(folder / "overlay.mp4"), {"pictures": ["texture.png", "residual.png"]}
    )


CAPTURE = Effect(
    name="capture",
    pillar="face",
    label="Capture Performance",
    help="Turns a clip or picture of a face into a performance, a track and an animated head.",
    inputs=(
        Input("plate", ("picture",), "Plate", "The clip or picture of the actor."),
        parameters.LIKENESS,
    ),
    params=(
        *parameters.face(),
        Param(
            "faces",
            "choice",
            "chosen",
            "Faces in the track",
            "The chosen face alone, or all: the chosen one is then the first of every frame's faces.",
            choices=("chosen", "all"),
            group="Faces",
        ),
        parameters.FOCAL,
        parameters.neutral(
            "The frames in which the actor rests, such as 12, 40-48: their mean becomes zero in the "
            "performance; without, it stays as it is."
        ),
        Param(
            "check",
            "bool",
            True,
            "Write checks",
            "Also writes an overlay clip, a residual plot and the unwrapped texture.",
            analyzed=False,
        ),
    ),
    outputs=(
        Output("performance", "performance", "Live Link Face CSV: 52 ARKit shapes, head and eyes."),
        Output(
            "track",
            "track",
            "JSON: box, 68 points, head pose and expression of every frame, lens and light of each shot.",
        ),
        Output("head", "model", "USD: the camera and the animated head mesh."),
        Output("check", "report", "An overlay clip with texture and residual plot beside it."),
    ),
    models=(*parameters.FACE_MODELS, "head", "head_mesh"),
    analyze=analyze,
    write=write,
    rehearsal={"inputs": {"plate": str(demo.PORTRAIT)}},
)
