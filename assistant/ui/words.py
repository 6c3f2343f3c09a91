"""The page's words and choices, `page.yaml`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def page() -> dict[str, Any]:
    """The data of `page.yaml`, read once."""
    return yaml.safe_load(files("assistant.ui").joinpath("page.yaml").read_text(encoding="utf-8"))
