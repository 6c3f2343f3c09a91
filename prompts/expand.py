"""Compact ontology records to plain ones: sides, levels, word lists and wildcards are written once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import product
from string import Formatter
from typing import Any

Record = dict[str, Any]
Values = Mapping[str, Sequence[str]]

RIGHT_SHADE = 0.75
"""Brightness of a right-sided colour relative to its left-sided twin."""


def expand(key: str, record: Record, words: Mapping[str, Any]) -> Iterator[tuple[str, Record]]:
    """Yield every (id, plain record) of one entry of a structure file.

    A key with `{level}` gives one record for each of the entry's `levels`, a key with `{side}` one a side.
    What stands under a level's or a side's own name overrides or, for synonyms, joins the shared fields.
    """
    shared = {k: v for k, v in record.items() if k not in {"levels", "left", "right"}}
    levels = record.get("levels") or {None: {}}
    levels = words["levels"][levels] if isinstance(levels, str) else levels
    sides = list(words["sides"]) if "{side}" in key else [None]
    for side, (step, (level, own)) in product(sides, enumerate(levels.items())):
        sided = record.get(side) or {}
        fields = _joined(_joined(shared, own), sided)
        values = dict(words["lists"])
        if level is not None:
            values |= {"level": [str(level)]} | {k: _listed(v) for k, v in own.items()}
        if side is not None:
            values |= {"side": words["sides"][side], "s": [side[0]]}
        # An unsided group holds both sides.
        links = values | {"side": [side] if side else list(words["sides"])}
        name = fields.get("name", key.replace("_", " "))
        names = [name, *fields.get("synonyms", ())]
        if side is not None:
            names = [form for noun in names for form in _with_side(noun, words["sided"])]
        # The first expansion of the first form is the name; all the rest are synonyms.
        name, *synonyms = dict.fromkeys(text for form in names for text in fill(form, values))
        yield (
            _first(key, values),
            fields
            | {
                "name": name,
                "synonyms": tuple(s.lower() for s in synonyms if s.lower() != name.lower()),
                "side": side or fields.get("side"),
                "colour": _colour(
                    fields,
                    position=step / max(len(levels) - 1, 1),
                    shade=RIGHT_SHADE if side == "right" and "colour" not in sided else 1.0,
                ),
                "children": _linked(fields.get("children", ()), links),
                "within": _linked(fields.get("within", ()), links),
            },
        )


def fill(template: str, values: Values) -> list[str]:
    """Return `template` with its braces filled in every combination of `values`.

    >>> fill("{side} lung", {"side": ["left", "l"]})
    ['left lung', 'l lung']
    """
    names = [name for _, name, _, _ in Formatter().parse(template) if name]
    unique = list(dict.fromkeys(names))
    return [
        template.format(**dict(zip(unique, row, strict=True)))
        for row in product(*(values[n] for n in unique))
    ]


def matching(patterns: Iterable[str], ids: Sequence[str]) -> tuple[str, ...]:
    """Return the ids that `patterns` stand for; `*` matches in file order, a plain id is kept as it is."""
    found = ([p] if "*" not in p else [i for i in ids if fnmatchcase(i, p)] for p in patterns)
    return tuple(dict.fromkeys(id for ids in found for id in ids))


def _first(template: str, values: Values) -> str:
    return fill(template, values)[0]


def _linked(templates: Iterable[str], values: Values) -> list[str]:
    """Fill ids: one for each side named, and the first word of anything else."""
    return [id for template in templates for id in fill(template, values)]


def _listed(value: Any) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else [str(value)]


def _with_side(noun: str, patterns: Sequence[str]) -> list[str]:
    if "{side}" in noun or "{s}" in noun:
        return [noun]
    return [pattern.replace("{noun}", noun) for pattern in patterns]


def _joined(shared: Record, own: Record) -> Record:
    synonyms = [*shared.get("synonyms", ()), *own.get("synonyms", ())]
    return shared | own | {"synonyms": synonyms}


def _colour(fields: Record, position: float, shade: float) -> tuple[int, ...] | None:
    """Mix `colour` towards `colour_to` by `position` (0..1) and darken it to `shade` (0..1)."""
    start = fields.get("colour")
    if start is None:
        return None
    ends = zip(start, fields.get("colour_to") or start, strict=True)
    return tuple(round(shade * (a + (b - a) * position)) for a, b in ends)
