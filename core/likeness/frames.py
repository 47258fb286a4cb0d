"""How rendered frames reach the disk: an EXR sequence frame by frame, one movie, or one picture to see."""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import likeness
from likeness.declare import Param
from likeness.errors import BadRequest
from likeness.files import make_folder, output_errors, sweep
from likeness.results import Result

if TYPE_CHECKING:
    from likeness.job import Job, Layers
    from likeness.media.sequence import Pattern

Delivery = Callable[["Job"], Result]

MOVIES = {".mov": "prores4444", ".mp4": "h264", ".mkv": "h264", ".mxf": "dnxhr"}
CODEC = Param(
    "codec", "choice", "auto", "Codec",
    "Of a movie: auto is ProRes 4444 in .mov, H.264 in .mp4 and .mkv, DNxHR in .mxf.",
    choices=("auto", "prores4444", "prores422hq", "dnxhr", "h264", "hevc"), analyzed=False,
)  # fmt: skip
REQUEST, EFFECT, VERSION = "likeness:request", "likeness:effect", "likeness:version"
STILLS = frozenset([".png", ".jpg", ".jpeg"])
# IPTC's word for a picture that is partly made by a model, as content credentials use it.
SOURCE_TYPE = "Iptc4xmpExt:DigitalSourceType"
SYNTHETIC = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_FILES = frozenset(
    [
        *STILLS,
        ".tif",
        ".tiff",
        ".dpx",
        ".tga",
        ".bmp",
        ".gif",
        ".webp",
        ".avi",
        ".webm",
        ".wav",
    ]
)
_NAME_BYTES = 256
HEAVY_BYTES = 128 << 20  # of one frame's layers: two such frames at once are too much at 4K
_EXR_MAGIC = b"\x76\x2f\x31\x01"


def plan(job: Job) -> Delivery | None:
    """How this job's frames will be written, None if it makes none; check that the output can be.

    Raises `BadRequest` for an output that is neither a pattern, a movie, a picture of one frame nor a
    folder, and `BadOutput` for one that cannot be written.
    """
    from likeness.media.sequence import parse_pattern

    renders = job.effect.render is not None
    suffix = job.output.suffix.lower()
    shown = suffix in STILLS and parse_pattern(job.output).is_still
    if renders and suffix in MOVIES:
        _codec(job)
    if renders and suffix in _FILES and not shown:
        kinds = ", ".join(MOVIES)
        raise BadRequest(
            f"Frames cannot be written to {job.output.name}.", f"Name .####.exr, a folder or {kinds}."
        )
    if not renders and suffix in _FILES | {".exr", *MOVIES}:
        raise BadRequest(
            f"Effect '{job.effect.name}' writes into a folder, not {job.output.name}.", "Name a folder."
        )
    new_folder = job.folder == job.output and not job.folder.is_dir()
    if renders and new_folder and parse_pattern(job.output).digits > 1:
        raise BadRequest(
            f"Frames cannot be written as {job.output.name}.", "Name .####.exr, or a folder without ####."
        )
    make_folder(job.folder)
    sweep(job.folder)
    if not renders:
        return None
    _spare_inputs(job, str(job.output if shown or suffix in MOVIES else pattern(job)))
    if shown and len(job.chunk) > 1:
        raise BadRequest(
            f"{job.output.name} is one picture for {len(job.chunk)} frames.",
            "Ask for one frame, or name .####.exr.",
        )
    return still if shown else movie if suffix in MOVIES else sequence


def pattern(job: Job) -> Pattern:
    """Where the frames go; raise `BadRequest` if many frames would share a name."""
    from likeness.media.sequence import parse_pattern

    path = job.output / f"{job.effect.name}.####.exr" if job.folder == job.output else job.output
    of = parse_pattern(path)
    if of.is_still and len(job.shot) > 1:
        raise BadRequest(
            f"{path.name} is one file for {len(job.shot)} frames.", "Put #### where the number goes."
        )
    return of


