"""Sums over turns that both tables share: groups of phrasings, levels, and rows with Wilson intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from eval.intervals import Share
from eval.prompts.cases import Suite


def groups(scored: Iterable[tuple[str, bool | None]]) -> dict[str, Any]:
    """Phrasings of one intent, by group: how many are right in all k (worst of k), the mean share, its spread."""
    by_group: dict[str, list[bool]] = defaultdict(list)
    for group, right in scored:
        by_group[group].append(bool(right))
    kept = [right for right in by_group.values() if len(right) > 1]
    shares = [float(np.mean(right)) for right in kept]
    return {
        "worst_of_k": Share.of(share == 1.0 for share in shares).to_dict(),
        "mean": float(np.mean(shares)) if shares else None,
        "std": float(np.std(shares)) if shares else None,
        "k": [min(map(len, kept)), max(map(len, kept))] if kept else None,
    }


def by_level(scored: Iterable[tuple[int | None, bool | None]]) -> dict[str, Any]:
    """Shares by a level, such as the number of typing errors; what has no level does not count."""
    found: dict[int, list[bool | None]] = defaultdict(list)
    for level, right in scored:
        if level is not None:
            found[level].append(right)
    return {str(level): Share.of(right).to_dict() for level, right in sorted(found.items())}


def level_rows(what: str, result: Mapping[str, Any]) -> list[list[object]]:
    """Rows of typing errors, rungs of the ladders, and groups of phrasings."""
    rows = [share_row(f"{what}, typing errors: {n}", share) for n, share in result["by_edits"].items()]
    rows += [share_row(f"{what}, rung {n} of specificity", share) for n, share in result["by_rung"].items()]
    if result["groups"]["k"]:
        low, high = result["groups"]["k"]
        rows.append(
            share_row(f"{what} in all of k = {low} to {high} phrasings", result["groups"]["worst_of_k"])
        )
    return rows


def share_row(name: str, share: Mapping[str, Any]) -> list[object]:
    return [name, share["value"], interval(share), share["right"], share["n"]]


def interval(share: Mapping[str, Any]) -> str | None:
    low, high = share["low95"], share["high95"]
    return None if low is None else f"{low:.3f} to {high:.3f}"


def locks(suites: Sequence[Suite]) -> dict[str, str]:
    """Hashes of the suites' files and of the phantom scans: results may be compared when they are equal."""
    from eval.prompts.cases import file_hash
    from eval.scans import REGISTRY

    return {suite.name: suite.lock for suite in suites} | {"scans": file_hash(REGISTRY)}
