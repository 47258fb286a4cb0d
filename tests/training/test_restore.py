"""A network taken up again from its ONNX file computes the same and can go on learning."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from likeness import runtime  # noqa: E402
from likeness.training.networks import FaceDetector, FaceRegions, export  # noqa: E402
from likeness.training.restore import blend, calibrate, load_folded  # noqa: E402


def _lived_in(network: torch.nn.Module) -> torch.nn.Module:
    """A network whose normalizations have seen something."""
    torch.manual_seed(3)
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(4, 3, 192, 192) * 0.7)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.2, 0.2)
    return network.eval()


def test_a_restored_network_computes_what_the_file_computes(tmp_path: Path) -> None:
    old = _lived_in(FaceRegions())
    export(old, tmp_path / "regions.onnx", ("regions",), {"picture": (3, 192, 192)})
    new = FaceRegions()
    load_folded(new, tmp_path / "regions.onnx", torch.zeros(1, 3, 192, 192))
    picture = torch.rand(2, 3, 192, 192)
    with torch.no_grad():
        want = old(picture)
        assert torch.allclose(new.eval()(picture), want, atol=1e-4)
        calibrate(new, [(torch.rand(4, 3, 192, 192),) for _ in range(2)])
        assert torch.allclose(new.eval()(picture), want, atol=1e-4)
        trained = new.train()(torch.rand(8, 3, 192, 192))
    assert torch.allclose(trained.mean((0, 2, 3)), want.mean((0, 2, 3)), atol=0.05)


def test_an_output_that_was_added_leaves_the_old_ones(tmp_path: Path) -> None:
    class Net(torch.nn.Module):
        def __init__(self, outputs: int) -> None:
            super().__init__()
            self.head = torch.nn.Conv2d(3, outputs, 1)

        def forward(self, picture):
            return self.head(picture)

    old, new = Net(2).eval(), Net(5).eval()
    export(old, tmp_path / "net.onnx", ("y",), {"picture": (3, 8, 8)})
    load_folded(new, tmp_path / "net.onnx", torch.zeros(1, 3, 8, 8))
    picture = torch.rand(1, 3, 8, 8)
    assert torch.allclose(new(picture)[:, :2], old(picture), atol=1e-6)


def test_another_networks_file_is_refused(tmp_path: Path) -> None:
    export(_lived_in(FaceRegions()), tmp_path / "regions.onnx", ("regions",), {"picture": (3, 192, 192)})
    with pytest.raises(ValueError, match=r"regions\.onnx has \d+ convolutions, the network \d+"):
        load_folded(FaceDetector(), tmp_path / "regions.onnx", torch.zeros(1, 3, 192, 192))


def test_a_blend_lies_between_two_models(tmp_path: Path) -> None:
    one, other = torch.nn.Conv2d(3, 2, 1).eval(), torch.nn.Conv2d(3, 2, 1).eval()
    for name, network in (("one", one), ("other", other)):
        export(network, tmp_path / f"{name}.onnx", ("y",), {"picture": (3, 8, 8)})
    blend(tmp_path / "one.onnx", tmp_path / "other.onnx", 0.25, tmp_path / "mean.onnx")
    picture = torch.rand(1, 3, 8, 8)
    found = runtime.session(tmp_path / "mean.onnx", "cpu")(picture.numpy())[0]
    with torch.no_grad():
        wanted = 0.75 * one(picture) + 0.25 * other(picture)
    assert torch.allclose(torch.from_numpy(found), wanted, atol=1e-5)
    export(torch.nn.Conv2d(3, 4, 1), tmp_path / "wider.onnx", ("y",), {"picture": (3, 8, 8)})
    with pytest.raises(ValueError, match="wider.onnx is not of the network of one.onnx"):
        blend(tmp_path / "one.onnx", tmp_path / "wider.onnx", 0.5, tmp_path / "none.onnx")
