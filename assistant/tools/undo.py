"""undo: take back the last step."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from assistant.tools.base import Tool, ToolArgs, Turn
from assistant.wording import words


class Steps(ToolArgs):
    """How many steps."""

    steps: int = Field(default=1, ge=1, le=100)


def run(turn: Turn, args: Steps) -> dict[str, Any]:
    """Count the steps; the session takes them back when the turn ends."""
    possible = len(turn.history)
    if not possible:
        return {"notes": [words()["notes"]["all_undone"]], "undone": 0}
    turn.undone = min(args.steps, possible)
    done = words()["undo"]["done" if turn.undone == 1 else "done_all"].format(steps=turn.undone)
    return {"undone": turn.undone, "lines": [done]}


TOOL = Tool("undo", "Take back the last step of this conversation.", Steps, run)
