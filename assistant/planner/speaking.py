"""What the planner says: plans with calls, questions, refusals, and the nearest name for a word that is unknown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rapidfuzz import fuzz, process

from assistant.plan import Call, Plan

from .calls import Asked
from .clauses import read_clauses
from .files import data
from .lexicon import Lexicon
from .meaning import Tag
from .memory import Problem
from .policy import Refusal
from .resolve import Resolver
from .spelling import common_words
from .tag import tag
from .tokens import Token
from .understood import names, understood

CanFind = Callable[[str], bool]
"""Whether the model in use knows a structure."""
QUESTION_WORDS = frozenset({"who", "why", "when", "whom", "whose"})


class Speaker:
    """Turns what was worked out of a request into a plan."""

    def __init__(self, words: Lexicon, can_find: CanFind | None = None) -> None:
        self.lexicon = words
        self.can_find = can_find
        self.replies = data("replies")

    def conclude(
        self, text: str, tokens: Sequence[Token], resolver: Resolver, refusals: Sequence[Refusal]
    ) -> Plan:
        notes = list(dict.fromkeys(self.replies["also"][refusal.topic] for refusal in refusals))
        if resolver.calls:
            notes = [self._question(asked.problem) for asked in resolver.asked] + notes
            return self.act(text, resolver.calls, " ".join(dict.fromkeys(notes)))
        if refusals:
            return self.say(text, "refuse", self.reply("refuse", refusals[0].topic))
        tags = tag(tokens, self.lexicon)
        if resolver.asked:
            made = self._clarify(text, resolver.asked)
            unnamed = all(asked.problem.reason == "target" for asked in resolver.asked)
            near = self._nearest_name(tags) if unnamed else None
            if near:
                return self._offer(made, near)
            if unnamed and (strangers := self._strangers(tags)):
                problem = resolver.asked[0].problem
                fields = {**problem.fields, "word": strangers[0].text}
                return replace(made, text=self._question(replace(problem, reason="strange", fields=fields)))
            return made
        if self._foreign(tags):
            return self.say(text, "refuse", self.reply("refuse", "off_topic"))
        near = self._nearest_name(tags)
        if near is not None:
            return self._offer(self.say(text, "clarify", ""), near)
        negated = any(clause.negated or clause.excluded for clause in read_clauses(tags, self.lexicon))
        return self.say(text, "clarify", self.reply("clarify", "excluded" if negated else "nothing"))

    def _offer(self, made: Plan, near: tuple[str, str]) -> Plan:
        word, id = near
        fields = {"word": word, "name": self.lexicon.ontology[id].name}
        return replace(made, text=self.reply("clarify", "unknown", fields), suggestion=(id,))

    def _nearest_name(self, tags: Sequence[Tag]) -> tuple[str, str] | None:
        """A word that nothing covers and the structure whose name is most like it, if one is."""
        names = {
            structure.name: id for id, structure in self.lexicon.ontology.items() if id in self.lexicon.scope
        }
        for tag_ in self._strangers(tags):
            word = tag_.text.lower()
            if len(word) < 6:
                continue
            found = process.extractOne(word, names.keys(), scorer=fuzz.ratio, score_cutoff=60)
            if found is not None:
                return tag_.text, names[found[0]]
        return None

    def _strangers(self, tags: Sequence[Tag]) -> list[Tag]:
        """Words of no known meaning."""
        return [t for t in tags if t.kind == "word" and len(t.text) > 3 and t.keys[0] not in common_words()]

    def _foreign(self, tags: Sequence[Tag]) -> bool:
        """A sentence of words that have nothing to do with a study."""
        words = [t for t in tags if t.kind == "word"]
        known = [
            t
            for t in tags
            if t.kind in ("struct", "lesion", "measure", "level", "verb", "unsupported", "part")
        ]
        known = [t for t in known if t.kind != "verb" or t.value not in ("give", "state", "exist", "show")]
        asking = any(t.keys[0] in QUESTION_WORDS for t in tags)
        if any(t.kind in ("struct", "lesion", "level") for t in tags) and not asking:
            return False
        if words and not known and len(tags) >= 3 and any(len(t.text) > 3 for t in words):
            return True
        strange = [t for t in words if t.keys[0] in common_words() or t.keys[0] in QUESTION_WORDS]
        return len(words) >= 3 or (len(strange) >= 1 and len(words) >= 2) or (len(words) >= 2 and bool(known))

    def act(self, text: str, calls: Sequence[Call], note: str) -> Plan:
        return Plan(text, "act", tuple(calls), note, understood(calls, self.lexicon))

    def _findable(self, problem: Problem) -> Problem:
        """Offers nothing that the model in use does not know; a cyst is then spoken of like any lesion."""
        if self.can_find is None or problem.reason not in ("unsupported", "cyst_unsupported"):
            return problem
        known = {id for id in problem.nearest if any(map(self.can_find, (id, *self.lexicon.leaves((id,)))))}
        reason = problem.reason if known or problem.reason == "unsupported" else "lesion_unsupported"
        return replace(problem, reason=reason, nearest=tuple(id for id in problem.nearest if id in known))

    def _clarify(self, text: str, asked: Sequence[Asked]) -> Plan:
        first = self._findable(asked[0].problem)
        nearest = first.nearest if first.reason in ("unsupported", "cyst_unsupported", "finding") else ()
        return Plan(
            text,
            "clarify",
            text=" ".join(dict.fromkeys(self._question(a.problem) for a in asked)),
            pending=tuple(call for a in asked for call in a.pending),
            suggestion=tuple(nearest),
        )

    def _question(self, problem: Problem) -> str:
        problem = self._findable(problem)
        reason = problem.reason
        fields = dict(problem.fields)
        if reason in ("target", "strange"):
            fields.setdefault("verb", "work on")
        if reason == "unsupported" and not problem.nearest:
            reason = "unsupported_alone"
        fields["nearest"] = " or ".join(names(problem.nearest[:2], self.lexicon))
        fields["hosts"] = self._lesion_hosts()
        fields["doubt"] = self.replies["clarify"]["doubt"] if fields.get("finding") else ""
        return self.reply("clarify", reason, fields)

    def _lesions(self) -> list[str]:
        """The lesions that the model in use draws."""
        return [id for id in self.lexicon.lesions if self.can_find is None or self.can_find(id)]

    def _lesion_hosts(self) -> str:
        hosts = dict.fromkeys(
            self.lexicon.ontology[self.lexicon.group_of(self.lexicon.ontology[id].within)[0]].name
            for id in self._lesions()
        )
        return self.reply("hosts", "some" if hosts else "none", {"names": ", ".join(hosts)})

    def reply(self, section: str, name: str, fields: dict[str, str] | None = None) -> str:
        template: str = self.replies[section][name]
        known = "some" if self._lesions() else "none"
        common = {"scope": self.replies["scope"][known], "examples": self._examples()}
        return template.format_map(common | (fields or {}))

    def _examples(self) -> str:
        drawn = self._lesions()
        fitting = (one["say"] for one in self.replies["examples"] if "of" not in one or one["of"] in drawn)
        return ", ".join(f'"{say}"' for say in fitting)

    def say(self, text: str, status: str, reply: str) -> Plan:
        return Plan(text, status, text=reply)  # type: ignore[arg-type]
