"""What the tools' results say: the numbers, counts, places and structures that a sentence may speak of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prompts.ontology import ontology

PLACE = "place"
"""The unit of coordinates: they are told as points only, or a model would make lengths of them."""
DESCRIBED = ("seen", "edges", "missing", "outside")
"""Where a description of the scan lists structures: whole, cut off, not found, outside."""


@dataclass(frozen=True)
class Facts:
    """What the results say.

    numbers: (value, unit or "", the structures that it is about; empty: about the scan).
    present, absent: structures that were found and that were not. mentioned: all that may be spoken of.
    places: for each lesion that was found the regions and organs that it lies in.
    counts, lesion_counts: how many there are of anything, and of lesions.
    edges: sides of the scan that cut something off.
    """

    numbers: tuple[tuple[float, str, frozenset[str]], ...]
    present: frozenset[str]
    absent: frozenset[str]
    mentioned: frozenset[str]
    places: Mapping[str, frozenset[str]]
    counts: frozenset[int]
    lesion_counts: frozenset[int]
    edges: frozenset[str]

    @classmethod
    def of(cls, results: Sequence[Mapping[str, Any]]) -> Facts:
        words_ = ontology()
        records = [r for result in results for r in result.get("findings", ())]
        described = {key: {s for r in results for s in r.get(key, ())} for key in DESCRIBED}
        present = frozenset(r["structure"] for r in records if r["present"])
        present |= described["seen"] | described["edges"]
        absent = {r["structure"] for r in records} | {
            u["structure"] for result in results for u in result.get("unsupported", ())
        }
        absent |= described["missing"] | described["outside"]
        places = {r["structure"]: _ids(r["location"]) | {*words_[r["structure"]].within} for r in records}
        nearest = {s for result in results for u in result.get("unsupported", ()) for s in u["nearest"]}
        named = {*present, *absent, *nearest, *(p for r in records for p in _ids(r["location"]))}
        named |= {s for r in records for s in r.get("level", ())}
        numbers = [(v, u, frozenset({r["structure"]})) for r in records for v, u in _of_finding(r)]
        numbers += [fact for result in results for fact in _of_others(result)]
        return cls(
            numbers=tuple(numbers),
            present=present,
            absent=frozenset(absent) - present,
            mentioned=frozenset(named | {h for s in named for h in (*words_[s].within, *_groups(s))}),
            places={s: p for s, p in places.items() if s in present and words_[s].kind == "lesion"},
            counts=frozenset(
                c for result in results for c in _counts(result.get("findings", ()), lesions=False)
            ),
            lesion_counts=frozenset(c for result in results for c in _lesion_counts(result)),
            edges=frozenset(
                [edge for r in records for edge in r["cut_off"]]
                + [edge for r in results for edges in r.get("edges", {}).values() for edge in edges]
            ),
        )

    def about(self, mentions: Iterable[frozenset[str]], of_lesion: bool) -> frozenset[str]:
        """The structures that a sentence is about: those it names, the members of groups that it names, and,
        when it speaks of a lesion, the lesions that lie where it says."""
        named = frozenset(i for ids in mentions for i in ids & self.mentioned)
        members = {leaf for i in named for leaf in ontology().leaves(i)} & self.mentioned
        lesions = {s for s, places in self.places.items() if places & named}
        return named | members | (lesions if of_lesion else set())

    def has(self, value: float, unit: str, decimals: int, about: frozenset[str]) -> bool:
        """Whether a number is in the results, as rounded as it is said, for one of the structures."""
        scale = 10.0**-decimals
        for known, known_unit, structures in self.numbers:
            # a number without a unit may be said of anything without one; a length never passes as a volume
            same_unit = unit == known_unit or (not unit and known_unit in ("", "%"))
            of_these = not about or not structures or bool(about & structures)
            if same_unit and of_these and abs(known - value) <= 0.5 * scale + 1e-9 + 1e-6 * abs(known):
                return True
        return not unit and not decimals and value in self.counts | self.lesion_counts


def _counts(findings: Sequence[Mapping[str, Any]], lesions: bool = True) -> set[int]:
    """How many a result says that there are: of each structure, of all, of several lesions in the mask."""
    present = [r for r in findings if r["present"] and (r["kind"] == "lesion" or not lesions)]
    per_structure = {sum(r["structure"] == s for r in present) for s in {r["structure"] for r in present}}
    return {len(present), *per_structure, *(r["of"] for r in present if r["of"])}


def _lesion_counts(result: Mapping[str, Any]) -> set[int]:
    """How many lesions a result speaks of: found, in the prior, and of each fate since."""
    findings = [result.get("findings", ()), result.get("prior", {}).get("findings", ())]
    fates = [item["status"] for item in result.get("lesions", ())]
    targets = len((result.get("response") or {}).get("targets", ()))
    counts = {c for records in findings for c in _counts(records)}
    return counts | {fates.count(fate) for fate in fates} | ({targets} if targets else set())


def _of_finding(record: Mapping[str, Any]) -> Iterable[tuple[float, str]]:
    for m in record["measurements"]:
        yield m["value"], "" if m["unit"] == "lesions" else m["unit"]
        if m["slice_k"] is not None:
            yield m["slice_k"], ""
    for index in record.get("slices") or ():
        yield index, ""
    for index in (record.get("number"), record.get("of")):
        if index:
            yield index, ""
    yield round(100 * record["confidence"]), "%"
    yield record["confidence"], ""
    quality = record.get("quality") or {}
    for value in (quality.get("dice"), quality.get("cases")):
        if value is not None:
            yield value, ""
    for value in record.get("typical_ml") or ():
        yield value, "ml"
    for value in record.get("centre_mm", ()):
        yield value, PLACE
    for part in (record["box"] or {}).values():
        yield from ((value, PLACE) for corner in part for value in corner)


def _of_others(result: Mapping[str, Any]) -> Iterable[tuple[float, str, frozenset[str]]]:
    for item in result.get("distances", ()):
        if "value" in item:
            yield item["value"], item["unit"], frozenset(item["structures"])
    for item in result.get("comparisons", ()):
        pair = frozenset(item["between"])
        if "difference" in item:
            yield item["difference"], item["unit"], pair
            yield item.get("percent") or 0.0, "%", pair
    yield from _of_prior(result)
    for lesion, found in result.get("screening", {}).items():
        yield from _of_screening(found, frozenset({lesion}))
    scan = result.get("scan", {})
    for value in (*scan.get("shape", ()), scan.get("slices")):
        if value is not None:
            yield value, "", frozenset()
    for value in (*scan.get("spacing_mm", ()), scan.get("extent_mm")):
        if value is not None:
            yield from ((value, "mm", frozenset()), (value, "", frozenset()))
    for value in scan.get("hu_range", ()):
        yield value, "HU", frozenset()
    for value in result.get("acquisition", {}).values():
        yield from ((value, "", frozenset()), (value, "mm", frozenset()))
    if scan:
        yield scan["soft_tissue_percent"], "%", frozenset()
    for structure, value in result.get("phase", {}).get("mean_hu", {}).items():
        yield value, "HU", frozenset({structure})
    shown = result.get("show", {})
    if shown:
        yield shown["slice"], "", frozenset()
        yield from ((value, "HU", frozenset()) for value in shown["window"])


def _of_prior(result: Mapping[str, Any]) -> Iterable[tuple[float, str, frozenset[str]]]:
    """A comparison with the prior study: its findings, the changes since, and the response."""
    for record in result.get("prior", {}).get("findings", ()):
        yield from ((v, u, frozenset({record["structure"]})) for v, u in _of_finding(record))
    lesions = result.get("lesions", ())
    changes = [(c, item["structure"]) for item in lesions for c in item["changes"]]
    for change, structure in [*changes, *((c, c["structure"]) for c in result.get("changes", ()))]:
        about = frozenset({structure})
        for value in (change["before"], change["after"], change["difference"]):
            if value is not None:
                yield from ((value, change["unit"], about), (abs(value), change["unit"], about))
        if change["percent"] is not None:
            yield from ((change["percent"], "%", about), (abs(change["percent"]), "%", about))
    for status in ("paired", "new", "gone"):
        yield sum(item["status"] == status for item in lesions), "", frozenset()
    response = result.get("response") or {}
    if response:
        yield from ((response[key], "mm", frozenset()) for key in ("before_mm", "after_mm"))
        yield len(response["targets"]), "", frozenset()
        if response["percent"] is not None:
            yield from ((sign * response["percent"], "%", frozenset()) for sign in (1, -1))


def _of_screening(
    found: Mapping[str, Any], about: frozenset[str]
) -> Iterable[tuple[float, str, frozenset[str]]]:
    for key in ("volume_ml", "largest_ml", "threshold_ml"):
        yield found[key], "ml", about
    yield found["pieces"], "", about
    for figure in (found["measured"] or {}).values():
        if isinstance(figure, (int, float)):
            yield from ((figure, "", about), (100 * figure, "%", about))


def _ids(names: Iterable[str]) -> frozenset[str]:
    return frozenset(i for name in names for i in ontology().exact(name))


def _groups(structure: str) -> set[str]:
    parents = set(ontology()[structure].parents)
    return parents | {g for p in parents for g in _groups(p)}
