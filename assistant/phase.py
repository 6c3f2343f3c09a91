"""The contrast phase of a scan, from the densities of the vessels and organs that can be found."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from assistant.measure import Measurement, measure
from assistant.wording import sentence_list, words

if TYPE_CHECKING:
    from assistant.workspace import Workspace
    from encoders.segmenters.base import Progress


@cache
def _rules() -> dict[str, Any]:
    return yaml.safe_load(files("assistant").joinpath("data/phase.yaml").read_text(encoding="utf-8"))


def phase_evidence() -> list[str]:
    """The structures whose densities tell the phase."""
    return list(_rules()["evidence"])


def phases_asked() -> dict[str, dict[str, list[str]]]:
    """The phases that may be asked about, with the estimates that agree with each and that differ from it."""
    return _rules()["asked"]


def phase_limits() -> list[dict[str, Any]]:
    """What a phase does not allow: {"phases", "of", "measures" (optional), "note"}."""
    return _rules()["limits"]


def contrast_phase(work: Workspace, progress: Progress | None = None, known: bool = False) -> dict[str, Any]:
    """{"phase", "sure", "mean_hu": {id: HU}, "line"}; phase is None when the aorta tells nothing.

    known: judge by the masks that are there already, and compute none.
    """
    data, say = _rules(), words()["describe"]
    there = work.known()
    usable = [s for s in data["evidence"] if (s in there if known else work.can_find(s))]
    if data["needs"] not in usable:
        reason = f"the model cannot segment the {work.words[data['needs']].name}"
        return {
            "phase": None,
            "sure": None,
            "mean_hu": {},
            "line": say["phase_unknown"].format(reason=reason),
        }
    volume, means = work.study.volume, {}
    for structure, found in work.find(usable, progress).items():
        value = measure("mean_hu", found.mask, volume.geometry, volume.hu)
        if isinstance(value, Measurement):
            means[structure] = round(value.value)
    rule = next((rule for rule in data["rules"] if _holds(rule, means)), None)
    if rule is None:
        reason = f"the {work.words[data['needs']].name} was not found or has no usual density"
        return {
            "phase": None,
            "sure": None,
            "mean_hu": means,
            "line": say["phase_unknown"].format(reason=reason),
        }
    evidence = sentence_list([f"{work.words[s].name} {hu} HU" for s, hu in means.items()])
    line = say["phase"].format(phase=rule["phase"], sure=rule["sure"], evidence=evidence)
    return {"phase": rule["phase"], "sure": rule["sure"], "mean_hu": means, "line": line}


def _holds(rule: dict[str, Any], means: dict[str, int]) -> bool:
    limits = {k: v for k, v in rule.items() if k not in ("phase", "sure")}
    return all(s in means and low <= means[s] < high for s, (low, high) in limits.items())
