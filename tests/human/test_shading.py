"""The shape that shading shows: the surface looked at, its light, and a person found again from it."""

import numpy as np
import pytest

from likeness.face.fit import Fit, Lens, project, rotation_matrix
from likeness.face.landmarks import Points
from likeness.face.light import basis, basis_slopes
from likeness.face.report import reported_head
from likeness.head.model import load_head
from likeness.human import shading
from likeness.render.raster import rasterize
from likeness.training.skin_shading import summary

SIZE = 256
LENS = Lens(700.0, (SIZE / 2, SIZE / 2))
LAMP = np.array([1.0, -0.3, -0.35, -0.4, 0.05, 0.1, 0.05, 0.0, 0.05])
NOBODY = np.zeros(100)


def someone(seed):
    return np.random.default_rng(seed).standard_normal(100)


def posed(identity, yaw, sigma_px=12.0):
    """A person at rest, turned, and the points found of them, which hardly tell anything."""
    head = reported_head()
    rotation = rotation_matrix(np.array([0, yaw, 0])) @ np.diag([1.0, -1.0, -1.0])
    fit = Fit(rotation, np.array([1.0, 2.0, 70.0]), np.zeros(52), np.zeros((2, 2)))
    points = head.point_mean + np.tensordot(identity, head.point_identity, 1)
    camera = points @ rotation.T + fit.translation
    xy, count = project(camera, LENS), len(camera)
    z = (camera[:, 2] - camera[:68, 2].mean()) * LENS.focal_px / camera[:68, 2].mean()
    return Points(xy, z, np.full(count, sigma_px), np.ones(count), presence=1.0), fit


def shaded(identity, fit, gain=1.0):
    """What a camera sees of even skin without gloss in a light of nine spherical harmonics."""
    surface = shading.load_surface()
    camera = surface.vertices(identity, fit.expression) @ fit.rotation.T + fit.translation
    seen = np.concatenate([project(camera, LENS), camera[:, 2:]], 1).astype(np.float32)
    index, bary, _ = rasterize(seen, surface.triangles, SIZE, SIZE)
    a, b, c = camera[surface.triangles].transpose(1, 0, 2)
    normal = np.zeros_like(camera)
    for corner in surface.triangles.T:
        np.add.at(normal, corner, np.cross(b - a, c - a))
    inside = index >= 0
    smooth = np.einsum("nk,nkc->nc", bary[inside], normal[surface.triangles[index[inside]]])
    smooth /= np.linalg.norm(smooth, axis=1, keepdims=True)
    value = np.zeros((SIZE, SIZE), np.float32)
    value[inside] = np.log(gain * np.maximum(basis(smooth.astype(np.float32)) @ LAMP, 0.1))
    down, right = np.gradient(value)
    return shading.Shades(value, right, down, inside.astype(np.float32), (0, 0))


@pytest.fixture
def even(monkeypatch):
    """Skin that is alike everywhere and in everybody."""
    places = len(shading.load_surface().rows)
    usual = shading.Usual(np.zeros(places), np.full(places, 0.06))
    monkeypatch.setattr(shading, "load_usual", lambda: usual)


def apart(a, b):
    """Mean distance of the face's vertices, less size and pose."""
    head = load_head()
    rows = head.regions["face"] > 0.5
    a, b = (head.rest(who.astype(np.float32))[rows].astype(float) for who in (a, b))
    a, b = a - a.mean(0), b - b.mean(0)
    u, values, vt = np.linalg.svd(a.T @ b)
    return np.linalg.norm(values.sum() / (a**2).sum() * a @ u @ vt - b, axis=1).mean()


def test_normals_change_with_identity_as_told():
    surface, who = shading.load_surface(), someone(1)
    none = np.zeros(52)
    normal, change = surface.normals(surface.vertices(who, none))
    assert np.allclose(np.linalg.norm(normal, axis=1), 1)
    step = np.zeros(100)
    step[4] = 1e-4
    moved, _ = surface.normals(surface.vertices(who + step, none))
    assert np.abs((moved - normal) / 1e-4 - change[:, 4]).max() < 1e-3


def test_the_harmonics_slopes_are_theirs():
    normal = np.array([[0.3, -0.5, -0.8]])
    for c in range(3):
        step = np.eye(3)[c][None] * 1e-2
        slope = (basis((normal + step).astype(np.float32)) - basis((normal - step).astype(np.float32))) / 2e-2
        assert np.abs(slope - basis_slopes(normal)[..., c]).max() < 1e-3


def test_a_person_fits_their_own_picture_and_another_does_not(even):
    who = someone(2)
    _, fit = posed(who, 0.0)
    shade, surface = shaded(who, fit), shading.load_surface()
    even_tone = shading.load_usual().tone
    own = shading.look(surface, shade, LENS, fit, who, even_tone)
    other = shading.look(surface, shade, LENS, fit, someone(3), even_tone)
    seen = own.weight > 0.5
    assert seen.sum() > 200
    assert np.median(np.abs(own.error[seen])) < 0.03 < np.median(np.abs(other.error[seen]))


def test_shading_tells_a_person_whom_points_hardly_tell(even):
    who = someone(4)
    photos, fits = [], []
    for yaw in (0.0, 0.6, -0.6):
        found, fit = posed(who, yaw)
        photos.append(shading.Seen(found, LENS, shaded(who, fit, gain=1 + yaw)))
        fits.append(fit)
    blind = [shading.Seen(photo.points, LENS, None) for photo in photos]
    usual = apart(NOBODY, who)
    assert apart(shading.solve_shape(blind, NOBODY, fits)[0], who) > 0.6 * usual
    assert apart(shading.solve_shape(photos, NOBODY, fits)[0], who) < 0.5 * usual


def test_a_picture_without_color_tells_no_shading():
    found, _ = posed(NOBODY, 0.0)
    gray = np.full((SIZE, SIZE, 3), 0.4, np.float32)
    assert shading.shades(gray, gray, found.xy, "cpu") is None


def test_what_is_usual_is_known_for_every_place_looked_at():
    usual, places = shading.load_usual(), len(shading.load_surface().rows)
    assert usual.tone.shape == usual.spread.shape == (places,)
    assert (usual.spread > 0).all() and np.median(np.abs(usual.tone)) < 0.2


def test_the_usual_tone_leaves_out_shadows_that_few_have():
    rng = np.random.default_rng(0)
    errors = 0.3 + 0.05 * rng.standard_normal((60, 4))
    errors[:3] -= 2.0
    usual = summary(errors, np.ones_like(errors))
    assert np.abs(usual.tone - 0.3).max() < 0.05
    assert usual.spread == pytest.approx(1, abs=0.4)
