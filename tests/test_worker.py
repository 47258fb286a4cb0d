"""The worker as a host meets it: a process, lines of JSON in, lines of JSON out."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import likeness
from likeness import worker

WAIT_S = 30.0
CHORE_S = 3.0  # that is how long a chore is rehearsed
Message = dict[str, Any]


class Talk:
    """A worker process with its lines sorted into answers (by id) and notifications."""

    def __init__(self, env: dict[str, str]) -> None:
        pipe = subprocess.PIPE
        words = [sys.executable, "-m", "likeness.cli", "worker"]
        self.process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, env=env)
        self.lines: queue.Queue[bytes] = queue.Queue()
        self.log = bytearray()
        self._endings: dict[int | str, tuple[str, Message]] = {}
        self._threads = [threading.Thread(target=f, daemon=True) for f in (self._read, self._hear)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(b"")

    def _hear(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log += line

    def write(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def send(self, method: str, params: Any = None, identity: int | str | None = None) -> None:
        call: Message = {"jsonrpc": "2.0", "method": method}
        call |= {} if params is None else {"params": params}
        call |= {} if identity is None else {"id": identity}
        self.write(json.dumps(call).encode() + b"\n")

    def next(self) -> Message:
        message: Message = json.loads(self.lines.get(timeout=WAIT_S))
        assert message.pop("jsonrpc") == "2.0"
        if message.get("method") in ("result", "error"):
            self._endings[message["params"]["run"]] = message["method"], message["params"]
        return message

    def until(self, **wanted: Any) -> Message:
        """The next message that has these entries; those before it are dropped."""
        while True:
            message = self.next()
            if wanted.items() <= message.items():
                return message

    def ask(self, method: str, params: Any = None) -> Message:
        self.send(method, params, "ask")
        return self.until(id="ask")

    def ending(self, run: int | str) -> tuple[str, Message]:
        """How a run ends, also if that was told before the answer to a call that came later."""
        while run not in self._endings:
            self.next()
        return self._endings.pop(run)

    def close(self) -> float:
        """Close its stdin and return how long it took to end, in seconds."""
        assert self.process.stdin is not None
        start = time.monotonic()
        self.process.stdin.close()
        self.process.wait(WAIT_S)
        return time.monotonic() - start


@pytest.fixture
def env(tmp_path: Path, root: Path) -> dict[str, str]:
    own = {
        "LIKENESS_CACHE": str(tmp_path / "cache"),
        "LIKENESS_EFFECTS": f"{root / 'tests/tiny_effects.py'}:TINY",
    }
    return {**os.environ, **own, "PYTHONPATH": str(root / "core")}


@pytest.fixture
def talk(env: dict[str, str]) -> Iterator[Talk]:
    talk = Talk(env)
    yield talk
    talk.process.kill()
    talk.process.wait()


def chore(folder: Path, **params: Any) -> Message:
    return {"effect": "chore", "output": str(folder), "params": params}


def test_hello_tells_versions_devices_and_every_effect(talk: Talk) -> None:
    hello = talk.ask("hello", {"protocol": 1})["result"]
    assert hello["protocol"] == worker.PROTOCOL
    assert hello["version"] == likeness.__version__
    assert hello["pid"] == talk.process.pid
    assert hello["devices"][-1] == "cpu"
    tint = next(effect for effect in hello["effects"] if effect["name"] == "tint")
    assert [param["name"] for param in tint["params"]] == ["gain", "seconds", "space", "codec"]
    assert tint["params"][0]["unit"] == "x"


def test_hello_comes_soon(talk: Talk) -> None:
    start = time.monotonic()
    talk.ask("hello")
    # 0.2 s on an idle machine; the promise is 1.5 s.
    assert time.monotonic() - start < 5


def test_hello_needs_nothing_heavy(env: dict[str, str]) -> None:
    """After the first time, when the project's declarations are in the cache."""
    heavy = "numba", "scipy", "av", "OpenImageIO", "PyOpenColorIO", "pxr", "requests", "rich", "torch"
    code = (
        "import sys; from likeness import worker, registry, runtime; registry.schemas(); runtime.devices();"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    del env["LIKENESS_EFFECTS"]
    words = [sys.executable, "-c", code]
    for _ in range(2):
        told = subprocess.run(words, capture_output=True, text=True, check=True, env=env)
    assert told.stdout.strip() == "[]"


def test_a_run_ends_in_its_results(talk: Talk, tmp_path: Path) -> None:
    notes = tmp_path / "wörter und zeichen.txt"
    notes.write_text("four words are here", "utf-8")
    request = chore(tmp_path / "out", steps=3, seconds=0.06, weights={"jawOpen": 0.5})
    request["inputs"] = {"notes": str(notes)}
    talk.send("run", request, 7)
    assert talk.next() == {"id": 7, "result": {"run": 7}}
    progress = []
    while (message := talk.next())["method"] == "progress":
        progress.append(message["params"])
    assert message["method"] == "result", message
    path = tmp_path / "out" / "chore.json"
    told = {"name": "report", "kind": "report", "path": str(path), "meta": {"words": 4}}
    assert message["params"] == {"run": 7, "results": [told]}
    assert json.loads(path.read_text()) == {"words": 4, "weights": {"jawOpen": 0.5}}
    work = [p for p in progress if p["stage"] == "work"]
    assert [p["done"] for p in work] == [0, 1, 2]
    assert {p["total"] for p in work} == {3}
    assert work[-1]["seconds_left"] == pytest.approx(0.06, abs=0.05)


def test_what_libraries_print_goes_to_the_log(talk: Talk, tmp_path: Path) -> None:
    talk.send("run", chore(tmp_path), 1)
    assert talk.ending(1)[0] == "result"
    talk.close()
    assert b"a library prints to stdout" in talk.log
    assert b"and so does its C++" in talk.log


def test_several_runs_wait_for_each_other(talk: Talk, tmp_path: Path) -> None:
    for run in (1, "two", 3):
        talk.send("run", chore(tmp_path / str(run), seconds=0.05), run)
    endings = []
    while len(endings) < 3:
        message = talk.next()
        if message.get("method") == "result":
            endings.append(message["params"]["run"])
    assert endings == [1, "two", 3]


@pytest.mark.parametrize("deaf", [False, True])
def test_cancel_stops_a_run_within_a_second(talk: Talk, tmp_path: Path, deaf: bool) -> None:
    talk.send("run", chore(tmp_path, steps=1000, seconds=20 if deaf else 0.05, deaf=deaf), 1)
    talk.until(method="progress")
    start = time.monotonic()
    assert talk.ask("cancel", {"run": 1})["result"] == {"cancelled": True}
    how, told = talk.ending(1)
    assert time.monotonic() - start < 1
    assert (how, told["code"]) == ("error", "cancelled")
    talk.send("run", chore(tmp_path), 2)
    assert talk.ending(2)[0] == "result"


def test_a_run_that_waits_is_cancelled_at_once(talk: Talk, tmp_path: Path) -> None:
    talk.send("run", chore(tmp_path / "first", steps=1000, seconds=0.05), 1)
    talk.send("run", chore(tmp_path / "second"), 2)
    talk.send("cancel", {"run": 2})
    assert talk.ending(2)[1]["code"] == "cancelled"
    talk.send("cancel", {"run": 1})
    assert talk.ending(1)[1]["code"] == "cancelled"
    assert not (tmp_path / "second" / "chore.json").exists()


def test_cancelling_what_is_not_there_is_no_fault(talk: Talk) -> None:
    for run in (99, None, [1]):
        answer = talk.ask("cancel", {"run": run})
        assert answer.get("result") == {"cancelled": False} or "error" in answer
    assert "result" in talk.ask("hello")


@pytest.mark.parametrize(
    ("request_", "code", "named"),
    [
        ({"effect": "chor", "output": "x"}, "bad_request", "'chor'"),
        ({"effect": "chore", "output": "x", "params": {"step": 1}}, "bad_request", "'step'"),
        ({"effect": "chore", "output": "x", "params": {"steps": 0}}, "bad_request", "'steps'"),
        ({"effect": "chore", "output": "x", "inputs": {"plate": "x"}}, "bad_request", "'plate'"),
        ({"effect": "chore", "output": "x", "inputs": {"notes": "/no.txt"}}, "bad_input", "/no.txt"),
        ({"effect": "chore", "output": ""}, "bad_request", "output"),
        ({"effect": "chore", "output": "/proc/nowhere"}, "bad_output", "/proc/nowhere"),
        ({"effect": "chore", "outputs": "x"}, "bad_request", "'outputs'"),
        ({}, "bad_request", "effect"),
    ],
)
def test_a_wrong_request_ends_in_one_sentence(talk: Talk, request_: Message, code: str, named: str) -> None:
    talk.send("run", request_, 1)
    how, told = talk.ending(1)
    assert (how, told["code"]) == ("error", code)
    assert named in told["message"]
    assert told["hint"]
    assert "\n" not in told["message"] + told["hint"]


def test_a_bug_in_an_effect_ends_its_run_and_not_the_worker(talk: Talk, tmp_path: Path) -> None:
    talk.send("run", chore(tmp_path, fault="bug"), 1)
    how, told = talk.ending(1)
    assert (how, told["code"]) == ("error", "error")
    assert "KeyError" in told["message"]
    assert "\n" not in told["message"]
    talk.send("run", chore(tmp_path), 2)
    assert talk.ending(2)[0] == "result"
    talk.close()
    assert b"Traceback" in talk.log


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"this is no JSON", worker.PARSE_ERROR),
        (b"\xff\xfe\x00", worker.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":', worker.PARSE_ERROR),
        (b"[]", worker.INVALID_REQUEST),
        (b'"hello"', worker.INVALID_REQUEST),
        (b'{"id":1}', worker.INVALID_REQUEST),
        (b'{"id":1,"method":3}', worker.INVALID_REQUEST),
        (b'{"id":1,"method":"nothing"}', worker.NO_METHOD),
        (b'{"id":1,"method":"run","params":[1]}', worker.INVALID_PARAMS),
        (b'{"method":"run","params":{}}', worker.INVALID_REQUEST),
    ],
)
def test_a_garbage_line_is_answered_and_the_worker_goes_on(talk: Talk, line: bytes, code: int) -> None:
    talk.write(line + b"\n\n")
    assert talk.next()["error"]["code"] == code
    assert "result" in talk.ask("hello")


