"""What changed since the prior study: organs, paired lesions, and the RECIST 1.1 response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from assistant.pairing import Pair, Placed, pair
from assistant.phase import contrast_phase
from assistant.recist import Followed, judge, rules
from assistant.tools.base import Query, Turn
from assistant.tools.look import look
from assistant.tools.report import reported
from assistant.wording import capital, measure_name, number, sentence_list, words
from assistant.workspace import Workspace
from encoders.geometry import Box
from encoders.segmenters.base import Mask

ORGAN_KINDS = ["volume", "mean_hu"]
NOT_COMPARED = ("distance", "count")
SAME = 0.05
"""Changes below this (ml, mm or HU) are no change."""

Record = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Lesion:
    """One lesion of one of the two studies."""

    record: Record
    placed: Placed

    @property
    def longest_mm(self) -> float:
        return self.placed.diameter_mm


def against_prior(turn: Turn, prior: Workspace, query: Query) -> dict[str, Any]:
    """Look for the query's targets in both studies; without targets: for what a report is about.

    Returns, beside the findings of this scan, "prior" (the findings of the other), "changes" of structures, "lesions"
    (pairs, vanished and new ones) and "response".
    """
    ontology = turn.workspace.words
    earlier = Turn(prior, progress=turn.progress)
    targets = list(query.targets) or _usual(turn.workspace, query.measures)
    kinds: list[str] = [k for k in query.measures if k not in NOT_COMPARED]
    lesions = [t for t in targets if ontology[t].kind == "lesion"]
    organs = [t for t in targets if t not in lesions]
    result: dict[str, Any] = {"findings": [], "context": [], "unsupported": [], "partial": {}, "notes": []}
    result |= {"segmenter": turn.workspace.segmenter.name, "unit": query.unit}
    before: list[Record] = []
    lines: list[str] = []
    changes: list[Record] = []
    if organs:
        now, then = _both(turn, earlier, query, organs, kinds or ORGAN_KINDS)
        _add(result, now)
        before += then["findings"]
        changes, lines = _changes(
            turn, earlier, now, then, kinds or ORGAN_KINDS, query.unit, bool(query.targets)
        )
    followed: dict[str, Any] = {"lesions": [], "response": None}
    if lesions:
        of_lesions: list[str] = list(dict.fromkeys(["longest_diameter", *kinds]))
        now, then = _both(turn, earlier, query, lesions, of_lesions)
        _add(result, now)
        before += then["findings"]
        followed, more = _followed(turn, earlier, query, now, then, of_lesions)
        lines += more
    if turn.workspace.study.fingerprint == prior.study.fingerprint:
        turn.warn(words()["prior"]["same"])
    for warning in earlier.warnings:
        turn.warn(f"{words()['prior']['prior']}: {warning}")
    result["notes"] = [*dict.fromkeys(result["notes"])]
    return result | {
        "study": "prior",
        "prior": {"findings": before},
        "changes": changes,
        **followed,
        "lines": lines,
        "own_words": True,
    }


def _usual(work: Workspace, measures: Sequence[str]) -> list[str]:
    """The organs and lesions of the report that can be looked for; lesions alone when only lengths are asked."""
    organs, lesions = reported()
    lengths = bool(measures) and all(k in ("longest_diameter", "short_axis", "count") for k in measures)
    return [s for s in ([] if lengths else organs) + lesions if work.can_find(s)] or lesions[:1]


def _both(
    turn: Turn, earlier: Turn, query: Query, targets: list[str], kinds: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    asked = Query(targets=targets, within=query.within, unit=query.unit)
    return look(turn, asked, kinds), look(earlier, asked, kinds)


def _add(result: dict[str, Any], part: Mapping[str, Any]) -> None:
    for key in ("findings", "context", "unsupported", "notes"):
        result[key] = [*result[key], *part[key]]
    result["partial"] |= part["partial"]


# -- organs


def _changes(
    turn: Turn,
    earlier: Turn,
    now: Mapping[str, Any],
    then: Mapping[str, Any],
    kinds: Sequence[str],
    unit: str | None,
    named: bool,
) -> tuple[list[Record], list[str]]:
    """One entry and one line a structure and measure. named: the user asked for these structures, so that those in
    neither scan are said too.
    """
    say, changes, lines = words()["prior"], [], []
    phases = _phases(turn, earlier) if "mean_hu" in kinds else None
    old = {r["structure"]: r for r in then["findings"]}
    for record in now["findings"]:
        other, label = old[record["structure"]], capital(record["label"])
        if not (record["present"] and other["present"]):
            if record["present"] or other["present"]:
                where = say["prior"] if record["present"] else say["this"]
                lines.append(say["not_found"].format(label=label, where=where))
            elif named:
                lines.append(say["neither"].format(label=label))
            continue
        parts = []
        for kind in kinds:
            a, b = _value(other, kind), _value(record, kind)
            if a is None or b is None:
                continue
            entry: Record = {"structure": record["structure"], "label": record["label"], "kind": kind}
            entry |= {"before": a["value"], "after": b["value"], "unit": b["unit"]}
            reason = _why_not(record, other, kind, phases, a, b)
            if reason:
                changes.append(entry | {"difference": None, "percent": None, "reason": reason})
                parts.append(say["not_compared"].format(measure=measure_name(kind), reason=reason))
            else:
                changes.append(entry | _difference(a["value"], b["value"], b["unit"]))
                parts.append(_part(changes[-1], unit))
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


# -- lesions


def _followed(
    turn: Turn,
    earlier: Turn,
    query: Query,
    now: Mapping[str, Any],
    then: Mapping[str, Any],
    kinds: Sequence[str],
) -> tuple[dict[str, Any], list[str]]:
    say, entries = words()["prior"], []
    order = list(dict.fromkeys(r["structure"] for r in now["findings"]))
    for structure in order:
        entries += _pairs_of(turn, earlier, structure, now, then, kinds)
    chosen = _chosen(entries, query)
    lines = [line for entry in chosen for line in _lesion_lines(entry, query.unit)]
    without = _in_neither(turn, entries, now)
    if without:
        lines.append(say["no_lesions"].format(names=sentence_list([f"{name}s" for name in without])))
    if any(e["status"] == "paired" for e in chosen):
        lines.append(say["how"])
    response, more = _response(turn, query, entries, order)
    return {"lesions": chosen, "response": response}, lines + more


def _in_neither(turn: Turn, entries: Sequence[Record], now: Mapping[str, Any]) -> list[str]:
    """Names of the lesions that neither scan shows, though this one shows their organs. What is said of them here
    or as gone is not said again as absent from this scan.
    """
    names = []
    for record in now["findings"]:
        of_kind = any(e["structure"] == record["structure"] for e in entries)
        if record["present"] or (record["hosts"] and not _seen(record["hosts"], None)):
            continue
        record["said"] = True
        names += [] if of_kind else [turn.workspace.words[record["structure"]].name]
    return names


def _pairs_of(
    turn: Turn,
    earlier: Turn,
    structure: str,
    now: Mapping[str, Any],
    then: Mapping[str, Any],
    kinds: Sequence[str],
) -> list[Record]:
    """All lesions of one kind in the two scans, each once, as data."""
    old, new = (_lesions(t, structure, found) for t, found in ((earlier, then), (turn, now)))
    return [
        _entry(p, old, new, kinds, _hosts(then, structure), _hosts(now, structure))
        for p in pair([x.placed for x in old], [x.placed for x in new])
    ]


def _lesions(turn: Turn, structure: str, found: Mapping[str, Any]) -> list[Lesion]:
    geometry, lesions = turn.workspace.study.volume.geometry, []
    for record in found["findings"]:
        if record["structure"] != structure or not record["present"]:
            continue
        finding = turn.findings[structure, record["number"]]
        assert finding.box is not None
        assert finding.voxels is not None
        mask = Mask(structure, finding.shape, Box(*finding.box.voxel), finding.voxels, finding.confidence)
        organ = _organ_mask(turn.workspace, record["organ"]) if record["organ"] else None
        whole = not any(h["cut_off"] for h in record["hosts"] if h["structure"] == record["organ"])
        longest = finding.value("longest_diameter") or 0.0
        lesions.append(Lesion(record, Placed.of(mask, longest, organ, geometry, whole)))
    return lesions


def _organ_mask(work: Workspace, organ: str) -> Mask | None:
    """An organ's mask, joined of its parts where it is a group."""
    masks = [f.mask for f in work.find(work.reachable([organ]).ids).values() if f.mask.present]
    if not masks:
        return None
    return Mask.from_full(organ, np.logical_or.reduce([m.full() for m in masks]), 1.0)


