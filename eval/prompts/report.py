"""The scores of held conversations: stages with Wilson intervals, metrics by axis, groups; as data and as a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from eval.intervals import Share, mean_interval
from eval.prompts.answers import Answered
from eval.prompts.cases import Suite
from eval.prompts.judge import STAGES
from eval.prompts.sums import by_level, groups, interval, level_rows, share_row
from eval.tables import markdown


def summary(turns: Sequence[Answered], suites: Sequence[Suite]) -> dict[str, Any]:
    """Sums over all turns, by suite, and every turn that was not right in all of its stages."""
    conversations = {(t.suite, t.case.id) for t in turns}
    return {
        "conversations": len(conversations),
        "not_run": sum(len(suite.cases) for suite in suites) - len(conversations),
        "turns": len(turns),
        "failed": sum(bool(t.error) for t in turns),
        "stages": stage_sums(turns),
        "suites": {s.name: stage_sums([t for t in turns if t.suite == s.name]) for s in suites},
        "metrics": metrics(turns),
        "groups": groups(
            [
                (f"{t.suite} {t.case.group}", t.judged.stages["all"])
                for t in turns
                if t.case.group and t.case.edits is None
            ]
        ),
        "by_edits": by_level((t.case.edits, t.judged.stages["all"]) for t in turns),
        "by_rung": by_level((t.case.rung, t.judged.stages["all"]) for t in turns),
        "wrong": [t.to_dict() for t in turns if not t.judged.stages["all"]],
    }


def stage_sums(turns: Iterable[Answered]) -> dict[str, Any]:
    kept = list(turns)
    return {stage: Share.of(t.judged.stages[stage] for t in kept).to_dict() for stage in STAGES}


def metrics(turns: Iterable[Answered]) -> dict[str, dict[str, Any]]:
    """Each noted metric over all turns: a share, or mean, median and 95th percentile."""
    noted: dict[str, list[bool | float]] = defaultdict(list)
    for turn in turns:
        for name, value in turn.judged.notes:
            noted[name].append(value)
    return {name: _metric(values) for name, values in sorted(noted.items())}


def table(result: Mapping[str, Any]) -> str:
    """Stages, suites and metrics with their counts and intervals, for the terminal."""
    rows = [share_row(name, share) for name, share in result["stages"].items()]
    rows += [
        share_row(f"all, {name}", sums["all"]) for name, sums in result["suites"].items() if sums["all"]["n"]
    ]
    rows += level_rows("all", result)
    parts = [markdown(["stage", "share", "95 % interval", "right", "n"], rows)]
    figures = [_figure(name, metric) for name, metric in result["metrics"].items()]
    parts.append(markdown(["metric", "value", "95 % interval", "median", "p95", "n"], figures))
    parts.append(
        f"{result['turns']} turns of {result['conversations']} conversations, {result['failed']} without an answer; "
        f"{result['not_run']} conversations not run (they name no scan, or one that these tools cannot see)"
    )
    return "\n\n".join(parts)


def _metric(values: Sequence[bool | float]) -> dict[str, Any]:
    if all(isinstance(value, bool) for value in values):
        return Share.of(bool(value) for value in values).to_dict()
    figures = [float(value) for value in values]
    low, high = mean_interval(figures) or (None, None)
    return {
        "mean": float(np.mean(figures)),
        "median": float(np.median(figures)),
        "p95": float(np.quantile(figures, 0.95)),
        "n": len(figures),
        "low95": low,
        "high95": high,
    }


def _figure(name: str, metric: Mapping[str, Any]) -> list[object]:
    value = metric["value"] if "value" in metric else metric["mean"]
    return [name, value, interval(metric), metric.get("median"), metric.get("p95"), metric["n"]]