def _spare_inputs(job: Job, output: str) -> None:
    from likeness.media.sequence import parse_pattern

    for name, given in job.request.inputs.items():
        if str(parse_pattern(Path(given).absolute())) == output:
            raise BadRequest(f"The output would overwrite the input '{name}'.", "Choose another output.")


def sequence(job: Job) -> Result:
    """Render the frames that are not there yet, one being written while the next ones are made."""
    from likeness.abreast import in_order

    of = pattern(job)
    files = {frame: of.path(frame) for frame in job.chunk}
    todo = [frame for frame, path in files.items() if not finished(path, job.hash)]
    counter = _Counter(job, len(files) - len(todo))

    def make(frame: int) -> Layers:
        # Asked again because another worker may have made it meanwhile.
        return {} if finished(files[frame], job.hash) else render(job, frame)

    with WriteBehind(counter.one_more) as writer, closing(in_order(make, todo, job.at_once)) as drawn:
        for frame, layers in drawn:
            if layers:
                writer.put(files[frame], *_written(job, files[frame], layers))
                del layers
                writer.make_room()
            else:
                counter.one_more(files[frame])
    return _result(job, str(of))


def movie(job: Job) -> Result:
    """Render all frames, in order, into one movie; it appears under its name when it is whole."""
    from likeness.abreast import in_order
    from likeness.media import MovieWriter

    counter = _Counter(job, 0)
    with closing(in_order(lambda frame: render(job, frame)["comp"], job.chunk, job.at_once)) as drawn:
        _, first = next(drawn)
        width, height = first.display[2:]
        alpha = "A" in first.channels
        with (
            MovieWriter(job.output, _fps(job), width, height, _codec(job), alpha) as out,
            WriteBehind(counter.one_more) as writer,
        ):
            writer.put(None, functools.partial(out.write, first))
            for _, comp in drawn:
                writer.put(None, functools.partial(out.write, comp))
    return _result(job, str(job.output))


def _codec(job: Job) -> str:
    """The movie's codec: the one that is asked for, or its ending's; `BadRequest` if it does not go in."""
    from likeness.media.movie import codec_for

    asked = str(job.params.get("codec", "auto"))
    name = MOVIES[job.output.suffix.lower()] if asked == "auto" else asked
    codec_for(name, job.output)
    return name


def still(job: Job) -> Result:
    """Render the one frame and write its comp as a screen shows it, in sRGB."""
    from likeness.media import color, write_image

    counter = _Counter(job, 0)
    comp = render(job, job.chunk[0])["comp"]
    # JPEG keeps none of our own attributes, but every format has this one.
    marks = _marks(job) | {"Software": f"Likeness {likeness.__version__} ({SYNTHETIC})"}
    write_image(job.output, comp, colorspace="auto", depth="uint8", metadata=marks)
    counter.one_more(job.output)
    result = _result(job, str(job.output))
    return replace(result, meta={**result.meta, "colorspace": color.first_known(color.SRGB)})


def render(job: Job, frame: int) -> Layers:
    """The layers of one frame; raise `ValueError` if the effect returns others than it declares."""
    job.check()
    assert job.effect.render is not None
    layers = job.effect.render(job, frame)
    declared = {layer.name for layer in job.effect.layers}
    if not layers or not set(layers) <= declared:
        raise ValueError(f"{job.effect.name} declares the layers {sorted(declared)}, not {sorted(layers)}")
    comp = layers.get("comp")
    if comp is not None and not comp.colorspace and job.plate is not None:
        layers = {**layers, "comp": replace(comp, colorspace=job.source(job.plate).linear_colorspace)}
    return layers


def finished(path: Path, request: str) -> bool:
    """Whether `path` is an EXR that was written for the job of that hash."""
    return exr_text(path, REQUEST) == request


