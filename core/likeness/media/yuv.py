"""Video frames to scene-linear pixels and back, in one pass, without rounding to 8 bit on the way.

swscale's fast path takes the nearest chroma and is up to a code value off, its accurate path takes
three times as long as this, and both drift by half a code. Chroma is interpolated linearly, sited as
H.264 and HEVC have it by default: on the left luma sample, between the two rows of 4:2:0.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from likeness.media import color
from likeness.media.image import Pixels
from likeness.media.look import Coded

if TYPE_CHECKING:
    import av

_PLANAR = re.compile(r"yuv(?P<alpha>a?)(?P<full>j?)4(?P<sub>20|22|44)p(?P<bits>9|10|12|14|16)?(le)?")
_SEPARATE = re.compile(r"(gbra?p|gray)(?P<bits>9|10|12|14|16)?(le)?")
# Other packings of the same samples, which swscale only has to sort.
_SORTED = {
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "nv16": "yuv422p",
    "nv24": "yuv444p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "yvyu422": "yuv422p",
    "p010le": "yuv420p10le",
    "p210le": "yuv422p10le",
    "p410le": "yuv444p10le",
    "yuv410p": "yuv444p",
    "yuv411p": "yuv444p",
    "yuv440p": "yuv444p",
    "ayuv64le": "yuva444p16le",
}
# Kr and Kb by ITU-T H.273 matrix number.
_LUMA = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
_VIDEO_RANGE, _FULL_RANGE = 1, 2
_BT709 = 1
_HD_ROWS = 720
# The curve is tabulated from -0.5 to 1.5, which holds every color that video codes can make.
_LOW, _SPAN, _STEPS = -0.5, 2.0, 16384


def to_linear(frame: av.VideoFrame, space: str) -> Pixels:
    """A decoded frame of color space `space` as float32 (H, W, 3 or 4) of `color.linear_of(space)`.

    Premultiplied; colors outside the codes' black and white are kept.
    """
    name = frame.format.name
    if name in _SORTED:
        frame, name = _sort(frame), _SORTED[name]
    planar = _PLANAR.fullmatch(name)
    table = _table(_config(), space)
    if planar:
        pixels, alpha = _from_planes(frame, planar, table)
    else:
        pixels, alpha = _from_rgb(frame)
    if table is None or not planar:
        pixels = color.to_linear(pixels, space)
    if alpha is None:
        return pixels
    pixels *= alpha[..., None]
    return np.concatenate([pixels, alpha[..., None]], axis=2)


def look(frame: av.VideoFrame, space: str) -> Coded | None:
    """A decoded frame of color space `space` as the models see it.

    None where its planes cannot be looked at as they are: RGB, alpha, and spaces whose channels mix.
    """
    name = frame.format.name
    if name in _SORTED:
        frame, name = _sort(frame), _SORTED[name]
    planar = _PLANAR.fullmatch(name)
    table = _view_table(_config(), space)
    if planar is None or planar["alpha"] or table is None:
        return None
    bits = int(planar["bits"] or 8)
    full = bool(planar["full"]) or frame.color_range == _FULL_RANGE
    scale, black, chroma = _levels(bits, full)
    return Coded(
        (_rows(frame, 0, bits), _rows(frame, 1, bits), _rows(frame, 2, bits)),
        (frame.height, frame.width),
        (2 if planar["sub"] == "20" else 1, 1 if planar["sub"] == "44" else 2),
        np.array([black, scale, 1 << (bits - 1), chroma], np.float32),
        _matrix(frame),
        table,
        _LOW,
        _LOW + _SPAN,
    )


def _sort(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame with its samples in planes of their own."""
    # On several threads swscale 9 now and then writes a slice of chroma over luma (p010, 1 in 1,300).
    return frame.reformat(format=_SORTED[frame.format.name], threads=1)


def _from_planes(
    frame: av.VideoFrame, planar: re.Match[str], table: Pixels | None
) -> tuple[Pixels, Pixels | None]:
    """Color (linear by the table, encoded without one) and alpha."""
    bits = int(planar["bits"] or 8)
    luma, blue, red, *rest = (_plane(frame, i, bits) for i in range(len(frame.planes)))
    full = bool(planar["full"]) or frame.color_range == _FULL_RANGE
    scale, offset, chroma = _levels(bits, full)
    out = np.empty((frame.height, frame.width, 3), np.float32)
    _decode(
        luma,
        blue,
        red,
        planar["sub"] != "44",
        planar["sub"] == "20",
        np.float32(offset),
        np.float32(scale),
        np.float32(1 << (bits - 1)),
        np.float32(chroma),
        _matrix(frame),
        np.empty(0, np.float32) if table is None else table,
        out,
    )
    return out, rest[0].astype(np.float32) / np.float32((1 << bits) - 1) if rest else None


def _plane(frame: av.VideoFrame, index: int, bits: int) -> NDArray[Any]:
    plane = frame.planes[index]
    samples: NDArray[Any] = _rows(frame, index, bits)[: plane.height, : plane.width]
    return samples


