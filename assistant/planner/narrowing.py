"""Phrases that only say which of the things named before is meant: a side, a place, the largest, a narrower name."""

from __future__ import annotations

from dataclasses import replace

from .making import Making
from .target import Target


class Narrowing(Making):
    """Takes a phrase as a narrower name of what the clause said before."""

    def place_of(self, target: Target) -> bool:
        """As in "target lesion 1 is the one in segment 7": where the lesion just named is."""
        if target.refers != "one_in":
            return False
        for place in range(len(self.clause.items) - 1, -1, -1):
            item = self.clause.items[place]
            if item.kind == "target" and item.value.lesion and item.value.open and not item.value.refers:
                hosted = self.reader.lesion_in(item.value, [replace(target, refers=None)])
                chosen = target if target.select != "all" else item.value
                value = replace(hosted, select=chosen.select, rank=chosen.rank, top=chosen.top)
                self.clause.items[place] = replace(item, value=value)
                return True
            if item.kind == "target" and item.value.plain and target.select != "all":
                pointer = replace(
                    Target(refers="select", text=target.text),
                    select=target.select,
                    rank=target.rank,
                    top=target.top,
                )
                self.join([pointer, replace(target, refers=None, select="all", rank=None)])
                return True
        return False

    def picks_out(self, target: Target) -> bool:
        """What follows says which, or what: "liver lesion, the largest", "muscle volume of the psoas"."""
        last = self.clause.items[-1] if self.clause.items else None
        if self.link in ("and", "or"):
            return False
        after_lesion = last is not None and last.kind == "target" and last.value.lesion
        if last is not None and after_lesion and target.refers == "select" and last.value.select == "all":
            chosen = replace(last.value, select=target.select, rank=target.rank, top=target.top)
            self.clause.items[-1] = replace(last, value=chosen)
            return True
        if (
            last is not None
            and last.kind == "target"
            and target.refers == "select"
            and not self.link
            and last.value.refers in ("one", "it", "them")
        ):  # "which one is the biggest"
            self.clause.items[-1] = replace(last, value=target)
            return True
        sided = target.refers == "side" and last is not None and self.link in (",", "")
        lesions = [
            n for n, item in enumerate(self.clause.items) if item.kind == "target" and item.value.lesion
        ]
        if (
            sided
            and lesions
            and {item.kind for item in self.clause.items[lesions[-1] + 1 :]} <= {"size", "measure"}
        ):
            place = lesions[-1]
            lesion = self.clause.items[place].value
            if not (lesion.sides or lesion.within or lesion.refers) and (lesion.open or lesion.ids):
                host = Target(ids=self.reader.sided_ids(self.reader.lesion_hosts(lesion.ids), target.sides))
                value = replace(lesion, sides=target.sides, within=host.ids if lesion.ids else ())
                self.clause.items[place] = replace(self.clause.items[place], value=value)
                return True
        narrows = (
            self.link == "but" and target.refers == "side" and last is not None and last.kind == "target"
        )
        if (
            narrows
            and last is not None
            and not last.negated
            and last.value.noun
            and self.reader.sideable(last.value)
        ):
            value = self.reader.resolve(replace(last.value, sides=target.sides))
            self.clause.items[-1] = replace(last, value=value)  # "the lungs, but the right only"
            return True
        before = [n for n, item in enumerate(self.clause.items) if item.kind == "target"]
        if sided and not self.link and before and self.clause.items[-1].kind == "prep":
            item = self.clause.items[before[-1]]
            if (
                item.value.plain
                and item.value.noun
                and not item.value.sides
                and self.reader.sideable(item.value)
            ):
                narrowed = self.reader.resolve(replace(item.value, sides=target.sides))
                self.clause.items[before[-1]] = replace(item, value=narrowed)
                return True  # "how many ribs are there on the left side"
        if not target.plain or self.link:
            return False
        leaves = self.leaves(target)
        ranged = last is not None and last.keys in (("from",), ("between",))  # "each vertebra from T8 to T10"
        for place, item in enumerate(self.clause.items):
            wider = item.kind == "target" and item.value.plain and not item.negated
            wider = wider and (ranged or not item.value.every)
            if wider and leaves < self.leaves(item.value):
                self.clause.items[place] = replace(item, value=target, text=target.text)
                return True
        return False

    def said_already(self, target: Target) -> bool:
        """The class of what was just named: "from T10 to T12 outline the vertebral bodies"."""
        if self.link or not target.plain:
            return False
        leaves = self.leaves(target)
        items = [item for item in self.clause.items if item.kind == "target" and not item.negated]
        named = [item.value for item in items if item.value.plain]
        return any(self.leaves(other) < leaves for other in named)

    def by_extreme(self, place: int) -> int | None:
        """As in "the lesion of smallest size", "the nodule with the largest diameter": which lesion is meant."""
        last = self.clause.items[-1] if self.clause.items else None
        if self.tags[place].keys[-1] not in ("of", "with") or last is None or last.kind != "target":
            return None
        if last.value.lesion is None or last.value.select != "all" or place + 1 >= len(self.tags):
            return None
        tag = self.tags[place + 1]
        word = tag.keys[0] if tag.kind in ("superl", "measure") else ""
        stop = place + 2
        if tag.kind == "superl":
            if self.reader.kind(stop) != "measure":
                return None
            stop += 1
        select = next((select for select, words in _EXTREMES.items() if word in words), None)
        if select is None:
            return None
        self.clause.items[-1] = replace(last, value=replace(last.value, select=select))
        return stop


_EXTREMES = {
    "largest": ("largest", "biggest", "greatest", "longest", "maximum", "maximal", "max", "highest"),
    "smallest": ("smallest", "least", "shortest", "tiniest", "minimum", "minimal", "min", "lowest"),
}
