"""The process a host talks to: newline-delimited JSON-RPC 2.0 on stdin and stdout, logs on stderr.

Methods: `hello` (versions, devices, effects), `run` (a request; answered at once with the run's id),
`prepare` ({"effect": NAME}; a run that makes nothing), `cancel` ({"run": ID}) and `shutdown`. Runs are done
one after another. Each sends `progress` notifications and ends with exactly one `result` (everything it
made) or `error` (code, message, hint). The run's id is the id of the call that started it. Pictures travel
as files, never in messages.

`prepare` is for a host whose user is still choosing: the first run of an effect compiles and loads for a
minute or two, once after installing, and some seconds in each new process. It gives way to every run.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import queue
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import likeness
from likeness import memory
from likeness.errors import Cancelled, LikenessError, unexpected
from likeness.job import Event, Kept, run_job
from likeness.registry import effects, find, schemas
from likeness.request import Request
from likeness.results import Result
from likeness.stop import Stop
from likeness.streams import take_standard_streams

log = logging.getLogger(__name__)

PROTOCOL = 1
PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS, REFUSED = -32700, -32600, -32601, -32602, -32000
STOPPED = Cancelled("The job was stopped.", "Finished frames are kept; run it again to go on.")
_LINE_BYTES = 16 << 20
_LAST_WORDS_S = 0.6

Message = dict[str, Any]
Task = Callable[[], None]


class RpcError(Exception):
    """A call that cannot be answered: the JSON-RPC code and one sentence."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Run:
    """A request that was accepted, and the way to stop it."""

    id: str | int
    params: Message
    rehearses: bool = False
    stop: Stop = field(default_factory=Stop)


