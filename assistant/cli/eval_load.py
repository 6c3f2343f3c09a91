"""bodymaps eval load: many programs at once on one server."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import clean_stdout


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
    from eval.served import served

    server = served("-m", "assistant.cli.eval_load")
    with clean_stdout() as stdout, tempfile.TemporaryDirectory() as folder, server as (url, process):
        result = run(url, process, clients, minutes, Path(folder))
        save_json(result, out)
        print(table(result), file=stdout)
    if not passed(result):
        raise typer.Exit(1)


if __name__ == "__main__":
    from app import main
    from eval.load import DensitySegmenter

    main(port=int(sys.argv[1]), segmenter=DensitySegmenter())
