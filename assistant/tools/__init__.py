"""The tools: what the assistant can do, one file each."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from assistant.tools.base import Tool

NAMES = (
    "segment",
    "measure",
    "locate",
    "detect",
    "screen",
    "compare",
    "describe",
    "show",
    "report",
    "correct",
    "export",
    "undo",
    "redo",
    "help",
)


@cache
def tools() -> dict[str, Tool]:
    """Every tool by name."""
    found = [import_module(f"assistant.tools.{name}").TOOL for name in NAMES]
    return {tool.name: tool for tool in found}
