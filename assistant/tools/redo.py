"""redo: make a step again that was taken back."""

from __future__ import annotations

from typing import Any

from assistant.tools.base import Tool, Turn
from assistant.tools.undo import Steps
from assistant.wording import words


def run(turn: Turn, args: Steps) -> dict[str, Any]:
    """Count the steps; the session makes them again when the turn ends."""
    if not turn.redoable:
        return {"notes": [words()["notes"]["all_redone"]], "redone": 0}
    turn.redone = min(args.steps, turn.redoable)
    return {"redone": turn.redone, "lines": [words()["undo"]["again"]]}


TOOL = Tool("redo", "Make the last step again that was undone.", Steps, run)
