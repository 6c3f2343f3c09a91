"""bodymaps eval prompts: how well are requests understood, and answered?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from assistant.cli.common import Llm, SegmenterSpec, clean_stdout
from encoders.files import save_json


def prompts(
    suite: Annotated[str, typer.Argument(help="A JSONL suite, the name of one of the project's, or `all`.")],
    llm: Llm = None,
    tools: Annotated[
        Literal["oracle", "real"] | None,
        typer.Option(
            help="Also answer: with perfect masks of the phantoms, or with a model's. Default: plan only."
        ),
    ] = None,
    segmenter: SegmenterSpec = "embedded",
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many conversations, spread over the suites.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The JSON file.")] = Path("prompts.json"),
) -> None:
    """Score how requests become plans, and with --tools how they are answered, stage by stage with 95 % intervals."""
    import time

    from tqdm import tqdm

    from eval.prompts.cases import load_suites, stratified
    from eval.prompts.sums import locks

    with clean_stdout() as stdout:
        suites = load_suites(suite)
        lock = locks(suites)
        if limit is not None:
            suites = stratified(suites, limit)
        started = time.perf_counter()
        with tqdm(total=sum(len(s.cases) for s in suites), unit="conversation", disable=None) as bar:
            result, text = (
                _planned(llm, suites, bar) if tools is None else _held(tools, llm, segmenter, suites, bar)
            )
        about: dict[str, Any] = {
            "suite": suite,
            "llm": llm,
            "tools": tools,
            "segmenter": segmenter if tools == "real" else None,
        }
        about |= {"limit": limit, "lock": lock, "seconds_in_all": round(time.perf_counter() - started, 1)}
        save_json(about | result, out)
        print(text, file=stdout)
        print(f"{about['seconds_in_all']:.0f} s in all", file=stdout)


def _planned(llm: str | None, suites: list[Any], bar: Any) -> tuple[dict[str, Any], str]:
    from eval.prompts.run import evaluate, planner, table

    result = evaluate(planner(llm), suites, bar.update)
    return result, table(result)


def _held(
    tools: str, llm: str | None, segmenter: str, suites: list[Any], bar: Any
) -> tuple[dict[str, Any], str]:
    from eval.prompts.answers import Stand, hold
    from eval.prompts.report import summary, table

    stand = Stand(llm, segmenter if tools == "real" else None)
    try:
        result = summary(hold(stand, suites, bar.update), suites)
    finally:
        stand.close()
    return result, table(result)
