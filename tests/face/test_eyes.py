"""Taking an eye apart: the ball without its iris, the iris without its reflection."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from likeness.face.eyes import disk_frame, draw_eye, take_eye
from likeness.face.light import LUMA

BALL, IRIS, SKIN = (0.8, 0.75, 0.7), (0.1, 0.05, 0.02), (0.5, 0.3, 0.2)
CENTER, RADIUS = (60.0, 40.0), 14.0
FALLBACK = np.array([0.3, 0.3, 0.3], np.float32)


def outline(height: float = 15.0) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    return (np.array(CENTER) + np.stack([34 * np.cos(angle), height * np.sin(angle)], 1)).astype(np.float32)


def axes(x: float = CENTER[0], y: float = CENTER[1]) -> np.ndarray:
    return np.array([[x, y, 50], [x + RADIUS, y, 50], [x, y - RADIUS, 50]], np.float32)


@pytest.fixture
def plate() -> np.ndarray:
    """A flat eye in flat skin, with a reflection in its iris."""
    y, x = np.mgrid[:80, :120] + 0.5
    eye = ((x - CENTER[0]) / 34) ** 2 + ((y - CENTER[1]) / 15) ** 2 < 1
    iris = eye & (np.hypot(x - CENTER[0], y - CENTER[1]) < RADIUS)
    out = np.empty((80, 120, 3), np.float32)
    out[:] = SKIN
    out[eye], out[iris] = BALL, IRIS
    out[34:37, 64:67] = 4.0
    return out


def test_the_ball_has_no_iris(plate: np.ndarray) -> None:
    eye = take_eye(plate, outline(), axes(), FALLBACK)
    assert eye is not None
    x0, y0 = eye.origin
    under = eye.ball[40 - y0, 60 - x0, :3]
    assert np.allclose(under, BALL, atol=0.05)


def test_a_shadow_beside_the_iris_is_not_painted_bright(plate: np.ndarray) -> None:
    plate[:, 71:] = IRIS
    eye = take_eye(plate, outline(), axes(), FALLBACK)
    assert eye is not None
    x0, y0 = eye.origin
    assert eye.ball[40 - y0, 75 - x0, :3].mean() < 0.4 * np.mean(BALL)
    assert eye.ball[40 - y0, 50 - x0, :3] == pytest.approx(BALL, abs=0.1)


def test_the_reflection_is_kept_apart(plate: np.ndarray) -> None:
    eye = take_eye(plate, outline(), axes(), FALLBACK)
    assert eye is not None
    assert eye.glint.max() == pytest.approx(3.9, abs=0.1)
    assert eye.disk[..., :3].max() < 1


def test_drawn_where_it_was_it_is_what_it_was(plate: np.ndarray) -> None:
    eye = take_eye(plate, outline(), axes(), FALLBACK)
    assert eye is not None
    color, cover = draw_eye(eye, axes(), outline(), np.zeros(2, np.float32), (0, 0, 120, 80))
    inside = cover > 0.99
    assert np.median(np.abs(color - plate)[inside]) < 0.02
    assert np.abs(color - plate)[inside].mean() < 0.08


def test_what_an_iris_hid_is_darker_and_redder_toward_the_lids(plate: np.ndarray) -> None:
    eye = take_eye(plate, outline(), axes(), FALLBACK)
    assert eye is not None
    aside = axes(CENTER[0] + 2.2 * RADIUS)
    color, cover = draw_eye(eye, aside, outline(), np.zeros(2, np.float32), (0, 0, 120, 80))
    across = color[:, int(CENTER[0])]
    inside = np.flatnonzero(cover[:, int(CENTER[0])] > 0.99)
    upper, middle, lower = (across[inside[k]] for k in (0, len(inside) // 2, -1))
    assert upper.mean() < lower.mean() < 0.93 * middle.mean()
    assert lower[0] / lower[2] > 1.03 * middle[0] / middle[2]


def test_soft_edges_are_drawn_as_soft_as_they_were(plate: np.ndarray) -> None:
    plate[34:37, 64:67] = IRIS
    soft = ndimage.gaussian_filter(plate, (1.2, 1.2, 0))
    eye = take_eye(soft, outline(), axes(), FALLBACK, blur_px=1.2)
    assert eye is not None
    color, _ = draw_eye(eye, axes(), outline(), np.zeros(2, np.float32), (0, 0, 120, 80))
    beside = slice(40, 44), slice(40, 80)
    assert np.abs(color - soft)[beside].max() < 0.05


def test_an_iris_that_lies_beside_its_place_leaves_no_ring(plate: np.ndarray) -> None:
    plate[34:37, 64:67] = IRIS
    eye = take_eye(plate, outline(), axes(x=CENTER[0] + 3), FALLBACK)
    assert eye is not None
    color, _ = draw_eye(eye, axes(x=CENTER[0] + 21), outline(), np.zeros(2, np.float32), (0, 0, 120, 80))
    assert np.allclose(color[40, 40:60], BALL, atol=0.1)
    assert np.allclose(color[40, 68:88], IRIS, atol=0.1)


def test_an_eyes_edge_is_soft_within_its_opening() -> None:
    eye = take_eye(np.full((80, 120, 3), 0.5, np.float32), outline(), axes(), FALLBACK)
    assert eye is not None
    hard, soft = (
        draw_eye(eye, axes(), outline(), np.zeros(2, np.float32), (0, 0, 120, 80), soft_px)[1]
        for soft_px in (0.0, 1.5)
    )
    assert (soft <= hard + 1e-6).all()
    assert 0.2 < soft[26, 60] < 0.9 and hard[26, 60] > 0.99
    assert soft[40, 60] == pytest.approx(1)


def test_an_eyes_edge_is_the_same_wherever_its_picture_is_cut() -> None:
    eye = take_eye(np.full((80, 120, 3), 0.5, np.float32), outline(), axes(), FALLBACK)
    assert eye is not None
    whole, cut = (
        draw_eye(eye, axes(), outline(), np.zeros(2, np.float32), where, 1.5)
        for where in ((0, 0, 120, 80), (60, 30, 30, 20))
    )
    assert np.allclose(whole[1][30:50, 60:90], cut[1], atol=1e-6)
    assert np.allclose(whole[0][30:50, 60:90], cut[0], atol=0.02)


def test_looking_aside_uncovers_the_ball(plate: np.ndarray) -> None:
    eye = take_eye(plate, outline(), axes(), FALLBACK)
    assert eye is not None
    color, _ = draw_eye(eye, axes(x=78), outline(), np.zeros(2, np.float32), (0, 0, 120, 80))
    assert np.allclose(color[42, 52], BALL, atol=0.1)
    assert np.allclose(color[42, 78], IRIS, atol=0.1)


def test_the_balls_middle_is_whiter_than_its_corners(plate: np.ndarray) -> None:
    eye = take_eye(plate, outline(), axes(), FALLBACK, middle=0.95)
    assert eye is not None
    (x0, y0), ball = eye.origin, eye.ball[..., :3]
    middle, corner = ball[40 - y0, 60 - x0], ball[40 - y0, 35 - x0]
    assert middle @ LUMA == pytest.approx(0.95, abs=0.02)
    assert middle[0] / middle[2] < 0.98 * BALL[0] / BALL[2]
    assert np.allclose(corner, BALL, atol=0.01)


def test_what_an_iris_hid_is_no_grayer_than_the_light(plate: np.ndarray) -> None:
    """Varnish makes all of a painting yellow: bare eyeballs were gray in it."""
    varnish = np.array([1.0, 0.75, 0.25], np.float32)
    eye = take_eye(plate * varnish, outline(), axes(), FALLBACK * varnish, middle=0.9)
    assert eye is not None
    x0, y0 = eye.origin
    middle = eye.ball[40 - y0, 60 - x0, :3]
    assert middle @ LUMA > 1.1 * (BALL * varnish) @ LUMA
    assert middle[2] / middle[0] <= 0.25 + 1e-3


def test_lashes_over_an_iris_do_not_stay_where_it_was(plate: np.ndarray) -> None:
    y, x = np.mgrid[:80, :120] + 0.5
    eye = ((x - CENTER[0]) / 34) ** 2 + ((y - CENTER[1]) / 21) ** 2 < 1
    plate[eye & (np.hypot(x - CENTER[0], y - CENTER[1]) >= RADIUS)] = BALL
    plate[20:25, 50:70] = IRIS
    plate[36:44, 84:90] = IRIS  # in the corner there is shade
    made = take_eye(plate, outline(21.0), axes(), FALLBACK)
    assert made is not None
    x0, y0 = made.origin
    assert made.ball[22 - y0, 55 - x0 : 65 - x0, :3].min() > 0.8 * min(BALL)
    assert made.ball[40 - y0, 87 - x0, :3] == pytest.approx(IRIS, abs=0.02)


def test_an_eye_without_any_light_stays_a_number(plate: np.ndarray) -> None:
    """Nothing of it was brighter than black, of which the mean was taken."""
    plate[20:60, 20:100] = 0
    eye = take_eye(plate, outline(), axes(), FALLBACK, middle=0.2)
    assert eye is not None
    assert np.isfinite(eye.ball).all() and np.isfinite(eye.disk).all()


def test_no_reflection_lies_beside_the_iris(plate: np.ndarray) -> None:
    plate[34:37, 50:53] = 4.0
    eye = take_eye(plate, outline(), axes(), FALLBACK)
    assert eye is not None
    color, cover = draw_eye(eye, axes(x=84), outline(), np.zeros(2, np.float32), (0, 0, 120, 80))
    beside = (cover > 0.99) & (np.arange(120) < 84 - 1.2 * RADIUS)
    assert color[beside].max() < 1


def test_what_a_lid_hid_of_the_iris_is_its_mirror_image(plate: np.ndarray) -> None:
    low = outline()
    low[:, 1] = np.maximum(low[:, 1], 36)
    plate[:36] = SKIN
    eye = take_eye(plate, low, axes(), FALLBACK)
    assert eye is not None
    color, _ = draw_eye(eye, axes(), outline(), np.zeros(2, np.float32), (0, 0, 120, 80))
    assert np.allclose(color[30, 60], IRIS, atol=0.1)


def test_an_eye_that_shows_nothing_gets_the_light_it_stands_in(plate: np.ndarray) -> None:
    shut = outline(height=0.3)
    eye = take_eye(plate, shut, axes(), FALLBACK)
    assert eye is not None
    assert np.allclose(eye.ball[..., :3], FALLBACK)


@pytest.mark.parametrize("shift", [500.0, -500.0])
def test_an_eye_outside_the_picture_is_none(plate: np.ndarray, shift: float) -> None:
    assert take_eye(plate, outline() + shift, axes(60 + shift, 40 + shift), FALLBACK) is None


def test_the_disk_has_its_own_coordinates() -> None:
    frame = disk_frame(axes())
    assert np.allclose(frame @ [1, 0, 1], [CENTER[0] + RADIUS, CENTER[1]])
    assert np.allclose(frame @ [0, 1, 1], [CENTER[0], CENTER[1] - RADIUS])
