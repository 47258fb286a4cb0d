"""Four channels of a pixel at once, which LLVM does not find by itself in numba's kernels."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

FAST = {"reassoc", "contract", "arcp", "afn"}  # not those that take every number for finite
FLAGS = tuple(sorted(FAST))
WORD = ir.IntType(64)
FOUR, EIGHT, SIXTEEN = (ir.VectorType(ir.FloatType(), count) for count in (4, 8, 16))
RUN = 128  # so many pixels have their weights made at once: what is between stays in the cache


@intrinsic
def patch(typing: Any, flat: Any, first: Any, line: Any, weights: Any, at: Any, out: Any, to: Any) -> Any:
    """A sample of 4 x 4 pixels of four channels, held within the middle four.

    `flat` is the picture, one float32 after the other, `first` (uint64) where the patch begins in it, `line`
    how far it is from row to row. `weights` (8, RUN) of the four columns and the four rows; `at` is the place
    in each. The four channels go into `out`, flat, from `to` on. Returns whether they are finite.
    """
    place = types.uint64
    return types.boolean(flat, place, place, weights, place, out, place), _sampled


def _sampled(context: Any, build: Any, signature: Any, given: Any) -> Any:
    flat, at, line, weights, which, out, to = given
    data, weigh, result = (
        context.make_array(signature.args[n])(context, build, array).data
        for n, array in ((0, flat), (3, weights), (5, out))
    )
    weight = [build.load(build.gep(weigh, [build.add(which, WORD(n * RUN))])) for n in range(8)]
    middle, total = [], None
    for n in range(4):
        row = _load(build, data, at, SIXTEEN)
        total = _plus(build, total, build.fmul(row, _all(build, weight[4 + n], 16), flags=FLAGS))
        if n in (1, 2):
            middle.append(_load(build, data, build.add(at, WORD(4)), EIGHT))
        at = build.add(at, line)
    mixed, total = total, None
    for n in range(4):
        part = build.fmul(_pixels(build, mixed, n, n + 1), _all(build, weight[n]), flags=FLAGS)
        total = _plus(build, total, part)
    for which, other in ((">", "<"), ("<", ">")):
        end = _chosen(build, other, *middle)
        end = _chosen(build, other, _pixels(build, end, 0, 1), _pixels(build, end, 1, 2))
        total = _chosen(build, which, total, end)
    build.store(total, build.bitcast(build.gep(result, [to]), FOUR.as_pointer()), align=4)
    sound = build.fcmp_ordered("==", build.fsub(total, total), ir.Constant(FOUR, [0.0] * 4))
    return build.icmp_unsigned("==", build.bitcast(sound, ir.IntType(4)), ir.Constant(ir.IntType(4), 15))


@intrinsic
def between(typing: Any, flat: Any, at: Any, line: Any, across: Any, down: Any, out: Any, to: Any) -> Any:
    """A bilinear sample of four channels, `across` and `down` (0 to 1) from the pixel that begins at `at`.

    `flat` is the picture, one float32 after the other, `line` (uint64) how far it is from row to row. The
    four channels go into `out`, flat, from `to` on.
    """
    place, single = types.uint64, types.float32
    return types.void(flat, place, place, single, single, out, place), _between


def _between(context: Any, build: Any, signature: Any, given: Any) -> Any:
    flat, at, line, across, down, out, to = given
    data, result = (
        context.make_array(signature.args[n])(context, build, array).data
        for n, array in ((0, flat), (5, out))
    )
    rows, across = [], _all(build, across)
    for _ in range(2):
        left, right = (_load(build, data, place) for place in (at, build.add(at, WORD(4))))
        rows.append(_mixed(build, left, right, across))
        at = build.add(at, line)
    total = _mixed(build, rows[0], rows[1], _all(build, down))
    build.store(total, build.bitcast(build.gep(result, [to]), FOUR.as_pointer()), align=4)
    return context.get_dummy_value()


def _mixed(build: Any, one: Any, other: Any, share: Any) -> Any:
    return build.fadd(one, build.fmul(build.fsub(other, one, flags=FLAGS), share, flags=FLAGS), flags=FLAGS)


@intrinsic
def advanced(
    typing: Any, out: Any, at: Any, start: Any, step: Any, first: Any, times: Any, factor: Any
) -> Any:
    """Write `(start + times * step) * factor` of four channels from `first` on into `out` from `at` on.

    `out`, `start`, `step` are flat float32, `at` and `first` uint64, `times` and `factor` float32.
    """
    return types.void(out, types.uint64, start, step, types.uint64, types.float32, types.float32), _advanced


def _advanced(context: Any, build: Any, signature: Any, given: Any) -> Any:
    out, at, start, step, first, times, factor = given
    data = [
        context.make_array(kind)(context, build, array).data
        for kind, array in zip((signature.args[n] for n in (0, 2, 3)), (out, start, step), strict=True)
    ]
    begin, more = (_load(build, each, first) for each in data[1:])
    total = build.fadd(begin, build.fmul(more, _all(build, times), flags=FLAGS), flags=FLAGS)
    total = build.fmul(total, _all(build, factor), flags=FLAGS)
    build.store(total, build.bitcast(build.gep(data[0], [at]), FOUR.as_pointer()), align=4)
    return context.get_dummy_value()


def _load(build: Any, data: Any, at: Any, kind: Any = FOUR) -> Any:
    return build.load(build.bitcast(build.gep(data, [at]), kind.as_pointer()), align=4)


def _picked(build: Any, values: Any, places: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)
    return build.shuffle_vector(values, ir.Constant(values.type, ir.Undefined), mask)


def _pixels(build: Any, values: Any, first: int, end: int) -> Any:
    """Those from `first` to before `end`, of four channels each."""
    return _picked(build, values, list(range(4 * first, 4 * end)))


def _all(build: Any, value: Any, count: int = 4) -> Any:
    """The same value in all."""
    first = build.insert_element(ir.Constant(FOUR, ir.Undefined), value, WORD(0))
    return _picked(build, first, [0] * count)


def _plus(build: Any, total: Any, value: Any) -> Any:
    return value if total is None else build.fadd(total, value, flags=FLAGS)


def _chosen(build: Any, which: str, value: Any, other: Any) -> Any:
    """`value` where it is less or more than `other`, else that; a NaN among them may come out."""
    return build.select(build.fcmp_ordered(which, value, other), value, other)