class Worker:
    """Reads calls on one thread, runs jobs on the main one, and writes from both, line by line."""

    def __init__(self, stdin: BinaryIO, stdout: BinaryIO) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._writing = threading.Lock()
        self._closing = False
        self._runs: dict[str | int, Run] = {}
        self._kept: Kept = {}
        # Whoever pops a run from here, to do it or to cancel it, has it for itself.
        self._waiting: dict[str | int, Run] = {}
        self._todo: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._methods: dict[str, Callable[[Any, Message], tuple[Message, Task | None]]] = {
            "hello": self._hello,
            "run": self._run,
            "prepare": self._prepare,
            "cancel": self._cancel,
            "shutdown": self._shutdown,
        }

    def serve(self) -> None:
        """Work until stdin closes or a shutdown is asked for; call it from the main thread."""
        signal.signal(signal.SIGINT, lambda number, frame: self._insist())
        threading.Thread(target=self._listen, name="listen", daemon=True).start()
        while (task := self._todo.get()) is not None:
            task()

    def _listen(self) -> None:
        try:
            while not self._closing and (line := self._stdin.readline(_LINE_BYTES)):
                if line.strip():
                    self._answer(line)
        finally:
            self._end()

    def _end(self) -> None:
        """Stop everything; a job that does not listen ends with the process, in less than a second."""
        last_words = threading.Timer(_LAST_WORDS_S, os._exit, (0,))
        last_words.daemon = True
        last_words.start()
        for run in list(self._runs.values()):
            run.stop.request()
        self._todo.put(None)

    def _answer(self, line: bytes) -> None:
        identity, task = None, None
        try:
            call = _parse(line)
            identity = call.get("id")
            result, task = self._call(call)
            answer: Message = {"result": result}
        except RpcError as error:
            answer = {"error": {"code": error.code, "message": str(error)}}
        except LikenessError as error:
            data = {"code": error.code, "hint": error.hint}
            answer = {"error": {"code": REFUSED, "message": error.message, "data": data}}
        except Exception as error:
            log.exception("A call failed.")
            answer = {"error": {"code": REFUSED, "message": f"{type(error).__name__}: {error}"}}
        if identity is not None or "error" in answer:
            self._send({"id": identity, **answer})
        if task is not None:
            self._todo.put(task)

    def _call(self, call: Message) -> tuple[Message, Task | None]:
        method = self._methods.get(call["method"])
        if method is None:
            raise RpcError(NO_METHOD, f"There is no method '{call['method']}'; there are {[*self._methods]}.")
        params = call.get("params", {})
        if not isinstance(params, dict):
            raise RpcError(INVALID_PARAMS, "The params are not an object.")
        return method(call.get("id"), params)

    def _hello(self, identity: object, params: Message) -> tuple[Message, Task]:
        from likeness.runtime import devices

        told = {
            "protocol": PROTOCOL,
            "version": likeness.__version__,
            "python": platform.python_version(),
            "platform": sys.platform,
            "pid": os.getpid(),
            "devices": devices(),
            "effects": schemas(),
        }
        return told, _warm_up

    def _run(self, identity: object, params: Message) -> tuple[Message, Task]:
        for other in list(self._runs.values()):
            if other.rehearses:
                other.stop.suggest()
        return self._accept(identity, params)

    def _prepare(self, identity: object, params: Message) -> tuple[Message, Task]:
        return self._accept(identity, params, rehearses=True)

    def _accept(self, identity: object, params: Message, rehearses: bool = False) -> tuple[Message, Task]:
        if not isinstance(identity, (int, str)):
            raise RpcError(INVALID_REQUEST, "A run needs an id, by which it is known.")
        if identity in self._runs:
            raise RpcError(INVALID_REQUEST, f"A run with the id {identity!r} has not ended yet.")
        run = self._runs[identity] = self._waiting[identity] = Run(identity, params, rehearses)
        return {"run": identity}, lambda: self._perform(run)

    def _cancel(self, identity: object, params: Message) -> tuple[Message, Task | None]:
        run = self._runs.get(params.get("run", ""))
        if run is None:
            return {"cancelled": False}, None
        run.stop.request()
        if self._waiting.pop(run.id, None) is not None:
            self._finish(run, "error", _told(STOPPED))
        return {"cancelled": True}, None

    def _shutdown(self, identity: object, params: Message) -> tuple[Message, Task | None]:
        self._closing = True
        return {}, None

    def _perform(self, run: Run) -> None:
        if self._waiting.pop(run.id, None) is None:
            return

        def tell(event: Event) -> None:
            self._send({"method": "progress", "params": {"run": run.id, **event.to_dict()}})

        _warm_up()  # an interrupted import may leave a library that cannot be loaded again
        try:
            with run.stop.watching():
                perform = self._rehearsed if run.rehearses else self._made
                results = perform(run, tell)
            method, params = "result", {"results": [result.to_dict() for result in results]}
            json.dumps(params, allow_nan=False)
        except KeyboardInterrupt:
            method, params = "error", _told(STOPPED)
        except LikenessError as error:
            method, params = "error", _told(error)
        except Exception as error:
            log.exception("A job failed.")
            method, params = "error", _told(unexpected(error))
        self._finish(run, method, params)

    def _made(self, run: Run, tell: Callable[[Event], None]) -> list[Result]:
        return run_job(Request.from_json(run.params), on_event=tell, cancelled=run.stop, kept=self._kept)

    def _rehearsed(self, run: Run, tell: Callable[[Event], None]) -> list[Result]:
        """Compile on all cores, then do what the effect says it needs little for, and forget it."""
        from likeness.effects import EFFECTS
        from likeness.kernels import compile_listed

        effect = find(str(run.params.get("effect", "")))
        if effect in EFFECTS:
            compile_listed(tell, run.stop)
        if effect.rehearsal is not None:
            with tempfile.TemporaryDirectory(prefix="likeness-rehearsal-") as folder:
                request = Request(effect.name, output=str(Path(folder) / "made"), **effect.rehearsal)
                run_job(request, on_event=tell, cancelled=run.stop)
        return []

    def _finish(self, run: Run, method: str, params: Message) -> None:
        self._runs.pop(run.id, None)
        self._send({"method": method, "params": {"run": run.id, **params}})

    def _insist(self) -> None:
        # Ctrl-C in the terminal of a host comes here too: only a run that was cancelled heeds it.
        for run in list(self._runs.values()):
            run.stop.insist()

    def _send(self, message: Message) -> None:
        line = json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":"), allow_nan=False)
        with self._writing:
            try:
                self._stdout.write(line.encode() + b"\n")
                self._stdout.flush()
            except OSError:
                # Nobody reads any more: then stdin closes as well, and that ends the process.
                log.debug("A message was not read.")


def _parse(line: bytes) -> Message:
    try:
        call = json.loads(line)
    except ValueError as error:
        raise RpcError(PARSE_ERROR, f"A line is not JSON ({error}).") from None
    if not isinstance(call, dict) or not isinstance(call.get("method"), str):
        raise RpcError(INVALID_REQUEST, "A call is one JSON object with a method.")
    return call


def _told(error: LikenessError) -> Message:
    return {"code": error.code, "message": error.message, "hint": error.hint}


def _warm_up() -> None:
    """Import what nearly every job needs while the user still thinks."""
    try:
        import likeness.media
        import likeness.runtime  # noqa: F401

        effects()
    except Exception:
        # The first job meets it again, and tells the user.
        log.exception("A part of Likeness cannot be imported.")


def main() -> int:
    """Serve on the process's own stdin and stdout; stray prints of libraries go to stderr."""
    memory.share_one_arena()
    stdin, stdout = take_standard_streams()
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    Worker(stdin, stdout).serve()
    return 0
