"""People from photos, piece by piece: lenses, exposures, what is seen and what is painted."""

import numpy as np
import pytest

from likeness.face.fit import Fit, Lens, project, rotation_matrix
from likeness.face.landmarks import Points
from likeness.face.light import Light
from likeness.face.report import reported_head
from likeness.head import points as dense
from likeness.head.model import load_head
from likeness.human import photos
from likeness.human.look import Look
from likeness.human.portrait import EXPRESSIONS, develop, sheet
from likeness.human.skin import make_skin
from likeness.human.texels import head_texels
from likeness.performance import ARKIT

SIZE = 256


def seen_through(lens, identity, yaw):
    """The dense points of a person without expression, as they are found through a lens, and the pose."""
    head = reported_head()
    rotation = rotation_matrix(np.array([0, yaw, 0])) @ np.diag([1.0, -1.0, -1.0])
    translation = np.array([1.0, 2.0, 70.0])
    points = (head.point_mean + np.tensordot(identity, head.point_identity, 1)) @ rotation.T + translation
    count = len(points)
    z = (points[:, 2] - points[:68, 2].mean()) * lens.focal_px / points[:68, 2].mean()
    found = Points(project(points, lens), z, np.full(count, 0.5), np.ones(count), presence=1.0)
    return found, Fit(rotation, translation, np.zeros(52), np.zeros((2, 2)))


def test_points_brought_to_another_lens_are_those_it_would_see():
    nobody = np.zeros(100, np.float32)
    mine, other = Lens(800.0, (300.0, 200.0)), Lens(1000.0, (0.0, 0.0))
    here, _ = seen_through(mine, nobody, 0.3)
    there, _ = seen_through(other, nobody, 0.3)
    moved = photos.brought(here, mine, other)
    assert np.abs(moved.xy - there.xy).max() < 1e-6
    assert np.allclose(moved.z, there.z)
    assert np.allclose(moved.sigma_px, 0.5 * 1000 / 800)


def test_views_through_different_lenses_give_one_person():
    who = np.random.default_rng(3).standard_normal(100).astype(np.float32)
    head = load_head()
    given = []
    for yaw, focal in ((0.0, 700.0), (0.6, 1400.0), (-0.6, 900.0)):
        lens = Lens(focal, (256.0, 256.0))
        found, _ = seen_through(lens, who, yaw)
        blank = np.zeros((8, 8, 3), np.float32)
        given.append(photos.Photo(found, lens, blank, blank))
    sitting = photos.solve(given)
    skin = slice(0, dense.SKIN_COUNT)

    def rest(identity):
        points = head.points(identity, np.zeros(52, np.float32))[skin]
        return points - points.mean(0)

    def apart(identity):  # size and pose are not told by pictures
        a, b = rest(identity).astype(float), rest(who).astype(float)
        u, values, vt = np.linalg.svd(a.T @ b)
        return np.linalg.norm(values.sum() / (a**2).sum() * a @ u @ vt - b, axis=1).mean()

    error, usual = apart(sitting.identity), apart(0 * who)
    assert error < 0.12 and error < 0.4 * usual
    assert sitting.residual < 0.01


def unwrapped(color, weight):
    picture = np.broadcast_to(np.float32(color), (SIZE, SIZE, 3)).copy()
    return photos.Unwrapped(picture, weight, Light(np.eye(9, dtype=np.float32)[0], np.ones(3, np.float32)))


def test_photos_are_brought_to_one_exposure():
    left, right = np.zeros((2, SIZE, SIZE), np.float32)
    left[:, :150], right[:, 100:] = 1, 1
    albedo, sure = photos.combine([unwrapped([0.4, 0.3, 0.2], left), unwrapped([0.2, 0.15, 0.1], right)])
    assert np.allclose(albedo, [0.4, 0.3, 0.2], rtol=0.02)
    assert sure.min() == 1


def test_what_no_photo_shows_stays_painted_and_what_one_shows_is_taken():
    look, at = Look(), head_texels(SIZE)
    painted = make_skin(look, SIZE)
    albedo, sure = painted.base_color.copy(), np.zeros((SIZE, SIZE), np.float32)
    assert np.array_equal(photos.completed(painted, albedo, sure, at, look).base_color, painted.base_color)
    y, x = 85, 128  # between the brows
    sure[60:110, 100:156] = 1
    albedo[y - 2 : y + 3, x - 2 : x + 3] *= 0.4  # a mark
    done = photos.completed(painted, albedo, sure, at, look).base_color
    assert done[y, x].mean() < 0.6 * painted.base_color[y, x].mean()
    assert np.array_equal(done[:40], painted.base_color[:40])


def test_colors_of_eyes_and_hair_are_found_again():
    from likeness.human.eyes import iris_color
    from likeness.human.tissue import hair_color

    for melanin in (0.05, 0.9):
        look = Look(eye_melanin=melanin, eye_green=0.2)
        found, _ = photos._nearest_eye(np.mean(iris_color(look), 0), look)
        assert found == pytest.approx(melanin, abs=0.1)
    for melanin in (0.2, 0.6):
        assert photos._nearest_hair(hair_color(melanin, 0.0, 0.0))[0] == pytest.approx(melanin, abs=0.1)


def test_expressions_name_real_shapes():
    for weights, gaze in EXPRESSIONS.values():
        assert set(weights) <= set(ARKIT) and all(0 <= w <= 1 for w in weights.values())
        assert max(map(abs, gaze)) <= 30


def test_a_sheet_lays_pictures_out_row_by_row():
    cells = [np.full((2, 3, 3), v, np.float32) for v in (0.1, 0.2, 0.3)]
    whole = sheet(cells, 2)
    assert whole.shape == (4, 6, 3)
    assert whole[0, 0, 0] == np.float32(0.1) and whole[0, 3, 0] == np.float32(0.2)
    assert whole[2, 0, 0] == np.float32(0.3) and whole[2, 3, 0] == 0


def test_developing_keeps_order_and_never_clips_hard():
    shown = develop(np.linspace(0, 20, 200, dtype=np.float32)[:, None, None])
    assert (np.diff(shown[:, 0, 0]) >= 0).all() and shown.max() <= 1.0001
    assert develop(np.float32([[0.18]]))[0, 0] == pytest.approx(0.461, abs=0.01)
