"""What a job tells while it runs, and what it has made when it ends."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from likeness.declare import ResultKind


@dataclass(frozen=True)
class Result:
    """Something an effect made. `path` is absolute; a `sequence` has a %04d pattern and `meta["frames"]`."""

    name: str
    kind: ResultKind
    path: str
    meta: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON data."""
        return asdict(self)


@dataclass(frozen=True)
class Event:
    """How far a stage is; `preview` is the last finished picture, if there is one."""

    stage: str
    done: int
    total: int
    seconds_left: float | None = None
    preview: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The event as plain JSON data."""
        return asdict(self)
