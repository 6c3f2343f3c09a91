"""detect: look for lesions, each with its size and the region that it lies in."""

from __future__ import annotations

from typing import Any

from assistant.tools.base import Query, Tool, Turn
from assistant.tools.look import look
from assistant.wording import usual_measures


def run(turn: Turn, query: Query) -> dict[str, Any]:
    kinds = list(query.measures) or usual_measures("lesion")
    return look(turn, query, kinds)


TOOL = Tool(
    "detect",
    "Look for lesions: how many, how big, in which part of the organ, boxes around them.",
    Query,
    run,
)
