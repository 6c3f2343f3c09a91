"""bodymaps demo: fetch the demo CT once, ask it a few questions, open the page."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from assistant.cli.chat import Host, Port, open_page
from assistant.cli.common import Bar, SegmenterSpec, ask_until_stopped, clean_stdout

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    page: Annotated[bool, typer.Option(help="Open the page afterwards.")] = True,
    host: Host = "127.0.0.1",
    port: Port = 7860,
    segmenter: SegmenterSpec = "embedded",
) -> None:
    """Fetch the demo CT once (50 MB, later offline), ask it a few questions, and open the page."""
    from assistant import Assistant
    from assistant.demo import credit, demo_study
    from assistant.demo import demo as data

    with clean_stdout() as out:
        with Bar("demo CT") as bar:
            study = demo_study(bar.progress)
        print(credit(), file=sys.stderr)
        session = Assistant(segmenter=segmenter).open(study)
        for question in data()["questions"]:
            with Bar("thinking") as bar:
                answer = ask_until_stopped(session, question, bar)
            print(f"> {question}\n{answer.text}\n({answer.seconds:.1f} s)\n", file=out, flush=True)
    if page:
        open_page(study, host, port, segmenter, browser=True)
