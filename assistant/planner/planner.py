"""The offline planner: one request and what was said before, to a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from rapidfuzz import fuzz, process

from assistant.plan import Call, Plan

from .calls import Asked
from .clause import Clause
from .clauses import read_clauses
from .dialogue import Dialogue
from .files import data
from .intents import Wish, wishes
from .lexicon import Lexicon, lexicon
from .memory import Problem
from .policy import Refusal, policy, sentences
from .resolve import Resolver
from .spelling import common_words
from .tag import NOMINAL, Tag, prepare, speller, tag
from .tokens import Token
from .understood import names, understood

QUESTION_WORDS = frozenset({"who", "why", "when", "whom", "whose"})


def plan(text: str, dialogue: Dialogue | None = None) -> Plan:
    """What a request means, given the dialogue, which takes the plan in.

    Never raises on any text. A plan's calls name only ids of the ontology.
    """
    state = dialogue if dialogue is not None else Dialogue()
    made = Planner(lexicon(), state).plan(text)
    state.remember(made)
    return made


class Planner:
    """Reads one request against one dialogue."""

    def __init__(self, words: Lexicon, dialogue: Dialogue) -> None:
        self.lexicon = words
        self.dialogue = dialogue
        self.replies = data("replies")

    def plan(self, text: str) -> Plan:
        tokens = _own_words(prepare(text))
        if not any(token.kind != "sign" for token in tokens):
            return self._say(text, "clarify", self._reply("clarify", "nothing"))
        answered = self._yes(text, tokens)
        if answered is not None:
            return answered
        refusals = policy().refusals(tokens)
        talk = policy().small_talk(tokens)
        if talk and all(talk == "abilities" and refusal.topic == "modality" for refusal in refusals):
            return self._say(text, "chat", self._reply("chat", talk))
        resolver = self._resolve(tokens, refusals)
        lost = all(asked.problem.reason in ("target", "nothing", "lesion") for asked in resolver.asked)
        if not resolver.calls and lost and not refusals:
            resolver = self._second_look(tokens) or resolver
        return self._conclude(text, tokens, resolver, refusals)

    # ---- reading --------------------------------------------------------------------------------------

    def _resolve(self, tokens: Sequence[Token], refusals: Sequence[Refusal]) -> Resolver:
        resolver = Resolver(self.lexicon, self.dialogue)
        closed = [
            span for span in sentences(tokens) for r in refusals if r.alone and span[0] <= r.start < span[1]
        ]
        clauses = [
            clause
            for clause in read_clauses(_cut(tag(tokens, self.lexicon), refusals), self.lexicon)
            if not any(r.start < clause.stop and clause.start < r.stop for r in refusals)
            and not any(start <= clause.start < stop for start, stop in closed)
        ]
        listed = self._shared(clauses)
        for number, (clause, wish) in enumerate(listed):
            if not clause.negated and not self._makes_sense(clause, wish, tokens):
                continue
            following = listed[number + 1][1] if number + 1 < len(listed) else None
            first = not resolver.calls
            if following is not None and _restated(wish, following):
                continue
            if number and _places(listed[number - 1][1], wish):
                continue
            if following is not None and _places(wish, following):
                hosted = [resolver.finder.compose.lesion_in(t, following.targets) for t in wish.targets]
                if not any(target.missing for target in hosted):
                    wish = replace(wish, targets=tuple(hosted))
            if following is not None and first and _is_topic(wish) and _is_about(wish, following):
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
            listed = [pair for pair in listed if not _idle(pair[1])] or listed
        return listed

    def _makes_sense(self, clause: Clause, wish: Wish, tokens: Sequence[Token]) -> bool:
        """Whether a clause says enough to act on: a noun among words that mean nothing does not."""
        if _idle(wish) and not wish.tool:
            return False
        verbs = set(clause.verbs()) - {"give"}
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
        return self._act(text, calls, "") if calls else None

    # ---- answering ------------------------------------------------------------------------------------

    def _conclude(
        self, text: str, tokens: Sequence[Token], resolver: Resolver, refusals: Sequence[Refusal]
    ) -> Plan:
        notes = list(dict.fromkeys(self.replies["also"][refusal.topic] for refusal in refusals))
        if resolver.calls:
            notes = [self._question(asked.problem) for asked in resolver.asked] + notes
            return self._act(text, resolver.calls, " ".join(dict.fromkeys(notes)))
        if refusals:
            return self._say(text, "refuse", self._reply("refuse", refusals[0].topic))
        tags = tag(tokens, self.lexicon)
        if resolver.asked:
            made = self._clarify(text, resolver.asked)
            unnamed = all(asked.problem.reason == "target" for asked in resolver.asked)
            near = self._nearest_name(tags) if unnamed else None
            return self._offer(made, near) if near else made
        if self._foreign(tags):
            return self._say(text, "refuse", self._reply("refuse", "off_topic"))
        near = self._nearest_name(tags)
        if near is not None:
            return self._offer(self._say(text, "clarify", ""), near)
        negated = any(clause.negated or clause.excluded for clause in read_clauses(tags, self.lexicon))
        return self._say(text, "clarify", self._reply("clarify", "excluded" if negated else "nothing"))

    def _offer(self, made: Plan, near: tuple[str, str]) -> Plan:
        word, id = near
        fields = {"word": word, "name": self.lexicon.ontology[id].name}
        return replace(made, text=self._reply("clarify", "unknown", fields), suggestion=(id,))

    def _nearest_name(self, tags: Sequence[Tag]) -> tuple[str, str] | None:
        """A word that nothing covers and the structure whose name is most like it, if one is."""
        names = {
            structure.name: id for id, structure in self.lexicon.ontology.items() if id in self.lexicon.scope
        }
        for tag_ in tags:
            word = tag_.text.lower()
            if tag_.kind != "word" or len(word) < 6 or tag_.keys[0] in common_words():
                continue
            found = process.extractOne(word, names.keys(), scorer=fuzz.ratio, score_cutoff=60)
            if found is not None:
                return tag_.text, names[found[0]]
        return None

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

    def _act(self, text: str, calls: Sequence[Call], note: str) -> Plan:
        return Plan(text, "act", tuple(calls), note, understood(calls, self.lexicon))

    def _clarify(self, text: str, asked: Sequence[Asked]) -> Plan:
        first = asked[0]
        nearest = (
            first.problem.nearest
            if first.problem.reason in ("unsupported", "cyst_unsupported", "finding")
            else ()
        )
        return Plan(
            text,
            "clarify",
            text=" ".join(dict.fromkeys(self._question(a.problem) for a in asked)),
            pending=tuple(call for a in asked for call in a.pending),
            suggestion=tuple(nearest),
        )

    def _question(self, problem: Problem) -> str:
        reason = problem.reason
        fields = dict(problem.fields)
        if reason == "target":
            fields.setdefault("verb", "work on")
        if reason == "unsupported" and not problem.nearest:
            reason = "unsupported_alone"
        fields["nearest"] = " or ".join(names(problem.nearest[:2], self.lexicon))
        fields["hosts"] = self._lesion_hosts()
        return self._reply("clarify", reason, fields)

    def _lesion_hosts(self) -> str:
        hosts = dict.fromkeys(
            self.lexicon.ontology[self.lexicon.group_of(self.lexicon.ontology[id].within)[0]].name
            for id in self.lexicon.lesions
        )
        return ", ".join(hosts)

    def _reply(self, section: str, name: str, fields: dict[str, str] | None = None) -> str:
        template: str = self.replies[section][name]
        return template.format_map({"scope": self.replies["scope"], **(fields or {})})

    def _say(self, text: str, status: str, reply: str) -> Plan:
        return Plan(text, status, text=reply)  # type: ignore[arg-type]


def _idle(wish: Wish) -> bool:
    """A wish that says nothing of its own."""
    bare = not (wish.targets or wish.excluded or wish.senses or wish.measures or wish.size or wish.unit)
    return (
        bare
        and (wish.tool is None or wish.verb in ("show", "exist", "give", "find", "check", "detect"))
        and not wish.extra
    )


def _is_topic(wish: Wish) -> bool:
    """A phrase without a verb of its own, or a mere statement."""
    return (
        bool(wish.targets)
        and wish.verb in ("", "state", "not")
        and not (wish.senses or wish.measures or wish.flags - {"in", "inside"})
    )


def _restated(wish: Wish, following: Wish) -> bool:
    """Lesions of no organ, told again with their organ: "the target lesions: measure each liver met"."""
    vague = bool(wish.targets) and all(t.lesion and t.open and not t.sides for t in wish.targets)
    told = bool(following.targets) and all(t.lesion and not t.open for t in following.targets)
    return vague and told and wish.verb in ("", "give", "state", "measure") and bool(following.senses)


def _places(wish: Wish, following: Wish) -> bool:
    """Lesions of no organ, then organs and nothing else: "mets? liver or lung"."""
    vague = bool(wish.targets) and all(t.lesion and t.open and not t.refers for t in wish.targets)
    silent = following.tool is None and not (following.senses or following.measures or following.flags)
    organs = bool(following.targets) and all(t.plain and not t.refers for t in following.targets)
    return vague and silent and organs and not following.verb


def _is_about(topic: Wish, wish: Wish) -> bool:
    """A wish about the topic before it: it points back, or looks for lesions in it."""
    searching = bool(wish.targets) and all(t.lesion and t.open and not t.refers for t in wish.targets)
    return _points_back(wish) or (searching and "in" in topic.flags)


def _points_back(wish: Wish) -> bool:
    """A wish about what was just said: its only targets are pronouns, or it has none."""
    acts = wish.tool is not None or bool(wish.senses)
    return (
        acts and all(target.refers in ("it", "them", "one") for target in wish.targets) and not wish.excluded
    )


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
