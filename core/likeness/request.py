"""What crosses every border: one JSON object that says which effect to run, on what, and where to.

`Request` checks its own shape and nothing else; whether the effect, its inputs and its values exist is
decided by the job, before any work starts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, Self, get_args

from likeness.errors import BadRequest

Device = Literal["auto", "cpu", "cuda", "tensorrt", "directml", "coreml"]
Missing = Literal["error", "hold", "skip"]

_RANGE = re.compile(r"(-?\d+)(?:-(-?\d+))?")


@dataclass(frozen=True)
class Request:
    """One run of one effect.

    `inputs` maps an input's name to a path (a file, `shot.####.exr`, `shot.%04d.exr` or a folder).
    `frames` is "A-B" or "A", inclusive, in the plate's own numbers; None is the whole shot.
    `output` is a frame pattern, a movie or a folder. `colorspace` names the color space of the first
    picture input ("auto" reads it from the file). `missing` says what a missing input frame does.
    Raises `BadRequest` when a field has the wrong type.
    """

    effect: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    frames: str | None = None
    output: str = ""
    colorspace: str = "auto"
    device: Device = "auto"
    seed: int = 0
    missing: Missing = "error"

    def __post_init__(self) -> None:
        for name in ("effect", "output", "colorspace"):
            if not isinstance(getattr(self, name), str):
                raise _wrong(name, getattr(self, name), "Give it as text.")
        if not isinstance(self.inputs, Mapping) or not _texts(self.inputs):
            raise _wrong("inputs", self.inputs, 'Give a table of paths such as {"plate": "shot.####.exr"}.')
        if not isinstance(self.params, Mapping) or not all(isinstance(k, str) for k in self.params):
            raise _wrong("params", self.params, 'Give a table such as {"strength": 0.5}.')
        if self.device not in get_args(Device):
            raise _wrong("device", self.device, f"Choose one of: {', '.join(get_args(Device))}.")
        if self.missing not in get_args(Missing):
            raise _wrong("missing", self.missing, f"Choose one of: {', '.join(get_args(Missing))}.")
        if type(self.seed) is not int or self.seed < 0:
            raise _wrong("seed", self.seed, "Give a whole number of 0 or more.")
        if self.frames is not None:
            parse_frames(self.frames)

    @classmethod
    def from_json(cls, source: str | bytes | Mapping[str, Any]) -> Self:
        """Make a request of JSON text or of the object it holds; raise `BadRequest` naming the fault."""
        if not isinstance(source, Mapping):
            try:
                source = json.loads(source)
            except ValueError as error:
                raise BadRequest(f"The request is not JSON ({error}).", "Give one JSON object.") from None
        if not isinstance(source, Mapping):
            raise BadRequest("The request is not a JSON object.", 'Give one such as {"effect": "capture"}.')
        known = [f.name for f in fields(cls)]
        for name in source:
            if name not in known:
                raise BadRequest(f"A request has no field {name!r}.", f"It has: {', '.join(known)}.")
        if "effect" not in source:
            raise BadRequest("The request names no effect.", 'Add "effect": NAME.')
        return cls(**source)

    def to_json(self) -> str:
        """The request as canonical JSON: sorted keys, no spaces, one line."""
        return canonical(asdict(replace(self, inputs=dict(self.inputs), params=dict(self.params))))

    @property
    def hash(self) -> str:
        """SHA-256 of the request as it was written; what a job's frames are known by is `Job.hash`."""
        return digest(json.loads(self.to_json()))


def parse_frames(text: str) -> tuple[int, int]:
    """First and last frame of "A-B" or "A"; raise `BadRequest` if it is no range or runs backwards."""
    match = _RANGE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise _wrong("frames", text, "Give a range such as 1001-1048.")
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    if last < first:
        raise BadRequest(f"The frame range {text} runs backwards.", f"Give {last}-{first}.")
    return first, last


def canonical(data: object) -> str:
    """JSON text that is the same for equal data; raise `BadRequest` for what JSON cannot hold."""
    try:
        return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadRequest(f"A value cannot be written as JSON ({error}).", "Use numbers and text.") from None


def digest(data: object) -> str:
    """SHA-256 in hex of the canonical JSON of `data`."""
    return hashlib.sha256(canonical(data).encode("utf-8", "surrogatepass")).hexdigest()


def _texts(table: Mapping[Any, Any]) -> bool:
    return all(isinstance(k, str) and isinstance(v, str) for k, v in table.items())


def _wrong(name: str, value: object, remedy: str) -> BadRequest:
    return BadRequest(f"Field '{name}' of the request cannot be {value!r}.", remedy)
