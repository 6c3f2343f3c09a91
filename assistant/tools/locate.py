"""locate: where structures are: slices, box, centre."""

from __future__ import annotations

from typing import Any

from assistant.tools.base import Query, Tool, Turn
from assistant.tools.look import look


def run(turn: Turn, query: Query) -> dict[str, Any]:
    result = look(turn, query)
    geometry = turn.workspace.study.volume.geometry
    for record in result["findings"]:
        if record["present"]:
            finding = turn.findings[record["structure"], record["number"]]
            assert finding.box is not None
            start, stop = finding.box.voxel
            centre = geometry.to_world([(a + b - 1) / 2 for a, b in zip(start, stop, strict=True)])
            record["centre_mm"] = [round(float(v), 1) for v in centre]
    return result


TOOL = Tool("locate", "Say where structures or lesions are: slices, bounding box, centre.", Query, run)
