"""EXR files for the tests of the Nuke package, and the end of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio


def write_exr(
    path: Path,
    seed: int,
    size: tuple[int, int],
    channels: tuple[str, ...] = ("R", "G", "B"),
    box: tuple[int, int, int, int] | None = None,
    aspect: float = 1.0,
) -> None:
    """A float EXR of noise; `box` (x, y, width, height) is its data window."""
    x, y, width, height = box or (0, 0, *size)
    spec = oiio.ImageSpec(width, height, len(channels), "float")
    spec.channelnames = channels
    spec.x, spec.y, spec.full_width, spec.full_height = x, y, *size
    spec.attribute("PixelAspectRatio", aspect)
    pixels = np.random.default_rng(seed).normal(0, 5, (height, width, len(channels))).astype(np.float32)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec)
    assert out.write_image(pixels)
    out.close()


def planes(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Every channel of an EXR by its full name, of all parts."""
    source = oiio.ImageInput.open(str(path))
    found: dict[str, Any] = {}
    part = 0
    while source.seek_subimage(part, 0):
        spec = source.spec()
        pixels = source.read_image(part, 0, 0, spec.nchannels, "float")
        for place, channel in enumerate(spec.channelnames):
            found[channel] = pixels.reshape(spec.height, spec.width, -1)[..., place]
        part += 1
    return found


def finish(nuke: Any, group: Any) -> str:
    """Let Nuke's event loop go until the Group's run has ended; returns its status line."""
    from likeness_nuke import jobs, names

    nuke._pump(lambda: not jobs._running)
    return str(group[names.STATUS].value())


def add_group(effect: str, folder: Path | str, **inputs: Any) -> Any:
    """An effect's Group in the script, connected to the nodes given by input, with its output folder."""
    from likeness_nuke import installed, menu, names

    group: Any = menu.create(effect)
    order = [given["name"] for given in names.piped(installed.effect(effect))]
    for name, node in inputs.items():
        group.setInput(order.index(name), node)
    group[names.OUTPUT].setValue(str(folder))
    return group


def add_plate(
    folder: Path,
    frames: range = range(1001, 1004),
    size: tuple[int, int] = (64, 48),
    channels: tuple[str, ...] = ("R", "G", "B"),
    name: str = "shot",
    **how: Any,
) -> Any:
    """A Read of frames that are written now, of every view there is."""
    import nuke

    folder.mkdir(parents=True, exist_ok=True)
    views = nuke._state["views"]
    for view in views:
        for frame in frames:
            tag = "" if views == ("main",) else f"{view}."
            write_exr(folder / f"{name}.{tag}{frame:04d}.exr", frame + len(view), size, channels, **how)
    path = str(folder / f"{name}.{'' if views == ('main',) else '%V.'}%04d.exr").replace("\\", "/")
    ends = f"first {frames[0]} last {frames[-1]}"
    return nuke.createNode("Read", f'file "{path}" raw true {ends} name Plate_{name}')
