"""Wishes to compare: structures with each other, or this study with the prior one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .clause import Clause, Item
from .wish import Wish

PREDICATES = frozenset({"enlargement", "dilation", "normality"})
_DIMENSIONS = {"longest": "length", "shortest": "length", "densest": "density"}


def comparison(clause: Clause, base: Wish, measures: list[Item]) -> Wish | None:
    """Between structures, or between this study and a prior one."""
    compar = clause.of("compar")
    superlative = clause.of("superl")
    senses = tuple(dict.fromkeys(item.value for item in measures))
    status = _status(clause)
    if status and (base.tool not in ("segment", "export", "report") or base.verb == "show"):
        tool = None if base.verb == "show" else base.tool
        base = replace(base, tool=tool, flags=base.flags | {"prior"}, extra=base.extra | {"status": status})
    lesions = any(target.lesion or target.refers for target in base.targets)
    fared = bool(clause.of("status")) and lesions  # "is the lesion new?"
    against_prior = fared or "prior" in base.flags or bool({"growth", "response"} & set(senses))
    if against_prior and base.tool not in ("segment", "locate", "export", "report"):
        said = tuple(sense for sense in senses if sense != "growth")
        kept = said or tuple("size" for _ in senses)
        return replace(
            base, tool="compare", senses=kept or (), comparison="prior", extra=base.extra | {"study": "prior"}
        )
    if "distance" in senses and set(clause.verbs()) & {"compare"}:
        return None  # "tumor vs. duodenum: how close?"
    if base.tool == "compare" or "compare" in clause.verbs():
        return replace(base, tool="compare", senses=senses or _dimension(compar), comparison="structures")
    if PREDICATES & set(senses):
        return None
    plain = bool(base.targets) and all(target.plain for target in base.targets)
    if plain and asks_which(clause) and senses and set(senses) <= {"min_hu", "max_hu"}:
        return replace(base, tool="compare", senses=("mean_hu",), comparison="structures")
    if compar and _alone(base) and not (clause.of("size") or asks_which(clause)):  # "liver mets smaller?"
        extra = base.extra | {"study": "prior"}
        return replace(base, tool="compare", senses=senses or ("size",), comparison="prior", extra=extra)
    if compar and asks_which(clause):
        named = tuple(target for target in base.targets if target.refers not in ("one", "it"))
        base = replace(base, targets=named)
    if compar and (len(base.targets) > 1 or asks_which(clause) or not clause.of("size")):
        return replace(base, tool="compare", senses=senses or _dimension(compar), comparison="structures")
    named = tuple(target for target in base.targets if target.refers != "select")
    if len(named) < len(base.targets) and asks_which(clause) and named and all(t.plain for t in named):
        words = {word for target in base.targets if target.refers for word in target.text.lower().split()}
        sense = "length" if words & {"longest", "tallest", "shortest"} else "size"
        return replace(
            base, targets=named, tool="compare", senses=senses or (sense,), comparison="structures"
        )
    if (
        superlative
        and asks_which(clause)
        and base.targets
        and all(t.refers in ("one", "it", "them") for t in base.targets)
    ):
        sense = _DIMENSIONS.get(superlative[0].value, "size")
        counted = tuple(target for target in base.targets if target.nth)  # "which of the three"
        return replace(
            base, targets=counted, tool="compare", senses=senses or (sense,), comparison="structures"
        )
    chosen = [target for target in base.targets if target.plain and target.select != "all"]
    if chosen and len(chosen) == len(base.targets) and asks_which(clause):
        return replace(base, tool="compare", senses=senses or ("size",), comparison="structures")
    several = len(base.targets) > 1  # "the densest of L1, L2 and L3"
    if (
        superlative
        and (asks_which(clause) or several)
        and base.targets
        and all(t.plain for t in base.targets)
    ):
        sense = _DIMENSIONS.get(superlative[0].value, "size")
        return replace(base, tool="compare", senses=(sense,), comparison="structures")
    return None


_ANY = ("any", "some")


def _alone(base: Wish) -> bool:
    """One lesion, or those of one organ: bigger or smaller than they were."""
    one = base.targets[0] if len(base.targets) == 1 else None
    return one is not None and one.lesion is not None and one.select == "all"


def _status(clause: Clause) -> str | None:
    """Whether only lesions that are new, or gone, are asked for: "any new nodules", "which ones have disappeared".

    "Is the lesion new?" asks how one lesion fared, whatever that was.
    """
    targets = [target for target in clause.targets if target.lesion or target.refers]
    said = [target.status for target in targets if target.status]
    asking = "exist" in clause.verbs() or asks_which(clause)
    several = asking or all(
        t.plural or t.every or t.refers == "them" or t.text.lower().startswith(_ANY) for t in targets
    )
    if clause.of("status") and several and not any(target.plain for target in clause.targets):
        said += [item.value for item in clause.of("status")]
    return said[0] if said else None


def _dimension(compar: Sequence[Item]) -> tuple[str, ...]:
    dimension = compar[0].value.rstrip("+-") if compar else ""
    return (dimension,) if dimension and dimension != "value" else ()


def asks_which(clause: Clause) -> bool:
    """Whether "which" is asked."""
    return any("which" in item.keys for item in clause.items if item.kind == "verb")