def test_one_id_cannot_have_two_runs_at_once(talk: Talk, tmp_path: Path) -> None:
    for _ in range(2):
        talk.send("run", chore(tmp_path, steps=1000, seconds=0.05), 1)
    assert talk.until(id=1)["result"] == {"run": 1}
    assert talk.until(id=1)["error"]["code"] == worker.INVALID_REQUEST


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200) | st.text(max_size=100).map(lambda text: json.dumps({"method": text}).encode())
)
def test_no_line_can_break_the_reader(line: bytes) -> None:
    """In this process, on pipes in memory: whatever comes is answered with an error or understood."""
    import io

    out = io.BytesIO()
    reader = worker.Worker(io.BytesIO(), out)
    reader._answer(line.replace(b"\n", b"") + b"\n")
    for answer in out.getvalue().splitlines():
        assert {"jsonrpc", "id"} <= json.loads(answer).keys()


def test_when_stdin_closes_it_ends_within_a_second(talk: Talk) -> None:
    talk.ask("hello")
    assert talk.close() < 1
    assert talk.process.returncode == 0


@pytest.mark.parametrize("deaf", [False, True])
def test_when_stdin_closes_a_running_job_does_not_keep_it(talk: Talk, tmp_path: Path, deaf: bool) -> None:
    talk.send("run", chore(tmp_path, steps=1000, seconds=20, deaf=deaf), 1)
    talk.until(method="progress")
    assert talk.close() < 1.2


