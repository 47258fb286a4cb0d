"""Shapes on a head with another mesh, through the effect, as a host runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Usd, UsdSkel, UsdValidation

from likeness.errors import BadInput
from likeness.head.model import load_head
from likeness.human.face import face_shapes
from likeness.human.foreign.gltf_file import values
from likeness.human.foreign.scene import read
from likeness.human.foreign.surface import Surface
from likeness.human.foreign.transfer import pieces
from likeness.job import run_job
from likeness.performance import ARKIT
from likeness.request import Request

SEED = 31


class Head:
    """A person's head at a coarser level, its vertices shuffled: in inches, Z up, the face to -Y."""

    def __init__(self, folder: Path) -> None:
        head = load_head()
        person = np.random.default_rng(SEED).standard_normal(100).astype(np.float32)
        rest = head.rest(person)[head.vertex_twin]
        triangles = head.vertex_twin[head.levels[1]]
        kept = np.unique(triangles)
        order = np.random.default_rng(SEED).permutation(len(kept))
        place = np.full(len(rest), -1)
        place[kept[order]] = np.arange(len(kept))
        self.rows = kept[order]
        self.part = np.array([*head.part_names])[_part(head, self.rows)]
        self.shapes = face_shapes(head, rest)[:, self.rows]
        x, y, z = (rest[self.rows] / 2.54).T
        self.path = folder / "head.obj"
        lines = [f"v {a:.6f} {b:.6f} {c:.6f}" for a, b, c in zip(x, -z, y, strict=True)]
        lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in place[triangles]]
        self.path.write_text("\n".join(lines) + "\n")


def _part(head: Any, rows: Any) -> Any:
    out = np.zeros(len(head.mean), int)
    for triangle, part in zip(head.vertex_twin[head.levels[1]].T, [head.level_parts[1]] * 3, strict=True):
        out[triangle] = part
    return out[rows]


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Head:
    return Head(tmp_path_factory.mktemp("foreign"))


@pytest.fixture(scope="module")
def made(foreign: Head) -> dict[str, Path]:
    request = Request(
        "transfer_shapes", {"mesh": str(foreign.path)}, {"format": "all"}, output=str(foreign.path.parent)
    )
    return {result.name: Path(result.path) for result in run_job(request)}


@pytest.fixture(scope="module")
def offsets(made: dict[str, Path]) -> np.ndarray:
    """The shapes (52, V, 3) of the GLB, in centimetres with Y up."""
    scene = read(made["shaped"])
    source = scene.source
    (mesh,) = source.document["meshes"]
    assert mesh["extras"]["targetNames"] == list(ARKIT)
    targets = mesh["primitives"][0]["targets"]
    moved = np.stack([values(source.document, source.data, t["POSITION"], "it") for t in targets])
    return np.stack([moved[..., 0], moved[..., 2], -moved[..., 1]], -1) * 2.54


def test_every_shape_moves_the_skin_as_it_does_on_a_head_that_has_them(
    foreign: Head, offsets: np.ndarray
) -> None:
    skin = foreign.part == "skin"
    error = np.linalg.norm(offsets - foreign.shapes, axis=2)[:, skin] * 10
    truth = np.linalg.norm(foreign.shapes, axis=2)[:, skin] * 10
    for name, off, there in zip(ARKIT, error, truth, strict=True):
        if name != "tongueOut":
            assert there.max() > 0.5, name
            assert off[there > 0.1].mean() < 0.5, name
    assert error[truth > 0.1].mean() < 0.15


def test_points_polygons_and_their_order_stay(foreign: Head, made: dict[str, Path]) -> None:
    before = read(foreign.path).pieces[0]
    for name in ("shaped", "shaped_usd"):
        after = read(made[name]).pieces[0]
        assert np.array_equal(after.points, before.points)
        assert np.array_equal(after.corners, before.corners)


