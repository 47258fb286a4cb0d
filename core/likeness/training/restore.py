"""Takes house models up again from their ONNX files: to train one further, or to blend two.

`python -m likeness.training.restore ONE OTHER --share S --out FILE` writes the blend of two models of which
one was trained on from the other: each weight is a mean, in which the other counts S (model soups, Wortsman
et al. 2022). It knows the pictures of both.

The export folds each batch normalization into the convolution before it. `load_folded` puts the folded
weights back and lets the normalization do nothing but add the folded bias; `calibrate` then measures what
the normalization sees and rescales it, so that the network computes the same in evaluation and can go on
learning.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn


def _in_order(network: nn.Module, view: tuple[Tensor, ...]) -> list[nn.Module]:
    """The convolutions and normalizations of `network` in the order in which a forward pass uses them."""
    used: list[nn.Module] = []
    kinds = (nn.Conv2d, nn.BatchNorm2d)
    hooks = [
        module.register_forward_hook(lambda m, *_: used.append(m))
        for module in network.modules()
        if isinstance(module, kinds)
    ]
    network.eval()
    with torch.no_grad():
        network(*view)
    for hook in hooks:
        hook.remove()
    return used


@torch.no_grad()
def load_folded(network: nn.Module, path: Path, *view: Tensor) -> None:
    """Load the weights of the ONNX file `path` into `network`, whose export it is.

    `view` is anything that the network can look at. A convolution that has more outputs than it had keeps its
    first ones, and begins with the others. Raises `ValueError` where the file belongs to another network.
    """
    model = onnx.load(str(path))
    values = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in model.graph.initializer}
    folded = [node.input for node in model.graph.node if node.op_type == "Conv"]
    used = _in_order(network, view)
    convolutions = [module for module in used if isinstance(module, nn.Conv2d)]
    if len(folded) != len(convolutions):
        raise ValueError(f"{path.name} has {len(folded)} convolutions, the network {len(convolutions)}")
    after = dict(itertools.pairwise(used))
    for inputs, convolution in zip(folded, convolutions, strict=True):
        weight, bias = values[inputs[1]], values[inputs[2]] if len(inputs) > 2 else None
        rows = len(weight)
        if weight.shape[1:] != convolution.weight.shape[1:] or rows > len(convolution.weight):
            raise ValueError(f"{path.name}: {tuple(weight.shape)} is not {tuple(convolution.weight.shape)}")
        convolution.weight[:rows].copy_(weight)
        normalization = after.get(convolution)
        if convolution.bias is not None:
            convolution.bias[:rows].copy_(values[inputs[2]])
        elif isinstance(normalization, nn.BatchNorm2d) and bias is not None:
            normalization.running_mean.zero_()  # type: ignore[union-attr]
            normalization.running_var.fill_(1 - normalization.eps)  # type: ignore[union-attr]
            normalization.weight.fill_(1)
            normalization.bias.copy_(bias)
    done = {id(p) for module in convolutions for p in module.parameters()}
    for name, parameter in network.named_parameters():
        if name in values and id(parameter) not in done:
            parameter.copy_(values[name].reshape(parameter.shape))


@torch.no_grad()
def calibrate(network: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Measure what each normalization sees in `batches` of inputs; the network's output stays the same."""
    seen: dict[nn.BatchNorm2d, list[Tensor]] = {}

    def look(module: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        assert isinstance(module, nn.BatchNorm2d)
        x = inputs[0].double()
        moments = torch.stack([x.mean((0, 2, 3)), x.square().mean((0, 2, 3))])
        seen.setdefault(module, []).append(moments)

    hooks = [m.register_forward_hook(look) for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    network.eval()
    for inputs in batches:
        network(*inputs)
    for hook in hooks:
        hook.remove()
    for module, moments in seen.items():
        assert module.running_mean is not None and module.running_var is not None
        mean, square = torch.stack(moments).mean(0)
        variance = (square - mean.square()).clamp_min(0)
        gain = module.weight / torch.sqrt(module.running_var + module.eps)
        shift = module.bias - gain * module.running_mean
        module.running_mean.copy_(mean)
        module.running_var.copy_(variance)
        module.weight.copy_(gain * torch.sqrt(module.running_var + module.eps))
        module.bias.copy_(shift + gain * module.running_mean)


def blend(one: Path, other: Path, share: float, out: Path) -> None:
    """Write the model whose weights are those of `one` and, by `share` (0 to 1), those of `other`.

    Raises `ValueError` where the two are not of the same network.
    """
    mine, theirs = onnx.load(str(one)), onnx.load(str(other))
    known = {weight.name: numpy_helper.to_array(weight) for weight in theirs.graph.initializer}
    pairs = list(zip(mine.graph.node, theirs.graph.node, strict=False))
    twin = {name: again for a, b in pairs for name, again in zip(a.input, b.input, strict=False)}
    same = len(mine.graph.node) == len(theirs.graph.node) and all(a.op_type == b.op_type for a, b in pairs)
    for weight in mine.graph.initializer:
        values, others = numpy_helper.to_array(weight), known.get(twin.get(weight.name, weight.name))
        if not same or others is None or values.shape != others.shape:
            raise ValueError(f"{other.name} is not of the network of {one.name}")
        if values.dtype == np.float32:
            mean = values + np.float32(share) * (others - values)
            weight.CopyFrom(numpy_helper.from_array(mean, weight.name))
    onnx.save(mine, str(out))


def main() -> None:
    """Blend two models from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("one", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="how much the other counts, 0 to 1")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    blend(given.one, given.other, given.share, given.out)


if __name__ == "__main__":
    main()