def test_shutdown_is_answered_and_ends_it(talk: Talk) -> None:
    assert talk.ask("shutdown")["result"] == {}
    talk.process.wait(2)
    assert talk.process.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_in_the_hosts_terminal_does_not_stop_it(talk: Talk, tmp_path: Path) -> None:
    talk.send("run", chore(tmp_path, steps=10, seconds=0.05), 1)
    talk.until(method="progress")
    talk.process.send_signal(signal.SIGINT)
    assert talk.ending(1)[0] == "result"


def test_a_studio_effect_that_does_not_load_is_told_at_hello(env: dict[str, str]) -> None:
    talk = Talk(env | {"LIKENESS_EFFECTS": "nowhere:EFFECTS"})
    error = talk.ask("hello")["error"]
    assert "nowhere:EFFECTS" in error["message"]
    assert error["data"]["code"] == "bad_request"
    talk.close()


def test_every_declaration_travels_as_json(talk: Talk) -> None:
    from likeness.effects import EFFECTS

    told = {effect["name"]: effect for effect in talk.ask("hello")["result"]["effects"]}
    for effect in EFFECTS:
        assert told[effect.name] == json.loads(json.dumps(effect.schema()))


def test_an_effect_is_prepared_and_nothing_is_left_of_it(talk: Talk, tmp_path: Path) -> None:
    talk.send("prepare", {"effect": "chore"}, 1)
    assert talk.until(method="progress")["params"]["run"] == 1
    assert talk.ending(1) == ("result", {"run": 1, "results": []})
    assert not [path for path in tmp_path.rglob("*.json") if path.name == "chore.json"]
    # There is nothing to prepare of an effect without a rehearsal.
    talk.send("prepare", {"effect": "tint"}, 2)
    assert talk.ending(2) == ("result", {"run": 2, "results": []})
    talk.send("prepare", {"effect": "tynt"}, 3)
    assert "'tynt'" in talk.ending(3)[1]["message"]


def test_a_run_does_not_wait_until_all_is_prepared(talk: Talk, tmp_path: Path) -> None:
    talk.send("prepare", {"effect": "chore"}, 1)
    talk.until(method="progress")
    start = time.monotonic()
    talk.send("run", chore(tmp_path), 2)
    assert talk.ending(1)[1]["code"] == "cancelled"
    assert talk.ending(2)[0] == "result" and time.monotonic() - start < CHORE_S
