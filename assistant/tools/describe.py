"""describe: what the scan is: grid, coverage, densities, and the contrast phase where masks tell it."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field

from assistant.coverage import Coverage, coverage
from assistant.phase import contrast_phase, phases_asked
from assistant.tools.base import Query, StructureId, Tool, ToolArgs, Turn
from assistant.tools.conditions import cut_off
from assistant.tools.look import look
from assistant.tools.report import reported
from assistant.wording import sentence_list, words
from assistant.workspace import Workspace


def _askable(phase: str) -> str:
    if phase not in phases_asked():
        raise ValueError(f"'{phase}' is none of {', '.join(phases_asked())}")
    return phase


class Describe(ToolArgs):
    """What to describe."""

    targets: list[StructureId] = Field(default=[], description="structures; empty: the scan itself")
    phase: Annotated[str, AfterValidator(_askable)] | None = Field(
        default=None, description="a contrast phase that is asked about: arterial, portal-venous or late"
    )


SOFT_HU = (0, 100)


def run(turn: Turn, args: Describe) -> dict[str, Any]:
    if args.targets:
        return look(turn, Query(targets=args.targets), ["volume", "mean_hu", "std_hu"])
    if args.phase is not None:
        return _judged(turn, args.phase)
    work, say = turn.workspace, words()["describe"]
    volume, geometry = work.study.volume, work.study.volume.geometry
    body = volume.hu.ravel(order="K")[:: max(1, volume.hu.size // 2_000_000)]
    low, high = (float(v) for v in np.percentile(body, (0.1, 99.9)))
    soft = float(100 * np.mean((body >= SOFT_HU[0]) & (body <= SOFT_HU[1])))
    bottom, top = geometry.canonical().world_box(geometry.canonical_box(_whole(geometry)))
    facts: dict[str, Any] = {
        "shape": list(volume.shape),
        "spacing_mm": [round(s, 3) for s in geometry.spacing],
        "orientation": geometry.orientation,
        "slices": volume.shape[geometry.axial_axis],
        "extent_mm": round(top[2] - bottom[2], 1),
        "hu_range": [round(low), round(high)],
        "soft_tissue_hu": list(SOFT_HU),
        "soft_tissue_percent": round(soft, 1),
    }
    lines = [
        say["grid"].format(
            shape=" x ".join(map(str, facts["shape"])),
            spacing=" x ".join(f"{s:.2f}" for s in geometry.spacing),
            orientation=facts["orientation"],
            extent=f"{facts['extent_mm']:.0f}",
            slices=facts["slices"],
        ),
        say["hu"].format(low=facts["hu_range"][0], high=facts["hu_range"][1], soft=round(soft)),
    ]
    acquisition = {name: value for name, value in work.study.facts.items() if isinstance(value, float)}
    if acquisition:  # numbers only: the file's own texts are not passed on
        listed = [f"{name.replace('_', ' ')} {value:g}" for name, value in acquisition.items()]
        lines.append(say["acquisition"].format(listed=", ".join(listed)))
    for warning in work.study.warnings:
        turn.warn(warning)
    phase = contrast_phase(work, turn.progress)
    lines.append(phase.pop("line"))
    covered = coverage(work, turn.progress)
    if covered is not None:
        upper, lower = covered.levels
        landmarks = sentence_list([work.words[s].name for s in covered.landmarks])
        facts["coverage"] = {"upper": upper, "lower": lower, "judged_by": list(covered.landmarks)}
        lines.append(say["coverage"].format(upper=upper, lower=lower, landmarks=landmarks))
    organs = [s for s in reported()[0] if work.can_find(s)]
    work.find(organs, turn.progress)
    parts = _parts(work, covered)
    for key, found in parts.items():
        if found:
            names = [
                f"{work.words[s].name} ({' and '.join(at)})" if at else work.words[s].name
                for s, at in found.items()
            ]
            lines.append(say[key].format(names=sentence_list(names)))
    return {
        "scan": facts,
        "acquisition": acquisition,
        "phase": phase,
        "cut_off": [work.words[s].name for s in parts["cut"]],
        **{key: list(found) for key, found in parts.items() if key != "cut"},
        "edges": parts["cut"],
        "lines": lines,
    }


def _judged(turn: Turn, asked: str) -> dict[str, Any]:
    """Whether the scan is in a phase: the estimate, and how it bears on the phase that was asked about."""
    phase = contrast_phase(turn.workspace, turn.progress)
    rule = phases_asked()[asked]
    verdict = next((name for name, estimates in rule.items() if phase["phase"] in estimates), "open")
    answer = words()["describe"]["phase_asked"][verdict].format(asked=asked, **phase)
    return {"phase": phase, "asked": asked, "verdict": verdict, "lines": [answer, phase.pop("line")]}


def _parts(work: Workspace, covered: Coverage | None) -> dict[str, dict[str, list[str]]]:
    """What was looked for so far: ids that are seen, cut off (with the edges of the scan), not found, and probably
    outside the scan. Lesions are not said to be absent here.
    """
    parts: dict[str, dict[str, list[str]]] = {"seen": {}, "cut": {}, "missing": {}, "outside": {}}
    for structure, found in work.known().items():
        edges = cut_off(found.mask, work.study.volume.geometry)
        if found.mask.present:
            parts["cut" if edges else "seen"][structure] = edges
        elif work.words[structure].kind not in ("lesion", "region"):
            view = covered.view(structure) if covered else "unknown"
            parts["outside" if view in ("above", "below") else "missing"][structure] = []
    return parts


def _whole(geometry: Any) -> Any:
    from encoders.geometry import Box

    return Box.whole(geometry.shape)


TOOL = Tool(
    "describe", "Describe the scan: size, spacing, coverage, densities, contrast phase.", Describe, run
)
