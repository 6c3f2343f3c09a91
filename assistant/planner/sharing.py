"""What one noun has from the noun that it is joined to: sides that hold on, heads that both have."""

from __future__ import annotations

from dataclasses import replace

from .making import Making
from .target import Target


class Sharing(Making):
    """Completes a noun phrase, or the one before it, where a joining word stands between them."""

    def shared_side(self, target: Target) -> Target:
        """As in "left upper and lower lobes", "the left kidney and adrenal": the side holds on."""
        last = self.clause.items[-1] if self.clause.items else None
        if self.link not in ("and", "or", "&", "/") or last is None or last.kind != "target" or target.sides:
            return target
        sides = last.value.sides
        if len(sides) != 1 or "both" in sides or not target.noun or not self.reader.sideable(target):
            return target
        if target.lesion or (target.plural and last.value.kind != "part"):
            return target
        return self.reader.resolve(replace(target, sides=sides))

    def share_head(self, target: Target) -> None:
        """As in "liver and lung tumors": the tumors of both."""
        last = self.clause.items[-1] if self.clause.items else None
        if last is None or last.kind != "target" or not (target.lesion and target.ids):
            return
        one = last.value
        if one.kind == "part" or self._is_region(one):
            self._share_regions(one, target)
        if not target.plural:
            return
        hosts = set(self.reader.lexicon.leaves(self.reader.lesion_hosts(target.ids)))
        if not one.plain or target.within or hosts & self.leaves(one):
            return
        shared = replace(target, ids=(), open=True, sides=(), text=f"{one.text} {target.text}")
        hosted = self.reader.lesion_in(shared, [one])
        if not hosted.missing:
            self.clause.items[-1] = replace(last, value=hosted)

    def _is_region(self, target: Target) -> bool:
        ontology = self.reader.lexicon.ontology
        return target.plain and all(ontology[id].kind == "region" for id in target.ids)

    def _share_regions(self, one: Target, target: Target) -> None:
        """As in "body or tail mass of the pancreas": the mass in both."""
        if not target.within or not (self.link == "or" or target.plural):
            return
        organ = Target(ids=self.reader.lesion_hosts(target.ids))
        part = self.reader.part_of(one, organ) if one.noun else None
        hosted = self.reader.lesion_in(replace(target, within=()), [part]) if part else None
        if hosted is not None and not hosted.missing and hosted.within:
            self.clause.items[-1] = replace(self.clause.items[-1], value=hosted)

    def share_back(self, target: Target) -> None:
        """As in "the upper and the lower lobe of the left lung": the side holds for the lobe before, too."""
        last = self.clause.items[-1] if self.clause.items else None
        if self.link not in ("and", "or", "&", "/", ",") or last is None or last.kind != "target":
            return
        one = last.value
        lobes = all("lobe" in id or "pole" in id for id in (*self._named(one), *self._named(target)))
        if one.sides or one.plural or one.lesion or not one.noun or len(target.sides) != 1 or not lobes:
            return
        if one.ids and target.ids and self.reader.sideable(one):
            self.clause.items[-1] = replace(last, value=self.reader.resolve(replace(one, sides=target.sides)))

    def _named(self, target: Target) -> tuple[str, ...]:
        return self.reader.lexicon.leaves(target.ids) or ("",)
