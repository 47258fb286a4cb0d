"""The one declaration of an effect: its inputs, parameters, results, layers and models.

The command line, the Blender panel, the Nuke node, the documentation and the farm job are all made
from an `Effect`. A bad declaration fails when it is imported; a bad value fails before work starts.
Both name the field and the remedy.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from likeness.errors import BadRequest

if TYPE_CHECKING:
    from likeness.job import Job, Layers, Result

InputKind = Literal["picture", "matte", "performance", "audio", "model", "text"]
ParamType = Literal["float", "int", "bool", "choice", "text", "weights"]
ResultKind = Literal["sequence", "performance", "track", "model", "audio", "report"]
Pillar = Literal["face", "human", "scene"]
Value = float | int | bool | str | dict[str, float]

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Input:
    """A file the effect reads. `picture` is a still, an image sequence or a clip.

    `columns` names the curves of a `performance` input, in order: a host can offer them as animated
    sliders and write the file itself (`Timecode,BlendshapeCount,` and these, one row a frame).
    """

    name: str
    kinds: tuple[InputKind, ...]
    label: str
    help: str
    required: bool = True
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Param:
    """A typed field. `weights` is a table of names and numbers (`{"jawOpen": 0.4}`); `choices` are its names.

    `analyzed=False` says that `analyze` does not look at it, so a change of it reuses the findings.
    """

    name: str
    type: ParamType
    default: Value
    label: str
    help: str
    min: float | None = None
    max: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    group: str = ""
    analyzed: bool = True

    def validate(self, value: object) -> Value:
        """Return `value` in this parameter's type; raise `BadRequest` that names the remedy."""
        if self.type == "bool":
            return self._bool(value)
        if self.type in ("float", "int"):
            return self._number(value)
        if self.type == "weights":
            return self._weights(value)
        if not isinstance(value, str):
            raise self._wrong(value, "Give it as text.")
        if self.type == "choice" and value not in self.choices:
            raise self._wrong(value, f"Choose one of: {', '.join(self.choices)}.")
        return value

    def _bool(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        words = {"true": True, "on": True, "yes": True, "1": True}
        words |= {"false": False, "off": False, "no": False, "0": False}
        word = str(value).lower()
        if word not in words:
            raise self._wrong(value, "Give true or false.")
        return words[word]

    def _number(self, value: object) -> float | int:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise self._wrong(value, "Give a number.")
        try:
            number = float(value)
        except ValueError:
            raise self._wrong(value, "Give a number.") from None
        low = -math.inf if self.min is None else self.min
        high = math.inf if self.max is None else self.max
        if not math.isfinite(number) or not low <= number <= high:
            raise self._wrong(value, f"Give a number from {low:g} to {high:g}.")
        if self.type != "int":
            return number
        if number != int(number):
            raise self._wrong(value, "Give a whole number.")
        return int(number)

    def _weights(self, value: object) -> dict[str, float]:
        if not isinstance(value, Mapping):
            raise self._wrong(value, 'Give a table such as {"jawOpen": 0.4}.')
        for name in value:
            if name not in self.choices:
                raise BadRequest(
                    f"Parameter '{self.name}' has no '{name}'.", f"It has: {', '.join(self.choices)}."
                )
        return {str(k): float(self._number(v)) for k, v in value.items()}

    def _wrong(self, value: object, remedy: str) -> BadRequest:
        return BadRequest(f"Parameter '{self.name}' cannot be {value!r}.", remedy)


@dataclass(frozen=True)
class Layer:
    """A layer of a `sequence`: `channels` are the EXR channel suffixes, in order."""

    name: str
    channels: tuple[str, ...]
    help: str


@dataclass(frozen=True)
class Output:
    """A result the effect writes; hosts bring each kind in by its kind alone."""

    name: str
    kind: ResultKind
    help: str


@dataclass(frozen=True)
class Effect:
    """One effect. `analyze` looks at the whole shot, `render` makes one frame, `write` makes files.

    `analyze(job)` returns findings (arrays by name), which the job caches by content and gives back
    as `job.findings`. `render(job, frame)` returns the layers of one frame; frames are independent.
    `write(job)` writes results that are not pictures. At least one of `render` and `write` is there.
    `frames(job)` gives the shot's frame numbers; without it they are those of the first picture input.
    `rehearsal` are the fields of a short request that needs only what the suite brings: a worker that has
    nothing else to do runs it, so that all is compiled and loaded before the first real one.
    """

    name: str
    pillar: Pillar
    label: str
    help: str
    inputs: tuple[Input, ...]
    params: tuple[Param, ...]
    outputs: tuple[Output, ...]
    layers: tuple[Layer, ...] = ()
    models: tuple[str, ...] = ()
    analyze: Callable[[Job], Mapping[str, Any]] | None = None
    render: Callable[[Job, int], Layers] | None = None
    write: Callable[[Job], Sequence[Result]] | None = None
    frames: Callable[[Job], Sequence[int]] | None = None
    rehearsal: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        fields: list[Effect | Input | Param | Output | Layer]
        fields = [self, *self.inputs, *self.params, *self.outputs, *self.layers]
        for field in fields:
            _check(self.name, field)
        for group in (self.inputs, self.params, self.outputs, self.layers):
            names = [field.name for field in group]
            if len(set(names)) != len(names):
                raise ValueError(f"{self.name}: a name is declared twice in {names}")
        if self.render is None and self.write is None:
            raise ValueError(f"{self.name}: declare render, write, or both")
        if (self.render is None) != (not self.layers):
            raise ValueError(f"{self.name}: an effect that renders declares its layers, no other does")

    def validate(self, params: Mapping[str, object]) -> dict[str, Value]:
        """Check the given parameters and fill in the defaults; order is the declaration's."""
        known = {p.name: p for p in self.params}
        for name in params:
            if name not in known:
                raise BadRequest(
                    f"Effect '{self.name}' has no parameter '{name}'.",
                    f"It has: {', '.join(known) or 'none'}.",
                )
        return {p.name: p.validate(params.get(p.name, p.default)) for p in self.params}

    def schema(self) -> dict[str, Any]:
        """The declaration as plain JSON data, for hosts and documentation."""
        return {
            "name": self.name,
            "pillar": self.pillar,
            "label": self.label,
            "help": self.help,
            "inputs": [dict(vars(i), kinds=list(i.kinds), columns=list(i.columns)) for i in self.inputs],
            "params": [dict(vars(p), choices=list(p.choices)) for p in self.params],
            "outputs": [dict(vars(o)) for o in self.outputs],
            "layers": [dict(vars(layer), channels=list(layer.channels)) for layer in self.layers],
            "models": list(self.models),
        }


def _check(effect: str, field: Effect | Input | Param | Output | Layer) -> None:
    where = f"{effect}.{field.name}"
    if not _NAME.fullmatch(field.name):
        raise ValueError(f"{where}: a name is lower case with underscores")
    if not field.help.strip().endswith("."):
        raise ValueError(f"{where}: give a help text of whole sentences")
    if isinstance(field, Input) and not set(field.kinds) <= set(get_args(InputKind)):
        raise ValueError(f"{where}: kinds are {get_args(InputKind)}")
    if isinstance(field, Output) and field.kind not in get_args(ResultKind):
        raise ValueError(f"{where}: kind is one of {get_args(ResultKind)}")
    if isinstance(field, Param):
        if field.type not in get_args(ParamType):
            raise ValueError(f"{where}: type is one of {get_args(ParamType)}")
        if field.type in ("float", "int") and (field.min is None or field.max is None):
            raise ValueError(f"{where}: a number declares min and max")
        if (field.type in ("choice", "weights")) != bool(field.choices):
            raise ValueError(f"{where}: choices and weights declare their choices, nothing else does")
        try:
            field.validate(field.default)
        except BadRequest as error:
            raise ValueError(f"{where}: the default is not valid: {error}") from None
