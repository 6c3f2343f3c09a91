"""bodymaps chat: the web page, the same as `python app.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import Llm, SegmenterSpec

app = typer.Typer(add_completion=False)

Host = Annotated[str, typer.Option(help="Where to listen; 127.0.0.1 is this computer alone.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")]


@app.command()
def chat(
    study: Annotated[Path | None, typer.Argument(help="A CT to begin with.")] = None,
    host: Host = "127.0.0.1",
    port: Port = 7860,
    segmenter: SegmenterSpec = "embedded",
    llm: Llm = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = False,
    login: Annotated[
        Path | None,
        typer.Option(help="Ask who it is: a file with a line USER:PASSWORD for each; or set BODYMAPS_LOGIN."),
    ] = None,
    allow_paths: Annotated[
        Path | None, typer.Option(help="Programs may open the CTs in this folder by their path.")
    ] = None,
) -> None:
    """Open the web page, with a CT to begin with or without; programs use it over HTTP and MCP."""
    open_page(study, host, port, segmenter, llm, browser, login, allow_paths)


def open_page(
    study: Path | None,
    host: str,
    port: int,
    segmenter: str = "embedded",
    llm: str | None = None,
    browser: bool = False,
    login: Path | None = None,
    allow_paths: Path | None = None,
) -> None:
    """Serve the page until it is interrupted. Raises BodyMapsError for a bad study, segmenter or port."""
    from app import Access
    from app import main as serve
    from assistant import Assistant

    if study is not None:
        Assistant(llm, segmenter).open(study)  # bad input ends here, before the server starts
    serve(host, port, study, segmenter, llm, browser, Access(login, allow_paths))
