"""bodymaps eval page: how long a reader waits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import clean_stdout


def page(
    runs: Annotated[int, typer.Option(min=1, help="Times that the page is started and read.")] = 3,
    out: Annotated[Path, typer.Option("--out", "-o", help="The JSON file.")] = Path("page.json"),
) -> None:
    """Seconds in a real browser on the demo CT: first answer, follow-up, correction; beside `bodymaps ask`.

    Fails when the first answer comes more than 3 s after that of `bodymaps ask`, or anything else takes a second.
    """
    from encoders.files import save_json
    from eval.page import measure_page, passed, table

    with clean_stdout() as stdout:
        result = measure_page(runs)
        save_json(result, out)
        print(table(result), file=stdout)
    if not passed(result):
        raise typer.Exit(1)
