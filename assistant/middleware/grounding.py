"""No claim without a source: text of a language model is checked sentence by sentence against the tools'
results.

A sentence stays when every number in it (with its unit), every side, count and structure is in a result that
speaks of the same structure, when it does not call an absent structure present or a present one absent, and
when it makes no diagnosis. All else is left out, and what the tools found is said instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from langchain.agents.middleware import AgentMiddleware
from langchain_core.messages import AIMessage

from assistant.middleware.facts import PLACE, Facts
from assistant.middleware.messages import current, results
from assistant.wording import compose, words
from prompts.ontology import normalise, ontology

_POINT = re.compile(r"[(\[]\s*[-−]?[\d.]+(?:\s*mm)?(?:\s*,\s*[-−]?[\d.]+(?:\s*mm)?){2}\s*[)\]]")
_NUMBER = re.compile(
    r"(?<![\w.])[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w.]*\d)(?:\s*(?P<unit>%|cm³|[A-Za-z]+\d?))?"
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=\S)|\n+")
_LONGEST_NAME = 8


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
    about = facts.about(mentions, of_lesion=bool(set(plain.split()) & set(_data()["lesions"])))
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
            facts.has(value, unit, decimals, about) or (in_point and facts.has(value, PLACE, decimals, about))
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


def _without_levels(sentence: str) -> str:
    """Without the digits of names: L3, T10-L2, segment 7."""
    text = re.sub(r"\b[CTLS]\d{1,2}\b", "", sentence)
    return re.sub(r"\b(segments?|ribs?|vertebra[e]?)\s+\d+\b", r"\1", text, flags=re.IGNORECASE)


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