def _entry(
    p: Pair,
    old: Sequence[Lesion],
    new: Sequence[Lesion],
    kinds: Sequence[str],
    hosts_then: list[Record],
    hosts_now: list[Record],
) -> Record:
    before = old[p.before] if p.before is not None else None
    after = new[p.after] if p.after is not None else None
    shown = after or before
    assert shown is not None
    status = "paired" if before and after else "new" if after else "gone"
    doubt = p.doubt
    if status == "new" and not doubt and not _seen(hosts_then, shown.record["organ"]):
        doubt = "unseen"
    if status == "gone" and not _seen(hosts_now, shown.record["organ"]):
        doubt = "unseen_now"
    return {
        "structure": shown.record["structure"],
        "label": shown.record["label"],
        "status": status,
        "location": shown.record["location"],
        "organ": shown.record["organ"],
        "before_mm": before.longest_mm if before else None,
        "after_mm": after.longest_mm if after else None,
        "changes": [
            {"kind": kind, "before": a["value"], "after": b["value"], "unit": b["unit"]}
            | _difference(a["value"], b["value"], b["unit"])
            for kind in kinds
            if before and after and (a := _value(before.record, kind)) and (b := _value(after.record, kind))
        ],
        "distance_mm": p.distance_mm,
        "sure": not doubt,
        "doubt": doubt,
        "level": shown.record["quality"]["level"],
    }


