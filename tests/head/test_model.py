"""The house head: what its tables and shapes promise."""

from __future__ import annotations

import numpy as np
import pytest

from likeness import runtime
from likeness.errors import BadRequest
from likeness.head import points as dense
from likeness.head.model import Head, eye_rotation, load_head, vertex_normals
from likeness.performance import ARKIT

SKIN_PARTS = ("skin", "socket", "eye_socket_left", "eye_socket_right")


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head()


@pytest.fixture
def people(head: Head) -> np.ndarray:
    """Twelve random people."""
    return np.random.default_rng(5).standard_normal((12, len(head.identity_basis))).astype(np.float32)


def weights(**shapes: float) -> np.ndarray:
    out = np.zeros(len(ARKIT), np.float32)
    for name, value in shapes.items():
        out[ARKIT.index(name)] = value
    return out


def gaps(head: Head, vertices: np.ndarray, name: str) -> np.ndarray:
    """From the lower to the upper line, (N, 3)."""
    first, _, side = name.partition("_")
    tail = f"_{side}" if side else ""
    return vertices[head.loops[f"{first}_upper{tail}"]] - vertices[head.loops[f"{first}_lower{tail}"]]


class TestTables:
    def test_shapes_agree(self, head: Head) -> None:
        count = len(head.mean)
        assert head.mean.shape == (count, 3)
        assert head.identity_basis.shape[0] >= 60
        assert head.identity_basis.shape[1:] == (count, 3)
        assert head.expression_basis.shape == (len(ARKIT), count, 3)
        assert head.point_mean.shape == (dense.COUNT, 3)
        assert head.point_identity.shape == (len(head.identity_basis), dense.COUNT, 3)
        assert head.point_expression.shape == (len(ARKIT), dense.COUNT, 3)
        assert head.vertex_uv.shape == (count, 2)
        assert all(mask.shape == (count,) for mask in head.regions.values())

    def test_is_loaded_once(self, head: Head) -> None:
        assert load_head() is head

    def test_faces_the_viewer_with_the_nose(self, head: Head) -> None:
        """Centimetres, Y up, +Z out of the face, the character's left at +X."""
        nose = head.mean[head.regions["nose"] > 0.9].mean(0)
        chin, crown = head.mean[:, 1].min(), head.mean[:, 1].max()
        assert nose[2] > head.mean[head.regions["ears"] > 0.9][:, 2].max()
        assert 20 < crown - chin < 45
        assert head.eye_centers[0, 0] > 0 > head.eye_centers[1, 0]
        assert head.mean[head.loops["lid_upper_left"], 0].min() > 0

    def test_levels_get_coarser_on_the_same_vertices(self, head: Head) -> None:
        counts = [len(t) for t in head.levels]
        assert len(counts) == 3
        assert counts[1] < 0.5 * counts[0]
        assert counts[2] < 0.5 * counts[1]
        assert max(int(t.max()) for t in head.levels) < len(head.mean)

    @pytest.mark.parametrize("level", range(3))
    def test_skin_and_linings_are_one_closed_sheet_but_for_the_neck(self, head: Head, level: int) -> None:
        """No crack between lips and mouth, or lids and eye sockets; every edge joins two triangles."""
        sheet = np.concatenate([head.part(name, level) for name in SKIN_PARTS])
        sheet = head.vertex_twin[sheet]
        edges = np.concatenate([sheet[:, [0, 1]], sheet[:, [1, 2]], sheet[:, [2, 0]]])
        assert len(np.unique(edges, axis=0)) == len(edges), "an edge is used twice in one direction"
        ways = {tuple(e) for e in edges.tolist()}
        border = {v for a, b in ways if (b, a) not in ways for v in (a, b)}
        assert border
        assert head.mean[sorted(border), 1].max() < -12

    def test_triangles_have_area_and_point_outward(self, head: Head) -> None:
        """Counterclockwise from outside: what is in front of the head faces +Z."""
        t = head.part("skin")
        a, b, c = (head.mean[t[:, i]].astype(float) for i in range(3))
        normal = np.cross(b - a, c - a)
        assert np.linalg.norm(normal, axis=1).min() > 1e-6
        forehead = (head.regions["forehead"][t] > 0.9).all(axis=1)
        assert (normal[forehead, 2] > 0).all()

    def test_texture_has_no_overlaps_on_the_skin(self, head: Head) -> None:
        t = np.concatenate([head.part(name) for name in SKIN_PARTS])
        a, b, c = (head.vertex_uv[t[:, i]].astype(float) for i in range(3))
        area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
        assert (area > 0).all()
        assert head.vertex_uv.min() >= 0
        assert head.vertex_uv.max() <= 1

    def test_texture_has_its_seam_at_the_back(self, head: Head) -> None:
        doubled = np.flatnonzero(head.vertex_twin != np.arange(len(head.mean)))
        on_skin = np.intersect1d(doubled, head.part("skin"))
        assert len(on_skin)
        assert (head.mean[on_skin, 2] < 2.0).all()
        assert (head.regions["face"][on_skin] == 0).all()

    def test_doubled_vertices_never_part(self, head: Head, people: np.ndarray) -> None:
        vertices = head.vertices(people[0], weights(jawOpen=0.7, mouthSmileLeft=1, tongueOut=0.4))
        assert np.array_equal(vertices, vertices[head.vertex_twin])

    def test_regions_are_soft_masks_of_the_skin(self, head: Head) -> None:
        for name, mask in head.regions.items():
            assert mask.max() == 1, name
            assert mask.min() == 0, name
        assert set(np.flatnonzero(head.regions["face"])) <= set(head.part("skin").ravel())
        center = head.mean[head.regions["lid_upper_left"] > 0.9].mean(0)
        assert np.linalg.norm(center - head.mean[head.loops["lid_upper_left"]].mean(0)) < 0.5

    def test_unknown_part_is_refused(self, head: Head) -> None:
        with pytest.raises(ValueError, match="not in"):
            head.part("horns")


class TestShapes:
    def test_decoder_and_tables_say_the_same(self, head: Head, people: np.ndarray) -> None:
        rng = np.random.default_rng(0)
        expression = rng.uniform(0, 1, (len(people), len(ARKIT))).astype(np.float32)
        decoded = runtime.session("head", "cpu").run({"identity": people, "expression": expression})
        for i in range(len(people)):
            summed = head.rest(people[i]) + np.tensordot(expression[i], head.expression_basis, 1)
            assert np.abs(decoded["vertices"][i] - summed).max() < 1e-3

    def test_decoder_refuses_other_sizes(self) -> None:
        with pytest.raises(BadRequest, match="head"):
            wrong = {"identity": np.zeros((1, 3), np.float32), "expression": np.zeros((1, 52), np.float32)}
            runtime.session("head", "cpu").run(wrong)

    @pytest.mark.parametrize("name", [n for n in ARKIT if n.endswith("Left") and n[:3] not in ("jaw",)])
    def test_shapes_stay_on_their_side(self, head: Head, name: str) -> None:
        if name == "mouthLeft":
            pytest.skip("moves the whole mouth to the left")
        right = name.removesuffix("Left") + "Right"
        far = head.mean[:, 0] < -2.5
        reach = [np.linalg.norm(head.expression_basis[ARKIT.index(n)], axis=1) for n in (name, right)]
        assert reach[0][far].max() < 0.35 * reach[0].max()
        assert reach[1][head.mean[:, 0] > 2.5].max() < 0.35 * reach[1].max()

    def test_brows_leave_the_teeth_alone(self, head: Head) -> None:
        teeth = np.unique(np.concatenate([head.part("teeth_upper"), head.part("teeth_lower")]))
        for name in ARKIT:
            if name.startswith(("brow", "eye")):
                assert np.abs(head.expression_basis[ARKIT.index(name)][teeth]).max() < 1e-3, name

    def test_jaw_takes_lower_teeth_and_tongue_along(self, head: Head) -> None:
        jaw = head.expression_basis[ARKIT.index("jawOpen")][:, 1]
        assert np.abs(jaw[np.unique(head.part("teeth_upper"))]).max() < 0.01
        assert jaw[np.unique(head.part("teeth_lower"))].max() < -1.0
        assert jaw[np.unique(head.part("tongue"))].mean() < -1.0

    def test_tongue_comes_out_between_the_lips(self, head: Head, people: np.ndarray) -> None:
        tongue = np.unique(head.part("tongue"))
        for person in people:
            vertices = head.vertices(person, weights(jawOpen=0.5, tongueOut=1))
            lips = vertices[np.concatenate([head.loops["lips_upper"], head.loops["lips_lower"]])]
            tip = vertices[tongue][vertices[tongue, 2].argmax()]
            assert tip[2] > lips[:, 2].max() + 0.5
            assert lips[:, 1].min() - 1.0 < tip[1] < lips[:, 1].max()


