"""bodymaps eval load: many programs at once on one server."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from urllib.request import urlopen

import typer

from assistant.cli.common import clean_stdout
from encoders.errors import BodyMapsError

START_SECONDS = 180


def load(
    clients: Annotated[int, typer.Option(min=1, help="Programs at the same time.")] = 20,
    minutes: Annotated[float, typer.Option(min=0, help="For how long; each does one round at least.")] = 10,
    out: Annotated[Path, typer.Option("--out", "-o", help="The JSON file.")] = Path("load.json"),
) -> None:
    """Many clients with small studies of their own on one server: errors, mix-ups, seconds and memory.

    Fails when there was an error or a mix-up, or the server's memory does not go back.
    """
    from encoders.files import save_json
    from eval.load import load as run
    from eval.load import passed, table

    with clean_stdout() as stdout, tempfile.TemporaryDirectory() as folder, _server() as (url, process):
        result = run(url, process, clients, minutes, Path(folder))
        save_json(result, out)
        print(table(result), file=stdout)
    if not passed(result):
        raise typer.Exit(1)


@contextmanager
def _server() -> Iterator[tuple[str, int]]:
    """A page in a process of its own, with the phantoms' segmenter: its address and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    server = subprocess.Popen([sys.executable, "-m", "assistant.cli.eval_load", str(port)])
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


if __name__ == "__main__":
    from app import main
    from eval.load import DensitySegmenter

    main(port=int(sys.argv[1]), segmenter=DensitySegmenter())
