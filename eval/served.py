"""A page in a process of its own, for what looks at it from outside."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

from encoders.errors import BodyMapsError

START_SECONDS = 180
CHAT = ("-m", "assistant.cli", "chat", "--port")
"""`bodymaps chat`, as arguments of Python."""


@contextmanager
def served(*arguments: str) -> Iterator[tuple[str, int]]:
    """Python with these arguments and a free port behind them: the page's address and the process.

    Raises BodyMapsError when the page does not answer. The process ends with the block.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    server = subprocess.Popen([sys.executable, *arguments, str(port)])
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(url):
            if server.poll() is not None or time.monotonic() > deadline:
                raise BodyMapsError("the server did not start: see the messages above")
            time.sleep(0.2)
        yield url, server.pid
    finally:
        server.terminate()
        server.wait(timeout=60)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):
            return True
    except OSError:
        return False
