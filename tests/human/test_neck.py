"""Head and body are one: the seam at the neck is the same on both sides, for everybody."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeness.human.assemble import Character, Figure, make_character, make_figure
from likeness.human.measures import LOCAL
from likeness.human.sliders import head_identity, load_sliders

MACRO = ("sex", "weight", "muscle", "proportions", "bust")
SLIDERS = st.fixed_dictionaries(
    {name: st.floats(-1, 1) for name in MACRO}
    | {name: st.floats(0, 1) for name in ("african", "asian", "european")}
    | {"age": st.floats(18, 90)},
    optional={slider.name: st.floats(-1, 1) for slider in LOCAL},
)
HEAD = st.fixed_dictionaries({}, optional={s.name: st.floats(-1, 1) for s in load_sliders().sliders})


def seam(character: Character, level: int, name: str) -> np.ndarray:
    """Position, normal and bound joints with weights of the vertices on a part's open border, sorted."""
    part = next(p for p in character.levels[level] if p.name == name)
    _, first, twin = np.unique(part.vertices, axis=0, return_index=True, return_inverse=True)
    triangles = first[twin.ravel()[part.triangles]]
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    ways = {tuple(e) for e in edges.tolist()}
    neck = character.skeleton.positions[character.skeleton.index("neck_01")]
    border = sorted({v for a, b in ways if (b, a) not in ways for v in (a, b)})
    border = [v for v in border if np.linalg.norm(part.vertices[v] - neck) < 25 and part.uv.size]
    bound = np.zeros((len(border), len(character.skeleton.names)), np.float32)
    for row, v in enumerate(border):
        np.add.at(bound[row], part.joints[v], part.weights[v])
    table = np.concatenate([part.vertices[border], part.normals[border], bound], 1)
    return table[np.lexsort(table[:, :3].T)]


def lower(table: np.ndarray, count: int) -> np.ndarray:
    """The lowest vertices of a border: the neck's, not those of the mouth and the eyes."""
    return table[np.sort(np.argsort(table[:, 1])[:count])]


@settings(max_examples=12, deadline=None)
@given(
    values=SLIDERS, head=HEAD, seed=st.integers(0, 1000), height=st.floats(130, 220), size=st.floats(-1, 1)
)
def test_positions_normals_and_weights_agree_for_everybody(
    values: dict[str, float], head: dict[str, float], seed: int, height: float, size: float
) -> None:
    identity = head_identity(head, seed=seed, sex=values["sex"], age=values["age"])
    figure = make_figure(identity, values, height, size, "T" if seed % 2 else "A")
    character = make_character("Somebody", figure, shaped=0)
    for level, count in enumerate((64, 32, 16, 8)):
        below = seam(character, level, "body")
        above = lower(seam(character, level, "head"), count)
        assert len(below) == count
        assert np.array_equal(below, above), f"level {level}"


def test_no_shape_opens_the_seam(person: Character) -> None:
    for level, count in enumerate((64, 32, 16)):
        body = next(p for p in person.levels[level] if p.name == "body")
        head = next(p for p in person.levels[level] if p.name == "head")
        ring = {tuple(v) for v in seam(person, level, "body")[:, :3].tolist()}
        rows = [i for i, v in enumerate(head.vertices.tolist()) if tuple(v) in ring]
        assert len(rows) == count + 1  # where the texture parts, one point is there twice
        assert len(body.shapes) == 0
        assert len(head.shapes) == 52
        for name in head.shapes:
            assert not head.shapes[name][rows].any(), name
            assert not head.shape_normals[name][rows].any(), name


def test_the_neck_is_smooth_across_the_seam(average: Figure) -> None:
    """Where the strips meet the ring, the surface does not fold."""
    character = make_character("A", average)
    head = next(p for p in character.levels[0] if p.name == "head")
    body = next(p for p in character.levels[0] if p.name == "body")
    low = average.ring[:, 1].min() - 2
    for part in (head, body):
        t = part.triangles[(part.vertices[part.triangles][:, :, 1] > low).all(1)]
        t = t[(part.vertices[t][:, :, 1] < average.ring[:, 1].max() + 2).all(1)]
        a, b, c = (part.vertices[t[:, i]].astype(float) for i in range(3))
        normal = np.cross(b - a, c - a)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        smooth = part.normals[t].mean(1)
        assert (normal * smooth).sum(1).min() > 0.5, part.name


@pytest.mark.parametrize("slider", ["neck_girth", "neck_length"])
def test_the_neck_follows_its_sliders(slider: str) -> None:
    still = np.zeros(100, np.float32)
    thin, thick = (make_figure(still, {slider: v}) for v in (-1.0, 1.0))
    if slider == "neck_girth":
        spread = [np.linalg.norm(f.ring - f.ring.mean(0), axis=1).mean() for f in (thin, thick)]
        assert spread[1] > 1.1 * spread[0]
    else:
        heads = [f.skeleton.positions[f.skeleton.index("head"), 1] for f in (thin, thick)]
        shoulders = [f.skeleton.positions[f.skeleton.index("clavicle_l"), 1] for f in (thin, thick)]
        assert heads[1] - shoulders[1] > heads[0] - shoulders[0] + 2
