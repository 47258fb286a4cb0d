"""Which models there are: the house's own, and public ones that a user may add.

A house model lies in the package; `models/house.toml` pins its SHA-256. A public model has an entry in
`models/catalog.toml`, in a file the user added, or in the file `LIKENESS_CATALOG` names. Nothing is
fetched unless asked for, and nothing gets its name before its hash is right.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar
from urllib.parse import urlsplit

from likeness import cache, files
from likeness.errors import BadModel, BadOutput, BadRequest

HOUSE = Path(__file__).parent / "models"
MAX_BYTES = 2 << 30
"""The most a model may weigh; protobuf itself ends here."""

HOUSE_KINDS = (".onnx", ".npz", ".json")

Progress = Callable[[int, int], None]
State = Literal["ok", "missing", "wrong size", "wrong hash"]

_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20
_TIMEOUT_S = (10.0, 60.0)
_ATTEMPTS = 3
_PAUSE_S = 0.5


@dataclass(frozen=True)
class HouseModel:
    """A model of the package; tables (.npz, .json) have opset 0. `fp16`: its card allows half precision.

    `gpu`: it is faster there, as measured; "auto" leaves others, small and called often, to the processor.
    """

    name: str
    file: str
    sha256: str
    bytes: int
    license: str
    opset: int
    task: str
    fp16: bool = False
    gpu: bool = False

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return HOUSE / self.file


@dataclass(frozen=True)
class Entry:
    """A public model: where it comes from, what it must hash to, and what its license allows.

    `size` is in bytes; `commercial` says whether the license allows commercial use.
    """

    name: str
    task: str
    url: str
    size: int
    sha256: str
    license: str
    commercial: bool
    source: str
    note: str = ""

    @property
    def bytes(self) -> int:
        """The same as `size`, under the name that house models use."""
        return self.size

    @property
    def path(self) -> Path:
        """Where the file lies once it has been fetched."""
        return folder() / f"{self.name}.onnx"


Record = TypeVar("Record", HouseModel, Entry)


@dataclass(frozen=True)
class Status:
    """One model and the state of its file."""

    name: str
    kind: Literal["house", "catalog"]
    task: str
    license: str
    commercial: bool
    bytes: int
    path: Path
    state: State


class _TooLong(BadModel):
    """More bytes came than were promised."""


def home() -> Path:
    """The user's own folder: `LIKENESS_HOME`, or the platform's place for caches."""
    return Path(chosen) if (chosen := os.environ.get("LIKENESS_HOME")) else cache.folder()


def folder() -> Path:
    """Where fetched models lie."""
    return home() / "models"


def house_models() -> dict[str, HouseModel]:
    """The models of the package by name; raise `BadModel` if their list cannot be read."""
    path = HOUSE / "house.toml"
    try:
        return {model.name: model for model in _parse(path, HouseModel)}
    except BadRequest as error:
        raise BadModel(error.message, "Install Likeness again.") from error


def entries() -> dict[str, Entry]:
    """The public models by name: shipped ones, added ones, and those of `LIKENESS_CATALOG`.

    A name stands for one model: `BadRequest` if two lists disagree about it.
    """
    found: dict[str, Entry] = {}
    house = house_models()
    for path in _lists():
        for entry in _parse(path, Entry):
            if entry.name in house or found.get(entry.name, entry) != entry:
                raise BadRequest(
                    f"The catalog {path} lists '{entry.name}', a name that is taken.",
                    "Give the model another name there.",
                )
            found[entry.name] = entry
    return found


def add(path: Path | str) -> list[Entry]:
    """Take the models of a user's catalog file into the user's own; the file is checked, then copied."""
    source = Path(path)
    added = _parse(source, Entry)
    if not added:
        raise BadRequest(f"The catalog {source} lists no models.", "Give one [[model]] table a model.")
    known = {**house_models(), **entries()}
    for entry in added:
        if known.get(entry.name, entry) != entry:
            raise BadRequest(f"There is a model '{entry.name}' already.", f"Rename it in {source}.")
    target = home() / "catalogs" / f"{source.stem}.toml"
    if target.exists() and target.read_bytes() != source.read_bytes():
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        target = target.with_stem(f"{source.stem}-{digest[:12]}")
    files.make_folder(target.parent)
    with files.output_errors(target), files.replacing(target) as temporary:
        shutil.copyfile(source, temporary)
    return added


def find(name: str) -> HouseModel | Entry:
    """The model of that name; raise `BadModel` that lists the names there are."""
    house = house_models()
    if name in house:
        return house[name]
    if name in (listed := entries()):
        return listed[name]
    known = ", ".join([*house, *listed]) or "none"
    raise BadModel(f"There is no model '{name}'.", f"There are: {known}.")


def statuses() -> list[Status]:
    """Every model with the state of its file (all of it is read and hashed)."""
    return [verify(name) for name in (*house_models(), *entries())]


def verify(name: str) -> Status:
    """Read a model's file and say whether it is the one that was promised."""
    model = find(name)
    house = isinstance(model, HouseModel)
    return Status(
        model.name,
        "house" if house else "catalog",
        model.task,
        model.license,
        True if isinstance(model, HouseModel) else model.commercial,
        model.bytes,
        model.path,
        state(model.path, model.bytes, model.sha256),
    )


