"""Color spaces by OpenColorIO: guess what a file holds, go to scene-linear and back, show it to a model.

The configuration is the file named by $OCIO, or the ACES studio configuration that is built into
OpenColorIO. Names are resolved through their aliases, so a request may say `srgb_texture` or
`lin_rec709` in any configuration that knows them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import PyOpenColorIO as ocio
from numba import njit
from numpy.typing import NDArray

from likeness.errors import BadInput, BadRequest
from likeness.media.image import Pixels
from likeness.render.bands import in_bands

BUILT_IN = "ocio://studio-config-v4.0.0_aces-v2.0_ocio-v2.5"

# Names by meaning; the first that the configuration knows is taken.
SRGB = ("srgb_encoded_rec709_srgb", "srgb_texture", "srgb_tx", "sRGB")
LINEAR_REC709 = ("lin_rec709_srgb", "lin_rec709", "lin_srgb", "Linear", "linear")
ACESCG = ("ACEScg", "acescg", "scene_linear")
LOOKED_UP_ROWS = 64  # of code values, together

# What OpenImageIO calls a color space, and what a clip's header calls a transfer function (ITU-T H.273).
_OIIO_SPACES: dict[str, tuple[str, ...]] = {
    "srgb_rec709_scene": SRGB,
    "srgb_rec709_display": SRGB,
    "sRGB": SRGB,
    "lin_rec709_scene": LINEAR_REC709,
    "lin_rec709": LINEAR_REC709,
    "scene_linear": LINEAR_REC709,
    "Linear": LINEAR_REC709,
    "lin_ap1_scene": ACESCG,
    "ACEScg": ACESCG,
    "lin_ap0_scene": ("ACES2065-1",),
    "g22_rec709_scene": ("g22_rec709",),
    "g24_rec709_scene": ("g24_rec709",),
    "srgb_p3d65_scene": ("srgb_p3d65",),
    "srgb_p3d65_display": ("srgb_p3d65",),
    "g22_adobergb_scene": ("g22_adobergb", "adobergb"),
    "KodakLog": ("ADX10", "Cineon", "acescct"),
    "Rec709": SRGB,
}
_CLIP_TRANSFERS: dict[int, tuple[str, ...]] = {
    1: SRGB,
    2: SRGB,
    6: SRGB,
    13: SRGB,
    4: ("g22_rec709",),
    8: LINEAR_REC709,
    16: ("pq_rec2020_display", "rec2100_pq_display"),
    18: ("hlg_rec2020_display", "rec2100_hlg_display"),
}
_BT2020 = 9
_PROFILES = (
    ("display p3", ("srgb_p3d65", "srgb_displayp3")),
    ("adobe rgb", ("g22_adobergb", "adobergb")),
    ("srgb", SRGB),
)
_CAMERA_LOGS = (
    ("logc4", ("ARRI LogC4", "arri_logc4")),
    ("logc", ("ARRI LogC3 (EI800)", "arri_logc3_ei800")),
    ("slog3", ("S-Log3 S-Gamut3.Cine", "slog3_sgamut3cine")),
    ("log3g10", ("Log3G10 REDWideGamutRGB", "rl3g10_rwg")),
    ("vlog", ("V-Log V-Gamut", "vlog_vgamut")),
)
_CHROMATICITIES = {
    (0.64, 0.33, 0.30, 0.60, 0.15, 0.06): LINEAR_REC709,
    (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077): ("ACES2065-1",),
    (0.713, 0.293, 0.165, 0.83, 0.128, 0.044): ACESCG,
    (0.708, 0.292, 0.17, 0.797, 0.131, 0.046): ("lin_rec2020",),
    (0.68, 0.32, 0.265, 0.69, 0.15, 0.06): ("lin_p3d65",),
}


def load_config(name: str = "") -> ocio.Config:
    """The color configuration: `name` (a file or `ocio://…`), else $OCIO, else the built-in one.

    Raises `BadInput` when it cannot be read.
    """
    return _config(name or os.environ.get("OCIO", "") or BUILT_IN)


@lru_cache(maxsize=4)
def _config(name: str) -> ocio.Config:
    try:
        return ocio.Config.CreateFromFile(name)
    except (ocio.Exception, ocio.ExceptionMissingFile) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(
            f"The color configuration '{name}' cannot be read: {reason}",
            "Mend $OCIO, or unset it to use the built-in ACES configuration.",
        ) from None


def resolve(name: str) -> str:
    """The configuration's own name of a color space given by name, alias or role.

    Raises `BadRequest` that lists near names when there is none.
    """
    config = load_config()
    space = config.getColorSpace(name)
    if space is not None:
        return str(space.getName())
    words = re.findall(r"[a-z0-9]+", name.lower())
    near = [n for n in config.getColorSpaceNames() if any(w in n.lower() for w in words)]
    raise BadRequest(
        f"There is no color space '{name}' in the color configuration.",
        f"Choose one of: {', '.join(near or config.getColorSpaceNames())}.",
    )


def first_known(names: tuple[str, ...]) -> str:
    """The first of `names` that the configuration knows; raises `BadRequest` when it knows none."""
    config = load_config()
    for name in names:
        space = config.getColorSpace(name)
        if space is not None:
            return str(space.getName())
    raise BadRequest(
        f"The color configuration has no color space '{names[0]}'.",
        "Name the color space of the picture, or use the built-in configuration (unset $OCIO).",
    )


def guess(path: str | Path, metadata: Mapping[str, Any]) -> str:
    """Guess the color space a file is stored in, from its name and then its metadata.

    `metadata` is what `Image.metadata` or a clip's header holds. In this order: a color space named
    in the file name (`plate_acescg.0001.exr`), a rule of the configuration, a camera log named in
    the header, chromaticities, an embedded profile, what OpenImageIO or the clip's header says.
    Full-range and video Rec.709 are both read as sRGB, as browsers, phones and Blender show them.
    """
    named = _named_in(Path(path).name) or _by_rule(str(path))
    return named or first_known(_from_metadata(metadata))


def _named_in(filename: str) -> str:
    """The longest color space name or alias that stands in `filename` between separators."""
    text = re.sub(r"[^a-z0-9]+", "_", f"_{Path(filename).stem}_".lower())
    found = ("", "")
    config = load_config()
    for name in config.getColorSpaceNames():
        if name == "Raw":
            continue
        for alias in (name, *config.getColorSpace(name).getAliases()):
            key = re.sub(r"[^a-z0-9]+", "_", alias.lower()).strip("_")
            if len(key) > max(4, len(found[0])) and f"_{key}_" in text:
                found = (key, name)
    return found[1]


def _by_rule(path: str) -> str:
    # The built-in configuration's rules call every EXR ACES2065-1, whatever its header says.
    if not os.environ.get("OCIO"):
        return ""
    config = load_config()
    space, rule = config.getColorSpaceFromFilepath(path)
    is_default = rule == config.getFileRules().getNumEntries() - 1
    return "" if is_default else str(space)


def _from_metadata(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    values = " ".join(str(v).lower() for k, v in metadata.items() if "gamma" in k.lower() or "Gamut" in k)
    values = re.sub(r"[^a-z0-9 ]", "", values)
    for word, logs in _CAMERA_LOGS:
        if word in values:
            return logs
    xy = metadata.get("chromaticities")
    if xy is not None:
        for known, spaces in _CHROMATICITIES.items():
            if np.allclose(tuple(xy)[:6], known, atol=2e-3):
                return spaces
    profile = str(metadata.get("ICCProfile:profile_description", "")).lower()
    for word, names in _PROFILES:
        if word in profile:
            return names
    if "color_trc" in metadata:
        return _clip_space(int(metadata["color_trc"]), int(metadata.get("color_primaries", 2)))
    return _OIIO_SPACES.get(str(metadata.get("oiio:ColorSpace", "")), LINEAR_REC709)


def _clip_space(transfer: int, primaries: int) -> tuple[str, ...]:
    if transfer not in _CLIP_TRANSFERS or (primaries == _BT2020 and transfer < _BT2020):
        raise BadInput(
            f"The clip's color (transfer {transfer}, primaries {primaries} of H.273) is not known here.",
            "Name its color space in the request.",
        )
    return _CLIP_TRANSFERS[transfer]


def chromaticities(space: str) -> tuple[float, ...] | None:
    """OpenEXR's `chromaticities` of a wide scene-linear space (red, green, blue, white as x, y).

    None for linear Rec.709, which OpenEXR means without any, and for spaces not known here.
    """
    name = resolve(space)
    for xy, names in _CHROMATICITIES.items():
        known = [load_config().getColorSpace(n) for n in names]
        if names != LINEAR_REC709 and any(k is not None and k.getName() == name for k in known):
            white = (0.3127, 0.329) if xy[0] < 0.71 else (0.32168, 0.33767)
            return (*xy, *white)
    return None


def is_linear(space: str) -> bool:
    """Whether pixels of `space` are taken as they are: scene-linear, or data."""
    found = load_config().getColorSpace(resolve(space))
    return bool(found.isData()) or found.getEncoding() in ("scene-linear", "data")


def linear_of(space: str) -> str:
    """The scene-linear space that pictures in `space` are worked on in.

    A linear space (or data) stays itself, so its pixels are not touched; sRGB and Rec.709 go to
    linear Rec.709; everything wider (camera logs, HDR, P3) goes to ACEScg.
    """
    name = resolve(space)
    if is_linear(name):
        return name
    rec709 = load_config().getColorSpace(name).getEncoding() == "sdr-video" and "709" in name
    return first_known(LINEAR_REC709 if rec709 or name in SRGB else ACESCG)


@lru_cache(maxsize=32)
def _processor(config: str, source: str, target: str) -> tuple[ocio.CPUProcessor, bool, bool]:
    try:
        processor = _config(config).getProcessor(source, target)
        cpu = processor.getOptimizedCPUProcessor(
            ocio.BIT_DEPTH_F32, ocio.BIT_DEPTH_F32, ocio.OPTIMIZATION_LOSSLESS
        )
    except (ocio.Exception, ocio.ExceptionMissingFile) as error:
        raise BadRequest(f"Colors cannot go from '{source}' to '{target}': {error}") from None
    # Asked of the optimized one: matrices on the way from sRGB to linear Rec.709 cancel out.
    return cpu, bool(processor.isNoOp()), bool(cpu.hasChannelCrosstalk())


def _between(source: str, target: str) -> tuple[ocio.CPUProcessor, bool, bool]:
    key = os.environ.get("OCIO", "") or BUILT_IN
    return _processor(key, resolve(source), resolve(target))


def convert(rgb: Pixels, source: str, target: str) -> Pixels:
    """Convert (..., 3) float32 from color space `source` to `target`; the input is not changed."""
    cpu, nothing, _ = _between(source, target)
    out = np.array(rgb, dtype=np.float32, order="C")
    if not nothing:
        flat = out.reshape(-1, 3)
        in_bands(lambda first, end: cpu.applyRGB(flat[first:end]), len(flat))
    return out


def to_linear(rgb: Pixels, space: str) -> Pixels:
    """Decode (..., 3) float32 stored in `space` to `linear_of(space)`."""
    return convert(rgb, space, linear_of(space))


def from_linear(rgb: Pixels, linear: str, space: str) -> Pixels:
    """Encode scene-linear (..., 3) float32 of space `linear` for storing in `space`."""
    return convert(rgb, linear, space)


def mixes_channels(space: str) -> bool:
    """Whether one channel of `linear_of(space)` is made of several of `space`, so that no curve does it."""
    return _between(space, linear_of(space))[2]


def codes_to_linear(codes: NDArray[np.unsignedinteger[Any]], space: str) -> Pixels:
    """Decode (..., 3) 8 or 16 bit code values of `space` to `linear_of(space)`, float32.

    Where the curve works channel by channel it is a table of all codes: exact, and much faster.
    """
    top = float(np.iinfo(codes.dtype).max)
    _, nothing, crosstalk = _between(space, linear_of(space))
    if nothing or crosstalk:
        return to_linear(codes.astype(np.float32) / np.float32(top), space)
    table = _table(os.environ.get("OCIO", "") or BUILT_IN, resolve(space), int(top) + 1)
    out = np.empty(codes.shape, np.float32)
    if (table[0] == table[1]).all() and (table[0] == table[2]).all():
        _look_up(table[0], codes, out)
    else:
        for channel, curve in enumerate(table):
            _look_up(curve, codes[..., channel], out[..., channel])
    return out


def _look_up(curve: Pixels, codes: NDArray[np.unsignedinteger[Any]], out: Pixels) -> None:
    """Take the values of `codes` into `out`, some rows at a time: numpy makes indices of 64 bits of them."""
    if codes.ndim < 2:
        out[...] = curve[codes]
        return
    for first in range(0, len(codes), LOOKED_UP_ROWS):
        rows = slice(first, first + LOOKED_UP_ROWS)
        out[rows] = curve[codes[rows]]


@lru_cache(maxsize=8)
def _table(_config_name: str, space: str, size: int) -> Pixels:
    ramp = (np.arange(size, dtype=np.float64) / (size - 1)).astype(np.float32)
    linear = to_linear(np.repeat(ramp[:, None], 3, axis=1), space)
    return np.ascontiguousarray(linear.T)


# The display view: the sRGB curve up to the knee, then a hyperbola that reaches 1 only at infinity.
_KNEE = np.float32(0.9)


def display_view(rgb: Pixels, colorspace: str) -> Pixels:
    """Show scene-linear (H, W, 3) float32 of `colorspace` to a model: (H, W, 3) float32 in 0..1.

    sRGB primaries and curve with a soft roll-off above 0.9, so highlights of any strength stay
    apart. Negative values and NaN become 0, infinity becomes 1. `from_display_view` inverts it.
    """
    out = np.empty(rgb.shape, np.float32)
    in_bands(
        _encode, len(out), np.ascontiguousarray(rgb, np.float32), _matrix(colorspace, inverse=False), out
    )
    return out


def from_display_view(view: Pixels, colorspace: str) -> Pixels:
    """Take a display view (H, W, 3) in 0..1 back to scene-linear `colorspace`, float32.

    Exact (to float rounding) wherever the display view was below 1 and nothing was negative.
    """
    out = np.empty(view.shape, np.float32)
    _decode(np.ascontiguousarray(view, np.float32), _matrix(colorspace, inverse=True), out)
    return out


def _matrix(colorspace: str, *, inverse: bool) -> Pixels:
    if not is_linear(colorspace):
        raise BadRequest(
            f"'{colorspace}' is not scene-linear.", f"Convert to '{linear_of(colorspace)}' first."
        )
    if load_config().getColorSpace(resolve(colorspace)).isData():
        return np.eye(3, dtype=np.float32)
    rec709 = first_known(LINEAR_REC709)
    ends = (rec709, colorspace) if inverse else (colorspace, rec709)
    return np.ascontiguousarray(convert(np.eye(3, dtype=np.float32), *ends).T)


@njit(cache=True, nogil=True, error_model="numpy")
def _encode(first: int, end: int, rgb: Pixels, matrix: Pixels, out: Pixels) -> None:
    one, knee = np.float32(1), _KNEE
    for y in range(first, end):
        for x in range(rgb.shape[1]):
            r, g, b = rgb[y, x, 0], rgb[y, x, 1], rgb[y, x, 2]
            for c in range(3):
                if matrix[c, c] == one:
                    v = rgb[y, x, c]
                else:
                    v = matrix[c, 0] * r + matrix[c, 1] * g + matrix[c, 2] * b
                if not v > 0:
                    out[y, x, c] = 0
                    continue
                if v <= np.float32(0.0031308):
                    out[y, x, c] = v * np.float32(12.92)
                    continue
                e = np.float32(1.055) * v ** np.float32(1 / 2.4) - np.float32(0.055)
                if e > knee:
                    t = (e - knee) / (one - knee)
                    e = one if t > np.float32(1e30) else knee + (one - knee) * (t / (one + t))
                out[y, x, c] = e


@njit(cache=True, nogil=True, error_model="numpy")
def _decode(view: Pixels, matrix: Pixels, out: Pixels) -> None:
    one, knee = np.float32(1), _KNEE
    most = np.float32(1 - 2.0**-20)
    v = np.empty(3, np.float32)
    for y in range(view.shape[0]):
        for x in range(view.shape[1]):
            for c in range(3):
                e = view[y, x, c]
                e = np.float32(0) if not e > 0 else min(e, most)
                if e > knee:
                    u = (e - knee) / (one - knee)
                    e = knee + (one - knee) * u / (one - u)
                if e <= np.float32(0.04045):
                    v[c] = e / np.float32(12.92)
                else:
                    v[c] = ((e + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
            for c in range(3):
                out[y, x, c] = matrix[c, 0] * v[0] + matrix[c, 1] * v[1] + matrix[c, 2] * v[2]
