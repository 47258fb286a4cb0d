"""A look as the materials of a character."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from likeness.human.body import load_body
from likeness.human.character import Material
from likeness.human.eyes import eye_texture
from likeness.human.look import Look
from likeness.human.place import fit_head
from likeness.human.skin import Skin, make_body_skin, make_skin
from likeness.human.texels import check_size


def body_material(look: Look, size: int) -> Material:
    """The body's skin, painted as the head's is, at places of the average body under the mean head."""
    body = load_body()
    places, points = body.shape({})
    fit = fit_head(body, points)
    rest = ((places - fit.at) / np.float32(fit.scale) + fit.pivot)[body.vertex_place]
    skin = make_body_skin(look, rest, body.vertex_uv, body.triangles, size)
    return Material(
        "body", skin.base_color, skin.roughness, normal=skin.normal, subsurface=float(skin.subsurface.max())
    )


def lash_color(look: Look) -> tuple[float, float, float]:
    """Lashes are darker than the brows, and black with paint."""
    r, g, b = (float(0.45 * c * (1 - 0.8 * look.eyeliner)) for c in look.brow)
    return max(r, 0.008), max(g, 0.007), max(b, 0.006)


def materials(look: Look, size: int, skin: Skin | None = None) -> tuple[Material, ...]:
    """The head's materials with textures of `size` pixels; the eyes' are half of it.

    `head`, `mouth` and `teeth` lie in one texture and share its arrays; `eyes` is laid out by
    `likeness.human.eyes.eye_uv`; `cornea`, `tears` and `lashes` need no texture.
    `skin` takes the place of the painted one.
    """
    check_size(size)
    skin = make_skin(look, size) if skin is None else skin
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
        Material("lashes", lash_color(look), 0.6, double_sided=True),
        Material("tears", (1.0, 1.0, 1.0), 0.03, alpha=0.05, alpha_mode="BLEND", transmission=1.0, ior=1.336),
    )
