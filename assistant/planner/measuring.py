"""The measure words of a clause: which of them ask for something, and of what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .clause import Clause, Item
from .target import Target
from .units import Size


def asked_measures(clause: Clause) -> list[Item]:
    """The measures that are asked for, without words that only describe a bound or another measure."""
    said = [item for item in clause.items if item.kind == "measure" and not item.negated]
    return _without_stray(_without_bounded(clause, _without_number(clause, said)))


def _without_number(clause: Clause, measures: list[Item]) -> list[Item]:
    """ "How many volume" asks for no number; "how many mm between" asks for a distance."""
    between = any(item.kind == "prep" and item.keys[-1] in ("between", "from") for item in clause.items)
    kept: list[Item] = []
    for item in measures:
        at = next(n for n, other in enumerate(clause.items) if other is item)
        after = clause.items[at + 1] if at + 1 < len(clause.items) else None
        if item.keys == ("how", "many") and after is not None and after.kind == "measure" and not after.link:
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


def groups(items: Sequence[Item], measures: list[Item]) -> list[tuple[list[Target], list[str]]]:
    """Measures with their targets: "volume of A and density of B", "A volume, B length"."""
    wanted = [
        item
        for item in items
        if (item.kind == "measure" and any(item.keys == one.keys for one in measures))
        or (item.kind == "target" and not item.negated)
    ]
    if not wanted:
        return []
    if {item.value for item in measures} == {"distance"}:
        return [([item.value for item in wanted if item.kind == "target"], ["distance"])]
    far = next(
        (n for n, item in enumerate(wanted) if item.kind == "measure" and item.value == "distance"), None
    )
    after = [item for item in wanted[far + 1 :] if item.kind == "target"] if far is not None else []
    first = next((item for item in wanted if item.kind == "target"), None)
    if far and after and first is not None and first not in after:
        rest = wanted[:far]
        pair = ([first.value, *(item.value for item in after)], ["distance"])
        return [*groups(rest, [item for item in rest if item.kind == "measure"]), pair]
    measure_first = wanted[0].kind == "measure"
    made: list[tuple[list[Target], list[str]]] = [([], [])]
    for place, item in enumerate(wanted):
        targets, senses = made[-1]
        if item.kind == "measure":
            if measure_first and targets and _of_follows(wanted, place):
                made.append(([], [item.value]))
            else:
                senses.append(item.value)
        elif item.value.refers == "select" and (
            (targets and senses == ["count"]) or (len(senses) > 1 and (targets or senses[0] == "count"))
        ):
            sense = senses.pop() if len(senses) > 1 else "size"
            made.append(([item.value], [sense]))  # "number and size of the largest", "count, biggest"
        elif not measure_first and senses and _measure_follows(wanted, place):
            made.append(([item.value], []))
        else:
            targets.append(item.value)
    asked = any(item.value == "size" and item.keys[0] == "how" for item in measures)
    return [(targets, _without_size(senses, asked)) for targets, senses in made]


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
