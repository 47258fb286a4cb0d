"""Public models: their lists, and fetching them from a real server on this machine."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from likeness import catalog
from likeness.errors import BadModel, BadOutput, BadRequest, Cancelled

DATA = bytes(itertools.islice(itertools.cycle(range(251)), 3_000_000))


@dataclass
class Server:
    """A web server that behaves as badly as it is told to, and remembers what it was asked."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    """Whether it knows what a Range is."""
    cut: list[int] = field(default_factory=list)
    """After how many bytes the next answers break off."""
    chunked: bool = False
    """Whether it keeps quiet about the length."""
    shift: int = 0
    """How far from the asked place it resumes."""
    statuses: list[int] = field(default_factory=list)
    """What the next answers are instead of 200."""
    asked: list[str] = field(default_factory=list)


def handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            server.asked.append(wanted)
            data = server.files.get(self.path)
            if data is None or server.statuses:
                self.send_response(404 if data is None else server.statuses.pop(0))
                self.end_headers()
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
            if start and start >= len(data):
                self.send_response(416)
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                start += server.shift
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            body = data[start:]
            if not server.chunked:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: server.cut.pop(0)] if server.cut else body)

    return Handler


class QuietServer(ThreadingHTTPServer):
    """A client that hangs up is part of the tests, nothing to report."""

    def handle_error(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()
    running = QuietServer(("127.0.0.1", 0), handler(told))
    told.address = f"http://127.0.0.1:{running.server_address[1]}"
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield told
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("LIKENESS_HOME", str(folder))
    for name in ("LIKENESS_CATALOG", "LIKENESS_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(catalog, "_PAUSE_S", 0)
    return folder


def toml(**fields: object) -> str:
    return "\n".join(
        [
            "[[model]]",
            *(f"{k} = {str(v).lower() if isinstance(v, bool) else repr(v)}" for k, v in fields.items()),
        ]
    )


ENTRY = {
    "name": "matte",
    "task": "cuts out people",
    "url": "http://127.0.0.1/matte.onnx",
    "size": len(DATA),
    "sha256": hashlib.sha256(DATA).hexdigest(),
    "license": "MIT",
    "commercial": True,
    "source": "https://example.org/matte",
}

Listed = Callable[..., Path]


@pytest.fixture
def listed(home: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Listed:
    """List the model `matte`, which the server has; returns where its file will lie."""
    server.files["/matte.onnx"] = DATA

    def make(**fields: object) -> Path:
        path = tmp_path / "catalog.toml"
        path.write_text(toml(**{**ENTRY, "url": f"{server.address}/matte.onnx", **fields}))
        monkeypatch.setenv("LIKENESS_CATALOG", str(path))
        return home / "models" / "matte.onnx"

    return make


def half(target: Path, data: bytes = DATA[: len(DATA) // 2]) -> Path:
    """What an interrupted transfer leaves."""
    part = target.with_suffix(".onnx.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(data)
    return part


class TestLists:
    def test_what_is_shipped_is_valid_and_pinned(self, home: Path) -> None:
        shipped = catalog.entries()
        for entry in shipped.values():
            assert entry.url.startswith("https://")
            assert entry.license
            assert entry.source.startswith("https://")
        assert not set(shipped) & set(catalog.house_models())

    def test_what_is_not_fetched_is_missing(self, listed: Listed) -> None:
        listed()
        status = catalog.verify("matte")
        assert (status.state, status.kind, status.bytes) == ("missing", "catalog", len(DATA))
        assert status in catalog.statuses()

    def test_a_users_file_is_added_and_stays(self, home: Path, tmp_path: Path) -> None:
        own = tmp_path / "studio models.toml"
        own.write_text(toml(**ENTRY))
        assert [e.name for e in catalog.add(own)] == ["matte"]
        own.unlink()
        assert catalog.entries()["matte"].license == "MIT"

    def test_two_files_of_the_same_name_are_both_kept(self, home: Path, tmp_path: Path) -> None:
        for folder, name in (("a", "matte"), ("b", "other")):
            own = tmp_path / folder / "studio.toml"
            own.parent.mkdir()
            own.write_text(toml(**{**ENTRY, "name": name}))
            catalog.add(own)
        assert {"matte", "other"} <= set(catalog.entries())

    def test_adding_twice_changes_nothing(self, home: Path, tmp_path: Path) -> None:
        own = tmp_path / "own.toml"
        own.write_text(toml(**ENTRY))
        assert catalog.add(own) == catalog.add(own)

    def test_a_name_means_one_model(self, listed: Listed, tmp_path: Path) -> None:
        listed()
        other = tmp_path / "other.toml"
        other.write_text(toml(**{**ENTRY, "sha256": "0" * 64}))
        with pytest.raises(BadRequest, match="a model 'matte' already"):
            catalog.add(other)

    def test_a_house_model_cannot_be_replaced(
        self, listed: Listed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house = tmp_path / "package"
        house.mkdir()
        (house / "catalog.toml").write_text("")
        (house / "house.toml").write_text(
            toml(
                name="matte",
                file="matte.onnx",
                sha256="0" * 64,
                bytes=1,
                license="Apache-2.0",
                opset=17,
                task="t",
            )
        )
        monkeypatch.setattr(catalog, "HOUSE", house)
        listed()
        with pytest.raises(BadRequest, match="'matte', a name that is taken"):
            catalog.entries()

    @pytest.mark.parametrize(
        "name",
        ["../evil", "a/b", "a\\\\b", "..", ".hidden", "", "C:evil", "Matte", "a b", "x" * 65, "a\\u0000"],
    )
    def test_a_name_is_never_a_path(self, name: str, home: Path, tmp_path: Path) -> None:
        own = tmp_path / "own.toml"
        own.write_text(toml(**ENTRY).replace("'matte'", f'"{name}"'))
        with pytest.raises(BadRequest, match="a name is lower-case"):
            catalog.add(own)
        assert not (home / "catalogs").exists()

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"sha256": "abc"}, "sha256 is 64 hexadecimal digits"),
            ({"size": 0}, "weighs from 1"),
            ({"size": catalog.MAX_BYTES + 1}, "weighs from 1"),
            ({"url": "file:///etc/passwd"}, "http or https"),
            ({"url": "https://"}, "http or https"),
            ({"size": "12"}, "'size' has the wrong type"),
            ({"commercial": 1}, "'commercial' has the wrong type"),
            ({"licence": "MIT"}, "unknown field 'licence'"),
        ],
    )
    def test_a_wrong_field_is_named(
        self, fields: dict[str, object], reason: str, home: Path, tmp_path: Path
    ) -> None:
        own = tmp_path / "own.toml"
        own.write_text(toml(**{**ENTRY, **fields}))
        with pytest.raises(BadRequest, match=f"own.toml, model 'matte': .*{reason}"):
            catalog.add(own)

    @pytest.mark.parametrize("field", ENTRY)
    def test_a_missing_field_is_named(self, field: str, home: Path, tmp_path: Path) -> None:
        own = tmp_path / "own.toml"
        own.write_text(toml(**{k: v for k, v in ENTRY.items() if k != field}))
        with pytest.raises(BadRequest, match=f"the field '{field}' is missing"):
            catalog.add(own)

    @pytest.mark.parametrize("text", ["", "model = 3", "model = [1]", "[[model", "\xff"])
    def test_what_is_no_catalog_is_refused(self, text: str, home: Path, tmp_path: Path) -> None:
        own = tmp_path / "own.toml"
        own.write_bytes(text.encode("latin-1"))
        with pytest.raises(BadRequest, match=r"own\.toml"):
            catalog.add(own)

    def test_a_missing_catalog_is_named(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIKENESS_CATALOG", "absent.toml")
        with pytest.raises(BadRequest, match=r"absent\.toml cannot be read"):
            catalog.entries()

    def test_an_unknown_model_lists_the_known(self, listed: Listed) -> None:
        listed()
        with pytest.raises(BadModel, match=r"no model 'mate'.*matte"):
            catalog.get("mate")


class TestFetching:
    def test_the_file_gets_its_name_and_progress_is_told(self, listed: Listed, server: Server) -> None:
        target = listed()
        told: list[tuple[int, int]] = []
        assert catalog.get("matte", progress=lambda done, total: told.append((done, total))) == target
        assert target.read_bytes() == DATA
        assert [p.name for p in target.parent.iterdir()] == ["matte.onnx"]
        assert told == sorted(told)
        assert told[-1] == (len(DATA), len(DATA))
        assert catalog.verify("matte").state == "ok"

    def test_what_is_there_is_not_fetched_again(self, listed: Listed, server: Server) -> None:
        listed()
        catalog.get("matte")
        catalog.get("matte")
        assert server.asked == [""]

    def test_what_was_damaged_later_is_fetched_again(self, listed: Listed) -> None:
        target = listed()
        catalog.get("matte")
        target.write_bytes(DATA[::-1])
        assert catalog.verify("matte").state == "wrong hash"
        assert catalog.get("matte").read_bytes() == DATA

    def test_an_interrupted_transfer_goes_on_where_it_stopped(self, listed: Listed, server: Server) -> None:
        target = listed()
        half(target)
        assert catalog.get("matte").read_bytes() == DATA
        assert server.asked == [f"bytes={len(DATA) // 2}-"]

    @pytest.mark.parametrize("chunked", [False, True])
    def test_a_broken_connection_is_taken_up_at_once(
        self, listed: Listed, server: Server, chunked: bool
    ) -> None:
        target = listed()
        server.chunked, server.cut = chunked, [2_200_000]
        assert catalog.get("matte").read_bytes() == DATA
        assert len(server.asked) == 2
        assert server.asked[1].startswith("bytes=")
        assert target.is_file()

    def test_a_connection_that_keeps_breaking_is_told_and_resumed_later(
        self, listed: Listed, server: Server
    ) -> None:
        target = listed()
        server.cut = [1_100_000, 10, 10]
        with pytest.raises(BadModel, match=rf"'matte' stopped at \d+ of {len(DATA)} bytes.*Run it again"):
            catalog.get("matte")
        assert not target.exists()
        asked = len(server.asked)
        assert catalog.get("matte").read_bytes() == DATA
        assert server.asked[asked].startswith("bytes=")

    def test_a_server_without_ranges_sends_it_all_again(self, listed: Listed, server: Server) -> None:
        target = listed()
        half(target, b"x" * 1000)
        server.ranges = False
        assert catalog.get("matte").read_bytes() == DATA
        assert server.asked == ["bytes=1000-"]

    def test_a_half_that_was_wrong_is_thrown_away_once(self, listed: Listed, server: Server) -> None:
        target = listed()
        half(target, b"x" * 1000)
        assert catalog.get("matte").read_bytes() == DATA
        assert server.asked == ["bytes=1000-", ""]

    def test_a_part_longer_than_the_model_is_thrown_away(self, listed: Listed, server: Server) -> None:
        target = listed()
        half(target, DATA + b"more")
        assert catalog.get("matte").read_bytes() == DATA
        assert server.asked == [""]

    def test_a_whole_part_only_needs_its_name(self, listed: Listed, server: Server) -> None:
        target = listed()
        half(target, DATA)
        assert catalog.get("matte").read_bytes() == DATA
        assert server.asked == []

    def test_a_server_that_resumes_elsewhere_is_not_believed(self, listed: Listed, server: Server) -> None:
        target = listed()
        half(target)
        server.shift = 10
        with pytest.raises(BadModel, match="a place that was not asked for"):
            catalog.get("matte")
        assert not target.exists()

    def test_a_server_that_refuses_to_resume_is_asked_from_the_start(
        self, listed: Listed, server: Server
    ) -> None:
        target = listed()
        half(target)
        server.statuses = [416]
        assert catalog.get("matte").read_bytes() == DATA
        assert server.asked == [f"bytes={len(DATA) // 2}-", ""]

    def test_a_stop_from_outside_keeps_what_came(self, listed: Listed, server: Server) -> None:
        target = listed()

        def stop(done: int, total: int) -> None:
            if done > 1_000_000:
                raise Cancelled("Stopped.")

        with pytest.raises(Cancelled):
            catalog.get("matte", progress=stop)
        assert not target.exists()
        assert catalog.get("matte").read_bytes() == DATA
        assert server.asked[1].startswith("bytes=1")

    def test_two_at_once_do_not_harm_each_other(self, listed: Listed) -> None:
        target = listed()
        failures: list[BaseException] = []

        def fetch() -> None:
            try:
                catalog.get("matte")
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=fetch) for _ in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert failures == []
        assert target.read_bytes() == DATA


class TestRefusing:
    def test_a_wrong_hash_leaves_nothing(self, listed: Listed) -> None:
        target = listed(sha256="0" * 64)
        with pytest.raises(BadModel, match=r"'matte' is not the promised file \(wrong hash\)"):
            catalog.get("matte")
        assert list(target.parent.iterdir()) == []

    def test_a_file_shorter_than_declared_is_refused(self, listed: Listed) -> None:
        target = listed(size=len(DATA) + 1)
        with pytest.raises(BadModel, match="'matte'"):
            catalog.get("matte")
        assert not target.exists()

    @pytest.mark.parametrize("chunked", [False, True])
    def test_a_file_longer_than_declared_is_stopped(
        self, listed: Listed, server: Server, chunked: bool
    ) -> None:
        target = listed(size=100_000)
        server.chunked = chunked
        with pytest.raises(BadModel, match="longer than the promised 100000 bytes"):
            catalog.get("matte")
        assert list(target.parent.iterdir()) == []

    def test_a_missing_file_says_where_it_was_looked_for(self, listed: Listed, server: Server) -> None:
        listed(url=f"{server.address}/moved.onnx")
        with pytest.raises(
            BadModel, match=r"'matte' is not at http://127.*/moved\.onnx \(the server answered 404\)"
        ):
            catalog.get("matte")
        assert len(server.asked) == 1

    def test_a_part_outlives_a_file_that_is_missing_for_a_while(self, listed: Listed, server: Server) -> None:
        part = half(listed())
        del server.files["/matte.onnx"]
        with pytest.raises(BadModel, match="404"):
            catalog.get("matte")
        assert part.stat().st_size == len(DATA) // 2

    def test_a_busy_server_is_asked_again(self, listed: Listed, server: Server) -> None:
        listed()
        server.statuses = [503, 500]
        assert catalog.get("matte").read_bytes() == DATA

    def test_a_server_that_stays_busy_is_named(self, listed: Listed, server: Server) -> None:
        listed()
        server.statuses = [503] * 10
        with pytest.raises(BadModel, match=r"stopped at 0 of .* \(the server answered 503\)"):
            catalog.get("matte")

    def test_no_server_at_all_is_named(self, listed: Listed) -> None:
        listed(url="http://127.0.0.1:1/matte.onnx")
        with pytest.raises(BadModel, match=r"stopped at 0 of .* from http://127\.0\.0\.1:1/"):
            catalog.get("matte")

    def test_a_license_that_forbids_commerce_is_accepted_first(self, listed: Listed, server: Server) -> None:
        listed(commercial=False, license="CC-BY-NC-4.0")
        with pytest.raises(
            BadRequest, match=r"CC-BY-NC-4\.0, .*https://example\.org/matte.*--accept-license"
        ):
            catalog.get("matte")
        assert server.asked == []
        assert catalog.get("matte", accept_license=True).read_bytes() == DATA

    def test_a_folder_that_cannot_be_written_is_named(self, listed: Listed, home: Path) -> None:
        listed()
        home.parent.mkdir(exist_ok=True)
        home.write_text("a file where the folder should be")
        with pytest.raises(BadOutput, match="Cannot write"):
            catalog.get("matte")

    def test_a_model_for_which_there_is_no_room_is_not_begun(
        self, listed: Listed, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listed()
        usage = shutil.disk_usage(tmp_path)._replace(free=2_000_000)
        monkeypatch.setattr(catalog.shutil, "disk_usage", lambda _: usage)
        with pytest.raises(BadOutput, match=f"no room for {len(DATA)} bytes.*Free some space"):
            catalog.get("matte")
        assert server.asked == []

    @pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit on Windows")
    def test_a_disk_that_fills_up_is_told_and_resumed_later(self, listed: Listed, server: Server) -> None:
        """The limit on the size of a file fails a write in the middle, as a full disk does."""
        target = listed()
        script = (
            "import resource, sys\n"
            "from likeness import catalog, errors\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))\n"
            "try:\n    catalog.get('matte')\n"
            "except errors.BadOutput as error:\n    sys.exit(str(error))\n"
        )
        core = str(Path(catalog.__file__).parents[1])
        run = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": core},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == 1
        assert "Cannot write" in run.stderr
        assert "Free some space" in run.stderr
        assert "Traceback" not in run.stderr
        assert not target.exists()
        assert catalog.get("matte").read_bytes() == DATA
        assert server.asked[-1].startswith("bytes=")


class TestMirrors:
    def test_a_folder(
        self, listed: Listed, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listed()
        mirror = tmp_path / "mirror of models"
        mirror.mkdir()
        (mirror / "matte.onnx").write_bytes(DATA)
        monkeypatch.setenv("LIKENESS_MIRROR", str(mirror))
        assert catalog.get("matte").read_bytes() == DATA
        assert server.asked == []

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (None, "has no file"),
            (DATA[:-1], "wrong size"),
            (DATA[::-1], "wrong hash"),
            (DATA + b"x", "longer than"),
        ],
    )
    def test_a_folder_is_believed_no_more_than_a_server(
        self, listed: Listed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes | None, reason: str
    ) -> None:
        target = listed()
        if data is not None:
            (tmp_path / "matte.onnx").write_bytes(data)
        monkeypatch.setenv("LIKENESS_MIRROR", str(tmp_path))
        with pytest.raises(BadModel, match=reason):
            catalog.get("matte")
        assert not target.exists()

    @pytest.mark.parametrize("end", ["", "/"])
    def test_an_address(
        self, listed: Listed, server: Server, monkeypatch: pytest.MonkeyPatch, end: str
    ) -> None:
        listed(url="http://127.0.0.1:1/matte.onnx")
        server.files["/studio/matte.onnx"] = DATA
        monkeypatch.setenv("LIKENESS_MIRROR", f"{server.address}/studio{end}")
        assert catalog.get("matte").read_bytes() == DATA
