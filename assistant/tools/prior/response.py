"""RECIST 1.1 of two scans, the prior as baseline, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from assistant.recist import Followed, judge, rules
from assistant.tools.prior.saying import Record, signed
from assistant.tools.prior.scans import Scans
from assistant.wording import number, sentence_list, words


def response_of(
    scans: Scans, entries: Sequence[Record], asked: Sequence[str]
) -> tuple[Record | None, list[str]]:
    """RECIST 1.1 by all lesions that were asked for; none for a choice of them or for what RECIST leaves out."""
    say, ontology = words()["prior"], scans.turn.workspace.words
    query = scans.query
    counted = [e for e in entries if e["structure"] in rules()["lesions"]]
    if not counted or scans.status or query.within or query.select != "all" or query.min_mm or query.max_mm:
        return None, []
    followed = [
        Followed(
            ontology[e["structure"]].within[0], e["before_mm"], e["after_mm"], e["doubt"] != "unseen_now"
        )
        for e in counted
    ]
    geometry = scans.turn.workspace.study.volume.geometry
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
            percent=signed(found.percent),
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
