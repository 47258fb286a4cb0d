"""Only what we say reaches stdout."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from likeness.streams import own_stdout


def test_prints_of_python_c_and_children_go_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with own_stdout() as out:
        print("python")
        os.write(1, b"C\n")
        subprocess.run([sys.executable, "-c", "print('child')"], check=True)
        print("ours", file=out, flush=True)
    print("after")
    said, strayed = capfd.readouterr()
    assert said == "ours\nafter\n"
    assert sorted(strayed.split()) == ["C", "child", "python"]


def test_it_works_on_a_real_stdout() -> None:
    code = (
        "from likeness.streams import own_stdout; import os\n"
        "print('before')\n"
        "with own_stdout() as out:\n"
        "    print('stray'); os.write(1, b'raw'); print('ours ü', file=out)\n"
        "print('after')"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=_env())
    assert told.stdout.decode().split("\n") == ["before", "ours ü", "after", ""]
    assert told.stderr.count(b"raw") == told.stderr.count(b"stray") == 1


def test_the_streams_come_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), own_stdout():
        raise RuntimeError
    os.write(1, b"back\n")
    assert capfd.readouterr().out == "back\n"


def test_a_protocol_has_both_streams_for_itself() -> None:
    code = (
        "from likeness.streams import take_standard_streams; import sys\n"
        "stdin, stdout = take_standard_streams()\n"
        "print('stray'); stdout.write(stdin.readline()); stdout.flush()\n"
        "assert sys.stdin.read() == ''"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], input=b"line\n", capture_output=True, check=True, env=_env()
    )
    assert told.stdout == b"line\n"
    assert b"stray" in told.stderr


def _env() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "utf-8"}
