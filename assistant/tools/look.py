"""Look for structures and describe what was found: the work that segment, measure, locate and detect
share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from assistant.answer import BoundingBox, Finding, measurement_dict
from assistant.lesions import parts
from assistant.measure import KINDS, Measurement, Unmeasurable, measure
from assistant.tools.base import Query, Turn
from assistant.tools.conditions import cut_off, hosts_of, phase_notes, view_of
from assistant.tools.levels import beside, level_name
from assistant.tools.places import lies_in, organ_of, places
from assistant.wording import words
from assistant.workspace import Found
from encoders.geometry import Geometry
from encoders.segmenters.base import Mask


@dataclass(eq=False)
class Seen:
    """One structure or lesion that was looked for. number, total: of several lesions, from 1; 0 for a
    structure.
    """

    found: Found
    mask: Mask
    number: int = 0
    total: int = 0
    count: int = 0
    """On the first lesion of a query: how many lesions fit it, before one of them is selected."""
    place: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    """The structures at whose height this part of the structure lies; empty for all of it."""
    measured: dict[str, Measurement | Unmeasurable] = field(default_factory=dict)

    @property
    def structure(self) -> str:
        return self.mask.structure


def look(
    turn: Turn, query: Query, kinds: Sequence[str] | None = None, level: Sequence[str] = ()
) -> dict[str, Any]:
    """Look for the query's targets, measure them, and record the findings in the turn.

    kinds: what to measure; None: what the query says. level: measure only what lies at the height of these.
    Returns {"findings": [...], "unsupported": [...], "partial": {...}, "notes": [...]}.
    """
    work = turn.workspace
    reach = work.reachable(query.targets)
    notes: list[str] = []
    found = work.find(reach.ids, turn.progress) if reach.ids else {}
    seen: list[Seen] = []
    for structure, result in found.items():
        if work.words[structure].kind == "lesion":
            seen += _lesions(turn, query, structure, result, notes)
        else:
            seen.append(Seen(result, result.mask))
    unsupported = reach.unsupported
    if level:
        seen, unreachable = _at_level(turn, seen, level, notes)
        unsupported += unreachable
    wanted = query.measures if kinds is None else kinds
    for item in seen:
        _measure(turn, item, wanted)
    notes += phase_notes(turn, found, wanted)
    context = _context(turn, query, unsupported)
    return {
        "findings": [_record(turn, item) for item in (*seen, *context)],
        "context": [item.structure for item in context],
        "unsupported": [_unsupported(turn, structure) for structure in unsupported],
        "partial": {group: list(missing) for group, missing in reach.partial.items()},
        "notes": notes,
        "segmenter": work.segmenter.name,
        "unit": query.unit,
    }


def _lesions(turn: Turn, query: Query, structure: str, found: Found, notes: list[str]) -> list[Seen]:
    """The lesions of one kind that the query means, largest first; an absent one when there is none."""
    work = turn.workspace
    geometry = work.study.volume.geometry
    lesions = parts(found.mask, geometry)
    seen = [Seen(found, mask, n, len(lesions)) for n, mask in enumerate(lesions, start=1)]
    for item in seen:
        item.place = places(turn, item.mask)
    if query.within is not None:
        if not work.reachable([query.within]).ids:
            notes.append(words()["notes"]["within_unknown"].format(region=work.words[query.within].name))
        else:
            seen = [item for item in seen if lies_in(turn, item.mask, query.within)]
    if query.min_mm is not None or query.max_mm is not None:
        low, high = query.min_mm or 0.0, query.max_mm if query.max_mm is not None else float("inf")
        seen = [item for item in seen if low <= _length(turn, item) <= high]
    if seen:
        seen[0].count = len(seen)
    if query.select != "all" and seen:
        ordered = sorted(seen, key=lambda item: _length(turn, item), reverse=query.select == "largest")
        chosen = ordered[(query.rank or 1) - 1 :][: query.top or 1]
        if not chosen:
            notes.append(words()["notes"]["too_few"].format(count=len(seen), rank=query.rank))
        seen = chosen
    if not seen and lesions:
        notes.append(
            words()["notes"]["none_match"].format(count=len(lesions), name=work.words[structure].name)
        )
    absent = Mask.absent(structure, found.mask.shape, found.mask.confidence)
    return seen or ([] if lesions else [Seen(found, absent)])


def _at_level(
    turn: Turn, seen: Sequence[Seen], level: Sequence[str], notes: list[str]
) -> tuple[list[Seen], tuple[str, ...]]:
    """The parts of what was seen on the axial slices of other structures, and which of these no segmenter knows.

    Where a height is not known nothing is measured: what was not found of it is told in the place of numbers.
    """
    work, say = turn.workspace, words()["notes"]
    reach = work.reachable(level)
    found = work.find(reach.ids, turn.progress) if reach.ids else {}
    heights = [other.mask for other in found.values() if other.mask.present]
    lost = [Seen(other, other.mask) for other in found.values() if not other.mask.present]
    parts = [item for item in seen if not item.mask.present]
    for item in seen:
        names = {"label": work.words[item.structure].name, "level": level_name(level)}
        if item.mask.present and (lost or reach.unsupported):
            notes.append(say["level_unknown"].format(**names))
        elif item.mask.present:
            part = beside(item.mask, heights, work.study.volume.geometry)
            if part.present:
                parts.append(replace(item, mask=part, level=tuple(level), measured={}))
            else:
                notes.append(say["level_beyond"].format(**names))
    return [*parts, *lost], reach.unsupported


def _length(turn: Turn, item: Seen) -> float:
    """Longest axial diameter in mm, the size by which lesions are ordered and chosen."""
    _measure(turn, item, ["longest_diameter"])
    result = item.measured["longest_diameter"]
    return result.value if isinstance(result, Measurement) else 0.0


def _measure(turn: Turn, item: Seen, kinds: Sequence[str]) -> None:
    """Add what is wanted and was not measured yet. Absent structures have no numbers."""
    if not item.mask.present:
        return
    volume = turn.workspace.study.volume
    for kind in kinds:
        if kind == "count":
            if item.count:
                item.measured[kind] = Measurement(
                    kind, item.count, KINDS[kind].unit, method=KINDS[kind].method
                )
        elif kind != "distance" and kind not in item.measured:
            item.measured[kind] = measure(kind, item.mask, volume.geometry, volume.hu)


def _context(turn: Turn, query: Query, unsupported: Sequence[str]) -> list[Seen]:
    """Where an unsupported lesion would be: the region that was named, shown for orientation."""
    work = turn.workspace
    lesions = [s for s in unsupported if work.words[s].kind == "lesion"]
    if not lesions or query.within is None or not work.can_find(query.within):
        return []
    found = work.find([query.within], turn.progress)[query.within]
    return [Seen(found, found.mask)] if found.mask.present else []


def _unsupported(turn: Turn, structure: str) -> dict[str, Any]:
    work = turn.workspace
    return {
        "structure": structure,
        "label": work.words[structure].name,
        "kind": work.words[structure].kind,
        "nearest": list(work.nearest(structure)),
    }


def _record(turn: Turn, item: Seen) -> dict[str, Any]:
    """Add the finding to the turn, and return it as data with its sources."""
    work, mask, geometry = turn.workspace, item.mask, turn.workspace.study.volume.geometry
    name = work.words[item.structure].name
    label = f"{name} {item.number} of {item.total}" if item.total > 1 else name
    if item.level:
        label = words()["findings"]["at_level"].format(label=label, level=level_name(item.level))
    numbers = tuple(m for m in item.measured.values() if isinstance(m, Measurement))
    box = BoundingBox.of(mask.box, geometry) if mask.box else None
    key = (label if item.level else item.structure, item.number)
    before = turn.findings.get(key)
    kept = {m.kind: m for m in (*(before.measurements if before else ()), *numbers)}
    finding = Finding(
        structure=item.structure,
        label=label,
        present=mask.present,
        confidence=mask.confidence,
        shape=mask.shape,
        box=box,
        voxels=mask.voxels if mask.present else None,
        measurements=tuple(kept.values()),
    )
    turn.findings[key] = finding
    edges = cut_off(mask, geometry)
    if edges and not work.words[item.structure].children:
        turn.warn(words()["warnings"]["cut_off"].format(label=label, edges=" and ".join(edges)))
    typical = None if item.level else work.words[item.structure].volume_ml
    odd = implausible(kept, typical, bool(edges))
    if odd:
        turn.warn(words()["warnings"]["implausible"].format(label=label))
    quality = item.found.quality
    lesion = work.words[item.structure].kind == "lesion"
    return {
        "structure": item.structure,
        "name": name,
        "label": label,
        "kind": work.words[item.structure].kind,
        "number": item.number,
        "of": item.total,
        "level": list(item.level),
        "present": mask.present,
        "confidence": round(mask.confidence, 3),
        "box": box.to_dict() if box else None,
        "slices": slices(mask, geometry),
        "cut_off": edges,
        "location": [work.words[place].name for place in item.place],
        "places": list(item.place),
        "organ": organ_of(work, item.structure, item.place[0]) if item.place else None,
        "hosts": hosts_of(turn, item.structure) if lesion else [],
        "measurements": [
            measurement_dict(m) | {"method": m.method, "note": m.note, "cut_off": m.cut_off} for m in numbers
        ],
        "unmeasurable": [
            {"kind": m.kind, "reason": m.reason}
            for m in item.measured.values()
            if isinstance(m, Unmeasurable)
        ],
        "quality": {
            "level": quality.level,
            "dice": quality.dice,
            "cases": quality.cases,
            "note": quality.note,
        },
        "method": item.found.method,
        "typical_ml": typical,
        "implausible": odd,
    } | (view_of(turn, item.structure) if not mask.present and not lesion else {})


def implausible(measured: Mapping[str, Measurement], typical: tuple[float, float] | None, cut: bool) -> bool:
    """Whether a volume is so far outside what adults have that the mask must be doubted.

    Above twice the usual range, or below a third of it though nothing is cut off.
    """
    if typical is None or "volume" not in measured:
        return False
    value = float(measured["volume"].value)
    return value > 2 * typical[1] or (not cut and value < typical[0] / 3)


def slices(mask: Mask, geometry: Geometry) -> list[int] | None:
    """First and last axial slice of a mask, as indices along the array's axial axis."""
    if mask.box is None:
        return None
    axis = geometry.axial_axis
    return [mask.box.start[axis], mask.box.stop[axis] - 1]