def _hosts(found: Mapping[str, Any], structure: str) -> list[Record]:
    return next((r["hosts"] for r in found["findings"] if r["structure"] == structure), [])


def _seen(hosts: Sequence[Record], organ: str | None) -> bool:
    """Whether a scan shows a lesion's organ in full; an organ that the model does not know counts as seen."""
    return all(h["present"] and not h["cut_off"] for h in hosts if organ is None or h["structure"] == organ)


def _chosen(entries: Sequence[Record], query: Query) -> list[Record]:
    """The lesions that the query means, by their later size where there is one."""

    def size(entry: Record) -> float:
        return entry["after_mm"] if entry["after_mm"] is not None else entry["before_mm"]

    low, high = query.min_mm or 0.0, query.max_mm if query.max_mm is not None else float("inf")
    chosen = [e for e in entries if low <= size(e) <= high]
    if query.select == "all":
        return chosen
    ordered = sorted(chosen, key=size, reverse=query.select == "largest")
    return ordered[(query.rank or 1) - 1 :][:1]


def _lesion_lines(entry: Record, unit: str | None) -> list[str]:
    say = words()["prior"]
    place = f" in {sentence_list(entry['location'])}" if entry["location"] else ""
    texts = {"label": capital(entry["label"]), "place": place, "doubt": _doubt(entry, unit)}
    if entry["status"] == "paired":
        return [say["paired"].format(parts="; ".join(_part(c, unit) for c in entry["changes"]), **texts)]
    value = entry["after_mm"] if entry["status"] == "new" else entry["before_mm"]
    name = {"new": "after", "gone": "before"}[entry["status"]]
    return [say[entry["status"]].format(**texts, **{name: number(value, "mm", unit)})]


