"""How trainings use the machine they run on."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from likeness.training.schedule import half_precision


def test_half_the_bits_are_used_where_the_processor_has_them() -> None:
    """A processor without them was nine times as slow with half the bits."""
    able = torch.cpu.get_capabilities()
    with half_precision():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if able["avx512_bf16"] or able["amx_tile"] else torch.float32)
