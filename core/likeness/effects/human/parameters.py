"""What effects on people declare alike: who the person is, and the rig they leave with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from likeness.declare import Param, Value
from likeness.effects.human.looks import LOOK
from likeness.human.character import Naming, Pose
from likeness.human.garments import COLORS, GARMENTS, SOLE_CM, Garment
from likeness.human.measures import ANCESTRIES, LOCAL
from likeness.human.sliders import load_sliders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from likeness.human.figure import Figure

MODELS = ("body", "head", "head_mesh", "human_sliders")
VARIETY = 0.35  # of a body slider's range: the spread of people with a seed


def _float(
    name: str, default: float, label: str, help: str, low: float, high: float, group: str, unit: str = ""
) -> Param:
    return Param(name, "float", default, label, help, low, high, unit, group=group)


def _both(name: str, label: str, help: str, group: str) -> Param:
    return _float(name, 0.0, label, help, -1, 1, group)


NAME = Param("name", "text", "Person", "Name", "What the person and the files are called.")
SEED = Param(
    "seed", "int", 0, "Seed", "Another number is another person; 0 is the average one.", 0, 2**31 - 1
)  # fmt: skip
PERSON = (
    _both("sex", "Sex", "From female at -1 to male at 1.", "Person"),
    _float("age", 30.0, "Age", "Age in years.", 18, 90, "Person"),
    _float("height_cm", 170.0, "Height", "From the soles to the crown.", 130, 220, "Person", "cm"),
    _both("weight", "Weight", "From thin to heavy.", "Person"),
    _both("muscle", "Muscle", "From weak to strong.", "Person"),
    _both("proportions", "Proportions", "From uncommon to ideal proportions.", "Person"),
    *(
        _float(n, 0.0, f"{n.capitalize()} ancestry", f"Share of {n.capitalize()} ancestry.", 0, 1, "Person")
        for n in ANCESTRIES
    ),
    _float("asymmetry", 0.3, "Asymmetry", "How much the two sides of the face differ.", 0, 1, "Person"),
)  # fmt: skip
HEAD = tuple(
    _both(s.name, s.label, f"{s.ends.capitalize()}.", f"Head: {s.group}") for s in load_sliders().sliders
)
BODY = (
    _both("head_size", "Head size", "How large the head is on the body.", "Body: Torso"),
    _both("bust", "Bust", "How full the breasts are.", "Body: Torso"),
    *(_both(s.name, s.label, s.help, f"Body: {s.group}") for s in LOCAL),
)
CLOTHES = tuple(
    Param(
        garment, "choice", color, garment.capitalize(), f"Color of the {garment}; none leaves it off.",
        choices=("none", *COLORS), group="Clothes",
    )
    for garment, color in (("shirt", "white"), ("trousers", "denim"), ("shoes", "black"))
)  # fmt: skip
LIKE = (
    Param("mix_seed", "int", 0, "Mix with seed", "A second person to mix in; 0 is nobody.", 0, 2**31 - 1,
          group="Like this, but"),
    _float("mix", 0.5, "Mix", "How much of the second person.", 0, 1, "Like this, but"),
    _float("variation", 0.0, "Variation", "How far chance moves the head's sliders, of their range.",
           0, 1, "Like this, but"),
    Param("variation_seed", "int", 1, "Variation seed", "Another number is another variation.",
          1, 2**31 - 1, group="Like this, but"),
)  # fmt: skip
FORM = (NAME, SEED, *PERSON, *LIKE, *HEAD, *BODY)

POSE = Param(
    "pose", "choice", "A", "Rest pose", "How the arms stand at rest: down at 45 degrees, or level.",
    choices=get_args(Pose), group="Rig",
)  # fmt: skip
NAMING = Param(
    "joint_names", "choice", "unreal", "Joint names", "Whose names the joints have.",
    choices=get_args(Naming), group="Rig",
)  # fmt: skip


def figure(params: Mapping[str, Value], who: Any = None) -> Figure:
    """The form of the person that the parameters of `FORM` and `POSE` describe.

    `who` (K,) are the head's coefficients where the sliders do not give them.
    """
    from likeness.human.figure import make_figure

    values = numbers(params)
    seed = int(values["seed"])
    return make_figure(
        identity(params) if who is None else who,
        {**values, **_varied(values, seed)},
        height_cm=values["height_cm"],
        head_size=values["head_size"],
        pose="T" if params["pose"] == "T" else "A",
        lift_cm=SOLE_CM if "shoes" in worn(params) else 0.0,
    )


def worn(params: Mapping[str, Value]) -> dict[Garment, str]:
    """The garments that the parameters of `CLOTHES` ask for, with their colors."""
    return {g: str(params[g]) for g in GARMENTS if params.get(g, "none") != "none"}


def identity(params: Mapping[str, Value]) -> Any:
    """Coefficients (K,) of the head that the parameters of `FORM` describe."""
    from likeness.human.sliders import head_identity, mix, random_sliders

    values = numbers(params)
    chance = random_sliders(int(values["variation_seed"]), values["variation"])
    sliders = {p.name: float(np.clip(values[p.name] + chance[p.name], -1, 1)) for p in HEAD}
    a, b = (
        head_identity(
            sliders,
            seed=int(seed),
            asymmetry=values["asymmetry"],
            sex=values["sex"],
            age=values["age"],
            ancestry={name: values[name] for name in ANCESTRIES},
        )
        for seed in (values["seed"], values["mix_seed"])
    )
    return mix(a, b, values["mix"] if values["mix_seed"] else 0.0)


def numbers(params: Mapping[str, Value]) -> dict[str, float]:
    """The parameters of `FORM` that are numbers."""
    return {p.name: float(params[p.name]) for p in FORM if p.type != "text"}  # type: ignore[arg-type]


def recipe(params: Mapping[str, Value]) -> dict[str, Any]:
    """What the person is made from, for the files: sliders off their rest, seed, models, licenses."""
    from likeness import __version__, catalog
    from likeness.human.recipes import load_recipes

    recipes = load_recipes()
    models = catalog.house_models()
    used = {
        name: {"sha256": models[name].sha256, "license": models[name].license} for name in ("head", "body")
    }
    sliders = {p.name: params[p.name] for p in FORM if p.name != "name" and params[p.name] != p.default}
    look = {p.name: params[p.name] for p in LOOK if params.get(p.name, p.default) != p.default}
    return {
        "likeness": {
            "version": __version__,
            "synthetic": "Made with Likeness; not a person who exists",
            "seed": params["seed"],
            "sliders": sliders,
            **({"look": look} if look else {}),
            "clothes": worn(params),
            "pose": params.get("pose", "A"),
            "visemes": {"oculus": recipes.oculus, "microsoft": recipes.microsoft},
            "models": used,
            "sources": {
                "head": "ICT-FaceKit Light, (c) 2020 USC Institute for Creative Technologies, MIT",
                "body": "MakeHuman, CC0",
            },
        }
    }


def _varied(values: Mapping[str, float], seed: int) -> dict[str, float]:
    """The body's sliders of a person with a seed: what was asked for and a little chance."""
    if not seed:
        return {}
    drawn = np.random.default_rng([seed, 1]).normal(0, VARIETY / 2, len(LOCAL))
    return {s.name: float(np.clip(values[s.name] + d, -1, 1)) for s, d in zip(LOCAL, drawn, strict=True)}
