"""A look as the materials of a character."""

from __future__ import annotations

from dataclasses import replace

from likeness.human.character import Material
from likeness.human.eyes import eye_texture
from likeness.human.look import Look
from likeness.human.skin import make_skin
from likeness.human.texels import check_size


def materials(look: Look, size: int) -> tuple[Material, ...]:
    """The head's materials with textures of `size` pixels; the eyes' are half of it.

    `head`, `mouth` and `teeth` lie in one texture and share its arrays; `eyes` is laid out by
    `likeness.human.eyes.eye_uv`; `cornea`, `tears` and `lashes` need no texture.
    """
    check_size(size)
    skin = make_skin(look, size)
    head = Material(
        "head",
        skin.base_color,
        skin.roughness,
        normal=skin.normal,
        occlusion=skin.occlusion,
        subsurface=skin.subsurface,
    )
    eye, eye_rough = eye_texture(look, max(256, size // 2))
    return (
        head,
        replace(head, name="mouth"),
        replace(head, name="teeth"),
        Material("eyes", eye, eye_rough),
        Material(
            "cornea", (1.0, 1.0, 1.0), 0.02, alpha=0.05, alpha_mode="BLEND", transmission=1.0, ior=1.376
        ),
        Material("lashes", (0.010, 0.008, 0.007), 0.6, double_sided=True),
        Material("tears", (1.0, 1.0, 1.0), 0.03, alpha=0.05, alpha_mode="BLEND", transmission=1.0, ior=1.336),
    )
