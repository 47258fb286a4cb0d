"""Starts the worker, sends it requests, and hands its events to the host through queues.

    client = Client(command("/path/to/python"))
    run = client.run({"effect": "reanimate", "inputs": {...}, "output": "shot.####.exr"})
    for event in run.wait_events():
        ...

Nothing here blocks a host that does not want to wait: `Client.run` returns at once when the worker is
warm, and `Run.poll` never waits. One client keeps one worker; it is started when it is first needed and
again when it has died.
"""

from __future__ import annotations

import collections
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

PROTOCOL = 1
HELLO_S = 60.0
FORCE_S = 2.0
CLOSE_S = 1.5
TAIL_LINES = 12

_START = "import sys; sys.path[:0] = sys.argv[1:]; from likeness.worker import main; sys.exit(main())"


def command(python: str, paths: Sequence[str] = ()) -> list[str]:
    """The command line of a worker on the given Python; `paths` are folders to import from first.

    The interpreter is isolated: neither PYTHON* variables, nor the user's packages, nor the current
    folder reach it.
    """
    return [python, "-I", "-X", "utf8", "-c", _START, *list(paths)]


def environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The host's environment without what would bend another Python: PYTHON* and the macOS launcher."""
    source = os.environ if base is None else base
    leaks = ("PYTHON", "__PYVENV")
    return {name: value for name, value in source.items() if not name.upper().startswith(leaks)}


