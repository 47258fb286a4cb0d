"""One run of one effect: check the request, analyze the shot once, render its frames, write the rest."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from likeness import frames, memory
from likeness.declare import Effect, Input, InputKind, Value
from likeness.errors import BadInput, BadRequest, Cancelled
from likeness.files import output_errors
from likeness.fingerprint import code_hash, content_hash
from likeness.registry import find
from likeness.request import Request, digest, parse_frames
from likeness.results import Event, Result

if TYPE_CHECKING:
    from likeness.media import Source
    from likeness.media.image import Image

__all__ = ["Event", "Job", "Layers", "Request", "Result", "run_job"]

Layers: TypeAlias = "dict[str, Image]"
Kept: TypeAlias = "dict[str, dict[str, _Once]]"
Thing = TypeVar("Thing")

PICTURES: frozenset[InputKind] = frozenset({"picture", "matte"})
_SUFFIXES: dict[InputKind, set[str]] = {
    "performance": {".csv", ".json"},
    "audio": {".wav", ".flac", ".mp3", ".ogg", ".aif", ".aiff", ".m4a"},
    "model": {".obj", ".ply", ".stl", ".gltf", ".glb", ".usd", ".usda", ".usdc", ".usdz", ".json"},
    "text": {".txt", ".srt", ".vtt", ".md", ".json"},
}
_EVENT_INTERVAL_S = 0.05


class Job:
    """A checked request, as the functions of its effect see it.

    `params` are validated and complete; `findings` are what `analyze` returned, read-only.
    `shot` are all frames of the shot and `frames` those to make now. Findings are shared by all chunks
    and by all values of the parameters that are declared `analyzed=False`, so while `analyze` runs
    `frames` is the whole shot and `params` lacks those.
    `output` is the absolute output path. `memo` is the effect's own table for what it wants to keep
    between the frames of this run; frames are drawn by several threads, so what is there stays as it is.
    `kept` is what `keep` has of the runs before.
    """

    def __init__(
        self,
        request: Request,
        effect: Effect,
        *,
        on_event: Callable[[Event], None] = lambda event: None,
        cancelled: Callable[[], bool] = lambda: False,
        kept: Kept | None = None,
    ) -> None:
        self.request = request
        self.effect = effect
        self._params = effect.validate(request.params)
        self._analyzing = False
        self.output = _output(request)
        self.device = request.device
        self.findings: Mapping[str, Any] = MappingProxyType({})
        self.memo: dict[str, Any] = {}
        self._kept: Kept = {} if kept is None else kept
        self._table = threading.RLock()  # of what is kept, and of the sources
        self._on_event = on_event
        self._cancelled = cancelled
        self._stage = ("", 0.0, 0)
        self._warm = False
        self._sent = 0.0
        self._sources: dict[str, Source] = {}
        self._kinds = {name: _kind(effect, name, path) for name, path in request.inputs.items()}
        for declared in effect.inputs:
            if declared.required and declared.name not in self._kinds:
                raise BadRequest(
                    f"Effect '{effect.name}' needs the input '{declared.name}'.",
                    f"Give {declared.name}=PATH ({declared.label}).",
                )

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the sources that were opened."""
        while self._sources:
            self._sources.popitem()[1].close()

    @property
    def folder(self) -> Path:
        """Where result files go: the output itself if it is a folder, else the folder it lies in."""
        is_file = self.output.suffix.lower() in {".exr", *frames.MOVIES, *frames.STILLS}
        return self.output.parent if is_file else self.output

    @property
    def plate(self) -> str | None:
        """The name of the first picture input that was given: the one the results belong to."""
        return next((i.name for i in self.effect.inputs if self.kind(i.name) == "picture"), None)

    @functools.cached_property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers to make: the comp alone if that is all that is asked for or can be kept."""
        names = tuple(layer.name for layer in self.effect.layers)
        alone = self.output.suffix.lower() in {*frames.MOVIES, *frames.STILLS}
        return ("comp",) if alone or self._params.get("layers") == "comp" else names

    def kind(self, name: str) -> InputKind | None:
        """What the given input is ("picture", "performance", …), or None if it was not given."""
        return self._kinds.get(name)

    def path(self, name: str) -> Path | None:
        """The input's path as it was given, or None. A picture's may be a pattern or a folder."""
        given = self.request.inputs.get(name)
        return Path(given) if given is not None else None

    def source(self, name: str) -> Source:
        """The pictures of an input, opened on first use; raise `BadInput` if they cannot be read."""
        if self.kind(name) not in PICTURES:
            raise BadInput(f"Input '{name}' has no pictures.", "Give an image, an image sequence or a clip.")
        with self._table:
            if name not in self._sources:
                from likeness.ahead import ReadAhead
                from likeness.media import open_source

                colorspace = self.request.colorspace if name == self.plate else "auto"
                opened = open_source(
                    self.request.inputs[name], colorspace=colorspace, missing=self.request.missing
                )
                self._sources[name] = ReadAhead.of(opened, self.check)
            return self._sources[name]

    @functools.cached_property
    def at_once(self) -> int:
        """How many frames are drawn abreast."""
        if self.plate is None:
            return 1
        from likeness import abreast

        source = self.source(self.plate)
        return abreast.at_once(source.width, source.height)

    @functools.cached_property
    def _large(self) -> bool:
        """Whether the plate's pictures leave little room for anything else."""
        if self.plate is None:
            return False
        from likeness import abreast

        source = self.source(self.plate)
        return abreast.large(source.width, source.height)

    @functools.cached_property
    def shot(self) -> list[int]:
        """All frames of the shot: what the effect says, else those of its first picture input."""
        if self.effect.frames is not None:
            return list(self.effect.frames(self))
        plate = self.plate
        if plate is not None and not self.source(plate).is_still:
            return list(self.source(plate).frames)
        if self.request.frames is not None:
            first, last = parse_frames(self.request.frames)
            return list(range(first, last + 1))
        return [1] if plate is None else list(self.source(plate).frames)

    @functools.cached_property
    def chunk(self) -> list[int]:
        """The frames of the shot that the request asks for; raise `BadRequest` if it has them not."""
        if self.request.frames is None:
            return self.shot
        first, last = parse_frames(self.request.frames)
        if not self.shot or first < self.shot[0] or last > self.shot[-1]:
            has = f"has frames {self.shot[0]}-{self.shot[-1]}" if self.shot else "has no frames"
            raise BadRequest(f"The shot {has}, not {self.request.frames}.", "Give a range inside it.")
        chunk = [frame for frame in self.shot if first <= frame <= last]
        if not chunk:
            raise BadRequest(
                f"The shot has no frame in {self.request.frames}.", "Give a range that has some."
            )
        return chunk

    @property
    def frames(self) -> list[int]:
        """The frames to make now; the whole shot while it is being analyzed."""
        return self.shot if self._analyzing else self.chunk

    @property
    def params(self) -> Mapping[str, Value]:
        """The parameters by name; those declared `analyzed=False` are not there during `analyze`."""
        analyzed = {p.name for p in self.effect.params if p.analyzed or not self._analyzing}
        return {name: value for name, value in self._params.items() if name in analyzed}

    @functools.cached_property
    def hash(self) -> str:
        """SHA-256 of all that decides the result's pixels.

        That is effect, code, parameters, the inputs' content, color space and seed, and not where
        inputs and output lie, which device works, or which frames this chunk makes.
        """
        return self._identity(self._kinds, self._params, self.effect.name)

    def cached(
        self,
        name: str,
        make: Callable[[], Mapping[str, Any]],
        *,
        inputs: Sequence[str],
        params: Sequence[str] = (),
    ) -> dict[str, Any]:
        """What `make()` returns, made once for the named inputs' content and parameters' values.

        It returns numpy arrays and JSON values by name. Every effect that gives the same `name` shares
        the entry, so it must not look at anything that is not named here.
        """
        from likeness import cache

        given = [i for i in inputs if i in self._kinds]
        key = self._identity(given, {p: self._params[p] for p in params}, of=name)
        return cache.kept(cache.folder() / "jobs" / key, make)

    def keep(
        self,
        name: str,
        make: Callable[[], Thing],
        *,
        inputs: Sequence[str],
        params: Sequence[str] = (),
        frame: int | None = None,
    ) -> Thing:
        """What `make()` returns, made once for that frame, the inputs' content and the parameters' values.

        It stays in memory as it is, for the next frame and in a worker for the next run: of each `name` the
        last one, or if it is of a `frame` as many as are drawn abreast. So `make` must not look at anything
        else, and nobody may change what it returns.
        """
        chosen = {p: self._params[p] for p in params}
        key = self._identity(inputs, chosen, of=f"{name} {frame}")
        most = 1 if frame is None else self.at_once
        with self._table:
            last = self._kept.setdefault(name, {})
            if key not in last:
                while len(last) >= most:  # before it is made, so that there are never more
                    del last[next(iter(last))]
                last[key] = _Once()
            once = last[key]

        def made() -> Thing:
            thing = make()
            if self._large:  # much was held on the way
                memory.give_back()
            return thing

        thing: Thing = once.get(made)
        return thing

    def let_go(self, name: str) -> None:
        """Forget what `keep` has of that name, if the plate leaves little room beside it and more is drawn.

        A frame that is alone may be drawn again soon: of it all is kept.
        """
        if self._large and len(self.chunk) > 1:
            with self._table:
                self._kept.pop(name, None)

    def _identity(self, inputs: Iterable[str], params: Mapping[str, Value], of: str) -> str:
        return digest(
            {
                "of": of,
                "code": self._code,
                "params": dict(params),
                "inputs": {name: self._fingerprint(name) for name in inputs},
                "colorspace": self.request.colorspace,
                "missing": self.request.missing,
                "seed": self.request.seed,
            }
        )

    def analyze(self) -> None:
        """Fill `findings`, from the cache if the shot was analyzed before."""
        if self.effect.analyze is None:
            return
        self._analyzing = True
        try:
            name = f"effect {self.effect.name}"
            findings = self.cached(name, self._analyzed, inputs=[*self._kinds], params=[*self.params])
            self.findings = MappingProxyType(findings)
        finally:
            self._analyzing = False
        for name, source in self._sources.items():
            if name != self.plate:  # whether others are read again is not known
                source.forget()

    def _analyzed(self) -> dict[str, Any]:
        assert self.effect.analyze is not None
        found = self.effect.analyze(self)
        if self._large:  # nor for what the networks hold
            from likeness import runtime

            runtime.close_all()
            memory.give_back()
        return dict(found)

    def check(self) -> None:
        """Raise `Cancelled` if the user stopped the job; call it in every loop that takes long."""
        if self._cancelled():
            raise Cancelled("The job was stopped.", "Finished frames are kept; run it again to go on.")

    def progress(self, done: int, total: int, stage: str, preview: str | None = None) -> None:
        """Tell how far `stage` is, and raise `Cancelled` if the user stopped the job."""
        self.check()
        now = time.monotonic()
        if self._stage[0] != stage:
            self._stage, self._warm, self._sent = (stage, now, done), False, 0.0
        if now - self._sent < _EVENT_INTERVAL_S and done < total:
            return
        self._sent = now
        _, start, at_start = self._stage
        left = (now - start) / (done - at_start) * (total - done) if done > at_start else None
        if left is not None and not self._warm:
            # The first piece also compiles and loads: it says nothing of the time that the others take.
            self._stage, self._warm, left = (stage, now, done), True, None
        self._on_event(Event(stage, done, total, left, preview))

    @functools.cached_property
    def _code(self) -> str:
        return code_hash(self.effect)

    def _fingerprint(self, name: str) -> str:
        if self._kinds[name] in PICTURES:
            return str(self.source(name).fingerprint)
        return content_hash(Path(self.request.inputs[name]))


