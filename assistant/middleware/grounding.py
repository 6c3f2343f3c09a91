"""No claim without a source: text of a language model is checked sentence by sentence against the tools'
results.

A sentence stays when every number in it (with its unit), every side, count and structure is in a result that
speaks of the same structure, when it does not call an absent structure present or a present one absent, and
when it makes no diagnosis. All else is left out, and what the tools found is said instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from langchain.agents.middleware import AgentMiddleware
from langchain_core.messages import AIMessage

from assistant.middleware.messages import current, results
from assistant.wording import compose, words
from prompts.ontology import normalise, ontology

_PLACE = "place"
"""The unit of coordinates: they are told as points only, or a model would make lengths of them."""
_POINT = re.compile(r"[(\[]\s*[-−]?[\d.]+(?:\s*mm)?(?:\s*,\s*[-−]?[\d.]+(?:\s*mm)?){2}\s*[)\]]")
_NUMBER = re.compile(
    r"(?<![\w.])[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w.]*\d)(?:\s*(?P<unit>%|cm³|[A-Za-z]+\d?))?"
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=\S)|\n+")
_LONGEST_NAME = 8
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

    def about(self, mentions: Iterable[frozenset[str]], plain: str) -> frozenset[str]:
        """The structures that a sentence is about: those it names, the members of groups that it names, and,
        when it speaks of a lesion, the lesions that lie where it says."""
        named = frozenset(i for ids in mentions for i in ids & self.mentioned)
        members = {leaf for i in named for leaf in ontology().leaves(i)} & self.mentioned
        lesions = {s for s, places in self.places.items() if places & named}
        speaks_of_one = bool(set(plain.split()) & set(_data()["lesions"]))
        return named | members | (lesions if speaks_of_one else set())

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


class Grounding(AgentMiddleware):
    """Replaces the model's last message by the sentences of it that hold."""

    def after_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        messages = state["messages"]
        last = messages[-1]
        if not isinstance(last, AIMessage) or {"plan", "composed"} & set(last.response_metadata):
            return None
        _, after = current(messages)
        kept, removed = ground(last.text, results(messages))
        if not removed and kept:
            return None
        found = results(after)
        text = "\n".join(part for part in (" ".join(kept), compose(found) if found else "") if part)
        metadata = {"composed": True, "removed": removed}
        return {"messages": [AIMessage(text or words()["nothing"], id=last.id, response_metadata=metadata)]}


def ground(text: str, results: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """The sentences of a text that the results support, and those that they do not."""
    facts = Facts.of(results)
    kept: list[str] = []
    removed: list[str] = []
    for sentence in filter(None, map(str.strip, _SENTENCE.split(text))):
        (kept if supported(sentence, facts) else removed).append(sentence)
    return kept, removed


def supported(sentence: str, facts: Facts) -> bool:
    """Whether one sentence says nothing that the results do not say."""
    plain = normalise(sentence)
    mentions = structures_in(plain)
    if any(not (ids & facts.mentioned) for ids in mentions):
        return False
    about = facts.about(mentions, plain)
    return (
        _numbers_hold(sentence, about, facts)
        and _counts_hold(sentence, facts)
        and _sides_hold(plain, about, facts)
        and _presence_holds(sentence, about, facts)
        and not _diagnosis(plain, mentions)
    )


def structures_in(plain: str) -> list[frozenset[str]]:
    """The structures that a normalised sentence names, longest name first; each as the ids it may mean."""
    tokens, index, at = plain.split(), _names(), 0
    found = []
    while at < len(tokens):
        for length in range(min(_LONGEST_NAME, len(tokens) - at), 0, -1):
            ids = index.get(tuple(tokens[at : at + length]))
            if ids:
                found.append(ids)
                at += length
                break
        else:
            at += 1
    return found


# -- the checks


def _numbers_hold(sentence: str, about: frozenset[str], facts: Facts) -> bool:
    table, plain = _data()["units"], _without_levels(sentence)
    points = [point.span() for point in _POINT.finditer(plain)]
    for match in _NUMBER.finditer(plain):
        said = match.group(0).replace(",", "").replace("−", "-")
        figure = re.match(r"-?\d+(?:\.\d+)?", said)
        assert figure is not None
        word = (match.group("unit") or "").lower()
        unit, factor = table.get(word, ("", 1))
        decimals = len(figure.group(0).partition(".")[2]) - {1: 0, 10: 1, 1000: 3}[factor]
        value = float(figure.group(0)) * factor
        in_point = any(start <= match.start() < stop for start, stop in points)
        if not (
            facts.has(value, unit, decimals, about)
            or (in_point and facts.has(value, _PLACE, decimals, about))
        ):
            return False
    return True


def _counts_hold(sentence: str, facts: Facts) -> bool:
    """ "two lesions", "3 small cysts": a number with what is counted at most two words after it."""
    data = _data()
    for said, between, thing in _count_pattern().findall(sentence.lower()):
        if set(between.split()) & set(data["units"]):
            continue  # a 24 mm lesion
        number = data["number_words"].get(said) or int(said)
        if number not in (facts.lesion_counts if thing in data["lesions"] else facts.counts):
            return False
    return True


def _sides_hold(plain: str, about: frozenset[str], facts: Facts) -> bool:
    said = {side for side in ("left", "right") if side in plain.split()}
    of = about or facts.mentioned
    known = {ontology()[s].side or next((x for x in said if x in s.split("_")), None) for s in of}
    return said <= known | facts.edges


def _presence_holds(sentence: str, about: frozenset[str], facts: Facts) -> bool:
    lower, data = f" {sentence.lower()} ", _data()
    negated = any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", lower) for word in data["negations"])
    if about & facts.absent and not about & facts.present and not negated:
        return False
    says_absent = any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", lower) for word in data["absence"])
    return not (says_absent and about & facts.present and not about & facts.absent)


def _diagnosis(plain: str, mentions: Iterable[frozenset[str]]) -> bool:
    return bool(set(plain.split()) & set(_data()["diagnoses"]))


# -- reading results


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
        yield value, _PLACE
    for part in (record["box"] or {}).values():
        yield from ((value, _PLACE) for corner in part for value in corner)


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


def _without_levels(sentence: str) -> str:
    """Without the digits of names: L3, T10-L2, segment 7."""
    text = re.sub(r"\b[CTLS]\d{1,2}\b", "", sentence)
    return re.sub(r"\b(segments?|ribs?|vertebra[e]?)\s+\d+\b", r"\1", text, flags=re.IGNORECASE)


def _ids(names: Iterable[str]) -> frozenset[str]:
    return frozenset(i for name in names for i in ontology().exact(name))


def _groups(structure: str) -> set[str]:
    parents = set(ontology()[structure].parents)
    return parents | {g for p in parents for g in _groups(p)}


@cache
def _data() -> dict[str, Any]:
    return yaml.safe_load(files("assistant").joinpath("data/grounding.yaml").read_text(encoding="utf-8"))


@cache
def _count_pattern() -> re.Pattern[str]:
    data = _data()
    numbers, things = "|".join(data["number_words"]), "|".join([*data["lesions"], *data["things"]])
    return re.compile(rf"(?<![\w.,-])(\d+|{numbers})((?:\s+[a-z%³]+){{0,2}}?)\s+({things})(?!\w)")


@cache
def _names() -> dict[tuple[str, ...], frozenset[str]]:
    """Every name and synonym as tokens; a plural is read as its singular."""
    index: dict[tuple[str, ...], set[str]] = {}
    for structure in ontology():
        for name in ontology().names(structure):
            tokens = tuple(normalise(name).split())
            if sum(map(len, tokens)) < 3:  # two letters mean too many other things
                continue
            for form in (tokens, (*tokens[:-1], f"{tokens[-1]}s")):
                index.setdefault(form, set()).add(structure)
    return {tokens: frozenset(ids) for tokens, ids in index.items()}
