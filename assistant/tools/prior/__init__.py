"""What changed since the prior study: organs, paired lesions, and the RECIST 1.1 response."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from assistant.tools.base import Query, Turn
from assistant.tools.prior.lesions import followed
from assistant.tools.prior.organs import changes_of
from assistant.tools.prior.saying import Record
from assistant.tools.prior.scans import Scans
from assistant.tools.report import reported
from assistant.wording import words
from assistant.workspace import Workspace

ORGAN_KINDS = ["volume", "mean_hu"]
NOT_COMPARED = ("distance", "count")


def against_prior(turn: Turn, prior: Workspace, query: Query, status: str | None = None) -> dict[str, Any]:
    """Look for the query's targets in both studies; without targets: for what a report is about.

    status: "new" or "gone", when only such lesions are asked for. Returns, beside the findings of this scan, "prior"
    (the findings of the other), "changes" of structures, "lesions" (pairs, vanished and new ones) and "response".
    """
    ontology = turn.workspace.words
    earlier = Turn(prior, progress=turn.progress)
    targets = list(query.targets) or _usual(turn.workspace, query.measures, status)
    kinds: list[str] = [k for k in query.measures if k not in NOT_COMPARED]
    lesions = [t for t in targets if ontology[t].kind == "lesion"]
    organs = [t for t in targets if t not in lesions]
    result: dict[str, Any] = {"findings": [], "context": [], "unsupported": [], "partial": {}, "notes": []}
    result |= {"segmenter": turn.workspace.segmenter.name, "unit": query.unit}
    before: list[Record] = []
    lines: list[str] = []
    changes: list[Record] = []
    if organs:
        scans = Scans.look(turn, earlier, query, organs, kinds or ORGAN_KINDS)
        _add(result, scans.now)
        before += scans.then["findings"]
        changes, lines = changes_of(scans)
    of_all: dict[str, Any] = {"lesions": [], "response": None}
    if lesions:
        of_lesions = list(dict.fromkeys(["longest_diameter", *kinds]))
        known = set(turn.findings)
        scans = Scans.look(turn, earlier, query, lesions, of_lesions, status)
        before += scans.then["findings"]
        of_all, more = followed(scans)
        _add(result, _listed(turn, scans.now, of_all["lesions"], known))
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
        **of_all,
        "lines": lines,
        "own_words": True,
    }


def _usual(work: Workspace, measures: Sequence[str], status: str | None) -> list[str]:
    """The organs and lesions of the report that can be looked for; lesions alone when only they can be meant."""
    organs, lesions = reported()
    lengths = bool(measures) and all(k in ("longest_diameter", "short_axis", "count") for k in measures)
    of_lesions = bool(status) or lengths
    return [s for s in ([] if of_lesions else organs) + lesions if work.can_find(s)] or lesions[:1]


def _listed(
    turn: Turn, now: Mapping[str, Any], entries: Sequence[Record], known: Collection[tuple[str, int]]
) -> dict[str, Any]:
    """What was found less the lesions that are not listed: where only new ones are asked for, no others.

    The turn forgets them, too, but for those that it knew from a call before.
    """
    shown = {(entry["structure"], entry["number"]) for entry in entries}
    places = [((record["structure"], record["number"]), record) for record in now["findings"]]
    lesions = {place for place, record in places if record["present"] and place[1]}
    for place in lesions - shown - set(known):
        del turn.findings[place]
    return dict(now) | {
        "findings": [record for place, record in places if place not in lesions or place in shown]
    }


def _add(result: dict[str, Any], part: Mapping[str, Any]) -> None:
    for key in ("findings", "context", "unsupported", "notes"):
        result[key] = [*result[key], *part[key]]
    result["partial"] |= part["partial"]
