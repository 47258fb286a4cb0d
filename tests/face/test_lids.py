"""A closed lid: plain skin where the eye was, and the dark line of its margin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.face import lids

WIDE = 20.0  # pixels of a centimeter
CM_PX = np.array([[WIDE, 0], [0, -WIDE]], np.float32)
SKIN, WHITE, LINE = (0.5, 0.33, 0.25), (0.75, 0.73, 0.7), (0.06, 0.04, 0.03)
MIDDLE, HALF = np.array([80.0, 60.0]), np.array([30.0, 11.0])
UPPER = 33
EVEN = np.ones(3, np.float32)


def outline() -> np.ndarray:
    """An ellipse, its upper edge first, from the left."""
    angle = np.r_[np.linspace(np.pi, 0, UPPER), np.linspace(0, -np.pi, UPPER)[1:-1]]
    return (MIDDLE + HALF * np.stack([np.cos(angle), -np.sin(angle)], 1)).astype(np.float32)


def plate(beyond_px: float = 0.0) -> np.ndarray:
    """Skin, an eye that is larger than its outline by so much below, and a dark margin above it."""
    y, x = np.mgrid[:120, :160].astype(np.float32) + 0.5
    out = np.broadcast_to(np.array(SKIN, np.float32), (120, 160, 3)).copy()
    far = np.hypot((x - MIDDLE[0]) / HALF[0], (y - MIDDLE[1]) / (HALF[1] + beyond_px * (y > MIDDLE[1])))
    out[far < 1] = WHITE
    out[(np.abs(far - 1) < 0.12) & (y < MIDDLE[1])] = LINE
    return out


def skinned(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture with its eye covered by the lid's skin, and where it changed."""
    lid = lids.take_lid(picture, outline(), UPPER, CM_PX, inner_first=True)
    color, matte = picture.copy(), np.zeros(picture.shape[:2], np.float32)
    lids.lay_lid(lid, 1.0, np.zeros(2, np.float32), (0, 0), color, matte)
    return color, matte


def closed(
    picture: np.ndarray, blur_px: float = 0.0, tint: np.ndarray = EVEN
) -> tuple[np.ndarray, np.ndarray]:
    """The picture with its eye closed along the lower half of its outline, and where it changed."""
    lid = lids.take_lid(picture, outline(), UPPER, CM_PX, inner_first=True)
    color, matte = skinned(picture)
    margin = outline()[:UPPER] * [1, -0.8] + [0, 1.8 * MIDDLE[1]]
    lids.lay_lashes(lid, 1.0, margin.astype(np.float32), blur_px, tint, (0, 0), color, matte)
    return color, matte


@pytest.mark.parametrize("beyond_px", [0.0, 4.0])
def test_skin_is_where_the_eye_was(beyond_px: float) -> None:
    color, _ = skinned(plate(beyond_px))
    assert color[..., 2].max() < SKIN[2] + 0.03
    above = color[int(MIDDLE[1]) - 12 : int(MIDDLE[1]), 60:100]
    assert above == pytest.approx(np.broadcast_to(SKIN, above.shape), abs=0.03)


def test_no_second_line_is_left_below_a_closed_lid() -> None:
    picture = plate()
    y, x = np.mgrid[:120, :160].astype(np.float32) + 0.5
    lower = np.hypot((x - MIDDLE[0]) / (HALF[0] + 4), (y - MIDDLE[1]) / (HALF[1] + 4))
    picture[(np.abs(lower - 1) < 0.1) & (y > MIDDLE[1])] = LINE  # of lashes, beyond the eye as it was found
    color, _ = skinned(picture)
    below = color[int(MIDDLE[1] + 0.8 * HALF[1]) + 6 :]
    assert below == pytest.approx(np.broadcast_to(SKIN, below.shape), abs=0.1)


def test_a_wide_shade_beside_an_eye_stays() -> None:
    picture = plate()
    picture[int(MIDDLE[1] + HALF[1]) + 4 :] *= 0.6  # where the cheek begins
    color, _ = skinned(picture)
    below = slice(int(MIDDLE[1] + HALF[1]) + 10, None)
    assert color[below] == pytest.approx(picture[below], abs=0.02)


def test_the_margin_is_as_dark_as_the_plates() -> None:
    color, _ = closed(plate())
    line = np.median(color[:, 75:95].min(axis=0), axis=0)
    assert line == pytest.approx(LINE, abs=0.06)
    assert color.argmin(axis=0)[85, 0] == pytest.approx(MIDDLE[1] + 0.8 * HALF[1], abs=2)


def test_the_inner_corner_is_bare() -> None:
    color, _ = closed(plate())
    assert color[..., 0].min(axis=0)[52] > 1.5 * color[..., 0].min(axis=0)[90]


def test_a_soft_plate_gets_a_soft_line() -> None:
    hard, soft = (closed(plate(), blur)[0][:, 85, 0] for blur in (0.0, 2.0))
    assert np.abs(np.diff(soft)).max() < 0.7 * np.abs(np.diff(hard)).max()


def test_what_does_not_change_is_not_in_the_matte() -> None:
    color, matte = closed(plate())
    assert not (color != plate())[matte == 0].any()
    assert not matte[:20].any() and matte.max() == 1


def test_an_eye_beyond_the_region_draws_nothing() -> None:
    lid = lids.take_lid(plate(), outline(), UPPER, CM_PX, inner_first=True)
    color, matte = np.ones((20, 20, 3), np.float32), np.zeros((20, 20), np.float32)
    lids.lay_lid(lid, 1.0, np.zeros(2, np.float32), (500, 500), color, matte)
    lids.lay_lashes(lid, 1.0, outline()[:UPPER], 0.0, EVEN, (500, 500), color, matte)
    assert (color == 1).all() and not matte.any()


def test_a_dark_brow_does_not_color_the_lid() -> None:
    picture = plate()
    picture[26:36, 40:120] = (0.05, 0.04, 0.04)
    above = skinned(picture)[0][int(MIDDLE[1]) - 12 : int(MIDDLE[1]), 60:100]
    assert above == pytest.approx(np.broadcast_to(SKIN, above.shape), abs=0.03)


def test_a_lid_in_the_shade_takes_no_light_from_the_bright_side() -> None:
    light = np.interp(np.arange(160), [55, 85], [0.4, 1]).astype(np.float32)[None, :, None]  # no brow
    lid = skinned(plate() * light)[0][54:64, 54:60] / light[:, 54:60]
    assert lid == pytest.approx(np.broadcast_to(SKIN, lid.shape), rel=0.2)


def test_the_line_shades_the_skin_about_it_more_below_and_least_in_red() -> None:
    color, _ = closed(plate())
    left = np.median(color[:, 75:95] / np.array(SKIN, np.float32), axis=1)
    line = int(left.mean(axis=1).argmin())
    above, below = left[line - 24 : line + 1][::-1], left[line : line + 24]
    for side in (above, below):
        assert (np.diff(side.mean(axis=1)) > -0.01).all() and side[-1] == pytest.approx(1, abs=0.05)
    assert (below[2:12] < above[2:12]).all()  # 0.1 to 0.6 cm
    assert (left[line + 3 : line + 12, 0] > left[line + 3 : line + 12, 1]).all()


def test_the_shade_has_the_hue_of_the_plates_own_shades() -> None:
    tint = np.array([0.7, 1.2, 1.5], np.float32)
    even, warm = (
        closed(plate(), tint=each)[0][:, 75:95] / np.array(SKIN, np.float32) for each in (EVEN, tint)
    )
    shaded = (even.max(axis=2) < 0.95) & (even.min(axis=2) > 0.8)
    assert shaded.any()
    assert warm[shaded] == pytest.approx(even[shaded] ** tint, abs=0.02)


def test_the_line_goes_on_beyond_the_outer_corner_and_ends_there() -> None:
    color, _ = closed(plate())
    corner = int(MIDDLE[0] + HALF[0])
    beyond = (color / np.array(SKIN, np.float32))[50:75, :, 1].min(axis=0)
    assert beyond[corner + 3] < 0.8 and beyond[corner + int(1.5 * WIDE)] == pytest.approx(1, abs=0.02)


def test_a_line_finer_than_a_pixel_is_paler() -> None:
    fine, coarse = (
        lids.take_lid(plate(), outline(), UPPER, np.float32(factor) * CM_PX, inner_first=True)
        for factor in (0.4, 1.0)
    )
    darkest = []
    for lid in (fine, coarse):
        color, matte = np.ones((120, 160, 3), np.float32), np.zeros((120, 160), np.float32)
        line = replace(lid, line=coarse.line)
        lids.lay_lashes(line, 1.0, outline()[:UPPER], 0.0, EVEN, (0, 0), color, matte)
        darkest.append(np.median(color[:, 75:95].min(axis=0)))
    assert darkest[0] > darkest[1] + 0.1