class _Once:
    """A thing that is made when it is first asked for, by whichever thread asks; the others wait for it."""

    def __init__(self) -> None:
        self._making = threading.Lock()
        self._made: tuple[Any, ...] = ()

    def get(self, make: Callable[[], Any]) -> Any:
        with self._making:
            if not self._made:
                self._made = (make(),)
            return self._made[0]


def run_job(
    request: Request,
    *,
    on_event: Callable[[Event], None] = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
    effects: Sequence[Effect] | None = None,
    kept: Kept | None = None,
) -> list[Result]:
    """Run a request to its end and return what was made, in the order of the effect's outputs.

    `on_event` is told progress, `cancelled` is asked often whether to stop. `effects` are those to
    choose from, by default the registry's. `kept` is for a process that runs several requests: a table,
    empty at first and given with each, in which effects find again what they made (`Job.keep`). Raises
    a `LikenessError`; finished frames are kept.
    """
    effect = find(request.effect, effects)
    with Job(request, effect, on_event=on_event, cancelled=cancelled, kept=kept) as job:
        delivery = frames.plan(job)
        job.chunk  # noqa: B018 - a wrong range is told before the work starts
        results: list[Result] = []
        job.analyze()
        if delivery is not None:
            results.append(delivery(job))
        if effect.write is not None:
            job.progress(0, 1, "write")
            with output_errors():
                results += effect.write(job)
            job.progress(1, 1, "write")
        order = [output.name for output in effect.outputs]
        return sorted(results, key=lambda result: order.index(result.name))


def _output(request: Request) -> Path:
    if not request.output.strip():
        raise BadRequest("The request has no output.", "Name a frame pattern, a movie or a folder.")
    return Path(request.output).absolute()


def _kind(effect: Effect, name: str, path: str) -> InputKind:
    declared: Input | None = next((i for i in effect.inputs if i.name == name), None)
    if declared is None:
        names = ", ".join(i.name for i in effect.inputs) or "none"
        raise BadRequest(f"Effect '{effect.name}' has no input '{name}'.", f"It has: {names}.")
    suffix = Path(path).suffix.lower()
    fitting = {kind for kind, suffixes in _SUFFIXES.items() if suffix in suffixes} or PICTURES
    for kind in declared.kinds:
        if kind in fitting:
            if kind not in PICTURES and not Path(path).is_file():
                raise BadInput(f"Input '{name}': there is no file {path}.", "Check the path.")
            return kind
    raise BadInput(f"Input '{name}' cannot be {path}.", f"Give a file of: {', '.join(declared.kinds)}.")
