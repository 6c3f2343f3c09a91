"""Run a planner over prompt suites and sum its scores up."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from encoders.errors import BodyMapsError
from eval.intervals import Share
from eval.prompts.cases import Case, Suite
from eval.prompts.scoring import STAGES, stages
from eval.prompts.sums import by_level, groups, level_rows, share_row
from eval.tables import markdown

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

Planner = Callable[[Sequence[str]], list[dict[str, Any]]]
"""The requests of one conversation to the JSON of their plans."""
Told = Callable[[int], object]
"""Gets the number of conversations that were done since it was last told."""


@dataclass(frozen=True)
class Scored:
    """One turn. error: why the planner gave no plan, "" when it did; such a turn is wrong at every stage."""

    suite: str
    case: str
    group: str | None
    user: str
    expect: dict[str, Any]
    got: dict[str, Any]
    edits: int | None
    rung: int | None
    scores: dict[str, bool | None]
    seconds: float
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def planner(llm: str | BaseChatModel | None = None) -> Planner:
    """The offline planner for None, else a language model behind the agent's middleware."""
    if llm is None:
        return _offline
    from assistant.agent import chat_model, plan_with_model

    model = chat_model(llm)
    return lambda requests: [made.to_dict() for made in plan_with_model(model, requests)]


def _offline(requests: Sequence[str]) -> list[dict[str, Any]]:
    from assistant.planner import Dialogue, plan

    dialogue, plans = Dialogue(), []
    for request in requests:
        made = plan(request, dialogue)
        dialogue.remember(made)
        plans.append(made.to_dict())
    return plans


def evaluate(read: Planner, suites: Sequence[Suite], told: Told | None = None) -> dict[str, Any]:
    """Every turn scored, and the sums: in all, by suite, worst of the paraphrases, seconds a turn."""
    cases = [(suite.name, case) for suite in suites for case in suite.cases]
    turns: list[Scored] = []
    for suite, case in cases:
        turns += _run(read, suite, case)
        if told:
            told(1)
    seconds = np.array([turn.seconds for turn in turns])
    return {
        "conversations": len(cases),
        "turns": len(turns),
        "failed": sum(bool(turn.error) for turn in turns),
        "stages": _sums(turns),
        "suites": {s.name: _sums([t for t in turns if t.suite == s.name]) for s in suites},
        "worst_of_paraphrases": _worst(turns).to_dict(),
        "groups": groups(
            [(f"{t.suite} {t.group}", t.scores["exact"]) for t in turns if t.group and t.edits is None]
        ),
        "by_edits": by_level((t.edits, t.scores["exact"]) for t in turns),
        "by_rung": by_level((t.rung, t.scores["exact"]) for t in turns),
        "seconds": {"median": float(np.median(seconds)), "p95": float(np.quantile(seconds, 0.95))},
        "wrong": [turn.to_dict() for turn in turns if not turn.scores["exact"]],
    }


def table(result: dict[str, Any]) -> str:
    """Stages and suites with their counts and intervals, for the terminal."""
    rows = [share_row(name, share) for name, share in result["stages"].items()]
    rows += [share_row(f"exact, {name}", sums["exact"]) for name, sums in result["suites"].items()]
    rows += level_rows("exact", result)
    spent = result["seconds"]
    return "\n".join(
        [
            markdown(["stage", "share", "95 % interval", "right", "n"], rows),
            f"{result['turns']} turns of {result['conversations']} conversations, {result['failed']} without "
            f"a plan; {spent['median']:.3f} s a turn (median), {spent['p95']:.3f} s (95th percentile)",
        ]
    )


def _run(read: Planner, suite: str, case: Case) -> list[Scored]:
    """One conversation; the seconds of a turn are those of the conversation shared out evenly.

    A turn that opens another study begins a conversation of its own.
    """
    started, error = time.perf_counter(), ""
    plans: list[dict[str, Any]] = []
    starts = [i for i, turn in enumerate(case.turns) if i == 0 or turn.scan]
    try:
        for start, stop in pairwise([*starts, len(case.turns)]):
            plans += read([turn.user for turn in case.turns[start:stop]])
    except BodyMapsError:
        raise
    except Exception as problem:  # whatever a language model and its server come up with
        error = f"{type(problem).__name__}: {problem}"
    seconds = (time.perf_counter() - started) / len(case.turns)
    scored = []
    for i, turn in enumerate(case.turns):
        got = {"status": plans[i]["status"], "calls": plans[i]["calls"]} if i < len(plans) else {}
        scores = stages(turn.expect, got or {"status": "", "calls": []})
        if not got:
            scores = {name: None if score is None else False for name, score in scores.items()}
        levels = {"edits": case.edits, "rung": case.rung}
        scored.append(
            Scored(
                suite=suite,
                case=case.id,
                group=case.group,
                user=turn.user,
                expect=turn.expect,
                got=got,
                scores=scores,
                seconds=seconds,
                error=error,
                **levels,
            )
        )
    return scored


def _sums(turns: Iterable[Scored]) -> dict[str, Any]:
    kept = list(turns)
    return {stage: Share.of(turn.scores[stage] for turn in kept).to_dict() for stage in STAGES}


def _worst(turns: Iterable[Scored]) -> Share:
    """How many intents come out right in every one of their phrasings."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for turn in turns:
        if turn.group:
            groups[f"{turn.suite} {turn.group}"].append(bool(turn.scores["exact"]))
    return Share.of(all(right) for right in groups.values() if len(right) > 1)
