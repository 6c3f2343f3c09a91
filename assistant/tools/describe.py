"""describe: what the scan is: grid, coverage, densities, and the contrast phase where masks tell it."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from assistant.phase import contrast_phase
from assistant.tools.base import Query, StructureId, Tool, ToolArgs, Turn
from assistant.tools.look import cut_off, look
from assistant.wording import sentence_list, words


class Describe(ToolArgs):
    """What to describe."""

    targets: list[StructureId] = Field(default=[], description="structures; empty: the scan itself")


SOFT_HU = (0, 100)


def run(turn: Turn, args: Describe) -> dict[str, Any]:
    if args.targets:
        return look(turn, Query(targets=args.targets), ["volume", "mean_hu", "std_hu"])
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
    present = {name: found.mask for name, found in work.known().items() if found.mask.present}
    if present:
        lines.append(say["seen"].format(names=sentence_list([work.words[name].name for name in present])))
    cut = [work.words[name].name for name, mask in present.items() if cut_off(mask, geometry)]
    if cut:
        lines.append(say["cut"].format(names=sentence_list(cut)))
    return {"scan": facts, "acquisition": acquisition, "phase": phase, "cut_off": cut, "lines": lines}


def _whole(geometry: Any) -> Any:
    from encoders.geometry import Box

    return Box.whole(geometry.shape)


TOOL = Tool(
    "describe", "Describe the scan: size, spacing, coverage, densities, contrast phase.", Describe, run
)
