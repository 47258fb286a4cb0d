"""The one worker of this Blender: a process of its own on Blender's Python, started when first needed."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import atexit
import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import bpy

from likeness_client import Client, Run, WorkerError

from . import preferences, schemas
from .worker_paths import worker_command, worker_environment

COMPILES_S = 8.0


@dataclass
class _Kept:
    """The client and what it was made from."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    client: Client | None = None
    settings: tuple[Any, ...] = ()


_kept = _Kept()


def client(busy: bool = False) -> Client:
    """The client; its worker has the present preferences unless it is `busy` with other runs.

    Raises `WorkerError` if there can be no worker. The process starts with the first run.
    """
    with _kept.lock:
        if _kept.client is not None and busy:
            return _kept.client
        words, environment = wanted = _wanted()
        if _kept.client is None or _kept.settings != wanted:
            if _kept.client is not None:
                _kept.client.close()
            preparation.forget()
            _kept.client = Client(words, environment, version=schemas.version())
            _kept.settings = wanted
        return _kept.client


def close() -> None:
    """End the worker; the next `client` starts another."""
    with _kept.lock:
        found, _kept.client = _kept.client, None
    preparation.forget()
    if found is not None:
        found.close()


@dataclass
class Answer:
    """The effects that a worker tells of, once it is `done`; None if there is no worker to be had."""

    done: bool = False
    effects: list[dict[str, Any]] | None = None


def ask() -> Answer:
    """Start the worker on a thread and have it tell its effects."""
    answer = Answer()

    def hello(found: Client) -> None:
        with contextlib.suppress(WorkerError):
            answer.effects = found.hello()["effects"]
        answer.done = True

    try:
        threading.Thread(target=hello, args=[client()], daemon=True).start()
    except WorkerError:
        answer.done = True
    return answer


class Preparation:
    """Effects are made ready in the worker, beside Blender, while the user still chooses.

    In each new worker that takes some seconds; once after installing, when all is compiled, a minute.
    """

    def __init__(self) -> None:
        self._asked: dict[str, float] = {}
        self._run: Run | None = None
        self._sender: threading.Thread | None = None

    def ask(self, effect: str) -> None:
        """Make an effect ready; asked again, it does nothing."""
        if effect in self._asked:
            return
        with contextlib.suppress(WorkerError):
            found = client(busy=True)
            self._sender = threading.Thread(target=self._send, args=[found, effect], daemon=True)
            self._sender.start()
        self._asked[effect] = time.monotonic()

    @property
    def under_way(self) -> bool:
        """Whether the worker is at it."""
        starts = self._sender is not None and self._sender.is_alive()
        return starts or (self._run is not None and not self._run.done)

    @property
    def compiles(self) -> bool:
        """Whether it takes so long that all is compiled."""
        return self.under_way and time.monotonic() - max(self._asked.values(), default=0.0) > COMPILES_S

    def forget(self) -> None:
        """There will be another worker: nothing is ready."""
        self._asked.clear()
        self._run = self._sender = None

    def _send(self, found: Client, effect: str) -> None:
        with contextlib.suppress(WorkerError):
            self._run = found.prepare(effect)


preparation = Preparation()


def pid() -> int | None:
    """The worker's process id while it lives."""
    return _kept.client.pid if _kept.client is not None else None


def _wanted() -> tuple[list[str], dict[str, str]]:
    folder = str(preferences.own_folder(""))
    words = worker_command(folder, preferences.python())
    environment = worker_environment(folder)
    environment["LIKENESS_CACHE"] = str(preferences.cache_folder())
    if bpy.app.binary_path:
        # What is drawn by Cycles is drawn by this Blender; as a module it has no program of its own.
        environment.setdefault("LIKENESS_BLENDER", bpy.app.binary_path)
    environment["LIKENESS_CACHE_GB"] = f"{preferences.cache_gb():g}"
    return words, environment


atexit.register(close)

__all__ = ["Answer", "Client", "WorkerError", "ask", "client", "close", "pid", "preparation"]