def state(path: Path, size: int, sha256: str) -> State:
    """Whether the file is there, `size` bytes long, and hashes to `sha256`."""
    if not path.is_file():
        return "missing"
    if path.stat().st_size != size:
        return "wrong size"
    return "ok" if sha256_of(path) == sha256 else "wrong hash"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def get(name: str, *, accept_license: bool = False, progress: Progress | None = None) -> Path:
    """Fetch a public model and return its path; what was fetched before is not fetched again.

    A broken transfer is resumed where it stopped, now or in a later call. `progress(done, total)` counts
    bytes and may raise to stop. With `LIKENESS_MIRROR` the file `NAME.onnx` comes from that address or
    folder instead. Raises `BadModel` (unknown, not to be had, not the promised bytes), `BadRequest` (a
    license that has to be accepted first) or `BadOutput` (no room).
    """
    model = find(name)
    if isinstance(model, HouseModel):
        return _intact(model)
    if state(model.path, model.size, model.sha256) == "ok":
        return model.path
    if not model.commercial and not accept_license:
        raise BadRequest(
            f"The model '{name}' is under {model.license}, which is not free for commercial use.",
            f"Read the license at {model.source}, then say that you accept it: --accept-license.",
        )
    files.make_folder(folder())
    if shutil.disk_usage(folder()).free < model.size:
        raise BadOutput(
            f"{folder()} has no room for {model.size} bytes.", "Free some space and run it again."
        )
    part = model.path.with_suffix(".onnx.part")
    try:
        with files.output_errors(model.path):
            _fetch(model, part, progress or (lambda done, total: None))
            os.replace(part, model.path)
    except (BadModel, OSError):
        # Another process may have fetched it meanwhile and taken the part away under its name.
        if state(model.path, model.size, model.sha256) != "ok":
            raise
    return model.path


def _intact(model: HouseModel) -> Path:
    if (found := state(model.path, model.bytes, model.sha256)) != "ok":
        raise BadModel(f"The house model '{model.name}' is damaged ({found}).", "Install Likeness again.")
    return model.path


# ---- lists ------------------------------------------------------------------------------------------


def _lists() -> Iterator[Path]:
    yield HOUSE / "catalog.toml"
    yield from sorted((home() / "catalogs").glob("*.toml"))
    if own := os.environ.get("LIKENESS_CATALOG"):
        yield Path(own)


def _parse(path: Path, kind: type[Record]) -> list[Record]:
    try:
        tables = tomllib.loads(path.read_text("utf-8")).get("model", [])
    except (OSError, ValueError) as error:
        raise BadRequest(
            f"The catalog {path} cannot be read ({error}).", "Mend or remove that file."
        ) from error
    if not isinstance(tables, list):
        raise BadRequest(f"The catalog {path} has no list of models.", "Write one [[model]] table a model.")
    return [_record(table, kind, path) for table in tables]


def _record(table: Any, kind: type[Record], path: Path) -> Record:
    if not isinstance(table, dict):
        raise BadRequest(f"The catalog {path} has no list of models.", "Write one [[model]] table a model.")
    where = f"The catalog {path}, model {table.get('name', '?')!r}"
    types = {"str": str, "int": int, "bool": bool}
    known = {f.name: f for f in fields(kind)}
    if unknown := sorted(set(table) - set(known)):
        raise BadRequest(f"{where}: unknown field '{unknown[0]}'.", f"The fields are: {', '.join(known)}.")
    for name, field in known.items():
        if name not in table and field.default is MISSING:
            raise BadRequest(f"{where}: the field '{name}' is missing.", f"Give {name} = ….")
        if name in table and type(table[name]) is not types[str(field.type)]:
            raise BadRequest(
                f"{where}: '{name}' has the wrong type.", f"It takes a value of type {field.type}."
            )
    record = kind(**table)
    if reason := _unfit(record):
        raise BadRequest(f"{where}: {reason}.", "Mend that entry.")
    return record


def _unfit(record: HouseModel | Entry) -> str:
    """Why a record may not be used, or nothing. Names become file names, so they are plain."""
    if len(record.name) > 64 or not _NAME.fullmatch(record.name):
        return "a name is lower-case letters and digits joined by _ or -"
    if not _SHA256.fullmatch(record.sha256):
        return "sha256 is 64 hexadecimal digits"
    if not 0 < record.bytes <= MAX_BYTES:
        return f"a model weighs from 1 to {MAX_BYTES} bytes"
    if isinstance(record, HouseModel) and record.file not in {record.name + kind for kind in HOUSE_KINDS}:
        return f"the file of a house model is its name with {', '.join(HOUSE_KINDS)}"
    if isinstance(record, Entry) and not _is_address(record.url):
        return "url is an http or https address"
    return ""


