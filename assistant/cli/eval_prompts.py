"""bodymaps eval prompts: how well are requests understood?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import Llm, clean_stdout
from encoders.files import save_json


def prompts(
    suite: Annotated[str, typer.Argument(help="A JSONL suite, the name of one of the project's, or `all`.")],
    llm: Llm = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many conversations, spread over the suites.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The JSON file.")] = Path("prompts.json"),
) -> None:
    """Score how requests become plans, stage by stage, with counts and 95 % intervals."""
    from tqdm import tqdm

    from eval.prompts.cases import load_suites, stratified
    from eval.prompts.run import evaluate, planner, table

    with clean_stdout() as stdout:
        suites = load_suites(suite)
        if limit is not None:
            suites = stratified(suites, limit)
        with tqdm(total=sum(len(s.cases) for s in suites), unit="conversation", disable=None) as bar:
            result = evaluate(planner(llm), suites, bar.update)
        save_json({"suite": suite, "llm": llm, "limit": limit} | result, out)
        print(table(result), file=stdout)
