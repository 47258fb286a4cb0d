"""Names of color spaces on both sides, and which files are movies."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

MOVIES = frozenset(
    ".mov .mp4 .mkv .mxf .avi .webm .m4v .mpg .mpeg .mts .m2ts .ogv .wmv .flv .3gp .dv .ts".split()
)

# Blender's name first; then what the core's color configuration may call it.
_SPACES = (
    ("Linear Rec.709", "lin_rec709", ("Linear Rec.709 (sRGB)", "lin_rec709_srgb", "lin_rec709_scene")),
    ("Linear Rec.2020", "lin_rec2020", ("Linear Rec.2020", "lin_rec2020_scene")),
    ("Linear DCI-P3 D65", "lin_p3d65", ("Linear P3-D65", "lin_p3d65_scene")),
    ("ACEScg", "ACEScg", ("acescg", "lin_ap1", "lin_ap1_scene")),
    ("ACES2065-1", "ACES2065-1", ("aces2065_1", "lin_ap0", "lin_ap0_scene")),
)


def to_core(blender: str) -> str:
    """What a request says for the color space of an image in Blender.

    "auto" for sRGB and whatever is no linear space: Blender calls most files so unseen, while their
    headers and profiles know better. With a studio's own configuration both sides know the same names.
    """
    if os.environ.get("OCIO"):
        return blender
    return next((core for name, core, _ in _SPACES if name == blender), "auto")


def to_blender(core: str | None) -> str:
    """The name in Blender of the linear space that the core wrote; Rec.709 if there is none."""
    if core and os.environ.get("OCIO"):
        return core
    known = {other.lower(): name for name, core_name, more in _SPACES for other in (name, core_name, *more)}
    return known.get((core or "").lower(), "Linear Rec.709")