def _doubt(entry: Record, unit: str | None) -> str:
    if not entry["doubt"]:
        return ""
    say, organ = words()["prior"], str(entry["organ"]).replace("_", " ")
    distance = number(entry["distance_mm"] or 0.0, "mm", unit)
    return say["doubt"].format(reason=say["doubts"][entry["doubt"]].format(distance=distance, organ=organ))


# -- response


def _response(
    turn: Turn, query: Query, entries: Sequence[Record], asked: Sequence[str]
) -> tuple[Record | None, list[str]]:
    """RECIST 1.1 by all lesions that were asked for; none for a choice of them or for what RECIST leaves out."""
    say, ontology = words()["prior"], turn.workspace.words
    counted = [e for e in entries if e["structure"] in rules()["lesions"]]
    if not counted or query.within or query.select != "all" or query.min_mm or query.max_mm:
        return None, []
    followed = [
        Followed(
            ontology[e["structure"]].within[0], e["before_mm"], e["after_mm"], e["doubt"] != "unseen_now"
        )
        for e in counted
    ]
    geometry = turn.workspace.study.volume.geometry
    in_plane = max(s for axis, s in enumerate(geometry.spacing) if axis != geometry.axial_axis)
    found = judge(followed, in_plane)
    involved = [counted[n] for n in found.targets] + [e for e in counted if e["status"] == "new"]
    new = [e["after_mm"] for e in counted if e["status"] == "new"]
    small = bool(new) and max(new) < rules()["target_mm"]
    unsure = any(not e["sure"] or e["level"] != "validated" for e in involved)
    sums = ""
    if found.targets:
        count = len(found.targets)
        sums = say["sums"].format(
            count=count,
            targets="target lesion" if count == 1 else "target lesions",
            after=number(found.after_mm, "mm", query.unit),
            before=number(found.before_mm, "mm", query.unit),
            percent=_signed(found.percent),
        )
    kinds = [ontology[s].name for s in asked if s in rules()["lesions"]]
    of = say["of"].format(names=sentence_list([f"{name}s" for name in kinds])) if len(kinds) < 4 else ""
    sentences = [say["response"].format(name=say["names"][found.response], of=of, sums=sums)]
    sentences += [say["why"][found.why]] if say["why"][found.why] else []
    sentences += [say["small_new"]] if small else []
    sentences += [say["borderline"]] if found.borderline else []
    sentences += [say["unsure"]] if unsure else []
    record = asdict(found) | {
        "targets": [_short(counted[n]) for n in found.targets],
        "others": [_short(e) for n, e in enumerate(counted) if n not in found.targets],
        "sure": not (unsure or small or found.borderline),
        "baseline": "prior",
        "nadir": None,
    }
    return record, [" ".join([*sentences, say["caveat"]])]


def _short(entry: Record) -> Record:
    return {key: entry[key] for key in ("structure", "label", "location", "before_mm", "after_mm", "sure")}


# -- words


def _value(record: Record, kind: str) -> Record | None:
    return next((m for m in record["measurements"] if m["kind"] == kind), None)


def _difference(before: float, after: float, unit: str) -> Record:
    """after - before, and as a share of before; a share of a density means nothing."""
    percent = 100 * (after - before) / before if before > 0 and unit != "HU" else None
    return {"difference": round(after - before, 3), "percent": None if percent is None else round(percent, 1)}


def _part(change: Record, unit: str | None) -> str:
    """One measure in two scans, as a part of a sentence."""
    say, of_unit = words()["prior"], change["unit"]
    before, after = (number(change[key], of_unit, unit) for key in ("before", "after"))
    difference = ("+" if change["difference"] > 0 else "") + number(change["difference"], of_unit, unit)
    if change["percent"] is not None:
        difference += f" ({_signed(change['percent'])})"
    key = "equal" if abs(change["difference"]) < SAME else "change"
    measure = measure_name(change["kind"])
    return say[key].format(measure=measure, after=after, before=before, change=difference)


def _signed(percent: float | None) -> str:
    return "-" if percent is None else f"{percent:+.0f} %"
