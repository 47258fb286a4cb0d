"""Tells which of several faces is the one in a picture: by the person that each is fitted with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from likeness.errors import BadInput
from likeness.face.fit import Lens, default_lens
from likeness.face.landmarks import Points
from likeness.face.shot import solve_person
from likeness.face.track import Pictures, Piece, Seen, follow
from likeness.head.model import Head

Array = NDArray[np.float64]

FRAMES = 12  # of a clip that shows the person are looked at


def person_in(head: Head, source: Pictures, size: tuple[int, int], device: str) -> Array:
    """The identity (K,) of the largest face of a picture, or of a clip's first frames.

    Raises `BadInput` when it shows no face.
    """
    track = follow(source, source.frames[:FRAMES], device=device)
    return solve_person(head, track.seen, default_lens(*size)).identity


def alike(a: Array, b: Array) -> float:
    """Cosine of two identities: of one person 0.5 and more, of two mostly less than 0.4."""
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))


def choose_like(head: Head, seen: Seen, wanted: Array, lens: Lens, index: int = 0) -> Seen:
    """The same, but in every shot the chosen face is the one most like `wanted`, or the `index`-th after it.

    Raises `BadInput` when there are not so many faces.
    """
    starts = [0, *seen.cuts]
    chosen, others = [], []
    for start, end in zip(starts, [*seen.cuts, len(seen.frames)], strict=True):
        pieces = [p for p in [*seen.chosen, *seen.others] if start <= p.start < end and p.seen]
        pieces.sort(key=lambda p: -alike(_identity(head, p.seen, lens), wanted))
        best = pieces[index : index + 1]
        chosen.append(_whole(best, start, end))
        others += [p for p in pieces if p not in best]
    if not any(piece.seen for piece in chosen):
        raise BadInput(f"There are not {index + 1} faces to choose from.", "Give a lower face index.")
    return replace(seen, chosen=chosen, others=others)


def _identity(head: Head, found: Sequence[Points], lens: Lens) -> Array:
    return solve_person(head, found, lens).identity


def _whole(pieces: list[Piece], start: int, end: int) -> Piece:
    """The piece as one of the whole shot."""
    out = Piece(start, [None] * (end - start))
    for piece in pieces:
        first = piece.start - start
        out.points[first : first + len(piece.points)] = piece.points
    return out