class TestContact:
    @pytest.mark.parametrize("side", ["left", "right"])
    @pytest.mark.parametrize("also", [{}, {"eyeSquint": 0.6}, {"eyeLookDown": 1.0}, {"cheekSquint": 1.0}])
    def test_a_full_blink_closes_everybodys_eyes(
        self, head: Head, people: np.ndarray, side: str, also: dict[str, float]
    ) -> None:
        tail = side.capitalize()
        expression = weights(**{f"eyeBlink{tail}": 1.0}, **{k + tail: v for k, v in also.items()})
        for person in people:
            gap = gaps(head, head.vertices(person, expression), f"lid_{side}")
            assert np.linalg.norm(gap, axis=1).max() < 0.03

    def test_lids_close_in_step_with_the_weight(self, head: Head) -> None:
        nobody = np.zeros(len(head.identity_basis), np.float32)
        heights = [
            gaps(head, head.vertices(nobody, weights(eyeBlinkLeft=w)), "lid_left")[11, 1]
            for w in (0, 0.25, 0.5, 0.75, 1)
        ]
        assert np.allclose(np.array(heights) / heights[0], [1, 0.75, 0.5, 0.25, 0], atol=0.02)

    def test_sealed_lips_stay_sealed_however_far_the_jaw_opens(self, head: Head, people: np.ndarray) -> None:
        for person in people:
            gap = gaps(head, head.vertices(person, weights(jawOpen=1, mouthClose=1)), "lips")
            assert np.linalg.norm(gap, axis=1).max() < 0.03

    def test_lips_never_pass_through_each_other(self, head: Head, people: np.ndarray) -> None:
        rng = np.random.default_rng(1)
        by_design = np.minimum(gaps(head, head.mean, "lips")[:, 1], 0)
        for person in people:
            expression = (rng.uniform(0, 1, len(ARKIT)) ** 3).astype(np.float32)
            assert (gaps(head, head.vertices(person, expression), "lips")[:, 1] > by_design - 1e-3).all()

    def test_without_contact_nothing_is_changed(self, head: Head) -> None:
        expression = weights(jawOpen=0.5, browInnerUp=1)
        posed = head.mean + np.tensordot(expression, head.expression_basis, 1).astype(np.float32)
        assert np.abs(head.settle(posed, expression) - posed).max() < 1e-4


class TestPoints:
    def test_points_move_as_the_mesh_does(self, head: Head, people: np.ndarray) -> None:
        expression = weights(jawOpen=0.4, mouthSmileLeft=0.5)
        vertices = head.vertices(people[0], expression)
        points = head.points(people[0], expression)
        assert np.allclose(points[: dense.SKIN_COUNT], head.skin_points(vertices), atol=1e-4)

    def test_linear_points_are_near_them(self, head: Head, people: np.ndarray) -> None:
        expression = weights(jawOpen=0.4, mouthSmileLeft=0.5)
        linear = head.point_mean + np.tensordot(people[0], head.point_identity, 1)
        linear = linear + np.tensordot(expression, head.point_expression, 1)
        assert np.abs(linear - head.points(people[0], expression)).max() < 0.05

    def test_rims_lie_on_the_eyes(self, head: Head, people: np.ndarray) -> None:
        gaze = np.array([[0.3, 0.1], [0.25, 0.1]], np.float32)
        points = head.points(people[1], weights(), gaze)
        vertices = head.vertices(people[1], weights(), gaze)
        for side, rim in enumerate((dense.RIM_LEFT, dense.RIM_RIGHT)):
            eye = vertices[head.vertex_eye == side]
            distance = np.linalg.norm(points[rim][:, None] - eye, axis=2).min(1)
            assert distance.max() < 0.01

    def test_gaze_turns_left_and_up(self, head: Head) -> None:
        """Yaw is toward the character's left (+X), pitch up."""
        nobody, still = np.zeros(len(head.identity_basis), np.float32), weights()
        points = [head.points(nobody, still, np.full((2, 2), g, np.float32)) for g in (0.0, 0.3)]
        for iris in (dense.IRIS_LEFT, dense.IRIS_RIGHT):
            moved = points[1][iris] - points[0][iris]
            assert moved[0] > 0.2
            assert moved[1] > 0.2

    def test_eye_rotation_is_a_rotation(self) -> None:
        turn = eye_rotation(0.4, -0.3)
        assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-6)
        assert np.linalg.det(turn) == pytest.approx(1)


def test_normals_of_a_sphere_point_outward(head: Head) -> None:
    eye = head.part("eye_left")
    normals = vertex_normals(head.mean, head.vertex_twin[eye])
    used = np.unique(head.vertex_twin[eye])
    away = head.mean[used] - head.eye_centers[0]
    behind = away[:, 2] < 0.5
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    assert ((normals[used] * away).sum(1)[behind] > 0.95).all()
    assert np.allclose(normals[np.setdiff1d(np.arange(len(head.mean)), used)], 0)
