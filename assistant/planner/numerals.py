"""Numbered structures: vertebral levels and their ranges, ribs, liver segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .anatomy import ROMAN
from .compose import Composer
from .lexicon import Lexicon
from .meaning import Tag
from .target import Target
from .trie import Noun

_RANGE_WORDS = ("to", "through", "thru", "until", "till", "-")


class NumeralReader(Composer):
    """Reads numbers that belong to a name, from tags without fillers."""

    def __init__(self, tags: Sequence[Tag], lexicon: Lexicon) -> None:
        super().__init__(lexicon)
        self.tags = list(tags)

    def kind(self, place: int) -> str:
        return self.tags[place].kind if 0 <= place < len(self.tags) else ""

    def levels(self, at: int, base: Target, first: str) -> tuple[Target, int]:
        """L3, T10-L2, C3 through C5, T10-12."""
        spine = list(dict.fromkeys(self.lexicon.levels.values()))
        step = self._range_step(at + 1)
        if step is None and self._between(at):
            step = at + 2
        last: str | None = None
        end = at + 1
        if step and self._level(step):
            last, end = self._level(step), step + 1
        elif step and self.kind(step) == "number":
            last = self._same_letter(first, self.tags[step].value)
            end = step + 1
        if last and first in spine and last in spine:
            low, high = sorted((spine.index(first), spine.index(last)))
            return replace(base, ids=tuple(spine[low : high + 1]), plural=True), end
        ids = [first]
        while self._link(end) and self.kind(end + 1) == "number" and self.kind(end + 2) != "unit":
            more = self._same_letter(first, self.tags[end + 1].value)
            if not more:
                break
            ids.append(more)
            end += 2
        return replace(base, ids=tuple(ids), plural=len(ids) > 1), end

    def _between(self, at: int) -> bool:
        """As in "vertebrae between T3 and T9", with an end that is a level, too."""
        before = self.tags[at - 1] if at else None
        counted = any(tag.kind == "struct" for tag in self.tags[: at - 1])
        opened = before is not None and before.keys == ("between",) and counted
        return opened and self.kind(at + 1) == "conj" and self._level(at + 2) is not None

    def _level(self, at: int) -> str | None:
        tag = self.tags[at] if at < len(self.tags) else None
        if tag is None or tag.kind not in ("level", "struct"):
            return None
        ids = (tag.value,) if tag.kind == "level" else tag.value.ids
        return ids[0] if len(ids) == 1 and ids[0] in self.lexicon.levels.values() else None

    def _same_letter(self, level: str, number: float) -> str | None:
        id = f"{level.rstrip('0123456789')}{int(number)}"
        return id if id in self.lexicon.ontology else None

    def _link(self, at: int) -> bool:
        return self.kind(at) == "conj"

    def _range_step(self, at: int) -> int | None:
        """The place after a range sign or word: "-", "to", "through"."""
        if self.kind(at) == "range":
            return at + 1
        if self.kind(at) in ("prep", "op", "word") and self.tags[at].keys[-1] in _RANGE_WORDS:
            return at + 1
        return None

    def pick(self, noun: Noun, numbers: set[int]) -> Noun:
        sides = {
            side: tuple(leaf for leaf in self.lexicon.leaves(ids) if self.lexicon.number(leaf) in numbers)
            for side, ids in noun.sides.items()
        }
        return Noun({side: ids for side, ids in sides.items() if ids})

    def numbered(self, at: int, target: Target, first: int | None = None) -> tuple[Target, int]:
        """Numbers after a family name: ribs 5 to 8, segments V and VI. `first`: one is read already."""
        numbers: set[int] = set()
        end = at
        number = first
        while True:
            if number is None or numbers:
                number = self.number_at(end)
                end += 1 if number is not None else 0
            if number is None:
                break
            numbers.add(number)
            step = self._range_step(end)
            last = self.number_at(step) if step else None
            if step and last:
                numbers.update(range(min(number, last), max(number, last) + 1))
                end = step + 1
            follow = end
            while self._link(follow):
                follow += 1
            if follow > end and self.number_at(follow) is not None:
                end = follow
                continue
            break
        if numbers and target.noun:
            picked = self.pick(self._relatives(target.noun) if first else target.noun, numbers)
            if picked.sides:
                return replace(target, noun=picked, plural=len(numbers) > 1), end
        return target, at

    def _relatives(self, noun: Noun) -> Noun:
        """The whole numbered family of each side: rib_left_5 stands for all left ribs."""
        stems = {
            side: {id.rstrip("0123456789") for leaf in ids for id in self.lexicon.leaves([leaf])}
            for side, ids in noun.sides.items()
        }
        leaves = [id for id, structure in self.lexicon.ontology.items() if not structure.children]
        return Noun(
            {
                side: tuple(id for id in leaves if id.rstrip("0123456789") in found)
                for side, found in stems.items()
            }
        )

    def number_at(self, at: int | None) -> int | None:
        """A whole number or roman numeral that is no size: not before a unit."""
        if at is None or at >= len(self.tags) or self.kind(at + 1) == "unit":
            return None
        tag = self.tags[at]
        if tag.kind in ("number", "ordinal") and float(tag.value).is_integer() and tag.value > 0:
            return int(tag.value)
        if (
            tag.kind in ("word", "level", "lesion", "side", "measure")
            and len(tag.keys) == 1
            and tag.keys[0] in ROMAN
        ):
            return ROMAN[tag.keys[0]]
        if tag.kind in ("word", "level") and tag.keys[0][:1] == "s" and tag.keys[0][1:].isdigit():
            return int(tag.keys[0][1:])
        return None
