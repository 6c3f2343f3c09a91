"""Changes of organs between two scans: which may be compared, and by how much they differ."""

from __future__ import annotations

from assistant.phase import contrast_phase
from assistant.tools.base import Turn
from assistant.tools.prior.saying import Record, difference, part, value
from assistant.tools.prior.scans import Scans
from assistant.wording import capital, measure_name, number, words


def changes_of(scans: Scans) -> tuple[list[Record], list[str]]:
    """One entry and one line a structure and measure. Those in neither scan are said when the user named them."""
    say, changes, lines = words()["prior"], [], []
    phases = _phases(scans.turn, scans.earlier) if "mean_hu" in scans.kinds else None
    old = {r["structure"]: r for r in scans.then["findings"]}
    for record in scans.now["findings"]:
        other, label = old[record["structure"]], capital(record["label"])
        if not (record["present"] and other["present"]):
            if record["present"] or other["present"]:
                where = say["prior"] if record["present"] else say["this"]
                lines.append(say["not_found"].format(label=label, where=where))
            elif scans.query.targets:
                lines.append(say["neither"].format(label=label))
            continue
        parts = []
        for kind in scans.kinds:
            a, b = value(other, kind), value(record, kind)
            if a is None or b is None:
                continue
            entry: Record = {"structure": record["structure"], "label": record["label"], "kind": kind}
            entry |= {"before": a["value"], "after": b["value"], "unit": b["unit"]}
            reason = _why_not(record, other, kind, phases, a, b)
            if reason:
                changes.append(entry | {"difference": None, "percent": None, "reason": reason})
                parts.append(say["not_compared"].format(measure=measure_name(kind), reason=reason))
            else:
                changes.append(entry | difference(a["value"], b["value"], b["unit"]))
                parts.append(part(changes[-1], scans.query.unit))
        lines += [say["structure"].format(label=label, parts="; ".join(parts))] if parts else []
    return changes, lines


def _why_not(
    record: Record,
    other: Record,
    kind: str,
    phases: tuple[str, str] | None,
    a: Record,
    b: Record,
) -> str:
    """Why a measure of an organ in two scans must not be compared; "" when it may be."""
    say = words()["prior"]
    if kind.endswith("_hu"):
        if phases is None or phases[0] == phases[1]:
            return ""
        texts = {"after_value": number(b["value"], "HU"), "before_value": number(a["value"], "HU")}
        return say["phases"].format(before=phases[0], after=phases[1], **texts)
    cut = [where for where, r in (("this", record), ("prior", other)) if r["cut_off"]]
    where = {0: "", 1: say[cut[0]] if cut else "", 2: say["both"]}[len(cut)]
    return say["cut_off"].format(where=where) if cut else ""


def _phases(turn: Turn, earlier: Turn) -> tuple[str, str] | None:
    """Contrast phases before and now; None when one of them cannot be told."""
    before, after = (contrast_phase(t.workspace, t.progress)["phase"] for t in (earlier, turn))
    return (before, after) if before and after else None
