"""Pictures side by side, cut to what moves in them."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow

from bench.pictures import Bytes

Spot = tuple[slice, slice]


def moving_part(pictures: list[Bytes]) -> Spot:
    """Rows and columns of a square around what changes, with room to see; everything if nothing does."""
    first = pictures[0].astype(np.int16)
    moved = np.max([np.abs(picture - first).max(axis=2) for picture in pictures], axis=0) > 12
    height, width = moved.shape
    y, x = np.flatnonzero(moved.any(axis=1)), np.flatnonzero(moved.any(axis=0))
    if not len(y):
        return slice(0, height), slice(0, width)
    side = min(int(1.25 * max(np.ptp(y), np.ptp(x))) + 8, height, width)
    top = int(np.clip((y[0] + y[-1] - side) // 2, 0, height - side))
    left = int(np.clip((x[0] + x[-1] - side) // 2, 0, width - side))
    return slice(top, top + side), slice(left, left + side)


def grid(pictures: list[Bytes], columns: int, cell_px: int, spot: Spot) -> Bytes:
    """The pictures' `spot`, row after row, in square cells."""
    rows = -(-len(pictures) // columns)
    sheet = np.zeros((rows * cell_px, columns * cell_px, 3), np.uint8)
    for k, picture in enumerate(pictures):
        cell = Pillow.fromarray(np.ascontiguousarray(picture[spot]))
        scale = cell_px / max(cell.size)
        size = (max(1, round(cell.width * scale)), max(1, round(cell.height * scale)))
        y, x = (place * cell_px for place in divmod(k, columns))
        sheet[y : y + size[1], x : x + size[0]] = cell.resize(size, Pillow.Resampling.LANCZOS)
    return sheet
