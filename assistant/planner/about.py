"""How the wishes of one request bear on each other: topics, restatements, places, idle words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .compose import Composer
from .target import Target
from .wish import Wish


def viewed(wishes: Sequence[Wish]) -> list[Wish | None]:
    """The wishes with neighbours that set up one view as one: "set the window to bone and show T12"."""
    made: list[Wish | None] = list(wishes)
    for place in range(1, len(made)):
        one, two = made[place - 1], made[place]
        if one is None or two is None or not (_sets_view(one) and _sets_view(two)):
            continue
        setting = not one.targets or not two.targets
        if (one.extra or two.extra) and setting and not one.extra.keys() & two.extra.keys():
            both = replace(two, tool="show", targets=one.targets or two.targets, extra=one.extra | two.extra)
            made[place - 1], made[place] = None, both
    return made


def _sets_view(wish: Wish) -> bool:
    """A view with its settings, or a structure that is only to be shown."""
    looks = wish.tool == "show" or (wish.verb == "show" and bool(wish.targets))
    return looks and not (wish.senses or wish.measures or wish.excluded or wish.size)


def idle(wish: Wish) -> bool:
    """A wish that says nothing of its own."""
    bare = not (wish.targets or wish.excluded or wish.senses or wish.measures or wish.size or wish.unit)
    return (
        bare
        and wish.tool != "compare"
        and (wish.tool is None or wish.verb in ("show", "exist", "give", "find", "check", "detect"))
        and not wish.extra
    )


def is_topic(wish: Wish) -> bool:
    """A phrase without a verb of its own, or a mere statement."""
    return (
        bool(wish.targets)
        and wish.verb in ("", "state", "not")
        and not (wish.senses or wish.measures or wish.flags - {"in", "inside"})
    )


def restated(wish: Wish, following: Wish) -> bool:
    """Lesions of no organ, told again with their organ: "the target lesions: measure each liver met"."""
    vague = bool(wish.targets) and all(t.lesion and t.open and not t.sides for t in wish.targets)
    told = bool(following.targets) and all(t.lesion and not t.open for t in following.targets)
    return vague and told and wish.verb in ("", "give", "state", "measure") and bool(following.senses)


def is_history(wish: Wish, following: Wish) -> bool:
    """Lesions that are only told of, before a wish for something named: "known RCC, measure the right renal mass"."""
    told = wish.verb == "state" and bool(wish.targets) and all(t.lesion or t.missing for t in wish.targets)
    wanted = bool(following.targets) and not any(t.refers or t.open for t in following.targets)
    return told and wanted and (following.tool is not None or bool(following.senses))


def places(wish: Wish, following: Wish) -> bool:
    """Lesions of no organ, then organs and nothing else: "mets? liver or lung"."""
    vague = bool(wish.targets) and all(t.lesion and t.open and not t.refers for t in wish.targets)
    silent = following.tool is None and not (following.senses or following.measures or following.flags)
    organs = bool(following.targets) and all(t.plain and not t.refers for t in following.targets)
    return vague and silent and organs and not following.verb


def located(wishes: Sequence[Wish], composer: Composer) -> list[Wish | None]:
    """The wishes with lesions of no organ put where a later sentence says that they are; None for that sentence.

    As in "outline the tumour and measure it. It is in the pancreatic head."
    """
    made: list[Wish | None] = list(wishes)
    for place, wish in enumerate(wishes):
        said = wish.tool or wish.verb or wish.senses or wish.measures or wish.excluded
        told = "in" in wish.flags or all(target.kind == "adj" for target in wish.targets)
        tells = told and not wish.flags - {"in", "inside", "question"} and not said
        if not (tells and place and wish.targets and all(t.plain and not t.refers for t in wish.targets)):
            continue
        for before, earlier in enumerate(wishes[:place]):
            targets = [_placed(target, wish, composer) for target in earlier.targets]
            if targets != list(earlier.targets) and not any(target.missing for target in targets):
                made[before] = replace(earlier, targets=tuple(targets))
                made[place] = None
    return made


def _placed(target: Target, told: Wish, composer: Composer) -> Target:
    vague = target.lesion and target.open and not target.refers and not target.sides
    return composer.lesion_in(target, told.targets) if vague else target


def is_about(topic: Wish, wish: Wish) -> bool:
    """A wish about the topic before it: it points back, or looks for lesions in it."""
    searching = bool(wish.targets) and all(t.lesion and t.open and not t.refers for t in wish.targets)
    told = topic.verb == "state" and any(target.lesion for target in topic.targets)
    return _points_back(wish) or (searching and ("in" in topic.flags or told))


def _points_back(wish: Wish) -> bool:
    """A wish about what was just said: its only targets are pronouns, or it has none."""
    acts = wish.tool is not None or bool(wish.senses)
    return (
        acts and all(target.refers in ("it", "them", "one") for target in wish.targets) and not wish.excluded
    )
