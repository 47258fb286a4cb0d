"""What was read from an EXR is written with the same bits; layers stand where they belong."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from likeness.errors import BadOutput
from likeness.media import Image, read_picture, write_layers
from likeness.media.layers import halve


def bits(image: Image, name: str) -> bytes:
    return np.ascontiguousarray(image.pixels[..., image.channels.index(name)]).view(np.uint32).tobytes()


def plate(height: int = 300, width: int = 37, seed: int = 0) -> Image:
    """Half color, float depth and cryptomatte, object ids; values of every kind."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 7), np.float32)
    pixels[..., :4] = rng.normal(0, 3, (height, width, 4)).astype(np.float16)
    pixels[..., 4] = rng.normal(0, 1e6, (height, width))
    pixels[..., 5:] = rng.integers(0, 2**32, (height, width, 2), dtype=np.uint32).view(np.float32)
    # A float that is a signaling NaN is not kept by every processor; hash values of cryptomatte never are.
    crypto = pixels[..., 5]
    crypto[np.isnan(crypto)] = 1.5
    pixels[0, :6, 0] = [np.nan, np.inf, -np.inf, -0.0, 60000, -60000]
    pixels[0, :3, 4] = [np.nan, np.inf, -np.inf]
    names = ("R", "G", "B", "A", "Z", "crypto00.R", "object.id")
    return Image(
        pixels,
        names,
        origin=(-5, 7),
        display=(0, 0, 30, 280),
        pixel_aspect=2.0,
        formats=("half",) * 4 + ("float", "float", "uint32"),
        metadata={"note": "take 3", "shutter": 0.5},
    )


def test_a_plate_comes_back_with_its_very_bits(tmp_path: Path) -> None:
    before = plate()
    write_layers(tmp_path / "a.exr", {"comp": before})
    once = read_picture(tmp_path / "a.exr")
    write_layers(tmp_path / "b.exr", {"comp": once})
    twice = read_picture(tmp_path / "b.exr")
    for after in (once, twice):
        assert set(after.channels) == set(before.channels)
        assert dict(zip(after.channels, after.formats, strict=True)) == dict(
            zip(before.channels, before.formats, strict=True)
        )
        assert all(bits(after, name) == bits(before, name) for name in before.channels)
        assert (after.origin, after.display, after.pixel_aspect) == ((-5, 7), (0, 0, 30, 280), 2.0)
        assert (after.metadata["note"], after.metadata["shutter"]) == ("take 3", 0.5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.tuples(st.integers(1, 40), st.integers(1, 40)), seed=st.integers(0, 9), half=st.booleans())
def test_any_size_comes_back(tmp_path: Path, size: tuple[int, int], seed: int, half: bool) -> None:
    pixels = np.random.default_rng(seed).normal(0, 9, (*size, 3)).astype(np.float16 if half else np.float32)
    image = Image(pixels.astype(np.float32), formats=("half" if half else "float",) * 3)
    write_layers(tmp_path / "a.exr", {"comp": image})
    assert (read_picture(tmp_path / "a.exr").pixels == image.pixels).all()


def test_a_layer_stands_in_its_window_and_is_zero_around_it(tmp_path: Path) -> None:
    comp = Image(np.ones((600, 50, 4), np.float32), ("R", "G", "B", "A"), origin=(10, 20))
    uv = Image(np.full((300, 8, 2), 0.5, np.float32), ("u", "v"), origin=(13, 120), formats=("float",) * 2)
    beyond = Image(np.full((9, 9, 1), 2, np.float32), ("A",), origin=(56, 16))
    write_layers(tmp_path / "a.exr", {"uv": uv, "comp": comp, "matte": beyond})
    read = read_picture(tmp_path / "a.exr")
    assert read.channels == ("R", "G", "B", "A", "uv.u", "uv.v", "matte.A")
    expected = np.zeros((600, 50), np.float32)
    expected[100:400, 3:11] = 0.5
    assert (read.pixels[..., 4] == expected).all()
    corner = np.zeros((600, 50), np.float32)
    corner[:5, 46:] = 2
    assert (read.pixels[..., 6] == corner).all()
    assert read.origin == (10, 20)


def test_what_is_empty_takes_next_to_no_room_but_a_negative_zero_is_kept(tmp_path: Path) -> None:
    comp = Image(np.zeros((200, 2000, 3), np.float32))
    sign = Image(np.full((1, 1, 1), -0.0, np.float32), ("A",), origin=(7, 190))
    write_layers(tmp_path / "a.exr", {"comp": comp, "matte": sign})
    assert (tmp_path / "a.exr").stat().st_size < 20_000
    read = read_picture(tmp_path / "a.exr")
    assert np.argwhere(np.signbit(read.pixels)).tolist() == [[190, 7, 3]] and not read.pixels.any()
    assert read.metadata["compression"] == "zip"


def test_every_layer_is_a_part_of_its_name_with_the_same_header(tmp_path: Path) -> None:
    one = Image(np.zeros((4, 4, 3), np.float32))
    write_layers(tmp_path / "a.exr", {"comp": one, "normal": one}, metadata={"likeness:request": "abc"})
    file = oiio.ImageInput.open(str(tmp_path / "a.exr"))
    names = []
    for part in range(2):
        assert file.seek_subimage(part, 0)
        names.append(file.spec().getattribute("oiio:subimagename"))
        assert file.spec().getattribute("likeness:request") == "abc"
    assert names == ["comp", "normal"]
    assert not file.seek_subimage(2, 0)


def test_a_wide_color_space_is_told_to_the_reader(tmp_path: Path) -> None:
    write_layers(tmp_path / "a.exr", {"comp": Image(np.zeros((4, 4, 3), np.float32), colorspace="ACEScg")})
    assert read_picture(tmp_path / "a.exr").colorspace == "ACEScg"


def test_halves_are_the_nearest_ones_ties_to_even_whatever_the_number() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32).view(np.uint32)
    beside = [halves + np.uint32(step) for step in (0, 1, 0xFFF, 0x1000, 0x1001, 0x1FFF)]
    some = np.random.default_rng(7).integers(0, 1 << 32, 1 << 18, dtype=np.uint64).astype(np.uint32)
    numbers = np.concatenate([*beside, some]).view(np.float32).reshape(64, -1)
    found = np.empty(numbers.shape, np.uint16)
    halve(numbers, found)
    with np.errstate(all="ignore"):
        assert np.array_equal(found, numbers.astype(np.float16).view(np.uint16))


@given(height=st.integers(1, 300), width=st.integers(1, 9), seed=st.integers(0, 9))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_size_comes_back_noise_and_flat_alike(
    tmp_path: Path, height: int, width: int, seed: int
) -> None:
    noise = np.random.default_rng(seed).normal(0, 3, (height, width, 2)).astype(np.float16)
    noise[:, :, 1] = 0.5
    one = Image(noise.astype(np.float32), ("R", "G"))
    deep = Image(noise[: height // 2 + 1].astype(np.float32) / 3, ("Z", "V"), formats=("float", "float"))
    write_layers(tmp_path / "a.exr", {"comp": one, "depth": deep})
    for part, sent in enumerate((one, deep)):
        read = oiio.ImageBuf(str(tmp_path / "a.exr"), part, 0)
        names = [name.split(".")[-1] for name in read.spec().channelnames]
        pixels = read.get_pixels(oiio.FLOAT)
        for k, name in enumerate(sent.channels):
            got = pixels[: sent.pixels.shape[0], :, names.index(name)]
            assert np.array_equal(got, sent.pixels[..., k])


def test_the_same_layers_give_the_same_bytes(tmp_path: Path) -> None:
    sums = set()
    for name in ("a.exr", "b.exr"):
        write_layers(
            tmp_path / name, {"comp": plate(), "matte": Image(np.ones((3, 3, 1), np.float32), ("A",))}
        )
        sums.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(sums) == 1


def test_time_code_and_matrix_keep_their_types(tmp_path: Path, save: Callable[..., Path]) -> None:
    spec = oiio.ImageSpec(2, 2, 3, "half")
    spec.attribute("smpte:TimeCode", "timecode", (19088743, 0))
    spec.attribute("worldToCamera", "matrix", tuple(float(i) for i in range(16)))
    file = oiio.ImageOutput.create("a.exr")
    assert file.open(str(tmp_path / "a.exr"), spec)
    assert file.write_image(np.zeros((2, 2, 3), np.float32))
    file.close()
    write_layers(tmp_path / "b.exr", {"comp": read_picture(tmp_path / "a.exr")})
    again = oiio.ImageInput.open(str(tmp_path / "b.exr")).spec()
    kinds = {item.name: str(item.type) for item in again.extra_attribs}
    assert (kinds["smpte:TimeCode"], kinds["worldToCamera"]) == ("timecode", "matrix")
    assert list(np.ravel(again.getattribute("smpte:TimeCode"))) == [19088743, 0]


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    one = Image(np.zeros((4, 4, 3), np.float32))
    with pytest.raises(BadOutput, match=r"absent.a\.exr"):
        write_layers(tmp_path / "absent" / "a.exr", {"comp": one})
    (tmp_path / "b.exr").mkdir()
    with pytest.raises(BadOutput, match=r"b\.exr"):
        write_layers(tmp_path / "b.exr", {"comp": one})
    assert os.listdir(tmp_path) == ["b.exr"]


@pytest.mark.parametrize("room", [0.02, 0.5, 0.999])
def test_a_file_that_finds_no_room_is_told_and_taken_away(tmp_path: Path, room: float) -> None:
    resource = pytest.importorskip("resource", reason="no limits of file size here")
    noise = Image(np.random.default_rng(0).random((200, 200, 3), np.float32))
    write_layers(tmp_path / "a.exr", {"comp": noise, "face": noise})
    size = (tmp_path / "a.exr").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size * room), hard))
    try:
        with pytest.raises(BadOutput, match=r"b\.exr"):
            write_layers(tmp_path / "b.exr", {"comp": noise, "face": noise})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path) == ["a.exr"]
