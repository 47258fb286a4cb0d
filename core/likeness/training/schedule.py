"""One way to train for a given time, on the card where there is one: cosine by the clock, averaged weights,
checkpoints."""

from __future__ import annotations

import argparse
import logging
import math
import os
import time
from contextlib import AbstractContextManager
from functools import cache as once
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

log = logging.getLogger("likeness.training")

Network = TypeVar("Network", bound=nn.Module)

WARM_UP_STEPS = 200
CHECKPOINT_S = 90.0
HALF = ("avx512_bf16", "amx_tile")  # capabilities of processors that compute with bfloat16
REPORT_STEPS = 100


@once
def device() -> torch.device:
    """Where networks learn: the card, or the processor where there is none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Trainer:
    """AdamW whose rate falls by the clock, so that the work ends on time on any machine.

    `average` are the weights averaged over the last steps, which are better than the last ones. A
    checkpoint at `path` is taken up again with its clock where it stood.
    """

    def __init__(
        self, network: nn.Module, path: Path, minutes: float, rate: float, decay: float = 0.998
    ) -> None:
        self.network, self.path, self.rate, self.decay = network, path, rate, decay
        self.duration_s = 60 * minutes
        self.optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-4)
        self.average = {k: v.clone() for k, v in network.state_dict().items()}
        self.step = 0
        self.spent_s = 0.0
        self._recent: list[float] = []
        if path.is_file():
            self._load()
        self._last = self._saved = time.monotonic()

    def goes_on(self) -> bool:
        """Whether time is left; counts the time since the last call."""
        now = time.monotonic()
        self.spent_s += now - self._last
        self._last = now
        if now - self._saved > CHECKPOINT_S or self.spent_s >= self.duration_s:
            self.save()
            self._saved = now
        return self.spent_s < self.duration_s

    def update(self, loss: Tensor) -> None:
        """One step down the gradient of `loss`."""
        done = min(self.spent_s / self.duration_s, 1.0)
        warm = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        rate = self.rate * warm * (0.5 * (1 + math.cos(math.pi * done)) + 0.005)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        self._average()
        self._recent.append(loss.item())
        if self.step % REPORT_STEPS == 0:
            mean = sum(self._recent) / len(self._recent)
            log.info("step %d, %.0f s, rate %.1e, loss %.4f", self.step, self.spent_s, rate, mean)
            self._recent.clear()

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.decay, self.step / (self.step + 20))
        for name, value in self.network.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[name].mul_(keep).add_(value, alpha=1 - keep)
            else:
                self.average[name].copy_(value)

    def averaged(self, network: Network) -> Network:
        """`network`, another of the same kind, with the averaged weights."""
        network.load_state_dict(self.average)
        return network

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "spent_s": self.spent_s,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".part")
        torch.save(state, unfinished)
        os.replace(unfinished, self.path)

    def _load(self) -> None:
        state = torch.load(self.path, map_location=device(), weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average = state["average"]
        self.step, self.spent_s = state["step"], state["spent_s"]


def half_precision() -> AbstractContextManager[None]:
    """Half the bits for convolutions, where that is computed: nearly twice as fast on a processor that can.

    Others would imitate it, nine times as slow as with all bits.
    """
    able = torch.cpu.get_capabilities()
    enabled = device().type == "cuda" or any(able.get(name, False) for name in HALF)
    return torch.autocast(device().type, torch.bfloat16, enabled=enabled)


def arguments(description: str | None, batch: int) -> argparse.ArgumentParser:
    """The command line that the trainings of crops share; `batch` is the usual number of them."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pictures", type=Path, required=True, nargs="+", help="folders of rendered pictures"
    )
    parser.add_argument("--heldout", type=Path, required=True, help="folder of pictures of another seed")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the models")
    parser.add_argument("--start", type=Path, help="folder of models to begin with")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--batch", type=int, default=batch, help="crops in a step")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser
