"""What effects on people declare alike about a person's surface, and how it is put on."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np

from likeness.declare import Param, Value
from likeness.human.look import BEARDS, HAIR_STYLES, TONES, Look, make_look, mixed, sample_look, tone_among
from likeness.results import Result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from likeness.human.character import Material, Part
    from likeness.human.figure import Figure
    from likeness.human.skin import Skin

USUAL = Look()
AUTO = "auto"


def _part(name: str, label: str, help: str, group: str) -> Param:
    return Param(name, "float", getattr(USUAL, name), label, help, 0, 1, group=f"Look: {group}")


LOOK = (
    _part("skin_tone", "Skin tone", "Melanin of the skin, from palest to darkest.", "Skin"),
    _part("redness", "Redness", "Blood that shows through the skin.", "Skin"),
    _part("freckles", "Freckles", "How many freckles.", "Skin"),
    _part("moles", "Moles", "How many moles.", "Skin"),
    _part("veins", "Veins", "How much veins show in skin and eyes.", "Skin"),
    _part("blemishes", "Blemishes", "How many red spots.", "Skin"),
    _part("pores", "Pores", "How deep the pores are.", "Skin"),
    _part("oiliness", "Oiliness", "How much the skin shines.", "Skin"),
    _part("lip_color", "Lip color", "How red the lips are without make-up.", "Skin"),
    _part("eye_melanin", "Eye darkness", "Melanin of the iris, from blue to nearly black.", "Eyes"),
    _part("eye_green", "Eye green", "How green a light iris is.", "Eyes"),
    _part("pupil", "Pupil", "How wide the pupil is.", "Eyes"),
    Param("style", "choice", AUTO, "Hair style", "How the hair is cut and combed; auto goes by the seed.",
          choices=(AUTO, *HAIR_STYLES), group="Look: Hair"),
    _part("hair_length", "Hair length", "From the shortest to the longest of the style.", "Hair"),
    _part("hairline", "Hairline", "From low to receding.", "Hair"),
    _part("hair_melanin", "Hair darkness", "Melanin of the hair, from white-blond to black.", "Hair"),
    _part("hair_red", "Hair red", "How red the hair is.", "Hair"),
    _part("gray", "Gray", "How gray the hair is.", "Hair"),
    _part("brow_thickness", "Brow thickness", "How high the brows are.", "Hair"),
    _part("brow_density", "Brow density", "How thick the brows grow.", "Hair"),
    Param("beard", "choice", AUTO, "Beard", "What beard the person wears; auto goes by the seed.",
          choices=(AUTO, *BEARDS), group="Look: Hair"),
    _part("stubble", "Stubble", "How much a shaved beard shows.", "Hair"),
    _part("lipstick", "Lipstick", "How much lipstick.", "Make-up"),
    _part("lipstick_hue", "Lipstick hue", "Red, rose, brown, wine from 0 to 1.", "Make-up"),
    _part("eye_shadow", "Eye shadow", "How much color on the lids.", "Make-up"),
    _part("blush", "Blush", "How much red on the cheeks.", "Make-up"),
    _part("foundation", "Foundation", "How much spots and redness are covered.", "Make-up"),
    _part("tooth_white", "Tooth whiteness", "From yellow to white.", "Teeth"),
    _part("tooth_wear", "Tooth wear", "How worn and stained the teeth are.", "Teeth"),
)  # fmt: skip
TEXTURES = Param(
    "texture_size", "choice", "1024", "Texture size", "Pixels a side; none makes no textures.",
    choices=("none", "512", "1024", "2048", "4096"), group="Files",
)  # fmt: skip


WRINKLES = Param(
    "wrinkle_maps", "bool", False, "Wrinkle maps",
    "Also writes the skin's relief with all expression wrinkles, masks to blend it in, and by which shapes.",
    group="Files",
)  # fmt: skip


def write_wrinkles(folder: Path, stem: str, worn: Look, size: int) -> Result:
    """Write `{stem}_wrinkles.png` (a normal map), its masks three to a picture, and a table as JSON."""
    from likeness.files import output_errors, replacing
    from likeness.human.png import encode
    from likeness.human.skin import make_skin
    from likeness.human.wrinkles import GROUPS

    skin = make_skin(worn, size, folds=True)
    assert skin.folded is not None
    pictures = {f"{stem}_wrinkles.png": skin.folded * 0.5 + 0.5}
    groups, table = list(GROUPS), {}
    for first in range(0, len(groups), 3):
        name = f"{stem}_wrinkles_{first // 3 + 1}.png"
        pictures[name] = np.stack([skin.fold_mask[group] for group in groups[first : first + 3]], 2)
        for channel, group in zip("RGB", groups[first : first + 3], strict=False):
            table[group] = {"mask": name, "channel": channel, "shapes": GROUPS[group]}
    document = {"normal": f"{stem}_wrinkles.png", "groups": table}
    path = folder / f"{stem}_wrinkles.json"
    with output_errors(path):
        for name, picture in pictures.items():
            with replacing(folder / name) as temporary:
                temporary.write_bytes(encode(picture))
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(document, indent=1) + "\n")
    return Result("wrinkles", "report", str(path), {"pictures": list(pictures)})


def look(params: Mapping[str, Value]) -> Look:
    """The surface that the parameters of `LOOK` describe.

    With a seed, what is left at its default comes from the seed, as the form does.
    """
    seed, age = int(params["seed"]), float(params["age"])  # type: ignore[arg-type]
    ancestry = {name: float(params[name]) for name in TONES}  # type: ignore[arg-type]
    given = {p.name: params[p.name] for p in LOOK}
    asked = float(given["skin_tone"])  # type: ignore[arg-type]
    tone = None if asked == USUAL.skin_tone else asked
    if not seed:
        usual = {n: v for n, v in given.items() if v != AUTO}
        tone = tone_among(ancestry, asked) if tone is None else tone
        return make_look({**usual, "age": age, "skin_tone": tone})
    sex, other = float(params["sex"]), int(params["mix_seed"])  # type: ignore[arg-type]
    drawn = sample_look(seed, sex, age, tone, ancestry)
    if other:
        drawn = mixed(drawn, sample_look(other, sex, age, tone, ancestry), float(params["mix"]))  # type: ignore[arg-type]
    chosen = {p.name: given[p.name] for p in LOOK if given[p.name] != p.default}
    made = {f.name: getattr(drawn, f.name) for f in fields(Look)}
    return replace(make_look({**made, **chosen}), seed=seed)


def surface(
    params: Mapping[str, Value], figure: Figure, levels: int
) -> tuple[tuple[tuple[Part, ...], ...], tuple[Material, ...]]:
    """Corneas and hair, level by level, and all materials of the person; textures as `TEXTURES` asks."""
    if params["texture_size"] == "none":
        return tuple(() for _ in range(levels)), ()
    return dressed(look(params), int(str(params["texture_size"])), figure, levels)


def dressed(
    worn: Look, size: int, figure: Figure, levels: int, skin: Skin | None = None
) -> tuple[tuple[tuple[Part, ...], ...], tuple[Material, ...]]:
    """As `surface`, of a look; `skin` takes the place of the painted one."""
    from likeness.human.eyes import cornea_part
    from likeness.human.hair import hair_materials, hair_parts
    from likeness.human.materials import body_material, materials

    hair = hair_parts(worn, figure, levels)
    cornea = cornea_part(figure)
    parts = tuple((cornea, *hair[i]) if i < 2 else hair[i] for i in range(levels))
    return parts, (*materials(worn, size, skin), body_material(worn, size), *hair_materials(worn, size))
