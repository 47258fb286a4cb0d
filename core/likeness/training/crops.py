"""Crops of rendered pictures as networks see them: cut out, lit, covered, photographed anew each time.

Whole batches at once, on the device that learns. The renders already carry light, lens, grain, JPEG and
paint. All random numbers come from a `torch.Generator` of that device.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from likeness.face.landmarks import crop_from_points
from likeness.face.regions import REGIONS
from likeness.training.dataset import SHARD, Dataset, open_dataset
from likeness.training.schedule import Trainer

Labels = Mapping[str, Tensor]
Made = TypeVar("Made")

RELOAD_STEPS = 200  # newly rendered pictures are taken in so often
GLASSES, OCCLUDER = REGIONS.index("glasses"), REGIONS.index("occluder")
LABELS = ("points_px", "points_cam", "visible", "focal_px", "gaze", "head_pose")
GRAY = (0.3, 0.59, 0.11)
# The tables of JPEG's annex K for luma and chroma, as libjpeg scales them by quality.
LUMA = """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"""
CHROMA = "17 18 24 47 18 21 26 66 24 26 56 99 47 66 99 99"
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


class Renders:
    """The finished pictures of rendered folders, in the memory of the card where that learns.

    `draw` gives some of one folder: of `maps` the `images`, B of (S, S, 3), and `regions`, B of (S, S), both
    uint8, and `LABELS` by name with `frame` (B, 4), the face's crop: center, side (px) and roll (radians).
    `told` adds labels that follow from all of a folder's; `often` (N,) among them is how often each is drawn.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        device: torch.device,
        maps: Sequence[str] = ("images",),
        told: Callable[[Labels], Labels] = lambda _: {},
    ) -> None:
        self.device, self.maps, self.told = device, maps, told
        self.folders = [open_dataset(folder) for folder in folders]
        self._held = [self._room(data) for data in self.folders]
        self._labels: list[dict[str, Tensor]] = [{} for _ in folders]
        self._known = [0 for _ in folders]
        for k in range(len(folders)):
            self._take_in(k)

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return sum(self._known)

    def reload(self) -> None:
        """Take in pictures that were finished since."""
        for k, data in enumerate(self.folders):
            data.reload()
            self._take_in(k)

    def draw(self, generator: Generator, count: int) -> dict[str, Any]:
        """`count` random pictures of a random folder."""
        share = torch.tensor(self._known, dtype=torch.float32, device=self.device)
        k = int(torch.multinomial(share, 1, generator=generator))
        if (often := self._labels[k].get("often")) is not None:
            return self.pictures(k, torch.multinomial(often, count, replacement=True, generator=generator))
        size = (count,)
        return self.pictures(k, torch.randint(self._known[k], size, generator=generator, device=self.device))

    def batches(self, make: Callable[..., Made], size: int, count: int) -> list[Made]:
        """`count` batches of `size` pictures that `make` makes of what is drawn, always the same."""
        generator = Generator(self.device).manual_seed(0)
        return [make(self.draw(generator, size), generator) for _ in range(count)]

    def pictures(self, folder: int, indices: Tensor) -> dict[str, Any]:
        """Pictures of a folder, with what is known of them."""
        found: dict[str, Any] = {name: values[indices] for name, values in self._labels[folder].items()}
        for name, held in self._held[folder].items():
            # What is on disk is only read where it is looked at.
            on_disk = self.device.type == "cpu"
            found[name] = [held[int(i)] for i in indices] if on_disk else held[indices]
        return found

    def _room(self, data: Dataset) -> dict[str, Tensor]:
        maps = {name: getattr(data, name) for name in self.maps}
        if self.device.type == "cpu":
            with warnings.catch_warnings(action="ignore"):  # that nobody may write there
                return {name: torch.from_numpy(held) for name, held in maps.items()}
        return {n: torch.empty(m.shape, dtype=torch.uint8, device=self.device) for n, m in maps.items()}

    def _take_in(self, k: int) -> None:
        data, known = self.folders[k], self._known[k]
        if data.count == known:
            return
        for name, held in self._held[k].items() if self.device.type != "cpu" else ():
            for at in range(known, data.count, SHARD):
                piece = getattr(data, name)[at : min(at + SHARD, data.count)]
                held[at : at + len(piece)] = torch.from_numpy(np.ascontiguousarray(piece)).to(self.device)
        new = {name: data.labels[name][known : data.count].astype(np.float32) for name in LABELS}
        crops = [crop_from_points(xy.astype(np.float64)) for xy in new["points_px"]]
        new["frame"] = np.array([[*crop.center, crop.size, crop.roll] for crop in crops], np.float32)
        for name, values in new.items():
            fresh = torch.from_numpy(values).to(self.device)
            old = self._labels[k].get(name)
            self._labels[k][name] = fresh if old is None else torch.cat([old, fresh])
        self._labels[k] |= self.told(self._labels[k])
        self._known[k] = data.count


