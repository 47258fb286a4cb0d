"""The house body: sliders do what they say, tables are sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likeness.human.body import Body, load_body
from likeness.human.figure import make_figure
from likeness.human.measures import LOCAL, ancestry_shares, macro_weights

STILL = np.zeros(100, np.float32)


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


def girth(points: np.ndarray, at: float, reach: float) -> float:
    """The length around the body's middle at a height, cm."""
    near = points[(np.abs(points[:, 1] - at) < 1.5) & (np.abs(points[:, 0]) < reach)]
    angle = np.arctan2(near[:, 0], near[:, 2] - near[:, 2].mean())
    ordered = near[np.argsort(angle)][:, [0, 2]]
    bins = np.array_split(ordered, 40)
    ring = np.array([b.mean(0) for b in bins])
    return float(np.linalg.norm(ring - np.roll(ring, 1, 0), axis=1).sum())


class TestTables:
    def test_weights_sum_to_one_with_four_joints_at_most(self, body: Body) -> None:
        assert body.place_weights.shape == (len(body.place_joints), 4)
        assert np.allclose(body.place_weights.sum(1), 1, atol=1e-6)
        assert (body.place_weights >= 0).all()
        assert body.place_joints.max() < len(body.joint_names)

    def test_triangles_form_one_sheet_that_is_open_at_the_neck_alone(self, body: Body) -> None:
        t = body.vertex_place[body.triangles]
        edges = np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]])
        assert len(np.unique(edges, axis=0)) == len(edges)
        ways = {tuple(e) for e in edges.tolist()}
        border = {v for a, b in ways if (b, a) not in ways for v in (a, b)}
        assert border == set(body.vertex_place[body.ring].tolist())

    def test_texture_coordinates_are_inside_the_unit_square(self, body: Body) -> None:
        assert body.vertex_uv.min() >= 0
        assert body.vertex_uv.max() <= 1

    def test_every_joint_has_its_parent_before_it(self, body: Body) -> None:
        assert body.joint_parents[0] == -1
        assert all(-1 < p < i for i, p in enumerate(body.joint_parents) if i)

    def test_there_are_about_forty_sliders_each_with_two_shapes(self, body: Body) -> None:
        assert len(LOCAL) >= 40
        assert len(body.local_starts) == 2 * len(LOCAL) + 1
        assert (np.diff(body.local_starts) > 0).all()


class TestMacro:
    @given(
        st.fixed_dictionaries(
            {n: st.floats(-1, 1) for n in ("sex", "weight", "muscle", "height", "proportions", "bust")}
            | {n: st.floats(0, 1) for n in ("african", "asian", "european")}
            | {"age": st.floats(18, 90)}
        )
    )
    def test_the_shares_of_bodies_and_ancestries_sum_to_one(self, values: dict[str, float]) -> None:
        weights = macro_weights(values)
        assert min(weights.values()) >= 0
        universal = sum(w for n, w in weights.items() if "universal" in n)
        ancestry = sum(w for n, w in weights.items() if n.startswith("macrodetails/") and n.count("-") == 2)
        assert universal == pytest.approx(1)
        assert ancestry == pytest.approx(1)

    def test_ancestry_that_is_not_given_is_shared_out(self) -> None:
        assert ancestry_shares({}) == pytest.approx(dict.fromkeys(("african", "asian", "european"), 1 / 3))
        assert ancestry_shares({"asian": 1.0})["asian"] == 1
        assert ancestry_shares({"asian": 1.0, "african": 1.0})["asian"] == 0.5

    def test_the_basis_gives_back_a_corner_of_the_data(self, body: Body, shared) -> None:  # type: ignore[no-untyped-def]
        from likeness.training.makehuman import load_makehuman

        data = load_makehuman(shared / "makehuman")
        values = {"sex": 1.0, "age": 90.0, "muscle": 1.0, "weight": 1.0, "height": 1.0, "african": 1.0}
        wanted = data.vertices.copy()
        for name, weight in macro_weights(values).items():
            if weight:
                wanted += weight * data.target(name)
        _, points = body.shape(values)
        for name, cube in data.cubes.items():
            at = points[name.removeprefix("joint-")]
            assert np.linalg.norm(at - wanted[cube].mean(0)) < 0.2, name


class TestSliders:
    @pytest.mark.parametrize("height", [140.0, 170.0, 205.0])
    @pytest.mark.parametrize("sex", [-1.0, 1.0])
    def test_people_are_as_tall_as_asked_and_stand_on_the_ground(self, height: float, sex: float) -> None:
        figure = make_figure(STILL, {"sex": sex}, height)
        skin = np.unique(figure.head.part("skin"))
        assert figure.head_vertices[skin, 1].max() == pytest.approx(height, abs=0.1)
        assert figure.places[:, 1].min() == pytest.approx(0, abs=1e-3)
        assert figure.height_cm == pytest.approx(height, abs=0.1)

    @pytest.mark.parametrize("slider", LOCAL, ids=lambda s: s.name)
    def test_every_slider_moves_the_body_both_ways(self, body: Body, slider) -> None:  # type: ignore[no-untyped-def]
        still, _ = body.shape({})
        less, _ = body.shape({slider.name: -1.0})
        more, _ = body.shape({slider.name: 1.0})
        assert np.abs(less - still).max() > 0.15
        assert np.abs(more - still).max() > 0.15
        half, _ = body.shape({slider.name: 0.5})
        assert np.allclose(half - still, (more - still) / 2, atol=1e-3)

    def test_left_and_right_follow_alike(self, body: Body) -> None:
        for slider in LOCAL:
            _, points = body.shape({slider.name: 1.0})
            for name, at in points.items():
                if name.startswith("l-"):
                    other = points["r-" + name[2:]] * [-1, 1, 1]
                    assert np.linalg.norm(at - other) < 0.4, (slider.name, name)

    def test_waist_and_hips_are_the_ones_that_grow(self, body: Body) -> None:
        still, points = body.shape({})
        waist = float(points["spine-4"][1])
        for name, height in (("waist_girth", waist + 6), ("hip_girth", waist - 10)):
            thin, thick = (body.shape({name: v})[0] for v in (-1.0, 1.0))
            assert girth(thick, height, 28) > 1.08 * girth(thin, height, 28), name
        assert len(still)

    def test_arms_and_legs_get_longer(self, body: Body) -> None:
        pairs = {
            "upper_arm_length": ("l-shoulder", "l-elbow"),
            "lower_arm_length": ("l-elbow", "l-hand"),
            "thigh_length": ("l-upper-leg", "l-knee"),
            "shin_length": ("l-knee", "l-ankle"),
        }
        for name, (top, end) in pairs.items():
            short, long = (body.shape({name: v})[1] for v in (-1.0, 1.0))
            before, after = (np.linalg.norm(p[top] - p[end]) for p in (short, long))
            assert after > 1.05 * before, name

    def test_people_differ_by_sex_weight_and_muscle(self, body: Body) -> None:
        still, _ = body.shape({})
        for name in ("sex", "weight", "muscle", "proportions"):
            moved, _ = body.shape({name: 1.0})
            assert np.abs(moved - still).max() > 1, name
