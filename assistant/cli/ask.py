"""bodymaps ask: a conversation about one CT."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import (
    AsJson,
    Bar,
    Llm,
    SegmenterSpec,
    StudyPath,
    ask_until_stopped,
    clean_stdout,
    put_json,
)
from encoders.files import check_folder

app = typer.Typer(add_completion=False)


@app.command()
def ask(
    study: StudyPath,
    requests: Annotated[list[str], typer.Argument(help="The turns of one conversation.")],
    as_json: AsJson = False,
    out: Annotated[Path | None, typer.Option(help="Save masks and answer.json in this folder.")] = None,
    llm: Llm = None,
    segmenter: SegmenterSpec = "embedded",
    prior: Annotated[Path | None, typer.Option(help="An earlier CT of the patient, to compare with.")] = None,
) -> None:
    """Ask about a CT, in your own words. Each request is the next turn of one conversation."""
    from assistant import Assistant
    from assistant.answer import Answer
    from assistant.export.answers import save_answer, save_record

    if out is not None:
        check_folder(out)
    with clean_stdout() as stdout:
        session = Assistant(llm=llm, segmenter=segmenter).open(study, out=out, prior=prior)
        answers: list[Answer] = []
        for request in requests:
            with Bar("thinking") as bar:
                answer = ask_until_stopped(session, request, bar)
            if out is not None:
                answer = save_answer(answer, session.study, out)
            answers.append(answer)
            if as_json:
                put_json(answer.to_dict(), stdout)
            else:
                print(_readable(answer), file=stdout, flush=True)
        if out is not None:
            save_record(answers, out)


def _readable(answer: object) -> str:
    from assistant.answer import Answer

    assert isinstance(answer, Answer)
    lines = [f"> {answer.request}", answer.text]
    lines += [f"  warning: {warning}" for warning in answer.warnings if warning not in answer.text]
    lines += [f"  box of {f.label}: voxels {f.box.voxel}" for f in answer.findings if f.box]
    lines += [f"  saved {f.mask_path}" for f in answer.findings if f.mask_path]
    return "\n".join([*lines, ""])
