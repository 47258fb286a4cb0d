"""A frame as the models see it, made only where they look.

Models see `color.display_view`. To make all of it takes longer than to find a face's points in it, so a
`Look` makes no more than is asked for, and a decoded video frame is looked at as it is stored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from likeness.media.color import display_view
from likeness.media.image import Image, Pixels, rgb
from likeness.render.simd import between, summed

Array = NDArray[np.floating[Any]]
Codes = NDArray[np.unsignedinteger[Any]]

_HAIR = np.float32(1e-3)  # keeps the last pixel's right neighbor inside


class Look(ABC):
    """What a model may ask of a frame, in its display view: sRGB-like, 0..1."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""

    @abstractmethod
    def cells(self, first: tuple[int, int], end: tuple[int, int], cell: int) -> Pixels:
        """The means of cells of `cell` x `cell` pixels, from cell `first` (row, column) to before `end`.

        (rows, columns, 4) float32, of which three are red, green and blue.
        """

    @abstractmethod
    def gray(self, rows: int, columns: int) -> Pixels:
        """(rows, columns) pixels of it, evenly spread and not averaged, without color."""

    def whole(self, cell: int = 1) -> Pixels:
        """All of it, in means of `cell` x `cell` pixels: (height / cell, width / cell, 3), rounded up."""
        height, width = self.shape
        end = (-(-height // cell), -(-width // cell))
        return np.ascontiguousarray(self.cells((0, 0), end, cell)[..., :3])

    def crop(self, matrix: Array, size: int, rows: int | None = None, out: Pixels | None = None) -> Pixels:
        """(3, rows, size): `matrix` (2, 3) takes the crop's pixels to the frame's; centers lie at .5.

        Without `rows` it is square; it is written into `out` where that is given.
        Where the crop shrinks, pixels are averaged; outside the frame is black.
        """
        matrix = np.ascontiguousarray(matrix, np.float64)
        if out is None:
            out = np.empty((3, rows or size, size), np.float32)
        first, end, cell, inner, beyond = _plan(matrix, *out.shape[1:], *self.shape)
        cells = self.cells(first, end, cell)
        if min(cells.shape[:2]) < 2:
            cells = np.pad(cells, ((0, 1), (0, 1), (0, 0)), mode="edge")
        _interpolate(cells, inner, out)
        if beyond:
            _clear_beyond(matrix, *self.shape, out)
        return out

    def _spread(self, rows: int, columns: int) -> tuple[Any, Any]:
        height, width = self.shape
        down, across = np.linspace(0, height - 1, rows), np.linspace(0, width - 1, columns)
        return down.astype(int)[:, None], across.astype(int)[None]


@dataclass(frozen=True)
class Shown(Look):
    """A display view that is there already: (height, width, 3), float in 0..1 or 8-bit codes."""

    view: Pixels | Codes

    @property
    def shape(self) -> tuple[int, int]:
        return self.view.shape[0], self.view.shape[1]

    def cells(self, first: tuple[int, int], end: tuple[int, int], cell: int) -> Pixels:
        out = np.empty((end[0] - first[0], end[1] - first[1], 4), np.float32)
        flat = self.view.reshape(len(self.view), -1)
        _average(flat, *first, cell, 1 / 255 if self.view.dtype == np.uint8 else 1.0, out)
        return out

    def gray(self, rows: int, columns: int) -> Pixels:
        return Shown(self.view[self._spread(rows, columns)]).whole().mean(axis=2)


@dataclass(frozen=True)
class Linear(Look):
    """A scene-linear picture of `colorspace`."""

    image: Image
    colorspace: str

    @property
    def shape(self) -> tuple[int, int]:
        return self.image.pixels.shape[0], self.image.pixels.shape[1]

    def cells(self, first: tuple[int, int], end: tuple[int, int], cell: int) -> Pixels:
        around = self.image.pixels[first[0] * cell : end[0] * cell, first[1] * cell : end[1] * cell]
        view = display_view(rgb(Image(around, self.image.channels)), self.colorspace)
        return Shown(view).cells((0, 0), (end[0] - first[0], end[1] - first[1]), cell)

    def gray(self, rows: int, columns: int) -> Pixels:
        some = Image(self.image.pixels[self._spread(rows, columns)], self.image.channels)
        return display_view(rgb(some), self.colorspace).mean(axis=2)


@dataclass(frozen=True)
class Coded(Look):
    """A decoded frame of luma and chroma: `planes` of codes, their rows padded; `size` (height, width).

    `sub` (down, across) is 1 or 2: how many luma samples share one of chroma, which lies on the left one
    and between the rows. `levels`: the code of black, one code of luma in black to white, the middle of
    chroma, one code of it. `colors`: red from Cr, green from Cb and Cr, blue from Cb. `table` has what is
    shown for encoded values from `low` to `high`.
    """

    planes: tuple[Codes, Codes, Codes]
    size: tuple[int, int]
    sub: tuple[int, int]
    levels: Pixels
    colors: Pixels
    table: Pixels
    low: float
    high: float

    @property
    def shape(self) -> tuple[int, int]:
        return self.size

    def cells(self, first: tuple[int, int], end: tuple[int, int], cell: int) -> Pixels:
        out = np.empty((end[0] - first[0], end[1] - first[1], 4), np.float32)
        down = self._chroma(first[0], end[0], cell, 0)
        across = self._chroma(first[1], end[1], cell, 1)
        colors = (self.levels, self.colors, self.table, self.low, self.high)
        _decode(*self.planes, *self.size, *first, cell, *down, *across, *colors, out)
        return out

    def _chroma(self, first: int, end: int, cell: int, axis: int) -> tuple[Any, Any, Any]:
        """Where the cells' centers lie among the chroma samples of an axis: two neighbors and a share."""
        sub = self.sub[axis]
        lift = 0.5 if axis == 0 or sub == 1 else 0.5 / sub
        place = (np.arange(first, end) + 0.5) * (cell / sub) - lift
        near = np.floor(place).astype(np.int32)
        last = -(-self.size[axis] // sub) - 1
        share = (place - near).astype(np.float32)
        return np.clip(near, 0, last), np.clip(near + 1, 0, last), share

    def gray(self, rows: int, columns: int) -> Pixels:
        some = self.planes[0][self._spread(rows, columns)].astype(np.float32)
        encoded = (some - self.levels[0]) * self.levels[1]
        place = (encoded - self.low) * ((len(self.table) - 1) / (self.high - self.low))
        return self.table[np.clip(place.astype(np.int32), 0, len(self.table) - 1)]


@dataclass(frozen=True)
class Turned(Look):
    """Another look, turned `turns` times by 90 degrees counterclockwise."""

    look: Look
    turns: int

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.look.shape
        return (width, height) if self.turns % 2 else (height, width)

    def cells(self, first: tuple[int, int], end: tuple[int, int], cell: int) -> Pixels:
        # Cells count from the picture's corner, which a turn exchanges: only single pixels stay the same.
        low, high = np.array(first) * cell, np.minimum(np.array(end) * cell, self.shape)
        box = np.array([low, high], float)
        height, width = self.shape
        for _ in range(self.turns % 4):
            # One turn brings (row, column) of a picture W wide to (W - column, row).
            height, width = width, height
            box = np.sort(np.stack([box[:, 1], width - box[:, 0]], axis=1), axis=0)
        (top, left), (bottom, right) = box.astype(int).tolist()
        view = self.look.cells((top, left), (bottom, right), 1)[..., :3]
        upright = Shown(np.ascontiguousarray(np.rot90(view, self.turns)))
        return upright.cells((0, 0), (end[0] - first[0], end[1] - first[1]), cell)

    def gray(self, rows: int, columns: int) -> Pixels:
        size = (columns, rows) if self.turns % 2 else (rows, columns)
        return np.rot90(self.look.gray(*size), self.turns)


def as_look(picture: Look | Pixels | Codes) -> Look:
    """A display view as a `Look`; a `Look` stays itself."""
    return Shown(picture) if isinstance(picture, np.ndarray) else picture


@njit(cache=True, nogil=True)
def _plan(
    matrix: Array, rows: int, columns: int, height: int, width: int
) -> tuple[tuple[int, int], tuple[int, int], int, Pixels, bool]:
    """What a crop by `matrix` (2, 3) needs: the first cell and that after the last, and the cells' side.

    Then the matrix that takes the crop's pixels to places between these cells' centers, and whether the crop
    reaches beyond its frame.
    """
    (a, b, _), (c, d, _) = matrix
    cell = max(1, round(abs(a * d - b * c) ** 0.5))
    first, end, inner, beyond = [0, 0], [0, 0], np.empty((2, 3), np.float32), False
    for n, size in enumerate((height, width)):
        x, y, start = matrix[1 - n]
        low = start + min(x * columns, 0.0) + min(y * rows, 0.0)
        high = start + max(x * columns, 0.0) + max(y * rows, 0.0)
        beyond |= low < 0 or high > size
        last = -(-size // cell) - 1
        first[n] = min(max(floor(low / cell) - 1, 0), last)
        end[n] = min(max(ceil(high / cell) + 1, first[n]), last) + 1
        inner[1 - n] = (x / cell, y / cell, (start + 0.5 * (x + y)) / cell - 0.5 - first[n])
    return (first[0], first[1]), (end[0], end[1]), cell, inner, beyond


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _average(view: Any, top: int, left: int, cell: int, unit: float, out: Pixels) -> None:
    """`view` (H, 3 W) interleaved, times `unit`, to the cells from row `top` and column `left` on."""
    height, width = view.shape
    rows, columns = out.shape[:2]
    start = left * cell * 3
    count = min(columns * cell * 3, width - start)
    line = np.zeros(count + 1, np.float32)
    each = np.uint64(cell)
    for row in range(rows):
        first = (top + row) * cell
        last = min(first + cell, height)
        _add_rows(view[first:last, start : start + count], line[:count])
        whole, sums = count // (3 * cell), out[row]
        share, flat = np.float32(unit / ((last - first) * cell)), sums.reshape(-1)
        for column in range(np.uint64(whole)):
            summed(line, column * np.uint64(3) * each, each, share, flat, column * np.uint64(4))
        if whole < columns:
            rest = count // 3 - whole * cell
            for c in range(3):
                total = np.float32(0)
                for x in range(rest):
                    total += line[(whole * cell + x) * 3 + c]
                sums[whole, c] = total * share * np.float32(cell) / np.float32(rest)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _add_rows(codes: Any, line: Pixels) -> None:
    """The sum of rows of `codes` (n, w); plain rows and unsigned places, or it is not done in vectors."""
    row = codes[0]
    for x in range(np.uint64(len(line))):
        line[x] = np.float32(row[x])
    for y in range(1, len(codes)):
        row = codes[y]
        for x in range(np.uint64(len(line))):
            line[x] += np.float32(row[x])


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _decode(
    luma: Any,
    blue: Any,
    red: Any,
    height: int,
    width: int,
    top: int,
    left: int,
    cell: int,
    rows_near: Any,
    rows_far: Any,
    rows_share: Pixels,
    near: Any,
    far: Any,
    share: Pixels,
    levels: Pixels,
    colors: Pixels,
    table: Pixels,
    low: float,
    high: float,
    out: Pixels,
) -> None:
    rows, columns = out.shape[:2]
    start = left * cell
    count = min(columns * cell, width - start)
    samples = far[-1] + 1 - near[0]
    line = np.empty(count, np.float32)
    y_line = np.empty(columns, np.float32)
    b_line, r_line = np.empty(samples, np.float32), np.empty(samples, np.float32)
    zero, end = np.float32(0), np.float32(len(table) - 1) - np.float32(0.01)
    per_unit = np.float32((len(table) - 1) / (high - low))
    base = -np.float32(low) * per_unit
    c0, c1, c2, c3 = colors[0] * per_unit, colors[1] * per_unit, colors[2] * per_unit, colors[3] * per_unit
    for row in range(rows):
        first = (top + row) * cell
        last = min(first + cell, height)
        _add_rows(luma[first:last, start : start + count], line)
        scale = levels[1] * per_unit / np.float32(last - first)
        black = levels[0] * levels[1] * per_unit - base
        whole = count // cell
        part = scale / np.float32(cell)
        if cell == 1:
            for x in range(whole):
                y_line[x] = line[x] * part - black
        elif cell == 2:
            for x in range(whole):
                y_line[x] = (line[2 * x] + line[2 * x + 1]) * part - black
        else:
            for x in range(whole):
                total = zero
                for k in range(x * cell, x * cell + cell):
                    total += line[k]
                y_line[x] = total * part - black
        if whole < columns:
            total = zero
            for k in range(whole * cell, count):
                total += line[k]
            y_line[whole] = total * scale / np.float32(count - whole * cell) - black
        i, ii, v = rows_near[row], rows_far[row], rows_share[row]
        for x in range(samples):
            p, q = np.float32(blue[i, near[0] + x]), np.float32(blue[ii, near[0] + x])
            b_line[x] = (p + (q - p) * v - levels[2]) * levels[3]
            p, q = np.float32(red[i, near[0] + x]), np.float32(red[ii, near[0] + x])
            r_line[x] = (p + (q - p) * v - levels[2]) * levels[3]
        for x in range(columns):
            j, jj = np.uint32(near[x] - near[0]), np.uint32(far[x] - near[0])
            b = b_line[j] + (b_line[jj] - b_line[j]) * share[x]
            r = r_line[j] + (r_line[jj] - r_line[j]) * share[x]
            y = y_line[x]
            t0 = min(max(y + c0 * r, zero), end)
            t1 = min(max(y + c1 * b + c2 * r, zero), end)
            t2 = min(max(y + c3 * b, zero), end)
            k0, k1, k2 = np.uint32(np.int32(t0)), np.uint32(np.int32(t1)), np.uint32(np.int32(t2))
            one = np.uint32(1)
            out[row, x, 0] = table[k0] + (table[k0 + one] - table[k0]) * (t0 - np.float32(np.int32(t0)))
            out[row, x, 1] = table[k1] + (table[k1 + one] - table[k1]) * (t1 - np.float32(np.int32(t1)))
            out[row, x, 2] = table[k2] + (table[k2 + one] - table[k2]) * (t2 - np.float32(np.int32(t2)))
            out[row, x, 3] = zero


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _interpolate(cells: Pixels, matrix: Pixels, out: Pixels) -> None:
    """Bilinear between the cells' centers, which lie at whole numbers; beyond the last as the last."""
    zero = np.float32(0)
    right, low = np.float32(cells.shape[1] - 1) - _HAIR, np.float32(cells.shape[0] - 1) - _HAIR
    # Unsigned, or numba asks of each place whether it counts from the end.
    four, flat, stride = np.uint64(4), cells.reshape(-1), np.uint64(cells.shape[1] * 4)
    size, step = np.uint64(out.shape[2]), np.uint32(stride)
    (a, b, start_x), (c, d, start_y) = matrix
    first, line = np.empty(size, np.uint32), np.empty(four * size, np.float32)
    across, down = np.empty(size, np.float32), np.empty(size, np.float32)
    for row in range(out.shape[1]):
        ax, ay = b * np.float32(row) + start_x, d * np.float32(row) + start_y
        for column in range(size):
            x = min(max(ax + a * np.float32(column), zero), right)
            y = min(max(ay + c * np.float32(column), zero), low)
            j, i = np.int32(x), np.int32(y)
            across[column], down[column] = x - np.float32(j), y - np.float32(i)
            first[column] = np.uint32(i) * step + np.uint32(j) * np.uint32(4)
        for column in range(size):
            at = np.uint64(first[column])
            between(flat, at, stride, across[column], down[column], line, column * four)
        red, green, blue = out[0, row], out[1, row], out[2, row]
        for column in range(size):
            red[column] = line[column * four]
            green[column] = line[column * four + np.uint64(1)]
            blue[column] = line[column * four + np.uint64(2)]


@njit(cache=True, nogil=True)
def _clear_beyond(matrix: Array, height: int, width: int, out: Pixels) -> None:
    """Make a crop (3, rows, columns) by `matrix` (2, 3) black where it shows what is outside its frame."""
    columns = out.shape[2]
    for row in range(out.shape[1]):
        # What is inside of the frame is one stretch.
        first, end = 0, columns
        while first < end and _is_beyond(matrix, height, width, row, first):
            first += 1
        while end > first and _is_beyond(matrix, height, width, row, end - 1):
            end -= 1
        out[:, row, :first] = 0
        out[:, row, end:] = 0


@njit(cache=True, nogil=True, inline="always")
def _is_beyond(matrix: Array, height: int, width: int, row: int, column: int) -> bool:
    (a, b, left), (c, d, top) = matrix
    x = a * (column + 0.5) + b * (row + 0.5) + left
    y = c * (column + 0.5) + d * (row + 0.5) + top
    return bool(x < 0 or y < 0 or x > width or y > height)
