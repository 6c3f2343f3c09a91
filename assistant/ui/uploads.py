"""Files that came over the network: read once, then deleted."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoders.errors import BodyMapsError

if TYPE_CHECKING:
    from assistant.session import Assistant, Session


def folder() -> Path:
    """Where Gradio puts uploads."""
    return Path(os.environ.get("GRADIO_TEMP_DIR") or Path(tempfile.gettempdir()) / "gradio").resolve()


def received(upload: Any) -> Path:
    """The file of an upload: the path that the server answered the upload with, or Gradio's record of one.

    Raises BodyMapsError for anything that is not a file in the folder of uploads.
    """
    given = upload.get("path") if isinstance(upload, dict) else upload
    try:
        path = Path(given).resolve() if isinstance(given, str) else folder()
        if path.is_relative_to(folder()) and path.is_file():
            return path
    except (OSError, ValueError):
        pass  # a path that no file can have
    raise BodyMapsError("there is no such upload: send the file to /gradio_api/upload first")


def opened(assistant: Assistant, path: Path, room: Callable[[], None]) -> Session:
    """A session on an uploaded file, which is deleted once its pixels are in memory, or when `room` raises."""
    try:
        room()
        return assistant.open(path)
    except BodyMapsError as error:  # where uploads lie is nobody's business
        raise BodyMapsError(str(error).replace(str(path), path.name)) from error
    finally:
        path.unlink(missing_ok=True)
