"""Talk to a Likeness worker from inside a host: standard library only, Python 3.7 and later."""

from likeness_client.client import PROTOCOL, Client, Event, Run, WorkerError, command, environment

__all__ = ["PROTOCOL", "Client", "Event", "Run", "WorkerError", "command", "environment"]
