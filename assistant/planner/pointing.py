"""Phrases without a noun, which point back: it, both, the other one, the second largest, the first one."""

from __future__ import annotations

from dataclasses import replace

from .modifiers import ModifierReader, Mods
from .target import Target


class PointingReader(ModifierReader):
    """Reads phrases that point back from tags without fillers."""

    def pointer(self, place: int, mods: Mods, at: int) -> tuple[list[Target], int]:
        """Phrases without a noun: it, both, the other one, the second largest, the first one."""
        text = " ".join(tag.text for tag in self.tags[place : max(at, place + 1)])
        if self.kind(at) == "neighbor":
            more = self.number_at(at + 1) or 1  # "the next two"
            stop = at + 1 if more == 1 else at + 2
            return [Target(refers="next", nth=self.tags[at].value, rank=more, text=text)], stop
        one = self.ones(at)
        end = at + 1 if one else at
        if mods.status and one:
            return [Target(lesion="lesion", open=True, plural=True, status=mods.status, text=text)], end
        if mods.other:
            return [Target(refers="other", text=text)], end
        if mods.sides:
            if "both" in mods.sides or len(set(mods.sides)) > 1:
                return [Target(refers="them", text=text, sides=tuple(mods.sides))], end
            return [Target(refers="side", sides=tuple(mods.sides), text=text)], end
        if mods.select != "all":
            rank = mods.nth if mods.nth and mods.nth > 1 else None
            hosts, stop = self._place(end, _INSIDE)
            if hosts:  # "the largest in the liver"
                chosen = replace(
                    hosts[0], refers="one_in", select=mods.select, rank=rank, top=mods.top, text=text
                )
                return [chosen], stop
            return [Target(refers="select", select=mods.select, rank=rank, top=mods.top, text=text)], end
        if mods.nth and (one or mods.definite or self.kind(at) not in ("measure", "unit")):
            return [Target(refers="nth", nth=mods.nth, text=text)], end
        those = self.kind(at) == "pronoun" and self.tags[at].keys in _THOSE
        end = at + 1 if those else end
        if (
            one
            and self.kind(end) == "prep"
            and self.kind(end + 1) == "side"
            and not self.head_follows(end + 1)
        ):
            side = self.tags[end + 1].value  # "one in the left"
            if side in ("left", "right"):
                return [Target(refers="side", sides=(side,), text=text)], end + 2
        hosts, stop = self._place(end, (*_INSIDE, "of")) if one or those else ([], end)
        if hosts:
            return [replace(hosts[0], refers="one_in", text=text)], stop
        end = at + 1 if one else at
        if mods.every and one:
            return [Target(refers="them", text=text)], end
        numbers, stop = self._numbers(at)
        counted = place > 0 and self.tags[place - 1].value == "count"  # "are there more than five"
        if at == place and place <= 2 and stop >= len(self.tags) - 1 and numbers and not counted:
            return [Target(refers="number", nth=number, text=text) for number in numbers], stop
        if at == place and self.kind(at) == "pronoun":
            number = next((n for word, n in _COUNTS.items() if word in self.tags[at].keys), None)
            return [Target(refers=self.tags[at].value, nth=number, text=text)], at + 1
        return [], place

    def _place(self, at: int, words: tuple[str, ...]) -> tuple[list[Target], int]:
        """The anatomy after "in": where the thing pointed to lies."""
        if self.kind(at) != "prep" or self.tags[at].keys[-1] not in words:
            return [], at
        hosts, stop = self.host_list(Target(lesion="lesion", open=True), at + 1)
        return (hosts, stop) if all(host.plain or host.open for host in hosts) else ([], at)

    def _numbers(self, at: int) -> tuple[list[int], int]:
        """As in "and 7 and 8": whole numbers joined by "and"."""
        numbers: list[int] = []
        while (number := self.number_at(at)) is not None:
            numbers.append(number)
            at += 1
            if self.kind(at) != "conj" or self.number_at(at + 1) is None:
                break
            at += 1
        return numbers, at


_COUNTS = {"three": 3, "four": 4}
_INSIDE = ("in", "inside", "within", "on")
_THOSE = (("those",), ("these",), ("them",), ("one",), ("the", "one"))
