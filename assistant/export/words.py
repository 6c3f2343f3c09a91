"""The words of exports, `assistant/data/bundle.yaml`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def bundle() -> dict[str, Any]:
    """The data of `bundle.yaml`, read once."""
    return yaml.safe_load(files("assistant").joinpath("data/bundle.yaml").read_text(encoding="utf-8"))
