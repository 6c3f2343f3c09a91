"""What must hold before a result can be believed: that the structure lies in the scan, and that the contrast phase
can show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from assistant.coverage import coverage
from assistant.phase import contrast_phase, phase_evidence, phase_limits
from assistant.tools.base import Turn
from encoders.geometry import Geometry
from encoders.segmenters.base import Mask

SIDES = (("left", "right"), ("back", "front"), ("bottom", "top"))
"""The faces of a canonical (RAS+) grid: low and high end of each axis."""


def cut_off(mask: Mask, geometry: Geometry) -> list[str]:
    """The faces of the scan that a mask reaches, in the patient's terms."""
    if mask.box is None:
        return []
    box, shape = geometry.canonical_box(mask.box), geometry.canonical().shape
    faces = []
    for axis, (low, high) in enumerate(SIDES):
        faces += [low] if box.start[axis] <= 0 else []
        faces += [high] if box.stop[axis] >= shape[axis] else []
    return faces


def view_of(turn: Turn, structure: str) -> dict[str, Any]:
    """Where a structure that was not found would lie: {"view": inside | partly | above | below | unknown,
    "judged_by": names}.
    """
    covered = coverage(turn.workspace, turn.progress)
    if covered is None:
        return {"view": "unknown", "judged_by": []}
    names = [turn.workspace.words[s].name for s in covered.landmarks]
    return {"view": covered.view(structure), "judged_by": names}


def hosts_of(turn: Turn, lesion: str) -> list[dict[str, Any]]:
    """The organs in which a kind of lesion would lie, as far as they can be found: {"structure", "label",
    "present", "cut_off", "view", "judged_by"}.
    """
    work, geometry = turn.workspace, turn.workspace.study.volume.geometry
    wanted = [s for host in work.words[lesion].within for s in work.reachable([host]).ids]
    hosts = []
    for structure, found in work.find(wanted, turn.progress).items() if wanted else ():
        entry = {
            "structure": structure,
            "label": work.words[structure].name,
            "present": found.mask.present,
            "cut_off": cut_off(found.mask, geometry),
        }
        hosts.append(entry | ({} if found.mask.present else view_of(turn, structure)))
    return hosts


def phase_notes(turn: Turn, structures: Iterable[str], kinds: Sequence[str]) -> list[str]:
    """What the scan's contrast phase does not allow, a sentence each; none when the phase cannot be told.

    structures: ids that were looked for. kinds: what was measured of them.
    """
    known = {s for s in phase_evidence() if turn.workspace.can_find(s)} <= set(turn.workspace.known())
    concerned = [
        rule
        for rule in phase_limits()
        if _concerns(rule, set(structures), set(kinds)) and (known or not rule.get("known"))
    ]
    if not concerned:
        return []
    phase = contrast_phase(turn.workspace, turn.progress)
    return [
        rule["note"].format(phase=phase["phase"])
        for rule in concerned
        if phase["phase"] is not None and phase["phase"] in rule["phases"]
    ]


def _concerns(rule: dict[str, Any], structures: set[str], kinds: set[str]) -> bool:
    return bool(structures & set(rule["of"])) and (
        "measures" not in rule or bool(kinds & set(rule["measures"]))
    )
