"""From the calls that a request should become to what the answer must then hold, out of what is known of the scan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from eval.prompts.known import Item, Known, present
from prompts.ontology import ontology

LOOKING = ("segment", "measure", "locate", "detect", "screen", "compare")
"""The tools whose targets become findings."""
PAIRS = ("distance", "count")
"""Measures that are not of one item alone."""


@dataclass(frozen=True, eq=False)
class Wanted:
    """One structure or lesion that the answer must speak of. item: None when it is not in the scan.

    kinds: the measures that must be there. outside: absent because the scan does not reach it.
    """

    structure: str
    item: Item | None
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Expected:
    """What a turn's answer must hold. counts: lesions by structure; distances: by pair of structures."""

    wanted: tuple[Wanted, ...]
    counts: Mapping[str, int]
    distances: Mapping[tuple[str, str], float]


def expected(calls: Iterable[Mapping[str, Any]], scan: Known) -> Expected:
    """The truth about a turn's calls: {"tool", "args"} each."""
    wanted: dict[tuple[str, Item | None], set[str]] = {}
    counts: dict[str, int] = {}
    distances: dict[tuple[str, str], float] = {}
    for call in calls:
        args = call["args"]
        if call["tool"] not in LOOKING:
            continue
        kinds = [k for k in args.get("measures") or () if k not in PAIRS]
        found: list[tuple[str, Item]] = []
        for target in args.get("targets") or ():
            for structure, there in present(scan, target):
                items = chosen(there, structure, args)
                found += [(structure, item) for item in items]
                if "count" in (args.get("measures") or ()) and ontology()[structure].kind == "lesion":
                    counts[structure] = len(items)
                for item in items:
                    wanted.setdefault((structure, item), set()).update(kinds)
                if not there:
                    wanted.setdefault((structure, None), set())
        if "distance" in (args.get("measures") or ()):
            for (first, a), (second, b) in combinations(found, 2):
                value = scan.distance(a, b)
                if value is not None:
                    distances[first, second] = value
    listed = tuple(Wanted(s, item, tuple(sorted(kinds))) for (s, item), kinds in wanted.items())
    return Expected(listed, counts, distances)


def chosen(items: Sequence[Item], structure: str, args: Mapping[str, Any]) -> list[Item]:
    """The lesions that a call means, by their true place and longest diameter; other structures as they are."""
    if ontology()[structure].kind != "lesion":
        return list(items)
    kept = [item for item in items if _lies_in(item, args.get("within"))]
    low, high = args.get("min_mm"), args.get("max_mm")
    kept = [i for i in kept if (low is None or _length(i) >= low) and (high is None or _length(i) <= high)]
    select = args.get("select") or "all"
    if select == "all":
        return kept
    ordered = sorted(kept, key=_length, reverse=select == "largest")
    return ordered[(args.get("rank") or 1) - 1 :][:1]


def _length(item: Item) -> float:
    return item.value("longest_diameter") or 0.0


def _lies_in(item: Item, place: str | None) -> bool:
    if place is None:
        return True
    return item.inside in (place, *ontology().leaves(place)) or item.region == place
