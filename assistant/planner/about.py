"""How the wishes of one request bear on each other: topics, restatements, places, idle words."""

from __future__ import annotations

from .intents import Wish


def idle(wish: Wish) -> bool:
    """A wish that says nothing of its own."""
    bare = not (wish.targets or wish.excluded or wish.senses or wish.measures or wish.size or wish.unit)
    return (
        bare
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


def places(wish: Wish, following: Wish) -> bool:
    """Lesions of no organ, then organs and nothing else: "mets? liver or lung"."""
    vague = bool(wish.targets) and all(t.lesion and t.open and not t.refers for t in wish.targets)
    silent = following.tool is None and not (following.senses or following.measures or following.flags)
    organs = bool(following.targets) and all(t.plain and not t.refers for t in following.targets)
    return vague and silent and organs and not following.verb


def is_about(topic: Wish, wish: Wish) -> bool:
    """A wish about the topic before it: it points back, or looks for lesions in it."""
    searching = bool(wish.targets) and all(t.lesion and t.open and not t.refers for t in wish.targets)
    return _points_back(wish) or (searching and "in" in topic.flags)


def _points_back(wish: Wish) -> bool:
    """A wish about what was just said: its only targets are pronouns, or it has none."""
    acts = wish.tool is not None or bool(wish.senses)
    return (
        acts and all(target.refers in ("it", "them", "one") for target in wish.targets) and not wish.excluded
    )
