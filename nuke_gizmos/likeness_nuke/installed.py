"""What was put beside this package when it was installed: version, effects and the worker's Python."""

from __future__ import annotations

import json
import os
import threading
from typing import Any

from likeness_client import Client, WorkerError, command, environment

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FACTS = "likeness.json"
GROUPS = "groups"
PYTHON, EFFECTS = "LIKENESS_PYTHON", "LIKENESS_EFFECTS"

_lock = threading.Lock()
_clients: list[Client] = []  # one or none
_facts: dict[str, Any] = {}


def facts() -> dict[str, Any]:
    """Version, effects, python and registry, read once."""
    if not _facts:
        with open(os.path.join(FOLDER, FACTS), encoding="utf-8") as file:
            _facts.update(json.load(file))
    return _facts


def effects() -> list[dict[str, Any]]:
    """The declarations that the Groups were made of."""
    found: list[dict[str, Any]] = facts()["effects"]
    return found


def effect(name: str) -> dict[str, Any]:
    """The declaration of that name; raises `LookupError`, one sentence, if this package has it not."""
    for declared in effects():
        if declared["name"] == name:
            return declared
    raise LookupError(f"This Likeness has no effect '{name}'; install the one that made this node.")


def script(name: str) -> str:
    """The path of an effect's Group."""
    return os.path.join(FOLDER, GROUPS, name + ".nk")


def client() -> Client:
    """The host's one worker, started when it is first asked for something."""
    with _lock:
        if not _clients:
            _clients.append(Client(command(_python()), _environment(), facts()["version"]))
        return _clients[0]


def close() -> None:
    """End the worker, if there is one."""
    with _lock:
        ended = _clients[:]
        _clients.clear()
    for client in ended:
        client.close()


def _python() -> str:
    found = os.environ.get(PYTHON) or facts()["python"]
    if not found:
        raise WorkerError(
            "Nuke does not know which Python has Likeness.",
            f"Set {PYTHON} to it, or run: likeness install nuke.",
        )
    return str(found)


def _environment() -> dict[str, str]:
    env = environment()
    if facts()["registry"]:
        env.setdefault(EFFECTS, facts()["registry"])
    return env
