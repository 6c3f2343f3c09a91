"""Wishes to calls, one wish after the other: the tool of each wish decides who works it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from assistant.plan import QUERY_TOOLS, Call

from .dialogue import Dialogue
from .ellipsis import Ellipsis
from .memory import Problem, Scope
from .target import Target
from .units import suits
from .wish import Wish

_VIEW = ("plane", "window")


class Resolver(Ellipsis):
    """Turns the wishes of one request into `calls`; collects in `asked` what has to be asked."""

    def take(self, wish: Wish) -> None:
        """Work out one wish; adds to `calls` or to `asked`."""
        self.finder.local = []
        if self._names_unit(wish):
            self.calls[-1] = replace(self.calls[-1], args=self.calls[-1].args | {"unit": wish.unit})
            return
        handler = getattr(self, f"_{wish.tool}", None) if wish.tool not in QUERY_TOOLS else None
        made = handler(wish) if handler else self._query(wish)
        for call in made:
            if not self._said(call) and not self._in_unit(call):
                self.calls.append(call)
        if made:
            self.finder.topic = []

    def _names_unit(self, wish: Wish) -> bool:
        """Only the unit of what was just asked: "is the prostate enlarged, give ml"."""
        said = wish.targets or wish.excluded or wish.senses or wish.measures or wish.size or wish.tool
        kinds = self.calls[-1].args.get("measures", ()) if self.calls else ()
        return bool(wish.unit) and not said and any(suits(str(wish.unit), kind) for kind in kinds)

    def _in_unit(self, call: Call) -> bool:
        """The same call again with a unit, as in "is the aorta dilated? diameter in mm": the call gets the unit."""
        for place, other in enumerate(self.calls):
            if (
                call.args.get("unit")
                and call.tool == other.tool
                and call.args == other.args | {"unit": call.args["unit"]}
            ):
                self.calls[place] = call
                return True
        return False

    def _said(self, call: Call) -> bool:
        """The same call again, or a correction that says less than the one before."""
        if any(call.tool == other.tool and call.args == other.args for other in self.calls):
            return True
        last = self.calls[-1] if self.calls else None
        if last is not None and call.tool == "compare" == last.tool and not call.senses:
            return call.targets == last.targets
        return (
            call.tool == "correct"
            and last is not None
            and last.tool == "correct"
            and call.targets == last.targets
        )

    def note(self, wish: Wish) -> None:
        """Take a phrase as what the next wish is about: "a mass in the right upper lobe, segment it"."""
        self.finder.local = []
        self._notice(wish.excluded)  # "not the right adrenal, the left"
        found = [self.finder.find(target, "detect", loose=True) for target in wish.targets]
        self.finder.topic = [scope for scopes in found if not isinstance(scopes, Problem) for scope in scopes]

    def _query(self, wish: Wish) -> list[Call]:
        if "unmeasurable" in wish.senses:
            return self._ask(Problem("measure_unsupported"))
        if self._answers_question(wish):
            return self._fill_pending(wish)
        wish = self._by_unit(wish)
        if self._compares_again(wish):
            return self._compare_scopes(wish, self.finder.focus())
        if self._compares_prior_again(wish):
            return self._prior(
                replace(wish, extra={"study": self._last_calls()[0].args["study"]}), self.finder.focus()
            )
        if self._shows_again(wish):
            view = {key: value for key, value in self._last_calls()[0].args.items() if key in _VIEW}
            return self._plain("show", replace(wish, extra=view | wish.extra))
        inside = self._inside(wish)
        if inside is not None:
            return self._query(inside)
        among = self._among(wish)
        if among:
            return self._compare_scopes(replace(wish, senses=("size",)), among)
        if self._repeats(wish):
            return self._repeat(wish)
        if wish.excluded and not wish.targets and wish.tool is None and not wish.senses:
            return []
        scopes = self._scopes(wish)
        if scopes is None:
            return []
        return self._calls(wish, scopes)

    def _shows_again(self, wish: Wish) -> bool:
        """As in "the next level down" after a view of a vertebra: the same view, of the one below."""
        last = self._last_calls()
        steps = bool(wish.targets) and all(
            target.refers in ("next", "other", "side") or target.plain for target in wish.targets
        )
        shown = bool(last) and last[0].tool == "show"
        return shown and steps and not (wish.verb or wish.senses or wish.measures or wish.excluded)

    def _inside(self, wish: Wish) -> Wish | None:
        """As in "is it in the head?" of a lesion, "nodules in it?" of an organ: lesions are looked for there."""
        if wish.tool or wish.verb or wish.senses or wish.measures:
            return None
        hosted = wish.targets and all(t.lesion and t.refers == "host" for t in wish.targets)
        if hosted and "question" in wish.flags:
            return replace(wish, tool="detect", verb="detect")
        first, *places = wish.targets or (Target(),)
        focus = self.finder.focus()
        lesions = bool(focus) and all(scope.lesion for scope in focus)
        if not ("inside" in wish.flags and places and first.refers == "it" and lesions):
            return None
        lesion = Target(lesion=self.finder.class_of(focus[-1]), open=True)
        found = self.finder.compose.lesion_in(lesion, self._in_organ(places))
        return None if found.missing else replace(wish, tool="detect", verb="detect", targets=(found,))

    def _in_organ(self, places: Sequence[Target]) -> list[Target]:
        """Region words as parts of the organ that is talked about."""
        organ = self.finder.last_organ()
        if organ is None:
            return list(places)
        return [self.finder.compose.part_of(p, Target(ids=organ.ids)) or p if p.open else p for p in places]

    def _among(self, wish: Wish) -> list[Scope]:
        """As in "which one is the biggest?" after several structures: those; nothing after lesions."""
        picks = bool(wish.targets) and all(target.refers == "select" for target in wish.targets)
        if not picks or "which" not in wish.flags or wish.senses:
            return []
        focus = self.finder.focus()
        return focus if len(focus) > 1 and not any(scope.lesion for scope in focus) else []

    def _swap(self, wish: Wish) -> list[Call]:
        names = " and ".join(target.text for target in wish.targets)
        return self._ask(Problem("replace", {"name": names or "it"}))

    def _unable(self, wish: Wish) -> list[Call]:
        """A finding that no tool can tell, in a structure that can be outlined."""
        target = wish.targets[0]
        problem = Problem("finding", {"name": target.text.lower()}, target.ids, about=target.ids)
        return self._ask(problem, replace(wish, tool="help"))

    def _undo(self, wish: Wish) -> list[Call]:
        if "steps" not in wish.extra:
            return [Call("undo")]
        self.dialogue = self.finder.dialogue = Dialogue()  # what follows in this request begins anew
        return [Call("undo", {"steps": wish.extra["steps"]})]

    def _drop(self, wish: Wish) -> list[Call]:
        """A mask to take away: the last step is undone where it was that mask's, no other mask is deleted."""
        found = [self.finder.find(target) for target in wish.targets]
        ids = [
            id for scopes in found if not isinstance(scopes, Problem) for scope in scopes for id in scope.ids
        ]
        last = [id for call in self._last_calls() for id in call.targets]
        same = bool(ids) and set(self.lexicon.leaves(ids)) == set(self.lexicon.leaves(last))
        return [Call("undo")] if same else self._swap(wish)

    def _redo(self, wish: Wish) -> list[Call]:
        return [Call("redo")]

    def _report(self, wish: Wish) -> list[Call]:
        return self._plain("report", wish, focus=False)

    def _describe(self, wish: Wish) -> list[Call]:
        """The study; whether all of something is in it can be asked of what has no class, too."""
        known = tuple(target for target in wish.targets if not target.missing)
        return self._plain("describe", replace(wish, targets=known), focus=False)

    def _export(self, wish: Wish) -> list[Call]:
        return self._plain("export", wish, focus="every" not in wish.flags)

    def _show(self, wish: Wish) -> list[Call]:
        return self._plain("show", wish, focus=bool(wish.targets))

    def _plain(self, tool: str, wish: Wish, focus: bool = True) -> list[Call]:
        """A tool with optional targets; without any, the ones talked about or none."""
        scopes: list[Scope] = []
        talked = bool(self.finder.focus()) and focus
        named = tuple(target for target in wish.targets if talked or not target.refers)
        if named:
            scopes = self._scopes(replace(wish, targets=named)) or []
            if not scopes:
                return []
        elif focus:
            scopes = self.finder.focus()
        targets = list(dict.fromkeys(id for scope in scopes for id in scope.ids))
        extra = {key: value for key, value in wish.extra.items() if key not in ("word",)}
        return [Call(tool, {"targets": targets, **extra}, (), tuple(scope.ids for scope in scopes))]

    def _screen(self, wish: Wish) -> list[Call]:
        lesions = [t for t in self._hosted(wish) if t.lesion is not None]
        plain = [t for t in wish.targets if t.plain]
        if not lesions and plain:
            lesions = [self.finder.compose.lesion_in(Target(lesion="tumor", open=True), plain)]
        if not lesions:
            lesions = [Target(lesion="tumor", open=True, every=True)]
        scopes = self._scopes(replace(wish, targets=tuple(lesions), tool="detect"))
        return self._grouped("screen", scopes, ()) if scopes else []

    def _correct(self, wish: Wish) -> list[Call]:
        """A mask to mend: the focus, else the first structure named; what it leaked into is left out."""
        focus = self.finder.focus()
        named = [t for t in (*wish.targets, *wish.excluded) if t.refers is None]
        scopes: list[Scope] = []
        for target in named:
            found = self.finder.find(target)
            if isinstance(found, Problem):
                self._ask(found)
                return []
            scopes += found
        chosen = [set(self.lexicon.leaves(scope.ids)) for scope in scopes]
        among = [scope for scope in focus if set(self.lexicon.leaves(scope.ids)) in chosen]
        if (
            scopes and "remove" in wish.flags and len(among) == len(scopes) < len(focus)
        ):  # "remove the kidney" of what was named
            return self._exclude_from(self._last_calls(), replace(wish, excluded=tuple(named)))
        if len(among) == 1 == len(scopes) < len(focus):
            focus = among  # "fix the liver" of several
        if focus and not (scopes and wish.targets and wish.targets[0].refers is None and len(scopes) > 1):
            leaves = [set(self.lexicon.leaves(scope.ids)) for scope in focus]
            mended, rest = focus, [s for s in scopes if set(self.lexicon.leaves(s.ids)) not in leaves]
        elif scopes:
            mended, rest = scopes[:1], scopes[1:]
        else:
            return self._ask(Problem("target"), wish)
        args: dict[str, Any] = {"targets": [id for scope in mended for id in scope.ids]}
        if rest:
            args["exclude"] = [id for scope in rest for id in scope.ids]
        return [Call("correct", args | wish.extra, (), tuple(scope.ids for scope in mended))]

    def _compare(self, wish: Wish) -> list[Call]:
        if wish.comparison == "prior" and "response" in wish.senses:
            wish = self._responding(wish)
        if not wish.senses and (wish.comparison != "prior" or not any(t.plain for t in wish.targets)):
            asked = (call.senses or tuple(call.args.get("measures", ())) for call in self._last_calls())
            last = next((senses for senses in asked if senses), ())
            wish = replace(wish, senses=tuple(s for s in last if s not in ("count", "distance")))
        if wish.comparison == "prior" and all(target.refers == "one" for target in wish.targets):
            focus = self.finder.focus()
            if "response" in wish.senses:  # of lesions, whatever was spoken of before
                focus = [s for s in focus if all(self.lexicon.ontology[id].kind == "lesion" for id in s.ids)]
            return self._prior(wish, focus)
        if wish.targets:
            scopes = self._scopes(wish)
            if scopes is None:
                return []
            scopes = [self._limited(scope, wish) for scope in scopes]
        else:
            scopes = self.finder.together()
            if not scopes:
                return self._ask(Problem("target"), wish)
        if wish.comparison == "prior":
            return self._prior(wish, scopes)
        wish = replace(wish, senses=wish.senses or ("size",))
        return self._compare_scopes(wish, self._without_classes(scopes))

    def _responding(self, wish: Wish) -> Wish:
        """Lesions respond, organs do not: "RECIST response of the liver" means its tumors."""
        plain = [target for target in wish.targets if target.plain]
        if not plain or len(plain) < len(wish.targets):
            return wish
        return replace(
            wish, targets=(self.finder.compose.lesion_in(Target(lesion="tumor", open=True), plain),)
        )

    def _without_classes(self, scopes: Sequence[Scope]) -> list[Scope]:
        """Less the class of the things compared: "which vertebra is denser, L1 or L2"."""
        leaves = [set(self.lexicon.leaves(scope.ids)) for scope in scopes]
        pairs = zip(scopes, leaves, strict=True)
        return [scope for scope, own in pairs if not any(other < own for other in leaves)]
