"""Every still picture is read rightly, or refused in one sentence that names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from likeness.errors import BadInput, BadOutput, BadRequest
from likeness.media import Image, color, open_source, read_picture, rgb, write_image
from tests.damaged import write_huge

Save = Callable[..., Path]
RAMP = np.linspace(0, 1, 48, dtype=np.float32).reshape(4, 4, 3)


def linear(encoded: np.ndarray) -> np.ndarray:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [
        ("a.png", "uint8", 0.005),
        ("a.png", "uint16", 2e-5),
        ("a.tif", "uint16", 2e-5),
        ("a.jpg", "uint8", 0.2),
        ("a.bmp", "uint8", 0.005),
        ("a.tga", "uint8", 0.005),
        ("a.webp", "uint8", 0.5),
    ],
)
def test_encoded_pictures_become_linear(
    tmp_path: Path, save: Save, name: str, kind: str, error: float
) -> None:
    image = read_picture(save(tmp_path / name, RAMP, kind))
    assert image.pixels == pytest.approx(linear(RAMP), abs=error)
    assert image.colorspace == "Linear Rec.709 (sRGB)"
    assert set(image.formats) == {kind}


@pytest.mark.parametrize(
    ("name", "kind"), [("a.exr", "half"), ("a.exr", "float"), ("a.tif", "float"), ("a.hdr", "float")]
)
def test_linear_pictures_stay_as_they_are(tmp_path: Path, save: Save, name: str, kind: str) -> None:
    pixels = (RAMP * 8).astype(np.float16).astype(np.float32)
    image = read_picture(save(tmp_path / name, pixels, kind, oiio__ColorSpace="lin_rec709_scene"))
    assert image.pixels == pytest.approx(pixels, abs=0 if name != "a.hdr" else 0.05)


def test_a_log_scan_goes_to_acescg(tmp_path: Path, save: Save) -> None:
    path = save(tmp_path / "a.dpx", RAMP, "uint16", oiio__BitsPerSample=10, dpx__Transfer="Printing density")
    image = read_picture(path, "ARRI LogC3 (EI800)")
    expected = color.convert(RAMP, "ARRI LogC3 (EI800)", "ACEScg")
    assert image.colorspace == "ACEScg"
    assert image.pixels == pytest.approx(expected, rel=0.02, abs=0.01)


def test_the_color_space_can_be_given(tmp_path: Path, save: Save) -> None:
    path = save(tmp_path / "a.png", RAMP, "uint16")
    assert read_picture(path, "Raw").pixels == pytest.approx(RAMP, abs=1e-5)


def test_unassociated_alpha_is_multiplied_when_linear(tmp_path: Path, save: Save) -> None:
    pixels = np.concatenate([RAMP, np.full((4, 4, 1), 0.5, np.float32)], axis=2)
    image = read_picture(save(tmp_path / "a.png", pixels, "uint16", oiio__UnassociatedAlpha=1))
    assert image.pixels[..., :3] == pytest.approx(linear(RAMP) * 0.5, abs=1e-4)


def test_premultiplied_color_is_decoded_without_its_alpha(tmp_path: Path, save: Save) -> None:
    pixels = np.concatenate([RAMP * 0.5, np.full((4, 4, 1), 0.5, np.float32)], axis=2)
    image = read_picture(save(tmp_path / "a.exr", pixels, "float"), "srgb_texture")
    assert image.pixels[..., :3] == pytest.approx(linear(RAMP) * 0.5, abs=1e-5)
    assert (image.pixels[..., 3] == 0.5).all()


def test_overscan_and_crop_keep_their_windows(tmp_path: Path, save: Save) -> None:
    over = read_picture(save(tmp_path / "a.exr", RAMP, origin=(-1, -1), display=(0, 0, 2, 2)))
    assert (over.pixels.shape, over.origin, over.display) == ((4, 4, 3), (-1, -1), (0, 0, 2, 2))
    crop = open_source(save(tmp_path / "b.exr", RAMP, origin=(10, 20), display=(0, 0, 64, 32)))
    assert (crop.width, crop.height) == (64, 32)
    assert crop.read(1).origin == (10, 20)


def test_pixel_aspect_is_kept(tmp_path: Path, save: Save) -> None:
    assert read_picture(save(tmp_path / "a.exr", RAMP, PixelAspectRatio=2.0)).pixel_aspect == 2.0


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, (0, 0)), (3, (3, 3)), (6, (0, 3)), (8, (3, 0)), (2, (0, 3)), (4, (3, 0)), (5, (0, 0)), (7, (3, 3))],
)
def test_photographs_stand_upright(
    tmp_path: Path, save: Save, orientation: int, corner: tuple[int, int]
) -> None:
    pixels = np.zeros((4, 4, 3), np.float32)
    pixels[0, 0] = 1
    image = read_picture(save(tmp_path / "a.tif", pixels, "uint8", Orientation=orientation))
    assert tuple(np.argwhere(image.pixels[..., 0] == 1)[0]) == corner


def test_a_photograph_on_its_side_tells_its_upright_size(tmp_path: Path, save: Save) -> None:
    source = open_source(save(tmp_path / "a.jpg", np.zeros((4, 8, 3), np.float32), "uint8", Orientation=6))
    assert (source.width, source.height) == (4, 8)
    assert source.read(1).pixels.shape == (8, 4, 3)


def test_parts_of_a_file_are_one_picture(tmp_path: Path) -> None:
    specs = []
    for name, channels, x in (
        ("beauty", ("R", "G", "B"), 0),
        ("normal", ("R", "G", "B"), 2),
        ("depth", ("Z",), 0),
    ):
        spec = oiio.ImageSpec(4, 4, len(channels), "float")
        spec.channelnames, spec.x = channels, x
        spec.full_x, spec.full_width = 0, 6
        spec.attribute("oiio:subimagename", name)
        specs.append(spec)
    file = oiio.ImageOutput.create("a.exr")
    assert file.open(str(tmp_path / "a.exr"), tuple(specs))
    for i, spec in enumerate(specs):
        assert i == 0 or file.open(str(tmp_path / "a.exr"), spec, "AppendSubimage")
        assert file.write_image(np.full((4, 4, spec.nchannels), i + 1, np.float32))
    file.close()
    image = read_picture(tmp_path / "a.exr")
    assert image.channels == ("R", "G", "B", "normal.R", "normal.G", "normal.B", "Z")
    assert image.pixels.shape == (4, 6, 7)
    assert image.pixels[0].T[[0, 3, 6]].tolist() == [
        [1, 1, 1, 1, 0, 0],
        [0, 0, 2, 2, 2, 2],
        [3, 3, 3, 3, 0, 0],
    ]


def test_the_color_of_a_render_of_layers_is_found(tmp_path: Path, save: Save) -> None:
    names = ("View.Combined.R", "View.Combined.G", "View.Combined.B", "View.Depth.Z")
    pixels = np.float32([[[1, 2, 3, 9]]])
    image = read_picture(save(tmp_path / "a.exr", pixels, "float", names))
    assert rgb(image)[0, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(("name", "kind"), [("a.png", "uint8"), ("a.exr", "half"), ("a.jpg", "uint8")])
def test_one_channel_is_a_gray_picture(tmp_path: Path, save: Save, name: str, kind: str) -> None:
    image = read_picture(save(tmp_path / name, np.ones((3, 5, 1), np.float32), kind, ("Y",)))
    assert image.pixels.shape == (3, 5, 1)
    assert rgb(image) == pytest.approx(np.ones((3, 5, 3)), abs=1e-3)


def test_two_pixels_are_a_picture(tmp_path: Path, save: Save) -> None:
    assert read_picture(save(tmp_path / "a.exr", np.ones((1, 2, 3), np.float32))).pixels.shape == (1, 2, 3)


def test_a_picture_16_thousand_wide(tmp_path: Path, save: Save) -> None:
    pixels = np.zeros((3, 16384, 3), np.float32)
    pixels[2, 16383] = 0.5
    assert (read_picture(save(tmp_path / "a.exr", pixels)).pixels == pixels).all()


def test_unicode_and_spaces_in_paths(tmp_path: Path, save: Save) -> None:
    folder = tmp_path / "Füße und 顔 (take #2)"
    folder.mkdir()
    write_image(folder / "été %.png", Image(RAMP), colorspace="auto")
    with open_source(folder / "été %.png") as source:
        assert source.read(1).pixels == pytest.approx(RAMP, abs=1e-3)


def test_a_missing_picture(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"There is no file .*gone\.exr"):
        open_source(tmp_path / "gone.exr")


def test_a_picture_of_no_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.exr").touch()
    with pytest.raises(BadInput, match=r"a\.exr is empty"):
        open_source(tmp_path / "a.exr")


@pytest.mark.parametrize("name", ["a.exr", "a.png", "a.jpg", "a.tif", "a.dpx"])
def test_text_that_is_named_like_a_picture(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("This is not a picture.\n" * 40)
    with pytest.raises(BadInput, match=rf"{name} cannot be read") as error:
        open_source(tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["a.exr", "a.png", "a.tif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_truncated_picture(tmp_path: Path, save: Save, name: str, share: float) -> None:
    noise = np.random.default_rng(0).random((64, 64, 3), np.float32)
    path = save(tmp_path / name, noise, "half" if name == "a.exr" else "uint8")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(BadInput, match=rf"{name} cannot be read"):
        open_source(path).read(1)


def test_a_header_that_asks_for_terabytes(tmp_path: Path) -> None:
    write_huge(tmp_path / "a.exr")
    with pytest.raises(BadInput, match=r"a\.exr"):
        read_picture(tmp_path / "a.exr")


@pytest.mark.parametrize(
    ("name", "depth", "error"),
    [
        ("a.png", "", 1e-4),
        ("a.png", "uint8", 0.01),
        ("a.tif", "", 1e-4),
        ("a.dpx", "", 5e-3),
        ("a.jpg", "", 0.3),
    ],
)
def test_what_is_written_is_read_again(tmp_path: Path, name: str, depth: str, error: float) -> None:
    write_image(tmp_path / name, Image(RAMP, colorspace="ACEScg"), colorspace="auto", depth=depth)
    back = read_picture(tmp_path / name, "srgb_texture").pixels
    expected = color.convert(RAMP, "ACEScg", "Linear Rec.709 (sRGB)").clip(0, 1)
    assert back == pytest.approx(expected, abs=error)


def test_a_picture_of_8_bit_comes_back_code_by_code(tmp_path: Path, save: Save) -> None:
    codes = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    write_image(tmp_path / "b.png", read_picture(save(tmp_path / "a.png", codes, "uint8")), colorspace="auto")
    assert (oiio.ImageBuf(str(tmp_path / "b.png")).get_pixels("uint8") == codes).all()


def test_alpha_is_unassociated_in_a_png(tmp_path: Path) -> None:
    pixels = np.float32([[[0.25, 0.1, 0, 0.5], [0, 0, 0, 0]]])
    write_image(tmp_path / "a.png", Image(pixels, ("R", "G", "B", "A")), colorspace="auto")
    assert read_picture(tmp_path / "a.png").pixels == pytest.approx(pixels, abs=1e-4)


def test_numbers_can_be_stored_as_they_are(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", Image(RAMP), colorspace=None)
    assert read_picture(tmp_path / "a.png", "Raw").pixels == pytest.approx(RAMP, abs=1e-5)


def test_nan_and_infinity_do_not_spoil_a_png(tmp_path: Path) -> None:
    pixels = np.float32([[[np.nan, np.inf, -np.inf]]])
    write_image(tmp_path / "a.png", Image(pixels), colorspace="auto")
    assert read_picture(tmp_path / "a.png", "Raw").pixels.tolist() == [[[0, 1, 0]]]


def test_only_the_display_window_is_written(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", Image(RAMP, origin=(-2, 1), display=(0, 0, 3, 3)), colorspace=None)
    stored = read_picture(tmp_path / "a.png", "Raw").pixels
    expected = np.zeros((3, 3, 3), np.float32)
    expected[1:3, :2] = RAMP[:2, 2:]
    assert stored == pytest.approx(expected, abs=1e-5)


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOutput, match=r"absent"):
        write_image(tmp_path / "absent" / "a.png", Image(RAMP))
    with pytest.raises(BadRequest, match=r"'\.docx'"):
        write_image(tmp_path / "a.docx", Image(RAMP))
    assert list(tmp_path.iterdir()) == []