def learn(trainer: Trainer, data: Renders, loss: Callable[[Generator], Tensor]) -> None:
    """Go down `loss`, each time of a batch drawn anew, while time is left.

    Pictures that are rendered meanwhile are taken in.
    """
    generator = Generator(data.device).manual_seed(trainer.step + 1)
    while trainer.goes_on():
        if trainer.step % RELOAD_STEPS == 0:
            data.reload()
        trainer.update(loss(generator))


def uniform(generator: Generator, count: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    """(count,) numbers between `low` and `high`."""
    return low + (high - low) * torch.rand(count, generator=generator, device=generator.device)


def normal(generator: Generator, *shape: int) -> Tensor:
    """Numbers of the standard normal distribution."""
    return torch.randn(*shape, generator=generator, device=generator.device)


def happens(generator: Generator, count: int, share: float) -> Tensor:
    """(count,) whether something happens that does in `share` of cases."""
    return uniform(generator, count) < share


def shaken(generator: Generator, frame: Tensor) -> Tensor:
    """The crops (B, 4) a tracker or a detector might give for the same faces."""
    count = len(frame)
    spread = torch.where(happens(generator, count, 0.6), 1.0, 0.35)
    size = frame[:, 2] * torch.exp(uniform(generator, count, -0.22, 0.22) * spread)
    off = torch.stack([uniform(generator, count, -0.084, 0.084) for _ in range(2)], 1)
    center = frame[:, :2] + off * (spread * size)[:, None]
    roll = frame[:, 3] + np.radians(9) * spread * normal(generator, count)
    return torch.cat([center, size[:, None], roll[:, None]], 1)


def similarity(frame: Tensor, size: int, mirrored: Tensor) -> Tensor:
    """The matrices (B, 2, 3) from pixels of square crops, `size` across, to pixels of their pictures.

    `frame` (B, 4) is center, side and roll (clockwise as seen, since y is down); `mirrored` (B,) bool.
    """
    step, roll = frame[:, 2] / size, frame[:, 3]
    c, s = torch.cos(roll) * step, torch.sin(roll) * step
    flip = 1 - 2 * mirrored.to(c.dtype)
    turn = torch.stack([c * flip, -s, s * flip, c], 1).reshape(-1, 2, 2)
    return torch.cat([turn, (frame[:, :2] - turn.sum(2) * (size / 2))[..., None]], 2)


def into_crop(xy: Tensor, matrix: Tensor) -> Tensor:
    """Points of pictures (B, N, 2) to pixels of the crops of `matrix` (B, 2, 3)."""
    found: Tensor = (xy - matrix[:, None, :, 2]) @ torch.linalg.inv(matrix[:, :, :2]).transpose(1, 2)
    return found


def _places(matrix: Tensor, rows: int, columns: int, size: int, off: tuple[float, float] = (0, 0)) -> Tensor:
    """Where the pixels of crops lie in pictures of `size`, as `grid_sample` counts: (B, rows, columns, 2)."""
    device = matrix.device
    y, x = torch.meshgrid(
        torch.arange(rows, device=device) + 0.5 + off[1],
        torch.arange(columns, device=device) + 0.5 + off[0],
        indexing="ij",
    )
    plane = torch.stack([x, y, torch.ones_like(x)], -1)
    found: Tensor = torch.einsum("hwk,bck->bhwc", plane, matrix) * (2.0 / size) - 1
    return found


def cut(
    images: Sequence[Tensor], matrix: Tensor, rows: int, columns: int, fill: Tensor | None = None
) -> Tensor:
    """Pictures, B of (S, S, 3) uint8, sampled bilinearly into (B, 3, rows, columns), 0..1.

    `fill` (B, 3) is the color outside of the picture; a negative one, or none, repeats it mirrored.
    """
    where = _places(matrix, rows, columns, len(images[0]))
    if isinstance(images, Tensor):
        found = _sampled(images, where)
    else:  # no more of each picture becomes floats than is looked at
        found = torch.cat([_sampled(*_about(i, w)) for i, w in zip(images, where, strict=True)])
    if fill is None:
        return found
    outside = (where.abs() > 1).any(-1)[:, None] & (fill[:, :1, None, None] >= 0)
    return torch.where(outside, fill[:, :, None, None], found)


def _sampled(images: Tensor, where: Tensor) -> Tensor:
    picture = images.permute(0, 3, 1, 2).float()
    return functional.grid_sample(picture, where, "bilinear", "reflection", align_corners=False) / 255


def _about(image: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """The part of a picture (S, S, 3) about the places `where`, or all of it where they leave it."""
    size = image.shape[0]
    pixels = (where + 1) * (size / 2)
    low, high = (pixels.amin((0, 1)) - 1).floor().long(), (pixels.amax((0, 1)) + 1).ceil().long()
    if bool((low < 0).any() | (high > size).any()):
        return image[None], where[None]
    part = image[low[1] : high[1], low[0] : high[0]]
    return part[None], ((pixels - low) / ((high - low) / 2) - 1)[None]


def cut_labels(labels: Sequence[Tensor], matrix: Tensor, size: int) -> Tensor:
    """Labels, B of (S, S) uint8, sampled at the nearest pixel into (B, size, size) int64; mirrored outside.

    What is thinner than a pixel of the result, a frame of glasses, takes all of it.
    """
    size_px = len(labels[0])
    source = (labels if isinstance(labels, Tensor) else torch.stack(list(labels)))[:, None].float()

    def nearest(x: float, y: float) -> Tensor:
        where = _places(matrix, size, size, size_px, (x, y))
        return functional.grid_sample(source, where, "nearest", "reflection", align_corners=False)[:, 0]

    found = nearest(0, 0)
    for x, y in ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)):
        found = torch.where(nearest(x, y) == GLASSES, float(GLASSES), found)
    return found.long()


