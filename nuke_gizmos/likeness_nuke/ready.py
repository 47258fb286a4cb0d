"""Makes an effect ready in the worker when its Group comes into the script, beside Nuke."""

from __future__ import annotations

import threading
import time

import nuke

from likeness_client import WorkerError
from likeness_nuke import installed, jobs
from likeness_nuke.host import tell

COMPILES_S = 8.0
POLL_S = 0.2
PREPARING = "Preparing, once after installing; you can go on."
READY = "Ready."

_asked: set[str] = set()


def prepare(group: nuke.Group, effect: str) -> None:
    """Have the worker compile and load what an effect needs; returns at once, and only once does anything.

    In each session that takes some seconds, and once after installing a minute, which the Group then says.
    Without a window there is a run at once, which does the same.
    """
    if not nuke.GUI or effect in _asked:
        return
    _asked.add(effect)
    threading.Thread(
        target=_prepare, args=(group, group.fullName(), effect), name="likeness-ready", daemon=True
    ).start()


def _prepare(group: nuke.Group, name: str, effect: str) -> None:
    try:
        run = installed.client().prepare(effect)
    except WorkerError:
        return  # the first run tells it
    begun, told = time.monotonic(), False
    while not run.done:
        time.sleep(POLL_S)
        if not told and time.monotonic() - begun > COMPILES_S:
            told = True
            nuke.executeInMainThread(_tell, (group, name, PREPARING))
    if told:
        nuke.executeInMainThread(_tell, (group, name, READY))


def _tell(group: nuke.Group, name: str, sentence: str) -> None:
    if not jobs.is_running(name):
        tell(group, sentence)
