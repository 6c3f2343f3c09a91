"""The page's words and choices, `page.yaml`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from encoders.errors import BodyMapsError


@cache
def page() -> dict[str, Any]:
    """The data of `page.yaml`, read once."""
    return yaml.safe_load(files("assistant.ui").joinpath("page.yaml").read_text(encoding="utf-8"))


def not_opened(name: str, error: Exception) -> str:
    """A sentence on a study that could not be opened; of an error that is not ours only its kind is told."""
    reason = (
        str(error).removeprefix(f"{name}: ") if isinstance(error, BodyMapsError) else type(error).__name__
    )
    return str(page()["open_failed"].format(name=name, error=reason))
