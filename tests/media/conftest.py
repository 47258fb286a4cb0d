"""Real files for the tests of media, written without the code under test."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray

Save = Callable[..., Path]


@pytest.fixture
def save() -> Save:
    """Write a picture: `save(path, pixels, kind, names, **attributes)`; parts are several pixel arrays."""

    def write(
        path: Path,
        pixels: NDArray[Any],
        kind: str = "half",
        names: tuple[str, ...] | None = None,
        *,
        origin: tuple[int, int] = (0, 0),
        display: tuple[int, int, int, int] | None = None,
        **attributes: Any,
    ) -> Path:
        height, width, channels = pixels.shape
        spec = oiio.ImageSpec(width, height, channels, kind)
        spec.channelnames = names or tuple("RGBA"[:channels])
        spec.x, spec.y = origin
        spec.full_x, spec.full_y, spec.full_width, spec.full_height = display or (0, 0, width, height)
        for name, value in attributes.items():
            spec.attribute(name.replace("__", ":"), value)
        file = oiio.ImageOutput.create(str(path))
        assert file.open(str(path), spec), file.geterror()
        assert file.write_image(np.ascontiguousarray(pixels)), file.geterror()
        assert file.close()
        return path

    return write


@pytest.fixture
def film() -> Callable[..., Path]:
    """Encode RGB frames (uint8 or uint16) as a clip with chosen time stamps."""

    def write(
        path: Path,
        frames: list[NDArray[Any]],
        codec: str = "ffv1",
        pixels: str = "bgr0",
        stamps: list[int] | None = None,
        base: Fraction = Fraction(1, 25),
        turn_deg: int = 0,
        aspect: Fraction | None = None,
    ) -> Path:
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream(codec, rate=25)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pixels
            stream.codec_context.time_base = base
            if codec == "libx265":
                # Its vector code writes past the end of its buffers in pictures as small as these.
                stream.options = {"x265-params": "log-level=error:asm=0"}
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            if turn_deg:
                stream.set_display_rotation(turn_deg)
            kind = {3: {1: "rgb24", 2: "rgb48le"}, 4: {1: "rgba", 2: "rgba64le"}}
            for i, codes in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(codes, format=kind[codes.shape[2]][codes.itemsize])
                frame.pts, frame.time_base = (stamps[i] if stamps else i), base
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return write
