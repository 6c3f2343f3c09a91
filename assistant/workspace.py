"""One study and one segmenter: which structures can be found, and the masks that were found so far."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.regions import derive, rule_for
from encoders.errors import Cancelled
from encoders.segmenters.base import Mask, Progress, Quality, Segmenter
from prompts.ontology import Ontology, ontology

if TYPE_CHECKING:
    from assistant.study import Study


@dataclass(frozen=True, eq=False)
class Found:
    """A structure that was looked for. method: how, in words, when the segmenter did not find it by
    itself.
    """

    mask: Mask
    quality: Quality
    method: str = ""


@dataclass(frozen=True)
class Reachable:
    """What of a wish can be looked for.

    ids: to look for, in order. unsupported: asked for, cannot be looked for. partial: a group that is looked
    for only in part, with its members that cannot be.
    """

    ids: tuple[str, ...]
    unsupported: tuple[str, ...]
    partial: dict[str, tuple[str, ...]]


class Workspace:
    """The masks of one study.

    Nothing is computed when it is made. `find` runs the segmenter only for what is not there yet, so a
    follow-up costs nothing. Safe to use from several threads; the segmenter runs once at a time.
    """

    def __init__(self, study: Study, segmenter: Segmenter, words: Ontology | None = None) -> None:
        self.study = study
        self.segmenter = segmenter
        self.words = words if words is not None else ontology()
        self.cancelled = threading.Event()
        self.looked_up = 0
        """How many structures were asked of `find` so far, and how many of them were computed."""
        self.computed = 0
        self._found: dict[tuple[str, str], Found] = {}
        self._mended: dict[str, Found] = {}
        self._replaced: dict[tuple[str, str], Found] = {}
        """What the segmenter had found in the place of a mended mask, so that undo costs nothing."""
        self._lock = threading.RLock()

    # -- what can be looked for

    def can_find(self, structure: str) -> bool:
        """Whether the segmenter knows a structure, or the organ of which it can be derived, or it was drawn."""
        supported = self.segmenter.supported() | self._mended.keys()
        rule = rule_for(structure)
        return structure in supported or (rule is not None and rule.organ in supported)

    def reachable(self, targets: Iterable[str]) -> Reachable:
        """Groups become what the segmenter knows of them: the group itself, else its members."""
        ids: list[str] = []
        unsupported: list[str] = []
        partial: dict[str, tuple[str, ...]] = {}
        for target in self._regrouped(targets):
            known, unknown = self._members(target)
            ids += known
            if not known:
                unsupported.append(target)
            elif unknown:
                partial[target] = tuple(unknown)
        return Reachable(tuple(dict.fromkeys(ids)), tuple(dict.fromkeys(unsupported)), partial)

    def nearest(self, structure: str) -> tuple[str, ...]:
        """What can be looked for instead of an unsupported structure: its organ, or a group that contains
        it.
        """
        entry = self.words[structure]
        return tuple(s for s in (*entry.within, *entry.parents) if self._members(s)[0])[:2]

    def _members(self, target: str) -> tuple[list[str], list[str]]:
        """The ids to look for and the leaves that cannot be."""
        if self.can_find(target):
            return [target], []
        known: list[str] = []
        unknown: list[str] = []
        for child in self.words[target].children:
            found, missing = self._members(child)
            known += found
            unknown += missing
        return (known, unknown) if self.words[target].children else ([], [target])

    def _regrouped(self, targets: Iterable[str]) -> list[str]:
        """All leaves of a group that only the group's mask can answer become that group."""
        wanted = list(dict.fromkeys(targets))
        for group in self.segmenter.supported():
            leaves = self.words.leaves(group) if group in self.words and self.words[group].children else ()
            if leaves and set(leaves) <= set(wanted) and not all(map(self.can_find, leaves)):
                wanted[wanted.index(leaves[0])] = group
                wanted = [w for w in wanted if w not in leaves]
        return wanted

    # -- looking

    def find(self, structures: Sequence[str], progress: Progress | None = None) -> dict[str, Found]:
        """A mask for each structure, all of which must be `can_find`; raises Cancelled when told to stop."""
        with self._lock:
            wanted = list(dict.fromkeys(structures))
            new = [s for s in wanted if self._key(s) not in self._found]
            self.looked_up += len(wanted)
            self.computed += len(new)
            direct = [s for s in new if s in self.segmenter.supported()]
            derived = [s for s in new if s not in direct]
            self._segment([*direct, *self._needed_for(derived)], progress)
            for structure in derived:
                if self._key(structure) not in self._found:  # a rule gives all of its regions at once
                    self._derive(structure)
            return {s: self._found[self._key(s)] for s in wanted}

    def known(self) -> dict[str, Found]:
        """Everything that was looked for so far."""
        with self._lock:
            return {s: found for (name, s), found in self._found.items() if name == self.segmenter.name}

    def correct(self, found: Found) -> None:
        """Put a mended mask in the place of the segmenter's, until `restore`."""
        with self._lock:
            self._put({found.mask.structure: found}, forget=())
            self._mended[found.mask.structure] = found

    def mended(self) -> dict[str, Found]:
        """The mended masks, for `restore`."""
        with self._lock:
            return dict(self._mended)

    def restore(self, mended: dict[str, Found]) -> None:
        """Go back, or forward, to another state of mending."""
        with self._lock:
            self._put(mended, forget=self._mended.keys() - mended.keys())
            self._mended = dict(mended)

    def _put(self, mended: Mapping[str, Found], forget: Iterable[str]) -> None:
        """Mended masks in, others out; what was derived from either is derived anew when it is asked for."""
        for structure in forget:
            key = self._key(structure)
            self._found.pop(key, None)
            if key in self._replaced:
                self._found[key] = self._replaced.pop(key)
        for structure, found in mended.items():
            key = self._key(structure)
            if structure not in self._mended and key in self._found:
                self._replaced[key] = self._found[key]
            self._found[key] = found
        changed = {*mended, *forget}
        for name, structure in list(self._found):
            rule = rule_for(structure)
            if (
                rule is not None
                and structure not in self.segmenter.supported()
                and structure not in {*self._mended, *mended}
                and changed & {rule.organ, *rule.landmarks}
            ):
                del self._found[name, structure]

    def checked(self, progress: Progress | None) -> Progress:
        """A progress callback that stops the work once this workspace is told to cancel."""

        def report(fraction: float, text: str) -> None:
            if self.cancelled.is_set():
                raise Cancelled("the question was cancelled")
            if progress is not None:
                progress(fraction, text)

        return report

    def _key(self, structure: str) -> tuple[str, str]:
        return self.segmenter.name, structure

    def _needed_for(self, regions: Iterable[str]) -> list[str]:
        """Organs and landmarks that must be segmented before regions can be derived."""
        rules = [rule for rule in map(rule_for, regions) if rule is not None]
        wanted = [s for rule in rules for s in (rule.organ, *rule.landmarks)]
        return [s for s in dict.fromkeys(wanted) if s in self.segmenter.supported()]

    def _segment(self, structures: Sequence[str], progress: Progress | None) -> None:
        missing = [s for s in dict.fromkeys(structures) if self._key(s) not in self._found]
        if not missing:
            return
        report = self.checked(progress)
        report(0.0, "looking at the scan")
        masks = self.segmenter.segment(self.study.volume, missing, report)
        for structure, mask in masks.items():
            self._found[self._key(structure)] = Found(mask, self.segmenter.quality(structure))

    def _derive(self, structure: str) -> None:
        """Derive all regions of the structure's rule; the organ and the landmarks are there already."""
        rule = rule_for(structure)
        assert rule is not None
        have = {s: found.mask for s, found in self.known().items()}
        lesions = [have[s] for s in self.words.lesions_of(rule.organ) if s in have]
        landmarks = {s: have[s] for s in rule.landmarks if s in have}
        regions = derive(rule, have[rule.organ], landmarks, self.study.volume.geometry, lesions)
        measured = self.segmenter.quality(rule.organ)
        quality = Quality("experimental", None, 0, f"derived from the {self.words[rule.organ].name}")
        if measured.level == "unsupported":
            quality = measured
        for name, region in regions.items():
            if name not in self.segmenter.supported():
                self._found.setdefault(self._key(name), Found(region.mask, quality, region.method))