def _is_address(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


# ---- fetching ---------------------------------------------------------------------------------------


def _fetch(entry: Entry, part: Path, progress: Progress) -> None:
    """Bring the entry's bytes into `part` and check them; a resumed file that is wrong starts once more."""
    resumed = part.is_file() and part.stat().st_size > 0
    mirror = os.environ.get("LIKENESS_MIRROR", "")
    if mirror and not _is_address(mirror):
        _copy(entry, Path(mirror) / entry.path.name, part, progress)
        resumed = False
    else:
        url = f"{mirror.rstrip('/')}/{entry.path.name}" if mirror else entry.url
        _download(entry, url, part, progress)
    if (found := state(part, entry.size, entry.sha256)) == "ok":
        return
    part.unlink(missing_ok=True)
    if resumed:
        _fetch(entry, part, progress)
        return
    raise BadModel(
        f"What came for the model '{entry.name}' is not the promised file ({found}).",
        "Try again later, or give another source by LIKENESS_MIRROR.",
    )


def _copy(entry: Entry, source: Path, part: Path, progress: Progress) -> None:
    if not source.is_file():
        raise BadModel(f"The mirror has no file {source}.", f"Put {entry.path.name} there.")
    if source.stat().st_size > entry.size:
        raise _too_long(entry)
    with source.open("rb") as stream, part.open("wb") as out:
        _pour(iter(lambda: stream.read(_BLOCK), b""), out, 0, entry, progress)


def _download(entry: Entry, url: str, part: Path, progress: Progress) -> None:
    """Fetch what `part` lacks, going on after a broken connection as long as bytes keep coming."""
    import requests

    for attempt in range(_ATTEMPTS):
        time.sleep(_PAUSE_S * attempt)
        have = part.stat().st_size if part.is_file() else 0
        if have > entry.size:
            part.unlink()
            have = 0
        if have == entry.size:
            return
        try:
            _request(entry, url, part, have, progress)
        except _TooLong:
            part.unlink(missing_ok=True)
            raise
        except requests.RequestException as error:
            if attempt == _ATTEMPTS - 1:
                raise _stopped(entry, part, url, error) from error
        else:
            if not part.is_file() or part.stat().st_size >= entry.size:
                return
    raise _stopped(entry, part, url, "the connection closed early")


def _request(entry: Entry, url: str, part: Path, have: int, progress: Progress) -> None:
    import requests

    # Identity: a range counts the bytes of the file itself, not of a compressed form of it.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
        if answer.status_code == 416:
            part.unlink(missing_ok=True)
            raise requests.ConnectionError("the server refused to resume")
        if answer.status_code >= 500:
            raise requests.ConnectionError(f"the server answered {answer.status_code}")
        if answer.status_code >= 400:
            raise BadModel(
                f"The model '{entry.name}' is not at {url} (the server answered {answer.status_code}).",
                "Look for a newer catalog, or give another source by LIKENESS_MIRROR.",
            )
        start = _start(answer.status_code, answer.headers.get("Content-Range", ""), have)
        promised = answer.headers.get("Content-Length", "")
        if promised.isdecimal() and start + int(promised) > entry.size:
            raise _too_long(entry)
        # Neither appended nor truncated: two processes that fetch the same file then write the same bytes
        # at the same places, and do not harm each other.
        with os.fdopen(
            os.open(part, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+b"
        ) as out:
            out.seek(start)
            _pour(answer.iter_content(_BLOCK), out, start, entry, progress)


def _start(status: int, content_range: str, have: int) -> int:
    """Where the answer's bytes begin: at `have`, or at 0 from a server that does not know ranges."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range.strip())
    if status == 206 and match and int(match[1]) <= have:
        return int(match[1])
    if status == 206:
        raise BadModel(
            f"The server resumed at a place that was not asked for ('{content_range}').",
            "Give another source by LIKENESS_MIRROR.",
        )
    return 0


def _pour(blocks: Iterator[bytes], out: BinaryIO, done: int, entry: Entry, progress: Progress) -> None:
    for block in blocks:
        done += len(block)
        if done > entry.size:
            raise _too_long(entry)
        out.write(block)
        progress(done, entry.size)


def _too_long(entry: Entry) -> BadModel:
    return _TooLong(
        f"What came for the model '{entry.name}' is longer than the promised {entry.size} bytes.",
        "Give another source by LIKENESS_MIRROR.",
    )


def _stopped(entry: Entry, part: Path, url: str, reason: object) -> BadModel:
    have = part.stat().st_size if part.is_file() else 0
    return BadModel(
        f"The model '{entry.name}' stopped at {have} of {entry.size} bytes from {url} ({reason}).",
        "Run it again to go on from there, or give another source by LIKENESS_MIRROR.",
    )
