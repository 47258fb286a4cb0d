"""Four channels of a pixel at once, which LLVM does not find by itself in numba's kernels."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

FAST = {"reassoc", "contract", "arcp", "afn"}  # not those that take every number for finite
FLAGS = tuple(sorted(FAST))
WORD, FOUR = ir.IntType(64), ir.VectorType(ir.FloatType(), 4)


@intrinsic
def patch(typing: Any, flat: Any, first: Any, line: Any, across: Any, down: Any) -> Any:
    """4 x 4 pixels of four channels, weighed by columns and rows (each 4), held within the middle four.

    `flat` is the picture, one float32 after the other, `first` (uint64) where the patch begins in it, `line`
    how far it is from row to row. Returns the four channels.
    """
    weights = types.UniTuple(types.float32, 4)
    return weights(flat, types.uint64, types.uint64, weights, weights), _weighed


def _weighed(context: Any, build: Any, signature: Any, given: Any) -> Any:
    flat, at, line = given[:3]
    data = context.make_array(signature.args[0])(context, build, flat).data
    across, down = ([_all(build, build.extract_value(each, n)) for n in range(4)] for each in given[3:])
    total, middle = None, []
    for r in range(4):
        row = [_load(build, data, build.add(at, WORD(4 * c))) for c in range(4)]
        middle += row[1:3] if r in (1, 2) else []
        mixed = None
        for pixel, weight in zip(row, across, strict=True):
            mixed = _plus(build, mixed, build.fmul(pixel, weight, flags=FLAGS))
        total = _plus(build, total, build.fmul(mixed, down[r], flags=FLAGS))
        at = build.add(at, line)
    low, high = middle[0], middle[0]
    for pixel in middle[1:]:
        low, high = _chosen(build, "<", pixel, low), _chosen(build, ">", pixel, high)
    total = _chosen(build, "<", _chosen(build, ">", total, low), high)
    return cgutils.pack_array(build, [build.extract_element(total, WORD(n)) for n in range(4)])


def _load(build: Any, data: Any, at: Any) -> Any:
    return build.load(build.bitcast(build.gep(data, [at]), FOUR.as_pointer()), align=4)


def _all(build: Any, value: Any) -> Any:
    """The same value in all four."""
    nothing = ir.Constant(FOUR, ir.Undefined)
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), 4), [0] * 4)
    return build.shuffle_vector(build.insert_element(nothing, value, WORD(0)), nothing, zeros)


def _plus(build: Any, total: Any, value: Any) -> Any:
    return value if total is None else build.fadd(total, value, flags=FLAGS)


def _chosen(build: Any, which: str, value: Any, other: Any) -> Any:
    """`value` where it is less or more than `other`, else that; a NaN among them may come out."""
    return build.select(build.fcmp_ordered(which, value, other), value, other)
