"""Color goes to scene-linear and back; the display view shows anything and inverts exactly."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from likeness.errors import BadInput, BadRequest
from likeness.media import color

REC709 = "Linear Rec.709 (sRGB)"
AP1 = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)


@pytest.mark.parametrize(
    ("name", "metadata", "space"),
    [
        ("plate.exr", {}, REC709),
        ("plate.exr", {"chromaticities": AP1}, "ACEScg"),
        ("plate_acescg.0001.exr", {}, "ACEScg"),
        ("plate_ACES2065-1.0001.exr", {}, "ACES2065-1"),
        ("A001_arri_logc4.0001.dpx", {}, "ARRI LogC4"),
        ("photo.png", {"oiio:ColorSpace": "srgb_rec709_scene"}, "sRGB Encoded Rec.709 (sRGB)"),
        ("photo.jpg", {"ICCProfile:profile_description": "Display P3"}, "sRGB Encoded P3-D65"),
        ("photo.jpg", {"ICCProfile:profile_description": "Adobe RGB (1998)"}, "Gamma 2.2 Encoded AdobeRGB"),
        ("scan.dpx", {"oiio:ColorSpace": "KodakLog"}, "ADX10"),
        ("clip.mp4", {"color_trc": "1", "color_primaries": "1"}, "sRGB Encoded Rec.709 (sRGB)"),
        ("clip.mov", {"color_trc": "18", "color_primaries": "9"}, "Rec.2100-HLG - Display"),
        ("clip.mov", {"com.arri.camera.ColorGammaSxS": "LOG-C"}, "ARRI LogC3 (EI800)"),
        ("clip.mov", {"gamma": "LogC4"}, "ARRI LogC4"),
    ],
)
def test_the_color_space_is_guessed(name: str, metadata: dict[str, object], space: str) -> None:
    assert color.guess(name, metadata) == space


def test_a_clip_of_a_color_that_no_configuration_has_asks_for_one() -> None:
    with pytest.raises(BadInput, match=r"Name its color space"):
        color.guess("clip.mp4", {"color_trc": "1", "color_primaries": "9"})


@pytest.mark.parametrize(
    ("space", "linear"),
    [
        ("srgb_texture", REC709),
        ("Camera Rec.709", REC709),
        ("ACEScg", "ACEScg"),
        (REC709, REC709),
        ("ARRI LogC3 (EI800)", "ACEScg"),
        ("Raw", "Raw"),
    ],
)
def test_each_space_has_a_linear_one(space: str, linear: str) -> None:
    assert color.linear_of(space) == linear


def test_an_unknown_space_is_answered_with_near_names() -> None:
    with pytest.raises(BadRequest, match=r"'ARRI LogC9'.*ARRI LogC4"):
        color.resolve("ARRI LogC9")


def test_the_configuration_can_be_a_file_and_a_wrong_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine config.ocio"
    config = copy.deepcopy(color.load_config("ocio://cg-config-v2.1.0_aces-v1.3_ocio-v2.3"))
    rules = copy.deepcopy(config.getFileRules())
    rules.insertRule(0, "renders", "ACEScg", "*", "exr")
    config.setFileRules(rules)
    mine.write_text(config.serialize())
    monkeypatch.setenv("OCIO", str(mine))
    assert color.guess("photo.png", {"oiio:ColorSpace": "sRGB"}) == "sRGB - Texture"
    assert color.guess("plate.0001.exr", {}) == "ACEScg", "the configuration's own rule"
    monkeypatch.setenv("OCIO", str(tmp_path / "absent.ocio"))
    with pytest.raises(BadInput, match=r"absent\.ocio.*Mend \$OCIO"):
        color.load_config()


def test_srgb_is_decoded_by_its_formula() -> None:
    codes = np.array([0, 10, 128, 255], np.uint8)
    linear = color.codes_to_linear(np.repeat(codes[None, :, None], 3, 2), "srgb_texture")
    v = codes / 255
    expected = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    assert linear[0, :, 1] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_code_comes_back(kind: type) -> None:
    codes = np.arange(np.iinfo(kind).max + 1).astype(kind)
    rgb = np.repeat(codes[None, :, None], 3, 2)
    linear = color.codes_to_linear(rgb, "srgb_texture")
    back = color.from_linear(linear, REC709, "srgb_texture") * np.iinfo(kind).max
    assert (np.rint(back).astype(kind) == rgb).all()


def test_data_is_never_converted() -> None:
    values = np.float32([[[2, -1, np.inf]]])
    assert (color.to_linear(values, "Raw") == values).all()


@pytest.mark.parametrize("space", [REC709, "ACEScg"])
def test_the_view_of_dark_and_middle_tones_is_srgb(space: str) -> None:
    gray = np.linspace(0, 0.75, 50, dtype=np.float32)[None, :, None].repeat(3, 2)
    shown = color.display_view(gray, space)
    assert shown == pytest.approx(color.from_linear(gray, REC709, "srgb_texture"), abs=2e-4)


def test_the_view_shows_anything() -> None:
    values = [-60000, -1, 0, 0.5, 1, 2, 10, 60000, np.inf, -np.inf, np.nan]
    shown = color.display_view(np.float32(values)[None, :, None].repeat(3, 2), REC709)[0, :, 0]
    assert ((shown >= 0) & (shown <= 1)).all()
    assert (np.diff(shown[2:8]) > 0).all(), "highlights stay apart"
    assert (shown[8], shown[9], shown[10]) == (1, 0, 0)


@settings(deadline=None)
@given(arrays.arrays(np.float32, (2, 3, 3), elements=st.floats(0, 0.984375, width=32)))
def test_the_view_inverts(view: np.ndarray) -> None:
    for space in (REC709, "ACEScg", "ACES2065-1"):
        linear = color.from_display_view(view, space)
        assert np.isfinite(linear).all()
        if space == REC709:
            assert color.display_view(linear, space) == pytest.approx(view, abs=2e-6)


@settings(deadline=None)
@given(arrays.arrays(np.float32, (2, 3, 3), elements=st.floats(0, 50, width=32)))
def test_linear_values_come_back_from_the_view(linear: np.ndarray) -> None:
    back = color.from_display_view(color.display_view(linear, REC709), REC709)
    assert back == pytest.approx(linear, rel=2e-3, abs=1e-6)


def test_the_view_refuses_an_encoded_space() -> None:
    with pytest.raises(BadRequest, match="not scene-linear"):
        color.display_view(np.zeros((1, 1, 3), np.float32), "ARRI LogC4")
