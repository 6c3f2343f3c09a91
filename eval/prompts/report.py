"""The scores of held conversations: stages with Wilson intervals, metrics by axis, groups, latency; as data and a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from eval.intervals import Share, mean_interval
from eval.prompts.answers import Answered
from eval.prompts.cases import Suite
from eval.prompts.judge import STAGES
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
        "groups": groups([(f"{t.suite} {t.case.group}", t.judged.stages["all"]) for t in turns if t.case.group]),
        "by_edits": _by(turns, "edits"),
        "by_rung": _by(turns, "rung"),
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


def groups(scored: Iterable[tuple[str, bool | None]]) -> dict[str, Any]:
    """Phrasings of one intent, by group: how many groups are right in all (worst of k), in the mean, and how they
    scatter."""
    by_group: dict[str, list[bool]] = defaultdict(list)
    for group, right in scored:
        by_group[group].append(bool(right))
    shares = [float(np.mean(right)) for right in by_group.values() if len(right) > 1]
    sizes = [len(right) for right in by_group.values() if len(right) > 1]
    return {
        "worst_of_k": Share.of(share == 1.0 for share in shares).to_dict(),
        "mean": float(np.mean(shares)) if shares else None,
        "std": float(np.std(shares)) if shares else None,
        "k": [min(sizes), max(sizes)] if sizes else None,
    }


def table(result: Mapping[str, Any]) -> str:
    """Stages, suites and metrics with their counts and intervals, for the terminal."""
    rows = [share_row(name, share) for name, share in result["stages"].items()]
    rows += [share_row(f"all, {name}", sums["all"]) for name, sums in result["suites"].items() if sums["all"]["n"]]
    rows += [share_row(f"all, {n} typing errors", share) for n, share in result["by_edits"].items()]
    rows += [share_row(f"all, rung {n}", share) for n, share in result["by_rung"].items()]
    if result["groups"]["k"]:
        low, high = result["groups"]["k"]
        rows.append(share_row(f"all of {low} to {high} phrasings", result["groups"]["worst_of_k"]))
    parts = [markdown(["stage", "share", "95 % interval", "right", "n"], rows)]
    figures = [_figure(name, metric) for name, metric in result["metrics"].items()]
    parts.append(markdown(["metric", "value", "95 % interval", "median", "p95", "n"], figures))
    parts.append(
        f"{result['turns']} turns of {result['conversations']} conversations, {result['failed']} without an answer; "
        f"{result['not_run']} conversations not run (they name no scan, or one that these tools cannot see)"
    )
    return "\n\n".join(parts)


def share_row(name: str, share: Mapping[str, Any]) -> list[object]:
    return [name, share["value"], interval(share), share["right"], share["n"]]


def interval(share: Mapping[str, Any]) -> str | None:
    low, high = share["low95"], share["high95"]
    return None if low is None else f"{low:.3f} to {high:.3f}"


def _by(turns: Iterable[Answered], what: str) -> dict[str, Any]:
    """Right in all stages, by how many typing errors or how specific: only turns that say it."""
    found: dict[int, list[bool | None]] = defaultdict(list)
    for turn in turns:
        level = getattr(turn.case, what)
        if level is not None:
            found[level].append(turn.judged.stages["all"])
    return {str(level): Share.of(right).to_dict() for level, right in sorted(found.items())}


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
