"""compare: the same measure of two or more structures of one scan, or of one structure in two scans."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Literal

from pydantic import Field

from assistant.tools.base import Measuring, StructureId, Tool, Turn
from assistant.tools.look import look
from assistant.tools.measure import distances
from assistant.tools.prior import against_prior
from assistant.wording import capital, measure_name, number, usual_measures, words


class Compare(Measuring):
    """What to compare."""

    targets: list[StructureId] = Field(
        default=[], description="two or more structures; with a prior: empty is all"
    )
    study: Literal["prior"] | None = Field(default=None, description="compare with the prior study")
    status: Literal["new", "gone"] | None = Field(
        default=None, description="with a prior: only lesions that are new, or gone"
    )


def run(turn: Turn, query: Compare) -> dict[str, Any]:
    if query.study is not None:
        if turn.prior is None:
            return {"error": words()["compare"]["no_prior"]}
        result = against_prior(turn, turn.prior, query, query.status)
        result["notes"] += [words()["notes"]["level_ignored"]] if query.level else []
        return result
    if not query.targets:
        return {"error": words()["compare"]["two"]}
    kinds = list(query.measures) or usual_measures(turn.workspace.words[query.targets[0]].kind)[:1]
    whole = "distance" in kinds  # the level is not for it, see measure
    result = look(turn, query, kinds, () if whole else query.level)
    result["notes"] += [words()["notes"]["level_ignored"]] if query.level and whole else []
    pairs = [
        _compared(first, second, kind, query.unit)
        for kind in kinds
        if kind not in ("distance", "count")
        for first, second in combinations([r for r in result["findings"] if r["present"]], 2)
    ]
    lines = [line for pair in pairs for line in pair.pop("lines")]
    between = {"distances": distances(turn, result)} if "distance" in kinds else {}
    return result | between | {"comparisons": pairs, "lines": lines, "own_words": bool(pairs or between)}


def _compared(first: dict[str, Any], second: dict[str, Any], kind: str, unit: str | None) -> dict[str, Any]:
    """One measure of two findings: values, difference, and what share of the smaller one that is."""
    say, name = words()["compare"], measure_name(kind)
    pair: dict[str, Any] = {"kind": kind, "between": [first["structure"], second["structure"]]}
    values = []
    for record in (first, second):
        value = next((m["value"] for m in record["measurements"] if m["kind"] == kind), None)
        if value is None:
            return pair | {"lines": [say["missing"].format(label=record["label"], measure=name)]}
        values.append(value)
    of_unit = next(m["unit"] for m in first["measurements"] if m["kind"] == kind)
    a, b = values
    texts = {
        "measure": capital(name),
        "first": first["label"],
        "second": second["label"],
        "first_value": number(a, of_unit, unit),
        "second_value": number(b, of_unit, unit),
    }
    pair |= {"values": values, "unit": of_unit, "difference": round(abs(a - b), 3)}
    if a == b:
        return pair | {"lines": [say["equal"].format(**texts)]}
    low = abs(min(a, b, key=abs))
    pair["percent"] = round(100 * abs(a - b) / low) if low else None
    larger = first if a > b else second
    pair["larger"] = larger["structure"]
    line = say["line"].format(
        **texts,
        larger=larger["label"],
        difference=number(abs(a - b), of_unit, unit),
        percent="-" if pair["percent"] is None else pair["percent"],
    )
    return pair | {"lines": [line]}


TOOL = Tool(
    "compare",
    "Compare a measure of two structures of this scan, or their distance; with the prior study: changes of organs "
    "and lesions, new and vanished lesions, RECIST 1.1 response.",
    Compare,
    run,
)
