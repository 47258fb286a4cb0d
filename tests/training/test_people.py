"""Pictures of people: repeatable, and true to their labels."""

import numpy as np
import pytest

from likeness.face.regions import REGIONS
from likeness.head import points as dense
from likeness.training import anatomy as parts
from likeness.training import facekit, humans, people
from likeness.training.anatomy import load_anatomy
from likeness.training.scene import SIZE

pytestmark = [pytest.mark.slow, pytest.mark.shared]
COUNT = 16


@pytest.fixture(scope="module")
def anatomy(shared):
    folder = shared / "ict-facekit"
    if not folder.is_dir():
        pytest.skip("the head data is not there")
    return load_anatomy(folder)


@pytest.fixture(scope="module")
def portraits(anatomy):
    return [people.render(5, index, anatomy) for index in range(COUNT)]


@pytest.fixture(scope="module")
def human(anatomy):
    return people.render(5, 3, anatomy, human_share=1.0)


def inside(points):
    return ((points >= 0) & (points < SIZE)).all(-1)


def test_same_seed_and_index_give_the_same_picture(anatomy, portraits):
    again = people.render(5, 3, anatomy)
    assert np.array_equal(again.image, portraits[3].image)
    assert np.array_equal(again.region, portraits[3].region)
    for name, value in again.labels.items():
        assert np.array_equal(value, portraits[3].labels[name]), name


def test_digital_humans_are_the_same_again_and_other_people(anatomy, portraits, human):
    assert np.array_equal(people.render(5, 3, anatomy, human_share=1.0).image, human.image)
    assert not np.array_equal(human.image, portraits[3].image)


def test_the_skin_of_a_digital_human_carries_its_lips_and_brows(anatomy):
    person = humans.paint(1, anatomy)
    color = (person.texture[..., :3] / 255.0) ** 2

    def at(places):
        """The median color of the texture at the corners that lie at the rest places' nearest vertices."""
        vertices = [int(np.linalg.norm(anatomy.rest[:9000] - p, axis=1).argmin()) for p in places]
        triangle, corner = np.nonzero(np.isin(anatomy.triangles, vertices))
        u, v = anatomy.uv[triangle, corner].T
        rows = np.clip(((1 - v) * humans.TILE).astype(int), 0, humans.TILE - 1)
        columns = np.clip((u * humans.TILE).astype(int), 0, 2 * humans.TILE - 1)
        return np.median(color[rows, columns], axis=0)

    lip, cheek = at([[0.8, -4.2, 12.0], [-0.8, -4.2, 12.0]]), at([[4.2, 0.6, 9.0], [-4.2, 0.6, 9.0]])
    brow = at([[2.6, 6.2, 10.8], [-2.6, 6.2, 10.8]])
    assert lip[1] / lip[0] < cheek[1] / cheek[0], "lips are redder than the cheek"
    assert brow.mean() < cheek.mean(), "brows are darker"
    assert np.abs(person.texture[..., 3:].astype(int) - 128).max() > 4, "there is relief"


def test_other_index_or_seed_gives_another_picture(anatomy, portraits):
    assert not np.array_equal(portraits[0].image, portraits[1].image)
    assert not np.array_equal(people.render(6, 0, anatomy).image, portraits[0].image)


def test_pixels_are_the_projection_of_the_camera_points(portraits):
    for portrait in portraits:
        x = portrait.labels
        flat = x["points_cam"][:, :2] / x["points_cam"][:, 2:] * x["focal_px"] + [x["cx"], x["cy"]]
        assert np.abs(flat - x["points_px"]).max() < 1e-2


def test_face_takes_the_promised_share_of_the_picture(portraits):
    for portrait in portraits:
        low, high = portrait.labels["points_px"].min(0), portrait.labels["points_px"].max(0)
        assert 0.44 * SIZE < (high - low).max() < 0.76 * SIZE
        assert np.abs((low + high) / 2 - SIZE / 2).max() < 0.085 * SIZE


def test_head_pose_takes_the_eyes_to_their_irises(anatomy, portraits):
    """The iris centers lie a limbus's depth along the gaze from the eyes' centers, which the pose places."""
    for portrait in portraits:
        x = portrait.labels
        turn, move = x["head_pose"][:3, :3], x["head_pose"][:3, 3]
        assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-5)
        assert np.linalg.det(turn) == pytest.approx(1, abs=1e-4)
        assert 35 <= move[2] <= 250
        for eye, first in enumerate((dense.IRIS_LEFT, dense.IRIS_RIGHT)):
            yaw, pitch = x["gaze"][eye]
            axis = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
            iris = turn.T @ (x["points_cam"][first] - move)
            center = iris - facekit.LIMBUS_DEPTH * axis
            rest = facekit.EYE_CENTER * (1 if eye == 0 else -1, 1, 1)
            assert np.linalg.norm(center - rest) < 2.0
            rim = turn.T @ (x["points_cam"][first + 1 : first + 9] - move).T
            assert np.abs((rim.T - iris) @ axis).max() < 1e-3, "the rim is a circle across the gaze"


def test_the_camera_is_met_by_a_gaze_toward_it():
    rng = np.random.default_rng(6)
    for _ in range(20):
        pose = people.sample_pose(rng)
        yaw, pitch = np.radians(people._toward_camera(pose))
        axis = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
        between = facekit.EYE_CENTER * (0, 1, 1)
        ray = pose.matrix[:3, :3] @ axis
        start = pose.matrix[:3, :3] @ between + pose.matrix[:3, 3]
        assert np.linalg.norm(np.cross(ray, -start)) < 0.01, "the ray from the eyes goes through the camera"
        assert ray @ start < 0


