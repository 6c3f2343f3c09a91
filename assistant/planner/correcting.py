"""Corrections within a sentence: "volume of the spleen - no, the liver" asks for the liver only."""

from __future__ import annotations

from dataclasses import replace

from .making import Making
from .target import Target

_ADDING = ("and", "&", "plus", "+", "also")


class Correcting(Making):
    """Puts what is meant in the place of what was named by mistake."""

    def corrected(self, place: int) -> int | None:
        """The end of the phrase that corrects the last target from here on; None where none is corrected."""
        at = place + 1
        while self.reader.kind(at) == "correction" or (
            self.reader.kind(at) == "conj" and self.tags[at].keys == (",",)
        ):
            at += 1
        named = [n for n, item in enumerate(self.clause.items) if item.kind == "target" and not item.negated]
        if not named or self.link in _ADDING:
            return None
        found, stop = self.reader.read(at)
        item = self.clause.items[named[-1]]
        value = self._meant(item.value, found[0]) if found else None
        if value is None:
            return None
        self.clause.items[named[-1]] = replace(item, value=value, text=value.text)
        self.negation, self.link = None, ""
        self.join(found[1:])
        return stop

    def _meant(self, wrong: Target, right: Target) -> Target | None:
        """What was meant: another structure, the other side, or the lesion somewhere else."""
        if right.refers == "side":
            other = not wrong.lesion and wrong.noun is not None and self.reader.sideable(wrong)
            return self.reader.resolve(replace(wrong, sides=right.sides)) if other else None
        if right.refers:
            return None
        if not wrong.lesion or right.lesion:
            return right
        organ = Target(ids=wrong.within or self.reader.lesion_hosts(wrong.ids))
        hosted = self.reader.lesion_in(replace(wrong, within=()), [self.reader.beside(right, organ)])
        return None if hosted.missing or hosted.refers else hosted
