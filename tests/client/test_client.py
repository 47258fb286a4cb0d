"""A host's end of the pipe, against the real worker process."""

from __future__ import annotations

import ast
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import likeness
import likeness_client
from likeness import worker
from likeness_client import Client, Event, WorkerError, command, environment

WAIT_S = 30.0


@pytest.fixture
def env(tmp_path: Path, root: Path) -> dict[str, str]:
    tiny = f"{root / 'tests' / 'tiny_effects.py'}:TINY"
    return environment() | {"LIKENESS_CACHE": str(tmp_path / "cache"), "LIKENESS_EFFECTS": tiny}


@pytest.fixture
def words(root: Path) -> list[str]:
    return command(sys.executable, [str(root / "core")])


@pytest.fixture
def client(words: list[str], env: dict[str, str]) -> Iterator[Client]:
    with Client(words, env) as client:
        yield client


def test_what_is_prepared_ends_without_results(client: Client, tmp_path: Path) -> None:
    run = client.prepare("tint")
    assert ending(run) == ("result", {"results": []}) and run.done
    last = ending(client.prepare("nothing"))
    assert last.kind == "error" and "'nothing'" in last.data["message"]


def chore(folder: Path, **params: Any) -> dict[str, Any]:
    return {"effect": "chore", "output": str(folder), "params": params}


def ending(run: likeness_client.Run) -> Event:
    return list(run.wait_events(WAIT_S))[-1]


