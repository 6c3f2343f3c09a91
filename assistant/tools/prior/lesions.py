"""Lesions of two scans: paired, new and gone ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assistant.pairing import Pair, Placed, pair
from assistant.tools.base import Turn
from assistant.tools.prior.response import response_of
from assistant.tools.prior.saying import Record, difference, part, value
from assistant.tools.prior.scans import Scans
from assistant.wording import capital, number, sentence_list, words
from assistant.workspace import Workspace
from encoders.geometry import Box
from encoders.segmenters.base import Mask


@dataclass(frozen=True, eq=False)
class Lesion:
    """One lesion of one of the two studies."""

    record: Record
    placed: Placed

    @property
    def longest_mm(self) -> float:
        return self.placed.diameter_mm


def followed(scans: Scans) -> tuple[dict[str, Any], list[str]]:
    say, entries = words()["prior"], []
    order = list(dict.fromkeys(r["structure"] for r in scans.now["findings"]))
    for structure in order:
        entries += _pairs_of(scans, structure)
    chosen = _chosen(entries, scans)
    lines = [line for entry in chosen for line in _lesion_lines(entry, scans.query.unit)]
    without = _in_neither(scans, entries)
    others = [scans.turn.workspace.words[s].name for s in dict.fromkeys(e["structure"] for e in entries)]
    if scans.status and others and not chosen:
        lines.append(say["none"][scans.status].format(names=sentence_list([f"{name}s" for name in others])))
    if without:
        lines.append(say["no_lesions"].format(names=sentence_list([f"{name}s" for name in without])))
    if any(e["status"] == "paired" for e in chosen):
        lines.append(say["how"])
    response, more = response_of(scans, entries, order)
    return {"lesions": chosen, "response": response}, lines + more


def _in_neither(scans: Scans, entries: Sequence[Record]) -> list[str]:
    """Names of the lesions that neither scan shows, though this one shows their organs. What is said of them here
    or as gone is not said again as absent from this scan.
    """
    names = []
    for record in scans.now["findings"]:
        of_kind = any(e["structure"] == record["structure"] for e in entries)
        if record["present"] or (record["hosts"] and not _seen(record["hosts"], None)):
            continue
        record["said"] = True
        names += [] if of_kind else [scans.turn.workspace.words[record["structure"]].name]
    return names


def _pairs_of(scans: Scans, structure: str) -> list[Record]:
    """All lesions of one kind in the two scans, each once, as data."""
    old, new = (
        _lesions(t, structure, found) for t, found in ((scans.earlier, scans.then), (scans.turn, scans.now))
    )
    hosts_then, hosts_now = _hosts(scans.then, structure), _hosts(scans.now, structure)
    return [
        _entry(p, old, new, scans.kinds, hosts_then, hosts_now)
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
        "number": after.record["number"] if after else None,
        "location": shown.record["location"],
        "organ": shown.record["organ"],
        "before_mm": before.longest_mm if before else None,
        "after_mm": after.longest_mm if after else None,
        "changes": [
            {"kind": kind, "before": a["value"], "after": b["value"], "unit": b["unit"]}
            | difference(a["value"], b["value"], b["unit"])
            for kind in kinds
            if before and after and (a := value(before.record, kind)) and (b := value(after.record, kind))
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


def _chosen(entries: Sequence[Record], scans: Scans) -> list[Record]:
    """The lesions that the query means, by their later size where there is one."""

    def size(entry: Record) -> float:
        return entry["after_mm"] if entry["after_mm"] is not None else entry["before_mm"]

    query = scans.query
    low, high = query.min_mm or 0.0, query.max_mm if query.max_mm is not None else float("inf")
    chosen = [e for e in entries if low <= size(e) <= high and scans.status in (None, e["status"])]
    if query.select == "all":
        return chosen
    ordered = sorted(chosen, key=size, reverse=query.select == "largest")
    return ordered[(query.rank or 1) - 1 :][: query.top or 1]


def _lesion_lines(entry: Record, unit: str | None) -> list[str]:
    say = words()["prior"]
    place = f" in {sentence_list(entry['location'])}" if entry["location"] else ""
    texts = {"label": capital(entry["label"]), "place": place, "doubt": _doubt(entry, unit)}
    if entry["status"] == "paired":
        return [say["paired"].format(parts="; ".join(part(c, unit) for c in entry["changes"]), **texts)]
    value = entry["after_mm"] if entry["status"] == "new" else entry["before_mm"]
    name = {"new": "after", "gone": "before"}[entry["status"]]
    return [say[entry["status"]].format(**texts, **{name: number(value, "mm", unit)})]


def _doubt(entry: Record, unit: str | None) -> str:
    if not entry["doubt"]:
        return ""
    say, organ = words()["prior"], str(entry["organ"]).replace("_", " ")
    distance = number(entry["distance_mm"] or 0.0, "mm", unit)
    return say["doubt"].format(reason=say["doubts"][entry["doubt"]].format(distance=distance, organ=organ))