def test_axes_and_unit_are_told(made: dict[str, Path]) -> None:
    report = json.loads(made["report"].read_text())
    assert report["missing"] == [] and report["fit_mm"] < 0.5
    usd = read(made["shaped_usd"])
    assert usd.up == "Z"
    top = read(made["shaped"]).pieces[0].in_scene()
    assert np.ptp(top[:, 1]) > np.ptp(top[:, 0])  # the GLB stands upright


def test_an_eyeball_turns_and_stays_round(foreign: Head, offsets: np.ndarray) -> None:
    head = load_head()
    eye = foreign.part == "eye_left"
    rest = head.rest(np.random.default_rng(SEED).standard_normal(100).astype(np.float32))[foreign.rows]
    out = offsets[ARKIT.index("eyeLookOutLeft")][eye]
    front = rest[eye][:, 2].argmax()
    assert out[front, 0] > 0.4  # the left eye looks out to the character's left
    center = rest[eye].mean(0)
    before, after = (np.linalg.norm(p - center, axis=1) for p in (rest[eye], rest[eye] + out))
    assert np.abs(after - before).max() < 0.1
    assert np.abs(offsets[ARKIT.index("eyeBlinkLeft")][eye]).max() == 0


def test_teeth_move_as_one_body(foreign: Head, offsets: np.ndarray) -> None:
    rest = load_head().rest(np.random.default_rng(SEED).standard_normal(100).astype(np.float32))[foreign.rows]
    teeth = np.flatnonzero(foreign.part == "teeth_lower")[::7]
    before, after = rest[teeth], rest[teeth] + offsets[ARKIT.index("jawOpen")][teeth]
    apart = [np.linalg.norm(p[:, None] - p[None], axis=2) for p in (before, after)]
    assert np.abs(apart[0] - apart[1]).max() < 0.02
    assert (after - before)[:, 1].max() < -0.5


def test_khronos_has_nothing_to_say(
    made: dict[str, Path], validate: Callable[[Path], dict[str, Any]]
) -> None:
    issues = validate(made["shaped"])["issues"]
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"][:5]


def test_usd_has_nothing_to_say_and_holds_the_shapes(made: dict[str, Path]) -> None:
    stage = Usd.Stage.Open(str(made["shaped_usd"]))
    registry = UsdValidation.ValidationRegistry()
    validators = registry.GetOrLoadAllValidators()
    errors = UsdValidation.ValidationContext(validators).Validate(stage)
    assert not errors, [error.GetMessage() for error in errors]
    prim = next(p for p in stage.Traverse() if p.IsA("Mesh"))
    names = set(UsdSkel.BindingAPI(prim).GetBlendShapesAttr().Get())
    assert names >= set(ARKIT) - {"tongueOut"}


def test_made_again_from_its_own_glb_it_keeps_one_of_each_shape(
    made: dict[str, Path], tmp_path: Path
) -> None:
    request = Request("transfer_shapes", {"mesh": str(made["shaped"])}, {}, output=str(tmp_path))
    again = read(Path(run_job(request)[0].path))
    (mesh,) = again.source.document["meshes"]
    assert mesh["extras"]["targetNames"] == list(ARKIT)
    assert {len(p["targets"]) for p in mesh["primitives"]} == {52}


