"""How a noun phrase joins what its clause said before."""

from __future__ import annotations

from collections.abc import Sequence

from .clause import Item
from .hosting import Hosting
from .narrowing import Narrowing
from .sharing import Sharing
from .target import Target


class Joiner(Sharing, Narrowing, Hosting):
    """Adds the targets of noun phrases to a clause."""

    def join(self, found: Sequence[Target], tight: bool = False) -> None:
        """Add the targets of a phrase. tight: only a joining word stands between it and the noun before."""
        negated = self.negation is not None
        for number, target in enumerate(found):
            target = self.shared_side(target) if number == 0 else target
            if number == 0 and tight:
                self.share_head(target)
            self.share_back(target)
            target = self.same_lesion(target)
            if not negated and (
                self.place_of(target)
                or self.said_already(target)
                or self.any_of_these(target)
                or self.picks_out(target)
                or self.hosts_before(target)
            ):
                continue
            self.add(
                Item("target", target, target.text, link=self.link if number == 0 else "", negated=negated)
            )
        self.link = ""