def exr_text(path: Path, name: str) -> str | None:
    """A text attribute of an EXR's first part, read from the header alone; None if there is none."""
    try:
        with path.open("rb") as file:
            if file.read(4) != _EXR_MAGIC:
                return None
            file.seek(8)
            while key := _word(file):
                kind = _word(file)
                (size,) = struct.unpack("<i", file.read(4))
                if size < 0:
                    return None
                if key == name.encode() and kind == b"string":
                    return file.read(size).decode("utf-8", "replace")
                file.seek(size, 1)
    except (OSError, struct.error):
        return None
    return None


def _word(file: BinaryIO) -> bytes:
    """A name that ends with a zero byte; empty at the header's end and where there is no name."""
    letters = bytearray()
    while len(letters) < _NAME_BYTES:
        letter = file.read(1)
        if letter in (b"", b"\0"):
            break
        letters += letter
    return bytes(letters)


class WriteBehind:
    """Writes one thing on a thread of its own while the next is made.

    `put` waits for the one before it, so it holds no more than one, and raises its error; `make_room` waits
    for that one too, if it is heavy. `written` is called, on the caller's thread, with the
    path of each that has been written.
    """

    def __init__(self, written: Callable[[Path | None], None]) -> None:
        self._written = written
        self._writer = ThreadPoolExecutor(1, "write-behind")
        self._pending: tuple[Path | None, Future[None]] | None = None
        self._bytes = 0

    def put(self, path: Path | None, write: Callable[[], None], size: int = 0) -> None:
        """Wait for the write before, then begin this one, of something of that `size` in bytes."""
        self._flush()
        self._bytes = size
        self._pending = path, self._writer.submit(write)

    def make_room(self) -> None:
        """Wait for the write under way if what it holds is too heavy to make the next one beside it."""
        if self._bytes > HEAVY_BYTES:
            self._flush()

    def _flush(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending[1].result()
            self._written(pending[0])

    def __enter__(self) -> WriteBehind:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._writer.shutdown()


class _Counter:
    """Tells the job how many frames are done."""

    def __init__(self, job: Job, done: int) -> None:
        self._job = job
        self._done = done
        job.progress(done, len(job.chunk), "render")

    def one_more(self, path: Path | None) -> None:
        self._done += 1
        self._job.progress(self._done, len(self._job.chunk), "render", None if path is None else str(path))


def _written(job: Job, path: Path, layers: Layers) -> tuple[Callable[[], None], int]:
    """How a frame's layers are written, and how many bytes they hold until then."""
    size = sum(image.pixels.nbytes for image in layers.values())
    return functools.partial(_write, job, path, layers), size


def _write(job: Job, path: Path, layers: Layers) -> None:
    from likeness.media import write_layers

    with output_errors(path):
        write_layers(path, layers, metadata=_marks(job))


def _marks(job: Job) -> dict[str, str]:
    return {
        REQUEST: job.hash,
        EFFECT: job.effect.name,
        VERSION: likeness.__version__,
        SOURCE_TYPE: SYNTHETIC,
    }


def _result(job: Job, path: str) -> Result:
    name = next(output.name for output in job.effect.outputs if output.kind == "sequence")
    meta: dict[str, Any] = {"frames": list(job.chunk), "layers": list(job.layers)}
    plate = job.plate
    if plate is not None:
        fps = job.source(plate).fps
        meta |= {
            "fps": None if fps is None else float(fps),
            "colorspace": job.source(plate).linear_colorspace,
        }
    return Result(name, "sequence", path, meta)


def _fps(job: Job) -> Fraction:
    for given in job.effect.inputs:
        rate: Fraction | None = None
        if job.kind(given.name) == "picture":
            rate = job.source(given.name).fps
        elif job.kind(given.name) == "performance":
            from likeness.performance import read_csv

            rate = Fraction(read_csv(str(job.path(given.name))).fps).limit_denominator(1001)
        if rate is not None:
            return rate
    return Fraction(24)
