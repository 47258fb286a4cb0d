"""Four channels of a pixel at once, which LLVM does not find by itself in numba's kernels."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

FAST = {"reassoc", "contract", "arcp", "afn"}  # not those that take every number for finite
FLAGS = tuple(sorted(FAST))
WORD = ir.IntType(64)
ONE, FOUR, EIGHT, SIXTEEN = (ir.VectorType(ir.FloatType(), count) for count in (1, 4, 8, 16))
LANES = 8  # pixels of a row that `nearest` takes at once
RUN = 128  # so many pixels have their weights made at once: what is between stays in the cache


@intrinsic
def patch(typing: Any, flat: Any, rows: Any, weights: Any, at: Any, out: Any, to: Any) -> Any:
    """A sample of 4 x 4 pixels of four channels, held within the middle four; 0 where their alpha is.

    `flat` is the picture, one float32 after the other, the four `rows` (uint64) where each row of the patch
    begins in it. `weights` (8, RUN) of the four columns and the four rows; `at` is the place in each. The
    four channels go into `out`, flat, from `to` on. Returns whether they are finite.
    """
    place = types.uint64
    return types.boolean(flat, types.UniTuple(place, 4), weights, place, out, place), _sampled


def _sampled(context: Any, build: Any, signature: Any, given: Any) -> Any:
    flat, rows, weights, which, out, to = given
    data, weigh, result = (
        context.make_array(signature.args[n])(context, build, array).data
        for n, array in ((0, flat), (2, weights), (4, out))
    )
    result = build.bitcast(build.gep(result, [to]), FOUR.as_pointer())
    rows = cgutils.unpack_tuple(build, rows, 4)
    # the row that is seen next, if the picture goes the usual way
    _prefetch(build, data, build.add(rows[3], build.sub(rows[3], rows[2])))
    middle = [_load(build, data, build.add(row, WORD(4)), EIGHT) for row in rows[1:3]]
    both = build.fadd(*middle)
    both = build.fadd(_pixels(build, both, 0, 1), _pixels(build, both, 1, 2))
    empty = build.fcmp_ordered("==", build.extract_element(both, WORD(3)), ir.FloatType()(0.0))
    sound = cgutils.alloca_once_value(build, ir.IntType(1)(1))
    with build.if_else(empty) as (nothing, something):
        with nothing:
            build.store(ir.Constant(FOUR, [0.0] * 4), result, align=4)
        with something:
            weight = [build.load(build.gep(weigh, [build.add(which, WORD(n * RUN))])) for n in range(8)]
            mixed = total = None
            for row, share in zip(rows, weight[4:], strict=True):
                part = build.fmul(_load(build, data, row, SIXTEEN), _all(build, share, 16), flags=FLAGS)
                mixed = _plus(build, mixed, part)
            for n, share in enumerate(weight[:4]):
                part = build.fmul(_pixels(build, mixed, n, n + 1), _all(build, share), flags=FLAGS)
                total = _plus(build, total, part)
            for which, other in ((">", "<"), ("<", ">")):
                end = _chosen(build, other, *middle)
                end = _chosen(build, other, _pixels(build, end, 0, 1), _pixels(build, end, 1, 2))
                total = _chosen(build, which, total, end)
            build.store(total, result, align=4)
            finite = build.fcmp_ordered("==", build.fsub(total, total), ir.Constant(FOUR, [0.0] * 4))
            four = ir.IntType(4)
            build.store(build.icmp_unsigned("==", build.bitcast(finite, four), four(15)), sound)
    return build.load(sound)


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


@intrinsic
def summed(typing: Any, line: Any, at: Any, count: Any, share: Any, out: Any, to: Any) -> Any:
    """The sum of so many pixels of three channels, which follow each other in `line` from `at` on.

    Times `share` (float32) it goes into `out`, flat, from `to` on, with a fourth number: one more is read
    than the pixels have. Places and `count` are uint64.
    """
    place = types.uint64
    return types.void(line, place, place, types.float32, out, place), _summed


def _summed(context: Any, build: Any, signature: Any, given: Any) -> Any:
    line, at, count, share, out, to = given
    data, result = (
        context.make_array(signature.args[n])(context, build, array).data
        for n, array in ((0, line), (4, out))
    )
    total = cgutils.alloca_once_value(build, _load(build, data, at))
    with cgutils.for_range(build, build.sub(count, WORD(1))) as loop:
        place = build.add(at, build.mul(build.add(loop.index, WORD(1)), WORD(3)))
        build.store(build.fadd(build.load(total), _load(build, data, place)), total)
    mean = build.fmul(build.load(total), _all(build, share))
    build.store(mean, build.bitcast(build.gep(result, [to]), FOUR.as_pointer()), align=4)
    return context.get_dummy_value()


def _advance(build: Any, begin: Any, more: Any, times: Any) -> Any:
    return build.fadd(begin, build.fmul(more, times, flags=FLAGS), flags=FLAGS)


def _mixed(build: Any, one: Any, other: Any, share: Any) -> Any:
    return build.fadd(one, build.fmul(build.fsub(other, one, flags=FLAGS), share, flags=FLAGS), flags=FLAGS)


@intrinsic
def nearest(
    typing: Any,
    near: Any,
    at: Any,
    count: Any,
    first: Any,
    start: Any,
    step: Any,
    values: Any,
    channels: Any,
    corner: Any,
    out: Any,
    to: Any,
    line: Any,
) -> Any:
    """What a triangle carries at `LANES` pixels of a row, where it is nearer than what is there.

    All arrays are flat float32, all places uint64. `start` and `step`: the weights of the three corners over
    their depths in the row's first pixel, and by what they grow from pixel to pixel; the first one here is
    the row's `first` (float32), and as many count as `count` (float32) says. `near`, from `at` on, is the
    inverse of the depth. `values` has the `channels` of the last corner, from `corner` on by how much those
    of the first are more, and from twice that on those of the second; they go into `out`, one channel `line`
    behind the other, from `to` on. All that lies beyond the count is left as it is.
    """
    place, single, three = types.uint64, types.float32, types.UniTuple(types.float32, 3)
    given = (near, place, single, single, three, three, values, place, place)
    return types.void(*given, out, place, place), _nearest


def _nearest(context: Any, build: Any, signature: Any, given: Any) -> Any:
    near, at, count, first, start, step, values, channels, corner, out, to, line = given
    near, values, out = (
        context.make_array(signature.args[n])(context, build, array).data
        for n, array in ((0, near), (6, values), (9, out))
    )
    start, step = (cgutils.unpack_tuple(build, each, 3) for each in (start, step))
    lane = ir.Constant(EIGHT, [float(n) for n in range(LANES)])
    places = build.fadd(_all(build, first, LANES), lane, flags=FLAGS)
    weights = [
        _advance(build, _all(build, begin, LANES), _all(build, more, LANES), places)
        for begin, more in zip(start, step, strict=True)
    ]
    inverse = build.fadd(build.fadd(weights[0], weights[1], flags=FLAGS), weights[2], flags=FLAGS)
    there = build.bitcast(build.gep(near, [at]), EIGHT.as_pointer())
    before = build.load(there, align=4)
    within = build.fcmp_ordered("<", lane, _all(build, count, LANES))
    shown, lanes = build.and_(build.fcmp_ordered(">", inverse, before), within), ir.IntType(LANES)
    with build.if_then(build.icmp_unsigned("!=", build.bitcast(shown, lanes), lanes(0))):
        build.store(build.select(shown, inverse, before), there, align=4)
        depth = build.fdiv(ir.Constant(EIGHT, [1.0] * LANES), inverse)
        shares = [build.fmul(weight, depth, flags=FLAGS) for weight in weights[:2]]
        # One behind the other: LLVM would join the load and the store of the same place to a masked store,
        # which takes AMD's cores four times as long.
        before = cgutils.alloca_once(build, EIGHT)
        place = build.bitcast(build.gep(out, [to]), EIGHT.as_pointer())
        build.store(build.load(place, align=4), before)
        with cgutils.for_range(build, channels) as loop:
            at, told = loop.index, []
            for _ in range(3):
                told.append(_all(build, build.load(build.gep(values, [at])), LANES))
                at = build.add(at, corner)
            total = told[0]  # what is the same at all corners stays so, to the last bit
            for share, more in zip(shares, told[1:], strict=True):
                total = _advance(build, total, more, share)
            at = build.add(to, build.mul(loop.index, line))
            more = build.icmp_unsigned("<", build.add(loop.index, WORD(1)), channels)
            after = build.select(more, build.add(at, line), at)
            after = build.load(build.bitcast(build.gep(out, [after]), EIGHT.as_pointer()), align=4)
            place = build.bitcast(build.gep(out, [at]), EIGHT.as_pointer())
            build.store(build.select(shown, total, build.load(before)), place, align=4)
            build.store(after, before)
    return context.get_dummy_value()


@intrinsic
def stream(typing: Any, row: Any, count: Any, out: Any, to: Any) -> Any:
    """Copy the first `count` (uint64) of `row` into `out` from `to` (uint64) on, both flat float32.

    It goes past the cache, in half the time, for what is not read again soon: the cache would first fetch
    what is overwritten. Whoever lets another thread read it does so by a lock, which waits for it.
    """
    return types.void(row, types.uint64, out, types.uint64), _stream


@numba.njit(cache=True, nogil=True)
def copy_past(picture: Any, out: Any) -> None:
    """Copy a float32 `picture` (H, W, C) into `out`, C-contiguous, past the cache (see `stream`)."""
    for y in range(len(out)):
        row, own = np.ascontiguousarray(picture[y]).reshape(-1), out[y].reshape(-1)
        stream(row, np.uint64(row.size), own, np.uint64(0))


def _stream(context: Any, build: Any, signature: Any, given: Any) -> Any:
    row, count, out, to = given
    data, result = (
        context.make_array(signature.args[n])(context, build, array).data for n, array in ((0, row), (2, out))
    )
    result = build.gep(result, [to])
    # whole lines of the cache, and what lies before the first and behind the last
    before = build.lshr(build.and_(build.neg(build.ptrtoint(result, WORD)), WORD(63)), WORD(2))
    before = build.select(build.icmp_unsigned("<", before, count), before, count)
    lines = build.lshr(build.sub(count, before), WORD(4))
    behind = build.add(before, build.shl(lines, WORD(4)))
    past = build.module.add_metadata([ir.IntType(32)(1)])
    for first, times, kind in (
        (WORD(0), before, ONE),
        (before, lines, SIXTEEN),
        (behind, build.sub(count, behind), ONE),
    ):
        with cgutils.for_range(build, times) as loop:
            at = build.add(first, build.mul(loop.index, WORD(kind.count)))
            place = build.bitcast(build.gep(result, [at]), kind.as_pointer())
            stored = build.store(_load(build, data, at, kind), place, align=4 * kind.count)
            if kind is SIXTEEN:
                stored.set_metadata("nontemporal", past)
    return context.get_dummy_value()


def _prefetch(build: Any, data: Any, at: Any) -> None:
    """Ask for what lies there, perhaps beyond the data's end, before it is needed."""
    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
    ask = cgutils.get_or_insert_function(build.module, kind, "llvm.prefetch.p0i8")
    place = build.bitcast(build.gep(data, [at]), byte)
    build.call(ask, [place, word(0), word(2), word(1)])  # to read, into the second level, as data


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
