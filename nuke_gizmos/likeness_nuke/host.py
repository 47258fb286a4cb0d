"""How this package speaks to Nuke's user: a problem, the status line, one step of undo, limited editions."""

from __future__ import annotations

import contextlib
from typing import Iterator

import nuke

from likeness_nuke import names


class Problem(RuntimeError):
    """Why something cannot be done: one sentence."""


def tell(group: nuke.Group, sentence: str) -> None:
    """Show a sentence, of several lines the first, on the Group's status line."""
    with unrecorded(), contextlib.suppress(ValueError):  # it was deleted meanwhile
        group[names.STATUS].setValue(sentence.split("\n", 1)[0])


@contextlib.contextmanager
def undo(name: str) -> Iterator[None]:
    """Everything inside is one step of undo; an error takes it back."""
    nuke.Undo.begin(name)
    try:
        yield
    except BaseException:
        nuke.Undo.cancel()
        raise
    nuke.Undo.end()


@contextlib.contextmanager
def unrecorded() -> Iterator[None]:
    """What is set inside is no step of undo: nobody did it."""
    nuke.Undo.disable()
    try:
        yield
    finally:
        nuke.Undo.enable()


def is_limited() -> bool:
    """Whether this is Indie or Non-commercial, whose Python reaches only a few nodes of a script."""
    return bool(nuke.env.get("indie", False) or nuke.env.get("nc", False))
