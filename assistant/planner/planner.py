"""The offline planner: one request and what was said before, to a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from assistant.plan import Plan

from .about import idle, is_about, is_history, is_topic, located, places, restated, viewed
from .arithmetic import compared
from .clause import Clause
from .clauses import read_clauses
from .dialogue import Dialogue
from .intents import wishes
from .lexicon import Lexicon, lexicon
from .meaning import NOMINAL, Tag
from .particles import punctuated, rejoined
from .policy import Refusal, policy, sentences
from .resolve import Resolver
from .speaking import QUESTION_WORDS, CanFind, Speaker
from .spelling import common_words
from .tag import prepare, speller, tag
from .tokens import Token
from .wish import Wish


def plan(text: str, dialogue: Dialogue | None = None, can_find: CanFind | None = None) -> Plan:
    """What a request means, given the dialogue, which takes the plan in.

    can_find: what the model in use knows, for what is said of it; None: no model is in use, so all that is planned for.
    Never raises on any text. A plan's calls name only ids of the ontology.
    """
    state = dialogue if dialogue is not None else Dialogue()
    made = Planner(lexicon(_beyond(can_find)), state, can_find).plan(text)
    state.remember(made)
    return made


def _beyond(can_find: CanFind | None) -> frozenset[str]:
    """The lesions that the model in use draws and the contract does not name."""
    words = lexicon()
    others = (s for s in words.ontology.values() if s.kind == "lesion" and s.id not in words.scope)
    return frozenset(s.id for s in others if can_find and can_find(s.id))


class Planner(Speaker):
    """Reads one request against one dialogue."""

    def __init__(self, words: Lexicon, dialogue: Dialogue, can_find: CanFind | None = None) -> None:
        super().__init__(words, can_find)
        self.dialogue = dialogue

    def plan(self, text: str) -> Plan:
        tokens = _own_words(prepare(text))
        if not any(token.kind != "sign" for token in tokens):
            return self.say(text, "clarify", self.reply("clarify", "nothing"))
        answered = self._yes(text, tokens)
        if answered is not None:
            return answered
        refusals = policy().refusals(tokens)
        talk = policy().small_talk(tokens)
        if talk and all(talk == "abilities" and refusal.topic == "modality" for refusal in refusals):
            return self.say(text, "chat", self.reply("chat", talk))
        resolver = self._resolve(tokens, refusals)
        lost = all(asked.problem.reason in ("target", "nothing", "lesion") for asked in resolver.asked)
        if not resolver.calls and lost and not refusals:
            resolver = self._second_look(tokens) or resolver
        return self.conclude(text, tokens, resolver, refusals)

    # ---- reading --------------------------------------------------------------------------------------

    def _resolve(self, tokens: Sequence[Token], refusals: Sequence[Refusal]) -> Resolver:
        resolver = Resolver(self.lexicon, self.dialogue)
        closed = [
            span for span in sentences(tokens) for r in refusals if r.alone and span[0] <= r.start < span[1]
        ]
        clauses = [
            clause
            for clause in read_clauses(
                _cut(punctuated(compared(rejoined(tag(tokens, self.lexicon)))), refusals), self.lexicon
            )
            if not any(r.start < clause.stop and clause.start < r.stop for r in refusals)
            and not any(start <= clause.start < stop for start, stop in closed)
        ]
        shared = self._shared(clauses)
        placed = located([wish for _, wish in shared], resolver.finder.compose)
        listed = [(clause, wish) for (clause, _), wish in zip(shared, placed, strict=True) if wish]
        views = viewed([wish for _, wish in listed])
        listed = [(clause, wish) for (clause, _), wish in zip(listed, views, strict=True) if wish]
        for number, (clause, wish) in enumerate(listed):
            if not clause.negated and not self._makes_sense(clause, wish, tokens):
                continue
            following = listed[number + 1][1] if number + 1 < len(listed) else None
            first = not resolver.calls
            if following is not None and (restated(wish, following) or is_history(wish, following)):
                continue
            if number and places(listed[number - 1][1], wish):
                continue
            if following is not None and places(wish, following):
                hosted = [resolver.finder.compose.lesion_in(t, following.targets) for t in wish.targets]
                if not any(target.missing for target in hosted):
                    wish = replace(wish, targets=tuple(hosted))
            if following is not None and first and is_topic(wish) and is_about(wish, following):
                resolver.note(wish)
            elif not clause.negated:
                resolver.take(wish)
        return resolver

    def _shared(self, clauses: Sequence[Clause]) -> list[tuple[Clause, Wish]]:
        """The wishes of all clauses; a verb without an object takes that of the verb it is joined to."""
        listed: list[tuple[Clause, Wish]] = []
        for number, clause in enumerate(clauses):
            if clause.negated:
                listed.append((clause, Wish(targets=tuple(clause.targets), verb="not")))
                continue
            made = wishes(clause)
            following = clauses[number + 1] if number + 1 < len(clauses) else None
            if (
                following is not None
                and not clause.has_content
                and following.leading in ("and", ",", "&", "+", "/")
            ):
                verbs = [wish for wish in made if wish.tool in ("segment", "locate", "detect", "measure")]
                shared = [w for w in wishes(following) if w.targets]
                if verbs and shared and verbs[0].verb not in ("show", "exist"):
                    made = [
                        replace(shared[0], tool=verbs[0].tool, verb=verbs[0].verb, senses=(), measures=())
                    ]
            listed += [(clause, wish) for wish in made]
        # A view verb without an object beside a real wish is a way of speaking: "have a look and mark ..."
        if len(listed) > 1:
            listed = [pair for pair in listed if not idle(pair[1])] or listed
        return listed

    def _makes_sense(self, clause: Clause, wish: Wish, tokens: Sequence[Token]) -> bool:
        """Whether a clause says enough to act on: a noun among words that mean nothing does not."""
        only_strange = bool(clause.unknown) and all(item.kind == "verb" for item in clause.items)
        if idle(wish) and (not wish.tool or only_strange):
            return False  # "tell me about the french revolution"
        verbs = set(clause.verbs()) - {"give"}
        if not verbs and clause.unknown and any(target.kind == "universe" for target in wish.targets):
            return False  # "reset everything"
        if verbs or wish.senses or wish.measures or wish.flags & {"again", "same", "about", "correction"}:
            return len(clause.unknown) < 5
        asking = {token.key for token in tokens[max(clause.start, 0) : clause.stop]} & QUESTION_WORDS
        return len(clause.unknown) < 2 and not (asking and clause.unknown)

    def _second_look(self, tokens: Sequence[Token]) -> Resolver | None:
        """Nothing was understood: a common word may be a misspelt structure ("segment the lever")."""
        retried = [
            Token(t.text, near, t.kind, t.start, t.stop, t.plural)
            if t.kind == "word"
            and t.key in common_words()
            and (near := speller().nearest(t.key, relaxed=True))
            else t
            for t in tokens
        ]
        if retried == list(tokens):
            return None
        resolver = self._resolve(retried, [])
        return resolver if resolver.calls else None

    def _yes(self, text: str, tokens: Sequence[Token]) -> Plan | None:
        """An offer taken."""
        if not self.dialogue.suggestion:
            return None
        tags = [t for t in tag(tokens, self.lexicon) if t.kind not in ("filler", "seq", "sign", "conj")]
        whole = [t for t in tag(tokens, self.lexicon) if t.kind == "yes"]
        agreed = {"yes", "yeah", "ok", "okay", "sure", "fine", "alright", "yep", "yup", "please", "do"}
        if any(t.kind != "yes" for t in tags) or not (whole or {token.key for token in tokens} & agreed):
            return None
        resolver = Resolver(self.lexicon, self.dialogue)
        calls = resolver.accept()
        return self.act(text, calls, "") if calls else None


def _own_words(tokens: list[Token]) -> list[Token]:
    """The user's own words: quoted matter is left out unless there is nothing else."""
    own: list[Token] = []
    for quoted, run in groupby(tokens, lambda token: token.quoted):
        part = list(run)
        if not quoted or sum(token.kind == "word" for token in part) < 3:
            own += part  # a name may stand in quotes
    return own if sum(token.kind == "word" for token in own) >= 2 else tokens


def _cut(tags: list[Tag], refusals: Sequence[Refusal]) -> list[Tag]:
    """Tags with a refused wish set apart from what it is joined to by "and"."""
    cut = list(tags)
    for refusal in refusals:
        for place in range(len(cut) - 1, -1, -1):
            inside = cut[place].start < refusal.stop
            if inside and cut[place].stop <= refusal.start:
                if cut[place].kind == "conj":
                    cut[place] = replace(cut[place], kind="seq")
                if cut[place].kind in NOMINAL | {"conj", "seq", "measure"}:
                    break
        after = next(
            (n for n, t in enumerate(cut) if t.start >= refusal.stop and t.kind not in ("filler", "word")),
            None,
        )
        rest = [t.kind for t in cut[after + 1 :] if t.kind != "filler"] if after is not None else []
        if after is not None and cut[after].kind == "conj" and rest[:1] in (["verb"], ["measure"]):
            cut[after] = replace(cut[after], kind="seq")
    return cut
