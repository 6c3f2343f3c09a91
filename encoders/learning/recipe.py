"""Training recipes: YAML files that may extend one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from encoders.errors import BodyMapsError


def read_recipe(path: Path) -> dict[str, Any]:
    """A recipe file; names without a folder are looked up among the project's recipes.

    A recipe that `extends` another replaces its entries, mappings entry by entry; null removes one (RFC 7386).
    """
    from importlib.resources import files

    found = path if path.exists() else Path(str(files("encoders.learning").joinpath("recipes", path.name)))
    if not found.exists():
        raise BodyMapsError(f"no recipe {path}: give a YAML file or the name of one of the project's recipes")
    recipe = yaml.safe_load(found.read_text())
    base = recipe.pop("extends", None)
    return _merged(read_recipe(found.parent / base), recipe) if base else recipe


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merged(result[key], value) if both else value
    return {key: value for key, value in result.items() if value is not None}