def _rows(frame: av.VideoFrame, index: int, bits: int) -> NDArray[Any]:
    """A plane with the padding of its rows."""
    plane = frame.planes[index]
    kind = np.dtype("<u2" if bits > 8 else "u1")
    return np.frombuffer(memoryview(plane), kind).reshape(-1, plane.line_size // kind.itemsize)


def _levels(bits: int, full: bool) -> tuple[float, float, float]:
    """One code of luma in black to white, the code of black, and one code of chroma."""
    if full:
        return 1 / ((1 << bits) - 1), 0.0, 1 / ((1 << bits) - 1)
    unit = 1 << (bits - 8)
    return 1 / (219 * unit), 16.0 * unit, 1 / (224 * unit)


def _matrix(frame: av.VideoFrame) -> Pixels:
    """Red from Cr, green from Cb and Cr, blue from Cb."""
    # Unlabeled video is taken as players do: by its size.
    unlabeled = 1 if frame.height >= _HD_ROWS else 6
    kr, kb = _LUMA.get(int(frame.colorspace), _LUMA[unlabeled])
    kg = 1 - kr - kb
    return np.array(
        [2 * (1 - kr), -2 * (1 - kb) * kb / kg, -2 * (1 - kr) * kr / kg, 2 * (1 - kb)], np.float32
    )


def _from_rgb(frame: av.VideoFrame) -> tuple[Pixels, Pixels | None]:
    """Encoded color and alpha of RGB, gray, palette and big-endian frames."""
    name = frame.format.name
    if separate := _SEPARATE.fullmatch(name):
        return _from_separate(frame, int(separate["bits"] or 8), name.startswith("gray"))
    parts = frame.format.components
    has_alpha = any(part.is_alpha for part in parts) or name == "pal8"
    if "f32" in name or "f16" in name:
        wanted, top = "gbrapf32le" if has_alpha else "gbrpf32le", 1
    elif max(part.bits for part in parts) > 8:
        wanted, top = "rgba64le" if has_alpha else "rgb48le", 65535
    else:
        wanted, top = "rgba" if has_alpha else "rgb24", 255
    samples = frame.reformat(format=wanted, dst_color_range=_FULL_RANGE).to_ndarray()
    pixels = samples.astype(np.float32) / np.float32(top)
    alpha = np.ascontiguousarray(pixels[..., 3]) if has_alpha else None
    return np.ascontiguousarray(pixels[..., :3]), alpha


def _from_separate(frame: av.VideoFrame, bits: int, gray: bool) -> tuple[Pixels, Pixels | None]:
    """The same of planes of G, B, R (and A), or of gray; swscale would widen 10 bits with zeros."""
    top = np.float32((1 << bits) - 1)
    first, *others = (_plane(frame, i, bits) for i in range(len(frame.planes)))
    if gray:
        scale, black, _ = _levels(bits, int(frame.color_range) != _VIDEO_RANGE)
        luma = (first.astype(np.float32) - np.float32(black)) * np.float32(scale)
        return np.repeat(luma[..., None], 3, axis=2), None
    pixels = np.stack([others[1], first, others[0]], axis=2).astype(np.float32) / top
    return pixels, others[2].astype(np.float32) / top if len(others) > 2 else None


def encode(values: Pixels, name: str) -> av.VideoFrame:
    """Display values (H, W, 3 or 4) in 0..1 as a frame of the planar format `name`: BT.709, video range.

    What is outside 0..1 is clipped, NaN is black, values without alpha are opaque. Where chroma is
    shared by two pixels, an odd side gets its last row or column twice.
    """
    import av

    planar = _PLANAR.fullmatch(name)
    assert planar, f"no planar format: {name}"
    bits, halved = int(planar["bits"] or 8), planar["sub"] != "44"
    height, width = values.shape[:2]
    height, width = (
        height + (height % 2 if planar["sub"] == "20" else 0),
        width + (width % 2 if halved else 0),
    )
    frame = av.VideoFrame(width, height, name)
    frame.colorspace, frame.color_range = _BT709, _VIDEO_RANGE
    scale, black, chroma = _levels(bits, False)
    luma, blue, red, *rest = (_plane(frame, i, bits) for i in range(len(frame.planes)))
    levels = np.array([1 / scale, black, 1 / chroma, 1 << (bits - 1)], np.float32)
    _encode(np.ascontiguousarray(values[..., :3], np.float32), levels, planar["sub"] == "20", luma, blue, red)
    if rest:
        alpha = values[..., 3] if values.shape[2] == 4 else np.ones(values.shape[:2], np.float32)
        rest[0][:] = np.rint(np.nan_to_num(alpha).clip(0, 1) * ((1 << bits) - 1))
    return frame


def _config() -> str:
    return os.environ.get("OCIO", "") or color.BUILT_IN


@lru_cache(maxsize=8)
def _table(_config_name: str, space: str) -> Pixels | None:
    """The curve of `space` from `_LOW` on, or None where its channels depend on each other."""
    if color.mixes_channels(space) or color.is_linear(space):
        return None
    ramp = np.linspace(_LOW, _LOW + _SPAN, _STEPS + 1, dtype=np.float32)
    linear = color.to_linear(np.repeat(ramp[:, None], 3, axis=1), space)
    same = (linear == linear[:, :1]).all()
    return np.ascontiguousarray(linear[:, 0]) if same else None


@lru_cache(maxsize=8)
def _view_table(config: str, space: str) -> Pixels | None:
    """What is shown for encoded values of `space` from `_LOW` on, or None where channels mix."""
    table = _table(config, space)
    if table is None or color.linear_of(space) != color.first_known(color.LINEAR_REC709):
        return None
    gray = np.repeat(table[:, None, None], 3, axis=2)
    return np.ascontiguousarray(color.display_view(gray, color.linear_of(space))[:, 0, 0])


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _decode(
    luma: NDArray[Any],
    blue: NDArray[Any],
    red: NDArray[Any],
    half_width: bool,
    half_height: bool,
    black: np.float32,
    scale: np.float32,
    middle: np.float32,
    chroma: np.float32,
    matrix: Pixels,
    table: Pixels,
    out: Pixels,
) -> None:
    height, width = luma.shape
    rows, columns = blue.shape
    low, per_unit = np.float32(_LOW), np.float32(_STEPS / _SPAN)
    last = np.float32(_STEPS) - np.float32(0.01)
    line = np.empty((2, columns), np.float32)
    value = np.empty(3, np.float32)
    for y in range(height):
        if half_height:
            near = min(y >> 1, rows - 1)
            far = min(max(near + (1 if y & 1 else -1), 0), rows - 1)
            w = np.float32(0.25)
        else:
            near, far, w = y, y, np.float32(0)
        for x in range(columns):
            b, r = np.float32(blue[near, x]), np.float32(red[near, x])
            line[0, x] = (b + (np.float32(blue[far, x]) - b) * w - middle) * chroma
            line[1, x] = (r + (np.float32(red[far, x]) - r) * w - middle) * chroma
        for x in range(width):
            if half_width:
                i = x >> 1
                b, r = line[0, i], line[1, i]
                if x & 1 and i + 1 < columns:
                    b = (b + line[0, i + 1]) * np.float32(0.5)
                    r = (r + line[1, i + 1]) * np.float32(0.5)
            else:
                b, r = line[0, x], line[1, x]
            v = (np.float32(luma[y, x]) - black) * scale
            value[0] = v + matrix[0] * r
            value[1] = v + matrix[1] * b + matrix[2] * r
            value[2] = v + matrix[3] * b
            for c in range(3):
                e = value[c]
                if table.size > 0:
                    t = min(max((e - low) * per_unit, np.float32(0)), last)
                    k = int(t)
                    e = table[k] + (table[k + 1] - table[k]) * (t - np.float32(k))
                out[y, x, c] = e


@njit(cache=True, nogil=True, error_model="numpy")
def _encode(
    rgb: Pixels,
    levels: Pixels,
    half_height: bool,
    luma: NDArray[Any],
    blue: NDArray[Any],
    red: NDArray[Any],
) -> None:
    kr, kb, half, one = np.float32(0.2126), np.float32(0.0722), np.float32(0.5), np.float32(1)
    kg = one - kr - kb
    last_row, last_column = rgb.shape[0] - 1, rgb.shape[1] - 1
    half_width = blue.shape[1] < luma.shape[1]
    row = np.empty((3, luma.shape[1]), np.float32)
    sums = np.zeros((2, luma.shape[1]), np.float32)
    for y in range(luma.shape[0]):
        for x in range(luma.shape[1]):
            for c in range(3):
                v = rgb[min(y, last_row), min(x, last_column), c]
                row[c, x] = min(v, one) if v > 0 else np.float32(0)
            e = kr * row[0, x] + kg * row[1, x] + kb * row[2, x]
            luma[y, x] = int(e * levels[0] + levels[1] + half)
            sums[0, x] += (row[2, x] - e) / (np.float32(2) * (one - kb))
            sums[1, x] += (row[0, x] - e) / (np.float32(2) * (one - kr))
        if half_height and not y & 1:
            continue
        weight = half if half_height else one
        for i in range(blue.shape[1]):
            x = 2 * i if half_width else i
            for c in range(2):
                e = sums[c, x]
                if half_width:
                    e = half * e + np.float32(0.25) * (sums[c, max(x - 1, 0)] + sums[c, x + 1])
                value = int(e * weight * levels[2] + levels[3] + half)
                if c == 0:
                    blue[y >> 1 if half_height else y, i] = value
                else:
                    red[y >> 1 if half_height else y, i] = value
        sums[:] = 0