def test_visible_points_lie_on_the_person_and_hidden_ones_exist(portraits):
    seen, hidden = 0, 0
    for portrait in portraits:
        visible, points = portrait.labels["visible"], portrait.labels["points_px"]
        assert inside(points[visible]).all()
        x, y = np.floor(points[visible]).astype(int).T
        covered = np.zeros(len(x), bool)
        for dx, dy in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
            covered |= portrait.alpha[np.clip(y + dy, 0, SIZE - 1), np.clip(x + dx, 0, SIZE - 1)] > 0
        assert covered.all()
        seen, hidden = seen + visible.sum(), hidden + (~visible).sum()
    assert seen > hidden > 0


def test_regions_agree_with_the_points(portraits):
    """Most visible iris centers lie in the eye's region, and most visible points of the lips near lips."""
    eyes, lips = [], []
    lip = np.unique(np.concatenate([dense.GROUPS["lip_upper_inner"], dense.GROUPS["lip_lower_inner"]]))
    for portrait in portraits:
        x = portrait.labels
        for which, classes, found in (
            (np.array([dense.IRIS_LEFT, dense.IRIS_RIGHT]), {parts.R_EYE, parts.R_GLASSES}, eyes),
            (lip, {parts.R_LIPS, parts.R_MOUTH, parts.R_TEETH}, lips),
        ):
            for u, v in np.floor(x["points_px"][which[x["visible"][which]]]).astype(int):
                around = portrait.region[max(0, v - 1) : v + 2, max(0, u - 1) : u + 2]
                found.append(bool(classes & set(around.ravel().tolist())))
    assert np.mean(eyes) > 0.9
    assert np.mean(lips) > 0.9


def test_region_map_holds_only_known_classes_and_the_person_only(portraits):
    for portrait in portraits:
        assert portrait.region.max() < len(REGIONS)
        assert portrait.image.shape == (SIZE, SIZE, 3)
        assert not portrait.region[portrait.alpha == 0].any()


def test_expression_weights_are_in_range_and_mapped(portraits):
    for portrait in portraits:
        for name, length in (("expression", 57), ("arkit", 52)):
            weights = portrait.labels[name]
            assert weights.shape == (length,)
            assert weights.min() >= 0 and weights.max() <= 1


def test_visibility_asks_frame_facing_and_depth():
    depth = np.full((8, 8), 10.0, np.float32)
    depth[:, 4:] = 2.0  # something stands in front of the right half
    points = np.array([[1.0, 2.0, 10.0], [3.5, 2.0, 10.0], [1.0, 2.0, 10.0], [-1.0, 2.0, 10.0]], np.float32)
    cam = np.tile(np.array([0.0, 0.0, 10.0], np.float32), (4, 1))
    normals = np.array([[0, 0, -1], [0, 0, -1], [0, 0, 1], [0, 0, -1]], np.float32)
    assert people.visibility(points, cam, normals, depth, 2).tolist() == [True, False, False, False]


def test_maps_of_normals_depth_and_uv_agree_with_the_head(anatomy):
    portrait = people.render(5, 3, anatomy, maps=True)
    normal, depth, uv = (portrait.maps[name] for name in ("normal", "depth", "uv"))
    assert np.array_equal(portrait.image, people.render(5, 3, anatomy).image), "maps change no picture"
    skin = (portrait.region == parts.R_SKIN) & np.isfinite(uv).all(-1)
    assert skin.sum() > 1000
    assert np.allclose(np.linalg.norm(normal[skin], axis=1), 1, atol=1e-3)
    rows, columns = np.nonzero(skin)
    focal, cx, cy = (float(portrait.labels[n]) for n in ("focal_px", "cx", "cy"))
    ray = np.stack([(columns + 0.25 - cx) / focal, (rows + 0.25 - cy) / focal, np.ones(len(rows))], 1)
    assert np.mean((normal[skin] * ray).sum(1) < 0) > 0.97, "skin that is seen faces the camera"
    pose = portrait.labels["head_pose"]
    in_head = (ray * depth[skin][:, None] - pose[:3, 3]) @ pose[:3, :3]
    left = in_head[:, 0] > 2
    right = in_head[:, 0] < -2
    assert left.any() and right.any()
    face = uv[skin][:, 0]
    assert (face[left].mean() - 0.5) * (face[right].mean() - 0.5) < 0, "the sides lie apart in texture space"


def test_points_of_the_brows_lie_where_their_hair_grows(anatomy):
    rng = np.random.default_rng(3)
    head = people.make_head(rng, anatomy, people.sample_pose(rng))
    lifted, lowered = (people._on_brows(head, anatomy, lift) for lift in (0.4, -0.6))
    own = head.dense_points
    others = np.setdiff1d(np.arange(len(own)), people.BROWS)
    assert (lifted[others] == own[others]).all()
    np.testing.assert_allclose(people._on_brows(head, anatomy, 0.0), own, atol=1e-3)
    np.testing.assert_allclose((lifted - own)[people.BROWS, 1].mean(), 0.4, atol=0.1)
    np.testing.assert_allclose((lowered - own)[people.BROWS, 1].mean(), -0.6, atol=0.15)
