"""Clauses to wishes: which tool is meant, on which targets, with which measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from .clause import Clause, Item
from .comparing import asks_which, comparison
from .describing import described
from .heights import along, at_heights
from .measuring import asked_measures, groups
from .target import Target
from .units import LENGTHS, Size
from .wish import Wish

TOOL_OF_VERB = {
    "find": "locate",
    "check": "measure",
    "give": None,
    "state": None,
    "exist": "detect",
    "show": "segment",
}

_ALL_STEPS = 100  # the most that the tool takes back at once


def wishes(clause: Clause) -> list[Wish]:
    """What a clause asks for; nothing for a negated one."""
    if clause.negated:
        return []
    clause = _with_bounds_turned(clause)
    clause, heights = at_heights(clause)
    if heights:
        return along(wishes(clause), heights)
    base = _base(clause)
    special = _special(clause, base)
    if special is not None:
        return [special]
    measures = asked_measures(clause)
    bound = _bound(clause, base) if not measures else None
    if bound is not None:
        return [bound]
    compared = comparison(clause, base, measures)
    if compared is not None:
        return [compared]
    if any(item.value == "unmeasurable" for item in measures):
        return [replace(base, tool="measure", senses=("unmeasurable",))]
    grouped = groups(clause.items, measures)
    if _asks_finding(clause, base, measures):
        return [replace(base, tool="unable")]
    conditions = [target for target in base.targets if target.kind == "condition"]
    if conditions and base.tool in (None, "detect", "measure", "locate") and not measures:
        return [
            replace(base, tool="measure", targets=(target,), measures=target.measures)
            for target in conditions
        ]
    if conditions and len(conditions) < len(base.targets) and measures:
        rest = [item for item in clause.items if item.kind != "target" or item.value.kind != "condition"]
        alone = [
            replace(base, tool="measure", targets=(target,), measures=target.measures)
            for target in conditions
        ]
        others = wishes(replace(clause, items=rest))
        return [*alone, *others] if base.targets[0].kind == "condition" else [*others, *alone]
    if not measures:
        return [base]
    made: list[Wish] = []
    for targets, senses in grouped:
        made.append(replace(base, targets=tuple(targets), senses=tuple(senses), tool="measure"))
    joined = any(item.link for item in measures) and not base.targets
    if _also_mask(base, joined) and made:
        everything = tuple(target for target in _before_distance(clause) if target in base.targets)
        made.insert(0, replace(base, targets=everything, senses=()))
    return made


def _before_distance(clause: Clause) -> list[Target]:
    """The targets less those that only a distance is asked to: "and does it touch the bladder"."""
    far = next((n for n, i in enumerate(clause.items) if i.kind == "measure" and i.value == "distance"), None)
    first = [item.value for item in clause.items[:far] if item.kind == "target" and not item.negated]
    return first or clause.targets


def _with_bounds_turned(clause: Clause) -> Clause:
    """What is left out by size as what is kept: "nodules, except those below 4 mm"."""
    items = list(clause.items)
    kept = any(item.kind == "target" and not item.negated and item.value.lesion for item in items)
    for place, (one, two) in enumerate(pairwise(items)):
        small = (
            one.kind == "target" and one.negated and (one.value.lesion or one.value.refers in ("them", "one"))
        )
        one_sided = two.kind == "size" and (two.value.low is None) != (two.value.high is None)
        if small and one_sided and (kept or one.value.refers):
            turned = replace(two, value=Size(two.value.high, two.value.low))
            return replace(clause, items=[*items[:place], turned, *items[place + 2 :]])
    return clause


def _base(clause: Clause) -> Wish:
    flags = {item.kind for item in clause.items if not item.negated} & {
        "again",
        "correction",
        "only",
        "yes",
        "prior",
    }
    flags |= {item.value for item in clause.items if item.kind == "again"}
    verbs = clause.verbs()
    if "exist" in verbs:
        flags.add("exist")
    if asks_which(clause):
        flags.add("which")
    if clause.question:
        flags.add("question")
    said = [item for item in clause.items if item.kind not in ("correction", "yes")]
    if any(item.kind == "prep" and item.keys[-1] in _IN for item in said[:1]) or _starts_with_in(clause):
        flags.add("in")
    pairs = list(zip(clause.items, clause.items[1:], strict=False))
    if any(one.kind == "prep" and one.keys[-1] in _IN and two.kind == "target" for one, two in pairs):
        flags.add("inside")
    sizes = [item.value for item in clause.items if item.kind == "size" and item.value != Size(None, None)]
    size = Size(
        next((s.low for s in sizes if s.low is not None), None),
        next((s.high for s in sizes if s.high is not None), None),
    )
    unit = next((item.value for item in clause.items if item.kind == "unit"), None)
    tool, verb = _tool(clause)
    first, *others = clause.targets or (Target(),)
    if verb == "exist" and asks_which(clause) and first.plain and others and others[-1].lesion:
        tool, verb = "locate", "locate"  # "which kidney contains the tumor?"
        flags.add("inside")
    targets = tuple(clause.targets)
    asked = asks_which(clause) or "inside" in flags
    if tool == "locate" and asked and first.plain and others and others[-1].refers:
        targets = tuple(others)  # "which part of the pancreas is it in?", "where in the pancreas it lies"
    sought = [two.value for one, two in pairs if _is_for(one) and two.kind == "target"]
    if verb in ("check", "measure", "find") and any(target.missing for target in sought):
        beside = tuple(id for target in clause.targets if target.plain for id in target.ids)
        targets = tuple(_beside(target, beside) for target in sought)  # "check the kidney for stones"
    if verb == "check" and first.refers == "it" and any(t.lesion and t.open for t in sought):
        targets = tuple(replace(target, refers="host") for target in sought)
    if verb == "measure" and any(_is_for(one) and _is_lesion(two) for one, two in pairs):
        verb = "check"  # "evaluate the liver for metastases"
    if _asks_coverage(clause):
        tool, verb = "describe", "describe"
    extra: dict[str, Any] = {}
    for item in clause.of("view"):
        name, value = item.value
        extra[name] = value
    for item in clause.of("format"):
        extra["format"] = item.value
    return Wish(
        tool=tool,
        verb=verb,
        targets=targets,
        excluded=tuple(clause.excluded),
        size=size if size != Size(None, None) else None,
        unit=unit,
        flags=frozenset(flags),
        extra=extra,
    )


def _beside(target: Target, ids: tuple[str, ...]) -> Target:
    """What cannot be found, with the structure that was named beside it as the nearest."""
    missing = target.missing
    return replace(target, missing=replace(missing, nearest=ids, named=True)) if missing and ids else target


def _asks_coverage(clause: Clause) -> bool:
    """As in "does the scan show the complete liver?"."""
    shows = any(
        item.kind == "verb" and item.value == "exist" and "show" in item.keys for item in clause.items
    )
    return shows and bool(clause.targets) and all(t.plain and t.every for t in clause.targets)


def _is_for(item: Item) -> bool:
    return item.kind == "prep" and item.keys == ("for",)


def _is_lesion(item: Item) -> bool:
    return item.kind == "target" and item.value.lesion is not None


_IN = ("in", "within", "inside", "on")


def _starts_with_in(clause: Clause) -> bool:
    return bool(clause.items) and clause.items[0].kind == "again" and clause.items[0].keys[-1] in ("in", "on")


def _tool(clause: Clause) -> tuple[str | None, str]:
    """The tool of the first verb that says one, and that verb."""
    verbs = clause.verbs()
    strong = [verb for verb in verbs if verb not in ("give", "exist", "show", "state")]
    if "detect" in strong and "segment" in strong:
        strong.remove("segment")
    if "locate" in strong and "segment" in strong:
        strong.remove("segment")  # "mark where the gallbladder is"
    for verb in strong or verbs:
        tool = TOOL_OF_VERB.get(verb, verb)
        if tool or verb == verbs[-1]:
            return tool, verb
    return None, ""


def _also_mask(base: Wish, joined: bool) -> bool:
    """As in "segment the liver with its volume", "segment + volume": a mask and a measure."""
    return (
        base.tool in ("segment", "locate")
        and base.verb in ("segment", "locate")
        and (bool(base.targets) or joined)
    )


def _all_masks(clause: Clause, base: Wish) -> bool:
    """As in "export the masks", "save all": whatever was drawn, not only what was talked about last."""
    if any(not (target.refers or target.kind == "universe") for target in base.targets):
        return False
    loose = [t.kind == "universe" or t.text.lower().split()[-1:] == ["masks"] for t in base.targets]
    return any(loose) or any({"all", "everything"} & set(item.keys) for item in clause.of("verb"))


def _special(clause: Clause, base: Wish) -> Wish | None:
    """Tools whose verb alone decides."""
    verbs = clause.verbs()
    has_measure = any(item.kind == "measure" and not item.negated for item in clause.items)
    taken = _taken_from(clause) if "correct" in verbs else None
    if taken is not None:
        return replace(base, tool="correct", targets=taken[1:], excluded=taken[:1])
    if verbs == ["correct"] and clause.of("result") and clause.of("verb")[0].keys == ("remove",):
        return replace(base, tool="drop")  # "remove the spleen mask"
    if "undo_all" in verbs and not (base.targets or base.excluded):
        return replace(base, tool="undo", extra={"steps": _ALL_STEPS})
    if "undo_all" in verbs:
        return replace(base, tool="drop")  # "reset the spleen", "clear all masks but the liver"
    for tool in ("undo", "redo", "screen", "correct", "drop", "swap"):
        if tool in verbs and not (tool == "correct" and has_measure):
            removes = any(item.keys[-1:] == ("remove",) for item in clause.of("verb"))
            return replace(base, tool=tool, flags=base.flags | ({"remove"} if removes else set()))
    if clause.of("from") and base.excluded:
        return replace(base, tool="correct")
    if "export" in verbs:
        every = _all_masks(clause, base)
        flags = base.flags | ({"every"} if every else set())
        return replace(base, tool="export", targets=() if every else base.targets, flags=flags)
    if "report" in verbs and not has_measure:
        return replace(base, tool="report")
    if base.tool == "describe" and not has_measure:
        return described(clause, base)
    views = {item.value[0] for item in clause.of("view")}
    if views and not has_measure and not ({"measure", "locate"} & set(verbs)):
        return replace(base, tool="show", extra=base.extra | _slice_number(clause))
    return None


def _taken_from(clause: Clause) -> tuple[Target, Target] | None:
    """As in "remove the gallbladder from the liver": what is taken out, and of what."""
    for one, two, three in zip(clause.items, clause.items[1:], clause.items[2:], strict=False):
        if (
            one.kind == three.kind == "target"
            and two.kind == "prep"
            and two.keys in (("from",), ("out", "of"))
        ):
            return one.value, three.value
    return None


def _slice_number(clause: Clause) -> dict[str, Any]:
    numbers = [item.value for item in clause.items if item.kind == "number"]
    return {"slice": int(numbers[0])} if numbers else {}


def _asks_finding(clause: Clause, base: Wish, measures: Sequence[Item]) -> bool:
    """As in "is the gallbladder inflamed?": nothing that can be measured."""
    asked = base.tool in (None, "detect") or base.verb in ("check", "find", "show")
    plain = bool(base.targets) and all(target.plain for target in base.targets)
    return bool(clause.of("finding")) and asked and plain and not measures


def _bound(clause: Clause, base: Wish) -> Wish | None:
    """As in "is the aorta wider than 5 cm": the measure that the bound is on. Only lesions are chosen by size."""
    plain = bool(base.targets) and all(target.plain for target in base.targets)
    plain |= [target.refers for target in base.targets] == ["it"] and "question" in base.flags
    asked = base.tool in (None, "detect", "measure", "locate") or base.verb == "show"
    bounds = [item for item in clause.items if item.kind in ("size", "op")]
    if not (plain and asked and bounds) or clause.of("view"):
        return None
    if base.unit and base.unit not in LENGTHS:
        return replace(base, tool="measure", senses=("volume",), size=None, unit=None)
    if base.size is None:
        return None
    word = bounds[0].text.lower().split(" ")[0]
    sense = next((sense for sense, words in _BOUND_SENSES.items() if word in words), "bound")
    return replace(base, tool="measure", senses=(sense,), size=None, unit=None)


_BOUND_SENSES = {
    "calibre": ("wider", "thicker", "narrower", "thinner"),
    "length": ("longer", "taller", "shorter"),
}