class WorkerError(Exception):
    """The worker cannot be started, spoke wrongly or died: one sentence, a remedy, its last words."""

    def __init__(self, message: str, hint: str = "", tail: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.tail = list(tail)

    def __str__(self) -> str:
        words = ["Its last words:", *self.tail] if self.tail else []
        return "\n".join([(self.message + " " + self.hint).strip(), *words])


class Event(NamedTuple):
    """Something a run tells. `kind` is "progress", "result" or "error"; the last two end it.

    progress: stage, done, total, seconds_left, preview. result: results (name, kind, path, meta).
    error: code, message, hint, and tail (the worker's last lines) when the worker itself is at fault.
    """

    kind: str
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after it."""
        return self.kind != "progress"


class Run:
    """One request on its way; its events come in the order in which they happened."""

    def __init__(
        self, client: Client, identity: int, request: Mapping[str, Any], method: str = "run"
    ) -> None:
        self.id = identity
        self.request = dict(request)
        self.method = method
        self.last: Event | None = None
        self.cancelled = False
        self._client = client
        self._events: queue.Queue[Event] = queue.Queue()

    @property
    def done(self) -> bool:
        """Whether it has ended; there may still be events to take."""
        return self.last is not None

    def poll(self, wait_s: float = 0.0) -> list[Event]:
        """The events since the last call; with `wait_s` it waits so long for the first one, else never."""
        events = []
        try:
            events.append(self._events.get(wait_s > 0, wait_s or None))
            while True:
                events.append(self._events.get_nowait())
        except queue.Empty:
            return events

    def wait_events(self, timeout_s: float | None = None) -> Iterator[Event]:
        """All events up to the last; `queue.Empty` is raised if none comes for `timeout_s` seconds."""
        while True:
            event = self._events.get(timeout=timeout_s)
            yield event
            if event.is_last:
                return

    def cancel(self) -> None:
        """Ask it to stop; after two seconds the worker is stopped by force. Returns at once."""
        self._client.cancel(self)

    def put(self, event: Event) -> None:
        """Add an event, unless the last one is there already."""
        if self.last is None:
            if event.is_last:
                self.last = event
            self._events.put(event)


class Client:
    """A host's one worker. All methods may be called from any thread."""

    def __init__(
        self, worker: Sequence[str], env: Mapping[str, str] | None = None, version: str | None = None
    ) -> None:
        """`worker` is its command line, `env` its whole environment (default: `environment()`).

        With `version`, the worker must be of exactly that version of Likeness.
        """
        self._command = list(worker)
        self._env = environment() if env is None else dict(env)
        self._version = version
        self._lock = threading.RLock()
        self._ids = itertools.count(1)
        self._link: _Link | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The worker's process id while it lives."""
        link = self._link
        return link.process.pid if link is not None and link.alive else None

    def hello(self) -> dict[str, Any]:
        """What the worker says of itself: version, devices, effects; it is started if need be.

        Raises `WorkerError` if it cannot be started or is not the one that is wanted.
        """
        with self._lock:
            if self._link is None or not self._link.alive:
                self._link = self._start()
            return self._link.hello

    def run(self, request: Mapping[str, Any]) -> Run:
        """Send a request and return its run; raise `WorkerError` if there is no worker to be had."""
        return self._send(Run(self, next(self._ids), request))

    def prepare(self, effect: str) -> Run:
        """Have the worker compile and load what an effect needs, until something else is to be done.

        Returns and raises as `run`; its result is empty. A run that is sent meanwhile takes its place.
        """
        return self._send(Run(self, next(self._ids), {"effect": effect}, "prepare"))

    def _send(self, run: Run) -> Run:
        with self._lock:
            self.hello()
            assert self._link is not None
            self._link.send_run(run)
            return run

    def cancel(self, run: Run) -> None:
        """Ask a run to stop, and stop the worker by force if it has not after two seconds."""
        with self._lock:
            if run.done or run.cancelled or self._link is None:
                return
            run.cancelled = True
            link = self._link
            link.send({"id": next(self._ids), "method": "cancel", "params": {"run": run.id}})
        force = threading.Timer(FORCE_S, self._force, [run, link])
        force.daemon = True
        force.start()

    def close(self) -> None:
        """End the worker: politely, then by force. Runs that have not ended get an error."""
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.close()

    def _force(self, run: Run, link: _Link) -> None:
        if run.done:
            return
        link.process.kill()
        link.ended.wait(CLOSE_S)
        # The others did nothing wrong: they go to the next worker, which finds their finished frames.
        with self._lock:
            waiting = link.take_waiting()
            if not waiting:
                return
            try:
                self.hello()
            except WorkerError as error:
                for other in waiting:
                    other.put(_failure("worker_missing", error))
                return
            assert self._link is not None
            for other in waiting:
                self._link.send_run(other)

    def _start(self) -> _Link:
        link = _Link(self._command, self._env)
        try:
            told = link.ask({"id": next(self._ids), "method": "hello", "params": {"protocol": PROTOCOL}})
            _check(told, self._version)
        except WorkerError:
            link.close()
            raise
        link.hello = told
        return link


class _Link:
    """One worker process and the threads that listen to it."""

    def __init__(self, words: Sequence[str], env: Mapping[str, str]) -> None:
        self.hello: dict[str, Any] = {}
        self.ended = threading.Event()
        self.tail: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
        self._runs: dict[int, Run] = {}
        self._waiting: list[Run] = []
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._writing = threading.Lock()
        self._closing = False
        self.process = _spawn(words, env)
        self._stderr = threading.Thread(target=self._hear, daemon=True)
        self._stderr.start()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def alive(self) -> bool:
        return not self.ended.is_set() and self.process.poll() is None

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message; a worker that is gone is noticed by the reader, not here."""
        line = json.dumps(dict(message, jsonrpc="2.0"), separators=(",", ":")) + "\n"
        with self._writing:
            try:
                assert self.process.stdin is not None
                self.process.stdin.write(line.encode("utf-8"))
                self.process.stdin.flush()
            except (OSError, ValueError):
                pass

    def send_run(self, run: Run) -> None:
        """Send a run's request; if the worker is gone, the run ends with an error."""
        self._runs[run.id] = run
        self.send({"id": run.id, "method": run.method, "params": run.request})
        if self.ended.is_set():
            self._bury()

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message and wait for its answer; raise `WorkerError` if there is none."""
        self.send(message)
        try:
            answer = self._answers.get(timeout=HELLO_S)
        except queue.Empty:
            raise WorkerError(
                "The Likeness worker does not answer.", "Run likeness doctor.", list(self.tail)
            ) from None
        if "error" in answer:
            told = answer["error"]
            hint = (told.get("data") or {}).get("hint", "")
            raise WorkerError(str(told.get("message")), str(hint), list(self.tail))
        result = answer.get("result")
        return result if isinstance(result, dict) else {}

    def take_waiting(self) -> list[Run]:
        """The runs that were cut off by force though nobody cancelled them."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def close(self) -> None:
        """Close its stdin, which ends it; kill it if that does not."""
        self._closing = True
        with self._writing:
            try:
                assert self.process.stdin is not None
                self.process.stdin.close()
            except OSError:
                pass
        try:
            self.process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.ended.wait(CLOSE_S)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                self._take(json.loads(line.decode("utf-8")))
            except (ValueError, KeyError, TypeError, AttributeError):
                self.tail.append("not understood: " + line[:200].decode("utf-8", "replace").rstrip())
        self.process.wait()
        self._stderr.join(1.0)
        self.ended.set()
        self._answers.put(
            {"error": {"message": self._death(), "data": {"hint": "Check that Likeness is installed there."}}}
        )
        self._bury()

    def _take(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method in ("progress", "result", "error"):
            run = self._runs[message["params"].pop("run")]
            run.put(Event(method, message["params"]))
        elif message.get("id") in self._runs:
            if "error" in message:
                told = message["error"]
                data = {"code": "refused", "message": told["message"], "hint": ""}
                self._runs[message["id"]].put(Event("error", data))
        elif not self.hello:
            self._answers.put(message)
        for identity in [i for i, run in list(self._runs.items()) if run.done]:
            del self._runs[identity]

    def _hear(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.tail.append(line.decode("utf-8", "replace").rstrip())

    def _bury(self) -> None:
        """Tell every run that has not ended that the worker is gone."""
        runs, self._runs = list(self._runs.values()), {}
        forced = any(run.cancelled for run in runs)
        for run in runs:
            if run.cancelled or self._closing:
                told = WorkerError("The job was stopped.", "Finished frames are kept; run it again to go on.")
                run.put(_failure("cancelled", told))
            elif forced:
                self._waiting.append(run)
            else:
                hint = "It starts again with the next run; finished frames are kept."
                run.put(_failure("worker_died", WorkerError(self._death(), hint, list(self.tail))))

    def _death(self) -> str:
        code = self.process.returncode
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return f"The Likeness worker {how}."


def _failure(code: str, error: WorkerError) -> Event:
    return Event("error", {"code": code, "message": error.message, "hint": error.hint, "tail": error.tail})


def _spawn(words: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    # A console window must not flash up on Windows; a Ctrl-C in the host's terminal is the host's.
    flags = 0x08000000 if sys.platform == "win32" else 0
    alone = sys.platform != "win32"
    try:
        return subprocess.Popen(
            words,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=dict(env),
            creationflags=flags,
            start_new_session=alone,
        )
    except OSError as error:
        raise WorkerError(
            f"The Likeness worker cannot be started: {words[0]} ({error.strerror}).",
            "Name a Python that has Likeness installed.",
        ) from error


def _check(hello: Mapping[str, Any], version: str | None) -> None:
    spoken = hello.get("protocol")
    if spoken != PROTOCOL:
        raise WorkerError(
            f"The Likeness worker speaks protocol {spoken}, this host speaks {PROTOCOL}.",
            "Install the same version of Likeness for both.",
        )
    if version is not None and hello.get("version") != version:
        raise WorkerError(
            "The Likeness worker is version {}, this host needs {}.".format(hello.get("version"), version),
            "Install the same version of Likeness for both.",
        )