def cover(generator: Generator, picture: Tensor, share: float = 0.2) -> Tensor:
    """Put an ellipse, box or bar in front of a `share` of the pictures (B, 3, H, W), of one color or filled
    from another picture; in place. Returns what it covers (B, H, W)."""
    count, _, rows, columns = picture.shape
    axis = [torch.arange(n, device=picture.device) / n for n in (rows, columns)]
    y, x = torch.meshgrid(*axis, indexing="ij")

    def one(low: float, high: float) -> Tensor:
        return uniform(generator, count, low, high)[:, None, None]

    angle, cx, cy = one(0, np.pi), one(0.1, 0.9), one(0.1, 0.9)
    rx, ry = one(0.04, 0.22), one(0.04, 0.22) * torch.where(one(0, 1) < 0.5, 1.0, 3.0)
    u = ((x - cx) * torch.cos(angle) + (y - cy) * torch.sin(angle)) / rx
    v = ((y - cy) * torch.cos(angle) - (x - cx) * torch.sin(angle)) / ry
    round_ = one(0, 1) < 0.5
    covered = torch.where(round_, u * u + v * v < 1, torch.maximum(u.abs(), v.abs()) < 1)
    covered &= happens(generator, count, share)[:, None, None]
    color = torch.rand(count, 3, 1, 1, generator=generator, device=picture.device)
    other = picture.roll((1, rows // 3), (0, 2))
    filling = torch.where(happens(generator, count, 0.5)[:, None, None, None], color, other)
    picture.copy_(torch.where(covered[:, None], filling, picture))
    return covered


def light(generator: Generator, picture: Tensor) -> Tensor:
    """Random exposure, color, gamma, blur, resolution, noise and JPEG of pictures (B, 3, H, W), 0..1."""
    count, device = len(picture), picture.device

    def each(values: Tensor) -> Tensor:
        return values.reshape(count, -1, 1, 1)

    picture = _blurred(generator, picture)
    gray = (picture * torch.tensor(GRAY, device=device)[:, None, None]).sum(1, keepdim=True)
    saturation = each(uniform(generator, count, 0.5, 1.4) * ~happens(generator, count, 0.08))
    gain = torch.exp(0.16 * normal(generator, count, 1) + 0.07 * normal(generator, count, 3))
    picture = (gray + (picture - gray) * saturation) * each(gain) + each(0.05 * normal(generator, count))
    gamma = torch.exp(0.22 * normal(generator, count))
    picture = picture.clamp(1e-4, 2) ** each(gamma)
    noise = uniform(generator, count, 0, 0.04) * happens(generator, count, 0.4)
    picture = (picture + each(noise) * normal(generator, *picture.shape)).clamp(0, 1)
    packed = happens(generator, count, 0.12).nonzero()[:, 0]
    if len(packed):
        picture[packed] = jpeg(picture[packed], uniform(generator, len(packed), 12, 75))
    return picture


def _blurred(generator: Generator, picture: Tensor) -> Tensor:
    """A tenth out of focus by a box of 3 or 5 pixels, twice; an eighth in a lower resolution."""
    count, _, rows, columns = picture.shape
    kind = uniform(generator, count)
    for low, side in ((0.0, 3), (0.05, 5)):
        some = ((kind >= low) & (kind < low + 0.05)).nonzero()[:, 0]
        if len(some):
            soft = picture[some]
            for _ in range(2):
                padded = functional.pad(soft, (side // 2,) * 4, mode="replicate")
                soft = functional.avg_pool2d(padded, side, 1)
            picture[some] = soft
    some = ((kind >= 0.10) & (kind < 0.22)).nonzero()[:, 0]
    if len(some):
        least = max(24 / columns, 0.25)
        small = least + (0.8 - least) * float(torch.rand(1, generator=generator, device=picture.device))
        coarse = functional.interpolate(
            picture[some], size=(int(rows * small), int(columns * small)), mode="area"
        )
        picture[some] = functional.interpolate(coarse, size=(rows, columns), mode="bilinear")
    return picture


def _table(words: str, device: torch.device) -> Tensor:
    values = [float(word) for word in words.split()]
    side = int(len(values) ** 0.5)
    table = torch.full((8, 8), 99.0, device=device)
    table[:side, :side] = torch.tensor(values, device=device).reshape(side, side)
    return table


def _quantized(plane: Tensor, table: Tensor) -> Tensor:
    """Planes (B, C, H, W), -128..127, as JPEG keeps them by `table` (B, 8, 8)."""
    count, channels, height, width = plane.shape
    padded = functional.pad(plane, (0, -width % 8, 0, -height % 8), mode="replicate")
    k = torch.arange(8, device=plane.device, dtype=torch.float32)
    cosine = torch.cos((2 * k[None] + 1) * k[:, None] * np.pi / 16) * 0.5
    cosine[0] *= 0.5**0.5
    blocks = padded.unfold(2, 8, 8).unfold(3, 8, 8)
    step = table[:, None, None, None]
    kept = torch.round(cosine @ blocks @ cosine.T / step) * step
    back = (cosine.T @ kept @ cosine).permute(0, 1, 2, 4, 3, 5)
    return back.reshape(count, channels, *padded.shape[2:])[..., :height, :width]


def jpeg(picture: Tensor, quality: Tensor) -> Tensor:
    """Pictures (B, 3, H, W), 0..1, after JPEG of `quality` (B,), 1 to 100, color at half the resolution."""
    device = picture.device
    to_ycc = torch.tensor(TO_YCC, device=device)
    planes = torch.einsum("ck,bkhw->bchw", to_ycc, picture * 255)
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)[:, None, None]
    luma, chroma = (torch.round(_table(words, device) * scale).clamp(1, 255) for words in (LUMA, CHROMA))
    height, width = picture.shape[2:]
    bright = _quantized(planes[:, :1] - 128, luma) + 128
    color = functional.avg_pool2d(planes[:, 1:], 2, ceil_mode=True)
    color = functional.interpolate(_quantized(color, chroma), scale_factor=2.0, mode="bilinear")
    planes = torch.cat([bright, color[..., :height, :width]], 1)
    out: Tensor = torch.einsum("ck,bkhw->bchw", torch.linalg.inv(to_ycc), planes) / 255
    return out.clamp(0, 1)
