"""Folders for results: tried before the work, and left as they were."""

import errno
import tempfile

import pytest

from encoders.errors import BodyMapsError
from encoders.files import check_folder


def test_a_folder_that_is_there_or_can_be_made_is_left_as_it_was(tmp_path):
    check_folder(tmp_path)
    check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "results"])
def test_a_file_is_no_folder(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(BodyMapsError, match="file is a file: give a folder"):
        check_folder(tmp_path / "file" / below)


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refused(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refused)
    with pytest.raises(
        BodyMapsError, match=r"cannot write to .*results: Permission denied: give another folder"
    ):
        check_folder(tmp_path / "results")
