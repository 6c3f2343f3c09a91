"""segment: draw structures."""

from __future__ import annotations

from typing import Any

from assistant.tools.base import Query, Tool, Turn
from assistant.tools.look import look


def run(turn: Turn, query: Query) -> dict[str, Any]:
    return look(turn, query)


TOOL = Tool("segment", "Segment structures or lesions, and measure them when measures are given.", Query, run)
