"""The light on a face: found from skin, used for what is drawn anew."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.face.light import (
    ENAMEL,
    EYEBALL_ALBEDO,
    LUMA,
    VARNISH,
    YELLOWEST,
    Light,
    _enamel,
    basis,
    estimate,
)


def sphere(count: int = 400) -> np.ndarray:
    """Unit normals that face the camera."""
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    normals[:, 2] = -np.abs(normals[:, 2])
    return normals.astype(np.float32)


def test_light_from_the_left_is_found_there() -> None:
    normals = sphere()
    left = np.maximum(0.3 - 0.7 * normals[:, 0], 0)
    colors = (left[:, None] * np.array([0.5, 0.35, 0.28])).astype(np.float32)
    light = estimate(colors, normals, None)
    lit, dark = light.at(np.array([[-0.9, 0, -0.44], [0.9, 0, -0.44]], np.float32))
    assert lit.mean() > 1.8 * dark.mean()


def test_white_follows_the_exposure() -> None:
    normals = sphere()
    colors = np.full((len(normals), 3), 0.3, np.float32)
    one, ten = estimate(colors, normals, None), estimate(colors * 10, normals, None)
    assert np.allclose(ten.white, one.white * 10, rtol=1e-4)


def test_dark_skin_darkens_neither_white_nor_teeth() -> None:
    normals, lamp = sphere(), np.array([0.7, 0.68, 0.66], np.float32)
    fair, dark = (
        estimate(np.tile(lamp * skin, (len(normals), 1)), normals, EYEBALL_ALBEDO * lamp)
        for skin in (np.array([0.9, 0.58, 0.45]), np.array([0.2, 0.1, 0.065]))
    )
    assert np.allclose(dark.white, lamp, rtol=0.05)
    assert np.allclose(dark.skin, fair.skin, rtol=0.15)
    assert np.allclose(dark.white * dark.enamel, fair.white * fair.enamel, rtol=0.1)


def test_shadows_of_skin_tell_how_its_channels_follow_light() -> None:
    normals = sphere()
    level = np.maximum(0.5 - 0.4 * normals[:, :1], 0.05)
    colors = (np.array([0.5, 0.35, 0.28]) * level ** [0.8, 1.05, 1.3]).astype(np.float32)
    red, green, blue = estimate(colors, normals, None).tint
    assert red < 0.95 < green < 1.25 < blue
    even = estimate(np.full((len(normals), 3), 0.3, np.float32), normals, None).tint
    assert np.allclose(even, 1)


def test_a_seen_eyeball_tells_white() -> None:
    normals = sphere()
    colors = np.full((len(normals), 3), 0.4, np.float32)
    light = estimate(colors, normals, EYEBALL_ALBEDO * 0.7)
    assert np.allclose(light.white, 0.7, rtol=0.05)


def test_radiance_is_never_negative() -> None:
    light = Light(np.array([0.1, 3, 0, 0, 0, 0, 0, 0, 0], np.float32), np.ones(3, np.float32))
    assert (light.at(sphere()) > 0).all()


def test_the_basis_is_that_of_order_two() -> None:
    assert basis(sphere(5)).shape == (5, 9)


def test_teeth_beside_red_skin_are_warm_and_paler_than_it() -> None:
    normals, skin = sphere(), np.array([0.5, 0.23, 0.18], np.float32)
    light = estimate(np.tile(skin, (len(normals), 1)), normals, None)
    teeth = light.white * light.enamel
    assert np.allclose(teeth @ LUMA, light.white @ LUMA, rtol=1e-4)
    assert np.allclose(teeth / teeth[0], (skin / skin[0]) ** ENAMEL, rtol=1e-3)
    gray = estimate(np.full((len(normals), 3), 0.3, np.float32), normals, None)
    assert np.allclose(gray.enamel, 1, rtol=1e-4)


def test_teeth_under_varnish_are_yellower_but_less_so_than_it_is() -> None:
    white, skin = np.ones(3, np.float32), np.array([0.5, 0.35, 0.25], np.float32)
    teeth = _enamel(skin, white)
    varnish = np.array([1, 1, 0.5], np.float32)
    varnished = white * varnish * _enamel(skin * varnish, white * varnish)
    ratio = teeth[1] / teeth[2]
    assert ratio == pytest.approx(1.4**ENAMEL, rel=1e-3)
    more = 2 * 1.4 / YELLOWEST  # the varnish is what is yellower than the yellowest skin
    assert varnished[1] / varnished[2] == pytest.approx(YELLOWEST**ENAMEL * more**VARNISH, rel=0.01)
    assert ratio < varnished[1] / varnished[2] < 2 * ratio
