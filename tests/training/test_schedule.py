"""Batches come in order from a thread of their own, a few ahead."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

pytest.importorskip("torch")

import torch

from likeness.training.schedule import AHEAD, half_precision, made_ahead


def test_batches_come_in_order_and_a_few_are_made_ahead() -> None:
    made: list[tuple[int, str]] = []

    def endless() -> Iterator[int]:
        for n in itertools.count():
            made.append((n, threading.current_thread().name))
            yield n

    with made_ahead(endless()) as batches:
        assert [next(batches) for _ in range(5)] == [0, 1, 2, 3, 4]
    numbers, threads = zip(*made, strict=True)
    assert list(numbers) == list(range(len(made)))
    assert 5 <= len(made) <= 5 + AHEAD
    assert len(set(threads)) == 1 and threading.current_thread().name not in threads


def test_what_goes_wrong_with_a_batch_is_told_and_the_thread_ends() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("no picture")

    before = threading.active_count()
    with pytest.raises(ValueError, match="no picture"), made_ahead(broken()) as batches:
        assert next(batches) == 1
        next(batches)
    assert threading.active_count() == before


def test_half_the_bits_are_used_where_the_processor_has_them() -> None:
    """A processor without them was nine times as slow with half the bits."""
    able = torch.cpu.get_capabilities()
    with half_precision():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if able["avx512_bf16"] or able["amx_tile"] else torch.float32)
