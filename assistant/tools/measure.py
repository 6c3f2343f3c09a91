"""measure: numbers about structures, and the distance between two of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

from assistant.answer import measurement_dict
from assistant.measure import Measurement, measure
from assistant.tools.base import Measuring, Tool, Turn
from assistant.tools.look import look
from assistant.wording import usual_measures
from assistant.wording import words as wording


def run(turn: Turn, query: Measuring) -> dict[str, Any]:
    if query.measures:
        between = "distance" in query.measures  # of whole structures, wherever they are nearest
        result = look(turn, query, level=() if between else query.level)
        if not between:
            return result
        result["notes"] += [wording()["notes"]["level_ignored"]] if query.level else []
        return result | {"distances": distances(turn, result), "own_words": query.measures == ["distance"]}
    words = turn.workspace.words
    results = []
    for kind in dict.fromkeys(words[t].kind for t in query.targets):
        part = query.model_copy(update={"targets": [t for t in query.targets if words[t].kind == kind]})
        results.append(look(turn, part, usual_measures(kind), query.level))
    return _joined(results)


def distances(turn: Turn, result: dict[str, Any]) -> list[dict[str, Any]]:
    """The smallest surface distance of every pair that was found; it is added to the pair's first finding."""
    geometry, out = turn.workspace.study.volume.geometry, []
    found = [(r["structure"], r["number"]) for r in result["findings"] if r["present"]]
    for first, second in combinations(found, 2):
        a, b = turn.findings[first], turn.findings[second]
        value = measure("distance", _mask(turn, first), geometry, other=_mask(turn, second))
        if not isinstance(value, Measurement):
            out.append({"between": [a.label, b.label], "error": value.reason})
            continue
        turn.findings[first] = replace(a, measurements=(*a.measurements, value))
        out.append(
            {"between": [a.label, b.label], "structures": [a.structure, b.structure]}
            | measurement_dict(value)
            | {"method": value.method}
        )
    return out


def _mask(turn: Turn, key: tuple[str, int]) -> Any:
    from encoders.geometry import Box
    from encoders.segmenters.base import Mask

    finding = turn.findings[key]
    assert finding.box is not None
    assert finding.voxels is not None
    return Mask(finding.structure, finding.shape, Box(*finding.box.voxel), finding.voxels, finding.confidence)


def _joined(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Results of several looks as one."""
    first, *rest = results
    for other in rest:
        for key in ("findings", "context", "unsupported", "notes"):
            first[key] += other[key]
        first["partial"] |= other["partial"]
    return first


TOOL = Tool(
    "measure", "Measure structures or lesions: size, volume, density, distance, count.", Measuring, run
)
