"""The networks of `face_points`, `face_patches`, `face_eyes`, `face_regions`, `face_detector`; their export.

Plain 3x3 convolutions and bottlenecks: on a CPU they train and run faster than depthwise ones of fewer
operations. `face_points` finds all points by soft-argmax on a 12x12 grid (as MeTRAbs, Sarandi et al. 2021),
then looks again at both eyes with their brows, and at mouth and nose, at the full resolution of the crop
(as Attention Mesh, Grishchenko et al. 2020). Right eyes are mirrored, so both eyes share one network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from likeness.face import gaze, patches, regions
from likeness.head import points

CROP_PX = 192
DETECTOR_PX = 256
DETECTOR_STRIDE = 8
REGION_COUNT = len(regions.REGIONS)
OPSET = 17
# The shapes of one of each input, see `export`.
CROP = {"picture": (3, CROP_PX, CROP_PX)}
REGIONS_CROP = {"picture": (3, regions.CROP_PX, regions.CROP_PX)}
PATCHES = {
    "eyes": (2, 3, patches.EYE_PX, patches.EYE_PX),
    "mouth": (3, patches.MOUTH_PX, patches.MOUTH_PX),
}


def all_bits(x: Tensor) -> torch.autocast:
    """Places keep all bits, on the device of `x`."""
    return torch.autocast(x.device.type, enabled=False)


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Bottleneck(nn.Module):
    """A residual block whose 3x3 convolution works on half of the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(width, width // 2, 1),
            conv(width // 2, width // 2),
            nn.Conv2d(width // 2, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.body(x))


def stage(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    """Half the resolution, then `blocks` bottlenecks."""
    return nn.Sequential(conv(inputs, outputs, 3, 2), *(Bottleneck(outputs) for _ in range(blocks)))


def double(x: Tensor) -> Tensor:
    """Twice the resolution, nearest."""
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class Backbone(nn.Module):
    """Features of a crop at 1/16 of its resolution, which have seen all of it, and at 1/32."""

    def __init__(self) -> None:
        super().__init__()
        self.to_half = conv(3, 16, 3, 2)
        self.to_quarter = conv(16, 32, 3, 2)
        self.to_eighth = stage(32, 64, 2)
        self.to_sixteenth = stage(64, 96, 3)
        self.to_deep = stage(96, 160, 2)
        self.lateral = nn.Sequential(nn.Conv2d(160, 96, 1, bias=False), nn.BatchNorm2d(96))
        self.merge = nn.Sequential(nn.ReLU(inplace=True), Bottleneck(96), Bottleneck(96))

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        eighth = self.to_eighth(self.to_quarter(self.to_half(picture - 0.5)))
        sixteenth = self.to_sixteenth(eighth)
        deep = self.to_deep(sixteenth)
        return self.merge(sixteenth + double(self.lateral(deep))), deep


class SoftArgmax(nn.Module):
    """Heat maps to their centers of mass; a cell's center is its coordinate, in 0..1 across the map.

    The outermost cells reach a little past the border, so that points on the border can be named.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        axis = (torch.arange(size) + 0.5) / size
        self.register_buffer("axis", (axis - 0.5) * (1 + 2.0 / size) + 0.5)
        across, down = torch.meshgrid(self.axis, self.axis, indexing="xy")
        place = torch.stack([across, down], -1).reshape(-1, 2)
        self.register_buffer("place", place, persistent=False)

    def forward(self, heat: Tensor) -> Tensor:
        # One product for both axes: sums over rows and columns take three times as long.
        with all_bits(heat):
            weight = torch.softmax(heat.float().reshape(-1, heat.shape[1], self.place.shape[0]), -1)
            found: Tensor = weight @ self.place
        return found


class PatchNet(nn.Module):
    """Points inside a small patch by soft-argmax at a quarter of its resolution."""

    def __init__(self, size: int, count: int) -> None:
        super().__init__()
        self.fine = nn.Sequential(conv(3, 16, 3, 2), conv(16, 32, 3, 2), Bottleneck(32))
        self.coarse = nn.Sequential(stage(32, 64, 2), nn.Conv2d(64, 32, 1, bias=False), nn.BatchNorm2d(32))
        self.merge = nn.Sequential(nn.ReLU(inplace=True), conv(32, 48), nn.Conv2d(48, count, 1))
        self.place = SoftArgmax(size // 4)

    def forward(self, patch: Tensor) -> Tensor:
        fine = self.fine(patch)
        found: Tensor = self.place(self.merge(fine + double(self.coarse(fine))))
        return found


def _looks() -> Tensor:
    """Rows (5, 450) that take dense points to: the way from right to left eye, the way from the eyes to the
    mouth, and the centers of the left eye, the right eye and the mouth."""
    rows = torch.zeros(5, points.COUNT)
    rows[0, 42:48], rows[0, 36:42] = 1 / 6, -1 / 6
    rows[1, 48:68], rows[1, 36:48] = 1 / 20, -1 / 12
    rows[2, [42, 45]], rows[3, [36, 39]], rows[4, 48:68] = 1 / 2, 1 / 2, 1 / 20
    return rows


def patch_frames(center: Tensor, axis: Tensor, side: Tensor) -> Tensor:
    """Affine matrices (N, P, 2, 3) from patch coordinates (-1..1) to crop coordinates (-1..1).

    `center` (N, P, 2) in crop coordinates 0..1; `axis` (N, P or 1, 2) the patch's right-hand axis; `side`
    (P, 2) its size along it and across, in lengths of the axis; a negative one mirrors.
    """
    turned = axis @ axis.new_tensor([[1.0, 0.0, 0.0, 1.0], [0.0, -1.0, 1.0, 0.0]])
    turned = (turned * side.repeat(1, 2)).reshape(-1, side.shape[0], 2, 2)
    return torch.cat([turned, (2.0 * center - 1.0)[..., None]], 3)


def sample(picture: Tensor, frames: Tensor, size: int) -> Tensor:
    """The patches (N P, 3, size, size) that `frames` (N, P, 2, 3) cut out of each `picture`."""
    axis = (torch.arange(size, device=picture.device, dtype=picture.dtype) + 0.5) * (2.0 / size) - 1.0
    plane = torch.stack([axis.repeat(size), axis.repeat_interleave(size), axis.new_ones(size * size)], 1)
    count = frames.shape[1]
    # One grid holds all patches of a picture, one below the other.
    grid = (plane @ frames.transpose(2, 3)).reshape(-1, count * size, size, 2)
    found = functional.grid_sample(picture, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return found.reshape(-1, 3, count, size, size).transpose(1, 2).reshape(-1, 3, size, size)


def unsample(local: Tensor, frame: Tensor) -> Tensor:
    """Patch coordinates 0..1 (..., K, 2) to crop coordinates 0..1; `frame` (..., 2, 3)."""
    moved = (local * 2.0 - 1.0) @ frame[..., :2].transpose(-1, -2) + frame[..., 2][..., None, :]
    return moved * 0.5 + 0.5


class FacePoints(nn.Module):
    """The dense points of the face in a crop, by `FirstLook` and `SecondLook`.

    Input (N, 3, 192, 192), sRGB-like, 0..1. Outputs: `points` (N, 450, 3), x right and y down in 0..1 of the
    crop, z in the same unit, away from the camera, zero on average over the 68; `sigma` (N, 450), the
    standard deviation per axis in the same unit; `visible` (N, 450); `presence` (N, 1).
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.heat = nn.Conv2d(96, points.COUNT, 1)
        self.place = SoftArgmax(CROP_PX // 16)
        self.squeeze = nn.Sequential(conv(160, 32, 1), nn.Flatten(), nn.Linear(32 * 36, 256), nn.ReLU())
        self.facts = nn.Linear(256, 3 * points.COUNT + 1)
        self.eye = PatchNet(patches.EYE_PX, len(patches.EYE_LEFT))
        self.mouth = PatchNet(patches.MOUTH_PX, len(patches.MOUTH))
        self.register_buffer("looks", _looks(), persistent=False)
        eye, mouth = patches.EYE_SIDE, patches.MOUTH_SIDE
        side = torch.tensor([[eye, eye], [-eye, eye], [mouth, mouth]])
        self.register_buffer("side", side, persistent=False)
        rise = torch.tensor([[patches.EYE_RAISE], [patches.EYE_RAISE], [patches.MOUTH_RAISE]])
        self.register_buffer("rise", rise, persistent=False)
        self.register_buffer(
            "trust", torch.tensor(patches.TRUST[:, None], dtype=torch.float32), persistent=False
        )
        order = np.where(patches.ORDER < 0, np.arange(points.COUNT), points.COUNT + patches.ORDER)
        self.register_buffer("order", torch.tensor(order))

    def frames(self, found: Tensor, jitter: float = 0.0) -> Tensor:
        """Where to look again (N, 3, 2, 3): left eye, right eye (mirrored), mouth and tip of the nose.

        As `patches` does, but in crop coordinates of -1 to 1, and for all of a batch at once.
        """
        looks = self.looks @ found
        ways = looks[:, :2].norm(dim=2, keepdim=True)
        scale = ways.amax(1, keepdim=True).clamp_min(0.02)
        down = looks[:, 1:2] / ways[:, 1:].clamp_min(1e-4) * scale
        axis = down @ down.new_tensor([[0.0, -1.0], [1.0, 0.0]])
        center = looks[:, 2:] - down * self.rise
        if jitter > 0:
            reach = 0.5 * jitter * scale * self.side[:, 1:]
            center = center + reach * (2 * torch.rand_like(center) - 1)
            axis = axis * (1 + jitter * (2 * torch.rand_like(center[..., :1]) - 1))
            axis = axis + scale * jitter * (2 * torch.rand_like(center) - 1)
        return patch_frames(center, axis, self.side)

    def first(self, deep: Tensor, grid: Tensor) -> dict[str, Tensor]:
        """The raw outputs from the backbone's features; `coarse` are the points before the second look."""
        coarse = self.place(self.heat(grid))
        facts = self.facts(self.squeeze(deep)).float()
        depth, spread, visible = facts[:, :-1].reshape(-1, 3, points.COUNT).unbind(1)
        return {
            "coarse": coarse,
            "z": 0.1 * (depth - depth[:, :68].mean(1, keepdim=True)),
            "sigma": torch.exp(spread.clamp(-4.0, 4.0)) * 0.01,
            "visible": visible,
            "presence": facts[:, -1:],
        }

    def heads(self, picture: Tensor, deep: Tensor, grid: Tensor, jitter: float = 0.0) -> dict[str, Tensor]:
        """As `first`, and `xy`, the points after the second look, at patches off by `jitter`."""
        out = self.first(deep, grid)
        coarse = out["coarse"]
        with all_bits(coarse):
            frames = self.frames(coarse.detach(), jitter)
            views = [
                sample(picture, frames[:, :2], patches.EYE_PX) - 0.5,
                sample(picture, frames[:, 2:], patches.MOUTH_PX) - 0.5,
            ]
        eyes, mouth = self.eye(views[0]), self.mouth(views[1])
        count = len(patches.EYE_LEFT)
        with all_bits(coarse):
            fine = [
                unsample(eyes.reshape(-1, 2, count, 2), frames[:, :2]).reshape(-1, 2 * count, 2),
                unsample(mouth, frames[:, 2]),
            ]
        near = torch.cat([coarse, *fine], 1)[:, self.order]
        return out | {"xy": coarse + self.trust * (near - coarse)}

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        grid, deep = self.backbone(picture)
        return _told(self.heads(picture, deep, grid), "xy")


def _told(out: dict[str, Tensor], xy: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Raw outputs as the networks tell them: points, sigma, visibility and presence."""
    place = torch.cat([out[xy], out["z"][:, :, None]], 2)
    return place, out["sigma"], torch.sigmoid(out["visible"]), torch.sigmoid(out["presence"])


class FirstLook(nn.Module):
    """`face_points`: what `FacePoints` tells of a crop before it looks again, in the same outputs."""

    def __init__(self, whole: FacePoints) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        grid, deep = self.whole.backbone(picture)
        return _told(self.whole.first(deep, grid), "coarse")


class SecondLook(nn.Module):
    """`face_patches`: the points in the patches that `likeness.face.patches` cuts, for it to merge.

    Inputs, sRGB-like less 0.5: `eyes` (N, 2, 3, 56, 56), left and right, the right one mirrored; `mouth`
    (N, 3, 72, 72). Outputs in 0..1 of a patch: `eye_points` (N, 2, 48, 2), `mouth_points` (N, 90, 2).
    """

    def __init__(self, whole: FacePoints) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, eyes: Tensor, mouth: Tensor) -> tuple[Tensor, Tensor]:
        found = self.whole.eye(eyes.reshape(-1, *PATCHES["eyes"][1:]))
        return found.reshape(-1, 2, len(patches.EYE_LEFT), 2), self.whole.mouth(mouth)


class FaceEyes(nn.Module):
    """Both eyes in one strip, and where they look.

    Inputs: `picture` (N, 3, 40, 96), sRGB-like, 0..1, as `gaze.strip` cuts it; `camera` (N, 2) yaw and pitch
    in radians at which a gaze meets the camera, as the head is found to be turned. Outputs: `points`
    (N, 72, 2) px of the strip, those of `gaze.POINTS`; `gaze` (N, 2, 2) yaw and pitch of the left and right
    eye in the head's frame, radians; `spread` (N, 2, 2) their mean deviations.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = len(gaze.POINTS)
        self.fine = nn.Sequential(conv(3, 16, 3, 2), conv(16, 32, 3, 2), Bottleneck(32))
        self.down = stage(32, 64, 2)
        self.lateral = nn.Sequential(nn.Conv2d(64, 32, 1, bias=False), nn.BatchNorm2d(32))
        self.merge = nn.Sequential(nn.ReLU(), conv(32, 48), nn.Conv2d(48, self.count, 1))
        rows, columns = gaze.HEIGHT_PX // 4, gaze.WIDTH_PX // 4
        down, across = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        place = (torch.stack([across, down], -1).reshape(-1, 2) + 0.5) * 4
        self.register_buffer("place", place, persistent=False)
        self.squeeze = nn.Sequential(
            conv(64, 96, 3, 2),
            Bottleneck(96),
            conv(96, 64, 1),
            nn.Flatten(),
            nn.Linear(64 * 18, 160),
            nn.ReLU(),
        )
        self.facts = nn.Linear(160, 2 * self.count + 8)
        self.meeting = nn.Sequential(nn.Linear(160 + 2, 64), nn.ReLU(), nn.Linear(64, 8))

    def begin_with(self, eye: PatchNet) -> None:
        """Take over what `face_points` has learned of eyes."""
        self.fine.load_state_dict(eye.fine.state_dict())
        self.down.load_state_dict(eye.coarse[0].state_dict())
        for own, theirs in zip(self.lateral, list(eye.coarse)[1:], strict=True):
            own.load_state_dict(theirs.state_dict())
        self.merge[1].load_state_dict(eye.merge[1].state_dict())

    def forward(self, picture: Tensor, camera: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine = self.fine(picture - 0.5)
        deep = self.down(fine)
        heat = self.merge(fine + double(self.lateral(deep)))
        known = self.squeeze(deep)
        facts = self.facts(known).float()
        met = self.meeting(torch.cat([known, 2 * camera], dim=1)).float()
        with all_bits(heat):
            place = torch.softmax(heat.float().flatten(2), -1) @ self.place
        place = place + facts[:, : 2 * self.count].unflatten(1, (self.count, 2))
        looks, spread = (facts[:, 2 * self.count :] + met).unflatten(1, (2, 2, 2)).unbind(1)
        return place, 0.3 * looks, 0.1 * torch.exp(spread.clamp(-4.0, 4.0))


class FaceRegions(nn.Module):
    """The regions of a crop: (N, 3, 256, 256) to `regions` (N, 12, 128, 128), which sum to one.

    A U-Net (Ronneberger et al. 2015) of bottlenecks, wider than what finds points: it looks once at each
    frame of a plate.
    """

    def __init__(self) -> None:
        super().__init__()
        self.to_half = conv(3, 24, 3, 2)
        self.to_quarter = stage(24, 48, 1)
        self.to_eighth = stage(48, 96, 2)
        self.to_sixteenth = stage(96, 160, 3)
        self.to_deep = stage(160, 256, 3)
        self.at16 = Joining(256, 160, 2)
        self.at8 = Joining(160, 96, 2)
        self.at4 = Joining(96, 48, 1)
        self.from4 = nn.Conv2d(48, 4 * REGION_COUNT, 1)
        self.from2 = nn.Conv2d(24, REGION_COUNT, 3, padding=1)

    def scores(self, picture: Tensor) -> Tensor:
        """The output before it is made to sum to one."""
        half = self.to_half(picture - 0.5)
        quarter = self.to_quarter(half)
        eighth = self.to_eighth(quarter)
        sixteenth = self.to_sixteenth(eighth)
        x = self.at16(self.to_deep(sixteenth), sixteenth)
        x = self.at4(self.at8(x, eighth), quarter)
        return functional.pixel_shuffle(self.from4(x), 2) + self.from2(half)

    def forward(self, picture: Tensor) -> Tensor:
        return torch.softmax(self.scores(picture), 1)


class Joining(nn.Module):
    """Deep features at twice their resolution joined to `outputs` finer ones, then `blocks` bottlenecks."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__()
        self.lateral = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.blocks = nn.Sequential(nn.ReLU(), *(Bottleneck(outputs) for _ in range(blocks)))

    def forward(self, deep: Tensor, fine: Tensor) -> Tensor:
        found: Tensor = self.blocks(fine + double(self.lateral(deep)))
        return found


class FaceDetector(nn.Module):
    """Faces in a picture, one candidate every 8 pixels (as CenterNet and FCOS).

    Input (N, 3, H, W), sides multiples of 32. Output `faces` (N, 15, H/8, W/8): score 0..1; the box's center
    relative to the cell's center and the logarithm of its width and height, in units of 8 pixels; five
    points relative to the cell's center in units of 8 pixels: eye at the picture's left, the other eye,
    nose tip, corner of the mouth at the left, the other corner.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 16, 3, 2), conv(16, 24, 3, 2))
        self.to_eighth = stage(24, 48, 2)
        self.to_sixteenth = stage(48, 96, 2)
        self.to_deep = nn.Sequential(stage(96, 128, 2), stage(128, 128, 1))
        self.deeper = nn.Sequential(nn.Conv2d(128, 96, 1, bias=False), nn.BatchNorm2d(96))
        self.from16 = nn.Sequential(
            nn.ReLU(inplace=True), nn.Conv2d(96, 48, 1, bias=False), nn.BatchNorm2d(48)
        )
        self.merge = nn.Sequential(nn.ReLU(inplace=True), Bottleneck(48), conv(48, 48))
        self.head = nn.Conv2d(48, 15, 1)
        nn.init.constant_(self.head.bias[:1], -4.0)  # type: ignore[index]

    def raw(self, picture: Tensor) -> Tensor:
        """The output with the score as a logit."""
        eighth = self.to_eighth(self.stem(picture - 0.5))
        sixteenth = self.to_sixteenth(eighth)
        deep = double(double(self.deeper(self.to_deep(sixteenth))))
        found: Tensor = self.head(self.merge(eighth + double(self.from16(sixteenth + deep))))
        return found

    def forward(self, picture: Tensor) -> Tensor:
        found = self.raw(picture)
        return torch.cat([torch.sigmoid(found[:, :1]), found[:, 1:]], 1)


def export(
    network: nn.Module,
    path: Path,
    names: tuple[str, ...],
    inputs: Mapping[str, tuple[int, ...]],
    *,
    any_size: bool = False,
) -> dict[str, float]:
    """Write `network` as ONNX and compare with torch on noise; returns the largest difference per output.

    `inputs` are the shapes of one of each input, `names` are the outputs'; both are of as many as one likes,
    and of `any_size` where they are maps.
    Raises `ValueError` where an output differs by more than 1e-3.
    """
    network.eval()
    random = torch.Generator().manual_seed(0)
    given = {name: torch.rand(2, *shape, generator=random) for name, shape in inputs.items()}
    axes = {0: "n"} | ({2: "height", 3: "width"} if any_size else {})
    out_axes = {0: "n"} | ({2: "rows", 3: "columns"} if any_size else {})
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        network,
        tuple(given.values()),
        str(path),
        input_names=list(given),
        output_names=list(names),
        opset_version=OPSET,
        dynamic_axes={name: axes for name in given} | {name: out_axes for name in names},
        dynamo=False,
    )
    with torch.no_grad():
        expected = network(*given.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: list[NDArray[np.float32]] = session.run(
        list(names), {name: value.numpy() for name, value in given.items()}
    )
    pairs = zip(names, expected, found, strict=True)
    difference = {name: float(np.abs(want.numpy() - got).max()) for name, want, got in pairs}
    if max(difference.values()) > 1e-3:
        raise ValueError(f"{path.name} differs from torch: {difference}")
    return difference
