"""Clauses to wishes: which tool is meant, on which targets, with which measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .clause import Clause, Item
from .target import Target
from .units import LENGTHS, Size

TOOL_OF_VERB = {
    "find": "locate",
    "check": "measure",
    "give": None,
    "state": None,
    "exist": "detect",
    "show": "segment",
}
DISTANCE_ONLY_WITH_TWO = frozenset({"distance"})
PREDICATES = frozenset({"enlargement", "dilation", "normality"})


@dataclass(frozen=True)
class Wish:
    """One thing that is wanted, as far as the words alone tell.

    tool      None when the sentence names none: the dialogue or the target decides
    senses    how measures were asked for, in order
    measures  measures that are fixed by a condition ("splenomegaly")
    flags     again, about, too, correction, only, yes, prior, exist, question, bare
    """

    tool: str | None = None
    targets: tuple[Target, ...] = ()
    excluded: tuple[Target, ...] = ()
    senses: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    size: Size | None = None
    unit: str | None = None
    comparison: str | None = None
    flags: frozenset[str] = frozenset()
    extra: dict[str, Any] = field(default_factory=dict)
    verb: str = ""


def wishes(clause: Clause) -> list[Wish]:
    """What a clause asks for; nothing for a negated one."""
    if clause.negated:
        return []
    clause = _with_bounds_turned(clause)
    base = _base(clause)
    special = _special(clause, base)
    if special is not None:
        return [special]
    measures = [item for item in clause.items if item.kind == "measure" and not item.negated]
    measures = _without_stray(_without_bounded(clause, _without_number(clause, measures)))
    bound = _bound(clause, base) if not measures else None
    if bound is not None:
        return [bound]
    comparison = _comparison(clause, base, measures)
    if comparison is not None:
        return [comparison]
    if any(item.value == "unmeasurable" for item in measures):
        return [replace(base, tool="measure", senses=("unmeasurable",))]
    groups = _groups(clause.items, measures)
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
        alone = [replace(base, tool="measure", targets=(target,), measures=target.measures) for target in conditions]
        return [*wishes(replace(clause, items=rest)), *alone]
    if not measures:
        return [base]
    made: list[Wish] = []
    for targets, senses in groups:
        made.append(replace(base, targets=tuple(targets), senses=tuple(senses), tool="measure"))
    if _also_mask(base) and made:
        everything = tuple(target for wish in made for target in wish.targets)
        made.insert(0, replace(base, targets=everything, senses=()))
    return made


def _with_bounds_turned(clause: Clause) -> Clause:
    """What is left out by size as what is kept: "nodules, except those below 4 mm"."""
    items = list(clause.items)
    kept = any(item.kind == "target" and not item.negated and item.value.lesion for item in items)
    for place, (one, two) in enumerate(zip(items, items[1:], strict=False)):
        small = one.kind == "target" and one.negated and (one.value.lesion or one.value.refers in ("them", "one"))
        if small and two.kind == "size" and two.value != Size(None, None) and (kept or one.value.refers):
            if two.value.low is None or two.value.high is None:
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
    if _which(clause):
        flags.add("which")
    if clause.question:
        flags.add("question")
    if any(item.kind == "prep" and item.keys[-1] in _IN for item in clause.items[:1]) or _starts_with_in(
        clause
    ):
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
    if verb == "measure" and any(_is_for(one) and _is_lesion(two) for one, two in pairs):
        verb = "check"  # "evaluate the liver for metastases"
    extra: dict[str, Any] = {}
    for item in clause.of("view"):
        name, value = item.value
        extra[name] = value
    for item in clause.of("format"):
        extra["format"] = item.value
    return Wish(
        tool=tool,
        verb=verb,
        targets=tuple(clause.targets),
        excluded=tuple(clause.excluded),
        size=size if size != Size(None, None) else None,
        unit=unit,
        flags=frozenset(flags),
        extra=extra,
    )


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


def _also_mask(base: Wish) -> bool:
    """As in "segment the liver with its volume": a mask and a measure."""
    return base.tool in ("segment", "locate") and base.verb in ("segment", "locate") and bool(base.targets)


def _special(clause: Clause, base: Wish) -> Wish | None:
    """Tools whose verb alone decides."""
    verbs = clause.verbs()
    has_measure = any(item.kind == "measure" and not item.negated for item in clause.items)
    for tool in ("undo", "screen", "correct", "swap"):
        if tool in verbs and not (tool == "correct" and has_measure):
            return replace(base, tool=tool)
    if clause.of("from") and base.excluded:
        return replace(base, tool="correct")
    if "export" in verbs:
        return replace(base, tool="export")
    if "report" in verbs and not has_measure and not base.targets:
        return replace(base, tool="report")
    if "report" in verbs and not has_measure:
        return replace(base, tool="report")
    if "describe" in verbs and not has_measure:
        return replace(base, tool="describe")
    views = {item.value[0] for item in clause.of("view")}
    if views and not has_measure and not ({"measure", "locate"} & set(verbs)):
        return replace(base, tool="show", extra=base.extra | _slice_number(clause))
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


_BOUND_SENSES = {"calibre": ("wider", "thicker", "narrower", "thinner"), "length": ("longer", "taller", "shorter")}


def _without_number(clause: Clause, measures: list[Item]) -> list[Item]:
    """"How many volume" asks for no number; "how many mm between" asks for a distance."""
    between = any(item.kind == "prep" and item.keys[-1] in ("between", "from") for item in clause.items)
    kept: list[Item] = []
    for item in measures:
        at = next(n for n, other in enumerate(clause.items) if other is item)
        after = clause.items[at + 1] if at + 1 < len(clause.items) else None
        if item.keys == ("how", "many") and after is not None and after.kind == "measure":
            continue
        apart = item.keys[:2] == ("how", "many") and item.value == "diameter" and between
        kept.append(replace(item, value="distance") if apart and len(clause.targets) > 1 else item)
    return kept


def _without_bounded(clause: Clause, measures: list[Item]) -> list[Item]:
    """Less the measure that only says what a bound on lesions is on: "exceeding 15 mm in diameter"."""
    items = [item for item in clause.items if item.kind != "verb" or item.keys[0] not in _COPULA]
    dropped: list[Item] = []
    for place, item in enumerate(items):
        if item.kind != "size" or item.value == Size(None, None):
            continue
        before = items[place - 1] if place else None
        after = items[place + 1 : place + 3]
        if before is not None and before in measures and before.value in _SIZES:
            named = [one for one in items[: place - 1] if one.kind == "target"]
            dropped += [before] if named and named[-1].value.lesion else []
        if len(after) == 2 and after[0].keys[-1:] == ("in",) and after[1] in measures:
            dropped.append(after[1])
    return [item for item in measures if item not in dropped]


_COPULA = ("lie", "measure", "is", "measuring", "exceed")
_SIZES = ("size", "diameter", "longest_diameter", "short_axis", "length", "max_3d_diameter", "calibre")


def _without_stray(measures: list[Item]) -> list[Item]:
    """A bare "maximum" or "mean" before another measure is its adjective: "maximum length"."""
    bare = {("maximum",), ("max",), ("minimum",), ("min",), ("mean",), ("average",), ("peak",)}
    bare |= {("maximal",), ("minimal",), ("avg",)}
    about_hu = {"mean_hu", "std_hu", "min_hu", "max_hu", "hu_range"}
    kept: list[Item] = []
    for place, item in enumerate(measures):
        if item.keys in _VAGUE and len(measures) > 1:
            continue
        if item.keys in bare:
            others = [other for other in measures if other is not item and other.keys not in bare]
            if others and not any(other.value in about_hu for other in others):
                continue
            if others and all(other.keys in _HU_WORDS for other in others) and item.value != "mean_hu":
                kept.append(item)
                continue
        if item.keys in _HU_WORDS and any(other.keys in bare for other in measures[:place]):
            continue
        kept.append(item)
    return kept


_VAGUE = {("how", "much"), ("sum",)}  # a number of what the other words say
_HU_WORDS = {
    ("hu",),
    ("attenuation",),
    ("density",),
    ("hounsfield", "unit"),
    ("hounsfield",),
    ("intensity",),
    ("hu", "value"),
    ("enhancement",),
}


def _groups(items: Sequence[Item], measures: list[Item]) -> list[tuple[list[Target], list[str]]]:
    """Measures with their targets: "volume of A and density of B", "A volume, B length"."""
    wanted = [
        item
        for item in items
        if (item.kind == "measure" and any(item.keys == one.keys for one in measures)) or (item.kind == "target" and not item.negated)
    ]
    if not wanted:
        return []
    if {item.value for item in measures} == {"distance"}:
        return [([item.value for item in wanted if item.kind == "target"], ["distance"])]
    far = next((n for n, item in enumerate(wanted) if item.kind == "measure" and item.value == "distance"), None)
    after = [item for item in wanted[far + 1 :] if item.kind == "target"] if far is not None else []
    first = next((item for item in wanted if item.kind == "target"), None)
    if far and after and first is not None and first not in after:
        rest = [item for item in wanted[:far]]
        pair = ([first.value, *(item.value for item in after)], ["distance"])
        return [*_groups(rest, [item for item in rest if item.kind == "measure"]), pair]
    measure_first = wanted[0].kind == "measure"
    groups: list[tuple[list[Target], list[str]]] = [([], [])]
    for place, item in enumerate(wanted):
        targets, senses = groups[-1]
        if item.kind == "measure":
            if measure_first and targets and _of_follows(wanted, place):
                groups.append(([], [item.value]))
            else:
                senses.append(item.value)
        elif item.value.refers == "select" and targets and len(senses) > 1:
            groups.append(([item.value], [senses.pop()]))  # "number and size of the largest"
        elif not measure_first and senses and _measure_follows(wanted, place):
            groups.append(([item.value], []))
        else:
            targets.append(item.value)
    asked = any(item.value == "size" and item.keys[0] == "how" for item in measures)
    return [(targets, _without_size(senses, asked)) for targets, senses in groups]


def _without_size(senses: list[str], asked: bool) -> list[str]:
    """The senses, each once. "How big is the tumour burden" asks for one thing."""
    kept = list(dict.fromkeys(senses))
    said = {"volume", "spatial", "max_3d_diameter", "dimensions", "axes", "length", "craniocaudal_extent"}
    return [sense for sense in kept if sense != "size"] if asked and said & set(kept) else kept


def _of_follows(wanted: Sequence[Item], place: int) -> bool:
    """A target of its own comes after this measure."""
    return any(
        item.kind == "target" and item.value.refers not in ("it", "them") for item in wanted[place + 1 :]
    )


def _measure_follows(wanted: Sequence[Item], place: int) -> bool:
    return any(item.kind == "measure" for item in wanted[place + 1 :])


def _comparison(clause: Clause, base: Wish, measures: list[Item]) -> Wish | None:
    """Between structures, or between this study and a prior one."""
    compar = clause.of("compar")
    superlative = clause.of("superl")
    senses = tuple(dict.fromkeys(item.value for item in measures))
    against_prior = "prior" in base.flags or bool({"growth", "response"} & set(senses))
    if against_prior and base.tool not in ("segment", "locate", "export", "report"):
        said = tuple(sense for sense in senses if sense != "growth")
        kept = said or tuple("size" for _ in senses)
        return replace(
            base, tool="compare", senses=kept or (), comparison="prior", extra=base.extra | {"study": "prior"}
        )
    if base.tool == "compare" or "compare" in clause.verbs():
        return replace(base, tool="compare", senses=senses or _dimension(compar), comparison="structures")
    if PREDICATES & set(senses):
        return None
    if compar and _which(clause):
        named = tuple(target for target in base.targets if target.refers not in ("one", "it"))
        base = replace(base, targets=named)
    if compar and (len(base.targets) > 1 or _which(clause) or not clause.of("size")):
        return replace(base, tool="compare", senses=senses or _dimension(compar), comparison="structures")
    named = tuple(target for target in base.targets if target.refers != "select")
    if len(named) < len(base.targets) and _which(clause) and named and all(t.plain for t in named):
        words = {word for target in base.targets if target.refers for word in target.text.lower().split()}
        sense = "length" if words & {"longest", "tallest", "shortest"} else "size"
        return replace(base, targets=named, tool="compare", senses=senses or (sense,), comparison="structures")
    if superlative and _which(clause) and base.targets and all(t.refers in ("one", "it", "them") for t in base.targets):
        dimension = {"longest": "length", "shortest": "length", "densest": "density"}
        sense = dimension.get(superlative[0].value, "size")
        return replace(base, targets=(), tool="compare", senses=senses or (sense,), comparison="structures")
    chosen = [target for target in base.targets if target.plain and target.select != "all"]
    if chosen and len(chosen) == len(base.targets) and _which(clause):
        return replace(base, tool="compare", senses=senses or ("size",), comparison="structures")
    if superlative and _which(clause) and base.targets and all(t.plain for t in base.targets):
        dimension = {"longest": "length", "shortest": "length", "densest": "density"}
        sense = dimension.get(superlative[0].value, "size")
        return replace(base, tool="compare", senses=(sense,), comparison="structures")
    return None


def _dimension(compar: Sequence[Item]) -> tuple[str, ...]:
    dimension = compar[0].value.rstrip("+-") if compar else ""
    return (dimension,) if dimension and dimension != "value" else ()


def _which(clause: Clause) -> bool:
    return any("which" in item.keys for item in clause.items if item.kind == "verb")
