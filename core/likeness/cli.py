"""The command line: `likeness effects`, `run`, `job`, `models`, `install`, `prepare`, `doctor`, `worker`.

Exit codes: 0 done, 2 bad request, 3 bad input, 4 missing or corrupt model, 5 cancelled, 1 anything else.
What goes wrong is one line on stderr that says what to do; `--verbose` shows where it went wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TextIO, get_args

import likeness
from likeness import memory
from likeness.declare import Effect, Param
from likeness.errors import BadModel, BadRequest, Cancelled, LikenessError, unexpected
from likeness.job import Event, Result, run_job
from likeness.registry import effects, schemas
from likeness.request import Device, Missing, Request
from likeness.stop import Stop, on_signals
from likeness.streams import own_stdout

log = logging.getLogger(__name__)

INPUT_HELP = "an input file, a sequence such as plate=shot.####.exr, or a folder; once for each input"
SET_HELP = "a parameter; once for each, those not given keep their default"
OUT_HELP = (
    "an EXR pattern such as shot.####.exr, a movie (.mov, .mp4, .mkv, .mxf), a folder, or one .png or .jpg"
)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as everything here does."""

    def error(self, message: str) -> NoReturn:
        raise BadRequest(f"{message[:1].upper()}{message[1:]}.", f"See {self.prog} --help.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `--help` and `--version` exit by themselves."""
    words = sys.argv[1:] if argv is None else list(argv)
    memory.share_one_arena()
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    machine = _wants_json(words)
    try:
        arguments = _parser(words).parse_args(words)
        if arguments.verbose:
            logging.getLogger().setLevel(logging.DEBUG)
        code: int = arguments.act(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read the output has enough; Python must not complain about it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _fail(Cancelled("The job was stopped.", "Finished frames are kept; run it again."), machine)
    except LikenessError as error:
        log.debug("Where it happened:", exc_info=True)
        return _fail(error, machine)
    except Exception as error:
        log.debug("Where it happened:", exc_info=True)
        return _fail(unexpected(error), machine)


def _fail(error: LikenessError, machine: bool) -> int:
    line = " ".join(str(error).split())
    print(f"likeness: {line}", file=sys.stderr)
    if machine:
        _say({"event": "error", "code": error.code, "message": error.message, "hint": error.hint})
    return error.exit_code


def _wants_json(words: Sequence[str]) -> bool:
    return "--progress=json" in words or ("--progress", "json") in itertools.pairwise(words)


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser("likeness", description=likeness.__doc__)
    parser.add_argument("--version", action="version", version=likeness.__version__)
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, and where errors happen")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("effects", help="list the effects")
    listing.add_argument("--json", action="store_true", help="their whole declarations, as JSON")
    listing.set_defaults(act=_effects)

    run = commands.add_parser("run", help="run an effect; see likeness run EFFECT --help")
    if "run" in words:
        each = run.add_subparsers(required=True, metavar="EFFECT")
        for effect in effects():
            _add_effect(each, effect)

    job = commands.add_parser("job", help="run a request from a JSON file, as farms do")
    job.add_argument("file", metavar="FILE.json", help="the request; - reads it from stdin")
    job.add_argument("--frames", metavar="A-B", help="make only these frames of it")
    _add_progress(job)
    job.set_defaults(act=_job)

    _add_models(commands.add_parser("models", help="see, add and check models"))

    _add_install(commands.add_parser("install", help="put Likeness into a host program"))

    prepare = commands.add_parser("prepare", help="compile on all cores what else the first runs would")
    prepare.set_defaults(act=_prepare)

    doctor = commands.add_parser("doctor", help="say what works here, and how to mend what does not")
    doctor.add_argument("--json", action="store_true", help="as JSON")
    doctor.set_defaults(act=_doctor)

    worker = commands.add_parser("worker", help="serve a host: JSON-RPC 2.0 on stdin and stdout")
    worker.set_defaults(act=_worker)
    return parser


def _add_effect(each: Any, effect: Effect) -> None:
    plain = argparse.RawDescriptionHelpFormatter
    about = {"description": f"{effect.label}. {effect.help}", "epilog": describe(effect)}
    label = effect.label.replace("%", "%%")
    parser = each.add_parser(effect.name, help=label, formatter_class=plain, **about)
    parser.add_argument("--input", action="append", default=[], metavar="NAME=PATH", help=INPUT_HELP)
    parser.add_argument("--set", action="append", default=[], metavar="PARAM=VALUE", help=SET_HELP)
    parser.add_argument("--out", required=True, metavar="PATH", help=OUT_HELP)
    parser.add_argument("--frames", metavar="A-B", help="make only these frames")
    parser.add_argument(
        "--colorspace", default="auto", metavar="NAME", help="the first picture's color space"
    )
    parser.add_argument("--device", default="auto", choices=get_args(Device), help="where models run")
    parser.add_argument("--seed", type=int, default=0, help="what chance begins with (default 0)")
    missing = "what a missing input frame does (default error)"
    parser.add_argument("--missing", default="error", choices=get_args(Missing), help=missing)
    _add_progress(parser)
    parser.set_defaults(act=_run, effect=effect)


def _add_progress(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--progress", choices=("auto", "json"), default="auto", help="json: one event a line")


def describe(effect: Effect) -> str:
    """An effect's inputs, parameters, results and layers as text, all of it from the declaration."""
    lines = ["inputs:"]
    for given in effect.inputs:
        needed = "" if given.required else ", optional"
        lines += [f"  {given.name} ({' or '.join(given.kinds)}{needed})", f"      {given.help}"]
    lines.append("parameters:")
    for param in effect.params:
        lines += [f"  {param.name} ({_values(param)})", f"      {param.label}. {param.help}"]
    lines.append("results:")
    lines += [f"  {output.name} ({output.kind})\n      {output.help}" for output in effect.outputs]
    if effect.layers:
        lines.append("layers:")
        lines += [
            f"  {layer.name} ({', '.join(layer.channels)})\n      {layer.help}" for layer in effect.layers
        ]
    return "\n".join(lines)


def _values(param: Param) -> str:
    unit = f" {param.unit}" if param.unit else ""
    kinds = {"bool": "true or false", "text": "text"}
    if param.type == "choice":
        values = " | ".join(param.choices)
    elif param.type == "weights":
        values = f'JSON such as {{"{param.choices[0]}": 0.4}}, by the names {" ".join(param.choices)}'
    else:
        values = kinds.get(param.type, "")
    if param.min is not None and param.max is not None:
        values = f"{values}: {param.min:.10g} to {param.max:.10g}{unit}".removeprefix(": ")
    default = param.default if isinstance(param.default, str) else json.dumps(param.default)
    return f"{values}, default {default or 'empty'}"


def _effects(arguments: argparse.Namespace) -> int:
    if arguments.json:
        print(json.dumps(schemas(), indent=1))
        return 0
    for effect in schemas():
        print(f"{effect['name']:<16} {effect['pillar']:<6} {effect['label']}")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    effect: Effect = arguments.effect
    types = {param.name: param.type for param in effect.params}
    params = {
        name: _json(text) if types.get(name) == "weights" else text
        for name, text in _pairs(arguments.set, "--set").items()
    }
    request = Request(
        effect=effect.name,
        inputs=_pairs(arguments.input, "--input"),
        params=params,
        frames=arguments.frames,
        output=arguments.out,
        colorspace=arguments.colorspace,
        device=arguments.device,
        seed=arguments.seed,
        missing=arguments.missing,
    )
    return _perform(request, arguments.progress == "json")


def _pairs(words: Sequence[str], option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise BadRequest(f"{option} {word} has no value.", f"Write {option} {word}=VALUE.")
        if name in pairs:
            raise BadRequest(f"{option} {name} is given twice.", "Give it once.")
        pairs[name] = value
    return pairs


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _job(arguments: argparse.Namespace) -> int:
    try:
        text = sys.stdin.read() if arguments.file == "-" else Path(arguments.file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BadRequest(f"Cannot read {arguments.file} ({reason}).", "Give a JSON file.") from error
    request = Request.from_json(text)
    if arguments.frames is not None:
        request = replace(request, frames=arguments.frames)
    return _perform(request, arguments.progress == "json")


def _perform(request: Request, machine: bool) -> int:
    stop = Stop()
    with own_stdout() as out, on_signals(stop), _display(out if machine else None) as tell, stop.watching():
        results = run_job(request, on_event=tell, cancelled=stop)
    for result in results:
        _say({"event": "result", **result.to_dict()}) if machine else print(_line(result))
    return 0


def _line(result: Result) -> str:
    frames = result.meta.get("frames") or []
    return f"{result.path} ({result.kind}{f', {len(frames)} frames' if frames else ''})"


def _say(message: dict[str, Any], out: TextIO | None = None) -> None:
    print(json.dumps(message, allow_nan=False), file=out or sys.stdout, flush=True)


@contextlib.contextmanager
def _display(out: TextIO | None = None) -> Iterator[Callable[[Event], None]]:
    """Something to tell events to: one JSON line each on `out`, or a bar if a person looks on."""
    if out is not None:
        yield lambda event: _say({"event": "progress", **event.to_dict()}, out)
    elif sys.stderr.isatty():
        with _bar() as tell:
            yield tell
    else:
        yield lambda event: None


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[Event], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, Any] = {}

        def tell(event: Event) -> None:
            if event.stage not in tasks:
                tasks[event.stage] = progress.add_task(event.stage, total=event.total)
            progress.update(tasks[event.stage], completed=event.done, total=event.total)

        yield tell


def _add_models(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="every model, its license and whether it is here")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(act=_models_list)
    get = actions.add_parser("get", help="fetch a public model of the catalog")
    get.add_argument("name", metavar="NAME")
    license_help = "accept a license that is not free for commercial use"
    get.add_argument("--accept-license", action="store_true", help=license_help)
    get.set_defaults(act=_models_get)
    verify = actions.add_parser(
        "verify", help="check models against their SHA-256; those that are here, or one"
    )
    verify.add_argument("name", metavar="NAME", nargs="?")
    verify.set_defaults(act=_models_verify)
    add = actions.add_parser("add", help="add the models that a catalog file lists")
    add.add_argument("file", metavar="FILE.toml")
    add.set_defaults(act=_models_add)


def _models_list(arguments: argparse.Namespace) -> int:
    from likeness import catalog

    found = catalog.statuses()
    if arguments.json:
        print(json.dumps([vars(status) | {"path": str(status.path)} for status in found], indent=1))
        return 0
    for status in found:
        size = f"{status.bytes / 1e6:.1f} MB"
        terms = f"{status.license} ({_use(status.commercial)})"
        print(f"{status.name:<24} {status.state:<11} {size:>9}  {terms}  {status.task}")
    return 0


def _use(commercial: bool) -> str:
    return "commercial use" if commercial else "NO commercial use"


def _models_get(arguments: argparse.Namespace) -> int:
    from likeness import catalog

    model = catalog.find(arguments.name)
    if isinstance(model, catalog.Entry) and (model.commercial or arguments.accept_license):
        terms = f"{model.name}: {model.license} ({_use(model.commercial)}), {model.source}. {model.note}"
        print(terms.rstrip(), file=sys.stderr)
    with _display() as tell:
        path = catalog.get(
            arguments.name,
            accept_license=arguments.accept_license,
            progress=lambda done, total: tell(Event(arguments.name, done, total)),
        )
    print(path)
    return 0


def _models_verify(arguments: argparse.Namespace) -> int:
    from likeness import catalog

    found = [catalog.verify(arguments.name)] if arguments.name else catalog.statuses()
    for status in found:
        print(f"{status.name:<24} {status.state}")
    absent = {"missing"} if not arguments.name else set()
    bad = [s for s in found if s.state != "ok" and not (s.kind == "catalog" and s.state in absent)]
    if bad:
        remedy = "Install Likeness again." if bad[0].kind == "house" else f"likeness models get {bad[0].name}"
        raise BadModel(f"The model '{bad[0].name}' is not right ({bad[0].state}).", remedy)
    return 0


def _models_add(arguments: argparse.Namespace) -> int:
    from likeness import catalog

    for entry in catalog.add(arguments.file):
        print(f"{entry.name}  {entry.license}")
    return 0


def _add_install(parser: argparse.ArgumentParser) -> None:
    hosts = parser.add_subparsers(required=True, metavar="HOST")
    nuke = hosts.add_parser("nuke", help="the nodes of Nuke 13 to 16; do it again after an update")
    nuke.add_argument("--to", metavar="FOLDER", type=Path, help="another folder than ~/.nuke")
    nuke.set_defaults(act=_install_nuke)


def _install_nuke(arguments: argparse.Namespace) -> int:
    from likeness.hosts import install_nuke

    print(install_nuke(arguments.to))
    return 0


def _prepare(arguments: argparse.Namespace) -> int:
    from likeness.kernels import compile_listed

    schemas()
    stop = Stop()
    with own_stdout(), on_signals(stop), _display() as tell, stop.watching():
        compile_listed(tell, stop)
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from likeness.doctor import checks

    found = list(checks())
    if arguments.json:
        print(json.dumps([vars(check) for check in found], indent=1))
    else:
        for check in found:
            print(f"{'ok ' if check.ok else 'BAD'} {check.name}: {check.detail}")
            if not check.ok:
                print(f"    {check.remedy}")
    return 0 if all(check.ok for check in found) else 1


def _worker(arguments: argparse.Namespace) -> int:
    from likeness.worker import main as serve

    return serve()


if __name__ == "__main__":
    sys.exit(main())
