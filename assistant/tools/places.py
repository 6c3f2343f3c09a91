"""In which organ, and in which part of it, a lesion lies."""

from __future__ import annotations

from assistant.lesions import location, shares
from assistant.regions import rule_for
from assistant.tools.base import Turn
from assistant.workspace import Workspace
from encoders.segmenters.base import Mask


def places(turn: Turn, lesion: Mask) -> tuple[str, ...]:
    """The regions of its organ that can be found and hold more than a tenth of a lesion, the largest share first;
    the organ itself where it has none.
    """
    return _among(turn, lesion, _candidates(turn.workspace, lesion.structure))


def lies_in(turn: Turn, lesion: Mask, place: str) -> bool:
    """Whether more than a tenth of a lesion lies in a region, an organ or a group, all of which can be found."""
    work = turn.workspace
    leaves = set(work.words.leaves(place))
    candidates = _candidates(work, lesion.structure)
    own = {c for c in candidates if leaves & {c, organ_of(work, lesion.structure, c), *work.words.leaves(c)}}
    if not own:  # not one of the usual parts: with its neighbours, such as the other lobe
        own = set(work.reachable([place]).ids)
        rule = rule_for(place)
        candidates = [*rule.gives] if rule and work.can_find(place) else sorted(own)
    return bool(own & set(_among(turn, lesion, candidates)))


def organ_of(work: Workspace, lesion: str, place: str) -> str | None:
    """The organ of a lesion that a place is, or is a part of."""
    hosts = work.words[lesion].within
    around = {place, *work.words[place].within}
    return next((h for h in hosts if around & {h, *work.words.leaves(h)}), None)


def _candidates(work: Workspace, lesion: str) -> list[str]:
    """Parts before wholes, so that a voxel that is in both counts to the part."""
    parts: list[str] = []
    wholes: list[str] = []
    for host in work.words[lesion].within:
        regions = [r for r in work.words.regions_of(host) if work.can_find(r)]
        parts += [r for r in regions if "lobe" not in r] or regions
        parts += [leaf for leaf in work.words.leaves(host) if leaf != host and work.can_find(leaf)]
        wholes += [host] if work.can_find(host) else []
    return list(dict.fromkeys([*parts, *wholes]))


def _among(turn: Turn, lesion: Mask, candidates: list[str]) -> tuple[str, ...]:
    if not candidates:
        return ()
    found = turn.workspace.find(candidates, turn.progress)
    masks = {name: found[name].mask for name in candidates}
    return tuple(location(shares(lesion, masks, turn.workspace.study.volume.geometry)))
