"""The command line as a person, a script and a farm meet it."""

from __future__ import annotations

import argparse
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import likeness
from likeness import cli
from likeness.declare import Effect
from likeness.registry import effects

WAIT_S = 60.0


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_EFFECTS", f"{root / 'tests' / 'tiny_effects.py'}:TINY")
    monkeypatch.setenv("LIKENESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(root / "core"))


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Any:
    """Runs a command in this process; returns its exit code, stdout and stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        code = cli.main([str(word) for word in words])
        out, err = capfd.readouterr()
        return code, out, err

    return run


def start(*words: object, **more: Any) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "likeness.cli", *map(str, words)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def test_effects_are_listed(said: Any) -> None:
    code, out, _ = said("effects")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [effect.name for effect in effects()]
    assert "chore            human  Chore" in out


def test_effects_as_json_are_the_whole_declarations(said: Any) -> None:
    code, out, _ = said("effects", "--json")
    assert code == 0
    assert json.loads(out) == json.loads(json.dumps([effect.schema() for effect in effects()]))


def test_a_run_says_where_its_results_are(said: Any, tmp_path: Path) -> None:
    notes = tmp_path / "notes = ü.txt"
    notes.write_text("one two")
    words = "--input", f"notes={notes}", "--set", 'weights={"jawOpen": 0.25}', "--set", "steps=2"
    code, out, err = said("run", "chore", *words, "--out", tmp_path / "out")
    assert (code, out) == (0, f"{tmp_path / 'out' / 'chore.json'} (report)\n")
    assert "a library prints to stdout" in err
    assert json.loads((tmp_path / "out" / "chore.json").read_text()) == {
        "words": 2,
        "weights": {"jawOpen": 0.25},
    }


@pytest.mark.parametrize("form", [["--progress", "json"], ["--progress=json"]])
def test_progress_as_json_is_one_event_a_line(said: Any, tmp_path: Path, form: list[str]) -> None:
    code, out, _ = said("run", "chore", "--out", tmp_path, "--set", "steps=2", "--set", "seconds=.06", *form)
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert {event["event"] for event in events[:-1]} == {"progress"}
    assert {"stage", "done", "total", "seconds_left", "preview"} < events[0].keys()
    assert events[-1]["event"] == "result"
    assert events[-1]["path"] == str(tmp_path / "chore.json")


def test_an_error_is_an_event_too(said: Any, tmp_path: Path) -> None:
    code, out, err = said("run", "chore", "--out", tmp_path, "--set", "steps=0", "--progress", "json")
    event = json.loads(out.splitlines()[-1])
    assert code == 2
    assert event["event"] == "error"
    assert event["code"] == "bad_request"
    assert event["message"] in err


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        ([], 2, "COMMAND"),
        (["dance"], 2, "'dance'"),
        (["run"], 2, "EFFECT"),
        (["run", "choree", "--out", "x"], 2, "'choree'"),
        (["run", "chore"], 2, "--out"),
        (["run", "chore", "--out", ""], 2, "no output"),
        (["run", "chore", "--out", "x", "--set", "stepz=1"], 2, "'stepz'"),
        (["run", "chore", "--out", "x", "--set", "steps=many"], 2, "'steps' cannot be 'many'"),
        (["run", "chore", "--out", "x", "--set", "steps=1.5"], 2, "whole number"),
        (["run", "chore", "--out", "x", "--set", "steps=nan"], 2, "'steps'"),
        (["run", "chore", "--out", "x", "--set", "deaf=maybe"], 2, "true or false"),
        (["run", "chore", "--out", "x", "--set", "fault=odd"], 2, "none, crash, bug"),
        (["run", "chore", "--out", "x", "--set", "weights=jawOpen"], 2, "jawOpen"),
        (["run", "chore", "--out", "x", "--set", "steps"], 2, "--set steps has no value"),
        (["run", "chore", "--out", "x", "--set", "steps=1", "--set", "steps=2"], 2, "twice"),
        (["run", "chore", "--out", "x", "--input", "plate=a.exr"], 2, "'plate'"),
        (["run", "chore", "--out", "x", "--input", "notes=/no/notes.txt"], 3, "/no/notes.txt"),
        (["run", "chore", "--out", "x", "--input", "notes=/no/notes.exr"], 3, "/no/notes.exr"),
        (["run", "chore", "--out", "x", "--frames", "9-1"], 2, "backwards"),
        (["run", "chore", "--out", "x", "--frames", "all"], 2, "'all'"),
        (["run", "chore", "--out", "x", "--seed", "x"], 2, "--seed"),
        (["run", "chore", "--out", "x", "--device", "abacus"], 2, "abacus"),
        (["run", "chore", "--out", "x.png"], 2, "x.png"),
        (["run", "tint", "--out", "x.exr"], 2, "needs the input 'plate'"),
        (["run", "tint", "--input", "plate=x.wav", "--out", "x.exr"], 3, "x.wav"),
        (["run", "tint", "--input", "plate=/no/plate.exr", "--out", "x.exr"], 3, "/no/plate.exr"),
        (["job", "/no/request.json"], 2, "/no/request.json"),
        (["models", "get", "nothing"], 4, "'nothing'"),
        (["models", "verify", "nothing"], 4, "'nothing'"),
        (["models", "add", "/no/list.toml"], 2, "/no/list.toml"),
    ],
)
def test_a_mistake_is_one_line_with_a_remedy(
    said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    got, out, err = said(*words)
    assert (got, out) == (code, "")
    assert named in err
    assert re.fullmatch(r"likeness: [^\n]+\. ?[^\n]*\n", err)
    assert not [file for file in tmp_path.iterdir() if file.name != "cache"]


def test_a_bug_is_one_line_and_verbose_shows_where(
    said: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code, _, err = said("run", "chore", "--out", tmp_path, "--set", "fault=bug")
    assert code == 1
    assert err.splitlines()[-1].startswith("likeness: KeyError")
    assert "Traceback" not in err
    process = start("--verbose", "run", "chore", "--out", tmp_path, "--set", "fault=bug")
    assert "in _chore_write" in process.communicate(timeout=WAIT_S)[1]


@pytest.mark.parametrize("folder", ["/proc/nowhere/out", "/dev/null/out"])
@pytest.mark.skipif(sys.platform != "linux", reason="folders that Linux refuses")
def test_an_output_that_cannot_be_written_is_named(said: Any, folder: str) -> None:
    code, _, err = said("run", "chore", "--out", folder)
    assert code == 1
    told = re.fullmatch(r"likeness: Cannot write (\S+) \(.+\)\. Choose another output\.\n", err)
    assert told is not None, err
    assert told[1] == folder


def test_a_disk_that_fills_up_is_told(said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, text: str, *rest: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    code, _, err = said("run", "chore", "--out", tmp_path / "out")
    assert code == 1
    assert "chore.json (No space left on device). Free some space" in err.splitlines()[-1]


def request(folder: Path, **params: Any) -> dict[str, Any]:
    return {"effect": "chore", "output": str(folder / "out"), "params": params}


def test_a_job_comes_from_a_file(said: Any, tmp_path: Path) -> None:
    file = tmp_path / "job ä.json"
    file.write_text(json.dumps(request(tmp_path)), "utf-8")
    code, out, _ = said("job", file, "--frames", "1-2")
    assert (code, out) == (0, f"{tmp_path / 'out' / 'chore.json'} (report)\n")


def test_a_job_comes_from_stdin(tmp_path: Path) -> None:
    process = start("job", "-", stdin=subprocess.PIPE)
    out, err = process.communicate(json.dumps(request(tmp_path)), timeout=WAIT_S)
    assert (process.returncode, out) == (0, f"{tmp_path / 'out' / 'chore.json'} (report)\n"), err


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b'{"effect": "chore", "colour": "x"}', b""])
def test_a_wrong_job_file_is_a_bad_request(said: Any, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "job.json").write_bytes(content)
    code, _, err = said("job", tmp_path / "job.json")
    assert code == 2
    assert err.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("deaf", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_polite_kill_stop_within_a_second(tmp_path: Path, deaf: bool, number: int) -> None:
    params = "--set", "steps=1000", "--set", f"seconds={20 if deaf else 0.05}", "--set", f"deaf={deaf}"
    process = start("run", "chore", "--out", tmp_path, *params, "--progress", "json")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "progress"
    time.sleep(0.2)
    begin = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=WAIT_S)
    assert time.monotonic() - begin < 1.2
    assert process.returncode == 5
    assert re.search(r"^likeness: The job was stopped\. Finished frames are kept; .*\n\Z", err, re.M)
    assert json.loads(out.splitlines()[-1])["code"] == "cancelled"
    assert "Traceback" not in err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    process = start("effects", "--json")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(WAIT_S) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_a_person_sees_a_bar(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    mine, theirs = pty.openpty()
    line = [sys.executable, "-m", "likeness.cli", "run", "chore", "--out", str(tmp_path), "--set", "steps=3"]
    more = dict(os.environ, TERM="xterm", COLUMNS="100")
    process = subprocess.Popen(
        [*line, "--set", "seconds=.1"], stdout=subprocess.PIPE, stderr=theirs, env=more
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += (block := os.read(mine, 4096))
        except OSError:
            break
        if not block:
            break
    assert process.wait(WAIT_S) == 0
    assert b"work" in shown
    assert b"2/3" in shown


def test_version_and_help_need_no_effect_to_load(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIKENESS_EFFECTS", "nowhere:X")
    for words, told in ((["--version"], likeness.__version__), (["--help"], "doctor")):
        with pytest.raises(SystemExit) as end:
            cli.main(words)
        assert end.value.code == 0
        assert told in capsys.readouterr().out
    assert cli.main(["effects"]) == 2


def help_of(*words: str) -> str:
    line = [sys.executable, "-m", "likeness.cli", *words, "--help"]
    return subprocess.run(line, capture_output=True, text=True, check=True, timeout=WAIT_S).stdout


@pytest.mark.parametrize("effect", effects(), ids=lambda effect: effect.name)
def test_help_says_all_that_the_declaration_says(effect: Effect, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["run", effect.name, "--help"])
    text = capsys.readouterr().out
    flat = " ".join(text.split())
    assert " ".join(effect.help.split()) in flat
    for field in (*effect.inputs, *effect.params, *effect.outputs, *effect.layers):
        assert re.search(rf"^  {field.name} \(", text, re.M), field.name
        assert " ".join(field.help.split()) in flat
    for param in effect.params:
        line = next(line for line in text.splitlines() if line.startswith(f"  {param.name} ("))
        assert all(choice in line for choice in param.choices)
        assert param.unit in line
        if param.min is not None and param.max is not None:
            assert f"{param.min:.10g} to {param.max:.10g}" in line
    for option in ("--input", "--set", "--out", "--frames", "--colorspace", "--device", "--progress"):
        assert option in text


def test_help_of_a_studios_effect_is_made_the_same_way() -> None:
    text = help_of("run", "tint")
    assert "It is 100 % a test." in text
    assert "gain (0 to 8 x, default 1.0)" in text
    assert "space (all | face, default all)" in text


def test_every_command_has_help() -> None:
    parser = cli._parser(["run"])
    [commands] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    names = {"effects", "run", "job", "models", "install", "prepare", "doctor", "worker"}
    assert set(commands.choices) == names
    assert all(action.help for action in commands._choices_actions)


def test_models_are_listed_with_license_and_state(said: Any) -> None:
    code, out, _ = said("models", "list")
    assert code == 0
    assert "yunet" in out
    assert "missing" in out
    code, out, _ = said("models", "list", "--json")
    assert code == 0
    assert {"name", "license", "commercial", "state", "bytes", "path"} <= json.loads(out)[0].keys()


def test_models_verify_leaves_out_what_nobody_fetched(said: Any) -> None:
    code, out, err = said("models", "verify")
    assert code == 0, err
    assert "yunet" in out
    code, _, err = said("models", "verify", "yunet")
    assert code == 4
    assert "likeness models get yunet" in err


def test_models_get_and_add(said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    data = b"these bytes stand for a model"
    listing = tmp_path / "own.toml"
    listing.write_text(
        f'[[model]]\nname = "own"\ntask = "test"\nurl = "https://example.com/own.onnx"\nsize = {len(data)}\n'
        f'sha256 = "{hashlib.sha256(data).hexdigest()}"\nlicense = "CC-BY-NC-4.0"\ncommercial = false\n'
        'source = "https://example.com"\n'
    )
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "own.onnx").write_bytes(data)
    monkeypatch.setenv("LIKENESS_MIRROR", str(mirror))
    assert said("models", "add", listing)[:2] == (0, "own  CC-BY-NC-4.0\n")
    code, _, err = said("models", "get", "own")
    assert code == 2
    assert "--accept-license" in err and len(err.splitlines()) == 1
    code, out, err = said("models", "get", "own", "--accept-license")
    assert code == 0, err
    assert "own: CC-BY-NC-4.0 (NO commercial use), https://example.com." in err.splitlines()
    assert Path(out.strip()).read_bytes() == data
    assert said("models", "verify", "own")[0] == 0


def test_doctor_shows_every_check_and_fails_if_one_does(said: Any) -> None:
    code, out, _ = said("doctor", "--json")
    found = json.loads(out)
    assert code == (0 if all(check["ok"] for check in found) else 1)
    code, out, _ = said("doctor")
    for check in found:
        assert f"{'ok ' if check['ok'] else 'BAD'} {check['name']}: " in out
        assert check["ok"] or check["remedy"] in out
