"""Values of two scans: their difference, as data and in words."""

from __future__ import annotations

from typing import Any

from assistant.wording import measure_name, number, words

Record = dict[str, Any]
SAME = 0.05
"""Changes below this (ml, mm or HU) are no change."""


def value(record: Record, kind: str) -> Record | None:
    return next((m for m in record["measurements"] if m["kind"] == kind), None)


def difference(before: float, after: float, unit: str) -> Record:
    """after - before, and as a share of before; a share of a density means nothing."""
    percent = 100 * (after - before) / before if before > 0 and unit != "HU" else None
    return {"difference": round(after - before, 3), "percent": None if percent is None else round(percent, 1)}


def part(change: Record, unit: str | None) -> str:
    """One measure in two scans, as a part of a sentence."""
    say, of_unit = words()["prior"], change["unit"]
    before, after = (number(change[key], of_unit, unit) for key in ("before", "after"))
    difference = ("+" if change["difference"] > 0 else "") + number(change["difference"], of_unit, unit)
    if change["percent"] is not None:
        difference += f" ({signed(change['percent'])})"
    key = "equal" if abs(change["difference"]) < SAME else "change"
    measure = measure_name(change["kind"])
    return say[key].format(measure=measure, after=after, before=before, change=difference)


def signed(percent: float | None) -> str:
    return "-" if percent is None else f"{percent:+.0f} %"
