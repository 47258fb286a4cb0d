"""Small runs of the trainings: a step, a checkpoint, an export that agrees with torch."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from likeness import catalog, runtime  # noqa: E402
from likeness.face import gaze, patches  # noqa: E402
from likeness.face.landmarks import Crop  # noqa: E402
from likeness.face.regions import REGIONS  # noqa: E402
from likeness.head import points  # noqa: E402
from likeness.training import (  # noqa: E402
    augment,
    crops,
    dataset,
    face_detector,
    face_eyes,
    face_points,
    face_regions,
    networks,
)
from likeness.training.scene import SIZE  # noqa: E402

COUNT = 6
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the renderer writes it, with noise for pictures and a plausible face for points."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    dataset.create(folder, COUNT, 1)
    for name, shape in dataset.files(SIZE).items():
        rng.integers(0, 12 if name == "regions" else 256, (COUNT, *shape), np.uint8).tofile(
            folder / f"{name}.u8"
        )
    camera = rng.uniform(-8, 8, (COUNT, points.COUNT, 3))
    camera[:, 36:42, :2], camera[:, 42:48, :2], camera[:, 48:68, :2] = (-3, -3), (3, -3), (0, 4)
    camera[..., 2] += 80
    xy = camera[..., :2] * 600 / camera[..., 2:] + 112
    labels = {
        "points_px": xy.astype(np.float32),
        "points_cam": camera.astype(np.float32),
        "visible": rng.random((COUNT, points.COUNT)) > 0.3,
        "focal_px": np.full(COUNT, 600, np.float32),
        "gaze": rng.uniform(-0.3, 0.3, (COUNT, 2, 2)).astype(np.float32),
        "head_pose": np.tile(np.diag([1, -1, -1, 1]).astype(np.float32), (COUNT, 1, 1)),
    }
    np.savez(folder / "labels_0000.npz", **labels)
    return folder


def test_both_eyes_share_a_network_because_mirrored_they_have_the_same_points() -> None:
    assert len(patches.EYE_LEFT) == len(patches.EYE_RIGHT)
    inner, outer = 42, 45
    assert patches.EYE_LEFT[0] == inner and patches.EYE_RIGHT[0] == 39
    assert outer in patches.EYE_LEFT and 36 in patches.EYE_RIGHT
    first = int(np.flatnonzero(patches.EYE_LEFT == points.IRIS_LEFT)[0]) + 1
    assert points.RIM_LEFT[0] == patches.EYE_LEFT[first], "the outermost point of the left rim"
    assert points.RIM_RIGHT[points.RIM_COUNT // 2] == patches.EYE_RIGHT[first]
    assert patches.EYE_LEFT[-1] == 26 and patches.EYE_RIGHT[-1] == 17, "brows from their inner ends"


def test_soft_argmax_names_the_warmest_cell() -> None:
    heat = torch.zeros(1, 2, 12, 12)
    heat[0, 0, 3, 8] = heat[0, 1, 11, 0] = 50.0
    place = networks.SoftArgmax(12)(heat)[0]
    assert place[0].tolist() == pytest.approx(
        [0.5 + (8.5 / 12 - 0.5) * 14 / 12, 0.5 + (3.5 / 12 - 0.5) * 14 / 12]
    )
    assert place[1, 0] < 0 and place[1, 1] > 1 - 0.08


@pytest.mark.parametrize("flip", [False, True])
def test_a_patch_and_its_points_use_the_same_frame(flip: bool) -> None:
    center, axis = torch.tensor([[[0.7, 0.2], [0.4, 0.6]]]), torch.tensor([[[0.1, 0.0], [0.2, 0.1]]])
    frames = networks.patch_frames(center, axis, torch.tensor([[0.5, 0.5], [-0.8 if flip else 0.8, 0.8]]))
    ramp = (torch.arange(192) + 0.5) / 192
    picture = torch.stack([ramp.expand(192, 192), ramp[:, None].expand(192, 192), torch.zeros(192, 192)])[
        None
    ]
    patches = networks.sample(picture, frames, 32)
    local = torch.tensor([[[20.5 / 32, 9.5 / 32]]])
    for patch, frame in zip(patches, frames[0], strict=True):
        there = networks.unsample(local, frame[None])[0, 0].tolist()
        assert there == pytest.approx(patch[:2, 9, 20].tolist(), abs=1e-4)


def test_the_second_look_is_that_of_the_training() -> None:
    whole = networks.FacePoints().eval()
    face_points.load_points(whole, catalog.HOUSE)
    random = np.random.default_rng(0)
    crops = random.random((3, 3, 192, 192), np.float32)
    first = runtime.session("face_points", "cpu")(crops)[0]
    # A face that is turned and reaches out of its crop.
    first[1, :, :2] = (first[1, :, :2] - 0.5) @ [[0.9, 0.5], [-0.5, 0.9]] * 1.8 + 0.4
    crops = crops * 0.3 + 0.5 * np.linspace(0, 1, 192, dtype=np.float32)
    found = first.copy()
    patches.look_again(crops, found, "cpu")
    whole.first = lambda *_: {"coarse": torch.from_numpy(first[..., :2])}  # type: ignore[method-assign]
    with torch.no_grad():
        wanted = whole.heads(torch.from_numpy(crops), None, None)["xy"].numpy()
    seen = patches.ORDER >= 0
    assert np.abs(wanted - first[..., :2])[:, seen].max() > 0.05, "points do move"
    assert found[..., :2] == pytest.approx(wanted, abs=1e-5)
    assert (found[..., 2] == first[..., 2]).all()


def test_a_crop_and_its_points_use_the_same_matrix() -> None:
    ramp = np.tile((np.arange(224) + 0.5).astype(np.uint8)[:, None, None], (1, 224, 3))
    matrix = augment.similarity(np.array([110.0, 100.0]), 90.0, 0.4, 64)
    crop = augment.warp(np.ascontiguousarray(ramp), matrix, 64, np.full(3, -1, np.float32))
    x, y = augment.into_crop(np.array([120.0, 90.5]), matrix)
    assert crop[int(y), int(x), 0] * 255 == pytest.approx(90, abs=1.5)
    assert augment.into_crop(
        Crop((110.0, 100.0), 90.0, 0.4).matrix @ [0.25, 0.75, 1], matrix
    ) == pytest.approx([16, 48])


def test_a_face_and_its_points_are_mirrored_alike(pictures: Path) -> None:
    data = crops.Renders([pictures], CPU)
    drawn = data.pictures(0, torch.zeros(12, dtype=torch.long))
    eyes = drawn["points_px"][:, 36:48, 0]
    sides = torch.sign(eyes - eyes.mean(1, keepdim=True))
    batch = face_points.make_batch(drawn, torch.Generator().manual_seed(0))
    mirrored = batch.known.min(1).values == 0
    assert mirrored.any() and not mirrored.all()
    assert (batch.known[mirrored] == torch.from_numpy(~points.ALONE).float()).all()
    place = batch.place[:, 36:48, 0]
    there = batch.present > 0
    same = torch.sign(place - place.mean(1, keepdim=True)) == sides
    assert same[there].all(), "a left eye is left in both"
    assert face_points.make_batch(drawn, None).known.all()


def test_half_the_bits_leave_places_and_gradients_whole(pictures: Path) -> None:
    torch.manual_seed(0)
    network = face_points.FacePoints()
    batch = face_points.make_batch(crops.Renders([pictures], CPU).pictures(0, torch.arange(4)), None)
    value = face_points.loss(network, batch, face_points.point_weights())
    value.backward()
    assert value.dtype == torch.float32
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        half = network.eval()(batch.picture)[0]
    assert (half - network(batch.picture)[0]).abs().max() < 0.02


def test_training_points_goes_on_and_exports(pictures: Path, tmp_path: Path) -> None:
    numbers = face_points.train([pictures], pictures, tmp_path, 0.02, 1)
    assert numbers["inner_median"] > 0 and 0 <= numbers["visible_right"] <= 1
    first = torch.load(tmp_path / "face_points.pt", weights_only=True)
    face_points.train([pictures], pictures, tmp_path, first["spent_s"] / 60 + 0.02, 1)
    assert torch.load(tmp_path / "face_points.pt", weights_only=True)["step"] > first["step"] >= 1
    model = runtime.session(tmp_path / "face_points.onnx", "cpu")
    place, sigma, visible, presence = model(np.random.default_rng(0).random((3, 3, 192, 192), np.float32))
    assert (
        place.shape == (3, 450, 3) and sigma.shape == visible.shape == (3, 450) and presence.shape == (3, 1)
    )
    assert np.abs(place[:, :68, 2].mean(1)).max() < 1e-5 and sigma.min() > 0


def test_training_goes_on_from_the_house_points(pictures: Path) -> None:
    data = crops.Renders([pictures], CPU)
    view = face_points.make_batch(data.pictures(0, torch.arange(2)), None).picture
    known = runtime.session("face_points", "cpu")(view.numpy())[0]
    patches.look_again(view.numpy(), known, "cpu")
    network = face_points.FacePoints()
    face_points.take_up(network, catalog.HOUSE, data)
    with torch.no_grad():
        assert network.eval()(view)[0].numpy() == pytest.approx(known, abs=1e-3)


def test_strips_of_many_are_those_of_each(pictures: Path) -> None:
    xy = crops.Renders([pictures], CPU).pictures(0, torch.arange(3))["points_px"]
    found = face_eyes.strips(xy, torch.full((3,), 1.1), torch.full((3,), 0.2))
    for matrix, one in zip(found.numpy(), xy.double().numpy(), strict=True):
        assert matrix == pytest.approx(gaze.strip(one, 1.1, 0.2), abs=1e-3)


def test_a_strip_and_its_truth_are_mirrored_alike(pictures: Path) -> None:
    drawn = crops.Renders([pictures], CPU).pictures(0, torch.zeros(16, dtype=torch.long))
    drawn["head_pose"] = drawn["head_pose"].clone()
    turn = np.radians(30.0)
    drawn["head_pose"][:, :3, :3] @= torch.tensor(
        [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]], dtype=torch.float32
    )
    drawn |= face_eyes.told(drawn)
    plain = face_eyes.make_batch(drawn, None)
    batch = face_eyes.make_batch(drawn, torch.Generator().manual_seed(1))
    mirrored = (batch.gaze[:, 0, 0] - plain.gaze[:, 0, 0]).abs() > 1e-6
    assert mirrored.any() and not mirrored.all()
    assert torch.equal(batch.gaze[mirrored, 0, 0], -plain.gaze[mirrored, 1, 0])
    assert torch.equal(batch.gaze[~mirrored], plain.gaze[~mirrored])
    first_of_right = len(points.GROUPS["lid_left_upper"]) + len(points.GROUPS["lid_left_lower"])
    assert (batch.place[:, 0, 0] > batch.place[:, first_of_right, 0]).all(), "what looks left is named so"
    side = torch.sign(plain.camera[0, 0])
    assert (torch.sign(batch.camera[:, 0]) == torch.where(mirrored, -side, side)).all(), "nor the camera"


def test_training_eyes_goes_on_and_exports(pictures: Path, tmp_path: Path) -> None:
    numbers = face_eyes.train([pictures], pictures, tmp_path, 0.02, start=catalog.HOUSE)
    assert numbers["gaze_deg"] > 0 and numbers["lids"] > 0
    first = torch.load(tmp_path / "face_eyes.pt", weights_only=True)
    face_eyes.train([pictures], pictures, tmp_path, first["spent_s"] / 60 + 0.02)
    assert torch.load(tmp_path / "face_eyes.pt", weights_only=True)["step"] > first["step"] >= 1
    place, looks, spread = runtime.session(tmp_path / "face_eyes.onnx", "cpu")(
        np.random.default_rng(0).random((3, 3, 40, 96), np.float32), np.zeros((3, 2), np.float32)
    )
    assert place.shape == (3, 72, 2) and looks.shape == spread.shape == (3, 2, 2) and spread.min() > 0


def test_those_who_look_into_the_camera_are_shown_as_often_as_they_are_met(pictures: Path) -> None:
    labels = crops.Renders([pictures], CPU).pictures(0, torch.arange(COUNT))
    stand = face_eyes.told(labels)["camera"].numpy()
    assert np.abs(stand).max() < np.radians(15), "heads that face the camera see it before them"
    labels["gaze"] = torch.from_numpy(np.repeat(stand[:, None], 2, axis=1).astype(np.float32))
    labels["gaze"][1:] += 0.5
    assert float(face_eyes.told(labels)["often"][0]) == pytest.approx(face_eyes.MET_SHARE, abs=1e-6)


def test_eyes_are_taken_up_where_their_training_ended(pictures: Path, tmp_path: Path) -> None:
    face_eyes.train([pictures], pictures, tmp_path, 0.02, start=catalog.HOUSE)
    data = crops.Renders([pictures], CPU, told=face_eyes.told)
    picture, *_, camera = face_eyes.make_batch(data.pictures(0, torch.arange(2)), None)
    known = runtime.session(tmp_path / "face_eyes.onnx", "cpu")(picture.numpy(), camera.numpy())
    again = networks.FaceEyes()
    face_eyes.take_up(again, tmp_path, data)
    with torch.no_grad():
        for one, other in zip(again.eval()(picture, camera), known, strict=True):
            assert one.numpy() == pytest.approx(other, abs=2e-3)


def test_training_regions_goes_on_and_exports(pictures: Path, tmp_path: Path) -> None:
    numbers = face_regions.train([pictures], pictures, tmp_path, 0.02, 1, batch=2)
    assert set(numbers) == set(REGIONS) and 0 <= numbers["skin"] <= 1
    first = torch.load(tmp_path / "face_regions.pt", weights_only=True)
    face_regions.train([pictures], pictures, tmp_path, first["spent_s"] / 60 + 0.02, 1, batch=2)
    assert torch.load(tmp_path / "face_regions.pt", weights_only=True)["step"] > first["step"] >= 1
    model = runtime.session(tmp_path / "face_regions.onnx", "cpu")
    regions = model(np.zeros((1, 3, 256, 256), np.float32))[0]
    assert regions.shape == (1, 12, 128, 128)
    assert regions.sum(1) == pytest.approx(np.ones((1, 128, 128)), abs=1e-4)


def test_training_goes_on_from_the_house_regions(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_regions, "BATCH", 2)
    data = crops.Renders([pictures], CPU, face_regions.MAPS)
    view = face_regions.make_batch(data.pictures(0, torch.arange(2)), None).picture
    network = face_regions.FaceRegions()
    face_regions.take_up(network, catalog.HOUSE, data)
    with torch.no_grad():
        known = runtime.session("face_regions", "cpu")(view.numpy())[0]
        assert network.eval()(view).numpy() == pytest.approx(known, abs=2e-3)


def test_training_the_detector_exports_any_size(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face_detector, "BACKGROUNDS", 2)
    monkeypatch.setattr(face_detector, "BATCH", 2)
    monkeypatch.setattr(face_detector, "EVALUATED", 3)
    numbers = face_detector.train([pictures], pictures, tmp_path, 0.02, 1)
    assert 0 <= numbers["recall"] <= 1
    model = runtime.session(tmp_path / "face_detector.onnx", "cpu")
    assert model(np.zeros((1, 3, 128, 192), np.float32))[0].shape == (1, 15, 16, 24)


def test_targets_lie_where_the_boxes_are() -> None:
    boxes, five = np.array([[40, 40, 104, 88]], np.float32), np.full((1, 5, 2), 72, np.float32)
    wanted, weight = face_detector.targets(face_detector.Faces(boxes, five, np.array([True])), 192)
    row, column = np.unravel_index(wanted[0].argmax(), wanted[0].shape)
    assert (row, column) == (8, 9) and weight[1, row, column] > 0
    found = np.concatenate([wanted[:1], wanted[1:]])
    from likeness.face.detect import candidates

    box, points5, _ = candidates(found, 0.99)
    assert box[0] == pytest.approx(boxes[0], abs=1e-3) and points5[0] == pytest.approx(five[0], abs=1e-3)


def test_what_is_cut_off_is_neither_face_nor_background() -> None:
    boxes, five = np.array([[40, 40, 104, 104]], np.float32), np.full((1, 5, 2), 72, np.float32)
    wanted, weight = face_detector.targets(face_detector.Faces(boxes, five, np.array([False])), 192)
    assert wanted[0].max() == 0 and weight[0].min() == 0 and weight[1].max() == 0


def test_a_network_that_differs_from_torch_is_refused(tmp_path: Path) -> None:
    class Drifting(torch.nn.Module):
        calls = 0

        def forward(self, picture):
            Drifting.calls += 1
            return picture * float(Drifting.calls)

    with pytest.raises(ValueError, match="differs from torch"):
        networks.export(Drifting(), tmp_path / "x.onnx", ("y",), {"picture": (3, 8, 8)})


@pytest.mark.slow
def test_renders_of_this_machine_are_read(tmp_path: Path) -> None:
    folder = os.environ.get("LIKENESS_RENDERS")
    if not folder:
        pytest.skip("set LIKENESS_RENDERS to a folder of rendered people")
    batch = face_points.make_batch(crops.Renders([Path(folder)], CPU).pictures(0, torch.arange(2)), None)
    assert batch.place[:, :, :2].min() > 0.1 and batch.place[:, :, :2].max() < 0.9
