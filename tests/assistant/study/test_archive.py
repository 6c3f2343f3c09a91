"""Zip archives: the same study as its folder, and no way to do harm."""

import errno
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from assistant.study import archive, limits, open_study
from encoders.errors import BodyMapsError


@pytest.fixture
def folder(tmp_path, ct, write_series):
    return write_series(tmp_path / "study", ct)


def packed(folder, path, prefix="PAT/STU/"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("README.txt", "a viewer for Windows")
        for file in folder.iterdir():
            out.write(file, prefix + file.name)
    return path


def test_same_as_the_folder(tmp_path, folder):
    zipped, plain = open_study(packed(folder, tmp_path / "scan.zip")), open_study(folder)
    assert zipped.fingerprint == plain.fingerprint
    assert zipped.name == "scan"
    assert zipped.facts == plain.facts
    assert len(zipped.dicom_files) == len(plain.dicom_files)


def test_unpacked_files_go_with_the_study(tmp_path, folder):
    study = open_study(packed(folder, tmp_path / "scan.zip"))
    kept = study.dicom_files[0]
    assert kept.exists()
    assert not kept.is_relative_to(tmp_path)
    del study
    assert not kept.exists()


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil"])
def test_names_that_lead_outside_are_refused(tmp_path, folder, name):
    path = packed(folder, tmp_path / "scan.zip")
    with zipfile.ZipFile(path, "a") as out:
        out.writestr(name, b"\0" * 128 + b"DICM")
    with pytest.raises(BodyMapsError, match="unsafe"):
        open_study(path)
    assert not list(tmp_path.rglob("evil"))


def test_bombs_are_refused_before_they_unpack(tmp_path, folder):
    path = packed(folder, tmp_path / "scan.zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as out:
        out.writestr("zeros", b"\0" * 128 + b"DICM" + bytes(limits.SMALL_BYTES))
    before = leftovers()
    with pytest.raises(BodyMapsError, match="too much"):
        open_study(path)
    assert leftovers() == before


def test_sizes_that_lie_are_caught_while_unpacking(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(archive, "_check", lambda path, entries: None)
    monkeypatch.setattr(limits, "MAX_BYTES", 10_000)
    with pytest.raises(BodyMapsError, match="too much"):
        open_study(packed(folder, tmp_path / "scan.zip"))


def test_too_many_files(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(archive, "MAX_FILES", 5)
    with pytest.raises(BodyMapsError, match="more than 5"):
        open_study(packed(folder, tmp_path / "scan.zip"))


@pytest.mark.parametrize("keep", [0, 50, 0.7])
def test_damaged(tmp_path, folder, keep):
    path = packed(folder, tmp_path / "scan.zip")
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(len(data) * keep)])
    with pytest.raises(BodyMapsError, match="not a readable zip"):
        open_study(path)


def test_damaged_inside(tmp_path, folder):
    path = packed(folder, tmp_path / "scan.zip")
    data = bytearray(path.read_bytes())
    for at in range(2000, 12000, 7):
        data[at] ^= 0x5A
    path.write_bytes(data)
    with pytest.raises(BodyMapsError, match="not a readable zip"):
        open_study(path)


def test_a_full_disk_is_not_a_damaged_archive(tmp_path, folder, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = packed(folder, tmp_path / "scan.zip")
    monkeypatch.setattr(archive, "open", full, raising=False)
    with pytest.raises(BodyMapsError, match="no room"):
        open_study(path)


def test_a_forbidden_archive_is_not_a_damaged_one(tmp_path, folder, monkeypatch):
    def forbidden(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    path = packed(folder, tmp_path / "scan.zip")
    monkeypatch.setattr(zipfile, "ZipFile", forbidden)
    with pytest.raises(BodyMapsError, match=r"scan\.zip: cannot be read: Permission denied"):
        open_study(path)


def test_no_dicom_inside(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as out:
        out.writestr("a.txt", "hello")
    before = leftovers()
    with pytest.raises(BodyMapsError, match=r"x\.zip: no DICOM images"):
        open_study(tmp_path / "x.zip")
    assert leftovers() == before


def test_pixels_are_those_of_the_folder(tmp_path, folder, ct):
    study = open_study(packed(folder, tmp_path / "scan.zip", prefix=""))
    assert np.array_equal(study.volume.canonical().hu, ct.canonical().hu)


def leftovers():
    import tempfile

    return {name for name in os.listdir(Path(tempfile.gettempdir())) if name.startswith("bodymaps-")}


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_any_damage_is_one_line(tmp_path, method):
    rng = np.random.default_rng(method)
    path, folder = tmp_path / "ct.zip", tmp_path / "out"
    folder.mkdir()
    with zipfile.ZipFile(path, "w", method) as made:
        for number in range(2):
            made.writestr(f"é{number}.dcm", b"\0" * 128 + b"DICM" + rng.bytes(600))
    whole = path.read_bytes()
    refused = 0
    for _ in range(300):
        broken = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            broken[place] = rng.integers(256)
        path.write_bytes(broken)
        try:
            archive._unpack(path, folder)
        except BodyMapsError:  # and nothing else
            refused += 1
    assert refused > 100
