"""The planner's data files."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def data(name: str) -> Any:
    """A data file of the planner. Every scalar is read as text, so that `no`, `on` and `1` stay words."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    return yaml.load(text(f"{name}.yaml"), Loader=loader)


def text(name: str) -> str:
    return (files(__package__) / "data" / name).read_text("utf-8")