class TestRefused:
    def run(self, mesh: Path, out: Path, **inputs: str) -> None:
        run_job(Request("transfer_shapes", {"mesh": str(mesh), **inputs}, {}, output=str(out)))

    def test_a_mesh_without_a_face(self, tmp_path: Path) -> None:
        n = 24
        turn, rise = np.meshgrid(np.linspace(0, 2 * np.pi, n), np.linspace(0, np.pi, n))
        ball = np.stack([np.sin(rise) * np.cos(turn), np.cos(rise), np.sin(rise) * np.sin(turn)], -1)
        lines = [f"v {x} {y} {z}" for x, y, z in ball.reshape(-1, 3)]
        starts = [i * n + j + 1 for i in range(n - 1) for j in range(n - 1)]
        lines += [f"f {a} {a + 1} {a + n + 1} {a + n}" for a in starts]
        (path := tmp_path / "ball.obj").write_text("\n".join(lines))
        with pytest.raises(BadInput, match="No face was found on the mesh of 'ball.obj'"):
            self.run(path, tmp_path / "out")
        assert not list((tmp_path / "out").glob("*"))

    @pytest.mark.parametrize(
        ("table", "words"),
        [
            ("no json", "is no table of landmarks"),
            ('{"nose_tip": [0, 0, 0]}', "too few landmarks"),
            ('{"antler": [0, 0, 0]}', "There is no landmark 'antler'"),
            ('{"nose_tip": 99999999}', "'nose_tip' is no place of the mesh"),
            ('{"nose_tip": [0, "x", 0]}', "'nose_tip' is no place of the mesh"),
        ],
    )
    def test_landmarks_that_say_nothing(self, foreign: Head, tmp_path: Path, table: str, words: str) -> None:
        (path := tmp_path / "marks.json").write_text(table)
        with pytest.raises(BadInput, match=words):
            self.run(foreign.path, tmp_path / "out", landmarks=str(path))

    def test_landmarks_that_lie_elsewhere(self, foreign: Head, tmp_path: Path) -> None:
        names = ("right_eye_outer", "left_eye_outer", "nose_tip", "mouth_left", "mouth_right", "chin")
        table = {name: [i * 90.0, 7.0 * i * i, 400.0] for i, name in enumerate(names)}
        (path := tmp_path / "marks.json").write_text(json.dumps(table))
        with pytest.raises(BadInput, match="no face that a head fits"):
            self.run(foreign.path, tmp_path / "out", landmarks=str(path))


def test_landmarks_by_number_of_vertex_do_as_well(foreign: Head, offsets: np.ndarray, tmp_path: Path) -> None:
    head = load_head()
    rest = head.rest(np.random.default_rng(SEED).standard_normal(100).astype(np.float32))
    marks = {"right_eye_outer": 36, "left_eye_outer": 45, "nose_tip": 30, "mouth_right": 48, "mouth_left": 54}
    points = head.skin_points(rest)
    own = rest[foreign.rows]
    table = {
        name: int(np.linalg.norm(own - points[i], axis=1).argmin())
        for name, i in (marks | {"chin": 8}).items()
    }
    (path := tmp_path / "marks.json").write_text(json.dumps(table))
    inputs = {"mesh": str(foreign.path), "landmarks": str(path)}
    scene = read(Path(run_job(Request("transfer_shapes", inputs, {}, output=str(tmp_path)))[0].path))
    target = scene.source.document["meshes"][0]["primitives"][0]["targets"][ARKIT.index("jawOpen")]
    jaw = values(scene.source.document, scene.source.data, target["POSITION"], "it") * 2.54
    jaw = np.stack([jaw[:, 0], jaw[:, 2], -jaw[:, 1]], 1)
    assert np.linalg.norm(jaw - offsets[ARKIT.index("jawOpen")], axis=1).mean() < 0.02


def test_the_nearest_point_is_on_the_side_that_looks_the_same_way() -> None:
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    both = np.concatenate([square, square - [0, 0, 0.1]]).astype(np.float32)
    surface = Surface(both, np.array([[0, 1, 2], [0, 2, 3], [4, 6, 5], [4, 7, 6]], np.int32))
    place = np.array([[0.3, 0.6, -0.02]], np.float32)
    up = surface.nearest(place, np.array([[0, 0, 1]]), 0.5)
    down = surface.nearest(place, np.array([[0, 0, -1]]), 0.5)
    assert np.allclose(up.point, [[0.3, 0.6, 0]]) and np.allclose(down.point, [[0.3, 0.6, -0.1]])
    assert sorted(np.unique(pieces(surface), return_counts=True)[1].tolist()) == [4, 4]