def gone(pid: int) -> bool:
    """Whether no process of that id runs; a zombie has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_run_from_start_to_result(client: Client, tmp_path: Path) -> None:
    run = client.run(chore(tmp_path / "out put", steps=3, seconds=0.06))
    events = list(run.wait_events(WAIT_S))
    assert [event.kind for event in events[:-1]] == ["progress"] * (len(events) - 1)
    assert events[-1].kind == "result"
    assert events[-1].data["results"][0]["path"] == str(tmp_path / "out put" / "chore.json")
    assert run.done
    assert run.last == events[-1]
    assert run.poll() == []


def test_one_warm_worker_serves_every_run(client: Client, tmp_path: Path) -> None:
    pids = set()
    for index in range(3):
        run = client.run(chore(tmp_path / str(index)))
        assert ending(run).kind == "result"
        pids.add(client.pid)
    assert len(pids) == 1


def test_polling_never_waits(client: Client, tmp_path: Path) -> None:
    run = client.run(chore(tmp_path, steps=5, seconds=0.05))
    slowest, kinds = 0.0, []
    while not kinds or kinds[-1] == "progress":
        start = time.monotonic()
        kinds += [event.kind for event in run.poll()]
        slowest = max(slowest, time.monotonic() - start)
        time.sleep(0.01)
    assert kinds[-1] == "result"
    assert slowest < 0.25


def test_hello_carries_the_declarations(client: Client) -> None:
    hello = client.hello()
    assert hello["version"] == likeness.__version__
    assert {"tint", "chore"} <= {effect["name"] for effect in hello["effects"]}
    assert client.hello() is hello


def test_both_ends_speak_one_protocol() -> None:
    assert likeness_client.PROTOCOL == worker.PROTOCOL


def test_a_wrong_request_ends_with_its_sentence(client: Client, tmp_path: Path) -> None:
    event = ending(client.run(chore(tmp_path, steps=0)))
    assert event.kind == "error"
    assert event.data["code"] == "bad_request"
    assert "'steps'" in event.data["message"]


def test_cancel_is_polite_first(client: Client, tmp_path: Path) -> None:
    client.hello()
    pid = client.pid
    run = client.run(chore(tmp_path, steps=1000, seconds=0.05))
    assert next(run.wait_events(WAIT_S)).kind == "progress"
    start = time.monotonic()
    run.cancel()
    run.cancel()
    assert ending(run).data["code"] == "cancelled"
    assert time.monotonic() - start < 1
    assert client.pid == pid


@pytest.mark.skipif(sys.platform == "win32", reason="stops a process with a signal")
def test_then_cancel_is_by_force_and_the_other_runs_go_on(client: Client, tmp_path: Path) -> None:
    """A worker that is stopped (SIGSTOP) hears nothing, as one that hangs in a driver does not."""
    stuck = client.run(chore(tmp_path / "stuck", steps=1000, seconds=0.05))
    waiting = client.run(chore(tmp_path / "waiting"))
    assert next(stuck.wait_events(WAIT_S)).kind == "progress"
    pid = client.pid
    assert pid is not None
    os.kill(pid, 19)
    start = time.monotonic()
    stuck.cancel()
    assert ending(stuck).data["code"] == "cancelled"
    assert 1.9 < time.monotonic() - start < 4
    assert ending(waiting).kind == "result"
    assert (tmp_path / "waiting" / "chore.json").exists()
    assert client.pid != pid


def test_a_killed_worker_is_told_with_its_last_words_and_starts_again(client: Client, tmp_path: Path) -> None:
    crashed = ending(client.run(chore(tmp_path, fault="crash")))
    assert crashed.kind == "error"
    assert crashed.data["code"] == "worker_died"
    assert "signal 9" in crashed.data["message"]
    assert crashed.data["tail"][-1] == "the last words of a crash"
    assert ending(client.run(chore(tmp_path))).kind == "result"


def test_a_worker_killed_between_runs_starts_again(client: Client, tmp_path: Path) -> None:
    client.hello()
    pid = client.pid
    assert pid is not None
    os.kill(pid, 9)
    assert ending(client.run(chore(tmp_path))).kind in ("result", "error")
    assert ending(client.run(chore(tmp_path))).kind == "result"
    assert client.pid != pid


def test_closing_leaves_no_process_behind(words: list[str], env: dict[str, str], tmp_path: Path) -> None:
    client = Client(words, env)
    run = client.run(chore(tmp_path, steps=1000, seconds=0.05))
    next(run.wait_events(WAIT_S))
    pid = client.pid
    assert pid is not None
    start = time.monotonic()
    client.close()
    assert time.monotonic() - start < 2
    assert gone(pid)
    assert ending(run).data["code"] == "cancelled"
    assert client.pid is None
    client.close()


@pytest.mark.skipif(sys.platform == "win32", reason="looks for a process by signal")
def test_a_host_that_is_killed_leaves_no_process_behind(words: list[str], env: dict[str, str]) -> None:
    code = (
        "import os, sys, json; from likeness_client import Client; c = Client(json.loads(sys.argv[1]));"
        "c.hello(); print(c.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    host = [sys.executable, "-c", code, json.dumps(words)]
    told = subprocess.run(
        host, env=env | {"PYTHONPATH": words[-1]}, capture_output=True, text=True, check=False, timeout=WAIT_S
    )
    pid = int(told.stdout)
    end = time.monotonic() + 2
    while not gone(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert gone(pid)


def fake(body: str) -> list[str]:
    """A worker that misbehaves: a real process that runs `body`, with `say` to answer."""
    start = (
        "import sys, json, time\n"
        "def say(**m): print(json.dumps(m), flush=True)\n"
        "def call(): return json.loads(sys.stdin.readline())\n"
    )
    return [sys.executable, "-I", "-c", start + body]


GREETING = f"say(id=call()['id'], result={{'protocol': {worker.PROTOCOL}, 'version': '0'}})\n"


def test_a_garbage_line_is_left_out(tmp_path: Path) -> None:
    body = (
        GREETING + "run = call()['id']\nprint('gar\\x00bage'); print('[1]'); say(method='progress')\n"
        "say(method='progress', params={'run': 999})\n"
        "say(method='result', params={'run': run, 'results': []})\nsys.stdin.read()"
    )
    with Client(fake(body)) as client:
        events = list(client.run({"effect": "x"}).wait_events(WAIT_S))
    assert events == [Event("result", {"results": []})]


def test_a_worker_that_closes_its_end_is_told(tmp_path: Path) -> None:
    body = GREETING + "call()\nprint('out of memory', file=sys.stderr, flush=True)\nsys.exit(3)"
    with Client(fake(body)) as client:
        event = ending(client.run({"effect": "x"}))
    assert event.data["code"] == "worker_died"
    assert event.data["message"] == "The Likeness worker ended with code 3."
    assert event.data["tail"] == ["out of memory"]


def test_a_missing_worker_is_named() -> None:
    client = Client(command("/no/such/python"))
    with pytest.raises(WorkerError, match="/no/such/python") as caught:
        client.run({"effect": "x"})
    assert caught.value.hint


def test_a_python_without_likeness_is_told_with_its_own_words(tmp_path: Path) -> None:
    empty = [sys.executable, "-I", "-S", "-c", command("x")[-1]]
    with pytest.raises(WorkerError) as caught:
        Client(empty).hello()
    assert "ended with code 1" in caught.value.message
    assert "No module named 'likeness'" in str(caught.value)


def test_a_worker_of_another_protocol_is_refused() -> None:
    client = Client(fake("say(id=call()['id'], result={'protocol': 99})\nsys.stdin.read()"))
    with pytest.raises(WorkerError, match="protocol 99"):
        client.hello()
    assert client.pid is None


def test_a_worker_of_another_version_is_refused(words: list[str], env: dict[str, str]) -> None:
    with pytest.raises(WorkerError, match=r"version .* needs 9\.9\.9"):
        Client(words, env, version="9.9.9").hello()
    with Client(words, env, version=likeness.__version__) as client:
        assert client.hello()["version"] == likeness.__version__


def test_what_the_worker_refuses_at_hello_is_passed_on(words: list[str], env: dict[str, str]) -> None:
    with pytest.raises(WorkerError, match="nowhere:X"):
        Client(words, env | {"LIKENESS_EFFECTS": "nowhere:X"}).hello()


def test_a_worker_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("likeness_client.client.HELLO_S", 0.3)
    with pytest.raises(WorkerError, match="does not answer"):
        Client(fake("sys.stdin.read()")).hello()


def test_no_python_variable_of_the_host_leaks_in(words: list[str], tmp_path: Path) -> None:
    trap = tmp_path / "likeness"
    trap.mkdir()
    (trap / "__init__.py").write_text("raise SystemExit('the wrong package')")
    host = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "PYTHONHOME": "/nowhere",
        "PYTHONSTARTUP": "x",
        "__PYVENV_LAUNCHER__": "x",
        "LIKENESS_CACHE": str(tmp_path / "cache"),
    }
    clean = environment(host)
    assert not [name for name in clean if name.startswith(("PYTHON", "__PYVENV"))]
    assert clean["LIKENESS_CACHE"] == str(tmp_path / "cache")
    with Client(words, clean) as client:
        assert client.hello()["version"] == likeness.__version__


def test_it_may_be_used_from_several_threads(client: Client, tmp_path: Path) -> None:
    endings: queue.Queue[str] = queue.Queue()

    def work(index: int) -> None:
        endings.put(ending(client.run(chore(tmp_path / str(index)))).kind)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert [endings.get_nowait() for _ in threads] == ["result"] * 6


def test_it_is_python_3_7_and_standard_library_only(root: Path) -> None:
    files = sorted((root / "core" / "likeness_client").glob("*.py"))
    assert len(files) >= 2
    allowed = {"likeness_client", "__future__", *sys.stdlib_module_names}
    for file in files:
        tree = ast.parse(file.read_text("utf-8"), feature_version=(3, 7))
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed
