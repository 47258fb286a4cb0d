"""Crops of renders: cut and mirrored exactly, lit and covered at random, packed as JPEG packs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402

from likeness.face.regions import REGIONS  # noqa: E402
from likeness.head import points  # noqa: E402
from likeness.training import augment, crops, dataset  # noqa: E402

CPU = torch.device("cpu")
SIZE = 64


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth(count: int, size: int = SIZE) -> torch.Tensor:
    """Pictures (count, 3, size, size) of soft blobs, 0..1."""
    coarse = torch.rand(count, 3, 6, 6, generator=random(3))
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    dataset.create(tmp_path, 3, 1, size=SIZE)
    for name, shape in dataset.files(SIZE).items():
        rng.integers(0, 12, (3, *shape), np.uint8).tofile(tmp_path / f"{name}.u8")
    labels = {name: np.zeros((3, points.COUNT, 3), np.float32) for name in crops.LABELS}
    labels["points_px"] = rng.uniform(20, 44, (3, points.COUNT, 2)).astype(np.float32)
    np.savez(tmp_path / "labels_0000.npz", **labels)
    return tmp_path


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_batch_is_cut_as_each_picture_is(mirrored: bool) -> None:
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8))
    frame = torch.tensor([[30.0, 33.0, 25.0, 0.3], [32.0, 28.0, 31.0, -0.8]])
    matrix = crops.similarity(frame, 20, torch.tensor([mirrored, mirrored]))
    whole = crops.cut(images, matrix, 20, 20)
    parts = crops.cut(list(images), matrix, 20, 20)
    assert torch.allclose(whole, parts, atol=1e-5), "no more is read than is looked at"
    for k, (x, y, side, roll) in enumerate(frame.tolist()):
        wanted = augment.similarity(np.array([x, y]), side, roll, 20, mirrored)
        assert matrix[k].numpy() == pytest.approx(wanted, abs=1e-4)
        alone = augment.warp(images[k].numpy(), wanted, 20, np.full(3, -1, np.float32))
        assert whole[k].permute(1, 2, 0).numpy() == pytest.approx(alone, abs=1e-4)


def test_a_point_lies_where_its_pixel_is() -> None:
    ramp = torch.arange(SIZE, dtype=torch.uint8)[None, :, None].expand(SIZE, SIZE, 3)[None]
    matrix = crops.similarity(torch.tensor([[30.0, 34.0, 24.0, 0.4]]), 48, torch.tensor([True]))
    x, y = crops.into_crop(torch.tensor([[[33.0, 31.0]]]), matrix)[0, 0]
    seen = crops.cut(ramp, matrix, 48, 48)[0, 0, int(y), int(x)] * 255 + 0.5
    assert float(seen) == pytest.approx(33, abs=0.6)


def test_outside_is_of_the_asked_color_or_mirrored() -> None:
    images = torch.full((2, SIZE, SIZE, 3), 51, dtype=torch.uint8)
    frame = torch.tensor([[0.0, 0.0, 40.0, 0.0]] * 2)
    fill = torch.tensor([[1.0, 0.5, 0.0], [-1.0, -1.0, -1.0]])
    found = crops.cut(images, crops.similarity(frame, 16, torch.tensor([False, False])), 16, 16, fill)
    assert found[0, :, 0, 0].tolist() == [1.0, 0.5, 0.0]
    assert found[1].flatten().tolist() == pytest.approx([0.2] * 768) and float(
        found[0, 0, 15, 15]
    ) == pytest.approx(0.2)


def test_thin_frames_of_glasses_outlive_a_coarser_map() -> None:
    labels = torch.ones(1, 224, 224, dtype=torch.uint8)
    labels[:, 100] = REGIONS.index("glasses")
    frame = torch.tensor([[112.0, 112.0, 224.0, 0.0]])
    coarse = crops.cut_labels(labels, crops.similarity(frame, 112, torch.tensor([False])), 112)[0]
    assert (coarse == REGIONS.index("glasses")).all(1).sum() == 1


def test_jpeg_is_that_of_the_library() -> None:
    picture = smooth(1, 96)
    for quality in (20, 50, 90):
        buffer = io.BytesIO()
        pixels = (picture[0].permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8)
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
        wanted = np.asarray(Image.open(buffer), np.float32) / 255
        found = crops.jpeg(picture, torch.tensor([float(quality)]))[0].permute(1, 2, 0).numpy()
        assert np.abs(found - wanted).mean() < 0.008, quality


def test_what_covers_a_picture_is_told(folder: Path) -> None:
    picture = smooth(40)
    before = picture.clone()
    covered = crops.cover(random(), picture, 0.5)
    changed = (picture != before).any(1)
    assert not (changed & ~covered).any(), "nothing else is touched"
    some = covered.flatten(1).any(1)
    assert 8 < int(some.sum()) < 32 and changed[some].flatten(1).any(1).all()


def test_light_is_random_but_stays_in_range() -> None:
    picture = smooth(60)
    found = crops.light(random(1), picture.clone())
    assert found.shape == picture.shape and float(found.min()) >= 0 and float(found.max()) <= 1
    assert torch.equal(found, crops.light(random(1), picture.clone())), "the same numbers, the same light"
    assert ((found - picture).abs().mean((1, 2, 3)) > 0.005).float().mean() > 0.9
    gray = (found - found.mean(1, keepdim=True)).abs().amax((1, 2, 3)) < 0.2
    assert gray.any(), "some are black and white"


def test_renders_are_taken_in_as_they_are_finished(folder: Path) -> None:
    labels = (folder / "labels_0000.npz").rename(folder / "later.npz")
    data = crops.Renders([folder], CPU, ("images", "regions"))
    assert data.count == 0
    labels.rename(folder / "labels_0000.npz")
    data.reload()
    drawn = data.draw(random(), 5)
    assert data.count == 3 and len(drawn["images"]) == len(drawn["regions"]) == len(drawn["frame"]) == 5
    known = dataset.open_dataset(folder)
    assert any(np.array_equal(drawn["images"][0].numpy(), image) for image in known.images)
    told = crops.Renders([folder], CPU, told=lambda labels: {"often": torch.tensor([0.0, 1.0, 0.0])})
    chosen = told.draw(random(), 4)
    assert all(np.array_equal(image.numpy(), known.images[1]) for image in chosen["images"])
