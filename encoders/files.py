"""Writing files so that a failure leaves none half written."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from encoders.errors import BodyMapsError


def check_folder(folder: Path) -> None:
    """Raises BodyMapsError when `folder` is no folder or nothing could be written there; leaves nothing behind.

    To be asked before long work whose results go there; the folder need not exist yet.
    """
    try:
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        if not there.is_dir():
            raise BodyMapsError(f"{there} is a file: give a folder for the results")
        with tempfile.TemporaryDirectory(prefix=".", dir=there):
            return
    except OSError as error:
        raise BodyMapsError(
            f"cannot write to {folder}: {error.strerror or error}: give another folder"
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and is removed when not.

    Raises BodyMapsError when the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix="".join(path.suffixes), dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise BodyMapsError(f"cannot write to {path.parent}: {error.strerror or error}") from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def save_json(data: Any, path: Path) -> Path:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
