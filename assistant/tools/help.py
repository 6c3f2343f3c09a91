"""help: what can be asked, and what this model can find."""

from __future__ import annotations

from typing import Any

from assistant.tools.base import Tool, ToolArgs, Turn
from assistant.wording import words


class Help(ToolArgs):
    """No argument."""


def run(turn: Turn, _: Help) -> dict[str, Any]:
    work = turn.workspace
    names = sorted(work.segmenter.supported())
    return {"supported": names, "segmenter": work.segmenter.name, "lines": [words()["help"].strip()]}


TOOL = Tool("help", "Say what can be asked, and which structures the model can find.", Help, run)
