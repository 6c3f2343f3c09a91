"""bodymaps plan: what the agent would do, without a study. Imports neither torch nor langchain when
offline.
"""

from __future__ import annotations

from typing import Annotated

import typer

from assistant.cli.common import AsJson, Llm, clean_stdout, put_json
from assistant.plan import Plan

app = typer.Typer(add_completion=False)


@app.command()
def plan(
    requests: Annotated[list[str], typer.Argument(help="The turns of one conversation.")],
    as_json: AsJson = False,
    llm: Llm = None,
) -> None:
    """Say what the assistant would do, without a CT. Each request is the next turn of one conversation."""
    with clean_stdout() as out:
        for made in _offline(requests) if llm is None else _with_model(llm, requests):
            if as_json:
                put_json(made.to_dict(), out)
            else:
                print(_readable(made), file=out, flush=True)


def _offline(requests: list[str]) -> list[Plan]:
    from assistant.planner import Dialogue
    from assistant.planner import plan as read

    dialogue, plans = Dialogue(), []
    for request in requests:
        plans.append(read(request, dialogue))
        dialogue.remember(plans[-1])
    return plans


def _with_model(llm: str, requests: list[str]) -> list[Plan]:
    from assistant.agent import plan_with_model

    return plan_with_model(llm, requests)


def _readable(made: Plan) -> str:
    lines = [f"> {made.request}", f"  {made.status}"]
    for call in made.calls:
        args = ", ".join(f"{k}={v}" for k, v in call.args.items() if v not in (None, [], "all"))
        lines.append(f"  {call.tool}({args})")
    return "\n".join([*lines, *([f"  {made.text}"] if made.text else [])])
