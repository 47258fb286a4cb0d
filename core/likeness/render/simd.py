"""Four channels of a pixel at once, which LLVM does not find by itself in numba's kernels."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

FAST = {"reassoc", "contract", "arcp", "afn"}  # not those that take every number for finite
FLAGS = tuple(sorted(FAST))
WORD = ir.IntType(64)
FOUR, SIXTEEN = (ir.VectorType(ir.FloatType(), count) for count in (4, 16))


@intrinsic
def patch(
    typing: Any, flat: Any, first: Any, line: Any, across: Any, down: Any, out: Any, to: Any
) -> tuple[Any, Any]:
    """A Catmull-Rom sample of 4 x 4 pixels of four channels, held within the middle four.

    `flat` is the picture, one float32 after the other, `first` (uint64) where the patch begins in it, `line`
    how far it is from row to row. The sample lies `across` and `down` (0 to 1) from the patch's second pixel
    and row; its four channels go into `out` from `to` on. Returns whether they are finite.
    """
    single, place = types.float32, types.uint64
    return types.boolean(flat, place, place, single, single, out, place), _sampled


def _sampled(context: Any, build: Any, signature: Any, given: Any) -> Any:
    flat, at, line, across, down, out, to = given
    data, result = (
        context.make_array(signature.args[n])(context, build, array).data
        for n, array in ((0, flat), (5, out))
    )
    weights = _catmull_rom(build, down, 4)
    rows, total = [], None
    for n in range(4):
        rows.append(_load(build, data, at, SIXTEEN))
        total = _plus(build, total, build.fmul(rows[-1], _picked(build, weights, [n] * 16), flags=FLAGS))
        at = build.add(at, line)
    total = build.fmul(total, _catmull_rom(build, across, 16), flags=FLAGS)
    total = _plus(build, _pixels(build, total, 0, 2), _pixels(build, total, 2, 4))
    total = _plus(build, _pixels(build, total, 0, 1), _pixels(build, total, 1, 2))
    for which, other in ((">", "<"), ("<", ">")):
        four = _chosen(build, other, rows[1], rows[2])
        end = _chosen(build, other, _pixels(build, four, 1, 2), _pixels(build, four, 2, 3))
        total = _chosen(build, which, total, end)
    build.store(total, build.bitcast(build.gep(result, [to]), FOUR.as_pointer()), align=4)
    sound = build.fcmp_ordered("==", build.fsub(total, total), ir.Constant(FOUR, [0.0] * 4))
    return build.icmp_unsigned("==", build.bitcast(sound, ir.IntType(4)), ir.Constant(ir.IntType(4), 15))


def _catmull_rom(build: Any, t: Any, count: int) -> Any:
    """The weights of four neighbors at `t` between the second and the third, each as often as fits."""
    cubic = [(-0.5, 1.0, -0.5, 0.0), (1.5, -2.5, 0.0, 1.0), (-1.5, 2.0, 0.5, 0.0), (0.5, -0.5, 0.0, 0.0)]
    each, total = _all(build, t, count), None
    for power in range(4):
        lanes = [cubic[n * 4 // count][power] for n in range(count)]
        factor = ir.Constant(ir.VectorType(ir.FloatType(), count), lanes)
        total = _plus(build, total if total is None else build.fmul(total, each, flags=FLAGS), factor)
    return total


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
